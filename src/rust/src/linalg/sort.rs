//! Sorting and ordering, for R. No element that comes here is missing.

use extendr_api::prelude::*;
use rustle_linalg::sort::{key, number, Prefixed, Sort, Strings};
use rustle_linalg::Slice;

use super::loops::schedule_named;
use super::{count, in_slices, slice, state_or};

/// What is being sorted: keys, with places where these are asked for.
#[derive(Debug)]
enum State {
    Numbers(Sort<u64>),
    Integers(Sort<u32>),
    NumberOrder(Sort<(u64, u32)>),
    IntegerOrder(Sort<(u32, u32)>),
    Strings(Strings, Sort<Prefixed>),
}

/// Turns integers into numbers without sign, in the same order.
const SIGN: u32 = 1 << 31;

fn code(x: i32) -> u32 {
    x as u32 ^ SIGN
}

/// The key for the other order.
fn turned<K: std::ops::Not<Output = K>>(item: (K, u32)) -> (K, u32) {
    (!item.0, item.1)
}

impl State {
    fn new(x: &Robj, order: bool, schedule: &str, threads: usize) -> Option<State> {
        let schedule = schedule_named(schedule);
        let n = x.len();
        Some(match (x.rtype(), order) {
            (Rtype::Doubles, true) => State::NumberOrder(Sort::new(n, schedule, threads)),
            (Rtype::Doubles, false) => State::Numbers(Sort::new(n, schedule, threads)),
            (Rtype::Integers, true) => State::IntegerOrder(Sort::new(n, schedule, threads)),
            (Rtype::Integers, false) => State::Integers(Sort::new(n, schedule, threads)),
            _ => {
                let mut strings = Strings::default();
                x.as_str_iter()?.for_each(|x| strings.push(x.as_bytes()));
                let sort = Sort::new(strings.count(), schedule, threads);
                State::Strings(strings, sort)
            }
        })
    }

    fn advance(&mut self, x: &Robj, decreasing: bool, slice: Slice) -> bool {
        let numbers = x.as_real_slice().unwrap_or_default();
        let integers = x.as_integer_slice().unwrap_or_default();
        match self {
            State::Numbers(sort) => sort.advance(|k| key(numbers[k]), |_| (), slice),
            State::Integers(sort) => sort.advance(|k| code(integers[k]), |_| (), slice),
            State::NumberOrder(sort) => {
                // -0 ties with 0, and has its place among equals.
                let item = |k: usize| (key(numbers[k] + 0.0), k as u32);
                match decreasing {
                    true => sort.advance(|k| turned(item(k)), |_| (), slice),
                    false => sort.advance(item, |_| (), slice),
                }
            }
            State::IntegerOrder(sort) => {
                let item = |k: usize| (code(integers[k]), k as u32);
                match decreasing {
                    true => sort.advance(|k| turned(item(k)), |_| (), slice),
                    false => sort.advance(item, |_| (), slice),
                }
            }
            State::Strings(strings, sort) => sort.advance(
                |k| strings.item(k, decreasing),
                |run| strings.ties(run, decreasing),
                slice,
            ),
        }
    }

    /// Into a new vector: double or integer as sorted, else integer.
    fn put(&self, decreasing: bool, out: &mut Robj) {
        fn places<K: Copy>(sorted: &[(K, u32)], out: &mut Robj) {
            let out = out.as_integer_slice_mut().unwrap_or_default();
            for (out, (_, place)) in out.iter_mut().zip(sorted) {
                *out = *place as i32 + 1;
            }
        }
        match self {
            State::Numbers(sort) => {
                let out = out.as_real_slice_mut().unwrap_or_default();
                let sorted = sort.sorted().iter().map(|key| number(*key));
                out.iter_mut().zip(sorted).for_each(|(out, x)| *out = x);
                if decreasing {
                    out.reverse();
                }
            }
            State::Integers(sort) => {
                let out = out.as_integer_slice_mut().unwrap_or_default();
                let sorted = sort.sorted().iter().map(|key| (key ^ SIGN) as i32);
                out.iter_mut().zip(sorted).for_each(|(out, x)| *out = x);
                if decreasing {
                    out.reverse();
                }
            }
            State::NumberOrder(sort) => places(sort.sorted(), out),
            State::IntegerOrder(sort) => places(sort.sorted(), out),
            State::Strings(_, sort) => places(sort.sorted(), out),
        }
    }
}

/// One slice of sorting `x` (double, integer or UTF-8 strings) into the new vector
/// `out`; `order`: the places (from 1), equal elements in their order; strings: always.
/// @noRd
#[extendr]
fn rs_sort(
    x: Robj,
    order: bool,
    decreasing: bool,
    schedule: &str,
    mut out: Robj,
    state: Nullable<ExternalPtr<Option<State>>>,
    threads: i32,
) -> List {
    let mut state = state_or(state, || {
        State::new(&x, order, schedule, count(threads).get())
    });
    let complete = match &mut *state {
        Some(sort) => {
            let complete = sort.advance(&x, decreasing, slice(threads));
            if complete {
                sort.put(decreasing, &mut out);
            }
            complete
        }
        None => true,
    };
    in_slices(().into(), state, complete)
}

extendr_module! {
    mod sort;
    fn rs_sort;
}
