//! The plots as files of their own: SVG with its sizes and colours in it, for a paper or a slide.

use affinage_eval::analysis::{Estimate, TOO_FEW};
use affinage_eval::findings::FindingMeasure;

use super::arms::{Arms, Look, Shape};
use super::checkpoints;
use super::dose;
use super::evidence::Evidence;
use super::html::esc;
use super::numbers::{Measure, Source};
use super::plot::{Axis, Mark};

/// A file below `plots/` and its text.
pub struct Plot {
    pub name: String,
    pub svg: String,
}

/// A line of a forest.
struct Row<'a> {
    label: String,
    estimate: &'a Estimate,
    look: Look,
}

/// The planned comparisons, the headline by category and judge, the checkpoint curve, and every group of findings that
/// has figures.
pub fn plots(evidence: &Evidence) -> Vec<Plot> {
    let analysis = &evidence.analysis;
    let arms = Arms::new(&evidence.plan);
    let win_rates = Axis::win_rates(analysis.evaluation.margin);
    let mut plots = Vec::new();
    let mut add = |name: String, title: &str, axis: &Axis, rows: &[Row]| {
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
                    let look = if is_arm { arms.look(&finding.label) } else { PLAIN };
                    Some(Row { label, estimate, look })
                })
                .collect();
            let estimates = rows.iter().map(|row| row.estimate);
            let axis = match measure {
                FindingMeasure::Share => win_rates.clone(),
                FindingMeasure::SharePoints => Axis::differences(estimates, Measure::SharePoints),
                FindingMeasure::Coefficient => Axis::differences(estimates, Measure::Coefficient),
            };
            add(format!("{}-{kind}.svg", group.id), &group.title, &axis, &rows);
        }
    }
    plots.extend(checkpoints::panels(evidence).into_iter().map(|(name, panel)| {
        let (steps, ticks) = checkpoints::step_axis(evidence);
        Plot {
            name: format!("checkpoints-{name}.svg"),
            svg: chart(&panel.title, &panel.inner(steps, &ticks)),
        }
    }));
    let (extent, ticks) = dose::axis(evidence);
    plots.extend(dose::panels(evidence).into_iter().map(|(name, panel)| Plot {
        name: format!("dose-{name}.svg"),
        svg: chart(&panel.title, &panel.inner(extent, &ticks)),
    }));
    plots
}

const PLAIN: Look = Look { class: "arm-head", shape: Shape::Circle };

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

const LABEL_PX: f64 = 270.0;
const PLOT_PX: f64 = 380.0;
const FIGURE_PX: f64 = 180.0;
const ROW_PX: f64 = 26.0;
const TOP_PX: f64 = 40.0;

/// The colours of the page in daylight.
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1e1c19}.tick,.scale text{font-size:12px;fill:#655f55}\
.title{font-size:15px;font-weight:600}.grid{stroke:#e2dccd}.reference{stroke:#1e1c19}.band{fill:#f6f2e8}\
.whisker{stroke:currentColor;stroke-width:2}.target{fill:none}.dot{opacity:.55}.mark svg>:not(.target){fill:currentColor}\
polyline{fill:none;stroke:currentColor;stroke-width:1.5;vector-effect:non-scaling-stroke}.raw{stroke-width:1;opacity:.75}\
.end{fill:currentColor}.series-main,.arm-head{color:#a63f14}.series-other,.arm-prompt{color:#1a6f94}\
.series-muted,.arm-base{color:#6b6b6b}.arm-step{color:#c9803f}.arm-other{color:#5b7a2f}";

fn file(width: f64, height: f64, title: &str, body: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} \
         {height:.0}\" role=\"img\">\n<title>{0}</title>\n<style>{STYLE}</style>\n<rect width=\"100%\" height=\"100%\" \
         fill=\"#fffefa\"/>\n<text class=\"title\" x=\"12\" y=\"24\">{0}</text>\n{body}</svg>\n",
        esc(title)
    )
}

fn forest(title: &str, axis: &Axis, rows: &[Row]) -> String {
    let mut body = String::new();
    for (i, row) in rows.iter().enumerate() {
        let y = TOP_PX + ROW_PX * i as f64;
        let mark = Mark {
            estimate: row.estimate,
            look: row.look,
            what: row.label.clone(),
            source: Source::new(row.estimate.unit.clone(), String::new()),
        };
        let interval =
            row.estimate.shown().map_or_else(String::new, |i| format!(" {}", axis.measure.interval(&i)));
        let few = if row.estimate.is_of_few() { format!(", {TOO_FEW}") } else { String::new() };
        body.push_str(&format!(
            "<text x=\"12\" y=\"{0:.1}\">{1}</text>\n{2}\n<text x=\"{3:.1}\" y=\"{0:.1}\">{4}</text>\n",
            y + 17.5,
            esc(&shortened(&row.label)),
            axis.strip_at(&mark, (LABEL_PX, y, PLOT_PX, ROW_PX)),
            LABEL_PX + PLOT_PX + 14.0,
            esc(&format!("{}{interval}, n {}{few}", axis.measure.value(row.estimate.value), row.estimate.n)),
        ));
    }
    let bottom = TOP_PX + ROW_PX * rows.len() as f64;
    let scale = format!(
        "<svg class=\"scale\" x=\"{LABEL_PX}\" y=\"{bottom:.1}\" width=\"{PLOT_PX}\" height=\"24\" overflow=\"visible\">{}</svg>\n",
        axis.labels()
    );
    file(LABEL_PX + PLOT_PX + FIGURE_PX, bottom + 34.0, title, &format!("{body}{scale}"))
}

/// Labels keep to their column.
fn shortened(label: &str) -> String {
    const MOST: usize = 38;
    if label.chars().count() <= MOST {
        return label.to_owned();
    }
    let kept: String = label.chars().take(MOST - 1).collect();
    format!("{}\u{2026}", kept.trim_end())
}

fn chart(title: &str, inner: &str) -> String {
    let body =
        format!("<svg x=\"64\" y=\"48\" width=\"470\" height=\"210\" overflow=\"visible\">{inner}</svg>\n");
    file(650.0, 300.0, title, &body)
}
