//! Lints and builds the programs of the chosen topics.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use duct::Expression;

use super::topic::{Language, Topic};
use crate::artifacts;
use crate::environment::Environment;
use crate::problems::Problems;
use crate::workspace::Workspace;

const PACKAGE: &str = "towpath-guide";

/// A program that can be started.
pub struct Program<'a> {
    pub topic: &'a Topic,
    pub language: Language,
    /// The words of the command before the arguments.
    start: Vec<PathBuf>,
}

impl Program<'_> {
    /// `TOPIC, LANGUAGE`
    pub fn name(&self) -> String {
        format!("{}, {}", self.topic.name, self.language.name())
    }

    pub fn with(&self, arg: Option<&str>) -> Expression {
        let args = self.start[1..].iter().map(|path| path.as_os_str()).chain(arg.map(OsStr::new));
        duct::cmd(&self.start[0], args).dir(&self.topic.dir).env("RUST_BACKTRACE", "0").stdin_null()
    }
}

#[cfg(test)]
impl<'a> Program<'a> {
    /// Returns a program that cannot be started.
    pub fn of(topic: &'a Topic, language: Language) -> Self {
        Self { topic, language, start: Vec::new() }
    }
}

/// Returns the findings of the tools of Go and Python in `topics`, a line each.
pub fn lint(guide: &Path, topics: &[&Topic], environment: &Environment) -> Result<Problems> {
    let of = |language: Language| -> Vec<&OsStr> {
        let written = topics.iter().filter(|topic| topic.languages.contains(&language));
        written.map(|topic| topic.dir.as_os_str()).collect()
    };
    let (python, go) = (of(Language::Python), of(Language::Go));
    let ruff = |args: &[&'static str]| {
        let args = args.iter().map(OsStr::new).chain(python.iter().copied());
        duct::cmd(&environment.ruff, args)
    };
    let gofmt = duct::cmd(environment.gofmt()?, [OsStr::new("-l")].into_iter().chain(go.iter().copied()));
    let vet = environment.go([OsStr::new("vet")].into_iter().chain(go.iter().copied()));
    let mut tools = Vec::new();
    if !go.is_empty() {
        tools.push(("gofmt would change", gofmt));
        tools.push(("go vet", vet));
    }
    if !python.is_empty() {
        tools.push(("ruff check", ruff(&["check", "--quiet", "--no-cache", "--output-format=concise"])));
        tools.push((
            "ruff format",
            ruff(&["format", "--check", "--quiet", "--no-cache", "--output-format=concise"]),
        ));
    }
    findings(guide, tools)
}

/// Runs the tools in `dir`, and returns the findings, a line each.
pub fn findings(dir: &Path, tools: Vec<(&str, Expression)>) -> Result<Problems> {
    let mut problems = Vec::new();
    for (name, command) in tools {
        let command = command.dir(dir).stderr_to_stdout().stdout_capture().unchecked();
        let output = command.run().with_context(|| format!("{name}: cannot be started"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let before = problems.len();
        let lines = said.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        problems.extend(lines.map(|line| format!("{name}: {}", relative(dir, line))));
        if !output.status.success() && problems.len() == before {
            problems.push(format!("{name} failed without a word"));
        }
    }
    Ok(problems)
}

fn relative(dir: &Path, line: &str) -> String {
    line.replace(&format!("{}/", dir.display()), "")
}

/// Builds the programs of the topics, all programs of one language at once. Without the environment, programs in Go and
/// Python are left out.
pub fn build<'a>(
    workspace: &Workspace,
    guide: &Path,
    topics: &[&'a Topic],
    environment: Option<&Environment>,
) -> Result<Vec<Program<'a>>> {
    let rust = build_rust(workspace, topics)?;
    let go = workspace.target.join("guide-programs/go");
    if let Some(environment) = environment {
        build_go(guide, topics, environment, &go)?;
    }
    let mut programs = Vec::new();
    for &topic in topics {
        for &language in &topic.languages {
            let start = match (language, environment) {
                (Language::Rust, _) => {
                    let built = rust.get(&topic.name);
                    vec![built.with_context(|| format!("cargo built no program {}", topic.name))?.clone()]
                }
                (Language::Go, Some(_)) => {
                    vec![go.join(&topic.name).with_extension(std::env::consts::EXE_EXTENSION)]
                }
                (Language::Python, Some(environment)) => {
                    vec![environment.python.clone(), topic.program(language)]
                }
                (_, None) => continue,
            };
            programs.push(Program { topic, language, start });
        }
    }
    Ok(programs)
}

fn build_rust(workspace: &Workspace, topics: &[&Topic]) -> Result<BTreeMap<String, PathBuf>> {
    let written = topics.iter().filter(|topic| topic.languages.contains(&Language::Rust));
    let bins: Vec<_> = written.map(|topic| format!(" --bin {}", topic.name)).collect();
    if bins.is_empty() {
        return Ok(BTreeMap::new());
    }
    eprintln!("building the programs in Rust");
    let built = artifacts::build(workspace, &format!("build -p {PACKAGE}{}", bins.concat()), "bin")?;
    Ok(built.into_iter().map(|program| (program.target, program.path)).collect())
}

fn build_go(guide: &Path, topics: &[&Topic], environment: &Environment, into: &Path) -> Result<()> {
    let written = topics.iter().filter(|topic| topic.languages.contains(&Language::Go));
    let dirs: Vec<_> = written.map(|topic| topic.dir.as_os_str()).collect();
    if dirs.is_empty() {
        return Ok(());
    }
    eprintln!("building the programs in Go");
    std::fs::create_dir_all(into)?;
    let into = into.join("");
    let args = ["build".as_ref(), "-o".as_ref(), into.as_os_str()].into_iter().chain(dirs);
    let built = environment.go(args).dir(guide).run();
    built.ok().context("the programs in Go do not build (Go's messages are above)")?;
    Ok(())
}
