//! Releases: a resource is released with an await however the job ends, and the release masks no failure.

mod log;

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use log::{Logged, RELEASE, Releases, State};
use tokio::time::{Instant, sleep, timeout};
use towpath_resource::{
    Cancelled, Cause, JobOutcome, LiveLimit, OnFailure, PatternExt, ResourceGuard, Scope, TimedOut,
    WithResource, resource_fn, with, with_in,
};

/// The action of a job on an item.
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

/// A release gets the outcome of the last job.
#[tokio::test(start_paused = true)]
async fn release_gets_the_outcome_of_the_last_job() {
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

/// The resource of a stopped job is released, after a cancel, a cancelled scope and a deadline.
#[tokio::test(start_paused = true)]
async fn resource_of_a_stopped_job_is_released() {
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
        assert!(matches!(failure.cause(), Cause::Cancelled(cancelled) if *cancelled == by), "{failure:#}");
        assert_eq!(log.released(), [(0, JobOutcome::Cancellation), (1, JobOutcome::Cancellation)], "{how}");
    }
}

/// The scope of a dropped run waits for the releases, which run at the same time.
#[tokio::test(start_paused = true)]
async fn scope_of_a_dropped_run_waits_for_the_releases() {
    let (log, scope) = (Logged::default(), Scope::new("dropped"));
    let run = WithResource::new(3, log.clone(), act).run_in(&scope, [Act::Wait; 3]);
    sleep(Duration::from_millis(20)).await;
    drop(run);
    let dropped = Instant::now();
    scope.wait().await.expect("nothing failed");
    assert_eq!((log.released().len(), log.alive()), (3, 0));
    assert_eq!(dropped.elapsed(), RELEASE, "the resources are released at the same time");
}

/// The end of a run comes after all releases.
#[tokio::test(start_paused = true)]
async fn end_of_a_run_comes_after_all_releases() {
    let log = Logged::default();
    let outputs = WithResource::new(3, log.clone(), act).run([Act::Pass; 9]).collect().await;
    assert_eq!(outputs.expect("it does not fail").len(), 9);
    assert_eq!((log.released().len(), log.alive()), (log.made().0, 0));
}

/// Resources are reused, and a run has at most as many resources as jobs at once.
#[tokio::test(start_paused = true)]
async fn resources_are_reused_and_as_many_as_jobs_at_once() {
    let log = Logged::default();
    let slow = |(held, _): (ResourceGuard<State>, u32)| async move {
        sleep(Duration::from_millis(5)).await;
        Ok(held.number)
    };
    WithResource::new(4, log.clone(), slow).run(0..100).collect().await.expect("it does not fail");
    assert_eq!(log.made(), (4, 4));

    // No job waits for an acquisition while a resource is idle.
    let quick = |(held, _): (ResourceGuard<State>, u32)| async move { Ok(held.number) };
    let log = Logged::default();
    WithResource::new(1, log.clone(), quick).run(0..100).collect().await.expect("it does not fail");
    assert_eq!(log.made(), (1, 1));
}

/// A resource after a panic or a discard is released before the next resource is acquired.
#[tokio::test(start_paused = true)]
async fn discarded_resource_is_gone_before_the_next_comes() {
    for broken in [Act::Panic, Act::Discard] {
        let log = Logged::default();
        let jobs = WithResource::new(2, log.clone(), act).on_failure(OnFailure::Continue);
        let report = jobs.run([broken; 20]).finish().await;
        assert_eq!(log.made(), (20, 2), "{broken:?}: {report}");
        assert_eq!((log.released().len(), log.alive()), (20, 0), "{broken:?}");
    }
}

/// The fourth job starts, and waits for the release of a resource. The job gets a resource although the limit is
/// lowered and raised again during the wait.
#[tokio::test(start_paused = true)]
async fn started_job_gets_a_resource_though_the_limit_was_lower_meanwhile() {
    let (limit, log) = (LiveLimit::new(3), Logged::default());
    let acts = [Act::Discard, Act::Wait, Act::Wait, Act::Pass];
    let mut run = WithResource::new(&limit, log.clone(), act).run(acts);
    assert_eq!(run.next().await.unwrap().unwrap(), 0);
    sleep(RELEASE / 2).await;
    limit.set(1);
    sleep(RELEASE).await;
    limit.set(3);
    let last = timeout(2 * RELEASE, run.next()).await.expect("the last job has a resource");
    assert_eq!(last.unwrap().unwrap(), 3);
    assert_eq!(log.made(), (4, 3));
}

