//! Calls back, between two processes: handlers call their callers, who call them in turn; who runs what, how deep, and what
//! becomes of it when one of them goes.

#![cfg(all(feature = "tokio", not(loom)))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod faces;
mod peer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use faces::{Awaiting, Blocking, Face, end, now, one_thread, start, two_threads};
use peer::{Guard, Peer, say, until};
use rapace::{CallError, Config, Context, RpcError, Rx, Server, Tx, stream};
use rustix::process::Signal;

/// On the thread of its session.
const THREADS: &str = "threads";
/// On workers.
const WORKERS: &str = "workers";
/// On tokio, its methods sync ones, on the blocking pool.
const SYNC_TASKS: &str = "sync tasks";
/// On tokio, its methods async ones.
const ASYNC: &str = "async";

const ROLES: [&str; 4] = [THREADS, WORKERS, SYNC_TASKS, ASYNC];

/// Long enough never to be over.
const LONG: Duration = Duration::from_secs(1_000);

/// What servers serve.
#[rapace::service(name = "Work")]
trait Work {
    fn add(&self, a: i32, b: i32) -> i32;
    /// Asks the caller so often which thread runs its handler.
    #[rapace(blocking)]
    fn asks(&self, cx: &Context, times: u32) -> Vec<String>;
    /// Calls the caller, who calls here, and so on; how many calls there were.
    #[rapace(blocking)]
    fn descends(&self, cx: &Context, levels: u32) -> Result<u32, String>;
    /// As `asks`, of a handler that goes on after its answer.
    #[rapace(blocking)]
    fn asks_lingering(&self, cx: &Context, calls: bool) -> Vec<String>;
    /// Has the caller meet others.
    #[rapace(blocking)]
    fn meets(&self, cx: &Context) -> u32;
    /// Calls the caller's methods that bring no result.
    #[rapace(blocking)]
    fn fails(&self, cx: &Context) -> Vec<String>;
    /// How much time is left, here and at the caller.
    #[rapace(blocking)]
    fn left(&self, cx: &Context) -> [Option<Duration>; 2];
    /// Streams from the caller, and back to it; and tells it how many.
    #[rapace(blocking)]
    fn streams(&self, cx: &Context, to: u32) -> (u32, u32);
    /// Why the caller cannot be called.
    #[rapace(blocking)]
    fn looks(&self, cx: &Context) -> String;
    /// Keeps a client of the caller.
    #[rapace(blocking)]
    fn registers(&self, cx: &Context);
    /// Asks the one that is kept.
    #[rapace(blocking)]
    fn asks_kept(&self) -> Result<String, String>;
    /// Until there is such a file.
    #[rapace(blocking)]
    fn holds(&self, until: PathBuf);
    /// Tells the caller a number, which nobody waits for.
    #[rapace(oneway, blocking)]
    fn answers_later(&self, cx: &Context, number: u32);
    /// Has the caller end its own process.
    #[rapace(blocking)]
    fn kills(&self, cx: &Context);
    /// What was noted.
    fn noted(&self) -> Vec<String>;
}

/// What callers serve.
#[rapace::service(name = "Back")]
trait Back {
    fn thread(&self) -> String;
    /// Calls the server itself, if it is to.
    fn lingers(&self, cx: &Context, calls: bool) -> Lingering;
    fn descends(&self, cx: &Context, levels: u32) -> Result<u32, String>;
    fn meets(&self) -> u32;
    fn fails(&self) -> Result<u32, String>;
    fn panics(&self) -> u32;
    fn left(&self, cx: &Context) -> Option<Duration>;
    fn count(&self, to: u32, out: Tx<u32>) -> u32;
    fn tally(&self, numbers: Rx<u32>) -> u32;
    #[rapace(oneway)]
    fn tells(&self, number: u32);
    fn told(&self) -> Vec<u32>;
    fn dies(&self);
}

/// A result that takes its time to go, after it was sent.
#[derive(serde::Serialize, serde::Deserialize)]
struct Lingering(String);

impl Drop for Lingering {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The same, with async methods, but for some.
mod awaited {
    use super::{Context, Duration, PathBuf, Rx, Tx};

