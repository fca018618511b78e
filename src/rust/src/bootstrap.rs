//! Bootstrap replicates, for R. Conversion only; R/bootstrap-native.R makes the
//! specifications and has checked them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use extendr_api::prelude::*;
use rustle_bootstrap::models::{Basis, Family, Glm, Linear, Status};
use rustle_bootstrap::moments::Columns;
use rustle_bootstrap::program::{Op, Program};
use rustle_bootstrap::scheme::{Alias, Blocks, Form, Kind, Scheme, Wild};
use rustle_bootstrap::sorted::{Ranks, Scan, Sorted};
use rustle_bootstrap::statistic::{Source, Statistic};
use rustle_bootstrap::stream::{Key, Stream};
use rustle_bootstrap::{influence, run};

use crate::fields::{groups, threads as count, Fields};
use crate::refusal::{into_r, Parsed, Refusal};

/// A scheme, and a statistic unless that is an R function.
#[derive(Debug)]
struct Engine {
    scheme: Scheme,
    statistic: Option<Arc<Statistic>>,
}

pub(crate) fn seed(words: &[f64]) -> Parsed<u64> {
    match words {
        [high, low] => Ok(((*high as u64) << 32) | (*low as u64)),
        _ => Err(Refusal::internal("a seed has two words")),
    }
}

fn scheme(spec: &Fields) -> Parsed<Scheme> {
    let n = spec.number("n")? as usize;
    let fields = Fields::new(spec.get("scheme")?)?;
    let kind = match fields.text("kind")?.as_str() {
        "ordinary" => Kind::Ordinary {
            draws: fields.number("draws")? as usize,
        },
        "weighted" => {
            let table = |x: &Robj| x.as_real_slice().map(Alias::new);
            Kind::Weighted {
                tables: fields.each("weights", table)?,
            }
        }
        "balanced" => Kind::Balanced {
            replicates: fields.number("replicates")? as u64,
        },
        "antithetic" => Kind::Antithetic {
            mirror: fields.indices("mirror")?,
        },
        "permutation" => Kind::Permutation,
        "blocks" => Kind::Blocks {
            length: fields.number("length")? as usize,
            rule: match fields.text("rule")?.as_str() {
                "fixed" => Blocks::Moving,
                "circular" => Blocks::Circular,
                _ => Blocks::Stationary,
            },
        },
        "clusters" => Kind::Clusters {
            members: fields.groups("members")?,
        },
        "crossed" => Kind::Crossed {
            first: fields.indices("first")?,
            second: fields.indices("second")?,
            sizes: [
                fields.number("first_size")? as u32,
                fields.number("second_size")? as u32,
            ],
        },
        "exponential" => Kind::Exponential,
        "gamma" => Kind::Gamma,
        "poisson" => Kind::Poisson,
        "given" => Kind::Given {
            indices: fields.indices("indices")?,
        },
        "wild" => {
            let law = match fields.text("law")?.as_str() {
                "mammen" => Wild::Mammen,
                "webb" => Wild::Webb,
                "norm" => Wild::Normal,
                _ => Wild::Rademacher,
            };
            let cluster = match fields.optional("cluster")? {
                None => None,
                Some(_) => Some((
                    fields.indices("cluster")?,
                    fields.number("clusters")? as usize,
                )),
            };
            Kind::Wild { law, cluster }
        }
        other => return Err(Refusal::internal(format!("unknown scheme '{other}'"))),
    };
    Ok(Scheme::new(
        n,
        seed(&spec.numbers("seed")?)?,
        kind,
        spec.groups("strata")?,
    ))
}

fn program(fields: &Fields, inputs: usize) -> Parsed<Program> {
    let codes = fields.numbers("ops")?;
    if codes.is_empty() {
        return Ok(Program::identity(inputs));
    }
    let values = fields.numbers("values")?;
    let mut ops = Vec::with_capacity(codes.len());
    for (code, value) in codes.iter().zip(values) {
        // As in R/bootstrap-program.R.
        ops.push(match *code as i32 {
            0 => Op::Constant(value),
            1 => Op::Input(value as usize - 1),
            2 => Op::Add,
            3 => Op::Sub,
            4 => Op::Mul,
            5 => Op::Div,
            6 => Op::Pow,
            7 => Op::Neg,
            8 => Op::Sqrt,
            9 => Op::Exp,
            10 => Op::Log,
            11 => Op::Abs,
            12 => Op::Floor,
            13 => Op::Store,
            other => return Err(Refusal::internal(format!("unknown operation {other}"))),
        });
    }
    Program::new(ops, inputs)
        .ok_or_else(|| Refusal::internal("a program does not balance its stack"))
}

