//! Which candidates become examples: decisions first, then, if asked for, what lint finds nothing against.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use affinage_dataset::authorship::{self, By};
use affinage_dataset::candidate::{Candidate, Learn, Variant};
use affinage_dataset::conversation::{Conversation, Feedback, Origin};
use affinage_dataset::counts::{Counts, Fate, Omission};
use affinage_dataset::example::{AlternativeRow, Evidence, Example, Provenance, ROW_VERSION};
use affinage_dataset::import::is_dated;
use affinage_dataset::lint::{Severity, Subject, lint, lint_across, lint_known};
use affinage_dataset::message::{Message, Role};
use affinage_dataset::shingle::normalise;
use affinage_dataset::version::Lengths;
use affinage_eval::plain::first_words;

use super::context::{self, Exchange};
use crate::folder::library::{Access, Action, Decision, Derivation, Library};
use crate::stages::lengths::Length;

/// The rule of lines that recur in many texts.
const RECURRING: &str = "L11";

/// What may become an example without a person's decision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Undecided {
    #[default]
    LeaveOut,
    /// `--accept-clean`: the answer on the branch the user ended on, if lint has no error or warning about it.
    AcceptClean {
        /// Also sections of daily notes and journals ([`is_dated`]).
        dated: bool,
    },
}

/// What tells whether a candidate that nobody decided on is clean: what `--accept-clean` takes, and the desk's button for clean
/// cards.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unread {
    /// A section of a daily note or a journal ([`is_dated`]): a person's diary is not taken unasked, however clean it is.
    pub is_dated: bool,
    /// None of its answers lies on a branch that the conversation shows.
    pub is_off_branch: bool,
    /// Lint has an error or a warning about it.
    pub is_flagged: bool,
}

impl Unread {
    /// Why it is not taken; `None` for a clean one. `dated`: diaries are asked for.
    pub fn omission(self, dated: bool) -> Option<Omission> {
        match self {
            Unread { is_dated: true, .. } if !dated => Some(Omission::Dated),
            Unread { is_off_branch: true, .. } => Some(Omission::OffBranch),
            Unread { is_flagged: true, .. } => Some(Omission::Flagged),
            _ => None,
        }
    }
}

/// An example and where its candidate stands in the conversation.
#[derive(Debug)]
pub struct Selected {
    pub example: Example,
    /// What was said before the turns that the example has so far; none where a person chose those turns.
    pub earlier: Vec<Exchange>,
    /// A person chose the turns before the prompt.
    pub is_context_chosen: bool,
    /// Messages of `earlier` that the example has.
    pub extended: usize,
    /// How long the row is as it stands, once it was measured.
    pub length: Option<Length>,
    /// See [`Conversation::document`](affinage_dataset::conversation::Conversation::document).
    pub document: Option<String>,
    pub position: usize,
    /// A person edited it at the desk.
    pub edited: bool,
    /// Nobody decided on it.
    pub is_undecided: bool,
    /// What lint notes of it that is no fault, where nobody decided on it.
    pub noted: Vec<&'static str>,
    /// The name of its file, with the folders in what was imported.
    pub member: String,
    /// Other answers to the prompt that lost to this one, without errors of lint.
    pub alternatives: Vec<AlternativeRow>,
}

impl Selected {
    /// The document or conversation that it is of.
    pub fn source_text(&self) -> &str {
        self.document.as_ref().unwrap_or(&self.example.provenance.conversation)
    }
}

