//! The arithmetic of a rate: the starts that a moment allows. No lock, no clock, no timer.
//!
//! The meter is the *continuous-state leaky bucket*, one of the two equal forms of the generic cell rate algorithm
//! (GCRA) in the recommendation ITU-T I.371, "Traffic control and congestion control in B-ISDN", annex A. Every start
//! fills a bucket by one interval, and the bucket leaks as time passes. A start is allowed if the bucket then holds no
//! more than `burst` intervals. So in any window of length `t`, at most `burst + t / interval` starts are allowed.
//!
//! The recommendation has a single event, the arrival of a cell. A limiter has two events: the *grant* of a start, and
//! the *start*, perhaps long after the grant. Only starts fill the bucket. Every granted start that has not started may
//! start at any moment, so the granted start has a place in the bucket until then:
//!
//! ```text
//! granted now if   level + (granted + 1) · interval  ≤  burst · interval
//! ```
//!
//! If the sum fits once, the sum fits until the next grant: the level falls with time, and a start moves an interval
//! from the granted starts to the level. A grant that is given back frees its place, and was never in the level.
//!
//! The crate `governor` has the same arithmetic with one event. It counts grants, so that starts after a long wait exceed the
//! rate; its quota is fixed, and its waits use clocks other than the clock of tokio.

use std::time::Duration;

use tokio::time::Instant;

use crate::quota::{Quota, TICKS};

pub(crate) struct Meter {
    quota: Quota,
    /// The ticks in the bucket at the moment `at`.
    level: u128,
    at: Instant,
    /// The number of starts that are granted, not started and not given back.
    granted: usize,
}

impl Meter {
    /// Creates a meter with an empty bucket.
    pub(crate) fn new(quota: Quota, now: Instant) -> Self {
        Self { quota, level: 0, at: now, granted: 0 }
    }

    pub(crate) fn quota(&self) -> Quota {
        self.quota
    }

    /// Grants a start, if the moment allows a start.
    pub(crate) fn grant(&mut self, now: Instant) -> bool {
        self.leak(now);
        let allowed = self.due_in() == Some(0);
        self.granted += usize::from(allowed);
        allowed
    }

    /// Returns the moment of the next possible grant, or `None` if a granted start must first start or be given back.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Instant> {
        self.leak(now);
        Some(later(self.at, self.due_in()?))
    }

    /// Turns a granted start into a start.
    pub(crate) fn start(&mut self, now: Instant) {
        self.leak(now);
        self.granted -= 1;
        self.level = self.level.saturating_add(self.quota.interval);
    }

    /// Takes back a granted start that never starts.
    pub(crate) fn give_back(&mut self) {
        self.granted -= 1;
    }

    /// Changes the quota. The free starts stay, up to the new burst: a higher burst fills at the new rate, so that no series of
    /// changes creates a start.
    pub(crate) fn set(&mut self, quota: Quota, now: Instant) {
        self.leak(now);
        let before = std::mem::replace(&mut self.quota, quota);
        let starts = self.level / before.interval;
        // With u128, the product of two intervals could overflow. The error of a float is less than a tick per 2^52.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let rest = {
            let fraction = (self.level % before.interval) as f64 / before.interval as f64;
            ((fraction * quota.interval as f64).ceil() as u128).min(quota.interval)
        };
        let added = |burst: usize| (burst as u128).saturating_mul(quota.interval);
        let filled =
            starts.saturating_mul(quota.interval).saturating_add(rest).saturating_add(added(quota.burst));
        self.level = filled.saturating_sub(added(before.burst));
    }

    /// Returns when the bucket is empty if no further start comes, or `None` if the bucket is empty.
    pub(crate) fn empty_at(&self) -> Option<Instant> {
        (self.level > 0).then(|| later(self.at, self.level))
    }

    /// Moves the meter to a later moment. A clock that goes back changes nothing.
    fn leak(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at);
        self.at += elapsed;
        self.level = self.level.saturating_sub(elapsed.as_nanos().saturating_mul(TICKS));
    }

    /// Returns the ticks until the next start can be granted.
    fn due_in(&self) -> Option<u128> {
        let free = self.quota.burst.checked_sub(self.granted)?.checked_sub(1)?;
        // A burst so large that the product saturates has a place for every level.
        let most = (free as u128).saturating_mul(self.quota.interval);
        Some(self.level.saturating_sub(most))
    }
}

