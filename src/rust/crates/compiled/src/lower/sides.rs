//! Matrices whose names of rows and columns are known: `matrix(dimnames = )`, `m[i, "a"]`,
//! `m[i, "a"] <- x`, `colnames(m) <- c("a", "b")`.

use super::assign::assigned_name;
use super::named::Names;
use super::*;
use crate::code::Margin;

/// A type and a register.
type Typed = (Type, Reg);

impl Lower<'_> {
    /// A matrix of the surroundings that has names, in its register.
    pub(super) fn sided(&mut self, found: &crate::tree::Captured, node: &Node) -> Lowered<Val> {
        let Captured::Sided(reg, ty, rows, columns) = found else {
            return Err(refuse(node, "it is no matrix"));
        };
        let mut sides = Vec::new();
        for names in [rows, columns] {
            sides.push(match names {
                Some(names) => Some(self.row_of(names.clone(), node)?),
                None => None,
            });
        }
        self.with_sides((*ty, *reg as Reg), sides[0], sides[1], node)
    }

    /// The names of rows and of columns: `None` where they are not known, else their numbers, if any.
    pub(super) fn sides_of(&self, sides: Option<u16>) -> Option<(Option<u16>, Option<u16>)> {
        sides.map(|number| self.sides[usize::from(number)])
    }

    /// Names of what has an element for each row, or column.
    pub(super) fn names_of_margin(&self, margin: Margin, sides: Option<u16>) -> Names {
        let Some((rows, columns)) = self.sides_of(sides) else {
            return Names::Veiled;
        };
        let names = match margin {
            Margin::RowSums | Margin::RowMeans => rows,
            Margin::ColSums | Margin::ColMeans => columns,
        };
        names.map_or(Names::None, Names::Known)
    }

    /// The transposed matrix has these the other way round.
    pub(super) fn turned(&mut self, value: Val, sides: Option<u16>, node: &Node) -> Lowered<Val> {
        match (value, self.sides_of(sides)) {
            (Val::Is(ty, reg), Some((rows, columns))) => {
                self.with_sides((ty, reg), columns, rows, node)
            }
            (value, _) => Ok(Self::veil(value, true)),
        }
    }

    /// Gives up the task unless the side (`true`: columns) is as long as there are names.
    fn side_fits(&mut self, of: Typed, columns: bool, names: u16, node: &Node) -> Lowered<()> {
        let count = self.rows[usize::from(names)].len();
        let count = self.integer(count as i32, node)?;
        let extent = self.temp(Type::Integer, node)?;
        self.matrix_op(
            Mat::Extent(extent, super::matrix::place(of.0, of.1), columns),
            node,
        )?;
        self.emit(Op::SameInt(extent, count));
        Ok(())
    }

    /// The matrix with the names of `dimnames = list(NULL, c("a", "b"))`.
    pub(super) fn with_dimnames(&mut self, of: Typed, code: &Node, node: &Node) -> Lowered<Val> {
        if code.kind == Kind::Null {
            return Ok(Val::Is(of.0, of.1));
        }
        let value = self.value(code, None)?;
        let parts = match value {
            Val::Made(number) if self.made(number).names.is_none() => self.made(number).parts,
            _ => {
                return Err(refuse(
                    code,
                    "names that are computed are not in the subset",
                ))
            }
        };
        let mut sides = Vec::new();
        for (part, columns) in parts.iter().zip([false, true]) {
            sides.push(match part {
                Val::Null => None,
                Val::Text(names) => {
                    self.side_fits(of, columns, *names, node)?;
                    Some(*names)
                }
                _ => {
                    return Err(refuse(
                        code,
                        "names that are computed are not in the subset",
                    ))
                }
            });
        }
        match (sides.as_slice(), parts.len()) {
            ([rows, columns], 2) => self.with_sides(of, *rows, *columns, node),
            _ => Err(refuse(
                code,
                "names that are computed are not in the subset",
            )),
        }
    }

    /// `colnames(x) <- c("a", "b")`, `rownames(x) <- NULL`.
    pub(super) fn assign_side(
        &mut self,
        fun: &str,
        target: &Node,
        code: &Node,
        node: &Node,
    ) -> Lowered<Val> {
        let name = assigned_name(target, target)?;
        self.check(&format!("{fun}<-"), node)?;
        let names = match (&code.kind, self.texts(code)?) {
            (Kind::Null, _) => None,
            (_, Some(names)) => Some(self.row_of(names, node)?),
            _ => {
                return Err(refuse(
                    code,
                    "names that are computed are not in the subset",
                ))
            }
        };
        let now = self.value(target, None)?;
        let (ty, reg, known) = match now {
            Val::Gone => return Ok(Val::Gone),
            Val::Is(ty, reg) | Val::Blank(ty, reg, None) if ty.is_matrix() => {
                (ty, reg, Some((None, None)))
            }
            Val::Veiled(ty, reg, sides) | Val::Blank(ty, reg, sides) if ty.is_matrix() => {
                (ty, reg, self.sides_of(sides))
            }
            _ => return Err(refuse(target, "it is compiled for matrices only")),
        };
        let columns = fun == "colnames";
        if let Some(names) = names {
            self.side_fits((ty, reg), columns, names, node)?;
        }
        let value = match known {
            Some((_, others)) if !columns => self.with_sides((ty, reg), names, others, node)?,
            Some((others, _)) => self.with_sides((ty, reg), others, names, node)?,
            None => Val::Veiled(ty, reg, None),
        };
        let value = match (now, value) {
            (Val::Blank(..), Val::Is(ty, reg)) => Val::Blank(ty, reg, None),
            (Val::Blank(..), Val::Veiled(ty, reg, sides)) => Val::Blank(ty, reg, sides),
            (_, value) => value,
        };
        let var = self.var(name);
        self.assign(var, value, node)?;
        Ok(Val::Mixed(Type::Null, Type::Null))
    }

    /// `colnames(x)` and `rownames(x)`, where they are known.
    pub(super) fn side_names(&mut self, fun: &str, x: &Node, node: &Node) -> Lowered<Val> {
        let sides = match self.value(x, None)? {
            Val::Gone => return Ok(Val::Gone),
            Val::Is(ty, _) if ty.is_matrix() => Some((None, None)),
            Val::Veiled(ty, _, sides) if ty.is_matrix() => self.sides_of(sides),
            value @ (Val::Made(_) | Val::Part(_)) if fun == "colnames" => {
                return match self.elements_of_list(value, node)? {
                    Some((Some(names), _)) => Ok(Val::Text(self.row_of(names, node)?)),
                    _ => Err(refuse(node, "names that are not known")),
                };
            }
            _ => None,
        };
        match sides {
            Some((rows, columns)) => {
                let names = if fun == "colnames" { columns } else { rows };
                Ok(names.map_or(Val::Null, Val::Text))
            }
            None => Err(refuse(node, "names that are not known")),
        }
    }

    /// The numbers of rows or columns that a subscript of names means: `None` where it is none.
    pub(super) fn by_names(
        &mut self,
        code: &Node,
        names: Option<Option<u16>>,
    ) -> Lowered<Option<Vec<i32>>> {
        let Some(wanted) = self.texts(code)? else {
            return Ok(None);
        };
        let Some(Some(names)) = names else {
            return Err(refuse(code, "names that are not known"));
        };
        let mut all = Vec::new();
        for name in wanted {
            all.push(self.position(names, &name, code)?);
        }
        Ok(Some(all))
    }

    /// Some of the names.
    pub(super) fn some_names(&mut self, names: u16, at: &[i32], node: &Node) -> Lowered<u16> {
        let row = &self.rows[usize::from(names)];
        let some = at.iter().map(|at| row[*at as usize - 1].clone()).collect();
        self.row_of(some, node)
    }

    /// The number that a subscript is, where the code has it.
    pub(super) fn constant_number(node: &Node) -> Option<i32> {
        match node.kind {
            Kind::Integer(at) if at > 0 => Some(at),
            Kind::Double(at) if (1.0..1e6).contains(&at) && at.fract() == 0.0 => Some(at as i32),
            _ => None,
        }
    }
}
