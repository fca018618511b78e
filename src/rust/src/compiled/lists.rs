//! Lists and data frames of R that code reads elements of. Nothing is copied: the elements are
//! vectors under the handle.

use std::sync::Arc;

use extendr_api::prelude::*;
use rustle_compiled::machine::{Data, Row};
use rustle_compiled::tree::{Each, Extent, Extents, Step, Type};

use super::plain::{as_vector, bare};

/// The lists of a closure's surroundings, by their numbers.
#[derive(Default)]
pub(super) struct Lists {
    all: Vec<Robj>,
    /// May data frames be read as lists? R code has looked whether anybody has methods for them.
    frames: bool,
    known: Vec<((usize, Vec<Step>), Each)>,
    counts: Vec<((usize, Vec<Step>), usize)>,
}

/// What is known of a list.
struct Shape {
    frame: bool,
    rows: usize,
    /// Have rows no names but their numbers?
    plain: bool,
}

impl Lists {
    pub(super) fn new(frames: bool) -> Lists {
        Lists {
            frames,
            ..Lists::default()
        }
    }

    /// A list without attributes that change what its elements are; `None` of other objects.
    fn shape(&self, value: &Robj) -> Option<Shape> {
        if !value.is_list() {
            return None;
        }
        let (mut fine, mut frame, mut rows, mut other) = (true, false, (0, false), false);
        // SAFETY: a live object on R's main thread; attributes of it are read only.
        unsafe {
            let [names, class, row_names, grid] = [c"names", c"class", c"row.names", c"out.attrs"]
                .map(|name| crate::ffi::Rf_install(name.as_ptr()));
            crate::ffi::each_attribute(value.get().cast(), |name, content| {
                if name == class {
                    frame = crate::ffi::TYPEOF(content) == crate::ffi::STRSXP
                        && Robj::from_sexp(content.cast()).as_str() == Some("data.frame");
                    fine &= frame;
                } else if name == row_names {
                    rows = count_rows(content);
                } else if name == grid {
                    // What expand.grid() leaves there changes no element.
                    other = true;
                } else {
                    fine &= name == names;
                }
                true
            });
        }
        (fine && (!frame || self.frames) && (frame || !other)).then_some(Shape {
            frame,
            rows: rows.0,
            plain: rows.1 && !other,
        })
    }

    /// The number of a list; `None` of what cannot be read as one.
    pub(super) fn add(&mut self, value: &Robj) -> Option<usize> {
        self.shape(value)?;
        self.all.push(value.clone());
        Some(self.all.len() - 1)
    }

    /// An element of a list.
    pub(super) fn member(&self, list: usize, step: &Step) -> std::result::Result<Robj, String> {
        element(&self.all[list], step).ok_or_else(|| match step {
            Step::Name(name) => format!("a list has no element `{name}`"),
            Step::At(at) => format!("a list has no element {at}"),
        })
    }

    /// What is found by these steps in each element; `None`: nothing.
    fn found(&self, list: usize, path: &[Step]) -> Vec<Option<Robj>> {
        let Some(list) = self.all[list].as_list() else {
            return Vec::new();
        };
        let follow = |value: Robj| {
            path.iter().try_fold(value, |value, step| {
                self.shape(&value)?;
                element(&value, step)
            })
        };
        list.values().map(follow).collect()
    }

    pub(super) fn each(
        &mut self,
        list: usize,
        path: &[Step],
        rows: &mut Vec<Row<'static>>,
    ) -> std::result::Result<Each, String> {
        let key = (list, path.to_vec());
        if let Some((_, each)) = self.known.iter().find(|(known, _)| *known == key) {
            return Ok(each.clone());
        }
        let found = self.found(list, path);
        let Some(first) = found.iter().flatten().next() else {
            return Err("an element that is not there in any element of a list".into());
        };
        let each = if self.shape(first).is_some() {
            Each::Lists
        } else {
            bare(first).map_err(|why| format!("an element of a list {why}"))?;
            let (ty, row, named) =
                rows_of(&found).ok_or("the elements of a list cannot be read together")?;
            rows.push(row.into());
            Each::Row(rows.len() - 1, ty, named)
        };
        self.known.push((key, each.clone()));
        Ok(each)
    }

    /// The names of a list, or of all lists that are found by steps in each of its elements, where
    /// they are the same.
    pub(super) fn labels(
        &self,
        list: usize,
        each: Option<&[Step]>,
    ) -> std::result::Result<Option<Vec<String>>, String> {
        let Some(path) = each else {
            return labels(&self.all[list]);
        };
        let mut same = None;
        for found in self.found(list, path) {
            let found = found.ok_or("an element that is not there in each element of a list")?;
            let labels = labels(&found)?;
            if *same.get_or_insert_with(|| labels.clone()) != labels {
                return Err("the names of elements are not the same for all".into());
            }
        }
        Ok(same.flatten())
    }

