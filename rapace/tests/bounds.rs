//! What a peer can make this process hold, or wait for, has a bound, and who honestly meets one learns which.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where it fails")]

mod liar;
mod peer;

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use liar::calls::{Caller, call_of_b, request};
use liar::{CANCEL, Descriptor, Shape, field, half};
use peer::{say, until};
use rapace::{Config, RpcError, Server};

#[rapace::service]
trait Vault {
    fn add(&self, a: u32, b: u32) -> u32;
    fn large(&self) -> Vec<u8>;
    fn panics(&self, len: usize);
    fn text(&self, len: usize) -> String;
    fn length(&self, text: &str) -> usize;
    /// Works until there is such a file.
    #[rapace(blocking)]
    fn keeps(&self, data: Vec<u8>, until: &str) -> usize;
    fn kept(&self) -> usize;
}

#[derive(Default)]
struct Bank {
    kept: AtomicUsize,
}

impl Vault for Bank {
    fn add(&self, a: u32, b: u32) -> u32 {
        a + b
    }
    fn large(&self) -> Vec<u8> {
        vec![9; 60_000]
    }
    fn panics(&self, len: usize) {
        panic!("{}", "x".repeat(len))
    }
    fn text(&self, len: usize) -> String {
        "x".repeat(len)
    }
    fn length(&self, text: &str) -> usize {
        text.len()
    }
    fn keeps(&self, data: Vec<u8>, until: &str) -> usize {
        self.kept.fetch_add(1, Ordering::Relaxed);
        while !Path::new(until).exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        data.len()
    }
    fn kept(&self) -> usize {
        self.kept.load(Ordering::Relaxed)
    }
}

#[test]
fn peer_entry() {
    peer::run(&[("serves", |path| {
        let mut config = Config::default();
        config.limits.queued_bytes = 5 << 20;
        let server = Server::new(VaultServer::new(Bank::default())).config(config).workers(1).bind(path).unwrap();
        say("serving");
        server.join().unwrap();
    })]);
}

/// Resident memory of a process, in KiB.
fn memory(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Says it again and again, waiting for room, until the other side hangs up.
fn insist(liar: &mut Caller, what: impl Fn(u32) -> Vec<Descriptor>) {
    for round in 0.. {
        for descriptor in what(round) {
            while !liar.has_room() {
                if liar.is_hung_up() {
                    return;
                }
                std::thread::yield_now();
            }
            liar.say(descriptor);
        }
    }
}

#[test]
fn a_number_is_in_use_until_its_terminal_was_sent() {
    let guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vault.sock");
    let mut process = guard.spawn("serves", path.display());
    assert_eq!(process.hear(), "serving");
    let mut liar = Caller::connect(&path);
    // Until no answer can be sent any more: the thread of the session waits for room.
    for index in 0..128 {
        liar.say(request(call_of_b(index, 1), 2, &[]));
    }
    let before = memory(process.pid());
    // What is refused is owed; whoever reads nothing and begins again is no client.
    let cancel = |call| Descriptor::inline(CANCEL, &[]).u32(field::CALL, call);
    liar.say(cancel(call_of_b(127, 1)));
    insist(&mut liar, |round| {
        let call = call_of_b(127, 2 + round % 30_000);
        vec![request(call, 1, &[1, 2]), cancel(call)]
    });
    let after = memory(process.pid());
    assert!(after < before + (8 << 10), "{before} KiB, then {after}");
}

/// A liar that serves, and a client of it.
fn lied_to() -> (Caller, VaultClient) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    std::thread::spawn(|| Server::new(VaultServer::new(Bank::default())).serve_over(theirs).unwrap());
    let catalogue = Caller::over(ours).1;
    let (ours, theirs) = UnixStream::pair().unwrap();
    let client = std::thread::spawn(move || VaultClient::builder().over(theirs).unwrap());
    let liar = Caller::serve(ours, Shape::of(&Config::default().geometry), &catalogue);
    (liar, client.join().unwrap())
}

#[test]
fn a_client_owes_a_server_that_calls_it_one_answer_a_number() {
    let _guard = guard!();
    let (mut liar, client) = lied_to();
    let waiting = std::thread::spawn(move || client.add(1, 2).wait());
    insist(&mut liar, |_| vec![request(1 << 16, 1, &[])]);
    let error = waiting.join().unwrap().unwrap_err();
    assert!(error.to_string().contains("call"), "{error}");
}

#[test]
fn a_server_that_sends_no_more_but_does_not_hang_up_ends_calls() {
    let _guard = guard!();
    let (mut liar, client) = lied_to();
    let call = client.add(1, 2).start().unwrap();
    liar.hear();
    liar.liar.own.map.set(half::STATE, 1);
    liar.liar.ring();
    assert_eq!(call.wait(), Err(RpcError::Closed { may_have_executed: true }));
    assert_eq!(client.add(1, 2).wait(), Err(RpcError::Closed { may_have_executed: false }));
    assert!(matches!(client.add(1, 2).start(), Err(RpcError::Closed { may_have_executed: false })));
}

#[test]
fn who_receives_little_gets_short_errors_and_keeps_the_session() {
    let guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vault.sock");
    let mut process = guard.spawn("serves", path.display());
    assert_eq!(process.hear(), "serving");
    for payload_max in [50, 10] {
        let mut config = Config::default();
        config.limits.payload_max = payload_max;
        let client = VaultClient::builder().config(config).connect(&path).unwrap();
        assert_eq!(client.panics(200).wait(), Err(RpcError::Panicked("x".repeat(payload_max).into())));
        assert!(matches!(client.text(200).wait(), Err(RpcError::BadReply(_))));
        assert!(matches!(client.text(payload_max + 5).wait(), Err(RpcError::BadReply(_))));
        assert_eq!(client.add(1, 2).wait(), Ok(3));
    }
}

#[test]
fn arguments_are_no_longer_than_the_server_receives() {
    let _guard = guard!();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut config = Config::default();
    config.limits.payload_max = 10;
    std::thread::spawn(|| Server::new(VaultServer::new(Bank::default())).config(config).serve_over(theirs).unwrap());
    let client = VaultClient::builder().over(ours).unwrap();
    assert!(matches!(client.length(&"x".repeat(15)).wait(), Err(RpcError::TooLarge(_))));
    assert_eq!(client.add(1, 2).wait(), Ok(3));
}

#[test]
fn a_server_that_has_enough_to_do_says_so_at_once() {
    let guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vault.sock");
    let mut process = guard.spawn("serves", path.display());
    assert_eq!(process.hear(), "serving");
    let client = VaultClient::connect(&path).unwrap();
    let over = format!("{}.over", path.display());
    let runs = client.keeps(vec![1; 3 << 20], &over).start().unwrap();
    until(|| client.kept().wait() == Ok(1));
    let waits = client.keeps(vec![2; 3 << 20], &over).start().unwrap();
    let error = client.keeps(vec![3; 3 << 20], &over).wait().unwrap_err();
    assert!(matches!(error, RpcError::Overloaded(_)) && error.is_retryable(), "{error}");
    assert!(error.to_string().contains("queued_bytes (5242880)"), "{error}");
    // What takes no memory of its own is let in.
    let small = client.keeps(vec![4; 100], &over).start().unwrap();
    std::fs::write(&over, "").unwrap();
    assert_eq!(rapace::wait_all([runs, waits, small]).collect::<Result<Vec<_>, _>>(), Ok(vec![3 << 20, 3 << 20, 100]));
    assert_eq!(client.keeps(vec![5; 3 << 20], &over).wait(), Ok(3 << 20));
}
