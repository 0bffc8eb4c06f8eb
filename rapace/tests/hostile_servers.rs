//! A client whose server lies to it: each lie is the violation by its rule, which ends the session and no other, or the
//! error of the call that it is about.

#![cfg(all(target_os = "linux", not(loom)))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod liar;
mod peer;

use std::os::unix::net::UnixStream;
use std::time::Duration;

use liar::calls::{BY_B, Caller, Said, request, status, terminal};
use liar::{CANCEL, CREDIT, Descriptor, END, GOODBYE, ITEM, ONE_WAY, REQUEST, Shape, TERMINAL, field, half};
use peer::until;
use rapace::{CallError, Config, ConnectError, DecodeError, Kind, Lost, PeerState, RpcError, Server, Violation};

#[rapace::service]
trait Vault {
    fn add(&self, a: u32, b: u32) -> u32;
    fn refuses(&self, yes: bool) -> Result<u32, String>;
    fn sum(&self, bytes: &[u8]) -> u64;
    fn nothings(&self) -> Vec<()>;
}

/// The numbers of the first two on the wire, and of what every server answers.
const ADD: u32 = 1;
const REFUSES: u32 = 2;
const DESCRIBE: u32 = 0;

struct Bank;

impl Vault for Bank {
    fn add(&self, a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }
    fn refuses(&self, yes: bool) -> Result<u32, String> {
        if yes { Err("no".into()) } else { Ok(1) }
    }
    fn nothings(&self) -> Vec<()> {
        vec![(); 3]
    }
    fn sum(&self, bytes: &[u8]) -> u64 {
        bytes.iter().map(|byte| u64::from(*byte)).sum()
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.limits.handshake_time = Duration::from_secs(50);
    // Few enough to be used up by a test.
    config.limits.in_flight = 128;
    config.limits.error_text_bytes = 20;
    config
}

/// What an honest server says of itself in the handshake.
fn catalogue() -> Vec<u8> {
    let (ours, theirs) = UnixStream::pair().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| Server::new(VaultServer::new(Bank)).config(config()).serve_over(theirs).unwrap());
        Caller::over(ours).1
    })
}

/// A client, and what it has of a server.
fn meet_saying(catalogue: &[u8]) -> (std::thread::JoinHandle<Result<VaultClient, ConnectError>>, Caller) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let client = std::thread::spawn(move || VaultClient::builder().config(config()).over(theirs));
    (client, Caller::serve(ours, Shape::of(&config().geometry), catalogue))
}

fn meet() -> (VaultClient, Caller) {
    let (client, liar) = meet_saying(&catalogue());
    (client.join().unwrap().unwrap(), liar)
}

fn violation(violation: Violation) -> RpcError {
    RpcError::Lost(Box::new(Lost::Violation(violation)))
}

#[test]
fn one_that_stands_still_in_the_middle_of_a_look_is_unresponsive() {
    let _guard = guard!();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let client = std::thread::spawn(move || {
        let mut config = config();
        config.limits.hang_after = Duration::from_millis(20);
        VaultClient::builder().config(config).over(theirs)
    });
    let Caller { liar, .. } = Caller::serve(ours, Shape::of(&config().geometry), &catalogue());
    let client = client.join().unwrap().unwrap();
    let owed = client.add(1, 2).start().unwrap();
    liar.own.map.set(half::HUSHED, 1);
    until(|| matches!(client.session().peer_state(), PeerState::Unresponsive { .. }));
    // One that waits for the next message is not.
    liar.own.map.set(half::WANTS_MESSAGE, 2);
    assert_eq!(client.session().peer_state(), PeerState::Alive);
    drop(owed);
}

/// Another session of this process, which must not notice anything.
fn bystander() -> VaultClient {
    VaultClient::local(Bank).unwrap()
}

