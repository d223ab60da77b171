//! Which formats fit a column.

use super::civil::{self, Order};
use super::epoch::EpochUnit;
use super::format::{Form, TimeFormat};

const ORDERS: [Order; 3] = [Order::Year, Order::Day, Order::Month];

/// The share of a column's cells that must be times; the others are gaps and typing errors.
const MOST_CELLS: f64 = 0.8;

/// Counts how many cells of a column each format fits.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TimeFit {
    cells: u64,
    orders: [u64; ORDERS.len()],
    epochs: [u64; EpochUnit::ALL.len()],
    clocks: u64,
    with_clock: u64,
    with_offset: u64,
    dotted: u64,
}

impl TimeFit {
    /// Adds a cell; an empty one counts for nothing.
    pub fn add(&mut self, cell: &str) {
        if cell.is_empty() {
            return;
        }
        self.cells += 1;
        // Most cells of most columns are plain numbers, and nothing else begins with a sign.
        if !cell.as_bytes()[0].is_ascii_digit() {
            return;
        }
        let mut is_date = false;
        for (order, fits) in ORDERS.into_iter().zip(&mut self.orders) {
            if let Some(written) = civil::read(cell, order) {
                *fits += 1;
                if !is_date {
                    self.with_clock += u64::from(written.has_clock);
                    self.with_offset += u64::from(written.offset.is_some());
                    self.dotted += u64::from(cell.as_bytes().get(1..3).is_some_and(|bytes| bytes.contains(&b'.')));
                }
                is_date = true;
            }
        }
        if is_date {
            return;
        }
        if let Some(unit) = cell.replace(',', ".").parse().ok().and_then(EpochUnit::of) {
            self.epochs[unit as usize] += 1;
        } else {
            self.clocks += u64::from(civil::is_clock(cell));
        }
    }

    fn is_most(&self, cells: u64) -> bool {
        cells > 0 && cells as f64 >= MOST_CELLS * self.cells as f64
    }

    /// The format of the column; `None` if it has no times, or if [`TimeFit::is_ambiguous`].
    pub fn format(&self) -> Option<TimeFormat> {
        if self.is_ambiguous() {
            return None;
        }
        let best = (0..ORDERS.len()).max_by_key(|&i| (self.orders[i], std::cmp::Reverse(i)))?;
        if self.is_most(self.orders[best]) {
            return Some(TimeFormat(Form::Civil(ORDERS[best])));
        }
        let epoch = EpochUnit::ALL.into_iter().find(|&unit| self.is_most(self.epochs[unit as usize]))?;
        Some(TimeFormat(Form::Epoch(epoch)))
    }

    /// Whether day and month cannot be told apart: no number is above 12, and no dots say that the day is first.
    pub fn is_ambiguous(&self) -> bool {
        let [_, day_first, month_first] = self.orders;
        day_first == month_first && self.is_most(day_first) && !self.is_most(self.dotted)
    }

    /// Whether the column has dates with their years, in words of numbers and not as epochs.
    pub fn is_date(&self) -> bool {
        self.orders.iter().any(|&cells| self.is_most(cells))
    }

    /// Whether its dates have no time of day.
    pub fn is_date_alone(&self) -> bool {
        self.is_date() && self.with_clock == 0
    }

    /// Whether it has times of day without dates.
    pub fn is_clock_alone(&self) -> bool {
        self.is_most(self.clocks)
    }

    /// Whether its times say how far they are from UTC.
    pub fn has_offsets(&self) -> bool {
        self.is_most(self.with_offset)
    }
}