    #[rapace::service(name = "Work")]
    pub(super) trait Work {
        fn add(&self, a: i32, b: i32) -> i32;
        async fn asks(&self, cx: &Context, times: u32) -> Vec<String>;
        async fn descends(&self, cx: &Context, levels: u32) -> Result<u32, String>;
        async fn meets(&self, cx: &Context) -> u32;
        async fn fails(&self, cx: &Context) -> Vec<String>;
        async fn left(&self, cx: &Context) -> [Option<Duration>; 2];
        async fn streams(&self, cx: &Context, to: u32) -> (u32, u32);
        #[rapace(blocking)]
        fn looks(&self, cx: &Context) -> String;
        #[rapace(blocking)]
        fn registers(&self, cx: &Context);
        async fn asks_kept(&self) -> Result<String, String>;
        #[rapace(blocking)]
        fn holds(&self, until: PathBuf);
        #[rapace(oneway)]
        async fn answers_later(&self, cx: &Context, number: u32);
        async fn kills(&self, cx: &Context);
        fn noted(&self) -> Vec<String>;
    }

    #[rapace::service(name = "Back")]
    pub(super) trait Back {
        async fn thread(&self) -> String;
        async fn descends(&self, cx: &Context, levels: u32) -> Result<u32, String>;
        async fn meets(&self) -> u32;
        async fn fails(&self) -> Result<u32, String>;
        async fn panics(&self) -> u32;
        async fn left(&self, cx: &Context) -> Option<Duration>;
        async fn count(&self, to: u32, out: Tx<u32>) -> u32;
        async fn tally(&self, numbers: Rx<u32>) -> u32;
        #[rapace(oneway)]
        async fn tells(&self, number: u32);
        fn told(&self) -> Vec<u32>;
        async fn dies(&self);
    }
}

#[derive(Default)]
struct Worker {
    kept: Mutex<Option<BackClient>>,
    noted: Mutex<Vec<String>>,
}

fn back(cx: &Context) -> BackClient {
    cx.client().unwrap()
}

impl Worker {
    async fn asks(face: Face, cx: &Context, times: u32) -> Vec<String> {
        let back = back(cx);
        let mut threads = Vec::new();
        for _ in 0..times {
            threads.push(end!(face, back.thread()).unwrap());
        }
        threads
    }

    async fn descends(face: Face, cx: &Context, levels: u32) -> Result<u32, String> {
        match levels {
            0 => Ok(0),
            levels => match end!(face, back(cx).descends(levels - 1)) {
                Ok(below) => Ok(below + 1),
                Err(CallError::App(why)) => Err(why),
                Err(other) => Err(format!("at the caller, {levels} before the last: {other}")),
            },
        }
    }

    async fn fails(face: Face, cx: &Context) -> Vec<String> {
        let back = back(cx);
        let ends = [
            format!("{:?}", end!(face, back.fails()).unwrap_err()),
            format!("{:?}", end!(face, back.panics()).unwrap_err()),
        ];
        // And it goes on.
        assert!(end!(face, back.thread()).is_ok());
        ends.to_vec()
    }

    async fn left(face: Face, cx: &Context) -> [Option<Duration>; 2] {
        // One may ask for more, and does not get it.
        [cx.time_left(), end!(face, back(cx).left().timeout(LONG * 2)).unwrap()]
    }

    async fn streams(face: Face, cx: &Context, to: u32) -> (u32, u32) {
        let back = back(cx);
        let (out, rx) = stream();
        let count = start!(face, back.count(to, out)).unwrap();
        let came = face.all(rx).await;
        assert!(came.iter().copied().eq(0..to));
        assert_eq!(end!(face, count), Ok(to));
        let (mut tx, numbers) = stream();
        let tally = start!(face, back.tally(numbers)).unwrap();
        face.send_all(&mut tx, came.into_iter()).await.unwrap();
        drop(tx);
        let tally = end!(face, tally).unwrap();
        for number in 0..100 {
            end!(face, back.tells(number)).unwrap();
        }
        while end!(face, back.told()).unwrap().len() < 100 {
            face.rest().await;
        }
        let told = end!(face, back.told()).unwrap();
        assert!(told.iter().copied().eq(0..100), "{told:?}");
        (tally, told.len() as u32)
    }

    async fn asks_kept(&self, face: Face) -> Result<String, String> {
        let kept = self.kept.lock().unwrap().clone();
        let Some(kept) = kept else { return Err("nobody".into()) };
        end!(face, kept.thread()).map_err(|error| format!("{error:?}"))
    }

