//! Stack programs: from a few sums to the statistic.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// One step of a program.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// Pushes a number.
    Constant(f64),
    /// Pushes an input.
    Input(usize),
    /// Pops two, pushes their sum; likewise the next four.
    Add,
    /// Difference.
    Sub,
    /// Product.
    Mul,
    /// Quotient.
    Div,
    /// Power.
    Pow,
    /// Replaces the top by its negative; likewise the next four.
    Neg,
    /// Square root.
    Sqrt,
    /// Exponential.
    Exp,
    /// Natural logarithm.
    Log,
    /// Absolute value.
    Abs,
    /// Pops `b`, then `a`; pushes `a`, or 0 where `a` is below `b`: a variance that is
    /// rounding alone.
    Floor,
    /// Pops the next output.
    Store,
}

impl Op {
    /// The step that R's compiler calls `name`; `value` is the number of a constant, and
    /// the number of an input, from 1.
    #[must_use]
    pub fn named(name: &str, value: f64) -> Option<Self> {
        Some(match name {
            "constant" => Self::Constant(value),
            "input" if value >= 1.0 => Self::Input(value as usize - 1),
            "+" => Self::Add,
            "-" => Self::Sub,
            "*" => Self::Mul,
            "/" => Self::Div,
            "^" => Self::Pow,
            "neg" => Self::Neg,
            "sqrt" => Self::Sqrt,
            "exp" => Self::Exp,
            "log" => Self::Log,
            "abs" => Self::Abs,
            "floor_at" => Self::Floor,
            "store" => Self::Store,
            _ => return None,
        })
    }
}

/// A program that is known to balance its stack.
#[derive(Clone, Debug)]
pub struct Program {
    ops: Vec<Op>,
    inputs: usize,
    outputs: usize,
}

/// A number, or a number with its derivative in one direction.
trait Value:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    fn constant(x: f64) -> Self;
    fn value(self) -> f64;
    fn map(self, f: impl Fn(f64) -> f64, slope: impl Fn(f64) -> f64) -> Self;
    fn pow(self, exponent: Self) -> Self;
}

impl Value for f64 {
    fn constant(x: f64) -> Self {
        x
    }
    fn value(self) -> f64 {
        self
    }
    fn map(self, f: impl Fn(f64) -> f64, _: impl Fn(f64) -> f64) -> Self {
        f(self)
    }
    fn pow(self, exponent: Self) -> Self {
        power(self, exponent)
    }
}

fn power(x: f64, exponent: f64) -> f64 {
    if exponent == 2.0 {
        x * x
    } else {
        x.powf(exponent)
    }
}

#[derive(Clone, Copy)]
struct Dual {
    x: f64,
    d: f64,
}

impl Add for Dual {
    type Output = Dual;
    fn add(self, o: Dual) -> Dual {
        Dual {
            x: self.x + o.x,
            d: self.d + o.d,
        }
    }
}
impl Sub for Dual {
    type Output = Dual;
    fn sub(self, o: Dual) -> Dual {
        Dual {
            x: self.x - o.x,
            d: self.d - o.d,
        }
    }
}
impl Mul for Dual {
    type Output = Dual;
    fn mul(self, o: Dual) -> Dual {
        Dual {
            x: self.x * o.x,
            d: self.d * o.x + self.x * o.d,
        }
    }
}
impl Div for Dual {
    type Output = Dual;
    fn div(self, o: Dual) -> Dual {
        let x = self.x / o.x;
        Dual {
            x,
            d: (self.d - x * o.d) / o.x,
        }
    }
}
impl Neg for Dual {
    type Output = Dual;
    fn neg(self) -> Dual {
        Dual {
            x: -self.x,
            d: -self.d,
        }
    }
}

impl Value for Dual {
    fn constant(x: f64) -> Self {
        Dual { x, d: 0.0 }
    }
    fn value(self) -> f64 {
        self.x
    }
    fn map(self, f: impl Fn(f64) -> f64, slope: impl Fn(f64) -> f64) -> Self {
        Dual {
            x: f(self.x),
            d: if self.d == 0.0 {
                0.0
            } else {
                self.d * slope(self.x)
            },
        }
    }
    fn pow(self, e: Self) -> Self {
        let x = power(self.x, e.x);
        let mut d = 0.0;
        if self.d != 0.0 {
            d += self.d * e.x * power(self.x, e.x - 1.0);
        }
        if e.d != 0.0 {
            d += e.d * x * self.x.ln();
        }
        Dual { x, d }
    }
}

impl Program {
    /// `None` unless every step finds its operands, inputs are below `inputs` and
    /// nothing is left on the stack.
    #[must_use]
    pub fn new(ops: Vec<Op>, inputs: usize) -> Option<Self> {
        let (mut depth, mut outputs) = (0usize, 0);
        for op in &ops {
            let (pops, pushes) = match op {
                Op::Constant(_) => (0, 1),
                Op::Input(i) if *i < inputs => (0, 1),
                Op::Input(_) => return None,
                Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Pow | Op::Floor => (2, 1),
                Op::Neg | Op::Sqrt | Op::Exp | Op::Log | Op::Abs => (1, 1),
                Op::Store => {
                    outputs += 1;
                    (1, 0)
                }
            };
            depth = depth.checked_sub(pops)? + pushes;
        }
        (depth == 0 && outputs > 0).then_some(Self {
            ops,
            inputs,
            outputs,
        })
    }

