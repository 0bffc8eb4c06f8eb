//! A session as a hand would open it: connect, a sealed half each way, a message each way.
//!
//! Nothing is negotiated or checked; the memory is made, sealed and mapped as the
//! product does it.

use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use crate::control::Control;
use crate::half::Halves;

/// About a half of a default session.
const LEN: usize = 872 << 10;

/// Meets the server: what is returned is the session.
///
/// # Errors
/// When the server is gone or there is no memory.
pub fn meet(path: &Path) -> io::Result<(Control, Halves)> {
    let socket = Control::over(UnixStream::connect(path)?);
    let halves = Halves::exchange(&socket, LEN)?;
    socket.send(1)?;
    socket.recv()?;
    Ok((socket, halves))
}

/// The server's life: one session after the other.
///
/// # Errors
/// When a session fails, or the measuring process is gone.
pub fn serve(control: &Control, path: &Path) -> io::Result<()> {
    let listener = UnixListener::bind(path)?;
    control.send(0)?;
    loop {
        let socket = Control::over(listener.accept()?.0);
        let halves = Halves::exchange(&socket, LEN)?;
        socket.recv()?;
        socket.send(1)?;
        // The client's end.
        let _ = socket.recv();
        drop((socket, halves));
        control.send(0)?;
    }
}
