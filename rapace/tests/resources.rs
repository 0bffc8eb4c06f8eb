//! What services take of the system, and that it comes back: between processes that do nothing else.
//!
//! Ordinary runs are short. The long one, with figures, is
//!
//! ```text
//! RAPACE_CONNECTS=10000 RAPACE_RESTARTS=1000 RAPACE_SESSIONS=1000 RAPACE_PATIENCE=600 \
//!     cargo test --release -p rapace --all-features --test resources -- --nocapture --test-threads=1
//! ```

#![cfg(all(target_os = "linux", not(any(loom, rapace_portable))))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod peer;

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use peer::{Guard, Peer, hear, say};
use rapace::{ConnectError, Context, RpcError, Server, Spin};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[rapace::service]
trait Mirror {
    fn echo(&self, cx: &Context, bytes: Vec<u8>) -> Vec<u8>;
}

/// What some clients serve in turn.
#[rapace::service]
trait Looker {
    fn looks(&self) -> bool;
}

struct Glass;

impl Mirror for Glass {
    fn echo(&self, cx: &Context, bytes: Vec<u8>) -> Vec<u8> {
        // Whoever can be called back is known to the thread of its session from now on.
        drop(cx.client::<LookerClient>());
        bytes
    }
}

impl Looker for Glass {
    fn looks(&self) -> bool {
        true
    }
}

#[test]
fn peer_entry() {
    peer::run(&[
        (THREADS, serve_on_threads),
        (TASKS, serve_in_tasks),
        ("comes and goes", come_and_go),
        ("outlives servers", outlive_servers),
        ("holds sessions", hold_sessions),
    ]);
}

const THREADS: &str = "serves on threads";
const TASKS: &str = "serves in tasks";
/// Both faces.
const ROLES: [&str; 2] = [THREADS, TASKS];

/// How often a test does it: as often as the variable says, or else so often.
fn count(variable: &str, ordinary: usize) -> usize {
    std::env::var(variable).map_or(ordinary, |count| count.parse().unwrap())
}

fn config() -> rapace::Config {
    peer::config(Spin::Adaptive)
}

fn serve_on_threads(path: &str) {
    allow_descriptors();
    let server = Server::new(MirrorServer::new(Glass)).config(config()).bind(path).unwrap();
    say("serving");
    hear();
    server.shut_down();
    server.join().unwrap();
}

#[cfg(feature = "tokio")]
fn serve_in_tasks(path: &str) {
    allow_descriptors();
    runtime().block_on(async {
        let server = rapace::aio::Server::new(MirrorServer::new(Glass)).config(config()).bind(path).unwrap();
        say("serving");
        tokio::task::spawn_blocking(hear).await.unwrap();
        server.shut_down();
        server.join().await.unwrap();
    });
}

/// Its blocking threads, on which handshakes are made, do not stay for long: what is left is then what is kept.
#[cfg(feature = "tokio")]
fn runtime() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(1).thread_keep_alive(Duration::from_millis(1)).enable_all().build().unwrap()
}

#[cfg(not(feature = "tokio"))]
use serve_on_threads as serve_in_tasks;

/// Three for each session are more than many processes may have at first.
fn allow_descriptors() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

/// Connecting on threads, and every other time in tasks.
struct Connector {
    #[cfg(feature = "tokio")]
    runtime: tokio::runtime::Runtime,
}

impl Connector {
    fn new() -> Self {
        Self {
            #[cfg(feature = "tokio")]
            runtime: runtime(),
        }
    }

    fn connect(&self, path: &str, number: usize) -> Result<MirrorClient, ConnectError> {
        let builder = MirrorClient::builder().config(config());
        #[cfg(feature = "tokio")]
        if number % 2 == 1 {
            return self.runtime.block_on(builder.connect_async(path));
        }
        let _ = number;
        if number % 4 == 0 {
            return builder.serve(LookerServer::new(Glass)).connect(path);
        }
        builder.connect(path)
    }
}

// ---- what a process holds -------------------------------------------------------------------------------------------

/// What a process holds of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holdings {
    descriptors: usize,
    threads: usize,
    /// Mappings of segments, and the bytes in them.
    halves: usize,
    half_bytes: usize,
    /// Of all kinds.
    mappings: usize,
    /// Memory of its own that it has touched, in KiB.
    own_kib: usize,
    /// Shared memory that it has touched or brought in, in KiB.
    shared_kib: usize,
    /// Its page tables, in KiB.
    tables_kib: usize,
}

