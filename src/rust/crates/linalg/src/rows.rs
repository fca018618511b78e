//! Sums, means and variances of rows and columns.

use pulp::Arch;
use rustle_schedule::Schedule;
use rustle_threads::blocks::Slice;
use rustle_threads::scheduled::Loop;

use crate::missing::NA;
use crate::parts::{group, Parts};
use crate::sum::{one_sum, scaled_sum, short_sums, sum, Sum, Sums, LANES, SHORT};

/// Elements of a column that are summed at a time.
const PIECE: usize = 1 << 16;
/// Elements of a unit of work: some 10 microseconds.
const UNIT: usize = 1 << 15;
/// Rows whose sums are kept side by side: they stay in the innermost cache.
const BLOCK: usize = 1024;
/// When there are at least so many units of rows, sums over the columns are not cut.
const ENOUGH: usize = 64;

/// What the functions of this crate run along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Margin {
    /// One result for each row.
    Rows,
    /// One result for each column.
    Cols,
}

/// What is computed of a row or a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The sum of its elements.
    Sum,
    /// Their mean.
    Mean,
    /// The sum of squared differences from the mean over their number minus one.
    Variance,
}

/// A double matrix as R has it, column after column.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// Its elements.
    pub data: &'a [f64],
    /// Its rows.
    pub nrow: usize,
    /// Its columns.
    pub ncol: usize,
}

impl<'a> Matrix<'a> {
    pub(crate) fn col(&self, j: usize) -> &'a [f64] {
        &self.data[j * self.nrow..(j + 1) * self.nrow]
    }

    pub(crate) fn row(&self, i: usize) -> impl Iterator<Item = f64> + 'a {
        let (data, nrow) = (self.data, self.nrow);
        (0..self.ncol).map(move |j| data[j * nrow + i])
    }
}

/// How a matrix is cut: by its shape alone.
#[derive(Clone, Copy, Debug)]
struct Grid {
    margin: Margin,
    nrow: usize,
    ncol: usize,
    /// Results of a unit.
    results: usize,
    /// Elements of a row or column that one unit sums.
    terms: usize,
    /// Units over the results, and over the terms of each.
    units: usize,
    parts: usize,
}

impl Grid {
    fn new(margin: Margin, nrow: usize, ncol: usize) -> Grid {
        let (results, terms) = match margin {
            Margin::Cols if nrow > PIECE => (1, PIECE),
            Margin::Cols => ((UNIT / nrow.max(1)).max(1), nrow.max(1)),
            Margin::Rows => {
                let height = (UNIT / ncol.max(1)).clamp(1, 1 << 20);
                let height = height.next_multiple_of(BLOCK).min(nrow.max(1));
                let enough = nrow / height >= ENOUGH;
                let terms = if enough { ncol } else { UNIT / height };
                (height, terms.max(64))
            }
        };
        let (over, along) = match margin {
            Margin::Cols => (ncol, nrow),
            Margin::Rows => (nrow, ncol),
        };
        Grid {
            margin,
            nrow,
            ncol,
            results,
            terms,
            units: over.div_ceil(results),
            parts: along.div_ceil(terms).max(1),
        }
    }

    fn over(&self) -> usize {
        match self.margin {
            Margin::Cols => self.ncol,
            Margin::Rows => self.nrow,
        }
    }

    fn along(&self) -> usize {
        self.nrow * self.ncol / self.over().max(1)
    }
}

/// Sums, means or variances of the rows or columns of a matrix.
///
/// Sums are compensated and cut by the shape of the matrix, so that no schedule and no
/// number of threads changes a bit.
#[derive(Debug)]
pub struct Moments {
    grid: Grid,
    moment: Moment,
    skip: bool,
    schedule: Schedule,
    threads: usize,
    /// The means, when variances are computed and their first pass is over.
    means: Option<Vec<f64>>,
    missing: Vec<bool>,
    /// Part by part, result by result.
    sums: Vec<Sum>,
    job: Loop,
}

impl Moments {
    /// For `nrow` x `ncol` matrices; where `skip`, without NA and NaN.
    pub fn new(
        (nrow, ncol): (usize, usize),
        margin: Margin,
        moment: Moment,
        skip: bool,
        schedule: Schedule,
        threads: usize,
    ) -> Moments {
        let grid = Grid::new(margin, nrow, ncol);
        Moments {
            grid,
            moment,
            skip,
            schedule,
            threads,
            means: None,
            missing: Vec::new(),
            sums: match grid.parts {
                1 => Vec::new(),
                parts => vec![Sum::default(); grid.over() * parts],
            },
            job: Loop::new(schedule, grid.units * grid.parts, threads),
        }
    }

