use std::num::NonZeroUsize;

use super::count::{count, Counts, Draws, Joint, Point};
use super::form::{Form, Variance};
use super::weights::{Choice, Law};
use super::*;

const LAWS: [Law; 5] = [
    Law::Rademacher,
    Law::Mammen,
    Law::Webb,
    Law::Normal,
    Law::Gamma,
];

fn slice(threads: usize) -> Slice {
    Slice::new(NonZeroUsize::new(threads).unwrap())
}

fn all(test: &Test, to: u64, threads: usize) -> Vec<f64> {
    let mut out = Vec::new();
    while out.len() < to as usize * test.outputs() {
        let done = (out.len() / test.outputs()) as u64;
        out.extend(test.run(done, to, slice(threads)));
    }
    out
}

/// Numbers that are not regular.
fn numbers(n: usize) -> Vec<f64> {
    (0..n)
        .map(|i| ((i * i * 37 + 11 * i) % 101) as f64 / 50.0 - 1.0)
        .collect()
}

fn rows_test(law: Law, choice: Choice, clusters: usize, rows: usize) -> Test {
    let form = Form {
        restrictions: 1,
        trials: 1,
        variance: vec![Variance::Rows {
            rows,
            positive: rows - 1,
        }],
    };
    let linear = numbers(clusters * form.linear());
    Test::new(law, choice, form, clusters, &linear, &[])
}

#[test]
fn weights_have_mean_0_variance_1_and_their_third_moment() {
    for (law, third) in LAWS.into_iter().zip([0.0, 1.0, 0.0, 0.0, 1.0]) {
        let test = rows_test(law, Choice::Random(3), 100, 2);
        let mut sums = [0.0; 4];
        for r in 0..2000 {
            for v in test.weights(r) {
                let mut power = v;
                for sum in &mut sums {
                    *sum += power;
                    power *= v;
                }
            }
        }
        // Standard errors are at most 0.01 for the third moment (that of gamma: 5 / 447).
        let expected = [0.0, 1.0, third];
        for (sum, expected) in sums.iter().zip(expected) {
            assert!((sum / 2e5 - expected).abs() < 0.05, "{law:?} {sums:?}");
        }
    }
}

#[test]
fn products_are_those_of_the_weights_for_every_law_and_size() {
    for law in LAWS {
        for (clusters, rows) in [(1, 3), (7, 2), (50, 50), (130, 9), (65, 400)] {
            let test = rows_test(law, Choice::Random(1), clusters, rows);
            let linear = numbers(clusters * (2 + 2 * rows));
            let out = all(&test, 70, 1);
            for r in [0, 1, 63, 64, 69] {
                let v = test.weights(r as u64);
                let column = |j: usize| -> f64 {
                    let column = &linear[j * clusters..(j + 1) * clusters];
                    column.iter().zip(&v).map(|(x, v)| x * v).sum()
                };
                let mut m = [0.0; 3];
                for row in 0..rows {
                    let (y0, y1) = (column(2 + row), column(2 + rows + row));
                    let sign = if row + 1 < rows { 1.0 } else { -1.0 };
                    m[0] += sign * y0 * y0;
                    m[1] += sign * 2.0 * y0 * y1;
                    m[2] += sign * y1 * y1;
                }
                let expected = [column(0), column(1), m[0], m[1], m[2]];
                for (have, expected) in out[5 * r..].iter().zip(expected) {
                    let error = (have - expected).abs();
                    assert!(error < 1e-9 * (1.0 + expected.abs()), "{law:?} {clusters}");
                }
            }
        }
    }
}

