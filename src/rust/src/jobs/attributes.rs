//! Attributes are sent once where the results that follow have the same: names, classes and
//! row names of many small lists or data frames.
//!
//! Both sides count the sets of attributes in an object, from 0, but for those within
//! attributes: the number of a set is its place. The sender says of each set whether the
//! receiver shall keep it ([`KEEP`]), or has what it needs ([`AGAIN`]): the last one that was
//! kept in this place. What has been encoded is always sent, in order, or the sender forgets
//! everything it has told.

use crate::ffi::{self, Sexp};

/// No attributes follow.
pub(super) const NONE: u8 = 0;
/// Attributes follow.
pub(super) const FOLLOW: u8 = 1;
/// Attributes follow; what comes in this place may have the same.
pub(super) const KEEP: u8 = 2;
/// Those that were kept in this place.
pub(super) const AGAIN: u8 = 3;

/// Places that are counted; sets in others are sent each time.
const PLACES: usize = 16;
/// Larger sets are sent each time.
const BYTES_MOST: usize = 4096;
/// So often in a row a place may have another set before it is given up.
const MISSES_MOST: u8 = 8;

/// Names of attributes that are sent as numbers, from 1; 0: the name follows.
pub(super) fn usual_names() -> [Sexp; 6] {
    // SAFETY: symbols that R has made at its start and never changes.
    unsafe {
        [
            ffi::R_NamesSymbol,
            ffi::R_ClassSymbol,
            ffi::R_RowNamesSymbol,
            ffi::R_DimSymbol,
            ffi::R_DimNamesSymbol,
            ffi::R_LevelsSymbol,
        ]
    }
}

/// What the sender has told.
#[derive(Debug, Default)]
pub(super) struct Told {
    sets: Vec<(Vec<u8>, u8)>,
    place: usize,
    /// An object has been begun and is not whole.
    open: bool,
}

impl Told {
    /// An object begins. One before that was not sent has left nothing valid.
    pub(super) fn begin(&mut self) {
        if std::mem::replace(&mut self.open, true) {
            self.sets.clear();
        }
        self.place = 0;
    }

    /// It is whole, and will be sent.
    pub(super) fn end(&mut self) {
        self.open = false;
    }

    /// The place of the next set.
    pub(super) fn next(&mut self) -> usize {
        self.place += 1;
        self.place - 1
    }

    /// How the set in `place`, which is `bytes`, is to be sent.
    pub(super) fn tell(&mut self, place: usize, bytes: &[u8]) -> u8 {
        if place >= PLACES || bytes.len() > BYTES_MOST {
            return FOLLOW;
        }
        while self.sets.len() <= place {
            self.sets.push((Vec::new(), 0));
        }
        let (before, misses) = &mut self.sets[place];
        if before == bytes {
            *misses = 0;
            return AGAIN;
        }
        if *misses >= MISSES_MOST {
            return FOLLOW;
        }
        *misses += 1;
        before.clear();
        before.extend_from_slice(bytes);
        KEEP
    }
}

/// What the receiver has kept.
#[derive(Debug, Default)]
pub(super) struct Known {
    names: Vec<Vec<Sexp>>,
    pub(super) place: usize,
}

impl Known {
    /// Keeps the set in `place`: its `values`, in `list`; names follow.
    ///
    /// # Safety
    ///
    /// Main thread; `list` is a live one of [`Known::list`].
    pub(super) unsafe fn keep(&mut self, list: Sexp, place: usize, values: Sexp) {
        while self.names.len() <= place {
            self.names.push(Vec::new());
        }
        self.names[place].clear();
        // SAFETY: by the caller's promise; senders keep no set in a place beyond the list.
        unsafe { ffi::SET_VECTOR_ELT(list, place as isize, values) };
    }

    /// The next name of the set in `place`.
    pub(super) fn name(&mut self, place: usize, name: Sexp) {
        if let Some(names) = self.names.get_mut(place) {
            names.push(name);
        }
    }

    /// Gives `x` the attributes that were kept in `place`.
    ///
    /// # Safety
    ///
    /// As [`Known::keep`]; `x` is protected.
    pub(super) unsafe fn give(&self, list: Sexp, place: usize, x: Sexp) {
        let Some(names) = self.names.get(place) else {
            return;
        };
        // SAFETY: by the caller's promise; symbols are never collected. Values have several
        // owners from now on, and R copies such before it changes them.
        unsafe {
            let values = ffi::VECTOR_ELT(list, place as isize);
            for (at, name) in (0..).zip(names) {
                ffi::Rf_setAttrib(x, *name, ffi::VECTOR_ELT(values, at));
            }
        }
    }

    /// A list with a place for each set.
    ///
    /// # Safety
    ///
    /// Main thread. The result is not protected.
    pub(super) unsafe fn list() -> Sexp {
        // SAFETY: by the caller's promise.
        unsafe { ffi::Rf_allocVector(ffi::VECSXP as u32, PLACES as isize) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_told_once_until_it_changes_and_forgotten_with_an_object_that_was_not_sent() {
        let mut told = Told::default();
        let mut object = |sets: &[&[u8]], whole: bool| {
            told.begin();
            let how: Vec<u8> = sets
                .iter()
                .map(|bytes| {
                    let place = told.next();
                    told.tell(place, bytes)
                })
                .collect();
            if whole {
                told.end();
            }
            how
        };
        assert_eq!(object(&[b"a", b"b"], true), [KEEP, KEEP]);
        assert_eq!(object(&[b"a", b"c"], true), [AGAIN, KEEP]);
        assert_eq!(
            object(&[b"a", b"c", &[0; BYTES_MOST + 1]], false),
            [AGAIN, AGAIN, FOLLOW]
        );
        assert_eq!(object(&[b"a", b"c"], true), [KEEP, KEEP]);
        for k in 1..=20u8 {
            let how = object(&[&[k]], true);
            assert_eq!(how, [if k < MISSES_MOST { KEEP } else { FOLLOW }], "{k}");
        }
        let many: Vec<&[u8]> = (0..PLACES + 2).map(|_| &b"z"[..]).collect();
        object(&many, true);
        let how = object(&many, true);
        assert_eq!(how[PLACES..], [FOLLOW, FOLLOW]);
        assert!(how[1..PLACES].iter().all(|&how| how == AGAIN));
    }
}
