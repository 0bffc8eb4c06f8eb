//! The other process of a test: the test binary itself, run again in a role.
//!
//! A test makes a [`Guard`] and spawns peers by it; `peer_entry` of each test file calls [`run`], which does nothing
//! unless this process is such a peer. The two speak over the session that is tested and, beside it, in lines: what
//! the peer [`say`]s the test reads with [`Peer::hear`], and the other way round [`Peer::tell`] and [`hear`]. A watchdog
//! in both ends what is stuck, so that no test needs a bound on time.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(unsafe_code)]

use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::Duration;

use rapace::{Config, Inbound, PeerA, PeerB, Route, Session, Spin};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

const ROLE: &str = "RAPACE_TEST_ROLE";
const ARGUMENT: &str = "RAPACE_TEST_ARGUMENT";
const SOCKETS: &str = "RAPACE_TEST_SOCKETS";

/// What is stuck for longer than this will not come back; tests that are told to do more than usual are given more seconds
/// by the variable `RAPACE_PATIENCE`.
const STUCK: Duration = Duration::from_secs(60);

fn patience() -> Duration {
    std::env::var("RAPACE_PATIENCE").map_or(STUCK, |seconds| Duration::from_secs(seconds.parse().unwrap()))
}

/// What a peer does, by its argument.
pub type Role = fn(&str);

/// Every file's `peer_entry` passes its roles: does the one this process was started for, if any.
pub fn run(roles: &[(&str, Role)]) {
    let Ok(role) = std::env::var(ROLE) else { return };
    let _guard = Guard::new(format!("the peer in role {role:?}"));
    let argument = std::env::var(ARGUMENT).unwrap_or_default();
    let (_, act) = roles.iter().find(|(name, _)| *name == role).unwrap_or_else(|| panic!("there is no role {role:?}"));
    act(&argument);
}

/// The name of the test it stands in, and its guard.
#[macro_export]
macro_rules! guard {
    () => {{
        fn here() {}
        $crate::peer::Guard::new(std::any::type_name_of_val(&here).trim_end_matches("::here").to_owned())
    }};
}

/// A command that runs this test binary in a role, which somebody else is to start.
pub fn command(role: &str, argument: impl Display) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "peer_entry", "--nocapture", "--test-threads=2"])
        .env(ROLE, role)
        .env(ARGUMENT, argument.to_string());
    command
}

/// Lives as long as a test. Kills its peers and ends the process, naming the test, when it lives for too long.
pub struct Guard {
    peers: Arc<Mutex<Vec<Arc<OwnedFd>>>>,
    /// Dropped with the guard, which ends the watchdog.
    _stop: mpsc::Sender<()>,
}

