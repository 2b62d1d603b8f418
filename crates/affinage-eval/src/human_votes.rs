//! What a person is asked to vote on, blind: a sample of the headline's pairs, some of them twice, and some pairs of which
//! it is known how they ought to come out. Half of the sample comes from the pairs on which judges split; for the author of
//! the training texts it begins with the pairs on the author's own prompts ([`Preferred`]).
//!
//! Everything is a pure function of the evaluation, the pairs on which judges split and the voter's name, so a session
//! can be left and gone on with, and votes that come back from elsewhere can be checked against it. All voters but the
//! author get the same pairs (so that they can be compared), each in an order, in positions and under labels of their own.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::analysis::FEWEST;
use crate::analyze::ENOUGH;
use crate::comparison::{BlindKey, Comparison, LabelDealer, Pair, Shown, label_pairs, presentation};
use crate::id::{row_id, sha256_hex};
use crate::judge::qualification::{QualificationItem, qualification};
use crate::judge::record::Call;
use crate::judge::request::{Form, render};
use crate::judge::rubric::Rubrics;
use crate::judgment::{Judgment, Outcome};
use crate::plain::counted;
use crate::plan::Plan;
use crate::rng::Rng;
use crate::stats::mean::mean;
use crate::suite::{Domain, Prompt};

/// `ballot.json`: fixed when the first ballot of an evaluation is drawn, so that judges who come later change no voter's
/// pairs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drawing {
    pub v: u32,
    /// RFC 3339, UTC.
    pub drawn_at: String,
    /// Pairs on which judges split at that time.
    pub split_pairs: BTreeSet<String>,
    /// Whether the author's ballot begins with the author's own prompts. Ballots of earlier versions did not, and whoever began
    /// one goes on with it.
    #[serde(default)]
    pub author_own_first: bool,
}

/// One line of `vote_sessions.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionRow {
    pub v: u32,
    pub judge_id: String,
    pub event: SessionEvent,
    /// RFC 3339, UTC.
    pub at: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum SessionEvent {
    /// A vote was taken back.
    Undone { item_id: String, outcome: Outcome },
    /// Who wrote what was shown: from here on nothing can be taken back.
    Revealed,
    /// Votes came from a pack.
    Imported { votes: usize },
}

/// Pairs that a voter is shown unless told otherwise.
pub const PAIRS: usize = 40;

/// What the author of the training texts is asked, in place of which answer is better: nobody else can tell.
pub const AUTHOR_QUESTION: &str = "Which sounds more like you?";

/// The question of a rubric as people read it: judges are shown "responses", on the screens they are called answers.
pub fn for_people(question: &str) -> String {
    [("Which response", "Which answer"), ("which response", "which answer")]
        .into_iter()
        .fold(question.to_owned(), |said, (model, person)| said.replace(model, person))
}

/// Words that people read in a minute, silently and in their own language (Brysbaert 2019, doi 10.1016/j.jml.2019.104047).
const WORDS_A_MINUTE: f64 = 238.0;

/// The first way to a verdict, which needs neither a key nor money: "Vote yourself, blind, on 40 pairs (about 20 minutes; up to 48 screens ...".
/// `None` where there is nothing to vote on. `pairs` are those of the plan's headline that somebody has to compare.
pub fn invitation(plan: &Plan, pairs: &[&Pair]) -> Option<String> {
    let shown = pairs.len().min(PAIRS);
    let minutes = minutes(pairs)?;
    let (pairs, minutes) = (counted(shown, "pair", "pairs"), counted(minutes, "minute", "minutes"));
    let vote = plan.command("vote", "--as me");
    let screens = screens(shown);
    Some(format!(
        "Vote yourself, blind, on {pairs} (about {minutes}; up to {screens} screens, as some pairs are shown again and some are \
         planted): {vote}."
    ))
}

/// What so many pairs are too few for, however many people vote: "a figure needs 10, ..."; `None` where they are enough for a
/// word.
pub fn too_few(pairs: usize) -> Option<String> {
    let of_figure = (pairs < FEWEST).then(|| format!("a figure needs {FEWEST}"));
    let of_word = (pairs < ENOUGH).then(|| {
        format!("to say better or worse it takes at least {ENOUGH}, and more where the difference is small")
    });
    let lacks: Vec<String> = of_figure.into_iter().chain(of_word).collect();
    (!lacks.is_empty()).then(|| lacks.join(", and "))
}

