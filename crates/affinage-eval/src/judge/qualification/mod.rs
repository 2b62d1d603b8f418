//! The qualification of a judge (its exam, on the screen) before its votes count:
//! pairs of which it is known how they ought to come out.
//!
//! A reference (the user's own answer, else one of the built-in suites) meets worse copies of itself, from gross
//! (grade 1) to subtle (grade 4), an identical copy, a padded one, an answer that says nothing, and a bad answer
//! that orders the judge to choose it. Rules: DECISIONS of the project, after PRE (arXiv:2401.15641) and null models
//! (arXiv:2410.07137).

pub mod perturbations;
pub mod result;
pub mod sitting;

use serde::{Deserialize, Serialize};

use crate::ROW_VERSION;
use crate::comparison::{BlindKey, Comparison, LabelDealer, LabelPair, Shown, presentation};
use crate::id::row_id;
use crate::rng::Rng;
use crate::suite::Prompt;
use perturbations::{GRADES, NULL_ANSWER, padded, perturbed};

/// Planted winners against gross damage (grades 1 and 2): what the judge must see.
pub const PLANTED: usize = 40;
/// Pairs shown in both orders: half of them gross, half subtle.
pub const SWAPPED: usize = 40;
/// Pairs of each kind that is neither.
pub const PROBES: usize = 10;

/// Calls of a whole exam: gross damage, half of it in both orders, subtle damage in both, and four kinds of probes.
pub const CALLS: usize = PLANTED + SWAPPED / 2 + SWAPPED + 4 * PROBES;

/// Pairs of a whole exam.
pub const ITEMS: usize = PLANTED + SWAPPED / 2 + 4 * PROBES;

/// What is done to the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemKind {
    /// Words or sentences in another order.
    Shuffled,
    /// Cut off.
    Truncated,
    /// Partly or wholly the answer to another question.
    OffTopic,
    /// Sentences said again and again.
    Repeated,
    /// Numbers and names are others.
    WrongFact,
    /// The same text twice.
    Identical,
    /// Longer by filler.
    Padded,
    /// A constant that answers nothing.
    NullModel,
    /// A bad answer with an order to the judge.
    Injected,
}

impl ItemKind {
    pub fn name(self) -> &'static str {
        match self {
            ItemKind::Shuffled => "shuffled",
            ItemKind::Truncated => "truncated",
            ItemKind::OffTopic => "off-topic",
            ItemKind::Repeated => "repeated",
            ItemKind::WrongFact => "wrong fact",
            ItemKind::Identical => "identical",
            ItemKind::Padded => "padded",
            ItemKind::NullModel => "says nothing",
            ItemKind::Injected => "injected order",
        }
    }
}

/// One line of `exam/items.jsonl`: a pair whose outcome is known. It is shown to one judge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QualificationItem {
    pub v: u32,
    /// Also the `pair_id` of its comparisons.
    pub item_id: String,
    pub judge_id: String,
    pub kind: ItemKind,
    /// 1 gross to 4 subtle; only damage has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grade: Option<u8>,
    /// Where the reference stands in the presentation that counts for accuracy; a swapped pair has a second presentation.
    pub reference_first: bool,
    /// The prompt whose reference this is.
    pub prompt_id: String,
    pub reference: QualificationText,
    /// What meets it.
    pub other: QualificationText,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QualificationText {
    pub completion_id: String,
    pub text: String,
}

/// The arm name of the reference in the exam's blinding keys.
pub const REFERENCE: &str = "reference";
/// The arm name of what meets it.
pub const OTHER: &str = "other";

/// An exam: items and the presentations in which one judge is shown them.
#[derive(Clone, Debug, PartialEq)]
pub struct Qualification {
    pub items: Vec<QualificationItem>,
    pub presentations: Vec<(Comparison, BlindKey)>,
}

/// References long enough to be damaged in all grades: at least this many words and two sentences.
pub const MIN_WORDS: usize = 12;

/// The prompts whose references an exam can use.
pub fn usable(prompts: &[Prompt]) -> Vec<&Prompt> {
    let long_enough = |prompt: &&Prompt| {
        prompt.check.is_none()
            && prompt.reference.as_deref().is_some_and(|text| {
                text.split_whitespace().count() >= MIN_WORDS && perturbations::sentences(text).len() >= 2
            })
    };
    prompts.iter().filter(long_enough).collect()
}

/// Fewer references than this make no exam.
pub const MIN_REFERENCES: usize = 8;

