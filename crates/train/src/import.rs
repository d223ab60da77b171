//! Calibrates a forest that was fitted elsewhere.

use crate::{Args, data, explain, report, save};
use anyhow::Context;
use intake::Progress;
use std::io::Write;
use std::path::Path;
use turbine_core::model::Model;
use turbine_core::training;

/// Calibrates the model in the file `import` by the normal rows of `--data`, and writes it to `--model`.
pub fn run(import: &Path, args: &Args, progress: &Progress, out: &mut impl Write) -> anyhow::Result<()> {
    let imported = Model::load(import).with_context(|| format!("cannot use --import {}", import.display()))?;
    let dataset = data::read(Some(imported.features().clone()), args, progress, out)?;
    progress.stage("calibrating");
    let model = training::calibrate(&imported, &dataset, &args.params()).map_err(|error| explain(error, args))?;
    save(&model, args)?;
    report::import(&dataset, &model, args, out)?;
    writeln!(out, "[train] wrote {}", args.model.display())?;
    Ok(())
}
