//! The libraries that poll all jobs in the task of the caller: the sum of the outputs, with the functions of each
//! library.

use std::cell::Cell;
use std::num::NonZeroUsize;

use ::futures_buffered::BufferedStreamExt;
use ::futures_concurrency::prelude::*;
use ::roughage::AsyncPipeline;
use futures_util::{StreamExt, stream};

pub async fn buffer_unordered<F: Future<Output = u64>>(
    items: u32,
    at_once: usize,
    job: impl Fn(u64) -> F,
) -> u64 {
    stream::iter(0..items.into())
        .map(job)
        .buffer_unordered(at_once)
        .fold(0, async |sum, output| sum + output)
        .await
}

pub async fn futures_buffered<F: Future<Output = u64>>(
    items: u32,
    at_once: usize,
    job: impl Fn(u64) -> F,
) -> u64 {
    stream::iter(0..items.into())
        .map(job)
        .buffered_unordered(at_once)
        .fold(0, async |sum, output| sum + output)
        .await
}

pub async fn futures_concurrency<F: Future<Output = u64>>(
    items: u32,
    at_once: usize,
    job: impl Fn(u64) -> F + Clone,
) -> u64 {
    let sum = Cell::new(0);
    let items: Vec<u64> = (0..items.into()).collect();
    items
        .into_co_stream()
        .limit(NonZeroUsize::new(at_once))
        .map(job)
        .for_each(async |output| sum.set(sum.get() + output))
        .await;
    sum.get()
}

pub async fn roughage<F: Future<Output = u64>>(items: u32, at_once: usize, job: impl Fn(u64) -> F) -> u64 {
    let sum = Cell::new(0);
    AsyncPipeline::from_iter(0..items.into())
        .map_unordered(job, at_once)
        .for_each(async |output| sum.set(sum.get() + output))
        .await;
    sum.get()
}
