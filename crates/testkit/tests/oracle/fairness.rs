//! A future that is always ready lets other tasks run, and every user of a shared queue or semaphore gets a share. The
//! tests count items, on one thread and a paused clock.

use std::collections::VecDeque;
use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{advance, timeout};
use towpath_fanout::Fanout;
use towpath_pattern::{PatternExt, Run, Scope, Settings, Source, Taken, queue};
use towpath_semaphore::{Semaphore, WithPermit};

/// The number of items after which an endless source ends.
const ENDLESS: usize = 300_000;

/// The largest number of items before another task runs: a few budgets of a task, of some batches each.
const A_FEW: usize = 60_000;

/// Counts items.
#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    /// Counts an item, and returns whether the counted future goes on.
    fn more(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) < ENDLESS
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs `busy`, which counts its items, until a timer fires. Another task must run before the timer is due.
async fn lets_a_timer_fire<F: Future>(what: &str, busy: impl FnOnce(Count) -> F) {
    let (count, due) = (Count::default(), Duration::from_millis(1));
    tokio::spawn(advance(due));
    let _ = timeout(due, busy(count.clone())).await;
    assert!(count.get() < A_FEW, "{what}: {} items went before a timer fired", count.get());
}

/// Returns the output of `future`, which must complete. A paused clock shows at once that `future` hangs.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let outcome = timeout(Duration::from_secs(10), future).await;
    outcome.unwrap_or_else(|_| panic!("hung: {what}"))
}

/// A stream that is always ready.
struct Endless;

impl Stream for Endless {
    type Item = usize;

    fn poll_next(self: Pin<&mut Self>, _cx: &mut std::task::Context<'_>) -> Poll<Option<usize>> {
        Poll::Ready(Some(0))
    }
}

