//! Nodes of a cluster, for R: how many tasks one gets, and what a message is known by.

use extendr_api::prelude::*;
use rustle_schedule::{node_chunk, simulate_nodes, Bounds, Node, Request};
use twox_hash::XxHash3_128;

use crate::refusal::{into_r, Refusal};

/// Tasks for a node; see the crate's `node_chunk()`. `task` is negative before anything is known.
/// @noRd
#[extendr]
fn rs_node_chunk(left: f64, cores: f64, idle: f64, part: f64, task: f64, bounds: &[f64]) -> f64 {
    let request = Request {
        left: left as u64,
        cores: cores as u32,
        idle: idle as u32,
        part,
        task: (task >= 0.0).then_some(task),
    };
    node_chunk(request, read_bounds(bounds)) as f64
}

fn read_bounds(bounds: &[f64]) -> Bounds {
    match bounds {
        [shortest, longest] => Bounds {
            shortest: *shortest,
            longest: *longest,
        },
        _ => Bounds::SOCKETS,
    }
}

/// A job on nodes in simulated time; see the crate's `simulate_nodes()`.
/// @noRd
#[extendr]
fn rs_simulate_nodes(times: &[f64], cores: &[f64], speed: &[f64], hand_out: f64) -> List {
    let nodes: Vec<Node> = cores
        .iter()
        .zip(speed)
        .map(|(&cores, &speed)| Node {
            cores: cores as u32,
            speed,
        })
        .collect();
    let run = simulate_nodes(times, &nodes, hand_out, Bounds::SOCKETS);
    into_r(run.map_err(|e| Refusal::new("argument", e)).map(|run| {
        list!(
            makespan = run.makespan,
            busy = run.busy,
            chunks = run.chunks as f64,
            last_begin = run.last_begin,
            efficiency = run.efficiency
        )
        .into()
    }))
}

/// The content of a raw vector in 32 hexadecimal digits (XXH3, 128 bits): no secret, but
/// different content does not meet by accident.
/// @noRd
#[extendr]
fn rs_hash(content: Robj) -> String {
    format!(
        "{:032x}",
        XxHash3_128::oneshot(content.as_raw_slice().unwrap_or(&[]))
    )
}

extendr_module! {
    mod nodes;
    fn rs_node_chunk;
    fn rs_simulate_nodes;
    fn rs_hash;
}
