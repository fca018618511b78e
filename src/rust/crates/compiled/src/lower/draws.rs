//! Random numbers.

use super::*;
use crate::code::{Arith, Law};
use crate::tree::Arg;

/// The laws, with the names of their parameters and, where there are any, the defaults.
type Parameter = (&'static str, Option<f64>);
const LAWS: [(&str, Law, &[Parameter]); 16] = {
    const ZERO: Option<f64> = Some(0.0);
    const ONE: Option<f64> = Some(1.0);
    [
        ("runif", Law::Uniform, &[("min", ZERO), ("max", ONE)]),
        ("rnorm", Law::Normal, &[("mean", ZERO), ("sd", ONE)]),
        ("rexp", Law::Exponential, &[("rate", ONE)]),
        (
            "rlnorm",
            Law::LogNormal,
            &[("meanlog", ZERO), ("sdlog", ONE)],
        ),
        (
            "rlogis",
            Law::Logistic,
            &[("location", ZERO), ("scale", ONE)],
        ),
        (
            "rcauchy",
            Law::Cauchy,
            &[("location", ZERO), ("scale", ONE)],
        ),
        ("rweibull", Law::Weibull, &[("shape", None), ("scale", ONE)]),
        ("rgamma", Law::Gamma, &[("shape", None), ("rate", ONE)]),
        ("rchisq", Law::ChiSquared, &[("df", None)]),
        ("rt", Law::T, &[("df", None)]),
        ("rf", Law::F, &[("df1", None), ("df2", None)]),
        ("rbeta", Law::Beta, &[("shape1", None), ("shape2", None)]),
        ("rpois", Law::Poisson, &[("lambda", None)]),
        ("rgeom", Law::Geometric, &[("prob", None)]),
        (
            "rnbinom",
            Law::NegativeBinomial,
            &[("size", None), ("prob", None)],
        ),
        ("rbinom", Law::Binomial, &[("size", None), ("prob", None)]),
    ]
};

fn law_of(fun: &str) -> Option<(Law, &'static [Parameter])> {
    let found = LAWS.iter().find(|(name, _, _)| *name == fun);
    found.map(|(_, law, parameters)| (*law, *parameters))
}

/// Does the function draw random numbers?
pub(super) fn is_drawing(fun: &str) -> bool {
    fun == "sample" || fun == "sample.int" || law_of(fun).is_some()
}

impl Lower<'_> {
    /// `runif(n, min, max)` and the other laws.
    pub(super) fn law(
        &mut self,
        fun: &str,
        args: &[Arg],
        hint: Option<Var>,
        node: &Node,
    ) -> Lowered<Val> {
        let Some((mut law, laws)) = law_of(fun) else {
            return Err(refuse(node, format!("`{fun}()` is not in the subset")));
        };
        let mut formals = vec!["n"];
        formals.extend(laws.iter().map(|(name, _)| *name));
        // What the second parameter may be instead.
        let other = match law {
            Law::Gamma => Some("scale"),
            Law::NegativeBinomial => Some("mu"),
            _ => None,
        };
        formals.extend(other);
        let given = self.matched(args, &formals, node)?;
        let scaled = other.is_some() && given.get(3).is_some_and(Option::is_some);
        if scaled && given[2].is_some() {
            let why = format!("both `{}` and `{}` are given", formals[2], formals[3]);
            return Err(refuse(node, why));
        }
        if scaled && law == Law::NegativeBinomial {
            law = Law::NegativeBinomialMean;
        }
        self.draws = true;
        let Some(n) = given[0] else {
            return Err(refuse(node, "the number of random numbers is missing"));
        };
        let one = matches!(n.kind, Kind::Double(1.0) | Kind::Integer(1));
        let count = if one { None } else { Some(self.count(n)?) };
        let mut parameters = Vec::new();
        for (k, (name, default)) in laws.iter().enumerate() {
            let at = if scaled && k == 1 { 3 } else { k + 1 };
            parameters.push(match (given[at], default) {
                // Names and shapes of parameters are dropped.
                (Some(code), _) => match self.without_names(code)? {
                    Some((ty, reg)) => (ty.flat(), reg),
                    None => return Ok(Val::Gone),
                },
                (None, Some(default)) => (Type::Double, self.double(*default, node)?),
                (None, None) => {
                    let why = format!("its argument `{name}` is missing");
                    return Err(refuse(node, why));
                }
            });
        }
        if law == Law::Gamma && !scaled && given[2].is_some() {
            parameters[1] = self.inverse(parameters[1], node)?;
        }
        parameters.resize(2, (Type::Double, self.double(0.0, node)?));
        let counts = match law {
            Law::Poisson | Law::Geometric | Law::NegativeBinomial | Law::Binomial => true,
            // Some versions of R make doubles of these. (None are drawn by this call.)
            Law::NegativeBinomialMean => match self.around.type_of("stats::rnbinom(0L, 1, mu = 1)")
            {
                Some(ty @ (Type::Double | Type::Integer)) => ty == Type::Integer,
                _ => return Err(refuse(node, "its argument `mu` is not in the subset")),
            },
            _ => false,
        };
        let [(a, x), (b, y)] = [parameters[0], parameters[1]];
        match count {
            None if a.is_scalar() && b.is_scalar() => {
                let (x, y) = (self.as_double(a, x, node)?, self.as_double(b, y, node)?);
                if counts {
                    let drawn = self.temp(Type::Double, node)?;
                    self.emit(Op::DrawD(law, drawn, x, y));
                    let to = self.dest(Type::Integer, hint, node)?;
                    self.emit(Op::Whole(to, drawn));
                    return Ok(Val::Is(Type::Integer, to));
                }
                let is = |value: f64, reg| self.constants_d.get(&value.to_bits()) == Some(&reg);
                let plain = law == Law::Uniform && is(0.0, x) && is(1.0, y);
                let to = self.dest(Type::Double, hint, node)?;
                self.emit(if plain {
                    Op::Uniform(to)
                } else {
                    Op::DrawD(law, to, x, y)
                });
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
                if counts {
                    let whole = self.temp(Type::Integers, node)?;
                    self.emit(Op::ToIntV(whole, to));
                    return Ok(Val::Is(Type::Integers, whole));
                }
                Ok(Val::Is(Type::Doubles, to))
            }
        }
    }

    /// 1 over the number or vector.
    pub(super) fn inverse(&mut self, (ty, reg): (Type, Reg), node: &Node) -> Lowered<(Type, Reg)> {
        let one = self.double(1.0, node)?;
        if ty.is_scalar() {
            let x = self.as_double(ty, reg, node)?;
            let to = self.temp(Type::Double, node)?;
            self.emit(Op::DivD(to, one, x));
            return Ok((Type::Double, to));
        }
        let (_, x) = self.as_doubles(ty, reg, node)?;
        let to = self.temp(Type::Doubles, node)?;
        self.emit(Op::ArithVdLeft(Arith::Div, to, one, x));
        Ok((Type::Doubles, to))
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
            if !whole {
                // Of a number below one R draws that number itself.
                let one = self.integer(1, from)?;
                let least = self.temp(Type::Integer, from)?;
                self.emit(Op::ArithI(Arith::Min, least, n, one));
                self.emit(Op::SameInt(least, one));
            }
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
        self.select(ty, reg, at, false, node)
    }
}
