//! Calls that nobody answers, between two processes: refused when there is no room and never lost silently, in order, and
//! executed whatever becomes of their caller.

#![cfg(all(feature = "tokio", not(loom)))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod peer;

use std::future::{Future, IntoFuture, poll_fn};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use peer::{Guard, Peer, say, until};
use rapace::{Config, Context, RpcError, Server};
use rustix::process::Signal;
use tokio::runtime::{Builder, Runtime};

/// On threads, in tasks by sync methods, in tasks by async ones.
const THREADS: &str = "threads";
const SYNC_TASKS: &str = "sync tasks";
const ASYNC: &str = "async";

const ROLES: [&str; 3] = [THREADS, SYNC_TASKS, ASYNC];

#[rapace::service(name = "Ledger")]
trait Ledger {
    #[rapace(oneway)]
    fn note(&self, number: u32);
    #[rapace(oneway)]
    fn keep(&self, bytes: Vec<u8>);
    /// Keeps the thread or task of its session until there is such a file.
    #[rapace(oneway)]
    fn holds(&self, until: PathBuf);
    /// Notes a number once there is such a file.
    #[rapace(oneway, blocking)]
    fn notes_late(&self, number: u32, until: PathBuf);
    /// As `notes_late`, when [`gate`] is there.
    #[rapace(oneway, blocking)]
    fn notes_behind_gate(&self, number: u32);
    #[rapace(oneway)]
    fn panics(&self);
    /// Says what it knows of its call.
    #[rapace(oneway)]
    fn tells(&self, cx: &Context);
    fn noted(&self) -> Vec<u32>;
    fn kept(&self) -> Vec<usize>;
    fn told(&self) -> Vec<String>;
    /// How many calls of `holds` and `notes_late` have begun.
    fn begun(&self) -> usize;
}

mod awaited {
    use super::{Context, PathBuf};

    #[rapace::service(name = "Ledger")]
    pub(super) trait Ledger {
        #[rapace(oneway)]
        async fn note(&self, number: u32);
        #[rapace(oneway)]
        async fn keep(&self, bytes: Vec<u8>);
        #[rapace(oneway)]
        fn holds(&self, until: PathBuf);
        #[rapace(oneway)]
        async fn notes_late(&self, number: u32, until: PathBuf);
        #[rapace(oneway)]
        async fn notes_behind_gate(&self, number: u32);
        #[rapace(oneway)]
        async fn panics(&self);
        #[rapace(oneway)]
        async fn tells(&self, cx: &Context);
        fn noted(&self) -> Vec<u32>;
        fn kept(&self) -> Vec<usize>;
        fn told(&self) -> Vec<String>;
        fn begun(&self) -> usize;
    }
}

#[derive(Default)]
struct Book {
    noted: Mutex<Vec<u32>>,
    kept: Mutex<Vec<usize>>,
    told: Mutex<Vec<String>>,
    begun: AtomicUsize,
    gate: PathBuf,
}

/// Beside the server's socket.
fn gate(socket: &Path) -> PathBuf {
    socket.with_extension("gate")
}

