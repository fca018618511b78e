use super::*;
use crate::tree::{Arg, Captured, Closure, Kind, Node, Surroundings};
use crate::{compile, Generator};
use rustle_streams::{Mrg, Seed};

struct Plain;

impl Surroundings for Plain {
    fn variable(&mut self, name: &str) -> Result<Captured, String> {
        match name {
            "data" => Ok(Captured::Vector(0, Type::Doubles)),
            name => Err(format!("there is no variable `{name}`")),
        }
    }

    fn function(&mut self, _: &str) -> Result<(), String> {
        Ok(())
    }
}

fn node(kind: Kind) -> Node {
    Node { place: 0, kind }
}

fn name(name: &str) -> Node {
    node(Kind::Name(name.into()))
}

fn d(x: f64) -> Node {
    node(Kind::Double(x))
}

fn i(x: i32) -> Node {
    node(Kind::Integer(x))
}

fn call<const N: usize>(fun: &str, args: [Node; N]) -> Node {
    let args = args.into_iter().map(|value| Arg { name: None, value });
    node(Kind::Call {
        fun: fun.into(),
        args: args.collect(),
    })
}

fn state() -> Generator {
    Generator::from(Mrg::new(Seed::from_words(&[1, 2, 3, 4, 5, 6]).unwrap()))
}

fn program(given: Type, body: Node) -> Result<Program, String> {
    let closure = Closure {
        given: vec![("x".into(), given)],
        veiled: Vec::new(),
        texts: Vec::new(),
        lists: Vec::new(),
        defaults: Vec::new(),
        body,
    };
    compile(&closure, &mut Plain).map_err(|refused| refused.why)
}

const DATA: [f64; 3] = [1.5, 2.5, 4.0];

fn run(data: Data<'_>, body: Node) -> Outcome {
    let given = match data {
        Data::Double(_) => Type::Double,
        Data::Integer(_) => Type::Integer,
        Data::Doubles(_) => Type::Doubles,
        Data::Integers(_) => Type::Integers,
        Data::DoubleMatrix(..) => Type::DoubleMatrix,
        Data::IntegerMatrix(..) => Type::IntegerMatrix,
    };
    let program = program(given, body).unwrap();
    let mut machine = Machine::new(&program, &[Data::Doubles(&DATA)], state());
    machine.start(&program, &[data], None);
    machine.run(&program, &Host::portable(), &|| false)
}

#[test]
fn a_variable_may_change_its_type_in_a_loop() {
    // k <- 0L; for (j in 1:x) k <- k + 0.5; k
    let body = || {
        call(
            "{",
            [
                call("<-", [name("k"), i(0)]),
                call(
                    "for",
                    [
                        name("j"),
                        call(":", [d(1.0), name("x")]),
                        call("<-", [name("k"), call("+", [name("k"), d(0.5)])]),
                    ],
                ),
                name("k"),
            ],
        )
    };
    assert_eq!(
        run(Data::Integer(4), body()),
        Outcome::Done(Value::Double(2.0))
    );
    // 1:0 goes down.
    assert_eq!(
        run(Data::Integer(0), body()),
        Outcome::Done(Value::Double(1.0))
    );
    assert!(matches!(run(Data::Double(1.5), body()), Outcome::Bailed(_)));
}

#[test]
fn what_is_not_assigned_on_every_way_is_refused() {
    let body = call(
        "{",
        [
            call(
                "if",
                [
                    call(">", [name("x"), d(0.0)]),
                    call("<-", [name("y"), d(1.0)]),
                ],
            ),
            name("y"),
        ],
    );
    assert!(program(Type::Double, body)
        .unwrap_err()
        .contains("every way"));
}

#[test]
fn integers_overflow_and_subscripts_are_checked() {
    let more = || call("+", [name("x"), i(1)]);
    assert_eq!(
        run(Data::Integer(1), more()),
        Outcome::Done(Value::Integer(2))
    );
    assert!(matches!(
        run(Data::Integer(i32::MAX), more()),
        Outcome::Bailed(_)
    ));
    let part = || call("[", [name("data"), name("x")]);
    assert_eq!(
        run(Data::Integer(3), part()),
        Outcome::Done(Value::Double(4.0))
    );
    for outside in [-1, 0, 4] {
        assert!(matches!(
            run(Data::Integer(outside), part()),
            Outcome::Bailed(_)
        ));
    }
    assert_eq!(
        run(Data::Double(1.9), part()),
        Outcome::Done(Value::Double(1.5))
    );
}

#[test]
fn an_assignment_to_an_element_leaves_what_was_captured() {
    // data[1] <- x; sum(data)
    let body = call(
        "{",
        [
            call("<-", [call("[", [name("data"), d(1.0)]), name("x")]),
            call("sum", [name("data")]),
        ],
    );
    assert_eq!(
        run(Data::Double(0.5), body),
        Outcome::Done(Value::Double(7.0))
    );
    assert_eq!(DATA[0], 1.5);
}

