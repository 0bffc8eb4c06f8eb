//! How streams end, between two processes: by either end, with their call, with their session; each side is told why, after
//! all that was sent before.

#![cfg(all(feature = "tokio", not(loom)))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod faces;
mod peer;
mod pipes;

use std::future::{Future, IntoFuture, poll_fn};
use std::path::Path;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::task::Poll;
use std::time::Duration;

use faces::{Awaiting, Blocking, Face, end, now, one_thread, start, two_threads};
use peer::{Random, say, until};
use pipes::{ASYNC, PipesClient, ROLES, Refused, SYNC_TASKS, Served, THREADS, Then, config, everywhere, open, serve};
use rapace::{CallError, Pending, RpcError, Rx, StreamError, TryStartError, Tx, stream};
use rustix::process::Signal;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Long enough never to be over.
const LONG: Duration = Duration::from_secs(1_000);

#[test]
fn peer_entry() {
    peer::run(&[
        (THREADS, |path| serve(THREADS, path)),
        (SYNC_TASKS, |path| serve(SYNC_TASKS, path)),
        (ASYNC, |path| serve(ASYNC, path)),
        ("calls", call_and_rest),
    ]);
}

/// A call of `ends`, whose handler has sent and received so many numbers and is where it goes on.
macro_rules! begin {
    ($face:expr, $client:expr, $after:expr, $then:expr) => {{
        let ((out, mut rx), (mut tx, numbers)) = (stream(), stream());
        let call = start!($face, $client.ends($after, $then, out, numbers)).unwrap();
        for number in 0..$after {
            $face.send(&mut tx, number).await.unwrap();
            assert_eq!($face.recv(&mut rx).await, Ok(Some(number)));
        }
        (call, tx, rx)
    }};
}

/// Waits for the next note.
async fn note(face: Face, client: &PipesClient) -> String {
    loop {
        let mut notes = end!(face, client.notes()).unwrap();
        assert!(notes.len() < 2, "{notes:?}");
        if let Some(note) = notes.pop() {
            return note;
        }
        face.rest().await;
    }
}

async fn until_none_runs(face: Face, client: &PipesClient) {
    while end!(face, client.running()).unwrap() > 0 {
        face.rest().await;
    }
}

/// Sends until that is refused.
async fn refused<T: Clone>(face: Face, tx: &mut Tx<T>, item: T) -> StreamError {
    loop {
        if let Err(error) = face.send(tx, item.clone()).await {
            return error;
        }
    }
}

/// A handler drops its ends before it is answered, so the caller may see the one or the other.
#[track_caller]
fn assert_over(why: &StreamError) {
    assert!(matches!(why, StreamError::Dropped | StreamError::CallEnded), "{why:?}");
}

/// Receives until there is an end, however it ends.
async fn rest<T>(face: Face, rx: &mut Rx<T>) -> (usize, Result<(), StreamError>) {
    let mut count = 0;
    loop {
        match face.recv(rx).await {
            Ok(Some(_)) => count += 1,
            Ok(None) => return (count, Ok(())),
            Err(error) => return (count, Err(error)),
        }
    }
}

#[test]
fn an_error_of_the_method_comes_after_its_items() {
    let guard = guard!();
    everywhere(&guard, async |_, client, face| {
        for after in [0, 1, 300] {
            let (call, mut tx, mut rx) = begin!(face, client, after, Then::Fails);
            assert_eq!(rest(face, &mut rx).await, (0, Ok(())));
            assert_over(&refused(face, &mut tx, 0).await);
            assert_eq!(end!(face, call), Err(CallError::App(Refused::OnPurpose)));
        }
        // As well when nothing was read before.
        let ((out, mut rx), (mut tx, numbers)) = (stream(), stream());
        let call = start!(face, client.ends(200, Then::Fails, out, numbers)).unwrap();
        face.send_all(&mut tx, 0..200).await.unwrap();
        assert_eq!(end!(face, call), Err(CallError::App(Refused::OnPurpose)));
        assert_eq!(rest(face, &mut rx).await, (200, Ok(())));
    });
}

#[test]
fn a_panic_in_mid_stream_is_told_to_the_reader_and_to_the_call() {
    let guard = guard!();
    everywhere(&guard, async |_, client, face| {
        for after in [0, 1, 300] {
            let ((out, mut rx), (mut tx, numbers)) = (stream(), stream());
            let call = start!(face, client.ends(after, Then::Panics, out, numbers)).unwrap();
            face.send_all(&mut tx, 0..after).await.unwrap();
            // Not an end like any other: items are missing.
            assert_eq!(rest(face, &mut rx).await, (after as usize, Err(StreamError::CallEnded)));
            assert_over(&refused(face, &mut tx, 0).await);
            assert_eq!(end!(face, call), Err(CallError::Rpc(RpcError::Panicked("on purpose".into()))));
        }
        until_none_runs(face, &client).await;
    });
}

