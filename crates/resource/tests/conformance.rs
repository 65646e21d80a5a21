//! The nine laws of jobs that hold a resource.

mod subject;

towpath_testkit::conformance! {
    resource -> AsCompleted = subject::resource();
    resource_ordered -> Ordered = subject::resource_ordered();
}
