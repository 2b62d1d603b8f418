//! Text to token ids, from the outside.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test reads files and says what it measured"
)]

mod agent_logs;
mod borrowed;
mod chats;
mod clean;
mod content;
mod declared;
mod dropped;
mod duplicates;
mod exports;
mod fixes;
mod generator;
mod hand_rows;
mod hostile;
mod import;
mod import_files;
mod languages;
mod lint;
mod local_exports;
mod logs;
mod marks;
mod measured;
mod notes;
mod preferences;
mod programs;
mod round_trip;
mod seeded;
mod sentencepiece;
mod series;
mod shapes;
mod split;
mod template;
mod tiny_vocabulary;
mod tokenize;
mod tokenizer;
mod transcripts;
mod unusual;
