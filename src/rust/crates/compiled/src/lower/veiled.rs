//! Vectors and matrices that may have names which are not known here: those that were captured
//! with names of rows or columns, and what is made of them. Numbers computed from them do not
//! depend on these. Where the value of the function would have such names, R must make it.

use super::apply::MADE;
use super::named::Names;
use super::*;

impl Lower<'_> {
    /// A value whose names, where it may have some, do not matter to what follows; and whether
    /// there may be some. `None` when it is never reached.
    #[allow(clippy::type_complexity)]
    pub(super) fn opened(&mut self, node: &Node) -> Lowered<Option<((Type, Reg), Names)>> {
        let value = self.value(node, None)?;
        self.open_value(value, node)
    }

    /// The same of the value of `node`.
    #[allow(clippy::type_complexity)]
    pub(super) fn open_value(
        &self,
        value: Val,
        node: &Node,
    ) -> Lowered<Option<((Type, Reg), Names)>> {
        match value {
            Val::Veiled(ty, reg, _) => Ok(Some(((ty, reg), Names::Veiled))),
            value => Ok(self
                .plain_number(value, node)?
                .map(|found| (found, Names::None))),
        }
    }

    /// As number(), of what may have names.
    pub(super) fn unnamed_number(&mut self, node: &Node) -> Lowered<Option<(Type, Reg)>> {
        let found = self.without_names(node)?;
        if found.is_some_and(|(ty, _)| ty.is_matrix()) {
            return Err(refuse(node, "a matrix is not in the subset here"));
        }
        Ok(found)
    }

    /// The same value with names that are not known.
    pub(super) fn veil(value: Val, veiled: bool) -> Val {
        match value {
            Val::Is(ty, reg) if veiled && !ty.is_scalar() => Val::Veiled(ty, reg, None),
            value => value,
        }
    }

    /// Is it a variable of the code that stands for `sapply()` and its like?
    pub(super) fn in_made(&self, var: Var) -> bool {
        self.scopes[self.names[var].0].closure == MADE
    }
}
