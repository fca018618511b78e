//! Calls of `mapply()` and `Reduce()`, which are compiled as calls of closures with the loop, as
//! those of `sapply()` are; and `unlist(lapply())`.

use std::rc::Rc;

use super::apply::{Maker, MADE};
use super::inline::Callee;
use super::*;
use crate::tree::Arg;

const REST: &str = "its arguments are not in the subset";

/// The name of the vector of that number that `mapply()` goes over.
fn vector(k: usize) -> String {
    format!("*v{k}")
}

/// Is it a variable of what goes over elements, of which the value may have names from these?
pub(super) fn gives_names(name: &str) -> bool {
    name == "X" || name.starts_with("*v")
}

/// A function by its name in quotes is the function of that name.
pub(super) fn as_function(node: &Node) -> Node {
    match &node.kind {
        Kind::Text(name) => Node {
            place: node.place,
            kind: Kind::Name(name.clone()),
        },
        _ => node.clone(),
    }
}

/// `function(FUN, *v0, *v1, ...)` with the loop.
fn loop_over(vectors: &[&Arg], make: &Maker) -> Function {
    let length = |k: usize| make.call("length", vec![make.name(&vector(k))]);
    let mut formals = vec![("FUN".to_owned(), make.node(Kind::Missing))];
    let mut body = vec![make.call("<-", vec![make.name("*out"), make.node(Kind::Null)])];
    let mut args = Vec::new();
    for (k, given) in vectors.iter().enumerate() {
        formals.push((vector(k), make.node(Kind::Missing)));
        args.push(Arg {
            name: given.name.clone(),
            value: make.call("[[", vec![make.name(&vector(k)), make.name("*at")]),
        });
        if k > 0 {
            // R recycles the shorter ones.
            let other = make.call("!=", vec![length(k), length(0)]);
            body.push(make.call("if", vec![other, make.call("stop", Vec::new())]));
        }
    }
    let call = make.node(Kind::Call {
        fun: "FUN".to_owned(),
        args,
    });
    let place = make.call("[[", vec![make.name("*out"), make.name("*at")]);
    let turns = make.call("seq_len", vec![length(0)]);
    let turn = make.call("<-", vec![place, call]);
    body.push(make.call("for", vec![make.name("*at"), turns, turn]));
    body.push(make.name("*out"));
    Function {
        formals,
        body: make.call("{", body),
    }
}

/// `function(FUN, X, *init)` that puts the elements together, one after the other.
fn fold(with_init: bool, make: &Maker) -> Function {
    let missing = || make.node(Kind::Missing);
    let mut formals = vec![("FUN".to_owned(), missing()), ("X".to_owned(), missing())];
    let all = || make.name("*all");
    let one = || make.node(Kind::Integer(1));
    let element = |at: Node| make.call("[[", vec![make.name("X"), at]);
    let (start, turns, next) = if with_init {
        formals.push(("*init".to_owned(), missing()));
        let turns = make.call("length", vec![make.name("X")]);
        (make.name("*init"), turns, make.name("*at"))
    } else {
        let length = make.call("length", vec![make.name("X")]);
        let turns = make.call("-", vec![length, one()]);
        let next = make.call("+", vec![make.name("*at"), one()]);
        (element(one()), turns, next)
    };
    let call = make.call("FUN", vec![all(), element(next)]);
    let turns = make.call("seq_len", vec![turns]);
    let turn = make.call("<-", vec![all(), call]);
    let body = vec![
        make.call("<-", vec![all(), start]),
        make.call("for", vec![make.name("*at"), turns, turn]),
        all(),
    ];
    Function {
        formals,
        body: make.call("{", body),
    }
}

