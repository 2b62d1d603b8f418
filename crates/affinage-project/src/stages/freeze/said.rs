//! What is said of a frozen version: what it holds, and what it is too little for.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use affinage_dataset::split::{Certificate, DropReason, Side};
use affinage_dataset::version::Manifest;
use affinage_eval::analyze::ENOUGH;
use affinage_eval::plain::{count, counted, listed};
use affinage_eval::text::capitalised;

use super::enough::{tested, way_to_enough};
use super::{Frozen, freeze_command, taken_undecided};
use crate::folder::datasets::{ALTERNATIVES_FILE, DatasetVersion, RESERVE, TEST, TRAIN, VALIDATION};
use crate::folder::project::Project;
use crate::next::next;
use crate::stages::suites;

/// The size a first data set aims at.
pub const GOAL: usize = 1000;
/// Accepted examples that are enough for a taste: a first small model to talk to.
pub const FIRST_MODEL_EXAMPLES: usize = 60;

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
             shares (`dataset.test-share`, `dataset.validation-share`), and stay there; most cards that you accept after \
             them are trained on"
                .to_owned(),
        );
    }
    lines
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
        ctx.ui.hint(format!("{}, then {}", next("review"), freeze_command(taken_undecided(manifest))));
    }
    if has(manifest, TEST) || has(manifest, VALIDATION) {
        ctx.ui.say(no_leak(certificate));
    }
    for (reason, number) in certificate.drops_by_reason() {
        ctx.ui.say(format!("  {} {reason}", count(number as u64)));
    }
    let version = DatasetVersion::open(&ctx.project, Some(&manifest.name))?;
    way_back(manifest).iter().for_each(|line| ctx.ui.say(line));
    let tests = manifest.files.get(TEST).map_or(0, |file| file.examples);
    let unasked = unasked(ctx, &version)?;
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
    let named = |key| names.get(key).map(|name| if name.is_empty() { key } else { name });
    for name in certificate.sectioned.iter().filter_map(named).collect::<BTreeSet<_>>() {
        ctx.ui.say(format!("{name} is a large part of all examples: parts of it train, other parts test"));
    }
    if let Some(file) = manifest.files.get(ALTERNATIVES_FILE) {
        ctx.ui.say(format!(
            "{} kept beside it, for other tools (preference training, DPO)",
            counted(
                file.examples,
                "other answer to the same prompts is",
                "other answers to the same prompts are"
            )
        ));
    }
    ctx.ui.say(format!("frozen: {}", ctx.shown(folder)));
    let look = next("lint").word(&manifest.name);
    ctx.ui.hint(format!("look at it: {look}; then {}", next("train")));
    Ok(())
}

/// How held-out examples that are in no file, because they are too similar to training examples, are tested with again.
fn way_back(manifest: &Manifest) -> Option<String> {
    const SHOWN: usize = 3;
    let certificate = &manifest.certificate;
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for dropped in &certificate.dropped {
        if let DropReason::Leak { train_example, .. } | DropReason::InContext { train_example, .. } =
            &dropped.reason
        {
            *numbers.entry(train_example).or_default() += 1;
        }
    }
    let mut numbers: Vec<(&str, usize)> = numbers.into_iter().collect();
    numbers.sort_by_key(|(_, number)| Reverse(*number));
    let named: Vec<String> =
        numbers.iter().map(|(id, number)| format!("{} ({number})", certificate.called(id))).collect();
    (!named.is_empty()).then(|| {
        format!(
            "  they were held out before, and new or changed training examples repeat them, so they are in no file. To test with \
             them again, reject the training examples that they are too similar to (`affinage review`, List, \"all\", search for \
             the words), and freeze again ({}): {}",
            freeze_command(taken_undecided(manifest)),
            listed(&named, SHOWN, ", ")
        )
    })
}

/// How many test examples of a version ask nothing.
fn unasked(ctx: &Project, version: &DatasetVersion) -> anyhow::Result<usize> {
    let tests = version.manifest.files.get(TEST).map_or(0, |file| file.examples);
    Ok(tests - suites::test_prompts(version, &ctx.ui)?.len().min(tests))
}

/// Says before a training what will be missing after it, because a side of `version` is empty or too small, and what to do
/// about it.
pub fn say_untested(ctx: &Project, version: &DatasetVersion) -> anyhow::Result<()> {
    lacks(&version.name, &version.manifest, unasked(ctx, version)?).iter().for_each(|line| ctx.ui.warn(line));
    Ok(())
}

