//! A clock whose steps the schedule chooses.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use shuttle::rand::{Rng, thread_rng};

/// As tokio's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(Duration);

/// The possible times between two readings of the clock: mostly zero, sometimes more than a batch may take.
const STEPS: [Duration; 4] =
    [Duration::ZERO, Duration::ZERO, Duration::from_micros(20), Duration::from_micros(80)];

thread_local! {
    // Only differences of readings have a meaning: the clock of a schedule continues from the clock of the schedule
    // before.
    static CLOCK: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

impl Instant {
    /// As tokio's.
    #[must_use]
    pub fn now() -> Self {
        let step = STEPS[thread_rng().gen_range(0..STEPS.len())];
        CLOCK.set(CLOCK.get() + step);
        Self(CLOCK.get())
    }

    /// As tokio's.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Self::now().duration_since(*self)
    }

    /// As tokio's.
    #[must_use]
    pub fn duration_since(&self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// As tokio's.
    #[must_use]
    pub fn checked_add(self, time: Duration) -> Option<Self> {
        self.0.checked_add(time).map(Self)
    }
}

/// As tokio's.
pub fn sleep(_: Duration) -> impl Future<Output = ()> {
    std::future::ready(())
}

/// As tokio's. The sleep ends after a few polls; the schedule chooses the number.
#[derive(Debug)]
pub struct Sleep {
    deadline: Instant,
    polls: u32,
}

/// As tokio's.
#[must_use]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { deadline, polls: thread_rng().gen_range(0..=12) }
}

impl Sleep {
    /// As tokio's.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// As tokio's.
    pub fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.set(sleep_until(deadline));
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.polls == 0 {
            CLOCK.set(CLOCK.get().max(self.deadline.0));
            return Poll::Ready(());
        }
        self.polls -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// As tokio's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// As tokio's.
    Skip,
}

/// As tokio's. A tick comes after a few polls; the schedule chooses the number.
#[derive(Debug)]
pub struct Interval(Pin<Box<Sleep>>);

/// As tokio's.
#[must_use]
pub fn interval(_: Duration) -> Interval {
    Interval(Box::pin(sleep_until(Instant::now())))
}

impl Interval {
    /// As tokio's. No tick is missed in a model.
    pub fn set_missed_tick_behavior(&mut self, _: MissedTickBehavior) {}

    /// As tokio's.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let ticked = self.0.as_mut().poll(cx);
        ticked.map(|()| {
            let now = Instant::now();
            self.0.as_mut().reset(now);
            now
        })
    }
}

/// As tokio's. The deadline passes when the schedule chooses.
///
/// # Errors
///
/// Fails if the deadline passes before the future is ready.
pub async fn timeout_at<F: Future>(_: Instant, future: F) -> Result<F::Output, error::Elapsed> {
    let mut future = pin!(future);
    let mut alarm = shuttle::future::spawn(async {
        for _ in 0..thread_rng().gen_range(0..=12) {
            shuttle::future::yield_now().await;
        }
    });
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        pin!(&mut alarm).poll(cx).map(|_| Err(error::Elapsed))
    })
    .await
}

/// The errors of time.
pub mod error {
    use std::fmt;

    /// As tokio's.
    #[derive(Debug)]
    pub struct Elapsed;

    impl fmt::Display for Elapsed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the deadline has passed")
        }
    }

    impl std::error::Error for Elapsed {}
}
