//! How many tasks a node gets at a time, where a node is a machine with cores of its own.
//!
//! Between nodes a hand-out costs a message, within a node a claim costs nothing. So chunks
//! between nodes shrink as guided self-scheduling has them, and the cores of the node claim
//! the tasks of its chunk one by one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;

/// What the giver knows when a node is idle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// Tasks that no node has.
    pub left: u64,
    /// Cores of the node that asks; at least 1.
    pub cores: u32,
    /// Cores of all nodes that are idle, this one included.
    pub idle: u32,
    /// The node's part of the speed of all nodes, from 0 to 1.
    pub part: f64,
    /// Seconds of a task on a core of this node; `None` before anything is known.
    pub task: Option<f64>,
}

/// Seconds that a chunk should take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// At least: what a hand-out costs must be little beside it.
    pub shortest: f64,
    /// At most: it is lost with the node, and nothing is heard of it before.
    pub longest: f64,
}

impl Bounds {
    /// For nodes behind sockets, where a hand-out costs about a millisecond.
    pub const SOCKETS: Bounds = Bounds {
        shortest: 0.02,
        longest: 30.0,
    };
}

/// How many tasks the node of `request` gets: at least 1 while tasks are left, never more
/// than are left.
///
/// The first chunk is a probe of two tasks per core. Afterwards a node gets half of its
/// part of what is left, in whole rounds of its cores, within `bounds`. While other nodes
/// are idle it leaves them their share by cores.
#[must_use]
pub fn node_chunk(request: Request, bounds: Bounds) -> u64 {
    let cores = u64::from(request.cores.max(1));
    let wanted = match request.task {
        None => 2 * cores,
        Some(task) => {
            let rounds =
                |seconds: f64| cores.saturating_mul(((seconds / task).ceil() as u64).max(1));
            let guided = (request.left as f64 * request.part / 2.0).ceil() as u64;
            let guided = guided.div_ceil(cores).saturating_mul(cores);
            let least = rounds(bounds.shortest);
            guided.clamp(least, rounds(bounds.longest).max(least))
        }
    };
    let idle = u64::from(request.idle).max(cores);
    let fair = (u128::from(request.left) * u128::from(cores)).div_ceil(u128::from(idle)) as u64;
    wanted.min(fair).max(1).min(request.left)
}

/// A node of a simulation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node {
    /// Its cores; at least 1.
    pub cores: u32,
    /// A task of `t` seconds takes `t / speed` on its cores; above 0.
    pub speed: f64,
}

/// What happened in a simulated job on nodes. Times in seconds since its start.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeSimulation {
    /// When the last task ended; 0 without tasks.
    pub makespan: f64,
    /// Per node, seconds in which its cores ran tasks.
    pub busy: Vec<f64>,
    /// Number of chunks that were handed out.
    pub chunks: u64,
    /// When the last task began: from then on cores are idle that nobody could give work.
    pub last_begin: f64,
    /// Seconds in which cores ran tasks until then, of the cores' time until then: what the
    /// hand-outs lost. 1 without tasks.
    pub efficiency: f64,
}

/// Why a job on nodes cannot be simulated.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum NodeError {
    /// There is no node, or `node` (from 0) has no cores or no speed.
    Node {
        /// Index of the node.
        node: usize,
    },
    /// The time of `task` (from 0), or a cost or bound, is negative or not finite.
    Time {
        /// What it is.
        time: f64,
    },
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node { node } => write!(f, "node {node} is missing or has no cores or speed"),
            Self::Time { time } => write!(f, "a time is {time}, not seconds of at least 0"),
        }
    }
}

impl std::error::Error for NodeError {}

