//! A limit that adapts: the samples of the jobs, gathered in a window, and the decision at the end of the window.
//!
//! # Invariants
//!
//! 1. A decision is made under the lock of the window, and sets the live limit after the unlock. A thread that has set the live
//!    limit compares the number with the decided number, and sets the limit again after a difference. So no update is lost.
//! 2. A sample counts only if its job started after the last decision to lower the limit, and with the gradient, after
//!    the last decision. So the jobs of one overload lower the limit once.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use towpath_pattern::{Ended, ItemInfo, LiveLimit, Observer, Outcome, RunInfo, RunObserver};

/// The factor of a decrease. TCP halves its window; the smaller step of Netflix's `AIMDLimit` loses less throughput.
const BACKOFF: f64 = 0.9;
/// The smallest number of samples in a window of the gradient.
const SAMPLES: usize = 16;
/// The number of windows between two probes of the gradient.
const PROBE_EVERY: usize = 50;
/// The share of a lower latency in the base of the gradient. A low window by chance moves the base a little.
const LOWER: f64 = 0.1;

/// A limit of jobs at once that adapts to the latencies and the failures of the jobs.
///
/// An `Adaptive` is an observer of the jobs, and sets a [`LiveLimit`]. A pattern takes both, the limit and the
/// observer: `Fanout::new(limit.limit(), job).observed(limit.clone())`. Clones share the limit.
///
/// The observer sees only the jobs of stages under its limit. In a pattern with a limit for producers and a limit for consumers,
/// the jobs of the producers neither raise nor lower the limit of the consumers.
///
/// # When not to use it
///
/// - For a server with a known number of connections: a literal.
/// - For a server with a quota: a rate, for example `towpath_limit::Rate`.
/// - For jobs that compute: the number of the cores.
///
/// # Meaning
///
/// The limit starts at the lower end of the range, and stays in the range. The limit grows only while the jobs use at least half
/// of the limit, so that an idle run does not drift to the upper end. Jobs that panic, and jobs that are cancelled, are not
/// counted. A job that ran before a decrease is not counted either.
///
/// Two runs with the same `Adaptive` share the samples and the number. Each run applies the number to its own jobs, so
/// both runs together have up to twice as many jobs. A semaphore bounds the sum.
///
/// # Retries
///
/// An observer sees a job with retries as one job: the time includes the failed attempts, and a success after nine errors is a
/// success. Instead of observing the pattern, count the attempts inside the retry: see [`attempt`](Adaptive::attempt).
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> anyhow::Result<()> {
/// use std::time::Duration;
/// use towpath_fanout::{Fanout, PatternExt};
/// use towpath_observe::Adaptive;
///
/// let limit = Adaptive::aimd(1..=64).latency_threshold(Duration::from_secs(1));
/// let fetch = Fanout::new(limit.limit(), |page: u64| async move {
///     tokio::time::sleep(Duration::from_millis(10)).await;
///     Ok(page)
/// });
/// assert_eq!(fetch.observed(limit.clone()).run(0..100).collect().await?.len(), 100);
/// assert!(limit.limit().get() > 1);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Adaptive {
    algorithm: Algorithm,
    least: usize,
    most: usize,
    shared: Arc<Shared>,
}

#[derive(Clone, Copy, Debug)]
enum Algorithm {
    Aimd { threshold: Option<Duration> },
    Gradient,
}

struct Shared {
    live: LiveLimit,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    limit: usize,
    /// The jobs that have started and not ended.
    in_flight: usize,
    /// The largest number of jobs in flight in this window.
    used: usize,
    /// The number of decisions after which the jobs in flight do not count as samples.
    generation: usize,
    samples: usize,
    /// The sum of the latencies, in seconds.
    total: f64,
    /// The latency without a queue, in seconds; `None` before the first window.
    base: Option<f64>,
    /// The windows since the last probe.
    windows: usize,
    /// The limit before the probe; `None` without a probe.
    probed: Option<usize>,
}

impl Adaptive {
    /// Creates a limit with additive increase and multiplicative decrease: after a window of as many successes as the limit, the
    /// limit grows by one; after a failure, the limit shrinks by a tenth.
    ///
    /// An error of the job and a timeout are failures. With a [`latency_threshold`](Adaptive::latency_threshold), so is a slow
    /// job. This limit suits a server that refuses or delays requests above its capacity.
    ///
    /// The algorithm is the congestion avoidance of TCP (V. Jacobson, *Congestion Avoidance and Control*, SIGCOMM 1988). D.-M.
    /// Chiu and R. Jain show that several clients with this algorithm come to fair shares (*Analysis of the Increase and Decrease
    /// Algorithms for Congestion Avoidance in Computer Networks*, 1989).
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if the range is empty, or begins with zero.
    #[must_use]
    #[track_caller]
    pub fn aimd(range: RangeInclusive<usize>) -> Self {
        Self::new(range, Algorithm::Aimd { threshold: None })
    }

