//! A seeded generator of logs with known faults: each is found, and clean logs raise nothing.

use affinage_eval::audit::audit_results;
use affinage_eval::audit::row::RowRef;
use affinage_eval::audit::shapes;
use affinage_eval::rng::Rng;
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
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
}

/// The codes of which at least one must be raised.
fn codes(fault: Fault) -> &'static [&'static str] {
    match fault {
        Fault::None => &[],
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
    }
}

const FAULTS: [Fault; 17] = [
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
];

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
    prompt: String,
    category: &'static str,
    texts: [String; 2],
    /// How clearly the second arm is better, in -1 ..= 1.
    lead: f64,
}

fn pairs(rng: &mut Rng, fault: Fault) -> Vec<Pair> {
    let n = if fault == Fault::FewPrompts { 12 } else { 80 };
    (0..n)
        .map(|i| {
            let numbers = [20 + rng.below(20), 20 + rng.below(20)];
            let mut texts = numbers.map(|words| sentence(rng, words));
            if fault == Fault::Cut && i % 4 == 0 {
                texts[1] = format!("{} and then", sentence(rng, 45).trim_end_matches('.'));
            }
            if fault == Fault::IdenticalAnswers && i % 20 == 0 {
                texts[1] = texts[0].clone();
            }
            let distinct = if fault == Fault::RepeatedPrompts { i % 40 } else { i };
            let tiny = fault == Fault::TinyCategory && i < 3;
            let category = if tiny { "poems" } else { ["letters", "essays"][i % 2] };
            let prompt = format!("Write piece number {distinct} for the almanac of this year.");
            Pair { prompt, category, texts, lead: 2.0 * rng.uniform() - 1.0 }
        })
        .collect()
}

/// Rows of a log with two judges that see each pair in both orders.
fn log(seed: u64, fault: Fault) -> Vec<Value> {
    let mut rng = Rng::new(seed);
    let pairs = pairs(&mut rng, fault);
    let mut rows = Vec::new();
    for pair in &pairs {
        let orders: &[&str] = if fault == Fault::OneSeat { &["AB"] } else { &["AB", "BA"] };
        for judge in ["judge-north", "judge-south"] {
            for order in orders {
                rows.push(judged(&mut rng, pair, judge, order, fault));
            }
        }
    }
    plant(&mut rng, &mut rows, fault);
    rows
}

/// One row: a judge that follows the pair's lead with some noise, unless the fault is in the judge.
fn judged(rng: &mut Rng, pair: &Pair, judge: &str, order: &str, fault: Fault) -> Value {
    let first = usize::from(order == "BA");
    let longer = pair.texts[1].len() as f64 - pair.texts[0].len() as f64;
    let leaning = match fault {
        Fault::SeatBias => {
            if first == 1 {
                0.5
            } else {
                -0.5
            }
        }
        Fault::LengthBias => longer / 60.0,
        Fault::NoAgreement => {
            if judge == "judge-north" {
                pair.lead
            } else {
                2.0 * rng.uniform() - 1.0
            }
        }
        _ => pair.lead,
    };
    let second_wins = leaning + 0.4 * (rng.uniform() - 0.5) > 0.0;
    let winner = usize::from(second_wins);
    // The arm under A: the first seat, or always the first arm.
    let under_a = if fault == Fault::LabelConfounded { 0 } else { first };
    let letter = |arm: usize| if arm == under_a { "A" } else { "B" };
    let word = |text: &str| text.split(' ').nth(1).unwrap_or_default().to_owned();
    let scores = |arm: usize| if arm == winner { 4 } else { 2 };
    let judgment = format!(
        "Response A - Depth: {}, Style: {}\nResponse B - Depth: {}, Style: {}\nWinner: {}\nReasoning: Response {} \
         begins with the {}. Response {} builds on a {} in its turn. Note {}.",
        scores(under_a),
        scores(under_a),
        scores(1 - under_a),
        scores(1 - under_a),
        letter(winner),
        letter(0),
        word(&pair.texts[0]),
        letter(1),
        word(&pair.texts[1]),
        rng.below(1_000_000_000)
    );
    let turned = matches!(fault, Fault::InvertedOrder | Fault::LabelConfounded) && order == "BA";
    let arms = ["baseline", "tuned"];
    let mut row = json!({
        "config_name": pair.category, "prompt": pair.prompt, "baseline_response": pair.texts[0],
        "tuned_response": pair.texts[1], "judge_model": judge, "model_returned": judge, "judgment": judgment,
        "presentation_order": order, "winner": arms[if turned { 1 - winner } else { winner }],
        "baseline_score": 2 * scores(0), "tuned_score": 2 * scores(1),
    });
    if fault == Fault::WrongOrderRecorded {
        let (one, two) = (&pair.texts[first], &pair.texts[1 - first]);
        row["judge_prompt"] = format!("Response A:\n{one}\n\nResponse B:\n{two}").into();
    }
    row
}

