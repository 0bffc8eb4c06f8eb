//! What programs do to a server or a host without meaning to: a child that drops what its parent goes on with, values that take their
//! time to be dropped or panic then, children that the system reaps, a terminal that takes nothing, a server that is replaced under a call.

#![cfg(all(target_os = "linux", feature = "tokio", not(loom)))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]
#![allow(unsafe_code)]

mod peer;

use std::future::{Future, IntoFuture};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_core::Stream;
use peer::{say, until};
use rapace::{
    Config, Context, Credentials, Extensions, Plugin, Retry, RpcError, Server, ServerHandle, SupervisionState,
};
use tempfile::TempDir;

#[rapace::service]
trait Desk {
    fn pid(&self) -> u32;
    /// Until it is let go.
    #[rapace(blocking, idempotent)]
    fn hold(&self, data: Vec<u8>) -> u32;
    /// Until it is cancelled.
    #[rapace(blocking)]
    fn works(&self, cx: &Context) -> u32;
    fn crash(&self);
    /// Says something without end.
    fn shout(&self);
}

#[derive(Default)]
struct Clerk {
    running: AtomicU32,
    is_let_go: AtomicBool,
}

impl Desk for Arc<Clerk> {
    fn pid(&self) -> u32 {
        std::process::id()
    }
    fn hold(&self, _: Vec<u8>) -> u32 {
        self.running.fetch_add(1, Ordering::Relaxed);
        until(|| self.is_let_go.load(Ordering::Relaxed));
        1
    }
    fn works(&self, cx: &Context) -> u32 {
        self.running.fetch_add(1, Ordering::Relaxed);
        until(|| cx.is_cancelled());
        1
    }
    fn crash(&self) {
        std::process::exit(3)
    }
    fn shout(&self) {
        loop {
            eprintln!("{}", "x".repeat(200));
        }
    }
}

/// A server, where it is, and who works there.
struct Office {
    server: Option<ServerHandle>,
    clerk: Arc<Clerk>,
    path: PathBuf,
    _directory: TempDir,
}

fn open(setting: impl FnOnce(Server) -> Server) -> Office {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("desk.sock");
    let clerk = Arc::new(Clerk::default());
    let server = setting(Server::new(DeskServer::new(Arc::clone(&clerk)))).bind(&path).unwrap();
    Office { server: Some(server), clerk, path, _directory: directory }
}

impl Office {
    fn until_runs(&self) {
        until(|| self.clerk.running.load(Ordering::Relaxed) == 1);
    }
}

#[test]
fn peer_entry() {
    peer::run(&[
        ("works", |_| rapace::host().unwrap().serve(DeskServer::new(Arc::<Clerk>::default())).run().unwrap()),
        ("ignores the ends of its children", ignore_ends),
        ("has a terminal that takes nothing", shout_at_a_terminal),
        ("drops a copy of its server in a child", drop_a_copy),
        ("forks with futures under way", fork_with_futures),
    ]);
}

