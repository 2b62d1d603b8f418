//! Reading verdicts: what counts, what is missing, and that nothing else makes a winner.

use affinage_eval::judge::reply::parse_verdict;
use affinage_eval::judgment::{MissingReason, Outcome, ParsePath};
use proptest::prelude::*;

const LABELS: [&str; 2] = ["K7", "M2"];

fn outcome(text: &str) -> Outcome {
    parse_verdict(text, LABELS).outcome
}

fn missing(reason: MissingReason) -> Outcome {
    Outcome::Missing { reason }
}

#[test]
fn json_with_scores_is_read_by_seat() {
    let text = r#"{"rationale": "K7 is deeper.", "scores": {
        "M2": {"creativity": 4, "coherence": 5, "depth": 3, "engagement": 4, "writing_quality": 5},
        "K7": {"creativity": 7, "coherence": 8, "depth": 9, "engagement": 7, "writing_quality": 8}},
        "winner": "M2"}"#;
    let verdict = parse_verdict(text, LABELS);
    assert_eq!(verdict.outcome, Outcome::Second);
    assert_eq!(verdict.label_said.as_deref(), Some("M2"));
    let scores = verdict.scores.expect("both labels have five scores");
    assert_eq!((scores.first.depth, scores.second.depth), (9.0, 3.0));
    assert_eq!(verdict.rationale.as_deref(), Some("K7 is deeper."));
    assert_eq!(outcome(&format!("```json\n{text}\n```")), Outcome::Second);
    assert_eq!(outcome(r#"{"winner": "tie"}"#), Outcome::Tie);
}

#[test]
fn scores_in_another_form_do_not_hide_the_winner() {
    let verdict = parse_verdict(r#"{"scores": {"K7": 8, "M2": 3}, "winner": "K7"}"#, LABELS);
    assert_eq!((verdict.outcome, verdict.scores), (Outcome::First, None));
    let beyond = r#"{"scores": {
        "M2": {"creativity": 40, "coherence": 5, "depth": 3, "engagement": 4, "writing_quality": 5},
        "K7": {"creativity": 7, "coherence": 8, "depth": 9, "engagement": 7, "writing_quality": 8}},
        "winner": "M2"}"#;
    assert_eq!(parse_verdict(beyond, LABELS).scores, None, "40 of 10 is no score");
}

#[test]
fn the_last_line_is_the_verdict_line() {
    assert_eq!(outcome("I compared them.\nVERDICT: M2\n\n"), Outcome::Second);
    assert_eq!(outcome("VERDICT: K7\nOn second thought:\n**VERDICT: M2**"), Outcome::Second);
    assert_eq!(outcome("VERDICT: Tie"), Outcome::Tie);
    let verdict = parse_verdict("VERDICT: K7", LABELS);
    assert_eq!(verdict.parse_path, ParsePath::VerdictLine);
}

#[test]
fn everything_else_is_missing_with_its_reason() {
    for (text, reason) in [
        ("", MissingReason::Unparsed),
        ("K7 is better", MissingReason::Unparsed),
        ("VERDICT: K7\nbut I am not sure", MissingReason::Unparsed),
        ("verdict: K7", MissingReason::Unparsed),
        ("VERDICT: K77", MissingReason::UnknownLabel),
        ("VERDICT: k7", MissingReason::UnknownLabel),
        ("VERDICT: Response K7", MissingReason::UnknownLabel),
        ("VERDICT:", MissingReason::UnknownLabel),
        ("VERDICT: K7 or M2", MissingReason::BothLabels),
        ("VERDICT: neither a tie", MissingReason::UnknownLabel),
        (r#"{"winner": "A"}"#, MissingReason::UnknownLabel),
        (r#"{"winner": ["K7"]}"#, MissingReason::UnknownLabel),
        (r#"{"winner": "K7 and M2"}"#, MissingReason::BothLabels),
        (r#"{"winner": "K7", "winner": "M2"}"#, MissingReason::Unparsed),
        (r#"{"verdict": "K7"}"#, MissingReason::Unparsed),
        (r#"{"winner": "K7"#, MissingReason::Unparsed),
    ] {
        assert_eq!(outcome(text), missing(reason), "{text}");
    }
}

/// Pieces that verdicts, and what resembles them, are made of.
fn piece() -> impl Strategy<Value = String> {
    let fixed = [
        "VERDICT:",
        "VERDICT",
        "K7",
        "M2",
        "K77",
        " ",
        "\n",
        "**",
        "{",
        "}",
        "\"winner\"",
        ":",
        "\"K7\"",
        "\"M2\"",
        "\"tie\"",
        "tie",
        ",",
        "```json\n",
        "```",
        "Response",
        "[",
        "]",
        "null",
    ];
    prop_oneof![
        8 => proptest::sample::select(fixed.to_vec()).prop_map(str::to_owned),
        1 => "[ -~]{0,6}",
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn no_input_makes_a_winner_without_an_exact_label_in_its_place(
        pieces in proptest::collection::vec(piece(), 0..14)
    ) {
        let text = pieces.concat();
        let verdict = parse_verdict(&text, LABELS);
        let label = match verdict.outcome {
            Outcome::First => "K7",
            Outcome::Second => "M2",
            Outcome::Tie | Outcome::Missing { .. } => {
                prop_assert_eq!(verdict.label_said, None);
                return Ok(());
            }
        };
        prop_assert_eq!(verdict.label_said.as_deref(), Some(label));
        let last = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("");
        let on_verdict_line = last.trim_matches('*').trim().strip_prefix("VERDICT:")
            .is_some_and(|said| said.trim_matches('*').trim() == label);
        let inner = text.trim().trim_start_matches("```json").trim_start_matches("```").trim_end_matches("```");
        let in_winner_field = serde_json::from_str::<serde_json::Value>(inner)
            .is_ok_and(|value| value["winner"].as_str().map(str::trim) == Some(label));
        prop_assert!(on_verdict_line || in_winner_field, "{text:?}");
    }
}
