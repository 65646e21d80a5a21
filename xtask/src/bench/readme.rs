//! The pages that show the last benchmark, between marks: docs/benchmark.md has the document's table and a table of
//! every workload, README.md a row for each pattern, ARCHITECTURE.md the table of the limits.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Result, ensure};

use super::report::{self, Report, Row};
use super::table::{number, ratio};
use super::{document, floors, headline, limits, spread};
use crate::{files, marks};

const DOCUMENT: &str = "“The document” is the comparison of asyncio and Go that this project answers. The table has \
                        the figures of the document, and the best measured figure of each side.";

const FLOORS: &str = "The floors are the figures that Towpath is to keep (`xtask/floors.toml`). *Measured* is the ratio of the medians, \
                      the figure of the peer divided by the figure of the subject; the interval has 90 % of the ratios of \
                      the rounds. A floor is missed if the interval does not reach it, and undecided if only the median \
                      does not. A missed floor is a lost comparison.";

const SPREAD: &str = "The rounds of this workload differ between two states of the machine. The table has the rounds of every \
                      subject, the best p90 first.";

/// The marks around the document's table, so that a page of the book can include the table.
const ANCHOR: [&str; 2] = ["<!-- ANCHOR: document -->", "<!-- ANCHOR_END: document -->"];

const README: &str = "README.md";
const BENCHMARK: &str = "docs/benchmark.md";
const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// Writes the results into the pages of `root`, between the marks. The floors are compared with the pooled rounds of
/// the results and of the `pooled` runs. Writes no page if a page has no marks.
pub fn update(root: &Path, results: &Path, pooled: &[Report]) -> Result<()> {
    let report = report::read(results)?;
    let shown = results.display();
    ensure!(
        !report.machine.quick,
        "{shown} is from a quick run; the pages want a full one (without --quick)"
    );
    ensure!(!report.rows.is_empty(), "{shown} has no rows");
    let mut pages = vec![
        marks::filled(&root.join(README), "bench", &headline::section(&report))?,
        marks::filled(&root.join(BENCHMARK), "bench", &section(&report, pooled)?)?,
    ];
    if let Some(section) = limits::section(&report)? {
        pages.push(marks::filled(&root.join(ARCHITECTURE), "limit", &section)?);
    }
    for (file, text) in pages {
        files::replace(&file, &text)?;
    }
    Ok(())
}

