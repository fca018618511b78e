//! Registers of eight whole numbers of 64 bits: AVX-512, with processors that have it and compilers that
//! know it (build.rs). Elsewhere there is no [`Octets`].

#[cfg(all(octets, target_arch = "x86_64"))]
use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_loadu_si512, _mm512_mask_shuffle_epi32, _mm512_min_epu32,
    _mm512_mul_epu32, _mm512_mullo_epi64, _mm512_rol_epi64, _mm512_set1_epi64, _mm512_slli_epi64,
    _mm512_srli_epi64, _mm512_storeu_si512, _mm512_ternarylogic_epi64, _mm512_xor_si512,
};

/// A processor that has these instructions.
#[derive(Clone, Copy, Debug)]
pub struct Octets(Proof);

#[cfg(all(octets, target_arch = "x86_64"))]
type Proof = ();
#[cfg(not(all(octets, target_arch = "x86_64")))]
type Proof = std::convert::Infallible;

/// A register.
#[cfg(all(octets, target_arch = "x86_64"))]
pub type Eight = __m512i;
/// What there is none of.
#[cfg(not(all(octets, target_arch = "x86_64")))]
pub type Eight = [u64; 8];

/// What is compiled for these registers: a type, not a closure, and its `run` is to be `#[inline(always)]`.
pub trait Kernel {
    /// What it returns.
    type Output;

    /// Runs it.
    fn run(self) -> Self::Output;
}

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident ($($arg:ident: $type:ty),*) -> $out:ty { $body:expr })*) => {
        #[cfg_attr(not(all(octets, target_arch = "x86_64")), allow(unused_variables))]
        // With compilers that do not know them they are not there.
        #[allow(clippy::incompatible_msrv)]
        impl Octets {$(
            $(#[$doc])*
            #[inline(always)]
            pub fn $name(self, $($arg: $type),*) -> $out {
                #[cfg(all(octets, target_arch = "x86_64"))]
                // SAFETY: there is an `Octets` only where the processor has the instructions, and
                // what is read and written is as long as a register.
                unsafe {
                    $body
                }
                #[cfg(not(all(octets, target_arch = "x86_64")))]
                match self.0 {}
            }
        )*}
    };
}

operations! {
    /// Eight numbers.
    load(row: &[u64; 8]) -> Eight { _mm512_loadu_si512(row.as_ptr().cast()) }
    /// One number eight times.
    splat(x: u64) -> Eight { _mm512_set1_epi64(x as i64) }
    /// Where the numbers go.
    store(a: Eight, out: &mut [u64; 8]) -> () { _mm512_storeu_si512(out.as_mut_ptr().cast(), a) }
    /// Where the halves of the numbers go, the lower one of each first.
    store_halves(a: Eight, out: &mut [u32; 16]) -> () { _mm512_storeu_si512(out.as_mut_ptr().cast(), a) }
    /// Sums modulo 2^64.
    add(a: Eight, b: Eight) -> Eight { _mm512_add_epi64(a, b) }
    /// Products modulo 2^64.
    multiply(a: Eight, b: Eight) -> Eight { _mm512_mullo_epi64(a, b) }
    /// Products of the lower halves.
    multiply_lower(a: Eight, b: Eight) -> Eight { _mm512_mul_epu32(a, b) }
    /// The smaller of each two halves.
    least_halves(a: Eight, b: Eight) -> Eight { _mm512_min_epu32(a, b) }
    /// The upper halves of `even` as lower ones, and the upper ones of `odd`.
    upper_halves(even: Eight, odd: Eight) -> Eight {
        _mm512_mask_shuffle_epi32::<0b11_11_01_01>(odd, 0x5555, even)
    }
    /// Exclusive or.
    xor(a: Eight, b: Eight) -> Eight { _mm512_xor_si512(a, b) }
    /// Exclusive or of three.
    xor_three(a: Eight, b: Eight, c: Eight) -> Eight { _mm512_ternarylogic_epi64::<0x96>(a, b, c) }
}

