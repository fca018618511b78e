//! Parts of matrices, and assignment to them.

use super::matrix::place;
use super::*;
use crate::code::{Drop, Sub};
use crate::tree::Arg;

impl Lower<'_> {
    /// A subscript of `x[i]`: numbers, or logical values, also as a matrix of these.
    pub(super) fn index(&mut self, code: &Node) -> Lowered<Option<(Type, Reg)>> {
        let found = self.without_names(code)?;
        match found {
            Some((Type::LogicalMatrix, reg)) => Ok(Some((Type::Logicals, reg))),
            Some((ty, _)) if ty.is_matrix() => {
                Err(refuse(code, "a matrix of subscripts is not in the subset"))
            }
            found => Ok(found),
        }
    }

    /// Which rows or columns; `None` when it is never reached.
    fn subscript(&mut self, code: &Node) -> Lowered<Option<Sub>> {
        if code.kind == Kind::Missing {
            return Ok(Some(Sub::All));
        }
        if let Kind::Call { fun, args } = &code.kind {
            if fun == "-" && args.len() == 1 {
                self.check(fun, code)?;
                let Some((ty, reg)) = self.number(&args[0].value)? else {
                    return Ok(None);
                };
                let numbers = if ty.is_scalar() {
                    let number = self.truncated(ty, reg, code)?;
                    self.as_vector(Type::Integer, number, code)?.1
                } else {
                    self.numbers(ty, reg, code)?
                };
                let negative = self.temp(Type::Integers, code)?;
                self.emit(Op::NegVi(negative, numbers));
                return Ok(Some(Sub::Many(negative)));
            }
        }
        let Some((ty, reg)) = self.number(code)? else {
            return Ok(None);
        };
        Ok(Some(if ty.is_scalar() {
            Sub::One(self.truncated(ty, reg, code)?)
        } else if ty == Type::Logicals {
            Sub::Mask(reg)
        } else {
            Sub::Many(self.numbers(ty, reg, code)?)
        }))
    }

    /// `x[i, j]`, `x[i, j, drop = FALSE]`, `x[[i, j]]`.
    pub(super) fn cells(
        &mut self,
        fun: &str,
        args: &[Arg],
        hint: Option<Var>,
        node: &Node,
    ) -> Lowered<Val> {
        let mut subs = Vec::new();
        let mut keep = false;
        for arg in args {
            match arg.name.as_deref() {
                None => subs.push(&arg.value),
                Some("drop") if fun == "[" => keep = !self.flag(Some(&arg.value), true, node)?,
                Some(_) => return Err(refuse(node, "subscripts with names are not in the subset")),
            }
        }
        let [x, i, j] = subs[..] else {
            return Err(refuse(
                node,
                "it is compiled for one subscript, or two of a matrix",
            ));
        };
        let value = self.value(x, None)?;
        if let (Val::Part(number), "[", false) = (value, fun, keep) {
            return self.rows_of_frame(number, i, j, node);
        }
        let veiled = matches!(value, Val::Veiled(..));
        let Some(((ty, reg), _)) = self.open_value(value, x)? else {
            return Ok(Val::Gone);
        };
        if !ty.is_matrix() {
            return Err(refuse(node, "two subscripts of what is no matrix"));
        }
        let (Some(rows), Some(columns)) = (self.subscript(i)?, self.subscript(j)?) else {
            return Ok(Val::Gone);
        };
        if let (Sub::One(i), Sub::One(j), false) = (rows, columns, keep) {
            let to = self.dest(ty.element(), hint, node)?;
            self.emit(if ty.is_double() {
                Op::CellD(to, reg, i, j)
            } else {
                Op::CellI(to, reg, i, j)
            });
            if veiled && fun == "[" {
                // It has the name of its column where rows have none.
                let (ty, to) = self.as_vector(ty.element(), to, node)?;
                return Ok(Val::Veiled(ty, to));
            }
            return Ok(Val::Is(ty.element(), to));
        }
        if fun == "[[" {
            return Err(refuse(node, "`[[` of a matrix needs two numbers"));
        }
        let one = matches!(rows, Sub::One(_)) || matches!(columns, Sub::One(_));
        let (out, drop) = match (keep, one) {
            (true, _) => (ty, Drop::Never),
            (false, true) => (ty.vector(), Drop::Vector),
            (false, false) => (ty, Drop::Unknown),
        };
        let to = self.temp(out, node)?;
        self.matrix_op(
            Mat::Part {
                to: place(out, to),
                of: place(ty, reg),
                rows,
                columns,
                drop,
            },
            node,
        )?;
        Ok(Self::veil(Val::Is(out, to), veiled))
    }

    /// The matrix that elements are assigned to, in the variable's register.
    fn target(
        &mut self,
        name: &str,
        (old, reg): (Type, Reg),
        element: Type,
        node: &Node,
    ) -> Lowered<(Type, Reg)> {
        let var = self.var(name);
        let ty = element.matrix();
        let to = self.reg(var, ty, node)?;
        if ty.is_double() && !old.is_double() {
            let (_, wide) = self.as_doubles(old, reg, node)?;
            self.emit(Op::MoveVd(to, wide));
            self.matrix_op(Mat::Like(place(ty, to), place(old, reg)), node)?;
        } else if reg != to {
            self.emit(if ty.is_double() {
                Op::MoveVd(to, reg)
            } else {
                Op::MoveVi(to, reg)
            });
        }
        Ok((ty, to))
    }

    /// `name[i] <- from` of a matrix: nothing is appended.
    pub(super) fn assign_elements(
        &mut self,
        name: &str,
        old: (Type, Reg),
        (by, index): (Type, Reg),
        (of, from): (Type, Reg),
        fun: &str,
        node: &Node,
    ) -> Lowered<Val> {
        if by == Type::Logical || fun == "[[" {
            return Err(refuse(
                node,
                "assignment by such a subscript is not in the subset",
            ));
        }
        let element = old.0.element().max(of.element());
        let (ty, to) = self.target(name, old, element, node)?;
        let mask = by == Type::Logicals;
        let index = if mask {
            index
        } else if by.is_scalar() {
            let number = self.truncated(by, index, node)?;
            self.as_vector(Type::Integer, number, node)?.1
        } else {
            self.numbers(by, index, node)?
        };
        self.assign_many((ty, to), (index, mask), (of, from), node)?;
        let var = self.var(name);
        self.know(var, ty);
        Ok(Val::Is(of, from))
    }

    /// `name[i, j] <- code`, whose value is there.
    pub(super) fn assign_cells(
        &mut self,
        name: &str,
        fun: &str,
        args: &[Arg],
        (of, from): (Type, Reg),
        code: &Node,
        node: &Node,
    ) -> Lowered<Val> {
        let Some(old) = self.any_number(&args[0].value)? else {
            return Ok(Val::Gone);
        };
        if !old.0.is_matrix() {
            return Err(refuse(node, "two subscripts of what is no matrix"));
        }
        let (Some(rows), Some(columns)) = (
            self.subscript(&args[1].value)?,
            self.subscript(&args[2].value)?,
        ) else {
            return Ok(Val::Gone);
        };
        let cell = matches!((rows, columns), (Sub::One(_), Sub::One(_)));
        if fun == "[[" && !cell {
            return Err(refuse(node, "`[[<-` of a matrix needs two numbers"));
        }
        let element = old.0.element().max(of.element());
        let (ty, to) = self.target(name, old, element, node)?;
        if let (Sub::One(i), Sub::One(j)) = (rows, columns) {
            let (of, from) = self.only(of, from, code)?;
            if ty.is_double() {
                let from = self.as_double(of, from, node)?;
                self.emit(Op::SetCellD(to, i, j, from));
            } else {
                self.emit(Op::SetCellI(to, i, j, from));
            }
        } else {
            let (flat, from) = if ty.is_double() {
                self.as_doubles(of, from, node)?
            } else {
                self.as_vector(of, from, node)?
            };
            self.matrix_op(
                Mat::Assign {
                    to: place(ty, to),
                    rows,
                    columns,
                    from: place(flat, from),
                },
                node,
            )?;
        }
        let var = self.var(name);
        self.know(var, ty);
        Ok(Val::Is(of, from))
    }
}
