//! From the tree of a closure to blocks of instructions, with the types of all values.
//!
//! A variable has a register for each type that it ever has, so `k <- 0L; k <- k + 1` is two
//! registers. Which of them holds it is known at every place of the code (`Env`); where ways
//! meet that know different things, a scalar becomes a vector of one element, and what cannot
//! become the other's type is `Mixed`: no error unless it is read. A loop whose first turn
//! changes types is unrolled once.

mod apply;
mod assign;
mod bound;
mod calls;
mod cells;
mod columns;
mod control;
mod curves;
mod draws;
mod each;
mod elementwise;
mod frames;
mod fused;
mod gather;
mod index;
mod inline;
mod known;
mod lists;
mod logic;
mod loops;
mod made;
mod matrix;
mod members;
mod more;
mod named;
mod promises;
mod several;
mod sides;
mod statistics;
mod values;
mod vectors;
mod veiled;
mod ways;

pub(crate) use calls::math;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::code::{Bind, Mat, Op, Out, Program, Reg};
use crate::flatten::flatten;
use crate::tree::{
    Captured, Closure, Function, Kind, Node, Refused, Step, Surroundings, Type, TASK,
};
use inline::{Frame, Scope, Who};
use promises::Promise;

/// A variable by its number.
pub(crate) type Var = usize;

/// What is known of a variable.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Is(Type),
    /// A vector with names: their number in [`Program::names`].
    Named(Type, u16),
    /// Assigned on some ways only.
    Perhaps,
    /// Of types that do not go together.
    Mixed(Type, Type),
    /// An argument that has not been evaluated yet.
    Waiting,
    /// A function that the code defines: its number among these.
    Function(usize),
    /// A list: its number among these.
    Part(u16),
    /// A vector or matrix of `NA`, which has the type of what is assigned to it; with names of its
    /// sides.
    Blank(Type, Option<u16>),
    /// Strings: their number among the names.
    Text(u16),
    /// A list that the code has made: the number of its shape.
    Made(u16),
    /// A vector or matrix that may have names; of a matrix perhaps those of its sides, by their
    /// number.
    Veiled(Type, Option<u16>),
}

impl State {
    /// Is it a value, and of one kind wherever the code comes from?
    fn has_value(&self) -> bool {
        matches!(
            self,
            State::Is(_)
                | State::Named(..)
                | State::Veiled(..)
                | State::Text(_)
                | State::Blank(..)
                | State::Made(_)
        )
    }
}

/// What is known at a place; variables that are not in it are not assigned.
type Env = BTreeMap<Var, State>;

/// Code with structure: jumps go forward out of labelled blocks, or round a loop.
#[derive(Clone, Debug)]
pub(crate) enum Stmt {
    Op(Op),
    If(Reg, Vec<Stmt>, Vec<Stmt>),
    Labelled(u32, Vec<Stmt>),
    Forever(Vec<Stmt>),
    Exit(u32),
    /// Counts, and leaves the labelled block by way of a fix when there are no more.
    Step(Reg, Reg, u32, usize),
    /// What is only known later: the code of that number among the fixes.
    Fix(usize),
}

/// The value of an expression.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Val {
    /// The place is never reached.
    Gone,
    Null,
    Is(Type, Reg),
    /// A vector with names, as many as it has elements.
    Named(Type, Reg, u16),
    Mixed(Type, Type),
    /// A list: its number among these.
    Part(u16),
    /// A vector or matrix of `NA`, which has the type of what is assigned to it; with names of its
    /// sides.
    Blank(Type, Reg, Option<u16>),
    /// Strings: their number among the names.
    Text(u16),
    /// A list that the code has made: its number among these.
    Made(u16),
    /// A vector or matrix that may have names, which nobody knows; or a matrix with those of its
    /// sides, by their number.
    Veiled(Type, Reg, Option<u16>),
}

/// The files of registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum File {
    D,
    I,
    Vd,
    Vi,
}

fn file(ty: Type) -> File {
    match ty {
        Type::Double => File::D,
        Type::Doubles | Type::DoubleMatrix => File::Vd,
        Type::Integers | Type::Logicals | Type::IntegerMatrix | Type::LogicalMatrix => File::Vi,
        Type::Integer | Type::Logical | Type::Null => File::I,
    }
}

/// The loop that code stands in.
struct Around {
    exit: u32,
    next: u32,
    exits: Vec<Way>,
    nexts: Vec<Way>,
}

/// A jump: what is known there, and its fix. `idle`: out of a loop that has not turned once.
struct Way {
    env: Env,
    fix: usize,
    idle: bool,
}

type Lowered<T> = Result<T, Refused>;

