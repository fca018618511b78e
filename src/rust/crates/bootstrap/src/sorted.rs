//! Statistics of sorted data: sorted once, every replicate is one scan of the
//! frequencies in that order.
//!
//! Weights that are no whole numbers: with W(x) the weight of the observations up to
//! x and N that of all, the j-th order statistic is the smallest x with W(x) >= j. For
//! frequencies these are the order statistics of the resample, so every definition of
//! a quantile carries over, with N in place of the sample size.

use crate::moments::Weight;

/// Rows in the order of their values.
#[derive(Clone, Debug)]
pub struct Sorted {
    rows: Vec<u32>,
    x: Vec<f64>,
    /// Number of rows of the data.
    n: usize,
}

impl Sorted {
    /// Sorts the `rows` of `x`, ties in the order of rows.
    #[must_use]
    pub fn new(x: &[f64], mut rows: Vec<u32>) -> Self {
        rows.sort_by(|a, b| x[*a as usize].total_cmp(&x[*b as usize]));
        let n = x.len();
        let x = rows.iter().map(|i| x[*i as usize]).collect();
        Self { rows, x, n }
    }

    fn total<W: Weight>(&self, w: &[W]) -> f64 {
        self.rows.iter().map(|i| w[*i as usize].real()).sum()
    }

    /// The `wanted` order statistics (increasing, from 1; clamped to the data).
    fn order_statistics<W: Weight>(&self, w: &[W], wanted: &[f64], out: &mut [f64]) {
        let mut below = 0.0;
        let mut next = 0;
        let mut last = f64::NAN;
        for (i, x) in self.rows.iter().zip(&self.x) {
            let weight = w[*i as usize].real();
            if weight == 0.0 {
                continue;
            }
            below += weight;
            last = *x;
            // Sums of weights are off by rounding.
            while wanted[next] <= below + 1e-9 {
                out[next] = *x;
                next += 1;
                if next == wanted.len() {
                    return;
                }
            }
        }
        out[next..].fill(last);
    }
}

/// One of the nine definitions of Hyndman & Fan (1996, The American Statistician 50,
/// 361-365): the two order statistics and the weight of the second.
fn position(total: f64, prob: f64, kind: u8) -> (f64, f64) {
    // As R's quantile(): four units of rounding.
    const FUZZ: f64 = 4.0 * f64::EPSILON;
    if kind <= 3 {
        let np = if kind == 3 {
            total * prob - 0.5
        } else {
            total * prob
        };
        let j = (np + FUZZ).floor();
        let beyond = np > j + FUZZ;
        let h = match kind {
            1 => f64::from(u8::from(beyond)),
            2 => {
                if beyond {
                    1.0
                } else {
                    0.5
                }
            }
            _ => f64::from(u8::from(beyond || j % 2.0 != 0.0)),
        };
        return (j, h);
    }
    if kind == 7 {
        let index = (total - 1.0).max(0.0) * prob;
        let j = (index + FUZZ).floor();
        return (j + 1.0, (index - j).max(0.0));
    }
    let (a, b) = match kind {
        4 => (0.0, 1.0),
        5 => (0.5, 0.5),
        6 => (0.0, 0.0),
        8 => (1.0 / 3.0, 1.0 / 3.0),
        _ => (0.375, 0.375),
    };
    let np = a + prob * (total + 1.0 - a - b);
    let j = (np + FUZZ).floor();
    let h = np - j;
    (j, if h.abs() < FUZZ { 0.0 } else { h })
}

fn mix(low: f64, high: f64, h: f64) -> f64 {
    if h == 0.0 {
        low
    } else if h == 1.0 {
        high
    } else if h == 0.5 {
        (low + high) / 2.0
    } else {
        low + h * (high - low)
    }
}

/// One number from one ordering.
#[derive(Clone, Debug)]
pub enum Scan {
    /// A quantile of type 1 to 9.
    Quantile {
        /// Its probability.
        prob: f64,
        /// The definition.
        kind: u8,
    },
    /// The median of the absolute deviations from the median.
    MedianDeviation,
    /// The mean without the fraction `trim` of the weight at either end.
    Trimmed {
        /// From 0 to 0.5.
        trim: f64,
    },
    /// Gini's coefficient, without the factor n / (n - 1).
    Gini,
    /// The probability that a marked observation lies above another one, half for
    /// ties.
    Auc {
        /// Marks by row.
        marked: Vec<bool>,
    },
    /// The product-limit estimate at a time.
    Survival {
        /// Events by row; the others are censored after events at the same time.
        event: Vec<bool>,
        /// The time.
        at: f64,
    },
    /// The area under the product-limit estimate up to a time.
    MeanSurvival {
        /// Events by row.
        event: Vec<bool>,
        /// The time.
        until: f64,
    },
}

