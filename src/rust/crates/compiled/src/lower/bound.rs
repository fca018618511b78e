//! `cbind()` and `rbind()` of numbers, vectors and matrices; numbers looked up among others.

use super::matrix::place;
use super::*;
use crate::code::{Bind, Extra};
use crate::tree::Arg;

impl Lower<'_> {
    pub(super) fn bound(&mut self, columns: bool, args: &[Arg], node: &Node) -> Lowered<Val> {
        let mut parts = Vec::new();
        let mut veiled = false;
        let (mut vectors, mut called, mut names) = (true, false, Vec::new());
        for arg in args {
            if arg.value.kind == Kind::Missing || arg.name.as_deref() == Some("deparse.level") {
                return Err(refuse(node, "its arguments are not in the subset"));
            }
            let (ty, reg) = match self.value(&arg.value, None)? {
                Val::Gone => return Ok(Val::Gone),
                Val::Null => continue,
                Val::Is(ty, reg) => (ty, reg),
                Val::Named(ty, reg, _) | Val::Veiled(ty, reg, _) => {
                    veiled = true;
                    (ty, reg)
                }
                value => match self.plain_number(value, &arg.value)? {
                    Some(found) => found,
                    None => return Ok(Val::Gone),
                },
            };
            // R names columns by the variables that they are.
            let name = match (&arg.name, &arg.value.kind) {
                (Some(name), _) => Some(name.clone()),
                // What the compiler has named has no name.
                (None, Kind::Name(name)) if !name.starts_with('\0') => Some(name.clone()),
                _ => None,
            };
            vectors &= !ty.is_matrix();
            called |= name.is_some() && !ty.is_matrix();
            names.push(name.unwrap_or_default());
            parts.push((ty, reg));
        }
        let element = parts.iter().map(|(ty, _)| ty.element()).max();
        let Some(element) = element else {
            return Err(refuse(node, "there is nothing to bind"));
        };
        let mut ready = Vec::new();
        for (ty, reg) in parts {
            let matrix = ty.is_matrix();
            let reg = if element == Type::Double && matrix {
                self.widened(ty, reg, node)?
            } else if element == Type::Double {
                self.as_doubles(ty, reg, node)?.1
            } else {
                self.as_vector(ty, reg, node)?.1
            };
            ready.push((reg, matrix));
        }
        let to = self.temp(element.matrix(), node)?;
        let number = u16::try_from(self.binds.len())
            .map_err(|_| refuse(node, "the function is too long"))?;
        self.binds.push(Bind {
            to: place(element.matrix(), to),
            columns,
            parts: ready,
        });
        self.emit(Op::Bind(number));
        if called && vectors && !veiled && names.iter().all(|name| name.is_ascii()) {
            let names = Some(self.row_of(names, node)?);
            let (rows, columns) = if columns {
                (None, names)
            } else {
                (names, None)
            };
            return self.with_sides((element.matrix(), to), rows, columns, node);
        }
        Ok(Self::veil(Val::Is(element.matrix(), to), veiled || called))
    }

    /// `x %in% table`, `match(x, table, nomatch)` and `findInterval(x, vec)`.
    pub(super) fn found_in(&mut self, fun: &str, args: &[Arg], node: &Node) -> Lowered<Val> {
        let formals: &[&str] = match fun {
            "match" => &["x", "table", "nomatch"],
            "findInterval" => &["x", "vec"],
            _ => &["x", "table"],
        };
        let given = self.matched(args, formals, node)?;
        let (Some(x), Some(table)) = (given[0], given[1]) else {
            return Err(refuse(node, "its argument is missing"));
        };
        let none = match given.get(2).copied().flatten() {
            Some(code) => self.whole_number(code)?,
            // Nobody has this number: such a task is given up.
            None => self.integer(i32::MIN, node)?,
        };
        let (Some((of, x)), Some((among, table))) =
            (self.unnamed_number(x)?, self.unnamed_number(table)?)
        else {
            return Ok(Val::Gone);
        };
        let scalar = of.is_scalar();
        let (_, x) = self.as_doubles(of, x, node)?;
        let (_, table) = self.as_doubles(among, table, node)?;
        let (how, ty) = match fun {
            "match" => (Extra::Match, Type::Integers),
            "findInterval" => (Extra::FindInterval, Type::Integers),
            _ => (Extra::Among, Type::Logicals),
        };
        let value = self.extra(how, ty, [x, table, none], node)?;
        match value {
            Val::Is(ty, reg) if scalar => {
                let (ty, reg) = self.only(ty, reg, node)?;
                Ok(Val::Is(ty, reg))
            }
            value => Ok(value),
        }
    }
}
