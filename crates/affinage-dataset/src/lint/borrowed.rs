//! Notes that are no prose of a person's own: quotations, and lists of links, titles, entries or a page's other pages.
//!
//! Only notes are looked at: who asks an assistant for a list of books wants one.

use std::sync::LazyLock;

use regex::Regex;

use super::{Code, Field, Hit, Subject, line_spans, shown};
use crate::shingle::words;

fn pattern(regex: &str) -> Regex {
    Regex::new(regex).expect("the pattern is part of the program")
}

/// From this share of the words on a note is a quotation.
const QUOTED_SHARE: f64 = 0.6;
const QUOTED_MIN_WORDS: usize = 12;

/// `— Ida Feld, Letters`, `(Feld 1998, p. 12)`, `Ida Feld, Letters`: who said a quotation, as a line or behind it.
static ATTRIBUTION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"^\s*(?:(?:[—–―~]|--?)\s*[*_(]*\p{Lu}.{1,90}|[*_]*[(\[].{2,80}[)\]]\.?",
        r"|[*_]*\p{Lu}[\p{L}.'’-]*(?:\s(?:(?:de|von|van|der|di|la|le|du)\s)?\p{Lu}[\p{L}.'’-]*){1,3}(?:,.{0,60})?)[*_]*\s*$",
    ))
});
const ATTRIBUTION_WORDS: usize = 14;

/// L43. A few words of one's own beside a quotation do not make it one's own; a quotation within prose spoils nothing.
pub fn quotation(subject: &Subject) -> Vec<Hit> {
    if !subject.prompt_drafted {
        return Vec::new();
    }
    let text = &subject.response;
    let blocks: Vec<&str> = text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()).collect();
    let (mut all, mut quoted) = (0, 0);
    for (index, block) in blocks.iter().enumerate() {
        let count = words(block).len();
        if block.lines().all(|line| line.trim_start().starts_with('>')) {
            (all, quoted) = (all + count, quoted + count);
            continue;
        }
        let is_above_quoted = index > 0 && quoted > 0;
        if is_above_quoted
            && block.lines().count() == 1
            && ATTRIBUTION.is_match(block)
            && count <= ATTRIBUTION_WORDS
        {
            continue;
        }
        all += count;
        let Some((said, rest)) = shown::leading_quotation(block) else { continue };
        let named = match rest.trim() {
            "" => blocks.get(index + 1).filter(|next| next.lines().count() == 1).copied().unwrap_or_default(),
            rest => rest,
        };
        if ATTRIBUTION.is_match(named) && words(named).len() <= ATTRIBUTION_WORDS {
            quoted += words(said).len();
            // Who said it is no word of one's own.
            all -= words(rest).len();
        }
    }
    let is_quotation = quoted >= QUOTED_MIN_WORDS && quoted as f64 >= QUOTED_SHARE * all as f64;
    let detail = || format!("{quoted} of its {all} words stand in quotations");
    is_quotation.then(|| Hit::new(Field::Response, 0..text.len()).detail(detail())).into_iter().collect()
}

/// What a list is of.
struct Kind {
    name: &'static str,
    /// Fewer lines are no list.
    min_lines: usize,
    /// Of a line with the sign that makes it an item.
    is_entry: fn(&str) -> bool,
    /// What all its entries together must be.
    is_list: fn(&[&str]) -> bool,
}

/// From this share of its lines on a note is a list of one kind.
const ENTRIES_SHARE: f64 = 0.7;
/// Fewer of its words in them, and there is prose beside the list.
const ENTRIES_WORDS_SHARE: f64 = 0.5;

const KINDS: [Kind; 6] = [
    Kind { name: "links", min_lines: 3, is_entry: is_link, is_list: |_| true },
    Kind { name: "a table of contents", min_lines: 4, is_entry: is_contents, is_list: is_in_order },
    Kind { name: "an index", min_lines: 5, is_entry: is_index, is_list: is_by_alphabet },
    Kind { name: "books or articles", min_lines: 3, is_entry: is_work, is_list: |_| true },
    Kind { name: "titles behind a label", min_lines: 1, is_entry: is_labelled, is_list: |_| true },
    Kind { name: "items of a few words", min_lines: 5, is_entry: is_item, is_list: |_| true },
];

