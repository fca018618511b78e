//! Products of a fixed matrix with weights.
//!
//! Weights of a law with few points come in few combinations: for every few neighbouring
//! clusters there is a table of the sums that all combinations of their weights give, and a
//! product is a sum of rows of tables ("the method of four Russians"). Sums are added in
//! the order of the clusters, without fused multiply-adds: the same bits on every machine.

// Copies are loops in the hot functions: calls of memcpy() would cost more than they do.
#![allow(clippy::manual_memcpy)]

use super::weights::{Drawer, Law};

/// Size of the tables that are used together, in numbers: they stay in the second cache.
const TOGETHER: usize = 16 * 1024;
/// Size of one table, in numbers.
const TABLE: usize = 6 * 1024;
/// Size up to which all tables are kept, in numbers.
const KEPT: usize = 2 * 1024 * 1024;
/// Numbers that fit into half of the vector registers.
const PANEL: usize = 32;
const LANES: usize = 4;

/// The matrix, by rows: one per cluster, columns that are multiplied with the weights and
/// then those that are multiplied with their squares, each kind padded with zeros.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    rows: Vec<f64>,
    clusters: usize,
    linear: usize,
    width: usize,
}

impl Columns {
    pub(super) fn new(clusters: usize, linear: &[f64], squares: &[f64]) -> Self {
        let count = |x: &[f64]| x.len() / clusters;
        let padded = count(linear).next_multiple_of(LANES);
        let width = padded + count(squares).next_multiple_of(LANES);
        let mut rows = vec![0.0; clusters * width];
        let mut put = |x: &[f64], start: usize| {
            for (j, column) in x.chunks_exact(clusters).enumerate() {
                for (g, value) in column.iter().enumerate() {
                    rows[g * width + start + j] = *value;
                }
            }
        };
        put(linear, 0);
        put(squares, padded);
        Self {
            rows,
            clusters,
            linear: padded,
            width,
        }
    }

    pub(super) fn clusters(&self) -> usize {
        self.clusters
    }

    /// Numbers in a row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Where the products with squares begin.
    pub(super) fn squares_start(&self) -> usize {
        self.linear
    }

    fn row(&self, g: usize) -> &[f64] {
        &self.rows[g * self.width..(g + 1) * self.width]
    }
}

/// How the product is formed.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    columns: Columns,
    points: Option<&'static [f64]>,
    /// Clusters of a table.
    together: usize,
    /// Rows of a table.
    rows: usize,
    /// All tables, if they are kept.
    all: Option<Vec<f64>>,
}

impl Tables {
    pub(super) fn new(columns: Columns, law: Law) -> Self {
        let points = law.points();
        let (mut together, mut rows) = (1, points.map_or(1, <[f64]>::len));
        if let Some(points) = points {
            let fits = |rows: usize| rows * columns.width <= TABLE && rows <= 256;
            while together < columns.clusters && fits(rows * points.len()) {
                together += 1;
                rows *= points.len();
            }
        }
        let mut tables = Self {
            columns,
            points,
            together,
            rows,
            all: None,
        };
        if tables.points.is_some() && tables.count() * tables.size() <= KEPT {
            let mut all = Vec::new();
            tables.build(0, tables.count(), &mut all);
            tables.all = Some(all);
        }
        tables
    }

    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Clusters whose weights are read together.
    pub(super) fn together(&self) -> usize {
        self.together
    }

    /// Additions of a replicate, about.
    pub(super) fn cost(&self) -> usize {
        self.count() * self.columns.width
    }

    fn count(&self) -> usize {
        self.columns.clusters.div_ceil(self.together)
    }

    fn size(&self) -> usize {
        self.rows * self.columns.width
    }

    /// Appends the tables `from..to` to `out`.
    #[inline(always)]
    fn build(&self, from: usize, to: usize, out: &mut Vec<f64>) {
        let points = self.points.unwrap_or(&[]);
        let (width, linear) = (self.columns.width, self.columns.linear);
        for table in from..to {
            let start = out.len();
            out.resize(start + self.size(), 0.0);
            let out = &mut out[start..];
            let first = table * self.together;
            let last = (first + self.together).min(self.columns.clusters);
            // Rows of the clusters so far.
            let mut made = 1;
            for g in first..last {
                let row = self.columns.row(g);
                for digit in (0..points.len()).rev() {
                    let (x, square) = (points[digit], points[digit] * points[digit]);
                    for old in 0..made {
                        for j in 0..width {
                            let by = if j < linear { x } else { square };
                            out[(digit * made + old) * width + j] =
                                out[old * width + j] + by * row[j];
                        }
                    }
                }
                made *= points.len();
            }
        }
    }

