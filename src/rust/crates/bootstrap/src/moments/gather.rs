//! Sums over the rows of a resample, draw by draw. Of several replicates together where that hides
//! how long an addition takes: each has its own order of additions, and so the bits that it has alone.

use pulp::{Arch, Simd, WithSimd};

use super::{Columns, FILLED};
use crate::scheme::Scheme;
use crate::stream::Stream;

/// The draws of `R` replicates that are made together.
struct Draws<'a, const R: usize> {
    scheme: &'a Scheme,
    streams: [&'a mut Stream; R],
    first: u64,
    attempt: u32,
}

impl<const R: usize> Draws<'_, R> {
    #[inline(always)]
    fn each(self, sink: impl FnMut([&[u32]; R])) {
        self.scheme
            .indices_together(self.streams, self.first, self.attempt, sink);
    }
}

impl Columns {
    /// Does it pay to gather the rows of two replicates together?
    pub(crate) fn is_gathered_by_twos(&self, scheme: &Scheme) -> bool {
        let chains = self.pairs.is_some() || (2..=4).contains(&self.width);
        chains && scheme.draws_alone() && !self.is_read(scheme.resample_size())
    }

    /// Sums over the indices of the replicates after `first`, of which each has a stream.
    pub(crate) fn gather<const R: usize>(
        &self,
        scheme: &Scheme,
        streams: [&mut Stream; R],
        first: u64,
        attempt: u32,
        sums: [&mut [f64]; R],
    ) {
        let draws = Draws {
            scheme,
            streams,
            first,
            attempt,
        };
        if let Some((pairs, which)) = &self.pairs {
            let mut all = [PairSums::default(); R];
            let arch = Arch::new();
            draws.each(|chunks| {
                let sums = &mut all;
                gather_pairs(
                    arch,
                    GatherPairs {
                        pairs,
                        chunks,
                        sums,
                    },
                );
            });
            for (sums, all) in sums.into_iter().zip(all) {
                let [even, odd] = all.lanes();
                for (sum, which) in sums.iter_mut().zip(which) {
                    *sum = even[*which] + odd[*which];
                }
            }
            return;
        }
        match self.width {
            1 => self.gather_one(draws, sums),
            2 => self.gather_rows::<2, R>(draws, sums),
            4 => self.gather_rows::<4, R>(draws, sums),
            _ => self.gather_rows::<8, R>(draws, sums),
        }
    }

    fn gather_one<const R: usize>(&self, draws: Draws<'_, R>, sums: [&mut [f64]; R]) {
        let mut lanes = [[0.0; 8]; R];
        let z = &self.z[..];
        draws.each(|chunks| {
            for (chunk, lanes) in chunks.into_iter().zip(&mut lanes) {
                if let Ok(z) = <&[f64; FILLED[0]]>::try_from(z) {
                    add_eights(chunk, lanes, |i| z[i as usize % FILLED[0]]);
                } else if let Ok(z) = <&[f64; FILLED[1]]>::try_from(z) {
                    add_eights(chunk, lanes, |i| z[i as usize % FILLED[1]]);
                } else {
                    add_eights(chunk, lanes, |i| z[i as usize]);
                }
            }
        });
        for (sums, [a, b, c, d, e, f, g, h]) in sums.into_iter().zip(lanes) {
            sums[0] = ((a + b) + (c + d)) + ((e + f) + (g + h));
        }
    }

    fn gather_rows<const W: usize, const R: usize>(
        &self,
        draws: Draws<'_, R>,
        sums: [&mut [f64]; R],
    ) {
        let mut lanes = [[[0.0; W]; 2]; R];
        let (z, _) = pulp::as_arrays::<W, f64>(&self.z);
        let arch = Arch::new();
        draws.each(|chunks| {
            arch.dispatch(Gather {
                z,
                chunks,
                lanes: &mut lanes,
            });
        });
        for (sums, lanes) in sums.into_iter().zip(lanes) {
            for (k, sum) in sums.iter_mut().enumerate() {
                *sum = lanes[0][k] + lanes[1][k];
            }
        }
    }
}

