//! A statistic, ready to be computed for any replicate.

mod quantiles;

use pulp::Arch;

use crate::absorbed::Absorbed;
use crate::absorbed_glm::AbsorbedGlm;
use crate::cox::Cox;
use crate::glm::Glm;
use crate::models::{Linear, Status};
use crate::moments::{filled, Columns, Weight, FILLED, WIDTH};
use crate::program::Program;
use crate::robust::Robust;
use crate::scheme::{Form, Scheme};
use crate::sorted::{Ranks, Scan, Sorted};
use crate::stream::{Key, Stream};
use crate::two_stage::TwoStage;

/// Where the inputs of the program come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Sums of the columns, then the sum of the weights.
    Sums(Columns),
    /// One number from each scan, of the ordering with that number.
    Scans {
        /// The orderings.
        orders: Vec<Sorted>,
        /// Number of an ordering, and what is read from it.
        scans: Vec<(usize, Scan)>,
    },
    /// Spearman's correlation of each pair.
    Ranks(Vec<Ranks>),
    /// Coefficients of a linear model.
    Linear {
        /// The model.
        model: Linear,
        /// Its products, unless they are too many.
        products: Option<Columns>,
    },
    /// Coefficients of a generalized linear model.
    Glm(Glm),
    /// Coefficients of a proportional hazards model.
    Cox(Cox),
    /// Coefficients of a robust linear model.
    Robust(Robust),
    /// Coefficients of a linear model with fixed effects.
    Absorbed(Absorbed),
    /// Coefficients of a generalized linear model with fixed effects.
    AbsorbedGlm(AbsorbedGlm),
    /// Coefficients by two-stage least squares.
    TwoStage(TwoStage),
    /// `base + post * sum(a[i, ] * y*[i])` for a response `y*` that is permuted,
    /// resampled or multiplied.
    Response {
        /// One row per observation.
        a: Columns,
        /// The response or the residuals.
        y: Vec<f64>,
        /// One number per output.
        base: Vec<f64>,
        /// By rows.
        post: Vec<f64>,
        /// The row that each drawn index goes to.
        rows: Vec<u32>,
    },
}

/// The largest table of products that is made.
const PRODUCTS: usize = 12;

impl Source {
    /// A linear model, with its table of products when that is worth it.
    #[must_use]
    pub fn linear(model: Linear) -> Self {
        let p = model.basis.p();
        let products = (p <= PRODUCTS).then(|| {
            let n = model.residuals.len();
            Columns::new(&model.products(), n, p * (p + 1) / 2 + p)
        });
        Source::Linear { model, products }
    }

    /// How many numbers the program gets.
    #[must_use]
    pub fn inputs(&self) -> usize {
        match self {
            Source::Sums(columns) => columns.columns() + 1,
            Source::Scans { scans, .. } => scans.len(),
            Source::Ranks(pairs) => pairs.len(),
            Source::Linear { model, .. } => model.basis.p(),
            Source::Glm(model) => model.basis.p(),
            Source::Cox(model) => model.basis.p(),
            Source::Robust(model) => model.basis.p(),
            Source::Absorbed(model) => model.p(),
            Source::AbsorbedGlm(model) => model.p(),
            Source::TwoStage(model) => model.p(),
            Source::Response { base, .. } => base.len(),
        }
    }
}

/// A source of numbers, and the program that makes the statistic of them.
#[derive(Clone, Debug)]
pub struct Statistic {
    /// The source.
    pub source: Source,
    /// The program.
    pub program: Program,
}

/// Memory of one thread.
#[derive(Debug)]
pub(crate) struct Scratch {
    arch: Arch,
    stream: Stream,
    /// For a second replicate at a time.
    other: Stream,
    counts: Vec<u32>,
    /// Counts that are below 256.
    few: Vec<u8>,
    sorted: Vec<u32>,
    weights: Vec<f64>,
    narrow: Vec<[f32; WIDTH]>,
    wide: Vec<[f64; WIDTH]>,
    products: Vec<[f64; WIDTH]>,
    sums: Vec<f64>,
    pub(crate) inputs: Vec<f64>,
    ranks: [Vec<f64>; 2],
    /// Weights of the observations, for statistics that leave some out.
    pub(crate) case_weights: Vec<f64>,
    places: Option<Vec<u32>>,
    /// The same where they are few, and what a resample has drawn of them.
    short_places: Vec<u16>,
    drawn: Vec<u16>,
}

