use towpath_pipeline::{Job, PatternExt, Pipeline, anyhow};

struct Increment;

impl Job<u64> for Increment {
    type Out = u64;

    async fn call(&self, x: u64) -> anyhow::Result<u64> {
        Ok(x + 1)
    }
}

fn main() {
    let words = Pipeline::new(1, |x: u64| async move { Ok(x.to_string()) });
    let increment = Pipeline::new(1, |x: u64| async move { Ok(x + 1) });
    let _ = words.clone().then(Pipeline::new(1, Increment));
    let _ = words.clone().then(increment.clone().boxed());
    let _ = words.clone().then(Increment);
    let _ = words.then(increment);
}
