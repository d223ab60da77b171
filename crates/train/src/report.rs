//! What the program prints about a model: the rows it was fitted to, detector, threshold, alarm.

use crate::{Args, ThresholdArg};
use std::io::{self, Write};
use turbine_core::dataset::Dataset;
use turbine_core::detector::N_REFERENCE;
use turbine_core::interop;
use turbine_core::model::Model;
use turbine_core::monitor::AlarmRule;
use turbine_core::training::{MOST_COMPARED, Trained};
use viz::chart::count;

/// Above this share of rows labelled as faults, or flagged, something is probably wrong with the labels or the recording.
const MOST_FAULTS: f64 = 0.2;

/// Prints what was trained, on what, and what is to be expected of it.
pub fn training(dataset: &Dataset, trained: &Trained, args: &Args, out: &mut impl Write) -> io::Result<()> {
    let Trained { model, splits, .. } = trained;
    let (train, val, test) = (splits.train.len(), splits.val.len(), splits.test.len());
    let order = if trained.is_recording() { ", in the order of time" } else { "" };
    writeln!(out, "[train] split: {train} Train, {val} Val, {test} Test{order}")?;
    fitted_to(dataset, trained, args, out)?;
    interval(model, dataset.times().is_some(), args, out)?;
    detector(trained, out)?;
    thresholds(trained, args, out)?;
    alarm(model, out)?;
    agreement(model, out)
}

/// Prints by what an imported forest was calibrated, and what is to be expected of it.
pub fn import(dataset: &Dataset, model: &Model, args: &Args, out: &mut impl Write) -> io::Result<()> {
    let rows = model.detector().forest_calibration().map_or(0, |calibration| calibration.held_out());
    let left_out = left_out(dataset, args);
    writeln!(out, "[train] calibrated by: the forest's scores of {} readings{left_out}", count(rows))?;
    warn_of_faults(dataset, out)?;
    interval(model, dataset.times().is_some(), args, out)?;
    writeln!(out, "[train] threshold: {:.4}, as imported", model.threshold())?;
    alarm(model, out)
}

fn fitted_to(dataset: &Dataset, trained: &Trained, args: &Args, out: &mut impl Write) -> io::Result<()> {
    let rows = count(trained.model.training().rows);
    if trained.is_recording() {
        let left_out = left_out(dataset, args);
        writeln!(out, "[train] fitted to: {rows} readings of all three parts{left_out}")?;
    } else {
        let left_out = left_out(&trained.splits.train, args);
        writeln!(out, "[train] fitted to: {rows} readings of Train{left_out}")?;
    }
    warn_of_faults(dataset, out)
}

fn left_out(dataset: &Dataset, args: &Args) -> String {
    match dataset.labels() {
        Some(labels) if args.is_recorded() => {
            let faults = labels.iter().filter(|label| **label).count();
            format!("; {} labelled as faults left out", count(faults as u64))
        }
        _ => String::new(),
    }
}

fn warn_of_faults(dataset: &Dataset, out: &mut impl Write) -> io::Result<()> {
    let labels = dataset.labels().unwrap_or_default();
    let share = labels.iter().filter(|label| **label).count() as f64 / labels.len() as f64;
    if share > MOST_FAULTS {
        writeln!(
            out,
            "[train] WARNING: {:.1}% of the rows are labelled as faults. The model learns normal running from the others: check the label column, or use a recording with less than 20% of faults",
            100.0 * share
        )?;
    }
    Ok(())
}

fn interval(model: &Model, has_times: bool, args: &Args, out: &mut impl Write) -> io::Result<()> {
    match model.monitor().settings().typical_interval {
        Some(seconds) if !args.is_recorded() => {
            writeln!(out, "[train] typical interval: {seconds} s, that of the simulated turbine")
        }
        Some(seconds) => writeln!(out, "[train] typical interval: {seconds} s between readings"),
        None => {
            let reason =
                if has_times { "all readings have the same time" } else { "name the column of times with --timestamp" };
            writeln!(
                out,
                "[train] typical interval: unknown ({reason}). Silent turbines and stuck sensors are not reported, and the rate of false alarms is unknown"
            )
        }
    }
}