fn lacks(name: &str, manifest: &Manifest, unasked: usize) -> Vec<String> {
    let mut lines: Vec<String> = held_out_lack(manifest).into_iter().collect();
    let tested = tested(manifest, unasked);
    if tested < ENOUGH {
        lines.push(format!(
            "{name} has {} that {}, and the report needs {ENOUGH} to say anything about the voice. To have them, stop here: {}",
            counted(tested, "test example", "test examples"),
            if tested == 1 { "counts" } else { "count" },
            way_to_enough(manifest, tested)
        ));
    }
    lines
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
            "which step of the training is the best stays unknown, and there is nothing to ask about afterwards",
        ),
        (true, false) => (
            "to watch the training (validation)",
            "which step of the training is the best stays unknown, and whether it only learns the texts by heart",
        ),
        (false, true) => ("to test with", "there is nothing to ask about after the training"),
    };
    Some(format!(
        "no example is kept back {what}, so {then}: accept cards of two or more further conversations or texts (`affinage \
         review`), and freeze again ({})",
        freeze_command(taken_undecided(manifest))
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
        // Notes have no turns before their prompts.
        Some(0.0) => String::new(),
        Some(share) => {
            format!(
                " No held-out answer shares more than {} with the turns before a training prompt.",
                percent(share)
            )
        }
        None => " The turns before the training prompts were not compared.".to_owned(),
    };
    let shares = match certificate.max_containment {
        0.0 => "any".to_owned(),
        share => format!("more than {}", percent(share)),
    };
    format!(
        "no leak: no test or validation example shares {shares} of its five-word sequences with a training example (limit \
         {:.0} %; dropped: {}).{before}",
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
            "{}, which count as about {} (those of one text, or that ask nearly the same, count once)",
            counted(examples(name), "example", "examples"),
            counted(texts(name), "independent one", "independent ones"),
        )
    };
    let (train, test) = (TRAIN, TEST);
    let mut lines = Vec::new();
    if examples(train) > texts(train) && texts(train) < ENOUGH {
        lines.push(format!("train: {}", from(train)));
    }
    let counts = tested(manifest, unasked);
    if counts < ENOUGH {
        let has = match examples(test) {
            some if some > counts => from(test),
            some => counted(some, "example", "examples"),
        };
        lines.push(format!(
            "test: {has}; the report needs at least {ENOUGH}{} to say anything. {}",
            if examples(test) > counts { " independent ones" } else { "" },
            capitalised(&way_to_enough(manifest, counts))
        ));
    }
    lines
}

#[cfg(test)]
pub(super) mod tests {
    use affinage_dataset::split::Drop;
    use affinage_dataset::version::{FileRecord, Rules};

    use super::*;

    pub fn manifest(files: [(&str, usize, usize); 2]) -> Manifest {
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
            begin: BTreeMap::new(),
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
        let notes = no_leak(&Certificate { max_in_context: Some(0.0), ..certificate.clone() });
        assert!(
            notes.starts_with("no leak: no test or validation example shares any of its five-word sequences")
                && notes.ends_with("dropped: 0)."),
            "{notes}"
        );
        let older = no_leak(&certificate);
        assert!(
            older.ends_with("dropped: 0). The turns before the training prompts were not compared."),
            "{older}"
        );
    }

    #[test]
    fn what_is_too_similar_names_the_training_examples_that_stand_in_its_way() {
        let drop = |id: &str, train: &str| Drop {
            example_id: id.to_owned(),
            side: Side::Test,
            reason: DropReason::Leak { containment: 0.4, train_example: train.to_owned() },
        };
        let plain = manifest([(TRAIN, 1, 1), (TEST, 1, 1)]);
        let begin =
            [("t2", "Why do ruins"), ("t1", "On walls")].map(|(id, begin)| (id.to_owned(), begin.to_owned()));
        assert_eq!(way_back(&plain), None);
        let dropped = vec![drop("a", "t1"), drop("b", "t2"), drop("c", "t2")];
        let certificate = Certificate { dropped, begin: begin.into(), ..plain.certificate.clone() };
        let said = way_back(&Manifest { certificate, ..plain }).expect("a way");
        assert!(
            said.contains("reject the training examples") && said.contains("(`affinage dataset`)"),
            "{said}"
        );
        assert!(said.ends_with(": \u{201c}Why do ruins\u{201d} (2), \u{201c}On walls\u{201d} (1)"), "{said}");
    }

    #[test]
    fn a_side_without_examples_is_a_lack_unless_nobody_asked_for_it() {
        let mut of = manifest([(TRAIN, 142, 20), (TEST, 18, 5)]);
        let lack = held_out_lack(&of).expect("no validation examples");
        assert!(lack.starts_with("no example is kept back to watch the training"), "{lack}");
        assert!(
            lack.contains("accept cards of two or more further conversations")
                && !lack.contains("to test with"),
            "{lack}"
        );
        assert_eq!(sides_in_words(&of), "160 examples: 142 to train on, 18 to test with");
        of.rules.validation_share = 0.0;
        assert_eq!(held_out_lack(&of), None);
        let none = held_out_lack(&manifest([(TRAIN, 3, 1), (TEST, 0, 0)])).expect("nothing is held out");
        assert!(none.contains("(validation) and none to test with"), "{none}");
    }

