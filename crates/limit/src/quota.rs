//! The numbers of a rate: the interval between two starts, and the burst.

use std::fmt;
use std::time::Duration;

/// The ticks of a nanosecond. Intervals are counted in ticks, so that a rate of any fraction is exact enough.
pub(crate) const TICKS: u128 = 1 << 20;

/// The longest interval: the nanoseconds of 292 years.
const LONGEST: u128 = i64::MAX as u128;

/// The nanoseconds by which a timer and the wake-up of its task may be late on a busy machine. With the starts of 2 ms as the
/// burst, a rate of 1,000 per second reached 59 %.
const RESOLUTION: u128 = 10_000_000;

/// The interval and the burst of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    /// The interval in ticks, 1 to 2^83.
    pub(crate) interval: u128,
    /// The number of starts that may be at the same moment, 1 or more.
    pub(crate) burst: usize,
}

impl Quota {
    /// Returns the quota of a rate.
    pub(crate) fn per_second(rate: f64) -> Result<Self, InvalidRate> {
        if !rate.is_finite() || rate <= 0.0 {
            return Err(InvalidRate::PerSecond(rate));
        }
        // Rounded up, so that the rate is never exceeded. A conversion from `f64` saturates.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let interval = (1e9 * TICKS as f64 / rate).ceil() as u128;
        Ok(Self::with_interval(interval))
    }

    /// Returns the quota of one start per interval.
    pub(crate) fn every(interval: Duration) -> Result<Self, InvalidRate> {
        if interval.is_zero() {
            return Err(InvalidRate::NoInterval);
        }
        Ok(Self::with_interval(interval.as_nanos().min(LONGEST) * TICKS))
    }

    fn with_interval(interval: u128) -> Self {
        let interval = interval.clamp(1, LONGEST * TICKS);
        let burst = usize::try_from((RESOLUTION * TICKS).div_ceil(interval)).unwrap_or(usize::MAX);
        Self { interval, burst }
    }
}

/// The error of a rate under which no job, or any number of jobs, could start.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum InvalidRate {
    /// The number per second is zero, negative, infinite or not a number.
    PerSecond(f64),
    /// The interval is zero.
    NoInterval,
}

impl fmt::Display for InvalidRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerSecond(0.0) => {
                f.write_str("a rate of 0 per second would never start a job; use a positive number")
            }
            Self::PerSecond(rate) => write!(f, "{rate} per second is no rate; use a positive, finite number"),
            Self::NoInterval => f.write_str("an interval of zero is no rate; use no limiter instead"),
        }
    }
}

impl std::error::Error for InvalidRate {}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(quota: Result<Quota, InvalidRate>) -> u128 {
        quota.unwrap().interval / TICKS
    }

    #[test]
    fn interval_of_a_rate_is_its_inverse() {
        assert_eq!(nanos(Quota::per_second(20.0)), 50_000_000);
        assert_eq!(nanos(Quota::per_second(0.5)), 2_000_000_000);
        assert_eq!(nanos(Quota::per_second(1e9)), 1);
        assert_eq!(nanos(Quota::every(Duration::from_millis(3))), 3_000_000);
    }

    /// The interval of a third is rounded up: three intervals are never less than a second.
    #[test]
    fn interval_of_a_fraction_is_rounded_up() {
        for rate in 1..=10_000_u32 {
            let quota = Quota::per_second(f64::from(rate)).unwrap();
            let intervals = quota.interval * u128::from(rate);
            let second = 1_000_000_000 * TICKS;
            assert!(intervals >= second && intervals - second <= u128::from(rate), "{rate} per second");
        }
    }

    #[test]
    fn extreme_rates_are_clamped() {
        assert_eq!(Quota::per_second(f64::MAX).unwrap(), Quota { interval: 1, burst: 10_000_000 << 20 });
        let slowest = Quota { interval: LONGEST * TICKS, burst: 1 };
        assert_eq!(Quota::per_second(f64::MIN_POSITIVE).unwrap(), slowest);
        assert_eq!(Quota::every(Duration::MAX).unwrap(), slowest);
    }

    /// Below the resolution of the timers, a burst of 1 would lower the rate.
    #[test]
    fn default_burst_covers_the_resolution_of_timers() {
        let burst = |rate| Quota::per_second(rate).unwrap().burst;
        assert_eq!([burst(0.1), burst(20.0), burst(100.0)], [1, 1, 1]);
        assert_eq!([burst(101.0), burst(10_000.0)], [2, 100]);
    }

    #[test]
    fn rate_that_is_no_rate_is_an_error() {
        for rate in [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(Quota::per_second(rate).is_err(), "{rate}");
        }
        assert_eq!(Quota::every(Duration::ZERO).unwrap_err(), InvalidRate::NoInterval);
        let message = |rate| Quota::per_second(rate).unwrap_err().to_string();
        assert_eq!(message(0.0), "a rate of 0 per second would never start a job; use a positive number");
        assert_eq!(message(-2.5), "-2.5 per second is no rate; use a positive, finite number");
    }
}