fn detector(trained: &Trained, out: &mut impl Write) -> io::Result<()> {
    let model = &trained.model;
    let (params, detector) = (model.params(), model.detector());
    let (trees, readings) = (params.n_estimators, params.sample_size);
    writeln!(out, "[train] detector: {}", detector.kind().name())?;
    let seed = params.random_state.map_or(String::new(), |seed| format!(", seed {seed}"));
    let level = params.extension_level;
    writeln!(out, "[train] forest: {trees} trees of {readings} readings, extension level {level}{seed}")?;
    if let Some(neighbours) = detector.neighbours() {
        let constant: Vec<&str> = model
            .features()
            .names()
            .zip(&neighbours.data().std)
            .filter(|(_, std)| **std == 0.0)
            .map(|(name, _)| name)
            .collect();
        let unused = match constant.is_empty() {
            true => String::new(),
            false => format!("; not used, since the value never changes: {}", constant.join(", ")),
        };
        let reference = N_REFERENCE.min(model.training().rows as usize);
        writeln!(out, "[train] neighbours: the nearest of {reference} readings{unused}")?;
    }
    Ok(())
}

fn thresholds(trained: &Trained, args: &Args, out: &mut impl Write) -> io::Result<()> {
    let method = match args.threshold {
        ThresholdArg::Contamination => format!("by contamination {}", args.contamination),
        ThresholdArg::BestF1 => "best F1 on Val".to_owned(),
    };
    let (threshold, scores) = (trained.threshold, &trained.scores.train);
    let flagged = scores.iter().filter(|&&score| score > threshold).count() as f64 / scores.len() as f64;
    let flags = format!("flags {:.2}% of Train", 100.0 * flagged);
    if trained.is_recording() {
        writeln!(out, "[train] threshold: {:.4} ({method})", trained.model.threshold())?;
        writeln!(out, "[train] evaluation: of a model fitted to Train alone; its threshold {threshold:.4} {flags}")?;
    } else {
        writeln!(out, "[train] threshold: {threshold:.4} ({method}), {flags}")?;
    }
    if flagged > MOST_FAULTS {
        writeln!(
            out,
            "[train] WARNING: the threshold {flags}, more than 20%: check --contamination and the labels, or train on normal running only"
        )?;
    }
    Ok(())
}

fn alarm(model: &Model, out: &mut impl Write) -> io::Result<()> {
    let settings = model.monitor().settings();
    let Some(AlarmRule { target, raise_above, clear_below, expected_per_day }) = settings.alarm else {
        return writeln!(out, "[train] alarm: none");
    };
    writeln!(
        out,
        "[train] alarm: raised above a smoothed surprisal of {raise_above:.2}, cleared below {clear_below:.2} ({target}, span {}); a surprisal of 2 is one normal reading in 100",
        settings.smoothing_span
    )?;
    let expected = match (expected_per_day, settings.typical_interval) {
        (Some(rate), _) => format!("{} a day and turbine", plain(rate)),
        (None, None) => "unknown without the time between readings".to_owned(),
        (None, Some(_)) => "unknown, since the training readings show too few peaks to count".to_owned(),
    };
    writeln!(out, "[train] false alarms to expect: {expected}")
}

/// A rate with two or three figures.
fn plain(rate: f64) -> String {
    match rate {
        rate if rate >= 10.0 => format!("{rate:.0}"),
        rate if rate >= 1.0 => format!("{rate:.1}"),
        rate if rate >= 0.01 => format!("{rate:.2}"),
        _ => "fewer than 0.01".to_owned(),
    }
}

fn agreement(model: &Model, out: &mut impl Write) -> io::Result<()> {
    let rows = model.training().rows as usize;
    let rows = rows.div_ceil(rows.div_ceil(MOST_COMPARED).max(1));
    match model.training().interop_difference {
        Some(0.0) => {
            writeln!(out, "[train] interop: scores of {rows} readings equal extended-isolation-forest's exactly")
        }
        Some(difference) => writeln!(
            out,
            "[train] interop: scores of {rows} readings differ from extended-isolation-forest's by at most {difference:.1e}"
        ),
        None => writeln!(
            out,
            "[train] interop: not compared: extended-isolation-forest is compiled for at most {} features",
            interop::MAX_FEATURES
        ),
    }
}
