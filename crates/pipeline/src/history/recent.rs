//! The newest readings of each turbine in memory, in buckets of a few widths, so that what a page shows most needs no file.
//!
//! With three sensors a turbine takes up to about 125 KB, less if it sends only every ten minutes. All turbines
//! together take at most [`MAX_BYTES`]; once that is reached, no turbine's buckets reach further back than they do.

use super::bucket::Bucket;
use super::frame::{TimeFrame, floor, start};
use jiff::Timestamp;
use std::collections::{HashMap, VecDeque};
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::TurbineId;

/// Bucket widths in seconds: 300 points of them show five minutes, an hour and a day. With each the fill limit: buckets
/// of this width are added only while all buckets together take less than this percentage of [`MAX_BYTES`]. Narrow ones
/// stop first, since the rows that they leave out are the quickest to read from the log.
const WIDTHS: [(i64, usize); 3] = [(1, 40), (15, 75), (300, 100)];

/// Buckets of each width that are kept: 300 points, the one that is begun, and one at the other end.
pub(super) const MAX_BUCKETS: usize = 302;

/// The most bytes for the buckets of all turbines: enough for a thousand with three sensors.
pub(super) const MAX_BYTES: usize = 128 << 20;

/// What is known of one turbine in buckets of one width.
#[derive(Debug)]
struct Tier {
    width: i64,
    /// Total bytes of all tiers up to which this one may grow.
    max_bytes: usize,
    /// By time.
    buckets: VecDeque<Bucket>,
    /// All readings of this time and later are in the buckets, and no others; in seconds since 1970.
    known_from: i64,
}

/// The newest readings of all turbines.
#[derive(Debug, Default)]
pub(super) struct Recent {
    turbines: HashMap<Option<TurbineId>, [Tier; WIDTHS.len()]>,
    bytes: usize,
}

impl Tier {
    /// Takes in a row. `room` is how many bytes are left; returns by how many they change.
    fn take_in(&mut self, record: &PredictionRecord, room: usize) -> isize {
        let second = floor(record.timestamp);
        if second < self.known_from {
            return 0;
        }
        let start = start(second, self.width);
        // Late readings are rare: the place is near the end.
        let behind = self.buckets.iter().rev().take_while(|other| other.start() > start).count();
        let place = self.buckets.len() - behind;
        if let Some(same) = place.checked_sub(1).map(|place| &mut self.buckets[place])
            && same.start() == start
        {
            same.add(record);
            return 0;
        }
        let bucket = Bucket::of(start, record);
        let mut change = bucket.bytes() as isize;
        let is_full = self.buckets.len() >= MAX_BUCKETS || room < bucket.bytes();
        self.buckets.insert(place, bucket);
        if is_full && let Some(oldest) = self.buckets.pop_front() {
            self.known_from = oldest.start() + self.width;
            change -= oldest.bytes() as isize;
        }
        change
    }
}

impl Recent {
    /// Begins with a turbine whose rows so far are not in memory: the last one is of that time. Nothing is remembered of
    /// rows of that second.
    pub(super) fn begin(&mut self, turbine: Option<TurbineId>, last: Timestamp) {
        self.turbines.insert(turbine, tiers(floor(last).saturating_add(1)));
    }

    /// Takes in a row of the log. `is_complete` says that all turbines with rows are known: one that is not begins here.
    pub(super) fn take_in(&mut self, record: &PredictionRecord, is_complete: bool) {
        let tiers = match self.turbines.get_mut(&record.turbine_id) {
            Some(tiers) => tiers,
            None if is_complete => self.turbines.entry(record.turbine_id.clone()).or_insert_with(|| tiers(i64::MIN)),
            // It may have sent readings before it was forgotten.
            None => return,
        };
        for tier in tiers {
            let change = tier.take_in(record, tier.max_bytes.saturating_sub(self.bytes));
            self.bytes = self.bytes.saturating_add_signed(change);
        }
    }

    /// Whether the bytes are counted right and within their bound.
    #[cfg(test)]
    pub(super) fn is_bounded(&self) -> bool {
        let buckets = self.turbines.values().flatten().flat_map(|tier| &tier.buckets);
        self.bytes <= MAX_BYTES && self.bytes == buckets.map(Bucket::bytes).sum::<usize>()
    }

    pub(super) fn clear(&mut self) {
        *self = Recent::default();
    }

    /// What is known of a turbine within a time frame: buckets by time, and the second from which on they are complete. What
    /// comes before that is in the log only.
    pub(super) fn select(&self, turbine: &Option<TurbineId>, frame: &TimeFrame) -> (Vec<Bucket>, i64) {
        let tiers = self.turbines.get(turbine).into_iter().flatten();
        let fitting = tiers.filter(|tier| frame.width % tier.width == 0);
        let Some(tier) = fitting.min_by_key(|tier| tier.known_from) else { return (Vec::new(), i64::MAX) };
        let within = tier.buckets.iter().filter(|bucket| (frame.from..frame.to).contains(&bucket.start()));
        let mut selected: Vec<Bucket> = Vec::new();
        for bucket in within {
            let start = start(bucket.start(), frame.width);
            match selected.last_mut().filter(|last| last.start() == start) {
                Some(last) => last.merge(bucket),
                None => selected.push(bucket.clone().widened(start)),
            }
        }
        (selected, tier.known_from)
    }
}

fn tiers(known_from: i64) -> [Tier; WIDTHS.len()] {
    WIDTHS.map(|(width, percent)| {
        let max_bytes = MAX_BYTES / 100 * percent;
        Tier { width, max_bytes, buckets: VecDeque::new(), known_from }
    })
}
