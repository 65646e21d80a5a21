//! The choices for a round. All choices depend on the seed and the number of the round, so a round can be repeated
//! alone.

use std::fmt;

use fastrand::Rng;
use towpath_pattern::{Limit, OnFailure};

use super::job::{Mood, Waits};
use super::source::{Ends, Feeding, Supplying};
use crate::subject::Case;
use crate::testable::Tested;

/// Runs at once, in nested scopes.
pub(super) struct Round {
    pub(super) on: On,
    /// Whether a task takes the outputs of every run; otherwise, the future of the round takes the outputs.
    pub(super) spawned: bool,
    /// The number of scopes between the outermost scope and the scope of a run.
    pub(super) nested: usize,
    /// The stop of the outermost scope.
    pub(super) all_stop: Option<ScopeStop>,
    pub(super) runs: Vec<Choice>,
}

/// The runtime of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum On {
    /// One thread, and a clock that moves only while no task can proceed.
    Paused,
    /// One thread, and the real clock.
    OneThread,
    /// A multi-thread runtime with this number of threads.
    Workers(usize),
}

/// A run: patterns in a chain, a source, a receiver, a stop.
#[derive(Clone)]
pub(super) struct Choice {
    pub(super) parts: Vec<Part>,
    pub(super) supplying: Supplying,
    pub(super) receiver: Receiver,
    pub(super) stop: Stop,
}

/// A pattern of a run.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) tested: Tested,
    pub(super) case: Case,
    pub(super) mood: Mood,
}

/// The calls of the receiver.
#[derive(Clone, Copy, Debug)]
pub(super) struct Receiver {
    pub(super) with: With,
    /// The receiver pauses before the first output of every group with this number of outputs.
    pub(super) pauses: Option<(usize, Pause)>,
    /// The receiver drops the wait for an output at the poll with this number, and waits again.
    pub(super) fickle: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum With {
    Next,
    Indexed,
    Outcomes,
    Collect,
    /// Takes this number of outputs with `next`, then calls `finish`.
    FinishAfter(usize),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Pause {
    Yield,
    Ms(u64),
}

/// The stop of a run before the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Never,
    /// The run is cancelled after this number of outputs.
    Cancel(usize),
    /// The receiver is dropped with the run, at this poll.
    DropAt(usize),
    Scope(ScopeStop),
}

/// The stop of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScopeStop {
    /// A task cancels the run after this number of yields.
    CancelAfter(usize),
    /// A task cancels the run after this number of µs.
    CancelAfterMicros(u64),
    DeadlineMs(u64),
}

