//! The report: one self-contained page that a person enjoys and an engineer can check.
//!
//! Pure: no file, socket, clock or terminal. The program collects [`evidence::Evidence`], [`render`] is a function of it. The page loads nothing: its
//! style and script are part of it and named by hash in its content security policy, and every text from a model, a
//! judge or a user is escaped. Sentences and verdict words come from `analysis.json` as they are.

mod arms;
mod breakdown;
pub mod card;
mod charts;
mod checkpoints;
mod checks;
mod data;
mod dose;
pub mod evidence;
mod findings;
mod fit;
mod forest;
mod html;
mod judges;
mod map;
pub mod markdown;
mod numbers;
mod objective;
mod pairs;
pub mod plain;
pub mod plots;
mod rates;
mod summary;
#[cfg(test)]
mod tests;
mod voice;

pub use html::time;

use affinage_eval::analysis::MethodNote;
use sha2::{Digest as _, Sha256};

use arms::Arms;
use evidence::Evidence;
use html::{Section, esc, json_for_script};
use pairs::PairData;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// A finished page and what it had to leave in the files.
pub struct Page {
    pub html: String,
    pub pairs_embedded: usize,
    pub pairs_total: usize,
}

/// Draws the page. The same evidence gives the same bytes.
pub fn render(evidence: &Evidence) -> Page {
    let arms = Arms::new(&evidence.plan);
    let pairs = pairs::collect(evidence, &arms);
    let read = vec![pairs_section(evidence, &pairs)];
    let voice = vec![
        voice::section(evidence, &arms),
        checkpoints::section(evidence, &arms),
        fit::section(evidence, &arms),
    ];
    let statistics = vec![
        summary::section(evidence, &arms),
        breakdown::section(evidence, &arms),
        findings::section(evidence, &arms, "strengths", "All arms on one scale"),
        findings::section(evidence, &arms, "readers", "Better for which reader"),
        judges::section(evidence, &arms),
        findings::section(evidence, &arms, "values", "What each judge rewards"),
        findings::section(evidence, &arms, "disagreement", "Where judges disagree"),
        findings::section(evidence, &arms, "panel", "Does it hang on one judge?"),
        findings::section(evidence, &arms, "people", "What people say"),
        findings::section(evidence, &arms, "forgetting", "What was forgotten"),
        objective::section(evidence, &arms),
        rates::section(evidence, &arms),
        findings::section(evidence, &arms, "variance", "What makes the win rate uncertain"),
        findings::section(evidence, &arms, "recitation", "Is it recitation?"),
        data::certificate_section(evidence),
        findings::section(evidence, &arms, "planned", "What was planned, and how far it reaches"),
        data::registry_section(evidence),
        data::evaluations_section(evidence),
        checks::checks_section(evidence, &arms),
        checks::methods_section(evidence, &arms),
        checks::provenance_section(evidence, &arms),
    ];
    let mut missing = Vec::new();
    let mut shown = |sections: Vec<Section>| -> Vec<Section> {
        let (without, with): (Vec<Section>, Vec<Section>) =
            sections.into_iter().partition(|section| section.is_missing);
        missing.extend(without);
        with
    };
    let doors = [
        Door { id: "read", title: "Read the answers", sections: shown(read), is_open: true },
        Door { id: "voices", title: "How the voice changed", sections: shown(voice), is_open: false },
        Door { id: "statistics", title: "The statistics", sections: shown(statistics), is_open: false },
    ];
    let named: Vec<(&str, &str)> =
        doors.iter().filter(|door| !door.sections.is_empty()).map(|door| (door.id, door.title)).collect();
    let mut notes = Notes::new(&evidence.analysis.method_notes);
    let mut main = format!("<section id=\"top\">\n{}</section>\n", card::html(evidence, &arms, &named));
    if let Some(dose) = dose::section(evidence, &arms) {
        main.push_str(&section_html(&dose, &mut notes));
    }
    for door in doors.iter().filter(|door| !door.sections.is_empty()) {
        main.push_str(&door.html(&mut notes));
    }
    main.push_str(&not_measured(&missing));
    Page {
        html: document(evidence, &main, &pairs),
        pairs_embedded: pairs.pairs.len(),
        pairs_total: pairs.total,
    }
}

/// One way on from the first screen: a part of the page that opens.
struct Door {
    id: &'static str,
    title: &'static str,
    sections: Vec<Section>,
    is_open: bool,
}

impl Door {
    fn html(&self, notes: &mut Notes) -> String {
        // The only section of a door needs no heading beside the door's own, and nothing to choose from.
        let contents = if self.sections.len() > 3 { contents(&self.sections) } else { String::new() };
        let sections: String = self.sections.iter().map(|section| section_html(section, notes)).collect();
        format!(
            "<details class=\"door\" id=\"{}\"{}>\n<summary><h2>{}</h2></summary>\n{contents}{sections}</details>\n",
            self.id,
            if self.is_open { " open" } else { "" },
            esc(self.title)
        )
    }
}

fn section_html(section: &Section, notes: &mut Notes) -> String {
    with_margin(section.id, &format!("<h2>{}</h2>\n{}", esc(section.title), section.body), notes)
}

