//! The place where a server is found: a Unix socket at a path that nobody else can replace.
//!
//! What was there before is a server, the socket of a dead one, or something that is not touched. Two servers that want one
//! place take turns by a lock on its directory.

use std::fs;
use std::io;
use std::mem::offset_of;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno as Sys;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::config::Config;
use crate::error::OpenError;
use crate::os;

/// A path that was bound here, and the file that was made at it.
#[derive(Debug)]
pub(super) struct Bound {
    path: PathBuf,
    file: (u64, u64),
    /// A fork's copy of the listener does not remove the path.
    pid: u32,
}

impl Bound {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn remove(self) {
        if self.pid != std::process::id() {
            return;
        }
        // Without the lock, another server's new socket could be removed; a path that stays is replaced by the next one.
        let Ok(_lock) = open_directory(&self.path).and_then(|directory| Lock::take(directory, &self.path)) else {
            return;
        };
        let same = |file: &fs::Metadata| (file.dev(), file.ino()) == self.file;
        if fs::symlink_metadata(&self.path).is_ok_and(|file| same(&file)) {
            // That it cannot be removed is not worth a panic in a drop; the next server replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The directory in which numbered listeners meet: `rapace` in `$XDG_RUNTIME_DIR`, or `/tmp/rapace-UID`. It is created,
/// for this user alone, when it is not there.
///
/// Whether it belongs to this user is checked by [`Listener::bind`](super::Listener::bind). A client trusts the server's credentials, not the
/// directory.
///
/// # Errors
/// [`OpenError::Path`] when it cannot be created.
pub fn runtime_dir() -> Result<PathBuf, OpenError> {
    let base = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let base = base.filter(|base| base.is_absolute() && base.is_dir());
    let directory = match base {
        Some(base) => base.join("rapace"),
        None => PathBuf::from(format!("/tmp/rapace-{}", rustix::process::geteuid().as_raw())),
    };
    match rustix::fs::mkdir(&directory, Mode::RWXU) {
        Ok(()) | Err(Sys::EXIST) => Ok(directory),
        Err(errno) => Err(unusable(&directory, "creating the runtime directory")(errno)),
    }
}

pub(super) fn numbered_path(number: RawFd) -> Result<PathBuf, OpenError> {
    Ok(runtime_dir()?.join(format!("{number}.sock")))
}

pub(super) fn new_socket() -> Result<OwnedFd, OpenError> {
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        .map_err(OpenError::system("creating a socket"))
}

/// Prepares a listening socket. Who accepts waits before it, not in it: the client may have gone, or another process
/// taken it.
pub(super) fn prepare(socket: &OwnedFd) -> Result<(), OpenError> {
    rustix::io::ioctl_fionbio(socket, true).map_err(OpenError::system("making the listener non-blocking"))?;
    // Who is accepted says something first, and nothing needs to come with that.
    os::pass_descriptors(socket.as_fd(), false);
    Ok(())
}

pub(super) fn connect_socket(path: &Path, config: &Config) -> Result<OwnedFd, OpenError> {
    let address = address(path)?;
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
            Err(Sys::CONNREFUSED) if is_something_else(path) => {
                return Err(refuse(path, "it is not a socket, so no server listens there"));
            }
            Err(Sys::NOENT | Sys::CONNREFUSED) => return Err(OpenError::NoServer { path: path.into() }),
            Err(Sys::NOTSOCK | Sys::PROTOTYPE) => return Err(refuse(path, "it is not a stream socket")),
            Err(Sys::ACCESS) => {
                let reason = "this user may not connect to it; its server lets other users in with `Config::allow_uids`, \
                              in a directory that they may enter";
                return Err(refuse(path, reason));
            }
            Err(errno) => return Err(unusable(path, "connecting")(errno)),
        }
    }
}

/// Gives the socket its path and permissions, and starts listening.
pub(super) fn bind_and_listen(socket: &OwnedFd, path: &Path, config: &Config) -> Result<Bound, OpenError> {
    let address = address(path)?;
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
        Err(errno) => return Err(unusable(path, "binding the socket")(errno)),
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

/// What the system's answer to a call on `path` says of the path, if it does.
fn unusable(path: &Path, doing: &'static str) -> impl Fn(Sys) -> OpenError {
    move |errno| match errno {
        Sys::NOENT => refuse(path, "its directory does not exist; create it, with mode 0700"),
        Sys::NOTDIR | Sys::LOOP => refuse(path, "its directory is not a directory, or is a symbolic link"),
        Sys::ACCESS | Sys::PERM => {
            refuse(path, "this user may not create files in its directory; use one of this user's, with mode 0700")
        }
        Sys::ROFS => refuse(path, "its file system is read-only; use a directory on another one"),
        Sys::NOSPC | Sys::DQUOT => {
            refuse(path, "its file system has no room for another file; remove some, or use a directory on another one")
        }
        errno => OpenError::system(doing)(errno),
    }
}

/// The path as the system takes it.
fn address(path: &Path) -> Result<SocketAddrUnix, OpenError> {
    // The zero byte at its end has to have room too, or others could not name it.
    const BYTES_MAX: usize = size_of::<libc::sockaddr_un>() - offset_of!(libc::sockaddr_un, sun_path) - 1;
    let bytes = path.as_os_str().len();
    match bytes {
        // The system would take any free name that no file has.
        0 => Err(refuse(path, "it is empty")),
        1..=BYTES_MAX => SocketAddrUnix::new(path).map_err(|_| refuse(path, "it contains a zero byte")),
        _ => Err(OpenError::PathLength { path: path.into(), bytes, bytes_max: BYTES_MAX }),
    }
}

/// The path's directory, if nobody else can change what is in it.
fn open_directory(path: &Path) -> Result<OwnedFd, OpenError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = rustix::fs::open(directory, flags, Mode::empty());
    let open = open.map_err(unusable(path, "opening the socket's directory"))?;
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
        Err(Sys::CONNREFUSED) => rustix::fs::unlink(path).map_err(unusable(path, "removing a dead server's socket")),
        Err(Sys::ACCESS) => Err(refuse(path, "another user's socket is there; remove it or use another path")),
        // It answers, or its queue is full, which a dead one's is not.
        _ => Err(OpenError::AddressInUse { path: path.into() }),
    }
}
