//! A session whose peer does anything to its half between our steps: honest messages, lies in messages, any word at any place.
//!
//! As long as the peer keeps the rules every message arrives as it was sent, both ways, and nobody is accused. From its first
//! lie on what arrives is within the limits, the first violation is the last word, and at the end nothing is held.

use std::collections::VecDeque;
use std::time::Duration;

use super::input::Input;
use super::liar::{Liar, meet, small};
use crate::error::{Lost, RecvError, SendError};
use crate::layout::descriptor::Descriptor;
use crate::layout::geometry::SlotId;
use crate::layout::head::{Head, Kind};
use crate::session::{Inbound, PeerB, Route, Session};

/// Steps of both sides, a byte and its choices each.
pub fn ring(data: &[u8]) {
    let (session, liar) = meet::<PeerB>(&small(), &[]);
    let mut world =
        World { session, liar, held: Vec::new(), to_us: VecDeque::new(), to_liar: VecDeque::new(), part: None };
    let mut input = Input::new(data);
    let mut name = 0;
    while !input.is_empty() {
        name += 1;
        world.step(&mut input, name);
    }
    world.end();
}

type Message = (Head, Vec<u8>);

struct World {
    session: Session<PeerB>,
    liar: Liar,
    held: Vec<(Inbound, Option<Message>)>,
    /// What was sent and has not arrived.
    to_us: VecDeque<Message>,
    to_liar: VecDeque<Message>,
    /// A message in fragments of which so many bytes were sent.
    part: Option<(Message, usize)>,
}

impl World {
    fn step(&mut self, input: &mut Input<'_>, name: u32) {
        match input.below(20) {
            0 | 1 => self.send(input, name),
            2 => self.send_written(input, name),
            3..=5 => self.receive(input),
            6 => drop(self.take_held(input)),
            7 => {
                if let Some((inbound, expected)) = self.take_held(input) {
                    let (head, len) = (*inbound.head(), inbound.len());
                    let bytes = inbound.into_inbound_payload().into_vec();
                    assert_eq!(bytes.len(), len);
                    self.compare(expected, (head, bytes));
                }
            }
            8 => self.look(),
            9..=12 => self.say(input, name),
            13 => self.say_part(input, name),
            14 | 15 => self.hear(),
            16 => {
                let near = if input.bool() { in_slot(input) } else { inline(input) };
                self.liar.lie_in_a_message(input, near);
            }
            17 => self.liar.lie_in_a_word(input),
            18 => self.liar.scribble(input),
            _ => match input.below(8) {
                0 => {
                    self.liar.has_lied = true;
                    self.liar.hang_up();
                }
                1 => self.liar.ring(),
                _ => self.hear(),
            },
        }
        // One that lied once is judged by its bytes, not by its words.
        self.stays_lost();
    }

    fn send(&mut self, input: &mut Input<'_>, name: u32) {
        let (head, payload) = any_message(input, name);
        let result = self.session.try_send(head, &payload);
        self.sent(result, (head, payload));
    }

    fn sent(&mut self, result: Result<(), SendError>, message: Message) {
        match result {
            Ok(()) => self.to_liar.push_back(message),
            Err(SendError::Full | SendError::TooLarge { .. } | SendError::Length { .. }) => {}
            Err(error) => assert!(self.liar.has_lied, "{error}"),
        }
    }

    fn send_written(&mut self, input: &mut Input<'_>, name: u32) {
        let len = input.one_of(&[0, 24, 25, 64, 200, 1_088, 1_089]);
        let written = match self.session.sender().try_alloc(len) {
            Ok(mut writer) => {
                assert_eq!(writer.len(), len);
                writer.copy_from_slice(&content(name, len));
                let outbound = writer.commit();
                if input.u8() % 4 == 0 {
                    None
                } else {
                    Some(outbound.send_timeout(Head::message(name), Duration::ZERO))
                }
            }
            Err(error) => Some(Err(error)),
        };
        match written {
            Some(Err(SendError::Timeout)) | None => {}
            Some(result) => self.sent(result, (Head::message(name), content(name, len))),
        }
    }

    fn receive(&mut self, input: &mut Input<'_>) {
        let received = if input.bool() { self.session.try_recv() } else { self.session.recv_timeout(Duration::ZERO) };
        match received {
            Ok(inbound) => {
                assert!(inbound.len() <= small().limits.payload_max.max(24), "{} bytes", inbound.len());
                let expected =
                    (!self.liar.has_lied).then(|| self.to_us.pop_front().expect("a message that nobody sent"));
                if input.u8() % 4 == 0 {
                    let (head, bytes) = (*inbound.head(), inbound.into_inbound_payload().into_vec());
                    self.compare(expected, (head, bytes));
                } else {
                    self.held.push((inbound, expected));
                }
            }
            Err(RecvError::Empty) => assert!(self.liar.has_lied || self.to_us.is_empty(), "a message is missing"),
            // A part of a message may have been there, and more behind it.
            Err(RecvError::Timeout) => {}
            Err(error) => assert!(self.liar.has_lied, "an honest peer is accused: {error}"),
        }
    }

    fn compare(&self, expected: Option<Message>, found: Message) {
        if let (Some(expected), false) = (expected, self.liar.has_lied) {
            assert_eq!(expected, found);
        }
    }

    fn take_held(&mut self, input: &mut Input<'_>) -> Option<(Inbound, Option<Message>)> {
        let place = input.u8() as usize;
        (!self.held.is_empty()).then(|| self.held.remove(place % self.held.len()))
    }

