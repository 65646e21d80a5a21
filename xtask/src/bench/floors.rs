//! The floors of `xtask/floors.toml`, held against the rows of a run. A floor informs: a missed floor fails nothing.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use comfy_table::CellAlignment;
use serde::Deserialize;

use super::report::{Row, percentile};
use super::table::{self, number};
use super::workloads::{Unit, Workload};

const FLOORS: &str = include_str!("../../floors.toml");

/// The ends of the interval with 90 % of the rounds.
const INTERVAL: (f64, f64) = (5.0, 95.0);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Floors {
    floor: Vec<Floor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Floor {
    workload: String,
    #[serde(default = "milliseconds")]
    unit: String,
    subjects: Vec<String>,
    #[serde(default)]
    against: Vec<String>,
    at_least: Option<f64>,
    at_most: Option<f64>,
}

fn milliseconds() -> String {
    Unit::Ms.name().to_owned()
}

/// A floor of a single subject, against a single peer or without a peer.
#[derive(Debug, PartialEq)]
pub struct Verdict {
    workload: String,
    subject: String,
    bound: Bound,
    /// `None` if a row is missing.
    found: Option<Found>,
}

#[derive(Debug, PartialEq)]
enum Bound {
    AtLeast { ratio: f64, peer: String },
    AtMost { value: f64, unit: String },
}

/// A measured figure, or ratio, and the interval with 90 % of the rounds.
#[derive(Debug, PartialEq)]
struct Found {
    median: f64,
    low: f64,
    high: f64,
}

/// Returns a verdict for every subject and peer of every floor, in the order of the file.
pub fn verdicts(rows: &[Row]) -> Result<Vec<Verdict>> {
    Ok(parse(FLOORS)?.iter().flat_map(|floor| floor.verdicts(rows)).collect())
}

fn parse(text: &str) -> Result<Vec<Floor>> {
    let Floors { floor: floors } = toml::from_str(text).context("xtask/floors.toml")?;
    for floor in &floors {
        let Floor { workload, unit, .. } = floor;
        let known = Workload::named(workload).with_context(|| format!("a floor of {workload}: unknown"))?;
        let measured = known.units.iter().any(|known| known.name() == unit);
        ensure!(measured, "a floor of {workload}: it is not measured in {unit}");
        let with_peers = floor.at_least.is_some() && !floor.against.is_empty() && floor.at_most.is_none();
        let alone = floor.at_most.is_some() && floor.against.is_empty() && floor.at_least.is_none();
        ensure!(with_peers || alone, "a floor of {workload}: it has `against` and `at_least`, or `at_most`");
    }
    Ok(floors)
}

impl Floor {
    fn verdicts(&self, rows: &[Row]) -> Vec<Verdict> {
        let row = |subject: &str| {
            let is_it = |row: &&Row| (&row.workload, &row.unit) == (&self.workload, &self.unit);
            rows.iter().filter(is_it).find(|row| row.subject == subject)
        };
        let mut verdicts = Vec::new();
        for subject in &self.subjects {
            let mut verdict = |bound, found| {
                let (workload, subject) = (self.workload.clone(), subject.clone());
                verdicts.push(Verdict { workload, subject, bound, found });
            };
            if let Some(value) = self.at_most {
                verdict(Bound::AtMost { value, unit: self.unit.clone() }, row(subject).map(Found::of));
            }
            if let Some(ratio) = self.at_least {
                for peer in &self.against {
                    let found = row(subject).zip(row(peer)).and_then(|(ours, peer)| Found::ratio(ours, peer));
                    verdict(Bound::AtLeast { ratio, peer: peer.clone() }, found);
                }
            }
        }
        verdicts
    }
}

impl Found {
    fn of(row: &Row) -> Self {
        Self::within(row.median, &row.values)
    }

    /// The ratio of the medians, and the interval of the ratios of the rounds. The runs of a round are close in time,
    /// so a disturbance meets the subject and the peer of the same round.
    fn ratio(ours: &Row, peer: &Row) -> Option<Self> {
        let rounds = ours.values.iter().zip(&peer.values).filter(|(ours, _)| **ours > 0.0);
        let ratios: Vec<f64> = rounds.map(|(ours, peer)| peer / ours).collect();
        Some(Self::within(peer.times(ours)?, &ratios))
    }

    fn within(median: f64, values: &[f64]) -> Self {
        let end = |percent| percentile(values, percent).unwrap_or(median);
        Self { median, low: end(INTERVAL.0), high: end(INTERVAL.1) }
    }
}

impl Verdict {
    /// Returns whether the floor is held; `None` if it was not measured.
    fn held(&self) -> Option<bool> {
        let found = self.found.as_ref()?.median;
        Some(match &self.bound {
            Bound::AtLeast { ratio, .. } => found >= *ratio,
            Bound::AtMost { value, .. } => found <= *value,
        })
    }

    fn cells(&self) -> [String; 6] {
        let (peer, wanted) = match &self.bound {
            Bound::AtLeast { ratio, peer } => (peer.clone(), format!("≥ {}", times(*ratio))),
            Bound::AtMost { value, unit } => ("–".to_owned(), format!("≤ {} {unit}", number(*value))),
        };
        let shown = |value: f64| match self.bound {
            Bound::AtLeast { .. } => times(value),
            Bound::AtMost { .. } => number(value),
        };
        let (found, interval) = match &self.found {
            Some(found) => (shown(found.median), format!("{}–{}", shown(found.low), shown(found.high))),
            None => ("–".to_owned(), "–".to_owned()),
        };
        [
            format!("{}, {}", self.workload, self.subject),
            peer,
            wanted,
            found,
            interval,
            self.word().to_owned(),
        ]
    }

    fn word(&self) -> &'static str {
        match self.held() {
            Some(true) => "held",
            Some(false) => "missed",
            None => "not measured",
        }
    }
}

