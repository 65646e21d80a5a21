//! A web of hosts: one listener on loopback, which answers as an HTTP proxy for every host.
//!
//! A client with the environment variable `http_proxy` sends all its requests to the proxy. So the addresses have the names
//! of hosts, and no name is resolved.

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// The answer of the web to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A page with this number of bytes.
    Page(usize),
    /// An error with this status.
    Status(u16),
    /// No answer until the client closes the connection.
    Silence,
}

/// Returns the answer to an attempt: the address, and the number of the attempt from 1.
pub type Behaviour = fn(&str, usize) -> Answer;

/// Returns the addresses of all pages. The addresses of a host follow each other in groups of 40, as the links of a page do.
#[must_use]
pub fn urls(hosts: usize, pages: usize) -> Vec<String> {
    let groups = (0..pages).step_by(40);
    let group = |first: usize, host: usize| {
        let pages = first..pages.min(first + 40);
        pages.map(move |page| format!("http://host{host}.test/{page}"))
    };
    groups.flat_map(|first| (0..hosts).flat_map(move |host| group(first, host))).collect()
}

/// The web on loopback, until the drop.
pub struct Web {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: JoinHandle<io::Result<()>>,
}

struct Shared {
    behaviour: Behaviour,
    /// A permit for every request that is answered.
    answers: Semaphore,
    log: Mutex<Log>,
    /// The number of requests that have arrived.
    arrived: watch::Sender<usize>,
}

/// The requests so far.
#[derive(Clone, Default)]
pub struct Log {
    /// The address and the arrival of every request, in the order of arrival.
    pub arrivals: Vec<(String, Instant)>,
    /// The most requests at once, in all.
    pub peak: usize,
    /// The most requests at once to a host, and the number now.
    pub hosts: HashMap<String, Peak>,
    now: usize,
}

/// A number of requests at once.
#[derive(Clone, Copy, Default)]
pub struct Peak {
    pub peak: usize,
    now: usize,
}

impl Web {
    /// Starts the web. Requests wait until [`Web::answer`] admits an answer.
    ///
    /// # Errors
    ///
    /// Fails if loopback has no free port.
    pub async fn start(behaviour: Behaviour) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            behaviour,
            answers: Semaphore::new(0),
            log: Mutex::default(),
            arrived: watch::Sender::new(0),
        });
        let app = Router::new().fallback(reply).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { shared, address, server })
    }

    /// Returns the value of the environment variable `http_proxy`.
    #[must_use]
    pub fn proxy(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Admits `requests` further answers.
    pub fn answer(&self, requests: usize) {
        self.shared.answers.add_permits(requests);
    }

    /// Waits until `requests` requests have arrived.
    ///
    /// # Panics
    ///
    /// Never: the sender of the number is in the web.
    pub async fn arrived(&self, requests: usize) {
        let mut arrived = self.shared.arrived.subscribe();
        arrived.wait_for(|arrived| *arrived >= requests).await.expect("the sender is in the web");
    }

    /// Returns the requests so far.
    #[must_use]
    pub fn log(&self) -> Log {
        self.shared.log().clone()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that the web has not answered, until the drop.
struct Open<'a> {
    shared: &'a Shared,
    host: String,
}

impl<'a> Open<'a> {
    /// Returns the request, and the number of the attempt.
    fn new(shared: &'a Shared, url: &str, host: &str) -> (Self, usize) {
        let mut log = shared.log();
        log.arrivals.push((url.to_owned(), Instant::now()));
        let attempt = log.arrivals.iter().filter(|(earlier, _)| earlier == url).count();
        log.now += 1;
        log.peak = log.peak.max(log.now);
        let of_host = log.hosts.entry(host.to_owned()).or_default();
        of_host.now += 1;
        of_host.peak = of_host.peak.max(of_host.now);
        drop(log);
        shared.arrived.send_modify(|arrived| *arrived += 1);
        (Self { shared, host: host.to_owned() }, attempt)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let mut log = self.shared.log();
        log.now -= 1;
        log.hosts.entry(self.host.clone()).or_default().now -= 1;
    }
}

async fn reply(State(shared): State<Arc<Shared>>, request: Request) -> Result<String, StatusCode> {
    let url = request.uri().to_string();
    let host = request.uri().host().ok_or(StatusCode::BAD_REQUEST)?;
    let (open, attempt) = Open::new(&shared, &url, host);
    let answer = (shared.behaviour)(&url, attempt);
    if answer == Answer::Silence {
        pending::<()>().await;
    }
    let permit = shared.answers.acquire().await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    permit.forget();
    drop(open);
    match answer {
        Answer::Page(bytes) => Ok("x".repeat(bytes)),
        Answer::Status(status) => Err(StatusCode::from_u16(status).unwrap_or_default()),
        Answer::Silence => Ok(String::new()),
    }
}
