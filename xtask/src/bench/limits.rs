//! The table of `ARCHITECTURE.md` that compares our patterns with the limits of the machine or of tokio. The limits are
//! the rows of the subjects named `limit: …`.

use std::fmt::Write;

use anyhow::{Context, Result};

use super::report::{Report, Row};
use super::table::{number, ratio};

/// The work that a workload cannot omit, and the further work of ours.
struct Words {
    bound: &'static str,
    why: &'static str,
}

fn words(workload: &str, unit: &str) -> Option<Words> {
    let (bound, why) = match (workload, unit) {
        ("io-10k" | "io-1m", "ms") => (
            "a tokio timer set and fired for each item, on all cores, and the tick it waits for",
            "a job that waits is in a slot: a waker of its own, a place in the run queue of the stage, and the output on its way to the receiver",
        ),
        ("io-10k" | "io-1m", "MiB") => (
            "tokio itself, and a boxed timer for each item at once",
            "a slot around each waiting job; outputs that complete together wait together",
        ),
        ("ping-pong", _) => (
            "a wake and a poll for each hand-over, on one thread",
            "a lock on each side of the queue, and a wake-up for each hand-over; more if the two tasks are on two threads",
        ),
        ("fanout-noop", _) => (
            "a poll for each item, on all cores",
            "one source and one receiver: a lock for each batch at either end; for each item the counts, the failure and the panic",
        ),
        ("fanout-cpu", _) => (
            "the hashing itself, on all cores",
            "the items are handed out in batches, and at the end a core may have nothing left to do",
        ),
        ("memory-100k", _) => (
            "a boxed future that waits",
            "the slot of the job: a waker, a state, the seat of a worker, and a place in the list of slots",
        ),
        ("cancel-10k", _) => (
            "the timers dropped, on all cores, which share one lock of tokio's",
            "each job is dropped by a worker with a catch of its panic, and is counted before the end of the run",
        ),
        ("queue-cap10" | "queue-cap1024" | "queue-mn", _) => (
            "for each fill of the queue, a task switch on one thread or cache lines between two cores",
            "several tasks at either end: some locks and a wake-up for each batch; a task without an item sleeps, and does not spin",
        ),
        ("pipeline-cap10" | "pipeline-cap1024" | "pipeline-limit16", _) => (
            "a poll for each item and stage, on one thread",
            "each stage is bounded and counted by itself: its items are handed over in batches, no larger than its free capacity",
        ),
        ("semaphore", _) => (
            "two compare-and-swaps an acquisition, each core on a cache line of its own",
            "one number of permits, whose cache line both cores want, and tasks that wait for their turn",
        ),
        _ => return None,
    };
    Some(Words { bound, why })
}

/// Returns `None` if no limit was measured.
pub fn section(report: &Report) -> Result<Option<String>> {
    let machine = &report.machine;
    let mut lines = String::new();
    for rows in report.rows.chunk_by(|a, b| (&a.workload, &a.unit) == (&b.workload, &b.unit)) {
        let least = |of: fn(&Row) -> bool| {
            rows.iter().filter(|row| of(row)).min_by(|a, b| a.median.total_cmp(&b.median))
        };
        // Of several possible ways, the limit is the best.
        let Some((limit, ours)) = least(Row::is_limit).zip(least(|row| row.ours)) else { continue };
        let (workload, unit) = (&limit.workload, &limit.unit);
        let Words { bound, why } = words(workload, unit)
            .with_context(|| format!("xtask/src/bench/limits.rs has no words about {workload}, {unit}"))?;
        let distance = ratio((limit.median > 0.0).then(|| ours.median / limit.median));
        let _ = writeln!(
            lines,
            "| `{workload}`, {unit} | {bound} | {} | {} | {distance} | {why} |",
            number(limit.median),
            number(ours.median),
        );
    }
    let about = format!(
        "{}, {} cores; rustc {}; commit {}.",
        machine.cpu, machine.cores, machine.rustc, machine.commit
    );
    let header = "| workload | what bounds it | limit | the best of ours | distance | why |\n\
                  |---|---|---|---|---|---|\n";
    Ok((!lines.is_empty()).then(|| format!("{about}\n\n{header}{lines}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(subject: &str, median: f64, ours: bool) -> Row {
        Row {
            workload: "queue-cap10".to_owned(),
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

    #[test]
    fn best_subject_is_compared_with_the_least_limit() {
        let rows = vec![
            row("queue", 30.0, true),
            row("queue, item by item", 90.0, true),
            row("kanal", 5.0, false),
            row("limit: cache lines", 12.0, false),
            row("limit: task switches", 10.0, false),
        ];
        let text = section(&Report { rows, ..Report::default() }).unwrap().unwrap();
        let line = text.lines().last().unwrap();
        assert!(line.starts_with("| `queue-cap10`, ms | for each fill of the queue"), "{text}");
        assert!(line.contains(" | 10.0 | 30.0 | 3.0× | "), "{text}");
    }

    #[test]
    fn without_limits_there_is_no_table() {
        let rows = vec![row("queue", 30.0, true), row("kanal", 5.0, false)];
        assert_eq!(section(&Report { rows, ..Report::default() }).unwrap(), None);
    }

    #[test]
    fn limit_without_words_is_an_error() {
        let mut rows = vec![row("queue", 30.0, true), row("limit: light", 1.0, false)];
        for row in &mut rows {
            "queue-cap11".clone_into(&mut row.workload);
        }
        let problem = section(&Report { rows, ..Report::default() }).unwrap_err();
        assert!(problem.to_string().ends_with("no words about queue-cap11, ms"), "{problem}");
    }
}
