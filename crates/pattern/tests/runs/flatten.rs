//! The elements of the items of a source.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::yield_now;
use towpath_pattern::{Kept, OnFailure, Scope, Settings, Source, anyhow};

use crate::{Bomb, run_in, settle};

async fn all<T: Send + 'static>(mut source: Source<T>) -> Vec<T> {
    let mut items = Vec::new();
    while let Some(item) = source.next().await {
        items.push(item.expect("no failure"));
    }
    items
}

async fn rest<T: Send + 'static>(kept: &Kept<T>) -> Vec<T> {
    all(kept.take().expect("the run is over")).await
}

#[tokio::test]
async fn items_have_none_one_or_several_elements() {
    let lists = || vec![vec![], vec![1], vec![], vec![2, 3, 4], vec![5]];
    assert_eq!(all(Source::new(lists()).flatten()).await, [1, 2, 3, 4, 5]);
    let job = |item: u32| async move { Ok(item) };
    for limit in [1, 2] {
        let settings = Settings::new("each", limit).capacity(limit - 1).ordered();
        let run = run_in(&Scope::default(), Source::new(lists()).flatten(), settings, job);
        assert_eq!(run.collect().await.expect("no failure"), [1, 2, 3, 4, 5]);
    }
    assert_eq!(all(Source::new([None, Some(1), None]).flatten()).await, [1]);
    assert_eq!(all(Source::new([[0; 0]; 5_000]).flatten()).await, [0; 0]);
    assert_eq!(all(Source::new([vec![vec![1], vec![]], vec![vec![2]]]).flatten().flatten()).await, [1, 2]);
}

/// A source of many items without elements does not keep the thread.
#[tokio::test]
async fn items_without_elements_leave_the_thread_to_others() {
    let none = Source::new((0_u64..).map(|_| None::<u32>)).flatten();
    let mut run =
        run_in(&Scope::default(), none, Settings::new("none", 1), |item: u32| async move { Ok(item) });
    tokio::select! {
        biased;
        _ = run.next() => unreachable!("no element comes"),
        () = settle() => {}
    }
    run.cancel();
    run.finish().await;
}

#[tokio::test]
async fn element_has_the_index_of_its_item() {
    let double = |item: u32| async move { Ok(vec![item; item as usize]) };
    let first = run_in(&Scope::default(), 0..4, Settings::new("first", 2).ordered(), double);
    let job = |item: u32| async move { Ok(item) };
    let second = Settings::new("second", 2).ordered();
    let mut run = run_in(&Scope::default(), Source::<Vec<u32>>::new(first).flatten(), second, job).indexed();
    let mut seen = Vec::new();
    while let Some(output) = run.next().await {
        seen.push(output.expect("no failure"));
    }
    assert_eq!(seen, [(1, 1), (2, 2), (2, 2), (3, 3), (3, 3), (3, 3)]);
    let report = run.finish().await;
    let counts: Vec<_> =
        report.stages.iter().map(|stage| (stage.counts.taken, stage.counts.delivered)).collect();
    assert_eq!(counts, [(4, 4), (6, 6)]);
}

/// Endless iterators are opened one at a time, and an element is taken only for the run.
#[tokio::test]
async fn iterators_are_lazy() {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let endless = (0..3).map(move |_| {
        let count = Arc::clone(&count);
        (0_u32..).inspect(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        })
    });
    let job = |_: u32| pending::<anyhow::Result<()>>();
    let settings = Settings::new("each", 2).capacity(3);
    let run = run_in(&Scope::default(), Source::new(endless).flatten(), settings, job);
    settle().await;
    run.cancel();
    let report = run.finish().await;
    assert!(taken.load(Ordering::Relaxed) <= 5);
    assert_eq!(report.last().taken, report.last().settled());
}

/// After every number of polls, each element is in a started job, or comes back, in order.
#[tokio::test]
async fn elements_come_back_after_a_stop() {
    for polls in 0..40 {
        for drops in [false, true] {
            let lists = Source::generate(|out| async move {
                for first in (0..30).step_by(3) {
                    out.send(vec![first, first + 1, first + 2]).await;
                    yield_now().await;
                }
            });
            let (source, kept) = lists.flatten().kept();
            let started = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&started);
            let job = move |_: u32| {
                count.fetch_add(1, Ordering::Relaxed);
                pending::<anyhow::Result<()>>()
            };
            let scope = Scope::default();
            let run = run_in(&scope, source, Settings::new("each", 2).capacity(2), job);
            for _ in 0..polls {
                yield_now().await;
            }
            if drops {
                drop(run);
            } else {
                run.cancel();
                let report = run.finish().await;
                assert_eq!(report.last().taken, report.last().settled());
            }
            scope.wait().await.expect("no failure");
            let lost = u32::try_from(started.load(Ordering::Relaxed)).expect("few");
            assert_eq!(rest(&kept).await, (lost..30).collect::<Vec<_>>(), "after {polls} polls");
        }
    }
}

