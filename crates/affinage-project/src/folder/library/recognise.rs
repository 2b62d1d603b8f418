//! Finds the conversation of the library that a new reading belongs to. What makes two readings one conversation is said by
//! [`affinage_dataset::identity`]; here are only the look-ups.

use std::collections::{BTreeMap, HashMap, HashSet};

use affinage_dataset::conversation::{Conversation, Provider};
use affinage_dataset::identity::{self, Bond, Kind, Relation, Signs};
use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _};

use super::{conversation_row, links};

/// A conversation of the library.
pub(super) struct Known {
    pub id: i64,
    pub conversation: Conversation,
    pub relation: Relation,
}

/// A chat or note that is there, of which `new` is a copy under another name.
pub(super) struct Copied {
    pub id: i64,
    pub title: String,
}

/// What the library has of a new reading.
#[derive(Default)]
pub(super) struct Found {
    pub known: Option<Known>,
    /// Title of another conversation that looks like a copy of it.
    pub resembling: Option<String>,
    /// Where all of it stands already: in a conversation of another product, or as a note of another name.
    pub copied: Option<Copied>,
    /// Prompts of an inferred conversation that stand in another one.
    pub elsewhere: HashSet<String>,
}

/// Conversations looked at for each landmark, newest first: common words lead to many.
const MAX_OF_LANDMARK: i64 = 16;
/// Conversations compared turn by turn.
const MAX_COMPARED: usize = 48;

/// Looks for the conversation that `new` is another reading of. `written` are those that the same text brought before it:
/// they are different conversations unless one is a beginning of the other.
pub(super) fn find(
    db: &Connection,
    new: &Conversation,
    signs: &Signs,
    written: &HashSet<i64>,
) -> anyhow::Result<Found> {
    let mut found = match identity::kind(new.provider) {
        Kind::Ids => Found { known: by_key(db, new)?, ..Found::default() },
        Kind::Sessions => by_prompts(db, new)?,
        Kind::Documents | Kind::Rows => by_words(db, new, signs, written)?,
    };
    if found.known.is_none() && found.copied.is_none() {
        found.copied = copied(db, new)?;
    }
    Ok(found)
}

/// The export of a product that holds all of what another program saved.
fn copied(db: &Connection, new: &Conversation) -> anyhow::Result<Option<Copied>> {
    let is_text = identity::kind(new.provider) == Kind::Documents;
    let Some(landmark) = identity::copy_landmark(new).filter(|_| is_text) else { return Ok(None) };
    for id in with_landmark(db, landmark)? {
        let known = load(db, id)?;
        if known.provider != new.provider && identity::is_copy(&known, new) {
            return Ok(Some(Copied { id, title: known.title }));
        }
    }
    Ok(None)
}

/// The product's id; another account may have given it to another conversation, which then has a number behind it.
fn by_key(db: &Connection, new: &Conversation) -> anyhow::Result<Option<Known>> {
    for number in 1.. {
        let Some(id) = id_of_key(db, &numbered(&new.key(), number))? else { break };
        let known = load(db, id)?;
        if identity::share_messages(&known, new) {
            return Ok(Some(Known { id, conversation: known, relation: Relation::Grown }));
        }
    }
    Ok(None)
}

/// The conversation that holds most of the prompts.
fn by_prompts(db: &Connection, new: &Conversation) -> anyhow::Result<Found> {
    let mut holders: HashMap<i64, HashSet<String>> = HashMap::new();
    for (prompt, landmark) in identity::prompt_ids(new) {
        for id in with_landmark(db, landmark)? {
            holders.entry(id).or_default().insert(prompt.to_owned());
        }
    }
    let Some(id) = holders.iter().map(|(id, held)| (held.len(), -id)).max().map(|(_, id)| -id) else {
        return Ok(Found { known: by_key(db, new)?, ..Found::default() });
    };
    let held = holders.remove(&id).unwrap_or_default();
    let elsewhere = holders.into_values().flatten().filter(|prompt| !held.contains(prompt)).collect();
    let known = Known { id, conversation: load(db, id)?, relation: Relation::Grown };
    Ok(Found { known: Some(known), elsewhere, ..Found::default() })
}

