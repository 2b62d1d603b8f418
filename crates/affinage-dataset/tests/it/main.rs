//! Text to token ids, from the outside.

mod exports;
mod import;
mod import_files;
mod lint;
mod split;
mod template;
mod tiny_vocabulary;
mod tokenize;
mod tokenizer;
mod transcripts;
