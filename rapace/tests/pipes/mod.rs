//! A service of streams, of which there are three servers: threads, sync methods in tasks, async methods; and callers that
//! wait on threads and in tasks. What handlers and callers do is written once, for both ways to wait.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::too_many_arguments, reason = "there is a call with as many streams as one can have")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rapace::{Config, Context, Rx, Server, StreamError, Tx};
use serde::{Deserialize, Serialize};

use crate::faces::{Awaiting, Blocking, Face, now, one_thread, two_threads};
use crate::peer::{Guard, Peer, say};

/// On threads.
pub(crate) const THREADS: &str = "threads";
/// On tokio, its methods sync ones.
pub(crate) const SYNC_TASKS: &str = "sync tasks";
/// On tokio, its methods async ones.
pub(crate) const ASYNC: &str = "async";

pub(crate) const ROLES: [&str; 3] = [THREADS, SYNC_TASKS, ASYNC];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) number: u32,
    pub(crate) text: String,
    pub(crate) more: Option<Vec<u16>>,
}

impl Sample {
    /// The sample that belongs to a text.
    pub(crate) fn of(number: u32, text: &str) -> Self {
        let more = (number % 3 == 0).then(|| vec![number as u16; number as usize % 50]);
        Self { number, text: text.chars().rev().collect(), more }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum Refused {
    OutOfOrder,
    OnPurpose,
}

/// How a handler goes on after its items.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum Then {
    Returns,
    Fails,
    Panics,
    /// Drops both its ends, and goes on until nobody waits for it any more.
    Drops,
    /// Sends until that is refused, and notes the reason.
    Sends,
    /// Waits for an item, and notes what it got instead.
    Receives,
    /// Gives its ends to others, who do as above when the caller says so by its items.
    Keeps,
}

/// What a handler notes.
pub(crate) type Note = Result<(), String>;

#[rapace::service(name = "Pipes")]
pub(crate) trait Pipes {
    fn add(&self, a: i32, b: i32) -> i32;
    /// Sends the numbers below `to`, and returns how many were taken.
    fn count(&self, to: u32, at_once: bool, out: Tx<u32>) -> u32;
    /// How many came, which must be the numbers from 0.
    fn tally(&self, numbers: Rx<u32>) -> Result<u32, Refused>;
    /// Gives back what comes.
    fn echo(&self, data: Rx<Vec<u8>>, back: Tx<Vec<u8>>) -> u32;
    /// Two items for each text.
    fn mixed(&self, texts: Rx<String>, samples: Tx<Sample>, nothings: Tx<()>) -> u32;
    /// Sends so many items of so many bytes, and counts those that were taken.
    fn fills(&self, len: usize, count: u32, out: Tx<Vec<u8>>) -> u32;
    /// How many items `fills` says it has sent.
    fn filled(&self) -> u32;
    /// Sends the numbers below `to`, eight times.
    fn eight(
        &self,
        to: u32,
        a: Tx<u32>,
        b: Tx<u32>,
        c: Tx<u32>,
        d: Tx<u32>,
        e: Tx<u32>,
        f: Tx<u32>,
        g: Tx<u32>,
        h: Tx<u32>,
    ) -> u32;
    /// Sends the numbers below `after`, reads as many, and goes on so.
    fn ends(&self, after: u32, then: Then, cx: &Context, out: Tx<u32>, numbers: Rx<u32>) -> Result<u32, Refused>;
    /// What was noted, in order, once each.
    fn notes(&self) -> Vec<String>;
    /// How many handlers of `ends` and `fills` run, which includes what they gave to others.
    fn running(&self) -> usize;
    /// Keeps the thread or task of its session until there is such a file.
    fn holds(&self, until: PathBuf);
    /// How many calls of `holds` have begun.
    fn held(&self) -> usize;
}

pub(crate) mod awaited {
    use super::{Context, PathBuf, Refused, Rx, Sample, Then, Tx};

