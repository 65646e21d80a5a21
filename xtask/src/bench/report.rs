//! From readings to rows (median, range), and the JSON file that holds them.

use std::cmp::Ordering;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::machine::Machine;
use super::rounds::Measurements;
use super::workloads::{Unit, Workload};
use crate::files;

/// One run of the benchmark.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Report {
    pub machine: Machine,
    pub rows: Vec<Row>,
    #[serde(default)]
    pub distributions: Vec<Distribution>,
    #[serde(default)]
    pub curves: Vec<Curve>,
}

impl Report {
    /// Returns the number of rounds, for messages: `5 rounds`, `5 rounds (io-10k: 60)`.
    pub fn rounds(&self) -> String {
        let has_spread = |row: &&Row| Workload::named(&row.workload).is_some_and(Workload::has_spread);
        let (many, usual): (Vec<_>, Vec<_>) = self.rows.iter().partition(has_spread);
        let most = |rows: &[&Row]| rows.iter().map(|row| row.rounds).max();
        let rounds = most(&usual).or_else(|| most(&many)).unwrap_or_default();
        let other = many.iter().max_by_key(|row| row.rounds).filter(|row| row.rounds != rounds);
        let other = other.map(|row| format!(" ({}: {})", row.workload, row.rounds)).unwrap_or_default();
        format!("{rounds} rounds{other}")
    }
}

/// The distribution of the added time of one subject at one latency workload, in its median round.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Distribution {
    pub workload: String,
    pub subject: String,
    pub ours: bool,
    /// Percentile (0 to 100) and the longest time in µs of that part of the items.
    pub points: Vec<(f64, f64)>,
}

/// The growth of the time or memory of one subject with one quantity.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Curve {
    /// The quantity that grows: `items`, `limit`, …
    pub quantity: String,
    pub subject: String,
    pub unit: String,
    /// The values of the quantity, each with its reading in `unit`.
    pub points: Vec<(f64, f64)>,
    /// The slope of the fitted line on logarithmic axes: 1 is linear, 0 is flat.
    pub exponent: f64,
}

/// One subject at one workload in one unit.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Row {
    pub workload: String,
    pub subject: String,
    pub unit: String,
    pub median: f64,
    pub min: f64,
    pub max: f64,
    pub rounds: usize,
    pub ours: bool,
    /// The value of every round, in the order of the rounds.
    #[serde(default)]
    pub values: Vec<f64>,
}

impl Row {
    /// Returns whether the row is a limit of the machine or of tokio, the least work of every subject, and not a peer.
    pub fn is_limit(&self) -> bool {
        self.subject.starts_with("limit: ")
    }

    /// Returns how many times as long, or as much, this row takes as `ours`. Above 1, ours is better.
    pub fn times(&self, ours: &Self) -> Option<f64> {
        (ours.median > 0.0).then(|| self.median / ours.median)
    }

    /// Returns the value that `percent` of the rounds do not exceed: of five rounds, the largest for 90 %.
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        percentile(&self.values, percent)
    }
}

/// The rows of a workload: unit by unit, ours first, then the best of the others, limits last.
pub fn rows(workload: &Workload, measured: &[Measurements]) -> Vec<Row> {
    let mut rows = Vec::new();
    for &unit in workload.units {
        let mut of_unit = Vec::new();
        for measurements in measured {
            let readings = measurements.result.as_deref().unwrap_or_default();
            let values: Vec<f64> = readings.iter().filter_map(|reading| reading.value(unit)).collect();
            let Some(median) = median(values.iter().copied()) else {
                continue;
            };
            let sorted = sorted(&values);
            of_unit.push(Row {
                workload: workload.name.to_owned(),
                subject: measurements.subject.clone(),
                unit: unit.name().to_owned(),
                median,
                min: sorted[0],
                max: sorted[sorted.len() - 1],
                rounds: values.len(),
                ours: measurements.ours,
                values,
            });
        }
        let place = |row: &Row| (row.is_limit(), !row.ours);
        of_unit.sort_by(|a, b| place(a).cmp(&place(b)).then(a.median.total_cmp(&b.median)));
        rows.extend(of_unit);
    }
    rows
}

/// Returns the distribution of the items' times of each subject, in the round whose p99 is the median.
pub fn distributions(workload: &Workload, measured: &[Measurements]) -> Vec<Distribution> {
    let points = |measurements: &Measurements| {
        let mut readings: Vec<_> = measurements.result.as_deref().unwrap_or_default().iter().collect();
        readings.retain(|reading| !reading.latency.is_empty());
        readings
            .sort_by(|a, b| a.value(Unit::P99).partial_cmp(&b.value(Unit::P99)).unwrap_or(Ordering::Equal));
        readings.get(readings.len() / 2).map(|reading| reading.latency.clone())
    };
    let of = |measurements: &Measurements| {
        Some(Distribution {
            workload: workload.name.to_owned(),
            subject: measurements.subject.clone(),
            ours: measurements.ours,
            points: points(measurements)?,
        })
    };
    measured.iter().filter_map(of).collect()
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Returns the value at the rank `percent` of the values, by the nearest rank.
pub fn percentile(values: &[f64], percent: f64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "there are at most a thousand rounds")]
    let rank = (percent / 100.0 * values.len() as f64).ceil().max(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank from 1 on")]
    sorted(values).get(rank as usize - 1).copied()
}

/// Returns the middle value, or the mean of both middle values.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let sorted = sorted(&values.into_iter().collect::<Vec<_>>());
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(sorted[sorted.len() / 2 - 1], upper))
}

/// Checks before the long run that the file can be written after the run.
pub fn check_writable(option: &str, file: &Path) -> Result<()> {
    anyhow::ensure!(!file.is_dir(), "{option} {}: that is a folder", file.display());
    let temporary = files::beside(file);
    fs::write(&temporary, "").with_context(|| format!("{option} {}: cannot write there", file.display()))?;
    Ok(fs::remove_file(temporary)?)
}

pub fn write(file: &Path, report: &Report) -> Result<()> {
    files::replace(file, &(serde_json::to_string_pretty(report)? + "\n"))
}

pub fn read(file: &Path) -> Result<Report> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} is not what `bench --json` writes", file.display()))
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
