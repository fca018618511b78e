//! Primitives by the names of R's functions, for the comparison with those.

use super::Generator;
use super::{
    along, arithmetic, beta, binomial, curves, distinct, draws, gamma, lookup, matrix, order,
    poisson, quantile, reduce, sample, sequence, trimmed,
};
use crate::bail::Bail;
use crate::code::{Extra, Product};
use crate::host::Host;
use crate::{lower, machine};

/// An argument or a result.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Doubles.
    Doubles(Vec<f64>),
    /// Integers.
    Integers(Vec<i32>),
    /// Logical values, as R holds them.
    Logicals(Vec<i32>),
}

use Value::{Doubles, Integers, Logicals};

impl Value {
    fn len(&self) -> usize {
        match self {
            Doubles(x) => x.len(),
            Integers(x) | Logicals(x) => x.len(),
        }
    }

    /// The element at `i`, from the start again behind the last.
    fn number(&self, i: usize) -> f64 {
        match self {
            Doubles(x) => x[i % x.len()],
            Integers(x) | Logicals(x) => f64::from(x[i % x.len()]),
        }
    }

    fn doubles(&self) -> Vec<f64> {
        (0..self.len()).map(|i| self.number(i)).collect()
    }
}

/// What cannot be called as it was.
const UNKNOWN: Bail = Bail("a primitive that is not known, or its arguments");

/// The arguments of a call.
struct Arguments<'a>(&'a [Value]);

impl Arguments<'_> {
    fn at(&self, i: usize) -> Result<&Value, Bail> {
        self.0.get(i).filter(|x| x.len() > 0).ok_or(UNKNOWN)
    }

    fn vector(&self, i: usize) -> Result<&Value, Bail> {
        self.0.get(i).ok_or(UNKNOWN)
    }

    fn number(&self, i: usize) -> Result<f64, Bail> {
        Ok(self.at(i)?.number(0))
    }

    fn flag(&self, i: usize) -> Result<bool, Bail> {
        Ok(self.number(i)? != 0.0)
    }

    fn count(&self, i: usize) -> Result<usize, Bail> {
        Ok(self.number(i)? as usize)
    }

    /// `n` draws with the parameters that follow it, recycled.
    fn draws<const K: usize>(
        &self,
        mut draw: impl FnMut([f64; K]) -> Result<f64, Bail>,
    ) -> Result<Value, Bail> {
        let mut parameters = [&self.0[0]; K];
        for (k, parameter) in parameters.iter_mut().enumerate() {
            *parameter = self.at(k + 1)?;
        }
        let one = |i| draw(parameters.map(|p| p.number(i)));
        (0..self.count(0)?)
            .map(one)
            .collect::<Result<_, _>>()
            .map(Doubles)
    }

    /// As [`Arguments::draws`], of integers.
    fn counts<const K: usize>(
        &self,
        mut draw: impl FnMut([f64; K]) -> Result<i32, Bail>,
    ) -> Result<Value, Bail> {
        match self.draws(|p| draw(p).map(f64::from))? {
            Doubles(x) => Ok(Integers(x.into_iter().map(|x| x as i32).collect())),
            other => Ok(other),
        }
    }

    /// Element by element with the second argument recycled.
    fn pairs(&self, one: impl Fn(f64, f64) -> Result<f64, Bail>) -> Result<Value, Bail> {
        let (x, y) = (self.at(0)?, self.at(1)?);
        let pairs = (0..x.len()).map(|i| one(x.number(i), y.number(i)));
        pairs.collect::<Result<_, _>>().map(Doubles)
    }

    fn pairs_int(&self, one: fn(i32, i32) -> Result<i32, Bail>) -> Result<Value, Bail> {
        let (Integers(x), Integers(y)) = (self.at(0)?, self.at(1)?) else {
            return Err(UNKNOWN);
        };
        let pairs = x.iter().zip(y.iter().cycle()).map(|(x, y)| one(*x, *y));
        pairs.collect::<Result<_, _>>().map(Integers)
    }
}

fn double(x: f64) -> Value {
    Doubles(vec![x])
}

fn integer(x: i32) -> Value {
    Integers(vec![x])
}

