//! A raw futex there and back: the least that two sleeping processes cost.
//!
//! Each side stores a number, wakes the other and sleeps until the number it waits for is there. The
//! words are either in one page that both may write ([`Mapping::Shared`]: the floor), or in two halves of
//! which the waiter may only read the other's ([`Mapping::Halves`]: what that choice of the product costs
//! by itself, since the kernel looks for a writable page first). [`Futex::with_second_word`] sleeps on a private
//! word besides, which is how a blocking sleep can be ended by something else than the peer.

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};

use rustix::thread::{ClockId, futex};

use crate::burst::{Exchange, Serve};
use crate::control::Control;
use crate::half::{Half, Halves};

const LEN: usize = 4096;
/// The two words are on lines of their own.
const MEASURING: usize = 0;
const SERVING: usize = 128;

/// Where the futex words are.
#[derive(Debug)]
pub enum Mapping {
    /// In one page, writable for both.
    Shared(Half),
    /// In the half of the process that writes it.
    Halves(Halves),
}

/// Either side's end.
#[derive(Debug)]
pub struct Futex {
    mapping: Mapping,
    /// Offset of the word that we write.
    own: usize,
    /// Offset of the word that we wait for.
    other: usize,
    /// What else may end a sleep; nothing does.
    second: Option<AtomicU32>,
    turn: u32,
}

impl Futex {
    /// The measuring side's end, over one page.
    ///
    /// # Errors
    /// When there is no memory, or the peer is gone.
    pub fn measuring(control: &Control) -> io::Result<Self> {
        let (page, fd) = Half::create(LEN)?;
        control.send_fd(fd.as_fd())?;
        Ok(Self { mapping: Mapping::Shared(page), own: MEASURING, other: SERVING, second: None, turn: 0 })
    }

    /// The peer's end.
    ///
    /// # Errors
    /// As [`measuring`](Self::measuring).
    pub fn serving(control: &Control) -> io::Result<Self> {
        let page = Half::open(&control.recv_fd()?, LEN)?;
        Ok(Self { mapping: Mapping::Shared(page), own: SERVING, other: MEASURING, second: None, turn: 0 })
    }

    /// Either side's end, over two halves.
    ///
    /// # Errors
    /// As [`measuring`](Self::measuring).
    pub fn over_halves(control: &Control) -> io::Result<Self> {
        let halves = Halves::exchange(control, LEN)?;
        Ok(Self { mapping: Mapping::Halves(halves), own: 0, other: 0, second: None, turn: 0 })
    }

    /// The same, sleeping on two words at once.
    ///
    /// # Errors
    /// As [`measuring`](Self::measuring).
    pub fn with_second_word(control: &Control) -> io::Result<Self> {
        Ok(Self { second: Some(AtomicU32::new(0)), ..Self::over_halves(control)? })
    }

    fn own(&self) -> &AtomicU32 {
        match &self.mapping {
            Mapping::Shared(page) => page.futex(self.own),
            Mapping::Halves(halves) => halves.own.futex(self.own),
        }
    }

    fn other(&self) -> &AtomicU32 {
        match &self.mapping {
            Mapping::Shared(page) => page.futex(self.other),
            Mapping::Halves(halves) => halves.peer.futex(self.other),
        }
    }

    fn give(&self) {
        let word = self.own();
        // Pairs with the Acquire in `take` of the other process.
        word.store(self.turn, Release);
        futex::wake(word, futex::Flags::empty(), 1).expect("a mapped futex");
    }

    fn take(&self) {
        let word = self.other();
        loop {
            // Pairs with the Release in `give` of the other process.
            let seen = word.load(Acquire);
            if seen == self.turn {
                return;
            }
            match &self.second {
                // AGAIN: the word changed meanwhile. INTR: look again as well.
                None => drop(futex::wait(word, futex::Flags::empty(), seen, None)),
                Some(second) => sleep_on_both((word, seen), (second, 0)),
            }
        }
    }
}

fn sleep_on_both(shared: (&AtomicU32, u32), own: (&AtomicU32, u32)) {
    let waiter = |(word, value): (&AtomicU32, u32), flags| {
        let mut wait = futex::Wait::new();
        wait.val = value.into();
        wait.uaddr = futex::WaitPtr::new(std::ptr::from_ref(word).cast_mut().cast());
        wait.flags = futex::WaitFlags::SIZE_U32 | flags;
        wait
    };
    let waiters = [waiter(shared, futex::WaitFlags::empty()), waiter(own, futex::WaitFlags::PRIVATE)];
    // As above: whatever ends it, the caller looks again.
    let _ = futex::waitv(&waiters, futex::WaitvFlags::empty(), None, ClockId::Monotonic);
}

impl Exchange for Futex {
    fn step(&mut self) {
        self.turn = self.turn.wrapping_add(1);
        self.give();
        self.take();
    }
}

impl Serve for Futex {
    fn serve(&mut self, steps: u64) {
        for _ in 0..steps {
            self.turn = self.turn.wrapping_add(1);
            self.take();
            self.give();
        }
    }
}
