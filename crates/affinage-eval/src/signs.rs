//! The signs that models and servers put into a text: `<think>`, `</think>`, `<|channel>`, `[THINK]`, `<|im_end|>` and their
//! like. A sign is known by its form, so that one that nobody has seen yet is known too.

/// A sign that a text begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sign {
    pub len: usize,
    pub kind: SignKind,
    /// An opening sign and the closing one that belongs to it have equal names.
    pub name: String,
    pub is_thought: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignKind {
    Open,
    Close,
    /// The turn ends here; what follows was not asked for.
    EndOfTurn,
    /// A turn, of whomever, begins here.
    StartOfTurn,
    /// It stands before an answer and needs no end.
    Answer,
}

/// Characters that a sign may begin with.
pub(crate) const FIRST: [char; 4] = ['<', '[', '\u{25c1}', '&'];

/// The longest inside of a sign.
const LONGEST: usize = 200;

/// The sign that `text` begins with.
pub(crate) fn sign_at(text: &str) -> Option<Sign> {
    if text.starts_with("<!--") {
        return Some(Sign { len: 4, kind: SignKind::Open, name: "!--".to_owned(), is_thought: false });
    }
    if let Some(marker) = text.strip_prefix("<<") {
        let inside = until(marker, ">>").filter(|inside| !inside.contains(['<', '>']))?;
        let ended = inside.strip_prefix("end ");
        let kind = if ended.is_some() { SignKind::Close } else { SignKind::Open };
        let name = format!("<<{}", ended.unwrap_or(inside).trim());
        return Some(Sign { len: inside.len() + 4, kind, name, is_thought: false });
    }
    const DELIMITERS: [(&str, &str); 4] =
        [("<", ">"), ("[", "]"), ("\u{25c1}", "\u{25b7}"), ("&lt;", "&gt;")];
    let (open, close) = *DELIMITERS.iter().find(|(open, _)| text.starts_with(open))?;
    let inside = until(&text[open.len()..], close)?;
    let len = open.len() + inside.len() + close.len();
    // Some makers write full-width bars and blocks in place of `|` and `_`.
    let plain = inside.trim().to_lowercase().replace('\u{ff5c}', "|").replace('\u{2581}', "_");
    let (bar_before, bar_behind) = (plain.starts_with('|'), plain.ends_with('|'));
    let bare = plain.trim_matches(|c| c == '|' || c == ' ');
    let is_end = bare.starts_with('/');
    let bare = bare.trim_start_matches('/').trim_start();
    let is_in_brackets = open == "[";
    let ends_name = |c: char| !(c.is_alphanumeric() || "_-:.".contains(c) || is_in_brackets && c == ' ');
    let name = &bare[..bare.find(ends_name).unwrap_or(bare.len())];
    let rest = &bare[name.len()..];
    if !name.starts_with(char::is_alphabetic) || !(rest.is_empty() || rest.starts_with(char::is_whitespace)) {
        return None;
    }
    let is_thought = is_thought_name(name);
    // Headings, links and directions for actors stand in brackets too, but not in capitals.
    if is_in_brackets && (name != "think" && inside.chars().any(char::is_lowercase) || !rest.is_empty()) {
        return None;
    }
    let sign = |kind, name: &str| Some(Sign { len, kind, name: name.to_owned(), is_thought });
    if let Some(channel) = channel(name, (bar_before, bar_behind), &text[len..]) {
        return Some(Sign { len: len + channel.0, kind: channel.1, name: channel.2, is_thought: true });
    }
    if let Some(number) = name.strip_prefix("unused").and_then(|number| number.parse::<u32>().ok()) {
        // Reserved tokens come in pairs.
        let kind = if number % 2 == 0 { SignKind::Open } else { SignKind::Close };
        return Some(Sign { len, kind, name: format!("unused{}", number / 2), is_thought: true });
    }
    let has_bar = bar_before || bar_behind;
    if !is_thought && let Some(kind) = turn(name, is_end, (bar_before, bar_behind), is_in_brackets) {
        return sign(kind, name);
    }
    if is_end {
        return sign(SignKind::Close, name);
    }
    let (word, of) = name.split_once(['_', ' ', '-']).unwrap_or((name, ""));
    let of = of.trim_start_matches("of_").trim_start_matches("of ");
    match word {
        "begin" | "start" if !of.is_empty() => sign(SignKind::Open, of),
        "end" if !of.is_empty() => sign(SignKind::Close, of),
        _ if bar_behind && !bar_before => sign(SignKind::Close, name),
        _ if !has_bar && (rest.ends_with('/') || is_void(name)) => None,
        _ => sign(SignKind::Open, name),
    }
}

/// All signs of `text` with their places.
pub(crate) fn signs(text: &str) -> impl Iterator<Item = (usize, Sign)> {
    text.match_indices(FIRST).filter_map(|(at, _)| Some((at, sign_at(&text[at..])?)))
}

/// Whether a sign of this name holds a thought.
fn is_thought_name(name: &str) -> bool {
    const PARTS: [&str; 6] =
        ["think", "thought", "reasoning", "reflection", "scratchpad", "\u{601d}\u{8003}"];
    PARTS.iter().any(|part| name.contains(part))
}

/// As much of `text` as a sign may take.
fn near(text: &str) -> &str {
    let end = (0..=LONGEST).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// What is in front of `close` on the first line of `text`.
fn until<'t>(text: &'t str, close: &str) -> Option<&'t str> {
    let near = near(text);
    Some(&near[..near.find(close)?]).filter(|inside| !inside.contains(['\n', '<', '[']))
}

