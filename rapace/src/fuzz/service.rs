//! A generated service whose client sends it anything. Served in this thread; whoever would wait has the client do the next
//! thing, and when the bytes are used up the client hangs up.
//!
//! Each request that keeps the rules is answered once: with what its arguments ask for, or with what is wrong with them, as
//! postcard reads them. No handler runs for a request that was not made.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::input::Input;
use super::liar::{Liar, meet, small};
use crate::Context;
use crate::blocking::{Workers, serve_session};
use crate::layout::descriptor::Descriptor;
use crate::layout::head::{Head, Kind};
use crate::rpc::link::{Link, Step};
use crate::rpc::service::Services;
use crate::rpc::setting::Setting;
use crate::session::PeerA;

/// What is served.
#[rapace_macros::service(crate = crate)]
pub(crate) trait Office {
    fn add(&self, a: u32, b: u32) -> u32;
    fn texts(&self, texts: Vec<String>, cut: Option<u8>) -> Vec<String>;
    fn keep(&self, bytes: &[u8]) -> Vec<u8>;
    fn fails(&self, code: i64) -> Result<(), i64>;
    fn panics(&self, when: bool) -> u8;
    fn nested(&self, cx: &Context, value: Vec<Vec<(u16, char)>>) -> usize;
    #[rapace(oneway)]
    fn note(&self, bytes: Vec<u8>);
}

/// Counts what is run.
struct Clerk {
    handled: Arc<AtomicUsize>,
}

impl Clerk {
    fn note_one(&self) {
        self.handled.fetch_add(1, Ordering::Relaxed);
    }
}

impl Office for Clerk {
    fn add(&self, a: u32, b: u32) -> u32 {
        self.note_one();
        a.wrapping_add(b)
    }
    fn texts(&self, mut texts: Vec<String>, cut: Option<u8>) -> Vec<String> {
        self.note_one();
        texts.truncate(cut.map_or(usize::MAX, usize::from));
        texts
    }
    fn keep(&self, bytes: &[u8]) -> Vec<u8> {
        self.note_one();
        bytes.to_vec()
    }
    fn fails(&self, code: i64) -> Result<(), i64> {
        self.note_one();
        Err(code)
    }
    fn panics(&self, when: bool) -> u8 {
        self.note_one();
        // As a panic goes through its handler, without what a panic hook would print each time.
        if when { std::panic::resume_unwind(Box::new("asked for")) } else { 1 }
    }
    fn nested(&self, cx: &Context, value: Vec<Vec<(u16, char)>>) -> usize {
        self.note_one();
        let _ = (cx.is_cancelled(), cx.deadline());
        value.iter().map(Vec::len).sum()
    }
    fn note(&self, bytes: Vec<u8>) {
        self.note_one();
        drop(bytes);
    }
}

const METHODS: u32 = 7;

/// What the client does, a byte and its choices each.
pub fn service(data: &[u8]) {
    let handled = Arc::new(AtomicUsize::new(0));
    let served = OfficeServer::new(Clerk { handled: Arc::clone(&handled) });
    let services = Services::new(vec![Arc::new(served)], Setting::default()).unwrap();
    let (session, liar) = meet::<PeerA>(&small(), &[]);
    let link = Link::new(session, Some(Arc::clone(&services)));
    let client = Client { liar, bytes: data.to_vec(), at: 0, asked: HashMap::new(), sent: 0, generation: 1 };
    let client = Arc::new(Mutex::new(client));
    let step = {
        let (client, link) = (Arc::clone(&client), Arc::downgrade(&link));
        Step::new(move || {
            let is_there = lock(&client).step();
            // What whoever waits looks at in each round.
            match link.upgrade() {
                Some(link) if is_there => drop(link.lock().check_end()),
                Some(link) => drop(link.look_for_end()),
                None => {}
            }
        })
    };
    assert!(link.instead_of_waiting.set(step).is_ok());
    serve_session(&link, &services, &Workers::new(0));
    link.close();
    assert!(link.lock().holds_nothing(), "calls, streams or bytes are held");
    drop(link);
    let mut client = lock(&client);
    client.hear();
    let handled = handled.load(Ordering::Relaxed);
    assert!(client.liar.has_lied || handled <= client.sent, "{handled} handlers ran for {} requests", client.sent);
    assert!(client.liar.has_lied || !client.liar.is_all_taken() || client.liar.has_all_slots(), "a slot is held");
}