    async fn kills(&self, face: Face, cx: &Context) {
        let died = end!(face, back(cx).dies());
        self.noted.lock().unwrap().push(format!("{died:?}"));
    }
}

impl Work for Worker {
    fn add(&self, a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }
    fn asks(&self, cx: &Context, times: u32) -> Vec<String> {
        now(Worker::asks(Blocking, cx, times))
    }
    fn descends(&self, cx: &Context, levels: u32) -> Result<u32, String> {
        now(Worker::descends(Blocking, cx, levels))
    }
    fn asks_lingering(&self, cx: &Context, calls: bool) -> Vec<String> {
        let back = back(cx);
        (0..5).map(|_| std::mem::take(&mut back.lingers(calls).wait().unwrap().0)).collect()
    }
    fn meets(&self, cx: &Context) -> u32 {
        back(cx).meets().wait().unwrap()
    }
    fn fails(&self, cx: &Context) -> Vec<String> {
        now(Worker::fails(Blocking, cx))
    }
    fn left(&self, cx: &Context) -> [Option<Duration>; 2] {
        now(Worker::left(Blocking, cx))
    }
    fn streams(&self, cx: &Context, to: u32) -> (u32, u32) {
        now(Worker::streams(Blocking, cx, to))
    }
    fn looks(&self, cx: &Context) -> String {
        cx.client::<BackClient>().map_or_else(|error| format!("{error:?}"), |_| "it can".into())
    }
    fn registers(&self, cx: &Context) {
        *self.kept.lock().unwrap() = Some(back(cx));
    }
    fn asks_kept(&self) -> Result<String, String> {
        now(Worker::asks_kept(self, Blocking))
    }
    fn holds(&self, until: PathBuf) {
        peer::until(|| until.exists());
    }
    fn answers_later(&self, cx: &Context, number: u32) {
        let back = back(cx);
        // Also one that waits for its answer.
        back.thread().wait().unwrap();
        back.tells(number).wait().unwrap();
    }
    fn kills(&self, cx: &Context) {
        now(Worker::kills(self, Blocking, cx));
    }
    fn noted(&self) -> Vec<String> {
        self.noted.lock().unwrap().clone()
    }
}

impl awaited::Work for Worker {
    fn add(&self, a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }
    async fn asks(&self, cx: &Context, times: u32) -> Vec<String> {
        Worker::asks(Awaiting, cx, times).await
    }
    async fn descends(&self, cx: &Context, levels: u32) -> Result<u32, String> {
        Worker::descends(Awaiting, cx, levels).await
    }
    async fn meets(&self, cx: &Context) -> u32 {
        back(cx).meets().await.unwrap()
    }
    async fn fails(&self, cx: &Context) -> Vec<String> {
        Worker::fails(Awaiting, cx).await
    }
    async fn left(&self, cx: &Context) -> [Option<Duration>; 2] {
        Worker::left(Awaiting, cx).await
    }
    async fn streams(&self, cx: &Context, to: u32) -> (u32, u32) {
        Worker::streams(Awaiting, cx, to).await
    }
    fn looks(&self, cx: &Context) -> String {
        Work::looks(self, cx)
    }
    fn registers(&self, cx: &Context) {
        Work::registers(self, cx);
    }
    async fn asks_kept(&self) -> Result<String, String> {
        Worker::asks_kept(self, Awaiting).await
    }
    fn holds(&self, until: PathBuf) {
        Work::holds(self, until);
    }
    async fn answers_later(&self, cx: &Context, number: u32) {
        let back = back(cx);
        back.thread().await.unwrap();
        back.tells(number).await.unwrap();
    }
    async fn kills(&self, cx: &Context) {
        Worker::kills(self, Awaiting, cx).await;
    }
    fn noted(&self) -> Vec<String> {
        Work::noted(self)
    }
}

/// How many callbacks meet, where they do.
const MEETING: usize = 4;

struct Home {
    told: Arc<Mutex<Vec<u32>>>,
    meeting: Arc<Barrier>,
}

impl Home {
    fn new() -> Self {
        Self { told: Arc::default(), meeting: Arc::new(Barrier::new(MEETING)) }
    }

