//! `cargo xtask bench`: our patterns and their peers on the same workloads, in turn, in one run.
//!
//! `programs` builds the measured programs, `course` goes through the workloads, `rounds` runs a workload, `report`
//! computes the rows. `document`, `headline`, `table`, `spread`, `floors`, `limits`, `readme`, `page` and the JSON file
//! show the rows. `growth` measures the growth of our patterns. `threads` and `hot_paths` (`--counts`) count, and
//! measure no time.

mod course;
mod document;
mod floors;
mod grown;
mod growth;
mod growth_fit;
mod growth_table;
mod headline;
mod hot_paths;
mod limits;
mod machine;
mod page;
mod peers;
mod programs;
mod readme;
mod report;
mod rounds;
mod spread;
mod table;
mod threads;
mod threads_case;
mod threads_table;
mod workloads;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::builder::PossibleValuesParser;

use self::course::Course;
use self::grown::QUANTITIES;
use self::growth::Growth;
use self::machine::Machine;
use self::peers::Peers;
use self::report::Report;
use self::rounds::Plan;
use self::workloads::{WORKLOADS, Workload};
use crate::environment;
use crate::usage::Usage;
use crate::workspace::Workspace;

/// Measure our patterns and their peers in Go, Python and plain Rust on the same workloads.
///
/// Every round runs every subject once, in turn, each in a fresh process, and checks the answer. A subject whose first
/// run took over 15 s gets a single round. Every subject of ours has its own ratio to every peer: above 1, ours is
/// better. The limit of the machine or of tokio is shown under a table; the limit is not a peer. The table of the
/// document that this project answers is shown first, with the document's figures for asyncio and Go next to the
/// measured figures. The table needs io-10k and ping-pong; a dash marks a figure that was not measured.
///
/// The latency workloads are open loops: the due time of each item is fixed beforehand, and the time of an item counts
/// from its due time, so waiting to be sent counts too (no coordinated omission). p99.9 and max show the effect of one
/// stop of the machine. With --json, the percentiles of each subject's median round are in the file.
///
/// Go and Python come from a virtual environment that is created under target/ from xtask/requirements.txt. If the
/// environment cannot be created, their peers are left out with one line that says why; with CI set in the environment,
/// this is an error. A wrong answer, a crash or a timeout is an error too, after all other subjects were measured.
///
/// With --growth, and without --only, no workload is measured, but the growth of our patterns: time and peak memory as
/// the items grow from 1,000 to 10,000,000, the limit to 100,000, the threads of the runtime to 64, boxed stages to 32,
/// producers and consumers to 16. The exponent is the slope on logarithmic axes: 1 is linear, 0 flat. A case that grows
/// faster than n·log n is an error, and so is memory that grows with the number of items. Such a case is measured a
/// second time before it is an error. With --quick, the values are smaller and no exponent is an error.
#[derive(clap::Args)]
#[command(after_help = crate::usage::EXIT_STATUS, after_long_help = workload_list())]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub struct Args {
    /// Write the results to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the results to this folder as a page for the browser, index.html; a missing folder is created
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Run nothing; make the page of --report from this JSON file
    #[arg(long, value_name = "FILE", requires = "report",
          conflicts_with_all = ["json", "quick", "only", "growth", "peers", "rounds", "floors"])]
    from: Option<PathBuf>,
    /// A hundredth of the items in three rounds: checks that every subject runs, and does not measure the speed
    #[arg(long)]
    quick: bool,
    /// Only this workload; may be given several times
    #[arg(long, value_name = "WORKLOAD", value_parser = known_workloads(), hide_possible_values = true)]
    only: Vec<String>,
    /// Measure growth: alone, or after the workloads that --only names; --report measures both. With `threads`, count
    ///
    /// QUANTITY is one of the quantities; by default, all quantities that take time are measured. `threads` is
    /// separate: on runtimes with 1 to 64 threads, it counts the lock acquisitions, contended acquisitions, wake-ups
    /// and polls of an item, and measures no time. A count is an error if it is over 1.5 times the larger count of 1
    /// and 2 threads, plus 0.1 an item. Locks count only in a separate build, in target/counted.
    #[arg(long, value_name = "QUANTITY", num_args = 0..=1, default_missing_value = ALL,
          value_parser = known_quantities())]
    growth: Option<String>,
    /// Write the counts of --growth threads into docs/scaling.md, with the commit
    #[arg(long, requires = "growth")]
    record: bool,
    /// The peers to compare with, separated by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "go,python,rust")]
    peers: Vec<Peers>,
    /// The number of runs of each subject [default: 5, io-10k 60; with --quick 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// Compare the results with the floors of xtask/floors.toml, as every full run does; a missed floor is no error
    #[arg(long)]
    floors: bool,
    /// Pool the rounds in this JSON file with the others for the floors; may be given several times
    ///
    /// With --floors, nothing runs: the floors are compared with the pooled rounds of these files. With --readme, the
    /// floors of the page are compared with the rounds of all files.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "report", "from", "quick", "only", "growth", "rounds"])]
    pool: Vec<PathBuf>,
    /// Measure no time: count instructions and allocations per item of our hot paths under valgrind, and compare
    /// the counts with xtask/hot-paths.toml
    ///
    /// A deviation of more than 3 % either way is an error. Without figures for this rustc nothing is compared, which
    /// is an error only if CI is set. Callgrind's files are left in target/hot-paths/, for `callgrind_annotate`.
    #[arg(long, conflicts_with_all = ["json", "report", "quick", "only", "growth", "peers", "rounds", "floors"])]
    counts: bool,
    /// Keep the counts, after an intended change or for another rustc
    #[arg(long, requires = "counts")]
    accept: bool,
    /// Run nothing; write the results in this JSON file into README.md, docs/benchmark.md and ARCHITECTURE.md,
    /// between the marks
    #[arg(long, value_name = "FILE",
          conflicts_with_all = ["json", "report", "from", "quick", "only", "growth", "rounds", "floors", "counts"])]
    readme: Option<PathBuf>,
}

