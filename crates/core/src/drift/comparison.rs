//! The two figures that compare a window with the training, and what chance makes of them.

use std::ops::Range;

/// A bin of the PSI holds at least one in so many training values.
const PSI_BINS: u64 = 20;

/// Added to each count, so that an empty bin has a logarithm.
const PSEUDO_COUNT: f64 = 0.5;

/// √(−ln(α/2) / 2) with α = 0.001: the distance of two samples without drift is larger once in a thousand.
const KS_CRITICAL: f64 = 1.949_475_2;

/// The values of a window compared with those of the training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// How many values the window has.
    pub values: u64,
    /// Population stability index, 0 or more.
    pub psi: f64,
    /// Mean of the index for so many values of the same distribution.
    pub psi_by_chance: f64,
    /// Kolmogorov–Smirnov distance, 0 to 1.
    pub ks: f64,
    /// Critical value of the distance at significance level 0.001 for so many values.
    pub ks_by_chance: f64,
}

/// The shares of one bin of the PSI.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// The upper end of the bin, which belongs to it, in the feature's unit; `None` for the last one.
    pub up_to: Option<f64>,
    /// Of the training values, 0 to 1.
    pub training: f64,
    /// Of the window's values, 0 to 1; `None` without any.
    pub window: Option<f64>,
}

impl Comparison {
    /// By how much the PSI exceeds what chance explains; below 0 if it does not.
    pub fn excess_psi(&self) -> f64 {
        self.psi - self.psi_by_chance
    }

    /// Compares counts in the same bins; `None` if the window has none.
    pub(super) fn new(training: &[u64], window: &[u32]) -> Option<Self> {
        let (m, n) = (sum(training), sum_of(window));
        if n == 0 {
            return None;
        }
        let groups = groups(training);
        let bins = groups.len() as f64;
        let share = |count: u64, total: u64| (count as f64 + PSEUDO_COUNT) / (total as f64 + PSEUDO_COUNT * bins);
        let psi = groups.iter().map(|group| {
            let p = share(sum(&training[group.clone()]), m);
            let q = share(sum_of(&window[group.clone()]), n);
            (q - p) * libm::log(q / p)
        });
        let (mut below_training, mut below, mut ks) = (0, 0, 0.0_f64);
        for (&of_training, &of_window) in training.iter().zip(window) {
            below_training += of_training;
            below += u64::from(of_window);
            ks = ks.max((below as f64 / n as f64 - below_training as f64 / m as f64).abs());
        }
        let noise = 1.0 / n as f64 + 1.0 / m as f64;
        Some(Comparison {
            values: n,
            psi: psi.sum(),
            psi_by_chance: (bins - 1.0) * noise,
            ks,
            ks_by_chance: KS_CRITICAL * noise.sqrt(),
        })
    }
}

/// The shares in the bins of the PSI, of counts in bins with these upper ends.
pub(super) fn shares(upper: &[f64], training: &[u64], window: &[u32]) -> Vec<Share> {
    let (m, n) = (sum(training), sum_of(window));
    let share = |group: Range<usize>| Share {
        up_to: upper.get(group.end - 1).copied(),
        training: sum(&training[group.clone()]) as f64 / m as f64,
        window: (n > 0).then(|| sum_of(&window[group]) as f64 / n as f64),
    };
    groups(training).into_iter().map(share).collect()
}

/// Neighbouring bins that are one bin of the PSI: they hold together a twentieth of the training values. A bin that holds as
/// many by itself, a frequent value, is not merged with those before it.
fn groups(counts: &[u64]) -> Vec<Range<usize>> {
    let enough = (sum(counts) / PSI_BINS).max(1);
    let (mut groups, mut begin, mut held) = (Vec::new(), 0, 0);
    for (bin, &count) in counts.iter().enumerate() {
        held += count;
        if held >= enough || counts.get(bin + 1).is_none_or(|&next| next >= enough) {
            groups.push(begin..bin + 1);
            (begin, held) = (bin + 1, 0);
        }
    }
    groups
}

fn sum(counts: &[u64]) -> u64 {
    counts.iter().sum()
}

fn sum_of(counts: &[u32]) -> u64 {
    counts.iter().map(|&count| u64::from(count)).sum()
}
