//! Every pattern, of any job.

use towpath_pattern::{Job, Pattern, PatternExt};
use towpath_testkit::{Case, Subject};

#[path = "../../../fanout/tests/subject/mod.rs"]
mod fanout;
#[path = "../../../pipeline/tests/subject/mod.rs"]
mod pipeline;
#[path = "../../../producer-consumer/tests/subject/mod.rs"]
mod producer_consumer;
#[path = "../../../resource/tests/subject/mod.rs"]
mod resource;
#[path = "../../../semaphore/tests/subject/mod.rs"]
mod semaphore;

/// A pattern, and what it is called.
pub struct Named<T> {
    pub name: String,
    pub pattern: Box<dyn Pattern<T, Out = T>>,
}

/// Each pattern with such a job.
pub fn all<T, J>(case: Case, job: &J) -> Vec<Named<T>>
where
    T: Clone + Send + 'static,
    J: Job<T, Out = T> + Clone,
{
    vec![
        named(&fanout::AsCompleted, case, job),
        named(&fanout::Ordered, case, job),
        named(&pipeline::OneStage, case, job),
        named(&pipeline::PassJobPass, case, job),
        named(&pipeline::OrderedStages, case, job),
        named(&producer_consumer::AsCompleted, case, job),
        named(&resource::AsCompleted, case, job),
        named(&resource::Ordered, case, job),
        named(&semaphore::AsCompleted, case, job),
        named(&semaphore::Ordered, case, job),
        named(&semaphore::TwoUnderOne, case, job),
    ]
}

fn named<T, J>(subject: &impl Subject, case: Case, job: &J) -> Named<T>
where
    T: Clone + Send + 'static,
    J: Job<T, Out = T> + Clone,
{
    Named { name: subject.name(), pattern: subject.pattern(case, job.clone()).boxed() }
}
