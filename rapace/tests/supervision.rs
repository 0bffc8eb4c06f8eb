//! What a program sees of a client that connects again, and what is left of it: events, how things are, giving up, closing,
//! dropping, forking; and one client in many hands through many restarts.

#![cfg(all(target_os = "linux", feature = "tokio", not(loom)))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]
#![allow(unsafe_code)]

mod faces;
mod peer;
mod restarts;

use std::future::IntoFuture;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use faces::{Awaiting, Blocking, Face};
use peer::{Peer, hear, say, until};
use rapace::{ConnectError, Event, Lost, OpenError, RecvError, Retry, RpcError, SupervisionState};
use restarts::{BellServer, DeskClient, FACES, LONG, Premises, SERVES, begin, call, config, next, quick, run, watched};
use rustix::process::Signal;

const COMES_AND_GOES: (&str, peer::Role) = ("comes and goes", come_and_go);
const FORKS: (&str, peer::Role) = ("forks", fork_and_call);

#[test]
fn peer_entry() {
    peer::run(&[SERVES, COMES_AND_GOES, FORKS]);
}

fn limited(limit: u32) -> Retry {
    let mut retry = quick();
    retry.limit = Some(limit);
    retry
}

const CLOSED: RpcError = RpcError::Closed { may_have_executed: false };

// ---- what a program sees --------------------------------------------------------------------------------------------

#[test]
fn events_tell_what_happens_and_supervision_how_things_are() {
    let premises = Premises::new(guard!());
    let mut server = premises.serve();
    let (client, events) = premises.watched(quick());
    let now = || client.session().supervision().unwrap();
    let pid_of = |event: &Event| match event {
        Event::Connected { peer, .. } => peer.pid as u32,
        other => panic!("{other:?}"),
    };
    let connected = events.recv().unwrap();
    assert_eq!(pid_of(&connected), server.pid());
    assert_eq!(connected.to_string(), format!("connected to process {}", server.pid()));
    assert_eq!((now().state, now().sessions, now().tries), (SupervisionState::Connected, 1, 0));
    assert!(now().last_end.is_none() && now().last_error.is_none());

    server.kill();
    let ended = events.recv().unwrap();
    assert!(matches!(&ended, Event::Ended(end) if matches!(end.how, RecvError::Lost(Lost::PeerDied(_)))), "{ended:?}");
    for number in 1..4 {
        let failed = events.recv().unwrap();
        assert!(matches!(&failed, Event::Failed { tries, .. } if *tries == number), "{failed:?}");
        assert!(failed.to_string().contains("no server listens at"), "{failed}");
    }
    assert_eq!((now().state, now().sessions), (SupervisionState::Connecting, 1));
    assert!(now().tries >= 3 && now().last_end.is_some() && now().last_error.is_some());
    let since = now().since;
    next!(events, Event::Failed { .. });
    assert_eq!(now().since, since, "a try that fails changes nothing");

    let mut server = premises.serve();
    let connected = next!(events, Event::Connected { restarts: 1, .. });
    assert_eq!(connected.to_string(), format!("connected again, to process {} (session 2)", server.pid()));
    assert_eq!((now().state, now().sessions), (SupervisionState::Connected, 2));
    assert!(now().last_end.is_some() && now().last_error.is_none());

    server.tell("take your leave");
    let ended = events.recv().unwrap();
    assert!(matches!(&ended, Event::Ended(end) if end.how == RecvError::Closed), "{ended:?}");
}

