//! A client that outlives its sessions: a call finds the session of now, and is made again in the next one if it is lost with
//! the old one and may be.
//!
//! A call that certainly did not run is made again until its time is over. One that may have run is made again only if its
//! method is idempotent, and so few times that a call which kills every server does not do so for ever.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::client::ConnectError;
use super::deadline::Deadline;
use super::direct::{Direct, Holds, Owner};
use super::error::RpcError;
use super::link::Begun;
use super::service::Service;
use super::standing::{Found, Keeper, Standing};
use super::status::Status;
use super::tickets::Outcome;
use super::watch::Watch;
use crate::error::Lost;
use crate::lane::{Kept, Outgoing};

/// How often a call that may have run is made again.
const REPEATS: u32 = 2;

/// A service of a server that may be another process each time.
pub(crate) struct Lasting {
    pub(super) standing: Arc<Standing>,
    /// Of clients that connected: without them nobody connects again.
    keeper: Option<Arc<Keeper>>,
    service: &'static Service,
    /// The service in the session that was the one when it was last looked at.
    known: Mutex<Option<(Direct, u64)>>,
}

/// What a call that wants to begin finds.
enum Place {
    There(Direct),
    /// There is no session now.
    None,
    End(RpcError),
}

impl Lasting {
    /// A service, without a look at whether the server of now has it.
    pub(crate) fn new(standing: Arc<Standing>, keeper: Option<Arc<Keeper>>, service: &'static Service) -> Self {
        standing.expect(service);
        Self { standing, keeper, service, known: Mutex::default() }
    }

    /// Another service of the same server.
    pub(super) fn sibling(&self, service: &'static Service) -> Self {
        Self::new(Arc::clone(&self.standing), self.keeper.clone(), service)
    }

    pub(super) fn service(&self) -> &'static Service {
        self.service
    }

    /// Whether the server of now, if there is one, has the service as this program knows it.
    pub(crate) fn check(&self) -> Result<(), ConnectError> {
        match self.standing.find() {
            Found::Session(owner, generation) => match self.direct(&owner) {
                Ok(direct) => {
                    self.know(direct, generation);
                    Ok(())
                }
                // It ended while it was asked, so there is another one to come.
                Err(ConnectError::Describe(_)) => Ok(()),
                Err(error) => Err(error),
            },
            Found::Nothing | Found::End(_) => Ok(()),
        }
    }

    fn direct(&self, owner: &Arc<Owner>) -> Result<Direct, ConnectError> {
        let holds = Holds::sessions(Arc::clone(owner), self.keeper.clone());
        Direct::new(owner.link(), self.service, 0, holds)
    }

    fn know(&self, direct: Direct, generation: u64) {
        let before = self.known().replace((direct, generation));
        // It may be the last that holds a session.
        drop(before);
    }

    fn known(&self) -> MutexGuard<'_, Option<(Direct, u64)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The service where it is now.
    pub(super) fn now(&self) -> Option<Direct> {
        match self.place(|standing| standing.find()) {
            Place::There(direct) => Some(direct),
            Place::None | Place::End(_) => None,
        }
    }

    fn place(&self, find: impl Fn(&Standing) -> Found) -> Place {
        let known = self.known().as_ref().filter(|(_, generation)| self.standing.is_generation(*generation)).cloned();
        if let Some((direct, _)) = known.as_ref().filter(|(direct, _)| !direct.link().shared.is_over()) {
            return Place::There(direct.clone());
        }
        if self.standing.is_forked() {
            return Place::End(RpcError::Lost(Box::new(Lost::Forked)));
        }
        if let Some((_, generation)) = known {
            // Known to be over before the supervisor knows it.
            self.standing.lose(generation);
        }
        loop {
            let (owner, generation) = match find(&self.standing) {
                Found::Session(owner, generation) => (owner, generation),
                Found::Nothing => return Place::None,
                Found::End(error) => return Place::End(error),
            };
            match self.direct(&owner) {
                Ok(direct) => {
                    self.know(direct.clone(), generation);
                    return Place::There(direct);
                }
                // It ended while it was asked. One that is only too busy to say how it differs is kept.
                Err(ConnectError::Describe(_)) if owner.link().look_for_end().is_some() => {
                    self.standing.lose(generation);
                }
                Err(error) => return Place::End(self.standing.refused(&error)),
            }
        }
    }

    /// Why there is no session now.
    pub(super) fn why_none(&self) -> RpcError {
        self.standing.why_none()
    }

    /// A call found the session over in which it was made.
    fn lose(&self, direct: &Direct) {
        let known = self.known().as_ref().map(|(known, generation)| (Arc::as_ptr(known.link()), *generation));
        if let Some((_, generation)) = known.filter(|(link, _)| *link == Arc::as_ptr(direct.link())) {
            self.standing.lose(generation);
        }
    }
}

