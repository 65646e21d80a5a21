//! The small table of README.md: every pattern by itself at a workload of its kind, against every peer measured there.
//! The figure of a pattern is never that of another pattern.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::report::{Report, Row};
use super::table::{number, ratio};
use super::workloads::{Unit, Workload};

/// A row of the table: a subject of ours and the workload that shows the purpose of the subject.
struct Headline {
    subject: &'static str,
    workload: &'static str,
}

/// In the order of the README. A pattern that is missing here has the workload of [`ANY`].
const HEADLINES: [Headline; 6] = [
    Headline { subject: "fanout", workload: ANY },
    Headline { subject: "pipeline", workload: "pipeline-cap10" },
    Headline { subject: "semaphore", workload: "semaphore" },
    Headline { subject: "resource", workload: "io-1m" },
    Headline { subject: "producer-consumer", workload: "queue-mn" },
    Headline { subject: "queue, item by item", workload: "queue-cap1024" },
];

/// The workload that every pattern with one job an item can do.
const ANY: &str = "io-10k";
const UNIT: Unit = Unit::Ms;

const HEADER: &str = "| pattern, workload | ms | quicker peers | slower peers |\n|---|---|---|---|\n";

/// The table, and the machine of the measurement.
pub fn section(report: &Report) -> String {
    let machine = &report.machine;
    let mut text = String::from(HEADER);
    for (subject, workload) in chosen(&report.rows) {
        text.extend(line(&report.rows, subject, workload));
    }
    let rounds = report.rounds();
    let _ = writeln!(
        text,
        "\nMedians of {rounds} on {}, {} cores; commit {}.",
        machine.cpu, machine.cores, machine.commit
    );
    text
}

/// The headlines, and then a row for every other pattern that was measured, for example a new one.
fn chosen(rows: &[Row]) -> Vec<(&str, &str)> {
    let mut chosen: Vec<_> = HEADLINES.iter().map(|headline| (headline.subject, headline.workload)).collect();
    let mut named: BTreeSet<_> = HEADLINES.iter().map(|headline| pattern(headline.subject)).collect();
    for row in rows.iter().filter(|row| row.ours && row.workload == ANY) {
        if named.insert(pattern(&row.subject)) {
            chosen.push((&row.subject, ANY));
        }
    }
    chosen
}

/// `queue` of `queue, item by item`, `fanout` of `fanout ordered`.
fn pattern(subject: &str) -> &str {
    subject.split([' ', ',']).next().unwrap_or_default()
}

/// `None` if the subject was not measured at the workload.
fn line(rows: &[Row], subject: &str, workload: &str) -> Option<String> {
    let rows = || rows.iter().filter(|row| row.workload == workload && row.unit == UNIT.name());
    let own = rows().find(|row| row.ours && row.subject == subject)?;
    let about = Workload::named(workload)?.about;
    let mut peers: Vec<_> = rows().filter(|row| !row.ours && !row.is_limit()).collect();
    peers.sort_by(|a, b| a.median.total_cmp(&b.median));
    let list = |quicker: bool| {
        let peers = peers.iter().filter(|peer| (peer.median < own.median) == quicker);
        let shown: Vec<_> =
            peers.map(|peer| format!("{} {}", peer.subject, ratio(peer.times(own)))).collect();
        if shown.is_empty() { "–".to_owned() } else { shown.join("; ") }
    };
    Some(format!("| **{subject}**: {about} | {} | {} | {} |\n", number(own.median), list(true), list(false)))
}

#[cfg(test)]
#[path = "headline_tests.rs"]
mod tests;
