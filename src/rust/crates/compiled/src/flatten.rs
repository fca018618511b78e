//! From blocks to a row of instructions with jumps.

use std::collections::HashMap;

use crate::code::{Compare, Op, Reg};
use crate::lower::Stmt;

struct Flat<'f> {
    code: Vec<Op>,
    fixes: &'f [Vec<Stmt>],
    /// Jumps out of labelled blocks that are still open.
    open: HashMap<u32, Vec<usize>>,
    /// Where a jump has last landed: what comes next is reached by more than one way.
    landed: usize,
    /// Registers of constants: 0, and 1.
    zero: Option<Reg>,
    one: Option<Reg>,
}

/// The ways to the test of a condition that know already what it will find.
#[derive(Default)]
struct Known {
    holds: Vec<usize>,
    fails: Vec<usize>,
}

/// The instructions; `None` when there are more than jumps can reach. `integers`: the registers of
/// constants.
pub(crate) fn flatten(
    block: &[Stmt],
    fixes: &[Vec<Stmt>],
    integers: &HashMap<i32, Reg>,
) -> Option<Vec<Op>> {
    let mut flat = Flat {
        code: Vec::new(),
        fixes,
        open: HashMap::new(),
        landed: 0,
        zero: integers.get(&0).copied(),
        one: integers.get(&1).copied(),
    };
    flat.block(block);
    (flat.code.len() <= usize::from(u16::MAX)).then_some(flat.code)
}

/// The end of a loop that begins with this test: the body again, without it.
fn again_while(test: Op, body: u16) -> Option<Op> {
    Some(match test {
        Op::UnlessLtD(a, b, _) => Op::AgainLtD(a, b, body),
        Op::UnlessLeD(a, b, _) => Op::AgainLeD(a, b, body),
        Op::UnlessNeD(a, b, _) => Op::AgainNeD(a, b, body),
        Op::UnlessLtI(a, b, _) => Op::AgainLtI(a, b, body),
        Op::UnlessLeI(a, b, _) => Op::AgainLeI(a, b, body),
        Op::UnlessNeI(a, b, _) => Op::AgainNeI(a, b, body),
        _ => return None,
    })
}

