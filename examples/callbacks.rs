//! Two processes that call each other: `cargo run --example callbacks` is a host, which starts a plugin as a process of its
//! own. The plugin fills templates, asks the host for what stands in them, and is asked in turn.

mod own_server;

use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use own_server::OwnServer;
use rapace::{CallResult as _, Context};

/// What the plugin does for its host.
#[rapace::service]
trait Plugin {
    /// Replaces each `$name` in a template by what the host says it stands for.
    fn fill(&self, cx: &Context, template: &str) -> Result<String, String>;
    /// Has the host hear something later, when this call is over.
    fn remind(&self, cx: &Context, of: String) -> bool;
}

/// What the host does for its plugins.
#[rapace::service]
trait Host {
    fn value(&self, cx: &Context, name: &str) -> Result<String, String>;
    /// Nobody waits for it.
    #[rapace(oneway)]
    fn say(&self, line: &str);
}

struct Templates;

impl Plugin for Templates {
    fn fill(&self, cx: &Context, template: &str) -> Result<String, String> {
        // By this client the host's thread that waits for this call handles what it is asked meanwhile.
        let host = cx.client::<HostClient>().map_err(|error| error.to_string())?;
        let word = |word: &str| match word.strip_prefix('$') {
            Some(name) => host.value(name).wait().split().map_err(|error| error.to_string())?,
            None => Ok(word.to_owned()),
        };
        Ok(template.split(' ').map(word).collect::<Result<Vec<_>, _>>()?.join(" "))
    }

    fn remind(&self, cx: &Context, of: String) -> bool {
        // The client can be kept. A call that is part of no other is handled by a thread that the host has for that.
        let host = cx.client::<HostClient>();
        let remind = |host: HostClient| std::thread::spawn(move || host.say(&of).wait());
        host.map(remind).is_ok()
    }
}

struct Values {
    said: Mutex<Sender<String>>,
}

impl Host for Values {
    fn value(&self, cx: &Context, name: &str) -> Result<String, String> {
        let template = match name {
            "author" => "$first Lovelace",
            "first" => "Ada",
            "endless" => "$endless",
            _ => return Err(format!("there is no {name}")),
        };
        // It may have names in it: the plugin, which waits for this answer, is called within that.
        let plugin = cx.client::<PluginClient>().map_err(|error| error.to_string())?;
        plugin.fill(template).wait().split().map_err(|error| error.to_string())?
    }

    fn say(&self, line: &str) {
        if let Ok(said) = self.said.lock() {
            let _ = said.send(line.to_owned());
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().nth(1).as_deref() == Some("--serve") {
        let path = std::env::args().nth(2).ok_or("no path")?;
        let server = rapace::Server::new(PluginServer::new(Templates)).bind(path)?;
        println!("serving");
        return Ok(server.join()?);
    }
    let own = OwnServer::start()?;
    let (said, heard) = channel();
    let host = HostServer::new(Values { said: Mutex::new(said) });
    let plugin = PluginClient::builder().serve(host).connect(&own.path)?;

    let filled = plugin.fill("written by $author").wait().split()??;
    assert_eq!(filled, "written by Ada Lovelace");
    println!("three calls deep: {filled}");

    let error = plugin.fill("$nobody").wait().split()?.err().ok_or("somebody is called nobody")?;
    assert_eq!(error, "there is no nobody");
    println!("an error comes through both: {error}");

    // Two programs that call each other can do so without end. A limit ends it, and both go on.
    let error = plugin.fill("$endless").wait().split()?.err().ok_or("it had an end")?;
    assert!(error.contains("nesting_max"));
    println!("without end: {error}");

    assert!(plugin.remind("it is time".to_owned()).wait()?);
    let line = heard.recv_timeout(Duration::from_secs(10))?;
    assert_eq!(line, "it is time");
    println!("later, by a one-way call: {line}");
    Ok(())
}
