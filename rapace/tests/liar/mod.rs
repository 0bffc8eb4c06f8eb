//! A peer that follows the protocol by hand, so that it can depart from it anywhere.
//!
//! Everything that two peers agree on is declared here a second time, as byte offsets, from the documentation and not
//! from the library's types: a change of the wire that nobody meant fails these tests. All `unsafe` of the hostile
//! tests is in this file.

#![allow(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod calls;

use std::fs::File;
use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use memmap2::{MmapOptions, MmapRaw};
use rapace::{Config, Geometry, OpenError, PeerA, PeerB, Session};
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};

pub(crate) const MAGIC: u64 = u64::from_be_bytes(*b"\xf0rapace\x01");
pub(crate) const PROTOCOL: u32 = 1;

/// Of both sides' first message.
pub(crate) mod greeting {
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const LAYOUT_HASH: usize = 8;
    pub(crate) const PROTOCOL: usize = 16;
    pub(crate) const PID: usize = 20;
    pub(crate) const PAYLOAD_MAX: usize = 24;
    pub(crate) const FRAGMENTED_CALLS: usize = 32;
    pub(crate) const IN_FLIGHT: usize = 36;
    pub(crate) const FLAGS: usize = 40;
    /// Of what follows the greeting of PeerB, or the whole answer of PeerA when that is a yes.
    pub(crate) const CATALOGUE_BYTES: usize = 44;
    pub(crate) const STREAM_BYTES: usize = 48;
    pub(crate) const ONEWAY_MAX: usize = 56;
    pub(crate) const RESERVED: usize = 60;
    pub(crate) const BYTES: usize = 64;
}

/// Of PeerA's answer, which begins with its greeting.
pub(crate) mod answer {
    pub(crate) const SESSION: usize = 64;
    pub(crate) const RING_ENTRIES: usize = 80;
    pub(crate) const CLASSES: usize = 84;
    pub(crate) const VERDICT: usize = 108;
    pub(crate) const TEXT_BYTES: usize = 112;
    pub(crate) const RESERVED: usize = 116;
    pub(crate) const BYTES: usize = 120;
}

pub(crate) const YES: [u8; 8] = [0; 8];

/// Of a half: the words at its start.
pub(crate) mod half {
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const LAYOUT_HASH: usize = 8;
    pub(crate) const SESSION: usize = 16;
    pub(crate) const PROTOCOL: usize = 32;
    pub(crate) const ROLE: usize = 36;
    pub(crate) const RING_ENTRIES: usize = 40;
    pub(crate) const CLASSES: usize = 44;
    pub(crate) const RESERVED: usize = 68;
    pub(crate) const BEAT: usize = 128;
    pub(crate) const CPU: usize = 544;
    pub(crate) const CONSUMED: usize = 256;
    pub(crate) const FREED: usize = 384;
    /// Of sleepers on the futex: the message, then the room.
    pub(crate) const WANTS_MESSAGE: usize = 512;
    pub(crate) const WANTS_ROOM: usize = 520;
    /// The same of sleepers on the socket.
    pub(crate) const WANTS_MESSAGE_SOCKET: usize = 528;
    pub(crate) const WANTS_ROOM_SOCKET: usize = 536;
    /// A thread looks for messages, so that those that sleep need not be rung.
    pub(crate) const HUSHED: usize = 552;
    pub(crate) const STOPPED: usize = 640;
    pub(crate) const URGENT: usize = 648;
    pub(crate) const BELL: usize = 768;
    pub(crate) const STATE: usize = 776;
    /// What the owner counts: calls begun, calls answered, slots, bytes in slots.
    pub(crate) const SENT: usize = 896;
    /// Bytes in slots, sleeps, bells, spins, those that found something, violations.
    pub(crate) const NOTED: usize = 1_024;
    pub(crate) const RELEASED: usize = 1_152;
}

