use towpath_pattern::{Job, anyhow};

struct Client;

impl Client {
    async fn get(&self, url: String) -> anyhow::Result<usize> {
        Ok(url.len())
    }
}

fn run<In>(_: impl Job<In>) {}

fn main() {
    let client = Client;
    run(move |url: String| async { client.get(url).await });
}
