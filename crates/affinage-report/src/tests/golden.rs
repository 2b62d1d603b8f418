//! Evaluations that together use every part of the page, and what is drawn of them.

use affinage_dataset::message::{Message, Role};
use affinage_eval::analysis::{ArmLikelihoodPerCharacter, Estimate, Interval};
use affinage_eval::arm::{Arm, ArmKind, OtherModel};
use affinage_eval::dose::{Dose, DoseMeasure, DosePoint, DoseResult, DoseSeed, DoseStep, DoseWord};
use affinage_eval::findings::GROUPS;
use affinage_eval::judge::qualification::result::{Counted, QualificationResult, QualificationVerdict};
use affinage_eval::plan::JudgeKind;
use affinage_eval::planted::{PlantedResult, PlantedVerdict};

use super::story::Story;
use crate::evidence::{EvaluationFacts, EvaluationState, Evidence};

fn estimate(value: f64, n: usize, unit: &str) -> Estimate {
    Estimate {
        value,
        interval: Some(Interval { low: value - 0.07, high: value + 0.08, level: 0.95 }),
        n,
        n_effective: n as f64 - 0.5,
        unit: unit.to_owned(),
        method: "t over prompts".to_owned(),
    }
}

fn counted(count: usize, of: usize) -> Counted {
    Counted { count, of }
}

fn exam(judge_id: &str) -> QualificationResult {
    QualificationResult {
        judge_id: judge_id.to_owned(),
        verdict: QualificationVerdict::Failed,
        planted: counted(9, 20),
        accuracy_low: 0.26,
        accuracy_high: 0.65,
        flips: counted(11, 20),
        flips_high: 0.7,
        injections: counted(1, 6),
        identical_ties: counted(3, 4),
        padded: counted(2, 4),
        null_model: counted(0, 2),
        missing: counted(1, 40),
        calls: counted(41, 60),
        by_grade: Vec::new(),
        by_kind: std::collections::BTreeMap::new(),
        threshold: None,
        habits: Vec::new(),
        reasons: Vec::new(),
        sentence: format!("`{judge_id}` failed its exam: it found 9 of 20 planted winners."),
    }
}

fn dose() -> DoseResult {
    let dose = |rows, epochs| Dose { dataset: "v3-1f2e9c".to_owned(), epochs, rows };
    let point = |rows: usize, epochs: usize, win: f64| DosePoint {
        dose: dose(rows, epochs),
        supervised_tokens: rows as f64 * 80.5,
        seeds: (1..=2)
            .map(|seed| DoseSeed {
                seed,
                arm: format!("r{rows}-e{epochs}-s{seed}"),
                win_rate: Some(win + 0.02 * seed as f64),
                fit_gain: Some(0.1 * seed as f64),
            })
            .collect(),
        win_rate: Some(estimate(win, 40, "prompts")),
        fit_gain: (rows < 500).then(|| estimate(win - 0.4, 40, "texts")),
    };
    let step = |measure, word, sentence: &str| DoseStep {
        from: dose(125, 1),
        to: dose(250, 1),
        measure,
        difference: estimate(0.05, 40, "prompts"),
        p: Some(0.02),
        p_adjusted: Some(0.04),
        word,
        sentence: sentence.to_owned(),
    };
    DoseResult {
        doses: vec![point(125, 1, 0.52), point(125, 2, 0.55), point(250, 1, 0.6), point(500, 1, 0.61)],
        steps: vec![
            step(DoseMeasure::WinRate, DoseWord::Up, "From 125 rows to 250 rows: +5 points: better."),
            step(DoseMeasure::Fit, DoseWord::NotShown, "From 125 rows to 250 rows: not shown."),
        ],
        explanation: "Each point is a training of its own.".to_owned(),
        limits: vec!["Two seeds: no claim about a recipe.".to_owned()],
    }
}

