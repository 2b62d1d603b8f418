//! The planned comparisons: one plot, what to know before believing it, and every claim with its test.

use affinage_dataset::authorship::{self, Written};
use affinage_eval::analysis::{
    Analysis, AnswerCard, Claim, ClaimKind, ComparisonResult, JudgeResult, VerdictWord, WinRate,
};
use affinage_eval::judgment::spoken;
use affinage_eval::plain::{count, counted};
use affinage_eval::plan::{Arm, JudgeKind, Scope};
use affinage_eval::suite::Domain;
use serde::Serialize;

use super::arms::Arms;
use super::charts::{Mark, Strip};
use super::evidence::Evidence;
use super::html::Section;
use super::numbers::{Measure, Source, p_value, percent};
use super::view::{Forest, Inline, Piece};

/// Each question of the answer card with its answer and the figures behind it.
pub fn answers(card: &AnswerCard) -> impl Iterator<Item = String> + '_ {
    card.rows.iter().flat_map(|row| {
        let answer = format!("{} {}: {}.", row.question.words(), row.answer, row.evidence);
        std::iter::once(answer).chain(row.votes.iter().cloned())
    })
}

/// "step 290 (last) against base" without marks: for the title bar and for Markdown.
pub fn plain_title(evidence: &Evidence) -> String {
    let arms = Arms::new(&evidence.plan);
    let headline = &evidence.analysis.headline;
    format!("{} against {}", arms.short(&headline.arm), arms.short(&headline.against))
}

/// One line about what stands behind the page.
pub fn scope_line(evidence: &Evidence) -> String {
    let facts = &evidence.analysis.evaluation;
    let mut parts = vec![super::card::model_name(&facts.base_model).to_owned()];
    if let Some(dataset) = &facts.dataset {
        let epochs = evidence.plan.design.schedule.as_ref().map_or(1.0, |schedule| schedule.epochs);
        // A training that ends within its first pass has seen a part: a step has whole rows, unless another engine says otherwise.
        let seen = epochs * dataset.train_examples as f64;
        let about = if (seen - seen.round()).abs() < 0.02 { "" } else { "about " };
        let part = match epochs < 0.995 {
            true => format!("{about}{} of ", count(seen.round() as u64)),
            false => String::new(),
        };
        let examples = match super::data::too_long_to_train(evidence, dataset) {
            0 => counted(dataset.train_examples, "example", "examples"),
            too_long => format!(
                "the {} that fit, of {}",
                counted(dataset.train_examples, "example", "examples"),
                count((dataset.train_examples + too_long) as u64)
            ),
        };
        parts.push(format!("trained on {part}{examples} of {}", dataset.version));
    }
    parts.extend(evidence.manifest.as_ref().and_then(|manifest| whose_words(&manifest.written)));
    parts.push(asked(evidence));
    parts.push(judged_by(&evidence.analysis.judges));
    parts.join(" \u{00b7} ")
}

/// "in the words of gpt (84 %) and people (16 %)": whose voice the examples have.
fn whose_words(written: &Written) -> Option<String> {
    let mut shares: Vec<(String, f64)> = authorship::shares(written).into_iter().collect();
    shares.retain(|(_, share)| *share >= 0.005);
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    let name = |who: &str| match who {
        authorship::PERSON => "people".to_owned(),
        "unknown" => "writers who are not named".to_owned(),
        who => who.strip_prefix("model:").unwrap_or(who).to_owned(),
    };
    let names: Vec<String> = match shares.as_slice() {
        [] => return None,
        [(only, _)] if only == authorship::PERSON => vec!["people, not of a model".to_owned()],
        [(only, _)] => vec![name(only)],
        several => {
            let of = |(who, share): &(String, f64)| format!("{} ({})", name(who), percent(*share));
            several.iter().take(MOST_NAMED).map(of).collect()
        }
    };
    Some(format!("examples in the words of {}", affinage_eval::text::enumerated(&names)))
}

/// As many names fit into a line.
const MOST_NAMED: usize = 4;

