//! A seeded generator of logs with known faults, in every shape that the audit reads.

use affinage_eval::audit::row::{PairRow, RowRef};
use affinage_eval::audit::shapes;
use affinage_eval::rng::Rng;
use serde_json::{Map, Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A names the position; the stored winner takes it for the model when the second arm comes first.
    InvertedOrder,
    /// A always names the first arm, and the stored winner takes it for the position: "B wins" becomes "shown
    /// second wins".
    LabelConfounded,
    LowerScoreStored,
    Slips,
    Errors,
    BorrowedText,
    RepeatedRows,
    RepeatedPrompts,
    SeatBias,
    LengthBias,
    Cut,
    NoAgreement,
    TinyCategory,
    FewPrompts,
    OneSeat,
    IdenticalAnswers,
    WrongOrderRecorded,
    OtherScores,
}

impl Fault {
    pub const ALL: [Fault; 18] = [
        Fault::InvertedOrder,
        Fault::LabelConfounded,
        Fault::LowerScoreStored,
        Fault::Slips,
        Fault::Errors,
        Fault::BorrowedText,
        Fault::RepeatedRows,
        Fault::RepeatedPrompts,
        Fault::SeatBias,
        Fault::LengthBias,
        Fault::Cut,
        Fault::NoAgreement,
        Fault::TinyCategory,
        Fault::FewPrompts,
        Fault::OneSeat,
        Fault::IdenticalAnswers,
        Fault::WrongOrderRecorded,
        Fault::OtherScores,
    ];

    /// The codes of which at least one must be raised.
    pub fn codes(self) -> &'static [&'static str] {
        match self {
            Fault::InvertedOrder | Fault::LabelConfounded => &["R01"],
            Fault::LowerScoreStored => &["R03"],
            Fault::Slips => &["R02"],
            Fault::Errors => &["R07"],
            Fault::BorrowedText => &["R08"],
            Fault::RepeatedRows => &["R09"],
            Fault::RepeatedPrompts => &["R18"],
            Fault::SeatBias => &["R13", "R17"],
            Fault::LengthBias => &["R15"],
            Fault::Cut => &["R12"],
            Fault::NoAgreement => &["R16"],
            Fault::TinyCategory => &["R20"],
            Fault::FewPrompts => &["R19"],
            Fault::OneSeat => &["R11"],
            Fault::IdenticalAnswers => &["R10"],
            Fault::WrongOrderRecorded => &["R05"],
            Fault::OtherScores => &["R21"],
        }
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    PairRows,
    /// Each pair in one order, which is recorded.
    AlpacaEval,
    FastChat,
    /// Scores only, the first assistant always first.
    FastChatReviews,
    /// A CSV with prompts and answers.
    ModelPairs,
    /// The same with three columns.
    ThreeColumns,
}

impl Shape {
    pub const ALL: [Shape; 6] = [
        Shape::PairRows,
        Shape::AlpacaEval,
        Shape::FastChat,
        Shape::FastChatReviews,
        Shape::ModelPairs,
        Shape::ThreeColumns,
    ];

    /// Whether a log of this shape can hold the fault so that its fields show it.
    pub fn carries(self, fault: Fault) -> bool {
        use Fault::*;
        match self {
            Shape::PairRows => true,
            Shape::AlpacaEval => !matches!(fault, LowerScoreStored | WrongOrderRecorded | OtherScores),
            Shape::FastChat => !matches!(fault, LabelConfounded | LowerScoreStored | OtherScores),
            Shape::FastChatReviews => matches!(
                fault,
                Slips
                    | Errors
                    | BorrowedText
                    | RepeatedRows
                    | RepeatedPrompts
                    | NoAgreement
                    | TinyCategory
                    | FewPrompts
                    | IdenticalAnswers
                    | OtherScores
            ),
            Shape::ModelPairs => matches!(
                fault,
                Errors
                    | RepeatedRows
                    | RepeatedPrompts
                    | SeatBias
                    | LengthBias
                    | Cut
                    | NoAgreement
                    | TinyCategory
                    | FewPrompts
                    | OneSeat
                    | IdenticalAnswers
            ),
            Shape::ThreeColumns => matches!(fault, SeatBias | OneSeat),
        }
    }

    /// What a log of this shape says even without a planted fault: its own design.
    pub fn by_design(self) -> &'static [&'static str] {
        match self {
            Shape::FastChatReviews => &["R11"],
            _ => &[],
        }
    }

    /// The orders in which one judge sees one pair.
    fn orders(self, rng: &mut Rng, fault: Option<Fault>) -> Vec<usize> {
        match self {
            _ if fault == Some(Fault::OneSeat) => vec![0],
            Shape::FastChatReviews => vec![0],
            Shape::AlpacaEval => vec![rng.below(2)],
            _ => vec![0, 1],
        }
    }
}

