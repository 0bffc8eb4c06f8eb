//! One-way calls at their caller: sent, and not answered.

use std::fmt;
use std::marker::PhantomData;

use super::call::prepared;
use super::client::Client;
use super::deadline::Deadline;
use super::direct::Direct;
use super::error::{RpcError, TooLarge};
use super::lasting::{Lasting, Trial};
use super::link::{Core, Link};
use super::method::Method;
use super::status::Status;
use super::waiting::Awaited;
use crate::codec::Encoder;
use crate::lane::Outgoing;
use crate::layout::head::Head;
use crate::session::Stall;

/// A call that has no answer, and was not sent: [`send`](Self::send) it, or [`wait`](Self::wait) or `.await` room for it.
///
/// Once sent it is executed, even if this process dies: as long as the server lives. The arguments travel in one message
/// without fragments, so they fit the largest slot of the session.
///
/// ```
/// #[rapace::service]
/// trait Log {
///     #[rapace(oneway)]
///     fn line(&self, text: &str);
/// }
///
/// struct Lines;
/// impl Log for Lines {
///     fn line(&self, text: &str) {
///         println!("{text}");
///     }
/// }
/// let log = LogClient::local(Lines)?;
/// log.line("returns at once, or says that there is no room").send()?;
/// log.line("waits for room").wait()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a one-way call does nothing until it is sent"]
pub struct OneWay<'a, M: Method> {
    pub(crate) client: &'a Client,
    pub(crate) args: M::Args<'a>,
    method: PhantomData<fn() -> M>,
}

impl<'a, M: Method> OneWay<'a, M> {
    /// For generated code.
    #[doc(hidden)]
    #[inline]
    pub fn new(client: &'a Client, args: M::Args<'a>) -> Self {
        Self { client, args, method: PhantomData }
    }

    /// Sends it if there is room now; never blocks.
    ///
    /// # Errors
    /// [`RpcError::Full`] when the server keeps as many one-way calls as it can, or its ring is full; or why nothing can be
    /// sent. Then nothing was.
    #[inline]
    pub fn send(self) -> Result<(), RpcError> {
        match self.client.direct() {
            Ok(direct) => self.send_in(direct),
            Err(lasting) => self.send_lastingly(lasting),
        }
    }

    #[inline]
    fn send_in(&self, direct: &Direct) -> Result<(), RpcError> {
        send::<M>(direct, &self.args, |method, payload| direct.link().send_one_way(method, payload))
    }

    /// In the session of now, if there is one.
    #[inline(never)]
    fn send_lastingly(&self, lasting: &Lasting) -> Result<(), RpcError> {
        let mut trial = Trial::new(Deadline::None);
        loop {
            let Some(direct) = trial.connected_now(lasting)? else { return Err(lasting.why_none()) };
            match self.send_in(&direct) {
                Ok(()) => return Ok(()),
                Err(error) => trial.survive(lasting, &direct, error, false)?,
            }
        }
    }

    /// Sends it, and blocks this thread while there is no room.
    ///
    /// # Errors
    /// Why it could not be sent. Then nothing was.
    pub fn wait(self) -> Result<(), RpcError> {
        let deadline = Deadline::new(self.client.timeout());
        let lasting = match self.client.direct() {
            Ok(direct) => return self.wait_in(direct, deadline),
            Err(lasting) => lasting,
        };
        let mut trial = Trial::new(deadline);
        loop {
            let direct = trial.connected(lasting)?;
            match self.wait_in(&direct, trial.deadline) {
                Ok(()) => return Ok(()),
                // Nothing was sent.
                Err(error) => trial.survive(lasting, &direct, error, false)?,
            }
        }
    }

    fn wait_in(&self, direct: &Direct, mut deadline: Deadline) -> Result<(), RpcError> {
        send::<M>(direct, &self.args, |method, payload| {
            direct.link().send_one_way_in_time(method, payload, &mut deadline)
        })
    }
}