#[test]
fn a_reader_that_goes_is_told_to_its_writer() {
    let guard = guard!();
    everywhere(&guard, async |_, client, face| {
        // In mid-stream, before the first item, before the call; while the writer sends or waits.
        for (len, read) in [(1, 500), (100_000, 3), (1, 0), (100_000, 0)] {
            let (tx, mut rx) = stream();
            let call = start!(face, client.fills(len, u32::MAX, tx)).unwrap();
            for _ in 0..read {
                assert!(face.recv(&mut rx).await.unwrap().is_some());
            }
            drop(rx);
            assert_eq!(note(face, &client).await, "fills: Dropped");
            assert!(end!(face, call).unwrap() >= read);
        }
        let (tx, rx) = stream();
        drop(rx);
        let call = start!(face, client.fills(10, u32::MAX, tx)).unwrap();
        assert_eq!(note(face, &client).await, "fills: Dropped");
        assert!(end!(face, call).is_ok());
        // The other way.
        let (call, mut tx, mut rx) = begin!(face, client, 10, Then::Drops);
        assert_eq!(rest(face, &mut rx).await, (0, Ok(())));
        assert_eq!(refused(face, &mut tx, 0).await, StreamError::Dropped);
        assert_eq!(refused(face, &mut tx, 0).await, StreamError::Dropped);
        drop(call);
        until_none_runs(face, &client).await;
    });
}

#[test]
fn a_writer_that_goes_is_the_end_for_its_reader() {
    let guard = guard!();
    everywhere(&guard, async |_, client, face| {
        for after in [0, 100] {
            let (call, tx, mut rx) = begin!(face, client, after, Then::Receives);
            drop(tx);
            assert_eq!(note(face, &client).await, "receives: Ok(None)");
            assert_eq!(end!(face, call), Ok(after));
            assert_eq!(rest(face, &mut rx).await, (0, Ok(())));
        }
        // Gone before the call.
        let (tx, numbers) = stream();
        drop(tx);
        let call = start!(face, client.tally(numbers)).unwrap();
        assert_eq!(end!(face, call), Ok(0));
    });
}

#[test]
fn a_call_that_is_cancelled_ends_its_streams_on_both_sides() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let client = served.client();
        let play = async |face: Face| {
            for (then, why) in
                [(Then::Sends, "sends: Rpc(Cancelled)"), (Then::Receives, "receives: Err(Rpc(Cancelled))")]
            {
                let (call, mut tx, mut rx) = begin!(face, client, 100, then);
                drop(call);
                // What came before is read.
                assert_eq!(rest(face, &mut rx).await.1, Err(StreamError::CallEnded));
                assert_eq!(refused(face, &mut tx, 0).await, StreamError::CallEnded);
                until_none_runs(face, &client).await;
                // A future is dropped, and may learn nothing before.
                let notes = end!(face, client.notes()).unwrap();
                assert!(notes == [why] || role == ASYNC && notes.is_empty(), "{notes:?}");
            }
        };
        now(play(Blocking));
        two_threads().block_on(play(Awaiting));
    }
}

#[test]
fn a_deadline_ends_the_streams_of_its_call_on_both_sides() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let client = served.client();
        let play = async |face: Face| {
            let late = RpcError::DeadlineExceeded { may_have_executed: true };
            for then in [Then::Sends, Then::Receives] {
                let ((out, mut rx), (mut tx, numbers)) = (stream(), stream());
                let call = client.ends(10, then, out, numbers).timeout(Duration::from_millis(200));
                let call = start!(face, call).unwrap();
                face.send_all(&mut tx, 0..10).await.unwrap();
                let why = match then {
                    // Nobody reads at the server, so this waits.
                    Then::Sends => refused(face, &mut tx, 0).await,
                    _ => rest(face, &mut rx).await.1.err().unwrap_or(StreamError::CallEnded),
                };
                // The server may see the deadline first, and end its side.
                let is_over = matches!(why, StreamError::Dropped | StreamError::CallEnded);
                assert!(is_over || why == late.clone().into(), "{then:?} {why:?}");
                let end = end!(face, call);
                assert!(matches!(end, Ok(10) | Err(CallError::Rpc(RpcError::DeadlineExceeded { .. }))), "{end:?}");
                // What came before is read.
                let (count, _) = rest(face, &mut rx).await;
                assert!(count >= 10 || then == Then::Receives, "{count}");
                assert_over(&refused(face, &mut tx, 0).await);
                until_none_runs(face, &client).await;
                let notes = end!(face, client.notes()).unwrap().concat();
                let is_told = notes.contains("DeadlineExceeded") || notes.contains("Cancelled");
                assert!(is_told || role == ASYNC && notes.is_empty(), "{then:?} {notes:?}");
            }
        };
        now(play(Blocking));
        one_thread().block_on(play(Awaiting));
    }
}

