//! Names in every possible place.

use super::*;

fn renamed(kind: Kind, from: &str, to: &str, text: &str) -> String {
    super::text(text, kind, &Names::of(from), &Names::of(to))
}

fn rust(text: &str) -> String {
    renamed(Kind::Rust, "fanout", "rate-window", text)
}

fn other(text: &str) -> String {
    renamed(Kind::Other, "fanout", "rate-window", text)
}

#[test]
fn rust_code_gets_identifiers() {
    assert_eq!(rust("use towpath_fanout::Fanout;"), "use towpath_rate_window::RateWindow;");
    assert_eq!(rust("let fanout = Fanout::new(4, job);"), "let rate_window = RateWindow::new(4, job);");
    assert_eq!(rust("mod fanout; fn my_fanout() {}"), "mod rate_window; fn my_rate_window() {}");
    assert_eq!(rust("struct BrokenFanout<'a>(&'a str);"), "struct BrokenRateWindow<'a>(&'a str);");
    assert_eq!(rust("const FANOUT_LIMIT: u8 = 1;"), "const RATE_WINDOW_LIMIT: u8 = 1;");
}

#[test]
fn lines_of_the_test_kit_get_identifiers() {
    let text = "pub fanout_ordered(case, job) -> Ordered => Fanout::new(case.limit, job).ordered();";
    let wanted =
        "pub rate_window_ordered(case, job) -> Ordered => RateWindow::new(case.limit, job).ordered();";
    assert_eq!(rust(text), wanted);
    let text =
        "fanout -> AsCompleted = subject::fanout(); Benchmark::new(\"fanout ordered\", subject::fanout())";
    let wanted = "rate_window -> AsCompleted = subject::rate_window(); Benchmark::new(\"rate-window ordered\", \
                  subject::rate_window())";
    assert_eq!(rust(text), wanted);
}

#[test]
fn same_name_of_another_library_stays() {
    let text =
        "use tokio::sync; sync::Fanout::new(); tokio::sync::Fanout; crate::Fanout; towpath_fanout::Fanout";
    let wanted = "use tokio::sync; sync::Fanout::new(); tokio::sync::Fanout; crate::RateWindow; \
                  towpath_rate_window::RateWindow";
    assert_eq!(rust(text), wanted);
    assert_eq!(rust("Kind::Fanout"), "Kind::RateWindow");
}

#[test]
fn strings_and_comments_get_prose() {
    assert_eq!(rust("stage(\"fanout\") // a fanout"), "stage(\"rate-window\") // a rate-window");
    assert_eq!(rust("r#\"a \"fanout\"\"#; fanout"), "r#\"a \"rate-window\"\"#; rate_window");
    assert_eq!(rust("\"\\\"fanout\"; fanout"), "\"\\\"rate-window\"; rate_window");
    assert_eq!(rust("'\"'; fanout; '\\''; fanout"), "'\"'; rate_window; '\\''; rate_window");
    assert_eq!(rust("/* fanout */ fanout"), "/* rate-window */ rate_window");
    assert_eq!(
        rust("fn f<'a>() { fanout::<'a>(\"fanout\") }"),
        "fn f<'a>() { rate_window::<'a>(\"rate-window\") }"
    );
}

#[test]
fn doc_examples_are_code() {
    let text = "\
//! A fanout.
//! ```
//! let fanout = Fanout::new(1, job); // the fanout
//! name(\"fanout\");
//! ```
//! The fanout is done.
let fanout = 1;
";
    let wanted = "\
//! A rate-window.
//! ```
//! let rate_window = RateWindow::new(1, job); // the rate-window
//! name(\"rate-window\");
//! ```
//! The rate-window is done.
let rate_window = 1;
";
    assert_eq!(rust(text), wanted);
}

#[test]
fn unclosed_code_block_ends_with_its_comment() {
    assert_eq!(rust("/// ```\nfn a() {}\n/// a fanout"), "/// ```\nfn a() {}\n/// a rate-window");
}

#[test]
fn markdown_is_prose_but_for_its_rust() {
    let text = "\
# towpath-fanout
A fanout (`fanout-noop`: 20 ns).
```toml
towpath-fanout = \"0.1\"
```
```rust
let fanout = towpath_fanout::Fanout::new(1, job);
```
```console
$ cargo run -p towpath-fanout --example fanout_in
$ cargo test --example fanout
```
In `crates/fanout/src/fanout.rs`, see <https://docs.rs/towpath-fanout>.
";
    let wanted = "\
# towpath-rate-window
A rate-window (`fanout-noop`: 20 ns).
```toml
towpath-rate-window = \"0.1\"
```
```rust
let rate_window = towpath_rate_window::RateWindow::new(1, job);
```
```console
$ cargo run -p towpath-rate-window --example rate_window_in
$ cargo test --example rate_window
```
In `crates/rate-window/src/rate_window.rs`, see <https://docs.rs/towpath-rate-window>.
";
    assert_eq!(renamed(Kind::Markdown, "fanout", "rate-window", text), wanted);
}

#[test]
fn manifests() {
    assert_eq!(other("name = \"towpath-fanout\""), "name = \"towpath-rate-window\"");
    assert_eq!(
        other("name = \"fanout\"\npath = \"src/fanout.rs\""),
        "name = \"rate_window\"\npath = \"src/rate_window.rs\""
    );
    assert_eq!(other("keywords = [\"fanout\"]"), "keywords = [\"rate-window\"]");
    assert_eq!(other("path = \"../fanout\""), "path = \"../rate-window\"");
}

#[test]
fn other_words_stay() {
    for text in
        ["fan-out", "fanouts", "Fanouts", "unfanout", "fanout-cpu", "towpath-fanout-extra", "go-fanout"]
    {
        assert_eq!(other(text), text);
        assert_eq!(rust(text), text);
    }
}

#[test]
fn name_of_several_words_keeps_its_forms() {
    let text = "towpath_producer_consumer::ProducerConsumer \"producer-consumer\" producer_consumer PRODUCER_CONSUMER";
    let wanted = "towpath_scatter::Scatter \"scatter\" scatter SCATTER";
    assert_eq!(renamed(Kind::Rust, "producer-consumer", "scatter", text), wanted);
    let wanted = "towpath_rate_window::RateWindow \"rate-window\" rate_window RATE_WINDOW";
    assert_eq!(renamed(Kind::Rust, "producer-consumer", "rate-window", text), wanted);
}

#[test]
fn file_names_are_identifiers() {
    let name = |name| file_name(name, &Names::of("fanout"), &Names::of("rate-window"));
    assert_eq!(name("fanout.rs"), "rate_window.rs");
    assert_eq!(name("my_fanout_test.rs"), "my_rate_window_test.rs");
    assert_eq!(name("README.md"), "README.md");
}

#[test]
fn other_scripts_are_left_whole() {
    assert_eq!(rust("// 扇出 fanout → «é»"), "// 扇出 rate-window → «é»");
}
