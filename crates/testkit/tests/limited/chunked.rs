//! Chunks whose items come back: the items of a kept source reach a subject in chunks, and the run is stopped in every
//! way. Every item is in one started chunk, or comes back, and the unfinished chunk comes back with the rest.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::runtime::Builder;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use towpath_pattern::{Job, Kept, PatternExt, Report, Run, Scope, Source, anyhow};
use towpath_testkit::{Case, Subject};

use crate::patterns::Composed;

/// The items that are sent before the stop.
const ITEMS: u64 = 25;

/// The runs for each stop.
const RUNS: u64 = 3;

/// Longer than every run.
const HUNG: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug)]
enum Stop {
    Cancel,
    CancelScope,
    Deadline,
    Drop,
    TakeNoMore,
    Drain,
    DrainNow,
}

const STOPS: [Stop; 7] = [
    Stop::Cancel,
    Stop::CancelScope,
    Stop::Deadline,
    Stop::Drop,
    Stop::TakeNoMore,
    Stop::Drain,
    Stop::DrainNow,
];

/// The settings of a run.
#[derive(Clone, Copy, Debug)]
struct Settings {
    stop: Stop,
    case: Case,
    size: usize,
    within: Duration,
    /// The number of outputs before the stop.
    outputs: u64,
    /// The seed of the jobs.
    seed: u64,
}

impl Settings {
    fn new(stop: Stop, seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let case = Case::new(random.usize(1..=3)).capacity(random.usize(..4));
        Self {
            stop,
            case: if random.bool() { case } else { case.going_on() },
            size: random.usize(2..=4),
            within: if random.bool() { Duration::MAX } else { Duration::from_millis(2) },
            outputs: random.u64(..6),
            seed: random.u64(..),
        }
    }
}

/// Records every started chunk.
#[derive(Clone)]
struct Chunks {
    settings: Settings,
    started: Arc<Mutex<Vec<Vec<u64>>>>,
}

impl Job<Vec<u64>> for Chunks {
    type Out = usize;

    async fn call(&self, chunk: Vec<u64>) -> anyhow::Result<usize> {
        let mut random = Rng::with_seed(self.settings.seed ^ chunk[0]);
        let items = chunk.len();
        self.started.lock().unwrap_or_else(PoisonError::into_inner).push(chunk);
        for _ in 0..random.u32(..4) {
            yield_now().await;
        }
        if random.u32(..3) == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        anyhow::ensure!(random.u32(..11) > 0, "on purpose");
        Ok(items)
    }
}

/// Returns the observations against the conservation of the items.
pub fn lost(subject: &Composed) -> Vec<String> {
    let seed = subject.name().bytes().fold(0, |sum, byte| Rng::with_seed(sum ^ u64::from(byte)).u64(..));
    let runs = STOPS.into_iter().flat_map(|stop| (0..RUNS).map(move |run| (stop, run)));
    let lost = runs.filter_map(|(stop, run)| {
        let settings = Settings::new(stop, seed.wrapping_add(run));
        let on_threads = run == 0 || subject.needs_threads();
        let outcome = play(subject, settings, on_threads);
        outcome.err().map(|what| format!("chunks: {what} ({settings:?}, threads: {on_threads})"))
    });
    lost.collect()
}

fn play(subject: &Composed, settings: Settings, on_threads: bool) -> Result<(), String> {
    let mut runtime = if on_threads { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    runtime.worker_threads(2).enable_time().start_paused(!on_threads);
    let runtime = runtime.build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let played = timeout(HUNG, stopped(subject, settings)).await;
        played.unwrap_or_else(|_| Err("the run did not end".to_owned()))
    })
}

async fn stopped(subject: &Composed, settings: Settings) -> Result<(), String> {
    let Settings { stop, case, size, within, outputs, .. } = settings;
    let (sender, source) = Source::channel(100);
    for item in 0..ITEMS {
        sender.try_send(item).map_err(|error| error.to_string())?;
    }
    let (source, kept) = source.kept();
    let started = Arc::default();
    let pattern = subject.pattern(case, Chunks { settings, started: Arc::clone(&started) });
    let mut scope = Scope::new("chunked");
    if let Stop::Deadline = stop {
        scope = scope.with_timeout(Duration::from_millis(outputs));
    }
    let mut run = pattern.run_in(&scope, source.chunks(size, within));
    // The last chunk may stay unfinished, so the wait for an output has a limit.
    for _ in 0..outputs {
        let _ = timeout(Duration::from_millis(3), run.next()).await;
    }
    let report = ended(run, stop, &scope).await;
    // The failures of the jobs are on purpose.
    let _ = scope.wait().await;
    sender.close();
    let kept = rest(&kept).await?;
    let started = std::mem::take(&mut *started.lock().unwrap_or_else(PoisonError::into_inner));
    conserved(subject, settings, &started, &kept, report.as_ref())
}

async fn ended(mut run: Run<usize>, stop: Stop, scope: &Scope) -> Option<Report> {
    match stop {
        Stop::Cancel => run.cancel(),
        Stop::CancelScope => scope.cancel(),
        Stop::TakeNoMore => run.stop_taking(),
        Stop::Deadline => {}
        Stop::Drop => return None,
        Stop::Drain => return Some(run.drain(HUNG).await),
        Stop::DrainNow => return Some(run.drain(Duration::ZERO).await),
    }
    while run.next().await.is_some() {}
    Some(run.finish().await)
}

async fn rest(kept: &Kept<u64>) -> Result<Vec<u64>, String> {
    let mut source = kept.take().ok_or("the run has ended and did not return the source")?;
    let mut items = Vec::new();
    while let Some(item) = source.next().await {
        items.push(item.map_err(|failure| format!("{failure:#}"))?);
    }
    Ok(items)
}

fn conserved(
    subject: &Composed,
    settings: Settings,
    started: &[Vec<u64>],
    kept: &[u64],
    report: Option<&Report>,
) -> Result<(), String> {
    let seen = format!("the chunks {started:?} were started, and the items {kept:?} came back");
    let is_a_chunk = |chunk: &Vec<u64>| {
        (1..=settings.size).contains(&chunk.len()) && chunk.windows(2).all(|pair| pair[0] + 1 == pair[1])
    };
    if !started.iter().all(is_a_chunk) || !kept.is_sorted() {
        return Err(format!("{seen}: not in order"));
    }
    let all: BTreeSet<u64> = started.iter().flatten().chain(kept).copied().collect();
    if all.len() != started.iter().map(Vec::len).sum::<usize>() + kept.len() {
        return Err(format!("{seen}: an item is in two places"));
    }
    let Some(report) = report else { return Ok(()) };
    let adds_up = |stage: &towpath_pattern::StageReport| stage.counts.taken == stage.counts.settled();
    if !report.stages.iter().all(adds_up) {
        return Err(format!("{seen}: the counts do not add up: {report}"));
    }
    let missing = usize::try_from(ITEMS).expect("small") - all.len();
    // The first stage has taken every chunk that is neither started nor back: the chunk is behind the stage, or was
    // cancelled.
    let first = report.stages[0].counts;
    let behind = (started.len() + first.never_started).abs_diff(first.taken);
    let is_right =
        if subject.starts_first() { missing + behind == 0 } else { missing <= behind * settings.size };
    if !is_right {
        return Err(format!("{seen}: {missing} items were lost: {report}"));
    }
    Ok(())
}
