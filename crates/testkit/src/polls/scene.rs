//! The parts of a play: the settings, the jobs, the source, the receiver and the stop.

use std::fmt;

use fastrand::Rng;
use towpath_pattern::OnFailure;

use crate::probe::{End, Form, Plan, SourceFault, Wait};
use crate::share::{Turns, number_of};
use crate::subject::{Case, Share};
use crate::testable::Testable;

/// The calls of the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receiver {
    /// Calls `next` until the end, then `finish`.
    Next,
    Collect,
    Outcomes,
    Finish,
    /// Takes no output, until no task can proceed or the run is to be stopped; then calls `finish`.
    Nobody,
}

/// The time of the polls of the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// After every poll of a task, woken or not.
    Always,
    /// Only after a wake-up, as in a runtime.
    Woken,
    /// Some time after a wake-up, when many outputs are ready.
    Late,
}

/// How a play is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The receiver drops the current future (`next`) and creates a new future: the run continues.
    Release,
    CancelRun,
    CancelScope,
    CancelParentScope,
    Deadline,
    /// The future of the receiver is dropped with the run.
    Drop,
}

/// The place of the stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// No stop.
    End,
    /// Between two polls, after this number of polls of the runtime.
    Poll(usize),
    /// Within a poll or a drop, after this number of events of jobs, items and the source.
    Moment(usize),
}

/// A play.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) case: Case,
    pub(super) form: Form,
    pub(super) fault: Option<SourceFault>,
    pub(super) plans: Vec<Plan>,
    pub(super) receiver: Receiver,
    pub(super) pace: Pace,
    pub(super) stop: Stop,
}

impl Receiver {
    const ALL: [Self; 5] = [Self::Next, Self::Collect, Self::Outcomes, Self::Finish, Self::Nobody];

    /// Returns whether the receiver still has the run at the stop.
    fn can(self, stop: Stop) -> bool {
        match (self, stop) {
            (Self::Collect | Self::Outcomes | Self::Finish, Stop::Release | Stop::CancelRun)
            | (Self::Nobody, Stop::Release) => false,
            (Self::Next | Self::Collect | Self::Outcomes | Self::Finish | Self::Nobody, _) => true,
        }
    }
}

impl Pace {
    const ALL: [Self; 3] = [Self::Always, Self::Woken, Self::Late];
}

impl Stop {
    pub(super) const ALL: [Self; 6] = [
        Self::Release,
        Self::CancelRun,
        Self::CancelScope,
        Self::CancelParentScope,
        Self::Deadline,
        Self::Drop,
    ];

    /// The stops from within a job, the source or the drop of an item.
    pub(super) const FROM_INSIDE: [Self; 3] = [Self::CancelScope, Self::CancelParentScope, Self::Drop];
}

const fn plan(polls: u8, end: End) -> Plan {
    Plan { wait: if polls == 0 { Wait::Not } else { Wait::Polls(polls) }, end }
}

/// The plans of the jobs: successes with waits, successes without a wait, the last job first, failures of every kind.
const PLANS: [[Plan; 6]; 4] = [
    [
        plan(1, End::Succeed),
        plan(0, End::Succeed),
        plan(2, End::Succeed),
        plan(0, End::Succeed),
        plan(1, End::Succeed),
        plan(1, End::Succeed),
    ],
    [plan(0, End::Succeed); 6],
    [
        plan(3, End::Succeed),
        plan(2, End::Succeed),
        plan(1, End::Succeed),
        plan(1, End::Panic),
        plan(1, End::Fail),
        plan(0, End::Succeed),
    ],
    [
        plan(0, End::Succeed),
        plan(1, End::Fail),
        plan(1, End::TimeOut),
        plan(0, End::Panic),
        plan(2, End::Succeed),
        plan(0, End::Succeed),
    ],
];

/// Limits and capacities.
const CASES: [(usize, usize); 4] = [(2, 1), (1, 0), (3, 2), (2, 0)];

