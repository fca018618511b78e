//! Values whose type and length are known beforehand, as in `vapply()`, or turn
//! out to be scalars of one type: they stay numbers until the result is made.

use std::ffi::c_int;
use std::sync::atomic::{AtomicU64, Ordering};

use rustle_shared::State;

use crate::ffi::{self, Sexp};
use crate::fields::Fields;
use crate::refusal::Parsed;

/// The types of numbers that fit into a word, in the order in which R promotes
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Logical,
    Integer,
    Double,
}

/// What the caller knows of the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Nothing.
    Unknown,
    /// They may all be scalars.
    Scalar,
    /// They have this type, or one that R promotes to it, and this length, as in
    /// `vapply()`.
    Template { kind: Kind, len: usize },
}

impl Shape {
    /// From the field `shape` of R/engine-job.R: `NULL`, a string, or
    /// `list(type, length)` with the word of `typeof()`.
    pub(crate) fn read(spec: &Fields) -> Parsed<Shape> {
        let Some(shape) = spec.optional("shape")? else {
            return Ok(Shape::Unknown);
        };
        if shape.as_str().is_some() {
            return Ok(Shape::Scalar);
        }
        let template = Fields::new(shape)?;
        let kind = template.read("type", |x| Kind::named(x.as_str()?))?;
        let len = template.number("length")? as usize;
        Ok(Shape::Template { kind, len })
    }

    /// The type and length of a template.
    pub(crate) fn template(self) -> Option<(Kind, usize)> {
        match self {
            Shape::Template { kind, len } => Some((kind, len)),
            _ => None,
        }
    }

    /// How many words a value takes that its slot cannot hold.
    pub(crate) fn words(self) -> usize {
        match self {
            Shape::Template { len, .. } if len > 1 => len,
            _ => 0,
        }
    }
}

/// The bits of R's `NA_real_`.
const NA_REAL: u64 = 0x7FF0_0000_0000_07A2;

impl Kind {
    /// The kind of a vector.
    ///
    /// # Safety
    ///
    /// `value` is a live R object; main thread.
    pub(crate) unsafe fn of(value: Sexp) -> Option<Kind> {
        // SAFETY: by the caller's promise.
        match unsafe { ffi::TYPEOF(value) } {
            ffi::LGLSXP => Some(Kind::Logical),
            ffi::INTSXP => Some(Kind::Integer),
            ffi::REALSXP => Some(Kind::Double),
            _ => None,
        }
    }

    /// By the word of `typeof()`.
    fn named(word: &str) -> Option<Kind> {
        match word {
            "logical" => Some(Kind::Logical),
            "integer" => Some(Kind::Integer),
            "double" => Some(Kind::Double),
            _ => None,
        }
    }

    pub(crate) fn r_type(self) -> u32 {
        (match self {
            Kind::Logical => ffi::LGLSXP,
            Kind::Integer => ffi::INTSXP,
            Kind::Double => ffi::REALSXP,
        }) as u32
    }

    pub(crate) fn of_state(state: State) -> Option<Kind> {
        match state {
            State::Logical => Some(Kind::Logical),
            State::Integer => Some(Kind::Integer),
            State::Double => Some(Kind::Double),
            _ => None,
        }
    }

    pub(crate) fn state(self) -> State {
        match self {
            Kind::Logical => State::Logical,
            Kind::Integer => State::Integer,
            Kind::Double => State::Double,
        }
    }

    /// `bits` of this kind as bits of the kind `to`, which is not below it.
    pub(crate) fn promote(self, bits: u64, to: Kind) -> u64 {
        if self == to || to != Kind::Double {
            return bits;
        }
        match bits as u32 as i32 {
            i32::MIN => NA_REAL,
            number => f64::from(number).to_bits(),
        }
    }

    /// The bits of element `at`.
    ///
    /// # Safety
    ///
    /// `value` is a live vector of this kind with more than `at` elements.
    pub(crate) unsafe fn bits(self, value: Sexp, at: usize) -> u64 {
        // SAFETY: by the caller's promise.
        unsafe {
            match self {
                Kind::Logical => u64::from(*ffi::LOGICAL_RO(value).add(at) as u32),
                Kind::Integer => u64::from(*ffi::INTEGER_RO(value).add(at) as u32),
                Kind::Double => (*ffi::REAL_RO(value).add(at)).to_bits(),
            }
        }
    }

    /// Writes element `at`.
    ///
    /// # Safety
    ///
    /// `to` is the data of a vector of this kind with more than `at` elements.
    pub(crate) unsafe fn write(self, to: *mut c_int, at: usize, bits: u64) {
        // SAFETY: by the caller's promise.
        unsafe {
            match self {
                Kind::Double => to.cast::<u64>().add(at).write(bits),
                _ => to.add(at).write(bits as u32 as c_int),
            }
        }
    }
}

/// The state and bits of a bare scalar.
///
/// # Safety
///
/// `value` is a live R object; main thread.
pub(crate) unsafe fn inline(value: Sexp) -> Option<(State, u64)> {
    // SAFETY: by the caller's promise; a scalar has one element.
    unsafe {
        if ffi::TYPEOF(value) == ffi::NILSXP {
            return Some((State::Null, 0));
        }
        let kind = Kind::of(value)?;
        let bare = !ffi::has_attributes(value) && ffi::Rf_isS4(value) == 0;
        (bare && ffi::Rf_xlength(value) == 1).then(|| (kind.state(), kind.bits(value, 0)))
    }
}

/// Is it a bare vector of just this kind and length?
///
/// # Safety
///
/// `value` is a live R object; main thread.
pub(crate) unsafe fn is_like((kind, len): (Kind, usize), value: Sexp) -> bool {
    // SAFETY: by the caller's promise.
    unsafe {
        Kind::of(value) == Some(kind)
            && ffi::Rf_xlength(value) as usize == len
            && !ffi::has_attributes(value)
            && ffi::Rf_isS4(value) == 0
    }
}

/// The state and bits of a value that fits the template; longer ones are written
/// to `words`. Like `vapply()`, it looks at no attribute, but for names of the first
/// value (`first`), which become row names and travel with it.
///
/// # Safety
///
/// `value` is a live R object; main thread.
pub(crate) unsafe fn fit(
    (kind, len): (Kind, usize),
    value: Sexp,
    first: bool,
    words: &[AtomicU64],
) -> Option<(State, u64)> {
    // SAFETY: by the caller's promise; `len` elements are there.
    unsafe {
        let own = Kind::of(value).filter(|&own| own <= kind)?;
        if ffi::Rf_xlength(value) != len as isize {
            return None;
        }
        if len == 1 {
            return Some((kind.state(), own.promote(own.bits(value, 0), kind)));
        }
        if first && ffi::has_attributes(value) {
            return None;
        }
        for (at, word) in words.iter().enumerate() {
            word.store(own.promote(own.bits(value, at), kind), Ordering::Relaxed);
        }
        Some((State::Stored, 0))
    }
}
