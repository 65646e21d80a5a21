//! A wake-up as a flag: an event that a task checks without a lock, and that wakes the task only while the task waits.

use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use super::mutex::Mutex;
use super::sync::atomic::{AtomicBool, Ordering};

/// Records the wake-up of an event. The task lowers the flag, and then polls the event with [`WakeFlag::poll_with`]. So
/// the task polls the event only after a wake-up, and not whenever the task itself is polled.
pub(crate) struct WakeFlag {
    inner: Arc<Inner>,
    /// A waker of `inner`.
    waker: Waker,
}

struct Inner {
    raised: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl WakeFlag {
    /// Creates a raised flag, so that the task polls the event for the first time.
    pub(crate) fn new() -> Self {
        let inner = Arc::new(Inner { raised: AtomicBool::new(true), task: Mutex::new(None) });
        Self { waker: Waker::from(Arc::clone(&inner)), inner }
    }

    /// Lowers the flag; returns whether the flag was raised.
    #[inline]
    pub(crate) fn lower(&self) -> bool {
        self.inner.raised.load(Ordering::Relaxed) && self.inner.raised.swap(false, Ordering::Acquire)
    }

    /// Raises the flag for a task that has not polled the event until pending.
    pub(crate) fn raise(&self) {
        self.inner.raised.store(true, Ordering::Release);
    }

    /// Polls the event, whose wake-up then raises the flag.
    pub(crate) fn poll_with<R>(&self, poll: impl FnOnce(&mut Context<'_>) -> R) -> R {
        poll(&mut Context::from_waker(&self.waker))
    }

    /// Makes the next wake-up of the event wake `waker`. Returns `false` if the flag is raised already.
    pub(crate) fn register(&self, waker: &Waker) -> bool {
        // Both the clone and the drop of a waker may be user code, so neither happens under the lock.
        let before = self.inner.task.lock().replace(waker.clone());
        drop(before);
        // If the wake-up of the event took the lock first, the flag is visible here. Otherwise the wake-up takes the
        // waker.
        !self.inner.raised.load(Ordering::Acquire)
    }
}

impl Wake for Inner {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.raised.store(true, Ordering::Release);
        let task = self.task.lock().take();
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A flag that is lowered, and the waker of the event.
    fn lowered() -> (WakeFlag, Waker) {
        let flag = WakeFlag::new();
        assert!(flag.lower() && !flag.lower());
        let event = flag.poll_with(|cx| cx.waker().clone());
        (flag, event)
    }

    #[test]
    fn wake_up_raises_the_flag_until_it_is_lowered() {
        let (flag, event) = lowered();
        event.wake_by_ref();
        event.wake();
        assert!(flag.lower() && !flag.lower());
    }

    #[test]
    fn wake_up_wakes_the_task_registered_last_once() {
        let (flag, event) = lowered();
        let (first, last) = (Arc::new(Counting::default()), Arc::new(Counting::default()));
        for task in [&first, &last] {
            assert!(flag.register(&Arc::clone(task).into()));
        }
        assert_eq!(Arc::strong_count(&first), 1, "the replaced waker is dropped");
        event.wake_by_ref();
        event.wake();
        let woken = [&first, &last].map(|task| task.0.load(Ordering::Relaxed));
        assert_eq!(woken, [0, 1]);
    }

    #[test]
    fn registration_after_a_wake_up_reports_the_raised_flag() {
        let (flag, event) = lowered();
        event.wake();
        assert!(!flag.register(Waker::noop()));
        assert!(flag.lower());
        flag.raise();
        assert!(!flag.register(Waker::noop()), "raised by hand");
    }
}
