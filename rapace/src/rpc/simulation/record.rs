//! What happened in a run.

use std::collections::{HashMap, HashSet};

/// What both sides did, by the names of calls.
#[derive(Default)]
pub(super) struct Record {
    /// Whose.
    pub(super) begun: HashMap<u64, usize>,
    pub(super) ended: HashSet<u64>,
    pub(super) executed: HashSet<u64>,
    /// By call and stream: how many items were sent, and received; whether its reader saw its end.
    pub(super) sent: HashMap<(u64, u32), u64>,
    pub(super) received: HashMap<(u64, u32), u64>,
    pub(super) finished: HashSet<(u64, u32)>,
    pub(super) whole: HashSet<(u64, u32)>,
    /// How many requests were handled where their parent's answer was waited for, and messages sent in fragments.
    pub(super) nested: usize,
    pub(super) fragmented: usize,
}
