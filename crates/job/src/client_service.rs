//! The client of a service as a tower service.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tower_service::Service;
use towpath_pattern::{Call, Client, Failure, Place};

/// A [`Client`] as a service of tower, for the layers of tower around a pattern.
///
/// Not for calls without a layer: [`Client::call`] needs no readiness.
///
/// The service is ready with a place in the queue of the pattern, so a full queue is backpressure. The place belongs to this
/// clone until the call or the drop of the clone; a new clone has no place. A clone that is ready and not called keeps its
/// place from other callers.
///
/// # Panics
///
/// `call` panics without a preceding `poll_ready` that returned `Ready`, as the trait demands.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::time::Duration;
///
/// use tower::{ServiceBuilder, ServiceExt};
/// use towpath_fanout::{Fanout, PatternExt, Scope};
/// use towpath_job::ClientService;
///
/// let scope = Scope::new("server");
/// let lengths = Fanout::new(8, |line: &'static str| async move { Ok(line.len()) });
/// let client = ClientService::new(lengths.serve(&scope, 16));
/// let service = ServiceBuilder::new().concurrency_limit(4).service(client);
/// assert_eq!(service.oneshot("towpath").await?, 7);
/// # Ok(()) }
/// ```
pub struct ClientService<In, Out> {
    client: Client<In, Out>,
    readiness: Readiness<In, Out>,
}

type Reserving<In, Out> = Pin<Box<dyn Future<Output = Result<Place<In, Out>, Failure>> + Send>>;

enum Readiness<In, Out> {
    None,
    Waits(Reserving<In, Out>),
    Ready(Place<In, Out>),
}

impl<In, Out> ClientService<In, Out> {
    /// Creates a service from a client.
    #[must_use]
    pub fn new(client: Client<In, Out>) -> Self {
        Self { client, readiness: Readiness::None }
    }
}

impl<In, Out> Clone for ClientService<In, Out> {
    fn clone(&self) -> Self {
        Self::new(self.client.clone())
    }
}

impl<In, Out> fmt::Debug for ClientService<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientService").field(&self.client).finish()
    }
}

impl<In: Send + 'static, Out: Send + 'static> Service<In> for ClientService<In, Out> {
    type Response = Out;
    type Error = Failure;
    type Future = Call<In, Out>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        loop {
            self.readiness = match &mut self.readiness {
                Readiness::Ready(_) => return Poll::Ready(Ok(())),
                Readiness::Waits(reserving) => match ready!(reserving.as_mut().poll(cx)) {
                    Ok(place) => Readiness::Ready(place),
                    Err(failure) => {
                        self.readiness = Readiness::None;
                        return Poll::Ready(Err(failure));
                    }
                },
                Readiness::None => {
                    let client = self.client.clone();
                    Readiness::Waits(Box::pin(async move { client.reserve().await }))
                }
            };
        }
    }

    fn call(&mut self, item: In) -> Call<In, Out> {
        match std::mem::replace(&mut self.readiness, Readiness::None) {
            Readiness::Ready(place) => place.call(item),
            _ => panic!("the service was called before `poll_ready` returned `Ready`"),
        }
    }
}
