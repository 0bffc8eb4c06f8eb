//! A session with calls on it: the engine, the two ends of the session, and who waits for what.
//!
//! One lock guards all of it; no foreign code runs under it. Whoever has the lock may run the receive step, which takes
//! out what came, and waits for nothing. Of the threads that wait, one *leads*: it looks at the ring, without the lock, and
//! sleeps where the peer rings; the others are parked until what they wait for is there, or until they are to lead. Tasks
//! do not lead; for them a watcher of the runtime sleeps on the session's socket (`aio`).

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;

pub(crate) use super::begin::{Begin, Begun, Target};
use super::beside::Beside;
use super::call_id::{CallId, ONE_WAY, Side};
use super::engine::{Cancel, Engine, Forgotten, Keeps, Ticket};
use super::error::RpcError;
use super::extensions::OfSession;
use super::farewell::Leave;
pub(crate) use super::locked::{After, Locked};
use super::service::{Service, Services};
use super::serving::{Arrived, Awaiting};
use super::status::Status;
use super::tickets::{Dropped, Outcome, Tickets};
use crate::codec::{Budget, Message};
use crate::error::{Lost, RecvError, Violation};
use crate::layout::head::{Arrival, Head, Kind};
use crate::lock::Lock;
use crate::os::ForkGuard;
use crate::session::shared::Shared;
use crate::session::waiting::{Spinner, Waker};
use crate::session::{Inbox, Outbox, Payload, PeerState, Role, Session, Stats};

/// Messages that one receive step takes out at most, so that a peer that never stops sending outlasts nobody's deadline.
const STEP_MAX: u32 = 1_024;

/// A session that carries calls.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) shared: Arc<Shared>,
    fork: ForkGuard,
    /// What decoding a message may take, at this side.
    pub(super) budget: Budget,
    /// What is served to the peer, if anything is.
    pub(crate) services: Option<Arc<Services>>,
    core: Lock<Core>,
    /// Of each service that was looked for at the peer: what was found.
    agreements: Mutex<Vec<(&'static Service, Agreed)>>,
    /// The runtimes whose tasks wait for this session, each with a watcher.
    #[cfg(feature = "tokio")]
    pub(crate) watches: Mutex<Vec<tokio::runtime::Id>>,
    /// What its handlers find in their context, once it is served.
    pub(crate) extensions: OfSession,
    /// Who is told of its calls, in both directions.
    #[cfg(feature = "hooks")]
    pub(crate) hooks: OnceLock<Arc<super::hooks::HookList>>,
    /// Where instructions are counted: serves the other side on the thread that would wait.
    pub(crate) instead_of_waiting: OnceLock<Step>,
}

/// The numbers of a service's methods at the peer, or how those differ that mean something else there.
pub(super) type Agreed = Result<Arc<[u32]>, Vec<String>>;

/// See [`stepped`](crate::local::stepped).
pub(crate) struct Step(Box<dyn Fn() + Send + Sync>);

impl Step {
    pub(crate) fn new(step: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Box::new(step))
    }

    pub(crate) fn run(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Step")
    }
}