impl Holdings {
    fn of(process: &Peer) -> Self {
        let directory = format!("/proc/{}", process.pid());
        let read = |name: &str| fs::read_to_string(format!("{directory}/{name}")).unwrap();
        let count = |name: &str| fs::read_dir(format!("{directory}/{name}")).unwrap().count();
        let (maps, status) = (read("maps"), read("status"));
        let kib = |name: &str| -> usize {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        let halves = maps.lines().filter(|line| line.contains("/memfd:rapace"));
        let bytes = |line: &str| {
            let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
            let number = |word| usize::from_str_radix(word, 16).unwrap();
            number(end) - number(start)
        };
        Self {
            descriptors: count("fd"),
            threads: count("task"),
            halves: halves.clone().count(),
            half_bytes: halves.map(bytes).sum(),
            mappings: maps.lines().count(),
            own_kib: kib("RssAnon:"),
            shared_kib: kib("RssShmem:"),
            tables_kib: kib("VmPTE:"),
        }
    }

    /// What a process holds that has no sessions left, once it has ended them all.
    fn at_rest(process: &Peer) -> Self {
        let look = || {
            // A thread that is about to end is not asleep.
            process.wait_until_asleep();
            Self::of(process)
        };
        let mut last = look();
        Self::wait(process, |_| {
            std::thread::sleep(Duration::from_millis(30));
            let before = std::mem::replace(&mut last, look());
            last.halves == 0 && before.is_same(&last)
        })
    }

    /// What a process holds when it is so.
    fn wait(process: &Peer, mut is_so: impl FnMut(&Self) -> bool) -> Self {
        let began = Instant::now();
        let mut told = false;
        loop {
            let now = Self::of(process);
            if is_so(&now) {
                return now;
            }
            // What is never so ends with the watchdog, which does not know what was waited for.
            if began.elapsed() > Duration::from_secs(20) && !std::mem::replace(&mut told, true) {
                let _ = writeln!(std::io::stderr(), "for long now it holds {now:?}");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// In what is counted exactly. The allocator's and the threads' mappings come and go, and the kernel's counts of memory
    /// are near.
    fn is_same(&self, other: &Self) -> bool {
        let exact = |of: &Self| (of.descriptors, of.threads, of.halves);
        exact(self) == exact(other)
    }
}

/// What the allocator may keep, and find another place for, after many sessions instead of a few. A page left by each of
/// 500 sessions would be twice as much.
const SLACK_KIB: usize = 1_000;
/// Stacks and arenas that threads left to the next ones, in mappings; one left by each of 500 sessions would be ten times
/// as many.
const SLACK_MAPPINGS: usize = 50;

/// Waits until a process holds what it held before; memory with some slack.
fn assert_back(who: &str, process: &Peer, before: Holdings, slack_kib: usize) {
    let now = Holdings::wait(process, |now| now.is_same(&before));
    println!("{who}, before and after:\n  {before:?}\n  {now:?}");
    assert!(now.mappings <= before.mappings + SLACK_MAPPINGS, "{who}: {now:?} after {before:?}");
    assert!(now.own_kib <= before.own_kib + slack_kib, "{who}: {now:?} after {before:?}");
    assert!(now.shared_kib <= before.shared_kib + SLACK_KIB, "{who}: {now:?} after {before:?}");
}

fn start(guard: &Guard, role: &str, path: &Path) -> Peer {
    let mut server = guard.spawn(role, path.display());
    assert_eq!(server.hear(), "serving");
    server
}

fn order(process: &mut Peer, what: &str) {
    process.tell(what);
    assert_eq!(process.hear(), "done");
}

/// Answers orders that are numbers.
fn obey(mut act: impl FnMut(usize)) {
    loop {
        match &*hear() {
            "" => return,
            number => act(number.parse().unwrap()),
        }
        say("done");
    }
}

// ---- connecting -----------------------------------------------------------------------------------------------------

/// Two at once, so many times; every tenth is a stranger, and every third leaves with a call that it does not wait for.
fn come_and_go(path: &str) {
    let connector = Connector::new();
    obey(|times| {
        std::thread::scope(|scope| {
            for first in 0..2 {
                let connector = &connector;
                scope.spawn(move || (first..times).step_by(2).for_each(|number| visit(connector, path, number / 2)));
            }
        });
    });
}

fn visit(connector: &Connector, path: &str, number: usize) {
    if number % 10 == 9 {
        drop(UnixStream::connect(path).unwrap());
        return;
    }
    let client = connector.connect(path, number).unwrap();
    let bytes = vec![number as u8; 5_000];
    assert_eq!(client.echo(bytes.clone()).wait().as_ref(), Ok(&bytes));
    if number % 3 == 0 {
        let _left = client.echo(bytes).start().unwrap();
    }
}

#[test]
fn clients_that_come_and_go_leave_nothing_in_either_process() {
    let guard = guard!();
    let times = count("RAPACE_CONNECTS", 500);
    for role in ROLES {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mirror.sock");
        let server = start(&guard, role, &path);
        let mut client = guard.spawn("comes and goes", path.display());
        order(&mut client, "100");
        let before = [&server, &client].map(Holdings::at_rest);
        let began = Instant::now();
        order(&mut client, &times.to_string());
        println!("{times} clients of one that {role}: {:?}", began.elapsed());
        assert_back(role, &server, before[0], SLACK_KIB);
        assert_back("the clients", &client, before[1], SLACK_KIB);
        client.join();
        server.join();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}

// ---- restarts -------------------------------------------------------------------------------------------------------

/// Connects when it is told to, and again when that server is dead.
fn outlive_servers(path: &str) {
    let connector = Connector::new();
    let mut served: Option<MirrorClient> = None;
    obey(|number| {
        if let Some(client) = served.take() {
            // However soon after the death.
            let end = client.echo(Vec::new()).wait();
            assert!(matches!(end, Err(RpcError::PeerDied { .. })), "{end:?}");
            return;
        }
        let client = connector.connect(path, number).unwrap();
        assert_eq!(client.echo(vec![7; 5_000]).wait(), Ok(vec![7; 5_000]));
        served = Some(client);
    });
}

#[test]
fn a_client_outlives_its_servers_and_nothing_is_left_of_them() {
    let guard = guard!();
    let times = count("RAPACE_RESTARTS", 40);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mirror.sock");
    let mut client = guard.spawn("outlives servers", path.display());
    let live = |client: &mut Peer, number: usize| {
        let mut server = start(&guard, ROLES[number / 2 % 2], &path);
        order(client, &number.to_string());
        server.kill();
        order(client, &number.to_string());
        let left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(left, ["mirror.sock"]);
    };
    (0..8).for_each(|number| live(&mut client, number));
    let before = Holdings::at_rest(&client);
    let began = Instant::now();
    (0..times).for_each(|number| live(&mut client, number));
    println!("{times} restarts: {:?}", began.elapsed());
    assert_back("the client", &client, before, SLACK_KIB);
    client.join();
    start(&guard, THREADS, &path).join();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "the last one left in order");
}

// ---- at once --------------------------------------------------------------------------------------------------------

/// As many as it is told, at once; each is called whenever the number is heard, and none is left at zero.
fn hold_sessions(path: &str) {
    allow_descriptors();
    let connector = Connector::new();
    let mut clients = Vec::new();
    obey(|count| {
        clients.truncate(count);
        while clients.len() < count {
            clients.push(connector.connect(path, clients.len()).unwrap());
        }
        for client in &clients {
            assert_eq!(client.echo(vec![7; 5_000]).wait(), Ok(vec![7; 5_000]));
        }
    });
}

#[test]
fn many_sessions_at_once_are_served_and_take_what_is_said() {
    let guard = guard!();
    let count = count("RAPACE_SESSIONS", 150);
    for role in ROLES {
        let threads = if role == THREADS || cfg!(not(feature = "tokio")) { count } else { 0 };
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mirror.sock");
        let server = start(&guard, role, &path);
        let mut client = guard.spawn("holds sessions", path.display());
        order(&mut client, "10");
        order(&mut client, "0");
        let before = Holdings::at_rest(&server);
        let is_counted = |now: &Holdings| {
            now.descriptors == before.descriptors + 3 * count
                && now.threads == before.threads + threads
                && now.halves == 2 * count
        };
        let began = Instant::now();
        order(&mut client, &count.to_string());
        println!("{count} sessions with one that {role}: {:?}", began.elapsed());
        Holdings::wait(&server, is_counted);
        let began = Instant::now();
        order(&mut client, &count.to_string());
        println!("a call of each: {:?}", began.elapsed());
        let now = Holdings::of(&server);
        assert!(is_counted(&now), "{now:?} after {before:?}");
        let each = |of: fn(&Holdings) -> usize| (of(&now) as f64 - of(&before) as f64) / count as f64;
        println!(
            "each: {} threads, {} descriptors, {:.1} mappings, {:.1} KiB of its own, {:.1} KiB of page tables, {:.1} KiB of \
             shared memory, of which {:.1} KiB are in this process's count",
            each(|of| of.threads),
            each(|of| of.descriptors),
            each(|of| of.mappings),
            each(|of| of.own_kib),
            each(|of| of.tables_kib),
            each(|of| of.half_bytes) / 1_024.0,
            each(|of| of.shared_kib),
        );
        order(&mut client, "0");
        // The allocator and the threads keep what was needed at once, for the next time: if that took as much again, nothing
        // of it would have been given back.
        let slack_kib = (now.own_kib - before.own_kib) / 2;
        let before = Holdings::at_rest(&server);
        order(&mut client, &count.to_string());
        order(&mut client, "0");
        assert_back(role, &server, before, slack_kib);
        client.join();
        server.join();
    }
}
