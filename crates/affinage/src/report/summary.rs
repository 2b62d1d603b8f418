//! The first screen: what was compared, the answer in at most four sentences, and one plot.

use affinage_eval::analysis::{Analysis, ComparisonResult, Composite, VerdictWord, WinRate};
use affinage_eval::plan::Scope;

use super::arms::Arms;
use super::evidence::Evidence;
use super::html::esc;
use super::numbers::{Measure, Source, counted, figure};
use super::plot::{Axis, Forest, Mark};

/// The composite's word.
pub fn composite_words(composite: Composite) -> &'static str {
    match composite {
        Composite::BroadlyBetter => "broadly better",
        Composite::Specialised => "specialised",
        Composite::BetterInDomain => "better in its domain",
        Composite::TradedOff => "traded off",
        Composite::BetterElsewhere => "worse in its domain, better outside",
        Composite::BroadlyWorse => "broadly worse",
        Composite::WorseInDomain => "worse in its domain",
        Composite::BetterOutside => "better outside its domain",
        Composite::WorseOutside => "worse outside its domain",
        Composite::Equivalent => "equivalent",
        Composite::EquivalentInDomain => "equivalent in its domain",
        Composite::EquivalentOutside => "equivalent outside its domain",
        Composite::BetterOverall => "better over all prompts",
        Composite::WorseOverall => "worse over all prompts",
        Composite::EquivalentOverall => "equivalent over all prompts",
        Composite::NothingShown => "nothing shown",
        Composite::NotComparable => "not comparable",
    }
}

/// Question and answer, at most four. The sentences are the analysis' own.
pub fn answers(analysis: &Analysis) -> Vec<(&'static str, &str)> {
    ["Is it better?", "For what?", "For whom?", "How sure?"]
        .into_iter()
        .zip(analysis.headline.answers.iter().map(String::as_str))
        .filter(|(_, sentence)| !sentence.trim().is_empty())
        .collect()
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
    let mut parts = vec![facts.base_model.clone()];
    if let Some(dataset) = &facts.dataset {
        parts.push(format!(
            "trained on {} of {}",
            counted(dataset.train_examples, "example"),
            dataset.version
        ));
    }
    parts.push(counted(facts.prompts, "prompt"));
    parts.push(counted(facts.arms.len(), "arm"));
    let judges = evidence.plan.judges.len();
    parts.push(if judges == 0 { "no judge".to_owned() } else { counted(judges, "judge") });
    parts.join(" \u{00b7} ")
}

pub fn header(evidence: &Evidence, arms: &Arms) -> String {
    let analysis = &evidence.analysis;
    let headline = &analysis.headline;
    let answers: String = answers(analysis)
        .iter()
        .enumerate()
        .map(|(i, (question, sentence))| {
            let class = if i == 0 { " class=\"lead\"" } else { "" };
            format!("<dt>{question}</dt><dd{class}>{}</dd>\n", arms.prose(sentence))
        })
        .collect();
    format!(
        "<header>\n<p class=\"eyebrow\">affinage report <span>{}</span></p>\n<h1>{}</h1>\n<p class=\"scope\">{}</p>\n\
         <p class=\"verdict\"><span class=\"eyebrow\">Verdict</span> <strong class=\"{}\">{}</strong></p>\n\
         <dl class=\"answers\">\n{answers}</dl>\n</header>\n",
        esc(&analysis.evaluation.name),
        arms.versus(&headline.arm, &headline.against),
        esc(&scope_line(evidence)),
        if matches!(headline.composite, Composite::NothingShown | Composite::NotComparable) {
            "plain"
        } else {
            "said"
        },
        composite_words(headline.composite),
    )
}

