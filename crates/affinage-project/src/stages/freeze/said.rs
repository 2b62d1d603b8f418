//! What is said of a frozen version: what it holds, and what it is too little for.

use std::collections::BTreeSet;

use affinage_dataset::split::{Certificate, Side};
use affinage_dataset::version::Manifest;
use affinage_eval::analyze::ENOUGH;
use affinage_eval::plain::{count, counted};

use super::Frozen;
use crate::folder::datasets::{ALTERNATIVES_FILE, DatasetVersion, RESERVE, TEST, TRAIN, VALIDATION};
use crate::folder::project::Project;
use crate::next::next;
use crate::stages::suites;

/// The size a first data set aims at.
pub const GOAL: usize = 1000;
/// Accepted examples that are enough for a taste: a first small model to talk to.
pub const FIRST_MODEL_EXAMPLES: usize = 60;

/// About how many examples have, at this share of test examples, as many of these as the report needs to say anything; `None`
/// where none are held out. More where examples belong together.
pub fn examples_for_report(test_share: f64) -> Option<usize> {
    (test_share > 0.0).then(|| (ENOUGH as f64 / test_share).round() as usize)
}

/// Where the examples stand that are new since the version before.
#[derive(Debug, Default)]
pub(super) struct New {
    train: usize,
    validation: usize,
    test: usize,
    reserve: usize,
    dropped: usize,
}

impl New {
    /// `None`: it is in no file.
    pub(super) fn add(&mut self, side: Option<Side>) {
        *match side {
            Some(Side::Train) => &mut self.train,
            Some(Side::Validation) => &mut self.validation,
            Some(Side::Test) => &mut self.test,
            Some(Side::Reserve) => &mut self.reserve,
            Some(Side::Retired) | None => &mut self.dropped,
        } += 1;
    }
}

/// `of 12 examples that are new since v1-3fa2b1: 0 to train on, 1 validation, 11 test`, and why, where none is trained on.
pub(super) fn new_in_words(new: &New, before: &str) -> Vec<String> {
    let New { train, validation, test, reserve, dropped } = *new;
    let all = train + validation + test + reserve + dropped;
    if all == 0 {
        return Vec::new();
    }
    let parts = [(validation, "validation"), (test, "test"), (reserve, "reserve"), (dropped, "in no file")];
    let parts = parts.iter().filter(|(number, _)| *number > 0);
    let parts: Vec<String> =
        parts.map(|(number, what)| format!(", {} {what}", count(*number as u64))).collect();
    let (examples, are) = (counted(all, "example", "examples"), if all == 1 { "is" } else { "are" });
    let trained = count(train as u64);
    let mut lines =
        vec![format!("of {examples} that {are} new since {before}: {trained} to train on{}", parts.concat())];
    if train == 0 && test + validation + reserve > 0 {
        lines.push(
            "  earlier examples keep their side, so the new ones fill the test and validation sides first, up to their \
             shares; to train on them: accept more cards, or lower `dataset.test-share`, and freeze again"
                .to_owned(),
        );
    }
    lines
}

/// How to come to as many test examples as the report needs, without giving all new examples to the test side: earlier ones
/// keep their side.
fn way_to_enough(test: usize, all: usize) -> String {
    /// So many new examples for each that is missing in the test: the others are trained on.
    const NEW_FOR_EACH: usize = 2;
    let new = NEW_FOR_EACH * (ENOUGH - test.min(ENOUGH));
    let percent = (100 * ENOUGH).div_ceil(all + new).max(1);
    format!(
        "accept at least {} more cards, of conversations or texts that no card is accepted of yet (`affinage review`), set \
         `dataset.test-share` to {:.2}, and freeze again ({}): earlier examples keep their side, and about \
         half of the new ones are tested with",
        count(new as u64),
        percent as f64 / 100.0,
        next("dataset")
    )
}

