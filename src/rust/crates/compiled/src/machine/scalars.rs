//! Instructions of single numbers.
//!
//! The loop is a function of its own, which knows nothing of time, so that what it needs at every
//! instruction stays in registers of the processor: the address of the machine, that of the code,
//! and where it is. What takes long anyway is called.

use std::borrow::Cow;

use super::arith::{self, arith_d, arith_i, compare, compare_d, whole};
use super::matrix::cell;
use super::*;
use crate::code::Compare;

impl Machine<'_> {
    /// Runs instructions up to one that is not of single numbers, which is returned; or `None`
    /// after the turn of a loop with which the fuel ends. `self.at` is where it goes on then.
    #[inline(never)]
    pub(super) fn scalars(&mut self, program: &Program, host: &Host) -> Result<Option<Op>, Bail> {
        let code = program.code.as_slice();
        let mut at = self.at;
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
        // Back to the head of a loop: is it time to look whether the time is over?
        macro_rules! turn {
            ($head:expr) => {
                *fuel -= 1;
                if *fuel <= 0 {
                    *paused = $head;
                    return Ok(None);
                }
            };
        }
        macro_rules! again_if {
            ($holds:expr, $to:expr) => {
                if $holds {
                    at = usize::from($to);
                    turn!(at);
                }
            };
        }
        // Was that the whole body of a loop? Its other turns are made at once.
        macro_rules! spin {
            () => {
                if matches!(code[at], Op::NextWalk(.., to) if usize::from(to) == at - 1) {
                    match turns::spin(&code[at - 1..=at], (d, i), vd, vi, fuel) {
                        None => {}
                        Some(Ok(true)) => at -= 3,
                        Some(Ok(false)) => {
                            *paused = at - 3;
                            return Ok(None);
                        }
                        Some(Err(bail)) => return Err(bail),
                    }
                }
            };
        }
        loop {
            let op = &code[at];
            at += 1;
            match *op {
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
                Op::MulLess(to, a, b, c, e) => {
                    d!(to) = d!(a) * d!(b) * (d!(c) - d!(e));
                    spin!();
                }
                Op::LessLess(to, a, b, c, e) => d!(to) = (d!(a) - d!(b)) * (d!(c) - d!(e)),
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
                    spin!();
                }
                Op::GetGet(to, v, w, a) => {
                    let at = vi[usize::from(w)].get((i!(a) as usize).wrapping_sub(1));
                    let at = (*at.ok_or(OUTSIDE)? as usize).wrapping_sub(1);
                    d!(to) = *vd[usize::from(v)].get(at).ok_or(OUTSIDE)?;
                }
                Op::AddGetGet(to, b, v, w, a) => {
                    let at = vi[usize::from(w)].get((i!(a) as usize).wrapping_sub(1));
                    let at = (*at.ok_or(OUTSIDE)? as usize).wrapping_sub(1);
                    d!(to) = d!(b) + *vd[usize::from(v)].get(at).ok_or(OUTSIDE)?;
                    spin!();
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
                    turn!(at);
                }
                Op::AgainLtD(a, b, to) => again_if!(d!(a) < d!(b), to),
                Op::AgainLeD(a, b, to) => again_if!(d!(a) <= d!(b), to),
                // Neither is missing: then they are neither less nor greater.
                Op::AgainNeD(a, b, to) => again_if!(d!(a) < d!(b) || d!(a) > d!(b), to),
                Op::AgainLtI(a, b, to) => again_if!(i!(a) < i!(b), to),
                Op::AgainLeI(a, b, to) => again_if!(i!(a) <= i!(b), to),
                Op::AgainNeI(a, b, to) => again_if!(i!(a) != i!(b), to),
                Op::Next(counter, turns, to) => {
                    at = usize::from(to);
                    turn!(at - 1);
                    if i!(counter) >= i!(turns) {
                        at -= 1;
                    } else {
                        i!(counter) += 1;
                    }
                }
                Op::NextWalk(counter, turns, value, from, step, to) => {
                    at = usize::from(to);
                    turn!(at - 2);
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
                    *paused = at;
                    return Ok(Some(op));
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
