use std::collections::HashSet;

use super::*;
use crate::conversation::{Block, Link, Origin};

/// `q` are prompts, `a` answers, `s` instructions; the words behind the first stand for themselves.
fn line(turns: &[&str]) -> Vec<Turn> {
    turns.iter().map(|text| Turn { role: role_of(text), text: (*text).to_owned() }).collect()
}

fn role_of(text: &str) -> NodeRole {
    match text.as_bytes()[0] {
        b'a' => NodeRole::Assistant,
        b's' => NodeRole::System,
        _ => NodeRole::User,
    }
}

const Q1: &str = "q why do old bridges hum in the wind";
const A1: &str = "a the cables are long and thin as strings";
const Q2: &str = "q and does the frost change their note at all";
const A2: &str = "a it does and by about a third in January";
const Q3: &str = "q who tunes them then";
const A3: &str = "a nobody does and nobody could";
const SHORT: [&str; 2] = ["q hello", "a hello to you"];

/// What it is, the turns that are known, the turns that come, how they are bound, the relation.
type Related<'a> = (&'a str, &'a [&'a str], &'a [&'a str], Bond, Relation);
/// The turns that are known, the turns that come, the branches after both.
type United<'a> = (&'a [&'a str], &'a [&'a str], &'a [&'a [&'a str]]);

#[test]
fn what_makes_two_lines_one_conversation() {
    use Bond::*;
    use Relation::*;
    let reworded = "q so why do old bridges hum in the wind";
    let rewritten = "q something about bridges please";
    let rules = "s answer in one word and never in two or more words please";
    let cases: [Related; 34] = [
        ("equal rows", &["q yes", "a no"], &["q yes", "a no"], Row, Same),
        ("a beginning", &[Q1, A1, Q2, A2], &[Q1, A1], Text, Older),
        ("a short beginning of another text", &[SHORT[0], SHORT[1], Q2, A2], &SHORT, Text, Apart),
        ("a short beginning of the same text", &[SHORT[0], SHORT[1], Q2, A2], &SHORT, Name, Older),
        ("a row that goes on", &SHORT, &[SHORT[0], SHORT[1], Q2, A2], Row, Grown),
        ("only the prompt in common", &[Q1], &[Q1, A1], Text, Apart),
        ("only the prompt of the same file", &[Q1], &[Q1, A1], Name, Grown),
        ("rows with another answer", &[Q1, A1], &[Q1, A2], Row, Apart),
        ("rows with the same answer", &[Q1, A1], &[Q2, A1], Row, Apart),
        ("a call that failed", &[Q1, A1], &[Q1, A1, Q2], Row, Grown),
        ("a call before the one that failed", &[Q1, A1, Q2], &[Q1, A1], Row, Older),
        ("asked otherwise after a failure", &[Q1, A1, Q2], &[Q1, A1, Q3, A3], Row, Grown),
        ("the failure after what was asked otherwise", &[Q1, A1, Q3, A3], &[Q1, A1, Q2], Row, Older),
        ("failures with nothing answered", &[Q1], &[Q1, A1], Row, Apart),
        ("rows that part late", &[Q1, A1, Q2, A2, Q3, A3], &[Q1, A1, Q2, A2, Q3, A1], Row, Apart),
        ("rows of one number and rules", &[rules, Q1, "a yes"], &[rules, Q2, "a yes"], RowId, Apart),
        ("the same log, an edited turn", &[Q1, A1, Q2, A2], &[rewritten, A1, Q2, A2], RowId, Edited),
        ("a greeting in common", &[SHORT[0], SHORT[1], Q1, A1], &[SHORT[0], SHORT[1], Q2, A2], Text, Apart),
        (
            "of files of one name",
            &[SHORT[0], SHORT[1], Q1, A1],
            &[SHORT[0], SHORT[1], Q2, A2],
            Name,
            Resembling,
        ),
        ("a long opening in common", &[Q1, A1, Q2, A2], &[Q1, A1, Q3, A3], Text, Apart),
        ("of files of one name", &[Q1, A1, Q2, A2], &[Q1, A1, Q3, A3], Name, Resembling),
        ("of the same file", &[Q1, A1, Q2, A2], &[Q1, A1, Q3, A3], File, Branch),
        ("most in common, then parted", &[Q1, A1, Q2, A2], &[Q1, A1, Q2, A3], Text, Branch),
        ("edited and renamed", &[Q1, A1, Q2, A2], &[rewritten, A1, Q2, A2, Q3, A3], Text, Edited),
        ("an answer edited", &[Q1, A1, Q2, A2, Q3], &[Q1, A3, Q2, A2, Q3], Name, Edited),
        ("one exchange, prompt reworded", &[Q1, A1], &[reworded, A1], Name, Edited),
        (
            "one exchange, answer reworded",
            &[Q1, A1],
            &[Q1, "a the cables are long and thin like hairs"],
            Name,
            Branch,
        ),
        ("and grown", &[Q1, A1], &[reworded, A1, Q2, A2], Name, Edited),
        ("one exchange, prompt rewritten", &[Q1, A1], &[rewritten, A1], Name, Resembling),
        ("the beginning cut away", &[Q1, A1, Q2, A2], &[Q2, A2, Q3, A3], Name, Edited),
        ("nothing in common", &[Q1, A1], &[Q2, A2], File, Apart),
        ("one product's id, another answer", &[Q1, A1], &[Q1, A2], Certain, Branch),
        ("one product's id, nothing in common", &[Q1, A1], &[Q2, A2], Certain, Apart),
        ("the same bytes, only rules in common", &[rules, Q1, A1], &[rules, Q2, A2], Certain, Apart),
    ];
    for (what, known, new, bond, expected) in cases {
        assert_eq!(relation(&line(known), &line(new), bond), expected, "{what} ({bond:?})");
    }
}

