//! Documents of word processors (Word, OpenDocument) as Markdown: headings, paragraphs, lists, tables, places of pictures.
//!
//! Title, author and day have styles of their own; author and day are said before the text as front matter, so that the
//! lines which hold them are known as bylines.
//!
//! What a reader of the page does not see stays out: deleted and hidden words, comments, fields' codes; and what stands
//! next to the text: notes at the foot or the end, headers. All but deletions and codes is counted. Emphasis is not kept.
//! The XML is read as a stream of tags, so nothing nests and no entity expands.

mod numbering;

use std::collections::HashMap;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use self::numbering::Lists;
use super::{LeftOut, LeftOutKind, html, notes};

/// Reads a member of the document's archive as text.
pub(super) type Members<'a> = dyn FnMut(&str) -> Option<String> + 'a;

/// The Markdown of a Word document, and what is not in it is added to `left_out`; `None` if its text cannot be read.
pub(super) fn word(members: &mut Members<'_>, left_out: &mut LeftOut) -> Option<String> {
    let all_styles = members("word/styles.xml").unwrap_or_default();
    let (styles, listed) = (word_styles(&all_styles), numbering::of_styles(&all_styles));
    let lists = members("word/numbering.xml").map(|numbers| Lists::of_word(&numbers)).unwrap_or_default();
    let document = members("word/document.xml")?;
    count_beside_word(members, left_out);
    let mut page = Page {
        people: members("docProps/core.xml").map(|core| creators(&core)).unwrap_or_default(),
        lists,
        ..Page::default()
    };
    // How many elements around are not seen.
    let mut unseen = 0usize;
    let (mut is_hidden, mut is_picture) = (false, false);
    let mut raised = None;
    walk(&document, &mut |piece| match piece {
        Piece::Open(tag, is_empty) => {
            let name = local(tag);
            if unseen > 0 || matches!(name, "del" | "moveFrom" | "Fallback" | "instrText" | "delText" | "rt")
            {
                unseen += usize::from(!is_empty);
                return;
            }
            match name {
                "p" => page.begin(),
                "pStyle" => {
                    if let Some(id) = value(tag, "w:val") {
                        page.style(styles.get(&id).copied().or_else(|| Style::of(&id)));
                        if let Some((list, depth)) = listed.get(&id) {
                            (page.list, page.depth) = (list.clone(), *depth);
                        }
                    }
                }
                "outlineLvl" if page.is_open => {
                    let level = value(tag, "w:val").and_then(|level| level.parse::<usize>().ok());
                    page.level = level.filter(|level| *level < 6).map_or(page.level, |level| level + 1);
                }
                "ilvl" => {
                    page.depth = value(tag, "w:val").and_then(|level| level.parse().ok()).unwrap_or(0) + 1
                }
                "numId" => {
                    page.list = value(tag, "w:val").unwrap_or_default();
                    page.depth = if page.list == "0" { 0 } else { page.depth.max(1) };
                }
                "tab" if page.is_in_run => page.word(" "),
                "br" | "cr" if page.is_in_run => page.word("\n"),
                "noBreakHyphen" => page.word("-"),
                "r" => (page.is_in_run, is_hidden, raised) = (!is_empty, false, None),
                "vertAlign" => {
                    let place = value(tag, "w:val").unwrap_or_default();
                    raised = ["superscript", "subscript"].iter().position(|known| *known == place);
                }
                "vanish" if page.is_in_run => {
                    is_hidden =
                        !value(tag, "w:val").is_some_and(|on| matches!(on.as_str(), "0" | "false" | "off"));
                }
                "drawing" | "pict" => is_picture = true,
                // A frame of words is no picture.
                "txbxContent" => is_picture = false,
                "tr" => page.row = Some(Vec::new()),
                _ => {}
            }
        }
        Piece::Close(name) => {
            if unseen > 0 {
                unseen -= 1;
                return;
            }
            match name {
                "p" => page.end(),
                "r" => page.is_in_run = false,
                // The paragraph around the frame goes on.
                "txbxContent" => page.is_open = true,
                "drawing" | "pict" if std::mem::take(&mut is_picture) => page.picture(),
                "tc" => page.end_cell(),
                "tr" => page.end_row(),
                _ => {}
            }
        }
        // Only `w:t` holds words; white space between tags is none.
        Piece::Text(text, within) if unseen == 0 && within == "t" => match is_hidden {
            true => left_out.add(LeftOutKind::Beside, "hidden text", ""),
            false => {
                let shown = raised.and_then(|place| html::raised(text, place == 1));
                page.word(shown.as_deref().unwrap_or(text));
            }
        },
        Piece::Text(..) => {}
    })?;
    Some(page.finish())
}

