//! What is sent once where what follows has the same: the side of the sender.
//!
//! An object has sets of attributes, which both sides count, from 0: the number of a set is its place. The
//! sender says of each set whether the receiver shall keep it ([`KEEP`]), or has what it needs
//! ([`AGAIN`]): the last one that was kept in this place. What has been encoded is always sent, in
//! order, or the sender forgets everything it has told.

/// No attributes follow.
pub const NONE: u8 = 0;
/// Attributes follow.
pub const FOLLOW: u8 = 1;
/// Attributes follow; what comes in this place may have the same.
pub const KEEP: u8 = 2;
/// Those that were kept in this place.
pub const AGAIN: u8 = 3;

/// Places that are counted; sets in others are sent each time.
pub const PLACES: usize = 16;
/// Larger sets are sent each time.
const BYTES_MOST: usize = 4096;
/// So often in a row a place may have another set before it is given up.
const MISSES_MOST: u8 = 8;

/// What the sender has told.
#[derive(Debug, Default)]
pub struct Told {
    sets: Vec<(Vec<u8>, u8)>,
    place: usize,
    /// An object has been begun and is not whole.
    open: bool,
}

impl Told {
    /// An object begins. One before that was not sent has left nothing valid.
    pub fn begin(&mut self) {
        if std::mem::replace(&mut self.open, true) {
            self.sets.clear();
        }
        self.place = 0;
    }

    /// It is whole, and will be sent.
    pub fn end(&mut self) {
        self.open = false;
    }

    /// The place of the next set.
    #[expect(
        clippy::should_implement_trait,
        reason = "no iterator: places have no end"
    )]
    pub fn next(&mut self) -> usize {
        self.place += 1;
        self.place - 1
    }

    /// How the set in `place`, which is `bytes`, is to be sent.
    pub fn tell(&mut self, place: usize, bytes: &[u8]) -> u8 {
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
