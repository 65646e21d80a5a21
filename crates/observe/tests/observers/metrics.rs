//! The metrics of the jobs.

use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tokio::time::sleep;
use towpath_fanout::{OnFailure, PatternExt};
use towpath_observe::Metrics;
use towpath_semaphore::{Semaphore, WithPermit};

/// Returns the metrics as lines, sorted: the name, the labels and the value.
fn lines(snapshotter: &Snapshotter) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let (_, key) = key.into_parts();
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let value = match value {
            DebugValue::Counter(0) => continue,
            DebugValue::Counter(count) => count.to_string(),
            DebugValue::Gauge(value) => value.to_string(),
            DebugValue::Histogram(mut values) => {
                values.sort();
                format!("{:?}", values.into_iter().map(f64::from).collect::<Vec<_>>())
            }
        };
        lines.push(format!("{} {}: {value}", key.name(), labels.join(" ")));
    }
    lines.sort();
    lines
}

#[test]
fn metrics_have_the_times_and_the_outcomes() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let one = Semaphore::new(1);
            let job = |n: u64| async move {
                sleep(Duration::from_secs(2)).await;
                anyhow::ensure!(n != 1, "on purpose");
                Ok(n)
            };
            let fetch = WithPermit::new(2, &one, job).named("fetch").on_failure(OnFailure::Continue);
            let run = fetch.observed(Metrics::new()).run(0..3);
            sleep(Duration::from_secs(1)).await;
            let during = lines(&snapshotter);
            assert!(during.contains(&"towpath.jobs.in_flight stage=fetch: 1".to_owned()), "{during:#?}");
            assert!(during.contains(&"towpath.jobs.waiting stage=fetch: 1".to_owned()), "{during:#?}");
            run.finish().await;
        });
    });
    let after = lines(&snapshotter);
    for expected in [
        "towpath.jobs.completed stage=fetch outcome=errored: 1",
        "towpath.jobs.completed stage=fetch outcome=succeeded: 2",
        // A snapshot of this recorder sets the gauges to zero, so these values are the changes since the snapshot.
        "towpath.jobs.in_flight stage=fetch: -1",
        "towpath.jobs.waiting stage=fetch: -1",
        "towpath.job.duration stage=fetch: [2.0, 2.0, 2.0]",
        "towpath.job.wait stage=fetch: [2.0, 2.0]",
    ] {
        assert!(after.iter().any(|line| line == expected), "{expected}: {after:#?}");
    }
}
