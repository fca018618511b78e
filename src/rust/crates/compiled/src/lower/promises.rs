//! Arguments that are evaluated when they are needed, as R does it.
//!
//! An argument that neither draws nor assigns, and surely ends, is evaluated at once: R would
//! have the same value later, and where R never needs it the worst is a task that is given up.
//! All others wait ([`State::Waiting`]) until the code reads them, so that random numbers are
//! drawn in R's order. Where only one of two ways that meet has read one it cannot be read again.

use std::rc::Rc;

use super::apply::calls_others;
use super::draws::is_drawing;
use super::inline::Callee;
use super::*;

/// The code of an argument, and the scope in which its names are.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    pub(super) code: Rc<Node>,
    pub(super) scope: usize,
}

/// What is no mere computation.
fn acts(fun: &str) -> bool {
    matches!(
        fun,
        "<-" | "="
            | "for"
            | "while"
            | "repeat"
            | "break"
            | "next"
            | "return"
            | "stop"
            | "warning"
            | "message"
            | "print"
            | "cat"
    )
}

/// Does the code assign to the variable?
pub(super) fn assigns(node: &Node, name: &str) -> bool {
    match &node.kind {
        Kind::Call { fun, args } => {
            let target = match (fun.as_str(), args.first().map(|arg| &arg.value.kind)) {
                ("<-" | "=" | "for", Some(Kind::Name(to))) => to == name,
                ("<-" | "=", Some(Kind::Call { args, .. })) => {
                    matches!(args.first().map(|arg| &arg.value.kind), Some(Kind::Name(to)) if to == name)
                }
                _ => false,
            };
            target || args.iter().any(|arg| assigns(&arg.value, name))
        }
        _ => false,
    }
}

/// The variables that the code reads, and the functions that it calls.
pub(super) fn names<'n>(node: &'n Node, found: &mut Vec<&'n str>) {
    match &node.kind {
        Kind::Name(name) => found.push(name),
        Kind::Call { fun, args } => {
            found.push(fun);
            args.iter().for_each(|arg| names(&arg.value, found));
        }
        _ => {}
    }
}

