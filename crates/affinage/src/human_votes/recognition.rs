//! "Which one did the author write?" as one HTML file for friends. It ends with a figure and a picture of it without any text.

use std::collections::BTreeSet;
use std::path::Path;

use affinage_eval::id::row_id;
use affinage_eval::recognition::{SCREENS, Screen, screens};
use affinage_eval::suite::Prompt;
use affinage_project::errors::HintExt as _;
use affinage_project::stages::judges::{Evaluated, PromptSources, answered_by_a_person};
use anyhow::anyhow;
use serde::Serialize;
use serde_json::{Value, json};

use super::pack::self_contained;
use crate::context::Context;

/// A page for friends; the document of `--json`.
#[derive(Serialize)]
pub struct Recognition<'a> {
    pub v: u32,
    pub file: &'a Path,
    /// Screens.
    pub items: usize,
    /// Screens of conversations that are held private.
    pub left_out: usize,
    #[serde(skip)]
    pub size_bytes: u64,
    /// Where the author's texts in it come from.
    #[serde(skip)]
    pub of: BTreeSet<String>,
}

/// Writes the page: openings of the author's own held-out texts beside those of the trained model. `called`: the author, as
/// friends know them. Texts that are held private are left out unless named in `send_private`.
///
/// Errors: the training texts are not a person's own words; too few held-out texts have an answer to be compared with.
pub fn write_recognition<'a>(
    ctx: &Context,
    evaluated: &Evaluated,
    called: Option<&str>,
    file: &'a Path,
    send_private: &[String],
) -> anyhow::Result<Recognition<'a>> {
    let plan = &evaluated.plan;
    let version = plan.dataset.as_ref().map(|facts| facts.version.as_str());
    let by_person = match version {
        Some(version) => answered_by_a_person(ctx, version)?,
        None => BTreeSet::new(),
    };
    let mut made =
        screens(&evaluated.prompts, &evaluated.completions, &plan.headline.arm, &by_person, plan.seed);
    if made.len() < FEWEST {
        let why = match by_person.len() {
            0 => {
                "no text that was kept out of the training is a person's own: the model learnt another voice"
                    .to_owned()
            }
            own => format!(
                "{} of the {own} own texts that were kept out of the training can be shown with an answer (one a conversation, both \
                 long enough); {FEWEST} are the least",
                made.len()
            ),
        };
        return Err(anyhow!("evals/{}: {why}", plan.name)).hint(
            "it needs a data set of your own words (`affinage import --learn mine`, or notes) and answers with room for 20 words",
        );
    }
    let prompts: Vec<Prompt> = made.iter().map(|screen| screen.prompt.clone()).collect();
    let sources = PromptSources::of_prompts(ctx, version, &prompts, send_private)?;
    let all = made.len();
    made.retain(|screen| !sources.is_private(&screen.prompt.prompt_id));
    let left_out = all - made.len();
    if made.len() < FEWEST {
        return Err(anyhow!("evals/{}: all but {} of the texts are held private", plan.name, made.len()))
            .hint("`--send-private NAME` takes one of them all the same");
    }
    made.truncate(SCREENS);
    let of = made.iter().filter_map(|screen| sources.of_prompt(&screen.prompt.prompt_id));
    let of = of.map(str::to_owned).collect();
    let page = page(&made, called)?;
    fs_err::write(file, &page)?;
    Ok(Recognition { v: 1, file, items: made.len(), left_out, size_bytes: page.len() as u64, of })
}

/// With fewer, guessing alone is too often right.
const FEWEST: usize = 4;

fn page(screens: &[Screen], called: Option<&str>) -> anyhow::Result<String> {
    let ids: Vec<&str> = screens.iter().map(|screen| screen.id.as_str()).collect();
    let items: Vec<Value> = screens
        .iter()
        .map(|Screen { id, prompt, openings, real }| {
            json!({ "id": id, "question": prompt.question(), "openings": openings, "real": real })
        })
        .collect();
    let pack = json!({ "pack_id": row_id("pck", &ids), "called": called, "items": items });
    let code = [include_str!("page/recognition.js")];
    let style = format!("{}{}", include_str!("page/vote.css"), include_str!("page/recognition.css"));
    self_contained("which one?", include_str!("page/recognition.html"), &code, &style, &pack)
}
