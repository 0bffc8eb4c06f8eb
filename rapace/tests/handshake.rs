//! A handshake with a liar: whatever it sends, the honest side ends with an error that names the rule, tells the liar
//! where the protocol says so, and keeps nothing of it.
//!
//! The liar speaks the protocol by hand ([`liar`]) and departs from it in one thing at a time. In-process: what is
//! promised here is about bytes and descriptors, not about processes.

// The portable memory knows no seals; it is for peers that are trusted with theirs.
#![cfg(all(target_os = "linux", not(rapace_portable)))]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod liar;

use std::io::Write;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use liar::{
    Half, MAGIC, Map, Marks, Opening, PROTOCOL, Recipe, SEALS, Shape, Talk, YES, answer, greeting, half, honest_a,
    honest_answer, honest_b, honest_greeting, layout_hash, memfd, put, small, watchdog,
};
use rapace::{Config, GeometryError, Head, Listener, OpenError, PeerA, PeerB, RecvError, Role, SegmentError, Session};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::net::{RecvFlags, SendFlags};

const ID: [u8; 16] = *b"the liar's words";

fn failure<R: Role>(opening: Opening<R>) -> OpenError {
    opening.join().expect("the honest side panicked").map(drop).expect_err("the lie was believed")
}

/// The text names the rule, and the liar was told the same.
#[track_caller]
fn assert_told(error: &OpenError, rule: &str, told: &str) {
    assert_eq!(error.to_string(), told);
    assert!(told.contains(rule), "{told:?} does not name {rule:?}");
}

/// A handshake as far as both sides agree on the geometry and begin to make their halves. After it both roles do the
/// same.
struct Agreed {
    talk: Talk,
    shape: Shape,
    session: [u8; 16],
    /// The liar's.
    role: u32,
    failure: Box<dyn FnOnce() -> OpenError>,
}

/// With the honest side as PeerA, and when that is done as PeerB.
fn agree(config: &Config) -> impl Iterator<Item = Agreed> {
    [agree_as_b, agree_as_a].into_iter().map(move |agree| agree(config))
}

fn agree_as_b(config: &Config) -> Agreed {
    let (opening, talk) = honest_a(config);
    talk.send(&honest_greeting(), &[]).unwrap();
    let answer = talk.receive_answer();
    let failure = Box::new(move || failure(opening));
    Agreed { talk, shape: answer.shape, session: answer.session, role: 1, failure }
}

fn agree_as_a(config: &Config) -> Agreed {
    let (opening, talk) = honest_b(config);
    talk.receive(greeting::BYTES);
    let shape = Shape::of(&config.geometry);
    talk.send(&honest_answer(&shape, ID), &[]).unwrap();
    Agreed { talk, shape, session: ID, role: 0, failure: Box::new(move || failure(opening)) }
}

impl Agreed {
    /// A half without a lie.
    fn half(&self) -> Half {
        Recipe::honest(&self.shape).make(&self.shape, self.role, self.session, |_| {})
    }
}

/// In both roles: the honest side refuses a half that comes as these files, says why, and keeps none of them.
#[track_caller]
fn refuses_half(
    rule: &str,
    expected: impl Fn(&OpenError) -> bool,
    files: impl Fn(&Shape, u32, [u8; 16]) -> Vec<OwnedFd>,
) {
    let _watchdog = watchdog();
    for Agreed { talk, shape, session, role, failure } in agree(&small()) {
        let lie = files(&shape, role, session);
        let theirs = talk.receive_half();
        let marks = Marks::of(lie.iter().chain([&theirs]));
        talk.send_yes(&lie);
        drop((lie, theirs));
        let told = talk.receive_verdict().expect_err("the lie was believed");
        let error = failure();
        assert!(expected(&error), "{error:?}");
        assert_told(&error, rule, &told);
        talk.expect_end();
        marks.assert_gone();
    }
}

/// Of an error about the half.
fn is(expected: SegmentError) -> impl Fn(&OpenError) -> bool {
    move |error| matches!(error, OpenError::Segment(found) if *found == expected)
}

fn made(recipe: impl Fn(&Shape) -> Recipe) -> impl Fn(&Shape, u32, [u8; 16]) -> Vec<OwnedFd> {
    move |shape, role, session| vec![recipe(shape).make(shape, role, session, |_| {}).file]
}

#[test]
fn the_search_for_leaks_finds_descriptors_and_mappings() {
    let finds = |marks: &Marks| std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| marks.assert_gone())).is_err();
    let shape = Shape::of(&small().geometry);
    let Half { file, map } = Recipe::honest(&shape).make(&shape, 0, ID, |_| {});
    let marks = Marks::of([&file]);
    assert!(finds(&marks));
    drop(file);
    assert!(finds(&marks), "a mapping without a descriptor");
    drop(map);
    assert!(!finds(&marks));
}

#[test]
fn a_liar_without_a_lie_is_let_in_in_both_roles() {
    let _watchdog = watchdog();
    let (_honest, _liar) = liar::Liar::meet(&small());

    let (opening, talk) = honest_b(&small());
    assert_eq!(talk.receive(greeting::BYTES)[..greeting::PAYLOAD_MAX], honest_greeting()[..greeting::PAYLOAD_MAX]);
    let shape = Shape::of(&small().geometry);
    talk.send(&honest_answer(&shape, ID), &[]).unwrap();
    let own = Recipe::honest(&shape).make(&shape, 0, ID, |_| {});
    talk.send_yes(&[own.file]);
    let theirs = Map::read_only(&talk.receive_half(), shape.bytes()).unwrap();
    assert!(talk.receive_verdict().unwrap().is_empty());
    talk.send_yes(&[]);
    let mut honest = opening.join().unwrap().unwrap();
    honest.send(Head::message(1), b"to a liar").unwrap();
    assert_eq!(&theirs.read(shape.entry(1) + liar::field::INLINE, 9), b"to a liar");
}

#[test]
fn a_half_that_is_too_short_is_refused() {
    let expected = is(SegmentError::Size { found: 4_096, expected: 8_192 });
    refuses_half("4096 bytes instead of 8192", expected, made(|shape| Recipe { len: 4_096, ..Recipe::honest(shape) }));
}

