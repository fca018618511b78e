//! Expressions: names, constants, assignment, operators.

use super::control::mixed_value;
use super::inline::Callee;
use super::lists::{no_number, Count};
use super::named::{with_names, Names};
use super::*;
use crate::code::{Arith, Compare};
use crate::tree::Arg;

pub(super) const MISSING: &str = "a missing value is not in the subset";

/// Expressions within expressions, those of functions that are called in place included:
/// every level takes some of the stack.
const DEEPEST: usize = 500;

/// The code that is run in `tryCatch(code, error = function(e) ...)` and the like, whose handlers
/// are there in the code.
fn guarded<'a>(fun: &str, args: &'a [Arg]) -> Option<&'a Node> {
    let mut code = None;
    for arg in args {
        let handler = matches!(arg.value.kind, Kind::Function(_));
        match arg.name.as_deref() {
            None | Some("expr") if code.is_none() => code = Some(&arg.value),
            Some("error" | "warning" | "message" | "condition" | "interrupt")
                if fun == "tryCatch" && handler => {}
            Some("silent") if fun == "try" && matches!(arg.value.kind, Kind::Logical(_)) => {}
            _ => return None,
        }
    }
    code.filter(|code| code.kind != Kind::Missing)
}

impl Lower<'_> {
    /// Is a call of that name a call of R's own function?
    pub(super) fn check(&mut self, fun: &str, at: &Node) -> Lowered<()> {
        match self.callee(fun, at)? {
            Callee::Own => Ok(()),
            _ => Err(refuse(
                at,
                format!("`{fun}()` is not R's own function here"),
            )),
        }
    }

    pub(super) fn value(&mut self, node: &Node, hint: Option<Var>) -> Lowered<Val> {
        if self.env.is_none() {
            return Ok(Val::Gone);
        }
        if self.depth == DEEPEST {
            return Err(refuse(node, "code is nested too deeply"));
        }
        self.depth += 1;
        let value = self.value_of_kind(node, hint);
        self.depth -= 1;
        value
    }

    fn value_of_kind(&mut self, node: &Node, hint: Option<Var>) -> Lowered<Val> {
        match &node.kind {
            Kind::Double(value) => Ok(Val::Is(Type::Double, self.double(*value, node)?)),
            Kind::Integer(value) => Ok(Val::Is(Type::Integer, self.integer(*value, node)?)),
            Kind::Logical(value) => Ok(Val::Is(
                Type::Logical,
                self.integer(i32::from(*value), node)?,
            )),
            Kind::Null => Ok(Val::Null),
            Kind::Na => Err(refuse(node, MISSING)),
            Kind::Text(text) => self.text(text, node),
            Kind::Missing => Err(refuse(node, "an argument is left out")),
            Kind::Name(name) => self.variable(name, node),
            Kind::Other(what) => Err(refuse(node, format!("{what} is not in the subset"))),
            Kind::Function(_) => Err(refuse(
                node,
                "a function is compiled where it is given a name or called only; this use of it",
            )),
            Kind::Call { fun, args } => match self.callee(fun, node)? {
                Callee::Own => self.call(fun, args, hint, node),
                Callee::Renamed(name) => self.call(&name, args, hint, node),
                callee => {
                    self.within += 1;
                    let value = self.inline(fun, &callee, args, node);
                    self.within -= 1;
                    value
                }
            },
        }
    }

    pub(super) fn variable(&mut self, name: &str, node: &Node) -> Lowered<Val> {
        let mut scope = self.scope;
        loop {
            if let Some(var) = self.find(scope, name) {
                if let Some(value) = self.known(var, name, node)? {
                    return Ok(value);
                }
            }
            match self.scopes[scope].parent {
                Some(parent) => scope = parent,
                None => return self.captured(scope, name, node),
            }
        }
    }

    /// The value of a variable that is known here.
    fn known(&mut self, var: Var, name: &str, node: &Node) -> Lowered<Option<Val>> {
        let value = self.known_value(var, name, node)?;
        if let Some(Val::Veiled(..) | Val::Named(..)) = value {
            self.veiled_over |= super::several::gives_names(name) && self.in_made(var);
        }
        Ok(value)
    }

    pub(super) fn known_value(
        &mut self,
        var: Var,
        name: &str,
        node: &Node,
    ) -> Lowered<Option<Val>> {
        match self.env.as_ref().and_then(|env| env.get(&var)).copied() {
            Some(State::Is(Type::Null)) => Ok(Some(Val::Null)),
            Some(State::Is(ty)) => Ok(Some(Val::Is(ty, self.reg(var, ty, node)?))),
            Some(State::Named(ty, names)) => {
                Ok(Some(Val::Named(ty, self.reg(var, ty, node)?, names)))
            }
            Some(State::Waiting) => self.force(var, name, node).map(Some),
            Some(State::Part(number)) => Ok(Some(Val::Part(number))),
            Some(State::Text(row)) => Ok(Some(Val::Text(row))),
            Some(State::Blank(ty, sides)) => {
                Ok(Some(Val::Blank(ty, self.reg(var, ty, node)?, sides)))
            }
            Some(State::Made(shape)) => self.made_in(var, shape, node).map(Some),
            Some(State::Veiled(ty, sides)) => {
                Ok(Some(Val::Veiled(ty, self.reg(var, ty, node)?, sides)))
            }
            Some(State::Function(_)) => Err(refuse(
                node,
                format!("`{name}` is a function, which is compiled where it is called only"),
            )),
            Some(State::Perhaps) if self.promises.contains_key(&var) => Err(refuse(
                node,
                format!("whether the argument `{name}` has been evaluated depends on the way the code takes"),
            )),
            Some(State::Perhaps) => {
                // Perhaps only where a loop does not turn.
                self.mixed = Some(var);
                Err(refuse(
                    node,
                    format!("`{name}` is not assigned on every way to here"),
                ))
            }
            Some(State::Mixed(a, b)) => {
                self.mixed = Some(var);
                Err(mixed_value(node, a, b))
            }
            None => match self.withheld.get(&var) {
                Some(why) => Err(refuse(node, why.clone())),
                None => Ok(None),
            },
        }
    }

    /// The value of a variable of where the function was written whose scope this is.
    pub(super) fn captured(&mut self, scope: usize, name: &str, node: &Node) -> Lowered<Val> {
        let closure = self.scopes[scope].closure;
        if closure == super::apply::MADE {
            return Err(refuse(node, "an argument is left out"));
        }
        let key = (closure, name.to_owned());
        if let Some((ty, reg, names)) = self.captured_names.get(&key) {
            return Ok(Val::Named(*ty, *reg, *names));
        }
        let found = match self.captured.get(&key) {
            Some(found) => found.clone(),
            None => {
                self.around.enter(closure);
                let found = self
                    .around
                    .variable(name)
                    .map_err(|why| refuse(node, why))?;
                if let Captured::Named(number, ty, names) = found {
                    let reg = self.fresh(file(ty), node)?;
                    self.vectors.push((reg, number, ty));
                    let names = self.row_of(names, node)?;
                    self.captured_names.insert(key, (ty, reg, names));
                    return Ok(Val::Named(ty, reg, names));
                }
                if let Captured::Sided(number, ty, rows, columns) = found {
                    let reg = self.fresh(file(ty), node)?;
                    self.vectors.push((reg, number, ty));
                    let found = Captured::Sided(usize::from(reg), ty, rows, columns);
                    let value = self.sided(&found, node)?;
                    self.captured.insert(key, found);
                    return Ok(value);
                }
                if let Captured::Veiled(number, ty) = found {
                    let reg = self.fresh(file(ty), node)?;
                    self.vectors.push((reg, number, ty));
                    self.captured
                        .insert(key, Captured::Veiled(usize::from(reg), ty));
                    return Ok(Val::Veiled(ty, reg, None));
                }
                if let Captured::Vector(number, ty) = found {
                    let reg = self.fresh(file(ty), node)?;
                    self.vectors.push((reg, number, ty));
                    self.captured
                        .insert(key, Captured::Vector(usize::from(reg), ty));
                    return Ok(Val::Is(ty, reg));
                }
                self.captured.insert(key, found.clone());
                found
            }
        };
        match found {
            Captured::Vector(reg, ty) | Captured::Named(reg, ty, _) => Ok(Val::Is(ty, reg as Reg)),
            Captured::Veiled(reg, ty) => Ok(Val::Veiled(ty, reg as Reg, None)),
            Captured::List(list) => self.whole_list(list, node),
            Captured::Sided(..) => self.sided(&found, node),
            Captured::Texts(texts) => Ok(Val::Text(self.row_of(texts, node)?)),
            Captured::Constant(kind) => {
                let place = node.place;
                self.value(&Node { place, kind }, None)
            }
        }
    }

    fn call(&mut self, fun: &str, args: &[Arg], hint: Option<Var>, node: &Node) -> Lowered<Val> {
        let n = args.len();
        match (fun, n) {
            ("{", 0) => Ok(Val::Null),
            ("{", _) => {
                for statement in &args[..n - 1] {
                    self.effect(&statement.value)?;
                }
                self.value(&args[n - 1].value, hint)
            }
            ("(", 1) => self.value(&args[0].value, hint),
            ("<-" | "=", 2) => {
                if self.within > 0 {
                    return Err(refuse(
                        node,
                        "an assignment within an argument is not in the subset",
                    ));
                }
                if let (Kind::Name(name), Kind::Function(code)) =
                    (&args[0].value.kind, &args[1].value.kind)
                {
                    self.define(name, code, node)?;
                    // The value of the assignment itself is a function.
                    return Ok(Val::Mixed(Type::Null, Type::Null));
                }
                self.assignment(&args[0].value, &args[1].value, node)
            }
            ("if", 2 | 3) => self.branch(args, hint, node),
            ("switch", 1..) => self.switch(args, hint, node),
            ("for" | "while" | "repeat", _) => self.cycle(fun, args, node),
            ("break", 0) => self.leave(true, node),
            ("next", 0) => self.leave(false, node),
            ("return", 0 | 1) => {
                if self.within > 0 {
                    return Err(refuse(node, "it stands within an argument"));
                }
                self.tail(node)?;
                Ok(Val::Gone)
            }
            // A task in which a condition is signalled is R's.
            ("tryCatch" | "try" | "suppressWarnings" | "suppressMessages", _) => {
                let code = guarded(fun, args)
                    .ok_or_else(|| refuse(node, "its arguments are not in the subset"))?;
                self.value(code, hint)
            }
            // Whatever R would tell, it tells.
            ("stop" | "warning" | "message" | "print" | "cat", _) => {
                self.give_up(match fun {
                    "stop" => "a call of stop()",
                    "warning" => "a call of warning()",
                    _ => "output",
                });
                self.env = None;
                Ok(Val::Gone)
            }
            _ => {
                self.within += 1;
                let value = self.operator(fun, args, hint, node);
                self.within -= 1;
                value
            }
        }
    }

    fn operator(
        &mut self,
        fun: &str,
        args: &[Arg],
        hint: Option<Var>,
        node: &Node,
    ) -> Lowered<Val> {
        if let Some(value) = self.known_call(fun, args, node)? {
            return Ok(value);
        }
        let arith = match fun {
            "+" => Some(Arith::Add),
            "-" => Some(Arith::Sub),
            "*" => Some(Arith::Mul),
            "/" => Some(Arith::Div),
            "^" => Some(Arith::Pow),
            "%%" => Some(Arith::Mod),
            "%/%" => Some(Arith::IntDiv),
            _ => None,
        };
        let compare = match fun {
            "<" => Some(Compare::Lt),
            "<=" => Some(Compare::Le),
            ">" => Some(Compare::Gt),
            ">=" => Some(Compare::Ge),
            "==" => Some(Compare::Eq),
            "!=" => Some(Compare::Ne),
            _ => None,
        };
        if let (Some(how), 2) = (arith, args.len()) {
            let Some((a, b, names)) = self.two_with_names(args, node)? else {
                return Ok(Val::Gone);
            };
            if let Names::Known(_) = names {
                let value = self.arith(how, a, b, None, node)?;
                return Ok(with_names(value, names));
            }
            let (shape, a, b) = self.conformed(a, b, node)?;
            let value = self.arith(how, a, b, hint, node)?;
            let value = self.shaped(value, shape, node)?;
            return Ok(with_names(value, names));
        }
        if let (Some(how), 2) = (compare, args.len()) {
            return self.compare(how, args, hint, node);
        }
        match (fun, args) {
            ("&&" | "||", [_, _]) => self.short_cut(fun == "&&", args, node),
            ("&" | "|", [_, _]) => self.logic(fun == "&", args, node),
            ("!", [one]) => self.not(&one.value, node),
            ("-" | "+", [one]) => self.sign(fun == "-", &one.value, hint, node),
            ("[" | "[[", [_, _]) => self.part(fun, args, hint, node),
            ("[" | "[[", _) => self.cells(fun, args, hint, node),
            ("$", [x, name]) => self.by_name(&x.value, &name.value, node),
            ("%in%", [_, _]) => self.found_in(fun, args, node),
            ("%*%", [_, _]) => self.product(fun, args, node),
            (":", [a, b]) => {
                let from = self.whole_number(&a.value)?;
                let to = self.whole_number(&b.value)?;
                let dest = self.temp(Type::Integers, node)?;
                self.emit(Op::Colon(dest, from, to));
                Ok(Val::Is(Type::Integers, dest))
            }
            _ => self.function(fun, args, hint, node),
        }
    }

    /// The values of two arguments, which must be numbers, or matrices; `None` when they are
    /// never reached.
    pub(super) fn two(&mut self, args: &[Arg]) -> Lowered<Option<[(Type, Reg); 2]>> {
        let a = self.any_number(&args[0].value)?;
        let b = self.any_number(&args[1].value)?;
        Ok(a.zip(b).map(|(a, b)| [a, b]))
    }

    /// A number or vector; `None` when it is never reached.
    pub(super) fn number(&mut self, node: &Node) -> Lowered<Option<(Type, Reg)>> {
        let found = self.any_number(node)?;
        if found.is_some_and(|(ty, _)| ty.is_matrix()) {
            return Err(refuse(node, "a matrix is not in the subset here"));
        }
        Ok(found)
    }

    /// A number or vector, or the elements of a matrix.
    pub(super) fn elements(&mut self, node: &Node) -> Lowered<Option<(Type, Reg)>> {
        let found = self.any_number(node)?;
        Ok(found.map(|(ty, reg)| (ty.flat(), reg)))
    }

    /// A value that is not `NULL`; `None` when it is never reached.
    pub(super) fn any_number(&mut self, node: &Node) -> Lowered<Option<(Type, Reg)>> {
        let value = self.value(node, None)?;
        self.plain_number(value, node)
    }

    pub(super) fn plain_number(&self, value: Val, node: &Node) -> Lowered<Option<(Type, Reg)>> {
        match value {
            Val::Gone => Ok(None),
            Val::Is(ty, reg) => Ok(Some((ty, reg))),
            Val::Named(..) | Val::Veiled(..) => Err(refuse(node, named::KEPT)),
            Val::Null => Err(refuse(node, "it is NULL")),
            Val::Mixed(a, b) => Err(mixed_value(node, a, b)),
            Val::Part(_) | Val::Made(_) => Err(no_number(node)),
            Val::Blank(..) => Err(refuse(node, MISSING)),
            Val::Text(_) => Err(refuse(node, "strings are not in the subset")),
        }
    }

    pub(super) fn arith(
        &mut self,
        how: Arith,
        a: (Type, Reg),
        b: (Type, Reg),
        hint: Option<Var>,
        node: &Node,
    ) -> Lowered<Val> {
        let ((a, x), (b, y)) = (a, b);
        let double = a.is_double() || b.is_double() || matches!(how, Arith::Div | Arith::Pow);
        if a.is_scalar() && b.is_scalar() {
            if !double {
                let to = self.dest(Type::Integer, hint, node)?;
                self.emit(match how {
                    Arith::Add => Op::AddI(to, x, y),
                    Arith::Sub => Op::SubI(to, x, y),
                    Arith::Mul => Op::MulI(to, x, y),
                    _ => Op::ArithI(how, to, x, y),
                });
                return Ok(Val::Is(Type::Integer, to));
            }
            let (x, y) = (self.as_double(a, x, node)?, self.as_double(b, y, node)?);
            let to = self.dest(Type::Double, hint, node)?;
            let op = self.arith_of_doubles(how, to, x, y);
            self.emit(op);
            return Ok(Val::Is(Type::Double, to));
        }
        if !double {
            let (_, x) = self.as_vector(a, x, node)?;
            let (_, y) = self.as_vector(b, y, node)?;
            let to = self.temp(Type::Integers, node)?;
            self.emit(Op::ArithVi(how, to, x, y));
            return Ok(Val::Is(Type::Integers, to));
        }
        let op = if b.is_scalar() {
            let (_, x) = self.as_doubles(a, x, node)?;
            let y = self.as_double(b, y, node)?;
            let to = self.temp(Type::Doubles, node)?;
            match how {
                Arith::Pow if self.is_two(y) => Op::ArithVd(Arith::Mul, to, x, x),
                _ => Op::ArithVdRight(how, to, x, y),
            }
        } else if a.is_scalar() {
            let x = self.as_double(a, x, node)?;
            let (_, y) = self.as_doubles(b, y, node)?;
            Op::ArithVdLeft(how, self.temp(Type::Doubles, node)?, x, y)
        } else {
            let (_, x) = self.as_doubles(a, x, node)?;
            let (_, y) = self.as_doubles(b, y, node)?;
            Op::ArithVd(how, self.temp(Type::Doubles, node)?, x, y)
        };
        self.emit(op);
        match op {
            Op::ArithVdRight(_, to, ..) | Op::ArithVdLeft(_, to, ..) | Op::ArithVd(_, to, ..) => {
                Ok(Val::Is(Type::Doubles, to))
            }
            _ => Err(refuse(node, "it cannot be read")),
        }
    }

    /// Is it the register of the constant 2? R squares by a multiplication.
    pub(super) fn is_two(&self, reg: Reg) -> bool {
        self.constants_d.get(&2f64.to_bits()) == Some(&reg)
    }

    /// The value as a double.
    pub(super) fn as_double(&mut self, ty: Type, reg: Reg, at: &Node) -> Lowered<Reg> {
        if ty == Type::Double {
            return Ok(reg);
        }
        if let Some((value, _)) = self.constants_i.iter().find(|(_, known)| **known == reg) {
            let value = f64::from(*value);
            return self.double(value, at);
        }
        let to = self.temp(Type::Double, at)?;
        self.emit(Op::Widen(to, reg));
        Ok(to)
    }

    /// The value as a vector.
    pub(super) fn as_vector(&mut self, ty: Type, reg: Reg, at: &Node) -> Lowered<(Type, Reg)> {
        if !ty.is_scalar() {
            return Ok((ty.flat(), reg));
        }
        let to = self.temp(ty.vector(), at)?;
        self.emit(if ty == Type::Double {
            Op::OneD(to, reg)
        } else {
            Op::OneI(to, reg)
        });
        Ok((ty.vector(), to))
    }

    /// The value as a vector of doubles.
    pub(super) fn as_doubles(&mut self, ty: Type, reg: Reg, at: &Node) -> Lowered<(Type, Reg)> {
        let (ty, reg) = self.as_vector(ty, reg, at)?;
        if ty == Type::Doubles {
            return Ok((ty, reg));
        }
        let to = self.temp(Type::Doubles, at)?;
        self.emit(Op::WidenV(to, reg));
        Ok((Type::Doubles, to))
    }

    /// The value as one element; a vector must have one when the code runs.
    pub(super) fn only(&mut self, ty: Type, reg: Reg, at: &Node) -> Lowered<(Type, Reg)> {
        if ty.is_scalar() {
            return Ok((ty, reg));
        }
        let to = self.temp(ty.element(), at)?;
        self.emit(if ty.is_double() {
            Op::OnlyD(to, reg)
        } else {
            Op::OnlyI(to, reg)
        });
        Ok((ty.element(), to))
    }

    /// A number without a fraction, as an integer.
    pub(super) fn whole_number(&mut self, node: &Node) -> Lowered<Reg> {
        if let Kind::Double(value) = node.kind {
            if value.fract() == 0.0 && value.abs() <= f64::from(i32::MAX) {
                return self.integer(value as i32, node);
            }
        }
        let Some((ty, reg)) = self.number(node)? else {
            return self.integer(0, node);
        };
        let (ty, reg) = self.only(ty, reg, node)?;
        self.whole(ty, reg, node)
    }

    /// One number as an integer.
    pub(super) fn whole(&mut self, ty: Type, reg: Reg, node: &Node) -> Lowered<Reg> {
        if ty != Type::Double {
            return Ok(reg);
        }
        let to = self.temp(Type::Integer, node)?;
        self.emit(Op::Whole(to, reg));
        Ok(to)
    }

    /// The number of elements.
    pub(super) fn length(&mut self, value: Val, at: &Node) -> Lowered<Reg> {
        match value {
            Val::Null => self.integer(0, at),
            Val::Is(ty, _) if ty.is_scalar() => self.integer(1, at),
            Val::Is(ty, reg)
            | Val::Named(ty, reg, _)
            | Val::Veiled(ty, reg, _)
            | Val::Blank(ty, reg, _) => {
                let to = self.temp(Type::Integer, at)?;
                self.emit(if ty.is_double() {
                    Op::Length(to, reg)
                } else {
                    Op::LengthI(to, reg)
                });
                Ok(to)
            }
            Val::Gone => self.integer(0, at),
            Val::Part(number) => self.count_of(number, Count::Length, at),
            Val::Made(number) => {
                let made = self.made(number);
                if made.more && !made.frame {
                    return Err(refuse(at, super::made::OPAQUE));
                }
                let count = made.parts.len();
                self.integer(count as i32, at)
            }
            Val::Text(row) => {
                let count = self.rows[usize::from(row)].len();
                self.integer(count as i32, at)
            }
            Val::Mixed(a, b) => Err(mixed_value(at, a, b)),
        }
    }
}
