//! The nine laws of fan-out.

mod subject;

towpath_testkit::conformance! {
    fanout -> AsCompleted = subject::fanout();
    fanout_ordered -> Ordered = subject::fanout_ordered();
}
