//! The texts for people: every message that the crate writes, and the sums in a report.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use towpath_pattern::queue::{self, TryRecvError, TrySendError};
use towpath_pattern::{
    Cancelled, Cause, Counts, Failure, Limit, Report, Run, Scope, Settings, Source, StageReport, TimedOut,
    ZeroLimit, anyhow,
};

/// Returns a count for each group. No count is the sum of other counts.
fn counts() -> Counts {
    let mut counts = Counts::default();
    counts.taken = 2_000;
    counts.succeeded = 1;
    counts.errored = 2;
    counts.panicked = 4;
    counts.timed_out = 8;
    counts.cancelled = 16;
    counts.never_started = 64;
    counts.running = 128;
    counts.delivered = 5;
    counts
}

/// Returns the failure of a run with a single item, whose job returns `error`.
async fn failure(error: anyhow::Error) -> Failure {
    let error = std::sync::Mutex::new(Some(error));
    let job = move |_: u32| {
        let error = error.lock().unwrap().take();
        async move { Err::<u32, _>(error.expect("one item")) }
    };
    let source = Source::new([7]);
    let run = Run::spawn(Scope::default(), source, Settings::new("fetch", 1), Arc::new(job));
    run.collect().await.expect_err("it fails")
}

#[test]
fn counts_are_summed_by_group() {
    let counts = counts();
    assert_eq!(counts.settled(), 95);
    assert_eq!(counts.waiting(), 2_000 - 95 - 128);
    assert_eq!(counts.not_yielded(), 10, "of 15 that finished, 5 were delivered");
}

#[test]
fn report_names_the_groups_with_items() {
    assert_eq!(
        counts().to_string(),
        "2000 taken, 1 succeeded, 2 errored, 4 panicked, 8 timed out, 16 cancelled, 64 never started, \
         128 running, 1777 waiting, 10 not yielded"
    );
    assert_eq!(Counts::default().to_string(), "0 taken");

    let mut report = Report::default();
    report.stages = vec![StageReport::new("first", counts()), StageReport::new("next", Counts::default())];
    let said = report.to_string();
    assert!(
        said.starts_with("first: 2000 taken, ") && said.ends_with(" not yielded; next: 0 taken"),
        "{said}"
    );
}

#[tokio::test]
async fn report_shows_the_first_failure_not_taken() {
    let mut report = Report::default();
    report.stages.push(StageReport::new("fetch", Counts::default()));
    report.failures.push(failure(anyhow::anyhow!("no route")).await);
    assert_eq!(
        report.to_string(),
        "fetch: 0 taken; first failure not taken: item 0 at stage `fetch` failed: no route"
    );
}

#[tokio::test]
async fn failure_shows_its_causes_on_one_line() {
    let cause = std::io::Error::other("refused");
    let failure = failure(Err::<(), _>(cause).context("no route").unwrap_err()).await;
    assert_eq!(failure.to_string(), "item 0 at stage `fetch` failed");
    assert_eq!(failure.source().map(ToString::to_string).as_deref(), Some("no route"));
    assert_eq!(format!("{failure:?}"), "Failure(item 0 at stage `fetch` failed: no route: refused)");

    let late = TimedOut { after: Duration::from_millis(1_500) };
    let failure = self::failure(late.into()).await;
    assert_eq!(format!("{failure:#}"), "item 0 at stage `fetch` timed out: no result within 1.5s");
    assert_eq!(failure.source().and_then(|error| error.downcast_ref()), Some(&late));
}

#[test]
fn cause_shows_its_kind() {
    assert_eq!(Cause::from_panic(Box::new("out of range")).to_string(), "panicked: out of range");
    let told = [
        (Cancelled::Run, "cancelled: the run was cancelled"),
        (Cancelled::Dropped, "cancelled: the run was dropped"),
        (Cancelled::Scope, "cancelled: its scope was cancelled"),
        (Cancelled::Deadline, "cancelled: the deadline passed"),
        (Cancelled::Upstream, "cancelled: the run before it had been stopped"),
        (Cancelled::Runtime, "cancelled: the runtime was shut down"),
    ];
    for (by, said) in told {
        assert_eq!(Cause::Cancelled(by).to_string(), said);
    }
}

#[test]
fn limit_is_shown_as_a_number() {
    assert_eq!(format!("{} {:>3}", Limit::new(4), Limit::new(7)), "4   7");
    assert_eq!(ZeroLimit.to_string(), "a limit of 0 would never run a job; use 1 or more");
    assert_eq!(Limit::try_from(0), Err(ZeroLimit));
}

#[test]
fn queue_handles_and_errors_are_shown_without_items() {
    struct Secret;
    let (producer, consumer) = queue::bounded(3);
    producer.try_send(Secret).unwrap();
    assert_eq!(format!("{producer:?}"), "Sender { len: 1, capacity: 3 }");
    assert_eq!(format!("{consumer:?}"), "Receiver { len: 1, capacity: 3 }");
    let told = [
        (format!("{:?}", queue::SendError(Secret)), "SendError(..)"),
        (format!("{:?}", TrySendError::Full(Secret)), "Full(..)"),
        (format!("{:?}", TrySendError::Closed(Secret)), "Closed(..)"),
        (queue::SendError(Secret).to_string(), "the queue is closed"),
        (TrySendError::Full(Secret).to_string(), "the queue is full"),
        (TrySendError::Closed(Secret).to_string(), "the queue is closed"),
        (TryRecvError::Empty.to_string(), "the queue is empty"),
        (TryRecvError::Closed.to_string(), "the queue is closed and empty"),
    ];
    for (told, said) in told {
        assert_eq!(told, said);
    }
}

#[tokio::test]
async fn source_and_run_are_shown_by_kind() {
    let source = Source::new([1]);
    assert_eq!(format!("{source:?}"), "Source { .. }");
    let same = |item: u32| async move { Ok(item) };
    let run = Run::spawn(Scope::default(), source, Settings::new("same", 1), Arc::new(same));
    assert_eq!(format!("{run:?}"), "Run { stage: \"same\", .. }");
}