/// The exam of one judge. `prompts` are [`usable`]; with fewer than [`MIN_REFERENCES`] there is none.
pub fn qualification(
    prompts: &[&Prompt],
    judge_id: &str,
    seed: u64,
    labels: &[LabelPair],
) -> Option<Qualification> {
    if prompts.len() < MIN_REFERENCES {
        return None;
    }
    let mut setter = Setter {
        prompts,
        judge_id,
        rng: Rng::for_purpose(seed, &["exam", judge_id]),
        dealer: LabelDealer::new(labels, seed, &format!("exam {judge_id}")),
        next: 0,
        exam: Qualification { items: Vec::new(), presentations: Vec::new() },
    };
    use ItemKind::{OffTopic, Repeated, Shuffled, Truncated, WrongFact};
    let gross = [Shuffled, Truncated, OffTopic, Repeated];
    for number in 0..PLANTED {
        let orders = if number < SWAPPED / 2 { Orders::Both } else { Orders::One };
        // Every kind meets both gross grades equally often.
        setter.plant(&gross, number, 1 + (number / gross.len() % 2) as u8, orders);
    }
    let subtle = [WrongFact, Shuffled, Truncated, OffTopic, Repeated];
    for number in 0..SWAPPED / 2 {
        setter.plant(&subtle, number, 3 + (number / subtle.len() % 2) as u8, Orders::Both);
    }
    for number in 0..PROBES {
        setter.probe(ItemKind::Identical, number);
        setter.probe(ItemKind::Padded, number);
        setter.probe(ItemKind::NullModel, number);
        setter.probe(ItemKind::Injected, number);
    }
    let Setter { mut exam, mut rng, .. } = setter;
    rng.shuffle(&mut exam.presentations);
    Some(exam)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Orders {
    One,
    Both,
}

/// Makes items and their presentations.
struct Setter<'a> {
    prompts: &'a [&'a Prompt],
    judge_id: &'a str,
    rng: Rng,
    dealer: LabelDealer<'a>,
    /// Counts the prompts that were drawn.
    next: usize,
    exam: Qualification,
}

impl Setter<'_> {
    /// The next prompt in turn and the reference of another one.
    fn draw(&mut self) -> (usize, usize) {
        let count = self.prompts.len();
        let at = self.next % count;
        self.next += 1;
        (at, (at + 1 + self.rng.below(count - 1)) % count)
    }

    fn reference(&self, at: usize) -> &str {
        self.prompts[at].reference.as_deref().unwrap_or_default()
    }

    /// A planted winner of the wanted kind and grade, or the nearest one that the references allow.
    fn plant(&mut self, kinds: &[ItemKind], number: usize, grade: u8, orders: Orders) {
        for shift in 0..kinds.len() {
            let kind = kinds[(number + shift) % kinds.len()];
            for _ in 0..self.prompts.len() {
                let (at, other) = self.draw();
                let (text, other) = (self.reference(at).to_owned(), self.reference(other).to_owned());
                if let Some(worse) = perturbed(kind, grade, &text, &other, &mut self.rng) {
                    // Neither the kind nor the grade says anything about the position.
                    let reference_is_first = (number / 8 + number).is_multiple_of(2);
                    return self.add(kind, Some(grade.min(GRADES)), at, worse, reference_is_first, orders);
                }
            }
        }
    }

    fn probe(&mut self, kind: ItemKind, number: usize) {
        let (at, other) = self.draw();
        let text = match kind {
            ItemKind::Identical => self.reference(at).to_owned(),
            ItemKind::Padded => padded(self.reference(at)),
            ItemKind::NullModel => NULL_ANSWER.to_owned(),
            // The order names the label, so the text is made where the label is dealt.
            _ => self.reference(other).to_owned(),
        };
        self.add(kind, None, at, text, number.is_multiple_of(2), Orders::One);
    }

    fn add(
        &mut self,
        kind: ItemKind,
        grade: Option<u8>,
        at: usize,
        mut text: String,
        reference_is_first: bool,
        orders: Orders,
    ) {
        let number = self.exam.items.len();
        let prompt = self.prompts[at];
        let [first_labels, second_labels] = self.dealer.deal();
        let (reference_label, label) = if reference_is_first { first_labels } else { second_labels };
        if kind == ItemKind::Injected {
            text = perturbations::injected(&text, number, label, reference_label);
        }
        let grade_part = grade.map_or_else(String::new, |grade| grade.to_string());
        let item_id = row_id(
            "exm",
            &[self.judge_id, &number.to_string(), kind.name(), &grade_part, &prompt.prompt_id, &text],
        );
        let side = |arm: &str, text: &str| QualificationText {
            completion_id: row_id("exc", &[&item_id, arm]),
            text: text.to_owned(),
        };
        let item = QualificationItem {
            v: ROW_VERSION,
            judge_id: self.judge_id.to_owned(),
            kind,
            grade,
            reference_first: reference_is_first,
            prompt_id: prompt.prompt_id.clone(),
            reference: side(REFERENCE, self.reference(at)),
            other: side(OTHER, &text),
            item_id,
        };
        let mut show = |reference_is_first: bool, (reference_label, label): (&str, &str)| {
            let reference = Shown {
                completion_id: &item.reference.completion_id,
                arm: REFERENCE,
                label: reference_label,
            };
            let other = Shown { completion_id: &item.other.completion_id, arm: OTHER, label };
            let positions = if reference_is_first { [reference, other] } else { [other, reference] };
            self.exam.presentations.push(presentation(&item.item_id, &item.prompt_id, positions));
        };
        show(reference_is_first, (reference_label, label));
        if orders == Orders::Both {
            show(!reference_is_first, if reference_is_first { second_labels } else { first_labels });
        }
        self.exam.items.push(item);
    }
}