    pub(super) fn extent(&self, list: usize) -> Extent {
        let list = &self.all[list];
        let shape = self.shape(list).filter(|shape| shape.frame);
        Extent {
            length: i32::try_from(list.len()).unwrap_or(i32::MAX),
            plain: shape.as_ref().is_some_and(|shape| shape.plain),
            rows: shape.and_then(|shape| i32::try_from(shape.rows).ok()),
        }
    }

    pub(super) fn extents(
        &mut self,
        list: usize,
        path: &[Step],
        rows: &mut Vec<Row<'static>>,
    ) -> std::result::Result<Extents, String> {
        let found = self.found(list, path);
        let mut lengths = found.iter().flatten().map(Robj::len);
        let first = lengths.next();
        let same = first.filter(|first| lengths.all(|length| length == *first));
        let whole = found.iter().all(Option::is_some);
        let length = same.and_then(|n| i32::try_from(n).ok()).filter(|_| whole);
        let frame = |value: &Robj| self.shape(value).filter(|shape| shape.frame);
        if !found.iter().flatten().any(|value| frame(value).is_some()) {
            return Ok(Extents { length, rows: None });
        }
        let key = (list, path.to_vec());
        let known = self.counts.iter().find(|(known, _)| *known == key);
        if let Some((_, number)) = known {
            return Ok(Extents {
                length,
                rows: Some(*number),
            });
        }
        let count = |value: &Option<Robj>| {
            let shape = frame(value.as_ref()?)?;
            Some(Data::Integer(i32::try_from(shape.rows).ok()?))
        };
        let counts: Arc<[Option<Data<'static>>]> = found.iter().map(count).collect();
        rows.push(counts);
        self.counts.push((key, rows.len() - 1));
        Ok(Extents {
            length,
            rows: Some(rows.len() - 1),
        })
    }
}

/// The names of a list.
fn labels(list: &Robj) -> std::result::Result<Option<Vec<String>>, String> {
    let Some(names) = list.get_attrib("names") else {
        return Ok(None);
    };
    let plain = |name: &str| (!name.is_na() && name.is_ascii()).then(|| name.to_owned());
    let all: Option<Vec<String>> = names
        .as_str_iter()
        .and_then(|names| names.map(plain).collect());
    all.map(Some)
        .ok_or("the names of a list are not plain text".into())
}

/// How many rows a data frame has, by its names of rows; `true`: these are their numbers, as R makes
/// them.
///
/// # Safety
///
/// A live object on R's main thread.
unsafe fn count_rows(names: crate::ffi::Sexp) -> (usize, bool) {
    // SAFETY: by the caller's promise; there are two integers.
    unsafe {
        let n = crate::ffi::Rf_xlength(names) as usize;
        if n == 2 && crate::ffi::TYPEOF(names) == crate::ffi::INTSXP {
            let numbers = crate::ffi::INTEGER_RO(names);
            // R's short form: a missing value, and the number or less that.
            if *numbers == i32::MIN {
                let count = *numbers.add(1);
                return (count.unsigned_abs() as usize, count <= 0);
            }
        }
        (n, false)
    }
}

/// The element of a list: the first of exactly that name, or by number.
fn element(list: &Robj, step: &Step) -> Option<Robj> {
    let values = list.as_list()?;
    let at = match step {
        Step::At(at) => usize::try_from(*at).ok()?.checked_sub(1)?,
        Step::Name(name) => {
            let names = list.get_attrib("names")?;
            let mut names = names.as_str_iter()?;
            names.position(|known| !known.is_na() && known == name)?
        }
    };
    (at < values.len()).then(|| values.elt(at).ok()).flatten()
}

/// Data of one type, that of the first: single numbers, where all are, or vectors, or matrices.
/// Others are `None`. Nothing where no element can be read. `true`: some have names.
#[allow(clippy::type_complexity)]
pub(super) fn rows_of(
    elements: &[Option<Robj>],
) -> Option<(Type, Vec<Option<Data<'static>>>, bool)> {
    let mut named = false;
    let read: Vec<_> = elements
        .iter()
        .map(|x| {
            let (ty, data, names) = x.as_ref().and_then(|x| bare(x).ok())?;
            named |= names;
            Some((ty, data))
        })
        .collect();
    let first = read.iter().flatten().map(|(ty, _)| *ty).next()?;
    if first.is_matrix() {
        let each = read.iter().map(|x| match x {
            Some((ty, data)) if *ty == first => Some(*data),
            _ => None,
        });
        return Some((first, each.collect(), named));
    }
    let element = first.element();
    let scalars = read
        .iter()
        .flatten()
        .all(|(ty, _)| *ty == element || ty.is_matrix());
    let ty = if scalars { element } else { element.vector() };
    let each = read
        .iter()
        .zip(elements)
        .map(|(x, value)| match (x, value) {
            (Some((of, data)), Some(value)) if of.element() == element && !of.is_matrix() => {
                Some(if scalars {
                    *data
                } else {
                    as_vector(*data, value)
                })
            }
            _ => None,
        });
    Some((ty, each.collect(), named))
}
