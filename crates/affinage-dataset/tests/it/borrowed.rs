//! Notes that are no prose: quotations, lists of links, contents, indexes, books and a page's other pages are found, and
//! ordinary notes are not.

use affinage_dataset::lint::{Severity, Subject, lint};
use affinage_dataset::message::{Message, Role};

const RULES: [&str; 3] = ["L43", "L44", "L45"];

/// The rules of this file that a note has findings of, with the first detail.
fn found(prompt: &str, note: &str) -> Vec<(&'static str, String)> {
    let messages = [Message::new(Role::User, prompt), Message::new(Role::Assistant, note)];
    let drafted = Subject { prompt_drafted: true, ..Subject::of_messages("x", "note:weir-1", &messages) };
    let of_these = |finding: &affinage_dataset::lint::Finding| RULES.contains(&finding.rule);
    let findings = lint(&[drafted]).into_iter().filter(of_these);
    findings.inspect(|f| assert_eq!(f.severity, Severity::Warning)).map(|f| (f.rule, f.message)).collect()
}

/// Pages that are no prose, with the rule that says so and a word of its detail.
const PAGES: &[(&str, &str, &str, &str)] = &[
    (
        "Write about weirs.",
        "> The river does not ask the weir. It leans on it, day and night, and calls that patience.\n\n— Ida Feld, Letters from the Mill",
        "L43",
        "quotations",
    ),
    (
        "Write about patience.",
        "“Nobody has ever mended a wall by looking at it, and yet looking is where the mending begins.” — Otto Mill\n\nSo true.",
        "L43",
        "quotations",
    ),
    (
        "Schreib über Geduld.",
        "„Wer ein Wehr baut, baut für den Fluss, und der Fluss weiß nichts davon und will es nicht.“\n\n(Feld 1998, S. 12)",
        "L43",
        "quotations",
    ),
    (
        "Écris sur la patience.",
        "« On ne répare pas un mur en le regardant, et pourtant regarder en est bien le commencement. » — Inès Aubry",
        "L43",
        "quotations",
    ),
    (
        "Write about quotes.",
        "Two that I like:\n\n> One mends a wall from below, stone by stone, and never in a hurry.\n\n> A weir is a promise made to those who live down the river.",
        "L43",
        "quotations",
    ),
    (
        "Write about links.",
        "https://a.test/weirs good pictures\nhttps://a.test/mills\nhttps://a.test/locks – the long one\nTo be read in winter",
        "L44",
        "links",
    ),
    (
        "Write about sources.",
        "- [Old weirs](https://a.test/weirs)\n- [Mills of the north](https://a.test/mills), with maps\n- [Locks](https://a.test/locks)",
        "L44",
        "links",
    ),
    (
        "Write about the handbook.",
        "Introduction ........ 1\nOn weirs ........ 7\nOn mills ........ 19\nOn locks ........ 44\nIndex ........ 90",
        "L44",
        "contents",
    ),
    (
        "Write about the thesis.",
        "1.1 The river\n1.2 The weir\n2.1 The first mill\n2.2 The second mill\n3.1 What is left",
        "L44",
        "contents",
    ),
    (
        "Schreib über das Handbuch.",
        "Kapitel 1 Der Fluss\nKapitel 2 Das Wehr\nKapitel 3 Die Mühle\nKapitel 4 Was bleibt",
        "L44",
        "contents",
    ),
    (
        "Write about the end of the book.",
        "apron, 12, 45\nboards, 8–9\nclay, 13, 77–79\ndrainage, 5, 61\nflood, 40, 41\ngates, 22, 90",
        "L44",
        "index",
    ),
    (
        "Write about reading.",
        "- Ida Feld: The Leaning Weir (1998)\n- Otto Mill, *Walls* (Hull, 2004)\n- Inès Aubry: Pierres (1987)\n- Tove Berg, Stein um Stein (2011)",
        "L44",
        "books",
    ),
    (
        "Write about books to read.",
        "The Leaning Weir by Ida Feld\nWalls by Otto Mill\nStone upon Stone by Tove Berg\nWater Rights by Inès Aubry",
        "L44",
        "books",
    ),
    (
        "Literatur",
        "Feld, Ida: Das schiefe Wehr. Berlin: Wasserverlag, 1998.\nMill, Otto: Mauern. Hull: Stone Press, 2004.\nBerg, Tove: Stein um Stein. Bergen: Fjell, 2011.\nAubry, Inès: Pierres. Lyon: Rive, 1987.",
        "L44",
        "books",
    ),
    (
        "Write about what to read.",
        "- The Leaning Weir, Ida Feld\n- Walls, Otto Mill\n- Stone upon Stone, Berg",
        "L44",
        "books",
    ),
    (
        "Write about the winter.",
        "Books: The Leaning Weir, Walls, Stone upon Stone, Water Rights",
        "L44",
        "label",
    ),
    (
        "Schreib über den Winter.",
        "Bücher: Das schiefe Wehr; Mauern; Stein um Stein\nFilme: Die Mühle, Der Fluss, Hochwasser",
        "L44",
        "label",
    ),
    (
        "Write about the shed.",
        "In the shed:\n- lamp oil\n- nails, two pounds\n- the long saw\n- boards of the old gate\n- a coat",
        "L44",
        "items",
    ),
    (
        "Write about “Most read”.",
        "Five weirs that were given up this year\nWhy mills are coming back to the valley\nA lock keeper tells of her last winter\nThe price of stone has doubled",
        "L45",
        "",
    ),
    (
        "Write about the flood.",
        "The flood came at night, and by the morning the lower mill stood in water to its sills.\n\nRelated articles\nFive weirs that were given up\nWhy mills are coming back\nA lock keeper’s last winter",
        "L45",
        "",
    ),
    (
        "Schreib über das Hochwasser.",
        "Das Hochwasser kam in der Nacht, und am Morgen stand die untere Mühle bis zum Fenster im Wasser.\n\n## Meistgelesen\n\n- Fünf Wehre aufgegeben\n- Warum Mühlen wiederkommen\n- Die letzte Schleusenwärterin",
        "L45",
        "",
    ),
];

