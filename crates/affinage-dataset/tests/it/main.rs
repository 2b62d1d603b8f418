//! Text to token ids, from the outside.

mod exports;
mod hand_rows;
mod import;
mod import_files;
mod lint;
mod local_exports;
mod round_trip;
mod split;
mod template;
mod tiny_vocabulary;
mod tokenize;
mod tokenizer;
mod transcripts;
