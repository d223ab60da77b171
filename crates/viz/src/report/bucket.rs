//! Time buckets of equal width, aligned to 1970.

use anyhow::bail;
use jiff::Timestamp;
use std::fmt;
use std::str::FromStr;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const MAX_WIDTH: i64 = 366 * DAY;

/// The width of a bucket in whole seconds, 1 second to 366 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket(i64);

impl Bucket {
    /// The contract's bucket.
    const DEFAULT: Bucket = Bucket(5 * MINUTE);

    /// Wider defaults for longer logs.
    const WIDER: [Bucket; 12] = [
        Bucket(10 * MINUTE),
        Bucket(15 * MINUTE),
        Bucket(30 * MINUTE),
        Bucket(HOUR),
        Bucket(2 * HOUR),
        Bucket(3 * HOUR),
        Bucket(6 * HOUR),
        Bucket(12 * HOUR),
        Bucket(DAY),
        Bucket(2 * DAY),
        Bucket(7 * DAY),
        Bucket(28 * DAY),
    ];

    /// The width in seconds.
    pub fn seconds(self) -> i64 {
        self.0
    }
}

impl FromStr for Bucket {
    type Err = String;

    /// A whole number with a unit: `30s`, `5m`, `10min`, `1h`, `1d`; seconds without a unit.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let unit = match unit.trim() {
            "" | "s" | "sec" => 1,
            "m" | "min" => MINUTE,
            "h" => HOUR,
            "d" => DAY,
            _ => return Err("a bucket is a whole number with a unit, such as 30s, 5m, 1h or 1d".to_owned()),
        };
        let seconds = number.parse::<i64>().ok().and_then(|n| n.checked_mul(unit));
        match seconds {
            Some(seconds) if (1..=MAX_WIDTH).contains(&seconds) => Ok(Bucket(seconds)),
            _ => Err("a bucket is 1 second to 366 days wide, such as 30s, 5m, 1h or 1d".to_owned()),
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            s if s % DAY == 0 => write!(f, "{} d", s / DAY),
            s if s % HOUR == 0 => write!(f, "{} h", s / HOUR),
            s if s % MINUTE == 0 => write!(f, "{} min", s / MINUTE),
            s => write!(f, "{s} s"),
        }
    }
}

/// Seconds since 1970, rounded down.
pub fn second(at: Timestamp) -> i64 {
    at.as_nanosecond().div_euclid(1_000_000_000) as i64
}

/// The buckets that cover a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buckets {
    width: Bucket,
    /// Start of the first bucket, in seconds since 1970.
    start: i64,
    len: usize,
}

impl Buckets {
    /// Maximum number with a default width: more points on a line are indistinguishable.
    const MAX_BY_DEFAULT: usize = 300;
    /// Maximum number with `--bucket`; a year has 105,120 buckets of 5 minutes.
    const MAX: usize = 200_000;

    /// The buckets that cover `first` to `last`, of the width given or of a default width.
    ///
    /// # Errors
    /// If there are too many buckets of the width given.
    pub fn over((first, last): (Timestamp, Timestamp), width: Option<Bucket>) -> anyhow::Result<Self> {
        let over = |width: Bucket| {
            let start = second(first).div_euclid(width.0);
            let len = second(last).div_euclid(width.0) - start + 1;
            Buckets { width, start: start * width.0, len: len as usize }
        };
        if let Some(width) = width {
            let buckets = over(width);
            if buckets.len > Self::MAX {
                bail!(
                    "{first} to {last} are {} buckets of {width}, more than the {} that can be drawn: widen --bucket, or \
                     narrow the period with --from and --to",
                    buckets.len,
                    Self::MAX
                );
            }
            return Ok(buckets);
        }
        let widths = std::iter::once(Bucket::DEFAULT).chain(Bucket::WIDER);
        let legible = widths.map(over).find(|buckets| buckets.len <= Self::MAX_BY_DEFAULT);
        // The widest default covers 22 years; a log beyond that contains wrong times and is drawn all the same.
        Ok(legible.unwrap_or_else(|| over(Bucket(MAX_WIDTH))))
    }