/// The guards of the first two jobs outlive their jobs, so the third job waits for a resource until the limit is higher.
#[tokio::test(start_paused = true)]
async fn higher_limit_gives_a_waiting_job_a_resource() {
    let (limit, log) = (LiveLimit::new(2), Logged::default());
    let kept = Arc::<Mutex<Vec<ResourceGuard<State>>>>::default();
    let keeps = Arc::clone(&kept);
    let job = move |(held, keep): (ResourceGuard<State>, bool)| {
        let number = held.number;
        if keep {
            keeps.lock().unwrap().push(held);
        }
        async move { Ok(number) }
    };
    let mut run = WithResource::new(&limit, log.clone(), job).run([true, true, false]);
    run.next().await.unwrap().unwrap();
    run.next().await.unwrap().unwrap();
    assert!(timeout(RELEASE, run.next()).await.is_err(), "no resource is left");
    limit.set(3);
    let last = timeout(RELEASE, run.next()).await.expect("the third job has a resource");
    assert_eq!(last.unwrap().unwrap(), 2);
    kept.lock().unwrap().clear();
    assert!(run.next().await.is_none());
    assert_eq!((log.made(), log.alive()), ((3, 3), 0));
}

/// The resource of a job with an error is reused.
#[tokio::test(start_paused = true)]
async fn resource_after_an_error_is_reused() {
    let log = Logged::default();
    let jobs = WithResource::new(1, log.clone(), act).on_failure(OnFailure::Continue);
    let report = jobs.run([Act::Err, Act::Err, Act::Pass]).finish().await;
    assert_eq!((report.stages[0].counts.errored, log.made()), (2, (1, 1)));
    assert_eq!(log.released(), [(0, JobOutcome::Success)]);
}

/// A failed release is a failure of the run, and comes after the outputs.
#[tokio::test(start_paused = true)]
async fn failed_release_is_a_failure_after_the_outputs() {
    let log = Logged::with_releases_that(Releases::Fail);
    let mut run = WithResource::new(1, log, act).run([Act::Pass]);
    assert!(matches!(run.next().await, Some(Ok(0))));
    let failure = run.next().await.expect("the release failed").expect_err("the release failed");
    assert_eq!(format!("{failure:#}"), "stage `resource` failed: release 0 failed");
    assert!(run.next().await.is_none());
}

/// A release that fails, panics or exceeds its time does not mask the failure of the job.
#[tokio::test(start_paused = true)]
async fn failed_release_masks_no_failure_of_a_job() {
    for releases in [Releases::Fail, Releases::Panic, Releases::Hang] {
        let mut run = WithResource::new(1, Logged::with_releases_that(releases), act).run([Act::Err]);
        let failure = run.next().await.expect("a failure").expect_err("the job failed");
        assert_eq!(format!("{failure:#}"), "item 0 at stage `resource` failed: no");
        let others = run.finish().await.failures;
        let expected = match releases {
            Releases::Fail => "stage `resource` failed: release 0 failed",
            Releases::Panic => "stage `resource` panicked: release 0 broke",
            _ => "stage `resource` timed out: a release was not done in time: no result within 5s",
        };
        assert_eq!(others.iter().map(|failure| format!("{failure:#}")).collect::<Vec<_>>(), [expected]);
        let of_its_kind = match releases {
            Releases::Panic => matches!(others[0].cause(), Cause::Panicked(_)),
            Releases::Hang => matches!(others[0].cause(), Cause::TimedOut(_)),
            _ => matches!(others[0].cause(), Cause::Errored(_)),
        };
        assert!(of_its_kind, "{expected}");
        assert!(format!("{:?}", others[0]).matches("5s").count() <= 1, "{:?}", others[0]);
    }
}

/// The scope of a dropped run records the failure of a release.
#[tokio::test(start_paused = true)]
async fn failed_release_after_a_drop_is_recorded_by_the_scope() {
    let scope = Scope::new("dropped");
    let run =
        WithResource::new(1, Logged::with_releases_that(Releases::Fail), act).run_in(&scope, [Act::Wait]);
    sleep(Duration::from_millis(20)).await;
    drop(run);
    let failure = scope.wait().await.expect_err("the release failed");
    assert_eq!(format!("{failure:#}"), "stage `resource` failed: release 0 failed");
}

