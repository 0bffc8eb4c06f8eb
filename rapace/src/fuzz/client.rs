//! A generated client whose server lies to it. Whoever waits is answered by the next thing that the server does, in the same
//! thread; when the bytes are used up the server hangs up, so every wait has an end.
//!
//! Each call ends once, and an answer is its own call's. In the end no call, stream, slot or byte is held.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::input::Input;
use super::liar::{Liar, meet, small};
use crate::layout::descriptor::Descriptor;
use crate::layout::head::{Head, Kind};
use crate::rpc::direct::{Direct, Holds, Owner};
use crate::rpc::link::{Link, Step};
use crate::rpc::method::{Method, Stub};
use crate::rpc::service::Services;
use crate::rpc::setting::Setting;
use crate::session::PeerB;
use crate::{Client, Pending, RpcError, Rx, Tx, stream};
use server::Unserved;

/// What the client thinks that it calls.
#[rapace_macros::service(crate = crate)]
pub(crate) trait Teller {
    fn name(&self, name: u32) -> u32;
    fn text(&self, name: u32, padding: &str) -> Result<(u32, String), u8>;
    fn blob(&self, name: u32, bytes: Vec<u8>) -> Vec<u8>;
    fn down(&self, name: u32, numbers: Tx<u32>) -> u32;
    fn up(&self, name: u32, texts: Rx<String>) -> u32;
    fn both(&self, name: u32, blobs: Tx<Vec<u8>>, numbers: Rx<u64>) -> Option<u32>;
    #[rapace(oneway)]
    fn log(&self, name: u32, bytes: &[u8]);
}

/// Nobody serves it; its server's catalogue is what the liar says.
mod server {
    use super::*;

    pub(super) struct Unserved;

    impl Teller for Unserved {
        fn name(&self, name: u32) -> u32 {
            name
        }
        fn text(&self, name: u32, padding: &str) -> Result<(u32, String), u8> {
            Ok((name, padding.to_owned()))
        }
        fn blob(&self, _: u32, bytes: Vec<u8>) -> Vec<u8> {
            bytes
        }
        fn down(&self, name: u32, _: Tx<u32>) -> u32 {
            name
        }
        fn up(&self, name: u32, _: Rx<String>) -> u32 {
            name
        }
        fn both(&self, name: u32, _: Tx<Vec<u8>>, _: Rx<u64>) -> Option<u32> {
            Some(name)
        }
        fn log(&self, _: u32, _: &[u8]) {}
    }
}

/// Names of calls are above it; numbers that the server makes up are not.
const FIRST_NAME: u32 = 1 << 20;

/// Steps of both sides, a byte and its choices each.
pub fn client(data: &[u8]) {
    let services = Services::new(vec![Arc::new(TellerServer::new(Unserved))], Setting::default()).unwrap();
    let (session, liar) = meet::<PeerB>(&small(), services.catalogue());
    let link = Link::new(session, None);
    let server = Arc::new(Mutex::new(Server::new(liar, data)));
    let step = {
        let (server, link) = (Arc::clone(&server), Arc::downgrade(&link));
        Step::new(move || {
            let is_there = lock(&server).step();
            // What whoever waits looks at in each round.
            match link.upgrade() {
                Some(link) if is_there => drop(link.lock().check_end()),
                Some(link) => drop(link.look_for_end()),
                None => {}
            }
        })
    };
    assert!(link.instead_of_waiting.set(step).is_ok());
    let owner = Owner::new(Arc::clone(&link));
    let direct = Direct::new(&link, TellerClient::service(), 0, Holds::session(owner)).unwrap();
    let teller = TellerClient::from_client(Client::from(direct));
    let mut caller = Caller { teller, server, link, name: FIRST_NAME, calls: Vec::new(), ends: Ends::default() };
    while !caller.take(|input| input.is_empty()) {
        caller.step();
    }
    caller.end();
}

