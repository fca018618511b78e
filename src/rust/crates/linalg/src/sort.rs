//! Sorting: elements go to buckets between common values, and buckets are sorted
//! digit by digit (sample sort: W. D. Frazer and A. C. McKellar, J. ACM 17 (1970)).

use rustle_schedule::Schedule;
use rustle_threads::blocks::Slice;
use rustle_threads::scheduled::Loop;

use crate::parts::{group, Parts};

/// Fewest elements of a block.
const BLOCK: usize = 1 << 15;
/// Most blocks, and most buckets.
const BLOCKS: usize = 64;
/// Elements of each block that are looked at for values to cut at.
const SAMPLES: usize = 64;
/// Bits of a digit: its counts stay in the innermost cache.
const DIGIT: u32 = 11;
/// Below this number of elements, comparisons are faster than sorting by digits.
const FEW: usize = 512;

/// What is sorted by a whole number. Elements with equal keys keep their order.
pub trait Item: Copy + Send + Sync {
    /// Any item, of zeros: memory for it comes from the system when it is first used.
    const ZERO: Self;
    /// The number.
    fn key(&self) -> u64;
}

impl Item for u64 {
    const ZERO: Self = 0;
    fn key(&self) -> u64 {
        *self
    }
}

impl Item for u32 {
    const ZERO: Self = 0;
    fn key(&self) -> u64 {
        u64::from(*self)
    }
}

impl Item for (u64, u32) {
    const ZERO: Self = (0, 0);
    fn key(&self) -> u64 {
        self.0
    }
}

impl Item for (u32, u32) {
    const ZERO: Self = (0, 0);
    fn key(&self) -> u64 {
        u64::from(self.0)
    }
}

/// A whole number that is ordered as `x` is; no NaN. -0 comes before 0.
pub fn key(x: f64) -> u64 {
    crate::quantile::key(x) as u64 ^ (1 << 63)
}

/// The number that [`key`] made `key` of.
pub fn number(key: u64) -> f64 {
    crate::quantile::number((key ^ (1 << 63)) as i64)
}

/// A sort in slices of time.
#[derive(Debug)]
pub struct Sort<T> {
    schedule: Schedule,
    threads: usize,
    items: Vec<T>,
    /// The items block by block, each in the order of the buckets.
    dealt: Vec<T>,
    block: usize,
    /// First keys of the buckets behind the first.
    bounds: Vec<u64>,
    /// For each block how many of its items each bucket has.
    counts: Vec<usize>,
    fill: Loop,
    is_filled: bool,
    deal: Loop,
    is_dealt: bool,
    sort: Loop,
}

impl<T: Item> Sort<T> {
    /// For `n` items.
    pub fn new(n: usize, schedule: Schedule, threads: usize) -> Sort<T> {
        let block = n.div_ceil(BLOCKS).max(BLOCK);
        let blocks = n.div_ceil(block);
        Sort {
            schedule,
            threads,
            items: vec![T::ZERO; n],
            dealt: Vec::new(),
            block,
            bounds: Vec::new(),
            counts: Vec::new(),
            fill: Loop::new(schedule, blocks, threads),
            is_filled: false,
            deal: Loop::new(schedule, blocks, threads),
            is_dealt: false,
            sort: Loop::new(schedule, 1, threads),
        }
    }

    /// Chooses the buckets, when the items are there.
    fn cut(&mut self) {
        self.bounds = bounds(&self.items, self.block);
        let (blocks, buckets) = (self.items.len().div_ceil(self.block), self.bounds.len() + 1);
        self.counts = vec![0; blocks * buckets];
        self.is_dealt = buckets == 1;
        if !self.is_dealt {
            self.dealt = vec![T::ZERO; self.items.len()];
        }
        self.sort = Loop::new(self.schedule, buckets, self.threads);
    }

