//! Blocks, conditions, loops, and what a function returns.

use super::*;
use crate::code::Compare;
use crate::tree::Arg;

/// The head of a loop.
enum Head<'n> {
    Repeat,
    While(&'n Node),
    /// The variable; the counter and the number of turns.
    For(Var, Reg, Reg, Walk),
}

/// Where the variable of a loop has its values from.
#[derive(Clone, Copy)]
enum Walk {
    /// From a number in steps.
    Steps(Reg, Reg),
    /// The elements of a vector.
    Elements(Type, Reg),
}

/// One way through the body of a loop: its code, and what is known at its end.
struct Turn {
    block: Vec<Stmt>,
    back: Option<Env>,
    exits: Vec<Way>,
}

fn meet(a: State, b: Option<State>) -> State {
    match (a, b) {
        (State::Is(a), Some(State::Is(b))) => {
            if a == b {
                State::Is(a)
            } else if a.element() == b.element() {
                State::Is(a.vector())
            } else {
                State::Mixed(a, b)
            }
        }
        (State::Perhaps, _) | (_, None | Some(State::Perhaps)) => State::Perhaps,
        (mixed @ State::Mixed(..), _) | (_, Some(mixed @ State::Mixed(..))) => mixed,
    }
}

fn join(a: &Env, b: &Env) -> Env {
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
    fn convert(&mut self, from: &Env, to: &Env, at: &Node) -> Lowered<Vec<Stmt>> {
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
                _ => {}
            }
        }
        let out = self.returned(node)?;
        match out {
            Some(out) => self.give_back(out),
            None => Ok(()),
        }
    }

    fn give_back(&mut self, out: Out) -> Lowered<()> {
        self.outs.push(out);
        self.emit(Op::Return((self.outs.len() - 1) as u16));
        self.env = None;
        Ok(())
    }

    /// A value that is returned: here lists and names are known. `None` when it never is.
    fn returned(&mut self, node: &Node) -> Lowered<Option<Out>> {
        if let Kind::Call { fun, args } = &node.kind {
            if fun == "list" {
                self.check(fun, node)?;
                self.within += 1;
                let mut parts = Vec::new();
                for arg in args {
                    let Some(out) = self.returned(&arg.value)? else {
                        self.within -= 1;
                        return Ok(None);
                    };
                    parts.push(out);
                }
                self.within -= 1;
                let names = self.names_of(args);
                return Ok(Some(Out::List(parts, names)));
            }
            if fun == "c" && args.iter().any(|arg| arg.name.is_some()) {
                self.check(fun, node)?;
                return self.row(args, node).map(Some);
            }
        }
        Ok(match self.value(node, None)? {
            Val::Gone => None,
            Val::Null => Some(Out::Null),
            Val::Is(ty, reg) => Some(Out::Value(ty, reg)),
            Val::Mixed(a, b) => return Err(mixed_value(node, a, b)),
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

    /// `c(a = 1, b = x)` of single elements.
    fn row(&mut self, args: &[Arg], node: &Node) -> Lowered<Out> {
        self.within += 1;
        let mut parts = Vec::new();
        for arg in args {
            match self.value(&arg.value, None)? {
                Val::Is(ty, reg) if ty.is_scalar() => parts.push((ty, reg)),
                _ => {
                    return Err(refuse(
                        &arg.value,
                        "a name in c() belongs to what may not be one element",
                    ))
                }
            }
        }
        self.within -= 1;
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
        Ok(Out::Row(ty, regs, names))
    }

    /// A register that is not 0 where the condition holds.
    pub(super) fn condition(&mut self, node: &Node) -> Lowered<Reg> {
        let value = self.value(node, None)?;
        let (ty, reg) = match value {
            Val::Is(ty, reg) => (ty, reg),
            Val::Gone => return self.integer(0, node),
            Val::Null => return Err(refuse(node, "the condition is NULL")),
            Val::Mixed(a, b) => return Err(mixed_value(node, a, b)),
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
        let cond = self.condition(&args[0].value)?;
        let before = std::mem::take(&mut self.block);
        let env = self.env.clone();
        let first = self.value(&args[1].value, None)?;
        let mut yes = std::mem::take(&mut self.block);
        let after_yes = std::mem::replace(&mut self.env, env);
        let second = match args.get(2) {
            Some(no) => self.value(&no.value, None)?,
            None => Val::Null,
        };
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
            (Val::Is(a, x), Val::Is(b, y)) if a.element() == b.element() => {
                let ty = if a == b { a } else { a.vector() };
                let to = self.dest(ty, if direct { hint } else { None }, node)?;
                for (block, from, reg) in [(&mut yes, a, x), (&mut no, b, y)] {
                    let outer = std::mem::replace(&mut self.block, std::mem::take(block));
                    self.put_as(ty, to, from, reg);
                    *block = std::mem::replace(&mut self.block, outer);
                }
                Val::Is(ty, to)
            }
            (a, b) => Val::Mixed(type_of(a), type_of(b)),
        };
        self.block.push(Stmt::If(cond, yes, no));
        Ok(value)
    }

    /// Copies to a register of the same type, or of vectors.
    fn put_as(&mut self, ty: Type, to: Reg, from: Type, reg: Reg) {
        if ty == from {
            self.put(ty, to, reg);
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
        self.emit(Op::TruthI(to, second));
        let more = std::mem::take(&mut self.block);
        let known = self.integer(i32::from(!and), node)?;
        self.emit(Op::MoveI(to, known));
        let less = std::mem::replace(&mut self.block, before);
        self.env = env;
        let (yes, no) = if and { (more, less) } else { (less, more) };
        self.block.push(Stmt::If(first, yes, no));
        Ok(Val::Is(Type::Logical, to))
    }

    /// `break` and `next`.
    pub(super) fn leave(&mut self, exit: bool, node: &Node) -> Lowered<Val> {
        if self.within > 0 {
            return Err(refuse(node, "it stands within an argument"));
        }
        let Some(env) = self.env.take() else {
            return Ok(Val::Gone);
        };
        let fix = self.new_fix();
        let Some(around) = self.loops.last_mut() else {
            return Err(refuse(node, "it stands in no loop"));
        };
        let way = Way {
            env,
            fix,
            idle: false,
        };
        let label = if exit {
            around.exits.push(way);
            around.exit
        } else {
            around.nexts.push(way);
            around.next
        };
        self.block.push(Stmt::Fix(fix));
        self.block.push(Stmt::Exit(label));
        Ok(Val::Gone)
    }

    fn new_fix(&mut self) -> usize {
        self.fixes.push(Vec::new());
        self.fixes.len() - 1
    }

    fn new_label(&mut self) -> u32 {
        self.labels += 1;
        self.labels
    }

    /// `for`, `while`, `repeat`.
    pub(super) fn cycle(&mut self, fun: &str, args: &[Arg], node: &Node) -> Lowered<Val> {
        if self.within > 0 {
            return Err(refuse(node, "a loop stands within an argument"));
        }
        let mark = self.live.len();
        let head = match (fun, args) {
            ("repeat", [_]) => Head::Repeat,
            ("while", [cond, _]) => Head::While(&cond.value),
            ("for", [var, over, _]) => match self.walk(&var.value, &over.value)? {
                Some(head) => head,
                None => return Ok(Val::Null),
            },
            _ => return Err(refuse(node, "the loop cannot be read")),
        };
        let Some(body) = args.last().map(|arg| &arg.value) else {
            return Err(refuse(node, "the loop cannot be read"));
        };
        let exit = self.new_label();
        let before = std::mem::take(&mut self.block);
        let Some(entry) = self.env.clone() else {
            self.block = before;
            return Ok(Val::Gone);
        };
        let mut head_env = entry.clone();
        let mut peeled: Option<Turn> = None;
        let turn = loop {
            let tried = self.turn(&head, body, &head_env, exit, peeled.is_none(), node);
            let turn = match tried {
                Ok(turn) => turn,
                // The first turn knows more than the later ones: on its own it may be compiled.
                Err(_) if peeled.is_none() && head_env != entry => {
                    self.mixed = None;
                    self.within = 0;
                    let first = self.turn(&head, body, &entry, exit, true, node)?;
                    let Some(back) = first.back.clone() else {
                        break first;
                    };
                    head_env = back;
                    peeled = Some(first);
                    continue;
                }
                Err(refused) => return Err(refused),
            };
            let Some(back) = &turn.back else {
                break turn;
            };
            let joined = join(&head_env, back);
            if joined == head_env {
                break turn;
            }
            let changes = |var: &Var, state: &State| {
                matches!(state, State::Mixed(..)) && matches!(head_env.get(var), Some(State::Is(_)))
            };
            if peeled.is_none() && joined.iter().any(|(var, state)| changes(var, state)) {
                if head_env != entry {
                    let first = self.turn(&head, body, &entry, exit, true, node)?;
                    let Some(back) = first.back.clone() else {
                        break first;
                    };
                    head_env = back;
                    peeled = Some(first);
                } else {
                    head_env.clone_from(back);
                    peeled = Some(turn);
                }
                continue;
            }
            head_env = joined;
        };
        self.block = before;
        self.close(peeled, turn, &entry, &head_env, exit, node)?;
        self.release(mark);
        Ok(if self.env.is_some() {
            Val::Null
        } else {
            Val::Gone
        })
    }

    /// Puts the turns of a loop together.
    fn close(
        &mut self,
        peeled: Option<Turn>,
        mut turn: Turn,
        entry: &Env,
        head: &Env,
        exit: u32,
        node: &Node,
    ) -> Lowered<()> {
        let mut whole = Vec::new();
        let mut exits = Vec::new();
        let mut from = entry.clone();
        if let Some(first) = peeled {
            whole.extend(first.block);
            exits.extend(first.exits);
            if let Some(back) = first.back {
                from = back;
            }
        }
        whole.extend(self.convert(&from, head, node)?);
        match turn.back.take() {
            Some(back) => {
                turn.block.extend(self.convert(&back, head, node)?);
                whole.push(Stmt::Forever(turn.block));
            }
            None => whole.extend(turn.block),
        }
        exits.extend(turn.exits);
        // What is known behind the loop.
        let mut env: Option<Env> = None;
        let idle: Vec<bool> = exits.iter().map(|way| way.idle).collect();
        let mut left_out = vec![false; exits.len()];
        for pass in [false, true] {
            for (k, way) in exits.iter().enumerate().filter(|(k, _)| idle[*k] == pass) {
                env = Some(match env {
                    None => way.env.clone(),
                    Some(env) => {
                        let joined = join(&env, &way.env);
                        let spoils = |(var, state): (&Var, &State)| {
                            self.firm.contains(var)
                                && matches!(state, State::Mixed(..))
                                && matches!(env.get(var), Some(State::Is(_)))
                        };
                        if way.idle && joined.iter().any(spoils) {
                            left_out[k] = true;
                            env
                        } else {
                            joined
                        }
                    }
                });
            }
        }
        if let Some(env) = &env {
            for (k, way) in exits.iter().enumerate() {
                self.fixes[way.fix] = if left_out[k] {
                    vec![Stmt::Op(self.reason("a loop that does not turn once"))]
                } else {
                    self.convert(&way.env, env, node)?
                };
            }
        }
        self.block.push(Stmt::Labelled(exit, whole));
        self.env = env;
        Ok(())
    }

    fn reason(&mut self, reason: &'static str) -> Op {
        let number = self
            .reasons
            .iter()
            .position(|known| *known == reason)
            .unwrap_or_else(|| {
                self.reasons.push(reason);
                self.reasons.len() - 1
            });
        Op::GiveUp(number as u8)
    }

    fn turn(
        &mut self,
        head: &Head<'_>,
        body: &Node,
        env: &Env,
        exit: u32,
        idle: bool,
        node: &Node,
    ) -> Lowered<Turn> {
        let next = self.new_label();
        self.env = Some(env.clone());
        self.block = Vec::new();
        let mark = self.live.len();
        let depth = self.loops.len();
        self.loops.push(Around {
            exit,
            next,
            exits: Vec::new(),
            nexts: Vec::new(),
        });
        let done = self.turn_body(head, body, idle, node);
        self.release(mark);
        let around = self.loops.pop();
        self.loops.truncate(depth);
        let code = std::mem::take(&mut self.block);
        done?;
        let Some(around) = around else {
            return Err(refuse(node, "the loop cannot be read"));
        };
        // Ways to the end of the body.
        let mut back = self.env.take();
        let ends = back.clone();
        for way in &around.nexts {
            back = Some(match back {
                None => way.env.clone(),
                Some(env) => join(&env, &way.env),
            });
        }
        let mut code = code;
        if let Some(back) = &back {
            for way in &around.nexts {
                self.fixes[way.fix] = self.convert(&way.env, back, node)?;
            }
            if let Some(ends) = ends {
                code.extend(self.convert(&ends, back, node)?);
            }
        }
        let block = if around.nexts.is_empty() {
            code
        } else {
            vec![Stmt::Labelled(next, code)]
        };
        Ok(Turn {
            block,
            back,
            exits: around.exits,
        })
    }

    fn turn_body(&mut self, head: &Head<'_>, body: &Node, idle: bool, node: &Node) -> Lowered<()> {
        match head {
            Head::Repeat => {}
            Head::While(cond) => {
                let cond = self.condition(cond)?;
                let (fix, exit) = self.way_out(idle);
                self.block.push(Stmt::If(
                    cond,
                    Vec::new(),
                    vec![Stmt::Fix(fix), Stmt::Exit(exit)],
                ));
            }
            Head::For(var, counter, turns, walk) => {
                let (fix, exit) = self.way_out(idle);
                self.block.push(Stmt::Step(*counter, *turns, exit, fix));
                match *walk {
                    Walk::Steps(from, step) => {
                        let to = self.reg(*var, Type::Integer, node)?;
                        self.emit(Op::Walk(to, from, step, *counter));
                        self.know(*var, Type::Integer);
                    }
                    Walk::Elements(ty, vector) => {
                        let ty = ty.element();
                        let to = self.reg(*var, ty, node)?;
                        self.emit(if ty == Type::Double {
                            Op::GetD(to, vector, *counter)
                        } else {
                            Op::GetI(to, vector, *counter)
                        });
                        self.know(*var, ty);
                    }
                }
            }
        }
        self.effect(body)
    }

    fn way_out(&mut self, idle: bool) -> (usize, u32) {
        let fix = self.new_fix();
        let env = self.env.clone().unwrap_or_default();
        let Some(around) = self.loops.last_mut() else {
            return (fix, 0);
        };
        around.exits.push(Way { env, fix, idle });
        (fix, around.exit)
    }

    /// What a `for` loop goes over. `None`: nothing.
    fn walk<'n>(&mut self, var: &Node, over: &Node) -> Lowered<Option<Head<'n>>> {
        let Kind::Name(name) = &var.kind else {
            return Err(refuse(var, "the loop has no variable"));
        };
        let var_number = self.var(name);
        self.within += 1;
        let counter = self.temp(Type::Integer, var)?;
        let turns = self.temp(Type::Integer, var)?;
        let zero = self.integer(0, var)?;
        let mut walk = None;
        if let Kind::Call { fun, args } = &over.kind {
            if fun == ":" && args.len() == 2 {
                self.check(fun, over)?;
                let from = self.whole_number(&args[0].value)?;
                let to = self.whole_number(&args[1].value)?;
                // The bounds are those of now, whatever the body assigns.
                let (start, step) = (
                    self.temp(Type::Integer, over)?,
                    self.temp(Type::Integer, over)?,
                );
                self.emit(Op::Range(turns, step, from, to));
                self.emit(Op::MoveI(start, from));
                walk = Some(Walk::Steps(start, step));
            } else if fun == "seq_len" && args.len() == 1 {
                self.check(fun, over)?;
                let n = self.whole_number(&args[0].value)?;
                let one = self.integer(1, over)?;
                self.emit(Op::Count(turns, n));
                walk = Some(Walk::Steps(one, one));
            } else if fun == "seq_along" && args.len() == 1 {
                self.check(fun, over)?;
                let one = self.integer(1, over)?;
                let value = self.value(&args[0].value, None)?;
                let length = self.length(value, over)?;
                self.emit(Op::MoveI(turns, length));
                walk = Some(Walk::Steps(one, one));
            }
        }
        let walk = match walk {
            Some(walk) => walk,
            None => match self.value(over, None)? {
                Val::Null => {
                    self.within -= 1;
                    return Ok(None);
                }
                Val::Is(ty, reg) => {
                    let (ty, reg) = self.as_vector(ty, reg, over)?;
                    let own = if self.is_temp(ty, reg) {
                        reg
                    } else {
                        let own = self.temp(ty, over)?;
                        self.emit(if ty.is_double() {
                            Op::MoveVd(own, reg)
                        } else {
                            Op::MoveVi(own, reg)
                        });
                        own
                    };
                    self.emit(if ty.is_double() {
                        Op::Length(turns, own)
                    } else {
                        Op::LengthI(turns, own)
                    });
                    Walk::Elements(ty, own)
                }
                Val::Gone => return Err(refuse(over, "it is never reached")),
                Val::Mixed(a, b) => return Err(mixed_value(over, a, b)),
            },
        };
        self.within -= 1;
        self.emit(Op::MoveI(counter, zero));
        Ok(Some(Head::For(var_number, counter, turns, walk)))
    }

    /// `a < b` and its like.
    pub(super) fn compare(
        &mut self,
        how: Compare,
        args: &[Arg],
        hint: Option<Var>,
        node: &Node,
    ) -> Lowered<Val> {
        let Some([(a, x), (b, y)]) = self.two(args)? else {
            return Ok(Val::Gone);
        };
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

fn type_of(value: Val) -> Type {
    match value {
        Val::Is(ty, _) | Val::Mixed(ty, _) => ty,
        Val::Null | Val::Gone => Type::Null,
    }
}

pub(super) fn mixed_value(at: &Node, a: Type, b: Type) -> Refused {
    refuse(
        at,
        format!(
            "its type depends on the way the code takes: {} or {}",
            a.words(),
            b.words()
        ),
    )
}
