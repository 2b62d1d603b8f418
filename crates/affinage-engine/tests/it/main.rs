#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

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
