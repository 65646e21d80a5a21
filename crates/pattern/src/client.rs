//! A run as a service: every call is an item, and gets its own output.

mod chunks;
mod requests;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::{OwnedSemaphorePermit, TryAcquireError, oneshot};

use crate::failure::{Cause, Failure};
use crate::run::{Indexed, Monitor, Run};
use crate::scope::Scope;
use crate::source::Source;
use crate::util::panic::{catch, drop_caught};
use requests::{Ended, Reply, RequestSource, Requests};

/// Sends items to the run of a service, and returns the output of each item. Created by
/// [`PatternExt::serve`](crate::PatternExt::serve).
///
/// Clones are clients of the same service. With the last clone, the run ends, after the calls in progress.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_pattern::{OnFailure, Pattern, PatternExt, Run, Scope, Source, anyhow};
///
/// # use std::sync::Arc;
/// # use towpath_pattern::{Job, Settings, builders};
/// #
/// # struct Each<J> {
/// #     settings: Settings,
/// #     job: Arc<J>,
/// # }
/// #
/// # builders! { Each<J> }
/// #
/// # impl<J> Each<J> {
/// #     fn new(limit: impl towpath_pattern::IntoLimit, job: J) -> Self {
/// #         Self { settings: Settings::new("each", limit), job: Arc::new(job) }
/// #     }
/// # }
/// #
/// # impl<In: Send + 'static, J: Job<In>> Pattern<In> for Each<J> {
/// #     type Out = J::Out;
/// #
/// #     fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
/// #         Run::spawn(scope, input, self.settings.clone(), Arc::clone(&self.job))
/// #     }
/// #
/// #     fn is_one_to_one(&self) -> bool {
/// #         true
/// #     }
/// # }
/// #
/// let scope = Scope::new("server");
/// // At most 4 jobs at once, and at most 100 further calls in the queue.
/// let parse = Each::new(4, |text: String| async move { Ok(text.parse::<u64>()?) });
/// let client = parse.on_failure(OnFailure::Continue).serve(&scope, 100);
///
/// assert_eq!(client.call("7".to_owned()).await?, 7);
/// assert!(client.call("seven".to_owned()).await.is_err());
///
/// // A full queue refuses the item at once.
/// let call = client.try_call("8".to_owned())?;
/// drop(client); // the last client ends the run, after the calls in progress
/// assert_eq!(call.await?, 8);
/// scope.wait().await?;
/// # Ok(()) }
/// ```
pub struct Client<In, Out> {
    service: Arc<Service<In, Out>>,
}

struct Service<In, Out> {
    requests: Arc<Requests<In, Out>>,
    scope: Scope,
    monitor: Monitor,
}

impl<In: Send + 'static, Out: Send + 'static> Client<In, Out> {
    /// Starts the run of a service, and the task that replies.
    ///
    /// # Panics
    ///
    /// Panics at the location of the caller if `capacity` is zero, and if there is no tokio runtime.
    #[track_caller]
    pub(crate) fn serve(
        scope: &Scope,
        capacity: usize,
        start: impl FnOnce(Source<In>, Scope) -> Run<Out>,
    ) -> Self {
        let (requests, source) = Self::queue(scope, capacity);
        let run = start(source, scope.clone());
        Self::of(requests, scope, run, Replies::reply, Replies::fail)
    }

    /// Creates the queue of a service, and the source of its run.
    #[track_caller]
    fn queue(scope: &Scope, capacity: usize) -> (Arc<Requests<In, Out>>, Source<In>) {
        assert!(capacity > 0, "a service with a capacity of 0 could never accept a call; use 1 or more");
        let requests = Arc::new(Requests::new(scope.name(), capacity));
        let source = RequestSource::new(Arc::clone(&requests), scope.clone());
        (requests, Source::of(source))
    }

