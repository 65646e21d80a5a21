//! Wrong uses that the compiler cannot detect, and their results: a message, an error, or no harm.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep};
use towpath_pattern::queue::{self, TrySendError};
use towpath_pattern::{Cancelled, Cause, Failure, Report, Run, Scope, Settings, Source, anyhow};

const LONGEST_SLEEP: Duration = Duration::from_secs(3 * 365 * 24 * 3_600);

/// Returns the message of the panic of `wrong`.
#[track_caller]
fn panic_of<R>(wrong: impl FnOnce() -> R) -> String {
    let payload = catch_unwind(AssertUnwindSafe(|| drop(wrong()))).expect_err("it should panic");
    let message = payload.downcast_ref::<String>().cloned();
    message.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string)).expect("a message")
}

async fn pass(item: u64) -> anyhow::Result<u64> {
    Ok(item)
}

fn passing(scope: &Scope) -> Run<u64> {
    Run::spawn(scope.clone(), Source::new(vec![1, 2, 3]), Settings::new("pass", 2), Arc::new(pass))
}

fn cancelled_by(failure: Option<&Failure>) -> Option<Cancelled> {
    match failure?.cause() {
        Cause::Cancelled(by) => Some(*by),
        _ => None,
    }
}

#[test]
fn run_outside_a_runtime_names_the_way_out() {
    assert_eq!(
        panic_of(|| passing(&Scope::default())),
        "a run of `pass` was started outside a tokio runtime; start it within `#[tokio::main]`, \
         `Runtime::block_on` or a task"
    );
}

#[test]
fn task_outside_a_runtime_names_the_way_out() {
    let scope = Scope::new("start-up");
    assert_eq!(
        panic_of(|| scope.spawn("migrate", async { Ok(()) })),
        "the task `migrate` was spawned outside a tokio runtime; spawn it within `#[tokio::main]`, \
         `Runtime::block_on` or a task"
    );
}

#[test]
fn deadline_without_timers_names_the_way_out() {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let scope = Scope::new("hurried").with_timeout(Duration::from_secs(1));
    let told = "timers are disabled. Call `enable_time` on the runtime builder to enable timers.";
    let task = panic_of(|| runtime.block_on(async { scope.spawn("task", async { Ok(()) }) }));
    let run = panic_of(|| runtime.block_on(async { passing(&scope) }));
    assert!(task.ends_with(told) && run.ends_with(told), "{task}\n{run}");
    runtime.block_on(scope.wait()).expect("nothing was begun in it");
}

#[test]
fn run_without_a_deadline_needs_no_timers() {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let outputs = runtime.block_on(async { passing(&Scope::default()).collect().await });
    assert_eq!(outputs.expect("it does not fail").len(), 3);
}

#[tokio::test]
async fn job_that_blocks_on_its_runtime_fails_with_a_message() {
    let job = |item: u64| async move {
        let inner = Builder::new_current_thread().build()?;
        let wrong = catch_unwind(AssertUnwindSafe(|| inner.block_on(pass(item))));
        inner.shutdown_background();
        wrong.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
    };
    let run = Run::spawn(Scope::default(), Source::new(vec![1]), Settings::new("nested", 1), Arc::new(job));
    let failure = run.collect().await.expect_err("it panics");
    assert!(
        failure
            .to_string()
            .starts_with("item 0 at stage `nested` panicked: Cannot start a runtime from within"),
        "{failure:#}"
    );
}

#[test]
fn run_is_received_on_another_runtime() {
    let own = Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let other = Runtime::new().expect("a runtime");
    let run = {
        let _entered = own.enter();
        passing(&Scope::default())
    };
    assert_eq!(other.block_on(run.collect()).expect("it does not fail").len(), 3);
}

#[tokio::test]
async fn run_in_a_cancelled_scope_starts_no_job() {
    let scope = Scope::new("over");
    scope.cancel();
    let report = passing(&scope).finish().await;
    assert_eq!(cancelled_by(report.failures.first()), Some(Cancelled::Scope));
    assert_eq!(report.last().taken, 0);
    scope.wait().await.expect("a requested cancellation is no failure");
}

#[tokio::test(start_paused = true)]
async fn task_in_a_cancelled_scope_is_never_polled() {
    let begun = Arc::new(AtomicUsize::new(0));
    let task = || {
        let begun = Arc::clone(&begun);
        async move {
            begun.fetch_add(1, SeqCst);
            Ok(())
        }
    };
    let cancelled = Scope::new("cancelled");
    cancelled.spawn("too late by a moment", task());
    cancelled.cancel();
    cancelled.spawn("too late", task());
    cancelled.wait().await.expect("a requested cancellation is no failure");

    let hurried = Scope::new("hurried").with_timeout(Duration::from_secs(1));
    sleep(Duration::from_secs(2)).await;
    hurried.spawn("too late", task());
    let failure = hurried.wait().await.expect_err("the deadline cut a task short");
    assert_eq!(
        failure.to_string(),
        "stage `too late` was cancelled: the deadline of the scope `hurried` passed"
    );
    assert_eq!(begun.load(SeqCst), 0);
}

