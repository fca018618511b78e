//! Does the code of a closure mean what it meant when it was compiled? Each of its names is looked up
//! where R would look it up, without evaluating anything; what cannot be told so counts as another
//! meaning. R/compiled-again.R says what the names have meant.

use std::ffi::c_int;

use extendr_api::prelude::*;

use super::watched::is_watched;
use crate::ffi::{self, Sexp};
use crate::fields::Fields;
use crate::needs::{
    formals, home, is_function, parent, R_BaseNamespace, R_ClosureExpr, R_EmptyEnv,
};
use crate::refusal::{Parsed, Refusal};

/// The function itself, and as many others as are looked at for it (R/compiled-calls.R).
const CLOSURES: usize = 41;

/// What a call of a name leads to.
#[derive(Clone, Copy, Debug)]
enum Callee {
    /// A function of R's.
    Own(Sexp),
    /// One of the closures, by its place.
    Closure(usize),
    Nothing,
}

/// What a name that is read stands for.
#[derive(Debug)]
enum Variable {
    Null,
    Numbers(Numbers),
    Function,
    Nothing,
    /// What cannot be compared.
    Other,
}

/// A vector or a matrix of numbers, as it was.
#[derive(Debug)]
struct Numbers {
    kind: c_int,
    length: isize,
    dim: Option<[c_int; 2]>,
    bytes: Box<[u8]>,
    /// Where the program reads them; it has a single number in itself.
    read: Option<*const u8>,
}

/// The code of a closure and its names.
#[derive(Debug)]
struct Code {
    body: Sexp,
    formals: Sexp,
    callees: Vec<(Sexp, Callee)>,
    variables: Vec<(Sexp, Variable)>,
    /// R's own default methods of generic functions that it calls.
    defaults: Vec<(Sexp, Sexp)>,
    /// Other methods, which must not be there.
    methods: Vec<Sexp>,
}

/// All that a program rests on. Objects are kept by the list that it was read from.
#[derive(Debug)]
pub(super) struct Meaning {
    codes: Vec<Code>,
    /// Where methods are registered.
    tables: Vec<Sexp>,
    options: Vec<(Sexp, Sexp)>,
    /// Variables of frames of packages: frame, name and value (null where it is not bound).
    bindings: Vec<(Sexp, Sexp, Sexp)>,
}

pub(super) fn symbol(name: &str) -> Parsed<Sexp> {
    let name = std::ffi::CString::new(name).map_err(Refusal::internal)?;
    // SAFETY: main thread; R copies the name. (It jumps for a name of more than 10000 bytes; then the
    // name leaks.)
    Ok(unsafe { ffi::Rf_install(name.as_ptr()) })
}

fn symbols(names: &[String]) -> Parsed<Vec<Sexp>> {
    names.iter().map(|name| symbol(name)).collect()
}

/// The objects of a list in the list's own keeping.
fn objects(fields: &Fields, name: &str) -> Parsed<Vec<Sexp>> {
    let all = fields.elements(name)?;
    // SAFETY: only the addresses are read.
    Ok(all.iter().map(|x| unsafe { x.get() }.cast()).collect())
}

/// Names and objects of a named list.
fn named(fields: &Fields, name: &str) -> Parsed<Vec<(Sexp, Sexp)>> {
    let Some(list) = fields.optional(name)?.and_then(Robj::as_list) else {
        return Ok(Vec::new());
    };
    // SAFETY: only the addresses are read.
    list.iter()
        .map(|(name, x)| Ok((symbol(name)?, unsafe { x.get() }.cast())))
        .collect()
}

/// The bytes of numbers of `kind`; `None` where they are not in memory.
///
/// # Safety
///
/// A live object; main thread.
unsafe fn bytes<'a>(x: Sexp, kind: c_int) -> Option<&'a [u8]> {
    // SAFETY: by the caller's promise; a vector has as many elements of that size.
    unsafe {
        let size = ffi::element_bytes(kind)?;
        let length = ffi::Rf_xlength(x) as usize;
        if length == 0 {
            return Some(&[]);
        }
        let at = ffi::DATAPTR_OR_NULL(x).cast::<u8>();
        (!at.is_null()).then(|| std::slice::from_raw_parts(at, length * size))
    }
}

/// The shape of a matrix, `Some(None)` of what has no attributes; `None` where there are others.
///
/// # Safety
///
/// A live object; main thread.
unsafe fn dim(x: Sexp) -> Option<Option<[c_int; 2]>> {
    // SAFETY: by the caller's promise; two integers are read of a vector that has them.
    unsafe {
        if !ffi::has_attributes(x) {
            return Some(None);
        }
        let mut found = None;
        let only = ffi::each_attribute(x, |name, value| {
            let two = name == ffi::R_DimSymbol
                && ffi::TYPEOF(value) == ffi::INTSXP
                && ffi::Rf_xlength(value) == 2
                && !ffi::has_attributes(value);
            if two {
                let at = ffi::INTEGER_RO(value);
                found = Some([*at, *at.add(1)]);
            }
            two
        });
        (only && found.is_some()).then_some(found)
    }
}

