//! A forest: rows of estimates, each with its strip, its figure, its n and its word.

use super::charts::{Mark, Strip};
use super::html::esc;
use super::numbers::{count, figure};

/// A forest under construction: headings, rows, and the scale at its foot.
pub struct Forest {
    strip: Strip,
    caption_left: String,
    rows: String,
    /// The same rows in words, for a forest that has nothing to draw.
    lines: String,
    /// Rows that stand for more than one observation.
    drawn: usize,
}

impl Forest {
    /// `caption_left` says what the left cell of the scale row names, such as "win rate, 95 % interval".
    pub fn new(strip: Strip, caption_left: &str) -> Self {
        Self {
            strip,
            caption_left: caption_left.to_owned(),
            rows: String::new(),
            lines: String::new(),
            drawn: 0,
        }
    }

    /// A heading over the following rows, as HTML.
    pub fn heading(&mut self, html: &str) {
        self.lines.push_str(&format!("<li class=\"group\">{html}</li>\n"));
        self.rows.push_str(&format!(
            "<tr class=\"group\"><th scope=\"rowgroup\" colspan=\"5\">{html}</th></tr>\n"
        ));
    }

    /// A row for one estimate: `label` and `word` are HTML.
    pub fn estimate_row(&mut self, label: &str, mark: &Mark, word: &str) {
        let figure = figure(&mark.what, mark.estimate, self.strip.measure(), &mark.source);
        let n = count(mark.estimate.n);
        self.drawn += usize::from(mark.estimate.n > 1);
        self.lines.push_str(&format!("<li>{label}: {figure}, n = {n} {word}</li>\n"));
        self.rows.push_str(&format!(
            "<tr><th scope=\"row\">{label}</th><td class=\"strip-cell\">{}</td><td class=\"num value\">{figure}</td>\
             <td class=\"num n\">{n}</td><td class=\"word\">{word}</td></tr>\n",
            self.strip.row(Some(mark)),
        ));
    }

    /// A row without a figure; `why` is plain text.
    pub fn empty_row(&mut self, label: &str, why: &str) {
        self.lines.push_str(&format!("<li>{label}: {}</li>\n", esc(why)));
        self.rows.push_str(&format!(
            "<tr class=\"empty\"><th scope=\"row\">{label}</th><td class=\"strip-cell\">{}</td>\
             <td class=\"why\" colspan=\"3\">{}</td></tr>\n",
            self.strip.row(None),
            esc(why)
        ));
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A plot, or a list of lines where no row stands for more than one observation: there is nothing to compare by eye.
    pub fn finish(self) -> String {
        if self.drawn == 0 {
            return format!("<ul class=\"said-list\">{}</ul>\n", self.lines);
        }
        format!(
            "<table class=\"forest\"><thead><tr><th scope=\"col\"><span class=\"hidden\">what</span></th>\
             <td></td><th scope=\"col\" class=\"num\">figure</th><th scope=\"col\" class=\"num\">n</th>\
             <th scope=\"col\">word</th></tr></thead><tbody>{}</tbody>\
             <tfoot><tr><td class=\"axis-name\">{}</td><td class=\"scale-cell\">{}</td><td></td><td></td><td></td></tr>\
             </tfoot></table>\n",
            self.rows,
            esc(&self.caption_left),
            self.strip.foot()
        )
    }
}

#[cfg(test)]
mod tests {
    use affinage_eval::analysis::Estimate;

    use super::*;
    use crate::charts::{Look, Shape};
    use crate::numbers::Source;

    #[test]
    fn a_forest_without_anything_to_compare_is_a_list() {
        let estimate = |n: usize| Estimate {
            value: 1.0,
            interval: None,
            n,
            n_effective: n as f64,
            unit: "prompts".to_owned(),
            method: String::new(),
        };
        let drawn = |n: usize| {
            let mut forest = Forest::new(Strip::shares(), "right answers");
            forest.heading("maths");
            let look = Look { class: "arm-base", shape: Shape::Circle };
            let source = Source::new("completions.jsonl", ".objective[0]");
            let estimate = estimate(n);
            forest.estimate_row(
                "base",
                &Mark { estimate: &estimate, look, what: "base".to_owned(), source },
                "",
            );
            forest.empty_row("tuned", "no answer");
            forest.finish()
        };
        let (one, two) = (drawn(1), drawn(2));
        assert!(!one.contains("<svg") && !one.contains("<table"), "{one}");
        assert!(
            one.contains("<li class=\"group\">maths</li>") && one.contains("<li>tuned: no answer</li>"),
            "{one}"
        );
        assert!(one.contains("n = 1"), "{one}");
        assert!(two.contains("<table class=\"forest\">") && two.contains("class=\"mark arm-base\""), "{two}");
    }
}
