use super::*;

fn number(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("a number above 0")
}

fn schedules() -> [Schedule; 5] {
    [
        Schedule::Static,
        Schedule::Cyclic,
        Schedule::Dynamic { chunk: number(3) },
        Schedule::Guided { min: number(2) },
        Schedule::Stealing,
    ]
}

#[test]
fn positions_hold_every_task_once() {
    for schedule in schedules() {
        for (tasks, workers) in [(0, 3), (1, 1), (2, 5), (10, 3), (12, 4), (1000, 7)] {
            let layout = Layout::new(schedule, tasks, number(workers));
            let mut held: Vec<u32> = (0..tasks).map(|q| layout.task(q)).collect();
            held.sort_unstable();
            assert!(held.into_iter().eq(0..tasks), "{layout:?}");
        }
    }
}

#[test]
fn shares_are_neighbouring_blocks_of_nearly_equal_length() {
    for schedule in [Schedule::Static, Schedule::Cyclic, Schedule::Stealing] {
        for (tasks, workers) in [
            (0, 3),
            (2, 5),
            (10, 3),
            (12, 4),
            (u32::MAX, 7),
            (7, u32::MAX),
        ] {
            let layout = Layout::new(schedule, tasks, number(workers));
            let seen = workers.min(1000);
            let shares: Vec<Range<u32>> = (0..seen).map(|w| layout.share(w)).collect();
            assert!(shares.windows(2).all(|pair| pair[0].end == pair[1].start));
            let shortest = tasks / workers;
            assert!(shares.iter().all(|s| s.len() as u32 - shortest <= 1));
            assert_eq!(layout.share(workers - 1).end, tasks);
            assert!(layout.share(workers).is_empty());
        }
    }
}

#[test]
fn cyclic_shares_hold_every_pth_task() {
    for (tasks, workers) in [(10, 3), (12, 4), (3, 5), (101, 10)] {
        let layout = Layout::new(Schedule::Cyclic, tasks, number(workers));
        for worker in 0..workers {
            let held = layout
                .positions(layout.share(worker))
                .map(|q| layout.task(q));
            assert!(held.eq((worker..tasks).step_by(workers as usize)));
        }
    }
}

#[test]
fn queues_leave_no_shares() {
    let chunks = Layout::from_chunks(6, number(2), vec![3, 6]);
    for layout in [
        Layout::new(Schedule::Dynamic { chunk: number(1) }, 6, number(2)),
        Layout::new(Schedule::Guided { min: number(1) }, 6, number(2)),
        chunks.expect("a list of chunks"),
    ] {
        assert!(layout.share(0).is_empty() && layout.share(1).is_empty());
        assert!(!layout.steals());
    }
}

#[test]
fn guided_chunks_shrink_with_the_rest() {
    // Polychronopoulos & Kuck 1987: 100 iterations on 5 processors.
    let layout = Layout::new(Schedule::Guided { min: number(1) }, 100, number(5));
    let mut rest = 100;
    let mut chunks = Vec::new();
    while rest > 0 {
        let chunk = layout.portion(rest).min(rest);
        chunks.push(chunk);
        rest -= chunk;
    }
    let paper = [20, 16, 13, 11, 8, 7, 5, 4, 4, 3, 2, 2, 1, 1, 1, 1, 1];
    assert_eq!(chunks, paper);
}

#[test]
fn chunks_hold_their_positions() {
    let layout = Layout::from_chunks(7, number(2), vec![0, 3, 3, 7]).expect("a list of chunks");
    assert_eq!(layout.units(), 4);
    let held: Vec<Range<u32>> = (0..4).map(|k| layout.positions(k..k + 1)).collect();
    assert_eq!(held, [0..0, 0..3, 3..3, 3..7]);
    assert_eq!(layout.positions(1..4), 0..7);
    assert_eq!(layout.schedule(), None);
    let none = Layout::from_chunks(0, number(2), Vec::new()).expect("no chunks, no tasks");
    assert_eq!((none.units(), none.positions(0..0)), (0, 0..0));
}

#[test]
fn what_is_no_list_of_chunks_is_refused() {
    let refused = |ends: &[u32]| Layout::from_chunks(7, number(2), ends.to_vec()).err();
    assert_eq!(
        refused(&[3, 2, 7]),
        Some(LayoutError::ChunkEndsFall { chunk: 1 })
    );
    let elsewhere = |end| Some(LayoutError::ChunksEndElsewhere { end, tasks: 7 });
    assert_eq!(refused(&[3, 6]), elsewhere(6));
    assert_eq!(refused(&[3, 8]), elsewhere(8));
    assert_eq!(refused(&[]), elsewhere(0));
}

#[test]
fn an_order_renames_the_tasks() {
    let order = vec![4, 3, 2, 1, 0];
    let stat = Layout::new(Schedule::Static, 5, number(2)).with_order(order.clone());
    let stat = stat.expect("a permutation");
    assert!((0..5).map(|q| stat.task(q)).eq([4, 3, 2, 1, 0]));
    let cyclic = Layout::new(Schedule::Cyclic, 5, number(2)).with_order(order);
    let cyclic = cyclic.expect("a permutation");
    // Without the order: 0, 2, 4 and 1, 3.
    assert!((0..5).map(|q| cyclic.task(q)).eq([4, 2, 0, 3, 1]));
}

#[test]
fn what_is_no_order_is_refused() {
    let refused = |order: &[u32]| {
        let layout = Layout::new(Schedule::Static, 3, number(2));
        layout.with_order(order.to_vec()).err()
    };
    assert_eq!(refused(&[2, 0, 1]), None);
    assert_eq!(
        refused(&[0, 1]),
        Some(LayoutError::OrderLength { len: 2, tasks: 3 })
    );
    let entry = |position, task| Some(LayoutError::OrderEntry { position, task });
    assert_eq!(refused(&[0, 0, 1]), entry(1, 0));
    assert_eq!(refused(&[0, 1, 3]), entry(2, 3));
    assert_eq!(refused(&[u32::MAX, 1, 2]), entry(0, u32::MAX));
}

#[test]
fn blocks_are_where_their_ends_are() {
    let layout = Layout::from_blocks(5, number(3), vec![2, 2, 5]).expect("a list of blocks");
    let shares: Vec<Range<u32>> = (0..3).map(|worker| layout.share(worker)).collect();
    assert_eq!(shares, [0..2, 2..2, 2..5]);
    assert_eq!(layout.source(), Source::Block { steals: false });
    assert_eq!((layout.units(), layout.task(4)), (5, 4));
    let fewer = Layout::from_blocks(2, number(3), vec![1, 2]).expect("a list of blocks");
    assert_eq!(fewer.share(1), 1..2);
    assert!(fewer.share(2).is_empty());
    let refused = |ends: &[u32]| Layout::from_blocks(5, number(2), ends.to_vec()).is_err();
    assert!(refused(&[2, 4]) && refused(&[3, 2]) && refused(&[1, 2, 5]));
}
