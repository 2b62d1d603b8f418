mod golden;
mod gguf_file;
mod quants;
mod weights_folder;
mod weights_gguf;