/// A subject of several stages, or with limiters, plays a single scene out of this number of scenes, since the plays
/// are long. Different subjects play different scenes. With `TOWPATH_LONG=1`, a subject without limiters plays all
/// scenes.
const SHARES: usize = 6;

/// The same for one of many subjects, with a large and with a small share.
const SHARES_IF_LARGE: usize = 8;
const SHARES_IF_SMALL: usize = 12;

/// Chooses settings: the same in every run, and different for every subject.
pub(super) struct Choice {
    random: Rng,
    turns: Turns,
}

impl Choice {
    pub(super) fn for_subject(tested: &dyn Testable) -> Self {
        let shares = match tested.share() {
            Share::All if tested.plays_many() => 1,
            Share::All if tested.stages() == 1 && !tested.is_limited() => 1,
            Share::All => SHARES,
            Share::Large => SHARES_IF_LARGE,
            Share::Small => SHARES_IF_SMALL,
        };
        Self { random: Rng::with_seed(number_of(tested)), turns: Turns::new(tested, 1, shares) }
    }

    /// Returns whether the next scene is in the share of the subject.
    pub(super) fn is_next(&mut self) -> bool {
        self.turns.is_next()
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.random.usize(..all.len())].clone()
    }

    /// Returns a scene without a stop, with any receiver.
    pub(super) fn unstopped(&mut self, on_failure: OnFailure) -> Scene {
        let receiver = self.of(&Receiver::ALL);
        self.scene(receiver, Stop::Release, on_failure)
    }

    /// Returns a scene with the given receiver, stop and failure policy. All further settings are chosen.
    pub(super) fn scene(&mut self, receiver: Receiver, stop: Stop, on_failure: OnFailure) -> Scene {
        let (limit, capacity) = self.of(&CASES);
        let case = Case { on_failure, ..Case::new(limit).capacity(capacity) };
        let plans = self.of(&PLANS).to_vec();
        Scene {
            case,
            form: self.of(&Form::ALL),
            fault: None,
            plans,
            receiver,
            pace: self.of(&Pace::ALL),
            stop,
        }
    }
}

/// Returns `each` different scenes for every receiver, every possible stop and every failure policy.
pub(super) fn scenes(choice: &mut Choice, stops: &[Stop], each: usize) -> Vec<Scene> {
    let mut scenes = Vec::new();
    for (receiver, stop) in
        Receiver::ALL.iter().flat_map(|receiver| stops.iter().map(move |stop| (*receiver, *stop)))
    {
        if receiver.can(stop) {
            for on_failure in [OnFailure::Stop, OnFailure::Continue] {
                if choice.is_next() {
                    scenes.extend((0..each).map(|_| choice.scene(receiver, stop, on_failure)));
                }
            }
        }
    }
    scenes
}

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { limit, capacity, on_failure } = self.case;
        write!(f, "limit {limit}, capacity {capacity}")?;
        if on_failure == OnFailure::Continue {
            f.write_str(", continuing after failures")?;
        }
        write!(f, ", {} items from a source of the form {:?}", self.plans.len(), self.form)?;
        if let Some(fault) = self.fault {
            let how = if fault.panics { "panics" } else { "fails" };
            write!(f, " that {how} at poll {}", fault.at)?;
        }
        for (index, Plan { wait, end }) in self.plans.iter().enumerate() {
            match (wait, end) {
                (Wait::Not, End::Succeed) => {}
                (Wait::Polls(polls), _) => write!(f, ", item {index}: {end:?} after {polls} polls")?,
                (Wait::Not | Wait::Ms(_), _) => write!(f, ", item {index}: {end:?}")?,
            }
        }
        write!(f, ", receiver {:?} polled {:?}", self.receiver, self.pace)
    }
}

impl Place {
    /// Returns a description of the place and the stop.
    pub(super) fn describe(self, stop: Stop) -> String {
        match self {
            Self::End => "not stopped".to_owned(),
            Self::Poll(polls) => format!("{stop:?} after {polls} polls"),
            Self::Moment(moments) => format!("{stop:?} within moment {moments}"),
        }
    }
}
