//! The example programs, run as a newcomer runs them: each promise that they make, kept between real processes.
//!
//! Each test has a runtime directory of its own, so that numbers do not collide, and no wait in it is longer than
//! [`WATCHDOG`].

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rapace::{Config, Head, PeerA, RecvError, Session};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const WATCHDOG: Duration = Duration::from_secs(60);
const SIZES: [usize; 7] = [5, 24, 25, 100, 4_096, 70_000, 1_000_000];

/// An example that runs. Dropping it kills it.
struct Program {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    errors: Option<JoinHandle<String>>,
    deadline: Instant,
}

/// How an example ended, and all that it printed.
struct Ended {
    code: Option<i32>,
    lines: Vec<String>,
    errors: String,
}

impl Program {
    fn start(name: &str, args: &[&str], runtime: &TempDir) -> Self {
        let mut child = Command::new(binary(name))
            .args(args)
            .env("XDG_RUNTIME_DIR", runtime.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (output, mut errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (line, lines) = channel();
        thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).try_for_each(|text| line.send(text))
        });
        let errors = thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).unwrap();
            text
        });
        Self { child, lines, seen: Vec::new(), errors: Some(errors), deadline: Instant::now() + WATCHDOG }
    }

    fn server(runtime: &TempDir) -> (Self, String) {
        let mut server = Self::start("echo_server", &[], runtime);
        let command = server.wait_for("cargo run --example echo_client -- ");
        let number = command.rsplit(' ').next().unwrap().to_owned();
        (server, number)
    }

    fn client(server: &str, runtime: &TempDir) -> Self {
        Self::start("echo_client", &[server], runtime)
    }

    /// The next line that has `text` in it.
    fn wait_for(&mut self, text: &str) -> String {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                let _ = self.child.kill();
                panic!("no {text:?} in {:#?}, {:?}", self.seen, self.errors.take().map(JoinHandle::join));
            };
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// As [`wait_for`](Self::wait_for), of a line that a server prints about `client`.
    fn wait_for_client(&mut self, client: &Self, text: &str) {
        let id = client.child.id();
        self.wait_for(&format!("client {id}: {text}"));
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn wait(mut self) -> Ended {
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > self.deadline => panic!("it did not end; it said {:#?}", self.seen),
                None => thread::sleep(Duration::from_millis(10)),
            }
        };
        let mut lines = std::mem::take(&mut self.seen);
        lines.extend(self.lines.iter());
        let errors = self.errors.take().unwrap().join().unwrap();
        Ended { code: status.code(), lines, errors }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    #[track_caller]
    fn verified_all(&self) {
        assert_eq!((self.code, &*self.errors), (Some(0), ""), "{:#?}", self.lines);
        for (size, route) in SIZES.into_iter().zip(["inline", "inline", "slot", "slot", "slot", "2 frag", "16 frag"]) {
            let size = format!("{size:>9}  ");
            let line = self.lines.iter().find(|line| line.starts_with(&size)).unwrap();
            assert!(line.contains(route) && line.contains("identical"), "{line}");
        }
        assert!(self.lines.iter().any(|line| line.starts_with("All 7 echoes verified")), "{:#?}", self.lines);
    }

    /// It failed, with one sentence that has `text` in it.
    #[track_caller]
    fn failed_with(&self, text: &str) {
        assert_eq!(self.code, Some(1), "{:#?}", self.lines);
        assert_eq!(self.errors.lines().count(), 1, "{}", self.errors);
        assert!(self.errors.starts_with("echo_client: ") && self.errors.contains(text), "{}", self.errors);
    }
}

/// Cargo puts examples beside the directory of the tests.
fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is missing: cargo build -p rapace-examples --examples", path.display());
    path
}

fn runtime() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn sockets(runtime: &TempDir) -> Vec<PathBuf> {
    let directory = std::fs::read_dir(runtime.path().join("rapace"));
    directory.map_or(Vec::new(), |entries| entries.map(|entry| entry.unwrap().path()).collect())
}

