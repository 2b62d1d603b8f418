//! Documents of word processors (Word, OpenDocument) as Markdown: headings, paragraphs, lists, tables, places of pictures.
//!
//! Title, author and day have styles of their own; author and day are said before the text as front matter, so that the
//! lines which hold them are known as bylines.
//!
//! What a reader of the page does not see stays out: deleted and hidden words, comments, fields' codes; and what stands
//! next to the text: notes at the foot or the end, headers. All but deletions and codes is counted. Emphasis is not kept.
//! The XML is read as a stream of tags, so nothing nests and no entity expands.

use std::collections::HashMap;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::{LeftOut, LeftOutKind, html, notes};

/// Reads a member of the document's archive as text.
pub(super) type Members<'a> = dyn FnMut(&str) -> Option<String> + 'a;

/// The Markdown of a Word document, and what is not in it is added to `left_out`; `None` if its text cannot be read.
pub(super) fn word(members: &mut Members<'_>, left_out: &mut LeftOut) -> Option<String> {
    let styles = members("word/styles.xml").map(|styles| word_styles(&styles)).unwrap_or_default();
    let document = members("word/document.xml")?;
    count_beside_word(members, left_out);
    let mut page = Page {
        people: members("docProps/core.xml").map(|core| creators(&core)).unwrap_or_default(),
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
                    }
                }
                "outlineLvl" if page.is_open => {
                    let level = value(tag, "w:val").and_then(|level| level.parse::<usize>().ok());
                    page.level = level.filter(|level| *level < 6).map_or(page.level, |level| level + 1);
                }
                "ilvl" => {
                    page.depth = value(tag, "w:val").and_then(|level| level.parse().ok()).unwrap_or(0) + 1
                }
                "numId" if value(tag, "w:val").as_deref() == Some("0") => page.depth = 0,
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

/// Counts the parts of a Word document that stand beside its text.
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
    let mut lists = 0usize;
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
                    page.depth = lists;
                    if name == "h" {
                        let level = value(tag, "text:outline-level").and_then(|level| level.parse().ok());
                        page.level = level.unwrap_or(1usize).clamp(1, 6);
                    } else if let Some(style) = value(tag, "text:style-name") {
                        page.style(Style::of(made_from.get(&style).unwrap_or(&style)));
                    }
                }
                "list" if !is_empty => lists += 1,
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
                "list" => lists = lists.saturating_sub(1),
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
            let indent = "  ".repeat((self.depth - 1).min(8));
            self.out.push_str(&format!("{indent}- {}", text.replace('\n', &format!("\n{indent}  "))));
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
mod tests {
    use super::*;