#[test]
fn whoever_waits_at_an_end_is_told_that_its_call_was_given_up_here() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let client = served.client();
        // The server says nothing meanwhile, so the word must come from this side.
        let (call, mut tx, mut rx) = now(async { begin!(Blocking, client, 10, Then::Receives) });
        served.process.stop();
        let reads = std::thread::spawn(move || rx.recv().wait());
        // It is what leads, if it waits by now; then another one.
        std::thread::sleep(Duration::from_millis(20));
        let sends = std::thread::spawn(move || now(refused(Blocking, &mut tx, 0)));
        std::thread::sleep(Duration::from_millis(20));
        drop(call);
        assert_eq!(reads.join().unwrap(), Err(StreamError::CallEnded));
        assert_eq!(sends.join().unwrap(), StreamError::CallEnded);
        served.process.signal(Signal::CONT);
        until(|| client.running().wait() == Ok(0));
    }
}

#[test]
fn a_server_that_is_killed_is_told_after_what_it_sent() {
    let guard = guard!();
    for role in ROLES {
        for face in [Blocking, Awaiting] {
            let mut served = open(&guard, role);
            let client = served.client();
            let play = async {
                let (tx, mut rx) = stream();
                let fills = start!(face, client.fills(1, u32::MAX, tx)).unwrap();
                while end!(face, client.filled()).unwrap() < 4_096 {
                    face.rest().await;
                }
                let (call, mut tx, mut others) = begin!(face, client, 10, Then::Receives);
                served.process.kill();
                let died = RpcError::PeerDied { may_have_executed: true };
                // It is known here before any of it is read.
                assert!(matches!(end!(face, client.add(1, 2)), Err(RpcError::PeerDied { .. })));
                let (count, why) = rest(face, &mut rx).await;
                assert_eq!(why, Err(died.clone().into()));
                assert!(count >= 4_096, "{count}");
                assert_eq!(face.recv(&mut rx).await, Err(died.clone().into()));
                assert_eq!(rest(face, &mut others).await, (0, Err(died.clone().into())));
                assert_eq!(refused(face, &mut tx, 0).await, died.clone().into());
                assert_eq!(end!(face, fills), Err(died.clone()));
                assert_eq!(end!(face, call), Err(CallError::Rpc(died)));
            };
            if face == Blocking { now(play) } else { one_thread().block_on(play) }
        }
    }
}

/// In a peer: two calls whose handlers wait for it, and nothing more.
fn call_and_rest(path: &str) {
    let client = PipesClient::connect(path).unwrap();
    let kept = now(async {
        let receives = begin!(Blocking, client, 10, Then::Receives);
        let sends = begin!(Blocking, client, 10, Then::Sends);
        (receives, sends)
    });
    say("begun");
    match peer::hear().as_str() {
        "close" => client.session().close(),
        "drop" => {
            drop(kept);
            drop(client);
        }
        _ => return,
    }
    say("done");
    peer::hear();
}

#[test]
fn a_caller_that_is_killed_or_goes_is_told_to_the_handlers() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let client = served.client();
        for word in ["kill", "close", "drop"] {
            let mut caller = guard.spawn("calls", served.path.display());
            assert_eq!(caller.hear(), "begun");
            until(|| client.running().wait() == Ok(2));
            if word == "kill" {
                caller.kill();
            } else {
                caller.tell(word);
                assert_eq!(caller.hear(), "done");
            }
            until(|| client.running().wait() == Ok(0));
            let notes = client.notes().wait().unwrap();
            let why = match word {
                "kill" => "Rpc(PeerDied { may_have_executed: true })",
                "close" => "Rpc(Closed { may_have_executed: true })",
                _ => "",
            };
            // A future is dropped, and may learn nothing before.
            assert!(notes.len() == 2 || role == ASYNC, "{word}: {notes:?}");
            assert!(notes.iter().all(|note| note.contains(why)), "{word}: {notes:?}");
        }
    }
}

