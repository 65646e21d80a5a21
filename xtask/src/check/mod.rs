//! `cargo xtask check`: format, lints, docs, equal settings of the manifests, imports, and every pattern crate alone.

mod alone;
mod prose;
mod supply;
mod tidy;
mod tiers;

use std::time::Instant;

use anyhow::Result;
use clap::builder::PossibleValuesParser;

use crate::models;
use crate::problems::Problems;
use crate::process::seconds_since;
use crate::workspace::Workspace;

/// Check that everything is in order, without changing anything.
///
/// Formatting; clippy and docs with warnings denied; equal settings in manifests, licences and READMEs; imports against
/// the tiers of xtask/tiers.toml, and no import circle between the files of a crate; the words of docs and messages
/// against xtask/prose.toml, and an example for every public function of a published crate; licences, sources and
/// unwanted crates of the whole tree against deny.toml, and the dependencies of published crates against SECURITY.md;
/// published crates can be packaged; a copy of every pattern crate outside the workspace compiles with its tests and
/// passes its doc tests; the tree of an outside project with a pattern crate has the crates of xtask/trees.toml. Every
/// step runs, even after a failed step; each problem is one line.
#[derive(clap::Args)]
#[command(after_help = crate::usage::EXIT_STATUS)]
pub struct Args {
    /// Only this step; may be given several times
    #[arg(long, value_name = "STEP", value_parser = PossibleValuesParser::new(STEPS.map(|(name, _)| name)))]
    only: Vec<String>,
}

type Step = fn(&Workspace) -> Result<Problems>;

const STEPS: [(&str, Step); 10] = [
    ("format", |w| Ok(cargo_step(w, "fmt --all --check"))),
    ("clippy", |w| Ok(cargo_step(w, "clippy --workspace --all-targets -- -D warnings"))),
    ("docs", |w| Ok(docs(w))),
    ("alike", tidy::problems),
    ("tiers", tiers::problems),
    ("prose", prose::problems),
    ("supply", supply::problems),
    ("packages", |w| Ok(cargo_step(w, &package(w)))),
    ("dependencies", alone::grown_trees),
    ("alone", alone::broken_copies),
];

pub fn run(args: &Args) -> Result<bool> {
    let workspace = Workspace::load()?;
    let mut steps = Vec::from(STEPS);
    steps.retain(|(name, _)| args.only.is_empty() || args.only.iter().any(|only| only == name));
    let mut all = Vec::new();
    for (name, step) in &steps {
        println!("==> {name}");
        let start = Instant::now();
        let problems = step(&workspace).unwrap_or_else(|problem| vec![format!("{problem:#}")]);
        let verdict = if problems.is_empty() { "ok".to_owned() } else { count(problems.len()) };
        println!("<== {name}: {verdict}, {}", seconds_since(start));
        all.extend(problems.into_iter().map(|problem| format!("{name}: {problem}")));
    }
    println!();
    for problem in &all {
        println!("{problem}");
    }
    println!("{} steps, {}", steps.len(), count(all.len()));
    Ok(all.is_empty())
}

fn count(problems: usize) -> String {
    match problems {
        0 => "no problem".to_owned(),
        1 => "1 problem".to_owned(),
        n => format!("{n} problems"),
    }
}

/// Returns the command that packages all crates but the models, whose `tokio` is a folder of this workspace.
fn package(workspace: &Workspace) -> String {
    let mut command = "package --workspace --no-verify --allow-dirty --quiet".to_owned();
    for package in models::packages(workspace) {
        command.push_str(" --exclude ");
        command.push_str(&package.name);
    }
    command
}

/// Builds the docs of all crates, and again the docs of the facade as docs.rs builds them: the links of the facade lead
/// to every feature.
fn docs(workspace: &Workspace) -> Problems {
    let mut problems = cargo_step(workspace, "doc --workspace --exclude towpath-guide --no-deps");
    problems.extend(cargo_step(workspace, "doc -p towpath --all-features --no-deps"));
    problems
}

fn cargo_step(workspace: &Workspace, line: &str) -> Problems {
    let command = workspace.cargo(line).env("RUSTDOCFLAGS", "-D warnings");
    match command.run() {
        Ok(_) => Vec::new(),
        Err(_) => vec![format!("`cargo {line}` failed (its messages are above)")],
    }
}
