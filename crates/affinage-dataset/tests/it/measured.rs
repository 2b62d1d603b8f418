//! What import and lint do to the generator's conversations: every turn in every format, precision and recall per rule.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use affinage_dataset::lint::rules::RULES;
use affinage_dataset::lint::{Known, Severity, Subject, lint, lint_known};
use affinage_dataset::message::{Message, Role};
use affinage_dataset::shingle::normalise;

use crate::exports::{HIDDEN, Outcome, import_bytes};
use crate::generator::corpus::{Chat, chats};
use crate::generator::defects::{Planted, planted};
use crate::generator::formats::{FORMATS, Format};
use crate::seeded::Seeded;

const CLEAN: usize = 400;
const PER_RULE: usize = 60;

fn imported(format: &Format, chats: &[Chat]) -> Outcome {
    let outcome =
        import_bytes(&(format.render)(chats), &format.roles()).expect("the generator's exports are readable");
    assert!(outcome.rejects.is_empty(), "{}: {:?}", format.name, outcome.rejects);
    assert_eq!(outcome.found.formats, BTreeMap::from([(format.provider, chats.len())]), "{}", format.name);
    outcome
}

#[test]
fn every_format_gives_back_every_visible_turn_and_branch_and_nothing_else() {
    let chats = chats(&mut Seeded::new(1), CLEAN);
    for format in FORMATS {
        let outcome = imported(format, &chats);
        let candidates = outcome.candidates();
        let shown = |text: &str| if format.is_converted { normalise(text) } else { text.to_owned() };
        // Order of branches is the format's own: what counts is which answers belong to which prompt.
        let mut found: Vec<(String, Vec<String>)> = candidates
            .iter()
            .map(|c| (shown(&c.prompt), c.variants.iter().map(|v| shown(&v.text)).collect()))
            .collect();
        let mut expected: Vec<(String, Vec<String>)> = chats
            .iter()
            .flat_map(|chat| format.expected(chat))
            .map(|(prompt, answers)| (shown(&prompt), answers.iter().map(|a| shown(a)).collect()))
            .collect();
        let branches: usize = expected.iter().map(|(_, answers)| answers.len()).sum();
        found.sort();
        expected.sort();
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{}", format.name);
        }
        assert_eq!(found.len(), expected.len(), "{}", format.name);
        assert!(
            !format!("{candidates:?}").contains(HIDDEN),
            "{}: reasoning, tools and hidden text are no text",
            format.name
        );
        println!(
            "{:20} {} prompts, {branches} answers: all there, nothing else",
            format.name,
            expected.len()
        );
    }
}

/// Found and missed per rule.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    planted: usize,
    found: usize,
    /// Defects that the import took out of the text, so that nothing is left to be found.
    lifted: usize,
    wrong: usize,
}

impl Tally {
    fn precision(&self) -> f64 {
        self.found as f64 / (self.found + self.wrong).max(1) as f64
    }

    fn recall(&self) -> f64 {
        (self.found + self.lifted) as f64 / self.planted.max(1) as f64
    }
}

fn severity(rule: &str) -> Severity {
    RULES.iter().find(|known| known.id == rule).map(|known| known.severity).expect("a rule of the table")
}