impl Lower<'_> {
    /// `mapply(FUN, x, y, ...)` of a function that returns one number, and `Reduce(f, x, init)`.
    pub(super) fn mapped(&mut self, fun: &str, args: &[Arg], node: &Node) -> Lowered<Val> {
        let first = if fun == "mapply" { "FUN" } else { "f" };
        let mut function = None;
        let mut rest = Vec::new();
        for arg in args {
            match arg.name.as_deref() {
                Some(name) if name == first && function.is_none() => function = Some(&arg.value),
                Some("SIMPLIFY" | "USE.NAMES") if fun == "mapply" => {
                    let wanted = self.flag(Some(&arg.value), true, node)?;
                    if !wanted && arg.name.as_deref() == Some("SIMPLIFY") {
                        return Err(refuse(node, REST));
                    }
                }
                Some("MoreArgs") if fun == "mapply" && arg.value.kind == Kind::Null => {}
                Some("MoreArgs" | "right" | "accumulate" | "simplify") => {
                    return Err(refuse(node, REST))
                }
                _ if arg.value.kind == Kind::Missing => return Err(refuse(node, REST)),
                _ => rest.push(arg),
            }
        }
        if function.is_none() {
            let at = rest.iter().position(|arg| arg.name.is_none());
            function = at.map(|at| &rest.remove(at).value);
        }
        let Some(function) = function.filter(|_| !rest.is_empty()) else {
            return Err(refuse(node, "an argument is missing"));
        };
        if fun == "Reduce" {
            let by_name = |arg: &Arg, name: &str| arg.name.as_deref() == Some(name);
            let others = |arg: &&Arg| !matches!(arg.name.as_deref(), None | Some("x" | "init"));
            if rest.len() > 2 || rest.iter().any(others) {
                return Err(refuse(node, REST));
            }
            // By its names or by positions, `x` comes first.
            if rest.len() == 2 && (by_name(rest[0], "init") || by_name(rest[1], "x")) {
                rest.swap(0, 1);
            }
            if by_name(rest[0], "init") {
                return Err(refuse(node, "an argument is missing"));
            }
        }
        let known = self.made.get(&node.place).map(|(made, _)| Rc::clone(made));
        let made = known.unwrap_or_else(|| {
            let make = Maker(node.place);
            let made = Rc::new(if fun == "mapply" {
                loop_over(&rest, &make)
            } else {
                fold(rest.len() == 2, &make)
            });
            self.made.insert(node.place, (Rc::clone(&made), None));
            made
        });
        let given = |value: Node| Arg { name: None, value };
        let mut all = vec![given(as_function(function))];
        all.extend(rest.iter().map(|arg| given(arg.value.clone())));
        let outer = std::mem::take(&mut self.veiled_over);
        let how = super::gather::Kept::Columns;
        let callee = Callee::Closure(MADE, made);
        let (value, gather) =
            self.gathering(how, node, |this| this.inline(fun, &callee, &all, node))?;
        let veiled = std::mem::replace(&mut self.veiled_over, outer);
        let value = Self::veil(value, veiled && fun == "mapply");
        self.end_gather(value, &gather, None, node)
    }

    /// `unlist(lapply(x, f))` of a function that returns one number.
    pub(super) fn unlisted(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        let mut keep = true;
        let mut list = None;
        for arg in args {
            match arg.name.as_deref() {
                Some("use.names") => keep = self.flag(Some(&arg.value), true, node)?,
                None | Some("x") if list.is_none() => list = Some(&arg.value),
                _ => return Err(refuse(node, REST)),
            }
        }
        let Some(list) = list else {
            return Err(refuse(node, "its argument is missing"));
        };
        let value = match &list.kind {
            Kind::Call { fun, args } if fun == "lapply" => {
                self.check(fun, list)?;
                let how = super::gather::Kept::Joined;
                self.gathering(how, list, |this| this.applied_with(fun, args, list))?
                    .0
            }
            _ => self.value(list, None)?,
        };
        match value {
            Val::Made(_) | Val::Part(_) => self.unlisted_value(value, keep, list),
            Val::Veiled(ty, reg, _) | Val::Named(ty, reg, _) if !keep => Ok(Val::Is(ty, reg)),
            value => Ok(value),
        }
    }
}
