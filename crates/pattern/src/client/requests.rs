//! The requests of the clients of a service: in the queue until a stage takes the item, and then without the item until the
//! reply.

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::sync::Arc;
use std::task::Context;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::failure::{Cancelled, Cause, Failure};
use crate::item::ItemBatch;
use crate::scope::Scope;
use crate::source::{PollBatch, PollSource};
use crate::util::mutex::Mutex;
use crate::util::panic::{catch, drop_caught, resume};
use crate::util::wake::{WakeList, WakerSlot};

/// The sender of the result of a call.
pub(super) type Reply<Out> = oneshot::Sender<Result<Out, Failure>>;

/// The reason of the end of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The run has ended, or takes no more items.
    Service,
    /// The pattern has yielded an output for no call.
    TooMany,
    /// The pattern has yielded no output for a call.
    TooFew,
}

/// The requests of all clients of a service.
pub(super) struct Requests<In, Out> {
    /// The name of the scope of the service, in failures.
    name: Arc<str>,
    /// The free places of the queue. Closed with the queue.
    places: Arc<Semaphore>,
    state: Mutex<State<In, Out>>,
}

struct State<In, Out> {
    /// The queue, by the number of the request.
    waiting: BTreeMap<u64, Request<In, Out>>,
    next: u64,
    /// The replies of the items that a stage has taken, by the index of the item.
    taken: HashMap<usize, Reply<Out>>,
    /// The sizes of the chunks that a stage has taken, by the index of the chunk.
    chunks: HashMap<usize, usize>,
    clients: usize,
    closed: bool,
    source: WakerSlot,
}

struct Request<In, Out> {
    item: In,
    reply: Reply<Out>,
    place: OwnedSemaphorePermit,
}

impl<In, Out> Requests<In, Out> {
    /// Creates an empty queue with one client.
    pub(super) fn new(name: &str, capacity: usize) -> Self {
        let state = State {
            waiting: BTreeMap::new(),
            next: 0,
            taken: HashMap::new(),
            chunks: HashMap::new(),
            clients: 1,
            closed: false,
            source: WakerSlot::default(),
        };
        let places = Arc::new(Semaphore::new(capacity.min(Semaphore::MAX_PERMITS)));
        Self { name: name.into(), places, state: Mutex::new(state) }
    }

    pub(super) fn places(&self) -> &Arc<Semaphore> {
        &self.places
    }

    pub(super) fn add_client(&self) {
        self.state.lock().clients += 1;
    }

    /// Removes a client. Without clients, the source of the service ends with the last request.
    pub(super) fn remove_client(&self) {
        let mut wakes = WakeList::default();
        let mut state = self.state.lock();
        state.clients -= 1;
        if state.clients == 0 {
            state.source.notify(&mut wakes);
        }
        drop(state);
        resume(wakes.wake_all());
    }

    /// Puts a request into the queue, and returns the number of the request.
    ///
    /// # Errors
    ///
    /// Returns the item if the queue is closed.
    pub(super) fn submit(&self, item: In, reply: Reply<Out>, place: OwnedSemaphorePermit) -> Result<u64, In> {
        let mut wakes = WakeList::default();
        let mut state = self.state.lock();
        if state.closed {
            drop(state);
            return Err(item);
        }
        let number = state.next;
        state.next += 1;
        state.waiting.insert(number, Request { item, reply, place });
        state.source.notify(&mut wakes);
        drop(state);
        resume(wakes.wake_all());
        Ok(number)
    }

    /// Drops a request that no stage has taken.
    pub(super) fn withdraw(&self, number: u64) {
        let request = self.state.lock().waiting.remove(&number);
        drop(request);
    }

    /// Takes the reply of the item with that index.
    pub(super) fn take_reply(&self, index: usize) -> Option<Reply<Out>> {
        self.state.lock().taken.remove(&index)
    }

    /// Fails the call of an item that a stage has taken and never started.
    pub(super) fn give_back(&self, index: usize, scope: &Scope) {
        if let Some(reply) = self.take_reply(index) {
            drop(reply.send(Err(self.failure(Ended::Service, scope))));
        }
    }

    /// Adds a chunk of calls: the index of the chunk is the index of its first item, and the indices of the items follow each
    /// other.
    pub(super) fn add_chunk(&self, index: usize, size: usize) {
        self.state.lock().chunks.insert(index, size);
    }

