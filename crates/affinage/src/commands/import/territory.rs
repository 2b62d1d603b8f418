//! The first screen after an import: shelves, what is set aside, who wrote it.

use affinage_dataset::authorship::PERSON;
use affinage_dataset::candidate::Learn;
use affinage_dataset::conversation::Declared;
use affinage_dataset::territory::SetAside;
use affinage_project::folder::library::{ShelfView, Territory};

use crate::context::Context;
use crate::ui::{Table, count, counted};

pub fn say(ctx: &Context, territory: &Territory) {
    let is_notes = territory.sections > 0 && territory.sections == territory.conversations;
    ctx.ui.say(format!("library: {}", inventory(territory, is_notes)));
    if territory.accepted > 0 || (territory.candidates > 0 && territory.left_to_decide == 0) {
        let left = match territory.left_to_decide {
            0 => "none left to decide".to_owned(),
            left => format!("{} left to decide", count(left as u64)),
        };
        ctx.ui.say(format!("accepted: {}, {left}", count(territory.accepted as u64)));
    }
    if territory.shelves.len() > 1 {
        ctx.ui.say(format!("\n{}", table(&territory.shelves, is_notes).trim_end()));
    }
    let aside = |is: fn(&SetAside) -> bool| territory.set_aside.iter().filter(|aside| is(&aside.why)).count();
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
    if !territory.set_aside.is_empty() {
        ctx.ui.say(format!(
            "held back until you decide: {}",
            reasons
                .into_iter()
                .filter(|(number, _)| *number > 0)
                .map(|(number, what)| format!("{} {what}", counted(number, unit[0], unit[1])))
                .collect::<Vec<_>>()
                .join(", ")
        ));
    }
    if territory.shares.len() > 1 {
        let mut shares: Vec<(&String, &f64)> = territory.shares.iter().collect();
        shares.sort_by(|a, b| b.1.total_cmp(a.1).then_with(|| a.0.cmp(b.0)));
        let shown: Vec<String> =
            shares.iter().take(6).map(|(who, share)| format!("{who} {:.0} %", 100.0 * **share)).collect();
        ctx.ui.say(format!("written by: {}", shown.join(", ")));
    }
    let learnt = match territory.learn {
        Learn::Assistant => "the assistant's words; for your own: `affinage import --learn mine`",
        Learn::Mine => "your own words",
        Learn::Edited => "only answers you edited",
    };
    if territory.openings > 0 {
        ctx.ui.say(format!(
            "left out: {} of yours, before which nobody says anything: they have no prompt",
            counted(territory.openings, "opening", "openings")
        ));
    }
    // Where a person wrote all there is, as in notes, nothing else could be learned.
    if territory.learn != Learn::Assistant || territory.shares.keys().any(|who| who != PERSON) {
        ctx.ui.say(format!("the model learns {learnt}"));
    }
}

/// `7 sections of 2 documents`, `3 candidates (each a prompt with its answers, 4 in all) in 2 conversations`, or both.
fn inventory(territory: &Territory, is_notes: bool) -> String {
    let Territory { candidates, answers, conversations, sections, documents, .. } = territory;
    let of_notes = format!(
        "{} of {}",
        counted(*sections, "section", "sections"),
        counted(*documents, "document", "documents")
    );
    if is_notes {
        return of_notes;
    }
    let and = if *sections > 0 { format!(" and {of_notes}") } else { String::new() };
    format!(
        "{} (each a prompt with its answers, {} in all) in {}{and}",
        counted(*candidates, "card", "cards"),
        count(*answers as u64),
        counted(conversations - sections, "conversation", "conversations")
    )
}

fn table(shelves: &[ShelfView], is_notes: bool) -> String {
    let (texts, answers) = if is_notes { ("sections", "answers") } else { ("conversations", "cards") };
    let mut table = Table::new(["topic", "from", "to", texts, answers, "chosen"]).right(&[3, 4]);
    for ShelfView { shelf, kept, skipped, private } in shelves {
        let chosen: Vec<String> = [(kept, "keep"), (skipped, "skip"), (private, "private")]
            .into_iter()
            .filter(|(number, _)| **number > 0)
            .map(|(number, choice)| {
                if *number == shelf.conversations.len() {
                    choice.to_owned()
                } else {
                    format!("{number} {choice}")
                }
            })
            .collect();
        table.row([
            shelf.name.clone(),
            month(shelf.first_s),
            month(shelf.last_s),
            count(shelf.conversations.len() as u64),
            count(shelf.candidates as u64),
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
