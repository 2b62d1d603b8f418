//! Who votes: a name is one voter, as the author of the training texts or as somebody else.

use affinage_eval::judgment::{AUTHOR, VOTER};
use affinage_eval::plan::DatasetFacts;
use affinage_project::errors::{HintExt as _, usage};
use affinage_project::stages::judges::Evaluated;

use super::votes_of;
use crate::context::Context;
use crate::ui::counted;

/// A name is one voter: whoever has voted as the author goes on as the author. `me` is who learns, and so the author where the
/// training texts are people's own words.
pub fn judge_id(ctx: &Context, evaluated: &Evaluated, name: &str, author: bool) -> anyhow::Result<String> {
    let ids = [AUTHOR, VOTER].map(|kind| format!("{kind}{name}"));
    let [as_author, as_other] = votes_of(&evaluated.folder, ids.each_ref(), &ctx.ui)?;
    let [author_id, other_id] = ids;
    let votes = |n: usize| counted(n, "vote", "votes");
    let call = |rest: &str| ctx.command_on(&evaluated.plan.name, "vote", &format!("--as {rest}"));
    match (as_author, as_other) {
        (0, 0) => {
            let is_own = evaluated.plan.dataset.as_ref().is_some_and(DatasetFacts::is_own_words);
            if !author && name == ME && is_own {
                ctx.ui.say(format!(
                    "you vote as the author, because the training texts are a person's own words; if somebody else wrote \
                     them, vote under another name: {}",
                    call("NAME")
                ));
            }
            Ok(if author || (name == ME && is_own) { author_id } else { other_id })
        }
        (given, 0) => {
            if !author {
                ctx.ui.say(format!(
                    "{name} has given {} as the author of the training texts; this goes on with them. Somebody else votes \
                     under another name",
                    votes(given)
                ));
            }
            Ok(author_id)
        }
        (0, given) if author => Err(usage(format!(
            "{name} has given {} on which answer is better, not as the author of the training texts",
            votes(given)
        )))
        .hint(format!(
            "{} goes on with them; the author takes another name: {}",
            call(name),
            call("NAME --author")
        )),
        (0, _) => Ok(other_id),
        // Both were possible once.
        (of_author, others) => {
            let (id, rest, other) = match author {
                true => (author_id, format!("{} on which answer is better", votes(others)), name.to_owned()),
                false => {
                    (other_id, format!("{} as the author", votes(of_author)), format!("{name} --author"))
                }
            };
            ctx.ui.say(format!("{name} has also given {rest}: {} goes on with those", call(&other)));
            Ok(id)
        }
    }
}

/// The name of whoever has the project.
pub const ME: &str = "me";