fn lock(server: &Mutex<Server>) -> MutexGuard<'_, Server> {
    server.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Caller {
    teller: TellerClient,
    server: Arc<Mutex<Server>>,
    link: Arc<Link>,
    name: u32,
    calls: Vec<Box<dyn Held>>,
    ends: Ends,
}

/// The ends of streams that were kept.
#[derive(Default)]
struct Ends {
    numbers: Vec<Rx<u32>>,
    texts: Vec<Tx<String>>,
    blobs: Vec<Rx<Vec<u8>>>,
    long: Vec<Tx<u64>>,
}

/// A call that was begun, whatever its method.
trait Held {
    /// What it ended with, or the call.
    fn try_end(self: Box<Self>) -> Result<Ended, Box<dyn Held>>;
    fn end(self: Box<Self>) -> Ended;
}

/// A call's name, and the name in its result, if it is one that has one.
struct Ended(u32, Option<u32>);

struct Begun<M: Method> {
    name: u32,
    pending: Pending<M>,
    name_in: fn(&M::Ok) -> Option<u32>,
}

impl<M: Method> Begun<M> {
    fn ended(name: u32, name_in: fn(&M::Ok) -> Option<u32>, result: Result<M::Ok, M::Error>) -> Ended {
        Ended(name, result.ok().and_then(|value| name_in(&value)))
    }
}

impl<M: Method + 'static> Held for Begun<M> {
    fn try_end(self: Box<Self>) -> Result<Ended, Box<dyn Held>> {
        let Self { name, pending, name_in } = *self;
        match pending.try_wait() {
            Ok(result) => Ok(Self::ended(name, name_in, result)),
            Err(pending) => Err(Box::new(Self { name, pending, name_in })),
        }
    }

    fn end(self: Box<Self>) -> Ended {
        Self::ended(self.name, self.name_in, self.pending.wait())
    }
}

impl Caller {
    /// Takes choices out of the bytes that both sides share.
    fn take<X>(&self, choose: impl FnOnce(&mut Input<'_>) -> X) -> X {
        lock(&self.server).take(choose)
    }

    fn hold<M: Method + 'static>(&mut self, begun: Result<Pending<M>, RpcError>, name_in: fn(&M::Ok) -> Option<u32>) {
        if let Ok(pending) = begun {
            self.calls.push(Box::new(Begun { name: self.name, pending, name_in }));
        }
    }

    fn check(&self, Ended(name, found): Ended) {
        let server = lock(&self.server);
        if let (Some(found), false) = (found, server.liar.has_lied || server.garbled.contains(&name)) {
            assert_eq!(found, name, "the answer of another call");
        }
    }

    fn step(&mut self) {
        let (action, size, place) = self.take(|input| (input.below(18), input.u8(), input.u8() as usize));
        self.name += 1;
        let (name, padding) = (self.name, "x".repeat([0, 10, 100, 1_200][usize::from(size) & 3]));
        let teller = self.teller.clone();
        match action {
            0 => self.hold(teller.name(name).start(), |found| Some(*found)),
            1 => self.hold(teller.text(name, &padding).start(), |found| Some(found.0)),
            2 => self.hold(teller.blob(name, padding.into_bytes()).start(), |_| None),
            3 => {
                let found = teller.name(name).wait().ok();
                self.check(Ended(name, found));
            }
            4 => {
                let (tx, rx) = stream();
                self.hold(teller.down(name, tx).start(), |found| Some(*found));
                self.ends.numbers.push(rx);
            }
            5 => {
                let (tx, rx) = stream();
                self.hold(teller.up(name, rx).start(), |found| Some(*found));
                self.ends.texts.push(tx);
            }
            6 => {
                let ((blobs, blobs_out), (long, long_out)) = (stream(), stream());
                self.hold(teller.both(name, blobs, long_out).start(), |found| *found);
                self.ends.blobs.push(blobs_out);
                self.ends.long.push(long);
            }
            7 => drop(teller.log(name, padding.as_bytes()).wait()),
            8 => drop(teller.log(name, padding.as_bytes()).send()),
            9 | 10 if !self.calls.is_empty() => match self.calls.swap_remove(place % self.calls.len()).try_end() {
                Ok(ended) => self.check(ended),
                Err(call) => self.calls.push(call),
            },
            11 if !self.calls.is_empty() => {
                let ended = self.calls.swap_remove(place % self.calls.len()).end();
                self.check(ended);
            }
            // Dropped, and so cancelled.
            12 if !self.calls.is_empty() => drop(self.calls.swap_remove(place % self.calls.len())),
            13 => self.use_streams(size, place, padding),
            14 => drop(self.link.lock().pump(None)),
            15 if size == 0 => self.teller.session().close(),
            15 => drop((self.teller.session().stats(), self.teller.session().peer_state())),
            _ => drop(lock(&self.server).step()),
        }
    }