impl Scan {
    /// The number for the weights `w` by row; NaN when nothing has weight.
    pub(crate) fn run<W: Weight>(&self, order: &Sorted, w: &[W]) -> f64 {
        match self {
            Scan::Quantile { prob, kind } => {
                let (j, h) = position(order.total(w), *prob, *kind);
                pair(order, w, j, h)
            }
            Scan::MedianDeviation => median_deviation(order, w),
            Scan::Trimmed { trim } => trimmed(order, w, *trim),
            Scan::Gini => gini(order, w),
            Scan::Auc { marked } => auc(order, w, marked),
            Scan::Survival { event, at } => survival(order, w, event, *at).0,
            Scan::MeanSurvival { event, until } => survival(order, w, event, *until).1,
        }
    }

    /// The quantile from frequencies that are in sorted order already.
    pub(crate) fn quantile(order: &Sorted, prob: f64, kind: u8, total: u32, sorted: &[u32]) -> f64 {
        /// Counts that are summed before they are looked at one by one.
        const BLOCK: usize = 32;
        let Wanted {
            places: [first, second],
            h,
        } = Wanted::new(total, prob, kind);
        let mut below = 0;
        let mut start = 0;
        for block in sorted.chunks(BLOCK) {
            let sum: u32 = block.iter().sum();
            if below + sum >= first {
                break;
            }
            below += sum;
            start += BLOCK;
        }
        let mut low = f64::NAN;
        // A resample of Poisson counts may have nothing.
        for (count, x) in sorted.iter().zip(&order.x).skip(start) {
            if *count == 0 {
                continue;
            }
            below += count;
            if low.is_nan() && below >= first {
                low = *x;
                if h == 0.0 {
                    return low;
                }
            }
            if below >= second {
                return mix(low, *x, h);
            }
        }
        f64::NAN
    }
}

/// Which order statistics of a resample make a quantile.
pub(crate) struct Wanted {
    /// Their numbers, from 1, in a resample of at least one.
    pub(crate) places: [u32; 2],
    /// The weight of the second.
    h: f64,
}

impl Wanted {
    pub(crate) fn new(total: u32, prob: f64, kind: u8) -> Self {
        let (j, h) = position(f64::from(total), prob, kind);
        let last = f64::from(total).max(1.0);
        let places = [j, j + 1.0].map(|place| place.clamp(1.0, last) as u32);
        Self { places, h }
    }

    /// The quantile, where the order statistics stand at these places of the order. The second is
    /// looked for if it counts.
    pub(crate) fn of_order(
        &self,
        order: &Sorted,
        first: usize,
        second: impl FnOnce() -> usize,
    ) -> f64 {
        let low = order.x[first];
        if self.h == 0.0 {
            low
        } else {
            mix(low, order.x[second()], self.h)
        }
    }
}

fn pair<W: Weight>(order: &Sorted, w: &[W], j: f64, h: f64) -> f64 {
    let mut out = [f64::NAN; 2];
    order.order_statistics(w, &[j.max(1.0), (j + 1.0).max(1.0)], &mut out);
    mix(out[0], out[1], h)
}

fn median_deviation<W: Weight>(order: &Sorted, w: &[W]) -> f64 {
    let total = order.total(w);
    let (j, h) = position(total, 0.5, 7);
    let center = pair(order, w, j, h);
    if center.is_nan() {
        return f64::NAN;
    }
    // Two pointers walk away from the center; deviations come in increasing order.
    let x = &order.x;
    let mut right = x.partition_point(|v| *v < center);
    let mut left = right;
    let wanted = [j.max(1.0), (j + 1.0).max(1.0)];
    let mut found = [f64::NAN; 2];
    let mut next = 0;
    let mut below = 0.0;
    let mut deviation = f64::NAN;
    while left > 0 || right < x.len() {
        let down = if left > 0 {
            center - x[left - 1]
        } else {
            f64::INFINITY
        };
        let up = if right < x.len() {
            x[right] - center
        } else {
            f64::INFINITY
        };
        let (at, distance) = if down < up {
            left -= 1;
            (left, down)
        } else {
            right += 1;
            (right - 1, up)
        };
        let weight = w[order.rows[at] as usize].real();
        if weight == 0.0 {
            continue;
        }
        below += weight;
        deviation = distance;
        while next < 2 && wanted[next] <= below + 1e-9 {
            found[next] = distance;
            next += 1;
        }
        if next == 2 {
            break;
        }
    }
    found[next..].fill(deviation);
    mix(found[0], found[1], h)
}

