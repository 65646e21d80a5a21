//! The prose: pronouns for a hundred words, banned words, and an example for every public function.
//!
//! `table` is the rules as data, `text` the words of a text, `source` the comments and strings of a source file.
//! `words` compares words with the table, `examples` checks public functions.

mod examples;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod words;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use self::table::{Rule, Table};
use self::words::File;
use super::tiers::tree::Tree;
use crate::problems::{Problems, count};
use crate::workspace::Workspace;

const TABLE: &str = "xtask/prose.toml";

/// Prints the numbers and the findings that `report_only` allows, and returns all further findings.
pub fn problems(workspace: &Workspace) -> Result<Problems> {
    let file = workspace.root.join(TABLE);
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let table: Table = toml::from_str(&text).context(TABLE)?;

    let root = &workspace.root;
    let crates = folders(&root.join("crates"))?.into_iter().map(|of| of.join("src"));
    let crates = sources(root, crates.filter(|src| src.is_dir()))?;
    let own = sources(root, [root.join("xtask/src")])?;
    let documents = documents(root)?;

    let mut density = Problems::new();
    for (kind, files) in [("doc comments", words::doc_comments(&crates)), ("documents", documents.clone())] {
        let (total, problems) = words::density(&table.density, kind, &files);
        println!("--> {kind}: {total}");
        density.extend(problems);
    }
    let mut banned = words::banned_in_documents(&table, &documents);
    banned.extend(words::banned_in_sources(&table, &crates));
    banned.extend(words::banned_in_sources(&table, &own));

    let mut all = Problems::new();
    let examples = without_example(workspace)?;
    for (rule, found) in [(Rule::Density, density), (Rule::Banned, banned), (Rule::Examples, examples)] {
        println!("--> {}: {}", rule.name(), count(found.len(), "finding"));
        if table.report_only.contains(&rule) {
            print_passed(&found);
        } else {
            all.extend(found);
        }
    }
    Ok(all)
}

/// Prints the findings that the table allows, and the number of findings in each file.
fn print_passed(found: &Problems) {
    let mut files: BTreeMap<&str, usize> = BTreeMap::new();
    for problem in found {
        println!("    {problem}");
        *files.entry(problem.split(':').next().unwrap_or_default()).or_default() += 1;
    }
    for (file, findings) in files {
        println!("    {TABLE} lets pass {} of {file}", count(findings, "finding"));
    }
}

/// Returns the public functions without an example, of the published crates.
fn without_example(workspace: &Workspace) -> Result<Problems> {
    let mut problems = Problems::new();
    for package in workspace.crates().filter(|package| package.is_published()) {
        for target in package.targets.iter().filter(|target| target.kind.iter().any(|kind| kind == "lib")) {
            let read = |path: &Path| fs::read_to_string(path);
            let tree = Tree::load(&target.src_path, package.dir(), &read)?;
            problems.extend(examples::missing(&tree, &read, &|path| shown(&workspace.root, path)));
        }
    }
    Ok(problems)
}

/// Reads the Rust files below the folders.
fn sources(root: &Path, folders: impl IntoIterator<Item = PathBuf>) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut waiting: Vec<_> = folders.into_iter().collect();
    while let Some(folder) = waiting.pop() {
        for path in entries(&folder)? {
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension() == Some(OsStr::new("rs")) {
                files.push(read(root, &path)?);
            }
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Reads the documents: of the root, of the book and of the crates. The translation is not in English, and the
/// changelog is history.
fn documents(root: &Path) -> Result<Vec<File>> {
    let mut paths = Vec::new();
    for folder in ["", "docs", "docs/programs", "docs/topics"] {
        paths.extend(entries(&root.join(folder))?);
    }
    paths.retain(|path| {
        path.extension() == Some(OsStr::new("md")) && path.file_name() != Some(OsStr::new("CHANGELOG.md"))
    });
    let readmes = folders(&root.join("crates"))?.into_iter().map(|folder| folder.join("README.md"));
    paths.extend(readmes.filter(|readme| readme.is_file()));
    paths.iter().map(|path| read(root, path)).collect()
}

fn read(root: &Path, path: &Path) -> Result<File> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(File { name: shown(root, path), text })
}

fn folders(dir: &Path) -> Result<Vec<PathBuf>> {
    Ok(entries(dir)?.into_iter().filter(|path| path.is_dir()).collect())
}

/// Returns the entries of a folder, by name.
fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let found = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut paths = found.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string().replace('\\', "/")
}
