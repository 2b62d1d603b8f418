//! Promises about the repository itself: crate edges, purity, size of files, and the demo's texts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use affinage_dataset::shingle::{ContainmentIndex, Shingles};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

const CRATES: [&str; 6] = [
    "affinage-engine",
    "affinage-dataset",
    "affinage-eval",
    "affinage-report",
    "affinage-project",
    "affinage",
];

fn sources(crate_name: &str) -> Vec<(PathBuf, String)> {
    let mut folders = vec![root().join("crates").join(crate_name).join("src")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).expect("a source folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs_err::read_to_string(&path).expect("UTF-8 source");
                files.push((path, text));
            }
        }
    }
    files
}

/// A file up to the module of its tests. Other items that only tests need stay.
fn without_tests(text: &str) -> &str {
    let begins =
        ["\nmod tests {", "\npub(crate) mod tests {"].iter().filter_map(|begin| text.find(begin)).min();
    &text[..begins.unwrap_or(text.len())]
}

#[test]
fn only_the_module_of_tests_is_left_out() {
    let text = "#[cfg(test)]\nmod tests;\n#[cfg(test)]\nfn one() {}\nfn two() {}\n#[cfg(test)]\nmod tests {\nuse std::fs;\n}\n";
    let code = without_tests(text);
    assert!(code.contains("fn two()") && !code.contains("std::fs"), "{code}");
}

#[test]
fn crates_depend_only_downwards() {
    let there: BTreeSet<String> = fs_err::read_dir(root().join("crates"))
        .expect("crates")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(there, CRATES.map(str::to_owned).into(), "every crate is in these lists");
    for (name, allowed) in [
        ("affinage-engine", &[][..]),
        ("affinage-dataset", &[][..]),
        ("affinage-eval", &["affinage-dataset"][..]),
        ("affinage-report", &["affinage-dataset", "affinage-eval"][..]),
        (
            "affinage-project",
            &["affinage-engine", "affinage-dataset", "affinage-eval", "affinage-report"][..],
        ),
        (
            "affinage",
            &["affinage-engine", "affinage-dataset", "affinage-eval", "affinage-report", "affinage-project"]
                [..],
        ),
    ] {
        let dependencies = dependencies(name);
        let ours: Vec<&String> = dependencies.iter().filter(|key| key.starts_with("affinage")).collect();
        assert!(ours.iter().all(|key| allowed.contains(&key.as_str())), "{name} depends on {ours:?}");
    }
}