fn trimmed<W: Weight>(order: &Sorted, w: &[W], trim: f64) -> f64 {
    let total = order.total(w);
    if trim >= 0.5 {
        let (j, h) = position(total, 0.5, 7);
        return pair(order, w, j, h);
    }
    let cut = (total * trim).floor();
    let (mut below, mut sum, mut kept) = (0.0, 0.0, 0.0);
    for (i, x) in order.rows.iter().zip(&order.x) {
        let weight = w[*i as usize].real();
        let inside = (below + weight).min(total - cut) - below.max(cut);
        if inside > 0.0 {
            sum += inside * x;
            kept += inside;
        }
        below += weight;
    }
    sum / kept
}

fn gini<W: Weight>(order: &Sorted, w: &[W]) -> f64 {
    let total = order.total(w);
    let (mut below, mut ranked, mut sum) = (0.0, 0.0, 0.0);
    for (i, x) in order.rows.iter().zip(&order.x) {
        let weight = w[*i as usize].real();
        // Twice the ranks of `weight` equal numbers, less (total + 1) each.
        ranked += weight * (2.0 * below + weight - total) * x;
        sum += weight * x;
        below += weight;
    }
    ranked / (total * sum)
}

fn auc<W: Weight>(order: &Sorted, w: &[W], marked: &[bool]) -> f64 {
    let (mut others, mut marks, mut wins) = (0.0, 0.0, 0.0);
    let mut at = 0;
    while at < order.x.len() {
        let (mut tied_others, mut tied_marks) = (0.0, 0.0);
        let value = order.x[at];
        while at < order.x.len() && order.x[at] == value {
            let row = order.rows[at] as usize;
            let weight = w[row].real();
            if marked[row] {
                tied_marks += weight;
            } else {
                tied_others += weight;
            }
            at += 1;
        }
        wins += tied_marks * (others + 0.5 * tied_others);
        others += tied_others;
        marks += tied_marks;
    }
    wins / (marks * others)
}

/// The estimate after the time `limit` and the area before it. Beyond the last
/// observation the estimate stays what it was.
fn survival<W: Weight>(order: &Sorted, w: &[W], event: &[bool], limit: f64) -> (f64, f64) {
    let mut at_risk = order.total(w);
    if at_risk == 0.0 {
        return (f64::NAN, f64::NAN);
    }
    let (mut s, mut area, mut before) = (1.0, 0.0, 0.0);
    let mut at = 0;
    while at < order.x.len() && order.x[at] <= limit {
        let time = order.x[at];
        let (mut events, mut leaving) = (0.0, 0.0);
        while at < order.x.len() && order.x[at] == time {
            let row = order.rows[at] as usize;
            let weight = w[row].real();
            leaving += weight;
            if event[row] {
                events += weight;
            }
            at += 1;
        }
        area += s * (time - before);
        before = time;
        if events > 0.0 {
            s *= 1.0 - events / at_risk;
            // What rounding of weights leaves of the last observations.
            if s < 1e-14 {
                s = 0.0;
            }
        }
        at_risk -= leaving;
    }
    (s, area + s * (limit - before).max(0.0))
}

/// Two orderings, for the correlation of midranks.
#[derive(Clone, Debug)]
pub struct Ranks {
    x: Sorted,
    y: Sorted,
}

impl Ranks {
    /// Of two columns.
    #[must_use]
    pub fn new(x: &[f64], y: &[f64]) -> Self {
        let rows = || (0..x.len() as u32).collect();
        Self {
            x: Sorted::new(x, rows()),
            y: Sorted::new(y, rows()),
        }
    }

    /// Spearman's correlation; NaN when one of the columns is constant. `a` and `b`
    /// are room for a number per row.
    pub(crate) fn correlation<W: Weight>(&self, w: &[W], a: &mut [f64], b: &mut [f64]) -> f64 {
        let total = midranks(&self.x, w, a);
        midranks(&self.y, w, b);
        // Midranks have the mean (N + 1) / 2 whatever the ties.
        let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
        for ((w, a), b) in w.iter().zip(a.iter()).zip(b.iter()) {
            let w = w.real();
            xx += w * a * a;
            xy += w * a * b;
            yy += w * b * b;
        }
        if xx <= 1e-12 * total || yy <= 1e-12 * total {
            return f64::NAN;
        }
        (xy / (xx.sqrt() * yy.sqrt())).clamp(-1.0, 1.0)
    }
}