#[test]
fn a_half_that_is_too_long_is_refused() {
    let expected = is(SegmentError::Size { found: 1 << 20, expected: 8_192 });
    refuses_half("bytes instead of 8192", expected, made(|shape| Recipe { len: 1 << 20, ..Recipe::honest(shape) }));
}

#[test]
fn an_empty_half_is_refused() {
    let expected = is(SegmentError::Size { found: 0, expected: 8_192 });
    refuses_half("0 bytes instead of", expected, |_, _, _| {
        let file = memfd(MemfdFlags::ALLOW_SEALING).unwrap();
        rustix::fs::fcntl_add_seals(&file, SEALS).unwrap();
        vec![file]
    });
}

#[test]
fn a_sparse_half_is_refused() {
    let expected = is(SegmentError::Sparse { found: 4_096, expected: 8_192 });
    refuses_half("are there", expected, made(|shape| Recipe { allocate: false, ..Recipe::honest(shape) }));
}

#[test]
fn a_sparse_half_with_blocks_behind_its_end_is_refused() {
    let expected = |error: &OpenError| matches!(error, OpenError::Segment(SegmentError::Sparse { .. }));
    refuses_half("are there", expected, |shape, role, session| {
        let half = Recipe { allocate: false, seals: SealFlags::empty(), ..Recipe::honest(shape) }.make(
            shape,
            role,
            session,
            |_| {},
        );
        let behind = rustix::fs::FallocateFlags::KEEP_SIZE;
        let len = shape.bytes() as u64;
        rustix::fs::fallocate(&half.file, behind, len, len).unwrap();
        rustix::fs::fcntl_add_seals(&half.file, SEALS).unwrap();
        vec![half.file]
    });
}

#[test]
fn a_half_of_huge_pages_is_refused() {
    const HUGETLBFS: u64 = 0x9584_58f6;
    let huge = || -> rustix::io::Result<OwnedFd> {
        let file = memfd(MemfdFlags::ALLOW_SEALING | MemfdFlags::HUGETLB)?;
        rustix::fs::ftruncate(&file, 2 << 20)?;
        rustix::fs::fcntl_add_seals(&file, SEALS)?;
        Ok(file)
    };
    if let Err(errno) = huge() {
        println!("skipped: this machine makes no memory file of huge pages ({errno})");
        return;
    }
    let expected = is(SegmentError::FileSystem { found: HUGETLBFS });
    refuses_half("not on tmpfs", expected, move |_, _, _| vec![huge().unwrap()]);
}

#[test]
fn an_unsealed_half_is_refused() {
    let expected = is(SegmentError::Seals { found: 0, required: SEALS.bits() });
    let unsealed = made(|shape| Recipe { seals: SealFlags::empty(), ..Recipe::honest(shape) });
    refuses_half("its seals are 0x0, which lack some of 0x17", expected, unsealed);
}

#[test]
fn a_half_that_lacks_any_one_seal_is_refused() {
    for lacking in SEALS.iter() {
        let seals = SEALS.difference(lacking);
        let expected = is(SegmentError::Seals { found: seals.bits(), required: SEALS.bits() });
        refuses_half("which lack some of", expected, made(|shape| Recipe { seals, ..Recipe::honest(shape) }));
    }
}

#[test]
fn a_half_sealed_against_all_writes_instead_of_future_ones_is_refused() {
    let seals = SEALS.difference(SealFlags::FUTURE_WRITE).union(SealFlags::WRITE);
    let expected = is(SegmentError::Seals { found: seals.bits(), required: SEALS.bits() });
    refuses_half("which lack some of", expected, |shape, role, session| {
        let recipe = Recipe { seals: SealFlags::empty(), ..Recipe::honest(shape) };
        let Half { file, map } = recipe.make(shape, role, session, |_| {});
        // This seal needs that nobody maps it writable.
        drop(map);
        rustix::fs::fcntl_add_seals(&file, seals).unwrap();
        vec![file]
    });
}

#[test]
fn a_memfd_that_cannot_be_sealed_is_refused() {
    let expected = is(SegmentError::Seals { found: SealFlags::SEAL.bits(), required: SEALS.bits() });
    refuses_half("which lack some of", expected, |shape, _, _| {
        let file = memfd(MemfdFlags::empty()).unwrap();
        rustix::fs::ftruncate(&file, shape.bytes() as u64).unwrap();
        vec![file]
    });
}

#[test]
fn a_regular_file_is_refused_as_a_half() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let on_tmpfs = rustix::fs::statfs(directory.path()).unwrap().f_type == 0x0102_1994;
    let expected = move |error: &OpenError| match error {
        // A file on tmpfs is like a memory file that cannot be sealed.
        OpenError::Segment(SegmentError::Seals { found: 1, .. }) => on_tmpfs,
        OpenError::Segment(SegmentError::NotMemory) => !on_tmpfs,
        _ => false,
    };
    let rule = if on_tmpfs { "its seals are" } else { "it is not a memory file" };
    refuses_half(rule, expected, |shape, _, _| {
        let file = tempfile::tempfile_in(directory.path()).unwrap();
        file.set_len(shape.bytes() as u64).unwrap();
        vec![file.into()]
    });
}

#[test]
fn a_file_on_tmpfs_is_refused_as_a_half() {
    if rustix::fs::statfs("/dev/shm").map(|found| found.f_type) != Ok(0x0102_1994) {
        println!("skipped: there is no tmpfs at /dev/shm");
        return;
    }
    let expected = is(SegmentError::Seals { found: SealFlags::SEAL.bits(), required: SEALS.bits() });
    refuses_half("which lack some of", expected, |shape, _, _| {
        let mut file = tempfile::tempfile_in("/dev/shm").unwrap();
        file.write_all(&vec![1; shape.bytes()]).unwrap();
        vec![file.into()]
    });
}

#[test]
fn the_device_of_zeros_is_refused_as_a_half() {
    refuses_half("it is not a memory file", is(SegmentError::NotMemory), |_, _, _| {
        vec![std::fs::File::options().read(true).write(true).open("/dev/zero").unwrap().into()]
    });
}

