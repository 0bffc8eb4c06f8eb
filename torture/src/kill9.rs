//! `kill9`: the client, the server, or both are killed at any instant, and whoever is left is asked what it saw.

use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rapace::{Server, ServerHandle};
use tokio::runtime::Runtime;

use crate::belongings::{Belongings, mib, resident, workers_come_back};
use crate::ledger::Ledger;
use crate::load::{Load, Plan};
use crate::process::{Process, argument, say, until};
use crate::random::Random;
use crate::report::{Counters, Outcome, Progress, Table, Times, watch};
use crate::serving::{Face, config, runtime};
use crate::work::{Bench, HomeServer, WorkClient, WorkServer, answer};

/// What a round may take, the time for its processes to start included.
const STUCK: Duration = Duration::from_secs(60);
/// A new session is to work within this.
const SOON: Duration = Duration::from_millis(100);
/// What memory may grow by, in a campaign.
const GROWTH_MAX: u64 = 64 << 20;

/// What is the same in all rounds.
struct Campaign {
    directory: tempfile::TempDir,
    runtime: Runtime,
    /// Of rounds in which the client is killed: a server on each face.
    bench: Arc<Bench>,
    house: ServerHandle,
    tasks: rapace::aio::ServerHandle,
    base: Belongings,
    counters: Counters,
    /// What a thread that reads from a pipe of the killed process needs to see its end: the kernel's share of the next.
    seen_bare: Times,
    noticed: Times,
    cleared: Times,
    connected: Times,
    calls: u64,
}

/// Kills in so many rounds, the first by this seed and each further one by the next.
pub(crate) fn run(rounds: u64, seed: u64, busy: bool) -> Outcome {
    let mut campaign = Campaign::new()?;
    let _burners: Vec<_> = (0..if busy { 2 } else { 0 }).map(|_| Process::start("burn", &[&1_000])).collect();
    // What is made once is made before anything is counted.
    watch("warming up", format_args!("kill9 --rounds {rounds} --seed {seed}"), STUCK);
    for round in 0..6 {
        campaign.round(0x5eed_0000 + round).map_err(|error| format!("warming up: {error}"))?;
    }
    let mut campaign = campaign.warmed_up();
    let resident_before = resident(std::process::id()).unwrap_or(0);
    let mut progress = Progress::new();
    for round in 0..rounds {
        let seed = seed.wrapping_add(round);
        let busy = if busy { " --busy" } else { "" };
        watch(format_args!("round {round}"), format_args!("kill9 --rounds 1 --seed {seed}{busy}"), STUCK);
        campaign.round(seed).map_err(|error| format!("round {round}: {error}"))?;
        progress.say(format_args!("kill9: {} of {rounds} rounds, {} calls", round + 1, campaign.calls));
    }
    let grown = resident(std::process::id()).unwrap_or(0).saturating_sub(resident_before);
    if grown > GROWTH_MAX {
        return Err(format!("memory grew by {} in {rounds} rounds", mib(grown)));
    }
    workers_come_back(std::process::id())?;
    campaign.check_that_something_was_tested(rounds)?;
    let mut table = Table::default();
    table.row("rounds", rounds);
    table.row("calls of survivors, each ended once", campaign.calls);
    table.row("kill to the failure of a pending call", &campaign.noticed);
    table.row("kill to the end of a pipe of its, at the same kills", &campaign.seen_bare);
    table.row("kill of a client to the end of its last handler", &campaign.cleared);
    table.row("connect and first call afterwards", &campaign.connected);
    table.row("of these above 100 ms", campaign.connected.above(SOON));
    table.row("memory of the survivor grew by", mib(grown));
    table.counts("ended", &campaign.counters.all());
    table.counts("at the surviving server", &campaign.bench.reasons.all());
    Ok(table)
}

impl Campaign {
    fn new() -> Result<Self, String> {
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let runtime = runtime()?;
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir(at("sockets")).map_err(|error| error.to_string())?;
        let bench = Bench::with_ledger(&at("ledger").display().to_string())?;
        let server = Server::new(WorkServer::new(Arc::clone(&bench))).config(config());
        let house = server.bind(at("sockets/threads")).map_err(|error| error.to_string())?;
        let server = rapace::aio::Server::new(WorkServer::new(Arc::clone(&bench))).config(config());
        let tasks = runtime.block_on(async { server.bind(at("sockets/tasks")) }).map_err(|error| error.to_string())?;
        // A watcher, and what else is made for the first session alone.
        let mut base = Belongings::own();
        base.fds += 8;
        base.threads += 4;
        Ok(Self {
            base,
            directory,
            runtime,
            bench,
            house,
            tasks,
            counters: Counters::default(),
            seen_bare: Times::default(),
            noticed: Times::default(),
            cleared: Times::default(),
            connected: Times::default(),
            calls: 0,
        })
    }

