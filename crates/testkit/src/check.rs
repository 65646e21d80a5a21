//! A check: a law, the promise under test, and the test.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::environment;
use crate::game::{self, Game};
use crate::runtime::{Outcome, Runtime, STEPPED};
use crate::subject::Share;
use crate::testable::{Testable, Tested};

/// The number of games of a generated check, and the number with `TOWPATH_LONG=1`.
const GAMES: u32 = 16;
const GAMES_LONG: u32 = 200;
/// The numbers of games of a generated check for one of many subjects, with a large and with a small share.
const GAMES_SOME: u32 = 8;
const GAMES_FEW: u32 = 4;

/// The nine laws of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Law {
    /// Every item is in exactly one group of the report.
    Conservation,
    /// At most as many jobs as the limit, and at most as many items as limit and capacity.
    Bounds,
    /// No part of a run outlives the run.
    Structure,
    /// Jobs continue to the bound while no outputs are taken.
    Progress,
    /// The first failure stops the run, and no later failure masks it.
    FirstCause,
    /// Every failure is reported.
    NoSilence,
    /// A cancelled job stops at the next await of the job.
    Cancellation,
    /// Ordered means input order; unordered means as soon as ready.
    Order,
    /// No item waits for the await of another item.
    NoAddedWait,
}

impl Law {
    pub(crate) const ALL: [Self; 9] = [
        Self::Conservation,
        Self::Bounds,
        Self::Structure,
        Self::Progress,
        Self::FirstCause,
        Self::NoSilence,
        Self::Cancellation,
        Self::Order,
        Self::NoAddedWait,
    ];
}

/// A broken law, and the observation.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) law: Law,
    pub(crate) what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.law, self.what)
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Conservation => "conservation",
            Self::Bounds => "bounds",
            Self::Structure => "structure",
            Self::Progress => "progress",
            Self::FirstCause => "first_cause",
            Self::NoSilence => "no_silence",
            Self::Cancellation => "cancellation",
            Self::Order => "order",
            Self::NoAddedWait => "no_added_wait",
        })
    }
}

impl Law {
    /// Returns the law in a sentence.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::Conservation => {
                "every taken item is counted once, and an item that was not started comes back"
            }
            Self::Bounds => "a stage has at most `limit` running jobs, and at most `limit + capacity` items",
            Self::Structure => "no job, task, timer, permit or item of a run is left at the end of the run",
            Self::Progress => "jobs continue to the bound while no outputs are taken, and no run hangs",
            Self::FirstCause => {
                "the first failure stops the run and is yielded last, and no later failure masks it"
            }
            Self::NoSilence => {
                "every failure and every panic is reported once: by the run, the report or the scope"
            }
            Self::Cancellation => {
                "a cancellation stops every job at the next await, and no further job starts"
            }
            Self::Order => {
                "an ordered stage yields in the order of the items, any other stage as soon as ready"
            }
            Self::NoAddedWait => "no item waits for the await of another item",
        }
    }
}

type Body = dyn Fn(&Tested, &tokio::runtime::Runtime) -> Vec<Violation> + Send + Sync;

/// A check of a law, or of all laws.
#[derive(Clone)]
pub(crate) struct Check {
    /// `None` for a check of all laws.
    pub(crate) law: Option<Law>,
    pub(crate) promise: &'static str,
    pub(crate) on: &'static [Runtime],
    applies: fn(&dyn Testable) -> bool,
    /// The form of the check for a subject with limiters, if the form is weaker.
    pub(crate) weakened: Option<Weakened>,
    /// The check is made of the subject alone, and not of its chains.
    pub(crate) is_alone: bool,
    body: Arc<Body>,
}

/// The form of a check for a subject with limiters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weakened {
    /// The number of jobs that the limiters allow at once takes the place of the limit.
    AtOnce,
    /// The same; the check is left out if the limiters do not allow two jobs at once.
    Two,
    /// The expected times include the waits for the limiters.
    Time,
    /// The bound of the smallest limit, if the limit adapts.
    Bound,
    /// An item that is cancelled in a wrapper before its job has no job.
    Wrapped,
}

impl Check {
    pub(crate) fn new<F, Fut>(law: Law, promise: &'static str, on: &'static [Runtime], body: F) -> Self
    where
        F: Fn(Tested) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcome>,
    {
        Self::of(law, promise, on, move |tested, runtime| runtime.block_on(body(Arc::clone(tested))))
    }