    /// Creates the first client of a service, and starts the task that replies. `reply` and `fail` send an output and a
    /// failure of the run to the calls.
    fn of<Yielded: Send + 'static>(
        requests: Arc<Requests<In, Out>>,
        scope: &Scope,
        run: Run<Yielded>,
        reply: fn(&Replies<In, Out>, usize, Yielded) -> bool,
        fail: fn(&Replies<In, Out>, Failure),
    ) -> Self {
        let monitor = run.monitor();
        let stage = monitor.report().stages.pop().expect("a run has a stage").stage;
        let service = Service { requests: Arc::clone(&requests), scope: scope.clone(), monitor };
        let replies = Replies { requests, scope: scope.clone(), stage, ended: Ended::Service };
        scope.spawn("service", reply_to_all(run.indexed(), replies, reply, fail));
        Self { service: Arc::new(service) }
    }

    /// Sends `item` to the service, and returns the output of the item. Waits for a place in the queue, for the start of
    /// the job, and for the output.
    ///
    /// # Deadlock
    ///
    /// A job of the service that calls the service holds the place of a job during the call. If all jobs of the service
    /// wait for such calls, no call completes before the deadline of the scope. The [`Client::monitor`] then has as many
    /// running items as the limit, and no progress. So a job calls a second service, or limits the time of the call.
    ///
    /// # Errors
    ///
    /// Returns the failure of the job. If the service has ended, the failure has the cause [`Cancelled::Service`], or the
    /// cause of the cancellation of the scope. A pattern that yields an output for no call ends the service with an error.
    ///
    /// If the service ends before the start of the job, the item is dropped: a failure has no item. For items that must come
    /// back, use a run of [`Source::channel`] with [`Source::kept`] in place of a service.
    ///
    /// [`Cancelled::Service`]: crate::Cancelled::Service
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before a stage has taken the item, the item is withdrawn, and the place in the queue is
    /// free. A taken item completes: its output is dropped, and its failure is recorded in the scope.
    pub async fn call(&self, item: In) -> Result<Out, Failure> {
        self.reserve().await?.call(item).await
    }

    /// Waits for a place in the queue, without an item.
    ///
    /// The place counts as taken until the drop of the [`Place`]. Many places without a call keep other callers waiting.
    ///
    /// # Errors
    ///
    /// Returns a failure if the service has ended, as [`Client::call`] does.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe. A dropped future loses its turn among the callers that wait for a place.
    ///
    /// # Examples
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
    /// let client = Double.serve(&Scope::new("server"), 8);
    /// let place = client.reserve().await?;
    /// // The item is made only once there is a place.
    /// assert_eq!(place.call(21).await?, 42);
    /// # Ok(()) }
    /// ```
    pub async fn reserve(&self) -> Result<Place<In, Out>, Failure> {
        let service = Arc::clone(&self.service);
        match Arc::clone(service.requests.places()).acquire_owned().await {
            Ok(permit) => Ok(Place { service, permit }),
            Err(_) => Err(service.ended()),
        }
    }

    /// Sends `item` to the service if the queue has a free place now, and returns the future of the output.
    ///
    /// # Errors
    ///
    /// Returns the item if the queue is full, or if the service has ended.
    pub fn try_call(&self, item: In) -> Result<Call<In, Out>, TryCallError<In>> {
        match Arc::clone(self.service.requests.places()).try_acquire_owned() {
            Ok(permit) => {
                let place = Place { service: Arc::clone(&self.service), permit };
                place.submit(item).map_err(TryCallError::Ended)
            }
            Err(TryAcquireError::NoPermits) => Err(TryCallError::Full(item)),
            Err(TryAcquireError::Closed) => Err(TryCallError::Ended(item)),
        }
    }

    /// Returns a handle that reports the counts of the run. The calls in the queue are not among the counts.
    ///
    /// # Examples
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
    /// let client = Double.serve(&Scope::new("server"), 8);
    /// client.call(1).await?;
    /// assert_eq!(client.monitor().report().to_string(), "double: 1 taken, 1 succeeded");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn monitor(&self) -> Monitor {
        self.service.monitor.clone()
    }
}

