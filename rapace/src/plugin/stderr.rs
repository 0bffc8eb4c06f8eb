//! What a plugin writes to its standard error: passed on, and the last lines of it kept.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ChildStderr;

/// Lines that are kept.
const LINES: usize = 20;
/// Bytes of a line that are kept; what follows is a line of its own.
const LINE_BYTES: usize = 1 << 10;
/// Reads of one look, so that a plugin that never stops writing outlasts nobody.
const READS: u32 = 16;

/// Where the lines go.
pub(super) enum Lines {
    /// To this process's own standard error.
    PassedOn,
    /// To the program.
    Told(Box<dyn Fn(&str) + Send>),
}

/// The standard error of a process that runs.
pub(super) struct Tail {
    from: Option<ChildStderr>,
    line: Vec<u8>,
    last: VecDeque<String>,
}

impl Tail {
    pub(super) fn new(from: Option<ChildStderr>) -> Self {
        // One that cannot be read without waiting is not read.
        let from = from.filter(|from| rustix::io::ioctl_fionbio(from, true).is_ok());
        Self { from, line: Vec::new(), last: VecDeque::new() }
    }

    /// To be waited for, as long as something may come.
    pub(super) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.from.as_ref().map(AsFd::as_fd)
    }

    /// Takes out what is there.
    pub(super) fn read(&mut self, lines: &Lines) {
        let mut bytes = [0; 4 << 10];
        for _ in 0..READS {
            let Some(from) = &mut self.from else { return };
            match from.read(&mut bytes) {
                Ok(read @ 1..) => {
                    let read = bytes.get(..read).unwrap_or(&[]);
                    if let Lines::PassedOn = lines {
                        // Nobody can be told that it failed.
                        let _ = std::io::stderr().write_all(read);
                    }
                    for byte in read {
                        if *byte != b'\n' {
                            self.line.push(*byte);
                        }
                        if *byte == b'\n' || self.line.len() >= LINE_BYTES {
                            self.end_line(lines);
                        }
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => self.from = None,
            }
        }
    }

    fn end_line(&mut self, lines: &Lines) {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        if let Lines::Told(tell) = lines {
            // The user's code; if it panics, the plugin runs on.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| tell(&line)));
        }
        if self.last.len() >= LINES {
            self.last.pop_front();
        }
        // What could change how a terminal shows it becomes one harmless character.
        self.last.push_back(line.chars().map(|c| if c.is_control() && c != '\t' { '?' } else { c }).collect());
    }

    /// The last lines, when nothing more comes.
    pub(super) fn end(mut self, lines: &Lines) -> String {
        self.read(lines);
        if !self.line.is_empty() {
            self.end_line(lines);
        }
        Vec::from(self.last).join("\n")
    }
}