#[test]
fn a_liar_that_tells_the_truth_is_a_server_like_any_other() {
    let _guard = guard!();
    let (client, mut liar) = meet();
    let call = client.add(1, 2).start().unwrap();
    let asked = liar.hear();
    assert_eq!(asked, Said { kind: REQUEST, status: 0, call: asked.call, method: ADD, payload: vec![1, 2] });
    assert_ne!(asked.call & BY_B, 0);
    liar.say(terminal(asked.call, status::OK, &[3]));
    assert_eq!(call.wait(), Ok(3));
    let call = client.refuses(true).start().unwrap();
    let asked = liar.hear();
    assert_eq!((asked.method, asked.payload), (REFUSES, vec![1]));
    liar.say(terminal(asked.call, status::APP, b"\x02no"));
    assert_eq!(call.wait(), Err(CallError::App("no".into())));
}

#[test]
fn what_no_server_sends_ends_the_session_with_the_rule() {
    let _guard = guard!();
    let bystander = bystander();
    type Lie = fn(u32) -> (Descriptor, Violation);
    let lies: [Lie; 18] = [
        // Answers to calls that were never made: another generation, another place, another side, none.
        |call| (terminal(call + (1 << 16), 0, &[3]), Violation::UnknownCall { call: call + (1 << 16) }),
        |call| (terminal(call + 1, 0, &[3]), Violation::UnknownCall { call: call + 1 }),
        |call| (terminal(call & !BY_B, 0, &[3]), Violation::UnknownCall { call: call & !BY_B }),
        |_| (terminal(0, 0, &[3]), Violation::UnknownCall { call: 0 }),
        |_| (terminal(u32::MAX, 0, &[3]), Violation::UnknownCall { call: u32::MAX }),
        // Ends that do not exist.
        |call| (terminal(call, 99, &[3]), Violation::Status { status: 99 }),
        |call| (terminal(call, u16::MAX, &[3]), Violation::Status { status: u16::MAX }),
        // Requests under numbers that a server does not have.
        |call| (request(call, ADD, &[1, 2]), Violation::UnknownCall { call }),
        |_| (request(0, ADD, &[1, 2]), Violation::UnknownCall { call: 0 }),
        |_| (request(128 | 1 << 16, ADD, &[]), Violation::InFlight { call: 128 | 1 << 16, in_flight: 128 }),
        |call| (Descriptor::inline(CANCEL, &[]).u32(field::CALL, call), Violation::UnknownCall { call }),
        // What is no part of a call.
        |_| (Descriptor::inline(ONE_WAY, &[1]), Violation::Unexpected { kind: Kind::OneWay }),
        |call| (Descriptor::inline(ITEM, &[1]).u32(field::CALL, call), Violation::UnknownStream { call, stream: 0 }),
        |call| (Descriptor::inline(END, &[]).u32(field::CALL, call), Violation::UnknownStream { call, stream: 0 }),
        |call| {
            (Descriptor::inline(CREDIT, &[0; 8]).u32(field::CALL, call), Violation::UnknownStream { call, stream: 0 })
        },
        // Goodbyes that promise what cannot be.
        |_| (goodbye(2), Violation::Goodbye { last: 2, consumed: 1 }),
        |_| (goodbye(u64::MAX), Violation::Goodbye { last: u64::MAX, consumed: 1 }),
        |_| (goodbye(1 << 32), Violation::Goodbye { last: 1 << 32, consumed: 1 }),
    ];
    for lie in lies {
        let (client, mut liar) = meet();
        let call = client.add(1, 2).start().unwrap();
        let (lie, rule) = lie(liar.hear().call);
        liar.say(lie);
        assert_eq!(call.wait(), Err(violation(rule)));
        assert_eq!(client.add(1, 2).wait(), Err(violation(rule)));
        assert_eq!(client.add(1, 2).start().map(drop), Err(violation(rule)));
        liar.expect_end();
        assert_eq!(bystander.add(1, 2).wait(), Ok(3));
    }
}

fn goodbye(last: u64) -> Descriptor {
    Descriptor::inline(GOODBYE, &last.to_ne_bytes())
}

const UNRUN: RpcError = RpcError::Closed { may_have_executed: false };