    /// Works for a slice; `true` when [`sorted`](Sort::sorted) is. `item(k)` is item `k`
    /// of those to be sorted; `ties` sorts items that have the same key.
    pub fn advance(
        &mut self,
        item: impl Fn(usize) -> T + Sync,
        ties: impl Fn(&mut [T]) + Sync,
        slice: Slice,
    ) -> bool {
        let (n, block) = (self.items.len(), self.block);
        let blocks = n.div_ceil(block);
        let spans = || (0..blocks).map(|k| group(n, block, k).len());
        if !self.is_filled {
            let parts = Parts::new(&mut self.items, spans());
            let fill = |(): &mut (), k| {
                let part = parts.take(k).unwrap_or_default();
                for (slot, at) in part.iter_mut().zip(group(n, block, k)) {
                    *slot = item(at);
                }
            };
            self.is_filled = self.fill.advance(slice, || (), fill);
            if !self.is_filled {
                return false;
            }
            self.cut();
        }
        let (bounds, buckets) = (&self.bounds, self.bounds.len() + 1);
        if !self.is_dealt {
            let items = &self.items;
            let dealt = Parts::new(&mut self.dealt, spans());
            let counts = Parts::new(&mut self.counts, (0..blocks).map(|_| buckets));
            self.is_dealt = self.deal.advance(slice, Vec::new, |which, k| {
                if let (Some(to), Some(counts)) = (dealt.take(k), counts.take(k)) {
                    deal(&items[group(n, block, k)], to, bounds, counts, which);
                }
            });
            if !self.is_dealt {
                return false;
            }
        }
        let (dealt, counts) = (&self.dealt, &self.counts);
        let size = |k: usize| match buckets {
            1 => n,
            _ => (0..blocks).map(|b| counts[b * buckets + k]).sum(),
        };
        let parts = Parts::new(&mut self.items, (0..buckets).map(size));
        self.sort.advance(slice, Vec::new, |spare, k| {
            let Some(part) = parts.take(k) else { return };
            if buckets > 1 {
                let mut at = 0;
                for (b, counts) in counts.chunks_exact(buckets).enumerate() {
                    let start = b * block + counts[..k].iter().sum::<usize>();
                    let piece = &dealt[start..start + counts[k]];
                    part[at..at + piece.len()].copy_from_slice(piece);
                    at += piece.len();
                }
            }
            radix_sort(part, spare);
            part.chunk_by_mut(|a, b| a.key() == b.key())
                .filter(|run| run.len() > 1)
                .for_each(&ties);
        })
    }

    /// The items, in order when all is done.
    pub fn sorted(&self) -> &[T] {
        &self.items
    }
}

/// Keys that cut the items into about equal buckets, rising; none for one block.
fn bounds<T: Item>(items: &[T], block: usize) -> Vec<u64> {
    let blocks = items.len().div_ceil(block);
    if blocks < 2 {
        return Vec::new();
    }
    let n = blocks * SAMPLES;
    let mut samples: Vec<u64> = (0..n).map(|k| items[k * (items.len() / n)].key()).collect();
    samples.sort_unstable();
    let mut bounds: Vec<u64> = (1..blocks).map(|k| samples[k * SAMPLES]).collect();
    bounds.dedup();
    bounds
}

/// Copies a block in the order of the buckets of its items.
fn deal<T: Item>(
    from: &[T],
    to: &mut [T],
    bounds: &[u64],
    counts: &mut [usize],
    which: &mut Vec<u8>,
) {
    // There are at most 63 bounds; the rest is filled with the largest key.
    let mut padded = [u64::MAX; BLOCKS];
    padded[..bounds.len()].copy_from_slice(bounds);
    which.clear();
    for item in from {
        let key = item.key();
        // How many of the bounds are at most the key, without a branch.
        let mut at = 0;
        for step in [32, 16, 8, 4, 2, 1] {
            at += if padded[at + step - 1] <= key {
                step
            } else {
                0
            };
        }
        // A key of u64::MAX is beyond the padding too.
        let at = at.min(bounds.len());
        which.push(at as u8);
        counts[at] += 1;
    }
    let mut next = [0; BLOCKS];
    let mut sum = 0;
    for (next, count) in next.iter_mut().zip(counts.iter()) {
        *next = sum;
        sum += count;
    }
    for (item, bucket) in from.iter().zip(which.iter()) {
        let next = &mut next[usize::from(*bucket)];
        to[*next] = *item;
        *next += 1;
    }
}

