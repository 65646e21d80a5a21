//! The program `worker` in plain tokio: a list of waiting jobs under a lock, and a task for every started job.

use std::collections::{HashSet, VecDeque};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use clap::Parser;
use futures_util::FutureExt;
use metrics::{counter, gauge, histogram};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
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

/// The megabytes of all jobs at once.
const MEMORY: usize = 100;
/// Jobs that wait.
const CAPACITY: usize = 2_000;

#[derive(serde::Deserialize, serde::Serialize)]
struct Job {
    tenant: String,
    amount: String,
    megabytes: usize,
}

type Connection = BufReader<TcpStream>;

/// Jobs of the same tenant run one at a time, and in the order of their arrival.
async fn apply(database: &mut Connection, job: &Job) -> anyhow::Result<()> {
    let amount: u64 = job.amount.parse().expect("the amount is a number");
    let statement = format!("{} {amount} {}\n", job.tenant, job.megabytes);
    database.write_all(statement.as_bytes()).await?;
    let mut answer = String::new();
    database.read_line(&mut answer).await?;
    anyhow::ensure!(answer == "ok\n", "the database answers {answer:?}");
    Ok(())
}

struct Worker {
    database: SocketAddr,
    tasks: TaskTracker,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The waiting jobs with their numbers, in the order of their arrival.
    waiting: VecDeque<(usize, Job)>,
    accepted: usize,
    /// The tenants with a job at work.
    tenants: HashSet<String>,
    running: usize,
    megabytes: usize,
    limit: usize,
    draining: bool,
    connections: Vec<Connection>,
}

impl Worker {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: &Arc<Self>, job: Job) -> StatusCode {
        let mut state = self.state();
        if state.draining || state.waiting.len() == CAPACITY {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        // Such a job would wait forever, and all others behind it.
        if job.megabytes > MEMORY {
            return StatusCode::PAYLOAD_TOO_LARGE;
        }
        let number = state.accepted;
        state.accepted += 1;
        state.waiting.push_back((number, job));
        self.schedule(&mut state);
        StatusCode::ACCEPTED
    }

    /// Starts the jobs that may start. A job whose tenant is at work is passed. A job that waits for memory is not.
    fn schedule(self: &Arc<Self>, state: &mut State) {
        let mut at = 0;
        while !state.draining && state.running < state.limit && at < state.waiting.len() {
            let (_, job) = &state.waiting[at];
            if state.tenants.contains(&job.tenant) {
                at += 1;
                continue;
            }
            if state.megabytes + job.megabytes > MEMORY {
                break;
            }
            let Some((number, job)) = state.waiting.remove(at) else { break };
            state.tenants.insert(job.tenant.clone());
            state.running += 1;
            state.megabytes += job.megabytes;
            let connection = state.connections.pop();
            self.tasks.spawn(Arc::clone(self).run(number, job, connection));
        }
        gauge!("jobs.waiting").set(u32::try_from(state.waiting.len()).unwrap_or(u32::MAX));
        gauge!("jobs.in_flight").set(u32::try_from(state.running).unwrap_or(u32::MAX));
    }

    async fn run(self: Arc<Self>, index: usize, job: Job, connection: Option<Connection>) {
        let begin = Instant::now();
        let work = async {
            let mut connection = match connection {
                Some(connection) => connection,
                None => BufReader::new(TcpStream::connect(self.database).await?),
            };
            let applied = AssertUnwindSafe(apply(&mut connection, &job)).catch_unwind().await;
            let Ok(applied) = applied else {
                connection.write_all(b"quit\n").await?;
                return Ok(None);
            };
            applied.map(|()| Some(connection))
        };
        let done = work.instrument(tracing::info_span!("job", index)).await;
        let outcome = match &done {
            Ok(Some(_)) => "succeeded",
            Ok(None) => "panicked",
            Err(_) => "errored",
        };
        counter!("jobs.completed", "outcome" => outcome).increment(1);
        histogram!("job.duration").record(begin.elapsed());
        let mut state = self.state();
        match done {
            Ok(connection) => state.connections.extend(connection),
            Err(error) => tracing::error!(index, "{error:#}"),
        }
        state.tenants.remove(&job.tenant);
        state.running -= 1;
        state.megabytes -= job.megabytes;
        self.schedule(&mut state);
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    tracing_subscriber::fmt().with_writer(io::stderr).with_span_events(FmtSpan::CLOSE).init();
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder()?;
    let mut sigterm = signal(SignalKind::terminate())?;
    let worker = Arc::new(Worker {
        database: args.database,
        tasks: TaskTracker::new(),
        state: Mutex::new(State { limit: args.limit, ..State::default() }),
    });

    let (accepting, limited, render) = (Arc::clone(&worker), Arc::clone(&worker), metrics.clone());
    let set_limit = move |Path(jobs): Path<usize>| async move {
        let mut state = limited.state();
        state.limit = jobs;
        limited.schedule(&mut state);
    };
    let app = Router::new()
        .route("/jobs", post(move |Json(job): Json<Job>| async move { accepting.accept(job) }))
        .route("/limit/{jobs}", put(set_limit))
        .route("/metrics", get(move || async move { render.render() }));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    tracing::info!("listening on {}", listener.local_addr()?);
    let stop = CancellationToken::new();
    let server = axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned());
    let server = tokio::spawn(async move { server.await });
    let upkeep = tokio::spawn(async move {
        let mut ticks = interval(Duration::from_secs(5));
        loop {
            ticks.tick().await;
            metrics.run_upkeep();
        }
    });

    sigterm.recv().await;
    worker.state().draining = true;
    tracing::info!("draining");
    stop.cancel();
    worker.tasks.close();
    let complete = async {
        worker.tasks.wait().await;
        server.await
    };
    let forced = tokio::select! {
        complete = complete => { complete??; false }
        () = sleep(Duration::from_secs(10)) => true,
        _ = sigterm.recv() => true,
    };
    upkeep.abort();
    let (waiting, connections) = {
        let mut state = worker.state();
        (std::mem::take(&mut state.waiting), std::mem::take(&mut state.connections))
    };
    for mut connection in connections {
        connection.write_all(b"quit\n").await?;
    }
    let rest: Vec<_> = waiting.into_iter().map(|(_, job)| job).collect();
    fs::write(args.rest, serde_json::to_string(&rest)?)?;
    if forced {
        bail!("the drain was forced to its end");
    }
    Ok(())
}
