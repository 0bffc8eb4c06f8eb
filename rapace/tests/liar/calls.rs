//! Calls by hand: a liar that talks to a server, or is one.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{Ordering, fence};

use super::{
    Answer, CREDIT, Descriptor, END, Half, ITEM, Liar, Map, ONE_WAY, REQUEST, Recipe, Shape, TERMINAL, Talk, answer,
    field, flag, get_u32, greeting, half, honest_answer, honest_greeting, put,
};

/// The bit of a call's number that says that PeerB began it.
pub(crate) const BY_B: u32 = 1 << 31;

/// The number of a call of PeerB's, or without [`BY_B`] of PeerA's.
pub(crate) fn call_of_b(index: u32, generation: u32) -> u32 {
    BY_B | (generation << 16) | index
}

/// How a terminal says that a call ended.
pub(crate) mod status {
    pub(crate) const OK: u16 = 0;
    pub(crate) const APP: u16 = 1;
    pub(crate) const CANCELLED: u16 = 2;
    pub(crate) const EXPIRED: u16 = 3;
    pub(crate) const UNKNOWN_METHOD: u16 = 4;
    pub(crate) const BAD_ARGUMENTS: u16 = 5;
    pub(crate) const OVERLOADED: u16 = 6;
    pub(crate) const PANICKED: u16 = 7;
    pub(crate) const BAD_REPLY: u16 = 8;
}

/// A correct request whose arguments fit the descriptor.
pub(crate) fn request(call: u32, method: u32, args: &[u8]) -> Descriptor {
    Descriptor::inline(REQUEST, args).u32(field::CALL, call).u32(field::METHOD, method)
}

/// A correct terminal whose payload fits the descriptor.
pub(crate) fn terminal(call: u32, status: u16, payload: &[u8]) -> Descriptor {
    Descriptor::inline(TERMINAL, payload).u32(field::CALL, call).u16(field::STATUS, status)
}

/// A correct one-way call whose arguments fit the descriptor.
pub(crate) fn one_way(method: u32, args: &[u8]) -> Descriptor {
    Descriptor::inline(ONE_WAY, args).u32(field::METHOD, method)
}

/// A correct item of a stream that fits the descriptor.
pub(crate) fn item(call: u32, stream: u32, payload: &[u8]) -> Descriptor {
    Descriptor::inline(ITEM, payload).u32(field::CALL, call).u32(field::METHOD, stream)
}

/// The end of a stream.
pub(crate) fn end(call: u32, stream: u32) -> Descriptor {
    Descriptor::inline(END, &[]).u32(field::CALL, call).u32(field::METHOD, stream)
}

/// Credit for a stream, or, of no call, for one-way calls.
pub(crate) fn credit(call: u32, stream: u32, amount: u64) -> Descriptor {
    Descriptor::inline(CREDIT, &amount.to_ne_bytes()).u32(field::CALL, call).u32(field::METHOD, stream)
}

/// What a message of the honest side says.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) kind: u8,
    pub(crate) status: u16,
    pub(crate) call: u32,
    pub(crate) method: u32,
    pub(crate) payload: Vec<u8>,
}

/// A liar that has taken out so many messages.
pub(crate) struct Caller {
    pub(crate) liar: Liar,
    taken: u64,
}

impl Caller {
    fn new(talk: Talk, shape: Shape, own: Half, their_file: std::os::fd::OwnedFd) -> Self {
        let theirs = Map::read_only(&their_file, shape.bytes()).unwrap();
        Self { liar: Liar { talk, shape, own, theirs, their_file, published: 0 }, taken: 0 }
    }

    /// A client of the server that listens there.
    pub(crate) fn connect(path: &Path) -> Self {
        Self::over(UnixStream::connect(path).unwrap()).0
    }

    /// As [`connect`](Self::connect), of a client that says this of its own services.
    pub(crate) fn connect_serving(path: &Path, catalogue: &[u8]) -> Self {
        Self::over_serving(UnixStream::connect(path).unwrap(), catalogue).0
    }

    /// A client of the server on the other end, and what that says of its services.
    pub(crate) fn over(socket: UnixStream) -> (Self, Vec<u8>) {
        Self::over_serving(socket, &[])
    }

    fn over_serving(socket: UnixStream, own_catalogue: &[u8]) -> (Self, Vec<u8>) {
        let talk = Talk { socket };
        let mut bytes = honest_greeting();
        put(&mut bytes, greeting::CATALOGUE_BYTES, &(own_catalogue.len() as u32).to_ne_bytes());
        bytes.extend_from_slice(own_catalogue);
        talk.send(&bytes, &[]).unwrap();
        let Answer { shape, session, bytes, .. } = talk.receive_answer();
        assert_eq!(get_u32(&bytes, answer::VERDICT), 0, "the server refuses");
        let catalogue = talk.receive(get_u32(&bytes, greeting::CATALOGUE_BYTES) as usize);
        let own = Recipe::honest(&shape).make(&shape, 1, session, |_| {});
        talk.send_yes(&[own.file.try_clone().unwrap()]);
        let their_file = talk.receive_half();
        talk.receive_verdict().unwrap();
        talk.send_yes(&[]);
        (Self::new(talk, shape, own, their_file), catalogue)
    }

