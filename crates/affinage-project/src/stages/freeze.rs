//! Freezes a version of the dataset: chosen examples, split without leaks, certificate and card.

mod again;
mod context;
mod enough;
mod report;
mod said;
mod select;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use affinage_dataset::authorship::Written;
use affinage_dataset::counts::{Omission, Way};
use affinage_dataset::dedup::together;
use affinage_dataset::example::{DatasetRow, LineageRow, Provenance, ROW_VERSION};
use affinage_dataset::message;
use affinage_dataset::split::{self, Item, Policy, Side, Split, SplitError};
use affinage_dataset::version::{
    FileRecord, Lengths, MANIFEST_VERSION, Manifest, Rules, card, remember, version_hash,
};
use affinage_eval::plain::counted;
use anyhow::anyhow;
use sha2::{Digest as _, Sha256};

use crate::errors::HintExt as _;
use crate::folder::datasets::{
    self, ALTERNATIVES_FILE, DatasetVersion, MANIFEST, TEST, TRAIN, VALIDATION, file_name, version_number,
};
use crate::folder::jsonl;
use crate::folder::library::{Derivation, Library};
use crate::folder::project::Project;
use crate::folder::run::write_folder_atomically;
use crate::next::next;
use crate::stages::lengths::{Ruler, Spread};
use crate::stages::suites;
pub use again::{Changes, NextStep, again, changes, freeze_command, next_step, refuse_private};
pub use enough::examples_for_report;
use report::{report_context, report_lengths, report_rules, report_selection, report_taken};
pub use said::{
    FIRST_MODEL_EXAMPLES, GOAL, held_out_lack, say_size, say_untested, say_version, sides_in_words,
};
use said::{New, new_in_words};
use select::{Selected, Selection};
pub use select::{Undecided, Unread, begins_with, is_off_branch, taken_unread};

/// A word that may stand in a folder's name.
pub fn folder_word(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
    if fits { Ok(text.to_owned()) } else { Err("use letters, digits, `_` and `.`".to_owned()) }
}

/// How a version is frozen.
#[derive(Debug, Default)]
pub struct Options<'a> {
    /// What is taken of the answers that nobody decided on.
    pub undecided: Undecided,
    /// A word in the folder's name, see [`folder_word`].
    pub word: Option<&'a str>,
    /// Sides by prompt, as if an older version had given them; the others are split as always.
    pub pinned: BTreeMap<String, Side>,
    /// With fewer examples to train on nothing is written.
    pub fewest: usize,
}

/// A frozen version.
#[derive(Debug)]
pub struct Frozen {
    pub folder: PathBuf,
    pub manifest: Manifest,
    /// What people call the documents and conversations that can be cut, by key.
    pub names: BTreeMap<String, String>,
}

/// What a version says of [`Undecided`] in its rules, and back.
const SELECTIONS: [(&str, Undecided); 3] = [
    ("signed", Undecided::LeaveOut),
    ("accept-clean", Undecided::AcceptClean { dated: false }),
    ("accept-clean-dated", Undecided::AcceptClean { dated: true }),
];

fn selection_name(undecided: Undecided) -> &'static str {
    SELECTIONS.iter().find(|(_, other)| *other == undecided).map_or("signed", |(name, _)| name)
}

/// What a version took undecided.
pub fn taken_undecided(manifest: &Manifest) -> Undecided {
    let selection = manifest.rules.selection.as_str();
    SELECTIONS.iter().find(|(name, _)| *name == selection).map_or(Undecided::LeaveOut, |(_, found)| *found)
}

