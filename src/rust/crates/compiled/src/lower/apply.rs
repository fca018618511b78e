//! Calls of `sapply()` and its like, which call a function for each element: they are compiled as
//! calls of a closure that has the loop. And `missing()`.

use std::rc::Rc;

use super::gather::Kept;
use super::inline::Callee;
use super::several::as_function;
use super::*;
use crate::tree::Arg;

/// The number of closures that are made here; nobody else has as many.
pub(super) const MADE: usize = usize::MAX;
/// What they call by name.
pub(super) const MADE_OF: [&str; 18] = [
    "{", "<-", "for", "+", "[[", "[[<-", "[", "seq_len", "nrow", "ncol", "numeric", "integer",
    "logical", "-", "if", "!=", "length", "stop",
];

const REST: &str = "its arguments are not in the subset";

/// Does the function call another one, which may draw random numbers?
pub(super) fn calls_others(fun: &str) -> bool {
    matches!(
        fun,
        "sapply"
            | "vapply"
            | "replicate"
            | "apply"
            | "lapply"
            | "mapply"
            | "Reduce"
            | "outer"
            | "do.call"
            | "with"
    )
}

/// Code at the place of a call.
pub(super) struct Maker(pub(super) u32);

impl Maker {
    pub(super) fn node(&self, kind: Kind) -> Node {
        Node {
            place: self.0,
            kind,
        }
    }

    pub(super) fn name(&self, name: &str) -> Node {
        self.node(Kind::Name(name.to_owned()))
    }

    pub(super) fn call(&self, fun: &str, args: Vec<Node>) -> Node {
        let args = args.into_iter().map(|value| Arg { name: None, value });
        self.node(Kind::Call {
            fun: fun.to_owned(),
            args: args.collect(),
        })
    }
}

/// What a call is made of.
pub(super) struct Parts<'a> {
    /// The elements, or their number, or a matrix.
    pub(super) over: &'a Node,
    /// The function, or what `replicate()` repeats.
    pub(super) fun: &'a Node,
    /// Further arguments of the function.
    pub(super) more: Vec<&'a Arg>,
    /// The type that the vector of the results must have.
    pub(super) wanted: Option<Type>,
    /// As many names as values must have elements, which may be empty all of them.
    pub(super) names: Option<Vec<String>>,
    /// `vapply(USE.NAMES = FALSE)`: its value has none.
    pub(super) unnamed: bool,
    /// Of a matrix: columns (`true`), not rows.
    columns: bool,
}

/// The type of what `vapply()` is told that values are like, and its names, empty where there are
/// none, for each element.
fn template(node: &Node) -> Option<(Type, Vec<String>)> {
    let one = |kind: &Kind| match kind {
        Kind::Double(_) => Some(Type::Doubles),
        Kind::Integer(_) => Some(Type::Integers),
        Kind::Logical(_) => Some(Type::Logicals),
        _ => None,
    };
    if let Some(ty) = one(&node.kind) {
        return Some((ty, vec![String::new()]));
    }
    let Kind::Call { fun, args } = &node.kind else {
        return None;
    };
    let ty = match fun.as_str() {
        "numeric" | "double" => Type::Doubles,
        "integer" => Type::Integers,
        "logical" => Type::Logicals,
        "c" => {
            let types: Option<Vec<Type>> = args.iter().map(|arg| one(&arg.value.kind)).collect();
            let names = args.iter().map(|arg| arg.name.clone().unwrap_or_default());
            return Some((types?.into_iter().max()?, names.collect()));
        }
        _ => return None,
    };
    let count = match args.as_slice() {
        [Arg { name: None, value }] => match value.kind {
            Kind::Double(n) if n.fract() == 0.0 && (1.0..1e4).contains(&n) => n as usize,
            Kind::Integer(n @ 1..=9999) => n as usize,
            _ => return None,
        },
        _ => return None,
    };
    Some((ty, vec![String::new(); count]))
}

