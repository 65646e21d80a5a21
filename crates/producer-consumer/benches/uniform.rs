//! The uniform benchmark of `cargo xtask bench`, and what is done to a queue directly.

use std::process::ExitCode;

use subject::AsCompleted;
use towpath_testkit::Benchmark;

mod paths;
mod workloads;

#[path = "../tests/subject/mod.rs"]
mod subject;

fn main() -> ExitCode {
    let mut benchmark = Benchmark::of(AsCompleted);
    for (workload, shape) in workloads::SHAPES {
        benchmark = benchmark
            .with(workload, "queue", move |items| workloads::in_batches(shape, items))
            .with(workload, "queue, item by item", move |items| workloads::one_by_one(shape, items))
            .with(workload, "producer-consumer", move |items| workloads::pattern(shape, items));
    }
    for (quantity, shape) in workloads::GROWING {
        benchmark = benchmark
            .growing(quantity, "queue", move |tasks, items| workloads::in_batches(shape(tasks), items))
            .growing(quantity, "queue, item by item", move |tasks, items| {
                workloads::one_by_one(shape(tasks), items)
            })
            .growing(quantity, "producer-consumer", move |tasks, items| {
                workloads::pattern(shape(tasks), items)
            });
    }
    benchmark
        .with("ping-pong", "queue", workloads::ping_pong)
        .path("queue: put", paths::put)
        .path("queue: take", paths::take)
        .path("queue: put_many, take_many", paths::put_many_and_take_many)
        .path("queue: try_put, try_take", paths::try_put_and_try_take)
        .path("queue: put, take, each waiting for the other", paths::put_and_take_in_turn)
        .path("queue: put, take by three that wait", paths::put_and_take_by_several)
        .main()
}