#[test]
fn a_loop_without_end_is_paused_and_goes_on() {
    // repeat { x <- x + 1; if (x > 1e5) break }; x
    let body = call(
        "{",
        [
            call(
                "repeat",
                [call(
                    "{",
                    [
                        call("<-", [name("x"), call("+", [name("x"), d(1.0)])]),
                        call("if", [call(">", [name("x"), d(1e5)]), call("break", [])]),
                    ],
                )],
            ),
            name("x"),
        ],
    );
    let program = program(Type::Double, body).unwrap();
    let mut machine = Machine::new(&program, &[], state());
    machine.start(&program, &[Data::Double(0.0)], None);
    let mut pauses = 0;
    let outcome = loop {
        match machine.run(&program, &Host::portable(), &|| true) {
            Outcome::Paused => pauses += 1,
            other => break other,
        }
    };
    assert_eq!(outcome, Outcome::Done(Value::Double(100_001.0)));
    assert!(pauses > 10);
}

#[test]
fn a_loop_of_one_instruction_is_paused_and_goes_on() {
    // for (j in 1:20000) x <- 3.7 * x * (1 - x); x
    let step = call(
        "*",
        [
            call("*", [d(3.7), name("x")]),
            call("-", [d(1.0), name("x")]),
        ],
    );
    let body = call(
        "{",
        [
            call(
                "for",
                [
                    name("j"),
                    call(":", [d(1.0), d(20_000.0)]),
                    call("<-", [name("x"), step]),
                ],
            ),
            name("x"),
        ],
    );
    let program = program(Type::Double, body).unwrap();
    let mut machine = Machine::new(&program, &[], state());
    machine.start(&program, &[Data::Double(0.3)], None);
    let mut pauses = 0;
    let outcome = loop {
        match machine.run(&program, &Host::portable(), &|| true) {
            Outcome::Paused => pauses += 1,
            other => break other,
        }
    };
    let mut x: f64 = 0.3;
    for _ in 0..20_000 {
        x = 3.7 * x * (1.0 - x);
    }
    assert_eq!(outcome, Outcome::Done(Value::Double(x)));
    assert_eq!(pauses, 20_000 / FUEL);
}

#[test]
fn values_that_are_not_numbers_never_come_out() {
    let body = call(
        "-",
        [
            call("/", [name("x"), d(0.0)]),
            call("/", [name("x"), d(0.0)]),
        ],
    );
    assert!(matches!(run(Data::Double(1.0), body), Outcome::Bailed(_)));
    let compared = call("<", [name("x"), d(0.0)]);
    assert!(matches!(
        run(Data::Double(f64::NAN), compared),
        Outcome::Bailed(_)
    ));
}

#[test]
fn a_branch_whose_last_statement_may_return_does_not_fall_into_the_other() {
    // if (x > 0) { if (x > 5) return(9) } else x <- 100; x
    let inner = call(
        "{",
        [call(
            "if",
            [call(">", [name("x"), d(5.0)]), call("return", [d(9.0)])],
        )],
    );
    let body = call(
        "{",
        [
            call(
                "if",
                [
                    call(">", [name("x"), d(0.0)]),
                    inner,
                    call("<-", [name("x"), d(100.0)]),
                ],
            ),
            name("x"),
        ],
    );
    assert_eq!(
        run(Data::Double(1.0), body.clone()),
        Outcome::Done(Value::Double(1.0))
    );
    assert_eq!(
        run(Data::Double(6.0), body.clone()),
        Outcome::Done(Value::Double(9.0))
    );
    assert_eq!(
        run(Data::Double(-1.0), body),
        Outcome::Done(Value::Double(100.0))
    );
}

