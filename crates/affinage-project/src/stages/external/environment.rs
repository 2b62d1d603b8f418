//! The Python of an engine: the one that AFFINAGE_PYTHON names, else an environment of our own in the cache with pinned
//! packages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, anyhow};
use sha2::{Digest as _, Sha256};

use crate::errors::HintExt as _;
use crate::folder::config::EngineName;
use crate::folder::project::cache_dir;
use crate::observer::Observer;

/// Names a Python that has an engine's packages.
const VARIABLE: &str = "AFFINAGE_PYTHON";
/// Written last into an environment: without it nothing is whole.
const WHOLE: &str = "affinage-ready";

/// A Python that has the packages of an engine.
#[derive(Clone, Debug)]
pub struct Python {
    pub program: PathBuf,
    /// The installed versions of the engine's packages.
    pub versions: BTreeMap<String, String>,
    /// Whether AFFINAGE_PYTHON names it.
    pub is_named: bool,
}

impl Python {
    pub(super) fn command(&self) -> Command {
        Command::new(&self.program)
    }

    /// `torch 2.15.0, transformers 5.24.0`
    pub fn in_words(&self) -> String {
        let parts = self.versions.iter().map(|(name, version)| format!("{name} {version}"));
        parts.collect::<Vec<_>>().join(", ")
    }
}

/// The packages of an engine with their versions, one a line, as pip reads them.
fn requirements(engine: EngineName) -> &'static str {
    match engine {
        EngineName::Torch => include_str!("../../../../../assets/engines/requirements-torch.txt"),
        EngineName::Mlx => include_str!("../../../../../assets/engines/requirements-mlx.txt"),
    }
}

/// What an environment has that is whole.
fn packages(engine: EngineName) -> [&'static str; 2] {
    match engine {
        EngineName::Torch => ["torch", "transformers"],
        EngineName::Mlx => ["mlx", "mlx-lm"],
    }
}

/// About what an environment takes on the disk.
fn size(engine: EngineName) -> &'static str {
    match engine {
        EngineName::Torch => "up to 6 GB on Linux with CUDA, 1 GB elsewhere",
        EngineName::Mlx => "about 0.5 GB",
    }
}

/// The Python of `engine`, if it is here.
///
/// Errors: AFFINAGE_PYTHON names a program that cannot be started, or one without the packages.
pub fn find(engine: EngineName) -> anyhow::Result<Option<Python>> {
    if let Some(program) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        return named(engine, PathBuf::from(program)).map(Some);
    }
    let folder = folder(engine)?;
    if !folder.join(WHOLE).is_file() {
        return Ok(None);
    }
    let program = program_in(&folder);
    let versions = versions(&program, engine)?;
    Ok(Some(Python { program, versions, is_named: false }))
}

fn named(engine: EngineName, program: PathBuf) -> anyhow::Result<Python> {
    let shown = program.display().to_string();
    let versions = versions(&program, engine)
        .with_context(|| format!("{VARIABLE} names {shown}"))
        .hint(format!("let {VARIABLE} name a Python 3.11 or later, or take it away"))?;
    let missing: Vec<&str> =
        packages(engine).into_iter().filter(|name| !versions.contains_key(*name)).collect();
    if missing.is_empty() {
        return Ok(Python { program, versions, is_named: true });
    }
    Err(anyhow!("{VARIABLE} names {shown}, which has no {} for `--engine {}`", missing.join(" and no "), engine.word()))
        .hint(format!(
            "`{shown} -m pip install {}`, or take {VARIABLE} away, so that affinage makes an environment of its own",
            in_one_line(engine)
        ))
}

