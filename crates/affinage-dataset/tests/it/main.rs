//! Text to token ids, from the outside.

mod chats;
mod content;
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
mod measured;
mod notes;
mod preferences;
mod round_trip;
mod seeded;
mod split;
mod template;
mod tiny_vocabulary;
mod tokenize;
mod tokenizer;
mod transcripts;
mod unusual;
