//! The program `train`: reads or simulates readings, writes a model file, a table of metrics and five pictures.
//!
//! The training itself is [`turbine_core::training`]. The same arguments and data write the same model file, byte for
//! byte.

mod args;
mod data;
mod learning;
mod metrics;
mod pictures;

pub use args::{Args, ThresholdArg};

use anyhow::{Context, bail};
use learning::LearningCurves;
use metrics::MetricsTable;
use std::fs;
use std::io::Write;
use turbine_core::interop;
use turbine_core::training::{self, Trained, TrainingError};

/// Trains according to `args`, saves the model, the table and the pictures, and prints the results to `out`.
///
/// # Errors
/// If the arguments or the data do not allow training (with the remedy), or a file cannot be read or written.
pub fn run(args: &Args, out: &mut impl Write) -> anyhow::Result<()> {
    fs::create_dir_all(&args.outputs)
        .with_context(|| format!("cannot create the folder {}; name another with --outputs", args.outputs.display()))?;
    let (dataset, source) = data::load(args)?;
    writeln!(out, "[train] data: {source}")?;
    if args.threshold == ThresholdArg::BestF1 && dataset.labels().is_none() {
        bail!("--threshold best-f1 needs labels: name their column with --label, or use --threshold contamination");
    }
    let params = args.params(dataset.features().len());
    let trained = training::train(&dataset, &params).map_err(|error| explain(error, args))?;
    let model = &trained.model;
    model.save(&args.model).with_context(|| format!("cannot write the model {}", args.model.display()))?;
    summarise(&trained, args, out)?;

    let curves = LearningCurves::measure(&trained, &params)?;
    let table = MetricsTable::new(&trained);
    let csv = args.outputs.join("metrics_table.csv");
    fs::write(&csv, table.csv()?).with_context(|| format!("cannot write {}", csv.display()))?;
    let mut written = vec![args.model.clone(), csv];
    written.extend(pictures::draw(&dataset, &trained, &curves, &table, &args.outputs)?);

    writeln!(out, "{}", table.terminal())?;
    match trained.evaluation {
        None => writeln!(out, "[train] no labels, so no metrics: name the label column with --label")?,
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

/// Names the flag behind an error of the core.
fn explain(error: TrainingError, args: &Args) -> anyhow::Error {
    let flag = match &error {
        TrainingError::Forest(_) => match args.extension_level {
            Some(level) => format!("--extension-level {level}"),
            None => return error.into(),
        },
        TrainingError::TooFew(_) => match &args.data {
            Some(path) => format!("--data {}", path.display()),
            None => return error.into(),
        },
        _ => return error.into(),
    };
    anyhow::Error::new(error).context(flag)
}

fn summarise(trained: &Trained, args: &Args, out: &mut impl Write) -> anyhow::Result<()> {
    let Trained { model, splits, scores, .. } = trained;
    let (train, val, test) = (splits.train.len(), splits.val.len(), splits.test.len());
    writeln!(out, "[train] split: {train} Train, {val} Val, {test} Test")?;
    let params = model.params();
    writeln!(
        out,
        "[train] forest: {} trees of {} readings, extension level {}, seed {}",
        params.n_estimators, params.sample_size, params.extension_level, args.seed
    )?;
    let threshold = trained.threshold;
    let flagged = scores.train.iter().filter(|&&score| score > threshold).count() as f64 / train as f64 * 100.0;
    let method = match args.threshold {
        ThresholdArg::Contamination => format!("by contamination {}", args.contamination),
        ThresholdArg::BestF1 => "best F1 on Val".to_owned(),
    };
    writeln!(out, "[train] threshold: {threshold:.4} ({method}), flags {flagged:.2}% of Train")?;
    match model.training().interop_difference {
        Some(0.0) => {
            writeln!(out, "[train] interop: scores of {train} readings equal extended-isolation-forest's exactly")?
        }
        Some(difference) => writeln!(
            out,
            "[train] interop: scores of {train} readings differ from extended-isolation-forest's by at most {difference:.1e}"
        )?,
        None => writeln!(
            out,
            "[train] interop: not compared: extended-isolation-forest is compiled for at most {} features",
            interop::MAX_FEATURES
        )?,
    }
    Ok(())
}
