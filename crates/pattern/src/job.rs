//! Jobs: the functions that a pattern applies to items.

use std::future::Future;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::failure::{Cause, Failure, cancellation_in};
use crate::scope::{Scope, ScopeGuard};
use crate::util::panic::poll_then_drop;

/// An async function that a pattern applies to every item, and that may fail.
///
/// Every `Fn(In) -> impl Future<Output = anyhow::Result<Out>>` is a job, and so is every closure of this form. If the
/// compiler cannot infer the type of the argument, annotate the argument; the rest is inferred:
///
/// ```
/// # fn is_job<In, J: towpath_pattern::Job<In>>(_: J) {}
/// is_job(|x: u64| async move { Ok(x * 2) });
/// ```
///
/// # Errors
///
/// A job returns an `anyhow::Result`. If `work` returns the error type of a library, a closure ends with
/// `Ok(work(item).await?)`: the `?` operator converts the error. With `work(item).await` alone, the closure returns the
/// error type of the library and is not a job. [`job_fn`] creates a job from such a function.
///
/// # Shared state
///
/// A pattern calls a job once for every item, and runs several of the futures at the same time. So a closure cannot move
/// a captured client into a future: the future of the next item needs the client, too. A future cannot borrow the client
/// from the closure either. A job shares a client in one of three ways:
///
/// - A type with the client in a field implements `Job`. The future borrows the field, without an `Arc`.
/// - [`with_state`] passes a reference to the client to an async function, without an `Arc`.
/// - A closure moves a clone of the client into every future. This way is for clients with a cheap clone, for example
///   an `Arc`.
///
/// ```
/// use std::sync::Arc;
/// use towpath_pattern::{Job, anyhow, with_state};
///
/// struct Client;
///
/// impl Client {
///     async fn get(&self, url: &str) -> anyhow::Result<usize> {
///         Ok(url.len())
///     }
/// }
///
/// # fn is_job<In, J: Job<In>>(_: J) {}
/// // A type that implements `Job`.
/// struct Fetch {
///     client: Client,
/// }
///
/// impl Job<String> for Fetch {
///     type Out = usize;
///
///     async fn call(&self, url: String) -> anyhow::Result<usize> {
///         self.client.get(&url).await
///     }
/// }
///
/// is_job(Fetch { client: Client });
///
/// // A reference to the state.
/// is_job(with_state(Client, async |client: &Client, url: String| client.get(&url).await));
///
/// // A clone for every future.
/// let client = Arc::new(Client);
/// is_job(move |url: String| {
///     let client = Arc::clone(&client);
///     async move { client.get(&url).await }
/// });
/// ```
///
/// # Wrappers
///
/// A wrapper adds behaviour to a job, for example a timeout or a retry. A wrapper is a type that holds a job and
/// implements `Job`, with both methods: `call` calls the inner `call`, and `call_in` calls the inner `call_in`. An extension
/// trait gives every job the wrapper as a method:
///
/// ```
/// use towpath_pattern::anyhow::{self, Context};
/// use towpath_pattern::{Job, Scope};
///
/// struct Described<J>(J, &'static str);
///
/// impl<In: Send, J: Job<In>> Job<In> for Described<J> {
///     type Out = J::Out;
///
///     async fn call(&self, item: In) -> anyhow::Result<J::Out> {
///         self.0.call(item).await.context(self.1)
///     }
///
///     async fn call_in(&self, item: In, scope: &Scope) -> anyhow::Result<J::Out> {
///         self.0.call_in(item, scope).await.context(self.1)
///     }
/// }
///
/// trait DescribeExt<In>: Job<In> + Sized {
///     fn described(self, text: &'static str) -> Described<Self> {
///         Described(self, text)
///     }
/// }
///
/// impl<In, J: Job<In>> DescribeExt<In> for J {}
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
///
/// let parse = |text: &'static str| async move { Ok(text.parse::<u64>()?) };
/// let error = parse.described("a number is wrong").call("two").await.expect_err("no digit");
/// assert_eq!(format!("{error:#}"), "a number is wrong: invalid digit found in string");
/// # }
/// ```
///
/// # Blocking
///
/// A job that blocks its thread holds up no other job while a thread is free: `tokio::task::block_in_place` frees a thread,
/// a plain blocking call does not. Blocking work belongs in `tokio::task::spawn_blocking`.
///
/// # Tasks
///
/// A job is not a task of tokio. The workers of the run are tasks, and any worker resumes a job that waits. So
/// `tokio::task::id` is the id of a worker and may differ between two polls of a job, a task-local value of the caller
/// is not set, and tokio-console shows workers. The jobs of a worker share tokio's cooperative budget.
///
/// # Panics
///
/// The panic of a job is a failure of its item, with the message of the panic. The run catches the panic, which
/// unwinds neither other jobs nor the task that started the run.
///
/// # Cancel safety
///
/// When a run stops, the future of every job is dropped at its next await. A job must tolerate a drop at every await.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a job for items of type `{In}`",
    label = "not an async function from `{In}` to `anyhow::Result<_>` that can be called for every item",
    note = "a job is `Fn({In}) -> impl Future<Output = anyhow::Result<Out>> + Send`, itself `Send + Sync + 'static`: `|item: {In}| async move {{ … Ok(output) }}`",
    note = "a closure that moves or borrows a captured value cannot be called for every item; share the value in one of three ways:\n\
            1. a clone for each item, where the client is `Clone`, such as an `Arc`: `move |item: {In}| {{ let client = client.clone(); async move {{ client.get(item).await }} }}`\n\
            2. a reference, by `with_state` of the pattern's crate: `with_state(client, async |client: &Client, item: {In}| client.get(item).await)`, with both arguments annotated\n\
            3. a type with the value in a field: `impl Job<{In}> for Worker {{ type Out = …; async fn call(&self, item: {In}) -> anyhow::Result<…> {{ self.client.get(item).await }} }}`",
    note = "what it holds across an await, or captures, must be `Send`: `Arc` and not `Rc`, tokio's `Mutex` and not `RefCell`"
)]
pub trait Job<In>: Send + Sync + 'static {
    /// The output of the job.
    type Out: Send + 'static;

    /// Starts the job for `item`.
    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<Self::Out>> + Send;

    /// Starts the job for `item`, with the scope of the jobs of the run.
    ///
    /// A pattern calls this method. The default implementation calls [`call`](Job::call) and ignores the scope. A job
    /// that starts runs or tasks overrides the method, and starts the runs and tasks in `scope`. [`scoped`] creates such
    /// a job from a function.
    ///
    /// The scope is a child of the scope of the run. The stop of the run cancels the scope. The run ends only once the
    /// scope is empty. Runs and tasks that a job starts outside this scope may outlive the run of the job.
    ///
    /// All jobs of the run have the same scope. The first failure of a task in the scope cancels the scope. A cancelled
    /// scope stops the run, even under [`OnFailure::Continue`](crate::OnFailure::Continue). A job may also cancel the
    /// scope itself. If the failure of a task is to stop neither the other tasks nor the run, the job starts the task in a
    /// [child](Scope::child) of the scope, and waits for the child.
    ///
    /// A wrapper overrides this method and calls the `call_in` of the inner job. With the default implementation, the
    /// inner job does not get the scope of the run.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_pattern::{Job, PatternExt, Scope};
    ///
    /// /// Resizes each picture of an album.
    /// struct Albums<P>(P);
    ///
    /// impl<P: PatternExt<u32, Out = u32> + 'static> Job<Vec<u32>> for Albums<P> {
    ///     type Out = Vec<u32>;
    ///
    ///     async fn call(&self, album: Vec<u32>) -> anyhow::Result<Vec<u32>> {
    ///         self.call_in(album, &Scope::default()).await
    ///     }
    ///
    ///     async fn call_in(&self, album: Vec<u32>, scope: &Scope) -> anyhow::Result<Vec<u32>> {
    ///         Ok(self.0.run_in(scope, album).collect().await?)
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    fn call_in(&self, item: In, scope: &Scope) -> impl Future<Output = anyhow::Result<Self::Out>> + Send {
        let _ = scope;
        self.call(item)
    }
}