#[test]
fn a_goodbye_ends_the_calls_beyond_it_and_leaves_the_others_to_be_answered() {
    let _guard = guard!();
    let (client, mut liar) = meet();
    let calls = [1, 2, 3].map(|a| client.add(a, 1).start().unwrap());
    let asked = [(); 3].map(|()| liar.hear().call);
    liar.say(goodbye(2));
    let [first, second, third] = calls;
    assert_eq!(third.wait(), Err(UNRUN), "a thread that waits for it learns it");
    assert_eq!(client.add(1, 2).wait(), Err(UNRUN));
    assert_eq!(client.add(1, 2).start().map(drop), Err(UNRUN));
    liar.say(terminal(asked[1], status::OK, &[7]));
    assert_eq!(second.wait(), Ok(7));
    // The first one's truth is not known any more.
    drop(liar);
    let lost = first.wait().unwrap_err();
    assert!(matches!(lost, RpcError::PeerDied { may_have_executed: true }), "{lost}");
}

#[test]
fn threads_that_wait_for_their_answers_or_for_their_turn_are_woken_by_a_goodbye() {
    let _guard = guard!();
    let (client, mut liar) = meet();
    std::thread::scope(|scope| {
        // As many as a server keeps, and some that wait for their turn.
        let waiting: Vec<_> = (0..140).map(|_| scope.spawn(|| client.add(1, 2).wait())).collect();
        for _ in 0..128 {
            liar.hear();
        }
        liar.say(goodbye(0));
        for thread in waiting {
            assert_eq!(thread.join().unwrap(), Err(UNRUN));
        }
    });
}

#[cfg(feature = "tokio")]
#[test]
fn tasks_that_wait_for_their_answers_or_for_their_turn_are_woken_by_a_goodbye() {
    let _guard = guard!();
    let (client, mut liar) = meet();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let spawn = |_| {
        let client = client.clone();
        runtime.spawn(async move { client.add(1, 2).await })
    };
    let waiting: Vec<_> = (0..140).map(spawn).collect();
    for _ in 0..128 {
        liar.hear();
    }
    liar.say(goodbye(0));
    for task in waiting {
        assert_eq!(runtime.block_on(task).unwrap(), Err(UNRUN));
    }
}

#[test]
fn a_message_in_fragments_is_given_up_by_a_goodbye() {
    let _guard = guard!();
    let (client, mut liar) = meet();
    let large = vec![1; 4 << 20];
    std::thread::scope(|scope| {
        let call = scope.spawn(|| client.sum(&large).wait());
        // Its first fragments are there, and there is no room for the others.
        while liar.liar.their_message(1).is_none() {
            std::thread::yield_now();
        }
        liar.say(goodbye(0));
        assert_eq!(call.join().unwrap(), Err(UNRUN));
    });
}

#[test]
fn a_second_goodbye_is_caught_and_so_is_an_answer_beyond_the_first() {
    let _guard = guard!();
    for again in [0, 1] {
        let (client, mut liar) = meet();
        let call = client.add(1, 2).start().unwrap();
        liar.hear();
        liar.say(goodbye(1));
        liar.say(goodbye(again));
        assert_eq!(call.wait(), Err(violation(Violation::Unexpected { kind: Kind::Goodbye })));
    }
    let (client, mut liar) = meet();
    let call = client.add(1, 2).start().unwrap();
    let number = liar.hear().call;
    liar.say(goodbye(0));
    liar.say(terminal(number, status::OK, &[3]));
    assert_eq!(call.wait(), Err(UNRUN), "whatever comes after it");
    let end = loop {
        match client.add(1, 2).wait() {
            Err(error) if error == UNRUN => std::thread::yield_now(),
            other => break other,
        }
    };
    assert_eq!(end, Err(violation(Violation::UnknownCall { call: number })));
    liar.expect_end();
}