impl Scratch {
    pub(crate) fn new(statistic: &Statistic) -> Self {
        let places = match &statistic.source {
            Source::Scans { orders, scans } if is_quantiles(orders, scans) => orders[0].places(),
            _ => None,
        };
        // Filled up to a length that the loops know, so that no index has to be compared.
        let mut short_places: Vec<u16> = Vec::new();
        if let Some(places) = places.as_ref().filter(|places| places.len() <= FILLED[1]) {
            short_places.extend(places.iter().map(|place| *place as u16));
            short_places.resize(filled(places.len()), 0);
        }
        let stream = || {
            Stream::new(Key {
                seed: 0,
                replicate: 0,
                attempt: 0,
            })
        };
        Self {
            arch: Arch::new(),
            stream: stream(),
            other: stream(),
            counts: Vec::new(),
            few: Vec::new(),
            sorted: Vec::new(),
            weights: Vec::new(),
            narrow: Vec::new(),
            wide: Vec::new(),
            products: Vec::new(),
            sums: Vec::new(),
            inputs: vec![0.0; statistic.source.inputs()],
            ranks: [Vec::new(), Vec::new()],
            case_weights: Vec::new(),
            places,
            short_places,
            drawn: Vec::new(),
        }
    }
}

/// Quantiles alone, of one ordering: they are read from sorted frequencies.
fn is_quantiles(orders: &[Sorted], scans: &[(usize, Scan)]) -> bool {
    orders.len() == 1
        && scans
            .iter()
            .all(|(_, scan)| matches!(scan, Scan::Quantile { .. }))
}

/// Consecutive replicates.
#[derive(Clone, Copy)]
struct Batch {
    first: u64,
    attempt: u32,
    count: usize,
}