    /// Adds the products of all replicates that were drawn to `products`, a row each.
    #[inline(always)]
    pub(super) fn multiply(&self, drawn: &Drawer, table: &mut Vec<f64>, products: &mut [f64]) {
        let width = self.columns.width;
        if self.points.is_none() {
            return self.multiply_values(drawn, products);
        }
        let (count, size) = (self.count(), self.size());
        let step = (TOGETHER / size).clamp(1, 16);
        for from in (0..count).step_by(step) {
            let to = (from + step).min(count);
            let tables = match &self.all {
                Some(all) => &all[from * size..to * size],
                None => {
                    table.clear();
                    self.build(from, to, table);
                    &table[..]
                }
            };
            for r in 0..products.len() / width {
                let sums = &mut products[r * width..(r + 1) * width];
                add_rows(tables, size, &drawn.digits(r)[from..to], sums);
            }
        }
    }

    #[inline(always)]
    fn multiply_values(&self, drawn: &Drawer, products: &mut [f64]) {
        let (width, linear) = (self.columns.width, self.columns.linear);
        let step = (TABLE / width).max(1);
        for from in (0..self.columns.clusters).step_by(step) {
            let to = (from + step).min(self.columns.clusters);
            let rows = &self.columns.rows[from * width..to * width];
            for r in 0..products.len() / width {
                let values = &drawn.values(r)[from..to];
                let sums = &mut products[r * width..(r + 1) * width];
                let (sums, squares) = sums.split_at_mut(linear);
                add_products(rows, width, 0, values, |v| v, sums);
                add_products(rows, width, linear, values, |v| v * v, squares);
            }
        }
    }
}

/// Adds one row of each table, `size` numbers a table, to `sums`.
#[inline(always)]
fn add_rows(tables: &[f64], size: usize, digits: &[u8], sums: &mut [f64]) {
    let width = sums.len();
    let mut at = 0;
    while at + PANEL <= width {
        add_panel::<PANEL>(tables, size, width, digits, at, sums);
        at += PANEL;
    }
    if at + 16 <= width {
        add_panel::<16>(tables, size, width, digits, at, sums);
        at += 16;
    }
    if at + 8 <= width {
        add_panel::<8>(tables, size, width, digits, at, sums);
        at += 8;
    }
    if at < width {
        add_panel::<LANES>(tables, size, width, digits, at, sums);
    }
}

#[inline(always)]
fn add_panel<const W: usize>(
    tables: &[f64],
    size: usize,
    width: usize,
    digits: &[u8],
    at: usize,
    sums: &mut [f64],
) {
    // A copy can live in registers. Indices, not iterators, which the compiler does not always
    // inline into code for other vector units.
    let mut local = [0.0; W];
    let sums = &mut sums[at..at + W];
    for l in 0..W {
        local[l] = sums[l];
    }
    for k in 0..digits.len() {
        let start = k * size + usize::from(digits[k]) * width + at;
        let row = &tables[start..start + W];
        for l in 0..W {
            local[l] += row[l];
        }
    }
    for l in 0..W {
        sums[l] = local[l];
    }
}

/// Adds rows times (a function of) values to `sums`.
#[inline(always)]
fn add_products(
    rows: &[f64],
    width: usize,
    start: usize,
    values: &[f64],
    of: impl Fn(f64) -> f64 + Copy,
    sums: &mut [f64],
) {
    let mut at = 0;
    while at + PANEL <= sums.len() {
        add_values::<PANEL>(rows, width, start + at, values, of, &mut sums[at..]);
        at += PANEL;
    }
    while at < sums.len() {
        add_values::<LANES>(rows, width, start + at, values, of, &mut sums[at..]);
        at += LANES;
    }
}

#[inline(always)]
fn add_values<const W: usize>(
    rows: &[f64],
    width: usize,
    at: usize,
    values: &[f64],
    of: impl Fn(f64) -> f64,
    sums: &mut [f64],
) {
    let mut local = [0.0; W];
    let sums = &mut sums[..W];
    for l in 0..W {
        local[l] = sums[l];
    }
    for k in 0..values.len() {
        let start = k * width + at;
        let row = &rows[start..start + W];
        let by = of(values[k]);
        for l in 0..W {
            local[l] += by * row[l];
        }
    }
    for l in 0..W {
        sums[l] = local[l];
    }
}
