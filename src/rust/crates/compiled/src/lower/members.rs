//! Changes of lists and data frames that the code has made, or that were captured: `out$a <- x`,
//! `out[["a"]] <- x`, `fit$beta[k] <- x`, `d[rows, "y"] <- x`.

use super::made::{hidden_name, Made};
use super::*;
use crate::tree::{Arg, Step};

/// A part of a list that is assigned to.
pub(super) struct Member {
    /// The variable with the list.
    var: Var,
    step: Step,
}

impl Lower<'_> {
    /// The list in a variable of the present scope, where it may be changed.
    fn own_list(&mut self, name: &str, node: &Node) -> Lowered<Option<(Var, Made)>> {
        let at = Node {
            place: node.place,
            kind: Kind::Name(name.to_owned()),
        };
        let value = self.value(&at, None)?;
        let var = self.var(name);
        let value = match value {
            Val::Made(number) if self.made(number).var == Some(var) => value,
            Val::Made(_) => self.assign(var, value, node)?,
            Val::Part(number) => match self.taken_to_pieces(number, node)? {
                Some(value) => self.assign(var, value, node)?,
                None => return Err(super::lists::no_number(node)),
            },
            _ => return Ok(None),
        };
        match value {
            Val::Made(number) if self.made(number).more && !self.made(number).frame => {
                Err(refuse(node, super::made::OPAQUE))
            }
            Val::Made(number) => Ok(Some((var, self.made(number)))),
            _ => Ok(None),
        }
    }

    /// The part of a list that `x$a`, `x[["a"]]` or `x$a$b` is; `None` where `x` is no list.
    pub(super) fn member_at(&mut self, target: &Node) -> Lowered<Option<Member>> {
        let Kind::Call { fun, args } = &target.kind else {
            return Ok(None);
        };
        let ("$" | "[[", [of, by]) = (fun.as_str(), args.as_slice()) else {
            return Ok(None);
        };
        if by.name.is_some() || of.name.is_some() {
            return Err(refuse(
                target,
                "subscripts with names are not in the subset",
            ));
        }
        let found = match &of.value.kind {
            Kind::Name(name) => self.own_list(name, &of.value)?,
            _ => match self.member_at(&of.value)? {
                Some(member) => {
                    let name = self.name_of(&member, &of.value)?;
                    self.own_list(&name, &of.value)?
                }
                None => return Ok(None),
            },
        };
        let Some((var, _)) = found else {
            if fun == "$" {
                let why = "`$<-` of what is no list that the code has made";
                return Err(refuse(target, why));
            }
            return Ok(None);
        };
        self.check(fun, target)?;
        self.check(&format!("{fun}<-"), target)?;
        let step = if fun == "$" {
            match &by.value.kind {
                Kind::Name(name) | Kind::Text(name) => Step::Name(name.clone()),
                _ => return Err(refuse(target, "the name of the element is computed")),
            }
        } else {
            match self.constant_step(&by.value)? {
                Some(step) => step,
                None => {
                    let why =
                        "elements of lists are assigned by names or numbers that the code has only";
                    return Err(refuse(target, why));
                }
            }
        };
        Ok(Some(Member { var, step }))
    }

    /// The name of the variable that an element is which is there.
    pub(super) fn name_of(&mut self, member: &Member, node: &Node) -> Lowered<String> {
        let made = self.list_in(member.var, node)?;
        match self.place_in(&made, &member.step, node)? {
            Some(k) => Ok(hidden_name(&self.names[member.var].1.clone(), k)),
            None => Err(refuse(node, "a part of an element that is not there")),
        }
    }

    fn list_in(&mut self, var: Var, node: &Node) -> Lowered<Made> {
        match self.known_value(var, "", node)? {
            Some(Val::Made(number)) => Ok(self.made(number)),
            _ => Err(refuse(node, "it is no list here")),
        }
    }

    /// Assigns a value to an element of a list.
    pub(super) fn assign_member(
        &mut self,
        member: &Member,
        value: Val,
        node: &Node,
    ) -> Lowered<Val> {
        let mut made = self.list_in(member.var, node)?;
        let value = match value {
            Val::Gone => return Ok(value),
            Val::Null if made.frame => {
                return Err(refuse(node, "a column is removed"));
            }
            value if made.frame => self.as_column(value, &made, node)?,
            value => value,
        };
        let place = match &member.step {
            // The next one behind the last is appended.
            Step::At(at) if usize::try_from(*at) == Ok(made.parts.len() + 1) && !made.frame => None,
            step => self.place_in(&made, step, node)?,
        };
        match (place, value) {
            (Some(k), Val::Null) => {
                made.parts.remove(k);
                if let Some(names) = made.names {
                    let mut left = self.rows[usize::from(names)].clone();
                    left.remove(k);
                    made.names = Some(self.row_of(left, node)?);
                }
                made.var = None;
                let whole = self.made_value(made, node)?;
                self.assign(member.var, whole, node)?;
                Ok(value)
            }
            (None, Val::Null) => Ok(value),
            (Some(k), value) => {
                let hidden = self.hidden(member.var, k);
                self.assign(hidden, value, node)
            }
            (None, value) => {
                let count = made.parts.len();
                let name = match &member.step {
                    Step::Name(name) => name.clone(),
                    Step::At(_) => String::new(),
                };
                let names = match made.names {
                    Some(names) => Some(self.rows[usize::from(names)].clone()),
                    None if name.is_empty() => None,
                    None => Some(vec![String::new(); count]),
                };
                made.names = match names {
                    Some(mut names) => {
                        names.push(name);
                        Some(self.row_of(names, node)?)
                    }
                    None => None,
                };
                made.parts.push(value);
                made.var = None;
                let whole = self.made_value(made, node)?;
                self.assign(member.var, whole, node)?;
                let hidden = self.hidden(member.var, count);
                Ok(self.known_value(hidden, "", node)?.unwrap_or(Val::Null))
            }
        }
    }

    /// The number of rows of the data frame of which the variable of that name is a column: it may
    /// not become longer.
    pub(super) fn rows_around(&mut self, member: &Member, node: &Node) -> Lowered<Option<Reg>> {
        let made = self.list_in(member.var, node)?;
        if !made.frame {
            return Ok(None);
        }
        let n = self.rows_made(&made, node)?;
        let kept = self.temp(Type::Integer, node)?;
        self.emit(Op::MoveI(kept, n));
        Ok(Some(kept))
    }

    /// The column still has so many elements.
    pub(super) fn still_fits(&mut self, name: &str, n: Reg, node: &Node) -> Lowered<()> {
        let var = self.var(name);
        match self.known_value(var, "", node)? {
            Some(value @ Val::Is(..)) => {
                let length = self.length(value, node)?;
                self.emit(Op::SameInt(length, n));
                Ok(())
            }
            _ => Err(refuse(node, "a column of this kind is not in the subset")),
        }
    }

    /// `d[rows, "y"] <- v` as `d$y[rows] <- v`, and `d[, "y"] <- v` as `d[["y"]] <- v`; `None` where
    /// `d` is no data frame.
    pub(super) fn cells_of_frame(
        &mut self,
        target: &Node,
        args: &[Arg],
    ) -> Lowered<Option<(Member, Option<Node>)>> {
        let [of, rows, column] = args else {
            return Ok(None);
        };
        let Kind::Name(name) = &of.value.kind else {
            return Ok(None);
        };
        if !self.is_list(name, &of.value) {
            return Ok(None);
        }
        let Some((var, made)) = self.own_list(name, &of.value)? else {
            return Ok(None);
        };
        if !made.frame {
            return Err(refuse(target, "two subscripts of what is no data frame"));
        }
        let Some(step) = self.constant_step(&column.value)? else {
            return Err(refuse(target, "the column is computed"));
        };
        let rows = (rows.value.kind != Kind::Missing).then(|| rows.value.clone());
        Ok(Some((Member { var, step }, rows)))
    }

    /// Is the variable a list?
    pub(super) fn is_list(&mut self, name: &str, node: &Node) -> bool {
        let mut scope = self.scope;
        loop {
            let state = self.find(scope, name).and_then(|var| self.state(var));
            match (state, self.scopes[scope].parent) {
                (Some(State::Made(_) | State::Part(_)), _) => return true,
                (Some(_), _) => return false,
                (None, Some(parent)) => scope = parent,
                (None, None) => break,
            }
        }
        let closure = self.scopes[scope].closure;
        if closure == super::apply::MADE {
            return false;
        }
        matches!(self.captured(scope, name, node), Ok(Val::Part(_)))
    }
}