#[derive(Debug, Default)]
pub struct Selection {
    pub selected: Vec<Selected>,
    pub counts: Counts,
    /// Undecided candidates that were not clean, by rule.
    pub flagged: BTreeMap<&'static str, usize>,
    /// Accepted examples with an error, which are left out: by id, what they begin with and the rules.
    pub blocked: BTreeMap<String, (String, BTreeSet<&'static str>)>,
    /// Known once the rows were measured.
    pub lengths: Option<Lengths>,
}

/// A candidate, as a decision changed it, with the text that is to be its answer.
struct Chosen {
    candidate: Candidate,
    variant: Option<Variant>,
    text: String,
    /// The words that `text` was made from.
    original: Option<String>,
    tags: Vec<String>,
    domain: Option<String>,
    source: String,
    origin: Origin,
    document: Option<String>,
    action: Option<Action>,
    earlier: Vec<Exchange>,
    is_context_chosen: bool,
}

/// Goes through the whole library.
///
/// `earlier_chars` bounds how far back [`Selected::earlier`] goes.
pub fn select(
    library: &Library,
    derivation: &Derivation,
    undecided: Undecided,
    earlier_chars: usize,
) -> anyhow::Result<Selection> {
    let decisions = library.decisions()?;
    let standings = library.standings()?;
    let mut selection = Selection::default();
    let mut choices: Vec<Chosen> = Vec::new();
    // What is left out of this version, and is compared with the others at the desk and by lint all the same.
    let mut others: Vec<Subject> = Vec::new();
    let private = library.for_each_conversation(|source, conversation| {
        let access = standings.access(&conversation);
        let candidates = derivation.candidates(&conversation);
        let mut earlier = context::earlier(&candidates, earlier_chars).into_iter();
        for candidate in candidates {
            let earlier = earlier.next().unwrap_or_default();
            let decision = decisions.get(&candidate.candidate_id);
            let compared = candidate.proposed();
            let compared = compared.map(|variant| Subject::of_variant(&candidate, variant));
            let found = withheld(&candidate, decision, access, derivation.learn)
                .or_else(|| match (decision, undecided) {
                    (None, Undecided::AcceptClean { dated }) => Unread {
                        is_dated: is_dated(&conversation),
                        is_off_branch: is_off_branch(&candidate),
                        is_flagged: false,
                    }
                    .omission(dated),
                    _ => None,
                })
                .map_or(Ok(candidate), Err)
                .and_then(|candidate| choice(candidate, decision, source, &conversation));
            match found {
                Ok(choice) if choice.is_context_chosen => choices.push(choice),
                Ok(choice) => choices.push(Chosen { earlier, ..choice }),
                Err(why) => {
                    others.extend(compared.filter(|_| matches!(why, Omission::Dated | Omission::OffBranch)));
                    selection.counts.add(Fate::LeftOut(why));
                }
            }
        }
        Ok(())
    })?;
    (0..private).for_each(|_| selection.counts.add(Fate::LeftOut(Omission::Private)));
    // The order of imports must not decide which of two equal examples stays, nor the hash of the version.
    choices.sort_by(|a, b| {
        let (a, b) = (&a.candidate, &b.candidate);
        a.conversation.cmp(&b.conversation).then(a.position.cmp(&b.position))
    });
    let known = library.known()?;
    let faulty = context::faulty(choices.iter().flat_map(|choice| &choice.earlier), &known);
    choices.iter_mut().for_each(|choice| context::end_at(&faulty, &mut choice.earlier));
    let subjects: Vec<Subject> = choices.iter().map(subject).collect();
    let mut found: HashMap<String, BTreeMap<&'static str, Severity>> = HashMap::new();
    // Whether a line recurs does not depend on what else this version takes; which of near-duplicates stays does.
    let compared = match others.is_empty() {
        true => Vec::new(),
        false => lint_across(&subjects.iter().cloned().chain(others).collect::<Vec<Subject>>(), &known),
    };
    let recurring = compared.into_iter().filter(|finding| finding.rule == RECURRING);
    for finding in lint_known(&subjects, &known).into_iter().chain(recurring) {
        let severity = found.entry(finding.id).or_default().entry(finding.rule).or_insert(finding.severity);
        *severity = finding.severity.min(*severity);
    }
    let mut seen: HashSet<String> = HashSet::new();
    for (choice, subject) in choices.into_iter().zip(&subjects) {
        let flags = found.remove(&subject.id).unwrap_or_default();
        let fate = match selection.faults(&choice, &flags, undecided) {
            Some(why) => Fate::LeftOut(why),
            None => {
                let mut selected = selected(choice);
                if selected.is_undecided {
                    selected.noted = flags.into_keys().collect();
                }
                selected.alternatives.retain(|lost| is_free_of_errors(&selected.example, lost));
                let words: Vec<String> =
                    selected.example.messages.iter().map(|m| normalise(&m.content)).collect();
                match seen.insert(words.join("\n")) {
                    true => {
                        let edited = selected.edited;
                        selection.selected.push(selected);
                        Fate::Accepted { edited }
                    }
                    false => Fate::LeftOut(Omission::ExactDuplicates),
                }
            }
        };
        selection.counts.add(fate);
    }
    Ok(selection)
}

/// What became of all candidates of the library if `--accept-clean` took what it takes now, with how many it takes undecided;
/// rows that are too long for the training are not measured.
pub fn taken_unread(library: &Library) -> anyhow::Result<(usize, Counts)> {
    let derivation = library.derivation()?;
    let Selection { selected, counts, .. } =
        select(library, &derivation, Undecided::AcceptClean { dated: false }, 0)?;
    Ok((selected.iter().filter(|one| one.is_undecided).count(), counts))
}

impl Selection {
    /// Examples that are taken undecided although lint notes something, by rule.
    pub fn noted(&self) -> BTreeMap<&'static str, usize> {
        let mut noted = BTreeMap::new();
        let rules = self.selected.iter().flat_map(|selected| &selected.noted);
        rules.for_each(|rule| *noted.entry(*rule).or_default() += 1);
        noted
    }

