//! Calls of R's functions by their further arguments: `seq()`, `range()`, `round(x, digits)`,
//! `mean(x, trim)`, `na.rm` and others.

use super::*;
use crate::code::{Extra, Reduce};
use crate::tree::Arg;

/// Functions that leave out missing values when they are told to. A task that meets one is
/// given up, so that the flag makes no difference.
fn may_drop(fun: &str) -> bool {
    matches!(
        fun,
        "sum"
            | "prod"
            | "min"
            | "max"
            | "range"
            | "mean"
            | "median"
            | "var"
            | "sd"
            | "any"
            | "all"
            | "pmin"
            | "pmax"
    )
}

impl Lower<'_> {
    /// `None`: the call has no further arguments that are compiled here.
    pub(super) fn with_arguments(
        &mut self,
        fun: &str,
        args: &[Arg],
        node: &Node,
    ) -> Lowered<Option<Val>> {
        let named = |arg: &&Arg| arg.name.as_deref() == Some("na.rm");
        if let Some(flag) = args.iter().find(named).filter(|_| may_drop(fun)) {
            self.flag(Some(&flag.value), false, node)?;
            let rest: Vec<Arg> = args.iter().filter(|arg| !named(arg)).cloned().collect();
            return self.function(fun, &rest, None, node).map(Some);
        }
        let several = args.len() > 1;
        match fun {
            "seq" => self.sequence(args, node),
            "range" => self.range(args, node),
            "tabulate" => self.tabulate(args, node),
            "round" | "signif" if several || fun == "signif" => {
                let how = if fun == "round" {
                    (Extra::Round, Extra::RoundV)
                } else {
                    (Extra::Signif, Extra::SignifV)
                };
                let given = self.matched(args, &["x", "digits"], node)?;
                self.paired(how, given[0], given[1], 6.0, node)
            }
            "log" if several => {
                let given = self.matched(args, &["x", "base"], node)?;
                self.paired((Extra::Log, Extra::LogV), given[0], given[1], 0.0, node)
            }
            "mean" if several => self.trimmed(args, node),
            "diff" if several => self.lagged(args, node),
            "var" if several => self.correlation("cov", args, node),
            "rep" if args.iter().any(|arg| arg.name.as_deref() == Some("each")) => {
                self.each_repeated(args, node)
            }
            "which.min" | "which.max" if args.len() == 1 => self.place_of_best(fun, args, node),
            _ => return Ok(None),
        }
        .map(Some)
    }

    pub(super) fn extra(
        &mut self,
        how: Extra,
        ty: Type,
        regs: [Reg; 3],
        node: &Node,
    ) -> Lowered<Val> {
        let to = self.temp(ty, node)?;
        self.emit(Op::Extra(how, [to, regs[0], regs[1], regs[2]]));
        Ok(Val::Is(ty, to))
    }

    /// A number, of one element when the code runs, as a double. `None`: never reached.
    fn one_double(&mut self, node: &Node) -> Lowered<Option<Reg>> {
        let Some((ty, reg)) = self.number(node)? else {
            return Ok(None);
        };
        let (ty, reg) = self.only(ty, reg, node)?;
        self.as_double(ty, reg, node).map(Some)
    }

    /// A function of numbers and one further number.
    fn paired(
        &mut self,
        (one, each): (Extra, Extra),
        x: Option<&Node>,
        y: Option<&Node>,
        default: f64,
        node: &Node,
    ) -> Lowered<Val> {
        let Some(x) = x else {
            return Err(refuse(node, "its argument is missing"));
        };
        let (value, mut names) = (self.value(x, None)?, super::named::Names::None);
        let (ty, reg) = match value {
            Val::Named(ty, reg, row) => {
                names = super::named::Names::Known(row);
                (ty, reg)
            }
            Val::Veiled(ty, reg, _) => {
                names = super::named::Names::Veiled;
                (ty, reg)
            }
            value => match self.plain_number(value, x)? {
                Some(found) => found,
                None => return Ok(Val::Gone),
            },
        };
        let (shape, ty) = self.unshaped(ty, reg, node)?;
        if !ty.is_double() && one != Extra::Log {
            return Err(refuse(node, "it is compiled for doubles only"));
        }
        let y = match y {
            Some(code) => match self.one_double(code)? {
                Some(y) => y,
                None => return Ok(Val::Gone),
            },
            None => self.double(default, node)?,
        };
        if ty.is_scalar() {
            let x = self.as_double(ty, reg, node)?;
            return self.extra(one, Type::Double, [x, y, 0], node);
        }
        let (_, x) = self.as_doubles(ty, reg, node)?;
        let value = self.extra(each, Type::Doubles, [x, y, 0], node)?;
        let value = self.shaped(value, shape, node)?;
        Ok(super::named::with_names(value, names))
    }

    fn trimmed(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        let given = self.matched(args, &["x", "trim"], node)?;
        let (Some(x), Some(trim)) = (given[0], given[1]) else {
            return Err(refuse(node, "its argument is missing"));
        };
        let Some((ty, x)) = self.number(x)? else {
            return Ok(Val::Gone);
        };
        if !ty.is_double() {
            return Err(refuse(node, "trimmed means are compiled for doubles only"));
        }
        let Some(trim) = self.one_double(trim)? else {
            return Ok(Val::Gone);
        };
        let (_, x) = self.as_doubles(ty, x, node)?;
        self.extra(Extra::Trimmed, Type::Double, [x, trim, 0], node)
    }

    fn lagged(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        let given = self.matched(args, &["x", "lag", "differences"], node)?;
        let Some(x) = given[0] else {
            return Err(refuse(node, "its argument is missing"));
        };
        let differences = match given[2] {
            None => 1,
            Some(code) => match Self::constant_number(code) {
                Some(n @ 1..=8) => n,
                _ => {
                    return Err(refuse(
                        code,
                        "the number of differences is computed, or large",
                    ))
                }
            },
        };
        let Some((ty, x)) = self.number(x)? else {
            return Ok(Val::Gone);
        };
        let lag = match given[1] {
            Some(code) => self.whole_number(code)?,
            None => self.integer(1, node)?,
        };
        let (ty, mut x) = self.as_vector(ty, x, node)?;
        let (how, out) = if ty.is_double() {
            (Extra::DiffD, Type::Doubles)
        } else {
            (Extra::DiffI, Type::Integers)
        };
        for _ in 0..differences {
            let to = self.temp(out, node)?;
            self.emit(Op::Extra(how, [to, x, lag, 0]));
            x = to;
        }
        Ok(Val::Is(out, x))
    }

    fn each_repeated(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        let given = self.matched(args, &["x", "each"], node)?;
        let (Some(x), Some(each)) = (given[0], given[1]) else {
            return Err(refuse(node, "its argument is missing"));
        };
        let Some((ty, x)) = self.number(x)? else {
            return Ok(Val::Gone);
        };
        let each = self.whole_number(each)?;
        let (ty, x) = self.as_vector(ty, x, node)?;
        let how = if ty.is_double() {
            Extra::EachD
        } else {
            Extra::EachI
        };
        self.extra(how, ty, [x, each, 0], node)
    }

    fn place_of_best(&mut self, fun: &str, args: &[Arg], node: &Node) -> Lowered<Val> {
        let x = self.one(args, node)?;
        let Some((ty, x)) = self.elements(x)? else {
            return Ok(Val::Gone);
        };
        let how = if fun == "which.min" {
            Reduce::WhichMin
        } else {
            Reduce::WhichMax
        };
        let (ty, x) = self.as_doubles(ty, x, node)?;
        self.emit_reduce(how, ty, x, Type::Integer, node)
    }

    /// `c(min(x), max(x))`.
    fn range(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        let mut parts = Vec::new();
        for arg in args {
            if arg.name.is_some() {
                let why = "its arguments with names are not in the subset";
                return Err(refuse(node, why));
            }
            match self.without_names(&arg.value)? {
                Some((ty, reg)) => parts.push((ty.flat(), reg)),
                None => return Ok(Val::Gone),
            }
        }
        let (ty, x) = match parts.as_slice() {
            [] => return Err(refuse(node, "it has no arguments")),
            [(ty, x)] => self.as_vector(*ty, *x, node)?,
            parts => self.joined(parts, node)?,
        };
        if ty.element() == Type::Logical {
            return Err(refuse(node, "it is compiled for numbers only"));
        }
        let mut ends = Vec::new();
        for how in [Reduce::Min, Reduce::Max] {
            if let Val::Is(ty, reg) = self.emit_reduce(how, ty, x, ty.element(), node)? {
                ends.push((ty, reg));
            }
        }
        let (ty, reg) = self.joined(&ends, node)?;
        Ok(Val::Is(ty, reg))
    }

    fn tabulate(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        let given = self.matched(args, &["bin", "nbins"], node)?;
        let Some(bin) = given[0] else {
            return Err(refuse(node, "its argument is missing"));
        };
        let Some((ty, bin)) = self.number(bin)? else {
            return Ok(Val::Gone);
        };
        if ty.element() == Type::Logical {
            return Err(refuse(node, "it is compiled for numbers only"));
        }
        let (ty, mut bin) = self.as_vector(ty, bin, node)?;
        if ty.is_double() {
            let whole = self.temp(Type::Integers, node)?;
            self.emit(Op::ToIntV(whole, bin));
            bin = whole;
        }
        let nbins = match given[1] {
            Some(code) => self.whole_number(code)?,
            // R's own code has dropped fractions by then.
            None => {
                let one = self.integer(1, node)?;
                let (_, all) = self.joined(&[(Type::Integer, one), (Type::Integers, bin)], node)?;
                match self.emit_reduce(Reduce::Max, Type::Integers, all, Type::Integer, node)? {
                    Val::Is(_, most) => most,
                    _ => one,
                }
            }
        };
        self.extra(Extra::Tabulate, Type::Integers, [bin, nbins, 0], node)
    }

    /// `seq()`: of R's own method for numbers each branch whose type is known before.
    fn sequence(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        let args: Vec<Arg> = args
            .iter()
            .cloned()
            .map(|mut arg| {
                // As it is called most often.
                let short =
                    |name: &String| name.starts_with("len") && "length.out".starts_with(name);
                if arg.name.as_ref().is_some_and(short) {
                    arg.name = Some("length.out".into());
                }
                arg
            })
            .collect();
        let given = self.matched(&args, &["from", "to", "by", "length.out"], node)?;
        if let (1, Some(from)) = (args.len(), given[0]) {
            return self.one_to(from, node);
        }
        let other = || Err(refuse(node, "these arguments of it are not in the subset"));
        match given[..] {
            [Some(from), Some(to), None, None] => {
                let (from, to) = (self.whole_number(from)?, self.whole_number(to)?);
                let all = self.temp(Type::Integers, node)?;
                self.emit(Op::Colon(all, from, to));
                Ok(Val::Is(Type::Integers, all))
            }
            [None, None, None, Some(n)] => {
                let n = self.whole_number(n)?;
                let all = self.temp(Type::Integers, node)?;
                self.emit(Op::SeqLen(all, n));
                Ok(Val::Is(Type::Integers, all))
            }
            [Some(from), Some(to), Some(by), None] => {
                let Some(parts) = self.three(&[from, to, by])? else {
                    return Ok(Val::Gone);
                };
                if parts.iter().all(|(ty, _)| *ty == Type::Integer) {
                    let regs = [parts[0].1, parts[1].1, parts[2].1];
                    return self.extra(Extra::SeqByInt, Type::Integers, regs, node);
                }
                let mut regs = [0; 3];
                for (reg, (ty, x)) in regs.iter_mut().zip(parts) {
                    *reg = self.as_double(ty, x, node)?;
                }
                self.extra(Extra::SeqBy, Type::Doubles, regs, node)
            }
            [Some(from), second, third, Some(n)] if second.is_some() != third.is_some() => {
                let Some(step) = second.or(third) else {
                    return other();
                };
                let Some(parts) = self.three(&[from, step])? else {
                    return Ok(Val::Gone);
                };
                if parts.iter().any(|(ty, _)| *ty != Type::Double) {
                    return Err(refuse(
                        node,
                        "with a length it is compiled for doubles only",
                    ));
                }
                let n = self.whole_number(n)?;
                let how = if second.is_some() {
                    Extra::SeqBetween
                } else {
                    Extra::SeqSteps
                };
                self.extra(how, Type::Doubles, [parts[0].1, parts[1].1, n], node)
            }
            _ => other(),
        }
    }

    /// Numbers of one element each.
    fn three(&mut self, codes: &[&Node]) -> Lowered<Option<Vec<(Type, Reg)>>> {
        let mut parts = Vec::new();
        for code in codes {
            let Some((ty, reg)) = self.number(code)? else {
                return Ok(None);
            };
            let (ty, reg) = self.only(ty, reg, code)?;
            if ty == Type::Logical {
                return Err(refuse(code, "a logical value is not in the subset here"));
            }
            parts.push((ty, reg));
        }
        Ok(Some(parts))
    }

    /// `seq(x)`: `1:x` of one number, and else `seq_along(x)`.
    fn one_to(&mut self, from: &Node, node: &Node) -> Lowered<Val> {
        let Some((ty, reg)) = self.number(from)? else {
            return Ok(Val::Gone);
        };
        let all = self.temp(Type::Integers, node)?;
        if ty.element() == Type::Logical {
            return Err(refuse(node, "it is compiled for numbers only"));
        }
        if ty.is_scalar() {
            let one = self.integer(1, node)?;
            let to = if ty == Type::Double {
                let to = self.temp(Type::Integer, node)?;
                self.emit(Op::Whole(to, reg));
                to
            } else {
                reg
            };
            self.emit(Op::Colon(all, one, to));
        } else {
            let n = self.length(Val::Is(ty, reg), node)?;
            self.emit(Op::NotOne(n));
            self.emit(Op::SeqLen(all, n));
        }
        Ok(Val::Is(Type::Integers, all))
    }
}
