//! A pattern as a service: an output for each call. The service ends with the last client.

use anyhow::Result;
use towpath_fanout::{Fanout, PatternExt, Scope};
use towpath_pipeline::Pipeline;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

async fn square(number: u64) -> Result<u64> {
    Ok(number * number)
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    let scope = Scope::new("server");
    let client = Fanout::new(2, square).serve(&scope, 8);
    let second = client.clone();
    let (four, nine) = tokio::try_join!(client.call(2), second.call(3))?;
    assert_eq!((four, nine), (4, 9));
    drop((client, second));
    scope.wait().await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let scope = Scope::new("server");
    let squares = Pipeline::new(2, |number: u64| async move { Ok(number) }).then_stage(2, square);
    let client = squares.serve(&scope, 8);
    let second = client.clone();
    let (four, nine) = tokio::try_join!(client.call(2), second.call(3))?;
    assert_eq!((four, nine), (4, 9));
    drop((client, second));
    scope.wait().await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let scope = Scope::new("server");
    let client = WithPermit::new(2, &Semaphore::new(1), square).serve(&scope, 8);
    let second = client.clone();
    let (four, nine) = tokio::try_join!(client.call(2), second.call(3))?;
    assert_eq!((four, nine), (4, 9));
    drop((client, second));
    scope.wait().await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn resource() -> Result<()> {
    let scope = Scope::new("server");
    let log = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    let squares = WithResource::new(2, log, |(_log, number): (ResourceGuard<String>, u64)| square(number));
    let client = squares.serve(&scope, 8);
    let second = client.clone();
    let (four, nine) = tokio::try_join!(client.call(2), second.call(3))?;
    assert_eq!((four, nine), (4, 9));
    drop((client, second));
    scope.wait().await?;
    Ok(())
}