    /// With what it has now as the base, and nothing counted.
    fn warmed_up(self) -> Self {
        std::thread::sleep(Duration::from_millis(200));
        Self {
            base: Belongings::own(),
            counters: Counters::default(),
            seen_bare: Times::default(),
            noticed: Times::default(),
            cleared: Times::default(),
            connected: Times::default(),
            calls: 0,
            ..self
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn round(&mut self, seed: u64) -> Result<(), String> {
        let mut random = Random::new(seed);
        Ledger::clear(&self.at("ledger"))?;
        match random.below(10) {
            0..=4 => self.kill_the_server(&mut random)?,
            5..=7 => self.kill_the_client(&mut random)?,
            _ => self.kill_both(&mut random)?,
        }
        // Whatever was killed, nothing is left but the sockets, of which only that of a killed server is nobody's.
        let mut left: Vec<_> = names_in(&self.at("sockets"))?;
        left.retain(|name| !["threads", "tasks", "victim"].contains(&name.as_str()));
        if !left.is_empty() {
            return Err(format!("files are left: {left:?}"));
        }
        self.base.come_back(std::process::id())
    }

    /// This process is the client.
    fn kill_the_server(&mut self, random: &mut Random) -> Result<(), String> {
        let (path, ledger) = (self.at("sockets/victim"), self.at("ledger"));
        let face = if random.once_in(3) { Face::Tasks } else { Face::Threads };
        let plan = Plan::any(random);
        let is_early = random.once_in(8);
        let instant = random.micros(if is_early { 10_000 } else { 40_000 });
        let builder =
            |bench: &Arc<Bench>| WorkClient::builder().config(config()).serve(HomeServer::new(Arc::clone(bench)));
        let home = Arc::new(Bench::default());
        // Early ones are killed while they start or shake hands.
        let (mut server, connect): (_, Box<dyn FnOnce() -> Result<WorkClient, rapace::ConnectError>>);
        if random.once_in(3) {
            let (ours, theirs) = UnixStream::pair().map_err(|error| error.to_string())?;
            server = Process::start_over("serve over", &[&ledger.display()], theirs);
            let builder = builder(&home);
            connect = Box::new(move || builder.over(ours));
        } else {
            server = Process::start("serve", &[&path.display(), &ledger.display(), &face]);
            if !is_early {
                server.expect("ready")?;
            }
            let wait = if is_early { instant } else { Duration::ZERO };
            let (builder, path) = (builder(&home).wait_for_server(wait), path.clone());
            connect = Box::new(move || builder.connect(path));
        }
        let kill = server.killer();
        let load = Load::new(plan, random.number() >> 16);
        let (connected, ready) = std::sync::mpsc::channel::<()>();
        let (killed, seen) = std::thread::scope(|scope| {
            let seeing = scope.spawn(|| {
                while server.hear().is_some() {}
                Instant::now()
            });
            let killing = scope.spawn(move || {
                if !is_early {
                    // An error is that connecting failed, which it must not.
                    let _ = ready.recv();
                }
                std::thread::sleep(instant);
                kill()
            });
            match connect() {
                Ok(client) => {
                    let _ = connected.send(());
                    load.run(&client, random, &self.runtime);
                    self.counters.count("kills of a server under load");
                }
                Err(_) if is_early => self.counters.count("kills of a server before there was a session"),
                Err(error) => return Err(error.to_string()),
            }
            killing.join().and_then(|killed| Ok((killed, seeing.join()?))).map_err(|_| "the killer panicked".to_owned())
        })?;
        server.wait();
        let tally = load.tally();
        for _ in 0..tally.note_after(killed, &mut self.noticed) {
            self.seen_bare.note(seen - killed);
        }
        self.calls += tally.fates.len() as u64;
        tally.check(&Ledger::read(&ledger)?, &self.counters)?;
        if !until(Duration::from_secs(5), || home.handlers.are_even()) {
            return Err("a handler of a call back has not ended".into());
        }
        is_uncorrupted(&home)?;
        self.start_another(&path, face)
    }

    /// A new server at the path of the killed one, and a session with it.
    fn start_another(&mut self, path: &Path, face: Face) -> Result<(), String> {
        let mut server = Process::start("serve", &[&path.display(), &self.at("ledger").display(), &face]);
        server.expect("ready")?;
        self.connect_and_call(path)?;
        server.kill();
        Ok(())
    }

    fn connect_and_call(&mut self, path: &Path) -> Result<(), String> {
        let began = Instant::now();
        let client = WorkClient::connect(path).map_err(|error| format!("no new session: {error}"))?;
        match client.echo(1, 100, &[]).wait() {
            Ok(bytes) if bytes == answer(1, &[], 100) => self.connected.note(began.elapsed()),
            other => return Err(format!("the first call of a new session ended with {other:?}")),
        }
        Ok(())
    }

    /// This process is the server.
    fn kill_the_client(&mut self, random: &mut Random) -> Result<(), String> {
        let is_on_tasks = random.once_in(3);
        let path = self.at(if is_on_tasks { "sockets/tasks" } else { "sockets/threads" });
        let mut client = Process::start("load", &[&path.display(), &random.seed()]);
        if !random.once_in(8) {
            client.expect("connected")?;
        }
        std::thread::sleep(random.micros(40_000));
        let killed = client.killer()();
        client.wait();
        let bench = Arc::clone(&self.bench);
        let is_empty = || {
            let [threads, tasks] = [self.house.stats(), self.tasks.stats()];
            let is_empty = threads.sessions.is_empty() && tasks.sessions.is_empty();
            is_empty && threads.handshakes + tasks.handshakes == 0 && bench.handlers.are_even()
        };
        if !until(Duration::from_secs(10), is_empty) {
            return Err(format!("a session of a dead client goes on: {:?}", self.house.stats()));
        }
        self.cleared.note(killed.elapsed());
        self.counters.count("kills of a client");
        is_uncorrupted(&self.bench)?;
        ran_once(&Ledger::read(&self.at("ledger"))?)?;
        self.connect_and_call(&path)
    }

    /// This process is neither.
    fn kill_both(&mut self, random: &mut Random) -> Result<(), String> {
        let path = self.at("sockets/victim");
        let face = if random.once_in(3) { Face::Tasks } else { Face::Threads };
        let mut server = Process::start("serve", &[&path.display(), &self.at("ledger").display(), &face]);
        server.expect("ready")?;
        let mut client = Process::start("load", &[&path.display(), &random.seed()]);
        client.expect("connected")?;
        std::thread::sleep(random.micros(20_000));
        let (first, second) = if random.once_in(2) { (&server, &client) } else { (&client, &server) };
        first.killer()();
        if random.once_in(2) {
            std::thread::sleep(random.micros(2_000));
        }
        second.killer()();
        server.wait();
        client.wait();
        self.counters.count("kills of both");
        ran_once(&Ledger::read(&self.at("ledger"))?)?;
        self.start_another(&path, face)
    }

    /// In many rounds everything happens that is to be checked.
    fn check_that_something_was_tested(&self, rounds: u64) -> Result<(), String> {
        let wanted = ["Ok", "PeerDied, did not run", "PeerDied, may have run", "kills of a client", "kills of both"];
        match wanted.iter().find(|name| rounds >= 200 && self.counters.of(name) == 0) {
            Some(missing) => Err(format!("nothing was tested: {missing:?} never happened")),
            None => Ok(()),
        }
    }
}

fn is_uncorrupted(bench: &Bench) -> Result<(), String> {
    if bench.reasons.of("corrupt") > 0 { Err("content of another call".into()) } else { Ok(()) }
}

/// None of these calls may be made again.
fn ran_once(ran: &HashMap<u64, u32>) -> Result<(), String> {
    match ran.iter().find(|(id, times)| **id > 1 && **times > 1) {
        Some((id, times)) => Err(format!("call {id:#x} ran {times} times")),
        None => Ok(()),
    }
}

fn names_in(directory: &Path) -> Result<Vec<String>, String> {
    let entries = std::fs::read_dir(directory).map_err(|error| error.to_string())?;
    Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

/// In a role: a client and its load until it is killed: path, seed.
pub(crate) fn load(arguments: &[String]) -> Result<(), String> {
    let (path, seed): (String, u64) = (argument(arguments, 0)?, argument(arguments, 1)?);
    let mut random = Random::new(seed);
    let runtime = runtime()?;
    let home = HomeServer::new(Arc::new(Bench::default()));
    let client = WorkClient::builder().config(config()).serve(home).connect(&path);
    let client = client.map_err(|error| error.to_string())?;
    say("connected");
    let load = Load::new(Plan::any(&mut random), random.number() >> 16);
    load.run(&client, &mut random, &runtime);
    load.tally().wrong.first().map_or(Ok(()), |wrong| Err(wrong.clone()))
}