    #[rapace::service(name = "Pipes")]
    pub(crate) trait Pipes {
        fn add(&self, a: i32, b: i32) -> i32;
        async fn count(&self, to: u32, at_once: bool, out: Tx<u32>) -> u32;
        async fn tally(&self, numbers: Rx<u32>) -> Result<u32, Refused>;
        async fn echo(&self, data: Rx<Vec<u8>>, back: Tx<Vec<u8>>) -> u32;
        async fn mixed(&self, texts: Rx<String>, samples: Tx<Sample>, nothings: Tx<()>) -> u32;
        async fn fills(&self, len: usize, count: u32, out: Tx<Vec<u8>>) -> u32;
        fn filled(&self) -> u32;
        async fn eight(
            &self,
            to: u32,
            a: Tx<u32>,
            b: Tx<u32>,
            c: Tx<u32>,
            d: Tx<u32>,
            e: Tx<u32>,
            f: Tx<u32>,
            g: Tx<u32>,
            h: Tx<u32>,
        ) -> u32;
        async fn ends(
            &self,
            after: u32,
            then: Then,
            cx: &Context,
            out: Tx<u32>,
            numbers: Rx<u32>,
        ) -> Result<u32, Refused>;
        fn notes(&self) -> Vec<String>;
        fn running(&self) -> usize;
        fn holds(&self, until: PathBuf);
        fn held(&self) -> usize;
    }
}

#[derive(Default)]
pub(crate) struct Plumber {
    filled: AtomicU32,
    running: Arc<AtomicUsize>,
    held: AtomicUsize,
    notes: Arc<Mutex<Vec<String>>>,
}

/// Counts itself as long as it is there.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn new(plumber: &Plumber) -> Self {
        plumber.running.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(&plumber.running))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Plumber {
    async fn count(face: Face, to: u32, at_once: bool, mut out: Tx<u32>) -> u32 {
        if at_once {
            return if face.send_all(&mut out, 0..to).await.is_ok() { to } else { 0 };
        }
        for number in 0..to {
            if face.send(&mut out, number).await.is_err() {
                return number;
            }
        }
        to
    }

    async fn tally(face: Face, mut numbers: Rx<u32>) -> Result<u32, Refused> {
        let mut next = 0;
        while let Ok(Some(number)) = face.recv(&mut numbers).await {
            if number != next {
                return Err(Refused::OutOfOrder);
            }
            next += 1;
        }
        Ok(next)
    }

    async fn echo(face: Face, mut data: Rx<Vec<u8>>, mut back: Tx<Vec<u8>>) -> u32 {
        let mut count = 0;
        while let Ok(Some(item)) = face.recv(&mut data).await {
            if face.send(&mut back, item).await.is_err() {
                break;
            }
            count += 1;
        }
        count
    }

    async fn mixed(face: Face, mut texts: Rx<String>, mut samples: Tx<Sample>, mut nothings: Tx<()>) -> u32 {
        let mut count = 0;
        while let Ok(Some(text)) = face.recv(&mut texts).await {
            face.send(&mut samples, Sample::of(count, &text)).await.unwrap();
            face.send(&mut nothings, ()).await.unwrap();
            count += 1;
        }
        count
    }

    async fn fills(&self, face: Face, len: usize, count: u32, mut out: Tx<Vec<u8>>) -> u32 {
        let _running = Running::new(self);
        for number in 0..count {
            let sent = face.send(&mut out, vec![number as u8; len]).await;
            if let Err(error) = sent {
                self.note(format!("fills: {error:?}"));
                return number;
            }
            self.filled.fetch_add(1, Ordering::SeqCst);
        }
        count
    }

    async fn eight(face: Face, to: u32, outs: [Tx<u32>; 8]) -> u32 {
        let mut sent = 0;
        for mut out in outs {
            for number in 0..to {
                face.send(&mut out, number).await.unwrap();
                sent += 1;
            }
        }
        sent
    }

    async fn ends(
        &self,
        face: Face,
        after: u32,
        then: Then,
        cx: &Context,
        mut out: Tx<u32>,
        mut numbers: Rx<u32>,
    ) -> Result<u32, Refused> {
        let running = Running::new(self);
        for number in 0..after {
            face.send(&mut out, number).await.unwrap();
        }
        for number in 0..after {
            assert_eq!(face.recv(&mut numbers).await, Ok(Some(number)));
        }
        match then {
            Then::Returns => Ok(after),
            Then::Fails => Err(Refused::OnPurpose),
            Then::Panics => panic!("on purpose"),
            Then::Drops => {
                drop((out, numbers));
                while !cx.is_cancelled() {
                    face.rest().await;
                }
                Ok(after)
            }
            Then::Sends => {
                let why = until_refused(face, &mut out).await;
                self.note(format!("sends: {why:?}"));
                Ok(after)
            }
            Then::Receives => {
                let got = face.recv(&mut numbers).await;
                self.note(format!("receives: {got:?}"));
                Ok(after)
            }
            Then::Keeps => {
                let notes = Arc::clone(&self.notes);
                std::thread::spawn(move || {
                    let _running = running;
                    let got = numbers.recv().wait();
                    notes.lock().unwrap().push(format!("kept receives: {got:?}"));
                    let why = now(until_refused(Blocking, &mut out));
                    notes.lock().unwrap().push(format!("kept sends: {why:?}"));
                });
                Ok(after)
            }
        }
    }

    fn note(&self, note: String) {
        self.notes.lock().unwrap().push(note);
    }

    fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.notes.lock().unwrap())
    }
}