/// Of a descriptor.
pub(crate) mod field {
    pub(crate) const SEQ: usize = 0;
    pub(crate) const KIND: usize = 4;
    pub(crate) const FLAGS: usize = 5;
    pub(crate) const STATUS: usize = 6;
    pub(crate) const CALL: usize = 8;
    pub(crate) const METHOD: usize = 12;
    pub(crate) const LEN: usize = 16;
    pub(crate) const SLOT: usize = 20;
    pub(crate) const GENERATION: usize = 24;
    pub(crate) const PARENT: usize = 28;
    pub(crate) const TIMEOUT: usize = 32;
    pub(crate) const INLINE_LEN: usize = 36;
    pub(crate) const RESERVED: usize = 37;
    pub(crate) const INLINE: usize = 40;
}

/// Flags of a descriptor.
pub(crate) mod flag {
    pub(crate) const SLOT: u8 = 1;
    pub(crate) const FIRST: u8 = 2;
    pub(crate) const MORE: u8 = 4;
    pub(crate) const NEXT: u8 = 8;
    pub(crate) const ABANDONED: u8 = 16;
    pub(crate) const METADATA: u8 = 32;
}

/// FNV-1a over the numbers that place the words.
pub(crate) fn layout_hash() -> u64 {
    let byte_order = u64::from_ne_bytes(0x0123_4567_89ab_cdef_u64.to_be_bytes());
    let numbers = [64, 128, 64, 3, 0, 128, 256, 384, 512, 640, 768, 896, 1_024, 1_152, 101, byte_order];
    let bytes = numbers.iter().flat_map(|number: &u64| number.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

pub(crate) fn put(bytes: &mut [u8], offset: usize, value: &[u8]) {
    bytes[offset..offset + value.len()].copy_from_slice(value);
}

pub(crate) fn get_u32(bytes: &[u8], offset: usize) -> u32 {
    u32::from_ne_bytes(bytes[offset..offset + 4].try_into().unwrap())
}

/// The shape of a half, and where things lie in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) entries: u32,
    /// Bytes and count of each class.
    pub(crate) classes: [[u32; 2]; 3],
}

impl Shape {
    pub(crate) fn of(geometry: &Geometry) -> Self {
        Self { entries: geometry.ring_entries, classes: geometry.classes.map(|class| [class.bytes, class.count]) }
    }

    pub(crate) fn slots(&self) -> usize {
        self.classes.iter().map(|[_, count]| *count as usize).sum()
    }

    pub(crate) fn ring(&self) -> usize {
        (half::RELEASED + 8 * self.slots()).next_multiple_of(128)
    }

    /// Where message `n` lies.
    pub(crate) fn entry(&self, n: u64) -> usize {
        self.ring() + 64 * (n.wrapping_mul(101) % u64::from(self.entries)) as usize
    }

    pub(crate) fn room(&self, class: usize) -> usize {
        self.classes[class][0] as usize + 64
    }

    fn class(&self, class: usize) -> usize {
        let mut start = (self.ring() + 64 * self.entries as usize).next_multiple_of(128);
        for before in 0..class {
            start = (start + self.room(before) * self.classes[before][1] as usize).next_multiple_of(128);
        }
        start
    }

    pub(crate) fn slot(&self, class: usize, index: u32) -> usize {
        self.class(class) + self.room(class) * index as usize
    }

    /// Of a slot, through all classes.
    pub(crate) fn slot_number(&self, class: usize, index: u32) -> usize {
        self.classes[..class].iter().map(|[_, count]| *count as usize).sum::<usize>() + index as usize
    }

    pub(crate) fn bytes(&self) -> usize {
        self.slot(2, self.classes[2][1]).next_multiple_of(4_096)
    }
}

/// A small session: 8 messages, 4 slots each of 64, 256 and 1024 bytes, payloads up to 64 KiB. A half has 8 KiB. A loaded
/// machine has time for the handshake.
pub(crate) fn small() -> Config {
    let mut config = Config::default();
    config.geometry.ring_entries = 8;
    for (class, bytes) in config.geometry.classes.iter_mut().zip([64, 256, 1_024]) {
        (class.bytes, class.count) = (bytes, 4);
    }
    config.limits.payload_max = 64 << 10;
    config.limits.handshake_time = Duration::from_secs(50);
    config
}

/// A mapping as words, writable or not.
pub(crate) struct Map {
    base: NonNull<u8>,
    len: usize,
    /// None for memory that somebody else mapped.
    _own: Option<MmapRaw>,
}

// SAFETY: the memory may be used from any thread, and is used through atomics only.
unsafe impl Send for Map {}
// SAFETY: as for `Send`.
unsafe impl Sync for Map {}

impl Map {
    fn new(raw: MmapRaw) -> Self {
        Self { base: NonNull::new(raw.as_mut_ptr()).unwrap(), len: raw.len(), _own: Some(raw) }
    }

    pub(crate) fn writable(file: &OwnedFd, len: usize) -> std::io::Result<Self> {
        MmapOptions::new().len(len).map_raw(file).map(Self::new)
    }

    pub(crate) fn read_only(file: &OwnedFd, len: usize) -> std::io::Result<Self> {
        MmapOptions::new().len(len).map_raw_read_only(file).map(Self::new)
    }

    /// The mappings of rapace's memory files in this process, writable ones or read-only ones. To be used only as long
    /// as their session lives, which the caller sees to.
    pub(crate) fn of_sessions(writable: bool) -> Vec<Self> {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let wanted = if writable { "rw-s" } else { "r--s" };
        // The second name is that of the portable memory.
        let is_segment = |line: &str| line.contains("/memfd:rapace") || line.contains("/rapace-");
        let found = maps.lines().filter(|line| is_segment(line) && line.contains(wanted));
        let found = found.map(|line| {
            let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
            let [start, end] = [start, end].map(|number| usize::from_str_radix(number, 16).unwrap());
            let base = NonNull::new(std::ptr::with_exposed_provenance_mut(start)).unwrap();
            Self { base, len: end - start, _own: None }
        });
        found.collect()
    }

    /// The same memory, for another thread. To be used only as long as this mapping lives, which the caller sees to.
    pub(crate) fn again(&self) -> Self {
        Self { base: self.base, len: self.len, _own: None }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn address(&self) -> usize {
        self.base.as_ptr().expose_provenance()
    }

    pub(crate) fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset % 8 == 0 && offset + 8 <= self.len);
        // SAFETY: the offset was just found to lie within the mapping.
        let word = unsafe { self.base.add(offset) };
        // SAFETY: a mapping begins on a page, so the word is aligned; any bits are a number, and the mapping lives as
        // long as `self`.
        unsafe { word.cast::<AtomicU64>().as_ref() }
    }

    pub(crate) fn short_word(&self, offset: usize) -> &AtomicU32 {
        assert!(offset % 4 == 0 && offset + 4 <= self.len);
        // SAFETY: as in `word`.
        let word = unsafe { self.base.add(offset) };
        // SAFETY: as in `word`.
        unsafe { word.cast::<AtomicU32>().as_ref() }
    }

    pub(crate) fn get(&self, offset: usize) -> u64 {
        self.word(offset).load(Ordering::SeqCst)
    }

    pub(crate) fn set(&self, offset: usize, value: u64) {
        self.word(offset).store(value, Ordering::SeqCst);
    }

    pub(crate) fn set_u32(&self, offset: usize, value: u32) {
        self.short_word(offset).store(value, Ordering::SeqCst);
    }

    /// Writes whole words; the offset is a multiple of eight.
    pub(crate) fn write(&self, offset: usize, bytes: &[u8]) {
        for (place, chunk) in (offset..).step_by(8).zip(bytes.chunks(8)) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.set(place, u64::from_ne_bytes(word));
        }
    }

    pub(crate) fn read(&self, offset: usize, len: usize) -> Vec<u8> {
        let words = (offset..offset + len.next_multiple_of(8)).step_by(8);
        let mut bytes: Vec<_> = words.flat_map(|place| self.get(place).to_ne_bytes()).collect();
        bytes.truncate(len);
        bytes
    }

    /// Asks the kernel to make the mapping writable.
    pub(crate) fn make_writable(&self) -> rustix::io::Result<()> {
        let flags = rustix::mm::MprotectFlags::READ | rustix::mm::MprotectFlags::WRITE;
        // SAFETY: a whole mapping of ours, reached through atomics only.
        unsafe { rustix::mm::mprotect(self.base.as_ptr().cast(), self.len, flags) }
    }

    /// Asks the kernel to take the pages out of the file.
    pub(crate) fn remove_pages(&self) -> rustix::io::Result<()> {
        // SAFETY: a whole mapping of ours, reached through atomics only; removed pages read as zero.
        unsafe { rustix::mm::madvise(self.base.as_ptr().cast(), self.len, rustix::mm::Advice::LinuxRemove) }
    }
}