#[test]
fn a_session_that_is_closed_ends_its_streams_after_what_came() {
    let guard = guard!();
    for role in ROLES {
        for by_server in [false, true] {
            let mut served = open(&guard, role);
            let client = served.client();
            let ((out, mut rx), (mut tx, numbers)) = (stream(), stream());
            let call = client.ends(10, Then::Receives, out, numbers).start().unwrap();
            tx.send_all(0..10).wait().unwrap();
            assert_eq!(rx.recv().wait(), Ok(Some(0)));
            let waiting = std::thread::spawn({
                let ((out, mut rx), (tx, numbers)) = (stream(), stream());
                let call = client.ends(0, Then::Receives, out, numbers).start().unwrap();
                move || (rx.recv().wait(), call.wait(), drop(tx)).0
            });
            // The items are here by now.
            until(|| client.running().wait() == Ok(2));
            if by_server {
                served.process.tell("stop");
                assert_eq!(served.process.hear(), "stopped");
            } else {
                client.session().close();
            }
            let closed = RpcError::Closed { may_have_executed: true };
            assert_eq!(waiting.join().unwrap(), Err(closed.clone().into()));
            let (count, why) = now(rest(Blocking, &mut rx));
            assert_eq!(why, Err(closed.clone().into()), "by the server: {by_server}");
            assert!(count <= 9, "{count}");
            assert_eq!(now(refused(Blocking, &mut tx, 0)), closed.clone().into());
            assert_eq!(call.wait(), Err(CallError::Rpc(closed)));
        }
    }
}

#[test]
fn ends_that_are_kept_keep_the_session_open() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let other = served.client();
        let client = served.client();
        let ((tx, data), (back, mut rx)) = (stream(), stream());
        let call = client.echo(data, back).start().unwrap();
        drop(client);
        let mut tx: Tx<Vec<u8>> = tx;
        for number in 0..100 {
            tx.send(vec![number; 100]).wait().unwrap();
            assert_eq!(rx.recv().wait(), Ok(Some(vec![number; 100])));
        }
        drop(tx);
        assert_eq!(rx.recv().wait(), Ok(None));
        assert_eq!(call.wait(), Ok(100));
        assert_eq!(other.add(1, 2).wait(), Ok(3));
    }
}

#[test]
fn an_end_that_is_not_connected_says_so_until_its_call_has_begun() {
    let guard = guard!();
    everywhere(&guard, async |_, client, face| {
        let ((mut tx, mut data), (mut back, mut rx)) = (stream::<Vec<u8>>(), stream::<Vec<u8>>());
        assert_eq!(face.recv(&mut rx).await, Err(StreamError::NotConnected));
        assert_eq!(face.send(&mut tx, vec![1]).await, Err(StreamError::NotConnected));
        assert_eq!(face.send_all(&mut tx, [vec![1]].into_iter()).await, Err(StreamError::NotConnected));
        assert_eq!(face.send(&mut back, vec![1]).await, Err(StreamError::NotConnected));
        assert_eq!(face.recv(&mut data).await, Err(StreamError::NotConnected));
        // A call that is not begun connects nothing.
        let never = client.echo(data, back);
        assert_eq!(face.recv(&mut rx).await, Err(StreamError::NotConnected));
        drop(never);
        assert_eq!(face.recv(&mut rx).await, Err(StreamError::NotConnected));
        let ((mut tx, data), (back, mut rx)) = (stream(), stream());
        let call = start!(face, client.echo(data, back)).unwrap();
        face.send(&mut tx, vec![1]).await.unwrap();
        assert_eq!(face.recv(&mut rx).await, Ok(Some(vec![1])));
        drop(tx);
        assert_eq!(end!(face, call), Ok(1));
    });
}

#[test]
fn an_end_goes_into_one_call() {
    let guard = guard!();
    everywhere(&guard, async |_, client, face| {
        let already = RpcError::Stream(Box::new(StreamError::AlreadyConnected));
        let (call, tx, rx) = begin!(face, client, 10, Then::Receives);
        // The ends that are kept, given away.
        let (out, numbers) = (stream().0, stream().1);
        assert_eq!(start!(face, client.ends(0, Then::Returns, tx, numbers)).map(drop), Err(already.clone()));
        assert_eq!(start!(face, client.ends(0, Then::Returns, out, rx)).map(drop), Err(already.clone()));
        // Both ends of one pair.
        let (out, rx) = stream();
        let tried = client.ends(0, Then::Returns, out, rx).try_start();
        assert!(matches!(&tried, Err(TryStartError::Rpc(error)) if *error == already), "{tried:?}");
        // The tx that was given away is gone, and so the first call has its end.
        assert_eq!(end!(face, call), Ok(10));
        until_none_runs(face, &client).await;
        end!(face, client.notes()).unwrap();
    });
}

