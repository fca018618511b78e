use rustle_schedule::*;
use std::num::NonZeroU32;
use std::time::Instant;
fn main() {
    let n = 1_000_000usize;
    let nz = |x| NonZeroU32::new(x).unwrap();
    let mut s = 1u64;
    let mut u = || {
        s = s
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (s >> 11) as f64 / (1u64 << 53) as f64
    };
    let shapes: Vec<(&str, Vec<f64>)> = vec![
        ("equal 1s", vec![1.0; n]),
        ("exp", (0..n).map(|_| -(1.0 - u()).ln()).collect()),
        ("ramp", (0..n).map(|i| i as f64 / n as f64).collect()),
        (
            "pareto",
            (0..n)
                .map(|_| (1.0 - u()).powf(-1.0 / 1.2) * 0.01)
                .collect(),
        ),
        (
            "zero but last 1%",
            (0..n)
                .map(|i| if i >= n * 99 / 100 { 1.0 } else { 0.0 })
                .collect(),
        ),
        ("all zero", vec![0.0; n]),
        ("1us", vec![1e-6; n]),
    ];
    for (name, t) in &shapes {
        for sch in [
            Schedule::Static,
            Schedule::Cyclic,
            Schedule::Dynamic { chunk: nz(1) },
            Schedule::Guided { min: nz(1) },
            Schedule::Stealing,
        ] {
            for p in [10_000u32, 64] {
                let l = Layout::new(sch, n as u32, nz(p));
                let b = Instant::now();
                let r = simulate(
                    t,
                    &l,
                    Costs {
                        start_up: 1e-4,
                        claim: 1e-6,
                    },
                )
                .unwrap();
                println!(
                    "{name:18} {sch:?} p={p} {:.2}s makespan {:.3} bound {:.3} claims {} steals {}",
                    b.elapsed().as_secs_f64(),
                    r.makespan,
                    t.iter().sum::<f64>() / p as f64,
                    r.claims,
                    r.steals
                );
            }
        }
    }
}
