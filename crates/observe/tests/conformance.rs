//! The laws of fan-out with an observer: an observer changes nothing.

mod subject;

towpath_testkit::conformance! {
    observed -> AsCompleted = subject::observed();
    observed_ordered -> Ordered = subject::observed_ordered();
}
