//! A server that takes its leave, between processes: what had come is answered, what came later did not run, and each caller
//! learns which of the two it was.

#![cfg(all(target_os = "linux", not(loom)))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod liar;
mod peer;

use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use liar::calls::{Caller, call_of_b, request, status};
use liar::{CANCEL, Descriptor, GOODBYE, field};
use peer::{Guard, Peer, hear, say, until};
use rapace::{Config, ConnectError, Context, OpenError, RpcError, Server};

/// Long enough never to be over.
const LONG: Duration = Duration::from_secs(1_000);

#[rapace::service(name = "Office")]
trait Office {
    /// Comes back as it is, and is noted.
    fn note(&self, id: u64, data: Vec<u8>) -> Vec<u8>;
    /// Until nobody waits for it any more.
    #[rapace(blocking)]
    fn works(&self, cx: &Context) -> u32;
    /// Until there is such a file, whoever waits.
    #[rapace(blocking)]
    fn stubborn(&self, until: PathBuf) -> u32;
    /// How many of both have begun.
    fn begun(&self) -> usize;
}

#[derive(Default)]
struct Clerk {
    noted: Mutex<Vec<u64>>,
    begun: AtomicUsize,
}

impl Clerk {
    fn note_id(&self, id: u64) {
        self.noted.lock().unwrap().push(id);
    }
}

impl Office for Arc<Clerk> {
    fn note(&self, id: u64, data: Vec<u8>) -> Vec<u8> {
        self.note_id(id);
        data
    }
    fn works(&self, cx: &Context) -> u32 {
        self.begun.fetch_add(1, Ordering::Relaxed);
        until(|| cx.is_cancelled());
        7
    }
    fn stubborn(&self, file: PathBuf) -> u32 {
        self.begun.fetch_add(1, Ordering::Relaxed);
        until(|| file.exists());
        7
    }
    fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }
}

#[cfg(feature = "tokio")]
mod awaited {
    use super::{Arc, Clerk, Ordering, PathBuf};

    #[rapace::service(name = "Office")]
    pub(super) trait Office {
        async fn note(&self, id: u64, data: Vec<u8>) -> Vec<u8>;
        async fn works(&self) -> u32;
        #[rapace(blocking)]
        fn stubborn(&self, until: PathBuf) -> u32;
        fn begun(&self) -> usize;
    }

    impl Office for Arc<Clerk> {
        async fn note(&self, id: u64, data: Vec<u8>) -> Vec<u8> {
            self.note_id(id);
            tokio::task::yield_now().await;
            data
        }
        async fn works(&self) -> u32 {
            self.begun.fetch_add(1, Ordering::Relaxed);
            std::future::pending().await
        }
        fn stubborn(&self, file: PathBuf) -> u32 {
            super::Office::stubborn(self, file)
        }
        fn begun(&self) -> usize {
            super::Office::begun(self)
        }
    }
}

/// Numbers of its methods on the wire.
const NOTE: u32 = 1;
const WORKS: u32 = 2;

const THREADS: &str = "threads";
const TASKS: &str = "tasks";
/// Its methods async ones, where there is tokio.
const ASYNC: &str = "async";
const ROLES: [&str; 3] = [THREADS, TASKS, ASYNC];

const CALLS_BY_THREADS: &str = "calls by threads";
const CALLS_BY_TASKS: &str = "calls by tasks";

#[test]
fn peer_entry() {
    peer::run(&[
        (THREADS, serve),
        (TASKS, serve_in_tasks),
        (ASYNC, serve_async),
        (CALLS_BY_THREADS, call_by_threads),
        (CALLS_BY_TASKS, call_by_tasks),
    ]);
}

fn config() -> Config {
    let mut config = Config::default();
    config.limits.handshake_time = Duration::from_secs(50);
    config
}

