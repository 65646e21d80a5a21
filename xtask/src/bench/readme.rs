//! The last benchmark in README.md, between its marks: the document's table and one compact table of everything;
//! and in ARCHITECTURE.md the table of the limits.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Result, ensure};

use super::report::{self, Report, Row};
use super::table::{number, ratio};
use super::{document, limits};
use crate::{files, marks};

const DOCUMENT: &str = "“The document” is the comparison of asyncio and Go that this project answers: \
                        its figures, and the best of those measured here.";

/// Around that table, so that a page of the book can include it.
const ANCHOR: [&str; 2] = ["<!-- ANCHOR: document -->", "<!-- ANCHOR_END: document -->"];

/// Replaces what stands between the marks of README.md and ARCHITECTURE.md in `root` by what `results` holds.
pub fn update(root: &Path, results: &Path) -> Result<()> {
    let report = report::read(results)?;
    let shown = results.display();
    ensure!(
        !report.machine.quick,
        "{shown} is from a quick run; the README wants a full one (without --quick)"
    );
    ensure!(!report.rows.is_empty(), "{shown} has no rows");
    let readme = marks::filled(&root.join("README.md"), "bench", &section(&report))?;
    let architecture = match limits::section(&report)? {
        Some(section) => Some(marks::filled(&root.join("ARCHITECTURE.md"), "limit", &section)?),
        None => None,
    };
    for (file, text) in std::iter::once(readme).chain(architecture) {
        files::replace(&file, &text)?;
    }
    Ok(())
}

fn section(report: &Report) -> String {
    let machine = &report.machine;
    let rounds = report.rows.iter().map(|row| row.rounds).max().unwrap_or_default();
    let mut text = String::new();
    if let Some(document) = document::of(&report.rows, machine.quick) {
        let [begin, end] = ANCHOR;
        text.extend([DOCUMENT, "\n\n", begin, "\n\n", &document.markdown(), "\n", end, "\n\n"]);
    }
    let _ = write!(
        text,
        "Medians of {rounds} rounds, a fresh process each; in brackets, how many times the best of ours.\n\
         {}, {} cores, {}; {}; commit {}.\n\n\
         | workload | ours | the others |\n|---|---|---|\n",
        machine.cpu,
        machine.cores,
        machine.os,
        machine.versions(),
        machine.commit,
    );
    for rows in report.rows.chunk_by(|a, b| (&a.workload, &a.unit) == (&b.workload, &b.unit)) {
        let list = |ours: bool, show: fn(&Row) -> String| {
            rows.iter()
                .filter(|row| row.ours == ours && !row.is_limit())
                .map(show)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let ours = list(true, |row| format!("{} **{}**", row.subject, number(row.median)));
        let others = list(false, |row| {
            let once = if row.rounds == 1 { ", 1 round" } else { "" };
            format!("{} {} ({}{once})", row.subject, number(row.median), ratio(row.ratio_to_ours))
        });
        let _ = writeln!(text, "| `{}`, {} | {ours} | {others} |", rows[0].workload, rows[0].unit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::bench::machine::Machine;

    fn row(subject: &str, median: f64, ratio: f64, rounds: usize, ours: bool) -> Row {
        Row {
            workload: "io-10k".to_owned(),
            subject: subject.to_owned(),
            unit: "ms".to_owned(),
            median,
            min: median,
            max: median,
            rounds,
            ratio_to_ours: Some(ratio),
            ours,
        }
    }

    fn report(quick: bool) -> Report {
        let machine = Machine {
            cpu: "A CPU".to_owned(),
            cores: 2,
            os: "linux".to_owned(),
            rustc: "1.95.0".to_owned(),
            go: Some("1.27.3".to_owned()),
            commit: "abc".to_owned(),
            quick,
            ..Machine::default()
        };
        let rows = vec![
            row("fanout", 6.5, 1.0, 5, true),
            row("go", 13.0, 2.0, 5, false),
            row("asyncio", 2080.0, 320.0, 1, false),
        ];
        Report { machine, rows, ..Report::default() }
    }

    #[test]
    fn a_line_per_workload_and_unit() {
        let text = section(&report(false));
        assert!(text.contains("A CPU, 2 cores, linux; rustc 1.95.0, go 1.27.3; commit abc."), "{text}");
        let line = "| `io-10k`, ms | fanout **6.50** | go 13.0 (2.0×), asyncio 2080 (320×, 1 round) |";
        assert_eq!(text.lines().last(), Some(line));
    }

    #[test]
    fn the_document_s_table_comes_first_where_it_was_measured() {
        let text = section(&report(false));
        let (document, all) = text.split_once("\n\nMedians of 5 rounds").unwrap();
        assert!(document.starts_with(DOCUMENT), "{text}");
        let line = "| 10,000 I/O tasks | ~2–3 s | 2080 ms, asyncio | ~0.5–1 s | 13.0 ms | 6.50 ms, fanout |";
        let anchored = document.split_once(ANCHOR[0]).and_then(|(_, rest)| rest.split_once(ANCHOR[1]));
        assert!(anchored.is_some_and(|(table, _)| table.contains(line)), "{text}");
        assert!(all.contains("| workload | ours | the others |"), "{text}");

        let mut other = report(false);
        for row in &mut other.rows {
            "io-1m".clone_into(&mut row.workload);
        }
        assert!(section(&other).starts_with("Medians of 5 rounds"));
    }

    #[test]
    fn a_quick_run_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let (readme, results) = (place.path().join("README.md"), place.path().join("bench.json"));
        fs::write(&readme, "<!-- bench -->\n<!-- /bench -->\n").unwrap();
        report::write(&results, &report(true)).unwrap();
        let problem = update(place.path(), &results).unwrap_err();
        assert!(problem.to_string().contains("quick"), "{problem}");
        assert_eq!(fs::read_to_string(&readme).unwrap(), "<!-- bench -->\n<!-- /bench -->\n");

        report::write(&results, &report(false)).unwrap();
        update(place.path(), &results).unwrap();
        assert!(fs::read_to_string(&readme).unwrap().contains("fanout **6.50**"));
    }

    #[test]
    fn limits_go_to_the_architecture_and_not_among_the_peers() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str| place.path().join(name);
        fs::write(file("README.md"), "<!-- bench -->\n<!-- /bench -->\n").unwrap();
        let mut measured = report(false);
        measured.rows.push(row("limit: timers", 3.25, 0.5, 5, false));
        report::write(&file("bench.json"), &measured).unwrap();

        let problem = update(place.path(), &file("bench.json")).unwrap_err();
        assert!(problem.to_string().contains("ARCHITECTURE.md"), "{problem}");
        assert!(!fs::read_to_string(file("README.md")).unwrap().contains("fanout"));

        fs::write(file("ARCHITECTURE.md"), "<!-- limit -->\n<!-- /limit -->\n").unwrap();
        update(place.path(), &file("bench.json")).unwrap();
        assert!(!fs::read_to_string(file("README.md")).unwrap().contains("limit"));
        let architecture = fs::read_to_string(file("ARCHITECTURE.md")).unwrap();
        assert!(architecture.contains(" | 3.25 | 6.50 | 2.0× | "), "{architecture}");
    }
}