/// A function from an item to a future, with or without a borrowed value as a first argument.
///
/// Every `Fn(In) -> impl Future` implements `ItemFn<(In,)>`, and every `Fn(&S, In) -> impl Future` implements
/// `ItemFn<(&S, In)>`. The trait is a part of the [`Job`] of a function, and is not implemented by hand. A type that is
/// not a function implements `Job` directly.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use towpath_pattern::ItemFn;
///
/// fn is_function<In, F: ItemFn<(In,)>>(_: F) {}
/// is_function(|x: u64| async move { x + 1 });
///
/// // A call by the name of the trait passes the arguments as a tuple.
/// let double = |x: u64| async move { x * 2 };
/// assert_eq!(ItemFn::call(&double, (2,)).await, 4);
/// # }
/// ```
// The arguments are a tuple, as those of `Fn`: other crates cannot implement the trait for `Scoped` with an item type of
// theirs, so `Scoped` may implement `Job`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a job for items `{Args}`",
    label = "takes other arguments than `{Args}`, or cannot be called for every item",
    note = "write `|item: Type| async move {{ … }}`; a captured value is cloned before the `async move` block, for every item"
)]
pub trait ItemFn<Args> {
    /// The future of the function.
    type Future: Future;

    /// Calls the function.
    fn call(&self, args: Args) -> Self::Future;
}

