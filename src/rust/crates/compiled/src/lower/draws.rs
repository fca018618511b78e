//! Random numbers.

use super::*;
use crate::code::{Arith, Law};
use crate::tree::Arg;

/// Functions that draw: their arguments are evaluated in R's order, not ours.
pub(super) const DRAWING: [&str; 15] = [
    "runif",
    "rnorm",
    "rexp",
    "rlnorm",
    "rlogis",
    "rcauchy",
    "rweibull",
    "rgamma",
    "rbeta",
    "rchisq",
    "rt",
    "rpois",
    "rbinom",
    "sample",
    "sample.int",
];

/// A law by its function: the names of its parameters after `n`, and their defaults (`NaN`:
/// none).
fn law_of(fun: &str) -> Option<(Law, &'static [&'static str], [f64; 2])> {
    const NONE: f64 = f64::NAN;
    Some(match fun {
        "runif" => (Law::Uniform, &["n", "min", "max"], [0.0, 1.0]),
        "rnorm" => (Law::Normal, &["n", "mean", "sd"], [0.0, 1.0]),
        "rexp" => (Law::Exponential, &["n", "rate"], [1.0, 0.0]),
        "rlnorm" => (Law::Lognormal, &["n", "meanlog", "sdlog"], [0.0, 1.0]),
        "rlogis" => (Law::Logistic, &["n", "location", "scale"], [0.0, 1.0]),
        "rcauchy" => (Law::Cauchy, &["n", "location", "scale"], [0.0, 1.0]),
        "rweibull" => (Law::Weibull, &["n", "shape", "scale"], [NONE, 1.0]),
        "rgamma" => (Law::Gamma, &["n", "shape", "rate"], [NONE, 1.0]),
        "rbeta" => (Law::Beta, &["n", "shape1", "shape2"], [NONE, NONE]),
        "rchisq" => (Law::ChiSquared, &["n", "df"], [NONE, 0.0]),
        "rt" => (Law::Student, &["n", "df"], [NONE, 0.0]),
        "rpois" => (Law::Poisson, &["n", "lambda"], [NONE, 0.0]),
        "rbinom" => (Law::Binomial, &["n", "size", "prob"], [NONE, NONE]),
        _ => return None,
    })
}

/// Is it a function of random numbers with a law?
pub(super) fn is_law(fun: &str) -> bool {
    law_of(fun).is_some()
}

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
        let Some((law, formals, defaults)) = law_of(fun) else {
            return Err(refuse(node, "its law is not in the subset"));
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
                None if default.is_nan() => {
                    return Err(refuse(
                        node,
                        format!("its argument `{}` is missing", formals[k + 1]),
                    ));
                }
                None => (Type::Double, self.double(*default, node)?),
            });
        }
        let [(a, x), mut second] = [parameters[0], parameters[1]];
        if law == Law::Gamma {
            // R hands on the scale.
            let one = (Type::Double, self.double(1.0, node)?);
            match self.arith(Arith::Div, one, second, None, node)? {
                Val::Is(ty, reg) => second = (ty, reg),
                other => return Ok(other),
            }
        }
        let (b, y) = second;
        let whole = matches!(law, Law::Poisson | Law::Binomial);
        match count {
            None if a.is_scalar() && b.is_scalar() => {
                let (x, y) = (self.as_double(a, x, node)?, self.as_double(b, y, node)?);
                let ty = if whole { Type::Integer } else { Type::Double };
                let to = self.dest(ty, hint, node)?;
                self.emit(if whole {
                    Op::DrawI(law, to, x, y)
                } else {
                    Op::DrawD(law, to, x, y)
                });
                Ok(Val::Is(ty, to))
            }
            _ => {
                let count = match count {
                    Some(count) => count,
                    None => self.integer(1, node)?,
                };
                let (_, x) = self.as_doubles(a, x, node)?;
                let (_, y) = self.as_doubles(b, y, node)?;
                let ty = if whole { Type::Integers } else { Type::Doubles };
                let to = self.temp(ty, node)?;
                self.emit(if whole {
                    Op::DrawVi(law, to, count, x, y)
                } else {
                    Op::DrawV(law, to, count, x, y)
                });
                Ok(Val::Is(ty, to))
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
