//! One limit for the bytes of all request bodies and answers that are in memory together.

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Granularity of a reservation, in bytes. A small request and its answer need one step.
const STEP: usize = 1 << 10;

/// The memory for requests and answers; clones share it.
#[derive(Debug, Clone)]
pub struct MemoryBudget(Arc<Budget>);

#[derive(Debug)]
struct Budget {
    limit: usize,
    held: AtomicUsize,
}

/// The memory for requests and answers is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the service holds {held} bytes of requests and answers (limit {limit}); retry later")]
pub struct MemoryExhausted {
    /// Bytes held.
    pub held: usize,
    /// Most bytes that may be held.
    pub limit: usize,
}

impl MemoryBudget {
    /// A budget of so many bytes.
    pub fn new(limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        MemoryBudget(Arc::new(Budget { limit, held: AtomicUsize::new(0) }))
    }

    /// An empty reservation.
    pub fn reservation(&self) -> Reservation {
        Reservation { budget: self.0.clone(), bytes: 0, reserved: 0 }
    }

    /// Bytes reserved, in steps of 1 KiB a reservation.
    pub fn held(&self) -> usize {
        self.0.held.load(Relaxed)
    }
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<Budget>,
    bytes: usize,
    /// `bytes`, rounded up to whole steps.
    reserved: usize,
}

impl Reservation {
    /// Reserves so many bytes more.
    ///
    /// # Errors
    /// If the budget does not have them; the reservation is as before.
    pub fn grow(&mut self, more: usize) -> Result<(), MemoryExhausted> {
        let bytes = self.bytes.saturating_add(more);
        if bytes > self.reserved {
            let Budget { limit, held } = &*self.budget;
            let reserved = bytes.checked_next_multiple_of(STEP).unwrap_or(usize::MAX);
            let step = reserved - self.reserved;
            let before = held.fetch_add(step, Relaxed);
            if before.checked_add(step).is_none_or(|held| held > *limit) {
                held.fetch_sub(step, Relaxed);
                return Err(MemoryExhausted { held: before, limit: *limit });
            }
            self.reserved = reserved;
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Gives back what is above so many bytes.
    pub fn shrink_to(&mut self, bytes: usize) {
        if bytes < self.bytes {
            self.fit(bytes);
        }
    }

    /// Reserves so many bytes, no more and no fewer, even if they are beyond the limit.
    fn fit(&mut self, bytes: usize) {
        let reserved = bytes.next_multiple_of(STEP);
        let held = &self.budget.held;
        match reserved.checked_sub(self.reserved) {
            Some(0) => {}
            Some(more) => _ = held.fetch_add(more, Relaxed),
            None => _ = held.fetch_sub(self.reserved - reserved, Relaxed),
        }
        (self.bytes, self.reserved) = (bytes, reserved);
    }

    /// An answer that keeps the reservation until its last byte is sent.
    /// An answer that turned out larger than was reserved is held all the same.
    pub fn hold(mut self, answer: Vec<u8>) -> Bytes {
        self.fit(answer.capacity());
        Bytes::from_owner(Held { answer, _reservation: self })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.reserved, Relaxed);
    }
}

struct Held {
    answer: Vec<u8>,
    _reservation: Reservation,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.answer
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_reservation_that_does_not_fit_is_refused_and_changes_nothing() {
        let budget = MemoryBudget::new(4 << 10);
        let (mut one, mut other) = (budget.reservation(), budget.reservation());
        one.grow(1).unwrap();
        one.grow(1023).unwrap();
        assert_eq!(budget.held(), 1024);
        other.grow(3000).unwrap();
        assert_eq!(budget.held(), 4096);
        let exhausted = MemoryExhausted { held: 4096, limit: 4096 };
        assert_eq!((one.grow(1), one.grow(usize::MAX), budget.held()), (Err(exhausted), Err(exhausted), 4096));
        // What was rounded up is there to be used.
        other.grow(72).unwrap();
        other.shrink_to(1025);
        assert_eq!(budget.held(), 1024 + 2048);
        drop(other);
        one.grow(3072).unwrap();
        assert_eq!(budget.held(), 4096);
    }

    #[test]
    fn an_answer_is_held_until_its_last_clone_is_dropped() {
        let budget = MemoryBudget::new(1 << 20);
        let mut reservation = budget.reservation();
        reservation.grow(10_000).unwrap();
        let answer = reservation.hold(vec![0; 2_000]);
        assert_eq!(budget.held(), 2048);
        let part = answer.slice(..10);
        drop(answer);
        assert_eq!(budget.held(), 2048);
        drop(part);
        assert_eq!(budget.held(), 0);
    }
}
