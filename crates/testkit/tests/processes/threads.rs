//! Runs that spawn no thread, and a runtime that cannot spawn a thread.

use std::fs;

use tokio::runtime::Builder;
use towpath_pattern::{Cause, PatternExt};
use towpath_testkit::Case;

use crate::child::in_child;
use crate::patterns;

#[test]
#[cfg(target_os = "linux")]
fn patterns_spawn_no_thread() {
    let child = in_child("threads::patterns_spawn_no_thread", || {
        let threads = || fs::read_dir("/proc/self/task").expect("there are threads").count();
        let before = threads();
        let job = |item: usize| async move {
            tokio::time::sleep(std::time::Duration::from_micros(1)).await;
            Ok(item)
        };
        for patterns::Named { name, pattern } in patterns::all(Case::new(20), &job) {
            let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
            let during = runtime.block_on(async {
                let mut run = pattern.run(0..100);
                run.next().await;
                let during = threads();
                run.finish().await;
                during
            });
            assert_eq!((during, threads()), (before, before), "{name}");
        }
    });
    child.well();
}

#[test]
fn job_without_a_blocking_thread_fails_its_item() {
    let child = in_child("threads::job_without_a_blocking_thread_fails_its_item", || {
        let job = |item: usize| async move {
            if item == 3 {
                tokio::task::spawn_blocking(|| ()).await?;
            }
            Ok(item)
        };
        for patterns::Named { name, pattern } in patterns::all(Case::new(2).going_on(), &job) {
            // A stack larger than the address space: the runtime cannot spawn a thread.
            let runtime =
                Builder::new_current_thread().thread_stack_size(1 << 60).build().expect("a runtime");
            let outcomes = runtime.block_on(async { pattern.run(0..10).outcomes().await.0 });
            let failures: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
            let [failure] = failures[..] else { panic!("{name}: {} failures", failures.len()) };
            let Cause::Panicked(panic) = failure.cause() else { panic!("{name}: {failure:#}") };
            let message = panic.message();
            assert!(message.contains("spawn worker thread"), "{name}: {message}");
            assert_eq!((failure.index(), outcomes.len()), (Some(3), 10), "{name}");
        }
    });
    child.well();
}
