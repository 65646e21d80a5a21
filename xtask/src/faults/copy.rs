//! A copy of the files that git lists, in which faults are planted.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace::Workspace;

pub struct Copied {
    root: PathBuf,
    /// Cargo knows the packages of both workspaces by the same names. In a common target folder, cargo takes a library
    /// with a planted fault for the library of the workspace, if no file of the workspace is newer.
    pub target: PathBuf,
}

impl Copied {
    /// Brings the copy up to date. An unchanged file is not written again, and therefore not built again.
    pub fn of(workspace: &Workspace) -> Result<Self> {
        let (root, target) =
            (workspace.target.join("faults/workspace"), workspace.target.join("faults/target"));
        // Includes new files that are not ignored.
        let list = duct::cmd!("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard");
        let listed = list.dir(&workspace.root).read();
        let listed = listed.context("cannot list the workspace's files: `git ls-files` failed")?;
        let mut kept = HashSet::new();
        for file in listed.split('\0').filter(|file| !file.is_empty()) {
            let (from, to) = (workspace.root.join(file), root.join(file));
            // A file whose removal is not committed is still tracked.
            if from.is_file() {
                copy_changed(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
                kept.insert(to);
            }
        }
        remove_others(&root, &kept).with_context(|| format!("cannot tidy {}", root.display()))?;
        Ok(Self { root, target })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }
}

fn copy_changed(from: &Path, to: &Path) -> std::io::Result<()> {
    let content = fs::read(from)?;
    if fs::read(to).is_ok_and(|there| there == content) {
        return Ok(());
    }
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    fs::write(to, content)
}

/// Removes files that the workspace no longer has. Otherwise cargo would still find a removed test file.
fn remove_others(dir: &Path, kept: &HashSet<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(&path, kept)?;
        } else if !kept.contains(&path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unchanged_file_is_not_rewritten_and_a_missing_one_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from.rs"), dir.path().join("copy/deep/to.rs"));
        fs::write(&from, "one").unwrap();
        copy_changed(&from, &to).unwrap();
        let written = || fs::metadata(&to).unwrap().modified().unwrap();
        let first = written();
        copy_changed(&from, &to).unwrap();
        assert_eq!(written(), first);
        fs::write(&from, "two").unwrap();
        copy_changed(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "two");

        let gone = dir.path().join("copy/deep/gone.rs");
        fs::write(&gone, "").unwrap();
        remove_others(&dir.path().join("copy"), &HashSet::from([to.clone()])).unwrap();
        assert!(to.exists() && !gone.exists());
    }
}
