//! The two ends of a stream as users hold them.
//!
//! A pair is made by [`stream`]. One end becomes an argument of a call, which says by its type which way the items go; the
//! other is kept, and is connected when the call has begun. At the server the argument comes out connected.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::deadline::Deadline;
use super::direct::Direct;
use super::error::{RpcError, StreamError};
use super::link::Link;
use super::streams::EndKey;
use super::taken::Taken;
use crate::codec::{DecodeError, EncodeError, Encoder, Message, Reader};
use crate::lane::Outgoing;

/// Makes a stream of `T`: one end goes into a call, the other is kept.
///
/// ```
/// #[rapace::service]
/// trait Primes {
///     /// Sends the primes below `limit` to the caller, and returns how many there are.
///     fn below(&self, limit: u32, found: rapace::Tx<u32>) -> u32;
///     /// Adds up what the caller sends.
///     fn sum(&self, numbers: rapace::Rx<u32>) -> u32;
/// }
///
/// struct Sieve;
/// impl Primes for Sieve {
///     fn below(&self, limit: u32, mut found: rapace::Tx<u32>) -> u32 {
///         let primes = (2..limit).filter(|n| (2..*n).all(|d| n % d != 0));
///         // An error means that nobody reads any more.
///         primes.map_while(|prime| found.send(prime).wait().ok()).count() as u32
///     }
///     fn sum(&self, numbers: rapace::Rx<u32>) -> u32 {
///         numbers.into_iter().map_while(Result::ok).sum()
///     }
/// }
/// let client = PrimesClient::local(Sieve)?;
///
/// let (tx, rx) = rapace::stream();
/// let below = client.below(10, tx).start()?;
/// let primes = rx.into_iter().collect::<Result<Vec<_>, _>>()?;
/// assert_eq!((primes, below.wait()?), (vec![2, 3, 5, 7], 4));
///
/// let (mut tx, rx) = rapace::stream();
/// let sum = client.sum(rx).start()?;
/// for number in 1..=4 {
///     tx.send(number).wait()?;
/// }
/// drop(tx); // No more of them.
/// assert_eq!(sum.wait()?, 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn stream<T>() -> (Tx<T>, Rx<T>) {
    let place = Arc::new(Place::new());
    (Tx { place: Arc::clone(&place) }, Rx::new(place))
}

/// The sending end of a stream. As a parameter of a method it says that the server sends items to the caller; see
/// [`stream`].
///
/// Dropping it ends the stream: the reader is told after the last item. At the server the end of the call ends it as well:
/// the call's result comes after the last item.
///
/// A reader that is slow makes its writer wait, and nobody else: of each stream 256 KiB are on their way at most, or one
/// item that is larger, of all streams of a session together 16 KiB each and
/// [`Limits::stream_bytes`](crate::Limits::stream_bytes).
#[must_use = "dropping it ends the stream"]
pub struct Tx<T> {
    pub(super) place: Arc<Place<T>>,
}

/// The receiving end of a stream. As a parameter of a method it says that the caller sends items to the server; see
/// [`stream`].
///
/// Dropping it tells the writer, whose further sends fail with [`StreamError::Dropped`]. With the feature `tokio` it is a
/// `futures_core::Stream` as well.
#[must_use = "dropping it ends the stream"]
pub struct Rx<T> {
    pub(super) place: Arc<Place<T>>,
    /// Messages that were taken out of the session.
    taken: Taken,
    /// Items of a message of several.
    ready: VecDeque<T>,
    /// An item that could not be read: its error comes in its place, and nothing after it.
    failure: Option<DecodeError>,
    has_failed: bool,
    #[cfg(feature = "tokio")]
    pub(crate) timer: crate::aio::polling::Timer,
}

/// What both ends of a pair know: where the one that is kept finds its connection, once there is one.
pub(super) struct Place<T> {
    connection: OnceLock<Connection<T>>,
    tx_is_gone: AtomicBool,
    rx_is_gone: AtomicBool,
    /// The session knows that the kept end is gone.
    is_released: AtomicBool,
    /// Why there never will be a connection.
    over: Option<StreamError>,
}

impl<T> Place<T> {
    pub(super) fn new() -> Self {
        let [tx_is_gone, rx_is_gone, is_released] = Default::default();
        Self { connection: OnceLock::new(), tx_is_gone, rx_is_gone, is_released, over: None }
    }

    /// Of an end whose call was over before the end was made.
    pub(super) fn over(why: StreamError) -> Self {
        Self { over: Some(why), ..Self::new() }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connection.get().is_some()
    }

    /// The connection, if it is for the end that goes this way.
    fn of(&self, way: Way) -> Result<&Connection<T>, StreamError> {
        let connection = self.connection.get().filter(|connection| connection.way == way);
        connection.ok_or_else(|| self.over.clone().unwrap_or(StreamError::NotConnected))
    }

