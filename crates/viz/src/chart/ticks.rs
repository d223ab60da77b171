//! Round numbers for axes, and how they are written.

/// Numbers along an axis with the text of each.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticks {
    /// Distance of two neighbours.
    pub step: f64,
    /// Value and label, rising.
    pub marks: Vec<(f64, String)>,
}

/// The smallest of 1, 2, 2.5, 5 × 10^k that is at least `least` (positive and finite).
/// With `whole`, 2.5 is left out and the step is at least 1.
pub fn round_step(least: f64, whole: bool) -> f64 {
    let least = if whole { least.max(1.0) } else { least };
    let power = 10f64.powf(least.log10().floor());
    let mantissas: &[f64] = if whole { &[1.0, 2.0, 5.0, 10.0] } else { &[1.0, 2.0, 2.5, 5.0, 10.0] };
    // A hair of slack, so that a step of 0.1 that arrives as 0.1 + 1e-17 stays 0.1.
    let found = mantissas.iter().map(|m| m * power).find(|step| *step >= least * (1.0 - 1e-9));
    found.unwrap_or(10.0 * power)
}

/// Ticks at multiples of a round step within `low..=high`, at most about `most` of them.
pub fn ticks((low, high): (f64, f64), most: usize, whole: bool) -> Ticks {
    let step = round_step((high - low) / most.max(1) as f64, whole);
    let slack = step * 1e-6;
    let first = ((low - slack) / step).ceil() as i64;
    let last = ((high + slack) / step).floor() as i64;
    let marks = (first..=last)
        .map(|i| {
            let value = i as f64 * step;
            (value, number(value, step))
        })
        .collect();
    Ticks { step, marks }
}

/// `value` with the decimals that a step of `step` needs, digits grouped by commas, and a true
/// minus sign; very large and very fine numbers as powers of ten.
pub fn number(value: f64, step: f64) -> String {
    if value == 0.0 && step < 1e-5 {
        return "0".to_owned();
    }
    if value != 0.0 && (value.abs() >= 1e7 || step < 1e-5) {
        return format!("{value:.2e}").replace('-', "−");
    }
    // Decimals until the step is a whole number of the last one: 0.25 needs two, 0.2 one.
    let decimals = (0..6).find(|d| {
        let scaled = step * 10f64.powi(*d);
        scaled >= 1.0 - 1e-9 && (scaled - scaled.round()).abs() < 1e-6
    });
    let text = format!("{:.*}", decimals.unwrap_or(6) as usize, value.abs());
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let zero = text.bytes().all(|b| b == b'0' || b == b'.');
    let sign = if value < 0.0 && !zero { "−" } else { "" };
    format!("{sign}{grouped}{fraction}")
}

/// A count with its digits grouped by commas: `12,835`.
pub fn count(n: u64) -> String {
    number(n as f64, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &Ticks) -> Vec<&str> {
        ticks.marks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn steps_are_round() {
        // (least, whole, step)
        for (least, whole, step) in [
            (0.17, false, 0.2),
            (0.21, false, 0.25),
            (0.3, false, 0.5),
            (0.1 + 1e-17, false, 0.1),
            (7.0, false, 10.0),
            (0.01, true, 1.0),
            (2.2, true, 5.0),
            (130.0, true, 200.0),
        ] {
            let got = round_step(least, whole);
            assert!((got - step).abs() < 1e-9 * step, "{least} {whole}: {got}");
        }
    }

    #[test]
    fn unit_interval() {
        // (1 - 0) / 5 = 0.2 is round already.
        assert_eq!(labels(&ticks((0.0, 1.0), 5, false)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    }

    #[test]
    fn negative_range_keeps_to_its_bounds() {
        // 85 / 4 = 21.25 → 25: the multiples within −40..45 are −25, 0, 25.
        assert_eq!(labels(&ticks((-40.0, 45.0), 4, false)), ["−25", "0", "25"]);
    }

    #[test]
    fn counts_have_no_fractions() {
        assert_eq!(labels(&ticks((0.0, 2.0), 6, true)), ["0", "1", "2"]);
    }

    #[test]
    fn numbers_are_grouped_and_signed() {
        assert_eq!(number(-12_345.0, 5.0), "−12,345");
        assert_eq!(number(0.25, 0.25), "0.25");
        assert_eq!(number(-1e-18, 0.2), "0.0");
        assert_eq!(number(2e7, 1e7), "2.00e7");
        assert_eq!(number(0.0, 1e-7), "0");
        assert_eq!(count(1_000_000), "1,000,000");
        assert_eq!(count(304), "304");
    }
}
