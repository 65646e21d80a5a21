//! The crawler: its limits, and the work on an address.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use towpath_fanout::{Fanout, OnFailure, Pattern};
use towpath_limit::{Rate, per_key};

use crate::web::{Url, Web};

/// Requests at once, in all.
pub const AT_ONCE: usize = 50;
/// Requests at once to a host.
pub const TO_A_HOST: usize = 10;
/// Requests per second to a host.
pub const PER_SECOND: u32 = 20;
/// Requests to a host that may start at the same moment after a pause.
pub const BURST: usize = 2;
/// The longest request. A hanging host costs this time and no more.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// Creates the crawler.
///
/// An address that waits for its host holds no slot, so the addresses of other hosts pass. The capacity is the look-ahead:
/// the crawler looks at the next 5,000 addresses for a host with a free turn.
pub fn crawler(web: &Arc<Web>) -> impl Pattern<Url, Out = u64> {
    let web = Arc::clone(web);
    let get = move |url: Url| {
        let web = Arc::clone(&web);
        async move { timeout(PATIENCE, web.get(url)).await? }
    };
    let host = |url: &Url| url.host;
    Fanout::new(AT_ONCE, get)
        .capacity(5_000)
        .limited_by(&per_key(TO_A_HOST, host))
        .limited_by(&Rate::per_second(PER_SECOND).burst(BURST).per_key(host))
        .on_failure(OnFailure::Continue)
}
