use towpath_pattern::{Job, anyhow, with_state};

struct Client;

impl Client {
    async fn get(&self, url: &str) -> anyhow::Result<usize> {
        Ok(url.len())
    }
}

fn run<In>(_: impl Job<In>) {}

fn main() {
    let base = String::from("https://");
    run(with_state(Client, async move |client: &Client, url: String| {
        client.get(&format!("{base}{url}")).await
    }));
}