/// The one plot of the first screen: every planned comparison, whole and by domain.
pub fn claims_plot(evidence: &Evidence, arms: &Arms) -> String {
    let analysis = &evidence.analysis;
    let margin = analysis.evaluation.margin;
    let mut forest = Forest::new(Axis::win_rates(margin), "win rate, 95 % interval");
    for (i, comparison) in analysis.comparisons.iter().enumerate() {
        let planned = &comparison.planned;
        forest.heading(&arms.versus(&planned.arm, &planned.against));
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
    let mut html = format!("<figure class=\"wide claims\">{}", forest.finish());
    html.push_str(&format!(
        "<figcaption>Share of prompts won, ties as half. Right of the line the first-named arm wins more often; the \
         shaded band ({} to {}) counts as equivalent. {together}</figcaption></figure>\n",
        super::numbers::percent(0.5 - margin),
        super::numbers::percent(0.5 + margin),
    ));
    html
}

fn comparison_rows(forest: &mut Forest, comparison: &ComparisonResult, arms: &Arms, index: usize) {
    let planned = &comparison.planned;
    let mut row = |label: &str, filter: &str, field: &str, rate: Option<&WinRate>| {
        let Some(rate) = rate else { return false };
        let what = format!("{} against {}, {label}", arms.short(&planned.arm), arms.short(&planned.against));
        let source = Source::new(
            format!(
                "judgments.jsonl through blind_key.jsonl, {} and {}{filter}",
                planned.arm, planned.against
            ),
            format!(".comparisons[{index}].{field}"),
        );
        let mark = Mark { estimate: &rate.estimate, look: arms.look(&planned.arm), what, source };
        forest.estimate_row(label, &mark, &word_cell(rate));
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
        forest.empty_row(all_label, &comparison.missing.sentence);
    }
}

/// The verdict's word with its sign; "not shown" says about how many prompts would be needed.
pub fn word_cell(rate: &WinRate) -> String {
    let mut cell = word(rate.word);
    if let (VerdictWord::NotShown, Some(n)) = (rate.word, rate.needs_about_n) {
        cell.push_str(&format!(" <small>needs about {}</small>", super::numbers::count(n)));
    }
    cell
}

/// One of the four words, with a sign beside it that needs no colour.
pub fn word(word: VerdictWord) -> String {
    let (class, sign) = match word {
        VerdictWord::Better => ("better", "\u{25b2}"),
        VerdictWord::Worse => ("worse", "\u{25bc}"),
        VerdictWord::EquivalentWithinMargin => ("equal", "="),
        VerdictWord::NotShown => ("unshown", "\u{2013}"),
    };
    format!("<span class=\"w {class}\"><i aria-hidden=\"true\">{sign}</i>{}</span>", word.words())
}

/// What the reader must know before believing, beyond the one limit among the answers; and every claim.
pub fn claims_and_limits(evidence: &Evidence, arms: &Arms) -> String {
    let analysis = &evidence.analysis;
    let mut html = String::new();
    let further: String = analysis
        .headline
        .limits
        .iter()
        .skip(1)
        .map(|limit| format!("<li>{}</li>", arms.prose(limit)))
        .collect();
    if !further.is_empty() {
        html.push_str(&format!(
            "<div class=\"limits\"><h2>Before you believe it</h2><ul>{further}</ul></div>\n"
        ));
    }
    let claims: String =
        analysis.claims.iter().enumerate().map(|(i, claim)| claim_item(claim, i, arms)).collect();
    if !claims.is_empty() {
        let summary = format!("All {} with their tests", counted(analysis.claims.len(), "claim"));
        html.push_str(&super::html::details(&summary, &format!("<ol class=\"claims-list\">{claims}</ol>")));
    }
    html
}

fn claim_item(claim: &affinage_eval::analysis::Claim, index: usize, arms: &Arms) -> String {
    let mut facts: Vec<String> = Vec::new();
    if let Some(estimate) = &claim.estimate {
        let measure = match claim.claim_id.split(':').next() {
            Some("win") => Measure::Share,
            Some("fit") => Measure::Nats,
            _ => Measure::SharePoints,
        };
        let source = Source::new(format!("claim {}", claim.claim_id), format!(".claims[{index}]"));
        facts.push(figure(&claim.claim_id, estimate, measure, &source));
        facts.push(format!("n = {} {}", super::numbers::count(estimate.n), esc(&estimate.unit)));
    }
    facts.extend(claim.p.map(super::numbers::p_value));
    facts.extend(claim.p_adjusted.map(|p| format!("Holm {}", super::numbers::p_value(p))));
    facts.extend(claim.needs_about_n.map(|n| format!("needs about {}", super::numbers::count(n))));
    let note =
        claim.note.as_deref().map_or_else(String::new, |note| format!(" <em>{}</em>", arms.prose(note)));
    format!(
        "<li>{} {}{note}<br><small>{} <code>{}</code></small></li>\n",
        word(claim.word),
        arms.prose(&claim.sentence),
        facts.join(" \u{00b7} "),
        esc(&claim.claim_id)
    )
}
