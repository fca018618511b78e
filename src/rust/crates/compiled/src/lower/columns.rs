//! `data.frame()`, and columns of data frames that the code makes.

use super::made::Made;
use super::named::KEPT;
use super::*;
use crate::code::Arith;

impl Lower<'_> {
    /// A value as a column of a data frame that has rows already.
    pub(super) fn as_column(&mut self, value: Val, made: &Made, node: &Node) -> Lowered<Val> {
        let Val::Is(ty, reg) = value else {
            return Err(refuse(node, "a column of this kind is not in the subset"));
        };
        if ty.is_matrix() || ty == Type::Null {
            return Err(refuse(node, "a column of this kind is not in the subset"));
        }
        let single = made
            .parts
            .iter()
            .any(|part| matches!(part, Val::Is(ty, _) if ty.is_scalar()));
        if single {
            let (ty, reg) = self.only(ty, reg, node)?;
            return Ok(Val::Is(ty, reg));
        }
        let n = self.rows_made(made, node)?;
        if ty.is_scalar() {
            let to = self.filled(ty, reg, n, node)?;
            return Ok(Val::Is(ty.vector(), to));
        }
        let length = self.length(Val::Is(ty, reg), node)?;
        self.emit(Op::SameInt(length, n));
        Ok(Val::Is(ty, reg))
    }

    /// `data.frame(a = x, b)`.
    pub(super) fn data_frame(&mut self, args: &[crate::tree::Arg], node: &Node) -> Lowered<Val> {
        let mut names = Vec::new();
        let mut parts = Vec::new();
        let mut unnamed = false;
        let mut as_factors = false;
        for arg in args {
            match arg.name.as_deref() {
                Some("row.names") => {
                    if arg.value.kind != Kind::Null {
                        return Err(refuse(
                            node,
                            "its argument `row.names` is not in the subset",
                        ));
                    }
                    unnamed = true;
                    continue;
                }
                Some("check.names") => {
                    self.flag(Some(&arg.value), true, node)?;
                    continue;
                }
                Some("stringsAsFactors") => {
                    as_factors = self.flag(Some(&arg.value), false, node)?;
                    continue;
                }
                Some(name @ ("check.rows" | "fix.empty.names")) => {
                    let why = format!("its argument `{name}` is not in the subset");
                    return Err(refuse(node, why));
                }
                _ => {}
            }
            let name = match (&arg.name, &arg.value.kind) {
                (Some(name), _) | (None, Kind::Name(name)) => name.clone(),
                _ => return Err(refuse(&arg.value, "a column without a name")),
            };
            if !is_syntactic(&name) || names.contains(&name) {
                return Err(refuse(node, format!("R may change the name `{name}`")));
            }
            names.push(name);
            parts.push((arg, self.value(&arg.value, None)?));
        }
        let mut columns = Vec::new();
        for (arg, value) in parts {
            columns.push(match value {
                Val::Gone => return Ok(Val::Gone),
                Val::Is(ty, _) if !ty.is_matrix() => value,
                // Rows would have these names.
                Val::Named(ty, reg, _) if unnamed => Val::Is(ty, reg),
                Val::Named(..) | Val::Veiled(..) => return Err(refuse(&arg.value, KEPT)),
                Val::Text(row) if !as_factors && self.rows[usize::from(row)].len() == 1 => value,
                Val::Text(_) => {
                    return Err(refuse(&arg.value, "strings are not in the subset here"))
                }
                _ => {
                    return Err(refuse(
                        &arg.value,
                        "a column of this kind is not in the subset",
                    ))
                }
            });
        }
        let of_numbers = columns.iter().any(|part| matches!(part, Val::Is(..)));
        if !of_numbers {
            return Err(refuse(node, "a data frame without columns of numbers"));
        }
        let long = |part: &Val| matches!(part, Val::Is(ty, _) if !ty.is_scalar());
        if columns.iter().any(long) {
            if columns.iter().any(|part| matches!(part, Val::Text(_))) {
                return Err(refuse(node, "strings beside vectors are not in the subset"));
            }
            columns = self.of_one_length(&columns, node)?;
        }
        let names = Some(self.row_of(names, node)?);
        self.made_value(
            Made {
                names,
                parts: columns,
                frame: true,
                more: false,
                var: None,
            },
            node,
        )
    }

    /// Columns as vectors of the length of the longest, which are so many times the others.
    fn of_one_length(&mut self, columns: &[Val], node: &Node) -> Lowered<Vec<Val>> {
        let mut lengths = Vec::new();
        let n = self.temp(Type::Integer, node)?;
        for part in columns {
            let length = self.length(*part, node)?;
            if lengths.is_empty() {
                self.emit(Op::MoveI(n, length));
            } else {
                self.emit(Op::ArithI(Arith::Max, n, n, length));
            }
            lengths.push(length);
        }
        let zero = self.integer(0, node)?;
        let mut out = Vec::new();
        for (part, length) in columns.iter().zip(lengths) {
            let Val::Is(ty, reg) = *part else {
                return Err(refuse(node, "a column of this kind is not in the subset"));
            };
            let to = if ty.is_scalar() {
                self.filled(ty, reg, n, node)?
            } else {
                let to = self.temp(ty, node)?;
                let rest = self.temp(Type::Integer, node)?;
                // Without elements it is no number, and the task is given up.
                self.emit(Op::ArithI(Arith::Mod, rest, n, length));
                self.emit(Op::SameInt(rest, zero));
                self.emit(if ty.is_double() {
                    Op::RepD(to, reg, n, true)
                } else {
                    Op::RepI(to, reg, n, true)
                });
                to
            };
            out.push(Val::Is(ty.vector(), to));
        }
        Ok(out)
    }
}

/// Does `make.names()` leave the name as it is?
fn is_syntactic(name: &str) -> bool {
    const RESERVED: [&str; 19] = [
        "if",
        "else",
        "repeat",
        "while",
        "function",
        "for",
        "next",
        "break",
        "TRUE",
        "FALSE",
        "NULL",
        "Inf",
        "NaN",
        "NA",
        "NA_integer_",
        "NA_real_",
        "NA_character_",
        "NA_complex_",
        "in",
    ];
    let mut bytes = name.bytes();
    let first = bytes.next();
    let second = bytes.clone().next();
    let begins = match first {
        Some(b'.') => !second.is_some_and(|second| second.is_ascii_digit()),
        Some(first) => first.is_ascii_alphabetic(),
        None => false,
    };
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_';
    let dots = name.starts_with("..");
    begins && !dots && bytes.all(inside) && !RESERVED.contains(&name)
}
