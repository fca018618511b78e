//! The parts of what a job is, as they travel.

/// In the word of a part: it is in the letter, so many bytes.
#[cfg(unix)]
pub(crate) const BYTES: u32 = 1 << 31;

/// A part of what a job is.
#[derive(Debug)]
pub enum Part<F> {
    /// In files.
    Files(Vec<F>),
    /// In the letter: no more than some kilobytes, all parts together.
    Bytes(Vec<u8>),
}

impl<F> Part<F> {
    /// Its files.
    pub fn files(&self) -> &[F] {
        match self {
            Part::Files(files) => files,
            Part::Bytes(_) => &[],
        }
    }

    /// As an order has it.
    #[cfg(unix)]
    pub(crate) fn word(&self) -> u32 {
        match self {
            Part::Files(files) => files.len() as u32,
            Part::Bytes(bytes) => BYTES | bytes.len() as u32,
        }
    }
}

impl<F> Default for Part<F> {
    fn default() -> Self {
        Part::Files(Vec::new())
    }
}
