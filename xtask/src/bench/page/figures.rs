//! The charts of a report, and the table next to each.

use super::bars;
use super::lines::{self, short};
use crate::bench::report::{Curve, Distribution, Report, Row};
use crate::bench::spread::{self, Line, Spread};
use crate::bench::table::{self, number};
use crate::bench::workloads::{Unit, Workload};
use crate::chart;
use crate::chart::Drawing;

/// One kind of figure.
pub struct Section {
    pub title: &'static str,
    pub about: &'static str,
    pub figures: Vec<Figure>,
}

pub struct Figure {
    /// The target of links, unique on the page.
    pub id: String,
    pub title: String,
    pub unit: String,
    pub about: &'static str,
    pub drawing: Drawing,
    /// A description of the drawing, for readers who do not see the drawing.
    pub label: String,
    /// One for each line of the drawing.
    pub keys: Vec<Key>,
    pub header: Vec<String>,
    pub entries: Vec<Entry>,
}

/// The subject of a line of a drawing.
pub struct Key {
    pub name: String,
    pub colour: String,
    pub dashed: bool,
    pub ours: bool,
}

/// A line of the table.
pub struct Entry {
    pub subject: String,
    pub ours: bool,
    pub cells: Vec<String>,
}

/// Returns the sections that are not empty.
pub fn sections(report: &Report) -> Vec<Section> {
    let workloads = Section {
        title: "Workloads",
        about: "A bar is the median of all rounds; the shorter, the better. The thin line goes from the best \
                round to the worst. ▸ marks ours, and a column ÷ says how many times as long, or as much, as \
                that row of ours. A bar with a break is longer than there is room; its figure is right. A limit is \
                what the machine or tokio allows, however one does it.",
        figures: report
            .rows
            .chunk_by(|a, b| (&a.workload, &a.unit) == (&b.workload, &b.unit))
            .map(workload)
            .collect(),
    };
    let spread = Section {
        title: "Spread",
        about: "What the rounds of a workload with many rounds took. A bar is the time that nine of ten rounds did not \
                exceed; the thin line goes from the middle round to the slowest.",
        figures: spread::of(&report.rows).iter().map(spread).collect(),
    };
    let latency = Section {
        title: "Latency",
        about: "What part of the items took at most how long, the slowest of them given the most room: each step \
                to the right shows ten times rarer a delay. Lines of ours are whole, the others dashed; the \
                longest delay of all is in the table.",
        figures: grouped(&report.distributions, |a, b| a.workload == b.workload).iter().map(delays).collect(),
    };
    let growth = Section {
        title: "Growth",
        about: "Both axes are logarithmic: what grows with a power is a straight line. The figure behind a name is \
                the exponent, its slope; 1 is linear, 0 is flat.",
        figures: grouped(&report.curves, |a, b| (&a.quantity, &a.unit) == (&b.quantity, &b.unit))
            .iter()
            .map(curves)
            .collect(),
    };
    let mut sections = vec![workloads, spread, latency, growth];
    sections.retain(|section| !section.figures.is_empty());
    sections
}

