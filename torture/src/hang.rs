//! `hang`: handlers that never return. Deadlines hold; other sessions, and other calls where the handler is not on their own
//! thread, go on; a caller gets rid of such a session, and leaves nothing behind.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rapace::{RpcError, Server};

use crate::belongings::Belongings;
use crate::process::{Process, argument, say, told};
use crate::random::Random;
use crate::report::{Outcome, Progress, Table, Times, watch};
use crate::serving::{Face, config, runtime};

#[rapace::service(name = "torture.Hang")]
trait Hang {
    fn quick(&self, number: u64) -> u64;
    #[rapace(blocking)]
    fn quick_on_worker(&self, number: u64) -> u64;
    fn hang(&self);
    #[rapace(blocking)]
    fn hang_on_worker(&self);
}

struct Hanging;

impl Hang for Hanging {
    fn quick(&self, number: u64) -> u64 {
        !number
    }
    fn quick_on_worker(&self, number: u64) -> u64 {
        !number
    }
    fn hang(&self) {
        loop {
            std::thread::park();
        }
    }
    fn hang_on_worker(&self) {
        self.hang();
    }
}

/// The same in tasks.
mod awaited {
    #[rapace::service(name = "torture.Hang")]
    pub(super) trait Hang {
        fn quick(&self, number: u64) -> u64;
        async fn hang(&self);
    }

    impl Hang for super::Hanging {
        fn quick(&self, number: u64) -> u64 {
            !number
        }
        async fn hang(&self) {
            std::future::pending().await
        }
    }
}

const WORKERS: usize = 4;
/// As in the mode `stop`.
const LATE_MAX: Duration = Duration::from_secs(3);

/// In a role: path, face. Until it is killed.
pub(crate) fn serve(arguments: &[String]) -> Result<(), String> {
    let path: PathBuf = argument(arguments, 0)?;
    let wait = || {
        say("ready");
        told();
    };
    match argument(arguments, 1)? {
        Face::Threads => {
            let server = Server::new(HangServer::new(Hanging)).workers(WORKERS).config(config()).bind(path);
            let _server = server.map_err(|error| error.to_string())?;
            wait();
        }
        Face::Tasks => {
            let runtime = runtime()?;
            let server = runtime.block_on(async {
                rapace::aio::Server::new(awaited::HangServer::new(Hanging)).config(config()).bind(path)
            });
            let _server = server.map_err(|error| error.to_string())?;
            wait();
        }
    }
    Ok(())
}

pub(crate) fn run(rounds: u64, seed: u64) -> Outcome {
    let (mut late, mut others) = (Times::default(), Times::default());
    let (mut base, mut progress) = (None, Progress::new());
    for round in 0..rounds {
        let seed = seed.wrapping_add(round);
        watch(format_args!("round {round}"), format_args!("hang --rounds 1 --seed {seed}"), Duration::from_secs(60));
        let mut random = Random::new(seed);
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        for face in [Face::Threads, Face::Tasks] {
            let path = directory.path().join(face.to_string());
            let mut server = Process::start("hang", &[&path.display(), &face]);
            server.expect("ready")?;
            let mut round = Round { path, random: random.apart(), late: &mut late, others: &mut others };
            match face {
                Face::Threads => round.on_threads(),
                Face::Tasks => round.on_tasks(),
            }
            .map_err(|error| format!("{face}, seed {seed}: {error}"))?;
        }
        let base = *base.get_or_insert_with(Belongings::own);
        base.come_back(std::process::id())?;
        progress.say(format_args!("hang: {} of {rounds} rounds", round + 1));
    }
    let mut table = Table::default();
    table.row("rounds", rounds);
    table.row("deadlines of calls that hang, missed by", &late);
    table.row("other calls meanwhile", &others);
    Ok(table)
}

struct Round<'a> {
    path: PathBuf,
    random: Random,
    late: &'a mut Times,
    others: &'a mut Times,
}

