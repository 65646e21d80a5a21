//! The program `worker` with a database.

use std::collections::BTreeMap;
use std::fs;

use reqwest::{Client, StatusCode};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use towpath_programs::database::{Database, Statement};

use crate::program::{Ended, Program, Versions, within};

const WORKER: Versions = Versions {
    towpath: env!("CARGO_BIN_EXE_worker"),
    plain: env!("CARGO_BIN_EXE_worker-plain"),
    go: "worker",
};

/// Every answer at once.
const ALL: usize = 1_000_000;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
struct Job {
    tenant: String,
    amount: String,
    megabytes: usize,
}

fn job(tenant: usize, amount: u64, megabytes: usize) -> Job {
    Job { tenant: format!("tenant{tenant}"), amount: amount.to_string(), megabytes }
}

/// A worker with a database.
struct Worker {
    program: Program,
    database: Database,
    client: Client,
    address: String,
    folder: TempDir,
}

impl Worker {
    async fn start(version: &std::path::Path, limit: usize) -> Self {
        let (folder, database) = (TempDir::new().unwrap(), Database::start().await.unwrap());
        let rest = folder.path().join("rest.json");
        let (limit, address) = (limit.to_string(), database.address().to_string());
        let args = ["--limit", &limit, &address, rest.to_str().unwrap()];
        let mut program = Program::start(version, args, &[]);
        let address = format!("http://{}", program.says("listening on ").await);
        let client = Client::builder().no_proxy().build().unwrap();
        Self { program, database, client, address, folder }
    }

    async fn post(&self, job: &Job) -> StatusCode {
        let body = serde_json::to_string(job).unwrap();
        let request = self.client.post(format!("{}/jobs", self.address));
        let answer =
            request.header("content-type", "application/json").body(body).send().await.unwrap();
        answer.status()
    }

    async fn post_all(&self, jobs: &[Job]) {
        for job in jobs {
            assert_eq!(self.post(job).await, StatusCode::ACCEPTED);
        }
    }

    async fn arrived(&self, statements: usize) {
        within(self.database.arrived(statements), "the worker").await;
    }

    async fn set_limit(&self, jobs: usize) {
        let answer =
            self.client.put(format!("{}/limit/{jobs}", self.address)).send().await.unwrap();
        assert!(answer.status().is_success());
    }

    /// Returns the number of completed jobs with an outcome, from the page of the metrics.
    async fn completed(&self, outcome: &str) -> Option<String> {
        let page = self.client.get(format!("{}/metrics", self.address)).send().await.unwrap();
        let page = page.text().await.unwrap();
        let label = format!("outcome=\"{outcome}\"");
        let line = page.lines().find(|line| line.contains("completed") && line.contains(&label))?;
        line.rsplit(' ').next().map(str::to_owned)
    }

    /// Sends SIGTERM, and admits all answers once the drain has begun.
    async fn terminate(&mut self) {
        self.program.signal(Signal::TERM);
        self.program.says("draining").await;
        self.database.answer(ALL);
    }

    async fn end(self) -> (Ended, Vec<Job>) {
        let ended = self.program.end().await;
        let rest = fs::read_to_string(self.folder.path().join("rest.json")).unwrap();
        (ended, serde_json::from_str(&rest).unwrap())
    }
}

fn statement(job: &Job) -> Statement {
    Statement {
        tenant: job.tenant.clone(),
        amount: job.amount.parse().unwrap(),
        megabytes: job.megabytes,
    }
}

