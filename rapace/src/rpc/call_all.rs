//! Many calls of one method, of which some are always under way.
//!
//! What makes it cheaper than a [`Pending`] for each: short calls are begun [several at once](Several), with one look for a sleeping peer,
//! and since the client is borrowed meanwhile, none of them holds a reference to the session.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::VecDeque;
use std::fmt;
use std::iter::{Fuse, FusedIterator};

use super::call::{Call, decode_as};
use super::deadline::Deadline;
use super::direct::Direct;
use super::error::RpcError;
use super::link::{Begun, Target};
use super::method::Method;
use super::pending::Pending;
use super::watch::Watch;
use crate::codec::Encoder;
use crate::lane::Outgoing;
use crate::layout::inline::Several;

/// Calls that are under way at most: half of them keep a server busy while its caller takes the other half of the results.
const UNDER_WAY: usize = 128;

/// Makes the calls of an iterator, 128 at most at a time, and gives their results in order. The server works on those behind while
/// the first is waited for; this is the way to get many small calls done from one thread.
///
/// Calls are taken from the iterator, and begun, before the first result is waited for, and then whenever half of the results have
/// been taken; so one that blocks delays results. A call that cannot be begun has the reason for its result. Dropping the
/// results cancels the calls that are under way.
///
/// ```
/// # #[rapace::service]
/// # trait Calculator { fn add(&self, a: i32, b: i32) -> i32; }
/// # struct Calc;
/// # impl Calculator for Calc { fn add(&self, a: i32, b: i32) -> i32 { a + b } }
/// # let client = CalculatorClient::local(Calc)?;
/// let sums = rapace::call_all((0..1_000).map(|number| client.add(number, 1)));
/// for (sum, number) in sums.zip(0..) {
///     assert_eq!(sum?, number + 1);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`wait_all`](crate::wait_all) is for calls that are begun already.
pub fn call_all<'a, M, I>(calls: I) -> CallAll<'a, M, I::IntoIter>
where
    M: Method,
    I: IntoIterator<Item = Call<'a, M>>,
{
    CallAll { calls: calls.into_iter().fuse(), session: None, under_way: VecDeque::new(), others: VecDeque::new() }
}

/// The results of [`call_all`].
#[must_use = "iterators do nothing until they are asked"]
pub struct CallAll<'a, M: Method, I> {
    calls: Fuse<I>,
    /// Where the short ones are under way, and what they call.
    session: Option<(&'a Direct, Target)>,
    /// Calls whose results were not taken; in the place of one that is not short, nothing.
    under_way: VecDeque<Option<Begun>>,
    /// Those that are not short, in their order.
    others: VecDeque<Result<Pending<M>, RpcError>>,
}

impl<'a, M: Method, I: Iterator<Item = Call<'a, M>>> CallAll<'a, M, I> {
    /// Begins calls until as many as may be are under way.
    fn begin_more(&mut self) {
        self.under_way.reserve(UNDER_WAY.saturating_sub(self.under_way.len()));
        let mut several = Several::default();
        while self.under_way.len() < UNDER_WAY {
            let call = self.gather(&mut several);
            self.begin(&several);
            if let Some(call) = call {
                self.under_way.push_back(None);
                self.others.push_back(call.start());
            } else if !several.is_full() {
                break;
            }
        }
    }

    /// Takes as many short calls as are begun at once, and the one behind them if that is another.
    #[inline]
    fn gather(&mut self, several: &mut Several) -> Option<Call<'a, M>> {
        several.clear();
        while !several.is_full() {
            let call = self.calls.next()?;
            if !self.put(&call, several) {
                return Some(call);
            }
        }
        None
    }

    /// Encodes the arguments of a call that a descriptor carries; false if it does not, or something is out of the ordinary.
    #[inline(always)]
    fn put(&mut self, call: &Call<'a, M>, several: &mut Several) -> bool {
        let Ok(direct) = call.client.direct() else { return false };
        let (of, _) = match self.session {
            Some(session) => session,
            None => match direct.target(M::INDEX) {
                Ok(target) => *self.session.insert((direct, target)),
                Err(_) => return false,
            },
        };
        if !std::ptr::eq(of, direct) || call.deadline() != Deadline::None || Watch::is_watched(direct.link()) {
            return false;
        }
        let mut out = Encoder::new();
        M::encode_args(&call.args, &mut out).is_ok() && out.short().is_some_and(|lead| several.push(lead))
    }

    /// Begins short calls, waiting for room.
    #[inline]
    fn begin(&mut self, several: &Several) {
        let Some((direct, target)) = self.session else { return };
        let mut begun = 0;
        while begun < several.len() {
            begun = direct.link().start_several(target, several, begun, &mut self.under_way);
            if let Some(again) = several.get(begun) {
                match direct.link().start(target, &Outgoing::short(again), &mut Deadline::None) {
                    Ok(call) => self.under_way.push_back(Some(call)),
                    Err(error) => {
                        self.under_way.push_back(None);
                        self.others.push_back(Err(error));
                    }
                }
                begun = begun.saturating_add(1);
            }
        }
    }
}

impl<'a, M: Method, I: Iterator<Item = Call<'a, M>>> Iterator for CallAll<'a, M, I> {
    type Item = Result<M::Ok, M::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.under_way.len() <= UNDER_WAY / 2 {
            self.begin_more();
        }
        match (self.under_way.pop_front()?, self.session) {
            (Some(begun), Some((direct, _))) => {
                // It stays where it is put: moved, it would stall the processor.
                let mut outcome = direct.link().outcome(begun, &mut Deadline::None);
                decode_as::<M, _>(direct, &mut outcome, Watch::default(), Some)
            }
            _ => match self.others.pop_front()? {
                Ok(pending) => Some(pending.wait()),
                Err(error) => Some(Err(error.into())),
            },
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (begun, (least, most)) = (self.under_way.len(), self.calls.size_hint());
        (least.saturating_add(begun), most.and_then(|most| most.checked_add(begun)))
    }
}

impl<'a, M: Method, I: Iterator<Item = Call<'a, M>>> FusedIterator for CallAll<'a, M, I> {}

impl<M: Method, I> Drop for CallAll<'_, M, I> {
    fn drop(&mut self) {
        let Some((direct, _)) = self.session else { return };
        for begun in self.under_way.iter().flatten() {
            direct.link().forget(*begun);
        }
    }
}

impl<M: Method, I> fmt::Debug for CallAll<'_, M, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallAll").field("under_way", &self.under_way.len()).finish_non_exhaustive()
    }
}