    fn of<F>(law: Law, promise: &'static str, on: &'static [Runtime], body: F) -> Self
    where
        F: Fn(&Tested, &tokio::runtime::Runtime) -> Outcome + Send + Sync + 'static,
    {
        let body = move |tested: &Tested, runtime: &tokio::runtime::Runtime| {
            let broken = body(tested, runtime).err();
            broken.map(|what| Violation { law, what }).into_iter().collect()
        };
        Self {
            law: Some(law),
            promise,
            on,
            applies: |_| true,
            weakened: None,
            is_alone: false,
            body: Arc::new(body),
        }
    }

    /// Creates a check of all laws at every poll.
    pub(crate) fn sweep<F, Fut>(promise: &'static str, body: F) -> Self
    where
        F: Fn(Tested) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<Violation>>,
    {
        let body = move |tested: &Tested, runtime: &tokio::runtime::Runtime| {
            runtime.block_on(body(Arc::clone(tested)))
        };
        Self {
            law: None,
            promise,
            on: STEPPED,
            applies: |_| true,
            weakened: None,
            is_alone: false,
            body: Arc::new(body),
        }
    }

    /// Creates a check that plays many generated games.
    pub(crate) fn generated<F, Fut>(law: Law, promise: &'static str, on: &'static [Runtime], body: F) -> Self
    where
        F: Fn(Tested, Game) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcome>,
    {
        Self::playing(games, law, promise, on, body)
    }

    /// Creates a check that plays fewer generated games, and of the subject alone.
    pub(crate) fn alone<F, Fut>(law: Law, promise: &'static str, on: &'static [Runtime], body: F) -> Self
    where
        F: Fn(Tested, Game) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcome>,
    {
        let fewer = |tested: &dyn Testable| (games(tested) / 2).max(GAMES_FEW);
        Self { is_alone: true, ..Self::playing(fewer, law, promise, on, body) }
    }

    fn playing<F, Fut>(
        games: fn(&dyn Testable) -> u32,
        law: Law,
        promise: &'static str,
        on: &'static [Runtime],
        body: F,
    ) -> Self
    where
        F: Fn(Tested, Game) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcome>,
    {
        Self::of(law, promise, on, move |tested, runtime| {
            let play = |game| {
                let outcome = runtime.block_on(body(Arc::clone(tested), game));
                outcome.map_err(TestCaseError::fail)
            };
            match runner(games(&**tested)).run(&game::games(), play) {
                Ok(()) => Ok(()),
                Err(TestError::Fail(reason, game)) => {
                    Err(format!("{reason} (with {game}{})", environment::seeded()))
                }
                Err(TestError::Abort(reason)) => Err(format!("the games cannot be generated: {reason}")),
            }
        })
    }

    /// Limits the check to some subjects.
    pub(crate) fn only(self, applies: fn(&dyn Testable) -> bool) -> Self {
        Self { applies, ..self }
    }

    /// States that the check has a weaker form for a subject with limiters.
    pub(crate) fn weakened(self, weakened: Weakened) -> Self {
        Self { weakened: Some(weakened), ..self }
    }

    pub(crate) fn applies(&self, tested: &dyn Testable) -> bool {
        let left_out = self.weakened == Some(Weakened::Two) && tested.at_once(2) < 2;
        (self.applies)(tested) && !left_out
    }

    /// Makes the check under a watchdog, and returns the broken laws.
    pub(crate) fn make(&self, tested: &Tested, runtime: Runtime) -> Vec<Violation> {
        let (tested, body) = (Arc::clone(tested), Arc::clone(&self.body));
        let broken = runtime.watch(move |runtime| body(&tested, runtime));
        broken.unwrap_or_else(|what| vec![Violation { law: self.law.unwrap_or(Law::Progress), what }])
    }

    /// Returns the name of the check: law and promise.
    pub(crate) fn name(&self) -> String {
        let law = self.law.map_or_else(|| "every_law".to_owned(), |law| law.to_string());
        format!("{law}::{}", self.promise)
    }
}

/// Returns the number of games of a generated check.
fn games(tested: &dyn Testable) -> u32 {
    match tested.share() {
        Share::All if tested.plays_many() => GAMES_LONG,
        Share::All => GAMES,
        Share::Large => GAMES_SOME,
        Share::Small => GAMES_FEW,
    }
}

fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 300, ..Config::default() };
    // XorShift, since the games are many and small: ChaCha took a sixth of the time of all tests.
    let rng = match environment::seed() {
        0 => TestRng::deterministic_rng(RngAlgorithm::XorShift),
        seed => TestRng::from_seed(RngAlgorithm::XorShift, &u128::from(seed).to_le_bytes()),
    };
    TestRunner::new_with_rng(config, rng)
}
