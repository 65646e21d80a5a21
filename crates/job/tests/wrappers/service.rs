//! A tower service as a job.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tower::limit::ConcurrencyLimit;
use tower::{BoxError, Service, service_fn};
use towpath_fanout::{Cause, Fanout, OnFailure, PatternExt};
use towpath_job::{JobExt, service};

use crate::seconds;

#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl Error for Refused {}

/// A service that is ready at the third poll. Clones are not ready, as the contract of tower allows.
#[derive(Default)]
struct SlowToReady {
    polls: usize,
}

impl Clone for SlowToReady {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<u64> for SlowToReady {
    type Response = u64;
    type Error = Refused;
    type Future = Ready<Result<u64, Refused>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        self.polls += 1;
        if self.polls < 3 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, x: u64) -> Self::Future {
        assert!(self.polls >= 3, "called before it was ready");
        self.polls = 0;
        ready(if x == 9 { Err(Refused) } else { Ok(x * 2) })
    }
}

/// The clone that was ready is the clone that is called.
#[tokio::test(start_paused = true)]
async fn clone_that_is_ready_is_called() {
    let outputs = Fanout::new(4, service(SlowToReady::default())).ordered().run([1, 2, 3]).collect().await;
    assert_eq!(outputs.expect("no failure"), [2, 4, 6]);
}

#[tokio::test(start_paused = true)]
async fn error_of_a_service_is_found_by_its_type() {
    let failure = Fanout::new(1, service(SlowToReady::default())).run([9]).collect().await.unwrap_err();
    assert!(failure.downcast_ref::<Refused>().is_some());
    assert_eq!(format!("{failure:#}"), "item 0 at stage `fanout` failed: the service failed: refused");
}

/// Most layers of tower box their errors.
#[tokio::test(start_paused = true)]
async fn boxed_error_of_a_service_is_found_by_its_type() {
    let refuses = service_fn(|_: u64| ready(Err::<(), BoxError>(Refused.into())));
    let failure = Fanout::new(1, service(refuses)).run([9]).collect().await.unwrap_err();
    assert!(failure.downcast_ref::<Refused>().is_some());
    assert_eq!(format!("{failure:#}"), "item 0 at stage `fanout` failed: the service failed: refused");
}

/// A boxed error with tokio's `Elapsed` counts as timed out.
#[tokio::test(start_paused = true)]
async fn boxed_timeout_of_a_service_counts_as_timed_out() {
    let slow = service_fn(|_: u64| async {
        tokio::time::timeout(seconds(1), std::future::pending::<()>()).await.map_err(BoxError::from)
    });
    let failure = Fanout::new(1, service(slow)).run([9]).collect().await.unwrap_err();
    assert!(matches!(failure.cause(), Cause::TimedOut(_)), "{failure:#}");
}

#[derive(Clone)]
struct NeverReady;

impl Service<u64> for NeverReady {
    type Response = ();
    type Error = Refused;
    type Future = Ready<Result<(), Refused>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        Poll::Ready(Err(Refused))
    }

    fn call(&mut self, _: u64) -> Self::Future {
        unreachable!("never ready")
    }
}

#[tokio::test(start_paused = true)]
async fn error_of_the_readiness_is_the_error_of_the_job() {
    let failure = Fanout::new(1, service(NeverReady)).run([9]).collect().await.unwrap_err();
    assert!(failure.downcast_ref::<Refused>().is_some());
}

/// Counts a call until the drop.
struct Leaves(Arc<AtomicUsize>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The clones share the limit of the service, and the wait for readiness counts as time of the job.
#[tokio::test(start_paused = true)]
async fn limit_of_a_service_bounds_all_jobs() {
    let running = Arc::new(AtomicUsize::new(0));
    let peak = Arc::new(AtomicUsize::new(0));
    let (now, most) = (Arc::clone(&running), Arc::clone(&peak));
    let slow = service_fn(move |_: u64| {
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let held = Leaves(Arc::clone(&now));
        async move {
            let _held = held;
            tokio::time::sleep(seconds(1)).await;
            Ok::<_, Infallible>(())
        }
    });
    let job = service(ConcurrencyLimit::new(slow, 2)).timeout(seconds(5) / 2);
    let report = Fanout::new(8, job).on_failure(OnFailure::Continue).run(0..8).finish().await;
    assert_eq!(peak.load(Ordering::SeqCst), 2);
    assert_eq!((report.last().succeeded, report.last().timed_out), (4, 4));
}
