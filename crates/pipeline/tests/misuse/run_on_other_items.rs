use towpath_pipeline::{PatternExt, Pipeline};

fn main() {
    let double = Pipeline::new(4, |x: u64| async move { Ok(x * 2) });
    let _ = double.run(vec!["one", "two"]);
    let numbers = vec![1_u64, 2];
    let _ = double.run(numbers.iter());
    let _ = double.run(5);
    let words = Pipeline::new(4, |x: u64| async move { Ok(x.to_string()) });
    let _ = double.run(words.run([1]));
}
