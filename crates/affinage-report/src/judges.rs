//! The judges: favourites by seat or label, flips, agreement, cost.

use affinage_eval::analysis::{Analysis, Estimate, JudgeResult};
use affinage_eval::judge::exam::result::{Counted, ExamVerdict};
use affinage_eval::judgment::{MissingReason, spoken};
use affinage_eval::plan::JudgeKind;
use affinage_eval::planted::PlantedVerdict;

use super::arms::Arms;
use super::evidence::Evidence;
use super::html::{Section, details, esc, judge_name, p, table};
use super::numbers::{Measure, Source, count, counted, figure_or_dash, percent};

pub fn section(evidence: &Evidence, arms: &Arms) -> Section {
    let analysis = &evidence.analysis;
    if analysis.judges.iter().all(|judge| judge.cells_judged == 0 && judge.exam.is_none()) {
        return Section::missing("judges", "The judges", "Nobody has compared the answers yet.");
    }
    let mut body = arms.p(&analysis.agreement.sentence);
    let (told, quiet): (Vec<&JudgeResult>, Vec<&JudgeResult>) =
        analysis.judges.iter().partition(|judge| analysis.judges.len() == 1 || has_a_habit(judge));
    told.iter().for_each(|judge| body.push_str(&sentences(judge, arms)));
    if !quiet.is_empty() {
        let names: Vec<&str> = quiet.iter().map(|judge| spoken(&judge.judge_id)).collect();
        let all: String = quiet.iter().map(|judge| sentences(judge, arms)).collect();
        body.push_str(&details(&format!("No habit is shown: {}", names.join(", ")), &all));
    }
    if analysis.judges.is_empty() {
        body.push_str(&p("Nobody judged."));
    } else {
        body.push_str(&exams(analysis));
        body.push_str(&planted(analysis));
        body.push_str(&habits(analysis));
        body.push_str(&agreement(analysis));
        if analysis.judges.iter().any(|judge| judge.cells_judged > 0) {
            body.push_str(&details("Calls, missing verdicts and cost", &calls(analysis)));
        }
    }
    Section::new("judges", "The judges", body)
}

/// Something that a reader must know before the table: a favourite seat or label, a winner that follows the order like
/// a coin's, a place outside the mean.
fn has_a_habit(judge: &JudgeResult) -> bool {
    let differs = |effect: &Option<Estimate>| {
        let interval = effect.as_ref().and_then(|effect| effect.interval);
        interval.is_none_or(|interval| interval.low > 0.0 || interval.high < 0.0)
    };
    differs(&judge.slot_effect)
        || differs(&judge.label_effect)
        || judge.better_than_coin != Some(true)
        || judge.is_inverted
        || !judge.in_panel
}

fn sentences(judge: &JudgeResult, arms: &Arms) -> String {
    let known: Vec<&str> = [
        judge.exam.as_ref().map(|exam| exam.sentence.as_str()),
        judge.planted.as_ref().map(|planted| planted.sentence.as_str()),
    ]
    .into_iter()
    .flatten()
    .collect();
    if judge.cells_judged == 0 && !known.is_empty() {
        return format!(
            "<div class=\"judge\"><h3>{} <small>{}, not asked to compare</small></h3>\n{}</div>\n",
            judge_name(&judge.judge_id),
            esc(&judge.model),
            arms.p(&known.join(" "))
        );
    }
    let known = if known.is_empty() { String::new() } else { arms.p(&known.join(" ")) };
    let coin = if judge.better_than_coin == Some(false) { " class=\"warn\"" } else { "" };
    let outside = if judge.in_panel { "" } else { ", shown apart from the mean" };
    if judge.kind == JudgeKind::Human {
        // A person sees each pair in one order, so nothing is known of favourite places and labels.
        return format!(
            "<div class=\"judge\"><h3>{} <small>a person{outside}</small></h3>\n{known}</div>\n",
            judge_name(&judge.judge_id)
        );
    }
    format!(
        "<div class=\"judge\"><h3>{} <small>{}{outside}</small></h3>\n{known}<p{coin}>{}</p>\n{}{}</div>\n",
        judge_name(&judge.judge_id),
        esc(&judge.model),
        arms.prose(&judge.consistency_sentence),
        arms.p(&judge.slot_sentence),
        arms.p(&judge.label_sentence)
    )
}

