//! Law 8, order: ordered means input order, unordered means as soon as ready.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use towpath_pattern::{Scope, Source};

use crate::check::{Check, Law, Weakened};
use crate::game::{Game, Played, Stop, play};
use crate::probe::{Act, End, Form, Ledger, Token};
use crate::runtime::{BOTH, Outcome, PAUSED, soon};
use crate::share::share;
use crate::subject::Case;
use crate::testable::{Testable, Tested};

pub(crate) fn checks() -> Vec<Check> {
    let law = Law::Order;
    let as_completed = |tested: &dyn Testable| !tested.is_ordered();
    vec![
        Check::generated(law, "ordered_is_input_order", BOTH, input_order).only(|t| t.is_ordered()),
        Check::new(law, "ordered_is_input_order_when_the_last_is_first", BOTH, reversed)
            .only(|t| t.is_ordered())
            .weakened(Weakened::AtOnce),
        Check::new(law, "unordered_is_the_order_of_completion", PAUSED, by_completion)
            .only(as_completed)
            .weakened(Weakened::AtOnce),
        Check::new(law, "unordered_holds_nothing_back", BOTH, holds_nothing_back)
            .only(as_completed)
            .weakened(Weakened::AtOnce),
        Check::new(law, "every_output_has_the_index_of_its_input", BOTH, indexes),
        Check::new(law, "an_index_is_kept_from_run_to_run", BOTH, kept_indexes).weakened(Weakened::AtOnce),
    ]
}

async fn input_order(tested: Tested, mut game: Game) -> Outcome {
    for plan in &mut game.plans {
        plan.end = End::Succeed;
    }
    let played = play(&*tested, &game, Stop::Never).await?;
    let yielded: Vec<_> = played.yielded.iter().filter_map(|result| result.as_ref().ok()).collect();
    match yielded.iter().enumerate().find(|(place, index)| place != **index) {
        Some((place, index)) => Err(format!("item {index} was yielded at place {place}")),
        None if yielded.len() == game.plans.len() => Ok(()),
        None => Err(format!("{} outputs were yielded of {}", yielded.len(), game.plans.len())),
    }
}

/// Checks that the jobs start in the order of the items, if the limiters promise the order. A stage before the stage of
/// the job may change the order.
pub(crate) fn starts_in_order(tested: &dyn Testable, played: &Played) -> Outcome {
    let started = &played.ledger.seen().started;
    if tested.allowed().is_in_order && tested.job_stage() == 0 && !started.is_sorted() {
        return Err(format!("the limiters keep the order of the items, and the jobs started as {started:?}"));
    }
    Ok(())
}

/// Checks the input order when the last job of every five completes first: every earlier job waits for the next job.
/// Under limiters, no job waits for a later job, since the items may have their permits in any order.
async fn reversed(tested: Tested) -> Outcome {
    let window = if tested.is_limited() { 1 } else { 5 };
    let ledger = Ledger::new();
    let ended = Arc::clone(&ledger);
    let job = Act::new(&ledger, move |token: Token| {
        let ended = Arc::clone(&ended);
        async move {
            let next = token.index + 1;
            if !next.is_multiple_of(window) {
                let is_there = |index: usize| index == next;
                ended
                    .until("the end of the next job", |seen| seen.ended.iter().any(|ended| is_there(ended.0)))
                    .await
                    .map_err(anyhow::Error::msg)?;
            }
            Ok(token)
        }
    });
    let source = Form::Stream.supply(&*tested, &ledger, 40).source;
    // The limit admits all jobs at once, since the order of the starts is not specified.
    let run = tested.pattern(Case::new(40), job).start(source, Scope::default());
    let outputs = soon("the outputs", run.collect()).await?.map_err(|failure| format!("{failure:#}"))?;
    if outputs.iter().map(|token| token.index).eq(0..40) {
        Ok(())
    } else {
        Err("the jobs completed in reverse order, and the outputs were not yielded in input order".to_owned())
    }
}

async fn by_completion(tested: Tested) -> Outcome {
    const ITEMS: usize = 10;
    let ledger = Ledger::new();
    let job = Act::new(&ledger, |token: Token| async move {
        let ms = 10 * (ITEMS - token.index);
        tokio::time::sleep(Duration::from_millis(ms as u64)).await;
        Ok(token)
    });
    let source = Form::Iterator.supply(&*tested, &ledger, ITEMS).source;
    let run = tested.pattern(Case::new(ITEMS), job).start(source, Scope::default());
    let outputs = soon("the outputs", run.collect()).await?.map_err(|failure| format!("{failure:#}"))?;
    let mut order: Vec<_> = outputs.iter().map(|token| token.index).collect();
    let mut ended: Vec<_> = ledger.seen().ended.iter().map(|ended| ended.0).collect();
    if tested.allowed().is_shared {
        order.sort_unstable();
        ended.sort_unstable();
    }
    let all_at_once = !tested.is_limited();
    if order == ended && (!all_at_once || order.iter().rev().copied().eq(0..ITEMS)) {
        Ok(())
    } else {
        Err(format!(
            "the jobs of {ITEMS} items completed in the order {ended:?}, and the outputs were yielded as {order:?}"
        ))
    }
}

