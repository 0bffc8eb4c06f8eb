//! Streams as arguments of calls: connected where the call is begun, and made where it is handled.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::call_id::CallId;
use super::direct::Direct;
use super::error::StreamError;
use super::link::Link;
use super::stream::{Connection, ItemCodec, Place, Rx, Tx, Way};
use super::streams::EndKey;

/// The streams of a call that is being begun: first its arguments are looked at, then they are connected.
pub struct Given<'c> {
    step: Step<'c>,
    outcome: Result<(), StreamError>,
}

enum Step<'c> {
    /// The pairs that were seen, each by where it lies.
    Check(Vec<usize>),
    Connect {
        direct: &'c Direct,
        ends: std::slice::Iter<'c, EndKey>,
        deadline: Option<Instant>,
    },
}

impl<'c> Given<'c> {
    /// Whether all arguments can be connected: each is one end of a pair whose other end is kept.
    pub(crate) fn check() -> Self {
        Self { step: Step::Check(Vec::new()), outcome: Ok(()) }
    }

    pub(crate) fn connect(direct: &'c Direct, ends: &'c [EndKey], deadline: Option<Instant>) -> Self {
        Self { step: Step::Connect { direct, ends: ends.iter(), deadline }, outcome: Ok(()) }
    }

    pub(crate) fn outcome(self) -> Result<(), StreamError> {
        self.outcome
    }

    /// An argument whose other end receives here.
    pub fn tx<T>(&mut self, given: &Tx<T>, codec: ItemCodec<T>) {
        self.give(&given.place, Way::Receiving, codec);
    }

    /// An argument whose other end sends here.
    pub fn rx<T>(&mut self, given: &Rx<T>, codec: ItemCodec<T>) {
        self.give(&given.place, Way::Sending, codec);
    }

    fn give<T>(&mut self, place: &Place<T>, way: Way, codec: ItemCodec<T>) {
        let (direct, ends, deadline) = match &mut self.step {
            Step::Connect { direct, ends, deadline } => (direct, ends, deadline),
            Step::Check(pairs) => {
                let pair = std::ptr::from_ref(place).addr();
                // Also when both ends of a pair are arguments of this call.
                if place.is_connected() || pairs.contains(&pair) {
                    self.outcome = Err(StreamError::AlreadyConnected);
                }
                pairs.push(pair);
                return;
            }
        };
        let Some(end) = ends.next() else { return };
        let link = Arc::clone(direct.link());
        let connection = Connection { link, holds: Some(direct.clone()), end: *end, way, deadline: *deadline, codec };
        if place.connect(connection).is_err() {
            // The other end went into a call of its own meanwhile: nobody will read or send.
            direct.link().lock().release_end(*end, true);
        }
    }
}

/// The streams of a call at its server.
#[derive(Debug)]
pub struct Streams {
    link: Arc<Link>,
    call: CallId,
    deadline: Option<Instant>,
}

impl Streams {
    pub(crate) fn new(link: &Arc<Link>, call: CallId, deadline: Option<Instant>) -> Self {
        Self { link: Arc::clone(link), call, deadline }
    }

    /// The end that sends to the caller.
    pub fn tx<T>(&self, stream: u32, codec: ItemCodec<T>) -> Tx<T> {
        Tx { place: self.place(stream, Way::Sending, codec) }
    }

    /// The end that receives from the caller.
    pub fn rx<T>(&self, stream: u32, codec: ItemCodec<T>) -> Rx<T> {
        Rx::new(self.place(stream, Way::Receiving, codec))
    }

    fn place<T>(&self, stream: u32, way: Way, codec: ItemCodec<T>) -> Arc<Place<T>> {
        let mut core = self.link.lock();
        let Some(end) = core.engine.hold_stream(self.call, stream) else {
            // It was cancelled meanwhile, or came as one that has no streams.
            return Arc::new(Place::over(core.why_without_streams(self.call)));
        };
        drop(core);
        let (place, link) = (Place::new(), Arc::clone(&self.link));
        // It is new, so nothing is in it yet.
        let _ = place.connect(Connection { link, holds: None, end, way, deadline: self.deadline, codec });
        Arc::new(place)
    }
}

/// How generated code makes sure that a parameter named `Tx<T>` is one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is named `Tx`, but is not `rapace::Tx<{T}>`",
    note = "a parameter `rapace::Tx<T>` is a stream to the caller; give another type another name"
)]
pub trait IsTx<T> {
    /// Itself, as what it is.
    fn as_tx(&self) -> &Tx<T>;
    /// Itself.
    fn from_tx(tx: Tx<T>) -> Self;
}

/// How generated code makes sure that a parameter named `Rx<T>` is one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is named `Rx`, but is not `rapace::Rx<{T}>`",
    note = "a parameter `rapace::Rx<T>` is a stream from the caller; give another type another name"
)]
pub trait IsRx<T> {
    /// Itself, as what it is.
    fn as_rx(&self) -> &Rx<T>;
    /// Itself.
    fn from_rx(rx: Rx<T>) -> Self;
}

impl<T> IsTx<T> for Tx<T> {
    fn as_tx(&self) -> &Self {
        self
    }

    fn from_tx(tx: Self) -> Self {
        tx
    }
}

impl<T> IsRx<T> for Rx<T> {
    fn as_rx(&self) -> &Self {
        self
    }

    fn from_rx(rx: Self) -> Self {
        rx
    }
}

impl fmt::Debug for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").field("outcome", &self.outcome).finish_non_exhaustive()
    }
}
