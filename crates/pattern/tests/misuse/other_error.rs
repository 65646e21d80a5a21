use towpath_pattern::Job;

fn run<In>(_: impl Job<In>) {}

fn main() {
    run(|x: u64| async move {
        if x > 3 { Err("too many".to_owned()) } else { Ok(x) }
    });
}
