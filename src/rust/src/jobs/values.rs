//! The values of a finished job, as R objects.

use std::ffi::c_int;
use std::sync::atomic::Ordering;

use rustle_shared::State;
use rustle_workers::memory::JobMemory;

use crate::ffi::{self, Sexp};
use crate::shape::{Kind, Shape};

/// All values of a finished job as one vector, task after task; `None` when they
/// do not have one shape. `sent` is the list of those that came as objects.
///
/// # Safety
///
/// Main thread; `sent` is `NULL` or a live list with an element per task. The
/// result is not protected.
pub(crate) unsafe fn as_vector(shape: Shape, memory: &JobMemory, sent: Sexp) -> Option<Sexp> {
    let slots = memory.slots();
    let states = || slots.iter().map(|slot| slot.state());
    let (kind, len) = match shape {
        Shape::Unknown => return None,
        Shape::Template { kind, len } => (kind, len),
        Shape::Scalar => {
            let mut kind = Kind::Logical;
            for state in states() {
                kind = kind.max(Kind::of_state(state)?);
            }
            (kind, 1)
        }
    };
    // SAFETY: by the caller's promise; a sent value is looked at only where its
    // slot says that there is one.
    unsafe {
        let object = |task: usize| {
            let value = ffi::VECTOR_ELT(sent, task as isize);
            let own = Kind::of(value).filter(|&own| own <= kind)?;
            (ffi::Rf_xlength(value) == len as isize).then_some((own, value))
        };
        let plain = len == 1 && slots.are_all(kind.state());
        let fits = plain
            || states().enumerate().all(|(task, state)| match state {
                State::Stored => true,
                State::Sent => object(task).is_some(),
                inline => len == 1 && Kind::of_state(inline).is_some_and(|own| own <= kind),
            });
        if !fits {
            return None;
        }
        // Reading a compact vector may allocate.
        let out = ffi::Rf_allocVector(kind.r_type(), (slots.len() * len) as isize);
        let out = ffi::Rf_protect(out);
        let to = match kind {
            Kind::Double => ffi::REAL(out).cast::<c_int>(),
            Kind::Integer => ffi::INTEGER(out),
            Kind::Logical => ffi::LOGICAL(out),
        };
        if plain {
            for (task, slot) in slots.iter().enumerate() {
                kind.write(to, task, slot.bits());
            }
            ffi::Rf_unprotect(1);
            return Some(out);
        }
        for (task, slot) in slots.iter().enumerate() {
            let from = task * len;
            match (slot.state(), Kind::of_state(slot.state())) {
                (_, Some(own)) => kind.write(to, from, own.promote(slot.bits(), kind)),
                (State::Stored, _) => {
                    for (at, word) in memory.words(task).iter().enumerate() {
                        kind.write(to, from + at, word.load(Ordering::Relaxed));
                    }
                }
                _ => {
                    if let Some((own, value)) = object(task) {
                        for at in 0..len {
                            let bits = own.promote(own.bits(value, at), kind);
                            kind.write(to, from + at, bits);
                        }
                    }
                }
            }
        }
        ffi::Rf_unprotect(1);
        Some(out)
    }
}

/// The value of one task whose slot holds it; `None` when it came as an object.
///
/// # Safety
///
/// Main thread. The result is not protected.
pub(crate) unsafe fn as_object(shape: Shape, memory: &JobMemory, task: usize) -> Option<Sexp> {
    let slot = memory.slots().of(task);
    // SAFETY: by the caller's promise; the vector has an element per word.
    unsafe {
        match (slot.state(), shape) {
            (State::Double, _) => Some(ffi::Rf_ScalarReal(f64::from_bits(slot.bits()))),
            (State::Integer, _) => Some(ffi::Rf_ScalarInteger(slot.bits() as u32 as c_int)),
            (State::Logical, _) => Some(ffi::Rf_ScalarLogical(slot.bits() as u32 as c_int)),
            (State::Null, _) => Some(ffi::nil()),
            (State::Stored, Shape::Template { kind, len }) => {
                let out = ffi::Rf_allocVector(kind.r_type(), len as isize);
                let to = match kind {
                    Kind::Double => ffi::REAL(out).cast::<c_int>(),
                    Kind::Integer => ffi::INTEGER(out),
                    Kind::Logical => ffi::LOGICAL(out),
                };
                for (at, word) in memory.words(task).iter().enumerate() {
                    kind.write(to, at, word.load(Ordering::Relaxed));
                }
                Some(out)
            }
            _ => None,
        }
    }
}