#[test]
fn a_call_that_waits_for_a_reader_that_never_reads_is_ended() {
    let guard = guard!();
    everywhere(&guard, async |served, _, face| {
        let mut config = config();
        config.limits.hang_after = Duration::from_millis(50);
        let client = served.client_with(config);
        // Items of every size, up to one that takes the whole window and more.
        for (len, fit) in [(10, 4_096), (1_000, 261), (10_000, 26), (200_000, 1), (300_000, 1)] {
            let (tx, mut rx) = stream();
            let call = start!(face, client.fills(len, u32::MAX, tx)).unwrap();
            assert_eq!(end!(face, call), Err(RpcError::StreamNotRead), "{len}");
            // It was cancelled, and what came is there.
            until_none_runs(face, &client).await;
            end!(face, client.notes()).unwrap();
            assert_eq!(rest(face, &mut rx).await, (fit, Err(StreamError::CallEnded)), "{len}");
        }
        // One that fits is no mistake.
        let (tx, rx) = stream();
        let call = start!(face, client.count(1_000, false, tx)).unwrap();
        assert_eq!(end!(face, call), Ok(1_000));
        assert!(face.all(rx).await.into_iter().eq(0..1_000));
        // Neither is one that another thread reads, late as it may be.
        let (tx, rx) = stream();
        let call = start!(face, client.count(100_000, false, tx)).unwrap();
        let reads = std::thread::spawn(move || now(Blocking.all(rx)).len());
        assert_eq!(end!(face, call), Ok(100_000));
        assert_eq!(reads.join().unwrap(), 100_000);
        assert_eq!(end!(face, client.add(1, 2)), Ok(3));
    });
}

#[test]
fn without_patience_a_reader_that_is_not_waited_for_is_no_mistake() {
    let guard = guard!();
    everywhere(&guard, async |served, _, face| {
        let mut config = config();
        config.limits.hang_after = Duration::ZERO;
        let client = served.client_with(config);
        let (tx, rx) = stream();
        let call = start!(face, client.count(1_000, false, tx)).unwrap();
        assert_eq!(end!(face, call), Ok(1_000));
        assert!(face.all(rx).await.into_iter().eq(0..1_000));
        let (tx, _rx) = stream();
        let call = start!(face, client.fills(1_000, u32::MAX, tx)).unwrap();
        assert_eq!(end!(face, call), Err(RpcError::StreamNotRead));
    });
}

#[test]
fn ends_that_outlive_their_handler_are_refused_after_the_result() {
    let guard = guard!();
    everywhere(&guard, async |_, client, face| {
        let (call, mut tx, mut rx) = begin!(face, client, 10, Then::Keeps);
        assert_eq!(end!(face, call), Ok(10));
        let mut noted = Vec::new();
        while noted.len() < 2 {
            noted.extend(end!(face, client.notes()).unwrap());
            face.rest().await;
        }
        assert_eq!(noted, ["kept receives: Err(CallEnded)", "kept sends: CallEnded"]);
        assert_eq!(rest(face, &mut rx).await, (0, Ok(())));
        assert_eq!(refused(face, &mut tx, 0).await, StreamError::CallEnded);
    });
}

#[test]
fn whoever_waits_at_an_end_of_a_handler_that_returned_is_told_when_nobody_else_says_a_word() {
    #[rapace::service]
    trait Lends {
        /// Gives its end to another thread, and returns when that has waited for a while.
        fn lends(&self, until: &str, numbers: Rx<u32>);
        /// Keeps the thread of its session until there is such a file.
        fn holds(&self, until: &str);
    }
    struct Lender(Mutex<Sender<Result<Option<u32>, StreamError>>>);
    impl Lends for Lender {
        fn lends(&self, until: &str, mut numbers: Rx<u32>) {
            let told = self.0.lock().unwrap().clone();
            std::thread::spawn(move || told.send(numbers.recv().wait()));
            peer::until(|| Path::new(until).exists());
        }
        fn holds(&self, until: &str) {
            std::fs::write(Path::new(until).with_extension("held"), "").unwrap();
            peer::until(|| Path::new(until).exists());
        }
    }
    let _guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (told, hears) = channel();
    let server = rapace::Server::new(LendsServer::new(Lender(Mutex::new(told)))).config(config()).bind(path("sock"));
    let client = LendsClient::builder().config(config()).connect(path("sock")).unwrap();
    let (_tx, numbers) = stream();
    let lends = client.lends(&path("lends"), numbers).start().unwrap();
    let holds = client.holds(&path("holds")).start().unwrap();
    until(|| Path::new(&path("holds.held")).exists());
    // The thread of the session is busy by now, so the one at the stream is who looks at the ring, if it looks by now.
    std::thread::sleep(Duration::from_millis(30));
    std::fs::write(path("lends"), "").unwrap();
    assert_eq!(hears.recv().unwrap(), Err(StreamError::CallEnded));
    std::fs::write(path("holds"), "").unwrap();
    assert_eq!((lends.wait(), holds.wait()), (Ok(()), Ok(())));
    drop(server);
}

