//! The report: one self-contained page that a person enjoys and an engineer can check.
//!
//! Pure: no file, socket, clock or terminal. The program collects [`evidence::Evidence`], [`render`] is a function of it. The page loads nothing: its
//! style and script are part of it and named by hash in its content security policy, and every text from a model, a
//! judge or a user is escaped. Sentences and verdict words come from `analysis.json` as they are.
//!
//! Each module of a part turns evidence into a view, plain data without markup, and a template of the same name in
//! `templates/` draws it; `templates/ui.html` holds what parts share. Only `charts` writes markup, as SVG.

mod apart;
mod arms;
mod breakdown;
pub mod card;
mod charts;
mod checkpoints;
mod checks;
mod data;
mod dose;
pub mod evidence;
mod failure_rates;
mod findings;
mod html;
mod judges;
mod likelihood;
mod map;
pub mod markdown;
mod numbers;
mod objective;
mod pairs;
pub mod plots;
mod style_markers;
mod summary;
mod templates;
#[cfg(test)]
mod tests;
mod view;

pub use apart::Apart;
pub use html::time;

use std::borrow::Cow;

use affinage_eval::analysis::MethodNote;
use affinage_eval::plain::{count, counted};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use arms::Arms;
use evidence::Evidence;
use html::{Section, json_for_script};
use pairs::PairData;
use templates::Markup;
use view::Inline;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// A finished page and what it had to leave in the files.
pub struct Page {
    pub html: String,
    pub pairs_embedded: usize,
    pub pairs_total: usize,
}

/// What `page.html` draws.
#[derive(Serialize)]
struct Document {
    style: Markup,
    style_sha256: String,
    script: Markup,
    script_sha256: String,
    head: card::Head,
    dose: Option<Part>,
    doors: Vec<Door>,
    missing: Vec<Part>,
    pairs: Markup,
}

/// One way on from the first screen: a part of the page that opens.
#[derive(Serialize)]
struct Door {
    id: &'static str,
    title: &'static str,
    is_open: bool,
    /// The only section of a door needs no heading beside the door's own, and few need nothing to choose from.
    has_contents: bool,
    sections: Vec<Part>,
}

/// A section with the method words in its margin.
#[derive(Serialize)]
struct Part {
    id: &'static str,
    title: Cow<'static, str>,
    body: Markup,
    notes: Vec<Note>,
}

#[derive(Serialize)]
struct Note {
    term: String,
    plain: Inline,
}

/// Draws the page. The same evidence gives the same bytes.
pub fn render(evidence: &Evidence) -> Page {
    let arms = Arms::new(&evidence.plan);
    let pairs = pairs::collect(evidence, &arms);
    let read = vec![pairs_section(evidence, &pairs)];
    let voice = vec![
        style_markers::section(evidence, &arms),
        checkpoints::section(evidence, &arms),
        likelihood::section(evidence, &arms),
    ];
    let statistics = vec![
        summary::section(evidence, &arms),
        breakdown::section(evidence, &arms),
        findings::section(evidence, &arms, "strengths"),
        findings::section(evidence, &arms, "readers"),
        judges::section(evidence, &arms),
        findings::section(evidence, &arms, "values"),
        findings::section(evidence, &arms, "disagreement"),
        findings::section(evidence, &arms, "panel"),
        findings::section(evidence, &arms, "people"),
        findings::section(evidence, &arms, "forgetting"),
        objective::section(evidence, &arms),
        failure_rates::section(evidence, &arms),
        findings::section(evidence, &arms, "variance"),
        findings::section(evidence, &arms, "recitation"),
        data::certificate_section(evidence),
        findings::section(evidence, &arms, "planned"),
        data::registry_section(evidence),
        data::evaluations_section(evidence),
        checks::checks_section(evidence, &arms),
        checks::methods_section(evidence, &arms),
        checks::provenance_section(evidence, &arms),
    ];
    let mut notes = Notes::new(&evidence.analysis.method_notes);
    let mut missing = Vec::new();
    let dose = dose::section(evidence, &arms).map(|section| notes.beside(section));
    let mut door = |id, title, is_open, sections: Vec<Section>| {
        let (without, with): (Vec<Section>, Vec<Section>) =
            sections.into_iter().partition(|section| section.is_missing);
        missing.extend(without.into_iter().map(Part::plain));
        let sections: Vec<Part> = with.into_iter().map(|section| notes.beside(section)).collect();
        (!sections.is_empty()).then_some(Door {
            id,
            title,
            is_open,
            has_contents: sections.len() > 3,
            sections,
        })
    };
    let doors = [
        door("read", "Read the answers", true, read),
        door("voices", "How the voice changed", false, voice),
        door("statistics", "The statistics", false, statistics),
    ];
    let document = Document {
        style: Markup(STYLE.to_owned()),
        style_sha256: sha256_base64(STYLE),
        script: Markup(SCRIPT.to_owned()),
        script_sha256: sha256_base64(SCRIPT),
        head: card::head(evidence, &arms),
        dose,
        doors: doors.into_iter().flatten().collect(),
        missing,
        pairs: Markup(json_for_script(&pairs)),
    };
    Page {
        html: templates::draw("page.html", &document).0,
        pairs_embedded: pairs.pairs.len(),
        pairs_total: pairs.total,
    }
}

