//! The rows from which the document's table takes its cells.

use super::*;
use crate::bench::workloads;

fn row(workload: &str, unit: &str, subject: &str, median: f64, ours: bool) -> Row {
    Row {
        workload: workload.to_owned(),
        subject: subject.to_owned(),
        unit: unit.to_owned(),
        median,
        min: median,
        max: median,
        rounds: 5,
        ours,
        values: Vec::new(),
    }
}

fn measured() -> Vec<Row> {
    vec![
        row("io-10k", "ms", "fanout", 10.6, true),
        row("io-10k", "ms", "fanout ordered", 11.0, true),
        row("io-10k", "ms", "buffer_unordered", 5.9, false),
        row("io-10k", "ms", "go WaitGroup", 13.1, false),
        row("io-10k", "ms", "asyncio gather", 200.0, false),
        row("io-10k", "ms", "uvloop gather", 128.0, false),
        row("io-10k", "MiB", "fanout ordered", 5.4, true),
        row("io-10k", "MiB", "fanout", 5.6, true),
        row("io-10k", "MiB", "go WaitGroup", 12.8, false),
        row("io-10k", "MiB", "asyncio gather", 40.6, false),
        row("io-10k", "MiB", "uvloop gather", 43.4, false),
        row("ping-pong", "ms", "producer-consumer queue", 120.0, true),
        row("ping-pong", "ms", "go unbuffered channels", 143.0, false),
        row("ping-pong", "ms", "uvloop Queue", 4033.0, false),
        row("io-1m", "ms", "go semaphore channel", 1.0, false),
    ]
}

#[test]
fn columns_have_the_best_of_their_side() {
    let wanted = "\
        | scenario | asyncio, the document | asyncio, measured | Go, the document | Go, measured | Towpath, measured |\n\
        |---|---|---|---|---|---|\n\
        | 10,000 I/O tasks | ~2–3 s | 128 ms, uvloop | ~0.5–1 s | 13.1 ms | 10.6 ms, fanout |\n\
        | memory of them | ~50 MB | 40.6 MiB, asyncio | ~20 MB | 12.8 MiB | 5.40 MiB, fanout ordered |\n\
        | context switch (a hand-over) | ~1–2 µs | 4033 ns, uvloop | ~200 ns | 143 ns | 120 ns, producer-consumer queue |\n";
    assert_eq!(of(&measured(), false).unwrap().markdown(), wanted);
}

#[test]
fn unmeasured_value_is_a_dash() {
    let rows = [row("ping-pong", "ms", "go unbuffered channels", 143.0, false)];
    let text = of(&rows, false).unwrap().markdown();
    assert!(text.contains("| 10,000 I/O tasks | ~2–3 s | – | ~0.5–1 s | – | – |"), "{text}");
    assert!(text.contains("| context switch (a hand-over) | ~1–2 µs | – | ~200 ns | 143 ns | – |"), "{text}");
}

#[test]
fn without_its_workloads_there_is_no_table() {
    assert!(of(&[row("io-1m", "ms", "go semaphore channel", 1.0, false)], false).is_none());
    assert!(of(&[], false).is_none());
}

#[test]
fn quick_table_counts_a_hundredth_of_the_hand_overs() {
    let rows = [row("ping-pong", "ms", "go unbuffered channels", 1.43, false)];
    let text = of(&rows, true).unwrap().text();
    assert!(text.contains("(quick: "), "{text}");
    assert!(text.contains(" 143 ns "), "{text}");
    assert!(!of(&rows, false).unwrap().text().contains("quick"));
}

#[test]
fn its_workloads_come_first_and_measure_its_units() {
    let first = workloads::WORKLOADS.each_ref().map(|workload| workload.name);
    assert_eq!(first[..WORKLOADS.len()], WORKLOADS);
    for scenario in &SCENARIOS {
        let workload = Workload::named(scenario.workload).unwrap();
        assert!(WORKLOADS.contains(&workload.name), "{}", scenario.name);
        assert!(workload.units.contains(&scenario.unit), "{}", scenario.name);
    }
}
