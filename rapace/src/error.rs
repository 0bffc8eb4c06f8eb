//! What can go wrong, sorted by what the reader can do about it.
//!
//! [`Violation`] is the peer's fault and ends the session, [`Lost`] is why a session ended, [`SendError`] and
//! [`RecvError`] are what one operation met, [`OpenError`] is why there is no session.

use std::io;
use std::time::Duration;

use thiserror::Error;

use crate::layout::geometry::GeometryError;
use crate::layout::head::Kind;

/// The peer broke a rule of the protocol. The session ends with it; nothing that the peer said is believed further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are the numbers that the message names")]
pub enum Violation {
    /// A ring entry holds neither the expected number nor the one of a lap before.
    #[error("ring entry of message {expected} holds the sequence number {found}")]
    Sequence { expected: u32, found: u32 },
    /// `consumed` went back, or beyond what was published.
    #[error("the peer says it consumed {consumed} messages, after {seen}, of {published} published")]
    Consumed { consumed: u64, seen: u64, published: u64 },
    /// A message of no known kind.
    #[error("message kind {kind} does not exist")]
    Kind { kind: u8 },
    /// Flags that cannot stand together, or not with this kind.
    #[error("flags {flags:#04x} are not allowed on a {kind:?} message")]
    Flags { kind: Kind, flags: u8 },
    /// A field that this kind of message does not have is not zero.
    #[error("field {field} is {value} on a {kind:?} message, which does not have it")]
    Field { kind: Kind, field: &'static str, value: u32 },
    /// A message of fixed length has another.
    #[error("a {kind:?} message has {len} bytes of payload instead of {allowed}")]
    Length { kind: Kind, len: usize, allowed: usize },
    /// The inline length is above the room in the descriptor or does not go with the length.
    #[error("inline_len {inline_len} does not go with a payload of {len} bytes")]
    InlineLength { inline_len: usize, len: usize },
    /// A message without a slot names one.
    #[error("a message without slot names slot {slot} in generation {generation}")]
    SlotInInline { slot: u32, generation: u32 },
    /// There is no such slot.
    #[error("slot {index} of class {class} does not exist")]
    Slot { class: u8, index: u32 },
    /// More bytes than the slot has, or none.
    #[error("{len} bytes are announced in a slot of {slot_bytes}")]
    SlotLength { len: usize, slot_bytes: usize },
    /// The slot was sent again before it was released.
    #[error("slot {index} of class {class} was sent again while it is still held")]
    SlotHeld { class: u8, index: u32 },
    /// The generation is not the one after the last.
    #[error("slot {index} of class {class} came in generation {found} instead of {expected}")]
    Generation { class: u8, index: u32, expected: u32, found: u32 },
    /// A payload beyond the receiver's limit.
    #[error("a payload of {len} bytes is above the receiver's limit payload_max ({payload_max})")]
    PayloadMax { len: u64, payload_max: usize },
    /// A fragment that is not in a slot.
    #[error("a fragment is not in a slot")]
    FragmentWithoutSlot,
    /// A fragment of a message that was never begun.
    #[error("a fragment of call {call}, stream {stream}, came without a first one")]
    FragmentUnexpected { call: u32, stream: u32 },
    /// A message was begun again before it was finished.
    #[error("a message of call {call}, stream {stream}, was begun again before its last fragment came")]
    FragmentRestarted { call: u32, stream: u32 },
    /// Too many messages in fragments at once.
    #[error("more messages are sent in fragments at once than the limit fragmented_calls ({limit}) allows")]
    FragmentedCalls { limit: usize },
    /// The fragments do not add up to the announced length.
    #[error("fragments bring {got} bytes of an announced {total}")]
    FragmentBytes { got: u64, total: usize },
    /// What precedes the arguments of a request is not what it is to be.
    #[error("the metadata of a request {wrong}")]
    Metadata { wrong: &'static str },
    /// A call that the other side did not begin, or that was answered already.
    #[error("call {call:#010x} is not one that can be meant here")]
    UnknownCall { call: u32 },
    /// A request under a number whose call was not answered yet.
    #[error("call {call:#010x} was begun again before it was answered")]
    CallReused { call: u32 },
    /// More calls at once than the receiver keeps.
    #[error("call {call:#010x} is beyond the limit in_flight ({in_flight})")]
    InFlight { call: u32, in_flight: u32 },
    /// A terminal with a status that does not exist.
    #[error("status {status} of a terminal does not exist")]
    Status { status: u16 },
    /// A message of a kind that does not belong here.
    #[error("a {kind:?} message came where none is expected")]
    Unexpected { kind: Kind },
    /// A stream that the call does not have, or that goes the other way.
    #[error("call {call:#010x} has no stream {stream} that goes this way")]
    UnknownStream { call: u32, stream: u32 },
    /// Something of a stream after its end.
    #[error("stream {stream} of call {call:#010x} had ended before")]
    StreamEnded { call: u32, stream: u32 },
    /// More was sent than there was credit for, or more given back than was on its way.
    #[error("{amount} bytes of stream {stream} of call {call:#010x} are beyond its credit")]
    Credit { call: u32, stream: u32, amount: u64 },
    /// More one-way calls at once than the receiver keeps, or more of them given back than were begun.
    #[error("{count} one-way calls are beyond the limit oneway_max ({max})")]
    OneWays { count: u64, max: u32 },
    /// A goodbye that promises to handle what the peer had not taken out.
    #[error("the peer says goodbye after message {last}, but took out {consumed}")]
    Goodbye { last: u64, consumed: u64 },
    /// The description of the peer's services is none.
    #[error("the peer's description of its services cannot be read")]
    Catalogue,
    /// More bells than the receiver asked for.
    #[error("the peer rang {rung} times for {raised} requests to be woken")]
    Bells { rung: u64, raised: u64 },
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Lost {
    /// The kernel reported the end of the peer's process or of its end of the socket, without a farewell.
    #[error("the peer died ({0}); reconnect to go on")]
    PeerDied(Death),
    /// The peer broke the protocol. Its program has a bug or is hostile; this side has stopped listening to it.
    #[error("the peer broke the protocol: {0}")]
    Violation(#[from] Violation),
    /// A system call failed in a way that may have lost a wake-up.
    #[error("a system call of the session failed: {0}")]
    System(Errno),
    /// The peer took nothing for longer than the limit `stall_max`.
    #[error("the peer took nothing for {stalled:?}, longer than the limit stall_max")]
    Stalled {
        /// How long a sender waited.
        stalled: Duration,
    },
    /// This side closed the session.
    #[error("this side closed the session")]
    ClosedHere,
    /// This process is a fork of the one that opened the session; only that one can use it.
    #[error("the session belongs to the process that opened it, and this is a fork of it; open a session of its own")]
    Forked,
}

/// How the end of a peer became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Death {
    /// Its end of the socket is closed.
    #[error("its socket hung up")]
    HangUp,
    /// Its process ended, though somebody else still holds its socket.
    #[error("its process ended")]
    ProcessEnded,
}

/// An error number of the system, comparable and printed as its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub i32);

impl std::fmt::Display for Errno {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

/// Why a message was not sent. Nothing of it reaches the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The ring or the slots are full and the call was not to wait.
    #[error("no room: the peer has not taken earlier messages yet")]
    Full,
    /// There was no room before the deadline.
    #[error("no room before the deadline: the peer has not taken earlier messages")]
    Timeout,
    /// The payload is above what one slot carries or what the peer accepts.
    #[error("a payload of {len} bytes is above the limit {limit} ({max} bytes)")]
    TooLarge {
        /// The payload's length.
        len: usize,
        /// The limit's name.
        limit: &'static str,
        /// The limit.
        max: usize,
    },
    /// This kind of message has a fixed payload length.
    #[error("a {kind:?} message takes exactly {allowed} bytes of payload, not {len}")]
    Length {
        /// The message's kind.
        kind: Kind,
        /// The payload's length.
        len: usize,
        /// The only length it may have.
        allowed: usize,
    },
    /// The peer said that it receives nothing more.
    #[error("the peer closed the session")]
    Closed,
    /// The future must wait and there is no tokio runtime, or it is shutting down.
    #[error("no tokio runtime to wait on: await this inside one")]
    NoRuntime,
    /// The session is over.
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// Why no message was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecvError {
    /// Nothing is there and the call was not to wait.
    #[error("no message is there")]
    Empty,
    /// Nothing came before the deadline.
    #[error("no message came before the deadline")]
    Timeout,
    /// The peer closed the session; everything it sent was received.
    #[error("the peer closed the session")]
    Closed,
    /// The future must wait and there is no tokio runtime, or it is shutting down.
    #[error("no tokio runtime to wait on: await this inside one")]
    NoRuntime,
    /// The session is over. If the peer died, everything that it published before was received.
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// Why there is no session.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The other side refused, for the reason it gave.
    #[error("the peer refused the session: {reason}")]
    Refused {
        /// The peer's words, bounded and without control characters.
        reason: String,
    },
    /// The credentials of the other process are not in the allow list.
    #[error("the peer runs as uid {uid}, which is not in allow_uids")]
    Uid {
        /// Its effective user id.
        uid: u32,
    },
    /// The handshake was not finished in time.
    #[error("the peer did not finish the handshake within the limit handshake_time ({0:?}); is it a rapace peer?")]
    Timeout(Duration),
    /// The other side hung up during the handshake.
    #[error("the peer hung up during the handshake; is it a rapace peer?")]
    HungUp,
    /// What answered does not speak this protocol, or another version of it.
    #[error("the peer's {field} is {found:#x} instead of {expected:#x}: it is not a rapace peer of this version")]
    Protocol {
        /// Which number differs.
        field: &'static str,
        /// Ours.
        expected: u64,
        /// The peer's.
        found: u64,
    },
    /// The other side says more of its services than this one reads.
    #[error("the peer describes its services in {bytes} bytes, above the limit hello_bytes ({hello_bytes})")]
    Catalogue {
        /// What it announced.
        bytes: usize,
        /// The limit.
        hello_bytes: usize,
    },
    /// The segment cannot have this shape.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// The peer's shared memory is not what it must be.
    #[error("the peer's shared memory is refused: {0}")]
    Segment(#[from] SegmentError),
    /// Nobody listens at the path.
    #[error("no server listens at {path}")]
    NoServer {
        /// The path.
        path: std::path::PathBuf,
    },
    /// Somebody listens at the path already.
    #[error("another server listens at {path} already")]
    AddressInUse {
        /// The path.
        path: std::path::PathBuf,
    },
    /// The path cannot be used for a socket.
    #[error("{path} cannot be used: {reason}")]
    Path {
        /// The path.
        path: std::path::PathBuf,
        /// What is wrong with it, and what to do.
        reason: &'static str,
    },
    /// A plugin's program cannot be started.
    #[error("the plugin {program} cannot be started: {source}")]
    Spawn {
        /// What was to be started.
        program: String,
        /// The system's answer.
        source: io::Error,
    },
    /// A plugin's process ended before it opened its session.
    #[error("{exit}, before it opened its session; does it call rapace::host()?")]
    PluginEnded {
        /// How it ended, and its last words.
        exit: String,
    },
    /// A plugin's process runs, but has not opened its session. It was killed.
    #[error("the plugin did not open its session within start_time ({0:?}); does it call rapace::host()?")]
    PluginSilent(Duration),
    /// This process has no host, or not any more.
    #[error("there is no host: {reason}")]
    NoHost {
        /// Why, and what to do.
        reason: &'static str,
    },
    /// The path is longer than the system takes for a socket.
    #[error(
        "{path} cannot be used: it is {bytes} bytes long, and a socket's path has {bytes_max} at most; use a shorter one"
    )]
    PathLength {
        /// The path.
        path: std::path::PathBuf,
        /// Its length.
        bytes: usize,
        /// The longest that can be.
        bytes_max: usize,
    },
    /// The number is not an open Unix stream socket of this process.
    #[error("descriptor {fd} is not an open Unix stream socket of this process")]
    NotASocket {
        /// The number.
        fd: i32,
    },
    /// Two services that are to be served together have the same name.
    #[error("two of the services are named `{service}`; give one another name with #[rapace::service(name = \"…\")]")]
    ServiceTwice {
        /// Their name.
        service: &'static str,
    },
    /// There is no tokio runtime, or it is shutting down.
    #[error("no tokio runtime: await this inside one")]
    NoRuntime,
    /// The server ends; a client that knocks is told so.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// A system call failed. Where a limit was reached, its text names the limit.
    #[error("{doing}: {source}{}", remedy(.source))]
    System {
        /// What was being done.
        doing: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

impl OpenError {
    /// Whether the same may succeed later, without a change of either program: nobody listens there yet, or the other side
    /// takes nobody now, or the system has no room.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::Timeout(_) | Self::HungUp | Self::NoServer { .. } | Self::ShuttingDown => true,
            Self::PluginEnded { .. } | Self::PluginSilent(_) => true,
            // This process has no descriptor left, or the peer sent too many: it may have some later.
            Self::Segment(SegmentError::Truncated) => true,
            Self::System { source, .. } | Self::Spawn { source, .. } => {
                !matches!(source.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound)
            }
            _ => false,
        }
    }
}

#[cfg(not(loom))]
impl OpenError {
    pub(crate) fn system(doing: &'static str) -> impl Fn(rustix::io::Errno) -> Self {
        move |errno| Self::System { doing, source: errno.into() }
    }

    pub(crate) fn io(doing: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::System { doing, source }
    }
}

/// Which limit the system's answer is about and what to do, to be read after it. The text may be passed on to the peer,
/// so that it speaks of "the process".
#[cfg(not(loom))]
fn remedy(answer: &io::Error) -> &'static str {
    use rustix::io::Errno as Sys;
    match Sys::from_io_error(answer) {
        Some(Sys::MFILE) => "; the process has no file descriptor left: raise its RLIMIT_NOFILE (ulimit -n)",
        Some(Sys::NFILE) => "; the system has no file descriptor left: raise fs.file-max (sysctl)",
        Some(Sys::NOMEM | Sys::NOBUFS) => {
            "; the machine's memory, the cgroup's, or a limit of the process is used up: raise memory.max, \
             RLIMIT_AS (ulimit -v) or vm.max_map_count"
        }
        Some(Sys::NOSPC) => "; there is no room for more shared memory: free some, or give sessions a smaller geometry",
        Some(Sys::FBIG) => "; shared memory counts as a file: raise the process's RLIMIT_FSIZE (ulimit -f)",
        // Connecting and accepting wait; what is left is the start of a thread.
        Some(Sys::AGAIN) => {
            "; there may be no further thread, or no memory for its stack: raise RLIMIT_NPROC (ulimit -u), the cgroup's \
             pids.max or RLIMIT_AS (ulimit -v)"
        }
        _ => "",
    }
}

#[cfg(loom)]
fn remedy(_answer: &io::Error) -> &'static str {
    ""
}