    #[test]
    fn before_a_training_it_is_said_what_will_be_missing() {
        let said = |test, unasked| {
            lacks("v1-abc", &manifest([(TRAIN, 200, 100), (TEST, test, test)]), unasked).join("\n")
        };
        let no_best = "which step of the training is the best stays unknown";
        for (test, unasked, has) in [
            (3, 3, "v1-abc has 0 test examples that count"),
            (ENOUGH - 1, 0, "has 29 test examples that count"),
            (ENOUGH, 1, "has 29 test examples that count"),
        ] {
            let said = said(test, unasked);
            assert!(said.contains(has) && said.contains("the report needs 30 to say anything"), "{said}");
            assert!(
                said.contains("(`affinage --set dataset.test-share=0."),
                "a share that suffices is part of the command: {said}"
            );
            assert!(said.contains(no_best) && said.contains("(`affinage dataset`)"), "{said}");
        }
        assert!(!said(ENOUGH, 0).contains("test examples") && said(ENOUGH, 0).contains(no_best));
        let mut whole = manifest([(TRAIN, 200, 100), (TEST, ENOUGH, ENOUGH)]);
        whole.files.insert(VALIDATION.to_owned(), FileRecord { examples: 1, sha256: String::new() });
        assert_eq!(lacks("v1-abc", &whole, 0), [""; 0]);
    }

    /// The command that a way names freezes no less than the version has.
    #[test]
    fn what_freezes_again_takes_undecided_what_the_version_took() {
        let mut taken = manifest([(TRAIN, 1, 1), (TEST, 1, 1)]);
        taken.rules.selection = "accept-clean-dated".to_owned();
        let reason = DropReason::Leak { containment: 0.4, train_example: "t".to_owned() };
        let dropped = vec![Drop { example_id: "a".to_owned(), side: Side::Test, reason }];
        taken.certificate.dropped = dropped;
        let ways = [way_back(&taken), held_out_lack(&taken), too_little(&taken, 0).pop()];
        for said in ways.map(|said| said.expect("a way")).into_iter().chain(lacks("v1-abc", &taken, 0)) {
            assert!(said.contains(" dataset --accept-clean --dated-notes`)"), "{said}");
        }
    }

    #[test]
    fn what_became_of_new_examples_is_said_in_numbers() {
        let mut new = New::default();
        assert_eq!(new_in_words(&new, "v1-abc"), [""; 0]);
        (0..11).for_each(|_| new.add(Some(Side::Test)));
        new.add(Some(Side::Validation));
        let said = new_in_words(&new, "v1-abc");
        assert_eq!(said[0], "of 12 examples that are new since v1-abc: 0 to train on, 1 validation, 11 test");
        assert!(said[1].contains("earlier examples keep their side") && said[1].contains("stay there"));
        new.add(Some(Side::Train));
        new.add(None);
        assert_eq!(
            new_in_words(&new, "v1-abc"),
            ["of 14 examples that are new since v1-abc: 1 to train on, 1 validation, 11 test, 1 in no file"]
        );
    }

    #[test]
    fn too_little_to_show_anything_is_said() {
        let few = manifest([("train.jsonl", 945, 6), ("test.jsonl", 119, 3)]);
        let said = too_little(&few, 0);
        assert_eq!(
            said[0],
            "train: 945 examples, which count as about 6 independent ones (those of one text, or that ask nearly the \
             same, count once)"
        );
        let begins = "test: 119 examples, which count as about 3 independent ones (those of one text, or that ask nearly \
                      the same, count once); the report needs at least 30 independent ones to say anything. Accept ";
        assert!(said[1].starts_with(begins), "{}", said[1]);
        let plain = &too_little(&manifest([("train.jsonl", 41, 41), ("test.jsonl", 6, 6)]), 0)[0];
        assert!(plain.len() <= 3 * 100, "three lines of a terminal at most: {plain}");
        assert_eq!(said.len(), 2);
        let few = too_little(&manifest([("train.jsonl", 12, 12), ("test.jsonl", 2, 2)]), 1).join("\n");
        assert!(few.starts_with("test: 1 example; the report needs at least 30 to say anything. "), "{few}");
        assert_eq!(too_little(&manifest([("train.jsonl", 300, 100), ("test.jsonl", 60, 30)]), 0), [""; 0]);
        let none = too_little(&manifest([("train.jsonl", 0, 0), ("test.jsonl", 0, 0)]), 0).join("\n");
        assert!(
            none.starts_with("test: 0 examples; the report needs at least 30 to say anything. "),
            "{none}"
        );
    }
}
