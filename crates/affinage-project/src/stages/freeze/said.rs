//! What is said of a frozen version: what it holds, and what it is too little for.

use std::collections::BTreeSet;

use affinage_dataset::split::Certificate;
use affinage_dataset::version::Manifest;
use affinage_eval::analyze::ENOUGH;
use affinage_eval::plain::{count, counted};

use super::Frozen;
use crate::folder::datasets::{ALTERNATIVES_FILE, DatasetVersion, TEST, TRAIN};
use crate::folder::project::Project;
use crate::stages::suites;

/// The size a first data set aims at.
pub const GOAL: usize = 1000;
/// Accepted examples that are enough for a taste: a first small model to talk to.
pub const FIRST_MODEL_EXAMPLES: usize = 60;

/// About how many examples have, at this share of test examples, as many of these as the report needs to say whether the
/// model learned the voice; `None` where none are held out.
pub fn examples_for_report(test_share: f64) -> Option<usize> {
    (test_share > 0.0).then(|| (ENOUGH as f64 / test_share).round() as usize)
}

/// Says what so many examples are enough for.
pub fn say_size(ctx: &Project, manifest: &Manifest) {
    let files = manifest.files.iter().filter(|(name, _)| *name != ALTERNATIVES_FILE);
    let examples: usize = files.map(|(_, file)| file.examples).sum();
    let (taste, goal) = (count(FIRST_MODEL_EXAMPLES as u64), count(GOAL as u64));
    let said = match examples {
        few if few < FIRST_MODEL_EXAMPLES => format!(
            "about {taste} are enough for a first small model to talk to, about {goal} are a full data set"
        ),
        some if some < GOAL => {
            format!("enough for a first small model to talk to; about {goal} are a full data set")
        }
        _ => return,
    };
    ctx.ui.say(format!("{}: {said}", counted(examples, "example", "examples")));
}

/// Says what a version holds, and what it is too little for.
pub fn say_version(ctx: &Project, frozen: &Frozen) -> anyhow::Result<()> {
    let Frozen { folder, manifest, names } = frozen;
    let certificate = &manifest.certificate;
    ctx.ui.say(no_leak(certificate));
    for (reason, number) in certificate.drops_by_reason() {
        ctx.ui.say(format!("  {} {reason}", count(number as u64)));
    }
    let version = DatasetVersion::open(&ctx.project, Some(&manifest.name))?;
    let tests = manifest.files.get(TEST).map_or(0, |file| file.examples);
    let unasked = tests - suites::test_prompts(&version, &ctx.ui)?.len().min(tests);
    too_little(manifest, unasked).iter().for_each(|line| ctx.ui.warn(line));
    if unasked > 0 {
        ctx.ui.say(format!(
            "of the {} {} nothing, such as a bare title, and {} left out of the evaluation; to write a question: \
             `affinage review`",
            counted(tests, "test example", "test examples"),
            counted(unasked, "has a prompt that asks", "have prompts that ask"),
            if unasked == 1 { "is" } else { "are" },
        ));
    }
    if manifest.counts.drafted > 0 {
        let examples = counted(manifest.counts.drafted, "example has a prompt", "examples have prompts");
        ctx.ui.say(format!(
            "notes: {examples} drafted by rule, which nobody wrote or changed; to write them: `affinage review`"
        ));
    }
    // Several conversations may lie in one file.
    let named = |key| names.get(key).filter(|name| !name.is_empty()).unwrap_or(key);
    for name in certificate.sectioned.iter().map(named).collect::<BTreeSet<_>>() {
        ctx.ui.say(format!("{name} is a large part of all examples: parts of it train, other parts test"));
    }
    if let Some(file) = manifest.files.get(ALTERNATIVES_FILE) {
        ctx.ui.say(format!(
            "{} kept beside it, for other tools (preference training, DPO)",
            counted(file.examples, "rejected alternative is", "rejected alternatives are")
        ));
    }
    ctx.ui.say(format!("frozen: {}", ctx.shown(folder)));
    ctx.ui.hint("look at it: `affinage lint ".to_owned() + &manifest.name + "`; then `affinage train`");
    Ok(())
}

/// Says before a training that the report will not tell whether the voice was learned, where `version` has too few test
/// examples for that, and what to do about it.
pub fn say_untested(ctx: &Project, version: &DatasetVersion) {
    untested(&version.name, &version.manifest).iter().for_each(|line| ctx.ui.warn(line));
}

fn untested(name: &str, manifest: &Manifest) -> Option<String> {
    let test = manifest.files.get(TEST).map_or(0, |file| file.examples);
    (test < ENOUGH).then(|| {
        format!(
            "{name} has {}, and the report needs {ENOUGH} to say whether the model learned the voice: to have them, stop \
             here, accept cards of more conversations (`affinage review`) or raise `dataset.test-share`, and freeze again \
             (`affinage dataset`)",
            counted(test, "test example", "test examples")
        )
    })
}

/// The certificate in two sentences: what held-out examples share with training examples, and with what stands before their
/// prompts.
fn no_leak(certificate: &Certificate) -> String {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let before = match certificate.max_in_context {
        Some(share) => {
            format!(
                "No held-out answer shares more than {} with the turns before a training prompt.",
                percent(share)
            )
        }
        None => "The turns before the training prompts were not compared.".to_owned(),
    };
    format!(
        "no leak: no test or validation example shares more than {} of its five-word sequences with a training example \
         (limit {:.0} %; dropped: {}). {before}",
        percent(certificate.max_containment),
        100.0 * certificate.threshold,
        count(certificate.dropped.len() as u64)
    )
}

