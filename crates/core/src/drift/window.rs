//! The newest readings, counted in the bins of the training.

use super::Reference;
use crate::sensors::SensorSet;
use std::collections::VecDeque;

/// Stands for a value that was not measured.
const ABSENT: u16 = u16::MAX;

/// A sliding window over the rows. What is counted changes by the row that enters and the one that leaves; two bytes a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Window {
    capacity: usize,
    /// The bins of each row's values, oldest row first.
    bins: VecDeque<u16>,
    flagged: VecDeque<bool>,
    /// How many values lie in each bin, feature by feature.
    counts: Vec<Vec<u32>>,
    anomalies: u64,
}

impl Window {
    /// An empty window of at most `capacity` rows, at least one.
    pub(super) fn new(reference: &Reference, capacity: usize) -> Self {
        let counts = reference.features.iter().map(|feature| vec![0; feature.bins()]).collect();
        Window { capacity: capacity.max(1), bins: VecDeque::new(), flagged: VecDeque::new(), counts, anomalies: 0 }
    }

    /// Adds a row, whose values have the reference's order and units.
    pub(super) fn add(&mut self, reference: &Reference, values: &[f64], absent: SensorSet, is_anomaly: bool) {
        self.make_room();
        for (place, ((feature, counts), &value)) in
            reference.features.iter().zip(&mut self.counts).zip(values).enumerate()
        {
            if absent.contains(place) {
                self.bins.push_back(ABSENT);
            } else {
                let bin = feature.bin(value);
                counts[bin] += 1;
                self.bins.push_back(bin as u16);
            }
        }
        self.flag(is_anomaly);
    }

    /// Adds a row that was in a window with the same bins; `None` if it was not.
    fn add_bins(&mut self, bins: &[u16], is_anomaly: bool) -> Option<()> {
        self.make_room();
        for (counts, &bin) in self.counts.iter_mut().zip(bins) {
            if bin != ABSENT {
                *counts.get_mut(usize::from(bin))? += 1;
            }
            self.bins.push_back(bin);
        }
        self.flag(is_anomaly);
        Some(())
    }

    fn flag(&mut self, is_anomaly: bool) {
        self.anomalies += u64::from(is_anomaly);
        self.flagged.push_back(is_anomaly);
    }

    fn make_room(&mut self) {
        if self.flagged.len() < self.capacity {
            return;
        }
        self.anomalies -= u64::from(self.flagged.pop_front() == Some(true));
        for counts in &mut self.counts {
            if let Some(bin) = self.bins.pop_front().filter(|&bin| bin != ABSENT) {
                counts[usize::from(bin)] -= 1;
            }
        }
    }

    /// How many values of a feature lie in each bin.
    pub(super) fn counts(&self, place: usize) -> &[u32] {
        &self.counts[place]
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> u64 {
        self.flagged.len() as u64
    }

    /// How many of them are flagged.
    pub(super) fn anomalies(&self) -> u64 {
        self.anomalies
    }

    /// The rows, oldest first: bins and flags.
    pub(super) fn to_parts(&self) -> (Vec<u16>, Vec<bool>) {
        (self.bins.iter().copied().collect(), self.flagged.iter().copied().collect())
    }

    /// The window of rows from [`Window::to_parts`]; `None` if they were counted in other bins.
    pub(super) fn of_parts(reference: &Reference, capacity: usize, bins: &[u16], flagged: &[bool]) -> Option<Self> {
        let n_features = reference.features.len();
        let mut window = Window::new(reference, capacity);
        if bins.len() != flagged.len() * n_features {
            return None;
        }
        bins.chunks_exact(n_features).zip(flagged).try_for_each(|(bins, &flag)| window.add_bins(bins, flag))?;
        Some(window)
    }
}
