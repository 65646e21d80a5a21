//! The programs on the first page of the README: two that hang or lose work, and two that do not.

mod pool;
mod service;
mod unjoined;
mod unpolled;

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout;
use towpath_fanout::Cause;

use pool::Pool;
use service::{BROKEN, REQUESTS};

/// Of tokio's paused clock, which goes on when every task waits for it: no real time passes.
const DAY: Duration = Duration::from_secs(86_400);

/// The queries that the consumer does not poll never return: after the first row nothing completes within a day.
#[tokio::test(start_paused = true)]
async fn buffer_unordered_with_a_busy_consumer_hangs() {
    let pool = Pool::new();
    assert!(timeout(DAY, unpolled::with_buffer_unordered(pool.clone())).await.is_err());
    assert_eq!(pool.completed(), 1);
}

/// The same consumer, pool and limit: nine queries of the jobs, and nine of the consumer.
#[tokio::test(start_paused = true)]
async fn fanout_with_a_busy_consumer_completes() {
    let pool = Pool::new();
    timeout(DAY, unpolled::with_fanout(pool.clone())).await.expect("a day is enough").unwrap();
    assert_eq!(pool.completed(), 18);
}

/// At the end of the requests all answers are kept at once, but those of the last five milliseconds. The program
/// returns as if no request had panicked.
#[tokio::test(start_paused = true)]
async fn join_set_without_joins_keeps_all_and_loses_a_panic() {
    let (requests, kept) = service::requests();
    let () = timeout(DAY, unjoined::with_join_set(requests)).await.expect("a day is enough");
    assert_eq!(kept.answered.load(Ordering::Relaxed), REQUESTS - 1);
    let most = kept.most.load(Ordering::Relaxed);
    assert!(most > REQUESTS - 10, "{most} answers kept");
}

/// Eight jobs and their outputs at most; the report names the request that panicked.
#[tokio::test(start_paused = true)]
async fn fanout_of_requests_keeps_few_and_reports_a_panic() {
    let (requests, kept) = service::requests();
    let report = timeout(DAY, unjoined::with_fanout(requests)).await.expect("a day is enough");
    assert_eq!(kept.answered.load(Ordering::Relaxed), REQUESTS - 1);
    let most = kept.most.load(Ordering::Relaxed);
    assert!(most <= 16, "{most} answers kept");
    let [failure] = report.failures.as_slice() else { panic!("{report}") };
    assert_eq!(failure.index(), Some(BROKEN));
    assert!(matches!(failure.cause(), Cause::Panicked(_)), "{failure}");
    assert_eq!((report.last().panicked, report.last().succeeded), (1, REQUESTS - 1));
}

/// The README has the lines between the anchors, as they are run here.
#[test]
fn readme_shows_the_programs_that_are_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap();
    let readme = read("../README.md");
    for (file, anchors) in [("unpolled", ["buffer_unordered", "fanout"]), ("unjoined", ["join_set", "fanout"])] {
        let program = read(&format!("tests/first_page/{file}.rs"));
        for anchor in anchors {
            let listing = listing(&program, anchor);
            let block = format!("```rust,ignore\n{listing}```");
            assert!(readme.contains(&block), "README.md has no block with the lines of {file}.rs:\n{listing}");
        }
    }
}

/// The lines between the marks of `anchor`, without the indentation of a function's body.
fn listing(program: &str, anchor: &str) -> String {
    let (begin, end) = (format!("// ANCHOR: {anchor}\n"), format!("    // ANCHOR_END: {anchor}\n"));
    let (_, rest) = program.split_once(&begin).expect("the program has the mark");
    let (lines, _) = rest.split_once(&end).expect("the program has the mark of the end");
    let lines: Vec<_> = lines.lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
    assert!(lines.len() <= 8, "{anchor}: {} lines", lines.len());
    lines.join("\n") + "\n"
}
