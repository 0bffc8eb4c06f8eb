//! Calls over hand-written rings: `add(u32, u32) -> u32` and `echo(Vec<u8>) -> Vec<u8>` by hand.
//!
//! A request's tag is the number of its call and its method, an answer's the same; arguments and results are
//! laid into the entry's words by hand, byte strings into slots. There is no macro, no table of methods, no
//! limit, no deadline, and whoever sends nonsense gets a panic.

use std::io;

use crate::burst::{Exchange, Serve};
use crate::control::Control;
use crate::floor::rings::{Class, Rings};
use crate::waiting::Waiting;

const ADD: u32 = 1;
const ECHO: u32 = 2;

/// As many calls are under way in [`InFlight`].
pub const IN_FLIGHT: usize = 64;

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
}

impl Caller {
    /// The caller's end.
    ///
    /// # Errors
    /// When there is no memory, or the peer is gone.
    pub fn exchange(control: &Control, waiting: Waiting, classes: &[Class]) -> io::Result<Self> {
        Ok(Self { rings: Rings::exchange(control, waiting, classes)?, calls: 0 })
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

    /// The sum, from the other process.
    #[inline]
    pub fn add(&mut self, a: u32, b: u32) -> u32 {
        let call = self.begin_add(a, b);
        let (answered, sum) = self.next_sum();
        assert_eq!(answered, call, "an answer to another call");
        sum
    }

    /// The same bytes, from the other process.
    #[inline]
    pub fn echo(&mut self, data: &[u8]) -> Vec<u8> {
        let call = self.next_call();
        self.rings.send(tag(call, ECHO), data);
        let head = self.rings.expect();
        assert_eq!(halves(head.tag).1, call, "an answer to another call");
        self.rings.take(head.len)
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
                let data = std::hint::black_box(self.rings.take(head.len));
                self.rings.send(head.tag, &data);
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

/// One `add` after the other.
#[derive(Debug)]
pub struct Add(pub Caller);

impl Exchange for Add {
    #[inline]
    fn step(&mut self) {
        let sum = self.0.add(std::hint::black_box(20), std::hint::black_box(22));
        assert_eq!(sum, 42);
    }
}

/// One `echo` after the other; what comes back goes out again.
#[derive(Debug)]
pub struct Echo {
    caller: Caller,
    data: Vec<u8>,
}

impl Echo {
    /// Echoes of so many bytes.
    #[must_use]
    pub fn new(caller: Caller, len: usize) -> Self {
        Self { caller, data: vec![7; len] }
    }
}

impl Exchange for Echo {
    #[inline]
    fn step(&mut self) {
        self.data = std::hint::black_box(self.caller.echo(&self.data));
    }
}

/// 64 `add` begun, then 64 answers waited for; an answer finds its place by the number of its call.
#[derive(Debug)]
pub struct InFlight {
    caller: Caller,
    sums: [u32; IN_FLIGHT],
}

impl InFlight {
    /// Nothing is under way yet.
    #[must_use]
    pub fn new(caller: Caller) -> Self {
        Self { caller, sums: [0; IN_FLIGHT] }
    }
}

impl Exchange for InFlight {
    const OPERATIONS: u64 = IN_FLIGHT as u64;

    #[inline]
    fn step(&mut self) {
        for b in 0..IN_FLIGHT as u32 {
            self.caller.begin_add(std::hint::black_box(20), b);
        }
        for _ in 0..IN_FLIGHT {
            let (call, sum) = self.caller.next_sum();
            self.sums[call as usize % IN_FLIGHT] = sum;
        }
        std::hint::black_box(&self.sums);
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
                let calls = 300 + lengths.len() as u64 + 5 * IN_FLIGHT as u64;
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
                    assert!(caller.echo(&data) == data, "{len} bytes came back as others");
                }
                let mut in_flight = InFlight::new(caller);
                for _ in 0..5 {
                    in_flight.step();
                }
                in_flight.sums.sort_unstable();
                assert!(in_flight.sums.iter().copied().eq(20..20 + IN_FLIGHT as u32));
                answering.join().unwrap();
            }
        }
    }
}