fn by_words(
    db: &Connection,
    new: &Conversation,
    signs: &Signs,
    written: &HashSet<i64>,
) -> anyhow::Result<Found> {
    let mut bonds: BTreeMap<i64, Bond> = BTreeMap::new();
    for &(landmark, bond) in &signs.probes {
        for id in with_landmark(db, landmark)? {
            let strongest = bonds.entry(id).or_insert(bond);
            *strongest = bond.max(*strongest);
        }
    }
    let mut likely: Vec<(i64, Bond)> = bonds.into_iter().collect();
    likely.sort_by_key(|(id, bond)| (std::cmp::Reverse(*bond), *id));
    let mut nearest: Option<Known> = None;
    let (mut resembling, mut same_note) = (None, None);
    for (id, bond) in likely.into_iter().take(MAX_COMPARED) {
        let known = load(db, id)?;
        let relation = identity::relation_of(&known, new, bond);
        let is_other = written.contains(&id) && relation > Relation::Grown;
        if same_note.is_none() && !written.contains(&id) && identity::is_same_note(&known, new) {
            same_note = Some(Copied { id, title: known.title.clone() });
        }
        if relation == Relation::Resembling && !is_other {
            resembling.get_or_insert_with(|| known.title.clone());
        }
        if relation.is_one() && !is_other && nearest.as_ref().is_none_or(|found| relation < found.relation) {
            nearest = Some(Known { id, conversation: known, relation });
        }
        if relation == Relation::Same {
            break;
        }
    }
    let resembling = resembling.filter(|_| nearest.is_none());
    let copied = same_note.filter(|_| nearest.is_none());
    Ok(Found { known: nearest, resembling, copied, ..Found::default() })
}

/// A key that no conversation has: the conversation's own, else with a number behind it.
pub(super) fn free_native_id(db: &Connection, new: &Conversation) -> anyhow::Result<String> {
    let provider = new.provider.as_str();
    for number in 1.. {
        let native_id = numbered(&new.native_id, number);
        if id_of_key(db, &format!("{provider}:{native_id}"))?.is_none() {
            return Ok(native_id);
        }
    }
    unreachable!("there are more numbers than conversations")
}

fn numbered(name: &str, number: usize) -> String {
    if number == 1 { name.to_owned() } else { format!("{name}~{number}") }
}

fn id_of_key(db: &Connection, key: &str) -> anyhow::Result<Option<i64>> {
    let mut statement = db.prepare_cached("SELECT id FROM conversation WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

fn with_landmark(db: &Connection, landmark: i64) -> anyhow::Result<Vec<i64>> {
    let mut statement = db.prepare_cached(
        "SELECT conversation FROM landmark WHERE number = ?1 ORDER BY conversation DESC LIMIT ?2",
    )?;
    let rows = statement.query_map([landmark, MAX_OF_LANDMARK], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn load(db: &Connection, id: i64) -> anyhow::Result<Conversation> {
    let mut statement = db.prepare_cached(
        "SELECT id, provider, native_id, title, time_s, active_node, source, origin, project, updated_s \
         FROM conversation WHERE id = ?1",
    )?;
    let (mut conversation, active) = statement
        .query_row([id], |row| Ok((conversation_row(row), row.get::<_, Option<String>>(5)?)))
        .map(|(conversation, active)| conversation.map(|found| (found, active)))??;
    conversation.arrange(links(db, id)?, active.as_deref()).with_context(|| conversation.key())?;
    Ok(conversation)
}

/// Remembers by what a conversation is found again.
pub(super) fn put_landmarks(db: &Connection, id: i64, landmarks: &[i64]) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached("INSERT OR IGNORE INTO landmark VALUES (?1, ?2)")?;
    for landmark in landmarks {
        insert.execute([*landmark, id])?;
    }
    Ok(())
}

/// Landmarks of everything that an older release imported.
pub(super) fn put_all_landmarks(db: &Connection) -> anyhow::Result<()> {
    let mut statement = db.prepare(
        "SELECT conversation.id, provider, path FROM conversation LEFT JOIN source ON source.id = source",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let all: Vec<(i64, String, Option<String>)> = rows.collect::<Result<_, _>>()?;
    for (id, provider, path) in all {
        if Provider::parse(&provider).is_none_or(|provider| identity::kind(provider) == Kind::Ids) {
            continue;
        }
        let mut conversation = load(db, id)?;
        conversation.own_id = identity::own_id_of_older_key(&conversation);
        put_landmarks(db, id, &identity::signs(&conversation, path.as_deref()).landmarks)?;
    }
    Ok(())
}