    /// Why lint keeps a choice out, if it does; notes the rules.
    fn faults(
        &mut self,
        choice: &Chosen,
        flags: &BTreeMap<&'static str, Severity>,
        undecided: Undecided,
    ) -> Option<Omission> {
        if choice.action.is_none() {
            let faults: Vec<_> =
                flags.iter().filter(|(_, severity)| **severity != Severity::Information).collect();
            let unread = Unread { is_flagged: !faults.is_empty(), ..Unread::default() };
            let why = match undecided {
                Undecided::LeaveOut => Some(Omission::Undecided),
                Undecided::AcceptClean { dated } => unread.omission(dated),
            };
            if why.is_some() {
                faults.into_iter().for_each(|(rule, _)| *self.flagged.entry(*rule).or_default() += 1);
                return why;
            }
            return None;
        }
        let is_error = |severity: &Severity| *severity == Severity::Error;
        let errors: BTreeSet<&'static str> =
            flags.iter().filter(|(_, severity)| is_error(severity)).map(|(rule, _)| *rule).collect();
        if errors.is_empty() {
            return None;
        }
        let candidate = &choice.candidate;
        self.blocked.insert(candidate.candidate_id.clone(), (begins_with(&candidate.prompt), errors));
        Some(Omission::Blocked)
    }
}

/// A prompt by its first words: what people know an example by.
pub fn begins_with(prompt: &str) -> String {
    /// Characters that tell one from another.
    const CHARS: usize = 60;
    format!("“{}”", first_words(prompt, CHARS))
}

/// Why a candidate is left out whatever its words are.
fn withheld(
    candidate: &Candidate,
    decision: Option<&Decision>,
    access: Access,
    learn: Learn,
) -> Option<Omission> {
    match (decision.map(|decision| decision.action), access) {
        (Some(Action::Reject), _) => Some(Omission::Rejected),
        (_, Access::Never) => Some(Omission::Private),
        (None, Access::ByHand) => Some(Omission::SetAside),
        (None, Access::Open) if learn == Learn::Edited => {
            let is_edited = candidate.variants.iter().any(|variant| variant.edited);
            Some(if is_edited { Omission::Undecided } else { Omission::NotEdited })
        }
        (Some(_), _) if learn == Learn::Edited && !is_edited(candidate, decision) => {
            Some(Omission::NotEdited)
        }
        _ => None,
    }
}