fn conversation(provider: Provider, turns: &[&str]) -> Conversation {
    let mut conversation = Conversation::new(provider, "", Origin::default());
    let node = |index: usize, text: &&str| {
        let node = Node::new(index.to_string(), role_of(text), vec![Block::new(BlockKind::Text, *text)]);
        Link::to(node, index.checked_sub(1).map(|above| above.to_string()))
    };
    conversation.arrange(turns.iter().enumerate().map(|(i, t)| node(i, t)).collect(), None).expect("a line");
    name_by_words(&mut conversation);
    conversation
}

/// Every line of the tree as text, the main one first.
fn shown(conversation: &Conversation) -> Vec<Vec<String>> {
    lines(conversation).into_iter().map(|line| line.into_iter().map(|turn| turn.text).collect()).collect()
}

#[test]
fn a_changed_turn_stands_beside_the_old_one_in_any_order() {
    let old = conversation(Provider::Transcript, &[Q1, A1, Q2, A2]);
    let new = conversation(Provider::Transcript, &[Q1, A3, Q2, A2, Q3]);
    for (first, second, is_older) in [(&old, &new, false), (&new, &old, true)] {
        let both = united(first, second, Reading::Later).expect("a tree");
        assert_eq!(both.is_older, is_older);
        assert_eq!(shown(&both.conversation), [vec![Q1, A3, Q2, A2, Q3], vec![Q1, A1]]);
        assert!(both.ids.iter().all(|id| both.conversation.nodes.iter().any(|node| node.id == *id)));
    }
}

#[test]
fn what_a_later_text_lacks_stays() {
    let cases: [United; 6] = [
        // Two answers were edited, and the prompt between them is the same.
        (
            &[Q1, A1, Q2, A2, Q3],
            &[Q1, A3, Q2, "a no", Q3],
            &[&[Q1, A3, Q2, "a no", Q3], &[Q1, A3, Q2, A2], &[Q1, A1]],
        ),
        (&[Q1, A1, Q2, A2, Q3, A3], &[Q1, A1, Q3, A3], &[&[Q1, A1, Q2, A2, Q3, A3]]),
        (&[Q1, A1, Q3, A3], &[Q1, A1, Q2, A2, Q3, A3], &[&[Q1, A1, Q2, A2, Q3, A3]]),
        (&[Q1, A1, Q2, A2], &[Q2, A2, Q3, A3], &[&[Q1, A1, Q2, A2, Q3, A3]]),
        (&[Q1, A1, Q2, A2], &[Q1, A1, Q3, A3], &[&[Q1, A1, Q3, A3], &[Q1, A1, Q2, A2]]),
        // The same short prompt in another place is another prompt.
        (
            &[Q1, A1, "q go on", A2],
            &[Q1, A1, Q3, A3, "q go on", "a no"],
            &[&[Q1, A1, Q3, A3, "q go on", "a no"], &[Q1, A1, "q go on", A2]],
        ),
    ];
    for (known, new, expected) in cases {
        let [known, new] = [known, new].map(|turns| conversation(Provider::Transcript, turns));
        let both = united(&known, &new, Reading::Later).expect("a tree").conversation;
        assert_eq!(shown(&both), expected);
        let again = united(&both, &new, Reading::Later).expect("a tree").conversation;
        assert_eq!(shown(&again), expected, "a second time changes nothing");
        let earlier = united(&both, &known, Reading::Later).expect("a tree").conversation;
        assert_eq!(shown(&earlier), expected, "the earlier text changes nothing");
    }
}

/// A product with ids and times.
fn exported(nodes: &[(&str, Option<&str>, &str, f64)]) -> Conversation {
    let mut conversation = Conversation::new(Provider::OpenWebUi, "chat", Origin::default());
    let links = nodes.iter().map(|(id, parent, text, time_s)| {
        let mut node = Node::new(*id, role_of(text), vec![Block::new(BlockKind::Text, *text)]);
        node.time_s = Some(*time_s);
        Link::to(node, parent.map(str::to_owned))
    });
    conversation.arrange(links.collect(), None).expect("a tree");
    conversation
}