fn scan(fields: &Fields) -> Parsed<Scan> {
    Ok(match fields.text("scan")?.as_str() {
        "quantile" => Scan::Quantile {
            prob: fields.number("prob")?,
            kind: fields.number("type")? as u8,
        },
        "mad" => Scan::MedianDeviation,
        "trimmed" => Scan::Trimmed {
            trim: fields.number("trim")?,
        },
        "gini" => Scan::Gini,
        "auc" => Scan::Auc {
            marked: fields.flags("marked")?,
        },
        "survival" => Scan::Survival {
            event: fields.flags("event")?,
            at: fields.number("at")?,
        },
        "rmst" => Scan::MeanSurvival {
            event: fields.flags("event")?,
            until: fields.number("at")?,
        },
        other => return Err(Refusal::internal(format!("unknown scan '{other}'"))),
    })
}

fn basis(fields: &Fields) -> Parsed<Basis> {
    Ok(Basis::new(
        &fields.numbers("q")?,
        fields.numbers("beta")?,
        &fields.numbers("back")?,
    ))
}

fn statistic(fields: &Fields, n: usize) -> Parsed<Statistic> {
    let source = match fields.text("source")?.as_str() {
        "sums" => {
            let columns = |z: &[f64]| Columns::new(z, n, z.len() / n);
            Source::Sums(fields.read("z", |z| z.as_real_slice().map(columns))?)
        }
        "scans" => {
            let order = |x: &Fields| Ok(Sorted::new(&x.numbers("x")?, x.indices("rows")?));
            let scan = |x: &Fields| Ok((x.number("order")? as usize - 1, scan(x)?));
            Source::Scans {
                orders: fields.records("orders", order)?,
                scans: fields.records("scans", scan)?,
            }
        }
        "ranks" => {
            let pair = |x: &Fields| Ok(Ranks::new(&x.numbers("x")?, &x.numbers("y")?));
            Source::Ranks(fields.records("pairs", pair)?)
        }
        "lm" => Source::linear(Linear::new(basis(fields)?, fields.numbers("residuals")?)),
        "glm" => {
            let family = if fields.text("family")? == "poisson" {
                Family::Poisson
            } else {
                Family::Binomial
            };
            Source::Glm(Glm::new(
                basis(fields)?,
                family,
                fields.numbers("y")?,
                fields.numbers("eta")?,
            ))
        }
        "response" => {
            let a = fields.numbers("a")?;
            let columns = a.len() / n;
            Source::Response {
                a: Columns::new(&a, n, columns),
                y: fields.numbers("y")?,
                base: fields.numbers("base")?,
                post: fields.numbers("post")?,
                rows: fields.indices("rows")?,
            }
        }
        other => return Err(Refusal::internal(format!("unknown source '{other}'"))),
    };
    let program = program(fields, source.inputs())?;
    Ok(Statistic { source, program })
}

fn open(spec: &Robj, like: &Robj) -> Parsed<Robj> {
    let spec = Fields::new(spec)?;
    let scheme = scheme(&spec)?;
    let statistic = match spec.optional("statistic")? {
        _ if !like.is_null() => engine(like)?.statistic.clone(),
        None => None,
        Some(list) => Some(Arc::new(statistic(&Fields::new(list)?, scheme.n())?)),
    };
    Ok(ExternalPtr::new(Engine { scheme, statistic }).into())
}

fn engine(handle: &Robj) -> Parsed<ExternalPtr<Engine>> {
    let other = |_| Refusal::internal("the handle is of another process");
    let engine: ExternalPtr<Engine> = ExternalPtr::try_from(handle).map_err(other)?;
    engine.try_addr().map_err(other)?;
    Ok(engine)
}

fn native(engine: &Engine) -> Parsed<&Statistic> {
    engine
        .statistic
        .as_deref()
        .ok_or_else(|| Refusal::internal("the statistic is an R function"))
}

/// Now and so many seconds; never, when there is no end.
pub(crate) fn deadline(seconds: f64) -> Option<Instant> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .map(|d| Instant::now() + d)
}

/// `list(t = rows x p, status)`.
fn rows(t: &[f64], status: &[Status], p: usize) -> Robj {
    let t = RMatrix::new_matrix(status.len(), p, |r, k| t[r * p + k]);
    list!(
        t = t,
        status = status.iter().map(|s| *s as i32).collect::<Vec<i32>>()
    )
    .into()
}

/// Opens the engine of a scheme and a statistic, that of the engine `like` if there is
/// one; see R/bootstrap-schemes.R.
/// @noRd
#[extendr]
fn rs_boot_open(spec: Robj, like: Robj) -> List {
    into_r(open(&spec, &like))
}

/// Does the handle belong to this process?
/// @noRd
#[extendr]
fn rs_boot_alive(handle: Robj) -> bool {
    engine(&handle).is_ok()
}

