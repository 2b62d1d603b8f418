//! Changes of single settings in `affinage.toml`; everything else there stays as a person wrote it.

use std::path::Path;

use toml::{Table, Value};
use toml_edit::{Document, DocumentMut, Item, TableLike};

use super::Config;
use crate::errors::{HintExt as _, usage};
use crate::folder::jsonl::replace_file;
use crate::folder::project::CONFIG_FILE;

/// Gives settings another value, by keys such as `train.epochs`; `None` takes one out, so that its default holds. Remarks, order
/// and the other settings stay.
///
/// Errors: `project` has no configuration, or one that cannot be read; an unknown key or a value out of its range; a line that
/// only a person can change.
pub fn change(project: &Path, changes: &[(&str, Option<Value>)]) -> anyhow::Result<()> {
    let path = project.join(CONFIG_FILE);
    let mut text = fs_err::read_to_string(&path)?;
    Config::parse(&text, &[]).map_err(|error| error.located(CONFIG_FILE))?;
    for (key, value) in changes {
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        let changed = match value {
            Some(value) => with(&text, section, name, value),
            None => without(&text, section, name),
        };
        let Some(changed) =
            changed.filter(|changed| is_change(&text, changed, section, name, value.as_ref()))
        else {
            let error = usage(format!("`{key}` cannot be changed by itself in {CONFIG_FILE}"));
            return Err(error).hint(match value {
                Some(value) => format!("write it there: `{key} = {value}`"),
                None => format!("take it out there: `{key}`"),
            });
        };
        text = changed;
    }
    Config::parse(&text, &[]).map_err(|error| error.located(CONFIG_FILE))?;
    replace_file(&path, text.as_bytes())
}

/// The text with a setting, which gets the place of the one before or the end of its section.
fn with(text: &str, section: &str, name: &str, value: &Value) -> Option<String> {
    let value: toml_edit::Value = value.to_string().parse().ok()?;
    let mut document: DocumentMut = text.parse().ok()?;
    let table: &mut dyn TableLike = match section {
        "" => document.as_table_mut(),
        _ => document.entry(section).or_insert_with(toml_edit::table).as_table_like_mut()?,
    };
    match table.get_mut(name).and_then(Item::as_value_mut) {
        Some(before) => {
            let around = before.decor().clone();
            *before = value;
            *before.decor_mut() = around;
        }
        None => drop(table.insert(name, Item::Value(value))),
    }
    Some(document.to_string())
}

/// The text without the line of a setting.
fn without(text: &str, section: &str, name: &str) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let table: &dyn TableLike = match section {
        "" => document.as_table(),
        _ => match document.get(section) {
            Some(found) => found.as_table_like()?,
            None => return Some(text.to_owned()),
        },
    };
    let Some((key, item)) = table.get_key_value(name) else { return Some(text.to_owned()) };
    let begin = text[..key.span()?.start].rfind('\n').map_or(0, |end| end + 1);
    let end = item.span()?.end;
    let end = text[end..].find('\n').map_or(text.len(), |more| end + more + 1);
    Some(format!("{}{}", &text[..begin], &text[end..]))
}

/// Whether two texts differ by exactly this setting.
fn is_change(before: &str, after: &str, section: &str, name: &str, value: Option<&Value>) -> bool {
    let (Ok(mut meant), Ok(after)) = (before.parse::<Table>(), after.parse::<Table>()) else { return false };
    let table = match section {
        "" => Some(&mut meant),
        _ => match value {
            Some(_) => meant.entry(section).or_insert_with(|| Value::Table(Table::new())).as_table_mut(),
            None => meant.get_mut(section).and_then(Value::as_table_mut),
        },
    };
    match (table, value) {
        (Some(table), Some(value)) => drop(table.insert(name.to_owned(), value.clone())),
        (Some(table), None) => drop(table.remove(name)),
        (None, value) => return value.is_none() && meant == after,
    }
    meant == after
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::in_one_line;
    use crate::folder::config::TEMPLATE;

    fn changed(before: &str, changes: &[(&str, Option<Value>)]) -> anyhow::Result<String> {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join(CONFIG_FILE);
        fs_err::write(&file, before).expect("written");
        let done = change(dir.path(), changes);
        let after = fs_err::read_to_string(&file).expect("there");
        if done.is_err() {
            assert_eq!(after, before, "what fails changes nothing");
        }
        done.map(|()| after)
    }

    #[test]
    fn remarks_order_and_other_settings_stay() {
        let before = "# mine\nmodel = \"a\"\n[train] # slow\nepochs = 2   # few\n# why\nmax-steps = 9 # stop\nrank = 4\n";
        let after =
            changed(before, &[("train.epochs", Some(3.into())), ("train.max-steps", None)]).expect("ok");
        assert_eq!(after, "# mine\nmodel = \"a\"\n[train] # slow\nepochs = 3   # few\n# why\nrank = 4\n");
        let after = changed(before, &[("train.max-steps", Some(20.into()))]).expect("ok");
        assert_eq!(after, before.replace("max-steps = 9 # stop", "max-steps = 20 # stop"));
    }

    #[test]
    fn a_setting_that_is_not_there_gets_its_section() {
        let after = changed("model = \"a\"\n", &[("eval.max-new-tokens", Some(64.into()))]).expect("ok");
        assert_eq!(Config::parse(&after, &[]).expect("valid").eval.max_new_tokens, Some(64));
        assert!(after.starts_with("model = \"a\"\n"), "{after}");
        assert_eq!(changed("model = \"a\"\n", &[("train.max-steps", None)]).expect("ok"), "model = \"a\"\n");
        let after = changed(TEMPLATE, &[("train.max-steps", Some(7.into()))]).expect("ok");
        assert_eq!(after.replacen("max-steps = 7\n", "", 1), TEMPLATE);
    }

    #[test]
    fn what_is_wrong_changes_nothing() {
        let error = changed("[train]\nepochs = 2\n", &[("train.epochs", Some(0.into()))]).expect_err("none");
        assert!(in_one_line(&error).contains("epochs"), "{}", in_one_line(&error));
        changed("[train]\nepochs = 2\n", &[("train.epoch", Some(1.into()))]).expect_err("an unknown key");
        // One line with several settings is not taken out for one of them.
        changed("train = { epochs = 2, max-steps = 3 }\n", &[("train.max-steps", None)]).expect_err("inline");
    }
}
