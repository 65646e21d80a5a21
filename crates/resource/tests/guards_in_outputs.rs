//! Guards in outputs: the resources are released before the run is over, whether or not the outputs are received.

#[allow(dead_code, reason = "the tests of releases use the whole module")]
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

/// Guards in the outputs of a dropped run are released.
#[tokio::test(start_paused = true)]
async fn guards_in_outputs_of_a_dropped_run_are_released() {
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

/// Guards in the outputs behind a failure of an ordered run are released.
#[tokio::test(start_paused = true)]
async fn guards_in_outputs_behind_a_failure_are_released() {
    let log = Logged::default();
    let report = WithResource::new(2, log.clone(), gives_it_away).ordered().run([100, 1]).finish().await;
    assert_eq!(report.failures.len(), 1, "{report}");
    assert_eq!((log.alive(), log.released().len()), (0, 2), "{report}");
}

/// Guards between two stages are released when the second stage fails.
#[tokio::test(start_paused = true)]
async fn guards_between_two_stages_are_released_at_a_failure() {
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
