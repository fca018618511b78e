//! Wild bootstrap tests, for R. Conversion only; R/wild-spec.R makes the specifications
//! and has checked them.

use extendr_api::prelude::*;
use rustle_bootstrap::wild::count::{count, Counts, Draws, Joint, Point};
use rustle_bootstrap::wild::form::{Form, Variance};
use rustle_bootstrap::wild::instruments::{Estimator, Instruments, Part};
use rustle_bootstrap::wild::sums::{by_group, product};
use rustle_bootstrap::wild::weights::{Choice, Law};
use rustle_bootstrap::wild::Test;

use crate::bootstrap::seed as seed_of;
use crate::fields::{self, slice, Fields};
use crate::refusal::{into_r, Parsed, Refusal};

/// A test, from its specification.
#[derive(Debug)]
struct Opened(Test);

fn choice(fields: &Fields) -> Parsed<Choice> {
    Ok(match fields.optional("seed")? {
        Some(_) => Choice::Random(seed_of(&fields.numbers("seed")?)?),
        None => Choice::All,
    })
}

fn open(spec: &Robj) -> Parsed<Robj> {
    let fields = Fields::new(spec)?;
    let choice = choice(&fields)?;
    let part = |part: &Fields| {
        Ok(match part.text("kind")?.as_str() {
            "rows" => Variance::Rows {
                rows: part.number("rows")? as usize,
                positive: part.number("positive")? as usize,
            },
            "coefficients" => Variance::Coefficients {
                k: part.number("k")? as usize,
                q: part.numbers("q")?,
            },
            other => return Err(Refusal::internal(format!("unknown variance '{other}'"))),
        })
    };
    let variance = fields.records("variance", part)?;
    let form = Form {
        restrictions: fields.number("restrictions")? as usize,
        trials: fields.number("trials")? as usize,
        variance,
    };
    let clusters = fields.number("clusters")? as usize;
    let (linear, squares) = (fields.numbers("linear")?, fields.numbers("squares")?);
    if linear.len() != clusters * form.linear() || squares.len() != clusters * form.squares() {
        return Err(Refusal::internal("the columns are not those of the form"));
    }
    let law = fields.named("law", Law::named)?;
    let test = Test::new(law, choice, form, clusters, &linear, &squares);
    Ok(ExternalPtr::new(Opened(test)).into())
}

fn opened(handle: &Robj) -> Parsed<ExternalPtr<Opened>> {
    let other = |_| Refusal::internal("the handle is of another process");
    let test: ExternalPtr<Opened> = ExternalPtr::try_from(handle).map_err(other)?;
    test.try_addr().map_err(other)?;
    Ok(test)
}

/// Opens a test; see R/wild-spec.R.
/// @noRd
#[extendr]
fn rs_wild_open(spec: Robj) -> List {
    into_r(open(&spec))
}

/// Replicates `from` (from 0, at the start of a block) to `to`, or the first of them that can
/// be begun within a slice, as rows of a matrix.
/// @noRd
#[extendr]
fn rs_wild_run(handle: Robj, from: f64, to: f64, threads: f64) -> List {
    into_r(opened(&handle).map(|test| {
        let test = &test.0;
        let p = test.outputs();
        let t = test.run(from as u64, to as u64, slice(threads));
        RMatrix::new_matrix(t.len() / p, p, |r, k| t[r * p + k]).into()
    }))
}

fn part(part: &Fields) -> Parsed<Part> {
    Ok(Part {
        factor: part.number("factor")?,
        clusters: part.number("clusters")? as usize,
        single: part.number("single")? != 0.0,
        products: part.numbers("products")?,
        error: part.indices("error")?,
        boot: part.indices("boot")?,
        structural: part.numbers("structural")?,
        reduced: part.numbers("reduced")?,
    })
}

/// Replicates after an estimation with instruments, as [`rs_wild_run`]; see
/// R/wild-instruments.R.
/// @noRd
#[extendr]
fn rs_wild_instruments(spec: Robj, from: f64, to: f64, threads: f64) -> List {
    let rows = || {
        let fields = Fields::new(&spec)?;
        let count = |name| Ok(fields.number(name)? as usize);
        let estimator = match fields.text("estimator")?.as_str() {
            "fixed" => Estimator::Fixed(fields.number("constant")?),
            _ => Estimator::Likelihood(fields.number("constant")?),
        };
        let test = Instruments {
            law: fields.named("law", Law::named)?,
            choice: choice(&fields)?,
            estimator,
            l: count("l")?,
            k: count("k")?,
            p: count("p")?,
            first: fields.numbers("first")?,
            structural: fields.numbers("structural")?,
            reduced: fields.numbers("reduced")?,
            squares: fields.numbers("squares")?,
            restrictions: fields.numbers("restrictions")?,
            parts: fields.records("parts", part)?,
        };
        let width = test.outputs();
        let t = test.run(from as u64, to as u64, slice(threads));
        let rows = t.len() / width;
        Ok(RMatrix::new_matrix(rows, width, |r, k| t[r * width + k]).into())
    };
    into_r(rows())
}

