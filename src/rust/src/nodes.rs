//! Nodes of a cluster, for R: how many tasks one gets, and what a message is known by.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;

use extendr_api::prelude::*;
use rustle_schedule::{node_chunk, simulate_nodes, Bounds, Node, Request};
use twox_hash::XxHash3_128;

use crate::ffi::{self, Sexp};
use crate::raw::{guard, routines};
use crate::refusal::{into_r, Refusal};
use crate::system;

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

/// The system's numbers of the sockets of this process whose own port this is; none where
/// [`rs_acknowledge`] can do nothing.
/// @noRd
#[extendr]
fn rs_sockets_at(port: i32) -> Vec<i32> {
    u16::try_from(port).map_or_else(|_| Vec::new(), system::sockets_at)
}

/// Tells the other ends of sockets at once that their messages have come.
/// @noRd
#[extendr]
fn rs_acknowledge(sockets: &[i32]) {
    sockets.iter().copied().for_each(system::acknowledge);
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

/// The same of an R object as [`R_Serialize`](ffi::R_Serialize) writes it, which is stored
/// nowhere.
unsafe extern "C-unwind" fn rs_hash_object(object: Sexp) -> Sexp {
    // SAFETY: the hash belongs to the thread; this frame owns nothing while R serializes, as R
    // may jump away. `object` is an argument of .Call().
    unsafe {
        let hash = HASH.get();
        *hash = XxHash3_128::new();
        let mut stream = MaybeUninit::<ffi::OutStream>::zeroed();
        ffi::R_InitOutPStream(
            stream.as_mut_ptr(),
            hash.cast(),
            ffi::BINARY_FORMAT,
            3,
            Some(hash_byte),
            Some(hash_bytes),
            None,
            ffi::nil(),
        );
        ffi::R_Serialize(object, stream.as_mut_ptr());
        guard(|| {
            let text: Robj = format!("{:032x}", (*hash).finish_128()).into();
            text.get().cast()
        })
    }
}

unsafe extern "C-unwind" fn hash_byte(stream: *mut ffi::OutStream, c: c_int) {
    // SAFETY: `data` is the hash of the thread.
    unsafe { (*(*stream).data.cast::<XxHash3_128>()).write(&[c as u8]) };
}

unsafe extern "C-unwind" fn hash_bytes(stream: *mut ffi::OutStream, from: *mut c_void, n: c_int) {
    // SAFETY: as above; R passes n readable bytes.
    unsafe {
        let from = std::slice::from_raw_parts(from.cast::<u8>(), n as usize);
        (*(*stream).data.cast::<XxHash3_128>()).write(from);
    }
}

thread_local! {
    /// Never freed: R may jump away while it is filled.
    static HASH: Cell<*mut XxHash3_128> = Cell::new(Box::into_raw(Box::new(XxHash3_128::new())));
}

routines! {
    meta__rs_hash_object "rs_hash_object" "wrap__rs_hash_object" ("object") => rs_hash_object;
}

extendr_module! {
    mod nodes;
    fn rs_node_chunk;
    fn rs_simulate_nodes;
    fn rs_sockets_at;
    fn rs_acknowledge;
    fn rs_hash;
    fn rs_hash_object;
}
