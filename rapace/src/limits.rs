//! Every bound that a session keeps, in one place; each is named in the error that it causes.

use std::time::Duration;

/// What a peer may make this process hold, and how long it may be waited for.
///
/// ```
/// use rapace::Limits;
///
/// let mut limits = Limits::hostile();
/// limits.payload_max = 256 << 10;
/// assert!(limits.segment_bytes < Limits::default().segment_bytes);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Shared memory of a session, both halves, in bytes. 64 MiB by default.
    pub segment_bytes: u64,
    /// Longest payload that is received, in bytes; the peer's sender learns it in the handshake. It also bounds the
    /// bytes of all unfinished fragmented messages together. 64 MiB by default.
    pub payload_max: usize,
    /// Messages that may be in fragments at once, in each direction. 4 by default.
    pub fragmented_calls: usize,
    /// Calls of the other side that are kept at once, begun and not answered; further ones wait at the caller, who learns
    /// the number in the handshake. At most 65,535. 1,024 by default.
    pub in_flight: u32,
    /// Bytes of requests in fragments that may wait for a handler at once; a further one is answered with
    /// [`RpcError::Overloaded`](crate::RpcError::Overloaded), unless it is the only one. Requests in slots are bounded by the
    /// segment. 256 MiB by default.
    pub queued_bytes: usize,
    /// Bytes of replies that may wait for room at once, before no further request of that session is started. 16 MiB
    /// by default.
    pub parked_bytes: usize,
    /// Bytes that all streams towards this side may have on their way beyond 16 KiB each: sent, and not read. A stream may
    /// have 256 KiB, or one item that is larger; a call has 8 streams at most. 16 MiB by default.
    pub stream_bytes: u64,
    /// One-way calls of the other side that are kept at once, begun and not finished; it refuses to send more, and learns
    /// the number in the handshake. 128 by default.
    pub oneway_max: u32,
    /// How deep handlers may call back and forth on one thread: a call made in a handler is handled by the thread that
    /// waits for that handler's answer, and may call back again. What is deeper is answered with
    /// [`RpcError::Overloaded`](crate::RpcError::Overloaded). 32 by default.
    pub nesting_max: usize,
    /// What the other side may say of its services in the handshake, in bytes. 64 KiB by default.
    pub hello_bytes: usize,
    /// Clients of a server that may be in their handshake at once; further ones are turned away. 64 by default.
    pub handshakes: usize,
    /// Sessions that a server keeps open with processes of one user at once; further ones are turned away. 1,024 by default.
    pub sessions_per_uid: usize,
    /// How deep a value that is decoded may be nested: every struct, enum, option, tuple, sequence and map is a level. It
    /// bounds the stack that a peer can make a decoding thread use. 64 by default.
    pub decode_depth: usize,
    /// Elements of sequences and maps, fields and tuple members that one message may be decoded to, all together. A list
    /// of values without bytes is as long as the peer says, so the bytes that came do not bound it. 16,777,216 by
    /// default: a `Vec<u8>` of 16 MiB within a struct (of any length, with `serde_bytes`).
    pub decode_elements: usize,
    /// Memory that decoding one message may take beyond its byte strings, in bytes: the sizes of all elements, fields,
    /// members, enums and newtypes, and what a struct is larger than its fields; nested ones counted on each level, and the
    /// items of a stream that came in one message. A byte can become an element of a kilobyte. 64 MiB by default.
    pub decode_bytes: usize,
    /// Time for the whole handshake. 2 s by default.
    pub handshake_time: Duration,
    /// How long a peer may make no step while messages wait for it before it is reported as
    /// [`PeerState::Unresponsive`](crate::PeerState::Unresponsive). 1 s by default.
    pub hang_after: Duration,
    /// How long a send waits while nothing that this side sends gains any room, whatever the peer says it gave back, before the session ends with
    /// [`Lost::Stalled`](crate::Lost::Stalled). No bound by default. Of blocking sends only: an awaited one is bounded by
    /// the timeout that the program puts around it.
    pub stall_max: Option<Duration>,
    /// Text that is kept of a peer's refusal, in bytes. 256 by default.
    pub error_text_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            payload_max: 64 << 20,
            fragmented_calls: 4,
            in_flight: 1_024,
            queued_bytes: 256 << 20,
            parked_bytes: 16 << 20,
            stream_bytes: 16 << 20,
            oneway_max: 128,
            nesting_max: 32,
            hello_bytes: 64 << 10,
            handshakes: 64,
            sessions_per_uid: 1_024,
            decode_depth: 64,
            decode_elements: 16 << 20,
            decode_bytes: 64 << 20,
            handshake_time: Duration::from_secs(2),
            hang_after: Duration::from_secs(1),
            stall_max: None,
            error_text_bytes: 256,
        }
    }
}

