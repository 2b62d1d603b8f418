//! A ballot as one HTML file for somebody else, and the file of votes that comes back.

use std::collections::BTreeSet;
use std::path::Path;

use affinage_eval::human_votes::{Said, Screens, SessionEvent};
use affinage_eval::id::row_id;
use affinage_eval::judgment::is_person;
use affinage_project::errors::HintExt as _;
use affinage_project::nearest::read_text;
use affinage_project::stages::judges::{Evaluated, PromptSources};
use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Ballot, VoteFiles};
use crate::context::Context;

/// What `--json` prints of a file for a voter.
#[derive(Serialize)]
pub struct Packed<'a> {
    pub v: u32,
    pub file: &'a Path,
    /// Screens.
    pub items: usize,
    /// Screens of conversations that are held private.
    pub left_out: usize,
    #[serde(skip)]
    pub screens: Screens,
    #[serde(skip)]
    pub size_bytes: u64,
    /// Whose texts it holds, a line each.
    #[serde(skip)]
    pub of: Vec<String>,
    /// Where the whole texts of the user come from that stand in it beside a damaged copy.
    #[serde(skip)]
    pub whole: BTreeSet<String>,
}

/// Writes a ballot as one page, without the texts that are held private and not named in `send_private`, and keeps its
/// comparisons.
pub fn write_pack<'a>(
    ctx: &Context,
    evaluated: &Evaluated,
    mut ballot: Ballot,
    file: &'a Path,
    send_private: &[String],
) -> anyhow::Result<Packed<'a>> {
    let sources = PromptSources::of(ctx, evaluated, send_private)?;
    let all = ballot.items.len();
    ballot.without_private(&sources);
    ballot.keep_comparisons(ctx)?;
    let page = html(&ballot)?;
    fs_err::write(file, &page)?;
    let planted = ballot.items.iter().filter(|item| item.is_gold());
    let whole = planted.filter_map(|item| sources.of_prompt(&item.call.comparison.prompt_id));
    Ok(Packed {
        v: 1,
        file,
        items: ballot.items.len(),
        left_out: all - ballot.items.len(),
        screens: Screens::of(&ballot.items),
        size_bytes: page.len() as u64,
        of: sources.shown(),
        whole: whole.map(str::to_owned).collect(),
    })
}

/// What `--json` prints of votes that came back.
#[derive(Serialize)]
pub struct Brought {
    pub v: u32,
    pub voter: String,
    pub votes: usize,
    pub new: usize,
    /// All that this voter has voted on.
    #[serde(skip)]
    pub voted_on: Screens,
    /// What the planted pairs and those shown twice say of this voter.
    #[serde(skip)]
    pub checks: Vec<String>,
}

/// Takes the votes of a file that a pack saved, all or none; those that are there already are not taken twice.
///
/// Errors: it is no such file; a vote is on no pair of this evaluation.
pub fn bring(ctx: &Context, evaluated: &Evaluated, file: &Path) -> anyhow::Result<Brought> {
    let text = read_text(file)?;
    let returned: Returned = serde_json::from_str(&text)
        .with_context(|| format!("{} is not a file of votes", file.display()))
        .hint("expected the file that a page of `affinage vote --pack` saves")?;
    if returned.affinage_votes != 1 || !is_person(&returned.voter) {
        return Err(anyhow!("{}: votes of another version of affinage", file.display()));
    }
    let _lock = evaluated.folder.lock()?;
    let ballot = Ballot::new(ctx, evaluated, &returned.voter, Some(returned.pairs))?;
    // All or nothing: a file with one strange vote is not to be trusted in part.
    let mut votes = Vec::new();
    for (number, vote) in returned.votes.iter().enumerate() {
        let place = || format!("{}: vote {}", file.display(), number + 1);
        let item = ballot.items.iter().find(|item| item.id == vote.id);
        let item = item
            .ok_or_else(|| anyhow!("{}: no such pair in evals/{}", place(), evaluated.plan.name))
            .hint("the pack was made from another evaluation, or its answers have changed; name it with `--eval`")?;
        let said = Said::parse(&vote.said, &item.call)
            .ok_or_else(|| anyhow!("{}: `{}` is not a vote on this pair", place(), vote.said))?;
        votes.push((item, said, vote.ms, vote.at));
    }
    ballot.keep_comparisons(ctx)?;
    let mut files = VoteFiles::open(ballot.folder(), &returned.voter, &ballot.items, &ctx.ui)?;
    let added = files.change(&ballot.items, |files| {
        let mut added = 0;
        for (item, said, ms, at) in votes {
            if !files.is_done(&item.id) {
                files.add(item, &said, ms, at)?;
                added += 1;
            }
        }
        if added > 0 {
            files.note(SessionEvent::Imported { votes: added })?;
        }
        Ok(added)
    })?;
    let checks = files.checks(&ballot.items);
    let voted_on = Screens::of(ballot.items.iter().filter(|item| files.is_done(&item.id)));
    Ok(Brought { v: 1, voter: returned.voter, votes: returned.votes.len(), new: added, voted_on, checks })
}

/// One self-contained page: it loads nothing and sends nothing.
///
/// The texts stand in it as JSON with every `<` escaped, so that no answer can end the script that holds it.
fn html(ballot: &Ballot) -> anyhow::Result<String> {
    let items: Vec<_> = ballot.items.iter().map(|item| ballot.screen(item)).collect();
    let ids: Vec<&str> = ballot.items.iter().map(|item| item.id.as_str()).collect();
    let pack = json!({
        "pack_id": row_id("pck", &ids),
        "voter": ballot.judge_id,
        "pairs": ballot.pairs_wanted,
        "pairs_shown": ballot.pairs(),
        "is_author": ballot.is_authors(),
        "own_first": ballot.has_own_first(),
        "items": items,
    });
    let pack = serde_json::to_string(&pack)?.replace('<', "\\u003c");
    let style = format!("{}{}", include_str!("../web/room.css"), include_str!("page/vote.css"));
    let code = [include_str!("../web/room.js"), include_str!("page/pack.js"), include_str!("page/vote.js")]
        // Each begins with its own directive; one block needs it once.
        .map(|script| script.replacen("\"use strict\";\n", "", 1))
        .join("\n");
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
    let page = include_str!("page/vote.html");
    let body = page.split_once("<body>").map_or("", |(_, rest)| rest);
    let body = body.replace(
        "</body>",
        &format!(
            "<script type=\"application/json\" id=\"pack\">{pack}</script>\n<script>\n\"use strict\";\n{code}\n</script>\n</body>"
        ),
    );
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>affinage · vote</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<style>\n{style}</style>\n</head>\n<body>{body}"
    ))
}

/// The file that a pack saves.
#[derive(Debug, Deserialize)]
struct Returned {
    /// Version of the form.
    affinage_votes: u32,
    voter: String,
    /// As many pairs were asked for when the pack was made.
    pairs: usize,
    votes: Vec<ReturnedVote>,
}

#[derive(Debug, Deserialize)]
struct ReturnedVote {
    id: String,
    said: String,
    ms: u64,
    at: Timestamp,
}