impl<In, Out> Clone for Client<In, Out> {
    fn clone(&self) -> Self {
        self.service.requests.add_client();
        Self { service: Arc::clone(&self.service) }
    }
}

impl<In, Out> Drop for Client<In, Out> {
    fn drop(&mut self) {
        self.service.requests.remove_client();
    }
}

impl<In, Out> fmt::Debug for Client<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("scope", &self.service.scope.name()).finish_non_exhaustive()
    }
}

impl<In, Out> Service<In, Out> {
    /// Returns the failure of a call to a service that has ended.
    fn ended(&self) -> Failure {
        self.requests.failure(Ended::Service, &self.scope)
    }
}

/// A place in the queue of a service, for one item. Created by [`Client::reserve`].
///
/// # Examples
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
/// let client = Double.serve(&Scope::new("server"), 2);
/// let places = [client.reserve().await?, client.reserve().await?];
/// assert!(client.try_call(1).is_err(), "all places are reserved");
/// let calls = places.map(|place| place.call(2));
/// for call in calls {
///     assert_eq!(call.await?, 4);
/// }
/// # Ok(()) }
/// ```
#[must_use = "a dropped place is free again"]
pub struct Place<In, Out> {
    service: Arc<Service<In, Out>>,
    permit: OwnedSemaphorePermit,
}

impl<In: Send + 'static, Out: Send + 'static> Place<In, Out> {
    /// Sends `item` to the service, and returns the future of the output. If the service has ended, the item is dropped,
    /// and the future returns the failure.
    pub fn call(self, item: In) -> Call<In, Out> {
        let service = Arc::clone(&self.service);
        self.submit(item).unwrap_or_else(|item| {
            drop(item);
            // The sender is dropped, and the call reports the end of the service.
            Call { service, number: None, reply: oneshot::channel().1 }
        })
    }

    fn submit(self, item: In) -> Result<Call<In, Out>, In> {
        let Self { service, permit } = self;
        let (sender, reply) = oneshot::channel();
        let number = service.requests.submit(item, sender, permit)?;
        Ok(Call { service, number: Some(number), reply })
    }
}

impl<In, Out> fmt::Debug for Place<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("scope", &self.service.scope.name()).finish_non_exhaustive()
    }
}

/// A call in progress: the future of the output. Created by [`Client::try_call`] and [`Place::call`].
///
/// # Cancel safety
///
/// Dropping the future withdraws the item, unless a stage has taken the item.
#[must_use = "a dropped call is withdrawn"]
pub struct Call<In, Out> {
    service: Arc<Service<In, Out>>,
    /// The number of the request, until the reply.
    number: Option<u64>,
    reply: oneshot::Receiver<Result<Out, Failure>>,
}

impl<In, Out> Future for Call<In, Out> {
    type Output = Result<Out, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let reply = ready!(Pin::new(&mut self.reply).poll(cx));
        self.number = None;
        Poll::Ready(reply.unwrap_or_else(|_| Err(self.service.ended())))
    }
}

impl<In, Out> Drop for Call<In, Out> {
    /// Withdraws the item. The failure of a job that has ended in the meantime goes to the scope.
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        self.service.requests.withdraw(number);
        self.reply.close();
        if let Ok(Err(failure)) = self.reply.try_recv()
            && !failure.is_cancelled()
        {
            self.service.scope.record(failure);
        }
    }
}

impl<In, Out> fmt::Debug for Call<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("scope", &self.service.scope.name()).finish_non_exhaustive()
    }
}

/// The reason why a service did not accept an item at once, with the item.
///
/// # Examples
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
/// use towpath_pattern::TryCallError;
///
/// let client = Double.serve(&Scope::new("server"), 1);
/// let first = client.try_call(1)?;
/// let refused = client.try_call(2).expect_err("the queue is full");
/// assert!(matches!(refused, TryCallError::Full(2)));
/// assert_eq!(first.await?, 2);
/// assert_eq!(client.call(refused.into_inner()).await?, 4);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TryCallError<In> {
    /// The queue is full now.
    Full(In),
    /// The service has ended.
    Ended(In),
}

