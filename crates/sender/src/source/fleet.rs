//! The turbines that readings are sent for.

use std::num::NonZeroU64;
use turbine_core::reading::TurbineId;

/// Turbines that take turns: `WT-01`, `WT-02` … and again from the first.
#[derive(Debug, Clone)]
pub struct Fleet {
    ids: Vec<TurbineId>,
    turn: usize,
}

impl Fleet {
    /// `turbines` turbines, numbered with as many digits as the last needs, at least two.
    pub fn new(turbines: NonZeroU64) -> Self {
        let digits = turbines.to_string().len().max(2);
        let id = |i: u64| format!("WT-{i:0digits$}").parse().expect("letters, digits and a dash make a turbine's name");
        Fleet { ids: (1..=turbines.get()).map(id).collect(), turn: 0 }
    }

    /// How many there are.
    pub fn turbines(&self) -> usize {
        self.ids.len()
    }

    /// Whose turn it is, with its place among the turbines.
    pub fn take_turn(&mut self) -> (usize, &TurbineId) {
        let place = self.turn;
        self.turn = (place + 1) % self.ids.len();
        (place, &self.ids[place])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn first_turns(turbines: u64, turns: usize) -> Vec<String> {
        let mut fleet = Fleet::new(NonZeroU64::new(turbines).unwrap());
        (0..turns).map(|_| fleet.take_turn().1.to_string()).collect()
    }

    #[test]
    fn turbines_take_turns() {
        assert_eq!(first_turns(3, 7), ["WT-01", "WT-02", "WT-03", "WT-01", "WT-02", "WT-03", "WT-01"]);
        assert_eq!(first_turns(1, 2), ["WT-01", "WT-01"]);
    }

    #[test]
    fn large_fleets_have_longer_numbers() {
        assert_eq!(first_turns(100, 1), ["WT-001"]);
        assert_eq!(first_turns(10_000, 10_000).last().unwrap(), "WT-10000");
    }
}