/// The call of primitive `name`.
///
/// # Errors
///
/// Fails where the primitive gives up, or is not known.
pub fn call(
    name: &str,
    arguments: &[Value],
    host: &Host,
    state: &mut Generator,
) -> Result<Value, Bail> {
    let a = Arguments(arguments);
    if let Some(drawn) = random(name, &a, host, state) {
        return drawn;
    }
    if let Some(how) = lower::math(name).filter(|_| arguments.len() == 1) {
        let x = a.vector(0)?.doubles().into_iter();
        let all = x.map(|x| machine::math(how, x));
        return all.collect::<Result<_, _>>().map(Doubles);
    }
    if let Some(curve) = name.strip_suffix("factorial") {
        let gamma = if curve == "l" {
            curves::Curve::LogGamma
        } else {
            curves::Curve::Gamma
        };
        let more = a.at(0)?.doubles().iter().map(|x| x + 1.0).collect();
        let mut all = arguments.to_vec();
        all[0] = Doubles(more);
        return curve_of(gamma, &Arguments(&all), host);
    }
    if let Some(curve) = curves::named(name) {
        return curve_of(curve, &a, host);
    }
    match (name, a.vector(0)?) {
        ("%%", Integers(_)) => a.pairs_int(arithmetic::modulo_int),
        ("%/%", Integers(_)) => a.pairs_int(arithmetic::int_div_int),
        ("%%", _) => a.pairs(|x, y| arithmetic::modulo(x, y, host)),
        ("%/%", _) => a.pairs(|x, y| arithmetic::int_div(x, y, host)),
        ("^", _) => a.pairs(|x, y| arithmetic::pow(x, y, host)),
        ("log", _) => a.pairs(|x, base| machine::pair(Extra::Log, x, base, host)),
        ("round", _) => a.pairs(|x, d| arithmetic::round_digits(x, d as i32, host)),
        ("signif", _) => a.pairs(|x, d| arithmetic::signif(x, d as i32, host)),
        (_, Doubles(x)) => of_doubles(name, x, &a, host),
        (_, Integers(x) | Logicals(x)) => of_integers(name, x, &a, host),
    }
}

/// Of numbers, with parameters that are recycled, and flags for the tail and the logarithm.
fn curve_of(curve: curves::Curve, a: &Arguments, host: &Host) -> Result<Value, Bail> {
    let (x, p, q) = (a.at(0)?, a.at(1)?, a.at(2)?);
    let (lower, log) = (a.flag(3)?, a.flag(4)?);
    let one = |i| {
        curves::value(
            curve,
            [x.number(i), p.number(i), q.number(i)],
            lower,
            log,
            host,
        )
    };
    (0..x.len()).map(one).collect::<Result<_, _>>().map(Doubles)
}

fn random(
    name: &str,
    a: &Arguments,
    host: &Host,
    state: &mut Generator,
) -> Option<Result<Value, Bail>> {
    Some(match name {
        "runif" => a.draws(|[min, max]| draws::runif(min, max, state)),
        // As the machine draws many of them at once, and as it draws one.
        "rnorm" if a.0.len() == 3 && a.0[1].len() == 1 && a.0[2].len() == 1 => (|| {
            let mut all = Vec::new();
            draws::rnorms(
                &mut all,
                a.count(0)?,
                a.number(1)?,
                a.number(2)?,
                host,
                state,
            )?;
            Ok(Doubles(all))
        })(),
        "rnorm" => a.draws(|[mean, sd]| draws::rnorm(mean, sd, host, state)),
        "rexp" => a.draws(|[rate]| draws::rexp(rate, state)),
        "rlnorm" => a.draws(|[mean, sd]| draws::rlnorm(mean, sd, host, state)),
        "rlogis" => a.draws(|[location, scale]| draws::rlogis(location, scale, state)),
        "rcauchy" => a.draws(|[location, scale]| draws::rcauchy(location, scale, state)),
        "rweibull" => a.draws(|[shape, scale]| draws::rweibull(shape, scale, state)),
        "rgamma" => a.draws(|[shape, scale]| gamma::rgamma(shape, scale, host, state)),
        "rchisq" => a.draws(|[df]| gamma::rchisq(df, host, state)),
        "rt" => a.draws(|[df]| gamma::rt(df, host, state)),
        "rf" => a.draws(|[df1, df2]| gamma::rf(df1, df2, host, state)),
        "rbeta" => a.draws(|[a, b]| beta::rbeta(a, b, state)),
        "rpois" => a.counts(|[lambda]| poisson::rpois(lambda, host, state)),
        "rgeom" => a.counts(|[prob]| poisson::rgeom(prob, host, state)),
        "rnbinom" if a.0.len() == 4 => {
            a.counts(|[size, _, mu]| poisson::rnbinom_mu(size, mu, host, state))
        }
        "rnbinom" => a.counts(|[size, prob]| poisson::rnbinom(size, prob, host, state)),
        "rbinom" => a.counts(|[size, prob]| binomial::rbinom(size, prob, state)),
        "sample" | "sample.int" => sampled(a, state),
        _ => return None,
    })
}