fn plant(rng: &mut Rng, rows: &mut Vec<Value>, fault: Fault) {
    let turn = |winner: &Value| if winner == "tuned" { json!("baseline") } else { json!("tuned") };
    match fault {
        Fault::LowerScoreStored => {
            for row in rows.iter_mut().filter(|row| row["presentation_order"] == "AB") {
                row["winner"] = turn(&row["winner"]);
                row["judgment"] = Value::Null;
            }
        }
        Fault::Slips => {
            for _ in 0..4 {
                let i = rng.below(rows.len());
                rows[i]["winner"] = "tie".into();
            }
        }
        Fault::Errors => {
            for _ in 0..5 {
                let i = rng.below(rows.len());
                rows[i]["judgment"] = "ERROR: 429 RESOURCE_EXHAUSTED, quota exceeded".into();
                rows[i]["winner"] = "unknown".into();
            }
        }
        Fault::BorrowedText => {
            for i in (0..40).step_by(4) {
                rows[i + 2]["judgment"] = rows[i]["judgment"].clone();
                rows[i + 2]["winner"] = rows[i]["winner"].clone();
            }
        }
        Fault::RepeatedRows => {
            let repeated = rows[3].clone();
            rows.push(repeated);
        }
        Fault::WrongOrderRecorded => {
            for row in rows.iter_mut().take(12) {
                let other = if row["presentation_order"] == "AB" { "BA" } else { "AB" };
                row["presentation_order"] = other.into();
            }
        }
        _ => {}
    }
}

fn found(seed: u64, fault: Fault) -> Vec<&'static str> {
    let mut rows = Vec::new();
    for (i, record) in log(seed, fault).iter().enumerate() {
        let record = record.as_object().expect("an object");
        rows.extend(shapes::rows(record, RowRef { file: 0, line: i + 1 }, None).expect("pair rows").1);
    }
    audit_results(&rows).findings.iter().map(|finding| finding.code).collect()
}

fn rates(seeds: u64) -> (Vec<(Fault, u64)>, u64) {
    let detected = FAULTS.map(|fault| {
        let hits =
            (0..seeds).filter(|&seed| found(seed, fault).iter().any(|code| codes(fault).contains(code)));
        (fault, hits.count() as u64)
    });
    let alarms = (1000..1000 + seeds).filter(|&seed| !found(seed, Fault::None).is_empty()).count() as u64;
    (detected.to_vec(), alarms)
}

#[test]
fn every_planted_fault_is_found_and_clean_logs_raise_nothing() {
    let (detected, alarms) = rates(20);
    for (fault, hits) in detected {
        // A judge that votes at random agrees with another by chance now and then.
        let least = if fault == Fault::NoAgreement { 18 } else { 20 };
        assert!(hits >= least, "{fault:?}: {hits} of 20");
    }
    assert!(alarms <= 1, "{alarms} of 20 clean logs raised something; the family-wise rate is 1 %");
}

#[test]
#[ignore = "slow: figures for docs/LOG.md"]
fn rates_over_many_seeds() {
    let (detected, alarms) = rates(300);
    for (fault, hits) in detected {
        println!("{fault:?}: found in {hits} of 300");
    }
    println!("clean logs with a finding: {alarms} of 300");
}

#[test]
fn an_inverted_order_is_turned_back_in_the_derived_table() {
    let read = |fault| {
        let mut rows = Vec::new();
        for (i, record) in log(5, fault).iter().enumerate() {
            let record = record.as_object().expect("an object");
            rows.extend(shapes::rows(record, RowRef { file: 0, line: i + 1 }, None).expect("pair rows").1);
        }
        audit_results(&rows)
    };
    let (clean, inverted) = (read(Fault::None), read(Fault::InvertedOrder));
    assert_ne!(inverted.table[0].stored, clean.table[0].stored, "the stored outcomes are wrong");
    assert_eq!(inverted.table[0].derived, clean.table[0].stored, "the derived ones are right");
}
