//! Why a freeze took no more, and how far what it took goes.

use std::collections::BTreeMap;

use affinage_dataset::lint::rules::RULES;
use affinage_dataset::version::Manifest;

use crate::context::Context;
use crate::datasets::ALTERNATIVES_FILE;
use crate::desk::{GOAL, TASTE};
use crate::ui::{count, counted};

/// Says which rules kept undecided examples out, the most frequent first; an example may have several.
pub fn say_rules(ctx: &Context, flagged: &BTreeMap<&'static str, usize>) {
    let mut rules: Vec<(&str, usize)> = flagged.iter().map(|(rule, examples)| (*rule, *examples)).collect();
    rules.sort_by_key(|(rule, examples)| (std::cmp::Reverse(*examples), *rule));
    let Some((most, _)) = rules.first() else { return };
    ctx.ui.say("left out because lint found something in them:");
    for (rule, examples) in &rules {
        let title = RULES.iter().find(|known| known.id == *rule).map_or("", |known| known.title);
        ctx.ui.say(format!("  {:>5}  {rule} {title}", count(*examples as u64)));
    }
    ctx.ui.hint(format!("see them: `affinage lint --rule {most}`; decide on them: `affinage review`"));
}

/// Says what so many examples are enough for.
pub fn say_size(ctx: &Context, manifest: &Manifest) {
    let files = manifest.files.iter().filter(|(name, _)| *name != ALTERNATIVES_FILE);
    let examples: usize = files.map(|(_, file)| file.examples).sum();
    let (taste, goal) = (count(TASTE as u64), count(GOAL as u64));
    let said = match examples {
        few if few < TASTE => format!(
            "about {taste} are enough for a first small model to talk to, about {goal} are a full data set"
        ),
        some if some < GOAL => {
            format!("enough for a first small model to talk to; about {goal} are a full data set")
        }
        _ => return,
    };
    ctx.ui.say(format!("{}: {said}", counted(examples, "example", "examples")));
}
