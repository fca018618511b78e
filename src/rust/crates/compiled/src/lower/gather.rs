//! Functions of each element whose values are several numbers: `sapply()` makes a matrix of them,
//! `unlist(lapply())` one vector, `do.call(rbind, lapply())` rows.

use super::apply::MADE;
use super::matrix::place;
use super::*;
use crate::code::Compare;
use crate::tree::Arg;

/// What is made of values of several elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// Values have one element.
    One,
    /// Columns of one length.
    Columns,
    /// One vector.
    Joined,
}

/// A call of `sapply()` or its like that is being compiled.
#[derive(Debug)]
pub(super) struct Gather {
    how: Kept,
    /// How many elements each value has.
    rows: Reg,
    /// Has there been a value of several? Of one? Their names.
    several: bool,
    single: bool,
    names: Option<u16>,
}

const TOGETHER: &str = "values that do not make a matrix, or one whose names are not known";

impl Lower<'_> {
    /// Compiles a call whose values may be of several elements.
    pub(super) fn gathering(
        &mut self,
        how: Kept,
        node: &Node,
        call: impl FnOnce(&mut Self) -> Lowered<Val>,
    ) -> Lowered<(Val, Gather)> {
        let rows = self.temp(Type::Integer, node)?;
        let zero = self.integer(0, node)?;
        self.emit(Op::MoveI(rows, zero));
        let depth = self.gathers.len();
        self.gathers.push(Gather {
            how,
            rows,
            several: false,
            single: false,
            names: None,
        });
        let done = call(self);
        let gather = self.gathers.drain(depth..).next();
        let missing = || refuse(node, "the call cannot be read");
        Ok((done?, gather.ok_or_else(missing)?))
    }

    /// `*out[[at]] <- value` of several elements. `Ok(false)`: it has one.
    pub(super) fn gathered(&mut self, value: Val, node: &Node) -> Lowered<bool> {
        let Some(gather) = self.gathers.last() else {
            return Ok(false);
        };
        let (how, rows, several) = (gather.how, gather.rows, gather.several);
        if how == Kept::One {
            return Ok(false);
        }
        let (ty, reg, names) = match value {
            Val::Is(ty, reg) if !ty.is_matrix() && (!ty.is_scalar() || how == Kept::Joined) => {
                (ty, reg, None)
            }
            Val::Named(ty, reg, names) if how == Kept::Columns => {
                if self.rows[usize::from(names)].len() < 2 {
                    return Err(refuse(node, named::KEPT));
                }
                (ty, reg, Some(names))
            }
            Val::Is(ty, _) if ty.is_scalar() => {
                if let Some(gather) = self.gathers.last_mut() {
                    gather.single = true;
                }
                return if several {
                    Err(refuse(node, TOGETHER))
                } else {
                    Ok(false)
                };
            }
            _ => return Ok(false),
        };
        if let Some(gather) = self.gathers.last_mut() {
            if gather.single || gather.several && gather.names != names {
                return Err(refuse(node, TOGETHER));
            }
            gather.several = true;
            gather.names = names;
        }
        let (ty, reg) = self.as_vector(ty, reg, node)?;
        if how == Kept::Columns {
            let length = self.length(Val::Is(ty, reg), node)?;
            let zero = self.integer(0, node)?;
            let first = self.temp(Type::Logical, node)?;
            self.emit(Op::CompareI(Compare::Eq, first, rows, zero));
            let set = vec![Stmt::Op(Op::MoveI(rows, length))];
            self.block.push(Stmt::If(first, set, Vec::new()));
            self.emit(Op::SameInt(rows, length));
        }
        let out = self.var("*out");
        let now = self.known_value(out, "*out", node)?.unwrap_or(Val::Null);
        let old = match now {
            Val::Is(ty, _) => ty.element(),
            _ => ty.element(),
        };
        let (all, to) = self.vector_for(out, now, old.max(ty.element()), node)?;
        if all.is_double() {
            let (_, reg) = self.as_doubles(ty, reg, node)?;
            self.emit(Op::AppendD(to, reg));
        } else {
            self.emit(Op::AppendI(to, reg));
        }
        self.know(out, all);
        Ok(true)
    }

    /// What becomes of the values: a matrix of columns, where there were such. like: names of the
    /// elements that values must have.
    pub(super) fn end_gather(
        &mut self,
        value: Val,
        gather: &Gather,
        like: Option<&[String]>,
        node: &Node,
    ) -> Lowered<Val> {
        if !gather.several || gather.how != Kept::Columns {
            return Ok(value);
        }
        let (ty, reg, veiled) = match value {
            Val::Is(ty, reg) => (ty, reg, false),
            Val::Veiled(ty, reg, _) => (ty, reg, true),
            value => return Ok(value),
        };
        let mut names = gather.names;
        match like {
            // As many as the template has.
            Some(like) => {
                let count = self.integer(like.len() as i32, node)?;
                self.emit(Op::SameInt(gather.rows, count));
                if like.iter().any(|name| !name.is_empty()) {
                    names = Some(self.row_of(like.to_vec(), node)?);
                }
            }
            None => {
                let two = self.integer(2, node)?;
                let why = "values of sapply() that have one element, or none";
                self.give_up_if(Compare::Lt, gather.rows, two, why, node)?;
            }
        }
        let (ty, reg) = self.as_matrix((ty, reg), gather.rows, node)?;
        if veiled {
            return Ok(Val::Veiled(ty, reg, None));
        }
        self.with_sides((ty, reg), names, None, node)
    }

    /// Gives up the task where this holds of two integers.
    pub(super) fn give_up_if(
        &mut self,
        how: Compare,
        a: Reg,
        b: Reg,
        why: &'static str,
        node: &Node,
    ) -> Lowered<()> {
        let holds = self.temp(Type::Logical, node)?;
        self.emit(Op::CompareI(how, holds, a, b));
        let before = std::mem::take(&mut self.block);
        self.give_up(why);
        let give_up = std::mem::replace(&mut self.block, before);
        self.block.push(Stmt::If(holds, give_up, Vec::new()));
        Ok(())
    }

    /// A matrix of so many rows.
    pub(super) fn as_matrix(
        &mut self,
        (ty, reg): (Type, Reg),
        rows: Reg,
        node: &Node,
    ) -> Lowered<(Type, Reg)> {
        let to = self.temp(ty.matrix(), node)?;
        self.matrix_op(
            Mat::Make {
                to: place(ty, to),
                data: place(ty, reg),
                nrow: Some(rows),
                ncol: None,
                byrow: false,
            },
            node,
        )?;
        Ok((ty.matrix(), to))
    }

    /// `do.call(rbind, lapply(x, f))`: the values of `f` are rows, or columns.
    pub(super) fn bound_values(
        &mut self,
        bind: &str,
        of: &str,
        args: &[Arg],
        list: &Node,
        node: &Node,
    ) -> Lowered<Val> {
        if of != "lapply" {
            return Err(refuse(
                list,
                "it is compiled for the value of lapply() only",
            ));
        }
        self.check(of, list)?;
        self.check(bind, node)?;
        let (value, gather) = self.gathering(Kept::Columns, node, |this| {
            this.applied_with(of, args, list)
        })?;
        let Gather {
            several,
            rows,
            names,
            ..
        } = gather;
        let (ty, reg) = match value {
            Val::Gone => return Ok(value),
            Val::Is(ty, reg) => (ty, reg),
            // Names of elements are those of rows.
            _ => return Err(refuse(list, TOGETHER)),
        };
        let (ty, mut reg) = self.as_vector(ty, reg, node)?;
        let matrix = ty.matrix();
        let turned = if several {
            reg = self.as_matrix((ty, reg), rows, node)?.1;
            bind == "rbind"
        } else {
            bind == "cbind"
        };
        if turned || !several {
            let to = self.temp(matrix, node)?;
            let (to_place, from) = (place(matrix, to), place(ty, reg));
            let how = if turned {
                Mat::Transpose(to_place, from, several)
            } else {
                Mat::Column(to_place, from)
            };
            self.matrix_op(how, node)?;
            reg = to;
        }
        if bind == "rbind" {
            self.with_sides((matrix, reg), None, names, node)
        } else {
            self.with_sides((matrix, reg), names, None, node)
        }
    }

    /// Is it the code that stands for `sapply()` and its like?
    pub(super) fn gathers_here(&self, name: &str) -> bool {
        name == "*out" && self.scopes[self.scope].closure == MADE
    }
}