    /// Creates a limit that follows the ratio of two latencies: the latency of a server without a queue, and the
    /// latency of the last window. The limit allows a short queue, a tenth of the limit.
    ///
    /// This limit needs no threshold, and suits jobs of similar length. For a server that refuses requests above its
    /// capacity, use [`aimd`](Adaptive::aimd): a refusal is quick, and this limit would grow. A window has as many jobs
    /// as the limit, and at least 16. Every fiftieth window is a probe: the limit is halved, so that the queue drains,
    /// and the latency without a queue is measured again. A timeout shrinks the limit by a tenth. The latency of an
    /// error is not counted, since errors may be quick.
    ///
    /// The ratio comes from the `Gradient` limit of Netflix's *concurrency-limits* (2018), and the idea of a base latency from
    /// TCP Vegas (L. Brakmo and L. Peterson, 1995). The probe is the `ProbeRTT` phase of BBR (N. Cardwell et al., *BBR:
    /// Congestion-Based Congestion Control*, ACM Queue 2016): without a probe, a lasting queue becomes the new base.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if the range is empty, or begins with zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> anyhow::Result<()> {
    /// use std::time::Duration;
    /// use towpath_fanout::{Fanout, PatternExt};
    /// use towpath_observe::Adaptive;
    ///
    /// let limit = Adaptive::gradient(1..=64);
    /// let nap = |_: u64| async { Ok(tokio::time::sleep(Duration::from_millis(10)).await) };
    /// Fanout::new(limit.limit(), nap).observed(limit.clone()).run(0..2_000).collect().await?;
    /// assert!(limit.limit().get() > 8); // a server without a queue: the limit grows
    /// # Ok(()) }
    /// ```
    #[must_use]
    #[track_caller]
    pub fn gradient(range: RangeInclusive<usize>) -> Self {
        Self::new(range, Algorithm::Gradient)
    }

    #[track_caller]
    fn new(range: RangeInclusive<usize>, algorithm: Algorithm) -> Self {
        let (least, most) = range.into_inner();
        assert!(least > 0, "an adaptive limit of zero jobs never starts the job that would raise the limit");
        assert!(least <= most, "the range of an adaptive limit is empty");
        let window = Window {
            limit: least,
            in_flight: 0,
            used: 0,
            generation: 0,
            samples: 0,
            total: 0.0,
            base: None,
            windows: 0,
            probed: None,
        };
        let shared = Shared { live: LiveLimit::new(least), window: Mutex::new(window) };
        Self { algorithm, least, most, shared: Arc::new(shared) }
    }

    /// Sets the latency above which a job of an [`aimd`](Adaptive::aimd) limit counts as a failure. A
    /// [`gradient`](Adaptive::gradient) limit ignores the threshold.
    #[must_use]
    pub fn latency_threshold(mut self, latency: Duration) -> Self {
        if let Algorithm::Aimd { threshold } = &mut self.algorithm {
            *threshold = Some(latency);
        }
        self
    }

    /// Returns the limit for the pattern, which this observer sets.
    #[must_use]
    pub fn limit(&self) -> &LiveLimit {
        &self.shared.live
    }