/// All that the lock guards.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) outbox: Outbox,
    pub(crate) inbox: Inbox,
    pub(crate) engine: Engine<Payload, Waker>,
    pub(crate) tickets: Tickets,
    /// Terminals and cancels that the receive step owes, in order: at most one of each for a call; and one goodbye.
    pub(crate) owed: VecDeque<(Head, Box<[u8]>)>,
    /// Something is owed: one of these, or by the engine.
    pub(crate) owes: bool,
    /// Whoever waited when something came to be owed that there was no room for was told.
    pub(super) is_debt_known: bool,
    /// Requests that wait for a handler.
    pub(super) requests: VecDeque<Arrived>,
    /// Requests that wait for a worker.
    pub(super) for_workers: Vec<Arrived>,
    /// Memory that both hold.
    pub(super) queued_bytes: usize,
    /// The peer's [count](Inbox::urgent), as far as what it counts is taken out.
    pub(super) seen_urgent: u64,
    /// A request whose time does not run was sent since the peer was last told of one whose time does.
    pub(super) sent_untimed: bool,
    /// Whose handlers there are.
    pub(super) services: Option<Arc<Services>>,
    /// Whether requests that come are handled: there are handlers, and no goodbye was said.
    pub(super) serves: bool,
    /// Some method of theirs has streams.
    pub(super) serves_streams: bool,
    pub(super) leave: Leave,
    /// What is to happen to the handler of a call, by the call's index, when it is cancelled.
    #[cfg(feature = "tokio")]
    pub(super) handlers: Vec<Option<tokio::task::AbortHandle>>,
    /// Threads that look at the ring or sleep where the peer rings; more than one only where they never sleep.
    pub(super) leaders: usize,
    /// How many of those wait for room, or for their turn to send.
    pub(super) leaders_blocked: usize,
    /// It waits for requests, and sleeps or is about to.
    pub(super) serving_sleeps: bool,
    pub(super) beside: Beside,
    /// What whoever looks beside the leader has learnt.
    pub(super) spinner_beside: Spinner,
    /// What tasks that wait have.
    #[cfg(feature = "tokio")]
    pub(crate) spinner_of_tasks: Spinner,
    /// Who leads, or looks beside the leader, and waits at the end of a stream.
    pub(super) leaders_at_ends: usize,
    /// The leader waits for room, for itself, for the blocked, or for what is owed.
    pub(crate) leader_minds_room: bool,
    pub(crate) spinner: Spinner,
    /// Threads that are parked, and could lead.
    pub(crate) standby: Vec<Thread>,
    /// Who waits for room, or for its turn to send.
    pub(crate) blocked: Vec<Waker>,
    /// A reply was sent for which nobody was rung yet: whoever serves does so when it asks for the next request.
    pub(super) has_quiet_reply: bool,
    /// Who waits for requests.
    pub(crate) serving: Option<Waker>,
    /// Threads that wait for the answer to a call, and handle what is called back meanwhile.
    pub(super) awaiting: Vec<Awaiting>,
    /// Bytes of replies that wait for room.
    pub(crate) parked_bytes: usize,
    /// The peer's count of what it gave back, when the blocked were last woken.
    pub(crate) freed: u64,
    /// Why nothing more comes or goes.
    pub(crate) end: Option<RecvError>,
    /// What is to be done once the lock is released.
    pub(super) after: Vec<After>,
    /// Something is in `after` or `standby`, or a goodbye was said: one look for all when the lock is released.
    pub(super) has_chores: bool,
    /// What the short ways ask: see [`is_ordinary`](Self::is_ordinary).
    pub(super) was_ordinary: bool,
}

impl Link {
    /// Puts calls on an open session. Without services no request of the peer is handled.
    pub(crate) fn new<R: Role>(session: Session<R>, services: Option<Arc<Services>>) -> Arc<Self> {
        let side = if R::IS_A { Side::A } else { Side::B };
        let (outbox, inbox) = session.into_ends();
        let shared = Arc::clone(&outbox.shared);
        let (terms, limits) = (&shared.terms, &shared.limits);
        let theirs = Keeps { in_flight: terms.in_flight, oneways: terms.oneway_max, stream_bytes: terms.stream_bytes };
        let ours = Keeps { in_flight: limits.in_flight, oneways: limits.oneway_max, stream_bytes: limits.stream_bytes };
        let engine = Engine::new(side, theirs, ours);
        let core = Core {
            outbox,
            inbox,
            engine,
            tickets: Tickets::default(),
            owed: VecDeque::new(),
            owes: false,
            is_debt_known: false,
            requests: VecDeque::new(),
            for_workers: Vec::new(),
            queued_bytes: 0,
            seen_urgent: 0,
            sent_untimed: false,
            serves: services.is_some(),
            serves_streams: services.as_ref().is_some_and(|services| services.has_streams()),
            services: services.clone(),
            leave: Leave::default(),
            #[cfg(feature = "tokio")]
            handlers: Vec::new(),
            leaders: 0,
            leaders_blocked: 0,
            serving_sleeps: false,
            beside: Beside::Nobody,
            spinner_beside: Spinner::new(),
            #[cfg(feature = "tokio")]
            spinner_of_tasks: Spinner::new(),
            leaders_at_ends: 0,
            leader_minds_room: false,
            spinner: Spinner::new(),
            standby: Vec::new(),
            blocked: Vec::new(),
            has_quiet_reply: false,
            serving: None,
            awaiting: Vec::new(),
            parked_bytes: 0,
            freed: 0,
            end: None,
            after: Vec::new(),
            has_chores: false,
            was_ordinary: true,
        };
        Arc::new(Self {
            budget: Budget::new(&shared.limits),
            fork: shared.fork.clone(),
            shared,
            services,
            core: Lock::new(core),
            agreements: Mutex::default(),
            #[cfg(feature = "tokio")]
            watches: Mutex::default(),
            extensions: OfSession::default(),
            #[cfg(feature = "hooks")]
            hooks: OnceLock::new(),
            instead_of_waiting: OnceLock::new(),
        })
    }

