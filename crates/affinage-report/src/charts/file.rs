//! A chart as a file of its own: SVG with its sizes and colours in it, for a paper or a slide.

use affinage_eval::analysis::{Estimate, TOO_FEW};

use super::{Extent, Look, Mark, Panel, Strip};
use crate::html::esc;
use crate::numbers::Source;

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

/// A line of a forest: its name, its figure, its mark.
pub struct Row<'a> {
    pub label: String,
    pub estimate: &'a Estimate,
    pub look: Look,
}

/// Rows of dots with their intervals and figures over one scale.
pub fn forest(title: &str, strip: &Strip, rows: &[Row]) -> String {
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
            row.estimate.shown().map_or_else(String::new, |i| format!(" {}", strip.measure().interval(&i)));
        let few = if row.estimate.is_of_few() { format!(", {TOO_FEW}") } else { String::new() };
        body.push_str(&format!(
            "<text x=\"12\" y=\"{0:.1}\">{1}</text>\n{2}\n<text x=\"{3:.1}\" y=\"{0:.1}\">{4}</text>\n",
            y + 17.5,
            esc(&shortened(&row.label)),
            strip.row_at(&mark, (LABEL_PX, y, PLOT_PX, ROW_PX)),
            LABEL_PX + PLOT_PX + 14.0,
            esc(&format!(
                "{}{interval}, n {}{few}",
                strip.measure().value(row.estimate.value),
                row.estimate.n
            )),
        ));
    }
    let bottom = TOP_PX + ROW_PX * rows.len() as f64;
    let scale = format!(
        "<svg class=\"scale\" x=\"{LABEL_PX}\" y=\"{bottom:.1}\" width=\"{PLOT_PX}\" height=\"24\" overflow=\"visible\">{}</svg>\n",
        strip.labels()
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

/// One panel.
pub fn panel(panel: &Panel, extent: &Extent) -> String {
    let body = format!(
        "<svg x=\"64\" y=\"48\" width=\"470\" height=\"210\" overflow=\"visible\">{}</svg>\n",
        panel.inner(extent)
    );
    file(650.0, 300.0, &panel.title, &body)
}
