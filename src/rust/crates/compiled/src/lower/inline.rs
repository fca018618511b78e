//! Calls of closures, which are compiled in place: each has a scope of its own for its variables.

use std::rc::Rc;

use super::apply::{MADE, MADE_OF};
use super::control::join;
use super::promises::assigns;
use super::*;
use crate::tree::Arg;

/// Calls within calls.
const DEEPEST: usize = 12;
/// All of them, as each is compiled where it stands.
const MOST: usize = 200;

/// Where variables are looked up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scope {
    /// Of a function that the code defines: where it does.
    pub(super) parent: Option<usize>,
    /// The closure whose surroundings the names have in the end.
    pub(super) closure: usize,
}

/// What a call calls.
#[derive(Clone, Debug)]
pub(super) enum Callee {
    /// R's own function of that name.
    Own,
    /// R's own function of another name, which an argument or a variable is.
    Renamed(String),
    /// A closure that was written elsewhere.
    Closure(usize, Rc<Function>),
    /// A function that the code defines: its number.
    Local(usize),
}

/// A function that is compiled in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Who {
    Closure(usize),
    /// What stands for a call of `sapply()` and its like, by the piece of code.
    Made(u32),
    Local(usize),
}

/// A call that is being compiled.
#[derive(Debug)]
pub(super) struct Frame {
    who: Who,
    /// How many loops are around it.
    pub(super) loops: usize,
    /// Where its value is wanted; `None` where the function that calls returns it.
    label: Option<u32>,
    returns: Vec<Return>,
}

/// A place where a function returns.
#[derive(Debug)]
struct Return {
    env: Env,
    value: Val,
    temp: bool,
    fix: usize,
}

