//! Which stretch of time is shown, and in how wide buckets.

use jiff::Timestamp;

/// Widths of buckets, in seconds: times that a clock shows. Wider ones are whole days.
const WIDTHS: [i64; 19] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800];

const DAY: i64 = 86_400;

/// A stretch of time in whole buckets, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeFrame {
    /// Where the first bucket begins.
    pub(super) from: i64,
    /// Where the last one ends.
    pub(super) to: i64,
    /// The width of a bucket.
    pub(super) width: i64,
}

impl TimeFrame {
    /// The narrowest buckets of which at most `points`, at least 1, hold all times from `from` to `to`.
    pub(super) fn new(from: Timestamp, to: Timestamp, points: i64) -> Self {
        // `as_second` rounds towards 1970.
        let (from, to) = (floor(from), floor(to).max(floor(from)));
        let in_buckets = |width: i64| {
            let frame = TimeFrame { from: start(from, width), to: start(to, width) + width, width };
            ((frame.to - frame.from) / width <= points).then_some(frame)
        };
        let days = (to - from) / DAY / points;
        let wider = (days.max(1)..).map(|days| days * DAY);
        WIDTHS.into_iter().chain(wider).find_map(in_buckets).expect("two buckets are wide enough at some width")
    }

    /// Where the bucket of a time begins; `None` if it is outside.
    pub(super) fn bucket(&self, time: Timestamp) -> Option<i64> {
        let second = floor(time);
        (second >= self.from && second < self.to).then(|| start(second, self.width))
    }
}

/// The last whole second that is not behind the time.
pub(super) fn floor(time: Timestamp) -> i64 {
    time.as_second() - i64::from(time.subsec_nanosecond() < 0)
}

/// Where the bucket of that second begins.
pub(super) fn start(second: i64, width: i64) -> i64 {
    second - second.rem_euclid(width)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn buckets_are_as_narrow_as_the_points_allow_and_whole() {
        for (from, to, points, expected_from, expected_to, width) in [
            // 24 h in 300 points: 288 s a point, and 5 min are a width.
            ("2026-01-30T12:00:00Z", "2026-01-31T12:00:00Z", 300, "2026-01-30T12:00:00Z", "2026-01-31T12:05:00Z", 300),
            // 1 h: 12 s a point.
            ("2026-01-31T11:00:01Z", "2026-01-31T12:00:01Z", 300, "2026-01-31T11:00:00Z", "2026-01-31T12:00:15Z", 15),
            // 30 days: 2.4 h a point.
            (
                "2026-01-01T01:00:00Z",
                "2026-01-31T01:00:00Z",
                300,
                "2026-01-01T00:00:00Z",
                "2026-01-31T03:00:00Z",
                10_800,
            ),
            ("2026-01-31T12:00:00.5Z", "2026-01-31T12:00:00.5Z", 10, "2026-01-31T12:00:00Z", "2026-01-31T12:00:01Z", 1),
            // 11 seconds in 10 points.
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:10.9Z", 10, "2026-01-31T12:00:00Z", "2026-01-31T12:00:12Z", 2),
            ("1969-12-31T23:59:59.5Z", "1970-01-01T00:00:01Z", 10, "1969-12-31T23:59:59Z", "1970-01-01T00:00:02Z", 1),
        ] {
            let frame = TimeFrame::new(from.parse().unwrap(), to.parse().unwrap(), points);
            let second = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
            assert_eq!(
                (frame.from, frame.to, frame.width),
                (second(expected_from), second(expected_to), width),
                "{from}"
            );
            assert!((frame.to - frame.from) / frame.width <= points && frame.from % frame.width == 0, "{frame:?}");
            for time in [from, to] {
                let bucket = frame.bucket(time.parse().unwrap()).unwrap();
                assert!((frame.from..frame.to).contains(&bucket), "{time} in {frame:?}");
            }
            assert_eq!(frame.bucket(Timestamp::from_second(frame.to).unwrap()), None);
            assert_eq!(frame.bucket(Timestamp::from_second(frame.from - 1).unwrap()), None);
        }
        for points in [10, 300, 2_000] {
            let whole = TimeFrame::new(Timestamp::MIN, Timestamp::MAX, points);
            assert!((whole.to - whole.from) / whole.width <= points && whole.width % DAY == 0, "{whole:?}");
        }
    }
}
