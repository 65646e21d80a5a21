//! A pipeline is put through the nine laws.

mod subject;

use subject::{OneStage, OrderedStages, PassJobPass};
use towpath_testkit::Conformance;

fn main() {
    Conformance::new(OneStage).and_just(OrderedStages).and_just(PassJobPass).main()
}