/// The random numbers of run `number`.
pub(super) fn numbers(seed: u64, number: u64) -> Rng {
    // Seeds and numbers are small. The hash separates the generators of different pairs.
    Rng::with_seed(Rng::with_seed(seed).u64(..) ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn one_of<T: Clone>(rng: &mut Rng, weighted: &[(u32, T)]) -> T {
    let mut left = rng.u32(0..weighted.iter().map(|(weight, _)| weight).sum());
    for (weight, value) in weighted {
        match left.checked_sub(*weight) {
            None => return value.clone(),
            Some(less) => left = less,
        }
    }
    unreachable!("less than the sum of the weights")
}

pub(super) fn on(rng: &mut Rng) -> On {
    one_of(
        rng,
        &[
            (4, On::Paused),
            (3, On::OneThread),
            (1, On::Workers(1)),
            (4, On::Workers(2)),
            (2, On::Workers(3)),
            (2, On::Workers(8)),
        ],
    )
}

impl Round {
    pub(super) fn choose(rng: &mut Rng, tested: &[Tested]) -> Self {
        let on = on(rng);
        let many_at_once = rng.u32(..200) == 0;
        let runs = if many_at_once { 1 } else { one_of(rng, &[(6, 1), (2, 2), (1, 3)]) };
        Self {
            on,
            spawned: runs > 1 || rng.bool(),
            nested: one_of(rng, &[(3, 0), (3, 1), (2, 2), (1, 5)]),
            all_stop: (rng.u32(..8) == 0).then(|| scope_stop(rng)),
            runs: (0..runs).map(|_| Choice::choose(rng, on, tested, many_at_once)).collect(),
        }
    }
}

/// The bound of a stage on an endless source is below this number of items.
const ENDLESS_BOUND: usize = 100_000;

impl Choice {
    fn choose(rng: &mut Rng, on: On, tested: &[Tested], many_at_once: bool) -> Self {
        let parts = if many_at_once { 1 } else { one_of(rng, &[(4, 1), (3, 2), (2, 3)]) };
        let parts: Vec<_> = (0..parts).map(|_| Part::choose(rng, tested, many_at_once)).collect();
        let least_limit = parts.iter().map(|part| part.case.limit.get()).min().unwrap_or(1);
        let most_items = parts.iter().map(|part| part.mood.most_items(least_limit)).min().unwrap_or(0);
        let items = if many_at_once {
            10_000
        } else {
            let up_to = one_of(rng, &[(1, 1), (6, 30), (5, 300), (1, 3_000)]);
            rng.usize(..=up_to).min(most_items)
        };
        let stop = stop(rng, items);
        // A source that is always ready fills a stage without a bound before the stop.
        let may_be_endless = is_sure(on, stop) && parts.iter().all(|part| part.case.bound() < ENDLESS_BOUND);
        Self { parts, supplying: supplying(rng, items, may_be_endless), receiver: receiver(rng, items), stop }
    }

    /// Returns whether a failure of an item may stop the run.
    pub(super) fn may_stop_by_itself(&self) -> bool {
        self.parts.iter().any(|part| part.case.on_failure == OnFailure::Stop)
    }

    pub(super) fn last_part_stops(&self) -> bool {
        self.parts.last().is_some_and(|part| part.case.on_failure == OnFailure::Stop)
    }

    pub(super) fn is_ordered(&self) -> bool {
        self.parts.iter().all(|part| part.tested.is_ordered())
    }

    /// Returns the part of every stage.
    pub(super) fn stages(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().flat_map(|part| std::iter::repeat_n(part, part.tested.stages()))
    }

    /// Returns the sum of the bounds of all stages.
    pub(super) fn bound(&self) -> usize {
        self.stages().fold(0, |sum: usize, part| sum.saturating_add(part.case.bound()))
    }
}

impl Part {
    fn choose(rng: &mut Rng, tested: &[Tested], many_at_once: bool) -> Self {
        let tested = tested[rng.usize(..tested.len())].clone();
        let on_failure = if rng.bool() { OnFailure::Stop } else { OnFailure::Continue };
        if many_at_once {
            let case = Case { on_failure, ..Case::new(10_000) };
            return Self { tested, case, mood: Mood { waits: Waits::Sleeps, fails: 0, seed: rng.u64(..) } };
        }
        let up_to = one_of(rng, &[(3, 1), (5, 8), (2, 64)]);
        let huge = rng.u32(..50) == 0;
        let limit = if huge { usize::MAX } else { rng.usize(1..=up_to) };
        let up_to = one_of(rng, &[(3, 0), (4, 8), (2, 100)]);
        let capacity = if rng.u32(..50) == 0 { usize::MAX } else { rng.usize(..=up_to) };
        let case = Case { limit: Limit::new(limit), capacity, on_failure };
        let waits = one_of(
            rng,
            &[
                (4, Waits::Never),
                (3, Waits::Yields),
                (3, Waits::Sleeps),
                (2, Waits::Computes),
                (3, Waits::Mixed),
                (1, Waits::ForAnInnerRun),
            ],
        );
        let fails = one_of(rng, &[(5, 0), (2, 3), (2, 30), (1, 400)]);
        Self { tested, case, mood: Mood { waits, fails, seed: rng.u64(..) } }
    }
}

/// The largest number of polls before a drop. A single poll may take two thousand outputs of an endless source.
const MOST_POLLS: usize = 300;

fn stop(rng: &mut Rng, items: usize) -> Stop {
    match rng.u32(..10) {
        0 => Stop::Cancel(rng.usize(..=items)),
        1 => Stop::DropAt(rng.usize(1..=items.min(MOST_POLLS) + 2)),
        2 => Stop::DropAt(rng.usize(1..=6)),
        3 => Stop::Scope(scope_stop(rng)),
        _ => Stop::Never,
    }
}

fn scope_stop(rng: &mut Rng) -> ScopeStop {
    match rng.u32(..3) {
        0 => ScopeStop::CancelAfter(rng.usize(..30)),
        1 => ScopeStop::CancelAfterMicros(rng.u64(..2_000)),
        _ => ScopeStop::DeadlineMs(rng.u64(..4)),
    }
}

fn supplying(rng: &mut Rng, items: usize, may_be_endless: bool) -> Supplying {
    let pauses = rng.u32(..4) == 0;
    let feeding = one_of(
        rng,
        &[
            (4, Feeding::Iterator),
            (2, Feeding::Stream { halting: false }),
            (2, Feeding::Stream { halting: true }),
            (2, Feeding::Fallible),
            (2, Feeding::Generator { pauses }),
            (2, Feeding::Channel { capacity: 1, pauses }),
            (1, Feeding::Channel { capacity: 50, pauses }),
            (2, Feeding::Queue { capacity: 0, pauses }),
            (2, Feeding::Queue { capacity: 10, pauses }),
        ],
    );
    let at = rng.usize(..=items);
    let ends = match rng.u32(..10) {
        0 if may_be_endless => Ends::Never,
        1 => Ends::Failing(at),
        2 => Ends::Panicking(at),
        _ => Ends::Well,
    };
    Supplying { feeding, ends: feeding.allowed(ends), items }
}

/// Returns whether the stop ends even a run that is always ready. During such a run, a paused clock does not move.
fn is_sure(on: On, stop: Stop) -> bool {
    match stop {
        Stop::Never | Stop::Cancel(_) => false,
        Stop::DropAt(_) | Stop::Scope(ScopeStop::CancelAfter(_)) => true,
        Stop::Scope(_) => on != On::Paused,
    }
}

fn receiver(rng: &mut Rng, items: usize) -> Receiver {
    let by_hand = rng.usize(..=items);
    let with = one_of(
        rng,
        &[
            (6, With::Next),
            (2, With::Indexed),
            (1, With::Outcomes),
            (1, With::Collect),
            (2, With::FinishAfter(by_hand)),
        ],
    );
    // About five pauses in a run keep the run short.
    let every = items / 5 + 1;
    let pauses = match rng.u32(..5) {
        0 => Some((1, Pause::Yield)),
        1 => Some((every, Pause::Ms(1))),
        _ => None,
    };
    Receiver { with, pauses, fickle: (rng.u32(..4) == 0).then(|| rng.usize(2..5)) }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} further scopes", self.on, self.nested)?;
        if self.spawned {
            f.write_str(", a task for every receiver")?;
        }
        if let Some(stop) = self.all_stop {
            write!(f, ", the outermost stopped by {stop:?}")?;
        }
        for choice in &self.runs {
            write!(f, "; {choice}")?;
        }
        Ok(())
    }
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paused => f.write_str("one thread with a paused clock"),
            Self::OneThread => f.write_str("one thread"),
            Self::Workers(workers) => write!(f, "{workers} workers"),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { parts, supplying: Supplying { feeding, ends, items }, receiver, stop, .. } = self;
        write!(f, "{items} items from {feeding:?} ending {ends:?} through ")?;
        for (position, Part { tested, case, mood }) in parts.iter().enumerate() {
            let then = if position == 0 { "" } else { ", then " };
            let Case { limit, capacity, on_failure } = case;
            write!(f, "{then}{} (limit {limit}, capacity {capacity}, ", tested.name())?;
            write!(f, "{on_failure:?}, {:?}, {}‰ fail)", mood.waits, mood.fails)?;
        }
        write!(f, ", taken with {:?}", receiver.with)?;
        if let Some((every, pause)) = receiver.pauses {
            write!(f, ", {pause:?} before one of {every}")?;
        }
        if let Some(polls) = receiver.fickle {
            write!(f, ", every first wait dropped at poll {polls}")?;
        }
        if *stop != Stop::Never {
            write!(f, ", stopped by {stop:?}")?;
        }
        Ok(())
    }
}
