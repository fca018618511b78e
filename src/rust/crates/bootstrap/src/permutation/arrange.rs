//! Permutations one after another: by number, or at random.

use super::{Choice, Design};
use crate::stream::{Key, Stream};

/// Where an enumeration or a random choice stands, and what it arranged.
pub(super) enum Arrangement {
    Groups(Groups),
    Signs(Signs),
    Order(Order),
}

/// Who is in the first group.
pub(super) struct Groups {
    /// Places of the first group in each stratum.
    chosen: Vec<Vec<u32>>,
    stream: Stream,
    rows: Vec<u32>,
    /// Rows of the first group.
    pub(super) first: Vec<u32>,
}

/// The signs of differences.
pub(super) struct Signs {
    stream: Stream,
    pub(super) signs: Vec<f64>,
}

/// The order of a response.
pub(super) struct Order {
    /// Order of the places in each stratum.
    orders: Vec<Vec<u32>>,
    stream: Stream,
    /// The row whose response each row gets.
    pub(super) from: Vec<u32>,
}

/// The stream of permutation `replicate`.
fn start(stream: &mut Stream, seed: u64, replicate: u64) {
    stream.reset(Key {
        seed,
        replicate,
        attempt: 0,
    });
}

impl Arrangement {
    pub(super) fn new(design: &Design, n: usize) -> Self {
        let stream = Stream::new(Key {
            seed: 0,
            replicate: 0,
            attempt: 0,
        });
        let places = |count: usize| (0..count as u32).collect::<Vec<u32>>();
        match design {
            Design::Groups(strata) => Self::Groups(Groups {
                chosen: strata.iter().map(|(_, m)| places(*m)).collect(),
                stream,
                rows: Vec::new(),
                first: Vec::new(),
            }),
            Design::Signs => Self::Signs(Signs {
                stream,
                signs: vec![1.0; n],
            }),
            Design::Order { strata, .. } => Self::Order(Order {
                orders: strata.iter().map(|rows| places(rows.len())).collect(),
                stream,
                from: places(n),
            }),
        }
    }

    /// A new arrangement: that of the data.
    pub(super) fn start(&mut self, design: &Design) {
        if let (Self::Groups(at), Design::Groups(strata)) = (self, design) {
            at.place(strata);
        }
    }

    /// Goes to permutation `r`; `fresh` says that the last one was not `r - 1`.
    pub(super) fn go(&mut self, design: &Design, choice: Choice, r: u64, fresh: bool) {
        match (self, design) {
            (Self::Groups(at), Design::Groups(strata)) => match choice {
                Choice::All => at.enumerate(strata, r, fresh),
                Choice::Random(seed) => at.draw(strata, seed, r),
            },
            (Self::Signs(at), _) => match choice {
                Choice::All => at.enumerate(r),
                Choice::Random(seed) => at.draw(seed, r),
            },
            (Self::Order(at), Design::Order { strata, .. }) => match choice {
                Choice::All => at.enumerate(strata, r, fresh),
                Choice::Random(seed) => at.draw(strata, seed, r),
            },
            // An arrangement is made for one design.
            _ => {}
        }
    }
}

impl Groups {
    fn enumerate(&mut self, strata: &[(Vec<u32>, usize)], r: u64, fresh: bool) {
        if fresh {
            unrank(strata, r, &mut self.chosen);
        } else {
            advance(strata, &mut self.chosen);
        }
        self.place(strata);
    }

    fn place(&mut self, strata: &[(Vec<u32>, usize)]) {
        self.first.clear();
        for ((rows, _), chosen) in strata.iter().zip(&self.chosen) {
            self.first.extend(chosen.iter().map(|c| rows[*c as usize]));
        }
    }

    fn draw(&mut self, strata: &[(Vec<u32>, usize)], seed: u64, r: u64) {
        let (stream, rows) = (&mut self.stream, &mut self.rows);
        start(stream, seed, r);
        self.first.clear();
        for (all, m) in strata {
            rows.clear();
            rows.extend_from_slice(all);
            for j in 0..*m {
                let other = j + stream.one_below((all.len() - j) as u32) as usize;
                rows.swap(j, other);
            }
            self.first.extend_from_slice(&rows[..*m]);
        }
    }
}

impl Signs {
    /// The bits of the number of a permutation are its signs: there are less than 2^53.
    fn enumerate(&mut self, r: u64) {
        for (i, sign) in self.signs.iter_mut().enumerate() {
            *sign = sign_of(r >> (i % 64));
        }
    }

    fn draw(&mut self, seed: u64, r: u64) {
        start(&mut self.stream, seed, r);
        for signs in self.signs.chunks_mut(64) {
            let bits = self.stream.word();
            for (i, sign) in signs.iter_mut().enumerate() {
                *sign = sign_of(bits >> i);
            }
        }
    }
}

/// By the lowest bit.
fn sign_of(bits: u64) -> f64 {
    if bits & 1 == 0 {
        1.0
    } else {
        -1.0
    }
}

