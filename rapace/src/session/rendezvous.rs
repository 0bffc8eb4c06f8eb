//! How two processes meet: at a path, over a listener or socket that exists already, or within one process.
//!
//! The socket of the meeting stays for the session's whole life: it is the proof of who the peer is, the bell of tasks,
//! and what the kernel hangs up when the peer dies.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno as Sys;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::Session;
use super::config::Config;
use super::handshake;
use super::role::{PeerA, PeerB};
use crate::error::OpenError;
use crate::os::{self, Credentials};

/// Where clients knock: a Unix socket at a path that only this user can replace.
///
/// Dropping it removes the path.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    config: Config,
    /// Of a path that was bound here: to be removed, if it is still the same file.
    bound: Option<Bound>,
    /// Given up for a moment when the process runs out of descriptors, to refuse a client instead of leaving it waiting.
    spare: Option<OwnedFd>,
}

#[derive(Debug)]
struct Bound {
    path: PathBuf,
    file: (u64, u64),
    /// A fork's copy of the listener does not remove the path.
    pid: u32,
}

impl Listener {
    /// Listens at `path` with the default [`Config`].
    ///
    /// The directory must be this user's (or root's) and writable for nobody else, so that no other user can put
    /// something else in the path's place; the directories above it are not looked at. A socket that a dead server left there is replaced; any other file is not.
    ///
    /// # Errors
    /// [`OpenError::AddressInUse`] when a server answers there, [`OpenError::Path`] with what is wrong with the path.
    pub fn bind(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::bind_with(path, Config::default())
    }

    /// Listens at `path`; sessions are opened by `config`.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn bind_with(path: impl AsRef<Path>, config: Config) -> Result<Self, OpenError> {
        let socket = new_socket()?;
        Self::bind_socket(socket, path.as_ref(), config).map_err(|(error, _)| error)
    }

    /// Listens at a path that is named after the listener's own descriptor number, in [`runtime_dir`], and returns the
    /// number. Another process finds it by the number: [`Session::connect_number`].
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn bind_numbered(config: Config) -> Result<(Self, RawFd), OpenError> {
        // A number that another server has is kept busy here, so that the next attempt gets another one.
        let mut taken = Vec::new();
        loop {
            let socket = new_socket()?;
            let number = socket.as_raw_fd();
            match Self::bind_socket(socket, &numbered_path(number)?, config.clone()) {
                Ok(listener) => return Ok((listener, number)),
                Err((OpenError::AddressInUse { .. }, socket)) if taken.len() < 1_000 => taken.push(socket),
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// The socket comes back with the error.
    fn bind_socket(socket: OwnedFd, path: &Path, config: Config) -> Result<Self, (OpenError, OwnedFd)> {
        match bind_and_listen(&socket, path, &config) {
            Ok(bound) => Ok(Self { socket, config, bound: Some(bound), spare: spare() }),
            Err(error) => Err((error, socket)),
        }
    }

    /// Listens on a socket that exists already: inherited, or made by a service manager. Its path is left alone. It is
    /// made non-blocking.
    ///
    /// # Errors
    /// [`OpenError::System`].
    pub fn from_std(listener: UnixListener, config: Config) -> Result<Self, OpenError> {
        let socket = OwnedFd::from(listener);
        prepare(&socket)?;
        Ok(Self { socket, config, bound: None, spare: spare() })
    }

    /// Waits for the next client that knocks. The handshake is done by [`Incoming::open`], on whichever thread that
    /// is called: a client that is slow to speak holds up nobody else.
    ///
    /// Not everybody who knocks comes in: another server that looks whether this path is in use knocks and leaves, so
    /// an `open` that fails is no reason to stop serving.
    ///
    /// When the process has no descriptors left, the client is hung up on, and this waits for 10 ms and goes on.
    ///
    /// # Errors
    /// [`OpenError::System`] when the listener cannot be used any more; it was shut down, for example.
    pub fn accept(&mut self) -> Result<Incoming, OpenError> {
        loop {
            match self.try_accept() {
                Ok(Some(incoming)) => return Ok(incoming),
                Ok(None) => {
                    let ready = poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], None);
                    if !matches!(ready, Ok(_) | Err(Sys::INTR)) {
                        ready.map_err(OpenError::system("waiting for clients"))?;
                    }
                }
                Err(error) if is_exhausted(&error) => std::thread::sleep(EXHAUSTED_PAUSE),
                Err(error) => return Err(error),
            }
        }
    }

    /// The next client, if one has knocked.
    ///
    /// # Errors
    /// As [`accept`](Self::accept); when the process has no descriptors left, that, after hanging up on the client.
    pub fn try_accept(&mut self) -> Result<Option<Incoming>, OpenError> {
        match rustix::net::accept_with(&self.socket, SocketFlags::CLOEXEC) {
            Ok(socket) => {
                if self.spare.is_none() {
                    self.spare = spare();
                }
                Ok(Some(Incoming { socket, config: self.config.clone() }))
            }
            // Somebody else took it, or it hung up before it was accepted.
            Err(Sys::AGAIN | Sys::INTR | Sys::CONNABORTED) => Ok(None),
            Err(errno @ (Sys::MFILE | Sys::NFILE)) => {
                if self.spare.take().is_some() {
                    drop(rustix::net::accept_with(&self.socket, SocketFlags::CLOEXEC));
                    self.spare = spare();
                }
                Err(OpenError::system("accepting a client")(errno))
            }
            Err(errno) => Err(OpenError::system("accepting a client")(errno)),
        }
    }

    /// Listens no more, and turns away those that have knocked, unless others may listen at the same socket.
    pub(crate) fn turn_all_away(mut self, reason: &str) {
        if self.bound.is_none() {
            return;
        }
        // First, so that nobody knocks who is not turned away.
        self.remove_path();
        while let Ok(Some(incoming)) = self.try_accept() {
            incoming.turn_away(reason);
        }
    }

    /// The path that was bound, if this listener bound one.
    pub fn path(&self) -> Option<&Path> {
        self.bound.as_ref().map(|bound| &*bound.path)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.remove_path();
    }
}

