//! Every pattern, with any job.

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

/// A pattern and its name.
pub struct Named<T> {
    pub name: String,
    pub pattern: Box<dyn Pattern<T, Out = T>>,
}

/// Returns every pattern with the given job.
pub fn all<T, J>(case: Case, job: &J) -> Vec<Named<T>>
where
    T: Clone + Send + 'static,
    J: Job<T, Out = T> + Clone,
{
    vec![
        named(&fanout::fanout(), case, job),
        named(&fanout::fanout_ordered(), case, job),
        named(&pipeline::pipeline(), case, job),
        named(&pipeline::pipeline_of_three(), case, job),
        named(&pipeline::pipeline_of_three_ordered(), case, job),
        named(&producer_consumer::producer_consumer(), case, job),
        named(&resource::resource(), case, job),
        named(&resource::resource_ordered(), case, job),
        named(&semaphore::semaphore(), case, job),
        named(&semaphore::semaphore_ordered(), case, job),
        named(&semaphore::two_under_one_semaphore(), case, job),
    ]
}

fn named<T, J>(subject: &impl Subject, case: Case, job: &J) -> Named<T>
where
    T: Clone + Send + 'static,
    J: Job<T, Out = T> + Clone,
{
    Named { name: subject.name(), pattern: subject.pattern(case, job.clone()).boxed() }
}
