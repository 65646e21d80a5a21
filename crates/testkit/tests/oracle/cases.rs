//! The play of generated cases: the same cases in every run, each under a watchdog. The message of a failure has the
//! steps of the shortest failing case.

use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

/// The time limit of a case. A case takes well under a millisecond.
const WATCHDOG: Duration = Duration::from_secs(5);

/// The factor for the number of cases with `TOWPATH_LONG=1`.
const LONG: u32 = 200;

/// The name of the threads that play cases. A panic on such a thread prints no line, because the failure of the case
/// reports it.
const PLAYER: &str = "player";

/// The steps of a case, for the message of its failure.
#[derive(Clone, Default)]
pub struct Steps(Arc<Mutex<Vec<String>>>);

impl Steps {
    pub fn begin(&self, step: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(step);
    }

    /// Adds a result to the last step.
    pub fn came(&self, what: impl std::fmt::Display) {
        if let Some(last) = self.0.lock().unwrap_or_else(PoisonError::into_inner).last_mut() {
            let _ = write!(last, ": {what}");
        }
    }

    fn told(&self) -> String {
        let steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let numbered = steps.iter().enumerate().map(|(n, step)| format!("\n  {}. {step}", n + 1));
        numbered.collect()
    }
}

type Play<C> = fn(C, Steps) -> Result<()>;

/// Plays the given number of cases, and panics with the shortest failing case.
pub fn all<C>(cases: u32, strategy: &impl Strategy<Value = C>, play: Play<C>)
where
    C: Clone + std::fmt::Debug + Send + 'static,
{
    be_quiet();
    let cases =
        if std::env::var("TOWPATH_LONG").is_ok_and(|value| value == "1") { cases * LONG } else { cases };
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let config = Config { max_shrink_time: 60_000, ..config };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::XorShift));
    let (thread, played, failed) = (RefCell::new(Player::new(play)), Cell::new(0), Cell::new(false));
    let outcome = runner.run(strategy, |case| {
        // The cases after the first failing case are shorter forms of this case, and do not count.
        played.set(played.get() + u32::from(!failed.get()));
        let outcome = thread.borrow_mut().play(case);
        failed.set(failed.get() || outcome.is_err());
        outcome.map_err(TestCaseError::fail)
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Abort(reason)) => panic!("no cases could be made: {reason}"),
        Err(TestError::Fail(_, case)) => {
            let again = thread.borrow_mut().play(case);
            let reason = again.expect_err("a case fails in every play or in no play");
            panic!("case {} of {cases} failed; the shortest failing case: {reason}", played.get());
        }
    }
}

/// A thread that plays cases. A hung thread is never joined.
struct Player<C> {
    play: Play<C>,
    cases: Sender<(C, Steps)>,
    outcomes: Receiver<Result<()>>,
}

impl<C: Send + 'static> Player<C> {
    fn new(play: Play<C>) -> Self {
        let (cases, to_play) = mpsc::channel::<(C, Steps)>();
        let (tell, outcomes) = mpsc::channel();
        let playing = move || {
            while let Ok((case, steps)) = to_play.recv() {
                let outcome = catch_unwind(AssertUnwindSafe(|| play(case, steps)));
                let outcome =
                    outcome.unwrap_or_else(|payload| Err(anyhow!("it panicked: {}", message(&*payload))));
                if tell.send(outcome).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name(PLAYER.to_owned()).spawn(playing).expect("there is a thread");
        Self { play, cases, outcomes }
    }

    fn play(&mut self, case: C) -> Result<(), String> {
        let steps = Steps::default();
        self.cases.send((case, steps.clone())).expect("the player waits for a case");
        let outcome = self.outcomes.recv_timeout(WATCHDOG).unwrap_or_else(|_| {
            *self = Self::new(self.play);
            Err(anyhow!("it hangs: the last step was not over after {} s", WATCHDOG.as_secs()))
        });
        outcome.map_err(|reason| format!("{reason}{}", steps.told()))
    }
}

fn message(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

fn be_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name() != Some(PLAYER) {
                print(info);
            }
        }));
    });
}
