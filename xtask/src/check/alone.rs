//! Checks that a pattern crate is independent: as a copy outside the workspace, and as the only dependency of a
//! project.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::problems::Problems;
use crate::workspace::{Package, Workspace, cargo};

const TREES: &str = "xtask/trees.toml";

/// The numbers of crates that an outside project has, by the crate on which the project depends besides tokio.
#[derive(Deserialize)]
struct Trees {
    crates: BTreeMap<String, usize>,
}

/// Copies every pattern crate out of the workspace, compiles all targets of the copy and runs its doc tests. The other
/// tests are the same programs as in `cargo xtask test`. A copy differs in the paths of its neighbours, and in an empty
/// `[workspace]` that keeps cargo from finding this workspace.
pub fn broken_copies(workspace: &Workspace) -> Result<Problems> {
    let mut problems = Vec::new();
    for package in workspace.patterns() {
        let copy = fresh_dir(workspace, &package.folder())?;
        copy_files(package.dir(), &copy)?;
        let manifest = fs::read_to_string(&package.manifest_path)?;
        fs::write(copy.join("Cargo.toml"), moved(&manifest, &workspace.root.join("crates")))?;
        copy_lock(workspace, &copy)?;

        println!("--> {} in {}", package.name, copy.display());
        for step in ["check --all-targets", "test --doc"] {
            let target = alone(workspace).join("target");
            let command = duct::cmd(cargo(), step.split(' ')).dir(&copy).env("CARGO_TARGET_DIR", target);
            // The copies are never debugged. Without debug information, the build takes half the time.
            if command.env("CARGO_PROFILE_DEV_DEBUG", "false").run().is_err() {
                let (name, place) = (&package.name, copy.display());
                problems
                    .push(format!("{name}: copied out alone ({place}) its `cargo {step}` fails (see above)"));
                break;
            }
        }
    }
    Ok(problems)
}

/// Counts the crates of an outside project that depends on tokio and on a published crate with its default features.
/// The project itself is not counted. The test kit is a dependency of tests, and has no count.
pub fn grown_trees(workspace: &Workspace) -> Result<Problems> {
    let tokio = requirement(workspace, "tokio").unwrap_or("1");
    let text =
        fs::read_to_string(workspace.root.join(TREES)).with_context(|| format!("cannot read {TREES}"))?;
    let Trees { crates: mut kept } = toml::from_str(&text).context(TREES)?;
    let mut problems = Vec::new();
    for package in workspace.crates().filter(|p| p.is_published() && p.name != TESTKIT) {
        let project = fresh_dir(workspace, &format!("user-of-{}", package.folder()))?;
        fs::create_dir(project.join("src"))?;
        fs::write(project.join("src/main.rs"), "fn main() {}\n")?;
        fs::write(project.join("Cargo.toml"), users_manifest(package, tokio))?;
        copy_lock(workspace, &project)?;

        let tree =
            duct::cmd!(cargo(), "tree", "--quiet", "-e", "normal", "--prefix", "none", "--target", TARGET)
                .dir(&project)
                .read()
                .ok()
                .with_context(|| format!("cargo tree failed for a user of {}", package.name))?;
        let crates = crates_in(&tree);
        println!("--> {}: {} crates with tokio", package.name, crates.len());
        problems.extend(changed(&package.name, crates.len(), kept.remove(&package.name)));
    }
    problems.extend(kept.into_keys().map(|name| format!("{TREES} has {name}, which is no published crate")));
    Ok(problems)
}

/// The tree is the same on every machine.
const TARGET: &str = "x86_64-unknown-linux-gnu";
const TESTKIT: &str = "towpath-testkit";