struct Lower<'s> {
    around: &'s mut dyn Surroundings,
    /// Variables: the scope in which each is, and its name.
    names: Vec<(usize, String)>,
    /// The scopes of the closure, which is the first, and of each call that is compiled in place.
    scopes: Vec<Scope>,
    scope: usize,
    /// The scope of a call by the scope and the piece of code in which it stands.
    calls: HashMap<(usize, u32, Who), usize>,
    /// Calls that are being compiled in place.
    frames: Vec<Frame>,
    promises: HashMap<Var, Promise>,
    /// Promises that are being evaluated.
    forcing: HashSet<Var>,
    /// Functions that the code defines, and where.
    functions: Vec<(std::rc::Rc<Function>, usize)>,
    /// Variables that have been functions.
    functional: HashSet<Var>,
    /// Arguments that share a register with what they were given.
    aliases: HashMap<Var, Type>,
    env: Option<Env>,
    block: Vec<Stmt>,
    fixes: Vec<Vec<Stmt>>,
    loops: Vec<Around>,
    labels: u32,
    /// How many calls the code is an argument of, whose other arguments must not see it assign.
    within: usize,
    /// Expressions that the present one is a part of.
    depth: usize,
    regs: HashMap<(Var, Type), Reg>,
    used: HashMap<File, u16>,
    free: HashMap<File, Vec<Reg>>,
    /// Temporary registers in use, in the order in which they were taken.
    live: Vec<(File, Reg)>,
    constants_d: HashMap<u64, Reg>,
    constants_i: HashMap<i32, Reg>,
    captured: HashMap<(usize, String), Captured>,
    captured_names: HashMap<(usize, String), (Type, Reg, u16)>,
    vectors: Vec<(Reg, usize, Type)>,
    /// Calls of `sapply()` and its like that are being compiled.
    gathers: Vec<gather::Gather>,
    /// Names of rows and of columns of matrices.
    sides: Vec<(Option<u16>, Option<u16>)>,
    /// Lists that the code has made, and what is known of those in variables.
    made_lists: Vec<made::Made>,
    shapes: Vec<made::Shape>,
    /// Lists, and elements of these that have been read.
    parts: Vec<lists::Part>,
    members: HashMap<(usize, Step), Val>,
    /// The registers by which parts of lists are told, by the piece of code.
    kept: HashMap<(usize, u32, File), Reg>,
    /// R's own functions that are called, by the closure whose code it is.
    checked: HashMap<usize, HashSet<String>>,
    /// Functions that stand for calls of `sapply()` and its like, by the piece of code.
    made: HashMap<u32, (std::rc::Rc<Function>, Option<Node>)>,
    /// Arguments that calls of their functions leave out, or give; `None`: that cannot be told.
    absent: HashMap<Var, Option<bool>>,
    /// Arguments without a value that can be had.
    withheld: HashMap<Var, String>,
    /// Has the code of `sapply()` and its like met elements that may have names?
    veiled_over: bool,
    /// Variables of which a loop that does not turn must not leave another type.
    firm: HashSet<Var>,
    /// The variable that was read though it is of mixed types.
    mixed: Option<Var>,
    outs: Vec<Out>,
    rows: Vec<Vec<String>>,
    matrices: Vec<Mat>,
    binds: Vec<Bind>,
    reasons: Vec<&'static str>,
    draws: bool,
    types: Vec<Vec<Type>>,
}

/// Compiles a closure.
///
/// # Errors
///
/// The first expression that is not in the subset, and why.
pub fn compile(closure: &Closure, around: &mut dyn Surroundings) -> Result<Program, Refused> {
    let mut firm = HashSet::new();
    loop {
        let mut lower = Lower::new(around, firm.clone());
        match lower.closure(closure) {
            Ok(program) => return Ok(program),
            Err(refused) => match lower.mixed.take() {
                // Perhaps the other type comes only from a loop that does not turn.
                Some(var) if firm.insert(var) => {}
                _ => {
                    return Err(Refused {
                        place: each::original(refused.place),
                        why: refused.why,
                    })
                }
            },
        }
    }
}

impl<'s> Lower<'s> {
    fn new(around: &'s mut dyn Surroundings, firm: HashSet<Var>) -> Self {
        Lower {
            around,
            names: Vec::new(),
            scopes: vec![Scope::default()],
            scope: 0,
            calls: HashMap::new(),
            frames: Vec::new(),
            promises: HashMap::new(),
            forcing: HashSet::new(),
            functions: Vec::new(),
            functional: HashSet::new(),
            aliases: HashMap::new(),
            env: Some(Env::new()),
            block: Vec::new(),
            fixes: Vec::new(),
            loops: Vec::new(),
            labels: 0,
            within: 0,
            depth: 0,
            regs: HashMap::new(),
            used: HashMap::new(),
            free: HashMap::new(),
            live: Vec::new(),
            constants_d: HashMap::new(),
            constants_i: HashMap::new(),
            captured: HashMap::new(),
            captured_names: HashMap::new(),
            vectors: Vec::new(),
            gathers: Vec::new(),
            sides: Vec::new(),
            made_lists: Vec::new(),
            shapes: Vec::new(),
            parts: Vec::new(),
            members: HashMap::new(),
            kept: HashMap::new(),
            checked: HashMap::new(),
            made: HashMap::new(),
            absent: HashMap::new(),
            withheld: HashMap::new(),
            veiled_over: false,
            firm,
            mixed: None,
            outs: Vec::new(),
            rows: Vec::new(),
            matrices: Vec::new(),
            binds: Vec::new(),
            reasons: Vec::new(),
            draws: false,
            types: Vec::new(),
        }
    }

