//! A pipeline is put through the nine laws.

mod subject;

use subject::{OneStage, OrderedStages, PassJobPass};
use towpath_testkit::Conformance;

fn main() {
    Conformance::of(OneStage).and(OrderedStages).and(PassJobPass).main()
}
