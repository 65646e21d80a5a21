//! The compiler refuses types that cannot be a job or a limit, and a use of a finished run, with a reason.

#[test]
fn misuse_seen_by_the_compiler_names_the_way_out() {
    trybuild::TestCases::new().compile_fail("tests/misuse/*.rs");
}