fn lock(client: &Mutex<Client>) -> MutexGuard<'_, Client> {
    client.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Client {
    liar: Liar,
    bytes: Vec<u8>,
    at: usize,
    /// Calls without an answer, and what the answer is to be.
    asked: HashMap<u32, Expected>,
    sent: usize,
    generation: u32,
}

/// What an answer may be: the status, and its bytes where they follow from the arguments.
struct Expected {
    status: u16,
    bytes: Option<Vec<u8>>,
    /// It was cancelled, had little time, or is one of too many.
    may_not_run: bool,
}

impl Client {
    /// False once it has hung up.
    fn step(&mut self) -> bool {
        let bytes = std::mem::take(&mut self.bytes);
        let mut input = Input::new(&bytes[self.at..]);
        let is_over = input.is_empty();
        if is_over {
            self.liar.hang_up();
        } else {
            self.act(&mut input);
            self.at = bytes.len() - input.len();
        }
        self.bytes = bytes;
        !is_over
    }

    fn act(&mut self, input: &mut Input<'_>) {
        match input.below(16) {
            0..=6 => self.ask(input),
            7 => {
                let payload = arguments(METHODS, input);
                if self.liar.say(&Head::message(METHODS), &payload, input.below(25)) {
                    self.sent += 1;
                }
            }
            8..=10 => self.hear(),
            11 => {
                let call = self.any_call(input);
                if let Some(expected) = self.asked.get_mut(&call) {
                    expected.may_not_run = true;
                    self.liar.say(&Head::cancel(call), &[], 0);
                }
            }
            12 => {
                let call = self.any_call(input);
                let head =
                    input.one_of(&[Head::item(call, 0), Head::end(call, 1), Head::credit(0, 0), Head::goodbye()]);
                if input.u8() % 4 == 0 {
                    self.liar.has_lied = true;
                    let payload = if head.kind() == Kind::End { vec![] } else { input.u64().to_ne_bytes().to_vec() };
                    self.liar.say(&head, &payload, 0);
                }
            }
            13 => {
                let (kind, len) =
                    (input.one_of(&[Kind::Request, Kind::OneWay, Kind::Cancel]) as u8, input.below(25) as u8);
                let call = self.any_call(input);
                let near = Descriptor {
                    kind,
                    call,
                    method: input.below(9) as u32,
                    len: len.into(),
                    inline_len: len,
                    ..Descriptor::default()
                };
                self.liar.lie_in_a_message(input, near);
            }
            14 => self.liar.lie_in_a_word(input),
            _ => match input.below(4) {
                0 => self.liar.ring(),
                1 => self.liar.scribble(input),
                _ => self.hear(),
            },
        }
    }

    fn any_call(&mut self, input: &mut Input<'_>) -> u32 {
        let place = usize::from(input.u8());
        let mut calls: Vec<_> = self.asked.keys().copied().collect();
        calls.sort_unstable();
        if calls.is_empty() { input.u32() } else { calls[place % calls.len()] }
    }

    /// A request that keeps the rules, with arguments of any kind.
    fn ask(&mut self, input: &mut Input<'_>) {
        let free = |index: &u32| self.asked.keys().all(|call| call & 0xffff != *index);
        let Some(index) = (0..small().limits.in_flight).find(free) else { return self.hear() };
        self.generation = self.generation % 0x7ffe + 1;
        let call = 1 << 31 | self.generation << 16 | index;
        let method = input.below(10) as u32;
        let payload = arguments(method, input);
        let mut expected = expected(method, &payload);
        let mut head = Head::request(call, method);
        if input.u8() % 8 == 0 {
            head = head.with_timeout_us(input.one_of(&[1, 1_000, u32::MAX]));
            expected.may_not_run = true;
        }
        if self.liar.say(&head, &payload, input.below(25)) {
            self.sent += 1;
            self.asked.insert(call, expected);
        }
    }

