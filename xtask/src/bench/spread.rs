//! The spread of a workload over many rounds: p50, p90 and the slowest round of every subject, in a separate table.
//!
//! Every run is a separate process, as for every workload, and a round runs every subject once. So the subjects are
//! interleaved run by run, and a state of the machine that lasts for seconds meets all of them.

use std::fmt::Write;

use comfy_table::CellAlignment;

use super::report::Row;
use super::table::{self, marked, number};
use super::workloads::{Unit, Workload};

/// The columns after the name of the subject.
pub const HEADER: [&str; 4] = ["rounds", "p50 ms", "p90 ms", "max ms"];

/// A subject, and the cells below [`HEADER`].
pub struct Line<'a> {
    pub row: &'a Row,
    pub cells: [String; HEADER.len()],
}

/// The spread of a workload: a line for each subject, the best p90 first. The limit of the machine is no subject.
pub struct Spread<'a> {
    pub workload: &'static Workload,
    pub lines: Vec<Line<'a>>,
}

/// Returns the spread of every workload with many rounds.
pub fn of(rows: &[Row]) -> Vec<Spread<'_>> {
    let is_time = |row: &&Row| row.unit == Unit::Ms.name() && !row.is_limit();
    let spread = |rows: &[Row]| rows.first().and_then(|row| Workload::named(&row.workload));
    rows.chunk_by(|a, b| a.workload == b.workload)
        .filter_map(|rows| Some((rows, spread(rows).filter(|workload| workload.has_spread())?)))
        .filter_map(|(rows, workload)| {
            let mut lines: Vec<_> = rows.iter().filter(is_time).filter_map(Line::of).collect();
            lines.sort_by(|a, b| a.p90().total_cmp(&b.p90()));
            (!lines.is_empty()).then_some(Spread { workload, lines })
        })
        .collect()
}

impl<'a> Line<'a> {
    fn of(row: &'a Row) -> Option<Self> {
        let [p50, p90] = [50.0, 90.0].map(|percent| row.percentile(percent));
        let cells = [row.rounds.to_string(), number(p50?), number(p90?), number(row.max)];
        Some(Self { row, cells })
    }

    fn p90(&self) -> f64 {
        self.row.percentile(90.0).unwrap_or_default()
    }
}

impl Spread<'_> {
    /// For a terminal.
    pub fn text(&self) -> String {
        let mut table = table::empty();
        table.set_header(["subject"].into_iter().chain(HEADER));
        for Line { row, cells } in &self.lines {
            table.add_row([&marked(&row.subject, row.ours)].into_iter().chain(cells));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!("{}: the spread of the rounds\n{table}\n", self.workload.name)
    }

    pub fn markdown(&self) -> String {
        let columns = HEADER.join(" | ");
        let mut text =
            format!("| `{}` | {columns} |\n|---|{}\n", self.workload.name, "--:|".repeat(HEADER.len()));
        for Line { row, cells } in &self.lines {
            let subject = if row.ours { format!("**{}**", row.subject) } else { row.subject.clone() };
            let _ = writeln!(text, "| {subject} | {} |", cells.join(" | "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::percentile;

    fn row(workload: &str, subject: &str, unit: &str, values: &[f64]) -> Row {
        Row {
            workload: workload.to_owned(),
            subject: subject.to_owned(),
            unit: unit.to_owned(),
            median: percentile(values, 50.0).unwrap(),
            min: values[0],
            max: values.iter().copied().fold(0.0, f64::max),
            rounds: values.len(),
            ours: subject == "fanout",
            values: values.to_vec(),
        }
    }

    /// The fan-out is the best in the middle, and not for nine of ten rounds.
    #[test]
    fn subjects_are_in_the_order_of_their_p90() {
        let go: Vec<f64> = (0..60).map(|round| 13.0 + f64::from(round) / 60.0).collect();
        let fanout: Vec<f64> = (0..60).map(|round| if round % 4 == 0 { 24.0 } else { 6.5 }).collect();
        let rows = [
            row("io-10k", "fanout", "ms", &fanout),
            row("io-10k", "go", "ms", &go),
            row("io-10k", "limit: timers", "ms", &[4.0]),
            row("io-10k", "fanout", "MiB", &[5.0]),
            row("io-1m", "fanout", "ms", &[700.0]),
        ];
        let [spread] = of(&rows).try_into().ok().expect("the spread of one workload");
        let wanted = "| `io-10k` | rounds | p50 ms | p90 ms | max ms |\n|---|--:|--:|--:|--:|\n\
                      | go | 60 | 13.5 | 13.9 | 14.0 |\n| **fanout** | 60 | 6.50 | 24.0 | 24.0 |\n";
        assert_eq!(spread.markdown(), wanted);
        assert!(spread.text().starts_with("io-10k: the spread of the rounds\n"));
        assert!(spread.text().contains("▸ fanout"));
    }

    #[test]
    fn figures_without_rounds_have_no_spread() {
        let mut old = row("io-10k", "fanout", "ms", &[6.5]);
        old.values.clear();
        assert!(of(&[old]).is_empty());
        assert!(of(&[]).is_empty());
    }
}
