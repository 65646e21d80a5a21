//! The programs of `docs/features.md`: a file for each feature, and in the file a test for each pattern.

#[path = "../../../docs/features"]
mod programs {
    mod blocking;
    mod cpu;
    mod hedge;
    mod keep_input;
    mod live_limit;
    mod per_key;
    mod rate;
    mod rate_per_key;
    mod retry;
    mod service;
    mod shared_semaphore;
    mod timeout;
    mod weights;
}
