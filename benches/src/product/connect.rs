//! A session over a listening path, up to the answer to its first message.

use std::io;
use std::path::Path;

use rapace::{Head, Listener, PeerA, PeerB, Session};

use crate::control::Control;

/// Meets the server: what is returned is the session.
///
/// # Errors
/// When the session fails.
pub fn meet(path: &Path) -> io::Result<Session<PeerB>> {
    let mut session = Session::<PeerB>::connect(path).map_err(io::Error::other)?;
    session.send(Head::message(1), &[7; 24]).map_err(io::Error::other)?;
    session.recv().map_err(io::Error::other)?;
    Ok(session)
}

/// The server's life: one session after the other.
///
/// # Errors
/// When a session fails, or the measuring process is gone.
pub fn serve(control: &Control, path: &Path) -> io::Result<()> {
    let mut listener = Listener::bind(path).map_err(io::Error::other)?;
    control.send(0)?;
    loop {
        let offer = listener.accept().map_err(io::Error::other)?;
        let mut session: Session<PeerA> = offer.open().map_err(io::Error::other)?;
        session.recv().map_err(io::Error::other)?;
        session.send(Head::message(1), &[7; 24]).map_err(io::Error::other)?;
        // The client's farewell.
        let _ = session.recv();
        drop(session);
        control.send(0)?;
    }
}
