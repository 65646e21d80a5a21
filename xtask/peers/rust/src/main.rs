//! The benchmark's workloads on tokio, rayon and other crates alone, one per process.
//!
//! `towpath-peers list`, or `towpath-peers run WORKLOAD SUBJECT ITEMS`.

#![forbid(unsafe_code)]

mod cancel_10k;
mod channels;
mod fanout_cpu;
mod fanout_noop;
mod in_one_task;
mod io_10k;
mod io_1m;
mod latency;
mod limited;
mod limits;
mod memory_100k;
mod mixed;
mod ping_pong;
mod pipeline;
mod protocol;
mod queue;
mod semaphore;
mod times;

use std::process::ExitCode;

use latency::{BURSTS, STEADY};
use limits::{cache_lines, memory, steps, switches, timers};
use protocol::Subject;
use queue::{CAP10, CAP1024, MN};

const SUBJECTS: &[Subject] = &[
    Subject::new("io-10k", "tokio spawn", io_10k::spawn),
    Subject::new("io-10k", "JoinSet", io_10k::join_set),
    Subject::new("io-10k", "JoinQueue", io_10k::join_queue),
    Subject::new("io-10k", "buffer_unordered", io_10k::buffer_unordered),
    Subject::new("io-10k", "futures-buffered", io_10k::futures_buffered),
    Subject::new("io-10k", "futures-concurrency", io_10k::futures_concurrency),
    Subject::new("io-10k", "roughage", io_10k::roughage),
    Subject::new("ping-pong", "async-channel", ping_pong::async_channel),
    Subject::new("ping-pong", "tokio mpsc", ping_pong::mpsc),
    Subject::new("io-1m", "tokio spawn + Semaphore", io_1m::semaphore),
    Subject::new("fanout-noop", "buffer_unordered", fanout_noop::buffer_unordered),
    Subject::new("fanout-noop", "futures-buffered", fanout_noop::futures_buffered),
    Subject::new("fanout-noop", "futures-concurrency", fanout_noop::futures_concurrency),
    Subject::new("fanout-noop", "roughage", fanout_noop::roughage),
    Subject::new("fanout-noop", "tokio spawn", fanout_noop::spawn),
    Subject::new("fanout-cpu", "rayon", fanout_cpu::rayon),
    Subject::new("fanout-cpu", "tokio spawn", fanout_cpu::spawn),
    Subject::new("memory-100k", "tokio spawn", memory_100k::spawn),
    Subject::new("memory-100k", "JoinSet", memory_100k::join_set),
    Subject::new("memory-100k", "JoinQueue", memory_100k::join_queue),
    Subject::new("memory-100k", "buffer_unordered", memory_100k::buffer_unordered),
    Subject::new("memory-100k", "futures-buffered", memory_100k::futures_buffered),
    Subject::new("memory-100k", "roughage", memory_100k::roughage),
    Subject::new("cancel-10k", "tokio spawn", cancel_10k::spawn),
    Subject::new("cancel-10k", "JoinSet", cancel_10k::join_set),
    Subject::new("cancel-10k", "JoinQueue", cancel_10k::join_queue),
    Subject::new("cancel-10k", "TaskTracker + token", cancel_10k::task_tracker),
    Subject::new("cancel-10k", "buffer_unordered", cancel_10k::buffer_unordered),
    Subject::new("cancel-10k", "futures-buffered", cancel_10k::futures_buffered),
    Subject::new("cancel-10k", "futures-concurrency", cancel_10k::futures_concurrency),
    Subject::new("cancel-10k", "roughage", cancel_10k::roughage),
    Subject::new("latency-steady", "tokio mpsc", |items| latency::mpsc(items, STEADY)),
    Subject::new("latency-bursts", "tokio mpsc", |items| latency::mpsc(items, BURSTS)),
    Subject::new("latency-10", "tokio mpsc", |items| latency::in_flight(items, 10)),
    Subject::new("mixed", "buffer_unordered", mixed::buffer_unordered),
    Subject::new("mixed", "tokio spawn + Semaphore", mixed::semaphore),
    Subject::new("queue-cap10", "async-channel", |items| queue::mpmc(items, CAP10, async_channel::bounded)),
    Subject::new("queue-cap10", "crossfire", |items| {
        queue::mpmc(items, CAP10, crossfire::mpmc::bounded_async)
    }),
    Subject::new("queue-cap10", "flume", |items| queue::mpmc(items, CAP10, flume::bounded)),
    Subject::new("queue-cap10", "kanal", |items| queue::mpmc(items, CAP10, kanal::bounded_async)),
    Subject::new("queue-cap10", "tokio mpsc, 1 consumer", |items| queue::one_consumer(items, CAP10)),
    Subject::new("queue-cap1024", "async-channel", |items| {
        queue::mpmc(items, CAP1024, async_channel::bounded)
    }),
    Subject::new("queue-cap1024", "crossfire", |items| {
        queue::mpmc(items, CAP1024, crossfire::mpmc::bounded_async)
    }),
    Subject::new("queue-cap1024", "flume", |items| queue::mpmc(items, CAP1024, flume::bounded)),
    Subject::new("queue-cap1024", "kanal", |items| queue::mpmc(items, CAP1024, kanal::bounded_async)),
    Subject::new("queue-cap1024", "tokio mpsc, 1 consumer", |items| queue::one_consumer(items, CAP1024)),
    Subject::new("queue-mn", "async-channel", |items| queue::mpmc(items, MN, async_channel::bounded)),
    Subject::new("queue-mn", "crossfire", |items| queue::mpmc(items, MN, crossfire::mpmc::bounded_async)),
    Subject::new("queue-mn", "flume", |items| queue::mpmc(items, MN, flume::bounded)),
    Subject::new("queue-mn", "kanal", |items| queue::mpmc(items, MN, kanal::bounded_async)),
    Subject::new("queue-mn", "tokio mpsc, 1 consumer", |items| queue::one_consumer(items, MN)),
    Subject::new("pipeline-cap10", "tokio mpsc", |items| pipeline::mpsc(items, 10, |item| item)),
    Subject::new("pipeline-cap1024", "tokio mpsc", |items| pipeline::mpsc(items, 1024, |item| item)),
    Subject::new("pipeline-1us", "one core", fanout_cpu::three_short_hashes),
    Subject::new("pipeline-1us", "tokio mpsc, limit 1", |items| {
        pipeline::mpsc(items, 10, fanout_cpu::short_hash)
    }),
    Subject::new("semaphore", "tokio Semaphore", semaphore::acquire),
    Subject::new("limit-keys", "tokio spawn + Mutex for each key", limited::keys_in_tasks),
    Subject::new("limit-keys", "tower ConcurrencyLimit", limited::keys_of_tower),
    Subject::new("limit-rate", "governor in the job", limited::rate_of_governor),
    Subject::new("limit-weights", "tokio spawn + Semaphore", limited::weights_in_tasks),
    Subject::new("io-10k", "limit: timers", timers::sleeps),
    Subject::new("ping-pong", "limit: task switches", switches::hand_overs),
    Subject::new("io-1m", "limit: timers", timers::sleeps),
    Subject::new("fanout-noop", "limit: polls", steps::polls),
    Subject::new("fanout-cpu", "limit: hashing", steps::hashing),
    Subject::new("memory-100k", "limit: boxed futures", memory::boxed_futures),
    Subject::new("cancel-10k", "limit: timers dropped", timers::drops),
    Subject::new("queue-cap10", "limit: cache lines", |items| cache_lines::batches(items, 10)),
    Subject::new("queue-cap10", "limit: task switches", |items| switches::batches(items, 10)),
    Subject::new("queue-cap1024", "limit: cache lines", |items| cache_lines::batches(items, 1024)),
    Subject::new("queue-cap1024", "limit: task switches", |items| switches::batches(items, 1024)),
    Subject::new("queue-mn", "limit: cache lines", |items| cache_lines::batches(items, 128)),
    Subject::new("queue-mn", "limit: task switches", |items| switches::batches(items, 128)),
    Subject::new("pipeline-cap10", "limit: polls", steps::polls_in_stages),
    Subject::new("pipeline-cap1024", "limit: polls", steps::polls_in_stages),
    Subject::new("pipeline-limit16", "limit: polls", steps::polls_in_stages),
    Subject::new("semaphore", "limit: compare-and-swaps", steps::compare_and_swap),
];

fn main() -> ExitCode {
    protocol::main(SUBJECTS)
}
