//! The end of the page: numbered checks, the method in plain lines, provenance, and what to do next.

use std::collections::BTreeSet;

use affinage_eval::analysis::{CheckState, MethodCheck};
use affinage_eval::plan::{Arm, ArmKind, PlannedJudge};

use super::arms::Arms;
use super::evidence::Evidence;
use super::html::{Section, details, esc, hash, judge_name, p, table, time};
use super::numbers::{count, counted, percent};

fn state_words(state: CheckState) -> (&'static str, &'static str, &'static str) {
    match state {
        CheckState::Passed => ("passed", "\u{2713}", "passed"),
        CheckState::Tip => ("tip", "i", "worth knowing"),
        CheckState::Issue => ("issue", "!", "issue"),
        CheckState::NotApplicable => ("na", "\u{2013}", "not applicable"),
        CheckState::Skipped => ("skipped", "?", "no data"),
    }
}

pub fn checks_section(evidence: &Evidence, arms: &Arms) -> Section {
    let checks = &evidence.analysis.checks;
    let with = |state: CheckState| checks.iter().filter(|check| check.state == state).count();
    let tally = format!(
        "{}: {} passed, {}, {} worth knowing, {} not applicable, {} without data.",
        counted(checks.len(), "check"),
        with(CheckState::Passed),
        counted(with(CheckState::Issue), "issue"),
        with(CheckState::Tip),
        with(CheckState::NotApplicable),
        with(CheckState::Skipped)
    );
    let (loud, quiet): (Vec<_>, Vec<_>) =
        checks.iter().partition(|check| matches!(check.state, CheckState::Issue | CheckState::Tip));
    let mut body = p(&tally);
    if !loud.is_empty() {
        body.push_str(&check_list(&loud, arms));
    }
    if !quiet.is_empty() {
        body.push_str(&details("The others", &check_list(&quiet, arms)));
    }
    Section::new("checks", "Checks of the method", body)
}

fn check_list(checks: &[&MethodCheck], arms: &Arms) -> String {
    let items: String = checks.iter().map(|check| check_item(check, arms)).collect();
    format!("<ul class=\"checks\">{items}</ul>\n")
}

fn check_item(check: &MethodCheck, arms: &Arms) -> String {
    let (class, sign, words) = state_words(check.state);
    let advice = check
        .advice
        .as_deref()
        .map_or_else(String::new, |advice| format!("<p class=\"advice\">Advice: {}</p>", arms.prose(advice)));
    format!(
        "<li class=\"{class}\" id=\"{0}\"><i class=\"state\" aria-hidden=\"true\">{sign}</i><div><b><code>{0}</code> {1}</b> \
         <span class=\"state-word\">{words}</span><p>{2}</p>{advice}</div></li>\n",
        esc(&check.code),
        esc(&check.title),
        arms.prose(&check.sentence)
    )
}

pub fn methods_section(evidence: &Evidence, arms: &Arms) -> Section {
    let facts = &evidence.analysis.evaluation;
    let sampling = &facts.sampling;
    let words: String = evidence
        .analysis
        .method_notes
        .iter()
        .map(|note| format!("<dt>{}</dt><dd>{}</dd>", esc(&note.term), arms.prose(&note.plain)))
        .collect();
    let how = [
        format!(
            "{} in {} that are independent of each other; {} per prompt and arm, temperature {}, top-p {}, at most {} tokens.",
            counted(facts.prompts, "prompt"),
            counted(facts.clusters, "group"),
            counted(facts.samples_per_prompt as usize, "answer"),
            sampling.temperature,
            sampling.top_p,
            sampling.max_new_tokens
        ),
        "A judge sees two answers under neutral labels and names a seat, never an arm; both orders are judged, and labels \
         are dealt so that they say nothing about the seat. A key in a file of its own turns seats into arms."
            .to_owned(),
        format!(
            "One error rate of {} is shared by {}. Plotted intervals are 95 % and not adjusted.",
            percent(facts.alpha),
            counted(evidence.plan.comparisons.len(), "planned comparison")
        ),
    ];
    let how: String = how.iter().map(|line| p(line)).collect();
    let body = format!(
        "{how}{}{}{}\n<h3>Method words</h3>\n<dl class=\"glossary\">{words}</dl>\n<h3>Where bias can enter</h3>\n{}",
        categories(evidence),
        elsewhere(evidence, arms),
        instructions(evidence, arms),
        BIAS.iter().map(|line| p(line)).collect::<String>()
    );
    Section::new("methods", "Methods and limits", body)
}