/// A channel: how much of `behind` belongs to its sign, what it does, and its name. Of the channels whose name stands between
/// two signs the final one is the answer and each other one a thought.
fn channel(name: &str, bars: (bool, bool), behind: &str) -> Option<(usize, SignKind, String)> {
    if name != "channel" {
        return None;
    }
    match bars {
        (true, true) => {
            const MESSAGE: &str = "<|message|>";
            let spoken = near(behind).split('\n').next().unwrap_or_default();
            let length = spoken.to_ascii_lowercase().find(MESSAGE);
            let is_final = spoken.trim_start().to_ascii_lowercase().starts_with("final");
            let kind = if is_final { SignKind::Close } else { SignKind::Open };
            Some((length.map_or(0, |length| length + MESSAGE.len()), kind, "channel".to_owned()))
        }
        (true, false) => Some((0, SignKind::Open, "channel|".to_owned())),
        (false, true) => Some((0, SignKind::Close, "channel|".to_owned())),
        (false, false) => None,
    }
}

/// What a sign says about turns, if anything.
fn turn(name: &str, is_end: bool, (before, behind): (bool, bool), is_in_brackets: bool) -> Option<SignKind> {
    let has_bar = before || behind;
    let has = |words: &[&str]| name.split(|c: char| !c.is_alphanumeric()).any(|part| words.contains(&part));
    match name {
        "inst" if is_in_brackets && is_end => Some(SignKind::Answer),
        "inst" if is_in_brackets => Some(SignKind::StartOfTurn),
        "s" | "bos" if !is_end && name == "bos" => Some(SignKind::StartOfTurn),
        "s" if is_end => Some(SignKind::EndOfTurn),
        "eos" | "end_of_turn" | "end_of_text" | "pad" if !is_end => Some(SignKind::EndOfTurn),
        "start_of_turn" if !is_end => Some(SignKind::StartOfTurn),
        "turn" if has_bar => Some(if before { SignKind::StartOfTurn } else { SignKind::EndOfTurn }),
        "start_response" | "begin_of_solution" | "begin_of_box" if has_bar => Some(SignKind::Answer),
        _ if !has_bar => None,
        "endoftext" => Some(SignKind::EndOfTurn),
        _ if has(&["end", "eot", "eom", "eos", "return", "pad"]) => Some(SignKind::EndOfTurn),
        "start" | "im_start" | "start_header_id" | "begin_of_text" | "startoftext" => {
            Some(SignKind::StartOfTurn)
        }
        "user" | "assistant" | "system" | "human" | "model" | "tool" => Some(SignKind::StartOfTurn),
        _ => None,
    }
}

/// Elements of HTML that have no end.
fn is_void(name: &str) -> bool {
    ["br", "hr", "img", "wbr", "input", "meta", "link"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_known_by_their_form() {
        use SignKind::{Answer, Close, EndOfTurn, Open, StartOfTurn};
        for (text, expected) in [
            ("<think>x", Some((Open, "think", true))),
            ("< Think >", Some((Open, "think", true))),
            ("</THINK>", Some((Close, "think", true))),
            ("<think type=\"deep\">", Some((Open, "think", true))),
            ("<plan b='2'>", Some((Open, "plan", false))),
            ("<|plan|>", Some((Open, "plan", false))),
            ("<|/plan|>", Some((Close, "plan", false))),
            ("<|start_thinking|>", Some((Open, "thinking", true))),
            ("<|END_THINKING|>", Some((Close, "thinking", true))),
            ("<|begin_of_thought|>", Some((Open, "thought", true))),
            ("<|channel|>analysis to=a<|message|>x", Some((Open, "channel", true))),
            ("<|channel|>final<|message|>x", Some((Close, "channel", true))),
            ("<|channel>thought", Some((Open, "channel|", true))),
            ("<channel|>", Some((Close, "channel|", true))),
            ("<unused94>thought", Some((Open, "unused47", true))),
            ("<unused95>", Some((Close, "unused47", true))),
            ("[THINK]", Some((Open, "think", true))),
            ("[/THINK]", Some((Close, "think", true))),
            ("[BEGIN PLAN]", Some((Open, "plan", false))),
            ("\u{25c1}think\u{25b7}", Some((Open, "think", true))),
            ("\u{25c1}/think\u{25b7}", Some((Close, "think", true))),
            ("&lt;think&gt;", Some((Open, "think", true))),
            ("<!-- x", Some((Open, "!--", false))),
            ("<<Response K7 0123>>", Some((Open, "<<Response K7 0123", false))),
            ("<<end Response K7 0123>>", Some((Close, "<<Response K7 0123", false))),
            ("<|begin_of_box|>", Some((Answer, "begin_of_box", false))),
            ("[/INST]", Some((Answer, "inst", false))),
            ("<|im_end|>", Some((EndOfTurn, "im_end", false))),
            ("<\u{ff5c}end\u{2581}of\u{2581}sentence\u{ff5c}>", Some((EndOfTurn, "end_of_sentence", false))),
            ("</s>", Some((EndOfTurn, "s", false))),
            ("<end_of_turn>", Some((EndOfTurn, "end_of_turn", false))),
            ("<|im_start|>", Some((StartOfTurn, "im_start", false))),
            ("[INST]", Some((StartOfTurn, "inst", false))),
            ("<|START_RESPONSE|>", Some((Answer, "start_response", false))),
            ("<br>", None),
            ("<note/>", None),
            ("<3 and more>", None),
            ("<https://example.org>", None),
            ("[a link](x)", None),
            ("[Depth]", None),
            ("< 5 and > 3", None),
            ("[\"K7\"]", None),
            ("<think", None),
        ] {
            let found = sign_at(text).map(|sign| (sign.kind, sign.name, sign.is_thought));
            assert_eq!(found, expected.map(|(kind, name, is)| (kind, name.to_owned(), is)), "{text}");
        }
    }
}
