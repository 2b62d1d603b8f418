//! Bring: files, folders and pasted texts into the library. They lie in a folder of their own until the import has read them.

use affinage_dataset::import::LeftOut;
use affinage_project::errors::usage;
use affinage_project::folder::arriving::{Announced, MOST_BYTES, Upload};
use affinage_project::folder::library::{LIBRARY_FILE, Library, Source};
use serde::Deserialize;
use serde_json::{Value, json};

use super::jobs::Work;
use super::{Studio, lock};
use crate::context::Context;
use crate::web::{Method, Reply, Request};

#[derive(Deserialize)]
struct Begun {
    files: Vec<Announced>,
}

#[derive(Deserialize)]
struct Arrived {
    upload: String,
    /// Every text is the person's own.
    #[serde(default)]
    notes: bool,
}

#[derive(Deserialize)]
struct Pasted {
    text: String,
    #[serde(default)]
    notes: bool,
}

/// The file of a pasted text, as `affinage import -` calls it.
const PASTED: &str = "pasted.md";

pub fn answer(studio: &Studio, ctx: &Context, request: &Request, below: &str) -> anyhow::Result<Reply> {
    match (request.method, below) {
        (Method::Get, "") => known(ctx),
        (Method::Post, "begin") => {
            let upload = Upload::begin(&ctx.project, &request.json::<Begun>()?.files)?;
            let name = name_of(&upload);
            lock(&studio.uploads).insert(name.clone(), upload);
            Reply::json(&json!({ "upload": name }))
        }
        (Method::Post, "piece") => {
            let number = |key: &str| request.query(key).and_then(|value| value.parse().ok());
            let (Some(name), Some(file), Some(at)) = (request.query("upload"), number("file"), number("at"))
            else {
                return Err(usage("a piece of a file names its upload, its file and its place"));
            };
            let mut uploads = lock(&studio.uploads);
            let upload = uploads.get_mut(name).ok_or_else(no_such_upload)?;
            upload.add(file, at as u64, request.body())?;
            Reply::json(&json!({}))
        }
        (Method::Post, "import") => {
            let Arrived { upload: name, notes } = request.json()?;
            let names = lock(&studio.uploads).get(&name).ok_or_else(no_such_upload)?.whole()?;
            let upload = lock(&studio.uploads).remove(&name).ok_or_else(no_such_upload)?;
            import(studio, ctx, &upload, names, notes)
        }
        (Method::Post, "leave") => {
            let Arrived { upload: name, .. } = request.json()?;
            if let Some(upload) = lock(&studio.uploads).remove(&name) {
                fs_err::remove_dir_all(upload.folder())?;
            }
            Reply::json(&json!({}))
        }
        (Method::Post, "paste") => {
            let Pasted { text, notes } = request.json()?;
            if text.trim().is_empty() {
                return Err(usage("nothing was pasted"));
            }
            let announced = Announced { path: PASTED.to_owned(), size: text.len() as u64 };
            let mut upload = Upload::begin(&ctx.project, &[announced])?;
            let arrived = upload.add(0, 0, text.as_bytes()).and_then(|()| upload.whole());
            if arrived.is_err() {
                // Why it did not arrive is said.
                let _stays = fs_err::remove_dir_all(upload.folder());
            }
            import(studio, ctx, &upload, arrived?, notes)
        }
        _ => Ok(Reply::not_found()),
    }
}

fn no_such_upload() -> anyhow::Error {
    usage("what was sent is not here any more: bring it again")
}

/// What a page calls an upload: the name of its folder.
fn name_of(upload: &Upload) -> String {
    upload.folder().file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn import(
    studio: &Studio,
    ctx: &Context,
    upload: &Upload,
    names: Vec<String>,
    notes: bool,
) -> anyhow::Result<Reply> {
    let within = upload.folder().to_owned();
    let job = studio.jobs.add(ctx, Work::Import { within, names, notes })?;
    Reply::json(&json!({ "job": job }))
}

/// The imported files, oldest first; of those that hold private texts alone without their name.
fn shown_sources(library: &Library) -> anyhow::Result<Vec<Value>> {
    let private = library.private_sources()?;
    let row = |source: Source| {
        let name = (!private.contains(&source.sha256)).then_some(source.path);
        json!({ "path": name, "size_bytes": source.size_bytes, "imported_at": source.imported_at })
    };
    Ok(library.sources()?.into_iter().map(row).collect())
}

/// What was brought before, and what of it did not become text.
fn known(ctx: &Context) -> anyhow::Result<Reply> {
    let library =
        ctx.project.join(LIBRARY_FILE).is_file().then(|| Library::open(&ctx.project)).transpose()?;
    let (sources, left_out, texts) = match &library {
        Some(library) => (shown_sources(library)?, library.left_out()?, library.conversations()?),
        None => (Vec::new(), LeftOut::default(), 0),
    };
    Reply::json(&json!({ "sources": sources, "left_out": left_out.lines(), "texts": texts,
        "most_bytes": MOST_BYTES }))
}
