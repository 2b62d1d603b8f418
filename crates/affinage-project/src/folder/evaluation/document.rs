//! A file that is one JSON document.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::folder::jsonl::replace_file;

/// A file that holds a `T` as JSON; it need not be there.
#[derive(Clone, Debug)]
pub struct Document<T> {
    path: PathBuf,
    content: PhantomData<fn(T) -> T>,
}

impl<T> Document<T> {
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path, content: PhantomData }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn is_there(&self) -> bool {
        self.path.is_file()
    }

    /// The file as it is; `None` where there is none.
    pub fn bytes(&self) -> anyhow::Result<Option<Vec<u8>>> {
        match fs_err::read(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl<T: DeserializeOwned> Document<T> {
    /// Errors: the file is missing; another version wrote it, or it is damaged.
    pub fn read(&self) -> anyhow::Result<T> {
        serde_json::from_slice(&fs_err::read(&self.path)?)
            .with_context(|| format!("{} was not written by this version", self.path.display()))
    }
}

impl<T: Serialize> Document<T> {
    /// What [`Document::write`] writes.
    pub fn text(content: &T) -> anyhow::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(content)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Replaces the file in one step.
    pub fn write(&self, content: &T) -> anyhow::Result<()> {
        replace_file(&self.path, &Self::text(content)?)
    }
}
