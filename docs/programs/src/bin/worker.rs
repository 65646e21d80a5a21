//! A worker service: jobs over HTTP, a connection of a database for every job, and an orderly end at SIGTERM.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use clap::Parser;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use towpath_limit::per_key;
use towpath_observe::{Metrics, Spans};
use towpath_resource::{
    LiveLimit, OnFailure, PatternExt, ResourceGuard, Scope, Source, WithResource, async_channel,
    resource_fn,
};
use towpath_semaphore::Semaphore;
use tracing_subscriber::fmt::format::FmtSpan;

#[derive(Parser)]
struct Args {
    /// The address of the database
    database: SocketAddr,
    /// The file for the jobs that were accepted and not started
    rest: PathBuf,
    /// Jobs at once
    #[arg(long, default_value_t = 8)]
    limit: usize,
}

#[derive(serde::Deserialize, serde::Serialize)]
struct Job {
    tenant: String,
    amount: String,
    megabytes: usize,
}

type Connection = BufReader<TcpStream>;

/// Jobs of the same tenant run one at a time, and in the order of their arrival.
async fn apply((mut database, job): (ResourceGuard<Connection>, Job)) -> anyhow::Result<()> {
    let amount: u64 = job.amount.parse().expect("the amount is a number");
    let statement = format!("{} {amount} {}\n", job.tenant, job.megabytes);
    database.write_all(statement.as_bytes()).await?;
    let mut answer = String::new();
    database.read_line(&mut answer).await?;
    anyhow::ensure!(answer == "ok\n", "the database answers {answer:?}");
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    tracing_subscriber::fmt().with_writer(io::stderr).with_span_events(FmtSpan::CLOSE).init();
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder()?;
    let database = resource_fn(
        move || async move { Ok(BufReader::new(TcpStream::connect(args.database).await?)) },
        |mut database: Connection, _| async move { Ok(database.write_all(b"quit\n").await?) },
    );
    let (limit, memory) = (LiveLimit::new(args.limit), Semaphore::new(100));
    let worker = WithResource::new(&limit, database, apply)
        .named("worker")
        .capacity(1_000)
        .limited_by(&per_key(1, |job: &Job| job.tenant.clone()))
        .limited_by(&memory.weighted(|job: &Job| job.megabytes))
        .on_failure(OnFailure::Continue)
        .observed(Spans::new())
        .observed(Metrics::new());

    let scope = Scope::new("worker");
    let (jobs, queue) = async_channel::bounded::<Job>(1_000);
    let (accepted, kept) = Source::new(queue.clone()).kept();
    let mut run = worker.run_in(&scope, accepted);
    let accept = move |Json(job): Json<Job>| async move {
        jobs.try_send(job).map_or(StatusCode::SERVICE_UNAVAILABLE, |()| StatusCode::ACCEPTED)
    };
    let render = metrics.clone();
    let app = Router::new()
        .route("/jobs", post(accept))
        .route("/limit/{jobs}", put(move |Path(jobs): Path<usize>| async move { limit.set(jobs) }))
        .route("/metrics", get(move || async move { render.render() }));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let upkeep = scope.clone();
    let server = axum::serve(listener, app).with_graceful_shutdown(scope.draining());
    scope.spawn("http", async move { Ok(server.await?) });
    scope.spawn("upkeep", async move {
        while tokio::time::timeout(Duration::from_secs(5), upkeep.draining()).await.is_err() {
            metrics.run_upkeep();
        }
        tracing::info!("draining");
        Ok(())
    });
    let failures = async move {
        tracing::info!("listening on {address}");
        while let Some(outcome) = run.next().await {
            outcome.unwrap_or_else(|failure| tracing::error!("{failure:#}"));
        }
        tracing::info!("{}", run.report());
    };
    let sigterm = || async { io::Result::Ok(signal(SignalKind::terminate())?.recv().await) };
    let drained = scope.drain_on(sigterm, Duration::from_secs(10));
    let (drained, ()) = tokio::join!(drained, failures);
    queue.close();
    let rest = kept.take().expect("the run is over").collect().await?;
    fs::write(args.rest, serde_json::to_string(&rest)?)?;
    Ok(drained?)
}
