//! The imports between files: the tiers of `crates/pattern`, and circles in every crate.
//!
//! `table` is the rules as data, `tree` the files with their modules, `facts` the code of a file in the terms of the
//! rules, `circles` the search for circles. `rules` compares the facts with the table.

mod circles;
mod facts;
mod rules;
mod table;
#[cfg(test)]
mod tests;
pub mod tree;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use self::rules::Sources;
use self::table::Table;
use self::tree::Tree;
use crate::problems::Problems;
use crate::workspace::{Package, Workspace};

/// Prints the tiers and the violations that `report_only` allows, and returns all further violations.
pub fn problems(workspace: &Workspace) -> Result<Problems> {
    let file = workspace.root.join("xtask/tiers.toml");
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let table: Table = toml::from_str(&text).context("xtask/tiers.toml")?;

    let folders: Vec<_> = workspace.packages.iter().map(|of| shown(&workspace.root, of.dir())).collect();
    for name in table.report_only.iter().chain([&table.layered]) {
        ensure!(
            folders.contains(name),
            "xtask/tiers.toml: `{name}` is no crate: remove the name, or correct it"
        );
    }
    let mut problems = Problems::new();
    let mut files = 0;
    for (package, folder) in workspace.packages.iter().zip(folders) {
        let mut found = Problems::new();
        for sources in sources(&workspace.root, package)? {
            files += sources.files.len();
            let circles = sources.circles();
            if let Some(largest) = circles.first() {
                println!("--> {folder}: {} files in the largest circle", largest.files.len());
            }
            found.extend(sources.in_circles(&circles));
            if folder == table.layered {
                print_tiers(&table, &sources);
                found.extend(sources.against(&table));
                found.extend(sources.unknown_modules(&table));
            }
        }
        if table.report_only.contains(&folder) {
            println!("--> {folder}: {} violations, which xtask/tiers.toml lets pass", found.len());
            found.drain(..).for_each(|problem| println!("    {problem}"));
        }
        problems.extend(found);
    }
    println!("--> {files} files in {} crates", workspace.packages.len());
    Ok(problems)
}

/// Reads the libraries and programs of a package.
fn sources(root: &Path, package: &Package) -> Result<Vec<Sources>> {
    let is_root = |kind: &String| ["lib", "bin", "proc-macro"].contains(&kind.as_str());
    let targets = package.targets.iter().filter(|target| target.kind.iter().any(is_root));
    let read = |target: &crate::workspace::Target| {
        let tree = Tree::load(&target.src_path, package.dir(), &|path| fs::read_to_string(path))?;
        Ok(Sources::of(&tree, |path| shown(root, path)))
    };
    targets.map(read).collect()
}

fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string().replace('\\', "/")
}

fn print_tiers(table: &Table, sources: &Sources) {
    for (tier, of) in table.tiers.iter().enumerate() {
        let here = |name: &str| table.place(name).is_some_and(|place| place.tier == tier);
        let names: Vec<_> = sources.files.iter().map(|source| source.name.as_str()).collect();
        let names: Vec<_> = names.into_iter().filter(|name| here(name)).collect();
        println!("--> {}, tier {}: {}", table.layered, of.name, names.join(" "));
    }
}
