//! Functions of vectors with arguments of their own.

use super::*;
use crate::code::Extra;
use crate::tree::Arg;

/// The numbers of `0.5` or `c(0.025, 0.975)`.
fn constants(node: &Node) -> Option<Vec<f64>> {
    match &node.kind {
        Kind::Double(value) if value.is_nan() => None,
        Kind::Double(value) => Some(vec![*value]),
        Kind::Integer(value) => Some(vec![f64::from(*value)]),
        Kind::Call { fun, args } if fun == "c" && !args.is_empty() => {
            let one = |arg: &Arg| match (&arg.name, &arg.value.kind) {
                (None, Kind::Double(value)) if !value.is_nan() => Some(*value),
                (None, Kind::Integer(value)) => Some(f64::from(*value)),
                _ => None,
            };
            args.iter().map(one).collect()
        }
        _ => None,
    }
}

impl Lower<'_> {
    /// `quantile(x, probs, names = FALSE, type = )`. With names the value would have an
    /// attribute.
    pub(super) fn quantile(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        let formals = ["x", "probs", "na.rm", "names", "type"];
        let given = self.matched(args, &formals, node)?;
        let Some(x) = given[0] else {
            return Err(refuse(node, "its argument is missing"));
        };
        // There are no missing values to remove: a task that meets one is given up.
        self.flag(given[2], false, node)?;
        let named = self.flag(given[3], true, node)?;
        let mut known = match given[1] {
            Some(code) => constants(code),
            None => Some(vec![0.0, 0.25, 0.5, 0.75, 1.0]),
        };
        let kind = match given[4].map(|code| &code.kind) {
            None => 7,
            Some(Kind::Integer(kind @ 1..=9)) => *kind as u8,
            Some(Kind::Double(kind)) if (1..=9).any(|k| f64::from(k) == *kind) => *kind as u8,
            Some(_) => return Err(refuse(node, "its type is computed, or is none")),
        };
        let Some((ty, x)) = self.unnamed_number(x)? else {
            return Ok(Val::Gone);
        };
        let out = if ty.is_double() {
            Type::Double
        } else {
            self.quantile_of_integers(ty, kind, node)?
        };
        let (_, x) = self.as_doubles(ty, x, node)?;
        let probs = match given[1] {
            Some(code) => {
                let Some((ty, probs)) = self.unnamed_number(code)? else {
                    return Ok(Val::Gone);
                };
                known = known.or_else(|| self.numbers_known(ty, probs));
                self.as_doubles(ty, probs, node)?.1
            }
            None => {
                let mut parts = Vec::new();
                for p in known.iter().flatten() {
                    parts.push((Type::Double, self.double(*p, node)?));
                }
                self.joined(&parts, node)?.1
            }
        };
        let names = match &known {
            Some(probs) if named => self.around.quantile_names(probs),
            _ => None,
        };
        if named && names.is_none() {
            let why = "its names are compiled for probabilities that the code or a variable has only (`names = FALSE` drops them)";
            return Err(refuse(node, why));
        }
        let mut to = self.temp(Type::Doubles, node)?;
        self.emit(Op::Quantile(to, x, probs, kind));
        let out = out.vector();
        if out == Type::Integers {
            let whole = self.temp(out, node)?;
            self.emit(Op::ToIntV(whole, to));
            to = whole;
        }
        Ok(match names {
            Some(names) => Val::Named(out, to, self.row_of(names, node)?),
            None => Val::Is(out, to),
        })
    }

    /// The type of quantiles of integers, where it does not depend on their values.
    fn quantile_of_integers(&mut self, ty: Type, kind: u8, node: &Node) -> Lowered<Type> {
        // One that is an element tells whether this version of R keeps its type; of types 1 and 3 all are.
        let call = format!("stats::quantile(1:3, 0.5, type = {kind}L)");
        match (kind, self.around.type_of(&call)) {
            _ if ty.element() != Type::Integer => {}
            (7, Some(out @ Type::Double)) | (1 | 3, Some(out)) => return Ok(out),
            _ => {}
        }
        let why = "it is compiled for doubles, and for integers of types 1, 3 and 7";
        Err(refuse(node, why))
    }

    /// The numbers of a register that nothing is ever assigned to.
    fn numbers_known(&mut self, ty: Type, reg: Reg) -> Option<Vec<f64>> {
        if ty == Type::Double {
            let same = |(_, known): &(&u64, &Reg)| **known == reg;
            let (bits, _) = self.constants_d.iter().find(same)?;
            return Some(vec![f64::from_bits(*bits)]);
        }
        let same = |(known, _, of): &&(Reg, usize, Type)| *known == reg && *of == ty;
        let number = self.vectors.iter().find(same)?.1;
        self.around.numbers(number)
    }

    /// `unique(x)`, `duplicated(x)` and `rank(x)`.
    pub(super) fn among_all(&mut self, fun: &str, args: &[Arg], node: &Node) -> Lowered<Val> {
        let x = self.one(args, node)?;
        let found = if fun == "rank" {
            self.number(x)?
        } else {
            self.unnamed_number(x)?
        };
        let Some((ty, reg)) = found else {
            return Ok(Val::Gone);
        };
        let (ty, reg) = self.as_vector(ty, reg, node)?;
        let (how, out) = match (fun, ty.is_double()) {
            ("unique", true) => (Extra::UniqueD, ty),
            ("unique", false) => (Extra::UniqueI, ty),
            ("duplicated", true) => (Extra::DuplicatedD, Type::Logicals),
            ("duplicated", false) => (Extra::DuplicatedI, Type::Logicals),
            (_, true) => (Extra::RankD, Type::Doubles),
            (_, false) => (Extra::RankI, Type::Doubles),
        };
        self.extra(how, out, [reg, 0, 0], node)
    }

    /// `cor(x, y)` and `cov(x, y)` of two vectors.
    pub(super) fn correlation(&mut self, fun: &str, args: &[Arg], node: &Node) -> Lowered<Val> {
        let given = self.matched(args, &["x", "y"], node)?;
        let (Some(x), Some(y)) = (given[0], given[1]) else {
            return Err(refuse(node, "it is compiled for two vectors only"));
        };
        let Some((ty_x, x)) = self.unnamed_number(x)? else {
            return Ok(Val::Gone);
        };
        let Some((ty_y, y)) = self.unnamed_number(y)? else {
            return Ok(Val::Gone);
        };
        let (_, x) = self.as_doubles(ty_x, x, node)?;
        let (_, y) = self.as_doubles(ty_y, y, node)?;
        if fun == "cov" {
            return self.extra(Extra::Cov, Type::Double, [x, y, 0], node);
        }
        let to = self.temp(Type::Double, node)?;
        self.emit(Op::Cor(to, x, y));
        Ok(Val::Is(Type::Double, to))
    }
}
