//! A job of any type: a pattern is compiled for one type, and not for every pair of wrappers.

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use towpath_pattern::{Job, Scope, anyhow};

/// A job behind a pointer.
pub struct ErasedJob<In, Out>(Arc<dyn AnyJob<In, Out>>);

/// A job that runs.
pub type Running<'a, Out> = Pin<Box<dyn Future<Output = anyhow::Result<Out>> + Send + 'a>>;

trait AnyJob<In, Out>: Send + Sync {
    fn call<'a>(&'a self, item: In, scope: Option<&'a Scope>) -> Running<'a, Out>;
}

impl<In: Send + 'static, J: Job<In>> AnyJob<In, J::Out> for J {
    fn call<'a>(&'a self, item: In, scope: Option<&'a Scope>) -> Running<'a, J::Out> {
        match scope {
            Some(scope) => Box::pin(self.call_in(item, scope)),
            None => Box::pin(Job::call(self, item)),
        }
    }
}

impl<In: Send + 'static, Out: Send + 'static> ErasedJob<In, Out> {
    pub fn new(job: impl Job<In, Out = Out>) -> Self {
        Self(Arc::new(job))
    }

    /// Starts the job in the scope of the jobs.
    pub fn start<'a>(&'a self, item: In, scope: &'a Scope) -> Running<'a, Out> {
        AnyJob::call(&*self.0, item, Some(scope))
    }
}

impl<In: Send + 'static, Out: Send + 'static> Job<In> for ErasedJob<In, Out> {
    type Out = Out;

    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<Out>> + Send {
        AnyJob::call(&*self.0, item, None)
    }

    fn call_in(&self, item: In, scope: &Scope) -> impl Future<Output = anyhow::Result<Out>> + Send {
        // The type behind the pointer has one lifetime, and the returned type has two. An `async` block has both.
        keeping(move |ended| async move { ended.keep(self.start(item, scope)).await })
    }
}

/// The result of a job in an `async` block.
pub struct Ended<Out>(Arc<Mutex<Option<anyhow::Result<Out>>>>);

impl<Out> Ended<Out> {
    /// Runs a job to its end, and keeps the completed job.
    pub async fn keep(self, mut running: Running<'_, Out>) {
        let result = poll_fn(|cx| running.as_mut().poll(cx)).await;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        pending::<()>().await;
        drop(running);
    }
}

/// Returns a future of the job in the `async` block of `block`. The block calls [`Ended::keep`] last, and so never
/// completes: the end of the block would drop the completed job, and the pattern must drop the job.
pub fn keeping<Out, F: Future<Output = ()> + Send>(
    block: impl FnOnce(Ended<Out>) -> F,
) -> impl Future<Output = anyhow::Result<Out>> {
    let result = Arc::new(Mutex::new(None));
    let mut running = Box::pin(block(Ended(Arc::clone(&result))));
    poll_fn(move |cx| {
        let _ = running.as_mut().poll(cx);
        let result = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        result.map_or(Poll::Pending, Poll::Ready)
    })
}