#[test]
fn coefficients_give_the_same_as_rows() {
    // Two restrictions and two trial values, error clusters that are the bootstrap's.
    let (g, k, q, each) = (12, 3, 2, 3);
    let b: Vec<Vec<f64>> = (0..q).map(|a| numbers(g * k + a)[a..].to_vec()).collect();
    let p: Vec<Vec<f64>> = (0..q * each)
        .map(|i| numbers(g + 5 * i)[5 * i..].to_vec())
        .collect();
    let s: Vec<Vec<f64>> = (0..each)
        .map(|j| numbers(g * k + 3 * j)[3 * j..].to_vec())
        .collect();
    let nu = numbers(g * q * each);
    let mut rows = nu.clone();
    for a in 0..q {
        for j in 0..each {
            for h in 0..g {
                for c in 0..g {
                    let own = if h == c { p[a * each + j][c] } else { 0.0 };
                    let all: f64 = (0..k).map(|m| b[a][m * g + h] * s[j][m * g + c]).sum();
                    rows.push(own - all);
                }
            }
        }
    }
    // Rows were made row by row; each product is a column of one number per cluster.
    let by_rows = Form {
        restrictions: q,
        trials: each - 1,
        variance: vec![Variance::Rows {
            rows: g,
            positive: g,
        }],
    };
    let mut linear = nu.clone();
    s.iter().for_each(|s| linear.extend(&s[..g * k]));
    for b in &b {
        for p in &p {
            for m in 0..k {
                linear.extend((0..g).map(|h| b[m * g + h] * p[h]));
            }
        }
    }
    let mut squares = Vec::new();
    for x in 0..q * each {
        for y in x..q * each {
            squares.extend((0..g).map(|h| p[x][h] * p[y][h]));
        }
    }
    let mut products = Vec::new();
    for x in 0..q {
        for y in x..q {
            for i in 0..k {
                for j in 0..k {
                    products.push((0..g).map(|h| b[x][i * g + h] * b[y][j * g + h]).sum());
                }
            }
        }
    }
    let by_coefficients = Form {
        variance: vec![Variance::Coefficients { k, q: products }],
        ..by_rows.clone()
    };
    // Both one after the other: twice the covariance.
    let both = Form {
        variance: [&by_rows.variance[..], &by_coefficients.variance[..]].concat(),
        ..by_rows.clone()
    };
    let all_products = [&rows[..], &linear[nu.len()..]].concat();
    for law in LAWS {
        let choice = Choice::Random(9);
        let twice = Test::new(law, choice, both.clone(), g, &all_products, &squares);
        let twice = all(&twice, 100, 1);
        let first = Test::new(law, choice, by_rows.clone(), g, &rows, &[]);
        let second = Test::new(law, choice, by_coefficients.clone(), g, &linear, &squares);
        let (first, second) = (all(&first, 100, 1), all(&second, 100, 1));
        for (i, ((x, y), two)) in first.iter().zip(&second).zip(&twice).enumerate() {
            assert!((x - y).abs() < 1e-9 * (1.0 + x.abs()), "{law:?} {x} {y}");
            let numerator = i % by_rows.outputs() < q * each;
            let expected = if numerator { *x } else { 2.0 * x };
            assert!(
                (two - expected).abs() < 1e-9 * (1.0 + x.abs()),
                "{law:?} {x} {two}"
            );
        }
    }
}

#[test]
fn bits_depend_neither_on_threads_nor_on_the_number_of_replicates() {
    for law in LAWS {
        for clusters in [5, 70] {
            let test = rows_test(law, Choice::Random(4), clusters, 6);
            let one = all(&test, 5000, 1);
            assert_eq!(one, all(&test, 5000, 3));
            assert_eq!(one[..5 * 777], all(&test, 777, 2));
        }
    }
}

#[test]
fn all_signs_are_tried_once() {
    let test = rows_test(Law::Rademacher, Choice::All, 6, 2);
    let mut seen: Vec<Vec<i8>> = (0..64)
        .map(|r| test.weights(r).iter().map(|v| *v as i8).collect())
        .collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 64);
}

#[test]
fn counts_are_strict_and_leave_degenerate_replicates_out() {
    let numerator = [2.0, -2.0, 3.0, -1.0, 5.0, 2.0 + 1e-12];
    let variance = [1.0, 1.0, 1.0, 1.0, 0.0, 1.0];
    let draws = Draws {
        numerator: [&numerator, &[]],
        variance: [&variance, &[], &[]],
        floor: [1e-20, 0.0, 0.0],
    };
    let points = [
        Point { delta: 0.0, t: 2.0 },
        Point {
            delta: 0.0,
            t: -1.5,
        },
    ];
    let counts = count(draws, &points, NonZeroUsize::MIN);
    let expected = |below, above, beyond| Counts {
        below,
        above,
        beyond,
        valid: 5,
    };
    assert_eq!(counts, [expected(2, 1, 1), expected(1, 4, 4)]);
}

#[test]
fn joint_statistics_are_those_of_two_by_two_matrices() {
    // nu = (1 + d1, 2 + d2), M = [[2 + d1^2, 1], [1, 3]].
    let columns = [
        1.0, 1.0, 0.0, 2.0, 0.0, 1.0, // nu
        2.0, 0.0, 0.0, 1.0, 0.0, 0.0, // M11: 1, d1, d2, d1 d1, d1 d2, d2 d2
        1.0, 0.0, 0.0, 0.0, 0.0, 0.0, // M12
        3.0, 0.0, 0.0, 0.0, 0.0, 0.0, // M22
    ];
    let joint = Joint {
        draws: &columns,
        replicates: 1,
        restrictions: 2,
        trials: 2,
    };
    let f = joint.statistics(&[1.0, -1.0], NonZeroUsize::MIN)[0];
    // M = [[3, 1], [1, 3]], nu = (2, 1): nu' M^-1 nu = (3 * 4 - 2 * 2 + 3) / 8.
    assert!((f - 11.0 / 8.0 / 2.0).abs() < 1e-14, "{f}");
}
