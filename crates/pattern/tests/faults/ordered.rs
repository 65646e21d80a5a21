//! The outputs of an ordered run in which one item fails.

use tokio::task::yield_now;
use towpath_pattern::{Scope, Settings};

use crate::{run_in, settle};

#[tokio::test]
async fn ordered_run_yields_the_prefix_then_the_failure() {
    const BOUND: usize = 8 + 8;
    for failing in 0..8 {
        let job = move |item: usize| async move {
            if item == failing {
                // The jobs of later items complete before.
                for _ in 0..20 {
                    yield_now().await;
                }
                anyhow::bail!("not this one");
            }
            Ok(item)
        };
        let settings = Settings::new("ordered", 8).ordered();
        let mut run = run_in(&Scope::default(), 0..1_000, settings, job);
        settle().await;
        let counts = run.report().stages[0].counts;
        assert!((failing + 2..=BOUND).contains(&counts.taken), "{counts}");
        let mut yielded = Vec::new();
        let failure = loop {
            match run.next().await.expect("a failure comes last") {
                Ok(output) => yielded.push(output),
                Err(failure) => break failure,
            }
        };
        assert_eq!(yielded, (0..failing).collect::<Vec<_>>(), "before the failure of item {failing}");
        assert_eq!((failure.index(), format!("{failure:#}").contains("not this one")), (Some(failing), true));
        assert!(run.next().await.is_none());
    }
}
