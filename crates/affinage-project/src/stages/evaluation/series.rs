//! `eval.name` names a series of evaluations: `NAME`, `NAME-2`, `NAME-3`. A plan is never changed, so another training or
//! other settings make the next of the series. Commands that name no evaluation mean the newest that is [whole](state).

use std::path::Path;

use affinage_eval::comparison::missing_answers;
use affinage_eval::human_votes::votes_on_pairs;
use affinage_eval::plain::{counted, listed};
use affinage_eval::registry::RegistryEvent;

use crate::errors::in_one_line;
use crate::folder::config::Config;
use crate::folder::evaluation::Evaluation;
use crate::folder::lock::FolderLock;
use crate::folder::project::{CONFIG_FILE, Project};
use crate::folder::registry;
use crate::next::Next;
use crate::observer::Observer;

/// How far an evaluation came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// All answers that are compared are there, and `affinage eval` did not leave it before its report.
    Whole,
    /// So many answers that are compared are missing.
    LacksAnswers(usize),
    /// Another version wrote its files, or one is damaged; which one and where, in one line.
    Unreadable(String),
    /// `affinage eval` was stopped after the answers and before the report.
    Stopped,
}

impl State {
    /// What is said of an evaluation that is not whole, and the way on.
    fn in_words(&self) -> Option<String> {
        let what = match self {
            State::Whole => return None,
            State::Unreadable(why) => return Some(format!("cannot be read: {why}")),
            State::LacksAnswers(missing) => format!("lacks {}", counted(*missing, "answer", "answers")),
            State::Stopped => "was stopped before its report".to_owned(),
        };
        Some(format!("{what}: the command that began it goes on with it, with the same `--set`"))
    }
}

/// How far an evaluation came.
pub fn state(evaluation: &Evaluation, ui: &dyn Observer) -> State {
    let missing = || -> anyhow::Result<usize> {
        let plan = evaluation.plan()?;
        let prompts = evaluation.prompts().read(ui)?;
        Ok(missing_answers(&plan, &prompts, &evaluation.completions().read(ui)?))
    };
    match missing() {
        Ok(0) if evaluation.is_begun() => State::Stopped,
        Ok(0) => State::Whole,
        Ok(missing) => State::LacksAnswers(missing),
        Err(error) => State::Unreadable(in_one_line(&error)),
    }
}

/// `first-look-3` as `first-look` and 3; a name without a number is the first of its series.
fn split(name: &str) -> (&str, u64) {
    let numbered = name.rsplit_once('-').and_then(|(stem, number)| {
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        number.parse().ok().filter(|_| is_number && !stem.is_empty()).map(|number| (stem, number))
    });
    numbered.unwrap_or((name, 1))
}

/// The planned evaluations of the series that `name` begins, by number.
pub fn members(project: &Path, name: &str) -> anyhow::Result<Vec<String>> {
    let (stem, first) = split(name);
    let mut found = Vec::new();
    for Evaluation { name, .. } in Evaluation::list(project)? {
        let (of, number) = split(&name);
        if of == stem && number >= first {
            found.push((number, name));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, member)| member).collect())
}

/// The name of the evaluation to make in the series of `name`: behind every one that is there.
pub fn next(project: &Path, name: &str) -> anyhow::Result<String> {
    let (stem, _) = split(name);
    let Some(newest) = members(project, name)?.pop() else { return Ok(name.to_owned()) };
    let behind = split(&newest).1 + 1;
    let free = |name: &String| !Evaluation::named(project, name).exists();
    Ok((behind..).map(|number| format!("{stem}-{number}")).find(free).unwrap_or_default())
}

/// Of a series: the newest evaluation that is whole, else the newest; `name` where there is none.
pub fn newest(project: &Path, name: &str, ui: &dyn Observer) -> anyhow::Result<String> {
    let mut members = members(project, name)?;
    let meant = match members.len() {
        0 => return Ok(name.to_owned()),
        1 => 0,
        _ => looked_at(project, &members, ui).0,
    };
    Ok(members.swap_remove(meant))
}

/// Whether an evaluation of the configured series has all answers of the run with this name.
pub fn is_answered(ctx: &Project, run: &str) -> anyhow::Result<bool> {
    let members = members(&ctx.project, &ctx.config.eval.name)?;
    Ok(members.iter().map(|name| Evaluation::named(&ctx.project, name)).any(|evaluation| {
        let is_of_run = evaluation.plan().is_ok_and(|plan| plan.run.as_deref() == Some(run));
        is_of_run && matches!(state(&evaluation, &ctx.ui), State::Whole | State::Stopped)
    }))
}