/// Returns the moment after a number of ticks, rounded up to the nanosecond; 30 years at most, as far as timers reach.
fn later(at: Instant, ticks: u128) -> Instant {
    let nanos = u64::try_from(ticks.div_ceil(TICKS)).unwrap_or(u64::MAX);
    at + Duration::from_nanos(nanos).min(Duration::from_secs(30 * 365 * 86_400))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn meter(rate: f64, burst: usize, begin: Instant) -> Meter {
        Meter::new(Quota { burst, ..Quota::per_second(rate).unwrap() }, begin)
    }

    /// Fails if a window has more than `burst + rate · t` starts: for every two starts, the window from the earlier to
    /// the later start.
    fn assert_windows(starts: &[u64], rate: u64, burst: usize, with: &str) {
        for (first, from) in starts.iter().enumerate() {
            for (last, to) in starts.iter().enumerate().skip(first) {
                let beyond = (last - first + 1).saturating_sub(burst) as u128;
                let allowed = u128::from(rate) * u128::from(to - from);
                assert!(
                    beyond * u128::from(SECOND) <= allowed,
                    "{} starts in {} ns at {rate}/s, burst {burst} ({with})",
                    last - first + 1,
                    to - from
                );
            }
        }
    }

    /// Grants whose starts come late, in any order of events: no window has more starts than allowed.
    #[test]
    fn starts_long_after_their_grants_stay_in_the_windows() {
        for seed in 0..300 {
            let mut random = fastrand::Rng::with_seed(seed);
            let (rate, burst) = (random.u64(1..50), random.usize(1..6));
            let begin = Instant::now();
            #[allow(clippy::cast_precision_loss)]
            let mut meter = meter(rate as f64, burst, begin);
            let (mut now, mut granted, mut starts) = (0, 0_usize, Vec::new());
            for _ in 0..600 {
                let moment = begin + Duration::from_nanos(now);
                match random.u8(0..8) {
                    0..3 => granted += usize::from(meter.grant(moment)),
                    3..5 if granted > 0 => {
                        meter.start(moment);
                        starts.push(now);
                        granted -= 1;
                    }
                    5 if granted > 0 => {
                        meter.give_back();
                        granted -= 1;
                    }
                    _ => now += random.u64(0..SECOND / 4),
                }
                assert!(granted <= burst, "{granted} starts are granted at once (seed {seed})");
            }
            assert!(starts.len() > 10, "{} starts (seed {seed})", starts.len());
            assert_windows(&starts, rate, burst, &format!("seed {seed}"));
        }
    }

    /// Jobs that start at their grants reach the largest number of starts that the rate allows.
    #[test]
    fn starts_at_their_grants_reach_the_rate() {
        let begin = Instant::now();
        let mut meter = meter(3.0, 2, begin);
        let mut starts = Vec::new();
        let mut now = begin;
        while starts.len() < 302 {
            if meter.grant(now) {
                meter.start(now);
                starts.push(u64::try_from((now - begin).as_nanos()).unwrap());
            } else {
                now = meter.due(now).expect("no start is outstanding");
            }
        }
        assert_windows(&starts, 3, 2, "at once");
        // 2 at once, and 300 in 100 seconds.
        assert_eq!((starts[1], starts[301].abs_diff(100 * SECOND) < 1_000), (0, true), "{}", starts[301]);
    }

    /// A granted start that is given back uses nothing: the next grant comes at the same moment.
    #[test]
    fn grant_that_is_given_back_costs_nothing() {
        let begin = Instant::now();
        let mut meter = meter(1.0, 1, begin);
        for _ in 0..1_000 {
            assert!(meter.grant(begin) && !meter.grant(begin));
            assert_eq!(meter.due(begin), None, "only the outstanding start decides");
            meter.give_back();
        }
        assert!(meter.grant(begin));
    }

    /// A place of a start that comes late is free one interval after the start, and not one interval after the grant.
    #[test]
    fn start_counts_from_the_start_and_not_from_the_grant() {
        let begin = Instant::now();
        let mut meter = meter(1.0, 1, begin);
        assert!(meter.grant(begin));
        let late = begin + Duration::from_secs(10);
        assert!(!meter.grant(late));
        meter.start(late);
        assert_eq!(meter.due(late), Some(late + Duration::from_secs(1)));
        assert_eq!(meter.empty_at(), Some(late + Duration::from_secs(1)));
    }

    /// A change keeps the free starts, up to the burst.
    #[test]
    fn change_keeps_the_free_starts() {
        let begin = Instant::now();
        let free = |meter: &Meter| {
            let mut copy =
                Meter { quota: meter.quota, level: meter.level, at: meter.at, granted: meter.granted };
            (0..1_000).take_while(|_| copy.grant(begin)).count()
        };
        let mut meter = meter(10.0, 5, begin);
        for _ in 0..2 {
            assert!(meter.grant(begin));
            meter.start(begin);
        }
        let quota = |rate, burst| Quota { burst, ..Quota::per_second(rate).unwrap() };
        for (rate, burst, wanted) in
            [(1.0, 5, 3), (1.0, 100, 3), (7.0, 2, 2), (7.0, 100, 2), (0.3, 1, 1), (9.0, 4, 1)]
        {
            meter.set(quota(rate, burst), begin);
            assert_eq!(free(&meter), wanted, "after a change to {rate}/s, burst {burst}");
        }
    }

    /// Thousands of changes create no start: the number of starts is within the largest burst and the starts that the
    /// rates have allowed over time.
    #[test]
    fn changes_create_no_start() {
        let mut random = fastrand::Rng::with_seed(7);
        let begin = Instant::now();
        let mut meter = meter(10.0, 20, begin);
        let mut granted = VecDeque::new();
        let mut started = 0_u128;
        // Starts that time has allowed, in ticks of a second.
        let (mut allowed, mut rate) = (20 * u128::from(SECOND), 10);
        let mut now = 0;
        for step in 0..20_000 {
            let moment = begin + Duration::from_nanos(now);
            match random.u8(0..4) {
                0 => {
                    rate = random.u32(1..20);
                    meter.set(
                        Quota { burst: random.usize(1..=20), ..Quota::per_second(f64::from(rate)).unwrap() },
                        moment,
                    );
                }
                1 if meter.grant(moment) => granted.push_back(step),
                2 if granted.pop_front().is_some() => {
                    meter.start(moment);
                    started += 1;
                    assert!(started * u128::from(SECOND) <= allowed, "{started} starts at step {step}");
                }
                _ => {
                    let passed = random.u64(0..SECOND / 20);
                    now += passed;
                    allowed += u128::from(passed) * u128::from(rate);
                }
            }
        }
        assert!(started > 1_000, "{started} starts");
    }

    /// Numbers at the ends of their types.
    #[test]
    fn extreme_numbers_neither_panic_nor_overflow() {
        let begin = Instant::now();
        let quotas = [
            Quota { burst: usize::MAX, ..Quota::per_second(f64::MAX).unwrap() },
            Quota { burst: usize::MAX, ..Quota::every(Duration::MAX).unwrap() },
            Quota { burst: 1, ..Quota::every(Duration::MAX).unwrap() },
            Quota { burst: 1, ..Quota::per_second(f64::MAX).unwrap() },
        ];
        for first in quotas {
            let mut meter = Meter::new(first, begin);
            for later in quotas {
                assert!(meter.grant(begin), "{first:?}, then {later:?}");
                meter.start(begin);
                meter.set(later, begin);
                let _ = (meter.due(begin), meter.empty_at());
                meter.set(first, begin);
                meter.level = 0;
            }
        }
    }

    /// A clock that goes back or stands still allows no start.
    #[test]
    fn clock_that_goes_back_allows_no_start() {
        let begin = Instant::now() + Duration::from_secs(9);
        let mut meter = meter(1.0, 1, begin);
        assert!(meter.grant(begin));
        meter.start(begin);
        assert!(!meter.grant(begin - Duration::from_secs(5)) && !meter.grant(begin));
        assert!(meter.grant(begin + Duration::from_secs(1)));
    }
}
