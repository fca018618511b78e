//! Vectors that are made of others: `c()`, `numeric()`, `rep()`.

use super::control::mixed_value;
use super::*;
use crate::code::Extra;
use crate::tree::Arg;

/// How often `rep()` repeats.
enum Times {
    /// Everything.
    All(Reg),
    /// Each element.
    Each(Reg),
}

impl Lower<'_> {
    /// A number of `rep()`, or numbers. `None`: never reached.
    fn times(&mut self, count: &Node, total: bool) -> Lowered<Option<Times>> {
        if total || matches!(count.kind, Kind::Double(_)) {
            return self.whole_number(count).map(|n| Some(Times::All(n)));
        }
        let Some((ty, reg)) = self.number(count)? else {
            return Ok(None);
        };
        if ty.is_scalar() {
            return self.whole(ty, reg, count).map(|n| Some(Times::All(n)));
        }
        let numbers = self.numbers(ty, reg, count)?;
        Ok(Some(Times::Each(numbers)))
    }

    pub(super) fn combine(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        if args.iter().any(|arg| arg.name.is_some()) {
            return self.combine_named(args, node);
        }
        let mut values = Vec::new();
        for arg in args {
            match self.value(&arg.value, None)? {
                Val::Gone => return Ok(Val::Gone),
                value => values.push(value),
            }
        }
        if values.iter().any(|value| matches!(value, Val::Named(..))) {
            return self.combined(args, &values, node);
        }
        let mut parts = Vec::new();
        let mut veiled = false;
        for (arg, value) in args.iter().zip(values) {
            match value {
                Val::Gone => return Ok(Val::Gone),
                Val::Null => {}
                Val::Is(ty, reg) => parts.push((ty, reg)),
                // Of a matrix names are dropped.
                Val::Veiled(ty, reg, _) => {
                    veiled |= !ty.is_matrix();
                    parts.push((ty.flat(), reg));
                }
                Val::Mixed(a, b) => return Err(mixed_value(&arg.value, a, b)),
                Val::Text(_) => match self.texts(node)? {
                    Some(texts) => return Ok(Val::Text(self.row_of(texts, node)?)),
                    None => return Err(refuse(&arg.value, "strings are not in the subset")),
                },
                _ => return Err(super::lists::no_number(&arg.value)),
            }
        }
        if parts.is_empty() {
            return Ok(Val::Null);
        }
        let (ty, reg) = self.joined(&parts, node)?;
        Ok(Self::veil(Val::Is(ty, reg), veiled))
    }

    /// `numeric(n)` and its like.
    pub(super) fn blank(&mut self, fun: &str, args: &[Arg], node: &Node) -> Lowered<Val> {
        let (ty, length) = if fun == "vector" {
            let given = self.matched(args, &["mode", "length"], node)?;
            let ty = match given[0].map(|code| &code.kind) {
                Some(Kind::Text(mode)) if mode == "numeric" || mode == "double" => Type::Doubles,
                Some(Kind::Text(mode)) if mode == "integer" => Type::Integers,
                Some(Kind::Text(mode)) if mode == "logical" => Type::Logicals,
                _ => return Err(refuse(node, "a vector of this mode is not in the subset")),
            };
            (ty, given[1])
        } else {
            let given = self.matched(args, &["length"], node)?;
            let ty = match fun {
                "integer" => Type::Integers,
                "logical" => Type::Logicals,
                _ => Type::Doubles,
            };
            (ty, given[0])
        };
        let n = match length {
            Some(code) => self.whole_number(code)?,
            None => self.integer(0, node)?,
        };
        let zero = if ty.is_double() {
            self.double(0.0, node)?
        } else {
            self.integer(0, node)?
        };
        let to = self.filled(ty.element(), zero, n, node)?;
        Ok(Val::Is(ty, to))
    }

    /// So many times `NA`.
    pub(super) fn blank_vector(&mut self, n: Reg, node: &Node) -> Lowered<Val> {
        let missing = self.double(f64::NAN, node)?;
        let to = self.temp(Type::Doubles, node)?;
        self.emit(Op::FillD(to, missing, n));
        Ok(Val::Blank(Type::Doubles, to, None))
    }

    pub(super) fn repeated(&mut self, fun: &str, args: &[Arg], node: &Node) -> Lowered<Val> {
        let formals: &[&str] = match fun {
            "rep_len" => &["x", "length.out"],
            "rep.int" => &["x", "times"],
            _ => &["x", "times", "length.out"],
        };
        let given = self.matched(args, formals, node)?;
        let Some(x) = given[0] else {
            return Err(refuse(node, "there is nothing to repeat"));
        };
        let (count, total) = match (fun, given[1], given.get(2).copied().flatten()) {
            ("rep_len", Some(n), _) | ("rep", None, Some(n)) => (n, true),
            (_, Some(n), None) => (n, false),
            _ => {
                return Err(refuse(
                    node,
                    "how often is not said in a way that is in the subset",
                ))
            }
        };
        if x.kind == Kind::Na {
            let n = self.whole_number(count)?;
            return self.blank_vector(n, node);
        }
        let Some((ty, reg)) = self.number(x)? else {
            return Ok(Val::Gone);
        };
        let n = match self.times(count, total)? {
            Some(Times::All(n)) => n,
            Some(Times::Each(times)) => {
                let (ty, reg) = self.as_vector(ty, reg, node)?;
                let how = if ty.is_double() {
                    Extra::TimesD
                } else {
                    Extra::TimesI
                };
                return self.extra(how, ty, [reg, times, 0], node);
            }
            None => return Ok(Val::Gone),
        };
        let to = if ty.is_scalar() {
            self.filled(ty, reg, n, node)?
        } else {
            let to = self.temp(ty, node)?;
            self.emit(if ty.is_double() {
                Op::RepD(to, reg, n, total)
            } else {
                Op::RepI(to, reg, n, total)
            });
            to
        };
        Ok(Val::Is(ty.vector(), to))
    }

    /// A vector of so many times one number.
    pub(super) fn filled(&mut self, ty: Type, reg: Reg, n: Reg, node: &Node) -> Lowered<Reg> {
        let to = self.temp(ty.vector(), node)?;
        self.emit(if ty.is_double() {
            Op::FillD(to, reg, n)
        } else {
            Op::FillI(to, reg, n)
        });
        Ok(to)
    }
}