fn drop_a_copy(_: &str) {
    let mut office = open(|server| server);
    let client = DeskClient::connect(&office.path).unwrap();
    client.pid().wait().unwrap();
    // SAFETY: the child drops the handle, which is what is tested, and ends without its parent's exit handlers.
    let child = unsafe { libc::fork() };
    if child == 0 {
        drop(office.server.take());
        // SAFETY: as above.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: the pointer is to a live local.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(client.pid().wait(), Ok(std::process::id()));
    // A server that had been told to stop would have removed it by now.
    std::thread::sleep(Duration::from_millis(100));
    let again = DeskClient::connect(&office.path).unwrap();
    assert_eq!(again.pid().wait(), Ok(std::process::id()));
    say("done");
}

#[test]
fn a_forked_child_that_drops_a_server_leaves_that_of_its_parent_alone() {
    let guard = guard!();
    let mut peer = guard.spawn("drops a copy of its server in a child", "");
    assert_eq!(peer.hear(), "done");
    peer.join();
}

// ---- calls that are made again --------------------------------------------------------------------------------------

/// A call that ran in a server which stopped under it, and is made again in the next server at the same path, whose only worker is busy.
macro_rules! made_again {
    ($config:expr, $timeout:expr) => {{
        let mut office = open(|server| server);
        let client = DeskClient::builder().reconnect(Retry::default()).connect(&office.path).unwrap();
        let pending = client.hold(vec![1; 300_000]).timeout($timeout).start().unwrap();
        office.until_runs();
        let server = office.server.take().unwrap();
        server.shut_down();
        server.join().unwrap();
        // Its answer would be taken if it came before that.
        until(|| client.session().supervision().unwrap().state != SupervisionState::Connected);
        office.clerk.is_let_go.store(true, Ordering::Relaxed);
        office.clerk = Arc::default();
        let server = Server::new(DeskServer::new(Arc::clone(&office.clerk))).workers(1).config($config);
        office.server = Some(server.bind(&office.path).unwrap());
        let busy = client.works().start().unwrap();
        office.until_runs();
        (office, client, pending, busy)
    }};
}

#[test]
fn a_call_that_ran_and_is_made_again_too_late_may_have_run() {
    let (_office, client, mut pending, busy) = made_again!(Config::default(), Duration::from_secs(1));
    let before = client.session().stats().own.calls_begun;
    // Whoever looks makes it again.
    while client.session().stats().own.calls_begun == before {
        pending = pending.try_wait().unwrap_err();
    }
    std::thread::sleep(Duration::from_millis(1_100));
    drop(busy);
    // The server's word, and not this side's: that it was too late there, and was not begun.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(pending.try_wait().unwrap(), Err(RpcError::DeadlineExceeded { may_have_executed: true }));
}

#[test]
fn a_call_that_ran_and_is_made_again_where_there_is_no_room_is_not_retryable() {
    let mut config = Config::default();
    config.limits.queued_bytes = 1;
    let (_office, client, pending, busy) = made_again!(config, Duration::from_secs(1_000));
    // The one that is queued in any case.
    let filler = client.hold(vec![2; 300_000]).start().unwrap();
    let error = pending.wait().unwrap_err();
    assert!(!error.is_retryable(), "it ran, and {error:?} says that it certainly did not");
    drop((busy, filler));
}

// ---- what sessions drop ---------------------------------------------------------------------------------------------

struct Slow;

impl Drop for Slow {
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_millis(800));
    }
}

struct Panics;

impl Drop for Panics {
    fn drop(&mut self) {
        panic!("a session's extension is dropped");
    }
}

fn with<T: Send + Sync + 'static>(value: fn() -> T) -> impl FnOnce(Server) -> Server {
    move |server| server.on_session(move |_: &Credentials, extensions: &mut Extensions| extensions.insert(value()))
}

#[test]
fn a_session_whose_extensions_take_their_time_to_be_dropped_is_counted() {
    let office = open(with(|| Slow));
    let client = DeskClient::connect(&office.path).unwrap();
    let call = client.works().start().unwrap();
    office.until_runs();
    let server = office.server.as_ref().unwrap();
    let farewell = server.shut_down_gracefully(Duration::from_millis(10));
    assert_eq!(call.wait(), Err(RpcError::Cancelled));
    assert_eq!((farewell.sessions, farewell.cancelled, farewell.cut_off), (1, 1, 0), "{farewell:?}");
    assert_eq!(server.stats().total.calls_answered, 1);
}

#[test]
fn a_session_whose_extension_panics_when_it_is_dropped_leaves_all_the_same() {
    let mut config = Config::default();
    config.limits.sessions_per_uid = 2;
    let office = open(|server| with(|| Panics)(server).config(config));
    for _ in 0..4 {
        // Until the one before is gone.
        let mut client = None;
        until(|| {
            client = DeskClient::connect(&office.path).ok();
            client.is_some()
        });
        client.unwrap().pid().wait().unwrap();
    }
    let began = Instant::now();
    office.server.as_ref().unwrap().shut_down_gracefully(Duration::from_secs(20));
    assert!(began.elapsed() < Duration::from_secs(15), "it waits for sessions that are over");
}

#[test]
fn a_worker_that_drops_such_a_session_last_goes_on() {
    let office = open(|server| with(|| Panics)(server).workers(1));
    let client = DeskClient::connect(&office.path).unwrap();
    let held = client.hold(Vec::new()).start().unwrap();
    office.until_runs();
    drop((held, client));
    let server = office.server.as_ref().unwrap();
    until(|| server.stats().sessions.is_empty());
    office.clerk.is_let_go.store(true, Ordering::Relaxed);
    let client = DeskClient::connect(&office.path).unwrap();
    assert_eq!(client.hold(Vec::new()).wait(), Ok(1));
}