impl<In> TryCallError<In> {
    /// Returns the item.
    pub fn into_inner(self) -> In {
        match self {
            Self::Full(item) | Self::Ended(item) => item,
        }
    }
}

impl<In> fmt::Display for TryCallError<In> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the queue of the service is full",
            Self::Ended(_) => "the service has ended",
        })
    }
}

impl<In> fmt::Debug for TryCallError<In> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Ended(_) => "Ended(..)",
        })
    }
}

impl<In> std::error::Error for TryCallError<In> {}

/// The replies of a service. The drop ends the service.
struct Replies<In, Out> {
    requests: Arc<Requests<In, Out>>,
    scope: Scope,
    /// The name of the last stage, for the failure of a wrong number of outputs.
    stage: Arc<str>,
    ended: Ended,
}

impl<In, Out> Replies<In, Out> {
    /// Sends an output to its call. Returns `false` if no call waits for the output.
    fn reply(&self, index: usize, output: Out) -> bool {
        let Some(reply) = self.requests.take_reply(index) else {
            self.drop_output(output);
            return false;
        };
        if let Some(Ok(output)) = self.send(reply, Ok(output)) {
            self.drop_output(output);
        }
        true
    }

    /// Sends a failure to its call. A failure without a call is recorded in the scope.
    fn fail(&self, failure: Failure) {
        let reply = failure.index().and_then(|index| self.requests.take_reply(index));
        let failure = match reply {
            Some(reply) => self.send(reply, Err(failure)).and_then(Result::err),
            None => Some(failure),
        };
        if let Some(failure) = failure.filter(|failure| !failure.is_cancelled()) {
            self.scope.record(failure);
        }
    }

    /// Sends a result to a call; returns the result if the caller has given up.
    fn send(&self, reply: Reply<Out>, result: Result<Out, Failure>) -> Option<Result<Out, Failure>> {
        match catch(|| reply.send(result)) {
            Ok(sent) => sent.err(),
            // The waker of the caller has panicked, and the call has the result.
            Err(payload) => {
                self.record(Cause::from_panic(payload));
                None
            }
        }
    }

    fn drop_output(&self, output: Out) {
        if let Some(payload) = drop_caught(output) {
            self.record(Cause::from_panic(payload));
        }
    }

    fn record(&self, cause: Cause) {
        self.scope.record(Failure::new(None, &Arc::from("service"), cause));
    }
}

impl<In, Out> Drop for Replies<In, Out> {
    fn drop(&mut self) {
        self.requests.end(self.ended, &self.scope);
    }
}

/// Replies to the calls until the end of the run.
async fn reply_to_all<In, Out, Yielded>(
    mut run: Indexed<Yielded>,
    mut replies: Replies<In, Out>,
    reply: fn(&Replies<In, Out>, usize, Yielded) -> bool,
    fail: fn(&Replies<In, Out>, Failure),
) -> anyhow::Result<()>
where
    In: Send + 'static,
    Out: Send + 'static,
    Yielded: Send + 'static,
{
    let mut failed = false;
    while let Some(outcome) = run.next().await {
        match outcome {
            Ok((index, output)) => {
                if !reply(&replies, index, output) && replies.ended == Ended::Service {
                    replies.ended = Ended::TooMany;
                    replies.scope.record(replies.requests.failure(Ended::TooMany, &replies.scope));
                    run.cancel();
                }
            }
            Err(failure) => {
                failed = true;
                fail(&replies, failure);
            }
        }
    }
    for failure in run.finish().await.failures {
        failed = true;
        fail(&replies, failure);
    }
    if !failed && replies.ended == Ended::Service && replies.requests.awaits_outputs() {
        replies.ended = Ended::TooFew;
    }
    Ok(())
}
