//! A call that was begun, as its caller holds it until its outcome is fetched; waiting for one of several, and for all.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::call::decode;
use super::deadline::Deadline;
use super::direct::Direct;
use super::error::RpcError;
use super::lasting::Again;
use super::link::Begun;
use super::method::Method;
use super::tickets::Outcome;
use super::watch::Watch;

/// A call that was begun. It owns what it needs; dropping it cancels the call at the server.
#[must_use = "dropping it cancels the call"]
pub struct Pending<M: Method> {
    pub(crate) direct: Direct,
    /// Gone once the outcome was fetched, and while it is lost with a session and not begun again.
    pub(crate) begun: Option<Begun>,
    /// Of a client that connects again, and a call without streams.
    pub(crate) again: Option<Box<Again>>,
    pub(crate) deadline: Deadline,
    pub(crate) watch: Watch,
    #[cfg(feature = "tokio")]
    pub(crate) timer: crate::aio::calls::Timer,
    #[cfg(feature = "tokio")]
    pub(crate) unread: crate::aio::calls::Unread,
    method: std::marker::PhantomData<fn() -> M>,
}

impl<M: Method> Pending<M> {
    pub(crate) fn new(direct: &Direct, begun: Begun, deadline: Deadline, watch: Watch) -> Self {
        Self {
            direct: direct.clone(),
            begun: Some(begun),
            again: None,
            deadline,
            watch,
            #[cfg(feature = "tokio")]
            timer: Default::default(),
            #[cfg(feature = "tokio")]
            unread: Default::default(),
            method: std::marker::PhantomData,
        }
    }

    /// Blocks this thread until the call has ended.
    ///
    /// # Errors
    /// The method's own error, or how else the call ended.
    pub fn wait(mut self) -> Result<M::Ok, M::Error> {
        loop {
            let outcome = match (self.begun.take(), &mut self.again) {
                (Some(begun), _) => self.direct.link().outcome(begun, &mut self.deadline),
                (None, Some(again)) if again.is_lost => match again.begin(M::INDEX, &self.watch) {
                    Ok((direct, begun)) => {
                        (self.direct, self.begun) = (direct, Some(begun));
                        continue;
                    }
                    Err(error) => Outcome::End(error),
                },
                (None, _) => return Err(RpcError::Cancelled.into()),
            };
            if !self.is_to_be_begun_again(&outcome) {
                return decode::<M>(&self.direct, outcome, std::mem::take(&mut self.watch));
            }
        }
    }

    /// Whether a call that ended so was lost with its session, and may be made again in another one.
    pub(crate) fn is_to_be_begun_again(&mut self, outcome: &Outcome) -> bool {
        match (&mut self.again, outcome) {
            (Some(again), Outcome::End(error)) => again.is_lost_by(&self.direct, error, M::IDEMPOTENT),
            _ => false,
        }
    }

    /// The outcome if it is there now; else the call comes back.
    ///
    /// # Errors
    /// This call, when it has not ended.
    pub fn try_wait(mut self) -> Result<Result<M::Ok, M::Error>, Self> {
        let outcome = match (self.begun, &mut self.again) {
            (Some(begun), _) => self.direct.link().try_outcome(begun).inspect(|_| self.begun = None),
            (None, Some(again)) if again.is_lost => match again.try_begin(M::INDEX, &self.watch) {
                Ok(Some((direct, begun))) => {
                    (self.direct, self.begun) = (direct, Some(begun));
                    None
                }
                Ok(None) => None,
                Err(error) => Some(Outcome::End(error)),
            },
            (None, _) => return Ok(Err(RpcError::Cancelled.into())),
        };
        match outcome {
            Some(outcome) if !self.is_to_be_begun_again(&outcome) => {
                Ok(decode::<M>(&self.direct, outcome, std::mem::take(&mut self.watch)))
            }
            None if self.deadline != Deadline::None && self.deadline.is_past() => {
                let late = RpcError::DeadlineExceeded { may_have_executed: self.begun.is_some() };
                Ok(Err(std::mem::take(&mut self.watch).failed(late).into()))
            }
            _ => Err(self),
        }
    }

    /// Cancels the call at the server. Dropping does the same.
    pub fn cancel(self) {}
}

impl<M: Method> Drop for Pending<M> {
    fn drop(&mut self) {
        if let Some(begun) = self.begun {
            self.direct.link().forget(begun);
        }
    }
}

