//! From blocks to a row of instructions with jumps.

use std::collections::HashMap;

use crate::code::{Op, Reg};
use crate::lower::Stmt;

struct Flat<'f> {
    code: Vec<Op>,
    fixes: &'f [Vec<Stmt>],
    /// Jumps out of labelled blocks that are still open.
    open: HashMap<u32, Vec<usize>>,
}

/// The instructions; `None` when there are more than jumps can reach.
pub(crate) fn flatten(block: &[Stmt], fixes: &[Vec<Stmt>]) -> Option<Vec<Op>> {
    let mut flat = Flat {
        code: Vec::new(),
        fixes,
        open: HashMap::new(),
    };
    flat.block(block);
    (flat.code.len() <= usize::from(u16::MAX)).then_some(flat.code)
}

impl Flat<'_> {
    fn block(&mut self, block: &[Stmt]) {
        for stmt in block {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Op(op) => self.code.push(*op),
            Stmt::Fix(number) => {
                let fixes = self.fixes;
                self.block(&fixes[*number]);
            }
            Stmt::If(cond, yes, no) => {
                let test = self.test(*cond);
                self.block(yes);
                if no.is_empty() {
                    self.land(test);
                } else {
                    let over = self.hole(Op::Jump(0));
                    self.land(test);
                    self.block(no);
                    self.land(over);
                }
            }
            Stmt::Labelled(label, inner) => {
                self.block(inner);
                for at in self.open.remove(label).unwrap_or_default() {
                    self.land(at);
                }
            }
            Stmt::Forever(inner) => {
                let head = self.code.len() as u16;
                self.block(inner);
                self.code.push(Op::Again(head));
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
        let fused = match self.code.last() {
            Some(Op::CompareD(how, to, a, b)) if *to == cond => {
                Some(Op::JumpUnlessD(*how, *a, *b, 0))
            }
            Some(Op::CompareI(how, to, a, b)) if *to == cond => {
                Some(Op::JumpUnlessI(*how, *a, *b, 0))
            }
            _ => None,
        };
        match fused {
            Some(op) => {
                // The value is still made where somebody may read it: a variable.
                self.code.pop();
                self.hole(op)
            }
            None => self.hole(Op::JumpUnless(cond, 0)),
        }
    }

    /// Lets the jump at `at` go to here.
    fn land(&mut self, at: usize) {
        let here = self.code.len() as u16;
        match &mut self.code[at] {
            Op::Jump(to)
            | Op::JumpUnless(_, to)
            | Op::JumpUnlessD(_, _, _, to)
            | Op::JumpUnlessI(_, _, _, to)
            | Op::Step(_, _, to) => *to = here,
            _ => {}
        }
    }
}