fn known_workloads() -> PossibleValuesParser {
    WORKLOADS.each_ref().map(|workload| workload.name).into()
}

const ALL: &str = "all";
const THREADS: &str = "threads";

fn known_quantities() -> PossibleValuesParser {
    let timed = QUANTITIES.each_ref().map(|quantity| quantity.name);
    [ALL].into_iter().chain(timed).chain([THREADS]).collect::<Vec<_>>().into()
}

fn workload_list() -> String {
    let line = |w: &Workload| format!("  {:<18}{}\n", w.name, w.about);
    let lines: String = WORKLOADS.iter().map(line).collect();
    format!("Workloads:\n{lines}\n{}", crate::usage::EXIT_STATUS)
}

pub fn run(args: &Args) -> Result<bool> {
    let workspace = Workspace::load()?;
    let pooled = args.pool.iter().map(|file| report::read(file)).collect::<Result<Vec<_>>>()?;
    if let Some(file) = &args.readme {
        readme::update(&workspace.root, file, &pooled)?;
        return Ok(true);
    }
    if !pooled.is_empty() {
        if !args.floors {
            bail!(Usage("--pool is of --floors and of --readme".to_owned()));
        }
        let runs: Vec<_> = pooled.iter().map(|run| &*run.rows).collect();
        println!("{}", floors::text(&floors::verdicts(&runs)?));
        return Ok(true);
    }
    if args.counts {
        return hot_paths::run(&workspace, args.accept);
    }
    if let (Some(file), Some(folder)) = (&args.from, &args.report) {
        let report = report::read(file)?;
        page::prepare(folder)?;
        page::write(folder, &report)?;
        return Ok(true);
    }
    if args.growth.as_deref() == Some(THREADS) {
        if !args.only.is_empty() || args.json.is_some() || args.report.is_some() || args.floors {
            bail!(Usage("--growth threads stands alone, with --quick, --rounds and --record".to_owned()));
        }
        if args.record && args.quick {
            bail!(Usage("--record wants the counts of a full run, without --quick".to_owned()));
        }
        return threads::run(&workspace, &plan(args), args.record);
    }
    if args.record {
        bail!(Usage("--record is of --growth threads".to_owned()));
    }
    let wanted = Wanted::of(args);
    let peers = chosen_peers(&args.peers)?;
    let peers = if wanted.workloads { peers } else { Vec::new() };
    if let Some(folder) = &args.report {
        page::prepare(folder)?;
    }
    if let Some(file) = &args.json {
        report::check_writable("--json", file)?;
    }

    let environment = environment::prepare(&workspace, &needing(&peers))?;
    let programs = programs::build(&workspace, &peers, environment.as_ref())?;
    let subjects = programs::subjects(&programs)?;
    let machine = Machine::read(&workspace, environment.as_ref(), args.quick);
    println!("{machine}");

    let tasks = if wanted.workloads { course::tasks(&args.only, &subjects)? } else { Vec::new() };
    let cases = if wanted.growth {
        Some(growth::cases(&programs, args.growth.as_deref().filter(|name| *name != ALL))?)
    } else {
        None
    };
    let mut course = Course::new(plan(args), &tasks);
    course.measure_all(&tasks, |text| println!("{text}"));
    let Course { rows, distributions, failures, .. } = course;
    let grow = |cases| growth::measure(cases, &plan(args), |text| println!("{text}"));
    let Growth { curves, problems } = cases.map(grow).unwrap_or_default();

    if args.floors || (wanted.workloads && args.only.is_empty() && !args.quick) {
        println!("{}", floors::text(&floors::verdicts(&[&rows])?));
    }
    let report = Report { machine, rows, distributions, curves };
    if let Some(file) = &args.json {
        report::write(file, &report)?;
        eprintln!("written: {}", file.display());
    }
    if let Some(folder) = &args.report {
        page::write(folder, &report)?;
    }
    for problem in &problems {
        eprintln!("error: {problem}");
    }
    if failures > 0 {
        eprintln!("failed: {failures} of the subjects (see the tables)");
    }
    Ok(failures == 0 && problems.is_empty())
}

