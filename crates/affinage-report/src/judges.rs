//! The judges: favourites by position or label, flips, agreement, cost.

use affinage_eval::analysis::{Analysis, Estimate, JudgeResult};
use affinage_eval::judge::qualification::result::{Counted, QualificationVerdict};
use affinage_eval::judgment::{MissingReason, spoken};
use affinage_eval::plain::{count, counted};
use affinage_eval::plan::JudgeKind;
use affinage_eval::planted::PlantedVerdict;
use serde::Serialize;

use super::arms::Arms;
use super::evidence::Evidence;
use super::html::Section;
use super::numbers::{Measure, Source, percent};
use super::view::{Inline, Piece, Table};

#[derive(Serialize)]
struct View {
    agreement: Vec<Inline>,
    /// Judges of whom a reader must know something before the table.
    told: Vec<Judge>,
    quiet: Vec<Judge>,
    /// The names of the quiet ones.
    quiet_names: String,
    nobody: bool,
    exams: Option<Table>,
    planted: Option<Table>,
    habits: Option<Table>,
    by_pair: Option<ByPair>,
    calls: Option<Calls>,
}

#[derive(Serialize)]
struct Judge {
    name: String,
    /// Its model and its part in the mean.
    what: String,
    /// What its exam and planted pairs say.
    known: Option<Inline>,
    /// Whether its winner follows the order, in a sentence; `None` of people, who see each pair in one order, and of judges
    /// that were not asked.
    consistency: Option<Inline>,
    is_coin: bool,
    favourites: Vec<Inline>,
}

#[derive(Serialize)]
struct ByPair {
    alpha: Option<Piece>,
    alpha_n: String,
    table: Table,
}

#[derive(Serialize)]
struct Calls {
    title: &'static str,
    total: String,
    table: Table,
}

pub fn section(evidence: &Evidence, arms: &Arms) -> Section {
    let analysis = &evidence.analysis;
    if analysis.judges.iter().all(|judge| judge.cells_judged == 0 && judge.exam.is_none()) {
        return Section::missing("judges", "The judges", "Nobody has compared the answers yet.");
    }
    let (told, quiet): (Vec<&JudgeResult>, Vec<&JudgeResult>) =
        analysis.judges.iter().partition(|judge| analysis.judges.len() == 1 || judge.has_habit());
    let names: Vec<&str> = quiet.iter().map(|judge| spoken(&judge.judge_id)).collect();
    let view = View {
        agreement: arms.paragraphs([analysis.agreement.sentence.as_str()]),
        told: told.into_iter().map(|result| judge(result, arms)).collect(),
        quiet_names: names.join(", "),
        quiet: quiet.iter().map(|result| judge(result, arms)).collect(),
        nobody: analysis.judges.is_empty(),
        exams: exams(analysis).filled(),
        planted: planted(analysis).filled(),
        habits: habits(analysis).filled(),
        by_pair: by_pair(analysis),
        calls: analysis.judges.iter().any(|judge| judge.cells_judged > 0).then(|| calls(analysis)),
    };
    let title = if who(analysis) == "voter" { "The voters" } else { "The judges" };
    Section::drawn("judges.html", "judges", title, &view)
}

fn judge(judge: &JudgeResult, arms: &Arms) -> Judge {
    let exam = judge.exam.as_ref().map(|exam| exam.sentence.as_str());
    let planted = judge.planted.as_ref().map(|planted| planted.sentence.as_str());
    let known: Vec<&str> = exam.into_iter().chain(planted).collect();
    let is_absent = judge.cells_judged == 0 && !known.is_empty();
    let is_person = judge.kind == JudgeKind::Human;
    let outside = if judge.in_panel { "" } else { ", shown apart from the mean" };
    let what = match () {
        () if is_absent => format!("{}, not asked to compare", judge.model),
        () if is_person => format!("a person{outside}"),
        () => format!("{}{outside}", judge.model),
    };
    let is_told = !is_absent && !is_person;
    let favourites: &[&str] = if is_told { &[&judge.slot_sentence, &judge.label_sentence] } else { &[] };
    Judge {
        name: spoken(&judge.judge_id).to_owned(),
        what,
        known: (!known.is_empty()).then(|| arms.prose(&known.join(" "))),
        consistency: is_told.then(|| arms.prose(&judge.consistency_sentence)),
        is_coin: judge.better_than_coin == Some(false),
        favourites: arms.paragraphs(favourites.iter().copied()),
    }
}

fn of(counted: Counted) -> Inline {
    format!("{} of {}", count(counted.count as u64), count(counted.of as u64)).into()
}

fn name(judge: &JudgeResult) -> Inline {
    spoken(&judge.judge_id).into()
}

/// What every exam asked and found, each figure with its n: a lost exam is stopped, and has fewer.
fn exams(analysis: &Analysis) -> Table {
    let row = |judge: &JudgeResult| {
        let exam = judge.exam.as_ref()?;
        let result = match exam.verdict {
            QualificationVerdict::Qualified => "passed",
            QualificationVerdict::Failed if exam.calls.count < exam.calls.of => "failed, stopped early",
            QualificationVerdict::Failed => "failed",
            QualificationVerdict::AntiValid => "prefers the worse",
            QualificationVerdict::Unfinished => "not finished",
        };
        let calls = if exam.calls.of == 0 { "\u{2013}".into() } else { of(exam.calls) };
        let counts = [exam.planted, exam.flips, exam.injections, exam.missing].map(of);
        Some([spoken(&exam.judge_id).into(), result.into(), calls].into_iter().chain(counts).collect())
    };
    let head = [
        "judge",
        "exam",
        "calls",
        "damage found",
        "order changed it",
        "asked to be chosen, won",
        "no verdict",
    ];
    Table::new(&head, &[2, 3, 4, 5, 6], analysis.judges.iter().filter_map(row).collect())
}

