//! One end of a stream, on the side where it lies. What happens to it is said in [`streams`](super).

use std::collections::VecDeque;

use super::{CallId, Over};

#[derive(Debug)]
pub(super) struct End<I, W> {
    pub(super) call: CallId,
    pub(super) stream: u32,
    pub(super) way: Way<I>,
    /// Bytes on their way, as [`Pool`](super::Pool) counts them.
    pub(super) out: u64,
    pub(super) over: Option<Over>,
    pub(super) owes_end: bool,
    /// The writer waits for the reader, who is told once: of a sending end that it is to be told or was, of a receiving one
    /// that it was told.
    pub(super) waits: Waits,
    /// It is among those of its call.
    pub(super) of_call: bool,
    /// It has a handle.
    pub(super) held: bool,
    /// Somebody asked for items.
    pub(super) was_read: bool,
    /// It is among the notices.
    pub(super) queued: bool,
    pub(super) waker: Option<W>,
}

impl<I, W> End<I, W> {
    /// One of a call that is begun, without a handle.
    pub(super) fn open(call: CallId, stream: u32, way: Way<I>) -> Self {
        Self {
            call,
            stream,
            way,
            out: 0,
            over: None,
            owes_end: false,
            waits: Waits::No,
            of_call: true,
            held: false,
            was_read: false,
            queued: false,
            waker: None,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Waits {
    #[default]
    No,
    Owed,
    Told,
}

#[derive(Debug)]
pub(super) enum Way<I> {
    Sending,
    Receiving {
        /// With what each costs.
        items: VecDeque<(u64, I)>,
        /// What was taken out and not told.
        untold: u64,
    },
}
