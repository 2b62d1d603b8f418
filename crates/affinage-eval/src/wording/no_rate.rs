//! Sentences about a comparison that has no win rate.

use crate::analysis::WinRate;
use crate::judgment::called;
use crate::plain::counted;
use crate::text::capitalised;

/// Why a comparison has no win rate.
#[derive(Clone, Debug)]
pub enum NoRate<'a> {
    /// No prompt was answered by both.
    NothingInCommon,
    /// Every prompt has the same text twice, or a missing one.
    NothingToCompare,
    NobodyAsked,
    /// Nobody was asked, because each judge failed its exam before; the first reason of each.
    AllUnfit(Vec<String>),
    /// Those who voted, and why the votes of each do not count.
    Uncounted(Vec<(&'a str, Uncounted)>),
}

/// Why the votes of one judge are no part of a win rate.
#[derive(Clone, Debug)]
pub enum Uncounted {
    Author(Said),
    /// Its first reason.
    FailedExam(String),
    UnfinishedExam,
    /// A person who did not see the damage of the planted pairs.
    MissedPlanted,
    Inverted,
    Coin,
    /// It voted on `said` pairs of `of`, and `needed` are needed.
    Part {
        said: Said,
        of: usize,
        needed: usize,
        is_person: bool,
    },
}

/// What a judge said: on how many pairs, and the win rate of its votes alone.
#[derive(Clone, Debug)]
pub struct Said {
    pub pairs: usize,
    pub rate: Option<WinRate>,
}

impl Said {
    /// The counts that a win rate has everywhere.
    fn outcomes(&self) -> String {
        self.rate.as_ref().map_or_else(|| "no vote that counts".to_owned(), WinRate::outcomes)
    }
}

/// What stands for the reason of an exam that was lost by preferring the worse answer.
pub fn prefers_worse() -> String {
    "it prefers the worse answer".to_owned()
}

/// Why there is no win rate.
pub fn sentence(why: &NoRate) -> String {
    match why {
        NoRate::NothingInCommon => "The two have answered no prompt in common.".to_owned(),
        NoRate::NothingToCompare => {
            "No prompt has two different whole answers that could be compared.".to_owned()
        }
        NoRate::NobodyAsked => "Nobody has compared the answers yet.".to_owned(),
        NoRate::AllUnfit(reasons) => match reasons.as_slice() {
            [only] => format!("The only judge failed its exam ({only}), so it was not asked to compare."),
            several => {
                format!("All {} judges failed their exams, so none was asked to compare.", several.len())
            }
        },
        NoRate::Uncounted(judges) => match judges.as_slice() {
            [(judge, only)] => alone(judge, only),
            several if several.iter().all(|(_, why)| matches!(why, Uncounted::FailedExam(_))) => {
                format!("All {} judges failed their exams, so their votes do not count.", several.len())
            }
            several => {
                let each: Vec<String> = several.iter().map(|(judge, why)| among_others(judge, why)).collect();
                format!("No vote counts: {}.", each.join("; "))
            }
        },
    }
}

/// Of the only one who voted.
fn alone(judge: &str, why: &Uncounted) -> String {
    match why {
        Uncounted::Author(said) => format!(
            "Only the author has voted (on {}: {}), and the author's votes are shown apart.",
            counted(said.pairs, "pair", "pairs"),
            said.outcomes()
        ),
        Uncounted::FailedExam(why) => {
            format!("The only judge failed its exam ({why}), so its votes do not count.")
        }
        Uncounted::UnfinishedExam => "The only judge has not finished its exam.".to_owned(),
        Uncounted::MissedPlanted => {
            "The only voter missed the planted pairs, so the votes do not count.".to_owned()
        }
        Uncounted::Inverted => {
            "The only judge names the answer that its own scores put lower: its log is inverted.".to_owned()
        }
        Uncounted::Coin => {
            "The only judge changes its winner with the order as often as a coin would, so its votes do not count."
                .to_owned()
        }
        Uncounted::Part { said, needed, is_person, .. } => {
            let of_kind = if *is_person { "vote" } else { "verdict" };
            format!(
                "{}; a win rate needs {needed} of them, so {} missing.",
                capitalised(&among_others(judge, why)),
                match needed.saturating_sub(said.pairs) {
                    1 => format!("1 {of_kind} is"),
                    n => format!("{n} {of_kind}s are"),
                }
            )
        }
    }
}

/// Of one among several who voted: a clause.
fn among_others(judge: &str, why: &Uncounted) -> String {
    match why {
        Uncounted::Author(_) => "the author's votes are shown apart".to_owned(),
        Uncounted::FailedExam(_) => format!("`{judge}` failed its exam"),
        Uncounted::UnfinishedExam => format!("`{judge}` has not finished its exam"),
        Uncounted::MissedPlanted => format!("{} missed the planted pairs", called(judge)),
        Uncounted::Inverted => format!("the log of `{judge}` is inverted"),
        Uncounted::Coin => format!("`{judge}` changes its winner with the order as often as a coin"),
        Uncounted::Part { said, of, is_person, .. } => {
            let did = if *is_person { "has voted on" } else { "gave a verdict that counts on" };
            format!(
                "{} {did} {} of {} ({})",
                called(judge),
                said.pairs,
                counted(*of, "pair", "pairs"),
                said.outcomes()
            )
        }
    }
}
