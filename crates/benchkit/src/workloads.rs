//! The workloads: the jobs of the items, and the measures.
//!
//! A task of the runtime collects the outputs, as in a service. Every batch would have to wake the thread of a receiver
//! in `block_on`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use towpath_pattern::{IntoSource, Job, Pattern, PatternExt};

use crate::hash::hash;
use crate::latency::{Arrivals, in_flight, latency};
use crate::measured::{Measured, milliseconds};
use crate::mixed::mixed;
use crate::process::memory_kib;
use crate::times::Times;
use towpath_testkit::{Case, Subject};

/// A workload of the uniform benchmark.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// Whether the answer has the peak memory of the process.
    pub(crate) peak: bool,
    kind: Kind,
}

enum Kind {
    Sleep { limit: usize },
    Noop,
    Hash,
    Memory,
    Cancel,
    Latency(Arrivals),
    InFlight(u64),
    Mixed,
}

const STEADY: Arrivals = Arrivals { burst: 1, every: Duration::from_micros(100) };
const BURSTS: Arrivals = Arrivals { burst: 1_000, every: Duration::from_millis(1) };

pub(crate) const WORKLOADS: &[Workload] = &[
    Workload { name: "io-10k", peak: true, kind: Kind::Sleep { limit: 10_000 } },
    Workload { name: "io-1m", peak: true, kind: Kind::Sleep { limit: 10_000 } },
    Workload { name: "fanout-noop", peak: false, kind: Kind::Noop },
    Workload { name: "fanout-cpu", peak: false, kind: Kind::Hash },
    Workload { name: "memory-100k", peak: false, kind: Kind::Memory },
    Workload { name: "cancel-10k", peak: false, kind: Kind::Cancel },
    Workload { name: "latency-steady", peak: false, kind: Kind::Latency(STEADY) },
    Workload { name: "latency-bursts", peak: false, kind: Kind::Latency(BURSTS) },
    Workload { name: "latency-10", peak: false, kind: Kind::InFlight(10) },
    Workload { name: "mixed", peak: false, kind: Kind::Mixed },
];

pub(crate) fn run<S: Subject>(subject: &S, workload: &Workload, items: u64) -> anyhow::Result<Measured> {
    let runtime = Runtime::new().context("no tokio runtime")?;
    let subject = subject.clone();
    let measured = match workload.kind {
        Kind::Sleep { limit } => {
            runtime.spawn(timed(subject, Case::new(limit), items, |item: u64| async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                Ok(item)
            }))
        }
        Kind::Noop => {
            let case = Case::new(16).capacity(1_024);
            runtime.spawn(timed(subject, case, items, |item: u64| async move { Ok(item) }))
        }
        Kind::Hash => {
            let cores = thread::available_parallelism().map_or(1, usize::from);
            let case = Case::new(cores).capacity(128);
            runtime.spawn(timed(subject, case, items, |item: u64| async move { Ok(hash(item)) }))
        }
        Kind::Memory => runtime.spawn(memory(subject, items)),
        Kind::Cancel => runtime.spawn(cancel(subject, items)),
        Kind::Latency(arrivals) => runtime.spawn(latency(subject, arrivals, items)),
        Kind::InFlight(number) => runtime.spawn(in_flight(subject, number, items)),
        Kind::Mixed => runtime.spawn(mixed(subject, items)),
    };
    runtime.block_on(measured).context("the workload panicked")?
}

/// Measures the time of `work` in a task of the runtime, and the answer.
pub(crate) fn run_alone(
    work: impl Future<Output = anyhow::Result<u64>> + Send + 'static,
) -> anyhow::Result<Measured> {
    let runtime = Runtime::new().context("no tokio runtime")?;
    let measured = runtime.spawn(async move {
        let began = Instant::now();
        let answer = work.await?;
        Ok(Measured { answer, ms: Some(milliseconds(began.elapsed())), ..Measured::default() })
    });
    runtime.block_on(measured).context("the workload panicked")?
}

