//! A seeded generator of logs, clean or with one known fault, in every shape that the audit reads.
//!
//! Clean logs differ in size, in how often either arm wins, in how a verdict is written, in what the judge says beside
//! it, and in whether one arm is wordy throughout: all of that is no fault.

use affinage_eval::audit::row::{PairRow, RowRef};
use affinage_eval::audit::shapes;
use affinage_eval::rng::Rng;
use serde_json::{Map, Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A names the position; the stored winner takes it for the model when the second arm comes first.
    InvertedOrder,
    /// The stored winner is the other one in both orders.
    InvertedThroughout,
    /// One of two judges is read the wrong way round in one order.
    InvertedJudge,
    /// A always names the first arm, and the stored winner takes it for the position: "B wins" becomes "shown
    /// second wins".
    LabelConfounded,
    LowerScoreStored,
    /// Four stored winners became ties.
    Slips,
    /// Four stored winners became the other arm; the judge's text stayed.
    EditedVerdicts,
    /// Three answers were replaced after judging; the request stayed.
    EditedAnswers,
    /// Ten judgments of other answers keep the time of the first ones.
    StaleStamps,
    /// One arm gives the same answer to every prompt.
    ConstantAnswer,
    Errors,
    BorrowedText,
    RepeatedRows,
    RepeatedPrompts,
    PositionBias,
    LengthBias,
    BrevityBias,
    /// Outcomes are lost in one order.
    MissingInOneOrder,
    Cut,
    NoAgreement,
    TinyCategory,
    FewPrompts,
    OnePosition,
    IdenticalAnswers,
    WrongOrderRecorded,
    OtherScores,
}

use Fault::*;

impl Fault {
    pub const ALL: [Fault; 26] = [
        InvertedOrder,
        InvertedThroughout,
        InvertedJudge,
        LabelConfounded,
        LowerScoreStored,
        Slips,
        EditedVerdicts,
        EditedAnswers,
        StaleStamps,
        ConstantAnswer,
        Errors,
        BorrowedText,
        RepeatedRows,
        RepeatedPrompts,
        PositionBias,
        LengthBias,
        BrevityBias,
        MissingInOneOrder,
        Cut,
        NoAgreement,
        TinyCategory,
        FewPrompts,
        OnePosition,
        IdenticalAnswers,
        WrongOrderRecorded,
        OtherScores,
    ];

    /// The codes of which at least one must be raised.
    pub fn codes(self) -> &'static [&'static str] {
        match self {
            InvertedOrder | InvertedThroughout | LabelConfounded => &["R01"],
            // A judge's rows in one order may be too few to speak of an inversion.
            InvertedJudge => &["R01", "R02"],
            LowerScoreStored => &["R03"],
            Slips | EditedVerdicts => &["R02"],
            EditedAnswers => &["R26"],
            StaleStamps => &["R22"],
            ConstantAnswer => &["R23"],
            Errors => &["R07"],
            BorrowedText => &["R08"],
            RepeatedRows => &["R09"],
            RepeatedPrompts => &["R18"],
            PositionBias => &["R13", "R17"],
            LengthBias => &["R15"],
            BrevityBias => &["R24"],
            MissingInOneOrder => &["R25"],
            Cut => &["R12"],
            NoAgreement => &["R16"],
            TinyCategory => &["R20"],
            FewPrompts => &["R19"],
            OnePosition => &["R11"],
            IdenticalAnswers => &["R10"],
            WrongOrderRecorded => &["R05"],
            OtherScores => &["R21"],
        }
    }

    /// Effects and designs that need prompts enough to show at all; all other faults are planted in small logs, too.
    fn needs_prompts(self) -> bool {
        matches!(
            self,
            PositionBias
                | LengthBias
                | BrevityBias
                | MissingInOneOrder
                | NoAgreement
                | TinyCategory
                | IdenticalAnswers
        )
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Reasons that quote the answers say what labels mean.
    PairRows,
    /// The judge's requests say it.
    Requests,
    /// Each pair in one order, which is recorded.
    AlpacaEval,
    /// Preferences finer than an outcome, no judge's text.
    WeightedAlpacaEval,
    FastChat,
    /// Scores only, the first assistant always first.
    FastChatReviews,
    ArenaHard,
    /// A CSV with prompts and answers.
    ModelPairs,
    /// The same with three columns.
    ThreeColumns,
    /// People vote; each of them is a judge.
    WorkerVotes,
    /// Requests, and no outcome but the judge's letter.
    LabelsOnly,
}