impl Listener {
    fn remove_path(&mut self) {
        let Some(bound) = self.bound.take() else { return };
        if bound.pid != std::process::id() {
            return;
        }
        // Without the lock, another server's new socket could be removed; a path that stays is replaced by the next one.
        let Ok(_lock) = open_directory(&bound.path).and_then(|directory| Lock::take(directory, &bound.path)) else {
            return;
        };
        let same = |file: &fs::Metadata| (file.dev(), file.ino()) == bound.file;
        if fs::symlink_metadata(&bound.path).is_ok_and(|file| same(&file)) {
            // That it cannot be removed is not worth a panic in a drop; the next server replaces it.
            let _ = fs::remove_file(&bound.path);
        }
    }
}

/// A client that knocked, and has not been spoken to yet.
#[derive(Debug)]
#[must_use = "dropping it hangs up on the client"]
pub struct Incoming {
    socket: OwnedFd,
    config: Config,
}

impl Incoming {
    /// Who knocks, by the kernel's word.
    ///
    /// # Errors
    /// [`OpenError::System`].
    pub fn credentials(&self) -> Result<Credentials, OpenError> {
        os::peer_credentials(self.socket.as_fd()).map_err(OpenError::io("asking who the peer is"))
    }

    /// Opens the session, within [`Limits::handshake_time`](crate::Limits::handshake_time).
    ///
    /// # Errors
    /// Why there is no session.
    pub fn open(self) -> Result<Session<PeerA>, OpenError> {
        self.open_with(&[], None)
    }

