//! `cargo xtask bench --growth threads`: the cost of an item on runtimes with 1, 2, 4 … 64 threads, counted and not
//! timed.
//!
//! A machine with few cores cannot show the time of many threads, but it can show the number of lock acquisitions,
//! contended acquisitions, wake-ups and polls of an item. If no number grows with the threads, the work of an item
//! does not grow either. `threads_case` has the numbers and their bounds, `threads_table` shows them.

use anyhow::{Result, bail, ensure};

use super::machine::Machine;
use super::programs::{self, Program};
use super::rounds::{Plan, Progress};
use super::threads_case::{Case, WORKLOADS};
use super::threads_table;
use crate::workspace::Workspace;
use crate::{files, marks};

const PAGE: &str = "docs/scaling.md";

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
        ensure!(cases.iter().all(|case| case.failure().is_none()), "nothing is recorded where a run failed");
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
            cases.push(Case::new(workload, subject, program));
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

#[cfg(test)]
#[path = "threads_tests.rs"]
mod tests;
