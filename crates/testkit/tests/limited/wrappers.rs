//! The wrappers of a job, in a form that a check can judge: every item has a single job. The first attempt of a retry
//! fails before the job. The second attempt of a hedge fails after the job, in the poll in which the job has failed.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, Ready};
use std::hint;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_util::future::Either;
use pin_project_lite::pin_project;
use tokio::sync::Notify;
use tower_service::Service;
use towpath_job::backon::ConstantBuilder;
use towpath_job::{JobExt, blocking, cpu, service};
use towpath_pattern::{Job, Scope, anyhow};

use crate::erased_job::ErasedJob;

/// Longer than all jobs of a check one after another.
const LONG: Duration = Duration::from_secs(1_000_000_000);

/// The time to the second attempt of a hedge.
const HEDGED_AFTER: Duration = Duration::from_millis(1);

type Wrapped<In, J> = ErasedJob<In, <J as Job<In>>::Out>;

/// A time limit that never passes.
pub fn timeout<In: Send + 'static, J: Job<In>>(job: J) -> Wrapped<In, J> {
    ErasedJob::new(job.timeout(LONG))
}

/// Two attempts: the first fails before the job, and a failure of the job itself is not retried.
pub fn retry<In: Clone + Send + 'static, J: Job<In>>(job: J) -> Wrapped<In, J> {
    let at_once = ConstantBuilder::new().with_delay(Duration::ZERO).with_max_times(3);
    let attempts = OneJob { job, attempt: Which::Second };
    let attempts = attempts.retry(at_once).without_jitter().when(anyhow::Error::is::<TryAgain>);
    ErasedJob::new(Attempted(attempts))
}

/// Two attempts: the second starts next to the job, and never has an output.
pub fn hedge<In: Clone + Send + 'static, J: Job<In>>(job: J) -> Wrapped<In, J> {
    ErasedJob::new(Attempted(OneJob { job, attempt: Which::First }.hedge(HEDGED_AFTER)))
}

/// Keeps the shell of an item, since a check counts the items that are left.
pub fn keep_input<In: Send + 'static, J: Job<In>>(job: J) -> Wrapped<In, J> {
    ErasedJob::new(Shelled(Unshelled(job).keep_input()))
}

/// Keeps the shells of the cancelled items.
pub fn keep_cancelled<In: Send + 'static, J: Job<In>>(job: J) -> Wrapped<In, J> {
    let (job, _cancelled) = Unshelled(job).keep_cancelled();
    ErasedJob::new(Shelled(job))
}

/// A service in front of the job.
pub fn behind_a_service<In: Send + 'static, J: Job<In>>(job: J) -> Wrapped<In, J> {
    ErasedJob::new(Behind { first: service(Echo { is_ready: false }), job })
}

/// The time of a closure.
const A_WHILE: Duration = Duration::from_micros(20);

/// Returns the item after a while, so that a run is also stopped during a closure. The closure does not yield its
/// thread: on a machine with other work, every yield takes milliseconds.
#[allow(clippy::unnecessary_wraps, reason = "the result of a closure")]
fn slowly<In>(item: In) -> anyhow::Result<In> {
    let began = Instant::now();
    while began.elapsed() < A_WHILE {
        hint::spin_loop();
    }
    Ok(item)
}

/// A closure on a thread of the runtime, in front of the job.
pub fn behind_a_blocking_closure<In: Send + 'static, J: Job<In>>(job: J) -> Wrapped<In, J> {
    ErasedJob::new(Behind { first: blocking(slowly::<In>), job })
}

/// A closure on a thread of rayon, in front of the job.
pub fn behind_a_computing_closure<In: Send + 'static, J: Job<In>>(job: J) -> Wrapped<In, J> {
    ErasedJob::new(Behind { first: cpu(slowly::<In>), job })
}

/// An item with its attempts.
#[derive(Clone)]
struct Attempt<In> {
    item: In,
    attempts: Arc<Attempts>,
}

#[derive(Default)]
struct Attempts {
    count: AtomicUsize,
    job_has_failed: Notify,
}

impl<In> Attempt<In> {
    fn first_of(item: In) -> Self {
        Self { item, attempts: Arc::default() }
    }
}

/// The outer job: the items of the inner job count their attempts.
struct Attempted<J>(J);

impl<In: Send + 'static, J: Job<Attempt<In>>> Job<In> for Attempted<J> {
    type Out = J::Out;

    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        self.0.call(Attempt::first_of(item))
    }

    fn call_in(&self, item: In, scope: &Scope) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        self.0.call_in(Attempt::first_of(item), scope)
    }
}

/// The attempt with the job.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    First,
    Second,
}

#[derive(Debug)]
struct TryAgain;

impl fmt::Display for TryAgain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("try again")
    }
}

impl std::error::Error for TryAgain {}

