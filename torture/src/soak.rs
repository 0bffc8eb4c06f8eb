//! `soak`: calls, streams, calls back and new connections at full load for a long time. Descriptors and threads must not grow,
//! nor must memory from one rest between two loads to another; and no wake-up may be lost: one session has nothing else to be
//! woken by, and its two sides sleep between any two steps, at instants that drift past each other.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rapace::Spin;
use tokio::runtime::Runtime;

use crate::belongings::{Belongings, mib, resident};
use crate::ledger::Ledger;
use crate::load::{Load, Plan};
use crate::process::Process;
use crate::random::Random;
use crate::report::{Counters, Outcome, Progress, Table, Times, lock, watch};
use crate::serving::{Face, config, is_narrow, runtime};
use crate::work::{Bench, HomeServer, WorkClient, answer, content};

/// A call that takes longer has lost a wake-up: nothing here takes a hundredth of it.
const LOST: Duration = Duration::from_secs(5);
/// What memory at rest may grow by in the second half. Under load it is what calls carry, which differs by the megabyte.
const GROWTH_MAX: f64 = 16e6;

#[derive(Debug, Default)]
struct Seen {
    calls: AtomicU64,
    connects: AtomicU64,
    /// Resident bytes of server and client after each load, with the second.
    rests: std::sync::Mutex<Vec<(f64, [f64; 2])>>,
    loaded: std::sync::Mutex<Times>,
    alone: std::sync::Mutex<Times>,
    counters: Counters,
}

pub(crate) fn run(time: Duration, seed: u64) -> Outcome {
    let narrow = if is_narrow() { " --narrow" } else { "" };
    let replay = format!("soak --time {}{narrow} --seed {seed}", time.as_secs());
    watch("the soak", &replay, time + Duration::from_secs(20));
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let [path, ledger] = ["socket", "ledger"].map(|name| directory.path().join(name));
    let mut random = Random::new(seed);
    let face = if is_narrow() { random.choose(&[Face::Threads, Face::Tasks]) } else { Face::Threads };
    let mut server = Process::start("serve", &[&path.display(), &ledger.display(), &face]);
    server.expect("ready")?;
    let (seen, is_over, runtime) = (Seen::default(), AtomicBool::new(false), runtime()?);
    let (began, mut progress) = (Instant::now(), Progress::new());
    let mut most = Belongings { fds: 0, threads: 0, halves: 0 };
    let outcome = std::thread::scope(|scope| {
        let (seen, is_over, path, ledger, runtime) = (&seen, &is_over, &path, &ledger, &runtime);
        let mut threads = Vec::new();
        let mut apart = random.apart();
        let pids = [server.pid(), std::process::id()];
        threads.push(scope.spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                one_load(path, ledger, &mut apart, runtime, seen)?;
                let memory = pids.map(|pid| resident(pid).unwrap_or(0) as f64);
                lock(&seen.rests).push((began.elapsed().as_secs_f64(), memory));
            }
            Ok(())
        }));
        for face in [Face::Threads, Face::Tasks] {
            let apart = random.apart();
            threads.push(scope.spawn(move || alone(path, face, apart, runtime, is_over, seen)));
        }
        let apart = random.apart();
        threads.push(scope.spawn(move || come_and_go(path, apart, is_over, seen)));
        while began.elapsed() < time && !threads.iter().any(std::thread::ScopedJoinHandle::is_finished) {
            std::thread::sleep(Duration::from_millis(500));
            let now = Belongings::of(server.pid());
            most.fds = most.fds.max(now.fds);
            most.threads = most.threads.max(now.threads);
            most.halves = most.halves.max(now.halves);
            progress.say(format_args!(
                "soak: {} calls, {} connects",
                seen.calls.load(Ordering::Relaxed),
                seen.connects.load(Ordering::Relaxed)
            ));
        }
        is_over.store(true, Ordering::Relaxed);
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".into())))
    });
    outcome?;
    let rests = lock(&seen.rests);
    let later = &rests[rests.len() / 2..];
    let slopes = [0, 1].map(|side| slope(later.iter().map(|(at, memory)| (*at, memory[side]))));
    let span = time.as_secs_f64() / 2.0;
    if slopes.iter().any(|slope| slope * span > GROWTH_MAX) {
        return Err(format!("memory of server and client grows by {slopes:.0?} bytes a second"));
    }
    let mut table = Table::default();
    table.row("calls", seen.calls.load(Ordering::Relaxed));
    table.row("connections made and closed", seen.connects.load(Ordering::Relaxed));
    table.row("calls under load", &*lock(&seen.loaded));
    table.row("calls alone in their session", &*lock(&seen.alone));
    let last = rests.last().map_or([0.0; 2], |(_, memory)| *memory).map(|bytes| mib(bytes as u64));
    table.row("memory of server, client at the last rest", last.join(", "));
    table.row(
        "its slope in the second half, KiB a minute",
        format_args!("{:.0}, {:.0}", slopes[0] * 60.0 / 1_024.0, slopes[1] * 60.0 / 1_024.0),
    );
    table.row("the server at most", most);
    table.counts("ended", &seen.counters.all());
    Ok(table)
}