/// What a crate is built from, tests apart.
fn dependencies(name: &str) -> Vec<String> {
    let manifest =
        fs_err::read_to_string(root().join("crates").join(name).join("Cargo.toml")).expect("a manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    manifest["dependencies"].as_table().expect("a table").keys().cloned().collect()
}

#[test]
fn stages_know_no_command_line_and_no_terminal() {
    const BANNED: [&str; 8] = [
        "print!(",
        "println!(",
        "eprint!(",
        "eprintln!(",
        "io::stdin",
        "io::stdout",
        "io::stderr",
        "is_terminal",
    ];
    for terminal in ["clap", "console", "ctrlc", "indicatif"] {
        let built_from = dependencies("affinage-project");
        assert!(!built_from.iter().any(|name| name == terminal), "affinage-project depends on {terminal}");
    }
    for (path, text) in sources("affinage-project") {
        // The process that reads a PDF speaks to its parent by standard input and output.
        if path.ends_with("pdf.rs") || path.ends_with("tests.rs") {
            continue;
        }
        let code = without_tests(&text);
        for banned in BANNED {
            assert!(!code.contains(banned), "{} uses {banned}", path.display());
        }
    }
}

/// Pages and servers call stages, as commands do.
#[test]
fn commands_are_called_by_the_command_line_alone() {
    for (path, text) in sources("affinage") {
        let shown = path.to_string_lossy().replace('\\', "/");
        if shown.contains("/commands/") || shown.ends_with("/cli.rs") || shown.ends_with("/main.rs") {
            continue;
        }
        assert!(!text.contains("commands::"), "{shown} calls a command: what it needs is a stage");
    }
}

/// A command turns its arguments into options and calls stages: it makes no arguments of another command.
#[test]
fn no_command_makes_the_arguments_of_another() {
    let mut commands = 0;
    for (path, text) in sources("affinage") {
        let shown = path.to_string_lossy().replace('\\', "/");
        if !shown.contains("/commands/") {
            continue;
        }
        commands += text.lines().count();
        let own = text.match_indices("Args {").filter(|(at, _)| {
            let line = text[..*at].rsplit('\n').next().unwrap_or_default();
            !line.contains("struct ") && !line.contains("impl ") && !line.contains("let ")
        });
        assert_eq!(own.count(), 0, "{shown} makes arguments");
        assert!(!text.contains("Args::"), "{shown} makes arguments");
    }
    assert!(commands < 4000, "commands have {commands} lines: logic belongs into a stage");
}

/// Folders are what stages work on.
#[test]
fn folders_name_no_stage() {
    let mut files = 0;
    for (path, text) in sources("affinage-project") {
        let shown = path.to_string_lossy().replace('\\', "/");
        if shown.contains("/folder/") {
            files += 1;
            assert!(!text.contains("stages::"), "{shown} names a stage: turn it round");
        }
    }
    assert!(files > 20, "{files} files of folders");
}

/// A command whose result follows from settings is built, so that it repeats those of the call ([`affinage_eval::next`]). What
/// stays in files names it as text.
#[test]
fn commands_that_follow_settings_are_built() {
    let followers = affinage_eval::next::FOLLOWS.map(|(command, _)| command);
    let named = |code: &str| {
        let begins = code.match_indices("`affinage ").map(|(at, begin)| &code[at + begin.len()..]);
        let words =
            begins.filter_map(|rest| rest.split(|c: char| !c.is_ascii_lowercase() && c != '-').next());
        words.filter(|word| followers.contains(word)).map(str::to_owned).collect::<Vec<String>>()
    };
    assert_eq!(named("then `affinage train`, then `affinage report`"), ["train"]);
    for (path, text) in sources("affinage-project").into_iter().chain(sources("affinage")) {
        let shown = path.to_string_lossy().replace('\\', "/");
        // The configuration of the demo, and the text that goes with a job for another machine.
        if shown.ends_with("/demo.rs") || shown.ends_with("/readme.rs") {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            assert_eq!(named(line), [""; 0], "{shown}: use next::next: {line}");
        }
    }
}

/// What `--json` prints has a type, whose fields are the keys.
#[test]
fn no_command_builds_its_document_by_hand() {
    for (path, text) in sources("affinage") {
        let shown = path.to_string_lossy().replace('\\', "/");
        if shown.contains("/commands/") {
            let code = without_tests(&text);
            assert!(!code.contains("json!("), "{shown} builds a document by hand");
        }
    }
}

/// Files and folders of evaluations: the constants of the only file that spells them, and what it takes from elsewhere.
fn names_of_evaluations() -> Vec<String> {
    let file = root().join("crates/affinage-project/src/folder/evaluation.rs");
    let text = fs_err::read_to_string(file).expect("the names of evaluations");
    let constants = text.lines().filter_map(|line| {
        let (_, value) = line
            .strip_prefix("const ")
            .or_else(|| line.strip_prefix("pub const "))?
            .split_once(": &str = \"")?;
        value.strip_suffix("\";").map(str::to_owned)
    });
    let elsewhere = [affinage_eval::judgment::VOTES_FILE, affinage_eval::planted::PLANTED_VOTES_FILE];
    constants.chain(elsewhere.map(str::to_owned)).collect()
}

#[test]
fn names_on_the_disk_are_spelled_in_one_place() {
    const FOLDERS: [&str; 6] =
        ["datasets", "runs", "checkpoints", "manifest.json", "provenance.json", "library.db"];
    let of_evaluations = names_of_evaluations();
    for known in ["plan.json", "ballot.json", "settings.toml", "votes.jsonl", "dose.json", "begun", "plots"] {
        assert!(of_evaluations.iter().any(|name| name == known), "{known} is read: {of_evaluations:?}");
    }
    for (path, text) in sources("affinage-project").into_iter().chain(sources("affinage")) {
        let shown = path.to_string_lossy().replace('\\', "/");
        // Jobs for other engines and other people's trainings have files of the same names.
        if ["/folder/", "/stages/external_trainer/", "/stages/audit"].iter().any(|part| shown.contains(part))
        {
            continue;
        }
        let code = without_tests(&text);
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        for name in &of_evaluations {
            // As a name of its own, and at the end of a path; in a comment and in what is told it may stand. Names without an
            // ending are words that stand elsewhere too.
            let spelled = match name.contains('.') {
                true => [format!("\"{name}\""), format!("}}/{name}")],
                false => [format!("join(\"{name}\")"), format!("}}/{name}\"")],
            };
            assert!(
                !code.lines().filter(is_code).any(|line| spelled.iter().any(|name| line.contains(name))),
                "{shown} spells {name}: see folder/evaluation.rs"
            );
        }
        for name in FOLDERS {
            assert!(!code.contains(&format!("join(\"{name}\")")), "{shown} spells {name}: see folder/");
        }
    }
}

#[test]
fn dataset_eval_and_report_touch_no_file_socket_clock_environment_or_terminal() {
    const BANNED: [&str; 11] = [
        "std::fs",
        "fs_err",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "std::env::",
        "SystemTime",
        "Instant::now",
        "println!(",
        "eprintln!(",
        "std::process",
    ];
    let is_test =
        |path: &Path| path.ends_with("src/tests.rs") || path.to_string_lossy().contains("src/tests/");
    for name in ["affinage-dataset", "affinage-eval", "affinage-report"] {
        for (path, text) in sources(name).into_iter().filter(|(path, _)| !is_test(path)) {
            let code = without_tests(&text);
            for banned in BANNED {
                assert!(!code.contains(banned), "{} uses {banned}", path.display());
            }
        }
    }
}

#[test]
fn unsafe_code_stays_in_its_two_places() {
    for name in CRATES {
        for (path, text) in sources(name) {
            let shown = path.to_string_lossy().replace('\\', "/");
            let allowed = shown.contains("kernels/arch/") || shown.contains("weights/");
            let has_unsafe = text.lines().any(|line| {
                let code = line.split("//").next().unwrap_or_default();
                code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("unsafe impl")
            });
            assert!(allowed || !has_unsafe, "{shown} has unsafe code");
        }
    }
}

/// Text literals of code, comments apart, and whether `format!` fills them.
fn literals(code: &str) -> Vec<(bool, String)> {
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<&str>>().join("\n").replace("'\"'", "");
    let mut found = Vec::new();
    let mut rest = code.as_str();
    while let Some((before, from)) = rest.split_once('"') {
        let mut is_escaped = false;
        let end = from.find(|c: char| {
            let ends = c == '"' && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            ends
        });
        let end = end.expect("a literal ends");
        found.push((before.trim_end().ends_with("format!("), from[..end].to_owned()));
        rest = &from[end + 1..];
    }
    found
}

/// What reads like a sentence: a full stop at the end or before a space, or a form that begins with a capital or a quoted name.
fn sentences(code: &str) -> Vec<String> {
    let begins = |text: &str| text.starts_with(|c: char| c.is_uppercase() || c == '`');
    let is_sentence = |(is_form, text): &(bool, String)| {
        text.ends_with('.') || text.contains(". ") || (*is_form && begins(text))
    };
    literals(code).into_iter().filter(is_sentence).map(|(_, text)| text).collect()
}

/// The analysis computes; `wording/` says it. Labels, units and names of rows are no sentences.
#[test]
fn no_file_of_the_analysis_builds_a_sentence() {
    let sample =
        "// \"No.\"\nf(\"A label\", format!(\n\"`{a}` is \\\"b\\\"\"), \"x of y\", \"It ends.\", '\"')";
    assert_eq!(sentences(sample), ["`{a}` is \\\"b\\\"", "It ends."]);
    let (mut computed, mut said) = (0, 0);
    for (path, text) in sources("affinage-eval") {
        let shown = path.to_string_lossy().replace('\\', "/");
        if shown.contains("/wording/") {
            said += sentences(without_tests(&text)).len();
        } else if shown.contains("/analyze/") {
            computed += 1;
            let found = sentences(without_tests(&text));
            assert!(found.is_empty(), "{shown} builds a sentence, which belongs into wording/: {found:?}");
        }
    }
    assert!(computed > 25 && said > 200, "{computed} files that compute, {said} sentences");
}

#[test]
fn files_stay_readable() {
    const LONGEST: usize = 600;
    for name in CRATES {
        for (path, text) in sources(name) {
            let lines = text.lines().count();
            assert!(lines <= LONGEST, "{} has {lines} lines, at most {LONGEST}", path.display());
        }
    }
}

/// Texts of the demo and the suites: `(id, text)`.
fn texts() -> Vec<(String, String)> {
    let files = [
        ("demo/dialogues.jsonl", &["user", "assistant"][..]),
        ("suites/coding.jsonl", &["prompt", "reference"][..]),
        ("suites/practical.jsonl", &["prompt", "reference"][..]),
        ("suites/creative.jsonl", &["prompt", "reference"][..]),
    ];
    let mut texts = Vec::new();
    for (file, keys) in files {
        let lines = fs_err::read_to_string(root().join("assets").join(file)).expect("an asset");
        for line in lines.lines() {
            let row: Value = serde_json::from_str(line).expect("JSON");
            let text: Vec<&str> = keys.iter().map(|key| row[*key].as_str().expect("a text")).collect();
            texts.push((row["id"].as_str().expect("an id").to_owned(), text.join("\n")));
        }
    }
    texts
}

#[test]
fn no_two_texts_of_demo_and_suites_overlap() {
    let texts = texts();
    assert_eq!(texts.len(), 102 + 3 * 30);
    let shingles: Vec<Shingles> = texts.iter().map(|(_, text)| Shingles::of(&[text])).collect();
    let index = ContainmentIndex::new(&shingles);
    for (i, (id, _)) in texts.iter().enumerate() {
        for (other, shared) in index.overlaps(&shingles[i]) {
            let share = shared as f64 / shingles[i].len() as f64;
            assert!(other == i || share < 0.2, "{share:.2} of {id} stands in {}", texts[other].0);
        }
    }
}

/// `deny.toml`: what dependencies may be.
fn allowed_dependencies() -> toml::Table {
    fs_err::read_to_string(root().join("deny.toml")).expect("deny.toml").parse().expect("TOML")
}

/// Whether a licence expression leaves a choice of `allowed` in each part that must hold.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let choices = expression.replace(" WITH LLVM-exception", "").replace('/', " OR ");
    choices.split(" AND ").all(|part| {
        let part = part.trim_matches(|c: char| c.is_whitespace() || "()".contains(c));
        part.split(" OR ").any(|licence| allowed.contains(&licence.trim()))
    })
}

