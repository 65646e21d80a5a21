//! The events of tenants: each tenant in order, many tenants at once, and a bound of the memory in all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::sleep;
use towpath_fanout::{Fanout, LiveLimit, Pattern};
use towpath_limit::per_key;
use towpath_semaphore::Semaphore;

pub const TENANTS: usize = 40;
/// The memory of all events at work, in megabytes.
pub const MEMORY: usize = 24;

#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub tenant: usize,
    /// The number of the event among the events of the tenant.
    pub number: usize,
    pub megabytes: usize,
}

/// Returns `count` events. A few tenants have most of the events.
pub fn events(count: usize) -> impl Iterator<Item = Event> + Send {
    let mut numbers = [0; TENANTS];
    (0..count).map(move |index| {
        let tenant = if index % 3 == 0 { index / 3 % 4 } else { index * 7 % TENANTS };
        numbers[tenant] += 1;
        Event { tenant, number: numbers[tenant], megabytes: index % 8 }
    })
}

/// Creates the pattern: the events of a tenant one at a time and in order, the events of different tenants at once.
///
/// An event that waits for its tenant, or for memory, holds no slot of `limit`.
pub fn worker(limit: &LiveLimit, ledger: &Arc<Ledger>) -> impl Pattern<Event, Out = usize> {
    let memory = Semaphore::new(MEMORY);
    let ledger = Arc::clone(ledger);
    let apply = move |event: Event| {
        let ledger = Arc::clone(&ledger);
        async move {
            ledger.start(event);
            sleep(Duration::from_millis(1 + 5 * event.megabytes as u64)).await;
            ledger.end(event);
            Ok(event.megabytes)
        }
    };
    Fanout::new(limit, apply)
        .capacity(500)
        .limited_by(&per_key(1, |event: &Event| event.tenant))
        .limited_by(&memory.weighted(|event: &Event| event.megabytes))
}

/// The events that have started and ended.
#[derive(Default)]
pub struct Ledger(Mutex<Entries>);

#[derive(Default)]
pub struct Entries {
    tenants: HashMap<usize, Tenant>,
    pub out_of_order: usize,
    /// The number of events at work right after every start, and their memory.
    pub starts: Vec<(usize, usize)>,
    /// The number of events at work now, and their memory.
    events: usize,
    megabytes: usize,
}

#[derive(Default)]
struct Tenant {
    /// The number of the last event that has started.
    last: usize,
    at_work: usize,
}

impl Ledger {
    pub fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, event: Event) {
        let mut entries = self.entries();
        let tenant = entries.tenants.entry(event.tenant).or_default();
        let in_order = tenant.last + 1 == event.number && tenant.at_work == 0;
        tenant.last = event.number;
        tenant.at_work += 1;
        entries.out_of_order += usize::from(!in_order);
        entries.events += 1;
        entries.megabytes += event.megabytes;
        let now = (entries.events, entries.megabytes);
        entries.starts.push(now);
    }

    fn end(&self, event: Event) {
        let mut entries = self.entries();
        if let Some(tenant) = entries.tenants.get_mut(&event.tenant) {
            tenant.at_work -= 1;
        }
        entries.events -= 1;
        entries.megabytes -= event.megabytes;
    }
}
