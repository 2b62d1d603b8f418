//! Where a judge's thoughts end. Servers without a reasoning parser send them in front of the answer, in the marks of the
//! model's maker.

use std::ops::Range;

use crate::thought::MARKS;

/// Where the text behind the last thought begins: 0 without a thought. `None` when a thought has no end.
///
/// A model whose template opens the thought sends only its end. Marks inside `masked` (objects that were read as JSON), and
/// marks directly behind a quotation mark, are talked about and mark nothing. A thought that opens another one and ends once
/// has no end.
pub(super) fn end_of_thoughts(text: &str, masked: &[Range<usize>]) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let is_mark = |at: usize| {
        !masked.iter().any(|range| range.contains(&at))
            && !lower[..at].ends_with(['"', '\'', '`', '\u{201c}', '\u{2018}', '\u{201e}', '\u{ab}'])
    };
    // Where each mark begins and ends, case aside.
    let find = |mark: &str| -> Vec<(usize, usize)> {
        let mark = mark.to_ascii_lowercase();
        let found = lower.match_indices(&mark).map(|(at, _)| (at, at + mark.len()));
        found.filter(|(at, _)| is_mark(*at)).collect()
    };
    let opens = MARKS.iter().flat_map(|(open, _)| find(open)).map(|(at, _)| (at, None));
    let closes = MARKS.iter().flat_map(|(_, close)| find(close)).map(|(at, end)| (at, Some(end)));
    let mut marks: Vec<(usize, Option<usize>)> = opens.chain(closes).collect();
    marks.sort_unstable();
    let (mut open, mut end) = (0usize, 0);
    for (_, closed) in marks {
        match closed {
            None => open += 1,
            Some(at) => {
                open = open.saturating_sub(1);
                end = at;
            }
        }
    }
    (open == 0).then_some(end)
}
