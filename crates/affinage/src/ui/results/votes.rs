//! Ballots, packs and votes of people, in words.

use affinage_eval::human_votes::{Draw, too_few};
use affinage_eval::judgment::{AUTHOR, VOTER};
use affinage_project::next::next;

use crate::human_votes::{Ballot, Brought, Packed};
use crate::ui::{Ui, bytes, counted};

/// Says which pairs were drawn, and whether they are too few for a result.
pub fn say_drawn(ui: &Ui, ballot: &Ballot) {
    let Draw { preferred: (drawn, preferred), others: (others_drawn, others) } = ballot.draw;
    let of = counted(preferred, "pair", "pairs");
    let beside = format!("{others_drawn} of {}", counted(others, "other", "others"));
    match (ballot.own_first, preferred) {
        (true, 0) => ui.say("no pair is on a prompt of the data set: all are on other prompts"),
        (true, _) => {
            let beside = if others == 0 { String::new() } else { format!(", before {beside}") };
            ui.say(format!("drawn: {drawn} of {of} on prompts that were held out of the data set{beside}"));
        }
        (false, 0) => {}
        (false, _) => ui.say(format!(
            "drawn: {drawn} of {of} on which judges disagree, {beside}; every figure weighs them by these chances"
        )),
    }
    let pairs = ballot.to_compare();
    if let Some(few) = too_few(pairs) {
        ui.warn(format!(
            "the answers differ in {}: {few}; {} with more prompts makes another evaluation, without these votes",
            counted(pairs, "pair", "pairs"),
            next("eval")
        ));
    }
}

/// Says what a file for a voter holds.
pub fn say_packed(ui: &Ui, packed: &Packed<'_>) {
    ui.say(format!(
        "{}: {}, {}; it holds texts of",
        packed.file.display(),
        packed.screens.in_words(),
        bytes(packed.size_bytes)
    ));
    packed.of.iter().for_each(|line| ui.say(format!("  {line}")));
    if !packed.whole.is_empty() {
        let whole: Vec<&str> = packed.whole.iter().map(String::as_str).collect();
        ui.warn(format!(
            "it also holds whole texts of yours, each beside a damaged copy, which tell whether the voter reads: from {}; hold \
             private what nobody may read (`affinage review`), and write the file again",
            whole.join(", ")
        ));
    }
    if packed.left_out > 0 {
        ui.say(format!(
            "left out, because their conversations are held private: {}",
            counted(packed.left_out, "screen", "screens")
        ));
    }
}

/// Says whose votes came back, and what the planted pairs say of the voter.
pub fn say_brought(ui: &Ui, brought: &Brought) {
    let named =
        [VOTER, AUTHOR].iter().find_map(|kind| brought.voter.strip_prefix(kind)).unwrap_or(&brought.voter);
    ui.say(format!(
        "{} of {named}, {} of them new; voted on so far: {}",
        counted(brought.votes, "answered screen", "answered screens"),
        brought.new,
        brought.voted_on.in_words()
    ));
    brought.checks.iter().for_each(|line| ui.say(line));
}