pub(crate) fn memfd(flags: MemfdFlags) -> rustix::io::Result<OwnedFd> {
    rustix::fs::memfd_create("liar", flags | MemfdFlags::CLOEXEC)
}

/// What the library asks for.
pub(crate) const SEALS: SealFlags =
    SealFlags::SEAL.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::FUTURE_WRITE);

/// A half of the liar's: as it must be unless told otherwise.
pub(crate) struct Half {
    pub(crate) file: OwnedFd,
    pub(crate) map: Map,
}

/// How a half is made.
pub(crate) struct Recipe {
    pub(crate) len: usize,
    /// Whether its pages are there.
    pub(crate) allocate: bool,
    pub(crate) seals: SealFlags,
}

impl Recipe {
    pub(crate) fn honest(shape: &Shape) -> Self {
        Self { len: shape.bytes(), allocate: true, seals: SEALS }
    }

    /// `tamper` gets the half when it is finished but for the seals.
    pub(crate) fn make(self, shape: &Shape, role: u32, session: [u8; 16], tamper: impl FnOnce(&Map)) -> Half {
        let file = memfd(MemfdFlags::ALLOW_SEALING).unwrap();
        if self.allocate {
            rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, self.len as u64).unwrap();
        } else {
            rustix::fs::ftruncate(&file, self.len as u64).unwrap();
        }
        let map = Map::writable(&file, shape.bytes()).unwrap();
        map.set(half::MAGIC, MAGIC);
        map.set(half::LAYOUT_HASH, layout_hash());
        map.write(half::SESSION, &session);
        map.set_u32(half::PROTOCOL, PROTOCOL);
        map.set_u32(half::ROLE, role);
        map.set_u32(half::RING_ENTRIES, shape.entries);
        for (place, number) in (half::CLASSES..).step_by(4).zip(shape.classes.as_flattened()) {
            map.set_u32(place, *number);
        }
        for n in 1..=u64::from(shape.entries) {
            map.set_u32(shape.entry(n), (n as u32).wrapping_sub(shape.entries));
        }
        tamper(&map);
        if !self.seals.is_empty() {
            rustix::fs::fcntl_add_seals(&file, self.seals).unwrap();
        }
        Half { file, map }
    }
}

