//! Tables in parquet, as the Hugging Face hub keeps data sets: rows in as JSON.
//!
//! Only columns that can hold words or an id are read, one row group at a time. Compression: none, snappy, zstd.
//! Written is one shape: `id` and `messages`, a list of `role` and `content`.

use std::path::Path;
use std::sync::Arc;

use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::data_type::{ByteArray, ByteArrayType};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::parser::parse_message_type;
use ::parquet::schema::types::Type;
use affinage_dataset::example::DatasetRow;
use affinage_dataset::message::Message;
use anyhow::{Context as _, anyhow};
use fs_err::File;
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
    let reader = SerializedFileReader::new(File::open(path)?.into_parts().0)
        .with_context(|| format!("cannot read {shown}"))?;
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

/// What the hub's own writers make of a column of messages.
const ROW_SCHEMA: &str = "message row {
    required binary id (STRING);
    required group messages (LIST) {
        repeated group list {
            required group element {
                required binary role (STRING);
                required binary content (STRING);
            }
        }
    }
}";

/// Writes rows of a data set, zstd, in one row group.
pub fn write(path: &Path, rows: &[DatasetRow]) -> anyhow::Result<()> {
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let schema = Arc::new(parse_message_type(ROW_SCHEMA)?);
    let mut writer = SerializedFileWriter::new(File::create(path)?, schema, Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    let ids: Vec<ByteArray> = rows.iter().map(|row| row.example_id.as_str().into()).collect();
    write_column(&mut group, &ids, None)?;
    // Every message is there (definition level 1); the first one of a row begins a list (repetition level 0).
    let starts =
        |row: &DatasetRow| (0..row.messages.len()).map(|index| i16::from(index > 0)).collect::<Vec<i16>>();
    let repetition: Vec<i16> = rows.iter().flat_map(starts).collect();
    let texts = |text: fn(&Message) -> &str| -> Vec<ByteArray> {
        rows.iter().flat_map(|row| &row.messages).map(|message| text(message).into()).collect()
    };
    for values in [texts(|message| message.role.as_str()), texts(|message| &message.content)] {
        write_column(&mut group, &values, Some(&repetition))?;
    }
    group.close()?;
    writer.close()?;
    Ok(())
}

fn write_column(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &[ByteArray],
    repetition: Option<&[i16]>,
) -> anyhow::Result<()> {
    let mut column = group.next_column()?.context("the schema has another column")?;
    let definition = repetition.map(|levels| vec![1; levels.len()]);
    column.typed::<ByteArrayType>().write_batch(values, definition.as_deref(), repetition)?;
    Ok(column.close()?)
}
