//! Histograms of one or more groups on common bins.

use super::bars::{Bar, Bars};
use super::plot::Plot;
use super::style::Color;
use super::{Axis, ticks};

/// Groups of values on common bins. Bars show shares of their group, so that a group of 5 % is as
/// legible as the other 95 %.
pub struct Histogram<'a> {
    title: String,
    axis: String,
    groups: Vec<(String, Color, &'a [f64])>,
}

impl<'a> Histogram<'a> {
    /// An empty histogram; `axis` is the axis title: name and unit of the values.
    pub fn new(title: impl Into<String>, axis: impl Into<String>) -> Self {
        Self { title: title.into(), axis: axis.into(), groups: Vec::new() }
    }

    /// Adds a group; non-finite values are ignored. The legend shows the number of values.
    pub fn group(mut self, label: impl Into<String>, color: Color, values: &'a [f64]) -> Self {
        self.groups.push((label.into(), color, values));
        self
    }

    /// The histogram as a plot.
    pub fn plot(&self) -> Plot<'static> {
        let edges = edges(self.groups.iter().flat_map(|(_, _, values)| values.iter().copied()));
        let several = self.groups.len() > 1;
        let share = if several { "share of the class (%)" } else { "share of readings (%)" };
        let mut plot = Plot::new(&self.title, Axis::number(&self.axis), Axis::number(share).covering(0.0, 0.0));
        for (label, color, values) in &self.groups {
            let (counts, total) = counts(&edges, values);
            let bars = edges
                .windows(2)
                .zip(&counts)
                .map(|(pair, n)| Bar {
                    from: pair[0],
                    to: pair[1],
                    height: if total == 0 { 0.0 } else { *n as f64 / total as f64 * 100.0 },
                })
                .collect();
            let label = format!("{label} (n = {})", ticks::count(total));
            plot.push(Bars::new(label, *color, bars).outlined());
        }
        plot
    }
}

/// Bin edges by the Freedman–Diaconis rule over all values: 12 to 60 bins of a round width.
fn edges(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(&low), Some(&high)) = (sorted.first(), sorted.last()) else { return vec![0.0, 1.0] };
    if low == high {
        return vec![low - 0.5, low + 0.5];
    }
    let quantile = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
    let spread = quantile(0.75) - quantile(0.25);
    let ideal = 2.0 * spread / (sorted.len() as f64).cbrt();
    let span = high - low;
    let width = ticks::round_step(ideal.clamp(span / 60.0, span / 12.0), false);
    let first = (low / width).floor();
    let last = (high / width).floor() + 1.0;
    (0..=(last - first) as usize).map(|i| (first + i as f64) * width).collect()
}

fn counts(edges: &[f64], values: &[f64]) -> (Vec<u64>, u64) {
    let bins = edges.len() - 1;
    let mut counts = vec![0; bins];
    let mut total = 0;
    for value in values.iter().filter(|v| v.is_finite()) {
        let bin = edges.partition_point(|edge| edge <= value).saturating_sub(1).min(bins - 1);
        counts[bin] += 1;
        total += 1;
    }
    (counts, total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_value_is_in_one_bin() {
        let values = [0.0, 0.1, 0.5, 0.5, 2.5, 9.99, 10.0, f64::NAN];
        let edges = edges(values.into_iter());
        assert!(edges[0] <= 0.0 && edges[edges.len() - 1] > 10.0);
        let (counts, total) = counts(&edges, &values);
        assert_eq!((counts.iter().sum::<u64>(), total), (7, 7));
    }

    #[test]
    fn a_value_on_an_edge_belongs_to_the_upper_bin() {
        let (counts, _) = counts(&[0.0, 1.0, 2.0], &[0.0, 1.0, 1.5]);
        assert_eq!(counts, [1, 2]);
    }

    #[test]
    fn the_number_of_bins_is_bounded() {
        // With one far outlier the rule alone would give thousands of bins.
        let outlier = (0..1000).map(|i| f64::from(i) / 1000.0).chain([1e4]);
        assert!((6..=62).contains(&edges(outlier).len()));
        let spike = std::iter::repeat_n(1.0, 1000).chain([2.0]);
        assert!((6..=62).contains(&edges(spike).len()));
    }

    #[test]
    fn constant_and_missing_values_have_one_bin() {
        assert_eq!(edges([3.0, 3.0].into_iter()), [2.5, 3.5]);
        assert_eq!(edges([].into_iter()), [0.0, 1.0]);
    }
}
