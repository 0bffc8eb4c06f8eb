//! The calculator, run as a newcomer runs it: it asserts what it shows.

use std::path::PathBuf;
use std::process::Command;

#[test]
fn the_client_alone_starts_a_server_and_calls_it_by_threads_and_by_tasks() {
    // target/debug/deps/calculator-… → target/debug/examples/calculator_client
    let test = std::env::current_exe().unwrap();
    let client: PathBuf = test.parent().unwrap().parent().unwrap().join("examples").join("calculator_client");
    let output = Command::new(client).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    for line in ["1 + 2 = 3", "division by zero", "the sum is 999000", "awaited: 20 + 22 = 42"] {
        assert!(said.contains(line), "{said}");
    }
}
