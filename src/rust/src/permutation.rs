//! Permutation tests, for R. Conversion only; R/bootstrap-permutation.R makes the
//! specifications and has checked them.

use extendr_api::prelude::*;
use rustle_bootstrap::permutation::{Center, Choice, Design, Tail, Test};

use crate::bootstrap::seed as seed_of;
use crate::fields::{slice, Fields};
use crate::refusal::{into_r, Parsed, Refusal};

/// Counts permutations `from` (from 0) to `to`, or the first that can be looked at
/// within a slice. `seed`: NULL for all of them.
/// @noRd
#[extendr]
fn rs_permutation(test: Robj, seed: Robj, from: f64, to: f64, threads: f64) -> List {
    let counts = || {
        let test = permutation_test(&test)?;
        let counts = test.run(choice_of(&seed)?, from as u64, to as u64, slice(threads));
        let reals = |x: &[u64]| x.iter().map(|c| *c as f64).collect::<Vec<f64>>();
        Ok(list!(
            done = counts.done as f64,
            single = reals(&counts.single),
            maximal = reals(&counts.maximal)
        )
        .into())
    };
    into_r(counts())
}

/// The statistics of the first `count` permutations, one permutation after another.
/// @noRd
#[extendr]
fn rs_permutation_values(test: Robj, seed: Robj, count: f64) -> List {
    let values = || {
        let test = permutation_test(&test)?;
        Ok(test.values(choice_of(&seed)?, 0..count as u64).into())
    };
    into_r(values())
}

fn choice_of(seed: &Robj) -> Parsed<Choice> {
    Ok(match seed.as_real_vector() {
        Some(words) => Choice::Random(seed_of(&words)?),
        None => Choice::All,
    })
}

/// The observed statistics and the number of permutations.
/// @noRd
#[extendr]
fn rs_permutation_observed(test: Robj) -> List {
    into_r(
        permutation_test(&test).map(|t| list!(observed = t.observed(), total = t.total()).into()),
    )
}

fn permutation_test(test: &Robj) -> Parsed<Test> {
    let fields = Fields::new(test)?;
    Ok(Test {
        x: fields.numbers("x")?,
        columns: fields.number("columns")? as usize,
        design: design(&fields)?,
        center: fields.named("center", Center::named)?,
        studentize: fields.flag("studentize")?,
        tail: fields.named("tail", Tail::named)?,
    })
}

fn design(fields: &Fields) -> Parsed<Design> {
    Ok(match fields.text("design")?.as_str() {
        "signs" => Design::Signs,
        "order" => Design::Order {
            y: fields.numbers("y")?,
            strata: fields.groups("strata")?,
        },
        "groups" => {
            let sizes = fields.numbers("sizes")?;
            let strata = fields.groups("strata")?.into_iter().zip(sizes);
            Design::Groups(strata.map(|(rows, m)| (rows, m as usize)).collect())
        }
        other => return Err(Refusal::internal(format!("unknown design '{other}'"))),
    })
}

extendr_module! {
    mod permutation;
    fn rs_permutation;
    fn rs_permutation_observed;
    fn rs_permutation_values;
}