/// Freezes what was accepted, and of what nobody decided on what `undecided` takes. Where the rows and rules are those of
/// an earlier version, that one is returned.
///
/// Errors: nothing is imported or accepted; too little for a split without leaks; fewer to train on than asked for; files.
pub fn freeze(ctx: &Project, options: &Options) -> anyhow::Result<Frozen> {
    let library = imported(ctx)?;
    let earlier = manifests(&ctx.project)?;
    let undecided = options.undecided;
    if undecided == Undecided::LeaveOut && library.decisions()?.is_empty() {
        // The outermost hint is shown first.
        return Err(anyhow!("nothing was decided yet, so there is nothing to freeze"))
            .hint("or choose yourself: `affinage review` opens the desk in your browser")
            .hint(format!(
                "take everything lint finds nothing against: {}",
                next("dataset").words("--accept-clean")
            ));
    }
    let derivation = library.derivation()?;
    let ruler = Ruler::open(ctx);
    let earlier_chars = ruler.as_ref().map_or(0, |ruler| context::CHARS_PER_TOKEN * ruler.limit);
    let selecting = || select::select(&library, &derivation, undecided, earlier_chars);
    let mut selection = ctx.ui.during("reading what was accepted", selecting)?;
    match &ruler {
        Ok(ruler) => {
            let (left_out, begin) = fit_context(ctx, ruler, &mut selection);
            let previous = remember(earlier.iter().map(Manifest::as_previous));
            let sectioned = split::sectioned(&items(&selection.selected), &previous);
            context::within_sections(&mut selection.selected, &sectioned);
            measure_rows(ctx, ruler, &mut selection, left_out, begin);
        }
        Err(why) => ctx.ui.say(format!("how long the rows are was not measured: {why}")),
    }
    selection.counts.imported_files = library.sources()?.len();
    selection.counts.decided = ways(&library, &selection)?;
    report_selection(ctx, &selection);
    refuse_if_long(&selection)?;
    if undecided != Undecided::LeaveOut {
        report_rules(ctx, &selection.flagged);
        report_taken(ctx, &library, &selection)?;
    }
    let names = names(&selection);
    say_kept_shares(ctx, &earlier);
    let split = split_examples(ctx, &selection.selected, &earlier, &options.pinned)?;
    let to_train = split.placed.iter().filter(|side| **side == Some(Side::Train)).count();
    refuse_few(to_train, options.fewest)?;
    say_new(ctx, &selection.selected, &split, &earlier);
    let rules = Rules { selection: selection_name(undecided).to_owned(), ..rules(ctx, &derivation) };
    let (folder, manifest) = write(ctx, (&library, &earlier), selection, split, rules, options.word)?;
    Ok(Frozen { folder, manifest, names })
}

/// The fewest examples that `affinage run` trains on unasked.
pub const FEWEST_TO_TRAIN: usize = 10;

/// Errors: fewer than `fewest` examples to train on.
pub fn refuse_few(to_train: usize, fewest: usize) -> anyhow::Result<()> {
    if to_train >= fewest {
        return Ok(());
    }
    Err(anyhow!(
        "{} to train on, and with fewer than {fewest} a model learns these by heart and not how they are written",
        counted(to_train, "example is there", "examples are there")
    ))
    .hint("or train on so few all the same: the same command with `--few`")
    .hint(format!(
        "accept more cards (`affinage review`; about {FIRST_MODEL_EXAMPLES} are enough for a first model to talk to), and run \
         this again"
    ))
}

/// How many of the selected were decided on in which way.
fn ways(library: &Library, selection: &Selection) -> anyhow::Result<BTreeMap<Way, usize>> {
    let (alone, at_the_desk) = (library.decided_alone()?, library.changed_at_the_desk()?);
    let mut ways: BTreeMap<Way, usize> = BTreeMap::new();
    for Selected { example, is_undecided, .. } in &selection.selected {
        let id = &example.example_id;
        let way = match () {
            () if *is_undecided => Way::Unread,
            () if alone.contains(id) => Way::Alone,
            () if at_the_desk.contains(id) => Way::Together,
            () => Way::InFile,
        };
        *ways.entry(way).or_default() += 1;
    }
    Ok(ways)
}

/// The library, if anything is in it.
pub fn imported(ctx: &Project) -> anyhow::Result<Library> {
    let library = Library::open(&ctx.project)?;
    if library.sources()?.is_empty() {
        return Err(anyhow!("nothing is imported yet, so there is nothing to freeze"))
            .hint(crate::stages::import::FIRST);
    }
    Ok(library)
}

