//! The measured programs, and the workloads of each.
//!
//! Every program, in any language, understands `list` (a line `WORKLOAD<TAB>SUBJECT` for each subject of a workload)
//! and `run WORKLOAD SUBJECT ITEMS` (one line of JSON with the answer and the measurements). Our programs also
//! understand the commands of `growth`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use duct::Expression;

use super::peers::Peers;
use super::workloads::{WORKLOADS, Workload};
use crate::artifacts::{self, Executable};
use crate::environment::Environment;
use crate::files;
use crate::process;
use crate::workspace::{self, Workspace};

const LIST_LIMIT: Duration = Duration::from_secs(30);

/// A program that runs one or more subjects.
pub struct Program {
    /// The path of the source, for messages.
    pub source: String,
    pub ours: bool,
    start: Vec<OsString>,
    /// The folder for Python's compiled files, outside the sources.
    cache: PathBuf,
}

/// A program's implementation of a workload.
pub struct Subject<'a> {
    pub workload: &'static Workload,
    pub name: String,
    pub program: &'a Program,
}

impl Program {
    pub fn with(&self, args: &[&str]) -> Expression {
        let args = self.start[1..].iter().cloned().chain(args.iter().map(Into::into));
        duct::cmd(&self.start[0], args)
            .env("PYTHONPYCACHEPREFIX", &self.cache)
            .env("RUST_BACKTRACE", "0")
            .stdin_null()
    }

    /// Returns a shell script in place of a program.
    #[cfg(test)]
    pub fn script(script: &str) -> Self {
        Self {
            source: "a script".to_owned(),
            ours: false,
            start: ["sh", "-c", script, "sh"].map(Into::into).to_vec(),
            cache: PathBuf::new(),
        }
    }

    fn list(&self) -> Result<Vec<(&'static Workload, String)>> {
        parse_list(&self.says("list")?).with_context(|| format!("{}: `list`", self.source))
    }

