//! Closures on threads outside the workers of the runtime.

#[cfg(feature = "blocking")]
pub(crate) mod blocking;
#[cfg(feature = "rayon")]
pub(crate) mod cpu;

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;

use tokio::sync::oneshot;
use towpath_pattern::internal::Mutex;
use towpath_pattern::internal::panic::{Payload, catch};
use towpath_pattern::{Cause, JobGuard, Scope};

type Ended<Out> = Result<anyhow::Result<Out>, Payload>;

/// Runs `function` in the task that `spawn` gets.
///
/// A task that has not started is empty after the drop of the returned future: a queue of threads may hold the task for
/// long, and the run must not wait for the queue. A task that has started cannot be stopped, and keeps `scope` open.
// The work is allocated here, and not in the future: an `async fn` would reserve memory for the item twice.
fn offload<'a, In, Out, F, S>(
    name: &'static str,
    function: &Arc<F>,
    item: In,
    scope: Option<&'a Scope>,
    spawn: S,
) -> impl Future<Output = anyhow::Result<Out>> + Send + use<'a, In, Out, F, S>
where
    In: Send,
    Out: Send,
    F: Fn(In) -> anyhow::Result<Out> + Send + Sync,
    S: FnOnce(Task<In, Out, F>) + Send,
{
    let (sender, receiver) = oneshot::channel();
    let work = Work { function: Arc::clone(function), item, guard: scope.map(JobGuard::new) };
    let unstarted = Arc::new(Mutex::new(Some(work)));
    let mut pending = Pending { name, scope, unstarted: Arc::clone(&unstarted), receiver };
    let task = Task { name, unstarted, sender };
    async move {
        spawn(task);
        match (&mut pending.receiver).await {
            Ok(Ok(result)) => result,
            Ok(Err(payload)) => resume_unwind(payload),
            Err(_) => anyhow::bail!("the runtime shut down before the closure ran"),
        }
    }
}

/// A closure and its item. The guard is dropped last.
struct Work<In, F> {
    item: In,
    function: Arc<F>,
    guard: Option<JobGuard>,
}

struct Task<In, Out, F> {
    name: &'static str,
    unstarted: Arc<Mutex<Option<Work<In, F>>>>,
    sender: oneshot::Sender<Ended<Out>>,
}

impl<In, Out, F> Task<In, Out, F>
where
    F: Fn(In) -> anyhow::Result<Out>,
{
    fn run(self) {
        let Self { name, unstarted, sender } = self;
        let work = unstarted.lock().take();
        let Some(Work { item, function, guard }) = work else { return };
        drop(unstarted);
        let mut ended = catch(|| function(item));
        let report = |payload| {
            if let Some(guard) = &guard {
                guard.report(name, Cause::from_panic(payload));
            }
        };
        // The drop of the last clone may panic. Usually, the job has a further clone of the function.
        if let Err(payload) = catch(|| drop(function)) {
            if let Ok(Ok(_)) = &ended {
                ended = Err(payload);
            } else {
                report(payload);
            }
        }
        if let Err(unwanted) = sender.send(ended) {
            discard(unwanted, report);
        }
    }
}

/// Drops the unwanted result of a closure whose job was dropped. A panic of the closure or of the drop is reported.
fn discard<Out>(ended: Ended<Out>, report: impl Fn(Payload)) {
    match ended {
        Ok(result) => catch(|| drop(result)).err().into_iter().for_each(report),
        Err(payload) => report(payload),
    }
}

/// The wait of a job for its closure.
struct Pending<'a, In, Out, F> {
    name: &'static str,
    scope: Option<&'a Scope>,
    unstarted: Arc<Mutex<Option<Work<In, F>>>>,
    receiver: oneshot::Receiver<Ended<Out>>,
}

impl<In, Out, F> Drop for Pending<'_, In, Out, F> {
    fn drop(&mut self) {
        // The work is dropped after the unlock.
        let work = self.unstarted.lock().take();
        drop(work);
        // The closure may have ended in the meantime. After the close, the send of a later result fails, and the task
        // of the closure discards the result.
        self.receiver.close();
        if let Ok(ended) = self.receiver.try_recv() {
            discard(ended, |payload| {
                if let Some(scope) = self.scope {
                    JobGuard::new(scope).report(self.name, Cause::from_panic(payload));
                }
            });
        }
    }
}
