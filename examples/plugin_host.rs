//! A host with three plugins, each a process of its own: one works, one crashes on purpose, one hangs on purpose. The host
//! sees each end, starts them again, and goes on: `cargo run --example plugin_host`.

#[path = "plugin.rs"]
mod plugin;

use std::process::Command;
use std::time::Duration;

use plugin::{FilterClient, Journal, JournalServer};
use rapace::{Config, Event, Plugin, Retry};

/// What the host does for one of its plugins.
struct Notes {
    name: &'static str,
}

impl Journal for Notes {
    fn note(&self, line: &str) {
        println!("{:>8} says: {line}", self.name);
    }
}

/// Starts a plugin: this same program, which is one with these arguments.
fn start(name: &'static str) -> Result<Plugin, Box<dyn std::error::Error>> {
    let mut config = Config::default();
    config.limits.hang_after = Duration::from_millis(500);
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--plugin", name]);
    Ok(Plugin::builder()
        .config(config)
        .serve(JournalServer::new(Notes { name }))
        .restart(Retry::limited(5))
        .kill_unresponsive_after(Duration::from_secs(2))
        .on_event(move |event: &Event| println!("{name:>8} {event}"))
        // The last of what it writes comes with its end.
        .stderr(|_| {})
        .spawn(command)?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().any(|argument| argument == "--plugin") {
        return plugin::main();
    }

    let names = ["works", "crashes", "hangs"];
    let plugins: Vec<Plugin> = names.into_iter().map(start).collect::<Result<_, _>>()?;
    let filters: Vec<FilterClient> = plugins.iter().map(Plugin::client).collect::<Result<_, _>>()?;

    for text in ["one", "two", "three"] {
        for (name, filter) in names.iter().zip(&filters) {
            // A plugin that hangs keeps nobody for longer; one that died is started again meanwhile.
            match filter.apply(text).timeout(Duration::from_secs(10)).wait() {
                Ok(filtered) => println!("{name:>8} made {filtered} of {text}"),
                Err(error) => println!("{name:>8} failed at {text}: {error}"),
            }
        }
    }

    for (name, plugin) in names.into_iter().zip(plugins) {
        if let Some(exit) = plugin.shut_down(Duration::from_secs(5)) {
            println!("{name:>8} at the end: {exit}");
        }
    }
    Ok(())
}
