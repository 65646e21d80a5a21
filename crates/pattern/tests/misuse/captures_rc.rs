use std::rc::Rc;

use towpath_pattern::Job;

fn run<In>(_: impl Job<In>) {}

fn main() {
    let shared = Rc::new(1);
    run(move |x: u64| {
        let shared = Rc::clone(&shared);
        async move { Ok(x + *shared) }
    });
}