// The error of a closure that moves a captured value is then the message of `Job`, and not "`FnOnce` and not `Fn`".
#[diagnostic::do_not_recommend]
impl<In, F, Fut> ItemFn<(In,)> for F
where
    F: Fn(In) -> Fut,
    Fut: Future,
{
    type Future = Fut;

    #[inline]
    fn call(&self, (item,): (In,)) -> Fut {
        self(item)
    }
}

#[diagnostic::do_not_recommend]
impl<'a, S, In, F, Fut> ItemFn<(&'a S, In)> for F
where
    F: Fn(&'a S, In) -> Fut,
    Fut: Future,
{
    type Future = Fut;

    #[inline]
    fn call(&self, (value, item): (&'a S, In)) -> Fut {
        self(value, item)
    }
}

/// The value that the future of a job returns: `anyhow::Result<Out>`.
///
/// The trait is a part of the [`Job`] of a function, and is not implemented by hand.
///
/// # Examples
///
/// ```
/// use towpath_pattern::{JobResult, anyhow};
///
/// fn is_result<T: JobResult>(_: T) {}
/// is_result(anyhow::Ok(1));
///
/// /// Returns the output of a job that must not fail.
/// fn output_of<T: JobResult>(result: T) -> T::Out {
///     result.into_result().expect("the job does not fail")
/// }
/// assert_eq!(output_of(anyhow::Ok(1)), 1);
/// ```
#[diagnostic::on_unimplemented(
    message = "the function of a job returns `anyhow::Result<_>`, and not `{Self}`",
    label = "returns `{Self}`",
    note = "for an error type of your own: `job_fn(function)`, where the error type implements `std::error::Error`",
    note = "inside of a closure, `?` converts the error: `Ok(work(item).await?)`, and not `work(item).await`",
    note = "with shared state: `with_state(state, async |state: &State, item: Item| Ok(state.get(item).await?))`",
    note = "for a message alone: `anyhow::bail!(\"too many\")`, or `Err(anyhow::anyhow!(\"too many\"))`"
)]
pub trait JobResult {
    /// The output of the job.
    type Out;

    /// Returns the value as a result.
    ///
    /// # Errors
    ///
    /// Returns the error of the job.
    fn into_result(self) -> anyhow::Result<Self::Out>;
}

impl<Out> JobResult for anyhow::Result<Out> {
    type Out = Out;

    #[inline]
    fn into_result(self) -> Self {
        self
    }
}

// The output is a `Result` in a bound of its own, so that the result of `async { todo!() }` is inferred.
impl<In, F, Out, E> Job<In> for F
where
    F: ItemFn<(In,)> + Send + Sync + 'static,
    F::Future: Future<Output = Result<Out, E>> + Send,
    Result<Out, E>: JobResult<Out = Out>,
    Out: Send + 'static,
{
    type Out = Out;

    #[inline]
    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<Out>> + Send {
        Converted { job: ItemFn::call(self, (item,)), convert: JobResult::into_result }
    }
}

pin_project! {
    /// A future whose result is converted. The drop of this value drops the future. An earlier drop, before the result is
    /// returned, could mask an error by a panic.
    struct Converted<F, Convert> {
        #[pin]
        job: F,
        convert: Convert,
    }
}

impl<F, Convert, Out> Future for Converted<F, Convert>
where
    F: Future,
    Convert: Fn(F::Output) -> anyhow::Result<Out>,
{
    type Output = anyhow::Result<Out>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.job.poll(cx).map(this.convert)
    }
}

