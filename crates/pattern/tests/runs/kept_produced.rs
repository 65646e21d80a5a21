//! Producers and their queue after the shutdown of the runtime whose run took items from the queue.

use std::future::pending;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use towpath_pattern::{Cause, Completed, Limit, Run, Scope, Settings, Source, Taken, Work, queue};

use crate::{run_in, settle};

fn single() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime")
}

/// Completes every item at once. The shutdown waits for the notification.
struct ClosesLater(Arc<Notify>);

impl Work<u32, ()> for ClosesLater {
    async fn work(&self, taken: Taken<u32, ()>, _: &Scope) -> Completed<u32, ()> {
        taken.start().1.complete(Ok(()))
    }

    async fn shutdown(&self) -> Vec<Cause> {
        self.0.notified().await;
        Vec::new()
    }
}

/// Returns a source of `items` items, and a sender to the queue of the source. A run on another runtime has taken all
/// items, and that runtime was shut down before the producers had ended. The producers have ended since.
fn resumed(items: usize, home: &Runtime) -> (Source<usize>, queue::Sender<usize>) {
    let (producer, consumer) = queue::bounded(100);
    let closes = Arc::new(Notify::new());
    let producers = {
        let _entered = home.enter();
        let closes = ClosesLater(Arc::clone(&closes));
        Run::spawn_discarding(
            Scope::default(),
            Source::new(Vec::new()),
            Settings::new("producers", 1),
            closes,
        )
    };
    home.block_on(settle());
    let (source, kept) = Source::produced(producers, consumer).kept();
    for item in 0..items {
        producer.try_send(item).expect("there is room");
    }
    let never_begins = |taken: Taken<usize, usize>| async move {
        pending::<()>().await;
        taken.start().1.complete(Ok(0))
    };
    let away = single();
    let run = away.block_on(async {
        let settings = Settings::new("away", Limit::new(items));
        let run = Run::spawn(Scope::default(), source, settings, never_begins);
        settle().await;
        run
    });
    drop(away);
    drop(run);
    closes.notify_one();
    home.block_on(settle());
    (kept.take().expect("the run is over"), producer)
}

#[test]
fn item_sent_by_the_last_item_of_a_resumed_source_runs() {
    for items in 1..=9 {
        let home = single();
        let (source, producer) = resumed(items, &home);
        let job = move |item: usize| {
            let put = if item == items - 1 { producer.try_send(100) } else { Ok(()) };
            async move {
                put?;
                Ok(item)
            }
        };
        let outputs = home.block_on(async {
            run_in(&Scope::default(), source, Settings::new("again", 1), job).collect().await
        });
        let wanted: Vec<_> = (0..items).chain([100]).collect();
        assert_eq!(outputs.expect("no failure"), wanted);
    }
}
