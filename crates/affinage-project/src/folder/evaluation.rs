//! The folders of evaluations, `evals/NAME/`: the only place that spells their names.

use std::path::{Path, PathBuf};

/// What is compared, fixed before answers are seen.
pub const PLAN: &str = "plan.json";
/// The settings that the plan was made under.
pub const SETTINGS: &str = "settings.toml";
/// What is asked.
pub const PROMPTS: &str = "prompts.jsonl";
/// What every arm answered.
pub const COMPLETIONS: &str = "completions.jsonl";
/// How likely the held-out texts are to every arm.
pub const FIT: &str = "fit.jsonl";
/// Pairs in an order, by which judges and people see them.
pub const COMPARISONS: &str = "comparisons.jsonl";
/// Which arm stands in which position.
pub const BLIND_KEY: &str = "blind_key.jsonl";
/// Verdicts of judges.
pub const JUDGMENTS: &str = "judgments.jsonl";
/// What the voters of an evaluation are shown, fixed at the first ballot.
pub const BALLOT: &str = "ballot.json";
/// Verdicts of people.
pub use affinage_eval::judgment::VOTES_FILE as VOTES;
/// Votes on pairs whose better answer is known.
pub use affinage_eval::planted::PLANTED_VOTES_FILE as PLANTED_VOTES;
/// When people voted, and what they undid.
pub const VOTE_SESSIONS: &str = "vote_sessions.jsonl";
/// Every call, before and after it.
pub const LEDGER: &str = "ledger.jsonl";
/// Every request and reply as bytes.
pub const RAW: &str = "raw.jsonl.zst";
/// Calls that wait in batches of a provider.
pub const BATCHES: &str = "batches.jsonl";
/// The pairs of an exam.
pub const ITEMS: &str = "items.jsonl";
/// The folder of the exams: the files of an evaluation once more.
pub const EXAM: &str = "exam";
/// The figures.
pub const ANALYSIS: &str = "analysis.json";
/// There from the moment that `affinage eval` begins an evaluation until its report is drawn.
pub const BEGUN: &str = "begun";
/// The page.
pub const REPORT: &str = "report.html";
/// The folder of the page's charts as files.
pub const PLOTS: &str = "plots";
/// Beside the evaluations: which were planned and looked at.
pub const HISTORY: &str = "history.jsonl";

/// The folder that holds one for every evaluation.
pub const ALL: &str = "evals";

/// The folder of all evaluations of a project.
pub fn all(project: &Path) -> PathBuf {
    project.join(ALL)
}

/// The folder of the evaluation `name`.
pub fn dir(project: &Path, name: impl AsRef<Path>) -> PathBuf {
    all(project).join(name)
}
