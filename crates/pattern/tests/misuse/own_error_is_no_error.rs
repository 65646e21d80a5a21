use towpath_pattern::{Job, job_fn};

#[derive(Debug)]
struct NotFound;

async fn fetch(url: String) -> Result<usize, NotFound> {
    if url.is_empty() { Err(NotFound) } else { Ok(url.len()) }
}

fn run<In>(_: impl Job<In>) {}

fn main() {
    run(job_fn(fetch));
}
