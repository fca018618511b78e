//! Parts of vectors, and assignment to them.

use super::control::mixed_value;
use super::*;
use crate::tree::Arg;

impl Lower<'_> {
    /// `x[i]`, `x[[i]]`.
    pub(super) fn part(
        &mut self,
        fun: &str,
        args: &[Arg],
        hint: Option<Var>,
        node: &Node,
    ) -> Lowered<Val> {
        if args.iter().any(|arg| arg.name.is_some()) {
            return Err(refuse(node, "subscripts with names are not in the subset"));
        }
        let index = &args[1].value;
        let (ty, reg) = match self.value(&args[0].value, None)? {
            Val::Named(ty, reg, names) if fun == "[[" => {
                if let Some([name]) = self.texts(index)?.as_deref() {
                    let at = self.position(names, name, index)?;
                    return self.element_at((ty, reg), at, hint, node);
                }
                (ty, reg)
            }
            Val::Named(ty, reg, names) => {
                return match self.named_part((ty, reg), names, index, node)? {
                    Some(value) => Ok(value),
                    None => Err(refuse(&args[0].value, named::KEPT)),
                };
            }
            Val::Veiled(ty, reg, sides) if index.kind == Kind::Missing => {
                return Ok(Val::Veiled(ty, reg, sides));
            }
            // One subscript of a matrix drops names, and so does `[[`.
            Val::Veiled(ty, reg, _) if fun == "[" && !ty.is_matrix() => {
                let value = self.part_by(fun, (ty, reg), index, None, node)?;
                let Val::Is(ty, reg) = value else {
                    return Ok(value);
                };
                let (ty, reg) = self.as_vector(ty, reg, node)?;
                return Ok(Val::Veiled(ty, reg, None));
            }
            Val::Veiled(ty, reg, _) => (ty.flat(), reg),
            Val::Part(number) => return self.by_index(fun, number, index, node),
            Val::Text(row) => {
                let all = &self.rows[usize::from(row)];
                let at = Self::constant_number(index).and_then(|at| all.get(at as usize - 1));
                return match at.cloned() {
                    Some(text) => Ok(Val::Text(self.row_of(vec![text], node)?)),
                    None => Err(refuse(node, "a part of strings that is computed")),
                };
            }
            Val::Made(number) => return self.part_of_made(fun, number, index, node),
            value => match self.plain_number(value, &args[0].value)? {
                Some(found) => found,
                None => return Ok(Val::Gone),
            },
        };
        self.part_by(fun, (ty, reg), index, hint, node)
    }

    /// A part of a vector that has been read.
    pub(super) fn part_by(
        &mut self,
        fun: &str,
        (ty, reg): (Type, Reg),
        index: &Node,
        hint: Option<Var>,
        node: &Node,
    ) -> Lowered<Val> {
        if index.kind == Kind::Missing && fun == "[" {
            return Ok(Val::Is(ty, reg));
        }
        let (ty, reg) = self.as_vector(ty, reg, node)?;
        let double = ty.is_double();
        if let (
            Kind::Call {
                fun: minus,
                args: inner,
            },
            "[",
        ) = (&index.kind, fun)
        {
            if minus == "-" && inner.len() == 1 {
                self.check(minus, index)?;
                let Some((of, dropped)) = self.number(&inner[0].value)? else {
                    return Ok(Val::Gone);
                };
                if of.is_scalar() {
                    let number = self.truncated(of, dropped, index)?;
                    let to = self.temp(ty, node)?;
                    self.emit(if double {
                        Op::DropD(to, reg, number)
                    } else {
                        Op::DropI(to, reg, number)
                    });
                    return Ok(Val::Is(ty, to));
                }
                let numbers = self.numbers(of, dropped, index)?;
                let negative = self.temp(Type::Integers, index)?;
                self.emit(Op::NegVi(negative, numbers));
                return self.select(ty, reg, negative, false, node);
            }
        }
        let Some((of, at)) = self.index(index)? else {
            return Ok(Val::Gone);
        };
        if of == Type::Logical {
            return Err(refuse(
                index,
                "one logical value as a subscript is not in the subset",
            ));
        }
        if of.is_scalar() {
            let to = self.dest(ty.element(), hint, node)?;
            let op = match (double, of == Type::Double) {
                (true, false) => self.element(to, reg, at),
                (true, true) => Op::GetDByD(to, reg, at),
                (false, false) => Op::GetI(to, reg, at),
                (false, true) => Op::GetIByD(to, reg, at),
            };
            self.emit(op);
            return Ok(Val::Is(ty.element(), to));
        }
        if fun == "[[" {
            let (of, at) = self.only(of, at, index)?;
            if of == Type::Logical {
                return Err(refuse(
                    index,
                    "a logical subscript of `[[` is not in the subset",
                ));
            }
            let number = self.truncated(of, at, index)?;
            let to = self.temp(ty.element(), node)?;
            self.emit(if double {
                Op::GetD(to, reg, number)
            } else {
                Op::GetI(to, reg, number)
            });
            return Ok(Val::Is(ty.element(), to));
        }
        let mask = of == Type::Logicals;
        let at = if mask {
            at
        } else {
            self.numbers(of, at, index)?
        };
        self.select(ty, reg, at, mask, node)
    }

    /// The vector of a variable, of such elements and in the variable's register, to which elements
    /// are assigned.
    pub(super) fn vector_for(
        &mut self,
        var: Var,
        now: Val,
        element: Type,
        node: &Node,
    ) -> Lowered<(Type, Reg)> {
        let ty = element.vector();
        let to = self.reg(var, ty, node)?;
        match now {
            Val::Is(same, reg) | Val::Blank(same, reg, _) if same == ty => {
                if reg != to {
                    self.emit(if ty.is_double() {
                        Op::MoveVd(to, reg)
                    } else {
                        Op::MoveVi(to, reg)
                    });
                }
            }
            Val::Is(narrow, reg) if element == Type::Double => {
                let (_, wide) = self.as_doubles(narrow, reg, node)?;
                self.emit(Op::MoveVd(to, wide));
            }
            Val::Is(narrow, reg) => {
                let (_, vector) = self.as_vector(narrow, reg, node)?;
                self.emit(Op::MoveVi(to, vector));
            }
            _ => self.emit(if element == Type::Double {
                Op::ClearD(to)
            } else {
                Op::ClearI(to)
            }),
        }
        Ok((ty, to))
    }

    pub(super) fn select(
        &mut self,
        ty: Type,
        reg: Reg,
        at: Reg,
        mask: bool,
        node: &Node,
    ) -> Lowered<Val> {
        let to = self.temp(ty, node)?;
        self.emit(if ty.is_double() {
            Op::SelectD(to, reg, at, mask)
        } else {
            Op::SelectI(to, reg, at, mask)
        });
        Ok(Val::Is(ty, to))
    }

    /// A subscript as an integer.
    pub(super) fn truncated(&mut self, ty: Type, reg: Reg, at: &Node) -> Lowered<Reg> {
        match ty {
            Type::Integer => Ok(reg),
            Type::Double => {
                let to = self.temp(Type::Integer, at)?;
                self.emit(Op::ToInt(to, reg));
                Ok(to)
            }
            _ => Err(refuse(at, "a logical subscript is not in the subset here")),
        }
    }

    pub(super) fn numbers(&mut self, ty: Type, reg: Reg, at: &Node) -> Lowered<Reg> {
        match ty {
            Type::Integers => Ok(reg),
            Type::Doubles => {
                let to = self.temp(Type::Integers, at)?;
                self.emit(Op::ToIntV(to, reg));
                Ok(to)
            }
            _ => Err(refuse(at, "a logical subscript is not in the subset here")),
        }
    }

    /// `name[i] <- code`, whose value is there.
    pub(super) fn assign_part(
        &mut self,
        name: &str,
        fun: &str,
        args: &[Arg],
        (of, from): (Type, Reg),
        code: &Node,
        node: &Node,
    ) -> Lowered<Val> {
        let now = self.value(&args[0].value, None)?;
        if let Val::Named(ty, reg, names) = now {
            return self.assign_named(name, (ty, reg, names), &args[1].value, (of, from), node);
        }
        let at = &args[1].value;
        let found = if at.kind == Kind::Missing && fun == "[" && now != Val::Null {
            let n = self.length(now, node)?;
            let all = self.temp(Type::Integers, node)?;
            self.emit(Op::SeqLen(all, n));
            Some((Type::Integers, all))
        } else {
            self.index(at)?
        };
        let Some((by, index)) = found else {
            return Ok(Val::Gone);
        };
        let negated = matches!(&at.kind, Kind::Call { fun, args } if fun == "-" && args.len() == 1);
        match now {
            Val::Blank(old, reg, None) if old.is_matrix() && of.is_double() => {
                return self.assign_elements(name, (old, reg), (by, index), (of, from), fun, node)
            }
            Val::Is(old, reg) if old.is_matrix() => {
                return self.assign_elements(name, (old, reg), (by, index), (of, from), fun, node)
            }
            // R makes a list of it; what applies functions means a vector.
            Val::Null if fun == "[[" && !self.gathers_here(name) => {
                return Err(refuse(
                    node,
                    "an element is assigned to NULL, which becomes a list",
                ))
            }
            Val::Null if of.is_matrix() => {
                return Err(refuse(code, "a matrix is not in the subset here"))
            }
            _ => {}
        }
        let var = self.var(name);
        let old = match now {
            Val::Is(ty, _) => ty,
            Val::Null => of.element(),
            Val::Gone | Val::Named(..) => return Ok(Val::Gone),
            Val::Veiled(..) => return Err(refuse(node, named::KEPT)),
            // What is assigned first tells the type.
            Val::Blank(ty, _, None) if of.is_double() => ty,
            Val::Blank(..) => return Err(refuse(node, super::values::MISSING)),
            Val::Part(_) | Val::Made(_) | Val::Text(_) => {
                return Err(super::lists::no_number(node))
            }
            Val::Mixed(a, b) => return Err(mixed_value(node, a, b)),
        };
        let element = old.element().max(of.element());
        let (ty, to) = self.vector_for(var, now, element, node)?;
        if by == Type::Logical {
            return Err(refuse(
                &args[1].value,
                "one logical value as a subscript is not in the subset",
            ));
        }
        if by.is_scalar() && negated && fun == "[" {
            // All but that one.
            let number = self.truncated(by, index, node)?;
            let (_, index) = self.as_vector(Type::Integer, number, node)?;
            self.assign_many((ty, to), (index, false), (of, from), node)?;
        } else if by.is_scalar() {
            let (of, from) = self.only(of, from, code)?;
            let number = self.truncated(by, index, node)?;
            if element == Type::Double {
                let from = self.as_double(of, from, node)?;
                self.emit(Op::SetD(to, number, from));
            } else {
                self.emit(Op::SetI(to, number, from));
            }
        } else {
            if fun == "[[" {
                return Err(refuse(node, "`[[<-` by a vector is not in the subset"));
            }
            let mask = by == Type::Logicals;
            let index = if mask {
                index
            } else {
                self.numbers(by, index, node)?
            };
            self.assign_many((ty, to), (index, mask), (of, from), node)?;
        }
        self.know(var, ty);
        Ok(Val::Is(of, from))
    }

    /// Assigns to the elements of a vector or matrix by numbers, or by a mask.
    pub(super) fn assign_many(
        &mut self,
        (ty, to): (Type, Reg),
        (index, mask): (Reg, bool),
        (of, from): (Type, Reg),
        node: &Node,
    ) -> Lowered<()> {
        if ty.is_double() {
            let (_, from) = self.as_doubles(of, from, node)?;
            self.emit(Op::AssignD(to, index, from, mask));
        } else {
            let (_, from) = self.as_vector(of, from, node)?;
            self.emit(Op::AssignI(to, index, from, mask));
        }
        Ok(())
    }
}