async fn holds_nothing_back(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let gate = Arc::new(Semaphore::new(0));
    let waits = Arc::clone(&gate);
    let job = Act::new(&ledger, move |token: Token| {
        let waits = Arc::clone(&waits);
        async move {
            if token.index == 0 {
                let _ = waits.acquire().await?;
            }
            Ok(token)
        }
    });
    let source = Form::Iterator.supply(&*tested, &ledger, 40).source;
    // With a capacity for all items, the items that need the permit of item 0 hold up no other item.
    let (capacity, free) = if tested.is_limited() { (40, tested.at_once(2) - 1) } else { (1, 39) };
    let mut run = tested.pattern(Case::new(2).capacity(capacity), job).start(source, Scope::default());
    for taken in 0..free {
        let output = soon("the next output", run.next()).await;
        match output
            .map_err(|_| format!("while item 0 waits, only {taken} of {free} further outputs were yielded"))?
        {
            Some(Ok(token)) if token.index > 0 => {}
            _ => return Err("the next output is not of an item that was ready".to_owned()),
        }
    }
    gate.add_permits(1);
    if tested.is_limited() {
        let rest = soon("the rest", run.collect()).await?.map_err(|failure| format!("{failure:#}"))?.len();
        return if rest + free == 40 { Ok(()) } else { Err(format!("{} of 40 outputs came", rest + free)) };
    }
    match soon("the last output", run.next()).await? {
        Some(Ok(token)) if token.index == 0 => Ok(()),
        _ => Err("item 0 was released, and the next output is of another item".to_owned()),
    }
}

/// Checks the index of every outcome. The index of item `first` is zero.
async fn check_indexes(
    tested: &dyn Testable,
    case: Case,
    source: Source<Token>,
    first: usize,
    job: Act,
) -> Outcome {
    let mut run = tested.pattern(case, job).start(source, Scope::default()).indexed();
    while let Some(result) = soon("the next output", run.next()).await? {
        let is_right = match &result {
            Ok((index, token)) => first + *index == token.index,
            Err(failure) => failure.index().is_some_and(|index| is_unlucky(first + index)),
        };
        if !is_right {
            let what = result.map_or_else(
                |failure| format!("`{failure:#}`"),
                |(index, token)| format!("the output of item {} with the index {index}", token.index),
            );
            return Err(format!("{what} was yielded"));
        }
    }
    Ok(())
}

fn is_unlucky(index: usize) -> bool {
    index.is_multiple_of(7)
}

/// Creates a job with a mix of waits and failures.
fn mixed(ledger: &Arc<Ledger>) -> Act {
    Act::new(ledger, |token: Token| async move {
        for _ in 0..token.index % 5 {
            tokio::task::yield_now().await;
        }
        anyhow::ensure!(!is_unlucky(token.index), "no luck");
        Ok(token)
    })
}

async fn indexes(tested: Tested) -> Outcome {
    for form in share(&*tested, 2, Form::ALL) {
        let ledger = Ledger::new();
        let source = form.supply(&*tested, &ledger, 100).source;
        check_indexes(&*tested, Case::new(4).going_on(), source, 0, mixed(&ledger)).await?;
    }
    Ok(())
}

/// Checks that the returned items of a stopped run keep their indexes in a second run. Several first stages count the
/// indexes from the first returned item.
async fn kept_indexes(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let supplied = Form::Stream.supply(&*tested, &ledger, 100);
    let pattern = tested.pattern(Case::new(3).capacity(5), Act::endless(&ledger));
    let run = pattern.start(supplied.source, Scope::default());
    let at_once = tested.at_once(3);
    ledger.until("as many jobs as the limit", |seen| seen.live >= at_once).await?;
    run.cancel();
    soon("the report", run.finish()).await?;
    let rest = supplied.kept.take().ok_or("the run has ended and did not return the source")?;
    let first = if tested.first_stages() == 1 { 0 } else { supplied.rest.taken() };
    let again = Ledger::new();
    check_indexes(&*tested, Case::new(4).going_on(), rest, first, mixed(&again)).await
}