/// The weights of replicate `r` (from 0).
/// @noRd
#[extendr]
fn rs_wild_weights(handle: Robj, r: f64) -> List {
    into_r(opened(&handle).map(|test| test.0.weights(r as u64).into()))
}

fn columns(counts: &[Counts]) -> Robj {
    let of = |f: fn(&Counts) -> u64| counts.iter().map(|c| f(c) as f64).collect::<Vec<f64>>();
    list!(
        below = of(|c| c.below),
        above = of(|c| c.above),
        beyond = of(|c| c.beyond),
        valid = of(|c| c.valid)
    )
    .into()
}

/// Counts replicates beyond statistics `t` at trial values `delta`. `draws`: a matrix of 2
/// columns (without trial value) or 5.
/// @noRd
#[extendr]
fn rs_wild_count(
    draws: &[f64],
    rows: f64,
    floor: &[f64],
    delta: &[f64],
    t: &[f64],
    threads: f64,
) -> List {
    let counts = || {
        let n = rows as usize;
        let wrong = || Refusal::internal("the draws have a wrong shape");
        let column = |k: usize| draws.get(k * n..(k + 1) * n).ok_or_else(wrong);
        let whole = draws.len() == 5 * n;
        let slope: &[f64] = if whole { column(1)? } else { &[] };
        let draws = Draws {
            numerator: [column(0)?, slope],
            variance: if whole {
                [column(2)?, column(3)?, column(4)?]
            } else {
                [column(1)?, &[], &[]]
            },
            floor: floor.try_into().map_err(|_| wrong())?,
        };
        let point = |(delta, t): (&f64, &f64)| Point {
            delta: *delta,
            t: *t,
        };
        let points: Vec<Point> = delta.iter().zip(t).map(point).collect();
        Ok(columns(&count(draws, &points, fields::threads(threads))))
    };
    into_r(counts())
}

/// The same of several restrictions: `trials` numbers of `delta` belong to each of `f`.
/// @noRd
#[extendr]
fn rs_wild_joint(draws: &[f64], shape: &[f64], delta: &[f64], f: &[f64], threads: f64) -> List {
    let counts = || {
        let [replicates, restrictions, trials] = *shape else {
            return Err(Refusal::internal("the shape has three numbers"));
        };
        let joint = Joint {
            draws,
            replicates: replicates as usize,
            restrictions: restrictions as usize,
            trials: trials as usize,
        };
        Ok(columns(&joint.count(delta, f, fields::threads(threads))))
    };
    into_r(counts())
}

/// Sums of `x * factors` by group (numbers from 1), as columns of `groups` numbers: those of
/// `factors` within those of `x`, a matrix or a list of columns.
/// @noRd
#[extendr]
fn rs_wild_sums(x: Robj, factors: &[f64], group: &[i32], groups: f64, threads: f64) -> List {
    let sums = || {
        let group: Vec<u32> = group.iter().map(|g| (*g - 1) as u32).collect();
        let elements = fields::elements(&x);
        let x = fields::columns(&x, &elements, group.len())?;
        let threads = fields::threads(threads);
        Ok(by_group(&x, factors, &group, groups as usize, threads).into())
    };
    into_r(sums())
}

/// The product of a design, a matrix or a list of columns of `n` numbers, and of a matrix.
/// @noRd
#[extendr]
fn rs_wild_product(x: Robj, by: &[f64], n: f64, threads: f64) -> List {
    let n = n as usize;
    let made = || {
        let elements = fields::elements(&x);
        let x = fields::columns(&x, &elements, n)?;
        Ok(product(&x, by, n, fields::threads(threads)).into())
    };
    into_r(made())
}

extendr_module! {
    mod wild;
    fn rs_wild_open;
    fn rs_wild_run;
    fn rs_wild_instruments;
    fn rs_wild_weights;
    fn rs_wild_count;
    fn rs_wild_joint;
    fn rs_wild_sums;
    fn rs_wild_product;
}