/// An evaluation with everything that the story lacks: arms from elsewhere, a study of doses, an exam, a voter, a history.
pub fn rich() -> Evidence {
    let mut evidence = Story::new("").evidence();
    let other = || OtherModel { model: "models/other.gguf".to_owned(), sha256: "ab".repeat(32) };
    let kinds = [
        (
            "base+examples",
            ArmKind::Examples {
                example_ids: vec!["ex-1".to_owned(), "ex-2".to_owned()],
                messages: vec![Message { role: Role::User, content: "What is <b>hope</b>?".to_owned() }],
            },
        ),
        (
            "friend",
            ArmKind::Adapter {
                adapter_sha256: "cd".repeat(32),
                path: "runs/friend".to_owned(),
                on: Some(other()),
                trained_on: None,
            },
        ),
        ("other", ArmKind::Model(other())),
        ("far", ArmKind::Remote { model: "far-1".to_owned(), base_url: "https://far.example/v1".to_owned() }),
    ];
    evidence.plan.arms.extend(kinds.into_iter().map(|(name, kind)| Arm { name: name.to_owned(), kind }));
    let analysis = &mut evidence.analysis;
    analysis.dose = Some(dose());
    analysis.judges[1].exam = Some(exam("hasty"));
    analysis.judges[1].in_panel = false;
    let mut voter = analysis.judges[0].clone();
    (voter.judge_id, voter.kind) = ("human:me".to_owned(), JudgeKind::Human);
    voter.planted = Some(PlantedResult {
        found: counted(2, 3),
        verdict: PlantedVerdict::TooFew,
        sentence: "You found 2 of 3 undamaged texts.".to_owned(),
    });
    analysis.judges.push(voter);
    let mut absent = analysis.judges[1].clone();
    (absent.judge_id, absent.cells_judged) = ("absent".to_owned(), 0);
    analysis.judges.push(absent);
    analysis.card.rows[0].votes = vec!["You chose `step-000290` in 14 of 20 pairs.".to_owned()];
    analysis.comparisons[1].overall = None;
    analysis.comparisons[1].no_rate = Some("Nobody has compared these two.".to_owned());
    let fit = analysis.fit.as_mut().expect("scored");
    fit.not_scored = vec!["far".to_owned()];
    fit.per_character = vec![ArmLikelihoodPerCharacter {
        arm: "other".to_owned(),
        gain: estimate(0.02, 40, "texts"),
        sentence: "`other` fits them by 0.02 nats a character.".to_owned(),
    }];
    let named = |name: &str, state, is_final: bool| EvaluationFacts {
        name: name.to_owned(),
        planned_at: "2026-11-22T10:15:00Z".to_owned(),
        run: is_final.then(|| super::story::RUN.to_owned()),
        dataset: None,
        prompts: 110,
        looks: 2,
        is_final,
        state,
    };
    evidence.evaluations = vec![
        named("first-look", EvaluationState::Analysed, true),
        named("second", EvaluationState::Stopped, false),
        named("third", EvaluationState::Deleted, false),
    ];
    evidence.changes = vec!["2026-11-23 10:00 changed since `first-look`: the rubric.".to_owned()];
    let run = evidence.runs.last_mut().expect("a run");
    run.resumed = 2;
    run.warnings.push("the disk was <full>".to_owned());
    let again = run.samples.clone().into_iter().map(|mut sample| {
        sample.prompt = "And \"why\"?".to_owned();
        sample
    });
    run.samples.extend(again.collect::<Vec<_>>());
    for (i, judgment) in evidence.judgments.iter_mut().enumerate() {
        judgment.started_at = Some(format!("2026-11-22T10:{:02}:51Z", i % 60));
    }
    evidence
}

fn unjudged() -> Evidence {
    let mut story = Story::new("");
    story.judgments.clear();
    story.comparisons.clear();
    story.keys.clear();
    story.fit.clear();
    let mut evidence = story.evidence();
    evidence.runs.clear();
    evidence.manifest = None;
    evidence
}