#[test]
fn a_pipe_is_refused_as_a_half() {
    refuses_half("it is not a memory file", is(SegmentError::NotMemory), |_, _, _| {
        vec![rustix::pipe::pipe().unwrap().0]
    });
}

#[test]
fn a_socket_is_refused_as_a_half() {
    refuses_half("it is not a memory file", is(SegmentError::NotMemory), |_, _, _| {
        vec![UnixStream::pair().unwrap().0.into()]
    });
}

#[test]
fn a_descriptor_that_can_only_be_named_is_refused_as_a_half() {
    let expected = |error: &OpenError| matches!(error, OpenError::System { .. });
    refuses_half("reading the seals", expected, |shape, role, session| {
        use std::os::fd::AsRawFd;
        let half = Recipe::honest(shape).make(shape, role, session, |_| {});
        let path = format!("/proc/self/fd/{}", half.file.as_raw_fd());
        let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
        vec![rustix::fs::open(path, flags, rustix::fs::Mode::empty()).unwrap()]
    });
}

#[test]
fn a_descriptor_that_cannot_be_read_is_refused_as_a_half() {
    let expected = |error: &OpenError| matches!(error, OpenError::System { .. });
    refuses_half("mapping the peer's half", expected, |shape, role, session| {
        use std::os::fd::AsRawFd;
        let half = Recipe::honest(shape).make(shape, role, session, |_| {});
        let path = format!("/proc/self/fd/{}", half.file.as_raw_fd());
        let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CLOEXEC;
        vec![rustix::fs::open(path, flags, rustix::fs::Mode::empty()).unwrap()]
    });
}

#[test]
fn a_half_that_does_not_come_is_refused() {
    let rule = "0 file descriptors came instead of one";
    refuses_half(rule, is(SegmentError::Count { count: 0 }), |_, _, _| Vec::new());
}

fn many(count: usize) -> impl Fn(&Shape, u32, [u8; 16]) -> Vec<OwnedFd> {
    move |shape, role, session| {
        let half = Recipe::honest(shape).make(shape, role, session, |_| {});
        (0..count).map(|_| half.file.try_clone().unwrap()).collect()
    }
}

#[test]
fn two_descriptors_are_refused() {
    refuses_half("2 file descriptors came instead of one", is(SegmentError::Count { count: 2 }), many(2));
}

#[test]
fn more_descriptors_than_there_is_room_for_are_refused_and_closed() {
    refuses_half("not all file descriptors that came could be taken", is(SegmentError::Truncated), many(253));
}

#[test]
fn two_descriptors_in_two_pieces_of_one_message_are_refused() {
    let _watchdog = watchdog();
    for agreed in agree(&small()) {
        let half = agreed.half();
        agreed.talk.send(&YES[..3], &[half.file.as_fd()]).unwrap();
        agreed.talk.send(&YES[3..], &[half.file.as_fd()]).unwrap();
        agreed.talk.receive_half();
        let told = agreed.talk.receive_verdict().unwrap_err();
        let error = (agreed.failure)();
        assert!(is(SegmentError::Count { count: 2 })(&error), "{error:?}");
        assert_told(&error, "2 file descriptors", &told);
    }
}

#[test]
fn each_field_of_a_halfs_header_must_say_what_the_handshake_said() {
    let fields = [
        ("magic", half::MAGIC),
        ("layout hash", half::LAYOUT_HASH),
        ("session id", half::SESSION),
        ("session id", half::SESSION + 4),
        ("session id", half::SESSION + 8),
        ("session id", half::SESSION + 12),
        ("protocol version", half::PROTOCOL),
        ("role", half::ROLE),
        ("ring_entries", half::RING_ENTRIES),
        ("slot class", half::CLASSES),
        ("slot class", half::CLASSES + 4),
        ("slot class", half::CLASSES + 8),
        ("slot class", half::CLASSES + 12),
        ("slot class", half::CLASSES + 16),
        ("slot class", half::CLASSES + 20),
        ("reserved field", half::RESERVED),
    ];
    for (name, place) in fields {
        let expected = |error: &OpenError| match error {
            OpenError::Segment(SegmentError::Header { field, expected, found }) => *field == name && expected != found,
            _ => false,
        };
        refuses_half(&format!("its header's {name} is"), expected, |shape, role, session| {
            let flip =
                |map: &Map| map.set_u32(place, map.short_word(place).load(std::sync::atomic::Ordering::SeqCst) ^ 1);
            vec![Recipe::honest(shape).make(shape, role, session, flip).file]
        });
    }
}

#[test]
fn a_half_that_is_the_honest_sides_own_is_refused() {
    let _watchdog = watchdog();
    for Agreed { talk, role, failure, .. } in agree(&small()) {
        talk.send_yes(&[talk.receive_half()]);
        let told = talk.receive_verdict().unwrap_err();
        let error = failure();
        let (expected, found) = (u64::from(role), u64::from(1 - role));
        assert!(is(SegmentError::Header { field: "role", expected, found })(&error), "{error:?}");
        assert_told(&error, "its header's role", &told);
    }
}

