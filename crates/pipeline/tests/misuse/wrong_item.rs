use towpath_pipeline::Pipeline;

fn main() {
    let _ = Pipeline::new(1, |x: u64| async move { Ok(x.to_string()) })
        .then_stage(1, |x: u64| async move { Ok(x + 1) });
}
