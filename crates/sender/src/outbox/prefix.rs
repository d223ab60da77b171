//! How far a stream is answered without a hole.

use std::collections::BTreeMap;
use std::ops::Range;

/// The readings of a stream that are answered, by their numbers: requests may end in another order than they began.
#[derive(Debug, Default)]
pub(super) struct Prefix<T> {
    end: u64,
    /// Ranges behind the first hole: where each begins, its end, and what was given with it.
    ahead: BTreeMap<u64, (u64, T)>,
}

impl<T> Prefix<T> {
    /// Everything before this number is answered.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Takes in a range; what was given with the last one that the prefix now covers, if it has grown.
    pub(super) fn add(&mut self, range: Range<u64>, with: T) -> Option<T> {
        if range.is_empty() {
            return None;
        }
        // Merged with its neighbours: one reading that is never settled would otherwise keep all ranges behind it apart.
        let merged = self.ahead.remove(&range.end).unwrap_or((range.end, with));
        let before = self.ahead.range_mut(..range.start).next_back().filter(|(_, (end, _))| *end == range.start);
        match before {
            Some((_, before)) => *before = merged,
            None => {
                self.ahead.insert(range.start, merged);
            }
        }
        let (end, with) = self.ahead.remove(&self.end)?;
        self.end = end;
        Some(with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_holds_the_prefix_back() {
        let mut prefix = Prefix::default();
        assert_eq!(prefix.add(3..5, 'b'), None);
        assert_eq!((prefix.add(7..9, 'd'), prefix.end()), (None, 0));
        assert_eq!((prefix.add(0..3, 'a'), prefix.end()), (Some('b'), 5));
        assert_eq!((prefix.add(5..5, 'x'), prefix.end()), (None, 5));
        assert_eq!((prefix.add(5..7, 'c'), prefix.end()), (Some('d'), 9));
    }

    #[test]
    fn a_reading_that_is_never_settled_leaves_one_range_behind_it() {
        let mut prefix = Prefix::default();
        // Pairs end in the wrong order: 2, 1, 4, 3 …
        for i in (1..1_000).step_by(2) {
            assert_eq!((prefix.add(i + 1..i + 2, i + 1), prefix.add(i..i + 1, i)), (None, None));
            assert_eq!(prefix.ahead.len(), 1, "{:?}", prefix.ahead);
        }
        assert_eq!((prefix.add(0..1, 0), prefix.end()), (Some(1_000), 1_001));
        assert!(prefix.ahead.is_empty());
    }
}