    /// As [`open`](Self::open), saying what this side serves.
    /// It is broken off when there is something to read at `sign`.
    pub(crate) fn open_with(self, catalogue: &[u8], sign: Option<BorrowedFd<'_>>) -> Result<Session<PeerA>, OpenError> {
        let (opened, area) = handshake::offer(self.socket, &self.config, catalogue, sign)?;
        Ok(Session::start(opened, area, &self.config))
    }

    /// By which its session will be opened.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Turns the client away, without waiting for it.
    pub(crate) fn turn_away(self, reason: &str) {
        handshake::refuse(self.socket.as_fd(), &self.config, reason);
    }
}

impl Session<PeerA> {
    /// Opens a session over a connected socket: one end of a `socketpair` whose other end a child inherits, say.
    ///
    /// ```
    /// use rapace::{Config, Head, PeerA, PeerB, Session};
    /// use std::os::unix::net::UnixStream;
    ///
    /// let (ours, childs) = UnixStream::pair()?;
    /// let child = std::thread::spawn(move || Session::<PeerB>::over(childs, &Config::default()));
    /// let mut a = Session::<PeerA>::over(ours, &Config::default())?;
    /// let mut b = child.join().unwrap()?;
    /// a.send(Head::message(1), b"hello")?;
    /// assert_eq!(b.recv()?.into_inbound_payload().into_vec(), b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Why there is no session.
    pub fn over(socket: UnixStream, config: &Config) -> Result<Self, OpenError> {
        Self::over_with(socket, config, &[])
    }

    /// As [`over`](Self::over), saying what this side serves.
    pub(crate) fn over_with(socket: UnixStream, config: &Config, catalogue: &[u8]) -> Result<Self, OpenError> {
        let (opened, area) = handshake::offer(socket.into(), config, catalogue, None)?;
        Ok(Self::start(opened, area, config))
    }

    /// As [`over`](Self::over), to a child of this process that has inherited the other end. Its death is noticed even
    /// when a child of its own keeps that end: the kernel names this process as the peer of such a socket, so the child
    /// must be shown.
    ///
    /// # Errors
    /// Why there is no session.
    pub fn over_child(socket: UnixStream, child: &Child, config: &Config) -> Result<Self, OpenError> {
        Self::over_child_with(socket, child.id(), os::child_pidfd(child), config, &[], None)
    }

    /// As [`over_child`](Self::over_child), saying what this side serves. It is broken off when there is something to read
    /// at `sign`. The child is the user's whom the program made of it, so `allow_uids` is not asked.
    pub(crate) fn over_child_with(
        socket: UnixStream,
        child: u32,
        pidfd: Option<OwnedFd>,
        config: &Config,
        catalogue: &[u8],
        sign: Option<BorrowedFd<'_>>,
    ) -> Result<Self, OpenError> {
        let config = Config { allow_uids: Vec::new(), ..config.clone() };
        let (mut opened, area) = handshake::offer(socket.into(), &config, catalogue, sign)?;
        // A program that starts another one can hand the socket on: then its own end says nothing of the session.
        if opened.speaker == child {
            opened.pidfd = pidfd;
        }
        opened.credentials.pid = i32::try_from(child).unwrap_or(0);
        Ok(Self::start(opened, area, &config))
    }
}

impl Session<PeerB> {
    /// Connects to the server that listens at `path`, with the default [`Config`].
    ///
    /// # Errors
    /// [`OpenError::NoServer`] when nobody listens there, or why there is no session.
    pub fn connect(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::connect_with(path, &Config::default())
    }

