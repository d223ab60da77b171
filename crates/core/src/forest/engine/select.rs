//! Scores a batch: evaluates whole trees for many readings at once, one byte per reading, without branches or look-ups.
//!
//! From the leaves up, each split selects between the leaf numbers of its two subtrees. That visits every split, but SIMD
//! processes 32 readings at the cost of one. (Compare Ye et al.: RapidScorer, 2018, with bit masks.)

use super::{
    bank::Bank,
    program::{Base, Operation, Program, Test},
};

/// Number of readings per block, whose data fit the L1 cache.
const BLOCK: usize = 512;
/// Number of readings per selection: two vectors of 256 bits.
const LANES: usize = 64;
/// Number of trees whose path lengths are added in one pass.
const TOGETHER: usize = 4;
/// A tree of 256 leaves needs at most 8 slots: each further slot allows twice the leaves.
const SLOTS: usize = 8 + TOGETHER;

pub(super) type Row<T> = [T; BLOCK];

/// Sums each reading's path lengths over the trees of all `banks`, in order. `F` is at least `n_features`.
pub(super) fn path_sums<const F: usize>(
    run: RunProgram,
    banks: &[Bank],
    n_features: usize,
    readings: &[f64],
    sums: &mut [f64],
) {
    let mut scratch = Scratch::<F> {
        ranks: [[0; BLOCK]; F],
        rows: [[[0; BLOCK]; 2]; F],
        slots: [[0; BLOCK]; SLOTS],
        path_lengths: [[0.0; 256]; TOGETHER],
    };
    for (readings, sums) in readings.chunks(BLOCK * n_features).zip(sums.chunks_mut(BLOCK)) {
        sums.fill(0.0);
        for bank in banks {
            scratch.rank(bank, n_features, readings);
            for (group, programs) in bank.groups.iter().enumerate() {
                scratch.rank_in_group(bank, group, sums.len());
                for programs in programs.chunks(TOGETHER) {
                    scratch.run(run, programs, sums);
                }
            }
        }
    }
}

struct Scratch<const F: usize> {
    /// Bank ranks of each feature's values.
    ranks: [Row<u16>; F],
    /// Group ranks of each feature's values, and their complements.
    rows: [[Row<i8>; 2]; F],
    slots: [Row<u8>; SLOTS],
    path_lengths: [[f64; 256]; TOGETHER],
}

impl<const F: usize> Scratch<F> {
    fn rank(&mut self, bank: &Bank, n_features: usize, readings: &[f64]) {
        for (feature, (ranks, row)) in bank.ranks.iter().zip(&mut self.ranks).enumerate() {
            for (rank, reading) in row.iter_mut().zip(readings.chunks_exact(n_features)) {
                *rank = ranks.rank(reading[feature]) as u16;
            }
        }
    }

    fn rank_in_group(&mut self, bank: &Bank, group: usize, n: usize) {
        let n_groups = bank.groups.len();
        for ((group_ranks, ranks), [row, complements]) in bank.group_ranks.iter().zip(&self.ranks).zip(&mut self.rows) {
            for (row, &rank) in row.iter_mut().zip(&ranks[..n]) {
                *row = group_ranks[usize::from(rank) * n_groups + group];
            }
            for (complement, row) in complements.iter_mut().zip(row) {
                *complement = !*row;
            }
        }
    }

    fn run(&mut self, run: RunProgram, programs: &[Program], sums: &mut [f64]) {
        let n_lanes = sums.len().div_ceil(LANES);
        for (i, program) in programs.iter().enumerate() {
            run(program, self.rows.as_flattened(), &mut self.slots[i..], n_lanes);
            self.path_lengths[i][..program.path_lengths.len()].copy_from_slice(&program.path_lengths);
        }
        if let Ok([_, _, _, _]) = <&[Program; TOGETHER]>::try_from(programs) {
            let [a, b, c, d, ..] = &self.slots;
            let [w, x, y, z] = &self.path_lengths;
            for ((((sum, a), b), c), d) in sums.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                let lengths = [w[usize::from(*a)], x[usize::from(*b)], y[usize::from(*c)], z[usize::from(*d)]];
                *sum = lengths.into_iter().fold(*sum, |sum, length| sum + length);
            }
        } else {
            for (slot, lengths) in self.slots.iter().zip(&self.path_lengths).take(programs.len()) {
                for (sum, leaf) in sums.iter_mut().zip(slot) {
                    *sum += lengths[usize::from(*leaf)];
                }
            }
        }
    }
}

