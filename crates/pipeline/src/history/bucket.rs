//! The readings of one turbine within a stretch of time, as a chart shows them.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use turbine_core::prediction::PredictionRecord;

/// The least, the mean and the greatest of some numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// The mean.
    pub mean: f64,
    /// The greatest.
    pub max: f64,
}

/// Readings of one turbine within a stretch of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// Where the stretch begins, in seconds since 1970.
    start: i64,
    /// One entry a feature.
    sensors: Box<[Sum]>,
    /// Of the smoothed surprisal; meaningless if no reading has one.
    smoothed: Sum,
    n: u32,
    n_smoothed: u32,
    anomalies: u32,
    in_alarm: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Sum {
    min: f64,
    sum: f64,
    max: f64,
}

impl Sum {
    const NONE: Sum = Sum { min: f64::INFINITY, sum: 0.0, max: f64::NEG_INFINITY };

    fn of(value: f64) -> Self {
        Sum { min: value, sum: value, max: value }
    }

    fn merge(&mut self, other: Sum) {
        self.min = self.min.min(other.min);
        self.sum += other.sum;
        self.max = self.max.max(other.max);
    }

    fn spread(self, n: u32) -> Spread {
        Spread { min: self.min, mean: self.sum / f64::from(n), max: self.max }
    }
}

impl Bucket {
    /// The bucket from `start` on that holds this row and nothing else.
    pub(super) fn of(start: i64, record: &PredictionRecord) -> Self {
        let smoothed = record.watch.smoothed_surprisal;
        Bucket {
            start,
            n: 1,
            anomalies: u32::from(record.prediction.is_anomaly),
            in_alarm: record.watch.in_alarm,
            sensors: record.values.iter().copied().map(Sum::of).collect(),
            smoothed: smoothed.map_or(Sum::NONE, Sum::of),
            n_smoothed: u32::from(smoothed.is_some()),
        }
    }

    /// Takes in a row.
    pub(super) fn add(&mut self, record: &PredictionRecord) {
        self.n += 1;
        self.anomalies += u32::from(record.prediction.is_anomaly);
        self.in_alarm |= record.watch.in_alarm;
        self.sensors.iter_mut().zip(&record.values).for_each(|(sensor, &value)| sensor.merge(Sum::of(value)));
        if let Some(smoothed) = record.watch.smoothed_surprisal {
            self.smoothed.merge(Sum::of(smoothed));
            self.n_smoothed += 1;
        }
    }

    /// The same readings in a stretch that begins earlier and is longer.
    pub(super) fn widened(self, start: i64) -> Self {
        Bucket { start, ..self }
    }

    /// Takes in the readings of another.
    pub(super) fn merge(&mut self, other: &Bucket) {
        self.n += other.n;
        self.anomalies += other.anomalies;
        self.in_alarm |= other.in_alarm;
        self.sensors.iter_mut().zip(&other.sensors).for_each(|(sensor, other)| sensor.merge(*other));
        self.smoothed.merge(other.smoothed);
        self.n_smoothed += other.n_smoothed;
    }

    /// Where it begins, in seconds since 1970.
    pub(super) fn start(&self) -> i64 {
        self.start
    }

    /// How many readings there are.
    pub fn readings(&self) -> u64 {
        self.n.into()
    }

    /// The values of each sensor, in the features' order and units.
    pub fn sensors(&self) -> impl ExactSizeIterator<Item = Spread> + '_ {
        self.sensors.iter().map(|sensor| sensor.spread(self.n))
    }

    /// About how many bytes it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.sensors)
    }
}

/// As a chart reads it.
impl Serialize for Bucket {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown {
            t: Timestamp,
            n: u32,
            min: Vec<f64>,
            mean: Vec<f64>,
            max: Vec<f64>,
            smoothed_surprisal: Option<Spread>,
            anomalies: u32,
            in_alarm: bool,
        }
        let shown = Shown {
            t: Timestamp::from_second(self.start).map_err(serde::ser::Error::custom)?,
            n: self.n,
            min: self.sensors().map(|sensor| sensor.min).collect(),
            mean: self.sensors().map(|sensor| sensor.mean).collect(),
            max: self.sensors().map(|sensor| sensor.max).collect(),
            smoothed_surprisal: (self.n_smoothed > 0).then(|| self.smoothed.spread(self.n_smoothed)),
            anomalies: self.anomalies,
            in_alarm: self.in_alarm,
        };
        shown.serialize(serializer)
    }
}