/// Sends until that is refused, and says why.
async fn until_refused(face: Face, out: &mut Tx<u32>) -> StreamError {
    for number in 0.. {
        if let Err(error) = face.send(out, number).await {
            return error;
        }
    }
    unreachable!("there are more numbers than anybody reads")
}

impl Pipes for Plumber {
    fn add(&self, a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }
    fn count(&self, to: u32, at_once: bool, out: Tx<u32>) -> u32 {
        now(Plumber::count(Blocking, to, at_once, out))
    }
    fn tally(&self, numbers: Rx<u32>) -> Result<u32, Refused> {
        now(Plumber::tally(Blocking, numbers))
    }
    fn echo(&self, data: Rx<Vec<u8>>, back: Tx<Vec<u8>>) -> u32 {
        now(Plumber::echo(Blocking, data, back))
    }
    fn mixed(&self, texts: Rx<String>, samples: Tx<Sample>, nothings: Tx<()>) -> u32 {
        now(Plumber::mixed(Blocking, texts, samples, nothings))
    }
    fn fills(&self, len: usize, count: u32, out: Tx<Vec<u8>>) -> u32 {
        now(Plumber::fills(self, Blocking, len, count, out))
    }
    fn filled(&self) -> u32 {
        self.filled.load(Ordering::SeqCst)
    }
    fn eight(
        &self,
        to: u32,
        a: Tx<u32>,
        b: Tx<u32>,
        c: Tx<u32>,
        d: Tx<u32>,
        e: Tx<u32>,
        f: Tx<u32>,
        g: Tx<u32>,
        h: Tx<u32>,
    ) -> u32 {
        now(Plumber::eight(Blocking, to, [a, b, c, d, e, f, g, h]))
    }
    fn ends(&self, after: u32, then: Then, cx: &Context, out: Tx<u32>, numbers: Rx<u32>) -> Result<u32, Refused> {
        now(Plumber::ends(self, Blocking, after, then, cx, out, numbers))
    }
    fn notes(&self) -> Vec<String> {
        self.take_notes()
    }
    fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }
    fn holds(&self, until: PathBuf) {
        self.held.fetch_add(1, Ordering::SeqCst);
        crate::peer::until(|| until.exists());
    }
    fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }
}