    fn hear(&mut self) {
        while let Some((head, payload)) = self.liar.hear() {
            if head.kind() != Kind::Terminal {
                continue;
            }
            let expected = self.asked.remove(&head.call());
            if self.liar.has_lied {
                continue;
            }
            let expected = expected.expect("an answer to a call that has one, or that was not made");
            let not_run = expected.may_not_run && [2, 3].contains(&head.status());
            assert!(not_run || head.status() == expected.status, "status {} of {}", head.status(), expected.status);
            if let (Some(bytes), false) = (expected.bytes, not_run) {
                assert_eq!(payload, bytes);
            }
        }
    }
}

/// Arguments that are right, or nearly, or anything.
fn arguments(method: u32, input: &mut Input<'_>) -> Vec<u8> {
    let (number, len) = (input.u8(), input.one_of(&[0, 1, 20, 30, 100, 900]));
    let text = "t".repeat(len);
    let mut bytes = match method {
        1 => postcard::to_stdvec(&(u32::from(number) << 20, 300_u32)),
        2 => postcard::to_stdvec(&(vec![text; usize::from(number % 4)], Some(number))),
        3 | 7 => postcard::to_stdvec(&vec![number; len]),
        4 => postcard::to_stdvec(&(i64::from(number) << 40)),
        5 => postcard::to_stdvec(&(number & 1 == 0)),
        6 => postcard::to_stdvec(&vec![vec![(u16::from(number), 'é'); len % 50]; 3]),
        _ => Ok(Vec::new()),
    }
    .unwrap();
    match input.below(6) {
        0 => bytes = input.bytes(40).to_vec(),
        1 if !bytes.is_empty() => {
            let place = usize::from(input.u8()) % bytes.len();
            bytes[place] = input.u8();
        }
        2 => bytes.push(number),
        3 => drop(bytes.pop()),
        _ => {}
    }
    bytes.truncate(1_088);
    bytes
}

/// What postcard and the method make of them.
fn expected(method: u32, payload: &[u8]) -> Expected {
    const OK: u16 = 0;
    const APP: u16 = 1;
    const UNKNOWN_METHOD: u16 = 4;
    const BAD_ARGUMENTS: u16 = 5;
    const PANICKED: u16 = 7;
    fn read<'a, T: serde::Deserialize<'a>>(payload: &'a [u8]) -> Option<T> {
        postcard::take_from_bytes(payload).ok().filter(|(_, rest)| rest.is_empty()).map(|(value, _)| value)
    }
    fn ok<T: serde::Serialize>(value: T) -> (u16, Option<Vec<u8>>) {
        (OK, Some(postcard::to_stdvec(&value).unwrap()))
    }
    let (status, bytes) = match method {
        // What is served, in words.
        0 => (OK, None),
        1 => read::<(u32, u32)>(payload).map_or((BAD_ARGUMENTS, None), |(a, b)| ok(a.wrapping_add(b))),
        2 => read::<(Vec<String>, Option<u8>)>(payload).map_or((BAD_ARGUMENTS, None), |(mut texts, cut)| {
            texts.truncate(cut.map_or(usize::MAX, usize::from));
            ok(texts)
        }),
        3 => read::<&[u8]>(payload).map_or((BAD_ARGUMENTS, None), ok),
        4 => read::<i64>(payload).map_or((BAD_ARGUMENTS, None), |code| (APP, ok(code).1)),
        5 => read::<bool>(payload).map_or((BAD_ARGUMENTS, None), |when| if when { (PANICKED, None) } else { ok(1_u8) }),
        6 => read::<Vec<Vec<(u16, char)>>>(payload)
            .map_or((BAD_ARGUMENTS, None), |value| ok(value.iter().map(Vec::len).sum::<usize>())),
        // A one-way method that is called for an answer gets one.
        7 => read::<Vec<u8>>(payload).map_or((BAD_ARGUMENTS, None), |_| ok(())),
        _ => (UNKNOWN_METHOD, Some(Vec::new())),
    };
    Expected { status, bytes, may_not_run: false }
}