/// Gives the rows the turns before their prompts that the training of the project's model has room for, and takes out of the
/// selection what is longer without them: returned by id, with its tokens and with what its prompt begins with.
fn fit_context(
    ctx: &Project,
    ruler: &Ruler,
    selection: &mut Selection,
) -> (BTreeMap<String, usize>, BTreeMap<String, String>) {
    let progress = ctx.ui.late_progress("measuring rows", selection.selected.len() as u64, "rows");
    let measure = |selected: &mut Selected| {
        progress.advance(1);
        context::fit(ruler, selected)
    };
    let measured: Vec<_> = selection.selected.iter_mut().map(measure).collect();
    progress.finish("");
    let (mut left_out, mut begin) = (BTreeMap::new(), BTreeMap::new());
    let mut lengths = measured.into_iter();
    let counts = &mut selection.counts;
    selection.selected.retain(|Selected { example, edited, .. }| {
        let too_long = lengths.next().flatten().filter(|length| length.is_too_long);
        if let Some(length) = too_long {
            counts.withdraw(*edited, Omission::TooLong);
            left_out.insert(example.example_id.clone(), length.tokens);
            begin.insert(example.example_id.clone(), begins_with(example.prompt()));
        }
        too_long.is_none()
    });
    (left_out, begin)
}

/// Measures the rows as the version holds them, which is as the training takes them, and says how long they are.
fn measure_rows(
    ctx: &Project,
    ruler: &Ruler,
    selection: &mut Selection,
    left_out: BTreeMap<String, usize>,
    begin: BTreeMap<String, String>,
) {
    let tokens = |one: &Selected| {
        let measure = || ruler.measure(&one.example.example_id, &one.example.messages);
        one.length.or_else(measure).map(|length| length.tokens)
    };
    let measuring = || selection.selected.iter().filter_map(tokens).collect::<Vec<usize>>();
    let measured = ctx.ui.during("measuring rows", measuring);
    let Some(spread) = Spread::of(measured.into_iter().chain(left_out.values().copied()).collect()) else {
        return;
    };
    let (model, limit) = (ruler.model().to_owned(), ruler.limit);
    let Spread { keeps_most, longest } = spread;
    let lengths = Lengths { model, limit, holds_context: true, left_out, begin, keeps_most, longest };
    report_lengths(ctx, ruler, &lengths, spread);
    report_context(ctx, ruler, &selection.selected);
    selection.lengths = Some(lengths);
}

/// What people call the documents and conversations that can be cut: a document by its file, a conversation, of which a file may
/// hold many, by the words that it begins with. One that is no longer than a section is never cut.
fn names(selection: &Selection) -> BTreeMap<String, String> {
    let mut names: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let long: BTreeSet<&String> = selection
        .selected
        .iter()
        .filter(|selected| selected.position >= split::SECTION_LEN)
        .map(|selected| &selected.example.provenance.conversation)
        .collect();
    for selected in &selection.selected {
        let Provenance { origin, conversation, .. } = &selected.example.provenance;
        let (key, name) = match &selected.document {
            Some(document) => (document, origin.member.rsplit('/').next().unwrap_or_default().to_owned()),
            None if !long.contains(conversation) => continue,
            None => (
                conversation,
                format!("the conversation that begins {}", begins_with(selected.example.prompt())),
            ),
        };
        let known = names.get(key).is_some_and(|(position, _)| *position <= selected.position);
        if !known {
            names.insert(key.clone(), (selected.position, name));
        }
    }
    names.into_iter().map(|(key, (_, name))| (key, name)).collect()
}

