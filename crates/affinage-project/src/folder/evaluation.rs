//! The folders of evaluations, `evals/NAME/`: every file in them is opened here, and no other place spells their names.

mod document;
mod raw;

use std::path::{Path, PathBuf};

use affinage_eval::analysis::Analysis;
use affinage_eval::comparison::{BlindKey, Comparison};
use affinage_eval::completion::Completion;
use affinage_eval::dose::DoseResult;
use affinage_eval::human_votes::{Drawing, SessionRow};
use affinage_eval::judge::batch::BatchRow;
use affinage_eval::judge::ledger::LedgerRow;
use affinage_eval::judge::qualification::QualificationItem;
use affinage_eval::judgment::{Judgment, VOTES_FILE};
use affinage_eval::likelihood::LikelihoodRow;
use affinage_eval::memorization::MemorizationRow;
use affinage_eval::plan::Plan;
use affinage_eval::planted::{GoldVote, PLANTED_VOTES_FILE};
use affinage_eval::registry::RegistryRow;
use affinage_eval::suite::Prompt;
use anyhow::{Context as _, anyhow};

use crate::errors::HintExt as _;
use crate::folder::jsonl::{Rows, replace_file};
use crate::folder::lock::FolderLock;
use crate::next::next;
pub use document::Document;
pub use raw::{RawAppender, RawRows};

const PLAN: &str = "plan.json";
const SETTINGS: &str = "settings.toml";
const PROMPTS: &str = "prompts.jsonl";
const COMPLETIONS: &str = "completions.jsonl";
const FIT: &str = "fit.jsonl";
const OVERLAPS: &str = "overlap.jsonl";
const COMPARISONS: &str = "comparisons.jsonl";
const BLIND_KEY: &str = "blind_key.jsonl";
const JUDGMENTS: &str = "judgments.jsonl";
const BALLOT: &str = "ballot.json";
const VOTE_SESSIONS: &str = "vote_sessions.jsonl";
const LEDGER: &str = "ledger.jsonl";
const RAW: &str = "raw.jsonl.zst";
const BATCHES: &str = "batches.jsonl";
const ITEMS: &str = "items.jsonl";
const EXAM: &str = "exam";
const ANALYSIS: &str = "analysis.json";
const DOSE: &str = "dose.json";
const BEGUN: &str = "begun";
const REPORT: &str = "report.html";
const PLOTS: &str = "plots";
const REGISTRY: &str = "history.jsonl";

/// Files that are hashed into the provenance of a report, in the order of their making.
const HASHED: [&str; 12] = [
    PLAN,
    PROMPTS,
    COMPLETIONS,
    COMPARISONS,
    BLIND_KEY,
    JUDGMENTS,
    BALLOT,
    VOTES_FILE,
    FIT,
    LEDGER,
    RAW,
    ANALYSIS,
];
/// What stays at home when an evaluation is published: the judges' raw bytes, and what was paid.
const AT_HOME: [&str; 2] = [LEDGER, RAW];

/// The folder that holds one for every evaluation.
pub const ALL: &str = "evals";

/// The folder of all evaluations of a project.
pub fn all(project: &Path) -> PathBuf {
    project.join(ALL)
}

/// Which evaluations were planned and looked at; beside them.
pub fn registry(project: &Path) -> Rows<RegistryRow> {
    Rows::at(all(project).join(REGISTRY))
}

/// The folder of an evaluation, or of its exams. Neither it nor any file of it need be there: a missing file of rows has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    pub path: PathBuf,
    /// The folder's name; of the exams, the name of their evaluation.
    pub name: String,
}

impl Evaluation {
    /// The evaluation `name` of a project.
    pub fn named(project: &Path, name: &str) -> Self {
        Self { path: all(project).join(name), name: name.to_owned() }
    }

    /// An evaluation whose folder lies anywhere.
    pub fn at(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { path: path.to_owned(), name }
    }

    /// All planned evaluations of a project, by name.
    pub fn list(project: &Path) -> anyhow::Result<Vec<Self>> {
        Self::planned_in(&all(project))
    }