#[test]
fn pages_that_are_no_prose_are_found_by_kind() {
    for (prompt, note, rule, word) in PAGES {
        let found = found(prompt, note);
        assert!(found.iter().any(|(id, said)| id == rule && said.contains(word)), "{rule} {note}: {found:?}");
        // Who asks an assistant for such a list wants one.
        let messages = [Message::new(Role::User, *prompt), Message::new(Role::Assistant, *note)];
        let asked = lint(&[Subject::of_messages("x", "c", &messages)]);
        assert!(asked.iter().all(|finding| !RULES.contains(&finding.rule)), "{note}");
    }
}

/// Fourteen forms of ordinary notes, each on five matters: seventy.
fn ordinary() -> Vec<String> {
    let matters = [
        ["weir", "river", "stone", "The weir leans, and nobody mends it before the spring.", "Ida"],
        ["oven", "kitchen", "bread", "The oven heats slowly, so the bread goes in after an hour.", "Otto"],
        [
            "choir",
            "church",
            "song",
            "The choir sings better when it is cold, which nobody can explain.",
            "Tove",
        ],
        [
            "garden",
            "hedge",
            "rose",
            "The garden asks for an hour a day, and I give it twenty minutes.",
            "Inès",
        ],
        [
            "school",
            "class",
            "lesson",
            "The class was loud until I sat down among them and said nothing.",
            "Runar",
        ],
    ];
    let forms = |[thing, place, part, sentence, who]: [&str; 5]| {
        [
            format!(
                "{sentence} I went to the {place} twice this week and looked at every {part}. It will hold."
            ),
            format!(
                "{sentence}\n\n> One mends it from below, said {who}.\n\nI think that is right, but it takes two winters, and I have one. So I begin at the top."
            ),
            format!("To do at the {place}:\n- look at the {thing}\n- buy a {part}\n- call {who}\n- sweep"),
            format!(
                "The {thing}\n\nit stands in the rain\nand does not mind\nthe {part} that fell\nlast night from the {place}"
            ),
            format!(
                "1. Clean the {thing} with a brush.\n2. Wait for an hour.\n3. Look at the {part} again.\n4. Write down what has changed."
            ),
            format!(
                "{who} said, “I never liked the {thing}.” We laughed. Later she said that she had meant the {part}, not the {thing}, and that one gets used to both."
            ),
            format!(
                "2019: found the {thing}\n2020: moved it to the {place}\n2021: lost a {part}\n2023: began again, and this time with {who}"
            ),
            format!("Shopping: flour 2, eggs 12, one {part}, something for {who}. {sentence}"),
            format!(
                "- The {thing} is older than the {place} (1904, says {who}).\n- Nobody knows who made the {part}.\n- I asked at the town hall; they have no papers before 1950.\n- Ask again in May."
            ),
            format!(
                "I read about the {thing} at https://a.test/{thing} and again at https://b.test/{part}, and both are wrong about the {place}. {sentence}"
            ),
            format!(
                "{sentence}\n\n“Leave it,” {who} said.\n\n“And the {part}?”\n\n“Leave that too.”\n\nSo I left it, and went home by way of the {place}, and thought about the {thing} until it was dark."
            ),
            format!(
                "Reading: I began with the {thing}, went on to the {place}, and stopped at the {part}. {sentence}"
            ),
            format!(
                "{sentence} {who} thinks otherwise, and we went on about it until the {place} was shut.\n\n- the {thing}\n- the {place}\n\
                 - the {part}\n- {who}\n- rain"
            ),
            format!(
                "Monday: {place}, an hour\nTuesday: nothing\nWednesday: the {thing}, with {who}\nThursday: {part}, 2 h\nFriday: rest"
            ),
        ]
    };
    matters.into_iter().flat_map(forms).collect()
}