impl Shape {
    pub const ALL: [Shape; 11] = [
        Shape::PairRows,
        Shape::Requests,
        Shape::AlpacaEval,
        Shape::WeightedAlpacaEval,
        Shape::FastChat,
        Shape::FastChatReviews,
        Shape::ArenaHard,
        Shape::ModelPairs,
        Shape::ThreeColumns,
        Shape::WorkerVotes,
        Shape::LabelsOnly,
    ];

    /// Whether a log of this shape can hold the fault so that its fields show it.
    pub fn carries(self, fault: Fault) -> bool {
        let with_answers = matches!(
            fault,
            RepeatedRows
                | RepeatedPrompts
                | PositionBias
                | LengthBias
                | BrevityBias
                | MissingInOneOrder
                | Cut
                | FewPrompts
                | OnePosition
                | ConstantAnswer
                | TinyCategory
        );
        match self {
            Shape::PairRows => fault != EditedAnswers,
            Shape::Requests => !matches!(fault, LabelConfounded | BorrowedText),
            Shape::AlpacaEval => {
                !matches!(fault, LowerScoreStored | WrongOrderRecorded | OtherScores | EditedAnswers)
            }
            Shape::WeightedAlpacaEval => {
                with_answers && fault != MissingInOneOrder
                    || matches!(fault, NoAgreement | IdenticalAnswers | StaleStamps)
            }
            // Both games of a line have one time, and answers are read from its request.
            Shape::FastChat => {
                !matches!(fault, LabelConfounded | LowerScoreStored | OtherScores | EditedAnswers)
            }
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
            Shape::ArenaHard => !matches!(
                fault,
                LabelConfounded
                    | LowerScoreStored
                    | OtherScores
                    | EditedAnswers
                    | WrongOrderRecorded
                    | StaleStamps
            ),
            Shape::ModelPairs => {
                with_answers && fault != MissingInOneOrder
                    || matches!(fault, Errors | NoAgreement | IdenticalAnswers | StaleStamps)
            }
            Shape::ThreeColumns => matches!(fault, PositionBias | OnePosition),
            Shape::WorkerVotes => {
                with_answers
                    && !matches!(fault, MissingInOneOrder | PositionBias | TinyCategory | RepeatedPrompts)
            }
            Shape::LabelsOnly => {
                with_answers
                    || matches!(fault, EditedAnswers | WrongOrderRecorded | NoAgreement | StaleStamps)
            }
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
            _ if fault == Some(OnePosition) => vec![0],
            Shape::FastChatReviews => vec![0],
            Shape::AlpacaEval | Shape::WeightedAlpacaEval | Shape::WorkerVotes => vec![rng.below(2)],
            _ => vec![0, 1],
        }
    }

