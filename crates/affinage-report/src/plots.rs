//! Which plots an evaluation has, as files of their own.

use affinage_eval::findings::FindingMeasure;

use super::arms::Arms;
use super::charts::file::{Row, forest, panel};
use super::charts::{Look, Strip};
use super::checkpoints;
use super::dose;
use super::evidence::Evidence;
use super::numbers::Measure;

/// A file below `plots/` and its text.
pub struct Plot {
    pub name: String,
    pub svg: String,
}

/// The planned comparisons, the headline by category and judge, the checkpoint curve, and every group of findings that
/// has figures.
pub fn plots(evidence: &Evidence) -> Vec<Plot> {
    let analysis = &evidence.analysis;
    let arms = Arms::new(&evidence.plan);
    let win_rates = Strip::win_rates(analysis.evaluation.margin);
    let mut plots = Vec::new();
    let mut add = |name: String, title: &str, axis: &Strip, rows: &[Row]| {
        if !rows.is_empty() {
            plots.push(Plot { name, svg: forest(title, axis, rows) });
        }
    };
    let (planned, cuts) = (planned_rows(evidence, &arms), headline_rows(evidence, &arms));
    add(
        "comparisons.svg".to_owned(),
        "Win rates of the planned comparisons, 95 % intervals",
        &win_rates,
        &planned,
    );
    add(
        "headline.svg".to_owned(),
        "The headline by category and by judge, 95 % intervals",
        &win_rates,
        &cuts,
    );
    for group in &analysis.findings {
        for (measure, kind) in [
            (FindingMeasure::Share, "share"),
            (FindingMeasure::SharePoints, "points"),
            (FindingMeasure::Coefficient, "log-odds"),
        ] {
            let rows: Vec<Row> = group
                .findings
                .iter()
                .filter(|finding| finding.measure == measure)
                .filter_map(|finding| {
                    let estimate = finding.estimate.as_ref()?;
                    let is_arm = evidence.plan.arm(&finding.label).is_some();
                    let label =
                        if is_arm { arms.short(&finding.label) } else { finding.label.replace('`', "") };
                    let look = if is_arm { arms.look(&finding.label) } else { Look::PLAIN };
                    Some(Row { label, estimate, look })
                })
                .collect();
            let estimates = rows.iter().map(|row| row.estimate);
            let axis = match measure {
                FindingMeasure::Share => win_rates.clone(),
                FindingMeasure::SharePoints => Strip::differences(estimates, Measure::SharePoints),
                FindingMeasure::Coefficient => Strip::differences(estimates, Measure::Coefficient),
            };
            add(format!("{}-{kind}.svg", group.id), &group.title, &axis, &rows);
        }
    }
    let extent = checkpoints::extent(evidence);
    plots.extend(
        checkpoints::panels(evidence).into_iter().map(|(name, drawn)| Plot {
            name: format!("checkpoints-{name}.svg"),
            svg: panel(&drawn, &extent),
        }),
    );
    let extent = dose::extent(evidence);
    plots.extend(
        dose::panels(evidence)
            .into_iter()
            .map(|(name, drawn)| Plot { name: format!("dose-{name}.svg"), svg: panel(&drawn, &extent) }),
    );
    plots
}

fn planned_rows<'e>(evidence: &'e Evidence, arms: &Arms) -> Vec<Row<'e>> {
    let mut rows = Vec::new();
    for comparison in &evidence.analysis.comparisons {
        let planned = &comparison.planned;
        let pair = format!("{} against {}", arms.short(&planned.arm), arms.short(&planned.against));
        let cuts = [
            ("all", &comparison.overall),
            ("in-domain", &comparison.in_domain),
            ("out-of-domain", &comparison.out_of_domain),
        ];
        for (cut, rate) in cuts {
            let Some(rate) = rate else { continue };
            let look = arms.look(&planned.arm);
            rows.push(Row { label: format!("{pair}, {cut}"), estimate: &rate.estimate, look });
        }
    }
    rows
}

fn headline_rows<'e>(evidence: &'e Evidence, arms: &Arms) -> Vec<Row<'e>> {
    let Some(headline) = evidence.analysis.comparisons.iter().find(|c| c.is_headline) else {
        return Vec::new();
    };
    let look = arms.look(&headline.planned.arm);
    let categories = headline.by_category.iter().map(|cut| (&cut.category, &cut.win_rate));
    let judges = headline.by_judge.iter().map(|cut| (&cut.judge_id, &cut.win_rate));
    categories
        .chain(judges)
        .filter_map(|(name, rate)| {
            Some(Row { label: name.clone(), estimate: &rate.as_ref()?.estimate, look })
        })
        .collect()
}