/// Says what so many examples are enough for.
pub fn say_size(ctx: &Project, manifest: &Manifest) {
    let examples = examples_of(manifest);
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
    if let Some(lack) = held_out_lack(manifest) {
        ctx.ui.warn(lack);
        ctx.ui.hint(format!("{}, then {}", next("review"), next("dataset")));
    }
    if has(manifest, TEST) || has(manifest, VALIDATION) {
        ctx.ui.say(no_leak(certificate));
    }
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
    let look = next("lint").word(&manifest.name);
    ctx.ui.hint(format!("look at it: {look}; then {}", next("train")));
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
            "{name} has {}, and the report needs {ENOUGH} to say anything about your voice: to have them, stop here, {}",
            counted(test, "test example", "test examples"),
            way_to_enough(test, examples_of(manifest))
        )
    })
}

/// What a version cannot be evaluated for, because a side that should have examples has none, and what to do about it; `None`
/// where every side that the settings ask for has some.
pub fn held_out_lack(manifest: &Manifest) -> Option<String> {
    let rules = &manifest.rules;
    let lacks = |file, share: f64| share > 0.0 && !has(manifest, file);
    let (what, then) = match (lacks(VALIDATION, rules.validation_share), lacks(TEST, rules.test_share)) {
        (false, false) => return None,
        (true, true) => (
            "to watch the training (validation) and none to test with",
            "nobody can see how well a training goes, and there is nothing to ask about afterwards",
        ),
        (true, false) => ("to watch the training (validation)", "nobody can see how well a training goes"),
        (false, true) => ("to test with", "there is nothing to ask about after the training"),
    };
    Some(format!(
        "no example is kept back {what}, so {then}: accept cards of more conversations or texts, and freeze again"
    ))
}

/// Whether a file of a version holds an example.
fn has(manifest: &Manifest, file: &str) -> bool {
    manifest.files.get(file).is_some_and(|file| file.examples > 0)
}

/// `169 examples: 142 to train on, 9 to watch the training, 18 to test with`.
pub fn sides_in_words(manifest: &Manifest) -> String {
    let sides = [
        (TRAIN, "to train on"),
        (VALIDATION, "to watch the training"),
        (TEST, "to test with"),
        (RESERVE, "in reserve"),
    ];
    let number = |file: &str| manifest.files.get(file).map_or(0, |file| file.examples);
    let parts = sides.iter().map(|(file, what)| (number(file), what)).filter(|(number, _)| *number > 0);
    let parts: Vec<String> = parts.map(|(number, what)| format!("{} {what}", count(number as u64))).collect();
    format!("{}: {}", counted(examples_of(manifest), "example", "examples"), parts.join(", "))
}

/// Examples on all sides.
fn examples_of(manifest: &Manifest) -> usize {
    let files = manifest.files.iter().filter(|(name, _)| *name != ALTERNATIVES_FILE);
    files.map(|(_, file)| file.examples).sum()
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
            "{}, which count as about {} (those of one conversation or text, or that ask nearly the same, count once)",
            counted(examples(name), "example", "examples"),
            counted(texts(name), "independent one", "independent ones"),
        )
    };
    let (train, test) = (TRAIN, TEST);
    let all = examples_of(manifest);
    let mut lines = Vec::new();
    if examples(train) > texts(train) && texts(train) < ENOUGH {
        lines.push(format!("train: {}", from(train)));
    }
    if examples(test) < ENOUGH {
        let has = counted(examples(test), "example", "examples");
        lines.push(format!(
            "test: {has}; the report needs at least {ENOUGH} to say anything{}: {}",
            in_all(examples(test), texts(test), all),
            way_to_enough(examples(test), all)
        ));
    } else if texts(test) < ENOUGH {
        lines.push(format!(
            "test: {}; the report needs at least {ENOUGH} independent ones to say anything: {}",
            from(test),
            way_to_enough(texts(test), all)
        ));
    }
    lines
}

