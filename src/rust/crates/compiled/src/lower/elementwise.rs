//! Calls of R's functions whose result has an element for each of an argument.

use super::*;
use crate::code::{Along, Arith};
use crate::tree::Arg;

impl Lower<'_> {
    pub(super) fn choose(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        let given = self.matched(args, &["test", "yes", "no"], node)?;
        let [Some(test), Some(yes), Some(no)] = given[..] else {
            return Err(refuse(node, "it needs three arguments"));
        };
        if self.draws(yes) || self.draws(no) {
            return Err(refuse(
                node,
                "random numbers within ifelse() are not in the subset",
            ));
        }
        let Some((of, test_reg)) = self.any_number(test)? else {
            return Ok(Val::Gone);
        };
        let (shape, of) = self.unshaped(of, test_reg, node)?;
        if of.element() != Type::Logical {
            return Err(refuse(test, "the test of ifelse() is not logical"));
        }
        let (Some((a, x)), Some((b, y))) = (self.elements(yes)?, self.elements(no)?) else {
            return Ok(Val::Gone);
        };
        if a.element() != b.element() {
            return Err(refuse(
                node,
                "ifelse() of two types: which one it has depends on the test",
            ));
        }
        let (_, test_reg) = self.as_vector(of, test_reg, node)?;
        let (ty, x) = self.as_vector(a, x, node)?;
        let (_, y) = self.as_vector(b, y, node)?;
        let to = self.temp(ty, node)?;
        self.emit(if ty.is_double() {
            Op::ChooseD(to, test_reg, x, y)
        } else {
            Op::ChooseI(to, test_reg, x, y)
        });
        if !of.is_scalar() {
            return self.shaped(Val::Is(ty, to), shape, node);
        }
        let (ty, to) = self.only(ty, to, node)?;
        Ok(Val::Is(ty, to))
    }

    pub(super) fn is_na(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        let x = self.one(args, node)?;
        let Some(((ty, reg), names)) = self.opened(x)? else {
            return Ok(Val::Gone);
        };
        let (shape, ty) = self.unshaped(ty, reg, node)?;
        let value = self.is_na_flat(ty, reg, node)?;
        let value = self.shaped(value, shape, node)?;
        Ok(super::named::with_names(value, names))
    }

    fn is_na_flat(&mut self, ty: Type, reg: Reg, node: &Node) -> Lowered<Val> {
        match ty {
            Type::Double => {
                let to = self.temp(Type::Logical, node)?;
                self.emit(Op::IsNaD(to, reg));
                Ok(Val::Is(Type::Logical, to))
            }
            // Integers are never missing here.
            _ if ty.is_scalar() => Ok(Val::Is(Type::Logical, self.integer(0, node)?)),
            _ => {
                let to = self.temp(Type::Logicals, node)?;
                self.emit(if ty.is_double() {
                    Op::AlongD(Along::IsNa, to, reg)
                } else {
                    Op::AlongI(Along::IsNa, to, reg)
                });
                Ok(Val::Is(Type::Logicals, to))
            }
        }
    }

    /// A flag that is known when the code is compiled.
    pub(super) fn flag(
        &mut self,
        code: Option<&Node>,
        default: bool,
        node: &Node,
    ) -> Lowered<bool> {
        let Some(code) = code else {
            return Ok(default);
        };
        if let Val::Is(Type::Logical, reg) = self.value(code, None)? {
            if let Some((value, _)) = self.constants_i.iter().find(|(_, known)| **known == reg) {
                return Ok(*value != 0);
            }
        }
        Err(refuse(
            node,
            "an argument that must be TRUE or FALSE is computed",
        ))
    }

    pub(super) fn sorted(&mut self, fun: &str, args: &[Arg], node: &Node) -> Lowered<Val> {
        // order() takes any number of vectors: the flag has its name there.
        let mut given = Vec::new();
        let mut down = None;
        for arg in args {
            match arg.name.as_deref() {
                Some("decreasing") => down = Some(&arg.value),
                None => given.push(&arg.value),
                Some("x") if fun == "sort" => given.insert(0, &arg.value),
                Some(name) => {
                    return Err(refuse(
                        node,
                        format!("its argument `{name}` is not in the subset"),
                    ))
                }
            }
        }
        if fun == "sort" && given.len() == 2 && down.is_none() {
            down = given.pop();
        }
        let [x] = given[..] else {
            return Err(refuse(node, "several vectors are not in the subset"));
        };
        let found = if fun == "order" {
            self.unnamed_number(x)?
        } else {
            self.number(x)?
        };
        let Some((ty, reg)) = found else {
            return Ok(Val::Gone);
        };
        if ty.element() == Type::Logical {
            return Err(refuse(node, "it is compiled for numbers only"));
        }
        let down = self.flag(down, false, node)?;
        let (ty, reg) = self.as_vector(ty, reg, node)?;
        let how = match (fun, down) {
            ("sort", false) => Along::Sort,
            ("sort", true) => Along::SortDown,
            (_, false) => Along::Order,
            (_, true) => Along::OrderDown,
        };
        let out = if fun == "sort" { ty } else { Type::Integers };
        self.emit_along(how, ty, reg, out, node)
    }

    pub(super) fn converted(&mut self, fun: &str, args: &[Arg], node: &Node) -> Lowered<Val> {
        let x = self.one(args, node)?;
        // All of them drop names.
        let Some((ty, reg)) = self.without_names(x)? else {
            return Ok(Val::Gone);
        };
        let ty = ty.flat();
        if fun == "as.vector" {
            return Ok(Val::Is(ty, reg));
        }
        if fun != "as.integer" {
            return Ok(if ty.is_scalar() {
                Val::Is(Type::Double, self.as_double(ty, reg, node)?)
            } else {
                Val::Is(Type::Doubles, self.as_doubles(ty, reg, node)?.1)
            });
        }
        match ty {
            Type::Double => {
                let to = self.temp(Type::Integer, node)?;
                self.emit(Op::ToInt(to, reg));
                Ok(Val::Is(Type::Integer, to))
            }
            Type::Doubles => {
                let to = self.temp(Type::Integers, node)?;
                self.emit(Op::ToIntV(to, reg));
                Ok(Val::Is(Type::Integers, to))
            }
            _ if ty.is_scalar() => Ok(Val::Is(Type::Integer, reg)),
            _ => Ok(Val::Is(Type::Integers, reg)),
        }
    }

    /// `pmin()`, `pmax()` of two.
    pub(super) fn parallel(&mut self, least: bool, args: &[Arg], node: &Node) -> Lowered<Val> {
        let [a, b] = args else {
            return Err(refuse(node, "it is compiled for two arguments"));
        };
        if a.name.is_some() || b.name.is_some() || (self.draws(&a.value) && self.draws(&b.value)) {
            return Err(refuse(node, "its arguments are not in the subset"));
        }
        let Some([a, b]) = self.two(args)? else {
            return Ok(Val::Gone);
        };
        // The result has the shape of the first.
        if b.0.is_matrix() && !a.0.is_matrix() {
            return Err(refuse(&args[1].value, "a matrix is not in the subset here"));
        }
        let (shape, (ta, x), (tb, y)) = self.conformed(a, b, node)?;
        if ta.element() == Type::Logical || tb.element() == Type::Logical {
            return Err(refuse(node, "it is compiled for numbers only"));
        }
        let how = if least { Arith::Min } else { Arith::Max };
        let value = self.arith(how, (ta, x), (tb, y), None, node)?;
        self.shaped(value, shape, node)
    }
}
