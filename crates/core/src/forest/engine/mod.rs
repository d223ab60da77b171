//! Fast scoring: several algorithms that find the leaves of a reading, chosen by the shape of the forest.
//!
//! All give bit-identical results: the same decisions, and path lengths summed in the order of the trees.

mod bank;
mod descent;
mod layout;
mod masks;
mod planes;
mod program;
mod rank;
mod select;
#[cfg(test)]
mod tests;

use bank::Bank;
use descent::Descent;
use planes::Planes;
use select::RunProgram;

use super::{ForestData, leaves::PathLengths};

/// Smaller batches are scored one by one.
const MIN_BATCH: usize = 24;
/// Maximum number of features of the banks; with more, trees are descended one reading at a time.
const MAX_FEATURES: usize = 64;

#[derive(Clone)]
pub(super) struct Engine {
    single: Single,
    /// For batches; `None` if a tree is too large.
    banks: Option<Vec<Bank>>,
}

/// The algorithm for a single reading.
#[derive(Clone)]
enum Single {
    /// The masks of the banks.
    Masks,
    Descent(Descent),
    Planes(Planes),
}

impl Engine {
    /// Prepares the engine for a checked forest.
    pub(super) fn new(data: &ForestData) -> Self {
        let path_lengths = PathLengths::new(data.path_length);
        if data.extension_level > 0 {
            return Self { single: Single::Planes(Planes::new(data, &path_lengths)), banks: None };
        }
        let banks = match data.n_features <= MAX_FEATURES {
            true => {
                let trees = data.trees.chunks(bank::MAX_TREES);
                trees.map(|trees| Bank::new(trees, data.n_features, &path_lengths)).collect()
            }
            false => None,
        };
        let single = match data.n_features <= masks::MAX_FEATURES && banks.is_some() {
            true => Single::Masks,
            false => Single::Descent(Descent::new(data, &path_lengths)),
        };
        Self { single, banks }
    }

    /// A reading's path length, summed over the trees of `data`, the forest the engine was prepared for.
    pub(super) fn path_sum(&self, data: &ForestData, reading: &[f64]) -> f64 {
        match &self.single {
            Single::Masks => self.banks.iter().flatten().fold(0.0, |sum, bank| bank.add_path_lengths(reading, sum)),
            Single::Descent(descent) => descent.path_sum(reading),
            Single::Planes(planes) => planes.path_sum(data, reading),
        }
    }

    /// The path lengths of each reading, summed over the trees of `data`.
    pub(super) fn path_sums(&self, data: &ForestData, readings: &[f64], sums: &mut [f64]) {
        match &self.banks {
            Some(banks) if sums.len() >= MIN_BATCH => {
                batch_path_sums(select::fastest(), banks, data.n_features, readings, sums);
            }
            _ => {
                for (reading, sum) in readings.chunks_exact(data.n_features).zip(sums) {
                    *sum = self.path_sum(data, reading);
                }
            }
        }
    }
}

fn batch_path_sums(run: RunProgram, banks: &[Bank], n_features: usize, readings: &[f64], sums: &mut [f64]) {
    match n_features {
        0..=16 => select::path_sums::<16>(run, banks, n_features, readings, sums),
        _ => select::path_sums::<MAX_FEATURES>(run, banks, n_features, readings, sums),
    }
}