// ---- hosts ----------------------------------------------------------------------------------------------------------

/// User and system time of this process.
fn cpu() -> Duration {
    // SAFETY: all zeroes is a value of it.
    let mut usage = unsafe { std::mem::zeroed::<libc::rusage>() };
    // SAFETY: the pointer is to a live local.
    assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) }, 0);
    let of = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1_000);
    of(usage.ru_utime) + of(usage.ru_stime)
}

fn ignore_ends(_: &str) {
    // SAFETY: no handler is set, and nothing else in this process waits for children by that signal.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    let plugin = Plugin::builder().restart(Retry::default()).spawn(peer::command("works", "")).unwrap();
    let desk = plugin.client::<DeskClient>().unwrap();
    let first = desk.pid().wait().unwrap();
    let busy = cpu();
    assert!(desk.crash().wait().is_err());
    assert_ne!(desk.pid().wait().unwrap(), first);
    let burnt = cpu().saturating_sub(busy);
    // Whoever takes the end for none looks for seconds.
    assert!(burnt < Duration::from_millis(1_000), "{burnt:?}");
    plugin.shut_down(Duration::from_secs(1));
    say("done");
}

#[test]
fn the_end_of_a_plugin_is_seen_where_the_system_reaps_children() {
    let guard = guard!();
    let mut host = guard.spawn("ignores the ends of its children", "");
    assert_eq!(host.hear(), "done");
    host.join();
}

fn shout_at_a_terminal(_: &str) {
    let (mut master, mut slave) = (0, 0);
    let (name, termios, size) = (std::ptr::null_mut(), std::ptr::null(), std::ptr::null());
    // SAFETY: the pointers are to live locals, or null where that is allowed.
    assert_eq!(unsafe { libc::openpty(&raw mut master, &raw mut slave, name, termios, size) }, 0);
    // SAFETY: both are open descriptors; nobody reads from the other end.
    assert_eq!(unsafe { libc::dup2(slave, 2) }, 2);
    let plugin = Plugin::builder().spawn(peer::command("works", "")).unwrap();
    let _call = plugin.client::<DeskClient>().unwrap().shout().start().unwrap();
    // The terminal is full by then, or the test shows nothing.
    std::thread::sleep(Duration::from_millis(300));
    drop(plugin);
    say("dropped");
}

#[test]
fn a_host_whose_terminal_takes_nothing_goes_on() {
    let guard = guard!();
    let mut host = guard.spawn("has a terminal that takes nothing", "");
    assert_eq!(host.hear(), "dropped");
    host.join();
}

// ---- runtimes -------------------------------------------------------------------------------------------------------

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// The status of a child that does this. It has its parent's runtime, as one that goes on by mistake has.
fn in_child(act: impl FnOnce() -> bool) -> i32 {
    // SAFETY: the child does what is tested, on this thread, and ends without its parent's exit handlers.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let is_so = act();
        // SAFETY: as above.
        unsafe { libc::_exit(i32::from(!is_so)) };
    }
    let mut status = 0;
    // SAFETY: the pointer is to a live local.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    status
}

/// Receives in a runtime, from a thread that sends a little later, and says how long it took.
fn hear_from(
    a: &mut rapace::Session<rapace::PeerA>,
    b: &mut rapace::aio::Session<rapace::PeerB>,
    runtime: &tokio::runtime::Runtime,
) -> Duration {
    let began = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            a.send(rapace::Head::message(1), b"x").unwrap();
        });
        // The timeout looks as well when it is over.
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(5), b.recv()).await }).unwrap().unwrap();
    });
    began.elapsed()
}