    fn planned_in(folder: &Path) -> anyhow::Result<Vec<Self>> {
        let entries = match fs_err::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut found = Vec::new();
        for entry in entries {
            let evaluation = Self::at(&entry?.path());
            if evaluation.is_planned() {
                found.push(evaluation);
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Makes the folder, unless it is there.
    pub fn create(&self) -> anyhow::Result<()> {
        Ok(fs_err::create_dir_all(&self.path)?)
    }

    /// Whether the folder is there, planned or not.
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Whether it has a plan.
    pub fn is_planned(&self) -> bool {
        self.path.join(PLAN).is_file()
    }

    /// Takes the folder's lock; a second process fails and names the first.
    pub fn lock(&self) -> anyhow::Result<FolderLock> {
        FolderLock::acquire(&self.path)
    }

    /// Waits until no other session writes votes.
    pub fn turn_to_vote(&self) -> anyhow::Result<FolderLock> {
        FolderLock::turn(&self.path, "votes")
    }

    /// The exams of its judges: the files of an evaluation once more.
    pub fn exam(&self) -> Self {
        Self { path: self.path.join(EXAM), name: self.name.clone() }
    }

    /// What is compared, fixed before answers are seen.
    ///
    /// Errors: there is no plan (the hint names the evaluations beside it); it is damaged or contradicts itself.
    pub fn plan(&self) -> anyhow::Result<Plan> {
        let file = self.path.join(PLAN);
        let Some(text) = self.plan_file().bytes()? else {
            let hint = match self.beside().as_slice() {
                [] => format!("make one with {}", next("eval")),
                names => format!("there is {}; name one with `--eval`", names.join(", ")),
            };
            return Err(anyhow!("no evaluation in {}", self.path.display())).hint(hint);
        };
        let plan: Plan = serde_json::from_slice(&text).with_context(|| format!("{}", file.display()))?;
        plan.validate().with_context(|| format!("{}", file.display()))?;
        Ok(plan)
    }

    /// The file of [`Evaluation::plan`].
    pub fn plan_file(&self) -> Document<Plan> {
        self.document(PLAN)
    }

    /// Whether a file is the plan of an evaluation, by its name.
    pub fn is_plan(path: &Path) -> bool {
        path.file_name().is_some_and(|name| name == PLAN)
    }

    /// Names of the planned evaluations in the same folder, this one among them if it is planned.
    pub fn beside(&self) -> Vec<String> {
        let folder = self.path.parent();
        let found = folder.and_then(|folder| Self::planned_in(folder).ok()).unwrap_or_default();
        found.into_iter().map(|evaluation| evaluation.name).collect()
    }

    /// Where affinage.toml, as it was when the plan was fixed, is kept.
    pub fn settings_path(&self) -> PathBuf {
        self.path.join(SETTINGS)
    }

    /// What affinage.toml said when the plan was fixed; `None` where an earlier version fixed it.
    pub fn settings(&self) -> anyhow::Result<Option<String>> {
        match fs_err::read_to_string(self.settings_path()) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps what affinage.toml says beside the plan.
    pub fn keep_settings(&self, toml: &str) -> anyhow::Result<()> {
        replace_file(&self.settings_path(), toml.as_bytes())
    }

    /// What is asked.
    pub fn prompts(&self) -> Rows<Prompt> {
        self.rows(PROMPTS)
    }

    /// What every arm answered.
    pub fn completions(&self) -> Rows<Completion> {
        self.rows(COMPLETIONS)
    }

    /// How likely the held-out texts are to every arm.
    pub fn fit(&self) -> Rows<LikelihoodRow> {
        self.rows(FIT)
    }

    /// How much of each answer stands in the training texts.
    pub fn overlaps(&self) -> Rows<MemorizationRow> {
        self.rows(OVERLAPS)
    }

    /// Pairs in an order, by which judges and people see them.
    pub fn comparisons(&self) -> Rows<Comparison> {
        self.rows(COMPARISONS)
    }

    /// Which arm stands in which position.
    pub fn blind_keys(&self) -> Rows<BlindKey> {
        self.rows(BLIND_KEY)
    }

    /// Verdicts of judges as they were stored; by today's rules the stage of judging reads them.
    pub fn judgments(&self) -> Rows<Judgment> {
        self.rows(JUDGMENTS)
    }

    /// Verdicts of people.
    pub fn votes(&self) -> Rows<Judgment> {
        self.rows(VOTES_FILE)
    }

    /// Votes on pairs whose better answer is known.
    pub fn planted_votes(&self) -> Rows<GoldVote> {
        self.rows(PLANTED_VOTES_FILE)
    }

    /// When people voted, and what they undid.
    pub fn vote_sessions(&self) -> Rows<SessionRow> {
        self.rows(VOTE_SESSIONS)
    }

    /// Which pairs people are shown before others.
    pub fn ballot(&self) -> Document<Drawing> {
        self.document(BALLOT)
    }

    /// Every call, before and after it.
    pub fn ledger(&self) -> Rows<LedgerRow> {
        self.rows(LEDGER)
    }

    /// Every request and reply as bytes.
    pub fn raw(&self) -> RawRows {
        RawRows::at(self.path.join(RAW))
    }

    /// Calls that wait in batches of a provider.
    pub fn batches(&self) -> Rows<BatchRow> {
        self.rows(BATCHES)
    }

    /// The pairs of an exam.
    pub fn items(&self) -> Rows<QualificationItem> {
        self.rows(ITEMS)
    }

    /// The figures.
    pub fn analysis(&self) -> Document<Analysis> {
        self.document(ANALYSIS)
    }

    /// The part of the figures that a dose study is made for.
    pub fn dose(&self) -> Document<DoseResult> {
        self.document(DOSE)
    }

    /// The page.
    pub fn report(&self) -> PathBuf {
        self.path.join(REPORT)
    }

    /// The folder of the page's charts as files.
    pub fn plots(&self) -> PathBuf {
        self.path.join(PLOTS)
    }

    /// Whether `affinage eval` began it and did not come to its report.
    pub fn is_begun(&self) -> bool {
        self.path.join(BEGUN).exists()
    }

    /// Marks an evaluation that is to go on to its report. One that has a report was whole before and stays so.
    pub fn begin(&self) -> anyhow::Result<()> {
        if !self.report().is_file() {
            fs_err::write(self.path.join(BEGUN), "")?;
        }
        Ok(())
    }

    /// Takes the mark away: the report is drawn.
    pub fn end(&self) -> anyhow::Result<()> {
        match fs_err::remove_file(self.path.join(BEGUN)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The files that a report is made of, as far as they are there, in the order of their making: name and path.
    pub fn hashed(&self) -> impl Iterator<Item = (&'static str, PathBuf)> {
        HASHED.into_iter().map(|name| (name, self.path.join(name))).filter(|(_, path)| path.is_file())
    }

    /// Copies what is published of it: the page and the files behind it, but neither raw bytes nor what was paid.
    pub fn publish_to(&self, other: &Self) -> anyhow::Result<()> {
        other.create()?;
        let public = self.hashed().filter(|(name, _)| !AT_HOME.contains(name));
        for (name, path) in public.chain([(REPORT, self.report())]).filter(|(_, path)| path.is_file()) {
            fs_err::copy(path, other.path.join(name))?;
        }
        Ok(())
    }

    fn rows<T>(&self, name: &str) -> Rows<T> {
        Rows::at(self.path.join(name))
    }

    fn document<T>(&self, name: &str) -> Document<T> {
        Document::at(self.path.join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(evaluation: &Evaluation, names: &[&str]) {
        evaluation.create().expect("made");
        names.iter().for_each(|name| fs_err::write(evaluation.path.join(name), *name).expect("written"));
    }

    fn files(evaluation: &Evaluation) -> Vec<String> {
        let entries = fs_err::read_dir(&evaluation.path).expect("a folder");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("read").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn only_planned_evaluations_are_listed_and_named_beside_one_that_is_missing() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let of = |name: &str| Evaluation::named(dir.path(), name);
        assert_eq!(Evaluation::list(dir.path()).expect("no folder, no evaluation"), []);
        write(&of("two"), &[PLAN]);
        write(&of("one"), &[PLAN]);
        write(&of("unplanned"), &[PROMPTS]);
        fs_err::write(all(dir.path()).join(REGISTRY), "").expect("written");
        assert_eq!(Evaluation::list(dir.path()).expect("read"), [of("one"), of("two")]);
        let error = of("three").plan().expect_err("it has no plan");
        assert_eq!(error.to_string(), format!("no evaluation in {}", of("three").path.display()));
        assert_eq!(crate::errors::hints(&error), ["there is one, two; name one with `--eval`"]);
        assert!(of("one").plan().expect_err("no JSON").to_string().ends_with("plan.json"));
    }

    #[test]
    fn exams_have_the_files_of_an_evaluation_in_a_folder_of_their_own() {
        let evaluation = Evaluation::at(Path::new("elsewhere/look"));
        assert_eq!(evaluation.name, "look");
        let exam = evaluation.exam();
        assert_eq!(exam.name, "look");
        assert_eq!(exam.judgments().path(), Path::new("elsewhere/look/exam/judgments.jsonl"));
        assert_eq!(evaluation.judgments().path(), Path::new("elsewhere/look/judgments.jsonl"));
    }

    #[test]
    fn raw_bytes_and_payments_are_not_published() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (home, public) =
            (Evaluation::named(dir.path(), "look"), Evaluation::at(&dir.path().join("out/look")));
        write(&home, &[ANALYSIS, PLAN, LEDGER, RAW, VOTES_FILE, PLANTED_VOTES_FILE, VOTE_SESSIONS, BEGUN]);
        home.publish_to(&public).expect("copied");
        assert_eq!(files(&public), ["analysis.json", "plan.json", "votes.jsonl"], "there is no page yet");
        write(&home, &[REPORT]);
        home.publish_to(&public).expect("copied");
        assert_eq!(files(&public), ["analysis.json", "plan.json", "report.html", "votes.jsonl"]);
        let hashed: Vec<&str> = home.hashed().map(|(name, _)| name).collect();
        assert_eq!(hashed, [PLAN, VOTES_FILE, LEDGER, RAW, ANALYSIS], "in the order of their making");
    }

    #[test]
    fn an_evaluation_that_has_its_report_is_not_begun_again() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let evaluation = Evaluation::named(dir.path(), "look");
        write(&evaluation, &[PLAN]);
        evaluation.end().expect("there is no mark to take away");
        evaluation.begin().expect("marked");
        assert!(evaluation.is_begun());
        evaluation.end().expect("taken away");
        assert!(!evaluation.is_begun());
        write(&evaluation, &[REPORT]);
        evaluation.begin().expect("not marked");
        assert!(!evaluation.is_begun());
    }
}
