//! The common part of all charts: a size that is legible on a phone, and colours that the CSS of the page defines.

use kuva::backend::svg::SvgBackend;
use kuva::render::layout::Layout;
use kuva::render::render::Scene;
use kuva::render::theme::Theme;

/// In px at the size of a small phone. The page scales the drawing.
pub const WIDTH: f64 = 320.0;
pub const TEXT: u32 = 12;

/// The number of colours that the CSS has for lines.
const COLOURS: usize = 8;

pub fn colour(nth: usize) -> String {
    format!("var(--line-{})", nth % COLOURS)
}

/// Returns a layout with exactly the given ranges of both axes.
pub fn layout(x: (f64, f64), y: (f64, f64), height: f64) -> Layout {
    let theme = Theme {
        background: "none".to_owned(),
        axis_color: "var(--axis)".to_owned(),
        grid_color: "var(--grid)".to_owned(),
        tick_color: "var(--axis)".to_owned(),
        text_color: "var(--ink)".to_owned(),
        legend_bg: "none".to_owned(),
        legend_border: "none".to_owned(),
        ..Theme::light()
    };
    Layout::new(x, y)
        .with_x_axis_min(x.0)
        .with_x_axis_max(x.1)
        .with_y_axis_min(y.0)
        .with_y_axis_max(y.1)
        .with_width(WIDTH)
        .with_height(height)
        .with_theme(theme)
        .with_tick_size(TEXT)
        .with_label_size(TEXT)
        .with_body_size(TEXT)
        .with_axis_line_width(1.0)
        .with_tick_width(1.0)
        .with_grid_line_width(1.0)
}

/// A drawing for the page, without the opening `<svg …>` of the library, which is for a file: with a namespace that
/// HTML does not need, and with a fixed size.
pub struct Drawing {
    pub width: f64,
    pub height: f64,
    pub content: String,
}

pub fn drawing(scene: &Scene) -> Drawing {
    let mut content = SvgBackend::new().render_scene(scene);
    let start = content.find('>').map_or(0, |end| end + 1);
    content.drain(..start);
    Drawing { width: scene.width, height: scene.height, content }
}