/// What people saw of the damage that was planted among their pairs.
fn planted(analysis: &Analysis) -> Table {
    let row = |judge: &JudgeResult| {
        let planted = judge.planted.as_ref()?;
        let result = match planted.verdict {
            PlantedVerdict::Passed => "found",
            PlantedVerdict::TooFew => "so few show neither care nor the lack of it",
            PlantedVerdict::Missed => "missed, left out of the mean",
        };
        Some(vec![name(judge), result.into(), of(planted.found)])
    };
    let head = ["voter", "planted pairs", "undamaged text found"];
    Table::new(&head, &[2], analysis.judges.iter().filter_map(row).collect())
}

/// What the column of names is called: people are voters, models are judges.
fn who(analysis: &Analysis) -> &'static str {
    let people = analysis.judges.iter().filter(|judge| judge.kind == JudgeKind::Human).count();
    match people {
        0 => "judge",
        all if all == analysis.judges.len() => "voter",
        _ => "judge or voter",
    }
}

fn habits(analysis: &Analysis) -> Table {
    let row = |(i, judge): (usize, &JudgeResult)| {
        let cell = |what: &str, estimate: &Option<Estimate>, measure, field: &str| -> Inline {
            let source = Source::new(
                format!("judgments.jsonl judge_id = {}", judge.judge_id),
                format!(".judges[{i}].{field}"),
            );
            let what = format!("{}: {what}", judge.judge_id);
            Piece::figure_or_dash(&what, estimate.as_ref(), measure, &source).into()
        };
        vec![
            name(judge),
            cell("favours the first position", &judge.slot_effect, Measure::SharePoints, "slot_effect"),
            cell("favours one label", &judge.label_effect, Measure::SharePoints, "label_effect"),
            cell("verdict changed with the order", &judge.flip_rate, Measure::Share, "flip_rate"),
            judge.tie_rate.map_or_else(|| "\u{2013}".to_owned(), percent).into(),
            cell("the longer answer won", &judge.longer_won, Measure::Share, "longer_won"),
        ]
    };
    let head = [
        who(analysis),
        "favours the first shown",
        "favours a label",
        "order changed it",
        "ties",
        "longer won",
    ];
    let judged = analysis.judges.iter().enumerate().filter(|(_, judge)| judge.cells_judged > 0);
    Table::new(&head, &[1, 2, 3, 4, 5], judged.map(row).collect())
}

fn by_pair(analysis: &Analysis) -> Option<ByPair> {
    let agreement = &analysis.agreement;
    if agreement.by_pair.is_empty() {
        return None;
    }
    let alpha = |alpha: &Estimate| {
        let source = Source::new("judgments.jsonl, prompt-level votes of the panel", ".agreement.alpha");
        Piece::figure("Krippendorff's alpha", alpha, Measure::Coefficient, &source)
    };
    let rows = agreement.by_pair.iter().enumerate().map(|(i, pair)| {
        let source = |field: &str| {
            Source::new("judgments.jsonl, common pairs", format!(".agreement.by_pair[{i}].{field}"))
        };
        let kappa = pair.kappa.as_ref();
        vec![
            format!("{} and {}", spoken(&pair.one), spoken(&pair.other)).into(),
            Piece::figure("same vote", &pair.raw, Measure::Share, &source("raw")).into(),
            Piece::figure_or_dash("Cohen's kappa", kappa, Measure::Coefficient, &source("kappa")).into(),
            count(pair.raw.n as u64).into(),
        ]
    });
    Some(ByPair {
        alpha: agreement.alpha.as_ref().map(alpha),
        alpha_n: agreement.alpha.as_ref().map_or_else(String::new, |alpha| count(alpha.n as u64)),
        table: Table::new(&["who", "same vote", "kappa", "n"], &[1, 2, 3], rows.collect()),
    })
}

fn calls(analysis: &Analysis) -> Calls {
    let row = |judge: &JudgeResult| {
        let missing: usize = judge.missing.values().sum();
        let reasons: Vec<String> =
            judge.missing.iter().map(|(reason, n)| reason_count(*reason, *n)).collect();
        let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
        vec![
            name(judge),
            count(judge.cells_judged as u64).into(),
            format!("{}{reasons}", count(missing as u64)).into(),
            percent(judge.valid_share).into(),
            match judge.kind {
                JudgeKind::Human => "none".to_owned(),
                _ => format!(
                    "{} in, {} out",
                    count(judge.usage.input_tokens),
                    count(judge.usage.output_tokens)
                ),
            }
            .into(),
            match (judge.kind, judge.cost_usd) {
                (JudgeKind::Human, _) => "none".to_owned(),
                (_, None) => "unknown".to_owned(),
                (_, Some(usd)) => format!("{usd:.2}"),
            }
            .into(),
            judge.models_returned.join(", ").into(),
        ]
    };
    let is_people = analysis.judges.iter().all(|judge| judge.kind == JudgeKind::Human);
    let given = if is_people { "votes" } else { "verdicts" };
    let head =
        [who(analysis), given, "missing", "valid pairs", "tokens", "US dollars", "model that answered"];
    let total: usize = analysis.judges.iter().map(|judge| judge.cells_judged).sum();
    Calls {
        title: if is_people { "Votes and missing ones" } else { "Calls, missing verdicts and cost" },
        total: if is_people {
            counted(total, "vote", "votes")
        } else {
            counted(total, "verdict", "verdicts")
        },
        table: Table::new(&head, &[1, 3, 4, 5], analysis.judges.iter().map(row).collect()),
    }
}

fn reason_count(reason: MissingReason, n: usize) -> String {
    format!("{n} {}", reason.name())
}
