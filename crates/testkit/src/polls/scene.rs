//! What one play is made of: the settings, the jobs and the source, who takes, and how it is stopped.

use std::fmt;

use towpath_pattern::OnFailure;

use crate::environment;
use crate::probe::{End, Form, Plan, SourceFault, Wait};
use crate::subject::Case;
use crate::testable::Testable;

/// What the one future does that a user has of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taker {
    /// Calls `next` until the end, then `finish`.
    Next,
    Collect,
    Outcomes,
    Finish,
    /// Takes nothing, until nothing more can happen or the run is to be stopped; then calls `finish`.
    Nobody,
}

/// When that future is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// After every poll of a task, woken or not.
    Always,
    /// Only when it was woken, as a runtime does it.
    Woken,
    /// When it was woken, and then late: many outputs are there.
    Late,
}

/// How a play is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The future of the moment (`next`) is dropped, and a new one goes on: nothing is stopped.
    LetGo,
    CancelRun,
    CancelScope,
    CancelScopeAround,
    Deadline,
    /// The future that has the run is dropped.
    Drop,
}

/// Where it is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere.
    End,
    /// Between two polls, after this number of polls of the runtime.
    Poll(usize),
    /// Within a poll or a drop, after this number of events of jobs, items and the source.
    Moment(usize),
}

/// One play.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) case: Case,
    pub(super) form: Form,
    pub(super) fault: Option<SourceFault>,
    pub(super) plans: Vec<Plan>,
    pub(super) taker: Taker,
    pub(super) pace: Pace,
    pub(super) stop: Stop,
}

impl Taker {
    const ALL: [Self; 5] = [Self::Next, Self::Collect, Self::Outcomes, Self::Finish, Self::Nobody];

    /// Whether the receiver still has the run at the stop.
    fn can(self, stop: Stop) -> bool {
        match (self, stop) {
            (Self::Collect | Self::Outcomes | Self::Finish, Stop::LetGo | Stop::CancelRun)
            | (Self::Nobody, Stop::LetGo) => false,
            (Self::Next | Self::Collect | Self::Outcomes | Self::Finish | Self::Nobody, _) => true,
        }
    }
}

impl Pace {
    const ALL: [Self; 3] = [Self::Always, Self::Woken, Self::Late];
}

impl Stop {
    pub(super) const ALL: [Self; 6] = [
        Self::LetGo,
        Self::CancelRun,
        Self::CancelScope,
        Self::CancelScopeAround,
        Self::Deadline,
        Self::Drop,
    ];

    /// Those that a job, the source or the drop of an item can bring about.
    pub(super) const FROM_INSIDE: [Self; 3] = [Self::CancelScope, Self::CancelScopeAround, Self::Drop];
}

const fn plan(polls: u8, end: End) -> Plan {
    Plan { wait: if polls == 0 { Wait::Not } else { Wait::Polls(polls) }, end }
}

/// What the jobs do: all well and waiting, none waiting, the last first, failures of each kind.
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

/// Of the scenes with a subject of several stages, whose plays are long, one in this number is played, and each of them
/// with other subjects; with `TOWPATH_LONG=1` all of them.
const SHARES: u64 = 6;

/// Chooses settings: the same ones in every run, and others for another subject.
pub(super) struct Choice {
    random: u64,
    share: u64,
    shares: u64,
}

impl Choice {
    pub(super) fn for_subject(tested: &dyn Testable) -> Self {
        let seed = environment::seed() % 1_000_003 + 7;
        let random = tested.name().bytes().fold(seed, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte));
        let shares = if tested.stages() == 1 || environment::is_long() { 1 } else { SHARES };
        Self { random, share: random % shares, shares }
    }

    /// Whether the next scene is one of the subject's share.
    pub(super) fn is_next(&mut self) -> bool {
        self.share = (self.share + 1) % self.shares;
        self.share == 0
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        // Knuth's constants; the high bits are the random ones.
        let next = self.random.wrapping_mul(6_364_136_223_846_793_005);
        self.random = next.wrapping_add(1_442_695_040_888_963_407);
        let place = usize::try_from((self.random >> 33) % all.len() as u64).unwrap_or(0);
        all[place].clone()
    }

    /// A scene that nobody stops, with any taker.
    pub(super) fn unstopped(&mut self, on_failure: OnFailure) -> Scene {
        let taker = self.of(&Taker::ALL);
        self.scene(taker, Stop::LetGo, on_failure)
    }

    /// A scene with this taker, ending and failure policy, and the rest chosen.
    pub(super) fn scene(&mut self, taker: Taker, stop: Stop, on_failure: OnFailure) -> Scene {
        let (limit, capacity) = self.of(&CASES);
        let case = Case { on_failure, ..Case::new(limit).capacity(capacity) };
        let plans = self.of(&PLANS).to_vec();
        Scene { case, form: self.of(&Form::ALL), fault: None, plans, taker, pace: self.of(&Pace::ALL), stop }
    }
}

/// Every taker with every ending it can have, going on after failures and not: `each` times, differently.
pub(super) fn scenes(choice: &mut Choice, stops: &[Stop], each: usize) -> Vec<Scene> {
    let mut scenes = Vec::new();
    for (taker, stop) in Taker::ALL.iter().flat_map(|taker| stops.iter().map(move |stop| (*taker, *stop))) {
        if taker.can(stop) {
            for on_failure in [OnFailure::Stop, OnFailure::Continue] {
                if choice.is_next() {
                    scenes.extend((0..each).map(|_| choice.scene(taker, stop, on_failure)));
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
            f.write_str(", going on after failures")?;
        }
        write!(f, ", {} items from a source of the form {:?}", self.plans.len(), self.form)?;
        if let Some(fault) = self.fault {
            let how = if fault.panics { "panics" } else { "fails" };
            write!(f, " that {how} at its poll {}", fault.at)?;
        }
        for (index, Plan { wait, end }) in self.plans.iter().enumerate() {
            match (wait, end) {
                (Wait::Not, End::Succeed) => {}
                (Wait::Polls(polls), _) => write!(f, ", item {index}: {end:?} after {polls} polls")?,
                (Wait::Not | Wait::Ms(_), _) => write!(f, ", item {index}: {end:?}")?,
            }
        }
        write!(f, ", taker {:?} polled {:?}", self.taker, self.pace)
    }
}

impl Place {
    /// In words, with how it is stopped there.
    pub(super) fn told(self, stop: Stop) -> String {
        match self {
            Self::End => "not stopped".to_owned(),
            Self::Poll(polls) => format!("{stop:?} after {polls} polls"),
            Self::Moment(moments) => format!("{stop:?} within moment {moments}"),
        }
    }
}
