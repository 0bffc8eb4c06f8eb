//! Looking at a session from outside: a third process maps a half read-only and reads what its owner counts, without the
//! owner's help or notice.
//!
//! What is read is checked as what a peer hands over is: the owner of a half may lie about everything in it.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::fs::OFlags;

use super::handshake::fork_guard;
use super::stats::Counts;
use crate::error::{OpenError, SegmentError};
use crate::layout::geometry::{Geometry, GeometryError};
use crate::limits::Limits;
use crate::segment::memory;
use crate::segment::{CLOSED, Half, IDENTITY_BYTES, Identity, PEER_A};

/// One half of a session of another process, to be looked at.
///
/// A process has the memory file of its half among its descriptors for as long as the session lasts, and whoever may open
/// `/proc/<pid>/fd/<n>` can map it, but not write it. It also keeps the memory: what was counted can be read after the end.
/// The processes of a session need not know; they are not slowed down.
///
/// ```
/// use rapace::{Head, Inspector};
///
/// let (mut a, b) = rapace::session::pair()?;
/// a.send(Head::message(1), &[7; 1_000])?;
///
/// // Here this process; `cargo run --example inspect -- <pid>` shows another one's.
/// let halves = Inspector::of_process(std::process::id())?;
/// let of_a = halves.iter().find(|half| half.is_peer_a()).ok_or("there is none")?;
/// assert_eq!(of_a.counts().messages_sent, 1);
/// assert_eq!(of_a.counts().slot_bytes_sent, 1_000);
/// # drop(b);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Inspector {
    half: Arc<Half>,
    identity: Identity,
    fd: RawFd,
}

impl Inspector {
    /// Maps the half whose memory file is descriptor `fd` of process `pid`.
    ///
    /// # Errors
    /// The descriptor cannot be opened, or it is not the half of a session of this version.
    pub fn open(pid: u32, fd: RawFd) -> Result<Self, OpenError> {
        let path = PathBuf::from(format!("/proc/{pid}/fd/{fd}"));
        // Opening a device might do something.
        let is_file = std::fs::metadata(&path).map_err(OpenError::io("looking at the descriptor"))?.is_file();
        if !is_file {
            return Err(SegmentError::NotMemory.into());
        }
        // What is another file by now is not waited for.
        let flags = OFlags::NONBLOCK.union(OFlags::NOCTTY).bits() as i32;
        let opened = OpenOptions::new().read(true).custom_flags(flags).open(&path);
        let file = opened.map_err(OpenError::io("opening the descriptor"))?;
        let identity = read_identity(&file)?;
        let layout = identity.geometry().layout()?;
        let (bytes, segment_bytes) = (layout.bytes as u64, Limits::default().segment_bytes);
        if bytes.saturating_mul(2) > segment_bytes {
            return Err(GeometryError::SegmentBytes { bytes, segment_bytes }.into());
        }
        let half = memory::accept(&OwnedFd::from(file), &layout, &fork_guard()?)?;
        Ok(Self { half, identity, fd })
    }

    /// Maps all halves that process `pid` owns. What is none, or ends meanwhile, is left out.
    ///
    /// # Errors
    /// The descriptors of the process cannot be listed.
    pub fn of_process(pid: u32) -> Result<Vec<Self>, OpenError> {
        let listed = std::fs::read_dir(format!("/proc/{pid}/fd"));
        let fds = listed.map_err(OpenError::io("listing the descriptors of the process"))?;
        let number = |fd: std::io::Result<std::fs::DirEntry>| fd.ok()?.file_name().to_str()?.parse().ok();
        Ok(fds.filter_map(number).filter_map(|fd| Self::open(pid, fd).ok()).collect())
    }

    /// The descriptor that it was found as.
    pub fn fd(&self) -> RawFd {
        self.fd
    }

    /// Names the session: both halves have the same.
    pub fn session_id(&self) -> [u8; 16] {
        self.identity.session()
    }

    /// Whether the owner is PeerA, which opened the session: of services, the server.
    pub fn is_peer_a(&self) -> bool {
        self.identity.role() == PEER_A
    }

    /// The shape of the segment.
    pub fn geometry(&self) -> Geometry {
        self.identity.geometry()
    }

    /// Whether the owner has sent all it will.
    pub fn is_closed(&self) -> bool {
        // Relaxed: nothing else is read because of it.
        self.half.words().bell.state.load(Ordering::Relaxed) == CLOSED
    }

    /// What the owner has counted until now, read anew each time. Of `messages_sent` one half shows the low 32 bits.
    pub fn counts(&self) -> Counts {
        Counts::read_near(&self.half, 0)
    }
}

/// What a file says of itself at its start, if that can be a half.
fn read_identity(mut file: &File) -> Result<Identity, OpenError> {
    let mut bytes = [0; IDENTITY_BYTES];
    match file.read_exact(&mut bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(SegmentError::NotMemory.into()),
        Err(error) => Err(OpenError::io("reading the start of the half")(error)),
        Ok(()) => Ok(Identity::parse(bytes)?),
    }
}