impl Numbers {
    /// # Safety
    ///
    /// A live object, which the program keeps; main thread.
    unsafe fn of(x: Sexp) -> Option<Numbers> {
        // SAFETY: by the caller's promise.
        unsafe {
            let kind = ffi::TYPEOF(x);
            if !matches!(kind, ffi::REALSXP | ffi::INTSXP | ffi::LGLSXP) {
                return None;
            }
            let dim = dim(x)?;
            let bytes = bytes(x, kind)?;
            let length = ffi::Rf_xlength(x);
            let single = length == 1 && dim.is_none();
            Some(Numbers {
                kind,
                length,
                dim,
                bytes: bytes.into(),
                read: (!single).then_some(bytes.as_ptr()),
            })
        }
    }

    /// Is `x` the same, and what the program reads what it was? (C code may change numbers where they
    /// are.)
    ///
    /// # Safety
    ///
    /// A live object, and what this was made of lives; main thread.
    unsafe fn are(&self, x: Sexp) -> bool {
        // SAFETY: by the caller's promise.
        unsafe {
            ffi::TYPEOF(x) == self.kind
                && ffi::Rf_xlength(x) == self.length
                && dim(x) == Some(self.dim)
                && bytes(x, self.kind).is_some_and(|bytes| {
                    *bytes == *self.bytes
                        && self.read.is_none_or(|at| {
                            at == bytes.as_ptr()
                                || self.bytes.is_empty()
                                || *std::slice::from_raw_parts(at, self.bytes.len()) == *self.bytes
                        })
                })
        }
    }
}

impl Code {
    fn read(spec: &Robj) -> Parsed<Code> {
        let fields = Fields::new(spec)?;
        let mut callees = Vec::new();
        for (name, own) in named(&fields, "own")? {
            callees.push((name, Callee::Own(own)));
        }
        let places = fields.numbers("places")?;
        for (name, place) in symbols(&fields.texts("called")?)?.into_iter().zip(places) {
            callees.push((name, Callee::Closure(place as usize)));
        }
        for name in symbols(&fields.texts("nothing")?)? {
            callees.push((name, Callee::Nothing));
        }
        let mut variables = Vec::new();
        for (name, x) in named(&fields, "variables")? {
            let variable = if x == ffi::nil() {
                Variable::Null
            } else {
                // SAFETY: main thread; the program has been compiled of this object and keeps it.
                unsafe { Numbers::of(x) }.map_or(Variable::Other, Variable::Numbers)
            };
            variables.push((name, variable));
        }
        for name in symbols(&fields.texts("handed")?)? {
            variables.push((name, Variable::Function));
        }
        for name in symbols(&fields.texts("absent")?)? {
            variables.push((name, Variable::Nothing));
        }
        // SAFETY: only addresses are read.
        let address = |name: &str| fields.get(name).map(|x| unsafe { x.get() }.cast());
        Ok(Code {
            body: address("body")?,
            formals: address("formals")?,
            callees,
            variables,
            defaults: named(&fields, "defaults")?,
            methods: symbols(&fields.texts("methods")?)?,
        })
    }
}

/// What is bound to a name from `at` on: the first that `fits`. `Err`: that cannot be told.
///
/// # Safety
///
/// A symbol and a live environment, on R's main thread.
pub(super) unsafe fn look_up(
    name: Sexp,
    mut at: Sexp,
    fits: impl Fn(Sexp) -> bool,
) -> std::result::Result<Option<Sexp>, ()> {
    // SAFETY: `at` is a live environment.
    unsafe {
        while at != R_EmptyEnv {
            let x = ffi::rustle_bound(name, at);
            if !x.is_null() {
                if x == ffi::R_MissingArg {
                    return Err(());
                }
                if fits(x) {
                    return Ok(Some(x));
                }
            }
            at = parent(at);
        }
        Ok(None)
    }
}

/// Does a name stand in a frame from `at` on, other than base?
///
/// # Safety
///
/// A symbol and a live environment, on R's main thread.
unsafe fn stands(name: Sexp, mut at: Sexp) -> bool {
    // SAFETY: `at` is a live environment.
    unsafe {
        while at != R_EmptyEnv && at != ffi::R_BaseEnv {
            if at != R_BaseNamespace && ffi::R_existsVarInFrame(at, name) != 0 {
                return true;
            }
            at = parent(at);
        }
        false
    }
}

/// Has a closure no attributes but the text that it was parsed from?
///
/// # Safety
///
/// A live closure, on R's main thread.
unsafe fn is_bare(fun: Sexp) -> bool {
    // SAFETY: a live object; symbols are never collected.
    unsafe {
        !ffi::has_attributes(fun) || {
            let source = ffi::Rf_install(c"srcref".as_ptr());
            ffi::each_attribute(fun, |name, _| name == source)
        }
    }
}