/// Length is the reason where what is left is too little to split: more of the same rows would not help.
fn refuse_if_long(selection: &Selection) -> anyhow::Result<()> {
    /// The fewest that a split takes.
    const FEWEST: usize = 3;
    let Some(lengths) = &selection.lengths else { return Ok(()) };
    let (left, long) = (selection.selected.len(), lengths.left_out.len());
    if left >= FEWEST || left + long < FEWEST {
        return Ok(());
    }
    let longest = lengths.left_out.values().max().copied().unwrap_or_default();
    Err(anyhow!(
        "{long} of {} rows are longer than the {} tokens that a training of {} takes (the longest has {longest}), and at \
         least {FEWEST} rows are needed",
        left + long,
        lengths.limit,
        lengths.model
    ))
    .hint("raise `train.max-seq-tokens`, as far as the model has positions; else take a model with more of them, or shorten the rows at the desk (`affinage review`)")
}

/// The rules that `[dataset]` states; the way of selection is the caller's.
fn rules(ctx: &Project, derivation: &Derivation) -> Rules {
    let context = &derivation.policy;
    Rules {
        selection: String::new(),
        learn: derivation.learn.as_str().to_owned(),
        validation_share: ctx.config.dataset.validation_share,
        test_share: ctx.config.dataset.test_share,
        seed: ctx.config.dataset.seed,
        context_exchanges: context.max_exchanges,
        context_chars: context.max_chars,
    }
}

/// Examples keep the side that the versions before gave them, so shares that were changed since are not reached at once.
fn say_kept_shares(ctx: &Project, earlier: &[Manifest]) {
    let now = &ctx.config.dataset;
    if let Some(before) = earlier.first()
        && (before.rules.test_share, before.rules.validation_share) != (now.test_share, now.validation_share)
    {
        ctx.ui.say(
            "dataset.test-share or dataset.validation-share was changed: earlier examples keep their side, and the new ones fill \
             the sides up to the new shares",
        );
    }
}

/// What became of the examples that no version before had.
fn say_new(ctx: &Project, selected: &[Selected], split: &Split, earlier: &[Manifest]) {
    let Some(before) = earlier.first() else { return };
    let known = remember(earlier.iter().map(Manifest::as_previous)).sides;
    let mut new = New::default();
    for (one, side) in selected.iter().zip(&split.placed) {
        if !known.contains_key(&one.example.example_id) {
            new.add(*side);
        }
    }
    new_in_words(&new, &before.name).iter().for_each(|line| ctx.ui.say(line));
}

/// The examples as the split looks at them.
fn items(selected: &[Selected]) -> Vec<Item<'_>> {
    selected
        .iter()
        .map(|selected| Item {
            example_id: &selected.example.example_id,
            conversation: &selected.example.provenance.conversation,
            document: selected.source_text(),
            position: selected.position,
            prompt: selected.example.prompt(),
            response: selected.example.response(),
            before: message::before(&selected.example.messages),
        })
        .collect()
}

/// Splits; examples keep the side of `earlier` versions, and those whose prompt is in `pinned` stand where it says, as if
/// an older version had put them there.
fn split_examples(
    ctx: &Project,
    selected: &[Selected],
    earlier: &[Manifest],
    pinned: &BTreeMap<String, Side>,
) -> anyhow::Result<Split> {
    let items = items(selected);
    let settings = &ctx.config.dataset;
    let policy = Policy {
        validation_share: settings.validation_share,
        test_share: settings.test_share,
        seed: settings.seed,
    };
    let mut previous = remember(earlier.iter().map(Manifest::as_previous));
    for item in &items {
        if let Some(side) = pinned.get(item.prompt) {
            previous.sides.entry(item.example_id.to_owned()).or_insert(*side);
        }
    }
    let prompts = evaluation_prompts(ctx)?;
    let splitting = || split::split(&items, &policy, &previous, &prompts);
    ctx.ui.during("splitting without overlap", splitting).map_err(with_split_hint)
}

