//! Work for the processor.

/// The number of rounds in about 20 µs.
const HASH_ROUNDS: u32 = 11_000;

/// Rounds of hashing that take about 1 µs.
const SHORT_HASH_ROUNDS: u32 = 550;

/// Hashes for about 20 µs.
pub(crate) fn hash(item: u64) -> u64 {
    hash_for(item, HASH_ROUNDS)
}

/// Hashes for about 1 µs.
#[must_use]
pub fn short_hash(item: u64) -> u64 {
    hash_for(item, SHORT_HASH_ROUNDS)
}

fn hash_for(item: u64, rounds: u32) -> u64 {
    (0..rounds)
        .fold(item, |hash, _| (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd).wrapping_add(1))
}
