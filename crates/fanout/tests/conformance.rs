//! Fan-out is put through the nine laws.

mod subject;

use subject::{AsCompleted, Ordered};
use towpath_testkit::Conformance;

fn main() {
    Conformance::new(AsCompleted).and(Ordered).main()
}