    /// Returns the output of the program for `question`, such as `list`.
    pub fn says(&self, question: &str) -> Result<String> {
        let asked = self.with(&[question]).stdout_capture().stderr_capture();
        let output = process::within(LIST_LIMIT, &asked)
            .with_context(|| format!("{} cannot be started", self.source))?
            .with_context(|| {
                format!("{}: `{question}` was not over after {} s", self.source, LIST_LIMIT.as_secs())
            })?;
        if !output.status.success() {
            let (ending, line) = (process::ending(output.status), process::telling_line(&output.stderr));
            bail!("{}: `{question}` ended with {ending}: {line}", self.source);
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn parse_list(text: &str) -> Result<Vec<(&'static Workload, String)>> {
    let mut listed = Vec::new();
    for line in text.lines() {
        let (workload, subject) = line
            .split_once('\t')
            .with_context(|| format!("printed `{line}`; a line is WORKLOAD<TAB>SUBJECT"))?;
        let known = WORKLOADS.map(|w| w.name).join(", ");
        let workload = Workload::named(workload)
            .with_context(|| format!("has the unknown workload `{workload}`; there are {known}"))?;
        listed.push((workload, subject.to_owned()));
    }
    ensure!(!listed.is_empty(), "printed nothing");
    Ok(listed)
}

/// Returns the subjects of all programs.
pub fn subjects(programs: &[Program]) -> Result<Vec<Subject<'_>>> {
    let mut subjects: Vec<Subject> = Vec::new();
    for program in programs {
        for (workload, name) in program.list()? {
            let same = |s: &&Subject| s.workload.name == workload.name && s.name == name;
            if let Some(other) = subjects.iter().find(same) {
                let (here, there) = (&program.source, &other.program.source);
                bail!("{here} and {there} both call a subject of {} `{name}`; rename one", workload.name);
            }
            subjects.push(Subject { workload, name, program });
        }
    }
    Ok(subjects)
}

/// Builds our patterns and the chosen peers.
pub fn build(
    workspace: &Workspace,
    peers: &[Peers],
    environment: Option<&Environment>,
) -> Result<Vec<Program>> {
    let mut programs = ours(workspace)?;
    if peers.contains(&Peers::Rust) {
        programs.push(rust_peers(workspace)?);
    }
    if let Some(environment) = environment {
        if peers.contains(&Peers::Go) {
            programs.push(go_peers(workspace, environment)?);
        }
        if peers.contains(&Peers::Python) {
            let script = workspace.root.join("xtask/peers/python/peers.py");
            ensure!(script.exists(), "xtask/peers/python/peers.py is missing");
            programs.push(program(
                workspace,
                "xtask/peers/python",
                false,
                vec![(&environment.python).into(), script.into()],
            ));
        }
    }
    Ok(programs)
}

fn program(workspace: &Workspace, source: &str, ours: bool, start: Vec<OsString>) -> Program {
    Program { source: source.to_owned(), ours, start, cache: workspace.target.join("peers/pycache") }
}

fn ours(workspace: &Workspace) -> Result<Vec<Program>> {
    let ours = |b: Executable| program(workspace, &b.package, true, vec![b.path.into()]);
    Ok(build_ours(workspace)?.into_iter().map(ours).collect())
}

/// Builds the uniform benchmark of each pattern crate.
pub fn build_ours(workspace: &Workspace) -> Result<Vec<Executable>> {
    eprintln!("building our patterns");
    artifacts::build(workspace, &line_of_ours(workspace)?, "bench")
}

/// Builds the programs of the features in use, which have only hot paths.
pub fn build_costs(workspace: &Workspace) -> Result<Vec<Executable>> {
    let packages = workspace.crates_with("bench", COSTS);
    ensure!(!packages.is_empty(), "no crate under crates/ has a bench target named {COSTS}");
    let line = format!("bench --no-run --bench {COSTS} {}", workspace::options(&packages));
    artifacts::build(workspace, &line, "bench")
}

const COSTS: &str = "costs";

fn line_of_ours(workspace: &Workspace) -> Result<String> {
    let measured = workspace.crates_with("bench", "uniform");
    ensure!(!measured.is_empty(), "no crate under crates/ has a bench target named uniform");
    Ok(format!("bench --no-run --bench uniform {}", workspace::options(&measured)))
}

/// The locks of the engine count, and tokio has its unstable metrics.
const COUNTED: &str = "--cfg towpath_counted --cfg tokio_unstable";

/// Builds our patterns with counting locks, in a separate folder: no other command uses this build.
pub fn build_counted(workspace: &Workspace) -> Result<Vec<Program>> {
    eprintln!("building our patterns with locks that count, and all that they depend on");
    let line = format!("{} --target-dir {}", line_of_ours(workspace)?, "target/counted");
    let built = artifacts::build_with(workspace, &line, "bench", COUNTED)?;
    Ok(built.into_iter().map(|b| program(workspace, &b.package, true, vec![b.path.into()])).collect())
}

fn rust_peers(workspace: &Workspace) -> Result<Program> {
    eprintln!("building the peers in Rust");
    let line = "build --release -p towpath-peers";
    let built = artifacts::build(workspace, line, "bin")?.into_iter().next();
    let path = built.context("the package towpath-peers has no binary")?.path;
    Ok(program(workspace, "xtask/peers/rust", false, vec![path.into()]))
}

/// The sources of x/sync, from the Debian package `golang-golang-x-sync-dev`.
const X_SYNC: &str = "/usr/share/gocode/src/golang.org/x/sync";

/// Builds the peers in Go with the environment's Go, the standard library, and x/sync where its sources are installed.
fn go_peers(workspace: &Workspace, environment: &Environment) -> Result<Program> {
    eprintln!("building the peers in Go");
    let binary = workspace.target.join("peers/go-peers").with_extension(std::env::consts::EXE_EXTENSION);
    let source = workspace.root.join("xtask/peers/go");
    let mut args: Vec<OsString> = vec!["build".into(), "-C".into(), source.clone().into()];
    if Path::new(X_SYNC).is_dir() {
        let module = workspace.target.join("peers/go.mod");
        let own = fs::read_to_string(source.join("go.mod"))?;
        let required =
            format!("{own}\nrequire golang.org/x/sync v0.0.0\n\nreplace golang.org/x/sync => {X_SYNC}\n");
        files::replace(&module, &required)?;
        let mut option = OsString::from("-modfile=");
        option.push(&module);
        args.extend([option, "-tags=xsync".into()]);
    } else {
        eprintln!("left out: errgroup and the semaphore of x/sync: {X_SYNC} is missing");
    }
    args.extend(["-o".into(), binary.clone().into(), ".".into()]);
    environment
        .go(args)
        .run()
        .ok()
        .context("the peers in xtask/peers/go do not build (Go's messages are above)")?;
    Ok(program(workspace, "xtask/peers/go", false, vec![binary.into()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_names_workloads_and_subjects() {
        let listed = parse_list("io-10k\tgo WaitGroup\nio-1m\tgo semaphore\n").unwrap();
        let names: Vec<_> = listed.iter().map(|(w, s)| (w.name, s.as_str())).collect();
        assert_eq!(names, [("io-10k", "go WaitGroup"), ("io-1m", "go semaphore")]);
    }

    #[test]
    fn bad_list_is_an_error() {
        let said = |text| parse_list(text).err().unwrap().to_string();
        assert!(said("io-11k\tgo").contains("unknown workload `io-11k`; there are io-10k, ping-pong"));
        assert!(said("io-10k go").contains("WORKLOAD<TAB>SUBJECT"));
        assert_eq!(said(""), "printed nothing");
    }
}
