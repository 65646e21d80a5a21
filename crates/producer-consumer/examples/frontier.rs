//! A crawler's frontier: consumers send the links of a page, and the run ends when no page is left.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;
use towpath_producer_consumer::{Failure, PatternExt, ProducerConsumer, QueueTrySender};

/// The links of a small site.
fn links(page: &str) -> &'static [&'static str] {
    match page {
        "/" => &["/guide", "/blog", "/about"],
        "/guide" => &["/guide/queues", "/guide/runs", "/"],
        "/blog" => &["/blog/1", "/blog/2", "/guide"],
        "/blog/2" => &["/blog/1", "/about"],
        _ => &["/"],
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let seen = Arc::new(Mutex::new(HashSet::from(["/"])));
    let crawl = ProducerConsumer::items().consumers_that_send(
        3,
        move |page: &'static str, frontier: QueueTrySender<_>| {
            let seen = Arc::clone(&seen);
            async move {
                sleep(Duration::from_millis(10)).await; // the download
                for &link in links(page) {
                    let is_new = seen.lock().unwrap_or_else(PoisonError::into_inner).insert(link);
                    if is_new && frontier.try_send(link).is_err() {
                        println!("{link} is left out: the frontier is full");
                    }
                }
                Ok(page)
            }
        },
    );
    let mut pages = crawl.capacity(100).run(["/"]);
    let mut visited = 0;
    while let Some(page) = pages.next().await {
        println!("visited {}", page?);
        visited += 1;
    }
    assert_eq!(visited, 8);
    Ok(())
}