/// Sources that are always ready.
fn endless() -> [(&'static str, Source<usize>); 4] {
    let (producer, consumer) = queue::bounded(100);
    let producing = Source::new(0_usize..);
    let put = move |taken: Taken<usize, ()>| {
        let producer = producer.clone();
        async move {
            let (item, running) = taken.start();
            running.complete(producer.send(item).await.map_err(anyhow::Error::from))
        }
    };
    let producers = Run::spawn_discarding(Scope::default(), producing, Settings::new("put", 2), put);
    [
        ("an iterator", Source::new(0..)),
        ("a stream", Source::new(Endless)),
        (
            "a generator",
            Source::generate(|out| async move {
                for item in 0.. {
                    out.send(item).await;
                }
            }),
        ),
        ("producers", Source::produced(producers, consumer)),
    ]
}

#[tokio::test(start_paused = true)]
async fn source_that_is_always_ready_lets_a_timer_fire() {
    for (what, mut source) in endless() {
        lets_a_timer_fire(&format!("{what}, by hand"), async |count| {
            while count.more() && source.next().await.is_some() {}
        })
        .await;
    }
    for (what, source) in endless() {
        let mut run = Fanout::new(4, |item: usize| ready(Ok(item))).capacity(64).run(source);
        lets_a_timer_fire(
            &format!("a run on {what}"),
            async |count| while count.more() && run.next().await.is_some() {},
        )
        .await;
    }
    for (what, source) in endless() {
        let jobs = Count::default();
        let counting = jobs.clone();
        let job = move |item: usize| {
            counting.more();
            ready(Ok(item))
        };
        let run = WithPermit::new(2, &Semaphore::new(2), job).run(source);
        lets_a_timer_fire(&format!("a run under permits on {what}"), |_| run.finish()).await;
        assert!(
            jobs.get() < A_FEW,
            "a run under permits on {what}: {} jobs before a timer fired",
            jobs.get()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn queue_that_is_always_ready_lets_a_timer_fire() {
    let (producer, mut consumer) = queue::bounded(10);
    lets_a_timer_fire("items one by one", async |count| {
        while count.more() {
            producer.send(0).await.expect("it is open");
            consumer.recv().await;
        }
    })
    .await;
    lets_a_timer_fire("items of a stream", async |count| {
        while count.more() {
            let _ = producer.try_send(0);
            poll_fn(|cx| Pin::new(&mut consumer).poll_next(cx)).await;
        }
    })
    .await;
    lets_a_timer_fire("batches", async |count| {
        let mut taken = Vec::new();
        while count.more() {
            producer.send_many(&mut VecDeque::from([0; 10])).await.expect("it is open");
            consumer.recv_many(10, &mut taken).await;
            taken.clear();
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn permits_that_are_always_free_let_a_timer_fire() {
    let semaphore = Semaphore::new(3);
    lets_a_timer_fire("acquire", async |count| {
        while count.more() {
            let _permit = semaphore.acquire().await.expect("it is open");
        }
    })
    .await;
    lets_a_timer_fire("acquire_many_owned", async |count| {
        while count.more() {
            let _permits = semaphore.acquire_many_owned(2).await.expect("it is open");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn cancellation_by_another_task_ends_a_run_that_is_always_ready() {
    for (what, source) in endless() {
        let scope = Scope::new("to be cancelled");
        let mut run = Fanout::new(4, |item: usize| ready(Ok(item))).capacity(64).run_in(&scope, source);
        let (cancelling, count) = (scope.clone(), Count::default());
        tokio::spawn(async move { cancelling.cancel() });
        let mut last = None;
        while count.more()
            && let Some(output) = run.next().await
        {
            last = Some(output);
        }
        let cancelled = last.is_some_and(|last| last.is_err_and(|failure| failure.is_cancelled()));
        assert!(cancelled, "{what}: {} outputs, and no end by the cancellation", count.get());
        assert!(count.get() < A_FEW, "{what}: {} outputs before the cancellation ended it", count.get());
    }
}

/// Returns the numbers of items that each of three receivers took and that each of three senders sent, after the
/// receivers of the shared queue took `all` items.
async fn shares(capacity: usize, batch: usize, all: usize) -> ([usize; 3], [usize; 3]) {
    let (producer, consumer) = queue::bounded(capacity);
    let (taken, put) = ([(); 3].map(|()| Count::default()), [(); 3].map(|()| Count::default()));
    let mut tasks = JoinSet::new();
    for count in put.clone() {
        let producer = producer.clone();
        tasks.spawn(async move {
            let mut items = VecDeque::new();
            while count.more() {
                items.resize(batch, 0);
                let over = match batch {
                    1 => producer.send(0).await.is_err(),
                    _ => producer.send_many(&mut items).await.is_err(),
                };
                if over {
                    return;
                }
            }
        });
    }
    for count in taken.clone() {
        let (mut consumer, counts) = (consumer.clone(), taken.clone());
        tasks.spawn(async move {
            let mut items = Vec::new();
            loop {
                items.clear();
                if batch == 1 {
                    items.extend(consumer.recv().await);
                } else {
                    consumer.recv_many(batch, &mut items).await;
                }
                count.0.fetch_add(items.len(), Ordering::Relaxed);
                if items.is_empty() || counts.iter().map(Count::get).sum::<usize>() >= all {
                    return consumer.close();
                }
            }
        });
    }
    soon("consumers and producers all sleep", tasks.join_all()).await;
    (taken.map(|count| count.get()), put.map(|count| count.get() * batch))
}

#[tokio::test(start_paused = true)]
async fn senders_and_receivers_of_a_queue_get_their_share() {
    const ALL: usize = 30_000;
    for (capacity, batch) in [(0, 1), (1, 1), (2, 1), (10, 1), (10, 5), (100, 1), (100, 100)] {
        let (taken, put) = shares(capacity, batch, ALL).await;
        let least = taken.iter().chain(&put).min().copied();
        assert!(
            least >= Some(ALL / 3 / 4),
            "capacity {capacity}, batches of {batch}: {taken:?} taken, {put:?} put"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn request_for_all_permits_is_not_starved_by_small_requests() {
    const TIMES: usize = 200;
    let (semaphore, light) = (Semaphore::new(4), Count::default());
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let (semaphore, light) = (semaphore.clone(), light.clone());
        tasks.spawn(async move {
            while light.more() {
                let _permit = semaphore.acquire().await.expect("it is open");
                yield_now().await;
            }
        });
    }
    let mut before = 0;
    for time in 0..TIMES {
        let permits =
            soon("the request for all permits", semaphore.acquire_many(4)).await.expect("it is open");
        let since = light.get() - before;
        assert!(
            since <= 24,
            "{since} requests went first at time {time}, and at most twelve hold a permit or wait"
        );
        assert!(since > 0 || time == 0, "no other request got a permit before time {time}");
        before = light.get();
        drop(permits);
        yield_now().await;
    }
    tasks.shutdown().await;
    assert_eq!(semaphore.available_permits(), 4);
}

#[tokio::test(start_paused = true)]
async fn runs_under_one_semaphore_both_progress() {
    const ALL: usize = 20_000;
    for permits in [1, 3] {
        let semaphore = Semaphore::new(permits);
        let counts = [Count::default(), Count::default()];
        let mut tasks = JoinSet::new();
        for count in counts.clone() {
            let mut run =
                WithPermit::new(2, &semaphore, |item: usize| ready(Ok(item))).run(Source::new(0_usize..));
            let all = counts.clone();
            tasks.spawn(async move {
                while all.iter().map(Count::get).sum::<usize>() < ALL && run.next().await.is_some() {
                    count.more();
                }
            });
        }
        soon("two runs under one semaphore", tasks.join_all()).await;
        let counts = counts.map(|count| count.get());
        assert!(counts.iter().all(|count| *count >= ALL / 8), "with {permits} permits: {counts:?}");
    }
}