/// `torch==2.15.0 transformers==5.24.0`
fn in_one_line(engine: EngineName) -> String {
    let lines = requirements(engine).lines().map(|line| match line.contains([';', '[']) {
        true => format!("\"{line}\""),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join(" ")
}

/// Engines that may be faster than this one here, the likeliest first: what AFFINAGE_PYTHON or the cache has, and what fits
/// the machine's device.
pub fn likely() -> Vec<EngineName> {
    let is_mac = cfg!(all(target_os = "macos", target_arch = "aarch64"));
    let order =
        if is_mac { [EngineName::Mlx, EngineName::Torch] } else { [EngineName::Torch, EngineName::Mlx] };
    let mut found: Vec<EngineName> = order.into_iter().filter(|e| matches!(find(*e), Ok(Some(_)))).collect();
    let of_device = match (is_mac, nvidia()) {
        (true, _) => Some(EngineName::Mlx),
        (false, Some(_)) => Some(EngineName::Torch),
        (false, None) => None,
    };
    let is_named = std::env::var_os(VARIABLE).is_some_and(|value| !value.is_empty());
    if let Some(engine) = of_device.filter(|engine| !is_named && !found.contains(engine)) {
        found.insert(0, engine);
    }
    found
}

/// `NVIDIA H200`, as the driver's own program calls the first card.
pub fn nvidia() -> Option<String> {
    let output = Command::new("nvidia-smi")
        .args(["--query-gpu=name", "--format=csv,noheader"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().filter(|_| output.status.success()).map(|line| line.trim().to_owned())
}

/// What [`install`] would do, as a question.
pub fn offer(engine: EngineName) -> anyhow::Result<String> {
    let folder = folder(engine)?;
    Ok(format!(
        "`--engine {}` needs Python packages: {}. Install them with {} into {} ({})?",
        engine.word(),
        in_one_line(engine),
        if has_uv() { "uv" } else { "pip" },
        folder.display(),
        size(engine)
    ))
}

/// Makes the environment: with uv where it is installed, else with venv and pip.
///
/// Errors: neither is there, or the packages cannot be fetched; nothing is left then.
pub fn install(engine: EngineName, ui: &dyn Observer) -> anyhow::Result<Python> {
    let folder = folder(engine)?;
    if folder.exists() {
        fs_err::remove_dir_all(&folder)?;
    }
    fs_err::create_dir_all(folder.parent().context("a folder in the cache")?)?;
    let progress = ui.spinner(format!("installing {}", engine.word()), "");
    let made = make(engine, &folder);
    if made.is_err() {
        // What went wrong matters more than what is left.
        let _leftover = fs_err::remove_dir_all(&folder);
    }
    let python = made
        .with_context(|| format!("the environment of engine {} cannot be made", engine.word()))
        .hint(format!(
            "without a network: make a Python elsewhere with `pip install {}` and name it: `{VARIABLE}=.../bin/python`",
            in_one_line(engine)
        ))?;
    progress.finish(format!("installed {}", python.in_words()));
    Ok(python)
}

fn make(engine: EngineName, folder: &Path) -> anyhow::Result<Python> {
    let program = program_in(folder);
    let base = if cfg!(windows) { "python" } else { "python3" };
    let with_uv = has_uv();
    let mut venv = Command::new(if with_uv { "uv" } else { base });
    venv.args(if with_uv { &["venv", "--quiet"][..] } else { &["-m", "venv"] }).arg(folder);
    run(venv)?;
    let list = folder.join("requirements.txt");
    fs_err::write(&list, requirements(engine))?;
    let mut packages = Command::new(if with_uv { Path::new("uv") } else { program.as_path() });
    match with_uv {
        true => packages.args(["pip", "install", "--quiet", "--python"]).arg(&program),
        false => {
            packages.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"])
        }
    };
    packages.arg("-r").arg(&list);
    run(packages)?;
    let versions = versions(&program, engine)?;
    fs_err::write(folder.join(WHOLE), requirements(engine))?;
    Ok(Python { program, versions, is_named: false })
}

fn has_uv() -> bool {
    let mut uv = Command::new("uv");
    uv.arg("--version").stdin(Stdio::null());
    uv.output().is_ok_and(|output| output.status.success())
}

/// `CACHE/engines/torch-1a2b3c4d`: other pins are another environment.
fn folder(engine: EngineName) -> anyhow::Result<PathBuf> {
    let hash = Sha256::digest(requirements(engine));
    let short: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    Ok(cache_dir()?.join("engines").join(format!("{}-{short}", engine.word())))
}

fn program_in(folder: &Path) -> PathBuf {
    if cfg!(windows) { folder.join("Scripts").join("python.exe") } else { folder.join("bin").join("python") }
}

/// Installed versions; packages that are missing are left out.
fn versions(program: &Path, engine: EngineName) -> anyhow::Result<BTreeMap<String, String>> {
    const ASK: &str = "import importlib.metadata as m, json, sys\nfound = {}\nfor name in sys.argv[1:]:\n    try: found[name] = m.version(name)\n    except m.PackageNotFoundError: pass\nprint(json.dumps(found))";
    let mut command = Command::new(program);
    command.args(["-c", ASK]).args(packages(engine));
    let output = run(command)?;
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.trim()).with_context(|| {
        format!("{} is asked for its packages and answers `{}`", program.display(), text.trim())
    })
}

/// Runs to the end. Errors with the last line of standard error.
fn run(mut command: Command) -> anyhow::Result<Output> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("{program} cannot be started"))?;
    if output.status.success() {
        return Ok(output);
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it failed without a word");
    Err(anyhow!("{program}: {}", last.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_that_an_engine_needs_is_pinned() {
        for engine in [EngineName::Torch, EngineName::Mlx] {
            for line in requirements(engine).lines() {
                assert!(line.contains("=="), "{line}");
            }
            for name in packages(engine) {
                let is_pinned = |line: &str| line.split(['=', '[', ' ']).next() == Some(name);
                assert!(requirements(engine).lines().any(is_pinned), "{name}");
            }
        }
        let said = in_one_line(EngineName::Mlx);
        assert!(said.contains("\"mlx[cpu]==") && said.contains(" mlx-lm=="), "{said}");
    }
}
