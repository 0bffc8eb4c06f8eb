//! One byte there and back over a socket behind epoll: what a reactor pays, without one.
//!
//! Each side sleeps in `epoll_wait` and then takes the byte. Edge-triggered, as tokio's reactor is: there is
//! one byte under way at most, so each edge is one byte.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::burst::{Exchange, Serve};
use crate::control::Control;

/// Either side's end.
#[derive(Debug)]
pub struct Epoll {
    socket: UnixStream,
    epoll: OwnedFd,
}

impl Epoll {
    /// The measuring side's end.
    ///
    /// # Errors
    /// When the peer is gone.
    pub fn measuring(control: &Control) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        control.send_fd(theirs.as_fd())?;
        Self::over(ours)
    }

    /// The peer's end.
    ///
    /// # Errors
    /// When the measuring process is gone.
    pub fn serving(control: &Control) -> io::Result<Self> {
        Self::over(control.recv_fd()?.into())
    }

    fn over(socket: UnixStream) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &socket, EventData::new_u64(0), EventFlags::IN | EventFlags::ET)?;
        Ok(Self { socket, epoll })
    }

    fn give(&self) {
        send(&self.socket, b"b", SendFlags::DONTWAIT | SendFlags::NOSIGNAL).expect("the other process is there");
    }

    fn take(&self) {
        loop {
            let mut events = [MaybeUninit::uninit(); 1];
            epoll::wait(&self.epoll, &mut events, None).expect("an epoll");
            match recv(&self.socket, &mut [0; 64], RecvFlags::DONTWAIT) {
                Ok((_, 1)) => return,
                Err(rustix::io::Errno::AGAIN) => {}
                otherwise => panic!("the other process is gone: {otherwise:?}"),
            }
        }
    }
}

impl Exchange for Epoll {
    fn step(&mut self) {
        self.give();
        self.take();
    }
}

impl Serve for Epoll {
    fn serve(&mut self, steps: u64) {
        for _ in 0..steps {
            self.take();
            self.give();
        }
    }
}
