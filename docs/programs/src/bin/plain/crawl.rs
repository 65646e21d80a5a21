//! The program `crawl` in plain tokio: a task for every address, with a permit of its host, a start of its host, and a permit
//! of all.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use backon::{ExponentialBuilder, Retryable};
use clap::Parser;
use governor::{Quota, RateLimiter};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{Client, Url};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

#[derive(Parser)]
struct Args {
    /// The file with the addresses, one a line
    urls: PathBuf,
    /// The new folder for the rows, the failed addresses and the addresses that were not requested
    out: PathBuf,
    /// Requests at once
    #[arg(long, default_value_t = 50)]
    at_once: usize,
    /// Requests at once to a host
    #[arg(long, default_value_t = 10)]
    to_a_host: usize,
    /// Addresses of a host per second
    #[arg(long, default_value = "20")]
    per_second: NonZeroU32,
    /// The time limit of a request, in milliseconds
    #[arg(long, default_value_t = 2000)]
    timeout: u64,
}

enum Outcome {
    Row(String),
    Failed(Url, anyhow::Error),
    NotRequested(usize, Url),
    Cancelled,
}

async fn get(client: &Client, url: &Url) -> anyhow::Result<String> {
    let page = client.get(url.clone()).send().await?.error_for_status()?.bytes().await?;
    Ok(format!("{url},{}\n", page.len()))
}

/// A missing page is missing at the next attempt as well.
fn is_transient(error: &anyhow::Error) -> bool {
    let status = error.downcast_ref::<reqwest::Error>().and_then(reqwest::Error::status);
    status.is_none_or(|status| status.is_server_error())
}

async fn write(folder: &Path, number: &mut usize, rows: &mut Vec<String>) -> anyhow::Result<usize> {
    let file = folder.join(format!("rows-{number:04}.csv"));
    *number += 1;
    let rows = std::mem::take(rows);
    let written = rows.len();
    spawn_blocking(move || fs::write(file, rows.concat())).await??;
    Ok(written)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let urls = fs::read_to_string(&args.urls)?;
    let urls = urls.lines().map(Url::parse).collect::<Result<Vec<_>, _>>()?;
    fs::create_dir(&args.out)?;
    // A listener for all turns of the loop: a signal between two calls of `ctrl_c` is lost.
    let mut interrupt = signal(SignalKind::interrupt())?;

    eprintln!("{} addresses", urls.len());
    let bar = ProgressBar::new(urls.len() as u64);
    bar.set_style(ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg}")?);
    let at_once = Arc::new(Semaphore::new(args.at_once));
    let burst = NonZeroU32::new(2).context("a burst")?;
    let rate = Arc::new(RateLimiter::keyed(Quota::per_second(args.per_second).allow_burst(burst)));
    let mut hosts = HashMap::new();
    let (client, mut tasks) = (Client::new(), JoinSet::new());
    let (stop, cancel) = (CancellationToken::new(), CancellationToken::new());
    for (index, url) in urls.into_iter().enumerate() {
        let host = url.host_str().map(str::to_owned);
        let of_host = hosts.entry(host.clone());
        let of_host = of_host.or_insert_with(|| Arc::new(Semaphore::new(args.to_a_host)));
        let (of_host, at_once, rate) =
            (Arc::clone(of_host), Arc::clone(&at_once), Arc::clone(&rate));
        let (client, stop, cancel) = (client.clone(), stop.clone(), cancel.clone());
        tasks.spawn(async move {
            let permits = async {
                let of_host = of_host.acquire_owned().await?;
                rate.until_key_ready(&host).await;
                anyhow::Ok((of_host, at_once.acquire_owned().await?))
            };
            let _permits = tokio::select! {
                biased;
                () = stop.cancelled() => return anyhow::Ok(Outcome::NotRequested(index, url)),
                permits = permits => permits?,
            };
            // The stop may come between the polls of the two branches, and then frees permits.
            if stop.is_cancelled() {
                return Ok(Outcome::NotRequested(index, url));
            }
            let limit = Duration::from_millis(args.timeout);
            let backoff = ExponentialBuilder::new().with_min_delay(Duration::from_millis(100));
            let attempt = || async { timeout(limit, get(&client, &url)).await? };
            let row = attempt.retry(backoff.with_max_times(3).with_jitter());
            let row = tokio::select! {
                () = cancel.cancelled() => return Ok(Outcome::Cancelled),
                row = row.when(is_transient) => row,
            };
            Ok(row.map_or_else(|error| Outcome::Failed(url.clone(), error), Outcome::Row))
        });
    }

    let (mut chunk, mut chunks, mut written) = (Vec::new(), 0, 0);
    let (mut failed, mut failures, mut rest) = (String::new(), 0, Vec::new());
    let mut end = None;
    loop {
        let budget = async { sleep_until(end.unwrap_or_else(Instant::now)).await };
        let outcome = tokio::select! {
            outcome = tasks.join_next() => outcome,
            _ = interrupt.recv(), if !cancel.is_cancelled() => {
                if end.is_none() {
                    eprintln!("draining");
                    end = Some(Instant::now() + Duration::from_secs(10));
                    stop.cancel();
                } else {
                    cancel.cancel();
                }
                continue;
            }
            () = budget, if end.is_some() && !cancel.is_cancelled() => {
                cancel.cancel();
                continue;
            }
        };
        let Some(outcome) = outcome else { break };
        let outcome = outcome.context("a task has failed")??;
        match outcome {
            Outcome::Row(row) => {
                chunk.push(row);
                if chunk.len() == 100 {
                    written += write(&args.out, &mut chunks, &mut chunk).await?;
                }
            }
            Outcome::Failed(url, error) => {
                writeln!(failed, "{url}\t{error:#}")?;
                failures += 1;
            }
            Outcome::NotRequested(index, url) => rest.push((index, url)),
            Outcome::Cancelled => {}
        }
        bar.inc(1);
        bar.set_message(format!("{} at once", args.at_once - at_once.available_permits()));
    }
    bar.abandon();
    if !chunk.is_empty() {
        written += write(&args.out, &mut chunks, &mut chunk).await?;
    }
    fs::write(args.out.join("failed.txt"), failed)?;
    rest.sort_by_key(|(index, _)| *index);
    let lines: String = rest.iter().map(|(_, url)| format!("{url}\n")).collect();
    fs::write(args.out.join("rest.txt"), lines)?;
    println!("{written} rows, {failures} failed, {} not requested", rest.len());
    anyhow::ensure!(!cancel.is_cancelled(), "some requests were cancelled");
    Ok(())
}
