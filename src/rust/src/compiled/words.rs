//! The names in code.

use extendr_api::prelude::*;

use super::read::DEEPEST;

/// The names in code, each once.
#[derive(Default)]
pub(super) struct Words {
    /// Of functions that are called.
    pub(super) functions: Vec<String>,
    /// All others.
    pub(super) variables: Vec<String>,
    /// Of these, those that may be read where the code has not surely assigned them before.
    pub(super) free: Vec<String>,
}

impl Words {
    pub(super) fn add(&mut self, code: &Robj) {
        self.add_below(code, 0);
        self.read(code, &mut Vec::new(), 0);
    }

    /// Notes what is read. `sure`: what is assigned by then, whichever way the code takes.
    fn read(&mut self, code: &Robj, sure: &mut Vec<String>, depth: usize) {
        if code.is_missing_arg() || depth > DEEPEST {
            return;
        }
        if let Some(symbol) = code.as_symbol() {
            if !sure.iter().any(|name| name == symbol.as_str()) {
                note(symbol.as_str(), &mut self.free);
            }
            return;
        }
        let Some(call) = code.as_language() else {
            return;
        };
        let parts: Vec<Robj> = call.iter().map(|(_, part)| part).collect();
        let Some((head, args)) = parts.split_first() else {
            return;
        };
        let depth = depth + 1;
        let fun = head.as_symbol().map(|symbol| symbol.as_str().to_owned());
        let assigned = |to: &Robj| to.as_symbol().map(|symbol| symbol.as_str().to_owned());
        match (fun.as_deref(), args) {
            (Some("{" | "("), _) => args.iter().for_each(|arg| self.read(arg, sure, depth)),
            (Some("<-" | "="), [to, value]) => {
                self.read(value, sure, depth);
                match assigned(to) {
                    Some(name) => sure.push(name),
                    None => self.read(to, sure, depth),
                }
            }
            // The name behind it is no variable.
            (Some("$"), [of, _]) => self.read(of, sure, depth),
            (Some("for"), [variable, over, body]) => {
                self.read(over, sure, depth);
                let mut inside = sure.clone();
                inside.extend(assigned(variable));
                self.read(body, &mut inside, depth);
            }
            (Some("if" | "while" | "&&" | "||"), [first, rest @ ..]) => {
                self.read(first, sure, depth);
                for part in rest {
                    self.read(part, &mut sure.clone(), depth);
                }
            }
            (Some("function"), [formals, body, ..]) => {
                let mut inside = sure.clone();
                let formals = formals.as_pairlist();
                for (name, _) in formals.iter().flat_map(Pairlist::iter) {
                    inside.push(name.to_owned());
                }
                for (_, default) in formals.iter().flat_map(Pairlist::iter) {
                    self.read(&default, &mut inside.clone(), depth);
                }
                self.read(body, &mut inside, depth);
            }
            _ => {
                if fun.is_none() && qualified(head).is_none() {
                    self.read(head, &mut sure.clone(), depth);
                }
                for arg in args {
                    self.read(arg, &mut sure.clone(), depth);
                }
            }
        }
    }

    fn add_below(&mut self, code: &Robj, depth: usize) {
        if code.is_missing_arg() || depth > DEEPEST {
            return;
        }
        let depth = depth + 1;
        if let Some(symbol) = code.as_symbol() {
            note(symbol.as_str(), &mut self.variables);
        } else if let Some(call) = code.as_language() {
            let mut parts = call.iter().map(|(_, value)| value);
            let head = parts.next();
            match head.as_ref().and_then(|head| head.as_symbol()) {
                Some(symbol) => {
                    note(symbol.as_str(), &mut self.functions);
                    if matches!(symbol.as_str(), "<-" | "=") {
                        // `x$a[i] <- v` calls `[<-` and `$<-`.
                        let mut target = call.iter().nth(1).and_then(|(_, to)| to.as_language());
                        while let Some(to) = target {
                            let mut parts = to.iter().map(|(_, part)| part);
                            let of = parts.next();
                            if let Some(of) = of.as_ref().and_then(|of| of.as_symbol()) {
                                note(&format!("{}<-", of.as_str()), &mut self.functions);
                            }
                            target = parts.next().and_then(|to| to.as_language());
                        }
                    }
                }
                None => match head.as_ref().and_then(qualified) {
                    Some(fun) => note(&fun, &mut self.functions),
                    None => head.iter().for_each(|head| self.add_below(head, depth)),
                },
            }
            // A function by its name in quotes.
            let hands_on = [
                "sapply", "lapply", "vapply", "apply", "mapply", "Reduce", "do.call", "outer",
            ];
            if let Some(symbol) = head.as_ref().and_then(|head| head.as_symbol()) {
                if hands_on.contains(&symbol.as_str()) {
                    for (_, part) in call.iter().skip(1) {
                        if let Some(text) = part.as_str().filter(|_| part.is_string()) {
                            note(text, &mut self.functions);
                        }
                    }
                }
            }
            // The name behind `$` is no variable.
            let member = head.as_ref().and_then(|head| head.as_symbol());
            let count = if member.is_some_and(|head| head.as_str() == "$") {
                1
            } else {
                usize::MAX
            };
            parts
                .take(count)
                .for_each(|part| self.add_below(&part, depth));
        } else if let Some(formals) = code.as_pairlist() {
            for (_, default) in formals.iter() {
                self.add_below(&default, depth);
            }
        }
    }
}

/// `stats::f` and `base::f` as the head of a call.
pub(super) fn qualified(head: &Robj) -> Option<String> {
    let parts: Vec<Robj> = head.as_language()?.iter().map(|(_, part)| part).collect();
    let [colons, package, name] = parts.as_slice() else {
        return None;
    };
    let word = |part: &Robj| part.as_symbol().map(|symbol| symbol.as_str().to_owned());
    let (package, name) = (word(package)?, word(name)?);
    let known = word(colons)? == "::" && (package == "stats" || package == "base");
    known.then(|| format!("{package}::{name}"))
}

fn note(name: &str, known: &mut Vec<String>) {
    if !known.iter().any(|other| other == name) {
        known.push(name.to_owned());
    }
}