/// A release completes after the deadline of the run, and has a time limit of its own.
#[tokio::test(start_paused = true)]
async fn release_after_the_deadline_has_its_own_time_limit() {
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

/// An item whose resource is not acquired fails with the error of the acquisition.
#[tokio::test(start_paused = true)]
async fn item_without_a_resource_fails_with_the_acquire_error() {
    let unreachable = resource_fn(|| async { anyhow::bail!("connection refused") }, |(), _| async { Ok(()) });
    let jobs = WithResource::new(1, unreachable, |(_, x): (ResourceGuard<()>, u32)| async move { Ok(x) });
    let outcomes = jobs.on_failure(OnFailure::Continue).run([1, 2]).outcomes().await.0;
    let failures = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    let messages: Vec<_> = failures.map(|failure| format!("{failure:#}")).collect();
    let expected = [0, 1].map(|item| format!("item {item} at stage `resource` failed: connection refused"));
    assert_eq!(messages, expected);
}

/// The run waits for a guard that outlives its job, and releases the resource.
#[tokio::test(start_paused = true)]
async fn guard_outliving_its_job_is_awaited_and_released() {
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

/// The run waits for a guard that outlives its job, also after the release of another resource.
#[tokio::test(start_paused = true)]
async fn guard_outliving_its_job_after_a_release_is_awaited() {
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

/// A guard that is not dropped in time is a failure of the run.
#[tokio::test(start_paused = true)]
async fn guard_that_is_never_dropped_is_a_failure() {
    let lend = |(held, ()): (ResourceGuard<State>, ())| async move { Ok(held) };
    let mut run = WithResource::new(1, Logged::default(), lend).run([()]);
    let held = run.next().await.expect("an output").expect("it does not fail");
    let failure = run.next().await.expect("a failure").expect_err("it is still held");
    let expected = "stage `resource` failed: 1 of the resources still checked out 5s after the last job";
    assert_eq!(format!("{failure:#}"), expected);
    drop(held);
}

/// `with` releases its resource after a success and after an error.
#[tokio::test(start_paused = true)]
async fn with_releases_after_success_and_error() {
    let log = Logged::default();
    let number = with(log.clone(), |held| async move { Ok(held.number) }).await.expect("it does not fail");
    assert_eq!((number, log.released()), (0, vec![(0, JobOutcome::Success)]));

    let log = Logged::with_releases_that(Releases::Fail);
    let failed = with(log.clone(), |_held| async move { anyhow::bail!("no") }).await.map(|()| 0);
    assert_eq!(failed.unwrap_err().index(), Some(0));
    assert_eq!(log.released(), [(0, JobOutcome::Error)]);
}

/// A `with_in` that is dropped releases its resource, and the scope waits for the release.
#[tokio::test(start_paused = true)]
async fn dropped_with_in_releases_and_its_scope_waits() {
    let (log, scope) = (Logged::default(), Scope::new("dropped"));
    let work = with_in(&scope, log.clone(), |_held| pending::<anyhow::Result<()>>());
    timeout(Duration::from_millis(50), work).await.expect_err("it never ends");
    scope.wait().await.expect("nothing failed");
    assert_eq!(log.released(), [(0, JobOutcome::Cancellation)]);
}

/// A shutdown of the runtime drops the resources, and the run fails as cancelled.
#[test]
fn runtime_shutdown_drops_the_resources() {
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
    assert_eq!(format!("{failure:#}"), "stage `resource` was cancelled: the runtime was shut down");
}

/// A shutdown of the runtime also drops the resources in the scope of a resource.
#[test]
fn runtime_shutdown_drops_resources_in_scopes_as_well() {
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

/// A release that is ready at once needs no timers.
#[test]
fn release_that_is_ready_needs_no_timers() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let nothing = resource_fn(|| async { Ok(7) }, |_, _| async { Ok(()) });
    let seven = runtime.block_on(with(nothing, |held: ResourceGuard<u32>| async move {
        assert_eq!(format!("{held:?}"), "ResourceGuard(7)");
        Ok(*held)
    }));
    assert_eq!(seven.expect("it does not fail"), 7);
}

/// The outcome of the last job agrees with the counts, also if the cause of the error is below a context.
#[tokio::test]
async fn outcome_of_an_error_agrees_with_the_counts() {
    let late = || anyhow::Error::from(TimedOut { after: RELEASE }).context("no answer");
    let panicked = tokio::task::spawn_blocking(|| panic!("no digest")).await.expect_err("it panicked");
    let panicked = anyhow::Error::from(panicked).context("no answer");
    let errors = [
        (anyhow::anyhow!("no"), JobOutcome::Error, [1, 0, 0]),
        (late(), JobOutcome::Timeout, [0, 1, 0]),
        (panicked, JobOutcome::Panic, [0, 0, 1]),
    ];
    for (error, after, groups) in errors {
        let log = Logged::default();
        let job = |(_held, error): (ResourceGuard<State>, anyhow::Error)| async move { Err::<(), _>(error) };
        let report = WithResource::new(1, log.clone(), job).run([error]).finish().await;
        assert_eq!(log.released(), [(0, after)], "{report}");
        let counts = report.last();
        assert_eq!([counts.errored, counts.timed_out, counts.panicked], groups, "{report}");
    }
}

/// The error of a job, of an acquisition or of a release.
#[derive(Debug, PartialEq)]
struct Refused(&'static str);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} refused", self.0)
    }
}

impl std::error::Error for Refused {}

fn refuse(step: &'static str, refuses: &'static str) -> anyhow::Result<()> {
    if step == refuses { Err(anyhow::Error::from(Refused(step)).context("no answer")) } else { Ok(()) }
}

#[tokio::test]
async fn downcast_finds_the_error_of_a_job_and_of_a_resource() {
    for refuses in ["acquire", "job", "release"] {
        let resource = resource_fn(
            move || async move { refuse("acquire", refuses) },
            move |(), _| async move { refuse("release", refuses) },
        );
        let job = move |(_held, ()): (ResourceGuard<()>, ())| async move { refuse("job", refuses) };
        let report = WithResource::new(1, resource, job).run([()]).finish().await;
        let [failure] = &report.failures[..] else { panic!("one failure: {report}") };
        assert_eq!(failure.downcast_ref(), Some(&Refused(refuses)), "{failure:#}");
        assert_eq!(report.to_string().matches("refused").count(), 1, "{report}");
    }
}
