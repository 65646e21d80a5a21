//! The origin of the measurements: machine, versions, commit.

use std::fmt;
use std::fs;

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::workspace::Workspace;

#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub os: String,
    pub rustc: String,
    /// `None` if Go was left out.
    pub go: Option<String>,
    pub python: Option<String>,
    pub uvloop: Option<String>,
    /// The short commit, followed by `+` if files were changed since; `unknown` outside git.
    pub commit: String,
    pub quick: bool,
}

impl Machine {
    pub fn read(workspace: &Workspace, environment: Option<&Environment>, quick: bool) -> Self {
        let python = |code: &str| environment.and_then(|e| said(&duct::cmd!(&e.python, "-c", code)));
        Self {
            cpu: cpu(),
            cores: std::thread::available_parallelism().map_or(1, Into::into),
            os: os(),
            rustc: second_word(said(&duct::cmd!("rustc", "--version"))).unwrap_or("unknown".to_owned()),
            go: environment
                .and_then(|e| said(&e.go(["env", "GOVERSION"])))
                .map(|version| version.trim_start_matches("go").to_owned()),
            python: python("import platform; print(platform.python_version())"),
            uvloop: python("import uvloop; print(uvloop.__version__)"),
            commit: workspace.commit().unwrap_or("unknown".to_owned()),
            quick,
        }
    }

    /// `rustc 1.95.0, go 1.27.3, …`
    pub fn versions(&self) -> String {
        let mut versions = format!("rustc {}", self.rustc);
        for (name, version) in [("go", &self.go), ("python", &self.python), ("uvloop", &self.uvloop)] {
            if let Some(version) = version {
                versions.extend([", ", name, " ", version]);
            }
        }
        versions
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "machine   {}, {} cores, {}", self.cpu, self.cores, self.os)?;
        writeln!(f, "versions  {}", self.versions())?;
        writeln!(f, "commit    {}", self.commit)?;
        if self.quick {
            writeln!(f, "quick     a hundredth of the items: shows that it runs, not how fast")?;
        }
        Ok(())
    }
}

fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.and_then(|line| line.split_once(':')).map(|(_, name)| name.trim().to_owned());
    model.unwrap_or(std::env::consts::ARCH.to_owned())
}

fn os() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {} {}", std::env::consts::OS, release.trim(), std::env::consts::ARCH).replace("  ", " ")
}

fn said(command: &duct::Expression) -> Option<String> {
    command.stderr_null().read().ok()
}

fn second_word(line: Option<String>) -> Option<String> {
    line?.split_whitespace().nth(1).map(str::to_owned)
}