/// Creates a job from an async function with an error type that converts into `anyhow::Error`, for example a custom type
/// that implements [`std::error::Error`].
///
/// [`Cause::Errored`] has the error, and `error.downcast_ref::<Mine>()` returns a reference to the error. A closure that
/// uses `?` names its error type: `Ok::<_, Mine>(output)`.
///
/// # Examples
///
/// ```
/// use std::{error::Error, fmt};
/// use towpath_pattern::job_fn;
///
/// #[derive(Debug)]
/// struct NotFound;
///
/// impl fmt::Display for NotFound {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         f.write_str("not found")
///     }
/// }
///
/// impl Error for NotFound {}
///
/// async fn fetch(url: String) -> Result<usize, NotFound> {
///     if url.is_empty() { Err(NotFound) } else { Ok(url.len()) }
/// }
///
/// # fn is_job<In, J: towpath_pattern::Job<In>>(_: J) {}
/// is_job(job_fn(fetch));
/// is_job(job_fn(async |url: String| fetch(url).await));
/// ```
pub fn job_fn<F, In, Out, E>(function: F) -> JobFn<F>
where
    F: ItemFn<(In,)>,
    F::Future: Future<Output = Result<Out, E>>,
    E: Into<anyhow::Error>,
{
    JobFn(function)
}

/// A job with another error type than anyhow's. Created by [`job_fn`].
#[derive(Clone, Debug)]
pub struct JobFn<F>(F);

// A function that is no job is hardly ever meant to be a `JobFn`.
#[diagnostic::do_not_recommend]
impl<F, In, Out, E> Job<In> for JobFn<F>
where
    F: ItemFn<(In,)> + Send + Sync + 'static,
    F::Future: Future<Output = Result<Out, E>> + Send,
    E: Into<anyhow::Error>,
    Out: Send + 'static,
{
    type Out = Out;

    #[inline]
    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<Out>> + Send {
        Converted { job: self.0.call((item,)), convert: |result: Result<Out, E>| result.map_err(Into::into) }
    }
}

/// Creates a job from shared state and an async function with two arguments: a reference to the state, and the item.
///
/// The jobs of all items borrow the state at the same time, without an `Arc` and without a clone. The state is dropped
/// after the last job. State that changes is behind a lock or an atomic.
///
/// Annotate both arguments of the function. An async closure must not capture values: further values are fields of the
/// state, or of a type that implements [`Job`].
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_pattern::{anyhow, with_state};
///
/// struct Client;
///
/// impl Client {
///     async fn get(&self, url: &str) -> anyhow::Result<usize> {
///         Ok(url.len())
///     }
/// }
///
/// # fn is_job<In, J: towpath_pattern::Job<In>>(_: &J) {}
/// let job = with_state(Client, async |client: &Client, url: String| client.get(&url).await);
/// # is_job(&job);
/// # Ok(()) }
/// ```
pub fn with_state<S, F, In, Out>(state: S, function: F) -> WithState<S, F, In, Out>
where
    F: for<'a> StateFn<'a, S, In, Out>,
    S: Send + Sync + 'static,
{
    WithState { function, state, types: PhantomData }
}

/// A job with shared state. Created by [`with_state`].
pub struct WithState<S, F, In, Out> {
    function: F,
    state: S,
    types: PhantomData<fn(In) -> Out>,
}

/// An async function from borrowed state and an item to an output.
///
/// Every `Fn(&S, In) -> impl Future<Output = anyhow::Result<Out>> + Send` implements this trait.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_pattern::{StateFn, anyhow, with_state};
///
/// async fn add(base: &u64, x: u64) -> anyhow::Result<u64> {
///     Ok(base + x)
/// }
///
/// let job = with_state(1, add);
/// # fn is_job<In, J: towpath_pattern::Job<In>>(_: J) {}
/// # is_job(job);
/// // The job calls the function with its state.
/// assert_eq!(StateFn::call(&add, &1, 2).await?, 3);
/// # Ok(()) }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an async function of `&{S}` and `{In}`",
    note = "annotate both arguments, capture nothing, and return `anyhow::Result`: `with_state(state, async |state: &State, item: Item| {{ … Ok(output) }})`",
    note = "further values are fields of the state, or of a type that implements `Job`"
)]
pub trait StateFn<'a, S, In, Out>: Send + Sync + 'static {
    /// The future of the function.
    type Future: Future<Output: JobResult<Out = Out>> + Send + 'a;

    /// Calls the function.
    fn call(&'a self, state: &'a S, item: In) -> Self::Future;
}

