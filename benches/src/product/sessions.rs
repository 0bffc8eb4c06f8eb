//! Many sessions in one server: what they cost it in memory beyond the memory that they share.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::connect;
use super::idle::Shared;
use crate::call::By;
use crate::figures::Figure;
use crate::meeting::Server;
use crate::waiting::Waiting;
use crate::work::Work;

/// What was seen.
#[derive(Clone, Copy, Debug)]
pub struct Sessions {
    /// So many clients, each after its first call.
    pub count: usize,
    /// Memory in use in the server beyond that shared with them and what it used without clients, in KiB.
    pub server_kib: u64,
    /// Memory in use that the server shares with them, in KiB.
    pub shared_kib: u64,
}

impl Sessions {
    /// The figures that it answers.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let what = format!("{} sessions in one server of tasks, its memory beyond their segments", self.count);
        vec![Figure::kib(&what, 64 << 10, self.server_kib)]
    }
}

/// Descriptors that a session may need in one process.
const DESCRIPTORS: u64 = 6;

/// Opens so many, or as many as this process may have descriptors for.
///
/// # Errors
/// When the server or a client does not come up.
pub fn measure(count: usize) -> io::Result<Sessions> {
    // The server inherits what this process may have.
    let limits = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limits.maximum, ..limits })?;
    let count = limits.maximum.map_or(count, |most| count.min((most / DESCRIPTORS) as usize));
    let server = Server::start(Work::CallServer(By::Tasks(Waiting::Default)))?;
    let before = Shared::of(server.peer.pid())?;
    let clients = (0..count).map(|_| connect::call(&server.path)).collect::<io::Result<Vec<_>>>()?;
    let after = Shared::of(server.peer.pid())?;
    drop(clients);
    Ok(Sessions {
        count,
        server_kib: after.other_kib.saturating_sub(before.other_kib),
        shared_kib: after.resident_kib.saturating_sub(before.resident_kib),
    })
}