    fn use_streams(&mut self, choice: u8, place: usize, text: String) {
        let Ends { numbers, texts, blobs, long } = &mut self.ends;
        match choice >> 2 & 7 {
            0 | 1 if !numbers.is_empty() => {
                let at = place % numbers.len();
                if !matches!(numbers[at].recv().wait(), Ok(Some(_))) {
                    drop(numbers.swap_remove(at));
                }
            }
            2 if !blobs.is_empty() => {
                let at = place % blobs.len();
                if !matches!(blobs[at].recv().wait(), Ok(Some(_))) {
                    drop(blobs.swap_remove(at));
                }
            }
            3 if !texts.is_empty() => {
                let at = place % texts.len();
                if texts[at].send(text).wait().is_err() {
                    drop(texts.swap_remove(at));
                }
            }
            4 if !long.is_empty() => {
                let at = place % long.len();
                if long[at].send_all(0..u64::from(choice)).wait().is_err() {
                    drop(long.swap_remove(at));
                }
            }
            5 if !numbers.is_empty() => drop(numbers.swap_remove(place % numbers.len())),
            6 if !texts.is_empty() => drop(texts.swap_remove(place % texts.len())),
            7 if !blobs.is_empty() => drop(blobs.swap_remove(place % blobs.len())),
            _ => {}
        }
    }

    /// The server has hung up, or does so now: everything ends.
    fn end(mut self) {
        for call in std::mem::take(&mut self.calls) {
            let ended = call.end();
            self.check(ended);
        }
        for mut rx in std::mem::take(&mut self.ends.numbers) {
            while let Ok(Some(_)) = rx.recv().wait() {}
        }
        for mut tx in std::mem::take(&mut self.ends.texts) {
            assert!(tx.send("late".into()).wait().is_err());
        }
        drop(std::mem::take(&mut self.ends));
        // A call that is made now ends as well.
        while lock(&self.server).step() {}
        assert!(self.teller.name(1).wait().is_err());
        assert!(self.link.look_for_end().is_some());
        drop(self.teller);
        let core = self.link.lock();
        assert!(core.holds_nothing(), "calls, streams or bytes are held");
        drop(core);
        drop(self.link);
        let server = lock(&self.server);
        assert!(server.liar.has_lied || !server.liar.is_all_taken() || server.liar.has_all_slots(), "a slot is held");
    }
}

/// What the liar does, and what it knows of the client.
struct Server {
    liar: Liar,
    bytes: Vec<u8>,
    at: usize,
    /// Calls that were heard of and not answered: number, method, name.
    asked: Vec<(u32, u32, u32)>,
    /// Names of calls that were answered with anything.
    garbled: HashSet<u32>,
    is_over: bool,
}

impl Server {
    fn new(liar: Liar, data: &[u8]) -> Self {
        Self { liar, bytes: data.to_vec(), at: 0, asked: Vec::new(), garbled: HashSet::new(), is_over: false }
    }

