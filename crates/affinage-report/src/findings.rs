//! Findings beside the planned comparisons: each group a part of the page with a plot, its sentences and its rows.

use affinage_eval::analysis::Estimate;
use affinage_eval::findings::{Finding, FindingGroup, FindingMeasure, title};
use serde::Serialize;

use super::arms::Arms;
use super::charts::{Look, Mark, Strip};
use super::evidence::Evidence;
use super::html::Section;
use super::map::{self, Map};
use super::numbers::{Measure, Source, p_value};
use super::view::{Forest, Inline};

#[derive(Serialize)]
struct View {
    /// How to read it.
    plain: Vec<Inline>,
    forests: Vec<Forest>,
    said: Vec<Said>,
    map: Option<Map>,
}

/// A sentence with its p and where it comes from.
#[derive(Serialize)]
struct Said {
    tip: String,
    sentence: Inline,
    p: Option<String>,
}

/// The part of the group `id`; empty where the analysis has no such group.
pub fn section(evidence: &Evidence, arms: &Arms, id: &'static str) -> Section {
    let groups = &evidence.analysis.findings;
    let Some(position) = groups.iter().position(|group| group.id == id) else {
        return Section::missing(id, title(id), "Not measured.");
    };
    let group = &groups[position];
    let title = group.title.clone();
    if group.findings.is_empty() {
        return Section::missing(id, title, "There are too few votes for it.");
    }
    if let [only] = group.findings.as_slice()
        && only.estimate.is_none()
        && only.p.is_none()
    {
        return Section::missing_for(id, title, arms.prose(&only.sentence));
    }
    let measures = [FindingMeasure::Share, FindingMeasure::SharePoints, FindingMeasure::Coefficient];
    // What is to be done stands on the first screen.
    let is_news = |sentence: &str| {
        !sentence.is_empty() && !evidence.analysis.next_steps.iter().any(|step| step == sentence)
    };
    let said = |(i, finding): (usize, &Finding)| Said {
        tip: format!("{}\nanalysis.json .findings[{position}].findings[{i}]", finding.rows),
        sentence: arms.prose(&finding.sentence),
        p: finding.p.map(p_value),
    };
    let view = View {
        plain: arms.paragraphs([group.plain.as_str()]),
        forests: measures
            .map(|measure| forest(evidence, arms, group, position, measure))
            .into_iter()
            .flatten()
            .collect(),
        said: group.findings.iter().enumerate().filter(|(_, f)| is_news(&f.sentence)).map(said).collect(),
        map: if id == "disagreement" { map::map(evidence, arms) } else { None },
    };
    Section::drawn("findings.html", id, title, &view)
}

fn forest(
    evidence: &Evidence,
    arms: &Arms,
    group: &FindingGroup,
    position: usize,
    measure: FindingMeasure,
) -> Option<Forest> {
    let drawn: Vec<(usize, &Finding, &Estimate)> = group
        .findings
        .iter()
        .enumerate()
        .filter(|(_, finding)| finding.measure == measure)
        .filter_map(|(i, finding)| Some((i, finding, finding.estimate.as_ref()?)))
        .collect();
    let differences = |measure| Strip::differences(drawn.iter().map(|(.., e)| *e), measure);
    let (strip, axis_name) = match measure {
        FindingMeasure::Share => {
            (Strip::win_rates(evidence.analysis.evaluation.margin), "share, 95 % interval")
        }
        FindingMeasure::SharePoints => (differences(Measure::SharePoints), "points, 95 % interval"),
        FindingMeasure::Coefficient => (differences(Measure::Coefficient), "log odds, 95 % interval"),
    };
    let mut forest = Forest::new(strip, axis_name);
    for (i, finding, estimate) in drawn {
        let is_arm = evidence.plan.arm(&finding.label).is_some();
        let look = if is_arm { arms.look(&finding.label) } else { Look::PLAIN };
        let label =
            if is_arm { arms.name(&finding.label).into() } else { Inline::from(finding.label.as_str()) };
        let source =
            Source::new(finding.rows.clone(), format!(".findings[{position}].findings[{i}].estimate"));
        let mark = Mark { estimate, look, what: finding.label.clone(), source };
        forest.estimate(label, &mark, Inline::default());
    }
    forest.filled()
}
