//! One stage of a run, from the source to the receiver of the outputs.
//!
//! `stage/README.md` in the repository has the states of a worker, the life of an item, and the numbered invariants.

mod delivered;
mod output_port;
mod shared;
mod shutdown;
mod slot;
mod state;
mod step;
mod stop_signal;
mod supervisor;
mod work;
mod worker;

use std::sync::Arc;
use std::task::Waker;

use crate::limit::JobLimit;
use crate::scope::Scope;
use crate::settings::Settings;
use crate::source::Source;

pub(crate) use delivered::Delivered;
pub(crate) use output_port::{OutputPort, Took};
use shared::StageShared;
pub(crate) use state::Delivery;
pub use work::{Completed, Running, Taken, Work};

/// Starts a stage: the supervisor and the first worker.
#[track_caller]
pub(crate) fn start<In, Out>(
    scope: &Scope,
    source: Source<In>,
    settings: Settings,
    delivery: Delivery,
    work: impl Work<In, Out>,
) -> Arc<dyn OutputPort<Out>>
where
    In: Send + 'static,
    Out: Send + 'static,
{
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        panic!(
            "a run of `{}` was started outside a tokio runtime; start it within `#[tokio::main]`, \
             `Runtime::block_on` or a task",
            settings.name
        );
    };
    let threads = runtime.metrics().num_workers();
    let live = matches!(settings.limit, JobLimit::Live(_));
    let signal = Arc::new(stop_signal::StopSignal::new(live));
    let jobs = scope.watched_child(Arc::clone(&settings.name), Waker::from(Arc::clone(&signal)));
    let shared = StageShared::new(jobs.downgrade(), signal, settings, source, delivery, threads);
    let shared = Arc::new(shared);
    worker::watch_limit(&shared);
    let context = worker::WorkerContext::new(Arc::clone(&shared), work, jobs, runtime.clone());
    let first = shared.with(state::State::first_worker);
    let supervision = supervisor::Supervision::new(Arc::clone(&context), scope.enter());
    context.spawn(first);
    runtime.spawn(supervisor::supervise(supervision));
    shared
}
