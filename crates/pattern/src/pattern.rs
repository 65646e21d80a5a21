//! The trait that every pattern implements.

use std::time::Duration;

use crate::client::Client;
use crate::run::Run;
use crate::scope::Scope;
use crate::source::{IntoSource, Source};

/// A way to run many jobs at once.
///
/// The trait is object-safe: `Box<dyn Pattern<In, Out = Out>>` is a pattern too. To *run* a pattern, import
/// [`PatternExt`]. To *write* a pattern, start with [`Run::spawn`], which keeps the laws below for a
/// [`Work`](crate::Work) that runs its job with [`Taken::run`](crate::Taken::run) or
/// [`drive_job`](crate::drive_job).
///
/// # Laws
///
/// Every pattern keeps the nine laws below. The conformance suite of `towpath-testkit` applies the checks named below
/// to any pattern. The suite also checks all nine laws after every run of a long series of small runs. The runs of the
/// series stop or fail at every possible point in turn:
/// `every_law::stopped_between_any_two_polls`, `every_law::stopped_within_any_poll`,
/// `every_law::a_job_that_fails_at_any_poll`, `every_law::a_source_that_fails_at_any_poll`.
///
/// ## 1. Conservation
///
/// At every stage, every taken item is in exactly one group of the [`Counts`](crate::Counts) of the stage: succeeded,
/// errored, panicked, timed out, cancelled or never started. During the run, the remaining taken items are running or
/// waiting. No item is in two groups. At the end, an item between two stages counts as cancelled at the downstream
/// stage.
///
/// `conservation::every_item_is_in_one_group`, `conservation::the_counts_add_up_at_every_moment`
///
/// ## 2. Bounds
///
/// The number of running jobs is never more than the limit; several futures that a pattern runs for an item count as
/// one job. At every stage, the items taken and not delivered are never more than limit plus capacity, in any order of
/// outputs. Items held by workers and completed outputs are included. At the bound, the stage does not poll its source.
///
/// An output is delivered when the run yields the output. For a fast receiver, the run counts deliveries in portions. A
/// portion is at most an eighth of the bound, and at most 256 items. Below a bound of 64, a portion is at most eight
/// items, and at most half of the bound.
///
/// `bounds::never_more_jobs_than_the_limit`, `bounds::never_more_items_in_a_stage_than_its_bound`
///
/// ## 3. Structure
///
/// No job, timer or permit of a run is left once [`Run::next`] has returned `None`, or once `finish`, `collect` or
/// [`Scope::wait`] has returned. The same holds for runs and tasks that a job has started in [the scope of the
/// jobs](crate::Job::call_in). A drop or a cancellation of the run stops all jobs at once; every job is gone when its
/// current poll returns.
///
/// `structure::nothing_is_left_at_the_end`, `structure::the_scope_waits_for_a_job_that_computes`,
/// `structure::nothing_that_a_job_starts_is_left_at_the_end`
///
/// ## 4. Progress
///
/// While no outputs are taken, the jobs continue up to the bound, and do not deadlock. Jobs start in the order in which
/// their items were taken, so a job may wait for the job of a later item if the distance of the two items is less
/// than the limit. There is one exception: when a job of the run waits for the first time, after many jobs that did not
/// wait, one job for every further thread of the runtime may be ahead of the order.
///
/// `progress::jobs_continue_to_the_bound_without_a_receiver`, `progress::two_stages_under_one_semaphore_finish`,
/// `progress::a_job_that_waits_for_a_later_one_finishes`
///
/// ## 5. First cause
///
/// Unless a pattern is set to continue, the first failure stops the run. The run yields the completed outputs, then the
/// first failure, then the end. An ordered run yields only the unbroken prefix of the outputs. Later failures and
/// cancellations do not mask the first failure.
///
/// `first_cause::a_later_failure_masks_nothing`, `first_cause::a_run_set_to_continue_yields_every_failure`
///
/// ## 6. No silence
///
/// A panic is a failure with its message, item and stage. A failure that no receiver took is in the report;
/// [`Scope::wait`] returns the failures of a dropped run. A run, or a task of a scope, ends as cancelled if its
/// runtime shuts down.
///
/// `no_silence::every_failure_is_reported_once`, `no_silence::a_runtime_that_shuts_down_ends_the_run_as_cancelled`
///
/// ## 7. Cancellation
///
/// A cancelled scope, a passed deadline or a dropped run stops every job at its next await, and no further job starts.
/// The scope of the run, a parent, the token, the scope of the jobs and the run itself can be cancelled. After the
/// return of the cancelling call, or after the drop of the run, at most one further job starts for every worker thread
/// of the runtime. No further job starts on the thread of the call. So a runtime whose only thread makes the call starts
/// no further job.
///
/// `cancellation::a_cancelled_scope_stops_every_job`, `cancellation::an_endless_ready_source_stops`,
/// `cancellation::no_job_starts_after_a_cancel_has_returned`,
/// `cancellation::no_job_starts_after_a_cancel_within_a_job`
///
/// ## 8. Order
///
/// Ordered means input order: the order in which the stage took its items. Unordered means that the stage yields an
/// output as soon as the output is ready.
///
/// `order::ordered_is_input_order`, `order::unordered_is_the_order_of_completion`
///
/// ## 9. No added wait
///
/// Below the limit, no item waits while the job of a different item awaits. While a job or the source computes, at most one batch waits
/// for the end of the computation. After a batch of over 50 µs, the size of the next batch is halved.
///
/// `no_added_wait::no_item_waits_behind_a_job_that_waits`,
/// `no_added_wait::an_arriving_item_starts_while_another_job_computes`
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a pattern for items of type `{In}`",
    label = "takes items of another type than `{In}`, or is no pattern",
    note = "in `first.then(next)`, and in `next.run(first.run(…))`, the items of `next` are the outputs of `first`: here `{In}`",
    note = "to convert the items, put a stage in between: `first.then(Fanout::new(limit, |item: Item| async move {{ Ok(convert(item)) }})).then(next)`",
    note = "a job alone is no pattern: `Fanout::new(limit, job)`"
)]
pub trait Pattern<In: Send + 'static>: Send + Sync {
    /// The type of the outputs of a run.
    type Out: Send + 'static;

    /// Starts a run of the pattern on `input`, in `scope`.
    ///
    /// # Panics
    ///
    /// Panics if there is no tokio runtime, or if the scope has a deadline and the runtime has no timers.
    ///
    /// # Examples
    ///
    /// A pattern around another pattern gives every run a timeout:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::time::Duration;
    /// use towpath_pattern::{Pattern, PatternExt, Run, Scope, Source};
    ///
    /// # use std::sync::Arc;
    /// # use towpath_pattern::Settings;
    /// #
    /// # struct Each<J> {
    /// #     settings: Settings,
    /// #     job: Arc<J>,
    /// # }
    /// #
    /// # impl<J> Each<J> {
    /// #     fn new(name: &str, job: J) -> Self {
    /// #         Self { settings: Settings::new(name, 4).ordered(), job: Arc::new(job) }
    /// #     }
    /// # }
    /// #
    /// # impl<In: Send + 'static, J: towpath_pattern::Job<In>> Pattern<In> for Each<J> {
    /// #     type Out = J::Out;
    /// #
    /// #     fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
    /// #         Run::spawn(scope, input, self.settings.clone(), Arc::clone(&self.job))
    /// #     }
    /// # }
    /// #
    /// struct WithTimeout<P> {
    ///     pattern: P,
    ///     timeout: Duration,
    /// }
    ///
    /// impl<In: Send + 'static, P: Pattern<In>> Pattern<In> for WithTimeout<P> {
    ///     type Out = P::Out;
    ///
    ///     fn start(&self, input: Source<In>, scope: Scope) -> Run<P::Out> {
    ///         self.pattern.start(input, scope.with_timeout(self.timeout))
    ///     }
    ///
    ///     fn is_one_to_one(&self) -> bool {
    ///         self.pattern.is_one_to_one()
    ///     }
    /// }
    ///
    /// let ask = Each::new("ask", |_: u64| std::future::pending::<anyhow::Result<String>>());
    /// let ask = WithTimeout { pattern: ask, timeout: Duration::from_millis(1) };
    /// let failure = ask.run([1, 2]).collect().await.expect_err("no answer in time");
    /// assert!(failure.is_cancelled());
    /// # Ok(()) }
    /// ```
    #[track_caller]
    fn start(&self, input: Source<In>, scope: Scope) -> Run<Self::Out>;

    /// Returns whether a run of the pattern yields one output or failure for each input. [`PatternExt::serve`] needs such a
    /// pattern. The default implementation returns `false`, so no pattern is served by mistake: a call without an output
    /// would wait until the end of the service.
    ///
    /// A pattern with a job for each input returns `true`. A pattern around other patterns returns `true` if all of these
    /// patterns do.
    ///
    /// # Examples
    ///
    /// ```
    /// use towpath_pattern::{Pattern, Run, Scope, Source};
    ///
    /// # use std::sync::Arc;
    /// # use towpath_pattern::Settings;
    /// #
    /// struct Double;
    ///
    /// impl Pattern<u64> for Double {
    ///     type Out = u64;
    ///
    ///     fn start(&self, input: Source<u64>, scope: Scope) -> Run<u64> {
    ///         // …
    /// #         Run::spawn(scope, input, Settings::new("double", 1), Arc::new(|x: u64| async move { Ok(2 * x) }))
    ///     }
    ///
    ///     /// Every number has one output.
    ///     fn is_one_to_one(&self) -> bool {
    ///         true
    ///     }
    /// }
    /// assert!(Double.is_one_to_one());
    /// ```
    fn is_one_to_one(&self) -> bool {
        false
    }
}

