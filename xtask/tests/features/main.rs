//! The programs of `docs/features.md`: a file for each feature, and in the file a test for each pattern.

mod page;

#[path = "../../../docs/features"]
mod programs {
    mod adaptive;
    mod added_items;
    mod blocking;
    mod chunks;
    mod cpu;
    mod dataloader;
    mod deadline;
    mod drain;
    mod drain_on;
    mod first;
    mod flat_map;
    mod for_each;
    mod frontier;
    mod hedge;
    mod keep_cancelled;
    mod keep_input;
    mod kept;
    mod live_limit;
    mod merge;
    mod observer;
    mod ordered;
    mod per_key;
    mod priority;
    mod rate;
    mod rate_per_key;
    mod refused;
    mod retry;
    mod serve;
    mod service;
    mod shared_semaphore;
    mod stop_taking;
    mod timeout;
    mod tolerate;
    mod watch;
    mod weights;
}
