//! What is known when the code is compiled: strings, conditions about them and about what values
//! are (`is.null(x)`), `switch()` by a string, `stopifnot()`.

use super::control::mixed_value;
use super::*;
use crate::code::{Compare, Reduce};
use crate::tree::Arg;

impl Lower<'_> {
    /// A constant string of the code.
    pub(super) fn text(&mut self, text: &str, node: &Node) -> Lowered<Val> {
        if !text.is_ascii() {
            return Err(refuse(
                node,
                "strings that are not ASCII are not in the subset",
            ));
        }
        Ok(Val::Text(self.row_of(vec![text.to_owned()], node)?))
    }

    /// The strings of code, where they are known: `"a"`, `c("a", "b")`, and variables that are such.
    pub(super) fn texts(&mut self, node: &Node) -> Lowered<Option<Vec<String>>> {
        match &node.kind {
            Kind::Text(text) if text.is_ascii() => Ok(Some(vec![text.clone()])),
            Kind::Call { fun, args } if fun == "c" && !args.is_empty() => {
                let mut all = Vec::new();
                for arg in args {
                    match &arg.value.kind {
                        Kind::Text(text) if text.is_ascii() && arg.name.is_none() => {
                            all.push(text.clone());
                        }
                        _ => return Ok(None),
                    }
                }
                self.check(fun, node)?;
                Ok(Some(all))
            }
            Kind::Call { fun, args } if fun == "(" && args.len() == 1 => {
                self.check(fun, node)?;
                self.texts(&args[0].value)
            }
            Kind::Name(name) => Ok(match self.variable_if_text(name, node)? {
                Some(Val::Text(row)) => Some(self.rows[usize::from(row)].clone()),
                _ => None,
            }),
            Kind::Call { fun, args }
                if (fun == "[" || fun == "[[")
                    && args.len() == 2
                    && matches!(args[0].value.kind, Kind::Name(_)) =>
            {
                let at = Self::constant_number(&args[1].value);
                let (Some(at), Some(all)) = (at, self.texts(&args[0].value)?) else {
                    return Ok(None);
                };
                self.check(fun, node)?;
                Ok(all.get(at as usize - 1).map(|text| vec![text.clone()]))
            }
            Kind::Call { fun, args } if fun == "$" && args.len() == 2 => {
                let Kind::Name(of) = &args[0].value.kind else {
                    return Ok(None);
                };
                if !self.is_list_of_texts(of) {
                    return Ok(None);
                }
                Ok(match self.value(node, None)? {
                    Val::Text(row) => Some(self.rows[usize::from(row)].clone()),
                    _ => None,
                })
            }
            _ => Ok(None),
        }
    }

    /// Is the variable a list here that the code has made?
    fn is_list_of_texts(&self, name: &str) -> bool {
        let mut scope = self.scope;
        loop {
            let state = self.find(scope, name).and_then(|var| self.state(var));
            match (state, self.scopes[scope].parent) {
                (Some(State::Made(_)), _) => return true,
                (Some(_), _) | (None, None) => return false,
                (None, Some(parent)) => scope = parent,
            }
        }
    }

    /// The value of a variable that may be a string; what is certainly none is not read.
    fn variable_if_text(&mut self, name: &str, node: &Node) -> Lowered<Option<Val>> {
        let mut scope = self.scope;
        loop {
            let var = self.find(scope, name);
            match var.and_then(|var| Some((var, self.state(var)?))) {
                Some((_, State::Text(row))) => return Ok(Some(Val::Text(row))),
                Some((var, State::Waiting)) => {
                    let Some(promise) = self.promises.get(&var).cloned() else {
                        return Ok(None);
                    };
                    let strings = match &promise.code.kind {
                        Kind::Text(_) | Kind::Name(_) => true,
                        Kind::Call { fun, args } if fun == "c" => {
                            let mut args = args.iter();
                            args.all(|arg| matches!(arg.value.kind, Kind::Text(_)))
                        }
                        _ => false,
                    };
                    if !strings {
                        return Ok(None);
                    }
                    return self.value(node, None).map(Some);
                }
                Some(_) => return Ok(None),
                None if var.is_some_and(|var| self.withheld.contains_key(&var)) => return Ok(None),
                None => {}
            }
            match self.scopes[scope].parent {
                Some(parent) => scope = parent,
                None => break,
            }
        }
        if self.scopes[scope].closure == super::apply::MADE {
            return Ok(None);
        }
        match self.captured(scope, name, node) {
            Ok(value @ Val::Text(_)) => Ok(Some(value)),
            _ => Ok(None),
        }
    }

    fn truth(&mut self, holds: bool, node: &Node) -> Lowered<Val> {
        Ok(Val::Is(
            Type::Logical,
            self.integer(i32::from(holds), node)?,
        ))
    }

    /// The value of a comparison that is known, or of another function of the kind of a value; `None`
    /// of other calls.
    pub(super) fn known_call(
        &mut self,
        fun: &str,
        args: &[Arg],
        node: &Node,
    ) -> Lowered<Option<Val>> {
        if let Some(holds) = self.of_texts(fun, args)? {
            return self.truth(holds, node).map(Some);
        }
        match fun {
            "is.null" | "is.numeric" | "is.logical" | "is.character" | "is.list" | "is.matrix"
            | "is.data.frame" | "is.double" | "is.integer" => {
                let x = self.one(args, node)?;
                let value = self.value(x, None)?;
                match self.is_of_kind(fun, value, x)? {
                    Some(holds) => self.truth(holds, node).map(Some),
                    None => Ok(Some(Val::Gone)),
                }
            }
            "stopifnot" => self.stop_if_not(args, node).map(Some),
            "isTRUE" | "isFALSE" => {
                let x = self.one(args, node)?;
                let Some((ty, reg)) = self.number(x)? else {
                    return Ok(Some(Val::Gone));
                };
                if ty != Type::Logical {
                    return Err(refuse(node, "it is compiled for one logical value only"));
                }
                let to = self.temp(Type::Logical, node)?;
                self.emit(if fun == "isTRUE" {
                    Op::MoveI(to, reg)
                } else {
                    Op::NotI(to, reg)
                });
                Ok(Some(Val::Is(Type::Logical, to)))
            }
            "xor" => {
                let given = self.matched(args, &["x", "y"], node)?;
                let (Some(x), Some(y)) = (given[0], given[1]) else {
                    return Err(refuse(node, "its argument is missing"));
                };
                let (Some((a, x)), Some((b, y))) = (self.number(x)?, self.number(y)?) else {
                    return Ok(Some(Val::Gone));
                };
                if a != Type::Logical || b != Type::Logical {
                    return Err(refuse(node, "it is compiled for two logical values only"));
                }
                let to = self.temp(Type::Logical, node)?;
                self.emit(Op::CompareI(Compare::Ne, to, x, y));
                Ok(Some(Val::Is(Type::Logical, to)))
            }
            "names" => {
                let x = self.one(args, node)?;
                self.names_of_value(x, node).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// `names(x)`, where they are known.
    fn names_of_value(&mut self, x: &Node, node: &Node) -> Lowered<Val> {
        match self.value(x, None)? {
            Val::Gone => Ok(Val::Gone),
            Val::Null => Ok(Val::Null),
            Val::Is(ty, _) if !ty.is_matrix() => Ok(Val::Null),
            Val::Named(_, _, names) => Ok(Val::Text(names)),
            Val::Made(number) if self.made(number).more && !self.made(number).frame => {
                Err(refuse(node, super::made::OPAQUE))
            }
            Val::Made(number) => Ok(match self.made(number).names {
                Some(names) => Val::Text(names),
                None => Val::Null,
            }),
            Val::Part(number) => match self.labels_of(number, node)? {
                Some(names) if names.iter().all(|name| name.is_ascii()) => {
                    Ok(Val::Text(self.row_of(names, node)?))
                }
                _ => Err(refuse(node, "names that are not known")),
            },
            _ => Err(refuse(node, "names that are not known")),
        }
    }

    fn is_of_kind(&self, fun: &str, value: Val, node: &Node) -> Lowered<Option<bool>> {
        let of = |ty: Type| match fun {
            "is.null" => ty == Type::Null,
            "is.numeric" => matches!(ty.element(), Type::Double | Type::Integer),
            "is.logical" => ty.element() == Type::Logical,
            "is.double" => ty.element() == Type::Double,
            "is.integer" => ty.element() == Type::Integer,
            "is.matrix" => ty.is_matrix(),
            _ => false,
        };
        Ok(Some(match value {
            Val::Gone => return Ok(None),
            Val::Null => of(Type::Null),
            Val::Is(ty, _) | Val::Named(ty, ..) | Val::Veiled(ty, ..) => of(ty),
            Val::Blank(ty, ..) => match fun {
                "is.logical" => true,
                "is.matrix" => ty.is_matrix(),
                _ => false,
            },
            Val::Text(_) => fun == "is.character",
            Val::Made(number) => match fun {
                "is.list" => true,
                "is.data.frame" => self.made_lists[usize::from(number)].frame,
                _ => false,
            },
            Val::Part(_) if matches!(fun, "is.data.frame" | "is.matrix") => {
                return Err(refuse(node, "what kind of list it is"))
            }
            Val::Part(_) => fun == "is.list",
            Val::Mixed(a, b) => return Err(mixed_value(node, a, b)),
        }))
    }

    /// A comparison of strings that are known.
    fn of_texts(&mut self, fun: &str, args: &[Arg]) -> Lowered<Option<bool>> {
        if !matches!(fun, "==" | "!=" | "%in%" | "identical") {
            return Ok(None);
        }
        let [a, b] = args else { return Ok(None) };
        if a.name.is_some() || b.name.is_some() {
            return Ok(None);
        }
        // One of both is there in the code, mostly.
        let Some(y) = self.texts(&b.value)? else {
            return Ok(None);
        };
        let Some(x) = self.texts(&a.value)? else {
            return Ok(None);
        };
        Ok(match (fun, x.as_slice(), y.as_slice()) {
            ("==" | "identical", [x], [y]) => Some(x == y),
            ("!=", [x], [y]) => Some(x != y),
            ("%in%", [x], all) => Some(all.contains(x)),
            _ => None,
        })
    }

    /// Whether a condition holds; `None` where that is known only when the code runs.
    pub(super) fn known_condition(&mut self, node: &Node) -> Lowered<Option<bool>> {
        let (fun, args) = match &node.kind {
            Kind::Logical(value) => return Ok(Some(*value)),
            // A variable that is a constant: it shares its register.
            Kind::Name(_) => {
                let Val::Is(Type::Logical, reg) = self.value(node, None)? else {
                    return Ok(None);
                };
                let mut known = self.constants_i.iter();
                let value = known.find(|(_, known)| **known == reg);
                return Ok(value.map(|(value, _)| *value != 0));
            }
            Kind::Call { fun, args } => (fun, args),
            _ => return Ok(None),
        };
        match (fun.as_str(), args.as_slice()) {
            ("missing", args) => {
                self.check(fun, node)?;
                self.is_missing(args, node).map(Some)
            }
            ("!" | "(", [one]) => {
                let inner = self.known_condition(&one.value)?;
                if inner.is_some() {
                    self.check(fun, node)?;
                }
                Ok(inner.map(|holds| holds != (fun == "!")))
            }
            ("&&" | "||", [a, b]) => {
                let Some(first) = self.known_condition(&a.value)? else {
                    return Ok(None);
                };
                self.check(fun, node)?;
                if first == (fun == "||") {
                    return Ok(Some(first));
                }
                self.known_condition(&b.value)
            }
            ("==" | "!=" | "%in%" | "identical", args) => {
                let found = self.of_texts(fun, args)?;
                if found.is_some() {
                    self.check(fun, node)?;
                }
                Ok(found)
            }
            ("is.null" | "is.character" | "is.matrix" | "is.list" | "is.numeric", [x])
                if matches!(x.value.kind, Kind::Name(_)) && x.name.is_none() =>
            {
                self.check(fun, node)?;
                let value = self.value(&x.value, None)?;
                self.is_of_kind(fun, value, node)
            }
            ("is.null", [x]) if self.names_member(&x.value) && x.name.is_none() => {
                self.check(fun, node)?;
                let value = self.value(&x.value, None)?;
                self.is_of_kind(fun, value, node)
            }
            _ => Ok(None),
        }
    }

    /// `x$name`, reading which does nothing.
    fn names_member(&self, node: &Node) -> bool {
        matches!(&node.kind, Kind::Call { fun, args } if fun == "$" && matches!(args.first().map(|arg| &arg.value.kind), Some(Kind::Name(_))))
    }

    /// `stopifnot()`: a task in which something does not hold is R's.
    fn stop_if_not(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        for arg in args {
            if matches!(arg.name.as_deref(), Some("exprs" | "exprObject" | "local")) {
                return Err(refuse(node, "its arguments are not in the subset"));
            }
            match self.known_condition(&arg.value)? {
                Some(true) => continue,
                Some(false) => {
                    self.give_up("a condition of stopifnot() that does not hold");
                    self.env = None;
                    return Ok(Val::Gone);
                }
                None => {}
            }
            let Some((ty, reg)) = self.without_names(&arg.value)? else {
                return Ok(Val::Gone);
            };
            if ty.element() != Type::Logical {
                return Err(refuse(&arg.value, "it is not logical"));
            }
            let holds = self.temp(Type::Logical, node)?;
            self.emit(if ty.is_scalar() {
                Op::MoveI(holds, reg)
            } else {
                Op::ReduceI(Reduce::All, holds, reg)
            });
            let before = std::mem::take(&mut self.block);
            self.give_up("a condition of stopifnot() that does not hold");
            let not = std::mem::replace(&mut self.block, before);
            self.block.push(Stmt::If(holds, Vec::new(), not));
        }
        Ok(Val::Null)
    }

    /// The alternative of `switch(x, a = , b = )` by a string or number that is known; `Ok(None)` where
    /// R gives `NULL`.
    pub(super) fn chosen<'a>(&mut self, args: &'a [Arg], node: &Node) -> Lowered<Option<&'a Node>> {
        let Some((first, rest)) = args.split_first() else {
            return Err(refuse(node, "its argument is missing"));
        };
        if first.name.as_deref().is_some_and(|name| name != "EXPR") {
            return Err(refuse(node, "its first argument has another name"));
        }
        let number = match first.value.kind {
            Kind::Integer(at) => Some(at),
            Kind::Double(at) if at.abs() < 1e9 => Some(at as i32),
            _ => None,
        };
        if let Some(at) = number {
            let at = usize::try_from(at).ok().and_then(|at| at.checked_sub(1));
            let found = at.and_then(|at| rest.get(at)).map(|arg| &arg.value);
            return match found {
                Some(code) if code.kind == Kind::Missing => {
                    Err(refuse(node, "an alternative is empty"))
                }
                found => Ok(found),
            };
        }
        let Some(texts) = self.texts(&first.value)? else {
            return Err(refuse(
                node,
                "it is compiled by strings and numbers that the code has only",
            ));
        };
        let [text] = texts.as_slice() else {
            return Err(refuse(node, "it is by several strings"));
        };
        let unnamed = rest.iter().filter(|arg| arg.name.is_none());
        if unnamed.clone().count() > 1 || text.is_empty() {
            return Err(refuse(node, "R stops or warns there"));
        }
        let found = rest
            .iter()
            .position(|arg| arg.name.as_deref() == Some(text.as_str()));
        let Some(at) = found else {
            return Ok(unnamed.map(|arg| &arg.value).next());
        };
        // An empty one means the next.
        let code = rest[at..].iter().map(|arg| &arg.value);
        match code.clone().find(|code| code.kind != Kind::Missing) {
            Some(code) => Ok(Some(code)),
            None => Err(refuse(node, "an alternative is empty")),
        }
    }
}
