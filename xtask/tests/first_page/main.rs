//! The programs on the first page of the README: two that hang or lose work, and two that do not.

mod pool;
mod recipes;
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
use service::{BROKEN, CALLS};

/// Of tokio's paused clock, which goes on when every task waits for it: no real time passes.
const DAY: Duration = Duration::from_secs(86_400);

/// The queries that the consumer does not poll never return: after the first row nothing completes within a day.
#[tokio::test(start_paused = true)]
async fn buffer_unordered_with_a_busy_consumer_hangs() {
    let pool = Pool::new();
    assert!(timeout(DAY, unpolled::with_buffer_unordered(pool.clone())).await.is_err());
    assert_eq!(pool.completed(), 1);
}

/// The same consumer, pool and limit: eight queries of the jobs, and eight of the consumer.
#[tokio::test(start_paused = true)]
async fn fanout_with_a_busy_consumer_completes() {
    let pool = Pool::new();
    timeout(DAY, unpolled::with_fanout(pool.clone())).await.expect("a day is enough").unwrap();
    assert_eq!(pool.completed(), 16);
}

/// After the last call all answers are kept at once, without the answers to the last five calls. The program returns
/// as if no job had panicked.
#[tokio::test(start_paused = true)]
async fn join_set_without_joins_keeps_all_and_loses_a_panic() {
    let (calls, kept) = service::calls();
    let () = timeout(DAY, unjoined::with_join_set(calls)).await.expect("a day is enough");
    assert_eq!(kept.answered.load(Ordering::Relaxed), CALLS - 1);
    let most = kept.most.load(Ordering::Relaxed);
    assert!(most > CALLS - 10, "{most} answers kept");
}

/// Eight jobs and their outputs at most; the report names the call of the panic.
#[tokio::test(start_paused = true)]
async fn fanout_of_calls_keeps_few_and_reports_a_panic() {
    let (calls, kept) = service::calls();
    let report = timeout(DAY, unjoined::with_fanout(calls)).await.expect("a day is enough");
    assert_eq!(kept.answered.load(Ordering::Relaxed), CALLS - 1);
    let most = kept.most.load(Ordering::Relaxed);
    assert!(most <= 16, "{most} answers kept");
    let [failure] = report.failures.as_slice() else { panic!("{report}") };
    assert_eq!(failure.index(), Some(BROKEN));
    assert!(matches!(failure.cause(), Cause::Panicked(_)), "{failure}");
    assert_eq!((report.last().panicked, report.last().succeeded), (1, CALLS - 1));
}

#[tokio::test]
async fn recipes_of_the_readme_run() {
    recipes::errors().await.unwrap();
    recipes::deadline().await.unwrap();
    recipes::stages().await.unwrap();
    recipes::shared_limit().await.unwrap();
    recipes::resources().await.unwrap();
    recipes::crawl().await.unwrap();
}

/// Every line of a listing that is not a doc test is a comment or stands between the anchors of a program here, and
/// every program is shown.
#[test]
fn readme_shows_the_lines_that_are_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap();
    let readme = read("../README.md");
    let blocks = readme.split("```rust,ignore\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let mut shown = blocks.map(|(block, _)| block).collect::<Vec<_>>().join("\n");
    for file in ["unpolled", "unjoined", "recipes"] {
        let program = read(&format!("tests/first_page/{file}.rs"));
        for anchor in anchors(&program) {
            let listing = listing(&program, anchor);
            assert!(shown.contains(&listing), "README.md does not have the lines of {file}.rs:\n{listing}");
            shown = shown.replacen(&listing, "", 1);
        }
    }
    let untested: Vec<_> = shown.lines().filter(|line| !line.is_empty() && !line.starts_with("//")).collect();
    assert!(untested.is_empty(), "these lines of README.md are no lines of a program: {untested:#?}");
}

fn anchors(program: &str) -> impl Iterator<Item = &str> {
    program.lines().filter_map(|line| line.trim_start().strip_prefix("// ANCHOR: "))
}

/// Links to the web are for others to check.
#[test]
fn readme_links_lead_to_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let links = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let (mut links, mut lost) = (links.filter(|link| !link.contains("://")).peekable(), Vec::new());
    assert!(links.peek().is_some());
    for link in links {
        let file = root.join(link.split('#').next().unwrap_or_default());
        if !file.exists() {
            lost.push(link);
        }
    }
    assert!(lost.is_empty(), "{lost:?}");
}

/// A first page is read; a second screenful of it is not.
#[test]
fn readme_has_at_most_205_lines() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let lines = readme.lines().count();
    assert!(lines <= 205, "{lines} lines");
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