    fn is_gone(&self, way: Way) -> &AtomicBool {
        match way {
            Way::Sending => &self.tx_is_gone,
            Way::Receiving => &self.rx_is_gone,
        }
    }

    /// An end is dropped.
    fn leave(&self, way: Way) {
        // SeqCst with the load in `connect`: of one that connects and one that leaves the later one sees the other.
        self.is_gone(way).store(true, Ordering::SeqCst);
        self.release(way);
    }

    /// The end that is kept is connected; `None` comes back when it was before.
    pub(super) fn connect(&self, connection: Connection<T>) -> Result<(), Connection<T>> {
        let way = connection.way;
        self.connection.set(connection)?;
        // As in `leave`.
        if self.is_gone(way).load(Ordering::SeqCst) {
            self.release(way);
        }
        Ok(())
    }

    /// Tells the session that the end is gone, if it is the one that is connected.
    fn release(&self, way: Way) {
        if let Ok(connection) = self.of(way) {
            // Relaxed: only that there is a first one matters.
            if !self.is_released.swap(true, Ordering::Relaxed) {
                // The writer that dies with its handler did not finish: the end of the call says how it ended.
                let has_died = way == Way::Sending && connection.holds.is_none() && std::thread::panicking();
                connection.link.lock().release_end(connection.end, !has_died);
            }
        }
    }
}

/// The end of a stream in a session. Of a pair it is the kept end's; the other one went into the call.
pub(crate) struct Connection<T> {
    pub(crate) link: Arc<Link>,
    /// Of the kept end of a pair: keeps the session open.
    pub(super) holds: Option<Direct>,
    pub(crate) end: EndKey,
    pub(super) way: Way,
    /// When the call is over.
    pub(super) deadline: Option<Instant>,
    pub(super) codec: ItemCodec<T>,
}

/// Which way items go at an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Sending,
    Receiving,
}

/// How items are written and read.
pub struct ItemCodec<T> {
    encode: EncodeItem<T>,
    decode: DecodeItem<T>,
}

type EncodeItem<T> = for<'v> fn(&'v T, &mut Encoder<'v>) -> Result<(), EncodeError>;
type DecodeItem<T> = fn(&mut Reader<'_>) -> Result<T, DecodeError>;

impl<T> ItemCodec<T> {
    /// By functions of generated code.
    pub fn new(encode: EncodeItem<T>, decode: DecodeItem<T>) -> Self {
        Self { encode, decode }
    }
}

impl<T> Connection<T> {
    pub(crate) fn deadline(&self) -> Deadline {
        self.deadline.map_or(Deadline::None, Deadline::At)
    }

    /// Sends an item: in a straight line if it fits a descriptor and nothing is unusual.
    #[inline]
    fn send(&self, value: &T) -> Result<(), StreamError> {
        let mut out = Encoder::new();
        (self.codec.encode)(value, &mut out).map_err(encode_error)?;
        if out.short().and_then(|lead| self.link.briefly(|core| core.send_short_item(self.end, lead))).is_some() {
            return Ok(());
        }
        out.send(|payload| self.link.send_item(self.end, payload, &mut self.deadline()))
    }

    /// Encodes an item and has it sent.
    #[cfg(feature = "tokio")]
    pub(crate) fn encode<X>(&self, value: &T, send: impl FnOnce(&Outgoing<'_>) -> X) -> Result<X, StreamError> {
        let mut out = Encoder::new();
        (self.codec.encode)(value, &mut out).map_err(encode_error)?;
        Ok(out.send(send))
    }

    /// Encodes items and has them sent, as many in a message as fit.
    pub(crate) fn encode_all(
        &self,
        items: &[T],
        mut send: impl FnMut(&Outgoing<'_>) -> Result<(), StreamError>,
    ) -> Result<(), StreamError> {
        let mut out = Encoder::new();
        for item in items {
            let before = out.len();
            (self.codec.encode)(item, &mut out).map_err(encode_error)?;
            let has_bytes = out.len() > before;
            // One without bytes would not be seen behind others.
            if !has_bytes && before > 0 {
                std::mem::take(&mut out).send(&mut send)?;
            }
            if !has_bytes || out.len() >= GROUP_BYTES {
                std::mem::take(&mut out).send(&mut send)?;
            }
        }
        if out.is_empty() { Ok(()) } else { out.send(send) }
    }
}

#[cold]
fn encode_error(error: EncodeError) -> StreamError {
    RpcError::Encode(Box::new(error)).into()
}

impl<T> Tx<T> {
    /// The connection, if this is the end that sends.
    pub(crate) fn connection(&self) -> Result<&Connection<T>, StreamError> {
        self.place.of(Way::Sending)
    }

    /// Sends an item: [`wait`](SendItem::wait) or `.await` what this returns.
    pub fn send(&mut self, value: T) -> SendItem<'_, T> {
        SendItem { tx: self, value }
    }

    /// Sends all items, several in one message where they are small. For an iterator that takes its time, send them one by
    /// one: each is then on its way at once.
    pub fn send_all<I: IntoIterator<Item = T>>(&mut self, items: I) -> SendAll<'_, T, I::IntoIter> {
        SendAll { tx: self, items: items.into_iter() }
    }
}

impl<T> Drop for Tx<T> {
    fn drop(&mut self) {
        self.place.leave(Way::Sending);
    }
}

impl<T> Drop for Rx<T> {
    fn drop(&mut self) {
        self.place.leave(Way::Receiving);
    }
}

/// An item that is to be sent.
#[must_use = "nothing is sent until it is waited for or awaited"]
pub struct SendItem<'a, T> {
    pub(crate) tx: &'a mut Tx<T>,
    pub(crate) value: T,
}