    /// The number of buckets, at least 1.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The width of a bucket.
    pub fn width(&self) -> Bucket {
        self.width
    }

    /// The index of the bucket that contains `at`.
    pub fn index(&self, at: Timestamp) -> Option<usize> {
        let i = usize::try_from((second(at) - self.start).div_euclid(self.width.0)).ok()?;
        (i < self.len).then_some(i)
    }

    /// The start of bucket `i` in seconds since 1970; for `i = len()`, the end of the last one.
    pub fn start(&self, i: usize) -> f64 {
        (self.start + i as i64 * self.width.0) as f64
    }

    /// The middle of bucket `i` in seconds since 1970.
    pub fn middle(&self, i: usize) -> f64 {
        self.start(i) + self.width.0 as f64 / 2.0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn widths_are_parsed_and_displayed() {
        for (text, seconds, written) in [
            ("5m", 300, "5 min"),
            ("10min", 600, "10 min"),
            ("1h", 3600, "1 h"),
            ("90", 90, "90 s"),
            (" 30 s", 30, "30 s"),
            ("2d", 172_800, "2 d"),
        ] {
            let bucket: Bucket = text.parse().unwrap();
            assert_eq!((bucket.seconds(), bucket.to_string().as_str()), (seconds, written), "{text}");
        }
        for text in ["", "0", "-5m", "1.5h", "m", "5 weeks", "367d", "99999999999999999999"] {
            assert!(text.parse::<Bucket>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_bucket_includes_its_start_and_excludes_its_end() {
        let span = (at("2026-03-01T10:04:59.9Z"), at("2026-03-01T10:10:00Z"));
        let buckets = Buckets::over(span, None).unwrap();
        // 10:00, 10:05 and 10:10.
        assert_eq!(buckets.len(), 3);
        assert_eq!(buckets.index(span.0), Some(0));
        assert_eq!(buckets.index(at("2026-03-01T10:05:00Z")), Some(1));
        assert_eq!(buckets.index(span.1), Some(2));
        assert_eq!(buckets.index(at("2026-03-01T10:15:00Z")), None);
        assert_eq!(buckets.index(at("2026-03-01T09:59:59Z")), None);
        assert_eq!(buckets.middle(0), second(at("2026-03-01T10:02:30Z")) as f64);
    }

    #[test]
    fn times_before_1970_round_down() {
        // Half a second before 1970 is in second −1, in the bucket that starts at −300.
        let before = at("1969-12-31T23:59:59.5Z");
        assert_eq!(second(before), -1);
        assert_eq!(Buckets::over((before, before), None).unwrap().start(0), -300.0);
    }

    #[test]
    fn only_the_default_width_grows_with_the_log() {
        let start = at("2026-01-01T00:00:00Z");
        let span = |hours: i64| (start, start + jiff::SignedDuration::from_hours(hours));
        // 24 h are 289 buckets of 5 min; 90 days are 2160 h, 361 buckets of 6 h or 181 of 12 h.
        assert_eq!(Buckets::over(span(24), None).unwrap().width(), Bucket(5 * MINUTE));
        assert_eq!(Buckets::over(span(2160), None).unwrap().width(), Bucket(12 * HOUR));
        let given = Buckets::over(span(2160), Some(Bucket(300))).unwrap();
        assert_eq!((given.width(), given.len()), (Bucket(300), 25_921));
    }

    #[test]
    fn too_many_buckets_are_refused_with_the_remedy() {
        let span = (at("1970-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z"));
        let error = Buckets::over(span, Some(Bucket(1))).unwrap_err().to_string();
        assert!(error.contains("1 s") && error.contains("--from") && error.contains("--bucket"), "{error}");
        assert!(Buckets::over(span, None).unwrap().len() <= Buckets::MAX_BY_DEFAULT);
    }
}