impl<M: Method> fmt::Debug for Pending<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("method", &self.direct.service().method_name(M::INDEX))
            .field("is_fetched", &self.begun.is_none())
            .finish_non_exhaustive()
    }
}

/// Blocks this thread until one of the calls has ended, and says which: its place, then to be
/// [waited for](Pending::wait), which returns at once. `Ok(None)` when there are none, or the timeout passed.
///
/// The calls are those of one client and its clones; they may be of different methods. One that was lost with its session,
/// of a client that [connects again](crate::ClientBuilder::reconnect), counts as ended: waiting for it makes it again.
///
/// ```
/// # #[rapace::service]
/// # trait Calculator { fn add(&self, a: i32, b: i32) -> i32; fn name(&self) -> String; }
/// # struct Calc;
/// # impl Calculator for Calc {
/// #     fn add(&self, a: i32, b: i32) -> i32 { a + b }
/// #     fn name(&self) -> String { "calc".into() }
/// # }
/// # let client = CalculatorClient::local(Calc)?;
/// let (sum, name) = (client.add(1, 2).start()?, client.name().start()?);
/// match rapace::wait_any(&[&sum, &name], None)? {
///     Some(0) => assert_eq!(sum.wait()?, 3),
///     _ => assert_eq!(name.wait()?, "calc"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`RpcError::DifferentClients`].
pub fn wait_any(calls: &[&dyn AnyPending], timeout: Option<Duration>) -> Result<Option<usize>, RpcError> {
    let Some(first) = calls.first() else { return Ok(None) };
    let (direct, client, _) = first.parts();
    let mut begun = Vec::with_capacity(calls.len());
    for (place, call) in calls.iter().enumerate() {
        let (at, of, this) = call.parts();
        if !std::ptr::eq(Arc::as_ptr(at.link()), Arc::as_ptr(direct.link())) {
            // Of two sessions of one client the earlier one is over, and with it its calls.
            let lost = (client.is_some() && of == client).then(|| at.link().shared.is_over());
            return match lost {
                Some(true) => Ok(Some(place)),
                Some(false) => Ok(Some(0)),
                None => Err(RpcError::DifferentClients),
            };
        }
        match this {
            Some(this) => begun.push(this),
            // Fetched before: there is nothing to wait for.
            None => return Ok(Some(place)),
        }
    }
    let own = calls.iter().filter_map(|call| call.deadline()).min();
    let mut deadline = timeout.map_or(Deadline::None, Deadline::After);
    let until = [own, deadline.instant()].into_iter().flatten().min();
    let mut until = until.map_or(Deadline::None, Deadline::At);
    match direct.link().any_outcome(&begun, &mut until) {
        Some(place) => Ok(Some(place)),
        // One whose own deadline is past has ended.
        None => Ok(own
            .filter(|own| *own <= std::time::Instant::now())
            .and_then(|own| calls.iter().position(|call| call.deadline() == Some(own)))),
    }
}

/// Waits for each of several calls in turn: their outcomes, in order.
pub fn wait_all<M: Method>(
    calls: impl IntoIterator<Item = Pending<M>>,
) -> impl Iterator<Item = Result<M::Ok, M::Error>> {
    calls.into_iter().map(Pending::wait)
}

/// A [`Pending`] call of any method, for [`wait_any`].
pub trait AnyPending: sealed::Parts {}

impl<M: Method> AnyPending for Pending<M> {}

mod sealed {
    use std::time::Instant;

    use super::{Begun, Deadline, Direct, Method, Pending};

    pub trait Parts {
        #[doc(hidden)]
        #[expect(private_interfaces, reason = "nobody else can implement or call it")]
        fn parts(&self) -> (&Direct, Option<*const ()>, Option<Begun>);
        #[doc(hidden)]
        fn deadline(&self) -> Option<Instant>;
    }

    impl<M: Method> Parts for Pending<M> {
        #[expect(private_interfaces, reason = "nobody else can implement or call it")]
        fn parts(&self) -> (&Direct, Option<*const ()>, Option<Begun>) {
            (&self.direct, self.again.as_ref().map(|again| again.client()), self.begun)
        }

        fn deadline(&self) -> Option<Instant> {
            match self.deadline {
                Deadline::At(instant) => Some(instant),
                Deadline::None | Deadline::After(_) => None,
            }
        }
    }
}
