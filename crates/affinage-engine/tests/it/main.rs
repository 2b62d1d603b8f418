mod gguf_file;
mod golden;
mod oracle;
mod quants;
mod smollm2;
mod weights_folder;
mod weights_gguf;