    /// Starts an attempt that counts as a job, for jobs with retries. The pattern is then not [observed] by the limit, since
    /// every attempt would count twice.
    ///
    /// [observed]: towpath_pattern::Settings::observed
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> anyhow::Result<()> {
    /// use towpath_fanout::{Fanout, PatternExt};
    /// use towpath_observe::Adaptive;
    /// use towpath_pattern::Outcome;
    ///
    /// # async fn fetch(url: &str, attempt: u32) -> anyhow::Result<usize> {
    /// #     anyhow::ensure!(attempt > 1, "busy");
    /// #     Ok(url.len())
    /// # }
    /// let limit = Adaptive::aimd(1..=64);
    /// let attempts = limit.clone();
    /// let pages = Fanout::new(limit.limit(), move |url| {
    ///     let attempts = attempts.clone();
    ///     async move {
    ///         for n in 0..2 {
    ///             let attempt = attempts.attempt();
    ///             let fetched = fetch(url, n).await;
    ///             attempt.complete(if fetched.is_ok() { Outcome::Succeeded } else { Outcome::Errored });
    ///             if fetched.is_ok() {
    ///                 return fetched;
    ///             }
    ///         }
    ///         fetch(url, 2).await
    ///     }
    /// });
    /// assert_eq!(pages.run(["https://a.example"]).collect().await?, [17]);
    /// # Ok(()) }
    /// ```
    pub fn attempt(&self) -> Attempt {
        let mut window = self.window();
        window.in_flight += 1;
        window.used = window.used.max(window.in_flight);
        let generation = window.generation;
        drop(window);
        Attempt { adaptive: self.clone(), generation, since: Instant::now(), ended: false }
    }

    fn window(&self) -> std::sync::MutexGuard<'_, Window> {
        // No user code runs under the lock.
        self.shared.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends an attempt, and sets the limit if the window is decided.
    fn end(&self, generation: usize, sample: Option<(Outcome, Duration)>) {
        let mut window = self.window();
        window.in_flight -= 1;
        let before = window.limit;
        if let Some((outcome, ran)) = sample
            && generation == window.generation
        {
            match self.algorithm {
                Algorithm::Aimd { threshold } => self.count_aimd(&mut window, outcome, ran, threshold),
                Algorithm::Gradient => self.count_gradient(&mut window, outcome, ran),
            }
        }
        let mut decided = window.limit;
        drop(window);
        if decided == before {
            return;
        }
        loop {
            self.shared.live.set(decided);
            let newest = self.window().limit;
            if newest == decided {
                return;
            }
            decided = newest;
        }
    }

    fn count_aimd(&self, window: &mut Window, outcome: Outcome, ran: Duration, threshold: Option<Duration>) {
        let failed = match outcome {
            Outcome::Succeeded => threshold.is_some_and(|threshold| ran > threshold),
            Outcome::Errored | Outcome::TimedOut => true,
            _ => return,
        };
        if failed {
            self.back_off(window);
            return;
        }
        window.samples += 1;
        if window.samples >= window.limit {
            if window.is_used() {
                window.limit = (window.limit + 1).min(self.most);
            }
            window.begin();
        }
    }

    fn count_gradient(&self, window: &mut Window, outcome: Outcome, ran: Duration) {
        match outcome {
            Outcome::Succeeded => {}
            Outcome::TimedOut => return self.back_off(window),
            _ => return,
        }
        window.samples += 1;
        window.total += ran.as_secs_f64();
        if window.samples < window.limit.max(SAMPLES) {
            return;
        }
        let mean = window.total / number(window.samples);
        window.windows += 1;
        if let Some(before) = window.probed.take() {
            window.base = Some(mean);
            window.limit = before;
        } else if window.windows >= PROBE_EVERY {
            window.windows = 0;
            window.probed = Some(window.limit);
            window.limit = (window.limit / 2).max(self.least);
        } else {
            let base = match window.base {
                None => mean,
                Some(base) if mean < base => base + LOWER * (mean - base),
                Some(base) => base,
            };
            window.base = Some(base);
            let gradient = if mean > 0.0 { (base / mean).clamp(0.5, 1.0) } else { 1.0 };
            let queue = if window.is_used() { (window.limit / 10).max(1) } else { 0 };
            window.limit = (scaled(window.limit, gradient) + queue).clamp(self.least, self.most);
        }
        // The jobs in flight have waited in the queue of the previous limit.
        window.generation += 1;
        window.begin();
    }

    fn back_off(&self, window: &mut Window) {
        // Also under a probe: the limit before the probe was too high.
        let limit = window.probed.take().unwrap_or(window.limit);
        window.limit = scaled(limit, BACKOFF).min(limit - 1).max(self.least);
        window.generation += 1;
        window.begin();
    }
}

impl Window {
    fn begin(&mut self) {
        (self.samples, self.total, self.used) = (0, 0.0, self.in_flight);
    }

    /// Returns whether the jobs used the limit.
    fn is_used(&self) -> bool {
        2 * self.used >= self.limit
    }
}

#[allow(clippy::cast_precision_loss, reason = "a number of jobs")]
fn number(jobs: usize) -> f64 {
    jobs as f64
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a number of jobs")]
fn scaled(jobs: usize, by: f64) -> usize {
    // Rounded, since the product of a quotient and its divisor may be a little smaller than the dividend.
    (number(jobs) * by).round() as usize
}

impl fmt::Debug for Adaptive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adaptive")
            .field("algorithm", &self.algorithm)
            .field("range", &(self.least..=self.most))
            .field("limit", self.limit())
            .finish_non_exhaustive()
    }
}

/// A running attempt, created by [`Adaptive::attempt`]. A dropped attempt is not counted.
#[derive(Debug)]
#[must_use = "a dropped attempt is not counted"]
pub struct Attempt {
    adaptive: Adaptive,
    generation: usize,
    since: Instant,
    ended: bool,
}

impl Attempt {
    /// Ends the attempt.
    ///
    /// # Examples
    ///
    /// ```
    /// use towpath_observe::Adaptive;
    /// use towpath_pattern::Outcome;
    ///
    /// let limit = Adaptive::aimd(1..=8);
    /// let attempt = limit.attempt();
    /// attempt.complete(Outcome::Succeeded);
    /// ```
    pub fn complete(mut self, outcome: Outcome) {
        self.ended = true;
        self.adaptive.end(self.generation, Some((outcome, self.since.elapsed())));
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.ended {
            self.adaptive.end(self.generation, None);
        }
    }
}

impl Observer for Adaptive {
    type Run = Self;

    fn observe(&self, run: &RunInfo) -> Option<Self> {
        run.is_limited_by(self.limit()).then(|| self.clone())
    }
}

impl RunObserver for Adaptive {
    type Item = Option<Attempt>;

    fn taken(&self, _: ItemInfo) -> Option<Attempt> {
        None
    }

    fn started(&self, attempt: &mut Option<Attempt>, _: Duration) {
        *attempt = Some(self.attempt());
    }

    fn completed(&self, attempt: Option<Attempt>, ended: Ended) {
        if let Some(attempt) = attempt {
            attempt.complete(ended.outcome);
        }
    }
}