#[test]
fn seventy_ordinary_notes_have_no_such_finding() {
    let notes = ordinary();
    assert_eq!(notes.len(), 70);
    for note in &notes {
        assert_eq!(found("Write about it.", note), [], "{note}");
    }
}

#[test]
fn a_line_that_recurs_in_the_sections_of_one_note_is_told_as_what_it_is() {
    let section = |document: &str, index: usize| {
        let text = format!("Weir number {index} leans to the left.\n\nSeen from the bank");
        let messages =
            [Message::new(Role::User, format!("Weir {index}")), Message::new(Role::Assistant, text)];
        let conversation = format!("note:{document}-{index}");
        Subject { prompt_drafted: true, ..Subject::of_messages(&conversation, &conversation, &messages) }
    };
    let edges = |subjects: &[Subject]| -> Vec<(Severity, String)> {
        lint(subjects).into_iter().filter(|f| f.rule == "L11").map(|f| (f.severity, f.message)).collect()
    };
    let of_one: Vec<Subject> = (0..4).map(|index| section("weirs", index)).collect();
    let found = edges(&of_one);
    assert_eq!(found.len(), 4);
    assert!(
        found.iter().all(|(severity, said)| {
            *severity == Severity::Information && said.ends_with("4 sections of one note")
        }),
        "{found:?}"
    );
    let of_two: Vec<Subject> = (0..4).map(|index| section(["weirs", "mills"][index % 2], index)).collect();
    assert!(edges(&of_two).iter().all(|(severity, _)| *severity == Severity::Warning));
    assert_eq!(edges(&of_two).len(), 4);
}

#[test]
fn a_signature_is_found_in_all_texts_however_it_is_broken_into_lines() {
    let endings = [
        "Yours ever,\nM. Ahrens",
        "Yours ever\nM. Ahrens",
        "Yours ever,\n\n\nM. Ahrens",
        "Yours ever, M. Ahrens",
        "Yours ever,\nMaria Ahrens",
        "Yours ever,\nM. A.",
        "*Yours ever,*\n*M. Ahrens*",
        "Yours ever,\nM. Ahrens\n\nP.S. The sluice is mended, and the miller has been paid for it.",
        "Yours ever,\nM. Ahrens\nWeir Cottage",
    ];
    let found = |prompt_drafted: bool, endings: &[&str]| -> Vec<(Severity, String)> {
        let letter = |(index, ending): (usize, &&str)| {
            let text = format!("The weir number {index} leans to the left, as I said.\n\n{ending}");
            let messages =
                [Message::new(Role::User, format!("Weir {index}")), Message::new(Role::Assistant, text)];
            let conversation = format!("note:letter{index}-1");
            Subject { prompt_drafted, ..Subject::of_messages(&conversation, &conversation, &messages) }
        };
        let subjects: Vec<Subject> = endings.iter().enumerate().map(letter).collect();
        lint(&subjects).into_iter().filter(|f| f.rule == "L11").map(|f| (f.severity, f.message)).collect()
    };
    for (prompt_drafted, expected) in [(true, Severity::Information), (false, Severity::Warning)] {
        let all = found(prompt_drafted, &endings);
        assert_eq!(all.len(), endings.len(), "{all:?}");
        assert!(
            all.iter().all(|(severity, said)| *severity == expected && said.ends_with("9 examples, 9 texts")),
            "{all:?}"
        );
    }
    // Other names and other formulae are other signatures, and sentences are none.
    let others = [
        "Yours ever,\nM. Ahrens",
        "Yours ever,\nT. Brandt",
        "Sincerely,\nM. Ahrens",
        "Love is what it needs,\nand water.",
    ];
    assert_eq!(found(true, &others), []);
}

#[test]
fn the_name_below_letters_is_no_line_that_a_machine_left() {
    let letters = |last: &str| {
        let letter = |index: usize| {
            let text = format!("The weir number {index} leans to the left, as I said.\n\n{last}");
            let messages =
                [Message::new(Role::User, format!("Weir {index}")), Message::new(Role::Assistant, text)];
            let conversation = format!("note:letter{index}-1");
            Subject { prompt_drafted: true, ..Subject::of_messages(&conversation, &conversation, &messages) }
        };
        let subjects: Vec<Subject> = (0..4).map(letter).collect();
        lint(&subjects).into_iter().filter(|f| f.rule == "L11").map(|f| f.message).collect::<Vec<String>>()
    };
    for name in ["M. Ahrens", "M.", "Maria von Ahrens", "Love,"] {
        assert_eq!(letters(name), [""; 0], "{name}");
    }
    for line in ["Seen from the bank", "Copied from the grey notebook", "Shall I go on?"] {
        let found = letters(line);
        assert!(found.len() == 4 && found[0].ends_with("4 examples, 4 texts"), "{line}: {found:?}");
    }
}
