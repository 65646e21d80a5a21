//! At most six requests, one for each host. A page waits for its host with or without a slot.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::sleep;
use towpath_fanout::{Failure, Fanout, Pattern, PatternExt};
use towpath_limit::per_key;

const SECOND: Duration = Duration::from_millis(10);
const HOSTS: usize = 6;
const PAGES: usize = 10;
const SLOTS: usize = 6;

type Page = (usize, usize);

/// The current requests and the fetched pages of each host.
#[derive(Default)]
struct Fetched {
    busy: [usize; HOSTS],
    by_host: [Vec<usize>; HOSTS],
    rude: bool,
}

#[derive(Clone, Default)]
struct Web(Arc<Mutex<Fetched>>);

impl Web {
    fn state(&self) -> MutexGuard<'_, Fetched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, (host, number): Page) {
        let mut state = self.state();
        state.busy[host] += 1;
        state.rude |= state.busy[host] > 1;
        state.by_host[host].push(number);
    }

    async fn fetch(&self, page: Page) -> anyhow::Result<()> {
        self.start(page);
        sleep(2 * SECOND).await;
        self.state().busy[page.0] -= 1;
        Ok(())
    }
}

/// A job takes a slot, and then waits for the host of the page.
fn host_in_a_slot(web: Web) -> impl Pattern<Page, Out = ()> {
    let hosts: Arc<[AsyncMutex<()>; HOSTS]> = Arc::default();
    Fanout::new(SLOTS, move |page: Page| {
        let (hosts, web) = (Arc::clone(&hosts), web.clone());
        async move {
            let _turn = hosts[page.0].lock().await;
            web.fetch(page).await
        }
    })
}

/// A page waits for its host without a slot. The capacity is the look-ahead.
fn host_before_the_slot(web: Web) -> impl Pattern<Page, Out = ()> {
    Fanout::new(SLOTS, move |page: Page| {
        let web = web.clone();
        async move { web.fetch(page).await }
    })
    .capacity(HOSTS * PAGES)
    .limited_by(&per_key(1, |(host, _): &Page| *host))
}

async fn crawl(
    title: &str,
    web: &Web,
    pages: impl Pattern<Page, Out = ()>,
) -> Result<Duration, Failure> {
    let begin = Instant::now();
    // The pages of a host are consecutive, as in a list of links.
    let links = (0..HOSTS).flat_map(|host| (0..PAGES).map(move |number| (host, number)));
    let fetched = pages.run(links).collect().await?.len();
    if !web.state().rude {
        println!("{title}: {fetched} pages, one at a time for each host");
    }
    Ok(begin.elapsed())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let web = Web::default();
    let slow = crawl("the host in a slot", &web, host_in_a_slot(web.clone())).await?;
    let web = Web::default();
    let fast = crawl("the host before the slot", &web, host_before_the_slot(web.clone())).await?;
    let in_order = web.state().by_host.iter().all(|numbers| numbers.iter().copied().eq(0..PAGES));
    if slow > 2 * fast && in_order {
        println!("more than twice as fast, and the pages of each host in order");
    }
    Ok(())
}
