//! Jobs that compute, on as many threads as there are cores.

use std::time::Instant;

use rayon::prelude::*;

use crate::protocol::Outcome;

/// A fixed amount of computing, 5,000 multiplications in a row.
pub fn hash(item: u64) -> u64 {
    hash_for(item, 11_000)
}

/// About a microsecond of computing.
pub fn short_hash(item: u64) -> u64 {
    hash_for(item, 550)
}

fn hash_for(item: u64, rounds: u32) -> u64 {
    (0..rounds).fold(item, |h, _| (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd).wrapping_add(1))
}

/// The hashes of three stages, one after another on one thread: not a pipeline, but the measure of a pipeline's use of
/// cores.
pub fn three_short_hashes(items: u32) -> Outcome {
    let start = Instant::now();
    let hashes = (0..u64::from(items)).map(|item| short_hash(short_hash(short_hash(item))));
    let sum = hashes.fold(0, u64::wrapping_add);
    Outcome::timed(sum, start.elapsed())
}

/// Rayon's pool is started before the clock, as tokio's pool is.
pub fn rayon(items: u32) -> Outcome {
    rayon::broadcast(|_| ());
    let start = Instant::now();
    let hashes: Vec<u64> = (0..u64::from(items)).into_par_iter().map(hash).collect();
    let sum = hashes.into_iter().fold(0, u64::wrapping_add);
    Outcome::timed(sum, start.elapsed())
}

#[tokio::main]
pub async fn spawn(items: u32) -> Outcome {
    let start = Instant::now();
    let handles: Vec<_> = (0..items.into()).map(|item| tokio::spawn(async move { hash(item) })).collect();
    let mut sum = 0_u64;
    for handle in handles {
        sum = sum.wrapping_add(handle.await.unwrap());
    }
    Outcome::timed(sum, start.elapsed())
}
