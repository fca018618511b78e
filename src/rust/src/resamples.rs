//! Resamples as package boot draws them, outside of R's memory; see R/boot-resamples.R.
//!
//! R's collector would copy pages of a forked worker for each vector that it marks.

use extendr_api::prelude::*;
use rustle_compiled::primitives::{Resamples, Scheme};

use crate::ffi::{self, Sexp};
use crate::raw::{drop_owned, number, owned_handle, routines};
use crate::refusal::{into_r, Parsed, Refusal};
use crate::{robj, system};

/// Above so many bytes memory is worth huge pages.
const LARGE: usize = 1 << 21;

/// What the statistic gets.
#[derive(Clone, Copy)]
enum Form {
    Indices,
    Frequencies,
    /// Frequencies over this number.
    Weights(f64),
}

/// The resamples of some replicates, one after another.
struct Rows {
    n: usize,
    form: Form,
    indices: Vec<i32>,
}

/// Draws the resamples of `replicates` replicates with random state `seed` (a whole
/// `.Random.seed`), and keeps `count` from `first` (from 0) on. `strata`: the rows of each
/// stratum, from 1. `stype` and `sim`: those of boot; with weights strata have one size.
/// `influence`: the influence values of the rows of an antithetic scheme, which has one stratum.
/// `list(rows = , seed = )`, of which `seed` is the random state afterwards; `NULL` where its
/// kind is not known, or memory is short.
/// @noRd
#[allow(clippy::too_many_arguments)]
#[extendr]
fn rs_resample(
    seed: &[i32],
    strata: List,
    stype: &str,
    sim: &str,
    influence: &[f64],
    replicates: f64,
    first: f64,
    count: f64,
) -> List {
    let part = [replicates as usize, first as usize, count as usize];
    let scheme = match sim {
        "ordinary" => Some(Scheme::Ordinary),
        "balanced" => Some(Scheme::Balanced),
        "permutation" => Some(Scheme::Permutation),
        "antithetic" => Some(Scheme::Antithetic(influence)),
        _ => None,
    };
    let unknown = || Refusal::internal("resamples of an unknown scheme");
    let scheme = scheme.ok_or_else(unknown);
    into_r(scheme.and_then(|scheme| resample(seed, &strata, stype, scheme, part)))
}

fn resample(
    seed: &[i32],
    strata: &List,
    stype: &str,
    scheme: Scheme,
    [replicates, first, count]: [usize; 3],
) -> Parsed<Robj> {
    let wrong = || Refusal::internal("resamples that do not fit the data");
    let strata: Vec<Robj> = strata.values().collect();
    let strata: Option<Vec<&[i32]>> = strata.iter().map(Robj::as_integer_slice).collect();
    let strata = strata.ok_or_else(wrong)?;
    let n: usize = strata.iter().map(|rows| rows.len()).sum();
    let form = match stype {
        "i" => Form::Indices,
        "f" => Form::Frequencies,
        _ => Form::Weights(strata.first().map_or(1, |rows| rows.len()) as f64),
    };
    let inside = |i: &i32| (1..=n).contains(&(*i as usize));
    let mirrored = match scheme {
        Scheme::Antithetic(influence) => influence.len() == n && strata.len() == 1,
        _ => true,
    };
    let all_inside = strata.iter().all(|rows| rows.iter().all(inside));
    if n == 0 || !all_inside || !mirrored || first + count > replicates {
        return Err(wrong());
    }
    let Some(mut state) = Resamples::from_words(seed) else {
        return Ok(().into());
    };
    let mut indices: Vec<i32> = Vec::new();
    if !state.knows(scheme.largest(&strata, replicates))
        || indices.try_reserve_exact(n * count).is_err()
    {
        return Ok(().into());
    }
    let bytes = 4 * n * count;
    if bytes >= LARGE {
        // SAFETY: the vector has room for so many bytes.
        unsafe { system::advise_huge(indices.as_mut_ptr().cast(), bytes) };
    }
    indices.resize(n * count, 0);
    let mut rows: Vec<&mut [i32]> = indices.chunks_exact_mut(n).collect();
    let drawn = state.draw(scheme, &strata, replicates, first, &mut rows);
    if drawn.is_err() {
        return Ok(().into());
    }
    let seed = state.words();
    // SAFETY: main thread.
    let handle = robj(unsafe { owned_handle(Rows { n, form, indices }, ffi::nil()) });
    Ok(list!(rows = handle, seed = seed).into())
}

/// Gives the memory of rows back before R's collector would.
unsafe extern "C-unwind" fn rs_resampled_free(handle: Sexp) -> Sexp {
    // SAFETY: R code passes the pointer that `rs_resample()` has made.
    unsafe { drop_owned::<Rows>(handle) };
    ffi::nil()
}

/// What the statistic gets in one replicate, from 1 on, of those that were kept: a new vector.
unsafe extern "C-unwind" fn rs_resampled_row(handle: Sexp, replicate: Sexp) -> Sexp {
    // SAFETY: R code passes the pointer that `rs_resample()` has made and has not given back, and
    // a replicate that it has; nothing is owned here where R may jump, and what is borrowed is
    // that of the pointer.
    unsafe {
        let Some(rows) = ffi::R_ExternalPtrAddr(handle).cast::<Rows>().as_ref() else {
            return ffi::nil();
        };
        let n = rows.n;
        let first = (number(replicate) as usize).saturating_sub(1) * n;
        let Some(indices) = rows.indices.get(first..first + n) else {
            return ffi::nil();
        };
        let kind = match rows.form {
            Form::Weights(_) => ffi::REALSXP,
            _ => ffi::INTSXP,
        };
        let out = ffi::Rf_allocVector(kind as u32, n as isize);
        match rows.form {
            Form::Indices => {
                std::slice::from_raw_parts_mut(ffi::INTEGER(out), n).copy_from_slice(indices);
            }
            Form::Frequencies => {
                let counts = std::slice::from_raw_parts_mut(ffi::INTEGER(out), n);
                counts.fill(0);
                indices.iter().for_each(|i| counts[*i as usize - 1] += 1);
            }
            Form::Weights(size) => {
                let weights = std::slice::from_raw_parts_mut(ffi::REAL(out), n);
                weights.fill(0.0);
                indices.iter().for_each(|i| weights[*i as usize - 1] += 1.0);
                weights.iter_mut().for_each(|w| *w /= size);
            }
        }
        out
    }
}

routines! {
    meta__rs_resampled_free "rs_resampled_free" "wrap__rs_resampled_free" ("handle")
        => rs_resampled_free;
    meta__rs_resampled_row "rs_resampled_row" "wrap__rs_resampled_row" ("handle", "replicate")
        => rs_resampled_row;
}

extendr_module! {
    mod resamples;
    fn rs_resample;
    fn rs_resampled_free;
    fn rs_resampled_row;
}