impl Limits {
    /// Stricter bounds, for peers that may be malicious.
    pub fn hostile() -> Self {
        Self {
            segment_bytes: 4 << 20,
            payload_max: 1 << 20,
            fragmented_calls: 2,
            in_flight: 32,
            queued_bytes: 4 << 20,
            parked_bytes: 1 << 20,
            stream_bytes: 1 << 20,
            oneway_max: 32,
            nesting_max: 8,
            hello_bytes: 16 << 10,
            handshakes: 16,
            sessions_per_uid: 64,
            decode_depth: 32,
            decode_elements: 64 << 10,
            decode_bytes: 4 << 20,
            handshake_time: Duration::from_millis(500),
            stall_max: Some(Duration::from_secs(10)),
            error_text_bytes: 64,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every bound with its name; destructured, so that a new one cannot be forgotten.
    fn all(limits: Limits) -> Vec<(&'static str, u128)> {
        macro_rules! named {
            ($($number:ident),*; $($time:ident),*; $stall:ident) => {{
                let Limits { $($number,)* $($time,)* $stall } = limits;
                let stall = $stall.map_or(u128::MAX, |time| time.as_millis());
                vec![$((stringify!($number), $number as u128),)* $((stringify!($time), $time.as_millis()),)* ("stall", stall)]
            }};
        }
        named!(
            segment_bytes, payload_max, fragmented_calls, in_flight, queued_bytes, parked_bytes, stream_bytes, oneway_max,
            nesting_max, hello_bytes, handshakes, sessions_per_uid, decode_depth, decode_elements, decode_bytes,
            error_text_bytes; handshake_time, hang_after; stall_max
        )
    }

    #[test]
    fn the_bounds_are_those_that_are_documented() {
        let documented = [
            ("segment_bytes", 67_108_864),
            ("payload_max", 67_108_864),
            ("fragmented_calls", 4),
            ("in_flight", 1_024),
            ("queued_bytes", 268_435_456),
            ("parked_bytes", 16_777_216),
            ("stream_bytes", 16_777_216),
            ("oneway_max", 128),
            ("nesting_max", 32),
            ("hello_bytes", 65_536),
            ("handshakes", 64),
            ("sessions_per_uid", 1_024),
            ("decode_depth", 64),
            ("decode_elements", 16_777_216),
            ("decode_bytes", 67_108_864),
            ("error_text_bytes", 256),
            ("handshake_time", 2_000),
            ("hang_after", 1_000),
            ("stall", u128::MAX),
        ];
        assert_eq!(all(Limits::default()), documented);
    }

    #[test]
    fn hostile_bounds_are_stricter_and_leave_room() {
        for ((name, usual), (_, strict)) in all(Limits::default()).into_iter().zip(all(Limits::hostile())) {
            // How soon somebody hangs is no matter of what they may make this process hold.
            assert!(if name == "hang_after" { strict == usual } else { strict < usual }, "{name}");
            assert!(strict > 0, "{name}");
        }
        // A message of the longest kind fits the memory that a session may have, and what waits for a handler.
        let strict = Limits::hostile();
        assert!(strict.payload_max as u64 * 2 <= strict.segment_bytes && strict.payload_max <= strict.queued_bytes);
        assert!(strict.decode_elements <= strict.decode_bytes && strict.hello_bytes <= strict.payload_max);
    }
}