fn fork_with_futures(_: &str) {
    let runtime = runtime();
    let _entered = runtime.enter();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let office = open(|server| server);
    for _ in 0..10 {
        // A call that looks for its answer when its process forks.
        let client = DeskClient::connect(&office.path).unwrap();
        client.pid().wait().unwrap();
        let mut call = pin!(client.hold(Vec::new()).into_future());
        assert!(call.as_mut().poll(&mut cx).is_pending());
        let is_told = |ended: Poll<Result<u32, RpcError>>| matches!(ended, Poll::Ready(Err(error)) if error.to_string().contains("fork"));
        assert_eq!(in_child(|| is_told(call.as_mut().poll(&mut cx))), 0, "a signal, or that it was not told");
    }
    office.clerk.is_let_go.store(true, Ordering::Relaxed);
    // A receive that waits.
    let (mut a, b) = rapace::session::pair().unwrap();
    let mut b = rapace::aio::Session::from(b);
    {
        let mut receive = pin!(b.recv());
        assert!(receive.as_mut().poll(&mut cx).is_pending());
        let is_told = |ended: Poll<Result<rapace::Inbound, rapace::RecvError>>| matches!(ended, Poll::Ready(Err(error)) if error.to_string().contains("fork"));
        assert_eq!(in_child(|| is_told(receive.as_mut().poll(&mut cx))), 0, "a signal, or that it was not told");
    }
    // What a child drops is still in its parent's reactor.
    hear_from(&mut a, &mut b, &runtime);
    let mut b = Some(b);
    let mut listener = Some(rapace::aio::Listener::bind(office.path.with_extension("other")).unwrap());
    assert_eq!(in_child(|| b.take().is_some() && listener.take().is_some()), 0);
    assert!(hear_from(&mut a, b.as_mut().unwrap(), &runtime) < Duration::from_secs(4));
    let began = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            let _ = std::os::unix::net::UnixStream::connect(office.path.with_extension("other"));
        });
        let accept = async { tokio::time::timeout(Duration::from_secs(5), listener.as_mut().unwrap().accept()).await };
        assert!(runtime.block_on(accept).is_ok() && began.elapsed() < Duration::from_secs(4));
    });
    say("done");
}

#[test]
fn a_child_that_is_forked_with_futures_under_way_is_told_and_takes_nothing_from_its_parent() {
    let guard = guard!();
    let mut peer = guard.spawn("forks with futures under way", "");
    assert_eq!(peer.hear(), "done");
    peer.join();
}

#[rapace::service]
trait Counter {
    fn next(&self, number: u32) -> u32;
    fn count(&self, numbers: rapace::Tx<u32>);
    fn take(&self, numbers: rapace::Rx<u32>);
}

struct Endless;

impl Counter for Endless {
    fn next(&self, number: u32) -> u32 {
        number.wrapping_add(1)
    }
    fn count(&self, mut numbers: rapace::Tx<u32>) {
        (0..).map_while(|number| numbers.send(number).wait().ok()).count();
    }
    fn take(&self, mut numbers: rapace::Rx<u32>) {
        while let Ok(Some(_)) = numbers.recv().wait() {}
    }
}

/// Polls in a task that has had its turn: what is there at once is not, so that others run.
async fn spent<T>(mut poll: impl FnMut(&mut std::task::Context<'_>) -> T) -> T {
    std::future::poll_fn(|cx| {
        let has_budget = |_: &u32| pin!(tokio::task::consume_budget()).poll(cx).is_ready();
        assert!((0..1_000).take_while(has_budget).count() < 1_000);
        Poll::Ready(poll(cx))
    })
    .await
}

#[test]
fn a_task_whose_calls_and_items_are_there_at_once_lets_others_run() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("counter.sock");
    let _server = Server::new(CounterServer::new(Endless)).bind(&path).unwrap();
    let client = CounterClient::connect(&path).unwrap();
    runtime().block_on(async {
        let mut call = pin!(client.next(1).into_future());
        assert!(spent(|cx| call.as_mut().poll(cx)).await.is_pending());
        assert_eq!(client.session().stats().own.calls_begun, 0);
        assert_eq!(call.await, Ok(2));
        let (tx, mut rx) = rapace::stream();
        let _call = client.count(tx).start_async().await.unwrap();
        assert_eq!(rx.recv().await, Ok(Some(0)));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(spent(|cx| pin!(rx.recv().into_future()).poll(cx)).await.is_pending());
        assert!(spent(|cx| Pin::new(&mut rx).poll_next(cx)).await.is_pending());
        assert_eq!(rx.recv().await, Ok(Some(1)));
        let (mut tx, rx) = rapace::stream();
        let _call = client.take(rx).start_async().await.unwrap();
        assert!(spent(|cx| pin!(tx.send(1).into_future()).poll(cx)).await.is_pending());
        tx.send(2).await.unwrap();
    });
}