/// Lies about each field of the greeting that counts: the name in the error, and the bytes.
fn lies_of_a_greeting() -> [(&'static str, usize, Vec<u8>, u64, u64); 7] {
    let u32 = |place, value: u32| (place, value.to_ne_bytes().to_vec(), u64::from(value));
    let u64 = |place, value: u64| (place, value.to_ne_bytes().to_vec(), value);
    let lie = |name, (place, bytes, found), expected| (name, place, bytes, expected, found);
    [
        lie("magic number", u64(greeting::MAGIC, MAGIC ^ 1), MAGIC),
        lie("protocol version", u32(greeting::PROTOCOL, 2), PROTOCOL.into()),
        lie("layout hash", u64(greeting::LAYOUT_HASH, 7), layout_hash()),
        lie("unknown flags", u32(greeting::FLAGS, 3), 0),
        // With a limit of zero it could receive nothing large, or no call at all.
        lie("reserved word", u32(greeting::RESERVED, 7), 0),
        lie("limit in_flight", u32(greeting::IN_FLIGHT, 0), 1),
        lie("limit fragmented_calls", u32(greeting::FRAGMENTED_CALLS, 0), 1),
    ]
}

fn is_protocol(error: &OpenError, name: &str, expected: u64, found: u64) -> bool {
    let found = if name == "unknown flags" { found & !1 } else { found };
    matches!(error, OpenError::Protocol { field, expected: e, found: f } if (*field, *e, *f) == (name, expected, found))
}

#[test]
fn each_wrong_field_of_a_hello_is_refused_and_named() {
    let _watchdog = watchdog();
    for (name, place, bytes, expected, found) in lies_of_a_greeting() {
        let (opening, talk) = honest_a(&small());
        let mut hello = honest_greeting();
        put(&mut hello, place, &bytes);
        talk.send(&hello, &[]).unwrap();
        let answer = talk.receive_answer();
        assert!(answer.files.is_empty(), "memory was made for a peer that is refused");
        let told = talk.verdict(&answer.bytes[answer::VERDICT..]).unwrap_err();
        let error = failure(opening);
        assert!(is_protocol(&error, name, expected, found), "{error:?}");
        assert_told(&error, &format!("the peer's {name} is"), &told);
        talk.expect_end();
    }
}

#[test]
fn each_wrong_field_of_an_answers_greeting_is_refused_and_named() {
    let _watchdog = watchdog();
    for (name, place, bytes, expected, found) in lies_of_a_greeting() {
        let (opening, talk) = honest_b(&small());
        talk.receive(greeting::BYTES);
        let mut answer = honest_answer(&Shape::of(&small().geometry), ID);
        put(&mut answer, place, &bytes);
        talk.send(&answer, &[]).unwrap();
        let error = failure(opening);
        assert!(is_protocol(&error, name, expected, found), "{error:?}");
        assert!(error.to_string().contains(name));
        // One that speaks another language is not told anything in this one.
        talk.expect_end();
    }
}

#[test]
fn a_reserved_field_of_the_answer_that_is_not_zero_is_refused() {
    let _watchdog = watchdog();
    let (opening, talk) = honest_b(&hasty());
    talk.receive(greeting::BYTES);
    let mut answer = honest_answer(&Shape::of(&small().geometry), ID);
    put(&mut answer, answer::RESERVED, &1_u32.to_ne_bytes());
    talk.send(&answer, &[]).unwrap();
    let error = failure(opening);
    assert!(matches!(error, OpenError::Protocol { field: "reserved field", .. }), "{error:?}");
}

#[test]
fn a_side_that_can_receive_nothing_is_refused_by_an_honest_one_too() {
    let _watchdog = watchdog();
    #[allow(clippy::type_complexity, reason = "a table of one test")]
    let none: [(&str, fn(&mut Config)); 2] = [
        ("limit in_flight", |config| config.limits.in_flight = 0),
        ("limit fragmented_calls", |config| config.limits.fragmented_calls = 0),
    ];
    for (name, change) in none {
        let mut config = small();
        change(&mut config);
        let meet = |a: &Config, b: &Config| {
            let (ours, theirs) = UnixStream::pair().unwrap();
            std::thread::scope(|scope| {
                let b = scope.spawn(|| Session::<PeerB>::over(theirs, b).map(drop).unwrap_err());
                (Session::<PeerA>::over(ours, a).map(drop).unwrap_err(), b.join().unwrap())
            })
        };
        let (error, told) = meet(&small(), &config);
        assert!(is_protocol(&error, name, 1, 0), "{error:?}");
        assert!(matches!(&told, OpenError::Refused { reason } if *reason == error.to_string()), "{told:?}");
        let (told, error) = meet(&config, &small());
        assert!(is_protocol(&error, name, 1, 0), "{error:?}");
        assert!(matches!(told, OpenError::HungUp), "{told:?}");
    }
}

/// A greeting, or an answer that begins with one, which announces a catalogue of so many bytes.
fn announcing(mut bytes: Vec<u8>, catalogue: u32) -> Vec<u8> {
    put(&mut bytes, greeting::CATALOGUE_BYTES, &catalogue.to_ne_bytes());
    bytes
}

/// A configuration that reads no longer catalogues than this.
fn reading(hello_bytes: usize) -> Config {
    let mut config = small();
    config.limits.hello_bytes = hello_bytes;
    config
}

fn is_catalogue(error: &OpenError, expected: usize, limit: usize) -> bool {
    matches!(error, OpenError::Catalogue { bytes, hello_bytes } if (*bytes, *hello_bytes) == (expected, limit))
}

#[test]
fn a_catalogue_of_a_hello_above_the_limit_is_refused_unread() {
    let _watchdog = watchdog();
    for (limit, announced) in [(0, 1), (100, 101), (64 << 10, (64 << 10) + 1), (100, u32::MAX)] {
        let (opening, talk) = honest_a(&reading(limit));
        // None of it is there yet: the announcement alone is too much.
        talk.send(&announcing(honest_greeting(), announced), &[]).unwrap();
        let answer = talk.receive_answer();
        assert!(answer.files.is_empty(), "memory was made for a peer that is refused");
        let told = talk.verdict(&answer.bytes[answer::VERDICT..]).unwrap_err();
        let error = failure(opening);
        assert!(is_catalogue(&error, announced as usize, limit), "{error:?}");
        assert_told(&error, &format!("above the limit hello_bytes ({limit})"), &told);
        talk.expect_end();
    }
}

#[test]
fn a_catalogue_of_an_answer_above_the_limit_is_refused_unread() {
    let _watchdog = watchdog();
    for (limit, announced) in [(0, 1), (100, 101), (64 << 10, (64 << 10) + 1), (100, u32::MAX)] {
        let (opening, talk) = honest_b(&reading(limit));
        talk.receive(greeting::BYTES);
        talk.send(&announcing(honest_answer(&Shape::of(&small().geometry), ID), announced), &[]).unwrap();
        let error = failure(opening);
        assert!(is_catalogue(&error, announced as usize, limit), "{error:?}");
        assert!(error.to_string().contains(&format!("above the limit hello_bytes ({limit})")));
        talk.drain_to_end();
    }
}

#[test]
fn a_catalogue_as_long_as_the_limit_is_read_to_its_end_and_no_further() {
    let _watchdog = watchdog();
    for (limit, len) in [(0, 0), (1, 1), (100, 100), (100, 7), (100_000, 100_000)] {
        let catalogue = vec![0xff; len];
        let (opening, talk) = honest_a(&reading(limit));
        (&talk.socket).write_all(&announcing(honest_greeting(), len as u32)).unwrap();
        (&talk.socket).write_all(&catalogue).unwrap();
        let offer = talk.receive_answer();
        assert_eq!(liar::get_u32(&offer.bytes, greeting::CATALOGUE_BYTES), 0);
        let half = Recipe::honest(&offer.shape).make(&offer.shape, 1, offer.session, |_| {});
        talk.send_yes(&[half.file]);
        talk.receive_half();
        talk.receive_verdict().unwrap();
        talk.send_yes(&[]);
        opening.join().unwrap().unwrap();

        let (opening, talk) = honest_b(&reading(limit));
        assert_eq!(liar::get_u32(&talk.receive(greeting::BYTES), greeting::CATALOGUE_BYTES), 0);
        let shape = Shape::of(&small().geometry);
        (&talk.socket).write_all(&announcing(honest_answer(&shape, ID), len as u32)).unwrap();
        (&talk.socket).write_all(&catalogue).unwrap();
        let half = Recipe::honest(&shape).make(&shape, 0, ID, |_| {});
        talk.send_yes(&[half.file]);
        talk.receive_half();
        talk.receive_verdict().unwrap();
        talk.send_yes(&[]);
        opening.join().unwrap().unwrap();
    }
}

#[test]
fn no_catalogue_is_read_behind_a_refusal() {
    let _watchdog = watchdog();
    let (opening, talk) = honest_b(&reading(100));
    talk.receive(greeting::BYTES);
    // Above the limit too, and never sent.
    let mut answer = announcing(honest_answer(&Shape::of(&small().geometry), ID), 101);
    put(&mut answer, answer::VERDICT, &1_u32.to_ne_bytes());
    put(&mut answer, answer::TEXT_BYTES, &9_u32.to_ne_bytes());
    talk.send(&[&answer[..], b"not today"].concat(), &[]).unwrap();
    let error = failure(opening);
    assert!(matches!(&error, OpenError::Refused { reason } if reason == "not today"), "{error:?}");
}

/// PeerB refuses an answer with this geometry, and says why.
#[track_caller]
fn refuses_geometry(entries: u32, classes: [[u32; 2]; 3], expected: GeometryError, rule: &str) {
    let _watchdog = watchdog();
    let (opening, talk) = honest_b(&small());
    talk.receive(greeting::BYTES);
    talk.send(&honest_answer(&Shape { entries, classes }, ID), &[]).unwrap();
    let told = talk.receive_verdict().unwrap_err();
    let error = failure(opening);
    assert!(matches!(error, OpenError::Geometry(found) if found == expected), "{error:?}");
    assert_told(&error, rule, &told);
    talk.expect_end();
}

const CLASSES: [[u32; 2]; 3] = [[64, 4], [256, 4], [1_024, 4]];

#[test]
fn a_ring_without_entries_is_refused() {
    refuses_geometry(0, CLASSES, GeometryError::RingEntries(0), "ring_entries is 0");
}

#[test]
fn a_ring_of_one_entry_is_refused() {
    refuses_geometry(1, CLASSES, GeometryError::RingEntries(1), "ring_entries is 1");
}

#[test]
fn a_ring_that_is_no_power_of_two_is_refused() {
    refuses_geometry(7, CLASSES, GeometryError::RingEntries(7), "power of two");
}

#[test]
fn an_absurdly_long_ring_is_refused() {
    refuses_geometry(1 << 31, CLASSES, GeometryError::RingEntries(1 << 31), "from 2 to 65536");
    refuses_geometry(u32::MAX, CLASSES, GeometryError::RingEntries(u32::MAX), "power of two");
}

#[test]
fn a_class_without_slots_is_refused() {
    let classes = [[64, 4], [256, 0], [1_024, 4]];
    refuses_geometry(8, classes, GeometryError::SlotCount { class: 1, count: 0 }, "slot class 1 has 0 slots");
}

#[test]
fn a_class_of_four_thousand_million_slots_is_refused() {
    let classes = [[64, 4], [256, 4], [1_024, u32::MAX]];
    refuses_geometry(8, classes, GeometryError::SlotCount { class: 2, count: u32::MAX }, "1 to 65536");
}

#[test]
fn slots_of_absurd_sizes_are_refused() {
    for (class, bytes) in [(0, 0), (0, 65), (1, 64), (2, 256), (2, u32::MAX), (2, u32::MAX - 63), (2, (16 << 20) + 64)]
    {
        let mut classes = CLASSES;
        classes[class][0] = bytes;
        refuses_geometry(8, classes, GeometryError::SlotBytes { class, bytes }, "multiples of 64, rising");
    }
}

#[test]
fn a_geometry_beyond_the_limit_on_segments_is_refused() {
    // Each number is allowed; together they are a terabyte.
    let classes = [[64, 4], [256, 4], [16 << 20, 65_536]];
    let bytes = Shape { entries: 65_536, classes }.bytes() as u64;
    let expected = GeometryError::SegmentBytes { bytes, segment_bytes: 64 << 20 };
    refuses_geometry(65_536, classes, expected, "the limit segment_bytes (67108864)");
}

#[test]
fn the_limit_on_segments_counts_both_halves_to_the_byte() {
    let _watchdog = watchdog();
    let mut config = small();
    config.limits.segment_bytes = 2 * 8_192;
    rapace::session::pair_with(&config).unwrap();
    config.limits.segment_bytes -= 1;
    let (opening, talk) = honest_a(&config);
    talk.send(&honest_greeting(), &[]).unwrap();
    let answer = talk.receive_answer();
    let told = talk.verdict(&answer.bytes[answer::VERDICT..]).unwrap_err();
    let error = failure(opening);
    let expected = GeometryError::SegmentBytes { bytes: 8_192, segment_bytes: 16_383 };
    assert!(matches!(error, OpenError::Geometry(found) if found == expected), "{error:?}");
    assert_told(&error, "segment_bytes", &told);
}

/// A configuration that does not wait long, and yet long enough for a liar on a busy machine to do its part.
fn hasty() -> Config {
    let mut config = small();
    config.limits.handshake_time = Duration::from_secs(1);
    config
}

#[track_caller]
fn assert_too_late<R: Role>(opening: Opening<R>) {
    assert_is_too_late(&failure(opening));
}

#[track_caller]
fn assert_is_too_late(error: &OpenError) {
    assert!(matches!(error, OpenError::Timeout(limit) if *limit == hasty().limits.handshake_time), "{error:?}");
    assert!(error.to_string().contains("handshake_time"));
}

#[test]
fn a_hello_that_never_comes_ends_with_the_handshakes_time() {
    let _watchdog = watchdog();
    let (opening, talk) = honest_a(&hasty());
    assert_too_late(opening);
    talk.expect_end();
}

#[test]
fn an_answer_that_never_comes_ends_with_the_handshakes_time() {
    let _watchdog = watchdog();
    let (opening, talk) = honest_b(&hasty());
    assert_too_late(opening);
    talk.receive(greeting::BYTES);
    talk.expect_end();
}

#[test]
fn half_a_hello_ends_with_the_handshakes_time() {
    let _watchdog = watchdog();
    let (opening, talk) = honest_a(&hasty());
    talk.send(&honest_greeting()[..20], &[]).unwrap();
    assert_too_late(opening);
    talk.expect_end();
}

#[test]
fn a_hello_that_trickles_in_does_not_extend_the_handshakes_time() {
    let _watchdog = watchdog();
    let (opening, talk) = honest_a(&hasty());
    for byte in honest_greeting() {
        if talk.send(&[byte], &[]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(30));
    }
    assert_too_late(opening);
}

#[test]
fn an_out_of_band_byte_is_no_part_of_a_hello_and_does_not_extend_its_time() {
    let _watchdog = watchdog();
    let (opening, talk) = honest_a(&hasty());
    talk.send(&honest_greeting()[..greeting::BYTES - 1], &[]).unwrap();
    if rustix::net::send(&talk.socket, &[0], SendFlags::OOB).is_err() {
        println!("skipped: this kernel has no out-of-band bytes on Unix sockets");
        return;
    }
    assert_too_late(opening);
}

#[test]
fn a_catalogue_that_never_comes_ends_with_the_handshakes_time() {
    let _watchdog = watchdog();
    // All at once, for they wait as long each.
    let catalogues = [0, 1, 999].map(|came| &[7; 1_000][..came]);
    let hellos = catalogues.map(|catalogue| {
        let (opening, talk) = honest_a(&hasty());
        talk.send(&[&announcing(honest_greeting(), 1_000)[..], catalogue].concat(), &[]).unwrap();
        (opening, talk)
    });
    let answers = catalogues.map(|catalogue| {
        let (opening, talk) = honest_b(&hasty());
        talk.receive(greeting::BYTES);
        let answer = announcing(honest_answer(&Shape::of(&small().geometry), ID), 1_000);
        talk.send(&[&answer[..], catalogue].concat(), &[]).unwrap();
        (opening, talk)
    });
    for (opening, talk) in hellos {
        assert_too_late(opening);
        let answer = talk.receive_answer();
        assert!(answer.files.is_empty(), "memory was made for a peer that is refused");
        assert!(talk.verdict(&answer.bytes[answer::VERDICT..]).unwrap_err().contains("handshake_time"));
        talk.expect_end();
    }
    for (opening, talk) in answers {
        assert_too_late(opening);
        talk.drain_to_end();
    }
}

#[test]
fn a_catalogue_that_trickles_in_does_not_extend_the_handshakes_time() {
    let _watchdog = watchdog();
    let (opening, talk) = honest_a(&hasty());
    talk.send(&announcing(honest_greeting(), 1_000), &[]).unwrap();
    while talk.send(&[7], &[]).is_ok() && !opening.is_finished() {
        std::thread::sleep(Duration::from_millis(30));
    }
    assert_too_late(opening);
}

#[test]
fn a_half_that_never_comes_ends_with_the_handshakes_time_and_leaves_nothing() {
    let _watchdog = watchdog();
    for Agreed { talk, failure, .. } in agree(&hasty()) {
        let marks = Marks::of([&talk.receive_half()]);
        assert_is_too_late(&failure());
        talk.expect_end();
        marks.assert_gone();
    }
}

#[test]
fn a_last_word_that_never_comes_ends_with_the_handshakes_time_and_leaves_nothing() {
    let _watchdog = watchdog();
    for agreed in agree(&hasty()) {
        let own = agreed.half();
        let Agreed { talk, failure, .. } = agreed;
        let theirs = talk.receive_half();
        let marks = Marks::of([&own.file, &theirs]);
        talk.send_yes(&[own.file]);
        drop((own.map, theirs));
        talk.receive_verdict().unwrap();
        assert_is_too_late(&failure());
        talk.expect_end();
        marks.assert_gone();
    }
}

#[test]
fn a_handshake_that_comes_byte_by_byte_is_as_good_as_any() {
    let _watchdog = watchdog();
    let (opening, talk) = honest_a(&small());
    for byte in [&announcing(honest_greeting(), 20)[..], b"what the liar serves"].concat() {
        talk.send(&[byte], &[]).unwrap();
    }
    let offer = talk.receive_answer();
    let half = Recipe::honest(&offer.shape).make(&offer.shape, 1, offer.session, |_| {});
    // The descriptor comes with the last byte.
    for byte in &YES[1..] {
        talk.send(&[*byte], &[]).unwrap();
    }
    talk.send(&YES[..1], &[half.file.as_fd()]).unwrap();
    talk.receive_half();
    talk.receive_verdict().unwrap();
    for byte in YES {
        talk.send(&[byte], &[]).unwrap();
    }
    opening.join().unwrap().unwrap();
}

#[test]
fn a_hang_up_at_any_moment_of_the_handshake_is_an_error_and_leaves_nothing() {
    let _watchdog = watchdog();
    let hung_up = |error: OpenError, when: &str| assert!(matches!(error, OpenError::HungUp), "{when}: {error:?}");
    for len in [0, 1, 20, greeting::BYTES - 1] {
        let (opening, talk) = honest_a(&small());
        talk.send(&honest_greeting()[..len], &[]).unwrap();
        drop(talk);
        hung_up(failure(opening), "in the hello");
    }
    for len in [0, 1, greeting::BYTES, answer::BYTES - 1] {
        let (opening, talk) = honest_b(&small());
        talk.receive(greeting::BYTES);
        talk.send(&honest_answer(&Shape::of(&small().geometry), ID)[..len], &[]).unwrap();
        drop(talk);
        hung_up(failure(opening), "in the answer");
    }
    for len in [0, 1, 99] {
        let catalogue = &[7; 100][..len];
        let (opening, talk) = honest_a(&small());
        talk.send(&[&announcing(honest_greeting(), 100)[..], catalogue].concat(), &[]).unwrap();
        drop(talk);
        hung_up(failure(opening), "in the hello's catalogue");
        let (opening, talk) = honest_b(&small());
        talk.receive(greeting::BYTES);
        let answer = announcing(honest_answer(&Shape::of(&small().geometry), ID), 100);
        talk.send(&[&answer[..], catalogue].concat(), &[]).unwrap();
        drop(talk);
        hung_up(failure(opening), "in the answer's catalogue");
    }
    for len in [0, 1, 7] {
        for agreed in agree(&small()) {
            let own = agreed.half();
            let Agreed { talk, failure, .. } = agreed;
            let theirs = talk.receive_half();
            let marks = Marks::of([&own.file, &theirs]);
            if len > 0 {
                talk.send(&YES[..len], &[own.file.as_fd()]).unwrap();
            }
            drop((talk, own, theirs));
            hung_up(failure(), "in the half");
            marks.assert_gone();
        }
    }
    for len in [0, 1, 7] {
        for agreed in agree(&small()) {
            let own = agreed.half();
            let Agreed { talk, failure, .. } = agreed;
            let theirs = talk.receive_half();
            let marks = Marks::of([&own.file, &theirs]);
            talk.send(&YES, &[own.file.as_fd()]).unwrap();
            talk.receive_verdict().unwrap();
            if len > 0 {
                talk.send(&YES[..len], &[]).unwrap();
            }
            drop((talk, own, theirs));
            hung_up(failure(), "in the last word");
            marks.assert_gone();
        }
    }
}

#[test]
fn a_peer_that_only_shuts_its_sending_side_down_counts_as_hung_up() {
    let _watchdog = watchdog();
    let (opening, talk) = honest_a(&small());
    talk.socket.shutdown(Shutdown::Write).unwrap();
    let error = failure(opening);
    assert!(matches!(error, OpenError::HungUp), "{error:?}");
}

#[test]
fn random_bytes_are_not_taken_for_a_hello() {
    let _watchdog = watchdog();
    let seed = Instant::now().elapsed().as_nanos() as u64 ^ u64::from(std::process::id());
    println!("seed {seed}");
    let mut random = liar::Random(seed);
    for len in [greeting::BYTES, greeting::BYTES + 1, answer::BYTES, 4_096, 65_536] {
        let garbage: Vec<_> = (0..len).map(|_| random.number() as u8).collect();
        let (opening, talk) = honest_a(&small());
        talk.send(&garbage, &[]).unwrap();
        let error = failure(opening);
        assert!(matches!(error, OpenError::Protocol { field: "magic number", .. }), "{error:?}");
        let (opening, talk) = honest_b(&small());
        let garbage: Vec<_> = (0..len.max(answer::BYTES)).map(|_| random.number() as u8).collect();
        talk.send(&garbage, &[]).unwrap();
        let error = failure(opening);
        assert!(matches!(error, OpenError::Protocol { field: "magic number", .. }), "{error:?}");
        drop(talk);
    }
}

#[test]
fn descriptors_that_come_where_none_belong_are_dropped() {
    let _watchdog = watchdog();
    let stray = || {
        let file = memfd(MemfdFlags::empty()).unwrap();
        (Marks::of([&file]), file)
    };
    let (opening, talk) = honest_a(&small());
    let (marks, file) = stray();
    // A kernel that lets a socket refuse descriptors says so, if it was told in time.
    if talk.send(&honest_greeting(), &[file.as_fd(); 253]).is_err() {
        talk.send(&honest_greeting(), &[]).unwrap();
    }
    drop(file);
    let offer = talk.receive_answer();
    assert!(offer.files.is_empty());
    marks.assert_gone();
    let half = Recipe::honest(&offer.shape).make(&offer.shape, 1, offer.session, |_| {});
    talk.send_yes(&[half.file]);
    talk.receive_half();
    talk.receive_verdict().unwrap();
    let (marks, file) = stray();
    // A kernel that lets a socket refuse descriptors says so.
    if talk.send(&YES, &[file.as_fd()]).is_err() {
        talk.send_yes(&[]);
    }
    drop(file);
    let session = opening.join().unwrap().unwrap();
    marks.assert_gone();
    drop(session);

    let (opening, talk) = honest_b(&small());
    talk.receive(greeting::BYTES);
    let (marks, file) = stray();
    let shape = Shape::of(&small().geometry);
    talk.send(&honest_answer(&shape, ID), &[file.as_fd(); 2]).unwrap();
    drop(file);
    let half = Recipe::honest(&shape).make(&shape, 0, ID, |_| {});
    talk.send_yes(&[half.file]);
    talk.receive_half();
    talk.receive_verdict().unwrap();
    talk.send_yes(&[]);
    let _session = opening.join().unwrap().unwrap();
    marks.assert_gone();
}

#[test]
fn a_browser_at_the_path_is_refused_and_the_next_client_is_served() {
    let _watchdog = watchdog();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let mut listener = Listener::bind_with(&path, small()).unwrap();
    let browser = Talk { socket: UnixStream::connect(&path).unwrap() };
    browser.send(b"GET /index.html HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Mozilla/5.0\r\n\r\n", &[]).unwrap();
    let error = listener.accept().unwrap().open().map(drop).unwrap_err();
    assert!(matches!(error, OpenError::Protocol { field: "magic number", .. }), "{error:?}");
    assert!(error.to_string().contains("it is not a rapace peer of this version"));
    let answer = browser.receive_answer();
    assert_eq!(browser.verdict(&answer.bytes[answer::VERDICT..]).unwrap_err(), error.to_string());
    browser.expect_end();

    let client = std::thread::spawn(move || Session::<PeerB>::connect_with(path, &small()));
    let _served = listener.accept().unwrap().open().unwrap();
    client.join().unwrap().unwrap();
}

#[test]
fn a_client_that_says_nothing_holds_up_nobody_else() {
    let _watchdog = watchdog();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let mut listener = Listener::bind_with(&path, small()).unwrap();
    let silent = UnixStream::connect(&path).unwrap();
    let incoming = listener.accept().unwrap();
    let waiting = std::thread::spawn(move || incoming.open().map(drop));
    let client = std::thread::spawn(move || Session::<PeerB>::connect_with(path, &small()));
    let _served = listener.accept().unwrap().open().unwrap();
    client.join().unwrap().unwrap();
    drop(silent);
    assert!(matches!(waiting.join().unwrap(), Err(OpenError::HungUp)));
}

/// A refusal of these words: in the answer, instead of a half, and as the last word. What the honest sides keep of it.
fn refusals(text: &[u8], announced: u32) -> Vec<String> {
    let _watchdog = watchdog();
    let verdict = [1_u32.to_ne_bytes(), announced.to_ne_bytes()].concat();
    let mut errors = Vec::new();
    // What is not read any more cannot be written either, so a failure to write is expected.
    let say = |talk: &Talk, bytes: &[u8]| drop((&talk.socket).write_all(&[bytes, text].concat()));

    let (opening, talk) = honest_b(&small());
    talk.receive(greeting::BYTES);
    let mut answer = honest_answer(&Shape::of(&small().geometry), ID);
    put(&mut answer, answer::VERDICT, &verdict);
    say(&talk, &answer);
    errors.push(failure(opening));

    for Agreed { talk, failure, .. } in agree(&small()) {
        talk.receive_half();
        say(&talk, &verdict);
        errors.push(failure());
    }
    for agreed in agree(&small()) {
        let half = agreed.half();
        let Agreed { talk, failure, .. } = agreed;
        talk.receive_half();
        talk.send_yes(&[half.file]);
        talk.receive_verdict().unwrap();
        say(&talk, &verdict);
        errors.push(failure());
    }

    let reason = |error| match error {
        OpenError::Refused { reason } => reason,
        other => panic!("{other:?}"),
    };
    errors.into_iter().map(reason).collect()
}

#[test]
fn a_refusal_is_passed_on_in_the_peers_words() {
    for reason in refusals(b"not today", 9) {
        assert_eq!(reason, "not today");
    }
}

#[test]
fn a_refusal_of_a_megabyte_is_cut_to_the_limit_on_text() {
    for reason in refusals(&vec![b'x'; 1 << 20], 1 << 20) {
        assert_eq!(reason, "x".repeat(256));
    }
}

#[test]
fn a_refusal_that_announces_four_gigabytes_is_cut_to_the_limit_on_text() {
    for reason in refusals(&vec![b'y'; 1 << 20], u32::MAX) {
        assert_eq!(reason, "y".repeat(256));
    }
}

#[test]
fn a_refusals_control_characters_do_not_reach_the_terminal() {
    let text = "a\x1b[2J\r\nb\0c\x07d\u{9b}31me";
    for reason in refusals(text.as_bytes(), text.len() as u32) {
        assert!(!reason.contains(char::is_control), "{reason:?}");
        assert_eq!(reason, "a?[2J??b?c?d?31me");
    }
}

#[test]
fn a_refusal_that_is_no_text_stays_within_the_limit_all_the_same() {
    for reason in refusals(&[0xff; 1_024], 1_024) {
        assert!(reason.len() <= 256, "{} bytes", reason.len());
    }
}

#[test]
fn a_refusal_without_its_text_ends_with_the_handshakes_time() {
    let _watchdog = watchdog();
    let (opening, talk) = honest_b(&hasty());
    talk.receive(greeting::BYTES);
    let mut answer = honest_answer(&Shape::of(&small().geometry), ID);
    put(&mut answer, answer::VERDICT, &1_u32.to_ne_bytes());
    put(&mut answer, answer::TEXT_BYTES, &10_u32.to_ne_bytes());
    talk.send(&answer, &[]).unwrap();
    assert_too_late(opening);
}

#[test]
fn a_message_and_bells_directly_behind_the_handshake_are_not_lost() {
    let _watchdog = watchdog();
    let (honest, socket) = UnixStream::pair().unwrap();
    let same_socket = honest.try_clone().unwrap();
    let talk = Talk { socket };
    let opening = std::thread::spawn(move || Session::<PeerB>::over(honest, &small()));
    talk.receive(greeting::BYTES);
    let shape = Shape::of(&small().geometry);
    let early = |map: &Map| {
        let message = liar::Descriptor::inline(liar::ONE_WAY, b"early").u32(liar::field::SEQ, 1);
        map.write(shape.entry(1), &message.0);
    };
    talk.send(&honest_answer(&shape, ID), &[]).unwrap();
    let half = Recipe::honest(&shape).make(&shape, 0, ID, early);
    talk.send_yes(&[half.file]);
    // The last word and three bells in one piece, before the honest side has even looked.
    talk.send(&[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1], &[]).unwrap();
    talk.receive_half();
    talk.receive_verdict().unwrap();
    let mut session = opening.join().unwrap().unwrap();
    let mut bells = [0; 8];
    let there = rustix::net::recv(&same_socket, &mut bells, RecvFlags::PEEK | RecvFlags::DONTWAIT);
    assert_eq!(there, Ok((3, 3)), "the handshake swallowed a bell");
    assert_eq!(session.recv().unwrap().into_inbound_payload().into_vec(), b"early");
    assert_eq!(session.try_recv().unwrap_err(), RecvError::Empty);
}
