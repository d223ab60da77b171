//! The drawing surface, and saving it as a PNG.

use super::style::{self, Color};
use super::text::{TextLine, Weight};
use super::{ChartError, text};
use plotters::coord::Shift;
use plotters::prelude::{
    BitMapBackend, Circle, DrawingArea, IntoDrawingArea, Polygon, RGBAColor, Rectangle, ShapeStyle,
};
use std::path::Path;
use turbine_core::atomic_file;

/// Pixels of the file per logical pixel, in each direction.
pub const PIXEL_RATIO: u32 = 2;
/// Pixels drawn per pixel of the file, in each direction; they are averaged for smooth edges.
const OVERSAMPLING: u32 = 2;
const DEVICE: f64 = (PIXEL_RATIO * OVERSAMPLING) as f64;
/// The resolution stored in the file, 144 dpi: twice the 72 dpi of a logical pixel.
const PIXELS_PER_METRE: u32 = 5669;

/// A rectangle in logical pixels, y growing downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

impl Rect {
    /// Right edge.
    pub fn right(&self) -> f64 {
        self.x + self.w
    }

    /// Bottom edge.
    pub fn bottom(&self) -> f64 {
        self.y + self.h
    }

    /// The rectangle without its top `height` pixels.
    pub fn below(&self, height: f64) -> Self {
        Self { y: self.y + height, h: (self.h - height).max(0.0), ..*self }
    }
}

/// The point of a text that its position refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    Left,
    Middle,
    Right,
}

/// Size, weight, colour and anchor of a line of text.
#[derive(Debug, Clone, Copy)]
pub struct TextStyle {
    pub em: f64,
    pub weight: Weight,
    pub color: Color,
    pub anchor: Anchor,
}

impl TextStyle {
    pub fn new(em: f64, color: Color, anchor: Anchor) -> Self {
        Self { em, weight: Weight::Normal, color, anchor }
    }

    pub fn bold(self) -> Self {
        Self { weight: Weight::Bold, ..self }
    }
}

/// A white page in logical pixels.
pub struct Canvas<'a> {
    area: DrawingArea<BitMapBackend<'a>, Shift>,
}

fn device(v: f64) -> i32 {
    (v * DEVICE).round() as i32
}

fn backend<E: std::fmt::Display>(error: E) -> ChartError {
    ChartError::Backend(error.to_string())
}

fn paint(color: Color) -> RGBAColor {
    let [r, g, b] = color.rgb;
    RGBAColor(r, g, b, color.alpha)
}

fn filled(color: Color) -> ShapeStyle {
    ShapeStyle { color: paint(color), filled: true, stroke_width: 0 }
}

impl Canvas<'_> {
    /// A filled rectangle.
    pub(super) fn rect(&self, rect: Rect, color: Color) -> Result<(), ChartError> {
        let (x, y) = (device(rect.x), device(rect.y));
        let far = (device(rect.right()).max(x + 1), device(rect.bottom()).max(y + 1));
        self.area.draw(&Rectangle::new([(x, y), far], filled(color))).map_err(backend)
    }

    /// A horizontal line centred at `y`.
    pub(super) fn horizontal(&self, x: (f64, f64), y: f64, width: f64, color: Color) -> Result<(), ChartError> {
        self.rect(Rect { x: x.0, y: y - width / 2.0, w: x.1 - x.0, h: width }, color)
    }

    /// A vertical line centred at `x`.
    pub(super) fn vertical(&self, x: f64, y: (f64, f64), width: f64, color: Color) -> Result<(), ChartError> {
        self.rect(Rect { x: x - width / 2.0, y: y.0, w: width, h: y.1 - y.0 }, color)
    }

    /// The outline of a rectangle, inside its edges.
    pub(super) fn frame(&self, r: Rect, width: f64, color: Color) -> Result<(), ChartError> {
        let half = width / 2.0;
        self.horizontal((r.x, r.right()), r.y + half, width, color)?;
        self.horizontal((r.x, r.right()), r.bottom() - half, width, color)?;
        self.vertical(r.x + half, (r.y, r.bottom()), width, color)?;
        self.vertical(r.right() - half, (r.y, r.bottom()), width, color)
    }

    /// A filled circle.
    pub(super) fn circle(&self, (x, y): (f64, f64), radius: f64, color: Color) -> Result<(), ChartError> {
        let circle = Circle::new((device(x), device(y)), device(radius).max(1), filled(color));
        self.area.draw(&circle).map_err(backend)
    }

    /// A filled polygon.
    pub(super) fn polygon(&self, corners: &[(f64, f64)], color: Color) -> Result<(), ChartError> {
        let corners: Vec<_> = corners.iter().map(|&(x, y)| (device(x), device(y))).collect();
        self.area.draw(&Polygon::new(corners, filled(color))).map_err(backend)
    }

    /// A line through the points, with round joints and ends. The colour should be opaque, because
    /// the segments overlap.
    pub(super) fn polyline(&self, points: &[(f64, f64)], width: f64, color: Color) -> Result<(), ChartError> {
        let radius = width / 2.0;
        for pair in points.windows(2) {
            let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
            let length = (x1 - x0).hypot(y1 - y0);
            if length * DEVICE < 1.0 {
                continue;
            }
            let (nx, ny) = ((y0 - y1) / length * radius, (x1 - x0) / length * radius);
            let corners = [(x0 + nx, y0 + ny), (x1 + nx, y1 + ny), (x1 - nx, y1 - ny), (x0 - nx, y0 - ny)];
            self.polygon(&corners, color)?;
        }
        points.iter().try_for_each(|&at| self.circle(at, radius, color))
    }

    /// A line of text with its anchor at `at`, on the baseline. Returns its width.
    pub(super) fn text(&self, at: (f64, f64), text: &str, style: TextStyle) -> Result<f64, ChartError> {
        self.draw_text(at, text, style, |along, across| (along, across))
    }

    /// A line of text rotated to read upwards, with its anchor at `at`, on the baseline.
    pub(super) fn text_upwards(&self, at: (f64, f64), text: &str, style: TextStyle) -> Result<f64, ChartError> {
        self.draw_text(at, text, style, |along, across| (across, -along))
    }

    fn draw_text(
        &self,
        at: (f64, f64),
        text: &str,
        style: TextStyle,
        turn: impl Fn(i32, i32) -> (i32, i32),
    ) -> Result<f64, ChartError> {
        let line = TextLine::new(text, style.em * DEVICE, style.weight)?;
        let width = line.width();
        let start = match style.anchor {
            Anchor::Left => 0.0,
            Anchor::Middle => -width / 2.0,
            Anchor::Right => -width,
        };
        let (x, y) = (device(at.0), device(at.1));
        let mut outcome = Ok(());
        line.pixels((start, 0.0), |along, across, coverage| {
            let (dx, dy) = turn(along, across);
            let color = paint(style.color.with_alpha(style.color.alpha * coverage));
            if outcome.is_ok() {
                outcome = self.area.draw_pixel((x + dx, y + dy), &color);
            }
        });
        outcome.map_err(backend)?;
        Ok(width / DEVICE)
    }

    /// Width of a line of text.
    pub(super) fn text_width(&self, text: &str, em: f64, weight: Weight) -> Result<f64, ChartError> {
        // Measured at the drawn size, so that measure and drawing agree.
        Ok(text::width(text, em * DEVICE, weight)? / DEVICE)
    }
}

