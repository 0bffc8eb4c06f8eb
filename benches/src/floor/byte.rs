//! One byte there and back over a blocking Unix stream socket: what a program without shared memory
//! pays.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use crate::burst::{Exchange, Serve};
use crate::control::Control;

/// Either side's end.
#[derive(Debug)]
pub struct Byte(UnixStream);

impl Byte {
    /// The measuring side's end.
    ///
    /// # Errors
    /// When the peer is gone.
    pub fn measuring(control: &Control) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        control.send_fd(theirs.as_fd())?;
        Ok(Self(ours))
    }

    /// The peer's end.
    ///
    /// # Errors
    /// When the measuring process is gone.
    pub fn serving(control: &Control) -> io::Result<Self> {
        Ok(Self(control.recv_fd()?.into()))
    }

    fn give(&mut self) {
        self.0.write_all(b"b").expect("the other process is there");
    }

    fn take(&mut self) {
        let mut byte = [0];
        self.0.read_exact(&mut byte).expect("the other process is there");
    }
}

impl Exchange for Byte {
    fn step(&mut self) {
        self.give();
        self.take();
    }
}

impl Serve for Byte {
    fn serve(&mut self, steps: u64) {
        for _ in 0..steps {
            self.take();
            self.give();
        }
    }
}
