//! Readings from the service's own prediction log.

mod false_alarms;
mod tally;

use crate::Args;
use anyhow::{Context, bail, ensure};
use false_alarms::FalseAlarms;
use intake::Progress;
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use tally::{Fate, Tally};
use turbine_core::dataset::Dataset;
use turbine_core::feature::{Feature, FeatureSet};
use turbine_core::prediction::{LogReader, PredictionRecord};
use turbine_core::reading::TurbineId;
use viz::chart::count;

/// The file of the log in the folder of a service's outputs, …
const LOG_FILE: &str = "predictions_log.csv";
/// … and that of its alarms beside it.
const ALARMS_FILE: &str = "alarms.csv";

/// The readings of --from-log, as a recording of all turbines; says how many rows came from where.
pub fn read(path: &Path, args: &Args, progress: &Progress, out: &mut impl Write) -> anyhow::Result<Dataset> {
    let flag = || format!("--from-log {}", path.display());
    let log = if path.is_dir() { path.join(LOG_FILE) } else { path.to_owned() };
    progress.stage(format!("reading {}", log.display()));
    let mut reader = LogReader::open(&log).with_context(flag)?;
    let alarms = FalseAlarms::read(&log.with_file_name(ALARMS_FILE)).with_context(flag)?;
    let features = features(reader.features(), args)?;
    let (mut readings, mut times, mut turbines) = (Vec::new(), Vec::new(), Vec::new());
    let mut places: HashMap<Option<TurbineId>, usize> = HashMap::new();
    let mut tally = Tally::default();
    for record in reader.by_ref() {
        let record = record.with_context(flag)?;
        let fate = fate(&record, &features, &alarms, args);
        let next = places.len();
        let place = *places.entry(record.turbine_id.clone()).or_insert(next);
        tally.count(place, record.turbine_id.as_ref(), fate);
        if fate.is_fitted() {
            readings.extend(record.values);
            times.push(record.timestamp);
            turbines.push(place);
        }
    }
    if let [foreign, rest @ ..] = reader.foreign() {
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        bail!(
            "{}: {}{more} holds other features than {}: a model reads one set of features; move it to another folder, or name it with --from-log to train on it alone",
            flag(),
            foreign.path.display(),
            log.display()
        );
    }
    let used = count(times.len() as u64);
    writeln!(out, "[train] data: {used} readings of the prediction log {}", log.display())?;
    writeln!(out, "{}", tally.table())?;
    for line in tally.remarks(reader.skipped(), args.exclude_alarms) {
        writeln!(out, "[train] {line}")?;
    }
    ensure!(
        !times.is_empty(),
        "{}: no row is left to train on; give a later --until, or train without --exclude-alarms",
        flag()
    );
    // Turbines none of whose rows are left would be turbines without readings.
    let turbines = renumbered(turbines);
    Ok(Dataset::new(features, readings, None).with_times(times).with_turbines(turbines))
}

/// The features of the log, which knows neither units nor ranges: those of the default turbine have theirs, and --range
/// gives others one.
fn features(of_log: &FeatureSet, args: &Args) -> anyhow::Result<FeatureSet> {
    let default = FeatureSet::turbine();
    let known = if of_log.names().eq(default.names()) { default } else { of_log.clone() };
    for (name, _) in &args.range {
        ensure!(
            known.names().any(|known| known == name),
            "--range {name}: the prediction log has no such feature; it has {}",
            known.names().collect::<Vec<_>>().join(", ")
        );
    }
    let with_range = |feature: &Feature| {
        let range = args.range.iter().find(|(name, _)| *name == feature.name).map(|(_, range)| *range);
        Feature { range: range.or(feature.range), ..feature.clone() }
    };
    Ok(FeatureSet::new(known.iter().map(with_range).collect())?)
}

/// What becomes of a row.
fn fate(record: &PredictionRecord, features: &FeatureSet, alarms: &FalseAlarms, args: &Args) -> Fate {
    let is_in_range = || {
        let mut values = features.iter().zip(&record.values);
        values.all(|(feature, value)| feature.range.is_none_or(|range| (range.min..=range.max).contains(value)))
    };
    if args.until.is_some_and(|until| record.timestamp >= until) {
        Fate::TooLate
    } else if !record.gaps.is_empty() || !is_in_range() {
        Fate::Incomplete
    } else if !record.watch.in_alarm {
        Fate::Normal
    } else if alarms.contains(record.turbine_id.as_ref(), record.timestamp) {
        Fate::FalseAlarm
    } else if args.exclude_alarms {
        Fate::Excluded
    } else {
        Fate::Alarm
    }
}

/// The same turbines, numbered from 0 without gaps.
fn renumbered(turbines: Vec<usize>) -> Vec<usize> {
    let mut numbers: HashMap<usize, usize> = HashMap::new();
    let number = |turbine| {
        let next = numbers.len();
        *numbers.entry(turbine).or_insert(next)
    };
    turbines.into_iter().map(number).collect()
}