/// Counts the parts of a Word document that are next to its text.
fn count_beside_word(members: &mut Members<'_>, left_out: &mut LeftOut) {
    const PARTS: [(&str, &str, &str); 3] = [
        ("word/comments.xml", "comment", "comment"),
        ("word/footnotes.xml", "footnote", "footnote"),
        ("word/endnotes.xml", "endnote", "endnote"),
    ];
    for (member, element, what) in PARTS {
        let Some(xml) = members(member) else { continue };
        let _ = walk(&xml, &mut |piece| match piece {
            // Separators have a type.
            Piece::Open(tag, _) if local(tag) == element && value(tag, "w:type").is_none() => {
                left_out.add(LeftOutKind::Beside, what, "");
            }
            _ => {}
        });
    }
    for (what, number) in
        ["header", "footer"].into_iter().flat_map(|what| (1..=9).map(move |number| (what, number)))
    {
        let Some(xml) = members(&format!("word/{what}{number}.xml")) else { continue };
        let mut has_words = false;
        let _ = walk(&xml, &mut |piece| {
            has_words |= matches!(piece, Piece::Text(text, "t") if text.chars().any(char::is_alphabetic));
        });
        if has_words {
            left_out.add(LeftOutKind::Beside, what, "");
        }
    }
}

/// What a style says of a paragraph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Heading(usize),
    Subtitle,
    Author,
    Date,
}

impl Style {
    /// By its English name, which it has in every language of the program.
    fn of(name: &str) -> Option<Style> {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "title" => Some(Style::Heading(1)),
            "subtitle" => Some(Style::Subtitle),
            "author" => Some(Style::Author),
            "date" => Some(Style::Date),
            _ => {
                let level = name.strip_prefix("heading ")?.parse().ok()?;
                (1..=6).contains(&level).then_some(Style::Heading(level))
            }
        }
    }
}

/// The styles by their ids, which are in the language of the program.
fn word_styles(styles: &str) -> HashMap<String, Style> {
    let mut found = HashMap::new();
    let mut id = None;
    walk(styles, &mut |piece| {
        let Piece::Open(tag, _) = piece else { return };
        match local(tag) {
            "style" => id = value(tag, "w:styleId"),
            "name" => {
                let style = value(tag, "w:val").and_then(|name| Style::of(&name));
                found.extend(id.clone().zip(style));
            }
            _ => {}
        }
    });
    found
}

/// Who a document's properties say has written it.
pub(super) fn creators(properties: &str) -> Vec<String> {
    let mut people = Vec::new();
    walk(properties, &mut |piece| {
        if let Piece::Text(text, "creator" | "initial-creator") = piece {
            people.push(text.trim().to_owned());
        }
    });
    people.retain(|who| !who.is_empty());
    people.dedup();
    people
}

