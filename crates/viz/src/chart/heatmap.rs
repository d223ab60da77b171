//! A matrix as coloured cells with numbers.

use super::canvas::{Anchor, Canvas, Rect, TextStyle};
use super::picture::{Panel, panel_title};
use super::style::{self, ColorScale, LABEL, TICK};
use super::text::{self, Weight};
use super::{ChartError, ticks};

/// A matrix as coloured cells.
#[derive(Debug, Clone)]
pub struct Heatmap {
    title: String,
    rows: Vec<String>,
    columns: Vec<String>,
    cells: Vec<Cell>,
    scale: ColorScale,
    color_bar: bool,
    row_title: String,
    column_title: String,
}

#[derive(Debug, Clone)]
struct Cell {
    /// Position on the colour scale; NaN = blank cell.
    value: f64,
    /// Lines of text.
    lines: Vec<String>,
}

/// Numbers that would be smaller than this are illegible and omitted.
const MIN_NUMBER_SIZE: f64 = 7.5;
const MAX_NUMBER_SIZE: f64 = 13.0;
const COLOR_BAR_WIDTH: f64 = 58.0;

impl Heatmap {
    /// Correlations, −1 to 1, `n × n` row-major, with a colour bar. The cell of a NaN (a constant
    /// feature) is blank.
    pub fn correlation(title: impl Into<String>, names: &[String], values: &[f64]) -> Self {
        let text = |v: f64| if v.is_nan() { "–".to_owned() } else { ticks::number(v, 0.01) };
        Self {
            title: title.into(),
            rows: names.to_vec(),
            columns: names.to_vec(),
            cells: values.iter().map(|&value| Cell { value, lines: vec![text(value)] }).collect(),
            scale: ColorScale::Diverging,
            color_bar: true,
            row_title: String::new(),
            column_title: String::new(),
        }
    }

    /// Counts, row-major, a row per actual class and a column per predicted one; a cell's colour and
    /// second line are its share of the row. A row without readings has no shares.
    pub fn confusion(title: impl Into<String>, classes: &[String], counts: &[u64]) -> Self {
        let cells = counts
            .chunks(classes.len().max(1))
            .flat_map(|row| {
                let total: u64 = row.iter().sum();
                row.iter().map(move |&n| match total {
                    0 => Cell { value: 0.0, lines: vec![ticks::count(n)] },
                    _ => {
                        let value = n as f64 / total as f64;
                        Cell { value, lines: vec![ticks::count(n), format!("{:.1} %", value * 100.0)] }
                    }
                })
            })
            .collect();
        Self {
            title: title.into(),
            rows: classes.to_vec(),
            columns: classes.to_vec(),
            cells,
            scale: ColorScale::Sequential,
            color_bar: false,
            row_title: "actual".into(),
            column_title: "predicted".into(),
        }
    }

    fn check(&self) -> Result<(), ChartError> {
        let expected = self.rows.len() * self.columns.len();
        if self.cells.len() == expected && expected > 0 {
            return Ok(());
        }
        let problem = format!(
            "{} values for {} rows and {} columns of names",
            self.cells.len(),
            self.rows.len(),
            self.columns.len()
        );
        Err(ChartError::Data { chart: self.title.clone(), problem })
    }

    /// The largest font size at which every number fits its cell; `None` if it would be illegible.
    fn number_size(&self, canvas: &Canvas<'_>, (w, h): (f64, f64)) -> Result<Option<f64>, ChartError> {
        let mut widest: f64 = 0.0;
        let mut lines = 1;
        for cell in &self.cells {
            lines = lines.max(cell.lines.len());
            for line in &cell.lines {
                widest = widest.max(canvas.text_width(line, 1.0, Weight::Normal)?);
            }
        }
        let size = ((w - 6.0) / widest).min((h - 4.0) / (1.25 * lines as f64)).min(MAX_NUMBER_SIZE);
        Ok((size >= MIN_NUMBER_SIZE).then_some(size))
    }

