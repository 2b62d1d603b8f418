//! Subtitles (SRT, WebVTT): what is said, without numbers and times.

use std::sync::LazyLock;

use regex::Regex;

use super::html;

static CUE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:\d{1,3}:)?\d{1,2}:\d{2}[.,]\d{1,3}\s+-->\s+(?:\d{1,3}:)?\d{1,2}:\d{2}[.,]\d{1,3}")
        .expect("the pattern is part of the program")
});
static VOICE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^<v(?:\.[^ >]*)?\s+([^>]+)>").expect("the pattern is part of the program"));
static TAG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"</?[a-z][^<>]*>|<\d[\d:.]*>|\{\\[a-z]{1,3}\d{0,2}\}")
        .expect("the pattern is part of the program")
});
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:[-–>]+\s*)?(\p{L}[^:：.!?]{0,29})[:：]\s+(\S.*)$")
        .expect("the pattern is part of the program")
});

/// Fewer cues than this are a text about subtitles.
const MIN_CUES: usize = 2;

/// The words of subtitles as a transcript: one paragraph `NAME: text` for all that one speaker says in a row.
/// `None` if `text` is something else.
pub(super) fn transcript(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let cues: Vec<usize> = (0..lines.len()).filter(|&line| CUE.is_match(lines[line])).collect();
    let begins_with_cue =
        lines.iter().take(cues.first()? + 1).filter(|line| !line.trim().is_empty()).count() <= 8;
    if cues.len() < MIN_CUES || !begins_with_cue {
        return None;
    }
    // WebVTT writes signs of its own as entities.
    let is_web = text.trim_start().starts_with("WEBVTT");
    let mut out = String::new();
    let mut speaking: Option<String> = None;
    for (number, &cue) in cues.iter().enumerate() {
        let end = cues.get(number + 1).map_or(lines.len(), |next| *next);
        // A cue ends with a blank line; its number, or a note, stands behind that.
        for line in lines[cue + 1..end].iter().take_while(|line| !line.trim().is_empty()) {
            let (speaker, words) = voice(line);
            let words = TAG.replace_all(&words, "");
            let words = if is_web { html::decoded(&words) } else { words.into_owned() };
            let is_new = speaker.is_some() && speaker != speaking;
            if is_new {
                speaking = speaker;
            }
            let start = match &speaking {
                Some(name) if is_new => format!("{}{name}: ", if out.is_empty() { "" } else { "\n\n" }),
                _ => (if out.is_empty() { "" } else { " " }).to_owned(),
            };
            out += &start;
            out += words.trim();
        }
    }
    Some(out)
}

/// Who speaks a line, if it says so, and the words.
fn voice(line: &str) -> (Option<String>, String) {
    let line = line.trim();
    for pattern in [&*VOICE, &*NAMED] {
        if let Some(found) = pattern.captures(line) {
            let words = found.get(2).map_or(&line[found[0].len()..], |words| words.as_str());
            return (Some(found[1].trim().to_owned()), words.to_owned());
        }
    }
    (None, line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_subtitles_lose_numbers_and_times() {
        let srt = "1\n00:00:01,000 --> 00:00:02,000\nAnna: Where does\nthe path end?\n\n2\n00:00:02,500 --> 00:00:04,000\nBert: At the\n\n3\n00:00:04,000 --> 00:00:05,000\n<i>old</i> weir.\n";
        let vtt = "WEBVTT\n\nNOTE made by hand\n\na-1\n00:01.000 --> 00:02.000 align:start\n<v Anna>Where does</v>\n\n00:02.000 --> 00:02.500\n<v Anna>the path end?</v>\n\n00:02.500 --> 00:05.000\n<v.loud Bert>At the <00:03.000>old weir.</v>\n";
        let expected = "Anna: Where does the path end?\n\nBert: At the old weir.";
        for text in [srt, vtt] {
            assert_eq!(transcript(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(transcript("A cue looks so: 00:01.000 --> 00:02.000\n"), None);
    }
}