/// What this evaluation has nothing for: the names in one line, the reasons one click below.
fn not_measured(missing: &[Section]) -> String {
    if missing.is_empty() {
        return String::new();
    }
    let titles: Vec<String> = missing.iter().map(|part| esc(part.title)).collect();
    let reasons: String = missing
        .iter()
        .map(|part| format!("<dt id=\"{}\">{}</dt><dd>{}</dd>\n", part.id, esc(part.title), part.body))
        .collect();
    format!(
        "<div id=\"not-measured\"><p class=\"caption\">Nothing to show for: {}.</p>\n{}</div>\n",
        titles.join(" \u{00b7} "),
        html::details("Why", &format!("<dl class=\"glossary\">{reasons}</dl>"))
    )
}

/// The method words that are still to be explained: each stands beside the first part that uses it.
struct Notes<'a> {
    open: Vec<&'a MethodNote>,
}

impl<'a> Notes<'a> {
    fn new(notes: &'a [MethodNote]) -> Self {
        Self { open: notes.iter().collect() }
    }

    fn for_part(&mut self, html: &str) -> String {
        let words = format!(" {} ", words_of(&html::visible_text(html)));
        let stands = |term: &str| words.contains(&format!(" {} ", words_of(term)));
        let (used, open): (Vec<_>, Vec<_>) =
            self.open.iter().partition(|note| note.term.split(',').any(stands));
        self.open = open;
        used.iter()
            .map(|note| {
                format!(
                    "<p class=\"note\"><b>{}</b> {}</p>\n",
                    esc(&note.term),
                    html::prose(&note.plain, &html::code)
                )
            })
            .collect()
    }
}

/// Lower-case words with one space between them, hyphens and underscores inside them kept.
fn words_of(text: &str) -> String {
    let separates = |c: char| !(c.is_alphanumeric() || c == '-' || c == '_');
    let words: Vec<String> = text.split(separates).filter(|w| !w.is_empty()).map(str::to_lowercase).collect();
    words.join(" ")
}

/// A part of the page with its notes in the margin. The methods and their glossary need none.
fn with_margin(id: &str, body: &str, notes: &mut Notes) -> String {
    let margin = if id == "methods" { String::new() } else { notes.for_part(body) };
    let margin = if margin.is_empty() {
        margin
    } else {
        format!("<aside aria-label=\"In plain words\">{margin}</aside>\n")
    };
    format!("<section id=\"{id}\">\n<div class=\"main\">\n{body}</div>\n{margin}</section>\n")
}

fn contents(sections: &[Section]) -> String {
    let items: String = sections
        .iter()
        .map(|section| format!("<li><a href=\"#{}\">{}</a></li>", section.id, esc(section.title)))
        .collect();
    format!("<nav aria-label=\"Contents\"><ol>{items}</ol></nav>\n")
}

fn pairs_section(evidence: &Evidence, pairs: &PairData) -> Section {
    if pairs.total == 0 {
        return Section::missing(
            "pairs",
            "The pairs, to read yourself",
            "There is no pair: two arms must answer the same prompt.",
        );
    }
    let left = pairs.total - pairs.pairs.len();
    let carried = match left {
        0 if pairs.has_divided() => {
            format!("All {} are here, the most divided first.", numbers::counted(pairs.total, "pair"))
        }
        0 => format!("All {} are here.", numbers::counted(pairs.total, "pair")),
        _ => format!(
            "{} of {} are here: those that divide the judges most, and random ones of every comparison. The other {} stay \
             in completions.jsonl and comparisons.jsonl.",
            numbers::count(pairs.pairs.len()),
            numbers::counted(pairs.total, "pair"),
            numbers::count(left)
        ),
    };
    let body = format!(
        "<p>Read before you look: the answers are unmarked and their sides are dealt at random. Choose one, then reveal. \
         {}</p>\n<p class=\"caption keys\"><kbd>j</kbd> next <kbd>k</kbd> back <kbd>1</kbd> <kbd>2</kbd> <kbd>0</kbd> your \
         choice: first, second, neither <kbd>r</kbd> reveal</p>\n<div id=\"pair-browser\" class=\"wide\" data-headline=\"{}\">\
         </div>\n<noscript><p>Reading pairs needs JavaScript; the texts are in completions.jsonl.</p></noscript>\n",
        esc(&carried),
        evidence.analysis.comparisons.iter().position(|c| c.is_headline).unwrap_or(0)
    );
    Section::new("pairs", "The pairs, to read yourself", body)
}

fn document(evidence: &Evidence, main: &str, pairs: &PairData) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{}'; script-src \
         'sha256-{}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{} \u{00b7} {}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{main}</main>\n\
         <script type=\"application/json\" id=\"pair-data\">{}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        sha256_base64(STYLE),
        sha256_base64(SCRIPT),
        esc(&card::title(&evidence.project, &evidence.plan)),
        esc(&evidence.analysis.evaluation.name),
        json_for_script(pairs),
    )
}

/// The hash by which a content security policy names an inline block.
fn sha256_base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in Sha256::digest(text).chunks(3) {
        let bytes = [chunk[0], chunk.get(1).copied().unwrap_or(0), chunk.get(2).copied().unwrap_or(0)];
        let word = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
        for i in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * i)) as usize & 63];
            out.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}