    /// Whether the rows themselves say what labels mean, so that the judge need not quote.
    fn tells_labels(self) -> bool {
        matches!(self, Shape::Requests | Shape::FastChat | Shape::ArenaHard | Shape::LabelsOnly)
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

/// What differs between logs and is no fault.
struct Manner {
    prompts: usize,
    /// Added to every pair's lead of the second arm.
    lean: f64,
    ties: f64,
    remarks: Remarks,
    /// How a verdict is written, one of four ways.
    verdict: usize,
    wordy: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Remarks {
    /// Words of both answers under their labels.
    Quotes,
    /// General praise of the winner.
    Praise,
    None,
}

impl Manner {
    fn of(seed: u64, shape: Shape, fault: Option<Fault>) -> Manner {
        let mut rng = Rng::for_purpose(seed, &["manner"]);
        let few = [24, 40, 80][rng.below(3)];
        let remarks = [Remarks::Quotes, Remarks::Praise, Remarks::None][rng.below(3)];
        let free = fault.is_none() || shape.tells_labels();
        let is_effect = fault.is_some_and(Fault::needs_prompts);
        let lean = [-0.5, 0.0, 0.5][rng.below(3)];
        Manner {
            prompts: match fault {
                Some(FewPrompts) => 12,
                _ if is_effect => 80,
                _ => few,
            },
            lean: if is_effect { 0.0 } else { lean },
            ties: if fault.is_none() { 0.1 } else { 0.0 },
            remarks: if free && fault != Some(BorrowedText) { remarks } else { Remarks::Quotes },
            // Only the first way states scores.
            verdict: if matches!(fault, Some(OtherScores | LowerScoreStored)) { 0 } else { rng.below(4) },
            wordy: fault.is_none() && rng.below(2) == 0,
        }
    }
}

struct Pair {
    number: usize,
    category: &'static str,
    texts: [String; 2],
    /// How clearly the second arm is better, in -1 ..= 1.
    lead: f64,
}

const CHATTER: &str = "It is also worth a remark that this goes on for a while, with further context, a clear list of \
points and a helpful and engaging word to the reader at the end.";

fn pairs(rng: &mut Rng, fault: Option<Fault>, manner: &Manner) -> Vec<Pair> {
    (0..manner.prompts)
        .map(|i| {
            let numbers = [20 + rng.below(20), 20 + rng.below(20)];
            let mut texts = numbers.map(|words| sentence(rng, words));
            if manner.wordy {
                texts[1] = format!("{} {CHATTER}", texts[1]);
            }
            if fault == Some(Cut) && i % 4 == 0 {
                texts[1] = format!("{} and then", sentence(rng, 45).trim_end_matches('.'));
            }
            if fault == Some(IdenticalAnswers) && i % 20 == 0 {
                texts[1] = texts[0].clone();
            }
            if fault == Some(ConstantAnswer) {
                texts[1] =
                    "The structure of this reply is its own best argument, as any reader can see.".to_owned();
            }
            let number = if fault == Some(RepeatedPrompts) { i % (manner.prompts / 2) } else { i };
            let tiny = fault == Some(TinyCategory) && i < 3;
            let category = if tiny { "poems" } else { ["letters", "essays"][i % 2] };
            Pair { number, category, texts, lead: 2.0 * rng.uniform() - 1.0 + manner.lean }
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
    /// What was judged, and what the log keeps.
    shown: [String; 2],
    texts: [String; 2],
    judge: String,
    first: usize,
    /// The order that the log records.
    recorded_first: usize,
    under_a: usize,
    /// What the judge gave, and what the log keeps.
    stored_scores: [u32; 2],
    judgment: Option<String>,
    said: Stored,
    stored: Stored,
    /// Seconds after the first judgment.
    stamp: f64,
}

/// Wins, ties and losses of the second arm as the judges meant them.
pub fn meant(seed: u64, shape: Shape, fault: Option<Fault>) -> [usize; 3] {
    let rows = judgments(seed, shape, fault);
    [Stored::Arm(1), Stored::Tie, Stored::Arm(0)]
        .map(|said| rows.iter().filter(|row| row.said == said).count())
}

/// The judgments of a log; `None` is a clean one.
fn judgments(seed: u64, shape: Shape, fault: Option<Fault>) -> Vec<Judged> {
    let manner = Manner::of(seed, shape, fault);
    let mut rng = Rng::new(seed);
    let pairs = pairs(&mut rng, fault, &manner);
    let mut rows: Vec<Judged> = Vec::new();
    for pair in &pairs {
        for judge in ["judge-north", "judge-south"] {
            for first in shape.orders(&mut rng, fault) {
                let mut row = judged(&mut rng, pair, judge, first, (shape, fault), &manner);
                if shape == Shape::WorkerVotes {
                    row.judge = format!("worker-{}", rng.below(30));
                }
                row.stamp = rows.len() as f64 * 7.31;
                rows.push(row);
            }
        }
    }
    plant(&mut rng, &mut rows, fault);
    rows
}

pub fn records(seed: u64, shape: Shape, fault: Option<Fault>) -> Vec<Map<String, Value>> {
    let rows = judgments(seed, shape, fault);
    let mut records: Vec<Value> = match shape {
        Shape::FastChat => games(&rows),
        Shape::ArenaHard => arena_hard(&rows),
        _ => rows.iter().map(|row| record(row, shape)).collect(),
    };
    if fault == Some(RepeatedRows) {
        records.push(records[3].clone());
    }
    records.into_iter().map(|record| record.as_object().expect("an object").clone()).collect()
}

/// A judge that follows the pair's lead with some noise, unless the fault is in the judge.
fn judged(
    rng: &mut Rng,
    pair: &Pair,
    judge: &str,
    first: usize,
    (shape, fault): (Shape, Option<Fault>),
    manner: &Manner,
) -> Judged {
    let longer = pair.texts[1].len() as f64 - pair.texts[0].len() as f64;
    let leaning = match fault {
        Some(PositionBias) => first as f64 - 0.5,
        Some(LengthBias) => longer / 60.0,
        Some(BrevityBias) => -longer / 60.0,
        Some(NoAgreement) if judge != "judge-north" => 2.0 * rng.uniform() - 1.0,
        _ => pair.lead,
    };
    let winner = usize::from(leaning + 0.4 * (rng.uniform() - 0.5) > 0.0);
    let is_tie = rng.uniform() < manner.ties && shape != Shape::FastChatReviews;
    // The arm under A: the first position, or always the first arm.
    let under_a = if fault == Some(LabelConfounded) { 0 } else { first };
    let mut scores = [2, 2];
    scores[winner] = 4;
    if is_tie {
        scores = [3, 3];
    }
    let turned = match fault {
        Some(InvertedOrder | LabelConfounded) => first == 1,
        Some(InvertedThroughout) => true,
        Some(InvertedJudge) => first == 1 && judge == "judge-south",
        _ => false,
    };
    let said = if is_tie { Stored::Tie } else { Stored::Arm(winner) };
    Judged {
        number: pair.number,
        category: pair.category,
        shown: pair.texts.clone(),
        texts: pair.texts.clone(),
        judge: judge.to_owned(),
        first,
        recorded_first: first,
        under_a,
        stored_scores: scores,
        judgment: Some(judgment(rng, pair, (shape, manner), under_a, said, scores)),
        said,
        stored: if turned && !is_tie { Stored::Arm(1 - winner) } else { said },
        stamp: 0.0,
    }
}

/// What the judge writes: its remarks, and its verdict in the manner of the shape or of the log.
fn judgment(
    rng: &mut Rng,
    pair: &Pair,
    (shape, manner): (Shape, &Manner),
    under_a: usize,
    said: Stored,
    scores: [u32; 2],
) -> String {
    let letter = |arm: usize| if arm == under_a { "A" } else { "B" };
    let [a, b] = [scores[under_a], scores[1 - under_a]];
    let word = |text: &str| text.split(' ').nth(1).unwrap_or_default().to_owned();
    let note = rng.below(1_000_000_000);
    let remarks = match (manner.remarks, said) {
        (Remarks::Quotes, _) => format!(
            "Response {} begins with the {}. Response {} builds on a {} in its turn. Note {note}.",
            letter(0),
            word(&pair.texts[0]),
            letter(1),
            word(&pair.texts[1]),
        ),
        (Remarks::Praise, Stored::Arm(arm)) => {
            let praise = [
                "is more direct and clear",
                "is helpful and engaging",
                "offers further context",
                "has the better list of points",
            ];
            format!("Response {} {}. Note {note}.", letter(arm), praise[rng.below(4)])
        }
        _ => format!("Note {note}."),
    };
    let (label, mark) = match said {
        Stored::Arm(arm) => (letter(arm).to_owned(), if letter(arm) == "A" { "A>B" } else { "B>A" }),
        _ => ("tie".to_owned(), "A=B"),
    };
    let plain = label == "tie";
    match (shape, manner.verdict) {
        (Shape::FastChat, _) => {
            format!("{remarks} My final verdict is: [[{}]]", if plain { "C" } else { &label })
        }
        (Shape::ArenaHard, _) => format!("{remarks}\n\nMy final verdict is: [[{mark}]]"),
        (Shape::FastChatReviews, _) => format!("{a} {b}\n{}", remarks.replace("Response", "Assistant")),
        (_, 0) => format!(
            "Response A - Depth: {a}, Style: {a}\nResponse B - Depth: {b}, Style: {b}\nWinner: {label}\nReasoning: {remarks}"
        ),
        (_, 1) => format!(
            "{remarks}\n**Final Verdict:** {}",
            if plain { "A draw".to_owned() } else { format!("Response {label}") }
        ),
        (_, 2) => format!("{remarks}\n[[{mark}]]"),
        _ => format!("{{\"reason\": \"{remarks}\", \"winner\": \"{label}\"}}"),
    }
}

fn plant(rng: &mut Rng, rows: &mut Vec<Judged>, fault: Option<Fault>) {
    match fault {
        Some(LowerScoreStored) => {
            for row in rows.iter_mut().filter(|row| row.first == 0) {
                row.stored = Stored::Arm(usize::from(row.stored == Stored::Arm(0)));
                row.judgment = None;
            }
        }
        Some(Slips | EditedVerdicts) => {
            for _ in 0..4 {
                let at = rng.below(rows.len());
                let row = &mut rows[at];
                match (fault, row.said) {
                    (Some(EditedVerdicts), Stored::Arm(arm)) => row.stored = Stored::Arm(1 - arm),
                    _ => {
                        row.stored = Stored::Tie;
                        row.stored_scores = [3, 3];
                    }
                }
            }
        }
        Some(EditedAnswers) => {
            for i in 0..3 {
                rows[5 * i].texts[1] =
                    format!("Nobody was shown this text, which is number {i} of its kind.");
            }
        }
        Some(StaleStamps) => {
            let again: Vec<Judged> = (0..10)
                .map(|i| {
                    let mut row = rows[2 * i].clone();
                    row.texts[1] = sentence(rng, 30);
                    row.shown = row.texts.clone();
                    row.judgment = row.judgment.map(|text| text.replace("Note", "Also"));
                    row
                })
                .collect();
            rows.extend(again);
        }
        Some(OtherScores) => {
            for _ in 0..4 {
                let at = rng.below(rows.len());
                rows[at].stored_scores = rows[at].stored_scores.map(|score| score + 1);
            }
        }
        Some(Errors) => {
            for _ in 0..5 {
                let at = rng.below(rows.len());
                let row = &mut rows[at];
                row.judgment = Some("ERROR: 429 RESOURCE_EXHAUSTED, quota exceeded".to_owned());
                row.texts[1] = "Error code: 529 - overloaded_error".to_owned();
                (row.stored, row.said) = (Stored::Missing, Stored::Missing);
            }
        }
        Some(MissingInOneOrder) => {
            for row in rows.iter_mut().filter(|row| row.first == 1 && row.number % 4 == 0) {
                row.judgment = Some("I would rather not settle this one.".to_owned());
                (row.stored, row.said) = (Stored::Missing, Stored::Missing);
            }
        }
        Some(BorrowedText) => {
            for i in 0..10 {
                // One pair's judgments by either judge, in the same order.
                let of = |judge: &str| {
                    let same = |row: &&Judged| row.number == i && row.judge == judge;
                    rows.iter().position(|row| same(&row))
                };
                if let (Some(from), Some(to)) = (of("judge-north"), of("judge-south")) {
                    let source = rows[from].clone();
                    let row = &mut rows[to];
                    (row.judgment, row.stored, row.said) = (source.judgment, source.stored, source.said);
                    (row.first, row.recorded_first, row.under_a) =
                        (source.first, source.first, source.under_a);
                    row.stored_scores = source.stored_scores;
                }
            }
        }
        Some(WrongOrderRecorded) => {
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
    let request = format!(
        "[Question]\n{}\n\nResponse A:\n{}\n\nResponse B:\n{}\n\nWhich is better?",
        prompt(row),
        row.shown[row.under_a],
        row.shown[1 - row.under_a]
    );
    let stamp = format!(
        "2026-03-0{}T10:{:02}:{:06.3}Z",
        1 + row.stamp as usize / 3600,
        row.stamp as usize / 60 % 60,
        row.stamp % 60.0
    );
    let pair_row = json!({
        "config_name": row.category, "prompt": prompt(row), "baseline_response": row.texts[0],
        "tuned_response": row.texts[1], "judge_model": row.judge, "presentation_order": order, "timestamp": stamp,
    });
    let with = |more: Value| {
        let mut record = pair_row.clone();
        let fields = record.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        record
    };
    match shape {
        Shape::PairRows => with(json!({
            "model_returned": row.judge, "judgment": row.judgment, "winner": winner(&name),
            "baseline_score": 2 * row.stored_scores[0], "tuned_score": 2 * row.stored_scores[1],
            "judge_prompt": (row.recorded_first != row.first).then_some(request),
        })),
        Shape::Requests => with(json!({
            "judgment": row.judgment, "winner": winner(&name), "judge_prompt": request,
            "baseline_score": 2 * row.stored_scores[0], "tuned_score": 2 * row.stored_scores[1],
        })),
        Shape::LabelsOnly => with(json!({
            "judge_prompt": request,
            "winner": match row.stored {
                Stored::Arm(arm) => if arm == row.under_a { "A" } else { "B" },
                Stored::Tie => "tie",
                Stored::Missing => "unknown",
            },
        })),
        Shape::AlpacaEval | Shape::WeightedAlpacaEval => {
            let weighted = shape == Shape::WeightedAlpacaEval;
            let share = |arm: usize| if weighted { 0.3 + 0.4 * arm as f64 } else { arm as f64 };
            json!({
                "instruction": prompt(row), "dataset": row.category, "output_1": row.texts[0], "generator_1": ARMS[0],
                "output_2": row.texts[1], "generator_2": ARMS[1], "annotator": row.judge, "timestamp": stamp,
                "raw_completion": row.judgment.as_ref().filter(|_| !weighted),
                "is_switched_output_1_output_2": row.recorded_first == 1,
                "preference": match row.stored {
                    Stored::Arm(arm) => json!(1.0 + share(arm)),
                    Stored::Tie => json!(1.5),
                    Stored::Missing => Value::Null,
                },
            })
        }
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
        Shape::ModelPairs | Shape::WorkerVotes => {
            let mut record = json!({
                "model_a": ARMS[one], "model_b": ARMS[two], "language": row.category, "tstamp": stamp,
                "prompt": prompt(row), "response_a": row.texts[one], "response_b": row.texts[two],
            });
            let columns = winner(&|arm| if arm == one { "model_a" } else { "model_b" });
            let (who, what) =
                if shape == Shape::ModelPairs { ("judge", "winner") } else { ("worker_id", "vote") };
            record[who] = row.judge.clone().into();
            record[what] = columns.into();
            record
        }
        Shape::ThreeColumns => json!({
            "model_a": ARMS[one], "model_b": ARMS[two],
            "winner": winner(&|arm| if arm == one { "model_a" } else { "model_b" }),
        }),
        Shape::FastChat | Shape::ArenaHard => unreachable!("two rows make a line of games"),
    }
}

/// The rows of each line of two games: both orders of a pair, or one where only one was played.
fn lines(rows: &[Judged]) -> impl Iterator<Item = &[Judged]> {
    let is_next = |one: &Judged, two: &Judged| {
        one.judge == two.judge && one.number == two.number && one.first == 0 && two.first == 1
    };
    rows.chunk_by(is_next)
}

fn request_with(row: &Judged, first: usize, [open, close]: [&str; 2]) -> String {
    format!(
        "{open}User Question{close}\n{}\n\n{open}The Start of Assistant A's Answer{close}\n{}\n{open}The End of Assistant A's \
         Answer{close}\n\n{open}The Start of Assistant B's Answer{close}\n{}\n{open}The End of Assistant B's Answer{close}",
        prompt(row),
        row.texts[first],
        row.texts[1 - first]
    )
}

fn games(rows: &[Judged]) -> Vec<Value> {
    let line = |games: &[Judged]| {
        let head = &games[0];
        let mut line = json!({
            "question_id": head.number, "model_1": ARMS[0], "model_2": ARMS[1], "judge": [head.judge, "pair-v2"],
            "turn": 1, "category": head.category, "tstamp": 1_687_222_944.5 + head.stamp,
        });
        for (row, game) in games.iter().zip(["g1", "g2"]) {
            // A wrongly recorded second game shows the answers as the first one did.
            let first = if row.recorded_first == row.first { row.first } else { 0 };
            line[format!("{game}_user_prompt")] = request_with(row, first, ["[", "]"]).into();
            line[format!("{game}_judgment")] = row.judgment.clone().into();
            line[format!("{game}_winner")] = match row.stored {
                Stored::Arm(arm) => ["model_1", "model_2"][arm],
                Stored::Tie => "tie",
                Stored::Missing => "error",
            }
            .into();
        }
        line
    };
    lines(rows).map(line).collect()
}

fn arena_hard(rows: &[Judged]) -> Vec<Value> {
    let line = |games: &[Judged]| {
        let game = |row: &Judged| {
            json!({
                "user_prompt": request_with(row, row.first, ["<|", "|>"]), "judgment": row.judgment,
                "score": match row.stored {
                    Stored::Arm(arm) => json!(if arm == row.first { "A>B" } else { "B>>A" }),
                    Stored::Tie => json!("A=B"),
                    Stored::Missing => Value::Null,
                },
            })
        };
        json!({
            "question_id": format!("q{}", games[0].number), "model": ARMS[1], "baseline": ARMS[0],
            "judge": games[0].judge, "category": games[0].category, "games": games.iter().map(game).collect::<Vec<_>>(),
        })
    };
    lines(rows).map(line).collect()
}

/// The rows of a log as the audit reads them.
pub fn rows(seed: u64, shape: Shape, fault: Option<Fault>) -> Vec<PairRow> {
    let read = |(i, record): (usize, &Map<String, Value>)| {
        shapes::rows(record, RowRef { file: 0, line: i + 1 }, None).expect("a known shape").1
    };
    records(seed, shape, fault).iter().enumerate().flat_map(read).collect()
}