// The message of a pattern for other items names the box, and not its contents.
#[diagnostic::do_not_recommend]
impl<In: Send + 'static, P: Pattern<In> + ?Sized> Pattern<In> for Box<P> {
    type Out = P::Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<Self::Out> {
        (**self).start(input, scope)
    }

    fn is_one_to_one(&self) -> bool {
        (**self).is_one_to_one()
    }
}

/// Methods to run and to combine patterns, for every [`Pattern`].
///
/// # Examples
///
/// The pattern `Each` applies a job to every item; [`builders!`](crate::builders) has the code of the pattern.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::time::Duration;
/// use towpath_pattern::{Pattern, PatternExt, Run, Scope, Source};
///
/// # use std::sync::Arc;
/// # use towpath_pattern::Settings;
/// #
/// # struct Each<J> {
/// #     settings: Settings,
/// #     job: Arc<J>,
/// # }
/// #
/// # impl<J> Each<J> {
/// #     fn new(name: &str, job: J) -> Self {
/// #         Self { settings: Settings::new(name, 4).ordered(), job: Arc::new(job) }
/// #     }
/// # }
/// #
/// # impl<In: Send + 'static, J: towpath_pattern::Job<In>> Pattern<In> for Each<J> {
/// #     type Out = J::Out;
/// #
/// #     fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
/// #         Run::spawn(scope, input, self.settings.clone(), Arc::clone(&self.job))
/// #     }
/// # }
/// #
/// let parse = || Each::new("parse", |text: &'static str| async move { Ok(text.parse::<u64>()?) });
/// let square = Each::new("square", |n: u64| async move { Ok(n * n) });
///
/// // Two patterns in a row are a pattern.
/// let squares = parse().then(square);
/// assert_eq!(squares.run(["2", "3"]).collect().await?, [4, 9]);
///
/// // Patterns of different types are in a list, and the scope stops all runs.
/// let scope = Scope::new("import").with_timeout(Duration::from_secs(5));
/// let mut outputs = Vec::new();
/// for pattern in [parse().boxed(), squares.boxed()] {
///     outputs.extend(pattern.run_in(&scope, ["2", "3"]).collect().await?);
/// }
/// scope.wait().await?;
/// assert_eq!(outputs, [2, 3, 4, 9]);
/// # Ok(()) }
/// ```
pub trait PatternExt<In: Send + 'static>: Pattern<In> {
    /// Runs the pattern on `input`: an iterator, a stream, a receiver, another [`Run`], or a [`Source`]. [`IntoSource`]
    /// has the list. A `std::sync::mpsc::Receiver` compiles as an iterator, and [blocks its
    /// thread](IntoSource#blocking-inputs).
    ///
    /// A receiver takes the outputs with [`collect`](Run::collect), [`next`](Run::next) or as a stream; a run is not a
    /// future.
    ///
    /// The run has a new scope of its own. A dropped run continues until each of its jobs is at an await, so a run that a
    /// job starts with this method may outlive the run of the job. In a job, use [`PatternExt::run_in`] with the scope of
    /// [`Job::call_in`](crate::Job::call_in) or [`scoped`](crate::scoped): the inner run then ends first.
    ///
    /// # Panics
    ///
    /// Panics if there is no tokio runtime. The location of the panic is the caller; behind `dyn Pattern`, the location is
    /// the pattern.
    #[track_caller]
    fn run<Kind>(&self, input: impl IntoSource<In, Kind>) -> Run<Self::Out> {
        self.start(input.into_source(), Scope::default())
    }

    /// Runs the pattern on `input` in `scope`, as [`PatternExt::run`] does. The cancellation and the deadline of the
    /// scope stop the run.
    ///
    /// The scope does not take the outputs. A run at its bound waits for a receiver of its outputs, and [`Scope::wait`]
    /// waits for the run. So take the outputs, or call [`Run::finish`], before the wait. The report of a run at its bound
    /// has [`waits_for_receiver`](crate::StageReport::waits_for_receiver).
    ///
    /// # Panics
    ///
    /// Panics if there is no tokio runtime. The location of the panic is the caller; behind `dyn Pattern`, the location is
    /// the pattern.
    #[track_caller]
    fn run_in<Kind>(&self, scope: &Scope, input: impl IntoSource<In, Kind>) -> Run<Self::Out> {
        self.start(input.into_source(), scope.clone())
    }

    /// Starts a service: a run in `scope` whose items are the calls of clients, and whose outputs are the replies. At most
    /// `capacity` calls wait in the queue of the service, in addition to the items that the run has taken.
    ///
    /// The clients share one run, so the limit, the timeouts and the limiters of the pattern hold for all callers. The run
    /// ends with the last client, with a cancellation of the scope, and with [`Scope::drain`]: the drain completes the
    /// jobs that have started, and fails the other calls. As a run does, the service keeps the scope alive.
    ///
    /// A service continues after failures with [`OnFailure::Continue`](crate::OnFailure::Continue). Under the default
    /// policy, the first failure ends the service, and all further calls fail. An [ordered](crate::Order::Ordered) pattern
    /// delays the replies behind a slow job.
    ///
    /// A failure belongs to its call. If the caller has given up, or if the failure belongs to no call, the scope records
    /// the failure. So the scope of a service that the policy has ended has no failure: every caller has its own.
    ///
    /// A run whose jobs call a service is in a different scope than the service. A drain of a common scope would end the
    /// service before the started jobs have made their calls. The drain of the scope of the run comes first, and the drain
    /// of the scope of the service afterwards.
    ///
    /// A job that owns a client of its own service keeps the service from its end: a drain or a cancellation ends such a service.
    ///
    /// # Panics
    ///
    /// Panics at the location of the caller if `capacity` is zero, and if the pattern does not yield [one output for each
    /// input](Pattern::is_one_to_one), such as producers and consumers, [`PatternExt::then_each`], or a pattern of one's own
    /// without the method. Panics if there is no tokio runtime.
    ///
    /// # Examples
    ///
    /// [`Client`] has an example with failures.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// # use std::sync::Arc;
    /// # use towpath_pattern::{Pattern, PatternExt, Run, Scope, Settings, Source};
    /// # struct Double;
    /// # impl Pattern<u64> for Double {
    /// #     type Out = u64;
    /// #     fn start(&self, input: Source<u64>, scope: Scope) -> Run<u64> {
    /// #         Run::spawn(scope, input, Settings::new("double", 1), Arc::new(|x: u64| async move { Ok(2 * x) }))
    /// #     }
    /// #
    /// #     fn is_one_to_one(&self) -> bool {
    /// #         true
    /// #     }
    /// # }
    /// let scope = Scope::new("server");
    /// let client = Double.serve(&scope, 100);
    /// let other = client.clone();
    /// scope.spawn("handler", async move {
    ///     assert_eq!(other.call(1).await?, 2);
    ///     Ok(())
    /// });
    /// assert_eq!(client.call(21).await?, 42);
    /// drop(client); // without clients, the run ends
    /// scope.wait().await?;
    /// # Ok(()) }
    /// ```
    #[track_caller]
    fn serve(&self, scope: &Scope, capacity: usize) -> Client<In, Self::Out> {
        assert_one_to_one(self.is_one_to_one());
        Client::serve(scope, capacity, |input, scope| self.start(input, scope))
    }

    /// Starts a service of a pattern over chunks: several calls share a job, and each call gets its own output. The job gets
    /// the items of the calls as a vector, and returns one output for each item, in order: a query for many keys, for example,
    /// where each caller has one key.
    ///
    /// A chunk has up to `size` calls, and no call waits longer than `within` for its chunk, as in [`Source::chunks`]. The
    /// first call after a pause waits for `within` if no further calls arrive. For a pattern whose jobs are as quick for
    /// one item as the wait, use [`PatternExt::serve`]. Otherwise, the service is the service of [`PatternExt::serve`], and
    /// its counts are the counts of chunks.
    ///
    /// The failure of a chunk is the failure of each of its calls. If a job returns another number of outputs than its chunk
    /// has items, then all calls of the chunk fail. The chunk counts as succeeded nevertheless, since its job has returned
    /// outputs.
    ///
    /// # Panics
    ///
    /// Panics at the location of the caller if `capacity` or `size` is zero, and if the pattern does not yield [one output
    /// for each input](Pattern::is_one_to_one). Panics if there is no tokio runtime.
    ///
    /// # Examples
    ///
    /// A loader: one query for all keys that are wanted at about the same time.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> anyhow::Result<()> {
    /// use std::time::Duration;
    /// # use std::sync::Arc;
    /// # use towpath_pattern::{Job, Pattern, PatternExt, Run, Scope, Settings, Source};
    /// #
    /// # struct Each<J> {
    /// #     job: Arc<J>,
    /// # }
    /// #
    /// # impl<J> Each<J> {
    /// #     fn new(job: J) -> Self {
    /// #         Self { job: Arc::new(job) }
    /// #     }
    /// # }
    /// #
    /// # impl<In: Send + 'static, J: Job<In>> Pattern<In> for Each<J> {
    /// #     type Out = J::Out;
    /// #
    /// #     fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
    /// #         Run::spawn(scope, input, Settings::new("names", 4), Arc::clone(&self.job))
    /// #     }
    /// #
    /// #     fn is_one_to_one(&self) -> bool {
    /// #         true
    /// #     }
    /// # }
    ///
    /// async fn names_of(keys: Vec<u64>) -> anyhow::Result<Vec<String>> {
    ///     Ok(keys.iter().map(|key| format!("user {key}, of {} keys", keys.len())).collect())
    /// }
    ///
    /// let scope = Scope::new("server");
    /// let names = Each::new(names_of).serve_chunks(&scope, 1000, 100, Duration::from_millis(2));
    /// let (ann, bob) = tokio::try_join!(names.call(7), names.call(8))?;
    /// assert_eq!((&*ann, &*bob), ("user 7, of 2 keys", "user 8, of 2 keys"));
    /// # Ok(()) }
    /// ```
    #[track_caller]
    fn serve_chunks<T, Out>(
        &self,
        scope: &Scope,
        capacity: usize,
        size: usize,
        within: Duration,
    ) -> Client<T, Out>
    where
        T: Send + 'static,
        Out: Send + 'static,
        Self: Pattern<Vec<T>, Out = Vec<Out>>,
    {
        assert_one_to_one(Pattern::<Vec<T>>::is_one_to_one(self));
        Client::serve_chunks(scope, capacity, size, within, |input, scope| self.start(input, scope))
    }

    /// Returns a pattern that applies `next` to every output of this pattern, as soon as the output is ready.
    ///
    /// Both patterns keep their settings. If the first pattern continues after failures and `next` stops at a failure,
    /// the first failure of either pattern stops `next`.
    ///
    /// # Depth
    ///
    /// The start and the drop of patterns nested by `then` recurse. Every level needs about 400 bytes of stack in a debug
    /// build. For thousands of stages, chain runs in a loop: `run = pattern.run(run)`. A chain of runs starts, stops and
    /// is dropped without recursion.
    fn then<Next>(self, next: Next) -> Then<Self, Next>
    where
        Self: Sized,
        Next: Pattern<Self::Out>,
    {
        Then(self, next)
    }

    /// Returns a pattern that applies `next` to every element of every output of this pattern. An output is an `Option`, a
    /// `Vec` or any other value that converts into an iterator, so a job of this pattern yields no item, one item or
    /// several items for `next`. An element has the index of the first input. [`Source::flatten`] has the details.
    ///
    /// # Examples
    ///
    /// With the pattern `Each` of [`builders!`](crate::builders), which applies a job to every item:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// # use std::sync::Arc;
    /// # use towpath_pattern::{Job, Pattern, Run, Scope, Settings, Source};
    /// #
    /// # struct Each<J>(Arc<J>);
    /// #
    /// # impl<J> Each<J> {
    /// #     fn new(job: J) -> Self {
    /// #         Self(Arc::new(job))
    /// #     }
    /// # }
    /// #
    /// # impl<In: Send + 'static, J: Job<In>> Pattern<In> for Each<J> {
    /// #     type Out = J::Out;
    /// #
    /// #     fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
    /// #         Run::spawn(scope, input, Settings::new("each", 4).ordered(), Arc::clone(&self.0))
    /// #     }
    /// # }
    /// #
    /// use towpath_pattern::PatternExt;
    ///
    /// // As `filter_map`: a line without a number goes no further.
    /// let numbers = Each::new(|line: &'static str| async move { Ok(line.parse::<u64>().ok()) });
    /// let squares = numbers.then_each(Each::new(|number: u64| async move { Ok(number * number) }));
    /// assert_eq!(squares.run(["2", "two", "3"]).collect().await?, [4, 9]);
    /// # Ok(()) }
    /// ```
    fn then_each<Next>(self, next: Next) -> ThenEach<Self, Next>
    where
        Self: Sized,
        Self::Out: IntoIterator<Item: Send + 'static, IntoIter: Send + 'static>,
        Next: Pattern<<Self::Out as IntoIterator>::Item>,
    {
        ThenEach(self, next)
    }

    /// Boxes the pattern, so that patterns of different types can have the same type.
    fn boxed(self) -> Box<dyn Pattern<In, Out = Self::Out>>
    where
        Self: Sized + 'static,
    {
        Box::new(self)
    }
}

