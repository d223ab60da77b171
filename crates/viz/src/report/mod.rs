//! The program `viz`: reads a prediction log, writes its pictures and prints a summary.

mod args;
mod bucket;
mod counts;
mod left_out;
mod normal;
mod over_time;
mod progress;
mod sample;
mod scatter;
mod survey;
mod turbines;

pub use args::Args;
pub use bucket::Bucket;

use anyhow::{Context, bail};
use bucket::Buckets;
use counts::Counts;
use normal::Normal;
use progress::Progress;
use sample::Sample;
use std::fs;
use std::io::Write;
use std::path::Path;
use survey::Survey;
use turbine_core::feature::FeatureSet;
use turbine_core::model::Model;
use turbine_core::prediction::LogReader;
use turbines::{Threshold, Traces, TurbineSurvey};

/// Left out if the log has no smoothed surprisal.
const TURBINES: &str = "turbines_over_time.png";

/// The data of the pictures.
struct Drawing {
    features: FeatureSet,
    /// The features to draw, by their places.
    shown: Vec<usize>,
    survey: Survey,
    normal: Normal,
    counts: Counts,
    sample: Sample,
    turbines: TurbineSurvey,
    traces: Traces,
    threshold: Threshold,
}

/// Reads the log, draws its pictures, and prints to `out` what was read and written.
///
/// The log is read twice and never held in memory: first for its period and moments, then for the counts.
///
/// # Errors
/// If the log is missing, empty or malformed, the model named by a flag is unusable, the buckets are too short for the
/// period, or a picture cannot be written.
pub fn run(args: &Args, out: &mut impl Write) -> anyhow::Result<()> {
    let selection = args.selection()?;
    let log = args.log();
    let mut reader = LogReader::open(&log)?;
    let shown = args.shown(reader.features())?;
    let mut survey = Survey::new(reader.features().len(), selection.clone());
    let mut turbines = TurbineSurvey::default();
    let mut progress = Progress::new("first of two passes");
    for record in reader.by_ref() {
        let record = record?;
        progress.step();
        survey.add(&record);
        if selection.contains(&record) {
            turbines.add(&record);
        }
    }
    if let Some((missing, known)) = survey.missing_turbine() {
        bail!("{} has no readings of the turbine {missing}; {}", log.display(), known_turbines(&known));
    }
    survey.skipped = reader.skipped();
    let Some(span) = survey.span() else { bail!(nothing_to_draw(&log, &survey)) };

    let model = model_of(args, reader.features(), out)?;
    let features = model.as_ref().map_or_else(|| with_known_units(reader.features()), |model| model.features().clone());
    let normal = model.as_ref().and_then(Normal::of_model).unwrap_or_else(|| Normal::of_log(&survey));
    let buckets = Buckets::over(span, args.bucket)?;
    let mut counts = Counts::new(buckets, features.len());
    let mut sample = Sample::new(&survey, &shown);
    let mut traces = Traces::new(&turbines, span);
    // Without the rows appended since the first pass.
    let mut progress = Progress::new("second of two passes");
    for record in LogReader::open(&log)?.take(survey.records) {
        let record = record?;
        progress.step();
        if selection.contains(&record) {
            counts.add(&record, &normal);
            sample.add(&record);
            traces.add(&record);
        }
    }

    report(&survey, &turbines, out)?;
    left_out::report(&log, reader.foreign(), out)?;
    if buckets.len() <= 2 && args.bucket.is_none() {
        let width = buckets.width();
        writeln!(
            out,
            "[viz] all readings are within {} bucket(s) of {width}; use a shorter --bucket for more detail",
            buckets.len()
        )?;
    }
    let threshold = Threshold::of(model.as_ref(), turbines.newest_model());
    let drawing = Drawing { features, shown, survey, normal, counts, sample, turbines, traces, threshold };
    fs::create_dir_all(&args.outputs)
        .with_context(|| format!("cannot create the folder {}; name another with --outputs", args.outputs.display()))?;
    type Draw = fn(&Drawing, &Path) -> Result<(), crate::chart::ChartError>;
    let pictures: [(&str, Draw); 4] = [
        ("anomalies_over_time.png", over_time::deviations),
        ("anomalies_over_time_from_log.png", over_time::predicted),
        ("bubble_scatter_pred.png", scatter::bubbles),
        (TURBINES, turbines::over_time),
    ];
    for (name, draw) in pictures {
        if name == TURBINES && !drawing.turbines.is_watched() {
            writeln!(
                out,
                "[viz] left out {TURBINES}: the log has no smoothed surprisal (it is of an older version, or the model is \
                 not calibrated)"
            )?;
            continue;
        }
        let path = args.outputs.join(name);
        draw(&drawing, &path)?;
        writeln!(out, "[viz] wrote {}", path.display())?;
    }
    Ok(())
}

