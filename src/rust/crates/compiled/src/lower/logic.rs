//! `&`, `|`, `!`, and signs.

use super::*;
use crate::code::Math;
use crate::tree::Arg;

impl Lower<'_> {
    pub(super) fn logic(&mut self, and: bool, args: &[Arg], node: &Node) -> Lowered<Val> {
        let Some([a, b]) = self.two(args)? else {
            return Ok(Val::Gone);
        };
        let (shape, a, b) = self.conformed(a, b, node)?;
        let value = self.logic_flat(and, a, b, node)?;
        self.shaped(value, shape, node)
    }

    fn logic_flat(
        &mut self,
        and: bool,
        (a, x): (Type, Reg),
        (b, y): (Type, Reg),
        node: &Node,
    ) -> Lowered<Val> {
        if a.element() != Type::Logical || b.element() != Type::Logical {
            return Err(refuse(
                node,
                "`&` and `|` are compiled for logical values only",
            ));
        }
        if a.is_scalar() && b.is_scalar() {
            let to = self.temp(Type::Logical, node)?;
            self.emit(if and {
                Op::AndI(to, x, y)
            } else {
                Op::OrI(to, x, y)
            });
            return Ok(Val::Is(Type::Logical, to));
        }
        let (_, x) = self.as_vector(a, x, node)?;
        let (_, y) = self.as_vector(b, y, node)?;
        let to = self.temp(Type::Logicals, node)?;
        self.emit(Op::LogicV(and, to, x, y));
        Ok(Val::Is(Type::Logicals, to))
    }

    pub(super) fn not(&mut self, arg: &Node, node: &Node) -> Lowered<Val> {
        let Some((ty, reg)) = self.any_number(arg)? else {
            return Ok(Val::Gone);
        };
        let (shape, ty) = self.unshaped(ty, reg, node)?;
        let value = self.not_flat(ty, reg, node)?;
        self.shaped(value, shape, node)
    }

    fn not_flat(&mut self, ty: Type, reg: Reg, node: &Node) -> Lowered<Val> {
        match ty {
            Type::Logical | Type::Integer => {
                let to = self.temp(Type::Logical, node)?;
                self.emit(Op::NotI(to, reg));
                Ok(Val::Is(Type::Logical, to))
            }
            Type::Logicals | Type::Integers => {
                let to = self.temp(Type::Logicals, node)?;
                self.emit(Op::AlongI(crate::code::Along::Not, to, reg));
                Ok(Val::Is(Type::Logicals, to))
            }
            _ => Err(refuse(node, "`!` of doubles is not in the subset")),
        }
    }

    pub(super) fn sign(
        &mut self,
        minus: bool,
        arg: &Node,
        hint: Option<Var>,
        node: &Node,
    ) -> Lowered<Val> {
        match (minus, &arg.kind) {
            (true, Kind::Double(value)) => {
                return Ok(Val::Is(Type::Double, self.double(-value, node)?))
            }
            (true, Kind::Integer(value)) => {
                return Ok(Val::Is(Type::Integer, self.integer(-value, node)?))
            }
            _ => {}
        }
        let mut veiled = false;
        let (ty, reg) = match self.value(arg, None)? {
            Val::Named(ty, reg, names) => {
                let value = self.sign_flat(minus, ty, reg, None, node)?;
                return Ok(super::named::with_names(
                    value,
                    super::named::Names::Known(names),
                ));
            }
            Val::Veiled(ty, reg, _) => {
                veiled = true;
                (ty, reg)
            }
            value => match self.plain_number(value, arg)? {
                Some(found) => found,
                None => return Ok(Val::Gone),
            },
        };
        let (shape, ty) = self.unshaped(ty, reg, node)?;
        let value = self.sign_flat(minus, ty, reg, hint, node)?;
        let value = self.shaped(value, shape, node)?;
        Ok(Self::veil(value, veiled))
    }

    fn sign_flat(
        &mut self,
        minus: bool,
        ty: Type,
        reg: Reg,
        hint: Option<Var>,
        node: &Node,
    ) -> Lowered<Val> {
        let out = if ty.element() == Type::Logical {
            if ty.is_scalar() {
                Type::Integer
            } else {
                Type::Integers
            }
        } else {
            ty
        };
        if !minus {
            // A value of its own: `+TRUE` is an integer.
            return Ok(Val::Is(out, reg));
        }
        let to = self.dest(out, if out.is_scalar() { hint } else { None }, node)?;
        self.emit(match out {
            Type::Double => Op::MathD(Math::Neg, to, reg),
            Type::Doubles => Op::MathVd(Math::Neg, to, reg),
            Type::Integers => Op::NegVi(to, reg),
            _ => Op::NegI(to, reg),
        });
        Ok(Val::Is(out, to))
    }
}