/// L44
pub fn listing(subject: &Subject) -> Vec<Hit> {
    if !subject.prompt_drafted {
        return Vec::new();
    }
    let text = &subject.response;
    let code = Code::of(text);
    let lines: Vec<&str> = line_spans(text)
        .filter(|span| !code.holds(span.start))
        .map(|span| &text[span])
        .filter(|line| line.chars().any(char::is_alphanumeric) && !unlisted(line).starts_with('#'))
        .collect();
    let words_of = |lines: &[&str]| lines.iter().map(|line| words(line).len()).sum::<usize>() as f64;
    let all_words = words_of(&lines);
    let found = KINDS.iter().find_map(|kind| {
        let marked: Vec<&str> = lines.iter().copied().filter(|line| (kind.is_entry)(line)).collect();
        let entries: Vec<&str> = marked.iter().map(|line| unlisted(line)).collect();
        let is_list = entries.len() >= kind.min_lines
            && entries.len() as f64 >= ENTRIES_SHARE * lines.len() as f64
            && words_of(&entries) >= ENTRIES_WORDS_SHARE * all_words
            && (kind.is_list)(&entries);
        is_list.then(|| format!("{}, {} of {} lines", kind.name, entries.len(), lines.len()))
    });
    found.map(|detail| Hit::new(Field::Response, 0..text.len()).detail(detail)).into_iter().collect()
}

static MARKER: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*(?:>\s*)*(?:[-*+•–]\s+(?:\[[ xX]\]\s+)?)?"));

/// A line without the sign that makes it an item of a list.
fn unlisted(line: &str) -> &str {
    line[MARKER.find(line).map_or(0, |found| found.end())..].trim()
}

static LINK: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\[[^\]\n]*\]\([^)\n]*\)|\[\[[^\]\n]*\]\]|<?(?:https?://|www\.)\S+"));

/// An address, perhaps with a few words about it.
fn is_link(line: &str) -> bool {
    const ABOUT_WORDS: usize = 8;
    let line = unlisted(line);
    LINK.is_match(line) && words(&LINK.replace_all(line, " ")).len() <= ABOUT_WORDS
}

static CONTENTS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"^(?:\S.{0,90}?(?:\s*(?:\.\s?){3,}\s*|\s*…+\s*|\s{2,}|\t+|\s)(?P<page>\d{1,4})",
        r"|\d+(?:\.\d+)+\.?\s+\S.{0,80}",
        r"|(?i:chapter|kapitel|chapitre|capítulo|capitolo|hoofdstuk|part|teil|partie|parte|section|abschnitt|appendix|anhang)\s+(?:\d+|[IVXLC]+)\b.{0,80})$",
    ))
});

fn is_contents(line: &str) -> bool {
    const MAX_WORDS: usize = 14;
    let line = unlisted(line);
    words(line).len() <= MAX_WORDS && !line.ends_with(['.', '!', ',', ';']) && CONTENTS.is_match(line)
}

fn page(line: &str) -> Option<usize> {
    CONTENTS.captures(line)?.name("page")?.as_str().parse().ok()
}

/// Pages that never go back and get far, or none: amounts of things to buy do not rise.
fn is_in_order(entries: &[&str]) -> bool {
    const LAST_PAGE: usize = 20;
    let pages: Vec<usize> = entries.iter().filter_map(|line| page(line)).collect();
    let (Some(first), Some(last)) = (pages.first(), pages.last()) else { return true };
    let has_leaders = entries.iter().any(|line| line.contains("...") || line.contains('…'));
    pages.len() >= 3
        && pages.windows(2).all(|pair| pair[0] <= pair[1])
        && first < last
        && (has_leaders || *last >= LAST_PAGE)
}

