//! Every state that a small job can reach, one memory operation at a time, with
//! workers that are killed before any of them.
//!
//! The code under test is the claim table itself, on words that are numbers in a
//! vector. What a worker does next depends on nothing but what it has read, so a
//! worker inside a call is kept as the list of what its operations returned: to move it
//! by one operation, the call is run from its start, fed the list, allowed one
//! operation more, and stopped by unwinding when it asks for another. A state is
//! then a plain value, and a depth-first search visits each one once.
//!
//! Operations take effect in one order here; weaker orderings are loom's part.

use std::cell::RefCell;
use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU32;
use std::ops::Range;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::sync::atomic::Ordering;

use rustle_schedule::{Cell, Layout, Queue, Schedule, Table, Word};

/// The memory, and the operations that a call may do.
#[derive(Default)]
struct Machine {
    memory: Vec<u64>,
    /// What the first operations of the call returned.
    log: Vec<u64>,
    /// Operations of the call so far.
    asked: usize,
    /// Operations that it may do after those in the log.
    allowed: usize,
}

thread_local! {
    static MACHINE: RefCell<Machine> = RefCell::default();
}

/// What unwinds a call that is not allowed its next operation.
struct Stopped;

/// Does `operation` on the memory, or repeats what it returned when it was done.
fn operate(operation: impl FnOnce(&mut Vec<u64>) -> u64) -> u64 {
    let returned = MACHINE.with_borrow_mut(|machine| {
        let at = machine.asked;
        machine.asked += 1;
        if at < machine.log.len() {
            return Some(machine.log[at]);
        }
        machine.allowed = machine.allowed.checked_sub(1)?;
        let returned = operation(&mut machine.memory);
        machine.log.push(returned);
        Some(returned)
    });
    returned.unwrap_or_else(|| resume_unwind(Box::new(Stopped)))
}

/// A word by its place in the memory.
struct StepWord(usize);

impl Default for StepWord {
    fn default() -> Self {
        MACHINE.with_borrow_mut(|machine| {
            machine.memory.push(0);
            Self(machine.memory.len() - 1)
        })
    }
}

impl Word for StepWord {
    fn load(&self, _: Ordering) -> u64 {
        operate(|memory| memory[self.0])
    }

    fn store(&self, value: u64, _: Ordering) {
        operate(|memory| std::mem::replace(&mut memory[self.0], value));
    }

    fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        _: Ordering,
        _: Ordering,
    ) -> Result<u64, u64> {
        let found = operate(|memory| {
            let found = memory[self.0];
            if found == current {
                memory[self.0] = new;
            }
            found
        });
        if found == current {
            Ok(found)
        } else {
            Err(found)
        }
    }
}

/// What a worker is doing. A `Vec<u64>` is the log of a call under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Claiming(Vec<u64>),
    /// About to start the first of these units.
    Ready(Range<u32>),
    /// In the task of the first of these units.
    Running(Range<u32>),
    /// Giving back these units.
    GivingBack(Vec<u64>, Range<u32>),
    Releasing(Vec<u64>),
    Retired,
    Dead,
    /// Dead, buried and not replaced.
    Buried,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    memory: Vec<u64>,
    workers: Vec<Phase>,
    /// Per unit: how often it was started, finished, and in flight at a death.
    started: Vec<u8>,
    done: Vec<u8>,
    in_flight: Vec<u8>,
    /// Per unit: returned by `bury` and not done.
    lost: Vec<bool>,
    deaths: u8,
}

/// What can happen to a worker.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Move {
    Step,
    Kill,
    Bury,
    Replace,
}

/// What is tried.
struct Model {
    layout: Layout,
    queue: Queue<StepWord>,
    cells: Vec<Cell<StepWord>>,
    grain: u32,
    /// Whether workers give back what is left after the first unit of a claim.
    gives_back: bool,
    /// How many deaths there may be.
    deaths: u8,
}

/// What the search has seen.
#[derive(Debug, Default)]
struct Seen {
    states: usize,
    ends: usize,
    /// Ends at which the final sweep had something to run.
    swept: usize,
    /// Ends at which some unit had been started twice.
    repeated: usize,
}

