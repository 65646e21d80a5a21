//! The drain of a run with resources: an item that waits for a resource was never started, and all resources are released.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use towpath_resource::{PatternExt, ResourceGuard, Source, WithResource, resource_fn};

#[tokio::test(start_paused = true)]
async fn drain_gives_back_the_items_that_wait_for_a_resource() {
    let (acquired, released) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (to_acquire, to_release) = (Arc::clone(&acquired), Arc::clone(&released));
    let acquire = move || {
        let number = to_acquire.fetch_add(1, Ordering::Relaxed);
        async move {
            if number > 0 {
                sleep(Duration::from_secs(600)).await; // the server has no further connection
            }
            Ok(())
        }
    };
    let release = move |(), _| {
        to_release.fetch_add(1, Ordering::Relaxed);
        async { Ok(()) }
    };
    let job = |(_, seconds): (ResourceGuard<()>, u64)| async move {
        sleep(Duration::from_secs(seconds)).await;
        Ok(seconds)
    };
    let (source, kept) = Source::new([5, 6, 7]).kept();
    let run = WithResource::new(2, resource_fn(acquire, release), job).run(source);
    sleep(Duration::from_secs(1)).await;
    let started = Instant::now();
    let report = run.drain(Duration::from_secs(60)).await;
    assert_eq!(started.elapsed(), Duration::from_secs(4));
    assert_eq!((report.last().succeeded, report.cancelled(), report.forced), (1, 0, false));
    assert!(report.failures.is_empty());
    let mut rest = kept.take().expect("the run is over");
    assert_eq!(rest.next().await.expect("an item").expect("no failure"), 6);
    assert_eq!(rest.next().await.expect("an item").expect("no failure"), 7);
    assert_eq!((acquired.load(Ordering::Relaxed), released.load(Ordering::Relaxed)), (2, 1));
}
