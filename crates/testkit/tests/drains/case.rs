//! A random pattern, a random source, and a random moment of a drain.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use tokio::task::yield_now;
use tokio::time::sleep;
use towpath_fanout::{Fanout, Limit, OnFailure, Pattern, PatternExt, Scope, Source, anyhow};
use towpath_pipeline::Pipeline;
use towpath_producer_consumer::{ProducerConsumer, QueueSender};
use towpath_resource::{ResourceGuard, WithResource, resource_fn};
use towpath_semaphore::{Semaphore, WithPermit};

use crate::ledger::Ledger;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Fanout,
    Pipeline,
    ProducerConsumer,
    Semaphore,
    Resource,
    Chain,
}

/// How the run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Run,
    Outputs,
    Scope,
    Signal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Endless,
    /// A task sends to a small channel.
    Channel,
    /// A generator waits between its items.
    Waits,
}

#[derive(Clone, Copy, Debug)]
pub struct Case {
    subject: Subject,
    seed: u64,
    on_threads: bool,
    limits: [usize; 2],
    capacity: usize,
    ordered: bool,
    pub on_failure: OnFailure,
    input: Input,
    /// The number of outputs before the drain, and a pause after these outputs.
    pub outputs_before: usize,
    pause: u64,
    pub budget: Duration,
    pub end: End,
    /// One out of this number of jobs fails.
    fails: u64,
    /// The longest job, in milliseconds.
    longest: u64,
}

fn one_of<T: Copy, const N: usize>(random: &mut Rng, values: [T; N]) -> T {
    values[random.usize(..N)]
}

impl Case {
    pub fn new(subject: Subject, seed: u64, on_threads: bool) -> Self {
        let mut random = Rng::with_seed(seed ^ (subject as u64) << 32);
        let tolerated = random.usize(..=3);
        Self {
            subject,
            seed,
            on_threads,
            limits: [random.usize(1..=6), random.usize(1..=6)],
            capacity: random.usize(..=12),
            ordered: random.bool(),
            on_failure: one_of(
                &mut random,
                [OnFailure::Continue, OnFailure::Continue, OnFailure::Stop, OnFailure::Tolerate(tolerated)],
            ),
            input: one_of(&mut random, [Input::Endless, Input::Endless, Input::Channel, Input::Waits]),
            outputs_before: random.usize(..=40),
            pause: random.u64(..20),
            budget: Duration::from_millis(random.u64(..60)),
            end: one_of(&mut random, [End::Run, End::Run, End::Outputs, End::Scope, End::Signal]),
            fails: one_of(&mut random, [10, 50, u64::MAX]),
            longest: one_of(&mut random, [1, 4, 30]),
        }
    }

    /// A sender of a channel stops with the drain, and the last item that the sender holds is lost.
    pub fn source_is_lossy(&self) -> bool {
        self.input == Input::Channel
    }

    pub fn source(&self, scope: &Scope) -> Source<u64> {
        match self.input {
            Input::Endless => Source::new(0..),
            Input::Channel => {
                let (sender, source) = Source::channel(3);
                // A task of the scope would keep a drain of the scope waiting, since the source is kept.
                let draining = scope.draining();
                tokio::spawn(async move {
                    tokio::pin!(draining);
                    for item in 0.. {
                        tokio::select! {
                            sent = sender.send(item) => if sent.is_err() { break },
                            () = &mut draining => break,
                        }
                    }
                });
                source
            }
            Input::Waits => Source::generate(|out| async move {
                for item in 0.. {
                    if item % 5 == 4 {
                        sleep(Duration::from_millis(1)).await;
                    }
                    out.send(item).await;
                }
            }),
        }
    }

    pub async fn pause(&self) {
        if self.on_threads {
            for _ in 0..self.pause {
                yield_now().await;
            }
        } else {
            sleep(Duration::from_millis(self.pause)).await;
        }
    }