impl Round<'_> {
    fn connect(&self) -> Result<HangClient, String> {
        HangClient::builder().config(config()).connect(&self.path).map_err(|error| error.to_string())
    }

    /// A call that must miss its deadline, and not by much.
    fn expires<T: std::fmt::Debug>(
        &mut self,
        what: &str,
        call: impl FnOnce(Duration) -> Result<T, RpcError>,
    ) -> Result<(), String> {
        let (timeout, began) = (self.random.micros(50_000), Instant::now());
        let result = call(timeout);
        let missed = began.elapsed().saturating_sub(timeout);
        self.late.note(missed);
        match result {
            Err(RpcError::DeadlineExceeded { .. }) if missed < LATE_MAX => Ok(()),
            other => Err(format!("{what} ended with {other:?}, {missed:?} after its deadline")),
        }
    }

    /// The handler is on the thread of its session, or on one of the workers.
    fn on_threads(&mut self) -> Result<(), String> {
        let (hung, other) = (self.connect()?, self.connect()?);
        // The first one has no deadline, so that it certainly runs.
        let _first = hung.hang().start().map_err(|error| error.to_string())?;
        self.expires("a call that hangs", |timeout| hung.hang().timeout(timeout).wait())?;
        self.expires("a call behind one that hangs", |timeout| hung.quick(1).timeout(timeout).wait())?;
        for _ in 0..20 {
            self.goes_on("a call of another session", &other, false)?;
        }
        // All workers but one, of one session; then the last one.
        let busy = self.connect()?;
        let hanging: Result<Vec<_>, _> = (1..WORKERS).map(|_| busy.hang_on_worker().start()).collect();
        let hanging = hanging.map_err(|error| error.to_string())?;
        for _ in 0..20 {
            self.goes_on("a call beside workers that hang", &busy, false)?;
            self.goes_on("a call on the worker that is left", &busy, true)?;
            self.goes_on("a call of another session on the worker that is left", &other, true)?;
        }
        let last = busy.hang_on_worker().start().map_err(|error| error.to_string())?;
        self.expires("a call without a worker", |timeout| other.hang_on_worker().timeout(timeout).wait())?;
        self.goes_on("a call where all workers hang", &busy, false)?;
        drop((hung, hanging, last, busy));
        let new = self.connect()?;
        self.goes_on("a call of a new session", &new, false)
    }

    /// Handlers that are futures hold up nobody, how many they be.
    fn on_tasks(&mut self) -> Result<(), String> {
        let (hung, other) = (self.connect_awaited()?, self.connect_awaited()?);
        let hanging: Result<Vec<_>, _> = (0..1 + self.random.below(100)).map(|_| hung.hang().start()).collect();
        let _hanging = hanging.map_err(|error| error.to_string())?;
        self.expires("a call that hangs", |timeout| hung.hang().timeout(timeout).wait())?;
        for client in [&hung, &other].repeat(20) {
            let (number, began) = (self.random.number(), Instant::now());
            let result = client.quick(number).timeout(LATE_MAX).wait();
            self.others.note(began.elapsed());
            if result != Ok(!number) {
                return Err(format!("a call beside futures that hang ended with {result:?}"));
            }
        }
        Ok(())
    }

    fn connect_awaited(&self) -> Result<awaited::HangClient, String> {
        awaited::HangClient::builder().config(config()).connect(&self.path).map_err(|error| error.to_string())
    }

    /// A call that must be answered.
    fn goes_on(&mut self, what: &str, client: &HangClient, on_worker: bool) -> Result<(), String> {
        let (number, began) = (self.random.number(), Instant::now());
        let result = if on_worker {
            client.quick_on_worker(number).timeout(LATE_MAX).wait()
        } else {
            client.quick(number).timeout(LATE_MAX).wait()
        };
        self.others.note(began.elapsed());
        if result == Ok(!number) { Ok(()) } else { Err(format!("{what} ended with {result:?}")) }
    }
}