    fn draw_cells(&self, canvas: &Canvas<'_>, grid: Rect) -> Result<(), ChartError> {
        let (w, h) = (grid.w / self.columns.len() as f64, grid.h / self.rows.len() as f64);
        let size = self.number_size(canvas, (w, h))?;
        let gap = if w.min(h) > 16.0 { 1.0 } else { 0.0 };
        for (i, cell) in self.cells.iter().enumerate() {
            let (row, column) = (i / self.columns.len(), i % self.columns.len());
            let (x, y) = (grid.x + column as f64 * w, grid.y + row as f64 * h);
            let fill = if cell.value.is_nan() { style::SHADE } else { self.scale.color(cell.value) };
            canvas.rect(Rect { x, y, w: w - gap, h: h - gap }, fill)?;
            let Some(size) = size else { continue };
            let leading = size * 1.25;
            let first = y + h / 2.0 - leading * (cell.lines.len() as f64 - 1.0) / 2.0 + size * 0.36;
            for (n, line) in cell.lines.iter().enumerate() {
                let style = TextStyle::new(size, fill.readable_text(), Anchor::Middle);
                canvas.text((x + w / 2.0, first + n as f64 * leading), line, style)?;
            }
        }
        canvas.frame(grid, 1.0, style::AXIS)
    }

    fn draw_color_bar(&self, canvas: &Canvas<'_>, bar: Rect) -> Result<(), ChartError> {
        let (low, high) = self.scale.ends();
        let steps = (bar.h * 2.0) as usize;
        for step in 0..steps {
            let share = (step as f64 + 0.5) / steps as f64;
            let y = bar.bottom() - bar.h * (step as f64 + 1.0) / steps as f64;
            let strip = Rect { y, h: bar.h / steps as f64 + 0.25, ..bar };
            canvas.rect(strip, self.scale.color(low + (high - low) * share))?;
        }
        canvas.frame(bar, 1.0, style::AXIS)?;
        for (value, label) in ticks::ticks((low, high), 4, false).marks {
            let y = bar.bottom() - (value - low) / (high - low) * bar.h;
            canvas.horizontal((bar.right(), bar.right() + 4.0), y, 1.0, style::AXIS)?;
            let style = TextStyle::new(TICK, style::INK, Anchor::Left);
            canvas.text((bar.right() + 7.0, y + TICK * 0.36), &label, style)?;
        }
        Ok(())
    }
}

/// The row and column names: font size, shortened texts and the space they take.
struct Names {
    em: f64,
    rows: Vec<String>,
    columns: Vec<String>,
    left: f64,
    below: f64,
    upwards: bool,
}

impl Heatmap {
    fn names(&self, canvas: &Canvas<'_>, area: Rect) -> Result<Names, ChartError> {
        // A name must not be taller than its row.
        let max_em = (area.h * 0.75 / self.rows.len() as f64 * 0.85).max(4.0);
        let em = TICK.min(max_em);
        let room = (area.w * 0.34).max(30.0);
        let mut left: f64 = 0.0;
        let mut rows = Vec::with_capacity(self.rows.len());
        for name in &self.rows {
            let name = text::shorten(name, room, em, Weight::Normal)?;
            left = left.max(canvas.text_width(&name, em, Weight::Normal)?);
            rows.push(name);
        }
        left += 8.0 + if self.row_title.is_empty() { 0.0 } else { 18.0 };
        let bar = if self.color_bar { COLOR_BAR_WIDTH } else { 0.0 };
        let cell = (area.w - left - bar) / self.columns.len() as f64;
        let mut widest: f64 = 0.0;
        for name in &self.columns {
            widest = widest.max(canvas.text_width(name, em, Weight::Normal)?);
        }
        let upwards = widest > cell - 4.0;
        let room = if upwards { (area.h * 0.36).max(30.0) } else { cell };
        let columns = self.columns.iter().map(|name| text::shorten(name, room, em, Weight::Normal));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let title = if self.column_title.is_empty() { 0.0 } else { 18.0 };
        let below = title + if upwards { widest.min(room) + 8.0 } else { 20.0 };
        Ok(Names { em, rows, columns, left, below, upwards })
    }

