//! One stage of a run: what stands between its source and whoever takes its outputs.
//!
//! [`HandOff`] is the shared heart; workers ([`worker`]) take items from it in batches and put outputs
//! into it, the taker ([`outlet`]) empties it, and one supervisor a run stops the workers and clears up.

mod clearing;
mod closing;
mod handoff;
mod hands;
mod intake;
mod output_port;
mod outputs;
mod roster;
mod supervisor;
mod taken;
mod tray;
mod worker;

use std::sync::Arc;

use crate::scope::Scope;
use crate::settings::Settings;
use crate::source::Source;

use handoff::HandOff;
pub(crate) use output_port::{Delivered, OutputPort, Took};
pub use taken::{Begun, Ended, Taken};
pub use worker::Work;

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
    let guard = scope.enter();
    if let Some(by) = guard.stopped_by_now() {
        handoff.cancel(by);
    }
    crew.spawn(first);
    let ending = supervisor::Ending::new(crew, guard);
    runtime.spawn(supervisor::supervise(ending));
    handoff
}