static INDEX: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^\p{L}.{1,60}?,?\s+\d{1,4}(?:\s?[–-]\s?\d{1,4})?(?:ff?\.?|n\.?)?(?:,\s*\d{1,4}(?:\s?[–-]\s?\d{1,4})?(?:ff?\.?|n\.?)?)*$",
    )
});

fn is_index(line: &str) -> bool {
    INDEX.is_match(unlisted(line))
}

/// Nearly all in the order of the alphabet, and several with more than one page.
fn is_by_alphabet(entries: &[&str]) -> bool {
    const IN_ORDER: f64 = 0.8;
    let first = |line: &str| line.chars().next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
    let pairs = entries.windows(2).filter(|pair| first(pair[0]) <= first(pair[1])).count();
    let with_pages = entries.iter().filter(|line| line.contains(", ")).count();
    pairs as f64 >= IN_ORDER * (entries.len() - 1) as f64
        && first(entries[0]) < first(entries[entries.len() - 1])
        && 2 * with_pages >= entries.len()
}

static WORK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        // A year in brackets beside a name and a title, or behind a publisher's; a number of a book.
        r"(?:[,:–—-]|[*_“”„»«]).*\((?:[^()]{0,40}[ ,])?(?:1[4-9]|20)\d\d[a-z]?\)|\((?:1[4-9]|20)\d\d[a-z]?\).{0,3}[,:.–—-]?\s*\p{Lu}",
        r"|:\s\p{Lu}[^:]{1,40},\s(?:1[4-9]|20)\d\d\.?$|\bISBN\b|\bdoi:",
        // *Title* by Somebody, Title – Some Body, Body, Some: Title
        r"|^(?:[*_]{1,2}[^*_]{2,90}[*_]{1,2}|[“„«»][^”“»«]{2,90}[”“»«])\s*[,–—-]?\s*(?:(?:by|von|de|par|di|van|av)\s+)?\p{Lu}[\p{L}.'’-]+(?:\s+\p{Lu}[\p{L}.'’-]*){0,3}",
        r"|^\p{Lu}[^.;:!?]{1,70}\s(?:by|von|par|–|—|-)\s\p{Lu}[\p{L}.'’-]+(?:\s(?:de|la|van|von|der|di))?(?:\s\p{Lu}[\p{L}.'’-]*){1,3}$",
        // Title, Some Body; Some Title, Body
        r"|^\p{Lu}[^.;:!?]{1,70},\s\p{Lu}[\p{L}.'’-]+(?:\s(?:de|la|van|von|der|di))?(?:\s\p{Lu}[\p{L}.'’-]*){1,3}$",
        r"|^\p{Lu}\S*(?:\s[^\s.;:!?]+){1,9},\s\p{Lu}[\p{L}'’-]+$",
        r"|^\p{Lu}[\p{L}'’-]{1,30},\s\p{Lu}[\p{L}.'’-]*(?:\s\p{Lu}[\p{L}.'’-]*){0,2}(?::\s|\.\s)[*_]*\p{Lu}[^.!?]{2,90}\.?$",
    ))
});

/// A work with its author, its year or its publisher.
fn is_work(line: &str) -> bool {
    const MAX_WORDS: usize = 30;
    let line = unlisted(line);
    words(line).len() <= MAX_WORDS && WORK.is_match(line)
}

/// What people call a list of what others made.
static LABELLED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)^[\s*_#]*(?:books?|reading(?: list)?|to read|films?|movies?|music|songs?|albums?|links?|sources?|references|bibliography",
        r"|literature|bücher|lektüre|leseliste|filme|musik|lieder|quellen|literatur|livres?|lectures?|musique|chansons|références",
        r"|bibliographie|libros|lecturas|películas|música|canciones|fuentes|libri|letture|musica|canzoni|fonti|livros|leituras|filmes",
        r"|boeken|muziek|bronnen|böcker|musik|källor)[\s*_]*:(?P<rest>.+)$",
    ))
});