/// True if no answer of a candidate lies on a branch that its conversation shows.
pub fn is_off_branch(candidate: &Candidate) -> bool {
    !candidate.variants.iter().any(|variant| variant.active)
}

/// True if the accepted answer was edited at the desk or where it was written.
fn is_edited(candidate: &Candidate, decision: Option<&Decision>) -> bool {
    let Some(decision) = decision else { return false };
    let is_chosen = |variant: &&Variant| decision.variant.as_ref() == Some(&variant.variant_id);
    decision.action == Action::Edit || candidate.variants.iter().find(is_chosen).is_some_and(|v| v.edited)
}

/// The answer a decision names; without one, the answer on the branch that is shown, and nothing off it.
fn choice(
    mut candidate: Candidate,
    decision: Option<&Decision>,
    source: &str,
    conversation: &Conversation,
) -> Result<Chosen, Omission> {
    let by_id =
        |id: &Option<String>| candidate.variants.iter().find(|v| Some(&v.variant_id) == id.as_ref()).cloned();
    let variant = match decision {
        Some(decision) => by_id(&decision.variant),
        None => candidate.variants.iter().find(|v| v.active).cloned(),
    };
    let found = variant.as_ref().map(|v| v.text.clone());
    let original = decision.and_then(|d| d.original.clone()).or_else(|| found.clone());
    let text = decision.and_then(|d| d.text.clone()).or(found).ok_or(match decision {
        Some(_) => Omission::AnswerGone,
        None => Omission::Undecided,
    })?;
    let action = decision.map(|d| d.action);
    if let Some(prompt) = decision.and_then(|d| d.prompt.clone()) {
        candidate.prompt = prompt;
        candidate.prompt_drafted = false;
    }
    let chosen_context = decision.and_then(|d| d.context.clone());
    let is_context_chosen = chosen_context.is_some();
    if let Some(context) = chosen_context {
        candidate.context = context;
    }
    let tags = decision.map(|d| d.tags.clone()).unwrap_or_default();
    let domain = decision.and_then(|d| d.domain.clone());
    let (source, origin) = (source.to_owned(), conversation.origin.clone());
    let document = conversation.document(&source);
    let earlier = Vec::new();
    Ok(Chosen {
        candidate,
        variant,
        text,
        original,
        tags,
        domain,
        source,
        origin,
        document,
        action,
        earlier,
        is_context_chosen,
    })
}

fn subject(choice: &Chosen) -> Subject {
    let candidate = &choice.candidate;
    // Who edits an answer makes it whole.
    let as_imported = choice.variant.as_ref().filter(|_| choice.action != Some(Action::Edit));
    Subject {
        id: candidate.candidate_id.clone(),
        conversation: candidate.conversation.clone(),
        system: candidate.system.clone(),
        context: candidate.context.clone(),
        prompt: candidate.prompt.clone(),
        response: choice.text.clone(),
        truncated: as_imported.and_then(|v| v.truncated.clone()),
        missing: as_imported.and_then(|v| v.missing.clone()),
        beside: as_imported.map(|v| v.beside.clone()).unwrap_or_default(),
        feedback: choice.variant.as_ref().and_then(|v| v.feedback),
        prompt_media_count: candidate.prompt_media_count,
        prompt_attachment_count: candidate.prompt_attachment_count,
        prompt_drafted: candidate.prompt_drafted,
        role_fault: None,
    }
}

/// Errors in an answer that lost would teach what an error looks like, and a secret in it would leave the house.
fn is_free_of_errors(example: &Example, lost: &AlternativeRow) -> bool {
    let mut messages = example.messages.clone();
    if let Some(answer) = messages.last_mut() {
        answer.content.clone_from(&lost.text);
    }
    let subject = Subject::of_messages(&example.example_id, &example.provenance.conversation, &messages);
    lint(&[subject]).iter().all(|finding| finding.severity != Severity::Error)
}

