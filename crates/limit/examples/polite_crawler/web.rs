//! A web of 25 hosts in memory. A request takes a time, fails, or hangs; the web keeps a log of the requests.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

pub const HOSTS: u32 = 25;
/// Every host has this number of pages.
pub const PAGES: u32 = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Url {
    pub host: u32,
    pub page: u32,
}

/// Returns all addresses. As with the links of pages, 40 addresses of a host follow each other.
pub fn urls() -> impl Iterator<Item = Url> + Clone + Send {
    let of_a_host =
        |chapter: u32, host| (40 * chapter..40 * (chapter + 1)).map(move |page| Url { host, page });
    (0..PAGES / 40).flat_map(move |chapter| (0..HOSTS).flat_map(move |host| of_a_host(chapter, host)))
}

impl Url {
    /// Returns a number from 0 to 99 that depends on the address alone.
    fn dice(self) -> u32 {
        (self.host * PAGES + self.page).wrapping_mul(2_654_435_761) / 1_000 % 100
    }

    /// Returns whether a request of the address ends only by a time limit.
    pub fn hangs(self) -> bool {
        self.dice() == 99
    }

    fn fails(self) -> bool {
        self.dice() >= 95
    }

    /// Returns the time of a request that does not hang.
    pub fn takes(self) -> Duration {
        let slow_host = if self.host.is_multiple_of(8) { 480 } else { 0 };
        Duration::from_millis(u64::from(40 + self.dice() + slow_host))
    }
}

#[derive(Default)]
pub struct Web(Mutex<Log>);

/// The starts and ends of requests, in order.
#[derive(Default)]
pub struct Log {
    pub starts: Vec<(Url, Instant)>,
    pub running: Vec<u32>,
    /// The most requests at once, in all and to a host.
    pub peak: usize,
    pub peak_of_a_host: usize,
}

impl Web {
    pub fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of bytes of the page.
    pub async fn get(&self, url: Url) -> anyhow::Result<u64> {
        let _request = Request::start(self, url);
        if url.hangs() {
            std::future::pending::<()>().await;
        }
        sleep(url.takes()).await;
        anyhow::ensure!(!url.fails(), "the host {} has no page {}", url.host, url.page);
        Ok(u64::from(url.page))
    }
}

/// A request that runs, until the drop.
struct Request<'a> {
    web: &'a Web,
    host: u32,
}

impl<'a> Request<'a> {
    fn start(web: &'a Web, url: Url) -> Self {
        let mut log = web.log();
        log.starts.push((url, Instant::now()));
        log.running.push(url.host);
        log.peak = log.peak.max(log.running.len());
        let of_host = log.running.iter().filter(|host| **host == url.host).count();
        log.peak_of_a_host = log.peak_of_a_host.max(of_host);
        drop(log);
        Self { web, host: url.host }
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        let mut log = self.web.log();
        if let Some(at) = log.running.iter().position(|host| *host == self.host) {
            log.running.swap_remove(at);
        }
    }
}
