//! The few things the system offers that no safe wrapper covers: two socket options, descriptors that are inherited, and the
//! page that a fork clears. Sleeping on words is in [`futex`].
//!
//! With `--cfg rapace_portable`, and wherever the system is not Linux, the replacements are used instead.

#![allow(unsafe_code)]

pub(crate) mod barrier;
pub(crate) mod futex;
pub(crate) mod random;

use std::io;

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
#[cfg(all(target_os = "linux", not(rapace_portable)))]
use std::ptr::NonNull;
use std::sync::Arc;
#[cfg(all(target_os = "linux", not(rapace_portable)))]
use std::sync::atomic::AtomicU32;
use std::sync::atomic::{AtomicI32, Ordering};

/// A duplicate of a descriptor that this process was started with, close-on-exec, if the number is open.
pub(crate) fn adopt_inherited(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: takes no pointer; answers EBADF when the number is not open.
    let duplicate = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) };
    if duplicate < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us; nobody else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(duplicate) })
}

/// Takes over a socket that this process was started with, close-on-exec from now on, if the number is open, has this inode,
/// and `is_it` finds so.
///
/// To be called once for a number that was handed to this program to be its own.
pub(crate) fn take_inherited(fd: RawFd, inode: u64, is_it: impl FnOnce(BorrowedFd<'_>) -> bool) -> io::Result<OwnedFd> {
    // The first three have owners.
    if fd < 3 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the number is borrowed for questions that answer EBADF if it is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    if rustix::fs::fstat(borrowed)?.st_ino != inode || !is_it(borrowed) {
        return Err(io::ErrorKind::NotFound.into());
    }
    // SAFETY: it is the socket that was handed over, by its inode, and the caller takes it once: so nobody else owns it.
    let owned = unsafe { OwnedFd::from_raw_fd(fd) };
    rustix::io::fcntl_setfd(&owned, rustix::io::FdFlags::CLOEXEC)?;
    Ok(owned)
}

/// Has the children that a command starts inherit the descriptor that `number` says then, which stays close-on-exec in this
/// process. If asked to, they are killed when the thread that starts them ends, as it does with this process.
pub(crate) fn inherit(command: &mut Command, number: Arc<AtomicI32>, die_with_parent: bool) {
    let parent = std::process::id();
    let in_child = move || {
        // Relaxed: stored by the thread that starts the child.
        let fd = number.load(Ordering::Relaxed);
        // SAFETY: takes no pointer; answers EBADF when the number is not open.
        if unsafe { libc::fcntl(fd, libc::F_SETFD, 0) } < 0 {
            return Err(io::Error::last_os_error());
        }
        if die_with_parent { end_with_parent(parent) } else { Ok(()) }
    };
    // SAFETY: between fork and exec it only makes system calls and reads an atomic; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(in_child) };
}

/// In a forked child: has it killed when its parent ends, also if that has happened already.
fn end_with_parent(parent: u32) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    // SAFETY: takes no pointer.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let now = rustix::process::getppid().map_or(0, |parent| parent.as_raw_nonzero().get());
    if u32::try_from(now) == Ok(parent) { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ESRCH)) }
}

/// A descriptor that stands for the process at the other end of a connected Unix socket, where the system knows it.
#[cfg(all(target_os = "linux", not(rapace_portable)))]
pub(crate) fn peer_pidfd(socket: BorrowedFd<'_>) -> Option<OwnedFd> {
    let mut fd: libc::c_int = -1;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    let (level, name) = (libc::SOL_SOCKET, libc::SO_PEERPIDFD);
    // SAFETY: both pointers are to live locals of the sizes that the call is told.
    let code = unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, (&raw mut fd).cast(), &raw mut len) };
    // SAFETY: the kernel answered 0 and so made this descriptor for us; nobody else knows its number.
    (code == 0 && fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(any(not(target_os = "linux"), rapace_portable))]
pub(crate) fn peer_pidfd(_socket: BorrowedFd<'_>) -> Option<OwnedFd> {
    None
}

/// A descriptor that stands for a child, which has not been waited for as long as the reference to it exists.
#[cfg(all(target_os = "linux", not(rapace_portable)))]
pub(crate) fn child_pidfd(child: &Child) -> Option<OwnedFd> {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    pidfd_open(Pid::from_child(child), PidfdFlags::empty()).ok()
}

#[cfg(any(not(target_os = "linux"), rapace_portable))]
pub(crate) fn child_pidfd(_child: &Child) -> Option<OwnedFd> {
    None
}

