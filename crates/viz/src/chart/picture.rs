//! A page of panels.

use super::ChartError;
use super::canvas::{Anchor, Canvas, Rect, TextStyle, save_png};
use super::style::{self, LABEL, PAGE_TITLE, PANEL_TITLE};
use super::text::{self, Weight};
use std::path::Path;

/// Width of every picture in logical pixels: the column width of a README on GitHub.
pub const PAGE_WIDTH: f64 = 900.0;

const MARGIN: f64 = 20.0;
const GAP: f64 = 26.0;
const NOTE_LINE: f64 = 16.0;

/// The content of a rectangle of a [`Picture`].
pub trait Panel {
    /// Draws the panel into `area`, in logical pixels.
    ///
    /// # Errors
    /// If the data are inconsistent or drawing fails.
    fn draw(&self, canvas: &Canvas<'_>, area: Rect) -> Result<(), ChartError>;
}

struct Row<'a> {
    height: f64,
    panels: Vec<(f64, Box<dyn Panel + 'a>)>,
}

/// A titled page of rows of panels, saved as one PNG.
pub struct Picture<'a> {
    title: String,
    notes: Vec<String>,
    rows: Vec<Row<'a>>,
}

impl<'a> Picture<'a> {
    /// An empty page.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), notes: Vec::new(), rows: Vec::new() }
    }

    /// Adds a sentence below the title.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Adds a row of `height` logical pixels; the panels' widths are proportional to their weights.
    pub fn row(&mut self, height: f64, panels: Vec<(f64, Box<dyn Panel + 'a>)>) {
        self.rows.push(Row { height, panels });
    }

    /// Adds rows of `columns` panels of equal width, also in an incomplete last row.
    pub fn grid(&mut self, columns: usize, height: f64, panels: Vec<Box<dyn Panel + 'a>>) {
        let columns = columns.max(1);
        let mut rest = panels.into_iter().peekable();
        while rest.peek().is_some() {
            let mut row: Vec<(f64, Box<dyn Panel + 'a>)> = rest.by_ref().take(columns).map(|p| (1.0, p)).collect();
            while row.len() < columns {
                row.push((1.0, Box::new(Blank)));
            }
            self.row(height, row);
        }
    }

    /// Draws the page and saves it as `path`, which is replaced as a whole.
    ///
    /// # Errors
    /// If a panel cannot be drawn or the file cannot be written; an earlier file is kept.
    pub fn save(&self, path: &Path) -> Result<(), ChartError> {
        let inner = PAGE_WIDTH - 2.0 * MARGIN;
        let mut notes = Vec::new();
        for note in &self.notes {
            notes.extend(text::wrap(note, inner, LABEL, Weight::Normal)?);
        }
        let head = MARGIN + PAGE_TITLE + NOTE_LINE * notes.len() as f64 + 18.0;
        let body: f64 = self.rows.iter().map(|row| row.height + GAP).sum();
        let height = (head + body - GAP + MARGIN).ceil();
        save_png(path, (PAGE_WIDTH, height), |canvas| {
            let title = TextStyle::new(PAGE_TITLE, style::INK, Anchor::Left).bold();
            let text = text::shorten(&self.title, inner, PAGE_TITLE, Weight::Bold)?;
            canvas.text((MARGIN, MARGIN + PAGE_TITLE * 0.8), &text, title)?;
            let muted = TextStyle::new(LABEL, style::MUTED, Anchor::Left);
            for (i, note) in notes.iter().enumerate() {
                let y = MARGIN + PAGE_TITLE + 4.0 + NOTE_LINE * (i as f64 + 0.8);
                canvas.text((MARGIN, y), note, muted)?;
            }
            let mut y = head;
            for row in &self.rows {
                row.draw(canvas, Rect { x: MARGIN, y, w: inner, h: row.height })?;
                y += row.height + GAP;
            }
            Ok(())
        })
    }
}

impl Row<'_> {
    fn draw(&self, canvas: &Canvas<'_>, area: Rect) -> Result<(), ChartError> {
        let weights: f64 = self.panels.iter().map(|(weight, _)| weight).sum();
        let room = area.w - GAP * self.panels.len().saturating_sub(1) as f64;
        let mut x = area.x;
        for (weight, panel) in &self.panels {
            let w = room * weight / weights;
            panel.draw(canvas, Rect { x: x.round(), w: w.floor(), ..area })?;
            x += w + GAP;
        }
        Ok(())
    }
}

/// Draws a panel's title and returns the area below it.
pub(super) fn panel_title(canvas: &Canvas<'_>, area: Rect, title: &str) -> Result<Rect, ChartError> {
    if title.is_empty() {
        return Ok(area);
    }
    let style = TextStyle::new(PANEL_TITLE, style::INK, Anchor::Left).bold();
    let text = text::shorten(title, area.w, PANEL_TITLE, Weight::Bold)?;
    canvas.text((area.x, area.y + PANEL_TITLE * 0.85), &text, style)?;
    Ok(area.below(PANEL_TITLE + 9.0))
}

struct Blank;

impl Panel for Blank {
    fn draw(&self, _: &Canvas<'_>, _: Rect) -> Result<(), ChartError> {
        Ok(())
    }
}

/// A panel with a text instead of a chart.
#[derive(Debug, Clone)]
pub struct Notice {
    title: String,
    text: String,
}

impl Notice {
    /// A notice below a panel title.
    pub fn new(title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { title: title.into(), text: text.into() }
    }
}

impl Panel for Notice {
    fn draw(&self, canvas: &Canvas<'_>, area: Rect) -> Result<(), ChartError> {
        let area = panel_title(canvas, area, &self.title)?;
        canvas.rect(area, style::SHADE)?;
        let lines = text::wrap(&self.text, area.w - 40.0, LABEL, Weight::Normal)?;
        let first = area.y + area.h / 2.0 - NOTE_LINE * (lines.len() as f64 - 1.0) / 2.0;
        for (i, line) in lines.iter().enumerate() {
            let style = TextStyle::new(LABEL, style::MUTED, Anchor::Middle);
            canvas.text((area.x + area.w / 2.0, first + NOTE_LINE * i as f64 + LABEL * 0.36), line, style)?;
        }
        Ok(())
    }
}

/// The number of columns of a grid of `panels`: one row up to three panels, at most four columns.
pub fn grid_columns(panels: usize) -> usize {
    match panels {
        0..=3 => panels.max(1),
        4 => 2,
        5..=15 => 3,
        _ => 4,
    }
}
