//! Sorting: blocks are sorted, then cut at common values, and the pieces merged
//! (H. Shi and J. Schaeffer, Parallel sorting by regular sampling, J. Parallel and
//! Distributed Computing 14 (1992)).

use std::cmp::Ordering;

use rustle_schedule::Schedule;
use rustle_workers::blocks::Slice;
use rustle_workers::scheduled::Loop;

use crate::parts::{group, Parts};
pub use crate::quantile::{key, number};

/// Fewest elements of a block.
const BLOCK: usize = 1 << 15;
/// Most blocks: pieces of blocks are long enough to be merged as they are.
const BLOCKS: usize = 64;
/// Elements of each block that are looked at for values to cut at.
const SAMPLES: usize = 64;

/// A sort in slices of time. The result depends on the order alone; elements that are
/// equal in it must be the same, or told apart by their place.
#[derive(Debug)]
pub struct Sort<T> {
    from: Vec<T>,
    block: usize,
    /// Where each block is cut: `blocks + 1` ends for each.
    cuts: Option<Vec<usize>>,
    to: Vec<T>,
    job: Loop,
    merge: Loop,
}

impl<T: Copy + Send + Sync> Sort<T> {
    /// For these elements.
    pub fn new(from: Vec<T>, schedule: Schedule, threads: usize) -> Sort<T> {
        let block = from.len().div_ceil(BLOCKS).max(BLOCK);
        let blocks = from.len().div_ceil(block);
        Sort {
            to: if blocks > 1 { from.clone() } else { Vec::new() },
            from,
            block,
            cuts: None,
            job: Loop::new(schedule, blocks, threads),
            merge: Loop::new(schedule, blocks, threads),
        }
    }

    /// Works for a slice; `true` when [`sorted`](Sort::sorted) is.
    pub fn advance(&mut self, order: impl Fn(&T, &T) -> Ordering + Sync, slice: Slice) -> bool {
        let (n, block) = (self.from.len(), self.block);
        let blocks = n.div_ceil(block);
        if self.cuts.is_none() {
            let spans = (0..blocks).map(|k| group(n, block, k).len());
            let parts = Parts::new(&mut self.from, spans);
            let complete = self.job.advance(
                slice,
                || (),
                |(), k| {
                    if let Some(part) = parts.take(k) {
                        part.sort_unstable_by(&order);
                    }
                },
            );
            if !complete {
                return false;
            }
            self.cuts = Some(cut(&self.from, block, &order));
        }
        if blocks < 2 {
            return true;
        }
        let (Some(cuts), from) = (&self.cuts, &self.from) else {
            return false;
        };
        let piece = |k: usize, b: usize| {
            let at = b * (blocks + 1) + k;
            b * block + cuts[at]..b * block + cuts[at + 1]
        };
        let size = |k: usize| (0..blocks).map(|b| piece(k, b).len()).sum();
        let parts = Parts::new(&mut self.to, (0..blocks).map(size));
        self.merge.advance(
            slice,
            || (),
            |(), k| {
                let Some(out) = parts.take(k) else { return };
                let mut at = 0;
                for b in 0..blocks {
                    let piece = &from[piece(k, b)];
                    out[at..at + piece.len()].copy_from_slice(piece);
                    at += piece.len();
                }
                // The stable sort finds the runs, and merges them.
                out.sort_by(&order);
            },
        )
    }

    /// The elements, in order when all is done.
    pub fn sorted(&self) -> &[T] {
        if self.to.is_empty() {
            &self.from
        } else {
            &self.to
        }
    }
}

/// For each sorted block, where the common values cut it.
fn cut<T: Copy>(from: &[T], block: usize, order: &impl Fn(&T, &T) -> Ordering) -> Vec<usize> {
    let blocks = from.len().div_ceil(block);
    let mut samples = Vec::with_capacity(blocks * SAMPLES);
    for part in from.chunks(block) {
        samples.extend((0..SAMPLES).map(|k| part[k * part.len() / SAMPLES]));
    }
    samples.sort_unstable_by(order);
    let mut cuts = Vec::with_capacity(blocks * (blocks + 1));
    for part in from.chunks(block) {
        cuts.push(0);
        for k in 1..blocks {
            let value = samples[k * samples.len() / blocks];
            cuts.push(part.partition_point(|x| order(x, &value) == Ordering::Less));
        }
        cuts.push(part.len());
    }
    cuts
}

/// Strings that are compared byte by byte, as the C locale does.
#[derive(Debug, Default)]
pub struct Strings {
    bytes: Vec<u8>,
    /// Where each string ends.
    ends: Vec<usize>,
}

/// A string of [`Strings`]: its first bytes, and its place.
pub type Prefixed = (u64, u32);

impl Strings {
    /// Adds a string, and returns what to sort.
    pub fn push(&mut self, string: &[u8]) -> Prefixed {
        let place = self.ends.len() as u32;
        self.bytes.extend_from_slice(string);
        self.ends.push(self.bytes.len());
        let mut first = [0; 8];
        let n = string.len().min(8);
        first[..n].copy_from_slice(&string[..n]);
        (u64::from_be_bytes(first), place)
    }

    fn get(&self, place: u32) -> &[u8] {
        let k = place as usize;
        let start = if k == 0 { 0 } else { self.ends[k - 1] };
        &self.bytes[start..self.ends[k]]
    }

    /// Compares the strings, and equal ones by their places; `decreasing` turns the
    /// order of the strings, not of the places.
    pub fn compare(&self, a: &Prefixed, b: &Prefixed, decreasing: bool) -> Ordering {
        let order = a.0.cmp(&b.0);
        let order = order.then_with(|| self.get(a.1).cmp(self.get(b.1)));
        let order = if decreasing { order.reverse() } else { order };
        order.then(a.1.cmp(&b.1))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn sort(x: Vec<i64>) -> Vec<i64> {
        let mut state = Sort::new(x, Schedule::Stealing, 2);
        let two = NonZeroUsize::new(2).unwrap();
        while !state.advance(i64::cmp, Slice::new(two)) {}
        state.sorted().to_vec()
    }

    #[test]
    fn all_kinds_of_data_come_out_sorted() {
        let n = 300_000u64;
        let mixed = |k: u64| (k.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) as i64;
        let kinds: [Vec<i64>; 6] = [
            (0..n).map(mixed).collect(),
            (0..n).map(|k| mixed(k) % 3).collect(),
            (0..n).map(|k| k as i64).collect(),
            (0..n).rev().map(|k| k as i64).collect(),
            vec![7; n as usize],
            Vec::new(),
        ];
        for x in kinds {
            let mut expected = x.clone();
            expected.sort_unstable();
            assert_eq!(sort(x), expected);
        }
    }
}
