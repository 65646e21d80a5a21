//! Lines on logarithmic axes: the growth of a quantity, and the distribution of the times of items.

use std::sync::Arc;

use kuva::plot::{LinePlot, LineStyle, ScatterPlot};
use kuva::render::layout::{AxisLabelOverlap, Layout, TickFormat};
use kuva::render::plots::Plot;
use kuva::render::render::render_multiple;

use crate::chart::{self, Drawing};

const HEIGHT: f64 = 270.0;

/// The results of one subject.
pub struct Line {
    pub dashed: bool,
    pub points: Vec<(f64, f64)>,
}

/// The number of points. Each of a few points gets a mark.
#[derive(Clone, Copy, PartialEq)]
enum Points {
    Few,
    Many,
}

/// Draws the growth. A power is a straight line, and a steeper line grows faster.
pub fn growth(lines: &[Line], quantity: &str, unit: &str) -> Drawing {
    drawn(lines, Points::Few, |layout| {
        layout.with_x_label(quantity).with_y_label(unit).with_x_tick_format(custom(short))
    })
}

/// Draws points of percentile and µs. Every further nine of the percentile is as wide as the nine before. The point at
/// 100 % is not drawn: its distance would be infinite.
pub fn latency(lines: &[Line]) -> Drawing {
    let lines: Vec<_> = lines
        .iter()
        .map(|line| {
            let points = line.points.iter().filter(|(percentile, _)| *percentile < 100.0);
            let points = points.map(|&(percentile, us)| (one_in(percentile), us)).collect();
            Line { dashed: line.dashed, points }
        })
        .collect();
    drawn(&lines, Points::Many, |layout| {
        layout
            .with_x_label("% of all items")
            .with_y_label("took at most, µs")
            .with_x_tick_format(custom(|one_in| trimmed(100.0 - 100.0 / one_in)))
    })
}

/// Returns the number of items of which one takes longer.
fn one_in(percentile: f64) -> f64 {
    100.0 / (100.0 - percentile)
}

fn drawn(lines: &[Line], points: Points, axes: impl FnOnce(Layout) -> Layout) -> Drawing {
    let mut plots: Vec<Plot> = Vec::new();
    for (nth, line) in lines.iter().enumerate() {
        let shown: Vec<_> = shown(line).collect();
        let style = if line.dashed { LineStyle::Custom("5 3".to_owned()) } else { LineStyle::Solid };
        if points == Points::Few {
            let marks = ScatterPlot::new().with_data(shown.clone());
            plots.push(marks.with_color(chart::colour(nth)).with_size(2.5).into());
        }
        let drawn = LinePlot::new().with_data(shown).with_line_style(style).with_stroke_width(2.0);
        plots.push(drawn.with_color(chart::colour(nth)).into());
    }
    let all = || lines.iter().flat_map(shown);
    let (x, y) = (range(all().map(|(x, _)| x)), range(all().map(|(_, y)| y)));
    let layout = chart::layout(x, y, HEIGHT)
        .with_log_scale()
        .with_y_tick_format(custom(short))
        .with_x_label_overlap(AxisLabelOverlap::Thin);
    chart::drawing(&render_multiple(plots, axes(layout)))
}

/// Returns the points with positive coordinates. Logarithmic axes show no other points.
fn shown(line: &Line) -> impl Iterator<Item = (f64, f64)> {
    line.points.iter().copied().filter(|(x, y)| *x > 0.0 && *y > 0.0)
}

/// Returns the range of an axis: at least a decade, so that the axis has ticks and a flat line looks flat, and a margin
/// at both ends.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let ends = values.map(f64::log10).fold(None, |ends, value| match ends {
        None => Some((value, value)),
        Some((least, most)) => Some((value.min(least), value.max(most))),
    });
    let (least, most) = ends.unwrap_or_default();
    let half = (most - least).max(1.0) * 0.57;
    let middle = f64::midpoint(least, most);
    (10_f64.powf(middle - half), 10_f64.powf(middle + half))
}

fn custom(show: impl Fn(f64) -> String + Send + Sync + 'static) -> TickFormat {
    TickFormat::Custom(Arc::new(show))
}

/// `20`, `20 k`, `20 M`.
pub fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{} M", trimmed(v / 1e6)),
        v if v >= 1e4 => format!("{} k", trimmed(v / 1e3)),
        v => trimmed(v),
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
