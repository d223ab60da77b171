//! What a whole column is like.

use super::label::{Label, usual};
use super::shape::Shape;

/// Different words of a column that are kept.
const MOST_WORDS: usize = 40;

/// Values that data loggers write for "no value".
const SENTINELS: [f64; 18] = [
    -999.0,
    999.0,
    -9999.0,
    9999.0,
    -99999.0,
    99999.0,
    -999.25,
    -9999.25,
    999.9,
    9999.9,
    32767.0,
    -32768.0,
    3276.7,
    65535.0,
    6553.5,
    2_147_483_647.0,
    -2_147_483_648.0,
    4_294_967_295.0,
];
/// So often must such a value repeat to be proposed as one.
const FEWEST_SENTINELS: u64 = 3;

/// A value that looks like a sign for "no value".
#[derive(Debug, Clone, PartialEq)]
pub struct Sentinel {
    /// The column.
    pub column: String,
    /// The value.
    pub value: f64,
    /// How often it occurs.
    pub count: u64,
    /// The smallest and the largest of the column's other values.
    pub others: (f64, f64),
}

/// What a column of numbers, words or nothing is like.
#[derive(Debug, Clone, Default)]
pub(super) struct Profile {
    pub(super) rows: u64,
    pub(super) numbers: u64,
    pub(super) texts: u64,
    pub(super) words: Vec<String>,
    /// Of the rows that are not labelled as faults.
    range: Option<(f64, f64)>,
    range_without_sentinels: Option<(f64, f64)>,
    sentinels: [u64; SENTINELS.len()],
    not_labels: u64,
    shape: Shape,
}

impl Profile {
    pub(super) fn add_empty(&mut self) {
        self.rows += 1;
    }

    pub(super) fn add_text(&mut self, cell: &str) {
        self.rows += 1;
        self.texts += 1;
        self.not_labels += u64::from(usual(cell) == Label::Unknown);
        self.add_word(cell);
    }

    /// Adds a number; `is_normal` unless its row is labelled as a fault, `in_order` if it follows the one before in time.
    pub(super) fn add_number(&mut self, cell: &str, value: f64, is_normal: bool, in_order: bool) {
        self.rows += 1;
        self.numbers += 1;
        if value != 0.0 && value != 1.0 {
            self.not_labels += 1;
        }
        if self.not_labels == 0 {
            self.add_word(cell);
        }
        if in_order {
            self.shape.add(value);
        }
        let sentinel = SENTINELS.iter().position(|sentinel| *sentinel == value);
        if let Some(i) = sentinel {
            self.sentinels[i] += 1;
        }
        if is_normal {
            widen(&mut self.range, value);
            if sentinel.is_none() {
                widen(&mut self.range_without_sentinels, value);
            }
        }
    }

    fn add_word(&mut self, cell: &str) {
        if self.words.len() < MOST_WORDS && !self.words.iter().any(|word| word == cell) {
            self.words.push(cell.to_owned());
        }
    }

    /// Values that stand far out and repeat: farther from all others than those are from each other.
    pub(super) fn proposed(&self, column: &str) -> Vec<Sentinel> {
        let Some(others @ (min, max)) = self.range_without_sentinels else { return Vec::new() };
        let (far, span) = (SENTINELS.iter().zip(self.sentinels), max - min);
        let far =
            far.filter(|(value, count)| *count >= FEWEST_SENTINELS && (**value > max + span || **value < min - span));
        far.map(|(&value, count)| Sentinel { column: column.to_owned(), value, count, others }).collect()
    }

