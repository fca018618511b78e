//! The names in code.

use std::borrow::Cow;

use super::code::Code;
use super::read::DEEPEST;

/// The names in code, each once.
#[derive(Debug, Default)]
pub(super) struct Words<'a> {
    /// Of functions that are called.
    pub(super) functions: Vec<Cow<'a, str>>,
    /// All others.
    pub(super) variables: Vec<Cow<'a, str>>,
    /// Of these, those that may be read where the code has not surely assigned them before.
    pub(super) free: Vec<Cow<'a, str>>,
}

impl<'a> Words<'a> {
    pub(super) fn add(&mut self, code: Code<'a>) {
        self.add_below(code, 0);
        self.read(code, &mut Vec::new(), 0);
    }

    /// Notes what is read. `sure`: what is assigned by then, whichever way the code takes.
    fn read(&mut self, code: Code<'a>, sure: &mut Vec<&'a str>, depth: usize) {
        if code.is_missing() || depth > DEEPEST {
            return;
        }
        if let Some(name) = code.name() {
            if !sure.contains(&name) {
                note(name.into(), &mut self.free);
            }
            return;
        }
        let Some(mut call) = code.call() else {
            return;
        };
        let Some((_, head)) = call.next() else {
            return;
        };
        let args: Vec<Code<'a>> = call.map(|(_, part)| part).collect();
        let depth = depth + 1;
        let fun = head.name();
        match (fun, args.as_slice()) {
            (Some("{" | "("), _) => args.iter().for_each(|arg| self.read(*arg, sure, depth)),
            (Some("<-" | "="), [to, value]) => {
                self.read(*value, sure, depth);
                match to.name() {
                    Some(name) => sure.push(name),
                    None => self.read(*to, sure, depth),
                }
            }
            // The name behind it is no variable.
            (Some("$"), [of, _]) => self.read(*of, sure, depth),
            (Some("for"), [variable, over, body]) => {
                self.read(*over, sure, depth);
                let before = sure.len();
                sure.extend(variable.name());
                self.read(*body, sure, depth);
                sure.truncate(before);
            }
            (Some("if" | "while" | "&&" | "||"), [first, rest @ ..]) => {
                self.read(*first, sure, depth);
                self.apart(rest, sure, depth);
            }
            (Some("function"), [formals, body, ..]) => {
                let before = sure.len();
                sure.extend(formals.formals().filter_map(|(name, _)| name));
                for (_, default) in formals.formals() {
                    self.apart(&[default], sure, depth);
                }
                self.read(*body, sure, depth);
                sure.truncate(before);
            }
            _ => {
                if fun.is_none() && head.qualified().is_none() {
                    self.apart(&[head], sure, depth);
                }
                self.apart(&args, sure, depth);
            }
        }
    }

    /// Parts of which what they assign is not sure behind them.
    fn apart(&mut self, parts: &[Code<'a>], sure: &mut Vec<&'a str>, depth: usize) {
        let before = sure.len();
        for part in parts {
            self.read(*part, sure, depth);
            sure.truncate(before);
        }
    }

    fn add_below(&mut self, code: Code<'a>, depth: usize) {
        if code.is_missing() || depth > DEEPEST {
            return;
        }
        let depth = depth + 1;
        if let Some(name) = code.name() {
            note(name.into(), &mut self.variables);
        } else if let Some(mut parts) = code.call() {
            let head = parts.next().map(|(_, head)| head);
            let fun = head.and_then(Code::name);
            match (fun, head) {
                (Some(fun), _) => {
                    note(fun.into(), &mut self.functions);
                    if matches!(fun, "<-" | "=") {
                        // `x$a[i] <- v` calls `[<-` and `$<-`.
                        let mut target = parts.clone().next().and_then(|(_, to)| to.call());
                        while let Some(mut to) = target {
                            if let Some(of) = to.next().and_then(|(_, of)| of.name()) {
                                note(format!("{of}<-").into(), &mut self.functions);
                            }
                            target = to.next().and_then(|(_, to)| to.call());
                        }
                    }
                }
                (None, Some(head)) => match head.qualified() {
                    Some(fun) => note(fun.into(), &mut self.functions),
                    None => self.add_below(head, depth),
                },
                _ => {}
            }
            // A function by its name in quotes.
            let hands_on = [
                "sapply", "lapply", "vapply", "apply", "mapply", "Reduce", "do.call", "outer",
            ];
            if fun.is_some_and(|fun| hands_on.contains(&fun)) {
                for text in parts.clone().filter_map(|(_, part)| part.text()) {
                    note(text.into(), &mut self.functions);
                }
            }
            // The name behind `$` is no variable.
            let count = if fun == Some("$") { 1 } else { usize::MAX };
            parts
                .take(count)
                .for_each(|(_, part)| self.add_below(part, depth));
        } else {
            for (_, default) in code.formals() {
                self.add_below(default, depth);
            }
        }
    }
}

fn note<'a>(name: Cow<'a, str>, known: &mut Vec<Cow<'a, str>>) {
    if !known.contains(&name) {
        known.push(name);
    }
}
