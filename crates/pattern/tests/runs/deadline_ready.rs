//! The deadline of a scope stops a loop that is always ready.

use std::collections::VecDeque;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::repeat;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::coop;
use tokio::time::{Instant, advance, sleep_until};
use towpath_pattern::{Cancelled, Cause, Failure, Run, Scope, Settings, Source, anyhow, queue};

use crate::run_in;

/// The number of steps of a loop. The steps take far longer than the time to the deadline.
const STEPS: usize = 1_000_000;

/// The time to the deadline.
const AWAY: Duration = Duration::from_millis(2);

/// One step of a loop: always ready, or pending only because the task has used up its budget.
type Step = Box<dyn FnMut() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

type MakeStep = fn() -> Step;

/// Makes the step of a loop over one shared value.
fn over<T, Fut>(value: T, step: impl Fn(Arc<Mutex<T>>) -> Fut + Send + 'static) -> Step
where
    T: Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let value = Arc::new(Mutex::new(value));
    Box::new(move || Box::pin(step(Arc::clone(&value))))
}

fn over_source(mut source: impl FnMut() -> Source<u64>) -> Step {
    over(source(), |source| async move {
        assert!(source.lock().await.next().await.expect("it is endless").is_ok());
    })
}

/// Returns every kind of loop. A loop is created within the runtime of its test.
fn loops() -> Vec<(&'static str, MakeStep)> {
    vec![
        ("consume_budget", || Box::new(|| Box::pin(coop::consume_budget()))),
        ("a queue, one by one", || {
            over(queue::bounded(1), |both| async move {
                let (sender, receiver) = &mut *both.lock().await;
                sender.send(0_u64).await.expect("it is open");
                assert_eq!(receiver.recv().await, Some(0));
            })
        }),
        ("a queue, batch by batch", || {
            over(queue::bounded(8), |both| async move {
                let (sender, receiver) = &mut *both.lock().await;
                let mut batch: VecDeque<u64> = (0..8).collect();
                sender.send_many(&mut batch).await.expect("it is open");
                assert_eq!(receiver.recv_many(8, &mut Vec::new()).await, 8);
            })
        }),
        ("an iterator as a source", || over_source(|| Source::new(0..))),
        ("a stream as a source", || over_source(|| Source::new(repeat(0)))),
        ("a generator as a source", || {
            over_source(|| Source::generate(|out| async move { while out.send(0).await {} }))
        }),
        ("a channel as a source", || {
            over(Source::channel(1), |both| async move {
                let (sender, source) = &mut *both.lock().await;
                sender.send(0_u64).await.expect("it is open");
                assert!(source.next().await.expect("it is open").is_ok());
            })
        }),
        ("a run of another scope", || {
            let job = Arc::new(|x: u64| ready(anyhow::Ok(x)));
            let run = Run::spawn(Scope::new("other"), Source::new(0..), Settings::new("run", 1), job);
            over(run, |run| async move {
                let waits = run.lock().await.next().await;
                assert!(waits.expect("it is endless").is_ok());
            })
        }),
        ("a semaphore", || {
            over(Semaphore::new(1), |permits| async move {
                let permits = permits.lock().await;
                drop(permits.acquire().await.expect("it is open"));
            })
        }),
        ("a channel of tokio", || {
            over(mpsc::channel(1), |both| async move {
                let (sender, receiver) = &mut *both.lock().await;
                sender.send(0_u64).await.expect("it is open");
                assert_eq!(receiver.recv().await, Some(0));
            })
        }),
        ("a timer that has fired", || {
            over(Instant::now(), |past| async move { sleep_until(*past.lock().await).await })
        }),
    ]
}

/// Takes all steps of a loop.
async fn take_steps(mut step: Step) -> anyhow::Result<()> {
    for _ in 0..STEPS {
        step().await;
    }
    Ok(())
}

/// Runs a loop in a scope with a deadline, and returns the result.
type Place = fn(Scope, Step) -> Pin<Box<dyn Future<Output = Result<(), Failure>>>>;

const PLACES: [(&str, Place); 4] = [
    ("a task", |scope, step| {
        scope.spawn("always ready", take_steps(step));
        Box::pin(async move { scope.wait().await })
    }),
    ("a task of a child", |scope, step| {
        let child = scope.child("child");
        child.spawn("always ready", take_steps(step));
        Box::pin(async move { child.wait().await.and(scope.wait().await) })
    }),
    ("a job", |scope, step| {
        let run = run_in(&scope, [step], Settings::new("always ready", 1), take_steps);
        Box::pin(async move { run.collect().await.map(drop) })
    }),
    ("a job that another run drives", |scope, step| {
        let within = scope.clone();
        let job = move |step| {
            let inner = run_in(&within, [step], Settings::new("always ready", 1), take_steps);
            async move { Ok(inner.collect().await.map(drop)?) }
        };
        scope.spawn("driving", async move { job(step).await });
        Box::pin(async move { scope.wait().await })
    }),
];

/// Returns whether the deadline has stopped a loop.
async fn stopped_at_the_deadline(step: Step, place: Place, paused: bool) -> bool {
    let scope = Scope::new("limited").with_timeout(AWAY);
    let came_to = place(scope, step);
    if paused {
        // The advance is in a second task: a paused clock does not move by itself while a task is ready.
        tokio::spawn(advance(AWAY));
    }
    came_to.await.is_err_and(|failure| matches!(failure.cause(), Cause::Cancelled(Cancelled::Deadline)))
}

fn try_all(runtime: impl Fn() -> Runtime, paused: bool) {
    let mut missed = Vec::new();
    for (at, place) in PLACES {
        for (what, step) in loops() {
            if !runtime().block_on(async { stopped_at_the_deadline(step(), place, paused).await }) {
                missed.push(format!("{what} in {at}"));
            }
        }
    }
    assert!(missed.is_empty(), "the deadline did not stop {missed:#?}");
}

#[test]
fn always_ready_loop_at_the_deadline_is_stopped_on_one_thread() {
    try_all(|| Builder::new_current_thread().enable_time().start_paused(true).build().unwrap(), true);
}

#[test]
fn always_ready_loop_at_the_deadline_is_stopped_on_two_threads() {
    try_all(|| Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap(), false);
}