/// The statements of every tenant arrive one at a time, and in the order of the requests.
#[tokio::test]
async fn worker_runs_the_jobs_of_a_tenant_in_order() {
    for (version, path) in WORKER.all() {
        let mut worker = Worker::start(&path, 4).await;
        let jobs: Vec<_> = (0..40).map(|nth| job(nth % 3, nth as u64, 1)).collect();
        worker.post_all(&jobs).await;
        worker.arrived(3).await;
        worker.database.answer(ALL);
        worker.arrived(40).await;
        worker.terminate().await;
        let log = worker.database.log();
        let (ended, rest) = worker.end().await;
        ended.output();
        assert!(rest.is_empty(), "{version}");
        assert!(!log.same_tenant, "{version}");
        let (mut wanted, mut arrived) =
            (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for job in &jobs {
            wanted.entry(job.tenant.clone()).or_default().push(statement(job));
        }
        for statement in log.statements {
            arrived.entry(statement.tenant.clone()).or_default().push(statement);
        }
        assert_eq!(arrived, wanted, "{version}");
    }
}

/// The limit holds, also after a change, and the jobs share a connection for each slot.
#[tokio::test]
async fn worker_keeps_its_limit_after_a_change() {
    for (version, path) in WORKER.all() {
        let mut worker = Worker::start(&path, 2).await;
        let jobs: Vec<_> = (0..40).map(|nth| job(nth, 1, 1)).collect();
        worker.post_all(&jobs).await;
        worker.arrived(2).await;
        assert_eq!(worker.database.log().peak, 2, "{version}");
        worker.set_limit(5).await;
        worker.arrived(5).await;
        worker.database.answer(ALL);
        worker.arrived(40).await;
        worker.terminate().await;
        let database = worker.database.log();
        assert_eq!(database.peak, 5, "{version}");
        assert_eq!(database.opened, 5, "{version}");
        let (ended, _) = worker.end().await;
        ended.output();
    }
}

/// Three jobs of 40 megabytes need more than the memory of 100, so the third job waits for one of the first two.
#[tokio::test]
async fn worker_keeps_the_bound_of_its_memory() {
    for (version, path) in WORKER.all() {
        let mut worker = Worker::start(&path, 8).await;
        let jobs: Vec<_> = (0..12).map(|nth| job(nth, 1, 40)).collect();
        worker.post_all(&jobs).await;
        worker.arrived(2).await;
        worker.database.answer(ALL);
        worker.arrived(12).await;
        worker.terminate().await;
        assert_eq!(worker.database.log().peak_megabytes, 80, "{version}");
        let (ended, _) = worker.end().await;
        ended.output();
    }
}

/// A job that needs more than the memory is refused, or fails after the request, and stops no further job.
#[tokio::test]
async fn worker_with_a_job_above_its_memory_runs_others() {
    for (version, path) in WORKER.all() {
        let mut worker = Worker::start(&path, 2).await;
        worker.database.answer(ALL);
        let status = worker.post(&job(0, 0, 101)).await;
        assert!(
            [StatusCode::ACCEPTED, StatusCode::PAYLOAD_TOO_LARGE].contains(&status),
            "{version}"
        );
        worker.post_all(&[job(0, 1, 100), job(1, 1, 100)]).await;
        worker.arrived(2).await;
        worker.terminate().await;
        let (ended, rest) = worker.end().await;
        ended.output();
        assert!(rest.is_empty(), "{version}");
        let reason = "the item costs 101 permits, and the semaphore has 100 in all";
        assert_eq!(ended.stderr.contains(reason), status == StatusCode::ACCEPTED, "{version}");
    }
}

/// The panic of a job is logged with the span of the job, and counts. The further jobs of the tenant run.
#[tokio::test]
async fn worker_after_the_panic_of_a_job_goes_on() {
    for (version, path) in WORKER.all() {
        let mut worker = Worker::start(&path, 2).await;
        let broken = Job { amount: "none".to_owned(), ..job(0, 0, 1) };
        worker.database.answer(ALL);
        worker.post_all(&[job(0, 1, 1), broken, job(0, 3, 1)]).await;
        worker.arrived(2).await;
        let counted = async { while worker.completed("panicked").await.as_deref() != Some("1") {} };
        within(counted, "the count of the panic").await;
        worker.terminate().await;
        let (ended, _) = worker.end().await;
        ended.output();
        assert!(ended.stderr.contains("the amount is a number"), "{version}: {}", ended.stderr);
        let panic = ended.stderr.lines().find(|line| line.contains("panicked at"));
        assert!(panic.is_some_and(|line| line.contains("index=1")), "{version}: {}", ended.stderr);
    }
}

/// After SIGTERM, the started jobs complete, and all others come back in the order of the requests.
#[tokio::test]
async fn worker_after_sigterm_returns_the_jobs_not_started() {
    for (version, path) in WORKER.all() {
        let mut worker = Worker::start(&path, 3).await;
        let jobs: Vec<_> = (0..60).map(|nth| job(nth % 7, nth as u64, 30 + nth % 20)).collect();
        worker.post_all(&jobs).await;
        worker.arrived(2).await;
        worker.database.answer(10);
        worker.arrived(12).await;
        worker.program.signal(Signal::TERM);
        worker.program.says("draining").await;
        worker.database.answer(ALL);
        let ended = worker.program.end().await;
        ended.output();
        let log = worker.database.log();
        let rest = fs::read_to_string(worker.folder.path().join("rest.json")).unwrap();
        let rest: Vec<Job> = serde_json::from_str(&rest).unwrap();
        assert!(!rest.is_empty(), "{version}");
        let others = jobs.iter().filter(|job| !log.statements.contains(&statement(job)));
        assert!(rest.iter().eq(others), "{version}: {rest:?}");
        within(worker.database.all_closed(), "the close of a connection").await;
    }
}

/// A second SIGTERM cancels the started jobs, and the jobs that were not started still come back.
#[tokio::test]
async fn worker_after_a_second_sigterm_ends_at_once() {
    for (version, path) in WORKER.all() {
        let mut worker = Worker::start(&path, 2).await;
        let jobs: Vec<_> = (0..20).map(|nth| job(nth, 1, 1)).collect();
        worker.post_all(&jobs).await;
        worker.arrived(2).await;
        worker.program.signal(Signal::TERM);
        worker.program.says("draining").await;
        worker.program.signal(Signal::TERM);
        let (ended, rest) = worker.end().await;
        assert_eq!(ended.status.code(), Some(1), "{version}");
        assert!(ended.stderr.contains("drain"), "{version}: {}", ended.stderr);
        assert_eq!(rest, jobs[2..], "{version}");
    }
}
