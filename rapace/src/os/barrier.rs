//! A fence in all threads of this process, made by one of them: who needs it often then needs none (membarrier(2), Linux 4.14).

#[cfg(all(target_os = "linux", not(rapace_portable)))]
pub(crate) use variant::prepare;
pub(crate) use variant::{fence_all, is_supported};

#[cfg(all(target_os = "linux", not(rapace_portable)))]
mod variant {
    use std::sync::atomic::{AtomicU8, Ordering, fence};
    use std::time::Duration;

    use rustix::io;
    use rustix::thread::{MembarrierCommand, membarrier};

    /// For which no processor keeps a store to itself; see below.
    const STORES_REACH_MEMORY: Duration = Duration::from_millis(100);

    const UNKNOWN: u8 = 0;
    const ASKED: u8 = 1;
    const YES: u8 = 2;
    const NO: u8 = 3;

    /// Whether this process can do so. In a child that was forked while it was asked, it stays so.
    static SUPPORTED: AtomicU8 = AtomicU8::new(UNKNOWN);

    /// Finds out whether this process can do so, once. Where there are several threads the kernel takes some 15 ms for that.
    pub(crate) fn prepare() {
        // Relaxed, here and below: what is found out stands for itself.
        if SUPPORTED.compare_exchange(UNKNOWN, ASKED, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            SUPPORTED.store(if register_and_fence().is_ok() { YES } else { NO }, Ordering::Relaxed);
        }
    }

    /// Whether this process can do so, as far as that is known.
    pub(crate) fn is_supported() -> bool {
        SUPPORTED.load(Ordering::Relaxed) == YES
    }

    fn register_and_fence() -> io::Result<()> {
        membarrier(MembarrierCommand::RegisterPrivateExpedited)?;
        membarrier(MembarrierCommand::PrivateExpedited)
    }

    /// Returns after each running thread of this process has executed a full fence since the call. To be called where
    /// [`is_supported`] said so.
    pub(crate) fn fence_all() {
        // For this thread, which the kernel may leave out; pairs with what the others do around the fence it makes them execute.
        fence(Ordering::SeqCst);
        if membarrier(MembarrierCommand::PrivateExpedited).is_ok() {
            return;
        }
        // It worked before: this is a forked child, or the process has locked itself in since.
        if register_and_fence().or_else(|_| membarrier(MembarrierCommand::Global)).is_err() {
            SUPPORTED.store(NO, Ordering::Relaxed);
            // What a processor has buffered, or read ahead of its turn, is settled in a fraction of this time.
            std::thread::sleep(STORES_REACH_MEMORY);
        }
    }
}

#[cfg(any(not(target_os = "linux"), rapace_portable))]
mod variant {
    pub(crate) fn is_supported() -> bool {
        false
    }

    pub(crate) fn fence_all() {}
}
