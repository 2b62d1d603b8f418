//! How the voice changed: one pinned prompt answered at every checkpoint, and the voice meter per arm.

use affinage_eval::analysis::{ArmVoice, VoiceResult};
use affinage_eval::voice::marks;

use super::arms::Arms;
use super::charts::{Mark, Strip};
use super::evidence::{Evidence, RunFacts, Sample};
use super::forest::Forest;
use super::html::{Section, caption, details, esc};
use super::numbers::{Measure, Source, percent};

const PINNED: &str = "One prompt answered at every checkpoint";

/// The marks are those of the demo's voice; where they do not tell the texts apart nothing is said of them.
const UNREAD: &str = "The run answered no pinned prompt, and the marks that this program can count do not tell these \
                      texts apart.";

pub fn section(evidence: &Evidence, arms: &Arms) -> Section {
    let meter = evidence.analysis.voice.as_ref();
    let shown = meter.is_some_and(|meter| meter.fitness.fit_to_show);
    let mut body = String::new();
    if let Some(run) = evidence.evaluated_run() {
        body.push_str(&timelines(run, shown));
    }
    match meter.filter(|_| shown) {
        Some(meter) => body.push_str(&meter_html(meter, arms)),
        None if body.is_empty() => {
            return Section::missing("voice", PINNED, UNREAD);
        }
        None => {}
    }
    let has_samples = evidence.evaluated_run().is_some_and(|run| !run.samples.is_empty());
    Section::new("voice", if has_samples { PINNED } else { "The marks of the voice" }, body)
}

/// One timeline per pinned prompt; the first is open, others one click away.
fn timelines(run: &RunFacts, with_marks: bool) -> String {
    let mut prompts: Vec<&str> = Vec::new();
    for sample in &run.samples {
        if !prompts.contains(&sample.prompt.as_str()) {
            prompts.push(&sample.prompt);
        }
    }
    let mut html = String::new();
    for (i, prompt) in prompts.iter().enumerate() {
        let samples: Vec<&Sample> = run.samples.iter().filter(|s| s.prompt == *prompt).collect();
        let timeline = timeline(run, prompt, &samples, with_marks);
        if i == 0 {
            html.push_str(&timeline);
        } else {
            html.push_str(&details(&format!("Another pinned prompt: {prompt}"), &timeline));
        }
    }
    html
}

fn timeline(run: &RunFacts, prompt: &str, samples: &[&Sample], with_marks: bool) -> String {
    let items: String = samples.iter().map(|sample| timeline_item(run, sample, with_marks)).collect();
    format!(
        "<p>The same question at every checkpoint of <code>{}</code>:</p>\n<blockquote class=\"asked\" dir=\"auto\">{}\
         </blockquote>\n<ol class=\"timeline\">{items}</ol>\n",
        esc(&run.name),
        esc(prompt)
    )
}

fn timeline_item(run: &RunFacts, sample: &Sample, with_marks: bool) -> String {
    let mut facts =
        vec![if sample.step == 0 { "before training".to_owned() } else { format!("step {}", sample.step) }];
    if let Some(epoch) = run.epoch_at(sample.step).filter(|_| sample.step > 0) {
        facts.push(format!("epoch {epoch:.2}"));
    }
    if let Some(loss) = run.validation_at(sample.step) {
        facts.push(format!("validation loss {loss:.3}"));
    }
    let found = marks(&sample.text);
    let mark = |present: bool, name: &str| match present {
        true => format!("<span class=\"has\">\u{2713} {name}</span>"),
        false => format!("<span class=\"lacks\">\u{2013} {name}</span>"),
    };
    let marks = if with_marks {
        format!(
            "<p class=\"marks\">{} {} {}</p>",
            mark(found.image, "image"),
            mark(found.distinction, "distinction"),
            mark(found.closing_question, "closing question")
        )
    } else {
        String::new()
    };
    format!(
        "<li><p class=\"when\"><b>{}</b>{}</p><div class=\"said\" dir=\"auto\">{}</div>{marks}</li>\n",
        facts[0],
        facts[1..].iter().map(|fact| format!(" \u{00b7} {fact}")).collect::<String>(),
        esc(sample.text.trim())
    )
}

fn meter_html(voice: &VoiceResult, arms: &Arms) -> String {
    let mut html = format!("<h3>Three marks of the voice</h3>\n{}", arms.p(&voice.fitness.sentence));
    if !voice.arms.is_empty() {
        html.push_str(&meter_forest(voice, arms));
        let marks = |(i, arm): (usize, &ArmVoice)| {
            vec![
                arms.label(&arm.arm),
                percent(arm.image),
                percent(arm.distinction),
                percent(arm.closing_question),
                difference(i, arm),
                super::numbers::count(arm.all_marks.n),
            ]
        };
        let rows: Vec<Vec<String>> = voice.arms.iter().enumerate().map(marks).collect();
        let head = ["arm", "image", "distinction", "closing question", "all three, minus base", "n"];
        let sentences: String = voice.arms.iter().map(|arm| arms.p(&arm.sentence)).collect();
        let table = super::html::table("plain", &head, &[1, 2, 3, 4, 5], &rows);
        html.push_str(&details("Each mark by itself, and in sentences", &format!("{table}{sentences}")));
    }
    let rules: String = voice.rules.iter().map(|rule| format!("<li>{}</li>", esc(rule))).collect();
    html.push_str(&details("The three rules", &format!("<ul>{rules}</ul>")));
    html
}

fn difference(index: usize, arm: &ArmVoice) -> String {
    let pointer = format!(".voice.arms[{index}].difference_to_base");
    let source = Source::new("completions.jsonl, in-domain, paired by prompt", pointer);
    super::numbers::figure_or_dash(
        "all three marks, minus the base's",
        arm.difference_to_base.as_ref(),
        Measure::SharePoints,
        &source,
    )
}

fn meter_forest(voice: &VoiceResult, arms: &Arms) -> String {
    let mut forest = Forest::new(Strip::shares(), "answers with all three marks");
    for (i, arm) in voice.arms.iter().enumerate() {
        let source = Source::new(
            format!("completions.jsonl, arm = {}, in-domain prompts", arm.arm),
            format!(".voice.arms[{i}].all_marks"),
        );
        let what = format!("{}: in-domain answers with all three marks", arms.short(&arm.arm));
        let mark = Mark { estimate: &arm.all_marks, look: arms.look(&arm.arm), what, source };
        forest.estimate_row(&arms.label(&arm.arm), &mark, "");
    }
    format!(
        "<figure class=\"wide no-words\">{}</figure>\n{}",
        forest.finish(),
        caption(
            "The marks are of manner, not of quality: ending with a question does not make an answer better."
        )
    )
}
