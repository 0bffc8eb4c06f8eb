//! The examples of services, run as a newcomer runs them: each asserts what it shows.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::path::PathBuf;
use std::process::Command;

/// What an example says, run without arguments.
fn run(example: &str) -> String {
    // target/debug/deps/services-… → target/debug/examples/…
    let test = std::env::current_exe().unwrap();
    let program: PathBuf = test.parent().unwrap().parent().unwrap().join("examples").join(example);
    let output = Command::new(program).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    said.into_owned()
}

#[test]
fn the_calculators_client_alone_starts_a_server_and_calls_it_by_threads_and_by_tasks() {
    let said = run("calculator_client");
    for line in ["1 + 2 = 3", "division by zero", "the sum is 999000", "awaited: 20 + 22 = 42"] {
        assert!(said.contains(line), "{said}");
    }
}

#[test]
fn every_way_in_which_a_call_can_end_without_a_result_is_shown() {
    let said = run("errors");
    for line in [
        "the method's own error: the soufflé is burnt",
        "a panic: ",
        "a deadline: ",
        "a cancel: ",
        "a limit: ",
        "a killed server: ",
        "the next call: ",
    ] {
        assert!(said.contains(line), "{said}");
    }
}

#[test]
fn a_long_job_gets_its_work_and_tells_its_progress_by_streams() {
    let said = run("streaming");
    for line in
        ["1000 documents, 500000 words", "the result comes last", "a job that fails", "awaited: three documents"]
    {
        assert!(said.contains(line), "{said}");
    }
}

#[test]
fn a_host_and_a_plugin_call_each_other() {
    let said = run("callbacks");
    for line in [
        "three calls deep: written by Ada Lovelace",
        "an error comes through both: there is no nobody",
        "without end: ",
        "later, by a one-way call: it is time",
    ] {
        assert!(said.contains(line), "{said}");
    }
}
