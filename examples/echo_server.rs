//! Sends back whatever arrives, to any number of clients at once, until Ctrl-C.
//!
//! `cargo run --example echo_server` prints the line to type in another terminal. Each client has a thread here, which
//! shows what comes, the client's heartbeat, and when it hangs, dies or says goodbye. Ctrl-C and SIGTERM end the server;
//! its clients are told, and no file is left behind.

use std::error::Error;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rapace::{Config, Head, Inbound, Listener, Lost, OpenError, PeerA, PeerState, RecvError, SendError, Session};

/// How often a silent client, and whether the server is to end, is looked at.
const TICK: Duration = Duration::from_millis(500);

static ENDING: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    let Err(error) = serve() else { return ExitCode::SUCCESS };
    eprintln!("echo_server: {error}");
    ExitCode::FAILURE
}

fn serve() -> Result<(), Box<dyn Error>> {
    // A descriptor number means nothing in another process, so the socket's path is made from it.
    let (mut listener, number) = Listener::bind_numbered(Config::default())?;
    let path = listener.path().ok_or("the listener has no path")?.to_owned();
    let door = path.clone();
    ctrlc::set_handler(move || {
        ENDING.store(true, Ordering::Relaxed);
        // A knock of our own ends the wait in `accept`. If the path is gone, there is nothing to wait or tidy up for.
        if UnixStream::connect(&door).is_err() {
            std::process::exit(0);
        }
    })?;
    println!("PeerA is process {}, listening as descriptor {number} at {}.", std::process::id(), path.display());
    println!("In another terminal:\n\n    cargo run --example echo_client -- {number}\n\nCtrl-C ends the server.");
    thread::scope(|scope| {
        loop {
            // An error ends the threads of the clients too.
            let incoming = listener.accept().inspect_err(|_| ENDING.store(true, Ordering::Relaxed))?;
            if ENDING.load(Ordering::Relaxed) {
                return Ok::<_, OpenError>(());
            }
            // The handshake is done on the client's own thread: one that is slow to speak holds up nobody else.
            scope.spawn(|| match incoming.open() {
                Ok(session) => Client { session, hangs: false }.attend(),
                // A starting server knocks to see whether a number is taken.
                Err(OpenError::HungUp) => {}
                Err(error) => println!("somebody knocked, but there is no session: {error}"),
            });
        }
    })?;
    drop(listener);
    println!("The server ended, and {} is gone.", path.display());
    Ok(())
}

struct Client {
    session: Session<PeerA>,
    hangs: bool,
}

impl Client {
    fn attend(mut self) {
        self.say("connected, as PeerB");
        while !ENDING.load(Ordering::Relaxed) {
            match self.session.b_to_a().recv_timeout(TICK) {
                Ok(request) => self.answer(request),
                Err(RecvError::Timeout) => self.look(),
                Err(RecvError::Closed) => return self.say("said goodbye"),
                Err(RecvError::Lost(Lost::PeerDied(how))) => return self.say(&format!("died: {how}")),
                Err(error) => return self.say(&error.to_string()),
            }
        }
        self.say("is told goodbye, as the server ends");
    }

    fn answer(&mut self, request: Inbound) {
        if self.hangs {
            self.look();
        }
        let (head, route) = (Head::terminal(request.head().call(), 0), request.route());
        // A payload in a slot is copied out once; dropping it frees the slot.
        let bytes = request.into_inbound_payload().into_vec();
        let sent = loop {
            match self.session.a_to_b().send_timeout(head, &bytes, TICK) {
                Err(SendError::Timeout) if !ENDING.load(Ordering::Relaxed) => self.look(),
                sent => break sent,
            }
        };
        self.say(&format!("{} bytes, {route}; its heartbeat is {}", bytes.len(), self.session.peer_heartbeat()));
        if let Err(error) = sent {
            self.say(&format!("not answered: {error}"));
        }
    }

    /// Looks at a client that is silent. One that has nothing to do cannot be told from one that hangs, so it is given
    /// something: a question, which it answers by taking it.
    fn look(&mut self) {
        let state = self.session.peer_state();
        if state == PeerState::Alive {
            // If there is no room, then there is enough to do already.
            let _ = self.session.a_to_b().try_send(Head::message(0), b"still there?");
        }
        let hung = std::mem::replace(&mut self.hangs, matches!(state, PeerState::Unresponsive { .. }));
        match (hung, self.hangs) {
            (false, true) => self.say(&format!("hangs; its heartbeat stays at {}", self.session.peer_heartbeat())),
            (true, false) => self.say("moves again"),
            _ => {}
        }
    }

    fn say(&self, what: &str) {
        println!("client {}: {what}", self.session.credentials().pid);
    }
}