/// Of the line through these, by least squares.
fn slope(points: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let count = points.clone().count().max(1) as f64;
    let (x, y) = points.clone().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let (above, below) =
        points.fold((0.0, 0.0), |(a, b), point| (a + (point.0 - x) * (point.1 - y), b + (point.0 - x).powi(2)));
    if below > 0.0 { above / below } else { 0.0 }
}

fn is_lost(time: Duration) -> Result<(), String> {
    if time > LOST { Err(format!("a call took {time:?}: a wake-up was lost")) } else { Ok(()) }
}

/// Everything at once for half a second, judged.
fn one_load(path: &Path, ledger: &Path, random: &mut Random, runtime: &Runtime, seen: &Seen) -> Result<(), String> {
    let home = HomeServer::new(Arc::new(Bench::default()));
    let client = WorkClient::builder().config(config()).serve(home).connect(path).map_err(|error| error.to_string())?;
    let in_flight = 16 + random.below(48);
    let plan = Plan { streams: true, callbacks: true, one_ways: true, ..Plan::with(in_flight, random) };
    // Beyond those of the other threads, of which nobody asks the ledger.
    let load = Load::new(plan, (random.number() >> 16) | 1 << 47);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(500));
            load.stop();
        });
        load.run(&client, random, runtime);
    });
    drop(client);
    let tally = load.tally();
    seen.calls.fetch_add(tally.fates.len() as u64, Ordering::Relaxed);
    tally.check(&Ledger::read(ledger)?, &seen.counters)?;
    Ledger::clear(ledger)?;
    let mut times = lock(&seen.loaded);
    for fate in &tally.fates {
        times.note(fate.ended - fate.begun);
        is_lost(fate.ended - fate.begun)?;
    }
    Ok(())
}

/// One call after the other, with pauses of about as long as a side takes to fall asleep.
fn alone(
    path: &Path,
    face: Face,
    mut random: Random,
    runtime: &Runtime,
    is_over: &AtomicBool,
    seen: &Seen,
) -> Result<(), String> {
    let mut config = config();
    while !is_over.load(Ordering::Relaxed) {
        config.spin = random.choose(&[Spin::Never, Spin::Adaptive]);
        let client = WorkClient::builder().config(config.clone());
        let client = client.connect(path).map_err(|error| error.to_string())?;
        for _ in 0..2_000 {
            let id = random.below(1 << 40);
            let body = content(id, random.size(100));
            let began = Instant::now();
            let call = client.echo(id, 16, &body);
            let result = if face == Face::Tasks { runtime.block_on(async { call.await }) } else { call.wait() };
            let took = began.elapsed();
            lock(&seen.alone).note(took);
            is_lost(took)?;
            if result != Ok(answer(id, &body, 16)) {
                return Err(format!(
                    "a call alone in its session ended with {:?}",
                    result.map(|_| "another one's answer")
                ));
            }
            seen.calls.fetch_add(1, Ordering::Relaxed);
            if random.once_in(2) {
                std::thread::sleep(random.micros(200));
            }
            if is_over.load(Ordering::Relaxed) {
                break;
            }
        }
    }
    Ok(())
}

/// Connects, calls, leaves.
fn come_and_go(path: &Path, mut random: Random, is_over: &AtomicBool, seen: &Seen) -> Result<(), String> {
    while !is_over.load(Ordering::Relaxed) {
        let began = Instant::now();
        let client = WorkClient::builder().config(config()).connect(path).map_err(|error| error.to_string())?;
        let id = random.below(1 << 40);
        match client.echo(id, 10, &[]).wait() {
            Ok(bytes) if bytes == answer(id, &[], 10) => {}
            other => return Err(format!("the call of a new connection ended with {other:?}")),
        }
        drop(client);
        is_lost(began.elapsed())?;
        seen.connects.fetch_add(1, Ordering::Relaxed);
        seen.calls.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(random.micros(2_000));
    }
    Ok(())
}
