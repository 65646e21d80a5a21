//! `cargo xtask bench --counts`: the cost of an item on each hot path, in instructions and allocations, compared with
//! the figures in `xtask/hot-paths.toml`. Unlike times, the counts do not depend on other work of the machine.
//!
//! `callgrind` counts, `kept` is the file, `compare` compares the counts with the file, `figures` is the common type of
//! both, `costs` writes the figures of the features into their page.

mod callgrind;
mod compare;
mod costs;
mod figures;
mod kept;

use std::collections::BTreeMap;
use std::io::IsTerminal;

use anyhow::{Context, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use self::callgrind::Callgrind;
use self::compare::Compared;
use self::kept::Kept;
use super::programs;
use crate::process;
use crate::workspace::Workspace;

const FILE: &str = "xtask/hot-paths.toml";

/// Counts, shows the table, and returns whether the counts match the kept figures. With `accept`, keeps the counts
/// instead.
pub fn run(workspace: &Workspace, accept: bool) -> Result<bool> {
    callgrind::check_installed()?;
    let file = workspace.root.join(FILE);
    let mut kept = Kept::read(&file)?;
    let compiler = compiler()?;
    let compared = count(workspace, &kept, &compiler)?;
    println!("per item, {compiler}:\n{}", compare::table(&compared));
    if accept {
        compare::accept(&compared, &mut kept, &compiler)?;
        kept.write(&file)?;
        // The tables have the rounded figures of the file.
        let kept = Kept::read(&file)?;
        costs::write(&workspace.root, &compiler, kept.of(&compiler).context("the figures are kept")?)?;
        eprintln!("written: {FILE}, and the tables of docs/features.md");
        return Ok(true);
    }
    let verdict = compare::verdict(&compared, &compiler);
    for line in &verdict.problems {
        eprintln!("{line}");
    }
    if let Some(missing) = verdict.missing {
        ensure!(!process::is_ci(), "{missing}; CI is set, so that is an error");
        eprintln!("{missing}");
    }
    Ok(verdict.problems.is_empty())
}

/// `1.95.0 x86_64-unknown-linux-gnu`
fn compiler() -> Result<String> {
    let said = duct::cmd!("rustc", "-vV").read().ok().context("`rustc -vV` failed (its message is above)")?;
    let field = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let (release, host) = field("release:").zip(field("host:")).context("`rustc -vV` names no release")?;
    Ok(format!("{release} {host}"))
}

/// Counts every path, and pairs the counts with the kept figures.
fn count(workspace: &Workspace, kept: &Kept, compiler: &str) -> Result<Vec<Compared>> {
    let mut programs = programs::build_ours(workspace)?;
    programs.extend(programs::build_costs(workspace)?);
    let folder = workspace.target.join("hot-paths");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut paths: BTreeMap<String, (&str, Callgrind)> = BTreeMap::new();
    for program in &programs {
        let callgrind = Callgrind { program: &program.path, source: &program.package, folder: &folder };
        for name in callgrind.paths()? {
            if let Some((other, _)) = paths.insert(name.clone(), (&program.package, callgrind)) {
                bail!("{other} and {} both call a path `{name}`; rename one", program.package);
            }
        }
    }
    let bar = progress(paths.len());
    let mut compared = Vec::new();
    for (name, (_, callgrind)) in &paths {
        bar.set_message(name.clone());
        compared.push(Compared::new(name, callgrind.per_item(name)?, kept, compiler));
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(compared)
}

fn progress(paths: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        eprintln!("counting on {paths} paths");
    }
    // Draws on standard error, if standard error is a terminal.
    let bar = ProgressBar::new(paths as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} paths, {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar
}
