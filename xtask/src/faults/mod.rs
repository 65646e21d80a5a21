//! `cargo xtask faults`: plants known defects, one at a time, and checks that the test of each defect finds the defect.
//!
//! A fault is a file in `xtask/faults/` (`fault`). A fault is planted in a copy of the workspace (`copy`), never in
//! the workspace itself, and `trial` builds and runs the test of the fault in the copy.

mod copy;
mod fault;
mod trial;

use std::fmt;
use std::str::FromStr;
use std::time::Instant;

use anyhow::{Context, Result};

use self::copy::Copied;
use self::fault::Fault;
use self::trial::{Seen, Trial};
use crate::counts::Counts;
use crate::marks;
use crate::process::seconds_since;
use crate::usage::Usage;
use crate::workspace::Workspace;

const THIRDS: u32 = 3;

/// Plant known defects of such libraries, one at a time, and check that the test of each defect finds it.
///
/// Each fault is a file in xtask/faults: a description, the places where the fault was seen, the edits that plant the
/// fault, and the test that must find it. The files that git lists are copied to a folder under target/. In the copy,
/// all these tests must pass without a fault. Then each test must fail with its fault, by its own assertion: a test
/// that cannot be built, dies or hangs (60 s) has not caught the fault. An edit that no longer applies is an error that
/// names the edit.
#[derive(clap::Args, Default)]
#[command(after_help = crate::usage::EXIT_STATUS)]
pub struct Args {
    /// Only the fault of this number; may be given several times
    #[arg(long, value_name = "N")]
    only: Vec<u32>,
    /// Only a third of the faults: 1, 2 or 3, or `commit` for a third that depends on the commit
    #[arg(long, value_name = "K", conflicts_with = "only")]
    third: Option<Third>,
    /// Write the last line into docs/reliability.md, with the commit, if all is well
    #[arg(long, conflicts_with_all = ["only", "third"])]
    record: bool,
}

pub fn run(args: &Args) -> Result<bool> {
    Ok(count(args)?.failed == 0)
}

/// Returns the numbers of caught and of missed faults.
pub fn count(args: &Args) -> Result<Counts> {
    let start = Instant::now();
    let workspace = Workspace::load()?;
    let all = fault::read_all(&workspace.root)?;
    for fault in &all {
        fault.applies_to(&workspace.root)?;
    }
    let mut chosen = choose(all, args, &workspace)?;
    // Faults of one test program are adjacent, so that little is built again.
    chosen.sort_by(|a, b| a.test.program().cmp(&b.test.program()).then(a.number.cmp(&b.number)));

    let copied = Copied::of(&workspace)?;
    let trial = Trial::new(&copied)?;
    let failing = control(&trial, &chosen)?;
    if failing > 0 {
        println!("without a fault every test must pass; nothing was planted");
        return Ok(Counts { passed: 0, failed: failing });
    }
    let mut seen = Vec::new();
    for fault in &chosen {
        let began = Instant::now();
        let originals = fault.plant(copied.root())?;
        let outcome = trial.run(&fault.test);
        originals.restore()?;
        let outcome = outcome?;
        let (place, of, time) = (seen.len() + 1, chosen.len(), seconds_since(began));
        println!("[{place:2} of {of}] fault {}: {}, {time}", fault.number, outcome.verdict());
        seen.push(outcome);
    }
    println!("\n{}", table(&chosen, &seen));
    let caught = seen.iter().filter(|seen| seen.is_caught()).count();
    println!("{}", seconds_since(start));
    let said = format!("{caught} of {} caught", chosen.len());
    println!("{said}");
    if args.record && caught == chosen.len() {
        marks::record(&workspace, "faults", &said)?;
    }
    Ok(Counts { passed: caught as u64, failed: (chosen.len() - caught) as u64 })
}

/// Runs the tests of all these faults without a fault, and returns the number of tests that do not pass.
fn control(trial: &Trial, faults: &[Fault]) -> Result<u64> {
    let start = Instant::now();
    let mut tests: Vec<_> = faults.iter().map(|fault| &fault.test).collect();
    tests.dedup();
    println!("==> control: {} tests without a fault", tests.len());
    let mut passed = 0;
    for test in &tests {
        match trial.run(test)? {
            Seen::Passed => passed += 1,
            other => println!("control: {test}: {}", other.told()),
        }
    }
    println!("<== control: {passed} of {} passed, {}\n", tests.len(), seconds_since(start));
    Ok((tests.len() - passed) as u64)
}

fn choose(all: Vec<Fault>, args: &Args, workspace: &Workspace) -> Result<Vec<Fault>> {
    if let Some(unknown) = args.only.iter().find(|number| all.iter().all(|fault| fault.number != **number)) {
        return Err(Usage(format!("there is no fault {unknown}; they are 1 to {}", all.len())).into());
    }
    let third = match args.third {
        None => None,
        Some(Third::Numbered(third)) => Some(third),
        Some(Third::OfCommit) => Some(third_of_commit(workspace)?),
    };
    let is_chosen = |fault: &Fault| match third {
        Some(third) => fault.number % THIRDS == third % THIRDS,
        None => args.only.is_empty() || args.only.contains(&fault.number),
    };
    Ok(all.into_iter().filter(is_chosen).collect())
}

/// Returns a third that differs between commits, and is always the same for one commit.
fn third_of_commit(workspace: &Workspace) -> Result<u32> {
    let head = duct::cmd!("git", "rev-parse", "--short=7", "HEAD").dir(&workspace.root).read();
    let commit = head.context("`--third commit` wants a git repository; give 1, 2 or 3")?;
    let number = u32::from_str_radix(&commit[..commit.len().min(7)], 16);
    let third = number.with_context(|| format!("not a commit: {commit}"))? % THIRDS + 1;
    println!("third {third} of {THIRDS}, by commit {commit}; the same again with `--third {third}`");
    Ok(third)
}

/// A third of the faults.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Third {
    Numbered(u32),
    OfCommit,
}

impl FromStr for Third {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(third @ 1..=THIRDS) => Ok(Self::Numbered(third)),
            _ if text == "commit" => Ok(Self::OfCommit),
            _ => Err("it is 1, 2, 3 or `commit`".to_owned()),
        }
    }
}

fn table(faults: &[Fault], seen: &[Seen]) -> impl fmt::Display + use<> {
    let mut rows: Vec<_> = faults.iter().zip(seen).collect();
    rows.sort_by_key(|(fault, _)| fault.number);
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::UTF8_BORDERS_ONLY);
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic).set_width(180);
    table.set_header(["", "fault", "test", "caught"]);
    for (fault, seen) in rows {
        let what = format!("{} ({})", fault.what, fault.seen_at.join(", "));
        let caught = if seen.is_caught() { seen.told() } else { seen.verdict() };
        table.add_row([fault.number.to_string(), what, fault.test.to_string(), caught]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_all_apply_to_the_workspace() {
        let workspace = Workspace::load().unwrap();
        let faults = fault::read_all(&workspace.root).unwrap();
        let problems: Vec<_> = faults
            .iter()
            .filter_map(|fault| fault.applies_to(&workspace.root).err())
            .map(|problem| format!("{problem:#}"))
            .collect();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    #[test]
    fn third_is_a_number_or_the_commit_s() {
        assert_eq!("2".parse(), Ok(Third::Numbered(2)));
        assert_eq!("commit".parse(), Ok(Third::OfCommit));
        assert!("0".parse::<Third>().is_err() && "4".parse::<Third>().is_err());
    }
}
