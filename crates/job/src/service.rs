//! A tower service as a job.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;
use towpath_pattern::Job;

/// Creates a job from a service of tower: every item is a request to a clone of the service.
///
/// Not for a single limit or time limit around a function: the limit of a pattern and
/// [`timeout`](crate::JobExt::timeout) need no service. Not for a service whose clones have limits of their own: every job
/// calls a new clone, so a limit must be shared by the clones, as `tower::limit::ConcurrencyLimit` and `tower::buffer` do.
///
/// The job waits until the clone is ready, calls the clone, and waits for the response. The wait for readiness is a part
/// of the job, and a time limit around the job includes the wait. The service is `Sync`: `tower::util::BoxCloneSyncService`
/// is, and `BoxCloneService` is not.
///
/// # Errors
///
/// The job returns the error of `poll_ready` or of the response, below the text "the service failed".
/// [`Failure::downcast_ref`](towpath_pattern::Failure::downcast_ref) finds the error, also if the service boxes its errors.
/// A service error with tokio's `Elapsed` in its chain counts as timed out; the `Elapsed` of tower's timeout layer is a
/// type of tower, and counts as an error.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::convert::Infallible;
///
/// use tower::ServiceBuilder;
/// use towpath_fanout::{Fanout, PatternExt, anyhow};
/// use towpath_job::service;
///
/// let length = ServiceBuilder::new()
///     .concurrency_limit(2) // shared by the clones
///     .service_fn(|line: &'static str| async move { Ok::<_, Infallible>(line.len()) });
/// let lengths = Fanout::new(8, service(length)).ordered().run(["to", "path"]).collect().await?;
/// assert_eq!(lengths, [2, 4]);
/// # Ok(()) }
/// ```
pub fn service<S>(service: S) -> ServiceJob<S> {
    ServiceJob { service }
}

/// A job that calls a tower service. Created by [`service`].
#[derive(Clone, Debug)]
#[must_use = "a job does nothing until a run calls the job"]
pub struct ServiceJob<S> {
    service: S,
}

#[diagnostic::do_not_recommend]
impl<In, S> Job<In> for ServiceJob<S>
where
    In: Send,
    S: Service<In> + Clone + Send + Sync + 'static,
    S::Response: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send,
{
    type Out = S::Response;

    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<S::Response>> + Send {
        Calling::NotReady { service: self.service.clone(), item: Some(item) }
    }
}

pin_project! {
    /// The call is dropped with this future: a panic of the drop then masks no error.
    #[project = Project]
    enum Calling<S, In, F> {
        NotReady { service: S, item: Option<In> },
        Called { #[pin] response: F },
    }
}

impl<S, In> Future for Calling<S, In, S::Future>
where
    S: Service<In>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = anyhow::Result<S::Response>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let response = match self.as_mut().project() {
                Project::Called { response } => return response.poll(cx).map_err(into_error),
                Project::NotReady { service, item } => {
                    ready!(service.poll_ready(cx)).map_err(into_error)?;
                    service.call(item.take().expect("there until the call"))
                }
            };
            self.set(Self::Called { response });
        }
    }
}

fn into_error(error: impl Into<Box<dyn Error + Send + Sync>>) -> anyhow::Error {
    ServiceError(error.into()).into()
}

/// The error of a service, as the source. `anyhow::Error::from_boxed` would hide the type of the error.
#[derive(Debug)]
struct ServiceError(Box<dyn Error + Send + Sync>);

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the service failed")
    }
}

impl Error for ServiceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}
