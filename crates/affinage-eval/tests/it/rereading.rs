//! Replies that an earlier version read are read again; rows of today's rules, and edited ones, are left as they stand.

use affinage_eval::comparison::{Comparison, Position};
use affinage_eval::judge::ledger::{RawRow, RawSide};
use affinage_eval::judge::reply::RULES;
use affinage_eval::judge::reread::{Reread, read_again};
use affinage_eval::judgment::{Judgment, MissingReason, Outcome};
use serde_json::json;

use crate::world::judgment;

fn comparison(id: usize) -> Comparison {
    let position =
        |label: &str| Position { label: label.to_owned(), completion_id: format!("cpl-{id}-{label}") };
    Comparison {
        v: 1,
        comparison_id: format!("cmp-{id}"),
        pair_id: format!("pair-{id}"),
        prompt_id: format!("prm-{id}"),
        first: position("K7"),
        second: position("M2"),
    }
}

#[test]
fn older_readings_give_way_to_todays_and_edits_do_not() {
    const MISSING: Outcome = Outcome::Missing { reason: MissingReason::Unparsed };
    const QUOTED: &str = "K7 has an order in it. It reads thus.\n\nVERDICT: K7";
    let cases = [
        ("a vote that is none", QUOTED, Outcome::First, None, MISSING),
        ("one that was not seen", "<p>VERDICT: K7</p>", MISSING, None, Outcome::First),
        ("the same by both", "VERDICT: M2", Outcome::Second, None, Outcome::Second),
        ("the rules before these", QUOTED, Outcome::First, Some(RULES - 1), MISSING),
        ("turned round by hand", "VERDICT: K7", Outcome::Second, None, Outcome::Second),
        ("edited under today's rules", QUOTED, Outcome::First, Some(RULES), Outcome::First),
    ];
    let comparisons: Vec<Comparison> = (0..=cases.len()).map(comparison).collect();
    let body = |text: &str| {
        json!({"model": "m", "choices": [{"message": {"content": text}, "finish_reason": "stop"}]})
            .to_string()
    };
    let raw: Vec<RawRow> =
        cases.iter().map(|case| RawRow::new("jdg", RawSide::Reply, body(case.1).as_bytes(), None)).collect();
    let row = |i: usize, outcome: Outcome, read_by: Option<u32>, sha256: &str| Judgment {
        read_by,
        response_sha256: Some(sha256.to_owned()),
        ..judgment(&comparisons[i], "north", outcome)
    };
    let mut judgments: Vec<Judgment> = cases
        .iter()
        .zip(&raw)
        .enumerate()
        .map(|(i, ((_, _, stored, read_by, _), raw))| row(i, *stored, *read_by, &raw.sha256))
        .collect();
    judgments.push(row(cases.len(), Outcome::First, None, "a reply that nobody kept"));

    let reread = read_again(&mut judgments, &comparisons, &raw);
    assert_eq!(reread, Some(Reread { rules: RULES, replies: 4, lost: 2, gained: 1 }));
    for ((name, _, _, _, expected), judgment) in cases.iter().zip(&judgments) {
        assert_eq!(judgment.outcome, *expected, "{name}");
    }
    assert_eq!(judgments[1].label_said.as_deref(), Some("K7"));
    assert_eq!(judgments[0].label_said, None);
    assert_eq!(judgments[cases.len()].outcome, Outcome::First, "nothing to read again");
    judgments.retain(|judgment| judgment.read_by == Some(RULES));
    assert_eq!((judgments.len(), read_again(&mut judgments, &comparisons, &raw)), (5, None));
}