    /// What only looks, and must stand any words.
    fn look(&mut self) {
        let stats = self.session.stats();
        assert!(format!("{stats:?}").len() < 1 << 16);
        let _ = (self.session.peer_state(), self.session.peer_heartbeat(), self.session.is_peer_alive());
        match self.session.sender().pending() {
            Ok(pending) => assert!(pending <= 8, "{pending} messages in a ring of 8"),
            Err(error) => assert!(self.liar.has_lied, "an honest peer is accused: {error}"),
        }
        self.slots_are_held_once();
    }

    /// Whatever the peer says, no two messages are in the same slot.
    fn slots_are_held_once(&self) {
        let in_slots = self.held.iter().filter(|(inbound, _)| matches!(inbound.route(), Route::Slot { .. }));
        assert_eq!(self.session.stats().held.len(), in_slots.count());
    }

    fn say(&mut self, input: &mut Input<'_>, name: u32) {
        let (head, payload) = any_message(input, name);
        let lead = input.below(25);
        let fits = head.kind().fixed_len().is_none_or(|len| len == payload.len());
        if fits && payload.len() <= 1_088 && self.liar.say(&head, &payload, lead) && !self.liar.has_lied {
            self.to_us.push_back((head, payload));
        }
    }

    fn say_part(&mut self, input: &mut Input<'_>, name: u32) {
        let ((head, payload), sent) = self
            .part
            .take()
            .unwrap_or_else(|| ((Head::request(name, 9), content(name, 1_025 + input.below(200) * 20)), 0));
        // Of several parts; the last one may be short.
        let len = (1 + input.below(256) * 4).min(payload.len() - sent).min(1_024);
        let is_said = self.liar.say_part(&head, &payload, sent, len);
        let sent = if is_said { sent + len } else { sent };
        if sent == payload.len() {
            if !self.liar.has_lied {
                self.to_us.push_back((head, payload));
            }
        } else {
            self.part = Some(((head, payload), sent));
        }
    }

    fn hear(&mut self) {
        let Some(found) = self.liar.hear() else { return };
        if !self.liar.has_lied {
            assert_eq!(Some(found), self.to_liar.pop_front(), "the honest side sent something else");
        }
    }

    fn lost(&self) -> Option<Lost> {
        self.session.control().shared.lost()
    }

    /// Once it is lost for a reason, that is what everything says.
    fn stays_lost(&mut self) {
        let Some(lost) = self.lost() else { return };
        assert_eq!(self.session.try_send(Head::message(1), b"x"), Err(SendError::Lost(lost)));
        assert_eq!(self.session.try_recv().map(drop), Err(RecvError::Lost(lost)));
        assert_eq!(self.session.sender().try_alloc(100).map(drop), Err(SendError::Lost(lost)));
    }

    fn end(mut self) {
        if !self.liar.has_lied {
            // What is on its way arrives, and then all that was lent is back.
            while let Ok(inbound) = self.session.try_recv() {
                let expected = self.to_us.pop_front();
                let found = (*inbound.head(), inbound.into_inbound_payload().into_vec());
                self.compare(expected, found);
            }
            assert!(self.to_us.is_empty());
            self.slots_are_held_once();
            self.held.clear();
            assert!(self.liar.has_all_slots(), "a slot is not given back");
        }
        let held = std::mem::take(&mut self.held);
        drop(self.session);
        // Payloads outlive their session.
        for (inbound, _) in held {
            let len = inbound.len();
            assert_eq!(inbound.into_inbound_payload().into_vec().len(), len);
        }
    }
}

fn any_message(input: &mut Input<'_>, name: u32) -> Message {
    let mut len = input.one_of(&[0, 1, 8, 8, 23, 24, 25, 64, 65, 128, 129, 300, 1_088, 1_089, 3_000, 6_000, 6_001]);
    let head = match input.below(12) {
        0 => Head::end(name, 2),
        1 => Head::cancel(name),
        2 => Head::credit(name, 1),
        3 => Head::goodbye(),
        4 | 5 => Head::request(name, 4).with_parent(7).with_timeout(Duration::from_micros(5)),
        6 => Head::terminal(name, 3),
        7 => Head::item(name, 3),
        _ => Head::message(name),
    };
    if let (Some(fixed), true) = (head.kind().fixed_len(), input.u8() % 8 != 0) {
        len = fixed;
    }
    (head, content(name, len))
}

/// Bytes that say what they are.
fn content(name: u32, len: usize) -> Vec<u8> {
    (0..len).map(|place| (name as usize).wrapping_mul(7).wrapping_add(place) as u8).collect()
}

/// Nearly a message that its descriptor carries.
fn inline(input: &mut Input<'_>) -> Descriptor {
    let len = input.below(26) as u8;
    Descriptor {
        kind: input.below(10) as u8,
        call: input.below(4).try_into().unwrap(),
        len: len.into(),
        inline_len: len,
        ..Descriptor::default()
    }
}

/// Nearly a message in a slot, whole or in parts.
fn in_slot(input: &mut Input<'_>) -> Descriptor {
    let len = input.one_of(&[1, 25, 64, 128, 129, 1_024, 1_088, 1_089, 6_000, u32::MAX]);
    let slot = SlotId::new(input.below(4) as u8, input.below(5) as u32).0;
    Descriptor {
        kind: input.one_of(&[Kind::Request, Kind::OneWay, Kind::Terminal, Kind::Item]) as u8,
        flags: input.one_of(&[1, 1, 7, 13, 9, 16, 33, 39]),
        call: input.below(3).try_into().unwrap(),
        generation: input.below(3).try_into().unwrap(),
        inline: [input.one_of(&[0, 1_025, 3_000, 6_000, 6_001, u64::MAX]), 0, 0],
        inline_len: input.one_of(&[0, 0, 8, 24]),
        len,
        slot,
        ..Descriptor::default()
    }
}
