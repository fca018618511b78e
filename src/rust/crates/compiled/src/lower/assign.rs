//! Assignment: to variables, to their elements, and to parts of lists.

use super::*;
use crate::tree::Arg;

/// The variable of which a part is assigned: `of`, in the expression `at`.
pub(super) fn assigned_name<'n>(of: &'n Node, at: &Node) -> Lowered<&'n str> {
    match &of.kind {
        Kind::Name(name) => Ok(name),
        _ => Err(refuse(
            at,
            "assignment to a part of a part is not in the subset",
        )),
    }
}

impl Lower<'_> {
    pub(super) fn assignment(&mut self, target: &Node, code: &Node, node: &Node) -> Lowered<Val> {
        match &target.kind {
            Kind::Name(name) => {
                let var = self.var(name);
                let value = self.value(code, Some(var))?;
                self.assign(var, value, node)
            }
            Kind::Call { fun, args } if fun == "names" && args.len() == 1 => {
                self.assign_names(&args[0].value, code, node)
            }
            Kind::Call { fun, args }
                if (fun == "colnames" || fun == "rownames") && args.len() == 1 =>
            {
                self.within += 1;
                let done = self.assign_side(fun, &args[0].value, code, node);
                self.within -= 1;
                done
            }
            Kind::Call { fun, args } if fun == "diag" && args.len() == 1 => {
                self.within += 1;
                let done = self.assign_diagonal(&args[0].value, code, node);
                self.within -= 1;
                done
            }
            Kind::Call { fun, args } if fun == "$" && args.len() == 2 => {
                let value = self.value(code, None)?;
                match self.member_at(target)? {
                    _ if value == Val::Gone => Ok(Val::Gone),
                    Some(member) => self.assign_member(&member, value, node),
                    None => Err(refuse(target, "assignment to this is not in the subset")),
                }
            }
            Kind::Call { fun, args }
                if (fun == "[" || fun == "[[") && matches!(args.len(), 2 | 3) =>
            {
                self.check(&format!("{fun}<-"), target)?;
                self.check(fun, target)?;
                let cells = args.len() == 3;
                if cells && args.iter().any(|arg| arg.name.is_some()) {
                    return Err(refuse(node, "subscripts with names are not in the subset"));
                }
                let value = self.value(code, None)?;
                if value == Val::Gone {
                    return Ok(value);
                }
                // Parts of lists are variables of their own.
                let (mut inner, mut rows) = (None, None);
                if let Some(member) = self.member_to_assign(fun, target)? {
                    return self.assign_member(&member, value, node);
                } else if matches!(args[0].value.kind, Kind::Call { .. }) {
                    inner = self.member_at(&args[0].value)?;
                } else if cells && fun == "[" {
                    match self.cells_of_frame(target, args)? {
                        Some((member, None)) => return self.assign_member(&member, value, node),
                        Some((member, Some(by))) => (inner, rows) = (Some(member), Some(by)),
                        None => {}
                    }
                }
                if let Some(member) = inner {
                    let name = self.name_of(&member, target)?;
                    let around = self.rows_around(&member, target)?;
                    let as_name = |value: Node| Arg { name: None, value };
                    let of = Node {
                        place: args[0].value.place,
                        kind: Kind::Name(name.clone()),
                    };
                    let mut args = args.clone();
                    args[0] = as_name(of);
                    if let Some(by) = rows {
                        args = vec![args[0].clone(), as_name(by)];
                    }
                    let done = self.assign_elements_of(&name, fun, &args, value, code, node)?;
                    if let Some(n) = around {
                        self.still_fits(&name, n, node)?;
                    }
                    return Ok(done);
                }
                let name = assigned_name(&args[0].value, target)?;
                self.assign_elements_of(name, fun, args, value, code, node)
            }
            _ => Err(refuse(target, "assignment to this is not in the subset")),
        }
    }

    /// The element of a list that `x[["a"]]` or `x[[1]]` is, where `x` is a list.
    fn member_to_assign(
        &mut self,
        fun: &str,
        target: &Node,
    ) -> Lowered<Option<super::members::Member>> {
        let Kind::Call { args, .. } = &target.kind else {
            return Ok(None);
        };
        if fun != "[[" || args.len() != 2 {
            return Ok(None);
        }
        match &args[0].value.kind {
            Kind::Name(name) if self.is_list(name, &args[0].value) => self.member_at(target),
            _ => Ok(None),
        }
    }

    /// `name[i] <- value`, `name[[i]] <- value`, `name[i, j] <- value`.
    fn assign_elements_of(
        &mut self,
        name: &str,
        fun: &str,
        args: &[Arg],
        value: Val,
        code: &Node,
        node: &Node,
    ) -> Lowered<Val> {
        let cells = args.len() == 3;
        if fun == "[[" && self.gathers_here(name) && self.gathered(value, code)? {
            return Ok(Val::Null);
        }
        // Names of what is assigned to elements are dropped; what stands for sapply() keeps them.
        let named = matches!(value, Val::Named(..) | Val::Veiled(..));
        if named && self.scopes[self.scope].closure == super::apply::MADE {
            return Err(refuse(code, named::KEPT));
        }
        let value = match value {
            Val::Gone => return Ok(Val::Gone),
            Val::Is(ty, reg) | Val::Named(ty, reg, _) | Val::Veiled(ty, reg, _) => (ty, reg),
            Val::Null => return Err(refuse(code, "NULL is assigned to an element")),
            value => match self.plain_number(value, code)? {
                Some(found) => found,
                None => return Ok(Val::Gone),
            },
        };
        self.within += 1;
        let done = if cells {
            self.assign_cells(name, fun, args, value, code, node)
        } else {
            self.assign_part(name, fun, args, value, code, node)
        };
        self.within -= 1;
        // The value of the assignment itself has them still.
        if named {
            done.map(|_| Val::Mixed(Type::Null, Type::Null))
        } else {
            done
        }
    }
}