const WORDS: [&str; 40] = [
    "harbour", "lantern", "gravel", "orchard", "violin", "copper", "thistle", "meadow", "anchor", "candle",
    "marble", "willow", "saddle", "pepper", "velvet", "hammer", "window", "basket", "ribbon", "mirror",
    "feather", "button", "kettle", "ladder", "needle", "pebble", "cellar", "garden", "bridge", "tunnel",
    "barrel", "pillow", "shovel", "thread", "whistle", "compass", "blanket", "chimney", "curtain", "dolphin",
];

fn sentence(rng: &mut Rng, words: usize) -> String {
    let picked: Vec<&str> = (0..words).map(|_| WORDS[rng.below(WORDS.len())]).collect();
    format!("The {}.", picked.join(" "))
}

struct Pair {
    number: usize,
    category: &'static str,
    texts: [String; 2],
    /// How clearly the second arm is better, in -1 ..= 1.
    lead: f64,
}

fn pairs(rng: &mut Rng, fault: Option<Fault>) -> Vec<Pair> {
    let n = if fault == Some(Fault::FewPrompts) { 12 } else { 80 };
    (0..n)
        .map(|i| {
            let numbers = [20 + rng.below(20), 20 + rng.below(20)];
            let mut texts = numbers.map(|words| sentence(rng, words));
            if fault == Some(Fault::Cut) && i % 4 == 0 {
                texts[1] = format!("{} and then", sentence(rng, 45).trim_end_matches('.'));
            }
            if fault == Some(Fault::IdenticalAnswers) && i % 20 == 0 {
                texts[1] = texts[0].clone();
            }
            let number = if fault == Some(Fault::RepeatedPrompts) { i % 40 } else { i };
            let tiny = fault == Some(Fault::TinyCategory) && i < 3;
            let category = if tiny { "poems" } else { ["letters", "essays"][i % 2] };
            Pair { number, category, texts, lead: 2.0 * rng.uniform() - 1.0 }
        })
        .collect()
}

const ARMS: [&str; 2] = ["baseline", "tuned"];

#[derive(Clone, Copy, PartialEq)]
enum Stored {
    Arm(usize),
    Tie,
    Missing,
}

/// One judgment before it takes a shape. Arms are 0 and 1.
#[derive(Clone)]
struct Judged {
    number: usize,
    category: &'static str,
    texts: [String; 2],
    judge: &'static str,
    first: usize,
    /// The order that the log records.
    recorded_first: usize,
    /// What the judge gave, and what the log keeps.
    stored_scores: [u32; 2],
    judgment: Option<String>,
    stored: Stored,
}

/// The records of a log; `None` is a clean one.
pub fn records(seed: u64, shape: Shape, fault: Option<Fault>) -> Vec<Map<String, Value>> {
    let mut rng = Rng::new(seed);
    let pairs = pairs(&mut rng, fault);
    let mut rows = Vec::new();
    for pair in &pairs {
        for judge in ["judge-north", "judge-south"] {
            for first in shape.orders(&mut rng, fault) {
                rows.push(judged(&mut rng, pair, judge, first, shape, fault));
            }
        }
    }
    plant(&mut rng, &mut rows, fault);
    let mut records: Vec<Value> = match shape {
        Shape::FastChat => games(&rows),
        _ => rows.iter().map(|row| record(row, shape)).collect(),
    };
    if fault == Some(Fault::RepeatedRows) {
        records.push(records[3].clone());
    }
    records.into_iter().map(|record| record.as_object().expect("an object").clone()).collect()
}