fn sampled(a: &Arguments, state: &mut Generator) -> Result<Value, Bail> {
    let (n, size, replace) = (a.count(0)?, a.count(1)?, a.flag(2)?);
    let drawn = match a.vector(3) {
        Ok(prob) => sample::sample_weighted(size, replace, &prob.doubles(), state),
        Err(_) => sample::sample_int(n, size, replace, state),
    };
    drawn.map(Integers)
}

fn of_doubles(name: &str, x: &[f64], a: &Arguments, host: &Host) -> Result<Value, Bail> {
    Ok(match name {
        "sum" => double(reduce::sum(x, host)?),
        "mean" if a.0.len() == 2 => double(trimmed::mean(x, a.number(1)?, host)?),
        "mean" => double(reduce::mean(x, host)?),
        "seq" => {
            let (second, third) = (a.number(1)?, a.number(2)?);
            Doubles(match a.count(3)? {
                0 => sequence::by(x[0], second, third)?,
                1 => sequence::between(x[0], second, third as i32)?,
                _ => sequence::steps(x[0], second, third as i32)?,
            })
        }
        "var" if a.0.len() == 2 => double(reduce::cov(x, &a.at(1)?.doubles(), host)?),
        "var" => double(reduce::var(x, host)?),
        "sd" => double(reduce::sd(x, host)?),
        "prod" => double(reduce::prod(x, host)?),
        "min" => double(reduce::min(x)?),
        "max" => double(reduce::max(x)?),
        "which.min" => integer(reduce::which_min(x)?),
        "which.max" => integer(reduce::which_max(x)?),
        "cumsum" => Doubles(along::cumsum(x, host)?),
        "cumprod" => Doubles(along::cumprod(x, host)?),
        "cummax" => Doubles(along::cummax(x)?),
        "cummin" => Doubles(along::cummin(x)?),
        "diff" => Doubles(along::diff(x, a.count(1)?)?),
        "rev" => Doubles(along::rev(x)),
        "rep" => Doubles(along::rep(x, a.count(1)?, a.count(2)?)),
        "rep_len" => Doubles(along::rep_len(x, a.count(1)?)?),
        "sort" => Doubles(order::sort(x, a.flag(1)?)?),
        "order" => Integers(order::order(x, a.flag(1)?)?),
        "median" => double(order::median(x, host)?),
        "quantile" => {
            let probs = a.at(1)?.doubles();
            Doubles(quantile::quantile(x, &probs, a.count(2)? as u8)?)
        }
        "match" => Integers(lookup::matched(x, &a.at(1)?.doubles(), Some(0))?),
        "%in%" => Logicals(lookup::among(x, &a.at(1)?.doubles())?),
        "findInterval" => Integers(lookup::find_interval(x, &a.at(1)?.doubles())?),
        "cov" => double(reduce::cov(x, &a.at(1)?.doubles(), host)?),
        "unique" => Doubles(distinct::unique(x)?),
        "duplicated" => Logicals(distinct::duplicated(x)?),
        "rank" => Doubles(distinct::rank(x)?),
        "cor" => double(reduce::cor(x, &a.at(1)?.doubles(), host)?),
        "colSums" => Doubles(matrix::col_sums(x, a.count(1)?, host)?),
        "colMeans" => Doubles(matrix::col_means(x, a.count(1)?, host)?),
        "rowSums" => Doubles(matrix::row_sums(x, a.count(1)?, host)?),
        "rowMeans" => Doubles(matrix::row_means(x, a.count(1)?, host)?),
        "t" => Doubles(matrix::transpose(x, a.count(1)?)),
        "%*%" => products(Product::Plain, a, host)?,
        "crossprod" => products(Product::Cross, a, host)?,
        "tcrossprod" | "outer" => products(Product::CrossOfRows, a, host)?,
        "solve" => with_right_side(a, |x, y, to| matrix::solve(x, y, host, to))?,
        _ => return Err(UNKNOWN),
    })
}

