//! Runs that share a semaphore with other tasks.

use shuttle::future::{block_on, yield_now};
use towpath_models_shuttle::explore::explore;
use towpath_models_shuttle::jobs::{Live, adds_up, are_all, cancel_in_a_while};
use towpath_models_shuttle::{Job, PatternExt, Scope, Semaphore, WithPermit};

fn permitted(semaphore: &Semaphore, live: &Live) -> WithPermit<impl Job<usize, Out = usize> + use<>> {
    let jobs = live.clone();
    WithPermit::new(2, semaphore, move |item: usize| {
        let jobs = jobs.clone();
        async move { Ok(jobs.job(item).await) }
    })
}

#[test]
fn two_runs_share_a_semaphore_with_one_who_acquires_from_it() {
    explore(6_000, || {
        let semaphore = Semaphore::new(1);
        let live = Live::at_most(1);
        block_on(async {
            let one = permitted(&semaphore, &live).run(0..3);
            let two = permitted(&semaphore, &live).run(0..3);
            let permit = semaphore.acquire().await.unwrap();
            let running = live.enter();
            yield_now().await;
            drop(running);
            drop(permit);
            are_all(one.collect().await.unwrap(), 3);
            are_all(two.collect().await.unwrap(), 3);
        });
        live.is_over();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn run_that_is_cancelled_leaves_the_permits_to_the_other() {
    explore(6_000, || {
        let semaphore = Semaphore::new(1);
        let live = Live::at_most(1);
        block_on(async {
            let scope = Scope::new("model");
            let run = permitted(&semaphore, &live).run_in(&scope, 0..3);
            let other = permitted(&semaphore, &live).run(0..3);
            cancel_in_a_while(&scope);
            are_all(other.collect().await.unwrap(), 3);
            adds_up(&run.finish().await);
            scope.wait().await.unwrap();
        });
        live.is_over();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn two_stages_under_one_permit_finish() {
    explore(4_000, || {
        let semaphore = Semaphore::new(1);
        let live = Live::at_most(1);
        block_on(async {
            let chain = permitted(&semaphore, &live).then(permitted(&semaphore, &live));
            are_all(chain.run(0..3).collect().await.unwrap(), 3);
        });
        live.is_over();
        assert_eq!(semaphore.available_permits(), 1);
    });
}
