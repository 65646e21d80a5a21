//! A polite crawler: 5,000 addresses of 25 hosts, 50 requests at once, at most 10 of them to a host, and 20 per second to a
//! host. Ctrl-C stops the crawler at once.

mod crawler;
mod web;

use std::pin::pin;
use std::sync::Arc;

use crawler::crawler;
use tokio::signal::ctrl_c;
use tokio::time::Instant;
use towpath_fanout::PatternExt;
use web::{Web, urls};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let web = Arc::new(Web::default());
    let begin = Instant::now();
    let mut pages = crawler(&web).run(urls());
    // All turns of the loop poll one future: a signal between two calls of `ctrl_c` would be lost.
    let mut interrupt = pin!(ctrl_c());
    let (mut bytes, mut cancelled) = (0, false);
    loop {
        tokio::select! {
            page = pages.next() => match page {
                Some(Ok(page)) => bytes += page,
                // A failure of an address is in the report. The last failure of a stopped run is the cancellation.
                Some(Err(failure)) if failure.index().is_none() => println!("{failure:#}"),
                Some(Err(_)) => {}
                None => break,
            },
            pressed = &mut interrupt, if !cancelled => {
                pressed?;
                pages.cancel();
                cancelled = true;
            }
        }
    }
    let counts = pages.report();
    println!("{bytes} bytes in {:.1} s: {counts:#?}", begin.elapsed().as_secs_f64());
    Ok(())
}
