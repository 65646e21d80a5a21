//! The `send` of a generator in a task that owns the `Yield`: the result is `false` once the source has ended or was
//! dropped. The generator itself never gets `false`, since a dropped source drops the generator at its `send`.

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use tokio::task::yield_now;
use towpath_pattern::{Run, Scope, Settings, Source, Yield};

async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

/// Returns a source of the items that `feed`, a task in `scope`, sends. The generator holds `held` and never returns.
fn fed_by_a_task<T, F, Fut, H>(scope: &Scope, held: H, feed: F) -> Source<T>
where
    T: Send + 'static,
    F: FnOnce(Yield<T>) -> Fut,
    Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    H: Send + 'static,
{
    Source::generate(|out| {
        scope.spawn("feeder", feed(out));
        async move {
            let _held = held;
            pending::<()>().await;
        }
    })
}

fn pass(source: Source<u32>) -> Run<u32> {
    let job = |item: u32| async move { Ok(item) };
    Run::spawn(Scope::default(), source, Settings::new("pass", 1), Arc::new(job))
}

#[tokio::test]
async fn sending_task_gets_an_error_after_its_source_is_dropped() {
    let scope = Scope::new("feeders");
    let source = fed_by_a_task(&scope, (), |out| async move {
        let mut sent = 0;
        while out.send(sent).await {
            sent += 1;
        }
        anyhow::bail!("{} were wanted", if sent == 0 { "none" } else { "some" })
    });
    let mut run = pass(source);
    assert_eq!(run.next().await.expect("an item").expect("no failure"), 0);
    drop(run);
    let told = scope.wait().await.expect_err("it says so");
    assert_eq!(format!("{told:#}"), "stage `feeder` failed: some were wanted");
}

#[tokio::test]
async fn task_that_never_sends_again_still_ends() {
    let scope = Scope::new("feeders");
    let source = fed_by_a_task(&scope, (), |out| async move {
        for item in 0..10 {
            out.send(item).await;
        }
        Ok(())
    });
    settle().await;
    drop(source);
    scope.wait().await.expect("no failure");
}

#[tokio::test]
async fn waiting_sends_all_get_the_error() {
    let scope = Scope::new("feeders");
    let mut source = fed_by_a_task(&scope, (), |out| async move {
        let heard = tokio::join!(out.send(1), out.send(2), out.send(3));
        anyhow::ensure!(heard == (true, false, false), "{heard:?}");
        Ok(())
    });
    assert_eq!(source.next().await.expect("an item").expect("no failure"), 1);
    settle().await;
    drop(source);
    scope.wait().await.expect("no failure");
}

#[tokio::test]
async fn sending_task_gets_an_error_after_its_source_has_ended() {
    let scope = Scope::new("feeders");
    let mut source = Source::generate(|out| {
        scope.spawn("feeder", async move {
            anyhow::ensure!(out.send(1).await, "the first is wanted");
            yield_now().await;
            anyhow::ensure!(!out.send(2).await, "the second is not");
            Ok(())
        });
        async { yield_now().await }
    });
    settle().await;
    assert_eq!(source.next().await.expect("an item").expect("no failure"), 1);
    assert!(source.next().await.is_none());
    scope.wait().await.expect("no failure");
    drop(source);
}

#[tokio::test]
async fn generator_is_dropped_at_its_send() {
    let (went_on, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(()));
    let (on, held) = (Arc::clone(&went_on), Arc::clone(&seen));
    let mut source = Source::generate(move |out| async move {
        assert!(out.send(1).await, "the source is there");
        out.send(2).await;
        on.store(true, SeqCst);
        drop(held);
    });
    for expected in 1..=2 {
        assert_eq!(source.next().await.expect("an item").expect("no failure"), expected);
    }
    drop(source);
    assert!(!went_on.load(SeqCst));
    assert_eq!(Arc::strong_count(&seen), 1);
}

#[tokio::test]
async fn refused_sends_in_a_loop_let_other_tasks_run() {
    let scope = Scope::new("feeders");
    drop(fed_by_a_task(&scope, (), |out| async move {
        loop {
            out.send(()).await;
        }
    }));
    settle().await;
    scope.cancel();
    scope.wait().await.expect("it was asked for");
}

/// Panics in its drop.
struct Loud(&'static str);

impl Drop for Loud {
    fn drop(&mut self) {
        panic!("{}", self.0);
    }
}

#[tokio::test]
async fn drops_that_panic_end_no_process_and_leave_no_sender_asleep() {
    let scope = Scope::new("feeders");
    let source = fed_by_a_task(&scope, Loud("the generator"), |out| async move {
        anyhow::ensure!(!out.send(Loud("an item")).await, "the item is not taken");
        Ok(())
    });
    settle().await;
    let told = catch_unwind(AssertUnwindSafe(|| drop(source)))
        .expect_err("the panic reaches the caller of the drop");
    assert_eq!(told.downcast_ref().map(String::as_str), Some("the generator"));
    scope.wait().await.expect("no failure");
}
