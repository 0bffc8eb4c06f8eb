//! What the user's word for a peer is worth: arguments that handlers borrow where they lie.

#![cfg(all(target_os = "linux", feature = "tokio", not(loom)))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]
#![allow(unsafe_code)]

mod peer;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use peer::{Guard, Peer, say};
use rapace::{Config, Server, Trust};
use serde::{Deserialize, Serialize};

/// Whether bytes lie in memory that another process shares, and their sum.
type Look = (bool, u64);

#[derive(Serialize, Deserialize)]
struct Picture<'a> {
    title: &'a str,
    width: u32,
    pixels: &'a [u8],
}

#[rapace::service]
trait Gallery {
    fn look(&self, before: u32, data: &[u8], behind: u64) -> Look;
    fn read(&self, text: &str) -> Look;
    fn view(&self, picture: Picture<'_>) -> (Look, Look, u32);
    fn own(&self, data: Vec<u8>) -> Look;
    async fn look_twice(&self, data: &[u8]) -> (Look, Look);
}

#[rapace::service]
trait Vault {
    /// Says that it has the bytes, and looks at them when it is told to.
    fn keep(&self, data: &[u8]) -> Look;
}

struct Hall;

impl Gallery for Hall {
    fn look(&self, before: u32, data: &[u8], behind: u64) -> Look {
        assert_eq!((before, behind), (7, u64::MAX));
        look(data)
    }
    fn read(&self, text: &str) -> Look {
        look(text.as_bytes())
    }
    fn view(&self, picture: Picture<'_>) -> (Look, Look, u32) {
        (look(picture.title.as_bytes()), look(picture.pixels), picture.width)
    }
    fn own(&self, data: Vec<u8>) -> Look {
        look(&data)
    }
    async fn look_twice(&self, data: &[u8]) -> (Look, Look) {
        let before = look(data);
        tokio::time::sleep(Duration::from_millis(2)).await;
        (before, look(data))
    }
}

fn look(data: &[u8]) -> Look {
    (is_shared(data), sum(data))
}

fn sum(data: &[u8]) -> u64 {
    data.iter().zip(1..).map(|(byte, place)| u64::from(*byte) * place).sum()
}

/// Whether they lie in the peer's half.
fn is_shared(data: &[u8]) -> bool {
    let at = data.as_ptr() as usize;
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.contains("rapace")).any(|line| {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        let (start, end) = range.unwrap();
        (usize::from_str_radix(start, 16).unwrap()..usize::from_str_radix(end, 16).unwrap()).contains(&at)
    })
}

fn config(is_trusted: bool) -> Config {
    let mut config = Config::default();
    // SAFETY: the peers are this program, which writes into no slot that it has sent; nothing here forks.
    config.trust = is_trusted.then_some(unsafe { Trust::assume_sender_honours_slots() });
    config
}

#[test]
fn peer_entry() {
    peer::run(&[("serves", serve), ("calls", call)]);
}

fn serve(argument: &str) {
    let (is_trusted, path) = argument.split_once(' ').unwrap();
    let config = config(is_trusted == "trusts");
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        let server = rapace::aio::Server::new(GalleryServer::new(Hall)).config(config).bind(path).unwrap();
        say("serving");
        server.join().await.unwrap();
    });
}

fn call(path: &str) {
    let client = VaultClient::connect(path).unwrap();
    let _ = client.keep(&bytes(60_000)).wait();
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index.wrapping_mul(31) >> 3) as u8).collect()
}

struct Gallerist {
    path: PathBuf,
    _process: Peer,
    _directory: tempfile::TempDir,
}

fn open(guard: &Guard, word: &str) -> Gallerist {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gallery.sock");
    let mut process = guard.spawn("serves", format!("{word} {}", path.display()));
    assert_eq!(process.hear(), "serving");
    Gallerist { path, _process: process, _directory: directory }
}

