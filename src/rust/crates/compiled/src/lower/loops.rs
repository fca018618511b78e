//! Loops, and the ways out of them.

use super::control::{join, mixed_value};
use super::*;
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

impl Lower<'_> {
    /// `break` and `next`.
    pub(super) fn leave(&mut self, exit: bool, node: &Node) -> Lowered<Val> {
        if self.within > 0 {
            return Err(refuse(node, "it stands within an argument"));
        }
        let Some(env) = self.env.take() else {
            return Ok(Val::Gone);
        };
        let fix = self.new_fix();
        // Loops around the call of a function are not its own.
        let outer = self.frames.last().map_or(0, |frame| frame.loops);
        let own = self.loops.len() > outer;
        let Some(around) = self.loops.last_mut().filter(|_| own) else {
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

    pub(super) fn new_fix(&mut self) -> usize {
        self.fixes.push(Vec::new());
        self.fixes.len() - 1
    }

    pub(super) fn new_label(&mut self) -> u32 {
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
            let returns = self.returns();
            let tried = self.turn(&head, body, &head_env, exit, peeled.is_none(), node);
            let turn = match tried {
                Ok(turn) => turn,
                // The first turn knows more than the later ones: on its own it may be compiled.
                Err(_) if peeled.is_none() && head_env != entry => {
                    self.mixed = None;
                    self.within = 0;
                    self.forget_returns(returns);
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
            let changes = |var: &Var, state: &State| match head_env.get(var) {
                Some(before) if before.has_value() => matches!(state, State::Mixed(..)),
                Some(State::Waiting) => *state == State::Perhaps,
                // It is read behind the loop, and is assigned in each turn.
                None => *state == State::Perhaps && self.firm.contains(var),
                _ => false,
            };
            if peeled.is_none() && joined.iter().any(|(var, state)| changes(var, state)) {
                if head_env != entry {
                    self.forget_returns(returns);
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
            self.forget_returns(returns);
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
        // So many ways out are those of a first turn of its own.
        let mut early = 0;
        if let Some(first) = peeled {
            whole.extend(first.block);
            exits.extend(first.exits);
            early = exits.len();
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
        let idle: Vec<bool> = exits
            .iter()
            .enumerate()
            .map(|(k, way)| way.idle || k < early)
            .collect();
        let mut left_out = vec![false; exits.len()];
        for pass in [false, true] {
            for (k, way) in exits.iter().enumerate().filter(|(k, _)| idle[*k] == pass) {
                env = Some(match env {
                    None => way.env.clone(),
                    Some(env) => {
                        let joined = join(&env, &way.env);
                        let spoils = |(var, state): (&Var, &State)| {
                            self.firm.contains(var)
                                && matches!(state, State::Mixed(..) | State::Perhaps)
                                && env.get(var).is_some_and(State::has_value)
                        };
                        if pass && joined.iter().any(spoils) {
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
                    let reason = if way.idle {
                        "a loop that does not turn once"
                    } else {
                        "a loop that is left in its first turn"
                    };
                    vec![Stmt::Op(self.reason(reason))]
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
                self.left_without(*var);
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

    /// On the last way out of a loop its variable has no value where there was no turn before.
    fn left_without(&mut self, var: Var) {
        let way = self.loops.last_mut().and_then(|it| it.exits.last_mut());
        if let Some(way) = way {
            way.env.entry(var).or_insert(State::Is(Type::Null));
        }
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
                    self.know(var_number, Type::Null);
                    return Ok(None);
                }
                // Its elements have no names.
                Val::Is(ty, reg) | Val::Named(ty, reg, _) | Val::Veiled(ty, reg, _) => {
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
                Val::Part(_) | Val::Made(_) | Val::Text(_) | Val::Blank(..) => {
                    return Err(super::lists::no_number(over))
                }
                Val::Mixed(a, b) => return Err(mixed_value(over, a, b)),
            },
        };
        self.within -= 1;
        self.emit(Op::MoveI(counter, zero));
        // Whatever it was before, it is NULL until the first turn.
        if let Some(env) = &mut self.env {
            env.remove(&var_number);
        }
        Ok(Some(Head::For(var_number, counter, turns, walk)))
    }
}
