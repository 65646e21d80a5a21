//! Jobs that hold a resource are put through the nine laws.

mod subject;

use subject::{AsCompleted, Ordered};
use towpath_testkit::Conformance;

fn main() {
    Conformance::new(AsCompleted).and_just(Ordered).main()
}
