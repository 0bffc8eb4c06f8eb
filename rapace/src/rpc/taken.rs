//! What the reader of a stream took out of the session and has not read.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::VecDeque;

use crate::layout::inline::Inline;
use crate::session::Payload;

/// Up to so many messages are few for one look at a stream whose items follow each other closely.
pub(crate) const FEW: usize = 32;

/// Messages of a stream that are their reader's, in the order of their coming: first `messages`, then those in `short`.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) messages: VecDeque<Payload>,
    /// What descriptors carried, taken straight from the ring when nothing else was left. Kept as words that are read where they
    /// lie: a payload is moved in larger pieces, which waits for words that were just written.
    short: Vec<Inline>,
    /// How many of `short` were read.
    read: usize,
}

impl Taken {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.read >= self.short.len()
    }

    pub(crate) fn clear(&mut self) {
        self.messages.clear();
        self.forget_short();
    }

    /// Makes room for what comes next, of which [nothing is left](Self::is_empty).
    #[inline]
    pub(crate) fn forget_short(&mut self) {
        self.short.clear();
        self.read = 0;
    }

    /// Whether there were more than one, and not many.
    #[inline]
    pub(crate) fn came_few(&self) -> bool {
        (2..=FEW).contains(&self.short.len())
    }

    #[inline(always)]
    pub(crate) fn push_short(&mut self, inline: Inline) {
        self.short.push(inline);
    }

    /// The next of those that descriptors carried, when no other message is left.
    #[inline]
    pub(crate) fn next_short(&mut self) -> Option<&Inline> {
        let next = self.short.get(self.read)?;
        self.read = self.read.saturating_add(1);
        Some(next)
    }

    /// The next message, however it came.
    #[cfg(test)]
    pub(crate) fn pop(&mut self) -> Option<Payload> {
        let first = self.messages.pop_front();
        first.or_else(|| self.next_short().copied().map(Payload::inline))
    }
}
