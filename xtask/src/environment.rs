//! The virtual environment under `target/` with the Go, the Python and the Python packages of the benchmark's
//! peers and of the guide's programs.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use duct::Expression;

use crate::process;
use crate::workspace::Workspace;

pub struct Environment {
    pub python: PathBuf,
    pub ruff: PathBuf,
    go: PathBuf,
    go_cache: PathBuf,
}

impl Environment {
    /// Returns the command `go ARGS`, without access to the network.
    pub fn go<U: Into<OsString>>(&self, args: impl IntoIterator<Item = U>) -> Expression {
        duct::cmd(&self.go, args)
            .env("GOTOOLCHAIN", "local")
            .env("GOFLAGS", "-mod=mod")
            .env("GOPROXY", "off")
            .env("GOCACHE", &self.go_cache)
    }

    /// Returns the path of `gofmt`, next to the real `go`.
    pub fn gofmt(&self) -> Result<PathBuf> {
        let root = self.go(["env", "GOROOT"]).read().context("`go env GOROOT` failed")?;
        Ok(Path::new(&root).join("bin/gofmt"))
    }
}

/// Creates the environment, unless `needing`, the names of the parts that need Go or Python, is empty. Returns `None`
/// if `needing` is empty, or if the environment cannot be created, which is printed and, with CI set, is an error.
pub fn prepare(workspace: &Workspace, needing: &[&str]) -> Result<Option<Environment>> {
    if needing.is_empty() {
        return Ok(None);
    }
    match environment(workspace) {
        Ok(environment) => Ok(Some(environment)),
        Err(problem) => {
            let left_out = needing.join(" and ");
            if process::is_ci() {
                bail!("no {left_out}, and CI is set: {problem:#}");
            }
            eprintln!("left out: {left_out}: {problem:#}");
            Ok(None)
        }
    }
}

/// Returns the environment, and creates it again when the requirements have changed.
fn environment(workspace: &Workspace) -> Result<Environment> {
    let requirements = workspace.root.join("xtask/requirements.txt");
    let wanted = fs::read_to_string(&requirements)?;
    let venv = workspace.target.join("peers/venv");
    let bin = venv.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let environment = Environment {
        python: bin.join("python"),
        ruff: bin.join("ruff"),
        go: bin.join("go"),
        go_cache: workspace.target.join("peers/go-cache"),
    };

    // Written last, so that an incomplete environment is never used.
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
    eprintln!("making {} with Go and what Python needs", venv.display());
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

/// Runs a command without output. The error of a failed command has the most informative line of the output.
fn quiet(what: &str, command: &duct::Expression) -> Result<()> {
    let output = command.stderr_to_stdout().stdout_capture().unchecked().run()?;
    if !output.status.success() {
        bail!("{what} failed: {}", process::telling_line(&output.stdout));
    }
    Ok(())
}