#[test]
fn of_exports_with_ids_the_later_message_decides_which_is_newer() {
    let early = exported(&[("1", None, Q1, 1.0), ("2", Some("1"), A1, 2.0)]);
    let late =
        exported(&[("1", None, "q edited", 1.0), ("2", Some("1"), A1, 2.0), ("3", Some("2"), Q2, 9.0)]);
    for (first, second) in [(&early, &late), (&late, &early)] {
        let both = united(first, second, Reading::Later).expect("a tree").conversation;
        assert_eq!(shown(&both), [vec!["q edited", A1, Q2], vec![Q1]]);
    }
    let edited = exported(&[("1", None, Q3, 1.0), ("2", Some("1"), A1, 2.0)]);
    let both = united(&early, &edited, Reading::Later).expect("a tree").conversation;
    assert_eq!(shown(&both), [vec![Q3, A1], vec![Q1]], "of equal times the one that comes last");
    let other = exported(&[("8", None, Q3, 1.0), ("9", Some("8"), A3, 2.0)]);
    assert!(!share_messages(&early, &other) && share_messages(&early, &edited));
    let namesake = exported(&[("1", None, Q2, 1.0), ("2", Some("1"), A2, 2.0)]);
    assert!(!share_messages(&early, &namesake), "ids may be numbers");
    let pair =
        |question: &str, answer: &str| exported(&[("1", None, question, 1.0), ("2", Some("1"), answer, 2.0)]);
    let slugs = pair("q what eats slugs", "a ground beetles eat slugs");
    let aphids = pair("q what eats aphids", "a ladybirds and their larvae");
    assert!(
        !share_messages(&slugs, &aphids),
        "a question with some of the words makes no conversation the same"
    );
    assert!(
        share_messages(&slugs, &pair("q what eats slugs", "a many")),
        "the same question of some words does"
    );
}

#[test]
fn an_older_copy_of_equal_times_changes_nothing() {
    let early = exported(&[("1", None, Q1, 1.0), ("2", Some("1"), A1, 1.0)]);
    let late = exported(&[
        ("1", None, Q1, 1.0),
        ("2", Some("1"), A1, 1.0),
        ("3", Some("2"), Q2, 1.0),
        ("4", Some("3"), A2, 1.0),
    ]);
    for (first, second, is_older) in [(&early, &late, false), (&late, &early, true)] {
        let both = united(first, second, Reading::Later).expect("a tree");
        assert_eq!(shown(&both.conversation), [[Q1, A1, Q2, A2]]);
        assert_eq!(both.is_older, is_older);
    }
    // The product says when it changed the conversation: an export from which a branch was deleted is the newer one.
    let changed = |conversation: &Conversation, updated_s: f64| {
        let mut changed = conversation.clone();
        changed.updated_s = Some(updated_s);
        changed
    };
    let (long, short) = (changed(&late, 10.0), changed(&early, 20.0));
    for (first, second, is_older) in [(&long, &short, false), (&short, &long, true)] {
        let both = united(first, second, Reading::Later).expect("a tree");
        let active = both.conversation.active_leaf.map(|leaf| both.conversation.nodes[leaf].id.clone());
        assert_eq!((active.as_deref(), both.is_older), (Some("2"), is_older));
        assert_eq!((both.conversation.nodes.len(), both.conversation.updated_s), (4, Some(20.0)));
    }
}

#[test]
fn other_words_under_a_known_id_are_kept_beside_the_earlier_ones() {
    let known = exported(&[
        ("1", None, Q1, 1.0),
        ("2", Some("1"), A1, 2.0),
        ("3", Some("2"), "q what eats the slugs", 3.0),
        ("4", Some("3"), "a ground beetles eat slugs and so do toads", 4.0),
    ]);
    let new = exported(&[
        ("1", None, Q1, 1.0),
        ("2", Some("1"), "a the cables are long and thin as strings are", 2.0),
        ("3", Some("2"), "q what eats the aphids", 3.0),
        ("4", Some("3"), "a ladybirds and their larvae", 4.0),
    ]);
    let both = united(&known, &new, Reading::Later).expect("a tree");
    assert_eq!(
        (both.reworded, both.versions),
        (0, 2),
        "an answer went on, a question and its answer are others"
    );
    let answer = "a the cables are long and thin as strings are";
    let expected = [
        vec![Q1, answer, "q what eats the aphids", "a ladybirds and their larvae"],
        vec![Q1, answer, "q what eats the slugs", "a ground beetles eat slugs and so do toads"],
    ];
    assert_eq!(shown(&both.conversation), expected, "no answer stands below the other question");
    let again = united(&both.conversation, &new, Reading::Later).expect("a tree");
    assert_eq!(shown(&again.conversation), expected, "a second time changes nothing");
    assert_eq!(again.versions, 0);
    let alike =
        exported(&[("1", None, Q1, 1.0), ("2", Some("1"), "a the wires are long and thin as strings", 2.0)]);
    let known = exported(&[("1", None, Q1, 1.0), ("2", Some("1"), A1, 2.0)]);
    let later = united(&known, &alike, Reading::Later).expect("a tree");
    assert_eq!((shown(&later.conversation).len(), later.reworded, later.versions), (1, 1, 0));
    let at_once = united(&known, &alike, Reading::SameImport).expect("a tree");
    assert_eq!((shown(&at_once.conversation).len(), at_once.reworded, at_once.versions), (2, 0, 1));
}