/// About how long a ballot takes: reading both answers and the question of each of its items.
fn minutes(pairs: &[&Pair]) -> Option<usize> {
    let words = |text: &str| text.split_whitespace().count();
    let read = |pair: &&Pair| {
        let asked = pair.prompt.messages.last().map_or(0, |message| words(&message.content));
        asked + words(pair.arm.answer()) + words(pair.against.answer())
    };
    let mean = mean(&pairs.iter().map(|pair| read(pair) as f64).collect::<Vec<f64>>())?;
    let items = screens(pairs.len().min(PAIRS));
    Some(((items as f64 * mean / WORDS_A_MINUTE).ceil() as usize).max(1))
}

/// Screens of a ballot of so many pairs, where there are references to plant as many as it takes.
fn screens(pairs: usize) -> usize {
    pairs + 2 * extra(pairs)
}

/// How many of so many pairs come twice, and how many planted ones are added.
fn extra(pairs: usize) -> usize {
    pairs.div_ceil(10).min(6)
}

/// What is on the screens of a ballot. The numbers add up to its screens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Screens {
    /// Pairs of the evaluation, each once: these are what the figures count.
    pub pairs: usize,
    /// Of these pairs, shown a second time.
    pub again: usize,
    /// Planted pairs, a text beside a damaged copy of it.
    pub planted: usize,
}

impl Screens {
    pub fn of<'a>(items: impl IntoIterator<Item = &'a BallotItem>) -> Screens {
        let mut screens = Screens::default();
        for item in items {
            *match (item.is_gold(), item.call.repeat) {
                (true, _) => &mut screens.planted,
                (false, 0) => &mut screens.pairs,
                (false, _) => &mut screens.again,
            } += 1;
        }
        screens
    }

    pub fn all(self) -> usize {
        self.pairs + self.again + self.planted
    }

    /// "20 screens: 16 pairs, 2 of them shown again, 2 planted".
    pub fn in_words(self) -> String {
        let Screens { pairs, again, planted } = self;
        let again = if again == 0 { String::new() } else { format!(", {again} of them shown again") };
        let planted = if planted == 0 { String::new() } else { format!(", {planted} planted") };
        format!(
            "{}: {}{again}{planted}",
            counted(self.all(), "screen", "screens"),
            counted(pairs, "pair", "pairs")
        )
    }
}

/// How many votes on pairs these rows are: what was shown again or skipped is none.
pub fn votes_on_pairs(rows: &[Judgment]) -> usize {
    rows.iter().filter(|row| row.repeat == 0 && !matches!(row.outcome, Outcome::Missing { .. })).count()
}

/// One screen.
#[derive(Clone, Debug)]
pub struct BallotItem {
    /// Commits to the texts, their order and their labels; tells nothing about what kind of item it is.
    pub id: String,
    pub call: Call,
    pub kind: ItemKind,
    /// Of a pair of the evaluation: the chance with which it was drawn.
    pub draw_probability: Option<f64>,
    /// Texts of the first and second position.
    pub texts: [String; 2],
}

#[derive(Clone, Debug)]
pub enum ItemKind {
    /// A pair of the evaluation, with its key; `call.repeat` is 1 the second time.
    Pair(BlindKey),
    /// A reference against a damaged copy: what a voter who reads will see.
    Gold(Box<QualificationItem>),
}

impl BallotItem {
    pub fn is_gold(&self) -> bool {
        matches!(self.kind, ItemKind::Gold(_))
    }

    /// Of a gold item, whether the reference stands first.
    pub fn reference_first(&self) -> Option<bool> {
        match &self.kind {
            ItemKind::Gold(item) => {
                Some(self.call.comparison.first.completion_id == item.reference.completion_id)
            }
            ItemKind::Pair(_) => None,
        }
    }
}

/// What the items are made of.
pub struct BallotSources<'a> {
    /// The pairs of the headline comparison whose answers differ.
    pub pairs: &'a [Pair<'a>],
    pub preferred: Preferred<'a>,
    /// As [`Preferred::draw`] says for these pairs.
    pub draw: Draw,
    /// Prompts with references that an exam can use.
    pub references: &'a [&'a Prompt],
    pub rubrics: &'a Rubrics,
    pub seed: u64,
}