/// How many examples there would have to be for enough test examples at this share of them; at least so many where some of
/// them belong together.
fn in_all(test: usize, texts: usize, all: usize) -> String {
    let needed = (ENOUGH * all).checked_div(test);
    let about = if texts < test { "at least" } else { "about" };
    needed.map_or_else(String::new, |needed| {
        format!(", which {about} {} examples in all would have", count(needed as u64))
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
    fn a_side_without_examples_is_a_lack_unless_nobody_asked_for_it() {
        let mut of = manifest([(TRAIN, 142, 20), (TEST, 18, 5)]);
        let lack = held_out_lack(&of).expect("no validation examples");
        assert!(lack.starts_with("no example is kept back to watch the training"), "{lack}");
        assert!(
            lack.contains("accept cards of more conversations") && !lack.contains("to test with"),
            "{lack}"
        );
        assert_eq!(sides_in_words(&of), "160 examples: 142 to train on, 18 to test with");
        of.rules.validation_share = 0.0;
        assert_eq!(held_out_lack(&of), None);
        let none = held_out_lack(&manifest([(TRAIN, 3, 1), (TEST, 0, 0)])).expect("nothing is held out");
        assert!(none.contains("(validation) and none to test with"), "{none}");
    }

    #[test]
    fn before_a_training_it_is_said_what_the_report_will_lack() {
        let said = |test| untested("v1-abc", &manifest([(TRAIN, 200, 100), (TEST, test, test)]));
        for (test, has) in [(0, "v1-abc has 0 test examples"), (ENOUGH - 1, "has 29 test examples")] {
            let said = said(test).expect("a sentence");
            assert!(said.contains(has) && said.contains("the report needs 30 to say anything"), "{said}");
            assert!(said.contains("`dataset.test-share` to 0."), "a share that suffices is named: {said}");
        }
        assert_eq!(said(ENOUGH), None);
        assert_eq!([0.1, 0.2, 0.0].map(examples_for_report), [Some(300), Some(150), None]);
    }

    #[test]
    fn what_became_of_new_examples_is_said_in_numbers() {
        let mut new = New::default();
        assert_eq!(new_in_words(&new, "v1-abc"), [""; 0]);
        (0..11).for_each(|_| new.add(Some(Side::Test)));
        new.add(Some(Side::Validation));
        let said = new_in_words(&new, "v1-abc");
        assert_eq!(said[0], "of 12 examples that are new since v1-abc: 0 to train on, 1 validation, 11 test");
        assert!(said[1].contains("earlier examples keep their side") && said[1].contains("to train on them"));
        new.add(Some(Side::Train));
        new.add(None);
        assert_eq!(
            new_in_words(&new, "v1-abc"),
            ["of 14 examples that are new since v1-abc: 1 to train on, 1 validation, 11 test, 1 in no file"]
        );
    }

    #[test]
    fn too_little_to_show_anything_is_said() {
        let said =
            |train, test| too_little(&manifest([("train.jsonl", train, 0), ("test.jsonl", test, 0)]), 0);
        assert_eq!(
            too_little(&manifest([("train.jsonl", 945, 6), ("test.jsonl", 119, 3)]), 0),
            [
                "train: 945 examples, which count as about 6 independent ones (those of one conversation or text, or that ask \
                 nearly the same, count once)",
                "test: 119 examples, which count as about 3 independent ones (those of one conversation or text, or that ask \
                 nearly the same, count once); the report needs at least 30 independent ones to say anything: accept at least \
                 54 more cards, of conversations or texts that no card is accepted of yet (`affinage review`), set \
                 `dataset.test-share` to 0.03, and freeze again ({}): earlier examples keep their side, and \
                 about half of the new ones are tested with"
            ]
        );
        let few = too_little(&manifest([("train.jsonl", 12, 12), ("test.jsonl", 2, 2)]), 1).join("\n");
        let begins = "test: 1 example; the report needs at least 30 to say anything, which at least 420 examples in all would have: ";
        assert!(few.replace("about", "at least").starts_with(begins), "{few}");
        // A share that suffices with the cards that are asked for.
        assert!(
            few.contains("at least 58 more cards") && few.contains("`dataset.test-share` to 0.42"),
            "{few}"
        );
        assert_eq!(too_little(&manifest([("train.jsonl", 300, 100), ("test.jsonl", 60, 30)]), 0), [""; 0]);
        let none = said(0, 0).join("\n");
        assert!(
            none.starts_with("test: 0 examples; the report needs at least 30 to say anything: "),
            "{none}"
        );
    }
}