/// Calls with everything that borrows, of sizes that come in one slot; what is found to be shared must be so.
fn check(client: &GalleryClient, is_trusted: bool) {
    for len in [100, 1_000, 5_000, 65_000] {
        let data = bytes(len);
        let text = "ä".repeat(len / 2);
        let expected = (is_trusted, sum(&data));
        assert_eq!(client.look(7, &data, u64::MAX).wait(), Ok(expected), "{len} bytes");
        assert_eq!(client.read(&text).wait(), Ok((is_trusted, sum(text.as_bytes()))), "{len} bytes");
        assert_eq!(client.look_twice(&data).wait(), Ok((expected, expected)), "{len} bytes");
        assert_eq!(client.own(data.clone()).wait(), Ok((false, sum(&data))), "{len} bytes");
        let half = text.get(..len / 4 * 2).unwrap();
        let picture = Picture { title: half, width: 640, pixels: data.get(..len / 2).unwrap() };
        let looks = [half.as_bytes(), picture.pixels].map(|bytes| (is_trusted, sum(bytes)));
        assert_eq!(client.view(picture).wait(), Ok((looks[0], looks[1], 640)), "{len} bytes");
    }
}

#[test]
fn a_handler_borrows_where_the_bytes_lie_if_the_user_vouches_for_the_peer() {
    let guard = guard!();
    let gallery = open(&guard, "trusts");
    check(&GalleryClient::connect(&gallery.path).unwrap(), true);
}

#[test]
fn without_the_users_word_it_borrows_from_a_copy() {
    let guard = guard!();
    let gallery = open(&guard, "copies");
    check(&GalleryClient::connect(&gallery.path).unwrap(), false);
}

#[test]
fn what_comes_in_a_descriptor_or_in_several_slots_is_no_shared_memory() {
    let guard = guard!();
    let gallery = open(&guard, "trusts");
    let client = GalleryClient::connect(&gallery.path).unwrap();
    for len in [0, 5, 70_000, 1 << 20] {
        let data = bytes(len);
        assert_eq!(client.look(7, &data, u64::MAX).wait(), Ok((false, sum(&data))), "{len} bytes");
    }
}

#[test]
fn slots_that_handlers_borrowed_come_back() {
    let guard = guard!();
    let gallery = open(&guard, "trusts");
    let client = GalleryClient::connect(&gallery.path).unwrap();
    let data = bytes(65_000);
    for round in 0..40 {
        let calls: Vec<_> = (0..8).map(|_| client.look_twice(&data).start().unwrap()).collect();
        let expected = (true, sum(&data));
        for call in calls {
            assert_eq!(call.wait(), Ok((expected, expected)), "round {round}");
        }
    }
}

/// Tells the test when it has the bytes, and looks when the test says so.
struct Safe {
    has: mpsc::Sender<()>,
    may_look: Mutex<mpsc::Receiver<()>>,
    seen: mpsc::Sender<Look>,
}

impl Vault for Safe {
    fn keep(&self, data: &[u8]) -> Look {
        self.has.send(()).unwrap();
        self.may_look.lock().unwrap().recv().unwrap();
        self.seen.send(look(data)).unwrap();
        look(data)
    }
}

#[test]
fn what_a_handler_borrows_outlives_its_caller() {
    let guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let path: &Path = &directory.path().join("vault.sock");
    let ((has, wait_for_bytes), (look, may_look), (seen, wait_for_look)) =
        (mpsc::channel(), mpsc::channel(), mpsc::channel());
    let safe = Safe { has, may_look: Mutex::new(may_look), seen };
    let server = Server::new(VaultServer::new(safe)).config(config(true)).bind(path).unwrap();
    let mut caller = guard.spawn("calls", path.display());
    wait_for_bytes.recv().unwrap();
    caller.kill();
    caller.wait();
    look.send(()).unwrap();
    assert_eq!(wait_for_look.recv().unwrap(), (true, sum(&bytes(60_000))));
    drop(server);
}
