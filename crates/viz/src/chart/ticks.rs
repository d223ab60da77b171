//! Ticks at round numbers, and number formatting.

/// The ticks of an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticks {
    /// Distance between neighbours.
    pub step: f64,
    /// Values and labels, ascending.
    pub marks: Vec<(f64, String)>,
}

/// The smallest of 1, 2, 2.5, 5 × 10^k that is at least `min` (positive and finite). With `whole`,
/// the step is a whole number.
pub fn round_step(min: f64, whole: bool) -> f64 {
    let min = if whole { min.max(1.0) } else { min };
    let power = 10f64.powf(min.log10().floor());
    let mantissas: &[f64] = if whole { &[1.0, 2.0, 5.0, 10.0] } else { &[1.0, 2.0, 2.5, 5.0, 10.0] };
    // Tolerance for rounding: 0.1 + 1e-17 gives 0.1.
    let found = mantissas.iter().map(|m| m * power).find(|step| *step >= min * (1.0 - 1e-9));
    found.unwrap_or(10.0 * power)
}

/// Ticks at multiples of a round step within `low..=high`, about `max` at most.
pub fn ticks((low, high): (f64, f64), max: usize, whole: bool) -> Ticks {
    let step = round_step((high - low) / max.max(1) as f64, whole);
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

/// `value` with the decimals that a step of `step` needs, thousands separators and a minus sign (−);
/// very large numbers and very small steps in scientific notation.
pub fn number(value: f64, step: f64) -> String {
    if value == 0.0 && step < 1e-5 {
        return "0".to_owned();
    }
    if value != 0.0 && (value.abs() >= 1e7 || step < 1e-5) {
        return format!("{value:.2e}").replace('-', "−");
    }
    // As many decimals as the step has: 0.25 has two, 0.2 one.
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

/// A count with thousands separators: `12,835`.
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
        // (minimum, whole, step)
        for (min, whole, step) in [
            (0.17, false, 0.2),
            (0.21, false, 0.25),
            (0.3, false, 0.5),
            (0.1 + 1e-17, false, 0.1),
            (7.0, false, 10.0),
            (0.01, true, 1.0),
            (2.2, true, 5.0),
            (130.0, true, 200.0),
        ] {
            let got = round_step(min, whole);
            assert!((got - step).abs() < 1e-9 * step, "{min} {whole}: {got}");
        }
    }

    #[test]
    fn unit_interval() {
        // (1 - 0) / 5 = 0.2 is round already.
        assert_eq!(labels(&ticks((0.0, 1.0), 5, false)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    }

    #[test]
    fn ticks_lie_within_a_negative_range() {
        // 85 / 4 = 21.25 → 25: the multiples within −40..45 are −25, 0, 25.
        assert_eq!(labels(&ticks((-40.0, 45.0), 4, false)), ["−25", "0", "25"]);
    }

    #[test]
    fn counts_have_whole_ticks() {
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
