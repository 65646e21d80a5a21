//! `cargo xtask bench --growth threads`: what an item costs on runtimes with 1, 2, 4 … 64 threads, counted and not timed.
//!
//! A machine with few cores cannot show the time of many threads, but it can show the number of lock acquisitions,
//! contended acquisitions, wake-ups and polls of an item. Where no number grows with the threads, the work of an item
//! does not grow either. `threads_table` shows the numbers.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use serde::Deserialize;

use super::machine::Machine;
use super::programs::{self, Program};
use super::rounds::{self, Plan, Progress};
use super::{threads_table, workloads};
use crate::workspace::Workspace;
use crate::{files, marks};

const PAGE: &str = "docs/scaling.md";

const THREADS: [u64; 7] = [1, 2, 4, 8, 16, 32, 64];

/// The largest number of threads of a quick run.
const QUICK: u64 = 4;

/// The first value of [`THREADS`] that the bound does not derive from: with two threads, an item is shared already.
const BASE: u64 = 2;

/// The bound of a count at any number of threads: this multiple of the largest count up to [`BASE`] threads, plus
/// [`SLACK`] an item.
pub const FACTOR: f64 = 1.5;
pub const SLACK: f64 = 0.1;

/// The numbers of a run that are counted.
pub const COUNTS: [&str; 4] = ["lock acquisitions", "contended acquisitions", "wake-ups", "polls"];

/// A workload that is counted.
pub struct Counted {
    pub name: &'static str,
    pub about: &'static str,
    items: u64,
}

pub static WORKLOADS: [Counted; 2] = [
    Counted { name: "noop", about: "jobs that return their item, at most 64 at once", items: 300_000 },
    Counted { name: "waiting", about: "jobs that sleep 1 ms, at most 1,000 at once", items: 20_000 },
];

/// What a program of ours prints.
#[derive(Deserialize)]
struct Reading {
    answer: String,
    acquired: f64,
    contended: f64,
    wakes: f64,
    polls: f64,
    held_ns: f64,
}

/// The counts of an item, in the order of [`COUNTS`].
type Counts = [f64; COUNTS.len()];

/// A workload of a subject.
pub struct Case<'a> {
    pub workload: &'static Counted,
    pub subject: String,
    program: &'a Program,
    /// By the number of threads, a reading for each round: the counts, and the time that a lock is held in ns.
    readings: BTreeMap<u64, Vec<(Counts, f64)>>,
    failed: Option<String>,
}

/// Builds, counts, shows, and records if asked to. Returns whether no count grew.
pub fn run(workspace: &Workspace, plan: &Plan, record: bool) -> Result<bool> {
    let programs = programs::build_counted(workspace)?;
    let machine = Machine::read(workspace, None, plan.quick);
    println!("{machine}");
    let mut cases = cases(&programs)?;
    measure(&mut cases, plan);
    println!("{}", threads_table::text(&cases, plan.quick));
    let problems: Vec<_> = cases.iter().flat_map(|case| case.problems(plan.quick)).collect();
    for problem in &problems {
        eprintln!("error: {problem}");
    }
    if record {
        ensure!(cases.iter().all(|case| case.failed.is_none()), "nothing is recorded where a run failed");
        let section = threads_table::markdown(&cases, &machine);
        let (file, text) = marks::filled(&workspace.root.join(PAGE), "threads", &section)?;
        files::replace(&file, &text)?;
        eprintln!("written: {}", file.display());
    }
    Ok(problems.is_empty())
}

/// The cases of all programs, workload by workload.
fn cases(programs: &[Program]) -> Result<Vec<Case<'_>>> {
    let mut cases = Vec::new();
    for program in programs {
        for line in program.says("counted")?.lines() {
            let known = line.split_once('\t').and_then(|(name, subject)| {
                Some((WORKLOADS.iter().find(|workload| workload.name == name)?, subject))
            });
            let Some((workload, subject)) = known else {
                bail!("{}: `counted` printed `{line}`; a line is WORKLOAD<TAB>SUBJECT", program.source);
            };
            let (subject, readings) = (subject.to_owned(), BTreeMap::new());
            cases.push(Case { workload, subject, program, readings, failed: None });
        }
    }
    ensure!(!cases.is_empty(), "no program of ours counts a workload");
    cases.sort_by_key(|case| WORKLOADS.iter().position(|workload| workload.name == case.workload.name));
    Ok(cases)
}