    pub fn pattern(&self, ledger: &Arc<Ledger>) -> Box<dyn Pattern<u64, Out = u64>> {
        let case = *self;
        let [first, second] = self.limits.map(|limit| Limit::try_from(limit).expect("not zero"));
        macro_rules! built {
            ($pattern:expr) => {{
                let pattern = $pattern.capacity(self.capacity).on_failure(self.on_failure);
                if self.ordered { pattern.ordered() } else { pattern }
            }};
        }
        let of_first = |ledger: &Arc<Ledger>| {
            let ledger = Arc::clone(ledger);
            move |item: u64| case.first_job(Arc::clone(&ledger), item)
        };
        let of_second = |ledger: &Arc<Ledger>| {
            let ledger = Arc::clone(ledger);
            move |item: u64| case.job(Arc::clone(&ledger), item, 1)
        };
        match self.subject {
            // The jobs of a third of the runs start inner runs.
            Subject::Fanout if self.seed.is_multiple_of(3) => {
                let ledger = Arc::clone(ledger);
                let job = Nested { case, ledger };
                built!(Fanout::new(first, job)).boxed()
            }
            Subject::Fanout => built!(Fanout::new(first, of_first(ledger))).boxed(),
            Subject::Pipeline => {
                let pipeline = built!(Pipeline::new(first, of_first(ledger)));
                built!(pipeline.then_stage(second, of_second(ledger))).boxed()
            }
            Subject::ProducerConsumer => {
                let shared = Arc::clone(ledger);
                let produce = move |item: u64, queue: QueueSender<u64>| {
                    let ledger = Arc::clone(&shared);
                    async move {
                        let _alive = ledger.alive();
                        ledger.start(item);
                        for part in 0..=item % 3 {
                            case.wait(item + part).await;
                            queue.send(10 * item + part).await?;
                        }
                        Ok(())
                    }
                };
                ProducerConsumer::producers(first, produce)
                    .consumers(second, of_second(ledger))
                    .capacity(self.capacity)
                    .on_failure(self.on_failure)
                    .boxed()
            }
            Subject::Semaphore => {
                let semaphore = Semaphore::new(self.limits[1]);
                built!(WithPermit::new(first, &semaphore, of_first(ledger))).boxed()
            }
            Subject::Resource => {
                let (acquired, released) = (Arc::clone(ledger), Arc::clone(ledger));
                let acquire = move || {
                    let ledger = Arc::clone(&acquired);
                    async move {
                        case.wait(7).await;
                        ledger.add(1);
                        Ok(())
                    }
                };
                let release = move |(), _| {
                    let ledger = Arc::clone(&released);
                    async move {
                        yield_now().await;
                        ledger.remove();
                        Ok(())
                    }
                };
                let job = of_first(ledger);
                let job = move |(_, item): (ResourceGuard<()>, u64)| job(item);
                built!(WithResource::new(first, resource_fn(acquire, release), job)).boxed()
            }
            Subject::Chain => {
                let fanout = built!(Fanout::new(first, of_first(ledger)));
                let semaphore = Semaphore::new(self.limits[0]);
                let permits = built!(WithPermit::new(second, &semaphore, of_second(ledger)));
                let shared = Arc::clone(ledger);
                let last = Fanout::new(2, move |item: u64| case.job(Arc::clone(&shared), item, 2));
                fanout.then(permits).then(built!(last)).boxed()
            }
        }
    }

    async fn first_job(self, ledger: Arc<Ledger>, item: u64) -> anyhow::Result<u64> {
        ledger.start(item);
        self.job(ledger, item, 0).await
    }

    async fn job(self, ledger: Arc<Ledger>, item: u64, stage: u64) -> anyhow::Result<u64> {
        let _alive = ledger.alive();
        let mut random = Rng::with_seed(self.seed ^ item << 8 ^ stage);
        self.wait(random.u64(..)).await;
        if random.u64(..self.fails) == 0 {
            assert!(random.u32(..4) > 0, "on purpose");
            anyhow::bail!("on purpose");
        }
        Ok(item)
    }

    /// Waits in one of several ways, or not at all.
    async fn wait(self, random: u64) {
        match random % 4 {
            0 => {}
            1 => yield_now().await,
            _ if self.on_threads => {
                for _ in 0..random % self.longest {
                    yield_now().await;
                }
            }
            _ => sleep(Duration::from_millis(random % self.longest)).await,
        }
    }
}

/// A job with an inner run.
struct Nested {
    case: Case,
    ledger: Arc<Ledger>,
}

impl towpath_fanout::Job<u64> for Nested {
    type Out = u64;

    async fn call(&self, item: u64) -> anyhow::Result<u64> {
        self.call_in(item, &Scope::default()).await
    }

    async fn call_in(&self, item: u64, scope: &Scope) -> anyhow::Result<u64> {
        self.ledger.start(item);
        let case = Case { fails: u64::MAX, ..self.case };
        let (ledger, seen) = (Arc::clone(&self.ledger), Arc::new(AtomicU64::new(0)));
        let count = Arc::clone(&seen);
        let inner = Fanout::new(2, move |part: u64| {
            count.fetch_add(1, Ordering::Relaxed);
            case.job(Arc::clone(&ledger), part, 3)
        });
        let parts = item % 5;
        let report = inner.run_in(scope, 0..parts).for_each(|_| async { Ok(()) }).await?;
        assert_eq!((report.last().succeeded as u64, seen.load(Ordering::Relaxed)), (parts, parts));
        self.case.job(Arc::clone(&self.ledger), item, 0).await
    }
}