#[test]
fn a_server_that_hangs_is_seen_and_one_whose_workers_work_does_not_hang() {
    let premises = Premises::new(guard!());
    let server = premises.serve();
    let mut config = config();
    config.limits.hang_after = Duration::from_millis(20);
    let (builder, events) = watched(premises.builder().config(config));
    let client = builder.connect(&premises.path).unwrap();
    next!(events, Event::Connected { .. });
    let works = client.hold(1).start().unwrap();
    premises.until_ran(1, 1);
    server.wait_until_asleep();
    // What was seen before it slept does not count.
    std::thread::sleep(Duration::from_millis(100));
    events.try_iter().for_each(drop);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(events.try_iter().count(), 0, "its worker works");
    assert_eq!(client.session().supervision().unwrap().state, SupervisionState::Connected);

    server.stop();
    let behind = client.note(2, vec![]).start().unwrap();
    let stopped = next!(events, Event::Unresponsive { .. });
    assert!(stopped.to_string().contains("though something waits for it"), "{stopped}");
    let now = client.session().supervision().unwrap();
    assert_eq!(now.state, SupervisionState::Unresponsive);
    assert!(matches!(stopped, Event::Unresponsive { since } if since == now.since));
    server.signal(Signal::CONT);
    next!(events, Event::Responsive);
    behind.wait().unwrap();

    // It has taken the call, and comes to nothing else.
    let sticks = client.stick(3).start().unwrap();
    next!(events, Event::Unresponsive { .. });
    premises.let_go(3);
    next!(events, Event::Responsive);
    premises.let_go(1);
    assert_eq!((sticks.wait(), works.wait()), (Ok(server.pid()), Ok(server.pid())));
}

#[test]
fn at_the_limit_of_tries_a_client_gives_up_and_calls_fail_at_once() {
    for face in FACES {
        let premises = Premises::new(guard!());
        let mut server = premises.serve();
        let (client, events) = premises.watched(limited(3));
        std::thread::scope(|scope| {
            server.stop();
            let waits = scope.spawn(|| call!(face, client.note(1, vec![])));
            until(|| client.session().stats().own.calls_begun == 1);
            server.kill();
            assert!(matches!(next!(events, Event::GaveUp { .. }), Event::GaveUp { tries: 3 }));
            for outcome in [waits.join().unwrap(), call!(face, client.note(1, vec![]))] {
                let why = outcome.unwrap_err().to_string();
                assert!(
                    why.contains("nobody connects again any more, after 3 tries; at last: no server listens"),
                    "{why}"
                );
            }
        });
        assert_eq!(client.session().supervision().unwrap().state, SupervisionState::GaveUp);
        assert!(events.recv().is_err(), "the supervisor has ended");
    }
}

#[test]
fn a_server_can_be_waited_for_with_and_without_connecting_again() {
    let premises = Premises::new(guard!());
    let plain = || DeskClient::builder().config(config());
    let (path, short) = (&premises.path, Duration::from_millis(20));
    let is_none =
        |refused: &ConnectError| matches!(refused, ConnectError::Open(OpenError::NoServer { path: at }) if at == path);
    assert!(is_none(&plain().wait_for_server(short).connect(path).unwrap_err()));
    assert!(is_none(&premises.builder().connect(path).unwrap_err()));
    // No pause outlasts it.
    let mut slow = quick();
    (slow.first, slow.max) = (LONG, LONG);
    assert!(is_none(&premises.builder().reconnect(slow).wait_for_server(short).connect(path).unwrap_err()));

    // Tries before the first session do not count.
    let (builder, events) = watched(premises.builder().reconnect(limited(1)));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| plain().wait_for_server(LONG).connect(path).unwrap());
        let again = scope.spawn(|| {
            let runtime = faces::one_thread();
            runtime.block_on(builder.wait_for_server(LONG).connect_async(path)).unwrap()
        });
        (0..3).for_each(|_| drop(next!(events, Event::Failed { .. })));
        let mut server = premises.serve();
        let (once, again) = (waits.join().unwrap(), again.join().unwrap());
        next!(events, Event::Connected { .. });
        assert_eq!((once.pid().wait(), again.pid().wait()), (Ok(server.pid()), Ok(server.pid())));
        assert!(once.session().supervision().is_none());
        server.kill();
        assert!(matches!(next!(events, Event::GaveUp { .. }), Event::GaveUp { tries: 1 }));
        let _server = premises.serve();
        assert_eq!(once.pid().wait(), Err(RpcError::PeerDied { may_have_executed: false }));
    });
}

