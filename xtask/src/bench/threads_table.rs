//! The counts by threads: for a terminal, a table of every workload and count; for the page, a table of every workload, and
//! the rate at which the lock is the limit.

use std::fmt::Write;

use comfy_table::CellAlignment;

use super::machine::Machine;
use super::table::{self, number};
use super::threads_case::{COUNTS, Case, FACTOR, SLACK};

/// The cores of the calculation.
const CORES: u64 = 16;

/// The place of the lock acquisitions among the counts.
const ACQUISITIONS: usize = 0;

/// For a terminal. A count beyond its bound has a mark.
pub fn text(cases: &[Case], quick: bool) -> String {
    let mut text = String::new();
    for cases in of_workloads(cases) {
        let workload = cases[0].workload;
        for (at, count) in COUNTS.iter().enumerate() {
            let quick = if quick { " (quick: smaller, and without a verdict)" } else { "" };
            let _ = writeln!(text, "{}: {}; {count} an item{quick}", workload.name, workload.about);
            let mut table = table::empty();
            let threads = cases.iter().flat_map(|case| case.medians(at).into_keys());
            let threads: std::collections::BTreeSet<_> = threads.collect();
            let header = threads.iter().map(|threads| format!("{threads} threads"));
            table.set_header(["subject".to_owned()].into_iter().chain(header));
            for case in cases {
                let medians = case.medians(at);
                let cell =
                    |threads| medians.get(threads).map_or("–".to_owned(), |value| cell(case, at, *value));
                let name = format!("▸ {}", case.subject);
                match case.failure() {
                    Some(_) => table.add_row([name, "FAILED".to_owned()]),
                    None => table.add_row([name].into_iter().chain(threads.iter().map(cell))),
                };
            }
            for column in table.column_iter_mut().skip(1) {
                column.set_cell_alignment(CellAlignment::Right);
            }
            let _ = writeln!(text, "{table}\n");
        }
    }
    text
}

/// For the page: the counts on one thread and on the most threads.
pub fn markdown(cases: &[Case], machine: &Machine) -> String {
    let beyond = |case: &Case| (0..COUNTS.len()).filter(|at| case.beyond(*at).is_some()).count();
    let beyond: usize = cases.iter().map(beyond).sum();
    let all = cases.len() * COUNTS.len();
    let Machine { cpu, cores, rustc, commit, .. } = machine;
    let mut text = format!(
        "{beyond} of {all} counts grow beyond their bound, which is {FACTOR} times the larger count of 1 and 2 threads, plus \
         {SLACK} an item; such a count is in bold.\n\n{cpu}, {cores} cores; rustc {rustc}; commit {commit}.\n",
    );
    for cases in of_workloads(cases) {
        let workload = cases[0].workload;
        let most = cases[0].medians(ACQUISITIONS).into_keys().max().unwrap_or_default();
        let columns = COUNTS.join(" | ");
        let _ = write!(
            text,
            "\n`{}`: {}. An item, on 1 thread → on {most} threads:\n\n| subject | {columns} |\n|---|{}\n",
            workload.name,
            workload.about,
            "--:|".repeat(COUNTS.len())
        );
        for case in cases {
            let counts: Vec<_> = (0..COUNTS.len()).map(|at| ends(case, at)).collect();
            let _ = writeln!(text, "| {} | {} |", case.subject, counts.join(" | "));
        }
    }
    let _ = write!(
        text,
        "\nThe lock on {CORES} cores, on paper:\n\n| workload, subject | acquisitions an item | held, ns | lock time of an \
         item, ns | items/s | shortest job |\n|---|--:|--:|--:|--:|--:|\n"
    );
    for case in cases {
        let _ = writeln!(text, "{}", line_of_lock(case).unwrap_or_default());
    }
    text
}

/// `0.026 → **0.602**`
fn ends(case: &Case, at: usize) -> String {
    let medians = case.medians(at);
    let ends = medians.first_key_value().zip(medians.last_key_value());
    let Some(((_, first), (_, last))) = ends else { return "–".to_owned() };
    let shown = |value: f64| {
        let shown = two(value);
        if value > case.bound(at) { format!("**{shown}**") } else { shown }
    };
    format!("{} → {}", shown(*first), shown(*last))
}

fn cell(case: &Case, at: usize, value: f64) -> String {
    let mark = if value > case.bound(at) { "! " } else { "" };
    format!("{mark}{}", two(value))
}

fn two(value: f64) -> String {
    format!("{value:.2}")
}

/// At the rate in the line, the lock is held all the time. With shorter jobs than the shortest, the cores wait for it.
fn line_of_lock(case: &Case) -> Option<String> {
    let acquisitions = *case.medians(ACQUISITIONS).get(&CORES)?;
    let held = case.held_ns()?;
    let lock = acquisitions * held;
    let rate = 1e9 / lock.max(f64::MIN_POSITIVE);
    #[expect(clippy::cast_precision_loss, reason = "a number of cores")]
    let shortest = lock * CORES as f64 / 1_000.0;
    Some(format!(
        "| `{}`, {} | {} | {} | {} | {} million | {} µs |",
        case.workload.name,
        case.subject,
        two(acquisitions),
        number(held),
        number(lock),
        number(rate / 1e6),
        number(shortest)
    ))
}

fn of_workloads<'a, 'p>(cases: &'a [Case<'p>]) -> impl Iterator<Item = &'a [Case<'p>]> {
    cases.chunk_by(|a, b| a.workload.name == b.workload.name)
}