    /// Connects to the server that listens at `path`. Waiting for a place in its queue may take
    /// [`Limits::handshake_time`](crate::Limits::handshake_time), and the handshake as long again.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_with(path: impl AsRef<Path>, config: &Config) -> Result<Self, OpenError> {
        Self::connect_serving(path, config, &[])
    }

    pub(crate) fn connect_serving(
        path: impl AsRef<Path>,
        config: &Config,
        catalogue: &[u8],
    ) -> Result<Self, OpenError> {
        Self::join(connect_socket(path.as_ref(), config)?, config, catalogue)
    }

    /// Connects to the server whose listener has this descriptor number in its own process; see
    /// [`Listener::bind_numbered`].
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_number(number: RawFd, config: &Config) -> Result<Self, OpenError> {
        Self::connect_with(numbered_path(number)?, config)
    }

    /// Joins a session over a connected socket, on whose other end is a PeerA.
    ///
    /// # Errors
    /// Why there is no session.
    pub fn over(socket: UnixStream, config: &Config) -> Result<Self, OpenError> {
        Self::over_serving(socket, config, &[])
    }

    pub(crate) fn over_serving(socket: UnixStream, config: &Config, catalogue: &[u8]) -> Result<Self, OpenError> {
        Self::join(socket.into(), config, catalogue)
    }

    fn join(socket: OwnedFd, config: &Config, catalogue: &[u8]) -> Result<Self, OpenError> {
        let (opened, area) = handshake::join(socket, config, catalogue)?;
        Ok(Self::start(opened, area, config))
    }
}

/// A connected socket that this process was started with, by its number. The number itself stays open; what comes back
/// is a duplicate that is not inherited further. Any number of this process can be asked for, also one that somebody
/// else in it owns; ask only for one that was handed to this program.
///
/// # Errors
/// [`OpenError::NotASocket`] when the number is not an open Unix stream socket.
pub fn inherited(fd: RawFd) -> Result<UnixStream, OpenError> {
    let socket = os::adopt_inherited(fd).map_err(|_| OpenError::NotASocket { fd })?;
    if is_connected_stream(socket.as_fd()) { Ok(socket.into()) } else { Err(OpenError::NotASocket { fd }) }
}

/// Whether it is a Unix stream socket with another end.
pub(crate) fn is_connected_stream(socket: BorrowedFd<'_>) -> bool {
    let is_stream = rustix::net::sockopt::socket_type(socket) == Ok(SocketType::STREAM);
    let is_unix = rustix::net::getsockname(socket).is_ok_and(|own| own.address_family() == AddressFamily::UNIX);
    is_stream && is_unix && rustix::net::getpeername(socket).is_ok()
}

/// Both ends of a session within this process, by the same handshake over a `socketpair`: for tests, and for threads that
/// speak as processes do.
///
/// # Errors
/// Why there is no session.
pub fn pair() -> Result<(Session<PeerA>, Session<PeerB>), OpenError> {
    pair_with(&Config::default())
}

/// As [`pair`], by `config` on both sides.
///
/// # Errors
/// Why there is no session.
pub fn pair_with(config: &Config) -> Result<(Session<PeerA>, Session<PeerB>), OpenError> {
    let (a, b) = UnixStream::pair().map_err(OpenError::io("creating a socket pair"))?;
    std::thread::scope(|scope| {
        let b = std::thread::Builder::new()
            .spawn_scoped(scope, || Session::<PeerB>::over(b, config))
            .map_err(OpenError::io("starting a thread for the other end"))?;
        let a = Session::<PeerA>::over(a, config);
        // The thread does not panic; if it did, that is passed on.
        let b = b.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((a?, b?))
    })
}

/// The directory in which numbered listeners meet: `rapace` in `$XDG_RUNTIME_DIR`, or `/tmp/rapace-UID`. It is created,
/// for this user alone, when it is not there.
///
/// Whether it belongs to this user is checked by [`Listener::bind`]. A client trusts the server's credentials, not the
/// directory.
///
/// # Errors
/// [`OpenError::System`] when it cannot be created.
pub fn runtime_dir() -> Result<PathBuf, OpenError> {
    let base = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let base = base.filter(|base| base.is_absolute() && base.is_dir());
    let directory = match base {
        Some(base) => base.join("rapace"),
        None => PathBuf::from(format!("/tmp/rapace-{}", rustix::process::geteuid().as_raw())),
    };
    match fs::DirBuilder::new().mode(0o700).create(&directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(OpenError::io("creating the runtime directory")(error))
        }
        _ => Ok(directory),
    }
}

