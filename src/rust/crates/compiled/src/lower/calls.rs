//! Calls of R's functions.

use super::draws::is_drawing;
use super::named::{with_names, Names};
use super::*;
use crate::code::{Along, Arith, Math, Reduce};
use crate::tree::Arg;

/// A function of one number by its name.
pub(crate) fn math(fun: &str) -> Option<Math> {
    Some(match fun {
        "sqrt" => Math::Sqrt,
        "exp" => Math::Exp,
        "expm1" => Math::Expm1,
        "log" => Math::Log,
        "log1p" => Math::Log1p,
        "log2" => Math::Log2,
        "log10" => Math::Log10,
        "sin" => Math::Sin,
        "cos" => Math::Cos,
        "tan" => Math::Tan,
        "asin" => Math::Asin,
        "acos" => Math::Acos,
        "atan" => Math::Atan,
        "sinh" => Math::Sinh,
        "cosh" => Math::Cosh,
        "tanh" => Math::Tanh,
        "floor" => Math::Floor,
        "ceiling" => Math::Ceiling,
        "trunc" => Math::Trunc,
        "round" => Math::Round,
        _ => return None,
    })
}

fn reduce(fun: &str) -> Option<Reduce> {
    Some(match fun {
        "mean" => Reduce::Mean,
        "var" => Reduce::Var,
        "sd" => Reduce::Sd,
        "median" => Reduce::Median,
        "which.min" => Reduce::WhichMin,
        "which.max" => Reduce::WhichMax,
        "anyNA" => Reduce::AnyNa,
        _ => return None,
    })
}

fn along(fun: &str) -> Option<Along> {
    Some(match fun {
        "cumsum" => Along::Cumsum,
        "cumprod" => Along::Cumprod,
        "cummax" => Along::Cummax,
        "cummin" => Along::Cummin,
        "rev" => Along::Rev,
        "diff" => Along::Diff,
        "which" => Along::Which,
        _ => return None,
    })
}

