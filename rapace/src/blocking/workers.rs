//! Threads for handlers that may block for long: started when they are needed, gone when they are not.
//!
//! A handler that has streams waits for as long as their other ends let it, and those may wait for other handlers. So each
//! such handler has a thread, as many as there are; of those that are only slow so many run at once as the server says.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::rpc::call_id::{CallId, ONE_WAY};
use crate::rpc::handling::handle_here;
use crate::rpc::link::Link;
use crate::rpc::service::Services;
use crate::rpc::serving::Arrived;

/// How long a worker without work stays.
const IDLE: Duration = Duration::from_secs(10);

/// The workers of one server.
pub(crate) struct Workers {
    /// For handlers that are slow.
    slow: Arc<Pool>,
    /// For handlers that have streams.
    streaming: Arc<Pool>,
}

/// Threads that take work from one queue.
struct Pool {
    max: usize,
    state: Mutex<State>,
    work_came: Condvar,
}

#[derive(Default)]
struct State {
    /// Bounded by the calls in flight of all sessions.
    work: VecDeque<Work>,
    idle: usize,
    running: usize,
}

struct Work {
    link: Weak<Link>,
    services: Arc<Services>,
    /// Which of the requests that wait there.
    call: CallId,
    /// Of a one-way call, which is executed whatever became of its session.
    kept: Option<Arc<Link>>,
}

impl Work {
    fn run(self) {
        let Some(link) = self.kept.or_else(|| self.link.upgrade()) else { return };
        // Its caller may have gone, or its time be over, while it waited for a worker.
        let taken = link.lock().take_waiting(self.call);
        if let Some(mut arrived) = taken {
            handle_here(&link, &self.services, &mut arrived);
        }
    }
}

impl Workers {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { slow: Pool::new(max), streaming: Pool::new(usize::MAX) })
    }

    /// Has a request handled by a worker; on this thread when there are to be none, or none can be had.
    pub(crate) fn run(&self, link: &Arc<Link>, services: &Arc<Services>, arrived: Arrived) {
        self.slow.run(link, services, arrived);
    }

    /// Has a request handled by a thread that has nothing else to do until then; on this one when none can be had.
    pub(crate) fn run_alone(&self, link: &Arc<Link>, services: &Arc<Services>, arrived: Arrived) {
        self.streaming.run(link, services, arrived);
    }

    /// The session is over: nothing of it waits for a worker any more, but one-way calls.
    pub(crate) fn forget(&self, link: &Arc<Link>) {
        for pool in [&self.slow, &self.streaming] {
            pool.lock().work.retain(|work| work.kept.is_some() || work.link.as_ptr() != Arc::as_ptr(link));
        }
    }
}

impl Pool {
    fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, state: Mutex::default(), work_came: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No foreign code runs under this lock, so a poisoned one is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(self: &Arc<Self>, link: &Arc<Link>, services: &Arc<Services>, arrived: Arrived) {
        let kept = (arrived.call == ONE_WAY).then(|| Arc::clone(link));
        let work = Work { link: Arc::downgrade(link), services: Arc::clone(services), call: arrived.call, kept };
        if !link.lock().wait_for_worker(arrived) {
            return;
        }
        if self.max == 0 {
            return work.run();
        }
        let mut state = self.lock();
        state.work.push_back(work);
        if state.idle >= state.work.len() || state.running >= self.max {
            drop(state);
            self.work_came.notify_one();
            return;
        }
        state.running = state.running.saturating_add(1);
        drop(state);
        let workers = Arc::clone(self);
        let started = std::thread::Builder::new().name("rapace-worker".into()).spawn(move || workers.work());
        if started.is_err() {
            let mut state = self.lock();
            state.running = state.running.saturating_sub(1);
            // Others may take it as well; somebody does. One that must not wait for others is taken here.
            let work = if state.running == 0 || self.max == usize::MAX { state.work.pop_back() } else { None };
            drop(state);
            if let Some(work) = work {
                work.run();
            }
        }
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            if let Some(work) = state.work.pop_front() {
                drop(state);
                work.run();
                state = self.lock();
                continue;
            }
            state.idle = state.idle.saturating_add(1);
            let (waited, timeout) = self.work_came.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = waited;
            state.idle = state.idle.saturating_sub(1);
            if timeout.timed_out() && state.work.is_empty() {
                state.running = state.running.saturating_sub(1);
                return;
            }
        }
    }
}
