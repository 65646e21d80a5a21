//! The nine laws of producers and consumers.

mod subject;

towpath_testkit::conformance! {
    producer_consumer -> AsCompleted = subject::producer_consumer();
}
