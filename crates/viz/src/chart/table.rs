//! Tables.

use super::ChartError;
use super::canvas::{Anchor, Canvas, Rect, TextStyle};
use super::picture::{Panel, panel_title};
use super::style::{self, LABEL};
use super::text;

const ROW: f64 = 30.0;

/// Rows of text below a header; the first column is left-aligned, the others right-aligned.
#[derive(Debug, Clone)]
pub struct Table {
    title: String,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table; every row must be as long as the header. An empty cell is drawn as a dash.
    pub fn new(title: impl Into<String>, header: Vec<String>, rows: Vec<Vec<String>>) -> Self {
        Self { title: title.into(), header, rows }
    }

    /// The height of the table in logical pixels.
    pub fn height(&self) -> f64 {
        let title = if self.title.is_empty() { 0.0 } else { 26.0 };
        title + ROW * (self.rows.len() + 1) as f64 + 2.0
    }

    fn check(&self) -> Result<(), ChartError> {
        match self.rows.iter().find(|row| row.len() != self.header.len()) {
            Some(row) => Err(ChartError::Data {
                chart: self.title.clone(),
                problem: format!("a row has {} cells, the header {}", row.len(), self.header.len()),
            }),
            None => Ok(()),
        }
    }
}

impl Panel for Table {
    fn draw(&self, canvas: &Canvas<'_>, area: Rect) -> Result<(), ChartError> {
        self.check()?;
        let area = panel_title(canvas, area, &self.title)?;
        let column = area.w / self.header.len() as f64;
        let row_at = |n: usize| Rect { y: area.y + n as f64 * ROW, h: ROW, ..area };
        let line = |cells: &[String], n: usize, bold: bool| -> Result<(), ChartError> {
            for (i, cell) in cells.iter().enumerate() {
                let (anchor, x) = match i {
                    0 => (Anchor::Left, area.x + 12.0),
                    _ => (Anchor::Right, area.x + (i + 1) as f64 * column - 12.0),
                };
                let style = TextStyle::new(LABEL + 1.5, style::INK, anchor);
                let style = if bold || i == 0 { style.bold() } else { style };
                let cell = if cell.is_empty() { "–" } else { cell };
                let cell = text::shorten(cell, column - 24.0, style.em, style.weight)?;
                canvas.text((x, row_at(n).y + ROW / 2.0 + style.em * 0.36), &cell, style)?;
            }
            Ok(())
        };
        line(&self.header, 0, true)?;
        for (n, row) in self.rows.iter().enumerate() {
            if n % 2 == 0 {
                canvas.rect(row_at(n + 1), style::SHADE)?;
            }
            line(row, n + 1, false)?;
        }
        canvas.horizontal((area.x, area.right()), row_at(1).y, 1.5, style::INK)?;
        canvas.horizontal((area.x, area.right()), row_at(self.rows.len() + 1).y, 1.0, style::AXIS)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_short_row_is_refused() {
        let table = Table::new("t", vec!["a".into(), "b".into()], vec![vec!["1".into()]]);
        let error = table.check().unwrap_err().to_string();
        assert!(error.contains("a row has 1 cells, the header 2"), "{error}");
    }
}
