//! The table of folders in ARCHITECTURE.md names every source folder, and every name in it exists.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// One row: the crate's name, the paths of the first cell and the names in the second, as written.
#[derive(Debug, PartialEq)]
struct Row {
    crate_name: String,
    paths: Vec<String>,
    mentioned: Vec<String>,
}

/// Rows of the section "Where things are": tables under headings `### crates/NAME`.
fn rows(document: &str) -> Vec<Row> {
    let section = document.split("\n## ").find(|part| part.starts_with("Where things are"));
    let mut crate_name = String::new();
    let mut rows = Vec::new();
    for line in section.unwrap_or_default().lines() {
        if let Some(name) = line.strip_prefix("### crates/") {
            crate_name = name.trim().to_owned();
        }
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        if let [paths, what] = cells.as_slice()
            && paths.contains('`')
        {
            let is_path = |name: &String| name.ends_with('/') || has_source_extension(name);
            let mentioned = quoted(what).into_iter().filter(is_path).collect();
            rows.push(Row { crate_name: crate_name.clone(), paths: quoted(paths), mentioned });
        }
    }
    rows
}

fn has_source_extension(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "rs")
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn exists(at: &Path, name: &str) -> bool {
    let path = at.join(name);
    if name.ends_with('/') { path.is_dir() } else { path.is_file() }
}

/// Folders below `src` that hold Rust files, as `a/b/`.
fn folders(src: &Path) -> BTreeSet<String> {
    let mut open = vec![src.to_owned()];
    let mut found = BTreeSet::new();
    while let Some(folder) = open.pop() {
        for entry in fs_err::read_dir(&folder).expect("a source folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && folder != src {
                let below = folder.strip_prefix(src).expect("below src").to_string_lossy().replace('\\', "/");
                found.insert(format!("{below}/"));
            }
        }
    }
    found
}

#[test]
fn the_table_of_folders_agrees_with_the_tree() {
    let document = fs_err::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let rows = rows(&document);
    let mut wrong = Vec::new();
    for entry in fs_err::read_dir(root().join("crates")).expect("crates") {
        let folder = entry.expect("an entry").path();
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let src = folder.join("src");
        let of_crate: Vec<&Row> = rows.iter().filter(|row| row.crate_name == name).collect();
        let named: BTreeSet<&String> = of_crate.iter().flat_map(|row| &row.paths).collect();
        for missing in folders(&src).iter().filter(|folder| !named.contains(folder)) {
            wrong.push(format!("crates/{name}/src/{missing} has no row"));
        }
        for row in of_crate {
            let gone = row.paths.iter().filter(|path| !exists(&src, path));
            wrong.extend(gone.map(|path| format!("crates/{name}/src/{path} does not exist")));
            let at = src.join(row.paths.first().map_or("", String::as_str));
            let gone = row.mentioned.iter().filter(|path| !exists(&at, path));
            wrong.extend(gone.map(|path| format!("{path} does not exist in {}", at.display())));
        }
    }
    assert!(wrong.is_empty(), "ARCHITECTURE.md, \"Where things are\":\n{}", wrong.join("\n"));
    assert!(rows.len() > 60, "the tables are read: {} rows", rows.len());
}

/// Paths between backticks in the section "To add something", without those of a file that is to be made.
fn paths_to_touch(document: &str) -> Vec<String> {
    let section = document.split("\n## ").find(|part| part.starts_with("To add something"));
    let is_path = |name: &String| name.contains('/') && !name.contains("NAME");
    quoted(section.unwrap_or_default()).into_iter().filter(is_path).collect()
}

#[test]
fn the_files_to_touch_for_something_new_exist() {
    let made = paths_to_touch(
        "# A\n\n## To add something\n\n| a | `x/NAME.rs`, `x/b.rs` (`B`) |\n\n## C\n\n`x/d.rs`\n",
    );
    assert_eq!(made, ["x/b.rs"]);
    let document = fs_err::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let paths = paths_to_touch(&document);
    assert!(paths.len() > 30, "the table is read: {} paths", paths.len());
    let gone: Vec<&String> = paths.iter().filter(|path| !exists(&root(), path)).collect();
    assert!(gone.is_empty(), "ARCHITECTURE.md, \"To add something\": {gone:?} do not exist");
}

#[test]
fn a_row_is_read_with_its_crate_its_paths_and_the_files_that_it_mentions() {
    let document = "# A\n\n## Where things are\n\n### crates/one\n\n| where | what |\n|---|---|\n\
                    | `a/`, `a.rs` | the `Thing` of `b.rs` and `c/` |\n\n## Next\n\n| `d/` | not here |\n";
    let expected = Row {
        crate_name: "one".to_owned(),
        paths: vec!["a/".to_owned(), "a.rs".to_owned()],
        mentioned: vec!["b.rs".to_owned(), "c/".to_owned()],
    };
    assert_eq!(rows(document), [expected]);
}
