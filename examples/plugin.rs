//! A plugin, to be started by a host: `cargo run --example plugin_host` does that with three of it. By itself
//! (`cargo run --example plugin`) it says that it has no host.

use std::sync::atomic::{AtomicU32, Ordering};

/// What a plugin does for its host.
#[rapace::service]
pub(crate) trait Filter {
    fn apply(&self, text: &str) -> String;
}

/// What the host does for its plugins.
#[rapace::service]
pub(crate) trait Journal {
    #[rapace(oneway)]
    fn note(&self, line: &str);
}

struct Words {
    kind: String,
    calls: AtomicU32,
}

impl Filter for Words {
    fn apply(&self, text: &str) -> String {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        match self.kind.as_str() {
            "crashes" if call == 2 => {
                eprintln!("no filter for {text:?}");
                std::process::abort();
            }
            "hangs" if call == 2 => loop {
                std::hint::spin_loop();
            },
            _ => text.to_uppercase(),
        }
    }
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kind = std::env::args().nth(2).unwrap_or_else(|| "works".into());
    let filter = Words { kind, calls: AtomicU32::new(0) };
    // Also served: the host sees whether its plugin has a version of the trait that it knows.
    let host = rapace::host()?.serve(FilterServer::new(filter)).connect()?;
    host.client::<JournalClient>()?.note(&format!("process {} is ready", std::process::id())).wait()?;
    // Until the host closes the session or is gone.
    host.join();
    Ok(())
}
