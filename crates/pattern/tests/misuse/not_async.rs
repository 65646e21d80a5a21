use towpath_pattern::Job;

fn run<In>(_: impl Job<In>) {}

fn main() {
    run(|url: String| Ok(url.len()));
}
