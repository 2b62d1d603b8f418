//! Notes: texts in which nobody speaks. Each section becomes an answer in the person's own words; the prompt it answers
//! is drafted by rule ([`DRAFTED`]) and is for the person to replace.

mod byline;
mod cut;
mod declared;
mod front_matter;
mod org;
mod outline;
mod prompt;
mod title;
mod vault;

use std::collections::HashSet;

use self::front_matter::FrontMatter;
use self::prompt::Wordings;
use self::title::Title;
use super::fences::{self, Unclosed};
use super::left_out::{LeftOut, LeftOutKind};
use super::members::Together;
use super::stamp;
use super::unwrap_lines::{self, Wrap};
use crate::conversation::{
    Block, BlockKind, Conversation, DRAFTED, Declared, Link, Node, NodeRole, Origin, Provider,
};
use crate::shingle::{normalise, words};

pub(super) use byline::{MIN_TEXTS as BYLINE_MIN_TEXTS, names as names_at_head};
pub(super) use front_matter::{json_at_head, split as split_front_matter};
pub use prompt::heading_of;
pub(super) use prompt::language;
pub(super) use title::front_matter;
pub(crate) use title::is_copy_name;

/// Who wrote the notes.
const AUTHOR: &str = "me";
/// Fewer words are a jotting, a label or a title, not an answer.
const MIN_ANSWER_WORDS: usize = 8;

#[derive(Debug)]
pub(super) struct Notes {
    /// One for each section, or part of a section that is too long for one answer. May be empty.
    pub conversations: Vec<Conversation>,
    pub wrap: Wrap,
    /// What of the text stands in none of them.
    pub left_out: LeftOut,
    /// Words of the answers that stand in block quotes.
    pub quoted_words: usize,
    pub cut: Cut,
}

/// Sections that are too long for one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    pub sections: usize,
    /// What they became.
    pub parts: usize,
}

impl Cut {
    pub fn add(&mut self, other: Cut) {
        self.sections += other.sections;
        self.parts += other.parts;
    }
}

/// Private or a draft, if a text says so of itself, in its front matter or elsewhere.
pub(super) fn mark(front_matter: &str, body: &str) -> Option<Declared> {
    declared::mark(&FrontMatter::of(front_matter), body)
}

/// The author whom a front matter names.
pub(super) fn author(front_matter: &str) -> Option<String> {
    declared::author(&FrontMatter::of(front_matter))
}

/// The notes of one text. `front_matter` is what [`split_front_matter`] found at its beginning; `together` knows the texts
/// beside this one.
pub(super) fn read(body: &str, front_matter: &str, origin: &Origin, together: &Together) -> Notes {
    let fields = FrontMatter::of(front_matter);
    let declared = declared::of(&origin.member, &fields, body, |name| together.is_other_author(name));
    let mut title = Title::of(&origin.member, &fields);
    let mut hidden = Vec::new();
    let org = org::is_org(&origin.member, body).then(|| org::markdown(body, &mut hidden));
    let lines: Vec<&str> = org.as_deref().unwrap_or(body).lines().collect();
    let outline::Own { lines, title: named, unseen: own } =
        outline::read(&lines, &fences::inside(&lines, Unclosed::ToTheEnd));
    if let Some(name) = named {
        title.call(name);
    }
    let views: Vec<&str> = lines.iter().map(String::as_str).collect();
    let vault::Seen { mut lines, media, is_link, footnotes, unseen } = vault::seen(&views, title.of_notion);
    let mut left_out = LeftOut::default();
    own.into_iter().chain(hidden).for_each(|kind| left_out.add(LeftOutKind::PartOfNote, kind, ""));
    media.into_iter().for_each(|name| left_out.add(LeftOutKind::Media, "", name));
    unseen.into_iter().for_each(|kind| left_out.add(LeftOutKind::PartOfNote, kind, ""));
    (0..footnotes).for_each(|_| left_out.add(LeftOutKind::FootnoteOfNote, "", origin.member.as_str()));
    for line in byline::take_off(&mut lines, &title.bylines, &|line| together.is_byline(line)) {
        left_out.add(LeftOutKind::Byline, line, "");
    }
    let views: Vec<&str> = lines.iter().map(String::as_str).collect();
    let wrap = unwrap_lines::detect(&views);
    let wordings = Wordings::of(&lines.join("\n"), together.language());
    let document = cut::title(&lines).or_else(|| title.label.clone());
    let mut asked = HashSet::new();
    let (mut conversations, mut quoted_words, mut cut) = (Vec::new(), 0, Cut::default());
    for section in cut::sections(&lines) {
        let text = unwrap_lines::join(super::transcript::without_rules(&views[section.lines.clone()]), wrap);
        if !text.chars().any(char::is_alphanumeric) {
            continue;
        }
        let beside_links =
            section.lines.clone().filter(|line| !is_link[*line]).map(|line| words(views[line]).len());
        let has_links = section.lines.clone().any(|line| is_link[line]);
        if has_links && beside_links.sum::<usize>() < MIN_ANSWER_WORDS {
            left_out.add(LeftOutKind::LinkSection, "", origin.member.as_str());
            continue;
        }
        let heading = section.title.or_else(|| title.words.clone());
        let names = [document.as_deref(), section.above.as_deref()];
        let before = conversations.len();
        for (number, part) in cut::parts(&text).into_iter().enumerate() {
            let prompt = drafted(wordings, heading.as_deref(), names, &part, number > 0, &asked);
            let is_short = words(&part).len() < MIN_ANSWER_WORDS;
            if is_short || normalise(&part) == normalise(&prompt) {
                let kind = if is_short { LeftOutKind::ShortSection } else { LeftOutKind::OnlyPrompt };
                left_out.add(kind, "", origin.member.as_str());
                continue;
            }
            asked.insert(prompt.clone());
            quoted_words += words_in_quotes(&part);
            let mut conversation = conversation(prompt, part, origin);
            conversation.title =
                heading.clone().or_else(|| title.label.clone()).unwrap_or_else(|| title.base.clone());
            if let Some(day) = section.above.as_deref().filter(|above| stamp::is_day(above)) {
                conversation.title = format!("{day}{BETWEEN}{}", conversation.title);
            }
            conversation.project = title.project.clone();
            // The day that a section stands under is nearer than that of its file.
            let days = [heading.as_deref(), section.above.as_deref()];
            let day = days.into_iter().flatten().find_map(stamp::day_of);
            conversation.time_s = day.and_then(title::seconds).or(title.time_s);
            conversation.origin.declared = declared.clone();
            conversations.push(conversation);
        }
        match conversations.len() - before {
            0 | 1 => {}
            parts => cut.add(Cut { sections: 1, parts }),
        }
    }
    Notes { conversations, wrap, left_out, quoted_words, cut }
}

