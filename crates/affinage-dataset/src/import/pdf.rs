//! The text layer of a PDF as Markdown: lines in their places become paragraphs, larger lines headings; what stands in the
//! margins of pages (running heads, numbers) is left out.
//!
//! A PDF can make its reader work without end, take all memory or fall over. [`text`] guards against panics only: a program
//! that reads files of others runs it where it may fail for good, and hands over its own [`PdfReader`].

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pdf_extract::{Document, MediaBox, Object, OutputDev, OutputError, Transform, output_doc_page};
use serde::{Deserialize, Serialize};

/// Reads the text of a PDF.
pub type PdfReader = fn(&[u8]) -> Result<PdfText, PdfError>;

/// The text of a PDF.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PdfText {
    pub markdown: String,
    pub pages: usize,
    /// Pages that could not be read, or hold no text.
    pub pages_without_text: usize,
}

/// Why there is no text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum PdfError {
    #[error("protected by a password")]
    Protected,
    /// A scan, or pictures only.
    #[error("without a text layer")]
    NoText,
    #[error("broken ({0})")]
    Broken(String),
    /// It takes too long, too much memory, or has too much text.
    #[error("too much work to read")]
    TooMuch,
}

/// More is no text that somebody wrote.
const MAX_CHARS: usize = 16 << 20;
const MAX_PAGES: usize = 20_000;

/// The text of a PDF, in this process.
pub fn text(bytes: &[u8]) -> Result<PdfText, PdfError> {
    catch_unwind(|| read(bytes))
        .unwrap_or_else(|_| Err(PdfError::Broken("its parts do not fit together".to_owned())))
}

fn read(bytes: &[u8]) -> Result<PdfText, PdfError> {
    let broken = |error: pdf_extract::Error| PdfError::Broken(error.to_string());
    let mut document = Document::load_mem(bytes).map_err(|error| match error {
        pdf_extract::Error::Decryption(_) | pdf_extract::Error::InvalidPassword => PdfError::Protected,
        error => broken(error),
    })?;
    if document.is_encrypted() {
        // Many need no password to be read.
        document.decrypt("").map_err(|_| PdfError::Protected)?;
    }
    forget_pictures(&mut document);
    set_widths_of_drawn_fonts(&mut document);
    spell_out_widths(&mut document);
    let numbers: Vec<u32> = document.get_pages().into_keys().collect();
    if numbers.len() > MAX_PAGES {
        return Err(PdfError::TooMuch);
    }
    let mut chars = 0;
    let mut pages = Vec::with_capacity(numbers.len());
    for number in &numbers {
        let mut lines = Lines { left: MAX_CHARS - chars, ..Lines::default() };
        // A page that is broken costs only what follows on it.
        let _ = catch_unwind(AssertUnwindSafe(|| output_doc_page(&document, &mut lines, *number)));
        if lines.left == 0 {
            return Err(PdfError::TooMuch);
        }
        chars = MAX_CHARS - lines.left;
        pages.push(lines.finish());
    }
    let pages_without_text = pages.iter().filter(|lines| lines.is_empty()).count();
    if pages_without_text == pages.len() {
        return Err(PdfError::NoText);
    }
    Ok(PdfText { markdown: markdown(pages), pages: numbers.len(), pages_without_text })
}

/// Pictures are never read: their bytes are no text, and some unpack to very many.
fn forget_pictures(document: &mut Document) {
    for object in document.objects.values_mut() {
        if let Object::Stream(stream) = object
            && stream.dict.get(b"Subtype").and_then(Object::as_name).is_ok_and(|kind| kind == b"Image")
        {
            stream.content = Vec::new();
            stream.dict.remove(b"Filter");
        }
    }
}

