//! Who listens for the bell on behalf of the tasks of one runtime.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, PoisonError, Weak};
use std::task::{Context, Poll};

use rustix::io::Errno as Sys;
use tokio::runtime::{Handle, Id};

use super::polling::ROUNDS;
use super::reactor::{ReactorError, Registered};
use crate::doorbell::{Bed, Counter, Key, Sleeper, Turn};
use crate::error::{Errno, Lost};
use crate::ring;
use crate::rpc::error::RpcError;
use crate::rpc::link::Link;
use crate::session::shared::Shared;
use crate::session::waiting::Waker;

/// Makes sure that somebody of the current runtime listens for this session. A task of its own, because a future that
/// waits may not be polled for long; one for each runtime, because another runtime may not run.
pub(super) fn keep_watch(link: &Arc<Link>) -> Result<(), RpcError> {
    let runtime = Handle::try_current().map_err(|_| RpcError::NoRuntime)?;
    let id = runtime.id();
    let mut watches = link.watches.lock().unwrap_or_else(PoisonError::into_inner);
    if watches.contains(&id) {
        return Ok(());
    }
    let shared = &link.shared;
    let socket = match shared.reactor.at_current(&shared.socket) {
        Ok(socket) => socket,
        Err(ReactorError::NoRuntime) => return Err(RpcError::NoRuntime),
        Err(ReactorError::System(error)) => {
            let lost = shared.fail(Lost::System(Errno(error.raw_os_error().unwrap_or(0))));
            return Err(RpcError::Lost(Box::new(lost)));
        }
    };
    if shared.pidfd.is_some() {
        // Without it the peer's end is still seen as a hang-up, unless somebody keeps its socket.
        shared.watch();
    }
    watches.push(id);
    drop(watches);
    let watch = Watch { link: Arc::downgrade(link), shared: Arc::clone(shared), socket: Some(socket), id, key: None };
    runtime.spawn(watch.run());
    Ok(())
}

/// What a look found.
enum Found {
    /// Nothing is left, and whoever waits is rung for.
    Nothing,
    /// It was not the last: more comes all the time.
    Much,
    /// The session is over, or nobody has it any more.
    End,
}

/// Listens until the session is over, nobody has it any more, or the runtime ends.
struct Watch {
    link: Weak<Link>,
    shared: Arc<Shared>,
    /// Gone once it is dropped.
    socket: Option<Registered>,
    id: Id,
    key: Option<Key>,
}

impl Watch {
    async fn run(mut self) {
        let Some(socket) = self.socket.clone() else { return };
        let mut readable = pin!(socket.readable());
        poll_fn(|cx| {
            loop {
                let key = self.renew(cx);
                match self.look() {
                    Found::Nothing => {}
                    Found::Much => {
                        // A peer that never stops keeps no other task from running.
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Found::End => return Poll::Ready(()),
                }
                match self.shared.bell.turn(key, Sleeper::Task) {
                    Turn::Again => continue,
                    Turn::Park => return Poll::Pending,
                    Turn::Hold => {}
                }
                let Poll::Ready(ready) = readable.as_mut().poll(cx) else { return Poll::Pending };
                let Ok(mut ready) = ready else {
                    // The runtime is shutting down; whoever waits next does so on another one.
                    return Poll::Ready(());
                };
                let mut received = Err(Sys::AGAIN);
                let came = self.shared.bell.read_as_task(|| {
                    received = self.shared.receive_bells();
                    received != Err(Sys::AGAIN)
                });
                // The socket was read to its end, or a thread holds the bell: then its readiness is not ours to act on.
                ready.clear_ready();
                readable.set(socket.readable());
                if came {
                    // What went wrong is found by the look.
                    let _ = self.shared.note_bells(received);
                }
            }
        })
        .await;
    }

    /// The receive step, and the wishes of the tasks that still wait after it.
    fn look(&self) -> Found {
        let Some(link) = self.link.upgrade() else { return Found::End };
        for _ in 0..ROUNDS {
            let mut core = link.lock();
            core.pump(None);
            core.note_room();
            if core.check_end() {
                return Found::End;
            }
            // What is owed is this one's to pay also when nobody waits.
            let owed = core.room_owed();
            if !core.has_waiting_tasks() && owed.is_none() {
                return Found::Nothing;
            }
            let next = core.inbox.next();
            let room = core.room_for_blocked().or(owed);
            drop(core);
            self.shared.report_room();
            self.shared.raise(Bed::Socket, Counter::Message, next);
            if let Some(freed) = room {
                self.shared.raise(Bed::Socket, Counter::Room, freed.wrapping_add(1));
            }
            let moved = room.is_some_and(|freed| self.shared.freed() != freed);
            if !moved && !ring::may_be_there(self.shared.peer.entries(), next) {
                return Found::Nothing;
            }
        }
        Found::Much
    }

    fn renew(&mut self, cx: &Context<'_>) -> Key {
        let waker = Waker::Task(cx.waker().clone());
        match self.key {
            Some(key) => {
                self.shared.bell.renew(key, waker);
                key
            }
            None => *self.key.insert(self.shared.bell.register(waker)),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.shared.bell.deregister(key);
        }
        if let Some(socket) = self.socket.take() {
            // It keeps much of a runtime that has ended; and one that goes on takes the socket again only after this.
            self.shared.reactor.forget(&socket);
        }
        if let Some(link) = self.link.upgrade() {
            link.watches.lock().unwrap_or_else(PoisonError::into_inner).retain(|id| *id != self.id);
            // Who still waits finds another runtime, or that there is none.
            link.lock().wake_tasks();
        }
    }
}
