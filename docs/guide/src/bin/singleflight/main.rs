//! Five concurrent calls for one page share a single load. A later call loads the page again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared, join_all};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_millis(10);

type Load = BoxFuture<'static, String>;

#[derive(Default)]
struct Pages {
    flights: Mutex<HashMap<&'static str, WeakShared<Load>>>,
    loads: Arc<AtomicUsize>,
}

impl Pages {
    fn get(&self, name: &'static str) -> Shared<Load> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, flight| flight.upgrade().is_some_and(|flight| flight.peek().is_none()));
        if let Some(flight) = flights.get(name).and_then(WeakShared::upgrade) {
            return flight;
        }
        let loads = Arc::clone(&self.loads);
        let load = async move {
            let version = loads.fetch_add(1, Ordering::Relaxed) + 1;
            sleep(20 * SECOND).await;
            format!("{name}, version {version}")
        };
        let flight = load.boxed().shared();
        flights.extend(flight.downgrade().map(|weak| (name, weak)));
        flight
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let pages = Pages::default();
    for page in join_all((0..5).map(|_| pages.get("home"))).await {
        println!("{page}");
    }
    println!("later: {}", pages.get("home").await);
    println!("{} loads for 6 calls", pages.loads.load(Ordering::Relaxed));
    Ok(())
}
