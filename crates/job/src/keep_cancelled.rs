//! The inputs of cancelled jobs.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use towpath_pattern::{Job, Scope};

/// A job that keeps the inputs of its cancelled calls. Created by [`JobExt::keep_cancelled`](crate::JobExt::keep_cancelled).
#[must_use = "a job does nothing until a run calls the job"]
pub struct KeepCancelled<J, In> {
    job: J,
    list: Arc<List<In>>,
}

/// Holds the inputs of the jobs that were cancelled. Created by
/// [`JobExt::keep_cancelled`](crate::JobExt::keep_cancelled), which has an example.
pub struct CancelledInputs<In>(Arc<List<In>>);

struct List<In> {
    /// The number of calls so far.
    calls: AtomicU64,
    cancelled: Mutex<Vec<(u64, In)>>,
}

impl<In> List<In> {
    /// A push moves an input, and a take moves the vector: no code of the user runs under the lock.
    fn lock(&self) -> MutexGuard<'_, Vec<(u64, In)>> {
        self.cancelled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J, In> KeepCancelled<J, In> {
    pub(crate) fn new(job: J) -> (Self, CancelledInputs<In>) {
        let list = Arc::new(List { calls: AtomicU64::new(0), cancelled: Mutex::default() });
        (Self { job, list: Arc::clone(&list) }, CancelledInputs(list))
    }

    fn entry(&self, input: In) -> Entry<'_, In> {
        let number = self.list.calls.fetch_add(1, Ordering::Relaxed);
        Entry { input: Some(input), number, is_cancelled: true, list: &self.list }
    }
}

impl<J: Clone, In> Clone for KeepCancelled<J, In> {
    fn clone(&self) -> Self {
        Self { job: self.job.clone(), list: Arc::clone(&self.list) }
    }
}

impl<J, In> fmt::Debug for KeepCancelled<J, In> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeepCancelled").finish_non_exhaustive()
    }
}

impl<In> CancelledInputs<In> {
    /// Takes the inputs that were cancelled so far, in the order of the starts of their jobs. The list is then empty.
    ///
    /// The list is complete once the run is over: after [`Run::drain`](towpath_pattern::Run::drain) has returned,
    /// [`Run::next`](towpath_pattern::Run::next) has returned `None`, or
    /// [`Scope::wait`](towpath_pattern::Scope::wait) has returned.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use towpath_fanout::{Job, anyhow};
    /// use towpath_job::JobExt;
    ///
    /// let (ask, cancelled) = (|x: u64| async move { anyhow::Ok(x) }).keep_cancelled();
    /// drop(ask.call(1));
    /// ask.call(2).await.expect("no error");
    /// assert_eq!(cancelled.take(), [1]);
    /// assert!(cancelled.take().is_empty());
    /// # }
    /// ```
    #[must_use]
    pub fn take(&self) -> Vec<In> {
        let mut cancelled = mem::take(&mut *self.0.lock());
        cancelled.sort_unstable_by_key(|(number, _)| *number);
        cancelled.into_iter().map(|(_, input)| input).collect()
    }
}

impl<In> fmt::Debug for CancelledInputs<In> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.0.lock().len();
        f.debug_struct("CancelledInputs").field("len", &len).finish_non_exhaustive()
    }
}

#[diagnostic::do_not_recommend]
impl<In, J> Job<In> for KeepCancelled<J, In>
where
    In: Clone + Send + 'static,
    J: Job<In>,
{
    type Out = J::Out;

    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        let input = item.clone();
        // The entry comes after the call: a call that panics is not cancelled.
        Keeping { job: self.job.call(item), entry: self.entry(input) }
    }

    fn call_in(&self, item: In, scope: &Scope) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        let input = item.clone();
        Keeping { job: self.job.call_in(item, scope), entry: self.entry(input) }
    }
}

pin_project! {
    struct Keeping<'a, In, F> {
        // The job is dropped before the entry, so the input enters the list after the drop of the job.
        #[pin]
        job: F,
        entry: Entry<'a, In>,
    }
}

/// The input of a call.
struct Entry<'a, In> {
    /// `None` only during the drop.
    input: Option<In>,
    number: u64,
    /// The call has not returned, and has not panicked in a poll.
    is_cancelled: bool,
    list: &'a List<In>,
}

impl<In, F: Future> Future for Keeping<'_, In, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.entry.is_cancelled = false;
        let polled = this.job.poll(cx);
        this.entry.is_cancelled = polled.is_pending();
        polled
    }
}

impl<In> Drop for Entry<'_, In> {
    fn drop(&mut self) {
        if self.is_cancelled
            && let Some(input) = self.input.take()
        {
            self.list.lock().push((self.number, input));
        }
    }
}