/// Sends the call in a straight line if it fits a descriptor and nothing is unusual, else as `slowly` does.
#[inline]
fn send<M: Method>(
    direct: &Direct,
    args: &M::Args<'_>,
    slowly: impl FnOnce(u32, &Outgoing<'_>) -> Result<(), RpcError>,
) -> Result<(), RpcError> {
    let method = direct.target(M::INDEX)?.method;
    let mut out = Encoder::new();
    let watch = prepared::<M>(direct, args, &mut out)?;
    let (link, watch) = (direct.link(), watch.begin());
    let short = if watch.has_metadata() { None } else { out.short() };
    if short.and_then(|lead| link.briefly(|core| core.send_short_one_way(method, lead))).is_some() {
        watch.came(Status::Ok, 0);
        return Ok(());
    }
    match out.send(|args| watch.send(link, args, |payload| slowly(method, payload))) {
        Ok(()) => {
            watch.came(Status::Ok, 0);
            Ok(())
        }
        Err(error) => Err(watch.failed(error)),
    }
}

impl Core {
    /// Sends a one-way call; false when there is no room.
    #[inline]
    pub(crate) fn send_one_way(&mut self, method: u32, payload: &Outgoing<'_>) -> Result<bool, RpcError> {
        if let Some(error) = self.begins_no_more() {
            return Err(error);
        }
        if !self.engine.one_ways.may_send() {
            return Ok(false);
        }
        let head = Head::message(method);
        #[cfg(feature = "tracing")]
        let head = head.with_metadata(payload.has_metadata());
        let sent = match payload.inline() {
            Some(inline) if self.outbox.can_send_short(inline.len()) => {
                self.outbox.send_short(&head, inline.as_lead());
                true
            }
            _ => self.send_long_one_way(&head, payload)?,
        };
        if sent {
            self.engine.one_ways.sent();
        }
        Ok(sent)
    }

    #[inline(never)]
    fn send_long_one_way(&mut self, head: &Head, payload: &Outgoing<'_>) -> Result<bool, RpcError> {
        if self.outbox.is_fragmented(payload) {
            let max = self.outbox.slot_bytes_max();
            let limit = "of a one-way call, which must fit the largest slot";
            return Err(RpcError::TooLarge(Box::new(TooLarge { size: payload.len(), limit, max })));
        }
        let sent = self.outbox.check(head, payload.len());
        let sent = sent.and_then(|()| self.outbox.advance(head, payload, &mut Default::default()));
        sent.map_err(|error| self.send_error(error))
    }
}

impl Link {
    #[inline]
    fn send_one_way(&self, method: u32, payload: &Outgoing<'_>) -> Result<(), RpcError> {
        let mut core = self.lock();
        if core.send_one_way(method, payload)? {
            return Ok(());
        }
        // What came may be what makes room.
        core.pump(None);
        core.check_end();
        match core.send_one_way(method, payload)? {
            true => Ok(()),
            false => Err(RpcError::Full { oneway_max: self.shared.terms.oneway_max }),
        }
    }

    /// As [`send_one_way`](Self::send_one_way), waiting for room.
    pub(super) fn send_one_way_in_time(
        &self,
        method: u32,
        payload: &Outgoing<'_>,
        deadline: &mut Deadline,
    ) -> Result<(), RpcError> {
        let mut core = self.lock();
        let mut stall = Stall::default();
        loop {
            if core.send_one_way(method, payload)? {
                return Ok(());
            }
            core.pump(None);
            // Counted before the try, so that what is given back after it ends the wait.
            let freed = self.shared.freed();
            if core.send_one_way(method, payload)? {
                return Ok(());
            }
            if core.check_end() {
                continue;
            }
            if *deadline != Deadline::None && deadline.is_past() {
                return Err(RpcError::DeadlineExceeded { may_have_executed: false });
            }
            stall.look(core.outbox.published());
            if !core.engine.one_ways.may_send() || core.waits_for_handlers() {
                // Those that are kept are handled in their time, however much the peer takes.
                stall = Stall::default();
            }
            let awaited = Awaited { freed: Some(freed), ..Awaited::default() };
            core = self.wait_or_stall(core, awaited, &mut stall, deadline);
        }
    }
}

impl<M: Method> fmt::Debug for OneWay<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneWay").field("method", &self.client.service().method_name(M::INDEX)).finish_non_exhaustive()
    }
}