/// Are these the same option, or the same flag? `options()` makes new objects of what it is given.
///
/// # Safety
///
/// Live objects, on R's main thread.
unsafe fn is_same(x: Sexp, y: Sexp) -> bool {
    // SAFETY: live objects; elements are read of vectors that have one.
    unsafe {
        if x == y {
            return true;
        }
        let kind = ffi::TYPEOF(x);
        if kind != ffi::TYPEOF(y)
            || !matches!(kind, ffi::LGLSXP | ffi::INTSXP | ffi::REALSXP | ffi::STRSXP)
            || ffi::Rf_xlength(x) != 1
            || ffi::Rf_xlength(y) != 1
            || ffi::has_attributes(x)
            || ffi::has_attributes(y)
        {
            return false;
        }
        // A string is in R's memory once.
        if kind == ffi::STRSXP {
            return ffi::STRING_ELT(x, 0) == ffi::STRING_ELT(y, 0);
        }
        let (x, y) = (bytes(x, kind), bytes(y, kind));
        x.is_some() && x == y
    }
}

impl Meaning {
    pub(super) fn read(fields: &Fields) -> Parsed<Meaning> {
        let codes = fields.elements("closures")?;
        let codes: Vec<Code> = codes.iter().map(Code::read).collect::<Parsed<_>>()?;
        if codes.is_empty() || codes.len() > CLOSURES {
            return Err(Refusal::internal("there are no closures, or too many"));
        }
        let frames = objects(fields, "frames")?;
        let names = symbols(&fields.texts("names")?)?;
        let options = symbols(&fields.texts("options")?)?;
        Ok(Meaning {
            codes,
            tables: objects(fields, "tables")?,
            options: options.into_iter().zip(objects(fields, "set")?).collect(),
            bindings: (frames.into_iter().zip(names))
                .zip(objects(fields, "values")?)
                .map(|((frame, name), value)| (frame, name, value))
                .collect(),
        })
    }

    /// Is this the code of the function?
    ///
    /// # Safety
    ///
    /// The addresses of the body and the formals of a live closure.
    pub(super) fn is_of(&self, body: Sexp, formals: Sexp) -> bool {
        self.codes
            .first()
            .is_some_and(|code| code.body == body && code.formals == formals)
    }

    /// Would the function be compiled to the same program now?
    ///
    /// # Safety
    ///
    /// A live closure with this code; main thread; what this was read from is kept.
    pub(super) unsafe fn holds(&self, fun: Sexp) -> bool {
        // SAFETY: by the caller's promise. Nothing here is allocated in R, nor evaluated.
        unsafe {
            let mut homes = [std::ptr::null_mut(); CLOSURES];
            self.bindings.iter().all(|&(frame, name, value)| {
                let now = ffi::rustle_bound(name, frame);
                let now = if now.is_null() { ffi::nil() } else { now };
                is_same(now, value)
            }) && self
                .options
                .iter()
                .all(|&(name, value)| is_same(ffi::Rf_GetOption1(name), value))
                && self.holds_of(0, fun, &mut homes)
        }
    }

    /// # Safety
    ///
    /// As [`Meaning::holds`]. `homes`: where closures that were looked at were written.
    unsafe fn holds_of(&self, place: usize, fun: Sexp, homes: &mut [Sexp; CLOSURES]) -> bool {
        // SAFETY: by the caller's promise; `fun` is seen to be a closure.
        unsafe {
            let (Some(code), Some(seen)) = (self.codes.get(place), homes.get(place)) else {
                return false;
            };
            if ffi::TYPEOF(fun) != ffi::CLOSXP
                || R_ClosureExpr(fun) != code.body
                || formals(fun) != code.formals
                || !is_bare(fun)
                || is_watched(fun)
            {
                return false;
            }
            let home = home(fun);
            if !seen.is_null() {
                return *seen == home;
            }
            homes[place] = home;
            for (name, known) in &code.variables {
                let Ok(now) = look_up(*name, home, |_| true) else {
                    return false;
                };
                let same = match (known, now) {
                    (Variable::Nothing, None) => true,
                    (Variable::Null, Some(x)) => x == ffi::nil(),
                    (Variable::Numbers(numbers), Some(x)) => numbers.are(x),
                    (Variable::Function, Some(x)) => is_function(x) && !is_watched(x),
                    _ => false,
                };
                if !same {
                    return false;
                }
            }
            for &(name, known) in &code.callees {
                let Ok(now) = look_up(name, home, is_function) else {
                    return false;
                };
                let same = match (known, now) {
                    (Callee::Nothing, None) => true,
                    (Callee::Own(own), Some(fun)) => own == fun && !is_watched(fun),
                    (Callee::Closure(place), Some(fun)) => self.holds_of(place, fun, homes),
                    _ => false,
                };
                if !same {
                    return false;
                }
            }
            code.defaults.iter().all(|&(name, own)| {
                let same = |x: Sexp| x == own && !is_watched(x);
                matches!(look_up(name, home, is_function), Ok(now) if now.is_none_or(same))
            }) && !code.methods.iter().any(|&name| {
                let of = |table: &Sexp| ffi::R_existsVarInFrame(*table, name) != 0;
                stands(name, home) || self.tables.iter().any(of)
            })
        }
    }
}
