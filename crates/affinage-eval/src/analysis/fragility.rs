//! How few prompts, verdicts or voters the headline hangs on.

use serde::{Deserialize, Serialize};

use super::VerdictWord;
use crate::stats::fragility::Turn;

/// Sets of judges or people that are tried.
const MOST_SETS: usize = 32;
/// Ids that are kept of a removal.
const MOST_IDS: usize = 20;

/// The smallest removals that were found to turn the words of the headline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fragility {
    /// The parts whose words the headline says, in sentences.
    pub sentence: String,
    /// In the domain, outside it, over all prompts; those of them that were decided.
    pub parts: Vec<PartFragility>,
}

/// One decided word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartFragility {
    pub part: Part,
    pub word: VerdictWord,
    /// Prompts that must go before the win rate is no longer on its side of one half, exactly; `None` where it is one half.
    pub prompts_to_half: Option<usize>,
    /// By what is left out: prompts, verdicts, judges, people.
    pub removals: Vec<Removal>,
}

/// Which prompts a word is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    InDomain,
    OutOfDomain,
    All,
}

/// What is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Left {
    Prompts,
    /// A judge's vote on a pair, both orders together.
    Verdicts,
    Judges,
    /// People whose votes are in the mean.
    Annotators,
}

/// How many of one kind turn the word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Removal {
    pub left_out: Left,
    /// So many there are.
    pub of: usize,
    /// The word turns without these many; `None` where no set of up to `searched` was found.
    pub turn: Option<usize>,
    /// Whether no smaller number turns it, or where there is none, whether none of up to `searched` does.
    pub is_least: bool,
    /// Sets of up to so many were looked at.
    pub searched: usize,
    /// What is said without them.
    pub becomes: Option<VerdictWord>,
    /// The first of them: prompts or judges by id, verdicts by prompt.
    pub ids: Vec<String>,
}

impl Removal {
    /// Of `of` items, `found` the smallest set; `is_exact` says that of none found there is none.
    pub(crate) fn of_items(
        left_out: Left,
        of: usize,
        found: Option<Turn<VerdictWord>>,
        is_exact: bool,
        id: impl Fn(usize) -> String,
    ) -> Removal {
        Removal {
            left_out,
            of,
            searched: of / 2,
            turn: found.as_ref().map(|turn| turn.items.len()),
            is_least: found.as_ref().map_or(is_exact, |turn| turn.is_least),
            becomes: found.as_ref().map(|turn| turn.becomes),
            ids: found.iter().flat_map(|turn| &turn.items).take(MOST_IDS).map(|item| id(*item)).collect(),
        }
    }

    /// The smallest set of at most `most` voters without whom the others say another word than `before`. Every set is tried,
    /// smaller ones first, up to the size of which all can be.
    pub(crate) fn of_voters(
        left_out: Left,
        voters: &[&str],
        most: usize,
        before: VerdictWord,
        word_without: impl Fn(&[&str]) -> Option<VerdictWord>,
    ) -> Removal {
        let mut removal = Removal {
            left_out,
            of: voters.len(),
            turn: None,
            is_least: true,
            searched: 0,
            becomes: None,
            ids: Vec::new(),
        };
        let mut tried = 0;
        for size in 1..=most {
            let sets = sets(voters, size);
            tried += sets.len();
            if tried > MOST_SETS {
                break;
            }
            removal.searched = size;
            let turns = |set: &Vec<&str>| word_without(set).filter(|word| *word != before);
            if let Some((set, word)) = sets.iter().find_map(|set| Some((set, turns(set)?))) {
                removal.turn = Some(size);
                removal.becomes = Some(word);
                removal.ids = set.iter().map(|id| (*id).to_owned()).collect();
                break;
            }
        }
        removal
    }
}

/// Every set of `size` of `all`; of more than are tried, one more.
fn sets<'a>(all: &[&'a str], size: usize) -> Vec<Vec<&'a str>> {
    let mut found: Vec<Vec<&str>> = Vec::new();
    let mut open: Vec<(usize, Vec<&str>)> = vec![(0, Vec::new())];
    while let Some((next, set)) = open.pop() {
        if set.len() == size {
            found.push(set);
            if found.len() > MOST_SETS {
                break;
            }
            continue;
        }
        for i in (next..all.len()).rev() {
            open.push((i + 1, set.iter().copied().chain([all[i]]).collect()));
        }
    }
    found
}
