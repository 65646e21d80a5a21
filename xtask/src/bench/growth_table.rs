//! Growth for readers: a table for each quantity.

use std::fmt::Write;

use comfy_table::CellAlignment;

use super::grown::{Grown, UNITS};
use super::growth_fit::Fit;
use super::table::{self, number};
use super::workloads::Unit;

/// The results of all subjects of one quantity: at the least value, at the largest, and the exponent between.
pub fn of(of_quantity: &[Grown], quick: bool) -> String {
    let Some(first) = of_quantity.first() else { return String::new() };
    let quantity = first.case.quantity;
    let mut text = format!("growth with the {}: {}", quantity.name, quantity.about);
    text.push_str(if quick { " (quick: smaller, and without a verdict)\n" } else { "\n" });

    let mut table = table::empty();
    let mut header = vec!["subject".to_owned()];
    if let Some(Fit { points, .. }) = of_quantity.iter().find_map(|grown| grown.fit(UNITS[0])) {
        for unit in UNITS.map(Unit::name) {
            let ends = [points[0], points[points.len() - 1]];
            header.extend(ends.map(|(value, _)| format!("{unit} at {}", thousands(value))));
            header.push("exponent".to_owned());
        }
    }
    table.set_header(header);
    for grown in of_quantity {
        let mut cells = vec![format!("▸ {}", grown.case.subject)];
        match &grown.result {
            Ok(_) => cells.extend(UNITS.into_iter().flat_map(|unit| cells_of(grown.fit(unit)))),
            Err(_) => cells.push("FAILED".to_owned()),
        }
        table.add_row(cells);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let _ = writeln!(text, "{table}");
    text
}

fn cells_of(fit: Option<Fit>) -> [String; 3] {
    let Some(fit) = fit else { return ["–", "–", "–"].map(str::to_owned) };
    // Without the sign of a negative zero.
    let exponent = format!("{:.2}", (100.0 * fit.exponent).round() / 100.0 + 0.0);
    let from = if fit.skipped > 0 { format!(" from {} on", thousands(fit.from())) } else { String::new() };
    [number(fit.points[0].1), number(fit.points[fit.points.len() - 1].1), exponent + &from]
}

/// `10,000`
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_have_commas() {
        assert_eq!(
            [1.0, 100.0, 1e3, 1e5, 1e7].map(thousands),
            ["1", "100", "1,000", "100,000", "10,000,000"]
        );
    }
}
