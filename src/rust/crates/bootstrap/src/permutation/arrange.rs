//! Permutations one after another: by number, or at random.

use super::{Choice, Design};
use crate::stream::{Key, Stream};

/// Where an enumeration or a random choice stands, and what it arranged.
pub(super) enum Arrangement {
    Groups {
        /// Places of the first group in each stratum.
        chosen: Vec<Vec<u32>>,
        stream: Stream,
        rows: Vec<u32>,
        /// Rows of the first group.
        first: Vec<u32>,
    },
    Signs {
        stream: Stream,
        signs: Vec<f64>,
    },
    Order {
        /// Order of the places in each stratum.
        orders: Vec<Vec<u32>>,
        stream: Stream,
        /// The row whose response each row gets.
        from: Vec<u32>,
    },
}

impl Arrangement {
    pub(super) fn new(design: &Design, n: usize) -> Self {
        let stream = Stream::new(Key {
            seed: 0,
            replicate: 0,
            attempt: 0,
        });
        match design {
            Design::Groups(strata) => Self::Groups {
                chosen: strata
                    .iter()
                    .map(|(_, m)| (0..*m as u32).collect())
                    .collect(),
                stream,
                rows: Vec::new(),
                first: Vec::new(),
            },
            Design::Signs => Self::Signs {
                stream,
                signs: vec![1.0; n],
            },
            Design::Order { strata, .. } => Self::Order {
                orders: strata
                    .iter()
                    .map(|rows| (0..rows.len() as u32).collect())
                    .collect(),
                stream,
                from: (0..n as u32).collect(),
            },
        }
    }

    /// The arrangement of the data, which a new one is at.
    pub(super) fn start(&mut self, design: &Design) {
        if let (Self::Groups { first, chosen, .. }, Design::Groups(strata)) = (self, design) {
            place_groups(strata, chosen, first);
        }
    }

    /// Goes to permutation `r`; `fresh`: it stands at another one than `r - 1`.
    pub(super) fn go(&mut self, design: &Design, choice: Choice, r: u64, fresh: bool) {
        let start = |stream: &mut Stream| {
            if let Choice::Random(seed) = choice {
                stream.reset(Key {
                    seed,
                    replicate: r,
                    attempt: 0,
                });
            }
        };
        let all = choice == Choice::All;
        match (self, design) {
            (
                Self::Groups {
                    chosen,
                    stream,
                    rows,
                    first,
                },
                Design::Groups(strata),
            ) => {
                if all {
                    if fresh {
                        unrank(strata, r, chosen);
                    } else {
                        advance(strata, chosen);
                    }
                    place_groups(strata, chosen, first);
                    return;
                }
                start(stream);
                first.clear();
                for (all, m) in strata {
                    rows.clear();
                    rows.extend_from_slice(all);
                    for j in 0..*m {
                        let other = j + stream.one_below((all.len() - j) as u32) as usize;
                        rows.swap(j, other);
                    }
                    first.extend_from_slice(&rows[..*m]);
                }
            }
            (Self::Signs { stream, signs }, _) => {
                start(stream);
                let mut bits = r;
                for (i, sign) in signs.iter_mut().enumerate() {
                    if i % 64 == 0 && !all {
                        bits = stream.word();
                    }
                    *sign = if bits >> (i % 64) & 1 == 0 { 1.0 } else { -1.0 };
                }
            }
            (
                Self::Order {
                    orders,
                    stream,
                    from,
                },
                Design::Order { strata, .. },
            ) => {
                if !all {
                    start(stream);
                    for order in orders.iter_mut() {
                        order
                            .iter_mut()
                            .enumerate()
                            .for_each(|(j, o)| *o = j as u32);
                        for last in (1..order.len()).rev() {
                            order.swap(last, stream.one_below(last as u32 + 1) as usize);
                        }
                    }
                } else if fresh {
                    unrank_orders(r, orders);
                } else {
                    advance_orders(orders);
                }
                for (rows, order) in strata.iter().zip(orders) {
                    for (row, place) in rows.iter().zip(order) {
                        from[*row as usize] = rows[*place as usize];
                    }
                }
            }
            _ => {}
        }
    }
}

fn place_groups(strata: &[(Vec<u32>, usize)], chosen: &[Vec<u32>], first: &mut Vec<u32>) {
    first.clear();
    for ((rows, _), chosen) in strata.iter().zip(chosen) {
        first.extend(chosen.iter().map(|c| rows[*c as usize]));
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
