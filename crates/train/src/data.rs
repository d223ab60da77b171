//! Loads or simulates the readings.

use crate::{Args, from_log};
use anyhow::{Context, bail};
use intake::Progress;
use std::io::Write;
use turbine_core::dataset::{Dataset, Table};
use turbine_core::feature::FeatureSet;
use turbine_core::simulation;
use viz::chart::count;

/// Share of anomalies in the simulated readings; independent of --contamination, the share to flag.
const SIMULATED_ANOMALIES: f64 = 0.05;

/// The readings to train on; says what they are.
pub fn load(args: &Args, progress: &Progress, out: &mut impl Write) -> anyhow::Result<Dataset> {
    if let Some(log) = &args.from_log {
        return from_log::read(log, args, progress, out);
    }
    if args.is_recorded() {
        return read(None, args, progress, out);
    }
    let readings = simulation::TRAINING_READINGS;
    let dataset = simulation::training_set(readings, SIMULATED_ANOMALIES, args.seed);
    let readings = count(readings as u64);
    writeln!(out, "[train] data: {readings} simulated readings{}, seed {}", labelled(&dataset), args.seed)?;
    Ok(dataset)
}

/// The rows of --data; says what was read of them. Without `features`, those of the flags or all columns of measurements.
pub fn read(
    features: Option<FeatureSet>,
    args: &Args,
    progress: &Progress,
    out: &mut impl Write,
) -> anyhow::Result<Dataset> {
    let paths: Vec<String> = args.data.iter().map(|path| path.display().to_string()).collect();
    let flag = || format!("--data {}", paths.join(" "));
    let is_chosen = features.is_some() || args.features.is_some();
    progress.stage("opening the data");
    let source = intake::source(&args.data).with_context(flag)?;
    let name = source.name();
    let mut table = Table::open(source.clone(), args.request(features)?).with_context(flag)?;
    writeln!(out, "[train] {}", intake::form(&table))?;
    // All is read twice: to choose the columns, and to keep them.
    let read = source.bytes_read();
    read.store(0, std::sync::atomic::Ordering::Relaxed);
    progress.counted_stage(format!("reading {name}"), read, 2 * source.size().unwrap_or(0));
    let choice = table.choose().with_context(flag)?;
    if !is_chosen {
        writeln!(out, "[train] {}", intake::columns(&choice))?;
    }
    for warning in intake::sentinels(&choice) {
        writeln!(out, "[train] {warning}")?;
    }
    if args.false_alarms_per_day.is_some() && table.time().is_none() {
        bail!(
            "--false-alarms-per-day needs the time between readings, and no column of times was found: name it with --timestamp, or use --sensitivity"
        );
    }
    let (dataset, skipped) = Dataset::read(table).with_context(flag)?;
    let mut line = format!("{} readings of {name}{}", count(dataset.len() as u64), labelled(&dataset));
    if let Some(turbines) = dataset.turbines() {
        let turbines = turbines.iter().max().map_or(0, |last| last + 1);
        line += &format!(", of {} turbines", count(turbines as u64));
    }
    if skipped.total() > 0 {
        let rows = count(skipped.total());
        line += &format!("; {rows} rows skipped for an empty or unusable cell ({skipped})");
    }
    writeln!(out, "[train] data: {line}")?;
    Ok(dataset)
}

fn labelled(dataset: &Dataset) -> String {
    match dataset.labels() {
        Some(labels) => {
            let anomalies = labels.iter().filter(|label| **label).count();
            format!(", {} labelled anomalous", count(anomalies as u64))
        }
        None => ", not labelled".to_owned(),
    }
}
