//! Schemes and statistics from what R/bootstrap-schemes.R and R/bootstrap-compile.R say.

use rustle_bootstrap::absorbed::Absorbed;
use rustle_bootstrap::absorbed_glm::{AbsorbedGlm, Responses};
use rustle_bootstrap::cox::{Cox, Ties};
use rustle_bootstrap::glm::{Family, Glm, Link, Variance};
use rustle_bootstrap::models::{Basis, Linear};
use rustle_bootstrap::moments::Columns;
use rustle_bootstrap::program::{Op, Program};
use rustle_bootstrap::robust::{Psi, Robust};
use rustle_bootstrap::scheme::{Alias, Blocks, Kind, Scheme, Wild};
use rustle_bootstrap::sorted::{Ranks, Scan, Sorted};
use rustle_bootstrap::statistic::{Source, Statistic};
use rustle_bootstrap::two_stage::TwoStage;

use crate::fields::{columns, elements, Fields};
use crate::refusal::{Parsed, Refusal};

/// A seed from its two words of 32 bits.
pub(crate) fn seed(words: &[f64]) -> Parsed<u64> {
    match words {
        [high, low] => Ok(((*high as u64) << 32) | (*low as u64)),
        _ => Err(Refusal::internal("a seed has two words")),
    }
}

pub(super) fn scheme(spec: &Fields) -> Parsed<Scheme> {
    let n = spec.number("n")? as usize;
    let kind = kind(&Fields::new(spec.get("scheme")?)?)?;
    let seed = seed(&spec.numbers("seed")?)?;
    Ok(Scheme::new(n, seed, kind, spec.groups("strata")?))
}

fn kind(fields: &Fields) -> Parsed<Kind> {
    Ok(match fields.text("kind")?.as_str() {
        "ordinary" => Kind::Ordinary {
            size: fields.number("size")? as usize,
        },
        "weighted" => Kind::Weighted {
            tables: fields.each("weights", |x| x.as_real_slice().map(Alias::new))?,
        },
        "balanced" => Kind::Balanced {
            replicates: fields.number("replicates")? as u64,
        },
        "antithetic" => Kind::Antithetic {
            mirror: fields.indices("mirror")?,
        },
        "permutation" => Kind::Permutation,
        "blocks" => Kind::Blocks {
            length: fields.number("length")? as usize,
            rule: fields.named("rule", Blocks::named)?,
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
        "exponential" => Kind::Exponential {
            cluster: clusters(fields)?,
        },
        "gamma" => Kind::Gamma {
            cluster: clusters(fields)?,
        },
        "poisson" => Kind::Poisson,
        "given" => Kind::Given {
            indices: fields.indices("indices")?,
        },
        "wild" => Kind::Wild {
            law: fields.named("law", Wild::named)?,
            cluster: clusters(fields)?,
        },
        other => return Err(Refusal::internal(format!("unknown scheme '{other}'"))),
    })
}

/// The cluster of each observation and their number, where there are any.
fn clusters(fields: &Fields) -> Parsed<Option<(Vec<u32>, usize)>> {
    match fields.optional("cluster")? {
        None => Ok(None),
        Some(_) => Ok(Some((
            fields.indices("cluster")?,
            fields.number("clusters")? as usize,
        ))),
    }
}

pub(super) fn statistic(fields: &Fields, n: usize) -> Parsed<Statistic> {
    let source = source(fields, n)?;
    let program = program(fields, source.inputs())?;
    Ok(Statistic { source, program })
}

fn source(fields: &Fields, n: usize) -> Parsed<Source> {
    Ok(match fields.text("source")?.as_str() {
        "sums" => {
            // A matrix, or a list of columns; neither is copied but into the table.
            let z = fields.get("z")?;
            let elements = elements(z);
            let each = columns(z, &elements, n)?;
            let center = match fields.optional("center")? {
                Some(_) => fields.numbers("center")?,
                None => vec![0.0; each.len()],
            };
            Source::Sums(Columns::centered(&each, n, &center))
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
            let family = family(fields)?;
            let (y, eta) = (fields.numbers("y")?, fields.numbers("eta")?);
            let model = Glm::new(basis(fields)?, family, y, eta);
            Source::Glm(model.weighted(prior(fields)?, fields.number("dispersion")?))
        }
        "cox" => Source::Cox(Cox::new(
            basis(fields)?,
            fields.named("ties", Ties::named)?,
            (&fields.numbers("time")?, fields.flags("event")?),
            &fields.indices("stratum")?,
            fields.numbers("eta")?,
            prior(fields)?,
        )),
        "robust" => {
            let constant = fields.number("constant")?;
            let psi = match fields.text("psi")?.as_str() {
                "huber" => Psi::Huber(constant),
                _ => Psi::Bisquare(constant),
            };
            Source::Robust(Robust::new(
                basis(fields)?,
                fields.numbers("residuals")?,
                psi,
            ))
        }
        "absorbed" => Source::Absorbed(Absorbed::new(
            &fields.numbers("q")?,
            &fields.numbers("residuals")?,
            fields.numbers("beta")?,
            &fields.numbers("back")?,
            fields.indices("level")?,
            prior(fields)?,
        )),
        "absorbed_glm" => {
            let data = Responses {
                family: family(fields)?,
                y: fields.numbers("y")?,
                eta: fields.numbers("eta")?,
                prior: prior(fields)?,
                dispersion: fields.number("dispersion")?,
            };
            Source::AbsorbedGlm(AbsorbedGlm::new(
                &fields.numbers("q")?,
                fields.numbers("beta")?,
                &fields.numbers("back")?,
                &fields.indices("level")?,
                &fields.groups("others")?,
                data,
            ))
        }
        "two_stage" => Source::TwoStage(TwoStage::new(
            &fields.numbers("q")?,
            &fields.numbers("x")?,
            &fields.numbers("residuals")?,
            fields.numbers("beta")?,
            &fields.numbers("back")?,
        )),
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
    })
}

fn family(fields: &Fields) -> Parsed<Family> {
    Ok(Family {
        link: fields.named("link", Link::named)?,
        variance: fields.named("variance", Variance::named)?,
    })
}

/// Prior weights, where there are any.
fn prior(fields: &Fields) -> Parsed<Option<Vec<f64>>> {
    match fields.optional("prior")? {
        None => Ok(None),
        Some(_) => fields.numbers("prior").map(Some),
    }
}

fn basis(fields: &Fields) -> Parsed<Basis> {
    Ok(Basis::new(
        &fields.numbers("q")?,
        fields.numbers("beta")?,
        &fields.numbers("back")?,
    ))
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

/// Without steps, the statistic is its inputs.
fn program(fields: &Fields, inputs: usize) -> Parsed<Program> {
    let names = fields.texts("ops")?;
    if names.is_empty() {
        return Ok(Program::identity(inputs));
    }
    let unknown = |name| Refusal::internal(format!("unknown operation '{name}'"));
    let values = fields.numbers("values")?;
    let steps = names.iter().zip(values);
    let ops: Parsed<Vec<Op>> = steps
        .map(|(name, value)| Op::named(name, value).ok_or_else(|| unknown(name)))
        .collect();
    let unbalanced = || Refusal::internal("a program does not balance its stack");
    Program::new(ops?, inputs).ok_or_else(unbalanced)
}
