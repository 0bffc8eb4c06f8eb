//! A server that is killed, takes its leave and starts again at the same path, as a process of its own; and how often each
//! call ran, in a file that outlives it.

#![allow(dead_code, unused_imports, unused_macros, reason = "each test file uses a part of it")]

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use rapace::{ClientBuilder, Config, Context, Event, Retry, Router, Server, Tx};
use rustix::process::{Signal, getpid, kill_process};

use crate::faces::{Awaiting, Blocking, Face, now, two_threads};
use crate::peer::{self, Guard, Peer, hear, say, until};

/// Never over in a test.
pub(crate) const LONG: Duration = Duration::from_secs(1_000);

#[rapace::service(name = "Desk")]
pub(crate) trait Desk {
    /// Who answers.
    fn pid(&self) -> u32;
    fn note(&self, id: u64, data: Vec<u8>) -> Vec<u8>;
    #[rapace(idempotent)]
    fn note_again(&self, id: u64, data: Vec<u8>) -> Vec<u8>;
    /// Until it is [let go](Premises::let_go); who answers.
    #[rapace(blocking)]
    fn hold(&self, id: u64) -> u32;
    #[rapace(blocking, idempotent)]
    fn hold_again(&self, id: u64) -> u32;
    #[rapace(blocking, idempotent)]
    fn keep_again(&self, id: u64, data: Vec<u8>) -> u32;
    /// The same on the thread that serves the session.
    fn stick(&self, id: u64) -> u32;
    /// Kills the server.
    fn poison(&self, id: u64);
    #[rapace(idempotent)]
    fn poison_again(&self, id: u64);
    /// What is left of the call's time.
    fn left(&self, cx: &Context) -> Option<Duration>;
    /// Counts until it is killed, from zero.
    fn count(&self, id: u64, numbers: Tx<u32>);
    #[rapace(oneway)]
    fn drop_in(&self, id: u64);
    /// Calls back at once, and again from a thread of its own.
    fn rings(&self, cx: &Context, id: u64) -> u32;
}

#[rapace::service(name = "Bell")]
pub(crate) trait Bell {
    fn ring(&self, id: u64) -> u32;
}

/// Another service of the same server.
#[rapace::service(name = "Door")]
pub(crate) trait Door {
    fn pid(&self) -> u32;
}

/// What became of the desk in another version of the program.
pub(crate) mod changed {
    #[rapace::service(name = "Desk")]
    pub(crate) trait Desk {
        fn pid(&self) -> u32;
        fn note(&self, id: String) -> bool;
    }

    pub(crate) struct Clerk;

    impl Desk for Clerk {
        fn pid(&self) -> u32 {
            std::process::id()
        }
        fn note(&self, _: String) -> bool {
            true
        }
    }
}

/// What a client serves.
pub(crate) struct Rung;

/// The sum of what it was told.
pub(crate) static RINGS: AtomicU64 = AtomicU64::new(0);

impl Bell for Rung {
    fn ring(&self, id: u64) -> u32 {
        RINGS.fetch_add(id, Ordering::Relaxed);
        std::process::id()
    }
}

struct Clerk {
    path: PathBuf,
    ran: File,
}

impl Clerk {
    fn new(path: &Path) -> Self {
        let ran = File::options().append(true).create(true).open(ran_at(path)).unwrap();
        Self { path: path.to_owned(), ran }
    }

    fn runs(&self, id: u64) {
        (&self.ran).write_all(&id.to_le_bytes()).unwrap();
    }

    fn waits(&self, id: u64) -> u32 {
        self.runs(id);
        until(|| let_go_at(&self.path, id).exists());
        std::process::id()
    }

    fn dies(&self, id: u64) {
        self.runs(id);
        kill_process(getpid(), Signal::KILL).unwrap();
        until(|| false);
    }
}

fn ran_at(path: &Path) -> PathBuf {
    path.with_extension("ran")
}

fn let_go_at(path: &Path, id: u64) -> PathBuf {
    path.with_extension(format!("go{id}"))
}

impl Desk for Clerk {
    fn pid(&self) -> u32 {
        std::process::id()
    }
    fn note(&self, id: u64, data: Vec<u8>) -> Vec<u8> {
        self.runs(id);
        data
    }
    fn note_again(&self, id: u64, data: Vec<u8>) -> Vec<u8> {
        self.note(id, data)
    }
    fn hold(&self, id: u64) -> u32 {
        self.waits(id)
    }
    fn hold_again(&self, id: u64) -> u32 {
        self.waits(id)
    }
    fn keep_again(&self, id: u64, _: Vec<u8>) -> u32 {
        self.waits(id)
    }
    fn stick(&self, id: u64) -> u32 {
        self.waits(id)
    }
    fn poison(&self, id: u64) {
        self.dies(id);
    }
    fn poison_again(&self, id: u64) {
        self.dies(id);
    }
    fn left(&self, cx: &Context) -> Option<Duration> {
        cx.time_left()
    }
    fn count(&self, id: u64, mut numbers: Tx<u32>) {
        self.runs(id);
        let _ = (0..).try_for_each(|number| numbers.send(number).wait());
    }
    fn drop_in(&self, id: u64) {
        self.runs(id);
    }
    fn rings(&self, cx: &Context, id: u64) -> u32 {
        let bell = cx.client::<BellClient>().unwrap();
        std::thread::spawn({
            let bell = bell.clone();
            move || bell.ring(id + 1).wait()
        });
        bell.ring(id).wait().unwrap()
    }
}

