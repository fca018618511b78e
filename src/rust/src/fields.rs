//! Reading what R says: named lists, and the scalars of calls. R code has checked the
//! values; a list that does not hold what it must is a fault of this package.

use std::cell::OnceCell;
use std::num::{NonZeroU32, NonZeroUsize};

use extendr_api::prelude::*;
use rustle_schedule::Schedule;
use rustle_threads::blocks::Slice;

use crate::ffi::{self, Sexp};
use crate::refusal::{Parsed, Refusal};

/// The fields of a named list. On R's main thread.
///
/// A job has some forty, most of them one number or nothing: an owned object is only made of those
/// that are asked for as such, as that takes longer than to read a number.
#[derive(Debug)]
pub(crate) struct Fields {
    /// Keeps them alive.
    _list: List,
    fields: Vec<(&'static str, Sexp, OnceCell<Robj>)>,
}

impl Fields {
    pub(crate) fn new(list: &Robj) -> Parsed<Fields> {
        let list = list.as_list();
        let list = list.ok_or_else(|| Refusal::internal("a list is missing"))?;
        let names = list.names().into_iter().flatten();
        // SAFETY: names are no more than elements, which the list keeps alive.
        let element = |at| unsafe { ffi::VECTOR_ELT(list.get().cast(), at) };
        let fields = (0..)
            .zip(names)
            .map(|(at, name)| (name, element(at), OnceCell::new()));
        Ok(Fields {
            fields: fields.collect(),
            _list: list,
        })
    }

    fn field(&self, name: &str) -> Parsed<&(&'static str, Sexp, OnceCell<Robj>)> {
        let missing = || Refusal::internal(format!("field `{name}` is missing"));
        let mut fields = self.fields.iter();
        fields.rfind(|field| field.0 == name).ok_or_else(missing)
    }

    pub(crate) fn get(&self, name: &str) -> Parsed<&Robj> {
        let (_, x, owned) = self.field(name)?;
        // SAFETY: the list keeps it alive until it is owned.
        Ok(owned.get_or_init(|| unsafe { Robj::from_sexp((*x).cast()) }))
    }

    /// The field, unless it is NULL.
    pub(crate) fn optional(&self, name: &str) -> Parsed<Option<&Robj>> {
        if self.field(name)?.1 == ffi::nil() {
            return Ok(None);
        }
        self.get(name).map(Some)
    }

    /// The field, unless it is NULL or has no elements.
    pub(crate) fn filled(&self, name: &str) -> Parsed<Option<&Robj>> {
        // SAFETY: a live object.
        if unsafe { ffi::Rf_xlength(self.field(name)?.1) } == 0 {
            return Ok(None);
        }
        self.optional(name)
    }

    /// The field, as `convert` reads it.
    pub(crate) fn read<T>(
        &self,
        name: &str,
        convert: impl FnOnce(&Robj) -> Option<T>,
    ) -> Parsed<T> {
        let wrong = || Refusal::internal(format!("field `{name}` has the wrong type"));
        convert(self.get(name)?).ok_or_else(wrong)
    }

    /// One number, double or integer.
    pub(crate) fn number(&self, name: &str) -> Parsed<f64> {
        let x = self.field(name)?.1;
        // SAFETY: a live object; a double is read of a vector that has one.
        let plain = unsafe {
            (ffi::TYPEOF(x) == ffi::REALSXP && ffi::Rf_xlength(x) == 1).then(|| *ffi::REAL_RO(x))
        };
        if let Some(number) = plain.filter(|number| !number.is_nan()) {
            return Ok(number);
        }
        self.read(name, |x| {
            x.as_real().or_else(|| x.as_integer().map(f64::from))
        })
    }

    /// Numbers, double or integer.
    pub(crate) fn numbers(&self, name: &str) -> Parsed<Vec<f64>> {
        let integers = |x: &Robj| {
            Some(
                x.as_integer_slice()?
                    .iter()
                    .map(|i| f64::from(*i))
                    .collect(),
            )
        };
        self.read(name, |x| x.as_real_vector().or_else(|| integers(x)))
    }

    pub(crate) fn flag(&self, name: &str) -> Parsed<bool> {
        let x = self.field(name)?.1;
        // SAFETY: a live object; a logical is read of a vector that has one.
        let plain = unsafe {
            (ffi::TYPEOF(x) == ffi::LGLSXP && ffi::Rf_xlength(x) == 1).then(|| *ffi::LOGICAL_RO(x))
        };
        if let Some(flag) = plain.filter(|&flag| flag != ffi::NA_LOGICAL) {
            return Ok(flag != 0);
        }
        self.read(name, Robj::as_bool)
    }

    pub(crate) fn text(&self, name: &str) -> Parsed<String> {
        self.read(name, |x| x.as_str().map(str::to_owned))
    }