const BIAS: [&str; 3] = [
    "Judges that are models share habits with the models they judge, and may favour relatives. Agreement among judges \
     is not validity: they can agree and be wrong together.",
    "The prompts are a choice. A win rate is about prompts like these, in this mix, and about this adapter; a statement \
     about a recipe needs several training runs.",
    "A win inside the domain may be recitation; the certificate bounds how much of a test text stood in the training.",
];

/// The written instructions that prompted arms get, in full.
fn instructions(evidence: &Evidence, arms: &Arms) -> String {
    let of = |arm: &Arm| match &arm.kind {
        ArmKind::Prompted { system_prompt } => Some(format!(
            "<dt>{}</dt><dd class=\"text\" dir=\"auto\">{}</dd>",
            arms.label(&arm.name),
            esc(system_prompt)
        )),
        ArmKind::Examples { example_ids, messages } => Some(format!(
            "<dt>{}</dt><dd class=\"text\" dir=\"auto\">{}</dd>",
            arms.label(&arm.name),
            esc(&format!(
                "Accepted examples {} as earlier turns:\n\n{}",
                example_ids.join(", "),
                messages
                    .iter()
                    .map(|m| format!("{}: {}", m.role.as_str(), m.content))
                    .collect::<Vec<_>>()
                    .join("\n\n")
            ))
        )),
        _ => None,
    };
    let items: String = evidence.plan.arms.iter().filter_map(of).collect();
    if items.is_empty() {
        return String::new();
    }
    details("What prompted arms are given", &format!("<dl class=\"changed\">{items}</dl>"))
}

/// What the arms are that neither the base nor the run made.
fn elsewhere(evidence: &Evidence, arms: &Arms) -> String {
    let others = evidence.plan.arms.iter().filter(|arm| !arm.is_of_plan());
    let item = |arm: &Arm| {
        let explained = arms.explained(&arm.name);
        let (_, what) = explained.split_once(": ").unwrap_or(("", &explained));
        format!("<dt>{}</dt><dd class=\"text\">{}</dd>", arms.label(&arm.name), esc(what))
    };
    let items: String = others.map(item).collect();
    if items.is_empty() {
        return String::new();
    }
    format!("<h3>Arms from elsewhere</h3>\n<dl class=\"changed\">{items}</dl>\n")
}

fn categories(evidence: &Evidence) -> String {
    let rows: Vec<Vec<String>> = evidence
        .analysis
        .evaluation
        .prompts_by_category
        .iter()
        .map(|c| vec![esc(&c.category), c.domain.name().to_owned(), count(c.prompts)])
        .collect();
    details("The prompts by category", &table("plain", &["category", "domain", "prompts"], &[2], &rows))
}

