//! Values of two ways that meet.

use super::control::type_of;
use super::*;

/// The value of two ways, of which a register is still to be found.
pub(super) fn common(a: Val, b: Val) -> Val {
    match (a, b) {
        (Val::Null, Val::Null) => Val::Null,
        (Val::Part(a), Val::Part(b)) if a == b => Val::Part(a),
        (Val::Text(a), Val::Text(b)) if a == b => Val::Text(a),
        (Val::Veiled(x, reg, a), Val::Veiled(y, _, b)) if x == y => {
            Val::Veiled(x, reg, a.filter(|_| a == b))
        }
        (Val::Is(x, reg), Val::Veiled(y, _, _)) | (Val::Veiled(x, reg, _), Val::Is(y, _))
            if x == y =>
        {
            Val::Veiled(x, reg, None)
        }
        (Val::Is(x, reg), Val::Is(y, _)) => match x.joint(y) {
            Some(ty) => Val::Is(ty, reg),
            None => Val::Mixed(x, y),
        },
        (Val::Named(x, reg, names), Val::Named(y, _, others)) if x == y && names == others => {
            Val::Named(x, reg, names)
        }
        (a, b) => mixed(a, b),
    }
}

/// A value of two ways that do not go together.
pub(super) fn mixed(a: Val, b: Val) -> Val {
    let other = |value: Val, ty: Type| match value {
        Val::Mixed(a, b) if a == ty => b,
        value => type_of(value),
    };
    match a {
        Val::Mixed(x, y) if x == type_of(b) => Val::Mixed(x, y),
        a => Val::Mixed(type_of(a), other(b, type_of(a))),
    }
}

pub(super) fn moved(ty: Type, to: Reg, from: Type, reg: Reg, temp: bool) -> Op {
    match (file(ty), ty == from, temp) {
        (File::D, ..) => Op::MoveD(to, reg),
        (File::I, ..) => Op::MoveI(to, reg),
        (File::Vd, true, true) => Op::TakeVd(to, reg),
        (File::Vd, true, false) => Op::MoveVd(to, reg),
        (File::Vi, true, true) => Op::TakeVi(to, reg),
        (File::Vi, true, false) => Op::MoveVi(to, reg),
        (File::Vd, false, _) => Op::OneD(to, reg),
        (File::Vi, false, _) => Op::OneI(to, reg),
    }
}