/// Fonts of drawn letters (Type 3) give widths in a measure of their own; here they are read in thousandths of the size, as
/// those of all others are.
fn set_widths_of_drawn_fonts(document: &mut Document) {
    let resolved = |document: &Document, object: &Object| -> Option<Vec<f64>> {
        let array = document.dereference(object).ok()?.1.as_array().ok()?;
        array
            .iter()
            .map(|number| document.dereference(number).ok()?.1.as_float().ok().map(f64::from))
            .collect()
    };
    let drawn: Vec<(_, Vec<f64>)> = document
        .objects
        .iter()
        .filter_map(|(id, object)| {
            let font = object.as_dict().ok()?;
            font.get(b"Subtype").and_then(Object::as_name).ok().filter(|kind| *kind == b"Type3")?;
            let scale = 1000.0 * resolved(document, font.get(b"FontMatrix").ok()?)?.first()?;
            let widths = resolved(document, font.get(b"Widths").ok()?)?;
            let is_other = scale.is_finite() && (scale - 1.0).abs() > 1e-6;
            is_other.then(|| (*id, widths.into_iter().map(|width| width * scale).collect()))
        })
        .collect();
    for (id, widths) in drawn {
        if let Some(Ok(font)) = document.objects.get_mut(&id).map(Object::as_dict_mut) {
            font.set("Widths", widths.into_iter().map(|w| Object::Real(w as f32)).collect::<Vec<_>>());
        }
    }
}

/// Fonts of many signs (CID) say widths one by one, `7 [500 600]`, or once for several signs, `7 9 500`. The reader below knows
/// the first way only and would take the usual width for the others: letters would stand apart or on each other.
fn spell_out_widths(document: &mut Document) {
    /// Signs of one font; there are no more codes.
    const MAX_SIGNS: usize = 1 << 16;
    let whole = |object: &Object| object.as_float().ok().filter(|number| number.is_finite()).map(f64::from);
    let in_full = |document: &Document, widths: &[Object]| -> Option<Vec<Object>> {
        let resolved: Vec<&Object> =
            widths.iter().map(|object| Some(document.dereference(object).ok()?.1)).collect::<Option<_>>()?;
        let (mut full, mut signs, mut at) = (Vec::new(), 0, 0);
        while let [first, next, ..] = resolved[at..] {
            full.push(Object::Integer(whole(first)? as i64));
            if let Object::Array(each) = next {
                full.push(Object::Array(each.clone()));
                at += 2;
                continue;
            }
            let (first, last, width) = (whole(first)?, whole(next)?, whole(resolved.get(at + 2)?)?);
            let count = (last - first + 1.0).max(0.0) as usize;
            signs += count;
            if signs > MAX_SIGNS {
                return None;
            }
            full.push(Object::Array(vec![Object::Real(width as f32); count]));
            at += 3;
        }
        Some(full)
    };
    let spelt: Vec<_> = document
        .objects
        .iter()
        .filter_map(|(id, object)| {
            let font = object.as_dict().ok()?;
            let kind = font.get(b"Subtype").and_then(Object::as_name).ok()?;
            let is_cid = kind == b"CIDFontType0" || kind == b"CIDFontType2";
            let widths = font.get(b"W").ok().filter(|_| is_cid)?;
            let widths = document.dereference(widths).ok()?.1.as_array().ok()?;
            Some((*id, in_full(document, widths)?))
        })
        .collect();
    for (id, widths) in spelt {
        if let Some(Ok(font)) = document.objects.get_mut(&id).map(Object::as_dict_mut) {
            font.set("W", widths);
        }
    }
}

/// A line of a page, in its place. Lengths are in points, from the top left corner.
#[derive(Debug, Clone, Default)]
struct Line {
    text: String,
    left: f64,
    right: f64,
    y: f64,
    size: f64,
    /// Height of its page.
    height: f64,
}

/// A sign of a line, where it is drawn.
#[derive(Debug, Clone)]
struct Sign {
    text: String,
    left: f64,
    /// Where the next one of its word stands if nothing moves it.
    right: f64,
    size: f64,
}

