//! `evals/history.jsonl`: every evaluation that was planned, every look at it, and every change of what measures.

use std::collections::BTreeSet;

use affinage_eval::plan::Plan;
use affinage_eval::registry::{Instruments, RegistryEvent, RegistryRow, changes};
use affinage_eval::suite::Prompt;
use affinage_report::evidence::{EvaluationFacts, EvaluationState};
use jiff::Timestamp;

use crate::folder::evaluation::{self, Evaluation};
use crate::folder::project::Project;

/// All rows, oldest first.
pub fn read(ctx: &Project) -> anyhow::Result<Vec<RegistryRow>> {
    evaluation::registry(&ctx.project).read(&ctx.ui)
}

/// Records a fixed plan, and before it what of its `instruments` changed since earlier evaluations. The same plan is recorded once.
pub fn planned(
    ctx: &Project,
    plan: &Plan,
    plan_text: &[u8],
    prompts: &[Prompt],
    instruments: Instruments,
) -> anyhow::Result<()> {
    let registry = read(ctx)?;
    let plan_sha256 = affinage_eval::id::sha256_hex(plan_text);
    let is_known = registry.iter().any(|row| {
        row.evaluation == plan.name
            && matches!(&row.event, RegistryEvent::Planned { plan_sha256: known, .. } if *known == plan_sha256)
    });
    if is_known {
        return Ok(());
    }
    let changed = changes(&registry, &instruments);
    for line in incomparable(&changed) {
        ctx.ui.warn(line);
    }
    for change in changed {
        append(ctx, &plan.name, change)?;
    }
    let event = RegistryEvent::Planned {
        plan_sha256,
        run: plan.run.clone(),
        dataset: plan.dataset.as_ref().map(|dataset| dataset.version.clone()),
        prompt_ids: prompts.iter().map(|prompt| prompt.prompt_id.clone()).collect(),
        is_final: plan.design.is_final,
        instruments,
    };
    append(ctx, &plan.name, event)
}

/// What changed, in one line for each list of evaluations that the new one cannot be compared with.
fn incomparable(changed: &[RegistryEvent]) -> Vec<String> {
    let mut by: Vec<(&[String], Vec<&str>)> = Vec::new();
    for change in changed {
        let RegistryEvent::Changed { what, invalidated, .. } = change else { continue };
        match by.iter_mut().find(|(evaluations, _)| *evaluations == invalidated) {
            Some((_, whats)) => whats.push(what),
            None => by.push((invalidated, vec![what])),
        }
    }
    let line = |(evaluations, whats): (&[String], Vec<&str>)| {
        let suites: Vec<String> = whats
            .iter()
            .filter_map(|what| what.strip_prefix("suite "))
            .map(|suite| format!("`{suite}`"))
            .collect();
        let mut differ = Vec::new();
        if !suites.is_empty() {
            differ.push(format!("the prompts of {}", suites.join(", ")));
        }
        let others = whats.iter().filter(|what| !what.starts_with("suite "));
        differ.extend(others.map(|what| match *what {
            "parser" => "the way replies are read".to_owned(),
            what => format!("the {what}"),
        }));
        let since: Vec<String> = evaluations.iter().map(|name| format!("`{name}`")).collect();
        format!(
            "changed since {}: {}; nothing is lost, but the figures of before and after are not to be set against each other",
            since.join(", "),
            differ.join("; ")
        )
    };
    by.into_iter().map(line).collect()
}

/// Counts a look: figures of these rows were computed. The same rows looked at again are the same look.
pub fn looked(ctx: &Project, evaluation: &str, completions: usize, judgments: usize) -> anyhow::Result<()> {
    let event = RegistryEvent::Looked { completions, judgments };
    let registry = read(ctx)?;
    let last = registry.iter().rev().find(|row| row.evaluation == evaluation);
    if completions == 0 || last.is_some_and(|row| row.event == event) {
        return Ok(());
    }
    append(ctx, evaluation, event)
}

/// Records that a reserve is open from now on.
pub fn reserve_opened(ctx: &Project, evaluation: &str, dataset: &str, sha256: &str) -> anyhow::Result<()> {
    let event = RegistryEvent::ReserveOpened { dataset: dataset.to_owned(), sha256: sha256.to_owned() };
    append(ctx, evaluation, event)
}

fn append(ctx: &Project, evaluation: &str, event: RegistryEvent) -> anyhow::Result<()> {
    fs_err::create_dir_all(evaluation::all(&ctx.project))?;
    let row = RegistryRow::new(Timestamp::now().to_string(), evaluation, event);
    evaluation::registry(&ctx.project).append(&row, &ctx.ui)
}

/// Every evaluation that was ever planned, in the order of planning.
pub fn evaluations(ctx: &Project, registry: &[RegistryRow]) -> Vec<EvaluationFacts> {
    let mut seen = BTreeSet::new();
    let mut facts = Vec::new();
    for row in registry {
        let RegistryEvent::Planned { run, dataset, prompt_ids, is_final, .. } = &row.event else { continue };
        if !seen.insert(&row.evaluation) {
            continue;
        }
        let of_it = || registry.iter().filter(|other| other.evaluation == row.evaluation);
        let looks = of_it().filter(|other| matches!(other.event, RegistryEvent::Looked { .. })).count();
        let exists = Evaluation::named(&ctx.project, &row.evaluation).is_planned();
        facts.push(EvaluationFacts {
            name: row.evaluation.clone(),
            planned_at: row.at.clone(),
            run: run.clone(),
            dataset: dataset.clone(),
            prompts: prompt_ids.len(),
            looks,
            is_final: *is_final,
            state: match (exists, looks) {
                (false, _) => EvaluationState::Deleted,
                (true, 0) => EvaluationState::Stopped,
                (true, _) => EvaluationState::Analysed,
            },
        });
    }
    facts
}

/// Each change of an instrument: what, when, from which hash to which, and what it invalidated.
pub fn changes_in_words(registry: &[RegistryRow]) -> Vec<String> {
    let short = |hash: &str| hash.chars().take(12).collect::<String>();
    registry
        .iter()
        .filter_map(|row| match &row.event {
            RegistryEvent::Changed { what, before, after, invalidated } => Some(format!(
                "{}: the {what} changed from `{}` to `{}` before `{}`: its figures and those of {} stand each for themselves.",
                affinage_report::time(&row.at),
                short(before),
                short(after),
                row.evaluation,
                invalidated.join(", ")
            )),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_changes_are_one_line() {
        let change = |what: &str, invalidated: &[&str]| RegistryEvent::Changed {
            what: what.to_owned(),
            before: "a".to_owned(),
            after: "b".to_owned(),
            invalidated: invalidated.iter().map(|name| (*name).to_owned()).collect(),
        };
        let lines = incomparable(&[
            change("rubric", &["one"]),
            change("suite letters", &["one"]),
            change("suite sums", &["one"]),
        ]);
        assert_eq!(
            lines,
            [
                "changed since `one`: the prompts of `letters`, `sums`; the rubric; nothing is lost, but the figures of before \
                 and after are not to be set against each other"
            ]
        );
        let lines = incomparable(&[change("parser", &["one", "two"]), change("suite sums", &["two"])]);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("changed since `one`, `two`: the way replies are read;"), "{lines:?}");
        assert!(incomparable(&[]).is_empty());
    }
}
