//! The picture: one panel for each piece of work, both axes logarithmic.

use std::fmt::Write;

use crate::table::{Row, exponent, thousands};

const PANEL: (f64, f64) = (300.0, 220.0);
const MARGIN: f64 = 44.0;
const COLUMNS: usize = 3;
const ON: &str = "#c0392b";
const OFF: &str = "#2c7fb8";

/// The picture as the text of an SVG file.
pub fn draw(rows: &[Row]) -> String {
    let lines = rows.len().div_ceil(COLUMNS).max(1);
    let (width, height) = (PANEL.0 * COLUMNS as f64, PANEL.1 * lines as f64 + MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"10\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"{MARGIN}\" y=\"20\" font-size=\"13\">Processor time of a run as its work grows: \
         <tspan fill=\"{ON}\">with oracles</tspan>, <tspan fill=\"{OFF}\">without</tspan></text>\n"
    );
    for (nth, row) in rows.iter().enumerate() {
        let corner = (PANEL.0 * (nth % COLUMNS) as f64, PANEL.1 * (nth / COLUMNS) as f64 + MARGIN * 0.7);
        panel(&mut svg, row, corner);
    }
    svg + "</svg>\n"
}

/// Places a value between a least and a greatest one, by logarithms.
fn place(value: f64, (least, greatest): (f64, f64), (from, to): (f64, f64)) -> f64 {
    from + (to - from) * (value / least).ln() / (greatest / least).ln().max(f64::MIN_POSITIVE)
}

fn panel(svg: &mut String, row: &Row, (left, top): (f64, f64)) {
    let points = || row.on.iter().chain(&row.off);
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::MAX, f64::MIN_POSITIVE), |(least, greatest), value| (least.min(value), greatest.max(value)))
    };
    let sizes = range(&mut points().map(|point| point.0));
    let seconds = range(&mut points().map(|point| point.1));
    let (x, y) = ((left + MARGIN, left + PANEL.0 - 12.0), (top + PANEL.1 - MARGIN * 0.7, top + 30.0));
    let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\" font-weight=\"bold\">{}</text>", x.0, top + 16.0, row.name);
    let _ = writeln!(svg, "<path d=\"M{} {}V{}H{}\" fill=\"none\" stroke=\"#888\"/>", x.0, y.1, y.0, x.1);
    for (size, _) in &row.on {
        let at = place(*size, sizes, x);
        let label = thousands(*size as usize);
        let _ = writeln!(svg, "<text x=\"{at}\" y=\"{}\" text-anchor=\"middle\">{label}</text>", y.0 + 12.0);
    }
    let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", x.1, y.0 + 24.0, row.unit);
    for value in [seconds.0, seconds.1] {
        let at = place(value, seconds, y);
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{at}\" text-anchor=\"end\">{:.3} s</text>", x.0 - 4.0, value);
    }
    for (points, colour) in [(&row.off, OFF), (&row.on, ON)] {
        let Some(last) = points.last() else { continue };
        let places: Vec<String> =
            points.iter().map(|point| format!("{},{}", place(point.0, sizes, x), place(point.1, seconds, y))).collect();
        let line = places.join(" ");
        let _ = writeln!(svg, "<polyline points=\"{line}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
        let at = (place(last.0, sizes, x) - 34.0, place(last.1, seconds, y) + 18.0);
        let growth = exponent(points);
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\" fill=\"{colour}\">n^{growth:.2}</text>", at.0, at.1);
    }
}
