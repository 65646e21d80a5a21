//! Resources that leave their job with its output: whatever becomes of that, they are released before the run is over.

#[allow(dead_code, reason = "the tests of releases use all of it")]
mod log;

use std::time::Duration;

use log::{Logged, State};
use tokio::time::{Instant, sleep};
use towpath_resource::{PatternExt, ResourceGuard, Scope, WithResource, resource_fn};

const SOON: Duration = Duration::from_secs(1);

async fn gives_it_away(
    (held, number): (ResourceGuard<State>, u32),
) -> anyhow::Result<(ResourceGuard<State>, u32)> {
    if number == 100 {
        sleep(SOON).await;
        anyhow::bail!("number 100");
    }
    Ok((held, number))
}

#[tokio::test(start_paused = true)]
async fn those_in_the_outputs_of_a_dropped_run_are_released() {
    for late in [Duration::ZERO, SOON] {
        let (log, scope) = (Logged::default(), Scope::new("dropped"));
        let run = WithResource::new(2, log.clone(), gives_it_away).run_in(&scope, 0..2);
        sleep(late).await;
        let began = Instant::now();
        drop(run);
        scope.wait().await.expect("no failure");
        assert_eq!((log.alive(), log.released().len()), (0, log.made().0), "after {late:?}");
        assert!(began.elapsed() < SOON, "it waited for {:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn those_that_order_holds_back_behind_a_failure_are_released() {
    let log = Logged::default();
    let report = WithResource::new(2, log.clone(), gives_it_away).ordered().run([100, 1]).finish().await;
    assert_eq!(report.failures.len(), 1, "{report}");
    assert_eq!((log.alive(), log.released().len()), (0, 2), "{report}");
}

#[tokio::test(start_paused = true)]
async fn those_between_two_stages_are_released_when_the_second_fails() {
    let log = Logged::default();
    let first = WithResource::new(4, log.clone(), gives_it_away);
    let nothing = resource_fn(|| async { Ok(()) }, |(), _| async { Ok(()) });
    let second = WithResource::new(
        1,
        nothing,
        |(_, (_held, _)): (ResourceGuard<()>, (ResourceGuard<State>, u32))| async {
            sleep(SOON).await;
            Err::<(), _>(anyhow::anyhow!("the second stage"))
        },
    );
    let began = Instant::now();
    let report = first.then(second).run(0..8).finish().await;
    assert_eq!(report.failures.len(), 1, "{report}");
    assert_eq!((log.alive(), log.released().len()), (0, 4), "{report}");
    assert!(began.elapsed() < 2 * SOON, "it waited for {:?}", began.elapsed());
}
