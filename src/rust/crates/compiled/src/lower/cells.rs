//! Parts of matrices, and assignment to them.

use super::matrix::place;
use super::*;
use crate::code::{Compare, Drop, Sub};
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
        match value {
            Val::Part(number) if fun == "[" => {
                return self.rows_of_frame(number, i, j, keep, node);
            }
            Val::Made(number) if fun == "[" => return self.rows_of_made(number, i, j, keep, node),
            _ => {}
        }
        let veiled = matches!(value, Val::Veiled(..));
        let sides = match value {
            Val::Veiled(_, _, sides) => self.sides_of(sides),
            _ => None,
        };
        let Some(((ty, reg), _)) = self.open_value(value, x)? else {
            return Ok(Val::Gone);
        };
        if !ty.is_matrix() {
            return Err(refuse(node, "two subscripts of what is no matrix"));
        }
        let by = (
            self.by_names(i, sides.map(|sides| sides.0))?,
            self.by_names(j, sides.map(|sides| sides.1))?,
        );
        let (Some(rows), Some(columns)) = (
            self.subscript_or(i, by.0.as_deref())?,
            self.subscript_or(j, by.1.as_deref())?,
        ) else {
            return Ok(Val::Gone);
        };
        // Numbers of the code mean names, too.
        let known = |by: Option<Vec<i32>>, code: &Node| {
            by.or_else(|| Self::constant_number(code).map(|at| vec![at]))
        };
        let by = (known(by.0, i), known(by.1, j));
        if let (Sub::One(row), Sub::One(column), false) = (rows, columns, keep) {
            let (i, j) = (row, column);
            let to = self.dest(ty.element(), hint, node)?;
            self.emit(if ty.is_double() {
                Op::CellD(to, reg, i, j)
            } else {
                Op::CellI(to, reg, i, j)
            });
            if veiled && fun == "[" {
                // It has the name of its column where rows have none.
                let names = match (sides, by) {
                    (Some((Some(_), Some(_)) | (None, None)), _) => {
                        return Ok(Val::Is(ty.element(), to))
                    }
                    (Some((None, Some(names))), (_, Some(at)))
                    | (Some((Some(names), None)), (Some(at), _))
                        if (at[0] as usize) <= self.rows[usize::from(names)].len() =>
                    {
                        Some(self.some_names(names, &at, node)?)
                    }
                    _ => None,
                };
                let (ty, to) = self.as_vector(ty.element(), to, node)?;
                if let Some(names) = names {
                    return Ok(Val::Named(ty, to, names));
                }
                return Ok(Val::Veiled(ty, to, None));
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
        if let (true, Some(sides)) = (veiled, sides) {
            return self.part_of_sides((out, to), sides, (rows, columns), &by, keep, node);
        }
        Ok(Self::veil(Val::Is(out, to), veiled))
    }

    /// The names of a part of a matrix with known ones.
    fn part_of_sides(
        &mut self,
        (ty, reg): (Type, Reg),
        (of_rows, of_columns): (Option<u16>, Option<u16>),
        (rows, columns): (Sub, Sub),
        by: &(Option<Vec<i32>>, Option<Vec<i32>>),
        keep: bool,
        node: &Node,
    ) -> Lowered<Val> {
        // `Err`: they are not known.
        let mut left = |names: Option<u16>, sub: Sub, by: &Option<Vec<i32>>| -> Lowered<_> {
            Ok(match (names, sub, by) {
                (None, ..) => Ok(None),
                (names, Sub::All, _) => Ok(names),
                (Some(names), _, Some(at)) => {
                    let count = self.rows[usize::from(names)].len();
                    if at.iter().any(|at| *at as usize > count) {
                        Err(())
                    } else {
                        Ok(Some(self.some_names(names, at, node)?))
                    }
                }
                _ => Err(()),
            })
        };
        let found = (
            left(of_rows, rows, &by.0)?,
            left(of_columns, columns, &by.1)?,
        );
        if ty.is_matrix() {
            return match found {
                (Ok(rows), Ok(columns)) => self.with_sides((ty, reg), rows, columns, node),
                _ => Ok(Val::Veiled(ty, reg, None)),
            };
        }
        let _ = keep;
        // One row, or one column: the names are those of the other side, unless that has one, too.
        let names = if matches!(rows, Sub::One(_)) {
            found.1
        } else {
            found.0
        };
        match names {
            Ok(None) => {
                let length = self.length(Val::Is(ty, reg), node)?;
                let one = self.integer(1, node)?;
                self.give_up_if(Compare::Eq, length, one, "a part of one element", node)?;
                Ok(Val::Is(ty, reg))
            }
            Ok(Some(names)) if self.rows[usize::from(names)].len() > 1 => {
                Ok(Val::Named(ty, reg, names))
            }
            _ => Ok(Val::Veiled(ty, reg, None)),
        }
    }

    /// As subscript(), or these numbers.
    fn subscript_or(&mut self, code: &Node, by: Option<&[i32]>) -> Lowered<Option<Sub>> {
        let Some(by) = by else {
            return self.subscript(code);
        };
        if let [one] = by {
            return Ok(Some(Sub::One(self.integer(*one, code)?)));
        }
        let mut parts = Vec::new();
        for at in by {
            parts.push((Type::Integer, self.integer(*at, code)?));
        }
        let (_, reg) = self.joined(&parts, code)?;
        Ok(Some(Sub::Many(reg)))
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
        let now = match self.value(&args[0].value, None)? {
            // What is assigned first tells the type.
            Val::Blank(ty, reg, sides) if of.is_double() => match sides {
                Some(_) => Val::Veiled(ty, reg, sides),
                None => Val::Is(ty, reg),
            },
            value => value,
        };
        let Some((old, _)) = self.open_value(now, &args[0].value)? else {
            return Ok(Val::Gone);
        };
        if !old.0.is_matrix() {
            return Err(refuse(node, "two subscripts of what is no matrix"));
        }
        let sides = match now {
            Val::Veiled(_, _, sides) => self.sides_of(sides),
            _ => None,
        };
        let by = (
            self.by_names(&args[1].value, sides.map(|sides| sides.0))?,
            self.by_names(&args[2].value, sides.map(|sides| sides.1))?,
        );
        let (Some(rows), Some(columns)) = (
            self.subscript_or(&args[1].value, by.0.as_deref())?,
            self.subscript_or(&args[2].value, by.1.as_deref())?,
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
        // Names of rows and columns stay.
        if let (Val::Veiled(_, _, sides), Some(env)) = (now, &mut self.env) {
            env.insert(var, State::Veiled(ty, sides));
        }
        Ok(Val::Is(of, from))
    }
}