#[test]
fn matrices_keep_their_shapes_or_drop_them_as_r_does() {
    const CELLS: [f64; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let x = || Data::DoubleMatrix(&CELLS, [2, 3]);
    let done = |values: &[f64], shape| {
        Outcome::Done(Value::Matrix(
            Box::new(Value::Doubles(values.to_vec())),
            shape,
        ))
    };
    let missing = || node(Kind::Missing);
    assert_eq!(
        run(x(), call("[", [name("x"), i(2), missing()])),
        Outcome::Done(Value::Doubles(vec![2.0, 4.0, 6.0]))
    );
    let two = || call(":", [i(2), i(3)]);
    assert_eq!(
        run(x(), call("[", [name("x"), missing(), two()])),
        done(&CELLS[2..], [2, 2])
    );
    // One column may be left: R drops it, and that is known too late.
    let last = call(":", [i(3), i(3)]);
    let part = call("[", [name("x"), missing(), last]);
    assert!(matches!(run(x(), part), Outcome::Bailed(_)));
    let outside = call("[", [name("x"), i(3), i(1)]);
    assert!(matches!(run(x(), outside), Outcome::Bailed(_)));
    assert_eq!(
        run(x(), call("t", [name("x")])),
        done(&[1.0, 3.0, 5.0, 2.0, 4.0, 6.0], [3, 2])
    );
    assert_eq!(
        run(x(), call("tcrossprod", [name("x")])),
        done(&[35.0, 44.0, 44.0, 56.0], [2, 2])
    );
    let fourfold = call("*", [call("diag", [i(2)]), d(4.0)]);
    assert_eq!(
        run(x(), call("solve", [fourfold])),
        done(&[0.25, 0.0, 0.0, 0.25], [2, 2])
    );
    let own = call("%*%", [name("x"), name("x")]);
    assert!(matches!(run(x(), own), Outcome::Bailed(_)));
    let assigned = call(
        "{",
        [
            call("<-", [call("[", [name("x"), i(1), two()]), d(0.0)]),
            call("+", [name("x"), d(1.0)]),
        ],
    );
    assert_eq!(
        run(x(), assigned),
        done(&[2.0, 3.0, 1.0, 5.0, 1.0, 7.0], [2, 3])
    );
    let outgrown = call(
        "{",
        [
            call("<-", [call("[", [name("x"), i(7)]), d(0.0)]),
            name("x"),
        ],
    );
    assert!(matches!(run(x(), outgrown), Outcome::Bailed(_)));
}

#[test]
fn an_instruction_has_eight_bytes() {
    assert_eq!(std::mem::size_of::<crate::code::Op>(), 8);
}

#[test]
fn what_only_reads_a_long_vector_costs_time_too() {
    let long: Vec<f64> = (0..40_000).map(|k| f64::from(k % 977) + 1.0).collect();
    let whole = || call("as.integer", [name("x")]);
    let calls = [
        call("cor", [name("x"), name("x")]),
        call("tabulate", [whole(), i(5)]),
        call("unique", [whole()]),
        call("[", [name("x"), call("==", [name("x"), d(1.0)])]),
        call("sample.int", [i(40_000), i(2)]),
        call("colMeans", [call("matrix", [name("x"), i(40_000)])]),
    ];
    let turns = 20;
    for one in calls {
        // for (j in 1:20) s <- CALL; 1
        let each = call("<-", [name("s"), one.clone()]);
        let over = call(":", [i(1), i(turns)]);
        let body = call("{", [call("for", [name("j"), over, each]), d(1.0)]);
        let program = program(Type::Doubles, body).unwrap();
        let mut machine = Machine::new(&program, &[], state());
        machine.start(&program, &[Data::Doubles(&long)], None);
        let mut pauses = 0;
        let outcome = loop {
            match machine.run(&program, &Host::portable(), &|| true) {
                Outcome::Paused => pauses += 1,
                other => break other,
            }
        };
        assert_eq!(outcome, Outcome::Done(Value::Double(1.0)), "{one:?}");
        // Reading the vector takes more than half of what is spent between two looks at the time.
        assert!(pauses >= turns / 2 - 1, "{pauses} pauses: {one:?}");
    }
}

#[test]
fn all_but_some_elements_are_assigned_and_zeros_choose_none() {
    use super::elements::{assign, filter, pick, repeat_each};
    let mut x = [1.0, 2.0, 3.0, 4.0];
    assign(&mut x, &[-1, -9, -4], &[7.0, 8.0], false).unwrap();
    assert_eq!(x, [1.0, 7.0, 8.0, 4.0]);
    assert!(assign(&mut x, &[-1], &[7.0, 8.0], false).is_err());
    assert!(assign(&mut x, &[-1, 2], &[7.0], false).is_err());
    let picked = |numbers: &[i32]| {
        let mut out = Vec::new();
        pick(&mut out, &x, numbers).map(|()| out)
    };
    assert_eq!(picked(&[0, 2, 0]).unwrap(), [7.0]);
    assert_eq!(picked(&[-2, -3]).unwrap(), [1.0, 4.0]);
    assert!(picked(&[0, -1]).is_err() && picked(&[0, 5]).is_err() && picked(&[-1, 0]).is_err());
    let mut out = Vec::new();
    filter(&mut out, &x, &[0, 1]).unwrap();
    assert_eq!(out, [7.0, 4.0]);
    assert!(filter(&mut out, &x, &[1, 1, 1, 1, 0]).is_err());
    let times = |numbers: &[i32]| {
        let mut out = Vec::new();
        repeat_each(&mut out, &[1, 2], numbers).map(|()| out)
    };
    assert_eq!(times(&[2, 1]).unwrap(), [1, 1, 2]);
    assert_eq!(times(&[2]).unwrap(), [1, 2, 1, 2]);
    assert!(times(&[1, -1]).is_err() && times(&[1, 1, 1]).is_err() && times(&[]).is_err());
    assert!(times(&[i32::MAX, 1]).is_err());
}
