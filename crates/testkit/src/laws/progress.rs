//! Law 4, progress: jobs continue to the bound while no outputs are taken, and never deadlock.

use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};
use towpath_pattern::{Pattern, PatternExt, Run, Scope, Source};

use crate::check::{Check, Law, Weakened};
use crate::probe::{Act, Form, Ledger, Plan, Token, Wait};
use crate::runtime::{BOTH, Outcome, soon};
use crate::share::{share, shorter};
use crate::subject::Case;
use crate::testable::{Testable, Tested};

const CASES: [(usize, usize); 5] = [(1, 0), (1, 1), (3, 0), (4, 4), (2, 40)];

/// The number of items after the bound: enough for a run to go on.
const FURTHER: usize = 50;

/// One of many subjects plays a share of every group of this number of settings.
const SHARE: usize = 3;

pub(crate) fn checks() -> Vec<Check> {
    let law = Law::Progress;
    vec![
        Check::new(law, "jobs_continue_to_the_bound_without_a_receiver", BOTH, without_receiver)
            .weakened(Weakened::Bound),
        Check::new(law, "jobs_continue_to_the_bound_in_a_pause_of_the_receiver", BOTH, paused_receiver)
            .weakened(Weakened::Bound),
        Check::new(law, "two_stages_under_one_semaphore_finish", BOTH, one_semaphore),
        Check::new(law, "a_job_that_waits_for_a_later_one_finishes", BOTH, waits_for_a_later_one)
            .weakened(Weakened::Two),
        Check::new(law, "the_next_item_may_wait_for_the_last_output", BOTH, one_at_a_time),
        Check::new(law, "an_empty_source_ends", BOTH, empty),
    ]
}

/// Takes the outputs, with a time limit for each: under a rate, thousands of outputs wait for real timers in a row.
async fn rest(mut run: Run<Token>) -> Result<usize, String> {
    let mut outputs = 0;
    while let Some(output) =
        soon("the next output", run.next()).await.map_err(|what| format!("{what} after {outputs} outputs"))?
    {
        output.map_err(|failure| format!("a run without failures yielded a failure: {failure:#}"))?;
        outputs += 1;
    }
    Ok(outputs)
}

fn all(outputs: usize, expected: usize) -> Outcome {
    if outputs == expected {
        Ok(())
    } else {
        Err(format!("{outputs} outputs came, and {expected} would be right"))
    }
}

async fn pausing(tested: &dyn Testable, taken: usize) -> Outcome {
    let settings = CASES.into_iter().flat_map(|case| [Wait::Not, Wait::Polls(1)].map(|wait| (case, wait)));
    for ((limit, capacity), wait) in share(tested, SHARE, settings) {
        let case = Case::new(limit).capacity(capacity);
        let items = taken + tested.bound_of_all(case) + FURTHER;
        let ledger = Ledger::new();
        let plan = Plan { wait, ..Plan::NOTHING };
        let pattern = tested.pattern(case, Act::planned(&ledger, move |_| plan));
        let source = Form::Iterator.supply(tested, &ledger, items).source;
        let mut run = pattern.start(source, Scope::default());
        for _ in 0..taken {
            soon("the next output", run.next()).await?;
        }
        // A stage admits items in portions while the receiver is quick: at most an eighth of the bound, or up to
        // eight items within half of the bound.
        let portion = if taken == 0 { 0 } else { (case.bound() / 8).max((case.bound() / 2).min(8)) };
        let reach = taken + tested.least(case).bound() + tested.bound_behind_job(case);
        let reach = reach.saturating_sub(portion);
        let ended = ledger.until("the bound", |seen| seen.ended.len() >= reach).await;
        ended.map_err(|_| {
            let ended = ledger.seen().ended.len();
            format!(
                "with {taken} outputs taken, {ended} jobs have completed, not \
                     {reach} (limit {limit}, capacity {capacity})"
            )
        })?;
        all(rest(run).await?, items - taken)?;
    }
    Ok(())
}

async fn without_receiver(tested: Tested) -> Outcome {
    pausing(&*tested, 0).await
}

async fn paused_receiver(tested: Tested) -> Outcome {
    pausing(&*tested, 1).await?;
    pausing(&*tested, 10).await
}

/// Checks that a permit is released before the output is delivered.
async fn one_semaphore(tested: Tested) -> Outcome {
    let settings = CASES.into_iter().flat_map(|case| [1, 2].map(|permits| (case, permits)));
    for ((limit, capacity), permits) in share(&*tested, SHARE, settings) {
        let permits = Arc::new(Semaphore::new(permits));
        let ledger = Ledger::new();
        let case = Case::new(limit).capacity(capacity);
        let part = || {
            let permits = Arc::clone(&permits);
            let job = move |token| {
                let permits = Arc::clone(&permits);
                async move {
                    let _permit = permits.acquire_owned().await?;
                    tokio::task::yield_now().await;
                    Ok(token)
                }
            };
            tested.pattern(case, Act::new(&ledger, job))
        };
        let source = Form::Iterator.supply(&*tested, &ledger, 50).source;
        let run = part().then(part()).start(source, Scope::default());
        all(rest(run).await?, 50)?;
    }
    Ok(())
}

/// Checks that a job can wait for the next item, after many jobs that complete at once.
async fn waits_for_a_later_one(tested: Tested) -> Outcome {
    let first = shorter(&*tested, 2_000);
    let ledger = Ledger::new();
    let later = Arc::new(Notify::new());
    let job = Act::new(&ledger, move |token| {
        let later = Arc::clone(&later);
        async move {
            if token.index == first {
                later.notified().await;
            } else if token.index == first + 1 {
                later.notify_one();
            }
            Ok(token)
        }
    });
    let source = Form::Iterator.supply(&*tested, &ledger, 2 * first).source;
    let pattern = tested.pattern(Case::new(2).capacity(500), job);
    all(rest(pattern.start(source, Scope::default())).await?, 2 * first)
}

/// Checks that a source can wait for the output of the last item before the next item.
async fn one_at_a_time(tested: Tested) -> Outcome {
    let ledger = Ledger::new();
    let (sender, source) = Source::channel(1);
    let pattern = tested.pattern(Case::new(4), Act::nothing(&ledger));
    let mut run = pattern.start(tested.source(source), Scope::default());
    for index in 0..200 {
        let _ = sender.try_send(ledger.hand_out(index));
        match soon("the output of the only item", run.next()).await? {
            Some(Ok(token)) if token.index == index => {}
            _ => {
                return Err(format!(
                    "item {index} was alone in the run, and the next output is of another item"
                ));
            }
        }
    }
    drop(sender);
    all(rest(run).await?, 0)
}

async fn empty(tested: Tested) -> Outcome {
    for form in Form::ALL {
        let ledger = Ledger::new();
        let pattern = tested.pattern(Case::new(4), Act::nothing(&ledger));
        let run = pattern.start(form.supply(&*tested, &ledger, 0).source, Scope::default());
        all(rest(run).await?, 0)?;
    }
    Ok(())
}
