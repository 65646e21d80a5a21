//! `cargo xtask plot`: the drawing and the figures of `docs/adaptive-limits.md`.
//!
//! The program runs on tokio's paused clock, so the drawing is the same on every machine.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use kuva::plot::legend::LegendPosition;
use kuva::plot::{LinePlot, LineStyle};
use kuva::render::plots::Plot;
use kuva::render::render::render_multiple;

use crate::chart::{self, Drawing};
use crate::workspace::Workspace;
use crate::{artifacts, files, marks};

const PACKAGE: &str = "towpath-observe";
const EXAMPLE: &str = "limit_over_time";
const SVG: &str = "docs/adaptive-limits.svg";
const PAGE: &str = "docs/adaptive-limits.md";
const MARK: &str = "limits";
const BEST: &str = "best";
const ALGORITHMS: [&str; 2] = ["aimd", "gradient"];
/// In milliseconds: the two halves of the run, and the end of the first seconds of each half.
const HALVES: [(u64, u64); 2] = [(0, 60_000), (60_000, 120_000)];
const START_UP: u64 = 20_000;
const HEIGHT: f64 = 270.0;
/// The width in the text of a page.
const DISPLAYED: f64 = 640.0;

/// Draw the limits of both adaptive algorithms over time, and write the figures, for docs/adaptive-limits.md.
///
/// The example `limit_over_time` of towpath-observe simulates a server on a paused clock. The drawing is
/// docs/adaptive-limits.svg; the table of the page stands between its marks.
#[derive(clap::Args)]
#[command(after_help = crate::usage::EXIT_STATUS)]
pub struct Args {
    /// Write nothing, and fail if the drawing or the table has changed
    #[arg(long)]
    check: bool,
}

/// Steps of the limit: each limit holds from a time in milliseconds on.
type Steps = Vec<(u64, u32)>;

pub fn run(args: &Args) -> Result<bool> {
    let workspace = Workspace::load()?;
    let line = format!("build -p {PACKAGE} --example {EXAMPLE}");
    let built = artifacts::build(&workspace, &line, "example")?;
    let example = built.into_iter().find(|built| built.target == EXAMPLE);
    let example = example.with_context(|| format!("{PACKAGE} has no example {EXAMPLE}"))?;
    let said = duct::cmd!(&example.path).read().with_context(|| format!("{EXAMPLE} failed"))?;
    let lines = parse(&said)?;

    let (page, text) = marks::filled(&workspace.root.join(PAGE), MARK, &table(&lines))?;
    let mut current = true;
    for (file, text) in [(workspace.root.join(SVG), svg(&lines)), (page, text)] {
        current &= written(&file, &text, args.check)?;
    }
    Ok(current || !args.check)
}

/// Writes the text to a file with another text, unless `check` is set. Returns whether the file already had the text.
fn written(file: &Path, text: &str, check: bool) -> Result<bool> {
    if fs::read_to_string(file).is_ok_and(|before| before == text) {
        return Ok(true);
    }
    if check {
        eprintln!("{}: out of date; `cargo xtask plot` writes it", file.display());
    } else {
        files::replace(file, text)?;
        eprintln!("written: {}", file.display());
    }
    Ok(false)
}

fn parse(said: &str) -> Result<BTreeMap<String, Steps>> {
    let mut lines: BTreeMap<String, Steps> = BTreeMap::new();
    for line in said.lines() {
        let cells: Vec<_> = line.split('\t').collect();
        let [name, time, limit] = cells[..] else {
            anyhow::bail!("{EXAMPLE} printed `{line}`, which is no name, time and limit")
        };
        lines.entry(name.to_owned()).or_default().push((time.parse()?, limit.parse()?));
    }
    for name in ALGORITHMS.into_iter().chain([BEST]) {
        ensure!(
            lines.get(name).is_some_and(|steps| !steps.is_empty()),
            "{EXAMPLE} printed nothing of {name}"
        );
    }
    Ok(lines)
}

/// Returns the duration and the limit of each step between two times.
fn spans(steps: &Steps, from: u64, to: u64) -> impl Iterator<Item = (u64, u32)> {
    let ends = steps.iter().skip(1).map(|step| step.0).chain([u64::MAX]);
    let held = move |(start, end): (u64, u64)| end.min(to).saturating_sub(start.max(from));
    steps.iter().zip(ends).map(move |(step, end)| (held((step.0, end)), step.1)).filter(|span| span.0 > 0)
}

fn mean(steps: &Steps, from: u64, to: u64) -> f64 {
    let (mut total, mut time) = (0, 0);
    for (span, limit) in spans(steps, from, to) {
        total += span * u64::from(limit);
        time += span;
    }
    quotient(total, time)
}

