//! `cargo xtask new`: creates a pattern crate from an existing pattern crate.

mod copy;
mod names;
mod rename;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use self::names::Names;
use crate::usage::Usage;
use crate::workspace::Workspace;

/// Create a pattern crate, crates/NAME, from an existing pattern crate.
///
/// The copy has the source, tests, examples, benchmark and README of the existing crate under its own name. The copy
/// builds, passes the conformance suite and takes part in `test` and `bench` at once. Compile-fail cases are not
/// copied: their expected errors are the compiler's text about the existing crate. A bad name changes nothing.
#[derive(clap::Args)]
#[command(after_help = crate::usage::EXIT_STATUS)]
pub struct Args {
    /// The new pattern's name: lower-case words joined by hyphens, like `rate-window`
    name: String,
    /// The existing pattern crate: its folder under crates/
    #[arg(long, value_name = "CRATE", default_value = "fanout")]
    from: String,
}

pub fn run(args: &Args) -> Result<bool> {
    let workspace = Workspace::load()?;
    let dir = free_dir(&workspace, &args.name)?;
    let template = template(&workspace, &args.from)?;
    let lock = workspace.root.join("Cargo.lock");
    let lock_before = fs::read(&lock).ok();

    let made = make(&workspace, &template, &dir, &args.from, &args.name);
    if let Err(problem) = made {
        let _ = fs::remove_dir_all(&dir);
        if let Some(before) = lock_before {
            let _ = fs::write(&lock, before);
        }
        return Err(problem.context(format!("crates/{} was not made", args.name)));
    }

    let name = &args.name;
    println!("crates/{name} is a pattern now, made from crates/{}. Next:", args.from);
    println!(
        "  1. say what it does, where it still speaks of {}: README.md, `description` and `keywords` in Cargo.toml, \
         the docs and costs in src/lib.rs, examples/",
        args.from
    );
    println!(
        "  2. write it: crates/{name}/src/lib.rs; cargo test -p towpath-{name} puts it through the laws"
    );
    println!("  3. measure it: cargo xtask bench --quick --peers none");
    Ok(true)
}

/// Returns the folder of the new crate, if its name is free.
fn free_dir(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    names::check(name).map_err(Usage)?;
    let dir = workspace.root.join("crates").join(name);
    if dir.exists() {
        bail!(Usage(format!("crates/{name} is there already; choose another name")));
    }
    let package = format!("towpath-{name}");
    if let Some(taken) = workspace.packages.iter().find(|p| p.name == package) {
        let place = taken.manifest_path.display();
        bail!(Usage(format!("{package} is there already ({place}); choose another name")));
    }
    Ok(dir)
}

fn template(workspace: &Workspace, from: &str) -> Result<PathBuf> {
    let patterns = workspace.patterns();
    if let Some(package) = patterns.iter().find(|package| package.folder() == from) {
        return Ok(package.dir().to_owned());
    }
    let known: Vec<_> = patterns.iter().map(|package| package.folder()).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    bail!(Usage(format!("--from {from}: there is no such pattern crate; there are: {known}")))
}

fn make(workspace: &Workspace, template: &Path, dir: &Path, from: &str, to: &str) -> Result<()> {
    copy::copy(template, dir, &Names::of(from), &Names::of(to))?;
    let package = format!("towpath-{to}");
    // A name of another length changes line breaks, and another name changes the order of imports.
    if workspace.cargo(&format!("fmt -p {package}")).run().is_err() {
        eprintln!("crates/{to} is not formatted: cargo fmt did not run");
    }
    let check = format!("check -p {package} --all-targets");
    workspace.cargo(&check).run().ok().with_context(|| {
        format!("the copy of crates/{from} does not compile (cargo's messages are above)")
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_names_and_templates_are_bad_usage() {
        let workspace = Workspace::load().unwrap();
        for name in ["", "gen", "../x", "a b", "xtask"] {
            let problem = free_dir(&workspace, name).unwrap_err();
            assert!(problem.is::<Usage>(), "{name}");
        }
        let problem = template(&workspace, "no-such-crate").unwrap_err();
        assert!(problem.is::<Usage>());
    }
}