impl Guard {
    /// `what` is what the watchdog calls stuck.
    pub fn new(what: String) -> Self {
        let peers = Arc::new(Mutex::new(Vec::<Arc<OwnedFd>>::new()));
        let (stop, stopped) = mpsc::channel::<()>();
        let watched = Arc::clone(&peers);
        std::thread::spawn(move || {
            let patience = patience();
            if stopped.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout) {
                // Written by itself: a captured `eprintln!` would never be seen.
                let _ = writeln!(std::io::stderr(), "\nstuck for {patience:?}, aborted: {what}");
                for peer in watched.lock().unwrap().iter() {
                    let _ = pidfd_send_signal(&**peer, Signal::KILL);
                }
                std::process::abort();
            }
        });
        Self { peers, _stop: stop }
    }

    /// A peer without a socket of ours.
    pub fn spawn(&self, role: &str, argument: impl Display) -> Peer {
        self.spawn_with(role, argument, &[], |_| {})
    }

    /// A peer that inherits the other end of the socket that comes back.
    pub fn spawn_over(&self, role: &str, argument: impl Display) -> (Peer, UnixStream) {
        let (ours, childs) = UnixStream::pair().unwrap();
        (self.spawn_with(role, argument, &[childs], |_| {}), ours)
    }

    /// A peer in a session: this side is PeerA, by `config`.
    pub fn open(&self, role: &str, argument: impl Display, config: &Config) -> (Peer, Session<PeerA>) {
        let (peer, socket) = self.spawn_over(role, argument);
        (peer, Session::<PeerA>::over(socket, config).unwrap())
    }

    /// A peer that inherits these sockets, started by a command that `change` may change.
    pub fn spawn_with(
        &self,
        role: &str,
        argument: impl Display,
        sockets: &[UnixStream],
        change: impl FnOnce(&mut Command),
    ) -> Peer {
        // A socket that is inheritable for a moment must not get into a peer that another thread starts meanwhile: its
        // hang-up would never be seen.
        static SPAWNING: Mutex<()> = Mutex::new(());
        let numbers: Vec<_> = sockets.iter().map(|socket| socket.as_raw_fd().to_string()).collect();
        let mut command = command(role, argument);
        command.env(SOCKETS, numbers.join(",")).stdin(Stdio::piped()).stdout(Stdio::piped());
        change(&mut command);
        let inherit = |yes| {
            let flags = if yes { rustix::io::FdFlags::empty() } else { rustix::io::FdFlags::CLOEXEC };
            for socket in sockets {
                rustix::io::fcntl_setfd(socket, flags).unwrap();
            }
        };
        let spawning = SPAWNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        inherit(true);
        let child = command.spawn();
        inherit(false);
        drop(spawning);
        let mut child = child.unwrap();
        let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty());
        let pidfd = Arc::new(pidfd.unwrap());
        self.peers.lock().unwrap().push(Arc::clone(&pidfd));
        let (ears, mouth) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
        Peer { child, pidfd, ears, mouth, peers: Arc::clone(&self.peers) }
    }
}

/// A process that this test started. Dropping it kills it, if it still lives.
pub struct Peer {
    child: Child,
    pidfd: Arc<OwnedFd>,
    ears: Option<ChildStdin>,
    mouth: Option<BufReader<ChildStdout>>,
    peers: Arc<Mutex<Vec<Arc<OwnedFd>>>>,
}

impl Peer {
    pub fn child(&self) -> &Child {
        &self.child
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        pidfd_send_signal(&*self.pidfd, signal).unwrap();
    }

    /// Something that kills it, for another thread.
    pub fn killer(&self) -> impl FnOnce() + Send + use<> {
        let pidfd = Arc::clone(&self.pidfd);
        move || pidfd_send_signal(&*pidfd, Signal::KILL).unwrap()
    }

