//! Runs, what they are made of and what becomes of them: sources, workers, scopes, ends.

mod ahead;
mod author;
mod closed;
mod dropped_items;
mod dropped_last;
mod generated;
mod kept;
mod mended;
mod mended_ends;
mod run;
mod scope;
mod shut_down;
mod source;
mod told;
mod two_faults;
mod workers;
mod wrong_uses;

use std::sync::Arc;

use tokio::task::yield_now;
use towpath_pattern::{Job, Run, Scope, Settings, Source};

/// A run of `job` over `source`, in `scope`.
fn run_in<In, J>(scope: &Scope, source: impl Into<Source<In>>, settings: Settings, job: J) -> Run<J::Out>
where
    In: Send + 'static,
    J: Job<In>,
{
    Run::spawn(scope.clone(), source.into(), settings, Arc::new(job))
}

/// Lets everything happen that can.
async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}