/// A server that is none of ours: does `answer` with each client that connects.
fn foreign(path: &Path, answer: fn(UnixStream)) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(answer));
}

#[test]
fn alone_the_client_verifies_every_size() {
    let runtime = runtime();
    let ended = Program::start("echo_client", &[], &runtime).wait();
    ended.verified_all();
    assert!(ended.lines.iter().any(|line| line.contains("heartbeat") && line.contains("Alive")), "{:#?}", ended.lines);
}

#[test]
fn a_number_leads_to_the_server_in_another_process() {
    let runtime = runtime();
    let (mut server, number) = Program::server(&runtime);
    let client = Program::client(&number, &runtime);
    server.wait_for_client(&client, "1000000 bytes, 16 fragments; its heartbeat is ");
    server.wait_for_client(&client, "said goodbye");
    let ended = client.wait();
    ended.verified_all();
    assert!(ended.lines.iter().any(|line| line.contains("the server lives: heartbeat")), "{:#?}", ended.lines);
}

#[test]
fn a_path_leads_to_the_server_as_well() {
    let runtime = runtime();
    let (_server, number) = Program::server(&runtime);
    let path = runtime.path().join(format!("rapace/{number}.sock"));
    Program::client(path.to_str().unwrap(), &runtime).wait().verified_all();
}

#[test]
fn clients_are_served_at_the_same_time_and_one_after_the_other() {
    let runtime = runtime();
    let (mut server, number) = Program::server(&runtime);
    let clients = [1, 2].map(|_| Program::client(&number, &runtime));
    server.wait_for("connected, as PeerB");
    server.wait_for("connected, as PeerB");
    assert!(!server.seen.iter().any(|line| line.contains("goodbye")), "{:#?}", server.seen);
    for client in clients {
        client.wait().verified_all();
    }
    let third = Program::client(&number, &runtime);
    server.wait_for_client(&third, "said goodbye");
    third.wait().verified_all();
}

#[test]
fn a_second_server_has_another_number() {
    let runtime = runtime();
    let (mut first, number) = Program::server(&runtime);
    let (mut second, other) = Program::server(&runtime);
    assert_ne!(number, other);
    for (server, number) in [(&mut first, number), (&mut second, other)] {
        let client = Program::client(&number, &runtime);
        server.wait_for_client(&client, "said goodbye");
        client.wait().verified_all();
    }
}

#[test]
fn where_no_server_is_there_is_one_sentence() {
    let runtime = runtime();
    Program::client("7", &runtime).wait().failed_with("no session with 7: no server listens at ");
    Program::client("-1", &runtime).wait().failed_with("no server listens at ");
    Program::client("/nowhere/x.sock", &runtime).wait().failed_with("no server listens at /nowhere/x.sock");
    let (_server, number) = Program::server(&runtime);
    let wrong = (number.parse::<i32>().unwrap() + 1).to_string();
    Program::client(&wrong, &runtime).wait().failed_with("no server listens at ");
}

#[test]
fn a_dead_server_is_one_sentence_and_its_number_is_free_again() {
    let runtime = runtime();
    let (server, number) = Program::server(&runtime);
    server.signal(Signal::KILL);
    server.wait();
    assert_eq!(sockets(&runtime).len(), 1, "it had no chance to tidy up");
    Program::client(&number, &runtime).wait().failed_with("no server listens at ");
    let (_server, again) = Program::server(&runtime);
    assert_eq!(again, number);
    Program::client(&number, &runtime).wait().verified_all();
}

#[test]
fn a_foreign_socket_is_one_sentence() {
    let runtime = runtime();
    let path = |name| runtime.path().join(name);
    foreign(&path("chatty"), |mut socket| {
        let _ = socket.write_all(&b"220 mail.example.org ESMTP\r\n".repeat(100));
        let _ = socket.read(&mut [0; 1_024]);
    });
    foreign(&path("rude"), drop);
    foreign(&path("silent"), |mut socket| {
        let _ = socket.read_to_end(&mut Vec::new());
    });
    for (name, text) in [
        ("chatty", "it is not a rapace peer of this version"),
        ("rude", "hung up during the handshake"),
        ("silent", "did not finish the handshake"),
    ] {
        Program::client(path(name).to_str().unwrap(), &runtime).wait().failed_with(text);
    }
    std::fs::create_dir(path("rapace")).unwrap();
    foreign(&path("rapace/77.sock"), drop);
    Program::client("77", &runtime).wait().failed_with("no session with 77: ");
}