macro_rules! shifts {
    ($($(#[$doc:meta])* $name:ident $instruction:ident $type:ty)*) => {
        #[cfg_attr(not(all(octets, target_arch = "x86_64")), allow(unused_variables))]
        #[allow(clippy::incompatible_msrv)]
        impl Octets {$(
            $(#[$doc])*
            #[inline(always)]
            #[must_use]
            pub fn $name<const N: $type>(self, a: Eight) -> Eight {
                #[cfg(all(octets, target_arch = "x86_64"))]
                // SAFETY: as above.
                unsafe {
                    $instruction::<N>(a)
                }
                #[cfg(not(all(octets, target_arch = "x86_64")))]
                match self.0 {}
            }
        )*}
    };
}

shifts! {
    /// Shifted to the left.
    shift_left _mm512_slli_epi64 u32
    /// Shifted to the right.
    shift_right _mm512_srli_epi64 u32
    /// Rotated to the left.
    rotate_left _mm512_rol_epi64 i32
}

impl Octets {
    /// `None` where the processor or the compiler has no such registers.
    #[must_use]
    pub fn new() -> Option<Self> {
        #[cfg(all(octets, target_arch = "x86_64"))]
        if std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512dq")
        {
            return Some(Self(()));
        }
        None
    }

    /// Runs what was compiled for these registers.
    #[inline(always)]
    pub fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        #[cfg(all(octets, target_arch = "x86_64"))]
        // SAFETY: there is an `Octets` only where the processor has the instructions.
        unsafe {
            run(kernel)
        }
        #[cfg(not(all(octets, target_arch = "x86_64")))]
        {
            let _ = kernel;
            match self.0 {}
        }
    }
}

#[cfg(all(octets, target_arch = "x86_64"))]
#[allow(clippy::incompatible_msrv)]
#[target_feature(enable = "avx512f,avx512dq")]
fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_those_of_numbers() {
        let Some(o) = Octets::new() else { return };
        let a: [u64; 8] =
            std::array::from_fn(|i| (i as u64 + 3).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let b: [u64; 8] = std::array::from_fn(|i| !a[7 - i].rotate_left(5));
        let c = a.map(|x| x ^ 0x1234_5678_9abc_def0);
        let (x, y, z) = (o.load(&a), o.load(&b), o.load(&c));
        let each =
            |f: &dyn Fn(u64, u64) -> u64| -> [u64; 8] { std::array::from_fn(|i| f(a[i], b[i])) };
        let low = |x: u64| x & 0xffff_ffff;
        let store = |a| {
            let mut out = [0; 8];
            o.store(a, &mut out);
            out
        };
        assert_eq!(store(o.splat(7)), [7; 8]);
        assert_eq!(store(o.add(x, y)), each(&u64::wrapping_add));
        assert_eq!(store(o.multiply(x, y)), each(&u64::wrapping_mul));
        assert_eq!(store(o.multiply_lower(x, y)), each(&|a, b| low(a) * low(b)));
        let least = |a: u64, b: u64| low(a).min(low(b)) | (a >> 32).min(b >> 32) << 32;
        assert_eq!(store(o.least_halves(x, y)), each(&least));
        assert_eq!(
            store(o.upper_halves(x, y)),
            each(&|a, b| a >> 32 | (b >> 32) << 32)
        );
        assert_eq!(store(o.xor(x, y)), each(&|a, b| a ^ b));
        let three: [u64; 8] = std::array::from_fn(|i| a[i] ^ b[i] ^ c[i]);
        assert_eq!(store(o.xor_three(x, y, z)), three);
        assert_eq!(store(o.shift_left::<17>(x)), a.map(|a| a << 17));
        assert_eq!(store(o.shift_right::<31>(x)), a.map(|a| a >> 31));
        assert_eq!(store(o.rotate_left::<45>(x)), a.map(|a| a.rotate_left(45)));
        let mut halves = [0; 16];
        o.store_halves(x, &mut halves);
        assert!(
            (0..8).all(|i| u64::from(halves[2 * i]) | u64::from(halves[2 * i + 1]) << 32 == a[i])
        );
    }
}