impl Lower<'_> {
    /// The arguments of a closure of R by its formals, in their order.
    pub(super) fn matched<'a>(
        &mut self,
        args: &'a [Arg],
        formals: &[&str],
        node: &Node,
    ) -> Lowered<Vec<Option<&'a Node>>> {
        let mut found: Vec<Option<&Node>> = vec![None; formals.len()];
        for arg in args {
            let Some(name) = &arg.name else { continue };
            let Some(k) = formals.iter().position(|formal| formal == name) else {
                return Err(refuse(
                    node,
                    format!("its argument `{name}` is not in the subset"),
                ));
            };
            if found[k].is_some() {
                return Err(refuse(
                    node,
                    format!("its argument `{name}` is given twice"),
                ));
            }
            found[k] = Some(&arg.value);
        }
        for arg in args.iter().filter(|arg| arg.name.is_none()) {
            let Some(k) = found.iter().position(Option::is_none) else {
                return Err(refuse(node, "it has more arguments than are in the subset"));
            };
            found[k] = Some(&arg.value);
        }
        // R evaluates them when it needs them; only one may tell the difference.
        if args.iter().filter(|arg| self.draws(&arg.value)).count() > 1 {
            return Err(refuse(node, "several of its arguments draw random numbers"));
        }
        Ok(found)
    }

    /// The only argument.
    pub(super) fn one<'a>(&mut self, args: &'a [Arg], node: &Node) -> Lowered<&'a Node> {
        match self.matched(args, &["x"], node)?[0] {
            Some(code) => Ok(code),
            None => Err(refuse(node, "its argument is missing")),
        }
    }

    pub(super) fn function(
        &mut self,
        fun: &str,
        args: &[Arg],
        hint: Option<Var>,
        node: &Node,
    ) -> Lowered<Val> {
        if let Some(value) = self.with_arguments(fun, args, node)? {
            return Ok(value);
        }
        if let Some(how) = math(fun) {
            return self.math(fun, how, args, hint, node);
        }
        if let Some(how) = reduce(fun) {
            let x = self.one(args, node)?;
            return self.reduce(how, x, node);
        }
        if let Some(how) = along(fun) {
            let x = self.one(args, node)?;
            return self.along(how, x, node);
        }
        if let Some(value) = self.curve(fun, args, node)? {
            return Ok(value);
        }
        match fun {
            "sample" | "sample.int" => self.sample(fun, args, hint, node),
            "sum" | "prod" | "min" | "max" | "any" | "all" => self.total(fun, args, hint, node),
            "pmin" | "pmax" => self.parallel(fun == "pmin", args, node),
            _ if is_drawing(fun) => self.law(fun, args, hint, node),
            "cbind" | "rbind" => self.bound(fun == "cbind", args, node),
            "match" | "findInterval" => self.found_in(fun, args, node),
            "quantile" => self.quantile(args, node),
            "cor" | "cov" => self.correlation(fun, args, node),
            "abs" => self.abs(args, hint, node),
            "length" => {
                let x = self.one(args, node)?;
                let value = self.value(x, None)?;
                if value == Val::Gone {
                    return Ok(value);
                }
                Ok(Val::Is(Type::Integer, self.length(value, node)?))
            }
            "seq_len" => {
                let given = self.matched(args, &["length.out"], node)?;
                let Some(n) = given[0] else {
                    return Err(refuse(node, "its argument is missing"));
                };
                let n = self.whole_number(n)?;
                let to = self.temp(Type::Integers, node)?;
                self.emit(Op::SeqLen(to, n));
                Ok(Val::Is(Type::Integers, to))
            }
            "seq_along" => {
                let given = self.matched(args, &["along.with"], node)?;
                let Some(x) = given[0] else {
                    return Err(refuse(node, "its argument is missing"));
                };
                let value = self.value(x, None)?;
                let n = self.length(value, node)?;
                let to = self.temp(Type::Integers, node)?;
                self.emit(Op::SeqLen(to, n));
                Ok(Val::Is(Type::Integers, to))
            }
            "force" | "identity" => {
                let x = self.one(args, node)?;
                self.value(x, hint)
            }
            "missing" => self.missing(args, node),
            "unlist" => self.unlisted(args, node),
            "setNames" | "unname" => self.renamed(fun, args, node),
            "sapply" | "vapply" | "replicate" | "apply" | "mapply" | "Reduce" => {
                self.applied(fun, args, node)
            }
            "c" => self.combine(args, node),
            "numeric" | "double" | "integer" | "logical" | "vector" => self.blank(fun, args, node),
            "rep" | "rep_len" | "rep.int" => self.repeated(fun, args, node),
            "ifelse" => self.choose(args, node),
            "is.na" => self.is_na(args, node),
            "sort" | "order" => self.sorted(fun, args, node),
            "as.numeric" | "as.double" | "as.integer" | "as.vector" => {
                self.converted(fun, args, node)
            }
            "list" => self.list(args, node),
            "data.frame" => self.data_frame(args, node),
            "do.call" => self.do_call(args, node),
            "with" => self.with(args, node),
            "unique" | "duplicated" | "rank" => self.among_all(fun, args, node),
            "colnames" | "rownames" => {
                let x = self.one(args, node)?;
                self.side_names(fun, x, node)
            }
            "lapply" => {
                let how = super::gather::Kept::One;
                let found = self.gathering(how, node, |this| this.applied_with(fun, args, node))?;
                match found.0 {
                    value @ (Val::Made(_) | Val::Gone) => Ok(value),
                    _ => Err(refuse(
                        node,
                        "a list whose length is computed is not in the subset",
                    )),
                }
            }
            _ => self.of_matrices(fun, args, node),
        }
    }

    fn math(
        &mut self,
        fun: &str,
        how: Math,
        args: &[Arg],
        hint: Option<Var>,
        node: &Node,
    ) -> Lowered<Val> {
        let x = self.one(args, node)?;
        let mut veiled = false;
        let (ty, reg) = match self.value(x, None)? {
            Val::Named(ty, reg, names) => {
                let value = self.math_flat(fun, how, (ty, reg), None, node)?;
                return Ok(with_names(value, Names::Known(names)));
            }
            Val::Veiled(ty, reg, _) => {
                veiled = true;
                (ty, reg)
            }
            value => match self.plain_number(value, x)? {
                Some(found) => found,
                None => return Ok(Val::Gone),
            },
        };
        let (shape, ty) = self.unshaped(ty, reg, node)?;
        let value = self.math_flat(fun, how, (ty, reg), hint, node)?;
        let value = self.shaped(value, shape, node)?;
        Ok(Self::veil(value, veiled))
    }

    fn math_flat(
        &mut self,
        fun: &str,
        how: Math,
        (ty, reg): (Type, Reg),
        hint: Option<Var>,
        node: &Node,
    ) -> Lowered<Val> {
        let rounds = matches!(how, Math::Floor | Math::Ceiling | Math::Trunc | Math::Round);
        if rounds && !ty.is_double() {
            // Some versions of R leave integers as they are.
            match self.around.type_of(&format!("base::{fun}(1L)")) {
                Some(Type::Double) => {}
                Some(Type::Integer) if ty.element() == Type::Integer => {
                    return Ok(Val::Is(ty, reg))
                }
                _ => {
                    let why = format!("`{fun}()` of integers is not in the subset");
                    return Err(refuse(node, why));
                }
            }
        }
        if ty.is_scalar() {
            let x = self.as_double(ty, reg, node)?;
            let to = self.dest(Type::Double, hint, node)?;
            self.emit(Op::MathD(how, to, x));
            return Ok(Val::Is(Type::Double, to));
        }
        let (_, x) = self.as_doubles(ty, reg, node)?;
        let to = self.temp(Type::Doubles, node)?;
        self.emit(Op::MathVd(how, to, x));
        Ok(Val::Is(Type::Doubles, to))
    }

    fn abs(&mut self, args: &[Arg], hint: Option<Var>, node: &Node) -> Lowered<Val> {
        let x = self.one(args, node)?;
        let Some(((ty, reg), names)) = self.opened(x)? else {
            return Ok(Val::Gone);
        };
        let (shape, ty) = self.unshaped(ty, reg, node)?;
        let value = self.abs_flat((ty, reg), hint, node)?;
        let value = self.shaped(value, shape, node)?;
        Ok(with_names(value, names))
    }

    fn abs_flat(&mut self, (ty, reg): (Type, Reg), hint: Option<Var>, node: &Node) -> Lowered<Val> {
        let out = match ty {
            Type::Logical => Type::Integer,
            Type::Logicals => Type::Integers,
            other => other,
        };
        let to = self.dest(out, if out.is_scalar() { hint } else { None }, node)?;
        self.emit(match out {
            Type::Double => Op::MathD(Math::Abs, to, reg),
            Type::Doubles => Op::MathVd(Math::Abs, to, reg),
            Type::Integers => Op::AbsVi(to, reg),
            _ => Op::AbsI(to, reg),
        });
        Ok(Val::Is(out, to))
    }

    fn reduce(&mut self, how: Reduce, x: &Node, node: &Node) -> Lowered<Val> {
        // var() of a matrix is a matrix; median() of one is rare.
        let found = match how {
            Reduce::Median => self.unnamed_number(x)?,
            Reduce::Var => match self.without_names(x)? {
                Some((ty, _)) if ty.is_matrix() => {
                    return Err(refuse(x, "a matrix is not in the subset here"))
                }
                found => found,
            },
            Reduce::WhichMin | Reduce::WhichMax => self.elements(x)?,
            _ => self.without_names(x)?.map(|(ty, reg)| (ty.flat(), reg)),
        };
        let Some((ty, reg)) = found else {
            return Ok(Val::Gone);
        };
        let (ty, reg) = self.as_vector(ty, reg, node)?;
        let integer = matches!(how, Reduce::WhichMin | Reduce::WhichMax);
        if !ty.is_double() && (integer || how == Reduce::Median && ty != Type::Integers) {
            return Err(refuse(node, "it is compiled for doubles only"));
        }
        let (ty, reg) = match how {
            Reduce::Var | Reduce::Sd => self.as_doubles(ty, reg, node)?,
            _ => (ty, reg),
        };
        let out = if integer {
            Type::Integer
        } else if how == Reduce::AnyNa {
            Type::Logical
        } else {
            Type::Double
        };
        self.emit_reduce(how, ty, reg, out, node)
    }

    fn along(&mut self, how: Along, x: &Node, node: &Node) -> Lowered<Val> {
        // rev() and diff() have rules of their own for matrices.
        let found = if matches!(how, Along::Rev | Along::Diff) {
            self.number(x)?
        } else {
            self.elements(x)?
        };
        let Some((ty, reg)) = found else {
            return Ok(Val::Gone);
        };
        let (ty, reg) = self.as_vector(ty, reg, node)?;
        let (ty, reg, out) = match how {
            Along::Which if ty != Type::Logicals => {
                return Err(refuse(
                    node,
                    "which() of what is not logical is not in the subset",
                ));
            }
            Along::Which => (ty, reg, Type::Integers),
            Along::Cumprod => {
                let (ty, reg) = self.as_doubles(ty, reg, node)?;
                (ty, reg, Type::Doubles)
            }
            Along::Cumsum | Along::Cummax | Along::Cummin | Along::Diff if ty == Type::Logicals => {
                (ty, reg, Type::Integers)
            }
            _ => (ty, reg, ty),
        };
        self.emit_along(how, ty, reg, out, node)
    }

    /// A scalar of type `out` from a vector of type `ty`.
    pub(super) fn emit_reduce(
        &mut self,
        how: Reduce,
        ty: Type,
        reg: Reg,
        out: Type,
        node: &Node,
    ) -> Lowered<Val> {
        let to = self.temp(out, node)?;
        if let (true, Some(mean)) = (ty.is_double(), self.mean_known(how, reg)) {
            self.emit(Op::VarAround(to, reg, mean, how == Reduce::Sd));
            return Ok(Val::Is(out, to));
        }
        self.emit(if ty.is_double() {
            Op::ReduceD(how, to, reg)
        } else {
            Op::ReduceI(how, to, reg)
        });
        Ok(Val::Is(out, to))
    }

    /// A vector of type `out` from one of type `ty`.
    pub(super) fn emit_along(
        &mut self,
        how: Along,
        ty: Type,
        reg: Reg,
        out: Type,
        node: &Node,
    ) -> Lowered<Val> {
        let to = self.temp(out, node)?;
        self.emit(if ty.is_double() {
            Op::AlongD(how, to, reg)
        } else {
            Op::AlongI(how, to, reg)
        });
        Ok(Val::Is(out, to))
    }

    /// `sum()` and others that take any number of arguments.
    fn total(&mut self, fun: &str, args: &[Arg], hint: Option<Var>, node: &Node) -> Lowered<Val> {
        if args.iter().any(|arg| arg.name.is_some()) {
            return Err(refuse(
                node,
                "its arguments with names are not in the subset",
            ));
        }
        let logic = fun == "any" || fun == "all";
        // Of two numbers, the common case in loops.
        if (fun == "min" || fun == "max") && args.len() == 2 {
            let first = self.without_names(&args[0].value)?;
            let second = self.without_names(&args[1].value)?;
            let Some(((a, x), (b, y))) = first.zip(second) else {
                return Ok(Val::Gone);
            };
            if a.is_scalar() && b.is_scalar() {
                let how = if fun == "min" { Arith::Min } else { Arith::Max };
                return self.arith(how, (a, x), (b, y), hint, node);
            }
            let whole = self.joined(&[(a, x), (b, y)], node)?;
            return self.total_of(fun, whole, node);
        }
        let mut parts = Vec::new();
        for arg in args {
            match self.without_names(&arg.value)? {
                Some((ty, reg)) => parts.push((ty.flat(), reg)),
                None => return Ok(Val::Gone),
            }
        }
        let one = match parts.as_slice() {
            [] => return Err(refuse(node, "it has no arguments")),
            [(ty, reg)] => self.as_vector(*ty, *reg, node)?,
            parts if fun == "sum" => return self.sum_of_sums(parts, node),
            _ if fun == "prod" => {
                return Err(refuse(
                    node,
                    "several arguments of it are not in the subset",
                ));
            }
            parts => self.joined(parts, node)?,
        };
        if logic && one.0 != Type::Logicals {
            return Err(refuse(node, "it is compiled for logical values only"));
        }
        self.total_of(fun, one, node)
    }

    /// `sum(x, y)`: R adds the sums of the arguments, as integers where all are.
    fn sum_of_sums(&mut self, parts: &[(Type, Reg)], node: &Node) -> Lowered<Val> {
        let mut sums = Vec::new();
        for (ty, reg) in parts {
            let one = self.as_vector(*ty, *reg, node)?;
            match self.total_of("sum", one, node)? {
                Val::Is(ty, reg) => sums.push((ty, reg)),
                other => return Ok(other),
            }
        }
        let double = sums.iter().any(|(ty, _)| ty.is_double());
        let mut total = sums[0];
        for next in &sums[1..] {
            if double && !total.0.is_double() {
                total = (Type::Double, self.as_double(total.0, total.1, node)?);
            }
            match self.arith(Arith::Add, total, *next, None, node)? {
                Val::Is(ty, reg) => total = (ty, reg),
                other => return Ok(other),
            }
        }
        Ok(Val::Is(total.0, total.1))
    }

    fn total_of(&mut self, fun: &str, (ty, reg): (Type, Reg), node: &Node) -> Lowered<Val> {
        let how = match fun {
            "sum" => Reduce::Sum,
            "prod" => Reduce::Prod,
            "min" => Reduce::Min,
            "max" => Reduce::Max,
            "any" => Reduce::Any,
            _ => Reduce::All,
        };
        let (ty, reg) = if how == Reduce::Prod {
            self.as_doubles(ty, reg, node)?
        } else {
            (ty, reg)
        };
        let out = match how {
            Reduce::Any | Reduce::All => Type::Logical,
            _ if ty.is_double() => Type::Double,
            _ => Type::Integer,
        };
        self.emit_reduce(how, ty, reg, out, node)
    }

    /// All elements in one vector of the highest type.
    pub(super) fn joined(&mut self, parts: &[(Type, Reg)], node: &Node) -> Lowered<(Type, Reg)> {
        let element = parts
            .iter()
            .map(|(ty, _)| ty.element())
            .max()
            .unwrap_or(Type::Double);
        let ty = element.vector();
        let double = element == Type::Double;
        let mut ready = Vec::new();
        for (from, reg) in parts {
            ready.push(match (from.is_scalar(), double) {
                (true, true) => (true, self.as_double(*from, *reg, node)?),
                (true, false) => (true, *reg),
                (false, true) => (false, self.as_doubles(*from, *reg, node)?.1),
                (false, false) => (false, *reg),
            });
        }
        let to = self.temp(ty, node)?;
        self.emit(if double {
            Op::ClearD(to)
        } else {
            Op::ClearI(to)
        });
        for (scalar, reg) in ready {
            self.emit(match (scalar, double) {
                (true, true) => Op::PushD(to, reg),
                (true, false) => Op::PushI(to, reg),
                (false, true) => Op::AppendD(to, reg),
                (false, false) => Op::AppendI(to, reg),
            });
        }
        Ok((ty, to))
    }
}