#[test]
fn an_inherited_socket_is_used_as_it_is() {
    let runtime = runtime();
    let (ours, theirs) = UnixStream::pair().unwrap();
    // A number that no server of the other tests has, because their children may inherit it too.
    let inherited = rustix::io::fcntl_dupfd_cloexec(&theirs, 200).unwrap();
    rustix::io::fcntl_setfd(inherited.as_fd(), rustix::io::FdFlags::empty()).unwrap();
    let client = Program::client(&inherited.as_raw_fd().to_string(), &runtime);
    drop((theirs, inherited));
    let mut session = Session::<PeerA>::over(ours, &Config::default()).unwrap();
    let end = loop {
        match session.recv() {
            Ok(request) => {
                let answer = Head::terminal(request.head().call(), 0);
                session.send(answer, &request.into_inbound_payload().into_vec()).unwrap();
            }
            Err(end) => break end,
        }
    };
    assert_eq!(end, RecvError::Closed);
    client.wait().verified_all();
    assert_eq!(sockets(&runtime), [] as [PathBuf; 0], "no path was needed");
}

#[test]
fn sigterm_and_ctrl_c_end_the_server_and_leave_nothing_behind() {
    for signal in [Signal::TERM, Signal::INT] {
        let runtime = runtime();
        let (mut server, number) = Program::server(&runtime);
        assert_eq!(sockets(&runtime).len(), 1);
        let client = Program::client(&number, &runtime);
        server.wait_for_client(&client, "12 bytes");
        server.signal(signal);
        let ended = server.wait();
        assert_eq!((ended.code, &*ended.errors), (Some(0), ""), "{:#?}", ended.lines);
        assert_eq!(sockets(&runtime), [] as [PathBuf; 0]);
        assert!(ended.lines.iter().any(|line| line.contains("is told goodbye")), "{:#?}", ended.lines);
        client.wait().failed_with("the peer closed the session");
    }
}

#[test]
fn a_killed_client_is_reported_as_dead() {
    let runtime = runtime();
    let (mut server, number) = Program::server(&runtime);
    let mut client = Program::client(&number, &runtime);
    client.wait_for("All 7 echoes verified");
    client.signal(Signal::KILL);
    server.wait_for_client(&client, "died: ");
    Program::client(&number, &runtime).wait().verified_all();
}

#[test]
fn a_killed_server_is_reported_as_dead() {
    let runtime = runtime();
    let (server, number) = Program::server(&runtime);
    let mut client = Program::client(&number, &runtime);
    client.wait_for("All 7 echoes verified");
    server.signal(Signal::KILL);
    client.wait().failed_with("the peer died");
}

#[test]
fn a_stopped_client_is_reported_as_hanging_and_as_moving_again() {
    let runtime = runtime();
    let (mut server, number) = Program::server(&runtime);
    let mut client = Program::client(&number, &runtime);
    client.wait_for("All 7 echoes verified");
    client.signal(Signal::STOP);
    server.wait_for_client(&client, "hangs");
    client.signal(Signal::CONT);
    server.wait_for_client(&client, "moves again");
    client.wait().verified_all();
}

#[test]
fn a_stopped_server_is_reported_as_hanging_and_the_client_goes_on_after_it() {
    let runtime = runtime();
    let (server, number) = Program::server(&runtime);
    let mut client = Program::client(&number, &runtime);
    client.wait_for("All 7 echoes verified");
    server.signal(Signal::STOP);
    client.wait_for("the server hangs");
    server.signal(Signal::CONT);
    client.wait_for("the server lives");
    client.wait().verified_all();
}
