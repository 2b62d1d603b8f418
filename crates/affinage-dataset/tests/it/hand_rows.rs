//! Precision and recall of lint on the hundred rows written by hand (`testdata/lint`), apart from any generator.

use std::collections::BTreeSet;

use affinage_dataset::conversation::Feedback;
use affinage_dataset::lint::{Severity, Subject, lint};
use affinage_dataset::message::{Message, Role};
use serde::Deserialize;

#[derive(Deserialize)]
struct Row {
    id: String,
    faults: BTreeSet<String>,
    #[serde(default)]
    prompt: String,
    #[serde(default)]
    response: String,
    messages: Option<Vec<(Role, String)>>,
    conversation: Option<String>,
    truncated: Option<String>,
    feedback: Option<Feedback>,
}

fn subject(row: &Row) -> Subject {
    let messages = match &row.messages {
        Some(messages) => messages.iter().map(|(role, text)| Message::new(*role, text.clone())).collect(),
        None => vec![Message::new(Role::User, &row.prompt), Message::new(Role::Assistant, &row.response)],
    };
    let conversation = row.conversation.as_ref().unwrap_or(&row.id);
    Subject {
        truncated: row.truncated.clone(),
        feedback: row.feedback,
        ..Subject::of_messages(&row.id, conversation, &messages)
    }
}

#[test]
fn precision_and_recall_on_rows_written_by_hand() {
    let text = include_str!("../../../../testdata/lint/hand.jsonl");
    let rows: Vec<Row> = text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect();
    assert_eq!(rows.iter().filter(|row| row.faults.is_empty()).count(), 50);
    assert_eq!(rows.len(), 100);
    let subjects: Vec<Subject> = rows.iter().map(subject).collect();
    let findings = lint(&subjects);
    let (mut right, mut wrong, mut missed) = (Vec::new(), Vec::new(), Vec::new());
    for row in &rows {
        let found: BTreeSet<(&str, Severity)> =
            findings.iter().filter(|f| f.id == row.id).map(|f| (f.rule, f.severity)).collect();
        for (rule, severity) in &found {
            let list = if row.faults.contains(*rule) { &mut right } else { &mut wrong };
            list.push((row.id.as_str(), (*rule).to_owned(), *severity));
        }
        let rules: BTreeSet<&str> = found.iter().map(|(rule, _)| *rule).collect();
        missed
            .extend(row.faults.iter().filter(|r| !rules.contains(r.as_str())).map(|r| (row.id.as_str(), r)));
    }
    let planted = rows.iter().map(|row| row.faults.len()).sum::<usize>();
    println!("right {}, planted {planted}; wrong {wrong:?}; missed {missed:?}", right.len());
    let serious = |list: &[(&str, String, Severity)]| {
        list.iter()
            .filter(|(id, _, severity)| id.starts_with("clean") && *severity == Severity::Error)
            .count()
    };
    assert_eq!(serious(&wrong), 0, "no error on a clean row: {wrong:?}");
}