#[test]
fn a_second_answer_is_caught_also_when_the_call_was_given_up() {
    let _guard = guard!();
    let (client, mut liar) = meet();
    let call = client.add(1, 2).start().unwrap();
    let number = liar.hear().call;
    liar.say(terminal(number, status::OK, &[3]));
    liar.say(terminal(number, status::OK, &[4]));
    assert_eq!(call.wait(), Ok(3));
    assert_eq!(client.add(1, 2).wait(), Err(violation(Violation::UnknownCall { call: number })));

    for first in [status::CANCELLED, status::OK, status::PANICKED] {
        let (client, mut liar) = meet();
        let call = client.add(1, 2).start().unwrap();
        let number = liar.hear().call;
        call.cancel();
        assert_eq!(liar.hear(), Said { kind: CANCEL, status: 0, call: number, method: 0, payload: vec![] });
        // However it is answered, nobody hears it, and the place is free.
        liar.say(terminal(number, first, &[3]));
        let next = client.add(1, 2).start().unwrap();
        let asked = liar.hear();
        liar.say(terminal(asked.call, status::OK, &[5]));
        assert_eq!(next.wait(), Ok(5));
        liar.say(terminal(number, first, &[3]));
        assert_eq!(client.add(1, 2).wait(), Err(violation(Violation::UnknownCall { call: number })));
    }
}

#[test]
fn every_end_of_a_call_is_its_own_and_its_text_is_harmless() {
    let _guard = guard!();
    let (client, mut liar) = meet();
    let text = |text: &str| Box::<str>::from(text);
    let malformed = |reason: &str| RpcError::Decode(Box::new(DecodeError::Malformed { reason: reason.into() }));
    let ends: [(u16, &[u8], RpcError); 15] = [
        (status::CANCELLED, b"", RpcError::Cancelled),
        (status::CANCELLED, b"what?", RpcError::Cancelled),
        (status::EXPIRED, b"", RpcError::DeadlineExceeded { may_have_executed: false }),
        (status::UNKNOWN_METHOD, b"", RpcError::UnknownMethod("Vault.add".into())),
        (status::BAD_ARGUMENTS, b"too few", RpcError::BadArguments(text("too few"))),
        (status::OVERLOADED, b"", RpcError::Overloaded(text(""))),
        (status::PANICKED, b"\x1b[2J\n\0", RpcError::Panicked(text("?[2J??"))),
        (status::PANICKED, b"\xff\xfe!", RpcError::Panicked(text("\u{fffd}\u{fffd}!"))),
        (status::BAD_REPLY, &[b'x'; 24], RpcError::BadReply(text("xxxxxxxxxxxxxxxxxxxx"))),
        (status::OK, b"", RpcError::Decode(Box::new(DecodeError::Truncated))),
        (status::OK, b"\xff", RpcError::Decode(Box::new(DecodeError::Truncated))),
        (status::OK, b"\x03\x04", RpcError::Decode(Box::new(DecodeError::Trailing { bytes: 1 }))),
        (status::OK, &[0xff; 11], malformed("an integer is too large for its type")),
        (status::APP, b"", malformed("the server answered with an error, but the method has none")),
        (status::APP, b"\x02no", malformed("the server answered with an error, but the method has none")),
    ];
    for (status, payload, end) in ends {
        let call = client.add(1, 2).start().unwrap();
        let asked = liar.hear();
        liar.say(terminal(asked.call, status, payload));
        assert_eq!(call.wait(), Err(end));
    }
    // An error of the method's own that is none.
    let call = client.refuses(true).start().unwrap();
    let asked = liar.hear();
    liar.say(terminal(asked.call, status::APP, &[200, 1, b'x']));
    assert_eq!(call.wait(), Err(CallError::Rpc(RpcError::Decode(Box::new(DecodeError::Truncated)))));
    // A list of four million values without bytes.
    let call = client.nothings().start().unwrap();
    let asked = liar.hear();
    liar.say(terminal(asked.call, status::OK, &[0x80, 0x80, 0x80, 0x02]));
    let error = call.wait().unwrap_err();
    assert!(error.to_string().contains("decode_bytes"), "{error}");
    // And the session goes on.
    let call = client.add(1, 2).start().unwrap();
    let asked = liar.hear();
    liar.say(terminal(asked.call, status::OK, &[3]));
    assert_eq!(call.wait(), Ok(3));
}

