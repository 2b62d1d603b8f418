//! Opening the browser without showing the token to other users of the machine: every argument list can be read by all
//! of them, so the browser is given a file of the owner's that leads on to the address.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Opens the user's browser at `url`; false if there is none to ask. The file lies in `folder` until the next start.
pub fn open_browser(folder: &Path, url: &str) -> bool {
    has_desktop() && write_page(folder, url).and_then(|page| show(&page)).is_ok()
}

/// Whether a program with windows can be started here.
pub fn has_desktop() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(any(target_os = "macos", windows)) || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

/// The program that shows a file as the user is used to.
pub const OPENER: &str = if cfg!(target_os = "macos") {
    "open"
} else if cfg!(windows) {
    "cmd"
} else {
    "xdg-open"
};

/// Asks the desktop to show a file; what comes of it is not waited for.
pub fn show(file: &Path) -> std::io::Result<()> {
    let before: &[&str] = if cfg!(windows) { &["/C", "start", ""] } else { &[] };
    let mut command = Command::new(OPENER);
    command.args(before).arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map(drop)
}

/// A page that only its owner can read and that leads to `url`; it replaces the one of an earlier start.
fn write_page(folder: &Path, url: &str) -> std::io::Result<PathBuf> {
    let path = std::path::absolute(folder)?.join(".open-in-browser.html");
    match fs_err::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    fs_err::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let page = format!(
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\
         <meta http-equiv=\"refresh\" content=\"0; url={url}\"><title>affinage</title><a href=\"{url}\">affinage</a>\n"
    );
    options.open(&path)?.write_all(page.as_bytes())?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_leads_to_the_address_and_replaces_the_one_before() {
        let folder = tempfile::tempdir().expect("a folder");
        for url in ["http://127.0.0.1:1/a/", "http://127.0.0.1:2/b/"] {
            let page = write_page(folder.path(), url).expect("written");
            let text = std::fs::read_to_string(&page).expect("a page");
            assert!(text.contains(&format!("url={url}")), "{text}");
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                let mode = std::fs::metadata(&page).expect("a file").permissions().mode();
                assert_eq!(mode & 0o077, 0, "for the owner only");
            }
        }
    }
}
