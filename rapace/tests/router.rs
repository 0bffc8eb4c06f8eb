//! Several services on one path and in one session, some of them not for everybody, and what their handlers find in their
//! context. The server is a process of its own: threads, sync methods in tasks, or async methods.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod peer;

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use peer::{Guard, Peer, hear, say, until};
use rapace::{Config, ConnectError, Context, Credentials, Extensions, Guarded, OpenError, Router, RpcError, Server};
use serde::{Deserialize, Deserializer, Serialize};

/// Arguments of this type that were decoded in this process.
static DECODED: AtomicUsize = AtomicUsize::new(0);
/// Sessions that began in this process.
static SESSIONS: AtomicUsize = AtomicUsize::new(0);

/// An argument that is noticed when it is looked at.
#[derive(Debug, Serialize)]
struct Seen(u32);

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        DECODED.fetch_add(1, Ordering::Relaxed);
        u32::deserialize(from).map(Self)
    }
}

#[rapace::service(name = "Desk")]
trait Desk {
    fn add(&self, a: i32, b: i32) -> i32;
    /// Arguments that were decoded, and sessions that began, in all of the server.
    fn seen(&self) -> (usize, usize);
    /// What the context has: for all, for this session, and of a type that nobody put in.
    fn found(&self, cx: &Context) -> (Option<String>, Option<i32>, Option<u64>);
}

#[rapace::service(name = "Vault")]
trait Vault {
    fn count(&self) -> u32;
    fn open(&self, key: Seen) -> u32;
    /// Until nobody waits for it any more.
    #[rapace(blocking)]
    fn empty(&self, key: Seen, cx: &Context) -> u32;
    /// Its guard panics.
    fn trapped(&self) -> u32;
}

/// Sync in one trait, async in another one of the same name.
#[cfg(feature = "tokio")]
mod awaited {
    use super::{Context, Keeper, Seen};

    #[rapace::service(name = "Vault")]
    pub(super) trait Vault {
        async fn count(&self) -> u32;
        async fn open(&self, key: Seen) -> u32;
        async fn empty(&self, key: Seen, cx: &Context) -> u32;
        async fn trapped(&self) -> u32;
    }

    impl Vault for Keeper {
        async fn count(&self) -> u32 {
            tokio::task::yield_now().await;
            super::Vault::count(self)
        }
        async fn open(&self, key: Seen) -> u32 {
            key.0
        }
        async fn empty(&self, _: Seen, _: &Context) -> u32 {
            std::future::pending().await
        }
        async fn trapped(&self) -> u32 {
            0
        }
    }
}

/// A service that no server here has, and one that they have otherwise.
#[rapace::service]
trait Missing {
    fn nothing(&self);
}

mod other {
    #[rapace::service(name = "Vault")]
    pub(super) trait Vault {
        fn count(&self) -> String;
    }
}

struct Keeper;

impl Desk for Keeper {
    fn add(&self, a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }
    fn seen(&self) -> (usize, usize) {
        (DECODED.load(Ordering::Relaxed), SESSIONS.load(Ordering::Relaxed))
    }
    fn found(&self, cx: &Context) -> (Option<String>, Option<i32>, Option<u64>) {
        (cx.extension::<String>().cloned(), cx.extension::<i32>().copied(), cx.extension::<u64>().copied())
    }
}

impl Vault for Keeper {
    fn count(&self) -> u32 {
        3
    }
    fn open(&self, key: Seen) -> u32 {
        key.0
    }
    fn empty(&self, _: Seen, cx: &Context) -> u32 {
        until(|| cx.is_cancelled());
        7
    }
    fn trapped(&self) -> u32 {
        0
    }
}

const THREADS: &str = "threads";
/// On tokio, its methods sync ones.
#[cfg(feature = "tokio")]
const SYNC_TASKS: &str = "sync tasks";
/// On tokio, its methods async ones.
#[cfg(feature = "tokio")]
const ASYNC: &str = "async";