    #[inline]
    pub(crate) fn lock(&self) -> Locked<'_> {
        let mut core = Locked::new(self.core.lock());
        if self.shared.is_forked() {
            // The mappings are not there: nothing below may look at them.
            core.finish(RecvError::Lost(Lost::Forked));
        }
        core
    }

    /// Does something short under the lock, if nothing is out of the ordinary. Apart from [`lock`](Self::lock) so that the
    /// lock stays in registers; in the worst case nothing is done, and the caller takes the other way.
    #[inline(always)]
    pub(crate) fn briefly<X>(&self, act: impl FnOnce(&mut Core) -> Option<X>) -> Option<X> {
        if self.fork.is_forked() {
            return None;
        }
        let mut core = self.core.lock();
        let done = act(&mut core);
        let has_chores = core.has_chores;
        drop(core);
        if has_chores {
            // Whoever holds the lock next does them; so that it is somebody.
            self.release();
        }
        done
    }

    #[cold]
    #[inline(never)]
    fn release(&self) {
        drop(self.lock());
    }

    /// The arguments of a request, to be decoded at this side.
    pub(super) fn arguments(&self, payload: Payload) -> Message {
        Message::new(payload, self.budget).with_trust(self.shared.trust)
    }

    /// Why a reply of this length cannot be sent, if it cannot.
    pub(crate) fn too_large(&self, len: usize) -> Option<String> {
        let max = self.shared.terms.payload_max;
        (len > max).then(|| format!("it takes {len} bytes, above the limit payload_max of the caller ({max})"))
    }

    /// The user waits no more for a call that was sent: the server is told, if it has not answered yet.
    pub(crate) fn forget(&self, begun: Begun) {
        self.lock().forget(begun);
    }

    /// What was found for a service, if it was looked for before.
    pub(super) fn agreement(&self, service: &'static Service) -> Option<Agreed> {
        let agreements = self.agreements.lock().unwrap_or_else(PoisonError::into_inner);
        agreements.iter().find(|(known, _)| std::ptr::eq(*known, service)).map(|(_, found)| found.clone())
    }

    /// Keeps what was found for a service.
    pub(super) fn agreed(&self, service: &'static Service, found: Agreed) -> Agreed {
        let mut agreements = self.agreements.lock().unwrap_or_else(PoisonError::into_inner);
        agreements.push((service, found.clone()));
        found
    }

    /// Nobody calls here any more: who serves here is told, and whoever has the link last closes the session.
    pub(super) fn retire(&self) {
        let mut core = self.lock();
        if core.services.is_some() {
            core.finish(RecvError::Lost(Lost::ClosedHere));
            core.nudge_leader();
        }
    }

    /// Takes out what came if the session may be over, and says how it ended if it is.
    pub(crate) fn look_for_end(&self) -> Option<RecvError> {
        self.shared.look_for_death();
        let mut core = self.lock();
        if core.end.is_none() && (self.shared.is_over() || self.shared.peer_closed()) {
            core.pump(None);
            core.check_end();
        }
        core.end
    }

    /// What is known of the peer. It has work while it owes an answer, unless it waits for the next message meanwhile, as one
    /// does whose handlers work elsewhere. Messages alone are none: nobody may need them there now.
    pub(crate) fn peer_state(&self) -> PeerState {
        let core = self.lock();
        let (is_owed, next) = (core.engine.in_flight() > 0, core.outbox.announced().wrapping_add(1));
        drop(core);
        let shared = &self.shared;
        shared.peer_state_if(|consumed| {
            // One that never sleeps says nothing of what it waits for.
            let waits =
                if shared.terms.never_sleeps { shared.is_vacant(consumed) } else { shared.peer_waits_for(next) };
            is_owed && !waits
        })
    }

    /// A request that will not be sent to its end.
    #[cfg(feature = "tokio")]
    pub(crate) fn give_up(&self, begin: &mut Begin) {
        self.lock().give_up(begin);
    }
}

impl Core {
    pub(super) fn do_after(&mut self, after: After) {
        self.after.push(after);
        self.has_chores = true;
    }

    pub(super) fn do_all_after(&mut self, after: impl IntoIterator<Item = After>) {
        self.after.extend(after);
        self.has_chores |= !self.after.is_empty();
    }

    /// A thread is about to park, and could lead.
    pub(crate) fn stand_by(&mut self, thread: Thread) {
        self.standby.push(thread);
        self.has_chores = true;
    }

