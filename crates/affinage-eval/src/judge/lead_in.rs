//! What stands before a verdict, as far as it makes the verdict part of something else.

use super::reply::is_fence;

/// Whether a line with these words alone announces the judge's own word or takes nothing of it back.
///
/// Courtesies stand behind a verdict; before it words of judging may stand too.
pub(super) fn is_announcement(line: &str, is_before: bool) -> bool {
    const COURTESY: &str = " a above all always and any anything are as asked ask assist assistance been both can carefully clarification \
        compare compared comparing criteria detail details done elaborate else end evaluate evaluated evaluation explain explanation \
        feel final for free further given glad happy have help helpful helps here hope i if in information is it json judged \
        judgement judgment know let me more my need object of on output please provide provided questions rationale read \
        reading reasoning requested rubric scores thank thanks that the this to twice verdict very want was were with you your ";
    const JUDGING: &str = " a above after all analysis and answer answers are assessment at based both by carefully coherence compared \
        comparing comparison conclude conclusion considered considering creativity criteria criterion decide decision depth \
        engagement evaluating evaluation everything final finally here heres hence i in is it json judgement judgment me my object of \
        on overall quality rationale reading reason reasoning reasons response responses result rubric s scores so summary the \
        therefore these this thus together two verdict vote weighing winner writing ";
    let known = if is_before { JUDGING } else { COURTESY };
    let words = crate::text::words(line);
    !words.is_empty() && words.iter().all(|word| known.contains(&format!(" {word} ")))
}

/// Whether `line`, the last before a verdict, makes it part of a sentence or a quotation: it introduces something that is not
/// announced as the judge's own, or ends in the middle of a sentence. `is_next` says that no empty line stands between.
pub(super) fn is_quoted_by(line: &str, is_next: bool) -> bool {
    let plain = line.trim_end_matches(|c: char| c.is_whitespace() || "*_`".contains(c));
    let Some(last) = plain.chars().next_back() else { return false };
    if ":\u{ff1a}".contains(last) {
        return !is_announcement(line, true);
    }
    if line.starts_with('>') {
        return is_next;
    }
    let is_set_off = plain.len() < line.len() && line.starts_with(['*', '_', '`'])
        || line.starts_with(['#', '|', '-', '*', '+', '\u{2022}'])
        || line.starts_with(|c: char| c.is_ascii_digit());
    let is_unfinished = last.is_alphanumeric() || ",;-\u{2013}\u{2014}(&/+=".contains(last);
    is_next && is_unfinished && !is_set_off && !is_announcement(line, true)
}

/// Whether a quotation is open behind these lines.
pub(super) fn has_open_quotation<'t>(lines: impl Iterator<Item = &'t str>) -> bool {
    let (mut straight, mut low, mut curly, mut angled) = (false, 0i64, 0i64, 0i64);
    for c in lines.flat_map(str::chars) {
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

/// Whether a text begins as a thought does that has lost its signs: with the bare name of its channel, or a heading that names
/// it. Nothing then says where it ends.
pub(super) fn is_thought_in_words(text: &str) -> bool {
    let text = text.trim_start();
    let first = text.lines().next().unwrap_or_default();
    if matches!(first.trim(), "thought" | "thinking" | "analysis" | "commentary") {
        return true;
    }
    let glued = text.strip_prefix("analysis").and_then(|rest| rest.chars().next());
    if glued.is_some_and(char::is_uppercase) {
        return true;
    }
    const HEADING: [&str; 10] =
        ["thought", "thoughts", "thinking", "think", "process", "here", "heres", "is", "my", "the"];
    let words = if is_fence(first.trim()) { Vec::new() } else { crate::text::words(first) };
    let names = words.iter().any(|word| word.starts_with("think") || word.starts_with("thought"));
    names && words.iter().all(|word| HEADING.contains(&word.as_str()))
}