impl fmt::Debug for Lasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lasting").field("service", &self.service.name()).finish_non_exhaustive()
    }
}

/// A call on its way, through one session or several.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) deadline: Deadline,
    /// Until when it waits for a session, while it has none.
    patience: Option<Instant>,
    /// How often it was made again though it may have run.
    repeats: u32,
    /// How it was lost when it was made again though it may have run.
    lost: Option<RpcError>,
}

impl Trial {
    /// From here on the call's time runs.
    pub(crate) fn new(mut deadline: Deadline) -> Self {
        deadline.fix();
        Self { deadline, patience: None, repeats: 0, lost: None }
    }

    /// Until when to wait for a session.
    fn until(&mut self, patience: Duration) -> Option<Instant> {
        let patience = match self.patience {
            Some(patience) => Some(patience),
            // Beyond the clock is never.
            None => Instant::now().checked_add(patience),
        };
        self.patience = patience;
        [patience, self.deadline.instant()].into_iter().flatten().min()
    }

    /// Why a call waits no more for a session.
    #[cold]
    fn too_late(&mut self, lasting: &Lasting) -> RpcError {
        let error = if self.deadline != Deadline::None && self.deadline.is_past() {
            RpcError::DeadlineExceeded { may_have_executed: false }
        } else {
            lasting.why_none()
        };
        self.of_all(error)
    }

    /// The error of one attempt as that of all there were.
    #[cold]
    pub(crate) fn of_all(&self, error: RpcError) -> RpcError {
        match (&self.lost, error) {
            (None, error) => error,
            // That it did not run is true of the last attempt only.
            (Some(lost), RpcError::Overloaded(_) | RpcError::Full { .. }) => lost.clone(),
            (Some(_), error) => error.of_one_that_may_have_run(),
        }
    }

    /// What the last attempt brought, as the outcome of all: its server says that it did not run, but another one may have run it.
    pub(crate) fn settle(&self, outcome: &mut Outcome) {
        let Some(lost) = &self.lost else { return };
        let (Outcome::Answer(status, _) | Outcome::Short(status, _)) = outcome else { return };
        match status {
            Status::Expired => *outcome = Outcome::End(RpcError::DeadlineExceeded { may_have_executed: true }),
            Status::Overloaded => *outcome = Outcome::End(lost.clone()),
            _ => {}
        }
    }

    /// What was found, if it ends the wait for a session.
    fn found(&mut self, place: Place) -> Option<Result<Direct, RpcError>> {
        match place {
            Place::There(direct) => {
                self.patience = None;
                Some(Ok(direct))
            }
            Place::End(error) => Some(Err(self.of_all(error))),
            Place::None => None,
        }
    }

    /// Blocks this thread until there is a session.
    pub(crate) fn connected(&mut self, lasting: &Lasting) -> Result<Direct, RpcError> {
        if let Some(found) = self.found(lasting.place(Standing::find)) {
            return found;
        }
        let until = self.until(lasting.standing.retry.patience);
        match self.found(lasting.place(|standing| standing.wait(until))) {
            Some(found) => found,
            None => Err(self.too_late(lasting)),
        }
    }

    /// A session, if there is one now.
    pub(crate) fn connected_now(&mut self, lasting: &Lasting) -> Result<Option<Direct>, RpcError> {
        if let Some(found) = self.found(lasting.place(Standing::find)) {
            return found.map(Some);
        }
        let until = self.until(lasting.standing.retry.patience);
        if until.is_some_and(|until| Instant::now() >= until) { Err(self.too_late(lasting)) } else { Ok(None) }
    }

