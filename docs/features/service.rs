//! A tower service as a job.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};
use tower::limit::ConcurrencyLimit;
use tower::util::ServiceFn;
use tower::{ServiceBuilder, service_fn};
use towpath_fanout::{Fanout, PatternExt};
use towpath_job::service;
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

const SECOND: Duration = Duration::from_secs(1);

async fn echo(number: u64) -> Result<u64, Infallible> {
    sleep(SECOND).await;
    Ok(number)
}

/// A service for one call at a time: all clones share the limit.
fn one_by_one<F>(function: F) -> ConcurrencyLimit<ServiceFn<F>> {
    ServiceBuilder::new().concurrency_limit(1).service(service_fn(function))
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    let start = Instant::now();
    let echoes = Fanout::new(2, service(one_by_one(echo))).ordered();
    assert_eq!(echoes.run([7, 8]).collect().await?, [7, 8]);
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let start = Instant::now();
    let both = one_by_one(echo);
    let echoes = Pipeline::new(2, service(both.clone())).then_stage(2, service(both));
    assert_eq!(echoes.run([7, 8]).collect().await?.len(), 2);
    assert_eq!(start.elapsed(), 4 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let start = Instant::now();
    let echoes = WithPermit::new(2, &Semaphore::new(2), service(one_by_one(echo))).ordered();
    assert_eq!(echoes.run([7, 8]).collect().await?, [7, 8]);
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}

/// The request of the service has the resource.
#[tokio::test(start_paused = true)]
async fn resource() -> Result<()> {
    let start = Instant::now();
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let call = |(_log, number): (ResourceGuard<String>, u64)| echo(number);
    let echoes = WithResource::new(2, log, service(one_by_one(call))).ordered();
    assert_eq!(echoes.run([7, 8]).collect().await?, [7, 8]);
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn producer_consumer() -> Result<()> {
    let start = Instant::now();
    let echoes = ProducerConsumer::items().consumers(2, service(one_by_one(echo)));
    assert_eq!(echoes.run([7, 8]).collect().await?.iter().sum::<u64>(), 15);
    assert_eq!(start.elapsed(), 2 * SECOND);
    Ok(())
}