#[test]
fn listeners_may_panic_and_drop_the_client() {
    let premises = Premises::new(guard!());
    let mut server = premises.serve();
    let held = Arc::new(Mutex::new(None::<DeskClient>));
    let (builder, events) = watched(premises.builder().on_event(|_| std::panic::resume_unwind(Box::new(()))));
    let client = builder
        .on_event({
            let held = Arc::clone(&held);
            move |event| {
                if matches!(event, Event::Failed { .. }) {
                    drop(held.lock().unwrap().take());
                }
            }
        })
        .connect(&premises.path)
        .unwrap();
    server.kill();
    let mut server = premises.serve();
    assert_eq!(client.pid().wait(), Ok(server.pid()));
    *held.lock().unwrap() = Some(client);
    server.kill();
    // The supervisor has ended, and with it its listeners.
    while events.recv().is_ok() {}
    assert!(held.lock().unwrap().is_none());
}

#[test]
fn pauses_beyond_the_clock_are_for_ever() {
    let premises = Premises::new(guard!());
    let mut server = premises.serve();
    let mut retry = quick();
    (retry.first, retry.max, retry.patience) = (Duration::MAX, Duration::MAX, Duration::MAX);
    // About half of the pauses are too long to be added to the time of day.
    let clients: Vec<_> = (0..8).map(|_| premises.watched(retry)).collect();
    server.kill();
    for (client, events) in clients {
        next!(events, Event::Ended(_));
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| client.pid().wait());
            let short = Duration::from_millis(5);
            assert_eq!(
                client.pid().timeout(short).wait(),
                Err(RpcError::DeadlineExceeded { may_have_executed: false })
            );
            client.session().close();
            assert_eq!(waits.join().unwrap(), Err(CLOSED));
        });
        while events.recv().is_ok() {}
        assert_eq!(client.session().supervision().unwrap().state, SupervisionState::Closed);
    }
}

// ---- its end --------------------------------------------------------------------------------------------------------

#[test]
fn a_client_that_is_closed_connects_no_more_and_whoever_waits_is_told() {
    for face in FACES {
        let premises = Premises::new(guard!());
        let server = premises.serve();
        let (client, events) = premises.watched(quick());
        let held = begin!(face, client.hold(1)).unwrap();
        let again = begin!(face, client.hold_again(2)).unwrap();
        premises.until_ran(1, 1);
        premises.until_ran(2, 1);
        client.clone().session().close();
        let ran = Err(RpcError::Closed { may_have_executed: true });
        assert_eq!((call!(face, held), call!(face, again)), (ran.clone(), ran));
        assert_eq!(call!(face, client.pid()), Err(CLOSED));
        assert_eq!(call!(face, client.drop_in(3)), Err(CLOSED));
        while events.recv().is_ok() {}
        assert_eq!(client.session().supervision().unwrap().state, SupervisionState::Closed);
        drop(server);

        // Also while a handshake is on its way; and who waits for a session with a call that was begun, and did not run.
        let mut server = premises.serve();
        let (client, events) = premises.watched(quick());
        assert_eq!(call!(face, client.pid()), Ok(server.pid()));
        server.stop();
        let [unrun, tried] = [4, 5].map(|id| begin!(face, client.note(id, vec![])).unwrap());
        server.kill();
        let tried = tried.try_wait().unwrap_err();
        next!(events, Event::Failed { .. });
        std::fs::remove_file(&premises.path).unwrap();
        let mute = UnixListener::bind(&premises.path).unwrap();
        let (_silent, _) = mute.accept().unwrap();
        let is_woken = Arc::new(Noted::default());
        let mut task = pin!(client.pid().into_future());
        let waker = Waker::from(Arc::clone(&is_woken));
        assert!(run(Awaiting, async { task.as_mut().poll(&mut Context::from_waker(&waker)) }).is_pending());
        let waits = std::thread::scope(|scope| {
            let waits = scope.spawn(|| call!(face, client.pid()));
            client.session().close();
            waits.join().unwrap()
        });
        assert!(is_woken.0.load(Ordering::Relaxed), "a task that waited is not told");
        assert_eq!(waits, Err(CLOSED));
        assert_eq!(call!(face, unrun), Err(CLOSED));
        let mut tried = Some(tried);
        until(|| match tried.take().unwrap().try_wait() {
            Ok(outcome) => outcome == Err(CLOSED),
            Err(pending) => {
                tried = Some(pending);
                false
            }
        });
        drop((_silent, mute));
        assert!(events.iter().all(|event| !matches!(event, Event::Connected { .. } | Event::Ended(_))));
    }
}

