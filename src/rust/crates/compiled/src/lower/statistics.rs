//! Functions of vectors with arguments of their own.

use super::*;
use crate::tree::Arg;

impl Lower<'_> {
    /// `quantile(x, probs, names = FALSE, type = )`. With names the value would have an
    /// attribute.
    pub(super) fn quantile(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        let formals = ["x", "probs", "na.rm", "names", "type"];
        let given = self.matched(args, &formals, node)?;
        let (Some(x), Some(probs)) = (given[0], given[1]) else {
            return Err(refuse(node, "it is compiled with `x` and `probs` only"));
        };
        // There are no missing values to remove: a task that meets one is given up.
        self.flag(given[2], false, node)?;
        if self.flag(given[3], true, node)? {
            return Err(refuse(node, "it is compiled with `names = FALSE` only"));
        }
        let kind = match given[4].map(|code| &code.kind) {
            None => 7,
            Some(Kind::Integer(kind @ 1..=9)) => *kind as u8,
            Some(Kind::Double(kind)) if (1..=9).any(|k| f64::from(k) == *kind) => *kind as u8,
            Some(_) => return Err(refuse(node, "its type is computed, or is none")),
        };
        let Some((ty, x)) = self.number(x)? else {
            return Ok(Val::Gone);
        };
        if !ty.is_double() {
            return Err(refuse(node, "it is compiled for doubles only"));
        }
        let Some((ty_probs, probs)) = self.number(probs)? else {
            return Ok(Val::Gone);
        };
        let (_, x) = self.as_doubles(ty, x, node)?;
        let (_, probs) = self.as_doubles(ty_probs, probs, node)?;
        let to = self.temp(Type::Doubles, node)?;
        self.emit(Op::Quantile(to, x, probs, kind));
        Ok(Val::Is(Type::Doubles, to))
    }

    /// `cor(x, y)` of two vectors.
    pub(super) fn correlation(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        let given = self.matched(args, &["x", "y"], node)?;
        let (Some(x), Some(y)) = (given[0], given[1]) else {
            return Err(refuse(node, "it is compiled for two vectors only"));
        };
        let Some((ty_x, x)) = self.number(x)? else {
            return Ok(Val::Gone);
        };
        let Some((ty_y, y)) = self.number(y)? else {
            return Ok(Val::Gone);
        };
        let (_, x) = self.as_doubles(ty_x, x, node)?;
        let (_, y) = self.as_doubles(ty_y, y, node)?;
        let to = self.temp(Type::Double, node)?;
        self.emit(Op::Cor(to, x, y));
        Ok(Val::Is(Type::Double, to))
    }
}
