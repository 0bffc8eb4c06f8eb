//! Calls of clients that connect again, awaited: each waits for a session, and for the next one when it is lost with the
//! first and may be made again.

use std::task::{Context, Poll, ready};

use super::calls::{Awaited, Timer};
use crate::lane::Outgoing;
use crate::rpc::client::Client;
use crate::rpc::deadline::Deadline;
use crate::rpc::direct::Direct;
use crate::rpc::error::RpcError;
use crate::rpc::lasting::{Again, Lasting, Trial};
use crate::rpc::link::{Begin, Begun};
use crate::rpc::watch::Watch;

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

    /// Whether the call is to be made again after it ended so; then it has no session.
    pub(super) fn goes_on(&mut self, lasting: &Lasting, error: &RpcError, is_idempotent: bool) -> bool {
        let Some(direct) = &self.direct else { return false };
        let goes_on = self.trial.goes_on(lasting, direct, error, is_idempotent);
        if goes_on {
            self.direct = None;
        }
        goes_on
    }
}

/// Where a call of a client is made, or was: of one that connects again, if it is made anywhere.
pub(super) fn place<'p>(client: &'p Client, roaming: &'p Option<Box<Roaming>>) -> Option<&'p Direct> {
    match client.direct() {
        Ok(direct) => Some(direct),
        Err(_) => roaming.as_ref()?.direct.as_ref(),
    }
}

/// The same, after it was found or waited for.
pub(super) fn poll_place<'p>(
    client: &'p Client,
    roaming: &'p mut Option<Box<Roaming>>,
    deadline: Deadline,
    cx: &mut Context<'_>,
) -> Poll<Result<&'p Direct, RpcError>> {
    match client.direct() {
        Ok(direct) => Poll::Ready(Ok(direct)),
        Err(lasting) => roaming.get_or_insert_with(|| Roaming::new(deadline)).poll(lasting, cx),
    }
}

/// Whether a call that ended so is to be made again.
pub(super) fn goes_on(
    client: &Client,
    roaming: &mut Option<Box<Roaming>>,
    error: &RpcError,
    is_idempotent: bool,
) -> bool {
    match (client.direct(), roaming) {
        (Err(lasting), Some(roaming)) => roaming.goes_on(lasting, error, is_idempotent),
        _ => false,
    }
}

impl Again {
    /// Begins the call again.
    pub(super) fn poll_begin(
        &mut self,
        method: usize,
        watch: &Watch,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(Direct, Begun), RpcError>> {
        loop {
            let (direct, sent) = match self.sending.take() {
                Some((direct, mut awaited)) => {
                    let sent = awaited.poll_sent(direct.link(), cx);
                    if sent.is_pending() {
                        self.sending = Some((direct, awaited));
                        return Poll::Pending;
                    }
                    awaited.finish();
                    (direct, ready!(sent))
                }
                None => {
                    let direct = ready!(self.trial.poll_connected(&self.lasting, &mut self.timer, cx))?;
                    let (link, begin) = (direct.link(), Begin::new(direct.target(method)?));
                    let (mut awaited, mut piece) = (Awaited::new(self.trial.deadline), &[] as &[u8]);
                    let send = |args: &Outgoing<'_>| awaited.begin(link, begin, args);
                    match watch.send(link, &self.args.outgoing(&mut piece), send) {
                        Ok(()) => {
                            self.sending = Some((direct, awaited));
                            continue;
                        }
                        Err(error) => (direct, Err(error)),
                    }
                }
            };
            match sent {
                Ok(begun) => {
                    self.is_lost = false;
                    return Poll::Ready(Ok((direct, begun)));
                }
                Err(error) if self.trial.goes_on(&self.lasting, &direct, &error, false) => {}
                Err(error) => return Poll::Ready(Err(error)),
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