/// The Markdown of an OpenDocument text, and what is not in it is added to `left_out`; `None` if its text cannot be read.
pub(super) fn open_document(members: &mut Members<'_>, left_out: &mut LeftOut) -> Option<String> {
    let content = members("content.xml")?;
    let people = members("meta.xml").map(|meta| creators(&meta)).unwrap_or_default();
    let mut page = Page { people, ..Page::default() };
    // Styles that the program made for single paragraphs, with the styles they were made from.
    let mut made_from: HashMap<String, String> = HashMap::new();
    let mut unseen = 0usize;
    // Names of the styles of the lists around, the innermost last, and how many lists there were.
    let mut lists: Vec<String> = Vec::new();
    let mut count = 0usize;
    page.lists = Lists::of_open_document(&[&members("styles.xml").unwrap_or_default(), &content]);
    walk(&content, &mut |piece| match piece {
        Piece::Open(tag, is_empty) => {
            let name = local(tag);
            let is_unseen = matches!(
                name,
                "tracked-changes"
                    | "ruby-text"
                    | "annotation"
                    | "note"
                    | "sequence-decls"
                    | "forms"
                    | "automatic-styles"
                    | "scripts"
                    | "title"
                    | "desc"
            );
            if unseen > 0 && name == "style" {
                made_from.extend(value(tag, "style:name").zip(value(tag, "style:parent-style-name")));
            }
            if unseen > 0 || is_unseen {
                match name {
                    _ if unseen > 0 => {}
                    "annotation" => left_out.add(LeftOutKind::Beside, "comment", ""),
                    "note" => left_out.add(LeftOutKind::Beside, "footnote", ""),
                    _ => {}
                }
                unseen += usize::from(!is_empty);
                return;
            }
            match name {
                "h" | "p" if !is_empty => {
                    page.begin();
                    page.depth = lists.len();
                    page.list = lists.last().cloned().unwrap_or_default();
                    if name == "h" {
                        let level = value(tag, "text:outline-level").and_then(|level| level.parse().ok());
                        page.level = level.unwrap_or(1usize).clamp(1, 6);
                    } else if let Some(style) = value(tag, "text:style-name") {
                        page.style(Style::of(made_from.get(&style).unwrap_or(&style)));
                    }
                }
                "list" if !is_empty => {
                    let outer = lists.last().and_then(|outer| outer.split_once('#').map(|(style, _)| style));
                    let style = value(tag, "text:style-name");
                    let style = style.or_else(|| outer.map(str::to_owned)).unwrap_or_default();
                    if lists.is_empty() && value(tag, "text:continue-numbering").as_deref() != Some("true") {
                        count += 1;
                    }
                    lists.push(format!("{style}#{count}"));
                }
                "s" => {
                    let count = value(tag, "text:c").and_then(|count| count.parse().ok()).unwrap_or(1usize);
                    page.word(&" ".repeat(count.min(80)));
                }
                "tab" => page.word(" "),
                "line-break" => page.word("\n"),
                "image" => page.picture(),
                "table-row" => page.row = Some(Vec::new()),
                _ => {}
            }
        }
        Piece::Close(name) => {
            if unseen > 0 {
                unseen -= 1;
                return;
            }
            match name {
                "h" | "p" => page.end(),
                "list" => drop(lists.pop()),
                "table-cell" => page.end_cell(),
                "table-row" => page.end_row(),
                _ => {}
            }
        }
        Piece::Text(text, _) if unseen == 0 && page.is_open => {
            // Line ends of the file are white space.
            let words: String =
                text.chars().map(|c| if matches!(c, '\n' | '\t' | '\r') { ' ' } else { c }).collect();
            page.word(&words);
        }
        Piece::Text(..) => {}
    })?;
    Some(page.finish())
}

/// A page that is being written, paragraph by paragraph.
#[derive(Default)]
struct Page {
    out: String,
    paragraph: String,
    is_open: bool,
    is_in_run: bool,
    /// Level of the heading that the paragraph is; 0 for none.
    level: usize,
    /// It is said to be something else.
    role: Option<Style>,
    people: Vec<String>,
    day: Option<String>,
    /// Depth of the list that it is an item of; 0 for none.
    depth: usize,
    /// The list that it is an item of, and how the items of all lists are marked.
    list: String,
    lists: Lists,
    /// Cells of the table row around it, and the words of the cell.
    row: Option<Vec<String>>,
    cell: String,
    after_item: bool,
}

impl Page {
    fn begin(&mut self) {
        // Text boxes are paragraphs in paragraphs.
        self.end();
        self.is_open = true;
        (self.level, self.depth, self.role) = (0, 0, None);
    }

    fn style(&mut self, style: Option<Style>) {
        match style {
            Some(Style::Heading(level)) => self.level = level,
            style => self.role = style,
        }
    }

    fn word(&mut self, words: &str) {
        if self.is_open {
            self.paragraph.push_str(words);
        }
    }

    fn picture(&mut self) {
        self.word("![picture](picture)");
    }

