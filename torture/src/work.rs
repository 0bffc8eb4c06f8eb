//! What is called: a service whose calls are known by numbers, whose bytes follow from these, and which notes what it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rapace::{Context, Rx, StreamError, Tx};

use crate::ledger::Ledger;
use crate::report::Counters;

#[rapace::service(name = "torture.Work")]
pub(crate) trait Work {
    /// The answer to a call, `len` bytes long beyond its head.
    fn echo(&self, id: u64, len: u32, body: &[u8]) -> Vec<u8>;
    #[rapace(blocking)]
    fn slow(&self, id: u64, pause_us: u32, body: &[u8]) -> Vec<u8>;
    #[rapace(idempotent)]
    fn again(&self, id: u64, len: u32, body: &[u8]) -> Vec<u8>;
    #[rapace(oneway)]
    fn tell(&self, id: u64, body: &[u8]);
    /// So many items.
    fn source(&self, id: u64, items: u32, to: Tx<Vec<u8>>) -> u64;
    /// How many items came.
    fn sink(&self, id: u64, from: Rx<Vec<u8>>) -> Result<u64, String>;
    /// So many calls back, on the thread of the session.
    fn back(&self, cx: &Context, id: u64, rounds: u32) -> Result<u64, String>;
    /// The same on a worker.
    #[rapace(blocking)]
    fn back_on_worker(&self, cx: &Context, id: u64, rounds: u32) -> Result<u64, String>;
}

/// What a client serves.
#[rapace::service(name = "torture.Home")]
pub(crate) trait Home {
    fn ask(&self, id: u64, body: &[u8]) -> Vec<u8>;
    #[rapace(oneway)]
    fn hear(&self, id: u64);
}

/// What a handler does for a caller who asks for anything.
const ANSWER_MAX: usize = 1 << 20;
const PAUSE_MAX: Duration = Duration::from_millis(20);

/// Bytes that follow from a number.
pub(crate) fn content(id: u64, len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 8);
    let mut word = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while bytes.len() < len {
        bytes.extend_from_slice(&word.to_le_bytes());
        word = word.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(id | 1);
    }
    bytes.truncate(len);
    bytes
}

/// A sum that bytes in another order do not have.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(bytes.len() as u64, |sum, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        (sum ^ u64::from_le_bytes(word)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(17)
    })
}

/// The answer to a call: its number, the sum of what came with it, and bytes that follow from both.
pub(crate) fn answer(id: u64, body: &[u8], len: usize) -> Vec<u8> {
    let sum = checksum(body);
    let mut bytes = id.to_le_bytes().to_vec();
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes.extend(content(id ^ sum, len));
    bytes
}

/// Beginnings and ends, which must come to the same number.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Ends {
    /// One has begun. It ends when this is dropped.
    pub(crate) fn begin(&self) -> impl Drop + use<'_> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        End(&self.ended)
    }

    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    pub(crate) fn are_even(&self) -> bool {
        let ended = self.ended.load(Ordering::SeqCst);
        ended == self.begun()
    }
}

struct End<'a>(&'a AtomicU64);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Who serves: where it notes what runs, and what it saw.
#[derive(Debug, Default)]
pub(crate) struct Bench {
    pub(crate) ledger: Option<Ledger>,
    pub(crate) handlers: Ends,
    /// How its ends of streams, and its calls back, ended.
    pub(crate) reasons: Counters,
}

impl Bench {
    pub(crate) fn with_ledger(path: &str) -> Result<Arc<Self>, String> {
        Ok(Arc::new(Self { ledger: Some(Ledger::open(path)?), ..Self::default() }))
    }

    /// Notes that a call runs, and whether its bytes are its own.
    fn note(&self, id: u64, body: &[u8]) {
        let is_right = body == content(id, body.len());
        match &self.ledger {
            Some(ledger) if is_right => ledger.note(id),
            Some(ledger) => ledger.note_corrupt(id),
            None if is_right => {}
            None => self.reasons.count("corrupt"),
        }
    }

