//! Draws every kind of chart from synthetic data: `cargo run -p viz --example gallery -- FOLDER`.

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use viz::chart::{
    Axis, Band, Bar, Bars, Bubble, Bubbles, ChartError, Heatmap, Histogram, Line, Notice, Panel, Picture, Plot, Remark,
    Rule, SizeScale, Table, grid_columns, style,
};

/// Deterministic, roughly normal noise: a sum of incommensurable waves.
fn noise(i: usize, seed: f64) -> f64 {
    let t = i as f64 + 0.37 * seed;
    [12.9898, 78.233, 37.719, 4.581, 93.13].iter().map(|f| (t * f * (1.0 + seed / 97.0)).sin()).sum::<f64>() / 1.6
}

fn names(n: usize) -> Vec<String> {
    let long = ["gearbox_high_speed_shaft_bearing_temperature", "nacelle_vibration_fore_aft_rms", "wind_speed"];
    (0..n).map(|i| format!("{}_{i}", long[i % 3])).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "outputs/gallery".into()));
    std::fs::create_dir_all(&folder)?;
    for n in [1, 3, 10, 64] {
        histograms(&folder, n)?;
        correlation(&folder, n)?;
    }
    dashboard(&folder)?;
    for (name, span) in [("minutes", 600.0), ("day", 86_400.0), ("quarter", 7.9e6), ("year", 3.2e7)] {
        over_time(&folder, name, span)?;
    }
    for n in [40, 2_000, 20_000] {
        bubbles(&folder, n)?;
    }
    table(&folder)?;
    println!("drawn in {}", folder.display());
    Ok(())
}

fn histograms(folder: &Path, n: usize) -> Result<(), ChartError> {
    let normal: Vec<f64> = (0..4000).map(|i| 25.0 + 3.0 * noise(i, 1.0)).collect();
    let anomalous: Vec<f64> = (0..200).map(|i| if i % 2 == 0 { 45.0 } else { 10.0 } + 3.0 * noise(i, 2.0)).collect();
    let panels = names(n).into_iter().map(|name| {
        let histogram = Histogram::new(&name, format!("{name} (°C)")).group("normal", style::BLUE, &normal).group(
            "anomaly",
            style::VERMILLION,
            &anomalous,
        );
        Box::new(histogram.plot()) as Box<dyn Panel>
    });
    let mut picture = Picture::new("Readings by class");
    picture.grid(grid_columns(n), 260.0, panels.collect());
    picture.save(&folder.join(format!("histograms_{n}.png")))
}

fn correlation(folder: &Path, n: usize) -> Result<(), ChartError> {
    let values: Vec<f64> = (0..n * n)
        .map(|i| {
            let (a, b) = (i / n, i % n);
            if a == b { 1.0 } else { (0.6 * noise(a.min(b) * 64 + a.max(b), 3.0)).clamp(-1.0, 1.0) }
        })
        .collect();
    let classes = ["normal".to_owned(), "anomaly".to_owned()];
    let val = Heatmap::confusion("Confusion matrix, Val", &classes, &[928, 4, 1, 47]);
    let test = Heatmap::confusion("Confusion matrix, Test", &classes, &[1862, 3, 12, 83]);
    let grid = Heatmap::correlation("Correlation", &names(n), &values);
    let mut picture = Picture::new("Correlation and confusion");
    if n <= 3 {
        picture.row(300.0, vec![(1.35, Box::new(grid)), (1.0, Box::new(val)), (1.0, Box::new(test))]);
    } else {
        picture.row(if n < 20 { 480.0 } else { 820.0 }, vec![(1.0, Box::new(grid))]);
        picture.row(280.0, vec![(1.0, Box::new(val)), (1.0, Box::new(test))]);
    }
    picture.save(&folder.join(format!("heatmaps_{n}.png")))
}

fn dashboard(folder: &Path) -> Result<(), ChartError> {
    let roc: Vec<_> = (0..=100).map(|i| f64::from(i) / 100.0).map(|x| (x, x.powf(0.05))).collect();
    let f1 = |shift: f64| -> Vec<_> {
        (0..200).map(|i| 0.35 + f64::from(i) / 400.0).map(|t| (t, (-((t - shift) / 0.12).powi(2)).exp())).collect()
    };
    let learning: Vec<_> = (1..=10).map(|i| (f64::from(i) / 10.0, 0.97 + 0.01 * noise(i as usize, 9.0))).collect();
    let rates = Plot::new(
        "ROC, Test",
        Axis::number("false positive rate").covering(0.0, 1.0),
        Axis::number("true positive rate").covering(0.0, 1.0),
    )
    .with(Rule::between("chance", (0.0, 0.0), (1.0, 1.0)))
    .with(Line::new("model", style::BLUE, roc))
    .with(Remark::new("AUC = 0.9876"));
    let mut thresholds =
        Plot::new("F1 against threshold", Axis::number("threshold"), Axis::number("F1").covering(0.0, 1.0));
    for (i, split) in ["Train", "Val", "Test"].into_iter().enumerate() {
        thresholds.push(Line::new(split, style::SERIES[i], f1(0.58 + 0.01 * i as f64)));
    }
    thresholds.push(Rule::vertical("model's threshold 0.5812", 0.5812));
    let fractions = Plot::new(
        "Val F1 against training data",
        Axis::number("fraction of the training data").covering(0.0, 1.0),
        Axis::number("F1").covering(1.0, 1.0).spanning(0.1),
    )
    .with(Line::new("", style::ORANGE, learning).with_markers());
    let mut picture = Picture::new("Learning dashboard");
    picture.note("Every point is a newly fitted forest at its own threshold.");
    picture.grid(
        2,
        300.0,
        vec![
            Box::new(rates),
            Box::new(thresholds),
            Box::new(fractions),
            Box::new(Notice::new("Val F1 against trees", "Needs labels: name their column with --label COLUMN.")),
        ],
    );
    picture.save(&folder.join("dashboard.png"))
}

