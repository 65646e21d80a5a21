//! The one trait that every pattern implements.

use crate::run::Run;
use crate::scope::Scope;
use crate::source::Source;

/// A way to run many jobs at once.
///
/// The trait is object-safe: `Box<dyn Pattern<In, Out = Out>>` is a pattern too. To *run* one, import
/// [`PatternExt`]; to *write* one, start with [`Run::spawn`], which keeps the laws below whatever the
/// pattern does with an item.
///
/// # Laws
///
/// Every pattern keeps these nine laws, and every check named here is put to any pattern by the conformance
/// suite of `towpath-testkit`. All nine are asked after each of many small runs that are stopped, or fail, at every
/// place where they can be, one after the other: `every_law/stopped_between_any_two_polls`,
/// `every_law/stopped_in_the_midst_of_any_poll`, `every_law/a_job_that_fails_at_any_poll`,
/// `every_law/a_source_that_fails_at_any_poll`.
///
/// ## 1. Conservation
///
/// At each stage every item that was taken is in exactly one group of its [`Counts`](crate::Counts):
/// succeeded, errored, panicked, timed out, cancelled, dropped or never begun; while the run goes on, the
/// difference is running and waiting. No item is there twice. One on its way between two stages at the end
/// counts as cancelled at the one it was going to.
///
/// `conservation/every_item_is_in_one_group`, `conservation/the_counts_add_up_at_every_moment`
///
/// ## 2. Bounds
///
/// Never more jobs than the limit; several futures that a pattern runs for one item are one job. Taken minus
/// delivered is never more than limit plus capacity at each stage, whatever the order, what workers have in
/// hand and finished outputs included; at that bound the source is not polled. An output is delivered when it
/// is yielded. To a taker that is quick, room is made a portion at a time: an eighth of the bound at most, or
/// eight items where these are no more than half of it.
///
/// `bounds/never_more_jobs_than_the_limit`, `bounds/never_more_items_in_a_stage_than_its_bound`
///
/// ## 3. Structure
///
/// When a run has yielded its end, or `finish` or `collect` or [`Scope::closed`] returns, nothing of it is
/// left: no job, timer or permit, and no run and no task that a job has started in
/// [its scope](crate::Job::call_in). A drop or a cancel stops every job at once, and each is gone when its
/// current poll returns.
///
/// `structure/nothing_is_left_at_the_end`, `structure/the_scope_waits_for_a_job_that_computes`,
/// `structure/nothing_that_a_job_starts_is_left_at_the_end`
///
/// ## 4. Progress
///
/// Jobs in flight go on while nobody takes outputs, up to the bound, and never deadlock. A job may wait for
/// a later item's, as long as their distance is less than the limit: jobs begin in the order in which their
/// items were taken. (For each further thread of the runtime one job may be ahead of that order when, after
/// many that did not wait, the first job of a run does.)
///
/// `progress/nobody_takes_and_jobs_go_on_to_the_bound`, `progress/two_stages_under_one_semaphore_finish`,
/// `progress/a_job_that_waits_for_a_later_one_finishes`
///
/// ## 5. First cause
///
/// Unless a pattern is told to continue, the first failure stops the run: outputs that had finished are
/// yielded (in order: the unbroken prefix), then that failure, then the end. What comes later, a cancellation
/// above all, does not mask it.
///
/// `first_cause/a_later_failure_masks_nothing`, `first_cause/going_on_yields_every_failure`
///
/// ## 6. No silence
///
/// A panic is a failure with its message, item and stage. A failure that nobody took is in the report; that of
/// a run that was dropped, in what [`Scope::closed`] returns. A run, or a task of a scope, whose runtime is shut down
/// ends as cancelled.
///
/// `no_silence/every_failure_is_told_once`, `no_silence/a_runtime_that_shuts_down_ends_the_run_as_cancelled`
///
/// ## 7. Cancellation
///
/// A cancelled scope, a passed deadline or a dropped run stops every job at its next await, and no further job
/// begins. Once a cancellation of the scope, of a parent, of the token, of the scope of the jobs or of the run has
/// returned, or the run is dropped, at most one further job begins for each worker thread of the runtime, and none on
/// the thread of the cancellation. So a runtime of one thread begins none.
///
/// `cancellation/a_cancelled_scope_stops_every_job`, `cancellation/an_endless_ready_source_stops`,
/// `cancellation/no_job_begins_once_a_cancel_has_returned`,
/// `cancellation/no_job_begins_once_a_cancel_within_a_job_has_returned`
///
/// ## 8. Order
///
/// Ordered means input order: that in which the stage took its items. Unordered means as soon as ready.
///
/// `order/ordered_is_input_order`, `order/unordered_is_the_order_of_completion`
///
/// ## 9. No added wait
///
/// No item waits for another's await. While one job, or the source, computes, at most one batch waits behind
/// it; a batch that took over 50 µs halves the next.
///
/// `no_added_wait/nothing_waits_behind_a_job_that_waits`,
/// `no_added_wait/an_item_that_arrives_is_begun_while_another_computes`
pub trait Pattern<In: Send + 'static>: Send + Sync {
    /// What its runs yield.
    type Out: Send + 'static;

    /// Starts a run of it on `input`, in `scope`.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime; where the scope has a deadline, without timers, too.
    #[track_caller]
    fn start(&self, input: Source<In>, scope: Scope) -> Run<Self::Out>;
}

