//! The end of an iterator at every position of a batch.

use towpath_fanout::Fanout;
use towpath_pattern::{OnFailure, PatternExt};

use super::source::{self, End, FAILS, Kind};
use super::{Outcomes, runtimes};

/// More than three batches of the largest size that a stage polls for ahead of need.
const MOST: usize = 50;

#[test]
fn iterator_of_any_length_is_dropped_at_its_end() {
    for runtime in runtimes() {
        for items in 0..=MOST {
            for limit in 2..5 {
                for end in [End::Quiet, End::Panic, End::DropPanic] {
                    runtime.block_on(async {
                        let watched = source::watched(Kind::Iterator, items, end);
                        let gone = watched.gone.clone();
                        let waits = move |item: usize| {
                            let gone = gone.clone();
                            async move {
                                if item + 1 == items {
                                    gone.wait().await;
                                }
                                Ok(item)
                            }
                        };
                        let name = format!("{items} items, {end:?}, limit {limit}");
                        let fanout = Fanout::new(limit, waits).on_failure(OnFailure::Continue);
                        let outcomes = Outcomes::of(&name, fanout.run(watched.source)).await;
                        assert!(outcomes.outputs.into_iter().eq(0..items), "{name}");
                        let failures: Vec<_> =
                            outcomes.failures.iter().map(|failure| failure.cause().to_string()).collect();
                        let wanted = format!("panicked: {FAILS}");
                        assert!(failures.iter().eq((end != End::Quiet).then_some(&wanted)), "{failures:?}");
                        assert!(watched.gone.is_gone(), "{name}");
                    });
                }
            }
        }
    }
}
