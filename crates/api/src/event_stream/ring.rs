//! The last ticks, for all readers.

use super::frame::EventId;
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use turbine_core::reading::TurbineId;

/// The most ticks that are kept.
const MAX_TICKS: usize = 120;

/// The most bytes of ticks that are kept, except that the newest always is.
const MAX_BYTES: usize = 8 << 20;

/// How many ticks a reader may be behind: catching up with more takes longer than to start again.
const MAX_BEHIND: u64 = 16;

/// What is sent of one second.
#[derive(Debug, Clone)]
pub(super) struct Tick {
    pub(super) id: EventId,
    /// What changed, for all; empty for the tick that everything begins with.
    pub(super) text: Bytes,
    /// The readings of turbines that are watched.
    pub(super) readings: HashMap<Option<TurbineId>, Bytes>,
    /// Whether more changed than it says: readers begin again behind it.
    pub(super) is_incomplete: bool,
}

impl Tick {
    /// Nothing changed, and nothing is sent.
    pub(super) fn empty(id: EventId) -> Self {
        Tick { id, text: Bytes::new(), readings: HashMap::new(), is_incomplete: false }
    }

    fn len(&self) -> usize {
        self.text.len() + self.readings.values().map(Bytes::len).sum::<usize>()
    }
}

/// The last ticks, and the snapshot behind the newest.
#[derive(Debug, Default)]
pub(super) struct Ring {
    ticks: VecDeque<Tick>,
    bytes: usize,
    snapshot: Option<(u64, Bytes)>,
}

/// What a reader gets next.
#[derive(Debug, Clone)]
pub(super) enum Next {
    /// What changed, behind the readings of the reader's turbine.
    Tick {
        /// The tick's number.
        number: u64,
        /// The frames, each perhaps empty.
        frames: [Bytes; 2],
        /// As [`Tick::is_incomplete`].
        is_incomplete: bool,
    },
    /// This snapshot, behind which the tick of that number is the last one that it knows.
    Snapshot(u64, Bytes),
    /// A snapshot that is still to be written.
    NewSnapshot,
    /// Nothing yet.
    Wait,
}

impl Ring {
    pub(super) fn push(&mut self, tick: Tick) {
        self.bytes += tick.len();
        self.ticks.push_back(tick);
        while self.ticks.len() > MAX_TICKS || (self.bytes > MAX_BYTES && self.ticks.len() > 1) {
            let oldest = self.ticks.pop_front();
            self.bytes -= oldest.map_or(0, |tick| tick.len());
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Ring::default();
    }

    /// The newest tick, if there is any.
    pub(super) fn newest(&self) -> Option<EventId> {
        self.ticks.back().map(|tick| tick.id)
    }

    /// Keeps a snapshot that was written when this tick was the newest.
    pub(super) fn keep_snapshot(&mut self, number: u64, text: Bytes) {
        self.snapshot = Some((number, text));
    }

    /// What a reader gets that knows all ticks up to `position`, `None` = none, with the readings of `turbine`. One that
    /// comes back may be as far behind as there are ticks.
    pub(super) fn next(&self, position: Option<u64>, came_back: bool, turbine: Option<&Option<TurbineId>>) -> Next {
        let Some(newest) = self.newest().map(|id| id.number) else { return Next::Wait };
        let Some((position, behind)) = position.and_then(|position| Some((position, newest.checked_sub(position)?)))
        else {
            return self.fresh(newest);
        };
        let oldest = newest + 1 - self.ticks.len() as u64;
        if behind == 0 {
            Next::Wait
        } else if position + 1 >= oldest && (came_back || behind <= MAX_BEHIND) {
            let tick = &self.ticks[(position + 1 - oldest) as usize];
            let readings = turbine.and_then(|turbine| tick.readings.get(turbine)).cloned();
            let frames = [readings.unwrap_or_default(), tick.text.clone()];
            Next::Tick { number: tick.id.number, frames, is_incomplete: tick.is_incomplete }
        } else {
            self.fresh(newest)
        }
    }

    fn fresh(&self, newest: u64) -> Next {
        match &self.snapshot {
            Some((number, text)) if *number == newest => Next::Snapshot(newest, text.clone()),
            _ => Next::NewSnapshot,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tick(number: u64, length: usize) -> Tick {
        Tick { text: vec![b'x'; length].into(), ..Tick::empty(EventId { boot: 7, number }) }
    }

    fn is_tick(next: &Next, expected: u64) -> bool {
        matches!(next, Next::Tick { number, .. } if *number == expected)
    }

    #[test]
    fn a_reader_gets_the_next_tick_or_starts_again() {
        let mut ring = Ring::default();
        assert!(matches!(ring.next(None, false, None), Next::Wait));
        (101..=300).for_each(|number| ring.push(tick(number, 10)));
        for (position, came_back, expected) in [
            (300, false, None),
            (299, false, Some(300)),
            (284, false, Some(285)),
            // 17 behind.
            (283, true, Some(284)),
            // 120 are kept: 181 to 300.
            (180, true, Some(181)),
        ] {
            let next = ring.next(Some(position), came_back, None);
            let right = expected.map_or(matches!(next, Next::Wait), |expected| is_tick(&next, expected));
            assert!(right, "{position} {came_back}: {next:?}");
        }
        for (position, came_back) in [(None, false), (Some(283), false), (Some(179), true), (Some(301), true)] {
            let next = ring.next(position, came_back, None);
            assert!(matches!(next, Next::NewSnapshot), "{position:?} {came_back}: {next:?}");
        }
        ring.keep_snapshot(300, "all".into());
        assert!(matches!(ring.next(None, false, None), Next::Snapshot(300, text) if text == "all"));
        ring.push(tick(301, 10));
        assert!(matches!(ring.next(None, false, None), Next::NewSnapshot), "what changed with tick 301 is not in it");
    }

    #[test]
    fn readings_come_with_their_turbine_only() {
        let mut ring = Ring::default();
        let turbine = |name: &str| Some(name.parse::<TurbineId>().unwrap());
        ring.push(tick(1, 1));
        ring.push(Tick { readings: HashMap::from([(turbine("T1"), Bytes::from("readings"))]), ..tick(2, 1) });
        for (asked, expected) in
            [(None, ""), (Some(None), ""), (Some(turbine("T2")), ""), (Some(turbine("T1")), "readings")]
        {
            let next = ring.next(Some(1), false, asked.as_ref());
            assert!(matches!(&next, Next::Tick { frames, .. } if *frames == [expected, "x"]), "{asked:?}: {next:?}");
        }
    }

    #[test]
    fn large_ticks_are_kept_as_long_as_there_is_room() {
        let mut ring = Ring::default();
        for number in 1..=3 {
            ring.push(tick(number, MAX_BYTES / 2));
        }
        assert!((ring.ticks.len(), ring.bytes) == (2, MAX_BYTES) && is_tick(&ring.next(Some(1), true, None), 2));
        ring.push(tick(4, 2 * MAX_BYTES));
        assert_eq!((ring.ticks.len(), ring.bytes), (1, 2 * MAX_BYTES));
        ring.push(tick(5, 1));
        assert_eq!((ring.ticks.len(), ring.bytes), (1, 1));
    }
}