    fn take<X>(&mut self, choose: impl FnOnce(&mut Input<'_>) -> X) -> X {
        let mut input = Input::new(&self.bytes[self.at..]);
        let chosen = choose(&mut input);
        self.at = self.bytes.len() - input.len();
        chosen
    }

    /// False once it has hung up.
    fn step(&mut self) -> bool {
        let bytes = std::mem::take(&mut self.bytes);
        let mut input = Input::new(&bytes[self.at..]);
        if input.is_empty() {
            self.is_over = true;
        }
        if self.is_over {
            self.liar.hang_up();
        } else {
            self.act(&mut input);
            self.at = bytes.len() - input.len();
        }
        self.bytes = bytes;
        !self.is_over
    }

    fn act(&mut self, input: &mut Input<'_>) {
        let action = input.below(18);
        let known = (!self.asked.is_empty()).then(|| usize::from(input.u8()) % self.asked.len());
        let (call, method, name) = known.map_or((input.u32(), 1, 0), |place| self.asked[place]);
        match action {
            0..=4 => self.hear(),
            5..=7 => {
                let Some(place) = known else { return self.hear() };
                let payload = answer(method, name, input);
                if self.liar.say(&Head::terminal(call, 0), &payload, input.below(25)) {
                    self.asked.swap_remove(place);
                }
            }
            8 => {
                self.garbled.insert(name);
                let len = input.below(40);
                let (status, payload) = (input.u16() % 12, input.bytes(len));
                self.liar.say(&Head::terminal(call, status), payload, input.below(25));
            }
            9 | 10 => {
                let item = match input.below(4) {
                    0 => vec![5],
                    1 => [vec![10], vec![7; 10]].concat(),
                    2 => vec![9; 300],
                    _ => input.bytes(20).to_vec(),
                };
                self.liar.say(&Head::item(call, input.below(3) as u32), &item, input.below(25));
            }
            11 => drop(self.liar.say(&Head::end(call, input.below(3) as u32), &[], 0)),
            12 => {
                let amount = input.one_of(&[64, 1 << 10, 16 << 10, 1 << 20, 0, u64::MAX]);
                let of =
                    if input.u8() % 4 == 0 { Head::credit(0, 0) } else { Head::credit(call, input.below(3) as u32) };
                self.liar.say(&of, &amount.to_ne_bytes(), 0);
            }
            13 => {
                let line = if input.u8() % 8 == 0 { input.u64() } else { u64::from(input.u8() % 16) };
                if input.u8() % 4 == 0 {
                    self.liar.say(&Head::goodbye(), &line.to_ne_bytes(), 0);
                }
            }
            14 => {
                let head =
                    input.one_of(&[Head::request(1, 1), Head::cancel(call), Head::message(1), Head::request(call, 0)]);
                self.liar.say(&head, if head.kind() == Kind::Cancel { &[] } else { &[1, 2, 3] }, 0);
            }
            15 => {
                self.garbled.insert(name);
                let len = input.below(25) as u8;
                let kind = input.one_of(&[Kind::Terminal, Kind::Item, Kind::End, Kind::Credit, Kind::Goodbye]) as u8;
                let near = Descriptor { kind, call, len: len.into(), inline_len: len, ..Descriptor::default() };
                self.liar.lie_in_a_message(input, near);
            }
            16 => self.liar.lie_in_a_word(input),
            _ => match input.below(6) {
                0 => self.is_over = true,
                1 => self.liar.ring(),
                2 => self.liar.scribble(input),
                _ => self.hear(),
            },
        }
    }

    fn hear(&mut self) {
        while let Some((head, payload)) = self.liar.hear() {
            if head.kind() == Kind::Request {
                let name = postcard::take_from_bytes(&payload).map_or(0, |(name, _)| name);
                self.asked.push((head.call(), head.method(), name));
            }
        }
    }
}

/// What an honest server answers.
fn answer(method: u32, name: u32, input: &mut Input<'_>) -> Vec<u8> {
    match method {
        2 => postcard::to_stdvec(&(name, "t".repeat(input.below(200)))),
        3 => postcard::to_stdvec(&vec![1_u8; input.below(256)]),
        6 => postcard::to_stdvec(&Some(name)),
        _ => postcard::to_stdvec(&name),
    }
    .unwrap()
}