/// One end of a handshake, spoken by hand.
pub(crate) struct Talk {
    pub(crate) socket: UnixStream,
}

/// PeerA's answer, taken apart.
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    /// There should be none.
    pub(crate) files: Vec<OwnedFd>,
    pub(crate) shape: Shape,
    pub(crate) session: [u8; 16],
}

/// A greeting without a lie.
pub(crate) fn honest_greeting() -> Vec<u8> {
    let mut bytes = vec![0; greeting::BYTES];
    put(&mut bytes, greeting::MAGIC, &MAGIC.to_ne_bytes());
    put(&mut bytes, greeting::LAYOUT_HASH, &layout_hash().to_ne_bytes());
    put(&mut bytes, greeting::PROTOCOL, &PROTOCOL.to_ne_bytes());
    put(&mut bytes, greeting::PID, &std::process::id().to_ne_bytes());
    put(&mut bytes, greeting::PAYLOAD_MAX, &(64_u64 << 20).to_ne_bytes());
    put(&mut bytes, greeting::FRAGMENTED_CALLS, &4_u32.to_ne_bytes());
    put(&mut bytes, greeting::IN_FLIGHT, &128_u32.to_ne_bytes());
    put(&mut bytes, greeting::STREAM_BYTES, &(16_u64 << 20).to_ne_bytes());
    put(&mut bytes, greeting::ONEWAY_MAX, &128_u32.to_ne_bytes());
    bytes
}

