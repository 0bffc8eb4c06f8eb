//! How two processes meet: at a path, over a listener or socket that exists already, or within one process.
//!
//! The socket of the meeting stays for the session's whole life: it is the proof of who the peer is, the bell of tasks,
//! and what the kernel hangs up when the peer dies.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno as Sys;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::Session;
use super::config::Config;
use super::handshake;
use super::place::{Bound, bind_and_listen, connect_socket, new_socket, numbered_path, prepare};
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

    /// Listens at a path that is named after the listener's own descriptor number, in
    /// [`runtime_dir`](super::runtime_dir), and returns the number. Another process finds it by the number:
    /// [`Session::connect_number`].
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
    /// When the process has no descriptors left, the client is told so and hung up on, and this waits for 10 ms and goes on.
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
    /// As [`accept`](Self::accept); when the process has no descriptors left, that, after turning the client away.
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
                let error = OpenError::system("accepting a client")(errno);
                if self.spare.take().is_some() {
                    if let Ok(socket) = rustix::net::accept_with(&self.socket, SocketFlags::CLOEXEC) {
                        handshake::refuse(socket.as_fd(), &self.config, &error.to_string());
                    }
                    self.spare = spare();
                }
                Err(error)
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
        self.bound.as_ref().map(Bound::path)
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
        if let Some(bound) = self.bound.take() {
            // Removing takes a descriptor, which may be the last one.
            self.spare = None;
            bound.remove();
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

fn spare() -> Option<OwnedFd> {
    fs::File::open("/dev/null").ok().map(OwnedFd::from)
}

/// How long an accepting thread pauses when the process has no descriptors or memory left.
pub(crate) const EXHAUSTED_PAUSE: Duration = Duration::from_millis(10);

/// Whether accepting failed because something is used up that may come back: descriptors, or the kernel's memory.
pub(crate) fn is_exhausted(error: &OpenError) -> bool {
    let code = match error {
        OpenError::System { source, .. } => Sys::from_io_error(source),
        _ => None,
    };
    matches!(code, Some(Sys::MFILE | Sys::NFILE | Sys::NOMEM | Sys::NOBUFS))
}