/// A server's argument: its grace in milliseconds, and its path.
fn setting(argument: &str) -> (Duration, PathBuf, Arc<Clerk>) {
    let (grace, path) = argument.split_once(' ').unwrap();
    (Duration::from_millis(grace.parse().unwrap()), PathBuf::from(path), Arc::default())
}

/// What a server says after its end, and the file in which it says what it ran.
fn report(path: &Path, clerk: &Clerk, farewell: rapace::Farewell) {
    assert!(!path.exists(), "the socket's file is left");
    write_ids(path, &clerk.noted.lock().unwrap());
    let rapace::Farewell { sessions, answered, cancelled, cut_off, .. } = farewell;
    say(format!("{sessions} {answered} {cancelled} {cut_off}"));
}

fn write_ids(path: &Path, ids: &[u64]) {
    let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    std::fs::write(path.with_extension("ids"), bytes).unwrap();
}

fn read_ids(path: &Path) -> Vec<u64> {
    let bytes = std::fs::read(path.with_extension("ids")).unwrap();
    bytes.chunks(8).map(|id| u64::from_le_bytes(id.try_into().unwrap())).collect()
}

fn serve(argument: &str) {
    let (grace, path, clerk) = setting(argument);
    let server = Server::new(OfficeServer::new(Arc::clone(&clerk))).config(config()).bind(&path).unwrap();
    say("serving");
    hear();
    report(&path, &clerk, server.shut_down_gracefully(grace));
    server.join().unwrap();
}

#[cfg(feature = "tokio")]
fn serve_on_tokio(argument: &str, server: impl FnOnce(Arc<Clerk>) -> rapace::aio::Server) {
    let (grace, path, clerk) = setting(argument);
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
        let server = server(Arc::clone(&clerk)).config(config()).bind(&path).unwrap();
        say("serving");
        tokio::task::spawn_blocking(hear).await.unwrap();
        report(&path, &clerk, server.shut_down_gracefully(grace).await);
        server.join().await.unwrap();
    });
}

#[cfg(feature = "tokio")]
fn serve_in_tasks(argument: &str) {
    serve_on_tokio(argument, |clerk| rapace::aio::Server::new(OfficeServer::new(clerk)));
}

#[cfg(feature = "tokio")]
fn serve_async(argument: &str) {
    serve_on_tokio(argument, |clerk| rapace::aio::Server::new(awaited::OfficeServer::new(clerk)));
}

#[cfg(not(feature = "tokio"))]
use serve as serve_in_tasks;
#[cfg(not(feature = "tokio"))]
use serve as serve_async;

/// A server in a process of its own.
struct Served {
    process: Peer,
    path: PathBuf,
    directory: tempfile::TempDir,
}

fn open(guard: &Guard, role: &str, grace: Duration) -> Served {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("office.sock");
    let mut process = guard.spawn(role, format!("{} {}", grace.as_millis(), path.display()));
    assert_eq!(process.hear(), "serving");
    Served { process, path, directory }
}

impl Served {
    fn client(&self) -> OfficeClient {
        OfficeClient::builder().config(config()).connect(&self.path).unwrap()
    }

    /// What the server says of its end: sessions, answered, cancelled, cut off.
    fn hear_counts(&mut self) -> [usize; 4] {
        let said = self.process.hear();
        let counts: Vec<_> = said.split(' ').map(|count| count.parse().unwrap()).collect();
        counts.try_into().unwrap()
    }
}

/// Calls of one client until its server takes its leave.
struct Busy {
    client: OfficeClient,
    /// In the high half of the ids of its calls.
    number: u64,
    begun: AtomicUsize,
    answered: Mutex<Vec<u64>>,
    unrun: Mutex<Vec<u64>>,
    path: PathBuf,
}