    /// The same as [`connected`](Self::connected) for a task, which is woken when there is something to see.
    #[cfg(feature = "tokio")]
    pub(crate) fn poll_connected(
        &mut self,
        lasting: &Lasting,
        timer: &mut crate::aio::polling::Timer,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<Direct, RpcError>> {
        use std::task::Poll;

        if let Some(found) = self.found(lasting.place(|standing| standing.poll(cx))) {
            // The next wait is another one.
            *timer = Default::default();
            return Poll::Ready(found);
        }
        let until = self.until(lasting.standing.retry.patience);
        let mut until = until.map_or(Deadline::None, Deadline::At);
        match std::task::ready!(timer.poll(cx, &mut until)) {
            Ok(()) => Poll::Ready(Err(self.too_late(lasting))),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// After the call ended so in a session: nothing if it is to be made again.
    pub(crate) fn survive(
        &mut self,
        lasting: &Lasting,
        direct: &Direct,
        error: RpcError,
        is_idempotent: bool,
    ) -> Result<(), RpcError> {
        let may_have_executed = match &error {
            RpcError::PeerDied { may_have_executed } | RpcError::Closed { may_have_executed } => *may_have_executed,
            RpcError::Lost(lost) if **lost != Lost::Forked => true,
            _ => return Err(self.of_all(error)),
        };
        lasting.lose(direct);
        if may_have_executed {
            if !is_idempotent || self.repeats >= REPEATS {
                return Err(self.of_all(error));
            }
            self.repeats = self.repeats.saturating_add(1);
            self.lost = Some(error);
        }
        Ok(())
    }
}

/// A call that was begun again: where, and who is told of its end.
pub(crate) type BegunAgain = (Direct, Begun, Watch);

/// A call that was begun, and can be begun again.
#[derive(Debug)]
pub(crate) struct Again {
    pub(crate) lasting: Arc<Lasting>,
    pub(crate) trial: Trial,
    pub(crate) args: Kept,
    /// It was lost with its session, and is not begun in another one.
    pub(crate) is_lost: bool,
    #[cfg(feature = "tokio")]
    pub(crate) timer: crate::aio::polling::Timer,
    /// A task is about to begin it again here.
    #[cfg(feature = "tokio")]
    pub(crate) sending: Option<(Direct, crate::aio::calls::Awaited)>,
}

impl Again {
    pub(crate) fn new(lasting: &Arc<Lasting>, trial: Trial, args: Kept) -> Self {
        Self {
            lasting: Arc::clone(lasting),
            trial,
            args,
            is_lost: false,
            #[cfg(feature = "tokio")]
            timer: Default::default(),
            #[cfg(feature = "tokio")]
            sending: None,
        }
    }

    /// What all calls of a client and its clones have in common.
    pub(crate) fn client(&self) -> *const () {
        Arc::as_ptr(&self.lasting.standing).cast()
    }

    /// After the call ended so in a session: nothing if it is to be begun again.
    pub(crate) fn survive(&mut self, direct: &Direct, error: RpcError, is_idempotent: bool) -> Result<(), RpcError> {
        let survives = self.trial.survive(&self.lasting, direct, error, is_idempotent);
        self.is_lost = survives.is_ok();
        survives
    }

    /// Begins it again, and blocks this thread until that is done.
    pub(crate) fn begin(&mut self, method: usize) -> Result<BegunAgain, RpcError> {
        loop {
            let direct = self.trial.connected(&self.lasting)?;
            let (target, mut piece) = (direct.target(method)?, &[] as &[u8]);
            let (link, deadline) = (direct.link(), &mut self.trial.deadline);
            let watch = Watch::of_call(&direct, method, self.args.len()).begin();
            let start = |args: &Outgoing<'_>| link.start(target, args, deadline);
            match watch.send(link, &self.args.outgoing(&mut piece), start) {
                Ok(begun) => {
                    self.is_lost = false;
                    return Ok((direct, begun, watch));
                }
                Err(error) => self.trial.survive(&self.lasting, &direct, watch.failed(error), false)?,
            }
        }
    }

    /// The same, if it can be done at once.
    pub(crate) fn try_begin(&mut self, method: usize) -> Result<Option<BegunAgain>, RpcError> {
        let Some(direct) = self.trial.connected_now(&self.lasting)? else { return Ok(None) };
        let (target, mut piece) = (direct.target(method)?, &[] as &[u8]);
        let (link, deadline) = (direct.link(), self.trial.deadline);
        let watch = Watch::of_call(&direct, method, self.args.len());
        let start = |args: &Outgoing<'_>| link.try_start(target, args, deadline);
        // Hooks hear of it when it is begun or cannot be, and not of a try.
        match watch.send(link, &self.args.outgoing(&mut piece), start) {
            Ok(begun) => {
                self.is_lost = begun.is_none();
                Ok(begun.map(|begun| (direct, begun, watch.begin())))
            }
            Err(error) => {
                self.trial.survive(&self.lasting, &direct, watch.begin().failed(error), false)?;
                Ok(None)
            }
        }
    }
}
