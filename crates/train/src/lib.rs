//! The program `train`: reads or simulates readings, writes a model file, a table of metrics and five pictures; or
//! calibrates an imported forest.
//!
//! The training itself is [`turbine_core::training`]. The same arguments and data write the same model file, byte for
//! byte.

mod args;
mod data;
mod from_log;
mod import;
mod learning;
mod metrics;
mod pictures;
mod report;

pub use args::{Args, DetectorArg, SensitivityArg, ThresholdArg};

use anyhow::{Context, bail};
use intake::Progress;
use learning::LearningCurves;
use metrics::MetricsTable;
use std::fs;
use std::io::Write;
use std::path::Path;
use turbine_core::dataset::Dataset;
use turbine_core::model::Model;
use turbine_core::training::{self, Trained, TrainingError, TrainingParams};

/// Trains or imports according to `args`, saves the model, the table and the pictures, and prints the results to `out`.
///
/// # Errors
/// If the arguments or the data do not allow training (with the remedy), or a file cannot be read or written.
pub fn run(args: &Args, out: &mut impl Write) -> anyhow::Result<()> {
    args.check()?;
    let progress = Progress::new("train");
    if let Some(model) = &args.import {
        return import::run(model, args, &progress, out);
    }
    fs::create_dir_all(&args.outputs)
        .with_context(|| format!("cannot create the folder {}; name another with --outputs", args.outputs.display()))?;
    let dataset = data::load(args, &progress, out)?;
    if args.threshold == ThresholdArg::BestF1 && dataset.labels().is_none() {
        bail!("--threshold best-f1 needs labels: name their column with --label, or use --threshold contamination");
    }
    let params = args.params();
    progress.stage("training");
    let (dataset, trained) = train(dataset, &params, args, out)?;
    progress.stage("reporting");
    save(&trained.model, args)?;
    report::training(&dataset, &trained, args, out)?;

    let curves = LearningCurves::measure(&trained, &params, &progress)?;
    progress.stage("reporting");
    if curves.stride > 1 {
        writeln!(out, "[train] learning curves: of one reading in {}", curves.stride)?;
    }
    progress.stage("drawing");
    let table = MetricsTable::new(&trained);
    let csv = args.outputs.join("metrics_table.csv");
    fs::write(&csv, table.csv()?).with_context(|| format!("cannot write {}", csv.display()))?;
    let mut written = vec![args.model.clone(), csv];
    written.extend(pictures::draw(&dataset, &trained, &curves, &table, &args.outputs)?);

    if trained.is_recording() && trained.evaluation.is_some() {
        writeln!(out, "[train] metrics of the model fitted to Train:")?;
    }
    if trained.evaluation.is_some() {
        writeln!(out, "{}", table.terminal())?;
    }
    match trained.evaluation {
        None => writeln!(
            out,
            "[train] no labels, so no metrics, ROC or confusion matrices: name the label column with --label"
        )?,
        Some(all) if [all.train, all.val, all.test].iter().any(|split| split.roc_auc.is_none()) => {
            writeln!(out, "[train] a split has labels of one class only, so some of its metrics are undefined")?;
        }
        Some(_) => {}
    }
    for path in written {
        writeln!(out, "[train] wrote {}", path.display())?;
    }
    Ok(())
}

/// Trains on all columns that vary in the rows to fit to, unless the columns were named.
fn train(
    mut dataset: Dataset,
    params: &TrainingParams,
    args: &Args,
    out: &mut impl Write,
) -> anyhow::Result<(Dataset, Trained)> {
    loop {
        match training::train(&dataset, params) {
            Err(TrainingError::Constant { name, .. })
                // A model of other features than the log's could not take the place of the one that wrote it.
                if !args.data.is_empty() && args.features.is_none() && dataset.features().len() > 1 =>
            {
                writeln!(
                    out,
                    "[train] column left out as well: {name}, constant in the rows that the model is fitted to"
                )?;
                dataset = dataset.without(&name);
            }
            trained => return Ok((dataset, trained.map_err(|error| explain(error, args))?)),
        }
    }
}

fn save(model: &Model, args: &Args) -> anyhow::Result<()> {
    model.save(&args.model).with_context(|| format!("cannot write the model {}", args.model.display()))
}

/// Names the flag behind an error of the core.
fn explain(error: TrainingError, args: &Args) -> anyhow::Error {
    let flag = match &error {
        TrainingError::Forest(_) if args.extension_level > 0 => format!("--extension-level {}", args.extension_level),
        TrainingError::Alarm(_) => match args.false_alarms_per_day {
            Some(rate) => format!("--false-alarms-per-day {rate}"),
            None => return error.into(),
        },
        TrainingError::NotImported => match &args.import {
            Some(path) => format!("--import {}", path.display()),
            None => return error.into(),
        },
        TrainingError::TooFew(_) if args.from_log.is_some() => {
            let log = args.from_log.as_deref().unwrap_or(Path::new(""));
            format!("--from-log {}", log.display())
        }
        TrainingError::TooFew(_) if args.is_recorded() => {
            let paths: Vec<String> = args.data.iter().map(|path| path.display().to_string()).collect();
            format!("--data {}", paths.join(" "))
        }
        _ => return error.into(),
    };
    anyhow::Error::new(error).context(flag)
}
