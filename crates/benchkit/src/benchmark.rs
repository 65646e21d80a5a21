//! The program of a benchmark: the tasks, and the commands in the arguments.
//!
//! `benches/uniform.rs` of a pattern crate is a program. `cargo xtask bench` reads the tasks of the program (`list`), and
//! starts a process for every run of a workload (`run WORKLOAD SUBJECT ITEMS`); the answer is one line of JSON. `growths`
//! lists the growing quantities, and `grow QUANTITY VALUE SUBJECT ITEMS` runs with a quantity at the given value.
//! `paths` and `walk PATH ITEMS` are the same for `cargo xtask bench --counts`. The command counts instructions from outside.
//! `counted` lists the workloads with counted locks, and `count WORKLOAD THREADS SUBJECT ITEMS` runs one of them.

use std::fmt::Display;
use std::future::Future;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use serde_json::json;
use towpath_testkit::Subject;

use crate::counted::{COUNTED, CountedRun, CountedWorkload};
use crate::growth::QUANTITIES;
use crate::measured::Measured;
use crate::workloads::WORKLOADS;
use crate::{paths, process, workloads};

const USAGE: &str = "list | run WORKLOAD SUBJECT ITEMS | growths | grow QUANTITY VALUE SUBJECT ITEMS | \
    paths | walk PATH ITEMS | counted | count WORKLOAD THREADS SUBJECT ITEMS";

/// The benchmark of the patterns of a crate: `main` of `benches/uniform.rs`.
///
/// # Examples
///
/// ```no_run
/// # use std::process::ExitCode;
/// # use towpath_benchkit::Benchmark;
/// # use towpath_testkit::Subject;
/// # async fn sum(items: u64) -> anyhow::Result<u64> { Ok((0..items).sum()) }
/// # async fn send(items: u64) -> anyhow::Result<u64> { Ok(items) }
/// # fn benchmark(fanout: impl Subject, ordered: impl Subject) -> ExitCode {
/// Benchmark::new("fanout", fanout)
///     .and("fanout ordered", ordered)
///     .with("sum", "iterator", |items| sum(items))
///     .growing("channels", "iterator", |_channels, items| sum(items))
///     .path("send", |items| send(items))
///     .main()
/// # }
/// ```
#[must_use]
pub struct Benchmark {
    tasks: Vec<Task>,
    growths: Vec<Growth>,
    counted: Vec<CountedTask>,
    paths: Vec<HotPath>,
}

/// A workload of a subject.
struct Task {
    workload: String,
    subject: String,
    /// Whether the answer has the peak memory of the process.
    peak: bool,
    measure: Box<dyn Fn(u64) -> anyhow::Result<Measured>>,
}

/// A growing quantity of a subject.
struct Growth {
    quantity: String,
    subject: String,
    measure: Box<dyn Fn(usize, u64) -> anyhow::Result<Measured>>,
}

/// A workload of a subject, with counted locks, wake-ups and polls.
struct CountedTask {
    workload: CountedWorkload,
    subject: String,
    measure: Box<dyn Fn(usize, u64) -> anyhow::Result<CountedRun>>,
}

/// A path of an item, with counted instructions.
struct HotPath {
    name: String,
    walk: Box<dyn Fn(u64) -> anyhow::Result<()>>,
}

impl Benchmark {
    /// Creates the benchmark of `subject`, with the name `name` in every table.
    pub fn new<S: Subject>(name: &str, subject: S) -> Self {
        Self::without_subject().and(name, subject)
    }

    /// Creates a benchmark without a subject, for hot paths alone.
    pub fn without_subject() -> Self {
        Self { tasks: Vec::new(), growths: Vec::new(), counted: Vec::new(), paths: Vec::new() }
    }