/// The inner job: one of two attempts has the job.
struct OneJob<J> {
    job: J,
    attempt: Which,
}

/// An attempt without a job.
type NoJob<Out> = Pin<Box<dyn Future<Output = anyhow::Result<Out>> + Send>>;

impl<J> OneJob<J> {
    fn attempt<In, Out, F>(
        &self,
        Attempt { item, attempts }: Attempt<In>,
        job: impl FnOnce(In) -> F,
    ) -> Either<NoJob<Out>, Signals<F>>
    where
        Out: Send + 'static,
        F: Future<Output = anyhow::Result<Out>>,
    {
        let is_first = attempts.count.fetch_add(1, Ordering::Relaxed) == 0;
        if is_first == (self.attempt == Which::First) {
            return Either::Right(Signals { job: job(item), attempts });
        }
        Either::Left(Box::pin(async move {
            if !is_first {
                attempts.job_has_failed.notified().await;
            }
            Err(TryAgain.into())
        }))
    }
}

pin_project! {
    /// The attempt with the job.
    struct Signals<F> {
        #[pin]
        job: F,
        attempts: Arc<Attempts>,
    }
}

impl<Out, F: Future<Output = anyhow::Result<Out>>> Future for Signals<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let result = ready!(this.job.poll(cx));
        if result.is_err() {
            this.attempts.job_has_failed.notify_one();
        }
        Poll::Ready(result)
    }
}

impl<In: Send + 'static, J: Job<In>> Job<Attempt<In>> for OneJob<J> {
    type Out = J::Out;

    fn call(&self, item: Attempt<In>) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        self.attempt(item, |item| self.job.call(item))
    }

    fn call_in(
        &self,
        item: Attempt<In>,
        scope: &Scope,
    ) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        self.attempt(item, |item| self.job.call_in(item, scope))
    }
}

/// An item that leaves its shell at the start of the job.
struct Shell<In>(Arc<Mutex<Option<In>>>);

impl<In> Shell<In> {
    fn new(item: In) -> Self {
        Self(Arc::new(Mutex::new(Some(item))))
    }

    fn open(self) -> In {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().expect("opened once")
    }
}

impl<In> Clone for Shell<In> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// The outer job: the items of the inner job have shells.
struct Shelled<J>(J);

impl<In: Send + 'static, J: Job<Shell<In>>> Job<In> for Shelled<J> {
    type Out = J::Out;

    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        self.0.call(Shell::new(item))
    }

    fn call_in(&self, item: In, scope: &Scope) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        self.0.call_in(Shell::new(item), scope)
    }
}

/// The inner job.
struct Unshelled<J>(J);

impl<In: Send + 'static, J: Job<In>> Job<Shell<In>> for Unshelled<J> {
    type Out = J::Out;

    fn call(&self, item: Shell<In>) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        self.0.call(item.open())
    }

    fn call_in(&self, item: Shell<In>, scope: &Scope) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        self.0.call_in(item.open(), scope)
    }
}

/// A service that returns the item, and is ready at the second poll.
#[derive(Clone)]
struct Echo {
    is_ready: bool,
}

impl<In> Service<In> for Echo {
    type Response = In;
    type Error = Infallible;
    type Future = Ready<Result<In, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if std::mem::replace(&mut self.is_ready, true) {
            return Poll::Ready(Ok(()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, item: In) -> Self::Future {
        std::future::ready(Ok(item))
    }
}

/// A job behind a job that returns the item.
struct Behind<S, J> {
    first: S,
    job: J,
}

pin_project! {
    #[project = Steps]
    enum Behinds<A, B, Start> {
        First { #[pin] first: A, start: Option<Start> },
        Job { #[pin] job: B },
    }
}

impl<In, Out, A, B, Start> Future for Behinds<A, B, Start>
where
    A: Future<Output = anyhow::Result<In>>,
    B: Future<Output = anyhow::Result<Out>>,
    Start: FnOnce(In) -> B,
{
    type Output = anyhow::Result<Out>;

    // Not an `async` block: the block would drop a completed job, and the pattern must drop the job.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let job = match self.as_mut().project() {
                Steps::Job { job } => return job.poll(cx),
                Steps::First { first, start } => {
                    let item = ready!(first.poll(cx))?;
                    start.take().expect("started once")(item)
                }
            };
            self.set(Self::Job { job });
        }
    }
}

impl<In: Send + 'static, S: Job<In, Out = In>, J: Job<In>> Job<In> for Behind<S, J> {
    type Out = J::Out;

    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        Behinds::First { first: self.first.call(item), start: Some(|item| self.job.call(item)) }
    }

    fn call_in(&self, item: In, scope: &Scope) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        let start = move |item| self.job.call_in(item, scope);
        Behinds::First { first: self.first.call_in(item, scope), start: Some(start) }
    }
}