#[cfg(feature = "tokio")]
const ROLES: [&str; 3] = [THREADS, SYNC_TASKS, ASYNC];
#[cfg(not(feature = "tokio"))]
const ROLES: [&str; 1] = [THREADS];

#[test]
fn peer_entry() {
    peer::run(&[
        (THREADS, serve),
        #[cfg(feature = "tokio")]
        (SYNC_TASKS, |argument| serve_in_tasks(SYNC_TASKS, argument)),
        #[cfg(feature = "tokio")]
        (ASYNC, |argument| serve_in_tasks(ASYNC, argument)),
        ("one service", serve_one),
        ("client", another_client),
        ("busy client", keep_the_worker),
    ]);
}

fn config() -> Config {
    let mut config = Config::default();
    config.limits.handshake_time = std::time::Duration::from_secs(50);
    // As many as the tests need, so that one that was not left would be missing.
    config.limits.sessions_per_uid = 2;
    config
}

/// The process of this number may count, and nothing else.
fn guard(refused: i32) -> impl Fn(&Credentials, &str) -> bool + Send + Sync + 'static {
    move |peer, method| {
        assert_ne!(method, "trapped", "it is a trap");
        peer.pid != refused || method == "count"
    }
}

/// What each session begins with.
fn begin(peer: &Credentials, extensions: &mut Extensions) {
    if SESSIONS.fetch_add(1, Ordering::Relaxed) == 3 {
        panic!("the fourth one is not wanted");
    }
    extensions.insert(peer.pid);
}

/// The argument of all servers: whom the vault refuses, and the path.
fn parse(argument: &str) -> (i32, &str) {
    let (refused, path) = argument.split_once(' ').unwrap();
    (refused.parse().unwrap(), path)
}

fn serve(argument: &str) {
    let (refused, path) = parse(argument);
    let router = Router::new().add(DeskServer::new(Keeper)).add_guarded(VaultServer::new(Keeper), guard(refused));
    let server = Server::new(router).config(config()).workers(1).extension("for all".to_owned()).on_session(begin);
    let server = server.bind(path).unwrap();
    say("serving");
    server.join().unwrap();
}

#[cfg(feature = "tokio")]
fn serve_in_tasks(role: &str, argument: &str) {
    use rapace::aio;

    let (refused, path) = parse(argument);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(async {
        let desk = Router::new().add(DeskServer::new(Keeper));
        let server = match role {
            // A router for threads is good for tasks, too, alone or within another one.
            SYNC_TASKS => aio::Server::new(desk.add_guarded(VaultServer::new(Keeper), guard(refused))),
            _ => {
                let vault = awaited::VaultServer::new(Keeper);
                aio::Server::new(aio::Router::new().add(desk).add_guarded(vault, guard(refused)))
            }
        };
        let server = server.config(config()).extension("for all".to_owned()).on_session(begin).bind(path).unwrap();
        say("serving");
        server.join().await.unwrap();
    });
}

/// The vault alone.
fn serve_one(argument: &str) {
    let (refused, path) = parse(argument);
    let server = Server::new(Guarded::new(VaultServer::new(Keeper), guard(refused))).bind(path).unwrap();
    say("serving");
    server.join().unwrap();
}

/// A process that nobody refuses, with a session of its own.
fn another_client(path: &str) {
    let desk = DeskClient::connect(path).unwrap();
    let vault = desk.session().client::<VaultClient>().unwrap();
    assert_eq!(vault.open(Seen(9)).wait(), Ok(9));
    assert_eq!(desk.found().wait().unwrap().1, Some(std::process::id() as i32));
    say("opened");
    hear();
}

