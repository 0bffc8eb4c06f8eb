//! One cache line there and back: nothing that crosses processes by memory is faster.
//!
//! [`Line`] is one line that both processes write, [`Lines`] one for each way with one writer each, in two
//! halves mapped as the product maps them. Both sides spin without a pause.

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering::{Acquire, Release};

use crate::burst::{Exchange, Serve};
use crate::control::Control;
use crate::half::{Half, Halves};

const LEN: usize = 4096;

/// Either side's end of the line that both write.
#[derive(Debug)]
pub struct Line {
    page: Half,
    turn: u64,
}

impl Line {
    /// The measuring side's end.
    ///
    /// # Errors
    /// When there is no memory, or the peer is gone.
    pub fn measuring(control: &Control) -> io::Result<Self> {
        let (page, fd) = Half::create(LEN)?;
        control.send_fd(fd.as_fd())?;
        Ok(Self { page, turn: 0 })
    }

    /// The peer's end.
    ///
    /// # Errors
    /// As [`measuring`](Self::measuring).
    pub fn serving(control: &Control) -> io::Result<Self> {
        let page = Half::open(&control.recv_fd()?, LEN)?;
        Ok(Self { page, turn: 0 })
    }

    /// Gives the line away: the next turn is the other side's.
    #[inline]
    fn give(&mut self) {
        self.turn += 1;
        // Pairs with the Acquire in `take` of the other process.
        self.page.word(0).store(self.turn, Release);
    }

    #[inline]
    fn take(&mut self) {
        self.turn += 1;
        // Pairs with the Release in `give` of the other process.
        while self.page.word(0).load(Acquire) != self.turn {}
    }
}

impl Exchange for Line {
    #[inline]
    fn step(&mut self) {
        self.give();
        self.take();
    }
}

impl Serve for Line {
    fn serve(&mut self, steps: u64) {
        for _ in 0..steps {
            self.take();
            self.give();
        }
    }
}

/// Either side's end of the two lines.
#[derive(Debug)]
pub struct Lines {
    halves: Halves,
    turn: u64,
}

impl Lines {
    /// The measuring side's end.
    ///
    /// # Errors
    /// When there is no memory, or the peer is gone.
    pub fn measuring(control: &Control) -> io::Result<Self> {
        let halves = Halves::exchange(control, LEN)?;
        Ok(Self { halves, turn: 0 })
    }

    /// The peer's end.
    ///
    /// # Errors
    /// As [`measuring`](Self::measuring).
    pub fn serving(control: &Control) -> io::Result<Self> {
        Self::measuring(control)
    }

    #[inline]
    fn give(&self) {
        // Pairs with the Acquire in `take` of the other process.
        self.halves.own.word(0).store(self.turn, Release);
    }

    #[inline]
    fn take(&self) {
        // Pairs with the Release in `give` of the other process.
        while self.halves.peer.word(0).load(Acquire) != self.turn {}
    }
}

impl Exchange for Lines {
    #[inline]
    fn step(&mut self) {
        self.turn += 1;
        self.give();
        self.take();
    }
}

impl Serve for Lines {
    fn serve(&mut self, steps: u64) {
        for _ in 0..steps {
            self.turn += 1;
            self.take();
            self.give();
        }
    }
}
