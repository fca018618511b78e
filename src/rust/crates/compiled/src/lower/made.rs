//! Lists and data frames that the code makes: `list(a = x)`, `data.frame(est = m)`, `out$a <- x`. What
//! elements there are is known when the code is compiled. In a variable each element is a variable
//! of its own, whose name no code can have ([`Lower::hidden`]).

use super::ways::{common, moved};
use super::*;
use crate::tree::Step;

pub(super) const OPAQUE: &str = "only elements of this value by their names are in the subset";
pub(super) const UNKNOWN: Val = Val::Mixed(Type::Null, Type::Null);

/// A list that the code has made, as a value.
#[derive(Clone, Debug)]
pub(super) struct Made {
    /// Its names: their number.
    pub(super) names: Option<u16>,
    pub(super) parts: Vec<Val>,
    /// Is it a data frame? Its columns are vectors of one length, or single elements all of them.
    pub(super) frame: bool,
    /// Has R's own value more than what is known here? Of a data frame: names of rows; of a list: a
    /// class and other elements.
    pub(super) more: bool,
    /// The variable that it was read from.
    pub(super) var: Option<Var>,
}

/// What is known of a list in a variable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    names: Option<u16>,
    count: usize,
    frame: bool,
    more: bool,
}

impl Lower<'_> {
    pub(super) fn made_value(&mut self, made: Made, node: &Node) -> Lowered<Val> {
        let number = u16::try_from(self.made_lists.len())
            .map_err(|_| refuse(node, "the function is too long"))?;
        self.made_lists.push(made);
        Ok(Val::Made(number))
    }

    pub(super) fn made(&self, number: u16) -> Made {
        self.made_lists[usize::from(number)].clone()
    }

    /// The variable of an element of the list in a variable.
    pub(super) fn hidden(&mut self, var: Var, k: usize) -> Var {
        let (scope, name) = self.names[var].clone();
        let name = hidden_name(&name, k);
        match self.find(scope, &name) {
            Some(var) => var,
            None => {
                self.names.push((scope, name));
                self.types.push(Vec::new());
                self.names.len() - 1
            }
        }
    }

    /// The list in a variable.
    pub(super) fn made_in(&mut self, var: Var, shape: u16, node: &Node) -> Lowered<Val> {
        let Shape {
            names,
            count,
            frame,
            more,
        } = self.shapes[usize::from(shape)];
        let mut parts = Vec::new();
        for k in 0..count {
            let hidden = self.hidden(var, k);
            parts.push(match self.state(hidden) {
                None | Some(State::Perhaps | State::Waiting | State::Function(_)) => UNKNOWN,
                Some(State::Mixed(a, b)) => Val::Mixed(a, b),
                Some(_) => self.known_value(hidden, "", node)?.unwrap_or(UNKNOWN),
            });
        }
        let var = Some(var);
        self.made_value(
            Made {
                names,
                parts,
                frame,
                more,
                var,
            },
            node,
        )
    }

    pub(super) fn assign_made(&mut self, var: Var, number: u16, node: &Node) -> Lowered<Val> {
        let mut made = self.made(number);
        if made.var == Some(var) {
            return Ok(Val::Made(number));
        }
        // What is a part of the old list may not be written over before it is read.
        let (scope, name) = self.names[var].clone();
        let below = format!("{name}\0");
        let own: HashSet<(File, Reg)> = self
            .regs
            .iter()
            .filter(|((var, _), _)| {
                self.names[*var].0 == scope && self.names[*var].1.starts_with(&below)
            })
            .map(|((_, ty), reg)| (file(*ty), *reg))
            .collect();
        for part in &mut made.parts {
            *part = self.apart(*part, &own, node)?;
        }
        for (k, part) in made.parts.iter().enumerate() {
            let hidden = self.hidden(var, k);
            self.assign(hidden, *part, node)?;
        }
        let shape = Shape {
            names: made.names,
            count: made.parts.len(),
            frame: made.frame,
            more: made.more,
        };
        let number = match self.shapes.iter().position(|known| *known == shape) {
            Some(number) => number,
            None => {
                self.shapes.push(shape);
                self.shapes.len() - 1
            }
        } as u16;
        if let Some(env) = &mut self.env {
            env.insert(var, State::Made(number));
        }
        self.made_in(var, number, node)
    }

    /// The same value in registers that are none of these.
    fn apart(&mut self, value: Val, own: &HashSet<(File, Reg)>, node: &Node) -> Lowered<Val> {
        let copied = |this: &mut Self, ty: Type, reg: Reg| -> Lowered<Reg> {
            if !own.contains(&(file(ty), reg)) {
                return Ok(reg);
            }
            let to = this.temp(ty, node)?;
            this.put(ty, to, reg);
            Ok(to)
        };
        Ok(match value {
            Val::Is(ty, reg) => Val::Is(ty, copied(self, ty, reg)?),
            Val::Named(ty, reg, names) => Val::Named(ty, copied(self, ty, reg)?, names),
            Val::Veiled(ty, reg, sides) => Val::Veiled(ty, copied(self, ty, reg)?, sides),
            Val::Blank(ty, reg, sides) => Val::Blank(ty, copied(self, ty, reg)?, sides),
            Val::Made(number) => {
                let mut made = self.made(number);
                for part in &mut made.parts {
                    *part = self.apart(*part, own, node)?;
                }
                made.var = None;
                self.made_value(made, node)?
            }
            other => other,
        })
    }

    /// The registers of a value.
    pub(super) fn registers(&self, value: Val, found: &mut Vec<(File, Reg)>) {
        match value {
            Val::Is(ty, reg)
            | Val::Named(ty, reg, _)
            | Val::Veiled(ty, reg, _)
            | Val::Blank(ty, reg, _) => {
                found.push((file(ty), reg));
            }
            Val::Made(number) => {
                for part in &self.made_lists[usize::from(number)].parts {
                    self.registers(*part, found);
                }
            }
            _ => {}
        }
    }

    /// The value of two ways, of which registers are still to be found.
    pub(super) fn common_value(&mut self, a: Val, b: Val, node: &Node) -> Lowered<Val> {
        let (Val::Made(a), Val::Made(b)) = (a, b) else {
            return Ok(common(a, b));
        };
        let (mut a, b) = (self.made(a), self.made(b));
        if (a.names, a.frame, a.more) != (b.names, b.frame, b.more)
            || a.parts.len() != b.parts.len()
        {
            return Ok(UNKNOWN);
        }
        for (x, y) in a.parts.iter_mut().zip(b.parts) {
            *x = self.common_value(*x, y, node)?;
        }
        a.var = None;
        self.made_value(a, node)
    }

    /// The same kind of value in temporary registers.
    pub(super) fn somewhere(&mut self, value: Val, node: &Node) -> Lowered<Val> {
        Ok(match value {
            Val::Is(ty, _) => Val::Is(ty, self.temp(ty, node)?),
            Val::Named(ty, _, names) => Val::Named(ty, self.temp(ty, node)?, names),
            Val::Veiled(ty, _, sides) => Val::Veiled(ty, self.temp(ty, node)?, sides),
            Val::Made(number) => {
                let mut made = self.made(number);
                for part in &mut made.parts {
                    *part = self.somewhere(*part, node)?;
                }
                self.made_value(made, node)?
            }
            other => other,
        })
    }

    /// Code that moves a value to where the common one is.
    pub(super) fn moves(&self, to: Val, from: Val, temp: Option<bool>, code: &mut Vec<Stmt>) {
        match (to, from) {
            (Val::Made(to), Val::Made(from)) => {
                let (to, from) = (
                    &self.made_lists[usize::from(to)],
                    &self.made_lists[usize::from(from)],
                );
                for (to, from) in to.parts.iter().zip(&from.parts) {
                    self.moves(*to, *from, None, code);
                }
            }
            (
                Val::Is(ty, to) | Val::Named(ty, to, _) | Val::Veiled(ty, to, _),
                Val::Is(from, reg) | Val::Named(from, reg, _) | Val::Veiled(from, reg, _),
            ) if ty != from || to != reg => {
                let temp = temp.unwrap_or(false);
                code.push(Stmt::Op(moved(ty, to, from, reg, temp)));
            }
            _ => {}
        }
    }

    /// `list(a = x, y)`.
    pub(super) fn list(&mut self, args: &[crate::tree::Arg], node: &Node) -> Lowered<Val> {
        let mut parts = Vec::new();
        for arg in args {
            if arg.value.kind == Kind::Missing {
                return Err(refuse(node, "an argument is left out"));
            }
            match self.value(&arg.value, None)? {
                Val::Gone => return Ok(Val::Gone),
                value => parts.push(value),
            }
        }
        let names = if args.iter().all(|arg| arg.name.is_none()) {
            None
        } else {
            let names = args.iter().map(|arg| arg.name.clone().unwrap_or_default());
            Some(self.row_of(names.collect(), node)?)
        };
        self.made_value(
            Made {
                names,
                parts,
                frame: false,
                more: false,
                var: None,
            },
            node,
        )
    }

    /// The place of an element: `Ok(None)` where there is none, and R gives `NULL`.
    pub(super) fn place_in(&self, made: &Made, step: &Step, node: &Node) -> Lowered<Option<usize>> {
        match step {
            Step::At(_) if made.more && !made.frame => Err(refuse(node, OPAQUE)),
            Step::At(at) => match usize::try_from(*at) {
                Ok(at) if (1..=made.parts.len()).contains(&at) => Ok(Some(at - 1)),
                _ => Err(refuse(node, format!("a list has no element {at}"))),
            },
            Step::Name(name) => {
                let Some(names) = made.names.map(|names| &self.rows[usize::from(names)]) else {
                    return Ok(None);
                };
                if name.is_empty() {
                    return Err(refuse(node, "an empty name"));
                }
                Ok(names.iter().position(|known| known == name))
            }
        }
    }

    /// An element of a list that the code has made. partial: by the beginning of a name, too.
    pub(super) fn step_made(
        &mut self,
        number: u16,
        step: &Step,
        partial: bool,
        node: &Node,
    ) -> Lowered<Val> {
        let made = self.made(number);
        let Some(k) = self.place_in(&made, step, node)? else {
            let Step::Name(name) = step else {
                return Ok(Val::Null);
            };
            let names = made.names.map(|names| &self.rows[usize::from(names)]);
            let mut names = names.into_iter().flatten();
            if partial && names.any(|known| known.starts_with(name.as_str())) {
                return Err(refuse(node, "the name of an element is not whole"));
            }
            if made.more && !made.frame {
                return Err(refuse(node, OPAQUE));
            }
            return Ok(Val::Null);
        };
        if let (Val::Mixed(..), Some(var)) = (made.parts[k], made.var) {
            // Perhaps a loop that does not turn is the reason.
            let hidden = self.hidden(var, k);
            self.mixed = Some(hidden);
        }
        Ok(made.parts[k])
    }

    /// The elements of a list and their names; `None` of other values.
    #[allow(clippy::type_complexity)]
    pub(super) fn elements_of_list(
        &mut self,
        value: Val,
        node: &Node,
    ) -> Lowered<Option<(Option<Vec<String>>, Vec<Val>)>> {
        match value {
            Val::Made(number) => {
                let made = self.made(number);
                if made.more && !made.frame {
                    return Err(refuse(node, OPAQUE));
                }
                let names = made
                    .names
                    .map(|names| self.rows[usize::from(names)].clone());
                Ok(Some((names, made.parts)))
            }
            Val::Part(number) => {
                let Some(steps) = self.steps_of(number) else {
                    return Ok(None);
                };
                let names = self.labels_of(number, node)?;
                let mut parts = Vec::new();
                for step in steps {
                    parts.push(self.step(number, step, node)?);
                }
                Ok(Some((names, parts)))
            }
            _ => Ok(None),
        }
    }

    /// A list of the surroundings as one that the code has made. What cannot be read there may not
    /// be read later.
    pub(super) fn taken_to_pieces(&mut self, number: u16, node: &Node) -> Lowered<Option<Val>> {
        let frame = self.is_frame(number);
        let names = match self.labels_of(number, node)? {
            Some(names) => Some(self.row_of(names, node)?),
            None => None,
        };
        let Some(steps) = self.steps_of(number) else {
            return Ok(None);
        };
        let mut parts = Vec::new();
        for step in steps {
            let block = self.block.len();
            let part = match self.step(number, step, node) {
                Ok(Val::Part(inner)) if !frame => {
                    self.taken_to_pieces(inner, node)?.unwrap_or(UNKNOWN)
                }
                Ok(Val::Is(ty, reg)) if frame => {
                    let (ty, reg) = self.as_vector(ty, reg, node)?;
                    Val::Is(ty, reg)
                }
                Ok(value) if !frame => value,
                _ => {
                    self.block.truncate(block);
                    UNKNOWN
                }
            };
            parts.push(part);
        }
        // A column tells how many rows there are.
        if frame && !parts.iter().any(|part| matches!(part, Val::Is(..))) {
            return Ok(None);
        }
        let made = Made {
            names,
            parts,
            frame,
            more: frame && !self.has_plain_rows(number),
            var: None,
        };
        self.made_value(made, node).map(Some)
    }

    /// The number of rows of a data frame that the code has made.
    pub(super) fn rows_made(&mut self, made: &Made, node: &Node) -> Lowered<Reg> {
        for part in &made.parts {
            if let Val::Is(..) = part {
                return self.length(*part, node);
            }
        }
        Err(refuse(node, "a data frame without columns of numbers"))
    }
}

pub(super) fn hidden_name(name: &str, k: usize) -> String {
    format!("{name}\0{k}")
}