    async fn descends(face: Face, cx: &Context, levels: u32) -> Result<u32, String> {
        match levels {
            0 => Ok(0),
            levels => match end!(face, cx.client::<WorkClient>().unwrap().descends(levels - 1)) {
                Ok(below) => Ok(below + 1),
                Err(CallError::App(why)) => Err(why),
                Err(other) => Err(format!("at the server, {levels} before the last: {other}")),
            },
        }
    }

    async fn count(face: Face, to: u32, mut out: Tx<u32>) -> u32 {
        for number in 0..to {
            face.send(&mut out, number).await.unwrap();
        }
        to
    }
}

fn this_thread() -> String {
    let thread = std::thread::current();
    format!("{:?} {:?}", thread.id(), thread.name())
}

impl Back for Home {
    fn thread(&self) -> String {
        this_thread()
    }
    fn lingers(&self, cx: &Context, calls: bool) -> Lingering {
        if calls {
            assert_eq!(cx.client::<WorkClient>().unwrap().add(1, 2).wait(), Ok(3));
        }
        Lingering(this_thread())
    }
    fn descends(&self, cx: &Context, levels: u32) -> Result<u32, String> {
        now(Home::descends(Blocking, cx, levels))
    }
    fn meets(&self) -> u32 {
        u32::from(self.meeting.wait().is_leader())
    }
    fn fails(&self) -> Result<u32, String> {
        Err("on purpose".into())
    }
    fn panics(&self) -> u32 {
        panic!("on purpose")
    }
    fn left(&self, cx: &Context) -> Option<Duration> {
        cx.time_left()
    }
    fn count(&self, to: u32, out: Tx<u32>) -> u32 {
        now(Home::count(Blocking, to, out))
    }
    fn tally(&self, numbers: Rx<u32>) -> u32 {
        numbers.into_iter().map(Result::unwrap).count() as u32
    }
    fn tells(&self, number: u32) {
        self.told.lock().unwrap().push(number);
    }
    fn told(&self) -> Vec<u32> {
        self.told.lock().unwrap().clone()
    }
    fn dies(&self) {
        rustix::process::kill_process(rustix::process::getpid(), Signal::KILL).unwrap();
    }
}

impl awaited::Back for Home {
    async fn thread(&self) -> String {
        tokio::task::yield_now().await;
        this_thread()
    }
    async fn descends(&self, cx: &Context, levels: u32) -> Result<u32, String> {
        Home::descends(Awaiting, cx, levels).await
    }
    async fn meets(&self) -> u32 {
        let meeting = Arc::clone(&self.meeting);
        tokio::task::spawn_blocking(move || u32::from(meeting.wait().is_leader())).await.unwrap()
    }
    async fn fails(&self) -> Result<u32, String> {
        tokio::task::yield_now().await;
        Err("on purpose".into())
    }
    async fn panics(&self) -> u32 {
        tokio::task::yield_now().await;
        panic!("on purpose")
    }
    async fn left(&self, cx: &Context) -> Option<Duration> {
        cx.time_left()
    }
    async fn count(&self, to: u32, out: Tx<u32>) -> u32 {
        Home::count(Awaiting, to, out).await
    }
    async fn tally(&self, numbers: Rx<u32>) -> u32 {
        Awaiting.all(numbers).await.len() as u32
    }
    async fn tells(&self, number: u32) {
        Back::tells(self, number);
    }
    fn told(&self) -> Vec<u32> {
        Back::told(self)
    }
    async fn dies(&self) {
        Back::dies(self);
    }
}

#[test]
fn peer_entry() {
    peer::run(&[
        (THREADS, |path| serve(THREADS, path)),
        (WORKERS, |path| serve(WORKERS, path)),
        (SYNC_TASKS, |path| serve(SYNC_TASKS, path)),
        (ASYNC, |path| serve(ASYNC, path)),
        ("listens", listen),
        ("is killed", be_killed),
    ]);
}

fn config() -> Config {
    let mut config = Config::default();
    config.limits.handshake_time = Duration::from_secs(50);
    // Few enough to be used up by a test.
    config.limits.in_flight = 128;
    config
}

fn serve(role: &str, path: &str) {
    if [THREADS, WORKERS].contains(&role) {
        let server = Server::new(WorkServer::new(Worker::default())).config(config());
        let server = server.workers(if role == THREADS { 0 } else { 64 }).bind(path).unwrap();
        say("serving");
        server.join().unwrap();
        return;
    }
    two_threads().block_on(async {
        let server = match role {
            SYNC_TASKS => rapace::aio::Server::new(WorkServer::new(Worker::default())),
            _ => rapace::aio::Server::new(awaited::WorkServer::new(Worker::default())),
        };
        let server = server.config(config()).bind(path).unwrap();
        say("serving");
        server.join().await.unwrap();
    });
}

struct Served {
    process: Peer,
    path: PathBuf,
    directory: tempfile::TempDir,
}

fn open(guard: &Guard, role: &str) -> Served {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("work.sock");
    let mut process = guard.spawn(role, path.display());
    assert_eq!(process.hear(), "serving");
    Served { process, path, directory }
}

impl Served {
    /// A client that serves on threads.
    fn client(&self) -> WorkClient {
        self.client_with(config())
    }