/// "51 prompts (31 from the texts of the data set, kept out of the training; 20 on other subjects: coding, maths), answered by base,
/// base + prompt and step 290 (last)"; of many arms their number. Planned arms without an answer are named apart.
fn asked(evidence: &Evidence) -> String {
    let facts = &evidence.analysis.evaluation;
    let of = |domain: Domain| facts.prompts_by_category.iter().filter(move |count| count.domain == domain);
    let number = |domain: Domain| of(domain).map(|count| count.prompts).sum::<usize>();
    let of_all = |n: usize| if n == facts.prompts && n > 1 { "all".to_owned() } else { count(n as u64) };
    let is_held_out = of(Domain::In).all(|count| count.category == Domain::In.name());
    let own = match number(Domain::In) {
        0 => None,
        own if is_held_out => {
            Some(format!("{} from the texts of the data set, kept out of the training", of_all(own)))
        }
        own => Some(format!("{} on the subjects of the data set", of_all(own))),
    };
    let subjects: Vec<&str> = of(Domain::Out).map(|count| count.category.as_str()).collect();
    let others = (!subjects.is_empty())
        .then(|| format!("{} on other subjects: {}", of_all(number(Domain::Out)), subjects.join(", ")));
    let sources: Vec<String> = own.into_iter().chain(others).collect();
    let sources = if sources.is_empty() { String::new() } else { format!(" ({})", sources.join("; ")) };
    let arms = Arms::new(&evidence.plan);
    let named = |has_answers: bool| -> Option<String> {
        let of = evidence.plan.arms.iter().filter(|arm| has_answered(evidence, &arm.name) == has_answers);
        let names: Vec<String> = of.map(|arm| arms.short(&arm.name)).collect();
        match names.len() {
            0 => None,
            1..=MOST_NAMED => Some(affinage_eval::text::enumerated(&names)),
            n => Some(format!("{n} models and checkpoints")),
        }
    };
    let by = named(true).map_or("not answered yet".to_owned(), |by| format!("answered by {by}"));
    // An arm that is compared in the domain only has no answers outside it.
    let (samples, all) = (evidence.plan.samples_per_prompt.max(1) as usize, facts.prompts);
    let fewer = |arm: &Arm| {
        let rates = evidence.analysis.rates.iter().find(|rates| rates.arm == arm.name)?;
        let prompts = rates.answers.div_ceil(samples);
        let said =
            || format!("{} only {} of {}", arms.short(&arm.name), count(prompts as u64), count(all as u64));
        (prompts > 0 && prompts < all).then(said)
    };
    let fewer: Vec<String> = evidence.plan.arms.iter().filter_map(fewer).collect();
    let fewer = match fewer.len() {
        0 => String::new(),
        1..=MOST_NAMED => format!(" ({})", affinage_eval::text::enumerated(&fewer)),
        n => format!(" ({n} of them not to all prompts)"),
    };
    let without =
        named(false).map_or(String::new(), |arms| format!(" (planned and without an answer: {arms})"));
    format!("{}{sources}, {by}{fewer}{without}", counted(facts.prompts, "prompt", "prompts"))
}

/// Whether an arm of the plan answered any prompt.
pub(super) fn has_answered(evidence: &Evidence, arm: &str) -> bool {
    evidence.analysis.rates.iter().any(|rates| rates.arm == arm && rates.answers > 0)
}

/// "2 judges and 1 person", of those who judged anything.
fn judged_by(judges: &[JudgeResult]) -> String {
    let judged = || judges.iter().filter(|judge| judge.cells_judged > 0);
    if let [only] = judged().collect::<Vec<_>>().as_slice()
        && only.kind == JudgeKind::Human
    {
        return format!("compared by {}", spoken(&only.judge_id));
    }
    let people = judged().filter(|judge| judge.kind == JudgeKind::Human).count();
    let people_words = if people == 1 { "1 person".to_owned() } else { format!("{people} people") };
    match (judged().count() - people, people) {
        (0, 0) => "not judged yet".to_owned(),
        (0, _) => format!("judged by {people_words}"),
        (models, 0) => counted(models, "judge", "judges"),
        (models, _) => format!("{} and {people_words}", counted(models, "judge", "judges")),
    }
}

