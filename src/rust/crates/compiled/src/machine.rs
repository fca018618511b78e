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
mod vectors;

pub(crate) use arith::math;
pub(crate) use extra::pair;

use std::borrow::Cow;
use std::sync::Arc;

use crate::code::{Compare, Op, Program, Reg};
use crate::primitives::draws;
use crate::primitives::matrix::Shape;
use crate::tree::Type;
use crate::{Bail, Generator, Host};
use arith::{arith_d, arith_i, compare, compare_d, whole};
use matrix::cell;

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
    d: Box<[f64; 256]>,
    i: Box<[i32; 256]>,
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
            d: Box::new([0.0; 256]),
            i: Box::new([0; 256]),
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
        let mut at = self.at;
        loop {
            let op = self.scalars(program, host, stop, &mut at)?;
            match op {
                // It was about to be done when the time was over.
                Op::Again(_)
                | Op::AgainLtD(..)
                | Op::AgainLeD(..)
                | Op::AgainNeD(..)
                | Op::AgainLtI(..)
                | Op::AgainLeI(..)
                | Op::AgainNeI(..)
                | Op::Next(..)
                | Op::NextWalk(..) => return Ok(Outcome::Paused),
                Op::Return(out) => {
                    return self
                        .value(&program.outs[usize::from(out)])
                        .map(Outcome::Done);
                }
                op => {
                    if self.fuel <= 0 {
                        self.fuel = FUEL;
                        if stop() {
                            self.at = at - 1;
                            return Ok(Outcome::Paused);
                        }
                    }
                    match op {
                        Op::Bind(k) => self.bind(&program.binds[usize::from(k)])?,
                        Op::Matrix(k) => self.matrix(program.matrices[usize::from(k)], host)?,
                        op => self.vector(op, host)?,
                    }
                }
            }
        }
    }

    /// Runs instructions from `at` on, up to one that is not of single numbers, which is returned;
    /// or the one at the end of a loop's turn after which the time was over.
    fn scalars(
        &mut self,
        program: &Program,
        host: &Host,
        stop: &impl Fn() -> bool,
        next: &mut usize,
    ) -> Result<Op, Bail> {
        let code = program.code.as_slice();
        let mut at = *next;
        // The parts one by one, so that their places stay in registers of the processor.
        let Machine {
            d,
            i,
            vd,
            vi,
            shapes,
            fuel,
            state,
            at: paused,
            ..
        } = self;
        let d: &mut [f64; 256] = d;
        let i: &mut [i32; 256] = i;
        macro_rules! d {
            ($r:expr) => {
                d[usize::from($r)]
            };
        }
        macro_rules! i {
            ($r:expr) => {
                i[usize::from($r)]
            };
        }
        // Back to the head of a loop: is the time over?
        macro_rules! turn {
            ($op:expr, $head:expr) => {
                *fuel -= 1;
                if *fuel <= 0 {
                    *fuel = FUEL;
                    if stop() {
                        *paused = $head;
                        return Ok($op);
                    }
                }
            };
        }
        macro_rules! again_if {
            ($holds:expr, $op:expr, $to:expr) => {
                if $holds {
                    at = usize::from($to);
                    turn!($op, at);
                }
            };
        }
        loop {
            let op = code[at];
            at += 1;
            match op {
                Op::MoveD(to, a) => d!(to) = d!(a),
                Op::MoveI(to, a) => i!(to) = i!(a),
                Op::AddD(to, a, b) => d!(to) = d!(a) + d!(b),
                Op::SubD(to, a, b) => d!(to) = d!(a) - d!(b),
                Op::MulD(to, a, b) => d!(to) = d!(a) * d!(b),
                Op::DivD(to, a, b) => d!(to) = d!(a) / d!(b),
                Op::ArithD(how, to, a, b) => d!(to) = arith_d(how, d!(a), d!(b), host)?,
                Op::MulAdd(to, a, b, c) => d!(to) = d!(a) * d!(b) + d!(c),
                Op::MulSub(to, a, b, c) => d!(to) = d!(a) * d!(b) - d!(c),
                Op::SubMul(to, a, b, c) => d!(to) = d!(c) - d!(a) * d!(b),
                Op::MulMul(to, a, b, c) => d!(to) = d!(a) * d!(b) * d!(c),
                Op::AddMul(to, a, b, c) => d!(to) = (d!(a) + d!(b)) * d!(c),
                Op::LessMul(to, a, b, c) => d!(to) = (d!(a) - d!(b)) * d!(c),
                Op::AddAdd(to, a, b, c) => d!(to) = d!(a) + d!(b) + d!(c),
                Op::LessAdd(to, a, b, c) => d!(to) = d!(a) - d!(b) + d!(c),
                Op::Dot(to, a, b, c, e) => d!(to) = d!(a) * d!(b) + d!(c) * d!(e),
                Op::DotSub(to, a, b, c, e) => d!(to) = d!(a) * d!(b) - d!(c) * d!(e),
                Op::MulMulAdd(to, a, b, c, e) => d!(to) = d!(a) * d!(b) * d!(c) + d!(e),
                Op::ModBits(to, a, bits) => d!(to) = arith::mod_bits(d!(a), bits, host)?,
                Op::AddI(to, a, b) => i!(to) = whole(i!(a).checked_add(i!(b)))?,
                Op::SubI(to, a, b) => i!(to) = whole(i!(a).checked_sub(i!(b)))?,
                Op::MulI(to, a, b) => i!(to) = whole(i!(a).checked_mul(i!(b)))?,
                Op::ArithI(how, to, a, b) => i!(to) = arith_i(how, i!(a), i!(b))?,
                Op::MathD(how, to, a) => d!(to) = math(how, d!(a))?,
                Op::AbsI(to, a) => i!(to) = i!(a).abs(),
                Op::NegI(to, a) => i!(to) = -i!(a),
                Op::NotI(to, a) => i!(to) = i32::from(i!(a) == 0),
                Op::IsNaD(to, a) => i!(to) = i32::from(d!(a).is_nan()),
                Op::CompareD(how, to, a, b) => i!(to) = i32::from(compare_d(how, d!(a), d!(b))?),
                Op::CompareI(how, to, a, b) => i!(to) = i32::from(compare(how, i!(a), i!(b))),
                Op::AndI(to, a, b) => i!(to) = i32::from(i!(a) != 0 && i!(b) != 0),
                Op::OrI(to, a, b) => i!(to) = i32::from(i!(a) != 0 || i!(b) != 0),
                Op::TruthI(to, a) => i!(to) = i32::from(i!(a) != 0),
                Op::TruthD(to, a) => i!(to) = i32::from(compare_d(Compare::Ne, d!(a), 0.0)?),
                Op::Widen(to, a) => d!(to) = f64::from(i!(a)),
                Op::Whole(to, a) => {
                    let (x, whole) = (d!(a), d!(a) as i32);
                    if f64::from(whole) != x || whole == i32::MIN {
                        return Err(FRACTION);
                    }
                    i!(to) = whole;
                }
                Op::ToInt(to, a) => i!(to) = arith::to_int(d!(a))?,
                Op::GetD(to, v, a) => {
                    let x = vd[usize::from(v)].get((i!(a) as usize).wrapping_sub(1));
                    d!(to) = *x.ok_or(OUTSIDE)?;
                }
                Op::AddGet(to, b, v, a) => {
                    let x = vd[usize::from(v)].get((i!(a) as usize).wrapping_sub(1));
                    d!(to) = d!(b) + *x.ok_or(OUTSIDE)?;
                }
                Op::GetGet(to, v, w, a) => {
                    let at = vi[usize::from(w)].get((i!(a) as usize).wrapping_sub(1));
                    let at = (*at.ok_or(OUTSIDE)? as usize).wrapping_sub(1);
                    d!(to) = *vd[usize::from(v)].get(at).ok_or(OUTSIDE)?;
                }
                Op::GetI(to, v, a) => {
                    let x = vi[usize::from(v)].get((i!(a) as usize).wrapping_sub(1));
                    i!(to) = *x.ok_or(OUTSIDE)?;
                }
                Op::GetDByD(to, v, a) => {
                    let x = vd[usize::from(v)].get(position(d!(a))?);
                    d!(to) = *x.ok_or(OUTSIDE)?;
                }
                Op::GetIByD(to, v, a) => {
                    let x = vi[usize::from(v)].get(position(d!(a))?);
                    i!(to) = *x.ok_or(OUTSIDE)?;
                }
                Op::SetD(v, a, from) => {
                    let (number, value) = (i!(a), d!(from));
                    set(&mut vd[usize::from(v)], number, value)?;
                }
                Op::SetI(v, a, from) => {
                    let (number, value) = (i!(a), i!(from));
                    set(&mut vi[usize::from(v)], number, value)?;
                }
                Op::CellD(to, m, a, b) => {
                    let m = usize::from(m);
                    d!(to) = vd[m][cell(shapes[1][m], i!(a), i!(b))?];
                }
                Op::CellI(to, m, a, b) => {
                    let m = usize::from(m);
                    i!(to) = vi[m][cell(shapes[0][m], i!(a), i!(b))?];
                }
                Op::SetCellD(m, a, b, from) => {
                    let m = usize::from(m);
                    let (at, value) = (cell(shapes[1][m], i!(a), i!(b))?, d!(from));
                    vd[m].to_mut()[at] = value;
                }
                Op::SetCellI(m, a, b, from) => {
                    let m = usize::from(m);
                    let (at, value) = (cell(shapes[0][m], i!(a), i!(b))?, i!(from));
                    vi[m].to_mut()[at] = value;
                }
                Op::Length(to, v) => i!(to) = vd[usize::from(v)].len() as i32,
                Op::LengthI(to, v) => i!(to) = vi[usize::from(v)].len() as i32,
                Op::OnlyD(to, v) => match *vd[usize::from(v)] {
                    [x] => d!(to) = x,
                    _ => return Err(NOT_ONE),
                },
                Op::OnlyI(to, v) => match *vi[usize::from(v)] {
                    [x] => i!(to) = x,
                    _ => return Err(NOT_ONE),
                },
                Op::DrawD(law, to, a, b) => {
                    let (a, b) = (d!(a), d!(b));
                    d!(to) = vectors::draw(law, a, b, host, state)?;
                }
                Op::Uniform(to) => d!(to) = state.next_u01(),
                Op::SampleOne(to, n) => {
                    let n = i!(n);
                    if !(1..=10_000_000).contains(&n) {
                        return Err(Bail("sample() of none, or of very many"));
                    }
                    i!(to) = state.next_below(n as u32) as i32 + 1;
                }
                Op::NotOne(a) => {
                    if i!(a) == 1 {
                        return Err(Bail("sample() of a vector of one element"));
                    }
                }
                Op::SameInt(a, b) => {
                    if i!(a) != i!(b) {
                        return Err(LENGTHS);
                    }
                }
                Op::Range(turns, step, from, to) => {
                    let (from, to) = (i64::from(i!(from)), i64::from(i!(to)));
                    let n = (to - from).abs() + 1;
                    i!(turns) = i32::try_from(n).map_err(|_| LONG)?;
                    i!(step) = if to >= from { 1 } else { -1 };
                }
                Op::Count(turns, n) => {
                    if i!(n) < 0 {
                        return Err(Bail("a negative number of elements"));
                    }
                    i!(turns) = i!(n);
                }
                Op::Walk(to, from, step, counter) => {
                    i!(to) = i!(from).wrapping_add(i!(step).wrapping_mul(i!(counter) - 1));
                }
                Op::Jump(to) => at = usize::from(to),
                Op::JumpUnless(a, to) => {
                    if i!(a) == 0 {
                        at = usize::from(to);
                    }
                }
                Op::UnlessLtD(a, b, to) => {
                    let (x, y) = (d!(a), d!(b));
                    if x >= y {
                        at = usize::from(to);
                    } else if x.is_nan() || y.is_nan() {
                        return Err(MISSING);
                    }
                }
                Op::UnlessLeD(a, b, to) => {
                    let (x, y) = (d!(a), d!(b));
                    if x > y {
                        at = usize::from(to);
                    } else if x.is_nan() || y.is_nan() {
                        return Err(MISSING);
                    }
                }
                Op::UnlessEqD(a, b, to) => {
                    let (x, y) = (d!(a), d!(b));
                    if x.is_nan() || y.is_nan() {
                        return Err(MISSING);
                    }
                    if x != y {
                        at = usize::from(to);
                    }
                }
                Op::UnlessNeD(a, b, to) => {
                    let (x, y) = (d!(a), d!(b));
                    if x == y {
                        at = usize::from(to);
                    } else if x.is_nan() || y.is_nan() {
                        return Err(MISSING);
                    }
                }
                Op::UnlessLtI(a, b, to) => {
                    if i!(a) >= i!(b) {
                        at = usize::from(to);
                    }
                }
                Op::UnlessLeI(a, b, to) => {
                    if i!(a) > i!(b) {
                        at = usize::from(to);
                    }
                }
                Op::UnlessEqI(a, b, to) => {
                    if i!(a) != i!(b) {
                        at = usize::from(to);
                    }
                }
                Op::UnlessNeI(a, b, to) => {
                    if i!(a) == i!(b) {
                        at = usize::from(to);
                    }
                }
                Op::Step(counter, turns, to) => {
                    if i!(counter) >= i!(turns) {
                        at = usize::from(to);
                    } else {
                        i!(counter) += 1;
                    }
                }
                Op::Again(to) => {
                    at = usize::from(to);
                    turn!(op, at);
                }
                Op::AgainLtD(a, b, to) => again_if!(d!(a) < d!(b), op, to),
                Op::AgainLeD(a, b, to) => again_if!(d!(a) <= d!(b), op, to),
                // Neither is missing: then they are neither less nor greater.
                Op::AgainNeD(a, b, to) => again_if!(d!(a) < d!(b) || d!(a) > d!(b), op, to),
                Op::AgainLtI(a, b, to) => again_if!(i!(a) < i!(b), op, to),
                Op::AgainLeI(a, b, to) => again_if!(i!(a) <= i!(b), op, to),
                Op::AgainNeI(a, b, to) => again_if!(i!(a) != i!(b), op, to),
                Op::Next(counter, turns, to) => {
                    at = usize::from(to);
                    turn!(op, at - 1);
                    if i!(counter) >= i!(turns) {
                        at -= 1;
                    } else {
                        i!(counter) += 1;
                    }
                }
                Op::NextWalk(counter, turns, value, from, step, to) => {
                    at = usize::from(to);
                    turn!(op, at - 2);
                    if i!(counter) >= i!(turns) {
                        at -= 2;
                    } else {
                        let turn = i!(counter);
                        i!(value) = i!(from).wrapping_add(i!(step).wrapping_mul(turn));
                        i!(counter) = turn + 1;
                    }
                }
                Op::GiveUp(reason) => return Err(Bail(program.reasons[usize::from(reason)])),
                op => {
                    *next = at;
                    return Ok(op);
                }
            }
        }
    }
}

/// The position from 0 of an element whose number is a double: R drops its fraction.
fn position(number: f64) -> Result<usize, Bail> {
    if (1.0..4e9).contains(&number) {
        Ok(number as usize - 1)
    } else {
        Err(OUTSIDE)
    }
}

/// Assigns an element; the next one behind the last is appended.
fn set<T: Copy>(to: &mut Cow<'_, [T]>, number: i32, value: T) -> Result<(), Bail> {
    let at = usize::try_from(number - 1).map_err(|_| OUTSIDE)?;
    let to = to.to_mut();
    if at < to.len() {
        to[at] = value;
    } else if at == to.len() && at < LONGEST {
        to.push(value);
    } else {
        return Err(OUTSIDE);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