/// The measurements that the arguments ask for.
#[derive(Debug, PartialEq)]
struct Wanted {
    workloads: bool,
    growth: bool,
}

impl Wanted {
    fn of(args: &Args) -> Self {
        let whole_page = args.report.is_some() && args.only.is_empty();
        Self {
            workloads: args.growth.is_none() || !args.only.is_empty() || whole_page,
            growth: args.growth.is_some() || whole_page,
        }
    }
}

fn plan(args: &Args) -> Plan {
    Plan {
        quick: args.quick,
        rounds: args.rounds.unwrap_or(if args.quick { 3 } else { 5 }),
        spread: args.rounds.unwrap_or(if args.quick { 3 } else { 60 }),
        many_within: Duration::from_millis(100),
        limit: Duration::from_secs(if args.quick { 30 } else { 120 }),
        slow: Duration::from_secs(15),
    }
}

fn chosen_peers(list: &[Peers]) -> Result<Vec<Peers>> {
    if list.contains(&Peers::None) && list.len() > 1 {
        bail!(Usage("--peers none stands alone; without it, name go, python or rust".to_owned()));
    }
    Ok(list.iter().copied().filter(|peers| *peers != Peers::None).collect())
}

/// Returns the names, for messages, of the `peers` that need Go or Python.
fn needing(peers: &[Peers]) -> Vec<&'static str> {
    let named = [("peers in Go", Peers::Go), ("peers in Python", Peers::Python)];
    named.into_iter().filter(|(_, wanted)| peers.contains(wanted)).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches};

    use super::*;

    #[test]
    fn growth_is_measured_alone_unless_workloads_are_named() {
        let wanted = |line: &str| {
            let matches = Args::augment_args(clap::Command::new("bench")).get_matches_from(line.split(' '));
            let Wanted { workloads, growth } = Wanted::of(&Args::from_arg_matches(&matches).unwrap());
            (workloads, growth)
        };
        assert_eq!(wanted("bench"), (true, false));
        assert_eq!(wanted("bench --only io-1m"), (true, false));
        assert_eq!(wanted("bench --growth"), (false, true));
        assert_eq!(wanted("bench --growth items"), (false, true));
        assert_eq!(wanted("bench --growth --only io-1m"), (true, true));
        assert_eq!(wanted("bench --report page"), (true, true));
        assert_eq!(wanted("bench --report page --only io-1m"), (true, false));
    }

    #[test]
    fn none_stands_alone() {
        assert_eq!(chosen_peers(&[Peers::None]).unwrap(), []);
        assert_eq!(chosen_peers(&[Peers::Go, Peers::Rust]).unwrap(), [Peers::Go, Peers::Rust]);
        assert!(chosen_peers(&[Peers::Go, Peers::None]).unwrap_err().is::<Usage>());
    }
}
