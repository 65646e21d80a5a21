use towpath_pipeline::{PatternExt, Pipeline, anyhow};

async fn sizes() -> anyhow::Result<Vec<usize>> {
    let sizes = Pipeline::new(4, |url: String| async move { Ok(url.len()) });
    Ok(sizes.run(["a".to_owned()]).await?)
}

fn main() {
    let _ = sizes();
}