fn section(report: &Report, pooled: &[Report]) -> Result<String> {
    let machine = &report.machine;
    let rounds = report.rounds();
    let mut text = String::new();
    if let Some(document) = document::of(&report.rows, machine.quick) {
        let [begin, end] = ANCHOR;
        text.extend([DOCUMENT, "\n\n", begin, "\n\n", &document.markdown(), "\n", end, "\n\n"]);
    }
    let runs: Vec<_> = [report].into_iter().chain(pooled).map(|run| &*run.rows).collect();
    if let Some(floors) = floors::markdown(&floors::verdicts(&runs)?) {
        let runs = match runs.len() {
            1 => String::new(),
            runs => format!(" The rounds are those of {runs} runs."),
        };
        text.extend([FLOORS, &runs, "\n\n", &floors, "\n"]);
    }
    for spread in spread::of(&report.rows) {
        text.extend([SPREAD, "\n\n", &spread.markdown(), "\n"]);
    }
    let _ = write!(
        text,
        "Medians of {rounds} with a fresh process for every round. Below a subject of Towpath, in bold: how many times \
         as long, or as much, a peer takes.\n\
         {}, {} cores, {}; {}; commit {}.\n\n",
        machine.cpu,
        machine.cores,
        machine.os,
        machine.versions(),
        machine.commit,
    );
    for rows in report.rows.chunk_by(|a, b| (&a.workload, &a.unit) == (&b.workload, &b.unit)) {
        let (ours, peers): (Vec<&Row>, Vec<&Row>) =
            rows.iter().filter(|row| !row.is_limit()).partition(|row| row.ours);
        let mut line = |first: &str, second: &str, rest: &mut dyn Iterator<Item = String>| {
            let rest: Vec<_> = rest.collect();
            let _ = writeln!(text, "| {first} | {second} | {} |", rest.join(" | "));
        };
        let Row { workload, unit, .. } = &rows[0];
        let name = |row: &&Row| format!("**{}**", row.subject);
        line(&format!("`{workload}`, {unit}"), "", &mut ours.iter().map(name));
        line("---", "--:", &mut ours.iter().map(|_| "--:".to_owned()));
        line("**Towpath**", "", &mut ours.iter().map(|row| format!("**{}**", number(row.median))));
        for peer in peers {
            let once = if peer.rounds == 1 { ", 1 round" } else { "" };
            let ratios = &mut ours.iter().map(|row| ratio(peer.times(row)));
            line(&format!("{}{once}", peer.subject), &number(peer.median), ratios);
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::bench::machine::Machine;

    fn row(subject: &str, median: f64, rounds: usize, ours: bool) -> Row {
        Row {
            workload: "io-10k".to_owned(),
            subject: subject.to_owned(),
            unit: "ms".to_owned(),
            median,
            min: median,
            max: median,
            rounds,
            ours,
            values: Vec::new(),
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
            row("fanout", 6.5, 5, true),
            row("fanout ordered", 13.0, 5, true),
            row("go", 13.0, 5, false),
            row("asyncio", 2080.0, 1, false),
        ];
        Report { machine, rows, ..Report::default() }
    }

    #[test]
    fn workload_and_unit_have_a_table_with_each_ratio() {
        let text = section(&report(false), &[]).unwrap();
        assert!(text.contains("A CPU, 2 cores, linux; rustc 1.95.0, go 1.27.3; commit abc."), "{text}");
        let table = "\n| `io-10k`, ms |  | **fanout** | **fanout ordered** |\n| --- | --: | --: | --: |\n\
                     | **Towpath** |  | **6.50** | **13.0** |\n| go | 13.0 | 2.0× | 1.0× |\n\
                     | asyncio, 1 round | 2080 | 320× | 160× |\n";
        assert!(text.ends_with(table), "{text}");
    }

    #[test]
    fn table_of_the_document_comes_first_if_measured() {
        let text = section(&report(false), &[]).unwrap();
        let (document, all) = text.split_once("\n\nMedians of 5 rounds").unwrap();
        assert!(document.starts_with(DOCUMENT), "{text}");
        let line = "| 10,000 I/O tasks | ~2–3 s | 2080 ms, asyncio | ~0.5–1 s | 13.0 ms | 6.50 ms, fanout |";
        let anchored = document.split_once(ANCHOR[0]).and_then(|(_, rest)| rest.split_once(ANCHOR[1]));
        assert!(anchored.is_some_and(|(table, _)| table.contains(line)), "{text}");
        assert!(all.contains("| `io-10k`, ms |"), "{text}");

        let mut other = report(false);
        for row in &mut other.rows {
            "io-1m".clone_into(&mut row.workload);
        }
        assert!(section(&other, &[]).unwrap().starts_with("Medians of 5 rounds"));
    }

    /// A folder with pages that have marks and nothing between the marks.
    fn pages(marks: &[(&str, &str)]) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("docs")).unwrap();
        for (page, mark) in marks {
            fs::write(place.path().join(page), empty(mark)).unwrap();
        }
        place
    }

    fn empty(mark: &str) -> String {
        format!("<!-- {mark} -->\n<!-- /{mark} -->\n")
    }

    #[test]
    fn quick_run_is_refused() {
        let place = pages(&[(README, "bench"), (BENCHMARK, "bench")]);
        let read = |page: &str| fs::read_to_string(place.path().join(page)).unwrap();
        let results = place.path().join("bench.json");
        report::write(&results, &report(true)).unwrap();
        let problem = update(place.path(), &results, &[]).unwrap_err();
        assert!(problem.to_string().contains("quick"), "{problem}");
        assert_eq!(read(README), empty("bench"));
        assert_eq!(read(BENCHMARK), empty("bench"));

        report::write(&results, &report(false)).unwrap();
        update(place.path(), &results, &[]).unwrap();
        assert!(read(BENCHMARK).contains("| **6.50** |"));
        assert!(read(README).contains(" | 6.50 | – | go 2.0×; asyncio 320× |\n"), "{}", read(README));
    }

    #[test]
    fn limits_go_to_the_architecture_and_not_among_the_peers() {
        let place = pages(&[(README, "bench"), (BENCHMARK, "bench")]);
        let file = |name: &str| place.path().join(name);
        let read = |page: &str| fs::read_to_string(file(page)).unwrap();
        let mut measured = report(false);
        measured.rows.push(row("limit: timers", 3.25, 5, false));
        report::write(&file("bench.json"), &measured).unwrap();

        let problem = update(place.path(), &file("bench.json"), &[]).unwrap_err();
        assert!(problem.to_string().contains(ARCHITECTURE), "{problem}");
        assert_eq!(read(README), empty("bench"));
        assert_eq!(read(BENCHMARK), empty("bench"));

        fs::write(file(ARCHITECTURE), empty("limit")).unwrap();
        update(place.path(), &file("bench.json"), &[]).unwrap();
        assert!(!read(README).contains("limit"));
        assert!(!read(BENCHMARK).contains("limit"));
        assert!(read(ARCHITECTURE).contains(" | 3.25 | 6.50 | 2.0× | "), "{}", read(ARCHITECTURE));
    }

    /// The pages of the repository have the marks that the benchmark writes between.
    #[test]
    fn pages_of_the_repository_have_their_marks() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (page, mark) in [(README, "bench"), (BENCHMARK, "bench"), (ARCHITECTURE, "limit")] {
            marks::filled(&root.join(page), mark, "").unwrap();
        }
    }
}
