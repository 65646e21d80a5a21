use towpath_pattern::Settings;

fn main() {
    let _ = Settings::new("fetch", "four");
}
