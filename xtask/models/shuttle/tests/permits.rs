//! The permits of a semaphore: the held permits never exceed the permits of the semaphore, all permits are free at the
//! end, and no task waits while enough permits are free.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use shuttle::future::{JoinHandle, block_on, spawn, yield_now};
use towpath_models_shuttle::explore::{a_while, explore, once_in, poll};
use towpath_models_shuttle::{AcquireError, Semaphore};

/// A semaphore, and the number of its held permits.
#[derive(Clone)]
struct Watched {
    semaphore: Semaphore,
    held: Arc<AtomicUsize>,
    most: usize,
}

impl Watched {
    fn new(most: usize) -> Self {
        Self { semaphore: Semaphore::new(most), held: Arc::default(), most }
    }

    /// Holds `count` permits for a moment.
    async fn visit(&self, count: u32) -> Result<(), AcquireError> {
        let at_once = if once_in(2) { self.semaphore.try_acquire_many(count).ok() } else { None };
        let permit = match at_once {
            Some(permit) => permit,
            None => self.semaphore.acquire_many(count).await?,
        };
        let held = Held::new(self, count as usize);
        yield_now().await;
        drop(held);
        drop(permit);
        Ok(())
    }

    fn visitor(&self, count: u32) -> JoinHandle<Result<(), AcquireError>> {
        let here = self.clone();
        spawn(async move { here.visit(count).await })
    }

    #[track_caller]
    fn is_free(&self) {
        assert_eq!(self.semaphore.available_permits(), self.most, "permits that are free at the end");
    }
}

struct Held<'a>(&'a AtomicUsize, usize);

impl<'a> Held<'a> {
    fn new(watched: &'a Watched, count: usize) -> Self {
        let held = watched.held.fetch_add(count, Ordering::Relaxed) + count;
        assert!(held <= watched.most, "{held} permits are held of {}", watched.most);
        Self(&watched.held, count)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

#[test]
fn everybody_gets_a_permit_in_the_end() {
    explore(10_000, || {
        let semaphore = Watched::new(1);
        let visitors = [(); 3].map(|()| semaphore.visitor(1));
        for visitor in visitors {
            block_on(visitor).unwrap().unwrap();
        }
        semaphore.is_free();
    });
}

#[test]
fn those_who_want_few_and_those_who_want_many_all_get_theirs() {
    explore(10_000, || {
        let semaphore = Watched::new(3);
        let visitors = [1, 3, 2, 1].map(|count| semaphore.visitor(count));
        for visitor in visitors {
            block_on(visitor).unwrap().unwrap();
        }
        semaphore.is_free();
    });
}

#[test]
fn cancelled_waiter_passes_served_permits_on() {
    explore(10_000, || {
        let semaphore = Watched::new(2);
        let gives_up = semaphore.visitor(2);
        let others = [1, 2].map(|count| semaphore.visitor(count));
        block_on(async {
            a_while().await;
            gives_up.abort();
            gives_up.await.ok();
            for other in others {
                other.await.unwrap().unwrap();
            }
        });
        semaphore.is_free();
    });
}

#[test]
fn cancelled_request_for_many_frees_permits_for_the_next() {
    explore(6_000, || {
        let semaphore = Watched::new(2);
        let _held = semaphore.semaphore.try_acquire().unwrap();
        let (gives_up, next) = (semaphore.visitor(2), semaphore.visitor(1));
        block_on(async {
            a_while().await;
            gives_up.abort();
            next.await.unwrap().unwrap();
        });
    });
}

#[test]
fn permits_released_together_reach_all_waiters_they_suffice_for() {
    explore(6_000, || {
        let semaphore = Semaphore::new(2);
        let both = semaphore.try_acquire_many(2).unwrap();
        let keepers = [semaphore.clone(), semaphore.clone()]
            .map(|semaphore| spawn(async move { semaphore.acquire_owned().await }));
        drop(both);
        let kept = keepers.map(|keeper| block_on(keeper).unwrap().unwrap());
        assert_eq!(semaphore.available_permits(), 0);
        drop(kept);
        assert_eq!(semaphore.available_permits(), 2);
    });
}

#[test]
fn permits_that_are_added_reach_those_who_wait() {
    explore(6_000, || {
        let mut semaphore = Watched::new(0);
        semaphore.most = 2;
        let visitors = [1, 2].map(|count| semaphore.visitor(count));
        semaphore.semaphore.add_permits(1);
        semaphore.semaphore.add_permits(1);
        for visitor in visitors {
            block_on(visitor).unwrap().unwrap();
        }
        semaphore.is_free();
    });
}

#[test]
fn waiter_polled_with_another_waker_is_woken_by_the_last() {
    explore(4_000, || {
        let semaphore = Watched::new(1);
        let holder = semaphore.visitor(1);
        let here = semaphore.clone();
        let polled = spawn(async move {
            let mut visit = pin!(here.visit(1));
            match poll(visit.as_mut()) {
                Poll::Ready(visited) => visited,
                Poll::Pending => visit.await,
            }
        });
        for visitor in [holder, polled] {
            block_on(visitor).unwrap().unwrap();
        }
        semaphore.is_free();
    });
}

#[test]
fn close_wakes_all_waiters_and_costs_no_permit() {
    explore(4_000, || {
        let semaphore = Watched::new(1);
        let visitors = [(); 3].map(|()| semaphore.visitor(1));
        semaphore.semaphore.close();
        for visitor in visitors {
            block_on(visitor).unwrap().ok();
        }
        semaphore.is_free();
    });
}

#[test]
fn request_during_a_close_is_refused() {
    explore(6_000, || {
        let semaphore = Semaphore::new(1);
        let held = semaphore.try_acquire_owned().unwrap();
        let here = semaphore.clone();
        let comes = spawn(async move { here.acquire().await.is_err() });
        semaphore.close();
        assert!(block_on(comes).unwrap(), "a permit of a semaphore without any");
        drop(held);
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn taken_permits_never_exceed_a_total_that_was_in_force_throughout() {
    explore(10_000, || {
        let semaphore = Watched::new(3);
        let holders = [1, 1].map(|_| semaphore.semaphore.try_acquire_owned().unwrap());
        let last = semaphore.semaphore.try_acquire_owned().unwrap();
        semaphore.semaphore.resize(1);
        let shrunk = Watched { most: 1, ..semaphore };
        // One permit stays held and counts, so no other task may acquire a permit.
        let counted = Held::new(&shrunk, 1);
        let visitors = [1, 1].map(|count| shrunk.visitor(count));
        let released = holders.map(|holder| spawn(async move { drop(holder) }));
        for released in released {
            block_on(released).unwrap();
        }
        block_on(a_while());
        drop(counted);
        drop(last);
        for visitor in visitors {
            block_on(visitor).unwrap().unwrap();
        }
        shrunk.is_free();
    });
}

#[test]
fn resizes_in_both_directions_cost_no_permit_and_no_wake_up() {
    explore(10_000, || {
        let semaphore = Watched::new(3);
        let gives_up = semaphore.visitor(2);
        let visitors = [1, 2, 1].map(|count| semaphore.visitor(count));
        let here = semaphore.semaphore.clone();
        let resizes = spawn(async move {
            for total in [1, 0, 2, 3] {
                here.resize(total);
                yield_now().await;
            }
        });
        block_on(async {
            a_while().await;
            gives_up.abort();
            gives_up.await.ok();
            resizes.await.unwrap();
            for visitor in visitors {
                visitor.await.unwrap().unwrap();
            }
        });
        semaphore.is_free();
    });
}
