//! Colour counts of a picture.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// A decoded PNG.
#[derive(Debug)]
pub struct Picture {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Number of pixels by colour, 0xRRGGBB.
    pub colours: BTreeMap<u32, usize>,
}

impl Picture {
    /// Decodes a PNG.
    ///
    /// # Panics
    /// If it is not a PNG or is cut off.
    pub fn read(path: &Path) -> Self {
        let shown = path.display();
        let file = File::open(path).unwrap_or_else(|error| panic!("{shown}: {error}"));
        let mut decoder = png::Decoder::new(BufReader::new(file));
        decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::STRIP_16);
        let mut png = decoder.read_info().unwrap_or_else(|error| panic!("{shown}: {error}"));
        let mut pixels = vec![0; png.output_buffer_size().expect("a picture that fits into memory")];
        let frame = png.next_frame(&mut pixels).unwrap_or_else(|error| panic!("{shown}: {error}"));
        let channels = frame.color_type.samples();
        assert!(channels >= 3, "{shown} is grey");
        let mut colours = BTreeMap::new();
        for pixel in pixels[..frame.buffer_size()].chunks_exact(channels) {
            let colour = u32::from(pixel[0]) << 16 | u32::from(pixel[1]) << 8 | u32::from(pixel[2]);
            *colours.entry(colour).or_default() += 1;
        }
        Picture { width: frame.width, height: frame.height, colours }
    }

    /// Number of pixels of this colour, 0xRRGGBB.
    pub fn of(&self, colour: u32) -> usize {
        self.colours.get(&colour).copied().unwrap_or(0)
    }

    /// Share of the most frequent colour: 1 for an empty picture.
    pub fn emptiness(&self) -> f64 {
        let most = self.colours.values().max().copied().unwrap_or(0);
        most as f64 / (f64::from(self.width) * f64::from(self.height))
    }
}