/// Of members of a series the place of the newest that is whole, else of the newest; and how far those came that were looked
/// at for it, the newest first. Answers are read once, and of earlier evaluations not at all.
fn looked_at(project: &Path, members: &[String], ui: &dyn Observer) -> (usize, Vec<State>) {
    let mut states = Vec::new();
    for (at, member) in members.iter().enumerate().rev() {
        states.push(state(&Evaluation::named(project, member), ui));
        if states.last() == Some(&State::Whole) {
            return (at, states);
        }
    }
    (members.len().saturating_sub(1), states)
}

impl Project {
    /// A command on an evaluation for a hint: it names `eval` where it would mean another one without that.
    pub fn command_on(&self, eval: &str, command: &'static str, rest: &str) -> Next {
        crate::next::next(command).on((!self.is_meant(eval)).then_some(eval)).words(rest)
    }

    /// Whether commands that name no evaluation mean this one, as the configuration file says.
    fn is_meant(&self, eval: &str) -> bool {
        let file = fs_err::read_to_string(self.project.join(CONFIG_FILE)).unwrap_or_default();
        let meant = Config::parse(&file, &[])
            .ok()
            .and_then(|config| newest(&self.project, &config.eval.name, &self.ui).ok());
        meant.as_deref() == Some(eval)
    }
}

/// The evaluation that a command means: the one it names, else [`newest`] of the configured series. Where there are others
/// that could have been meant, and where it is not whole, lines say which it is and what of it is missing.
pub fn meant(ctx: &Project, named: Option<&str>) -> anyhow::Result<String> {
    if let Some(name) = named {
        return Ok(name.to_owned());
    }
    let configured = &ctx.config.eval.name;
    let members = members(&ctx.project, configured)?;
    let (at, states) = looked_at(&ctx.project, &members, &ctx.ui);
    let newest = members.get(at).unwrap_or(configured).clone();
    let has_answers = |name: &String| Evaluation::named(&ctx.project, name).completions().is_there();
    let others: Vec<String> =
        quoted(members.iter().filter(|member| **member != newest && has_answers(member)));
    if !others.is_empty() {
        ctx.ui.say(format!(
            "evaluation `{newest}`, {}; `--eval` takes another: {}",
            if at + 1 == members.len() { "made last" } else { "the newest that is whole" },
            listed(&others, SHOWN, ", ")
        ));
    }
    // Those behind the chosen one; the chosen one too, where none is whole.
    for (member, state) in members.iter().skip(at).zip(states[..members.len() - at].iter().rev()) {
        if let Some(words) = state.in_words() {
            let is_made_now = FolderLock::is_held(&Evaluation::named(&ctx.project, member).path);
            let words = if is_made_now { "is being made right now".to_owned() } else { words };
            ctx.ui.say(format!("`{member}` {words}"));
        }
    }
    let beside = other_names(ctx, &newest, &members)?;
    let later: Vec<String> = quoted(beside.later.iter());
    if !later.is_empty() {
        ctx.ui.say(format!(
            "evaluation `{newest}`, as `eval.name` says; made later, and meant with `--eval`: {}",
            listed(&later, SHOWN, ", ")
        ));
    }
    say_votes_elsewhere(ctx, &newest, members.iter().chain(&beside.earlier).chain(&beside.later));
    Ok(newest)
}

/// Says where votes lie that do not count for `name`: a vote is on the answers of one evaluation.
fn say_votes_elsewhere<'a>(ctx: &Project, name: &str, others: impl Iterator<Item = &'a String>) {
    if votes_in_words(ctx, name).is_some() {
        return;
    }
    let voted: Vec<String> = others
        .filter(|other| *other != name)
        .filter_map(|other| Some(format!("{} on `{other}`", votes_in_words(ctx, other)?)))
        .collect();
    if !voted.is_empty() {
        ctx.ui.say(format!(
            "nobody has voted on `{name}` yet; kept where they were cast, and counted there alone: {}",
            listed(&voted, SHOWN, ", ")
        ));
    }
}

/// How many votes an evaluation holds; `None` where nobody has voted on it.
pub(super) fn votes_in_words(ctx: &Project, name: &str) -> Option<String> {
    let votes = Evaluation::named(&ctx.project, name).votes();
    // Of a damaged file the number is not known; that there are votes is.
    votes.is_there().then(|| match votes.read(&ctx.ui) {
        Ok(votes) => counted(votes_on_pairs(&votes), "vote", "votes"),
        Err(_) => "votes".to_owned(),
    })
}

