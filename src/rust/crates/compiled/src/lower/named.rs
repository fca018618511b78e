//! Vectors with names, which are known when the code is compiled: each has as many elements as
//! names, or the task is given up. What would keep some of the names is compiled only where they
//! stay as they are.

use super::assign::assigned_name;
use super::*;
use crate::tree::Arg;

pub(super) const KEPT: &str =
    "it has names, which are not in the subset here (`unname()` drops them)";

/// The names of the value of element-wise work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    None,
    Known(u16),
    /// There may be some.
    Veiled,
}

/// The value of element-wise work on a vector with names.
pub(super) fn with_names(value: Val, names: Names) -> Val {
    match (value, names) {
        (Val::Is(ty, reg), Names::Known(names)) => Val::Named(ty, reg, names),
        (Val::Is(ty, reg), Names::Veiled) => Val::Veiled(ty, reg, None),
        (value, _) => value,
    }
}

/// A type and a register.
type Typed = (Type, Reg);

impl Lower<'_> {
    pub(super) fn know_named(&mut self, var: Var, ty: Type, names: u16) {
        self.know(var, ty);
        if let Some(env) = &mut self.env {
            env.insert(var, State::Named(ty, names));
        }
    }

    /// The number of these names.
    pub(super) fn row_of(&mut self, names: Vec<String>, node: &Node) -> Lowered<u16> {
        if let Some(known) = self.rows.iter().position(|row| *row == names) {
            return Ok(known as u16);
        }
        let number =
            u16::try_from(self.rows.len()).map_err(|_| refuse(node, "the function is too long"))?;
        self.rows.push(names);
        Ok(number)
    }

    /// A value that may have names, which are dropped.
    pub(super) fn without_names(&mut self, node: &Node) -> Lowered<Option<Typed>> {
        match self.value(node, None)? {
            Val::Named(ty, reg, _) | Val::Veiled(ty, reg, _) => Ok(Some((ty, reg))),
            value => self.plain_number(value, node),
        }
    }

    /// Gives up the task unless the vector has as many elements as there are names.
    fn as_many(&mut self, (ty, reg): Typed, names: u16, node: &Node) -> Lowered<()> {
        let count = self.rows[usize::from(names)].len();
        let count = i32::try_from(count).map_err(|_| refuse(node, "there are too many names"))?;
        let count = self.integer(count, node)?;
        let length = self.length(Val::Is(ty, reg), node)?;
        self.emit(Op::SameInt(length, count));
        Ok(())
    }

    /// The operands of arithmetic, and the names of its result.
    #[allow(clippy::type_complexity)]
    pub(super) fn two_with_names(
        &mut self,
        args: &[Arg],
        node: &Node,
    ) -> Lowered<Option<(Typed, Typed, Names)>> {
        let a = self.value(&args[0].value, None)?;
        let b = self.value(&args[1].value, None)?;
        let (first, second) = match (a, b) {
            (Val::Veiled(ty, reg, _), other) | (other, Val::Veiled(ty, reg, _)) => {
                let first = matches!(a, Val::Veiled(..));
                let code = &args[usize::from(first)].value;
                let other = match other {
                    Val::Veiled(ty, reg, _) | Val::Named(ty, reg, _) => (ty, reg),
                    other => match self.plain_number(other, code)? {
                        Some(other) => other,
                        None => return Ok(None),
                    },
                };
                let veiled = (ty, reg);
                let (a, b) = if first {
                    (veiled, other)
                } else {
                    (other, veiled)
                };
                return Ok(Some((a, b, Names::Veiled)));
            }
            (Val::Named(ty, x, names), Val::Named(of, y, others)) => {
                let count = |names: u16| self.rows[usize::from(names)].len();
                if count(names) != count(others) {
                    return Err(refuse(node, KEPT));
                }
                return Ok(Some(((ty, x), (of, y), Names::Known(names))));
            }
            (Val::Named(ty, x, names), other) => {
                let Some(other) = self.plain_number(other, &args[1].value)? else {
                    return Ok(None);
                };
                self.beside_names(other, names, node)?;
                return Ok(Some(((ty, x), other, Names::Known(names))));
            }
            (other, Val::Named(ty, y, names)) => {
                let Some(other) = self.plain_number(other, &args[0].value)? else {
                    return Ok(None);
                };
                self.beside_names(other, names, node)?;
                return Ok(Some((other, (ty, y), Names::Known(names))));
            }
            (a, b) => (
                self.plain_number(a, &args[0].value)?,
                self.plain_number(b, &args[1].value)?,
            ),
        };
        Ok(first.zip(second).map(|(a, b)| (a, b, Names::None)))
    }

    /// What stands beside a vector with names: one number, or a vector that is as long.
    fn beside_names(&mut self, other: Typed, names: u16, node: &Node) -> Lowered<()> {
        if other.0.is_matrix() {
            return Err(refuse(node, KEPT));
        }
        if other.0.is_scalar() {
            return Ok(());
        }
        self.as_many(other, names, node)
    }

    /// `c(a = x, b = y)` of single elements.
    pub(super) fn combine_named(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        let mut values = Vec::new();
        for arg in args {
            match self.value(&arg.value, None)? {
                Val::Gone => return Ok(Val::Gone),
                value => values.push(value),
            }
        }
        self.combined(args, &values, node)
    }

    /// The values of the arguments of `c()` in one vector with names.
    pub(super) fn combined(&mut self, args: &[Arg], values: &[Val], node: &Node) -> Lowered<Val> {
        let (mut parts, mut names) = (Vec::new(), Vec::new());
        for (arg, value) in args.iter().zip(values) {
            match *value {
                Val::Is(ty, reg) if ty.is_scalar() => {
                    parts.push((ty, reg));
                    names.push(arg.name.clone().unwrap_or_default());
                }
                Val::Named(ty, reg, own) if arg.name.is_none() && !ty.is_matrix() => {
                    parts.push((ty, reg));
                    names.extend(self.rows[usize::from(own)].clone());
                }
                Val::Is(..) if arg.name.is_none() => return Err(refuse(&arg.value, KEPT)),
                _ => {
                    return Err(refuse(
                        &arg.value,
                        "a name in c() belongs to what may not be one element",
                    ))
                }
            }
        }
        let names = self.row_of(names, node)?;
        let (ty, reg) = self.joined(&parts, node)?;
        Ok(Val::Named(ty, reg, names))
    }

    /// `setNames(x, c("a", "b"))` and `unname(x)`.
    pub(super) fn renamed(&mut self, fun: &str, args: &[Arg], node: &Node) -> Lowered<Val> {
        let formals: &[&str] = if fun == "unname" {
            &["obj"]
        } else {
            &["object", "nm"]
        };
        let given = self.matched(args, formals, node)?;
        let Some(x) = given[0] else {
            return Err(refuse(node, "its argument is missing"));
        };
        let Some((ty, reg)) = self.without_names(x)? else {
            return Ok(Val::Gone);
        };
        if fun == "unname" {
            return Ok(Val::Is(ty, reg));
        }
        match given[1] {
            Some(code) if code.kind == Kind::Null && !ty.is_matrix() => Ok(Val::Is(ty, reg)),
            Some(code) => self.label((ty, reg), code, node),
            None => Err(refuse(node, "its argument is missing")),
        }
    }

    fn label(&mut self, (ty, reg): Typed, code: &Node, node: &Node) -> Lowered<Val> {
        let Some(names) = self.texts(code)?.filter(|names| !names.is_empty()) else {
            return Err(refuse(
                code,
                "names that are computed are not in the subset",
            ));
        };
        if ty.is_matrix() {
            return Err(refuse(node, "names of a matrix are not in the subset"));
        }
        let names = self.row_of(names, node)?;
        let (ty, reg) = self.as_vector(ty, reg, node)?;
        self.as_many((ty, reg), names, node)?;
        Ok(Val::Named(ty, reg, names))
    }

    /// `names(x) <- c("a", "b")`.
    pub(super) fn assign_names(&mut self, target: &Node, code: &Node, node: &Node) -> Lowered<Val> {
        let name = assigned_name(target, target)?;
        self.check("names<-", node)?;
        self.within += 1;
        let now = self.value(target, None);
        self.within -= 1;
        let now = now?;
        if let Val::Made(number) = now {
            return self.rename_made(name, number, code, node);
        }
        let found = match now {
            Val::Named(ty, reg, _) | Val::Veiled(ty, reg, _) => Some((ty, reg)),
            value => self.plain_number(value, target)?,
        };
        let Some((ty, reg)) = found else {
            return Ok(Val::Gone);
        };
        let value = if code.kind == Kind::Null && !ty.is_matrix() {
            Val::Is(ty, reg)
        } else {
            self.label((ty, reg), code, node)?
        };
        let var = self.var(name);
        self.assign(var, value, node)?;
        // The value of the assignment itself is one of strings.
        Ok(Val::Mixed(Type::Null, Type::Null))
    }

    /// The number of the element with that name, from 1.
    pub(super) fn position(&self, names: u16, name: &str, node: &Node) -> Lowered<i32> {
        let found = self.rows[usize::from(names)]
            .iter()
            .position(|known| known == name && !name.is_empty());
        match found {
            Some(at) => Ok(at as i32 + 1),
            None => Err(refuse(node, format!("there is no element \"{name}\""))),
        }
    }

    pub(super) fn element_at(
        &mut self,
        (ty, reg): Typed,
        at: i32,
        hint: Option<Var>,
        node: &Node,
    ) -> Lowered<Val> {
        let at = self.integer(at, node)?;
        let to = self.dest(ty.element(), hint, node)?;
        self.emit(if ty.is_double() {
            Op::GetD(to, reg, at)
        } else {
            Op::GetI(to, reg, at)
        });
        Ok(Val::Is(ty.element(), to))
    }

    /// `x["a"]`, `x[2]`, `x[-1]` and `x[c("a", "b")]`, where what is left is known; `None` where it is
    /// not.
    pub(super) fn named_part(
        &mut self,
        (ty, reg): Typed,
        names: u16,
        index: &Node,
        node: &Node,
    ) -> Lowered<Option<Val>> {
        let row = self.rows[usize::from(names)].clone();
        let number = |kind: &Kind| match kind {
            Kind::Double(at) if at.fract() == 0.0 && *at >= 1.0 && *at <= row.len() as f64 => {
                Some(*at as usize)
            }
            Kind::Integer(at) => usize::try_from(*at)
                .ok()
                .filter(|at| (1..=row.len()).contains(at)),
            _ => None,
        };
        let mut wanted = Vec::new();
        match &index.kind {
            Kind::Call { fun, args } if fun == "-" && args.len() == 1 => {
                let Some(dropped) = number(&args[0].value.kind) else {
                    return Ok(None);
                };
                self.check(fun, index)?;
                wanted.extend((1..=row.len()).filter(|at| *at != dropped));
            }
            kind => match (number(kind), self.texts(index)?) {
                (Some(at), _) => wanted.push(at),
                (None, Some(texts)) => {
                    for text in texts {
                        wanted.push(self.position(names, &text, index)? as usize);
                    }
                }
                (None, None) => return Ok(None),
            },
        }
        if wanted.is_empty() {
            return Ok(None);
        }
        let mut parts = Vec::new();
        let mut left = Vec::new();
        for at in wanted {
            match self.element_at((ty, reg), at as i32, None, node)? {
                Val::Is(ty, reg) => parts.push((ty, reg)),
                _ => return Ok(None),
            }
            left.push(row[at - 1].clone());
        }
        let names = self.row_of(left, node)?;
        let (ty, reg) = self.joined(&parts, node)?;
        Ok(Some(Val::Named(ty, reg, names)))
    }

    /// `name["a"] <- value` and the like: one element, which is there.
    pub(super) fn assign_named(
        &mut self,
        name: &str,
        (ty, reg, names): (Type, Reg, u16),
        index: &Node,
        (of, from): Typed,
        node: &Node,
    ) -> Lowered<Val> {
        if of.element() > ty.element() || !of.is_scalar() {
            return Err(refuse(node, KEPT));
        }
        let at = if let Some([name]) = self.texts(index)?.as_deref() {
            let at = self.position(names, name, index)?;
            self.integer(at, node)?
        } else {
            match self.number(index)? {
                Some((by @ (Type::Integer | Type::Double), at)) => self.truncated(by, at, index)?,
                Some(_) => return Err(refuse(index, KEPT)),
                None => return Ok(Val::Gone),
            }
        };
        let var = self.var(name);
        let to = self.reg(var, ty, node)?;
        if reg != to {
            self.put(ty, to, reg);
        }
        if ty.is_double() {
            let from = self.as_double(of, from, node)?;
            self.emit(Op::SetD(to, at, from));
        } else {
            self.emit(Op::SetI(to, at, from));
        }
        // Behind the last one there is no name.
        self.as_many((ty, to), names, node)?;
        self.know_named(var, ty, names);
        Ok(Val::Is(of, from))
    }
}