/// Which pairs a ballot takes more of.
#[derive(Clone, Copy, Debug)]
pub enum Preferred<'a> {
    /// Half of a ballot: the pairs with these ids, on which judges split when the first ballot was drawn.
    Split(&'a BTreeSet<String>),
    /// Before all others: the pairs on in-domain prompts. Whether an answer sounds like the author shows best there.
    OwnPrompts,
}

impl Preferred<'_> {
    fn holds(self, pair: &Pair) -> bool {
        match self {
            Preferred::Split(split) => split.contains(&pair.pair_id),
            Preferred::OwnPrompts => pair.prompt.domain == Domain::In,
        }
    }

    /// How many of `pairs` are drawn, where `wanted` are asked for.
    pub fn draw(self, pairs: &[Pair], wanted: usize) -> Draw {
        let preferred = pairs.iter().filter(|pair| self.holds(pair)).count();
        let others = pairs.len() - preferred;
        match self {
            Preferred::Split(_) => Draw::half_split(preferred, others, wanted),
            Preferred::OwnPrompts => Draw::preferred_first(preferred, others, wanted),
        }
    }
}

/// How many pairs of how many are drawn from the preferred ones and from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    pub preferred: (usize, usize),
    pub others: (usize, usize),
}

impl Draw {
    /// All of `wanted` from the preferred pairs, and what they are too few for from the others.
    fn preferred_first(preferred: usize, others: usize, wanted: usize) -> Draw {
        let taken = wanted.min(preferred);
        Draw { preferred: (taken, preferred), others: ((wanted - taken).min(others), others) }
    }

    /// Half of `wanted` at random and half where judges split, as a stratified sample with those expected sizes, so
    /// that the chance of each pair is known exactly. Grows with `wanted` in both strata.
    fn half_split(split: usize, others: usize, wanted: usize) -> Draw {
        let all = split + others;
        let wanted = wanted.min(all);
        let from_split = if split == 0 || others == 0 {
            wanted.min(split)
        } else {
            let expected = 0.5 * wanted as f64 * (1.0 + split as f64 / all as f64);
            // Whatever the rounding, every pair keeps a chance.
            let most = split.min(wanted - usize::from(wanted > 1));
            (expected.round() as usize).clamp(wanted.saturating_sub(others), most)
        };
        Draw { preferred: (from_split, split), others: (wanted - from_split, others) }
    }
}

/// Whether all pairs were drawn with one chance; `chances` may be weights, one over the chance.
pub fn is_even(chances: impl IntoIterator<Item = f64>) -> bool {
    let mut chances = chances.into_iter();
    let first = chances.next();
    chances.all(|chance| Some(chance) == first)
}

/// A pair and the chance with which it was drawn.
#[derive(Clone, Copy)]
struct Drawn<'a> {
    pair: &'a Pair<'a>,
    probability: f64,
}

fn drawn<'a>(sources: &BallotSources<'a>) -> Vec<Drawn<'a>> {
    let mut pairs: Vec<&Pair> = sources.pairs.iter().collect();
    pairs.sort_by(|a, b| a.pair_id.cmp(&b.pair_id));
    let order = |pairs: &mut [&Pair]| Rng::for_purpose(sources.seed, &["ballot"]).shuffle(pairs);
    if matches!(sources.preferred, Preferred::OwnPrompts) {
        // In the order of everybody's ballot, so that the author shares pairs with others.
        order(&mut pairs);
    }
    let (mut preferred, mut others): (Vec<&Pair>, Vec<&Pair>) =
        pairs.into_iter().partition(|pair| sources.preferred.holds(pair));
    if matches!(sources.preferred, Preferred::Split(_)) {
        Rng::for_purpose(sources.seed, &["ballot", "split"]).shuffle(&mut preferred);
        order(&mut others);
    }
    let stratum = |pairs: Vec<&'a Pair<'a>>, (taken, of): (usize, usize)| {
        let probability = taken as f64 / of.max(1) as f64;
        pairs.into_iter().take(taken).map(move |pair| Drawn { pair, probability })
    };
    stratum(preferred, sources.draw.preferred).chain(stratum(others, sources.draw.others)).collect()
}