/// What the examples are too few for, or from too few texts. `unasked` test examples are not asked.
fn too_little(manifest: &Manifest, unasked: usize) -> Vec<String> {
    let examples = |name: &str| {
        let all = manifest.files.get(name).map_or(0, |file| file.examples);
        if name == TEST { all - unasked.min(all) } else { all }
    };
    let texts = |name: &str| manifest.independent.get(name).copied().unwrap_or_else(|| examples(name));
    let from = |name: &str| {
        format!(
            "{} from {}: they count as about {}",
            counted(examples(name), "example", "examples"),
            counted(texts(name), "conversation or document", "conversations or documents"),
            texts(name)
        )
    };
    let (train, test) = (TRAIN, TEST);
    let files = manifest.files.iter().filter(|(name, _)| *name != ALTERNATIVES_FILE);
    let all: usize = files.map(|(_, file)| file.examples).sum();
    let mut lines = Vec::new();
    if examples(train) > texts(train) && texts(train) < ENOUGH {
        lines.push(format!("train: {}", from(train)));
    }
    if examples(test) < ENOUGH {
        let has = counted(examples(test), "example", "examples");
        lines.push(format!(
            "test: {has}; the report needs at least {ENOUGH} to say anything{}",
            in_all(examples(test), all)
        ));
    } else if texts(test) < ENOUGH {
        lines.push(format!(
            "test: {}; the report needs at least {ENOUGH} to say anything: accept cards of more conversations, or raise `test-share` \
             in affinage.toml, before you freeze again",
            from(test)
        ));
    }
    lines
}

/// How many examples there would have to be for enough test examples at this share of them.
fn in_all(test: usize, all: usize) -> String {
    let needed = (ENOUGH * all).checked_div(test);
    needed.map_or_else(String::new, |needed| {
        format!(", which about {} examples in all would have", count(needed as u64))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use affinage_dataset::version::{FileRecord, Rules};

    use super::*;

    fn manifest(files: [(&str, usize, usize); 2]) -> Manifest {
        let record = |examples| FileRecord { examples, sha256: String::new() };
        let rules = Rules {
            selection: "signed".to_owned(),
            learn: "assistant".to_owned(),
            validation_share: 0.1,
            test_share: 0.1,
            seed: 1,
            context_exchanges: 1,
            context_chars: 1,
        };
        let certificate = Certificate {
            max_containment: 0.0,
            max_in_context: None,
            threshold: 0.2,
            measured: 0,
            too_short: 0,
            sectioned: Default::default(),
            evaluation_prompts: 0,
            dropped: Vec::new(),
        };
        Manifest {
            v: 1,
            name: String::new(),
            hash: String::new(),
            tool: String::new(),
            rules,
            counts: Default::default(),
            files: files.iter().map(|(name, examples, _)| ((*name).to_owned(), record(*examples))).collect(),
            independent: files.iter().map(|(name, _, texts)| ((*name).to_owned(), *texts)).collect(),
            noted: BTreeMap::new(),
            lengths: None,
            sources: Default::default(),
            writers: BTreeMap::new(),
            written: BTreeMap::new(),
            left_out: Vec::new(),
            certificate,
            sides: BTreeMap::new(),
        }
    }

    #[test]
    fn the_certificate_names_what_was_measured_in_what() {
        let certificate = manifest([(TRAIN, 1, 1), (TEST, 1, 1)]).certificate;
        assert_eq!(
            no_leak(&Certificate {
                max_containment: 0.125,
                max_in_context: Some(0.05),
                ..certificate.clone()
            }),
            "no leak: no test or validation example shares more than 12.5 % of its five-word sequences with a training \
             example (limit 20 %; dropped: 0). No held-out answer shares more than 5.0 % with the turns before a training \
             prompt."
        );
        let older = no_leak(&certificate);
        assert!(
            older.ends_with("dropped: 0). The turns before the training prompts were not compared."),
            "{older}"
        );
    }

    #[test]
    fn before_a_training_it_is_said_what_the_report_will_lack() {
        let said = |test| untested("v1-abc", &manifest([(TRAIN, 200, 100), (TEST, test, test)]));
        for (test, has) in [(0, "v1-abc has 0 test examples"), (ENOUGH - 1, "has 29 test examples")] {
            let said = said(test).expect("a sentence");
            assert!(said.contains(has) && said.contains("the report needs 30"), "{said}");
        }
        assert_eq!(said(ENOUGH), None);
        assert_eq!([0.1, 0.2, 0.0].map(examples_for_report), [Some(300), Some(150), None]);
    }

    #[test]
    fn too_little_to_show_anything_is_said() {
        let said =
            |train, test| too_little(&manifest([("train.jsonl", train, 0), ("test.jsonl", test, 0)]), 0);
        assert_eq!(
            too_little(&manifest([("train.jsonl", 945, 6), ("test.jsonl", 119, 3)]), 0),
            [
                "train: 945 examples from 6 conversations or documents: they count as about 6",
                "test: 119 examples from 3 conversations or documents: they count as about 3; the report needs at least 30 to say \
                 anything: accept cards of more conversations, or raise `test-share` in affinage.toml, before you freeze again"
            ]
        );
        assert_eq!(
            too_little(&manifest([("train.jsonl", 12, 12), ("test.jsonl", 2, 2)]), 1),
            [
                "test: 1 example; the report needs at least 30 to say anything, which about 420 examples in all would have"
            ]
        );
        assert_eq!(too_little(&manifest([("train.jsonl", 300, 100), ("test.jsonl", 60, 30)]), 0), [""; 0]);
        assert_eq!(said(0, 0), ["test: 0 examples; the report needs at least 30 to say anything"]);
    }
}
