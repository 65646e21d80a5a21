//! The hot paths. `cargo xtask bench --counts` counts the instructions of a path per item, under valgrind.
//!
//! The runtime has a single thread and a paused clock, so the counts depend neither on threads nor on the speed of
//! valgrind.

use anyhow::{Context, ensure};
use tokio::runtime::Builder;
use towpath_pattern::{PatternExt, Run};

use towpath_testkit::{Case, Subject};

/// Runs the path with `items` items. `work` returns the number of arrived items.
///
/// # Errors
///
/// When `work` fails or panics, or when an item did not arrive.
pub(crate) fn walk(
    items: u64,
    work: impl Future<Output = anyhow::Result<u64>> + Send + 'static,
) -> anyhow::Result<()> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.context("no tokio runtime")?;
    let done = runtime.block_on(runtime.spawn(work)).context("the path panicked")??;
    ensure!(done == items, "{done} of {items} items arrived at the end of the path");
    Ok(())
}

/// Runs no-op jobs, and returns the number of outputs.
pub(crate) async fn noop<S: Subject>(subject: S, items: u64) -> anyhow::Result<u64> {
    let pattern = subject.pattern(Case::new(16).capacity(1_024), |item: u64| async move { Ok(item) });
    outputs(pattern.run(0..items)).await
}

async fn outputs(mut run: Run<u64>) -> anyhow::Result<u64> {
    let mut yielded = 0;
    while let Some(output) = run.next().await {
        output?;
        yielded += 1;
    }
    Ok(yielded)
}
