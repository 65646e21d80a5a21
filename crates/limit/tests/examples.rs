//! The examples, on a paused clock.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use towpath_fanout::{Fanout, Limiter, LiveLimit, OnFailure, PatternExt};

use crawler::{AT_ONCE, BURST, PATIENCE, PER_SECOND, TO_A_HOST, crawler};
use memory::Memory;
use web::{Log, Url, Web, urls};
use worker::{Ledger, MEMORY, events, worker};

#[path = "../examples/polite_crawler/crawler.rs"]
mod crawler;
#[path = "../examples/memory/memory.rs"]
mod memory;
#[path = "../examples/polite_crawler/web.rs"]
mod web;
#[path = "../examples/tenants/worker.rs"]
mod worker;

/// Returns a time that no order of the requests can undercut: the slots, the places of a host and the rate of a host, each
/// as if the other limits did not exist.
fn best(urls: impl Iterator<Item = Url>) -> Duration {
    let (mut in_all, mut hosts) = (Duration::ZERO, HashMap::<u32, (Duration, u32)>::new());
    for url in urls {
        let takes = if url.hangs() { PATIENCE } else { url.takes() };
        in_all += takes;
        let (of_host, requests) = hosts.entry(url.host).or_default();
        *of_host += takes;
        *requests += 1;
    }
    let bounds = hosts.into_values().map(|(takes, requests)| {
        let after_the_burst = requests.saturating_sub(u32::try_from(BURST).unwrap());
        let places = takes / u32::try_from(TO_A_HOST).unwrap();
        places.max(Duration::from_secs(1) * after_the_burst / PER_SECOND)
    });
    bounds.max().unwrap_or_default().max(in_all / u32::try_from(AT_ONCE).unwrap())
}

/// Fails the test if the log has more requests than a limit allows.
fn assert_polite(log: &Log) {
    assert!(log.peak <= AT_ONCE, "{} requests at once", log.peak);
    assert!(log.peak_of_a_host <= TO_A_HOST, "{} requests at once to a host", log.peak_of_a_host);
    let mut hosts = HashMap::<u32, Vec<Instant>>::new();
    for (url, start) in &log.starts {
        hosts.entry(url.host).or_default().push(*start);
    }
    for (host, starts) in hosts {
        // In every window from a start to a later start.
        for (first, begin) in starts.iter().enumerate() {
            for (further, end) in starts[first..].iter().enumerate() {
                let beyond_the_burst = u32::try_from((further + 1).saturating_sub(BURST)).unwrap();
                let (took, least) = (*end - *begin, Duration::from_secs(1) * beyond_the_burst / PER_SECOND);
                assert!(took >= least, "{} starts of the host {host} in {took:?}", further + 1);
            }
        }
    }
}

/// The crawler takes at most a tenth longer than the best order of the requests, and stays below every limit.
#[tokio::test(start_paused = true)]
async fn crawler_of_25_hosts_is_within_a_tenth_of_the_best() {
    let web = Arc::new(Web::default());
    let begin = Instant::now();
    let report = crawler(&web).run(urls()).finish().await;
    let (took, best) = (begin.elapsed(), best(urls()));
    let counts = report.last();
    assert_eq!(counts.settled(), 5_000);
    assert!(counts.timed_out > 20 && counts.errored > 100 && counts.succeeded > 4_500, "{counts:?}");
    assert_polite(&web.log());
    assert!(took <= best * 11 / 10, "{took:?}, and at best {best:?}");
}

/// A cancelled crawler ends at the same moment: the addresses that wait for a host were never started.
#[tokio::test(start_paused = true)]
async fn cancelled_crawler_ends_at_once() {
    let web = Arc::new(Web::default());
    let mut pages = crawler(&web).run(urls());
    let ctrl_c = sleep(Duration::from_secs(3));
    tokio::pin!(ctrl_c);
    let cancelled = loop {
        tokio::select! {
            page = pages.next() => assert!(page.is_some(), "the run has ended before the cancellation"),
            () = &mut ctrl_c => {
                pages.cancel();
                break Instant::now();
            }
        }
    };
    while pages.next().await.is_some() {}
    assert_eq!(cancelled.elapsed(), Duration::ZERO);
    let (report, log) = (pages.report(), web.log());
    let started = log.starts.len();
    assert!(started < 2_000, "{started} requests have started in 3 s");
    assert!(log.running.is_empty());
    assert_eq!(report.last().never_started, report.last().taken - started);
}