/// Two digits behind the point: floors are closer to each other than ratios of a table need to be.
fn times(ratio: f64) -> String {
    format!("{ratio:.2}×")
}

const HEADER: [&str; 6] = ["workload, subject", "peer", "floor", "measured", "90 % of the rounds", "verdict"];

/// For a terminal: a table, and a line with the numbers.
pub fn text(verdicts: &[Verdict]) -> String {
    let mut table = table::empty();
    table.set_header(HEADER).add_rows(verdicts.iter().map(Verdict::cells));
    for column in table.column_iter_mut().skip(2).take(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("floors of xtask/floors.toml: peer ÷ subject\n{table}\n{}\n", summary(verdicts))
}

/// `floors: 30 held, 4 missed, 2 not measured`
fn summary(verdicts: &[Verdict]) -> String {
    let count = |held: Option<bool>| verdicts.iter().filter(|verdict| verdict.held() == held).count();
    let mut summary = format!("floors: {} held, {} missed", count(Some(true)), count(Some(false)));
    if count(None) > 0 {
        let _ = write!(summary, ", {} not measured", count(None));
    }
    summary
}

/// For a page: the floors that were measured, the missed floors first; `None` if no floor was measured.
pub fn markdown(verdicts: &[Verdict]) -> Option<String> {
    let mut measured: Vec<_> = verdicts.iter().filter(|verdict| verdict.found.is_some()).collect();
    measured.sort_by_key(|verdict| verdict.held());
    if measured.is_empty() {
        return None;
    }
    let mut text = format!("| {} |\n|---|---|--:|--:|--:|---|\n", HEADER.join(" | "));
    for verdict in measured {
        let mut cells = verdict.cells();
        if verdict.held() == Some(false) {
            cells[5] = format!("**{}**", cells[5]);
        }
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    Some(text)
}

#[cfg(test)]
#[path = "floors_tests.rs"]
mod tests;
