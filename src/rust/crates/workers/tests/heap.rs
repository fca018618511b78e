//! The heap of a forked worker, as the kernel tells of it. Only the main thread of a process has
//! the heap, so this test has no harness, which would start another.

#![allow(clippy::unwrap_used)]

#[cfg(all(target_os = "linux", target_env = "gnu", not(feature = "posix")))]
mod linux {
    use std::fs::read_to_string;

    use rustle_workers::process::{fork, Exit, Fork};
    use rustle_workers::{child, heap};

    const MB: usize = 1 << 20;

    /// What the heap has of address space, of that with large pages if they are wanted, and of
    /// pages.
    struct Heap {
        mapped: usize,
        large: usize,
        there: usize,
    }

    fn heap_now() -> Heap {
        let smaps = read_to_string("/proc/self/smaps").unwrap();
        let mut heap = Heap {
            mapped: 0,
            large: 0,
            there: 0,
        };
        let (mut inside, mut size) = (false, 0);
        let number = |line: &str| -> usize {
            let kb: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
            kb << 10
        };
        for line in smaps.lines() {
            if line.contains('-') && !line.starts_with("Vm") {
                inside = line.ends_with("[heap]");
            } else if inside {
                match line.split(':').next().unwrap() {
                    "Size" => {
                        size = number(line);
                        heap.mapped += size;
                    }
                    "Rss" => heap.there += number(line),
                    "VmFlags" if line.contains(" hg") => heap.large += size,
                    _ => {}
                }
            }
        }
        heap
    }

    /// Runs `f` in a process of its own, which holds if it ends well.
    fn holds_in_worker(f: impl FnOnce() -> bool + std::panic::UnwindSafe) -> bool {
        let parent = std::process::id() as i32;
        // SAFETY: there is no other thread; the child isolates itself at once, and leaves by
        // `leave`.
        match unsafe { fork() }.unwrap() {
            Fork::Child => {
                child::isolate(parent, &[]);
                child::leave(i32::from(!std::panic::catch_unwind(f).unwrap_or(false)))
            }
            Fork::Parent(child) => matches!(child.reap(), Exit::Status(0)),
        }
    }

    /// What tasks leave behind until R collects.
    fn garbage(bytes: usize) -> Vec<Vec<u8>> {
        (0..bytes / 12_000)
            .map(|_| {
                heap::look();
                vec![1u8; 12_000]
            })
            .collect()
    }

    fn has_large_pages() -> bool {
        let file = "/sys/kernel/mm/transparent_hugepage/enabled";
        let enabled = read_to_string(file).unwrap_or_default();
        let never = enabled.is_empty() || enabled.contains("[never]");
        let strict = read_to_string("/proc/sys/vm/overcommit_memory").unwrap_or_default();
        let size = read_to_string("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")
            .unwrap_or_default();
        let small = size
            .trim()
            .parse()
            .is_ok_and(|bytes: usize| bytes <= 4 << 20);
        let limits = read_to_string("/proc/self/limits").unwrap_or_default();
        let free = |what: &str| {
            limits.lines().any(|line| {
                line.starts_with(what) && line[what.len()..].trim_start().starts_with("unlimited")
            })
        };
        !never
            && small
            && strict.trim() != "2"
            && free("Max data size")
            && free("Max address space")
    }

    pub(super) fn run() {
        if !has_large_pages() {
            return;
        }
        let before = heap_now();
        assert_eq!(before.large, 0);
        // The heap of a worker grows in large pages, and shrinks again.
        assert!(holds_in_worker(|| {
            heap::settle();
            let kept = garbage(40 * MB);
            let full = heap_now();
            drop(kept);
            // A look after the heap has shrunk, and growth anew.
            heap::look();
            let mut kept = garbage(300 * MB);
            let most = heap_now();
            kept.clear();
            let after = heap_now();
            full.large >= 32 * MB && most.large >= 256 * MB && after.there < most.there - 200 * MB
        }));
        // A worker takes new memory instead of what was free at the fork.
        let mut mine = garbage(40 * MB);
        let last = mine.pop();
        drop(mine);
        assert!(holds_in_worker(|| {
            heap::settle();
            let kept = garbage(30 * MB);
            let full = heap_now();
            drop(kept);
            full.large >= 24 * MB
        }));
        drop(last);
        // Where address space is limited, it grows by what is needed.
        assert!(holds_in_worker(|| {
            let limit = libc::rlimit {
                rlim_cur: 1 << 40,
                rlim_max: libc::RLIM_INFINITY,
            };
            // SAFETY: the structure lives.
            unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) };
            let before = heap_now();
            heap::settle();
            let kept = garbage(8 * MB);
            let after = heap_now();
            drop(kept);
            after.large == 0 && after.mapped < before.mapped + 16 * MB
        }));
        // The heap of the session is as it was.
        let kept = garbage(8 * MB);
        let after = heap_now();
        drop(kept);
        assert_eq!(after.large, 0);
    }
}

fn main() {
    #[cfg(all(target_os = "linux", target_env = "gnu", not(feature = "posix")))]
    linux::run();
}
