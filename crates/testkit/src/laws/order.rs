//! Law 8, order: ordered means input order, unordered means as soon as ready.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use towpath_pattern::{Scope, Source};

use crate::check::{Check, Law};
use crate::game::{Game, Stop, play};
use crate::probe::{Act, End, Form, Ledger, Token};
use crate::runtime::{BOTH, Outcome, PAUSED, soon};
use crate::subject::Case;
use crate::testable::{Testable, Tested};

pub(crate) fn checks() -> Vec<Check> {
    let law = Law::Order;
    let as_completed = |tested: &dyn Testable| !tested.is_ordered();
    vec![
        Check::generated(law, "ordered_is_input_order", BOTH, input_order).only(|t| t.is_ordered()),
        Check::new(law, "ordered_is_input_order_when_the_last_is_first", BOTH, reversed)
            .only(|t| t.is_ordered()),
        Check::new(law, "unordered_is_the_order_of_completion", PAUSED, by_completion).only(as_completed),
        Check::new(law, "unordered_holds_nothing_back", BOTH, holds_nothing_back).only(as_completed),
        Check::new(law, "every_output_has_the_index_of_its_input", BOTH, indexes),
        Check::new(law, "an_index_is_kept_from_run_to_run", BOTH, kept_indexes),
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

/// Checks the input order when the last job of every five completes first: every earlier job waits for the next job.
async fn reversed(tested: Tested) -> Outcome {
    const WINDOW: usize = 5;
    let ledger = Ledger::new();
    let ended = Arc::clone(&ledger);
    let job = Act::new(&ledger, move |token: Token| {
        let ended = Arc::clone(&ended);
        async move {
            let next = token.index + 1;
            if !next.is_multiple_of(WINDOW) {
                let is_there = |index: usize| index == next;
                ended
                    .until("the end of the next job", |seen| seen.ended.iter().any(|ended| is_there(ended.0)))
                    .await
                    .map_err(anyhow::Error::msg)?;
            }
            Ok(token)
        }
    });
    let source = Form::Stream.supply(&ledger, 40).source;
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
    let source = Form::Iterator.supply(&ledger, ITEMS).source;
    let run = tested.pattern(Case::new(ITEMS), job).start(source, Scope::default());
    let outputs = soon("the outputs", run.collect()).await?.map_err(|failure| format!("{failure:#}"))?;
    let order: Vec<_> = outputs.iter().map(|token| token.index).collect();
    if order.iter().rev().copied().eq(0..ITEMS) {
        Ok(())
    } else {
        Err(format!(
            "the jobs of {ITEMS} items completed in reverse order, and the outputs were yielded as {order:?}"
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
    let source = Form::Iterator.supply(&ledger, 40).source;
    let mut run = tested.pattern(Case::new(2).capacity(1), job).start(source, Scope::default());
    for taken in 0..39 {
        let output = soon("the next output", run.next()).await;
        match output
            .map_err(|_| format!("while item 0 waits, only {taken} of 39 further outputs were yielded"))?
        {
            Some(Ok(token)) if token.index > 0 => {}
            _ => return Err("the next output is not of an item that was ready".to_owned()),
        }
    }
    gate.add_permits(1);
    match soon("the last output", run.next()).await? {
        Some(Ok(token)) if token.index == 0 => Ok(()),
        _ => Err("item 0 was released, and the next output is of another item".to_owned()),
    }
}

async fn check_indexes(tested: &dyn Testable, case: Case, source: Source<Token>, job: Act) -> Outcome {
    let mut run = tested.pattern(case, job).start(source, Scope::default()).indexed();
    while let Some(result) = soon("the next output", run.next()).await? {
        let is_right = match &result {
            Ok((index, token)) => *index == token.index,
            Err(failure) => failure.index().is_some_and(is_unlucky),
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
    for form in Form::ALL {
        let ledger = Ledger::new();
        let source = form.supply(&ledger, 100).source;
        check_indexes(&*tested, Case::new(4).going_on(), source, mixed(&ledger)).await?;
    }
    Ok(())
}

/// Checks that the returned items of a stopped run keep their indexes in a second run.
async fn kept_indexes(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let supplied = Form::Stream.supply(&ledger, 100);
    let pattern = tested.pattern(Case::new(3).capacity(5), Act::endless(&ledger));
    let run = pattern.start(supplied.source, Scope::default());
    ledger.until("as many jobs as the limit", |seen| seen.live >= 3).await?;
    run.cancel();
    soon("the report", run.finish()).await?;
    let rest = supplied.kept.take().ok_or("the run has ended and did not return the source")?;
    let again = Ledger::new();
    check_indexes(&*tested, Case::new(4).going_on(), rest, mixed(&again)).await
}
