//! The recipes of the README: five lines each.

use std::num::ParseIntError;
use std::time::Duration;

use anyhow::{Result, ensure};
use towpath_fanout::{Fanout, OnFailure, PatternExt, Scope};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::ProducerConsumer;
use towpath_resource::{JobOutcome, ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

/// A job: an async function of an item.
async fn parse(text: &'static str) -> Result<u64> {
    Ok(text.trim().parse()?)
}

async fn square(number: u64) -> Result<u64> {
    Ok(number * number)
}

struct Connection(Vec<char>);

async fn connect() -> Result<Connection> {
    Ok(Connection(Vec::new()))
}

async fn get((mut connection, key): (ResourceGuard<Connection>, char)) -> Result<()> {
    connection.0.push(key);
    Ok(())
}

async fn close(connection: Connection, _last: JobOutcome) -> Result<()> {
    ensure!(!connection.0.is_empty(), "the connection was opened for no job");
    Ok(())
}

struct Page(u64);

impl Page {
    fn links(&self) -> impl Iterator<Item = Page> + use<> {
        (self.0 > 1).then_some(Page(self.0 / 2)).into_iter()
    }
}

pub async fn errors() -> Result<()> {
    // ANCHOR: errors
    let numbers = Fanout::new(4, parse); // the first failure stops the run; a panic is a failure
    let failure = numbers.run(["1", "two"]).collect().await.unwrap_err();
    assert_eq!((failure.index(), failure.stage()), (Some(1), "fanout"));
    assert!(failure.downcast_ref::<ParseIntError>().is_some()); // `{failure:#}` prints the whole chain
    let (results, report) = numbers.on_failure(OnFailure::Continue).run(["1", "two"]).outcomes().await;
    // ANCHOR_END: errors
    assert_eq!((results.len(), report.last().errored, report.last().succeeded), (2, 1, 1));
    Ok(())
}

pub async fn deadline() -> Result<()> {
    // ANCHOR: deadline
    let scope = Scope::new("numbers").with_timeout(Duration::from_secs(9));
    let numbers = Fanout::new(8, parse).run_in(&scope, ["1", "2"]).collect().await?;
    // ANCHOR_END: deadline
    assert_eq!(numbers.iter().sum::<u64>(), 3);
    Ok(())
}

pub async fn stages() -> Result<()> {
    // ANCHOR: stages
    let squares = Pipeline::new(4, parse).then_stage(1, square);
    let mut outputs = squares.run(["1", "2", "3"]);
    while let Some(square) = outputs.next().await {
        println!("{}", square?); // as soon as the output is ready
    }
    // ANCHOR_END: stages
    Ok(())
}

pub async fn shared_limit() -> Result<()> {
    // ANCHOR: shared_limit
    let connections = Semaphore::new(3);
    let squares = WithPermit::new(3, &connections, square).run([2, 3]);
    let numbers = WithPermit::new(3, &connections, parse).run(["1", "2"]);
    let (squares, numbers) = tokio::try_join!(squares.collect(), numbers.collect())?;
    // ANCHOR_END: shared_limit
    assert_eq!((squares.iter().sum::<u64>(), numbers.iter().sum::<u64>()), (13, 3));
    Ok(())
}

pub async fn resources() -> Result<()> {
    // ANCHOR: resources
    let connection = resource_fn(connect, close);
    let get = WithResource::new(2, connection, get); // two connections for all the keys
    println!("{}", get.run('a'..='z').finish().await); // both are closed here
    // ANCHOR_END: resources
    let report = get.run('a'..='z').finish().await;
    ensure!(report.failures.is_empty() && report.last().succeeded == 26, "{report}");
    Ok(())
}

pub async fn crawl() -> Result<()> {
    // ANCHOR: crawl
    let crawl = ProducerConsumer::items().consumers_that_send(4, |page: Page, queue| async move {
        page.links().try_for_each(|link| queue.try_send(link))?;
        Ok(page)
    });
    let pages = crawl.capacity(100).run([Page(8)]).collect().await?; // ends when no page is left
    // ANCHOR_END: crawl
    assert_eq!(pages.iter().map(|page| page.0).sum::<u64>(), 15);
    Ok(())
}
