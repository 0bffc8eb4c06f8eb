//! Products of others, with the cargo feature `peers`: they take minutes to build and a newer compiler than rapace.
//!
//! Each is used as its own documentation advises for two processes of one machine, in the mode of it that is the fastest here:
//! byte strings as such where it knows them, limits raised only where a message would not pass, and current-thread runtimes.

pub mod iceoryx2;
pub mod ipc_channel;
pub mod remoc;
pub mod shmipc;
pub mod tarpc;
pub mod tonic;

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::thread;

use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Builder;

use crate::control::Control;
use crate::product::calls::Elsewhere;

/// The measuring side's end of a socket, registered with the runtime that this is called in.
///
/// # Errors
/// When the peer is gone.
fn socket(control: &Control) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    // A descriptor that is not blocking, as the peer's runtime wants it.
    control.send_fd(theirs.as_fd())?;
    Ok(ours)
}

/// The life of a server at `path`, on a current-thread runtime, with a task for each client.
///
/// # Errors
/// When it cannot listen.
fn serve_at<F: Future<Output = ()> + Send + 'static>(
    control: &Control,
    path: &Path,
    serve: impl Fn(UnixStream) -> F,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = UnixListener::bind(path)?;
        control.send(0)?;
        loop {
            let (socket, _) = listener.accept().await?;
            tokio::spawn(serve(socket));
        }
    })
}

/// Serves on a thread with a current-thread runtime, over the peer's end of such a socket.
///
/// # Errors
/// When the measuring process is gone.
fn serve_socket<F: Future<Output = ()>>(
    control: &Control,
    serve: impl FnOnce(UnixStream) -> F + Send + 'static,
) -> io::Result<Elsewhere> {
    let socket = std::os::unix::net::UnixStream::from(control.recv_fd()?);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().spawn(move || {
        runtime.block_on(async {
            serve(UnixStream::from_std(socket).expect("a socket that does not block")).await;
        });
    })?;
    Ok(Elsewhere)
}