    fn end(&mut self) {
        let text = std::mem::take(&mut self.paragraph);
        let text = text.trim();
        self.is_open = false;
        if text.is_empty() {
            return;
        }
        if self.row.is_some() {
            if !self.cell.is_empty() {
                self.cell.push(' ');
            }
            self.cell.push_str(&text.replace('\n', " "));
            return;
        }
        match self.role {
            Some(Style::Author) if !self.people.iter().any(|who| who == text) => {
                self.people.push(text.to_owned())
            }
            Some(Style::Date) => self.day = Some(text.to_owned()),
            // It goes on with the title above it.
            Some(Style::Subtitle) if self.out.starts_with("# ") && !self.out.contains('\n') => {
                self.out.push_str(&format!(": {}", text.replace('\n', " ")));
                return;
            }
            _ => {}
        }
        let is_item = self.depth > 0 && self.level == 0;
        if !self.out.is_empty() {
            self.out.push_str(if is_item && self.after_item { "\n" } else { "\n\n" });
        }
        if self.level > 0 {
            self.out.push_str(&format!("{} {}", "#".repeat(self.level), text.replace('\n', " ")));
        } else if is_item {
            let (indent, mark) = self.lists.next(&self.list, self.depth);
            let below = " ".repeat(indent + mark.len() + 1);
            let text = text.replace('\n', &format!("\n{below}"));
            self.out.push_str(&format!("{}{mark} {text}", " ".repeat(indent)));
        } else {
            self.out.push_str(text);
        }
        self.after_item = is_item;
    }

    fn end_cell(&mut self) {
        self.end();
        let cell = std::mem::take(&mut self.cell);
        if let Some(row) = &mut self.row {
            row.push(cell);
        }
    }

    fn end_row(&mut self) {
        let Some(cells) = self.row.take().filter(|cells| cells.iter().any(|cell| !cell.is_empty())) else {
            return;
        };
        let is_next = self.out.lines().next_back().is_some_and(|line| line.starts_with("| "));
        if !self.out.is_empty() {
            self.out.push_str(if is_next { "\n" } else { "\n\n" });
        }
        self.out.push_str(&format!("| {} |", cells.join(" | ")));
        self.after_item = false;
    }

    fn finish(mut self) -> String {
        self.end();
        self.end_row();
        notes::front_matter(None, &self.people, self.day.as_deref()) + &self.out
    }
}

/// What stands in an XML file, one after the other.
pub(super) enum Piece<'a> {
    /// A tag; true if it has no content.
    Open(&'a BytesStart<'a>, bool),
    /// The local name of a tag that ends.
    Close(&'a str),
    /// Text, and the local name of the tag around it.
    Text(&'a str, &'a str),
}

/// Goes through `xml`; `None` if it is no XML. What is broken ends the way, and what stood before counts.
pub(super) fn walk(xml: &str, see: &mut dyn FnMut(Piece<'_>)) -> Option<()> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    let mut within = String::new();
    let mut tags = 0usize;
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                tags += 1;
                within = local(&tag).to_owned();
                see(Piece::Open(&tag, false));
            }
            Ok(Event::Empty(tag)) => {
                tags += 1;
                see(Piece::Open(&tag, true));
            }
            Ok(Event::End(tag)) => {
                within.clear();
                see(Piece::Close(tag.local_name().into_inner()));
            }
            Ok(Event::Text(text)) => see(Piece::Text(&text.xml10_content(), &within)),
            Ok(Event::CData(text)) => see(Piece::Text(&text.xml10_content(), &within)),
            Ok(Event::GeneralRef(name)) => {
                let sign = name.resolve_char_ref().ok().flatten().map(String::from);
                let sign = sign.or_else(|| resolve_xml_entity(&name.xml10_content()).map(str::to_owned));
                see(Piece::Text(sign.as_deref().unwrap_or_default(), &within));
            }
            Ok(Event::Eof) | Err(_) => return (tags > 0).then_some(()),
            Ok(_) => {}
        }
    }
}

pub(super) fn local<'a>(tag: &'a BytesStart<'_>) -> &'a str {
    tag.local_name().into_inner()
}

/// The value of an attribute by its whole name.
pub(super) fn value(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = tag.try_get_attribute(name).ok().flatten()?;
    attribute.normalized_value(XmlVersion::Implicit1_0).ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests;