    /// The program that gives its inputs back.
    #[must_use]
    pub fn identity(inputs: usize) -> Self {
        let ops = (0..inputs)
            .flat_map(|i| [Op::Input(i), Op::Store])
            .collect();
        Self {
            ops,
            inputs,
            outputs: inputs,
        }
    }

    /// Number of outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Number of inputs.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Runs it.
    ///
    /// # Panics
    ///
    /// When `input` or `out` is too short.
    pub fn run(&self, input: &[f64], out: &mut [f64]) {
        let mut at = 0;
        self.evaluate(
            |i| input[i],
            |x: f64| {
                out[at] = x;
                at += 1;
            },
        );
    }

    /// The derivative of the outputs at `input` in `direction`.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    pub fn derivative(&self, input: &[f64], direction: &[f64], out: &mut [f64]) {
        let mut at = 0;
        self.evaluate(
            |i| Dual {
                x: input[i],
                d: direction[i],
            },
            |x: Dual| {
                out[at] = x.d;
                at += 1;
            },
        );
    }

    fn evaluate<V: Value>(&self, input: impl Fn(usize) -> V, mut store: impl FnMut(V)) {
        let mut stack = Stack::new();
        for op in &self.ops {
            match *op {
                Op::Constant(x) => stack.push(V::constant(x)),
                Op::Input(i) => stack.push(input(i)),
                Op::Store => store(stack.pop()),
                Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Pow | Op::Floor => {
                    let b = stack.pop();
                    let a = stack.pop();
                    stack.push(match op {
                        Op::Add => a + b,
                        Op::Sub => a - b,
                        Op::Mul => a * b,
                        Op::Div => a / b,
                        Op::Pow => a.pow(b),
                        _ if a.value() < b.value() => V::constant(0.0),
                        _ => a,
                    });
                }
                Op::Neg | Op::Sqrt | Op::Exp | Op::Log | Op::Abs => {
                    let a = stack.pop();
                    stack.push(match op {
                        Op::Neg => -a,
                        Op::Sqrt => a.map(f64::sqrt, |x| 0.5 / x.sqrt()),
                        Op::Exp => a.map(f64::exp, f64::exp),
                        Op::Log => a.map(f64::ln, |x| 1.0 / x),
                        _ => a.map(f64::abs, f64::signum),
                    });
                }
            }
        }
    }
}

/// A stack that needs no memory of its own for most programs: one is run for each replicate.
struct Stack<V> {
    few: [V; 16],
    more: Vec<V>,
    depth: usize,
}

impl<V: Value> Stack<V> {
    fn new() -> Self {
        Self {
            few: [V::constant(0.0); 16],
            more: Vec::new(),
            depth: 0,
        }
    }

    fn push(&mut self, value: V) {
        match self.few.get_mut(self.depth) {
            Some(place) => *place = value,
            None => self.more.push(value),
        }
        self.depth += 1;
    }

    fn pop(&mut self) -> V {
        // `Program::new()` has counted the operands.
        self.depth = self.depth.saturating_sub(1);
        match self.few.get(self.depth) {
            Some(value) => *value,
            None => self.more.pop().unwrap_or(V::constant(f64::NAN)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_compute_and_differentiate() {
        // a^2 / b - sqrt(b), |a| at a = 3, b = 4.
        let ops = vec![
            Op::Input(0),
            Op::Constant(2.0),
            Op::Pow,
            Op::Input(1),
            Op::Div,
            Op::Input(1),
            Op::Sqrt,
            Op::Sub,
            Op::Store,
            Op::Input(0),
            Op::Abs,
            Op::Store,
        ];
        let program = Program::new(ops, 2).unwrap();
        let mut out = [0.0; 2];
        program.run(&[3.0, 4.0], &mut out);
        assert_eq!(out, [0.25, 3.0]);
        program.derivative(&[3.0, 4.0], &[0.0, 1.0], &mut out);
        assert_eq!(out, [-9.0 / 16.0 - 0.25, 0.0]);
        program.derivative(&[-3.0, 4.0], &[1.0, 0.0], &mut out);
        assert_eq!(out, [-1.5, -1.0]);
    }

    #[test]
    fn steps_have_the_names_of_functions() {
        assert_eq!(Op::named("+", 0.0), Some(Op::Add));
        assert_eq!(Op::named("constant", 2.5), Some(Op::Constant(2.5)));
        assert_eq!(Op::named("input", 1.0), Some(Op::Input(0)));
        assert_eq!(Op::named("input", 0.0), None);
        assert_eq!(Op::named("sin", 0.0), None);
    }

    #[test]
    fn programs_that_do_not_balance_are_none() {
        assert!(Program::new(vec![Op::Add, Op::Store], 2).is_none());
        assert!(Program::new(vec![Op::Input(2), Op::Store], 2).is_none());
        assert!(Program::new(vec![Op::Input(0), Op::Input(1), Op::Store], 2).is_none());
    }

    #[test]
    fn a_program_may_need_a_deep_stack() {
        // 0 + (1 + (2 + ...)), all operands before the first sum.
        for depth in [15, 16, 17, 40] {
            let mut ops: Vec<Op> = (0..depth).map(|k| Op::Constant(f64::from(k))).collect();
            ops.extend((1..depth).map(|_| Op::Sub));
            ops.push(Op::Store);
            let program = Program::new(ops, 0).expect("it balances");
            let mut out = [f64::NAN];
            program.run(&[], &mut out);
            let expected = (0..depth).rev().fold(0.0, |sum, k| f64::from(k) - sum);
            assert_eq!(out[0], expected);
        }
    }
}