/// Crates in more than one version that `skip` does not explain, entries of `skip` that explain nothing, and crates from
/// elsewhere than the registry. `lock` is a Cargo.lock; an entry of `skip` is `name@version`, or the beginning of the version.
fn faults_of_lock(lock: &toml::Table, skip: &[&str]) -> Vec<String> {
    let mut versions = BTreeMap::<&str, Vec<&str>>::new();
    let mut faults = Vec::new();
    for package in lock["package"].as_array().expect("packages") {
        let (name, version) = (package["name"].as_str().expect("a name"), package["version"].as_str());
        let version = version.expect("a version");
        versions.entry(name).or_default().push(version);
        if package.get("source").is_some_and(|it| !it.as_str().is_some_and(|it| it.starts_with("registry+")))
        {
            faults.push(format!("{name} {version} is not from the registry"));
        }
    }
    let mut explained: BTreeSet<&&str> = BTreeSet::new();
    for (name, versions) in &versions {
        let mut unexplained = versions.clone();
        if versions.len() > 1 {
            unexplained.retain(|version| {
                let entry = skip.iter().find(|entry| {
                    entry.split_once('@').is_some_and(|(of, begins)| {
                        of == *name && format!("{version}.").starts_with(&format!("{begins}."))
                    })
                });
                explained.extend(entry);
                entry.is_none()
            });
        }
        if unexplained.len() > 1 {
            faults.push(format!("{name} is there as {}", unexplained.join(" and ")));
        }
    }
    faults
        .extend(skip.iter().filter(|it| !explained.contains(*it)).map(|it| format!("{it} explains nothing")));
    faults
}

