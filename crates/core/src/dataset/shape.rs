//! Columns that count or tell the time instead of measuring.

/// Values that the shape is told from.
const VALUES: usize = 5_000;
/// Below so many rises nothing is said.
const FEWEST_RISES: usize = 20;
/// The share of steps that may contradict, as gaps in a recording do.
const MOST_EXCEPTIONS: f64 = 0.02;

/// The first values of a column, in the order of time, and how often it falls later on.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    values: Vec<f64>,
    last: Option<f64>,
    rises: u64,
    falls: u64,
}

impl Shape {
    pub(super) fn add(&mut self, value: f64) {
        if self.values.len() < VALUES {
            self.values.push(value);
        }
        if let Some(last) = self.last.replace(value) {
            self.rises += u64::from(value > last);
            self.falls += u64::from(value < last);
        }
    }

    /// Why it is no measurement.
    pub(super) fn unusable(&self) -> Option<String> {
        let steps: Vec<f64> =
            self.values.windows(2).map(|pair| pair[1] - pair[0]).filter(|step| *step != 0.0).collect();
        let rises = steps.iter().filter(|step| **step > 0.0).count();
        if rises < FEWEST_RISES {
            return None;
        }
        if self.falls == 0 {
            return Some("counter-like: it only rises".to_owned());
        }
        // A counter that was reset, a few times in all the file.
        if self.falls * 1_000 <= self.rises {
            return Some(format!("counter-like: it rises {} times and falls {}", self.rises, self.falls));
        }
        let (min, max) =
            self.values.iter().fold((f64::MAX, f64::MIN), |(min, max), value| (min.min(*value), max.max(*value)));
        let range = max - min;
        let contradicts = |step: &&f64| if **step > 0.0 { **step > 0.25 * range } else { -**step < 0.5 * range };
        let exceptions = steps.iter().filter(contradicts).count();
        let falls = steps.len() - rises;
        let is_clock = falls > 0 && rises >= 3 * falls && exceptions as f64 <= MOST_EXCEPTIONS * steps.len() as f64;
        is_clock.then(|| format!("clock-like: it rises from {min} to {max} again and again"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unusable(values: impl Iterator<Item = f64>) -> Option<String> {
        let mut shape = Shape::default();
        values.for_each(|value| shape.add(value));
        shape.unusable()
    }

    #[test]
    fn clocks_and_counters_are_told_from_measurements() {
        let clock = |text: &Option<String>| text.as_deref().is_some_and(|text| text.starts_with("clock-like"));
        let counter = |text: &Option<String>| text.as_deref().is_some_and(|text| text.starts_with("counter-like"));
        // A row in ten minutes: hours, minutes, seconds of the day, days of the week.
        assert!(clock(&unusable((0..3_000).map(|i| f64::from(i / 6 % 24)))));
        assert!(clock(&unusable((0..3_000).map(|i| f64::from(i % 6 * 10)))));
        assert!(clock(&unusable((0..3_000).map(|i| f64::from(i % 144 * 600)))));
        assert!(clock(&unusable((0..5_000).map(|i| f64::from(i / 144 % 7)))));
        // With a gap.
        assert!(clock(&unusable((0..3_000).filter(|i| !(500..570).contains(i)).map(|i| f64::from(i / 6 % 24)))));
        // Energy, and energy that was reset.
        assert!(counter(&unusable((0..3_000).map(|i| f64::from(i) * 0.5))));
        assert!(counter(&unusable((0..9_000).map(|i| f64::from(i % 4_000)))));
        // A daily cycle with noise, a valve, a step, few values.
        let noise = |i: i32| f64::from(i * 7_919 % 97) / 97.0;
        assert_eq!(unusable((0..3_000).map(|i| (f64::from(i) / 23.0).sin() + noise(i))), None);
        assert_eq!(unusable((0..3_000).map(|i| f64::from(i / 50 % 2))), None);
        assert_eq!(unusable((0..3_000).map(|i| f64::from(i / 200))), None);
        assert_eq!(unusable((0..15).map(f64::from)), None);
    }

    #[test]
    fn a_smooth_daily_cycle_is_a_measurement() {
        assert_eq!(unusable((0..3_000).map(|i| (f64::from(i) / 23.0).sin())), None);
    }
}