/// Midranks less their mean, by row.
fn midranks<W: Weight>(order: &Sorted, w: &[W], out: &mut [f64]) -> f64 {
    let total = order.total(w);
    let mut below = 0.0;
    let mut at = 0;
    while at < order.x.len() {
        let (value, first) = (order.x[at], at);
        let mut tied = 0.0;
        while at < order.x.len() && order.x[at] == value {
            tied += w[order.rows[at] as usize].real();
            at += 1;
        }
        let rank = below + 0.5 * tied - 0.5 * total;
        order.rows[first..at]
            .iter()
            .for_each(|i| out[*i as usize] = rank);
        below += tied;
    }
    total
}

impl Sorted {
    /// The place of each row in the order; `None` when the order does not hold all rows.
    pub(crate) fn places(&self) -> Option<Vec<u32>> {
        if self.rows.len() != self.n {
            return None;
        }
        let mut places = vec![0; self.n];
        for (place, i) in self.rows.iter().enumerate() {
            places[*i as usize] = place as u32;
        }
        Some(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data with every row repeated as often as it counts.
    fn repeated(x: &[f64], w: &[u32]) -> Vec<f64> {
        let mut all: Vec<f64> = x
            .iter()
            .zip(w)
            .flat_map(|(x, w)| vec![*x; *w as usize])
            .collect();
        all.sort_by(f64::total_cmp);
        all
    }

    fn naive_median(mut x: Vec<f64>) -> f64 {
        x.sort_by(f64::total_cmp);
        let n = x.len();
        (x[(n - 1) / 2] + x[n / 2]) / 2.0
    }

    #[test]
    fn scans_of_counts_are_statistics_of_the_repeated_data() {
        let x: Vec<f64> = (0..40)
            .map(|i| f64::from(i * 37 % 41) / 3.0 + 1.0)
            .collect();
        let order = Sorted::new(&x, (0..40).collect());
        let places = order.places().unwrap();
        for round in 0..20u32 {
            let w: Vec<u32> = (0..40).map(|i| (i * 7 + round * round) % 4).collect();
            let all = repeated(&x, &w);
            let n = all.len();
            let median = Scan::Quantile { prob: 0.5, kind: 7 }.run(&order, &w);
            assert_eq!(median, naive_median(all.clone()));
            let mut sorted = vec![0; 40];
            for (i, p) in places.iter().enumerate() {
                sorted[*p as usize] = w[i];
            }
            for kind in 1..=9 {
                for prob in [0.0, 0.03, 0.25, 0.5, 0.9, 1.0] {
                    let slow = Scan::Quantile { prob, kind }.run(&order, &w);
                    let fast = Scan::quantile(&order, prob, kind, n as u32, &sorted);
                    assert_eq!(slow, fast, "{kind} {prob}");
                }
            }
            let deviations = all.iter().map(|v| (v - median).abs()).collect();
            assert_eq!(
                Scan::MedianDeviation.run(&order, &w),
                naive_median(deviations)
            );
            let cut = (n as f64 * 0.1).floor() as usize;
            let kept = &all[cut..n - cut];
            let mean = kept.iter().sum::<f64>() / kept.len() as f64;
            assert!((Scan::Trimmed { trim: 0.1 }.run(&order, &w) - mean).abs() < 1e-12);
            let mut sum = 0.0;
            for a in &all {
                sum += all.iter().map(|b| (a - b).abs()).sum::<f64>();
            }
            let gini = sum / (2.0 * (n * n) as f64 * all.iter().sum::<f64>() / n as f64);
            assert!((Scan::Gini.run(&order, &w) - gini).abs() < 1e-12);
        }
    }

    #[test]
    fn survival_is_the_product_limit() {
        // Times 1, 2+, 3, 3+, 4: 1, .8, .8, .8 * 2/3, 0.
        let time = [3.0, 1.0, 4.0, 2.0, 3.0];
        let event = vec![true, true, true, false, false];
        let order = Sorted::new(&time, (0..5).collect());
        let w = [1u32; 5];
        let at = |at| {
            Scan::Survival {
                event: event.clone(),
                at,
            }
            .run(&order, &w)
        };
        assert_eq!(at(0.5), 1.0);
        assert_eq!(at(2.5), 0.8);
        assert!((at(3.0) - 0.8 * (1.0 - 1.0 / 3.0)).abs() < 1e-15);
        assert_eq!(at(4.0), 0.0);
        let area = Scan::MeanSurvival {
            event: event.clone(),
            until: 4.0,
        }
        .run(&order, &w);
        assert!((area - (1.0 + 0.8 * 2.0 + 0.8 * 2.0 / 3.0)).abs() < 1e-12);
    }
}
