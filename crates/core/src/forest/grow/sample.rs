//! Random samples of the readings.

use crate::forest::rng::TreeRng;

/// Draws the sample of a tree.
pub(super) struct Sampler<'a> {
    readings: &'a [f64],
    n_features: usize,
    /// A bit per reading: whether it is in the sample.
    is_drawn: Vec<u64>,
    /// The index in `readings` of each reading of the sample.
    starts: Vec<usize>,
}

/// The sample of a tree.
#[derive(Clone, Copy)]
pub(super) struct Sample<'a> {
    readings: &'a [f64],
    n_features: usize,
    starts: &'a [usize],
}

impl<'a> Sampler<'a> {
    pub(super) fn new(readings: &'a [f64], n_features: usize, sample_size: usize) -> Self {
        let n_readings = readings.len() / n_features;
        Self { readings, n_features, is_drawn: vec![0; n_readings.div_ceil(64)], starts: vec![0; sample_size] }
    }

    /// Draws without replacement (Floyd's algorithm: Bentley and Floyd, A Sample of Brilliance, 1987).
    pub(super) fn draw(&mut self, rng: &mut TreeRng) -> Sample<'_> {
        let n_readings = self.readings.len() / self.n_features;
        self.is_drawn.fill(0);
        for (last, start) in (n_readings - self.starts.len()..n_readings).zip(&mut self.starts) {
            let candidate = rng.below(last as u32 + 1) as usize;
            let word = &mut self.is_drawn[candidate / 64];
            let bit = 1 << (candidate % 64);
            let drawn = if *word & bit == 0 {
                *word |= bit;
                candidate
            } else {
                self.is_drawn[last / 64] |= 1 << (last % 64);
                last
            };
            *start = drawn * self.n_features;
        }
        Sample { readings: self.readings, n_features: self.n_features, starts: &self.starts }
    }
}

impl<'a> Sample<'a> {
    pub(super) fn len(self) -> usize {
        self.starts.len()
    }

    pub(super) fn rows(self) -> impl Iterator<Item = &'a [f64]> {
        self.starts.iter().map(move |&start| &self.readings[start..][..self.n_features])
    }

    /// Copies the values of one feature to `column`, which has the length of the sample.
    pub(super) fn copy_column(self, feature: usize, column: &mut [f64]) {
        debug_assert_eq!(column.len(), self.starts.len());
        let values = &self.readings[feature..];
        // Four at a time: the loop condition costs as much as a value.
        let (chunks, rest) = self.starts.as_chunks::<4>();
        let (column_chunks, column_rest) = column.as_chunks_mut::<4>();
        for (values_out, starts) in column_chunks.iter_mut().zip(chunks) {
            *values_out = starts.map(|start| values[start]);
        }
        for (value_out, &start) in column_rest.iter_mut().zip(rest) {
            *value_out = values[start];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_uniform_without_replacement() {
        let readings: Vec<f64> = (0..12).flat_map(|reading| [f64::from(reading), -1.0]).collect();
        let mut sampler = Sampler::new(&readings, 2, 5);
        let mut counts = [0; 12];
        for tree in 0..1_000 {
            let mut drawn: Vec<usize> =
                sampler.draw(&mut TreeRng::new(1, tree)).rows().map(|row| row[0] as usize).collect();
            drawn.iter().for_each(|&reading| counts[reading] += 1);
            drawn.sort_unstable();
            drawn.dedup();
            assert_eq!(drawn.len(), 5);
        }
        // 5/12 of 1,000 each = 417, with a standard deviation of √(417 · 7/12) = 16: five of them.
        assert!(counts.iter().all(|count| (337..=497).contains(count)), "{counts:?}");
    }
}
