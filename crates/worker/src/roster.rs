//! Which workers are alive, and which partitions are whose. For efficiency only: two workers on one partition do no harm.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How often a worker tells that it is alive.
pub const HEARTBEAT: Duration = Duration::from_millis(300);

/// How long a worker counts as alive after it was heard.
pub const ALIVE: Duration = Duration::from_millis(1_500);

/// The workers that were heard, this one among them.
#[derive(Debug)]
pub struct Roster {
    own: String,
    heard: BTreeMap<String, Instant>,
}

impl Roster {
    /// An empty roster, kept by the worker of that name.
    pub fn new(own: String) -> Self {
        Roster { own, heard: BTreeMap::new() }
    }

    /// A worker was heard.
    pub fn heard(&mut self, worker: &str, now: Instant) {
        self.heard.insert(worker.to_owned(), now);
    }

    /// A worker said that it leaves.
    pub fn left(&mut self, worker: &str) {
        self.heard.remove(worker);
    }

    /// This worker's partitions of so many; none while it does not hear itself, since the others do not hear it either.
    pub fn share(&mut self, partitions: u32, now: Instant) -> BTreeSet<u32> {
        self.heard.retain(|_, heard| now.duration_since(*heard) < ALIVE);
        let Some(place) = self.heard.keys().position(|worker| *worker == self.own) else { return BTreeSet::new() };
        (0..partitions).filter(|partition| *partition as usize % self.heard.len() == place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_shared_by_those_alive() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut roster = Roster::new("b".to_owned());
        let share =
            |roster: &mut Roster, milliseconds| -> Vec<u32> { roster.share(7, at(milliseconds)).into_iter().collect() };
        assert_eq!(share(&mut roster, 0), Vec::<u32>::new());
        for worker in ["c", "b", "a"] {
            roster.heard(worker, at(0));
        }
        // In the order a, b, c the second one has 1, 4, …
        assert_eq!(share(&mut roster, 0), [1, 4]);
        roster.heard("b", at(1_000));
        roster.heard("c", at(1_000));
        // a was last heard 1.5 s ago; b is the first of two.
        assert_eq!(share(&mut roster, 1_500), [0, 2, 4, 6]);
        roster.left("c");
        assert_eq!(share(&mut roster, 1_500), [0, 1, 2, 3, 4, 5, 6]);
        // Not even heard by itself.
        roster.heard("c", at(2_000));
        assert_eq!(share(&mut roster, 2_600), Vec::<u32>::new());
    }
}
