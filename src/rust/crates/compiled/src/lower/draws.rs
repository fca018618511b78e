//! Random numbers.

use super::*;
use crate::code::Law;
use crate::tree::Arg;

/// Functions that draw: their arguments are evaluated in R's order, not ours.
pub(super) const DRAWING: [&str; 5] = ["runif", "rnorm", "rexp", "sample", "sample.int"];

/// Does the code draw random numbers?
pub(super) fn draws(node: &Node) -> bool {
    match &node.kind {
        Kind::Call { fun, args } => {
            DRAWING.contains(&fun.as_str()) || args.iter().any(|arg| draws(&arg.value))
        }
        _ => false,
    }
}

impl Lower<'_> {
    /// `runif(n, min, max)`, `rnorm(n, mean, sd)`, `rexp(n, rate)`.
    pub(super) fn law(
        &mut self,
        fun: &str,
        args: &[Arg],
        hint: Option<Var>,
        node: &Node,
    ) -> Lowered<Val> {
        let (law, formals, defaults): (Law, &[&str], [f64; 2]) = match fun {
            "runif" => (Law::Uniform, &["n", "min", "max"], [0.0, 1.0]),
            "rnorm" => (Law::Normal, &["n", "mean", "sd"], [0.0, 1.0]),
            _ => (Law::Exponential, &["n", "rate"], [1.0, 0.0]),
        };
        let given = self.matched(args, formals, node)?;
        self.draws = true;
        let Some(n) = given[0] else {
            return Err(refuse(node, "the number of random numbers is missing"));
        };
        let one = matches!(n.kind, Kind::Double(1.0) | Kind::Integer(1));
        let count = if one { None } else { Some(self.count(n)?) };
        let mut parameters = Vec::new();
        for (k, default) in defaults.iter().enumerate() {
            parameters.push(match given.get(k + 1).copied().flatten() {
                Some(code) => match self.number(code)? {
                    Some(value) => value,
                    None => return Ok(Val::Gone),
                },
                None => (Type::Double, self.double(*default, node)?),
            });
        }
        let [(a, x), (b, y)] = [parameters[0], parameters[1]];
        match count {
            None if a.is_scalar() && b.is_scalar() => {
                let (x, y) = (self.as_double(a, x, node)?, self.as_double(b, y, node)?);
                let to = self.dest(Type::Double, hint, node)?;
                self.emit(Op::DrawD(law, to, x, y));
                Ok(Val::Is(Type::Double, to))
            }
            _ => {
                let count = match count {
                    Some(count) => count,
                    None => self.integer(1, node)?,
                };
                let (_, x) = self.as_doubles(a, x, node)?;
                let (_, y) = self.as_doubles(b, y, node)?;
                let to = self.temp(Type::Doubles, node)?;
                self.emit(Op::DrawV(law, to, count, x, y));
                Ok(Val::Is(Type::Doubles, to))
            }
        }
    }

    /// A number of elements: one number. (R takes the length of a longer vector.)
    fn count(&mut self, node: &Node) -> Lowered<Reg> {
        self.whole_number(node)
    }

    /// `sample(x, size, replace, prob)` and `sample.int(n, ...)`.
    pub(super) fn sample(
        &mut self,
        fun: &str,
        args: &[Arg],
        hint: Option<Var>,
        node: &Node,
    ) -> Lowered<Val> {
        let whole = fun == "sample.int";
        let formals: &[&str] = if whole {
            &["n", "size", "replace", "prob"]
        } else {
            &["x", "size", "replace", "prob"]
        };
        let given = self.matched(args, formals, node)?;
        self.draws = true;
        let Some(from) = given[0] else {
            return Err(refuse(node, "there is nothing to sample from"));
        };
        let replace = self.flag(given[2], false, node)?;
        let Some((ty, reg)) = self.number(from)? else {
            return Ok(Val::Gone);
        };
        if ty.element() == Type::Logical && ty.is_scalar() {
            return Err(refuse(
                from,
                "a logical value to sample from is not in the subset",
            ));
        }
        // What is sampled from, and how many there are.
        let (vector, n) = if ty.is_scalar() || whole {
            let (ty, reg) = self.only(ty, reg, from)?;
            let n = if ty == Type::Double {
                let to = self.temp(Type::Integer, from)?;
                self.emit(Op::Whole(to, reg));
                to
            } else {
                reg
            };
            (None, n)
        } else {
            // Of one element R makes 1:x.
            let n = self.length(Val::Is(ty, reg), from)?;
            self.emit(Op::NotOne(n));
            (Some((ty, reg)), n)
        };
        let size = match given[1] {
            Some(code) if matches!(code.kind, Kind::Double(1.0) | Kind::Integer(1)) => None,
            Some(code) => Some(self.whole_number(code)?),
            None => Some(n),
        };
        let weights = match given[3] {
            None => None,
            Some(code) if code.kind == Kind::Null => None,
            Some(code) => match self.number(code)? {
                Some((ty, reg)) => Some(self.as_doubles(ty, reg, node)?.1),
                None => return Ok(Val::Gone),
            },
        };
        if size.is_none() && weights.is_none() {
            let direct = if vector.is_none() { hint } else { None };
            let at = self.dest(Type::Integer, direct, node)?;
            self.emit(Op::SampleOne(at, n));
            let Some((ty, reg)) = vector else {
                return Ok(Val::Is(Type::Integer, at));
            };
            let to = self.dest(ty.element(), hint, node)?;
            self.emit(if ty.is_double() {
                Op::GetD(to, reg, at)
            } else {
                Op::GetI(to, reg, at)
            });
            return Ok(Val::Is(ty.element(), to));
        }
        let size = match size {
            Some(size) => size,
            None => self.integer(1, node)?,
        };
        let at = self.temp(Type::Integers, node)?;
        match weights {
            Some(weights) => {
                let count = self.length(Val::Is(Type::Doubles, weights), node)?;
                self.emit(Op::SameInt(count, n));
                self.emit(Op::SampleWeighted(at, size, weights, replace));
            }
            None => self.emit(Op::Sample(at, n, size, replace)),
        }
        let Some((ty, reg)) = vector else {
            return Ok(Val::Is(Type::Integers, at));
        };
        let to = self.temp(ty, node)?;
        self.emit(if ty.is_double() {
            Op::SelectD(to, reg, at, false)
        } else {
            Op::SelectI(to, reg, at, false)
        });
        Ok(Val::Is(ty, to))
    }
}
