//! The code of a closure, its data and what its variables are.

use std::collections::HashMap;
use std::rc::Rc;

use extendr_api::prelude::*;
use rustle_compiled::machine::{Data, Row};
use rustle_compiled::tree::{
    Arg, Called, Captured, Closure, Each, Extent, Extents, Function, Kind, Listed, Node, Step,
    Surroundings, Type, TASK,
};
use rustle_streams::{Numbering, TaskSeeds};

use super::code::Code;
use super::constants::{known_sides, texts};
use super::lists::{rows_of, Lists};
use super::plain::{as_integers, bare, bare_vector, kept, only_names};
use crate::ffi::{self, Sexp};
use crate::fields::Fields;
use crate::refusal::{Parsed, Refusal};
use crate::seeds::base_seed;

/// Deeper code is read no further: every level takes some of the stack.
pub(super) const DEEPEST: usize = 300;

/// The code under a path of positions from the body; the path of each piece is noted.
pub(super) fn tree(code: &Robj, places: &mut Vec<Vec<i32>>) -> Node {
    node(Code::of(code), &mut Vec::new(), places)
}

fn node(code: Code<'_>, path: &mut Vec<i32>, places: &mut Vec<Vec<i32>>) -> Node {
    let place = places.len() as u32;
    places.push(path.clone());
    Node {
        place,
        kind: kind(code, path, places),
    }
}

fn kind(code: Code<'_>, path: &mut Vec<i32>, places: &mut Vec<Vec<i32>>) -> Kind {
    if code.is_missing() {
        return Kind::Missing;
    }
    if let Some(name) = code.name() {
        return Kind::Name(name.to_owned());
    }
    if path.len() > DEEPEST {
        return Kind::Other(format!(
            "code that is nested more than {DEEPEST} levels deep"
        ));
    }
    let Some(mut parts) = code.call() else {
        return code.constant();
    };
    let Some((_, head)) = parts.next() else {
        return Kind::Other("an empty call".into());
    };
    let named = head.name().map(str::to_owned);
    let Some(fun) = named.or_else(|| head.qualified()) else {
        return Kind::Other("a call of what has no name, as of `pkg::f` or `list$f`,".into());
    };
    if fun == "function" {
        let mut parts = parts.map(|(_, value)| value);
        return match (parts.next(), parts.next()) {
            (Some(formals), Some(body)) => Kind::Function(defined(formals, body, path, places)),
            _ => Kind::Other("a function without a body".into()),
        };
    }
    let mut args = Vec::new();
    for (position, (name, value)) in (2..).zip(parts) {
        path.push(position);
        let value = node(value, path, places);
        path.pop();
        let name = name.map(str::to_owned);
        args.push(Arg { name, value });
    }
    Kind::Call { fun, args }
}

/// A function that code defines.
fn defined(
    formals: Code<'_>,
    body: Code<'_>,
    path: &mut Vec<i32>,
    places: &mut Vec<Vec<i32>>,
) -> Rc<Function> {
    let mut read = Vec::new();
    for (k, (name, default)) in (1..).zip(formals.formals()) {
        path.extend([2, k]);
        let name = name.unwrap_or_default().to_owned();
        read.push((name, node(default, path, places)));
        path.truncate(path.len() - 2);
    }
    path.push(3);
    let body = node(body, path, places);
    path.pop();
    Rc::new(Function {
        formals: read,
        body,
    })
}

/// A closure that is called: its code is not within the body of the compiled one.
fn called(fields: &Fields, places: &mut Vec<Vec<i32>>) -> Parsed<Rc<Function>> {
    let formals = fields.filled("formals")?.and_then(Robj::as_list);
    let mut read = Vec::new();
    for (name, default) in formals.iter().flat_map(List::iter) {
        read.push((name.to_owned(), tree(&default, places)));
    }
    let body = tree(fields.get("body")?, places);
    Ok(Rc::new(Function {
        formals: read,
        body,
    }))
}

