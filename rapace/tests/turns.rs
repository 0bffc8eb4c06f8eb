//! Who leads and who follows among the threads of a link, who is let go when it ends, and what is then true: each test is
//! an order of events in which something was once lost.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod peer;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use peer::{Guard, Peer, hear, say, until};
use rapace::{Config, RpcError, Server};

#[rapace::service]
trait Yard {
    fn add(&self, a: u32, b: u32) -> u32;
    fn length(&self, data: &[u8]) -> usize;
    #[rapace(blocking)]
    fn large(&self, len: usize) -> Vec<u8>;
    /// Keeps the thread of its session until there is such a file.
    fn holds(&self, until: &str);
    /// Keeps a worker until there is such a file.
    #[rapace(blocking)]
    fn works(&self, until: &str);
    fn working(&self) -> usize;
    fn marks(&self);
    fn marked(&self) -> usize;
    fn descriptors(&self) -> usize;
}

#[derive(Default)]
struct Foreman {
    working: AtomicUsize,
    marked: AtomicUsize,
}

fn wait_for(file: &str) {
    while !Path::new(file).exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Yard for Foreman {
    fn add(&self, a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }
    fn length(&self, data: &[u8]) -> usize {
        data.len()
    }
    fn large(&self, len: usize) -> Vec<u8> {
        vec![7; len]
    }
    fn holds(&self, until: &str) {
        self.working.fetch_add(1, Ordering::Relaxed);
        wait_for(until);
    }
    fn works(&self, until: &str) {
        self.holds(until);
    }
    fn working(&self) -> usize {
        self.working.load(Ordering::Relaxed)
    }
    fn marks(&self) {
        self.marked.fetch_add(1, Ordering::Relaxed);
    }
    fn marked(&self) -> usize {
        self.marked.load(Ordering::Relaxed)
    }
    fn descriptors(&self) -> usize {
        std::fs::read_dir("/proc/self/fd").unwrap().count()
    }
}

#[test]
fn peer_entry() {
    peer::run(&[("serves", |argument| {
        let (parked_bytes, path) = argument.split_once(' ').unwrap();
        let mut config = Config::default();
        config.limits.parked_bytes = parked_bytes.parse().unwrap();
        let server = Server::new(YardServer::new(Foreman::default())).config(config).workers(1).bind(path).unwrap();
        say("serving");
        if hear() == "shut down" {
            server.shut_down();
            say("shut down");
        }
        server.join().unwrap();
    })]);
}

/// A server in a process of its own, and the file that lets go of what it holds.
struct Place {
    process: Peer,
    path: String,
    over: String,
    _directory: tempfile::TempDir,
}

fn open(guard: &Guard, parked_bytes: usize) -> Place {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("yard.sock").display().to_string();
    let mut process = guard.spawn("serves", format!("{parked_bytes} {path}"));
    assert_eq!(process.hear(), "serving");
    Place { process, over: format!("{path}.over"), path, _directory: directory }
}

impl Place {
    fn client(&self) -> YardClient {
        YardClient::connect(&self.path).unwrap()
    }

    fn let_go(&self) {
        std::fs::write(&self.over, "").unwrap();
    }
}

/// Some seconds here, in which tens of turns are taken.
const TURNS: usize = 24;

#[test]
fn who_waits_for_room_is_woken_by_a_leader_that_waits_for_something_else() {
    let guard = guard!();
    let place = open(&guard, 16 << 20);
    let client = place.client();
    let leads = client.clone();
    let over = place.over.clone();
    let leader = std::thread::spawn(move || leads.works(&over).wait());
    until(|| client.working().wait() == Ok(1));
    let data = vec![1; 6 << 20];
    for _ in 0..TURNS {
        assert_eq!(client.length(&data).wait(), Ok(data.len()));
    }
    place.let_go();
    assert_eq!(leader.join().unwrap(), Ok(()));
}

#[test]
fn a_workers_large_reply_is_woken_for_room_by_the_thread_that_waits_for_requests() {
    let guard = guard!();
    let place = open(&guard, 64 << 20);
    let client = place.client();
    for _ in 0..TURNS {
        assert_eq!(client.large(12 << 20).wait().map(|data| data.len()), Ok(12 << 20));
    }
}

#[test]
fn a_request_that_waited_for_a_reply_to_leave_is_begun_when_it_has_left() {
    let guard = guard!();
    let place = open(&guard, 1);
    let client = place.client();
    for _ in 0..TURNS {
        let large = client.large(8 << 20).start().unwrap();
        // Nothing more is begun while the reply waits for room, which is made by fetching it.
        std::thread::sleep(Duration::from_millis(5));
        let small = client.add(1, 2).start().unwrap();
        assert_eq!(large.wait().map(|data| data.len()), Ok(8 << 20));
        assert_eq!(small.wait(), Ok(3));
    }
}

#[test]
fn an_answer_is_that_of_its_call_even_when_its_number_comes_round() {
    let guard = guard!();
    let place = open(&guard, 16 << 20);
    let client = place.client();
    // Two calls: the first one's outcome is put aside while the second one is waited for, and its number is free.
    let first = client.add(1, 2).start().unwrap();
    assert_eq!(client.add(3, 4).wait(), Ok(7));
    let held = client.works(&place.over).start().unwrap();
    // As many calls as there are generations, so that another one has the number of the first.
    for n in 0..32_766 {
        assert_eq!(client.add(n, 1).wait(), Ok(n + 1));
    }
    let others: Vec<_> = (0..3).map(|n| client.add(100, n).start().unwrap()).collect();
    assert_eq!(first.wait(), Ok(3));
    assert_eq!(rapace::wait_all(others).collect::<Result<Vec<_>, _>>(), Ok(vec![100, 101, 102]));
    place.let_go();
    assert_eq!(held.wait(), Ok(()));
}

#[test]
fn a_closed_session_promises_nothing_of_what_the_server_may_still_run() {
    let guard = guard!();
    // Closed here.
    let place = open(&guard, 16 << 20);
    let (client, watches) = (place.client(), place.client());
    let held = client.holds(&place.over).start().unwrap();
    until(|| watches.working().wait() == Ok(1));
    let lies_there = client.marks().start().unwrap();
    client.session().close();
    assert!(matches!(held.wait(), Err(RpcError::Closed { may_have_executed: true })));
    assert!(matches!(lies_there.wait(), Err(RpcError::Closed { may_have_executed: true })));
    place.let_go();
    drop(place);

    // Closed there: what was not begun is not begun any more, and nothing untrue is said of it.
    let mut place = open(&guard, 16 << 20);
    let client = place.client();
    let held = client.holds(&place.over).start().unwrap();
    let lies_there = client.marks().start().unwrap();
    until(|| place.client().working().wait() == Ok(1));
    place.process.tell("shut down");
    assert_eq!(place.process.hear(), "shut down");
    assert!(matches!(lies_there.wait(), Err(RpcError::Closed { may_have_executed: true })));
    assert!(matches!(held.wait(), Err(RpcError::Closed { may_have_executed: true })));
    place.let_go();
}

#[test]
fn sessions_that_are_over_wait_for_no_worker() {
    let guard = guard!();
    let place = open(&guard, 16 << 20);
    let client = place.client();
    let works = client.works(&place.over).start().unwrap();
    until(|| client.working().wait() == Ok(1));
    // Who has slept once has the descriptors of the watcher.
    std::thread::sleep(Duration::from_millis(50));
    let before = client.descriptors().wait().unwrap();
    for _ in 0..50 {
        let gone = place.client();
        let waits = gone.works(&place.over).start().unwrap();
        assert_eq!(gone.add(1, 2).wait(), Ok(3));
        drop((waits, gone));
    }
    until(|| client.descriptors().wait().unwrap() <= before);
    assert_eq!(client.working().wait(), Ok(1));
    place.let_go();
    assert_eq!(works.wait(), Ok(()));
}

#[test]
fn what_lies_behind_a_request_that_is_begun_is_not_begun_when_it_was_cancelled_or_its_time_is_over() {
    let guard = guard!();
    let place = open(&guard, 16 << 20);
    let (client, other) = (place.client(), place.client());
    let second_over = format!("{}2", place.over);
    let first = client.holds(&place.over).start().unwrap();
    until(|| other.working().wait() == Ok(1));
    // All of these come while the server's thread is busy; the time of the last one runs from when the second is begun.
    let second = client.holds(&second_over).start().unwrap();
    drop(client.marks().start().unwrap());
    let late = client.marks().timeout(Duration::from_millis(20)).start().unwrap();
    place.let_go();
    until(|| other.working().wait() == Ok(2));
    std::thread::sleep(Duration::from_millis(40));
    std::fs::write(&second_over, "").unwrap();
    assert_eq!((first.wait(), second.wait()), (Ok(()), Ok(())));
    assert!(matches!(late.wait(), Err(RpcError::DeadlineExceeded { .. })));
    assert_eq!(other.marked().wait(), Ok(0));
}

#[test]
fn requests_that_are_short_are_passed_over_for_nothing_but_their_cancels() {
    let guard = guard!();
    let place = open(&guard, 16 << 20);
    let (client, other) = (place.client(), place.client());
    let holds = client.holds(&place.over).start().unwrap();
    until(|| other.working().wait() == Ok(1));
    let marks: Vec<_> = (0..32).map(|_| client.marks().start().unwrap()).collect();
    // Every other one.
    let stay: Vec<_> =
        marks.into_iter().enumerate().filter_map(|(place, call)| (place % 2 == 0).then_some(call)).collect();
    place.let_go();
    assert_eq!(holds.wait(), Ok(()));
    assert!(stay.into_iter().all(|call| call.wait() == Ok(())));
    assert_eq!(other.marked().wait(), Ok(16));
}

#[test]
fn what_waits_for_a_worker_and_is_cancelled_is_answered_at_once_and_never_begun() {
    let guard = guard!();
    let place = open(&guard, 16 << 20);
    let mut config = Config::default();
    config.limits.in_flight = 2;
    let client = YardClient::builder().config(config).connect(&place.path).unwrap();
    let works = client.works(&place.over).start().unwrap();
    until(|| client.working().wait() == Ok(1));
    // More than the server keeps at once, if the cancelled ones kept their numbers.
    for _ in 0..300 {
        drop(client.works(&place.over).start().unwrap());
    }
    assert_eq!(client.add(1, 2).wait(), Ok(3));
    place.let_go();
    assert_eq!(works.wait(), Ok(()));
    assert_eq!(client.marked().wait(), Ok(0));
    assert_eq!(client.working().wait(), Ok(1));
}