    fn client_with(&self, config: Config) -> WorkClient {
        let builder = WorkClient::builder().config(config).serve(BackServer::new(Home::new()));
        builder.connect(&self.path).unwrap()
    }

    /// A client that serves nothing.
    fn onlooker(&self) -> WorkClient {
        WorkClient::builder().config(config()).connect(&self.path).unwrap()
    }
}

/// Has a scenario played by every server with every caller: who waits on a thread or in a task, and serves sync methods on
/// threads or in tasks, or async ones.
fn everywhere(guard: &Guard, scenario: impl AsyncFn(WorkClient, Face)) {
    for role in ROLES {
        let served = open(guard, role);
        let builder = || WorkClient::builder().config(config());
        let (runtime, others) = (two_threads(), one_thread());
        now(scenario(served.client(), Blocking));
        runtime.block_on(scenario(served.client(), Awaiting));
        others.block_on(async {
            let builder = builder().serve_async(awaited::BackServer::new(Home::new()));
            scenario(builder.connect_async(&served.path).await.unwrap_or_else(|error| panic!("{error}")), Awaiting)
                .await;
        });
        let connect = |path: &Path| {
            let _entered = runtime.enter();
            let sync = builder().serve_async(BackServer::new(Home::new())).connect(path).unwrap();
            let asynchronous = builder().serve_async(awaited::BackServer::new(Home::new())).connect(path).unwrap();
            [sync, asynchronous]
        };
        for client in connect(&served.path) {
            now(scenario(client, Blocking));
        }
    }
}

#[test]
fn a_handler_calls_its_caller_back() {
    let guard = guard!();
    everywhere(&guard, async |client, face| {
        for times in [0, 1, 50] {
            assert_eq!(end!(face, client.asks(times)).unwrap().len(), times as usize);
        }
        assert_eq!(end!(face, client.add(1, 2)), Ok(3));
    });
}

#[test]
fn errors_and_panics_of_callbacks_are_told_to_the_handler() {
    let guard = guard!();
    everywhere(&guard, async |client, face| {
        let ends = end!(face, client.fails()).unwrap();
        assert_eq!(ends, [r#"App("on purpose")"#, r#"Panicked("on purpose")"#]);
    });
}

#[test]
fn callbacks_inherit_the_deadline_of_their_call() {
    let guard = guard!();
    everywhere(&guard, async |client, face| {
        let [here, there] = end!(face, client.left().timeout(LONG)).unwrap().map(Option::unwrap);
        assert!(here <= LONG && there < here + Duration::from_micros(2), "{here:?} {there:?}");
        // Its own is there without one.
        let [here, there] = end!(face, client.left()).unwrap();
        assert!(here.is_none() && there.is_some_and(|there| there > LONG), "{here:?} {there:?}");
    });
}

#[test]
fn callbacks_have_streams_and_one_way_calls() {
    let guard = guard!();
    everywhere(&guard, async |client, face| {
        assert_eq!(end!(face, client.streams(5_000)), Ok((5_000, 100)));
    });
}

#[test]
fn sync_handlers_call_each_other_as_deep_as_the_limit_says() {
    let guard = guard!();
    for role in [THREADS, WORKERS, SYNC_TASKS] {
        let served = open(&guard, role);
        let client = served.client();
        for levels in [0, 1, 2, 3, 64] {
            assert_eq!(client.descends(levels).wait(), Ok(levels), "{role}");
        }
        // The last one would be the 33rd at the caller.
        for levels in [65, 80] {
            let Err(CallError::App(why)) = client.descends(levels).wait() else { panic!("{levels} levels") };
            assert!(why.contains("at the caller") && why.contains("nesting_max (32)"), "{why}");
        }
        assert_eq!(client.descends(64).wait(), Ok(64));
        let mut shallow = config();
        shallow.limits.nesting_max = 2;
        let client = served.client_with(shallow);
        assert_eq!(client.descends(4).wait(), Ok(4));
        let Err(CallError::App(why)) = client.descends(5).wait() else { panic!("5 levels") };
        assert!(why.contains("at the caller, 1 before the last") && why.contains("nesting_max (2)"), "{why}");
    }
}

#[test]
fn async_handlers_call_each_other_as_deep_as_calls_can_be_in_flight() {
    let guard = guard!();
    let served = open(&guard, ASYNC);
    two_threads().block_on(async {
        let builder = WorkClient::builder().config(config()).serve_async(awaited::BackServer::new(Home::new()));
        let client = builder.connect_async(&served.path).await.unwrap();
        for levels in [0, 1, 2, 255] {
            assert_eq!(client.descends(levels).await, Ok(levels));
        }
        let Err(CallError::App(why)) = client.descends(300).await else { panic!("300 levels") };
        assert!(why.contains("in_flight (128)"), "{why}");
        assert_eq!(client.descends(255).await, Ok(255));
    });
}

#[test]
fn each_callback_runs_on_the_thread_that_waits_for_its_call() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let client = served.client();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let client = client.clone();
                scope.spawn(move || {
                    for round in 0..60 {
                        let times = 1 + round % 4;
                        let asked = client.asks(times);
                        // At once, or after it was begun: then the first callback may come before anybody waits for it.
                        if round % 2 == 0 {
                            assert_eq!(asked.wait(), Ok(vec![this_thread(); times as usize]));
                        } else {
                            assert_eq!(asked.start().unwrap().wait().unwrap().len(), times as usize);
                        }
                    }
                });
            }
        });
    }
}

