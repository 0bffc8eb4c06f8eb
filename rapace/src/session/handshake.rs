//! How two processes come to share a segment: exact lengths, bounded, within one deadline.
//!
//! ```text
//!   PeerB                                        PeerA
//!   Hello ────────────────────────────────────►  checks
//!   checks      ◄──────── Answer: the geometry, or why not
//!   ── from here on both do the same, at the same time ──
//!   makes its half, sends its descriptor ◄────►  makes its half, sends its descriptor
//!   checks and maps the other's          ◄────►  checks and maps the other's: ready, or why not
//! ```
//!
//! Making a half is most of the time that it all takes, which is why both are made at once; no memory is made before
//! the two agreed.
//!
//! Credentials were checked before the first byte is read. Reads are of exact lengths, so that a bell which comes right
//! behind is never swallowed. All numbers of the peer that count later are kept in private memory.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno as Sys;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recv, recvmsg, sendmsg,
};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use super::config::{Config, Spin};
use super::shared::{Opened, Terms};
use super::{waiting, watcher};
use crate::error::{OpenError, SegmentError};
use crate::lane;
use crate::layout::geometry::{Geometry, GeometryError, Layout, SLOT_CLASSES, SlotClass, layout_hash};
use crate::limits::Limits;
use crate::os::{self, Credentials, ForkGuard};
use crate::segment::memory::{self, Owned};
use crate::segment::{Half, Identity, MAGIC, PEER_A, PEER_B, PROTOCOL};
use crate::slots::bytes::Area;

/// What begins the first message of each side: who speaks, and which language.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Greeting {
    magic: u64,
    layout_hash: u64,
    protocol: u32,
    /// The sender's own process id, to be compared with what the kernel says.
    pid: u32,
    payload_max: u64,
    fragmented_calls: u32,
    /// Calls of the other side that are kept at once.
    in_flight: u32,
    flags: u32,
    /// Length of the catalogue that follows: what the sender serves, in the words of the calls.
    catalogue_bytes: u32,
    /// Bytes of streams that are kept beyond the share of each.
    stream_bytes: u64,
    /// One-way calls of the other side that are kept at once.
    oneway_max: u32,
    reserved: u32,
}

/// The sender waits without sleeping.
const NEVER_SLEEPS: u32 = 1;

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Answer {
    greeting: Greeting,
    session: [u8; 16],
    ring_entries: u32,
    classes: [[u32; 2]; SLOT_CLASSES],
    verdict: Verdict,
    reserved: u32,
}

/// Yes, or no with so many bytes of text behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Verdict {
    code: u32,
    text_bytes: u32,
}

const YES: Verdict = Verdict { code: 0, text_bytes: 0 };

/// Text of a refusal that is sent at most.
const TEXT_MAX: usize = 1_024;

impl Greeting {
    fn new(config: &Config, catalogue: &[u8]) -> Self {
        Self {
            magic: MAGIC,
            layout_hash: layout_hash(),
            protocol: PROTOCOL,
            pid: std::process::id(),
            payload_max: config.limits.payload_max as u64,
            fragmented_calls: u32::try_from(config.limits.fragmented_calls).unwrap_or(u32::MAX),
            in_flight: config.limits.in_flight,
            flags: if config.spin == Spin::Forever { NEVER_SLEEPS } else { 0 },
            catalogue_bytes: catalogue.len() as u32,
            stream_bytes: config.limits.stream_bytes,
            oneway_max: config.limits.oneway_max,
            reserved: 0,
        }
    }

    fn check(&self) -> Result<(), OpenError> {
        let same = |field, expected: u64, found: u64| {
            if expected == found { Ok(()) } else { Err(OpenError::Protocol { field, expected, found }) }
        };
        same("magic number", MAGIC, self.magic)?;
        same("protocol version", PROTOCOL.into(), self.protocol.into())?;
        same("layout hash", layout_hash(), self.layout_hash)?;
        same("unknown flags", 0, (self.flags & !NEVER_SLEEPS).into())?;
        same("reserved word", 0, self.reserved.into())?;
        // With none of either it could receive nothing large, or no call at all.
        let at_least_one = |field, found: u32| same(field, 1, found.min(1).into());
        at_least_one("limit in_flight", self.in_flight)?;
        at_least_one("limit fragmented_calls", self.fragmented_calls)
    }

