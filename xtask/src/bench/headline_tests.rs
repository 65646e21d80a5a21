//! The comparisons of the small table.

use super::*;
use crate::bench::machine::Machine;

fn row(workload: &str, subject: &str, median: f64, ours: bool) -> Row {
    Row {
        workload: workload.to_owned(),
        subject: subject.to_owned(),
        unit: "ms".to_owned(),
        median,
        min: median,
        max: median,
        rounds: 5,
        ours,
        values: Vec::new(),
    }
}

fn report(rows: Vec<Row>) -> Report {
    let machine =
        Machine { cpu: "A CPU".to_owned(), cores: 2, commit: "abc".to_owned(), ..Machine::default() };
    Report { machine, rows, ..Report::default() }
}

/// The pipeline is the best of ours; the row of the fan-out has the ratios of the fan-out.
#[test]
fn headline_of_a_pattern_has_its_own_ratios() {
    let rows = vec![
        row("io-10k", "pipeline", 5.0, true),
        row("io-10k", "fanout", 10.0, true),
        row("io-10k", "buffer_unordered", 5.0, false),
        row("io-10k", "go WaitGroup", 12.0, false),
        row("io-10k", "asyncio gather", 320.0, false),
        row("io-10k", "limit: timers", 1.0, false),
    ];
    let text = section(&report(rows));
    let line = "| **fanout**: 10,000 jobs that sleep 1 ms, all at once | 10.0 | buffer_unordered 0.5× \
                | go WaitGroup 1.2×; asyncio gather 32× |\n";
    assert_eq!(text, format!("{HEADER}{line}\nMedians of 5 rounds on A CPU, 2 cores; commit abc.\n"));
}

/// A peer with the same median is on the right, as 1.0×.
#[test]
fn headline_without_quicker_peers_shows_a_dash() {
    let rows =
        vec![row("semaphore", "semaphore", 14.0, true), row("semaphore", "tokio Semaphore", 14.0, false)];
    let text = section(&report(rows));
    assert!(text.contains(" | 14.0 | – | tokio Semaphore 1.0× |\n"), "{text}");
}

/// A pattern of `cargo xtask new` needs no line in the sources of the benchmark. A variant of a pattern has no line.
#[test]
fn headline_of_an_unknown_pattern_is_added() {
    let rows = vec![
        row("io-10k", "fanout", 10.0, true),
        row("io-10k", "fanout ordered", 11.0, true),
        row("io-10k", "scatter", 12.0, true),
        row("io-10k", "scatter ordered", 13.0, true),
        row("io-10k", "go WaitGroup", 12.0, false),
    ];
    let text = section(&report(rows));
    assert_eq!(text.matches("| **").count(), 2, "{text}");
    assert!(text.contains("| **scatter**: "), "{text}");
}

#[test]
fn headlines_name_workloads_in_their_unit() {
    for headline in &HEADLINES {
        let workload = Workload::named(headline.workload).expect("the workload is known");
        assert!(workload.units.contains(&UNIT), "{}", headline.workload);
    }
}
