//! The card as a terminal prints it in full.

use super::*;

#[test]
fn the_full_card_of_a_terminal_has_every_warning_and_points_nowhere() {
    let evidence = fixed();
    let plain = card::plain("my-voice", &evidence.plan, &evidence.analysis, true);
    let (_, warnings) = plain.rows.iter().find(|(label, _)| *label == "Watch out").expect("warnings");
    assert_eq!(*warnings, evidence.analysis.card.watch_out.join(" "));
    assert!(!warnings.contains("--full"), "{warnings}");
}