/// The text of a line: with a space where words stand apart.
///
/// Letters may stand apart too (in headings, in lines that are filled by it, in a word that is stressed so), so a gap counts
/// from what is usual between the letters around it on. Where the line has spaces of its own, a gap must be larger.
fn text_of(signs: &[Sign]) -> String {
    /// Gaps in parts of the size: kerning is less, a space in the tightest line is more.
    const GAP: f64 = 0.15;
    const GAP_BESIDE_SPACES: f64 = 0.3;
    /// Fewer gaps do not say what is usual in a line ...
    const MIN_GAPS: usize = 6;
    /// ... and in a word that is set apart.
    const MIN_APART: usize = 4;
    const APART: f64 = 0.08;
    /// One space for so many signs at least.
    const SIGNS_PER_SPACE: usize = 20;
    let is_space = |sign: &Sign| sign.text.trim().is_empty();
    let is_letter = |sign: &Sign| sign.text.chars().all(char::is_alphabetic);
    // Of each sign, the gap before it, and whether it stands between letters.
    let gap = |pair: &[Sign]| {
        let gap = (pair[1].left - pair[0].right) / pair[0].size.max(pair[1].size).max(1e-6);
        (!pair.iter().any(is_space)).then(|| (gap, pair.iter().all(is_letter)))
    };
    let gaps: Vec<Option<(f64, bool)>> = std::iter::once(None).chain(signs.windows(2).map(gap)).collect();
    // Word gaps are the fewer ones.
    let usual = |gaps: &[Option<(f64, bool)>], least: usize| {
        let between = gaps.iter().flatten().filter(|(_, is_inner)| *is_inner);
        let mut between: Vec<f64> = between.map(|(gap, _)| *gap).collect();
        between.sort_by(f64::total_cmp);
        between.get(between.len() / 3).filter(|_| between.len() >= least).map_or(0.0, |gap| gap.max(0.0))
    };
    let spaces = signs.iter().filter(|sign| is_space(sign)).count();
    let has_spaces = spaces * SIGNS_PER_SPACE >= signs.len();
    let least = usual(&gaps, MIN_GAPS) + if has_spaces { GAP_BESIDE_SPACES } else { GAP };
    let is_apart = |gap: &Option<(f64, bool)>| gap.is_some_and(|(gap, _)| gap > least);
    let mut text = String::new();
    let mut at = 0;
    for stretch in gaps.chunk_by(|a, b| is_apart(a) == is_apart(b)) {
        let within = APART + usual(stretch, MIN_APART);
        for (gap, sign) in stretch.iter().zip(&signs[at..]) {
            if is_apart(gap) && gap.is_some_and(|(gap, _)| gap > within) {
                text.push(' ');
            }
            text.extend(sign.text.chars().flat_map(letters));
        }
        at += stretch.len();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Collects the lines of one page.
#[derive(Default)]
struct Lines {
    done: Vec<Line>,
    line: Option<(Line, Vec<Sign>)>,
    height: f64,
    /// Characters that may still come.
    left: usize,
}

impl Lines {
    fn finish(mut self) -> Vec<Line> {
        self.end();
        self.done
    }

    /// Ends the line that is being read.
    fn end(&mut self) {
        let Some((mut line, signs)) = self.line.take() else { return };
        line.text = text_of(&signs);
        if !line.text.is_empty() {
            self.done.push(line);
        }
    }
}

impl OutputDev for Lines {
    fn begin_page(
        &mut self,
        _number: u32,
        page: &MediaBox,
        _art: Option<(f64, f64, f64, f64)>,
    ) -> Result<(), OutputError> {
        self.height = page.ury - page.lly;
        Ok(())
    }

    fn output_character(
        &mut self,
        place: &Transform,
        width: f64,
        spacing: f64,
        font_size: f64,
        text: &str,
    ) -> Result<(), OutputError> {
        self.left = self.left.saturating_sub(text.chars().count());
        if self.left == 0 {
            return Err(OutputError::FormatError(std::fmt::Error));
        }
        let (x, y) = (place.m31, self.height - place.m32);
        let size = (font_size * (place.m11 * place.m22 - place.m12 * place.m21).abs().sqrt()).abs();
        if ![x, y, size].iter().all(|number| number.is_finite()) {
            return Ok(());
        }
        let is_new = self.line.as_ref().is_none_or(|(line, _)| {
            let half = 0.5 * size.max(line.size);
            (y - line.y).abs() > half
                || x < line.left - half
                || (x < line.right - 2.0 * size.max(1.0) && !text.trim().is_empty())
        });
        if is_new {
            self.end();
            let height = self.height;
            self.line = Some((Line { text: String::new(), left: x, right: x, y, size, height }, Vec::new()));
        }
        let Some((line, signs)) = &mut self.line else { return Ok(()) };
        // Letters may be set narrower or wider than they are high.
        let across = place.m11.hypot(place.m12);
        let right = x + width * font_size.abs() * across;
        if !text.trim().is_empty() {
            line.size = line.size.max(size);
        }
        line.right = line.right.max(right);
        let right = right + spacing * across;
        signs.push(Sign { text: text.to_owned(), left: x, right, size });
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn begin_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), OutputError> {
        Ok(())
    }
}

/// The letters that a sign stands for: ligatures are a matter of the font, not of the text.
fn letters(c: char) -> impl Iterator<Item = char> {
    let several = match c {
        'ﬀ' => "ff",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        'ﬃ' => "ffi",
        'ﬄ' => "ffl",
        'ﬅ' | 'ﬆ' => "st",
        // What is drawn is seen: some fonts have one sign for both.
        '\u{ad}' => "-",
        _ => "",
    };
    several.chars().chain(several.is_empty().then_some(c))
}

/// A line with its numbers alike: `page 0`.
fn margin_shape(line: &Line) -> String {
    let mut shape: String = line.text.chars().map(|c| if c.is_numeric() { '0' } else { c }).collect();
    while shape.contains("00") {
        shape = shape.replace("00", "0");
    }
    shape
}

/// The margin in which a line stands: the top or the bottom tenth of the page.
fn margin(line: &Line) -> Option<Margin> {
    const SHARE: f64 = 0.1;
    match line.y / line.height {
        part if part < SHARE => Some(Margin::Top),
        part if part > 1.0 - SHARE => Some(Margin::Bottom),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Margin {
    Top,
    Bottom,
}

/// Takes out what stands in the margins: numbers of pages, running heads, and lines that most pages begin or end with.
fn drop_margins(pages: &mut [Vec<Line>]) {
    const MIN_PAGES: usize = 3;
    /// A running head is set smaller than the text, or stands on two pages.
    const SMALLER: f64 = 0.95;
    let body = body_size(pages);
    let is_number = |line: &Line| {
        let shape = margin_shape(line).to_lowercase();
        let shape = ["page ", "seite ", "p. ", "s. "]
            .iter()
            .find_map(|word| shape.strip_prefix(word))
            .unwrap_or(&shape);
        matches!(
            shape.trim_matches([' ', '-', '–', '—', '[', ']', '/', '.', '|']),
            "0" | "0 / 0" | "0/0" | "0 of 0" | "0 von 0"
        )
    };
    // The first and the last line as they stand on the page, which need not be the order in which they are drawn.
    let edges = |page: &[Line]| -> Vec<(usize, Margin)> {
        let by_y = |a: &usize, b: &usize| page[*a].y.total_cmp(&page[*b].y);
        let first = (0..page.len()).min_by(by_y).map(|line| (line, Margin::Top));
        let last = (0..page.len()).max_by(by_y).map(|line| (line, Margin::Bottom));
        first.into_iter().chain(last).collect()
    };
    let (mut at_edge, mut in_margin) = (HashMap::new(), HashMap::new());
    for page in pages.iter() {
        for (line, edge) in edges(page) {
            *at_edge.entry((edge, margin_shape(&page[line]))).or_insert(0usize) += 1;
        }
        for (line, margin) in page.iter().filter_map(|line| Some((line, margin(line)?))) {
            *in_margin.entry((margin, margin_shape(line))).or_insert(0usize) += 1;
        }
    }
    let filled = pages.iter().filter(|page| !page.is_empty()).count();
    for page in pages.iter_mut() {
        let edges = edges(page);
        let is_numbered = page.iter().any(|line| is_number(line) && margin(line).is_some());
        let is_dropped = |index: usize, line: &Line| {
            let edge = edges.iter().find(|(at, _)| *at == index).map(|(_, edge)| *edge);
            let recurs = edge.is_some_and(|edge| {
                let count = at_edge[&(edge, margin_shape(line))];
                (is_number(line) && filled > 1) || (count >= MIN_PAGES && 2 * count >= filled)
            });
            let is_head = margin(line).is_some_and(|margin| {
                let is_small = line.size < SMALLER * body;
                is_number(line)
                    || in_margin[&(margin, margin_shape(line))] > 1
                    || (is_small && is_numbered && margin == Margin::Top)
            });
            recurs || is_head
        };
        let dropped: Vec<bool> =
            page.iter().enumerate().map(|(index, line)| is_dropped(index, line)).collect();
        // A page is never all margin.
        if dropped.contains(&false) {
            let mut dropped = dropped.into_iter();
            page.retain(|_| dropped.next() == Some(false));
        }
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

/// The size in which most characters are set.
fn body_size(pages: &[Vec<Line>]) -> f64 {
    let mut chars: HashMap<i64, usize> = HashMap::new();
    for line in pages.iter().flatten() {
        *chars.entry((line.size * 2.0).round() as i64).or_default() += line.text.chars().count();
    }
    let most = chars.into_iter().max_by_key(|(size, count)| (*count, *size));
    most.map_or(0.0, |(size, _)| size as f64 / 2.0)
}

fn markdown(mut pages: Vec<Vec<Line>>) -> String {
    /// A line this much larger than the others is a heading.
    const HEADING: f64 = 1.15;
    const HEADING_CHARS: usize = 120;
    drop_margins(&mut pages);
    let body = body_size(&pages);
    let is_heading = |line: &Line| line.size >= HEADING * body && line.text.chars().count() <= HEADING_CHARS;
    let mut sizes: Vec<i64> =
        pages.iter().flatten().filter(|line| is_heading(line)).map(|line| line.size.round() as i64).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.dedup();
    let level = |line: &Line| {
        let size = line.size.round() as i64;
        is_heading(line).then(|| (1 + sizes.iter().take_while(|other| **other > size).count()).min(6))
    };
    let mut out = String::new();
    let mut before: Option<(&Line, Option<usize>)> = None;
    for page in &pages {
        let columns = columns(page);
        let layout = |line: &Line| &columns[usize::from(columns.len() > 1 && line.left > columns[0].right)];
        for (index, line) in page.iter().enumerate() {
            let level = level(line);
            match before {
                None => {}
                Some((_, last)) if last.is_some() || level.is_some() => {
                    // A heading of two lines is one.
                    let goes_on = last == level && index > 0 && line.y - page[index - 1].y < 2.0 * line.size;
                    out.push_str(if goes_on { " " } else { "\n\n" });
                    if goes_on {
                        out.push_str(&line.text);
                        before = Some((line, level));
                        continue;
                    }
                }
                Some((last, _)) => join(&mut out, last, line, layout(last), index == 0),
            }
            if let Some(level) = level {
                out.push_str(&"#".repeat(level));
                out.push(' ');
            }
            out.push_str(&line.text);
            before = Some((line, level));
        }
    }
    out
}

/// The layout of a page, or of its two columns.
fn columns(page: &[Line]) -> Vec<Layout> {
    /// Fewer lines are no column.
    const MIN_LINES: usize = 8;
    let layout = |lines: &[&Line]| {
        let gaps = lines.windows(2).map(|pair| pair[1].y - pair[0].y).filter(|gap| *gap > 0.0).collect();
        Layout {
            gap: median(gaps),
            left: median(lines.iter().map(|line| line.left).collect()),
            right: lines.iter().map(|line| line.right).fold(0.0, f64::max),
        }
    };
    let left = page.iter().map(|line| line.left).fold(f64::INFINITY, f64::min);
    let right = page.iter().map(|line| line.right).fold(0.0, f64::max);
    let middle = (left + right) / 2.0;
    let (mut first, mut second, mut across) = (Vec::new(), Vec::new(), 0);
    for line in page {
        match (line.right <= middle, line.left >= middle) {
            (true, _) => first.push(line),
            (_, true) => second.push(line),
            _ => across += 1,
        }
    }
    // A title and the names below it go across.
    if first.len().min(second.len()) >= MIN_LINES && 4 * across < page.len() {
        vec![layout(&first), layout(&second)]
    } else {
        vec![layout(&page.iter().collect::<Vec<_>>())]
    }
}

struct Layout {
    /// From one line to the next.
    gap: f64,
    left: f64,
    right: f64,
}

/// Writes what stands between two lines: nothing where a word goes on, a space in a paragraph, a line end, a blank line.
fn join(out: &mut String, last: &Line, line: &Line, page: &Layout, is_new_page: bool) {
    let is_full = last.right - page.left >= 0.75 * (page.right - page.left);
    let begins_small = line.text.starts_with(char::is_lowercase);
    let is_indented = line.left > page.left + line.size && last.left < line.left - 0.5 * line.size;
    let is_apart = line.y - last.y > 1.4 * page.gap || line.y < last.y;
    let ends = last.text.ends_with(['.', '!', '?', '…', ':', '”', '"', '»', ')']);
    let is_paragraph = match is_new_page {
        true => (ends || !is_full) && !(begins_small && (is_full || !ends)),
        false => (is_apart && !(line.y < last.y && begins_small)) || is_indented || (ends && !is_full),
    };
    let is_parted = last.text.ends_with(['-', '‐'])
        && begins_small
        && last.text.chars().rev().nth(1).is_some_and(char::is_alphabetic);
    if is_paragraph {
        out.push_str("\n\n");
    } else if is_parted {
        out.pop();
    } else if is_full || is_new_page {
        out.push(' ');
    } else {
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, y: f64, right: f64, size: f64) -> Line {
        Line { text: text.to_owned(), left: 50.0, right, y, size, height: 842.0 }
    }

    #[test]
    fn lines_become_paragraphs_and_larger_ones_headings() {
        let page = vec![
            line("Weirs", 40.0, 120.0, 18.0),
            line(
                "The water falls over the old wall all day, and at night one hears it from the ho-",
                70.0,
                450.0,
                10.0,
            ),
            line(
                "use on the hill. Nobody knows who built it, or why it was built so high above the",
                82.0,
                448.0,
                10.0,
            ),
            line("river.", 94.0, 80.0, 10.0),
            line(
                "The mill is loud. It stands below the wall, and its wheel is never still in spring",
                106.0,
                449.0,
                10.0,
            ),
            line("or autumn.", 118.0, 100.0, 10.0),
        ];
        let next = vec![
            line("7", 20.0, 55.0, 10.0),
            line("roses are red", 60.0, 120.0, 10.0),
            line("violets are blue", 72.0, 130.0, 10.0),
            line(
                "and so is the river from morning to night when the sky above it is without a cloud",
                84.0,
                450.0,
                10.0,
            ),
        ];
        let expected = "# Weirs\n\nThe water falls over the old wall all day, and at night one hears it from the house on the hill. Nobody knows who built it, or why it was built so high above the river.\n\nThe mill is loud. It stands below the wall, and its wheel is never still in spring or autumn.\n\nroses are red\nviolets are blue\nand so is the river from morning to night when the sky above it is without a cloud";
        assert_eq!(markdown(vec![page, next]), expected);
    }

    #[test]
    fn words_go_on_from_line_to_line_in_two_columns() {
        let of = |left: f64, text: &str, y: f64| Line { left, ..line(text, y, left + 190.0, 10.0) };
        let column = |left: f64| {
            (0..10).map(move |row| {
                let text = if row % 2 == 0 {
                    "the water falls over the old wei-"
                } else {
                    "rs all day and night and in"
                };
                of(left, text, 100.0 + 12.0 * f64::from(row))
            })
        };
        let found = markdown(vec![column(50.0).chain(column(260.0)).collect()]);
        assert_eq!(found.matches("old weirs all day and night and in the").count(), 9, "{found}");
        assert!(!found.contains('\n'), "{found}");
    }

    #[test]
    fn lines_that_stand_on_most_pages_are_left_out() {
        let page = |number: usize| {
            vec![
                line("Of weirs", 20.0, 90.0, 10.0),
                line(&format!("Text {} of it.", ["one", "two", "three", "four"][number]), 60.0, 450.0, 10.0),
                line(&format!("page {}", 9 + number), 800.0, 90.0, 10.0),
            ]
        };
        let found = markdown((0..4).map(page).collect());
        assert_eq!(
            found.split_whitespace().collect::<Vec<_>>().join(" "),
            "Text one of it. Text two of it. Text three of it. Text four of it."
        );
    }

    #[test]
    fn running_heads_and_numbers_go_from_the_first_page_on() {
        let head = |page: usize| {
            vec![
                // Margins are often drawn first.
                line("Mill Review 12 (1998)", 35.0, 150.0, 8.0),
                line(&format!("{page}"), 810.0, 55.0, 8.0),
            ]
        };
        let text = [
            vec![line("Weirs", 90.0, 120.0, 15.0), line("The water falls over the wall", 120.0, 450.0, 11.0)],
            vec![line("all day and all night.", 90.0, 200.0, 11.0)],
        ];
        let pages = |count: usize| {
            (0..count).map(|page| head(page + 1).into_iter().chain(text[page].clone()).collect()).collect()
        };
        assert_eq!(markdown(pages(2)), "# Weirs\n\nThe water falls over the wall all day and all night.");
        assert_eq!(
            markdown(pages(1)),
            "# Weirs\n\nThe water falls over the wall",
            "one page has margins too"
        );
        let letter = vec![line("Mill, 3 May", 35.0, 150.0, 11.0), line("They lean.", 90.0, 150.0, 11.0)];
        assert!(
            markdown(vec![letter]).starts_with("Mill, 3 May"),
            "a page without a number may begin high up"
        );
    }

    #[test]
    fn ligatures_become_the_letters_they_stand_for() {
        let mut lines = Lines { left: 100, ..Lines::default() };
        let place = |x: f64| Transform::row_major(1.0, 0.0, 0.0, 1.0, x, -70.0);
        for (number, drawn) in
            ["o", "ﬀ", "i", "ce ﬁ", "ﬂ", "ﬃ", "ﬄ", "ﬅ", "ﬆ", "é", "\u{ad}"].into_iter().enumerate()
        {
            lines.output_character(&place(number as f64), 0.1, 0.0, 10.0, drawn).expect("there is room");
        }
        assert_eq!(lines.finish()[0].text, "office fiflffifflststé-");
    }

    /// The text of signs half as wide as they are high, each with the gap before it; `_` is a space that is drawn.
    fn spaced(signs: &[(char, f64)]) -> String {
        let mut right = 0.0;
        let sign = |&(letter, gap): &(char, f64)| {
            let left = right + gap * 10.0;
            right = left + 5.0;
            Sign { text: letter.to_string().replace('_', " "), left, right, size: 10.0 }
        };
        text_of(&signs.iter().map(sign).collect::<Vec<_>>())
    }

    /// Letters of a text so far apart, and its words, without a drawn space.
    fn apart(text: &str, letter: f64, word: f64) -> Vec<(char, f64)> {
        let mut gap = 0.0;
        let mut signs = Vec::new();
        for c in text.chars() {
            if c == ' ' {
                gap = word;
            } else {
                signs.push((c, std::mem::replace(&mut gap, letter)));
            }
        }
        signs
    }

    #[test]
    fn letters_that_stand_apart_are_one_word() {
        let said = "the training of the flow";
        for (letter, word) in [(0.0, 0.2), (-0.03, 0.17), (0.13, 0.4), (0.2, 0.45), (0.5, 0.9)] {
            assert_eq!(spaced(&apart(said, letter, word)), said, "{letter} {word}");
        }
        // Kerning within a word, beyond what it is in others.
        let mut kerned = apart(said, 0.1, 0.4);
        kerned[5].1 = 0.16;
        assert_eq!(spaced(&kerned), said);
        // One word set apart among others, with and without drawn spaces.
        let mut word = apart("it is", 0.0, 0.33);
        word.extend(apart("training", 0.2, 0.0));
        word[4].1 = 0.35;
        word.push(('o', 0.35));
        word.extend(apart("f the flow", 0.0, 0.33));
        assert_eq!(spaced(&word), "it is training of the flow");
        let drawn = |text: &str, letter| text.chars().map(|c| (c, letter)).collect::<Vec<_>>();
        let mut word = drawn("it_is_", 0.0);
        word.extend(drawn("training", 0.2));
        word.extend(drawn("_of_it", 0.0));
        assert_eq!(spaced(&word), "it is training of it");
        assert_eq!(spaced(&drawn("CHAPTER_ONE", 0.4)), "CHAPTER ONE");
        // Columns stand far apart also where spaces are drawn.
        let mut columns = drawn("of_it", 0.0);
        columns.push(('7', 2.0));
        assert_eq!(spaced(&columns), "of it 7");
        assert_eq!(spaced(&apart("a b", 0.0, 0.25)), "a b", "too few to be a word that is set apart");
    }

    #[test]
    fn letters_set_narrow_keep_their_words_apart() {
        let mut lines = Lines { left: 100, ..Lines::default() };
        for (letter, x) in [("i", 0.0), ("t", 2.5), ("i", 6.4), ("s", 8.9)] {
            let place = Transform::row_major(0.5, 0.0, 0.0, 1.0, x, -70.0);
            lines.output_character(&place, 0.5, 0.0, 10.0, letter).expect("there is room");
        }
        assert_eq!(lines.finish()[0].text, "it is");
    }

    #[test]
    fn widths_given_once_for_several_signs_are_theirs_too() {
        let mut document = Document::new();
        let given = |widths: Vec<Object>| {
            let font: Vec<(&str, Object)> =
                vec![("Subtype", Object::Name(b"CIDFontType2".to_vec())), ("W", Object::Array(widths))];
            Object::Dictionary(font.into_iter().collect())
        };
        let number = Object::Integer;
        let list = |widths: [i64; 2]| Object::Array(widths.map(number).to_vec());
        let two = document.add_object(number(20));
        let mixed = document.add_object(given(vec![
            number(3),
            list([500, 600]),
            number(7),
            number(9),
            number(250),
            Object::Reference(two),
            number(20),
            number(700),
        ]));
        let endless = document.add_object(given(vec![number(0), number(1 << 40), number(250)]));
        spell_out_widths(&mut document);
        let widths = |id| {
            document.get_object(id).and_then(Object::as_dict).and_then(|f| f.get(b"W")).expect("W").clone()
        };
        let real = |widths: &[f32]| Object::Array(widths.iter().copied().map(Object::Real).collect());
        let spelt = [number(3), list([500, 600]), number(7), real(&[250.0; 3]), number(20), real(&[700.0])];
        assert_eq!(widths(mixed), Object::Array(spelt.to_vec()));
        assert_eq!(widths(endless).as_array().map(Vec::len).ok(), Some(3), "left as it is");
    }

    #[test]
    fn widths_of_drawn_fonts_are_in_thousandths() {
        let mut document = Document::new();
        let array = |numbers: &[f32]| Object::Array(numbers.iter().copied().map(Object::Real).collect());
        let font = [
            ("Subtype", Object::Name(b"Type3".to_vec())),
            ("FontMatrix", array(&[0.01, 0.0, 0.0, 0.01, 0.0, 0.0])),
            ("Widths", array(&[50.0, 25.0])),
        ];
        let id = document.add_object(Object::Dictionary(font.into_iter().collect()));
        set_widths_of_drawn_fonts(&mut document);
        let widths = document.get_object(id).and_then(Object::as_dict).and_then(|f| f.get(b"Widths"));
        let widths: Vec<i32> = widths
            .and_then(Object::as_array)
            .expect("widths")
            .iter()
            .map(|w| w.as_float().expect("a number").round() as i32)
            .collect();
        assert_eq!(widths, [500, 250]);
    }

    #[test]
    fn what_is_no_pdf_is_broken() {
        assert!(matches!(text(b"%PDF-1.7\nnothing"), Err(PdfError::Broken(_))));
    }
}
