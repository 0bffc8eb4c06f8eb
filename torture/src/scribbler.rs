//! A hostile process: it shakes hands as it should, and then writes garbage over all of its half, as fast as it can, while it
//! goes on talking; and plays with the socket.
//!
//! It writes by a second handle on its half, so one thread can talk, in whole messages, while another one destroys them.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rapace::{Config, Server};

use crate::liar::calls::{BY_B, Caller, call_of_b, credit, end, item, one_way, request, terminal};
use crate::liar::{CANCEL, Descriptor, GOODBYE, ITEM, Map, REQUEST, Shape, TERMINAL, field, flag, half};
use crate::process::{argument, say};
use crate::random::Random;
use crate::work::{Bench, HomeServer, WorkServer};

/// How long one session is attacked, if its other side bears it.
const SESSION: Duration = Duration::from_millis(300);
/// Writes between two looks at whether the other side has hung up.
const BATCH: u64 = 512;

/// What it has done.
#[derive(Debug, Default)]
struct Deeds {
    writes: AtomicU64,
    sessions: AtomicU64,
    half_open: AtomicU64,
    bells: AtomicU64,
    fds: AtomicU64,
}

impl Deeds {
    fn note(count: &AtomicU64, more: u64) {
        count.fetch_add(more, Ordering::Relaxed);
    }
}

/// Where garbage goes.
#[derive(Clone, Copy, Debug)]
enum Aim {
    Anywhere,
    /// Everything before the ring.
    Words,
    Ring,
    Slots,
    /// What is a hint only: heartbeat, wishes, bell, counts. A lie there is no violation by itself.
    Hints,
    /// What was consumed, released and freed, by numbers that might be.
    Progress,
    /// The entry that was published last.
    Last,
}

const AIMS: [Aim; 7] = [Aim::Anywhere, Aim::Words, Aim::Ring, Aim::Slots, Aim::Hints, Aim::Progress, Aim::Last];

/// Words that nobody believes.
const HINTS: [usize; 14] = [
    half::BEAT,
    half::WANTS_MESSAGE,
    half::WANTS_ROOM,
    half::WANTS_MESSAGE_SOCKET,
    half::WANTS_ROOM_SOCKET,
    half::CPU,
    half::HUSHED,
    half::URGENT,
    half::BELL,
    half::SENT,
    half::SENT + 8,
    half::NOTED,
    half::NOTED + 8,
    half::NOTED + 40,
];

/// In a role: attacks for so long: directory, seed, milliseconds.
pub(crate) fn scribble(arguments: &[String]) -> Result<(), String> {
    let directory: PathBuf = argument(arguments, 0)?;
    let (seed, millis): (u64, u64) = (argument(arguments, 1)?, argument(arguments, 2)?);
    // The liar ends where its victim does not play along.
    std::panic::set_hook(Box::new(|_| {}));
    let (mut random, deeds, until) =
        (Random::new(seed), Deeds::default(), Instant::now() + Duration::from_millis(millis));
    let [work, home] = catalogues()?;
    let socket = directory.join("liar");
    let _ = std::fs::remove_file(&socket);
    let listener = UnixListener::bind(socket).map_err(|error| error.to_string())?;
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let mut random_too = random.apart();
        let (deeds, is_over, work, directory) = (&deeds, &is_over, &work, &directory);
        scope.spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let shape = Shape::of(&Config::default().geometry);
                attempt(|| attack(Caller::serve(socket, shape, work), 0, &mut random_too, deeds));
            }
        });
        while Instant::now() < until {
            match random.below(8) {
                0 => attempt(|| half_open(directory, &mut random, deeds)),
                1 | 2 => attempt(|| attack(Caller::connect(&directory.join("raw")), BY_B, &mut random, deeds)),
                _ => attempt(|| {
                    attack(Caller::connect_serving(&directory.join("work"), &home), BY_B, &mut random, deeds)
                }),
            }
        }
        is_over.store(true, Ordering::Relaxed);
        let _ = UnixStream::connect(directory.join("liar"));
    });
    let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
    say(format_args!(
        "{} {} {} {} {}",
        of(&deeds.writes),
        of(&deeds.sessions),
        of(&deeds.half_open),
        of(&deeds.bells),
        of(&deeds.fds)
    ));
    Ok(())
}

/// The victim hangs up at any time.
fn attempt(attack: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(attack));
}

/// What honest programs say of the two services.
fn catalogues() -> Result<[Vec<u8>; 2], String> {
    let of = |server: Server| {
        let (ours, theirs) = UnixStream::pair().map_err(|error| error.to_string())?;
        std::thread::scope(|scope| {
            scope.spawn(|| server.serve_over(theirs));
            Ok::<_, String>(Caller::over(ours).1)
        })
    };
    let bench = Arc::new(Bench::default());
    Ok([of(Server::new(WorkServer::new(Arc::clone(&bench))))?, of(Server::new(HomeServer::new(bench)))?])
}