    /// Why the column has no use as a feature; `None` if it has.
    pub(super) fn unusable(&self, name: &str) -> Option<String> {
        let shown = |n: usize| {
            let more = if self.words.len() > n { ", …" } else { "" };
            format!("{}{more}", self.words.iter().take(n).cloned().collect::<Vec<_>>().join(", "))
        };
        if self.numbers + self.texts == 0 {
            return Some("empty".to_owned());
        }
        if self.is_label(name) {
            return Some(format!("looks like a label ({}); read it with --label", shown(3)));
        }
        if self.texts > self.numbers {
            let few = (2..MOST_WORDS).contains(&self.words.len()) && names_a_turbine(name);
            let hint = if few { "; if it names the turbine, add --turbine" } else { "" };
            return Some(format!("text ({}{hint})", shown(3)));
        }
        if 2 * self.numbers < self.rows {
            return Some(format!(
                "{:.0}% of its cells have no number",
                100.0 - 100.0 * self.numbers as f64 / self.rows as f64
            ));
        }
        match self.range {
            Some((min, max)) if min < max => {}
            Some((value, _)) => return Some(format!("constant, always {value}")),
            None => return Some("no number in a normal row".to_owned()),
        }
        self.shape.unusable()
    }

    fn is_label(&self, name: &str) -> bool {
        const NAMES: [&str; 6] = ["label", "fault", "anomal", "is_bad", "störung", "failure"];
        let name = name.to_lowercase();
        self.not_labels == 0 && self.words.len() <= 4 && NAMES.iter().any(|part| name.contains(part))
    }
}

fn names_a_turbine(name: &str) -> bool {
    const NAMES: [&str; 9] = ["turbine", "wtg", "asset", "unit", "device", "machine", "anlage", "wea", "id"];
    let name = name.to_lowercase();
    NAMES.iter().any(|part| name.contains(part))
}

fn widen(range: &mut Option<(f64, f64)>, value: f64) {
    let (min, max) = range.get_or_insert((value, value));
    *min = min.min(value);
    *max = max.max(value);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn profile(cells: impl IntoIterator<Item = f64>) -> Profile {
        let mut profile = Profile::default();
        cells.into_iter().for_each(|value| profile.add_number(&value.to_string(), value, true, true));
        profile
    }

    /// Values from 0 to 96 in no order.
    fn noise(n: u64) -> impl Iterator<Item = f64> {
        (0..n).map(|i| (i * 7_919 % 97) as f64)
    }

    #[test]
    fn a_sentinel_stands_far_out_and_repeats() {
        let proposed = profile(noise(500).chain([-9999.0; 3])).proposed("power");
        let expected = Sentinel { column: "power".to_owned(), value: -9999.0, count: 3, others: (0.0, 96.0) };
        assert_eq!(proposed, [expected]);
        assert!(profile(noise(500).chain([-9999.0; 2])).proposed("power").is_empty(), "too rare");
        let near = noise(500).map(|value| value * 20.0).chain([999.0, 999.0, 999.0]);
        assert!(profile(near).proposed("power").is_empty(), "among the others");
    }

    #[test]
    fn columns_without_use_are_named() {
        let mut text = Profile::default();
        ["run", "stop", "run", "idle", "off"].iter().for_each(|cell| text.add_text(cell));
        let mut gaps = profile(noise(40));
        (0..60).for_each(|_| gaps.add_empty());
        let mut empty = Profile::default();
        empty.add_empty();
        let label = profile([0.0, 1.0, 0.0]);
        // (profile, name, why)
        let cases = [
            (&text, "state", Some("text (run, stop, idle, …)")),
            (&gaps, "oil", Some("60% of its cells have no number")),
            (&empty, "oil", Some("empty")),
            (&profile([3.0; 100]), "flat", Some("constant, always 3")),
            (&label, "is_fault", Some("looks like a label (0, 1); read it with --label")),
            (&label, "valve", None),
            (&profile(noise(100)), "power", None),
            (&profile((0..100).map(f64::from)), "energy", Some("counter-like: it only rises")),
        ];
        for (profile, name, why) in cases {
            assert_eq!(profile.unusable(name).as_deref(), why, "{name}");
        }
    }

    #[test]
    fn only_normal_rows_make_a_column_vary() {
        let mut profile = profile([3.0; 10]);
        profile.add_number("9", 9.0, false, true);
        assert_eq!(profile.unusable("flat").as_deref(), Some("constant, always 3"));
    }
}
