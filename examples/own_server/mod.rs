//! A server for a client that was started alone.

#![allow(unreachable_pub, dead_code, reason = "each program uses a part of it")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// This program once more, as `… --serve PATH`, which says `serving` when it does.
pub struct OwnServer {
    process: Child,
    pub path: String,
    _directory: tempfile::TempDir,
}

impl OwnServer {
    pub fn start() -> Result<Self, Box<dyn std::error::Error>> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("own.sock").display().to_string();
        let mut command = Command::new(std::env::current_exe()?);
        let mut process = command.args(["--serve", &path]).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        assert_eq!(line, "serving\n");
        Ok(Self { process, path, _directory: directory })
    }

    /// `kill -9`.
    pub fn kill(&mut self) -> std::io::Result<()> {
        self.process.kill()
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