impl<In: Send + 'static, P: Pattern<In> + ?Sized> Pattern<In> for Box<P> {
    type Out = P::Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<Self::Out> {
        (**self).start(input, scope)
    }
}

/// What everybody can do with a pattern.
pub trait PatternExt<In: Send + 'static>: Pattern<In> {
    /// Runs it on `input`: whatever is `IntoIterator`, a [`Source`], or another [`Run`].
    ///
    /// The run has a scope of its own. A job that starts a run so has a run that may outlive the run of the job: a dropped
    /// run goes on until its jobs are at an await. A run that is to end before the run of the job is started with
    /// [`PatternExt::run_in`], in the scope that [`Job::call_in`](crate::Job::call_in) or [`scoped`](crate::scoped) gives
    /// the job.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, at the caller's location (behind `dyn Pattern`, at its own).
    #[track_caller]
    fn run(&self, input: impl Into<Source<In>>) -> Run<Self::Out> {
        self.start(input.into(), Scope::default())
    }

    /// As [`PatternExt::run`], in `scope`: its cancellation and deadline stop the run.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, at the caller's location (behind `dyn Pattern`, at its own).
    #[track_caller]
    fn run_in(&self, scope: &Scope, input: impl Into<Source<In>>) -> Run<Self::Out> {
        self.start(input.into(), scope.clone())
    }

    /// This pattern, and `next` on its outputs as they come: one pattern again.
    ///
    /// Each part keeps its own settings. So a failure that a first part lets pass stops a next one that stops at
    /// failures.
    fn then<Next>(self, next: Next) -> Then<Self, Next>
    where
        Self: Sized,
        Next: Pattern<Self::Out>,
    {
        Then(self, next)
    }

    /// The pattern behind a pointer, so that patterns of different types can stand in one place.
    fn boxed(self) -> Box<dyn Pattern<In, Out = Self::Out>>
    where
        Self: Sized + 'static,
    {
        Box::new(self)
    }
}

impl<In: Send + 'static, P: Pattern<In> + ?Sized> PatternExt<In> for P {}

/// One pattern after another. From [`PatternExt::then`].
#[derive(Clone, Debug)]
pub struct Then<First, Next>(First, Next);

impl<In, First, Next> Pattern<In> for Then<First, Next>
where
    In: Send + 'static,
    First: Pattern<In>,
    Next: Pattern<First::Out>,
{
    type Out = Next::Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<Self::Out> {
        self.1.start(self.0.start(input, scope.clone()).into(), scope)
    }
}