/// Begins a handshake, or something like one, and leaves or waits.
fn half_open(directory: &Path, random: &mut Random, deeds: &Deeds) {
    let sockets: Vec<_> = (0..1 + random.size(20))
        .filter_map(|_| UnixStream::connect(directory.join(random.choose(&["work", "raw"]))).ok())
        .map(|socket| crate::liar::Talk { socket })
        .collect();
    let files: Vec<OwnedFd> =
        (0..random.size(20)).filter_map(|_| std::fs::File::open("/dev/null").ok()).map(Into::into).collect();
    for talk in &sockets {
        let mut bytes = crate::liar::honest_greeting();
        if random.once_in(2) {
            let place = random.below(bytes.len() as u64) as usize;
            bytes[place] = random.number() as u8;
        }
        bytes.truncate(random.size(bytes.len()));
        let borrowed: Vec<_> = files.iter().map(AsFd::as_fd).collect();
        let _ = talk.send(&bytes, if random.once_in(3) { &borrowed } else { &[] });
        Deeds::note(&deeds.half_open, 1);
    }
    std::thread::sleep(random.micros(30_000));
}

/// One session: talks on this thread, scribbles on another, until the victim hangs up or the time is over.
fn attack(mut caller: Caller, by: u32, random: &mut Random, deeds: &Deeds) {
    Deeds::note(&deeds.sessions, 1);
    let shape = caller.liar.shape;
    let map = caller.liar.own.map.again();
    let until = Instant::now() + random.micros(SESSION.as_micros() as usize);
    let (is_over, last) = (AtomicBool::new(false), AtomicU64::new(0));
    let aim = random.choose(&AIMS);
    // Some only talk, and some do not talk at all.
    let (talks, scribbles, plays) = (!random.once_in(6), !random.once_in(6), random.once_in(4));
    std::thread::scope(|scope| {
        if scribbles {
            let mut random = random.apart();
            // Sometimes it waits until there is something to destroy.
            let pause = random.micros(5_000);
            let (is_over, last, map) = (&is_over, &last, &map);
            scope.spawn(move || {
                std::thread::sleep(pause);
                while !is_over.load(Ordering::Relaxed) {
                    for _ in 0..BATCH {
                        write(map, &shape, aim, last, &mut random);
                    }
                    Deeds::note(&deeds.writes, BATCH);
                }
            });
        }
        // Ends the other thread also when this one panics, as the liar does when it cannot go on.
        let _over = Over(&is_over);
        let mut talker =
            Talker { by, busy: 0, sent: HashMap::new(), wrong: random.choose(&[30, 2_000, 1_000_000]), number: 0 };
        while Instant::now() < until && !caller.is_hung_up() {
            for _ in 0..32 {
                if talks {
                    talker.talk(&mut caller, random);
                    last.store(talker.number, Ordering::Relaxed);
                }
            }
            if plays {
                play_with_the_socket(&caller, random, deeds);
            }
            if !talks {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
    });
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A number that means something, or does not.
fn value(random: &mut Random) -> u64 {
    match random.below(8) {
        0 => 0,
        1 => u64::MAX,
        2 => 1 << random.below(64),
        3 => (1_u64 << random.below(64)).wrapping_sub(1),
        4 => random.below(1_024),
        5 => random.below(1 << 32),
        _ => random.number(),
    }
}

/// One hostile write.
fn write(map: &Map, shape: &Shape, aim: Aim, last: &AtomicU64, random: &mut Random) {
    let (ring, slots, end) = (shape.ring(), shape.slot(0, 0), map.len());
    let within =
        |random: &mut Random, from: usize, to: usize| from + 8 * random.below(((to - from) / 8) as u64) as usize;
    let place = match aim {
        Aim::Anywhere => within(random, 0, end),
        Aim::Words => within(random, 0, ring),
        Aim::Ring => within(random, ring, slots),
        Aim::Slots => within(random, slots, end),
        Aim::Hints => random.choose(&HINTS),
        Aim::Progress => match random.below(4) {
            0 => half::CONSUMED,
            1 => half::FREED,
            _ => within(random, half::RELEASED, half::RELEASED + 8 * shape.slots()),
        },
        Aim::Last => shape.entry(last.load(Ordering::Relaxed)) + 8 * random.below(8) as usize,
    };
    let word = map.word(place);
    let value = match aim {
        // A little beyond what it was, mostly.
        Aim::Progress if !random.once_in(1_000) => word.load(Ordering::Relaxed).wrapping_add(random.below(2)),
        _ => value(random),
    };
    word.store(value, Ordering::Relaxed);
}

/// What a hostile side knows of its calls, so that most of what it says is right and only some of it is not.
struct Talker {
    /// The bit of its own calls.
    by: u32,
    /// Which of its calls are not answered.
    busy: u32,
    /// The generation in which each slot was sent last.
    sent: HashMap<(usize, u32), u32>,
    /// One in so many messages is wrong.
    wrong: u64,
    /// Of what it published.
    number: u64,
}

impl Talker {
    /// A message that is right, or nearly; and what the victim said is taken out.
    fn talk(&mut self, caller: &mut Caller, random: &mut Random) {
        while let Some(said) = caller.try_hear() {
            if said.kind == TERMINAL && said.call & BY_B == self.by {
                self.busy &= !(1 << (said.call & 31));
            }
            if said.kind == REQUEST && !random.once_in(4) && caller.has_room() {
                let payload = random.number().to_le_bytes();
                let status = if random.once_in(3) { random.below(10) as u16 } else { 0 };
                self.say(caller, terminal(said.call, status, &payload[..random.below(9) as usize]));
            }
            if random.once_in(8) {
                break;
            }
        }
        if !caller.has_room() {
            return;
        }
        let Some(right) = (if random.once_in(self.wrong) { wrong(random) } else { self.right(caller, random) }) else {
            return;
        };
        self.say(caller, if random.once_in(self.wrong) { mutated(right, random) } else { right });
    }

    fn say(&mut self, caller: &mut Caller, descriptor: Descriptor) {
        caller.say(descriptor);
        self.number += 1;
    }

    /// A request, a one-way call, a cancel or an item, by the rules.
    fn right(&mut self, caller: &Caller, random: &mut Random) -> Option<Descriptor> {
        let index = random.below(32) as u32;
        let call = self.by | (call_of_b(index, 1 + random.below(1_000) as u32) & !BY_B);
        // Number, length or count, nothing more: what most methods take.
        let arguments = [random.below(128) as u8, random.below(128) as u8, 0];
        let arguments = &arguments[..if random.once_in(8) { random.below(4) as usize } else { 3 }];
        let method = if random.once_in(16) { random.below(12) as u32 } else { random.choose(&[1, 2, 3, 5, 6, 7, 8]) };
        if self.busy & (1 << index) != 0 {
            return None;
        }
        if random.once_in(16) {
            return Some(one_way(4, arguments));
        }
        self.busy |= 1 << index;
        // In a slot that is free, as far as the victim says: its bytes change while they are read.
        let class = random.below(3) as usize;
        let slot = random.below(caller.liar.shape.classes[class][1].into()) as u32;
        let len = 25 + random.below(caller.liar.shape.room(class) as u64 - 25) as u32;
        if !random.once_in(3) {
            return Some(request(call, method, arguments));
        }
        let released = caller.liar.released(class, slot) as u32;
        if self.sent.get(&(class, slot)).is_some_and(|sent| *sent != released) {
            return Some(request(call, method, arguments));
        }
        self.sent.insert((class, slot), released + 1);
        let descriptor = Descriptor::in_slot(class as u32, slot, released + 1, len);
        Some(descriptor.u8(field::KIND, REQUEST).u32(field::CALL, call).u32(field::METHOD, method))
    }
}

/// What can be wrong as a whole.
fn wrong(random: &mut Random) -> Option<Descriptor> {
    let call = random.choose(&[0, BY_B]) | (call_of_b(random.below(32) as u32, random.below(4) as u32) & !BY_B);
    let stream = random.below(2) as u32;
    let bytes = value(random).to_le_bytes();
    let bytes = &bytes[..random.below(9) as usize];
    Some(match random.below(7) {
        0 => terminal(call, random.below(10) as u16, bytes),
        1 => item(call, stream, bytes),
        2 => end(call, stream),
        3 => credit(call, stream, value(random)),
        4 => Descriptor::inline(CANCEL, &[]).u32(field::CALL, call),
        5 => Descriptor::inline(GOODBYE, &value(random).to_ne_bytes()),
        _ => Descriptor::inline(ITEM, bytes).u32(field::CALL, call).u32(field::METHOD, value(random) as u32),
    })
}

/// With one field as it must not be.
fn mutated(descriptor: Descriptor, random: &mut Random) -> Descriptor {
    match random.below(8) {
        0 => descriptor.u8(field::KIND, random.number() as u8),
        1 => descriptor.u8(field::FLAGS, random.choose(&[flag::FIRST, flag::MORE, flag::NEXT, flag::METADATA, 0xff])),
        2 => descriptor.u32(field::LEN, value(random) as u32),
        3 => descriptor.u32(field::SLOT, value(random) as u32),
        4 => descriptor.u32(field::GENERATION, value(random) as u32),
        5 => descriptor.u8(field::INLINE_LEN, random.number() as u8),
        6 => descriptor.u32(field::PARENT, value(random) as u32),
        _ => descriptor.u32(4 * (1 + random.below(15) as usize), value(random) as u32),
    }
}

/// Bells that nobody asked for, and files that nobody wants.
fn play_with_the_socket(caller: &Caller, random: &mut Random, deeds: &Deeds) {
    if random.once_in(16) {
        let bells = random.size(256) as u64;
        (0..bells).for_each(|_| caller.liar.ring_all());
        Deeds::note(&deeds.bells, bells);
    }
    if random.once_in(256) {
        let files: Vec<_> = std::iter::repeat_n(caller.liar.their_file.as_fd(), 1 + random.size(252)).collect();
        // A socket of UNIX would take what it was sent for as long as nobody reads.
        if rustix::io::ioctl_fionbio(&caller.liar.talk.socket, true).is_ok() {
            let _ = caller.liar.talk.send(&[1], &files);
            Deeds::note(&deeds.fds, files.len() as u64);
        }
    }
}