impl Model {
    fn new(schedule: Schedule, units: u32, workers: u32, deaths: u8) -> Self {
        MACHINE.set(Machine::default());
        Self {
            layout: Layout::new(schedule, units, NonZeroU32::new(workers).unwrap()),
            queue: Queue::default(),
            cells: (0..workers).map(|_| Cell::default()).collect(),
            grain: 1,
            gives_back: false,
            deaths,
        }
    }

    /// Runs `call` on the memory of `state`: what it has done already is in `log`,
    /// then at most `allowed` operations. `None` if it wants more.
    fn call<T>(
        &self,
        state: &mut State,
        log: &mut Vec<u64>,
        allowed: usize,
        call: impl FnOnce(Table<'_, StepWord>) -> T,
    ) -> Option<T> {
        MACHINE.set(Machine {
            memory: std::mem::take(&mut state.memory),
            log: std::mem::take(log),
            asked: 0,
            allowed,
        });
        let table = Table::new(&self.layout, &self.queue, &self.cells);
        let outcome = catch_unwind(AssertUnwindSafe(|| call(table)));
        let machine = MACHINE.take();
        state.memory = machine.memory;
        *log = machine.log;
        match outcome {
            Ok(value) => Some(value),
            Err(payload) if payload.is::<Stopped>() => None,
            Err(payload) => resume_unwind(payload),
        }
    }

    fn whole<T>(&self, state: &mut State, call: impl FnOnce(Table<'_, StepWord>) -> T) -> T {
        self.call(state, &mut Vec::new(), usize::MAX, call).unwrap()
    }

    fn start(&self) -> State {
        let units = self.layout.units() as usize;
        let mut state = State {
            memory: MACHINE.take().memory,
            workers: vec![Phase::Claiming(Vec::new()); self.cells.len()],
            started: vec![0; units],
            done: vec![0; units],
            in_flight: vec![0; units],
            lost: vec![false; units],
            deaths: 0,
        };
        self.whole(&mut state, |table| table.reset());
        state
    }

    /// Worker `me` does its next operation, starts a task or ends it.
    fn step(&self, state: &mut State, me: usize) {
        let phase = std::mem::replace(&mut state.workers[me], Phase::Retired);
        state.workers[me] = match phase {
            Phase::Claiming(mut log) => {
                let grain = self.grain;
                match self.call(state, &mut log, 1, |table| table.claim(me, grain)) {
                    None => Phase::Claiming(log),
                    Some(None) => Phase::Retired,
                    Some(Some(units)) => Phase::Ready(units),
                }
            }
            Phase::Ready(units) => {
                state.started[units.start as usize] += 1;
                Phase::Running(units)
            }
            Phase::Running(units) => {
                state.done[units.start as usize] += 1;
                let left = units.start + 1..units.end;
                if left.is_empty() {
                    Phase::Releasing(Vec::new())
                } else if self.gives_back {
                    Phase::GivingBack(Vec::new(), left)
                } else {
                    Phase::Ready(left)
                }
            }
            Phase::GivingBack(mut log, left) => {
                let from = left.start;
                match self.call(state, &mut log, 1, |table| table.give_back(me, from)) {
                    None => Phase::GivingBack(log, left),
                    Some(true) => Phase::Releasing(Vec::new()),
                    Some(false) => Phase::Ready(left),
                }
            }
            Phase::Releasing(mut log) => {
                match self.call(state, &mut log, 1, |table| table.release(me)) {
                    None => Phase::Releasing(log),
                    Some(()) => Phase::Claiming(Vec::new()),
                }
            }
            still => still,
        };
    }

    fn kill(&self, state: &mut State, me: usize) {
        if let Phase::Running(units) = &state.workers[me] {
            state.in_flight[units.start as usize] += 1;
        }
        state.workers[me] = Phase::Dead;
        state.deaths += 1;
    }

    fn bury(&self, state: &mut State, me: usize) {
        let units = self.whole(state, |table| table.bury(me)).unwrap_or(0..0);
        for unit in units {
            if state.done[unit as usize] == 0 {
                assert!(!state.lost[unit as usize], "unit {unit} was lost twice");
                state.lost[unit as usize] = true;
            }
        }
        state.workers[me] = Phase::Buried;
    }

    /// All that can happen in `state`.
    fn moves(&self, state: &State) -> Vec<(usize, Move)> {
        let mut moves = Vec::new();
        for (me, phase) in state.workers.iter().enumerate() {
            match phase {
                Phase::Dead => moves.push((me, Move::Bury)),
                Phase::Buried => moves.push((me, Move::Replace)),
                Phase::Retired => {}
                _ => {
                    moves.push((me, Move::Step));
                    if state.deaths < self.deaths {
                        moves.push((me, Move::Kill));
                    }
                }
            }
        }
        moves
    }

    fn make(&self, state: &mut State, (me, what): (usize, Move)) {
        match what {
            Move::Step => self.step(state, me),
            Move::Kill => self.kill(state, me),
            Move::Bury => self.bury(state, me),
            Move::Replace => state.workers[me] = Phase::Claiming(Vec::new()),
        }
    }

    /// Whether all work is over; then everything must have been done.
    fn is_end(&self, state: &State, seen: &mut Seen) -> bool {
        let resting = |phase: &Phase| matches!(phase, Phase::Retired | Phase::Buried);
        state.workers.iter().all(resting) && self.finish(state, seen)
    }

    /// The units in the unclaimed blocks and the queue, from the words themselves:
    /// the queue's is the first, a block the first of four.
    fn unclaimed(&self, state: &State) -> Vec<u32> {
        let blocks = state.memory[1..].iter().step_by(4);
        std::iter::once(&state.memory[0])
            .chain(blocks)
            .flat_map(|word| (word >> 32) as u32..*word as u32)
            .collect()
    }

    /// What must hold in every state: no unit is in two places.
    fn check(&self, state: &State) {
        let mut places = vec![0; state.done.len()];
        for unit in self.unclaimed(state) {
            places[unit as usize] += 1;
        }
        for phase in &state.workers {
            if let Phase::Ready(units) | Phase::Running(units) = phase {
                units.clone().for_each(|unit| places[unit as usize] += 1);
            }
        }
        for (unit, &places) in places.iter().enumerate() {
            let gone = state.lost[unit] || state.done[unit] > 0 || state.in_flight[unit] > 0;
            assert!(places + u8::from(gone) <= 1, "unit {unit} in {state:?}");
        }
    }

    /// When nobody runs: the supervisor runs what was lost, sweeps, and every unit
    /// is done, none started twice but those in flight at a death. False if units
    /// are unclaimed, so that a replacement must come first.
    fn finish(&self, state: &State, seen: &mut Seen) -> bool {
        let unclaimed = self.unclaimed(state);
        let mut copy = state.clone();
        let counted = self.whole(&mut copy, |table| table.unclaimed());
        assert_eq!(counted, unclaimed.len() as u64);
        if counted > 0 {
            assert!(state.workers.contains(&Phase::Buried), "{state:?}");
            return false;
        }
        seen.ends += 1;
        let (mut swept, mut repeated) = (false, false);
        for unit in 0..state.done.len() {
            let again = state.done[unit] == 0;
            assert!(state.done[unit] <= 1);
            assert!(!again || state.deaths > 0, "unit {unit} in {state:?}");
            let started = state.started[unit] + u8::from(again);
            assert_eq!(
                started,
                1 + state.in_flight[unit],
                "unit {unit} in {state:?}"
            );
            swept |= again && !state.lost[unit];
            repeated |= started > 1;
        }
        seen.swept += usize::from(swept);
        seen.repeated += usize::from(repeated);
        true
    }

    fn explore(&self) -> Seen {
        let hashes = [RandomState::new(), RandomState::new()];
        // Two hashes of 64 bits instead of states: a false match among millions has
        // a probability below 1e-20.
        let key = |state: &State| [hashes[0].hash_one(state), hashes[1].hash_one(state)];
        let mut visited = HashSet::new();
        let mut stack = vec![self.start()];
        let mut seen = Seen::default();
        while let Some(state) = stack.pop() {
            if !visited.insert(key(&state)) {
                continue;
            }
            self.check(&state);
            if self.is_end(&state, &mut seen) {
                continue;
            }
            for what in self.moves(&state) {
                let mut next = state.clone();
                self.make(&mut next, what);
                stack.push(next);
            }
        }
        seen.states = visited.len();
        println!("{:?}: {seen:?}", self.layout);
        seen
    }

    /// One random way from the start to an end. A worker goes on for a while before
    /// another does, and deaths are rare, so that they come late as well as early.
    fn wander(&self, random: &mut u64, seen: &mut Seen) {
        let mut state = self.start();
        while !self.is_end(&state, seen) {
            self.check(&state);
            let mut moves = self.moves(&state);
            if draw(random) % 16 < 15 {
                moves.retain(|&(_, what)| what != Move::Kill);
            }
            let chosen = moves[draw(random) % moves.len()];
            let times = if chosen.1 == Move::Step {
                draw(random) % 8
            } else {
                0
            };
            self.make(&mut state, chosen);
            for _ in 0..times {
                self.make(&mut state, chosen);
            }
        }
    }
}

fn draw(random: &mut u64) -> usize {
    *random = random
        .wrapping_mul(6364136223846793005)
        .wrapping_add(1442695040888963407);
    (*random >> 33) as usize
}

fn queues() -> [Schedule; 2] {
    let one = NonZeroU32::MIN;
    [
        Schedule::Dynamic { chunk: one },
        Schedule::Guided { min: one },
    ]
}

#[test]
fn without_deaths_each_unit_runs_once() {
    for schedule in queues()
        .into_iter()
        .chain([Schedule::Static, Schedule::Stealing])
    {
        for (units, workers) in [(1, 2), (3, 2), (4, 2), (1, 3), (2, 3)] {
            let seen = Model::new(schedule, units, workers, 0).explore();
            assert!(seen.ends > 0);
            assert_eq!((seen.swept, seen.repeated), (0, 0));
        }
    }
}

#[test]
fn deaths_of_queue_workers_lose_nothing() {
    for schedule in queues() {
        for (units, workers, deaths) in [(3, 2, 2), (4, 2, 1), (3, 3, 1)] {
            let seen = Model::new(schedule, units, workers, deaths).explore();
            assert!(seen.swept > 0 && seen.repeated > 0);
        }
    }
}

#[test]
fn deaths_of_owners_lose_nothing() {
    for (units, workers, deaths) in [(4, 2, 2), (3, 3, 1)] {
        let seen = Model::new(Schedule::Static, units, workers, deaths).explore();
        assert!(seen.swept > 0 && seen.repeated > 0);
    }
}

#[test]
fn deaths_of_two_thieves_lose_nothing() {
    for (units, deaths) in [(1, 3), (2, 3), (3, 2), (4, 1)] {
        let seen = Model::new(Schedule::Stealing, units, 2, deaths).explore();
        assert!(seen.swept > 0 && seen.repeated > 0);
    }
}

#[test]
fn deaths_of_three_thieves_lose_nothing() {
    let seen = Model::new(Schedule::Stealing, 1, 3, 1).explore();
    assert!(seen.swept > 0 && seen.repeated > 0);
}

#[test]
fn deaths_of_givers_lose_nothing() {
    for (schedule, units, deaths) in [(Schedule::Stealing, 5, 1), (Schedule::Static, 4, 2)] {
        let mut model = Model::new(schedule, units, 2, deaths);
        model.grain = 2;
        model.gives_back = true;
        let seen = model.explore();
        assert!(seen.swept > 0 && seen.repeated > 0);
    }
}

#[test]
fn deaths_in_larger_jobs_lose_nothing() {
    let mut random = 20_240_601;
    for schedule in queues()
        .into_iter()
        .chain([Schedule::Static, Schedule::Stealing])
    {
        let mut seen = Seen::default();
        for _ in 0..6000 {
            let (units, workers) = (draw(&mut random) % 24, 2 + draw(&mut random) % 4);
            let deaths = draw(&mut random) % 6;
            let mut model = Model::new(schedule, units as u32, workers as u32, deaths as u8);
            model.grain = 1 + draw(&mut random) as u32 % 4;
            model.gives_back = draw(&mut random) % 2 == 1;
            model.wander(&mut random, &mut seen);
        }
        println!("{schedule:?}: {seen:?}");
        assert!(seen.swept > 100 && seen.repeated > 100);
    }
}