impl<T> SendItem<'_, T> {
    /// Sends it, and blocks this thread while the reader has not taken out enough of what came before.
    ///
    /// # Errors
    /// [`StreamError::Dropped`] when nobody reads any more, [`StreamError::CallEnded`], or what else ended the call.
    #[inline]
    pub fn wait(self) -> Result<(), StreamError> {
        self.tx.connection()?.send(&self.value)
    }
}

/// Items that are to be sent.
#[must_use = "nothing is sent until it is waited for"]
pub struct SendAll<'a, T, I> {
    pub(crate) tx: &'a mut Tx<T>,
    pub(crate) items: I,
}

/// How many bytes of items travel in one message, about.
const GROUP_BYTES: usize = 4 << 10;

/// How many items are taken from their iterator before they are sent.
const GROUP_ITEMS: usize = 256;

/// How much memory they take at most, if they are more than one: in a message they are counted against the reader's
/// [`decode_bytes`](crate::Limits::decode_bytes).
const GROUP_MEMORY: usize = 256 << 10;

impl<T, I: Iterator<Item = T>> SendAll<'_, T, I> {
    /// Sends them, blocking this thread while the reader has not taken out enough.
    ///
    /// # Errors
    /// As [`SendItem::wait`]. What came before the error is sent or lost with the stream.
    pub fn wait(mut self) -> Result<(), StreamError> {
        let connection = self.tx.connection()?;
        let mut deadline = connection.deadline();
        while let Some(items) = next_group(&mut self.items) {
            connection
                .encode_all(&items, |payload| connection.link.send_item(connection.end, payload, &mut deadline))?;
        }
        Ok(())
    }
}

/// Some of the items, or none when there are no more.
pub(crate) fn next_group<T>(items: &mut impl Iterator<Item = T>) -> Option<Vec<T>> {
    let fitting = GROUP_MEMORY.checked_div(size_of::<T>()).unwrap_or(GROUP_ITEMS);
    let group: Vec<_> = items.take(fitting.clamp(1, GROUP_ITEMS)).collect();
    (!group.is_empty()).then_some(group)
}

impl<T> Rx<T> {
    pub(super) fn new(place: Arc<Place<T>>) -> Self {
        Self {
            place,
            taken: Taken::default(),
            ready: VecDeque::new(),
            failure: None,
            has_failed: false,
            #[cfg(feature = "tokio")]
            timer: Default::default(),
        }
    }

    pub(crate) fn connection(&self) -> Result<&Connection<T>, StreamError> {
        self.place.of(Way::Receiving)
    }

