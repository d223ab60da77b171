//! Numbers since 1970.

use jiff::Timestamp;

/// The years 1990 to 2100 in seconds since 1970: in this window no number is plausible in two units.
const PLAUSIBLE: std::ops::RangeInclusive<f64> = 631_152_000.0..=4_102_444_800.0;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EpochUnit {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

impl EpochUnit {
    pub(super) const ALL: [EpochUnit; 4] =
        [EpochUnit::Seconds, EpochUnit::Milliseconds, EpochUnit::Microseconds, EpochUnit::Nanoseconds];

    pub(super) fn name(self) -> &'static str {
        match self {
            EpochUnit::Seconds => "epoch-s",
            EpochUnit::Milliseconds => "epoch-ms",
            EpochUnit::Microseconds => "epoch-us",
            EpochUnit::Nanoseconds => "epoch-ns",
        }
    }

    fn in_a_second(self) -> f64 {
        match self {
            EpochUnit::Seconds => 1.0,
            EpochUnit::Milliseconds => 1e3,
            EpochUnit::Microseconds => 1e6,
            EpochUnit::Nanoseconds => 1e9,
        }
    }

    /// The unit in which a number is a time from 1990 to 2100.
    pub(super) fn of(number: f64) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| PLAUSIBLE.contains(&(number / unit.in_a_second())))
    }

    /// The moment, to the microsecond.
    pub(super) fn read(self, number: f64) -> Option<Timestamp> {
        let microseconds = (number * (1e6 / self.in_a_second())).round();
        // A float beyond the range of i64 would be cut to it.
        if microseconds.abs() < 9e18 { Timestamp::from_microsecond(microseconds as i64).ok() } else { None }
    }
}
