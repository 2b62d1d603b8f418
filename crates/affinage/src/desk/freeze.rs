//! Freezing from the desk: the same code as `affinage dataset`, while the desk goes on answering.

use std::sync::{Mutex, TryLockError};

use affinage_project::errors::usage;
use affinage_project::folder::datasets::ALTERNATIVES_FILE;
use affinage_project::stages::freeze::{
    Frozen, Options, Undecided, folder_word, freeze, say_size, say_version,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::context::Context;
use crate::web::Reply;

/// One freeze at a time.
#[derive(Default)]
pub struct Freezes(Mutex<()>);

/// What the page asks for.
#[derive(Deserialize)]
pub struct Asked {
    /// Also what is undecided and lint finds nothing against.
    #[serde(default)]
    accept_clean: bool,
    /// A word in the folder's name; may be empty.
    #[serde(default)]
    name: String,
}

impl Freezes {
    /// Freezes a version; the reply holds its name, its files and every line that the terminal says about it.
    pub fn freeze(&self, ctx: &Context, Asked { accept_clean, name }: &Asked) -> anyhow::Result<Reply> {
        let _one = match self.0.try_lock() {
            Ok(one) => one,
            Err(TryLockError::Poisoned(broken)) => broken.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(usage("a version is being frozen already")),
        };
        let name = match name.trim() {
            "" => None,
            word => Some(folder_word(word).map_err(|why| usage(format!("the name: {why}")))?),
        };
        let stage = ctx.as_stage();
        let (ui, heard) = stage.ui.overheard();
        let stage = stage.with_ui(ui);
        let undecided = match accept_clean {
            true => Undecided::AcceptClean { dated: false },
            false => Undecided::LeaveOut,
        };
        let frozen = match freeze(&stage, &Options { undecided, word: name.as_deref(), ..Options::default() })
        {
            Ok(frozen) => frozen,
            // What cannot be frozen is no fault of the desk: its cards are to be decided on in another way.
            Err(error) if !error.chain().any(|cause| cause.is::<std::io::Error>()) => {
                let mut refused = Reply::from_error(&error);
                refused.status = 400;
                return Ok(refused);
            }
            Err(error) => return Err(error),
        };
        say_version(&stage, &frozen)?;
        say_size(&stage, &frozen.manifest);
        let Frozen { folder, manifest, .. } = frozen;
        let mut files: Vec<_> =
            manifest.files.iter().filter(|(name, _)| *name != ALTERNATIVES_FILE).collect();
        // As they are used: first what trains, last what tests.
        let place =
            |name: &str| ["train", "validation", "test"].iter().position(|file| name.starts_with(file));
        files.sort_by_key(|(name, _)| place(name).unwrap_or(usize::MAX));
        let files: Vec<Value> = files
            .into_iter()
            .map(|(name, file)| json!({ "name": name, "examples": file.examples }))
            .collect();
        // The heading and the last line of the page say where it lies.
        let lines: Vec<String> = heard.lock().map(|lines| lines.clone()).unwrap_or_default();
        let lines: Vec<String> = lines.into_iter().filter(|line| !line.starts_with("frozen: ")).collect();
        Reply::json(&json!({
            "name": manifest.name, "folder": ctx.shown(&folder).to_string(), "files": files, "lines": lines,
        }))
    }
}