    fn draw_names(&self, canvas: &Canvas<'_>, grid: Rect, names: &Names) -> Result<(), ChartError> {
        let style = |anchor| TextStyle::new(names.em, style::INK, anchor);
        let (w, h) = (grid.w / self.columns.len() as f64, grid.h / self.rows.len() as f64);
        for (i, name) in names.rows.iter().enumerate() {
            let y = grid.y + (i as f64 + 0.5) * h + names.em * 0.36;
            canvas.text((grid.x - 6.0, y), name, style(Anchor::Right))?;
        }
        for (i, name) in names.columns.iter().enumerate() {
            let x = grid.x + (i as f64 + 0.5) * w;
            if names.upwards {
                canvas.text_upwards((x + names.em * 0.36, grid.bottom() + 6.0), name, style(Anchor::Right))?;
            } else {
                canvas.text((x, grid.bottom() + 15.0), name, style(Anchor::Middle))?;
            }
        }
        let title = TextStyle::new(LABEL, style::MUTED, Anchor::Middle);
        let middle = (grid.x + grid.w / 2.0, grid.y + grid.h / 2.0);
        canvas.text((middle.0, grid.bottom() + names.below - 3.0), &self.column_title, title)?;
        canvas.text_upwards((grid.x - names.left + 10.0, middle.1), &self.row_title, title)?;
        Ok(())
    }
}

impl Panel for Heatmap {
    fn draw(&self, canvas: &Canvas<'_>, area: Rect) -> Result<(), ChartError> {
        self.check()?;
        let area = panel_title(canvas, area, &self.title)?.below(4.0);
        let names = self.names(canvas, area)?;
        let bar = if self.color_bar { COLOR_BAR_WIDTH } else { 0.0 };
        let grid = Rect {
            x: (area.x + names.left).round(),
            y: area.y.round(),
            w: (area.w - names.left - bar - 4.0).max(10.0),
            h: (area.h - names.below).max(10.0),
        };
        // Limit the aspect ratio of the cells, or the matrix looks like a bar chart.
        let (w, h) = (grid.w / self.columns.len() as f64, grid.h / self.rows.len() as f64);
        let grid =
            Rect { w: w.min(h * 1.8) * self.columns.len() as f64, h: h.min(w * 1.3) * self.rows.len() as f64, ..grid };
        self.draw_cells(canvas, grid)?;
        self.draw_names(canvas, grid, &names)?;
        if self.color_bar {
            self.draw_color_bar(canvas, Rect { x: grid.right() + 12.0, w: 12.0, ..grid })?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|i| format!("feature_{i}")).collect()
    }

    #[test]
    fn shares_are_of_the_row() {
        // Rows: 90 + 10 and 1 + 3, so 90 % and 10 %, 25 % and 75 %.
        let map = Heatmap::confusion("Val", &names(2), &[90, 10, 1, 3]);
        let lines: Vec<_> = map.cells.iter().map(|c| c.lines.join(" ")).collect();
        assert_eq!(lines, ["90 90.0 %", "10 10.0 %", "1 25.0 %", "3 75.0 %"]);
        assert_eq!(map.cells[3].value, 0.75);
    }

    #[test]
    fn a_class_without_readings_has_no_shares() {
        let map = Heatmap::confusion("Val", &names(2), &[5, 0, 0, 0]);
        assert_eq!(map.cells[2].lines, ["0"]);
    }

    #[test]
    fn names_and_values_must_have_the_same_size() {
        let map = Heatmap::correlation("r", &names(2), &[1.0, 0.5, 0.5]);
        let error = map.check().unwrap_err().to_string();
        assert!(error.contains("3 values") && error.contains("2 rows"), "{error}");
        assert!(Heatmap::correlation("r", &[], &[]).check().is_err());
    }
}
