//! `eval.name` names a series of evaluations: `NAME`, `NAME-2`, `NAME-3`. A plan is never changed, so another training or
//! other settings make the next of the series, and commands that name no evaluation mean the one made last.

use std::path::Path;

use affinage_eval::comparison::missing_answers;
use affinage_eval::completion::Completion;
use affinage_eval::history::HistoryEvent;
use affinage_eval::suite::Prompt;
use affinage_report::plain::listed;

use crate::folder::evaluation as files;
use crate::folder::history;
use crate::folder::jsonl;
use crate::folder::project::Project;
use crate::observer::Observer;
use crate::stages::judges::read_plan;

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
    let entries = match fs_err::read_dir(files::all(project)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let Some(member) = path.file_name().and_then(|member| member.to_str()) else { continue };
        let (of, number) = split(member);
        if of == stem && number >= first && path.join(files::PLAN).is_file() {
            found.push((number, member.to_owned()));
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
    let free = |name: &String| !files::dir(project, name).exists();
    Ok((behind..).map(|number| format!("{stem}-{number}")).find(free).unwrap_or_default())
}

/// Of a series: the evaluation made last that came to its end, else the one made last; `name` where there is none.
pub fn newest(project: &Path, name: &str, ui: &dyn Observer) -> anyhow::Result<String> {
    let members = members(project, name)?;
    if let [_, _, ..] = members[..] {
        for member in members.iter().rev() {
            if is_whole(&files::dir(project, member), ui)? {
                return Ok(member.clone());
            }
        }
    }
    Ok(members.last().cloned().unwrap_or_else(|| name.to_owned()))
}

/// Whether all answers that are compared are there, or somebody analysed those that are.
fn is_whole(dir: &Path, ui: &dyn Observer) -> anyhow::Result<bool> {
    if dir.join(files::ANALYSIS).is_file() {
        return Ok(true);
    }
    let Ok(plan) = read_plan(dir) else { return Ok(false) };
    let prompts: Vec<Prompt> = jsonl::read(&dir.join(files::PROMPTS), ui)?;
    let completions: Vec<Completion> = jsonl::read(&dir.join(files::COMPLETIONS), ui)?;
    Ok(missing_answers(&plan, &prompts, &completions) == 0)
}

/// The evaluation that a command means: the one it names, else [`newest`] of the configured series. Where there are others
/// that could have been meant, one line says which it is.
pub fn meant(ctx: &Project, named: Option<&str>) -> anyhow::Result<String> {
    if let Some(name) = named {
        return Ok(name.to_owned());
    }
    let configured = &ctx.config.eval.name;
    let members = members(&ctx.project, configured)?;
    let newest = newest(&ctx.project, configured, &ctx.ui)?;
    let unfinished = members.iter().skip_while(|member| **member != newest).nth(1);
    if members.len() > 1 {
        let others: Vec<String> = quoted(members.iter().filter(|member| **member != newest));
        ctx.ui.say(format!(
            "evaluation `{newest}`, made last; `--eval` takes another: {}",
            listed(&others, SHOWN, ", ")
        ));
        let has_votes = |member: &String| files::dir(&ctx.project, member).join(files::VOTES).is_file();
        let voted: Vec<String> =
            quoted(members.iter().filter(|member| **member != newest && has_votes(member)));
        if !voted.is_empty() && !has_votes(&newest) {
            ctx.ui.say(format!("votes were cast on {}, none on `{newest}`", listed(&voted, SHOWN, ", ")));
        }
    }
    if let Some(unfinished) = unfinished {
        ctx.ui.say(format!(
            "`{unfinished}` was begun later and lacks answers: the command that began it goes on with it, with the same `--set`"
        ));
    }
    let later = planned_after(ctx, &newest)?;
    let beside: Vec<String> = quoted(later.iter().filter(|name| !members.contains(name)));
    if !beside.is_empty() {
        ctx.ui.say(format!(
            "evaluation `{newest}`, as `eval.name` says; made later, and meant with `--eval`: {}",
            listed(&beside, SHOWN, ", ")
        ));
    }
    Ok(newest)
}

/// Other evaluations that a line names.
const SHOWN: usize = 4;

fn quoted<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    names.map(|name| format!("`{name}`")).collect()
}

/// Evaluations under other names that were planned after `name` and are still there, by the project's history.
fn planned_after(ctx: &Project, name: &str) -> anyhow::Result<Vec<String>> {
    let mut later: Vec<String> = Vec::new();
    for row in history::read(ctx)? {
        match row.event {
            HistoryEvent::Planned { .. } if row.evaluation == name => later.clear(),
            HistoryEvent::Planned { .. } if !later.contains(&row.evaluation) => later.push(row.evaluation),
            _ => {}
        }
    }
    // A test of the pipeline is never what is meant.
    let is_meant =
        |name: &String| read_plan(&files::dir(&ctx.project, name)).is_ok_and(|plan| !plan.is_null_test());
    later.retain(is_meant);
    Ok(later)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;

    fn project(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for name in names {
            let eval = files::dir(dir.path(), name);
            fs_err::create_dir_all(&eval).expect("made");
            fs_err::write(eval.join(files::PLAN), "{}").expect("written");
        }
        dir
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
    fn the_one_made_last_is_meant_if_it_came_to_its_end() {
        let dir = project(&["look", "look-2", "look-3"]);
        let newest = || newest(dir.path(), "look", &Silent).expect("read");
        assert_eq!(newest(), "look-3", "none came to its end");
        fs_err::write(dir.path().join("evals/look-2/analysis.json"), "{}").expect("written");
        assert_eq!(newest(), "look-2");
    }
}
