//! The counts of a workload of a subject, by the number of threads, and the bound that a count may not exceed.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::programs::Program;
use super::rounds::{self, Plan};
use super::workloads;

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

/// The line that a program of ours prints.
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

impl<'a> Case<'a> {
    pub fn new(workload: &'static Counted, subject: &str, program: &'a Program) -> Self {
        Self { workload, subject: subject.to_owned(), program, readings: BTreeMap::new(), failed: None }
    }

    /// Counts once at every number of threads.
    pub fn measure_once(&mut self, plan: &Plan) {
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

    /// Returns the time that a lock is held, in ns: the least of all rounds on one thread. A stop of the thread by the
    /// system only adds to the time.
    pub fn held_ns(&self) -> Option<f64> {
        self.readings.get(&1)?.iter().map(|(_, held)| *held).min_by(f64::total_cmp)
    }

    /// Returns the bound of a count.
    pub fn bound(&self, count: usize) -> f64 {
        let base = self.medians(count).into_iter().filter(|(threads, _)| *threads <= BASE);
        FACTOR * base.map(|(_, median)| median).fold(0.0, f64::max) + SLACK
    }

    /// Returns the largest median of a count, with the number of threads, if it exceeds the bound.
    pub fn beyond(&self, count: usize) -> Option<(u64, f64)> {
        let largest = self.medians(count).into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
        (largest.1 > self.bound(count)).then_some(largest)
    }

    /// Returns a line for each count that grows beyond its bound, with the number of threads where it is largest. A
    /// quick run has too few items for a verdict.
    pub fn problems(&self, quick: bool) -> Vec<String> {
        let name = format!("{}, {}", self.subject, self.workload.name);
        if let Some(problem) = &self.failed {
            return vec![format!("{name}: failed {problem}")];
        }
        if quick {
            return Vec::new();
        }
        let problem = |count: usize| {
            let (threads, most) = self.beyond(count)?;
            let (of, bound) = (COUNTS[count], self.bound(count));
            Some(format!("{name}: {most:.2} {of} an item at {threads} threads, and the bound is {bound:.2}"))
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