/// The items of one voter in the order in which they are shown: the drawn pairs, a tenth of them twice, and a tenth of
/// gold.
pub fn ballot(sources: &BallotSources, judge_id: &str) -> Vec<BallotItem> {
    let mut sample = drawn(sources);
    let labels = label_pairs(|_| 1);
    let mut dealer = LabelDealer::new(&labels, sources.seed, judge_id);
    let mut rng = Rng::for_purpose(sources.seed, &["ballot order", judge_id]);
    rng.shuffle(&mut sample);
    let shown = sample.iter().enumerate().map(|(number, Drawn { pair, probability })| {
        let [first_labels, second_labels] = dealer.deal();
        let arm_is_first = number % 2 == 0;
        let (arm, against) = if arm_is_first { first_labels } else { second_labels };
        let (arm, against) = (Shown::of(pair.arm, arm), Shown::of(pair.against, against));
        let (comparison, key) = presentation(
            &pair.pair_id,
            &pair.prompt.prompt_id,
            if arm_is_first { [arm, against] } else { [against, arm] },
        );
        let texts = if arm_is_first {
            [pair.arm.answer(), pair.against.answer()]
        } else {
            [pair.against.answer(), pair.arm.answer()]
        };
        let (rubrics, kind) = (sources.rubrics, ItemKind::Pair(key));
        let item = item(rubrics, pair.prompt, comparison, judge_id, 0, texts, kind);
        BallotItem { draw_probability: Some(*probability), ..item }
    });
    let mut items: Vec<BallotItem> = shown.collect();
    rng.shuffle(&mut items);

    let few = extra(items.len());
    let gold = gold(sources, judge_id, few);
    // What comes again was shown at least half a session before.
    let again: Vec<BallotItem> =
        items.iter().take(few).map(|first| repeated(sources, first, judge_id)).collect();
    let half = items.len() / 2;
    for (number, repeat) in again.into_iter().enumerate() {
        let room = items.len() - half;
        let at = half + few + (number + 1) * room / (few + 1);
        items.insert(at.min(items.len()), repeat);
    }
    for (number, item) in gold.into_iter().enumerate() {
        let at = 1 + number * items.len() / few.max(1) + rng.below(3);
        items.insert(at.min(items.len()), item);
    }
    items
}

fn repeated(sources: &BallotSources, first: &BallotItem, judge_id: &str) -> BallotItem {
    let prompt_id = &first.call.comparison.prompt_id;
    let pair = sources.pairs.iter().find(|pair| pair.prompt.prompt_id == *prompt_id);
    let prompt = pair.expect("an item is made of a pair").prompt;
    let comparison = first.call.comparison.clone();
    let texts = [first.texts[0].as_str(), first.texts[1].as_str()];
    let item = item(sources.rubrics, prompt, comparison, judge_id, 1, texts, first.kind.clone());
    BallotItem { draw_probability: first.draw_probability, ..item }
}

/// Grossly damaged copies against their references, from the exam that this voter would take.
fn gold(sources: &BallotSources, judge_id: &str, count: usize) -> Vec<BallotItem> {
    let labels = label_pairs(|_| 1);
    let Some(exam) = qualification(sources.references, judge_id, sources.seed, &labels) else {
        return Vec::new();
    };
    let prompts: BTreeMap<&str, &Prompt> =
        sources.references.iter().map(|prompt| (prompt.prompt_id.as_str(), *prompt)).collect();
    let mut presentations: BTreeMap<String, Comparison> = BTreeMap::new();
    for (comparison, _) in exam.presentations {
        presentations.entry(comparison.pair_id.clone()).or_insert(comparison);
    }
    let gross = exam.items.into_iter().filter(|item| item.grade == Some(1));
    let shown = gross.take(count).filter_map(|planted| {
        let comparison = presentations.remove(&planted.item_id)?;
        let text = |id: &str| match planted.reference.completion_id == id {
            true => planted.reference.text.clone(),
            false => planted.other.text.clone(),
        };
        let texts = [text(&comparison.first.completion_id), text(&comparison.second.completion_id)];
        let prompt = *prompts.get(planted.prompt_id.as_str())?;
        let texts = [texts[0].as_str(), texts[1].as_str()];
        let kind = ItemKind::Gold(Box::new(planted.clone()));
        Some(item(sources.rubrics, prompt, comparison, judge_id, 0, texts, kind))
    });
    shown.collect()
}