    type Read = fn(&mut Members<'_>, &mut LeftOut) -> Option<String>;

    fn read(reader: Read, members: &[(&str, &str)]) -> Option<String> {
        counted(reader, members).0
    }

    /// The text, and the names and numbers of what stands beside it.
    fn counted(reader: Read, members: &[(&str, &str)]) -> (Option<String>, Vec<(String, usize)>) {
        let mut left_out = LeftOut::default();
        let text = reader(
            &mut |name| {
                members.iter().find(|(member, _)| *member == name).map(|(_, text)| (*text).to_owned())
            },
            &mut left_out,
        );
        (text, left_out.rows().into_iter().map(|row| (row.name, row.count)).collect())
    }

    #[test]
    fn what_stands_beside_the_text_is_counted() {
        let document = r#"<w:document><w:p><w:r><w:t>Seen.</w:t></w:r><w:r><w:rPr><w:vanish/></w:rPr><w:t>no</w:t></w:r><w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t> Too.</w:t></w:r></w:p></w:document>"#;
        let members = [
            ("word/document.xml", document),
            ("word/comments.xml", "<w:comments><w:comment/><w:comment/></w:comments>"),
            (
                "word/footnotes.xml",
                r#"<w:footnotes><w:footnote w:type="separator"/><w:footnote w:id="2"/></w:footnotes>"#,
            ),
            ("word/header1.xml", "<w:hdr><w:t>Mills</w:t></w:hdr>"),
            ("word/footer1.xml", "<w:ftr><w:t>12</w:t></w:ftr>"),
        ];
        let (text, left_out) = counted(word, &members);
        assert_eq!(text.as_deref(), Some("Seen. Too."));
        let expected = [("comment", 2), ("footnote", 1), ("header", 1), ("hidden text", 1)];
        assert_eq!(left_out, expected.map(|(name, count)| (name.to_owned(), count)));
        let content = "<office:text><text:p>Seen.<text:note><text:p>no</text:p></text:note><office:annotation><text:p>no</text:p></office:annotation></text:p></office:text>";
        let (text, left_out) = counted(open_document, &[("content.xml", content)]);
        assert_eq!(text.as_deref(), Some("Seen."));
        assert_eq!(left_out, [("comment".to_owned(), 1), ("footnote".to_owned(), 1)]);
    }

    #[test]
    fn frames_readings_and_raised_numbers() {
        let run = |words: &str| format!("<w:r><w:t>{words}</w:t></w:r>");
        let frame = format!(
            "<w:r><w:drawing><w:txbxContent><w:p>{}</w:p></w:txbxContent></w:drawing></w:r>",
            run("In a frame.")
        );
        let ruby = "<w:r><w:ruby><w:rt><w:r><w:t>ゆき</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>雪</w:t></w:r></w:rubyBase></w:ruby></w:r>";
        let square = r#"<w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:t>2</w:t></w:r>"#;
        let document = format!(
            "<w:document><w:p>{}{frame}{}</w:p><w:p>{ruby}{}{square}</w:p></w:document>",
            run("Before."),
            run("Behind."),
            run(" 3 m")
        );
        let found = read(word, &[("word/document.xml", &document)]);
        assert_eq!(found.as_deref(), Some("Before.\n\nIn a frame.\n\nBehind.\n\n雪 3 m²"));
    }

    const STYLES: &str = r#"<w:styles><w:style w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style><w:style w:styleId="Titel"><w:name w:val="Title"/></w:style></w:styles>"#;

    #[test]
    fn a_word_document_is_its_visible_paragraphs() {
        let document = r#"<?xml version="1.0"?><w:document><w:body>
            <w:p><w:pPr><w:pStyle w:val="Titel"/></w:pPr><w:r><w:t>Weirs</w:t></w:r></w:p>
            <w:p><w:pPr><w:tabs><w:tab w:val="left"/></w:tabs></w:pPr><w:r><w:t xml:space="preserve">They </w:t></w:r><w:del><w:r><w:delText>stand</w:delText></w:r></w:del><w:r><w:t>lean &amp; wait</w:t><w:tab/><w:t>&#8212;</w:t><w:br/><w:t>long.</w:t></w:r></w:p>
            <w:p><w:pPr><w:pStyle w:val="berschrift2"/></w:pPr><w:r><w:t>Kinds</w:t></w:r></w:p>
            <w:p><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr><w:r><w:t>old</w:t></w:r></w:p>
            <w:p><w:pPr><w:numPr><w:ilvl w:val="1"/><w:numId w:val="1"/></w:numPr></w:pPr><w:r><w:t>older</w:t></w:r></w:p>
            <w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr><w:tr><w:tc><w:p><w:r><w:t>c</w:t></w:r></w:p></w:tc><w:tc><w:p/></w:tc></w:tr></w:tbl>
            <w:p><w:r><w:drawing><wp:inline/></w:drawing></w:r><w:r><w:instrText>PAGE</w:instrText></w:r></w:p>
            </w:body></w:document>"#;
        let expected = "# Weirs\n\nThey lean & wait —\nlong.\n\n## Kinds\n\n- old\n  - older\n\n| a | b |\n| c |  |\n\n![picture](picture)";
        let members = [("word/styles.xml", STYLES), ("word/document.xml", document)];
        assert_eq!(read(word, &members).as_deref(), Some(expected));
        assert_eq!(read(word, &[("word/document.xml", "no xml")]), None);
        let broken = "<w:document><w:p><w:r><w:t>Kept.</w:t></w:r></w:p><w:p><w:r><w:t";
        assert_eq!(read(word, &[("word/document.xml", broken)]).as_deref(), Some("Kept."));
    }

    #[test]
    fn an_open_document_is_its_visible_paragraphs() {
        let content = r#"<office:document-content><office:automatic-styles><style:x>no</style:x></office:automatic-styles><office:body><office:text>
            <text:h text:outline-level="2">Mills</text:h>
            <text:p>They<text:s text:c="2"/>are<text:note><text:note-body><text:p>no</text:p></text:note-body></text:note>
 loud.<text:line-break/>Very.<office:annotation><text:p>no</text:p></office:annotation></text:p><text:p/>
            <text:list><text:list-item><text:p>one</text:p></text:list-item><text:list-item><text:p>two</text:p></text:list-item></text:list>
            <table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table>
            </office:text></office:body></office:document-content>"#;
        let found = read(open_document, &[("content.xml", content)]);
        assert_eq!(
            found.as_deref(),
            Some("## Mills\n\nThey  are  loud.\nVery.\n\n- one\n- two\n\n| a | b |")
        );
    }

    #[test]
    fn title_author_and_day_are_said_by_their_styles() {
        let expected = "---\nauthor: Ida Feld\nauthor: Otto Mill\ndate: 3 May 2020\n---\n\n# Weirs: and their walls\n\nOtto Mill\n\n3 May 2020\n\nThey lean.";
        let styles = r#"<w:styles><w:style w:styleId="a"><w:name w:val="Author"/></w:style></w:styles>"#;
        let paragraph = |style: &str, words: &str| {
            format!(r#"<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r><w:t>{words}</w:t></w:r></w:p>"#)
        };
        let parts = [
            ("Title", "Weirs"),
            ("Subtitle", "and their walls"),
            ("a", "Otto Mill"),
            ("Date", "3 May 2020"),
            ("Body", "They lean."),
        ];
        let document = format!(
            "<w:document>{}</w:document>",
            parts.map(|(style, words)| paragraph(style, words)).concat()
        );
        let core = "<cp:coreProperties><dc:creator>Ida Feld</dc:creator></cp:coreProperties>";
        let members = [
            ("word/styles.xml", styles),
            ("word/document.xml", document.as_str()),
            ("docProps/core.xml", core),
        ];
        assert_eq!(read(word, &members).as_deref(), Some(expected));

        let made = r#"<office:automatic-styles><style:style style:name="P1" style:parent-style-name="Author"><style:x/></style:style></office:automatic-styles>"#;
        let paragraph =
            |style: &str, words: &str| format!(r#"<text:p text:style-name="{style}">{words}</text:p>"#);
        let parts =
            parts.map(|(style, words)| paragraph(if style == "a" { "P1" } else { style }, words)).concat();
        let content = format!(
            "<office:document-content>{made}<office:text>{parts}</office:text></office:document-content>"
        );
        let meta = "<office:document-meta><meta:initial-creator>Ida Feld</meta:initial-creator><dc:creator>Ida Feld</dc:creator></office:document-meta>";
        assert_eq!(
            read(open_document, &[("content.xml", &content), ("meta.xml", meta)]).as_deref(),
            Some(expected)
        );
    }

    #[test]
    fn entities_do_not_expand() {
        let bomb = r#"<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><d><w:p><w:r><w:t>&b;.</w:t></w:r></w:p></d>"#;
        assert_eq!(read(word, &[("word/document.xml", bomb)]).as_deref(), Some("."));
    }
}