#[test]
fn precision_and_recall_per_rule() {
    let mut seeded = Seeded::new(2);
    let clean = chats(&mut seeded, CLEAN);
    let mut planted = planted(&mut seeded, PER_RULE);
    near_copies(&mut planted, &clean);
    let all: Vec<Chat> = clean.iter().cloned().chain(planted.iter().map(|p| p.chat.clone())).collect();
    let truth: HashMap<&str, &Planted> = planted.iter().map(|p| (p.chat.id.as_str(), p)).collect();
    let format = FORMATS.iter().find(|format| format.name == "ChatGPT, sharded zip").expect("the format");
    let candidates = imported(format, &all).candidates();
    let subjects: Vec<Subject> =
        candidates.iter().flat_map(|c| c.variants.iter().map(move |v| Subject::of_variant(c, v))).collect();
    let chat_of: HashMap<&str, &str> = subjects
        .iter()
        .map(|s| (s.id.as_str(), s.conversation.strip_prefix("chatgpt:").expect("the provider")))
        .collect();
    let answers: BTreeSet<(&str, &str)> =
        subjects.iter().map(|s| (chat_of[s.id.as_str()], s.response.trim())).collect();
    let mut said: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut examples: BTreeMap<&str, String> = BTreeMap::new();
    let findings = lint_known(&subjects, &Known { names: vec!["Marga Testrup".to_owned()] });
    for finding in &findings {
        let chat = chat_of[finding.id.as_str()];
        said.insert((finding.rule, chat));
        if truth.get(chat).is_none_or(|p| p.rule != finding.rule && !p.also.contains(&finding.rule)) {
            examples.entry(finding.rule).or_insert_with(|| format!("{chat}: {}", finding.message));
        }
    }
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::from([("L04", role_tally(&mut seeded))]);
    for planted in &planted {
        let tally = tallies.entry(planted.rule).or_default();
        tally.planted += 1;
        let text = planted.chat.turns[0].answers[0].text.trim();
        let is_lifted = !answers.contains(&(planted.chat.id.as_str(), text));
        match said.contains(&(planted.rule, &planted.chat.id)) {
            true => tally.found += 1,
            false if is_lifted => tally.lifted += 1,
            false => println!(
                "missed {}: {:?} | {:?}",
                planted.rule,
                ends(&planted.chat.turns[0].prompt),
                ends(&planted.chat.turns[0].answers[0].text)
            ),
        }
    }
    for (rule, chat) in &said {
        let wrong = truth.get(chat).is_none_or(|p| p.rule != *rule && !p.also.contains(rule));
        if wrong {
            tallies.entry(rule).or_default().wrong += 1;
            println!("wrong {rule} on {chat}");
        }
    }
    println!("rule  planted  found  lifted  wrong  precision  recall");
    for (rule, tally) in &tallies {
        let letter = severity(rule).letter();
        println!(
            "{rule} {letter} {:8} {:6} {:7} {:6} {:10.3} {:7.3}  {}",
            tally.planted,
            tally.found,
            tally.lifted,
            tally.wrong,
            tally.precision(),
            tally.recall(),
            examples.get(rule).map_or("", String::as_str)
        );
    }
    for (rule, tally) in tallies.iter().filter(|(rule, _)| severity(rule) == Severity::Error) {
        assert!(tally.precision() >= 0.95 && tally.recall() >= 0.95, "{rule}: {tally:?}");
    }
    let errors_on_clean =
        said.iter().filter(|(rule, chat)| !truth.contains_key(chat) && severity(rule) == Severity::Error);
    assert_eq!(errors_on_clean.collect::<Vec<_>>(), Vec::<&(&str, &str)>::new(), "no error on a clean text");
}

/// Makes answers of the chats planted for L41 copies of clean ones, with a word changed.
fn near_copies(planted: &mut [Planted], clean: &[Chat]) {
    let copies = planted.iter_mut().filter(|p| p.rule == "L41");
    for (copy, original) in copies.zip(clean) {
        let text = &original.turns[0].answers[0].text;
        // A little shorter than the original, which is the one to keep.
        let last = text.rfind(' ').map_or(text.len(), |at| at);
        copy.chat.turns[0].answers[0].text = format!("{}.", &text[..last].trim_end_matches(['.', ',']));
    }
}

/// Rows whose roles are out of order; a conversation of an export cannot have this fault (L04).
fn role_faults(seeded: &mut Seeded) -> Vec<Subject> {
    use Role::{Assistant, User};
    let orders: [&[Role]; 6] = [
        &[Assistant, User, Assistant],
        &[User, User, Assistant],
        &[User],
        &[User, Assistant, Assistant],
        &[],
        &[User, Assistant, User],
    ];
    (0..PER_RULE)
        .map(|number| {
            let messages: Vec<Message> = seeded
                .one_of(&orders)
                .iter()
                .map(|role| Message::new(*role, format!("Words {number}.")))
                .collect();
            Subject::of_messages(&format!("L04-{number}"), "rows", &messages)
        })
        .collect()
}

fn role_tally(seeded: &mut Seeded) -> Tally {
    let rows = role_faults(seeded);
    let found: BTreeSet<String> = lint(&rows).into_iter().filter(|f| f.rule == "L04").map(|f| f.id).collect();
    Tally { planted: rows.len(), found: found.len(), lifted: 0, wrong: 0 }
}

fn ends(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    match chars.len() {
        0..=120 => text.to_owned(),
        len => format!(
            "{} … {}",
            chars[..60].iter().collect::<String>(),
            chars[len - 60..].iter().collect::<String>()
        ),
    }
}
