//! `stop`: the server is stopped and continued at any instant under load. It is unresponsive then, and never dead; deadlines
//! hold while it stands still, and everything goes on afterwards.

use std::time::{Duration, Instant};

use rapace::{PeerState, RpcError};
use rustix::process::Signal;

use crate::ledger::Ledger;
use crate::load::{Load, Plan};
use crate::process::{Process, until};
use crate::random::Random;
use crate::report::{Counters, Outcome, Progress, Table, Times, watch};
use crate::serving::{Face, config, runtime};
use crate::work::{WorkClient, answer};

const HANG_AFTER: Duration = Duration::from_millis(50);
/// Stops in a round.
const STOPS: u64 = 5;
/// Deadlines may be missed by so much on a machine that is loaded; what they are missed by is a figure.
const LATE_MAX: Duration = Duration::from_secs(3);

pub(crate) fn run(rounds: u64, seed: u64) -> Outcome {
    let runtime = runtime()?;
    let (counters, mut late, mut resumed, mut calls) = (Counters::default(), Times::default(), Times::default(), 0);
    let mut progress = Progress::new();
    for round in 0..rounds {
        let seed = seed.wrapping_add(round);
        watch(format_args!("round {round}"), format_args!("stop --rounds 1 --seed {seed}"), Duration::from_secs(60));
        let mut random = Random::new(seed);
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let [path, ledger] = ["socket", "ledger"].map(|name| directory.path().join(name));
        let face = if random.once_in(3) { Face::Tasks } else { Face::Threads };
        let mut server = Process::start("serve", &[&path.display(), &ledger.display(), &face]);
        server.expect("ready")?;
        let mut config = config();
        config.limits.hang_after = HANG_AFTER;
        let client = WorkClient::builder().config(config).connect(&path).map_err(|error| error.to_string())?;
        let plan = Plan { callbacks: false, ..Plan::any(&mut random) };
        let load = Load::new(plan, random.number() >> 16);
        let outcome = std::thread::scope(|scope| {
            let mut apart = random.apart();
            let (loaded, called, running) = (&load, &client, &runtime);
            scope.spawn(move || loaded.run(called, &mut apart, running));
            let outcome = (0..STOPS).try_for_each(|_| {
                std::thread::sleep(random.micros(30_000));
                stop(&server, &client, &mut random, &mut late, &mut resumed)
            });
            load.stop();
            // One that failed while the server stood still left it so, and what is asked of it has to end.
            server.signal(Signal::CONT);
            outcome
        });
        outcome.map_err(|error| format!("round {round}: {error}"))?;
        let tally = load.tally();
        calls += tally.fates.len() as u64;
        drop(client);
        server.kill();
        tally.check(&Ledger::read(&ledger)?, &counters).map_err(|error| format!("round {round}: {error}"))?;
        if let Some(fate) =
            tally.fates.iter().find(|fate| fate.how.starts_with("PeerDied") || fate.how.starts_with("Closed"))
        {
            return Err(format!("round {round}: a stopped server was taken for gone: {}", fate.how));
        }
        progress.say(format_args!("stop: {} of {rounds} rounds, {calls} calls", round + 1));
    }
    let mut table = Table::default();
    table.row("rounds, stops", format_args!("{rounds}, {}", rounds * STOPS));
    table.row("calls, each ended once", calls);
    table.row("deadlines while it stood still, missed by", &late);
    table.row("going on to the first answer", &resumed);
    table.counts("ended", &counters.all());
    Ok(table)
}

/// Stops it, and continues it.
fn stop(
    server: &Process,
    client: &WorkClient,
    random: &mut Random,
    late: &mut Times,
    resumed: &mut Times,
) -> Result<(), String> {
    server.stop()?;
    let stopped = Instant::now();
    let longest = HANG_AFTER * 2 + random.micros(200_000);
    let mut was_unresponsive = false;
    while !was_unresponsive || stopped.elapsed() < longest {
        let (timeout, began) = (random.micros(30_000), Instant::now());
        match client.echo(random.number(), 16, &[]).timeout(timeout).wait() {
            Err(RpcError::DeadlineExceeded { .. }) => {}
            other => return Err(format!("a call to a stopped server ended with {other:?}")),
        }
        let missed = began.elapsed().saturating_sub(timeout);
        late.note(missed);
        if missed > LATE_MAX {
            return Err(format!("a deadline of {timeout:?} was missed by {missed:?} while the server stood still"));
        }
        match client.session().peer_state() {
            PeerState::Alive => {}
            PeerState::Unresponsive { .. } => was_unresponsive = true,
            state => return Err(format!("a stopped server is {state:?}")),
        }
        if stopped.elapsed() > Duration::from_secs(10) {
            return Err("a stopped server is not unresponsive".into());
        }
    }
    let began = Instant::now();
    server.signal(Signal::CONT);
    let id = random.number() >> 16;
    match client.echo(id, 16, &[]).wait() {
        Ok(bytes) if bytes == answer(id, &[], 16) => resumed.note(began.elapsed()),
        other => return Err(format!("a call to a server that goes on ended with {other:?}")),
    }
    if !until(Duration::from_secs(10), || client.session().peer_state() == PeerState::Alive) {
        return Err(format!("a server that goes on is {:?}", client.session().peer_state()));
    }
    Ok(())
}