fn report(survey: &Survey, turbines: &TurbineSurvey, out: &mut impl Write) -> anyhow::Result<()> {
    let (rows, anomalies) = (survey.rows(), survey.anomalies.rows);
    let rate = anomalies as f64 / rows as f64 * 100.0;
    writeln!(out, "[viz] rows={rows} anomalies={anomalies} rate={rate:.2}%")?;
    if turbines.is_watched() {
        writeln!(out, "[viz] turbines={} alarms={}", turbines.watched(), turbines.alarms())?;
    }
    if survey.outside > 0 {
        writeln!(out, "[viz] outside={} (rows before --from or not before --to)", survey.outside)?;
    }
    if survey.skipped > 0 {
        writeln!(out, "[viz] skipped={} (torn or damaged lines)", survey.skipped)?;
    }
    if survey.of_others > 0 {
        writeln!(out, "[viz] other_turbines={} (rows of turbines that --turbine does not name)", survey.of_others)?;
    }
    Ok(())
}

/// The turbines of a log, as far as a line holds them.
fn known_turbines(known: &[&str]) -> String {
    if known.is_empty() {
        return "its readings name no turbine: leave --turbine out".to_owned();
    }
    let shown = known.len().min(10);
    let more = if known.len() > shown { format!(" and {} more", known.len() - shown) } else { String::new() };
    format!("it has {}{more}: name some of those", known[..shown].join(", "))
}

fn nothing_to_draw(log: &Path, survey: &Survey) -> String {
    let log = log.display();
    match (survey.covered, survey.skipped) {
        (Some((first, last)), _) => {
            format!("{log} has no readings in this period; it covers {first} to {last}: widen --from and --to")
        }
        (None, 0) => format!(
            "{log} has no readings yet: start the API (`cargo run -p api`) and send some (`cargo run -p sender`)"
        ),
        (None, skipped) => format!(
            "{log} has no valid row ({skipped} lines are torn or damaged): send new readings \
             (`cargo run -p sender`), or name another log with --log"
        ),
    }
}

/// The model whose training data define normal, if there is one for these features.
fn model_of(args: &Args, features: &FeatureSet, out: &mut impl Write) -> anyhow::Result<Option<Model>> {
    let path = args.model_or_default();
    let model = match Model::load(&path) {
        Ok(model) => model,
        Err(error) if args.model.is_some() => {
            return Err(error).with_context(|| format!("cannot use the model {}", path.display()));
        }
        Err(turbine_core::model::ModelError::Missing) => return Ok(None),
        Err(error) => {
            writeln!(out, "[viz] ignored {}: {error}", path.display())?;
            return Ok(None);
        }
    };
    if model.features().names().eq(features.names()) {
        return Ok(Some(model));
    }
    writeln!(out, "[viz] ignored {}: its features are not those of the log", path.display())?;
    Ok(None)
}

/// Adds the units of the default turbine: a log has none.
fn with_known_units(features: &FeatureSet) -> FeatureSet {
    let turbine = FeatureSet::turbine();
    if turbine.names().eq(features.names()) { turbine } else { features.clone() }
}