/// What is wrong with the shared memory that a peer handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are the numbers that the message names")]
pub enum SegmentError {
    /// Not exactly one descriptor came.
    #[error("{count} file descriptors came instead of one")]
    Count { count: usize },
    /// More descriptors came than there was room for.
    #[error(
        "not all file descriptors that came could be taken: there are too many, or the process has none left \
         (RLIMIT_NOFILE, ulimit -n)"
    )]
    Truncated,
    /// The file is not sealed as it must be, so its owner could shrink it or others could write it.
    #[error("its seals are {found:#x}, which lack some of {required:#x}")]
    Seals { found: u32, required: u32 },
    /// The file does not know seals: it is no memfd.
    #[error("it is not a memory file")]
    NotMemory,
    /// The file lies on another file system than memory files do.
    #[error("it lies on a file system of type {found:#x}, not on tmpfs")]
    FileSystem { found: u64 },
    /// The file is not as long as the geometry says.
    #[error("it has {found} bytes instead of {expected}")]
    Size { found: u64, expected: u64 },
    /// Pages are missing, for which the reader would pay or be killed.
    #[error("only {found} of its {expected} bytes are there")]
    Sparse { found: u64, expected: u64 },
    /// The header does not say what the handshake said.
    #[error("its header's {field} is {found:#x} instead of {expected:#x}")]
    Header { field: &'static str, expected: u64, found: u64 },
    /// The pages cannot be read.
    #[error("its pages cannot be read: {0}")]
    Unreadable(Errno),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_does_not() {
        let system = |kind: io::ErrorKind| OpenError::System { doing: "", source: kind.into() };
        let none_left = OpenError::Segment(SegmentError::Truncated);
        for passes in [OpenError::HungUp, system(io::ErrorKind::OutOfMemory), none_left] {
            assert!(passes.is_retryable(), "{passes}");
        }
        let not_memory = OpenError::Segment(SegmentError::NotMemory);
        for stays in [OpenError::Uid { uid: 7 }, system(io::ErrorKind::PermissionDenied), not_memory] {
            assert!(!stays.is_retryable(), "{stays}");
        }
    }
}