/// Why nothing of a text is a note.
pub(super) fn why_none(left_out: &LeftOut) -> String {
    let kinds: Vec<LeftOutKind> = left_out.rows().iter().map(|row| row.kind).collect();
    let has = |kind| kinds.contains(&kind);
    if has(LeftOutKind::OnlyPrompt) {
        return "no note: it is one question, and says nothing that could answer it".to_owned();
    }
    if has(LeftOutKind::ShortSection) {
        return format!("no note: no section of it has {MIN_ANSWER_WORDS} words");
    }
    match kinds.first() {
        Some(LeftOutKind::LinkSection) => "no note: it holds links only",
        Some(_) => "no note: it holds no text, at most headings, links and properties",
        None => "no text: it holds no words",
    }
    .to_owned()
}

fn words_in_quotes(text: &str) -> usize {
    text.lines().filter(|line| line.trim_start().starts_with('>')).map(|line| words(line).len()).sum()
}

/// Between a title and the one above it.
const BETWEEN: &str = " – ";

/// True for a section of a daily note or a journal: its heading, the heading above it or its file's name is only a date.
pub fn is_dated(conversation: &Conversation) -> bool {
    if conversation.provider != Provider::Note {
        return false;
    }
    let base = conversation.origin.member.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = base.rsplit_once('.').map_or(base, |(stem, _)| stem);
    let above = conversation.title.split(BETWEEN).next().unwrap_or_default();
    [stem, above, conversation.title.as_str()].into_iter().any(stamp::is_day)
}

/// Words of a heading that say little alone ("Morning", "Old ones"): what stands above it is named too.
const SHORT_WORDS: usize = 2;

/// The prompt of a part of a section: its document and its heading, each said once. A heading that asks is its own prompt.
/// Only the first part under a heading, and only the first under equal headings, is asked for by these alone.
fn drafted(
    wordings: Wordings,
    heading: Option<&str>,
    [document, above]: [Option<&str>; 2],
    part: &str,
    is_later: bool,
    asked: &HashSet<String>,
) -> String {
    // A day says nothing of what is written under it.
    let Some(heading) = heading.filter(|heading| !stamp::is_day(heading)) else {
        return wordings.beginning(part);
    };
    let is_short = heading.split_whitespace().count() <= SHORT_WORDS;
    let mut names = vec![heading];
    // The nearest first.
    for name in above.filter(|_| is_short).into_iter().chain(document) {
        let is_said = names.iter().any(|said| normalise(said).contains(&normalise(name)));
        if !is_said && !prompt::is_question(heading) {
            names.insert(0, name);
        }
    }
    let about = wordings.about(&names.join(BETWEEN));
    match is_later || asked.contains(&about) {
        true => format!("{about}\n{}", wordings.beginning(part)),
        false => about,
    }
}

fn conversation(prompt: String, answer: String, origin: &Origin) -> Conversation {
    let mut asked = Node::new("0", NodeRole::User, vec![Block::new(BlockKind::Text, prompt)]);
    asked.author = Some(DRAFTED.to_owned());
    let mut written = Node::new("1", NodeRole::Assistant, vec![Block::new(BlockKind::Text, answer)]);
    written.author = Some(AUTHOR.to_owned());
    let links = vec![Link::to(asked, None), Link::to(written, Some("0".to_owned()))];
    // Neither the text nor its sections have an id: they are recognised by their words.
    let mut conversation = Conversation::new(Provider::Note, "", origin.clone());
    conversation.arrange(links, None).expect("a chain of distinct ids is a tree");
    conversation
}
