//! Runs the programs, a few at a time, and keeps the output of each.

use std::fs;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};

use super::programs::Program;
use super::site::Site;
use crate::process;

/// A program is killed after this time. On an idle machine, a program takes one or two seconds.
const LIMIT: Duration = Duration::from_secs(30);

/// A program, and its output or its problem.
pub struct Ran<'a> {
    pub program: &'a Program<'a>,
    pub said: Result<String>,
}

/// Runs each program once, as many at a time as there are cores, and returns the results in the order of the programs.
pub fn all<'a>(programs: &'a [Program<'a>], outputs: &Path) -> Result<Vec<Ran<'a>>> {
    fs::create_dir_all(outputs).with_context(|| format!("cannot make {}", outputs.display()))?;
    let bar = bar(programs.len());
    let ran = programs.par_iter().with_max_len(1).map(|program| {
        bar.set_message(program.name());
        let said = run(program, outputs);
        bar.inc(1);
        Ran { program, said }
    });
    let ran = ran.collect();
    bar.finish_and_clear();
    Ok(ran)
}

/// A progress bar on a terminal; elsewhere one line.
fn bar(programs: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        eprintln!("running {programs} programs");
    }
    let bar = ProgressBar::new(programs as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} programs, {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
}

fn run(program: &Program, outputs: &Path) -> Result<String> {
    if !program.topic.site {
        return run_with(program, None, outputs);
    }
    let site = Site::serve()?;
    let said = run_with(program, Some(&site.address), outputs)?;
    site.visits().check()?;
    Ok(said)
}

/// Runs the program with its output in files: a process that the program leaves behind would keep a pipe open.
fn run_with(program: &Program, arg: Option<&str>, outputs: &Path) -> Result<String> {
    let file = |kind| outputs.join(format!("{}.{}.{kind}", program.topic.name, program.language.name()));
    let (out, err) = (file("out"), file("err"));
    let command = program.with(arg).stdout_path(&out).stderr_path(&err);
    let ended = process::within(LIMIT, &command).context("cannot be started")?;
    let (said, complaint) = (fs::read(&out)?, fs::read(&err)?);
    let ended = ended.with_context(|| {
        let printed = String::from_utf8_lossy(&said).lines().count();
        format!("not over after {} s, having printed {printed} lines", LIMIT.as_secs())
    })?;
    let telling = process::telling_line(&complaint);
    ensure!(ended.status.success(), "{}: {telling}", process::ending(ended.status));
    ensure!(complaint.is_empty(), "wrote to standard error: {telling}");
    String::from_utf8(said).context("printed something that is not UTF-8")
}
