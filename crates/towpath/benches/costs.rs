//! The cost of each feature in use, as hot paths of `cargo xtask bench --counts`: a job without work, with the feature. The
//! table of `docs/features.md` has the figures.

use std::process::ExitCode;
use std::time::Duration;

use metrics_util::debugging::DebuggingRecorder;
use towpath::job::backon::ConstantBuilder;
use towpath::pattern::{Ended, ItemInfo, Observer, RunInfo, RunObserver};
use towpath::prelude::*;
use towpath_benchkit::Benchmark;
use tracing_subscriber::layer::SubscriberExt;

/// The limit of jobs at once.
const LIMIT: usize = 16;
const CAPACITY: usize = 1_024;
/// The items of a chunk, and of a list of items.
const CHUNK: u64 = 100;
const LONG: Duration = Duration::from_secs(3_600);

fn main() -> ExitCode {
    Benchmark::without_subject()
        .path("feature: none", |items| sum(plain(), items))
        .path("feature: ordered", |items| sum(plain().ordered(), items))
        .path("feature: timeout", |items| sum(fanout(noop.timeout(LONG)), items))
        .path("feature: retry", |items| sum(fanout(noop.retry(ConstantBuilder::default())), items))
        .path("feature: hedge", |items| sum(fanout(noop.hedge(LONG)), items))
        .path("feature: keep_input", |items| sum(fanout(noop.keep_input()), items))
        .path("feature: keep_cancelled", |items| sum(fanout(noop.keep_cancelled().0), items))
        .path("feature: observed", |items| sum(plain().observed(Nothing), items))
        .path("feature: tracing", traced)
        .path("feature: metrics", measured)
        .path("feature: merge", merged)
        .path("feature: chunks", chunked)
        .path("feature: flatten", flattened)
        .path("feature: serve", served)
        .path("feature: none, through a queue", |items| {
            sum(ProducerConsumer::items().consumers(LIMIT, noop).capacity(CAPACITY), items)
        })
        .path("feature: priority", |items| {
            let queued = ProducerConsumer::items().consumers(LIMIT, noop).capacity(CAPACITY);
            sum(queued.by_priority(|item: &u64| i64::try_from(*item).unwrap_or(0)), items)
        })
        .main()
}

async fn noop(item: u64) -> anyhow::Result<u64> {
    Ok(item)
}

fn fanout<J: Job<u64>>(job: J) -> Fanout<J> {
    Fanout::new(LIMIT, job).capacity(CAPACITY)
}

fn plain() -> Fanout<impl Job<u64, Out = u64>> {
    fanout(noop)
}

async fn sum(pattern: impl Pattern<u64, Out = u64>, items: u64) -> anyhow::Result<u64> {
    count(pattern.run(0..items)).await
}

async fn count<Out: Send + 'static>(mut run: Run<Out>) -> anyhow::Result<u64> {
    let mut outputs = 0;
    while let Some(output) = run.next().await {
        output?;
        outputs += 1;
    }
    Ok(outputs)
}

/// Observes every event, and does nothing.
#[derive(Clone)]
struct Nothing;

impl Observer for Nothing {
    type Run = Self;

    fn observe(&self, _: &RunInfo) -> Option<Self> {
        Some(Self)
    }
}

impl RunObserver for Nothing {
    type Item = ();

    fn taken(&self, _: ItemInfo) {}

    fn completed(&self, (): (), _: Ended) {}
}

/// A subscriber keeps the spans, and writes nothing.
async fn traced(items: u64) -> anyhow::Result<u64> {
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Keeps))?;
    sum(plain().observed(Spans::new()), items).await
}

struct Keeps;

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Keeps {}

/// A recorder keeps the values in memory.
async fn measured(items: u64) -> anyhow::Result<u64> {
    DebuggingRecorder::new().install()?;
    sum(plain().observed(Metrics::new()), items).await
}

async fn merged(items: u64) -> anyhow::Result<u64> {
    let half = items / 2;
    count(plain().run(Source::merge([Source::new(0..half), Source::new(half..items)]))).await
}

/// A job for each chunk.
async fn chunked(items: u64) -> anyhow::Result<u64> {
    let mut run = Fanout::new(LIMIT, |chunk: Vec<u64>| async move { Ok(chunk.len() as u64) })
        .capacity(CAPACITY)
        .run(Source::new(0..items).chunks(usize::try_from(CHUNK)?, LONG));
    let mut counted = 0;
    while let Some(output) = run.next().await {
        counted += output?;
    }
    Ok(counted)
}

/// A job for each element of the lists.
async fn flattened(items: u64) -> anyhow::Result<u64> {
    let lists = (0..items / CHUNK).map(|list| list * CHUNK..(list + 1) * CHUNK);
    count(plain().run(Source::new(lists).flatten())).await
}

/// One client, which waits for the output of each call.
async fn served(items: u64) -> anyhow::Result<u64> {
    let scope = Scope::new("served");
    let client = plain().serve(&scope, CAPACITY);
    let mut outputs = 0;
    for item in 0..items {
        client.call(item).await?;
        outputs += 1;
    }
    drop(client);
    scope.wait().await?;
    Ok(outputs)
}
