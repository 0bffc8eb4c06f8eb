//! How both sides of a contender wait for each other.

use std::fmt;

/// What a waiting thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// It sleeps at once.
    Never,
    /// As a user who says nothing gets it: it looks for some microseconds, then sleeps.
    Default,
    /// It never sleeps.
    Forever,
}

impl Waiting {
    /// All of them, with their names.
    pub const ALL: [(Self, &str); 3] = [(Self::Never, "never"), (Self::Default, "default"), (Self::Forever, "forever")];

    /// Reads what [`Display`](fmt::Display) wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(waiting, _)| *waiting)
    }
}

/// Between two looks at a line that the peer is about to write, as the product does it: the first comes to its end before the second, and
/// some 13 ns pass.
#[inline]
#[allow(unsafe_code)]
pub fn settle() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: waits for loads, and touches no memory, registers or flags.
    unsafe {
        std::arch::asm!("lfence", "lfence", options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::hint::spin_loop();
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(waiting, _)| waiting == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}