#[test]
fn a_handler_that_begins_when_its_call_is_over_is_told_why() {
    static ENTERED: AtomicUsize = AtomicUsize::new(0);
    static OPEN: AtomicUsize = AtomicUsize::new(0);
    const GATES: usize = 1_000;
    /// An argument that is read when the test says so. Only large ones, so that the type can be described.
    #[derive(serde::Serialize)]
    struct Gate(usize);
    impl<'de> serde::Deserialize<'de> for Gate {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            let number = usize::deserialize(from)?;
            if number > GATES {
                ENTERED.store(number, Ordering::SeqCst);
                until(|| OPEN.load(Ordering::SeqCst) >= number);
            }
            Ok(Self(number))
        }
    }
    #[rapace::service]
    trait Gated {
        fn enters(&self, gate: Gate, out: Tx<u32>, numbers: Rx<u32>);
        fn add(&self, a: u32, b: u32) -> u32;
    }
    type Told = (StreamError, StreamError);
    struct Keeper(Mutex<Sender<Told>>);
    impl Gated for Keeper {
        fn enters(&self, _: Gate, mut out: Tx<u32>, mut numbers: Rx<u32>) {
            let told = (out.send(1).wait().unwrap_err(), numbers.recv().wait().unwrap_err());
            self.0.lock().unwrap().send(told).unwrap();
        }
        fn add(&self, a: u32, b: u32) -> u32 {
            a + b
        }
    }
    let _guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gated.sock");
    let (told, hears) = channel();
    let server = rapace::Server::new(GatedServer::new(Keeper(Mutex::new(told)))).config(config()).bind(&path).unwrap();
    let client = GatedClient::builder().config(config()).connect(&path).unwrap();
    for (number, closes) in [(GATES + 1, false), (GATES + 2, true)] {
        let ((out, _rx), (_tx, numbers)) = (stream(), stream());
        let call = client.enters(Gate(number), out, numbers).start().unwrap();
        until(|| ENTERED.load(Ordering::SeqCst) == number);
        let why = if closes {
            client.session().close();
            RpcError::Closed { may_have_executed: true }
        } else {
            drop(call);
            RpcError::Cancelled
        };
        // The server has seen it when that is answered, or when it has seen the end.
        until(|| client.add(1, 2).wait() == Ok(3) || closes);
        if closes {
            std::thread::sleep(Duration::from_millis(50));
        }
        OPEN.store(number, Ordering::SeqCst);
        assert_eq!(hears.recv().unwrap(), (why.clone().into(), why.into()));
    }
    drop(server);
}

#[test]
fn an_item_that_cannot_be_read_comes_in_its_place_and_is_the_last() {
    #[derive(Debug, PartialEq, serde::Serialize)]
    struct Even(u8);
    impl<'de> serde::Deserialize<'de> for Even {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            match u8::deserialize(from)? {
                odd if odd % 2 == 1 && odd > 1 => Err(serde::de::Error::custom("odd")),
                even => Ok(Self(even)),
            }
        }
    }
    #[rapace::service]
    trait Evens {
        fn give(&self, at_once: bool, numbers: Vec<u8>, out: Tx<Even>);
    }
    struct Giver;
    impl Evens for Giver {
        fn give(&self, at_once: bool, numbers: Vec<u8>, mut out: Tx<Even>) {
            let mut numbers = numbers.into_iter().map(Even);
            if at_once {
                let _ = out.send_all(numbers).wait();
            } else {
                while numbers.next().is_some_and(|number| out.send(number).wait().is_ok()) {}
            }
        }
    }
    let _guard = guard!();
    let client = EvensClient::local(Giver).unwrap();
    for at_once in [false, true] {
        for numbers in [vec![0, 2, 4, 7, 8, 10], vec![9, 2, 4], vec![2, 9]] {
            let odd = numbers.iter().position(|number| number % 2 == 1).unwrap();
            let (tx, mut rx) = stream();
            let call = client.give(at_once, numbers.clone(), tx).start().unwrap();
            for number in &numbers[..odd] {
                assert_eq!(rx.recv().wait(), Ok(Some(Even(*number))), "{at_once} {numbers:?}");
            }
            let error = rx.recv().wait().unwrap_err();
            assert!(
                matches!(&error, StreamError::Rpc(RpcError::Decode(_))) && error.to_string().contains("odd"),
                "{error}"
            );
            assert_eq!(rx.recv().wait(), Ok(None), "{at_once} {numbers:?}");
            assert_eq!(call.wait(), Ok(()));
            // An iterator ends as well.
            let (tx, mut rx) = stream();
            let call = client.give(at_once, numbers.clone(), tx).start().unwrap();
            assert_eq!(rx.iter().count(), odd + 1);
            assert_eq!(call.wait(), Ok(()));
        }
    }
}

