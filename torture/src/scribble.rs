//! `scribble`: a process serves and calls a hostile one, which writes garbage over all that it can reach, while an innocent
//! client of it goes on; afterwards the same client beside a process that takes as much CPU time and harms nobody.
//!
//! ```text
//! this process ── innocent session ──► victim ◄── work, raw ── scribbler (a new one every few seconds)
//!                                           └──── calls ─────►
//! ```

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::belongings::{Belongings, mib, resident, workers_come_back};
use crate::burner::burnt;
use crate::load::{Load, Plan};
use crate::process::Process;
use crate::random::Random;
use crate::report::{Counters, Outcome, Progress, Table, Times, lock, watch};
use crate::serving::{Face, config, runtime};
use crate::work::{Bench, HomeServer, WorkClient};

/// What the victim may hold for a handful of sessions within `Limits::hostile()`, and its allocator for its threads.
const MEMORY_MAX: u64 = 256 << 20;
/// Descriptors of the victim beyond those without a scribbler: sessions, and as many handshakes as its limit.
const FDS_MAX: usize = 16 * 4 + 16 * 8;
/// The deadline of every call that must not be held up by the scribbler.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long the innocent client is looked at beside a burner, at most.
const COMPARED: Duration = Duration::from_secs(60);
/// How long a scribbler lives.
const LIFE: Duration = Duration::from_secs(4);

/// Attacks for so long.
pub(crate) fn run(time: Duration, seed: u64) -> Outcome {
    let replay = format!("scribble --time {} --seed {seed}", time.as_secs());
    watch("the victim starts", &replay, Duration::from_secs(30));
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut victim = Process::start("victim", &[&directory.path().display(), &seed]);
    victim.expect("ready")?;
    let mut random = Random::new(seed);
    let innocent = innocent(directory.path())?;
    let mut before = Times::default();
    calls(&innocent, &mut random, Duration::from_secs(1), &mut before)?;
    std::thread::sleep(Duration::from_millis(200));
    let base = Belongings::of(victim.pid());
    let resident_before = resident(victim.pid()).ok_or("the victim is gone")?;
    watch("the attack", &replay, time + COMPARED + Duration::from_secs(60));

    let (is_over, deeds, late) = (AtomicBool::new(false), Counters::default(), std::sync::Mutex::new(Times::default()));
    let (mut most, mut fds) = (0, 0);
    let mut progress = Progress::new();
    let (end, burnt_before) = (Instant::now() + time, burnt());
    let outcome = std::thread::scope(|scope| {
        let stop = StopAtEnd(&is_over);
        let (apart, mut random) = (random.apart(), random.apart());
        scope.spawn(|| attack(directory.path(), apart, end, &deeds));
        let (innocent, is_over, late) = (&innocent, &is_over, &late);
        let calling = scope.spawn(move || {
            let mut times = Times::default();
            let mut outcome = Ok(());
            while outcome.is_ok() && !is_over.load(Ordering::Relaxed) {
                outcome = calls(innocent, &mut random, Duration::from_millis(500), &mut times);
            }
            *lock(late) = times;
            outcome.map_err(|error| format!("an innocent session: {error}"))
        });
        while Instant::now() < end && !calling.is_finished() {
            std::thread::sleep(Duration::from_millis(50));
            let Some(now) = resident(victim.pid()) else { break };
            most = most.max(now);
            fds = fds.max(Belongings::of(victim.pid()).fds);
            progress.say(format_args!(
                "scribble: {} hostile writes, {} sessions",
                deeds.of("writes"),
                deeds.of("sessions")
            ));
        }
        drop(stop);
        calling.join().unwrap_or_else(|_| Err("an innocent session panicked".into()))
    });
    if let Some(status) = victim.ended() {
        return Err(format!("the victim ended with {status}"));
    }
    outcome?;
    if most.saturating_sub(resident_before) > MEMORY_MAX {
        return Err(format!("the victim took {} of memory, {} before", mib(most), mib(resident_before)));
    }
    if fds > base.fds + FDS_MAX {
        return Err(format!("the victim had {fds} descriptors, {} before", base.fds));
    }
    // Nothing of it all is left, and the victim serves as before.
    victim.tell("calm down")?;
    base.come_back(victim.pid())?;
    workers_come_back(victim.pid())?;
    let times = lock(&late).clone();
    calls(&innocent, &mut random, Duration::from_millis(200), &mut Times::default())?;
    let share = ((burnt() - burnt_before).as_secs_f64() / time.as_secs_f64() * 1_000.0) as u32;
    let burner = Process::start("burn", &[&share.max(1)]);
    let (mut compared, span) = (Times::default(), (time / 4).min(COMPARED));
    let end = Instant::now() + span;
    while Instant::now() < end {
        calls(&innocent, &mut random, Duration::from_millis(500), &mut compared)?;
    }
    drop((burner, innocent));
    victim.tell("end")?;
    let mut table = Table::default();
    table.row("hostile writes", deeds.of("writes"));
    table.row("hostile sessions", deeds.of("sessions"));
    table.row(
        "half-open handshakes, bells, files sent",
        format_args!("{}, {}, {}", deeds.of("half open"), deeds.of("bells"), deeds.of("files")),
    );
    table.row("calls of the innocent session", &times);
    table.row("the same before the attack, for a second", &before);
    table.row(
        format_args!("the same beside an innocent process that takes {:.2} CPUs as well", f64::from(share) / 1_000.0),
        &compared,
    );
    table.row(
        "the p99 beside the scribbler × that beside the innocent one",
        format_args!("{:.2}", times.permille(990).as_secs_f64() / compared.permille(990).as_secs_f64()),
    );
    table.row("memory of the victim at most, before", format_args!("{}, {}", mib(most), mib(resident_before)));
    table.row("descriptors of the victim at most, before", format_args!("{fds}, {}", base.fds));
    while let Some(line) = victim.hear() {
        let (name, value) = line.split_once('\t').unwrap_or((&line, ""));
        table.row(name, value);
    }
    match victim.wait() {
        status if !status.success() => Err(format!("the victim ended with {status}")),
        _ if deeds.of("sessions") == 0 => Err("nothing was tested: no scribbler came in".into()),
        _ => Ok(table),
    }
}

struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn innocent(directory: &Path) -> Result<WorkClient, String> {
    let home = HomeServer::new(Arc::new(Bench::default()));
    let client = WorkClient::builder().config(config()).serve(home).timeout(DEADLINE).connect(directory.join("work"));
    client.map_err(|error| format!("an innocent client cannot connect: {error}"))
}

/// Calls for a while, of which each must succeed.
fn calls(client: &WorkClient, random: &mut Random, time: Duration, times: &mut Times) -> Result<(), String> {
    let plan = Plan {
        face: Face::Threads,
        in_flight: 1 + random.below(8),
        body_max: 4_096,
        streams: true,
        one_ways: false,
        callbacks: true,
        idempotent: false,
        lasts: false,
        impatient: false,
    };
    let load = Load::new(plan, random.number() >> 16);
    let runtime = runtime()?;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(time);
            load.stop();
        });
        load.run(client, random, &runtime);
    });
    let tally = load.tally();
    tally.wrong.first().map_or(Ok(()), |wrong| Err(wrong.clone()))?;
    for fate in &tally.fates {
        if fate.how != "Ok" {
            return Err(format!("call {:#x} ended with {}", fate.id, fate.how));
        }
        times.note(fate.ended - fate.begun);
    }
    Ok(())
}

/// One scribbler after the other, some of them killed.
fn attack(directory: &Path, mut random: Random, end: Instant, deeds: &Counters) {
    loop {
        let left = end.saturating_duration_since(Instant::now()).min(LIFE);
        if left < Duration::from_millis(100) {
            return;
        }
        let life = left.as_millis();
        let mut scribbler = Process::start("scribbler", &[&directory.display(), &random.seed(), &life]);
        if random.once_in(5) {
            std::thread::sleep(random.micros(left.as_micros() as usize));
            scribbler.kill();
            deeds.count("killed");
            continue;
        }
        let line = scribbler.hear().unwrap_or_default();
        for (name, number) in ["writes", "sessions", "half open", "bells", "files"].iter().zip(line.split(' ')) {
            deeds.add(name, number.parse().unwrap_or(0));
        }
        scribbler.wait();
    }
}