fn quotient(total: u64, time: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "the numbers are far below 2^53")]
    let quotient = total as f64 / time as f64;
    quotient
}

fn table(lines: &BTreeMap<String, Steps>) -> String {
    let mut table = "| algorithm | seconds | best limit | mean limit | distance | range |\n\
                     |---|---|---|---|---|---|\n"
        .to_owned();
    for name in ALGORITHMS {
        for (begin, end) in HALVES {
            let from = begin + START_UP;
            let (best, mean) = (mean(&lines[BEST], from, end), mean(&lines[name], from, end));
            let limits = || spans(&lines[name], from, end).map(|span| span.1);
            let (least, most) = (limits().min().unwrap_or_default(), limits().max().unwrap_or_default());
            let distance = (mean / best - 1.0) * 100.0;
            let _ = writeln!(
                table,
                "| `{name}` | {}–{} | {best:.0} | {mean:.1} | {distance:+.1} % | {least}–{most} |",
                from / 1_000,
                end / 1_000,
            );
        }
    }
    table
}

fn svg(lines: &BTreeMap<String, Steps>) -> String {
    let end = HALVES[1].1;
    let mut plots: Vec<Plot> = Vec::new();
    for (nth, name) in ALGORITHMS.into_iter().chain([BEST]).enumerate() {
        let steps = &lines[name];
        let last = steps.last().map(|step| (end, step.1));
        let points = steps.iter().copied().chain(last).map(|(time, limit)| (seconds(time), f64::from(limit)));
        let style = if name == BEST { LineStyle::Dashed } else { LineStyle::Solid };
        let line = LinePlot::new().with_data(points.collect::<Vec<_>>()).with_step().with_line_style(style);
        plots.push(
            line.with_color(chart::colour(nth))
                .with_stroke_width(if name == BEST { 2.0 } else { 1.0 })
                .with_legend(name)
                .into(),
        );
    }
    let most = lines.values().flatten().map(|step| f64::from(step.1)).fold(0.0, f64::max);
    let mut layout = chart::layout((0.0, seconds(end)), (0.0, most * 1.1), HEIGHT)
        .with_x_label("seconds")
        .with_y_label("limit")
        .with_x_tick_step(20.0)
        .with_width(DISPLAYED)
        .with_legend_position(LegendPosition::InsideBottomRight);
    layout.show_legend = true;
    file(&chart::drawing(&render_multiple(plots, layout)))
}

fn seconds(milliseconds: u64) -> f64 {
    quotient(milliseconds, 1_000)
}

/// Returns the drawing as a separate file: the colours are legible on a light and on a dark page.
fn file(drawing: &Drawing) -> String {
    let Drawing { width, height, content } = drawing;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" font-family=\"sans-serif\"><style>:root {{ --axis: #888; --grid: #8884; --ink: \
         #888; --line-0: #2a7fd4; --line-1: #d9822b; --line-2: #3a9a4a; }} text {{ fill: #888; }}</style>{content}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> BTreeMap<String, Steps> {
        parse(
            "best\t0\t10\nbest\t60000\t20\naimd\t0\t1\naimd\t10000\t12\naimd\t100000\t16\ngradient\t0\t10\n",
        )
        .unwrap()
    }

    /// From second 80 to 120, the limit is 12 for half of the time, and 16 for the other half.
    #[test]
    fn mean_is_weighted_by_time() {
        let aimd = &lines()["aimd"];
        assert!((mean(aimd, 20_000, 60_000) - 12.0).abs() < 1e-9);
        assert!((mean(aimd, 80_000, 120_000) - 14.0).abs() < 1e-9);
    }

    #[test]
    fn table_has_a_row_for_each_algorithm_and_half() {
        let table = table(&lines());
        assert!(table.contains("| `aimd` | 20–60 | 10 | 12.0 | +20.0 % | 12–12 |\n"), "{table}");
        assert!(table.contains("| `aimd` | 80–120 | 20 | 14.0 | -30.0 % | 12–16 |\n"), "{table}");
        assert_eq!(table.lines().count(), 6);
    }

    #[test]
    fn drawing_has_every_line_and_its_colours() {
        let svg = svg(&lines());
        for part in ["xmlns=", "--line-2", "aimd", "gradient", "best", "</svg>"] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
    }

    #[test]
    fn output_without_a_line_or_a_number_is_an_error() {
        assert!(parse("best\t0\t10\naimd\t0\t1\n").is_err());
        assert!(parse("best\t0\tten\n").is_err());
        assert!(parse("best 0 10\n").is_err());
    }
}
