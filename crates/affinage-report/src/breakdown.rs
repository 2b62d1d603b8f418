//! Better for what, and for whom: each comparison by category, by judge and by criterion.

use affinage_eval::analysis::{ComparisonResult, WinRate};
use affinage_eval::judgment::spoken;
use serde::Serialize;

use super::arms::Arms;
use super::charts::{Mark, Strip};
use super::evidence::Evidence;
use super::html::Section;
use super::numbers::{Measure, Source, p_value, percent};
use super::summary::word_cell;
use super::view::{Fact, Forest, Inline, Piece};

const TITLE: &str = "Better for what, and for whom";

#[derive(Serialize)]
struct View {
    /// The headline first and open, the others one click below.
    comparisons: Vec<Comparison>,
}

#[derive(Serialize)]
struct Comparison {
    is_headline: bool,
    versus: Inline,
    versus_plain: String,
    cuts: Option<Forest>,
    criteria: Option<Forest>,
    sentences: Vec<Inline>,
    /// Every figure behind the word.
    tests: Vec<Fact>,
}

pub fn section(evidence: &Evidence, arms: &Arms) -> Section {
    let analysis = &evidence.analysis;
    let margin = analysis.evaluation.margin;
    let has_rate = |comparison: &ComparisonResult| {
        comparison.overall.is_some() || comparison.by_judge.iter().any(|judge| judge.win_rate.is_some())
    };
    if !analysis.comparisons.iter().any(has_rate) {
        return Section::missing("what-for", TITLE, "No vote counts yet.");
    }
    let all = analysis.comparisons.iter().enumerate();
    let mut comparisons: Vec<Comparison> =
        all.map(|(i, result)| comparison(result, arms, margin, i)).collect();
    comparisons.sort_by_key(|comparison| !comparison.is_headline);
    Section::drawn("breakdown.html", "what-for", TITLE, &View { comparisons })
}

fn comparison(result: &ComparisonResult, arms: &Arms, margin: f64, index: usize) -> Comparison {
    let (arm, against) = (&result.planned.arm, &result.planned.against);
    let length = result.length.as_ref().map(|length| length.sentence.as_str());
    Comparison {
        is_headline: result.is_headline,
        versus: arms.versus(arm, against),
        versus_plain: arms.versus_plain(arm, against),
        cuts: cuts(result, arms, margin, index),
        criteria: criteria(result, arms, index),
        sentences: arms.paragraphs(length.into_iter().chain([result.missing.sentence.as_str()])),
        tests: result.overall.as_ref().map_or_else(Vec::new, |overall| tests(result, overall)),
    }
}

fn cuts(comparison: &ComparisonResult, arms: &Arms, margin: f64, index: usize) -> Option<Forest> {
    let planned = &comparison.planned;
    let pair = arms.versus_plain(&planned.arm, &planned.against);
    let look = arms.look(&planned.arm);
    let mut forest = Forest::new(Strip::win_rates(margin), "win rate, 95 % interval");
    let row = |forest: &mut Forest, label, rate: Option<&WinRate>, of: &str, source, why: &str| match rate {
        Some(rate) => {
            let what = format!("{pair}, {of}\n{}", rate.outcomes());
            forest.estimate(label, &Mark { estimate: &rate.estimate, look, what, source }, word_cell(rate));
        }
        None => forest.empty(label, why),
    };
    if !comparison.by_category.is_empty() {
        forest.heading("by category");
    }
    let is_judged = comparison.by_category.iter().any(|cut| cut.win_rate.is_some());
    if let Some(why) = comparison.no_rate.as_deref().filter(|_| !is_judged) {
        forest.empty("every category", why);
    }
    for (i, cut) in comparison.by_category.iter().enumerate().filter(|_| is_judged) {
        let label = Inline::from(cut.category.as_str());
        let label = match (cut.not_worse_than_margin, cut.category == cut.domain.name()) {
            (_, true) => label,
            (Some(true), _) => label.and(" ").then(Piece::small("not worse than the margin")),
            _ => label.and(" ").then(Piece::small(cut.domain.name())),
        };
        let source = Source::new(
            format!(
                "judgments.jsonl, {} and {}, prompts.jsonl category = {}",
                planned.arm, planned.against, cut.category
            ),
            format!(".comparisons[{index}].by_category[{i}]"),
        );
        let why = comparison.no_rate.as_deref().unwrap_or("none of its prompts has a vote that counts");
        row(&mut forest, label, cut.win_rate.as_ref(), &cut.category, source, why);
    }
    if !comparison.by_judge.is_empty() {
        forest.heading("by judge");
    }
    for (i, cut) in comparison.by_judge.iter().enumerate() {
        let label = Inline::from(spoken(&cut.judge_id));
        let label = if cut.in_panel { label } else { label.and(" ").then(Piece::small("not in the mean")) };
        let source = Source::new(
            format!("judgments.jsonl judge_id = {}, {} and {}", cut.judge_id, planned.arm, planned.against),
            format!(".comparisons[{index}].by_judge[{i}]"),
        );
        row(
            &mut forest,
            label,
            cut.win_rate.as_ref(),
            &cut.judge_id,
            source,
            "it judged no pair in both orders",
        );
    }
    forest.filled()
}

fn criteria(comparison: &ComparisonResult, arms: &Arms, index: usize) -> Option<Forest> {
    let strip = Strip::differences(comparison.criteria.iter().map(|c| &c.estimate), Measure::Points);
    let mut forest = Forest::new(strip, "score difference");
    if !comparison.criteria.is_empty() {
        forest.heading("what judges scored, 1 to 10");
    }
    for (i, criterion) in comparison.criteria.iter().enumerate() {
        let name = criterion.criterion.replace('_', " ");
        let source = Source::new("judgments.jsonl, scores", format!(".comparisons[{index}].criteria[{i}]"));
        let look = arms.look(&comparison.planned.arm);
        let mark =
            Mark { estimate: &criterion.estimate, look, what: format!("{name}: arm minus against"), source };
        forest.estimate(name, &mark, Inline::default());
    }
    forest.filled()
}

fn tests(comparison: &ComparisonResult, rate: &WinRate) -> Vec<Fact> {
    let mut facts = vec![Fact::new("won, tied, lost", rate.outcomes())];
    facts.extend(rate.permutation_p.map(|p| Fact::new("sign-flip permutation test", p_value(p))));
    facts.extend(comparison.p_adjusted.map(|p| Fact::new("after Holm", p_value(p))));
    facts.extend(rate.sign_test_p.map(|p| Fact::new("sign test, ties dropped", p_value(p))));
    facts.extend(rate.e_value.map(|e| Fact::new("e-value against 50 %", format!("{e:.2}"))));
    facts.push(Fact::new("design effect", format!("{:.2}", rate.design_effect)));
    facts.extend(
        rate.detectable_win_rate
            .map(|d| Fact::new("this many prompts would show", format!("{} or more", percent(d)))),
    );
    if let Some(bounds) = &comparison.missing.bounds {
        facts.push(Fact::new("if all missing were lost, or won", Measure::Share.interval(bounds)));
    }
    facts
}
