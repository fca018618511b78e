use super::*;

fn ask(left: u64, cores: u32, idle: u32, part: f64, task: Option<f64>) -> u64 {
    let request = Request {
        left,
        cores,
        idle,
        part,
        task,
    };
    node_chunk(request, Bounds::SOCKETS)
}

#[test]
fn the_first_chunk_is_a_probe_of_two_tasks_per_core() {
    assert_eq!(ask(1000, 4, 8, 0.5, None), 8);
    assert_eq!(ask(1000, 1, 1, 1.0, None), 2);
}

#[test]
fn later_chunks_are_half_of_the_nodes_part_in_whole_rounds_of_cores() {
    assert_eq!(ask(1000, 4, 4, 0.5, Some(0.1)), 252);
    assert_eq!(ask(100, 4, 4, 0.25, Some(0.1)), 16);
}

#[test]
fn a_chunk_is_never_so_short_that_hand_outs_count_nor_longer_than_what_may_be_lost() {
    assert_eq!(ask(1000, 1, 1, 0.01, Some(0.001)), 20);
    assert_eq!(ask(100_000, 2, 2, 0.5, Some(1.0)), 60);
    // A task that is longer than any chunk may be still runs on every core.
    assert_eq!(ask(100, 4, 4, 0.5, Some(100.0)), 4);
}

#[test]
fn idle_nodes_are_left_their_share() {
    assert_eq!(ask(4, 4, 8, 0.5, None), 2);
    assert_eq!(ask(1, 4, 8, 0.5, Some(1.0)), 1);
    assert_eq!(ask(3, 1, 2, 0.5, Some(1e-9)), 2);
}

#[test]
fn there_is_always_a_task_while_tasks_are_left_and_never_one_too_many() {
    for left in [1, 2, 3, 17, 1 << 40] {
        for cores in [1, 3, 128] {
            for task in [None, Some(0.0), Some(1e-9), Some(1.0), Some(1e9)] {
                for part in [0.0, 0.3, 1.0] {
                    let size = ask(left, cores, cores, part, task);
                    assert!(
                        (1..=left).contains(&size),
                        "{left} {cores} {task:?} {part}: {size}"
                    );
                }
            }
        }
    }
}

#[test]
fn equal_tasks_on_equal_nodes_end_together() {
    let nodes = [Node {
        cores: 4,
        speed: 1.0,
    }; 3];
    let run = simulate_nodes(&[1.0; 120], &nodes, 0.0, Bounds::SOCKETS).expect("valid");
    assert!((run.makespan - 10.0).abs() < 1.001, "{}", run.makespan);
    assert!((run.busy.iter().sum::<f64>() - 120.0).abs() < 1e-9);
}

#[test]
fn every_task_runs_once_whatever_the_nodes() {
    let times: Vec<f64> = (0..1000).map(|k| f64::from(k % 7) / 10.0).collect();
    let nodes = [
        Node {
            cores: 1,
            speed: 0.5,
        },
        Node {
            cores: 8,
            speed: 2.0,
        },
    ];
    let run = simulate_nodes(&times, &nodes, 0.001, Bounds::SOCKETS).expect("valid");
    let done: f64 = run
        .busy
        .iter()
        .zip(&nodes)
        .map(|(busy, node)| busy * node.speed)
        .sum();
    assert!((done - times.iter().sum::<f64>()).abs() < 1e-6);
    assert!(run.makespan >= done / 16.5);
}

#[test]
fn what_cannot_be_simulated_is_refused() {
    let node = Node {
        cores: 1,
        speed: 1.0,
    };
    let run =
        |times: &[f64], nodes: &[Node], cost| simulate_nodes(times, nodes, cost, Bounds::SOCKETS);
    assert_eq!(run(&[1.0], &[], 0.0), Err(NodeError::Node { node: 0 }));
    assert_eq!(
        run(
            &[1.0],
            &[
                node,
                Node {
                    cores: 0,
                    speed: 1.0
                }
            ],
            0.0
        ),
        Err(NodeError::Node { node: 1 })
    );
    assert_eq!(
        run(
            &[1.0],
            &[Node {
                speed: 0.0,
                cores: 1
            }],
            0.0
        ),
        Err(NodeError::Node { node: 0 })
    );
    assert_eq!(
        run(&[-1.0], &[node], 0.0),
        Err(NodeError::Time { time: -1.0 })
    );
    assert!(run(&[1.0], &[node], f64::NAN).is_err());
}

/// 64 nodes of 128 cores whose speeds are spread by 30 %, and lognormal task times of mean 1
/// and coefficient of variation 2. The yardstick is what one queue over all cores would do
/// that costs nothing: no schedule that does not know the times beforehand does better.
#[test]
fn on_8192_cores_little_is_lost_to_hand_outs() {
    let mut state = 7_u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    };
    let sigma = 5.0_f64.ln().sqrt();
    let times: Vec<f64> = (0..1_000_000)
        .map(|_| {
            let normal = (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
            (sigma * normal - sigma * sigma / 2.0).exp()
        })
        .collect();
    let nodes: Vec<Node> = (0..64)
        .map(|_| Node {
            cores: 128,
            speed: 0.7 + 0.6 * uniform(),
        })
        .collect();
    let run = simulate_nodes(&times, &nodes, 0.001, Bounds::SOCKETS).expect("valid");
    let speed: f64 = nodes.iter().map(|n| f64::from(n.cores) * n.speed).sum();
    let work: f64 = times.iter().sum();
    let longest = times.iter().copied().fold(0.0, f64::max);
    assert!(run.efficiency > 0.95, "{}", run.efficiency);
    // The last task begins when all the work could have been done, had it been cut finely.
    assert!(
        run.last_begin < 1.05 * work / speed,
        "{} {}",
        run.last_begin,
        work / speed
    );
    assert!(run.makespan < run.last_begin + longest / 0.7 + 1.0);
    // The session sees a message for each chunk: fewer than ten in a second.
    assert!(
        (run.chunks as f64) < 10.0 * run.makespan,
        "{} chunks",
        run.chunks
    );
}
