//! How a request gets to its handler: by its number, on this thread or in a task.
//!
//! A handler that calls back waits for an answer, and its peer may call back in turn. Such a request names as its parent the
//! call in whose handler it was made; the thread that waits for that call handles it, nested, since every other thread may be
//! waiting too. (So does Binder.) It handles nothing else meanwhile: what is no part of its call stays for the serving loop.

use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use super::call_id::{CallId, ONE_WAY};
use super::link::Link;
use super::request::{Face, Handled, HandlerFuture, Request};
use super::service::{DESCRIBE, Services};
use super::serving::Arrived;
use super::status::Status;
use super::watch::Watch;

thread_local! {
    /// How many handlers on this thread run within the wait of another one.
    static NESTED: Cell<usize> = const { Cell::new(0) };
}

/// Has a request handled to its end on this thread.
pub(crate) fn handle_here(link: &Arc<Link>, services: &Services, arrived: &mut Arrived) {
    handle_in_place(link, services, arrived, Face::Thread);
    if arrived.call == ONE_WAY {
        link.lock().finish_one_way();
    }
}

/// As [`handle_here`], but [`Link::request`] finds the request in its place and says of a one-way call that it is finished.
#[inline(always)]
pub(crate) fn handle_in_place(link: &Arc<Link>, services: &Services, arrived: &mut Arrived, face: Face) {
    if let Handled::Later(future) = handle(link, services, arrived, face) {
        block_on(future);
    }
}

/// Gives a request to its handler.
#[inline]
pub(crate) fn handle(link: &Arc<Link>, services: &Services, arrived: &mut Arrived, face: Face) -> Handled {
    let method = arrived.method;
    let request = request(link, services, arrived, face);
    match services.route(method) {
        Some((served, method)) => served.call(method, request),
        None if method == DESCRIBE => request.describe(services),
        None => request.unknown_method(),
    }
}

/// A request that is about to be handled or refused: hooks hear of it, if it is for a method.
#[inline]
pub(crate) fn request<'a>(
    link: &'a Arc<Link>,
    services: &Services,
    arrived: &'a mut Arrived,
    face: Face,
) -> Request<'a> {
    let watch = Watch::of_request(link, services, arrived.method, &arrived.payload);
    Request::new(link, arrived, face, watch)
}

/// The request, if this peer may make it; else it is refused, on this thread.
pub(crate) fn admit(link: &Arc<Link>, services: &Services, mut arrived: Arrived) -> Option<Arrived> {
    let Some((status, text)) = services.refusal(arrived.method, &link.shared.credentials) else { return Some(arrived) };
    let call = arrived.call;
    // On a thread it is answered at once.
    let _ = request(link, services, &mut arrived, Face::Thread).refuse(status, &text);
    if call == ONE_WAY {
        link.lock().finish_one_way();
    }
    None
}

/// Drives a handler's future on this thread.
fn block_on(future: HandlerFuture) {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    while future.as_mut().poll(&mut cx) == Poll::Pending {
        std::thread::park();
    }
}

impl Link {
    /// Has a request handled on the thread that waits for its parent.
    pub(super) fn handle_nested(self: &Arc<Self>, services: &Services, arrived: Arrived) {
        if NESTED.get() >= self.shared.limits.nesting_max {
            return self.refuse_deeper(arrived.call);
        }
        let arrived = if services.is_plain(arrived.method) { Some(arrived) } else { admit(self, services, arrived) };
        if let Some(mut arrived) = arrived {
            self.handle_deeper(services, &mut arrived);
        }
    }

    /// As [`handle_nested`](Self::handle_nested), of a method that is for everybody, or a request that was admitted.
    #[inline]
    pub(super) fn handle_deeper(self: &Arc<Self>, services: &Services, arrived: &mut Arrived) {
        let (depth, max) = (NESTED.get(), self.shared.limits.nesting_max);
        if depth >= max {
            return self.refuse_deeper(arrived.call);
        }
        NESTED.set(depth.saturating_add(1));
        handle_in_place(self, services, arrived, Face::Thread);
        NESTED.set(depth);
    }

    #[cold]
    fn refuse_deeper(&self, call: CallId) {
        let max = self.shared.limits.nesting_max;
        let text = format!("its limit nesting_max ({max}) is reached by calls that call each other");
        let mut core = self.lock();
        core.refuse_unstarted(call, Status::Overloaded, &text);
        core.pay();
    }
}