/// Runs tasks that take `times` seconds on `nodes` in simulated time, with the chunks of
/// [`node_chunk`]. Within a node, idle cores take the tasks of the chunk in order. When the
/// last of them has begun, the node asks for more, and gets it `hand_out` seconds later.
///
/// # Errors
///
/// When there is no node, one without cores or speed, or a time that is none.
pub fn simulate_nodes(
    times: &[f64],
    nodes: &[Node],
    hand_out: f64,
    bounds: Bounds,
) -> Result<NodeSimulation, NodeError> {
    check(times, nodes, hand_out, bounds)?;
    let mut all: Vec<Running> = nodes.iter().map(Running::new).collect();
    let mut spans = Vec::with_capacity(times.len());
    let mut chunks = 0;
    let mut next = 0;
    while next < times.len() {
        let asks = (0..all.len()).min_by(|&a, &b| all[a].asks.total_cmp(&all[b].asks));
        let Some(me) = asks else { break };
        let now = all[me].asks;
        // While nothing is known of some node, all are taken for equally fast.
        let known = all.iter().all(|node| node.task.is_some());
        let power =
            |node: &Running| f64::from(node.cores) / node.task.filter(|_| known).unwrap_or(1.0);
        let request = Request {
            left: (times.len() - next) as u64,
            cores: all[me].cores,
            idle: all
                .iter()
                .filter(|node| node.asks <= now)
                .map(|node| node.cores)
                .sum(),
            part: power(&all[me]) / all.iter().map(power).sum::<f64>(),
            task: all[me].task,
        };
        let size = node_chunk(request, bounds) as usize;
        all[me].run(&times[next..next + size], now + hand_out, &mut spans);
        next += size;
        chunks += 1;
    }
    let last_begin = spans.iter().map(|span| span.0).fold(0.0, f64::max);
    let until: f64 = spans
        .iter()
        .map(|span| span.1.min(last_begin) - span.0)
        .sum();
    let cores: f64 = nodes.iter().map(|node| f64::from(node.cores)).sum();
    Ok(NodeSimulation {
        makespan: spans.iter().map(|span| span.1).fold(0.0, f64::max),
        busy: all.iter().map(|node| node.busy).collect(),
        chunks,
        last_begin,
        efficiency: if last_begin > 0.0 {
            until / (cores * last_begin)
        } else {
            1.0
        },
    })
}

/// A node in the middle of a simulated job.
#[derive(Debug)]
struct Running {
    cores: u32,
    speed: f64,
    /// When each core has ended its task. Bits of floats of at least 0 are in their order.
    free: BinaryHeap<Reverse<u64>>,
    /// When the node asks for tasks.
    asks: f64,
    /// Seconds of a task, as far as is known.
    task: Option<f64>,
    busy: f64,
}

impl Running {
    fn new(node: &Node) -> Running {
        Running {
            cores: node.cores,
            speed: node.speed,
            free: (0..node.cores).map(|_| Reverse(0)).collect(),
            asks: 0.0,
            task: None,
            busy: 0.0,
        }
    }

    /// Runs a chunk that arrives at `arrival`; when its tasks begin and end goes to `spans`.
    fn run(&mut self, chunk: &[f64], arrival: f64, spans: &mut Vec<(f64, f64)>) {
        self.asks = arrival;
        let mut busy = 0.0;
        for time in chunk {
            let Some(Reverse(at)) = self.free.pop() else {
                break;
            };
            let begin = f64::from_bits(at).max(arrival);
            let end = begin + time / self.speed;
            busy += time / self.speed;
            self.asks = self.asks.max(begin);
            self.free.push(Reverse(end.to_bits()));
            spans.push((begin, end));
        }
        let latest = busy / chunk.len() as f64;
        self.task = Some(self.task.map_or(latest, |old| (old + latest) / 2.0));
        self.busy += busy;
    }
}

fn check(times: &[f64], nodes: &[Node], hand_out: f64, bounds: Bounds) -> Result<(), NodeError> {
    let bad = |n: &Node| n.cores == 0 || !n.speed.is_finite() || n.speed <= 0.0;
    if let Some(node) = nodes.iter().position(bad) {
        return Err(NodeError::Node { node });
    }
    if nodes.is_empty() {
        return Err(NodeError::Node { node: 0 });
    }
    let costs = [hand_out, bounds.shortest, bounds.longest];
    let wrong = |t: &&f64| !t.is_finite() || **t < 0.0;
    match times.iter().chain(&costs).find(wrong) {
        Some(&time) => Err(NodeError::Time { time }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