    /// Takes the size of the chunk with that index.
    pub(super) fn take_chunk(&self, index: usize) -> Option<usize> {
        self.state.lock().chunks.remove(&index)
    }

    /// Returns whether a call waits for the output of an item that a stage has taken.
    pub(super) fn awaits_outputs(&self) -> bool {
        !self.state.lock().taken.is_empty()
    }

    /// Closes the queue; every request in the queue fails, and every later call.
    pub(super) fn close(&self, scope: &Scope) {
        self.places.close();
        let mut state = self.state.lock();
        state.closed = true;
        let waiting = mem::take(&mut state.waiting);
        drop(state);
        let mut panicked = None;
        for Request { item, reply, place } in waiting.into_values() {
            let sent = catch(|| reply.send(Err(self.failure(Ended::Service, scope)))).map(drop);
            panicked = panicked.or(sent.err()).or(drop_caught(item));
            drop(place);
        }
        resume(panicked);
    }

    /// Closes the queue, and fails all calls.
    pub(super) fn end(&self, ended: Ended, scope: &Scope) {
        let taken = mem::take(&mut self.state.lock().taken);
        let mut panicked = None;
        for reply in taken.into_values() {
            let sent = catch(|| reply.send(Err(self.failure(ended, scope)))).map(drop);
            panicked = panicked.or(sent.err());
        }
        self.close(scope);
        resume(panicked);
    }

    /// Returns the failure of a call without an output.
    pub(super) fn failure(&self, ended: Ended, scope: &Scope) -> Failure {
        let cause = match ended {
            Ended::Service => Cause::Cancelled(scope.stopped_by_now().unwrap_or(Cancelled::Service)),
            Ended::TooMany => Cause::Errored(anyhow::anyhow!(
                "the pattern of the service has yielded more than one output for an input; \
                 a service needs a pattern with one output for each input"
            )),
            Ended::TooFew => Cause::Errored(anyhow::anyhow!(
                "the pattern of the service has yielded no output for an input; \
                 a service needs a pattern with one output for each input"
            )),
        };
        Failure::new(None, &self.name, cause)
    }
}

/// The requests as the source of the run of a service.
pub(super) struct RequestSource<In, Out> {
    requests: Arc<Requests<In, Out>>,
    scope: Scope,
    next_index: usize,
}

impl<In, Out> RequestSource<In, Out> {
    pub(super) fn new(requests: Arc<Requests<In, Out>>, scope: Scope) -> Self {
        Self { requests, scope, next_index: 0 }
    }
}

impl<In: Send, Out: Send> PollSource<In> for RequestSource<In, Out> {
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, into: &mut ItemBatch<In>) -> PollBatch {
        let mut own = Some(cx.waker().clone());
        let mut wakes = WakeList::default();
        let mut places = Vec::new();
        let mut state = self.requests.state.lock();
        let polled = loop {
            if places.len() == max {
                break PollBatch::Ready;
            }
            let Some((_, request)) = state.waiting.pop_first() else {
                if state.clients == 0 || state.closed {
                    break PollBatch::Exhausted;
                }
                state.source.register(&mut own, &mut wakes);
                break PollBatch::Pending;
            };
            let Request { item, reply, place } = request;
            state.taken.insert(self.next_index, reply);
            into.push(self.next_index, item);
            self.next_index += 1;
            places.push(place);
        };
        drop(state);
        drop(places);
        resume(wakes.wake_all());
        polled
    }

    fn needs_polling(&self) -> bool {
        false
    }

    fn computes(&self) -> bool {
        false
    }

    /// An item that waits here can be withdrawn.
    fn is_queue(&self) -> bool {
        true
    }

    fn stop(&mut self) {
        self.requests.close(&self.scope);
    }

    fn release(&mut self) {
        self.requests.close(&self.scope);
    }

    fn give_back(
        &mut self,
        items: std::collections::VecDeque<(usize, In)>,
    ) -> std::collections::VecDeque<(usize, In)> {
        for (index, _) in &items {
            self.requests.give_back(*index, &self.scope);
        }
        items
    }
}

impl<In, Out> Drop for RequestSource<In, Out> {
    fn drop(&mut self) {
        self.requests.close(&self.scope);
    }
}
