use crate::forest::rng::TreeRng;

/// Draws the readings a tree is grown from.
pub(super) struct Sampler<'a> {
    readings: &'a [f64],
    n_features: usize,
    /// Which readings are in the sample, a bit each.
    is_drawn: Vec<u64>,
    drawn: Vec<u32>,
}

/// The readings a tree is grown from.
#[derive(Clone, Copy)]
pub(super) struct Sample<'a> {
    readings: &'a [f64],
    n_features: usize,
    drawn: &'a [u32],
}

impl<'a> Sampler<'a> {
    pub(super) fn new(readings: &'a [f64], n_features: usize, sample_size: usize) -> Self {
        let n_readings = readings.len() / n_features;
        Self { readings, n_features, is_drawn: vec![0; n_readings.div_ceil(64)], drawn: vec![0; sample_size] }
    }

    /// Draws without replacement (Floyd's algorithm: Bentley and Floyd, A Sample of Brilliance, 1987).
    pub(super) fn draw(&mut self, rng: &mut TreeRng) -> Sample<'_> {
        let n_readings = self.readings.len() / self.n_features;
        self.is_drawn.fill(0);
        for (slot, last) in (n_readings - self.drawn.len()..n_readings).enumerate() {
            let candidate = rng.below(last as u32 + 1) as usize;
            let is_drawn = self.is_drawn[candidate / 64] >> (candidate % 64) & 1 == 1;
            let drawn = if is_drawn { last } else { candidate };
            self.is_drawn[drawn / 64] |= 1 << (drawn % 64);
            self.drawn[slot] = drawn as u32;
        }
        Sample { readings: self.readings, n_features: self.n_features, drawn: &self.drawn }
    }
}

impl<'a> Sample<'a> {
    pub(super) fn len(self) -> usize {
        self.drawn.len()
    }

    pub(super) fn rows(self) -> impl Iterator<Item = &'a [f64]> {
        self.drawn.iter().map(move |&row| &self.readings[row as usize * self.n_features..][..self.n_features])
    }

    /// The values of one feature.
    pub(super) fn column(self, feature: usize) -> impl Iterator<Item = f64> {
        self.drawn.iter().map(move |&row| self.readings[row as usize * self.n_features + feature])
    }
}