impl Ledger for Book {
    fn note(&self, number: u32) {
        self.noted.lock().unwrap().push(number);
    }
    fn keep(&self, bytes: Vec<u8>) {
        assert!(bytes.iter().enumerate().all(|(place, byte)| *byte == place as u8));
        self.kept.lock().unwrap().push(bytes.len());
    }
    fn holds(&self, until: PathBuf) {
        self.begun.fetch_add(1, Ordering::SeqCst);
        peer::until(|| until.exists());
    }
    fn notes_late(&self, number: u32, until: PathBuf) {
        self.holds(until);
        self.note(number);
    }
    fn notes_behind_gate(&self, number: u32) {
        self.notes_late(number, self.gate.clone());
    }
    fn panics(&self) {
        panic!("on purpose")
    }
    fn tells(&self, cx: &Context) {
        let told = format!("{} {:?} {}", cx.peer().pid, cx.deadline(), cx.is_cancelled());
        self.told.lock().unwrap().push(told);
    }
    fn noted(&self) -> Vec<u32> {
        self.noted.lock().unwrap().clone()
    }
    fn kept(&self) -> Vec<usize> {
        self.kept.lock().unwrap().clone()
    }
    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

impl awaited::Ledger for Book {
    async fn note(&self, number: u32) {
        Ledger::note(self, number);
        // Some end at once, some as a task.
        if number % 3 == 0 {
            tokio::task::yield_now().await;
        }
    }
    async fn keep(&self, bytes: Vec<u8>) {
        tokio::task::yield_now().await;
        Ledger::keep(self, bytes);
    }
    fn holds(&self, until: PathBuf) {
        Ledger::holds(self, until);
    }
    async fn notes_late(&self, number: u32, until: PathBuf) {
        self.begun.fetch_add(1, Ordering::SeqCst);
        while !until.exists() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ledger::note(self, number);
    }
    async fn notes_behind_gate(&self, number: u32) {
        awaited::Ledger::notes_late(self, number, self.gate.clone()).await;
    }
    async fn panics(&self) {
        tokio::task::yield_now().await;
        panic!("on purpose")
    }
    async fn tells(&self, cx: &Context) {
        tokio::task::yield_now().await;
        Ledger::tells(self, cx);
    }
    fn noted(&self) -> Vec<u32> {
        Ledger::noted(self)
    }
    fn kept(&self) -> Vec<usize> {
        Ledger::kept(self)
    }
    fn told(&self) -> Vec<String> {
        Ledger::told(self)
    }
    fn begun(&self) -> usize {
        Ledger::begun(self)
    }
}

#[test]
fn peer_entry() {
    peer::run(&[
        (THREADS, |argument| serve(THREADS, argument)),
        (SYNC_TASKS, |argument| serve(SYNC_TASKS, argument)),
        (ASYNC, |argument| serve(ASYNC, argument)),
        ("calls", call_and_go),
    ]);
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn config() -> Config {
    let mut config = Config::default();
    config.limits.handshake_time = Duration::from_secs(50);
    config
}

/// The argument: how many one-way calls it keeps, entries of the ring, and the path.
fn serve(role: &str, argument: &str) {
    let mut words = argument.splitn(3, ' ');
    let mut config = config();
    config.limits.oneway_max = words.next().unwrap().parse().unwrap();
    config.geometry.ring_entries = words.next().unwrap().parse().unwrap();
    let path = words.next().unwrap();
    let book = Book { gate: gate(Path::new(path)), ..Book::default() };
    if role == THREADS {
        let server = Server::new(LedgerServer::new(book)).config(config).bind(path).unwrap();
        say("serving");
        server.join().unwrap();
        return;
    }
    runtime().block_on(async {
        let server = match role {
            SYNC_TASKS => rapace::aio::Server::new(LedgerServer::new(book)),
            _ => rapace::aio::Server::new(awaited::LedgerServer::new(book)),
        };
        let server = server.config(config).bind(path).unwrap();
        say("serving");
        server.join().await.unwrap();
    });
}

struct Served {
    process: Peer,
    path: PathBuf,
    directory: tempfile::TempDir,
}

fn open(guard: &Guard, role: &str, oneway_max: u32, ring_entries: u32) -> Served {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.sock");
    let mut process = guard.spawn(role, format!("{oneway_max} {ring_entries} {}", path.display()));
    assert_eq!(process.hear(), "serving");
    Served { process, path, directory }
}

impl Served {
    fn client(&self) -> LedgerClient {
        LedgerClient::builder().config(config()).connect(&self.path).unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

fn touch(file: &Path) {
    std::fs::write(file, "").unwrap();
}

async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

#[test]
fn they_are_executed_in_order_and_before_the_calls_behind_them() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role, 128, 256);
        let client = served.client();
        for number in 0..3_000 {
            client.note(number).wait().unwrap();
            // A call sees what went before it.
            if number % 500 == 0 {
                assert_eq!(client.noted().wait().unwrap().last(), Some(&number));
            }
        }
        runtime().block_on(async {
            for number in 3_000..6_000 {
                client.note(number).await.unwrap();
            }
        });
        assert!(client.noted().wait().unwrap().into_iter().eq(0..6_000));
    }
}

#[test]
fn one_that_is_refused_is_not_executed_and_one_that_is_not_refused_is() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role, 100, 256);
        let client = served.client();
        let other = served.client();
        let over = served.file("over");
        client.holds(over.clone()).send().unwrap();
        // With that one as many as the server keeps.
        let mut sent = Vec::new();
        for number in 0..300 {
            match client.note(number).send() {
                Ok(()) => sent.push(number),
                Err(error) => assert_eq!(error, RpcError::Full { oneway_max: 100 }),
            }
        }
        assert!(sent.iter().copied().eq(0..99), "{}", sent.len());
        assert!(client.note(0).send().unwrap_err().is_retryable());
        // Another session has its own room.
        if role == THREADS {
            other.note(u32::MAX).send().unwrap();
            until(|| other.noted().wait() == Ok(vec![u32::MAX]));
        }
        touch(&over);
        // As there is room again, some more get through.
        for number in 300.. {
            if client.note(number).send().is_ok() {
                sent.push(number);
            }
            if sent.len() == 1_000 {
                break;
            }
        }
        let noted = client.noted().wait().unwrap();
        assert!(noted.into_iter().filter(|number| *number != u32::MAX).eq(sent));
    }
}

