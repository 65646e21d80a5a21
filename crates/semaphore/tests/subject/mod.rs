//! Jobs under a semaphore as the suite and the benchmark see them: made from any job, with permits of their own.

use towpath_pattern::{Job, Order, Pattern, PatternExt};
use towpath_semaphore::{Semaphore, WithPermit};
use towpath_testkit::{Case, Subject};

/// Outputs as they are ready.
#[derive(Clone, Copy, Debug)]
pub struct AsCompleted;

/// Outputs in the order of the inputs.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code, reason = "the benchmark has outputs as completed only")]
pub struct Ordered;

/// Two stages under one semaphore: one that passes items on, and the job.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code, reason = "the benchmark has one stage only")]
pub struct TwoUnderOne;

/// Under `semaphore`, with the limit that the suite asks for.
fn permitted<In, J: Job<In>>(semaphore: &Semaphore, case: Case, job: J) -> WithPermit<J> {
    let permitted = WithPermit::new(semaphore, job).limit(case.limit);
    permitted.capacity(case.capacity).on_failure(case.on_failure)
}

fn permits(case: Case) -> Semaphore {
    Semaphore::new(case.limit.get())
}

impl Subject for AsCompleted {
    fn name(&self) -> String {
        "semaphore".to_owned()
    }

    fn order(&self) -> Order {
        Order::AsCompleted
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        permitted::<In, J>(&permits(case), case, job)
    }
}

impl Subject for Ordered {
    fn name(&self) -> String {
        "semaphore ordered".to_owned()
    }

    fn order(&self) -> Order {
        Order::Ordered
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        permitted::<In, J>(&permits(case), case, job).ordered()
    }
}

impl Subject for TwoUnderOne {
    fn name(&self) -> String {
        "two under one semaphore".to_owned()
    }

    fn order(&self) -> Order {
        Order::AsCompleted
    }

    fn stages(&self) -> usize {
        2
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        let shared = permits(case);
        let pass = permitted(&shared, case, |item: In| async move { Ok(item) });
        pass.then(permitted(&shared, case, job))
    }
}