    /// Works for a slice; `true` when `out` is complete.
    pub fn advance(&mut self, x: Matrix<'_>, out: &mut [f64], slice: Slice) -> bool {
        if self.grid.parts == 1 {
            return self.whole(x, out, slice);
        }
        if !self.pass(x, slice) {
            return false;
        }
        let n = self.grid.over();
        if self.moment == Moment::Variance && self.means.is_none() {
            let means = (0..n).map(|k| self.result(x, k, Moment::Mean)).collect();
            self.missing = (0..n).map(|k| self.total(k).is_missing()).collect();
            self.means = Some(means);
            self.job = Loop::new(
                self.schedule,
                self.grid.units * self.grid.parts,
                self.threads,
            );
            if !self.pass(x, slice) {
                return false;
            }
        }
        for (k, out) in out.iter_mut().enumerate() {
            *out = self.result(x, k, self.moment);
        }
        true
    }

    fn total(&self, k: usize) -> Sum {
        let mut total = Sum::default();
        for part in 0..self.grid.parts {
            total.add(&self.sums[part * self.grid.over() + k]);
        }
        total
    }

    fn result(&self, x: Matrix<'_>, k: usize, moment: Moment) -> f64 {
        let missing = self.missing.get(k).copied().unwrap_or_default();
        let (margin, skip) = (self.grid.margin, self.skip);
        finish(x, margin, skip, moment, k, self.total(k), missing)
    }

    /// Where a unit has all terms of its results, it finishes them.
    fn whole(&mut self, x: Matrix<'_>, out: &mut [f64], slice: Slice) -> bool {
        let (grid, moment, skip) = (self.grid, self.moment, self.skip);
        let lens = (0..grid.units).map(|u| group(grid.over(), grid.results, u).len());
        let parts = Parts::new(out, lens);
        // Blocks of results, which stay in the cache for the second pass.
        let step = match grid.margin {
            Margin::Rows => BLOCK,
            Margin::Cols => (8 * BLOCK / grid.nrow.max(1)).clamp(1, BLOCK),
        };
        self.job.advance(
            slice,
            || Scratch::new(grid.margin),
            |scratch, unit| {
                let Some(out) = parts.take(unit) else { return };
                let mut first = group(grid.over(), grid.results, unit).start;
                for out in out.chunks_mut(step) {
                    finish_block(x, &grid, skip, moment, first, out, scratch);
                    first += out.len();
                }
            },
        )
    }

    /// One pass over the matrix.
    fn pass(&mut self, x: Matrix<'_>, slice: Slice) -> bool {
        let grid = self.grid;
        let lens = (0..grid.parts)
            .flat_map(|_| (0..grid.units).map(|u| group(grid.over(), grid.results, u).len()));
        let parts = Parts::new(&mut self.sums, lens);
        let (means, skip) = (self.means.as_deref(), self.skip);
        let arch = Arch::new();
        self.job.advance(
            slice,
            || Scratch::new(grid.margin).sums,
            |sums, unit| {
                let Some(out) = parts.take(unit) else { return };
                let over = group(grid.over(), grid.results, unit % grid.units);
                let along = group(grid.along(), grid.terms, unit / grid.units);
                let means = means.map(|means| &means[over.clone()]);
                arch.dispatch(
                    #[inline(always)]
                    || sum_block(x, grid.margin, skip, over, along, means, out, sums),
                );
            },
        )
    }
}

/// What a thread needs for a block of results.
struct Scratch {
    sums: Sums,
    found: Vec<Sum>,
    means: Vec<f64>,
    missing: Vec<bool>,
}

impl Scratch {
    fn new(margin: Margin) -> Scratch {
        Scratch {
            sums: Sums::new(if margin == Margin::Rows { BLOCK } else { 0 }),
            found: Vec::new(),
            means: Vec::new(),
            missing: Vec::new(),
        }
    }
}

/// The results from `first` on, as many as `out` takes, from all of their terms.
fn finish_block(
    x: Matrix<'_>,
    grid: &Grid,
    skip: bool,
    moment: Moment,
    first: usize,
    out: &mut [f64],
    scratch: &mut Scratch,
) {
    let (arch, margin, size) = (Arch::new(), grid.margin, out.len());
    let Scratch {
        sums,
        found,
        means,
        missing,
    } = scratch;
    found.resize(size, Sum::default());
    let mut pass = |means: Option<&[f64]>, found: &mut [Sum]| {
        let (over, along) = (first..first + size, 0..grid.along());
        arch.dispatch(
            #[inline(always)]
            || sum_block(x, margin, skip, over, along, means, found, sums),
        );
    };
    pass(None, found);
    missing.clear();
    if moment == Moment::Variance {
        means.resize(size, 0.0);
        missing.extend(found.iter().map(Sum::is_missing));
        arch.dispatch(
            #[inline(always)]
            || finish_all(x, margin, skip, Moment::Mean, first, found, &[], means),
        );
        pass(Some(means), found);
    }
    arch.dispatch(
        #[inline(always)]
        || finish_all(x, margin, skip, moment, first, found, missing, out),
    );
}

