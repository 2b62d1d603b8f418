//! One file per command: its arguments and `run(ctx, args)`.

pub mod doctor;
pub mod init;
