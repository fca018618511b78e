//! Sorting and ordering, for R. No element that comes here is missing.

use extendr_api::prelude::*;
use rustle_linalg::sort::{key, number, Prefixed, Sort, Strings};
use rustle_linalg::Slice;

use super::loops::schedule;
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

impl State {
    fn new(x: &Robj, order: bool, decreasing: bool, plan: &str, threads: usize) -> Option<State> {
        let plan = schedule(plan);
        if let Some(x) = x.as_real_slice() {
            // -0 ties with 0, and has its place among equals where order is asked for.
            let turned = |x: &f64| match decreasing {
                true => !key(*x + 0.0),
                false => key(*x + 0.0),
            };
            return Some(if order {
                let keys = x.iter().zip(0..).map(|(x, k)| (turned(x), k));
                State::NumberOrder(Sort::new(keys.collect(), plan, threads))
            } else {
                let keys = x.iter().map(|x| key(*x)).collect();
                State::Numbers(Sort::new(keys, plan, threads))
            });
        }
        if let Some(x) = x.as_integer_slice() {
            return Some(if order {
                let turned = |x: i32| if decreasing { !code(x) } else { code(x) };
                let keys = x.iter().zip(0..).map(|(x, k)| (turned(*x), k));
                State::IntegerOrder(Sort::new(keys.collect(), plan, threads))
            } else {
                let keys = x.iter().map(|x| code(*x)).collect();
                State::Integers(Sort::new(keys, plan, threads))
            });
        }
        let mut strings = Strings::default();
        let keys = x
            .as_str_iter()?
            .map(|x| strings.push(x.as_bytes(), decreasing));
        let keys = keys.collect();
        Some(State::Strings(strings, Sort::new(keys, plan, threads)))
    }

    fn advance(&mut self, decreasing: bool, slice: Slice) -> bool {
        match self {
            State::Numbers(sort) => sort.advance(|_| (), slice),
            State::Integers(sort) => sort.advance(|_| (), slice),
            State::NumberOrder(sort) => sort.advance(|_| (), slice),
            State::IntegerOrder(sort) => sort.advance(|_| (), slice),
            State::Strings(strings, sort) => {
                sort.advance(|run| strings.ties(run, decreasing), slice)
            }
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
    plan: &str,
    mut out: Robj,
    state: Nullable<ExternalPtr<Option<State>>>,
    threads: i32,
) -> List {
    let mut state = state_or(state, || {
        State::new(&x, order, decreasing, plan, count(threads).get())
    });
    let complete = match &mut *state {
        Some(sort) => {
            let complete = sort.advance(decreasing, slice(threads));
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