/// PeerA's answer without a lie.
pub(crate) fn honest_answer(shape: &Shape, session: [u8; 16]) -> Vec<u8> {
    let mut bytes = honest_greeting();
    bytes.resize(answer::BYTES, 0);
    put(&mut bytes, answer::SESSION, &session);
    put(&mut bytes, answer::RING_ENTRIES, &shape.entries.to_ne_bytes());
    for (place, number) in (answer::CLASSES..).step_by(4).zip(shape.classes.as_flattened()) {
        put(&mut bytes, place, &number.to_ne_bytes());
    }
    bytes
}

impl Talk {
    pub(crate) fn send(&self, bytes: &[u8], files: &[BorrowedFd<'_>]) -> rustix::io::Result<usize> {
        let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
        let mut attached = SendAncillaryBuffer::new(&mut space);
        if !files.is_empty() {
            assert!(attached.push(SendAncillaryMessage::ScmRights(files)));
        }
        let bytes = [std::io::IoSlice::new(bytes)];
        rustix::net::sendmsg(&self.socket, &bytes, &mut attached, SendFlags::NOSIGNAL)
    }

    /// Sends a yes with these files: what each side says once it has made its half, and, without files, once it has
    /// looked at the other's.
    pub(crate) fn send_yes(&self, files: &[OwnedFd]) {
        let files: Vec<_> = files.iter().map(AsFd::as_fd).collect();
        assert_eq!(self.send(&YES, &files), Ok(YES.len()));
    }

    pub(crate) fn receive(&self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        (&self.socket).read_exact(&mut bytes).expect("the honest side hung up instead of answering");
        bytes
    }

    pub(crate) fn receive_with_files(&self, len: usize) -> (Vec<u8>, Vec<OwnedFd>) {
        let (mut bytes, mut files) = (vec![0; len], Vec::new());
        let mut filled = 0;
        while filled < len {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
            let mut attached = RecvAncillaryBuffer::new(&mut space);
            let rest = &mut [std::io::IoSliceMut::new(&mut bytes[filled..])];
            let came = rustix::net::recvmsg(&self.socket, rest, &mut attached, RecvFlags::CMSG_CLOEXEC).unwrap();
            assert_ne!(came.bytes, 0, "the honest side hung up instead of answering");
            filled += came.bytes;
            for message in attached.drain() {
                if let RecvAncillaryMessage::ScmRights(came) = message {
                    files.extend(came);
                }
            }
        }
        (bytes, files)
    }

    pub(crate) fn receive_answer(&self) -> Answer {
        let (bytes, files) = self.receive_with_files(answer::BYTES);
        let number = |index: usize| get_u32(&bytes, answer::CLASSES + 4 * index);
        let shape = Shape {
            entries: get_u32(&bytes, answer::RING_ENTRIES),
            classes: [0, 1, 2].map(|class| [number(2 * class), number(2 * class + 1)]),
        };
        let session = bytes[answer::SESSION..answer::RING_ENTRIES].try_into().unwrap();
        Answer { bytes, files, shape, session }
    }

    /// The honest side's half.
    pub(crate) fn receive_half(&self) -> OwnedFd {
        let mut files = self.receive_verdict().expect("the honest side makes no half");
        assert_eq!(files.len(), 1);
        files.remove(0)
    }

    /// Yes with its files, or the text of its no.
    pub(crate) fn receive_verdict(&self) -> Result<Vec<OwnedFd>, String> {
        let (bytes, files) = self.receive_with_files(YES.len());
        self.verdict(&bytes).map(|()| files)
    }

    pub(crate) fn verdict(&self, bytes: &[u8]) -> Result<(), String> {
        match [get_u32(bytes, 0), get_u32(bytes, 4)] {
            [0, 0] => Ok(()),
            [1, text] => Err(String::from_utf8(self.receive(text as usize)).unwrap()),
            other => panic!("verdict {other:?}"),
        }
    }

    /// The honest side hangs up and says nothing more.
    pub(crate) fn expect_end(&self) {
        match (&self.socket).read(&mut [0; 64]) {
            Ok(0) => {}
            // What the liar sent was not read to its end.
            Err(error) if error.raw_os_error() == Some(libc::ECONNRESET) => {}
            other => panic!("{other:?} instead of the end"),
        }
    }

    /// Waits for the end, whatever comes before it.
    pub(crate) fn drain_to_end(&self) {
        while matches!((&self.socket).read(&mut [0; 4_096]), Ok(1..)) {}
    }
}

pub(crate) type Opening<R> = JoinHandle<Result<Session<R>, OpenError>>;

/// An honest side that offers a session, and the other end of its socket.
pub(crate) fn honest_a(config: &Config) -> (Opening<PeerA>, Talk) {
    let (honest, socket) = UnixStream::pair().unwrap();
    let config = config.clone();
    (std::thread::spawn(move || Session::<PeerA>::over(honest, &config)), Talk { socket })
}

/// An honest side that joins a session, and the other end of its socket.
pub(crate) fn honest_b(config: &Config) -> (Opening<PeerB>, Talk) {
    let (honest, socket) = UnixStream::pair().unwrap();
    let config = config.clone();
    (std::thread::spawn(move || Session::<PeerB>::over(honest, &config)), Talk { socket })
}

/// Files by what the system knows of them, to find out later whether this process still has them.
pub(crate) struct Marks(Vec<(u64, u64)>);

impl Marks {
    pub(crate) fn of<'a>(files: impl IntoIterator<Item = &'a OwnedFd>) -> Self {
        let mark = |file: &OwnedFd| {
            let stat = rustix::fs::fstat(file).unwrap();
            (stat.st_dev, stat.st_ino)
        };
        Self(files.into_iter().map(mark).collect())
    }

