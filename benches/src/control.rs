//! The wire between the measuring process and a peer: numbers and file descriptors.
//!
//! A Unix stream socket that nothing is measured over: it starts a burst, brings the peer's
//! figures back, and carries memfds and session sockets. Its end tells a peer to go.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};

/// One end of the wire.
#[derive(Debug)]
pub struct Control(UnixStream);

impl Control {
    /// A new wire: our end, and the one the peer gets as its standard input.
    ///
    /// # Errors
    /// Those of `socketpair`.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = UnixStream::pair()?;
        Ok((Self(ours), theirs.into()))
    }

    /// A wire over a socket that is there already.
    #[must_use]
    pub fn over(socket: UnixStream) -> Self {
        Self(socket)
    }

    /// The peer's end: standard input.
    ///
    /// # Errors
    /// When standard input cannot be duplicated.
    pub fn inherited() -> io::Result<Self> {
        let stdin = io::stdin().as_fd().try_clone_to_owned()?;
        Ok(Self(UnixStream::from(stdin)))
    }

    /// Sends one number.
    ///
    /// # Errors
    /// When the other process is gone.
    pub fn send(&self, value: u64) -> io::Result<()> {
        (&self.0).write_all(&value.to_ne_bytes())
    }

    /// Waits for one number.
    ///
    /// # Errors
    /// `UnexpectedEof` when the other process is gone.
    pub fn recv(&self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        (&self.0).read_exact(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    /// Says that nothing more comes, and takes nothing more.
    ///
    /// # Errors
    /// Those of `shutdown`.
    pub fn hang_up(&self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Both)
    }

    /// Sends a text.
    ///
    /// # Errors
    /// When the other process is gone.
    pub fn send_text(&self, text: &str) -> io::Result<()> {
        self.send(text.len() as u64)?;
        (&self.0).write_all(text.as_bytes())
    }

    /// Waits for a text.
    ///
    /// # Errors
    /// When something else came, or the other process is gone.
    pub fn recv_text(&self) -> io::Result<String> {
        let mut bytes = vec![0; self.recv()? as usize];
        (&self.0).read_exact(&mut bytes)?;
        String::from_utf8(bytes).map_err(io::Error::other)
    }

    /// Sends a file descriptor; ours stays open.
    ///
    /// # Errors
    /// Those of `sendmsg`.
    pub fn send_fd(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let fds = [fd];
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&fds)));
        let data = [IoSlice::new(b"f")];
        rustix::net::sendmsg(&self.0, &data, &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Waits for a file descriptor.
    ///
    /// # Errors
    /// When something else than a file descriptor came, or the other process is gone.
    pub fn recv_fd(&self) -> io::Result<OwnedFd> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let mut data = [IoSliceMut::new(&mut byte)];
        rustix::net::recvmsg(&self.0, &mut data, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(mut fds) = message {
                if let Some(fd) = fds.next() {
                    return Ok(fd);
                }
            }
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}
