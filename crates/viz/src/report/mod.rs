//! The program: a prediction log in, three pictures and a line for the console out.

mod args;
mod bucket;
mod counts;
mod normal;
mod over_time;
mod sample;
mod scatter;
mod survey;

pub use args::Args;
pub use bucket::Bucket;

use anyhow::{Context, bail};
use bucket::Buckets;
use counts::Counts;
use normal::Normal;
use sample::Sample;
use std::fs;
use std::io::Write;
use std::path::Path;
use survey::Survey;
use turbine_core::feature::FeatureSet;
use turbine_core::model::Model;
use turbine_core::prediction::LogReader;

/// Everything the pictures are drawn from.
struct Drawing {
    features: FeatureSet,
    survey: Survey,
    normal: Normal,
    counts: Counts,
    sample: Sample,
}

/// Reads the log, draws its pictures, and says on `out` what was read and written.
///
/// The log is read twice and never held: once to learn what it covers, once to count.
///
/// # Errors
/// A log that is missing, empty or not one; a model that was named and cannot be used; a bucket too short for the time
/// the log covers; a picture that cannot be written.
pub fn run(args: &Args, out: &mut impl Write) -> anyhow::Result<()> {
    let period = args.period()?;
    let log = args.log();
    let mut reader = LogReader::open(&log)?;
    let mut survey = Survey::new(reader.features().len(), period);
    for record in reader.by_ref() {
        survey.add(&record?);
    }
    survey.skipped = reader.skipped();
    let Some(span) = survey.span() else { bail!(nothing_to_draw(&log, &survey)) };

    let model = model_of(args, reader.features(), out)?;
    let (features, normal) = match &model {
        Some(model) => (model.features().clone(), Normal::of_model(model)),
        None => (with_known_units(reader.features()), Normal::of_log(&survey)),
    };
    let buckets = Buckets::over(span, args.bucket)?;
    let mut counts = Counts::new(buckets, features.len());
    let mut sample = Sample::new(&survey, features.len());
    // Rows that the API appends meanwhile belong to the next run.
    for record in LogReader::open(&log)?.take(survey.records) {
        let record = record?;
        if period.contains(record.timestamp) {
            counts.add(&record, &normal);
            sample.add(&record);
        }
    }

    report(&survey, out)?;
    if buckets.len() <= 2 && args.bucket.is_none() {
        let width = buckets.width();
        writeln!(
            out,
            "[viz] all readings lie within {} bucket(s) of {width}: a shorter --bucket shows more",
            buckets.len()
        )?;
    }
    let drawing = Drawing { features, survey, normal, counts, sample };
    fs::create_dir_all(&args.outputs)
        .with_context(|| format!("cannot make the folder {}; name another with --outputs", args.outputs.display()))?;
    type Draw = fn(&Drawing, &Path) -> Result<(), crate::chart::ChartError>;
    let pictures: [(&str, Draw); 3] = [
        ("anomalies_over_time.png", over_time::deviations),
        ("anomalies_over_time_from_log.png", over_time::predicted),
        ("bubble_scatter_pred.png", scatter::bubbles),
    ];
    for (name, draw) in pictures {
        let path = args.outputs.join(name);
        draw(&drawing, &path)?;
        writeln!(out, "[viz] wrote {}", path.display())?;
    }
    Ok(())
}

fn report(survey: &Survey, out: &mut impl Write) -> anyhow::Result<()> {
    let (rows, anomalies) = (survey.rows(), survey.anomalies.rows);
    let rate = anomalies as f64 / rows as f64 * 100.0;
    writeln!(out, "[viz] rows={rows} anomalies={anomalies} rate={rate:.2}%")?;
    if survey.outside > 0 {
        writeln!(out, "[viz] outside={} (rows before --from or not before --to)", survey.outside)?;
    }
    if survey.skipped > 0 {
        writeln!(out, "[viz] skipped={} (torn lines, or rows of other features)", survey.skipped)?;
    }
    Ok(())
}

fn nothing_to_draw(log: &Path, survey: &Survey) -> String {
    let log = log.display();
    match (survey.covered, survey.skipped) {
        (Some((first, last)), _) => {
            format!("{log} has no readings in the period asked for; it covers {first} to {last}: widen --from and --to")
        }
        (None, 0) => format!(
            "{log} holds no readings yet: start the API (`cargo run -p api`) and send it some (`cargo run -p sender`)"
        ),
        (None, skipped) => format!(
            "{log} holds no whole row ({skipped} lines are torn or of other features): send the API new readings \
             (`cargo run -p sender`), or name another log with --log"
        ),
    }
}

/// The model that says what is normal, if there is one for these features.
fn model_of(args: &Args, features: &FeatureSet, out: &mut impl Write) -> anyhow::Result<Option<Model>> {
    let path = args.model_or_default();
    let model = match Model::load(&path) {
        Ok(model) => model,
        Err(error) if args.model.is_some() => {
            return Err(error).with_context(|| format!("cannot use the model {}", path.display()));
        }
        Err(turbine_core::model::ModelError::Missing) => return Ok(None),
        Err(error) => {
            writeln!(out, "[viz] {} is left aside: {error}", path.display())?;
            return Ok(None);
        }
    };
    if model.features().names().eq(features.names()) {
        return Ok(Some(model));
    }
    writeln!(out, "[viz] {} is left aside: it reads other features than the log has", path.display())?;
    Ok(None)
}

/// A log knows no units; those of the default turbine are known without a model.
fn with_known_units(features: &FeatureSet) -> FeatureSet {
    let turbine = FeatureSet::turbine();
    if turbine.names().eq(features.names()) { turbine } else { features.clone() }
}
