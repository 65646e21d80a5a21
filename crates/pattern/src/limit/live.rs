//! A limit that changes while runs use it: a number, and the stages that watch the number.
//!
//! # Invariants
//!
//! 1. A change stores the number before it notifies a watcher, and returns after it has notified all of them. So a watcher
//!    that is added before it reads the number misses no change.
//! 2. No watcher is notified or dropped under the lock.
//! 3. The list has at most twice as many watchers as are alive, or [`KEPT`].

use std::fmt;
use std::sync::{Arc, Weak};

use crate::util::mutex::Mutex;
use crate::util::panic::{catch, resume};
use crate::util::sync::atomic::AtomicUsize;
use crate::util::sync::atomic::Ordering::{Acquire, Release};

/// The number of watchers, dropped or alive, that the list may have in any case.
const KEPT: usize = 8;

/// A number of jobs at once that changes while runs use it.
///
/// A pattern takes a reference to the limit in place of a number: `Fanout::new(&limit, job)`.
///
/// # When not to use it
///
/// - For a limit that stays as it is: a literal. Runs under a live limit look at the number for every item.
/// - For a number of jobs shared by several runs: a semaphore. Every run under a live limit has the number for itself.
/// - For a number of jobs per second: a rate.
///
/// # Meaning
///
/// Clones share the number, and so do all runs of a pattern with the limit. After a change to a lower number `n`, running
/// jobs continue, and no job starts until fewer than `n` run. After a change to a higher number, further jobs start at once.
/// With 0, no job starts: the runs pause.
///
/// The default capacity follows the limit. A capacity of its own stays: `Fanout::new(&limit, job).capacity(100)`.
///
/// An item that waits for a permit of a [`Limiter`](crate::Limiter) without a slot is no job, and goes on waiting during a pause.
///
/// # Examples
///
/// ```
/// use towpath_pattern::LiveLimit;
///
/// let limit = LiveLimit::new(8);
/// let dial = limit.clone();
/// dial.set(32);
/// assert_eq!(limit.get(), 32);
/// dial.set(0); // pauses
/// assert_eq!(limit.get(), 0);
/// ```
#[derive(Clone)]
pub struct LiveLimit(Arc<Shared>);

struct Shared {
    jobs: AtomicUsize,
    watchers: Mutex<Watchers>,
}

#[derive(Default)]
struct Watchers {
    list: Vec<Weak<dyn WatchLimit>>,
    /// The length of the list at which the dropped watchers are removed.
    prune_at: usize,
}

/// Learns of every change of a [`LiveLimit`]: a stage, or the values that a pattern keeps for its jobs.
///
/// For the author of a pattern whose jobs wait for more than the engine knows, for example for one of as many connections as
/// jobs. A job that waits because of a low number would otherwise miss a change to a higher number.
///
/// # Examples
///
/// A counter of the changes; a pattern wakes its waiting jobs instead:
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use std::sync::{Arc, Weak};
///
/// use towpath_pattern::{LiveLimit, Settings, WatchLimit};
///
/// #[derive(Default)]
/// struct Changes(AtomicUsize);
///
/// impl WatchLimit for Changes {
///     fn limit_changed(&self) {
///         self.0.fetch_add(1, Ordering::Relaxed);
///     }
/// }
///
/// let limit = LiveLimit::new(2);
/// let settings = Settings::new("fetch", &limit);
/// let changes = Arc::new(Changes::default());
/// let watcher: Weak<Changes> = Arc::downgrade(&changes);
/// settings.limit.watch(watcher);
/// limit.set(4);
/// assert_eq!(changes.0.load(Ordering::Relaxed), 1);
/// ```
pub trait WatchLimit: Send + Sync {
    /// Reads the number again, and starts or wakes what the number allows.
    ///
    /// The call comes from the thread of [`LiveLimit::set`], perhaps outside the runtime, and under no lock. Calls of two
    /// changes may overlap or change places, so the number is read under the lock that the jobs start under, and not before.
    fn limit_changed(&self);
}

impl LiveLimit {
    /// Creates a limit of `jobs` at once; 0 pauses.
    #[must_use]
    pub fn new(jobs: usize) -> Self {
        Self(Arc::new(Shared { jobs: AtomicUsize::new(jobs), watchers: Mutex::default() }))
    }

    /// Returns the number of jobs at once.
    #[must_use]
    #[inline]
    pub fn get(&self) -> usize {
        self.0.jobs.load(Acquire)
    }

    /// Sets the number of jobs at once, for all runs with this limit; 0 pauses.
    ///
    /// When the call returns, no job starts under the number before. The call may come from any thread, also outside the
    /// runtime.
    pub fn set(&self, jobs: usize) {
        self.0.jobs.store(jobs, Release);
        // A statement of its own: the lock is released before the loop.
        let watchers = self.0.watchers.lock().alive();
        let mut panicked = None;
        for watcher in watchers {
            // The last handle of a run may be this one.
            let notify = || {
                watcher.limit_changed();
                drop(watcher);
            };
            panicked = panicked.or(catch(notify).err());
        }
        resume(panicked);
    }

    /// Returns whether both are the same limit: a change of one is a change of the other.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Adds a watcher, which every later change notifies. A dropped watcher is forgotten.
    ///
    /// A watcher is added before it reads the number for the first time. Otherwise it may miss a change in between.
    pub(crate) fn watch(&self, watcher: Weak<dyn WatchLimit>) {
        let removed = self.0.watchers.lock().add(watcher);
        // The memory of the removed watchers is freed after the unlock.
        drop(removed);
    }
}