/// `function(X, FUN, ...)` with the loop.
fn loop_of(fun: &str, parts: &Parts<'_>, node: &Node) -> Function {
    let make = Maker(node.place);
    let element = match fun {
        "replicate" => None,
        "apply" => {
            let missing = make.node(Kind::Missing);
            let at = make.name("*x");
            let places = if parts.columns {
                [missing, at]
            } else {
                [at, missing]
            };
            let [row, column] = places;
            Some(make.call("[", vec![make.name("X"), row, column]))
        }
        _ => Some(make.name("*x")),
    };
    let turns = match fun {
        "replicate" => make.call("seq_len", vec![make.name("X")]),
        "apply" => {
            let extent = if parts.columns { "ncol" } else { "nrow" };
            let extent = make.call(extent, vec![make.name("X")]);
            make.call("seq_len", vec![extent])
        }
        _ => make.name("X"),
    };
    let zero = || make.node(Kind::Double(0.0));
    let start = match parts.wanted {
        Some(Type::Integers) => make.call("integer", vec![zero()]),
        Some(Type::Logicals) => make.call("logical", vec![zero()]),
        Some(_) => make.call("numeric", vec![zero()]),
        None => make.node(Kind::Null),
    };
    let given = |name: Option<String>, value: Node| Arg { name, value };
    let mut args: Vec<Arg> = element
        .map(|value| given(None, value))
        .into_iter()
        .collect();
    let mut formals = vec![("X".to_owned(), make.node(Kind::Missing))];
    formals.push(("FUN".to_owned(), make.node(Kind::Missing)));
    for (k, arg) in parts.more.iter().enumerate() {
        let name = format!("*{k}");
        args.push(given(arg.name.clone(), make.name(&name)));
        formals.push((name, make.node(Kind::Missing)));
    }
    let call = make.node(Kind::Call {
        fun: "FUN".to_owned(),
        args,
    });
    let set = |to: Node, value: Node| make.call("<-", vec![to, value]);
    let next = make.call("+", vec![make.name("*at"), make.node(Kind::Integer(1))]);
    let place = make.call("[[", vec![make.name("*out"), make.name("*at")]);
    let turn = vec![set(make.name("*at"), next), set(place, call)];
    let body = vec![
        set(make.name("*out"), start),
        set(make.name("*at"), make.node(Kind::Integer(0))),
        make.call("for", vec![make.name("*x"), turns, make.call("{", turn)]),
        make.name("*out"),
    ];
    Function {
        formals,
        body: make.call("{", body),
    }
}

