//! A bar for each subject at one workload in one unit, its name and its median above it.

use kuva::plot::BarPlot;
use kuva::render::layout::ComputedLayout;
use kuva::render::render::{Primitive, TextAnchor, render_multiple};

use crate::bench::report::Row;
use crate::bench::table::{marked, number};
use crate::chart::{self, Drawing, TEXT, WIDTH};

/// In px.
const ROW: f64 = 32.0;
const THICKNESS: f64 = 9.0;
const TOP: f64 = 5.0;

/// The lower end of the drawing. The lowest bar is at 1.
const BELOW: f64 = 0.8;

/// The number of characters that fit on a line.
const LINE: usize = 42;

/// A bar is cut above this multiple of the median bar, so that the other bars stay legible.
const DWARFS: f64 = 4.0;

/// All rows must be of one workload and one unit.
pub fn of(rows: &[Row]) -> Drawing {
    #[expect(clippy::cast_precision_loss, reason = "there are few subjects")]
    let count = rows.len() as f64;
    let longest = longest_whole(rows);
    let is_any_cut = rows.iter().any(|row| row.median > longest);
    let widest = rows.iter().filter(|row| row.median <= longest).fold(longest, |end, row| row.max.max(end));
    let end = widest.min(longest * 1.5).max(if is_any_cut { longest * 1.2 } else { longest });

    // The library counts categories from below.
    let mut bars = BarPlot::new().with_horizontal(true).with_width(THICKNESS / ROW);
    let mut ranges = Vec::new();
    for row in rows.iter().rev() {
        bars = bars.with_colored_bar("", row.median.min(end), colour(row));
        // The part of a range beyond the end is not drawn.
        let beyond = (-end, end);
        ranges.push(if row.median > end { beyond } else { (row.median - row.min, row.max - row.median) });
    }
    let bars = bars.with_asymmetric_error(ranges).with_error_color("var(--range)").with_error_cap_width(0.6);

    let top = count + 0.5;
    let mut layout = chart::layout((0.0, end), (BELOW, top), (top - BELOW) * ROW + TOP)
        .with_force_margins(1.0, 1.0)
        .with_force_margins_y(TOP, 0.0)
        .with_show_grid(false);
    layout.suppress_x_ticks = true;
    layout.suppress_y_ticks = true;
    layout.theme.axis_color = String::from("none");

    let computed = ComputedLayout::from_layout(&layout);
    let mut scene = render_multiple(vec![bars.into()], layout);
    let mut category = count;
    for row in rows {
        let middle = computed.map_y(category);
        category -= 1.0;
        for text in texts(row, middle - THICKNESS) {
            scene.add(text);
        }
        if row.median > end {
            for mark in cut(computed.map_x(end), middle) {
                scene.add(mark);
            }
        }
    }
    chart::drawing(&scene)
}

fn colour(row: &Row) -> &'static str {
    match row {
        row if row.ours => "var(--ours)",
        // The limit of the machine is not a peer.
        row if row.is_limit() => "var(--limit)",
        _ => "var(--others)",
    }
}

/// The longest bar that is not cut.
fn longest_whole(rows: &[Row]) -> f64 {
    let mut medians: Vec<_> = rows.iter().map(|row| row.median).collect();
    medians.sort_by(f64::total_cmp);
    let usual = medians.get(medians.len() / 2).copied().unwrap_or_default();
    let whole = medians.into_iter().rfind(|median| *median <= DWARFS * usual).unwrap_or_default();
    if whole > 0.0 { whole } else { 1.0 }
}

fn texts(row: &Row, y: f64) -> [Primitive; 2] {
    let value = format!("{} {}", number(row.median), row.unit);
    let room = LINE.saturating_sub(value.chars().count() + 2).max(8);
    let name = shortened(marked(&row.subject, row.ours).trim_start(), room);
    let text = |x, content, anchor| Primitive::Text {
        x,
        y,
        content,
        size: TEXT,
        anchor,
        rotate: None,
        bold: row.ours,
        color: row.ours.then(|| "var(--ours-ink)".into()),
    };
    [text(1.0, name, TextAnchor::Start), text(WIDTH - 1.0, value, TextAnchor::End)]
}

fn shortened(name: &str, room: usize) -> String {
    if name.chars().count() <= room {
        return name.to_owned();
    }
    name.chars().take(room - 1).chain(['…']).collect()
}

/// Returns two strokes in the colour of the background through the end of the bar.
fn cut(end: f64, middle: f64) -> [Primitive; 2] {
    [22.0, 16.0].map(|from_end| Primitive::Line {
        x1: end - from_end,
        y1: middle + THICKNESS,
        x2: end - from_end + THICKNESS,
        y2: middle - THICKNESS,
        stroke: "var(--card)".into(),
        stroke_width: 2.5,
        stroke_dasharray: None,
    })
}