impl Lower<'_> {
    /// Does the code stand in a call whose value is wanted there?
    pub(super) fn in_call(&self) -> bool {
        self.frames
            .last()
            .is_some_and(|frame| frame.label.is_some())
    }

    /// What a call of the name calls, as R looks for it: variables that are no functions do
    /// not count.
    pub(super) fn callee(&mut self, fun: &str, at: &Node) -> Lowered<Callee> {
        let mut scope = self.scope;
        loop {
            if let Some(var) = self.find(scope, fun) {
                match self.state(var) {
                    Some(State::Function(number)) => return Ok(Callee::Local(number)),
                    Some(State::Waiting) => {
                        if let Some(callee) = self.argument_called(var, scope, fun, at)? {
                            return Ok(callee);
                        }
                    }
                    Some(State::Perhaps) if self.functional.contains(&var) => {
                        let why = format!(
                            "which function `{fun}()` is depends on the way the code takes"
                        );
                        return Err(refuse(at, why));
                    }
                    Some(_) => {}
                    None => {
                        if let Some(why) = self.withheld.get(&var) {
                            return Err(refuse(at, why.clone()));
                        }
                    }
                }
            }
            match self.scopes[scope].parent {
                Some(parent) => scope = parent,
                None => break,
            }
        }
        let closure = self.scopes[scope].closure;
        if closure == MADE {
            // They call R's own functions, and those that they are given.
            return if MADE_OF.contains(&fun) {
                Ok(Callee::Own)
            } else {
                Err(refuse(
                    at,
                    "what is to be called is no function that is known",
                ))
            };
        }
        let checked = self.checked.entry(closure).or_default();
        if checked.contains(fun) {
            return Ok(Callee::Own);
        }
        self.around.enter(closure);
        match self.around.function(fun) {
            Ok(()) => {
                checked.insert(fun.to_owned());
                Ok(Callee::Own)
            }
            Err(why) => match (self.around.same(fun), self.around.closure(fun)) {
                (Some(name), _) => Ok(Callee::Renamed(name)),
                (None, Some((number, code))) => Ok(Callee::Closure(number, code)),
                (None, None) => Err(refuse(at, why)),
            },
        }
    }

    /// An argument that is called as a function. `None` where its value is no function.
    fn argument_called(
        &mut self,
        var: Var,
        scope: usize,
        fun: &str,
        at: &Node,
    ) -> Lowered<Option<Callee>> {
        let unknown = || {
            let why = format!("`{fun}()` may be the argument of this name, and it may not");
            Err(refuse(at, why))
        };
        let Some(promise) = self.promises.get(&var).cloned() else {
            return unknown();
        };
        match &promise.code.kind {
            Kind::Double(_) | Kind::Integer(_) | Kind::Logical(_) | Kind::Null | Kind::Text(_) => {
                Ok(None)
            }
            Kind::Function(code) => Ok(Some(Callee::Local(self.number_of(code, promise.scope)))),
            // R evaluates it now; its value may be another one later.
            Kind::Name(_) if promise.scope == scope => unknown(),
            Kind::Name(name) => {
                let here = std::mem::replace(&mut self.scope, promise.scope);
                let found = if self.is_variable(name) {
                    Ok(None)
                } else {
                    self.callee(name, at).map(|callee| match callee {
                        Callee::Own => Some(Callee::Renamed(name.clone())),
                        other => Some(other),
                    })
                };
                self.scope = here;
                found
            }
            _ => unknown(),
        }
    }

    /// Is the nearest variable of that name certainly no function?
    fn is_variable(&mut self, name: &str) -> bool {
        let mut scope = self.scope;
        loop {
            let state = self.find(scope, name).and_then(|var| self.state(var));
            match (state, self.scopes[scope].parent) {
                (Some(State::Mixed(..) | State::Part(_)), _) => return true,
                (Some(state), _) if state.has_value() => return true,
                (Some(_), _) => return false,
                (None, Some(parent)) => scope = parent,
                (None, None) => break,
            }
        }
        if self.scopes[scope].closure == MADE {
            return false;
        }
        self.around.enter(self.scopes[scope].closure);
        self.around.is_variable(name)
    }

    /// The number of a function that the code defines.
    pub(super) fn number_of(&mut self, code: &Rc<Function>, scope: usize) -> usize {
        let same = |(known, of): &(Rc<Function>, usize)| Rc::ptr_eq(known, code) && *of == scope;
        if let Some(number) = self.functions.iter().position(same) {
            return number;
        }
        self.functions.push((Rc::clone(code), scope));
        self.functions.len() - 1
    }

    /// `name <- function(...) ...`.
    pub(super) fn define(&mut self, name: &str, code: &Rc<Function>, node: &Node) -> Lowered<()> {
        self.around.enter(self.scopes[self.scope].closure);
        if self.around.function(name).is_ok() {
            let why = format!("it has the name of R's own `{name}()`");
            return Err(refuse(node, why));
        }
        let var = self.var(name);
        let number = self.number_of(code, self.scope);
        self.functional.insert(var);
        if let Some(env) = &mut self.env {
            env.insert(var, State::Function(number));
        }
        Ok(())
    }

    /// The code of the arguments of a call by the function's formals, as R matches them:
    /// by whole names, by their beginnings, by position.
    fn arguments<'a>(
        &mut self,
        fun: &str,
        formals: &[(String, Node)],
        args: &'a [Arg],
        node: &Node,
    ) -> Lowered<Vec<Option<&'a Node>>> {
        let misfit = || {
            let why = format!("the arguments of `{fun}()` do not fit it");
            Err(refuse(node, why))
        };
        let dots = formals.iter().position(|(name, _)| name == "...");
        let mut found: Vec<Option<&Node>> = vec![None; formals.len()];
        let mut used = vec![false; args.len()];
        for (arg, used) in args.iter().zip(&mut used) {
            if arg.value.kind == Kind::Missing || arg.value.kind == Kind::Name("...".into()) {
                return Err(refuse(node, "an argument is left out, or is `...`"));
            }
            let Some(name) = &arg.name else { continue };
            let Some(k) = formals
                .iter()
                .position(|(formal, _)| formal == name && formal != "...")
            else {
                continue;
            };
            if found[k].replace(&arg.value).is_some() {
                return misfit();
            }
            *used = true;
        }
        // Beginnings of names count for arguments before `...` only.
        let before = dots.unwrap_or(formals.len());
        let whole: Vec<bool> = found.iter().map(Option::is_some).collect();
        for (arg, used) in args.iter().zip(&mut used) {
            let (Some(name), false) = (&arg.name, *used) else {
                continue;
            };
            let begins = |k: &usize| !whole[*k] && formals[*k].0.starts_with(name.as_str());
            let mut fitting = (0..before).filter(begins);
            match (fitting.next(), fitting.next()) {
                (Some(k), None) => {
                    if found[k].replace(&arg.value).is_some() {
                        return misfit();
                    }
                    *used = true;
                }
                (Some(_), Some(_)) => return misfit(),
                _ => {}
            }
        }
        for (arg, used) in args.iter().zip(&mut used) {
            if *used || arg.name.is_some() {
                continue;
            }
            if let Some(k) = (0..before).find(|k| found[*k].is_none()) {
                found[k] = Some(&arg.value);
                *used = true;
            }
        }
        // What is left goes to `...`, where nobody asks for it.
        if dots.is_none() && used.contains(&false) {
            return misfit();
        }
        Ok(found)
    }

    /// The value of a call of a closure.
    pub(super) fn inline(
        &mut self,
        fun: &str,
        callee: &Callee,
        args: &[Arg],
        node: &Node,
    ) -> Lowered<Val> {
        if self.env.is_none() {
            return Ok(Val::Gone);
        }
        let label = self.new_label();
        let mark = self.live.len();
        let before = std::mem::take(&mut self.block);
        let done = self.called(fun, callee, args, Some(label), node);
        let body = std::mem::replace(&mut self.block, before);
        let (scope, returns) = done?;
        let mut value = self.arrive(body, returns, label, scope, node)?;
        if let (Val::Made(number), Callee::Closure(closure, _)) = (value, callee) {
            if self.around.opaque(*closure) {
                let mut made = self.made(number);
                made.more = true;
                made.var = None;
                value = self.made_value(made, node)?;
            }
        }
        // Of the temporary registers only those of the value are needed.
        let mut needed = Vec::new();
        self.registers(value, &mut needed);
        let mut own = Vec::new();
        for register in needed {
            let at = self.live[mark..].iter().position(|live| *live == register);
            own.extend(at.map(|at| self.live.remove(mark + at)));
        }
        self.release(mark);
        self.live.extend(own);
        Ok(value)
    }

    /// A call of a closure whose value the function returns.
    pub(super) fn tail_call(
        &mut self,
        fun: &str,
        callee: &Callee,
        args: &[Arg],
        node: &Node,
    ) -> Lowered<()> {
        if matches!(callee, Callee::Closure(closure, _) if self.around.opaque(*closure)) {
            return Err(refuse(node, super::made::OPAQUE));
        }
        self.called(fun, callee, args, None, node).map(|_| ())
    }

    /// Compiles the body of a closure: its scope, and where it returns.
    fn called(
        &mut self,
        fun: &str,
        callee: &Callee,
        args: &[Arg],
        label: Option<u32>,
        node: &Node,
    ) -> Lowered<(usize, Vec<Return>)> {
        let (who, code, of) = match callee {
            Callee::Own | Callee::Renamed(_) => return Err(refuse(node, "it is R's own")),
            Callee::Closure(number, code) => {
                let of = Scope {
                    parent: None,
                    closure: *number,
                };
                let who = if *number == MADE {
                    Who::Made(node.place)
                } else {
                    Who::Closure(*number)
                };
                (who, Rc::clone(code), of)
            }
            Callee::Local(number) => {
                let (code, scope) = self.functions[*number].clone();
                let of = Scope {
                    parent: Some(scope),
                    closure: self.scopes[scope].closure,
                };
                (Who::Local(*number), code, of)
            }
        };
        if self.frames.iter().any(|frame| frame.who == who) {
            return Err(refuse(node, format!("`{fun}()` calls itself")));
        }
        if self.frames.len() >= DEEPEST || self.scopes.len() >= MOST {
            return Err(refuse(node, "functions call functions too often"));
        }
        let key = (self.scope, node.place, who);
        let next = self.scopes.len();
        let scope = *self.calls.entry(key).or_insert(next);
        if scope == next {
            self.scopes.push(of);
        }
        let (caller, within, depth) = (self.scope, self.within, self.frames.len());
        let frame = Frame {
            who,
            loops: self.loops.len(),
            label,
            returns: Vec::new(),
        };
        let done = self.body_of_call(fun, &code, args, scope, frame, node);
        let returns = self.frames.drain(depth..).next().map(|frame| frame.returns);
        self.scope = caller;
        self.within = within;
        match (done, who) {
            (Ok(()), _) => Ok((scope, returns.unwrap_or_default())),
            // Its code is not to be found in that of the compiled closure.
            (Err(refused), Who::Closure(_)) => {
                Err(refuse(node, format!("in `{fun}()`: {}", refused.why)))
            }
            (Err(refused), Who::Local(_) | Who::Made(_)) => Err(refused),
        }
    }

    fn body_of_call(
        &mut self,
        fun: &str,
        code: &Function,
        args: &[Arg],
        scope: usize,
        frame: Frame,
        node: &Node,
    ) -> Lowered<()> {
        let given = self.arguments(fun, &code.formals, args, node)?;
        let mut values = Vec::new();
        for arg in &given {
            values.push(match arg {
                Some(arg) if self.tame(arg) => self.at_once(arg)?,
                _ => None,
            });
        }
        let caller = std::mem::replace(&mut self.scope, scope);
        let mut left_out = Vec::new();
        for (((name, default), arg), value) in code.formals.iter().zip(given).zip(values) {
            if name == "..." {
                continue;
            }
            let Some(arg) = arg else {
                left_out.push((name.clone(), default.clone()));
                continue;
            };
            let given = self.is_given(arg, caller);
            let var = self.var(name);
            self.absent.insert(var, given.then_some(false));
            match value {
                Some(value) => self.bind(name, value, &code.body, node)?,
                None => {
                    let var = self.var(name);
                    self.wait(var, arg, caller);
                }
            }
        }
        self.within = 0;
        self.frames.push(frame);
        self.defaults(&left_out, &code.body)?;
        self.tail(&code.body)
    }

    /// Gives an argument its value. Where the function never assigns it, it may share the register
    /// of a variable or a constant.
    pub(super) fn bind(&mut self, name: &str, value: Val, body: &Node, node: &Node) -> Lowered<()> {
        let var = self.var(name);
        if let Some(ty) = self.aliases.remove(&var) {
            self.regs.remove(&(var, ty));
        }
        match value {
            Val::Is(ty, reg) if !self.is_temp(ty, reg) && !assigns(body, name) => {
                self.regs.insert((var, ty), reg);
                self.aliases.insert(var, ty);
                self.know(var, ty);
            }
            value => {
                self.assign(var, value, node)?;
            }
        }
        Ok(())
    }

    /// The function returns the value to where it was called.
    pub(super) fn come_back(&mut self, value: Val) -> Lowered<()> {
        if value == Val::Gone {
            self.env = None;
        }
        let Some(env) = self.env.take() else {
            return Ok(());
        };
        let fix = self.new_fix();
        let temp = matches!(value, Val::Is(ty, reg) | Val::Named(ty, reg, _) | Val::Veiled(ty, reg, _) if self.is_temp(ty, reg));
        let Some(Frame {
            label: Some(label),
            returns,
            ..
        }) = self.frames.last_mut()
        else {
            return Ok(());
        };
        returns.push(Return {
            env,
            value,
            temp,
            fix,
        });
        let label = *label;
        self.block.push(Stmt::Fix(fix));
        self.block.push(Stmt::Exit(label));
        Ok(())
    }

    /// How often the function has returned so far: of a turn of a loop that is compiled anew
    /// nothing counts.
    pub(super) fn returns(&self) -> usize {
        self.frames.last().map_or(0, |frame| frame.returns.len())
    }

    pub(super) fn forget_returns(&mut self, from: usize) {
        if let Some(frame) = self.frames.last_mut() {
            frame.returns.truncate(from);
        }
    }

    /// The value of a call, and what is known behind it.
    fn arrive(
        &mut self,
        mut body: Vec<Stmt>,
        mut returns: Vec<Return>,
        label: u32,
        scope: usize,
        node: &Node,
    ) -> Lowered<Val> {
        for way in &mut returns {
            way.env.retain(|var, _| self.names[*var].0 != scope);
        }
        // Most functions return at their end only.
        if let ([way], [.., Stmt::Fix(fix), Stmt::Exit(exit)]) =
            (returns.as_slice(), body.as_slice())
        {
            if *fix == way.fix && *exit == label {
                body.truncate(body.len() - 2);
                self.block.extend(body);
                let value = way.value;
                self.env = returns.pop().map(|way| way.env);
                return Ok(value);
            }
        }
        let Some((first, others)) = returns.split_first() else {
            self.block.push(Stmt::Labelled(label, body));
            self.env = None;
            return Ok(Val::Gone);
        };
        let mut env = first.env.clone();
        let mut value = first.value;
        for way in others {
            env = join(&env, &way.env);
            value = self.common_value(value, way.value, node)?;
        }
        value = self.somewhere(value, node)?;
        for way in &returns {
            let mut fix = Vec::new();
            self.moves(value, way.value, Some(way.temp), &mut fix);
            fix.extend(self.convert(&way.env, &env, node)?);
            self.fixes[way.fix] = fix;
        }
        self.block.push(Stmt::Labelled(label, body));
        self.env = Some(env);
        Ok(value)
    }
}
