use towpath_pattern::{Job, anyhow, with_state};

struct Client;

impl Client {
    async fn get(&self, url: String) -> anyhow::Result<usize> {
        Ok(url.len())
    }
}

fn run<In>(_: impl Job<In>) {}

fn main() {
    run(with_state(Client, async |client, url: String| client.get(url).await));
}