pub fn provenance_section(evidence: &Evidence, arms: &Arms) -> Section {
    let plan = &evidence.plan;
    let mut rows: Vec<Vec<String>> = plan
        .arms
        .iter()
        .map(|arm| {
            let (base, other) = (&plan.base_sha256, arm.other_model());
            let (sha256, place) = match &arm.kind {
                ArmKind::Base | ArmKind::Prompted { .. } | ArmKind::Examples { .. } => {
                    (hash(base), format!("<code>{}</code>", esc(&plan.base_model)))
                }
                ArmKind::Checkpoint { adapter_sha256, path, .. }
                | ArmKind::Adapter { adapter_sha256, path, .. } => {
                    let path = format!("<code>{}</code>", esc(path));
                    let on =
                        other.map(|on| format!(" on <code>{}</code> {}", esc(&on.model), hash(&on.sha256)));
                    (hash(adapter_sha256), path + &on.unwrap_or_default())
                }
                ArmKind::Model(other) => (hash(&other.sha256), format!("<code>{}</code>", esc(&other.model))),
                ArmKind::Remote { model, base_url } => (
                    "unknown".to_owned(),
                    format!("<code>{}</code> behind <code>{}</code>", esc(model), esc(base_url)),
                ),
            };
            vec![arms.label(&arm.name), sha256, place]
        })
        .collect();
    let mut body = format!("<h3>Weights</h3>\n{}", table("plain", &["arm", "sha256", "where"], &[], &rows));
    rows = evidence
        .files
        .iter()
        .map(|file| {
            let rows = file.rows.map_or_else(|| "\u{2013}".to_owned(), count);
            vec![
                format!("<code>{}</code>", esc(&file.name)),
                rows,
                count(file.size_bytes as usize),
                hash(&file.sha256),
            ]
        })
        .collect();
    body.push_str(&format!(
        "<h3>Files</h3>\n{}",
        table("plain", &["file", "rows", "bytes", "sha256"], &[1, 2], &rows)
    ));
    body.push_str(&p(&format!(
        "Seed {}. Drawn by affinage {} from these files alone; {} and {} make this page again, offline.",
        plan.seed,
        evidence.version,
        plan.command("analyze", ""),
        plan.command("report", "")
    )));
    body.push_str(&judge_provenance(evidence));
    body.push_str(&run_provenance(evidence));
    Section::new("provenance", "Where everything comes from", body)
}

/// What every judge was asked with, when, and which model said that it answered.
fn judge_provenance(evidence: &Evidence) -> String {
    let row = |judge: &PlannedJudge| {
        let rows = || evidence.judgments.iter().filter(|row| row.judge_id == judge.judge_id);
        let templates: BTreeSet<&str> = rows().map(|row| row.template_sha256.as_str()).collect();
        let models: BTreeSet<&str> = rows().filter_map(|row| row.model_returned.as_deref()).collect();
        let times: BTreeSet<&str> = rows().filter_map(|row| row.started_at.as_deref()).collect();
        let period = match (times.first(), times.last()) {
            (Some(first), Some(last)) if time(first) != time(last) => {
                format!("{} to {}", time(first), time(last))
            }
            (Some(only), _) => time(only),
            _ => "\u{2013}".to_owned(),
        };
        vec![
            judge_name(&judge.judge_id),
            esc(&judge.model),
            esc(&models.into_iter().collect::<Vec<_>>().join(", ")),
            templates.into_iter().map(hash).collect::<Vec<_>>().join(" "),
            esc(&period),
        ]
    };
    let rows: Vec<Vec<String>> = evidence.plan.judges.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let head = ["judge", "asked for", "answered as", "instructions", "when"];
    details("The judges' models and instructions", &table("plain", &head, &[], &rows))
}

fn run_provenance(evidence: &Evidence) -> String {
    let Some(provenance) = evidence.evaluated_run().and_then(|run| run.provenance.as_ref()) else {
        return String::new();
    };
    let mut facts = vec![
        ("started", esc(&time(&provenance.started_at))),
        ("program", esc(&format!("affinage {}, {} build", provenance.affinage_version, provenance.build))),
        ("command", format!("<code>{}</code>", esc(&provenance.command_line.join(" ")))),
        (
            "machine",
            esc(&format!(
                "{}, {}, {} {}",
                provenance.cpu.as_deref().unwrap_or("unknown"),
                counted(provenance.cores, "core"),
                provenance.os,
                provenance.arch
            )),
        ),
    ];
    let inputs: Vec<String> =
        provenance.sha256.iter().map(|(name, sha256)| format!("{} {}", esc(name), hash(sha256))).collect();
    facts.push(("inputs", inputs.join("<br>")));
    let rows: String = facts.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>")).collect();
    details("The training run", &format!("<dl class=\"facts\">{rows}</dl>"))
}
