//! Both roles of the handshake, against a peer whose messages are honest but for what the bytes change in them.
//!
//! One that changes nothing is let in. Whoever is let in has the half that was agreed on, and no descriptor is left of one that
//! is not. The peer says all that it has to say and hangs up, so nothing waits.

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::input::Input;
use super::liar::small;
use crate::error::{OpenError, RecvError};
use crate::lane;
use crate::layout::geometry::Geometry;
use crate::os::ForkGuard;
use crate::segment::memory::{self, Owned};
use crate::segment::{Identity, PEER_A, PEER_B};
use crate::session::{Config, PeerA, PeerB, Role, Session};

const GREETING_BYTES: usize = 64;
const ANSWER_BYTES: usize = 120;
/// Of an answer, the session's id.
const ID: std::ops::Range<usize> = 64..80;
const YES: [u8; 8] = [0; 8];

/// A role, and changes to each message of the other one.
pub fn handshake(data: &[u8]) {
    let honest = honest();
    let mut input = Input::new(data);
    let before = lowest_free_descriptor();
    if input.bool() {
        against_a_client(&mut input, honest)
    } else {
        against_a_server(&mut input, honest)
    }
    // Threads of other tests open and close some as well.
    assert!(cfg!(test) || before == lowest_free_descriptor(), "a descriptor is left");
}

fn lowest_free_descriptor() -> i32 {
    use std::os::fd::AsRawFd as _;
    rustix::io::dup(std::io::stderr()).map_or(-1, |copy| copy.as_raw_fd())
}

fn config() -> Config {
    let mut config = small();
    config.limits.handshake_time = Duration::from_secs(50);
    config.limits.hello_bytes = 64;
    config.limits.segment_bytes = 1 << 20;
    config
}

/// What honest sides say, as they said it once.
struct Honest {
    greeting: Vec<u8>,
    answer: Vec<u8>,
}

fn honest() -> &'static Honest {
    static HONEST: OnceLock<Honest> = OnceLock::new();
    HONEST.get_or_init(|| {
        let say = |socket: &UnixStream, len| {
            let mut bytes = vec![0; len];
            (&*socket).read_exact(&mut bytes).unwrap();
            bytes
        };
        std::thread::scope(|scope| {
            let (a, ours) = UnixStream::pair().unwrap();
            scope.spawn(|| Session::<PeerB>::over(ours, &config()));
            let greeting = say(&a, GREETING_BYTES);
            drop(a);
            let (b, ours) = UnixStream::pair().unwrap();
            scope.spawn(|| Session::<PeerA>::over(ours, &config()));
            (&b).write_all(&greeting).unwrap();
            let answer = say(&b, ANSWER_BYTES);
            Honest { greeting, answer }
        })
    })
}

/// The peer, and what it changed.
struct Peer {
    socket: UnixStream,
    is_honest: bool,
    is_half_honest: bool,
}

impl Peer {
    fn new(socket: UnixStream) -> Self {
        Self { socket, is_honest: true, is_half_honest: true }
    }

    /// Sends `bytes`, some of them changed, or fewer, or more.
    fn say(&mut self, input: &mut Input<'_>, bytes: &[u8], files: &[BorrowedFd<'_>]) {
        let mut bytes = bytes.to_vec();
        let honest = bytes.clone();
        match input.below(8) {
            0..=2 => {
                for _ in 0..=input.below(3) {
                    let (place, value) = (usize::from(input.u8()) % bytes.len(), input.u8());
                    bytes[place] = value;
                }
            }
            3 => bytes.truncate(usize::from(input.u8())),
            4 => {
                let len = usize::from(input.u8());
                bytes.extend_from_slice(input.bytes(len));
            }
            _ => {}
        }
        self.is_honest &= bytes == honest;
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut attached = SendAncillaryBuffer::new(&mut space);
        if !files.is_empty() {
            attached.push(SendAncillaryMessage::ScmRights(files));
        }
        // Fails when the other side has refused already.
        let _ = sendmsg(&self.socket, &[std::io::IoSlice::new(&bytes)], &mut attached, SendFlags::NOSIGNAL);
    }

    /// What is served, in bytes that nobody looks into here.
    fn say_catalogue(&mut self, catalogue: &[u8]) {
        if !catalogue.is_empty() {
            let _ = sendmsg(
                &self.socket,
                &[std::io::IoSlice::new(catalogue)],
                &mut Default::default(),
                SendFlags::NOSIGNAL,
            );
        }
    }

    /// Its half, that it is ready, and the end.
    fn hand_over(&mut self, input: &mut Input<'_>, id: [u8; 16], role: u32) {
        let mut geometry = config().geometry;
        let way = input.below(24);
        if way == 0 {
            geometry.ring_entries *= 2;
        }
        let half = make_half(&geometry, id, role);
        if way == 1 || way == 2 {
            let word = &half.half.words().identity[input.below(9)];
            word.fetch_xor(1 << (input.u8() & 63), Ordering::Relaxed);
            self.is_half_honest = false;
        }
        let other: OwnedFd = std::fs::File::open("/dev/null").unwrap().into();
        let other = other.as_fd();
        let file = half.file.as_fd();
        let unsealed = unsealed(&half);
        let files: &[BorrowedFd<'_>] = match way {
            3 => &[],
            4 => &[other],
            5 => &[file, file],
            6 => &[file, other],
            7 => &[self.socket.as_fd()],
            8 => &[unsealed.as_fd()],
            _ => &[file],
        };
        // Cloned, because one of them may be its own socket.
        let files: Vec<_> = files.iter().map(|file| file.try_clone_to_owned().unwrap()).collect();
        // Another geometry than was agreed on, unless what was changed before says just that one.
        let is_another = way == 0 && self.is_honest;
        self.is_half_honest &= !(is_another || matches!(way, 3..=8));
        self.is_honest &= self.is_half_honest;
        self.say(input, &YES, &files.iter().map(AsFd::as_fd).collect::<Vec<_>>());
        self.say(input, &YES, &[]);
    }

    fn hang_up(&self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Write);
    }
}