impl<'a, F, S, In, Out, E> StateFn<'a, S, In, Out> for F
where
    F: ItemFn<(&'a S, In)> + Send + Sync + 'static,
    S: 'a,
    F::Future: Future<Output = Result<Out, E>> + Send + 'a,
    Result<Out, E>: JobResult<Out = Out>,
{
    type Future = F::Future;

    #[inline]
    fn call(&'a self, state: &'a S, item: In) -> F::Future {
        ItemFn::call(self, (state, item))
    }
}

// A closure that is no job is hardly ever meant to be a `WithState`.
#[diagnostic::do_not_recommend]
impl<S, F, In, Out> Job<In> for WithState<S, F, In, Out>
where
    F: for<'a> StateFn<'a, S, In, Out>,
    S: Send + Sync + 'static,
    In: Send + 'static,
    Out: Send + 'static,
{
    type Out = Out;

    #[inline]
    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<Out>> + Send {
        Converted { job: self.function.call(&self.state, item), convert: JobResult::into_result }
    }
}

/// Drives a job to its end, and drops the future of the job before returning the result, so that a panic of the drop
/// masks no error.
///
/// A [`Work`](crate::Work) that continues after its job awaits the job with this function, and passes
/// [`Running::report`](crate::Running::report) as `record`. After a plain `await`, a panic of the drop replaces the error of
/// the job, and a second panic ends the process. [`Taken::run`](crate::Taken::run) drives a job in the same way.
///
/// # Errors
///
/// Returns the error of the job. If the drop of the job panics after the error, `record` gets the panic.
///
/// # Panics
///
/// Panics if a poll of the job panics, or if the drop of a job panics after an output.
///
/// # Cancel safety
///
/// This function is as cancel safe as the job.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_pattern::{Cause, drive_job};
///
/// let record = |_: Cause| unreachable!("the drop of this job does not panic");
/// assert_eq!(drive_job(async { Ok(1) }, record).await?, 1);
/// # Ok(()) }
/// ```
pub fn drive_job<F, Out>(job: F, record: impl Fn(Cause)) -> impl Future<Output = anyhow::Result<Out>>
where
    F: Future<Output = anyhow::Result<Out>>,
{
    DriveJob { job: Some(job), record }
}

pin_project! {
    /// A named type, since an `async fn` reserves memory for the job twice.
    struct DriveJob<F, Record> {
        #[pin]
        job: Option<F>,
        record: Record,
    }
}

impl<F, Out, Record> Future for DriveJob<F, Record>
where
    F: Future<Output = anyhow::Result<Out>>,
    Record: Fn(Cause),
{
    type Output = anyhow::Result<Out>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        poll_then_drop(this.job, cx, |payload| (this.record)(Cause::from_panic(payload)))
            .unwrap_or_else(|payload| resume_unwind(payload))
    }
}

/// Keeps the scope of a job open while work of the job goes on outside the future of the job, for example on a thread.
///
/// A task of a job needs no guard: [`Scope::spawn`] keeps the scope open. The guard is for work that a cancellation cannot
/// stop. A run waits for the drop of all guards in the scope of the jobs, also after a stop.
///
/// A guard does not keep the scope from a cancellation, and a cancelled scope still accepts a guard. The drop of a guard is
/// the last step of the work: the drop of the values of the work comes before.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::thread;
///
/// use towpath_pattern::{JobGuard, Scope};
///
/// let scope = Scope::new("digests");
/// let guard = JobGuard::new(&scope);
/// let digest = thread::spawn(move || {
///     let digest = (0..1_000_u64).sum::<u64>();
///     drop(guard);
///     digest
/// });
/// scope.wait().await?; // the thread has dropped the guard
/// assert_eq!(digest.join().expect("no panic"), 499_500);
/// # Ok(()) }
/// ```
pub struct JobGuard(ScopeGuard);

impl JobGuard {
    /// Creates a guard: `scope` and the parents are open until the drop of the guard.
    ///
    /// # Panics
    ///
    /// Panics if the scope has a deadline and the runtime has no timers.
    #[must_use]
    #[track_caller]
    pub fn new(scope: &Scope) -> Self {
        Self(scope.enter())
    }

    /// Records a failure of the work, for work whose job was dropped: the run or [`Scope::wait`] returns the failure. The
    /// failure names `name` as the stage. The call does not cancel the scope.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use towpath_pattern::{Cause, JobGuard, Scope, anyhow};
    ///
    /// let scope = Scope::new("digests");
    /// let guard = JobGuard::new(&scope);
    /// guard.report("digest", Cause::from_error(anyhow::anyhow!("no memory")));
    /// drop(guard);
    /// let failure = scope.wait().await.expect_err("the failure was recorded");
    /// assert_eq!(format!("{failure:#}"), "stage `digest` failed: no memory");
    /// # }
    /// ```
    pub fn report(&self, name: impl Into<Arc<str>>, cause: Cause) {
        self.0.record(Failure::new(None, &name.into(), cause));
    }
}