    /// No descriptor and no mapping of this process refers to any of them.
    #[track_caller]
    pub(crate) fn assert_gone(&self) {
        for entry in std::fs::read_dir("/proc/self/fd").unwrap() {
            // Those of tests that run at the same time come and go.
            let Ok(file) = std::fs::metadata(entry.unwrap().path()) else { continue };
            assert!(!self.0.contains(&(file.dev(), file.ino())), "a descriptor is left");
        }
        for line in std::fs::read_to_string("/proc/self/maps").unwrap().lines() {
            let mut columns = line.split_whitespace().skip(3);
            let device = columns.next().unwrap();
            let inode: u64 = columns.next().unwrap().parse().unwrap();
            let same = |&(dev, ino): &(u64, u64)| {
                ino == inode && format!("{:02x}:{:02x}", rustix::fs::major(dev), rustix::fs::minor(dev)) == device
            };
            assert!(!self.0.iter().any(same), "a mapping is left: {line}");
        }
    }
}

/// 64 bytes that the liar publishes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descriptor(pub(crate) [u8; 64]);

pub(crate) const REQUEST: u8 = 1;
pub(crate) const ONE_WAY: u8 = 2;
pub(crate) const TERMINAL: u8 = 3;
pub(crate) const ITEM: u8 = 4;
pub(crate) const END: u8 = 5;
pub(crate) const CREDIT: u8 = 6;
pub(crate) const CANCEL: u8 = 7;
pub(crate) const GOODBYE: u8 = 8;