/// Measures the time of `work` in a task of the runtime, the answer, and the percentiles of the times of single items.
pub(crate) fn run_with_times(
    work: impl Future<Output = anyhow::Result<(u64, Vec<Duration>)>> + Send + 'static,
) -> anyhow::Result<Measured> {
    let runtime = Runtime::new().context("no tokio runtime")?;
    let measured = runtime.spawn(async move {
        let began = Instant::now();
        let (answer, times_of_items) = work.await?;
        let ms = Some(milliseconds(began.elapsed()));
        let mut times = Times::new()?;
        for time in times_of_items {
            times.record(time)?;
        }
        Ok(Measured { answer, ms, latency: times.points(), ..Measured::default() })
    });
    runtime.block_on(measured).context("the workload panicked")?
}

/// Measures the time from the start of a run to the end, and the sum of the outputs.
async fn timed<S: Subject>(
    subject: S,
    case: Case,
    items: u64,
    job: impl Job<u64, Out = u64>,
) -> anyhow::Result<Measured> {
    drained(subject.pattern(case, job), 0..items).await
}

/// Measures the time of a run of `pattern` on the items of `source`, and the sum of the outputs.
pub(crate) async fn drained<M>(
    pattern: impl Pattern<u64, Out = u64>,
    source: impl IntoSource<u64, M>,
) -> anyhow::Result<Measured> {
    let began = Instant::now();
    let mut run = pattern.run(source);
    let mut answer = 0_u64;
    while let Some(output) = run.next().await {
        answer = answer.wrapping_add(output?);
    }
    Ok(Measured { answer, ms: Some(milliseconds(began.elapsed())), ..Measured::default() })
}

/// Measures the memory of waiting jobs.
async fn memory<S: Subject>(subject: S, items: u64) -> anyhow::Result<Measured> {
    let gate = Arc::new(Semaphore::new(0));
    let begun = Arc::new(Semaphore::new(0));
    let (at_gate, told) = (Arc::clone(&gate), Arc::clone(&begun));
    let pattern = subject.pattern(Case::new(usize::try_from(items)?), move |_: u64| {
        let (gate, begun) = (Arc::clone(&at_gate), Arc::clone(&told));
        async move {
            begun.add_permits(1);
            Ok(u64::from(gate.acquire().await.is_err()))
        }
    });
    let before = memory_kib("VmRSS:");
    let mut run = pattern.run(0..items);
    let _all = begun.acquire_many(u32::try_from(items)?).await?;
    let waiting = memory_kib("VmRSS:");
    gate.close();
    let mut answer = 0;
    while let Some(waited) = run.next().await {
        answer += waited?;
    }
    let grown = waiting.zip(before).map(|(waiting, before)| waiting.saturating_sub(before));
    Ok(Measured { answer, bytes_each: grown.map(|kib| kib * 1_024 / items), ..Measured::default() })
}

/// Measures the time from a cancellation until the last job is dropped.
async fn cancel<S: Subject>(subject: S, items: u64) -> anyhow::Result<Measured> {
    let begun = Arc::new(Semaphore::new(0));
    let gone = Arc::new(AtomicU64::new(0));
    let (told, last) = (Arc::clone(&begun), Arc::clone(&gone));
    let pattern = subject.pattern(Case::new(usize::try_from(items)?), move |item: u64| {
        let (begun, gone) = (Arc::clone(&told), CountOnDrop(Arc::clone(&last)));
        async move {
            begun.add_permits(1);
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            drop(gone);
            Ok(item)
        }
    });
    let mut run = pattern.run(0..items);
    let _all = begun.acquire_many(u32::try_from(items)?).await?;
    let cancelled = Instant::now();
    run.cancel();
    while run.next().await.is_some() {}
    let ms = milliseconds(cancelled.elapsed());
    Ok(Measured { answer: gone.load(Ordering::SeqCst), ms: Some(ms), ..Measured::default() })
}

/// Counts the dropped jobs.
struct CountOnDrop(Arc<AtomicU64>);

impl Drop for CountOnDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