/// Returns the problem of the tree of an outside project, if there is one.
fn changed(name: &str, crates: usize, kept: Option<usize>) -> Option<String> {
    let kept = match kept {
        None => return Some(format!("{name}: {crates} crates in a user's tree; add the number to {TREES}")),
        Some(kept) if kept == crates => return None,
        Some(kept) => kept,
    };
    let todo = if crates > kept {
        "leave the new crate out, or give the reason in SECURITY.md"
    } else {
        "keep that"
    };
    Some(format!("{name}: {crates} crates in a user's tree, and {kept} in {TREES}; {todo}"))
}

fn alone(workspace: &Workspace) -> PathBuf {
    workspace.target.join("alone")
}

/// Returns an empty folder for a copy. Removes the files of an earlier check.
fn fresh_dir(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let dir = alone(workspace).join("copies").join(name);
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("cannot empty {}", dir.display()))?;
    }
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    Ok(dir)
}

/// Copies the lock file, so that the copy has the versions of the workspace. Cargo removes the packages that the copy
/// does not need.
fn copy_lock(workspace: &Workspace, dir: &Path) -> Result<()> {
    fs::copy(workspace.root.join("Cargo.lock"), dir.join("Cargo.lock")).context("cannot copy Cargo.lock")?;
    Ok(())
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            if entry.file_name() != "target" {
                fs::create_dir(&target)?;
                copy_files(&path, &target)?;
            }
        } else {
            fs::copy(&path, &target).with_context(|| format!("cannot copy {}", path.display()))?;
        }
    }
    Ok(())
}

/// Returns the manifest of the copy: `../pattern` becomes the full path.
fn moved(manifest: &str, crates: &Path) -> String {
    let neighbours = format!("path = \"{}/", crates.display().to_string().replace('\\', "/"));
    manifest.replace("path = \"../", &neighbours) + "\n[workspace]\n"
}

fn users_manifest(package: &Package, tokio: &str) -> String {
    let path = package.dir().display().to_string().replace('\\', "/");
    format!(
        "[package]\nname = \"user\"\nedition = \"2024\"\npublish = false\n\n[dependencies]\n\
         {} = {{ path = \"{path}\" }}\n\
         tokio = {{ version = \"{tokio}\", features = [\"macros\", \"rt-multi-thread\"] }}\n\n[workspace]\n",
        package.name,
    )
}

fn requirement<'a>(workspace: &'a Workspace, dependency: &str) -> Option<&'a str> {
    let mut all = workspace.packages.iter().flat_map(|package| &package.dependencies);
    all.find(|d| d.name == dependency).map(|d| d.req.as_str())
}

/// Returns the crates in the output of `cargo tree --prefix none`, without its first line, the project.
fn crates_in(tree: &str) -> BTreeSet<String> {
    let name_and_version = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    tree.lines().skip(1).filter(|line| !line.is_empty()).map(name_and_version).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_finds_its_neighbours() {
        let manifest = "[dependencies]\na = { version = \"1\", path = \"../a\" }\nb = { path = \"../b\" }\n";
        let wanted = "[dependencies]\na = { version = \"1\", path = \"/w/crates/a\" }\n\
                      b = { path = \"/w/crates/b\" }\n\n[workspace]\n";
        assert_eq!(moved(manifest, Path::new("/w/crates")), wanted);
    }

    #[test]
    fn tree_of_another_size_is_a_problem() {
        assert_eq!(changed("x", 25, Some(25)), None);
        let grown = "x: 26 crates in a user's tree, and 25 in xtask/trees.toml; \
                     leave the new crate out, or give the reason in SECURITY.md";
        assert_eq!(changed("x", 26, Some(25)).unwrap(), grown);
        assert!(changed("x", 24, Some(25)).unwrap().ends_with("keep that"));
        assert!(changed("x", 24, None).unwrap().ends_with("add the number to xtask/trees.toml"));
    }

    #[test]
    fn crate_counts_once() {
        let tree =
            "user v0.0.0 (/x)\ntokio v1.54.1\npin v0.2.1\nmacros v2.0.0 (proc-macro)\n\npin v0.2.1 (*)\n";
        assert_eq!(crates_in(tree).len(), 3);
    }
}