impl Busy {
    /// The argument: its number, and the server's path.
    fn new(argument: &str) -> Self {
        let (number, path) = argument.split_once(' ').unwrap();
        let path = PathBuf::from(path);
        let client = OfficeClient::builder().config(config()).connect(&path).unwrap();
        Self {
            client,
            number: number.parse().unwrap(),
            begun: AtomicUsize::new(0),
            answered: Mutex::default(),
            unrun: Mutex::default(),
            path: path.with_file_name(format!("client-{number}")),
        }
    }

    fn next(&self) -> (u64, Vec<u8>) {
        let begun = self.begun.fetch_add(1, Ordering::Relaxed) as u64;
        // Inline, in slots of each class, and in fragments.
        let len = [0, 7, 16, 200, 300, 3_000, 20_000, 150_000][begun as usize % 8];
        (self.number << 32 | begun, vec![begun as u8; len])
    }

    /// Notes how a call ended; false when the server has taken its leave.
    fn ended(&self, id: u64, len: usize, outcome: Result<Vec<u8>, RpcError>) -> bool {
        match outcome {
            Ok(data) => {
                assert!(data == vec![id as u8; len], "another answer");
                let mut answered = self.answered.lock().unwrap();
                answered.push(id);
                if answered.len() == 200 {
                    say("busy");
                }
                true
            }
            // A call that came in time is answered, and every other one did not run.
            Err(error) => {
                assert_eq!(error, RpcError::Closed { may_have_executed: false });
                self.unrun.lock().unwrap().push(id);
                false
            }
        }
    }

    /// After the end: nothing more is begun, and what was begun has ended.
    fn report(&self) {
        for _ in 0..3 {
            let (id, data) = self.next();
            assert!(!self.ended(id, data.len(), self.client.note(id, data).wait()), "a call after the goodbye");
        }
        let (answered, unrun) = (self.answered.lock().unwrap(), self.unrun.lock().unwrap());
        assert_eq!(self.begun.load(Ordering::Relaxed), answered.len() + unrun.len());
        write_ids(&self.path.with_extension("answered.x"), &answered);
        write_ids(&self.path.with_extension("unrun.x"), &unrun);
        say("done");
    }
}

fn call_by_threads(argument: &str) {
    let caller = Busy::new(argument);
    std::thread::scope(|scope| {
        let one_by_one = || {
            loop {
                let (id, data) = caller.next();
                let len = data.len();
                if !caller.ended(id, len, caller.client.note(id, data).wait()) {
                    return;
                }
            }
        };
        let pipelined = || {
            let mut goes_on = true;
            while goes_on {
                let calls: Vec<_> = (0..16).map(|_| caller.next()).collect();
                let start = |(id, data): (u64, Vec<u8>)| (id, data.len(), caller.client.note(id, data).start());
                for (id, len, started) in calls.into_iter().map(start).collect::<Vec<_>>() {
                    goes_on &= caller.ended(id, len, started.and_then(|pending| pending.wait()));
                }
            }
        };
        scope.spawn(one_by_one);
        scope.spawn(one_by_one);
        scope.spawn(pipelined);
    });
    caller.report();
}

