//! A service over chunks: calls that arrive at about the same time share a job, and each call gets its own output.

use std::time::Duration;

use anyhow::Result;
use towpath_fanout::{Client, Fanout, PatternExt, Scope};
use towpath_pipeline::Pipeline;
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

const WITHIN: Duration = Duration::from_millis(2);

/// One query for several keys. The output of a key has the number of keys.
async fn names(keys: Vec<u64>) -> Result<Vec<(u64, usize)>> {
    Ok(keys.iter().map(|key| (key * 10, keys.len())).collect())
}

/// Makes three calls at once, with chunks of two.
async fn call_three(client: Client<u64, (u64, usize)>, scope: Scope) -> Result<()> {
    let (first, second, third) = tokio::try_join!(client.call(1), client.call(2), client.call(3))?;
    assert_eq!([first, second, third], [(10, 2), (20, 2), (30, 1)]);
    drop(client);
    scope.wait().await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn fanout() -> Result<()> {
    let scope = Scope::new("server");
    call_three(Fanout::new(4, names).serve_chunks(&scope, 100, 2, WITHIN), scope).await
}

#[tokio::test(start_paused = true)]
async fn pipeline() -> Result<()> {
    let scope = Scope::new("server");
    let sort = |keys: Vec<u64>| async move { Ok(keys) };
    call_three(Pipeline::new(4, sort).then_stage(4, names).serve_chunks(&scope, 100, 2, WITHIN), scope).await
}

#[tokio::test(start_paused = true)]
async fn semaphore() -> Result<()> {
    let scope = Scope::new("server");
    let names = WithPermit::new(4, &Semaphore::new(1), names);
    call_three(names.serve_chunks(&scope, 100, 2, WITHIN), scope).await
}

#[tokio::test(start_paused = true)]
async fn resource() -> Result<()> {
    let scope = Scope::new("server");
    let connection = resource_fn(|| async { Ok(()) }, |(), _| async { Ok(()) });
    let names = |(_connection, keys): (ResourceGuard<()>, Vec<u64>)| names(keys);
    call_three(WithResource::new(4, connection, names).serve_chunks(&scope, 100, 2, WITHIN), scope).await
}
