//! Values of two ways that meet.

use super::control::type_of;
use super::*;

/// The value of two ways, of which a register is still to be found.
pub(super) fn common(a: Val, b: Val) -> Val {
    match (a, b) {
        (Val::Null, Val::Null) => Val::Null,
        (Val::Part(a), Val::Part(b)) if a == b => Val::Part(a),
        (Val::Veiled(x, reg) | Val::Is(x, reg), Val::Veiled(y, _))
        | (Val::Veiled(x, reg), Val::Is(y, _))
            if x == y =>
        {
            Val::Veiled(x, reg)
        }
        (Val::Is(x, reg), Val::Is(y, _)) => match x.joint(y) {
            Some(ty) => Val::Is(ty, reg),
            None => Val::Mixed(x, y),
        },
        (Val::Named(x, reg, names), Val::Named(y, _, others)) if x == y && names == others => {
            Val::Named(x, reg, names)
        }
        (a, b) => Val::Mixed(type_of(a), type_of(b)),
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
