//! Calls of random numbers and statistics: compiled ones are the primitives.

use crate::machine::{Data, Machine, Outcome, Value};
use crate::primitives::named::{call, Value as Named};
use crate::tree::{Arg, Captured, Closure, Kind, Node, Surroundings, Type};
use crate::{compile, Generator, Host};
use rustle_streams::Seed;

struct Plain;

impl Surroundings for Plain {
    fn variable(&mut self, name: &str) -> Result<Captured, String> {
        Err(format!("there is no variable `{name}`"))
    }

    fn function(&mut self, _: &str) -> Result<(), String> {
        Ok(())
    }
}

fn node(kind: Kind) -> Node {
    Node { place: 0, kind }
}

fn code(fun: &str, args: &[(&str, Kind)]) -> Node {
    let arg = |(name, kind): &(&str, Kind)| Arg {
        name: Some((*name).to_owned()).filter(|name| !name.is_empty()),
        value: node(kind.clone()),
    };
    node(Kind::Call {
        fun: fun.into(),
        args: args.iter().map(arg).collect(),
    })
}

fn state() -> Generator {
    let words = [
        362_436_069,
        521_288_629,
        123_456_789,
        88_675_123,
        5_783_321,
        6_615_241,
    ];
    Generator::new(Seed::from_words(&words).unwrap())
}

/// The value of the code for `x`, or why it is not compiled.
fn run(body: Node, x: &[f64]) -> Result<Value, String> {
    let closure = Closure {
        given: vec![("x".into(), Type::Doubles)],
        veiled: Vec::new(),
        texts: Vec::new(),
        lists: Vec::new(),
        defaults: Vec::new(),
        body,
    };
    let program = compile(&closure, &mut Plain).map_err(|refused| refused.why)?;
    let mut machine = Machine::new(&program, &[], state());
    machine.start(&program, &[Data::Doubles(x)], Some(state()));
    match machine.run(&program, &Host::portable(), &|| false) {
        Outcome::Done(value) => Ok(value),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn every_law_draws_the_numbers_of_its_primitive() {
    let laws: [(&str, &[f64]); 16] = [
        ("runif", &[1.0, 3.0]),
        ("rnorm", &[1.0, 3.0]),
        ("rexp", &[2.0]),
        ("rlnorm", &[0.5, 0.25]),
        ("rlogis", &[0.5, 0.25]),
        ("rcauchy", &[0.5, 0.25]),
        ("rweibull", &[2.0, 3.0]),
        ("rgamma", &[2.5, 0.5]),
        ("rchisq", &[3.0]),
        ("rt", &[3.0]),
        ("rf", &[3.0, 5.0]),
        ("rbeta", &[3.0, 0.5]),
        ("rpois", &[12.5]),
        ("rgeom", &[0.25]),
        ("rnbinom", &[3.0, 0.25]),
        ("rbinom", &[100.0, 0.4]),
    ];
    for (law, parameters) in laws {
        for n in [1.0, 4.0] {
            let mut args = vec![("", Kind::Double(n))];
            args.extend(parameters.iter().map(|p| ("", Kind::Double(*p))));
            let compiled = run(code(law, &args), &[]).unwrap();
            // The primitive takes a scale.
            let scale = |(k, p): (usize, &f64)| {
                let p = if law == "rgamma" && k == 1 {
                    1.0 / p
                } else {
                    *p
                };
                Named::Doubles(vec![p])
            };
            let mut given = vec![Named::Doubles(vec![n])];
            given.extend(parameters.iter().enumerate().map(scale));
            let host = Host::portable();
            let direct = call(law, &given, &host, &mut state()).unwrap();
            let direct = match direct {
                Named::Doubles(x) if n == 1.0 => Value::Double(x[0]),
                Named::Doubles(x) => Value::Doubles(x),
                Named::Integers(x) if n == 1.0 => Value::Integer(x[0]),
                Named::Integers(x) | Named::Logicals(x) => Value::Integers(x),
            };
            assert_eq!(compiled, direct, "{law} {n}");
        }
    }
}

#[test]
fn the_scale_of_a_gamma_law_is_one_over_the_rate() {
    let shape = ("shape", Kind::Double(2.5));
    let n = ("n", Kind::Integer(3));
    let with = |name, value| {
        code(
            "rgamma",
            &[n.clone(), shape.clone(), (name, Kind::Double(value))],
        )
    };
    assert_eq!(run(with("rate", 4.0), &[]), run(with("scale", 0.25), &[]));
    let default = run(code("rgamma", &[n.clone(), shape.clone()]), &[]);
    assert_eq!(default, run(with("scale", 1.0), &[]));
    let both = [
        n.clone(),
        shape.clone(),
        ("rate", Kind::Double(1.0)),
        ("scale", Kind::Double(1.0)),
    ];
    assert!(run(code("rgamma", &both), &[]).is_err());
    assert!(run(code("rgamma", &[n]), &[]).is_err());
}

#[test]
fn quantiles_are_compiled_without_names_only() {
    let x = ("x", Kind::Name("x".into()));
    let probs = ("probs", Kind::Double(0.5));
    let plain = ("names", Kind::Logical(false));
    let data = [4.0, 1.0, 3.0];
    let median = run(
        code("quantile", &[x.clone(), probs.clone(), plain.clone()]),
        &data,
    );
    assert_eq!(median, Ok(Value::Doubles(vec![3.0])));
    assert!(run(code("quantile", &[x.clone(), probs.clone()]), &data).is_err());
    let ten = ("type", Kind::Double(10.0));
    assert!(run(code("quantile", &[x.clone(), probs, plain, ten]), &data).is_err());
    let cor = run(
        code("cor", &[x.clone(), ("", Kind::Name("x".into()))]),
        &data,
    );
    assert_eq!(cor, Ok(Value::Double(1.0)));
    assert!(run(code("cor", &[x]), &data).is_err());
}

#[test]
fn what_always_says_something_is_not_compiled() {
    let text = || ("", Kind::Text("a fold".into()));
    assert!(run(code("message", &[text()]), &[]).is_err_and(|why| why.contains("output")));
    assert!(run(code("stop", &[text()]), &[]).is_err_and(|why| why.contains("errors")));
}
