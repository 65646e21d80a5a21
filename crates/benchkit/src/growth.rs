//! Growth: runs with a growing quantity, and with constant values of all further quantities.

use std::sync::Arc;

use anyhow::{Context, ensure};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Barrier;
use tokio::task::yield_now;
use towpath_pattern::{Pattern, PatternExt, Source};

use crate::measured::Measured;
use crate::workloads::drained;
use towpath_testkit::{Case, Subject};

/// A quantity of any pattern.
#[derive(Clone, Copy)]
pub(crate) enum Quantity {
    /// No-op items.
    Items,
    /// Jobs at once, in groups: a job waits until the whole group has started.
    Limit,
    /// Worker threads of the runtime, over no-op items.
    Workers,
    /// Boxed patterns in a chain, over no-op items.
    Stages,
    /// Sources of a merge, in front of a stage that is mostly full.
    Sources,
}

pub(crate) const QUANTITIES: [Quantity; 5] =
    [Quantity::Items, Quantity::Limit, Quantity::Workers, Quantity::Stages, Quantity::Sources];

impl Quantity {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Items => "items",
            Self::Limit => "limit",
            Self::Workers => "workers",
            Self::Stages => "stages",
            Self::Sources => "sources",
        }
    }

    pub(crate) fn measure<S: Subject>(
        self,
        subject: &S,
        value: usize,
        items: u64,
    ) -> anyhow::Result<Measured> {
        let runtime = match self {
            Self::Workers => Builder::new_multi_thread().worker_threads(value).enable_all().build(),
            _ => Runtime::new(),
        };
        let runtime = runtime.context("no tokio runtime")?;
        let subject = subject.clone();
        let run = match self {
            Self::Items | Self::Workers => runtime.spawn(async move {
                // The limit is at least the largest number of threads, so no thread waits for the limit.
                drained(subject.pattern(Case::new(64).capacity(1_024), noop), 0..items).await
            }),
            Self::Limit => {
                ensure!(items.is_multiple_of(value as u64), "{items} items are no multiple of {value}");
                runtime.spawn(async move { drained(in_groups(&subject, value), 0..items).await })
            }
            Self::Stages => runtime.spawn(async move { drained(in_stages(&subject, value), 0..items).await }),
            Self::Sources => runtime.spawn(async move {
                let pattern = subject.pattern(Case::new(16).capacity(0), after_a_wait);
                drained(pattern, merged(value as u64, items)).await
            }),
        };
        runtime.block_on(run).context("the run panicked")?
    }
}

async fn noop(item: u64) -> anyhow::Result<u64> {
    Ok(item)
}

async fn after_a_wait(item: u64) -> anyhow::Result<u64> {
    yield_now().await;
    Ok(item)
}

/// Returns the items from `sources` sources with the same number of items each.
fn merged(sources: u64, items: u64) -> Source<u64> {
    let each = items / sources;
    Source::merge((0..sources).map(|number| Source::new(number * each..(number + 1) * each)))
}

/// Returns a pattern with groups of `limit` jobs. The jobs of a group wait until the whole group has started.
fn in_groups<S: Subject>(subject: &S, limit: usize) -> Box<dyn Pattern<u64, Out = u64>> {
    let group = Arc::new(Barrier::new(limit));
    let job = move |item: u64| {
        let group = Arc::clone(&group);
        async move {
            group.wait().await;
            Ok(item)
        }
    };
    subject.pattern(Case::new(limit), job).boxed()
}

fn in_stages<S: Subject>(subject: &S, stages: usize) -> Box<dyn Pattern<u64, Out = u64>> {
    let stage = || subject.pattern(Case::new(16).capacity(1_024), noop).boxed();
    (1..stages).fold(stage(), |before, _| before.then(stage()).boxed())
}
