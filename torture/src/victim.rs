//! The process that a scribbler attacks: it serves it, has sessions with it, and calls it.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rapace::{Config, Limits, Listener, Lost, RecvError, RpcError, SendError, Server};

use crate::process::{argument, say, told};
use crate::random::Random;
use crate::report::{Counters, Times, lock};
use crate::work::{Bench, HomeServer, WorkClient, WorkServer, content, kind_of};

/// The deadline of calls to the scribbler.
const DEADLINE: Duration = Duration::from_millis(50);
/// Later than this after a deadline is a figure,
const LATE: Duration = Duration::from_millis(100);
/// and later than this a failure.
const HUNG: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct Seen {
    /// How sessions and calls with it ended.
    ends: Counters,
    /// Ends of calls, after their deadlines.
    late: std::sync::Mutex<Times>,
    is_calm: AtomicBool,
}

fn hostile() -> Config {
    let mut config = Config::default();
    config.limits = Limits::hostile();
    config
}

/// In a role: directory, seed. Until it is told to calm down, and then to end.
pub(crate) fn victim(arguments: &[String]) -> Result<(), String> {
    let directory: PathBuf = argument(arguments, 0)?;
    let mut random = Random::new(argument(arguments, 1)?);
    // A panic anywhere is a crash.
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("the victim panicked: {panic}");
        std::process::abort();
    }));
    let (seen, bench) = (Arc::new(Seen::default()), Arc::new(Bench::default()));
    let server = Server::new(WorkServer::new(Arc::clone(&bench))).config(hostile()).bind(directory.join("work"));
    let server = server.map_err(|error| error.to_string())?;
    let listener = Listener::bind_with(directory.join("raw"), hostile()).map_err(|error| error.to_string())?;
    let echoing = Arc::clone(&seen);
    std::thread::spawn(move || echo(listener, &echoing));
    let calling = Arc::clone(&seen);
    let liar = directory.join("liar");
    let mut apart = random.apart();
    std::thread::spawn(move || call(&liar, &mut apart, &calling));
    say("ready");
    while let Some(line) = told() {
        if line == "end" {
            break;
        }
        seen.is_calm.store(true, Ordering::Relaxed);
    }
    say(format_args!(
        "violations at the server, of sessions\t{}, {}",
        server.stats().total.violations,
        server.stats().ended
    ));
    let late = lock(&seen.late).clone();
    say(format_args!("calls to the scribbler, beyond their deadline of {DEADLINE:?}\t{late}"));
    say(format_args!("of these above {LATE:?}\t{}", late.above(LATE)));
    for (name, count) in seen.ends.all().into_iter().chain(bench.reasons.all()) {
        say(format_args!("{name}\t{count}"));
    }
    if late.max() > HUNG { Err(format!("a call was held up for {:?}", late.max())) } else { Ok(()) }
}

fn violation(lost: &Lost) -> String {
    match lost {
        Lost::Violation(violation) => format!("violation: {}", kind_of(violation)),
        other => format!("lost: {}", kind_of(other)),
    }
}

/// Bare sessions: what comes is sent back, with a time for it.
fn echo(mut listener: Listener, seen: &Arc<Seen>) {
    loop {
        let Ok(incoming) = listener.accept() else { continue };
        let seen = Arc::clone(seen);
        std::thread::spawn(move || {
            let Ok(mut session) = incoming.open() else { return seen.ends.count("raw: no session") };
            let why = loop {
                match session.recv_timeout(DEADLINE) {
                    Ok(message) => {
                        let head = *message.head();
                        let bytes = message.into_inbound_payload().into_vec();
                        match session.send_timeout(head, &bytes, DEADLINE) {
                            Err(SendError::Lost(lost)) => break violation(&lost),
                            Err(SendError::Closed) => break "Closed".into(),
                            _ => {}
                        }
                    }
                    Err(RecvError::Timeout) => {}
                    Err(RecvError::Lost(lost)) => break violation(&lost),
                    Err(other) => break kind_of(&other),
                }
            };
            seen.ends.count(&format!("raw: {why}"));
        });
    }
}

/// Calls and streams to the scribbler, all with a deadline.
fn call(liar: &Path, random: &mut Random, seen: &Arc<Seen>) {
    loop {
        std::thread::sleep(Duration::from_millis(1));
        if seen.is_calm.load(Ordering::Relaxed) {
            continue;
        }
        let Ok(socket) = UnixStream::connect(liar) else { continue };
        let home = HomeServer::new(Arc::new(Bench::default()));
        let client = match WorkClient::builder().config(hostile()).serve(home).timeout(DEADLINE).over(socket) {
            Ok(client) => client,
            Err(error) => {
                seen.ends.count(&format!("caller: no session, {}", kind_of(&error)));
                continue;
            }
        };
        let why = std::thread::scope(|scope| {
            let streaming = random.once_in(2).then(|| scope.spawn(|| stream(&client, seen)));
            let why = calls(&client, random, seen);
            let _ = streaming.map(|thread| thread.join());
            why
        });
        let began = Instant::now();
        drop(client);
        lock(&seen.late).note(began.elapsed());
        seen.ends.count(&format!("caller: {why}"));
    }
}

/// Until the session is over, or for some rounds.
fn calls(client: &WorkClient, random: &mut Random, seen: &Seen) -> String {
    for _ in 0..4 {
        let mut pending = Vec::new();
        let in_flight = 1 + random.size(63);
        for _ in 0..in_flight {
            let began = Instant::now();
            let id = random.number();
            let body = content(id, random.size(20_000));
            match client.echo(id, 100, &body).start() {
                Ok(call) => pending.push((began, call)),
                Err(error) => {
                    if let Some(why) = ended(began + DEADLINE, Err(error), seen) {
                        return why;
                    }
                }
            }
        }
        let mut last = None;
        for (began, call) in pending {
            // It is late from its deadline on, or from when it is asked for, if starting the others took that long.
            let due = (began + DEADLINE).max(Instant::now());
            last = ended(due, call.wait(), seen).or(last);
        }
        if let Some(why) = last {
            return why;
        }
    }
    "left by this side".into()
}

/// Notes how late it ended, after it was due. Why the session is over, if it is.
fn ended(due: Instant, result: Result<Vec<u8>, RpcError>, seen: &Seen) -> Option<String> {
    lock(&seen.late).note(due.elapsed());
    match result {
        Ok(_) => seen.ends.count("call: Ok"),
        Err(RpcError::Lost(lost)) => return Some(violation(&lost)),
        Err(error @ (RpcError::PeerDied { .. } | RpcError::Closed { .. })) => return Some(kind_of(&error)),
        Err(error) => seen.ends.count(&format!("call: {}", kind_of(&error))),
    }
    None
}

fn stream(client: &WorkClient, seen: &Seen) {
    let (began, (to, mut from)) = (Instant::now(), rapace::stream());
    let Ok(call) = client.source(1, 1_000, to).start() else { return };
    while let Ok(Some(_)) = from.recv().wait() {}
    let _ = call.wait();
    lock(&seen.late).note(began.elapsed().saturating_sub(DEADLINE));
    seen.ends.count("streams from the scribbler");
}
