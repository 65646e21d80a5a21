//! The value of a source is dropped at the end of the source, while jobs of the run are still running.

use towpath_fanout::Fanout;
use towpath_pattern::{OnFailure, Pattern, PatternExt};
use towpath_testkit::Case;

use super::patterns::Named;
use super::source::{self, End, FAILS, Gone};
use super::{Outcomes, patterns, runtimes};

/// Numbers of items: fewer than a batch, a batch, and more.
const NUMBERS: [usize; 5] = [1, 2, 5, 16, 33];

/// More than all items of a run.
const CAPACITY: usize = 64;

/// Creates every pattern alone, in front of another pattern and behind another pattern. The job of the first item waits
/// for the drop of the value.
fn all(case: Case, gone: &Gone) -> impl Iterator<Item = (String, Box<dyn Pattern<usize, Out = usize>>)> {
    let gone = gone.clone();
    let waits = move |item: usize| {
        let gone = gone.clone();
        async move {
            if item == 0 {
                gone.wait().await;
            }
            Ok(item)
        }
    };
    let passes = move || Fanout::new(2, |item: usize| async move { Ok(item) }).on_failure(case.on_failure);
    let table = move || patterns::all(case, &waits).into_iter();
    let alone = table().map(|named| (named.name, named.pattern));
    let first =
        table().map(move |named| (format!("{} then", named.name), named.pattern.then(passes()).boxed()));
    let last =
        table().map(move |named| (format!("then {}", named.name), passes().then(named.pattern).boxed()));
    alone.chain(first).chain(last)
}

/// Runs every pattern over every kind of source, and calls `check` with the number of items and the outcomes.
fn each(case: Case, check: fn(&str, End, usize, &Outcomes)) {
    for runtime in runtimes() {
        let mut numbers = NUMBERS.into_iter().cycle();
        for (kind, end, way) in source::all() {
            let count = all(case, &source::watched(kind, 0, End::Quiet).gone).count();
            for position in 0..count {
                let items = numbers.next().expect("a cycle");
                runtime.block_on(async {
                    let watched = source::watched(kind, items, end).on(way);
                    let (name, pattern) = all(case, &watched.gone).nth(position).expect("it is one of them");
                    let name = format!("{kind:?}, {end:?}, {way:?}, {items} items, {name}");
                    let outcomes = Outcomes::of(&name, pattern.run(watched.source)).await;
                    assert!(watched.gone.is_gone(), "{name}: the value is left");
                    check(&name, end, items, &outcomes);
                });
            }
        }
    }
}

fn assert_fails_once(name: &str, end: End, outcomes: &Outcomes) {
    assert_eq!(outcomes.failures.len(), usize::from(end != End::Quiet), "{name}: {:?}", outcomes.failures);
    let all = outcomes.failures.iter().all(|failure| format!("{failure:#}").contains(FAILS));
    assert!(all, "{name}: {:?}", outcomes.failures);
}

/// A job waits for the end of a channel. The source owns the sender of the channel.
#[test]
fn value_is_dropped_while_a_job_waits_for_the_drop() {
    let case = Case::new(2).capacity(CAPACITY);
    each(case.going_on(), |name, end, items, outcomes| {
        assert_fails_once(name, end, outcomes);
        assert!(outcomes.outputs.iter().copied().eq(0..items), "{name}: {:?}", outcomes.outputs);
    });
}

#[test]
fn failure_at_the_end_that_stops_the_run_is_recorded_once() {
    let case = Case::new(2).capacity(CAPACITY);
    assert_eq!(case.on_failure, OnFailure::Stop);
    each(case, |name, end, items, outcomes| {
        assert_fails_once(name, end, outcomes);
        assert!(end != End::Quiet || outcomes.outputs.len() == items, "{name}: {:?}", outcomes.outputs);
    });
}

/// The jobs of a run capture the value, and the source does not.
#[test]
fn work_of_a_run_is_dropped_before_the_next_stage_ends() {
    let case = Case::new(2).capacity(CAPACITY);
    let passes = |item: usize| async move { Ok(item) };
    for runtime in runtimes() {
        for position in 0..patterns::all(case, &passes).len() {
            for items in NUMBERS {
                runtime.block_on(async {
                    let (owned, gone) = towpath_pattern::async_channel::bounded::<()>(1);
                    let owns = move |item: usize| {
                        let owned = owned.clone();
                        async move {
                            drop(owned);
                            Ok(item)
                        }
                    };
                    let Named { name, pattern } = patterns::all(case, &owns).swap_remove(position);
                    drop(owns);
                    let first = pattern.run(0..items);
                    drop(pattern);
                    let waits = move |item: usize| {
                        let gone = gone.clone();
                        async move {
                            if item == 0 {
                                gone.recv().await.expect_err("no message is sent");
                            }
                            Ok(item)
                        }
                    };
                    let last = Fanout::new(2, waits).capacity(CAPACITY).run(first);
                    assert_eq!(Outcomes::of(&name, last).await.outputs.len(), items, "{name}");
                });
            }
        }
    }
}
