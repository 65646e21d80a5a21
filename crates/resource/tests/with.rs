//! `with`: every combination of the outcomes of the work and of the release, and both failures in the message.

mod log;

use std::future::pending;
use std::time::Duration;

use anyhow::anyhow;
use log::{Logged, RELEASE, Releases};
use tokio::time::{sleep, timeout};
use towpath_resource::{Cause, Failure, Scope, TimedOut, resource_fn, with, with_in};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Works {
    Succeed,
    Fail,
    TimeOut,
    Panic,
}

const WORKS: [(Works, &str); 4] = [
    (Works::Succeed, ""),
    (Works::Fail, "no answer"),
    (Works::TimeOut, "no result within"),
    (Works::Panic, "broken work"),
];

const RELEASES: [(Releases, &str); 4] = [
    (Releases::Succeed, ""),
    (Releases::Fail, "release 0 failed"),
    (Releases::Panic, "release 0 broke"),
    (Releases::Hang, "a release was not done in time"),
];

async fn work(works: Works) -> anyhow::Result<u32> {
    tokio::task::yield_now().await;
    match works {
        Works::Succeed => Ok(7),
        Works::Fail => Err(anyhow!("no answer")),
        Works::TimeOut => Err(TimedOut { after: RELEASE }.into()),
        Works::Panic => panic!("broken work"),
    }
}

fn is_of(works: Works, failure: &Failure) -> bool {
    match failure.cause() {
        Cause::Errored(_) => works == Works::Fail,
        Cause::TimedOut(_) => works == Works::TimeOut,
        Cause::Panicked(panic) => works == Works::Panic && panic.message() == "broken work",
        _ => false,
    }
}

/// The first failure is the failure of the work; a failed release follows, and is in the same message.
#[tokio::test(start_paused = true)]
async fn with_reports_the_work_and_the_release() {
    for (works, of_work) in WORKS {
        for (releases, of_release) in RELEASES {
            for in_scope in [false, true] {
                let what = format!("{works:?}, {releases:?}, in a scope: {in_scope}");
                let scope = Scope::new("outer");
                let resource = Logged::with_releases_that(releases);
                let result = if in_scope {
                    with_in(&scope, resource.clone(), move |_held| work(works)).await
                } else {
                    with(resource.clone(), move |_held| work(works)).await
                };
                assert_eq!(
                    (resource.released().len(), resource.made(), resource.alive()),
                    (1, (1, 1), 0),
                    "{what}"
                );
                scope.wait().await.expect("the result has all failures");
                let (worked, released) = (of_work.is_empty(), of_release.is_empty());
                let failure = match result {
                    Ok(value) => {
                        assert!(worked && released && value == 7, "{what}");
                        continue;
                    }
                    Err(failure) => failure,
                };
                assert!(!worked || !released, "{what}: {failure}");
                assert_eq!(failure.later().len(), usize::from(!worked && !released), "{what}: {failure}");
                assert!(worked || is_of(works, &failure), "{what}: {failure}");
                assert_eq!(failure.index(), (!worked).then_some(0), "{what}: {failure}");
                let message = format!("{:#}", anyhow::Error::from(failure));
                assert!(message.contains(of_work) && message.contains(of_release), "{what}: {message}");
            }
        }
    }
}

/// The error of the work can be downcast, and its sources are in the message.
#[tokio::test(start_paused = true)]
async fn with_keeps_the_error_of_the_work() {
    let resource = Logged::with_releases_that(Releases::Fail);
    let refused = || anyhow::Error::from(std::io::Error::other("refused")).context("no route");
    let failure = with(resource, move |_held| async move { Err::<(), _>(refused()) }).await.unwrap_err();
    assert!(matches!(failure.cause(), Cause::Errored(error) if error.is::<std::io::Error>()));
    let message = format!("{:#}", anyhow::Error::from(failure));
    for part in ["no route", "refused", "release 0 failed"] {
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn with_without_a_resource_has_the_failure_of_the_acquisition() {
    let unreachable = resource_fn(|| async { anyhow::bail!("unreachable") }, |(), _| async { Ok(()) });
    let failure = with(unreachable, |_held| async { Ok(()) }).await.unwrap_err();
    assert!(failure.later().is_empty());
    assert!(format!("{:#}", anyhow::Error::from(failure)).contains("unreachable"));
}

/// The work is stopped by the deadline, and the release fails.
#[tokio::test(start_paused = true)]
async fn with_in_a_passed_deadline_reports_the_deadline_and_the_release() {
    let scope = Scope::new("request").with_timeout(Duration::from_secs(1));
    let resource = Logged::with_releases_that(Releases::Fail);
    let result = with_in(&scope, resource, |_held| pending::<anyhow::Result<()>>()).await;
    let message = format!("{:#}", anyhow::Error::from(result.unwrap_err()));
    assert!(message.contains("the deadline of the scope `request` passed"), "{message}");
    assert!(message.contains("release 0 failed"), "{message}");
    scope.wait().await.expect("the result has all failures");
}

/// A dropped future returns no failure, so the scope has the failure of the release.
#[tokio::test(start_paused = true)]
async fn with_in_that_is_dropped_leaves_the_failure_to_the_scope() {
    let scope = Scope::new("request");
    let resource = Logged::with_releases_that(Releases::Fail);
    let work = with_in(&scope, resource, |_held| async {
        sleep(Duration::from_secs(60)).await;
        Ok(())
    });
    timeout(Duration::from_secs(1), work).await.expect_err("the work is slow");
    let failure = scope.wait().await.expect_err("the release failed");
    assert!(format!("{:#}", anyhow::Error::from(failure)).contains("release 0 failed"));
}