/// The elements that the tasks are for.
#[derive(Debug)]
pub(super) enum Items {
    Doubles(&'static [f64]),
    Integers(&'static [i32]),
    /// Of a list; `None`: of another type than the first.
    Each(Vec<Option<Data<'static>>>),
    /// The number of the task, from 1, where that many elements are lists.
    Task(usize),
}

/// What tasks read. All of it is under the handle.
#[derive(Debug)]
pub(super) struct Shared {
    /// For each argument that varies.
    pub(super) items: Vec<Items>,
    /// Further arguments, the same for all tasks.
    pub(super) constants: Vec<Data<'static>>,
    pub(super) captured: Vec<Data<'static>>,
    /// What is found in the elements of lists.
    pub(super) rows: Vec<Row<'static>>,
}

impl Shared {
    /// The arguments of a task, behind what is there; `false` when they are not of the compiled types.
    pub(super) fn arguments(&self, task: usize, to: &mut Vec<Data<'static>>) -> bool {
        for items in &self.items {
            let found = match items {
                Items::Doubles(x) => Some(Data::Double(x[task])),
                Items::Integers(x) => (x[task] != i32::MIN).then_some(Data::Integer(x[task])),
                Items::Each(x) => x[task],
                Items::Task(_) => i32::try_from(task + 1).ok().map(Data::Integer),
            };
            let Some(found) = found else {
                return false;
            };
            to.push(found);
        }
        to.extend(&self.constants);
        true
    }
}

impl Items {
    fn len(&self) -> usize {
        match self {
            Items::Doubles(x) => x.len(),
            Items::Integers(x) => x.len(),
            Items::Each(x) => x.len(),
            Items::Task(n) => *n,
        }
    }
}

/// What names mean in the code of a closure: variables by name, functions that are R's own,
/// and the numbers of other closures that it calls.
struct Names {
    variables: HashMap<String, Robj>,
    reasons: HashMap<String, String>,
    functions: Vec<String>,
    calls: HashMap<String, usize>,
    /// Of functions that are R's own under other names, those names.
    same: HashMap<String, String>,
}

impl Names {
    fn new(fields: &Fields) -> Parsed<Names> {
        let named = |name: &str| -> Parsed<Vec<(String, Robj)>> {
            Ok(match fields.filled(name)? {
                None => Vec::new(),
                Some(list) => fields
                    .read(name, |_| list.as_list())?
                    .iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect(),
            })
        };
        let mut reasons = HashMap::new();
        for (name, why) in named("reasons")? {
            reasons.insert(name, why.as_str().unwrap_or_default().to_owned());
        }
        let mut same = HashMap::new();
        for (name, own) in named("same")? {
            same.insert(name, own.as_str().unwrap_or_default().to_owned());
        }
        let mut calls = HashMap::new();
        for (name, number) in named("calls")? {
            let number = number.as_integer().and_then(|k| usize::try_from(k).ok());
            calls.insert(name, number.unwrap_or_default());
        }
        Ok(Names {
            variables: named("variables")?.into_iter().collect(),
            reasons,
            functions: fields.texts("functions")?,
            calls,
            same,
        })
    }
}

/// The surroundings of a closure, which is number 0, and of those that it calls.
pub(super) struct Read {
    pub(super) data: Shared,
    /// The names and types of the arguments that vary.
    given: Vec<(String, Type)>,
    /// Of these, those that may have names.
    veiled: Vec<String>,
    /// Arguments that are lists.
    listed: Vec<Listed>,
    lists: Lists,
    names: Vec<Names>,
    closures: Vec<Rc<Function>>,
    /// Those that stand for functions whose values have more than theirs.
    opaque: Vec<bool>,
    /// The closure whose code is compiled now.
    now: usize,
}

fn items(x: &Robj) -> Parsed<(Type, Items, bool)> {
    let Some(list) = x.as_list() else {
        // SAFETY: they are part of the data of the handle. Attributes such as names do not
        // reach the elements.
        return unsafe {
            if let Some(x) = x.as_real_slice() {
                Ok((Type::Double, Items::Doubles(kept(x)), false))
            } else if let Some(x) = x.as_integer_slice() {
                Ok((Type::Integer, Items::Integers(kept(x)), false))
            } else if let Some(x) = x.as_logical_slice() {
                Ok((Type::Logical, Items::Integers(kept(as_integers(x))), false))
            } else {
                Err(Refusal::internal("the elements cannot be read"))
            }
        };
    };
    let elements: Vec<Option<Robj>> = list.values().map(Some).collect();
    match rows_of(&elements) {
        Some((ty, each, named)) => Ok((ty, Items::Each(each), named)),
        None => Err(Refusal::internal("no element can be read")),
    }
}

impl Read {
    /// From the fields of R/compiled-closure.R.
    pub(super) fn new(fields: &Fields, places: &mut Vec<Vec<i32>>) -> Parsed<Read> {
        let mut lists = Lists::new(fields.flag("frames")?);
        let (mut given, mut listed, mut all) = (Vec::new(), Vec::new(), Vec::new());
        let mut veiled = Vec::new();
        let columns = fields.get("items")?.as_list();
        let columns = columns.iter().flat_map(List::values);
        let mut tasks = 0;
        for (name, column) in fields.texts("item")?.into_iter().zip(columns) {
            let first = column.as_list().and_then(|list| list.elt(0).ok());
            tasks = column.len();
            match first.filter(Robj::is_list).and_then(|_| lists.add(&column)) {
                Some(list) => listed.push(Listed {
                    name,
                    list,
                    each: true,
                }),
                None => {
                    let (ty, items, named) = items(&column)?;
                    if named {
                        veiled.push(name.clone());
                    }
                    given.push((name, ty));
                    all.push(items);
                }
            }
        }
        if !listed.is_empty() {
            given.push((TASK.to_owned(), Type::Integer));
            all.push(Items::Task(tasks));
        }
        let mut names = vec![Names::new(fields)?];
        let mut closures = Vec::new();
        let mut opaque = Vec::new();
        let others = fields.filled("closures")?.and_then(Robj::as_list);
        for other in others.iter().flat_map(List::values) {
            let fields = Fields::new(&other)?;
            names.push(Names::new(&fields)?);
            closures.push(called(&fields, places)?);
            opaque.push(fields.flag("opaque")?);
        }
        Ok(Read {
            data: Shared {
                items: all,
                constants: Vec::new(),
                captured: Vec::new(),
                rows: Vec::new(),
            },
            given,
            veiled,
            listed,
            lists,
            names,
            closures,
            opaque,
            now: 0,
        })
    }

    /// Other elements, if they are of the same types.
    pub(super) fn take(&mut self, columns: &Robj) -> Parsed<bool> {
        let columns: Vec<Robj> = columns.as_list().iter().flat_map(List::values).collect();
        // What was found in lists is theirs.
        if !self.listed.is_empty() || columns.len() != self.given.len() {
            return Ok(false);
        }
        let mut all = Vec::new();
        for (column, (name, known)) in columns.iter().zip(&self.given) {
            // Elements that are no vectors are of another type.
            let Ok((ty, items, named)) = items(column) else {
                return Ok(false);
            };
            if ty != *known || named && !self.veiled.contains(name) {
                return Ok(false);
            }
            all.push(items);
        }
        self.data.items = all;
        Ok(true)
    }

    /// Other numbers for the one argument that varies, if they are of the same type.
    ///
    /// # Safety
    ///
    /// A live vector of numbers in memory, which the handle or the caller keeps until [`Read::rest`].
    pub(super) unsafe fn take_one(&mut self, x: Sexp) -> bool {
        let [(_, known)] = self.given.as_slice() else {
            return false;
        };
        if !self.listed.is_empty() || !self.veiled.is_empty() {
            return false;
        }
        // SAFETY: by the caller's promise.
        let items = unsafe {
            let length = ffi::Rf_xlength(x) as usize;
            match (ffi::TYPEOF(x), *known) {
                (ffi::REALSXP, Type::Double) => {
                    Items::Doubles(std::slice::from_raw_parts(ffi::REAL_RO(x), length))
                }
                (ffi::INTSXP, Type::Integer) => {
                    Items::Integers(std::slice::from_raw_parts(ffi::INTEGER_RO(x), length))
                }
                (ffi::LGLSXP, Type::Logical) => {
                    Items::Integers(std::slice::from_raw_parts(ffi::LOGICAL_RO(x), length))
                }
                _ => return false,
            }
        };
        self.data.items.clear();
        self.data.items.push(items);
        true
    }

    /// Lets go of the elements.
    pub(super) fn rest(&mut self) {
        self.data.items.clear();
    }

    pub(super) fn tasks(&self) -> usize {
        self.data.items.first().map_or(0, Items::len)
    }

    /// The closure, with the types of the arguments that it is called with.
    pub(super) fn closure(
        &mut self,
        fields: &Fields,
        body: Node,
        places: &mut Vec<Vec<i32>>,
    ) -> Parsed<Closure> {
        let mut given = self.given.clone();
        let mut veiled = self.veiled.clone();
        let mut lists = self.listed.clone();
        let mut known = Vec::new();
        let constants = fields.filled("constants")?.and_then(Robj::as_list);
        for (name, value) in constants.iter().flat_map(List::iter) {
            if let Some(list) = self.lists.add(&value) {
                lists.push(Listed {
                    name: name.to_owned(),
                    list,
                    each: false,
                });
                continue;
            }
            if let Some(texts) = texts(&value) {
                known.push((name.to_owned(), texts));
                continue;
            }
            let (ty, data, named) = bare(&value).map_err(Refusal::internal)?;
            if named {
                veiled.push(name.to_owned());
            }
            given.push((name.to_owned(), ty));
            self.data.constants.push(data);
        }
        let defaults = fields.filled("defaults")?.and_then(Robj::as_list);
        let mut read = Vec::new();
        for (name, code) in defaults.iter().flat_map(List::iter) {
            // A default has no place in the body.
            let default = tree(&code, &mut Vec::new());
            let place = places.len() as u32;
            places.push(Vec::new());
            read.push((
                name.to_owned(),
                Node {
                    place,
                    kind: default.kind,
                },
            ));
        }
        Ok(Closure {
            given,
            veiled,
            texts: known,
            lists,
            defaults: read,
            body,
        })
    }
}

impl Read {
    /// A variable, or an element of a list, by the name of which it is spoken.
    fn capture(&mut self, value: &Robj, name: &str) -> std::result::Result<Captured, String> {
        if value.is_null() {
            return Ok(Captured::Constant(Kind::Null));
        }
        if let Some(list) = self.lists.add(value) {
            return Ok(Captured::List(list));
        }
        if let Some(texts) = texts(value) {
            return Ok(Captured::Texts(texts));
        }
        if let Some(names) = only_names(value) {
            let bare = |why| format!("`{name}` {why}");
            let (ty, data) = bare_vector(value).map_err(bare)?;
            self.data.captured.push(data);
            return Ok(Captured::Named(self.data.captured.len() - 1, ty, names));
        }
        let (ty, data, named) = bare(value).map_err(|why| format!("`{name}` {why}"))?;
        if named {
            self.data.captured.push(data);
            let number = self.data.captured.len() - 1;
            if let Some([rows, columns]) = known_sides(value).filter(|_| ty.is_matrix()) {
                return Ok(Captured::Sided(number, ty, rows, columns));
            }
            return Ok(Captured::Veiled(self.data.captured.len() - 1, ty));
        }
        if ty == Type::Double {
            if let Data::Double(x) = data {
                if x.is_nan() {
                    return Err(format!("`{name}` is missing"));
                }
            }
        }
        if ty.is_scalar() {
            return Ok(Captured::Constant(Code::of(value).constant()));
        }
        self.data.captured.push(data);
        Ok(Captured::Vector(self.data.captured.len() - 1, ty))
    }
}

impl Surroundings for Read {
    fn variable(&mut self, name: &str) -> std::result::Result<Captured, String> {
        let names = &self.names[self.now];
        if let Some(why) = names.reasons.get(name) {
            return Err(why.clone());
        }
        let Some(value) = names.variables.get(name) else {
            return Err(format!("there is no variable `{name}`"));
        };
        let value = value.clone();
        self.capture(&value, name)
    }

    fn function(&mut self, name: &str) -> std::result::Result<(), String> {
        let names = &self.names[self.now];
        if names.functions.iter().any(|known| known == name) {
            return Ok(());
        }
        match names.reasons.get(&format!("{name}()")) {
            Some(why) => Err(why.clone()),
            None => Err(format!("`{name}()` is not in the subset")),
        }
    }

    fn closure(&mut self, name: &str) -> Option<Called> {
        let number = *self.names[self.now].calls.get(name)?;
        let code = self.closures.get(number.checked_sub(1)?)?;
        Some((number, Rc::clone(code)))
    }

    fn opaque(&mut self, closure: usize) -> bool {
        let at = closure.checked_sub(1);
        at.and_then(|at| self.opaque.get(at))
            .is_some_and(|opaque| *opaque)
    }

    fn same(&mut self, name: &str) -> Option<String> {
        self.names[self.now].same.get(name).cloned()
    }

    fn is_variable(&mut self, name: &str) -> bool {
        let names = &self.names[self.now];
        names.variables.contains_key(name) || names.reasons.contains_key(name)
    }

    fn enter(&mut self, closure: usize) {
        self.now = closure;
    }

    fn member(&mut self, list: usize, step: &Step) -> std::result::Result<Captured, String> {
        let value = self.lists.member(list, step)?;
        let name = match step {
            Step::Name(name) => name.clone(),
            Step::At(at) => format!("[[{at}]]"),
        };
        self.capture(&value, &name)
    }

    fn each(&mut self, list: usize, path: &[Step]) -> std::result::Result<Each, String> {
        self.lists.each(list, path, &mut self.data.rows)
    }

    fn labels(
        &mut self,
        list: usize,
        each: Option<&[Step]>,
    ) -> std::result::Result<Option<Vec<String>>, String> {
        self.lists.labels(list, each)
    }

    fn extent(&mut self, list: usize) -> Extent {
        self.lists.extent(list)
    }

    fn extents(&mut self, list: usize, path: &[Step]) -> std::result::Result<Extents, String> {
        self.lists.extents(list, path, &mut self.data.rows)
    }

    fn type_of(&mut self, call: &str) -> Option<Type> {
        let made = eval_string(call).ok()?;
        match made.rtype() {
            Rtype::Doubles => Some(Type::Double),
            Rtype::Integers => Some(Type::Integer),
            _ => None,
        }
    }

    fn numbers(&mut self, vector: usize) -> Option<Vec<f64>> {
        match self.data.captured.get(vector)? {
            // Names of many are nothing that code is compiled for.
            Data::Doubles(x) if x.len() <= 64 && x.iter().all(|x| !x.is_nan()) => Some(x.to_vec()),
            _ => None,
        }
    }

    fn quantile_names(&mut self, probs: &[f64]) -> Option<Vec<String>> {
        // Of others R says that they are none, and what fails here is printed.
        if !probs.iter().all(|p| (0.0..=1.0).contains(p)) {
            return None;
        }
        // As this version of R makes them, and its option `digits`.
        let names = R!("names(stats::quantile(0, {{probs}}))").ok()?;
        Some(names.as_str_iter()?.map(str::to_owned).collect())
    }
}

/// The streams of tasks; `None` where they have none of their own.
pub(super) fn seeds(fields: &Fields) -> Parsed<Option<TaskSeeds>> {
    let numbering = match fields.text("streams")?.as_str() {
        "substream" => Numbering::Substream,
        "stream" => Numbering::Stream,
        _ => return Ok(None),
    };
    let (_, base) = base_seed(&fields.integers("seed")?.unwrap_or_default())?;
    Ok(Some(TaskSeeds::new(base, numbering)))
}