impl Descriptor {
    /// A correct message that carries its payload itself.
    pub(crate) fn inline(kind: u8, payload: &[u8]) -> Self {
        let len = payload.len() as u32;
        Self([0; 64]).u8(field::KIND, kind).u32(field::LEN, len).u8(field::INLINE_LEN, len as u8).tail(payload)
    }

    /// A correct message whose payload is in a slot.
    pub(crate) fn in_slot(class: u32, index: u32, generation: u32, len: u32) -> Self {
        Self([0; 64])
            .u8(field::KIND, ONE_WAY)
            .u8(field::FLAGS, flag::SLOT)
            .u32(field::LEN, len)
            .u32(field::SLOT, (class << 24) | index)
            .u32(field::GENERATION, generation)
    }

    /// A correct first fragment, in a slot, of `total` bytes.
    pub(crate) fn first(class: u32, index: u32, generation: u32, len: u32, total: u64) -> Self {
        let this = Self::in_slot(class, index, generation, len);
        this.u8(field::FLAGS, flag::SLOT | flag::FIRST | flag::MORE).tail(&total.to_ne_bytes())
    }

    pub(crate) fn u8(mut self, offset: usize, value: u8) -> Self {
        self.0[offset] = value;
        self
    }

    pub(crate) fn u16(mut self, offset: usize, value: u16) -> Self {
        put(&mut self.0, offset, &value.to_ne_bytes());
        self
    }

    pub(crate) fn u32(mut self, offset: usize, value: u32) -> Self {
        put(&mut self.0, offset, &value.to_ne_bytes());
        self
    }

    pub(crate) fn tail(mut self, bytes: &[u8]) -> Self {
        put(&mut self.0, field::INLINE, bytes);
        self
    }
}

/// A PeerB that finished the handshake as it should, and has both hands free now.
pub(crate) struct Liar {
    pub(crate) talk: Talk,
    pub(crate) shape: Shape,
    /// Its own half, writable.
    pub(crate) own: Half,
    /// The honest side's half, as far as the kernel lets the liar have it.
    pub(crate) theirs: Map,
    pub(crate) their_file: OwnedFd,
    published: u64,
}

impl Liar {
    /// An honest PeerA and a liar, in a session.
    pub(crate) fn meet(config: &Config) -> (Session<PeerA>, Self) {
        Self::meet_saying(config, &honest_greeting())
    }

    pub(crate) fn meet_saying(config: &Config, greeting: &[u8]) -> (Session<PeerA>, Self) {
        let (opening, talk) = honest_a(config);
        talk.send(greeting, &[]).unwrap();
        let Answer { shape, session, .. } = talk.receive_answer();
        let own = Recipe::honest(&shape).make(&shape, 1, session, |_| {});
        talk.send_yes(&[own.file.try_clone().unwrap()]);
        let their_file = talk.receive_half();
        talk.receive_verdict().unwrap();
        talk.send_yes(&[]);
        let theirs = Map::read_only(&their_file, shape.bytes()).unwrap();
        let honest = opening.join().unwrap().unwrap();
        (honest, Self { talk, shape, own, theirs, their_file, published: 0 })
    }

    /// Publishes under the next number.
    pub(crate) fn publish(&mut self, descriptor: Descriptor) {
        self.published += 1;
        self.publish_at(self.published, self.published as u32, descriptor);
    }

    /// Writes the entry of message `n` with any sequence number.
    pub(crate) fn publish_at(&self, n: u64, seq: u32, descriptor: Descriptor) {
        let descriptor = descriptor.u32(field::SEQ, seq);
        let place = self.shape.entry(n);
        self.own.map.write(place + 8, &descriptor.0[8..]);
        self.own.map.write(place, &descriptor.0[..8]);
    }

