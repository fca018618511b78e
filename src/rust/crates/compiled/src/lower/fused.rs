//! Steps of arithmetic that the machine does in one instruction.
//!
//! The value of an expression is read once, by the expression around it: where the last
//! instruction has made it in a temporary register, that instruction may become a part of the
//! one that reads it. Every step is rounded as before.

use super::*;
use crate::code::{Arith, Reduce};

/// As far back a mean is looked for.
const NEAR: usize = 24;

impl Lower<'_> {
    /// Arithmetic of two doubles, `x` and `y`.
    pub(super) fn arith_of_doubles(&mut self, how: Arith, to: Reg, x: Reg, y: Reg) -> Op {
        if let Some(op) = self.with_last(how, to, x, y) {
            return op;
        }
        match how {
            Arith::Add => Op::AddD(to, x, y),
            Arith::Sub => Op::SubD(to, x, y),
            Arith::Mul => Op::MulD(to, x, y),
            Arith::Div => self.quotient(to, x, y),
            Arith::Pow if self.is_two(y) => Op::MulD(to, x, x),
            Arith::Mod => match self.power_of_two(y) {
                Some(bits @ 0..=30) => Op::ModBits(to, x, bits as u8),
                _ => Op::ArithD(how, to, x, y),
            },
            _ => Op::ArithD(how, to, x, y),
        }
    }

    /// A division; one by a power of two is a multiplication, which has the same result.
    fn quotient(&mut self, to: Reg, x: Reg, y: Reg) -> Op {
        let inverse = self
            .power_of_two(y)
            .filter(|bits| bits.abs() < 1000)
            .map(|bits| 2f64.powi(-bits));
        let known = inverse.and_then(|inverse| {
            let known = self.constants_d.get(&inverse.to_bits()).copied();
            known.or_else(|| {
                let reg = Reg::try_from(*self.used.get(&File::D)?).ok()?;
                self.used.insert(File::D, u16::from(reg) + 1);
                self.constants_d.insert(inverse.to_bits(), reg);
                Some(reg)
            })
        });
        match known {
            Some(inverse) => Op::MulD(to, x, inverse),
            None => Op::DivD(to, x, y),
        }
    }

    /// The exponent of a constant that is a power of two.
    fn power_of_two(&self, reg: Reg) -> Option<i32> {
        let (bits, _) = self.constants_d.iter().find(|(_, known)| **known == reg)?;
        let value = f64::from_bits(*bits);
        let exponent = ((bits >> 52) & 0x7ff) as i32 - 1023;
        (value.is_normal() && value > 0.0 && bits & ((1 << 52) - 1) == 0).then_some(exponent)
    }

    /// The last instructions and this step in one; they are taken back then.
    fn with_last(&mut self, how: Arith, to: Reg, x: Reg, y: Reg) -> Option<Op> {
        if x == y || self.env.is_none() {
            return None;
        }
        let last = self.temporary(0)?;
        let (made, left) = last;
        if left != x && left != y {
            return None;
        }
        // Is it the left operand of this step?
        let first = left == x;
        let other = if first { y } else { x };
        // Both operands were made just before.
        if let Some((before, _)) = self.temporary(1).filter(|(_, reg)| *reg == other && !first) {
            if let Some(op) = both(how, to, before, made) {
                self.block.truncate(self.block.len() - 2);
                return Some(op);
            }
        }
        self.one_of_two(how, to, made, first, other)
    }

    fn one_of_two(&mut self, how: Arith, to: Reg, made: Op, first: bool, other: Reg) -> Option<Op> {
        let op = match (made, how) {
            (Op::MulD(_, a, b), Arith::Add) => Op::MulAdd(to, a, b, other),
            (Op::MulD(_, a, b), Arith::Sub) if first => Op::MulSub(to, a, b, other),
            (Op::MulD(_, a, b), Arith::Sub) => Op::SubMul(to, a, b, other),
            (Op::MulD(_, a, b), Arith::Mul) => Op::MulMul(to, a, b, other),
            (Op::AddD(_, a, b), Arith::Mul) => Op::AddMul(to, a, b, other),
            (Op::SubD(_, a, b), Arith::Mul) => Op::LessMul(to, a, b, other),
            (Op::AddD(_, a, b), Arith::Add) => Op::AddAdd(to, a, b, other),
            (Op::SubD(_, a, b), Arith::Add) => Op::LessAdd(to, a, b, other),
            (Op::MulMul(_, a, b, c), Arith::Add) => Op::MulMulAdd(to, a, b, c, other),
            (Op::GetD(_, v, at), Arith::Add) => Op::AddGet(to, other, v, at),
            (Op::GetGet(_, v, w, at), Arith::Add) => Op::AddGetGet(to, other, v, w, at),
            _ => return None,
        };
        self.block.pop();
        Some(op)
    }

    /// The instruction that stands so many before the end, with the temporary register of doubles
    /// that it has made.
    fn temporary(&self, before: usize) -> Option<(Op, Reg)> {
        let at = self.block.len().checked_sub(before + 1)?;
        let Stmt::Op(op) = self.block[at] else {
            return None;
        };
        let (Op::MulD(to, ..)
        | Op::AddD(to, ..)
        | Op::SubD(to, ..)
        | Op::MulMul(to, ..)
        | Op::GetD(to, ..)
        | Op::GetGet(to, ..)) = op
        else {
            return None;
        };
        self.is_temp(Type::Double, to).then_some((op, to))
    }

    /// The register in which a mean of the vector is that was computed just before: the variance
    /// needs it.
    pub(super) fn mean_known(&self, how: Reduce, vector: Reg) -> Option<Reg> {
        if !matches!(how, Reduce::Var | Reduce::Sd) || self.env.is_none() {
            return None;
        }
        let mut written = HashSet::new();
        for stmt in self.block.iter().rev().take(NEAR) {
            let Stmt::Op(mut op) = *stmt else {
                return None;
            };
            let to = match op {
                Op::ReduceD(Reduce::Mean, to, of) if of == vector && !written.contains(&to) => {
                    return Some(to);
                }
                Op::MoveD(to, _)
                | Op::VarAround(to, ..)
                | Op::ReduceD(
                    Reduce::Mean
                    | Reduce::Sum
                    | Reduce::Var
                    | Reduce::Sd
                    | Reduce::Prod
                    | Reduce::Min
                    | Reduce::Max
                    | Reduce::Median,
                    to,
                    _,
                ) => to,
                // What writes another file of registers than that of doubles and those of vectors.
                Op::Length(..) | Op::LengthI(..) | Op::MoveI(..) => continue,
                _ => match op.scalar_result() {
                    Some((true, to)) => *to,
                    Some((false, _)) => continue,
                    None => return None,
                },
            };
            written.insert(to);
        }
        None
    }

    /// An element by a number: that may be an element of integers that was just read.
    pub(super) fn element(&mut self, to: Reg, vector: Reg, at: Reg) -> Op {
        if let Some(Stmt::Op(Op::GetI(number, numbers, of))) = self.block.last() {
            let (number, numbers, of) = (*number, *numbers, *of);
            if number == at && self.env.is_some() && self.is_temp(Type::Integer, number) {
                self.block.pop();
                return Op::GetGet(to, vector, numbers, of);
            }
        }
        Op::GetD(to, vector, at)
    }
}

/// Two steps and one of both their results.
fn both(how: Arith, to: Reg, x: Op, y: Op) -> Option<Op> {
    Some(match (x, how, y) {
        (Op::MulD(_, a, b), Arith::Add, Op::MulD(_, c, d)) => Op::Dot(to, a, b, c, d),
        (Op::MulD(_, a, b), Arith::Sub, Op::MulD(_, c, d)) => Op::DotSub(to, a, b, c, d),
        // Factors may change their places.
        (Op::MulD(_, a, b), Arith::Mul, Op::SubD(_, c, d))
        | (Op::SubD(_, c, d), Arith::Mul, Op::MulD(_, a, b)) => Op::MulLess(to, a, b, c, d),
        (Op::SubD(_, a, b), Arith::Mul, Op::SubD(_, c, d)) => Op::LessLess(to, a, b, c, d),
        _ => return None,
    })
}