#[test]
fn calls_of_both_sides_on_one_session_all_end() {
    let guard = guard!();
    for role in [THREADS, WORKERS] {
        let served = open(&guard, role);
        let (client, other) = (served.client(), served.client());
        client.registers().wait().unwrap();
        // Two sleepers would each have to be woken if one took the other's wake-up for its own.
        for callers in [1, 2] {
            let is_done = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let calling: Vec<_> = (0..callers)
                    .map(|caller| {
                        let client = client.clone();
                        scope.spawn(move || {
                            for round in 0..4_000 {
                                assert_eq!(client.add(round, caller).wait(), Ok(round + caller));
                                if round % 8 == 0 {
                                    assert_eq!(client.asks(2).wait(), Ok(vec![this_thread(); 2]));
                                }
                            }
                        })
                    })
                    .collect();
                // What belongs to no call is for the thread that serves, which sleeps while others look in its place.
                scope.spawn(|| {
                    while !is_done.load(Ordering::Relaxed) {
                        let thread = other.asks_kept().wait().unwrap();
                        assert!(thread.contains("rapace-callbacks"), "{thread}");
                    }
                });
                calling.into_iter().for_each(|calling| calling.join().unwrap());
                is_done.store(true, Ordering::Relaxed);
            });
        }
    }
}

#[test]
fn the_handler_of_a_one_way_call_calls_back_though_nobody_waits() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let home = Home::new();
        let told = Arc::clone(&home.told);
        let builder = WorkClient::builder().config(config()).serve(BackServer::new(home));
        let client = builder.connect(&served.path).unwrap();
        for number in 0..100 {
            client.answers_later(number).wait().unwrap();
        }
        // This thread does not even look at the session.
        until(|| told.lock().unwrap().len() == 100);
        let mut told = told.lock().unwrap().clone();
        if role == THREADS {
            assert!(told.iter().copied().eq(0..100), "{told:?}");
        }
        told.sort_unstable();
        assert!(told.into_iter().eq(0..100));
    }
}