    fn closure(&mut self, closure: &Closure) -> Lowered<Program> {
        let mut arguments = Vec::new();
        let none = Node {
            place: closure.body.place,
            kind: Kind::Null,
        };
        for (name, ty) in &closure.given {
            let var = self.var(name);
            let reg = self.reg(var, *ty, &none)?;
            arguments.push((reg, *ty));
            self.know(var, *ty);
            if let (true, Some(env)) = (closure.veiled.contains(name), &mut self.env) {
                env.insert(var, State::Veiled(*ty, None));
            }
            self.absent.insert(var, Some(false));
        }
        for (name, texts) in &closure.texts {
            let row = self.row_of(texts.clone(), &none)?;
            let var = self.var(name);
            self.assign(var, Val::Text(row), &none)?;
            self.absent.insert(var, Some(false));
        }
        for listed in &closure.lists {
            let value = if listed.each {
                let task = self.var(TASK);
                let task = self.reg(task, Type::Integer, &none)?;
                self.element_of_list(listed.list, task, &none)?
            } else {
                self.whole_list(listed.list, &none)?
            };
            let var = self.var(&listed.name);
            self.assign(var, value, &none)?;
            self.absent.insert(var, Some(false));
        }
        self.defaults(&closure.defaults, &closure.body)?;
        self.tail(&closure.body)?;
        if self.outs.is_empty() {
            let why = "every task would be given up: output and errors are made by R";
            return Err(refuse(&closure.body, why));
        }
        let code = flatten(&self.block, &self.fixes, &self.constants_i).ok_or_else(|| Refused {
            place: closure.body.place,
            why: "the function is too long".into(),
        })?;
        let used = |file| self.used.get(&file).copied().map_or(0, usize::from);
        Ok(Program {
            code,
            doubles: self
                .constants_d
                .iter()
                .map(|(bits, reg)| (*reg, f64::from_bits(*bits)))
                .collect(),
            integers: self
                .constants_i
                .iter()
                .map(|(value, reg)| (*reg, *value))
                .collect(),
            captured: std::mem::take(&mut self.vectors),
            arguments,
            vectors_d: used(File::Vd),
            vectors_i: used(File::Vi),
            outs: std::mem::take(&mut self.outs),
            matrices: std::mem::take(&mut self.matrices),
            binds: std::mem::take(&mut self.binds),
            reasons: std::mem::take(&mut self.reasons),
            names: std::mem::take(&mut self.rows),
            draws: self.draws,
            types: self
                .names
                .iter()
                .zip(std::mem::take(&mut self.types))
                .filter(|((scope, name), types)| {
                    *scope == 0 && !types.is_empty() && name != TASK && !name.contains('\0')
                })
                .map(|((_, name), types)| (name.clone(), types))
                .collect(),
        })
    }

    fn emit(&mut self, op: Op) {
        if self.env.is_some() {
            self.block.push(Stmt::Op(op));
        }
    }

    fn var(&mut self, name: &str) -> Var {
        if let Some(var) = self.find(self.scope, name) {
            return var;
        }
        self.names.push((self.scope, name.to_owned()));
        self.types.push(Vec::new());
        self.names.len() - 1
    }

    fn find(&self, scope: usize, name: &str) -> Option<Var> {
        let is = |(of, known): &(usize, String)| *of == scope && known == name;
        self.names.iter().position(is)
    }

    /// The register of a variable while it has that type.
    fn reg(&mut self, var: Var, ty: Type, at: &Node) -> Lowered<Reg> {
        if let Some(reg) = self.regs.get(&(var, ty)) {
            return Ok(*reg);
        }
        let reg = self.fresh(file(ty), at)?;
        self.regs.insert((var, ty), reg);
        Ok(reg)
    }

    fn fresh(&mut self, file: File, at: &Node) -> Lowered<Reg> {
        let used = self.used.entry(file).or_insert(0);
        let reg = Reg::try_from(*used).map_err(|_| refuse(at, "there are too many variables"))?;
        *used += 1;
        Ok(reg)
    }