fn with_split_hint(error: SplitError) -> anyhow::Error {
    let hint = match &error {
        SplitError::TooFew { .. } => "accept more at the desk (`affinage review`), or import more",
        SplitError::OneComponent { is_enough: false, .. } => {
            "search for these texts, in quotes, in the list of the desk (`affinage review`), with \"all\" in place of \
             \"undecided\": it shows exactly their cards, accepted ones too, and \"Reject all\" takes them out in one step. Then \
             freeze again: where more is tied, it is named. Or import conversations on other matters"
        }
        SplitError::OneComponent { is_enough: true, .. } => {
            "without the examples that hold all these texts it can be split: search for each of them, in quotes, in the list of \
             the desk (`affinage review`), with \"all\" in place of \"undecided\": it shows exactly its cards, accepted ones too, \
             and \"Reject all\" takes them out in one step. Or import conversations on other matters"
        }
    };
    Err::<(), _>(error).hint(hint).expect_err("an error stays one")
}

/// Manifests of all versions in the project, newest first.
fn manifests(project: &Path) -> anyhow::Result<Vec<Manifest>> {
    Ok(DatasetVersion::list(project)?.into_iter().rev().map(|version| version.manifest).collect())
}

/// The prompts that the evaluation may ask: training examples must not hold them.
fn evaluation_prompts(ctx: &Project) -> anyhow::Result<Vec<String>> {
    let prompts = suites::all_out_of_domain(ctx)?;
    Ok(prompts.iter().map(|prompt| prompt.question().to_owned()).collect())
}

/// Writes the folder, unless an equal version is there among the `earlier` ones, newest first.
fn write(
    ctx: &Project,
    (library, earlier): (&Library, &[Manifest]),
    selection: Selection,
    split: Split,
    rules: Rules,
    word: Option<&str>,
) -> anyhow::Result<(PathBuf, Manifest)> {
    let tool = format!("affinage {}", env!("CARGO_PKG_VERSION"));
    let Rows { files, independent, writers, written, sources, drafted } = rows(&selection.selected, &split)?;
    let records: BTreeMap<String, FileRecord> = files
        .iter()
        .map(|(name, (examples, text))| {
            let sha256 = format!("{:x}", Sha256::digest(text));
            ((*name).to_owned(), FileRecord { examples: *examples, sha256 })
        })
        .collect();
    let hash = version_hash(&rules, &tool, &records);
    let left_out = library.left_out_of(&sources)?.without_names().rows();
    let datasets = datasets::all(&ctx.project);
    let mut counts = selection.counts.clone();
    counts.drafted = drafted;
    if let Some(same) = earlier.iter().find(|manifest| manifest.hash == hash) {
        ctx.ui.say(format!("nothing changed since {}", same.name));
        library.version_is_current(&hash, &jiff::Timestamp::now().to_string())?;
        // What is left out beside the same rows may be another today.
        let (noted, lengths, certificate) = (noted(&selection), selection.lengths, split.certificate);
        return Ok((
            datasets.join(&same.name),
            Manifest { counts, lengths, noted, certificate, ..same.clone() },
        ));
    }
    let number = earlier.iter().filter_map(|m| version_number(&m.name)).max().unwrap_or(0) + 1;
    let word = word.map(|word| format!("{word}-")).unwrap_or_default();
    let manifest = Manifest {
        v: MANIFEST_VERSION,
        name: format!("v{number}-{word}{}", &hash[..6]),
        hash,
        tool,
        rules,
        counts,
        files: records,
        independent,
        noted: noted(&selection),
        lengths: selection.lengths,
        sources,
        writers,
        written,
        left_out,
        certificate: split.certificate,
        sides: split.sides,
    };
    let lineage: Vec<LineageRow> = selection
        .selected
        .into_iter()
        .zip(&split.placed)
        .filter(|(_, side)| side.is_some())
        .map(|(Selected { example, .. }, _)| LineageRow {
            v: ROW_VERSION,
            example_id: example.example_id,
            provenance: example.provenance,
        })
        .collect();
    let folder = datasets.join(&manifest.name);
    write_folder_atomically(&folder, |folder| {
        for (name, (_, text)) in &files {
            fs_err::write(folder.join(name), text)?;
        }
        jsonl::write_all(&folder.join("lineage.jsonl"), &lineage)?;
        fs_err::write(folder.join(MANIFEST), serde_json::to_string_pretty(&manifest)? + "\n")?;
        Ok(fs_err::write(folder.join("card.md"), card(&manifest))?)
    })?;
    let sources: Vec<String> = manifest.sources.iter().cloned().collect();
    library.add_version(&manifest.hash, &manifest.name, &sources, &jiff::Timestamp::now().to_string())?;
    Ok((folder, manifest))
}

