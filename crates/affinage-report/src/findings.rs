//! Findings beside the planned comparisons: each group a part of the page with a plot, its sentences and its rows.

use affinage_eval::analysis::Estimate;
use affinage_eval::findings::{Finding, FindingGroup, FindingMeasure};

use super::arms::Arms;
use super::charts::{Look, Mark, Strip};
use super::evidence::Evidence;
use super::forest::Forest;
use super::html::{Section, esc};
use super::numbers::{Measure, Source, p_value};

/// The part of the group `id`; empty where the analysis has no such group.
pub fn section(evidence: &Evidence, arms: &Arms, id: &'static str, title: &'static str) -> Section {
    let groups = &evidence.analysis.findings;
    let Some(position) = groups.iter().position(|group| group.id == id) else {
        return Section::missing(id, title, "Not measured.");
    };
    let group = &groups[position];
    if group.findings.is_empty() {
        return Section::missing(id, title, "There are too few votes for it.");
    }
    if let [only] = group.findings.as_slice()
        && only.estimate.is_none()
        && only.p.is_none()
    {
        return Section { body: arms.p(&only.sentence), ..Section::missing(id, title, "") };
    }
    let mut body = arms.p(&group.plain);
    for measure in [FindingMeasure::Share, FindingMeasure::SharePoints, FindingMeasure::Coefficient] {
        body.push_str(&forest(evidence, arms, group, position, measure));
    }
    // What is to be done stands on the first screen.
    let is_news = |sentence: &str| {
        !sentence.is_empty() && !evidence.analysis.next_steps.iter().any(|step| step == sentence)
    };
    let said = |(i, finding): (usize, &Finding)| {
        let source = Source::new(finding.rows.clone(), format!(".findings[{position}].findings[{i}]"));
        let p_words = finding.p.map_or(String::new(), |p| format!(" <small>{}</small>", esc(&p_value(p))));
        format!(
            "<li data-tip=\"{}\">{}{p_words}</li>\n",
            esc(&format!("{}\nanalysis.json {}", source.rows, source.pointer)),
            arms.prose(&finding.sentence)
        )
    };
    let items: String =
        group.findings.iter().enumerate().filter(|(_, f)| is_news(&f.sentence)).map(said).collect();
    if !items.is_empty() {
        body.push_str(&format!("<ul class=\"said-list\">{items}</ul>\n"));
    }
    if id == "disagreement" {
        body.push_str(&super::map::html(evidence, arms));
    }
    Section::new(id, title, body)
}

fn forest(
    evidence: &Evidence,
    arms: &Arms,
    group: &FindingGroup,
    position: usize,
    measure: FindingMeasure,
) -> String {
    let drawn: Vec<(usize, &Finding, &Estimate)> = group
        .findings
        .iter()
        .enumerate()
        .filter(|(_, finding)| finding.measure == measure)
        .filter_map(|(i, finding)| Some((i, finding, finding.estimate.as_ref()?)))
        .collect();
    if drawn.is_empty() {
        return String::new();
    }
    let (axis, caption) = match measure {
        FindingMeasure::Share => {
            (Strip::win_rates(evidence.analysis.evaluation.margin), "share, 95 % interval")
        }
        FindingMeasure::SharePoints => (
            Strip::differences(drawn.iter().map(|(.., e)| *e), Measure::SharePoints),
            "points, 95 % interval",
        ),
        FindingMeasure::Coefficient => (
            Strip::differences(drawn.iter().map(|(.., e)| *e), Measure::Coefficient),
            "log odds, 95 % interval",
        ),
    };
    let mut forest = Forest::new(axis, caption);
    for (i, finding, estimate) in drawn {
        let is_arm = evidence.plan.arm(&finding.label).is_some();
        let look = if is_arm { arms.look(&finding.label) } else { Look::PLAIN };
        let label = if is_arm { arms.label(&finding.label) } else { esc(&finding.label) };
        let source =
            Source::new(finding.rows.clone(), format!(".findings[{position}].findings[{i}].estimate"));
        forest.estimate_row(&label, &Mark { estimate, look, what: finding.label.clone(), source }, "");
    }
    format!("<figure class=\"wide no-words\">{}</figure>\n", forest.finish())
}
