//! The first screen after an import: topics, what is set aside, who wrote it.

use affinage_dataset::authorship::PERSON;
use affinage_dataset::candidate::Learn;
use affinage_dataset::conversation::Declared;
use affinage_dataset::topics::SetAside;
use affinage_project::folder::library::{Overview, TopicView};

use crate::ui::{Table, Ui, count, counted};

pub fn say(ui: &Ui, overview: &Overview) {
    let is_notes = overview.sections > 0 && overview.sections == overview.conversations;
    ui.say(format!("library: {}", inventory(overview, is_notes)));
    if overview.accepted > 0 || (overview.candidates > 0 && overview.left_to_decide == 0) {
        let left = match overview.left_to_decide {
            0 => "none left to decide".to_owned(),
            left => format!("{} left to decide", count(left as u64)),
        };
        ui.say(format!("accepted: {}, {left}", count(overview.accepted as u64)));
    }
    if overview.dated > 0 {
        let (are, them) = if overview.dated == 1 { ("is", "it") } else { ("are", "them") };
        ui.say(format!(
            "{} {are} dated (diaries, journals): `--accept-clean` leaves {them} out unless `--dated-notes` is given; at the \
             desk you decide on each",
            counted(overview.dated, "section", "sections")
        ));
    }
    if overview.topics.len() > 1 {
        ui.say(format!("\n{}", table(&overview.topics, is_notes).trim_end()));
    }
    let aside = |is: fn(&SetAside) -> bool| overview.set_aside.iter().filter(|aside| is(&aside.why)).count();
    let reasons = [
        (aside(|why| matches!(why, SetAside::Private { .. })), "with keys, passwords or much personal data"),
        (
            aside(|why| matches!(why, SetAside::Declared { declared: Declared::Private })),
            "whose front matter or tags say that it is private",
        ),
        (
            aside(|why| matches!(why, SetAside::Declared { declared: Declared::Draft })),
            "whose front matter says that it is a draft or not to be published",
        ),
        (
            aside(|why| matches!(why, SetAside::Declared { declared: Declared::By { .. } })),
            "of a saved page or a note that names another author (keep it at the desk if that is you)",
        ),
        (aside(|why| matches!(why, SetAside::Pasted { .. })), "of mostly pasted text"),
    ];
    let unit = if is_notes { ["section", "sections"] } else { ["conversation", "conversations"] };
    if !overview.set_aside.is_empty() {
        ui.say(format!(
            "held back until you decide: {}",
            reasons
                .into_iter()
                .filter(|(number, _)| *number > 0)
                .map(|(number, what)| format!("{} {what}", counted(number, unit[0], unit[1])))
                .collect::<Vec<_>>()
                .join(", ")
        ));
    }
    if overview.shares.len() > 1 {
        let mut shares: Vec<(&String, &f64)> = overview.shares.iter().collect();
        shares.sort_by(|a, b| b.1.total_cmp(a.1).then_with(|| a.0.cmp(b.0)));
        let shown: Vec<String> =
            shares.iter().take(6).map(|(who, share)| format!("{who} {:.0} %", 100.0 * **share)).collect();
        ui.say(format!("written by: {}", shown.join(", ")));
    }
    let learnt = match overview.learn {
        Learn::Assistant => "the assistant's words; for your own: `affinage import --learn mine`",
        Learn::Mine => "your own words",
        Learn::Edited => "only answers you edited",
    };
    if overview.openings > 0 {
        ui.say(format!(
            "left out: {} of yours, before which nobody says anything: they have no prompt",
            counted(overview.openings, "opening", "openings")
        ));
    }
    // Where a person wrote all there is, as in notes, nothing else could be learned.
    if overview.learn != Learn::Assistant || overview.shares.keys().any(|who| who != PERSON) {
        ui.say(format!("the model learns {learnt}"));
    }
}

/// `7 sections of 2 documents`, `3 candidates (each a prompt with its answers, 4 in all) in 2 conversations`, or both.
fn inventory(overview: &Overview, is_notes: bool) -> String {
    let Overview { candidates, answers, conversations, with_candidates, sections, documents, .. } = overview;
    let of_notes = format!(
        "{} of {}",
        counted(*sections, "section", "sections"),
        counted(*documents, "document", "documents")
    );
    if is_notes {
        return of_notes;
    }
    let and = if *sections > 0 { format!(" and {of_notes}") } else { String::new() };
    let all = conversations - sections;
    // Those without a candidate are in no topic.
    let of = match all - with_candidates {
        0 => String::new(),
        _ => format!("{} of ", count(*with_candidates as u64)),
    };
    format!(
        "{} (each a prompt with its answers, {} in all) in {of}{}{and}",
        counted(*candidates, "card", "cards"),
        count(*answers as u64),
        counted(all, "conversation", "conversations")
    )
}

fn table(topics: &[TopicView], is_notes: bool) -> String {
    let (texts, answers) = if is_notes { ("sections", "answers") } else { ("conversations", "cards") };
    let mut table = Table::new(["", "topic", "from", "to", texts, answers, "chosen"]).right(&[0, 4, 5]);
    for TopicView { topic, kept, skipped, private } in topics {
        let chosen: Vec<String> = [(kept, "keep"), (skipped, "skip"), (private, "private")]
            .into_iter()
            .filter(|(number, _)| **number > 0)
            .map(
                |(number, choice)| {
                    if *number == topic.len() { choice.to_owned() } else { format!("{number} {choice}") }
                },
            )
            .collect();
        table.row([
            count(topic.number as u64),
            topic.name.clone(),
            month(topic.first_s),
            month(topic.last_s),
            count(topic.len() as u64),
            count(topic.candidates as u64),
            chosen.join(", "),
        ]);
    }
    table.render()
}

/// `2025-03`, or nothing.
fn month(time_s: Option<f64>) -> String {
    let time = time_s.and_then(|s| jiff::Timestamp::from_second(s as i64).ok());
    time.map_or(String::new(), |time| time.strftime("%Y-%m").to_string())
}
