//! Calls of densities, distribution functions and quantiles, and of the gamma function and its kin.

use super::*;
use crate::code::{Arith, Extra};
use crate::primitives::curves::{named, packed};
use crate::tree::Arg;

/// The names of the parameters behind the first argument, with their defaults.
type Parameters = &'static [(&'static str, Option<f64>)];

fn parameters(fun: &str) -> Option<Parameters> {
    const ZERO: Option<f64> = Some(0.0);
    const ONE: Option<f64> = Some(1.0);
    Some(match fun {
        "dnorm" | "pnorm" | "qnorm" => &[("mean", ZERO), ("sd", ONE)],
        "dunif" | "punif" => &[("min", ZERO), ("max", ONE)],
        "dexp" | "pexp" => &[("rate", ONE)],
        "dgamma" => &[("shape", None), ("rate", ONE)],
        "dbeta" => &[("shape1", None), ("shape2", None)],
        "dt" | "pt" | "dchisq" | "pchisq" => &[("df", None)],
        "dbinom" => &[("size", None), ("prob", None)],
        "dpois" => &[("lambda", None)],
        "dlogis" | "plogis" | "qlogis" => &[("location", ZERO), ("scale", ONE)],
        "dlnorm" | "plnorm" => &[("meanlog", ZERO), ("sdlog", ONE)],
        "gamma" | "lgamma" | "factorial" | "lfactorial" => &[],
        "beta" | "lbeta" => &[("b", None)],
        "choose" => &[("k", None)],
        _ => return None,
    })
}

impl Lower<'_> {
    /// `None` of other functions.
    pub(super) fn curve(&mut self, fun: &str, args: &[Arg], node: &Node) -> Lowered<Option<Val>> {
        let Some(parameters) = parameters(fun) else {
            return Ok(None);
        };
        let kind = fun.as_bytes()[0];
        let of_law = !matches!(
            fun,
            "gamma" | "lgamma" | "factorial" | "lfactorial" | "beta" | "lbeta" | "choose"
        );
        let first = match (of_law, kind, fun) {
            (true, b'p', _) => "q",
            (true, b'q', _) => "p",
            (_, _, "beta" | "lbeta") => "a",
            (_, _, "choose") => "n",
            _ => "x",
        };
        let mut formals = vec![first];
        formals.extend(parameters.iter().map(|(name, _)| *name));
        let flags = formals.len();
        if fun == "dgamma" {
            formals.push("scale");
        }
        let flags = flags + usize::from(fun == "dgamma");
        match (of_law, kind) {
            (true, b'd') => formals.push("log"),
            (true, _) => formals.extend(["lower.tail", "log.p"]),
            _ => {}
        }
        let given = self.matched(args, &formals, node)?;
        // A number of degrees of freedom is followed by another parameter.
        if matches!(fun, "dt" | "pt" | "dchisq" | "pchisq" | "dbeta") {
            let by_place = args.iter().filter(|arg| arg.name.is_none()).count();
            if by_place > parameters.len() + 1 {
                return Err(refuse(node, "its argument `ncp` is not in the subset"));
            }
        }
        let flag = |k: usize| given.get(flags + k).copied().flatten();
        let (lower, log) = match (of_law, kind) {
            (true, b'd') => (true, self.flag(flag(0), false, node)?),
            (true, _) => (
                self.flag(flag(0), true, node)?,
                self.flag(flag(1), false, node)?,
            ),
            _ => (true, false),
        };
        let scaled = fun == "dgamma" && given[3].is_some();
        if scaled && given[2].is_some() {
            return Err(refuse(node, "both `rate` and `scale` are given"));
        }
        let Some(x) = given[0] else {
            return Err(refuse(node, "its argument is missing"));
        };
        let Some(x) = self.any_number(x)? else {
            return Ok(Some(Val::Gone));
        };
        let mut values = Vec::new();
        for (k, (name, default)) in parameters.iter().enumerate() {
            let at = if scaled && k == 1 { 3 } else { k + 1 };
            values.push(match (given[at], default) {
                (Some(code), _) => match self.number(code)? {
                    Some(value) => value,
                    None => return Ok(Some(Val::Gone)),
                },
                (None, Some(default)) => (Type::Double, self.double(*default, node)?),
                (None, None) => {
                    return Err(refuse(node, format!("its argument `{name}` is missing")))
                }
            });
        }
        // R hands on a scale.
        if matches!(fun, "dexp" | "pexp") {
            values[0] = self.inverse(values[0], node)?;
        }
        if fun == "dgamma" && !scaled && given[2].is_some() {
            values[1] = self.inverse(values[1], node)?;
        }
        let zero = self.double(0.0, node)?;
        values.resize(2, (Type::Double, zero));
        let (shape, ty) = self.unshaped(x.0, x.1, node)?;
        let mut x = (ty, x.1);
        let curve = match fun {
            "factorial" => {
                x = self.one_more(x, node)?;
                named("gamma")
            }
            "lfactorial" => {
                x = self.one_more(x, node)?;
                named("lgamma")
            }
            _ => named(fun),
        };
        let Some(curve) = curve else {
            return Ok(None);
        };
        let code = packed(curve, lower, log);
        let all = [x, values[0], values[1]];
        if all.iter().all(|(ty, _)| ty.is_scalar()) {
            let mut regs = [0; 3];
            for (reg, (ty, from)) in regs.iter_mut().zip(all) {
                *reg = self.as_double(ty, from, node)?;
            }
            let value = self.extra(Extra::Curve(code), Type::Double, regs, node)?;
            return Ok(Some(value));
        }
        let longer = all[1..].iter().any(|(ty, _)| !ty.is_scalar());
        if shape.is_some() && longer {
            return Err(refuse(node, "parameters that are vectors, of a matrix"));
        }
        let mut regs = [0; 3];
        for (reg, (ty, from)) in regs.iter_mut().zip(all) {
            *reg = self.as_doubles(ty, from, node)?.1;
        }
        let value = self.extra(Extra::CurveV(code), Type::Doubles, regs, node)?;
        self.shaped(value, shape, node).map(Some)
    }

    fn one_more(&mut self, x: (Type, Reg), node: &Node) -> Lowered<(Type, Reg)> {
        let one = self.double(1.0, node)?;
        match self.arith(Arith::Add, x, (Type::Double, one), None, node)? {
            Val::Is(ty, reg) => Ok((ty, reg)),
            _ => Err(refuse(node, "it cannot be read")),
        }
    }
}
