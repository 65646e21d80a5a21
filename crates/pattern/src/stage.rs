//! One stage of a run: what stands between its source and whoever takes its outputs.
//!
//! [`HandOff`] is the shared heart; workers ([`worker`]) take items from it in batches and put outputs
//! into it, the taker ([`outlet`]) empties it, and one supervisor a run stops the workers and clears up.

mod clearing;
mod closing;
mod handoff;
mod hands;
mod intake;
mod outlet;
mod outputs;
mod roster;
mod supervisor;
mod taken;
mod tray;
mod worker;

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::report::StageReport;
use crate::scope::Scope;
use crate::settings::Settings;
use crate::source::Source;

use handoff::HandOff;
pub(crate) use outlet::{Delivered, Outlet, Took};
pub(crate) use outputs::Finished;
pub use taken::{Begun, Ended, Taken};
pub(crate) use tray::LONG_BATCH;
pub use worker::Work;

/// What everybody may know of a stage, whatever its items are.
pub(crate) trait Stage: Send + Sync {
    /// What has become of its items so far.
    fn report(&self) -> StageReport;

    /// Stops it: the stage after it takes nothing any more.
    fn stop(&self);

    /// Ready when nothing is left of it, nor of the stages before it.
    fn poll_over(&self, cx: &mut Context<'_>) -> Poll<()>;

    /// Ready once a failure or a cancellation stops it; there is one watcher, the stage after it.
    fn poll_stopped(&self, cx: &mut Context<'_>) -> Poll<()>;
}

/// What becomes of the outputs of a stage.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Somebody takes them.
    Yielded,
    /// They are `()`: each counts as delivered as its job ends.
    Discarded,
}

/// Starts a stage: its supervisor and its first worker.
#[track_caller]
pub(crate) fn start<In, Out>(
    scope: &Scope,
    source: Source<In>,
    settings: Settings,
    outcome: Outcome,
    work: impl Work<In, Out>,
) -> Arc<HandOff<In, Out>>
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
    let handoff = Arc::new(HandOff::new(settings, source, outcome, threads));
    let crew = Arc::new(worker::Crew::new(Arc::clone(&handoff), work));
    let first = handoff::Hire { id: handoff.lock().roster.hire(), tray: Box::default() };
    let presence = scope.enter();
    if let Some(by) = presence.stopped_by_now() {
        handoff.cancel(by);
    }
    crew.spawn(first);
    let ending = supervisor::Ending::new(crew, presence);
    runtime.spawn(supervisor::supervise(ending));
    handoff
}