    /// A server of the client on the other end, that says this of its services.
    pub(crate) fn serve(socket: UnixStream, shape: Shape, catalogue: &[u8]) -> Self {
        const ID: [u8; 16] = *b"an id of a liar!";
        let talk = Talk { socket };
        let greeting = talk.receive(greeting::BYTES);
        talk.receive(get_u32(&greeting, greeting::CATALOGUE_BYTES) as usize);
        let mut bytes = honest_answer(&shape, ID);
        put(&mut bytes, greeting::CATALOGUE_BYTES, &(catalogue.len() as u32).to_ne_bytes());
        bytes.extend_from_slice(catalogue);
        talk.send(&bytes, &[]).unwrap();
        let own = Recipe::honest(&shape).make(&shape, 0, ID, |_| {});
        talk.send_yes(&[own.file.try_clone().unwrap()]);
        let their_file = talk.receive_half();
        talk.receive_verdict().unwrap();
        talk.send_yes(&[]);
        Self::new(talk, shape, own, their_file)
    }

    /// Whether there is an entry for one more message, by the honest side's word.
    pub(crate) fn has_room(&self) -> bool {
        self.liar.published - self.liar.theirs.get(half::CONSUMED) < u64::from(self.liar.shape.entries)
    }

    /// Publishes, and rings if that is wished for, as an honest side would.
    pub(crate) fn say(&mut self, descriptor: Descriptor) {
        self.liar.publish(descriptor);
        let n = self.liar.published;
        self.ring_if(n, [half::WANTS_MESSAGE, half::WANTS_MESSAGE_SOCKET]);
    }

    /// Publishes two messages of which nobody sees the first one alone, and says that the second matters to it, as an
    /// honest side does of a cancel and of a time that runs.
    pub(crate) fn say_both(&mut self, first: Descriptor, second: Descriptor) {
        let n = self.liar.published + 1;
        self.liar.publish_at(n + 1, n as u32 + 1, second);
        self.liar.own.map.set(half::URGENT, self.liar.own.map.get(half::URGENT) + 1);
        self.say(first);
        self.liar.published += 1;
    }

    fn ring_if(&self, n: u64, [futex, socket]: [usize; 2]) {
        // Pairs with the fence of the honest side's wish: it sees what was published, or this its wish.
        fence(Ordering::SeqCst);
        if self.liar.theirs.get(futex) == n {
            self.liar.ring();
        }
        if self.liar.theirs.get(socket) == n {
            self.liar.ring_socket();
        }
    }

    /// Takes out the next message, if there is one.
    pub(crate) fn try_hear(&mut self) -> Option<Said> {
        let said = self.liar.their_message(self.taken + 1)?;
        self.taken += 1;
        let said = self.understand(&said);
        self.liar.set_consumed(self.taken);
        self.liar.add_freed();
        self.ring_if(self.liar.own.map.get(half::FREED), [half::WANTS_ROOM, half::WANTS_ROOM_SOCKET]);
        Some(said)
    }

    /// Waits for the next message.
    pub(crate) fn hear(&mut self) -> Said {
        loop {
            if let Some(said) = self.try_hear() {
                return said;
            }
            std::thread::yield_now();
        }
    }

    /// Waits for the answer to a call, and passes over other messages.
    pub(crate) fn hear_answer(&mut self, call: u32) -> Said {
        loop {
            let said = self.hear();
            if said.kind == TERMINAL && said.call == call {
                return said;
            }
        }
    }

    fn understand(&mut self, descriptor: &Descriptor) -> Said {
        let bytes = &descriptor.0;
        let inline = bytes[field::INLINE..][..usize::from(bytes[field::INLINE_LEN])].to_vec();
        let mut payload = inline;
        if bytes[field::FLAGS] & flag::SLOT != 0 {
            let id = get_u32(bytes, field::SLOT);
            let (class, index) = ((id >> 24) as usize, id & 0xff_ffff);
            let len = get_u32(bytes, field::LEN) as usize - payload.len();
            payload.extend(self.liar.theirs.read(self.liar.shape.slot(class, index), len));
            self.liar.set_released(class, index, get_u32(bytes, field::GENERATION).into());
        }
        let status = u16::from_ne_bytes(bytes[field::STATUS..][..2].try_into().unwrap());
        let (call, method) = (get_u32(bytes, field::CALL), get_u32(bytes, field::METHOD));
        Said { kind: bytes[field::KIND], status, call, method, payload }
    }

    /// Whether the honest side has hung up.
    pub(crate) fn is_hung_up(&self) -> bool {
        let flags = rustix::net::RecvFlags::PEEK | rustix::net::RecvFlags::DONTWAIT;
        match rustix::net::recv(&self.liar.talk.socket, &mut [0_u8; 1], flags) {
            Ok((count, _)) => {
                if count > 0 {
                    // A bell, before which nothing else is seen.
                    let _ =
                        rustix::net::recv(&self.liar.talk.socket, &mut [0_u8; 64], rustix::net::RecvFlags::DONTWAIT);
                }
                count == 0
            }
            Err(error) => error != rustix::io::Errno::AGAIN,
        }
    }

    /// The honest side hangs up on it.
    pub(crate) fn expect_end(&self) {
        self.liar.talk.drain_to_end();
    }
}
