//! Better for what, and for whom: each comparison by category, by judge and by criterion.

use affinage_eval::analysis::{ComparisonResult, WinRate};

use super::arms::Arms;
use super::charts::{Mark, Strip};
use super::evidence::Evidence;
use super::forest::Forest;
use super::html::{Section, details, esc, judge_name};
use super::numbers::{Measure, Source, p_value};
use super::summary::word_cell;

const TITLE: &str = "Better for what, and for whom";

pub fn section(evidence: &Evidence, arms: &Arms) -> Section {
    let analysis = &evidence.analysis;
    let margin = analysis.evaluation.margin;
    let has_rate = |comparison: &ComparisonResult| {
        comparison.overall.is_some() || comparison.by_judge.iter().any(|judge| judge.win_rate.is_some())
    };
    if !analysis.comparisons.iter().any(has_rate) {
        return Section::missing("what-for", TITLE, "No vote counts yet.");
    }
    let mut body = String::new();
    let (headline, others): (Vec<_>, Vec<_>) =
        analysis.comparisons.iter().enumerate().partition(|(_, comparison)| comparison.is_headline);
    for (i, comparison) in headline {
        body.push_str(&format!(
            "<h3>{}</h3>\n",
            arms.versus(&comparison.planned.arm, &comparison.planned.against)
        ));
        body.push_str(&comparison_html(comparison, arms, margin, i));
    }
    for (i, comparison) in others {
        let planned = &comparison.planned;
        let title = format!("{} against {}", arms.short(&planned.arm), arms.short(&planned.against));
        body.push_str(&details(&title, &comparison_html(comparison, arms, margin, i)));
    }
    Section::new("what-for", TITLE, body)
}

fn comparison_html(comparison: &ComparisonResult, arms: &Arms, margin: f64, index: usize) -> String {
    let mut html = String::new();
    html.push_str(&cuts_forest(comparison, arms, margin, index));
    html.push_str(&criteria_forest(comparison, arms, index));
    if let Some(length) = &comparison.length {
        html.push_str(&arms.p(&length.sentence));
    }
    html.push_str(&arms.p(&comparison.missing.sentence));
    if let Some(overall) = &comparison.overall {
        html.push_str(&details("Counts and tests", &tests(comparison, overall)));
    }
    html
}

fn cuts_forest(comparison: &ComparisonResult, arms: &Arms, margin: f64, index: usize) -> String {
    let planned = &comparison.planned;
    let pair = format!("{} against {}", arms.short(&planned.arm), arms.short(&planned.against));
    let mut forest = Forest::new(Strip::win_rates(margin), "win rate, 95 % interval");
    if !comparison.by_category.is_empty() {
        forest.heading("by category");
    }
    let is_judged = comparison.by_category.iter().any(|cut| cut.win_rate.is_some());
    if let Some(why) = comparison.no_rate.as_deref().filter(|_| !is_judged) {
        forest.empty_row("every category", why);
    }
    for (i, cut) in comparison.by_category.iter().enumerate().filter(|_| is_judged) {
        let label = match (cut.not_worse_than_margin, cut.category == cut.domain.name()) {
            (_, true) => esc(&cut.category),
            (Some(true), _) => format!("{} <small>not worse than the margin</small>", esc(&cut.category)),
            _ => format!("{} <small>{}</small>", esc(&cut.category), cut.domain.name()),
        };
        let source = Source::new(
            format!(
                "judgments.jsonl, {} and {}, prompts.jsonl category = {}",
                planned.arm, planned.against, cut.category
            ),
            format!(".comparisons[{index}].by_category[{i}]"),
        );
        rate_row(
            &mut forest,
            &label,
            cut.win_rate.as_ref(),
            (arms, &planned.arm),
            format!("{pair}, {}", cut.category),
            source,
            comparison.no_rate.as_deref().unwrap_or("none of its prompts has a vote that counts"),
        );
    }
    if !comparison.by_judge.is_empty() {
        forest.heading("by judge");
    }
    for (i, cut) in comparison.by_judge.iter().enumerate() {
        let outside = if cut.in_panel { "" } else { " <small>not in the mean</small>" };
        let label = format!("{}{outside}", judge_name(&cut.judge_id));
        let source = Source::new(
            format!("judgments.jsonl judge_id = {}, {} and {}", cut.judge_id, planned.arm, planned.against),
            format!(".comparisons[{index}].by_judge[{i}]"),
        );
        rate_row(
            &mut forest,
            &label,
            cut.win_rate.as_ref(),
            (arms, &planned.arm),
            format!("{pair}, {}", cut.judge_id),
            source,
            "it judged no pair in both orders",
        );
    }
    if forest.is_empty() {
        String::new()
    } else {
        format!("<figure class=\"wide\">{}</figure>\n", forest.finish())
    }
}

fn rate_row(
    forest: &mut Forest,
    label: &str,
    rate: Option<&WinRate>,
    (arms, arm): (&Arms, &str),
    what: String,
    source: Source,
    why: &str,
) {
    match rate {
        Some(rate) => {
            let what = format!("{what}\n{}", rate.outcomes());
            let mark = Mark { estimate: &rate.estimate, look: arms.look(arm), what, source };
            forest.estimate_row(label, &mark, &word_cell(rate));
        }
        None => forest.empty_row(label, why),
    }
}

fn criteria_forest(comparison: &ComparisonResult, arms: &Arms, index: usize) -> String {
    if comparison.criteria.is_empty() {
        return String::new();
    }
    let axis = Strip::differences(comparison.criteria.iter().map(|c| &c.estimate), Measure::Points);
    let mut forest = Forest::new(axis, "score difference");
    forest.heading("what judges scored, 1 to 10");
    for (i, criterion) in comparison.criteria.iter().enumerate() {
        let name = criterion.criterion.replace('_', " ");
        let source = Source::new("judgments.jsonl, scores", format!(".comparisons[{index}].criteria[{i}]"));
        let look = arms.look(&comparison.planned.arm);
        let mark =
            Mark { estimate: &criterion.estimate, look, what: format!("{name}: arm minus against"), source };
        forest.estimate_row(&esc(&name), &mark, "");
    }
    format!("<figure class=\"wide no-words\">{}</figure>\n", forest.finish())
}

/// Every figure behind the word.
fn tests(comparison: &ComparisonResult, rate: &WinRate) -> String {
    let mut facts: Vec<(&str, String)> = vec![("won, tied, lost", rate.outcomes())];
    facts.extend(rate.permutation_p.map(|p| ("sign-flip permutation test", p_value(p))));
    facts.extend(comparison.p_adjusted.map(|p| ("after Holm", p_value(p))));
    facts.extend(rate.sign_test_p.map(|p| ("sign test, ties dropped", p_value(p))));
    facts.extend(rate.e_value.map(|e| ("e-value against 50 %", format!("{e:.2}"))));
    facts.push(("design effect", format!("{:.2}", rate.design_effect)));
    facts.extend(
        rate.detectable_win_rate
            .map(|d| ("this many prompts would show", format!("{} or more", super::numbers::percent(d)))),
    );
    if let Some(bounds) = &comparison.missing.bounds {
        facts.push(("if all missing were lost, or won", Measure::Share.interval(bounds)));
    }
    let rows: String = facts.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>")).collect();
    format!("<dl class=\"facts\">{rows}</dl>")
}