#[test]
fn an_inferred_conversation_can_leave_prompts_to_another() {
    let all = exported(&[
        ("1", None, Q1, 1.0),
        ("2", Some("1"), A1, 1.0),
        ("3", Some("2"), Q2, 2.0),
        ("4", Some("3"), A2, 2.0),
        ("5", Some("4"), Q3, 3.0),
    ]);
    let rest = without_prompts(&all, &HashSet::from(["3".to_owned()])).expect("a tree");
    assert_eq!(shown(&rest), [[Q1, A1, Q3]]);
}

#[test]
fn a_conversation_is_found_by_its_end_its_beginning_its_name_and_its_exchanges() {
    let text = |member: &str, turns: &[&str]| {
        let mut made = conversation(Provider::Transcript, turns);
        made.origin.member = member.to_owned();
        made
    };
    let known = text("a/notes.md", &[Q1, A1, Q2, A2]);
    let landmarks = signs(&known, Some("/home/notes.zip")).landmarks;
    let strongest = |new: &Conversation, file: &str| {
        let probes = signs(new, Some(file)).probes.into_iter();
        probes.filter(|(number, _)| landmarks.contains(number)).map(|(_, bond)| bond).max()
    };
    let cases: [(&str, &[&str], &str, Option<Bond>); 6] = [
        ("b/copy.md", &[Q1, A1, Q2, A2], "/x", Some(Bond::Text)),
        ("b/copy.md", &[Q1, A1], "/x", Some(Bond::Text)),
        ("b/copy.md", &[Q1, A1, Q2, A2, Q3, A3], "/x", Some(Bond::Text)),
        ("b/copy.md", &[Q3, A3, Q2, A2], "/x", Some(Bond::Text)),
        ("a/notes.md", &[Q3, A3], "/home/notes.zip", Some(Bond::File)),
        ("b/copy.md", &[Q3, A3], "/x", None),
    ];
    for (member, turns, file, expected) in cases {
        assert_eq!(strongest(&text(member, turns), file), expected, "{member} {turns:?}");
    }
}

#[test]
fn a_copy_of_an_export_is_known_by_its_words() {
    let export = conversation(Provider::OpenWebUi, &[Q1, A1, Q2, A2, Q3, A3]);
    let marked = ["q **why** do old bridges hum in the wind", "a the cables are long, and thin as strings"];
    for (turns, expected) in [
        (&[Q1, A1, Q2, A2, Q3, A3][..], true),
        (&[Q1, A1, Q2, A2], true),
        (&marked, true),
        (&[Q1, A1, Q2, "a something else"], false),
        (&[Q1], false),
    ] {
        let copy = conversation(Provider::Transcript, turns);
        assert_eq!(is_copy(&export, &copy), expected, "{turns:?}");
        if expected {
            assert_eq!(copy_landmark(&export), copy_landmark(&copy));
        }
    }
    let greeting = conversation(Provider::OpenWebUi, &SHORT);
    assert!(!is_copy(&greeting, &conversation(Provider::Transcript, &SHORT)), "everybody says that");
}

#[test]
fn a_section_that_was_renamed_and_changed_resembles_its_older_state() {
    let section = |prompt: &'static str, words: &'static str| conversation(Provider::Note, &[prompt, words]);
    let old =
        section("q bridges", "a the cables of old bridges are long and thin and they hum when it blows");
    let new = section(
        "q bridges of iron",
        "a the cables of old bridges are long and thin and they sing when it blows hard",
    );
    let other = section(
        "q bridges of iron",
        "a the cables of old bridges are made of wire that came by ship from the north",
    );
    assert_eq!(relation_of(&old, &new, Bond::Text), Relation::Resembling);
    assert_eq!(relation_of(&old, &other, Bond::Text), Relation::Apart);
    let (known, probes) = (signs(&old, None).landmarks, signs(&new, None).probes);
    assert!(probes.iter().any(|(number, _)| known.contains(number)));
}
