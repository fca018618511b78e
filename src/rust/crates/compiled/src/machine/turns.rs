//! Loops over whole numbers whose body is one instruction: their turns are made in one go, with
//! what goes from turn to turn in registers of the processor.

use std::borrow::Cow;

use super::{Bail, OUTSIDE};
use crate::code::{Op, Reg};

/// What [`Op::NextWalk`] reads.
struct Turns {
    counter: usize,
    value: usize,
    last: i32,
    from: i32,
    step: i32,
}

impl Turns {
    /// Goes on after a turn; `true` when the turns are over, `false` when the fuel is.
    #[inline(always)]
    fn each(
        &self,
        i: &mut [i32; 256],
        fuel: &mut i64,
        mut body: impl FnMut(i32) -> Result<(), Bail>,
    ) -> Result<bool, Bail> {
        let (mut turn, mut number, mut left) = (i[self.counter], i[self.value], *fuel);
        let over = loop {
            left -= 1;
            if left <= 0 {
                break false;
            }
            if turn >= self.last {
                break true;
            }
            number = self.from.wrapping_add(self.step.wrapping_mul(turn));
            turn += 1;
            body(number)?;
        };
        (i[self.counter], i[self.value], *fuel) = (turn, number, left);
        Ok(over)
    }
}

#[inline(always)]
fn element<T: Copy>(x: &[T], number: i32) -> Result<T, Bail> {
    let x = x.get((number as usize).wrapping_sub(1));
    Ok(*x.ok_or(OUTSIDE)?)
}

/// Makes the turns of a loop after the first one, of which `code` is the body and the end, as
/// [`Turns::each`]; `None` where it is another loop.
#[inline(never)]
pub(super) fn spin(
    code: &[Op],
    (d, i): (&mut [f64; 256], &mut [i32; 256]),
    vd: &[Cow<'_, [f64]>],
    vi: &[Cow<'_, [i32]>],
    fuel: &mut i64,
) -> Option<Result<bool, Bail>> {
    let &[op, Op::NextWalk(counter, turns, value, from, step, _)] = code else {
        return None;
    };
    let turns = Turns {
        counter: usize::from(counter),
        value: usize::from(value),
        last: i[usize::from(turns)],
        from: i[usize::from(from)],
        step: i[usize::from(step)],
    };
    let at = |reg: Reg| usize::from(reg);
    Some(match op {
        Op::AddGet(to, b, v, a) if b == to && a == value => {
            let (mut sum, x) = (d[at(to)], &*vd[at(v)]);
            let over = turns.each(i, fuel, |number| {
                sum += element(x, number)?;
                Ok(())
            });
            d[at(to)] = sum;
            over
        }
        Op::AddGetGet(to, b, v, w, a) if b == to && a == value => {
            let (mut sum, x, numbers) = (d[at(to)], &*vd[at(v)], &*vi[at(w)]);
            let over = turns.each(i, fuel, |number| {
                sum += element(x, element(numbers, number)?)?;
                Ok(())
            });
            d[at(to)] = sum;
            over
        }
        Op::MulLess(to, a, b, c, e) => {
            let mut operands = [a, b, c, e].map(|reg| d[at(reg)]);
            let own = [a, b, c, e].map(|reg| reg == to);
            let mut result = d[at(to)];
            let over = turns.each(i, fuel, |_| {
                let [a, b, c, e] = operands;
                result = a * b * (c - e);
                for (operand, own) in operands.iter_mut().zip(own) {
                    if own {
                        *operand = result;
                    }
                }
                Ok(())
            });
            d[at(to)] = result;
            over
        }
        _ => return None,
    })
}
