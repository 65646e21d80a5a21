//! The workloads: the work of each, the number of items, the units, and the right answer.

/// The work at which subjects are measured.
pub struct Workload {
    pub name: &'static str,
    pub about: &'static str,
    /// The number of items; a run with `--quick` has a hundredth.
    pub items: u64,
    pub units: &'static [Unit],
    answer: fn(u64) -> u64,
}

const HASH_ROUNDS: u32 = 11_000;
const SHORT_HASH_ROUNDS: u32 = 550;

/// The units of the time of single items. A single stop of the machine determines the last two.
const LATENCY: &[Unit] = &[Unit::P50, Unit::P99, Unit::P999, Unit::Max];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Wall time of the workload inside the process.
    Ms,
    /// Peak resident memory of the process.
    Mib,
    /// Memory of each waiting job.
    BytesEach,
    /// The largest time of the faster half of the items.
    P50,
    P99,
    P999,
    /// The longest time of an item.
    Max,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ms => "ms",
            Self::Mib => "MiB",
            Self::BytesEach => "bytes of a waiting job",
            Self::P50 => "p50 µs",
            Self::P99 => "p99 µs",
            Self::P999 => "p99.9 µs",
            Self::Max => "max µs",
        }
    }

    /// Returns the percentile of a unit that is one point of the distribution of the items' times.
    pub fn percentile(self) -> Option<f64> {
        match self {
            Self::Ms | Self::Mib | Self::BytesEach => None,
            Self::P50 => Some(50.0),
            Self::P99 => Some(99.0),
            Self::P999 => Some(99.9),
            Self::Max => Some(100.0),
        }
    }

    /// Returns whether the unit is memory, which is measured on Linux alone.
    pub fn is_memory(self) -> bool {
        matches!(self, Self::Mib | Self::BytesEach)
    }
}

/// The workloads in the order in which they are measured and shown: first the workloads of the document's table.
pub const WORKLOADS: [Workload; 22] = [
    Workload {
        name: "io-10k",
        about: "10,000 jobs that sleep 1 ms, all at once",
        items: 10_000,
        units: &[Unit::Ms, Unit::Mib],
        answer: sum,
    },
    Workload {
        name: "ping-pong",
        about: "two tasks hand one item back and forth, 1,000,000 hand-overs in all",
        items: 1_000_000,
        units: &[Unit::Ms],
        answer: |items| items,
    },
    Workload {
        name: "io-1m",
        about: "1,000,000 jobs that sleep 1 ms, at most 10,000 at once",
        items: 1_000_000,
        units: &[Unit::Ms, Unit::Mib],
        answer: sum,
    },
    Workload {
        name: "fanout-noop",
        about: "1,000,000 jobs that return their item, at most 16 at once",
        items: 1_000_000,
        units: &[Unit::Ms],
        answer: sum,
    },
    Workload {
        name: "fanout-cpu",
        about: "10,000 jobs of about 20 µs of hashing, as many at once as cores",
        items: 10_000,
        units: &[Unit::Ms],
        answer: sum_of_hashes,
    },
    Workload {
        name: "memory-100k",
        about: "100,000 jobs that wait until they are released: the memory of a waiting job",
        items: 100_000,
        units: &[Unit::BytesEach],
        answer: |items| items,
    },
    Workload {
        name: "cancel-10k",
        about: "10,000 waiting jobs are cancelled: time until the last is gone",
        items: 10_000,
        units: &[Unit::Ms],
        answer: |items| items,
    },
    Workload {
        name: "latency-steady",
        about: "20,000 items due at 10,000/s to jobs that return them: from when each was due to its output",
        items: 20_000,
        units: LATENCY,
        answer: sum,
    },
    Workload {
        name: "latency-bursts",
        about: "1,000,000 items due at 1,000 each millisecond to the same jobs: from due to output",
        items: 1_000_000,
        units: LATENCY,
        answer: sum,
    },
    Workload {
        name: "latency-10",
        about: "200,000 items, 10 of them in flight: each output sends the next item; from the send to the output",
        items: 200_000,
        units: LATENCY,
        answer: sum,
    },
    Workload {
        name: "mixed",
        about: "100,000 jobs, at most 1,000 at once: 10 % sleep 1 to 5 ms, 1 of 1,000 computes 2 ms; percentiles \
                of the others, from begun to output",
        items: 100_000,
        units: &[Unit::Ms, Unit::P50, Unit::P99],
        answer: sum_of_mixed,
    },
    Workload {
        name: "queue-cap10",
        about: "1,000,000 items from 1 producer to 3 consumers, capacity 10",
        items: 1_000_000,
        units: &[Unit::Ms],
        answer: sum,
    },
    Workload {
        name: "queue-cap1024",
        about: "1,000,000 items from 1 producer to 3 consumers, capacity 1024",
        items: 1_000_000,
        units: &[Unit::Ms],
        answer: sum,
    },
    Workload {
        name: "queue-mn",
        about: "1,000,000 items from 4 producers to 4 consumers, capacity 128",
        items: 1_000_000,
        units: &[Unit::Ms],
        answer: sum,
    },
    Workload {
        name: "pipeline-cap10",
        about: "1,000,000 items through 3 stages that do nothing, capacity 10",
        items: 1_000_000,
        units: &[Unit::Ms],
        answer: sum,
    },
    Workload {
        name: "pipeline-cap1024",
        about: "1,000,000 items through 3 stages that do nothing, capacity 1024",
        items: 1_000_000,
        units: &[Unit::Ms],
        answer: sum,
    },
    Workload {
        name: "pipeline-limit16",
        about: "1,000,000 items through 3 stages that do nothing, capacity 10, at most 16 at once in each",
        items: 1_000_000,
        units: &[Unit::Ms],
        answer: sum,
    },
    Workload {
        name: "pipeline-1us",
        about: "100,000 items through 3 stages that each hash for 1 µs, capacity 10",
        items: 100_000,
        units: &[Unit::Ms],
        answer: sum_of_short_hashes,
    },
    Workload {
        name: "semaphore",
        about: "1,000,000 acquisitions by 100 tasks that share 3 permits",
        items: 1_000_000,
        units: &[Unit::Ms],
        answer: |items| items,
    },
    Workload {
        name: "limit-keys",
        about: "1,000,000 jobs that return their item, of 1,000 keys: one at a time for each key",
        items: 1_000_000,
        units: &[Unit::Ms],
        answer: sum,
    },
    Workload {
        name: "limit-rate",
        about: "2,000 jobs at 1,000/s and a burst of 10, so 1,990 ms at best; percentiles of how late each started",
        items: 2_000,
        units: &[Unit::Ms, Unit::P50, Unit::P99, Unit::Max],
        answer: sum,
    },
    Workload {
        name: "limit-weights",
        about: "1,000,000 jobs that return their item and need 1 to 8 of 32 permits",
        items: 1_000_000,
        units: &[Unit::Ms],
        answer: sum,
    },
];

