//! `starve`: no descriptors or no address space are left while a client connects or a server serves. It is an error that says
//! so, nothing of the try is left, and everything works again afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rapace::Server;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::belongings::Belongings;
use crate::process::{Process, argument, say, told, until};
use crate::random::Random;
use crate::report::{Outcome, Progress, Table, Times, watch};
use crate::serving::config;
use crate::work::{Bench, WorkClient, WorkServer, answer};

/// Tries of each process.
const TRIES: u64 = 40;

fn limit(resource: Resource, to: Option<u64>) -> Result<(), String> {
    let maximum = getrlimit(resource).maximum;
    setrlimit(resource, Rlimit { current: to.or(maximum), maximum }).map_err(|error| error.to_string())
}

fn works(path: &PathBuf) -> Result<(), String> {
    let client = WorkClient::builder().config(config()).connect(path).map_err(|error| error.to_string())?;
    match client.echo(7, 100, &[]).wait() {
        Ok(bytes) if bytes == answer(7, &[], 100) => Ok(()),
        other => Err(format!("a call ended with {other:?}")),
    }
}

/// In a role: a client that is starved: path, seed, of what. Says how its tries ended.
pub(crate) fn client(arguments: &[String]) -> Result<(), String> {
    let (path, seed): (PathBuf, u64) = (argument(arguments, 0)?, argument(arguments, 1)?);
    let of_fds = arguments.get(2).is_some_and(|what| what == "fds");
    let mut random = Random::new(seed);
    // What is made once, as the thread that watches over those that sleep, is made before.
    let once = WorkClient::builder().config(config()).connect(&path).map_err(|error| error.to_string())?;
    (0..3).try_for_each(|_| once.slow(1, 20_000, &[]).wait().map(drop)).map_err(|error| error.to_string())?;
    drop(once);
    // Memory that the allocator has at hand, so that what fails is what the session asks the system for.
    let blocks: Vec<_> = (0..256).map(|_| vec![1_u8; 64 << 10]).collect();
    let pinned = Box::new(1_u8);
    drop(blocks);
    std::thread::sleep(Duration::from_millis(50));
    let base = Belongings::own();
    for _ in 0..TRIES {
        if of_fds {
            limit(Resource::Nofile, Some(free()? + random.below(6)))?;
        } else {
            limit(Resource::As, Some(mapped() + random.below(8 << 20)))?;
        }
        let result = works(&path);
        limit(if of_fds { Resource::Nofile } else { Resource::As }, None)?;
        say(result.err().unwrap_or_else(|| "worked".into()));
        base.come_back(std::process::id())?;
        works(&path).map_err(|error| format!("afterwards: {error}"))?;
        base.come_back(std::process::id())?;
    }
    drop(pinned);
    Ok(())
}

/// The lowest number that no descriptor of this process has.
fn free() -> Result<u64, String> {
    let file = fs::File::open("/dev/null").map_err(|error| error.to_string())?;
    Ok(file.as_raw_fd() as u64)
}

/// Bytes of address space that this process takes.
fn mapped() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').next().and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4_096
}

/// In a role: a server that is starved: path. Each line is a number of descriptors that it may have beyond what it has, or
/// `enough`.
pub(crate) fn server(arguments: &[String]) -> Result<(), String> {
    let path: PathBuf = argument(arguments, 0)?;
    let server = Server::new(WorkServer::new(Arc::new(Bench::default()))).config(config()).bind(path);
    let _server = server.map_err(|error| error.to_string())?;
    say("ready");
    while let Some(line) = told() {
        let more = line.parse::<u64>().ok();
        limit(Resource::Nofile, more.map(|more| free().map(|free| free + more)).transpose()?)?;
        say("limited");
    }
    Ok(())
}

/// Processor time that a process has used.
fn cpu_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    Duration::from_millis(fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10)
}