#[test]
fn whoever_waits_for_one_of_several_calls_handles_what_is_called_back_in_all() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let client = served.client();
        for _ in 0..20 {
            let mut calls: Vec<_> = (1..4).map(|times| client.asks(times).start().unwrap()).collect();
            let mut answered = 0;
            while !calls.is_empty() {
                let waited: Vec<_> = calls.iter().map(|call| call as &dyn rapace::AnyPending).collect();
                let place = rapace::wait_any(&waited, None).unwrap().unwrap();
                answered += calls.remove(place).wait().unwrap().len();
            }
            assert_eq!(answered, 1 + 2 + 3);
        }
    }
}

#[test]
fn the_next_callback_waits_for_its_thread_which_has_answered_the_last_one() {
    let guard = guard!();
    for role in [THREADS, WORKERS, SYNC_TASKS] {
        let served = open(&guard, role);
        let client = served.client();
        for calls in [false, true] {
            assert_eq!(client.asks_lingering(calls).wait(), Ok(vec![this_thread(); 5]), "{role} {calls}");
        }
    }
}

#[test]
fn callbacks_of_several_threads_go_on_at_the_same_time() {
    let guard = guard!();
    // On the thread of a session one handler runs after the other.
    for role in [WORKERS, SYNC_TASKS, ASYNC] {
        let served = open(&guard, role);
        let client = served.client();
        for _ in 0..20 {
            let met = std::thread::scope(|scope| {
                let meet = || {
                    let client = client.clone();
                    scope.spawn(move || client.meets().wait().unwrap())
                };
                let meeting: Vec<_> = (0..MEETING).map(|_| meet()).collect();
                meeting.into_iter().map(|thread| thread.join().unwrap()).sum::<u32>()
            });
            assert_eq!(met, 1);
        }
    }
}

#[test]
fn a_caller_that_waits_runs_no_handler_of_another_call() {
    let guard = guard!();
    for role in [WORKERS, SYNC_TASKS, ASYNC] {
        let served = open(&guard, role);
        let (client, onlooker) = (served.client(), served.onlooker());
        client.registers().wait().unwrap();
        let over = served.directory.path().join("over");
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| client.holds(over.clone()).wait());
            for _ in 0..100 {
                let thread = onlooker.asks_kept().wait().unwrap();
                assert!(thread.contains("rapace-callbacks"), "{thread}");
                // One of that client's own goes to who waits for it, as ever.
                assert_eq!(client.asks(2).wait(), Ok(vec![this_thread(); 2]));
            }
            std::fs::write(&over, "").unwrap();
            assert_eq!(waits.join().unwrap(), Ok(()));
        });
    }
}

/// In a peer: has itself called, and calls nothing but for that.
fn listen(path: &str) {
    let builder = WorkClient::builder().config(config()).serve(BackServer::new(Home::new()));
    let client = builder.connect(path).unwrap();
    client.registers().wait().unwrap();
    say("listens");
    let has_thread = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        // The kernel keeps fifteen bytes of a name.
        tasks
            .map(|task| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default())
            .any(|name| name.starts_with("rapace-callback"))
    };
    until(has_thread);
    match peer::hear().as_str() {
        "close" => client.session().close(),
        "drop" => {
            let other = client.clone();
            drop(client);
            assert!(has_thread());
            assert_eq!(other.add(1, 2).wait(), Ok(3));
            drop(other);
        }
        // Within a call that calls back.
        _ => {
            let asked = client.asks(3).start().unwrap();
            drop(client);
            assert_eq!(asked.wait().unwrap().len(), 3);
        }
    }
    until(|| !has_thread());
    say("has ended");
    peer::hear();
}

#[test]
fn a_program_that_only_listens_is_called_until_it_goes() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let onlooker = served.onlooker();
        for word in ["close", "drop", "ask"] {
            let mut listener = guard.spawn("listens", served.path.display());
            assert_eq!(listener.hear(), "listens");
            for _ in 0..50 {
                let thread = onlooker.asks_kept().wait().unwrap();
                assert!(thread.contains("rapace-callbacks"), "{thread}");
            }
            listener.tell(word);
            assert_eq!(listener.hear(), "has ended");
            // It said farewell, and did not just go.
            let mut why = String::new();
            until(|| match onlooker.asks_kept().wait() {
                Err(CallError::App(error)) => {
                    why = error;
                    true
                }
                _ => false,
            });
            assert!(why.starts_with("Closed"), "{word}: {why}");
        }
    }
}

