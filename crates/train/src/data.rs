//! Loads or simulates the readings.

use crate::Args;
use anyhow::Context;
use std::fs::File;
use std::path::Path;
use turbine_core::dataset::{Columns, Dataset};
use turbine_core::feature::FeatureSet;
use turbine_core::simulation;
use viz::chart::count;

/// Share of anomalies in the simulated readings; independent of --contamination, the share to flag.
const SIMULATED_ANOMALIES: f64 = 0.05;

/// The readings to train on, and their description for the console.
pub fn load(args: &Args) -> anyhow::Result<(Dataset, String)> {
    let Some(path) = &args.data else {
        let readings = simulation::TRAINING_READINGS;
        let dataset = simulation::training_set(readings, SIMULATED_ANOMALIES, args.seed);
        let source = format!("{} simulated readings{}, seed {}", count(readings as u64), labelled(&dataset), args.seed);
        return Ok((dataset, source));
    };
    let features = args.features.as_ref().map(|names| FeatureSet::from_names(names.iter().cloned()));
    read(path, features.transpose().context("--features")?, args)
}

/// The rows of a CSV, and their description for the console. Without `features`, all columns that have no other role.
pub fn read(path: &Path, features: Option<FeatureSet>, args: &Args) -> anyhow::Result<(Dataset, String)> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("cannot read --data {shown}; is the path right?"))?;
    let columns = Columns { features, label: args.label.clone(), timestamp: args.timestamp.clone() };
    let (dataset, skipped) = Dataset::from_csv(file, &columns).with_context(|| format!("--data {shown}"))?;
    let mut source = format!("{} readings of {shown}{}", count(dataset.len() as u64), labelled(&dataset));
    if skipped.total() > 0 {
        let rows = count(skipped.total());
        source += &format!("; {rows} rows skipped for an empty or unusable cell ({skipped})");
    }
    Ok((dataset, source))
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