#[tokio::test]
async fn scope_after_a_wait_takes_tasks_again() {
    let scope = Scope::new("again");
    for _ in 0..2 {
        scope.wait().await.expect("nothing is in it");
        scope.spawn("task", async { Ok(()) });
        assert_eq!(passing(&scope).collect().await.expect("it does not fail").len(), 3);
    }
    scope.wait().await.expect("nothing failed");
}

#[tokio::test(start_paused = true)]
async fn deadline_in_the_past_is_reported_and_a_far_one_kept() {
    for late in [
        Scope::new("none").with_timeout(Duration::ZERO),
        Scope::new("none").with_deadline(Instant::now() - Duration::from_millis(1)),
    ] {
        let failure = passing(&late).collect().await.expect_err("there is no time");
        assert_eq!(cancelled_by(Some(&failure)), Some(Cancelled::Deadline));
    }
    // The timers of tokio reach two years.
    let job = |item: u64| async move {
        sleep(LONGEST_SLEEP).await;
        Ok(item)
    };
    for timeout in [Duration::MAX, LONGEST_SLEEP * 2] {
        let scope = Scope::new("patient").with_timeout(timeout);
        let run = Run::spawn(scope, Source::new(vec![1]), Settings::new("sleep", 1), Arc::new(job));
        assert_eq!(run.collect().await.expect("there is time"), [1]);
    }
    let scope = Scope::new("less patient").with_timeout(LONGEST_SLEEP / 2);
    let began = Instant::now();
    let run = Run::spawn(scope, Source::new(vec![1]), Settings::new("sleep", 1), Arc::new(job));
    let failure = run.collect().await.expect_err("the deadline is before the end of the sleep");
    assert_eq!(cancelled_by(Some(&failure)), Some(Cancelled::Deadline));
    assert!(began.elapsed() <= LONGEST_SLEEP / 2 + Duration::from_millis(1));
}

#[tokio::test]
async fn run_that_is_over_gives_back_its_source_once() {
    let (source, kept) = Source::new(vec![1, 2, 3]).kept();
    assert!(kept.take().is_none(), "the source is in use");
    let mut run = Run::spawn(Scope::default(), source, Settings::new("pass", 2), Arc::new(pass));
    for _ in 0..3 {
        assert!(run.next().await.is_some());
    }
    for _ in 0..3 {
        assert!(run.next().await.is_none());
    }
    run.cancel();
    let Report { stages, failures, .. } = run.finish().await;
    assert_eq!((stages[0].counts.succeeded, failures.len()), (3, 0), "it was over before it was cancelled");
    assert!(kept.take().is_some() && kept.take().is_none());
}

#[tokio::test]
async fn item_sent_to_a_closed_queue_comes_back() {
    let (producer, mut consumer) = queue::bounded(2);
    producer.send(1).await.expect("there is room");
    consumer.close();
    let refused = producer.send(2).await.expect_err("it is closed");
    assert_eq!((refused.to_string(), refused.0), ("the queue is closed".to_owned(), 2));
    let refused = producer.try_send(3).expect_err("it is closed");
    assert_eq!((refused.to_string(), refused), ("the queue is closed".to_owned(), TrySendError::Closed(3)));
    let mut many = [4, 5].into();
    producer.send_many(&mut many).await.expect_err("it is closed");
    assert_eq!(many, [4, 5]);
    assert_eq!((consumer.recv().await, consumer.recv().await, consumer.recv().await), (Some(1), None, None));
    let none = consumer.try_recv().expect_err("it is closed");
    assert_eq!(none.to_string(), "the queue is closed and empty");
    producer.join().await.expect("everything was taken and finished");
}

#[tokio::test]
async fn queue_refuses_when_full_or_empty() {
    let (producer, mut consumer) = queue::bounded(1);
    assert_eq!(consumer.try_recv().expect_err("it is empty").to_string(), "the queue is empty");
    producer.try_send(1).expect("there is room");
    let full = producer.try_send(2).expect_err("it is full");
    assert_eq!((full.to_string(), full.into_inner()), ("the queue is full".to_owned(), 2));
    producer.send_many(&mut [].into()).await.expect("nothing needs no room");
    assert_eq!(producer.len(), 1);
}

#[test]
fn to_take_no_items_is_refused() {
    let (_producer, mut consumer) = queue::bounded::<u64>(1);
    assert_eq!(
        panic_of(|| drop(consumer.recv_many(0, &mut Vec::new()))),
        "to receive 0 items would never end; use 1 or more"
    );
}
