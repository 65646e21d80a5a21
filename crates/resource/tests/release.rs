//! A resource is released with an await whatever becomes of its job, and its release masks nothing.

mod log;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use log::{Logged, RELEASE, Releases, State};
use tokio::time::{Instant, sleep, timeout};
use towpath_resource::{
    Cancelled, Cause, JobOutcome, OnFailure, PatternExt, ResourceGuard, Scope, TimedOut, WithResource,
    resource_fn, with, with_in,
};

/// What a job does with an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Pass,
    Err,
    TimeOut,
    Panic,
    Wait,
    Discard,
}

async fn act((held, act): (ResourceGuard<State>, Act)) -> anyhow::Result<usize> {
    let number = held.number;
    match act {
        Act::Pass => {}
        Act::Err => anyhow::bail!("no"),
        Act::TimeOut => return Err(TimedOut { after: RELEASE }.into()),
        Act::Panic => panic!("broken"),
        Act::Wait => pending().await,
        Act::Discard => ResourceGuard::discard(held),
    }
    Ok(number)
}

#[tokio::test(start_paused = true)]
async fn a_release_is_told_what_became_of_the_last_job() {
    for (of_job, after) in [
        (Act::Pass, JobOutcome::Success),
        (Act::Err, JobOutcome::Error),
        (Act::TimeOut, JobOutcome::Timeout),
        (Act::Panic, JobOutcome::Panic),
        (Act::Discard, JobOutcome::Success),
    ] {
        let log = Logged::default();
        let report = WithResource::new(1, log.clone(), act).run([of_job]).finish().await;
        assert_eq!(log.released(), [(0, after)], "{of_job:?}: {report}");
        assert_eq!(log.alive(), 0, "{of_job:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_stopped_has_its_resource_released() {
    let ends: [(&str, Cancelled); 3] =
        [("cancel", Cancelled::Run), ("scope", Cancelled::Scope), ("deadline", Cancelled::Deadline)];
    for (how, by) in ends {
        let log = Logged::default();
        let scope = Scope::new("stopped");
        let inner = scope.with_timeout(Duration::from_millis(if how == "deadline" { 50 } else { 60_000 }));
        let mut run = WithResource::new(2, log.clone(), act).run_in(&inner, [Act::Wait, Act::Wait]);
        sleep(Duration::from_millis(20)).await;
        match how {
            "cancel" => run.cancel(),
            "scope" => scope.cancel(),
            _ => {}
        }
        let failure = run.next().await.expect("a failure").expect_err("it was cancelled");
        assert!(matches!(failure.cause(), Cause::Cancelled(cancelled) if *cancelled == by), "{failure}");
        assert_eq!(log.released(), [(0, JobOutcome::Cancellation), (1, JobOutcome::Cancellation)], "{how}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_scope_of_a_run_that_is_dropped_is_closed_once_all_is_released() {
    let (log, scope) = (Logged::default(), Scope::new("dropped"));
    let run = WithResource::new(3, log.clone(), act).run_in(&scope, [Act::Wait; 3]);
    sleep(Duration::from_millis(20)).await;
    drop(run);
    let dropped = Instant::now();
    scope.wait().await.expect("nothing failed");
    assert_eq!((log.released().len(), log.alive()), (3, 0));
    assert_eq!(dropped.elapsed(), RELEASE, "they are released at the same time");
}

#[tokio::test(start_paused = true)]
async fn the_end_is_yielded_once_all_is_released() {
    let log = Logged::default();
    let outputs = WithResource::new(3, log.clone(), act).run([Act::Pass; 9]).collect().await;
    assert_eq!(outputs.expect("it does not fail").len(), 9);
    assert_eq!((log.released().len(), log.alive()), (log.made().0, 0));
}

#[tokio::test(start_paused = true)]
async fn resources_go_from_job_to_job_and_are_no_more_than_jobs_at_once() {
    let log = Logged::default();
    let slow = |(held, _): (ResourceGuard<State>, u32)| async move {
        sleep(Duration::from_millis(5)).await;
        Ok(held.number)
    };
    WithResource::new(4, log.clone(), slow).run(0..100).collect().await.expect("it does not fail");
    assert_eq!(log.made(), (4, 4));

    // None waits for another to be made where one is idle.
    let quick = |(held, _): (ResourceGuard<State>, u32)| async move { Ok(held.number) };
    let log = Logged::default();
    WithResource::new(1, log.clone(), quick).run(0..100).collect().await.expect("it does not fail");
    assert_eq!(log.made(), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_a_job_broke_or_discarded_is_gone_before_another_takes_its_place() {
    for broken in [Act::Panic, Act::Discard] {
        let log = Logged::default();
        let jobs = WithResource::new(2, log.clone(), act).on_failure(OnFailure::Continue);
        let report = jobs.run([broken; 20]).finish().await;
        assert_eq!(log.made(), (20, 2), "{broken:?}: {report}");
        assert_eq!((log.released().len(), log.alive()), (20, 0), "{broken:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_leaves_the_resource_to_the_next_job() {
    let log = Logged::default();
    let jobs = WithResource::new(1, log.clone(), act).on_failure(OnFailure::Continue);
    let report = jobs.run([Act::Err, Act::Err, Act::Pass]).finish().await;
    assert_eq!((report.stages[0].counts.errored, log.made()), (2, (1, 1)));
    assert_eq!(log.released(), [(0, JobOutcome::Success)]);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_fails_is_a_failure_of_the_run_after_its_outputs() {
    let log = Logged::with_releases_that(Releases::Fail);
    let mut run = WithResource::new(1, log, act).run([Act::Pass]);
    assert!(matches!(run.next().await, Some(Ok(0))));
    let failure = run.next().await.expect("the release failed").expect_err("the release failed");
    assert_eq!(failure.to_string(), "stage `resource`: release 0 failed");
    assert!(run.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_release_that_fails_masks_nothing() {
    for releases in [Releases::Fail, Releases::Panic, Releases::Hang] {
        let mut run = WithResource::new(1, Logged::with_releases_that(releases), act).run([Act::Err]);
        let failure = run.next().await.expect("a failure").expect_err("the job failed");
        assert_eq!(failure.to_string(), "item 0 at stage `resource`: no");
        let others = run.finish().await.failures;
        let expected = match releases {
            Releases::Fail => "stage `resource`: release 0 failed",
            Releases::Panic => "stage `resource`: panicked: release 0 broke",
            _ => "stage `resource`: timed out: a release was not done in time",
        };
        assert_eq!(others.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
        let of_its_kind = match releases {
            Releases::Panic => matches!(others[0].cause(), Cause::Panicked(_)),
            Releases::Hang => matches!(others[0].cause(), Cause::TimedOut(_)),
            _ => matches!(others[0].cause(), Cause::Errored(_)),
        };
        assert!(of_its_kind, "{expected}");
        assert!(format!("{:?}", others[0]).matches("5s").count() <= 1, "{:?}", others[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_scope_hears_of_a_release_that_failed_after_a_drop() {
    let scope = Scope::new("dropped");
    let run =
        WithResource::new(1, Logged::with_releases_that(Releases::Fail), act).run_in(&scope, [Act::Wait]);
    sleep(Duration::from_millis(20)).await;
    drop(run);
    let failure = scope.wait().await.expect_err("the release failed");
    assert_eq!(failure.to_string(), "stage `resource`: release 0 failed");
}

#[tokio::test(start_paused = true)]
async fn a_release_has_its_own_time_whatever_the_deadline_of_the_run() {
    let log = Logged::default();
    let scope = Scope::new("hurried").with_timeout(Duration::from_millis(50));
    let run = WithResource::new(1, log.clone(), act).run_in(&scope, [Act::Wait]);
    let report = run.finish().await;
    assert_eq!(log.released(), [(0, JobOutcome::Cancellation)], "{report}");

    let hangs = Logged::with_releases_that(Releases::Hang);
    let began = Instant::now();
    let brief = WithResource::new(1, hangs.clone(), act).release_within(Duration::from_secs(1));
    brief.run([Act::Pass]).finish().await;
    assert_eq!((began.elapsed(), hangs.alive()), (Duration::from_millis(1_010), 0));
}

#[tokio::test(start_paused = true)]
async fn an_item_whose_resource_cannot_be_acquired_fails_with_that_error() {
    let unreachable = resource_fn(|| async { anyhow::bail!("connection refused") }, |(), _| async { Ok(()) });
    let jobs = WithResource::new(1, unreachable, |(_, x): (ResourceGuard<()>, u32)| async move { Ok(x) });
    let outcomes = jobs.on_failure(OnFailure::Continue).run([1, 2]).outcomes().await.0;
    let failures = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    let messages: Vec<_> = failures.map(ToString::to_string).collect();
    let expected = [0, 1].map(|item| format!("item {item} at stage `resource`: connection refused"));
    assert_eq!(messages, expected);
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_outlives_its_job_is_waited_for() {
    let log = Logged::default();
    let lend = |(held, ()): (ResourceGuard<State>, ())| async move { Ok(held) };
    let mut run = WithResource::new(1, log.clone(), lend).run([()]);
    let held = run.next().await.expect("an output").expect("it does not fail");
    let finish = tokio::spawn(run.finish());
    sleep(Duration::from_secs(1)).await;
    assert!(!finish.is_finished());
    drop(held);
    let report = finish.await.expect("no panic");
    assert!(report.failures.is_empty(), "{report}");
    assert_eq!(log.released(), [(0, JobOutcome::Success)]);
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_outlives_its_job_is_waited_for_though_another_was_released_before() {
    let log = Logged::default();
    let lend = |(held, breaks): (ResourceGuard<State>, bool)| async move {
        assert!(!breaks, "broken");
        Ok(held)
    };
    let mut run = WithResource::new(1, log.clone(), lend).on_failure(OnFailure::Continue).run([true, false]);
    assert!(run.next().await.expect("a failure").is_err());
    let held = run.next().await.expect("an output").expect("it does not fail");
    assert_eq!((held.number, log.released()), (1, vec![(0, JobOutcome::Panic)]));
    let finish = tokio::spawn(run.finish());
    sleep(Duration::from_secs(1)).await;
    assert!(!finish.is_finished());
    drop(held);
    let report = finish.await.expect("no panic");
    assert!(report.failures.is_empty(), "{report}");
    assert_eq!(log.released(), [(0, JobOutcome::Panic), (1, JobOutcome::Success)]);
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_never_comes_back_is_a_failure() {
    let lend = |(held, ()): (ResourceGuard<State>, ())| async move { Ok(held) };
    let mut run = WithResource::new(1, Logged::default(), lend).run([()]);
    let held = run.next().await.expect("an output").expect("it does not fail");
    let failure = run.next().await.expect("a failure").expect_err("it is still held");
    let expected =
        "stage `resource`: 1 of its resources still held 5s after its last job, which gave them away";
    assert_eq!(failure.to_string(), expected);
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn with_releases_after_its_work() {
    let log = Logged::default();
    let number = with(log.clone(), |held| async move { Ok(held.number) }).await.expect("it does not fail");
    assert_eq!((number, log.released()), (0, vec![(0, JobOutcome::Success)]));

    let log = Logged::with_releases_that(Releases::Fail);
    let failed = with(log.clone(), |_held| async move { anyhow::bail!("no") }).await.map(|()| 0);
    assert_eq!(failed.unwrap_err().index(), Some(0));
    assert_eq!(log.released(), [(0, JobOutcome::Error)]);
}

#[tokio::test(start_paused = true)]
async fn with_that_is_dropped_releases_and_its_scope_waits() {
    let (log, scope) = (Logged::default(), Scope::new("dropped"));
    let work = with_in(&scope, log.clone(), |_held| pending::<anyhow::Result<()>>());
    timeout(Duration::from_millis(50), work).await.expect_err("it never ends");
    scope.wait().await.expect("nothing failed");
    assert_eq!(log.released(), [(0, JobOutcome::Cancellation)]);
}

#[test]
fn a_runtime_that_is_shut_down_drops_what_it_cannot_release() {
    let log = Logged::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut run = runtime.block_on(async {
        let run = WithResource::new(2, log.clone(), act).run([Act::Wait, Act::Wait]);
        while log.alive() < 2 {
            tokio::task::yield_now().await;
        }
        run
    });
    drop(runtime);
    assert_eq!((log.alive(), log.released()), (0, vec![]));
    let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let failure = other.block_on(run.next()).expect("a failure").expect_err("it was cancelled");
    assert_eq!(failure.to_string(), "stage `resource`: cancelled: the runtime was shut down");
}

#[test]
fn a_runtime_that_is_shut_down_drops_what_is_in_the_scope_as_well() {
    let (outer, inner) = (Arc::new(Logged::default()), Arc::new(Logged::default()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let run = runtime.block_on(async {
        let inside = Arc::clone(&inner);
        let run = WithResource::new(1, Arc::clone(&outer), move |(held, ()): (ResourceGuard<State>, ())| {
            let inside = Arc::clone(&inside);
            async move { Ok(with_in(&held.scope(), inside, |_| pending::<anyhow::Result<()>>()).await?) }
        })
        .run([()]);
        while inner.alive() < 1 {
            tokio::task::yield_now().await;
        }
        run
    });
    drop(runtime);
    drop(run);
    assert_eq!((outer.alive(), inner.alive()), (0, 0));
    assert_eq!((Arc::strong_count(&outer), Arc::strong_count(&inner)), (1, 1));
}

#[test]
fn a_release_that_does_not_wait_needs_no_timer() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let nothing = resource_fn(|| async { Ok(7) }, |_, _| async { Ok(()) });
    let seven = runtime.block_on(with(nothing, |held: ResourceGuard<u32>| async move {
        assert_eq!(format!("{held:?}"), "ResourceGuard(7)");
        Ok(*held)
    }));
    assert_eq!(seven.expect("it does not fail"), 7);
}