/// `Books: The Leaning Weir, Walls, Stone upon Stone`: a label and three names or more behind it.
fn is_labelled(line: &str) -> bool {
    const MIN_NAMES: usize = 3;
    const MAX_WORDS: usize = 8;
    let Some(found) = LABELLED.captures(unlisted(line)) else { return false };
    let names: Vec<&str> = found["rest"].split([',', ';', '·', '|']).map(str::trim).collect();
    // Clauses of a sentence go on in small letters.
    let is_name =
        |name: &&str| (1..=MAX_WORDS).contains(&words(name).len()) && !name.starts_with(char::is_lowercase);
    names.len() >= MIN_NAMES && names.iter().all(is_name)
}

static ITEM: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*(?:>\s*)*(?:[-*+•–]|\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?(?P<rest>\S.*)$"));

/// An item of a list that is no sentence.
fn is_item(line: &str) -> bool {
    const MAX_WORDS: usize = 6;
    let Some(found) = ITEM.captures(line.trim_end()) else { return false };
    let rest = &found["rest"];
    (1..=MAX_WORDS).contains(&words(rest).len()) && !rest.ends_with(['.', '!', '?', '…', ':', ';', '”', '"'])
}

/// What a page calls the list of its other pages.
static OTHER_PAGES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)^\W*(?:most (?:read|popular|viewed|shared|commented)|popular (?:now|posts|articles|stories|topics)|trending(?: now| stories| topics)?",
        r"|(?:related|similar|recommended|recent|latest) (?:articles?|posts?|stories|reading|news|content|pages?)|more (?:from|stories|articles|news|on this topic).{0,40}",
        r"|you (?:may|might) (?:also )?(?:like|be interested in)|read (?:next|more|this next)|up next|editors?['’]? picks?|top stories|recommended(?: for you)?",
        r"|(?:am )?meist ?gelesene?n?.{0,20}|auch interessant|das könnte (?:sie|dich) auch interessieren|mehr zum thema|weitere (?:artikel|themen|beiträge)|lesen sie auch|ähnliche (?:artikel|beiträge)",
        r"|les plus lus|à lire (?:aussi|ensuite)|articles (?:similaires|liés|recommandés)|sur le même sujet|lo más (?:leído|visto)|te puede interesar|artículos relacionados|noticias relacionadas",
        r"|(?:i )?più letti|leggi anche|articoli correlati|mais lidas|leia (?:também|mais)|meest gelezen|lees ook|mest läst|mest lest)\W*$",
    ))
});

/// L45. The list may be the whole note, whose prompt then has the heading, or stand in it.
pub fn other_pages(subject: &Subject) -> Vec<Hit> {
    const MIN_LINES: usize = 3;
    const MAX_WORDS: usize = 16;
    if !subject.prompt_drafted {
        return Vec::new();
    }
    let text = &subject.response;
    let lines: Vec<_> = line_spans(text).filter(|span| !text[span.clone()].trim().is_empty()).collect();
    let is_title = |line: &str| {
        let line = unlisted(line);
        (2..=MAX_WORDS).contains(&words(line).len()) && !line.ends_with(['.', ':', ';', ','])
    };
    let titles =
        |from: usize| lines[from..].iter().take_while(|span| is_title(&text[(*span).clone()])).count();
    let asked = subject
        .prompt
        .rsplit(['\n', '–', '“', '„', '«', '"'])
        .map(|part| part.trim_matches(|c: char| !c.is_alphanumeric()));
    if asked.into_iter().any(|part| OTHER_PAGES.is_match(part)) && titles(0) >= MIN_LINES {
        return vec![Hit::new(Field::Response, 0..text.len())];
    }
    let found = (0..lines.len()).find_map(|at| {
        let count = titles(at + 1);
        let heading = text[lines[at].clone()].trim_start_matches(['#', ' ']);
        (OTHER_PAGES.is_match(heading) && count >= MIN_LINES).then(|| lines[at].start..lines[at + count].end)
    });
    found.map(|span| Hit::new(Field::Response, span)).into_iter().collect()
}
