//! Calls of clients that connect again, awaited: each waits for a session, and for the next one when it is lost with the
//! first and may be made again.

use std::task::{Context, Poll, ready};

use super::calls::Awaited;
use super::polling::{Timer, poll_begun};
use crate::rpc::call::decode_as;
use crate::rpc::client::Client;
use crate::rpc::deadline::Deadline;
use crate::rpc::direct::Direct;
use crate::rpc::error::RpcError;
use crate::rpc::lasting::{Again, BegunAgain, Lasting, Trial};
use crate::rpc::method::Method;
use crate::rpc::pending::Pending;
use crate::rpc::tickets::Outcome;

/// What a call of a client that connects again has beside.
#[derive(Debug)]
pub(super) struct Roaming {
    pub(super) trial: Trial,
    /// Where it is made now.
    direct: Option<Direct>,
    timer: Timer,
}

impl Roaming {
    pub(super) fn new(deadline: Deadline) -> Box<Self> {
        Box::new(Self { trial: Trial::new(deadline), direct: None, timer: Timer::default() })
    }

    /// The session in which the call is made.
    pub(super) fn poll<'r>(
        &'r mut self,
        lasting: &Lasting,
        cx: &mut Context<'_>,
    ) -> Poll<Result<&'r Direct, RpcError>> {
        let direct = match self.direct.take() {
            Some(direct) => direct,
            None => std::task::ready!(self.trial.poll_connected(lasting, &mut self.timer, cx))?,
        };
        Poll::Ready(Ok(self.direct.insert(direct)))
    }

    /// After the call ended so in its session: nothing if it is to be made again; then it has none.
    fn survive(&mut self, lasting: &Lasting, error: RpcError, is_idempotent: bool) -> Result<(), RpcError> {
        let Some(direct) = &self.direct else { return Err(error) };
        self.trial.survive(lasting, direct, error, is_idempotent)?;
        self.direct = None;
        Ok(())
    }
}

/// Where a call of a client is made, or was: of one that connects again, if it is made anywhere.
pub(super) fn place<'p>(client: &'p Client, roaming: &'p Option<Box<Roaming>>) -> Option<&'p Direct> {
    match client.direct() {
        Ok(direct) => Some(direct),
        Err(_) => roaming.as_ref()?.direct.as_ref(),
    }
}

/// The same, after it was found or waited for; then the time of the call runs.
pub(super) fn poll_place<'p>(
    client: &'p Client,
    roaming: &'p mut Option<Box<Roaming>>,
    deadline: &mut Deadline,
    cx: &mut Context<'_>,
) -> Poll<Result<&'p Direct, RpcError>> {
    match client.direct() {
        Ok(direct) => Poll::Ready(Ok(direct)),
        Err(lasting) => {
            deadline.fix();
            roaming.get_or_insert_with(|| Roaming::new(*deadline)).poll(lasting, cx)
        }
    }
}

/// After a call ended so: nothing if it is to be made again.
pub(super) fn survive(
    client: &Client,
    roaming: &mut Option<Box<Roaming>>,
    error: RpcError,
    is_idempotent: bool,
) -> Result<(), RpcError> {
    match (client.direct(), roaming) {
        (Err(lasting), Some(roaming)) => roaming.survive(lasting, error, is_idempotent),
        _ => Err(error),
    }
}

impl<M: Method> Pending<M> {
    /// Of a call that may be begun again. Apart, since an outcome that is moved about stalls the processor.
    #[inline(never)]
    pub(super) fn poll_lastingly(&mut self, cx: &mut Context<'_>) -> Poll<Result<M::Ok, M::Error>> {
        loop {
            let Self { direct, begun, again, wait, deadline, .. } = &mut *self;
            let outcome = match (*begun, again) {
                (Some(call), _) => ready!(poll_begun(wait, direct.link(), call, deadline, cx)),
                (None, Some(again)) if again.is_lost => {
                    let begun = ready!(again.poll_begin(M::INDEX, cx))?;
                    self.is_begun_again(begun);
                    continue;
                }
                (None, _) => Err(RpcError::Cancelled),
            };
            let outcome = match outcome {
                Ok(outcome) => {
                    *begun = None;
                    outcome
                }
                Err(error) => Outcome::End(error),
            };
            if let Some(mut outcome) = self.end(outcome) {
                return decode_as::<M, _>(&self.direct, &mut outcome, std::mem::take(&mut self.watch), Poll::Ready);
            }
        }
    }
}

impl Again {
    /// Begins the call again.
    pub(super) fn poll_begin(&mut self, method: usize, cx: &mut Context<'_>) -> Poll<Result<BegunAgain, RpcError>> {
        loop {
            let (direct, mut awaited) = match self.sending.take() {
                Some(sending) => sending,
                None => {
                    let direct = ready!(self.trial.poll_connected(&self.lasting, &mut self.timer, cx))?;
                    (direct, Awaited::new(self.trial.deadline))
                }
            };
            let sent = match awaited.begin_again(&direct, method, &self.args) {
                Ok(()) => awaited.poll_sent(direct.link(), cx),
                Err(error) => Poll::Ready(Err(error)),
            };
            let Poll::Ready(sent) = sent else {
                self.sending = Some((direct, awaited));
                return Poll::Pending;
            };
            let watch = std::mem::take(&mut awaited.watch);
            match sent {
                Ok(begun) => {
                    self.is_lost = false;
                    return Poll::Ready(Ok((direct, begun, watch)));
                }
                Err(error) => {
                    // A part of it may be sent.
                    awaited.leave(direct.link());
                    self.trial.survive(&self.lasting, &direct, watch.failed(error), false)?;
                }
            }
        }
    }
}

impl Drop for Again {
    fn drop(&mut self) {
        if let Some((direct, awaited)) = &mut self.sending {
            awaited.leave(direct.link());
        }
    }
}
