//! A play: the runtime makes a single poll at a time, and the run is stopped between two polls, or within a poll.
//!
//! A [`Runtime::Stepped`](crate::Runtime::Stepped) polls the check after every poll of a task. So the check can act at
//! every await in the tasks of the run (runners, supervisor, cleanup). The check polls the future of the receiver.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Barrier;
use tokio::time::Instant;
use towpath_pattern::{Failure, Pattern, Scope};

use super::scene::{Pace, Place, Receiver, Scene, Stop};
use super::taking::{Notes, Orders, take};
use crate::game::{Played, drain_to_failure};
use crate::probe::{Act, Ledger, Token};
use crate::runtime::soon;
use crate::testable::Testable;

/// The largest number of polls of a play.
const MOST_POLLS: usize = 5_000;
/// After this number of polls without an event, no task proceeds without the receiver.
const STILL: usize = 25;
/// After this number of polls without an event, the clock moves by a millisecond if limiters delay the starts.
const TICK: usize = 5;
/// A late receiver is polled once in this number of polls.
const LATE: usize = 7;
/// The deadline of a scene with [`Stop::Deadline`].
const DEADLINE: Duration = Duration::from_secs(1);
/// The step of the clock that passes the deadline: the timer of tokio is exact to a millisecond.
const PAST_THE_DEADLINE: Duration = Duration::from_millis(1_001);

/// The number of observations at the stop.
#[derive(Clone, Copy)]
pub(super) struct Marks {
    pub(super) started: usize,
    pub(super) ended: usize,
    pub(super) job_polls: usize,
    /// The stop came within a poll, possibly of a job.
    pub(super) in_mid_poll: bool,
}

impl Marks {
    fn of(ledger: &Ledger, in_mid_poll: bool) -> Self {
        let seen = ledger.seen();
        let (started, ended) = (seen.started.len(), seen.ended.len());
        Self { started, ended, job_polls: seen.job_polls.len(), in_mid_poll }
    }
}

/// The observations of a play.
pub(super) struct Witness {
    pub(super) played: Played,
    /// `None` if the play was not stopped before the end.
    pub(super) stopped: Option<Marks>,
    /// The source has failed, as planned.
    pub(super) source_failed: bool,
    /// The run was dropped, so the run has no report.
    pub(super) dropped: bool,
    pub(super) parent: Result<(), Failure>,
    /// The failures of both scopes after the first failure of a scope.
    pub(super) further: Vec<Failure>,
    /// The name of the stage with the job.
    pub(super) stage: String,
    /// The time that passed on the clock without the steps of the check.
    pub(super) waited: Duration,
    pub(super) tasks_left: usize,
    pattern: Box<dyn Pattern<Token, Out = Token>>,
    gate: Gate,
}

/// The barrier of the jobs of [`Witness::runs_again`]; empty until then.
type Gate = Arc<Mutex<Option<Arc<Barrier>>>>;