    fn ask_back(&self, cx: &Context, id: u64, rounds: u32) -> Result<u64, String> {
        let home: HomeClient = cx.client().map_err(|error| error.to_string())?;
        for round in 0..rounds {
            let id = id + u64::from(round);
            let body = content(id, (round as usize * 977) % 5_000);
            match home.ask(id, &body).wait() {
                Ok(bytes) if bytes == answer(id, &body, 16) => {}
                Ok(_) => {
                    self.reasons.count("corrupt");
                    return Err("an answer to a call back is another one's".into());
                }
                Err(error) => {
                    self.reasons.count(&format!("call back: {}", kind_of(&error)));
                    return Err(error.to_string());
                }
            }
            let _ = home.hear(id).send();
        }
        Ok(u64::from(rounds))
    }
}

/// An error without its numbers and texts.
pub(crate) fn kind_of(error: &impl std::fmt::Debug) -> String {
    let text = format!("{error:?}");
    text.split(['(', ' ', '{']).next().unwrap_or_default().to_owned()
}

/// Why a stream ended, without its numbers and texts.
pub(crate) fn reason(error: &StreamError) -> String {
    match error {
        StreamError::Rpc(error) => kind_of(error),
        other => kind_of(other),
    }
}

impl Work for Arc<Bench> {
    fn echo(&self, id: u64, len: u32, body: &[u8]) -> Vec<u8> {
        let _end = self.handlers.begin();
        self.note(id, body);
        answer(id, body, (len as usize).min(ANSWER_MAX))
    }

    fn slow(&self, id: u64, pause_us: u32, body: &[u8]) -> Vec<u8> {
        let _end = self.handlers.begin();
        self.note(id, body);
        std::thread::sleep(Duration::from_micros(pause_us.into()).min(PAUSE_MAX));
        answer(id, body, 16)
    }

    fn again(&self, id: u64, len: u32, body: &[u8]) -> Vec<u8> {
        self.echo(id, len, body)
    }

    fn tell(&self, id: u64, body: &[u8]) {
        let _end = self.handlers.begin();
        self.note(id, body);
    }

    fn source(&self, id: u64, items: u32, mut to: Tx<Vec<u8>>) -> u64 {
        let _end = self.handlers.begin();
        self.note(id, &[]);
        for item in 0..u64::from(items) {
            let body = content(id ^ item, item_len(id, item));
            if let Err(error) = to.send(body).wait() {
                self.reasons.count(&format!("stream out: {}", reason(&error)));
                return item;
            }
        }
        items.into()
    }

    fn sink(&self, id: u64, mut from: Rx<Vec<u8>>) -> Result<u64, String> {
        let _end = self.handlers.begin();
        self.note(id, &[]);
        let mut came = 0;
        loop {
            match from.recv().wait() {
                Ok(Some(body)) if body == content(id ^ came, item_len(id, came)) => came += 1,
                Ok(Some(_)) => {
                    self.reasons.count("corrupt");
                    return Err("an item has another content".into());
                }
                Ok(None) => {
                    self.reasons.count("stream in: end");
                    return Ok(came);
                }
                Err(error) => {
                    self.reasons.count(&format!("stream in: {}", reason(&error)));
                    return Err(error.to_string());
                }
            }
        }
    }

    fn back(&self, cx: &Context, id: u64, rounds: u32) -> Result<u64, String> {
        let _end = self.handlers.begin();
        self.note(id, &[]);
        self.ask_back(cx, id, rounds)
    }

    fn back_on_worker(&self, cx: &Context, id: u64, rounds: u32) -> Result<u64, String> {
        self.back(cx, id, rounds)
    }
}

/// The length of an item of a stream.
pub(crate) fn item_len(id: u64, item: u64) -> usize {
    match (id ^ item) % 16 {
        15 => 9_000,
        other => other as usize * 13,
    }
}

impl Home for Arc<Bench> {
    fn ask(&self, id: u64, body: &[u8]) -> Vec<u8> {
        let _end = self.handlers.begin();
        if body != content(id, body.len()) {
            self.reasons.count("corrupt");
        }
        answer(id, body, 16)
    }

    fn hear(&self, _id: u64) {
        let _end = self.handlers.begin();
    }
}