/// A task that notes that it was woken.
#[derive(Default)]
struct Noted(AtomicBool);

impl Wake for Noted {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a process has: descriptors, threads.
fn possessions() -> [usize; 2] {
    ["fd", "task"].map(|of| std::fs::read_dir(Path::new("/proc/self").join(of)).unwrap().count())
}

/// How often the supervisor, of which there is one, has gone to sleep.
fn sleeps_of_supervisor() -> Option<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks.flatten().find_map(|task| {
        // The kernel keeps fifteen bytes of a name.
        let status = std::fs::read_to_string(task.path().join("status")).ok()?;
        let is_asleep = status.contains("State:\tS");
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).filter(|_| is_asleep)?;
        status.starts_with("Name:\trapace-supervis").then(|| line.to_owned())
    })
}

fn come_and_go(path: &str) {
    let (path, builder) = (Path::new(path), || DeskClient::builder().config(config()).reconnect(quick()));
    // The process's own watcher is there from then on.
    let plain = || DeskClient::builder().config(config()).connect(path).unwrap();
    plain().left().wait().unwrap();
    drop(plain().hold(1).timeout(Duration::from_millis(1)).wait());
    let mut had = [0; 2];
    until(|| std::mem::replace(&mut had, possessions()) == possessions());
    let is_as_before = || possessions() == had;

    // Connected, at rest meanwhile.
    let client = builder().connect(path).unwrap();
    let other = client.clone();
    until(|| sleeps_of_supervisor().is_some());
    let slept = sleeps_of_supervisor();
    (0..50).for_each(|_| assert!(client.pid().wait().is_ok()));
    assert_eq!(sleeps_of_supervisor(), slept, "the supervisor wakes up for calls");
    drop(client);
    other.pid().wait().unwrap();
    // The last that has it is a call.
    let pending = other.pid().start().unwrap();
    drop(other);
    pending.wait().unwrap();
    until(is_as_before);

    // Serving.
    drop(builder().serve(BellServer::new(restarts::Rung)).connect(path).unwrap());
    until(is_as_before);

    // While it connects, and while it shakes hands.
    for shakes_hands in [false, true] {
        let (builder, events) = watched(builder());
        let client = builder.connect(path).unwrap();
        say("kill it");
        next!(events, Event::Failed { .. });
        if shakes_hands {
            std::fs::remove_file(path).unwrap();
            let mute = UnixListener::bind(path).unwrap();
            let (silent, _) = mute.accept().unwrap();
            drop(client);
            drop((silent, mute));
            std::fs::remove_file(path).unwrap();
        } else {
            drop(client);
        }
        drop(events);
        until(is_as_before);
        say("start it");
        hear();
    }

    // After some restarts.
    let client = builder().connect(path).unwrap();
    for _ in 0..3 {
        say("kill it");
        say("start it");
        hear();
        client.pid().wait().unwrap();
    }
    drop(client);
    until(is_as_before);
    say("done");
}

#[test]
fn nothing_is_left_of_a_client_that_was_dropped() {
    let premises = Premises::new(guard!());
    let mut server = premises.serve();
    let mut process = premises.spawn(COMES_AND_GOES);
    serve_by_command(&premises, &mut server, &mut process);
    process.join();
}

