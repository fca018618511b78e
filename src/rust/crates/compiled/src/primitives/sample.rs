//! `sample.int()` with equal and with given probabilities.

use super::generator::Generator;
use crate::bail::Bail;

/// From here on R samples without replacement by a hash table.
const HASHED_FROM: usize = 10_000_000;
/// From as many probabilities on R draws with replacement by Walker's aliases.
const ALIASES_FROM: usize = 200;

/// What R refuses, or does in another way.
const UNUSUAL: Bail = Bail("sample() of more elements than there are, or of very many");
const WEIGHTS: Bail = Bail("weights of sample() that R refuses");

/// `sample.int(n, size, replace)`: numbers from 1.
pub fn sample_int(
    n: usize,
    size: usize,
    replace: bool,
    state: &mut Generator,
) -> Result<Vec<i32>, Bail> {
    let mut out = Vec::new();
    sample_int_into(n, size, replace, state, &mut out)?;
    Ok(out)
}

/// As [`sample_int`], into a vector whose contents are replaced.
pub fn sample_int_into(
    n: usize,
    size: usize,
    replace: bool,
    state: &mut Generator,
    out: &mut Vec<i32>,
) -> Result<(), Bail> {
    out.clear();
    if n > i32::MAX as usize || (n == 0 && size > 0) || (!replace && (size > n || n > HASHED_FROM))
    {
        return Err(UNUSUAL);
    }
    if replace || size < 2 {
        state.indices(n as u32, size, out);
        return Ok(());
    }
    // The chosen one's place is taken by the last that is left, whose place is its from then on:
    // so those that are chosen stand at the end, the first of them last.
    out.extend(1..=n as i32);
    if n <= 0x8000 {
        state.shuffle(size, out);
    } else {
        for left in (n - size + 1..=n).rev() {
            let at = state.next_below(left as u32) as usize;
            out.swap(at, left - 1);
        }
    }
    out.reverse();
    out.truncate(size);
    Ok(())
}

/// `sample.int(length(prob), size, replace, prob)`: numbers from 1.
pub fn sample_weighted(
    size: usize,
    replace: bool,
    prob: &[f64],
    state: &mut Generator,
) -> Result<Vec<i32>, Bail> {
    let positive = prob.iter().filter(|p| **p > 0.0).count();
    let bad = prob.iter().any(|p| !p.is_finite() || *p < 0.0);
    if bad || positive == 0 || (!replace && size > positive) || prob.len() >= HASHED_FROM {
        return Err(WEIGHTS);
    }
    let total: f64 = prob.iter().sum();
    let prob: Vec<f64> = prob.iter().map(|p| p / total).collect();
    if !replace {
        return Ok(without_replacement(size, &prob, state));
    }
    // R counts only those that are to be had to any amount worth a table.
    let many = prob
        .iter()
        .filter(|p| prob.len() as f64 * **p > 0.1)
        .count();
    if many > ALIASES_FROM {
        Ok(by_aliases(size, &prob, state))
    } else {
        Ok(by_search(size, &prob, state))
    }
}

/// The probabilities from the largest to the smallest, with their numbers from 1.
fn descending(prob: &[f64]) -> Vec<(f64, i32)> {
    let mut heap: Vec<(f64, i32)> = prob.iter().copied().zip(1..).collect();
    // Heapsort (Williams & Floyd 1964) with the smallest on top. It is not stable: which of
    // two equal probabilities comes first is part of the result.
    let n = heap.len();
    for top in (0..n / 2).rev() {
        sift(&mut heap, top);
    }
    for end in (1..n).rev() {
        heap.swap(0, end);
        sift(&mut heap[..end], 0);
    }
    heap
}

/// Lets the element at `at` sink to its place.
fn sift(heap: &mut [(f64, i32)], mut at: usize) {
    let sinking = heap[at];
    loop {
        let mut child = 2 * at + 1;
        if child >= heap.len() {
            break;
        }
        if child + 1 < heap.len() && heap[child].0 > heap[child + 1].0 {
            child += 1;
        }
        if sinking.0 <= heap[child].0 {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = sinking;
}

/// Sequential search through the cumulative probabilities, the largest first.
fn by_search(size: usize, prob: &[f64], state: &mut Generator) -> Vec<i32> {
    let mut sorted = descending(prob);
    let mut total = 0.0;
    for (p, _) in &mut sorted {
        total += *p;
        *p = total;
    }
    let last = sorted.len() - 1;
    let draw = |_| {
        let u = state.next_u01();
        let found = sorted[..last].iter().position(|(p, _)| u <= *p);
        sorted[found.unwrap_or(last)].1
    };
    (0..size).map(draw).collect()
}

/// Walker's aliases (1977, ACM Transactions on Mathematical Software 3, 253-256).
fn by_aliases(size: usize, prob: &[f64], state: &mut Generator) -> Vec<i32> {
    let n = prob.len();
    let mut share: Vec<f64> = prob.iter().map(|p| p * n as f64).collect();
    let mut alias = vec![0usize; n];
    // Those below their share from the front, the others from the back.
    let mut order = vec![0usize; n];
    let (mut small, mut large) = (0, n);
    for (i, q) in share.iter().enumerate() {
        if *q < 1.0 {
            order[small] = i;
            small += 1;
        } else {
            large -= 1;
            order[large] = i;
        }
    }
    if small > 0 && large < n {
        for k in 0..n - 1 {
            let (i, j) = (order[k], order[large]);
            alias[i] = j;
            share[j] += share[i] - 1.0;
            if share[j] < 1.0 {
                large += 1;
            }
            if large >= n {
                break;
            }
        }
    }
    for (i, q) in share.iter_mut().enumerate() {
        *q += i as f64;
    }
    let draw = |_| {
        let whole = state.next_index(n as f64);
        let k = whole as usize;
        let u = whole + state.next_u01();
        1 + if u < share[k] { k } else { alias[k] } as i32
    };
    (0..size).map(draw).collect()
}

/// Each draw takes its probability away from what is left.
fn without_replacement(size: usize, prob: &[f64], state: &mut Generator) -> Vec<i32> {
    let mut sorted = descending(prob);
    let mut total = 1.0;
    let draw = |_| {
        let target = total * state.next_u01();
        let mut mass = 0.0;
        let last = sorted.len() - 1;
        let mut at = 0;
        while at < last {
            mass += sorted[at].0;
            if target <= mass {
                break;
            }
            at += 1;
        }
        let (p, chosen) = sorted.remove(at);
        total -= p;
        chosen
    };
    (0..size).map(draw).collect()
}