#[test]
fn an_iterator_gives_an_error_once() {
    let guard = guard!();
    let mut served = open(&guard, THREADS);
    let client = served.client();
    let (call, _tx, mut rx) = now(async { begin!(Blocking, client, 10, Then::Receives) });
    let (other, _other_tx, other_rx) = now(async { begin!(Blocking, client, 10, Then::Receives) });
    served.process.kill();
    let died = StreamError::Rpc(RpcError::PeerDied { may_have_executed: true });
    assert_eq!(rx.iter().take(5).collect::<Vec<_>>(), [Err(died.clone())]);
    assert_eq!(other_rx.into_iter().take(5).collect::<Vec<_>>(), [Err(died)]);
    drop((call, other));
}

#[test]
fn streams_of_a_call_for_which_there_is_no_room_wait_with_it() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let client = served.client();
        let mut held: Vec<_> = (0..128)
            .map(|_| {
                let ((out, rx), (tx, numbers)) = (stream(), stream());
                (client.ends(0, Then::Receives, out, numbers).start().unwrap(), tx, rx)
            })
            .collect();
        let (tx, rx) = stream();
        let Err(TryStartError::Full(call)) = client.count(10, false, tx).try_start() else { panic!("there is room") };
        let late = client.count(10, false, stream().0).timeout(Duration::from_millis(5)).start().map(drop);
        assert_eq!(late, Err(RpcError::DeadlineExceeded { may_have_executed: false }));
        one_thread().block_on(async {
            let (tx, rx) = stream();
            let mut starting = client.count(20, false, tx).start_async();
            assert!(poll_fn(|cx| Poll::Ready(Pin::new(&mut starting).poll(cx))).await.is_pending());
            // One that gives up connects nothing.
            let (kept, mut never) = stream();
            let mut leaving = client.count(20, false, kept).start_async();
            assert!(poll_fn(|cx| Poll::Ready(Pin::new(&mut leaving).poll(cx))).await.is_pending());
            drop(leaving);
            assert_eq!(never.recv().wait(), Err(StreamError::NotConnected));
            held.pop();
            let begun: Pending<_> = starting.await.unwrap();
            assert!(Awaiting.all(rx).await.into_iter().eq(0..20));
            assert_eq!(begun.await, Ok(20));
        });
        let call = call.start().unwrap();
        assert!(now(Blocking.all(rx)).into_iter().eq(0..10));
        assert_eq!(call.wait(), Ok(10));
    }
}

#[test]
fn futures_that_are_dropped_in_mid_send_and_mid_receive_lose_nothing() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let client = served.client();
        let play = async {
            let ((mut tx, data), (back, mut rx)) = (stream::<Vec<u8>>(), stream::<Vec<u8>>());
            let call = client.echo(data, back).start_async().await.unwrap();
            // Polled once and dropped: of items in fragments a part may be under way.
            let mut expected = Vec::new();
            let (mut dropped, mut taken) = (0, 0);
            for number in 0..400_usize {
                let item = vec![number as u8; [10, 1_000, 300_000, 1 << 20][number % 4]];
                let mut sending = tx.send(item.clone()).into_future();
                match poll_fn(|cx| Poll::Ready(Pin::new(&mut sending).poll(cx))).await {
                    Poll::Ready(sent) => {
                        sent.unwrap();
                        expected.push(item);
                    }
                    Poll::Pending => dropped += 1,
                }
                let mut receiving = rx.recv().into_future();
                if let Poll::Ready(item) = poll_fn(|cx| Poll::Ready(Pin::new(&mut receiving).poll(cx))).await {
                    assert!(item.unwrap().unwrap() == expected[taken]);
                    taken += 1;
                }
                tokio::task::yield_now().await;
            }
            assert!(dropped > 0 && !expected.is_empty(), "{dropped} of 400 were dropped");
            // Nor is their room lost.
            expected.extend([10, 1 << 20, 300_000, 10].map(|len| vec![7; len]));
            let last = expected[expected.len() - 4..].to_vec();
            let sends = async {
                for item in last {
                    tx.send(item).await.unwrap();
                }
                drop(tx);
            };
            let receives = async {
                while let Some(item) = rx.recv().await.unwrap() {
                    assert!(item == expected[taken], "item {taken}");
                    taken += 1;
                }
            };
            tokio::join!(sends, receives);
            assert_eq!((taken, call.await), (expected.len(), Ok(expected.len() as u32)));
        };
        if role == SYNC_TASKS { two_threads().block_on(play) } else { one_thread().block_on(play) }
    }
}

