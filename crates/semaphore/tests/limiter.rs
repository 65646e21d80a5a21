//! The semaphore as a limiter of other patterns.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use towpath_fanout::{Fanout, OnFailure, PatternExt, Source};
use towpath_semaphore::{AcquireError, Semaphore};

/// A job that adds up the costs of the running jobs, and the largest sum.
fn weighing(
    largest: &Arc<AtomicUsize>,
) -> impl Fn(usize) -> std::pin::Pin<Box<dyn Future<Output = anyhow::Result<usize>> + Send>> + Send + Sync + 'static
{
    let (running, largest) = (Arc::new(AtomicUsize::new(0)), Arc::clone(largest));
    move |cost| {
        let running = Arc::clone(&running);
        largest.fetch_max(running.fetch_add(cost, SeqCst) + cost, SeqCst);
        Box::pin(async move {
            sleep(Duration::from_millis(1 + cost as u64 % 3)).await;
            running.fetch_sub(cost, SeqCst);
            Ok(cost)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn weighted_jobs_cost_no_more_than_the_total_at_once() {
    let semaphore = Semaphore::new(10);
    let largest = Arc::new(AtomicUsize::new(0));
    let costs: Vec<_> = (0..500).map(|n| n * 7 % 11).collect();
    let load = Fanout::new(8, weighing(&largest))
        .ordered()
        .capacity(30)
        .limited_by(&semaphore.weighted(|cost: &usize| *cost));
    assert_eq!(load.run(costs.clone()).collect().await.unwrap(), costs);
    assert_eq!(largest.load(SeqCst), 10);
    assert_eq!(semaphore.available_permits(), 10);
}

/// The limit is one, and both jobs of cost 0 run although an item of cost 2 waits.
#[tokio::test]
async fn weighted_item_waits_without_a_slot() {
    let semaphore = Semaphore::new(2);
    let held = semaphore.acquire_many_owned(2).await.unwrap();
    let load = Fanout::new(1, |cost: usize| async move { Ok(cost) })
        .capacity(4)
        .limited_by(&semaphore.weighted(|cost: &usize| *cost));
    let mut run = load.run([2, 0, 0]);
    assert_eq!(run.next().await.unwrap().unwrap(), 0, "an item of cost 0 waits for no permit");
    assert_eq!(run.next().await.unwrap().unwrap(), 0);
    drop(held);
    assert_eq!(run.next().await.unwrap().unwrap(), 2);
}

#[tokio::test]
async fn item_with_a_cost_above_the_total_fails() {
    for cost in [3, usize::MAX] {
        let semaphore = Semaphore::new(2);
        let load = Fanout::new(1, |cost: usize| async move { Ok(cost) })
            .on_failure(OnFailure::Continue)
            .limited_by(&semaphore.weighted(|cost: &usize| *cost));
        let report = load.run([1, cost, 1]).finish().await;
        assert_eq!((report.last().succeeded, report.last().errored), (2, 1));
        let failure = &report.failures[0];
        assert_eq!(failure.index(), Some(1));
        let expected = format!("the item costs {cost} permits, and the semaphore has 2 in all");
        assert_eq!(failure.cause().to_string(), expected);
        assert_eq!(semaphore.available_permits(), 2);
    }
}

#[tokio::test]
async fn item_under_a_closed_semaphore_fails_and_its_job_does_not_start() {
    async fn never(_: usize) -> anyhow::Result<()> {
        anyhow::bail!("the job has started")
    }

    let semaphore = Semaphore::new(2);
    semaphore.close();
    let fanout = Fanout::new(1, never).on_failure(OnFailure::Continue);
    let by_one = fanout.clone().limited_by(&semaphore).run([1, 2]).finish().await;
    let weighted = fanout.limited_by(&semaphore.weighted(|cost: &usize| *cost)).run([1, 2]).finish().await;
    for report in [by_one, weighted] {
        let _: &towpath_fanout::Report = &report;
        assert_eq!(report.last().errored, 2);
        assert!(report.failures.iter().all(|failure| failure.downcast_ref::<AcquireError>().is_some()));
    }
}

/// Three runs of one pattern share three permits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn permits_bound_the_jobs_of_all_runs_with_the_semaphore() {
    let semaphore = Semaphore::new(3);
    let largest = Arc::new(AtomicUsize::new(0));
    let running = Arc::new(AtomicUsize::new(0));
    let job = {
        let (running, largest) = (Arc::clone(&running), Arc::clone(&largest));
        move |n: u32| {
            let running = Arc::clone(&running);
            largest.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
            async move {
                yield_now().await;
                running.fetch_sub(1, SeqCst);
                Ok(n)
            }
        }
    };
    let fanout = Fanout::new(4, job).limited_by(&semaphore);
    let runs = [fanout.run(0..2_000), fanout.run(0..2_000), fanout.run(0..2_000)];
    for run in runs {
        assert_eq!(run.collect().await.unwrap().len(), 2_000);
    }
    assert!(largest.load(SeqCst) <= 3, "{largest:?}");
    assert_eq!(semaphore.available_permits(), 3);
}

/// The total changes in both directions while items wait. With a total of 0, all items with a cost wait.
#[tokio::test(start_paused = true)]
async fn resized_semaphore_goes_on_with_the_items_that_wait() {
    let semaphore = Semaphore::new(8);
    let largest = Arc::new(AtomicUsize::new(0));
    let load =
        Fanout::new(4, weighing(&largest)).capacity(20).limited_by(&semaphore.weighted(|cost: &usize| *cost));
    let dial = semaphore.clone();
    let changes = tokio::spawn(async move {
        for total in [8, 2, 0, 5, 8].into_iter().cycle().take(200) {
            dial.resize(total);
            sleep(Duration::from_millis(2)).await;
        }
        dial.resize(8);
    });
    // The costs are at most 1, since an item whose cost is above the total at its arrival fails.
    let costs = (0..300).map(|n| usize::from(n % 2 == 0));
    assert_eq!(
        load.run(Source::new(costs))
            .collect()
            .await
            .map_err(|failure| failure.to_string())
            .map(|all| all.len()),
        Ok(300)
    );
    changes.await.unwrap();
    assert_eq!(semaphore.available_permits(), 8);
    assert!(largest.load(SeqCst) <= 8);
}

/// An item that comes while the semaphore pauses is checked at the first total after the pause.
#[tokio::test(start_paused = true)]
async fn cost_above_the_total_after_a_pause_fails() {
    let semaphore = Semaphore::new(0);
    let load = Fanout::new(2, |cost: usize| async move { Ok(cost) })
        .capacity(8)
        .on_failure(OnFailure::Continue)
        .limited_by(&semaphore.weighted(|cost: &usize| *cost));
    let run = load.run([5, 1, 4, 2]);
    sleep(Duration::from_secs(1)).await;
    semaphore.resize(3);
    let report = timeout(Duration::from_secs(60), run.finish()).await.expect("no item is stuck");
    assert_eq!((report.last().succeeded, report.last().errored), (2, 2), "{report}");
    assert_eq!(semaphore.available_permits(), 3);
}
