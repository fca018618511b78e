//! Normal numbers by inversion, many at once.
//!
//! Algorithm AS 241 of Wichura (1988), Applied Statistics 37, 477-484, as R has it. Six of seven
//! probabilities lie in the middle, where the quantile is a quotient of two polynomials: several
//! of these are computed side by side, each step rounded as it is alone.

/// How far from 1/2 the middle reaches.
const MIDDLE: f64 = 0.425;
/// So many at once.
const BLOCK: usize = 32;

/// The quantile of a probability in the middle; of others some number.
#[inline(always)]
fn middle(p: f64) -> f64 {
    const ABOVE: [f64; 8] = [
        2509.0809287301227,
        33430.57558358813,
        67265.7709270087,
        45921.95393154987,
        13731.69376550946,
        1971.5909503065513,
        133.14166789178438,
        3.3871328727963665,
    ];
    const BELOW: [f64; 8] = [
        5226.495278852854,
        28729.085735721943,
        39307.89580009271,
        21213.794301586597,
        5394.196021424751,
        687.1870074920579,
        42.31333070160091,
        1.0,
    ];
    let q = p - 0.5;
    let r = 0.180625 - q * q;
    let mut above = ABOVE[0];
    let mut below = BELOW[0];
    let mut k = 1;
    while k < 8 {
        above = above * r + ABOVE[k];
        below = below * r + BELOW[k];
        k += 1;
    }
    q * above / below
}

/// The quantiles in place of probabilities inside (0, 1); `tail` computes those of which the
/// probability does not lie in the middle.
#[inline(always)]
pub fn quantiles(x: &mut [f64], tail: impl Fn(f64) -> f64) {
    let mut found = [0.0; BLOCK];
    let mut outside = [0u8; BLOCK];
    for block in x.chunks_mut(BLOCK) {
        for (to, p) in found.iter_mut().zip(block.iter()) {
            *to = middle(*p);
        }
        // Which ones are outside is noted without a branch, as it is random.
        let mut count = 0;
        for (k, p) in block.iter().enumerate() {
            outside[count] = k as u8;
            count += usize::from((p - 0.5).abs() > MIDDLE);
        }
        for k in &outside[..count] {
            let k = usize::from(*k);
            found[k] = tail(block[k]);
        }
        block.copy_from_slice(&found[..block.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_r() {
        // qnorm(c(0.075, 0.1, 0.5, 0.6, 0.9249, 0.25))
        let mut x = [0.075, 0.1, 0.5, 0.6, 0.9249, 0.25, 0.01, 0.99];
        quantiles(&mut x, |p| -p);
        let r = [
            -1.4395314709384557,
            -1.2815515655446008,
            0.0,
            0.2533471031357998,
            1.4388253927525403,
            -0.6744897501960817,
            -0.01,
            -0.99,
        ];
        for (x, r) in x.iter().zip(r) {
            assert_eq!(*x, r);
        }
    }

    #[test]
    fn blocks_of_any_length_are_whole() {
        for n in [0, 1, 31, 32, 33, 100] {
            let p = |k: usize| (k as f64 + 0.5) / n as f64;
            let mut x: Vec<f64> = (0..n).map(p).collect();
            quantiles(&mut x, |p| if p < 0.5 { -9.0 } else { 9.0 });
            for (k, x) in x.iter().enumerate() {
                let p = p(k);
                let tail = (p - 0.5).abs() > MIDDLE;
                let want = if tail {
                    if p < 0.5 {
                        -9.0
                    } else {
                        9.0
                    }
                } else {
                    middle(p)
                };
                assert_eq!(*x, want);
            }
        }
    }
}
