//! The results for readers: a table for each workload and unit, and the limit under the table.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};

use super::report::Row;
use super::rounds::Measurements;
use super::workloads::Workload;

/// The tables of a workload, and a line for each subject that failed.
pub fn of(workload: &Workload, rows: &[Row], measured: &[Measurements], quick: bool) -> String {
    let failed: Vec<_> = measured.iter().filter_map(|m| Some((m, m.result.as_ref().err()?))).collect();

    let mut text = format!("{}: {}", workload.name, workload.about);
    if quick {
        let _ = write!(text, " (quick: {} items)", workload.items(quick));
    }
    text.push('\n');
    for unit in workload.units {
        let of_unit = rows.iter().filter(|row| row.unit == unit.name());
        let (limits, of_unit): (Vec<_>, Vec<_>) = of_unit.partition(|row| row.is_limit());
        let mut table = table(&of_unit, unit.name());
        for (of, _) in &failed {
            table.add_row([&marked(&of.subject, of.ours), "FAILED"]);
        }
        if !table.is_empty() {
            let _ = writeln!(text, "{table}");
        }
        let ours: Vec<_> = of_unit.into_iter().filter(|row| row.ours).collect();
        for limit in limits {
            let _ = writeln!(text, "{}", limit_line(limit, &ours));
        }
    }
    for (of, problem) in failed {
        let _ = writeln!(text, "FAILED {} at {}: {problem}", of.subject, workload.name);
    }
    text
}

/// `limit: polls  0.41 ms (0.40–0.43): fanout 52×, pipeline 55×`
fn limit_line(limit: &Row, ours: &[&Row]) -> String {
    let Row { subject, unit, median, min, max, .. } = limit;
    let distances: Vec<_> =
        ours.iter().map(|row| format!("{} {}", row.subject, ratio(row.times(limit)))).collect();
    let separator = if distances.is_empty() { "" } else { ": " };
    let (median, min, max) = (number(*median), number(*min), number(*max));
    format!("{subject}  {median} {unit} ({min}–{max}){separator}{}", distances.join(", "))
}

/// The headings of the columns: a peer has a ratio for each row of ours.
pub fn headings<'a>(rows: impl IntoIterator<Item = &'a Row>, unit: &str) -> Vec<String> {
    let fixed = ["subject", &format!("median {unit}"), "min–max", "rounds"].map(str::to_owned);
    let ratios = rows.into_iter().filter(|row| row.ours).map(|row| format!("÷ {}", row.subject));
    fixed.into_iter().chain(ratios).collect()
}

/// The cells of a row, below [`headings`] and after the name of the subject.
pub fn cells<'a>(row: &Row, rows: impl IntoIterator<Item = &'a Row>) -> Vec<String> {
    let fixed =
        [number(row.median), format!("{}–{}", number(row.min), number(row.max)), row.rounds.to_string()];
    let ratios = rows
        .into_iter()
        .filter(|other| other.ours)
        .map(|ours| if row.ours { String::new() } else { ratio(row.times(ours)) });
    fixed.into_iter().chain(ratios).collect()
}

fn table(rows: &[&Row], unit: &str) -> Table {
    let mut table = empty();
    table.set_header(headings(rows.iter().copied(), unit));
    // The usual number is the largest number of rounds of a subject.
    let usual = rows.iter().map(|row| row.rounds).max().unwrap_or_default();
    for row in rows {
        let rounds = if row.rounds == 1 && usual > 1 { " (1 round)" } else { "" };
        let subject = marked(&row.subject, row.ours) + rounds;
        table.add_row([subject].into_iter().chain(cells(row, rows.iter().copied())));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

pub fn empty() -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table
}

pub fn marked(subject: &str, ours: bool) -> String {
    format!("{} {subject}", if ours { '▸' } else { ' ' })
}

/// Formats a value with three digits, the precision of such a measurement.
pub fn number(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v if v >= 1.0 => format!("{v:.2}"),
        v => format!("{v:.3}"),
    }
}

pub fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or("–".to_owned(), |ratio| match ratio {
        r if r >= 10.0 => format!("{r:.0}×"),
        r if r >= 0.1 => format!("{r:.1}×"),
        r if r >= 0.01 => format!("{r:.2}×"),
        _ => "<0.01×".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn tables_mark_ours_single_rounds_and_failures() {
        let workload = Workload::named("io-10k").unwrap();
        let rows =
            [row("fanout", 6.5, 5, true), row("queue", 13.0, 5, true), row("asyncio", 2100.0, 1, false)];
        let failed = Measurements {
            subject: "go".to_owned(),
            ours: false,
            result: Err("timed out after 30 s".to_owned()),
        };
        let text = of(workload, &rows, &[failed], true);
        assert!(text.starts_with("io-10k: "), "{text}");
        assert!(text.contains("(quick: 100 items)"), "{text}");
        assert!(text.contains("▸ fanout "), "{text}");
        assert!(text.contains("asyncio (1 round)"), "{text}");
        assert!(text.contains("÷ fanout") && text.contains("÷ queue"), "{text}");
        assert!(text.contains("323×") && text.contains("162×"), "{text}");
        assert!(text.contains("FAILED go at io-10k: timed out after 30 s"), "{text}");
        assert_eq!(text.matches("go ").count(), 3, "{text}");
    }

    #[test]
    fn limits_are_no_peers() {
        let workload = Workload::named("fanout-noop").unwrap();
        let mut rows = [row("fanout", 6.0, 5, true), row("limit: polls", 0.5, 5, false)];
        for row in &mut rows {
            "fanout-noop".clone_into(&mut row.workload);
        }
        let text = of(workload, &rows, &[], false);
        let line = text.lines().last().unwrap();
        assert_eq!(line, "limit: polls  0.500 ms (0.500–0.500): fanout 12×");
        assert_eq!(text.matches("limit: ").count(), 1, "{text}");
    }

    #[test]
    fn numbers_have_three_digits() {
        let shown: Vec<_> = [1234.5, 99.94, 9.99, 0.1234].into_iter().map(number).collect();
        assert_eq!(shown, ["1234", "99.9", "9.99", "0.123"]);
        let shown: Vec<_> = [Some(32.4), Some(1.25), Some(0.04), None].into_iter().map(ratio).collect();
        assert_eq!(shown, ["32×", "1.2×", "0.04×", "–"]);
    }
}
