//! Messages over hand-written rings: 24 bytes there and back, byte strings there and back, 24 bytes one way.
//!
//! Both sides spin, and a slot holds the largest message whole.

use std::io;

use crate::burst::{Exchange, Serve};
use crate::control::Control;
use crate::floor::rings::{INLINE, Rings};
use crate::half::Halves;
use crate::waiting::Waiting;

/// One message at most is under way in each direction when slots are used, so one slot would do. Tried
/// with 1, 2 and 8: going round in eight is faster up to this size (64 KiB: 4.1 µs against 4.9), staying in
/// one beyond it (1 MiB: 82 µs against 105). The floor takes the better one each time.
const SEVERAL_SLOTS_UP_TO: usize = 65_536;

/// 24 bytes there and back in entries.
#[derive(Debug)]
pub struct Inline(Rings);

impl Inline {
    /// Either side's end.
    ///
    /// # Errors
    /// When there is no memory, or the peer is gone.
    pub fn exchange(control: &Control) -> io::Result<Self> {
        Ok(Self(Rings::exchange(control, Waiting::Forever, &[])?))
    }
}

impl Exchange for Inline {
    #[inline]
    fn step(&mut self) {
        self.0.send_words(0, [1, 2, 3], INLINE);
        self.0.expect();
        std::hint::black_box(self.0.take_words());
    }
}

impl Serve for Inline {
    fn serve(&mut self, steps: u64) {
        for _ in 0..steps {
            self.0.expect();
            let words = self.0.take_words();
            self.0.send_words(0, words, INLINE);
        }
    }
}

/// An owned byte string there and back: in, out, in, out.
#[derive(Debug)]
pub struct Echo {
    rings: Rings,
    payload: Vec<u8>,
}

impl Echo {
    /// Either side's end.
    ///
    /// # Errors
    /// As [`Inline::exchange`].
    pub fn exchange(control: &Control, len: usize) -> io::Result<Self> {
        Self::exchange_by(Halves::exchange, control, len)
    }

    /// The same over halves that both sides may write.
    ///
    /// # Errors
    /// As [`Inline::exchange`].
    pub fn exchange_writable(control: &Control, len: usize) -> io::Result<Self> {
        Self::exchange_by(Halves::exchange_writable, control, len)
    }

    fn exchange_by(swap: fn(&Control, usize) -> io::Result<Halves>, control: &Control, len: usize) -> io::Result<Self> {
        let slots = if len > SEVERAL_SLOTS_UP_TO { 1 } else { 8 };
        let rings = Rings::exchange_by(swap, control, Waiting::Forever, &[(len, slots)])?;
        Ok(Self { rings, payload: vec![7; len] })
    }
}

impl Exchange for Echo {
    #[inline]
    fn step(&mut self) {
        self.rings.send(0, &self.payload);
        let head = self.rings.expect();
        std::hint::black_box(self.rings.take(head.len));
    }
}

impl Serve for Echo {
    fn serve(&mut self, steps: u64) {
        for _ in 0..steps {
            let head = self.rings.expect();
            let payload = self.rings.take(head.len);
            self.rings.send(0, std::hint::black_box(&payload));
        }
    }
}

/// 24 bytes one way; one message back ends a burst.
#[derive(Debug)]
pub struct OneWay(Rings);

impl OneWay {
    /// Either side's end.
    ///
    /// # Errors
    /// As [`Inline::exchange`].
    pub fn exchange(control: &Control) -> io::Result<Self> {
        Ok(Self(Rings::exchange(control, Waiting::Forever, &[])?))
    }
}

impl Exchange for OneWay {
    #[inline]
    fn step(&mut self) {
        self.0.send_words(0, [1, 2, 3], INLINE);
    }

    fn finish(&mut self) {
        self.0.expect();
        self.0.take_words();
    }
}

impl Serve for OneWay {
    fn serve(&mut self, steps: u64) {
        for _ in 0..steps {
            self.0.expect();
            std::hint::black_box(self.0.take_words());
        }
        self.0.send_words(0, [0; 3], INLINE);
    }
}
