//! Growth: runs with a growing quantity, and with constant values of all further quantities.

use std::sync::Arc;

use anyhow::{Context, ensure};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Barrier;
use towpath_pattern::{Pattern, PatternExt};

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
}

pub(crate) const QUANTITIES: [Quantity; 4] =
    [Quantity::Items, Quantity::Limit, Quantity::Workers, Quantity::Stages];

impl Quantity {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Items => "items",
            Self::Limit => "limit",
            Self::Workers => "workers",
            Self::Stages => "stages",
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
                drained(subject.pattern(Case::new(64).capacity(1_024), noop), items).await
            }),
            Self::Limit => {
                ensure!(items.is_multiple_of(value as u64), "{items} items are no multiple of {value}");
                runtime.spawn(async move { drained(in_groups(&subject, value), items).await })
            }
            Self::Stages => runtime.spawn(async move { drained(in_stages(&subject, value), items).await }),
        };
        runtime.block_on(run).context("the run panicked")?
    }
}

async fn noop(item: u64) -> anyhow::Result<u64> {
    Ok(item)
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