/// In a peer: a callback that ends it.
fn be_killed(path: &str) {
    let client = WorkClient::builder().config(config()).serve(BackServer::new(Home::new())).connect(path).unwrap();
    let _ = client.kills().wait();
}

#[test]
fn a_caller_that_dies_in_its_callback_is_told_to_the_handler() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let onlooker = served.client();
        let mut caller = guard.spawn("is killed", served.path.display());
        caller.wait();
        if role != ASYNC {
            // A future is dropped with its call, and learns nothing.
            until(|| onlooker.noted().wait().unwrap() == ["Err(PeerDied { may_have_executed: true })"]);
        }
        assert_eq!(onlooker.asks(3).wait(), Ok(vec![this_thread(); 3]));
    }
}

#[test]
fn a_server_that_dies_in_a_callback_is_told_to_the_caller() {
    #[rapace::service(name = "Back")]
    trait Back {
        fn thread(&self) -> String;
    }
    struct Killer(Mutex<Option<Box<dyn FnOnce() + Send>>>);
    impl Back for Killer {
        fn thread(&self) -> String {
            let kill = self.0.lock().unwrap().take();
            kill.unwrap()();
            "gone".into()
        }
    }
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let killer = Killer(Mutex::new(Some(Box::new(served.process.killer()))));
        let client =
            WorkClient::builder().config(config()).serve(BackServer::new(killer)).connect(&served.path).unwrap();
        assert_eq!(client.asks(2).wait(), Err(RpcError::PeerDied { may_have_executed: true }));
    }
}

#[test]
fn a_handler_is_told_that_its_caller_serves_nothing_or_something_else() {
    #[rapace::service(name = "Back")]
    trait Back {
        fn thread(&self) -> u32;
    }
    impl Back for Home {
        fn thread(&self) -> u32 {
            7
        }
    }
    #[rapace::service]
    trait Other {
        fn thread(&self) -> u32;
    }
    impl Other for Home {
        fn thread(&self) -> u32 {
            7
        }
    }
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let builder = || WorkClient::builder().config(config());
        let client = builder().connect(&served.path).unwrap();
        assert_eq!(client.looks().wait(), Ok(r#"NoService { service: "Back", served: "" }"#.into()));
        assert_eq!(client.add(1, 2).wait(), Ok(3));
        let client = builder().serve(OtherServer::new(Home::new())).connect(&served.path).unwrap();
        assert_eq!(client.looks().wait(), Ok(r#"NoService { service: "Back", served: "Other" }"#.into()));
        let client = builder().serve(BackServer::new(Home::new())).connect(&served.path).unwrap();
        let text = client.looks().wait().unwrap();
        assert!(text.starts_with("Incompatible") && text.contains("Back.thread"), "{text}");
        assert_eq!(client.add(1, 2).wait(), Ok(3));
        assert_eq!(served.client().looks().wait(), Ok("it can".into()));
    }
}

// ---- several services of one caller -----------------------------------------------------------------------------------

mod several {
    use super::Context;

    #[rapace::service]
    pub(super) trait Asks {
        fn asks(&self, cx: &Context) -> (u32, u32);
    }

    #[rapace::service]
    pub(super) trait One {
        fn number(&self) -> u32;
    }

    #[rapace::service]
    pub(super) trait Two {
        fn number(&self) -> u32;
    }
}

struct Both;

impl several::Asks for Both {
    fn asks(&self, cx: &Context) -> (u32, u32) {
        let one = cx.client::<several::OneClient>().unwrap();
        let two = cx.client::<several::TwoClient>().unwrap();
        (one.number().wait().unwrap(), two.number().wait().unwrap())
    }
}

impl several::One for Both {
    fn number(&self) -> u32 {
        1
    }
}

impl several::Two for Both {
    fn number(&self) -> u32 {
        2
    }
}

#[test]
fn handlers_one_after_the_other_find_each_service_of_their_caller() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("both.sock");
    let server = Server::new(several::AsksServer::new(Both)).bind(&path).unwrap();
    let back = rapace::Router::new().add(several::OneServer::new(Both)).add(several::TwoServer::new(Both));
    let client = several::AsksClient::builder().serve(back).connect(&path).unwrap();
    for _ in 0..3 {
        assert_eq!(client.asks().wait(), Ok((1, 2)));
    }
    drop(client);
    server.shut_down();
    server.join().unwrap();
}