/// Asks the kernel to refuse or allow descriptors that are sent to this socket from now on, or to those accepted from
/// it (Linux 6.16; elsewhere nothing happens): a byte with a lingering socket attached can otherwise block the plain
/// `recv` that drops it.
#[cfg(target_os = "linux")]
pub(crate) fn pass_descriptors(socket: BorrowedFd<'_>, allowed: bool) {
    /// From linux/socket.h; libc does not have it everywhere yet.
    const SO_PASSRIGHTS: libc::c_int = 83;
    let allowed = libc::c_int::from(allowed);
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the pointer is to a live local of the size that the call is told.
    unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, SO_PASSRIGHTS, (&raw const allowed).cast(), len) };
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn pass_descriptors(_socket: BorrowedFd<'_>, _allowed: bool) {}

/// Knows whether this process is a fork of the one that made it.
#[derive(Clone, Debug)]
pub(crate) struct ForkGuard {
    /// On a page that is all zero in a forked child.
    #[cfg(all(target_os = "linux", not(rapace_portable)))]
    word: NonNull<AtomicU32>,
    #[cfg(all(target_os = "linux", not(rapace_portable)))]
    _page: Arc<memmap2::MmapRaw>,
    #[cfg(any(not(target_os = "linux"), rapace_portable))]
    pid: rustix::process::Pid,
}

#[cfg(all(target_os = "linux", not(rapace_portable)))]
impl ForkGuard {
    pub(crate) fn new() -> io::Result<Self> {
        let page = memmap2::MmapRaw::from(memmap2::MmapMut::map_anon(size_of::<AtomicU32>())?);
        let start = page.as_mut_ptr().cast();
        let len = rustix::param::page_size();
        // SAFETY: the range is one whole page of our own, private and anonymous, that nothing refers to yet.
        unsafe { rustix::mm::madvise(start, len, rustix::mm::Advice::LinuxWipeOnFork)? };
        let word = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let guard = Self { word, _page: Arc::new(page) };
        guard.word().store(1, Ordering::Relaxed);
        Ok(guard)
    }

    #[inline(always)]
    fn word(&self) -> &AtomicU32 {
        // SAFETY: a page is larger and stricter aligned than the word, lives as long as `self`, and only this word of
        // it is used; the kernel's clearing happens before a child runs.
        unsafe { self.word.as_ref() }
    }

    #[inline(always)]
    pub(crate) fn is_forked(&self) -> bool {
        self.word().load(Ordering::Relaxed) == 0
    }
}

// SAFETY: what it points to is an atomic, which lives as long as it does.
#[cfg(all(target_os = "linux", not(rapace_portable)))]
unsafe impl Send for ForkGuard {}
// SAFETY: as for `Send`.
#[cfg(all(target_os = "linux", not(rapace_portable)))]
unsafe impl Sync for ForkGuard {}

#[cfg(any(not(target_os = "linux"), rapace_portable))]
impl ForkGuard {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { pid: rustix::process::getpid() })
    }

    pub(crate) fn is_forked(&self) -> bool {
        rustix::process::getpid() != self.pid
    }
}

/// The CPU this thread runs on, where the system says it cheaply.
#[cfg(target_os = "linux")]
pub(crate) fn cpu() -> Option<u64> {
    Some(rustix::thread::sched_getcpu() as u64)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn cpu() -> Option<u64> {
    None
}

/// Has the processor fetch the cache line of `place` for reading, while it goes on with something else. A hint; nothing
/// depends on it.
#[inline(always)]
pub(crate) fn fetch_for_reading<T>(place: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint that reads and writes nothing, faults at no address, and leaves registers and flags alone.
    unsafe {
        std::arch::asm!("prefetcht0 [{}]", in(reg) place, options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// Lets the last look at a line that the peer is about to write come to its end before the next one, and some 13 ns pass. Processors
/// look many times ahead otherwise: when the line changes all of that is thrown away, and each look asks for the line while the peer
/// still writes there. A pause takes 24 to 40 ns: on an Intel processor, where it is the longest, more than is gained. On other architectures it
/// is the hint for such loops.
#[inline(always)]
pub(crate) fn settle() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: waits for loads, and touches no memory, registers or flags; that the compiler does not know it is wanted, so that it keeps the
    // looks apart. Every processor of this architecture has it.
    unsafe {
        std::arch::asm!("lfence", "lfence", options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::hint::spin_loop();
}

/// CPUs of the machine that are on, whether or not this process may use them; at least one.
pub(crate) fn cpus() -> usize {
    // SAFETY: reads one number that the system keeps.
    let cpus = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    usize::try_from(cpus).unwrap_or(1).max(1)
}

/// Who is at the other end of a connected Unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// Process id, as seen in this process's namespace; zero when it cannot be seen from there.
    pub pid: i32,
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
}

/// The credentials that the kernel recorded when the socket was connected or made.
#[cfg(target_os = "linux")]
pub(crate) fn peer_credentials(socket: BorrowedFd<'_>) -> io::Result<Credentials> {
    let mut found = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    let (level, name) = (libc::SOL_SOCKET, libc::SO_PEERCRED);
    // SAFETY: both pointers are to live locals of the sizes that the call is told; any bits are valid in them. (rustix's
    // wrapper takes the pid for non-zero, which it is not when the peer lives in another pid namespace.)
    let code = unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, (&raw mut found).cast(), &raw mut len) };
    if code != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Credentials { pid: found.pid, uid: found.uid, gid: found.gid })
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn peer_credentials(socket: BorrowedFd<'_>) -> io::Result<Credentials> {
    let (mut uid, mut gid) = (0, 0);
    // SAFETY: both pointers are to live locals of the types that the call writes.
    let code = unsafe { libc::getpeereid(socket.as_raw_fd(), &raw mut uid, &raw mut gid) };
    if code == 0 { Ok(Credentials { pid: 0, uid, gid }) } else { Err(io::Error::last_os_error()) }
}