/// A judge that follows the pair's lead with some noise, unless the fault is in the judge.
fn judged(
    rng: &mut Rng,
    pair: &Pair,
    judge: &'static str,
    first: usize,
    shape: Shape,
    fault: Option<Fault>,
) -> Judged {
    let longer = pair.texts[1].len() as f64 - pair.texts[0].len() as f64;
    let leaning = match fault {
        Some(Fault::SeatBias) => first as f64 - 0.5,
        Some(Fault::LengthBias) => longer / 60.0,
        Some(Fault::NoAgreement) if judge != "judge-north" => 2.0 * rng.uniform() - 1.0,
        _ => pair.lead,
    };
    let winner = usize::from(leaning + 0.4 * (rng.uniform() - 0.5) > 0.0);
    // The arm under A: the first seat, or always the first arm.
    let under_a = if fault == Some(Fault::LabelConfounded) { 0 } else { first };
    let mut scores = [2, 2];
    scores[winner] = 4;
    let turned = matches!(fault, Some(Fault::InvertedOrder | Fault::LabelConfounded)) && first == 1;
    Judged {
        number: pair.number,
        category: pair.category,
        texts: pair.texts.clone(),
        judge,
        first,
        recorded_first: first,
        stored_scores: scores,
        judgment: Some(judgment(rng, pair, shape, under_a, winner, scores)),
        stored: Stored::Arm(if turned { 1 - winner } else { winner }),
    }
}

/// What the judge writes: its verdict in the manner of the shape, and reasons that quote both answers.
fn judgment(
    rng: &mut Rng,
    pair: &Pair,
    shape: Shape,
    under_a: usize,
    winner: usize,
    scores: [u32; 2],
) -> String {
    let letter = |arm: usize| if arm == under_a { "A" } else { "B" };
    let [a, b] = [scores[under_a], scores[1 - under_a]];
    let word = |text: &str| text.split(' ').nth(1).unwrap_or_default().to_owned();
    let reasons = format!(
        "Response {} begins with the {}. Response {} builds on a {} in its turn. Note {}.",
        letter(0),
        word(&pair.texts[0]),
        letter(1),
        word(&pair.texts[1]),
        rng.below(1_000_000_000)
    );
    match shape {
        Shape::FastChat => format!("{reasons} My final verdict is: [[{}]]", letter(winner)),
        Shape::FastChatReviews => format!("{a} {b}\n{}", reasons.replace("Response", "Assistant")),
        _ => format!(
            "Response A - Depth: {a}, Style: {a}\nResponse B - Depth: {b}, Style: {b}\nWinner: {}\nReasoning: {reasons}",
            letter(winner)
        ),
    }
}

fn plant(rng: &mut Rng, rows: &mut [Judged], fault: Option<Fault>) {
    match fault {
        Some(Fault::LowerScoreStored) => {
            for row in rows.iter_mut().filter(|row| row.first == 0) {
                row.stored = Stored::Arm(usize::from(row.stored == Stored::Arm(0)));
                row.judgment = None;
            }
        }
        Some(Fault::Slips) => {
            for _ in 0..4 {
                let row = &mut rows[rng.below(rows.len())];
                row.stored = Stored::Tie;
                row.stored_scores = [3, 3];
            }
        }
        Some(Fault::OtherScores) => {
            for _ in 0..4 {
                let row = &mut rows[rng.below(rows.len())];
                row.stored_scores = row.stored_scores.map(|score| score + 1);
            }
        }
        Some(Fault::Errors) => {
            for _ in 0..5 {
                let row = &mut rows[rng.below(rows.len())];
                row.judgment = Some("ERROR: 429 RESOURCE_EXHAUSTED, quota exceeded".to_owned());
                row.texts[1] = "Error code: 529 - overloaded_error".to_owned();
                row.stored = Stored::Missing;
            }
        }
        Some(Fault::BorrowedText) => {
            for i in 0..10 {
                // One pair's judgments by either judge, in the same order.
                let of = |judge: &str| {
                    let same = |row: &&Judged| row.number == i && row.judge == judge;
                    rows.iter().position(|row| same(&row))
                };
                if let (Some(from), Some(to)) = (of("judge-north"), of("judge-south")) {
                    let Judged { judgment, stored, stored_scores, first, .. } = rows[from].clone();
                    let row = &mut rows[to];
                    (row.judgment, row.stored, row.stored_scores) = (judgment, stored, stored_scores);
                    (row.first, row.recorded_first) = (first, first);
                }
            }
        }
        Some(Fault::WrongOrderRecorded) => {
            for row in rows.iter_mut().take(12) {
                row.recorded_first = 1 - row.recorded_first;
            }
        }
        _ => {}
    }
}

fn prompt(row: &Judged) -> String {
    format!("Write piece number {} for the almanac of this year.", row.number)
}

