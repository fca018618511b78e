//! The machine that runs a program, one task after another.
//!
//! It can be left in the middle of a task ([`Outcome::Paused`]) and go on later, so that
//! whoever has called it can look for interrupts.

mod arith;
mod bind;
mod elements;
mod extra;
mod matrix;
mod results;
mod scalars;
mod turns;
mod vectors;

pub(crate) use arith::math;
pub(crate) use extra::pair;

use std::borrow::Cow;
use std::sync::Arc;

use crate::code::{Op, Program, Reg};
use crate::primitives::draws;
use crate::primitives::matrix::Shape;
use crate::tree::Type;
use crate::{Bail, Generator, Host};

/// How much is done before the time is looked at: turns of loops, and elements of vectors by
/// the dozen.
const FUEL: i64 = 4096;
/// No vector is made longer: R works as fast through such, and can tell when memory is short.
const LONGEST: usize = 1 << 24;

const OUTSIDE: Bail = Bail("a subscript that is out of bounds, zero, negative or missing");
const MISSING: Bail = Bail("a comparison with a missing value");
const FRACTION: Bail = Bail("a number with a fraction where a whole one is needed");
const OVERFLOW: Bail = Bail("an integer overflow");
const LONG: Bail = Bail("a very long vector");
const NOT_A_NUMBER: Bail = Bail("a result that is not a number");
const NEGATIVE_ZERO: Bail = Bail("a negative zero");
const LENGTHS: Bail = Bail("vectors whose lengths do not go together");
const NOT_ONE: Bail = Bail("a vector where one element is needed");

/// Data that a task is given: borrowed, or one element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Data<'a> {
    /// One double.
    Double(f64),
    /// One integer or logical value, not missing.
    Integer(i32),
    /// A vector of doubles.
    Doubles(&'a [f64]),
    /// A vector of integers or logical values, none of them missing.
    Integers(&'a [i32]),
    /// A matrix of doubles, with its numbers of rows and columns.
    DoubleMatrix(&'a [f64], [usize; 2]),
    /// A matrix of integers or logical values, none of them missing.
    IntegerMatrix(&'a [i32], [usize; 2]),
}

/// Data of one type, or nothing where they are not.
pub type Row<'a> = Arc<[Option<Data<'a>>]>;

/// What a task has returned.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `NULL`.
    Null,
    /// One double.
    Double(f64),
    /// One integer.
    Integer(i32),
    /// One logical value.
    Logical(i32),
    /// A vector of doubles.
    Doubles(Vec<f64>),
    /// A vector of integers.
    Integers(Vec<i32>),
    /// A vector of logical values.
    Logicals(Vec<i32>),
    /// A matrix: its elements, and its numbers of rows and columns.
    Matrix(Box<Value>, [usize; 2]),
    /// A vector with names: their number in [`Program::names`].
    Named(Box<Value>, u16),
    /// A list, perhaps with names.
    List(Vec<Value>, Option<u16>),
    /// A matrix with names of its rows and columns.
    Sided(Box<Value>, Option<u16>, Option<u16>),
    /// Strings: their number in [`Program::names`].
    Text(u16),
    /// A data frame: its columns, of one length, and their names.
    Frame(Vec<Value>, u16),
}

/// How far a task has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It has returned.
    Done(Value),
    /// R must run it.
    Bailed(Bail),
    /// The time was over; [`Machine::run`] goes on.
    Paused,
}

/// The registers of a program, and where it is.
#[derive(Debug)]
pub struct Machine<'a> {
    // In here, so that one address is enough for all that single numbers need (`scalars.rs`).
    d: [f64; 256],
    i: [i32; 256],
    vd: Vec<Cow<'a, [f64]>>,
    vi: Vec<Cow<'a, [i32]>>,
    rows: Vec<Row<'a>>,
    /// Shapes of the matrices in `vi`, and in `vd`.
    shapes: [Vec<Shape>; 2],
    spare_d: Vec<f64>,
    spare_i: Vec<i32>,
    at: usize,
    fuel: i64,
    state: Generator,
}

