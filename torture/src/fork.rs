//! `fork`: a peer forks a child that keeps its sockets, and is killed. The other side notices the death though the socket is
//! still open; the child cannot use the session.

#![allow(unsafe_code)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rapace::{Lost, RpcError, Server};

use crate::belongings::Belongings;
use crate::process::{Process, argument, say, until};
use crate::random::Random;
use crate::report::{Outcome, Progress, Table, Times, watch};
use crate::serving::config;
use crate::work::{Bench, WorkClient, WorkServer};

/// Within this a death must be noticed; how soon it is, is a figure.
const NOTICED_WITHIN: Duration = Duration::from_secs(5);

/// Forks. The child does `act`, then keeps all that it has until its standard input ends.
fn fork(act: impl FnOnce()) -> Result<(), String> {
    // SAFETY: the child runs `act` and ends by `_exit`, on this thread; nothing of the other threads is waited for, but the
    // locks of a session, which nobody uses while this process forks.
    let child = unsafe { libc::fork() };
    if child == 0 {
        act();
        let mut byte = 0_u8;
        // SAFETY: the pointer is to a live local of one byte.
        while unsafe { libc::read(0, (&raw mut byte).cast(), 1) } > 0 {}
        // SAFETY: ends the child at once, without the destructors and exit handlers that are its parent's.
        unsafe { libc::_exit(0) };
    }
    if child > 0 { Ok(()) } else { Err(std::io::Error::last_os_error().to_string()) }
}

/// In a role: a client that forks: path. The child says what a call brings it.
pub(crate) fn client(arguments: &[String]) -> Result<(), String> {
    let path: PathBuf = argument(arguments, 0)?;
    let client = WorkClient::builder().config(config()).connect(path).map_err(|error| error.to_string())?;
    client.echo(1, 16, &[]).wait().map_err(|error| error.to_string())?;
    // One more that is in flight.
    let call = client.slow(2, 1_000_000, &[]).start().map_err(|error| error.to_string())?;
    fork(|| {
        let is_forked = |result: Result<Vec<u8>, RpcError>| match result {
            Err(RpcError::Lost(lost)) => *lost == Lost::Forked,
            _ => false,
        };
        let all = [client.echo(3, 16, &[]).wait(), client.echo(4, 16, &[]).start().map(|_| Vec::new()), call.wait()];
        say(if all.into_iter().all(is_forked) { "forked" } else { "not forked" });
    })?;
    loop {
        std::thread::park();
    }
}

/// In a role: a server that forks: path.
pub(crate) fn server(arguments: &[String]) -> Result<(), String> {
    let path: PathBuf = argument(arguments, 0)?;
    let server = Server::new(WorkServer::new(Arc::new(Bench::default()))).config(config()).bind(path);
    let server = server.map_err(|error| error.to_string())?;
    say("ready");
    // When the client has come and has called.
    until(Duration::from_secs(20), || server.stats().total.calls_answered > 0);
    std::thread::sleep(Duration::from_millis(5));
    fork(|| say("forked"))?;
    loop {
        std::thread::park();
    }
}

pub(crate) fn run(rounds: u64, seed: u64) -> Outcome {
    let mut noticed = [Times::default(), Times::default()];
    let (mut base, mut progress) = (None, Progress::new());
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = directory.path().join("socket");
    let house = Server::new(WorkServer::new(Arc::new(Bench::default()))).config(config()).bind(&path);
    let house = house.map_err(|error| error.to_string())?;
    for round in 0..rounds {
        let seed = seed.wrapping_add(round);
        watch(format_args!("round {round}"), format_args!("fork --rounds 1 --seed {seed}"), Duration::from_secs(60));
        let mut random = Random::new(seed);

        // The client dies; its child keeps the socket.
        let mut client = Process::start("fork client", &[&path.display()]);
        client.expect("forked")?;
        std::thread::sleep(random.micros(20_000));
        if house.stats().sessions.len() != 1 {
            return Err(format!("round {round}: the session of a living client is gone"));
        }
        let killed = client.killer()();
        if !until(NOTICED_WITHIN, || house.stats().sessions.is_empty()) {
            return Err(format!("round {round}: the death of a client whose child keeps its socket is not noticed"));
        }
        noticed[0].note(killed.elapsed());
        drop(client);

        // The server dies; its child keeps the sockets.
        let other = directory.path().join(round.to_string());
        let mut server = Process::start("fork server", &[&other.display()]);
        server.expect("ready")?;
        let client = WorkClient::builder().config(config()).connect(&other).map_err(|error| error.to_string())?;
        client.echo(1, 16, &[]).wait().map_err(|error| error.to_string())?;
        server.expect("forked")?;
        let pending = client.slow(2, u32::MAX, &[]).start().map_err(|error| error.to_string())?;
        let sleeps = random.once_in(2);
        let kill = server.killer();
        let pause = random.micros(10_000);
        let ended = std::thread::scope(|scope| {
            // The handler takes 20 ms: it is stopped before, so that there is no answer.
            server.stop()?;
            let killing = scope.spawn(move || {
                std::thread::sleep(pause);
                kill()
            });
            if !sleeps {
                std::thread::sleep(pause * 2);
            }
            let result = pending.wait();
            let ended = std::time::Instant::now();
            let killed = killing.join().map_err(|_| "the killer panicked".to_owned())?;
            match result {
                // It was answered before it was stopped.
                Ok(_) => Ok(None),
                Err(RpcError::PeerDied { .. }) => Ok(Some(ended.saturating_duration_since(killed))),
                Err(other) => Err(format!("round {round}: a pending call ended with {other:?}")),
            }
        })?;
        if let Some(time) = ended {
            noticed[1].note(time);
            if time > NOTICED_WITHIN {
                return Err(format!("round {round}: the death of a server was noticed after {time:?}"));
            }
        }
        drop(client);
        drop(server);
        let base = *base.get_or_insert_with(Belongings::own);
        base.come_back(std::process::id())?;
        progress.say(format_args!("fork: {} of {rounds} rounds", round + 1));
    }
    if noticed[1].count() == 0 {
        return Err("nothing was tested: no call was pending at a death".into());
    }
    let mut table = Table::default();
    table.row("rounds", rounds);
    table.row("death of a client whose child keeps its socket, to the end of its session", &noticed[0]);
    table.row("death of such a server, to the failure of a pending call", &noticed[1]);
    Ok(table)
}