/// A function that writes the leaf number of each reading to the first slot.
pub(super) type RunProgram = fn(&Program, &[Row<i8>], &mut [Row<u8>], usize);

/// The implementation for the widest vectors of this machine; all give the same result.
pub(super) fn fastest() -> RunProgram {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor supports AVX2, as just checked.
        return |program, rows, slots, n_lanes| unsafe { run_with_avx2(program, rows, slots, n_lanes) };
    }
    run_portable
}

/// The same code, compiled for vectors of 256 bits.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_with_avx2(program: &Program, rows: &[Row<i8>], slots: &mut [Row<u8>], n_lanes: usize) {
    run_portable(program, rows, slots, n_lanes);
}

#[inline(always)]
pub(super) fn run_portable(program: &Program, rows: &[Row<i8>], slots: &mut [Row<u8>], n_lanes: usize) {
    let mut top = 0;
    for operation in &program.operations {
        match operation.base {
            Base::Leaves => top += 1,
            Base::Merge => top -= 1,
            Base::Top => {}
        }
        let (beneath, above) = slots.split_at_mut(top);
        Pass { operation, rows, upper: &above[0], n_lanes }.run(&mut beneath[top - 1]);
    }
}

struct Pass<'a> {
    operation: &'a Operation,
    rows: &'a [Row<i8>],
    upper: &'a Row<u8>,
    n_lanes: usize,
}

impl Pass<'_> {
    #[inline(always)]
    fn run(&self, out: &mut Row<u8>) {
        match self.operation.chain_length {
            0 => self.with_chain::<0>(out),
            1 => self.with_chain::<1>(out),
            2 => self.with_chain::<2>(out),
            _ => self.with_chain::<3>(out),
        }
    }

    #[inline(always)]
    fn with_chain<const N: usize>(&self, out: &mut Row<u8>) {
        let out = &mut out.as_chunks_mut::<LANES>().0[..self.n_lanes];
        let upper = &self.upper.as_chunks::<LANES>().0[..self.n_lanes];
        let Test { row, threshold, leaf } = self.operation.first;
        let row = self.row(row);
        let mut chain: [(&[[i8; LANES]], Test); N] = [(&[], Test::default()); N];
        for (chain, &test) in chain.iter_mut().zip(&self.operation.chain) {
            *chain = (self.row(test.row), test);
        }
        match self.operation.base {
            Base::Leaves => {
                let [high, low] = [[leaf; LANES], [self.operation.low_leaf; LANES]];
                for (lane, out) in out.iter_mut().enumerate() {
                    *out = override_by(&chain, lane, select(&row[lane], threshold, &high, &low));
                }
            }
            Base::Merge => {
                for (lane, out) in out.iter_mut().enumerate() {
                    *out = override_by(&chain, lane, select(&row[lane], threshold, &upper[lane], out));
                }
            }
            Base::Top => {
                for (lane, out) in out.iter_mut().enumerate() {
                    *out = override_by(&chain, lane, *out);
                }
            }
        }
    }

    #[inline(always)]
    fn row(&self, row: u16) -> &[[i8; LANES]] {
        &self.rows[usize::from(row)].as_chunks::<LANES>().0[..self.n_lanes]
    }
}

// Functions instead of closures, which would not inherit the caller's target features.

#[inline(always)]
fn override_by(chain: &[(&[[i8; LANES]], Test)], lane: usize, mut value: [u8; LANES]) -> [u8; LANES] {
    for (row, test) in chain {
        value = select(&row[lane], test.threshold, &[test.leaf; LANES], &value);
    }
    value
}

/// `row > threshold ? high : low`, in a form that compiles to one vector comparison and one vector selection.
#[inline(always)]
fn select(row: &[i8; LANES], threshold: i8, high: &[u8; LANES], low: &[u8; LANES]) -> [u8; LANES] {
    let mut out = [0; LANES];
    for i in 0..LANES {
        let mask = if row[i] > threshold { u8::MAX } else { 0 };
        out[i] = (high[i] & mask) | (low[i] & !mask);
    }
    out
}
