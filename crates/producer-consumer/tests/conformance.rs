//! Producers and consumers are put through the nine laws.

mod subject;

use subject::AsCompleted;
use towpath_testkit::Conformance;

fn main() {
    Conformance::new(AsCompleted).main()
}