    /// Strings.
    pub(crate) fn texts(&self, name: &str) -> Parsed<Vec<String>> {
        self.read(name, Robj::as_string_vector)
    }

    /// What a name stands for.
    pub(crate) fn named<T>(
        &self,
        name: &str,
        convert: impl FnOnce(&str) -> Option<T>,
    ) -> Parsed<T> {
        let text = self.text(name)?;
        let unknown = || Refusal::internal(format!("field `{name}`: unknown name '{text}'"));
        convert(&text).ok_or_else(unknown)
    }

    /// Integers; `None` for NULL.
    pub(crate) fn integers(&self, name: &str) -> Parsed<Option<Vec<i32>>> {
        match self.optional(name)? {
            None => Ok(None),
            Some(_) => self.read(name, Robj::as_integer_vector).map(Some),
        }
    }

    /// Numbers of which every one but 0 says yes.
    pub(crate) fn flags(&self, name: &str) -> Parsed<Vec<bool>> {
        Ok(self.numbers(name)?.into_iter().map(|x| x != 0.0).collect())
    }

    /// Indices from 0; R counts from 1.
    pub(crate) fn indices(&self, name: &str) -> Parsed<Vec<u32>> {
        self.read(name, indices)
    }

    /// The elements of a list; NULL has none.
    pub(crate) fn elements(&self, name: &str) -> Parsed<Vec<Robj>> {
        match self.optional(name)? {
            None => Ok(Vec::new()),
            Some(_) => self.read(name, |x| Some(x.as_list()?.values().collect())),
        }
    }

    /// Each element of a list; NULL has none.
    pub(crate) fn each<T>(
        &self,
        name: &str,
        convert: impl FnMut(&Robj) -> Option<T>,
    ) -> Parsed<Vec<T>> {
        let all: Option<Vec<T>> = self.elements(name)?.iter().map(convert).collect();
        all.ok_or_else(|| Refusal::internal(format!("field `{name}` holds the wrong type")))
    }

    /// A list of lists, each as `convert` reads its fields.
    pub(crate) fn records<T>(
        &self,
        name: &str,
        convert: impl Fn(&Fields) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let elements = self.elements(name)?;
        elements.iter().map(|x| convert(&Fields::new(x)?)).collect()
    }

    /// A list of indices from 0.
    pub(crate) fn groups(&self, name: &str) -> Parsed<Vec<Vec<u32>>> {
        self.each(name, indices)
    }
}

fn indices(x: &Robj) -> Option<Vec<u32>> {
    let from_one = x.as_integer_slice()?;
    Some(from_one.iter().map(|i| (*i - 1) as u32).collect())
}

/// As [`Fields::groups`], of an argument.
pub(crate) fn groups(list: &Robj) -> Parsed<Vec<Vec<u32>>> {
    let groups = list
        .as_list()
        .and_then(|list| list.values().map(|x| indices(&x)).collect());
    groups.ok_or_else(|| Refusal::internal("groups of rows are no list of integers"))
}

/// The elements of a list; nothing else has any.
pub(crate) fn elements(x: &Robj) -> Vec<Robj> {
    x.as_list().map_or_else(Vec::new, |x| x.values().collect())
}

/// The columns, of `n` numbers, of a matrix of doubles, or those that are the `elements` of a list.
pub(crate) fn columns<'a>(x: &'a Robj, elements: &'a [Robj], n: usize) -> Parsed<Vec<&'a [f64]>> {
    let each: Option<Vec<&[f64]>> = match x.as_real_slice() {
        Some(x) => Some(x.chunks_exact(n.max(1)).collect()),
        None => elements.iter().map(Robj::as_real_slice).collect(),
    };
    let each = each.filter(|each| each.iter().all(|x| x.len() == n));
    each.ok_or_else(|| Refusal::internal("there are no columns of doubles"))
}

/// A count that is never zero: of workers, or of tasks in a chunk.
pub(crate) fn at_least_one(count: f64) -> NonZeroU32 {
    NonZeroU32::new(count as u32).unwrap_or(NonZeroU32::MIN)
}

/// How many threads may be used.
pub(crate) fn threads(count: f64) -> NonZeroUsize {
    NonZeroUsize::new(count as usize).unwrap_or(NonZeroUsize::MIN)
}

/// A slice of time that begins now.
pub(crate) fn slice(threads: f64) -> Slice {
    Slice::new(self::threads(threads))
}

/// A schedule by its name; `chunk` counts for those that have a size of chunks.
pub(crate) fn schedule(name: &str, chunk: f64) -> Parsed<Schedule> {
    let unknown = || Refusal::internal(format!("unknown schedule '{name}'"));
    Schedule::named(name, at_least_one(chunk)).ok_or_else(unknown)
}