fn over_time(folder: &Path, name: &str, span: f64) -> Result<(), ChartError> {
    let start = 1_772_400_000.0 - span / 3.0;
    let buckets = 300;
    let at = |i: usize| start + span * (i as f64 + 0.5) / buckets as f64;
    let silent = 120..150;
    let height = |i: usize, k: usize| {
        let wave = 6.0 + 5.0 * (TAU * i as f64 / 90.0 + k as f64).sin() + 2.0 * noise(i, k as f64);
        if silent.contains(&i) { f64::NAN } else { wave.max(0.0).round() }
    };
    let width = span / buckets as f64;
    let gap = vec![(at(silent.start) - width / 2.0, at(silent.end) - width / 2.0)];
    let mut lines = Plot::new("", Axis::time("time (UTC)"), Axis::whole("readings in 5 min").covering(0.0, 1.0));
    lines.push(Band::new("no readings", gap.clone()));
    lines.push(Band::new("fault", vec![(at(170), at(230))]).colored(style::WHITE.blend(style::ORANGE, 0.25)));
    lines.push(Band::new("alarm", vec![(at(185), at(235))]).colored(style::VERMILLION).between(0.96, 1.0));
    for (k, feature) in ["temperature", "humidity", "sound_volume"].into_iter().enumerate() {
        let points: Vec<_> = (0..buckets).map(|i| (at(i), height(i, k))).collect();
        lines.push(Line::new("", style::WHITE.blend(style::SERIES[k], 0.35), points.clone()).width(1.0));
        lines.push(Line::new(feature, style::SERIES[k], points).width(2.0));
    }
    let bars = (0..buckets).map(|i| Bar { from: at(i) - width / 2.0, to: at(i) + width / 2.0, height: height(i, 1) });
    let bars = Plot::new("", Axis::time("time (UTC)"), Axis::whole("anomalies in 5 min").covering(0.0, 1.0))
        .with(Band::new("no readings", gap))
        .with(Bars::new("predicted anomalies", style::VERMILLION, bars.collect()));
    let mut picture = Picture::new("Anomalies over time");
    picture.note("Readings more than 3 standard deviations from normal in each bucket.");
    picture.row(340.0, vec![(1.0, Box::new(lines))]);
    picture.row(300.0, vec![(1.0, Box::new(bars))]);
    picture.save(&folder.join(format!("over_time_{name}.png")))
}

fn bubbles(folder: &Path, n: usize) -> Result<(), ChartError> {
    let bubble = |i: usize, spread: f64| Bubble {
        x: 25.0 + spread * noise(i, 11.0),
        y: 60.0 + 2.5 * spread * noise(i, 12.0),
        size: (0.5 + 0.1 * noise(i, 13.0)).max(0.0),
    };
    let normal: Vec<_> = (0..n).map(|i| bubble(i, 3.0)).collect();
    let anomalous: Vec<_> = (0..n / 20).map(|i| bubble(i, 12.0)).collect();
    let sizes = SizeScale::new("sound_volume (a.u.)", normal.iter().chain(&anomalous).map(|b| b.size));
    let plot = Plot::new("", Axis::number("temperature (°C)").margin(0.04), Axis::number("humidity (%)").margin(0.04))
        .with(Bubbles::new("normal", style::BLUE, &normal, &sizes))
        .with(Bubbles::new("anomaly", style::VERMILLION, &anomalous, &sizes).emphasised().explaining_sizes());
    let mut picture = Picture::new("Predictions");
    picture.row(520.0, vec![(1.0, Box::new(plot))]);
    picture.save(&folder.join(format!("bubbles_{n}.png")))
}

fn table(folder: &Path) -> Result<(), ChartError> {
    let header = ["Split", "Accuracy", "Precision", "Recall", "F1", "ROC_AUC"].map(String::from).to_vec();
    let rows = [["Train", "0.9983", "0.9679", "0.9970", "0.9822", "0.9999"], ["Val", "", "", "", "", ""]];
    let table = Table::new("", header, rows.map(|r| r.map(String::from).to_vec()).to_vec());
    let mut picture = Picture::new("Metrics");
    picture.row(table.height(), vec![(1.0, Box::new(table))]);
    picture.save(&folder.join("table.png"))
}
