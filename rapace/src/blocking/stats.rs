//! What a server knows of its sessions, on either face.

use std::sync::Arc;

use super::House;
use crate::os::Credentials;
use crate::rpc::link::Link;
use crate::session::{Counts, Stats};

/// What a server and its sessions have counted.
///
/// ```
/// # #[rapace::service]
/// # trait Calculator { fn add(&self, a: i32, b: i32) -> i32; }
/// # struct Calc;
/// # impl Calculator for Calc { fn add(&self, a: i32, b: i32) -> i32 { a + b } }
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("calc.sock");
/// let server = rapace::Server::new(CalculatorServer::new(Calc)).bind(&path)?;
/// let client = CalculatorClient::connect(&path)?;
/// assert_eq!(client.add(1, 2).wait()?, 3);
///
/// let stats = server.stats();
/// assert_eq!(stats.total.messages_received, 1);
/// assert_eq!(stats.sessions.len(), 1);
/// println!("process {}: {}", stats.sessions[0].credentials.pid, stats.sessions[0].stats.own);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServerStats {
    /// What the server's sides of all sessions have counted together, those that have ended among them.
    pub total: Counts,
    /// The sessions that are open, in no order.
    pub sessions: Vec<SessionStats>,
    /// Sessions that have ended.
    pub ended: u64,
    /// Clients that are in their handshake.
    pub handshakes: usize,
}

/// One session of a server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionStats {
    /// Who the client is, by the kernel's word.
    pub credentials: Credentials,
    /// What both sides have counted.
    pub stats: Stats,
}

impl House {
    pub(crate) fn stats(&self) -> ServerStats {
        let guests = self.lock();
        let (open, handshakes) = (guests.sessions(), guests.handshakes);
        let (mut total, ended) = (guests.past, guests.ended);
        drop(guests);
        let look = |link: Arc<Link>| {
            let session = SessionStats { credentials: link.shared.credentials, stats: link.lock().stats() };
            total.add(&session.stats.own);
            session
        };
        let sessions = open.into_iter().map(look).collect();
        ServerStats { total, sessions, ended, handshakes }
    }
}
