//! What stands before a verdict, as far as it makes the verdict part of something else.

use std::borrow::Cow;

use super::about::{disowns_by_form, heads_reasons, introduces_reasons, is_aside, is_spoken, seeks_worse};
use super::heading::is_end_of_thought;
use super::words::{Announces, announces, disowns, points_on};

/// The last line before a verdict, and what is known of its place.
#[derive(Clone, Debug)]
pub(super) struct LeadIn<'t> {
    pub line: Cow<'t, str>,
    /// The line before it, if any.
    pub before: Option<Cow<'t, str>>,
    /// No empty line stands between it and the verdict.
    pub is_next: bool,
    /// It is a paragraph of its own.
    pub is_lone: bool,
    /// Nothing else announces or repeats the verdict, and the verdict is a line.
    pub is_bare: bool,
    /// The last heading above the verdict, if any.
    pub heading: Option<Cow<'t, str>>,
    /// What stands before the list of which it is the last item, if it is one and no item names a label.
    pub list: Option<Cow<'t, str>>,
    pub labels: [&'t str; 2],
    /// The label that the verdict names.
    pub winner: Option<&'t str>,
}

impl LeadIn<'_> {
    /// Whether it announces the judge's own verdict. One that does not name it (`Here it is:`) does so only where nothing
    /// stands before that it may point back to.
    fn is_own(&self) -> bool {
        match announces(&self.line) {
            Some(Announces::Decision | Announces::Judging) => true,
            Some(Announces::Something) => self.before.is_none(),
            None => false,
        }
    }

    /// Whether it makes the verdict part of a sentence or a quotation: it introduces something that is not announced as the
    /// judge's own, it is a text without a final stop, so that the verdict may go on with it, its last sentence points on to what
    /// follows ("It reads thus.") or says that this is no verdict ("This is only a draft."), it is a paragraph behind
    /// others that says nothing of either answer, or the last of a list that is not one of reasons, or a heading names another's view.
    pub fn quotes(&self) -> bool {
        let plain = self.line.trim_end_matches(|c: char| c.is_whitespace() || "*_`".contains(c));
        if plain.is_empty() || self.is_own() || is_end_of_thought(&self.line) {
            return false;
        }
        if plain.ends_with([':', '\u{ff1a}']) {
            return true;
        }
        if self.line.starts_with('>') {
            return self.is_next;
        }
        let is_foreign = |line: &Cow<str>| !introduces_reasons(line, self.labels);
        if self.list.as_ref().is_some_and(is_foreign) {
            return true;
        }
        if self.is_bare && self.heading.as_ref().is_some_and(|heading| !heads_reasons(heading, self.labels)) {
            return true;
        }
        if !is_finished(plain) {
            return !(is_count(plain) || self.list.is_some() || self.is_item_of_list());
        }
        let sentence = last_sentence(plain);
        if is_spoken(&self.line) {
            return true;
        }
        let is_of_judging = matches!(announces(sentence), Some(Announces::Decision | Announces::Judging));
        disowns(sentence)
            || seeks_worse(plain, self.labels)
            || !is_of_judging && (points_on(sentence) || self.disowns(sentence))
            || self.is_bare && self.is_lone && self.before.is_some() && is_aside(plain, self.labels)
    }

    fn disowns(&self, sentence: &str) -> bool {
        let is_all = self.is_lone && sentence.len() == self.line.len();
        disowns_by_form(sentence, self.winner, self.labels, is_all)
    }

    /// Whether it is an item of a list, or a row of a table, of several, in which nobody sets full stops.
    fn is_item_of_list(&self) -> bool {
        is_item(&self.line)
            && self.before.as_ref().is_some_and(|before| is_item(before) && !is_finished(before))
    }
}

pub(super) fn is_item(line: &str) -> bool {
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    line.starts_with(['-', '*', '+', '|', '\u{2022}']) || digits > 0 && line[digits..].starts_with(['.', ')'])
}

/// Whether a line stands as a heading does: as a title in Markdown, or few words without a final stop.
pub(super) fn is_heading(line: &str) -> bool {
    let plain = line.trim_end_matches(|c: char| c.is_whitespace() || "*_`".contains(c));
    let is_short = || crate::text::words(plain).len() <= 12;
    line.starts_with('#')
        || !(line.starts_with('>') || is_finished(plain) || is_count(plain))
            && (line.starts_with("**") || !is_item(line))
            && is_short()
}

/// Whether a text ends with a final stop, apart from marks that close something; code needs none.
fn is_finished(text: &str) -> bool {
    const CLOSERS: &str =
        "\"')*_`\u{201d}\u{2019}\u{201c}\u{bb}\u{203a}\u{ff09}\u{300d}\u{300f}\u{300b}\u{3009}\u{3011}";
    const STOPS: [char; 16] = [
        '.', '!', '?', '\u{3002}', '\u{ff01}', '\u{ff1f}', '\u{ff0e}', '\u{ff61}', '\u{964}', '\u{965}',
        '\u{6d4}', '\u{61f}', '\u{589}', '\u{104b}', '\u{17d4}', '\u{1362}',
    ];
    let is_picture = |c: char| matches!(c, '\u{2600}'..='\u{27bf}' | '\u{fe0f}' | '\u{1f000}'..);
    let bare = text.trim_end_matches(|c: char| c.is_whitespace() || CLOSERS.contains(c) || is_picture(c));
    !bare.ends_with("..") && bare.ends_with(|c| STOPS.contains(&c) || "}]".contains(c))
}

/// Whether a line says how many: words, a colon and numbers or labels (`Depth: K7`, `K7: 41 points`).
fn is_count(line: &str) -> bool {
    let Some((_, value)) = line.rsplit_once([':', '\u{ff1a}']) else { return false };
    let words = crate::text::words(value);
    words.len() <= 6 && words.iter().any(|word| word.contains(|c: char| c.is_numeric()))
}

/// The last sentence of a text that ends with a final stop.
fn last_sentence(text: &str) -> &str {
    let ends = [". ", "! ", "? ", "\u{3002}", "\u{ff01}", "\u{ff1f}", "\u{964}", "\u{6d4}", "\u{61f} "];
    let inner = text.trim_end_matches(|c: char| !c.is_alphanumeric());
    let begin = ends.iter().filter_map(|end| Some(inner.rfind(end)? + end.len())).max().unwrap_or(0);
    &text[begin..]
}

/// Whether a quotation is open behind these lines.
pub(super) fn has_open_quotation<'t>(lines: impl Iterator<Item = Cow<'t, str>>) -> bool {
    let (mut straight, mut low, mut curly, mut angled) = (false, 0i64, 0i64, 0i64);
    for c in lines.flat_map(|line| line.chars().collect::<Vec<_>>()) {
        match c {
            '"' => straight = !straight,
            '\u{201e}' => low += 1,
            // It ends a low one, and begins one of its own where none is open.
            '\u{201c}' if low > 0 => low -= 1,
            '\u{201c}' => curly += 1,
            '\u{201d}' if curly == 0 => low -= low.min(1),
            '\u{201d}' => curly -= 1,
            '\u{ab}' => angled += 1,
            '\u{bb}' => angled -= 1,
            _ => {}
        }
    }
    straight || low + curly > 0 || angled != 0
}
