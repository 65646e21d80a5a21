//! Runs with their sources, workers, scopes and ends.

mod broken_source;
mod cancelled_inside;
mod cancelled_start;
mod cancelled_task;
mod chunks;
mod client;
mod client_chunks;
mod closed_source;
mod deadline_ready;
mod deadline_token;
mod display;
mod drain;
mod drop_order;
mod dropped_items;
mod dropped_run;
mod ends;
mod error_chain;
mod first;
mod flatten;
mod for_each;
mod frontier;
mod frontier_due;
mod generated;
mod inputs;
mod job_scope;
mod job_scope_ends;
mod jobs;
mod kept;
mod kept_produced;
mod limiters;
mod live_limit;
mod look_ahead;
mod masked_failures;
mod merge;
mod merged_runs;
mod method_names;
mod monitor;
mod progress;
mod run;
mod scope;
mod scope_failures;
mod scope_policy;
mod scope_wait;
mod shut_down;
mod source;
mod spawn_value;
mod stop_taking;
mod tolerate;
mod work_panics;
mod workers;
mod wrong_uses;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::yield_now;
use towpath_pattern::{IntoSource, Job, Run, Scope, Settings, Source, anyhow};

/// Starts a run of `job` over `source`, in `scope`.
fn run_in<In, J, Kind>(
    scope: &Scope,
    source: impl IntoSource<In, Kind>,
    settings: Settings,
    job: J,
) -> Run<J::Out>
where
    In: Send + 'static,
    J: Job<In>,
{
    Run::spawn(scope.clone(), Source::new(source), settings, Arc::new(job))
}

/// Lets all tasks proceed that do not wait for the clock.
async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

/// Panics in its drop.
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("{}", self.0);
    }
}

/// Completes at once, and panics in its drop.
struct Leaves<Out> {
    result: Option<anyhow::Result<Out>>,
    _later: Bomb,
}

impl<Out> Leaves<Out> {
    fn new(result: anyhow::Result<Out>) -> Self {
        Self { result: Some(result), _later: Bomb("of the future") }
    }
}

impl<Out: Unpin> Future for Leaves<Out> {
    type Output = anyhow::Result<Out>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(self.result.take().expect("polled once"))
    }
}