#[tokio::test]
async fn items_without_a_taken_element_come_back() {
    for capacity in [0, 3, 20, 40] {
        let lists = Source::generate(|out| async move {
            for item in 0..50_u32 {
                out.send(vec![item; 2]).await;
            }
        });
        let (source, kept) = lists.kept();
        let job = |_: u32| pending::<anyhow::Result<()>>();
        let settings = Settings::new("each", 1).capacity(capacity);
        let run = run_in(&Scope::default(), source.flatten(), settings, job);
        settle().await;
        run.cancel();
        let counts = *run.finish().await.last();
        // The second element of an item whose first element was taken counts as taken.
        assert_eq!((counts.taken, counts.taken % 2), (counts.settled(), 0));
        assert!(counts.taken <= capacity + 2, "{counts:?}");
        let first = u32::try_from(counts.taken / 2).expect("few items");
        assert_eq!(rest(&kept).await, (first..50).map(|item| vec![item; 2]).collect::<Vec<_>>());
    }
}

/// The same in a batch.
#[tokio::test]
async fn failure_of_a_batch_comes_after_its_elements() {
    let lists = (0..40)
        .map(|item| if item < 39 { Ok(vec![item]) } else { Err(anyhow::anyhow!("the end is missing")) });
    let source = Source::try_stream(futures_util::stream::iter(lists)).flatten();
    let settings = Settings::new("each", 1).ordered().capacity(40).on_failure(OnFailure::Continue);
    let run = run_in(&Scope::default(), source, settings, |item: u32| async move { Ok(item) });
    let (outcomes, _) = run.outcomes().await;
    assert_eq!(outcomes.len(), 40);
    assert!(outcomes[..39].iter().all(Result::is_ok) && outcomes[39].is_err());
}

/// Elements between the two stages of a stopped chain count as cancelled.
#[tokio::test]
async fn elements_between_two_stages_are_counted() {
    let scope = Scope::default();
    let job = |item: u32| async move { Ok(vec![item; 3]) };
    let first = run_in(&scope, 0..5, Settings::new("first", 5).capacity(5), job);
    let job = |_: u32| pending::<anyhow::Result<()>>();
    let run =
        run_in(&scope, Source::<Vec<u32>>::new(first).flatten(), Settings::new("second", 1).capacity(0), job);
    settle().await;
    run.cancel();
    let report = run.finish().await;
    let (first, second) = (report.stages[0].counts, report.stages[1].counts);
    assert_eq!((first.succeeded, second.taken, second.cancelled), (5, 15, 15));
    assert_eq!(second.taken, second.settled());
}

/// Panics at its third element, or in its drop.
struct Hostile(u32, #[expect(dead_code, reason = "panics in its drop")] Option<Bomb>);

impl Iterator for Hostile {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.0 += 1;
        assert!(self.0 != 3, "on purpose");
        (self.0 < 5).then_some(self.0)
    }
}

#[tokio::test]
async fn panic_of_an_iterator_is_a_failure_of_its_item() {
    for (from, bomb) in [(0, None), (3, Some("of the iterator")), (0, Some("of the iterator"))] {
        let items = [Hostile(3, None), Hostile(from, bomb.map(Bomb)), Hostile(3, None)];
        let settings = Settings::new("each", 1).ordered().on_failure(OnFailure::Continue);
        let job = |item: u32| async move { Ok(item) };
        let run = run_in(&Scope::default(), Source::new(items).flatten(), settings, job);
        let (outcomes, report) = run.outcomes().await;
        let outputs: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok().copied()).collect();
        let expected: &[u32] = if from == 0 { &[4, 1, 2, 4] } else { &[4, 4, 4] };
        assert_eq!(outputs, expected);
        let failures: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
        assert_eq!((failures.len(), failures[0].index()), (1, Some(1)));
        assert_eq!(failures[0].later().len(), usize::from(from == 0 && bomb.is_some()));
        assert_eq!(report.last().taken, report.last().settled());
    }
}

/// The failure of the source stands behind the elements before.
#[tokio::test]
async fn failure_of_the_source_comes_after_the_elements() {
    let mut source = Source::try_generate(|out| async move {
        out.send(vec![1, 2]).await;
        anyhow::bail!("the page is missing")
    })
    .flatten();
    assert_eq!(source.next().await.transpose().expect("no failure"), Some(1));
    assert_eq!(source.next().await.transpose().expect("no failure"), Some(2));
    assert!(source.next().await.expect("the failure").is_err());
    assert!(source.next().await.is_none());
}

/// Chunks and their elements.
#[tokio::test(start_paused = true)]
async fn elements_of_chunks_are_the_items() {
    for size in [1, 2, 7, 100] {
        let source = Source::new(0..50).chunks(size, std::time::Duration::from_secs(1)).flatten();
        let job = |item: u32| async move { Ok(item) };
        let run = run_in(&Scope::default(), source, Settings::new("each", 2).ordered().capacity(3), job);
        assert_eq!(run.collect().await.expect("no failure"), (0..50).collect::<Vec<_>>());
    }
}