    /// The next item: [`wait`](Recv::wait) or `.await` what this returns. `None` when there are no more.
    pub fn recv(&mut self) -> Recv<'_, T> {
        Recv { rx: self }
    }

    /// The items as they come, blocking this thread; ends with the stream, or after an error.
    pub fn iter(&mut self) -> Iter<'_, T> {
        Iter { rx: self, is_over: false }
    }

    /// An item that is here already, if one is.
    pub(crate) fn next_here(&mut self) -> Option<Result<T, StreamError>> {
        if let Some(item) = self.ready.pop_front() {
            return Some(Ok(item));
        }
        if let Some(error) = self.failure.take() {
            return Some(Err(self.fail(error)));
        }
        if self.has_failed {
            return None;
        }
        let connection = match self.place.of(Way::Receiving) {
            Ok(connection) => connection,
            Err(error) => return Some(Err(error)),
        };
        let (decode, budget) = (connection.codec.decode, &connection.link.budget);
        let Self { taken, ready, failure, .. } = self;
        let first = match taken.messages.pop_front() {
            Some(payload) if payload.is_inline() => {
                read_all(&mut Reader::short(payload.lead_inline(), budget), decode, ready, failure)
            }
            Some(payload) => read_all(&mut Message::new(payload, *budget).reader(), decode, ready, failure),
            None => read_all(&mut Reader::short(taken.next_short()?, budget), decode, ready, failure),
        };
        Some(first.map_err(|error| self.fail(error)))
    }

    /// Nothing more is read.
    #[cold]
    fn fail(&mut self, error: DecodeError) -> StreamError {
        self.has_failed = true;
        self.taken.clear();
        RpcError::Decode(Box::new(error)).into()
    }

    /// Whether nothing more is read: an error was the last that came.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Where more can be had, and where to put it.
    pub(crate) fn source(&mut self) -> Result<(&Connection<T>, &mut Taken), StreamError> {
        Ok((self.place.of(Way::Receiving)?, &mut self.taken))
    }

    fn next_item(&mut self) -> Result<Option<T>, StreamError> {
        loop {
            if let Some(item) = self.next_here() {
                return item.map(Some);
            }
            if self.has_failed() {
                return Ok(None);
            }
            let (connection, taken) = self.source()?;
            if !connection.link.take_items(connection.end, taken, &mut connection.deadline())? {
                return Ok(None);
            }
        }
    }
}

/// Reads the first item of a message, and those behind it as far as they can be read: what is wrong with one of them comes in its
/// place.
#[inline]
fn read_all<T>(
    from: &mut Reader<'_>,
    decode: DecodeItem<T>,
    more: &mut VecDeque<T>,
    failure: &mut Option<DecodeError>,
) -> Result<T, DecodeError> {
    let first = decode(from)?;
    if from.remaining() > 0 {
        *failure = read_rest(from, decode, more).err();
    }
    Ok(first)
}

#[inline]
fn read_rest<T>(from: &mut Reader<'_>, decode: DecodeItem<T>, more: &mut VecDeque<T>) -> Result<(), DecodeError> {
    let mut left = from.remaining();
    while left > 0 {
        // A byte can become an item of a kilobyte.
        from.charge_element::<T>()?;
        more.push_back(decode(from)?);
        let before = std::mem::replace(&mut left, from.remaining());
        if before == left {
            // Items without bytes are sent one by one, so these bytes are none of them.
            from.finish()?;
        }
    }
    Ok(())
}

/// The wait for an item.
#[must_use = "nothing is received until it is waited for or awaited"]
pub struct Recv<'a, T> {
    pub(crate) rx: &'a mut Rx<T>,
}

impl<T> Recv<'_, T> {
    /// The next item, for which this thread is blocked; `None` when there are no more.
    ///
    /// # Errors
    /// [`StreamError::NotConnected`] before the call has begun, [`StreamError::CallEnded`] when it ended without a result,
    /// or what else ended it. Items that came before that are received first.
    #[inline]
    pub fn wait(self) -> Result<Option<T>, StreamError> {
        self.rx.next_item()
    }
}

/// The items of a stream, by [`Rx::iter`].
#[derive(Debug)]
pub struct Iter<'a, T> {
    rx: &'a mut Rx<T>,
    is_over: bool,
}

/// The items of a stream, by [`Rx::into_iter`].
#[derive(Debug)]
pub struct IntoIter<T> {
    rx: Rx<T>,
    is_over: bool,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = Result<T, StreamError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        next_once(self.rx, &mut self.is_over)
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = Result<T, StreamError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        next_once(&mut self.rx, &mut self.is_over)
    }
}

/// An error comes once; a session that is over would give it for ever.
#[inline]
fn next_once<T>(rx: &mut Rx<T>, is_over: &mut bool) -> Option<Result<T, StreamError>> {
    if *is_over {
        return None;
    }
    let next = rx.next_item();
    *is_over = next.is_err();
    next.transpose()
}

impl<T> IntoIterator for Rx<T> {
    type Item = Result<T, StreamError>;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { rx: self, is_over: false }
    }
}

macro_rules! debug {
    ($($name:ident<$($lifetime:lifetime,)? T>, $connected:expr;)*) => {
        $(impl<T> fmt::Debug for $name<$($lifetime,)? T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let connected: fn(&Self) -> bool = $connected;
                f.debug_struct(stringify!($name)).field("is_connected", &connected(self)).finish_non_exhaustive()
            }
        })*
    };
}

debug! {
    Tx<T>, |tx| tx.connection().is_ok();
    Rx<T>, |rx| rx.connection().is_ok();
    SendItem<'_, T>, |send| send.tx.connection().is_ok();
    Recv<'_, T>, |recv| recv.rx.connection().is_ok();
    ItemCodec<T>, |_| true;
}

impl<T, I> fmt::Debug for SendAll<'_, T, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendAll").field("tx", &self.tx).finish_non_exhaustive()
    }
}