    /// The receive step: takes out all that came and acts on it, up to the answer to `own`, which is not put aside.
    #[inline]
    pub(crate) fn pump(&mut self, own: Option<Ticket>) -> Option<Outcome> {
        if self.end.is_some() {
            return None;
        }
        self.inbox.shared.beat();
        // Counted before the looks, so that each of them is found.
        let urgent = self.inbox.urgent();
        for _ in 0..STEP_MAX {
            let popped = match self.inbox.pop() {
                Ok(popped) => popped,
                Err(error) => {
                    self.finish(error);
                    return None;
                }
            };
            let Some(descriptor) = popped else {
                self.seen_urgent = urgent;
                break;
            };
            // Most messages go through registers only.
            let (head, payload) = match Arrival::parse_short(&descriptor) {
                Some((head, inline)) => (head, Payload::inline(inline)),
                None => match self.inbox.understand_any(descriptor.into_words()) {
                    Ok(Some(message)) => message.into_parts(),
                    Ok(None) => continue,
                    Err(error) => {
                        self.finish(error);
                        return None;
                    }
                },
            };
            if head.kind() == Kind::Terminal {
                match self.handle_terminal(&head) {
                    Ok((Some(ticket), status)) if Some(ticket) == own => {
                        if self.owes {
                            self.pay();
                        }
                        return Some(Outcome::Answer(status, payload));
                    }
                    Ok((Some(ticket), status)) => self.put_aside(ticket, status, payload),
                    Ok((None, _)) => {}
                    Err(violation) => self.fail(violation),
                }
            } else {
                self.handle(&head, payload);
            }
            if self.end.is_some() {
                return None;
            }
        }
        if self.owes {
            self.pay();
        }
        None
    }

    #[inline]
    pub(super) fn handle_terminal(&mut self, head: &Head) -> Result<(Option<Ticket>, Status), Violation> {
        let status = Status::parse(head.status())?;
        let has_result = matches!(status, Status::Ok | Status::App);
        let ticket = self.engine.handle_terminal(CallId(head.call()), has_result)?;
        self.wake_streams();
        if ticket.is_none() && !self.owed.is_empty() {
            // Its cancel is not needed any more.
            self.owed.retain(|(owed, _)| owed.kind() != Kind::Cancel || owed.call() != head.call());
        }
        if self.leader_is_blocked() || !self.blocked.is_empty() {
            // One more call can be begun.
            self.wake_blocked();
        }
        Ok((ticket, status))
    }

    /// The answer to somebody else: copied out, so that it holds no slot while nobody looks at it.
    #[inline(never)]
    fn put_aside(&mut self, ticket: Ticket, status: Status, payload: Payload) {
        let woken = self.tickets.deliver(ticket, Outcome::Answer(status, payload.into_private()));
        self.do_all_after(woken.map(After::Wake));
    }

    /// Anything but a terminal.
    #[inline(never)]
    fn handle(&mut self, head: &Head, payload: Payload) {
        let call = CallId(head.call());
        match head.kind() {
            Kind::Request => match self.engine.handle_request(call) {
                Ok(()) => self.arrive(head, payload),
                Err(violation) => self.fail(violation),
            },
            Kind::Cancel => self.handle_cancel(call),
            Kind::OneWay => match self.engine.handle_one_way(call) {
                Ok(()) => self.arrive_one_way(head, payload),
                Err(violation) => self.fail(violation),
            },
            Kind::Item | Kind::End | Kind::Credit => {
                if let Err(violation) = self.handle_stream(head, payload) {
                    self.fail(violation);
                }
                self.wake_streams();
            }
            Kind::Goodbye => self.handle_goodbye(&payload),
            kind => self.fail(Violation::Unexpected { kind }),
        }
    }

    fn handle_cancel(&mut self, call: CallId) {
        match self.engine.handle_cancel(call) {
            Ok(cancel) => self.cancel(call, cancel),
            Err(violation) => self.fail(violation),
        }
    }

    pub(super) fn cancel(&mut self, call: CallId, cancel: Cancel) {
        match cancel {
            Cancel::Unstarted => {
                // What it held goes with it.
                self.drop_request(call);
                self.owe(call, Status::Cancelled, "");
            }
            // One that waits for a worker will not be handled.
            Cancel::Running if self.stop_waiting(call).is_some() => {
                self.refuse_unstarted(call, Status::Cancelled, "");
            }
            Cancel::Running => self.abort_handler(call),
            Cancel::Answered => {}
        }
        self.wake_streams();
    }

