//! The first screen as Markdown, for a terminal or a commit message, and as a thread for people who will not open it.

use affinage_eval::analysis::{Analysis, CardQuestion, CardRow, CardWord, Composite};

use affinage_eval::plain::{count, counted};

use super::evidence::Evidence;
use super::numbers::{Measure, no_interval};
use super::summary;

/// Title, verdict, the answers, a table of the planned comparisons, limits and what to do next.
pub fn summary(evidence: &Evidence) -> String {
    let analysis = &evidence.analysis;
    let mut out = format!(
        "# {}\n\n{}\n\n**Verdict: {}**\n",
        summary::plain_title(evidence),
        summary::scope_line(evidence),
        verdict(analysis)
    );
    summary::answers(&analysis.card).for_each(|answer| out.push_str(&format!("\n- {answer}")));
    out.push_str(
        "\n\n| comparison | prompts | win rate | 95 % interval | n | word |\n|---|---|---|---|---|---|\n",
    );
    for comparison in &analysis.comparisons {
        let planned = &comparison.planned;
        let cuts = [
            ("all", &comparison.overall),
            ("in-domain", &comparison.in_domain),
            ("out-of-domain", &comparison.out_of_domain),
        ];
        for (cut, rate) in cuts {
            let Some(rate) = rate else { continue };
            let interval = rate
                .estimate
                .shown()
                .map_or_else(|| no_interval(&rate.estimate), |i| Measure::Share.interval(&i));
            out.push_str(&format!(
                "| {} against {} | {cut} | {} | {interval} | {} | {} |\n",
                planned.arm,
                planned.against,
                Measure::Share.value(rate.estimate.value),
                count(rate.estimate.n as u64),
                rate.word.words()
            ));
        }
        if comparison.overall.is_none() {
            let reason = comparison.no_rate.as_deref().unwrap_or("not judged");
            out.push_str(&format!(
                "| {} against {} | all | \u{2013} | | 0 | {reason} |\n",
                planned.arm, planned.against
            ));
        }
    }
    out.extend(analysis.dose.as_ref().map(super::dose::markdown));
    let before = before_belief(analysis);
    let next: Vec<&str> = analysis.next_steps.iter().map(String::as_str).collect();
    for (title, lines) in [("Before you believe it", before), ("Do next", next)] {
        if !lines.is_empty() {
            out.push_str(&format!("\n## {title}\n\n"));
            out.extend(lines.iter().map(|line| format!("- {line}\n")));
        }
    }
    out
}

/// The warnings of the answer card, then the limits of the headline that are not among them.
fn before_belief(analysis: &Analysis) -> Vec<&str> {
    let warnings = &analysis.card.watch_out;
    let others = analysis.headline.limits.iter().filter(|limit| !warnings.contains(limit));
    warnings.iter().chain(others).map(String::as_str).collect()
}

/// The words of the headline. Where which is better cannot be told and the voice was shown to change, that comes first.
fn verdict(analysis: &Analysis) -> String {
    let better = analysis.headline.composite.words(analysis.evaluation.margin);
    let is_open = matches!(analysis.headline.composite, Composite::NothingShown | Composite::NotComparable);
    let is_told = |row: &&CardRow| row.question == CardQuestion::Voice && row.word != CardWord::CannotTell;
    match analysis.card.rows.iter().find(is_told).filter(|_| is_open) {
        Some(voice) => format!("did it learn the voice? {}; is it better? {better}", voice.answer),
        None => better,
    }
}

/// A short thread that keeps what speaks against the result: verdict, answers, every limit, what to do next, where to check.
pub fn thread(evidence: &Evidence) -> String {
    let analysis = &evidence.analysis;
    let verdict = verdict(analysis);
    let mut posts =
        vec![format!("{}: {verdict}.\n{}.", summary::plain_title(evidence), summary::scope_line(evidence))];
    posts.extend(summary::answers(&analysis.card));
    posts.extend(before_belief(analysis).into_iter().map(|limit| format!("Against it: {limit}")));
    posts.extend(analysis.next_steps.first().map(|step| format!("Next: {step}")));
    posts.push(format!(
        "{} and {}, all of them in the files; every number of report.html names its rows.",
        counted(analysis.evaluation.completions, "answer", "answers"),
        counted(analysis.evaluation.judgments, "verdict", "verdicts")
    ));
    let n = posts.len();
    let numbered: Vec<String> =
        posts.iter().enumerate().map(|(i, post)| format!("{}/{n} {}", i + 1, plain(post))).collect();
    numbered.join("\n\n")
}

/// Without the marks that only a page can show.
fn plain(text: &str) -> String {
    text.replace('`', "")
}