fn numbered_path(number: RawFd) -> Result<PathBuf, OpenError> {
    Ok(runtime_dir()?.join(format!("{number}.sock")))
}

fn new_socket() -> Result<OwnedFd, OpenError> {
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        .map_err(OpenError::system("creating a socket"))
}

/// Prepares a listening socket. Who accepts waits before it, not in it: the client may have gone, or another process
/// taken it.
fn prepare(socket: &OwnedFd) -> Result<(), OpenError> {
    rustix::io::ioctl_fionbio(socket, true).map_err(OpenError::system("making the listener non-blocking"))?;
    // Who is accepted says something first, and nothing needs to come with that.
    os::pass_descriptors(socket.as_fd(), false);
    Ok(())
}

fn connect_socket(path: &Path, config: &Config) -> Result<OwnedFd, OpenError> {
    let address =
        SocketAddrUnix::new(path).map_err(|_| refuse(path, "it is too long for a socket (107 bytes at most)"))?;
    let socket = new_socket()?;
    let deadline = std::time::Instant::now().checked_add(config.limits.handshake_time);
    loop {
        // A server whose queue is full would block a plain connect for as long as it likes.
        rustix::io::ioctl_fionbio(&socket, true).map_err(OpenError::system("connecting"))?;
        let answer = rustix::net::connect(&socket, &address);
        rustix::io::ioctl_fionbio(&socket, false).map_err(OpenError::system("connecting"))?;
        match answer {
            Ok(()) => return Ok(socket),
            Err(Sys::INTR) => {}
            Err(Sys::AGAIN) if deadline.is_some_and(|deadline| std::time::Instant::now() < deadline) => {
                // The kernel has no event for a free place in that queue.
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(Sys::AGAIN) => return Err(OpenError::Timeout(config.limits.handshake_time)),
            Err(Sys::CONNREFUSED) if is_something_else(path) => return Err(refuse(path, "it is not a socket")),
            Err(Sys::NOENT | Sys::CONNREFUSED) => return Err(OpenError::NoServer { path: path.into() }),
            Err(Sys::NOTSOCK | Sys::PROTOTYPE) => return Err(refuse(path, "it is not a stream socket")),
            Err(Sys::ACCESS) => return Err(refuse(path, "this user may not connect to it")),
            Err(errno) => return Err(OpenError::system("connecting")(errno)),
        }
    }
}

/// Gives the socket its path and permissions, and starts listening.
fn bind_and_listen(socket: &OwnedFd, path: &Path, config: &Config) -> Result<Bound, OpenError> {
    let address =
        SocketAddrUnix::new(path).map_err(|_| refuse(path, "it is too long for a socket (107 bytes at most)"))?;
    let directory = open_directory(path)?;
    // Held until the socket is bound, so that two servers do not take each other's path for a dead one's.
    let _lock = Lock::take(directory, path)?;
    remove_dead(path, &address)?;
    let mode = if config.allow_uids.is_empty() { Mode::from_raw_mode(0o600) } else { Mode::from_raw_mode(0o666) };
    // Linux gives the file the socket's mode; elsewhere the file is changed below, within a directory of our own.
    let _ = rustix::fs::fchmod(socket, mode);
    match rustix::net::bind(socket, &address) {
        Ok(()) => {}
        Err(Sys::ADDRINUSE) => return Err(OpenError::AddressInUse { path: path.into() }),
        Err(errno) => return Err(OpenError::system("binding the socket")(errno)),
    }
    let file = fs::symlink_metadata(path).map_err(OpenError::io("looking at the socket just bound"))?;
    let bound = Bound { path: path.into(), file: (file.dev(), file.ino()), pid: std::process::id() };
    if file.mode() & 0o777 != mode.bits() & 0o777 {
        rustix::fs::chmod(path, mode).map_err(OpenError::system("setting the socket's permissions"))?;
    }
    prepare(socket)?;
    rustix::net::listen(socket, 128).map_err(OpenError::system("listening"))?;
    Ok(bound)
}

/// Whether there is something that is not a socket. A server that starts may just remove the socket of a dead one.
fn is_something_else(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| !file.file_type().is_socket())
}