impl<In: Send + 'static, P: Pattern<In> + ?Sized> PatternExt<In> for P {}

#[track_caller]
fn assert_one_to_one(is_one_to_one: bool) {
    assert!(
        is_one_to_one,
        "this pattern may yield no output or several outputs for an input, so a call would have no output of its own; \
         serve a pattern with one output for each input, whose `is_one_to_one` returns `true`"
    );
}

/// A pattern, and a second pattern on the outputs of the first. Created by [`PatternExt::then`].
#[derive(Clone, Debug)]
pub struct Then<First, Next>(First, Next);

#[diagnostic::do_not_recommend]
impl<In, First, Next> Pattern<In> for Then<First, Next>
where
    In: Send + 'static,
    First: Pattern<In>,
    Next: Pattern<First::Out>,
{
    type Out = Next::Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<Self::Out> {
        self.1.start(Source::new(self.0.start(input, scope.clone())), scope)
    }

    fn is_one_to_one(&self) -> bool {
        self.0.is_one_to_one() && self.1.is_one_to_one()
    }
}

/// A pattern, and a second pattern on the elements of the outputs of the first. Created by [`PatternExt::then_each`].
#[derive(Clone, Debug)]
pub struct ThenEach<First, Next>(First, Next);

#[diagnostic::do_not_recommend]
impl<In, First, Next> Pattern<In> for ThenEach<First, Next>
where
    In: Send + 'static,
    First: Pattern<In, Out: IntoIterator<Item: Send + 'static, IntoIter: Send + 'static>>,
    Next: Pattern<<First::Out as IntoIterator>::Item>,
{
    type Out = Next::Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<Self::Out> {
        let first: Source<First::Out> = Source::new(self.0.start(input, scope.clone()));
        self.1.start(first.flatten(), scope)
    }

    /// An output has any number of elements.
    fn is_one_to_one(&self) -> bool {
        false
    }
}
