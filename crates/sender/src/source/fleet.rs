//! The turbines that readings are sent for.

use std::num::NonZeroU64;
use turbine_core::reading::TurbineId;

/// The turbines `WT-01`, `WT-02` …, taken in turn.
#[derive(Debug, Clone)]
pub struct Fleet {
    ids: Vec<TurbineId>,
    next: usize,
}

impl Fleet {
    /// `turbines` turbines, numbered with as many digits as the last one needs, at least two.
    pub fn new(turbines: NonZeroU64) -> Self {
        let digits = turbines.to_string().len().max(2);
        let id = |i: u64| format!("WT-{i:0digits$}").parse().expect("letters, digits and a dash are a turbine id");
        Fleet { ids: (1..=turbines.get()).map(id).collect(), next: 0 }
    }

    /// The number of turbines.
    pub fn turbines(&self) -> usize {
        self.ids.len()
    }

    /// The ids of all turbines.
    pub fn ids(&self) -> &[TurbineId] {
        &self.ids
    }

    /// The id of the turbine with this index.
    ///
    /// # Panics
    /// If there are not so many turbines.
    pub fn id(&self, index: usize) -> &TurbineId {
        &self.ids[index]
    }

    /// The index and id of the next turbine.
    pub fn next_turbine(&mut self) -> (usize, &TurbineId) {
        let index = self.next;
        self.next = (index + 1) % self.ids.len();
        (index, &self.ids[index])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn first(turbines: u64, n: usize) -> Vec<String> {
        let mut fleet = Fleet::new(NonZeroU64::new(turbines).unwrap());
        (0..n).map(|_| fleet.next_turbine().1.to_string()).collect()
    }

    #[test]
    fn turbines_are_taken_in_turn() {
        assert_eq!(first(3, 7), ["WT-01", "WT-02", "WT-03", "WT-01", "WT-02", "WT-03", "WT-01"]);
        assert_eq!(first(1, 2), ["WT-01", "WT-01"]);
    }

    #[test]
    fn large_fleets_have_more_digits() {
        assert_eq!(first(100, 1), ["WT-001"]);
        assert_eq!(first(10_000, 10_000).last().unwrap(), "WT-10000");
    }
}
