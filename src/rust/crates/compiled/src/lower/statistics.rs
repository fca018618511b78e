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
        let known = match given[1] {
            Some(code) => constants(code),
            None => Some(vec![0.0, 0.25, 0.5, 0.75, 1.0]),
        };
        let names = match &known {
            Some(probs) if named => self.around.quantile_names(probs),
            _ => None,
        };
        if named && names.is_none() {
            let why = "its names are compiled for probabilities that the code has only (`names = FALSE` drops them)";
            return Err(refuse(node, why));
        }
        let kind = match given[4].map(|code| &code.kind) {
            None => 7,
            Some(Kind::Integer(kind @ 1..=9)) => *kind as u8,
            Some(Kind::Double(kind)) if (1..=9).any(|k| f64::from(k) == *kind) => *kind as u8,
            Some(_) => return Err(refuse(node, "its type is computed, or is none")),
        };
        let Some((ty, x)) = self.unnamed_number(x)? else {
            return Ok(Val::Gone);
        };
        if !ty.is_double() {
            return Err(refuse(node, "it is compiled for doubles only"));
        }
        let (_, x) = self.as_doubles(ty, x, node)?;
        let probs = match (given[1], known) {
            (Some(code), _) => {
                let Some((ty, probs)) = self.unnamed_number(code)? else {
                    return Ok(Val::Gone);
                };
                self.as_doubles(ty, probs, node)?.1
            }
            (None, known) => {
                let mut parts = Vec::new();
                for p in known.unwrap_or_default() {
                    parts.push((Type::Double, self.double(p, node)?));
                }
                self.joined(&parts, node)?.1
            }
        };
        let to = self.temp(Type::Doubles, node)?;
        self.emit(Op::Quantile(to, x, probs, kind));
        Ok(match names {
            Some(names) => Val::Named(Type::Doubles, to, self.row_of(names, node)?),
            None => Val::Is(Type::Doubles, to),
        })
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