/// Creates a job from an async function with two arguments: the scope of the jobs of the run, and the item.
///
/// The scope is the `scope` of [`Job::call_in`]: runs and tasks that the function starts in the scope end before the end
/// of the run. Annotate both arguments of the function. An async closure must not capture values: a job with further
/// values is a type that implements [`Job`], with the values in fields.
///
/// If a wrapper calls [`Job::call`], which has no scope, the job creates a scope, and waits until the scope is empty. An
/// error of the function cancels the created scope.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_pattern::{Scope, scoped};
///
/// # fn is_job<In, J: towpath_pattern::Job<In>>(_: &J) {}
/// let job = scoped(async |scope: &Scope, item: u64| {
///     scope.spawn("record", async move { Ok(()) });
///     Ok(item + 1)
/// });
/// # is_job(&job);
/// # Ok(()) }
/// ```
pub fn scoped<F, In, Out>(function: F) -> Scoped<F, In, Out>
where
    F: for<'a> ScopedFn<'a, In, Out>,
{
    Scoped { function, types: PhantomData }
}

/// A job with the scope of the jobs of its run. Created by [`scoped`].
pub struct Scoped<F, In, Out> {
    function: F,
    types: PhantomData<fn(In) -> Out>,
}

/// An async function from a borrowed scope and an item to an output.
///
/// Every `Fn(&Scope, In) -> impl Future<Output = anyhow::Result<Out>> + Send` implements this trait.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_pattern::{Scope, ScopedFn, anyhow, scoped};
///
/// async fn sum(scope: &Scope, parts: [u64; 2]) -> anyhow::Result<u64> {
///     let [first, second] = parts.map(|part| scope.spawn_value("part", async move { Ok(part) }));
///     Ok(first.await? + second.await?)
/// }
///
/// let job = scoped(sum);
/// # fn is_job<In, J: towpath_pattern::Job<In>>(_: J) {}
/// # is_job(job);
/// // The job calls the function with the scope of the jobs of the run.
/// assert_eq!(ScopedFn::call(&sum, &Scope::new("sum"), [1, 2]).await?, 3);
/// # Ok(()) }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an async function of `&Scope` and `{In}`",
    note = "annotate both arguments, and capture nothing: `scoped(async |scope: &Scope, item: Item| {{ … Ok(output) }})`"
)]
pub trait ScopedFn<'a, In, Out>: Send + Sync + 'static {
    /// The future of the function.
    type Future: Future<Output: JobResult<Out = Out>> + Send + 'a;

    /// Calls the function.
    fn call(&self, scope: &'a Scope, item: In) -> Self::Future;
}

impl<'a, F, In, Out, E> ScopedFn<'a, In, Out> for F
where
    F: ItemFn<(&'a Scope, In)> + Send + Sync + 'static,
    F::Future: Future<Output = Result<Out, E>> + Send + 'a,
    Result<Out, E>: JobResult<Out = Out>,
{
    type Future = F::Future;

    fn call(&self, scope: &'a Scope, item: In) -> F::Future {
        ItemFn::call(self, (scope, item))
    }
}

// A closure that is no job is hardly ever meant to be a `Scoped`.
#[diagnostic::do_not_recommend]
impl<F, In, Out> Job<In> for Scoped<F, In, Out>
where
    F: for<'a> ScopedFn<'a, In, Out>,
    In: Send + 'static,
    Out: Send + 'static,
{
    type Out = Out;

    async fn call(&self, item: In) -> anyhow::Result<Out> {
        let scope = Scope::new("job");
        let failure = |cause| Failure::new(None, &Arc::from(scope.name()), cause);
        let result = drive_job(self.call_in(item, &scope), |cause| scope.record(failure(cause))).await;
        if result.is_err() {
            scope.cancel();
        }
        let in_scope = scope.wait().await.err().map(|first| first.followed_by(scope.take_failures()));
        match (result, in_scope) {
            // The failure of a task has cancelled the wait of the function.
            (Err(error), Some(first)) if cancellation_in(&error).is_some() => Err(first.into()),
            (Err(error), Some(later)) => Err(failure(Cause::from_error(error)).followed_by([later]).into()),
            (Ok(_), Some(first)) => Err(first.into()),
            (result, None) => result,
        }
    }

    fn call_in(&self, item: In, scope: &Scope) -> impl Future<Output = anyhow::Result<Out>> + Send {
        Converted { job: self.function.call(scope, item), convert: JobResult::into_result }
    }
}