impl Flat<'_> {
    fn block(&mut self, block: &[Stmt]) {
        let mut known = Known::default();
        for (k, stmt) in block.iter().enumerate() {
            match stmt {
                Stmt::If(cond, yes, no) => {
                    let next = match block.get(k + 1) {
                        Some(Stmt::If(next, ..)) => Some(*next),
                        _ => None,
                    };
                    self.branch(*cond, yes, no, next, &mut known);
                }
                stmt => self.stmt(stmt),
            }
        }
    }

    /// Two ways. `next`: the condition of the next statement, if that has one; no other code reads
    /// it where it is what `&&` or `||` have made here, as conditions are not variables.
    fn branch(
        &mut self,
        cond: Reg,
        yes: &[Stmt],
        no: &[Stmt],
        next: Option<Reg>,
        known: &mut Known,
    ) {
        let Known { holds, mut fails } = std::mem::take(known);
        fails.push(self.test(cond));
        for at in holds {
            self.land(at);
        }
        let sets = |way: &[Stmt], value: Option<Reg>| matches!(way, [Stmt::Op(Op::MoveI(to, from))] if Some(*to) == next && Some(*from) == value);
        if sets(no, self.zero) {
            // `a && b` as a condition: where the first does not hold the whole does not.
            self.block(yes);
            known.fails = fails;
            return;
        }
        if sets(yes, self.one) {
            known.holds.push(self.hole(Op::Jump(0)));
            for at in fails {
                self.land(at);
            }
            self.block(no);
            return;
        }
        if yes.is_empty() {
            if let Some(label) = self.exit(no) {
                self.open.entry(label).or_default().extend(fails);
                return;
            }
        }
        self.block(yes);
        let over = (!no.is_empty()).then(|| self.hole(Op::Jump(0)));
        for at in fails {
            self.land(at);
        }
        if let Some(over) = over {
            self.block(no);
            self.land(over);
        }
    }

    /// The label, where code does nothing but to leave its block.
    fn exit(&self, code: &[Stmt]) -> Option<u32> {
        match code {
            [Stmt::Exit(label)] => Some(*label),
            [Stmt::Fix(fix), Stmt::Exit(label)] if self.fixes[*fix].is_empty() => Some(*label),
            _ => None,
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Op(op) => self.code.push(*op),
            Stmt::Fix(number) => {
                let fixes = self.fixes;
                self.block(&fixes[*number]);
            }
            Stmt::If(cond, yes, no) => self.branch(*cond, yes, no, None, &mut Known::default()),
            Stmt::Labelled(label, inner) => {
                self.block(inner);
                for at in self.open.remove(label).unwrap_or_default() {
                    self.land(at);
                }
            }
            Stmt::Forever(inner) => {
                let head = self.code.len();
                self.landed = head;
                self.block(inner);
                let again = head as u16;
                let back = match self.code[head..] {
                    [Op::Step(counter, turns, _), Op::Walk(to, from, step, by), ..]
                        if by == counter =>
                    {
                        Op::NextWalk(counter, turns, to, from, step, again.saturating_add(2))
                    }
                    [Op::Step(counter, turns, _), _, ..] => {
                        Op::Next(counter, turns, again.saturating_add(1))
                    }
                    [test, ..] => match again_while(test, again.saturating_add(1)) {
                        Some(back) => {
                            self.code.push(back);
                            // It does not hold, or R must tell: the test itself finds out.
                            Op::Again(again)
                        }
                        None => Op::Again(again),
                    },
                    [] => Op::Again(again),
                };
                self.code.push(back);
            }
            Stmt::Exit(label) => {
                let at = self.hole(Op::Jump(0));
                self.open.entry(*label).or_default().push(at);
            }
            Stmt::Step(counter, turns, label, fix) => {
                let out = self.hole(Op::Step(*counter, *turns, 0));
                let fixes = self.fixes;
                if fixes[*fix].is_empty() {
                    self.open.entry(*label).or_default().push(out);
                    return;
                }
                let over = self.hole(Op::Jump(0));
                self.land(out);
                self.block(&fixes[*fix]);
                let at = self.hole(Op::Jump(0));
                self.open.entry(*label).or_default().push(at);
                self.land(over);
            }
        }
    }

    fn hole(&mut self, op: Op) -> usize {
        self.code.push(op);
        self.code.len() - 1
    }

    /// A jump that is taken unless the condition holds. The comparison that has just made the
    /// condition becomes one with the jump: nothing else reads its result.
    fn test(&mut self, cond: Reg) -> usize {
        let mut fused = None;
        // Where another way ends here, too, it has made the condition by other means.
        if self.landed < self.code.len() {
            fused = match self.code.last() {
                Some(Op::CompareD(how, to, a, b)) if *to == cond => Some(match how {
                    Compare::Lt => Op::UnlessLtD(*a, *b, 0),
                    Compare::Le => Op::UnlessLeD(*a, *b, 0),
                    Compare::Gt => Op::UnlessLtD(*b, *a, 0),
                    Compare::Ge => Op::UnlessLeD(*b, *a, 0),
                    Compare::Eq => Op::UnlessEqD(*a, *b, 0),
                    Compare::Ne => Op::UnlessNeD(*a, *b, 0),
                }),
                Some(Op::CompareI(how, to, a, b)) if *to == cond => Some(match how {
                    Compare::Lt => Op::UnlessLtI(*a, *b, 0),
                    Compare::Le => Op::UnlessLeI(*a, *b, 0),
                    Compare::Gt => Op::UnlessLtI(*b, *a, 0),
                    Compare::Ge => Op::UnlessLeI(*b, *a, 0),
                    Compare::Eq => Op::UnlessEqI(*a, *b, 0),
                    Compare::Ne => Op::UnlessNeI(*a, *b, 0),
                }),
                _ => None,
            };
        }
        match fused {
            Some(op) => {
                self.code.pop();
                self.hole(op)
            }
            None => self.hole(Op::JumpUnless(cond, 0)),
        }
    }

    /// Lets the jump at `at` go to here.
    fn land(&mut self, at: usize) {
        self.landed = self.code.len();
        let here = self.landed as u16;
        match &mut self.code[at] {
            Op::Jump(to)
            | Op::JumpUnless(_, to)
            | Op::UnlessLtD(_, _, to)
            | Op::UnlessLeD(_, _, to)
            | Op::UnlessEqD(_, _, to)
            | Op::UnlessNeD(_, _, to)
            | Op::UnlessLtI(_, _, to)
            | Op::UnlessLeI(_, _, to)
            | Op::UnlessEqI(_, _, to)
            | Op::UnlessNeI(_, _, to)
            | Op::Step(_, _, to) => *to = here,
            _ => {}
        }
    }
}