/// Kills and starts the server as the other process says, until it is done.
fn serve_by_command(premises: &Premises, server: &mut Peer, process: &mut Peer) {
    loop {
        match process.hear().as_str() {
            "kill it" => server.kill(),
            "start it" => {
                *server = premises.serve();
                process.tell("started");
            }
            _ => return,
        }
    }
}

/// Forks a child that calls, and waits for it.
fn child_is_told(client: &DeskClient) {
    // SAFETY: the child runs only the closure's calls and `_exit`, on this thread.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let forked = |outcome: Result<u32, RpcError>| outcome == Err(RpcError::Lost(Box::new(Lost::Forked)));
        let is_told = forked(client.pid().wait())
            && forked(client.hold_again(1).start().map(|_| 0))
            && forked(faces::now(async { client.pid().await }))
            && forked(client.drop_in(1).send().map(|()| 0));
        // SAFETY: ends the child at once, without the destructors and exit handlers that are its parent's.
        unsafe { libc::_exit(i32::from(!is_told)) };
    }
    let mut status = 0;
    // SAFETY: the pointer is to a live local.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child was not told");
}

fn fork_and_call(path: &str) {
    let (builder, events) = watched(DeskClient::builder().config(config()).reconnect(quick()));
    let client = builder.connect(path).unwrap();
    client.pid().wait().unwrap();
    child_is_told(&client);
    client.pid().wait().unwrap();
    say("kill it");
    next!(events, Event::Failed { .. });
    child_is_told(&client);
    say("start it");
    hear();
    client.pid().wait().unwrap();
    say("done");
}

#[test]
fn a_forked_child_is_told_at_once_and_its_parent_goes_on() {
    let premises = Premises::new(guard!());
    let mut server = premises.serve();
    let mut process = premises.spawn(FORKS);
    serve_by_command(&premises, &mut server, &mut process);
    process.join();
}

#[test]
fn a_task_that_waits_no_more_is_forgotten() {
    let premises = Premises::new(guard!());
    let (client, _events) = premises.watched_without_server(quick());
    let nobody = Arc::new(Noted::default());
    run(Awaiting, async {
        let waker = Waker::from(Arc::clone(&nobody));
        let mut call = pin!(async { client.pid().await });
        assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    });
    until(|| Arc::strong_count(&nobody) == 1);
}

// ---- hooks ----------------------------------------------------------------------------------------------------------

#[cfg(feature = "hooks")]
mod hooks {
    use rapace::{CallEnd, CallInfo, CallOutcome, Hooks};

    use super::*;

    /// How many attempts there were; whom each went to, and what it brought.
    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<(usize, Attempts)>>);

    type Attempts = Vec<(u32, CallOutcome)>;

    impl Hooks for Heard {
        fn before(&self, _: &CallInfo) {
            self.0.lock().unwrap().0 += 1;
        }
        fn after(&self, call: &CallInfo, end: &CallEnd) {
            self.0.lock().unwrap().1.push((call.peer.pid as u32, end.outcome.clone()));
        }
    }

    #[test]
    fn hooks_hear_of_each_attempt() {
        for (face, is_begun) in [(Blocking, false), (Awaiting, false), (Blocking, true), (Awaiting, true)] {
            let premises = Premises::new(guard!());
            let mut server = premises.serve();
            let heard = Heard::default();
            let client = premises.builder().hooks(heard.clone()).connect(&premises.path).unwrap();
            let (first, second) = (
                server.pid(),
                std::thread::scope(|scope| {
                    let call = scope.spawn(|| match is_begun {
                        false => call!(face, client.hold_again(1)),
                        true => {
                            let pending = begin!(face, client.hold_again(1)).unwrap();
                            call!(face, pending)
                        }
                    });
                    premises.until_ran(1, 1);
                    server.kill();
                    server = premises.serve();
                    premises.let_go(1);
                    call.join().unwrap().unwrap()
                }),
            );
            let died = CallOutcome::Rpc(RpcError::PeerDied { may_have_executed: true });
            let all = (2, vec![(first, died), (second, CallOutcome::Ok)]);
            assert_eq!(*heard.0.lock().unwrap(), all, "{face:?} {is_begun}");
        }
    }
}

