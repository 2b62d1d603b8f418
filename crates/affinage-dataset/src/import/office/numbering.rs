//! Lists of documents: which of their levels are numbered, and the number of each item.

use std::collections::HashMap;

use super::{Piece, local, value, walk};

/// Deeper items stand as deep as these.
const MAX_DEPTH: usize = 9;

/// How the items of a level are marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Level {
    form: Form,
    start: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Bullet,
    Decimal,
    /// `a`, or `A`.
    Letter(bool),
    /// `i`, or `I`.
    Roman(bool),
}

/// The lists of a document, and how far each is counted.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// By name of the list and depth, from 1.
    levels: HashMap<(String, usize), Level>,
    counts: HashMap<(String, usize), usize>,
    /// Width of the last mark of each depth: what is below is indented by it.
    widths: Vec<usize>,
}

impl Lists {
    /// Of `word/numbering.xml`: lists refer to abstract ones.
    pub(super) fn of_word(numbering: &str) -> Lists {
        let mut forms: HashMap<(String, usize), Level> = HashMap::new();
        let mut lists = Lists::default();
        let (mut outer, mut depth, mut is_number) = (String::new(), 1, false);
        walk(numbering, &mut |piece| {
            let Piece::Open(tag, _) = piece else { return };
            let val = || value(tag, "w:val");
            match local(tag) {
                "abstractNum" => {
                    outer = value(tag, "w:abstractNumId").unwrap_or_default();
                    is_number = false;
                }
                "num" => (outer, is_number) = (value(tag, "w:numId").unwrap_or_default(), true),
                "abstractNumId" if is_number => {
                    let of = val().unwrap_or_default();
                    let own = forms.iter().filter(|((name, _), _)| *name == of);
                    lists.levels.extend(own.map(|((_, depth), level)| ((outer.clone(), *depth), *level)));
                }
                "lvl" | "lvlOverride" => {
                    depth = value(tag, "w:ilvl").and_then(|level| level.parse().ok()).unwrap_or(0) + 1;
                }
                "startOverride" if is_number => {
                    if let Some(level) = lists.levels.get_mut(&(outer.clone(), depth)) {
                        level.start = number(val());
                    }
                }
                "start" if !is_number => {
                    forms
                        .entry((outer.clone(), depth))
                        .or_insert(Level { form: Form::Decimal, start: 1 })
                        .start = number(val());
                }
                "numFmt" if !is_number => {
                    let form = form(&val().unwrap_or_default());
                    forms.entry((outer.clone(), depth)).or_insert(Level { form, start: 1 }).form = form;
                }
                _ => {}
            }
        });
        lists
    }

    /// Of the styles of lists in the members of an OpenDocument text.
    pub(super) fn of_open_document(members: &[&str]) -> Lists {
        let mut lists = Lists::default();
        for xml in members {
            let mut style = String::new();
            walk(xml, &mut |piece| {
                let Piece::Open(tag, _) = piece else { return };
                let depth = || value(tag, "text:level").and_then(|level| level.parse().ok()).unwrap_or(1);
                match local(tag) {
                    "list-style" => style = value(tag, "style:name").unwrap_or_default(),
                    "list-level-style-number" => {
                        let form = form(&value(tag, "style:num-format").unwrap_or_default());
                        let start = number(value(tag, "text:start-value"));
                        lists.levels.insert((style.clone(), depth()), Level { form, start });
                    }
                    _ => {}
                }
            });
        }
        lists
    }

    /// How far the next item of a list is indented, and its mark. What stands behind `#` in the name is one of the lists of
    /// a style.
    pub(super) fn next(&mut self, list: &str, depth: usize) -> (usize, String) {
        let depth = depth.clamp(1, MAX_DEPTH);
        let style = list.split_once('#').map_or(list, |(style, _)| style);
        let level = self.levels.get(&(style.to_owned(), depth)).copied();
        let Level { form, start } = level.unwrap_or(Level { form: Form::Bullet, start: 1 });
        self.counts.retain(|(name, deep), _| name != list || *deep <= depth);
        let count =
            self.counts.entry((list.to_owned(), depth)).and_modify(|count| *count += 1).or_insert(start);
        let mark = match form {
            Form::Bullet => "-".to_owned(),
            Form::Decimal => format!("{count}."),
            Form::Letter(is_large) => format!("{}.", letters(*count, is_large)),
            Form::Roman(is_large) => format!("{}.", roman(*count, is_large)),
        };
        self.widths.resize(depth, 1);
        let indent = self.widths[..depth - 1].iter().map(|width| width + 1).sum();
        self.widths[depth - 1] = mark.len();
        (indent, mark)
    }
}

/// List and depth of the styles whose paragraphs are items, by the id of the style.
pub(super) fn of_styles(styles: &str) -> HashMap<String, (String, usize)> {
    let mut found: HashMap<String, (String, usize)> = HashMap::new();
    let (mut id, mut depth) = (String::new(), 1);
    walk(styles, &mut |piece| {
        let Piece::Open(tag, _) = piece else { return };
        let val = || value(tag, "w:val").unwrap_or_default();
        match local(tag) {
            "style" => (id, depth) = (value(tag, "w:styleId").unwrap_or_default(), 1),
            "ilvl" => depth = val().parse().unwrap_or(0) + 1,
            "numId" if val() != "0" && !id.is_empty() => {
                found.insert(id.clone(), (val(), depth));
            }
            _ => {}
        }
    });
    found
}

fn number(text: Option<String>) -> usize {
    text.and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// By the word of Word's or the sign of OpenDocument's formats.
fn form(word: &str) -> Form {
    match word {
        "bullet" | "none" | "" => Form::Bullet,
        "lowerLetter" | "a" => Form::Letter(false),
        "upperLetter" | "A" => Form::Letter(true),
        "lowerRoman" | "i" => Form::Roman(false),
        "upperRoman" | "I" => Form::Roman(true),
        _ => Form::Decimal,
    }
}

/// `a` to `z`, then `aa`.
fn letters(count: usize, is_large: bool) -> String {
    let index = count.saturating_sub(1);
    let first = if is_large { b'A' } else { b'a' };
    let letter = char::from(first + u8::try_from(index % 26).unwrap_or(0));
    letter.to_string().repeat((index / 26).min(9) + 1)
}

fn roman(count: usize, is_large: bool) -> String {
    const SIGNS: [(usize, &str); 13] = [
        (1000, "m"),
        (900, "cm"),
        (500, "d"),
        (400, "cd"),
        (100, "c"),
        (90, "xc"),
        (50, "l"),
        (40, "xl"),
        (10, "x"),
        (9, "ix"),
        (5, "v"),
        (4, "iv"),
        (1, "i"),
    ];
    let mut rest = count.min(3999);
    let mut text = String::new();
    for (worth, sign) in SIGNS {
        while rest >= worth {
            text.push_str(sign);
            rest -= worth;
        }
    }
    if is_large { text.to_uppercase() } else { text }
}