/// When an evaluation is made: says where votes lie that do not count for it.
pub fn say_votes_stay(ctx: &Project, made: &str) -> anyhow::Result<()> {
    let members = members(&ctx.project, made)?;
    let beside = other_names(ctx, made, &members)?;
    say_votes_elsewhere(ctx, made, members.iter().chain(&beside.earlier));
    Ok(())
}

/// Other evaluations that a line names.
const SHOWN: usize = 4;

fn quoted<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    names.map(|name| format!("`{name}`")).collect()
}

/// Evaluations of no series of one name.
struct OtherNames {
    earlier: Vec<String>,
    later: Vec<String>,
}

/// Evaluations outside of `members` that were planned before and after `name` and are still there, by the project's history.
fn other_names(ctx: &Project, name: &str, members: &[String]) -> anyhow::Result<OtherNames> {
    let (mut earlier, mut later): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for row in registry::read(ctx)? {
        match row.event {
            RegistryEvent::Planned { .. } if row.evaluation == name => earlier.append(&mut later),
            RegistryEvent::Planned { .. } if !members.contains(&row.evaluation) => later.push(row.evaluation),
            _ => {}
        }
    }
    // A test of the pipeline is never what is meant.
    let is_meant =
        |name: &String| Evaluation::named(&ctx.project, name).plan().is_ok_and(|plan| !plan.is_null_test());
    let mut seen = Vec::new();
    let mut kept = |names: Vec<String>| -> Vec<String> {
        let mut kept = Vec::new();
        for name in names {
            if is_meant(&name) && !seen.contains(&name) {
                seen.push(name.clone());
                kept.push(name);
            }
        }
        kept
    };
    // One that was planned on both sides was made later.
    let later = kept(later);
    Ok(OtherNames { earlier: kept(earlier), later })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use affinage_eval::completion::{Completion, CompletionKey, FinishReason, Sampling};
    use affinage_eval::plan::{Arm, ArmKind, Plan, PlannedComparison, Scope};
    use affinage_eval::suite::{Domain, Split, SuiteDefaults, parse_suite};

    use super::*;
    use crate::observer::Silent;
    use crate::observer::tests::Kept;

    fn project(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for name in names {
            let eval = Evaluation::named(dir.path(), name);
            eval.create().expect("made");
            fs_err::write(eval.plan_file().path(), "{}").expect("written");
        }
        dir
    }

    /// An evaluation of one question and two arms, of whose answers `answered` are there.
    fn evaluation(project: &Path, name: &str, answered: usize) {
        let evaluation = Evaluation::named(project, name);
        evaluation.create().expect("made");
        let tuned = ArmKind::Checkpoint {
            step: 4,
            adapter_sha256: "a".repeat(64),
            path: "runs/r/step-000004".to_owned(),
        };
        let headline = PlannedComparison {
            arm: "step-000004".to_owned(),
            against: "base".to_owned(),
            scope: Scope::All,
        };
        let plan = Plan {
            v: 1,
            name: name.to_owned(),
            base_model: "tiny".to_owned(),
            base_sha256: "b".repeat(64),
            run: None,
            dataset: None,
            arms: vec![
                Arm { name: "base".to_owned(), kind: ArmKind::Base },
                Arm { name: "step-000004".to_owned(), kind: tuned },
            ],
            comparisons: vec![headline.clone()],
            headline,
            sampling: Sampling { temperature: 0.0, top_p: 1.0, top_k: 0, max_new_tokens: 8 },
            samples_per_prompt: 1,
            seed: 1,
            judges: Vec::new(),
            alpha: 0.05,
            margin: 0.1,
            design: affinage_eval::design::Design::default(),
            thinking: None,
        };
        let own = SuiteDefaults {
            name: "own".to_owned(),
            category: "own".to_owned(),
            domain: Domain::In,
            split: Split::Report,
        };
        let prompts =
            parse_suite("{\"prompt\": \"What does the harbour smell of?\"}", &own).expect("a suite");
        let answers: Vec<Completion> = plan
            .arms
            .iter()
            .take(answered)
            .map(|arm| {
                let key = CompletionKey {
                    prompt_id: &prompts[0].prompt_id,
                    arm: &arm.name,
                    adapter_sha256: arm.adapter_sha256(),
                    base_sha256: plan.base_sha256_of(arm),
                    sample: 0,
                    seed: 1,
                    sampling: &plan.sampling,
                };
                key.answered(format!("Of tar, says {}.", arm.name), 4, FinishReason::Stop)
            })
            .collect();
        evaluation.plan_file().write(&plan).expect("written");
        evaluation.prompts().replace(&prompts).expect("written");
        evaluation.completions().replace(&answers).expect("written");
    }

    #[test]
    fn a_command_names_the_evaluation_that_it_would_not_mean() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        fs_err::write(dir.path().join(CONFIG_FILE), "[eval]\nname = \"one\"\n").expect("written");
        let project = Project::open(dir.path(), &[], Arc::new(Silent)).expect("a project");
        let typed = |eval, command, rest| project.command_on(eval, command, rest).to_string();
        assert_eq!(typed("one", "report", "--open"), "`affinage report --open`");
        assert_eq!(typed("two", "vote", "--as NAME"), "`affinage vote --eval two --as NAME`");
        assert_eq!(typed("two", "generate", ""), "`affinage generate --name two`");
    }

    #[test]
    fn what_is_not_whole_is_read_once_and_said_once() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for (name, answered) in [("look", 1), ("look-2", 2), ("look-3", 1), ("look-4", 1)] {
            evaluation(dir.path(), name, answered);
        }
        let torn = Evaluation::named(dir.path(), "look-3").completions().path().to_owned();
        let answers = fs_err::read_to_string(&torn).expect("read");
        fs_err::write(&torn, format!("{answers}{{\"half")).expect("written");
        let heard = Kept::default();
        let project = Project::open(dir.path(), &["eval.name=look".to_owned()], Arc::new(heard.clone()));
        assert_eq!(meant(&project.expect("a project"), None).expect("read"), "look-2");
        let said = heard.lines();
        let told = |text: &str| said.iter().filter(|line| line.contains(text)).count();
        assert_eq!(told("left out an incomplete last line"), 1, "{said:?}");
        assert_eq!((told("`look-3` lacks 1 answer"), told("`look-4` lacks 1 answer")), (1, 1), "{said:?}");
        assert_eq!(told("`look` lacks"), 0, "an earlier one is not looked at: {said:?}");
    }

    #[test]
    fn names_count_up_and_never_nest() {
        let dir = project(&["look", "look-2", "look-10", "look-null", "looking-3", "look-2-2"]);
        let of = |name: &str| members(dir.path(), name).expect("read");
        assert_eq!(of("look"), ["look", "look-2", "look-10"]);
        assert_eq!(of("look-2"), ["look-2", "look-10"], "who names a number begins there");
        assert_eq!(next(dir.path(), "look").expect("read"), "look-11");
        assert_eq!(next(dir.path(), "look-2").expect("read"), "look-11");
        assert_eq!(next(dir.path(), "other").expect("read"), "other");
    }

    #[test]
    fn the_newest_that_was_made_whole_is_meant() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let project = dir.path();
        let newest = || newest(project, "look", &Silent).expect("read");
        let of = |name: &str| Evaluation::named(project, name);
        for (name, answered) in [("look", 1), ("look-2", 1), ("look-3", 1)] {
            evaluation(project, name, answered);
        }
        assert_eq!(newest(), "look-3", "none is whole");
        evaluation(project, "look", 2);
        assert_eq!(newest(), "look");
        // Figures of a part do not make it whole, and all answers do not where it was to go on to its report.
        fs_err::write(of("look-2").analysis().path(), "{}").expect("written");
        evaluation(project, "look-3", 2);
        of("look-3").begin().expect("marked");
        fs_err::write(of("look-3").analysis().path(), "{}").expect("written");
        assert_eq!(newest(), "look");
        assert_eq!(state(&of("look-2"), &Silent), State::LacksAnswers(1));
        assert_eq!(state(&of("look-3"), &Silent), State::Stopped);
        of("look-3").end().expect("its report is drawn");
        assert_eq!(newest(), "look-3");
        // Begun again, one that has its report was whole before.
        fs_err::write(of("look-3").report(), "").expect("written");
        of("look-3").begin().expect("not marked");
        assert_eq!(newest(), "look-3");
        // One that cannot be read hides no other, and says where.
        fs_err::write(of("look-3").completions().path(), "{\"half\n{}\n").expect("written");
        assert_eq!(newest(), "look");
        let State::Unreadable(why) = state(&of("look-3"), &Silent) else { panic!("it is damaged") };
        assert!(why.contains("completions.jsonl:1: "), "{why}");
    }
}