fn make_half(geometry: &Geometry, id: [u8; 16], role: u32) -> Owned {
    let fork = ForkGuard::new().unwrap();
    let owned = memory::create(&geometry.layout().unwrap(), &fork).unwrap();
    Identity::new(id, role, geometry).write(&owned.half);
    lane::initialise(&owned.half);
    owned
}

/// Memory of the same length that its owner can still write, and shrink.
#[cfg(target_os = "linux")]
fn unsealed(half: &Owned) -> OwnedFd {
    let file = rustix::fs::memfd_create("unsealed", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    rustix::fs::ftruncate(&file, half.half.layout().bytes as u64).unwrap();
    file
}

#[cfg(not(target_os = "linux"))]
fn unsealed(_half: &Owned) -> OwnedFd {
    std::fs::File::open("/dev/zero").unwrap().into()
}

fn against_a_server(input: &mut Input<'_>, honest: &Honest) {
    let (socket, ours) = UnixStream::pair().unwrap();
    let mut peer = Peer::new(socket);
    let id = *b"an id of a liar!";
    let mut answer = honest.answer.clone();
    answer[ID].copy_from_slice(&id);
    peer.say(input, &answer, &[]);
    peer.hand_over(input, id, PEER_A);
    peer.hang_up();
    ended(&peer, Session::<PeerB>::over(ours, &config()));
}

fn against_a_client(input: &mut Input<'_>, honest: &Honest) {
    let (socket, ours) = UnixStream::pair().unwrap();
    let mut peer = Peer::new(socket);
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| Session::<PeerA>::over(ours, &config()));
        peer.say(input, &honest.greeting, &[]);
        if !peer.is_honest {
            // What is missing does not come.
            if input.bool() {
                peer.hang_up();
            } else {
                peer.say_catalogue(input.bytes(64));
            }
        }
        let mut answer = vec![0; ANSWER_BYTES];
        // Without an answer the rest is said all the same.
        if peer.is_honest {
            let _ = (&peer.socket).read_exact(&mut answer);
        }
        let id = answer[ID].try_into().unwrap();
        peer.hand_over(input, id, PEER_B);
        peer.hang_up();
        ended(&peer, opening.join().unwrap());
    });
}

fn ended<R: Role>(peer: &Peer, opened: Result<Session<R>, OpenError>) {
    match opened {
        Ok(mut session) => {
            assert!(peer.is_half_honest, "a half that nobody agreed on");
            let (terms, limits) = (session.control().shared.terms, config().limits);
            assert!(terms.in_flight > 0 && terms.fragmented_calls > 0);
            let shared = session.control().shared;
            assert!(shared.catalogue.len() <= limits.hello_bytes);
            for half in [&shared.own, &shared.peer] {
                assert!(2 * half.layout().bytes as u64 <= limits.segment_bytes);
            }
            // It said nothing more, and is gone.
            shared.look_for_death();
            let end = session.try_recv().map(drop);
            assert!(matches!(end, Err(RecvError::Lost(_))), "{end:?}");
        }
        Err(error) => {
            let text = error.to_string();
            assert!(!peer.is_honest, "an honest peer is refused: {text}");
            assert!(text.len() < 2_000 && !text.chars().any(char::is_control), "{text:?}");
        }
    }
}