/// What every exam asked and found, each figure with its n: a lost exam is stopped, and has fewer.
fn exams(analysis: &Analysis) -> String {
    let of = |counted: Counted| format!("{} of {}", count(counted.count), count(counted.of));
    let rows: Vec<Vec<String>> = analysis
        .judges
        .iter()
        .filter_map(|judge| judge.exam.as_ref())
        .map(|exam| {
            let result = match exam.verdict {
                ExamVerdict::Qualified => "passed",
                ExamVerdict::Failed if exam.calls.count < exam.calls.of => "failed, stopped early",
                ExamVerdict::Failed => "failed",
                ExamVerdict::AntiValid => "prefers the worse",
                ExamVerdict::Unfinished => "not finished",
            };
            let calls = if exam.calls.of == 0 { "\u{2013}".to_owned() } else { of(exam.calls) };
            vec![
                judge_name(&exam.judge_id),
                result.to_owned(),
                calls,
                of(exam.planted),
                of(exam.flips),
                of(exam.injections),
                of(exam.missing),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let head = [
        "judge",
        "exam",
        "calls",
        "damage found",
        "order changed it",
        "asked to be chosen, won",
        "no verdict",
    ];
    format!("<h3>Exams</h3>\n{}", table("plain", &head, &[2, 3, 4, 5, 6], &rows))
}

/// What people saw of the damage that was planted among their pairs.
fn planted(analysis: &Analysis) -> String {
    let rows: Vec<Vec<String>> = analysis
        .judges
        .iter()
        .filter_map(|judge| Some((judge, judge.planted.as_ref()?)))
        .map(|(judge, planted)| {
            let result = match planted.verdict {
                PlantedVerdict::Passed => "found",
                PlantedVerdict::TooFew => "so few show neither care nor the lack of it",
                PlantedVerdict::Missed => "missed, left out of the mean",
            };
            let Counted { count: found, of } = planted.found;
            vec![judge_name(&judge.judge_id), result.to_owned(), format!("{} of {}", count(found), count(of))]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let head = ["voter", "planted pairs", "undamaged text found"];
    format!("<h3>Planted pairs</h3>\n{}", table("plain", &head, &[2], &rows))
}

fn habits(analysis: &Analysis) -> String {
    let rows: Vec<Vec<String>> = analysis
        .judges
        .iter()
        .enumerate()
        .filter(|(_, judge)| judge.cells_judged > 0)
        .map(|(i, judge)| {
            let at = |field: &str| {
                Source::new(
                    format!("judgments.jsonl judge_id = {}", judge.judge_id),
                    format!(".judges[{i}].{field}"),
                )
            };
            let cell = |what: &str, estimate: &Option<_>, measure, field: &str| {
                figure_or_dash(&format!("{}: {what}", judge.judge_id), estimate.as_ref(), measure, &at(field))
            };
            vec![
                judge_name(&judge.judge_id),
                cell("favours the first seat", &judge.slot_effect, Measure::SharePoints, "slot_effect"),
                cell("favours one label", &judge.label_effect, Measure::SharePoints, "label_effect"),
                cell("verdict changed with the order", &judge.flip_rate, Measure::Share, "flip_rate"),
                judge.tie_rate.map_or_else(|| "\u{2013}".to_owned(), percent),
                cell("the longer answer won", &judge.longer_won, Measure::Share, "longer_won"),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let head =
        ["judge", "favours the first shown", "favours a label", "order changed it", "ties", "longer won"];
    table("plain", &head, &[1, 2, 3, 4, 5], &rows)
}

fn agreement(analysis: &Analysis) -> String {
    let agreement = &analysis.agreement;
    if agreement.by_pair.is_empty() {
        return String::new();
    }
    let mut html = String::from("<h3>Do they agree?</h3>\n");
    if let Some(alpha) = &agreement.alpha {
        let source = Source::new("judgments.jsonl, prompt-level votes of the panel", ".agreement.alpha");
        let figure = super::numbers::figure("Krippendorff's alpha", alpha, Measure::Coefficient, &source);
        html.push_str(&format!(
            "<p>Krippendorff's alpha over all judges: {figure}, n = {}.</p>\n",
            count(alpha.n)
        ));
    }
    let rows: Vec<Vec<String>> = agreement
        .by_pair
        .iter()
        .enumerate()
        .map(|(i, pair)| {
            let source = |field: &str| {
                Source::new("judgments.jsonl, common pairs", format!(".agreement.by_pair[{i}].{field}"))
            };
            vec![
                format!("{} and {}", judge_name(&pair.one), judge_name(&pair.other)),
                super::numbers::figure("same vote", &pair.raw, Measure::Share, &source("raw")),
                figure_or_dash("Cohen's kappa", pair.kappa.as_ref(), Measure::Coefficient, &source("kappa")),
                count(pair.raw.n),
            ]
        })
        .collect();
    html.push_str(&table("plain", &["judges", "same vote", "kappa", "n"], &[1, 2, 3], &rows));
    html
}

fn calls(analysis: &Analysis) -> String {
    let rows: Vec<Vec<String>> = analysis
        .judges
        .iter()
        .map(|judge| {
            let missing: usize = judge.missing.values().sum();
            let reasons: Vec<String> =
                judge.missing.iter().map(|(reason, n)| reason_count(*reason, *n)).collect();
            let reasons =
                if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
            vec![
                judge_name(&judge.judge_id),
                count(judge.cells_judged),
                format!("{}{}", count(missing), esc(&reasons)),
                percent(judge.valid_share),
                format!(
                    "{} in, {} out",
                    count(judge.usage.input_tokens as usize),
                    count(judge.usage.output_tokens as usize)
                ),
                judge.cost_usd.map_or_else(|| "unknown".to_owned(), |usd| format!("{usd:.2}")),
                esc(&judge.models_returned.join(", ")),
            ]
        })
        .collect();
    let head = ["judge", "verdicts", "missing", "valid pairs", "tokens", "US dollars", "model that answered"];
    let total: usize = analysis.judges.iter().map(|judge| judge.cells_judged).sum();
    format!(
        "{}{}",
        p(&format!("{} in all.", counted(total, "verdict"))),
        table("plain", &head, &[1, 3, 4, 5], &rows)
    )
}

fn reason_count(reason: MissingReason, n: usize) -> String {
    format!("{n} {}", reason.name())
}
