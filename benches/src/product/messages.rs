//! Messages over an open session: there and back, and one way.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use rapace::{Head, PeerA, PeerB, Role, Session};

use crate::burst::{Exchange, Serve};
use crate::control::Control;
use crate::floor::rings::INLINE;
use crate::product;
use crate::waiting::Waiting;

const METHOD: u32 = 7;

/// The measuring side opens the session.
///
/// # Errors
/// When the handshake fails or the peer is gone.
pub fn open(control: &Control, waiting: Waiting) -> io::Result<Session<PeerA>> {
    let (ours, theirs) = UnixStream::pair()?;
    control.send_fd(theirs.as_fd())?;
    Session::<PeerA>::over(ours, &product::config(waiting)).map_err(io::Error::other)
}

/// The peer connects.
///
/// # Errors
/// As [`open`].
pub fn join(control: &Control, waiting: Waiting) -> io::Result<Session<PeerB>> {
    let socket = UnixStream::from(control.recv_fd()?);
    Session::<PeerB>::over(socket, &product::config(waiting)).map_err(io::Error::other)
}

/// 24 bytes there and back.
#[derive(Debug)]
pub struct Inline<R: Role>(pub Session<R>);

impl<R: Role> Inline<R> {
    #[inline]
    fn give(&mut self, bytes: &[u8; INLINE]) {
        self.0.send(Head::message(METHOD), bytes).expect("an open session");
    }

    #[inline]
    fn take(&mut self) -> [u8; INLINE] {
        let message = self.0.recv().expect("an open session");
        let mut bytes = [0; INLINE];
        message.into_inbound_payload().copy_to(&mut bytes);
        bytes
    }
}

impl Exchange for Inline<PeerA> {
    #[inline]
    fn step(&mut self) {
        self.give(&[7; INLINE]);
        std::hint::black_box(self.take());
    }
}

impl Serve for Inline<PeerB> {
    fn serve(&mut self, steps: u64) {
        for _ in 0..steps {
            let bytes = self.take();
            self.give(&bytes);
        }
    }
}

/// A byte string there and back, owned on each side.
#[derive(Debug)]
pub struct Echo<R: Role> {
    session: Session<R>,
    payload: Vec<u8>,
}

impl<R: Role> Echo<R> {
    /// Either side's end.
    #[must_use]
    pub fn new(session: Session<R>, len: usize) -> Self {
        Self { session, payload: vec![7; len] }
    }
}

impl Exchange for Echo<PeerA> {
    #[inline]
    fn step(&mut self) {
        self.session.send(Head::message(METHOD), &self.payload).expect("an open session");
        let message = self.session.recv().expect("an open session");
        std::hint::black_box(message.into_inbound_payload().into_vec());
    }
}

impl Serve for Echo<PeerB> {
    fn serve(&mut self, steps: u64) {
        for _ in 0..steps {
            let message = self.session.recv().expect("an open session");
            let payload = std::hint::black_box(message.into_inbound_payload().into_vec());
            self.session.send(Head::message(METHOD), &payload).expect("an open session");
        }
    }
}

/// 24 bytes one way, so many at a time; one message back ends a burst.
#[derive(Debug)]
pub struct OneWay<const BATCH: usize>(Session<PeerA>);

impl<const BATCH: usize> OneWay<BATCH> {
    /// The measuring side's end.
    #[must_use]
    pub fn new(session: Session<PeerA>) -> Self {
        Self(session)
    }
}

impl<const BATCH: usize> Exchange for OneWay<BATCH> {
    const OPERATIONS: u64 = BATCH as u64;

    #[inline]
    fn step(&mut self) {
        let payload = &[7; INLINE][..];
        if BATCH == 1 {
            self.0.send(Head::message(METHOD), payload).expect("an open session");
        } else {
            self.0.send_batch(&[(Head::message(METHOD), payload); BATCH]).expect("an open session");
        }
    }

    fn finish(&mut self) {
        self.0.recv().expect("an open session");
    }
}

/// The end that [`OneWay`] sends to.
#[derive(Debug)]
pub struct Sink {
    session: Session<PeerB>,
    batch: usize,
}

impl Sink {
    /// The peer's end, for batches of so many.
    #[must_use]
    pub fn new(session: Session<PeerB>, batch: usize) -> Self {
        Self { session, batch }
    }
}

impl Serve for Sink {
    fn serve(&mut self, steps: u64) {
        for _ in 0..steps * self.batch as u64 {
            std::hint::black_box(self.session.recv().expect("an open session"));
        }
        self.session.send(Head::message(METHOD), &[7; INLINE]).expect("an open session");
    }
}