fn refuse(path: &Path, reason: &'static str) -> OpenError {
    OpenError::Path { path: path.into(), reason }
}

/// The path's directory, if nobody else can change what is in it.
fn open_directory(path: &Path) -> Result<OwnedFd, OpenError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = rustix::fs::open(directory, flags, Mode::empty());
    let open = open.map_err(|errno| match errno {
        Sys::NOENT => refuse(path, "its directory does not exist; create it, with mode 0700"),
        Sys::NOTDIR | Sys::LOOP => refuse(path, "its directory is not a directory, or is a symbolic link"),
        Sys::ACCESS => refuse(path, "this user may not use its directory"),
        errno => OpenError::system("opening the socket's directory")(errno),
    })?;
    let stat = rustix::fs::fstat(&open).map_err(OpenError::system("looking at the socket's directory"))?;
    let ours = stat.st_uid == rustix::process::geteuid().as_raw() || stat.st_uid == 0;
    if !ours {
        return Err(refuse(path, "its directory belongs to another user"));
    }
    if stat.st_mode & 0o022 != 0 {
        return Err(refuse(path, "others can write its directory, and so replace the socket; use one with mode 0700"));
    }
    Ok(open)
}

/// The directory of a socket, locked against other servers.
struct Lock(OwnedFd);

impl Lock {
    /// Others hold it for as long as a bind takes. Who can open the directory could hold it for ever, so this does not
    /// wait for ever.
    fn take(directory: OwnedFd, path: &Path) -> Result<Self, OpenError> {
        for _ in 0..LOCK_TRIES {
            match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self(directory)),
                Err(Sys::AGAIN | Sys::INTR) => std::thread::sleep(Duration::from_millis(1)),
                Err(errno) => return Err(OpenError::system("locking the socket's directory")(errno)),
            }
        }
        Err(refuse(path, "another process keeps its directory locked"))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Not only by closing: a child that was forked meanwhile has the descriptor too.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// Tries, a millisecond apart, before a locked directory is an error.
const LOCK_TRIES: u32 = 500;

/// Makes way for a new socket: removes one that nobody answers at, and nothing else. The directory is locked.
fn remove_dead(path: &Path, address: &SocketAddrUnix) -> Result<(), OpenError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(OpenError::io("looking at the socket's path")(error)),
        Ok(file) if !file.file_type().is_socket() => {
            return Err(refuse(path, "there is something else than a socket; remove it or use another path"));
        }
        Ok(_) => {}
    }
    let probe = new_socket()?;
    rustix::io::ioctl_fionbio(&probe, true).map_err(OpenError::system("probing the socket"))?;
    match rustix::net::connect(&probe, address) {
        Err(Sys::CONNREFUSED) => fs::remove_file(path).map_err(OpenError::io("removing a dead server's socket")),
        // It answers, or its queue is full, which a dead one's is not.
        _ => Err(OpenError::AddressInUse { path: path.into() }),
    }
}

fn spare() -> Option<OwnedFd> {
    fs::File::open("/dev/null").ok().map(OwnedFd::from)
}

/// How long an accepting thread pauses when the process has no descriptors left.
pub(crate) const EXHAUSTED_PAUSE: Duration = Duration::from_millis(10);

/// Whether accepting failed because there are no descriptors left.
pub(crate) fn is_exhausted(error: &OpenError) -> bool {
    let code = match error {
        OpenError::System { source, .. } => source.raw_os_error(),
        _ => None,
    };
    code.is_some_and(|code| code == Sys::MFILE.raw_os_error() || code == Sys::NFILE.raw_os_error())
}
