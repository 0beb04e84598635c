//! Lines over two logarithmic axes, as SVG.

use anyhow::anyhow;
use plotters::prelude::*;

const SIZE: (u32, u32) = (760, 420);
const MARGIN: u32 = 16;
const LABELS: u32 = 64;
const TITLE: (&str, u32) = ("sans-serif", 18);
const TEXT: (&str, u32) = ("sans-serif", 13);
/// Room around what was measured, on a logarithmic axis.
const ROOM: f64 = 1.5;

/// What is plotted.
#[derive(Debug)]
pub struct Plot {
    /// What it shows.
    pub title: String,
    /// What grows to the right.
    pub x: &'static str,
    /// What grows upwards.
    pub y: &'static str,
    /// By name, each a list of points above zero.
    pub lines: Vec<(String, Vec<(f64, f64)>)>,
}

/// A count as a point of a plot.
#[allow(clippy::cast_precision_loss, reason = "what is counted here is far below 2^52")]
pub fn number(count: u64) -> f64 {
    count as f64
}

impl Plot {
    /// As SVG.
    ///
    /// # Errors
    /// When there is nothing to plot.
    pub fn svg(&self) -> anyhow::Result<String> {
        let mut text = String::new();
        self.draw(&mut text).map_err(|error| anyhow!("cannot plot {}: {error}", self.title))?;
        Ok(text)
    }

    #[allow(clippy::float_arithmetic, reason = "the ends of axes")]
    fn draw(&self, text: &mut String) -> Result<(), Box<dyn std::error::Error>> {
        let points = || self.lines.iter().flat_map(|(_, points)| points);
        let span = |of: fn(&(f64, f64)) -> f64| {
            let (least, most) = points().map(of).fold((f64::MAX, 0.0_f64), |(a, b), n| (a.min(n), b.max(n)));
            least / ROOM..most * ROOM
        };
        let area = SVGBackend::with_string(text, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(&self.title, TITLE)
            .margin(MARGIN)
            .set_label_area_size(LabelAreaPosition::Left, LABELS)
            .set_label_area_size(LabelAreaPosition::Bottom, LABELS)
            .build_cartesian_2d(span(|(x, _)| *x).log_scale(), span(|(_, y)| *y).log_scale())?;
        chart.configure_mesh().x_desc(self.x).y_desc(self.y).label_style(TEXT).draw()?;
        for (n, (name, points)) in self.lines.iter().enumerate() {
            let color = Palette99::pick(n).to_rgba();
            let line = LineSeries::new(points.iter().copied(), color.stroke_width(2)).point_size(3);
            chart
                .draw_series(line)?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK)
            .label_font(TEXT)
            .draw()?;
        area.present()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_their_names_are_drawn() {
        let lines = vec![("one".to_owned(), vec![(1.0, 2.0), (10.0, 3.0)])];
        let svg = Plot { title: "a plot".to_owned(), x: "x", y: "y", lines }.svg().unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("<polyline"), "{svg}");
        assert!(svg.contains("a plot") && svg.contains("one"), "{svg}");
    }
}
