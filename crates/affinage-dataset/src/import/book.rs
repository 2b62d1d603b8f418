//! An e-book (EPUB) as Markdown: its chapters in the order of reading.

use std::collections::HashMap;

use super::office::{Members, Piece, local, value, walk};
use super::{LeftOut, LeftOutKind, html, notes, office};

/// A book that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Book {
    Text(String),
    /// Its chapters are encrypted.
    Protected,
}

/// The Markdown of a book, and what is next to its text is added to `left_out`; `None` if it names no chapters.
pub(super) fn book(members: &mut Members<'_>, left_out: &mut LeftOut) -> Option<Book> {
    let encrypted = members("META-INF/encryption.xml").map(|listed| encrypted(&listed)).unwrap_or_default();
    let path = package_path(&members("META-INF/container.xml")?)?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let package = members(&path)?;
    let chapters = chapters(&package, folder);
    if chapters.is_empty() {
        return None;
    }
    if chapters.iter().any(|chapter| encrypted.contains(chapter)) {
        return Some(Book::Protected);
    }
    let texts: Vec<String> = chapters
        .iter()
        .filter_map(|chapter| members(chapter))
        .filter(|page| !is_about_the_book(page))
        .map(|page| {
            let html::Page { text, beside, .. } = html::page(&page);
            beside.into_iter().for_each(|kind| left_out.add(LeftOutKind::Beside, kind, ""));
            text
        })
        .filter(|text| !text.is_empty())
        .collect();
    let front = notes::front_matter(title(&package).as_deref(), &office::creators(&package), None);
    (!texts.is_empty()).then(|| Book::Text(front + &texts.join("\n\n")))
}

/// What the book is called.
fn title(package: &str) -> Option<String> {
    let mut title = None;
    walk(package, &mut |piece| {
        if let Piece::Text(text, "title") = piece
            && title.is_none()
            && !text.trim().is_empty()
        {
            title = Some(text.trim().to_owned());
        }
    });
    title
}

/// True for a page that is no text of the book but says what book it is: its cover, title page, imprint, contents.
fn is_about_the_book(page: &str) -> bool {
    const KINDS: [&str; 11] = [
        "titlepage",
        "halftitlepage",
        "cover",
        "copyright-page",
        "imprint",
        "colophon",
        "toc",
        "landmarks",
        "footnotes",
        "endnotes",
        "rearnotes",
    ];
    let mut is_about = None;
    walk(page, &mut |piece| {
        if let Piece::Open(tag, _) = piece
            && is_about.is_none()
            && let Some(kinds) = value(tag, "epub:type")
        {
            // Where in the book it stands does not tell: a preface is front matter too.
            let mut told = kinds.split_whitespace().filter(|kind| !kind.ends_with("matter")).peekable();
            is_about = told.peek().is_some().then(|| told.any(|kind| KINDS.contains(&kind)));
        }
    });
    is_about == Some(true)
}

/// Paths of encrypted members; fonts are often among them.
fn encrypted(listed: &str) -> Vec<String> {
    let mut paths = Vec::new();
    walk(listed, &mut |piece| {
        if let Piece::Open(tag, _) = piece
            && local(tag) == "CipherReference"
        {
            paths.extend(value(tag, "URI").map(|path| decoded(&path)));
        }
    });
    paths
}

fn package_path(container: &str) -> Option<String> {
    let mut path = None;
    walk(container, &mut |piece| {
        if let Piece::Open(tag, _) = piece
            && local(tag) == "rootfile"
            && path.is_none()
        {
            path = value(tag, "full-path");
        }
    })?;
    path
}

/// Paths of the chapters in the archive, in the order of reading, without the table of contents.
fn chapters(package: &str, folder: &str) -> Vec<String> {
    let mut items: HashMap<String, String> = HashMap::new();
    let mut order = Vec::new();
    office::walk(package, &mut |piece| {
        let Piece::Open(tag, _) = piece else { return };
        match local(tag) {
            "item" => {
                let is_contents = value(tag, "properties").is_some_and(|p| p.split(' ').any(|p| p == "nav"));
                if let (Some(id), Some(path), false) = (value(tag, "id"), value(tag, "href"), is_contents) {
                    items.insert(id, within(folder, &decoded(&path)));
                }
            }
            "itemref" => order.extend(value(tag, "idref")),
            _ => {}
        }
    });
    order.iter().filter_map(|id| items.remove(id)).collect()
}

/// A path relative to a folder, with its `..`.
fn within(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

/// A path with its `%20`.
fn decoded(path: &str) -> String {
    let path = path.split('#').next().unwrap_or(path);
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, behind @ ..] = rest {
        let hex = behind.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTAINER: &str =
        r#"<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>"#;
    const PACKAGE: &str = r#"<package><metadata><dc:title>Weirs</dc:title></metadata><manifest><item id="n" href="nav.xhtml" properties="nav"/><item id="b" href="two.xhtml"/>
        <item id="a" href="../text/chapter%20one.xhtml"/></manifest><spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/><itemref idref="a"/></spine></package>"#;

    fn read(encryption: Option<&str>) -> Option<Book> {
        let mut members = HashMap::from([
            ("META-INF/container.xml", CONTAINER),
            ("OEBPS/book.opf", PACKAGE),
            (
                "text/chapter one.xhtml",
                "<?xml version='1.0'?><html><head><title>x</title></head><body><h1>One</h1><p>First.</p></body></html>",
            ),
            ("OEBPS/two.xhtml", "<html><body><h1>Two</h1><p>Second.</p></body></html>"),
            ("OEBPS/nav.xhtml", "<html><body><ol><li>One</li></ol></body></html>"),
        ]);
        members.extend(encryption.map(|listed| ("META-INF/encryption.xml", listed)));
        book(&mut |name| members.get(name).map(|text| (*text).to_owned()), &mut LeftOut::default())
    }

    #[test]
    fn chapters_come_once_in_the_order_of_reading() {
        assert_eq!(
            read(None),
            Some(Book::Text("---\ntitle: Weirs\n---\n\n# One\n\nFirst.\n\n# Two\n\nSecond.".to_owned()))
        );
    }

    #[test]
    fn pages_about_the_book_are_no_text_of_it() {
        let page = |kind: &str, part: &str| {
            is_about_the_book(&format!(
                r#"<html><body epub:type="{part}"><section epub:type="{kind}"><p epub:type="toc">x</p></section></body></html>"#
            ))
        };
        assert!(page("titlepage", "frontmatter") && page("copyright-page", "backmatter"));
        assert!(!page("preface", "frontmatter") && !page("chapter", "bodymatter"));
        assert!(!is_about_the_book("<html><body><p>x</p></body></html>"));
    }

    #[test]
    fn encrypted_fonts_are_no_lock_and_encrypted_chapters_are() {
        let listed = |path: &str| format!("<encryption><CipherReference URI=\"{path}\"/></encryption>");
        assert!(matches!(read(Some(&listed("OEBPS/font.otf"))), Some(Book::Text(_))));
        assert_eq!(read(Some(&listed("OEBPS/two.xhtml"))), Some(Book::Protected));
    }
}