/// Of matrices that are given as elements and number of rows, 0 for vectors: the shape of the
/// result before its elements.
fn with_right_side(
    a: &Arguments,
    f: impl FnOnce(
        matrix::Operand<'_>,
        Option<matrix::Operand<'_>>,
        &mut Vec<f64>,
    ) -> Result<matrix::Shape, Bail>,
) -> Result<Value, Bail> {
    let (x, y) = (a.vector(0)?.doubles(), a.vector(2).map(Value::doubles).ok());
    let shape = |values: &[f64], nrow| (nrow > 0).then(|| [nrow, values.len() / nrow]);
    let x = matrix::Operand {
        values: &x,
        shape: shape(&x, a.count(1)?),
    };
    let y = match &y {
        None => None,
        Some(y) => Some(matrix::Operand {
            values: y,
            shape: shape(y, a.count(3)?),
        }),
    };
    let mut to = Vec::new();
    let [nrow, ncol] = f(x, y, &mut to)?;
    to.splice(0..0, [nrow as f64, ncol as f64]);
    Ok(Doubles(to))
}

fn products(how: Product, a: &Arguments, host: &Host) -> Result<Value, Bail> {
    with_right_side(a, |x, y, to| {
        matrix::product(how, x, y, host, to).map(|(shape, _)| shape)
    })
}

fn of_integers(name: &str, x: &[i32], a: &Arguments, host: &Host) -> Result<Value, Bail> {
    Ok(match name {
        "sum" => integer(reduce::sum_int(x)?),
        "mean" => double(reduce::mean_int(x, host)?),
        "min" => integer(reduce::min_int(x)?),
        "max" => integer(reduce::max_int(x)?),
        "cumsum" => Integers(along::cumsum_int(x)?),
        "cummax" => Integers(along::cummax_int(x)),
        "cummin" => Integers(along::cummin_int(x)),
        "seq" => {
            let (to, by) = (a.number(1)? as i32, a.number(2)? as i32);
            Integers(sequence::by_int(x[0], to, by)?)
        }
        "diff" => Integers(along::diff_int(x, a.count(1)?)?),
        "rev" => Integers(along::rev(x)),
        "rep" => Integers(along::rep(x, a.count(1)?, a.count(2)?)),
        "rep_len" => Integers(along::rep_len(x, a.count(1)?)?),
        "sort" => Integers(order::sort_int(x, a.flag(1)?)),
        "order" => Integers(order::order_int(x, a.flag(1)?)),
        "median" if x.len() % 2 == 1 => integer(order::median_int(x, host)? as i32),
        "median" => double(order::median_int(x, host)?),
        "unique" => Integers(distinct::unique_int(x)),
        "duplicated" => Logicals(distinct::duplicated_int(x)),
        "rank" => Doubles(distinct::rank_int(x)),
        "quantile" if a.count(2)? == 7 => of_doubles(name, &a.at(0)?.doubles(), a, host)?,
        "quantile" => match of_doubles(name, &a.at(0)?.doubles(), a, host)? {
            Doubles(x) => Integers(x.into_iter().map(|x| x as i32).collect()),
            other => other,
        },
        "tabulate" => Integers(along::tabulate(x, a.count(1)?)),
        "which" => Integers(reduce::which(x)),
        "any" => Logicals(vec![reduce::any(x).into()]),
        "all" => Logicals(vec![reduce::all(x).into()]),
        _ => return Err(UNKNOWN),
    })
}
