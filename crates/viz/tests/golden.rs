//! Compares a picture with every kind of panel and layer with a committed one.
//!
//! After an intended change look at the new picture and commit it: `UPDATE_GOLDEN=1 cargo test -p viz --test golden`.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use viz::chart::{
    Axis, Band, Bar, Bars, Bubble, Bubbles, Heatmap, Histogram, Line, Notice, Picture, Plot, Remark, Rule, SizeScale,
    Table, style,
};

/// Rounding may differ between machines by a shade at the edges of shapes, on average over all channels by this much.
const MAX_MEAN_DIFFERENCE: f64 = 0.25;
/// A channel that differs by more than this differs visibly.
const VISIBLE: u8 = 48;
/// A missing letter has about 100 pixels, of three million channels here.
const MAX_VISIBLE_SHARE: f64 = 2e-5;

struct Pixels {
    size: (u32, u32),
    channels: Vec<u8>,
}

impl Pixels {
    fn read(path: &Path) -> Self {
        let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut reader = png::Decoder::new(BufReader::new(file)).read_info().unwrap();
        let mut channels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut channels).unwrap();
        Pixels { size: (reader.info().width, reader.info().height), channels }
    }

    /// The mean difference of the channels, and the share that differs visibly.
    fn difference(&self, other: &Pixels) -> (f64, f64) {
        assert_eq!(self.size, other.size);
        let differences = self.channels.iter().zip(&other.channels).map(|(a, b)| a.abs_diff(*b));
        let (mut sum, mut visible) = (0, 0);
        for difference in differences {
            sum += u64::from(difference);
            visible += u64::from(difference > VISIBLE);
        }
        let n = self.channels.len() as f64;
        (sum as f64 / n, visible as f64 / n)
    }
}

/// A value in 0 to 1 for each `i`, without a visible pattern: the fractional parts of multiples of the golden ratio.
fn spread(i: u32) -> f64 {
    (f64::from(i) * 0.618_033_988_749_895).fract()
}

fn picture(title: &str) -> Picture<'static> {
    let normal: Vec<f64> = (0..300).map(|i| 20.0 + 10.0 * spread(i) * spread(3 * i + 1)).collect();
    let anomalous: Vec<f64> = (0..30).map(|i| 40.0 + 5.0 * spread(i)).collect();
    let histogram = Histogram::new("Histogram", "temperature (°C)")
        .group("normal", style::BLUE, &normal)
        .group("anomaly", style::VERMILLION, &anomalous)
        .plot();
    let hour = |i: u32| 1_772_400_000.0 + 3_600.0 * f64::from(i);
    let height = |i: u32| if (9..13).contains(&i) { f64::NAN } else { (8.0 * spread(i)).round() };
    let lines = Plot::new("Lines", Axis::time("time (UTC)"), Axis::whole("readings").covering(0.0, 1.0))
        .with(Band::new("no readings", vec![(hour(9), hour(13))]))
        .with(Line::new("counts", style::GREEN, (0..24).map(|i| (hour(i), height(i))).collect()).with_markers())
        .with(Rule::vertical("restart", hour(18)))
        .with(Remark::new("24 hours"));
    let bars = (0..12).map(|i| Bar { from: hour(2 * i), to: hour(2 * i + 2), height: (9.0 * spread(i)).round() });
    let bars = Plot::new("Bars", Axis::time(""), Axis::whole("anomalies").covering(0.0, 1.0)).with(Bars::new(
        "predicted",
        style::VERMILLION,
        bars.collect(),
    ));
    let bubbles: &'static [Bubble] = Vec::leak(
        (0..60).map(|i| Bubble { x: 9.0 * spread(i), y: spread(7 * i), size: 5.0 * spread(3 * i) }).collect(),
    );
    let sizes = SizeScale::new("sound", bubbles.iter().map(|bubble| bubble.size));
    let bubbles = Plot::new("Bubbles", Axis::number("x").margin(0.05), Axis::number("y").margin(0.05))
        .with(Bubbles::new("normal", style::BLUE, bubbles, &sizes).explaining_sizes());
    let names = ["temperature", "humidity", "sound"].map(str::to_owned);
    let correlation = Heatmap::correlation("Correlation", &names, &[1.0, 0.5, -0.2, 0.5, 1.0, 0.0, -0.2, 0.0, 1.0]);
    let classes = ["normal", "anomaly"].map(str::to_owned);
    let confusion = Heatmap::confusion("Confusion", &classes, &[928, 4, 1, 47]);
    let cells = |row: [&str; 3]| row.map(str::to_owned).to_vec();
    let table = Table::new(
        "Table",
        cells(["Split", "F1", "AUC"]),
        vec![cells(["Val", "0.9771", ""]), cells(["Test", "1", "1"])],
    );

    let mut picture = Picture::new(title);
    picture.note("Every panel and layer.");
    picture.row(190.0, vec![(1.0, Box::new(histogram)), (1.0, Box::new(lines))]);
    picture.row(190.0, vec![(1.0, Box::new(bars)), (1.0, Box::new(bubbles))]);
    picture.row(170.0, vec![(1.3, Box::new(correlation)), (1.0, Box::new(confusion))]);
    picture.row(130.0, vec![(1.5, Box::new(table)), (1.0, Box::new(Notice::new("Notice", "Needs labels.")))]);
    picture
}

#[test]
fn every_panel_is_drawn_as_in_the_golden_picture() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/panels.png");
    let drawn = Path::new(env!("CARGO_TARGET_TMPDIR")).join("panels.png");
    picture("Golden picture").save(&drawn).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::copy(&drawn, &golden).unwrap();
    }
    let (mean, visible) = Pixels::read(&drawn).difference(&Pixels::read(&golden));
    assert!(
        mean <= MAX_MEAN_DIFFERENCE && visible <= MAX_VISIBLE_SHARE,
        "{} differs from {}: by {mean:.3} on average, visibly in a share of {visible:.1e}",
        drawn.display(),
        golden.display()
    );
}

#[test]
fn one_other_letter_is_a_visible_difference() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["Golden picture", "Golden pikture"].map(|title| {
        let path = folder.path().join("picture.png");
        picture(title).save(&path).unwrap();
        Pixels::read(&path)
    });
    let (_, visible) = one.difference(&other);
    assert!(visible > MAX_VISIBLE_SHARE, "{visible}");
}
