use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

use rustle_threads::pool::on_threads;
use twox_hash::XxHash3_128;

/// Threads hash blocks of this size: long beside the start of a block (1 us), short beside
/// the memory of a machine.
const BLOCK: usize = 4 << 20;

/// Which bytes: their hash and their number. With 128 bits, two of a million different
/// contents have the same with a probability of 1e-27.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest {
    hash: u128,
    len: usize,
}

impl Digest {
    /// The digest of `bytes`, the same for every number of threads.
    pub fn of(bytes: &[u8], threads: NonZeroUsize) -> Digest {
        let len = bytes.len();
        if len <= BLOCK {
            let hash = XxHash3_128::oneshot(bytes);
            return Digest { hash, len };
        }
        let blocks: Vec<&[u8]> = bytes.chunks(BLOCK).collect();
        let hashes = Mutex::new(vec![0u128; blocks.len()]);
        let next = AtomicUsize::new(0);
        let work = |_| {
            while let Some(block) = {
                let at = next.fetch_add(1, Ordering::Relaxed);
                blocks.get(at).map(|block| (at, block))
            } {
                let hash = XxHash3_128::oneshot(block.1);
                if let Ok(mut hashes) = hashes.lock() {
                    hashes[block.0] = hash;
                }
            }
        };
        // Where the system starts no thread, this one does it all.
        if on_threads(threads, blocks.len(), work).is_err() {
            work(0);
        }
        let hashes = hashes.into_inner().unwrap_or_else(|e| e.into_inner());
        let all: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        let hash = XxHash3_128::oneshot(&all);
        Digest { hash, len }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_do_not_change_a_digest() {
        let mut bytes: Vec<u8> = (0..3 * BLOCK + 5).map(|i| (i / 7) as u8).collect();
        let with = |n, bytes: &[u8]| Digest::of(bytes, NonZeroUsize::new(n).unwrap());
        let one = with(1, &bytes);
        assert_eq!(one, with(2, &bytes));
        assert_eq!(one, with(3, &bytes));
        assert_ne!(one, with(2, &bytes[1..]));
        bytes[2 * BLOCK + 1] ^= 1;
        assert_ne!(one, with(2, &bytes));
    }
}
