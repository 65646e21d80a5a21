//! The table of the document that the benchmark answers: the document's figures for asyncio and Go, the measured
//! figures next to them, and a column for Towpath.

use std::fmt::Write;

use super::report::Row;
use super::table::{self, number};
use super::workloads::{Unit, Workload};

/// The workloads of the table. The table is shown first, so these workloads are measured first.
pub const WORKLOADS: [&str; 2] = ["io-10k", "ping-pong"];

pub const HEADER: [&str; 6] = [
    "scenario",
    "asyncio, the document",
    "asyncio, measured",
    "Go, the document",
    "Go, measured",
    "Towpath, measured",
];

const SCENARIOS: [Scenario; 3] = [
    Scenario {
        name: "10,000 I/O tasks",
        asyncio: "~2–3 s",
        go: "~0.5–1 s",
        workload: "io-10k",
        unit: Unit::Ms,
        shown: |ms, _| format!("{} ms", number(ms)),
    },
    Scenario {
        name: "memory of them",
        asyncio: "~50 MB",
        go: "~20 MB",
        workload: "io-10k",
        unit: Unit::Mib,
        shown: |mib, _| format!("{} MiB", number(mib)),
    },
    Scenario {
        name: "context switch (a hand-over)",
        asyncio: "~1–2 µs",
        go: "~200 ns",
        workload: "ping-pong",
        unit: Unit::Ms,
        shown: |ms, items| format!("{} ns", number(nanoseconds_each(ms, items))),
    },
];

struct Scenario {
    name: &'static str,
    /// The figure of the document.
    asyncio: &'static str,
    go: &'static str,
    workload: &'static str,
    unit: Unit,
    /// Formats a measured value of a number of items.
    shown: fn(f64, u64) -> String,
}

/// The column of a row.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Asyncio,
    Go,
    Towpath,
}

/// The cells of the table.
pub struct Document {
    pub lines: Vec<[String; HEADER.len()]>,
    quick: bool,
}

/// Returns `None` if no workload of the table was measured.
pub fn of(rows: &[Row], quick: bool) -> Option<Document> {
    let measured = rows.iter().any(|row| WORKLOADS.contains(&row.workload.as_str()));
    let lines = SCENARIOS.iter().map(|scenario| scenario.line(rows, quick)).collect();
    measured.then_some(Document { lines, quick })
}

impl Scenario {
    fn line(&self, rows: &[Row], quick: bool) -> [String; HEADER.len()] {
        let best = |side| self.best(rows, side, quick).unwrap_or("–".to_owned());
        [
            self.name.to_owned(),
            self.asyncio.to_owned(),
            best(Side::Asyncio),
            self.go.to_owned(),
            best(Side::Go),
            best(Side::Towpath),
        ]
    }

    /// Returns the best median of a side, and its subject if the column does not name the subject.
    fn best(&self, rows: &[Row], side: Side, quick: bool) -> Option<String> {
        let best = rows
            .iter()
            .filter(|row| row.workload == self.workload && row.unit == self.unit.name())
            .filter(|row| Side::of(row) == Some(side))
            .min_by(|a, b| a.median.total_cmp(&b.median))?;
        let value = (self.shown)(best.median, Workload::named(self.workload)?.items(quick));
        Some(match side {
            Side::Asyncio => format!("{value}, {}", first_word(&best.subject)),
            Side::Go => value,
            Side::Towpath => format!("{value}, {}", best.subject),
        })
    }
}

impl Side {
    /// The names of peers in Go and Python begin with the language or the loop. Peers in Rust have no column.
    fn of(row: &Row) -> Option<Self> {
        match first_word(&row.subject) {
            _ if row.ours => Some(Self::Towpath),
            "asyncio" | "uvloop" => Some(Self::Asyncio),
            "go" => Some(Self::Go),
            _ => None,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "the number of items of a workload is small")]
fn nanoseconds_each(ms: f64, items: u64) -> f64 {
    ms * 1e6 / items as f64
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}

impl Document {
    /// Returns the table for a terminal.
    pub fn text(&self) -> String {
        let quick = if self.quick { " (quick: measured with a hundredth of the items)" } else { "" };
        let mut table = table::empty();
        table.set_header(HEADER).add_rows(&self.lines);
        format!("the document's table: its figures, and the best of those measured here{quick}\n{table}\n")
    }

    pub fn markdown(&self) -> String {
        let mut text = format!("| {} |\n|{}\n", HEADER.join(" | "), "---|".repeat(HEADER.len()));
        for line in &self.lines {
            let _ = writeln!(text, "| {} |", line.join(" | "));
        }
        text
    }
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