#[test]
fn a_crate_in_two_versions_has_a_reason() {
    let invented = |text: &str, skip: &[&str]| faults_of_lock(&text.parse().expect("TOML"), skip);
    let two = "[[package]]\nname='a'\nversion='1.2.0'\n[[package]]\nname='a'\nversion='2.0.1'\n";
    assert_eq!(invented(two, &[]), ["a is there as 1.2.0 and 2.0.1"]);
    assert_eq!(invented(two, &["a@1"]), [""; 0]);
    assert_eq!(invented(two, &["a@1", "b@1"]), ["b@1 explains nothing"]);
    let forked = "[[package]]\nname='a'\nversion='1.2.0'\nsource='git+https://example.org/a'\n";
    assert_eq!(invented(forked, &[]), ["a 1.2.0 is not from the registry"]);

    let rules = allowed_dependencies();
    let skip = rules["bans"]["skip"].as_array().expect("a list");
    let skip: Vec<&str> = skip.iter().map(|entry| entry["crate"].as_str().expect("a crate")).collect();
    let lock = fs_err::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock");
    assert_eq!(faults_of_lock(&lock.parse().expect("TOML"), &skip), [""; 0]);
}

#[test]
fn every_dependency_has_an_allowed_licence() {
    let rules = allowed_dependencies();
    let allowed = rules["licenses"]["allow"].as_array().expect("a list");
    let allowed: Vec<&str> = allowed.iter().map(|licence| licence.as_str().expect("a licence")).collect();
    for (expression, free) in [
        ("MIT / Apache-2.0", true),
        ("GPL-3.0 OR MIT", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("MIT AND GPL-3.0", false),
        ("AGPL-3.0", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), free, "{expression}");
    }
    let command = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO")).args(arguments).current_dir(root()).output();
        let output = output.expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let version = command(&["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    // What this machine builds is there without a network.
    let metadata =
        command(&["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", host]);
    let metadata: Value = serde_json::from_str(&metadata).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 100, "{}", packages.len());
    let refused = packages.iter().filter(|package| {
        !package["license"].as_str().is_some_and(|expression| is_allowed(expression, &allowed))
    });
    let refused: Vec<String> =
        refused.map(|package| format!("{}: {}", package["name"], package["license"])).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

/// Idioms of an earlier style, which a reader has to translate, are in no comment and no document.
#[test]
fn comments_and_documents_are_in_plain_english() {
    const IDIOMS: [&str; 6] =
        ["stand beside", "stands beside", " anew", "in vain", "in company", "is no other plan"];
    let found = |text: &str| IDIOMS.into_iter().find(|idiom| text.contains(idiom));
    assert_eq!(found("/// Whoever reads it anew."), Some(" anew"));
    assert_eq!(found("/// Whoever reads it again."), None);
    let mut faults = Vec::new();
    for (path, text) in CRATES.into_iter().flat_map(sources) {
        for (number, line) in text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with("//"))
        {
            faults.extend(found(line).map(|idiom| format!("{}:{}: {idiom}", path.display(), number + 1)));
        }
    }
    for document in ["README.md", "ARCHITECTURE.md", "docs/METHOD.md", "docs/SCALING.md"] {
        let text = fs_err::read_to_string(root().join(document)).expect("a document");
        for (number, line) in text.lines().enumerate() {
            faults.extend(found(line).map(|idiom| format!("{document}:{}: {idiom}", number + 1)));
        }
    }
    assert!(faults.is_empty(), "words of an earlier style:\n{}", faults.join("\n"));
}
