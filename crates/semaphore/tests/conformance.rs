//! Jobs under a semaphore are put through the nine laws.

mod subject;

use subject::{AsCompleted, Ordered, TwoUnderOne};
use towpath_testkit::Conformance;

fn main() {
    Conformance::new(AsCompleted).and_just(Ordered).and_just(TwoUnderOne).main()
}