#[derive(Serialize)]
struct View {
    /// What the reader must know before believing, beyond what the first screen says.
    limits: Vec<Inline>,
    /// The first screen names some already.
    has_shown_limits: bool,
    plot: Option<Plot>,
    /// In words, where there is nothing to draw.
    unjudged: Vec<Unjudged>,
    contrast: Vec<Inline>,
    /// How few prompts, verdicts or voters decide the words.
    fragile: Vec<Inline>,
    claims: Vec<ClaimItem>,
    claims_title: String,
}

/// Every planned comparison, whole and by domain.
#[derive(Serialize)]
struct Plot {
    forest: Forest,
    /// Of what counts as equivalent.
    low: String,
    high: String,
    together: String,
}

#[derive(Serialize)]
struct Unjudged {
    versus: Inline,
    why: Inline,
}

/// A claim with its test.
#[derive(Serialize)]
struct ClaimItem {
    word: Piece,
    sentence: Inline,
    note: Option<Inline>,
    facts: Vec<Inline>,
}

/// The planned comparisons with their plot, what to know before believing them, and every claim.
pub fn section(evidence: &Evidence, arms: &Arms) -> Section {
    let analysis = &evidence.analysis;
    let has_figures = analysis.comparisons.iter().any(|comparison| comparison.overall.is_some());
    // A claim without a figure says why there is none, as the comparison above does.
    let claims = analysis.claims.iter().enumerate().filter(|(_, claim)| claim.estimate.is_some());
    let claims: Vec<ClaimItem> = claims.map(|(i, claim)| claim_item(claim, i, arms)).collect();
    let view = View {
        limits: limits(analysis, arms),
        has_shown_limits: !analysis.card.watch_out.is_empty(),
        plot: has_figures.then(|| plot(analysis, arms)),
        unjudged: if has_figures { Vec::new() } else { unjudged(&analysis.comparisons, arms) },
        contrast: arms.paragraphs(analysis.headline.contrast_sentence.as_deref()),
        fragile: arms
            .paragraphs(analysis.headline.fragility.as_ref().map(|fragile| fragile.sentence.as_str())),
        claims_title: match claims.len() {
            1 => "The claim with its test".to_owned(),
            n => format!("All {} with their tests", counted(n, "claim", "claims")),
        },
        claims,
    };
    Section::drawn("claims.html", "claims", "The comparisons", &view)
}

fn plot(analysis: &Analysis, arms: &Arms) -> Plot {
    let margin = analysis.evaluation.margin;
    let mut forest = Forest::new(Strip::win_rates(margin), "win rate, 95 % interval");
    for (i, comparison) in analysis.comparisons.iter().enumerate() {
        let planned = &comparison.planned;
        forest.heading(arms.versus(&planned.arm, &planned.against));
        comparison_rows(&mut forest, comparison, arms, i);
    }
    let together = match analysis.comparisons.len() {
        1 => "One comparison was planned.".to_owned(),
        2 => "Words are decided over both planned comparisons together, intervals are not widened for that."
            .to_owned(),
        n => format!(
            "Words are decided over all {n} planned comparisons together, intervals are not widened for that."
        ),
    };
    Plot { forest, low: percent(0.5 - margin), high: percent(0.5 + margin), together }
}

/// What was said of the comparison before is not said again.
fn unjudged(comparisons: &[ComparisonResult], arms: &Arms) -> Vec<Unjudged> {
    let mut before: Vec<&str> = Vec::new();
    let line = |comparison: &ComparisonResult, why: &str| {
        let planned = &comparison.planned;
        Unjudged {
            versus: arms.versus(&planned.arm, &planned.against),
            why: arms.prose(&affinage_eval::text::uncapitalised(why)),
        }
    };
    let mut lines = Vec::new();
    for comparison in comparisons {
        let why = comparison.no_rate.as_deref().unwrap_or("Not judged.");
        lines.push(line(comparison, if before.contains(&why) { "The same." } else { why }));
        before.push(why);
    }
    lines
}

