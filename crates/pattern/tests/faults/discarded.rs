//! Discarding runs go on without a receiver of their outputs.

use towpath_pattern::{Run, Scope, Settings, Source, Taken};

use crate::settle;

#[tokio::test]
async fn discarding_run_without_receiver_goes_on() {
    let settings = Settings::new("discarding", 1).capacity(0);
    let work = |taken: Taken<u32, ()>| async move {
        let (_, running) = taken.start();
        running.complete(Ok(()))
    };
    let run = Run::spawn_discarding(Scope::default(), Source::new(0..10), settings, work);
    settle().await;
    let counts = run.report().stages[0].counts;
    assert_eq!((counts.succeeded, counts.delivered), (10, 10), "{counts}");
}
