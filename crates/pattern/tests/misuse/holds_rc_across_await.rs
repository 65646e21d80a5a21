use std::rc::Rc;

use towpath_pattern::Job;

fn run<In>(_: impl Job<In>) {}

fn main() {
    run(|x: u64| async move {
        let local = Rc::new(x);
        std::future::ready(()).await;
        Ok(*local)
    });
}
