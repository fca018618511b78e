//! Blocks, conditions, loops, and what a function returns.

use super::inline::Callee;
use super::lists::no_number;
use super::made::OPAQUE;
use super::named::Names;
use super::*;
use crate::code::Compare;
use crate::tree::Arg;

fn meet(a: State, b: Option<State>) -> State {
    match (a, b) {
        (State::Is(a), Some(State::Is(b))) => match a.joint(b) {
            Some(ty) => State::Is(ty),
            None => State::Mixed(a, b),
        },
        (State::Named(a, x), Some(State::Named(b, y))) if a == b && x == y => State::Named(a, x),
        // With names or without is one to what cannot know.
        (State::Veiled(a, x), Some(State::Veiled(b, y))) if a == b => {
            State::Veiled(a, x.filter(|_| x == y))
        }
        (State::Is(a), Some(State::Veiled(b, _))) | (State::Veiled(a, _), Some(State::Is(b)))
            if a == b =>
        {
            State::Veiled(a, None)
        }
        (
            State::Is(a) | State::Named(a, _) | State::Veiled(a, _),
            Some(State::Is(b) | State::Named(b, _) | State::Veiled(b, _)),
        ) => State::Mixed(a, b),
        (State::Waiting, Some(State::Waiting)) => State::Waiting,
        (State::Function(a), Some(State::Function(b))) if a == b => State::Function(a),
        (State::Part(a), Some(State::Part(b))) if a == b => State::Part(a),
        // Evaluated on one way, or a function there.
        (State::Waiting | State::Function(_) | State::Part(_), _)
        | (_, Some(State::Waiting | State::Function(_) | State::Part(_))) => State::Perhaps,
        (State::Perhaps, _) | (_, None | Some(State::Perhaps)) => State::Perhaps,
        (State::Blank(a, x), Some(State::Blank(b, y))) if a == b && x == y => State::Blank(a, x),
        (State::Blank(a, _), Some(State::Is(b) | State::Veiled(b, _) | State::Named(b, _)))
        | (State::Is(a) | State::Veiled(a, _) | State::Named(a, _), Some(State::Blank(b, _))) => {
            State::Mixed(a, b)
        }
        (State::Blank(..), _) | (_, Some(State::Blank(..))) => State::Mixed(Type::Null, Type::Null),
        (State::Text(a), Some(State::Text(b))) if a == b => State::Text(a),
        (State::Made(a), Some(State::Made(b))) if a == b => State::Made(a),
        (State::Text(_) | State::Made(_), _) | (_, Some(State::Text(_) | State::Made(_))) => {
            State::Mixed(Type::Null, Type::Null)
        }
        (mixed @ State::Mixed(..), _) | (_, Some(mixed @ State::Mixed(..))) => mixed,
    }
}

pub(super) fn join(a: &Env, b: &Env) -> Env {
    let names: std::collections::BTreeSet<Var> = a.keys().chain(b.keys()).copied().collect();
    names
        .into_iter()
        .map(|var| match (a.get(&var), b.get(&var)) {
            (Some(x), other) => (var, meet(*x, other.copied())),
            (None, _) => (var, State::Perhaps),
        })
        .collect()
}