/// Sorts by the keys, least digit first; digits that all have in common are passed over.
fn radix_sort<T: Item>(items: &mut [T], spare: &mut Vec<T>) {
    let Some(first) = items.first().copied() else {
        return;
    };
    if items.windows(2).all(|pair| pair[0].key() <= pair[1].key()) {
        return;
    }
    if items.len() < FEW {
        items.sort_by_key(T::key);
        return;
    }
    let differ = items
        .iter()
        .fold(0, |bits, item| bits | (item.key() ^ first.key()));
    spare.clear();
    spare.resize(items.len(), first);
    let (mut from, mut to) = (&mut *items, &mut spare[..]);
    let mut turned = false;
    let mut next = [0u32; 1 << DIGIT];
    for shift in (0..u64::BITS).step_by(DIGIT as usize) {
        let mask = (1 << DIGIT) - 1;
        if (differ >> shift) & mask == 0 {
            continue;
        }
        let digit = |item: &T| ((item.key() >> shift) & mask) as usize;
        next.fill(0);
        from.iter().for_each(|item| next[digit(item)] += 1);
        let mut sum = 0;
        for next in &mut next {
            sum += std::mem::replace(next, sum);
        }
        for item in from.iter() {
            let next = &mut next[digit(item)];
            to[*next as usize] = *item;
            *next += 1;
        }
        std::mem::swap(&mut from, &mut to);
        turned = !turned;
    }
    if turned {
        to.copy_from_slice(from);
    }
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
    /// Adds a string.
    pub fn push(&mut self, string: &[u8]) {
        self.bytes.extend_from_slice(string);
        self.ends.push(self.bytes.len());
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// What to sort for the string at `place`; `decreasing`, for the other order.
    pub fn item(&self, place: usize, decreasing: bool) -> Prefixed {
        let place = place as u32;
        let string = self.get(place);
        let mut first = [0; 8];
        let n = string.len().min(8);
        first[..n].copy_from_slice(&string[..n]);
        let first = u64::from_be_bytes(first);
        (if decreasing { !first } else { first }, place)
    }

    fn get(&self, place: u32) -> &[u8] {
        let k = place as usize;
        let start = if k == 0 { 0 } else { self.ends[k - 1] };
        &self.bytes[start..self.ends[k]]
    }

    /// Sorts strings with the same first bytes; equal ones keep their order.
    pub fn ties(&self, run: &mut [Prefixed], decreasing: bool) {
        run.sort_by(|a, b| {
            let order = self.get(a.1).cmp(self.get(b.1));
            if decreasing {
                order.reverse()
            } else {
                order
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn sort(x: Vec<u64>) -> Vec<u64> {
        let mut state = Sort::new(x.len(), Schedule::Stealing, 2);
        let two = NonZeroUsize::new(2).unwrap();
        while !state.advance(|k| x[k], |_| (), Slice::new(two)) {}
        state.sorted().to_vec()
    }

    #[test]
    fn all_kinds_of_data_come_out_sorted() {
        let n = 300_000u64;
        let mixed = |k: u64| k.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let kinds: [Vec<u64>; 7] = [
            (0..n).map(mixed).collect(),
            (0..n).map(|k| mixed(k) % 3).collect(),
            (0..n).collect(),
            (0..n).rev().collect(),
            vec![7; n as usize],
            vec![u64::MAX, 0, u64::MAX],
            Vec::new(),
        ];
        for x in kinds {
            let mut expected = x.clone();
            expected.sort_unstable();
            assert_eq!(sort(x), expected);
        }
    }
}
