//! The uniform benchmark of `cargo xtask bench`, and the operations of a queue without the pattern.

use std::process::ExitCode;

use towpath_benchkit::Benchmark;

mod paths;
mod workloads;

#[path = "../tests/subject/mod.rs"]
mod subject;

fn main() -> ExitCode {
    let mut benchmark = Benchmark::new("producer-consumer", subject::producer_consumer());
    for (workload, shape) in workloads::SHAPES {
        benchmark = benchmark
            .with(workload, "queue, in batches", move |items| workloads::in_batches(shape, items))
            .with(workload, "queue, item by item", move |items| workloads::one_by_one(shape, items))
            .with(workload, "producer-consumer", move |items| workloads::pattern(shape, items));
    }
    for (quantity, shape) in workloads::GROWING {
        benchmark = benchmark
            .growing(quantity, "queue, in batches", move |tasks, items| {
                workloads::in_batches(shape(tasks), items)
            })
            .growing(quantity, "queue, item by item", move |tasks, items| {
                workloads::one_by_one(shape(tasks), items)
            })
            .growing(quantity, "producer-consumer", move |tasks, items| {
                workloads::pattern(shape(tasks), items)
            });
    }
    benchmark
        .with("ping-pong", "queue", workloads::ping_pong)
        .path("queue: send", paths::send)
        .path("queue: recv", paths::recv)
        .path("queue: send_many, recv_many", paths::send_many_and_recv_many)
        .path("queue: try_send, try_recv", paths::try_send_and_try_recv)
        .path("queue: send, recv, each waiting for the other", paths::send_and_recv_in_turn)
        .path("queue: send, recv by three that wait", paths::send_and_recv_by_several)
        .main()
}