#[cfg(feature = "tokio")]
fn call_by_tasks(argument: &str) {
    let caller = Arc::new(Busy::new(argument));
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..12 {
            let caller = Arc::clone(&caller);
            tasks.spawn(async move {
                loop {
                    let (id, data) = caller.next();
                    let len = data.len();
                    let outcome = caller.client.note(id, data).await;
                    if !caller.ended(id, len, outcome) {
                        return;
                    }
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    });
    caller.report();
}

#[cfg(not(feature = "tokio"))]
use call_by_threads as call_by_tasks;

#[test]
fn under_the_load_of_eight_clients_no_call_is_lost_and_none_is_misjudged() {
    let guard = guard!();
    for role in ROLES {
        let mut served = open(&guard, role, LONG);
        let argument = |number: usize| format!("{number} {}", served.path.display());
        let spawn = |number: usize| guard.spawn([CALLS_BY_THREADS, CALLS_BY_TASKS][number % 2], argument(number));
        let mut clients: Vec<_> = (0..8).map(spawn).collect();
        for client in &mut clients {
            assert_eq!(client.hear(), "busy");
        }
        served.process.tell("stop");
        let [sessions, _, cancelled, cut_off] = served.hear_counts();
        assert_eq!((sessions, cancelled, cut_off), (8, 0, 0), "{role}");
        for client in &mut clients {
            assert_eq!(client.hear(), "done");
        }
        clients.into_iter().for_each(Peer::join);
        let ran = read_ids(&served.path);
        let once: BTreeSet<_> = ran.iter().copied().collect();
        assert_eq!(once.len(), ran.len(), "a call ran twice");
        let mut told_that_they_ran = BTreeSet::new();
        let mut unrun = 0;
        for number in 0..8 {
            let path = served.path.with_file_name(format!("client-{number}"));
            told_that_they_ran.extend(read_ids(&path.with_extension("answered.x")));
            let ids = read_ids(&path.with_extension("unrun.x"));
            unrun += ids.len();
            assert!(ids.iter().all(|id| !once.contains(id)), "{role}: a call ran that is said not to have");
        }
        assert!(told_that_they_ran == once, "{role}: what ran and what was answered differ");
        println!("{role}: {} calls ran, {unrun} were told that they did not", once.len());
        served.process.join();
    }
}

#[test]
fn what_runs_longer_than_the_grace_is_cancelled_and_what_does_not_listen_is_cut_off() {
    let guard = guard!();
    for role in ROLES {
        let mut served = open(&guard, role, Duration::from_millis(20));
        let (client, other) = (served.client(), served.client());
        let file = served.directory.path().join("enough");
        let works = [client.works().start().unwrap(), other.works().start().unwrap()];
        let stubborn = other.stubborn(file.clone()).start().unwrap();
        until(|| client.begun().wait() == Ok(3));
        served.process.tell("stop");
        for call in works {
            assert_eq!(call.wait(), Err(RpcError::Cancelled), "{role}");
        }
        assert_eq!(stubborn.wait(), Err(RpcError::Closed { may_have_executed: true }), "{role}");
        assert_eq!(served.hear_counts(), [2, 0, 2, 1], "{role}");
        for client in [client, other] {
            assert_eq!(client.begun().wait(), Err(RpcError::Closed { may_have_executed: false }));
        }
        std::fs::write(file, "").unwrap();
        served.process.join();
    }
}

#[test]
fn what_runs_when_the_goodbye_comes_is_answered_and_the_next_call_begins_no_more() {
    let guard = guard!();
    for role in ROLES {
        let mut served = open(&guard, role, LONG);
        let (client, idle) = (served.client(), served.client());
        let file = served.directory.path().join("enough");
        let call = client.stubborn(file.clone()).start().unwrap();
        until(|| client.begun().wait() == Ok(1));
        served.process.tell("stop");
        // The goodbye comes while the session still has a call.
        until(|| client.begun().wait() == Err(RpcError::Closed { may_have_executed: false }));
        assert!(client.begun().start().is_err_and(|error| error.is_retryable()));
        // Who knocks before the file is gone is told why it is not let in.
        until(|| match OfficeClient::connect(&served.path).unwrap_err() {
            ConnectError::Open(OpenError::NoServer { .. }) => true,
            refused => {
                assert!(refused.to_string().ends_with("the server is shutting down"), "{refused}");
                false
            }
        });
        // One that has none is let go at once.
        until(|| idle.begun().wait() == Err(RpcError::Closed { may_have_executed: false }));
        std::fs::write(file, "").unwrap();
        assert_eq!(call.wait(), Ok(7), "{role}");
        let [sessions, answered, cancelled, cut_off] = served.hear_counts();
        assert_eq!((sessions, cancelled, cut_off), (2, 0, 0), "{role}");
        // And what was asked of it, if the goodbye came between question and answer.
        assert!((1..=3).contains(&answered), "{role}: {answered}");
        served.process.join();
    }
}

#[test]
fn whoever_is_still_at_the_door_is_told_why() {
    let guard = guard!();
    for role in ROLES {
        let mut served = open(&guard, role, LONG);
        // Let in, and silent: its handshake would take as long as it likes.
        let mut silent = UnixStream::connect(&served.path).unwrap();
        // Who comes after it finds it accepted.
        let client = served.client();
        assert_eq!(client.begun().wait(), Ok(0));
        served.process.tell("stop");
        assert_eq!(served.hear_counts(), [1, 0, 0, 0], "{role}");
        let mut said = Vec::new();
        silent.read_to_end(&mut said).unwrap();
        assert!(String::from_utf8_lossy(&said).ends_with("the server is shutting down"), "{role}");
        served.process.join();
    }
}

#[test]
fn the_line_is_drawn_where_the_server_has_got_to() {
    let guard = guard!();
    for role in ROLES {
        let mut served = open(&guard, role, LONG);
        let mut liar = Caller::connect(&served.path);
        let note = |index: u32| request(call_of_b(index, 1), NOTE, &[index as u8, 0]);
        liar.say(note(0));
        assert_eq!(liar.hear_answer(call_of_b(0, 1)).status, status::OK);
        liar.say(request(call_of_b(1, 1), WORKS, &[]));
        let honest = served.client();
        until(|| honest.begun().wait() == Ok(1));
        served.process.tell("stop");
        let goodbye = liar.hear();
        assert_eq!((goodbye.kind, goodbye.payload), (GOODBYE, 2_u64.to_ne_bytes().to_vec()), "{role}");
        // Beyond the line nothing is begun or answered, also under a number that was used there before.
        liar.say(note(2));
        liar.say(note(2));
        liar.say(note(3));
        liar.say(Descriptor::inline(CANCEL, &[]).u32(field::CALL, call_of_b(2, 1)));
        // Those before it can still be cancelled.
        liar.say(Descriptor::inline(CANCEL, &[]).u32(field::CALL, call_of_b(1, 1)));
        let last = liar.hear();
        assert_eq!((last.call, last.status), (call_of_b(1, 1), status::CANCELLED), "{role}");
        liar.expect_end();
        assert!(liar.try_hear().is_none());
        assert_eq!(served.hear_counts(), [2, 1, 0, 0], "{role}");
        assert_eq!(read_ids(&served.path), [0]);
        served.process.join();
    }
}

#[test]
fn one_that_leaves_meanwhile_or_reads_nothing_holds_up_nobody_beyond_the_grace() {
    let guard = guard!();
    for role in ROLES {
        let mut served = open(&guard, role, Duration::from_millis(50));
        let (client, mut deaf) = (served.client(), Caller::connect(&served.path));
        let file = served.directory.path().join("enough");
        let call = client.stubborn(file.clone()).start().unwrap();
        // Its ring fills with answers that it does not take out, so that there is no room for a goodbye.
        for round in 1..12_u32 {
            for index in 0..100 {
                until(|| deaf.has_room());
                deaf.say(request(call_of_b(index, round), 99, &[]));
            }
            until(|| deaf.liar.their_message(u64::from(100 * round).min(1_024)).is_some());
        }
        until(|| client.begun().wait() == Ok(1));
        served.process.tell("stop");
        until(|| client.begun().wait() == Err(RpcError::Closed { may_have_executed: false }));
        drop(call);
        client.session().close();
        // Of the deaf one's calls so many have no room for their answers; the call of the one that left has nobody to go to.
        let [sessions, answered, cancelled, cut_off] = served.hear_counts();
        assert_eq!((sessions, cancelled, cut_off), (2, 0, 77), "{role}");
        // What was asked meanwhile.
        assert!(answered <= 1, "{role}: {answered}");
        deaf.expect_end();
        std::fs::write(file, "").unwrap();
        served.process.join();
    }
}