pub(crate) fn run(rounds: u64, seed: u64) -> Outcome {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = directory.path().join("socket");
    let house = Server::new(WorkServer::new(Arc::new(Bench::default()))).config(config()).bind(&path);
    let house = house.map_err(|error| error.to_string())?;
    let (mut ends, mut tried, mut again) = (BTreeMap::<String, u64>::new(), Times::default(), Times::default());
    let (mut busy, mut progress) = (0.0_f64, Progress::new());
    for round in 0..rounds {
        let seed = seed.wrapping_add(round);
        watch(format_args!("round {round}"), format_args!("starve --rounds 1 --seed {seed}"), Duration::from_secs(120));
        let mut random = Random::new(seed);
        for what in ["fds", "memory"] {
            let mut client = Process::start("starved client", &[&path.display(), &random.seed(), &what]);
            while let Some(line) = client.hear() {
                let is_clear = ["worked", "open files", "RLIMIT_NOFILE", "allocate memory", "starting a thread"];
                if !is_clear.iter().any(|words| line.contains(words)) {
                    return Err(format!("a client without {what} is told: {line}"));
                }
                *ends.entry(format!("client without {what}: {line}")).or_default() += 1;
            }
            let status = client.wait();
            if !status.success() {
                return Err(format!("round {round}: a client without {what} ended with {status}"));
            }
        }
        if !until(Duration::from_secs(10), || house.stats().sessions.is_empty() && house.stats().handshakes == 0) {
            return Err(format!("round {round}: sessions of starved clients are left: {:?}", house.stats()));
        }

        let other = directory.path().join(round.to_string());
        let mut server = Process::start("starved server", &[&other.display()]);
        server.expect("ready")?;
        // Its watcher is made when it sleeps for the first time.
        let once = WorkClient::builder().config(config()).connect(&other).map_err(|error| error.to_string())?;
        (0..3).try_for_each(|_| {
            std::thread::sleep(Duration::from_millis(30));
            once.slow(1, 20_000, &[]).wait().map(drop).map_err(|error| error.to_string())
        })?;
        drop(once);
        std::thread::sleep(Duration::from_millis(50));
        let base = Belongings::of(server.pid());
        for _ in 0..TRIES / 4 {
            let more = random.below(10);
            server.tell(more)?;
            server.expect("limited")?;
            let (began, used) = (Instant::now(), cpu_time(server.pid()));
            let tries: Vec<_> = std::thread::scope(|scope| {
                let tries: Vec<_> = (0..4)
                    .map(|_| {
                        scope.spawn(|| {
                            let began = Instant::now();
                            let mut config = config();
                            config.limits.handshake_time = Duration::from_millis(300);
                            let result = WorkClient::builder().config(config).connect(&other);
                            (result.map(drop).map_err(|error| error.to_string()), began.elapsed())
                        })
                    })
                    .collect();
                tries.into_iter().filter_map(|thread| thread.join().ok()).collect()
            });
            let used = cpu_time(server.pid()).saturating_sub(used);
            busy = busy.max(used.as_secs_f64() / began.elapsed().as_secs_f64().max(0.1));
            for (result, time) in tries {
                tried.note(time);
                *ends
                    .entry(format!("server without fds: {}", result.err().unwrap_or_else(|| "worked".into())))
                    .or_default() += 1;
            }
            server.tell("enough")?;
            server.expect("limited")?;
            let began = Instant::now();
            works(&other).map_err(|error| format!("round {round}, server with enough again: {error}"))?;
            again.note(began.elapsed());
            base.come_back(server.pid())?;
        }
        progress.say(format_args!("starve: {} of {rounds} rounds", round + 1));
    }
    let mut table = Table::default();
    table.row("rounds", rounds);
    table.row("connecting to a starved server", &tried);
    table.row("connect and first call when it has enough again", &again);
    table.row("processor time of a starved server, at most", format_args!("{:.0} %", busy * 100.0));
    table.counts("ended", &ends);
    Ok(table)
}