/// Adds numbers to eight lanes in turn.
#[inline(always)]
fn add_eights(chunk: &[u32], lanes: &mut [f64; 8], at: impl Fn(u32) -> f64) {
    // Variables can live in registers; an array that a closure borrows cannot.
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *lanes;
    let (eights, rest) = pulp::as_arrays::<8, u32>(chunk);
    for eight in eights {
        a += at(eight[0]);
        b += at(eight[1]);
        c += at(eight[2]);
        d += at(eight[3]);
        e += at(eight[4]);
        f += at(eight[5]);
        g += at(eight[6]);
        h += at(eight[7]);
    }
    *lanes = [a, b, c, d, e, f, g, h];
    for (sum, i) in lanes.iter_mut().zip(rest) {
        *sum += at(*i);
    }
}

/// Of which two columns a sum of [`PairSums`] has the products; of the first two none.
pub(super) const PRODUCTS: [[usize; 2]; 5] = [[0, 0], [1, 1], [0, 0], [1, 1], [0, 1]];

/// Sums of two columns, of their squares and of their products, in two lanes: of draws with even
/// and with odd numbers.
#[derive(Clone, Copy, Default)]
struct PairSums {
    numbers: [f64; 4],
    squares: [f64; 4],
    products: [f64; 4],
}

impl PairSums {
    /// Adds to the lane of even draws.
    #[inline(always)]
    fn add_last(&mut self, [x, y]: [f64; 2]) {
        for (l, (a, b)) in [(x, y), (y, x)].into_iter().enumerate() {
            self.numbers[l] += a;
            self.squares[l] += a * a;
            self.products[l] += a * b;
        }
    }

    fn lanes(&self) -> [[f64; 5]; 2] {
        [0, 2].map(|l| {
            let [n, s] = [self.numbers, self.squares];
            [n[l], n[l + 1], s[l], s[l + 1], self.products[l]]
        })
    }
}

/// Adds the rows of all draws.
struct GatherPairs<'a, const R: usize> {
    pairs: &'a [[f64; 2]],
    chunks: [&'a [u32]; R],
    sums: &'a mut [PairSums; R],
}

impl<const R: usize> GatherPairs<'_, R> {
    #[inline(always)]
    fn add<L: Lanes>(self, lanes: L) {
        let Self {
            pairs,
            chunks,
            sums,
        } = self;
        if let Ok(pairs) = <&[[f64; 2]; FILLED[0]]>::try_from(pairs) {
            add_pairs(lanes, chunks, sums, |i| pairs[i as usize % FILLED[0]]);
        } else if let Ok(pairs) = <&[[f64; 2]; FILLED[1]]>::try_from(pairs) {
            add_pairs(lanes, chunks, sums, |i| pairs[i as usize % FILLED[1]]);
        }
    }
}

impl<const R: usize> WithSimd for GatherPairs<'_, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.add(Plain);
    }
}

/// The same in registers of four lanes, which the compiler does not always see.
#[cfg(target_arch = "x86_64")]
struct GatherQuads<'a, const R: usize>(pulp::x86::V3, GatherPairs<'a, R>);

#[cfg(target_arch = "x86_64")]
impl<const R: usize> pulp::NullaryFnOnce for GatherQuads<'_, R> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.1.add(self.0);
    }
}

fn gather_pairs<const R: usize>(arch: Arch, all: GatherPairs<'_, R>) {
    #[cfg(target_arch = "x86_64")]
    if let Arch::V3(simd) = arch {
        return simd.vectorize(GatherQuads(simd, all));
    }
    arch.dispatch(all);
}

/// Two rows, and sums of such.
trait Lanes: Copy {
    type Four: Copy;

    fn load(self, four: [f64; 4]) -> Self::Four;
    fn store(self, four: Self::Four) -> [f64; 4];
    fn add(self, a: Self::Four, b: Self::Four) -> Self::Four;
    fn multiply(self, a: Self::Four, b: Self::Four) -> Self::Four;
    /// The numbers of each row in the other order.
    fn swap(self, a: Self::Four) -> Self::Four;
}

#[derive(Clone, Copy)]
struct Plain;

impl Lanes for Plain {
    type Four = [f64; 4];

    #[inline(always)]
    fn load(self, four: [f64; 4]) -> [f64; 4] {
        four
    }

