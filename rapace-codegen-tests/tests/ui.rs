//! What the compiler says of services with mistakes: each text names what is wrong and what to do, at the place where it
//! is wrong, and one mistake is one error. The texts are committed beside the cases; `TRYBUILD=overwrite` writes them
//! anew, and then they are to be read.

use std::process::Command;

/// Other compilers say the same things in other words.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn what_is_wrong_with_a_service_is_said_where_it_is_wrong() {
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let version = Command::new(rustc).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let version = String::from_utf8_lossy(&version);
    if !version.starts_with(COMPILER) {
        println!("left out: the texts are those of {COMPILER}, this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