    fn terms(&self) -> Terms {
        Terms {
            never_sleeps: self.flags & NEVER_SLEEPS != 0,
            // More than this side could address is no bound for it.
            payload_max: usize::try_from(self.payload_max).unwrap_or(usize::MAX).min(u32::MAX as usize),
            fragmented_calls: self.fragmented_calls as usize,
            in_flight: self.in_flight,
            oneway_max: self.oneway_max,
            stream_bytes: self.stream_bytes,
        }
    }
}

/// Offers a session as PeerA over a connected socket. Something to read at `sign` ends the wait for a peer that is slow.
pub(crate) fn offer(
    socket: OwnedFd,
    config: &Config,
    catalogue: &[u8],
    sign: Option<BorrowedFd<'_>>,
) -> Result<(Opened, Area), OpenError> {
    let talk = Talk { sign, ..Talk::new(socket.as_fd(), &config.limits)? };
    let credentials = check_credentials(socket.as_fd(), config).inspect_err(|error| {
        if let OpenError::Uid { uid } = error {
            refuse(socket.as_fd(), config, &format!("uid {uid} is not in its allow_uids"));
        }
    })?;
    // Already so if a listener of ours accepted it; nothing has been asked for yet.
    os::pass_descriptors(talk.socket, false);
    let mut hello = Greeting::new_zeroed();
    if let Err(error) = talk.receive(hello.as_mut_bytes()) {
        if matches!(error, OpenError::ShuttingDown) {
            refuse(socket.as_fd(), config, &error.to_string());
        }
        return Err(error);
    }
    let mut answer = Answer {
        greeting: Greeting::new(config, catalogue),
        session: [0; 16],
        ring_entries: config.geometry.ring_entries,
        classes: config.geometry.classes.map(|class| [class.bytes, class.count]),
        verdict: YES,
        reserved: 0,
    };
    let mut peers_catalogue = Vec::new();
    let agreed = hello.check().and_then(|()| {
        peers_catalogue = talk.receive_catalogue(&hello)?;
        os::random::fill(&mut answer.session).map_err(OpenError::io("reading random numbers"))?;
        checked_layout(&config.geometry, &config.limits)
    });
    let layout = match agreed {
        Ok(layout) => layout,
        Err(error) => {
            let reason = error.to_string();
            answer.verdict = Verdict::no(&reason);
            talk.send(answer.as_bytes(), None)?;
            talk.send_text(&reason)?;
            return Err(error);
        }
    };
    os::pass_descriptors(talk.socket, true);
    talk.send(answer.as_bytes(), None)?;
    talk.send(catalogue, None).map_err(|error| talk.reason_or(error))?;
    let halves =
        exchange(&talk, &layout, [PEER_A, PEER_B].map(|role| Identity::new(answer.session, role, &config.geometry)))?;
    Ok(halves.opened(socket, credentials, &hello, peers_catalogue))
}

