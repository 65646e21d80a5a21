//! The metadata of this workspace from cargo: its packages, their targets, and which packages are patterns.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use duct::Expression;
use serde::Deserialize;

/// The workspace that the current directory belongs to.
#[derive(Deserialize)]
pub struct Workspace {
    /// The members, without their dependencies.
    pub packages: Vec<Package>,
    #[serde(rename = "workspace_root")]
    pub root: PathBuf,
    #[serde(rename = "target_directory")]
    pub target: PathBuf,
}

#[derive(Deserialize)]
pub struct Package {
    pub id: String,
    pub name: String,
    pub manifest_path: PathBuf,
    pub edition: String,
    pub rust_version: Option<String>,
    pub license: Option<String>,
    /// The registries that accept the package; `None` is any.
    publish: Option<Vec<String>>,
    pub dependencies: Vec<Dependency>,
    pub targets: Vec<Target>,
}

#[derive(Deserialize)]
pub struct Dependency {
    pub name: String,
    pub req: String,
}

#[derive(Deserialize)]
pub struct Target {
    pub name: String,
    pub kind: Vec<String>,
    pub src_path: PathBuf,
}

impl Workspace {
    pub fn load() -> Result<Self> {
        Self::load_in(Path::new("."))
    }

    /// Returns the workspace of this folder.
    pub fn load_in(dir: &Path) -> Result<Self> {
        let json = duct::cmd(cargo(), ["metadata", "--no-deps", "--format-version", "1"])
            .dir(dir)
            .read()
            .ok()
            .context("cargo cannot read the workspace (its message is above)")?;
        serde_json::from_str(&json).context("cargo metadata printed something unexpected")
    }

    /// Returns the short commit, followed by `+` if files were changed since. Returns `None` outside git.
    pub fn commit(&self) -> Option<String> {
        let git = |args: &[&str]| duct::cmd("git", args).dir(&self.root).stderr_null().read().ok();
        let commit = git(&["rev-parse", "--short", "HEAD"]).filter(|commit| !commit.is_empty())?;
        let changed = git(&["status", "--porcelain"]).is_none_or(|status| !status.is_empty());
        Some(if changed { commit + "+" } else { commit })
    }

    /// Returns the command `cargo` with these arguments, separated by blanks, in the root of the workspace.
    pub fn cargo(&self, line: &str) -> Expression {
        duct::cmd(cargo(), line.split_whitespace()).dir(&self.root)
    }

    /// Returns the members under `crates/`.
    pub fn crates(&self) -> impl Iterator<Item = &Package> {
        let crates = self.root.join("crates");
        self.packages.iter().filter(move |package| package.manifest_path.starts_with(&crates))
    }

    /// Returns the members under `crates/` that have a target of this kind and name.
    pub fn crates_with(&self, kind: &str, name: &str) -> Vec<&Package> {
        self.crates().filter(|package| package.has_target(kind, name)).collect()
    }

    /// Returns the pattern crates: the crates with the conformance suite and the uniform benchmark.
    pub fn patterns(&self) -> Vec<&Package> {
        let mut patterns = self.crates_with("test", "conformance");
        patterns.retain(|package| package.has_target("bench", "uniform"));
        patterns
    }
}

impl Package {
    /// Returns the folder of the package.
    pub fn dir(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new("."))
    }

    /// Returns the name of the folder, such as `fanout` for `towpath-fanout`.
    pub fn folder(&self) -> String {
        let name = self.dir().file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Returns whether the package is for a registry.
    pub fn is_published(&self) -> bool {
        self.publish.as_ref().is_none_or(|registries| !registries.is_empty())
    }

    fn has_target(&self, kind: &str, name: &str) -> bool {
        let wanted = |target: &Target| target.name == name && target.kind.iter().any(|k| k == kind);
        self.targets.iter().any(wanted)
    }
}

/// Returns `-p NAME` for each of these packages.
pub fn options(packages: &[&Package]) -> String {
    let option = |package: &&Package| format!("-p {}", package.name);
    packages.iter().map(option).collect::<Vec<_>>().join(" ")
}

/// Returns the cargo that runs this program, or the cargo on the path.
pub fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