/// A process that is not refused, and has one call of a blocking method running.
fn keep_the_worker(path: &str) {
    let desk = DeskClient::connect(path).unwrap();
    let before = desk.seen().wait().unwrap().0;
    let _begun = desk.session().client::<VaultClient>().unwrap().empty(Seen(1)).start().unwrap();
    until(|| desk.seen().wait().unwrap().0 > before);
    say("begun");
    hear();
}

struct Served {
    _process: Peer,
    path: PathBuf,
    _directory: tempfile::TempDir,
}

/// A server in a process of its own, whose vault refuses this process.
fn open(guard: &Guard, role: &str) -> Served {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("office.sock");
    let mut process = guard.spawn(role, format!("{} {}", std::process::id(), path.display()));
    assert_eq!(process.hear(), "serving");
    Served { _process: process, path, _directory: directory }
}

fn denied(method: &str) -> RpcError {
    RpcError::PermissionDenied(method.into())
}

#[test]
fn services_of_a_router_are_called_on_one_path_and_in_one_session() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let desk = DeskClient::connect(&served.path).unwrap();
        let vault = desk.session().client::<VaultClient>().unwrap();
        assert_eq!((desk.add(1, 2).wait(), vault.count().wait()), (Ok(3), Ok(3)));
        // Calls of both are in flight at once, and answers find their callers.
        let begun: Vec<_> = (0..8).map(|n| (desk.add(n, n).start().unwrap(), vault.count().start().unwrap())).collect();
        for (n, (sum, count)) in (0..).zip(begun) {
            assert_eq!((count.wait(), sum.wait()), (Ok(3), Ok(n + n)));
        }
        let (_, sessions) = desk.seen().wait().unwrap();
        assert_eq!(sessions, 1, "two clients, one session");

        // The session lives as long as one of its clients.
        drop(desk);
        let desk = vault.session().client::<DeskClient>().unwrap();
        assert_eq!(desk.add(3, 4).wait(), Ok(7));

        // A client may connect to any of them.
        let second = VaultClient::connect(&served.path).unwrap();
        assert_eq!((second.count().wait(), desk.seen().wait().unwrap().1), (Ok(3), 2));
        // Closing is for all clients of a session, and for no other one.
        desk.session().close();
        assert_eq!(vault.count().wait(), Err(RpcError::Closed { may_have_executed: false }));
        assert_eq!(second.count().wait(), Ok(3));
    }
}

#[test]
fn a_client_of_a_service_that_is_not_there_says_so_and_leaves_the_session_alone() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let desk = DeskClient::connect(&served.path).unwrap();
        match desk.session().client::<MissingClient>() {
            Err(ConnectError::NoService { service: "Missing", served }) => assert_eq!(served, "Desk, Vault"),
            other => panic!("{other:?}"),
        }
        match desk.session().client::<other::VaultClient>() {
            Err(ConnectError::Incompatible { differences }) => assert!(differences[0].contains("`Vault.count`")),
            other => panic!("{other:?}"),
        }
        assert_eq!(desk.add(1, 2).wait(), Ok(3));
    }
}

#[test]
fn two_services_of_one_name_are_refused_before_anybody_can_connect() {
    let guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("twice.sock");
    let twice =
        || Router::new().add(VaultServer::new(Keeper)).add(DeskServer::new(Keeper)).add(VaultServer::new(Keeper));
    let check = |error: OpenError| {
        assert!(matches!(error, OpenError::ServiceTwice { service: "Vault" }), "{error:?}");
        assert!(error.to_string().contains("`Vault`"), "{error}");
    };
    check(Server::new(twice()).bind(&path).unwrap_err());
    check(Server::new(twice()).serve_over(UnixStream::pair().unwrap().0).unwrap_err());
    #[cfg(feature = "tokio")]
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        check(rapace::aio::Server::new(twice()).bind(&path).unwrap_err());
    });
    // Nobody listens there now, and somebody can.
    let refused = std::process::id();
    let mut process = guard.spawn(THREADS, format!("{refused} {}", path.display()));
    assert_eq!(process.hear(), "serving");
}

