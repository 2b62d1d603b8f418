//! Sentences about votes of people.

use super::estimate::{likely, percent, rated};
use crate::analysis::{Estimate, WinRate};
use crate::analyze::win_rate::ENOUGH;
use crate::judgment::{is_me, spoken};
use crate::plain::counted;
use crate::plan::{Arm, Plan};
use crate::planted::{LEFT_OUT, PlantedResult};
use crate::stats::models::FEWEST_HUMAN_VOTES;
use crate::text::capitalised;

/// Whose votes a win rate is of, and whether the pairs were drawn with one chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voters<'a> {
    /// "the author", "people", a name.
    pub by: &'a str,
    pub are_author: bool,
    pub is_even: bool,
}

/// The win rate by people, with what its pairs are.
pub fn by_people(voters: Voters, rate: &WinRate) -> String {
    let apart = match voters.are_author {
        true => " The author knows the voice; this is reported apart.",
        false => "",
    };
    let drawn = match (voters.is_even, voters.are_author) {
        (true, _) => "",
        (false, true) => " Pairs on the author's own prompts were drawn before all others.",
        (false, false) => {
            " These pairs were not drawn evenly: the corrected figure is the one for all pairs."
        }
    };
    format!("{}{apart}{drawn}", rated(&format!("By {}", voters.by), rate))
}

/// What the planted pairs say of a voter, and what follows.
pub fn planted(planted: &PlantedResult, is_left_out: bool) -> String {
    match is_left_out {
        true => format!("{} {LEFT_OUT}", planted.sentence),
        false => planted.sentence.clone(),
    }
}

/// Where no person has voted.
pub const NOBODY: &str = "Nobody has voted: whether the judges agree with people is not known.";

/// What an author's votes come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    Made,
    /// The planted pairs were missed: none.
    Missed,
    /// The evaluation has too few prompts for one.
    TooFewThere,
    /// So many more prompts are needed.
    More(usize),
}

/// On how many of the prompts that were voted on the author's texts stand, and on how many of these the arm was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnPrompts {
    pub all: usize,
    pub from_texts: usize,
    pub chosen: usize,
    /// The rest is tied.
    pub not_chosen: usize,
}

/// Which answer an author chose as more like their own voice.
pub fn of_author(author: &str, plan: &Plan, rate: &WinRate, figure: Figure, own: OwnPrompts) -> String {
    let who = match is_me(author) {
        true => capitalised(spoken(author)),
        false => format!("The author {}", spoken(author)),
    };
    let like = "more like their own voice";
    let voted = counted(rate.estimate.n, "prompt", "prompts");
    let arm = &plan.headline.arm;
    let tuned = match plan.arm(arm).and_then(Arm::adapter_sha256) {
        Some(_) => "the tuned answer".to_owned(),
        None => format!("the answer of {}", plan.called(arm)),
    };
    let figure = match figure {
        Figure::Missed => {
            return format!(
                "{who} voted on {voted} which answer sounds {like}, and missed the planted pairs: no figure is made of these votes."
            );
        }
        Figure::Made => likely(&rate.estimate),
        Figure::TooFewThere => {
            format!("a figure needs votes on {ENOUGH} prompts, and this evaluation has fewer")
        }
        Figure::More(more) => format!(
            "votes on {} needed for a figure, {}",
            match more {
                1 => "1 more prompt is".to_owned(),
                more => format!("{more} more prompts are"),
            },
            plan.command("vote", &format!("--as {}", if is_me(author) { "me" } else { spoken(author) }))
        ),
    };
    format!(
        "{who} chose {tuned} as {like} on {} of {voted} (tied on {}, not chosen on {}): {figure}.{}",
        rate.wins,
        rate.ties,
        rate.losses,
        of_own(own)
    )
}

/// Which of the prompts are from the author's texts, where the voice shows best: a sentence, and what follows where most are not.
fn of_own(OwnPrompts { all, from_texts, chosen, not_chosen }: OwnPrompts) -> String {
    let few = "so these votes say little about the voice";
    match from_texts {
        0 => format!(" None of these prompts is from the author's texts, {few}."),
        _ if from_texts == all => " All of these prompts are from the author's texts.".to_owned(),
        _ => {
            let are = if from_texts == 1 { "is" } else { "are" };
            let most = if 2 * from_texts < all { format!(", {few}") } else { String::new() };
            format!(
                " Of these prompts {from_texts} {are} from the author's texts (chosen on {chosen}, tied on {}, not chosen on \
                 {not_chosen}), the other {} are on other subjects{most}.",
                from_texts - chosen - not_chosen,
                all - from_texts
            )
        }
    }
}

/// That so many pairs with votes of people and judges are too few for a correction.
pub fn too_few_to_correct(pairs: usize) -> String {
    format!(
        "{} voted on by people and judges; from {FEWEST_HUMAN_VOTES} on the judges are corrected by them.",
        counted(pairs, "pair", "pairs")
    )
}

/// The judges' win rate corrected by so many votes of people, and how often both name the same winner.
pub fn corrected(
    votes: usize,
    estimate: Option<&Estimate>,
    agreement: Option<&Estimate>,
    is_even: bool,
) -> String {
    let figures = |estimate: Option<&Estimate>| estimate.map_or(String::new(), percent);
    format!(
        "Judges corrected by {} of people: {}; judges and people name the same winner in {}.{}",
        counted(votes, "vote", "votes"),
        figures(estimate),
        figures(agreement),
        match is_even {
            true => "",
            false => " More pairs were drawn where judges split; the weights take that back.",
        }
    )
}