impl<'a> Machine<'a> {
    /// A machine for a program, with the vectors that it captures.
    #[must_use]
    pub fn new(program: &Program, captured: &[Data<'a>], state: Generator) -> Self {
        let mut machine = Machine {
            d: [0.0; 256],
            i: [0; 256],
            vd: vec![Cow::Owned(Vec::new()); program.vectors_d],
            vi: vec![Cow::Owned(Vec::new()); program.vectors_i],
            rows: Vec::new(),
            shapes: [
                vec![[0, 0]; program.vectors_i],
                vec![[0, 0]; program.vectors_d],
            ],
            spare_d: Vec::new(),
            spare_i: Vec::new(),
            at: 0,
            fuel: FUEL,
            state,
        };
        for (reg, value) in &program.doubles {
            machine.d[usize::from(*reg)] = *value;
        }
        for (reg, value) in &program.integers {
            machine.i[usize::from(*reg)] = *value;
        }
        for (reg, number, ty) in &program.captured {
            machine.load(*reg, *ty, captured[*number]);
        }
        machine
    }

    /// The same machine with rows of data, of which the program reads single ones.
    #[must_use]
    pub fn with_rows(mut self, rows: &[Row<'a>]) -> Self {
        self.rows = rows.to_vec();
        self
    }

    fn load(&mut self, reg: Reg, ty: Type, data: Data<'a>) {
        let reg = usize::from(reg);
        match (ty, data) {
            (Type::Double, Data::Double(value)) => self.d[reg] = value,
            (Type::Integer | Type::Logical, Data::Integer(value)) => self.i[reg] = value,
            (Type::Doubles, Data::Doubles(values)) => self.vd[reg] = Cow::Borrowed(values),
            (Type::Integers | Type::Logicals, Data::Integers(values)) => {
                self.vi[reg] = Cow::Borrowed(values);
            }
            (Type::DoubleMatrix, Data::DoubleMatrix(values, shape)) => {
                self.vd[reg] = Cow::Borrowed(values);
                self.shapes[1][reg] = shape;
            }
            (Type::IntegerMatrix | Type::LogicalMatrix, Data::IntegerMatrix(values, shape)) => {
                self.vi[reg] = Cow::Borrowed(values);
                self.shapes[0][reg] = shape;
            }
            // The caller has typed the program by this data.
            (ty, data) => panic!("{data:?} is not {}", ty.words()),
        }
    }

    /// Begins a task: its arguments, and its random numbers if it draws any.
    pub fn start(&mut self, program: &Program, arguments: &[Data<'a>], state: Option<Generator>) {
        for ((reg, ty), data) in program.arguments.iter().zip(arguments) {
            self.load(*reg, *ty, *data);
        }
        if let Some(state) = state {
            self.state = state;
        }
        self.at = 0;
    }

    /// Runs the task until it has ended, or `stop` says that the time is over.
    pub fn run(&mut self, program: &Program, host: &Host, stop: &impl Fn() -> bool) -> Outcome {
        match self.steps(program, host, stop) {
            Ok(outcome) => outcome,
            Err(bail) => Outcome::Bailed(bail),
        }
    }

    fn steps(
        &mut self,
        program: &Program,
        host: &Host,
        stop: &impl Fn() -> bool,
    ) -> Result<Outcome, Bail> {
        loop {
            let op = self.scalars(program, host)?;
            if self.fuel <= 0 {
                self.fuel = FUEL;
                if stop() {
                    // What would be done next has not been done.
                    self.at -= usize::from(op.is_some());
                    return Ok(Outcome::Paused);
                }
            }
            match op {
                // A loop has turned so often.
                None => {}
                Some(Op::Return(out)) => {
                    return self
                        .value(&program.outs[usize::from(out)])
                        .map(Outcome::Done);
                }
                Some(Op::Bind(k)) => self.bind(&program.binds[usize::from(k)])?,
                Some(Op::Matrix(k)) => self.matrix(program.matrices[usize::from(k)], host)?,
                Some(op) => self.vector(op, host)?,
            }
        }
    }
}

#[cfg(test)]
mod tests;
