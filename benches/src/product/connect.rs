//! A session over a listening path, up to the answer to its first message or call.

use std::io;
use std::path::Path;

use rapace::{Head, Listener, PeerA, PeerB, Session};

use super::calls::{AdderClient, AdderServer, Sum};
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

/// Meets a server of calls: what is returned is the client.
///
/// # Errors
/// When the session or the call fails.
pub fn call(path: &Path) -> io::Result<AdderClient> {
    let client = AdderClient::connect(path).map_err(io::Error::other)?;
    assert_eq!(client.add(20, 22).wait().map_err(io::Error::other)?, 42);
    Ok(client)
}

/// A client of such a server, awaited.
///
/// # Errors
/// When the session fails.
pub async fn meet_awaited(path: &Path) -> io::Result<AdderClient> {
    AdderClient::connect_async(path).await.map_err(io::Error::other)
}

/// The life of a server with a thread for each client.
///
/// # Errors
/// When it cannot listen.
pub fn serve_calls(control: &Control, path: &Path) -> io::Result<()> {
    let server = rapace::Server::new(AdderServer::new(Sum)).bind(path).map_err(io::Error::other)?;
    control.send(0)?;
    server.join().map_err(io::Error::other)
}

/// The life of a server whose clients are tasks of a current-thread runtime.
///
/// # Errors
/// When it cannot listen.
pub fn serve_calls_on_tokio(control: &Control, path: &Path) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = rapace::aio::Server::new(AdderServer::new(Sum)).bind(path).map_err(io::Error::other)?;
        control.send(0)?;
        server.join().await.map_err(io::Error::other)
    })
}
