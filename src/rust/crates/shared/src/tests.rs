use super::*;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicU8};
use std::sync::Arc;

struct Patient;
impl Backpressure for Patient {
    fn full(&mut self) -> bool {
        true
    }
}

struct Hasty;
impl Backpressure for Hasty {
    fn full(&mut self) -> bool {
        false
    }
}

fn ring_of(capacity: usize) -> Ring {
    let mapping = Arc::new(Mapping::anonymous(4096 + capacity).unwrap());
    // SAFETY: ranges of its own in a fresh mapping; one thread pushes and one consumes.
    unsafe { Ring::new(&mapping, 0, 4096, capacity) }
}

// SAFETY: for these tests: one thread pushes, one consumes.
unsafe impl Sync for Ring {}

#[derive(Default)]
struct Collect {
    frames: Vec<(FrameHeader, Vec<u8>, Vec<u8>)>,
    skeleton: Vec<u8>,
    bulk: Vec<u8>,
}
impl FrameSink for Collect {
    fn skeleton(&mut self, _: FrameHeader, bytes: &[u8]) {
        self.skeleton = bytes.to_vec();
    }
    fn bulk(&mut self, _: FrameHeader, at: u64, bytes: &[u8]) {
        assert_eq!(at as usize, self.bulk.len());
        self.bulk.extend_from_slice(bytes);
    }
    fn whole(&mut self, header: FrameHeader) {
        let skeleton = std::mem::take(&mut self.skeleton);
        self.frames
            .push((header, skeleton, std::mem::take(&mut self.bulk)));
    }
}

fn pattern(len: usize, salt: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + salt) as u8).collect()
}

#[test]
fn a_fresh_slot_is_empty_and_keeps_what_is_committed() {
    let (states, bits) = (
        [const { AtomicU8::new(0) }; 2],
        [const { AtomicU64::new(7) }; 2],
    );
    let slots = Slots::new(&states, &bits);
    let slot = slots.of(1);
    assert_eq!(slot.state(), State::Empty);
    slot.commit(State::Double, 2.5f64.to_bits());
    let read = (slot.state(), slot.bits());
    assert_eq!(read, (State::Double, 2.5f64.to_bits()));
    assert!(!slots.of(0).is_finished() && !slots.are_all(State::Double));
    assert_eq!([0, 1].map(|from| slots.first_open(from, 2, true)), [0, 2]);
    slots.of(0).commit(State::Failed, 0);
    assert_eq!(
        [false, true].map(|failed| slots.first_open(0, 2, failed)),
        [2, 0]
    );
    slots.of(0).commit(State::Double, 0);
    assert_eq!(slots.first_open(2, 2, true), 2);
    assert!(slots.are_all(State::Double) && slots.iter().all(|slot| slot.is_finished()));
    slot.clear();
    assert_eq!(slot.state(), State::Empty);
}

#[test]
fn records_of_every_length_arrive_whole_and_in_order_around_the_ring() {
    let ring = &ring_of(4096);
    for n in 0..5000 {
        let bytes = pattern(n % (ring.max_record() + 1), n);
        let (a, b) = bytes.split_at(bytes.len() / 3);
        ring.push(n as u32, [a, b], &mut Hasty).unwrap();
        let record = ring.peek().unwrap();
        assert_eq!((record.kind, record.bytes), (n as u32, &bytes[..]));
        ring.consume();
        assert!(ring.peek().is_none());
    }
}

#[test]
fn a_full_ring_refuses_and_loses_nothing() {
    let ring = &ring_of(4096);
    let bytes = pattern(ring.max_record(), 1);
    let mut pushed = 0;
    while ring.push(pushed, [&bytes, &[]], &mut Hasty).is_ok() {
        pushed += 1;
    }
    assert!(pushed >= 7);
    for kind in 0..pushed {
        assert_eq!(ring.peek().unwrap().kind, kind);
        ring.consume();
    }
    assert!(ring.peek().is_none());
}

#[test]
fn frames_of_every_shape_survive_a_ring_smaller_than_they_are() {
    let ring = &ring_of(4096);
    let shapes = [
        (0, 0),
        (1, 0),
        (0, 1),
        (480, 0),
        (481, 9),
        (700, 0),
        (9000, 0),
        (10, 50_000),
        (7000, 50_001),
    ];
    std::thread::scope(|s| {
        s.spawn(|| {
            for (task, (skeleton, bulk)) in shapes.into_iter().enumerate() {
                let bulk = pattern(bulk, task);
                let (a, b) = bulk.split_at(bulk.len() / 2);
                let skeleton = pattern(skeleton, task + 7);
                send(
                    ring,
                    task as u32,
                    Content::Value,
                    &skeleton,
                    [a, b].into_iter(),
                    &mut Patient,
                    || (),
                )
                .unwrap();
            }
        });
        let mut receiver = Receiver::new();
        let mut sink = Collect::default();
        while sink.frames.len() < shapes.len() {
            if !receiver.receive(ring, &mut sink) {
                std::thread::yield_now();
            }
        }
        for (task, ((header, skeleton, bulk), shape)) in sink.frames.iter().zip(shapes).enumerate()
        {
            assert_eq!(header.task as usize, task);
            assert_eq!(*skeleton, pattern(shape.0, task + 7));
            assert_eq!(*bulk, pattern(shape.1, task));
        }
    });
}

#[test]
fn a_half_sent_frame_is_never_whole_and_is_forgotten_on_reset() {
    let ring = &ring_of(4096);
    let bulk = pattern(100_000, 0);
    let sent = send(
        ring,
        4,
        Content::Value,
        &[1, 2, 3],
        [&bulk[..]].into_iter(),
        &mut Hasty,
        || (),
    );
    assert_eq!(sent, Err(RingFull));
    let mut receiver = Receiver::new();
    let mut sink = Collect::default();
    while receiver.receive(ring, &mut sink) {}
    assert!(sink.frames.is_empty());
    assert_eq!(receiver.unfinished(), Some(4));
    receiver.reset();
    ring.reset();
    let mut sink = Collect::default();
    send(
        ring,
        5,
        Content::Output,
        &[9],
        [].into_iter(),
        &mut Hasty,
        || (),
    )
    .unwrap();
    while receiver.receive(ring, &mut sink) {}
    assert_eq!(sink.frames.len(), 1);
    assert_eq!(sink.frames[0].0.task, 5);
}

#[test]
fn a_refused_mapping_is_an_error_with_its_size() {
    let error = Mapping::anonymous(usize::MAX / 2).unwrap_err();
    assert_eq!(error.size_bytes, usize::MAX / 2);
    assert!(error.to_string().contains("shared memory"));
}

#[test]
fn waiting_on_a_word_that_has_changed_returns_at_once() {
    let word = AtomicU32::new(1);
    wait_for_change(&word, 0, std::time::Duration::from_secs(60));
}
