mod golden;
mod oracle;
mod smollm2;
mod gguf_file;
mod quants;
mod weights_folder;
mod weights_gguf;
