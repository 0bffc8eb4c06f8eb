//! The load: calls in flight, streams, one-way calls and calls back, on threads or tasks, until the session is over or it is
//! told to stop; and what became of each call.

mod streams;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rapace::{CallError, RpcError};
use tokio::runtime::Runtime;

use crate::random::Random;
use crate::report::{Counters, Times};
use crate::serving::{Face, is_narrow};
use crate::work::{WorkClient, answer, content, kind_of};

/// A call with the deadline that is asked for, if one is.
macro_rules! timed {
    ($call:expr, $ask:expr) => {{
        let call = $call;
        match $ask.timeout {
            Some(timeout) => call.timeout(timeout),
            None => call,
        }
    }};
}

/// What is done at once.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) face: Face,
    pub(crate) in_flight: u64,
    pub(crate) body_max: usize,
    pub(crate) streams: bool,
    pub(crate) one_ways: bool,
    pub(crate) callbacks: bool,
    /// Calls that may be made again.
    pub(crate) idempotent: bool,
    /// The client connects again: the end of a session is not the end of the load.
    pub(crate) lasts: bool,
    /// Some calls are cancelled, some have a deadline of some milliseconds.
    pub(crate) impatient: bool,
}

impl Plan {
    /// Any of them.
    pub(crate) fn any(random: &mut Random) -> Self {
        let in_flight = 1 + random.size(63) as u64;
        Self::with(in_flight, random)
    }

    /// Any of them with so many in flight.
    pub(crate) fn with(in_flight: u64, random: &mut Random) -> Self {
        // Many large ones at once would measure how fast memory is copied.
        let body_max = if in_flight <= 8 { 1 << 20 } else { 64 << 10 };
        Self {
            face: if random.once_in(3) { Face::Tasks } else { Face::Threads },
            in_flight,
            body_max: if random.once_in(2) { random.size(body_max) } else { 256 },
            streams: random.once_in(2),
            one_ways: random.once_in(2),
            callbacks: random.once_in(2),
            idempotent: false,
            lasts: false,
            impatient: random.once_in(3),
        }
    }
}

/// How a call ended, as far as its running is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    Yes,
    No,
    Perhaps,
}

/// What became of one call.
#[derive(Clone, Debug)]
pub(crate) struct Fate {
    pub(crate) id: u64,
    pub(crate) ran: Ran,
    pub(crate) is_idempotent: bool,
    pub(crate) how: String,
    pub(crate) begun: Instant,
    pub(crate) ended: Instant,
}

/// What became of all of them.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) begun: u64,
    pub(crate) fates: Vec<Fate>,
    pub(crate) streams: Counters,
    pub(crate) wrong: Vec<String>,
}

impl Tally {
    /// Each call ended, once; what is said of its running is so.
    pub(crate) fn check(&self, ran: &HashMap<u64, u32>, counters: &Counters) -> Result<(), String> {
        if let Some(wrong) = self.wrong.first() {
            return Err(wrong.clone());
        }
        if self.begun != self.fates.len() as u64 {
            return Err(format!("{} calls begun, {} ended", self.begun, self.fates.len()));
        }
        for fate in &self.fates {
            let times = ran.get(&fate.id).copied().unwrap_or(0);
            // Once, and twice again.
            let most = if fate.is_idempotent { 3 } else { 1 };
            let is_so = match fate.ran {
                Ran::Yes => (1..=most).contains(&times),
                Ran::No => times == 0,
                Ran::Perhaps => times <= most,
            };
            if !is_so {
                return Err(format!("call {:#x} ended with {} and ran {times} times", fate.id, fate.how));
            }
            counters.count(&fate.how);
            if fate.ran == Ran::Perhaps && times == 0 {
                counters.count("may have run, and did not");
            }
        }
        for (reason, count) in self.streams.all() {
            counters.add(&format!("stream: {reason}"), count);
        }
        Ok(())
    }

    /// From an instant to the end of the calls that were begun before it and ended after it, and how many they are.
    pub(crate) fn note_after(&self, instant: Instant, times: &mut Times) -> usize {
        let pending = self.fates.iter().filter(|fate| fate.begun < instant && fate.ended > instant);
        let failed = pending.filter(|fate| fate.how.starts_with("PeerDied"));
        failed.map(|fate| times.note(fate.ended - instant)).count()
    }
}

/// What the threads of a load share.
#[derive(Debug)]
pub(crate) struct Load {
    plan: Plan,
    next: AtomicU64,
    begun: AtomicU64,
    stop: AtomicBool,
    fates: std::sync::Mutex<Vec<Fate>>,
    wrong: std::sync::Mutex<Vec<String>>,
    streams: Counters,
}

