//! A subject after, or before, another run of itself: two stages, one of which only passes items on.

use towpath_pattern::{Job, Order, Pattern, PatternExt};

use crate::subject::{Case, Subject};

/// A subject twice, as `a.then(b)`: the job is in one of the two stages, the other passes items on.
#[derive(Clone, Debug)]
pub struct Chained<S> {
    subject: S,
    job_first: bool,
}

impl<S: Subject> Chained<S> {
    /// The job, and then a stage that passes its outputs on.
    pub fn job_first(subject: S) -> Self {
        Self { subject, job_first: true }
    }

    /// A stage that passes items on, and then the job.
    pub fn job_last(subject: S) -> Self {
        Self { subject, job_first: false }
    }
}

impl<S: Subject> Subject for Chained<S> {
    fn name(&self) -> String {
        let name = self.subject.name();
        if self.job_first { format!("{name}, then another") } else { format!("{name}, after another") }
    }

    fn order(&self) -> Order {
        self.subject.order()
    }

    fn stages(&self) -> usize {
        2 * self.subject.stages()
    }

    fn job_stage(&self) -> usize {
        let behind = if self.job_first { 0 } else { self.subject.stages() };
        behind + self.subject.job_stage()
    }

    fn pattern<In, J>(&self, case: Case, job: J) -> impl Pattern<In, Out = J::Out> + 'static
    where
        In: Clone + Send + 'static,
        J: Job<In, Out: Clone>,
    {
        let subject = &self.subject;
        if self.job_first {
            let pass = |output: J::Out| async move { Ok(output) };
            subject.pattern(case, job).then(subject.pattern(case, pass)).boxed()
        } else {
            let pass = |item: In| async move { Ok(item) };
            subject.pattern(case, pass).then(subject.pattern(case, job)).boxed()
        }
    }
}