    /// Adds another subject.
    pub fn and<S: Subject>(mut self, name: &str, subject: S) -> Self {
        let of_path = subject.clone();
        let noop = move |items| paths::noop(of_path.clone(), items);
        let subject = Rc::new(subject);
        self.tasks.extend(WORKLOADS.iter().map(|workload| {
            let by = Rc::clone(&subject);
            Task {
                workload: workload.name.to_owned(),
                subject: name.to_owned(),
                peak: workload.peak,
                measure: Box::new(move |items| workloads::run(&*by, workload, items)),
            }
        }));
        self.growths.extend(QUANTITIES.map(|quantity| {
            let by = Rc::clone(&subject);
            Growth {
                quantity: quantity.name().to_owned(),
                subject: name.to_owned(),
                measure: Box::new(move |value, items| quantity.measure(&*by, value, items)),
            }
        }));
        self.counted.extend(COUNTED.map(|workload| {
            let by = Rc::clone(&subject);
            CountedTask {
                workload,
                subject: name.to_owned(),
                measure: Box::new(move |threads, items| workload.measure(&*by, threads, items)),
            }
        }));
        self.path(name, noop)
    }

    /// Adds a workload of the crate of the benchmark only.
    ///
    /// `work` receives the number of items, runs once in a task of the runtime, and returns the answer. Every subject of
    /// the workload must return the same answer.
    pub fn with<Fut>(mut self, workload: &str, subject: &str, work: impl Fn(u64) -> Fut + 'static) -> Self
    where
        Fut: Future<Output = anyhow::Result<u64>> + Send + 'static,
    {
        self.tasks.push(Task {
            workload: workload.to_owned(),
            subject: subject.to_owned(),
            peak: false,
            measure: Box::new(move |items| workloads::run_alone(work(items))),
        });
        self
    }

    /// Adds a workload of the crate of the benchmark only, with times of single items.
    ///
    /// `work` receives the number of items, runs once in a task of the runtime, and returns the answer and the times.
    pub fn with_times<Fut>(
        mut self,
        workload: &str,
        subject: &str,
        work: impl Fn(u64) -> Fut + 'static,
    ) -> Self
    where
        Fut: Future<Output = anyhow::Result<(u64, Vec<Duration>)>> + Send + 'static,
    {
        self.tasks.push(Task {
            workload: workload.to_owned(),
            subject: subject.to_owned(),
            peak: false,
            measure: Box::new(move |items| workloads::run_with_times(work(items))),
        });
        self
    }

    /// Adds a quantity of the crate of the benchmark only.
    ///
    /// `work` receives the value of the quantity and the number of items, runs once in a task of the runtime, and
    /// returns the sum of the items, counted from 0.
    pub fn growing<Fut>(
        mut self,
        quantity: &str,
        subject: &str,
        work: impl Fn(usize, u64) -> Fut + 'static,
    ) -> Self
    where
        Fut: Future<Output = anyhow::Result<u64>> + Send + 'static,
    {
        self.growths.push(Growth {
            quantity: quantity.to_owned(),
            subject: subject.to_owned(),
            measure: Box::new(move |value, items| workloads::run_alone(work(value, items))),
        });
        self
    }

    /// Adds a hot path of the crate of the benchmark only. The no-op jobs of every subject are a path already.
    ///
    /// `work` receives the number of items, sends the items along the path in a task of a single-threaded runtime, and
    /// returns the number of arrived items. All further costs of `work` are independent of the number of items.
    pub fn path<Fut>(mut self, name: &str, work: impl Fn(u64) -> Fut + 'static) -> Self
    where
        Fut: Future<Output = anyhow::Result<u64>> + Send + 'static,
    {
        let walk = move |items| paths::walk(items, work(items));
        self.paths.push(HotPath { name: name.to_owned(), walk: Box::new(walk) });
        self
    }

    /// Runs the command in the arguments of this process.
    ///
    /// Without arguments, as under `cargo test --benches`, prints the usage and succeeds.
    #[must_use]
    pub fn main(self) -> ExitCode {
        let arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
        let arguments: Vec<String> = arguments.collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match *arguments.as_slice() {
            [] => {
                println!("usage: {USAGE}; `cargo xtask bench` runs everything");
                ExitCode::SUCCESS
            }
            ["list"] => {
                for Task { workload, subject, .. } in &self.tasks {
                    println!("{workload}\t{subject}");
                }
                ExitCode::SUCCESS
            }
            ["run", workload, subject, items] => match self.find(workload, subject, items) {
                Ok((task, items)) => answer(workload, task.peak, (task.measure)(items)),
                Err(wrong) => refuse(&wrong),
            },
            ["growths"] => {
                for Growth { quantity, subject, .. } in &self.growths {
                    println!("{quantity}\t{subject}");
                }
                ExitCode::SUCCESS
            }
            ["grow", quantity, value, subject, items] => {
                match self.find_growth(quantity, value, subject, items) {
                    Ok((growth, value, items)) => answer(quantity, true, (growth.measure)(value, items)),
                    Err(wrong) => refuse(&wrong),
                }
            }
            ["counted"] => {
                for CountedTask { workload, subject, .. } in &self.counted {
                    println!("{}\t{subject}", workload.name());
                }
                ExitCode::SUCCESS
            }
            ["count", workload, threads, subject, items] => {
                match self.find_counted(workload, threads, subject, items) {
                    Ok((counted, threads, items)) => count((counted.measure)(threads, items)),
                    Err(wrong) => refuse(&wrong),
                }
            }
            ["paths"] => {
                for HotPath { name, .. } in &self.paths {
                    println!("{name}");
                }
                ExitCode::SUCCESS
            }
            ["walk", path, items] => match self.find_path(path, items) {
                Ok((path, items)) => walked(path, (path.walk)(items)),
                Err(wrong) => refuse(&wrong),
            },
            _ => refuse(&format!("expected {USAGE}")),
        }
    }

    fn find(&self, workload: &str, subject: &str, items: &str) -> Result<(&Task, u64), String> {
        let task = self.tasks.iter().find(|task| task.workload == workload && task.subject == subject);
        let task = task.ok_or_else(|| format!("`{subject}` does not do `{workload}` here; see `list`"))?;
        Ok((task, number("items", items)?))
    }

    fn find_growth(
        &self,
        quantity: &str,
        value: &str,
        subject: &str,
        items: &str,
    ) -> Result<(&Growth, usize, u64), String> {
        let growth = self.growths.iter().find(|g| g.quantity == quantity && g.subject == subject);
        let growth =
            growth.ok_or_else(|| format!("`{subject}` has no `{quantity}` to grow here; see `growths`"))?;
        let value: NonZeroUsize = number(quantity, value)?;
        Ok((growth, value.get(), number("items", items)?))
    }

    fn find_counted(
        &self,
        workload: &str,
        threads: &str,
        subject: &str,
        items: &str,
    ) -> Result<(&CountedTask, usize, u64), String> {
        let counted = self.counted.iter().find(|c| c.workload.name() == workload && c.subject == subject);
        let counted =
            counted.ok_or_else(|| format!("`{subject}` counts no `{workload}` here; see `counted`"))?;
        let threads: NonZeroUsize = number("threads", threads)?;
        Ok((counted, threads.get(), number("items", items)?))
    }

    fn find_path(&self, path: &str, items: &str) -> Result<(&HotPath, u64), String> {
        let found = self.paths.iter().find(|known| known.name == path);
        let found = found.ok_or_else(|| format!("there is no path `{path}` here; see `paths`"))?;
        Ok((found, number("items", items)?))
    }
}

fn number<N: FromStr<Err: Display>>(what: &str, text: &str) -> Result<N, String> {
    text.parse().map_err(|error| format!("{what} `{text}`: {error}"))
}

fn refuse(wrong: &str) -> ExitCode {
    eprintln!("{wrong}");
    ExitCode::from(2)
}

fn count(counted: anyhow::Result<CountedRun>) -> ExitCode {
    match counted {
        Ok(counted) => {
            println!("{}", counted.line());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn walked(path: &HotPath, outcome: anyhow::Result<()>) -> ExitCode {
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    eprintln!("{}: {error:#}", path.name);
    ExitCode::FAILURE
}

/// Prints the answer; with the peak memory of the process if `peak` is set.
fn answer(about: &str, peak: bool, measured: anyhow::Result<Measured>) -> ExitCode {
    let Measured { answer, ms, bytes_each, latency } = match measured {
        Ok(measured) => measured,
        Err(error) => {
            eprintln!("{about}: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let mut line = json!({ "answer": answer.to_string() });
    if let Some(ms) = ms {
        line["ms"] = json!(ms);
    }
    if peak && let Some(peak) = process::memory_kib("VmHWM:") {
        line["peak_kib"] = json!(peak);
    }
    if let Some(bytes) = bytes_each {
        line["bytes_each"] = json!(bytes);
    }
    if !latency.is_empty() {
        line["latency"] = json!(latency);
    }
    println!("{line}");
    ExitCode::SUCCESS
}