    /// What is about a stream, or about one-way calls.
    fn handle_stream(&mut self, head: &Head, payload: Payload) -> Result<(), Violation> {
        let (call, stream) = (CallId(head.call()), head.method());
        match head.kind() {
            // Copied out, so that it holds no slot while nobody reads it.
            Kind::Item => self.engine.handle_item(call, stream, payload.len(), payload.into_private()),
            Kind::End => self.engine.handle_end(call, stream),
            _ => {
                let [amount, ..] = payload.lead_inline().words;
                self.engine.handle_credit(call, stream, amount)?;
                if amount == 0 {
                    // The writer waits, maybe for what it was told quietly.
                    self.outbox.announce();
                }
                self.owes |= self.engine.streams.owes();
                if call == ONE_WAY {
                    // There is room for more of them.
                    self.wake_blocked();
                }
                Ok(())
            }
        }
    }

    pub(crate) fn forget(&mut self, begun: Begun) {
        let was_done = self.tickets.is_done(begun.ticket());
        let dropped = self.tickets.give_back(begun.ticket());
        self.do_all_after(dropped.map(After::Drop));
        if !was_done && self.end.is_none() && self.engine.forget(begun.call()) == Forgotten::CancelOwed {
            self.owed.push_back((Head::cancel(begun.call().0), Box::default()));
            self.owes = true;
            self.pay();
        }
        self.wake_streams();
    }

    pub(crate) fn stats(&self) -> Stats {
        self.inbox.stats(self.outbox.published())
    }

    /// Whether no call, stream or byte is held for anybody.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn holds_nothing(&self) -> bool {
        let has_calls = self.tickets.in_use() > 0 || self.engine.streams.len() > 0;
        let has_work = !self.requests.is_empty() || !self.owed.is_empty() || !self.for_workers.is_empty();
        !has_calls && !has_work && (self.queued_bytes, self.parked_bytes) == (0, 0)
    }

    /// Has something dropped once the lock is released.
    #[inline]
    pub(crate) fn drop_later(&mut self, dropped: Option<Dropped>) {
        if let Some(dropped) = dropped {
            self.do_after(After::Drop(dropped));
        }
    }

    /// Looks whether the session is over, and ends all calls if it is. To be asked before waiting.
    pub(crate) fn check_end(&mut self) -> bool {
        if self.end.is_none() {
            let forked = self.inbox.shared.is_forked().then_some(RecvError::Lost(Lost::Forked));
            if let Some(end) = forked.or_else(|| self.inbox.end()) {
                self.finish(end);
            }
        }
        self.end.is_some()
    }

    #[cold]
    pub(super) fn fail(&mut self, violation: Violation) {
        let lost = self.inbox.shared.fail(violation.into());
        self.finish(lost.into());
    }

    /// Ends every call that is not ended yet, each with the truth of whether it may have run, and wakes everybody.
    #[cold]
    pub(crate) fn finish(&mut self, end: RecvError) {
        if self.end.is_some() {
            return;
        }
        self.end = Some(end);
        self.was_ordinary = false;
        // A peer that lives may still take out what lies in the ring, and one whose count cannot be true may have done
        // anything.
        let consumed = match end {
            RecvError::Lost(Lost::PeerDied(_)) => self.outbox.consumed().unwrap_or(u64::MAX),
            _ => u64::MAX,
        };
        self.leave.note_end(self.engine.unanswered().count());
        for (ticket, may_have_executed) in self.engine.handle_lost(consumed) {
            let outcome = Outcome::End(end_error(end, may_have_executed));
            let woken = self.tickets.deliver(ticket, outcome);
            self.do_all_after(woken.map(After::Wake));
        }
        // A one-way call that came is executed, whatever became of its caller.
        let executes = matches!(end, RecvError::Closed | RecvError::Lost(Lost::PeerDied(_)));
        self.requests.retain(|request| executes && request.call == ONE_WAY);
        self.for_workers.retain(|request| executes && request.call == ONE_WAY);
        self.queued_bytes = 0;
        self.owed.clear();
        self.owes = false;
        self.wake_streams();
        self.wake_blocked();
        self.wake_serving();
        #[cfg(feature = "tokio")]
        self.after.extend(self.handlers.drain(..).flatten().map(After::Abort));
        self.has_chores = true;
    }
}

/// The end of a session as a call sees it.
pub(crate) fn end_error(end: RecvError, may_have_executed: bool) -> RpcError {
    match end {
        RecvError::Lost(Lost::PeerDied(_)) => RpcError::PeerDied { may_have_executed },
        RecvError::Lost(Lost::ClosedHere) => RpcError::Closed { may_have_executed },
        RecvError::Lost(lost) => RpcError::Lost(Box::new(lost)),
        _ => RpcError::Closed { may_have_executed },
    }
}