    /// A register until the end of the statement.
    fn temp(&mut self, ty: Type, at: &Node) -> Lowered<Reg> {
        let file = file(ty);
        let reg = match self.free.entry(file).or_default().pop() {
            Some(reg) => reg,
            None => self.fresh(file, at)?,
        };
        self.live.push((file, reg));
        Ok(reg)
    }

    fn is_temp(&self, ty: Type, reg: Reg) -> bool {
        self.live.contains(&(file(ty), reg))
    }

    /// Gives back the temporary registers that were taken since there were `mark`.
    fn release(&mut self, mark: usize) {
        for (file, reg) in self.live.drain(mark..) {
            self.free.entry(file).or_default().push(reg);
        }
    }

    /// Where the result of one instruction goes: to the variable that it is assigned to, or a
    /// temporary register.
    fn dest(&mut self, ty: Type, hint: Option<Var>, at: &Node) -> Lowered<Reg> {
        match hint {
            Some(var) => self.reg(var, ty, at),
            None => self.temp(ty, at),
        }
    }

    fn double(&mut self, value: f64, at: &Node) -> Lowered<Reg> {
        if let Some(reg) = self.constants_d.get(&value.to_bits()) {
            return Ok(*reg);
        }
        let reg = self.fresh(File::D, at)?;
        self.constants_d.insert(value.to_bits(), reg);
        Ok(reg)
    }

    fn integer(&mut self, value: i32, at: &Node) -> Lowered<Reg> {
        if let Some(reg) = self.constants_i.get(&value) {
            return Ok(*reg);
        }
        let reg = self.fresh(File::I, at)?;
        self.constants_i.insert(value, reg);
        Ok(reg)
    }

    fn know(&mut self, var: Var, ty: Type) {
        if let Some(env) = &mut self.env {
            env.insert(var, State::Is(ty));
        }
        if !self.types[var].contains(&ty) {
            self.types[var].push(ty);
        }
    }

    /// Assigns a value to a variable; returns it.
    fn assign(&mut self, var: Var, value: Val, at: &Node) -> Lowered<Val> {
        match value {
            Val::Gone => return Ok(Val::Gone),
            Val::Null => self.know(var, Type::Null),
            Val::Mixed(a, b) => {
                if let Some(env) = &mut self.env {
                    env.insert(var, State::Mixed(a, b));
                }
            }
            Val::Veiled(ty, reg, sides) => {
                let to = self.reg(var, ty, at)?;
                self.put(ty, to, reg);
                self.know(var, ty);
                if let Some(env) = &mut self.env {
                    env.insert(var, State::Veiled(ty, sides));
                }
                return Ok(Val::Veiled(ty, to, sides));
            }
            Val::Blank(ty, reg, sides) => {
                let to = self.reg(var, ty, at)?;
                self.put(ty, to, reg);
                if let Some(env) = &mut self.env {
                    env.insert(var, State::Blank(ty, sides));
                }
                return Ok(Val::Blank(ty, to, sides));
            }
            Val::Part(number) => {
                if let Some(env) = &mut self.env {
                    env.insert(var, State::Part(number));
                }
            }
            Val::Text(row) => {
                if let Some(env) = &mut self.env {
                    env.insert(var, State::Text(row));
                }
            }
            Val::Made(number) => return self.assign_made(var, number, at),
            Val::Is(ty, reg) => {
                let to = self.reg(var, ty, at)?;
                self.put(ty, to, reg);
                self.know(var, ty);
                return Ok(Val::Is(ty, to));
            }
            Val::Named(ty, reg, names) => {
                let to = self.reg(var, ty, at)?;
                self.put(ty, to, reg);
                self.know_named(var, ty, names);
                return Ok(Val::Named(ty, to, names));
            }
        }
        Ok(value)
    }

    /// Copies a register; a temporary vector is moved.
    fn put(&mut self, ty: Type, to: Reg, from: Reg) {
        if to == from {
            return;
        }
        let temp = self.is_temp(ty, from);
        self.emit(match (file(ty), temp) {
            (File::D, _) => Op::MoveD(to, from),
            (File::I, _) => Op::MoveI(to, from),
            (File::Vd, true) => Op::TakeVd(to, from),
            (File::Vd, false) => Op::MoveVd(to, from),
            (File::Vi, true) => Op::TakeVi(to, from),
            (File::Vi, false) => Op::MoveVi(to, from),
        });
    }

    fn give_up(&mut self, reason: &'static str) {
        let number = match self.reasons.iter().position(|known| *known == reason) {
            Some(number) => number,
            None => {
                self.reasons.push(reason);
                self.reasons.len() - 1
            }
        };
        self.emit(Op::GiveUp(number as u8));
    }
}

fn refuse(at: &Node, why: impl Into<String>) -> Refused {
    Refused {
        place: at.place,
        why: why.into(),
    }
}

#[cfg(test)]
mod tests;
