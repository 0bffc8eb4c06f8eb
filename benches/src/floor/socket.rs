//! Calls over a blocking Unix stream socket, as a hand would write them: a head in postcard's bytes, and behind it the bytes of
//! an `echo` as they are.
//!
//! What is begun together is written together, and the answers to what came together go out together. There is no macro,
//! no table of methods, no limit and no deadline, and whoever sends nonsense gets a panic.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use crate::burst::Serve;
use crate::control::Control;
use crate::task::Calls;

/// The method and its two arguments; an `echo`'s are the length of its bytes and nothing.
type Request = (u8, u32, u32);

/// The sum, or the length of the bytes behind it.
type Response = u32;

const ADD: u8 = 1;
const ECHO: u8 = 2;

/// A head is a byte that tells its length, and this much at most.
const HEAD: usize = 16;

/// What the kernel is asked for at a time.
const READ: usize = 64 << 10;

/// Either side's end.
#[derive(Debug)]
pub struct Socket {
    read: BufReader<UnixStream>,
    write: UnixStream,
    out: Vec<u8>,
    /// As many calls are one step of the caller's.
    calls: u64,
}

impl Socket {
    /// The calling end.
    ///
    /// # Errors
    /// When the peer is gone.
    pub fn measuring(control: &Control) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        control.send_fd(theirs.as_fd())?;
        Self::over(ours, 1)
    }

    /// The answering end; a step of the caller's is so many calls.
    ///
    /// # Errors
    /// When the measuring process is gone.
    pub fn serving(control: &Control, calls: usize) -> io::Result<Self> {
        Self::over(control.recv_fd()?.into(), calls as u64)
    }

    /// The calling end of a connection to the server at `path`.
    ///
    /// # Errors
    /// When it is not there.
    pub fn connect(path: &Path) -> io::Result<Self> {
        Self::over(UnixStream::connect(path)?, 1)
    }

    /// The life of a server at `path`: one client after the other.
    ///
    /// # Errors
    /// When it cannot listen, or a client breaks off.
    pub fn serve_at(control: &Control, path: &Path) -> io::Result<()> {
        let listener = UnixListener::bind(path)?;
        control.send(0)?;
        loop {
            let mut socket = Self::over(listener.accept()?.0, 1)?;
            while !socket.read.fill_buf()?.is_empty() {
                socket.serve(1);
            }
        }
    }

    fn over(socket: UnixStream, calls: u64) -> io::Result<Self> {
        let read = BufReader::with_capacity(READ, socket.try_clone()?);
        Ok(Self { read, write: socket, out: Vec::new(), calls })
    }

    /// Puts a head behind what is to be written.
    fn put(&mut self, head: impl FnOnce(&mut [u8]) -> usize) {
        let mut bytes = [0; HEAD];
        let len = head(&mut bytes[1..]);
        bytes[0] = len as u8;
        self.out.extend_from_slice(&bytes[..=len]);
    }

    fn put_request(&mut self, request: Request) {
        self.put(|bytes| postcard::to_slice(&request, bytes).expect("a head is large enough").len());
    }

    fn put_response(&mut self, response: Response) {
        self.put(|bytes| postcard::to_slice(&response, bytes).expect("a head is large enough").len());
    }

    fn flush(&mut self) {
        self.write.write_all(&self.out).expect("the other process is there");
        self.out.clear();
    }

    /// The bytes of the next head.
    fn head(&mut self) -> ([u8; HEAD], usize) {
        let mut bytes = [0; HEAD];
        self.read.read_exact(&mut bytes[..1]).expect("the other process is there");
        let len = usize::from(bytes[0]);
        self.read.read_exact(&mut bytes[..len]).expect("the other process is there");
        (bytes, len)
    }

    fn response(&mut self) -> Response {
        let (bytes, len) = self.head();
        postcard::from_bytes(&bytes[..len]).expect("a response")
    }

    fn bytes(&mut self, len: u32) -> Vec<u8> {
        let mut data = Vec::with_capacity(len as usize);
        let taken = (&mut self.read).take(len.into()).read_to_end(&mut data).expect("the other process is there");
        assert_eq!(taken, len as usize);
        data
    }
}

impl Calls for Socket {
    fn add(&mut self, a: u32, b: u32) -> u32 {
        self.put_request((ADD, a, b));
        self.flush();
        self.response()
    }

    fn echo(&mut self, data: Vec<u8>) -> Vec<u8> {
        self.put_request((ECHO, data.len() as u32, 0));
        self.out.extend_from_slice(&data);
        self.flush();
        let len = self.response();
        self.bytes(len)
    }

    fn adds(&mut self, count: u32) {
        for b in 0..count {
            self.put_request((ADD, 20, b));
        }
        self.flush();
        for b in 0..count {
            assert_eq!(self.response(), 20 + b);
        }
    }
}

impl Serve for Socket {
    fn serve(&mut self, steps: u64) {
        for _ in 0..steps * self.calls {
            let (bytes, len) = self.head();
            match postcard::from_bytes::<Request>(&bytes[..len]).expect("a request") {
                (ADD, a, b) => self.put_response(a.wrapping_add(b)),
                (ECHO, len, _) => {
                    let data = std::hint::black_box(self.bytes(len));
                    self.put_response(len);
                    self.out.extend_from_slice(&data);
                }
                (method, ..) => panic!("no method {method}"),
            }
            if self.read.buffer().is_empty() {
                self.flush();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_answered_with_its_own_result() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let answering = std::thread::spawn(move || Socket::over(theirs, 1).unwrap().serve(1 + 1000 + 3));
        let mut socket = Socket::over(ours, 1).unwrap();
        assert_eq!(socket.add(20, u32::MAX), 19);
        socket.adds(1000);
        for len in [0, 24, 3 << 20] {
            let data: Vec<u8> = (0..len).map(|index| (index % 251) as u8).collect();
            assert!(socket.echo(data.clone()) == data, "{len} bytes came back as others");
        }
        answering.join().unwrap();
    }
}