fn comparison_rows(forest: &mut Forest, comparison: &ComparisonResult, arms: &Arms, index: usize) {
    let planned = &comparison.planned;
    let mut row = |label: &str, filter: &str, field: &str, rate: Option<&WinRate>| {
        let Some(rate) = rate else { return false };
        let what = format!("{}, {label}", arms.versus_plain(&planned.arm, &planned.against));
        let source = Source::new(
            format!(
                "judgments.jsonl through blind_key.jsonl, {} and {}{filter}",
                planned.arm, planned.against
            ),
            format!(".comparisons[{index}].{field}"),
        );
        let mark = Mark { estimate: &rate.estimate, look: arms.look(&planned.arm), what, source };
        forest.estimate(label, &mark, word_cell(rate));
        true
    };
    let all_label = if planned.scope == Scope::InDomain { "in-domain prompts" } else { "all prompts" };
    let any = row(all_label, "", "overall", comparison.overall.as_ref());
    if planned.scope == Scope::All {
        row("in-domain", ", prompts.jsonl domain = in", "in_domain", comparison.in_domain.as_ref());
        row(
            "out-of-domain",
            ", prompts.jsonl domain = out",
            "out_of_domain",
            comparison.out_of_domain.as_ref(),
        );
    }
    if !any {
        forest.empty(all_label, comparison.no_rate.as_deref().unwrap_or("not judged"));
    }
}

/// The verdict's word with its sign; "not shown" says about how many prompts would be needed.
pub fn word_cell(rate: &WinRate) -> Inline {
    let cell = Inline::from(word(rate.word));
    match (rate.word, rate.needs_about_n) {
        (VerdictWord::NotShown, Some(n)) => {
            cell.and(" ").then(Piece::small(format!("takes about {} prompts", count(n as u64))))
        }
        _ => cell,
    }
}

/// One of the four words, with a sign beside it that needs no colour.
pub fn word(word: VerdictWord) -> Piece {
    let (class, sign) = match word {
        VerdictWord::Better => ("better", "\u{25b2}"),
        VerdictWord::Worse => ("worse", "\u{25bc}"),
        VerdictWord::EquivalentWithinMargin => ("equal", "="),
        VerdictWord::NotShown => ("unshown", "\u{2013}"),
    };
    Piece::Word { class, sign, text: word.words() }
}

fn limits(analysis: &Analysis, arms: &Arms) -> Vec<Inline> {
    let card = &analysis.card;
    let further = card.watch_out.iter().skip(super::card::MOST_WARNINGS);
    // Where no vote counts, the card says why, and the limits would say it again.
    let has_rate = analysis.comparisons.iter().any(|c| c.is_headline && c.overall.is_some());
    let others = analysis.headline.limits.iter();
    let others = others.filter(|limit| has_rate && !card.watch_out.contains(limit));
    further.chain(others).map(|limit| arms.prose(limit)).collect()
}

fn claim_item(claim: &Claim, index: usize, arms: &Arms) -> ClaimItem {
    let mut facts: Vec<Inline> = Vec::new();
    if let Some(estimate) = &claim.estimate {
        let source = Source::new(format!("claim {}", claim.claim_id), format!(".claims[{index}]"));
        let measure = claim.kind.map(|kind| match kind {
            ClaimKind::Comparison => Measure::Share,
            ClaimKind::RightAnswers => Measure::SharePoints,
        });
        let label = match claim.kind {
            Some(ClaimKind::RightAnswers) => "right answers",
            _ => "win rate",
        };
        facts.extend(measure.map(|measure| Piece::figure(label, estimate, measure, &source).into()));
        facts.push(format!("n = {} {}", count(estimate.n as u64), estimate.unit).into());
    }
    facts.extend(claim.p.map(|p| p_value(p).into()));
    facts.extend(claim.p_adjusted.map(|p| format!("Holm {}", p_value(p)).into()));
    facts.extend(claim.needs_about_n.map(|n| format!("takes about {} prompts", count(n as u64)).into()));
    ClaimItem {
        word: word(claim.word),
        sentence: arms.prose(&claim.sentence),
        note: claim.note.as_deref().map(|note| arms.prose(note)),
        facts,
    }
}
