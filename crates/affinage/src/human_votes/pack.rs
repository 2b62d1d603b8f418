//! A ballot as one HTML file for somebody else, and the file of votes that comes back.

use std::path::Path;

use affinage_eval::id::row_id;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Ballot;

/// What `--json` prints of a file for a voter.
#[derive(Serialize)]
pub struct Packed<'a> {
    pub v: u32,
    pub file: &'a Path,
    /// Screens.
    pub items: usize,
    /// Screens of conversations that are held private.
    pub left_out: usize,
}

/// What `--json` prints of votes that came back.
#[derive(Serialize)]
pub struct Brought<'a> {
    pub v: u32,
    pub voter: &'a str,
    pub votes: usize,
    pub new: usize,
}

/// One self-contained page: it loads nothing and sends nothing.
///
/// The texts stand in it as JSON with every `<` escaped, so that no answer can end the script that holds it.
pub fn html(ballot: &Ballot) -> anyhow::Result<String> {
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
pub struct Returned {
    /// Version of the form.
    pub affinage_votes: u32,
    pub voter: String,
    /// As many pairs were asked for when the pack was made.
    pub pairs: usize,
    pub votes: Vec<ReturnedVote>,
}

#[derive(Debug, Deserialize)]
pub struct ReturnedVote {
    pub id: String,
    pub said: String,
    pub ms: u64,
    pub at: Timestamp,
}
