//! A call whose method has streams, at its caller, until it is begun.

use std::fmt;
use std::time::Duration;

use super::call::{Call, TryStartError, encoded, prepared};
use super::client::Client;
use super::deadline::Deadline;
use super::direct::Direct;
use super::error::RpcError;
use super::lasting::Trial;
use super::link::{Begin, Begun};
use super::method::Method;
use super::pending::Pending;
use super::stream_arguments::Given;
use super::streams::EndKey;
use super::watch::Watch;
use crate::codec::Encoder;
use crate::lane::Outgoing;

/// A call with [streams](crate::stream) that was not begun: [`start`](Self::start) it, use the ends that were kept, then
/// wait for its result.
///
/// It cannot be waited for at once as a [`Call`] can: the streams are used while it runs.
#[must_use = "a call does nothing until it is started"]
pub struct StreamCall<'a, M: Method> {
    pub(crate) call: Call<'a, M>,
}

impl<'a, M: Method> StreamCall<'a, M> {
    /// For generated code.
    #[doc(hidden)]
    #[inline]
    pub fn new(client: &'a Client, args: M::Args<'a>) -> Self {
        Self { call: Call::new(client, args) }
    }

    /// The longest time that the call and its streams may take, from when it is begun; see [`Call::timeout`].
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { call: self.call.timeout(timeout) }
    }

    /// Begins the call, blocking this thread while there is no room for it. From then on the ends that were kept are
    /// connected.
    ///
    /// # Errors
    /// Why the call could not be begun; [`StreamError::AlreadyConnected`](crate::StreamError::AlreadyConnected) in
    /// [`RpcError::Stream`] when a stream is part of another call.
    pub fn start(self) -> Result<Pending<M>, RpcError> {
        let lasting = match self.call.client.direct() {
            Ok(direct) => return self.start_in(direct, self.call.deadline()),
            Err(lasting) => lasting,
        };
        let mut trial = Trial::new(self.call.deadline());
        loop {
            let direct = trial.connected(lasting)?;
            match self.start_in(&direct, trial.deadline) {
                Ok(pending) => return Ok(pending),
                // None of it was sent, and its streams are not connected.
                Err(error) => trial.survive(lasting, &direct, error, false)?,
            }
        }
    }

    fn start_in(&self, direct: &Direct, deadline: Deadline) -> Result<Pending<M>, RpcError> {
        let (begin, mut deadline) = self.begin(direct, deadline)?;
        let link = direct.link();
        let start = |payload: &Outgoing<'_>| link.start_streaming(begin, payload, &mut deadline);
        let ((begun, ends), watch) = encoded::<M, _>(direct, &self.call.args, start)?;
        Ok(self.connect(direct, begun, &ends, deadline, watch))
    }

    /// As [`start`](Self::start), if there is room for all of the call now.
    ///
    /// # Errors
    /// [`TryStartError::Full`] with the call when there is no room; or why it could not be begun.
    pub fn try_start(self) -> Result<Pending<M>, TryStartError<Self>> {
        let lasting = match self.call.client.direct() {
            Ok(direct) => {
                let begun = self.try_start_in(direct, self.call.deadline())?;
                return begun.ok_or(TryStartError::Full(self));
            }
            Err(lasting) => lasting,
        };
        let mut trial = Trial::new(self.call.deadline());
        let Some(direct) = trial.connected_now(lasting)? else { return Err(TryStartError::Full(self)) };
        match self.try_start_in(&direct, trial.deadline) {
            Ok(begun) => begun.ok_or(TryStartError::Full(self)),
            Err(error) => {
                trial.survive(lasting, &direct, error, false)?;
                Err(TryStartError::Full(self))
            }
        }
    }

    fn try_start_in(&self, direct: &Direct, deadline: Deadline) -> Result<Option<Pending<M>>, RpcError> {
        let (begin, deadline) = self.begin(direct, deadline)?;
        let link = direct.link();
        let mut out = Encoder::new();
        let watch = prepared::<M>(direct, &self.call.args, &mut out)?;
        let start = |payload: &Outgoing<'_>| link.try_start_streaming(begin, payload, deadline);
        match out.send(|args| watch.send(link, args, start)) {
            Ok(Some((begun, ends))) => Ok(Some(self.connect(direct, begun, &ends, deadline, watch.begin()))),
            Ok(None) => Ok(None),
            Err(error) => Err(watch.begin().failed(error)),
        }
    }

    /// What a newcomer writes first, and what the compiler answers by [`AtOnce`].
    ///
    /// # Errors
    /// Never called.
    #[doc(hidden)]
    pub fn wait(self) -> Result<M::Ok, M::Error>
    where
        Self: AtOnce<M>,
    {
        self.at_once()
    }

    /// What must hold before anything is sent.
    pub(crate) fn begin(&self, direct: &Direct, mut deadline: Deadline) -> Result<(Begin, Deadline), RpcError> {
        let target = direct.target(M::INDEX)?;
        let mut given = Given::check();
        M::give(&self.call.args, &mut given);
        given.outcome()?;
        // From here on time runs.
        deadline.fix();
        Ok((Begin::with_streams(target, M::FLOWS), deadline))
    }

    /// The call is begun, and the ends of its streams are these.
    pub(crate) fn connect(
        &self,
        direct: &Direct,
        begun: Begun,
        ends: &[EndKey],
        mut deadline: Deadline,
        watch: Watch,
    ) -> Pending<M> {
        M::give(&self.call.args, &mut Given::connect(direct, ends, deadline.instant()));
        Pending::new(direct.clone(), begun, deadline, watch)
    }
}

/// What no call with streams is: waiting for it at once would leave nobody to use its streams.
#[diagnostic::on_unimplemented(
    message = "a call with streams cannot be waited for at once: its streams are used while it runs",
    label = "begin it with `start()`",
    note = "`let pending = call.start()?;`, then use the ends that were kept, then `pending.wait()?`"
)]
pub trait AtOnce<M: Method> {
    /// Never called.
    ///
    /// # Errors
    /// Never called.
    fn at_once(self) -> Result<M::Ok, M::Error>;
}

impl<M: Method> fmt::Debug for StreamCall<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StreamCall").field(&self.call).finish()
    }
}