impl Lower<'_> {
    pub(super) fn state(&self, var: Var) -> Option<State> {
        self.env.as_ref().and_then(|env| env.get(&var)).copied()
    }

    /// The argument is evaluated when it is read.
    pub(super) fn wait(&mut self, var: Var, code: &Node, scope: usize) {
        let code = Rc::new(code.clone());
        self.promises.insert(var, Promise { code, scope });
        if let Some(env) = &mut self.env {
            env.insert(var, State::Waiting);
        }
    }

    /// Arguments of the present scope that a call leaves out.
    pub(super) fn defaults(&mut self, formals: &[(String, Node)], body: &Node) -> Lowered<()> {
        for (name, default) in formals {
            let var = self.var(name);
            let plain = default.kind == Kind::Missing || !assigns(body, name);
            self.absent.insert(var, plain.then_some(true));
            if default.kind == Kind::Missing {
                let why = format!("no value was given for the argument `{name}`");
                self.withheld.insert(var, why);
            } else {
                self.wait(var, default, self.scope);
            }
        }
        // What is known already and stays as it is may be had at once. A default of other
        // defaults comes after them.
        for _ in formals {
            let mut more = false;
            for (name, default) in formals {
                let var = self.var(name);
                if self.state(var) != Some(State::Waiting) {
                    continue;
                }
                let mut read = Vec::new();
                names(default, &mut read);
                let firm = read.iter().all(|name| !assigns(body, name));
                if !firm || !self.tame(default) {
                    continue;
                }
                let mark = self.live.len();
                if let Some(value) = self.at_once(default)? {
                    self.bind(name, value, body, default)?;
                    more = true;
                }
                self.release(mark);
            }
            if !more {
                break;
            }
        }
        Ok(())
    }

    /// The value of code that may not compile; then nothing has happened.
    pub(super) fn at_once(&mut self, code: &Node) -> Lowered<Option<Val>> {
        let before = std::mem::take(&mut self.block);
        let (env, within, mark) = (self.env.clone(), self.within, self.live.len());
        self.within += 1;
        let tried = self.value(code, None);
        self.within = within;
        match tried {
            Ok(Val::Mixed(..)) | Err(_) => {
                self.block = before;
                self.env = env;
                self.mixed = None;
                self.release(mark);
                Ok(None)
            }
            Ok(value) => {
                let made = std::mem::replace(&mut self.block, before);
                self.block.extend(made);
                Ok(Some(value))
            }
        }
    }

    /// Evaluates an argument that was waiting.
    pub(super) fn force(&mut self, var: Var, name: &str, node: &Node) -> Lowered<Val> {
        let Some(promise) = self.promises.get(&var).cloned() else {
            return Err(refuse(node, format!("the argument `{name}` is not known")));
        };
        if !self.forcing.insert(var) {
            let why = format!("the default of the argument `{name}` needs itself");
            return Err(refuse(node, why));
        }
        let scope = std::mem::replace(&mut self.scope, promise.scope);
        let within = self.within;
        self.within += 1;
        let value = self.value(&promise.code, None);
        self.within = within;
        self.scope = scope;
        self.forcing.remove(&var);
        self.assign(var, value?, node)
    }

    /// Can code be evaluated at once, and R would not see that it was?
    pub(super) fn tame(&mut self, node: &Node) -> bool {
        self.computes(node) && !self.draws(node)
    }

    fn computes(&self, node: &Node) -> bool {
        match &node.kind {
            Kind::Double(_) | Kind::Integer(_) | Kind::Logical(_) | Kind::Text(_) | Kind::Null => {
                true
            }
            Kind::Name(name) => !self.waits(name),
            Kind::Call { fun, args } => {
                // `x[, 1]` has an argument that is left out.
                let fine = |arg: &Node| arg.kind == Kind::Missing || self.computes(arg);
                !acts(fun) && !self.waits(fun) && args.iter().all(|arg| fine(&arg.value))
            }
            _ => false,
        }
    }

    /// Is the variable an argument that may have to be evaluated?
    fn waits(&self, name: &str) -> bool {
        let mut scope = self.scope;
        loop {
            let state = self.find(scope, name).and_then(|var| self.state(var));
            match (state, self.scopes[scope].parent) {
                (Some(State::Waiting | State::Perhaps), _) => return true,
                (Some(_), _) | (None, None) => return false,
                (None, Some(parent)) => scope = parent,
            }
        }
    }

    /// Might the code draw random numbers, or never end?
    pub(super) fn draws(&mut self, node: &Node) -> bool {
        match &node.kind {
            Kind::Name(name) => self.draws_when_read(name),
            Kind::Call { fun, args } => {
                let of_fun = match self.callee(fun, node) {
                    Ok(Callee::Own) => {
                        is_drawing(fun) || calls_others(fun) || fun == "while" || fun == "repeat"
                    }
                    Ok(Callee::Renamed(name)) => is_drawing(&name) || calls_others(&name),
                    Ok(Callee::Closure(number, code)) => self.acts_randomly(&code, number, 0),
                    Ok(Callee::Local(number)) => {
                        let (code, scope) = self.functions[number].clone();
                        let closure = self.scopes[scope].closure;
                        self.acts_randomly(&code, closure, 0) || self.waits_in(&code, scope)
                    }
                    // It is refused when it is compiled.
                    Err(_) => false,
                };
                of_fun || args.iter().any(|arg| self.draws(&arg.value))
            }
            _ => false,
        }
    }

    fn draws_when_read(&mut self, name: &str) -> bool {
        let mut scope = self.scope;
        loop {
            let var = self.find(scope, name);
            if let Some((var, State::Waiting)) = var.and_then(|var| Some((var, self.state(var)?))) {
                let Some(promise) = self.promises.get(&var).cloned() else {
                    return true;
                };
                if !self.forcing.insert(var) {
                    return true;
                }
                let scope = std::mem::replace(&mut self.scope, promise.scope);
                let draws = self.draws(&promise.code);
                self.scope = scope;
                self.forcing.remove(&var);
                return draws;
            }
            match self.scopes[scope].parent {
                Some(parent) => scope = parent,
                None => return false,
            }
        }
    }

    /// Does a function that the code defines read an argument that waits where it is defined?
    fn waits_in(&mut self, function: &Function, scope: usize) -> bool {
        let mut read = Vec::new();
        names(&function.body, &mut read);
        for (_, default) in &function.formals {
            names(default, &mut read);
        }
        let here = std::mem::replace(&mut self.scope, scope);
        let waits = read.iter().any(|name| self.waits(name));
        self.scope = here;
        waits
    }

    /// Might a call of the closure draw, or never end? Names are those of closure `number`.
    fn acts_randomly(&mut self, function: &Function, number: usize, depth: usize) -> bool {
        let formals = &function.formals;
        let mut all = formals.iter().map(|(_, default)| default);
        depth > 8
            || self.may_draw(&function.body, formals, number, depth)
            || all.any(|default| self.may_draw(default, formals, number, depth))
    }

    fn may_draw(
        &mut self,
        node: &Node,
        formals: &[(String, Node)],
        number: usize,
        depth: usize,
    ) -> bool {
        match &node.kind {
            Kind::Call { fun, args } => {
                if formals.iter().any(|(name, _)| name == fun) || fun == "while" || fun == "repeat"
                {
                    return true;
                }
                self.around.enter(number);
                let own = self.around.function(fun).is_ok();
                let of_fun = match self.around.closure(fun) {
                    _ if own => is_drawing(fun) || calls_others(fun),
                    Some((number, code)) => self.acts_randomly(&code, number, depth + 1),
                    // Perhaps it is defined in there.
                    None => true,
                };
                let mut args = args.iter();
                of_fun || args.any(|arg| self.may_draw(&arg.value, formals, number, depth))
            }
            Kind::Function(_) => true,
            _ => false,
        }
    }
}