#[test]
fn one_for_which_the_ring_has_no_room_is_refused() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role, 1_000, 16);
        let client = served.client();
        assert_eq!(client.noted().wait(), Ok(vec![]));
        served.process.stop();
        let sent = (0..100).take_while(|number| client.note(*number).send() == Ok(())).count() as u32;
        assert!((1..=16).contains(&sent), "{sent}");
        assert_eq!(client.note(sent).send(), Err(RpcError::Full { oneway_max: 1_000 }));
        served.process.signal(Signal::CONT);
        client.note(sent).wait().unwrap();
        assert!(client.noted().wait().unwrap().into_iter().eq(0..=sent));
    }
}

#[test]
fn many_threads_and_tasks_send_and_none_is_lost() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role, 20, 32);
        let client = served.client();
        let runtime = runtime();
        let sent = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..6_u32 {
                let (client, sent, runtime) = (client.clone(), &sent, &runtime);
                scope.spawn(move || {
                    for number in (0..1_000).map(|number| thread * 1_000 + number) {
                        let is_sent = match thread {
                            0 | 1 => client.note(number).send().is_ok(),
                            2 | 3 => client.note(number).wait().is_ok(),
                            _ => runtime.block_on(client.note(number).into_future()).is_ok(),
                        };
                        assert!(is_sent || thread < 2);
                        sent.fetch_add(usize::from(is_sent), Ordering::Relaxed);
                    }
                });
            }
        });
        let mut noted = client.noted().wait().unwrap();
        assert_eq!(noted.len(), sent.into_inner());
        // Those of each thread in order, and each once.
        let of = |number: &u32| number / 1_000;
        assert!((0..6).all(|thread| noted.iter().filter(|number| of(number) == thread).is_sorted()));
        noted.sort_unstable();
        noted.dedup();
        assert!((2..6).all(|thread| noted.iter().filter(|number| of(number) == thread).count() == 1_000));
    }
}

