//! Two links of one process, stepped in an order that a seed decides: calls, streams, one-ways and calls back, each cut off at
//! any step by cancels, handlers that go, and the death of a side.
//!
//! All of it is the product: links, engines, lanes and segments. Only who acts next, and what it does, is the seed's. Nothing
//! here waits, so a run of a seed is always the same. After each run every call and every stream has ended exactly once, what
//! arrived is what was sent, in order, and nothing is held any more.
//!
//! `RAPACE_SEEDS=20000 cargo test -p rapace --release --lib simulation` runs so many, `RAPACE_FIRST_SEED=20000` beside it those
//! that follow; `RAPACE_SEED=7` runs that one.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod deaths;
mod links;
mod random;
mod record;
mod room;

use std::sync::Arc;

use super::call_id::{CallId, ONE_WAY};
use super::deadline::Deadline;
use super::error::{RpcError, StreamError};
use super::link::{Begin, Begun, Link, Target};
use super::serving::{Arrived, Replying};
use super::status::Status;
use super::streaming::{Put, SendingItem};
use super::streams::{EndKey, Flow};
use super::taken::Taken;
use super::tickets::Outcome;
use crate::error::Death;
use crate::lane::Outgoing;
use crate::layout::inline::Inline;
use crate::session::{Config, Payload};
pub(crate) use links::{links, until};
use random::Random;
use record::Record;

const UP: Flow = Flow::ToServer;
const DOWN: Flow = Flow::ToCaller;

/// The streams of each method; the method's number is its place, from 1.
const METHODS: [&[Flow]; 5] = [&[], &[DOWN], &[UP], &[UP, DOWN], &[DOWN, UP, UP, DOWN]];

/// Bytes that say what they are.
fn content(name: u64, len: usize) -> Vec<u8> {
    name.to_ne_bytes().into_iter().chain((8..len).map(|n| (name as usize).wrapping_add(n) as u8)).take(len).collect()
}

fn name_of(payload: Payload) -> u64 {
    let bytes = payload.into_vec();
    let name = u64::from_ne_bytes(*bytes.first_chunk().unwrap());
    assert_eq!(bytes, content(name, bytes.len()), "what arrived is not what was sent");
    name
}

/// A call at its caller.
struct Call {
    name: u64,
    method: usize,
    payload: Vec<u8>,
    begin: Option<Begin>,
    begun: Option<Begun>,
}

/// A request at its handler.
struct Handler {
    call: CallId,
    name: u64,
    reply: Option<(Replying, Vec<u8>)>,
}

/// One end of a stream as its user has it. Both ends of a stream have the call's name and the stream's number.
struct Stream {
    call: u64,
    number: u32,
    end: EndKey,
    sends: bool,
    /// Items that were sent or received.
    count: u64,
    item: Option<(SendingItem, Vec<u8>)>,
}

#[derive(Default)]
struct Side {
    calls: Vec<Call>,
    handlers: Vec<Handler>,
    streams: Vec<Stream>,
    /// One-way calls that were taken out and are not finished.
    one_ways: usize,
    one_ways_sent: u64,
    /// Names of one-way calls, as they came.
    one_ways_handled: Vec<u64>,
    is_dead: bool,
    has_said_goodbye: bool,
}