    #[inline(always)]
    fn store(self, four: [f64; 4]) -> [f64; 4] {
        four
    }

    #[inline(always)]
    fn add(self, a: [f64; 4], b: [f64; 4]) -> [f64; 4] {
        std::array::from_fn(|l| a[l] + b[l])
    }

    #[inline(always)]
    fn multiply(self, a: [f64; 4], b: [f64; 4]) -> [f64; 4] {
        std::array::from_fn(|l| a[l] * b[l])
    }

    #[inline(always)]
    fn swap(self, [x, y, u, v]: [f64; 4]) -> [f64; 4] {
        [y, x, v, u]
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for pulp::x86::V3 {
    type Four = pulp::f64x4;

    #[inline(always)]
    fn load(self, four: [f64; 4]) -> pulp::f64x4 {
        pulp::cast(four)
    }

    #[inline(always)]
    fn store(self, four: pulp::f64x4) -> [f64; 4] {
        pulp::cast(four)
    }

    #[inline(always)]
    fn add(self, a: pulp::f64x4, b: pulp::f64x4) -> pulp::f64x4 {
        self.add_f64x4(a, b)
    }

    #[inline(always)]
    fn multiply(self, a: pulp::f64x4, b: pulp::f64x4) -> pulp::f64x4 {
        self.mul_f64x4(a, b)
    }

    #[inline(always)]
    fn swap(self, a: pulp::f64x4) -> pulp::f64x4 {
        pulp::cast(self.avx._mm256_permute_pd::<0b0101>(pulp::cast(a)))
    }
}

#[inline(always)]
fn add_pairs<L: Lanes, const R: usize>(
    lanes: L,
    chunks: [&[u32]; R],
    sums: &mut [PairSums; R],
    at: impl Fn(u32) -> [f64; 2],
) {
    let mut all = sums.map(|s| [s.numbers, s.squares, s.products].map(|four| lanes.load(four)));
    let couples = chunks.map(|chunk| pulp::as_arrays::<2, u32>(chunk).0);
    for k in 0..shortest(couples) {
        for r in 0..R {
            let [i, j] = couples[r][k];
            let ([x, y], [u, v]) = (at(i), at(j));
            let row = lanes.load([x, y, u, v]);
            let [numbers, squares, products] = &mut all[r];
            *numbers = lanes.add(*numbers, row);
            *squares = lanes.add(*squares, lanes.multiply(row, row));
            *products = lanes.add(*products, lanes.multiply(row, lanes.swap(row)));
        }
    }
    for r in 0..R {
        let [numbers, squares, products] = all[r].map(|four| lanes.store(four));
        sums[r] = PairSums {
            numbers,
            squares,
            products,
        };
        if let [i] = pulp::as_arrays::<2, u32>(chunks[r]).1 {
            sums[r].add_last(at(*i));
        }
    }
}

/// The length of all, which have one: said so that it need not be compared again and again.
#[inline(always)]
fn shortest<T, const R: usize>(all: [&[T]; R]) -> usize {
    all.iter().map(|part| part.len()).min().unwrap_or(0)
}

/// Adds rows to two lanes alternately.
struct Gather<'a, const W: usize, const R: usize> {
    z: &'a [[f64; W]],
    chunks: [&'a [u32]; R],
    lanes: &'a mut [[[f64; W]; 2]; R],
}

impl<const W: usize, const R: usize> WithSimd for Gather<'_, W, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { z, chunks, lanes } = self;
        let mut all = *lanes;
        let couples = chunks.map(|chunk| pulp::as_arrays::<2, u32>(chunk).0);
        for n in 0..shortest(couples) {
            for r in 0..R {
                let [i, j] = couples[r][n];
                let (a, b) = (&z[i as usize], &z[j as usize]);
                for k in 0..W {
                    all[r][0][k] += a[k];
                    all[r][1][k] += b[k];
                }
            }
        }
        for r in 0..R {
            if let [i] = pulp::as_arrays::<2, u32>(chunks[r]).1 {
                (0..W).for_each(|k| all[r][0][k] += z[*i as usize][k]);
            }
        }
        *lanes = all;
    }
}