#[test]
fn who_may_not_call_a_method_is_told_so_and_nothing_of_the_call_is_looked_at() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let desk = DeskClient::connect(&served.path).unwrap();
        let vault = desk.session().client::<VaultClient>().unwrap();
        // To find out its shape, a server decodes one of each type when it begins.
        let before = desk.seen().wait().unwrap().0;
        let error = vault.open(Seen(1)).wait().unwrap_err();
        assert_eq!(error, denied("Vault.open"));
        assert!(!error.is_retryable() && error.to_string().contains("`Vault.open`"), "{error}");
        assert_eq!(vault.empty(Seen(1)).wait(), Err(denied("Vault.empty")));
        assert_eq!(desk.seen().wait().unwrap().0, before, "an argument was decoded");
        // What is for everybody in the same service, and what is not guarded at all, is as before.
        assert_eq!((vault.count().wait(), desk.add(1, 2).wait()), (Ok(3), Ok(3)));

        // It is the caller that counts: for another process the same method is there.
        let mut other = guard.spawn("client", served.path.display());
        assert_eq!(other.hear(), "opened");
        assert_eq!(desk.seen().wait().unwrap().0, before + 1);
        other.join();

        // A guard that panics refuses, and hurts nobody else.
        match vault.trapped().wait() {
            Err(RpcError::Panicked(text)) => assert!(text.contains("it is a trap"), "{text}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(vault.count().wait(), Ok(3));
    }
}

#[test]
fn one_service_alone_can_be_guarded() {
    let guard = guard!();
    let served = open(&guard, "one service");
    let vault = VaultClient::connect(&served.path).unwrap();
    assert_eq!((vault.count().wait(), vault.open(Seen(1)).wait()), (Ok(3), Err(denied("Vault.open"))));
}

#[test]
fn a_refused_call_waits_for_no_worker() {
    let guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("office.sock");
    // The other process keeps the only worker.
    let mut process = guard.spawn(THREADS, format!("{} {}", std::process::id(), path.display()));
    assert_eq!(process.hear(), "serving");
    let mut other = guard.spawn("busy client", path.display());
    assert_eq!(other.hear(), "begun");
    let vault = VaultClient::connect(&path).unwrap();
    assert_eq!(vault.empty(Seen(1)).wait(), Err(denied("Vault.empty")));
    other.join();
}

#[test]
fn handlers_find_what_the_server_and_their_session_have() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let this = std::process::id() as i32;
        {
            let desk = DeskClient::connect(&served.path).unwrap();
            assert_eq!(desk.found().wait(), Ok((Some("for all".to_owned()), Some(this), None)));
            // Each session has its own, by who is on the other end.
            let mut other = guard.spawn("client", served.path.display());
            assert_eq!(other.hear(), "opened");
            other.join();
            assert_eq!(desk.found().wait(), Ok((Some("for all".to_owned()), Some(this), None)));
        }
        // The fourth session's beginning panics: that session is closed, and no other one. It has left, too: there is
        // room for two sessions of this user at once.
        let third = until_connected(&served);
        // Its session has begun before the next one does.
        assert_eq!(third.add(1, 2).wait(), Ok(3));
        let fourth = until_connected(&served);
        assert!(matches!(fourth.add(1, 2).wait(), Err(RpcError::Closed { .. })));
        drop(fourth);
        let fifth = until_connected(&served);
        assert_eq!((third.add(1, 2).wait(), fifth.add(1, 2).wait()), (Ok(3), Ok(3)));
    }
}

/// One that was left may be counted for a moment longer.
fn until_connected(served: &Served) -> DeskClient {
    loop {
        match DeskClient::connect(&served.path) {
            Ok(desk) => return desk,
            Err(ConnectError::Open(OpenError::Refused { .. })) => std::thread::yield_now(),
            Err(error) => panic!("{error:?}"),
        }
    }
}