/// The results from `first` on from their sums; `missing` as for [`finish`], or empty.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn finish_all(
    x: Matrix<'_>,
    margin: Margin,
    skip: bool,
    moment: Moment,
    first: usize,
    found: &[Sum],
    missing: &[bool],
    out: &mut [f64],
) {
    for (k, (out, sum)) in out.iter_mut().zip(found).enumerate() {
        let missing = missing.get(k).copied().unwrap_or_default();
        *out = finish(x, margin, skip, moment, first + k, *sum, missing);
    }
}

/// Result `k` from its sum; `missing`: an element is NA or NaN and counts.
#[inline(always)]
fn finish(
    x: Matrix<'_>,
    margin: Margin,
    skip: bool,
    moment: Moment,
    k: usize,
    total: Sum,
    missing: bool,
) -> f64 {
    let count = f64::from(total.count);
    let scaled = |divide: f64| match margin {
        Margin::Cols => scaled_sum(x.col(k).iter().copied(), skip, divide),
        Margin::Rows => scaled_sum(x.row(k), skip, divide),
    };
    match moment {
        Moment::Sum => total.value().unwrap_or_else(|| scaled(1.0)),
        Moment::Mean => total.mean().unwrap_or_else(|| scaled(count)),
        Moment::Variance if missing || total.count < 2 => NA,
        Moment::Variance => total.value().unwrap_or(f64::INFINITY) / (count - 1.0),
    }
}

type Span = std::ops::Range<usize>;

/// Into `out` the sums of the terms `along` of the rows or columns `over`: of their
/// elements, or of the squared differences from `means`.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn sum_block(
    x: Matrix<'_>,
    margin: Margin,
    skip: bool,
    over: Span,
    along: Span,
    means: Option<&[f64]>,
    out: &mut [Sum],
    sums: &mut Sums,
) {
    match (margin, skip) {
        (Margin::Cols, false) => cols::<false>(x, over, along, means, out),
        (Margin::Cols, true) => cols::<true>(x, over, along, means, out),
        (Margin::Rows, false) => rows::<false>(x, over, along, means, out, sums),
        (Margin::Rows, true) => rows::<true>(x, over, along, means, out, sums),
    }
}

#[inline(always)]
fn cols<const SKIP: bool>(
    x: Matrix<'_>,
    cols: Span,
    rows: Span,
    means: Option<&[f64]>,
    out: &mut [Sum],
) {
    let first = cols.start;
    if x.nrow > 0 && x.nrow < SHORT {
        // A column must have the same bits whether it is summed alone or beside others.
        let mut j = first;
        while j + LANES <= cols.end {
            let block = &x.data[j * x.nrow..(j + LANES) * x.nrow];
            let sums = match means {
                None => short_sums::<SKIP>(block, x.nrow, |_, x| x),
                Some(means) => {
                    let means = &means[j - first..j - first + LANES];
                    short_sums::<SKIP>(block, x.nrow, |lane, x| {
                        (x - means[lane]) * (x - means[lane])
                    })
                }
            };
            out[j - first..j - first + LANES].copy_from_slice(&sums);
            j += LANES;
        }
        for j in j..cols.end {
            let mean = means.map_or(0.0, |means| means[j - first]);
            let term = |x: f64| match means {
                None => x,
                Some(_) => (x - mean) * (x - mean),
            };
            out[j - first] = one_sum::<SKIP>(x.col(j), term);
        }
        return;
    }
    for (j, out) in cols.zip(out) {
        let x = &x.col(j)[rows.clone()];
        *out = match means {
            None => sum::<SKIP>(
                x,
                #[inline(always)]
                |x| x,
            ),
            Some(means) => {
                let mean = means[j - first];
                sum::<SKIP>(
                    x,
                    #[inline(always)]
                    |x| (x - mean) * (x - mean),
                )
            }
        };
    }
}

#[inline(always)]
fn rows<const SKIP: bool>(
    x: Matrix<'_>,
    rows: Span,
    cols: Span,
    means: Option<&[f64]>,
    out: &mut [Sum],
    sums: &mut Sums,
) {
    let first = rows.start;
    for top in rows.clone().step_by(BLOCK) {
        let n = BLOCK.min(rows.end - top);
        let vectors = || cols.clone().map(|j| &x.col(j)[top..top + n]);
        let put = |k: usize, sum: Sum| out[top - first + k] = sum;
        match means {
            None => sums.sum::<SKIP, _>(
                n,
                vectors,
                #[inline(always)]
                |_, x| x,
                put,
            ),
            Some(means) => {
                let means = &means[top - first..top - first + n];
                let square = |k: usize, x: f64| (x - means[k]) * (x - means[k]);
                sums.sum::<SKIP, _>(n, vectors, square, put);
            }
        }
    }
}