/// Returns groups in the order of their first members. The members of a group need not be adjacent in `all`.
fn grouped<T>(all: &[T], alike: impl Fn(&T, &T) -> bool) -> Vec<Vec<&T>> {
    let mut groups: Vec<Vec<&T>> = Vec::new();
    for one in all {
        match groups.iter_mut().find(|group| alike(group[0], one)) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}

fn workload(rows: &[Row]) -> Figure {
    let Row { workload, unit, .. } = &rows[0];
    let peers = rows.iter().filter(|row| !row.is_limit());
    let entry = |row: &Row| Entry {
        subject: row.subject.clone(),
        ours: row.ours,
        cells: table::cells(row, peers.clone()),
    };
    Figure {
        id: id(&[workload, unit]),
        title: workload.clone(),
        unit: unit.clone(),
        about: about(workload),
        drawing: bars::of(rows),
        label: format!("{workload}: a bar for the median {unit} of each subject, as in the table"),
        keys: Vec::new(),
        header: table::headings(peers.clone(), unit),
        entries: rows.iter().map(entry).collect(),
    }
}

fn spread(of: &Spread) -> Figure {
    let name = of.workload.name;
    let bar = |line: &Line| {
        let [p50, p90] = [50.0, 90.0].map(|percent| line.row.percentile(percent).unwrap_or_default());
        Row { median: p90, min: p50, ..line.row.clone() }
    };
    let entry = |Line { row, cells }: &Line| Entry {
        subject: row.subject.clone(),
        ours: row.ours,
        cells: cells.to_vec(),
    };
    Figure {
        id: id(&[name, "spread"]),
        title: name.to_owned(),
        unit: Unit::Ms.name().to_owned(),
        about: of.workload.about,
        drawing: bars::of(&of.lines.iter().map(bar).collect::<Vec<_>>()),
        label: format!("{name}: a bar for the p90 of the rounds of each subject, as in the table"),
        keys: Vec::new(),
        header: ["subject"].into_iter().chain(spread::HEADER).map(str::to_owned).collect(),
        entries: of.lines.iter().map(entry).collect(),
    }
}

fn delays(of: &Vec<&Distribution>) -> Figure {
    let workload = &of[0].workload;
    let drawn: Vec<_> =
        of.iter().map(|one| lines::Line { dashed: !one.ours, points: one.points.clone() }).collect();
    let percentiles = all_first(of.iter().map(|one| &one.points));
    let heading = |percentile: &f64| match *percentile {
        p if p >= 100.0 => "max".to_owned(),
        p => format!("p{p}"),
    };
    Figure {
        id: id(&[workload, "latency"]),
        title: workload.clone(),
        unit: "µs".to_owned(),
        about: about(workload),
        drawing: lines::latency(&drawn),
        label: format!("{workload}: a line for the delays of each subject, as in the table"),
        keys: keys(of, |one| (one.subject.clone(), one.ours), &drawn),
        header: ["subject".to_owned()].into_iter().chain(percentiles.iter().map(heading)).collect(),
        entries: of
            .iter()
            .map(|one| Entry {
                subject: one.subject.clone(),
                ours: one.ours,
                cells: at_each(&percentiles, &one.points),
            })
            .collect(),
    }
}

fn curves(of: &Vec<&Curve>) -> Figure {
    let Curve { quantity, unit, .. } = of[0];
    let drawn: Vec<_> =
        of.iter().map(|curve| lines::Line { dashed: false, points: curve.points.clone() }).collect();
    let sizes = all_first(of.iter().map(|curve| &curve.points));
    let heading = ["subject".to_owned(), "exponent".to_owned()].into_iter();
    Figure {
        id: id(&["growth", quantity, unit]),
        title: quantity.clone(),
        unit: unit.clone(),
        about: "",
        drawing: lines::growth(&drawn, quantity, unit),
        label: format!("{unit} by {quantity}: a line for each subject, as in the table"),
        keys: keys(of, |curve| (format!("{}, {}", curve.subject, exponent(curve)), false), &drawn),
        header: heading.chain(sizes.iter().map(|&size| short(size))).collect(),
        entries: of
            .iter()
            .map(|curve| Entry {
                subject: curve.subject.clone(),
                ours: false,
                cells: [exponent(curve)].into_iter().chain(at_each(&sizes, &curve.points)).collect(),
            })
            .collect(),
    }
}

fn keys<T>(of: &[&T], name_and_ours: impl Fn(&T) -> (String, bool), drawn: &[lines::Line]) -> Vec<Key> {
    let key = |(nth, (one, line)): (usize, (&&T, &lines::Line))| {
        let (name, ours) = name_and_ours(one);
        Key { name, ours, colour: chart::colour(nth), dashed: line.dashed }
    };
    of.iter().zip(drawn).enumerate().map(key).collect()
}

/// Returns the exponent as text, without the sign of a negative zero.
fn exponent(curve: &Curve) -> String {
    format!("{:.2}", (curve.exponent * 100.0).round() / 100.0 + 0.0)
}

/// Every first value that occurs, from small to large.
fn all_first<'a>(lines: impl Iterator<Item = &'a Vec<(f64, f64)>>) -> Vec<f64> {
    let mut all: Vec<_> = lines.flatten().map(|(first, _)| *first).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all
}

fn at_each(places: &[f64], points: &[(f64, f64)]) -> Vec<String> {
    let at = |place: &f64| points.iter().find(|(first, _)| first.total_cmp(place).is_eq());
    places.iter().map(|place| at(place).map_or("–".to_owned(), |(_, value)| number(*value))).collect()
}

/// Returns the description of a workload, or an empty text if this version does not know the workload.
fn about(workload: &str) -> &'static str {
    Workload::named(workload).map_or("", |workload| workload.about)
}

fn id(words: &[&str]) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    words.join("-").chars().map(plain).collect()
}
