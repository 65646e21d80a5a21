//! Requests a list of addresses, and writes the sizes of the pages in chunks. Ctrl-C completes the started requests.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clap::Parser;
use futures_util::{FutureExt, Stream, StreamExt};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{Client, Url};
use tokio_util::task::AbortOnDropHandle;
use towpath_fanout::{Fanout, OnFailure, PatternExt, Scope, Source, StageReport};
use towpath_job::backon::ExponentialBuilder;
use towpath_job::{FailureExt, JobExt, blocking};
use towpath_limit::{Rate, per_key};

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
    #[arg(long, default_value_t = 20)]
    per_second: u32,
    /// The time limit of a request, in milliseconds
    #[arg(long, default_value_t = 2000)]
    timeout: u64,
}

async fn get(client: Client, url: Url) -> anyhow::Result<String> {
    let page = client.get(url.clone()).send().await?.error_for_status()?.bytes().await?;
    Ok(format!("{url},{}\n", page.len()))
}

/// A missing page is missing at the next attempt as well.
fn is_transient(error: &anyhow::Error) -> bool {
    let status = error.downcast_ref::<reqwest::Error>().and_then(reqwest::Error::status);
    status.is_none_or(|status| status.is_server_error())
}

async fn show(total: usize, mut counts: impl Stream<Item = Vec<StageReport>> + Unpin) {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg}").expect("a template");
    let bar = ProgressBar::new(total as u64).with_style(style);
    while let Some(stages) = counts.next().await {
        bar.set_position(stages[0].counts.settled() as u64);
        bar.set_message(format!("{} at once", stages[0].counts.running));
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let urls = fs::read_to_string(&args.urls)?;
    let urls = urls.lines().map(Url::parse).collect::<Result<Vec<_>, _>>()?;
    fs::create_dir(&args.out)?;
    let client = Client::new();
    let backoff = ExponentialBuilder::new().with_min_delay(Duration::from_millis(100));
    let fetch = (move |url: Url| get(client.clone(), url))
        .timeout(Duration::from_millis(args.timeout))
        .retry(backoff.with_max_times(3))
        .when(is_transient)
        .keep_input();
    let host = |url: &Url| url.host_str().map(str::to_owned);
    let fetch = Fanout::new(args.at_once, fetch)
        .capacity(urls.len())
        .limited_by(&per_key(args.to_a_host, host))
        .limited_by(&Rate::per_second(args.per_second).burst(2).per_key(host))
        .on_failure(OnFailure::Continue);
    let (folder, chunks) = (args.out.clone(), AtomicUsize::new(0));
    let write = blocking(move |rows: Vec<String>| {
        let number = chunks.fetch_add(1, Ordering::Relaxed);
        fs::write(folder.join(format!("rows-{number:04}.csv")), rows.concat())?;
        Ok(rows.len())
    });

    let scope = Scope::new("crawl");
    let (total, (urls, kept)) = (urls.len(), Source::new(urls).kept());
    let rows = Source::new(fetch.run_in(&scope, urls)).chunks(100, Duration::MAX);
    // A failed address passes this stage, and does not stop the stage.
    let write = Fanout::new(1, write).named("write").on_failure(OnFailure::Continue);
    let mut run = write.run_in(&scope, rows);
    let counts = run.watch(Duration::from_millis(100));
    let mut failed = File::create(args.out.join("failed.txt"))?;
    let outcomes = async move {
        eprintln!("{total} addresses");
        let (mut rows, mut failures) = (0, 0);
        while let Some(outcome) = run.next().await {
            match outcome {
                Ok(written) => rows += written,
                Err(failure) => {
                    let Some(url) = failure.input::<Url>() else { return Err(failure.into()) };
                    writeln!(failed, "{url}\t{failure:#}")?;
                    failures += 1;
                }
            }
        }
        anyhow::Ok((rows, failures))
    };
    let message = scope.draining().map(|()| eprintln!("draining"));
    let _message = AbortOnDropHandle::new(tokio::spawn(message));
    let drained = scope.drain_on(tokio::signal::ctrl_c, Duration::from_secs(10));
    let (drained, outcomes, ()) = tokio::join!(drained, outcomes, show(total, counts));

    let rest = kept.take().expect("the run is over").collect().await?;
    let lines: String = rest.iter().map(|url| format!("{url}\n")).collect();
    fs::write(args.out.join("rest.txt"), lines)?;
    let (rows, failures) = outcomes?;
    println!("{rows} rows, {failures} failed, {} not requested", rest.len());
    Ok(drained?)
}
