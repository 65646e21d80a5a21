use towpath_pipeline::{Pipeline, anyhow};

struct Client;

impl Client {
    async fn get(&self, url: String) -> anyhow::Result<usize> {
        Ok(url.len())
    }
}

fn main() {
    let client = Client;
    let _ = Pipeline::new(1, |url: &'static str| async move { Ok(url.to_owned()) })
        .then_stage(4, move |url: String| async move { client.get(url).await });
}