/// Under four changes of the limit, a pause among them, no event of a tenant starts out of order or next to another event of
/// the tenant, and no event starts above a limit.
#[tokio::test(start_paused = true)]
async fn tenants_under_a_changing_limit_stay_in_order() {
    let limit = LiveLimit::new(8);
    let ledger = Arc::new(Ledger::default());
    let run = worker(&limit, &ledger).run(events(2_000));
    let changes = async {
        let (mut seen, mut now) = (0, 8);
        for next in [2, 16, 0, 8] {
            sleep(Duration::from_millis(300)).await;
            limit.set(next);
            seen = assert_limits(&ledger, seen, now);
            now = next;
        }
        sleep(Duration::from_secs(60)).await;
        assert_limits(&ledger, seen, now);
    };
    let (applied, ()) = tokio::join!(run.collect(), changes);
    assert_eq!(applied.unwrap().len(), 2_000);
    let entries = ledger.entries();
    assert_eq!((entries.out_of_order, entries.starts.len()), (0, 2_000));
    // Both limits were reached.
    assert!(entries.starts.iter().any(|(_, megabytes)| *megabytes == MEMORY));
    assert!(entries.starts.iter().any(|(events, _)| *events == 8));
}

/// Fails the test if an event after the first `seen` has started above a limit of `jobs`, or above the memory. Returns the
/// number of events that have started.
fn assert_limits(ledger: &Ledger, seen: usize, jobs: usize) -> usize {
    let entries = ledger.entries();
    for (events, megabytes) in &entries.starts[seen..] {
        assert!(*events <= jobs, "{events} events at work, and the limit is {jobs}");
        assert!(*megabytes <= MEMORY, "{megabytes} megabytes at work");
    }
    entries.starts.len()
}

/// A document waits for the bytes of other documents, also of a different run. A document that never fits fails. At the
/// end of the runs, all bytes are free.
#[tokio::test(start_paused = true)]
async fn memory_of_two_runs_is_bounded_together() {
    let memory = Memory::new(100);
    let least_free = Arc::new(AtomicUsize::new(100));
    let (watched, least) = (memory.clone(), Arc::clone(&least_free));
    let load = Fanout::new(8, move |document: Vec<u8>| {
        least.fetch_min(watched.free(), Relaxed);
        async move {
            sleep(Duration::from_millis(10)).await;
            Ok(document.len())
        }
    })
    .capacity(50)
    .limited_by(&memory)
    .on_failure(OnFailure::Continue);

    let documents = |bytes: usize| (0..20).map(move |_| vec![0; bytes]);
    let begin = Instant::now();
    let small = load.run(documents(10)).finish();
    let large = load.run(documents(60).chain([vec![0; 101]])).finish();
    let (small, large) = tokio::join!(small, large);
    assert_eq!((small.last().succeeded, small.last().errored), (20, 0));
    assert_eq!((large.last().succeeded, large.last().errored), (20, 1));
    // Two large documents never fit at the same time.
    assert!(begin.elapsed() >= Duration::from_millis(200), "{:?}", begin.elapsed());
    assert_eq!((memory.free(), least_free.load(Relaxed)), (100, 0));
}

/// A small document passes a large document that waits, if the small document needs no byte.
#[tokio::test(start_paused = true)]
async fn empty_document_passes_a_waiting_document() {
    let memory = Memory::new(100);
    let load =
        Fanout::new(1, |document: Vec<u8>| async move { Ok(document.len()) }).capacity(2).limited_by(&memory);
    let taken = memory.acquire(&vec![0; 1]).await.unwrap();
    let mut run = load.run([vec![0; 100], vec![]]);
    let passes = tokio::select! {
        biased;
        () = sleep(Duration::from_secs(1)) => panic!("the empty document waits behind the large document"),
        passes = run.next() => passes,
    };
    assert_eq!(passes.unwrap().unwrap(), 0);
    drop(taken);
    assert_eq!(run.next().await.unwrap().unwrap(), 100);
    assert!(run.next().await.is_none());
}
