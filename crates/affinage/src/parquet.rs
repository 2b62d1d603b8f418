//! Tables in parquet, as the Hugging Face hub keeps data sets: rows in as JSON.
//!
//! Only columns that can hold words or an id are read, one row group at a time. Compression: none, snappy, zstd.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
use ::parquet::schema::types::Type;
use anyhow::{Context as _, anyhow};
use serde_json::Value;

use crate::errors::HintExt as _;

/// Columns an importer knows; all others (embeddings, scores, sources) stay unread.
const COLUMNS: &[&str] = &[
    "id",
    "example_id",
    "conversation_id",
    "prompt_id",
    "title",
    "system",
    "messages",
    "conversations",
    "conversation",
    "prompt",
    "completion",
    "chosen",
    "rejected",
    "label",
    "instruction",
    "input",
    "output",
    "history",
    "preferred_output",
    "non_preferred_output",
];

/// Calls `row` with every row as JSON.
///
/// Errors: not a readable parquet file, or no column an importer knows.
pub fn read(path: &Path, row: &mut dyn FnMut(Value) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let shown = path.display();
    let reader =
        SerializedFileReader::new(File::open(path)?).with_context(|| format!("cannot read {shown}"))?;
    let schema = reader.metadata().file_metadata().schema();
    let names: Vec<&str> = schema.get_fields().iter().map(|field| field.name()).collect();
    let known: Vec<Arc<Type>> =
        schema.get_fields().iter().filter(|field| COLUMNS.contains(&field.name())).cloned().collect();
    if !known.iter().any(|field| !field.name().ends_with("id")) {
        return Err(anyhow!("{shown}: found 0 conversations because its columns are {}", names.join(", ")))
            .hint("a data set needs `messages`, `conversations`, `prompt` with `completion` or `chosen` and `rejected`, or `instruction`");
    }
    let projection = Type::group_type_builder(schema.name()).with_fields(known).build()?;
    for found in reader.get_row_iter(Some(projection)).with_context(|| format!("cannot read {shown}"))? {
        row(found.with_context(|| format!("cannot read {shown}"))?.to_json_value())?;
    }
    Ok(())
}
