//! The floors of `xtask/floors.toml`, compared with the rows of one or several runs. A missed floor is reported, and is
//! not an error.
//!
//! The rounds of several runs are pooled. A floor is *held* if the median keeps it, and *missed* if the interval with
//! 90 % of the rounds does not reach it. In between, the rounds do not decide.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use comfy_table::CellAlignment;
use serde::Deserialize;

use super::report::{Row, median, percentile};
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

/// The outcome of a comparison. The order is the order of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Missed,
    /// The median misses the floor, and the interval reaches the floor.
    Undecided,
    Held,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Undecided => "undecided",
            Self::Held => "held",
        }
    }
}

/// Returns a verdict for every subject and peer of every floor, in the order of the file, from the rows of one or
/// several runs.
pub fn verdicts(runs: &[&[Row]]) -> Result<Vec<Verdict>> {
    Ok(parse(FLOORS)?.iter().flat_map(|floor| floor.verdicts(runs)).collect())
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
    fn row<'a>(&self, rows: &'a [Row], subject: &str) -> Option<&'a Row> {
        let is_it = |row: &&Row| (&row.workload, &row.unit) == (&self.workload, &self.unit);
        rows.iter().filter(is_it).find(|row| row.subject == subject)
    }

    fn verdicts(&self, runs: &[&[Row]]) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        for subject in &self.subjects {
            let mut verdict = |bound, found| {
                let (workload, subject) = (self.workload.clone(), subject.clone());
                verdicts.push(Verdict { workload, subject, bound, found });
            };
            if let Some(value) = self.at_most {
                let rows: Vec<_> = runs.iter().filter_map(|rows| self.row(rows, subject)).collect();
                verdict(Bound::AtMost { value, unit: self.unit.clone() }, Found::of(&rows));
            }
            if let Some(ratio) = self.at_least {
                for peer in &self.against {
                    let pairs =
                        runs.iter().filter_map(|rows| self.row(rows, subject).zip(self.row(rows, peer)));
                    let found = Found::ratio(&pairs.collect::<Vec<_>>());
                    verdict(Bound::AtLeast { ratio, peer: peer.clone() }, found);
                }
            }
        }
        verdicts
    }
}

impl Found {
    fn of(rows: &[&Row]) -> Option<Self> {
        let values: Vec<f64> = rows.iter().flat_map(|row| &row.values).copied().collect();
        Some(Self::within(median_of(rows)?, &values))
    }

    /// The ratio of the medians, and the interval of the ratios of the rounds. The runs of a round are close in time,
    /// so a disturbance meets the subject and the peer of the same round.
    fn ratio(pairs: &[(&Row, &Row)]) -> Option<Self> {
        let rounds = pairs.iter().flat_map(|(ours, peer)| ours.values.iter().zip(&peer.values));
        let rounds = rounds.filter(|(ours, _)| **ours > 0.0);
        let ratios: Vec<f64> = rounds.map(|(ours, peer)| peer / ours).collect();
        let (ours, peers): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
        let ours = median_of(&ours).filter(|ours| *ours > 0.0)?;
        Some(Self::within(median_of(&peers)? / ours, &ratios))
    }

    fn within(median: f64, values: &[f64]) -> Self {
        let end = |percent| percentile(values, percent).unwrap_or(median);
        Self { median, low: end(INTERVAL.0), high: end(INTERVAL.1) }
    }
}

/// Returns the median of the rounds of all rows. A file of an earlier version has rows without rounds.
fn median_of(rows: &[&Row]) -> Option<f64> {
    match rows {
        [row] => Some(row.median),
        rows => median(rows.iter().flat_map(|row| &row.values).copied()),
    }
}

impl Verdict {
    /// Returns the outcome; `None` if the figure was not measured.
    fn outcome(&self) -> Option<Outcome> {
        let Found { median, low, high } = self.found.as_ref()?;
        let keeps = |figure: f64| match &self.bound {
            Bound::AtLeast { ratio, .. } => figure >= *ratio,
            Bound::AtMost { value, .. } => figure <= *value,
        };
        Some(match (keeps(*median), keeps(*low) || keeps(*high)) {
            (true, _) => Outcome::Held,
            (false, true) => Outcome::Undecided,
            (false, false) => Outcome::Missed,
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
            self.outcome().map_or("not measured", Outcome::word).to_owned(),
        ]
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

/// `floors: 30 held, 5 undecided, 4 missed, 2 not measured`
fn summary(verdicts: &[Verdict]) -> String {
    let count = |outcome| verdicts.iter().filter(|verdict| verdict.outcome() == outcome).count();
    let [held, undecided, missed] =
        [Outcome::Held, Outcome::Undecided, Outcome::Missed].map(|outcome| count(Some(outcome)));
    let mut summary = format!("floors: {held} held, {undecided} undecided, {missed} missed");
    if count(None) > 0 {
        let _ = write!(summary, ", {} not measured", count(None));
    }
    summary
}

/// For a page: the floors that were measured, the missed floors first; `None` if no floor was measured.
pub fn markdown(verdicts: &[Verdict]) -> Option<String> {
    let mut measured: Vec<_> = verdicts.iter().filter(|verdict| verdict.found.is_some()).collect();
    measured.sort_by_key(|verdict| verdict.outcome());
    if measured.is_empty() {
        return None;
    }
    let mut text = format!("| {} |\n|---|---|--:|--:|--:|---|\n", HEADER.join(" | "));
    for verdict in measured {
        let mut cells = verdict.cells();
        if verdict.outcome() == Some(Outcome::Missed) {
            cells[5] = format!("**{}**", cells[5]);
        }
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    Some(text)
}

#[cfg(test)]
#[path = "floors_tests.rs"]
mod tests;
