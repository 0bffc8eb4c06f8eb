//! Which calls ran: a file to which the server appends a call's number before it does anything, and which survives it.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// On a number whose arguments came with another content.
const CORRUPT: u64 = 1 << 63;

#[derive(Debug)]
pub(crate) struct Ledger(File);

impl Ledger {
    /// The one at a path, made if it is not there. Each record is appended whole, whoever else appends.
    pub(crate) fn open(path: impl AsRef<Path>) -> Result<Self, String> {
        let file = File::options().create(true).append(true).read(true).open(path);
        file.map(Self).map_err(|error| format!("the ledger: {error}"))
    }

    /// Notes that a call runs.
    pub(crate) fn note(&self, id: u64) {
        // One system call: in the page cache of the kernel, where the death of this process does not reach it.
        (&self.0).write_all(&id.to_le_bytes()).expect("the ledger takes a record");
    }

    pub(crate) fn note_corrupt(&self, id: u64) {
        self.note(id | CORRUPT);
    }

    /// How often each call ran.
    pub(crate) fn read(path: &Path) -> Result<HashMap<u64, u32>, String> {
        let bytes = std::fs::read(path).map_err(|error| format!("the ledger: {error}"))?;
        let mut ran = HashMap::new();
        for record in bytes.chunks_exact(8) {
            let id = u64::from_le_bytes(record.try_into().map_err(|_| "a record is cut")?);
            if id & CORRUPT != 0 {
                return Err(format!("the arguments of call {:#x} came with another content", id & !CORRUPT));
            }
            *ran.entry(id).or_default() += 1;
        }
        Ok(ran)
    }

    pub(crate) fn clear(path: &Path) -> Result<(), String> {
        let cleared = File::options().write(true).open(path).and_then(|file| file.set_len(0));
        cleared.map_err(|error| format!("the ledger: {error}"))
    }
}
