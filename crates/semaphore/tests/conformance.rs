//! The nine laws of jobs under a semaphore.

mod subject;

towpath_testkit::conformance! {
    semaphore -> AsCompleted = subject::semaphore();
    semaphore_ordered -> Ordered = subject::semaphore_ordered();
    two_under_one_semaphore -> AsCompleted = subject::two_under_one_semaphore();
}
