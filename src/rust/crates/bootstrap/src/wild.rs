//! The wild bootstrap of test statistics in linear models.
//!
//! A replicate multiplies the residuals of each bootstrap cluster by one random weight and
//! fits again. Numerator and variance of the statistic depend on the weights only through
//! sums over clusters of fixed numbers, so a replicate is one product of a matrix with the
//! vector of weights, and what it needs of the data is that matrix (Roodman, MacKinnon,
//! Nielsen & Webb 2019, Stata Journal 19, 4-60).
//!
//! * [`weights`] draws weights, [`tables`] forms the product, [`form`] makes the numbers
//!   that are kept of the products, [`count`] compares them with the data, [`sums`] adds
//!   observations by cluster; [`instruments`] is the bootstrap after two-stage least squares.
//!
//! Replicates come in blocks of [`weights::BLOCK`], and each block has a stream of its own:
//! the bits of a replicate depend neither on threads nor on how many replicates there are.

pub mod count;
pub mod form;
pub mod instruments;
pub mod sums;
mod tables;
pub mod weights;

use pulp::{Arch, Simd, WithSimd};
use rustle_threads::blocks::{run_each, Slice};

use form::Form;
use tables::{Columns, Tables};
use weights::{Choice, Drawer, Law, BLOCK};

/// A test, ready to be replicated.
#[derive(Clone, Debug)]
pub struct Test {
    law: Law,
    choice: Choice,
    form: Form,
    tables: Tables,
}

/// Numbers in the products of an item of the queue: they stay in the second cache, while every
/// table is used for as many replicates as possible.
const PRODUCTS: usize = 20_000;
/// Additions that an item may take: less than a tenth of a second.
const MOST: usize = 150_000_000;

impl Test {
    /// A test whose products have the coefficients `linear` of the weights and `squares` of
    /// their squares: columns of one number per bootstrap cluster, in the order that `form`
    /// reads them.
    ///
    /// # Panics
    ///
    /// When there is not the number of columns that `form` reads.
    #[must_use]
    pub fn new(
        law: Law,
        choice: Choice,
        form: Form,
        clusters: usize,
        linear: &[f64],
        squares: &[f64],
    ) -> Test {
        assert_eq!(linear.len(), clusters * form.linear());
        assert_eq!(squares.len(), clusters * form.squares());
        let columns = Columns::new(clusters, linear, squares);
        Test {
            law,
            choice,
            form,
            tables: Tables::new(columns, law),
        }
    }

    /// Replicates of an item of the queue: whole blocks.
    fn batch(&self) -> usize {
        let width = self.tables.columns().width();
        let most = (PRODUCTS / width).min(MOST / self.tables.cost().max(1));
        most.clamp(BLOCK, 16 * BLOCK) / BLOCK * BLOCK
    }

    /// Numbers that are kept of a replicate.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.form.outputs()
    }

    /// Replicates `from..to`, one row of numbers each, or as many of the first as are begun
    /// within the slice. `from` is at the start of a block.
    #[must_use]
    pub fn run(&self, from: u64, to: u64, slice: Slice) -> Vec<f64> {
        let p = self.outputs();
        let batch = self.batch();
        let mut out = vec![0.0; (to - from) as usize * p];
        let scratch = || Scratch {
            drawer: Drawer::new(self.law, self.choice),
            products: Vec::new(),
            table: Vec::new(),
        };
        let arch = Arch::new();
        let begun = run_each(
            slice,
            out.chunks_mut(batch * p).enumerate(),
            scratch,
            |scratch, (item, rows)| {
                arch.dispatch(Replicates {
                    test: self,
                    first: from + (item * batch) as u64,
                    scratch,
                    rows,
                });
            },
        );
        out.truncate((begun * batch * p).min(out.len()));
        out
    }

    /// The weights of replicate `r`.
    #[must_use]
    pub fn weights(&self, r: u64) -> Vec<f64> {
        let mut drawer = Drawer::new(self.law, self.choice);
        let block = BLOCK as u64;
        let clusters = self.tables.columns().clusters();
        drawer.draw(r / block * block, BLOCK, clusters, 1);
        let at = (r % block) as usize;
        match self.law.points() {
            Some(points) => {
                let digits = drawer.digits(at);
                digits.iter().map(|d| points[usize::from(*d)]).collect()
            }
            None => drawer.values(at).to_vec(),
        }
    }
}

/// What a thread works with.
struct Scratch {
    drawer: Drawer,
    products: Vec<f64>,
    table: Vec<f64>,
}

/// One item, a type so that it can be compiled for the vector units of the machine.
struct Replicates<'a> {
    test: &'a Test,
    first: u64,
    scratch: &'a mut Scratch,
    rows: &'a mut [f64],
}

impl WithSimd for Replicates<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self {
            test,
            first,
            scratch,
            rows,
        } = self;
        let p = test.outputs();
        let count = rows.len() / p;
        let columns = test.tables.columns();
        let width = columns.width();
        scratch
            .drawer
            .draw(first, count, columns.clusters(), test.tables.together());
        scratch.products.clear();
        scratch.products.resize(count * width, 0.0);
        test.tables
            .multiply(&scratch.drawer, &mut scratch.table, &mut scratch.products);
        let start = columns.squares_start();
        for r in 0..count {
            let products = &scratch.products[r * width..(r + 1) * width];
            let (linear, squares) = products.split_at(start);
            test.form
                .reduce(linear, squares, &mut rows[r * p..(r + 1) * p]);
        }
    }
}

#[cfg(test)]
mod tests;