fn noted(selection: &Selection) -> BTreeMap<String, usize> {
    selection.noted.iter().map(|(rule, count)| ((*rule).to_owned(), *count)).collect()
}

/// Number of lines and text of each file.
type Files = BTreeMap<&'static str, (usize, Vec<u8>)>;

/// What a version holds.
struct Rows {
    files: Files,
    /// What the examples of each file count as, see [`independent`].
    independent: BTreeMap<String, usize>,
    /// Training examples by writer, and characters of their answers by person and model family.
    writers: BTreeMap<String, usize>,
    written: Written,
    /// The imported files they come from.
    sources: BTreeSet<String>,
    /// Examples whose prompt nobody wrote.
    drafted: usize,
}

fn rows(selected: &[Selected], split: &Split) -> anyhow::Result<Rows> {
    let mut files: Files = [TRAIN, VALIDATION, TEST].map(|name| (name, (0, Vec::new()))).into();
    let (mut writers, mut written): (BTreeMap<String, usize>, _) = (BTreeMap::new(), Written::new());
    let (mut sources, mut drafted) = (BTreeSet::new(), 0);
    let mut of_file: BTreeMap<&str, Vec<DatasetRow>> = BTreeMap::new();
    for (index, Selected { example, document, alternatives, .. }) in selected.iter().enumerate() {
        let Some(side) = split.placed[index] else { continue };
        let Some(name) = file_name(side) else { continue };
        // Of what is held out for the last word nothing stands in a second file.
        if matches!(side, Side::Train | Side::Validation) {
            alternatives.iter().try_for_each(|lost| add_line(&mut files, ALTERNATIVES_FILE, lost))?;
        }
        let row = DatasetRow {
            v: ROW_VERSION,
            example_id: example.example_id.clone(),
            messages: example.messages.clone(),
            conversation: example.provenance.conversation.clone(),
            document: document.clone(),
            prompt_cluster: split.prompt_clusters[index].clone(),
            writer: example.writer(),
            written: example.provenance.written.clone(),
            tags: example.tags.clone(),
            domain: example.domain.clone(),
        };
        add_line(&mut files, name, &row)?;
        if side == Side::Train {
            *writers.entry(row.writer.clone()).or_default() += 1;
            row.written.iter().for_each(|(who, chars)| *written.entry(who.clone()).or_default() += chars);
        }
        of_file.entry(name).or_default().push(row);
        drafted += usize::from(example.provenance.prompt_drafted);
        sources.insert(example.provenance.source_sha256.clone());
    }
    let independent =
        of_file.into_iter().map(|(name, rows)| (name.to_owned(), independent(name, &rows))).collect();
    Ok(Rows { files, independent, writers, written, sources, drafted })
}

/// What the examples of a file count as. Those to train on are not asked, so only their texts count.
fn independent(name: &str, rows: &[DatasetRow]) -> usize {
    if Some(name) == file_name(Side::Train) {
        return rows.iter().map(DatasetRow::whole_text).collect::<BTreeSet<_>>().len();
    }
    let asked: Vec<_> = rows.iter().map(suites::asked).collect();
    together(&asked).into_iter().collect::<BTreeSet<_>>().len()
}

fn add_line(files: &mut Files, name: &'static str, row: &impl serde::Serialize) -> anyhow::Result<()> {
    let (lines, text) = files.entry(name).or_default();
    *lines += 1;
    serde_json::to_writer(&mut *text, row)?;
    text.push(b'\n');
    Ok(())
}