impl awaited::Pipes for Plumber {
    fn add(&self, a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }
    async fn count(&self, to: u32, at_once: bool, out: Tx<u32>) -> u32 {
        Plumber::count(Awaiting, to, at_once, out).await
    }
    async fn tally(&self, numbers: Rx<u32>) -> Result<u32, Refused> {
        Plumber::tally(Awaiting, numbers).await
    }
    async fn echo(&self, data: Rx<Vec<u8>>, back: Tx<Vec<u8>>) -> u32 {
        Plumber::echo(Awaiting, data, back).await
    }
    async fn mixed(&self, texts: Rx<String>, samples: Tx<Sample>, nothings: Tx<()>) -> u32 {
        Plumber::mixed(Awaiting, texts, samples, nothings).await
    }
    async fn fills(&self, len: usize, count: u32, out: Tx<Vec<u8>>) -> u32 {
        Plumber::fills(self, Awaiting, len, count, out).await
    }
    fn filled(&self) -> u32 {
        Pipes::filled(self)
    }
    async fn eight(
        &self,
        to: u32,
        a: Tx<u32>,
        b: Tx<u32>,
        c: Tx<u32>,
        d: Tx<u32>,
        e: Tx<u32>,
        f: Tx<u32>,
        g: Tx<u32>,
        h: Tx<u32>,
    ) -> u32 {
        Plumber::eight(Awaiting, to, [a, b, c, d, e, f, g, h]).await
    }
    async fn ends(&self, after: u32, then: Then, cx: &Context, out: Tx<u32>, numbers: Rx<u32>) -> Result<u32, Refused> {
        Plumber::ends(self, Awaiting, after, then, cx, out, numbers).await
    }
    fn notes(&self) -> Vec<String> {
        self.take_notes()
    }
    fn running(&self) -> usize {
        Pipes::running(self)
    }
    fn holds(&self, until: PathBuf) {
        Pipes::holds(self, until);
    }
    fn held(&self) -> usize {
        Pipes::held(self)
    }
}

/// A configuration that gives a loaded machine time for the handshake.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.limits.handshake_time = Duration::from_secs(50);
    // Few enough to be used up by a test.
    config.limits.in_flight = 128;
    config
}

/// What every peer in one of the roles does, at the path that is its argument.
pub(crate) fn serve(role: &str, path: &str) {
    if role == THREADS {
        let server = Server::new(PipesServer::new(Plumber::default())).config(config()).bind(path).unwrap();
        say("serving");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                if crate::peer::hear() == "stop" {
                    server.shut_down();
                    say("stopped");
                }
            });
        });
        server.join().unwrap();
        return;
    }
    two_threads().block_on(async {
        let server = match role {
            SYNC_TASKS => rapace::aio::Server::new(PipesServer::new(Plumber::default())),
            _ => rapace::aio::Server::new(awaited::PipesServer::new(Plumber::default())),
        };
        let server = server.config(config()).bind(path).unwrap();
        say("serving");
        if tokio::task::spawn_blocking(crate::peer::hear).await.unwrap() == "stop" {
            server.shut_down();
            say("stopped");
        }
        server.join().await.unwrap();
    });
}

/// A server in a process of its own.
pub(crate) struct Served {
    pub(crate) process: Peer,
    pub(crate) path: PathBuf,
    _directory: tempfile::TempDir,
}

pub(crate) fn open(guard: &Guard, role: &str) -> Served {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pipes.sock");
    let mut process = guard.spawn(role, path.display());
    assert_eq!(process.hear(), "serving");
    Served { process, path, _directory: directory }
}

impl Served {
    pub(crate) fn client(&self) -> PipesClient {
        self.client_with(config())
    }

    pub(crate) fn client_with(&self, config: Config) -> PipesClient {
        PipesClient::builder().config(config).connect(&self.path).unwrap()
    }
}

/// Has a scenario played by every server with every caller.
#[track_caller]
pub(crate) fn everywhere(guard: &Guard, scenario: impl AsyncFn(&Served, PipesClient, Face)) {
    for role in ROLES {
        let served = open(guard, role);
        let play = |face| scenario(&served, served.client(), face);
        now(play(Blocking));
        one_thread().block_on(play(Awaiting));
        two_threads().block_on(play(Awaiting));
    }
}