struct World {
    random: Random,
    links: [Arc<Link>; 2],
    sides: [Side; 2],
    record: Record,
    next_name: u64,
    /// Actions that a side does not take in this run, so that what the others bring about is not always undone by them.
    left_out: [u64; 2],
    /// Longer payloads travel in fragments.
    largest_slot: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let mut config = Config::default();
        config.geometry.ring_entries = [2, 4, 16][random.below(3)];
        // In half of the runs streams soon have more on their way than their shares.
        let largest: u32 = [192, 24 << 10][random.below(2)];
        for (class, bytes) in config.geometry.classes.iter_mut().zip([64, 128, largest]) {
            (class.bytes, class.count) = (bytes, [4, 8][random.below(2)]);
        }
        let limits = &mut config.limits;
        limits.in_flight = [1, 3, 8][random.below(3)];
        limits.oneway_max = [1, 4, 9][random.below(3)];
        limits.stream_bytes = [0, 1 << 10][random.below(2)];
        limits.payload_max = (largest as usize).max(4 << 10);
        limits.fragmented_calls = 1 + random.below(2);
        limits.parked_bytes = 1 << 10;
        // Opening the links is the one thing here that looks at a clock, and a process that is stopped for two seconds is none of
        // the seed's doing. One that hangs still fails.
        limits.handshake_time = std::time::Duration::from_secs(120);
        let left_out = [(); 2].map(|()| [0, random.next() & random.next()][random.below(2)]);
        let (sides, record) = (Default::default(), Record::default());
        let largest_slot = largest as usize;
        Self { random, links: links(&config), sides, record, next_name: 1, left_out, largest_slot }
    }

    fn name(&mut self) -> u64 {
        self.next_name += 1;
        self.next_name
    }

    /// One side does one thing.
    fn step(&mut self) {
        let (at, action) = (self.random.below(2), self.random.below(17));
        if self.sides[at].is_dead || self.left_out[at] & (1 << action) != 0 {
            return;
        }
        match action {
            0 | 1 => self.begin(at),
            2 => self.go_on_beginning(at),
            3 | 4 => drop(self.links[at].lock().pump(None)),
            5 => self.fetch(at),
            6 if self.random.one_in(2) => self.forget(at),
            7 | 8 => self.take_request(at),
            9 | 10 => self.reply(at),
            11 if self.random.one_in(4) => self.leave(at),
            12 => self.use_stream(at, true),
            13 => self.use_stream(at, false),
            14 if self.random.one_in(3) => self.release(at),
            15 => self.one_way(at),
            16 if self.random.one_in(12) => self.take_leave(at),
            _ => {}
        }
        if matches!(action, 6 | 11 | 14 | 16) && self.random.one_in(2) {
            // What gives room back is often followed by what takes it at once.
            if !self.sides[1 - at].is_dead {
                drop(self.links[1 - at].lock().pump(None));
            }
            for _ in 0..3 {
                self.use_stream(at, true);
            }
        }
    }

    fn begin(&mut self, at: usize) {
        if self.sides[at].calls.len() > 12 {
            return;
        }
        let (name, method, size) = (self.name(), self.random.below(METHODS.len()), self.random.size());
        // Some are made in a handler that runs here, some say so of a call that is none.
        let parent = match self.random.below(8) {
            0 => self.random.next() as u32,
            1 | 2 => {
                self.random.pick(&self.sides[at].handlers).map_or(0, |place| self.sides[at].handlers[place].call.0)
            }
            _ => 0,
        };
        let target = Target { method: method as u32 + 1, parent };
        let begin = Some(Begin::with_streams(target, METHODS[method]));
        self.sides[at].calls.push(Call { name, method, payload: content(name, size), begin, begun: None });
        let last = self.sides[at].calls.len() - 1;
        self.advance(at, last);
    }

    fn go_on_beginning(&mut self, at: usize) {
        let waiting: Vec<_> =
            (0..self.sides[at].calls.len()).filter(|place| self.sides[at].calls[*place].begun.is_none()).collect();
        if let Some(place) = self.random.pick(&waiting) {
            self.advance(at, waiting[place]);
        }
    }

    /// Sends as much of a call as there is room for.
    fn advance(&mut self, at: usize, place: usize) {
        let call = &mut self.sides[at].calls[place];
        let Some(begin) = &mut call.begin else { return };
        let mut core = self.links[at].lock();
        match core.begin(begin, &Outgoing::whole(&call.payload.as_slice()), Deadline::None) {
            Ok(None) => {}
            Ok(Some(begun)) => {
                let ends = core.hold_streams(begun);
                drop(core);
                (call.begun, call.begin) = (Some(begun), None);
                self.record.fragmented += usize::from(call.payload.len() > self.largest_slot);
                let (name, flows) = (call.name, METHODS[call.method]);
                assert_eq!(self.record.begun.insert(name, at), None);
                assert_eq!(ends.len(), flows.len());
                for ((number, flow), end) in (0..).zip(flows).zip(ends) {
                    self.hold(at, name, number, end, *flow == UP);
                }
            }
            Err(error) => {
                drop(core);
                let other = &self.sides[1 - at];
                let may = self.is_over(at) || other.is_dead || other.has_said_goodbye;
                assert!(may || matches!(error, RpcError::Overloaded(_)), "{error}");
                self.sides[at].calls.remove(place);
            }
        }
    }

    fn hold(&mut self, at: usize, call: u64, number: u32, end: EndKey, sends: bool) {
        self.sides[at].streams.push(Stream { call, number, end, sends, count: 0, item: None });
    }

    fn is_over(&self, at: usize) -> bool {
        self.links[at].lock().end.is_some()
    }

    fn fetch(&mut self, at: usize) {
        let Some(place) = self.random.pick(&self.sides[at].calls) else { return };
        let Some(begun) = self.sides[at].calls[place].begun else { return };
        if let Some(outcome) = self.links[at].try_outcome(begun) {
            let call = self.sides[at].calls.remove(place);
            self.ended(at, &call, outcome);
        }
    }

    /// Every call ends once, and truly.
    fn ended(&mut self, at: usize, call: &Call, outcome: Outcome) {
        assert!(self.record.ended.insert(call.name), "call {} ended twice", call.name);
        let outcome = match outcome {
            Outcome::Short(status, inline) => Outcome::Answer(status, Payload::inline(inline)),
            other => other,
        };
        match outcome {
            Outcome::Short(..) => {}
            Outcome::Answer(Status::Ok, payload) => {
                assert_eq!(name_of(payload), call.name, "the answer of another call");
                assert!(self.record.executed.contains(&call.name));
            }
            Outcome::Answer(Status::Cancelled, _) => {}
            Outcome::Answer(status, _) => panic!("call {} ended with {status:?}", call.name),
            Outcome::End(error) => {
                assert!(self.is_over(at) || self.sides[1 - at].has_said_goodbye, "{error}");
                let certainly_not = matches!(
                    error,
                    RpcError::PeerDied { may_have_executed: false } | RpcError::Closed { may_have_executed: false }
                );
                assert!(!certainly_not || !self.record.executed.contains(&call.name), "it did run");
            }
        }
    }

    /// Its user gives a call up: it was dropped, or its deadline came.
    fn forget(&mut self, at: usize) {
        let Some(place) = self.random.pick(&self.sides[at].calls) else { return };
        let mut call = self.sides[at].calls.remove(place);
        match (call.begun, &mut call.begin) {
            (Some(begun), _) => {
                assert!(self.record.ended.insert(call.name));
                self.links[at].forget(begun);
            }
            (None, Some(begin)) => self.links[at].lock().give_up(begin),
            (None, None) => {}
        }
    }

    fn take_request(&mut self, at: usize) {
        let mut core = self.links[at].lock();
        if self.random.one_in(2) {
            core.pump(None);
        }
        // The thread that waits for a call takes what was called back.
        let calls: Vec<_> = self.sides[at].calls.iter().filter_map(|call| call.begun).collect();
        let nested = calls.iter().find_map(|begun| core.take_nested(begun.call()));
        self.record.nested += usize::from(nested.is_some());
        let Some(arrived) = nested.or_else(|| core.take_any_request()) else { return };
        drop(core);
        let Arrived { call, method, payload, .. } = arrived;
        let name = name_of(payload);
        if call == ONE_WAY {
            self.sides[at].one_ways_handled.push(name);
            self.sides[at].one_ways += 1;
            return;
        }
        assert!(self.record.executed.insert(name), "request {name} was handled twice");
        for (number, flow) in (0..).zip(METHODS[method as usize - 1]) {
            let end = self.links[at].lock().engine.hold_stream(call, number);
            match end {
                Some(end) => self.hold(at, name, number, end, *flow == DOWN),
                None => assert!(self.links[at].lock().is_cancelled(call), "a stream of a call that runs is missing"),
            }
        }
        self.sides[at].handlers.push(Handler { call, name, reply: None });
    }

    fn reply(&mut self, at: usize) {
        let Some(place) = self.random.pick(&self.sides[at].handlers) else { return };
        let size = self.random.size();
        let handler = &mut self.sides[at].handlers[place];
        let reply = (Replying::new(handler.call, Status::Ok), content(handler.name, size));
        let (replying, payload) = handler.reply.get_or_insert(reply);
        let is_done = self.links[at].lock().reply(replying, &Outgoing::whole(&payload.as_slice()));
        if is_done {
            self.sides[at].handlers.remove(place);
        }
    }

    /// A handler is gone without an answer, or while its answer waits for room.
    fn leave(&mut self, at: usize) {
        let Some(place) = self.random.pick(&self.sides[at].handlers) else { return };
        let handler = self.sides[at].handlers.remove(place);
        let mut core = self.links[at].lock();
        match handler.reply {
            #[cfg(feature = "tokio")]
            Some((mut replying, _)) => core.give_up_reply(&mut replying),
            #[cfg(not(feature = "tokio"))]
            Some(reply) => {
                drop(core);
                self.sides[at].handlers.push(Handler { reply: Some(reply), ..handler });
            }
            None => core.stop(handler.call),
        }
    }

    fn use_stream(&mut self, at: usize, sends: bool) {
        let of_kind = |place: &usize| self.sides[at].streams[*place].sends == sends;
        let places: Vec<_> = (0..self.sides[at].streams.len()).filter(of_kind).collect();
        let Some(place) = self.random.pick(&places) else { return };
        if sends { self.send_item(at, places[place]) } else { self.take_items(at, places[place]) }
    }

    fn send_item(&mut self, at: usize, place: usize) {
        let max = self.links[at].shared.terms.payload_max - 64;
        let size = [8, 300, 20_000][self.random.below(3)].min(max);
        let stream = &mut self.sides[at].streams[place];
        let is_begun = stream.item.is_some();
        let fresh = || (SendingItem::new(stream.end), content(stream.count, size));
        let (item, payload) = stream.item.get_or_insert_with(fresh);
        let mut core = self.links[at].lock();
        let lead = Inline::of(payload);
        let may_be_short = !is_begun && lead.len() == payload.len();
        let put = match may_be_short.then(|| core.send_short_item(stream.end, lead.as_lead())).flatten() {
            Some(()) => Ok(Put::Sent),
            None => core.send_item(item, &Outgoing::whole(&payload.as_slice())),
        };
        drop(core);
        match put {
            Ok(Put::Sent) => {
                stream.item = None;
                stream.count += 1;
                self.record.sent.insert((stream.call, stream.number), stream.count);
            }
            Ok(Put::NoCredit | Put::NoRoom) => {}
            Err(_) => self.drop_stream(at, place),
        }
    }

    fn take_items(&mut self, at: usize, place: usize) {
        let mut items = Taken::default();
        let end = self.sides[at].streams[place].end;
        let taken = self.links[at].lock().take_items(end, &mut items);
        let stream = &mut self.sides[at].streams[place];
        while let Some(item) = items.pop() {
            assert_eq!(name_of(item), stream.count, "an item of a stream is not the next one");
            stream.count += 1;
        }
        let (names, count) = ((stream.call, stream.number), stream.count);
        self.record.received.insert(names, count);
        match taken {
            None | Some(Ok(true)) => {}
            Some(Ok(false)) => {
                assert!(self.record.whole.insert(names), "a stream ended twice");
                self.drop_stream(at, place);
            }
            Some(Err(error)) => {
                assert!(!matches!(error, StreamError::NotConnected | StreamError::Dropped), "{error}");
                self.drop_stream(at, place);
            }
        }
    }

    fn release(&mut self, at: usize) {
        if let Some(place) = self.random.pick(&self.sides[at].streams) {
            self.drop_stream(at, place);
        }
    }

    fn drop_stream(&mut self, at: usize, place: usize) {
        let mut stream = self.sides[at].streams.swap_remove(place);
        let mut core = self.links[at].lock();
        if let Some((item, payload)) = &mut stream.item {
            core.give_up_item(item, payload.len());
        }
        core.release_end(stream.end, true);
        if stream.sends {
            self.record.finished.insert((stream.call, stream.number));
        }
    }

    fn one_way(&mut self, at: usize) {
        let side = &mut self.sides[at];
        if side.one_ways > 0 && self.random.one_in(2) {
            side.one_ways -= 1;
            self.links[at].lock().finish_one_way();
            return;
        }
        let size = [8, 20, 90][self.random.below(3)];
        let payload = content(side.one_ways_sent, size);
        let sent = self.links[at].lock().send_one_way(1, &Outgoing::whole(&payload.as_slice()));
        if sent == Ok(true) {
            side.one_ways_sent += 1;
        }
    }

    /// One side handles nothing that it takes out from now on, or has enough of what it took out before.
    fn take_leave(&mut self, at: usize) {
        let mut core = self.links[at].lock();
        match self.sides[at].has_said_goodbye {
            false => core.say_goodbye(),
            true => core.cut_short(),
        }
        self.sides[at].has_said_goodbye = true;
    }

    /// One side is gone, at this step: what it published stays, and the kernel tells.
    fn die(&mut self, at: usize) {
        self.sides[at].is_dead = true;
        self.links[1 - at].shared.note_death(Death::HangUp);
    }

    /// Everything comes to its end, without new beginnings.
    fn wind_down(&mut self) {
        // What the second side does may reach the first one in the next round.
        let mut idle_rounds = 0;
        for round in 0.. {
            assert!(round < 10_000, "something never ends: {}", self.state());
            let mut is_idle = true;
            for at in [0, 1] {
                if self.sides[at].is_dead {
                    continue;
                }
                {
                    let mut core = self.links[at].lock();
                    core.pump(None);
                    core.check_end();
                    core.pay();
                }
                for place in (0..self.sides[at].calls.len()).rev() {
                    self.advance(at, place);
                }
                for _ in 0..self.sides[at].calls.len() {
                    self.fetch(at);
                }
                for _ in 0..4 {
                    self.take_request(at);
                }
                // Readers read to the end; writers and handlers end.
                for place in (0..self.sides[at].streams.len()).rev() {
                    if self.sides[at].streams[place].sends {
                        self.drop_stream(at, place)
                    } else {
                        self.take_items(at, place)
                    }
                }
                for _ in 0..self.sides[at].handlers.len() {
                    self.reply(at);
                }
                while self.sides[at].one_ways > 0 {
                    self.sides[at].one_ways -= 1;
                    self.links[at].lock().finish_one_way();
                }
                let side = &self.sides[at];
                is_idle &= side.calls.is_empty() && side.handlers.is_empty() && side.streams.is_empty();
                let core = self.links[at].lock();
                is_idle &= !core.owes && core.requests.is_empty() && (core.end.is_some() || !core.inbox.is_there());
            }
            idle_rounds = if is_idle { idle_rounds + 1 } else { 0 };
            if idle_rounds > 1 {
                return;
            }
        }
    }

    /// What is left, for a message.
    fn state(&self) -> String {
        let of = |at: usize| {
            let (side, core) = (&self.sides[at], self.links[at].lock());
            let left = (side.calls.len(), side.handlers.len(), side.streams.len());
            let begun = side.calls.iter().filter(|call| call.begun.is_some()).count();
            format!(
                "dead {}, calls {left:?} of which begun {begun}, owes {} {:?}, requests {:?}, end {:?}",
                side.is_dead, core.owes, core.owed, core.requests, core.end
            )
        };
        format!("{} | {}", of(0), of(1))
    }

    /// What must hold in the end.
    fn check(&self) {
        for (name, at) in &self.record.begun {
            assert!(self.sides[*at].is_dead || self.record.ended.contains(name), "call {name} did not end");
        }
        for (names, count) in &self.record.received {
            assert!(count <= self.record.sent.get(names).unwrap_or(&0));
        }
        for names in &self.record.whole {
            assert_eq!(self.record.received.get(names), self.record.sent.get(names).or(Some(&0)), "items are missing");
        }
        let anybody_died = self.sides.iter().any(|side| side.is_dead);
        for at in [0, 1] {
            let other = &self.sides[1 - at];
            assert!(
                self.sides[at].one_ways_handled.iter().copied().eq(0..self.sides[at].one_ways_handled.len() as u64)
            );
            if self.sides[at].is_dead {
                continue;
            }
            // A one-way call is executed, also if its caller died after it.
            assert_eq!(self.sides[at].one_ways_handled.len() as u64, other.one_ways_sent);
            let mut core = self.links[at].lock();
            assert_eq!(core.engine.streams.len(), 0, "streams are held");
            assert_eq!(core.tickets.in_use(), 0, "tickets are held");
            assert!(core.requests.is_empty() && core.owed.is_empty() && core.for_workers.is_empty());
            assert_eq!((core.queued_bytes, core.parked_bytes), (0, 0));
            if !anybody_died {
                assert_eq!(core.end, None);
                assert_eq!(core.engine.open_calls(), (0, 0), "calls are held");
                assert_eq!(core.outbox.slots_in_flight(), 0, "slots are held");
            }
        }
    }
}

/// A side that dies before a step.
type Dies = (usize, usize);

/// So many steps, and then the end of everything that goes on.
fn play(world: &mut World, steps: usize, deaths: &[Dies]) {
    for step in 0..steps {
        for (_, at) in deaths.iter().filter(|(at_step, _)| *at_step == step) {
            world.die(*at);
        }
        world.step();
    }
    world.wind_down();
    world.check();
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    let steps = 20 + world.random.below(300);
    // In a third of the runs one side dies, at any step.
    let death = world.random.one_in(3).then(|| (world.random.below(steps), world.random.below(2)));
    play(&mut world, steps, death.as_slice());
}

#[test]
fn every_call_and_every_stream_ends_once_in_any_order_of_events() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("RAPACE_SEED") {
        return run(seed);
    }
    let first = number("RAPACE_FIRST_SEED").unwrap_or(0);
    for seed in first..first + number("RAPACE_SEEDS").unwrap_or(1_000) {
        if std::panic::catch_unwind(|| run(seed)).is_err() {
            panic!("seed {seed} failed; RAPACE_SEED={seed} runs it alone");
        }
    }
}
