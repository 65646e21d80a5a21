//! The input of a failed job.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use towpath_pattern::{Failure, Job, Scope};

/// A job whose errors have the input. Created by [`JobExt::keep_input`](crate::JobExt::keep_input).
#[derive(Clone, Debug)]
#[must_use = "a job does nothing until a run calls the job"]
pub struct KeepInput<J>(J);

impl<J> KeepInput<J> {
    pub(crate) fn new(job: J) -> Self {
        Self(job)
    }
}

/// The input of a failed job, as a context of the error. [`FailureExt::input`] returns the input.
///
/// `{}` writes "with the input kept", and not the input: the input may be large or secret.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use towpath_fanout::{Job, anyhow};
/// use towpath_job::{Input, JobExt};
///
/// let parse = (|text: &'static str| async move { Ok(text.parse::<u64>()?) }).keep_input();
/// let error = parse.call("one").await.expect_err("`one` is no number");
/// let input = error.downcast_ref::<Input<&'static str>>().expect("the input of the failed job");
/// assert_eq!(input.get(), &"one");
/// # }
/// ```
pub struct Input<In>(In);

impl<In> Input<In> {
    /// Returns the input.
    #[must_use]
    pub fn get(&self) -> &In {
        &self.0
    }
}

impl<In> fmt::Debug for Input<In> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").finish_non_exhaustive()
    }
}

impl<In> fmt::Display for Input<In> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("with the input kept")
    }
}

impl<In> Error for Input<In> {}

/// The methods of this crate on a [`Failure`].
pub trait FailureExt {
    /// Returns the input of the failed job, if [`JobExt::keep_input`](crate::JobExt::keep_input) has kept an input of type
    /// `In`.
    ///
    /// The type is the type of the items, with all references: `failure.input::<&'static str>()` for items of type
    /// `&'static str`.
    ///
    /// Returns `None` for a panic and for a cancellation: the job has returned no error.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use towpath_fanout::{Fanout, OnFailure, PatternExt};
    /// use towpath_job::{FailureExt, JobExt};
    ///
    /// let parse = |text: String| async move { Ok(text.parse::<u64>()?) };
    /// let parse = Fanout::new(4, parse.keep_input()).on_failure(OnFailure::Continue);
    /// let lines = ["1", "two", "3"].map(str::to_owned);
    /// let (outcomes, _) = parse.run(lines).outcomes().await;
    /// let failures = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    /// let rejected: Vec<_> = failures.filter_map(|failure| failure.input::<String>()).collect();
    /// assert_eq!(rejected, ["two"]);
    /// # }
    /// ```
    fn input<In: Send + Sync + 'static>(&self) -> Option<&In>;
}

impl FailureExt for Failure {
    fn input<In: Send + Sync + 'static>(&self) -> Option<&In> {
        self.downcast_ref::<Input<In>>().map(Input::get)
    }
}

#[diagnostic::do_not_recommend]
impl<In, J> Job<In> for KeepInput<J>
where
    In: Clone + Send + Sync + 'static,
    J: Job<In>,
{
    type Out = J::Out;

    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        Keeping { input: Some(item.clone()), job: self.0.call(item) }
    }

    fn call_in(&self, item: In, scope: &Scope) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        Keeping { input: Some(item.clone()), job: self.0.call_in(item, scope) }
    }
}

pin_project! {
    struct Keeping<In, F> {
        #[pin]
        job: F,
        input: Option<In>,
    }
}

impl<In, F, Out> Future for Keeping<In, F>
where
    In: Send + Sync + 'static,
    F: Future<Output = anyhow::Result<Out>>,
{
    type Output = anyhow::Result<Out>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.job.poll(cx));
        Poll::Ready(result.map_err(|error| match this.input.take() {
            Some(input) => error.context(Input(input)),
            None => error,
        }))
    }
}
