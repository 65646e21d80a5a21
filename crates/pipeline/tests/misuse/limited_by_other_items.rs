use towpath_limit::per_key;
use towpath_pipeline::Pipeline;

struct Page {
    host: u32,
}

fn main() {
    let _ = Pipeline::new(4, |host: u64| async move { Ok(host) }).limited_by(&per_key(1, |page: &Page| page.host));
}
