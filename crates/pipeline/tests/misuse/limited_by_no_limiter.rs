use towpath_pipeline::Pipeline;

#[derive(Clone)]
struct Requests(u32);

fn main() {
    let _ = Pipeline::new(4, |page: u64| async move { Ok(page) }).limited_by(&Requests(20));
}
