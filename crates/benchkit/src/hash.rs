//! Work for the processor.

/// The number of rounds in about 20 µs.
const HASH_ROUNDS: u32 = 11_000;

/// Hashes for about 20 µs.
pub(crate) fn hash(item: u64) -> u64 {
    (0..HASH_ROUNDS)
        .fold(item, |hash, _| (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd).wrapping_add(1))
}
