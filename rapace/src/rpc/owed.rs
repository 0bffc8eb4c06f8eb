//! What a link owes its peer and could not send yet: at most one terminal of a call, one cancel, one goodbye, and what the
//! [streams](super::streams) and one-way calls are to tell. It is paid as soon as there is room.

use super::call_id::CallId;
use super::link::Core;
use super::status::Status;
use crate::lane::Outgoing;
use crate::layout::head::{Head, Kind};
use crate::segment::count;
use crate::session::Sending;

impl Core {
    /// Answers a request that was not started, when there is room.
    pub(super) fn refuse_unstarted(&mut self, call: CallId, status: Status, text: &str) {
        if self.engine.owe(call) {
            self.owe(call, status, text);
            self.wake_streams();
        }
    }

    pub(super) fn owe(&mut self, call: CallId, status: Status, text: &str) {
        let text = bounded(text, self.inbox.shared.error_text_bytes());
        self.owed.push_back((Head::terminal(call.0, status as u16), text.as_bytes().into()));
        self.owes = true;
    }

    /// Sends what is owed, as far as there is room.
    #[inline(never)]
    pub(crate) fn pay(&mut self) {
        self.pay_what_fits();
        // Who waits from now on asks for [the room](Self::room_owed); who waits already did so when nothing was owed.
        if self.owes && !std::mem::replace(&mut self.is_debt_known, true) && self.has_waiting() {
            self.nudge_leader();
        }
    }

    fn pay_what_fits(&mut self) {
        // After a close that is not noted yet, a handler that goes with its runtime would say that its call was cancelled.
        let is_open = self.end.is_none() && self.inbox.shared.lost().is_none();
        if is_open {
            self.pay_calls();
        }
        if self.owed.is_empty() {
            self.owes = is_open && !self.pay_streams();
        }
        self.is_debt_known &= self.owes;
    }

    fn has_waiting(&self) -> bool {
        #[cfg(feature = "tokio")]
        let has_tasks = self.has_waiting_tasks() || self.inbox.shared.bell.has_waiters();
        #[cfg(not(feature = "tokio"))]
        let has_tasks = false;
        self.is_led() || has_tasks
    }

    /// Whether nothing is owed of calls any more. What the streams of a call that is over had on their way is free before its
    /// terminal or cancel is sent; until then, what takes its place is not to be.
    #[cold]
    pub(super) fn pays_calls(&mut self) -> bool {
        self.pay();
        self.owed.is_empty()
    }

    /// Terminals and cancels, and the goodbye.
    fn pay_calls(&mut self) {
        while let Some((head, payload)) = self.owed.front() {
            let payload = &**payload;
            let head = *head;
            match self.outbox.advance(&head, &Outgoing::whole(&payload), &mut Sending::default()) {
                Ok(true) => {
                    if head.kind() == Kind::Terminal {
                        self.engine.answer(CallId(head.call()));
                        count(&self.outbox.counts().calls_answered, 1);
                    }
                    self.owed.pop_front();
                }
                Ok(false) => return,
                Err(_) => return self.owed.clear(),
            }
        }
    }

    /// The peer's count of what it gave back, if something is owed that waits for it to move.
    pub(crate) fn room_owed(&mut self) -> Option<u64> {
        if !self.owes {
            return None;
        }
        // Counted before the try, so that what is given back after it ends the wait.
        let freed = self.inbox.shared.freed();
        self.pay_what_fits();
        self.owes.then_some(freed)
    }
}

/// The beginning of a text, in whole characters.
pub(crate) fn bounded(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or("")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use super::*;
    use crate::layout::inline::Inline;
    use crate::rpc::deadline::Deadline;
    use crate::rpc::link::{Begin, Link, Target};
    use crate::rpc::serving::Replying;
    use crate::rpc::simulation::{links, until};
    use crate::rpc::streaming::{Put, SendingItem};
    use crate::rpc::streams::Flow;
    use crate::session::{Config, Spin};

    /// Comes to owe something for which there is no room while somebody waits for requests, and looks that it is paid.
    fn owe_while(waits: impl FnOnce(&Arc<Link>)) {
        let mut config = Config::default();
        config.geometry.ring_entries = 4;
        config.spin = Spin::Never;
        let [a, b] = links(&config);
        let nothing = Outgoing::short(Inline::default());
        let begun = a.start(Target { method: 1, parent: 0 }, &nothing, &mut Deadline::None).unwrap();
        let arrived = b.lock().take_any_request().unwrap();
        // No room is left.
        while b.lock().send_one_way(1, &nothing).unwrap() {}
        waits(&b);
        std::thread::sleep(Duration::from_millis(20));
        b.lock().stop(arrived.call);
        assert!(b.lock().owes);
        until(|| a.try_outcome(begun).is_some());
        b.close();
    }

    #[test]
    fn what_another_thread_comes_to_owe_is_paid_by_the_leader_that_sleeps() {
        let mut serving = None;
        owe_while(|b| {
            let link = Arc::clone(b);
            serving = Some(std::thread::spawn(move || link.request(&mut None)));
            until(|| b.lock().is_led() && b.shared.own.words().noted.sleeps.load(Ordering::Relaxed) > 0);
        });
        assert!(!serving.unwrap().join().unwrap());
    }

    #[cfg(feature = "tokio")]
    #[test]
    fn what_another_thread_comes_to_owe_is_paid_where_only_tasks_wait() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        owe_while(|b| {
            let link = Arc::clone(b);
            runtime.spawn(async move {
                std::future::poll_fn(|cx| link.poll_request(cx, &mut Default::default())).await.is_ok()
            });
            until(|| b.lock().serving.is_some());
        });
    }

    #[test]
    fn no_item_overtakes_what_is_owed_of_calls() {
        let mut config = Config::default();
        config.geometry.ring_entries = 4;
        let [a, b] = links(&config);
        let (empty, nothing) = (Inline::default(), Outgoing::short(Inline::default()));
        let begin = Begin::with_streams(Target { method: 3, parent: 0 }, &[Flow::ToServer]);
        let (_, ends) = a.try_start_streaming(begin, &nothing, Deadline::None).unwrap().unwrap();
        let given_up = a.start(Target { method: 1, parent: 0 }, &nothing, &mut Deadline::None).unwrap();
        // No room is left.
        while a.lock().send_short_item(ends[0], empty.as_lead()).is_some() {}
        a.forget(given_up);
        assert!(a.lock().owes);
        b.lock().pump(None);
        // There is again, but for the cancel first.
        assert!(a.lock().send_short_item(ends[0], empty.as_lead()).is_none());
        assert!(matches!(a.lock().send_item(&mut SendingItem::new(ends[0]), &nothing), Ok(Put::Sent)));
        assert!(!a.lock().owes);
        assert!(a.lock().send_short_item(ends[0], empty.as_lead()).is_some());
    }

    #[test]
    fn what_is_owed_is_paid_when_the_receive_step_stops_at_an_answer() {
        let [a, b] = links(&Config::default());
        let nothing = Outgoing::short(Inline::default());
        let target = Target { method: 1, parent: 0 };
        let begun = b.start(target, &nothing, &mut Deadline::None).unwrap();
        let arrived = a.lock().take_any_request().unwrap();
        // One that is cancelled before it is begun, which is to be answered.
        let given_up = a.start(target, &nothing, &mut Deadline::None).unwrap();
        a.forget(given_up);
        assert!(a.lock().reply(&mut Replying::new(arrived.call, Status::Ok), &nothing));
        assert!(b.lock().take_answer(begun).is_some());
        assert!(!b.lock().owes);
    }
}
