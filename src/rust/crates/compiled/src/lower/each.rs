//! Functions of all elements of a list or of all columns of a data frame, of which it is known how
//! many there are: `sapply(d, mean)`, `colMeans(d[rows, ])`, `as.matrix(d)`, `do.call(f, list(...))`.

use std::rc::Rc;

use super::apply::{Maker, MADE};
use super::inline::Callee;
use super::made::{Made, UNKNOWN};
use super::matrix::place;
use super::several::as_function;
use super::*;
use crate::code::{Bind, Compare, Extra, Margin};
use crate::tree::Arg;

/// Places of code have numbers below this; each copy of a piece has one of its own above.
const COPIES: u32 = 22;

/// The place of the piece that was copied.
pub(super) fn original(place: u32) -> u32 {
    place & ((1 << COPIES) - 1)
}

impl Lower<'_> {
    /// A matrix of the columns of a data frame, and its names of columns; `None` of other values.
    pub(super) fn matrix_of_frame(
        &mut self,
        value: Val,
        node: &Node,
    ) -> Lowered<Option<(Type, Reg, u16)>> {
        let frame = match value {
            Val::Made(number) => self.made(number).frame,
            Val::Part(number) => self.is_frame(number),
            _ => false,
        };
        if !frame {
            return Ok(None);
        }
        let Some((Some(names), parts)) = self.elements_of_list(value, node)? else {
            return Err(refuse(node, "a data frame of many columns, or of none"));
        };
        let mut columns = Vec::new();
        for part in parts {
            match part {
                Val::Is(ty, reg) if !ty.is_matrix() => columns.push((ty, reg)),
                _ => return Err(refuse(node, "a column of this kind is not in the subset")),
            }
        }
        let (ty, reg) = self.beside(&columns, node)?;
        Ok(Some((ty, reg, self.row_of(names, node)?)))
    }

    /// A matrix of columns.
    pub(super) fn beside(&mut self, columns: &[(Type, Reg)], node: &Node) -> Lowered<(Type, Reg)> {
        let Some(element) = columns.iter().map(|(ty, _)| ty.element()).max() else {
            return Err(refuse(node, "there is nothing to bind"));
        };
        let mut parts = Vec::new();
        for (ty, reg) in columns {
            parts.push(if element == Type::Double {
                (self.as_doubles(*ty, *reg, node)?.1, false)
            } else {
                (self.as_vector(*ty, *reg, node)?.1, false)
            });
        }
        let to = self.temp(element.matrix(), node)?;
        let number = u16::try_from(self.binds.len())
            .map_err(|_| refuse(node, "the function is too long"))?;
        self.binds.push(Bind {
            to: place(element.matrix(), to),
            columns: true,
            parts,
        });
        self.emit(Op::Bind(number));
        Ok((element.matrix(), to))
    }

    /// `colMeans()` and its like of a data frame; `None` of other values.
    pub(super) fn margin_of_frame(
        &mut self,
        margin: Margin,
        value: Val,
        node: &Node,
    ) -> Lowered<Option<Val>> {
        let Some((ty, reg, names)) = self.matrix_of_frame(value, node)? else {
            return Ok(None);
        };
        let wide = self.widened(ty, reg, node)?;
        let to = self.temp(Type::Doubles, node)?;
        self.matrix_op(Mat::Margin(margin, to, wide), node)?;
        Ok(Some(match margin {
            Margin::ColSums | Margin::ColMeans => Val::Named(Type::Doubles, to, names),
            // Rows may have names.
            Margin::RowSums | Margin::RowMeans => Val::Veiled(Type::Doubles, to, None),
        }))
    }

    /// The value of a function for each element of a list.
    fn of_each(
        &mut self,
        fun: &Node,
        parts: &[Val],
        more: &[&Arg],
        node: &Node,
    ) -> Lowered<Vec<Val>> {
        let mut values = Vec::new();
        for (k, part) in (1u32..).zip(parts) {
            let make = Maker(node.place | k << COPIES);
            let name = format!("\0each{}\0{k}", node.place);
            let var = self.var(&name);
            self.assign(var, *part, node)?;
            let made = match self.made.get(&make.0) {
                Some((made, _)) => Rc::clone(made),
                None => {
                    let missing = || make.node(Kind::Missing);
                    let mut formals =
                        vec![("FUN".to_owned(), missing()), ("*x".to_owned(), missing())];
                    let mut args = vec![Arg {
                        name: None,
                        value: make.name("*x"),
                    }];
                    for (k, arg) in more.iter().enumerate() {
                        let name = format!("*{k}");
                        args.push(Arg {
                            name: arg.name.clone(),
                            value: make.name(&name),
                        });
                        formals.push((name, missing()));
                    }
                    let body = make.node(Kind::Call {
                        fun: "FUN".to_owned(),
                        args,
                    });
                    let made = Rc::new(Function { formals, body });
                    self.made.insert(make.0, (Rc::clone(&made), None));
                    made
                }
            };
            let given = |value: Node| Arg { name: None, value };
            let mut all = vec![given(as_function(fun)), given(make.name(&name))];
            all.extend(more.iter().map(|arg| given(arg.value.clone())));
            let at = make.node(Kind::Null);
            let value = self.inline("FUN", &Callee::Closure(MADE, made), &all, &at)?;
            if value == Val::Gone {
                return Ok(vec![value]);
            }
            // Registers of the function may be used again.
            let kept = self.var(&format!("\0value{}\0{k}", node.place));
            values.push(self.assign(kept, value, node)?);
        }
        Ok(values)
    }

    /// `sapply(x, f)`, `vapply()` and `lapply()` of a list whose elements are known; `None` of others.
    pub(super) fn applied_to_list(
        &mut self,
        how: &str,
        call: &super::apply::Parts<'_>,
        node: &Node,
    ) -> Lowered<Option<Val>> {
        let over = call.over;
        if !self.may_be_list(over) {
            return Ok(None);
        }
        let value = self.value(over, None)?;
        let Some((names, parts)) = self.elements_of_list(value, over)? else {
            return Err(refuse(over, "a list of which it is not known what it has"));
        };
        if parts.is_empty() {
            return Err(refuse(node, "a list without elements"));
        }
        let values = self.of_each(call.fun, &parts, &call.more, node)?;
        if values.contains(&Val::Gone) {
            return Ok(Some(Val::Gone));
        }
        let names = match names {
            Some(names) => Some(self.row_of(names, node)?),
            None => None,
        };
        if how == "lapply" {
            let made = Made {
                names,
                parts: values,
                frame: false,
                more: false,
                var: None,
            };
            return self.made_value(made, node).map(Some);
        }
        if let (Some(wanted), false) = (call.wanted, values.is_empty()) {
            let like = call.names.as_deref().unwrap_or_default();
            let fits = |value: &Val| matches!(value, Val::Is(ty, _) if ty.vector() == wanted && ty.is_scalar());
            if like.len() != 1 || !values.iter().all(fits) {
                return Err(refuse(node, "its values are not of the type of FUN.VALUE"));
            }
        }
        self.simplified(&values, names, node).map(Some)
    }

    /// What `sapply()` makes of these values.
    fn simplified(&mut self, values: &[Val], names: Option<u16>, node: &Node) -> Lowered<Val> {
        let mut single = Vec::new();
        let mut columns = Vec::new();
        let mut rows = None;
        for value in values {
            match *value {
                Val::Is(ty, reg) if ty.is_scalar() => single.push((ty, reg)),
                Val::Is(ty, reg) if !ty.is_matrix() => columns.push((ty, reg)),
                Val::Named(ty, reg, own) => {
                    columns.push((ty, reg));
                    if rows.is_some_and(|rows| rows != own) || self.rows[usize::from(own)].len() < 2
                    {
                        return Err(refuse(node, named::KEPT));
                    }
                    rows = Some(own);
                }
                _ => return Err(refuse(node, "values of this kind are not in the subset")),
            }
        }
        if columns.is_empty() {
            let (ty, reg) = self.joined(&single, node)?;
            return Ok(match names {
                Some(names) => Val::Named(ty, reg, names),
                None => Val::Is(ty, reg),
            });
        }
        let unlike = !single.is_empty()
            || rows.is_some() && values.iter().any(|value| matches!(value, Val::Is(..)));
        if unlike {
            return Err(refuse(node, "values of several kinds"));
        }
        // Of one length, which is not 1.
        let first = self.length(values[0], node)?;
        let one = self.integer(1, node)?;
        if first == one {
            return Err(refuse(node, "values of several kinds"));
        }
        self.give_up_if(Compare::Eq, first, one, "values of one element", node)?;
        for value in &values[1..] {
            let length = self.length(*value, node)?;
            self.emit(Op::SameInt(length, first));
        }
        let (ty, reg) = self.beside(&columns, node)?;
        self.with_sides((ty, reg), rows, names, node)
    }

    /// A matrix with names of its sides.
    pub(super) fn with_sides(
        &mut self,
        (ty, reg): (Type, Reg),
        rows: Option<u16>,
        columns: Option<u16>,
        node: &Node,
    ) -> Lowered<Val> {
        if rows.is_none() && columns.is_none() {
            return Ok(Val::Is(ty, reg));
        }
        let sides = (rows, columns);
        let number = match self.sides.iter().position(|known| *known == sides) {
            Some(number) => number,
            None => {
                self.sides.push(sides);
                self.sides.len() - 1
            }
        };
        let number = u16::try_from(number).map_err(|_| refuse(node, "the function is too long"))?;
        Ok(Val::Veiled(ty, reg, Some(number)))
    }

    /// `with(d, code)`: a function of the elements that the code reads.
    pub(super) fn with(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        let given = self.matched(args, &["data", "expr"], node)?;
        let (Some(data), Some(code)) = (given[0], given[1]) else {
            return Err(refuse(node, "its argument is missing"));
        };
        let value = self.value(data, None)?;
        if value == Val::Gone {
            return Ok(value);
        }
        let number = match value {
            Val::Part(number) => match self.taken_to_pieces(number, data)? {
                Some(Val::Made(number)) => number,
                _ => return Err(refuse(data, "a list of which it is not known what it has")),
            },
            Val::Made(number) => number,
            _ => return Err(refuse(data, "what is no list is not in the subset here")),
        };
        let whole = self.made(number);
        let Some(names) = whole
            .names
            .map(|names| self.rows[usize::from(names)].clone())
        else {
            return Err(refuse(data, "a list without names"));
        };
        let mut read = Vec::new();
        super::promises::names(code, &mut read);
        let make = Maker(node.place);
        let (mut formals, mut given) = (Vec::new(), Vec::new());
        for (k, name) in names.iter().enumerate() {
            if name.is_empty() || names[..k].contains(name) {
                return Err(refuse(data, "elements with the same name, or without one"));
            }
            if !read.contains(&name.as_str()) {
                continue;
            }
            let hidden = format!("\0with{}\0{k}", node.place);
            let var = self.var(&hidden);
            self.assign(var, whole.parts[k], node)?;
            formals.push((name.clone(), make.node(Kind::Missing)));
            given.push(Arg {
                name: None,
                value: make.name(&hidden),
            });
        }
        let function = match self.made.get(&make.0) {
            Some((made, _)) if made.formals == formals => Rc::clone(made),
            _ => {
                let body = code.clone();
                let function = Rc::new(Function { formals, body });
                self.made.insert(make.0, (Rc::clone(&function), None));
                function
            }
        };
        let callee = Callee::Local(self.number_of(&function, self.scope));
        self.inline("with", &callee, &given, node)
    }

    /// `outer(x, y, f)`: all pairs at once.
    pub(super) fn outer_by(
        &mut self,
        x: (Type, Reg),
        y: (Type, Reg),
        fun: &Node,
        node: &Node,
    ) -> Lowered<Val> {
        let (x, y) = (
            self.as_vector(x.0, x.1, node)?,
            self.as_vector(y.0, y.1, node)?,
        );
        let (rows, columns) = (
            self.length(Val::Is(x.0, x.1), node)?,
            self.length(Val::Is(y.0, y.1), node)?,
        );
        let count = self.temp(Type::Integer, node)?;
        self.emit(Op::MulI(count, rows, columns));
        let zero = self.integer(0, node)?;
        self.give_up_if(Compare::Eq, count, zero, "outer() without elements", node)?;
        let all = self.temp(x.0, node)?;
        self.emit(if x.0.is_double() {
            Op::RepD(all, x.1, columns, false)
        } else {
            Op::RepI(all, x.1, columns, false)
        });
        let how = if y.0.is_double() {
            Extra::EachD
        } else {
            Extra::EachI
        };
        let each = self.extra(how, y.0, [y.1, rows, 0], node)?;
        let make = Maker(node.place);
        let mut args = Vec::new();
        for (k, value) in [Val::Is(x.0, all), each].into_iter().enumerate() {
            let name = format!("\0outer{}\0{k}", node.place);
            let var = self.var(&name);
            self.assign(var, value, node)?;
            args.push(Arg {
                name: None,
                value: make.name(&name),
            });
        }
        let made = match self.made.get(&make.0) {
            Some((made, _)) => Rc::clone(made),
            None => {
                let missing = || make.node(Kind::Missing);
                let names = ["FUN", "*x", "*y"];
                let formals = names.map(|name| (name.to_owned(), missing()));
                let body = make.call("FUN", vec![make.name("*x"), make.name("*y")]);
                let formals = formals.to_vec();
                let made = Rc::new(Function { formals, body });
                self.made.insert(make.0, (Rc::clone(&made), None));
                made
            }
        };
        args.insert(
            0,
            Arg {
                name: None,
                value: as_function(fun),
            },
        );
        let value = self.inline("FUN", &Callee::Closure(MADE, made), &args, node)?;
        let (ty, reg) = match value {
            Val::Gone => return Ok(value),
            Val::Is(ty, reg) if !ty.is_matrix() => self.as_vector(ty, reg, node)?,
            _ => return Err(refuse(node, "values of this kind are not in the subset")),
        };
        let length = self.length(Val::Is(ty, reg), node)?;
        self.emit(Op::SameInt(length, count));
        let (ty, reg) = self.as_matrix((ty, reg), rows, node)?;
        Ok(Val::Is(ty, reg))
    }

    /// May it be a list? Looking does nothing.
    fn may_be_list(&mut self, node: &Node) -> bool {
        match &node.kind {
            Kind::Name(name) => self.is_list(name, node),
            Kind::Call { fun, args } => match fun.as_str() {
                "list" | "data.frame" => true,
                "(" | "[" => args.first().is_some_and(|arg| self.may_be_list(&arg.value)),
                "$" | "[[" => match args.first().map(|arg| &arg.value) {
                    Some(of) if self.may_be_list(of) => {
                        let before = std::mem::take(&mut self.block);
                        let (env, mark) = (self.env.clone(), self.live.len());
                        self.within += 1;
                        let value = self.value(node, None);
                        self.within -= 1;
                        self.block = before;
                        self.env = env;
                        self.mixed = None;
                        self.release(mark);
                        matches!(value, Ok(Val::Part(_) | Val::Made(_)))
                    }
                    _ => false,
                },
                _ => false,
            },
            _ => false,
        }
    }

    /// `unlist()` of a list of single elements.
    pub(super) fn unlisted_value(&mut self, value: Val, keep: bool, node: &Node) -> Lowered<Val> {
        let Some((names, parts)) = self.elements_of_list(value, node)? else {
            return Err(refuse(
                node,
                "it is compiled for lists only whose elements are known",
            ));
        };
        let mut all = Vec::new();
        let mut single = true;
        for part in parts {
            match part {
                Val::Is(ty, reg) => {
                    single &= ty.is_scalar();
                    all.push((ty.flat(), reg));
                }
                Val::Named(ty, reg, _) if !keep => {
                    single = false;
                    all.push((ty, reg));
                }
                _ => return Err(refuse(node, "elements of this kind are not in the subset")),
            }
        }
        if all.is_empty() {
            return Err(refuse(node, "a list without elements"));
        }
        let (ty, reg) = self.joined(&all, node)?;
        match names {
            Some(names) if keep && single => {
                let names = self.row_of(names, node)?;
                Ok(Val::Named(ty, reg, names))
            }
            // Of several elements R makes several names.
            Some(_) if keep => Err(refuse(node, named::KEPT)),
            _ => Ok(Val::Is(ty, reg)),
        }
    }

    /// `do.call(f, list(x, y))`: a call of `f`; `do.call(rbind, lapply(x, f))` is in `several.rs`.
    pub(super) fn do_call(&mut self, args: &[Arg], node: &Node) -> Lowered<Val> {
        let given = self.matched(args, &["what", "args"], node)?;
        let (Some(what), Some(list)) = (given[0], given[1]) else {
            return Err(refuse(node, "its argument is missing"));
        };
        let fun = match &what.kind {
            Kind::Name(name) | Kind::Text(name) => name.clone(),
            _ => return Err(refuse(what, "the function that it calls is computed")),
        };
        if let (Kind::Call { fun: of, args }, "rbind" | "cbind") = (&list.kind, fun.as_str()) {
            if matches!(of.as_str(), "lapply" | "Map") {
                return self.bound_values(&fun, of, args, list, node);
            }
        }
        let value = self.value(list, None)?;
        if value == Val::Gone {
            return Ok(value);
        }
        let Some((names, parts)) = self.elements_of_list(value, list)? else {
            return Err(refuse(list, "arguments that are not known"));
        };
        let make = Maker(node.place);
        let mut args = Vec::new();
        for (k, part) in parts.into_iter().enumerate() {
            let name = format!("\0call{}\0{k}", node.place);
            let var = self.var(&name);
            if part == UNKNOWN {
                return Err(refuse(list, "arguments that are not known"));
            }
            self.assign(var, part, node)?;
            let label = names.as_ref().map(|names| names[k].clone());
            args.push(Arg {
                name: label.filter(|label| !label.is_empty()),
                value: make.name(&name),
            });
        }
        let call = make.node(Kind::Call { fun, args });
        self.value(&call, None)
    }
}
