//! One hash of the rows that figures come from, so that an analysis of other rows is known for one.

use std::collections::BTreeSet;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::comparison::{BlindKey, Comparison};
use crate::completion::Completion;
use crate::judgment::Judgment;
use crate::planted::GoldVote;
use crate::suite::Prompt;

/// The same for the same rows in any order, each counted once. Times, costs, reasons and the hashes of requests and
/// replies are no part of it: no figure needs them, and they differ where judging was resumed.
pub fn rows_sha256(
    prompts: &[Prompt],
    completions: &[Completion],
    comparisons: &[Comparison],
    blind_keys: &[BlindKey],
    judgments: &[Judgment],
    planted: &[GoldVote],
) -> String {
    let answer = |row: &Completion| {
        of(&(
            &row.completion_id,
            &row.prompt_id,
            &row.arm,
            row.sample,
            &row.text,
            row.tokens,
            row.finish_reason,
        ))
    };
    let verdict = |row: &Judgment| {
        let said = (&row.outcome, &row.label_said, row.p_first, &row.scores, row.draw_probability);
        of(&(&row.judgment_id, &row.comparison_id, &row.judge_id, row.repeat, said))
    };
    let found = |row: &GoldVote| of(&(&row.item_id, &row.judge_id, &row.damage, &row.outcome, row.is_right));
    let rows: BTreeSet<[u8; 32]> = prompts
        .iter()
        .map(of)
        .chain(completions.iter().map(answer))
        .chain(comparisons.iter().map(of))
        .chain(blind_keys.iter().map(of))
        .chain(judgments.iter().map(verdict))
        .chain(planted.iter().map(found))
        .collect();
    let mut hasher = Sha256::new();
    rows.iter().for_each(|row| hasher.update(row));
    crate::id::hex(&hasher.finalize())
}

fn of<T: Serialize>(row: &T) -> [u8; 32] {
    Sha256::digest(serde_json::to_vec(row).expect("a row serialises")).into()
}