impl Statistic {
    /// Number of components.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.program.outputs()
    }

    /// The statistic for weights by row.
    pub(crate) fn weighted(&self, w: &[f64], s: &mut Scratch, out: &mut [f64]) -> Status {
        let mut inputs = std::mem::take(&mut s.inputs);
        let status = self.weighted_inputs(w, s, &mut inputs);
        self.program.run(&inputs, out);
        s.inputs = inputs;
        status
    }

    fn weighted_inputs(&self, w: &[f64], s: &mut Scratch, inputs: &mut [f64]) -> Status {
        match &self.source {
            Source::Sums(columns) => {
                let q = columns.columns();
                columns.weighted(w, &mut inputs[..q]);
                inputs[q] = w.iter().sum();
            }
            Source::Scans { orders, scans } => scan_all(orders, scans, w, inputs),
            Source::Ranks(pairs) => rank_all(pairs, w, &mut s.ranks, inputs),
            Source::Linear { model, .. } => {
                let p = model.basis.p();
                s.sums.resize(p * (p + 1) / 2 + p, 0.0);
                model.sums(s.arch, w, &mut s.sums);
                if !model.finish(&mut s.sums, inputs) {
                    return model.refactor(w, inputs);
                }
            }
            Source::Glm(model) => return model.fit(s.arch, w, inputs),
            Source::Cox(model) => return model.fit(w, inputs),
            Source::Robust(model) => return model.fit(s.arch, w, inputs),
            Source::Absorbed(model) => return model.fit(w, inputs),
            Source::AbsorbedGlm(model) => return model.fit(w, inputs),
            Source::TwoStage(model) => return model.fit(w, inputs),
            Source::Response {
                a, y, base, post, ..
            } => {
                s.sums.resize(a.columns(), 0.0);
                let product: Vec<f64> = w.iter().zip(y).map(|(w, y)| w * y).collect();
                a.weighted(&product, &mut s.sums);
                crate::dense::affine(base, post, &s.sums, inputs);
            }
        }
        Status::Fine
    }

    /// How many replicates are computed in one pass: batches should be multiples of it.
    pub(crate) fn together(&self, scheme: &Scheme) -> usize {
        match &self.source {
            Source::Sums(columns)
            | Source::Linear {
                products: Some(columns),
                ..
            } if !columns.is_gathered() || scheme.form() != Form::Indices => WIDTH,
            _ => 1,
        }
    }

    /// Replicates `first..` of a scheme, as many as `status` has places; rows of `t`.
    pub(crate) fn replicates(
        &self,
        scheme: &Scheme,
        first: u64,
        attempt: u32,
        s: &mut Scratch,
        t: &mut [f64],
        status: &mut [Status],
    ) {
        let p = self.outputs();
        let batch = Batch {
            first,
            attempt,
            count: status.len(),
        };
        match &self.source {
            Source::Sums(columns) if !columns.is_gathered() || scheme.form() != Form::Indices => {
                self.products(columns, scheme, batch, s, |s, r| {
                    self.program.run(&s.inputs, &mut t[r * p..(r + 1) * p]);
                });
            }
            Source::Linear {
                model,
                products: Some(columns),
            } => self.linear(model, columns, scheme, batch, s, t, status),
            Source::Sums(columns) => {
                self.gathered(columns, scheme, batch, s, |s, r| {
                    self.program.run(&s.inputs, &mut t[r * p..(r + 1) * p]);
                });
            }
            _ => {
                for (r, (status, t)) in status.iter_mut().zip(t.chunks_exact_mut(p)).enumerate() {
                    *status = self.one(scheme, first + r as u64, attempt, s, t);
                }
            }
        }
    }

    /// Coefficients from a table of products; those of resamples that may have lost rank
    /// by a factorization of their own.
    #[allow(clippy::too_many_arguments)]
    fn linear(
        &self,
        model: &Linear,
        columns: &Columns,
        scheme: &Scheme,
        batch: Batch,
        s: &mut Scratch,
        t: &mut [f64],
        status: &mut [Status],
    ) {
        let p = self.outputs();
        let mut lost = Vec::new();
        let mut coefficients = vec![0.0; model.basis.p()];
        let each = |s: &mut Scratch, r: usize| {
            s.sums.clear();
            s.sums.extend_from_slice(&s.inputs);
            if model.finish(&mut s.sums, &mut coefficients) {
                self.program.run(&coefficients, &mut t[r * p..(r + 1) * p]);
            } else {
                lost.push(r);
            }
        };
        let inputs = std::mem::take(&mut s.inputs);
        s.inputs = vec![0.0; columns.columns() + 1];
        if columns.is_gathered() && scheme.form() == Form::Indices {
            self.gathered(columns, scheme, batch, s, each);
        } else {
            self.products(columns, scheme, batch, s, each);
        }
        s.inputs = inputs;
        for r in lost {
            let w = take_weights(scheme, batch.first + r as u64, batch.attempt, s);
            status[r] = model.refactor(&w, &mut coefficients);
            self.program.run(&coefficients, &mut t[r * p..(r + 1) * p]);
            s.weights = w;
        }
    }

    /// One replicate of a statistic that is not made of sums.
    fn one(
        &self,
        scheme: &Scheme,
        r: u64,
        attempt: u32,
        s: &mut Scratch,
        out: &mut [f64],
    ) -> Status {
        let frequencies = matches!(scheme.form(), Form::Indices | Form::Frequencies);
        let mut inputs = std::mem::take(&mut s.inputs);
        let mut status = Status::Fine;
        match &self.source {
            Source::Response { .. } => self.response(scheme, r, attempt, s, &mut inputs),
            Source::Scans { orders, scans } if frequencies && s.places.is_some() => {
                quantiles::quantiles(&orders[0], scans, scheme, r, attempt, s, &mut inputs);
            }
            Source::Scans { orders, scans } if frequencies => {
                s.counts.resize(scheme.n(), 0);
                scheme.frequencies(&mut s.stream, r, attempt, &mut s.counts);
                scan_all(orders, scans, &s.counts, &mut inputs);
            }
            Source::Ranks(pairs) if frequencies => {
                s.counts.resize(scheme.n(), 0);
                scheme.frequencies(&mut s.stream, r, attempt, &mut s.counts);
                rank_all(pairs, &s.counts, &mut s.ranks, &mut inputs);
            }
            _ => {
                let w = take_weights(scheme, r, attempt, s);
                status = self.weighted_inputs(&w, s, &mut inputs);
                s.weights = w;
            }
        }
        self.program.run(&inputs, out);
        s.inputs = inputs;
        status
    }

    /// The inputs for a response that is permuted, resampled or multiplied.
    fn response(&self, scheme: &Scheme, r: u64, attempt: u32, s: &mut Scratch, inputs: &mut [f64]) {
        let Source::Response {
            a,
            y,
            base,
            post,
            rows,
        } = &self.source
        else {
            return;
        };
        let mut star = std::mem::take(&mut s.weights);
        star.resize(y.len(), 0.0);
        if scheme.form() == Form::Multipliers {
            scheme.multipliers(&mut s.stream, r, attempt, &mut star);
            star.iter_mut().zip(y).for_each(|(v, y)| *v *= y);
        } else {
            let mut at = 0;
            scheme.indices(&mut s.stream, r, attempt, |chunk| {
                for i in chunk {
                    star[rows[at] as usize] = y[*i as usize];
                    at += 1;
                }
            });
        }
        s.sums.resize(a.columns(), 0.0);
        a.weighted(&star, &mut s.sums);
        crate::dense::affine(base, post, &s.sums, inputs);
        s.weights = star;
    }

    /// Sums gathered index by index; `each` finds them in `inputs`.
    fn gathered(
        &self,
        columns: &Columns,
        scheme: &Scheme,
        batch: Batch,
        s: &mut Scratch,
        mut each: impl FnMut(&mut Scratch, usize),
    ) {
        let Batch {
            first,
            attempt,
            count,
        } = batch;
        let q = columns.columns();
        let by_twos = columns.is_gathered_by_twos(scheme);
        let mut second = vec![0.0; if by_twos { q } else { 0 }];
        let mut r = 0;
        while r < count {
            let replicate = first + r as u64;
            let two = by_twos && r + 1 < count;
            let sums = &mut s.inputs[..q];
            if two {
                let streams = [&mut s.stream, &mut s.other];
                columns.gather(scheme, streams, replicate, attempt, [sums, &mut second]);
            } else {
                columns.sums(scheme, &mut s.stream, replicate, attempt, &mut s.few, sums);
            }
            s.inputs[q] = scheme.resample_size() as f64;
            each(s, r);
            r += 1;
            if two {
                s.inputs[..q].copy_from_slice(&second);
                s.inputs[q] = scheme.resample_size() as f64;
                each(s, r);
                r += 1;
            }
        }
    }

    /// Sums of several replicates at a time from their weights.
    fn products(
        &self,
        columns: &Columns,
        scheme: &Scheme,
        batch: Batch,
        s: &mut Scratch,
        mut each: impl FnMut(&mut Scratch, usize),
    ) {
        let Batch {
            first,
            attempt,
            count,
        } = batch;
        let (n, q) = (scheme.n(), columns.columns());
        s.products.resize(q, [0.0; WIDTH]);
        for start in (0..count).step_by(WIDTH) {
            let width = WIDTH.min(count - start);
            let mut totals = [0.0; WIDTH];
            if scheme.form() == Form::Indices && scheme.resample_size() < 1 << 24 {
                s.narrow.clear();
                s.narrow.resize(n, [0.0; WIDTH]);
                for b in 0..width {
                    let w = &mut s.narrow[..];
                    scheme.indices(
                        &mut s.stream,
                        first + (start + b) as u64,
                        attempt,
                        |chunk| {
                            let w = &mut *w;
                            chunk.iter().for_each(|i| w[*i as usize][b] += 1.0);
                        },
                    );
                    totals[b] = scheme.resample_size() as f64;
                }
                columns.multiply(s.arch, &s.narrow, &mut s.products);
            } else {
                s.wide.clear();
                s.wide.resize(n, [0.0; WIDTH]);
                for b in 0..width {
                    let w = take_weights(scheme, first + (start + b) as u64, attempt, s);
                    for (row, w) in s.wide.iter_mut().zip(&w) {
                        row[b] = *w;
                    }
                    totals[b] = w.iter().sum();
                    s.weights = w;
                }
                columns.multiply(s.arch, &s.wide, &mut s.products);
            }
            for b in 0..width {
                for (input, product) in s.inputs.iter_mut().zip(&s.products) {
                    *input = product[b];
                }
                s.inputs[q] = totals[b];
                each(s, start + b);
            }
        }
    }
}

fn take_weights(scheme: &Scheme, r: u64, attempt: u32, s: &mut Scratch) -> Vec<f64> {
    let mut w = std::mem::take(&mut s.weights);
    w.resize(scheme.n(), 0.0);
    scheme.weights(&mut s.stream, r, attempt, &mut s.counts, &mut w);
    w
}

fn scan_all<W: Weight>(orders: &[Sorted], scans: &[(usize, Scan)], w: &[W], out: &mut [f64]) {
    for (out, (order, scan)) in out.iter_mut().zip(scans) {
        *out = scan.run(&orders[*order], w);
    }
}

fn rank_all<W: Weight>(pairs: &[Ranks], w: &[W], room: &mut [Vec<f64>; 2], out: &mut [f64]) {
    let [a, b] = room;
    a.resize(w.len(), 0.0);
    b.resize(w.len(), 0.0);
    for (out, pair) in out.iter_mut().zip(pairs) {
        *out = pair.correlation(w, a, b);
    }
}