impl Door for Clerk {
    fn pid(&self) -> u32 {
        std::process::id()
    }
}

/// The roles of servers, for `peer_entry`.
pub(crate) const SERVES: (&str, peer::Role) = ("serves", serve);
pub(crate) const SERVES_CHANGED: (&str, peer::Role) = ("serves another version", serve_changed);

fn serve(path: &str) {
    let path = Path::new(path);
    let services = Router::new().add(DeskServer::new(Clerk::new(path))).add(DoorServer::new(Clerk::new(path)));
    serve_until_told(Server::new(services).workers(64), path);
}

fn serve_changed(path: &str) {
    serve_until_told(Server::new(changed::DeskServer::new(changed::Clerk)), Path::new(path));
}

/// Until it is told to take its leave.
fn serve_until_told(server: Server, path: &Path) {
    let server = server.config(config()).bind(path).unwrap();
    say("serving");
    hear();
    server.shut_down_gracefully(LONG);
    server.join().unwrap();
}

/// A server waits for its machine.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.limits.handshake_time = Duration::from_secs(50);
    // One of the longest calls of these tests is taken in at a time.
    config.limits.payload_max = 12 << 20;
    config
}

/// Comes back at once, and waits for as long as the watchdog.
pub(crate) fn quick() -> Retry {
    let mut retry = Retry::default();
    retry.first = Duration::from_millis(1);
    retry.max = Duration::from_millis(10);
    retry.patience = LONG;
    retry
}

/// The next event like this one.
macro_rules! next {
    ($events:expr, $like:pat) => {
        loop {
            match $events.recv().unwrap() {
                event @ $like => break event,
                _ => {}
            }
        }
    };
}

/// Where servers of one test are, one after the other.
pub(crate) struct Premises {
    guard: Guard,
    directory: tempfile::TempDir,
    pub(crate) path: PathBuf,
}

impl Premises {
    pub(crate) fn new(guard: Guard) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("desk.sock");
        Self { guard, directory, path }
    }

    /// The next server, which listens.
    pub(crate) fn serve(&self) -> Peer {
        self.serve_as(SERVES)
    }

    pub(crate) fn serve_as(&self, (role, _): (&str, peer::Role)) -> Peer {
        let mut server = self.guard.spawn(role, self.path.display());
        assert_eq!(server.hear(), "serving");
        server
    }

    /// Another process.
    pub(crate) fn spawn(&self, (role, _): (&str, peer::Role)) -> Peer {
        self.guard.spawn(role, self.path.display())
    }

    /// A client that connects again.
    pub(crate) fn builder(&self) -> ClientBuilder<DeskClient> {
        DeskClient::builder().config(config()).reconnect(quick())
    }

    pub(crate) fn client(&self) -> DeskClient {
        self.builder().connect(&self.path).unwrap()
    }

    /// A client, and what it is told of.
    pub(crate) fn watched(&self, retry: Retry) -> (DeskClient, Events) {
        let (builder, events) = watched(self.builder().reconnect(retry));
        (builder.connect(&self.path).unwrap(), events)
    }

    /// The same, whose server has just been killed.
    pub(crate) fn watched_without_server(&self, retry: Retry) -> (DeskClient, Events) {
        let mut server = self.serve();
        let (client, events) = self.watched(retry);
        server.kill();
        next!(events, Event::Failed { .. });
        (client, events)
    }

    /// How often each call ran, in all servers.
    pub(crate) fn all_that_ran(&self) -> HashMap<u64, usize> {
        let mut ran = HashMap::new();
        for id in std::fs::read(ran_at(&self.path)).unwrap_or_default().chunks_exact(8) {
            *ran.entry(u64::from_le_bytes(id.try_into().unwrap())).or_default() += 1;
        }
        ran
    }

    /// How often this one ran.
    pub(crate) fn ran(&self, id: u64) -> usize {
        self.all_that_ran().get(&id).copied().unwrap_or_default()
    }

    /// Waits until it ran so often.
    pub(crate) fn until_ran(&self, id: u64, times: usize) {
        until(|| self.ran(id) == times);
    }

    pub(crate) fn let_go(&self, id: u64) {
        File::create(let_go_at(&self.path, id)).unwrap();
    }
}

/// What a client is told of.
pub(crate) type Events = mpsc::Receiver<Event>;

pub(crate) fn watched(builder: ClientBuilder<DeskClient>) -> (ClientBuilder<DeskClient>, Events) {
    let (tell, events) = mpsc::channel();
    let builder = builder.on_event(move |event| {
        let _ = tell.send(event.clone());
    });
    (builder, events)
}

/// Runs what waits in this way.
pub(crate) fn run<F: Future>(face: Face, future: F) -> F::Output {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    match face {
        Blocking => now(future),
        Awaiting => RUNTIME.get_or_init(two_threads).block_on(future),
    }
}

/// The outcome of a call, begun or not.
macro_rules! call {
    ($face:expr, $call:expr) => {
        $crate::restarts::run($face, async { $crate::faces::end!($face, $call) })
    };
}

/// A call that was begun.
macro_rules! begin {
    ($face:expr, $call:expr) => {
        $crate::restarts::run($face, async { $crate::faces::start!($face, $call) })
    };
}

pub(crate) use {begin, call, next};

pub(crate) const FACES: [Face; 2] = [Blocking, Awaiting];
