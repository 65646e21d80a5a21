//! Law 2, bounds: at most as many jobs as the limit, and at most as many items in a stage as the bound.

use towpath_pattern::{OnFailure, Scope};

use crate::check::{Check, Law};
use crate::game::{Game, Played, Stop, play};
use crate::probe::{Act, Form, Ledger, Plan};
use crate::runtime::{BOTH, Outcome, settle, soon};
use crate::share::share;
use crate::subject::Case;
use crate::testable::{Testable, Tested};

/// Limits and capacities: the smallest, the usual, and a much larger limit or capacity.
const CASES: [(usize, usize); 6] = [(1, 0), (1, 1), (2, 0), (4, 4), (1, 20), (20, 1)];

const ITEMS: usize = 200;

/// One of many subjects plays a share of every group of this number of settings.
const SHARE: usize = 7;

pub(crate) fn checks() -> Vec<Check> {
    let law = Law::Bounds;
    vec![
        Check::generated(law, "never_more_jobs_than_the_limit", BOTH, jobs),
        Check::generated(law, "never_more_items_in_a_stage_than_its_bound", BOTH, items),
        Check::new(law, "the_source_is_not_polled_at_the_bound", BOTH, without_receiver),
        Check::new(law, "a_receiver_that_pauses_keeps_the_bound", BOTH, paused_receiver),
        Check::new(law, "failures_not_taken_count_as_items", BOTH, failures),
        Check::new(law, "a_huge_limit_and_capacity_work", BOTH, huge),
    ]
}

async fn jobs(tested: Tested, game: Game) -> Outcome {
    let played = play(&*tested, &game, Stop::Never).await?;
    within_the_limit(&*tested, game.case, &played)
}

pub(crate) fn within_the_limit(tested: &dyn Testable, case: Case, played: &Played) -> Outcome {
    let (peak, limit) = (played.ledger.seen().peak, case.limit);
    if peak > limit.get() {
        return Err(format!("{peak} jobs ran at once, and the limit is {limit}"));
    }
    let allowed = tested.allowed().at_most;
    if peak > allowed {
        return Err(format!("{peak} jobs ran at once, and the limiters allow {allowed}"));
    }
    Ok(())
}

async fn items(tested: Tested, game: Game) -> Outcome {
    let played = play(&*tested, &game, Stop::Never).await?;
    within_the_bound(&*tested, game.case, game.form, &played)
}

pub(crate) fn within_the_bound(tested: &dyn Testable, case: Case, form: Form, played: &Played) -> Outcome {
    let bound = case.bound();
    for stage in played.live.iter().flatten() {
        let counts = &stage.counts;
        // An item that is never delivered has left the stage once the item counts as cancelled or never started.
        let given_up = counts.cancelled + counts.never_started;
        let inside = counts.taken - (counts.delivered + given_up).min(counts.taken);
        if inside > bound {
            return Err(format!("stage `{}` had {inside} items, and the bound is {bound}", stage.stage));
        }
    }
    // A channel has all items before the run.
    let (ahead, bound) = (played.most_ahead, tested.bound_of_all(case));
    if ahead > bound && !form.is_filled() {
        return Err(format!("{ahead} items were taken and not asked for, and the bound is {bound}"));
    }
    Ok(())
}

/// Runs `job`, takes `outputs` outputs, and checks that the items taken from the source are within the bound.
async fn takes(tested: &dyn Testable, case: Case, form: Form, plan: Plan, outputs: usize) -> Outcome {
    let ledger = Ledger::new();
    let supplied = form.supply(tested, &ledger, ITEMS);
    let pattern = tested.pattern(case, Act::planned(&ledger, move |_| plan));
    let mut run = pattern.start(supplied.source, Scope::default());
    for _ in 0..outputs {
        soon("the next output", run.next()).await?;
    }
    let most = outputs + tested.bound_of_all(case);
    settle().await;
    let taken = supplied.rest.taken();
    let with = format!("limit {} and capacity {}, {form:?}", case.limit, case.capacity);
    if taken > most {
        return Err(format!(
            "{taken} items were taken from the source with {outputs} outputs taken; \
             {most} is the most allowed (with {with})"
        ));
    }
    // A poll of an iterator counts as an item, even if the iterator has ended.
    let polls = ledger.seen().polls;
    if polls > most && form == Form::Iterator {
        return Err(format!("the source was polled {polls} times, and {most} is the bound (with {with})"));
    }
    Ok(())
}

fn cases() -> impl Iterator<Item = (Case, Form)> {
    let cases = CASES.into_iter().map(|(limit, capacity)| Case::new(limit).capacity(capacity));
    cases.flat_map(|case| Form::ALL.into_iter().map(move |form| (case, form)))
}

async fn without_receiver(tested: Tested) -> Outcome {
    for (case, form) in share(&*tested, SHARE, cases()) {
        takes(&*tested, case, form, Plan::NOTHING, 0).await?;
    }
    Ok(())
}

async fn paused_receiver(tested: Tested) -> Outcome {
    let settings = cases().flat_map(|(case, form)| [1, 7, 50].map(|outputs| (case, form, outputs)));
    for (case, form, outputs) in share(&*tested, SHARE, settings) {
        takes(&*tested, case, form, Plan::NOTHING, outputs).await?;
    }
    Ok(())
}

async fn failures(tested: Tested) -> Outcome {
    for (case, form) in share(&*tested, SHARE, cases()) {
        let case = Case { on_failure: OnFailure::Continue, ..case };
        takes(&*tested, case, form, Plan::ends(crate::probe::End::Fail), 0).await?;
    }
    Ok(())
}

async fn huge(tested: Tested) -> Outcome {
    for (limit, capacity) in [(usize::MAX, 0), (1, usize::MAX), (usize::MAX, usize::MAX)] {
        let ledger = Ledger::new();
        let supplied = Form::Stream.supply(&*tested, &ledger, 50);
        let pattern = tested.pattern(Case::new(limit).capacity(capacity), Act::nothing(&ledger));
        let run = pattern.start(supplied.source, Scope::default());
        let outputs = soon("the outputs", run.collect()).await?.map_err(|failure| format!("{failure:#}"))?;
        if outputs.len() != 50 {
            return Err(format!(
                "limit {limit} and capacity {capacity} gave {} of 50 outputs",
                outputs.len()
            ));
        }
    }
    Ok(())
}
