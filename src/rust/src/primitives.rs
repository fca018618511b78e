//! Primitives of compiled closures, one at a time, for the comparison with R's functions;
//! see R/compiled-selftest.R.

use extendr_api::prelude::*;
use rustle_compiled::primitives::named::{call, Value};
use rustle_compiled::primitives::Generator;

use crate::host::HOST;
use crate::refusal::{into_r, Parsed, Refusal};

fn value(x: &Robj) -> Parsed<Value> {
    let logicals = |x: &Robj| {
        let all = x.as_logical_slice()?.iter();
        Some(Value::Logicals(
            all.map(|x| i32::from(x.is_true())).collect(),
        ))
    };
    let integers = |x: &Robj| x.as_integer_vector().map(Value::Integers);
    let doubles = |x: &Robj| x.as_real_vector().map(Value::Doubles);
    let read = integers(x).or_else(|| doubles(x)).or_else(|| logicals(x));
    read.ok_or_else(|| Refusal::internal("an argument of a primitive is no vector of numbers"))
}

fn robj(x: Value) -> Robj {
    match x {
        Value::Doubles(x) => x.into(),
        Value::Integers(x) => x.into(),
        Value::Logicals(x) => x.iter().map(|x| *x != 0).collect::<Vec<bool>>().into(),
    }
}

/// Calls primitive `name` with random state `seed` (a whole `.Random.seed`):
/// `list(value = , seed = , bail = )`, of which `bail` says why there is no value.
/// @noRd
#[extendr]
fn rs_primitive(name: &str, arguments: List, seed: &[i32]) -> List {
    into_r(primitive(name, &arguments, seed))
}

fn primitive(name: &str, arguments: &List, seed: &[i32]) -> Parsed<Robj> {
    let unknown = || Refusal::internal("this kind of generator is not known");
    let mut state = Generator::from_words(seed).ok_or_else(unknown)?;
    let arguments = arguments.values().map(|x| value(&x));
    let arguments: Vec<Value> = arguments.collect::<Parsed<_>>()?;
    Ok(match call(name, &arguments, &HOST, &mut state) {
        Ok(x) => list!(value = robj(x), seed = state.words(), bail = ()),
        Err(bail) => list!(value = (), seed = (), bail = bail.0),
    }
    .into())
}

extendr_module! {
    mod primitives;
    fn rs_primitive;
}