impl Order {
    fn enumerate(&mut self, strata: &[Vec<u32>], r: u64, fresh: bool) {
        if fresh {
            unrank_orders(r, &mut self.orders);
        } else {
            advance_orders(&mut self.orders);
        }
        self.place(strata);
    }

    fn draw(&mut self, strata: &[Vec<u32>], seed: u64, r: u64) {
        start(&mut self.stream, seed, r);
        for order in &mut self.orders {
            let places = order.iter_mut().enumerate();
            places.for_each(|(j, place)| *place = j as u32);
            for last in (1..order.len()).rev() {
                order.swap(last, self.stream.one_below(last as u32 + 1) as usize);
            }
        }
        self.place(strata);
    }

    fn place(&mut self, strata: &[Vec<u32>]) {
        for (rows, order) in strata.iter().zip(&self.orders) {
            for (row, place) in rows.iter().zip(order) {
                self.from[*row as usize] = rows[*place as usize];
            }
        }
    }
}

pub(super) fn choose(n: usize, m: usize) -> f64 {
    let m = m.min(n - m);
    (0..m).fold(1.0, |c: f64, i| {
        (c * (n - i) as f64 / (i + 1) as f64).round()
    })
}

pub(super) fn factorial(n: usize) -> f64 {
    (2..=n).fold(1.0, |product, k| product * k as f64)
}

/// Combination number `r` in lexicographic order, the last stratum running fastest.
fn unrank(strata: &[(Vec<u32>, usize)], mut r: u64, chosen: &mut [Vec<u32>]) {
    for ((rows, m), chosen) in strata.iter().zip(chosen).rev() {
        let count = choose(rows.len(), *m) as u64;
        let mut rank = r % count;
        r /= count;
        let mut next = 0;
        for (at, c) in chosen.iter_mut().enumerate() {
            loop {
                let with = choose(rows.len() - next - 1, m - at - 1) as u64;
                if rank < with {
                    break;
                }
                rank -= with;
                next += 1;
            }
            *c = next as u32;
            next += 1;
        }
    }
}

fn advance(strata: &[(Vec<u32>, usize)], chosen: &mut [Vec<u32>]) {
    for ((rows, m), chosen) in strata.iter().zip(chosen).rev() {
        let last = rows.len() - m;
        if let Some(at) = (0..*m).rev().find(|at| (chosen[*at] as usize) < last + at) {
            let first = chosen[at] + 1;
            for (step, c) in chosen[at..].iter_mut().enumerate() {
                *c = first + step as u32;
            }
            return;
        }
        chosen
            .iter_mut()
            .enumerate()
            .for_each(|(i, c)| *c = i as u32);
    }
}

/// Permutation number `r` in lexicographic order, the last stratum running fastest.
fn unrank_orders(mut r: u64, orders: &mut [Vec<u32>]) {
    for order in orders.iter_mut().rev() {
        let m = order.len();
        let count = factorial(m) as u64;
        let mut rank = r % count;
        r /= count;
        let mut left: Vec<u32> = (0..m as u32).collect();
        for (at, place) in order.iter_mut().enumerate() {
            let block = factorial(m - at - 1) as u64;
            *place = left.remove((rank / block) as usize);
            rank %= block;
        }
    }
}

fn advance_orders(orders: &mut [Vec<u32>]) {
    for order in orders.iter_mut().rev() {
        if let Some(at) = (1..order.len()).rev().find(|at| order[at - 1] < order[*at]) {
            let with = (at..order.len()).rev().find(|j| order[*j] > order[at - 1]);
            order.swap(at - 1, with.unwrap_or(at));
            order[at..].reverse();
            return;
        }
        order.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enumeration_visits_every_choice_once() {
        let strata = vec![((0..5).collect(), 2), (vec![7, 8, 9], 1), (vec![5, 6], 2)];
        let mut chosen: Vec<Vec<u32>> = vec![vec![0; 2], vec![0; 1], vec![0; 2]];
        let mut step = chosen.clone();
        let mut seen = Vec::new();
        for r in 0..30 {
            unrank(&strata, r, &mut chosen);
            if r == 0 {
                step.clone_from(&chosen);
            } else {
                advance(&strata, &mut step);
            }
            assert_eq!(step, chosen);
            assert!(!seen.contains(&chosen));
            seen.push(chosen.clone());
        }
    }

    #[test]
    fn enumeration_visits_every_order_once() {
        let mut orders: Vec<Vec<u32>> = vec![vec![0; 3], vec![0; 1], vec![0; 4]];
        let mut step = orders.clone();
        let mut seen = Vec::new();
        for r in 0..6 * 24 {
            unrank_orders(r, &mut orders);
            if r == 0 {
                step.clone_from(&orders);
            } else {
                advance_orders(&mut step);
            }
            assert_eq!(step, orders);
            assert!(!seen.contains(&orders));
            seen.push(orders.clone());
        }
        assert_eq!(seen[0], vec![vec![0, 1, 2], vec![0], vec![0, 1, 2, 3]]);
    }
}
