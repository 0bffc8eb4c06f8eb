//! The examples of services, run as a newcomer runs them: each asserts what it shows.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

#[rapace::service]
trait Calculator {
    fn add(&self, a: i32, b: i32) -> i32;
}

fn program(example: &str) -> PathBuf {
    // target/debug/deps/services-… → target/debug/examples/…
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("examples").join(example)
}

/// What an example says, run without arguments.
fn run(example: &str) -> String {
    let output = Command::new(program(example)).output().unwrap();
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
fn two_services_share_a_session_and_one_is_not_for_everybody() {
    let said = run("router");
    for line in ["two services, one session", "allowed: ", "refused: "] {
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

/// A program that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn ctrl_c_and_sigterm_end_the_calculators_server_and_leave_nothing_behind() {
    for signal in [Signal::INT, Signal::TERM] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("calc.sock");
        let mut command = Command::new(program("calculator_server"));
        let mut server = Killed(command.arg(&path).stdout(Stdio::piped()).spawn().unwrap());
        let mut said = BufReader::new(server.0.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert!(line.starts_with("serving at "), "{line}");
        let calc = CalculatorClient::connect(&path).unwrap();
        assert_eq!(calc.add(1, 2).wait(), Ok(3));
        let pid = server.0.id().to_string();
        let shown = Command::new(program("inspect")).arg(&pid).output().unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        assert!(shown.starts_with(&format!("process {pid} has 1 sessions\n")), "{shown}");
        assert!(shown.contains("PeerA of session ") && shown.contains(": 1 messages out, 1 in; "), "{shown}");
        kill_process(Pid::from_child(&server.0), signal).unwrap();
        let end = loop {
            match calc.add(1, 2).wait() {
                Ok(sum) => assert_eq!(sum, 3),
                Err(end) => break end,
            }
        };
        assert!(end.is_retryable(), "{end}");
        assert_eq!(server.0.wait().unwrap().code(), Some(0));
        assert!(!path.exists());
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        assert!(rest.starts_with("1 sessions ended"), "{rest}");
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

#[test]
fn plugins_that_crash_and_hang_are_started_again() {
    let said = run("plugin_host");
    for line in [
        "works made THREE of three",
        "crashes failed at two: the server died before it answered; the call may have run",
        "crashes the plugin ended (signal: 6 (SIGABRT)",
        "its last words: no filter for \"two\"",
        "crashes made THREE of three",
        "hangs unresponsive for ",
        "hangs the plugin ended (signal: 9 (SIGKILL), killed by its host)",
        "hangs made THREE of three",
        "works at the end: the plugin ended (exit status: 0)",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let alone = Command::new(program("plugin")).output().unwrap();
    assert!(!alone.status.success());
    assert!(String::from_utf8_lossy(&alone.stderr).contains("NoHost"), "{alone:?}");
}