impl Watchers {
    /// Adds a watcher, and returns the dropped watchers if the list has grown.
    fn add(&mut self, watcher: Weak<dyn WatchLimit>) -> Vec<Weak<dyn WatchLimit>> {
        let removed = if self.list.len() >= self.prune_at.max(KEPT) {
            let (alive, removed) = self.list.drain(..).partition(|watcher| watcher.strong_count() > 0);
            self.list = alive;
            self.prune_at = 2 * self.list.len();
            removed
        } else {
            Vec::new()
        };
        self.list.push(watcher);
        removed
    }

    fn alive(&self) -> Vec<Arc<dyn WatchLimit>> {
        self.list.iter().filter_map(Weak::upgrade).collect()
    }
}

impl fmt::Debug for LiveLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LiveLimit").field(&self.get()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::Ordering::SeqCst;
    use std::thread;

    use super::*;

    /// A stage as small as possible: starts jobs under a lock, and keeps a copy of the limit there.
    struct Stage {
        limit: LiveLimit,
        state: std::sync::Mutex<Counts>,
    }

    #[derive(Default)]
    struct Counts {
        limit: usize,
        running: usize,
        changes: usize,
    }

    impl Stage {
        fn new(limit: &LiveLimit) -> Arc<Self> {
            let stage = Arc::new(Self { limit: limit.clone(), state: std::sync::Mutex::default() });
            let watcher: Weak<Self> = Arc::downgrade(&stage);
            limit.watch(watcher);
            stage.state.lock().unwrap().limit = limit.get();
            stage
        }

        /// Starts a job if the limit allows a further job, and returns whether it does.
        fn start(&self) -> bool {
            let mut state = self.state.lock().unwrap();
            let free = state.running < state.limit;
            state.running += usize::from(free);
            free
        }

        fn end(&self) {
            self.state.lock().unwrap().running -= 1;
        }
    }

    impl WatchLimit for Stage {
        fn limit_changed(&self) {
            let mut state = self.state.lock().unwrap();
            state.limit = self.limit.get();
            state.changes += 1;
        }
    }

    #[test]
    fn set_notifies_every_watcher_of_any_clone() {
        let limit = LiveLimit::new(1);
        let stages = [Stage::new(&limit), Stage::new(&limit.clone())];
        limit.clone().set(3);
        for stage in stages {
            let state = stage.state.lock().unwrap();
            assert_eq!((state.limit, state.changes), (3, 1));
        }
    }

    /// A dropped watcher is not kept, whether the number changes or not.
    #[test]
    fn dropped_watchers_are_forgotten() {
        let limit = LiveLimit::new(1);
        let stages: Vec<_> = (0..20).map(|_| Stage::new(&limit)).collect();
        let mut longest = 0;
        for _ in 0..10_000 {
            drop(Stage::new(&limit));
            longest = longest.max(limit.0.watchers.lock().list.len());
        }
        assert!(longest <= 2 * stages.len() + KEPT, "{longest} watchers, and {} alive", stages.len());
        limit.set(7);
        assert!(stages.iter().all(|stage| stage.state.lock().unwrap().limit == 7));
    }

    /// A watcher may set the limit, and add and drop watchers: no lock is held.
    #[test]
    fn watcher_that_uses_the_limit_returns() {
        struct Doubles(LiveLimit, AtomicBool);
        impl WatchLimit for Doubles {
            fn limit_changed(&self) {
                if !self.1.swap(true, SeqCst) {
                    drop(Stage::new(&self.0));
                    self.0.set(2 * self.0.get());
                }
            }
        }
        let limit = LiveLimit::new(1);
        let doubles = Arc::new(Doubles(limit.clone(), AtomicBool::new(false)));
        let watcher: Weak<Doubles> = Arc::downgrade(&doubles);
        limit.watch(watcher);
        limit.set(4);
        assert_eq!(limit.get(), 8);
    }

    /// The panic of a watcher comes after all others were notified.
    #[test]
    fn panic_of_a_watcher_keeps_no_other_from_the_change() {
        struct Panics;
        impl WatchLimit for Panics {
            fn limit_changed(&self) {
                panic!("a broken watcher");
            }
        }
        let limit = LiveLimit::new(1);
        let panics = Arc::new(Panics);
        let watcher: Weak<Panics> = Arc::downgrade(&panics);
        limit.watch(watcher);
        let stage = Stage::new(&limit);
        assert!(catch(|| limit.set(5)).is_err());
        assert_eq!(stage.state.lock().unwrap().limit, 5);
    }

    /// Thousands of changes under real threads: once a change has returned, no job starts above the number, and with 0 none.
    #[test]
    fn set_under_threads_bounds_every_later_start() {
        const CHANGES: usize = 5_000;
        let limit = LiveLimit::new(4);
        let stage = Stage::new(&limit);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !done.load(SeqCst) {
                        if stage.start() {
                            thread::yield_now();
                            stage.end();
                        }
                    }
                });
            }
            for change in 0..CHANGES {
                let jobs = [0, 1, 3, 2, usize::MAX][change % 5];
                limit.set(jobs);
                let counts = stage.state.lock().unwrap();
                assert_eq!(counts.limit, jobs, "the change has returned, and the stage does not have it");
                // No start above the number from here on: the threads only end jobs, until few enough run.
                let running = counts.running;
                drop(counts);
                thread::yield_now();
                let later = stage.state.lock().unwrap().running;
                assert!(later <= jobs.max(running), "{later} jobs run, and the limit is {jobs}");
            }
            done.store(true, SeqCst);
        });
    }
}