// ---- all at once ----------------------------------------------------------------------------------------------------

/// How a call ended, by its number: those of odd numbers may run twice.
type Ended = (u64, Result<Vec<u8>, RpcError>);

/// Calls until it is told to stop, in four ways.
async fn calls(
    face: Face,
    client: &DeskClient,
    number: &AtomicU64,
    stop: &AtomicBool,
    answered: &AtomicU64,
) -> Vec<Ended> {
    let mut ended = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let id = number.fetch_add(1, Ordering::Relaxed);
        let data = vec![id as u8; [0, 20, 300, 100_000][(id / 4 % 4) as usize]];
        let outcome = match id % 4 {
            0 => faces::end!(face, client.note(id, data)),
            1 => faces::end!(face, client.note_again(id, data)),
            2 => match faces::start!(face, client.note(id, data)) {
                Ok(pending) => faces::end!(face, pending),
                Err(error) => Err(error),
            },
            _ => match faces::start!(face, client.note_again(id, data)) {
                Ok(pending) => match pending.try_wait() {
                    Ok(outcome) => outcome,
                    Err(pending) => faces::end!(face, pending),
                },
                Err(error) => Err(error),
            },
        };
        answered.fetch_add(u64::from(outcome.is_ok()), Ordering::Relaxed);
        ended.push((id, outcome.map(|data| data.into_iter().take(1).collect())));
    }
    ended
}

#[test]
fn one_client_in_many_hands_through_many_restarts() {
    let premises = Premises::new(guard!());
    let mut server = premises.serve();
    let client = Arc::new(premises.client());
    let (number, answered, stop) =
        (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let runtime = faces::two_threads();
    let ended: Vec<Ended> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| faces::now(calls(Blocking, &client, &number, &stop, &answered)))).collect();
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (client, number, stop, answered) =
                    (Arc::clone(&client), Arc::clone(&number), Arc::clone(&stop), Arc::clone(&answered));
                runtime.spawn(async move { calls(Awaiting, &client, &number, &stop, &answered).await })
            })
            .collect();
        for restart in 0..20 {
            let before = answered.load(Ordering::Relaxed);
            until(|| answered.load(Ordering::Relaxed) > before + 100);
            if restart % 3 == 2 {
                server.tell("take your leave");
                until(|| !premises.path.exists());
                let mut first = std::mem::replace(&mut server, premises.serve());
                first.wait();
            } else {
                server.kill();
                server = premises.serve();
            }
        }
        stop.store(true, Ordering::Relaxed);
        let ended = threads.into_iter().flat_map(|thread| thread.join().unwrap());
        let ended: Vec<_> = ended.collect();
        ended.into_iter().chain(tasks.into_iter().flat_map(|task| runtime.block_on(task).unwrap())).collect()
    });
    assert_eq!(ended.len() as u64, number.load(Ordering::Relaxed));
    assert_eq!(client.session().supervision().unwrap().sessions, 21);
    let ran = premises.all_that_ran();
    for (id, outcome) in ended {
        let (times, may_run_twice) = (ran.get(&id).copied().unwrap_or_default(), id % 2 == 1);
        let is_true = match &outcome {
            Ok(data) => {
                data.iter().all(|byte| *byte == id as u8) && (times == 1 || may_run_twice && (1..=3).contains(&times))
            }
            Err(RpcError::PeerDied { may_have_executed: true } | RpcError::Closed { may_have_executed: true }) => {
                times <= 1 || may_run_twice && times <= 3
            }
            Err(_) => false,
        };
        assert!(is_true, "call {id} ran {times} times and ended with {outcome:?}");
    }
}