/// Says no to a client that was not listened to. It is not waited for: what does not go at once is not said.
pub(crate) fn refuse(socket: BorrowedFd<'_>, config: &Config, reason: &str) {
    let mut answer = Answer::new_zeroed();
    answer.greeting = Greeting::new(config, &[]);
    answer.verdict = Verdict::no(reason);
    let text = reason.as_bytes().get(..reason.len().min(TEXT_MAX)).unwrap_or(&[]);
    let _ = rustix::net::send(socket, &[answer.as_bytes(), text].concat(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
}

/// Accepts a session as PeerB over a connected socket.
pub(crate) fn join(socket: OwnedFd, config: &Config, catalogue: &[u8]) -> Result<(Opened, Area), OpenError> {
    let talk = Talk::new(socket.as_fd(), &config.limits)?;
    let credentials = check_credentials(socket.as_fd(), config)?;
    let greeting = Greeting::new(config, catalogue);
    // A server that turns this client away may have said so, and hung up, before.
    let sent = talk.send(greeting.as_bytes(), None).and_then(|()| talk.send(catalogue, None));
    sent.map_err(|error| talk.answer_or(error))?;
    let mut answer = Answer::new_zeroed();
    talk.receive(answer.as_mut_bytes())?;
    answer.greeting.check()?;
    if answer.reserved != 0 {
        return Err(OpenError::Protocol { field: "reserved field", expected: 0, found: answer.reserved.into() });
    }
    talk.check_verdict(answer.verdict)?;
    let peers_catalogue = match talk.receive_catalogue(&answer.greeting) {
        Err(error @ OpenError::Catalogue { .. }) => return talk.pass_verdict(Err(error)),
        received => received?,
    };
    let geometry = Geometry {
        ring_entries: answer.ring_entries,
        classes: answer.classes.map(|[bytes, count]| SlotClass { bytes, count }),
    };
    let layout = match checked_layout(&geometry, &config.limits) {
        Ok(layout) => layout,
        Err(error) => return talk.pass_verdict(Err(error)),
    };
    let halves = exchange(&talk, &layout, [PEER_B, PEER_A].map(|role| Identity::new(answer.session, role, &geometry)))?;
    Ok(halves.opened(socket, credentials, &answer.greeting, peers_catalogue))
}

/// Both halves of a session, as one side has them.
struct Halves {
    own: Owned,
    peer: Arc<Half>,
    fork: ForkGuard,
    tug: Option<(UnixStream, UnixStream)>,
}

/// What both sides do once they agreed: make a half, swap them, look at the other's, and say what they found.
fn exchange(talk: &Talk<'_>, layout: &Layout, [ours, theirs]: [Identity; 2]) -> Result<Halves, OpenError> {
    let made = fork_guard().and_then(|fork| {
        let tug = tug_unless_watched()?;
        let own = memory::create(layout, &fork)?;
        ours.write(&own.half);
        lane::initialise(&own.half);
        Ok((fork, own, tug))
    });
    let (fork, own, tug) = match made {
        Ok(made) => made,
        Err(error) => return talk.pass_verdict(Err(error)),
    };
    talk.send(YES.as_bytes(), Some(own.file.as_fd())).map_err(|error| talk.reason_or(error))?;
    let mut verdict = YES;
    let file = match talk.receive_with_fd(verdict.as_mut_bytes()) {
        Err(error @ OpenError::ShuttingDown) => return talk.pass_verdict(Err(error)),
        received => received?,
    };
    talk.check_verdict(verdict)?;
    let peer = one(file).map_err(OpenError::from).and_then(|file| {
        let half = memory::accept(&file, layout, &fork)?;
        theirs.check(&half)?;
        Ok(half)
    });
    // From now on bytes are bells, and nothing comes with them.
    os::pass_descriptors(talk.socket, false);
    let peer = talk.pass_verdict(peer)?;
    talk.receive(verdict.as_mut_bytes())?;
    talk.check_verdict(verdict)?;
    Ok(Halves { own, peer, fork, tug })
}

impl Halves {
    fn opened(
        self,
        socket: OwnedFd,
        credentials: Credentials,
        greeting: &Greeting,
        catalogue: Vec<u8>,
    ) -> (Opened, Area) {
        let Self { own: Owned { half: own, area, file: memory }, peer, fork, tug } = self;
        let pidfd = pidfd_of(socket.as_fd(), greeting, credentials);
        let (terms, speaker) = (greeting.terms(), greeting.pid);
        (Opened { own, peer, memory, fork, socket, pidfd, credentials, speaker, terms, catalogue, tug }, area)
    }
}

/// What a thread needs to sleep on the session, had now, where it is an error: an open session needs no more descriptors.
fn tug_unless_watched() -> Result<Option<(UnixStream, UnixStream)>, OpenError> {
    match watcher::start() {
        Ok(()) => Ok(None),
        Err(_) => waiting::tug().map(Some).map_err(OpenError::io("creating a socket pair")),
    }
}

pub(super) fn fork_guard() -> Result<ForkGuard, OpenError> {
    ForkGuard::new().map_err(OpenError::io("making the page that tells a fork"))
}

/// The layout of a geometry, if a segment of it is within the limit.
fn checked_layout(geometry: &Geometry, limits: &Limits) -> Result<Layout, OpenError> {
    let layout = geometry.layout()?;
    let bytes = layout.bytes as u64;
    if bytes.saturating_mul(2) > limits.segment_bytes {
        return Err(GeometryError::SegmentBytes { bytes, segment_bytes: limits.segment_bytes }.into());
    }
    Ok(layout)
}

/// The other process may be this user's, or one that the configuration names.
pub(crate) fn check_credentials(socket: BorrowedFd<'_>, config: &Config) -> Result<Credentials, OpenError> {
    let credentials = os::peer_credentials(socket).map_err(OpenError::io("asking who the peer is"))?;
    let allowed = if config.allow_uids.is_empty() {
        credentials.uid == rustix::process::geteuid().as_raw()
    } else {
        config.allow_uids.contains(&credentials.uid)
    };
    if allowed { Ok(credentials) } else { Err(OpenError::Uid { uid: credentials.uid }) }
}

/// The peer's process, if the process that speaks is the one the kernel recorded: a socket can have been handed on, and
/// then the end of its first owner says nothing.
fn pidfd_of(socket: BorrowedFd<'_>, greeting: &Greeting, credentials: Credentials) -> Option<OwnedFd> {
    let spoke = i32::try_from(greeting.pid).ok()?;
    // A pair made by this very process names it on both ends.
    let is_other = greeting.pid != std::process::id();
    (is_other && spoke == credentials.pid).then(|| os::peer_pidfd(socket)).flatten()
}

impl Verdict {
    fn no(reason: &str) -> Self {
        Self { code: 1, text_bytes: reason.len().min(TEXT_MAX) as u32 }
    }
}

/// One side of the conversation, with its deadline.
struct Talk<'a> {
    socket: BorrowedFd<'a>,
    limit: Duration,
    deadline: Instant,
    text_max: usize,
    hello_bytes: usize,
    /// Something to read there is not waited beyond.
    sign: Option<BorrowedFd<'a>>,
}

/// What came beside the bytes.
type Descriptors = Result<Vec<OwnedFd>, SegmentError>;

/// Exactly one descriptor, or how many there were instead.
fn one(descriptors: Descriptors) -> Result<OwnedFd, SegmentError> {
    let mut descriptors = descriptors?;
    match (descriptors.pop(), descriptors.is_empty()) {
        (Some(file), true) => Ok(file),
        (Some(_), false) => Err(SegmentError::Count { count: descriptors.len().saturating_add(1) }),
        (None, _) => Err(SegmentError::Count { count: 0 }),
    }
}

impl<'a> Talk<'a> {
    fn new(socket: BorrowedFd<'a>, limits: &Limits) -> Result<Self, OpenError> {
        let limit = limits.handshake_time;
        let deadline = Instant::now().checked_add(limit).ok_or(OpenError::Timeout(limit))?;
        Ok(Self {
            socket,
            limit,
            deadline,
            text_max: limits.error_text_bytes,
            hello_bytes: limits.hello_bytes,
            sign: None,
        })
    }

    fn wait_for(&self, flags: PollFlags) -> Result<(), OpenError> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(OpenError::Timeout(self.limit));
            }
            let left = Timespec::try_from(left).ok();
            let mut fds = vec![PollFd::new(&self.socket, flags)];
            fds.extend(self.sign.as_ref().map(|sign| PollFd::new(sign, PollFlags::IN)));
            match poll(&mut fds, left.as_ref()) {
                Ok(0) | Err(Sys::INTR) => {}
                Ok(_) if fds.first().is_some_and(|socket| socket.revents().is_empty()) => {
                    return Err(OpenError::ShuttingDown);
                }
                Ok(_) => return Ok(()),
                Err(errno) => return Err(OpenError::system("waiting for the peer")(errno)),
            }
        }
    }

    fn send(&self, bytes: &[u8], file: Option<BorrowedFd<'_>>) -> Result<(), OpenError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut attached = SendAncillaryBuffer::new(&mut space);
        let files: Vec<_> = file.into_iter().collect();
        if !files.is_empty() {
            attached.push(SendAncillaryMessage::ScmRights(&files));
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let part = [std::io::IoSlice::new(rest)];
            match sendmsg(self.socket, &part, &mut attached, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(sent) => {
                    rest = rest.get(sent..).unwrap_or(&[]);
                    attached.clear();
                }
                Err(Sys::AGAIN) => self.wait_for(PollFlags::OUT)?,
                Err(Sys::INTR) => {}
                Err(Sys::PIPE | Sys::CONNRESET) => return Err(OpenError::HungUp),
                Err(errno) => return Err(OpenError::system("sending the handshake")(errno)),
            }
        }
        Ok(())
    }

    fn send_text(&self, text: &str) -> Result<(), OpenError> {
        self.send(text.as_bytes().get(..text.len().min(TEXT_MAX)).unwrap_or(&[]), None)
    }

    /// Fills `bytes` exactly. Descriptors that come with them are dropped by the kernel.
    fn receive(&self, bytes: &mut [u8]) -> Result<(), OpenError> {
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match recv(self.socket, rest, RecvFlags::DONTWAIT) {
                Ok((0, _)) | Err(Sys::CONNRESET) => return Err(OpenError::HungUp),
                Ok((count, _)) => filled = filled.saturating_add(count),
                Err(Sys::AGAIN) => self.wait_for(PollFlags::IN)?,
                Err(Sys::INTR) => {}
                Err(errno) => return Err(OpenError::system("receiving the handshake")(errno)),
            }
        }
        Ok(())
    }

    /// The catalogue that a greeting announced.
    fn receive_catalogue(&self, greeting: &Greeting) -> Result<Vec<u8>, OpenError> {
        let bytes = greeting.catalogue_bytes as usize;
        if bytes > self.hello_bytes {
            return Err(OpenError::Catalogue { bytes, hello_bytes: self.hello_bytes });
        }
        let mut catalogue = vec![0; bytes];
        self.receive(&mut catalogue)?;
        Ok(catalogue)
    }

    /// Why the peer does not read what it is sent, if it said so in its answer, or else `error`.
    fn answer_or(&self, error: OpenError) -> OpenError {
        let mut answer = Answer::new_zeroed();
        match self.receive(answer.as_mut_bytes()).and_then(|()| self.check_verdict(answer.verdict)) {
            Err(refused @ OpenError::Refused { .. }) => refused,
            _ => error,
        }
    }

    /// As [`receive`](Self::receive), with the descriptors that come along.
    fn receive_with_fd(&self, bytes: &mut [u8]) -> Result<Descriptors, OpenError> {
        let mut files: Descriptors = Ok(Vec::new());
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
            let mut attached = RecvAncillaryBuffer::new(&mut space);
            let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
            match recvmsg(self.socket, &mut [std::io::IoSliceMut::new(rest)], &mut attached, flags) {
                Ok(message) if message.bytes == 0 => return Err(OpenError::HungUp),
                Ok(message) => {
                    filled = filled.saturating_add(message.bytes);
                    for attachment in attached.drain() {
                        if let (RecvAncillaryMessage::ScmRights(came), Ok(files)) = (attachment, &mut files) {
                            files.extend(came);
                        }
                    }
                    if message.flags.contains(ReturnFlags::CTRUNC) {
                        files = Err(SegmentError::Truncated);
                    }
                }
                Err(Sys::AGAIN) => self.wait_for(PollFlags::IN)?,
                Err(Sys::INTR) => {}
                Err(Sys::CONNRESET) => return Err(OpenError::HungUp),
                Err(errno) => return Err(OpenError::system("receiving the handshake")(errno)),
            }
        }
        Ok(files)
    }

    /// Why the peer hung up, if it said so before it did, or else `error`.
    fn reason_or(&self, error: OpenError) -> OpenError {
        let mut verdict = YES;
        match self.receive(verdict.as_mut_bytes()).and_then(|()| self.check_verdict(verdict)) {
            Err(refused @ OpenError::Refused { .. }) => refused,
            _ => error,
        }
    }

    /// Refused: reads the reason, of which only a bounded and harmless part is kept.
    fn check_verdict(&self, verdict: Verdict) -> Result<(), OpenError> {
        if verdict == YES {
            return Ok(());
        }
        let mut text = vec![0; (verdict.text_bytes as usize).min(TEXT_MAX)];
        self.receive(&mut text)?;
        // What could change how a terminal shows it, or is no text at all, becomes one harmless byte.
        let is_plain = |c: char| c.is_alphanumeric() || c.is_ascii_graphic() || c == ' ';
        let text = String::from_utf8_lossy(&text);
        let mut reason: String = text.chars().map(|c| if is_plain(c) { c } else { '?' }).collect();
        while reason.len() > self.text_max {
            reason.pop();
        }
        Err(OpenError::Refused { reason })
    }

    /// Tells the peer what this side found, and hands it on. That it could not be told changes nothing.
    fn pass_verdict<T>(&self, found: Result<T, OpenError>) -> Result<T, OpenError> {
        match found {
            Ok(found) => {
                self.send(YES.as_bytes(), None).map_err(|error| self.reason_or(error))?;
                Ok(found)
            }
            Err(error) => {
                let reason = error.to_string();
                let _ = self.send(Verdict::no(&reason).as_bytes(), None).and_then(|()| self.send_text(&reason));
                Err(error)
            }
        }
    }
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::os::unix::net::UnixStream;

    use super::*;

    fn config(hello_bytes: usize) -> Config {
        let mut config = Config::default();
        config.limits.hello_bytes = hello_bytes;
        config.limits.handshake_time = Duration::from_secs(50);
        config
    }

    type Outcome = Result<Opened, OpenError>;

    /// Both sides at once, by what each says of its services and the most that each reads.
    fn meet(says: [&[u8]; 2], reads: [usize; 2]) -> [Outcome; 2] {
        let (a, b) = UnixStream::pair().unwrap();
        let [a_config, b_config] = reads.map(config);
        std::thread::scope(|scope| {
            let b = scope.spawn(|| join(b.into(), &b_config, says[1]).map(|(opened, _)| opened));
            let a = offer(a.into(), &a_config, says[0], None).map(|(opened, _)| opened);
            [a, b.join().unwrap()]
        })
    }

    fn words(len: usize, salt: u8) -> Vec<u8> {
        (0..len).map(|index| (index % 251) as u8 ^ salt).collect()
    }

    #[test]
    fn each_side_learns_what_the_other_says_up_to_the_limit() {
        // Those of a million bytes are more than the socket holds, in both directions.
        for (a, b) in [(0, 0), (1, 0), (0, 1), (100, 64 << 10), (64 << 10, 100), (1 << 20, 1 << 20)] {
            let says = [words(a, 1), words(b, 2)];
            // Each reads exactly as much as the other says.
            let [at_a, at_b] = meet([&says[0], &says[1]], [b, a]).map(Result::unwrap);
            assert!(at_a.catalogue == says[1] && at_b.catalogue == says[0], "{a} and {b} bytes");
        }
    }

    #[test]
    fn one_byte_more_than_the_limit_is_refused_by_the_limits_name() {
        for len in [101, 1 << 20] {
            let [at_a, at_b] = meet([b"", &words(len, 1)], [100, 0]).map(|outcome| outcome.map(drop).unwrap_err());
            assert!(matches!(at_a, OpenError::Catalogue { bytes, hello_bytes: 100 } if bytes == len), "{at_a:?}");
            assert!(at_a.to_string().contains("hello_bytes (100)"));
            // Who says it learns why, also while it is still saying it.
            assert!(matches!(&at_b, OpenError::Refused { reason } if reason.contains("hello_bytes")), "{at_b:?}");
            // The other way round.
            let [_, at_b] = meet([&words(len, 1), b""], [0, 100]).map(|outcome| outcome.map(drop).unwrap_err());
            assert!(matches!(at_b, OpenError::Catalogue { bytes, hello_bytes: 100 } if bytes == len), "{at_b:?}");
        }
    }

    #[test]
    fn a_server_that_says_too_much_learns_why_it_is_refused() {
        for len in [101, 1 << 20] {
            let [at_a, _] = meet([&words(len, 1), b""], [0, 100]).map(|outcome| outcome.map(drop).unwrap_err());
            assert!(matches!(&at_a, OpenError::Refused { reason } if reason.contains("hello_bytes")), "{at_a:?}");
        }
    }

    #[test]
    fn each_side_learns_the_others_limits() {
        let (a, b) = UnixStream::pair().unwrap();
        let [mut ours, mut theirs] = [0; 2].map(config);
        (ours.limits.in_flight, ours.limits.fragmented_calls, ours.limits.payload_max) = (1, 2, 3_000_000);
        (theirs.limits.in_flight, theirs.limits.fragmented_calls, theirs.limits.payload_max) = (65_535, 1, 0);
        theirs.spin = Spin::Forever;
        let (at_a, at_b) = std::thread::scope(|scope| {
            let b = scope.spawn(|| join(b.into(), &theirs, b"").unwrap().0.terms);
            (offer(a.into(), &ours, b"", None).unwrap().0.terms, b.join().unwrap())
        });
        assert_eq!((at_a.in_flight, at_a.fragmented_calls, at_a.payload_max), (65_535, 1, 0));
        assert_eq!((at_b.in_flight, at_b.fragmented_calls, at_b.payload_max), (1, 2, 3_000_000));
        assert!(at_a.never_sleeps && !at_b.never_sleeps);
    }

    /// What a client learns that is turned away after it said so much, its catalogue being as long.
    fn turned_away(reason: &str, catalogue: &[u8]) -> OpenError {
        let (server, client) = UnixStream::pair().unwrap();
        let unread = server.try_clone().unwrap();
        std::thread::scope(|scope| {
            let client = scope.spawn(|| join(client.into(), &config(0), catalogue).map(drop).unwrap_err());
            // Until it has spoken.
            while recv(&unread, &mut [0; 1], RecvFlags::PEEK).is_err() {}
            refuse(server.as_fd(), &config(0), reason);
            drop((server, unread));
            client.join().unwrap()
        })
    }

    #[test]
    fn a_client_that_is_turned_away_unheard_learns_the_reason() {
        // The last one is still being sent when the server hangs up.
        for catalogue in [words(0, 1), words(1_000, 1), words(1 << 20, 1)] {
            let error = turned_away("too many clients", &catalogue);
            assert!(matches!(&error, OpenError::Refused { reason } if reason == "too many clients"), "{error:?}");
        }
        let error = turned_away(&"x".repeat(TEXT_MAX + 1), b"");
        let kept = Limits::default().error_text_bytes;
        assert!(matches!(&error, OpenError::Refused { reason } if *reason == "x".repeat(kept)), "{error:?}");
    }

    #[test]
    fn a_peer_that_reads_nothing_is_waited_for_as_long_as_the_handshake_may_take() {
        let (server, client) = UnixStream::pair().unwrap();
        let mut hasty = config(0);
        hasty.limits.handshake_time = Duration::from_millis(50);
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || tell.send(join(client.into(), &hasty, &words(1 << 20, 1)).map(drop)));
        // One that waits longer is set free by a hang-up, and says so.
        let outcome = told.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| {
            drop(server);
            told.recv().unwrap()
        });
        assert!(matches!(outcome, Err(OpenError::Timeout(_))), "{outcome:?}");
    }

    #[test]
    fn a_process_is_watched_only_if_it_is_another_one_and_the_one_that_speaks() {
        let (socket, _kept) = UnixStream::pair().unwrap();
        let credentials = os::peer_credentials(socket.as_fd()).unwrap();
        // To the kernel this process made both ends.
        for pid in [std::process::id(), 1, u32::MAX] {
            let greeting = Greeting { pid, ..Greeting::new(&config(0), b"") };
            assert!(pidfd_of(socket.as_fd(), &greeting, credentials).is_none(), "{pid}");
        }
    }

    #[test]
    fn a_sign_ends_the_wait_for_a_client_that_says_nothing_and_it_learns_why() {
        let (server, client) = UnixStream::pair().unwrap();
        let (sign, giver) = UnixStream::pair().unwrap();
        drop(giver);
        let outcome = offer(server.into(), &config(0), b"", Some(sign.as_fd()));
        assert!(matches!(outcome, Err(OpenError::ShuttingDown)));
        let error = join(client.into(), &config(0), b"").map(drop).unwrap_err();
        assert!(
            matches!(&error, OpenError::Refused { reason } if reason == &OpenError::ShuttingDown.to_string()),
            "{error:?}"
        );
    }

    #[test]
    fn turning_a_client_away_waits_for_nobody() {
        let (server, client) = UnixStream::pair().unwrap();
        // The socket is full, and the client reads nothing.
        let full = std::iter::repeat_with(|| rustix::net::send(&server, &[0; 4_096], SendFlags::DONTWAIT));
        full.take_while(Result::is_ok).for_each(drop);
        refuse(server.as_fd(), &config(0), "no");
        drop(client);
        // It is gone.
        refuse(server.as_fd(), &config(0), "no");
    }

    #[test]
    fn a_client_turned_away_before_it_spoke_learns_the_reason() {
        let (server, client) = UnixStream::pair().unwrap();
        refuse(server.as_fd(), &config(0), "too many clients");
        drop(server);
        let error = join(client.into(), &config(0), b"").map(drop).unwrap_err();
        assert!(matches!(&error, OpenError::Refused { reason } if reason == "too many clients"), "{error:?}");
    }
}
