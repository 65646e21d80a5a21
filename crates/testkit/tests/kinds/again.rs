//! A source that has ended yields no further item, and never polls its value again.

use std::sync::atomic::Ordering::SeqCst;

use towpath_fanout::Fanout;
use towpath_pattern::{OnFailure, PatternExt, Run, Scope, Settings, Source, Taken, queue};

use super::source::{self, End};
use super::{Outcomes, runtimes};

const ITEMS: usize = 3;

/// Takes all outcomes from a source by hand.
async fn rest_of(source: &mut Source<usize>) -> Outcomes {
    let mut outcomes = Outcomes::default();
    while let Some(outcome) = source.next().await {
        outcomes.add(outcome);
    }
    for _ in 0..3 {
        assert!(source.next().await.is_none(), "it has ended");
    }
    outcomes.outputs.sort_unstable();
    outcomes
}

#[test]
fn source_read_to_its_end_stays_ended() {
    for runtime in runtimes() {
        for (kind, end, way) in source::all() {
            runtime.block_on(async {
                let mut watched = source::watched(kind, ITEMS, end).on(way);
                let name = format!("{kind:?}, {end:?}, {way:?}");
                let outcomes = rest_of(&mut watched.source).await;
                assert!(outcomes.outputs.into_iter().eq(0..ITEMS), "{name}");
                assert_eq!(outcomes.failures.len(), usize::from(end != End::Quiet), "{name}");
                assert_eq!(watched.polls_after_end.load(SeqCst), 0, "{name}");
                assert!(watched.gone.is_gone(), "{name}: the value is left");
            });
        }
    }
}

/// After a run that ended, or that the failure of the source stopped, the source is run again, and then read by hand.
#[test]
fn source_run_to_its_end_stays_ended() {
    for (policy, runtime) in [OnFailure::Stop, OnFailure::Continue]
        .into_iter()
        .flat_map(|policy| runtimes().map(|kind| (policy, kind)))
    {
        for (kind, end, way) in source::all() {
            let name = format!("{kind:?}, {end:?}, {way:?}, {policy:?}");
            runtime.block_on(async {
                let passes = Fanout::new(2, |item: usize| async move { Ok(item) }).on_failure(policy);
                let watched = source::watched(kind, ITEMS, end).on(way);
                let mut source = watched.source;
                let mut failures = 0;
                let mut outputs = Vec::new();
                for _ in 0..3 {
                    let (again, kept) = source.kept();
                    let outcomes = Outcomes::of(&name, passes.run(again)).await;
                    source = kept.take().expect("the run is over");
                    failures += outcomes.failures.len();
                    outputs.extend(outcomes.outputs);
                }
                let outcomes = rest_of(&mut source).await;
                outputs.extend(outcomes.outputs);
                outputs.sort_unstable();
                assert_eq!(failures + outcomes.failures.len(), usize::from(end != End::Quiet), "{name}");
                assert!(end != End::Quiet || outputs.into_iter().eq(0..ITEMS), "{name}");
                assert_eq!(watched.polls_after_end.load(SeqCst), 0, "{name}");
                assert!(watched.gone.is_gone(), "{name}: the value is left");
            });
        }
    }
}

/// A sender outlives the producers, so the source is quiescent and not exhausted at its end.
#[test]
fn quiescent_source_that_has_ended_takes_no_items() {
    let [runtime, _] = runtimes();
    runtime.block_on(async {
        let passes = Fanout::new(2, |item: usize| async move { Ok(item) });
        for way in 0..4 {
            let (sender, receiver) = queue::bounded(10);
            let producers = Run::spawn_discarding(
                Scope::default(),
                Source::new(Vec::<()>::new()),
                Settings::new("producers", 1),
                |taken: Taken<(), ()>| async move { taken.start().1.complete(Ok(())) },
            );
            let mut source = Source::produced(producers, receiver);
            (0..ITEMS).for_each(|item| sender.try_send(item).expect("there is room"));
            if way % 2 == 1 {
                let (again, kept) = source.kept();
                drop(again);
                source = kept.take().expect("it is not in use");
            }
            if way < 2 {
                assert!(rest_of(&mut source).await.outputs.into_iter().eq(0..ITEMS));
            } else {
                let (again, kept) = source.kept();
                let outcomes = Outcomes::of("quiescent", passes.run(again)).await;
                assert!(outcomes.outputs.into_iter().eq(0..ITEMS));
                source = kept.take().expect("the run is over");
            }
            let refused = sender.try_send(7).map_err(queue::TrySendError::into_inner);
            assert_eq!(refused, Err(7), "the source has ended");
            assert!(rest_of(&mut source).await.outputs.is_empty());
        }
    });
}
