//! The second process: this binary again, with its work in the arguments.

use std::io;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal};

use crate::control::Control;

/// The argument that turns the bench binary into a peer; its work and its CPU follow.
pub const ARGUMENT: &str = "--peer";

/// A running peer; killed when dropped.
#[derive(Debug)]
pub struct Peer {
    /// The wire to it.
    pub control: Control,
    child: Child,
}

impl Peer {
    /// Starts a peer for `work` on `cpu`.
    ///
    /// # Errors
    /// When this binary cannot be run again.
    pub fn spawn(work: &str, cpu: usize) -> io::Result<Self> {
        let (control, theirs) = Control::pair()?;
        let child = Command::new(std::env::current_exe()?)
            .args([ARGUMENT, work, &cpu.to_string()])
            .stdin(Stdio::from(theirs))
            .spawn()?;
        Ok(Self { control, child })
    }

    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Lets it clear away what it has, which one that is killed cannot, and waits for its end.
    ///
    /// # Errors
    /// When its end was not a good one.
    pub fn leave(mut self) -> io::Result<()> {
        self.control.hang_up()?;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
    }

    /// Stops it where it is, threads of its own included, until it [goes on](Self::go_on).
    ///
    /// # Errors
    /// When it is gone.
    pub fn stop(&self) -> io::Result<()> {
        Ok(rustix::process::kill_process(self.pid(), Signal::STOP)?)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it is gone.
    pub fn go_on(&self) -> io::Result<()> {
        Ok(rustix::process::kill_process(self.pid(), Signal::CONT)?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // A spinning peer does not look at its control socket. Both calls fail only for a child
        // that is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says that this process, a peer, is not to outlive the measuring one.
///
/// # Errors
/// Those of `prctl`.
pub fn die_with_parent() -> io::Result<()> {
    Ok(rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?)
}