/// Replicates `from` (from 0) to `to`, or the first of them that can be begun within
/// `seconds`.
/// @noRd
#[extendr]
fn rs_boot_run(handle: Robj, from: f64, to: f64, attempt: f64, threads: f64, seconds: f64) -> List {
    into_r(engine(&handle).and_then(|e| {
        let statistic = native(&e)?;
        let end = deadline(seconds);
        let out = run::run(
            statistic,
            &e.scheme,
            from as u64,
            to as u64,
            attempt as u32,
            count(threads),
            end,
        );
        let out = out.map_err(Refusal::threads)?;
        Ok(rows(&out.t, &out.status, statistic.outputs()))
    }))
}

/// The statistic of the data.
/// @noRd
#[extendr]
fn rs_boot_observed(handle: Robj) -> List {
    into_r(engine(&handle).and_then(|e| {
        let statistic = native(&e)?;
        let (t, status) = influence::observed(statistic, e.scheme.n());
        Ok(rows(&t, &[status], statistic.outputs()))
    }))
}

/// The statistic without each of `groups` (a list of rows; NULL: each observation), from
/// the group `from` (from 0) on.
/// @noRd
#[extendr]
fn rs_boot_without(handle: Robj, groups: Robj, from: f64, threads: f64, seconds: f64) -> List {
    into_r(engine(&handle).and_then(|e| {
        let statistic = native(&e)?;
        let groups = match groups.is_null() {
            true => None,
            false => Some(self::groups(&groups)?),
        };
        let (t, status) = influence::without(
            statistic,
            e.scheme.n(),
            groups.as_deref(),
            from as usize,
            count(threads),
            deadline(seconds),
        )
        .map_err(Refusal::threads)?;
        Ok(rows(&t, &status, statistic.outputs()))
    }))
}

/// Infinitesimal influence values of the observations from `from` (from 0) on.
/// `strata`: a list of rows.
/// @noRd
#[extendr]
fn rs_boot_infinitesimal(
    handle: Robj,
    strata: Robj,
    from: f64,
    threads: f64,
    seconds: f64,
) -> List {
    into_r(engine(&handle).and_then(|e| {
        let statistic = native(&e)?;
        let strata = groups(&strata)?;
        let mut member = vec![0; e.scheme.n()];
        for (s, rows) in strata.iter().enumerate() {
            rows.iter().for_each(|i| member[*i as usize] = s as u32);
        }
        let (t, status) = influence::infinitesimal(
            statistic,
            &strata,
            &member,
            from as usize,
            count(threads),
            deadline(seconds),
        )
        .map_err(Refusal::threads)?;
        Ok(rows(&t, &status, statistic.outputs()))
    }))
}

/// What replicate `replicate` (from 0) is made of: `what` is "i" (indices), "f"
/// (frequencies), "w" (weights as they are) or "v" (multipliers of residuals).
/// @noRd
#[extendr]
fn rs_boot_resample(handle: Robj, replicate: f64, attempt: f64, what: &str) -> List {
    into_r(engine(&handle).map(|e| {
        let (scheme, r, attempt) = (&e.scheme, replicate as u64, attempt as u32);
        let mut stream = Stream::new(Key {
            seed: 0,
            replicate: 0,
            attempt: 0,
        });
        match (what, scheme.form()) {
            ("i", Form::Indices) => {
                let mut out = Vec::with_capacity(scheme.draws());
                scheme.indices(&mut stream, r, attempt, |chunk| {
                    out.extend(chunk.iter().map(|i| *i as i32 + 1));
                });
                out.into()
            }
            ("v", _) => {
                let mut out = vec![0.0; scheme.n()];
                scheme.multipliers(&mut stream, r, attempt, &mut out);
                out.into()
            }
            ("w", _) => {
                let mut out = vec![0.0; scheme.n()];
                scheme.weights(&mut stream, r, attempt, &mut Vec::new(), &mut out);
                out.into()
            }
            _ => {
                let mut out = vec![0; scheme.n()];
                scheme.frequencies(&mut stream, r, attempt, &mut out);
                if what == "i" {
                    let all = out.iter().enumerate();
                    let all = all.flat_map(|(i, count)| vec![i as i32 + 1; *count as usize]);
                    return all.collect::<Vec<i32>>().into();
                }
                out.into_iter()
                    .map(|c| c as i32)
                    .collect::<Vec<i32>>()
                    .into()
            }
        }
    }))
}

extendr_module! {
    mod bootstrap;
    fn rs_boot_open;
    fn rs_boot_alive;
    fn rs_boot_run;
    fn rs_boot_observed;
    fn rs_boot_without;
    fn rs_boot_infinitesimal;
    fn rs_boot_resample;
}
