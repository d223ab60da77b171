//! Charts drawn on plotters' bitmap backend instead of its chart API, which has no round time ticks, no second label line,
//! no legend outside the plot and no gaps at NaN; with helpers for these it needs about as much code.
//!
//! Slices and labels in, PNG files out; no models, logs or turbines. A [`Picture`] is a page of panels; a panel is a
//! [`Plot`] (anything with two axes), a [`Heatmap`], a [`Table`] or a [`Notice`]. All lengths are
//! logical pixels: a picture is [`PAGE_WIDTH`] of them wide, and its file has [`PIXEL_RATIO`] times
//! as many pixels in each direction, so that text is sharp at the logical size.
//!
//! ```
//! use viz::chart::{Axis, Line, Picture, Plot, style};
//!
//! let curve = Line::new("F1", style::BLUE, vec![(0.25, 0.91), (0.5, 0.95), (1.0, 0.97)]);
//! let plot = Plot::new("Val F1 against training data", Axis::number("fraction"), Axis::number("F1"))
//!     .with(curve);
//! let folder = tempfile::tempdir()?;
//! let mut picture = Picture::new("Learning");
//! picture.row(280.0, vec![(1.0, Box::new(plot))]);
//! picture.save(&folder.path().join("learning.png"))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod axis;
mod bars;
mod canvas;
mod error;
mod heatmap;
mod histogram;
mod legend;
mod line;
mod picture;
mod plot;
mod scatter;
pub mod style;
mod table;
mod text;
mod ticks;
mod time_ticks;

pub use axis::Axis;
pub use bars::{Bar, Bars};
pub use canvas::{Canvas, PIXEL_RATIO, Rect};
pub use error::ChartError;
pub use heatmap::Heatmap;
pub use histogram::Histogram;
pub use line::{Band, Line, Remark, Rule};
pub use picture::{Notice, PAGE_WIDTH, Panel, Picture, grid_columns};
pub use plot::{Layer, Plot};
pub use scatter::{Bubble, Bubbles, SizeScale};
pub use table::Table;
pub use ticks::count;
