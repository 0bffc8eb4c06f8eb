//! A call that was begun, as its caller holds it until its outcome is fetched; waiting for one of several, and for all.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::call::decode;
use super::deadline::Deadline;
use super::direct::Direct;
use super::error::RpcError;
use super::lasting::{Again, BegunAgain};
use super::link::{Begun, Link};
use super::method::Method;
use super::tickets::Outcome;
use super::watch::Watch;

/// How long a thread waits at one of several sessions before it looks at the next.
const ROUND: Duration = Duration::from_millis(2);

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
    pub(crate) wait: Option<Box<crate::aio::polling::CallWait>>,
    method: std::marker::PhantomData<fn() -> M>,
}

impl<M: Method> Pending<M> {
    #[inline(always)]
    pub(crate) fn new(direct: Direct, begun: Begun, deadline: Deadline, watch: Watch) -> Self {
        Self {
            direct,
            begun: Some(begun),
            again: None,
            deadline,
            watch,
            #[cfg(feature = "tokio")]
            wait: None,
            method: std::marker::PhantomData,
        }
    }

    /// Blocks this thread until the call has ended.
    ///
    /// # Errors
    /// The method's own error, or how else the call ended.
    pub fn wait(mut self) -> Result<M::Ok, M::Error> {
        if self.again.is_some() {
            return self.wait_lastingly();
        }
        match self.begun.take() {
            Some(begun) => {
                let mut outcome = self.direct.link().outcome(begun, &mut self.deadline);
                decode::<M>(&self.direct, &mut outcome, std::mem::take(&mut self.watch))
            }
            None => Err(RpcError::Cancelled.into()),
        }
    }

    /// As [`wait`](Self::wait), of a call that may be begun again. Apart, since an outcome that is moved about stalls the
    /// processor.
    #[inline(never)]
    fn wait_lastingly(mut self) -> Result<M::Ok, M::Error> {
        loop {
            let outcome = match (self.begun.take(), &mut self.again) {
                (Some(begun), _) => self.direct.link().outcome(begun, &mut self.deadline),
                (None, Some(again)) if again.is_lost => {
                    let begun = again.begin(M::INDEX)?;
                    self.is_begun_again(begun);
                    continue;
                }
                (None, _) => return Err(RpcError::Cancelled.into()),
            };
            if let Some(mut outcome) = self.end(outcome) {
                return decode::<M>(&self.direct, &mut outcome, std::mem::take(&mut self.watch));
            }
        }
    }

    pub(crate) fn is_begun_again(&mut self, (direct, begun, watch): BegunAgain) {
        (self.direct, self.begun, self.watch) = (direct, Some(begun), watch);
    }

    /// The outcome of all there was, or none if the call was lost with its session, and is to be begun again in another one.
    pub(crate) fn end(&mut self, outcome: Outcome) -> Option<Outcome> {
        let (again, error) = match (&mut self.again, outcome) {
            (Some(again), Outcome::End(error)) => (again, error),
            (Some(again), mut outcome) => {
                again.trial.settle(&mut outcome);
                return Some(outcome);
            }
            (None, outcome) => return Some(outcome),
        };
        let error = std::mem::take(&mut self.watch).failed(error);
        again.survive(&self.direct, error, M::IDEMPOTENT).err().map(Outcome::End)
    }

    /// The outcome if it is there now; else the call comes back.
    ///
    /// # Errors
    /// This call, when it has not ended.
    pub fn try_wait(mut self) -> Result<Result<M::Ok, M::Error>, Self> {
        let outcome = match (self.begun, &mut self.again) {
            (Some(begun), _) => self.direct.link().try_outcome(begun).inspect(|_| self.begun = None),
            (None, Some(again)) if again.is_lost => match again.try_begin(M::INDEX) {
                Ok(begun) => {
                    begun.into_iter().for_each(|begun| self.is_begun_again(begun));
                    None
                }
                Err(error) => return Ok(Err(error.into())),
            },
            (None, _) => return Ok(Err(RpcError::Cancelled.into())),
        };
        let outcome = match outcome {
            Some(outcome) => self.end(outcome),
            None if self.deadline != Deadline::None && self.deadline.is_past() => {
                self.end(Outcome::End(RpcError::DeadlineExceeded { may_have_executed: self.begun.is_some() }))
            }
            None => None,
        };
        match outcome {
            Some(mut outcome) => Ok(decode::<M>(&self.direct, &mut outcome, std::mem::take(&mut self.watch))),
            None => Err(self),
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
    // Of a client that connects again there may be calls of a session that is over, or takes its leave.
    let mut sessions =
        vec![Session { link: direct.link(), begun: Vec::with_capacity(calls.len()), places: Vec::new() }];
    for (place, call) in calls.iter().enumerate() {
        let (at, of, begun) = call.parts();
        let session = sessions.iter_mut().find(|session| Arc::ptr_eq(session.link, at.link()));
        let session = match session {
            Some(session) => session,
            None if client.is_some() && of == client => {
                sessions.push(Session { link: at.link(), begun: Vec::new(), places: Vec::new() });
                sessions.last_mut().ok_or(RpcError::DifferentClients)?
            }
            None => return Err(RpcError::DifferentClients),
        };
        match begun {
            Some(begun) => session.begun.push(begun),
            // Fetched before: there is nothing to wait for.
            None => return Ok(Some(place)),
        }
        session.places.push(place);
    }
    let own = calls.iter().filter_map(|call| call.deadline()).min();
    let mut deadline = timeout.map_or(Deadline::None, Deadline::After);
    let until = [own, deadline.instant()].into_iter().flatten().min();
    match any_of(&sessions, until) {
        Some(place) => Ok(Some(place)),
        // One whose own deadline is past has ended.
        None => Ok(own
            .filter(|own| *own <= Instant::now())
            .and_then(|own| calls.iter().position(|call| call.deadline() == Some(own)))),
    }
}

/// Calls of one session among those that are waited for.
struct Session<'c> {
    link: &'c Arc<Link>,
    begun: Vec<Begun>,
    places: Vec<usize>,
}

/// The place of one that has ended. A thread cannot sleep at two sessions, so it goes round while there are several.
fn any_of(sessions: &[Session<'_>], until: Option<Instant>) -> Option<usize> {
    let mut rest = Duration::ZERO;
    loop {
        for Session { link, begun, places } in sessions {
            let turn = if sessions.len() > 1 { Instant::now().checked_add(rest) } else { None };
            let turn = [until, turn].into_iter().flatten().min();
            if let Some(place) = link.any_outcome(begun, &mut turn.map_or(Deadline::None, Deadline::At)) {
                return places.get(place).copied();
            }
        }
        if until.is_some_and(|until| Instant::now() >= until) {
            return None;
        }
        rest = ROUND;
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