type Taking = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The future of the receiver. The stop can drop the future.
#[derive(Clone)]
struct Slot(Arc<Mutex<Option<Taking>>>);

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Option<Taking>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns `Ready` if the future has completed or was dropped.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut taking = self.lock();
        let polled = taking.as_mut().map_or(Poll::Ready(()), |taking| taking.as_mut().poll(cx));
        if polled.is_ready() {
            *taking = None;
        }
        polled
    }

    /// Drops the run, unless a poll of the run is in progress. Returns whether the run was dropped.
    fn drop_run(&self) -> bool {
        let taking = match self.0.try_lock() {
            Ok(mut taking) => taking.take(),
            Err(TryLockError::Poisoned(taking)) => taking.into_inner().take(),
            Err(TryLockError::WouldBlock) => None,
        };
        taking.map(drop).is_some()
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits until the runtime has polled another task once.
async fn one_poll() {
    let mut made = false;
    poll_fn(|cx| {
        if made {
            return Poll::Ready(());
        }
        made = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Waits until the scope ends, and drops the first future that waits. Returns the first failure, and the further
/// failures.
async fn closed(scope: &Scope) -> Result<(Result<(), Failure>, Vec<Failure>), String> {
    let first = pin!(scope.wait()).poll(&mut Context::from_waker(Waker::noop()));
    let closed = match first {
        Poll::Ready(closed) => closed,
        Poll::Pending => soon("the scope's end", scope.wait()).await?,
    };
    Ok((closed, scope.take_failures()))
}

/// The handles that stop a play.
struct Stage {
    parent: Scope,
    scope: Scope,
    slot: Slot,
    orders: Arc<Orders>,
}

impl Stage {
    fn release(&self) {
        self.orders.release.store(true, Ordering::Relaxed);
    }

    /// Stops the play, except by the clock. Returns whether the stop was possible.
    fn stop(&self, stop: Stop) -> bool {
        match stop {
            Stop::Release => self.release(),
            Stop::CancelRun => {
                self.orders.cancel.store(true, Ordering::Relaxed);
                self.release();
            }
            Stop::CancelScope => self.scope.cancel(),
            Stop::CancelParentScope => self.parent.cancel(),
            Stop::Drop => return self.slot.drop_run(),
            Stop::Deadline => {}
        }
        true
    }
}

/// Plays `scene`, stopped at `place`.
///
/// # Errors
///
/// When the play hangs, when an output follows the end, or when the run does not return the source.
pub(super) async fn play(tested: &dyn Testable, scene: &Scene, place: Place) -> Result<Witness, String> {
    let began = Instant::now();
    let ledger = Ledger::new();
    let supplied = scene.form.supply_until(tested, &ledger, scene.plans.len(), scene.fault);
    let plans = scene.plans.clone();
    let gate = Gate::default();
    let gated = Arc::clone(&gate);
    let pattern = tested.pattern(
        scene.case,
        Act::new(&ledger, move |token| {
            let plan = plans[token.index];
            let gate = gated.lock().unwrap_or_else(PoisonError::into_inner).clone();
            async move {
                match gate {
                    None => plan.carry_out(token).await,
                    Some(gate) => {
                        gate.wait().await;
                        Ok(token)
                    }
                }
            }
        }),
    );
    let parent = Scope::new("parent");
    let mut scope = parent.child("every poll");
    if scene.stop == Stop::Deadline {
        scope = scope.with_timeout(DEADLINE);
    }
    let run = pattern.start(supplied.source, scope.clone());
    let stage = run.report().stages[tested.job_stage()].stage.to_string();
    let orders = Arc::new(Orders::default());
    let notes = Arc::new(Mutex::new(Notes::default()));
    let taking = take(run, scene.receiver, Arc::clone(&orders), (Arc::clone(&ledger), Arc::clone(&notes)));
    let slot = Slot(Arc::new(Mutex::new(Some(Box::pin(taking)))));
    let at_hand = Arc::new(Stage { parent: parent.clone(), scope: scope.clone(), slot, orders });

    let marks: Arc<Mutex<Option<Marks>>> = Arc::default();
    if let Place::Moment(moments) = place {
        let (at_hand, stop) = (Arc::clone(&at_hand), scene.stop);
        let (marks, of) = (Arc::clone(&marks), Arc::downgrade(&ledger));
        ledger.after(moments, move || {
            let before = of.upgrade().map(|ledger| Marks::of(&ledger, true));
            if at_hand.stop(stop) {
                *marks.lock().unwrap_or_else(PoisonError::into_inner) = before;
            }
        });
    }
    let marked = || *marks.lock().unwrap_or_else(PoisonError::into_inner);
    let over = step(tested, scene, place, &ledger, &at_hand, &|| marked().is_some()).await?;
    ledger.call_off();
    let mut stopped = marked();
    if !over && stopped.is_none() && matches!(place, Place::Poll(_)) {
        stopped = Some(Marks::of(&ledger, false));
        at_hand.stop(scene.stop);
        if scene.stop == Stop::Deadline {
            tokio::time::advance(PAST_THE_DEADLINE).await;
        }
    }
    if stopped.is_some() && scene.receiver == Receiver::Nobody {
        at_hand.release();
    }
    let moved =
        if stopped.is_some() && scene.stop == Stop::Deadline { PAST_THE_DEADLINE } else { Duration::ZERO };

    soon("the end of the run", poll_fn(|cx| at_hand.slot.poll(cx))).await?;
    let (inner, further) = closed(&scope).await?;
    let left = ledger.seen().live;
    drop((at_hand, scope));
    let (outer, others) = closed(&parent).await?;
    let waited = began.elapsed().saturating_sub(moved);
    let tasks_left = tasks_left().await;

    let Notes { yielded, live, report, collected, left: left_at_end, after_the_end } =
        std::mem::take(&mut *notes.lock().unwrap_or_else(PoisonError::into_inner));
    if after_the_end {
        return Err("an output came after the end; a run is fused".to_owned());
    }
    let (taken, most_ahead) = (supplied.rest.taken(), ledger.seen().most_ahead);
    let rest = supplied.kept.take().ok_or("the run has ended and did not return the source")?;
    let source_failed = ledger.seen().source_failed;
    let (kept, failure) = drain_to_failure(rest).await?;
    if let Some(failure) = failure.filter(|_| scene.fault.is_none() || source_failed) {
        return Err(format!("the rest of the source failed: {failure:#}"));
    }
    let dropped = report.is_none() && !collected;
    let ended_at_stop = stopped.map_or(0, |marks| marks.ended);
    let left = left.max(left_at_end);
    let played =
        Played { ledger, yielded, ended_at_stop, report, closed: inner, kept, taken, most_ahead, live, left };
    Ok(Witness {
        played,
        stopped,
        source_failed,
        dropped,
        parent: outer,
        further: further.into_iter().chain(others).collect(),
        stage,
        waited,
        tasks_left,
        pattern,
        gate,
    })
}

/// Lets the runtime poll the tasks, and polls the receiver in between, up to `place`. Returns whether the run ended
/// before `place`.
async fn step(
    tested: &dyn Testable,
    scene: &Scene,
    place: Place,
    ledger: &Ledger,
    at_hand: &Stage,
    is_stopped: &dyn Fn() -> bool,
) -> Result<bool, String> {
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    let (mut still, mut moments) = (0, 0);
    for polls in 0..MOST_POLLS {
        if place == Place::Poll(polls) || is_stopped() {
            return Ok(false);
        }
        let is_due = match scene.pace {
            Pace::Always => true,
            Pace::Woken => woken.0.load(Ordering::Relaxed),
            Pace::Late => polls % LATE == 0 && woken.0.load(Ordering::Relaxed),
        };
        if is_due {
            woken.0.store(false, Ordering::Relaxed);
            if at_hand.slot.poll(&mut Context::from_waker(&waker)).is_ready() {
                return Ok(!is_stopped());
            }
        }
        one_poll().await;
        let now = ledger.seen().moments;
        still = if now == moments { still + 1 } else { 0 };
        if still % TICK == TICK - 1 && tested.is_delayed() {
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        moments = now;
        if scene.receiver == Receiver::Nobody && still == STILL {
            at_hand.release();
            return Ok(true);
        }
    }
    Err(format!("hung: not over after {MOST_POLLS} polls"))
}

/// Returns the number of tasks that are left after the tasks of a completed run have had time to return.
async fn tasks_left() -> usize {
    let alive = || Handle::current().metrics().num_alive_tasks();
    for _ in 0..STILL {
        if alive() == 0 {
            break;
        }
        one_poll().await;
    }
    alive()
}

impl Witness {
    /// Runs the same pattern again, with as many jobs as the limit and the limiters allow, and lets every job wait
    /// until all have started. The run completes only if the first run has released all permits and resources.
    pub(super) async fn runs_again(self, tested: &dyn Testable, scene: &Scene) -> Result<(), String> {
        let limit = tested.at_once(scene.case.limit.get());
        *self.gate.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(Barrier::new(limit)));
        let source = scene.form.supply(tested, &Ledger::new(), limit).source;
        let run = self.pattern.start(source, Scope::new("again"));
        let what = "the end of the next run of the pattern, which needs the whole limit";
        let outputs = soon(what, run.collect()).await?.map_err(|failure| format!("{failure:#}"))?;
        tasks_left().await;
        match outputs.len() {
            all if all == limit => Ok(()),
            fewer => Err(format!("the next run of the pattern yielded {fewer} outputs of {limit}")),
        }
    }
}