impl Lower<'_> {
    /// Code that makes of what is known in one place what another one expects.
    pub(super) fn convert(&mut self, from: &Env, to: &Env, at: &Node) -> Lowered<Vec<Stmt>> {
        let mut code = Vec::new();
        for (var, state) in to {
            if let (State::Is(wide), Some(State::Is(ty))) = (state, from.get(var)) {
                if wide != ty {
                    let (to, from) = (self.reg(*var, *wide, at)?, self.reg(*var, *ty, at)?);
                    code.push(Stmt::Op(if wide.is_double() {
                        Op::OneD(to, from)
                    } else {
                        Op::OneI(to, from)
                    }));
                }
            }
        }
        Ok(code)
    }

    /// Makes one of two ways, and the code that each of them needs at its end.
    fn meet_ways(
        &mut self,
        a: Option<Env>,
        b: Option<Env>,
        at: &Node,
    ) -> Lowered<(Option<Env>, Vec<Stmt>, Vec<Stmt>)> {
        Ok(match (a, b) {
            (None, other) | (other, None) => (other, Vec::new(), Vec::new()),
            (Some(a), Some(b)) => {
                let both = join(&a, &b);
                let (first, second) = (self.convert(&a, &both, at)?, self.convert(&b, &both, at)?);
                (Some(both), first, second)
            }
        })
    }

    /// A statement: its value is not used.
    pub(super) fn effect(&mut self, node: &Node) -> Lowered<()> {
        let mark = self.live.len();
        self.value(node, None)?;
        self.release(mark);
        Ok(())
    }

    /// Code whose value the function returns.
    pub(super) fn tail(&mut self, node: &Node) -> Lowered<()> {
        if self.env.is_none() {
            return Ok(());
        }
        if let Kind::Call { fun, args } = &node.kind {
            match (fun.as_str(), args.as_slice()) {
                ("{", args) => {
                    self.check(fun, node)?;
                    let Some((last, before)) = args.split_last() else {
                        return self.give_back(Out::Null);
                    };
                    for statement in before {
                        self.effect(&statement.value)?;
                    }
                    return self.tail(&last.value);
                }
                ("(" | "invisible", [one]) if one.name.is_none() => {
                    self.check(fun, node)?;
                    return self.tail(&one.value);
                }
                ("return", args) => {
                    self.check(fun, node)?;
                    return match args {
                        [] => self.give_back(Out::Null),
                        [one] => self.tail(&one.value),
                        _ => Err(refuse(node, "return() has several arguments")),
                    };
                }
                ("if", [cond, rest @ ..]) if !rest.is_empty() => {
                    self.check(fun, node)?;
                    if let Some(holds) = self.known_condition(&cond.value)? {
                        return match (holds, rest.get(1)) {
                            (true, _) => self.tail(&rest[0].value),
                            (false, Some(no)) => self.tail(&no.value),
                            (false, None) => self.give_back(Out::Null),
                        };
                    }
                    let cond = self.condition(&cond.value)?;
                    let before = std::mem::take(&mut self.block);
                    let env = self.env.clone();
                    self.tail(&rest[0].value)?;
                    let yes = std::mem::take(&mut self.block);
                    self.env = env;
                    match rest.get(1) {
                        Some(no) => self.tail(&no.value)?,
                        None => self.give_back(Out::Null)?,
                    }
                    let no = std::mem::replace(&mut self.block, before);
                    self.env = None;
                    self.block.push(Stmt::If(cond, yes, no));
                    return Ok(());
                }
                ("switch", [_, ..]) => {
                    self.check(fun, node)?;
                    return self.tail_switch(args, node);
                }
                _ => {}
            }
        }
        if self.in_call() {
            let value = self.value(node, None)?;
            return self.come_back(value);
        }
        if let Kind::Call { fun, args } = &node.kind {
            let callee = self.callee(fun, node)?;
            if !matches!(callee, Callee::Own | Callee::Renamed(_)) {
                return self.tail_call(fun, &callee, args, node);
            }
        }
        let out = self.returned(node)?;
        match out {
            Some(out) => self.give_back(out),
            None => Ok(()),
        }
    }

    pub(super) fn give_back(&mut self, out: Out) -> Lowered<()> {
        if self.in_call() {
            return self.come_back(Val::Null);
        }
        self.outs.push(out);
        self.emit(Op::Return((self.outs.len() - 1) as u16));
        self.env = None;
        Ok(())
    }

    /// A value that is returned: here lists and names are known. `None` when it never is.
    fn returned(&mut self, node: &Node) -> Lowered<Option<Out>> {
        if let Kind::Call { fun, args } = &node.kind {
            if fun == "c" && args.iter().any(|arg| arg.name.is_some()) {
                self.check(fun, node)?;
                return self.row(args, node);
            }
        }
        let value = self.value(node, None)?;
        self.out_of(value, node)
    }

    fn out_of(&mut self, value: Val, node: &Node) -> Lowered<Option<Out>> {
        Ok(match value {
            Val::Gone => None,
            Val::Null => Some(Out::Null),
            Val::Is(ty, reg) => Some(Out::Value(ty, reg)),
            Val::Named(ty, reg, names) => Some(Out::Named(ty, reg, names)),
            Val::Text(row) => Some(Out::Text(row)),
            Val::Made(number) => {
                let made = self.made(number);
                if made.more {
                    return Err(refuse(
                        node,
                        if made.frame {
                            "its rows may have names that only R knows"
                        } else {
                            OPAQUE
                        },
                    ));
                }
                let mut parts = Vec::new();
                for (k, part) in made.parts.into_iter().enumerate() {
                    if let (Val::Mixed(..), Some(var)) = (part, made.var) {
                        let hidden = self.hidden(var, k);
                        self.mixed = Some(hidden);
                    }
                    match self.out_of(part, node)? {
                        Some(out) => parts.push(out),
                        None => return Ok(None),
                    }
                }
                Some(match (made.frame, made.names) {
                    (true, Some(names)) => Out::Frame(parts, names),
                    (_, names) => Out::List(parts, names),
                })
            }
            Val::Mixed(a, b) => return Err(mixed_value(node, a, b)),
            Val::Part(_) => return Err(no_number(node)),
            Val::Blank(..) => return Err(refuse(node, super::values::MISSING)),
            Val::Veiled(ty, reg, Some(sides)) => {
                let (rows, columns) = self.sides[usize::from(sides)];
                Some(Out::Sided(ty, reg, rows, columns))
            }
            Val::Veiled(..) => {
                return Err(refuse(
                    node,
                    "its value may have names that only R knows (`unname()` drops them)",
                ))
            }
        })
    }

    fn names_of(&mut self, args: &[Arg]) -> Option<u16> {
        if args.iter().all(|arg| arg.name.is_none()) {
            return None;
        }
        let names = args.iter().map(|arg| arg.name.clone().unwrap_or_default());
        self.rows.push(names.collect());
        Some((self.rows.len() - 1) as u16)
    }

    /// `c(a = 1, b = x)`; of single elements no vector is made.
    fn row(&mut self, args: &[Arg], node: &Node) -> Lowered<Option<Out>> {
        self.within += 1;
        let (mut parts, mut values) = (Vec::new(), Vec::new());
        for arg in args {
            let value = self.value(&arg.value, None)?;
            match value {
                Val::Is(ty, reg) if ty.is_scalar() => parts.push((ty, reg)),
                Val::Gone => {
                    self.within -= 1;
                    return Ok(None);
                }
                _ => {}
            }
            values.push(value);
        }
        self.within -= 1;
        if parts.len() < values.len() {
            let value = self.combined(args, &values, node)?;
            return self.out_of(value, node);
        }
        let ty = parts.iter().map(|(ty, _)| *ty).max().unwrap_or(Type::Null);
        let mut regs = Vec::new();
        for (from, reg) in parts {
            regs.push(if ty == Type::Double {
                self.as_double(from, reg, node)?
            } else {
                reg
            });
        }
        let names = self.names_of(args).unwrap_or(0);
        Ok(Some(Out::Row(ty, regs, names)))
    }

    /// A register that is not 0 where the condition holds.
    pub(super) fn condition(&mut self, node: &Node) -> Lowered<Reg> {
        let value = self.value(node, None)?;
        let (ty, reg) = match value {
            Val::Is(ty, reg) | Val::Named(ty, reg, _) | Val::Veiled(ty, reg, _) => (ty, reg),
            Val::Gone => return self.integer(0, node),
            Val::Null => return Err(refuse(node, "the condition is NULL")),
            value => match self.plain_number(value, node)? {
                Some(found) => found,
                None => return self.integer(0, node),
            },
        };
        let (ty, reg) = self.only(ty, reg, node)?;
        if ty == Type::Double {
            let to = self.temp(Type::Logical, node)?;
            self.emit(Op::TruthD(to, reg));
            return Ok(to);
        }
        // A comparison that makes a condition is joined with its jump and then makes no value:
        // it must not be a variable's.
        if self.is_temp(ty, reg) {
            return Ok(reg);
        }
        let to = self.temp(Type::Logical, node)?;
        self.emit(Op::MoveI(to, reg));
        Ok(to)
    }

    /// `if` with or without a value.
    pub(super) fn branch(&mut self, args: &[Arg], hint: Option<Var>, node: &Node) -> Lowered<Val> {
        if let Some(holds) = self.known_condition(&args[0].value)? {
            return match (holds, args.get(2)) {
                (true, _) => self.value(&args[1].value, hint),
                (false, Some(no)) => self.value(&no.value, hint),
                (false, None) => Ok(Val::Null),
            };
        }
        let cond = self.condition(&args[0].value)?;
        let yes = |this: &mut Self| this.value(&args[1].value, None);
        let no = |this: &mut Self| match args.get(2) {
            Some(no) => this.value(&no.value, None),
            None => Ok(Val::Null),
        };
        self.branch_on(cond, yes, no, hint, node)
    }

    /// Two ways, each with its value.
    pub(super) fn branch_on(
        &mut self,
        cond: Reg,
        yes: impl FnOnce(&mut Self) -> Lowered<Val>,
        no: impl FnOnce(&mut Self) -> Lowered<Val>,
        hint: Option<Var>,
        node: &Node,
    ) -> Lowered<Val> {
        let before = std::mem::take(&mut self.block);
        let env = self.env.clone();
        let first = yes(self)?;
        let mut yes = std::mem::take(&mut self.block);
        let after_yes = std::mem::replace(&mut self.env, env);
        let second = no(self)?;
        let mut no = std::mem::replace(&mut self.block, before);
        let after_no = self.env.take();
        let (env, fix_yes, fix_no) = self.meet_ways(after_yes, after_no, node)?;
        let direct = fix_yes.is_empty() && fix_no.is_empty();
        yes.extend(fix_yes);
        no.extend(fix_no);
        self.env = env;
        let value = match (first, second) {
            (Val::Gone, other) | (other, Val::Gone) => other,
            (Val::Null, Val::Null) => Val::Null,
            (Val::Part(a), Val::Part(b)) if a == b => Val::Part(a),
            (Val::Text(a), Val::Text(b)) if a == b => Val::Text(a),
            (Val::Made(_), Val::Made(_)) => {
                let value = self.common_value(first, second, node)?;
                let value = self.somewhere(value, node)?;
                self.moves(value, first, None, &mut yes);
                self.moves(value, second, None, &mut no);
                value
            }
            (Val::Is(a, x), Val::Is(b, y)) => match a.joint(b) {
                Some(ty) => {
                    let to = self.dest(ty, if direct { hint } else { None }, node)?;
                    for (block, from, reg) in [(&mut yes, a, x), (&mut no, b, y)] {
                        let outer = std::mem::replace(&mut self.block, std::mem::take(block));
                        self.put_as(ty, to, from, reg);
                        *block = std::mem::replace(&mut self.block, outer);
                    }
                    Val::Is(ty, to)
                }
                None => Val::Mixed(a, b),
            },
            (Val::Named(a, x, names), Val::Named(b, y, others)) if a == b && names == others => {
                let to = self.temp(a, node)?;
                for (block, reg) in [(&mut yes, x), (&mut no, y)] {
                    let outer = std::mem::replace(&mut self.block, std::mem::take(block));
                    self.put(a, to, reg);
                    *block = std::mem::replace(&mut self.block, outer);
                }
                Val::Named(a, to, names)
            }
            (Val::Veiled(a, x, _) | Val::Is(a, x), Val::Veiled(b, y, _))
            | (Val::Veiled(a, x, _), Val::Is(b, y))
                if a == b =>
            {
                let to = self.temp(a, node)?;
                for (block, reg) in [(&mut yes, x), (&mut no, y)] {
                    let outer = std::mem::replace(&mut self.block, std::mem::take(block));
                    self.put(a, to, reg);
                    *block = std::mem::replace(&mut self.block, outer);
                }
                let sides = match (first, second) {
                    (Val::Veiled(.., x), Val::Veiled(.., y)) if x == y => x,
                    _ => None,
                };
                Val::Veiled(a, to, sides)
            }
            (a, b) => super::ways::mixed(a, b),
        };
        self.block.push(Stmt::If(cond, yes, no));
        Ok(value)
    }

    /// Copies to a register of the same type, or of vectors.
    fn put_as(&mut self, ty: Type, to: Reg, from: Type, reg: Reg) {
        let temp = ty.is_scalar() && self.is_temp(ty, reg);
        if ty == from {
            // The instruction that has made it here may write where it goes at once.
            let made = match self.block.last_mut() {
                Some(Stmt::Op(op)) => op.scalar_result(),
                _ => None,
            };
            match made {
                Some((of, made)) if of == ty.is_double() && *made == reg && temp => *made = to,
                _ => self.put(ty, to, reg),
            }
        } else if ty.is_double() {
            self.emit(Op::OneD(to, reg));
        } else {
            self.emit(Op::OneI(to, reg));
        }
    }

    /// `a && b`, `a || b`.
    pub(super) fn short_cut(&mut self, and: bool, args: &[Arg], node: &Node) -> Lowered<Val> {
        let first = self.condition(&args[0].value)?;
        let to = self.temp(Type::Logical, node)?;
        let before = std::mem::take(&mut self.block);
        let env = self.env.clone();
        let second = self.condition(&args[1].value)?;
        match self.block.last_mut() {
            // As in condition(): the comparison makes no other value.
            Some(Stmt::Op(Op::CompareD(_, made, ..) | Op::CompareI(_, made, ..)))
                if *made == second =>
            {
                *made = to;
            }
            _ => self.emit(Op::TruthI(to, second)),
        }
        let mut more = std::mem::take(&mut self.block);
        // The second condition may have evaluated an argument.
        let after = std::mem::replace(&mut self.env, env.clone());
        let known = self.integer(i32::from(!and), node)?;
        self.emit(Op::MoveI(to, known));
        let mut less = std::mem::replace(&mut self.block, before);
        let (env, fix_more, fix_less) = self.meet_ways(after, env, node)?;
        more.extend(fix_more);
        less.extend(fix_less);
        self.env = env;
        let (yes, no) = if and { (more, less) } else { (less, more) };
        self.block.push(Stmt::If(first, yes, no));
        Ok(Val::Is(Type::Logical, to))
    }

    /// `a < b` and its like.
    pub(super) fn compare(
        &mut self,
        how: Compare,
        args: &[Arg],
        hint: Option<Var>,
        node: &Node,
    ) -> Lowered<Val> {
        let Some((a, b, names)) = self.two_with_names(args, node)? else {
            return Ok(Val::Gone);
        };
        if let Names::Known(_) = names {
            let value = self.compare_flat(how, a, b, None, node)?;
            return Ok(super::named::with_names(value, names));
        }
        let (shape, (a, x), (b, y)) = self.conformed(a, b, node)?;
        let value = self.compare_flat(how, (a, x), (b, y), hint, node)?;
        let value = self.shaped(value, shape, node)?;
        Ok(super::named::with_names(value, names))
    }

    fn compare_flat(
        &mut self,
        how: Compare,
        (a, x): (Type, Reg),
        (b, y): (Type, Reg),
        hint: Option<Var>,
        node: &Node,
    ) -> Lowered<Val> {
        let double = a.is_double() || b.is_double();
        if a.is_scalar() && b.is_scalar() {
            if double {
                let (x, y) = (self.as_double(a, x, node)?, self.as_double(b, y, node)?);
                let to = self.dest(Type::Logical, hint, node)?;
                self.emit(Op::CompareD(how, to, x, y));
                return Ok(Val::Is(Type::Logical, to));
            }
            let to = self.dest(Type::Logical, hint, node)?;
            self.emit(Op::CompareI(how, to, x, y));
            return Ok(Val::Is(Type::Logical, to));
        }
        let to;
        if double && b.is_scalar() {
            let (_, x) = self.as_doubles(a, x, node)?;
            let y = self.as_double(b, y, node)?;
            to = self.temp(Type::Logicals, node)?;
            self.emit(Op::CompareVdRight(how, to, x, y));
        } else if double {
            let (_, x) = self.as_doubles(a, x, node)?;
            let (_, y) = self.as_doubles(b, y, node)?;
            to = self.temp(Type::Logicals, node)?;
            self.emit(Op::CompareVd(how, to, x, y));
        } else {
            let (_, x) = self.as_vector(a, x, node)?;
            let (_, y) = self.as_vector(b, y, node)?;
            to = self.temp(Type::Logicals, node)?;
            self.emit(Op::CompareVi(how, to, x, y));
        }
        Ok(Val::Is(Type::Logicals, to))
    }
}

pub(super) fn type_of(value: Val) -> Type {
    match value {
        Val::Is(ty, _) | Val::Named(ty, ..) | Val::Mixed(ty, _) | Val::Veiled(ty, ..) => ty,
        Val::Blank(ty, ..) => ty,
        Val::Null | Val::Gone | Val::Part(_) | Val::Text(_) | Val::Made(_) => Type::Null,
    }
}

pub(super) fn mixed_value(at: &Node, a: Type, b: Type) -> Refused {
    if (a, b) == (Type::Null, Type::Null) {
        let why =
            "its value is a function, or strings or a list that depend on the way the code takes";
        return refuse(at, why);
    }
    if a == b {
        return refuse(at, "whether it has names depends on the way the code takes");
    }
    refuse(
        at,
        format!(
            "its type depends on the way the code takes: {} or {}",
            a.words(),
            b.words()
        ),
    )
}