impl Workload {
    pub fn named(name: &str) -> Option<&'static Self> {
        WORKLOADS.iter().find(|workload| workload.name == name)
    }

    /// Returns whether the spread of the rounds has its own table. Such a workload has many rounds: its times
    /// differ between two states of the machine, and five rounds may see a single state.
    pub fn has_spread(&self) -> bool {
        self.name == "io-10k"
    }

    pub fn items(&self, quick: bool) -> u64 {
        if quick { self.items / 100 } else { self.items }
    }

    /// The answer that every subject must give.
    pub fn answer(&self, items: u64) -> u64 {
        (self.answer)(items)
    }
}

pub fn sum(items: u64) -> u64 {
    (0..items).fold(0, u64::wrapping_add)
}

/// The rounds of the three stages together are the rounds of one hash.
fn sum_of_short_hashes(items: u64) -> u64 {
    (0..items).map(|item| hash_for(item, 3 * SHORT_HASH_ROUNDS)).fold(0, u64::wrapping_add)
}

fn sum_of_hashes(items: u64) -> u64 {
    (0..items).map(hash).fold(0, u64::wrapping_add)
}

/// One of 1,000 is hashed a hundred times.
fn sum_of_mixed(items: u64) -> u64 {
    let output =
        |item| if item % 1_000 == 500 { (0..100).fold(item, |hashed, _| hash(hashed)) } else { item };
    (0..items).map(output).fold(0, u64::wrapping_add)
}

/// The hash of every subject, with the same number of rounds.
fn hash(item: u64) -> u64 {
    hash_for(item, HASH_ROUNDS)
}

fn hash_for(item: u64, rounds: u32) -> u64 {
    let mut h = item;
    for _ in 0..rounds {
        h ^= h >> 33;
        h = h.wrapping_mul(0xff51_afd7_ed55_8ccd).wrapping_add(1);
    }
    h
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let answer = |name: &str, items| Workload::named(name).unwrap().answer(items);
        assert_eq!(answer("io-10k", 10_000), 49_995_000);
        assert_eq!(answer("fanout-noop", 1_000_000), 499_999_500_000);
        assert_eq!(answer("queue-mn", 1_000_000), 499_999_500_000);
        assert_eq!(answer("ping-pong", 10_000), 10_000);
        assert_eq!(answer("memory-100k", 100_000), 100_000);
        assert_eq!(answer("fanout-cpu", 2), hash(0).wrapping_add(hash(1)));
        assert_ne!(hash(0), hash(1));
        assert_eq!(answer("latency-bursts", 1_000_000), 499_999_500_000);
        assert_eq!(answer("mixed", 500), sum(500));
        assert_ne!(answer("mixed", 501), sum(501));
    }

    #[test]
    fn quick_is_a_hundredth_and_never_nothing() {
        for workload in &WORKLOADS {
            assert_eq!(workload.items(true) * 100, workload.items(false), "{}", workload.name);
            assert!(workload.items(true) > 0);
        }
    }

    #[test]
    fn names_are_unique() {
        for workload in &WORKLOADS {
            let found = Workload::named(workload.name).unwrap();
            assert_eq!(found.about, workload.about);
        }
        assert!(Workload::named("nothing").is_none());
    }
}