impl Part {
    fn plain(section: Section) -> Self {
        Part { id: section.id, title: section.title, body: section.body, notes: Vec::new() }
    }
}

/// The method words that are still to be explained: each is next to the first part that uses it.
struct Notes<'a> {
    open: Vec<&'a MethodNote>,
}

impl<'a> Notes<'a> {
    fn new(notes: &'a [MethodNote]) -> Self {
        Self { open: notes.iter().collect() }
    }

    /// The section with the words that it is the first to use. The methods and their glossary need none.
    fn beside(&mut self, section: Section) -> Part {
        let notes = if section.id == "methods" { Vec::new() } else { self.of(&section) };
        Part { notes, ..Part::plain(section) }
    }

    fn of(&mut self, section: &Section) -> Vec<Note> {
        let text = format!("{} {}", section.title, html::visible_text(&section.body.0));
        let words = format!(" {} ", words_of(&text));
        let stands = |term: &str| words.contains(&format!(" {} ", words_of(term)));
        let (used, open): (Vec<_>, Vec<_>) =
            self.open.iter().partition(|note| note.term.split(',').any(stands));
        self.open = open;
        used.iter().map(|note| Note { term: note.term.clone(), plain: view::sentence(&note.plain) }).collect()
    }
}

/// Lower-case words with one space between them, hyphens and underscores inside them kept.
fn words_of(text: &str) -> String {
    let separates = |c: char| !(c.is_alphanumeric() || c == '-' || c == '_');
    let words: Vec<String> = text.split(separates).filter(|w| !w.is_empty()).map(str::to_lowercase).collect();
    words.join(" ")
}

#[derive(Serialize)]
struct PairsView {
    /// How many of the pairs the page carries.
    carried: String,
    /// Index of the headline among the planned comparisons.
    headline: usize,
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
            format!("All {} are here, the most divided first.", counted(pairs.total, "pair", "pairs"))
        }
        0 => format!("All {} are here.", counted(pairs.total, "pair", "pairs")),
        _ => format!(
            "{} of {} are here: those that divide the judges most, and random ones of every comparison. The other {} stay \
             in completions.jsonl and comparisons.jsonl.",
            count(pairs.pairs.len() as u64),
            counted(pairs.total, "pair", "pairs"),
            count(left as u64)
        ),
    };
    let carried = format!(
        "{carried} Each has its prompt and both answers in full: whoever gets this page can read them."
    );
    let headline = evidence.analysis.comparisons.iter().position(|c| c.is_headline).unwrap_or(0);
    Section::drawn("pairs.html", "pairs", "The pairs, to read yourself", &PairsView { carried, headline })
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
