//! Lists and data frames, of which the code reads elements: `fit$beta`, `fits[[i]]$aic`,
//! `d[rows, ]$x`. They are not values of the machine. What is known of one when the code is
//! compiled is where it stands ([`Part`]); the vectors and numbers in it are data like others.

use super::*;
use crate::tree::{Each, Step};

const COLUMNS: &str =
    "columns of a data frame are compiled by names or numbers that the code has only";
/// Larger lists are not taken to pieces.
const MOST: i32 = 64;
const WHOLE: &str = "a list is not in the subset here, only its elements are";

/// A list.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// The number of a list.
    list: usize,
    /// If it is no more than a part of that: the register with the number of an element, and the
    /// steps from there on.
    each: Option<Reg>,
    path: Vec<Step>,
    /// Of a data frame of which there are other rows now: the register of their numbers.
    rows: Option<Reg>,
    /// Is it one row?
    single: bool,
    /// Of a data frame of which there are these columns only.
    columns: Option<Vec<Step>>,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// Elements.
    Length,
    /// Rows of a data frame.
    Rows,
}

/// The refusal of a list where a number is needed.
pub(super) fn no_number(node: &Node) -> Refused {
    refuse(node, WHOLE)
}

impl Lower<'_> {
    fn part_value(&mut self, part: Part, node: &Node) -> Lowered<Val> {
        let number = match self.parts.iter().position(|known| *known == part) {
            Some(number) => number,
            None => {
                self.parts.push(part);
                self.parts.len() - 1
            }
        };
        let number = u16::try_from(number).map_err(|_| refuse(node, "the function is too long"))?;
        Ok(Val::Part(number))
    }

    /// A whole list.
    pub(super) fn whole_list(&mut self, list: usize, node: &Node) -> Lowered<Val> {
        let part = Part {
            list,
            each: None,
            path: Vec::new(),
            rows: None,
            single: false,
            columns: None,
        };
        self.part_value(part, node)
    }

    /// The element of a list whose number is in a register that never changes.
    pub(super) fn element_of_list(&mut self, list: usize, at: Reg, node: &Node) -> Lowered<Val> {
        self.found(list, at, Vec::new(), node)
    }

    /// A register for what a part of a list is told by; the same each time for a piece of code.
    /// What is told by it until now is not known any more.
    fn kept(&mut self, file: File, node: &Node) -> Lowered<Reg> {
        let key = (self.scope, node.place, file);
        let reg = match self.kept.get(&key) {
            Some(reg) => *reg,
            None => {
                let reg = self.fresh(file, node)?;
                self.kept.insert(key, reg);
                reg
            }
        };
        let of = |part: &Part| {
            if file == File::I {
                part.each == Some(reg)
            } else {
                part.rows == Some(reg)
            }
        };
        if let Some(env) = &mut self.env {
            for state in env.values_mut() {
                if let State::Part(number) = state {
                    if of(&self.parts[usize::from(*number)]) {
                        *state = State::Perhaps;
                    }
                }
            }
        }
        Ok(reg)
    }

    /// An element of a list.
    pub(super) fn step(&mut self, number: u16, step: Step, node: &Node) -> Lowered<Val> {
        let Part {
            list,
            each,
            mut path,
            rows,
            single,
            columns,
        } = self.parts[usize::from(number)].clone();
        let step = match (columns, step) {
            (None, step) => step,
            (Some(columns), Step::At(at)) => {
                let column = usize::try_from(at)
                    .ok()
                    .and_then(|at| columns.get(at.wrapping_sub(1)));
                column
                    .cloned()
                    .ok_or_else(|| refuse(node, format!("a list has no element {at}")))?
            }
            (Some(columns), step) if columns.contains(&step) => step,
            (Some(_), _) => return Err(refuse(node, "a column that is not there")),
        };
        let value = match each {
            None => self.member(list, step, node)?,
            Some(at) => {
                path.push(step);
                self.found(list, at, path, node)?
            }
        };
        let Some(rows) = rows else {
            return Ok(value);
        };
        match value {
            Val::Is(ty, reg) if !ty.is_matrix() => {
                let (ty, reg) = self.as_vector(ty, reg, node)?;
                if single {
                    let (_, at) = self.only(Type::Integers, rows, node)?;
                    let to = self.temp(ty.element(), node)?;
                    self.emit(if ty.is_double() {
                        Op::GetD(to, reg, at)
                    } else {
                        Op::GetI(to, reg, at)
                    });
                    return Ok(Val::Is(ty.element(), to));
                }
                self.select(ty, reg, rows, false, node)
            }
            Val::Gone => Ok(value),
            _ => Err(refuse(node, "a column of this kind is not in the subset")),
        }
    }

    fn member(&mut self, list: usize, step: Step, node: &Node) -> Lowered<Val> {
        let key = (list, step);
        if let Some(value) = self.members.get(&key) {
            return Ok(*value);
        }
        let found = self.around.member(list, &key.1);
        let value = match found.map_err(|why| refuse(node, why))? {
            Captured::List(inner) => self.whole_list(inner, node)?,
            Captured::Constant(kind) => {
                let place = node.place;
                self.value(&Node { place, kind }, None)?
            }
            Captured::Vector(number, ty) => {
                let reg = self.fresh(file(ty), node)?;
                self.vectors.push((reg, number, ty));
                Val::Is(ty, reg)
            }
            Captured::Veiled(number, ty) => {
                let reg = self.fresh(file(ty), node)?;
                self.vectors.push((reg, number, ty));
                Val::Veiled(ty, reg, None)
            }
            Captured::Named(number, ty, names) => {
                let reg = self.fresh(file(ty), node)?;
                self.vectors.push((reg, number, ty));
                Val::Named(ty, reg, self.row_of(names, node)?)
            }
            Captured::Sided(number, ty, rows, columns) => {
                let reg = self.fresh(file(ty), node)?;
                self.vectors.push((reg, number, ty));
                let found = Captured::Sided(usize::from(reg), ty, rows, columns);
                self.sided(&found, node)?
            }
            Captured::Texts(texts) => Val::Text(self.row_of(texts, node)?),
        };
        self.members.insert(key, value);
        Ok(value)
    }

    /// What is found by these steps in the element of a list that a register has the number of.
    fn found(&mut self, list: usize, at: Reg, path: Vec<Step>, node: &Node) -> Lowered<Val> {
        match self.around.each(list, &path) {
            Err(why) => Err(refuse(node, why)),
            Ok(Each::Lists) => {
                let part = Part {
                    list,
                    each: Some(at),
                    path,
                    rows: None,
                    single: false,
                    columns: None,
                };
                self.part_value(part, node)
            }
            Ok(Each::Row(number, ty, veiled)) => {
                let value = self.row_value(number, ty, at, node)?;
                Ok(Self::veil(value, veiled))
            }
        }
    }

    fn row_value(&mut self, number: usize, ty: Type, at: Reg, node: &Node) -> Lowered<Val> {
        let number = u8::try_from(number).map_err(|_| refuse(node, "there are too many lists"))?;
        let to = self.temp(ty, node)?;
        self.emit(Op::Row(ty, to, number, at));
        Ok(Val::Is(ty, to))
    }

    /// `x$name`.
    pub(super) fn by_name(&mut self, x: &Node, name: &Node, node: &Node) -> Lowered<Val> {
        let (Kind::Name(name) | Kind::Text(name)) = &name.kind else {
            return Err(refuse(node, "the name of the element is computed"));
        };
        match self.value(x, None)? {
            Val::Gone => Ok(Val::Gone),
            Val::Made(number) => self.step_made(number, &Step::Name(name.clone()), true, node),
            Val::Part(number) => self.step(number, Step::Name(name.clone()), node),
            _ => Err(refuse(node, "`$` of what is no list is not in the subset")),
        }
    }

    /// `x[[i]]` of a list.
    pub(super) fn by_index(
        &mut self,
        fun: &str,
        number: u16,
        index: &Node,
        node: &Node,
    ) -> Lowered<Val> {
        if fun != "[[" {
            return Err(refuse(
                node,
                "a part of a list that is a list is not in the subset",
            ));
        }
        if let Some(step) = self.constant_step(index)? {
            return self.step(number, step, node);
        }
        let Some((ty, reg)) = self.number(index)? else {
            return Ok(Val::Gone);
        };
        let (ty, reg) = self.only(ty, reg, index)?;
        let at = self.truncated(ty, reg, index)?;
        let Part {
            list, each, rows, ..
        } = self.parts[usize::from(number)].clone();
        if each.is_some() || rows.is_some() {
            let why = "an element by a number that is computed, of a list that is told by one";
            return Err(refuse(node, why));
        }
        let kept = self.kept(File::I, node)?;
        self.emit(Op::MoveI(kept, at));
        self.found(list, kept, Vec::new(), node)
    }

    /// How many elements a list has, or rows a data frame.
    pub(super) fn count_of(&mut self, number: u16, what: Count, node: &Node) -> Lowered<Reg> {
        let part = self.parts[usize::from(number)].clone();
        if let (Count::Length, Some(columns)) = (what, &part.columns) {
            return self.integer(columns.len() as i32, node);
        }
        if let (Count::Rows, Some(rows)) = (what, part.rows) {
            let to = self.temp(Type::Integer, node)?;
            self.emit(Op::LengthI(to, rows));
            return Ok(to);
        }
        let Some(at) = part.each else {
            let extent = self.around.extent(part.list);
            return match (what, extent.rows) {
                (Count::Length, _) => self.integer(extent.length, node),
                (Count::Rows, Some(rows)) => self.integer(rows, node),
                (Count::Rows, None) => Err(refuse(node, "a list has no rows")),
            };
        };
        let extents = self.around.extents(part.list, &part.path);
        let extents = extents.map_err(|why| refuse(node, why))?;
        match (what, extents.length, extents.rows) {
            (Count::Length, Some(length), _) => self.integer(length, node),
            (Count::Rows, _, Some(rows)) => match self.row_value(rows, Type::Integer, at, node)? {
                Val::Is(_, reg) => Ok(reg),
                _ => Err(no_number(node)),
            },
            _ => Err(refuse(node, "it is not the same for all elements")),
        }
    }

    /// `d[i, ]` and `d[i, "x"]` of a data frame.
    pub(super) fn rows_of_frame(
        &mut self,
        number: u16,
        rows: &Node,
        column: &Node,
        keep: bool,
        node: &Node,
    ) -> Lowered<Val> {
        let mut part = self.parts[usize::from(number)].clone();
        if !self.is_frame(number) {
            return Err(refuse(node, "two subscripts of what is no data frame"));
        }
        let column = if column.kind == Kind::Missing {
            None
        } else if let Some(names) = self.texts(column)? {
            let several = names.len() > 1 || keep;
            let mut steps: Vec<Step> = names.into_iter().map(Step::Name).collect();
            if several {
                self.only_columns(&mut part, steps, node)?;
                None
            } else {
                steps.pop()
            }
        } else if let Some(step) = self.constant_step(column)? {
            if keep {
                return Err(refuse(node, COLUMNS));
            }
            Some(step)
        } else {
            return Err(refuse(node, COLUMNS));
        };
        if rows.kind == Kind::Missing {
            return match column {
                Some(step) => self.step(number, step, node),
                None => self.part_value(part, node),
            };
        }
        // Of one column R makes a vector.
        let column = match (column, self.columns(&part)) {
            (None, Some(1)) if !keep => Some(Step::At(1)),
            (None, None) => return Err(refuse(node, "it is not the same for all elements")),
            (column, _) => column,
        };
        let all = match part.rows {
            Some(all) => all,
            None => {
                let n = self.count_of(number, Count::Rows, node)?;
                let all = self.temp(Type::Integers, node)?;
                self.emit(Op::SeqLen(all, n));
                all
            }
        };
        let (ty, found, single) =
            match self.part_by("[", (Type::Integers, all), rows, None, node)? {
                Val::Is(ty, reg) => {
                    let (all, reg) = self.as_vector(ty, reg, node)?;
                    (all, reg, ty.is_scalar())
                }
                _ => return Ok(Val::Gone),
            };
        let kept = self.kept(File::Vi, node)?;
        self.put(ty, kept, found);
        let part = Part {
            rows: Some(kept),
            single,
            ..part
        };
        match (self.part_value(part, node)?, column) {
            (Val::Part(number), Some(step)) => self.step(number, step, node),
            (value, _) => Ok(value),
        }
    }

    fn columns(&mut self, part: &Part) -> Option<i32> {
        if let Some(columns) = &part.columns {
            return i32::try_from(columns.len()).ok();
        }
        match part.each {
            None => Some(self.around.extent(part.list).length),
            Some(_) => self.around.extents(part.list, &part.path).ok()?.length,
        }
    }

    /// Is it a data frame?
    pub(super) fn is_frame(&mut self, number: u16) -> bool {
        let part = self.parts[usize::from(number)].clone();
        match part.each {
            None => self.around.extent(part.list).rows.is_some(),
            Some(_) => {
                let extents = self.around.extents(part.list, &part.path);
                extents.is_ok_and(|extents| extents.rows.is_some())
            }
        }
    }

    /// Of a data frame: are its rows named by their numbers?
    pub(super) fn has_plain_rows(&mut self, number: u16) -> bool {
        let part = self.parts[usize::from(number)].clone();
        part.rows.is_none() && part.each.is_none() && self.around.extent(part.list).plain
    }

    /// An element by a name or number that the code has.
    pub(super) fn constant_step(&mut self, index: &Node) -> Lowered<Option<Step>> {
        if let Some(texts) = self.texts(index)? {
            return match texts.as_slice() {
                [name] => Ok(Some(Step::Name(name.clone()))),
                _ => Err(refuse(index, "several names where one is needed")),
            };
        }
        Ok(match index.kind {
            Kind::Integer(at) => Some(Step::At(at)),
            Kind::Double(at) if at.abs() < 1e9 => Some(Step::At(at as i32)),
            _ => None,
        })
    }

    /// The names of the elements, the same for all lists that it may be.
    pub(super) fn labels_of(&mut self, number: u16, node: &Node) -> Lowered<Option<Vec<String>>> {
        let part = self.parts[usize::from(number)].clone();
        if let Some(columns) = part.columns {
            let name = |step| match step {
                Step::Name(name) => Some(name),
                Step::At(_) => None,
            };
            return Ok(columns.into_iter().map(name).collect());
        }
        let path = part.each.map(|_| part.path.as_slice());
        let labels = self.around.labels(part.list, path);
        let labels = labels.map_err(|why| refuse(node, why))?;
        if let (Some(labels), true) = (&labels, self.is_frame(number)) {
            let distinct: HashSet<&String> = labels.iter().collect();
            if distinct.len() < labels.len() || distinct.iter().any(|name| name.is_empty()) {
                let why = "columns with the same name, or without one";
                return Err(refuse(node, why));
            }
        }
        Ok(labels)
    }

    /// The steps to all elements of a list; `None` where there are too many.
    pub(super) fn steps_of(&mut self, number: u16) -> Option<Vec<Step>> {
        let part = self.parts[usize::from(number)].clone();
        let count = self.columns(&part).filter(|count| *count <= MOST)?;
        Some((1..=count).map(Step::At).collect())
    }

    fn only_columns(&mut self, part: &mut Part, steps: Vec<Step>, node: &Node) -> Lowered<()> {
        let distinct: HashSet<&Step> = steps.iter().collect();
        if distinct.len() < steps.len() {
            return Err(refuse(node, "a column is taken twice"));
        }
        if let Some(known) = &part.columns {
            if steps.iter().any(|step| !known.contains(step)) {
                return Err(refuse(node, "a column that is not there"));
            }
        }
        // The names of others may be the same.
        let number = match self.part_value(part.clone(), node)? {
            Val::Part(number) => number,
            _ => return Err(no_number(node)),
        };
        let labels = self.labels_of(number, node)?.unwrap_or_default();
        for step in &steps {
            if !matches!(step, Step::Name(name) if labels.contains(name)) {
                return Err(refuse(node, "a column that is not there"));
            }
        }
        part.columns = Some(steps);
        Ok(())
    }
}
