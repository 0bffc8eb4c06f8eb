//! `restart`: a server is killed, or told to leave, and started again, again and again, while clients that connect again call.
//!
//! No call of an idempotent method is lost; no other call runs twice; what is said to have run or not to have run is so; and
//! a server that leaves in order loses no call at all.

use std::time::{Duration, Instant};

use rapace::Retry;

use crate::belongings::{Belongings, mib, resident};
use crate::ledger::Ledger;
use crate::load::{Load, Plan};
use crate::process::Process;
use crate::random::Random;
use crate::report::{Counters, Outcome, Progress, Table, Times, watch};
use crate::serving::{Face, config, runtime};
use crate::work::WorkClient;

const STUCK: Duration = Duration::from_secs(90);
/// So soon a client that connects again has found a server that is there.
const FOUND: Duration = Duration::from_secs(10);
/// Restarts in a round.
const RESTARTS: u64 = 5;

/// Rounds of some restarts each.
pub(crate) fn run(rounds: u64, seed: u64) -> Outcome {
    let (counters, mut longest, mut restarts, mut calls) = (Counters::default(), Times::default(), 0, 0);
    let runtime = runtime()?;
    let mut base = None;
    let mut progress = Progress::new();
    for round in 0..rounds {
        let seed = seed.wrapping_add(round);
        watch(format_args!("round {round}"), format_args!("restart --rounds 1 --seed {seed}"), STUCK);
        let mut random = Random::new(seed);
        // Whether all servers leave in order.
        let is_graceful = random.once_in(2);
        let is_on_tasks = random.once_in(2);
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let [path, ledger] = ["socket", "ledger"].map(|name| directory.path().join(name));
        let face = if random.once_in(3) { Face::Tasks } else { Face::Threads };
        let start = || {
            let mut server = Process::start("serve", &[&path.display(), &ledger.display(), &face]);
            server.expect("ready").map(|()| server)
        };
        let mut server = start()?;
        let mut retry = Retry::default();
        retry.max = Duration::from_millis(50);
        retry.patience = Duration::from_secs(30);
        let client = WorkClient::builder().config(config()).reconnect(retry).connect(&path);
        let client = client.map_err(|error| error.to_string())?;
        let plans = [true, false].map(|idempotent| Plan {
            face: if is_on_tasks { Face::Tasks } else { Face::Threads },
            in_flight: 1 + random.below(8),
            body_max: 20_000,
            streams: false,
            one_ways: false,
            callbacks: false,
            idempotent,
            lasts: true,
            impatient: false,
        });
        let loads = plans.map(|plan| Load::new(plan, random.number() >> 16));
        let outcome = std::thread::scope(|scope| {
            for load in &loads {
                let (mut random, client, runtime) = (random.apart(), &client, &runtime);
                // A call of another kind may end with the session; the next one goes to the next session.
                scope.spawn(move || load.run(client, &mut random, runtime));
            }
            let outcome = (1..=RESTARTS).try_for_each(|servers| {
                // So far apart that no call meets more than two deaths, which is as often as it is made again.
                std::thread::sleep(Duration::from_millis(100) + random.micros(100_000));
                await_session(&client, servers)?;
                if is_graceful {
                    server.tell("leave")?;
                    server.expect("left")?;
                    counters.count("servers that left");
                } else {
                    server.signal(rustix::process::Signal::KILL);
                    counters.count("servers that were killed");
                }
                server.wait();
                server = start()?;
                Ok::<_, String>(())
            });
            std::thread::sleep(Duration::from_millis(100));
            let outcome = outcome.and_then(|()| await_session(&client, RESTARTS + 1));
            loads.iter().for_each(Load::stop);
            outcome
        });
        outcome?;
        restarts += RESTARTS;
        let sessions = sessions(&client);
        if sessions != RESTARTS + 1 {
            return Err(format!("round {round}: {sessions} sessions with {} servers", RESTARTS + 1));
        }
        drop(client);
        drop(server);
        let ran = Ledger::read(&ledger)?;
        for (load, idempotent) in loads.into_iter().zip([true, false]) {
            let tally = load.tally();
            calls += tally.fates.len() as u64;
            tally.check(&ran, &counters).map_err(|error| format!("round {round}: {error}"))?;
            for fate in &tally.fates {
                longest.note(fate.ended - fate.begun);
                if fate.how != "Ok" && (idempotent || is_graceful) {
                    return Err(format!("round {round}: a call was lost: {}", fate.how));
                }
            }
        }
        let twice = ran.values().filter(|times| **times > 1).count() as u64;
        counters.add("idempotent calls that ran again", twice);
        if is_graceful && twice > 0 {
            return Err(format!("round {round}: {twice} calls ran twice, though every server left in order"));
        }
        base.get_or_insert_with(|| {
            std::thread::sleep(Duration::from_millis(300));
            Belongings::own()
        });
        base.as_ref().map_or(Ok(()), |base| base.come_back(std::process::id()))?;
        progress.say(format_args!("restart: {restarts} restarts, {calls} calls"));
    }
    let mut table = Table::default();
    table.row("rounds, restarts", format_args!("{rounds}, {restarts}"));
    table.row("calls, each ended once", calls);
    table.row("time of a call, restarts included", &longest);
    table.row("memory at the end", mib(resident(std::process::id()).unwrap_or(0)));
    table.counts("ended", &counters.all());
    Ok(table)
}

/// Sessions that the client has had.
fn sessions(client: &WorkClient) -> u64 {
    client.session().supervision().map_or(0, |supervision| supervision.sessions.into())
}

/// Waits until the client has found its next server: on a busy machine that may take longer than the server is there.
fn await_session(client: &WorkClient, number: u64) -> Result<(), String> {
    let since = Instant::now();
    while sessions(client) < number {
        if since.elapsed() > FOUND {
            return Err(format!("no session with server {number} after {FOUND:?}"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