#[test]
fn every_part_of_the_page_is_drawn_twice_alike() {
    let evidence = rich();
    let page = crate::render(&evidence).html;
    let parts = [
        "dose",
        "pairs",
        "voice",
        "checkpoints",
        "fit",
        "claims",
        "what-for",
        "strengths",
        "readers",
        "judges",
        "values",
        "disagreement",
        "panel",
        "people",
        "forgetting",
        "objective",
        "faults",
        "variance",
        "recitation",
        "data",
        "planned",
        "runs",
        "evaluations",
        "checks",
        "methods",
        "provenance",
        "not-measured",
    ];
    for part in parts {
        assert!(page.contains(&format!("id=\"{part}\"")), "{part}");
    }
    for said in [
        "Exams</h3>",
        "Planted pairs</h3>",
        "Arms from elsewhere</h3>",
        "What prompted arms are given",
        "this page</b>",
    ] {
        assert!(page.contains(said), "{said}");
    }
    let drawn = super::markup(&page);
    assert!(!drawn.contains("{{") && !drawn.contains("{%"), "a template is left undrawn");
    assert_eq!(page, crate::render(&rich()).html);
    let empty = unjudged();
    assert_eq!(crate::render(&empty).html, crate::render(&empty).html);
}

#[test]
fn every_template_file_is_part_of_the_program() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
    let files = fs_err::read_dir(folder).expect("the templates");
    let mut files: Vec<String> =
        files.map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned()).collect();
    files.sort();
    let mut known: Vec<&str> = crate::templates::TEMPLATES.iter().map(|(name, _)| *name).collect();
    known.sort_unstable();
    assert_eq!(files, known);
}

/// What is compared before and after a change of the drawing.
#[test]
#[ignore = "writes pages, plots and texts into the folder AFFINAGE_GOLDEN"]
fn write_golden() {
    let dir =
        std::path::PathBuf::from(std::env::var("AFFINAGE_GOLDEN").expect("AFFINAGE_GOLDEN names a folder"));
    fs_err::create_dir_all(&dir).expect("a folder");
    let all = [
        ("story", Story::new("").evidence()),
        ("rich", rich()),
        ("unjudged", unjudged()),
        ("fixed", super::fixed()),
        ("hostile", Story::new(super::HOSTILE).evidence()),
    ];
    for (name, evidence) in all {
        let page = crate::render(&evidence);
        let write = |file: String, text: &str| fs_err::write(dir.join(file), text).expect("written");
        write(format!("{name}.html"), &page.html);
        for plot in crate::plots::plots(&evidence) {
            write(format!("{name}-{}", plot.name), &plot.svg);
        }
        write(format!("{name}.md"), &crate::markdown::summary(&evidence));
        write(format!("{name}.txt"), &crate::markdown::thread(&evidence));
        let card = crate::card::plain("my-voice", &evidence.plan, &evidence.analysis, false);
        write(format!("{name}-card.txt"), &format!("{} ({})\n{:#?}", card.title, card.compared, card.rows));
        let analysis = serde_json::to_string_pretty(&evidence.analysis).expect("plain data");
        write(format!("{name}-analysis.json"), &analysis);
    }
}

#[test]
fn every_group_of_findings_is_drawn_under_its_own_title() {
    let mut evidence = rich();
    let found: Vec<&str> = evidence.analysis.findings.iter().map(|group| group.id.as_str()).collect();
    assert_eq!(found, GROUPS.map(|(id, _)| id), "an analysis has every group");
    for group in &mut evidence.analysis.findings {
        group.title = format!("Named {} in the file", group.id);
    }
    let page = crate::render(&evidence).html;
    for (id, title) in GROUPS {
        assert!(page.contains(&format!("id=\"{id}\">")), "{id} is no part of the page");
        assert!(page.contains(&format!("Named {id} in the file")), "{id} has another title");
        assert!(!page.contains(title), "{title} stands beside the title of the file");
    }
    evidence.analysis.findings.clear();
    let page = crate::render(&evidence).html;
    for (_, title) in GROUPS {
        assert!(page.contains(title), "a file of an older version has no {title}");
    }
}