fn record(row: &Judged, shape: Shape) -> Value {
    let name = |arm: usize| ARMS[arm];
    let order = ["AB", "BA"][row.recorded_first];
    let (one, two) = (row.recorded_first, 1 - row.recorded_first);
    let winner = |of: &dyn Fn(usize) -> &'static str| match row.stored {
        Stored::Arm(arm) => of(arm),
        Stored::Tie => "tie",
        Stored::Missing => "unknown",
    };
    match shape {
        Shape::PairRows => json!({
            "config_name": row.category, "prompt": prompt(row), "baseline_response": row.texts[0],
            "tuned_response": row.texts[1], "judge_model": row.judge, "model_returned": row.judge,
            "judgment": row.judgment, "presentation_order": order, "winner": winner(&name),
            "baseline_score": 2 * row.stored_scores[0], "tuned_score": 2 * row.stored_scores[1],
            "judge_prompt": (row.recorded_first != row.first).then(|| format!(
                "Response A:\n{}\n\nResponse B:\n{}", row.texts[row.first], row.texts[1 - row.first]
            )),
        }),
        Shape::AlpacaEval => json!({
            "instruction": prompt(row), "dataset": row.category, "output_1": row.texts[0], "generator_1": ARMS[0],
            "output_2": row.texts[1], "generator_2": ARMS[1], "annotator": row.judge,
            "raw_completion": row.judgment, "is_switched_output_1_output_2": row.recorded_first == 1,
            "preference": match row.stored {
                Stored::Arm(arm) => json!(1.0 + 0.98 * arm as f64 + 0.01),
                Stored::Tie => json!(1.5),
                Stored::Missing => Value::Null,
            },
        }),
        Shape::FastChatReviews => json!({
            "review_id": format!("{}-{}", row.number, row.judge), "question_id": row.number, "category": row.category,
            "answer1_id": format!("{:x}", row.texts[0].len() * 1_000_003 + row.number),
            "answer2_id": match row.texts[0] == row.texts[1] {
                true => format!("{:x}", row.texts[0].len() * 1_000_003 + row.number),
                false => format!("other {}", row.number),
            },
            "reviewer_id": row.judge, "metadata": {}, "text": row.judgment,
            "score": if row.stored == Stored::Missing { json!([-1, -1]) } else { json!(row.stored_scores) },
        }),
        Shape::ModelPairs => json!({
            "model_a": ARMS[one], "model_b": ARMS[two], "judge": row.judge, "language": row.category,
            "prompt": prompt(row), "response_a": row.texts[one], "response_b": row.texts[two],
            "winner": winner(&|arm| if arm == one { "model_a" } else { "model_b" }),
        }),
        Shape::ThreeColumns => json!({
            "model_a": ARMS[one], "model_b": ARMS[two],
            "winner": winner(&|arm| if arm == one { "model_a" } else { "model_b" }),
        }),
        Shape::FastChat => unreachable!("two rows make a line of games"),
    }
}

/// Both orders of a pair in one line; a line with one game where only one was played.
fn games(rows: &[Judged]) -> Vec<Value> {
    let is_next = |one: &Judged, two: &Judged| {
        one.judge == two.judge && one.number == two.number && one.first == 0 && two.first == 1
    };
    let lines = rows.chunk_by(is_next);
    lines
        .map(|games| {
            let head = &games[0];
            let mut line = json!({
                "question_id": head.number, "model_1": ARMS[0], "model_2": ARMS[1], "judge": [head.judge, "pair-v2"],
                "turn": 1, "category": head.category, "tstamp": 1_687_222_944.5 + head.stamp,
            });
            for (row, game) in games.iter().zip(["g1", "g2"]) {
                // A wrongly recorded second game shows the answers as the first one did.
                let first = if row.recorded_first == row.first { row.first } else { 0 };
                line[format!("{game}_user_prompt")] = format!(
                    "[User Question]\n{}\n\n[The Start of Assistant A's Answer]\n{}\n[The End of Assistant A's Answer]\n\n\
                     [The Start of Assistant B's Answer]\n{}\n[The End of Assistant B's Answer]",
                    prompt(row), row.texts[first], row.texts[1 - first]
                )
                .into();
                line[format!("{game}_judgment")] = row.judgment.clone().into();
                line[format!("{game}_winner")] = match row.stored {
                    Stored::Arm(arm) => ["model_1", "model_2"][arm],
                    Stored::Tie => "tie",
                    Stored::Missing => "error",
                }
                .into();
            }
            line
        })
        .collect()
}

/// The rows of a log as the audit reads them.
pub fn rows(seed: u64, shape: Shape, fault: Option<Fault>) -> Vec<PairRow> {
    let read = |(i, record): (usize, &Map<String, Value>)| {
        shapes::rows(record, RowRef { file: 0, line: i + 1 }, None).expect("a known shape").1
    };
    records(seed, shape, fault).iter().enumerate().flat_map(read).collect()
}