fn item(
    rubrics: &Rubrics,
    prompt: &Prompt,
    comparison: Comparison,
    judge_id: &str,
    repeat: u32,
    texts: [&str; 2],
    kind: ItemKind,
) -> BallotItem {
    let request = render(Form::Label, rubrics, prompt, &comparison, texts[0], texts[1]);
    let shown = sha256_hex(request.user_text().as_bytes());
    let id = row_id("vot", &[judge_id, &comparison.comparison_id, &repeat.to_string(), &shown]);
    let call = Call { comparison, judge_id: judge_id.to_owned(), repeat, request };
    BallotItem { id, call, kind, draw_probability: None, texts: texts.map(str::to_owned) }
}

/// What a person said about one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The label of the better answer.
    Label(String),
    Tie,
    /// The person passed: missing, never a tie.
    Skip,
}

impl Said {
    /// Reads `tie`, `skip` or one of the item's labels; anything else is nothing.
    pub fn parse(text: &str, call: &Call) -> Option<Said> {
        match text {
            "tie" => Some(Said::Tie),
            "skip" => Some(Said::Skip),
            label if call.request.labels.iter().any(|known| known == label) => {
                Some(Said::Label(label.to_owned()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_asked_about_answers_whatever_judges_are_asked() {
        let rubrics = Rubrics::built_in();
        for category in ["factual", "creative", "in-domain", "anything"] {
            let asked = for_people(&rubrics.of(category).question);
            assert!(asked.starts_with("Which answer "), "{asked}");
        }
        assert_eq!(for_people("Which one answers this response?"), "Which one answers this response?");
    }

    #[test]
    fn what_pairs_are_too_few_for_follows_from_the_limits_of_the_figures() {
        let of_word = "to say better or worse it takes at least 30, and more where the difference is small";
        let said = |pairs: usize| too_few(pairs).unwrap_or_default();
        assert_eq!(said(FEWEST - 1), format!("a figure needs 10, and {of_word}"));
        assert_eq!(said(FEWEST), of_word);
        assert_eq!(said(ENOUGH - 1), of_word);
        assert_eq!(too_few(ENOUGH), None);
    }

    #[test]
    fn half_of_a_ballot_comes_from_where_judges_split_and_every_pair_has_a_chance() {
        // Of 40: 20 at random, which hold 5 split ones, and 20 split ones.
        assert_eq!(Draw::half_split(25, 75, 40), Draw { preferred: (25, 25), others: (15, 75) });
        assert_eq!(Draw::half_split(50, 150, 40), Draw { preferred: (25, 50), others: (15, 150) });
        assert_eq!(Draw::half_split(0, 100, 40), Draw { preferred: (0, 0), others: (40, 100) });
        assert_eq!(Draw::half_split(100, 0, 40), Draw { preferred: (40, 100), others: (0, 0) });
        assert_eq!(Draw::half_split(3, 4, 40), Draw { preferred: (3, 3), others: (4, 4) });
        for (split, others) in [(1, 99), (99, 1), (30, 70), (7, 5)] {
            let mut before = Draw::half_split(split, others, 1);
            for wanted in 2..=split + others {
                let draw = Draw::half_split(split, others, wanted);
                assert_eq!(draw.preferred.0 + draw.others.0, wanted);
                assert!(draw.preferred.0 <= split && draw.others.0 <= others, "{draw:?}");
                assert!(draw.preferred.0 > 0 && draw.others.0 > 0, "{draw:?}");
                assert!(
                    draw.preferred.0 >= before.preferred.0 && draw.others.0 >= before.others.0,
                    "{draw:?}"
                );
                before = draw;
            }
        }
    }

    #[test]
    fn the_author_is_shown_own_prompts_first_and_others_only_where_they_are_too_few() {
        assert_eq!(Draw::preferred_first(50, 90, 40), Draw { preferred: (40, 50), others: (0, 90) });
        assert_eq!(Draw::preferred_first(12, 90, 40), Draw { preferred: (12, 12), others: (28, 90) });
        assert_eq!(Draw::preferred_first(0, 90, 40), Draw { preferred: (0, 0), others: (40, 90) });
        assert_eq!(Draw::preferred_first(3, 2, 40), Draw { preferred: (3, 3), others: (2, 2) });
    }
}
