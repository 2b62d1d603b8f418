#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]
#![expect(clippy::print_stderr, reason = "a test says what it skips and what it measured")]

mod adapters;
mod exports;
mod gemma3;
mod gguf_file;
mod golden;
mod oracle;
mod quants;
mod smollm2;
mod weights_folder;
mod weights_gguf;
