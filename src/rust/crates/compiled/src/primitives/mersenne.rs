//! The Mersenne twister.

const N: usize = 624;
const M: usize = 397;

/// MT19937 (Matsumoto & Nishimura 1998, ACM Transactions on Modeling and Computer
/// Simulation 8, 3-30), with the scaling to (0, 1) that R gives it.
#[derive(Clone, Debug)]
pub struct Mersenne {
    state: [u32; N],
    at: usize,
}

impl Mersenne {
    /// From `.Random.seed[-1]`: the position and the 624 words.
    pub(super) fn from_words(words: &[i32]) -> Option<Self> {
        let (at, state) = words.split_first()?;
        let state: &[i32; N] = state.try_into().ok()?;
        let at = usize::try_from(*at).ok().filter(|at| *at <= N)?;
        if state.iter().all(|word| *word == 0) {
            return None;
        }
        let state = state.map(|word| word as u32);
        Some(Self { state, at })
    }

    pub(super) fn words(&self) -> Vec<i32> {
        let state = self.state.iter().map(|word| *word as i32);
        std::iter::once(self.at as i32).chain(state).collect()
    }

    fn refill(&mut self) {
        let s = &mut self.state;
        // Loops without a remainder, of which the compiler makes vector instructions.
        for i in 0..N - M {
            s[i] = s[i + M] ^ twist(s[i], s[i + 1]);
        }
        for i in N - M..N - 1 {
            s[i] = s[i + M - N] ^ twist(s[i], s[i + 1]);
        }
        s[N - 1] = s[M - 1] ^ twist(s[N - 1], s[0]);
        self.at = 0;
    }

    /// Fills `out` with numbers from 1 to `n` of the upper halves of words: those of them, under
    /// `mask`, that are below `n`.
    pub(super) fn indices(&mut self, n: u32, mask: u32, out: &mut [i32]) {
        let mut ready = [0; N];
        let mut filled = 0;
        while filled < out.len() {
            if self.at >= N {
                self.refill();
            }
            let words = &self.state[self.at..];
            // No more than can be needed, so that none is left over.
            let count = words.len().min(out.len() - filled);
            for (ready, word) in ready.iter_mut().zip(&words[..count]) {
                *ready = (temper(*word) >> 16) & mask;
            }
            self.at += count;
            for number in &ready[..count] {
                out[filled] = *number as i32 + 1;
                filled += usize::from(*number < n);
            }
        }
    }

    pub(super) fn next_u01(&mut self) -> f64 {
        /// 1 / (2^32 - 1), as R writes it.
        const SCALE: f64 = 2.328306437080797e-10;
        if self.at >= N {
            self.refill();
        }
        let y = temper(self.state[self.at]);
        self.at += 1;
        if y == 0 {
            return 0.5 * SCALE;
        }
        f64::from(y) * 2.0f64.powi(-32)
    }
}

#[inline(always)]
fn twist(word: u32, next: u32) -> u32 {
    let y = (word & 0x8000_0000) | (next & 0x7fff_ffff);
    (y >> 1) ^ ((y & 1).wrapping_neg() & 0x9908_b0df)
}

#[inline(always)]
fn temper(mut y: u32) -> u32 {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c_5680;
    y ^= (y << 15) & 0xefc6_0000;
    y ^ (y >> 18)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_authors() {
        // init_genrand(5489): the 10000th output is 4123659995 (of the C++ standard).
        let mut state = [5489u32; N];
        for i in 1..N {
            let before = state[i - 1];
            state[i] = (before ^ (before >> 30))
                .wrapping_mul(1_812_433_253)
                .wrapping_add(i as u32);
        }
        let mut twister = Mersenne { state, at: N };
        let last = (0..10_000).map(|_| twister.next_u01()).last();
        assert_eq!(last, Some(4_123_659_995.0 / 4_294_967_296.0));
    }

    #[test]
    fn a_state_that_is_none_is_refused() {
        let mut words = vec![1; N + 1];
        assert!(Mersenne::from_words(&words).is_some());
        words[0] = 625;
        assert!(Mersenne::from_words(&words).is_none());
        words[0] = -1;
        assert!(Mersenne::from_words(&words).is_none());
        assert!(Mersenne::from_words(&words[1..]).is_none());
        assert!(Mersenne::from_words(&[0; N + 1]).is_none());
    }
}
