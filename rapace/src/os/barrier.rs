//! A fence in all threads of this process, made by one of them: who needs it often then needs none (membarrier(2), Linux 4.14).

pub(crate) use variant::{fence_all, is_supported};

#[cfg(all(target_os = "linux", not(rapace_portable)))]
mod variant {
    use std::sync::OnceLock;
    use std::sync::atomic::{Ordering, fence};
    use std::time::Duration;

    use rustix::thread::{MembarrierCommand, membarrier};

    /// For which no processor keeps a store to itself; see below.
    const STORES_REACH_MEMORY: Duration = Duration::from_millis(100);

    /// Whether this process can do so; asked once.
    pub(crate) fn is_supported() -> bool {
        static SUPPORTED: OnceLock<bool> = OnceLock::new();
        *SUPPORTED.get_or_init(|| {
            membarrier(MembarrierCommand::RegisterPrivateExpedited)
                .and_then(|()| membarrier(MembarrierCommand::PrivateExpedited))
                .is_ok()
        })
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
        let again = membarrier(MembarrierCommand::RegisterPrivateExpedited)
            .and_then(|()| membarrier(MembarrierCommand::PrivateExpedited))
            .or_else(|_| membarrier(MembarrierCommand::Global));
        if again.is_err() {
            // Whoever runs is interrupted within this time, which is a fence, and buffered stores drain much sooner.
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