    /// Takes messages up to `n` for consumed.
    pub(crate) fn set_consumed(&self, n: u64) {
        self.own.map.set(half::CONSUMED, n);
    }

    pub(crate) fn set_freed(&self, count: u64) {
        self.own.map.set(half::FREED, count);
    }

    pub(crate) fn add_freed(&self) {
        self.own.map.word(half::FREED).fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn set_released(&self, class: usize, index: u32, word: u64) {
        self.own.map.set(half::RELEASED + 8 * self.shape.slot_number(class, index), word);
    }

    /// What the honest side has released of this slot.
    pub(crate) fn released(&self, class: usize, index: u32) -> u64 {
        self.theirs.get(half::RELEASED + 8 * self.shape.slot_number(class, index))
    }

    pub(crate) fn write_slot(&self, class: usize, index: u32, bytes: &[u8]) {
        self.own.map.write(self.shape.slot(class, index), bytes);
    }

    /// Message `n` of the honest side, if it was published.
    pub(crate) fn their_message(&self, n: u64) -> Option<Descriptor> {
        let bytes = self.theirs.read(self.shape.entry(n), 64);
        (get_u32(&bytes, field::SEQ) == n as u32).then(|| Descriptor(bytes.try_into().unwrap()))
    }

    /// Rings as for threads.
    pub(crate) fn ring(&self) {
        let word = self.own.map.short_word(half::BELL);
        word.fetch_add(1, Ordering::SeqCst);
        wake(word);
    }

    /// Rings as for tasks. False when the buffer is full or the session over.
    pub(crate) fn ring_socket(&self) -> bool {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        rustix::net::send(&self.talk.socket, &[1], flags).is_ok()
    }

    /// Rings on both bells.
    pub(crate) fn ring_all(&self) {
        self.ring();
        self.ring_socket();
    }

    /// Waits until the honest side has said that it will sleep for something.
    pub(crate) fn wait_for_wish(&self) {
        let wishes = [half::WANTS_MESSAGE, half::WANTS_ROOM, half::WANTS_MESSAGE_SOCKET, half::WANTS_ROOM_SOCKET];
        while wishes.iter().all(|place| self.theirs.get(*place) == 0) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Wakes whoever sleeps on this word, in any process.
pub(crate) fn wake(word: &AtomicU32) {
    rustix::thread::futex::wake(word, rustix::thread::futex::Flags::empty(), i32::MAX as u32).unwrap();
}

/// Ends the process when the test that holds it is still running after this time.
pub(crate) struct Watchdog {
    _end: Sender<()>,
}

#[track_caller]
pub(crate) fn watchdog() -> Watchdog {
    watchdog_of(Duration::from_secs(60))
}

#[track_caller]
pub(crate) fn watchdog_of(limit: Duration) -> Watchdog {
    let place = Location::caller();
    let test = std::thread::current().name().unwrap_or("a thread").to_owned();
    let (end, ended) = channel::<()>();
    std::thread::spawn(move || {
        if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            // Not `eprintln`, which the test harness may catch.
            let _ = writeln!(std::io::stderr(), "watchdog: {test} ({place}) is stuck after {limit:?}");
            std::process::abort();
        }
    });
    Watchdog { _end: end }
}

/// Numbers from a seed (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    pub(crate) fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// Waits for a condition of the other side; the watchdog ends it when it never comes.
pub(crate) fn wait_until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A clock that says when something is over.
pub(crate) fn until(limit: Duration) -> impl Fn() -> bool {
    let end = Instant::now() + limit;
    move || Instant::now() < end
}

/// A file to write to its owner's disk, or whatever the directory is on.
pub(crate) fn open_for_writing(path: &str) -> std::io::Result<File> {
    File::options().read(true).write(true).open(path)
}
