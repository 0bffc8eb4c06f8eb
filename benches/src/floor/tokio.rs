//! One byte there and back over a socket behind tokio's reactor, on a current-thread runtime in each process.
//!
//! With `AsyncFd`, which is the least that tokio offers: whoever waits here knows that the byte that came was the only one.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::awaited::{Awaited, AwaitedServe, OnTokio};
use crate::control::Control;

/// Either side's end.
#[derive(Debug)]
pub struct TokioByte(AsyncFd<UnixStream>);

impl TokioByte {
    /// The measuring side's end, on a runtime of its own.
    ///
    /// # Errors
    /// When the peer is gone.
    pub fn measuring(control: &Control) -> io::Result<OnTokio<Self>> {
        let (ours, theirs) = UnixStream::pair()?;
        control.send_fd(theirs.as_fd())?;
        Self::over(ours)
    }

    /// The peer's end, on a runtime of its own.
    ///
    /// # Errors
    /// When the measuring process is gone.
    pub fn serving(control: &Control) -> io::Result<OnTokio<Self>> {
        Self::over(control.recv_fd()?.into())
    }

    fn over(socket: UnixStream) -> io::Result<OnTokio<Self>> {
        OnTokio::new(async || {
            #[allow(
                deprecated,
                reason = "its replacement asks for a promise that an owner of its descriptor keeps by itself"
            )]
            let socket = AsyncFd::with_interest(socket, Interest::READABLE)?;
            Ok(Self(socket))
        })
    }

    fn give(&self) {
        let socket = self.0.get_ref();
        send(socket, b"b", SendFlags::DONTWAIT | SendFlags::NOSIGNAL).expect("the other process is there");
    }

    async fn take(&self) {
        loop {
            let mut ready = self.0.readable().await.expect("a reactor");
            let received = recv(self.0.get_ref(), &mut [0; 64], RecvFlags::DONTWAIT);
            // Either the one byte was taken or there was none.
            ready.clear_ready();
            match received {
                Ok((_, 1)) => return,
                Err(rustix::io::Errno::AGAIN) => {}
                otherwise => panic!("the other process is gone: {otherwise:?}"),
            }
        }
    }
}

impl Awaited for TokioByte {
    async fn step(&mut self) {
        self.give();
        self.take().await;
    }
}

impl AwaitedServe for TokioByte {
    async fn serve(&mut self, steps: u64) {
        for _ in 0..steps {
            self.take().await;
            self.give();
        }
    }
}