    /// kill -9, and waits until it is gone.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.child.wait().unwrap();
    }

    /// Waits until it is gone, however it ended.
    pub fn wait(&mut self) {
        self.child.wait().unwrap();
    }

    /// Waits for its end, and fails if it failed.
    pub fn join(mut self) {
        self.ears = None;
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the peer ended with {status}");
    }

    /// Says a line to it.
    pub fn tell(&mut self, line: impl Display) {
        writeln!(self.ears.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The next line that it says.
    pub fn hear(&mut self) -> String {
        let mouth = self.mouth.as_mut().unwrap();
        loop {
            let mut line = String::new();
            assert_ne!(mouth.read_line(&mut line).unwrap(), 0, "the peer ended without a word");
            // The others are libtest's.
            if let Some(said) = line.strip_prefix('@') {
                return said.trim_end().to_owned();
            }
        }
    }

    /// The next line that it says, as a number, say.
    pub fn hear_as<T: FromStr<Err: std::fmt::Debug>>(&mut self) -> T {
        self.hear().parse().unwrap()
    }

    /// Waits until all its threads sleep.
    pub fn wait_until_asleep(&self) {
        self.wait_until_all_are('S');
    }

    /// Stops it, and waits until all its threads have.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
        self.wait_until_all_are('T');
    }

    fn wait_until_all_are(&self, state: char) {
        until(|| {
            let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
            tasks.flatten().all(|task| {
                let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
                stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(state))
            })
        });
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.peers.lock().unwrap().retain(|peer| !Arc::ptr_eq(peer, &self.pidfd));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In a peer: says a line to the test.
pub fn say(line: impl Display) {
    // libtest leaves the line of the test's name unfinished.
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n@{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// In a peer: the next line that the test says; empty at the end.
pub fn hear() -> String {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// In a peer: the first inherited socket.
pub fn inherited() -> UnixStream {
    let numbers = std::env::var(SOCKETS).unwrap();
    let number: RawFd = numbers.split(',').next().unwrap().parse().unwrap();
    let socket = rapace::session::inherited(number).unwrap();
    // SAFETY: the number was given to this process for this purpose and nobody else in it knows it; closing it here
    // leaves the duplicate as the only one.
    drop(unsafe { OwnedFd::from_raw_fd(number) });
    socket
}

/// In a peer: the session over the inherited socket.
pub fn session(config: &Config) -> Session<PeerB> {
    Session::<PeerB>::over(inherited(), config).unwrap()
}

/// A configuration that waits so, and gives a loaded machine time for the handshake.
pub fn config(spin: Spin) -> Config {
    let mut config = Config::default();
    config.spin = spin;
    config.limits.handshake_time = STUCK;
    config
}

/// As [`config`], by a word that can be a peer's argument.
pub fn config_of(word: &str) -> Config {
    config(match word {
        "never" => Spin::Never,
        "adaptive" => Spin::Adaptive,
        other => panic!("no waiting is called {other:?}"),
    })
}

/// Both ways to wait, as [`config_of`] takes them.
pub const SPINS: [&str; 2] = ["never", "adaptive"];

/// Looks until it is so. The watchdog is the bound.
pub fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The content of the message of this number and length, in place of what was in `out`. Different numbers differ from
/// the eighth byte on; cheap enough to be made and compared a million times by an unoptimised program.
pub fn content(number: u32, len: usize, out: &mut Vec<u8>) {
    static PATTERN: OnceLock<Vec<u8>> = OnceLock::new();
    const PERIOD: usize = 65_521;
    let pattern = PATTERN.get_or_init(|| {
        let mut random = Random::new(1);
        (0..PERIOD).map(|_| random.next() as u8).collect()
    });
    out.clear();
    out.extend_from_slice(&number.to_le_bytes()[..len.min(4)]);
    let mut from = number as usize % PERIOD;
    while out.len() < len {
        let part = &pattern[from..];
        out.extend_from_slice(&part[..part.len().min(len - out.len())]);
        from = 0;
    }
}

/// Whether the message of this number came whole and by the route that its length prescribes.
#[track_caller]
pub fn check(message: Inbound, number: u32, len: usize) {
    thread_local!(static BUFFERS: std::cell::RefCell<(Vec<u8>, Vec<u8>)> = const { std::cell::RefCell::new((Vec::new(), Vec::new())) });
    assert_eq!((message.head().method(), message.len()), (number, len), "number and length");
    let route = message.route();
    assert!(is_route_of(len, route), "message {number} of {len} bytes travelled by {route}");
    BUFFERS.with_borrow_mut(|(found, expected)| {
        content(number, len, expected);
        found.clear();
        message.into_inbound_payload().append_to(found);
        assert!(found == expected, "message {number} of {len} bytes has another content");
    });
}

/// By default geometry. A slot of a larger class than necessary is taken when the smaller ones are in use.
fn is_route_of(len: usize, route: Route) -> bool {
    match route {
        Route::Inline => len <= 24,
        Route::Slot { class_bytes } => len > 24 && len <= class_bytes as usize + 64,
        Route::Fragments { count } => len > 65_600 && count as usize == len.div_ceil(65_536),
        _ => false,
    }
}

/// Mostly what fits a descriptor, some slots of each class, now and then fragments.
pub fn mixed_len(number: u32) -> usize {
    match number % 64 {
        7 | 23 | 39 => 25 + (number as usize / 64) % 296,
        31 => 321 + (number as usize / 64) % 3_840,
        63 if number % 512 == 511 => 65_601 + (number as usize / 512) % 80_000,
        63 => 4_161 + (number as usize / 64) % 3_000,
        other => other as usize % 25,
    }
}

/// xorshift64*: the same instants again for the same seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