#[test]
fn whoever_waits_for_room_gets_it_or_has_sent_nothing() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role, 3, 256);
        let client = served.client();
        let impatient = LedgerClient::builder().config(config()).timeout(Duration::from_millis(5));
        let impatient = impatient.connect(&served.path).unwrap();
        for (client, over) in [(&client, served.file("a")), (&impatient, served.file("b"))] {
            client.holds(over).send().unwrap();
            client.note(1).send().unwrap();
            client.note(2).send().unwrap();
            assert_eq!(client.note(3).send(), Err(RpcError::Full { oneway_max: 3 }));
        }
        let late = RpcError::DeadlineExceeded { may_have_executed: false };
        assert_eq!(impatient.note(4).wait(), Err(late.clone()));
        let waits = std::thread::spawn({
            let client = client.clone();
            move || client.note(5).wait()
        });
        runtime().block_on(async {
            assert_eq!(impatient.note(6).await, Err(late));
            let (mut kept, mut dropped) = (client.note(7).into_future(), client.note(8).into_future());
            assert!(poll_once(&mut kept).await.is_pending());
            assert!(poll_once(&mut dropped).await.is_pending());
            drop(dropped);
            assert!(!waits.is_finished());
            touch(&served.file("a"));
            touch(&served.file("b"));
            kept.await.unwrap();
        });
        waits.join().unwrap().unwrap();
        // When there was none in its time, nothing was sent.
        until(|| impatient.note(9).wait().is_ok());
        let all = [1, 1, 2, 2, 5, 7, 9];
        let noted = || {
            let mut noted = client.noted().wait().unwrap();
            noted.sort_unstable();
            noted
        };
        until(|| noted().len() >= all.len());
        assert_eq!(noted(), all);
    }
}

#[test]
fn one_that_is_given_up_leaves_no_waker_behind() {
    struct Idle;

    impl Wake for Idle {
        fn wake(self: Arc<Self>) {}
    }

    let guard = guard!();
    let served = open(&guard, THREADS, 1, 256);
    let client = served.client();
    client.holds(served.file("over")).send().unwrap();
    let runtime = runtime();
    let _entered = runtime.enter();
    let idle = Arc::new(Idle);
    let waker = Waker::from(Arc::clone(&idle));
    let mut dropped = client.note(1).into_future();
    assert!(Pin::new(&mut dropped).poll(&mut std::task::Context::from_waker(&waker)).is_pending());
    drop((dropped, waker));
    assert_eq!(Arc::strong_count(&idle), 1);
    touch(&served.file("over"));
}

#[test]
fn whoever_waits_is_told_of_room_that_one_call_gives_back_at_its_end() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role, 3, 256);
        let (client, other) = (served.client(), served.client());
        // All are taken out, and hold no slot: only that they end makes room.
        for number in 0..3 {
            client.notes_behind_gate(number).wait().unwrap();
        }
        until(|| other.begun().wait() == Ok(3));
        runtime().block_on(async {
            let mut kept = [3, 4].map(|number| client.note(number).into_future());
            for kept in &mut kept {
                assert!(poll_once(kept).await.is_pending());
            }
            // Nobody else does anything here, which could be what wakes them.
            touch(&gate(&served.path));
            for kept in kept {
                kept.await.unwrap();
            }
        });
        until(|| client.noted().wait().unwrap().len() == 5);
    }
}

/// In a peer: calls as the argument says, and goes as it says.
fn call_and_go(argument: &str) {
    let mut words = argument.splitn(4, ' ');
    let [how, what, held, path] = [(); 4].map(|()| words.next().unwrap());
    let path = Path::new(path);
    let client = LedgerClient::connect(path).unwrap();
    let over = path.with_file_name(format!("{how} {what} {held}"));
    if held == "held" {
        client.holds(over.clone()).send().unwrap();
    }
    for number in 0..50 {
        match what {
            "late" => client.notes_late(number, over.clone()).send().unwrap(),
            _ => client.note(number).send().unwrap(),
        }
    }
    match how {
        "killed" => rustix::process::kill_process(rustix::process::getpid(), Signal::KILL).unwrap(),
        "closed" => client.session().close(),
        _ => drop(client),
    }
}

