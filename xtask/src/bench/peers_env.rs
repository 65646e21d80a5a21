//! The virtual environment that gives the peers their Go and their uvloop, under `target/`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::Peers;
use crate::process;
use crate::workspace::Workspace;

pub struct Environment {
    pub python: PathBuf,
    pub go: PathBuf,
}

/// Makes the environment if a chosen peer needs it. `None`: none does, or it cannot be and that was said.
pub fn prepare(workspace: &Workspace, peers: &[Peers]) -> Result<Option<Environment>> {
    let needing: Vec<_> = [("Go", Peers::Go), ("Python", Peers::Python)]
        .iter()
        .filter(|(_, p)| peers.contains(p))
        .map(|(n, _)| *n)
        .collect();
    if needing.is_empty() {
        return Ok(None);
    }
    match environment(workspace) {
        Ok(environment) => Ok(Some(environment)),
        Err(problem) => {
            let left_out = needing.join(" and ");
            if process::is_ci() {
                bail!("no peers in {left_out}, and CI is set: {problem:#}");
            }
            eprintln!("left out: peers in {left_out}: {problem:#}");
            Ok(None)
        }
    }
}

/// The environment, made anew when the requirements are others than it was made from.
fn environment(workspace: &Workspace) -> Result<Environment> {
    let requirements = workspace.root.join("xtask/peers/requirements.txt");
    let wanted = fs::read_to_string(&requirements)?;
    let venv = workspace.target.join("peers/venv");
    let bin = venv.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let environment = Environment { python: bin.join("python"), go: bin.join("go") };

    // Written last, so that a half-made environment is never taken for a whole one.
    let stamp = venv.join("made-from.txt");
    let made_from = fs::read_to_string(&stamp).unwrap_or_default();
    if made_from != wanted || !works(&environment) {
        make(&venv, &environment.python, &requirements)?;
        fs::write(&stamp, wanted)?;
    }
    Ok(environment)
}

fn works(environment: &Environment) -> bool {
    duct::cmd!(&environment.python, "--version").stdout_null().stderr_null().run().is_ok()
}

fn make(venv: &Path, python: &Path, requirements: &Path) -> Result<()> {
    let Some(system) = ["python3", "python"].into_iter().find(|name| is_python_3(name)) else {
        bail!("there is no Python 3 on the path");
    };
    eprintln!("making {} for the peers in Go and Python", venv.display());
    if venv.exists() {
        fs::remove_dir_all(venv)?;
    }
    quiet("making a virtual environment", &duct::cmd!(system, "-m", "venv", venv))?;
    let install = "-m pip install --quiet --disable-pip-version-check --no-input --retries 2 -r";
    let install = install.split(' ').map(OsStr::new).chain([requirements.as_os_str()]);
    quiet("installing", &duct::cmd(python, install))
}

fn is_python_3(name: &str) -> bool {
    let version = duct::cmd!(name, "--version").stderr_null().read();
    // The peers use task groups and `except*`, which came with 3.11.
    let minor = |version: &str| version.strip_prefix("Python 3.")?.split('.').next()?.parse::<u32>().ok();
    version.is_ok_and(|version| minor(&version).is_some_and(|minor| minor >= 11))
}

/// Runs it without a word, unless it fails: then what it said that tells most.
fn quiet(what: &str, command: &duct::Expression) -> Result<()> {
    let output = command.stderr_to_stdout().stdout_capture().unchecked().run()?;
    if !output.status.success() {
        bail!("{what} failed: {}", process::telling_line(&output.stdout));
    }
    Ok(())
}