/// What is asked.
#[derive(Debug)]
struct Ask {
    id: u64,
    body: Vec<u8>,
    len: u32,
    pause_us: Option<u32>,
    timeout: Option<Duration>,
    begun: Instant,
}

impl Load {
    /// Numbers of calls begin at `first`.
    pub(crate) fn new(plan: Plan, first: u64) -> Self {
        Self {
            plan,
            next: AtomicU64::new(first),
            begun: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            fates: Default::default(),
            wrong: Default::default(),
            streams: Counters::default(),
        }
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Does it all, and comes back when it is stopped or the session is over, and all calls have ended.
    pub(crate) fn run(&self, client: &WorkClient, random: &mut Random, runtime: &Runtime) {
        let threads = if self.plan.face == Face::Tasks { 0 } else { self.plan.in_flight.min(1 + random.below(4)) };
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let width = self.plan.in_flight / threads + u64::from(thread < self.plan.in_flight % threads);
                let random = random.apart();
                scope.spawn(move || self.call(client, random, width as usize));
            }
            if self.plan.streams {
                let random = random.apart();
                scope.spawn(move || self.read(client, random));
            }
            if self.plan.streams {
                let random = random.apart();
                scope.spawn(move || self.write(client, random));
            }
            if self.plan.one_ways {
                let random = random.apart();
                scope.spawn(move || self.tell(client, random));
            }
            if self.plan.callbacks {
                let random = random.apart();
                scope.spawn(move || self.be_called_back(client, random));
            }
            if threads == 0 {
                runtime.block_on(self.await_all(client, random));
            }
        });
    }

    /// What became of it all, after [`run`](Self::run).
    pub(crate) fn tally(self) -> Tally {
        Tally {
            begun: self.begun.into_inner(),
            fates: self.fates.into_inner().unwrap_or_default(),
            streams: self.streams,
            wrong: self.wrong.into_inner().unwrap_or_default(),
        }
    }

    fn id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn begin(&self) -> (u64, Instant) {
        self.begun.fetch_add(1, Ordering::Relaxed);
        (self.id(), Instant::now())
    }

    fn ask(&self, random: &mut Random) -> Ask {
        let (id, begun) = self.begin();
        let body = content(id, random.size(self.plan.body_max));
        let len = random.size(self.plan.body_max) as u32;
        let pause_us = (!self.plan.idempotent && random.once_in(4)).then(|| random.size(20_000) as u32);
        let timeout = (self.plan.impatient && random.once_in(4)).then(|| random.micros(20_000));
        Ask { id, body, len, pause_us, timeout, begun }
    }

    /// Notes the end of a call. Whether the session is over.
    fn end(&self, ask: &Ask, result: Result<Vec<u8>, RpcError>) -> bool {
        match result {
            Ok(bytes) => {
                let len = if ask.pause_us.is_some() { 16 } else { ask.len as usize };
                if bytes != answer(ask.id, &ask.body, len) {
                    self.is_wrong(format!("the answer to call {:#x} is another one's", ask.id));
                }
                self.note(ask.id, ask.begun, Ran::Yes, "Ok".into());
                self.is_stopped()
            }
            Err(error) => self.end_badly(ask.id, ask.begun, &error),
        }
    }

    fn end_badly(&self, id: u64, begun: Instant, error: &RpcError) -> bool {
        let (ran, is_over) = match error {
            RpcError::PeerDied { may_have_executed } | RpcError::Closed { may_have_executed } => {
                (if *may_have_executed { Ran::Perhaps } else { Ran::No }, true)
            }
            RpcError::DeadlineExceeded { may_have_executed: false }
            | RpcError::Overloaded(_)
            | RpcError::Full { .. } => (Ran::No, false),
            RpcError::DeadlineExceeded { .. } | RpcError::Cancelled => (Ran::Perhaps, false),
            RpcError::NoConnection(_) => (Ran::No, true),
            _ => {
                self.is_wrong(format!("call {id:#x} ended with {error:?}"));
                (Ran::Perhaps, true)
            }
        };
        let said = if ran == Ran::No { "did not run" } else { "may have run" };
        self.note(id, begun, ran, format!("{}, {said}", kind_of(error)));
        is_over && !self.plan.lasts || self.is_stopped()
    }

    fn note(&self, id: u64, begun: Instant, ran: Ran, how: String) {
        let is_idempotent = self.plan.idempotent;
        let fate = Fate { id, ran, is_idempotent, how, begun, ended: Instant::now() };
        crate::report::lock(&self.fates).push(fate);
    }

    fn is_wrong(&self, what: String) {
        crate::report::lock(&self.wrong).push(what);
    }

    /// Calls on this thread, so many in flight.
    fn call(&self, client: &WorkClient, mut random: Random, width: usize) {
        type Wait = Box<dyn FnOnce() -> Result<Vec<u8>, RpcError>>;
        let mut pending: VecDeque<(Ask, Wait)> = VecDeque::new();
        let mut is_over = false;
        while !is_over {
            while pending.len() < width {
                let ask = self.ask(&mut random);
                let wait: Result<Wait, _> = match (ask.pause_us, self.plan.idempotent) {
                    (None, false) => {
                        let call = timed!(client.echo(ask.id, ask.len, &ask.body), ask);
                        call.start().map(|call| Box::new(move || call.wait()) as Wait)
                    }
                    (Some(pause), _) => {
                        let call = timed!(client.slow(ask.id, pause, &ask.body), ask);
                        call.start().map(|call| Box::new(move || call.wait()) as Wait)
                    }
                    (None, true) => {
                        let call = timed!(client.again(ask.id, ask.len, &ask.body), ask);
                        call.start().map(|call| Box::new(move || call.wait()) as Wait)
                    }
                };
                match wait {
                    Ok(wait) => pending.push_back((ask, wait)),
                    Err(error) => {
                        is_over |= self.end(&ask, Err(error));
                        break;
                    }
                }
            }
            // Not always the oldest one.
            let index = random.below(pending.len().max(1) as u64) as usize;
            if let Some((ask, wait)) = pending.remove(index) {
                is_over |= self.finish(&mut random, ask, wait);
            }
        }
        for (ask, wait) in pending {
            self.finish(&mut random, ask, wait);
        }
    }

    fn finish(&self, random: &mut Random, ask: Ask, wait: Box<dyn FnOnce() -> Result<Vec<u8>, RpcError>>) -> bool {
        if self.plan.impatient && random.once_in(8) {
            drop(wait);
            self.note(ask.id, ask.begun, Ran::Perhaps, "dropped".into());
            return self.is_stopped();
        }
        self.end(&ask, wait())
    }

    /// Calls in tasks.
    async fn await_all(&self, client: &WorkClient, random: &mut Random) {
        let tasks = (0..self.plan.in_flight).map(|_| self.await_one_after_the_other(client, random.apart()));
        let mut tasks: Vec<_> = tasks.map(Box::pin).collect();
        // All in one task, polled together whenever one wakes: futures that are kept and polled without need.
        std::future::poll_fn(|cx| {
            tasks.retain_mut(|task| task.as_mut().poll(cx).is_pending());
            if tasks.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }

    async fn await_one_after_the_other(&self, client: &WorkClient, mut random: Random) {
        loop {
            let ask = self.ask(&mut random);
            let result = match (ask.pause_us, self.plan.idempotent) {
                (None, false) => timed!(client.echo(ask.id, ask.len, &ask.body), ask).await,
                (Some(pause), _) => timed!(client.slow(ask.id, pause, &ask.body), ask).await,
                (None, true) => timed!(client.again(ask.id, ask.len, &ask.body), ask).await,
            };
            if self.end(&ask, result) {
                return;
            }
        }
    }

    fn tell(&self, client: &WorkClient, mut random: Random) {
        // It must fit a slot.
        let body_max = if is_narrow() { 1_000 } else { 10_000 };
        loop {
            let (id, begun) = self.begin();
            let body = content(id, random.size(body_max));
            let call = client.tell(id, &body);
            let sent = if random.once_in(2) { call.send() } else { call.wait() };
            let is_over = match sent {
                Ok(()) => {
                    self.note(id, begun, Ran::Perhaps, "one-way, sent".into());
                    self.is_stopped()
                }
                Err(error) => self.end_badly(id, begun, &error),
            };
            if is_over {
                return;
            }
            if random.once_in(16) {
                std::thread::sleep(random.micros(1_000));
            }
        }
    }

    fn be_called_back(&self, client: &WorkClient, mut random: Random) {
        loop {
            let (id, begun) = self.begin();
            let rounds = random.size(20) as u32;
            let result = if random.once_in(2) {
                client.back(id, rounds).wait()
            } else {
                client.back_on_worker(id, rounds).wait()
            };
            let is_over = match result {
                Ok(_) => {
                    self.note(id, begun, Ran::Yes, "Ok".into());
                    self.is_stopped()
                }
                // What the server met when it called back.
                Err(CallError::App(why)) => {
                    self.note(id, begun, Ran::Yes, format!("App: {why}"));
                    self.is_stopped()
                }
                Err(CallError::Rpc(error)) => self.end_badly(id, begun, &error),
            };
            if is_over {
                return;
            }
        }
    }
}
