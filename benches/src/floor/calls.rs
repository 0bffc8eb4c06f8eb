//! Calls over hand-written rings: `add(u32, u32) -> u32` and `echo(Vec<u8>) -> Vec<u8>` by hand.
//!
//! A request's tag is the number of its call and its method, an answer's the same; arguments and results are
//! laid into the entry's words by hand, byte strings into slots. There is no macro, no table of methods, no
//! limit, no deadline, and whoever sends nonsense gets a panic.

use std::hint::black_box;
use std::io;

use crate::burst::{Exchange, Serve};
use crate::control::Control;
use crate::floor::rings::{Class, Rings};
use crate::task::Calls;
use crate::waiting::Waiting;

const ADD: u32 = 1;
const ECHO: u32 = 2;
const LENGTH: u32 = 3;

/// As many calls may be under way at once: as many as a ring has entries, else both rings can be full with nobody reading.
const UNDER_WAY: u32 = 256;

/// Bytes of two arguments, and of one result.
const ARGUMENTS: usize = 8;
const RESULT: usize = 4;

fn tag(call: u32, method: u32) -> u64 {
    u64::from(call) << 32 | u64::from(method)
}

fn halves(word: u64) -> (u32, u32) {
    (word as u32, (word >> 32) as u32)
}

/// Who calls.
#[derive(Debug)]
pub struct Caller {
    rings: Rings,
    calls: u32,
    /// Results of calls that were begun together.
    sums: [u32; UNDER_WAY as usize],
}

impl Caller {
    /// The caller's end.
    ///
    /// # Errors
    /// When there is no memory, or the peer is gone.
    pub fn exchange(control: &Control, waiting: Waiting, classes: &[Class]) -> io::Result<Self> {
        Ok(Self { rings: Rings::exchange(control, waiting, classes)?, calls: 0, sums: [0; UNDER_WAY as usize] })
    }

    #[inline]
    fn next_call(&mut self) -> u32 {
        self.calls = self.calls.wrapping_add(1);
        self.calls
    }

    /// Sends a request and gives the number of its call.
    #[inline]
    pub fn begin_add(&mut self, a: u32, b: u32) -> u32 {
        let call = self.next_call();
        let arguments = u64::from(b) << 32 | u64::from(a);
        self.rings.send_words(tag(call, ADD), [arguments, 0, 0], ARGUMENTS);
        call
    }

    /// Waits for the next answer: the number of its call, and the sum.
    #[inline]
    pub fn next_sum(&mut self) -> (u32, u32) {
        let head = self.rings.expect();
        let [sum, ..] = self.rings.take_words();
        (halves(head.tag).1, sum as u32)
    }

    /// Puts the next answer's sum in its place.
    #[inline]
    fn keep_next_sum(&mut self) {
        let (call, sum) = self.next_sum();
        self.sums[call as usize % UNDER_WAY as usize] = sum;
    }
}

/// Who answers.
#[derive(Debug)]
pub struct Answerer {
    rings: Rings,
    calls_per_step: u64,
}

impl Answerer {
    /// The answering end; a step of the caller's is so many calls.
    ///
    /// # Errors
    /// As [`Caller::exchange`].
    pub fn exchange(control: &Control, waiting: Waiting, classes: &[Class], calls_per_step: usize) -> io::Result<Self> {
        Ok(Self { rings: Rings::exchange(control, waiting, classes)?, calls_per_step: calls_per_step as u64 })
    }

    /// Waits for a request and answers it. The answer is announced when there is no further request to answer.
    #[inline]
    pub fn answer(&mut self) {
        let head = self.rings.expect();
        match halves(head.tag).0 {
            ADD => {
                let [arguments, ..] = self.rings.take_words();
                let (a, b) = halves(arguments);
                self.rings.send_words(head.tag, [a.wrapping_add(b).into(), 0, 0], RESULT);
            }
            ECHO => {
                let data = black_box(self.rings.take(head.len));
                self.rings.send(head.tag, &data);
            }
            LENGTH => {
                self.rings.skip();
                self.rings.send_words(head.tag, [head.len as u64, 0, 0], RESULT);
            }
            method => panic!("no method {method}"),
        }
    }
}

impl Serve for Answerer {
    fn serve(&mut self, steps: u64) {
        for _ in 0..steps * self.calls_per_step {
            self.answer();
        }
        self.rings.announce();
    }
}

impl Calls for Caller {
    #[inline]
    fn add(&mut self, a: u32, b: u32) -> u32 {
        let call = self.begin_add(a, b);
        let (answered, sum) = self.next_sum();
        assert_eq!(answered, call, "an answer to another call");
        sum
    }

    #[inline]
    fn echo(&mut self, data: Vec<u8>) -> Vec<u8> {
        let call = self.next_call();
        self.rings.send(tag(call, ECHO), &data);
        let head = self.rings.expect();
        assert_eq!(halves(head.tag).1, call, "an answer to another call");
        self.rings.take(head.len)
    }

    /// An answer finds its place by the number of its call. More than `UNDER_WAY` are never under way.
    #[inline]
    fn adds(&mut self, count: u32) {
        let ahead = count.min(UNDER_WAY);
        for b in 0..ahead {
            self.begin_add(black_box(20), b);
        }
        for b in ahead..count {
            self.keep_next_sum();
            self.begin_add(black_box(20), b);
        }
        for _ in 0..ahead {
            self.keep_next_sum();
        }
        black_box(&self.sums);
    }
}

/// A call with bytes that the other process does not copy out, one after the other.
#[derive(Debug)]
pub struct Length {
    caller: Caller,
    data: Vec<u8>,
}

impl Length {
    /// Of so many bytes.
    #[must_use]
    pub fn new(caller: Caller, len: usize) -> Self {
        Self { caller, data: vec![7; len] }
    }
}

impl Exchange for Length {
    #[inline]
    fn step(&mut self) {
        let call = self.caller.next_call();
        self.caller.rings.send(tag(call, LENGTH), &self.data);
        let (answered, len) = self.caller.next_sum();
        assert_eq!((answered, len as usize), (call, self.data.len()));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::floor::rings::{FRAGMENTS, INLINE, WHOLE};

    #[test]
    fn every_call_is_answered_with_its_own_result() {
        let lengths = [0, 1, INLINE, INLINE + 1, 256, 257, 65_536, 65_537, 1 << 20, (2 << 20) + 3];
        for (waiting, _) in Waiting::ALL {
            for classes in [FRAGMENTS, WHOLE] {
                let (ours, theirs) = UnixStream::pair().unwrap();
                let calls = 300 + lengths.len() as u64 + 64 + 1000 + 1;
                let answering = std::thread::spawn(move || {
                    let mut answerer = Answerer::exchange(&Control::over(theirs), waiting, classes, 1).unwrap();
                    answerer.serve(calls);
                });
                let mut caller = Caller::exchange(&Control::over(ours), waiting, classes).unwrap();
                for a in 0..300 {
                    assert_eq!(caller.add(a, u32::MAX), a.wrapping_sub(1));
                }
                for len in lengths {
                    let data: Vec<u8> = (0..len).map(|index| (index % 251) as u8).collect();
                    assert!(caller.echo(data.clone()) == data, "{len} bytes came back as others");
                }
                caller.adds(64);
                caller.adds(1000);
                let mut sums = caller.sums;
                sums.sort_unstable();
                assert!(sums.iter().copied().eq(20 + 1000 - UNDER_WAY..20 + 1000));
                Length::new(caller, 65_536).step();
                answering.join().unwrap();
            }
        }
    }
}