impl Lower<'_> {
    /// `sapply(X, FUN, ...)`, `vapply(X, FUN, FUN.VALUE, ...)`, `replicate(n, expr)` and
    /// `apply(X, MARGIN, FUN, ...)` of functions that return one number.
    pub(super) fn applied(&mut self, fun: &str, args: &[Arg], node: &Node) -> Lowered<Val> {
        if matches!(fun, "mapply" | "Reduce") {
            return self.mapped(fun, args, node);
        }
        let parts = self.parts_of(fun, args, node)?;
        let how = match &parts.names {
            Some(names) if names.len() == 1 => Kept::One,
            _ => Kept::Columns,
        };
        let (value, gather) =
            self.gathering(how, node, |this| this.applied_with(fun, args, node))?;
        let value = self.end_gather(value, &gather, parts.names.as_deref(), node)?;
        Ok(match value {
            Val::Veiled(ty, reg, _) | Val::Named(ty, reg, _) if parts.unnamed => Val::Is(ty, reg),
            value => value,
        })
    }

    /// The same, whose values are gathered.
    pub(super) fn applied_with(&mut self, fun: &str, args: &[Arg], node: &Node) -> Lowered<Val> {
        let parts = self.parts_of(fun, args, node)?;
        if matches!(fun, "sapply" | "vapply" | "lapply") {
            let found = self.applied_to_list(fun, &parts, node)?;
            if let Some(value) = found {
                return Ok(value);
            }
        }
        // The same code each time, as functions are told from one another by it.
        let (made, repeated) = match self.made.get(&node.place) {
            Some((made, repeated)) => (Rc::clone(made), repeated.clone()),
            None => {
                let made = Rc::new(loop_of(fun, &parts, node));
                let dots = ("...".to_owned(), Maker(node.place).node(Kind::Missing));
                let repeated = Function {
                    formals: vec![dots],
                    body: parts.fun.clone(),
                };
                let repeated = (fun == "replicate")
                    .then(|| Maker(node.place).node(Kind::Function(Rc::new(repeated))));
                let both = (Rc::clone(&made), repeated.clone());
                self.made.insert(node.place, both);
                (made, repeated)
            }
        };
        let given = |value: &Node| Arg {
            name: None,
            value: value.clone(),
        };
        let mut all = vec![
            given(parts.over),
            given(&as_function(repeated.as_ref().unwrap_or(parts.fun))),
        ];
        all.extend(parts.more.iter().map(|arg| given(&arg.value)));
        let outer = std::mem::take(&mut self.veiled_over);
        let value = self.inline(fun, &Callee::Closure(MADE, made), &all, node)?;
        let veiled = std::mem::replace(&mut self.veiled_over, outer);
        match (value, parts.wanted) {
            (Val::Null, _) if fun != "lapply" => Err(refuse(node, "its value is an empty list")),
            (Val::Is(ty, _), Some(wanted)) if ty != wanted => {
                Err(refuse(node, "its values are not of the type of FUN.VALUE"))
            }
            (value, _) => Ok(Self::veil(value, veiled && fun != "replicate")),
        }
    }

    fn parts_of<'a>(&mut self, fun: &str, args: &'a [Arg], node: &Node) -> Lowered<Parts<'a>> {
        let formals: &[&str] = match fun {
            "sapply" | "lapply" => &["X", "FUN"],
            "vapply" => &["X", "FUN", "FUN.VALUE"],
            "apply" => &["X", "MARGIN", "FUN"],
            _ => &["n", "expr"],
        };
        let mut found: Vec<Option<&Node>> = vec![None; formals.len()];
        let mut more = Vec::new();
        let mut unnamed = false;
        for arg in args {
            match arg.name.as_deref() {
                Some("simplify") if !matches!(fun, "vapply" | "lapply") => {
                    let simplified = self.flag(Some(&arg.value), true, node)?;
                    simplified.then_some(()).ok_or_else(|| refuse(node, REST))?;
                }
                // sapply() keeps names that are there.
                Some("USE.NAMES") if matches!(fun, "sapply" | "vapply") => {
                    unnamed = !self.flag(Some(&arg.value), true, node)? && fun == "vapply";
                }
                Some(name) => match formals.iter().position(|formal| *formal == name) {
                    Some(k) if found[k].is_none() => found[k] = Some(&arg.value),
                    Some(_) => return Err(refuse(node, REST)),
                    // R would take the beginning of a name for the whole.
                    None if formals.iter().any(|formal| formal.starts_with(name)) => {
                        return Err(refuse(node, REST))
                    }
                    None => more.push(arg),
                },
                None => {}
            }
        }
        for arg in args.iter().filter(|arg| arg.name.is_none()) {
            if arg.value.kind == Kind::Missing || arg.value.kind == Kind::Name("...".into()) {
                return Err(refuse(node, "an argument is left out, or is `...`"));
            }
            match found.iter().position(Option::is_none) {
                Some(k) => found[k] = Some(&arg.value),
                None => more.push(arg),
            }
        }
        // Named and other arguments of the function in the order in which they were given.
        more.sort_by_key(|arg| args.iter().position(|other| std::ptr::eq(other, *arg)));
        let place = if fun == "apply" { 2 } else { 1 };
        let (Some(over), Some(function)) = (found[0], found[place]) else {
            return Err(refuse(node, "an argument is missing"));
        };
        let mut parts = Parts {
            over,
            fun: function,
            more,
            wanted: None,
            names: None,
            unnamed,
            columns: false,
        };
        match fun {
            "vapply" => {
                let Some((ty, names)) = found[2].and_then(template) else {
                    return Err(refuse(
                        node,
                        "it is compiled for numbers that the code has as FUN.VALUE only",
                    ));
                };
                (parts.wanted, parts.names) = (Some(ty), Some(names));
            }
            "apply" => match found[1].map(|margin| &margin.kind) {
                Some(Kind::Double(1.0) | Kind::Integer(1)) => {}
                Some(Kind::Double(2.0) | Kind::Integer(2)) => parts.columns = true,
                _ => return Err(refuse(node, "it is compiled for the margins 1 and 2 only")),
            },
            "replicate" if !parts.more.is_empty() => return Err(refuse(node, REST)),
            _ => {}
        }
        Ok(parts)
    }

    /// Does a call certainly give the argument? Not where it is an argument of the caller that its
    /// own call may have left out.
    pub(super) fn is_given(&self, arg: &Node, caller: usize) -> bool {
        let Kind::Name(name) = &arg.kind else {
            return true;
        };
        let var = self.find(caller, name);
        var.and_then(|var| self.absent.get(&var))
            .is_none_or(|absent| *absent == Some(false))
    }

    /// `missing(x)`, which is known here.
    pub(super) fn missing(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        let value = self.is_missing(args, node)?;
        Ok(Val::Is(
            Type::Logical,
            self.integer(i32::from(value), node)?,
        ))
    }

    pub(super) fn is_missing(&self, args: &[Arg], node: &Node) -> Lowered<bool> {
        let unknown = || {
            Err(refuse(
                node,
                "whether the argument is missing is not known here",
            ))
        };
        let [Arg {
            name: None | Some(_),
            value: Node {
                kind: Kind::Name(name),
                ..
            },
        }] = args
        else {
            return unknown();
        };
        let Some(var) = self.find(self.scope, name) else {
            return unknown();
        };
        match (self.absent.get(&var), self.state(var)) {
            (Some(Some(false)), _) => Ok(false),
            // An argument without a default is there as soon as it is assigned.
            (Some(Some(true)), Some(state))
                if (state.has_value() || matches!(state, State::Mixed(..)))
                    && self.withheld.contains_key(&var) =>
            {
                Ok(false)
            }
            (Some(Some(true)), None) => Ok(true),
            (Some(Some(true)), Some(state))
                if (state.has_value() || state == State::Waiting)
                    && !self.withheld.contains_key(&var) =>
            {
                Ok(true)
            }
            _ => unknown(),
        }
    }
}
