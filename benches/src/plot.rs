//! Plots of lines over two logarithmic axes, as SVG that needs nothing else.

use std::fmt::{self, Write};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 560.0;
/// Around the area of the lines; to the right is the legend.
const LEFT: f64 = 80.0;
const RIGHT: f64 = 250.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 60.0;

const COLOURS: [&str; 12] = [
    "#000000", "#d62728", "#ff7f0e", "#7f7f7f", "#1f77b4", "#17becf", "#2ca02c", "#9467bd", "#8c564b", "#e377c2",
    "#bcbd22", "#3b4cc0",
];

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// What the legend calls it.
    pub name: String,
    /// Its points, in the order of their first coordinate; both are above nothing.
    pub points: Vec<(f64, f64)>,
}

/// What is plotted.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Above it.
    pub title: String,
    /// Below it.
    pub x_axis: &'static str,
    /// Beside it.
    pub y_axis: &'static str,
    /// What is marked on the lower axis, and how.
    pub x_marks: Vec<(f64, String)>,
    /// How a power of ten on the other axis is called.
    pub y_mark: fn(f64) -> String,
    /// The first is drawn black, the second the strongest.
    pub lines: Vec<Line>,
}

/// From a value to a place.
#[derive(Clone, Copy, Debug)]
struct Scale {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
}

impl Scale {
    fn place(self, value: f64) -> f64 {
        let part = (value.log10() - self.least) / (self.most - self.least);
        self.from + part * (self.to - self.from)
    }
}

impl Plot {
    /// The SVG; nothing when there is no point.
    ///
    /// # Errors
    /// None in a string.
    pub fn svg(&self) -> Result<Option<String>, fmt::Error> {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let (Some((x_least, x_most)), Some((y_least, y_most))) =
            (range(points().map(|point| point.0)), range(points().map(|point| point.1)))
        else {
            return Ok(None);
        };
        let x = Scale { least: x_least - 0.1, most: x_most + 0.1, from: LEFT, to: WIDTH - RIGHT };
        let (y_least, y_most) = (y_least.floor(), y_most.ceil().max(y_least.floor() + 1.0));
        let y = Scale { least: y_least, most: y_most, from: HEIGHT - BOTTOM, to: TOP };

        let mut out = String::new();
        writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>"
        )?;
        text(&mut out, WIDTH / 2.0, 28.0, "middle", "font-size=\"17\"", &self.title)?;
        self.axes(&mut out, x, y)?;
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let is_own = std::ptr::eq(line, &self.lines[1.min(self.lines.len() - 1)]);
            let width = if is_own { 3.5 } else { 1.8 };
            let path: Vec<_> =
                line.points.iter().map(|(a, b)| format!("{:.1},{:.1}", x.place(*a), y.place(*b))).collect();
            writeln!(
                out,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>",
                path.join(" ")
            )?;
            for (a, b) in &line.points {
                let (a, b) = (x.place(*a), y.place(*b));
                writeln!(out, "<circle cx=\"{a:.1}\" cy=\"{b:.1}\" r=\"3\" fill=\"{colour}\"/>")?;
            }
        }
        self.legend(&mut out)?;
        out += "</svg>\n";
        Ok(Some(out))
    }

    fn axes(&self, out: &mut String, x: Scale, y: Scale) -> fmt::Result {
        for (value, name) in &self.x_marks {
            let at = x.place(*value);
            rule(out, (at, y.from), (at, y.to), "#e0e0e0")?;
            text(out, at, y.from + 20.0, "middle", "", name)?;
        }
        for power in y.least as i32..=y.most as i32 {
            let value = 10f64.powi(power);
            let at = y.place(value);
            rule(out, (x.from, at), (x.to, at), "#c0c0c0")?;
            text(out, x.from - 8.0, at + 4.0, "end", "", &(self.y_mark)(value))?;
        }
        rule(out, (x.from, y.from), (x.to, y.from), "black")?;
        rule(out, (x.from, y.from), (x.from, y.to), "black")?;
        let middle = f64::midpoint(y.from, y.to);
        text(out, f64::midpoint(x.from, x.to), HEIGHT - 15.0, "middle", "", self.x_axis)?;
        text(out, 18.0, middle, "middle", &format!("transform=\"rotate(-90 18 {middle})\""), self.y_axis)
    }

    /// The names in the order of the lines' ends, where they lie side by side.
    fn legend(&self, out: &mut String) -> fmt::Result {
        let mut names: Vec<_> = self.lines.iter().zip(COLOURS.iter().cycle()).collect();
        names.retain(|(line, _)| !line.points.is_empty());
        let end = |line: &Line| line.points.last().map_or(f64::NAN, |point| point.1);
        names.sort_by(|(a, _), (b, _)| end(b).total_cmp(&end(a)));
        for (index, (line, colour)) in names.into_iter().enumerate() {
            let (x, y) = (WIDTH - RIGHT + 20.0, TOP + 14.0 + index as f64 * 22.0);
            writeln!(out, "<rect x=\"{x}\" y=\"{}\" width=\"18\" height=\"4\" fill=\"{colour}\"/>", y - 6.0)?;
            text(out, x + 26.0, y, "start", "", &line.name)?;
        }
        Ok(())
    }
}

/// Logarithms of the least and the most.
fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let logarithms: Vec<f64> = values.map(f64::log10).collect();
    let least = logarithms.iter().copied().min_by(f64::total_cmp)?;
    let most = logarithms.iter().copied().max_by(f64::total_cmp)?;
    Some((least, most))
}

fn rule(out: &mut String, from: (f64, f64), to: (f64, f64), colour: &str) -> fmt::Result {
    let ((x1, y1), (x2, y2)) = (from, to);
    writeln!(out, "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\"/>")
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, more: &str, text: &str) -> fmt::Result {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {more}>{text}</text>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_through_the_places_of_its_points_and_no_points_make_no_plot() {
        let plot = |points| Plot {
            title: "a < b".into(),
            x_axis: "x",
            y_axis: "y",
            x_marks: vec![(1.0, "one".into())],
            y_mark: |value| format!("{value}"),
            lines: vec![Line { name: "only".into(), points }],
        };
        let svg = plot(vec![(1.0, 1.0), (100.0, 10.0)]).svg().unwrap().unwrap();
        let bottom = HEIGHT - BOTTOM;
        assert!(svg.contains(&format!(",{bottom:.1} ")) && svg.contains(&format!(",{TOP:.1}\"")), "{svg}");
        assert!(svg.contains("a &lt; b") && svg.contains(">only<"));
        assert_eq!(plot(Vec::new()).svg(), Ok(None));
    }
}