/// Answers that lost to the chosen one, where there is evidence for it.
fn alternatives(choice: &Chosen) -> Vec<AlternativeRow> {
    let chosen = choice.variant.as_ref();
    let chosen_words = normalise(&choice.text);
    let lost = |other: &Variant| {
        let began_with = chosen.is_some_and(|v| v.variant_id == other.variant_id);
        let same = normalise(&other.text) == chosen_words;
        let cut_off = other.truncated.is_some();
        let evidence = (!same && !cut_off).then(|| evidence(choice, other, began_with)).flatten()?;
        Some(AlternativeRow {
            v: ROW_VERSION,
            example_id: choice.candidate.candidate_id.clone(),
            text: other.text.clone(),
            evidence,
            model: other.model.clone(),
        })
    };
    choice.candidate.variants.iter().filter_map(lost).collect()
}

/// Why `other` is the worse answer; `None` if nothing says so, or the user's own ratings say the opposite.
fn evidence(choice: &Chosen, other: &Variant, began_with: bool) -> Option<Evidence> {
    if choice.action == Some(Action::Edit) {
        return Some(if began_with { Evidence::Edited } else { Evidence::Chosen });
    }
    let chosen = choice.variant.as_ref()?;
    let rating = |variant: &Variant| match variant.feedback {
        Some(Feedback::Up) => 1,
        None => 0,
        Some(Feedback::Down) => -1,
    };
    if choice.action.is_some() && !chosen.active && other.active {
        return Some(Evidence::Chosen);
    }
    match rating(chosen) - rating(other) {
        1.. => Some(Evidence::Rated),
        0 if chosen.active && !other.active => Some(Evidence::Kept),
        _ => None,
    }
}

fn selected(choice: Chosen) -> Selected {
    let alternatives = alternatives(&choice);
    let Chosen {
        candidate,
        variant,
        text,
        original,
        tags,
        domain,
        source,
        origin,
        document,
        action,
        earlier,
        is_context_chosen,
    } = choice;
    let mut messages: Vec<Message> =
        candidate.system.map(|text| Message::new(Role::System, text)).into_iter().collect();
    messages.extend(candidate.context);
    messages.push(Message::new(Role::User, candidate.prompt));
    messages.push(Message::new(Role::Assistant, text.clone()));
    // Changed turns before it make no answer an edited one.
    let edited = action == Some(Action::Edit) && original.as_ref() != Some(&text);
    let speaker = variant.as_ref().and_then(|v| v.author.clone());
    let (provider, _) = candidate.conversation.split_once(':').unwrap_or((&candidate.conversation, ""));
    let by = match &variant {
        Some(variant) => variant.by(),
        // Words that no import brought were typed.
        None if original.is_none() => By::Person,
        None => By::Unknown,
    };
    let written = authorship::written(&text, original.as_deref(), by);
    let model = variant.as_ref().and_then(|v| v.model.clone());
    let provenance = Provenance {
        source_sha256: source,
        origin,
        provider: provider.to_owned(),
        written,
        model,
        author: if edited { Some(speaker.unwrap_or_else(|| "author".to_owned())) } else { speaker },
        node_ids: candidate
            .prompt_node_ids
            .into_iter()
            .chain(variant.into_iter().flat_map(|v| v.node_ids))
            .collect(),
        prompt_drafted: candidate.prompt_drafted,
        conversation: candidate.conversation,
    };
    let member = provenance.origin.member.clone();
    let example = Example { example_id: candidate.candidate_id, messages, provenance, tags, domain };
    Selected {
        example,
        noted: Vec::new(),
        document,
        position: candidate.position,
        edited: action == Some(Action::Edit),
        is_undecided: action.is_none(),
        member,
        alternatives,
        earlier,
        is_context_chosen,
        extended: 0,
        length: None,
    }
}