/// Draws a page of `width` × `height` logical pixels and saves it as `path`.
///
/// The file is replaced as a whole: a failed drawing leaves no partial picture and keeps the earlier one.
pub(super) fn save_png(
    path: &Path,
    (width, height): (f64, f64),
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), ChartError>,
) -> Result<(), ChartError> {
    let side = |logical: f64| (logical.ceil() as u32).max(1) * PIXEL_RATIO * OVERSAMPLING;
    let (w, h) = (side(width), side(height));
    let [white, ..] = style::WHITE.rgb;
    let mut pixels = vec![white; w as usize * h as usize * 3];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (w, h)).into_drawing_area();
        let canvas = Canvas { area };
        draw(&canvas)?;
        canvas.area.present().map_err(backend)?;
    }
    let picture = average(&pixels, w as usize);
    atomic_file::write(path, &encode(path, &picture, w / OVERSAMPLING, h / OVERSAMPLING)?)
        .map_err(|cause| ChartError::Write { path: path.to_owned(), cause })
}

/// Averages every square of `OVERSAMPLING`² pixels into one.
fn average(pixels: &[u8], width: usize) -> Vec<u8> {
    const N: usize = OVERSAMPLING as usize;
    let stride = width * 3;
    let mut small = Vec::with_capacity(pixels.len() / (N * N));
    for rows in pixels.chunks_exact(stride * N) {
        for x in 0..width / N {
            for channel in 0..3 {
                let mut sum = 0;
                for row in 0..N {
                    for column in 0..N {
                        sum += usize::from(rows[row * stride + (x * N + column) * 3 + channel]);
                    }
                }
                small.push(((sum + N * N / 2) / (N * N)) as u8);
            }
        }
    }
    small
}

fn encode(path: &Path, pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, ChartError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: PIXELS_PER_METRE,
        yppu: PIXELS_PER_METRE,
        unit: png::Unit::Meter,
    }));
    let failed = |cause| ChartError::Encode { path: path.to_owned(), cause };
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::io;

    #[test]
    fn four_pixels_are_averaged() {
        // Two rows of two pixels. Red: (10 + 20 + 30 + 41 + 2) / 4 = 25 (101 + 2 = 103, 103 / 4 = 25);
        // green: all 7; blue: (0 + 0 + 255 + 255 + 2) / 4 = 128.
        let pixels = [10, 7, 0, 20, 7, 0, 30, 7, 255, 41, 7, 255];
        assert_eq!(average(&pixels, 2), [25, 7, 128]);
    }

    #[test]
    fn a_failed_drawing_keeps_the_earlier_picture() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        fs::write(&path, "earlier").unwrap();
        let failed = save_png(&path, (10.0, 10.0), |canvas| {
            canvas.rect(Rect { x: 0.0, y: 0.0, w: 5.0, h: 5.0 }, style::BLUE)?;
            Err(ChartError::Backend("on purpose".into()))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "earlier");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nowhere").join("a.png");
        let error = save_png(&path, (4.0, 4.0), |_| Ok(())).unwrap_err().to_string();
        assert!(error.contains("nowhere") && error.contains("writable"), "{error}");
    }

    #[test]
    fn the_file_has_two_pixels_per_logical_one_and_the_colour_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        save_png(&path, (8.0, 6.0), |canvas| canvas.rect(Rect { x: 0.0, y: 0.0, w: 4.0, h: 6.0 }, style::BLUE))
            .unwrap();
        let decoder = png::Decoder::new(io::BufReader::new(File::open(&path).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!((reader.info().width, reader.info().height), (16, 12));
        // The last blue and the first white pixel of the first row: 4 logical pixels are 8 in the file.
        assert_eq!(pixels[7 * 3..8 * 3], style::BLUE.rgb);
        assert_eq!(pixels[8 * 3..9 * 3], style::WHITE.rgb);
    }
}