#[test]
fn a_client_that_serves_nothing_says_so() {
    let _guard = guard!();
    let (client, mut liar) = meet();
    let call = client.add(1, 2).start().unwrap();
    let asked = liar.hear();
    for generation in 1..4 {
        for method in [DESCRIBE, ADD, u32::MAX] {
            liar.say(request(generation << 16, method, &[1, 2]));
            assert!(matches!(call_once(&call), Ok(None)));
            let answer = liar.hear();
            assert_eq!((answer.kind, answer.call, answer.status), (TERMINAL, generation << 16, status::UNKNOWN_METHOD));
        }
    }
    // A cancel that crossed the answer.
    liar.say(Descriptor::inline(CANCEL, &[]).u32(field::CALL, 1 << 16));
    liar.say(terminal(asked.call, status::OK, &[3]));
    assert_eq!(call.wait(), Ok(3));
}

/// Has the client take out what came.
fn call_once<M: rapace::AnyPending>(call: &M) -> Result<Option<usize>, RpcError> {
    rapace::wait_any(&[call], Some(Duration::from_millis(1)))
}

#[test]
fn what_a_server_says_of_its_services_is_checked() {
    let _guard = guard!();
    for garbage in [&b"\xff"[..], b"\x01", b"\xff\xff\xff\xff\xff\x0f", b"\x01\x05Vault\xff\xff\xff\xff\x0f"] {
        let (client, liar) = meet_saying(garbage);
        let error = client.join().unwrap().unwrap_err();
        let ConnectError::Describe(describe) = &error else { panic!("{error}") };
        assert_eq!(**describe, violation(Violation::Catalogue), "{garbage:?}");
        liar.expect_end();
    }
    let (client, liar) = meet_saying(&[0]);
    assert!(matches!(client.join().unwrap(), Err(ConnectError::NoService { .. })));
    liar.expect_end();
    // One that differs, and explains it with garbage or not at all.
    let mut differing = catalogue();
    *differing.last_mut().unwrap() ^= 1;
    for (status, garbage) in [
        (status::OK, &b"\xff\xff\xff\xff\x0f"[..]),
        (status::OK, b""),
        (status::UNKNOWN_METHOD, b""),
        (status::APP, b"x"),
    ] {
        let (client, mut liar) = meet_saying(&differing);
        let asked = liar.hear();
        assert_eq!((asked.kind, asked.method), (REQUEST, DESCRIBE));
        liar.say(terminal(asked.call, status, garbage));
        let error = client.join().unwrap().unwrap_err();
        assert!(matches!(error, ConnectError::Incompatible { .. }), "{error}");
        assert!(error.to_string().contains("Vault.nothings"), "{error}");
        liar.expect_end();
    }
    let (client, mut liar) = meet_saying(&differing);
    let asked = liar.hear();
    liar.say(terminal(asked.call + 1, status::OK, &[]));
    let error = client.join().unwrap().unwrap_err();
    let ConnectError::Describe(describe) = &error else { panic!("{error}") };
    assert_eq!(**describe, violation(Violation::UnknownCall { call: asked.call + 1 }));
}

#[cfg(feature = "tokio")]
#[test]
fn an_awaited_call_is_ended_by_a_lie_as_well() {
    let _guard = guard!();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (client, mut liar) = meet();
    let begin = |number| {
        let client = client.clone();
        runtime.spawn(async move { client.add(number, 2).await })
    };
    let tasks: Vec<_> = (0..5).map(begin).collect();
    let asked = [(); 5].map(|()| liar.hear());
    // One of them gets an answer, and the lie that follows it is everybody else's end.
    liar.say(terminal(asked[0].call, status::OK, &[3]));
    liar.say(terminal(asked[1].call, 99, &[3]));
    runtime.block_on(async {
        let mut answered = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(sum) => answered += sum,
                Err(end) => assert_eq!(end, violation(Violation::Status { status: 99 })),
            }
        }
        assert_eq!(answered, 3);
        assert_eq!(client.add(1, 2).await, Err(violation(Violation::Status { status: 99 })));
    });
    liar.expect_end();
}
