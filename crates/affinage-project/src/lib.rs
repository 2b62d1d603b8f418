//! A project folder and the stages on it: what is on the disk, what is sent out, and every step from an import to the evidence
//! of an evaluation. No terminal and no command line: a stage gets a [`Project`] and plain options, tells an
//! [`observer::Observer`] what happens, and returns its result. It stops early when [`interrupt::request`] was called.
//!
//! ```
//! use std::{path::Path, sync::Arc};
//! use affinage_project::folder::{events::Event, library::Library};
//! use affinage_project::stages::{freeze, import, training};
//! use affinage_project::{Project, observer::Silent};
//!
//! # fn main() -> anyhow::Result<()> {
//! let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
//! let folder = tempfile::tempdir()?;
//! let model = repository.join("testdata/golden/tiny-chat");
//! let config = format!("model = {model:?}\n[train]\nmax-seq-tokens = 256\nmax-steps = 2\n");
//! std::fs::write(folder.path().join("affinage.toml"), config)?;
//! let project = Project::open(folder.path(), &[], Arc::new(Silent))?;
//!
//! let mut library = Library::open_or_create(&project.project)?;
//! let export = repository.join("assets/demo/chatgpt-export.json");
//! let imported = import::file(&project, &mut library, &export, &Default::default())?;
//! assert_eq!(imported.conversations, 73);
//! drop(library);
//!
//! let undecided = freeze::Undecided::AcceptClean { dated: false };
//! let frozen = freeze::freeze(&project, &freeze::Options { undecided, ..Default::default() })?;
//! let run = training::train(&project, Some(&frozen.manifest.name), None)?;
//!
//! let steps = run.events(&project.ui)?.into_iter().filter(|row| matches!(row.event, Event::TrainStep(_)));
//! assert_eq!(steps.count(), 2);
//! # Ok(())
//! # }
//! ```

pub mod client;
pub mod errors;
pub mod folder;
pub mod interrupt;
pub mod machine;
pub mod model;
pub mod nearest;
pub mod next;
pub mod observer;
pub mod parquet;
pub mod pdf;
pub mod stages;

pub use folder::project::Project;