/// A round counts every case once at every number of threads.
fn measure(cases: &mut [Case], plan: &Plan) {
    let progress = Progress::new(cases.len() as u64 * u64::from(plan.rounds));
    Progress::begin("growth with the threads", cases.len(), plan.rounds);
    for round in 1..=plan.rounds {
        for case in &mut *cases {
            progress.show(format!("round {round}: {}, {}", case.subject, case.workload.name));
            case.measure_once(plan);
            progress.step();
        }
    }
    progress.finish();
}

impl Case<'_> {
    fn measure_once(&mut self, plan: &Plan) {
        let Counted { name, items, .. } = self.workload;
        let items = if plan.quick { items / 100 } else { *items };
        for threads in THREADS.into_iter().filter(|threads| !plan.quick || *threads <= QUICK) {
            if self.failed.is_some() {
                return;
            }
            let args = ["count", name, &threads.to_string(), &self.subject, &items.to_string()];
            let counted = rounds::printed(self.program, &args, plan.limit)
                .and_then(|printed| rounds::parse(&printed))
                .and_then(|reading| each(&reading, items));
            match counted {
                Ok(counted) => self.readings.entry(threads).or_default().push(counted),
                Err(problem) => self.failed = Some(format!("at {threads} threads: {problem}")),
            }
        }
    }

    pub fn failure(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// Returns the medians of a count, by the number of threads.
    pub fn medians(&self, count: usize) -> BTreeMap<u64, f64> {
        let of = |readings: &Vec<(Counts, f64)>| middle(readings.iter().map(|(counts, _)| counts[count]));
        self.readings.iter().filter_map(|(&threads, readings)| Some((threads, of(readings)?))).collect()
    }

    /// Returns the time that a lock is held, in ns: the least of all rounds on one thread, where no thread is stopped
    /// with the lock in its hands by another thread of the run.
    pub fn held_ns(&self) -> Option<f64> {
        self.readings.get(&1)?.iter().map(|(_, held)| *held).min_by(f64::total_cmp)
    }

    /// Returns the bound of a count.
    pub fn bound(&self, count: usize) -> f64 {
        let base = self.medians(count).into_iter().filter(|(threads, _)| *threads <= BASE);
        FACTOR * base.map(|(_, median)| median).fold(0.0, f64::max) + SLACK
    }

    /// Returns a line for each count that grows beyond its bound, with the number of threads where it is largest. A
    /// quick run has too few items for a verdict.
    fn problems(&self, quick: bool) -> Vec<String> {
        let name = format!("{}, {}", self.subject, self.workload.name);
        if let Some(problem) = &self.failed {
            return vec![format!("{name}: failed {problem}")];
        }
        if quick {
            return Vec::new();
        }
        let problem = |count: usize| {
            let (threads, most) = self.medians(count).into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
            let bound = self.bound(count);
            let of = COUNTS[count];
            (most > bound).then(|| {
                format!("{name}: {most:.2} {of} an item at {threads} threads, and the bound is {bound:.2}")
            })
        };
        (0..COUNTS.len()).filter_map(problem).collect()
    }
}

/// The counts of an item, if the answer is right.
fn each(reading: &Reading, items: u64) -> Result<(Counts, f64), String> {
    let right = workloads::sum(items).to_string();
    if reading.answer != right {
        return Err(format!("wrong answer: {}, right is {right}", reading.answer));
    }
    #[expect(clippy::cast_precision_loss, reason = "there are few items")]
    let each = |count: f64| count / items as f64;
    let counts = [reading.acquired, reading.contended, reading.wakes, reading.polls].map(each);
    Ok((counts, reading.held_ns))
}

fn middle(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
#[path = "threads_tests.rs"]
mod tests;