#[test]
fn they_are_executed_whatever_becomes_of_their_caller() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role, 128, 256);
        let mut expected = 0;
        for how in ["killed", "closed", "dropped"] {
            for (what, held) in [("now", "free"), ("now", "held"), ("late", "free"), ("late", "held")] {
                let mut caller = guard.spawn("calls", format!("{how} {what} {held} {}", served.path.display()));
                caller.wait();
                touch(&served.file(&format!("{how} {what} {held}")));
                expected += 50;
                let client = served.client();
                until(|| client.noted().wait().unwrap().len() == expected);
            }
        }
        // Each once.
        let mut noted = served.client().noted().wait().unwrap();
        noted.sort_unstable();
        assert!(noted.into_iter().eq((0..50).flat_map(|number| [number; 12])));
    }
}

#[test]
fn one_that_is_running_goes_on_when_its_caller_is_gone() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role, 128, 256);
        let other = served.client();
        let client = served.client();
        for number in 0..8 {
            client.notes_late(number, served.file("over")).send().unwrap();
        }
        until(|| other.begun().wait() == Ok(8));
        drop(client);
        // The server has seen that it is gone, at the latest when that one comes after it.
        assert_eq!(served.client().noted().wait(), Ok(vec![]));
        touch(&served.file("over"));
        until(|| other.noted().wait().unwrap().len() == 8);
    }
}

#[test]
fn a_panic_in_one_harms_nothing() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role, 2, 256);
        let client = served.client();
        for number in 0..6 {
            client.panics().wait().unwrap();
            client.note(number).wait().unwrap();
        }
        assert!(client.noted().wait().unwrap().into_iter().eq(0..6));
    }
}

#[test]
fn what_fits_the_largest_slot_is_sent_and_what_does_not_is_too_large() {
    let guard = guard!();
    let bytes = |len: usize| (0..len).map(|place| place as u8).collect::<Vec<_>>();
    for role in ROLES {
        let served = open(&guard, role, 128, 256);
        let client = served.client();
        let refused = |sent: Result<(), RpcError>| match sent {
            Err(RpcError::TooLarge(error)) => error,
            other => panic!("{other:?}"),
        };
        let error = refused(client.keep(bytes(100_000)).send());
        assert!(error.limit.contains("largest slot"), "{error:?}");
        // The bytes of the length are a part of it; some more may travel in the descriptor.
        let most = error.max - (error.size - 100_000);
        let beyond = most + rapace::INLINE_MAX + 1;
        let refusals = [
            refused(client.keep(bytes(beyond)).send()),
            refused(client.keep(bytes(beyond)).wait()),
            refused(runtime().block_on(client.keep(bytes(beyond)).into_future())),
            refused(client.keep(bytes(70 << 20)).send()),
        ];
        assert_eq!(refusals.map(|error| error.max), [error.max; 4]);
        let mut expected = Vec::new();
        for len in [0, 10, 23, 24, 300, 5_000, most - 1, most].into_iter().cycle().take(80) {
            client.keep(bytes(len)).wait().unwrap();
            expected.push(len);
        }
        until(|| client.kept().wait().unwrap().len() == expected.len());
        let mut kept = client.kept().wait().unwrap();
        if role == ASYNC {
            // They waited, each for itself.
            kept.sort_unstable();
            expected.sort_unstable();
        }
        assert_eq!(kept, expected);
    }
}

#[test]
fn one_knows_its_caller_and_has_no_deadline_and_nobody_to_cancel_it() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role, 128, 256);
        let timed = LedgerClient::builder().config(config()).timeout(Duration::from_millis(5));
        let timed = timed.connect(&served.path).unwrap();
        timed.holds(served.file("over")).send().unwrap();
        timed.tells().send().unwrap();
        drop(timed);
        touch(&served.file("over"));
        let client = served.client();
        client.tells().wait().unwrap();
        let expected = format!("{} None false", std::process::id());
        until(|| client.told().wait().unwrap().len() == 2);
        assert_eq!(client.told().wait(), Ok(vec![expected; 2]));
    }
}