#[test]
fn streams_that_are_left_at_any_instant_end_no_session() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let mut config = config();
        config.limits.stream_bytes = 100_000;
        let client = served.client_with(config);
        std::thread::scope(|scope| {
            for seed in 0..4 {
                let client = client.clone();
                scope.spawn(move || leave_at_random(&client, Random::new(1 + seed)));
            }
        });
        assert_eq!(client.add(1, 2).wait(), Ok(3));
        until(|| client.running().wait() == Ok(0));
        // What those left on their way counts no more.
        let (tx, rx) = stream();
        let call = client.fills(90_000, 20, tx).start().unwrap();
        assert_eq!(now(Blocking.all(rx)).len(), 20);
        assert_eq!(call.wait(), Ok(20));
    }
}

/// Calls of which some are waited for, and others left in the middle, in any order.
fn leave_at_random(client: &PipesClient, mut random: Random) {
    for _ in 0..150 {
        let len = [0, 10, 1_000, 30_000, 200_000][random.below(5) as usize];
        let count = random.below(40);
        let ((mut tx, data), (back, mut rx)) = (stream::<Vec<u8>>(), stream::<Vec<u8>>());
        let timeout = [LONG, LONG, Duration::from_millis(1 + random.below(10))][random.below(3) as usize];
        let Ok(call) = client.echo(data, back).timeout(timeout).start() else { continue };
        let reads = random.below(2) == 0;
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let most = if reads { u64::MAX } else { count / 2 };
                let came = (0..most).take_while(|_| matches!(rx.recv().wait(), Ok(Some(_)))).count() as u64;
                drop(rx);
                came
            });
            let sent = (0..count).take_while(|_| tx.send(vec![1; len]).wait().is_ok()).count() as u64;
            let first = random.below(3);
            if first == 0 {
                drop(call);
                assert!(reader.join().unwrap() <= sent + 1);
                return;
            }
            drop(tx);
            let came = reader.join().unwrap();
            if first == 1 && timeout == LONG && reads {
                assert_eq!((call.wait(), came), (Ok(count as u32), count));
            } else {
                assert!(came <= sent + 1);
            }
        });
    }
}

#[test]
fn futures_that_are_dropped_at_any_instant_lose_nothing_of_what_others_wait_for() {
    let guard = guard!();
    for role in ROLES {
        let served = open(&guard, role);
        let client = served.client();
        two_threads().block_on(async {
            let mut tasks = JoinSet::new();
            for seed in 0..4 {
                tasks.spawn(leave_tasks_at_random(client.clone(), Random::new(100 + seed)));
            }
            tasks.join_all().await;
            assert_eq!(client.add(1, 2).await, Ok(3));
        });
        until(|| client.running().wait() == Ok(0));
    }
}

async fn leave_tasks_at_random(client: PipesClient, mut random: Random) {
    for _ in 0..60 {
        let ((mut tx, data), (back, mut rx)) = (stream::<Vec<u8>>(), stream::<Vec<u8>>());
        let call = client.echo(data, back).start_async().await.unwrap();
        let (mut sent, mut came) = (Vec::new(), Vec::new());
        for number in 0..random.below(40) {
            let time = Duration::from_micros(random.below(300));
            if random.below(2) == 0 {
                let item = vec![number as u8; [1, 10, 1_000, 70_000, 500_000][random.below(5) as usize]];
                // Late, it is not sent at all.
                if let Ok(done) = timeout(time, tx.send(item.clone()).into_future()).await {
                    done.unwrap();
                    sent.push(item);
                }
            } else if let Ok(item) = timeout(time, rx.recv().into_future()).await {
                came.push(item.unwrap().unwrap());
            }
        }
        match random.below(4) {
            0 => drop(call),
            1 => drop(rx),
            _ => {
                drop(tx);
                came.extend(Awaiting.all(rx).await);
                assert_eq!(call.await, Ok(sent.len() as u32));
                assert!(came == sent, "{} came of {}", came.len(), sent.len());
            }
        }
    }
}

#[test]
fn a_deadline_that_is_far_is_none_for_streams() {
    let guard = guard!();
    everywhere(&guard, async |_: &Served, client, face| {
        let (tx, rx) = stream();
        let call = start!(face, client.count(5_000, false, tx).timeout(LONG)).unwrap();
        assert_eq!(face.all(rx).await.len(), 5_000);
        assert_eq!(end!(face, call), Ok(5_000));
    });
}
