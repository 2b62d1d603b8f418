//! How the voice changed: one pinned prompt answered at every checkpoint, and the style markers per arm.

use affinage_eval::analysis::{ArmStyleMarkers, StyleMarkersResult};
use affinage_eval::plain::count;
use affinage_eval::style_markers::marks;
use serde::Serialize;

use super::arms::Arms;
use super::charts::{Mark, Strip};
use super::evidence::{Evidence, RunFacts, Sample};
use super::html::Section;
use super::numbers::{Measure, Source, percent};
use super::view::{Forest, Inline, Piece, Table};

const PINNED: &str = "One prompt answered at every checkpoint";

/// The marks are those of the demo's voice; where they do not tell the texts apart nothing is said of them.
const UNREAD: &str = "The run answered no pinned prompt, and the marks that this program can count do not tell these \
                      texts apart.";

#[derive(Serialize)]
struct View {
    run: String,
    /// One per pinned prompt; the first is open, others one click away.
    timelines: Vec<Timeline>,
    meter: Option<Meter>,
}

#[derive(Serialize)]
struct Timeline {
    prompt: String,
    answers: Vec<Answer>,
}

/// The pinned prompt answered at one step.
#[derive(Serialize)]
struct Answer {
    when: String,
    facts: Vec<String>,
    text: String,
    /// Each mark and whether it is there; empty where the marks tell nothing.
    marks: Vec<MarkFound>,
}

#[derive(Serialize)]
struct MarkFound {
    is_there: bool,
    name: &'static str,
}

#[derive(Serialize)]
struct Meter {
    fitness: Vec<Inline>,
    arms: Option<MarkerArms>,
    rules: Vec<String>,
}

#[derive(Serialize)]
struct MarkerArms {
    forest: Forest,
    table: Table,
    sentences: Vec<Inline>,
}

pub fn section(evidence: &Evidence, arms: &Arms) -> Section {
    let meter = evidence.analysis.voice.as_ref().filter(|meter| meter.fitness.fit_to_show);
    let run = evidence.evaluated_run();
    let view = View {
        run: run.map_or_else(String::new, |run| run.name.clone()),
        timelines: run.map_or_else(Vec::new, |run| timelines(run, meter.is_some())),
        meter: meter.map(|meter| self::meter(meter, arms)),
    };
    if view.timelines.is_empty() && view.meter.is_none() {
        return Section::missing("voice", PINNED, UNREAD);
    }
    let title = if view.timelines.is_empty() { "The marks of the voice" } else { PINNED };
    Section::drawn("style_markers.html", "voice", title, &view)
}

fn timelines(run: &RunFacts, with_marks: bool) -> Vec<Timeline> {
    let mut timelines: Vec<Timeline> = Vec::new();
    for sample in &run.samples {
        let answer = answer(run, sample, with_marks);
        match timelines.iter_mut().find(|timeline| timeline.prompt == sample.prompt) {
            Some(timeline) => timeline.answers.push(answer),
            None => timelines.push(Timeline { prompt: sample.prompt.clone(), answers: vec![answer] }),
        }
    }
    timelines
}

fn answer(run: &RunFacts, sample: &Sample, with_marks: bool) -> Answer {
    let epoch = run.epoch_at(sample.step).filter(|_| sample.step > 0);
    let loss = run.validation_at(sample.step);
    let found = marks(&sample.text);
    let marks = [
        (found.image, "image"),
        (found.distinction, "distinction"),
        (found.closing_question, "closing question"),
    ];
    Answer {
        when: if sample.step == 0 { "before training".to_owned() } else { format!("step {}", sample.step) },
        facts: epoch
            .map(|epoch| format!("epoch {epoch:.2}"))
            .into_iter()
            .chain(loss.map(|loss| format!("validation loss {loss:.3}")))
            .collect(),
        text: sample.text.trim().to_owned(),
        marks: marks
            .into_iter()
            .filter(|_| with_marks)
            .map(|(is_there, name)| MarkFound { is_there, name })
            .collect(),
    }
}

fn meter(voice: &StyleMarkersResult, arms: &Arms) -> Meter {
    Meter {
        fitness: arms.paragraphs([voice.fitness.sentence.as_str()]),
        arms: (!voice.arms.is_empty()).then(|| marker_arms(voice, arms)),
        rules: voice.rules.clone(),
    }
}

fn marker_arms(voice: &StyleMarkersResult, arms: &Arms) -> MarkerArms {
    let row = |(i, arm): (usize, &ArmStyleMarkers)| {
        vec![
            arms.name(&arm.arm).into(),
            percent(arm.image).into(),
            percent(arm.distinction).into(),
            percent(arm.closing_question).into(),
            difference(i, arm),
            count(arm.all_marks.n as u64).into(),
        ]
    };
    let head = ["arm", "image", "distinction", "closing question", "all three, minus base", "n"];
    MarkerArms {
        forest: marker_forest(voice, arms),
        table: Table::new(&head, &[1, 2, 3, 4, 5], voice.arms.iter().enumerate().map(row).collect()),
        sentences: arms.paragraphs(voice.arms.iter().map(|arm| arm.sentence.as_str())),
    }
}

fn difference(index: usize, arm: &ArmStyleMarkers) -> Inline {
    let pointer = format!(".voice.arms[{index}].difference_to_base");
    let source = Source::new("completions.jsonl, in-domain, paired by prompt", pointer);
    let what = "all three marks, minus the base's";
    Piece::figure_or_dash(what, arm.difference_to_base.as_ref(), Measure::SharePoints, &source).into()
}

fn marker_forest(voice: &StyleMarkersResult, arms: &Arms) -> Forest {
    let mut forest = Forest::new(Strip::shares(), "answers with all three marks");
    for (i, arm) in voice.arms.iter().enumerate() {
        let source = Source::new(
            format!("completions.jsonl, arm = {}, in-domain prompts", arm.arm),
            format!(".voice.arms[{i}].all_marks"),
        );
        let what = format!("{}: in-domain answers with all three marks", arms.short(&arm.arm));
        let mark = Mark { estimate: &arm.all_marks, look: arms.look(&arm.arm), what, source };
        forest.estimate(arms.name(&arm.arm), &mark, Inline::default());
    }
    forest
}
