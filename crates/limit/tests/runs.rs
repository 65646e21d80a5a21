//! Limiters in runs: a flood of keys, and limits that change thousands of times under real threads.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use tokio::task::yield_now;
use towpath_limit::{Rate, per_key};
use towpath_pattern::{Job, LimitedBy, Limits, LiveLimit, Run, Scope, Settings, Source, anyhow};

fn run<In, J, L>(
    items: impl Iterator<Item = In> + Send + 'static,
    settings: Settings,
    limits: &L,
    job: J,
) -> Run<J::Out>
where
    In: Send + 'static,
    J: Job<In>,
    L: Limits<In>,
{
    Run::spawn_limited(Scope::default(), Source::new(items), settings, limits, Arc::new(job))
}

/// Every item has a key of its own, and every tenth item has a hot key. At any time, `per_key` remembers at most as
/// many keys as there are items in the stage.
#[tokio::test(start_paused = true)]
async fn flood_of_keys_remembers_the_items_in_the_stage() {
    const BOUND: usize = 108;
    let keys = if std::env::var_os("TOWPATH_LONG").is_some() { 1_000_000 } else { 20_000 };
    let key = |item: &usize| if item.is_multiple_of(10) { 0 } else { *item };
    let (by_key, rate) = (per_key(1, key), Rate::per_second(1_000_000).burst(2).per_key(key));
    let limits = LimitedBy::new(LimitedBy::new((), &by_key), &rate);
    let (most, seen) = (Arc::new(AtomicUsize::new(0)), by_key.clone());
    let most_of_jobs = Arc::clone(&most);
    let job = move |item: usize| {
        most_of_jobs.fetch_max(seen.keys(), SeqCst);
        async move {
            if item.is_multiple_of(10) {
                yield_now().await;
            }
            Ok(item)
        }
    };
    let settings = Settings::new("flood", 8).capacity(BOUND - 8);
    let mut run = run(0..keys, settings, &limits, job);
    let mut outputs = 0;
    while let Some(output) = run.next().await {
        output.expect("no failure");
        outputs += 1;
    }
    assert_eq!((outputs, by_key.keys()), (keys, 0));
    let most = most.load(SeqCst);
    assert!(most <= BOUND, "{most} keys were remembered, and {BOUND} items are in the stage at most");
}

/// Checks at every start that no more jobs run at once than allowed.
#[derive(Clone, Default)]
struct Peak {
    running: Arc<AtomicUsize>,
    allowed: Arc<AtomicUsize>,
    exceeded: Arc<AtomicUsize>,
}

impl Peak {
    fn start(&self) -> Running {
        // The allowed number is read first: the number falls only after the engine has counted the running jobs.
        let most = self.allowed.load(SeqCst);
        if self.running.fetch_add(1, SeqCst) >= most.max(self.allowed.load(SeqCst)) {
            self.exceeded.fetch_add(1, SeqCst);
        }
        Running(Arc::clone(&self.running))
    }
}

/// A running job. The drop ends the job.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// Thousands of changes of a live limit and of a rate, in a run of held items under several threads. Every start checks
/// the number of running jobs, in all and with an equal key, and the order of equal keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changed_limits_bound_every_start_of_held_items() {
    const CHANGES: usize = 3_000;
    const KEYS: usize = 5;
    let limit = LiveLimit::new(4);
    let rate = Rate::per_second(1_000_000).burst(1_000);
    let limits = LimitedBy::new(LimitedBy::new((), &per_key(1, |item: &usize| item % KEYS)), &rate);
    let peak = Peak::default();
    peak.allowed.store(4, SeqCst);
    let of_keys: Arc<[Peak; KEYS]> = Arc::default();
    of_keys.iter().for_each(|peak| peak.allowed.store(1, SeqCst));
    let last: Arc<[AtomicUsize; KEYS]> = Arc::default();
    let out_of_order = Arc::new(AtomicUsize::new(0));
    let job = {
        let (peak, of_keys, last, out_of_order) =
            (peak.clone(), Arc::clone(&of_keys), Arc::clone(&last), Arc::clone(&out_of_order));
        move |item: usize| {
            let running = (peak.start(), of_keys[item % KEYS].start());
            if last[item % KEYS].swap(item, SeqCst) > item {
                out_of_order.fetch_add(1, SeqCst);
            }
            async move {
                if item.is_multiple_of(3) {
                    yield_now().await;
                }
                drop(running);
                anyhow::Ok(())
            }
        }
    };
    let stop = Arc::new(AtomicUsize::new(0));
    let stops = Arc::clone(&stop);
    let items = (0..).take_while(move |_: &usize| stops.load(SeqCst) == 0);
    let mut run = run(items, Settings::new("dial", &limit).capacity(64), &limits, job);
    let monitor = run.monitor();
    let allowed = Arc::clone(&peak.allowed);
    let changes = tokio::spawn(async move {
        for change in 0..CHANGES {
            let before = limit.get();
            let jobs = [0, 1, 3, 2, 64, 4][change % 6];
            allowed.store(before.max(jobs), SeqCst);
            limit.set(jobs);
            rate.set(
                &Rate::per_second([1_000_000, 10_000, 1_000][change % 3]).burst([1_000, 100][change % 2]),
            );
            while monitor.report().last().running > jobs {
                yield_now().await;
            }
            allowed.store(jobs, SeqCst);
            for _ in 0..change % 4 {
                yield_now().await;
            }
        }
        allowed.store(64, SeqCst);
        rate.set(&Rate::per_second(1_000_000).burst(1_000));
        limit.set(64);
        stop.store(1, SeqCst);
    });
    let mut outputs = 0;
    while let Some(output) = run.next().await {
        output.expect("no failure");
        outputs += 1;
    }
    changes.await.expect("the changes");
    let report = run.finish().await;
    assert_eq!(peak.exceeded.load(SeqCst), 0, "starts above the limit: {report}");
    let of_keys: usize = of_keys.iter().map(|peak| peak.exceeded.load(SeqCst)).sum();
    assert_eq!(of_keys, 0, "starts of a key above 1: {report}");
    assert_eq!(out_of_order.load(SeqCst), 0, "starts of a key out of order: {report}");
    assert_eq!(report.last().taken, outputs, "{report}");
    assert!(outputs > 0);
}
