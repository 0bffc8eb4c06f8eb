//! The streams of a load, in both directions: all that was sent comes, in order, and each one ends with a reason.

use rapace::CallError;

use super::{Load, Ran};
use crate::random::Random;
use crate::work::{WorkClient, content, item_len, reason};

impl Load {
    /// Streams towards this side.
    pub(super) fn read(&self, client: &WorkClient, mut random: Random) {
        loop {
            let (id, begun) = self.begin();
            let items = random.size(2_000) as u32;
            let (to, mut from) = rapace::stream();
            let call = match client.source(id, items, to).start() {
                Ok(call) => call,
                Err(error) => {
                    if self.end_badly(id, begun, &error) {
                        return;
                    }
                    continue;
                }
            };
            let mut came = 0;
            let why = loop {
                match from.recv().wait() {
                    Ok(Some(body)) if body == content(id ^ came, item_len(id, came)) => came += 1,
                    Ok(Some(_)) => self.is_wrong(format!("item {came} of stream {id:#x} has another content")),
                    Ok(None) => break "end".to_owned(),
                    Err(error) => break reason(&error),
                }
            };
            self.streams.count(&format!("in: {why}"));
            match call.wait() {
                Ok(sent) => {
                    if (sent, came) != (u64::from(items), sent) {
                        self.is_wrong(format!(
                            "stream {id:#x} brought {came} of {items} items, {sent} sent, and {why}"
                        ));
                    }
                    self.note(id, begun, Ran::Yes, "Ok".into());
                    if self.is_stopped() {
                        return;
                    }
                }
                Err(error) => {
                    if self.end_badly(id, begun, &error) {
                        return;
                    }
                }
            }
        }
    }

    /// Streams from this side.
    pub(super) fn write(&self, client: &WorkClient, mut random: Random) {
        loop {
            let (id, begun) = self.begin();
            let items = random.size(2_000) as u64;
            let (mut to, from) = rapace::stream();
            let call = match client.sink(id, from).start() {
                Ok(call) => call,
                Err(error) => {
                    if self.end_badly(id, begun, &error) {
                        return;
                    }
                    continue;
                }
            };
            let sent = (0..items).try_for_each(|item| to.send(content(id ^ item, item_len(id, item))).wait());
            drop(to);
            self.streams.count(&format!("out: {}", sent.as_ref().map_or_else(reason, |()| "end".into())));
            let is_over = match call.wait() {
                Ok(came) => {
                    if came != items {
                        self.is_wrong(format!("{came} of {items} items of stream {id:#x} came"));
                    }
                    self.note(id, begun, Ran::Yes, "Ok".into());
                    self.is_stopped()
                }
                Err(CallError::App(why)) => {
                    self.is_wrong(format!("the reader of stream {id:#x} says {why}"));
                    self.note(id, begun, Ran::Yes, "App".into());
                    self.is_stopped()
                }
                Err(CallError::Rpc(error)) => self.end_badly(id, begun, &error),
            };
            if is_over {
                return;
            }
        }
    }
}
