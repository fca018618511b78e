//! Code as R keeps it, read where it is: to own each piece takes longer than to read it.

use std::ffi::CStr;
use std::marker::PhantomData;

use extendr_api::prelude::*;
use rustle_compiled::tree::Kind;

use crate::ffi::{self, Sexp};

/// A piece of code, for as long as the object is owned that it is a part of.
#[derive(Clone, Copy)]
pub(super) struct Code<'a> {
    piece: Sexp,
    whole: PhantomData<&'a Robj>,
}

/// The parts of a call, or the arguments of a function, with their names.
#[derive(Clone)]
pub(super) struct Parts<'a>(Code<'a>);

impl<'a> Iterator for Parts<'a> {
    type Item = (Option<&'a str>, Code<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let Code { piece, .. } = self.0;
        if piece == ffi::nil() {
            return None;
        }
        // SAFETY: a cell of a live pairlist, on R's main thread; so are its parts.
        let (name, value, rest) = unsafe { (ffi::TAG(piece), ffi::CAR(piece), ffi::CDR(piece)) };
        self.0 = Code::at(rest);
        Some((Code::at(name).name(), Code::at(value)))
    }
}

impl<'a> Code<'a> {
    /// The whole of an object. On R's main thread, as all that is read of it.
    pub(super) fn of(whole: &'a Robj) -> Code<'a> {
        // SAFETY: only its address is taken.
        Code::at(unsafe { whole.get() }.cast())
    }

    fn at(piece: Sexp) -> Code<'a> {
        Code {
            piece,
            whole: PhantomData,
        }
    }

    fn type_of(self) -> std::ffi::c_int {
        // SAFETY: a live object on R's main thread.
        unsafe { ffi::TYPEOF(self.piece) }
    }

    /// What stands where an argument is left out.
    pub(super) fn is_missing(self) -> bool {
        // SAFETY: R sets this variable before it loads any package, and never again.
        self.piece == unsafe { ffi::R_MissingArg }
    }

    /// A name; `None` of one that is no text in UTF-8, too.
    pub(super) fn name(self) -> Option<&'a str> {
        if self.type_of() != ffi::SYMSXP || self.is_missing() {
            return None;
        }
        // SAFETY: a symbol; R never collects them, nor their names.
        unsafe { CStr::from_ptr(ffi::R_CHAR(ffi::PRINTNAME(self.piece))) }
            .to_str()
            .ok()
    }

    /// The parts of a call, from the function on.
    pub(super) fn call(self) -> Option<Parts<'a>> {
        (self.type_of() == ffi::LANGSXP).then_some(Parts(self))
    }

    /// `stats::f` and `base::f` as the head of a call.
    pub(super) fn qualified(self) -> Option<String> {
        let mut words = self.call()?.map(|(_, part)| part.name());
        let [colons, package, name] = [words.next()??, words.next()??, words.next()??];
        let known = colons == "::" && (package == "stats" || package == "base");
        known.then(|| format!("{package}::{name}"))
    }

    /// The arguments of `function(...)` with their defaults.
    pub(super) fn formals(self) -> Parts<'a> {
        if self.type_of() == ffi::LISTSXP {
            Parts(self)
        } else {
            Parts(Code::at(ffi::nil()))
        }
    }

    /// The number of elements of a vector.
    fn len(self) -> isize {
        // SAFETY: as above.
        unsafe { ffi::Rf_xlength(self.piece) }
    }

    /// One string that is not missing.
    pub(super) fn text(self) -> Option<&'a str> {
        if self.type_of() != ffi::STRSXP || self.len() != 1 {
            return None;
        }
        // SAFETY: a character vector of one element, which it keeps alive.
        unsafe {
            let word = ffi::STRING_ELT(self.piece, 0);
            if word == ffi::R_NaString {
                return None;
            }
            CStr::from_ptr(ffi::R_CHAR(word)).to_str().ok()
        }
    }

    /// One element, as a constant of code or a variable; what is no code otherwise.
    pub(super) fn constant(self) -> Kind {
        let missing = || Kind::Other("a missing value".into());
        if self.piece == ffi::nil() {
            return Kind::Null;
        }
        // SAFETY: a live object; of a vector that is read there is one element.
        unsafe {
            if self.len() != 1 || ffi::has_attributes(self.piece) {
                return Kind::Other("what is no single number, string or logical value".into());
            }
            match self.type_of() {
                ffi::REALSXP => Kind::Double(*ffi::REAL_RO(self.piece)),
                ffi::INTSXP => match *ffi::INTEGER_RO(self.piece) {
                    i32::MIN => missing(),
                    x => Kind::Integer(x),
                },
                ffi::LGLSXP => match *ffi::LOGICAL_RO(self.piece) {
                    i32::MIN => Kind::Na,
                    x => Kind::Logical(x != 0),
                },
                ffi::STRSXP if ffi::STRING_ELT(self.piece, 0) == ffi::R_NaString => missing(),
                _ => match self.text() {
                    Some(text) => Kind::Text(text.to_owned()),
                    None => Kind::Other("a value that is not numeric".into()),
                },
            }
        }
    }
}
