//! What a program is told when its surroundings refuse something: one sentence with what was done, which limit was reached
//! and what to do. The limits are reached, in processes of their own.

#![cfg(all(target_os = "linux", not(any(loom, rapace_portable))))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code)]

mod peer;

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use peer::{Guard, Peer, config as patient, hear, say, until};
use rapace::{Config, ConnectError, OpenError, Server, Spin};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change, mount_remount};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{Uid, UnshareFlags, set_thread_res_uid, unshare_unsafe};
use tempfile::TempDir;

#[rapace::service]
trait Teller {
    fn add(&self, a: i32, b: i32) -> i32;
    #[rapace(blocking)]
    fn add_slowly(&self, a: i32, b: i32) -> i32;
}

struct Clerk;

impl Teller for Clerk {
    fn add(&self, a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }
    fn add_slowly(&self, a: i32, b: i32) -> i32 {
        // Long enough for the caller to sleep.
        std::thread::sleep(Duration::from_millis(30));
        a.wrapping_add(b)
    }
}

#[test]
fn peer_entry() {
    peer::run(&[
        (THREADS, serve_on_threads),
        (TASKS, serve_in_tasks),
        ("another user serves", serve_as_another_user),
        ("another user connects without threads", connect_without_threads),
        ("another user calls with nothing left", call_with_nothing_left),
        ("another user connects", connect_as_another_user),
        ("another user binds", bind_as_another_user),
        ("connects with few descriptors", connect_with_few_descriptors),
        ("binds with few descriptors", bind_with_few_descriptors),
        ("connects with little memory", connect_with_little_memory),
        ("connects with small files", connect_with_small_files),
        ("connects to such an answer", connect_to_an_answer),
        ("serves to such an answer", serve_to_an_answer),
        ("binds on small file systems", bind_on_small_file_systems),
    ]);
}

const THREADS: &str = "serves on threads";
const TASKS: &str = "serves in tasks";
/// Both faces.
const ROLES: [&str; 2] = [THREADS, TASKS];

fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// "nobody".
const ANOTHER: u32 = 65_534;

/// Of both sides when they may be of two users.
fn config() -> Config {
    let mut config = patient(Spin::Adaptive);
    config.allow_uids = vec![own_uid(), 0, ANOTHER];
    config
}

fn connect(path: &Path) -> Result<TellerClient, ConnectError> {
    TellerClient::builder().config(config()).connect(path)
}

/// Takes all descriptors that this process may have, which are few.
fn take_all_descriptors() -> Vec<File> {
    lower(Resource::Nofile, 64);
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

/// The limit can be raised again.
fn lower(resource: Resource, limit: u64) {
    let maximum = getrlimit(resource).maximum;
    setrlimit(resource, Rlimit { current: Some(limit), maximum }).unwrap();
}

fn raise(resource: Resource) {
    let maximum = getrlimit(resource).maximum;
    setrlimit(resource, Rlimit { current: maximum, maximum }).unwrap();
}

/// What a server does while it serves: takes descriptors or threads away, and gives them back.
fn obey() {
    let mut hoard = Vec::new();
    say("serving");
    loop {
        match &*hear() {
            "take all descriptors" => hoard = take_all_descriptors(),
            "free one" => drop(hoard.pop()),
            "free all" => {
                hoard.clear();
                raise(Resource::Nofile);
            }
            "take all threads" => lower(Resource::Nproc, 0),
            "free all threads" => raise(Resource::Nproc),
            end => return assert_eq!(end, ""),
        }
        say("done");
    }
}

fn order(server: &mut Peer, what: &str) {
    server.tell(what);
    assert_eq!(server.hear(), "done");
}

fn serve_on_threads(path: &str) {
    let server = Server::new(TellerServer::new(Clerk)).config(config()).bind(path).unwrap();
    obey();
    server.shut_down();
    server.join().unwrap();
}

#[cfg(feature = "tokio")]
fn serve_in_tasks(path: &str) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.thread_keep_alive(Duration::from_millis(1)).enable_all().build().unwrap();
    runtime.block_on(async {
        let server = rapace::aio::Server::new(TellerServer::new(Clerk)).config(config()).bind(path).unwrap();
        // Not on the blocking pool, whose only thread others would then wait for.
        let (end, ended) = tokio::sync::oneshot::channel();
        std::thread::spawn(|| {
            obey();
            end.send(()).unwrap();
        });
        ended.await.unwrap();
        server.shut_down();
        server.join().await.unwrap();
    });
}

#[cfg(not(feature = "tokio"))]
use serve_on_threads as serve_in_tasks;

fn new_directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("teller.sock");
    (directory, path)
}

fn start(guard: &Guard, role: &str, path: &Path) -> Peer {
    let mut server = guard.spawn(role, path.display());
    assert_eq!(server.hear(), "serving");
    server
}

/// The errors of a peer that says each and then "done".
fn errors_of(mut peer: Peer) -> Vec<String> {
    let said = std::iter::repeat_with(|| peer.hear()).take_while(|said| said != "done").collect();
    peer.join();
    said
}

/// Does it again and again with a little more, and says why it did not succeed, until it does.
fn say_errors_until_it_succeeds<T, E: std::fmt::Display>(
    mut act: impl FnMut() -> Result<T, E>,
    mut ease: impl FnMut(),
) -> T {
    loop {
        match act() {
            Ok(done) => {
                say("done");
                return done;
            }
            Err(error) => say(error),
        }
        ease();
    }
}

/// Each of these happened, and each that happened is explained by `remedy`.
#[track_caller]
fn assert_all(errors: &[String], remedy: &str, happened: &[&str]) {
    for error in errors {
        assert!(error.contains(remedy), "{error}");
    }
    for what in happened {
        assert!(errors.iter().any(|error| error.contains(what)), "nothing like {what:?} in {errors:#?}");
    }
}

/// A test that needs what this user may not do.
fn skip(why: &str) {
    use std::io::Write;
    // Not captured: that something was not tested is to be seen.
    let _ = writeln!(io::stderr(), "skipped in {}: {why}", std::thread::current().name().unwrap_or_default());
}

// ---- descriptors ----------------------------------------------------------------------------------------------------

const DESCRIPTORS: &str = "the process has no file descriptor left: raise its RLIMIT_NOFILE (ulimit -n)";
const TRUNCATED: &str = "the process has none left (RLIMIT_NOFILE, ulimit -n)";

fn connect_with_few_descriptors(argument: &str) {
    let (face, path) = argument.split_once(' ').unwrap();
    let connect = connect_on(face, path.into());
    let mut hoard = take_all_descriptors();
    let client = say_errors_until_it_succeeds(connect, || drop(hoard.pop().unwrap()));
    assert_eq!(client.add(1, 2).wait(), Ok(3));
}

/// Connecting on threads or in tasks.
fn connect_on(face: &str, path: PathBuf) -> Box<dyn FnMut() -> Result<TellerClient, ConnectError>> {
    #[cfg(feature = "tokio")]
    if face == "tasks" {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return Box::new(move || runtime.block_on(TellerClient::builder().config(config()).connect_async(&path)));
    }
    let _ = face;
    Box::new(move || connect(&path))
}

#[test]
fn a_client_without_descriptors_says_so_at_each_step_and_leaves_the_server_alone() {
    let guard = guard!();
    for face in ["threads", "tasks"] {
        let (_directory, path) = new_directory();
        let server = start(&guard, THREADS, &path);
        let client = guard.spawn("connects with few descriptors", format!("{face} {}", path.display()));
        let errors = errors_of(client);
        assert_all(
            &errors,
            "RLIMIT_NOFILE",
            &["creating a socket: ", "creating shared memory: ", DESCRIPTORS, TRUNCATED],
        );
        assert_eq!(connect(&path).unwrap().add(1, 2).wait(), Ok(3));
        server.join();
    }
}

#[test]
fn a_server_without_descriptors_tells_its_clients_and_serves_when_it_has_some_again() {
    let guard = guard!();
    for role in ROLES {
        let (_directory, path) = new_directory();
        let mut server = start(&guard, role, &path);
        let before = connect(&path).unwrap();
        assert_eq!(before.add(1, 2).wait(), Ok(3));
        // Whoever is awake may have a descriptor for a moment, which would be left.
        server.wait_until_asleep();
        order(&mut server, "take all descriptors");
        let mut errors = Vec::new();
        let client = loop {
            match connect(&path) {
                Ok(client) => break client,
                Err(error) => errors.push(error.to_string()),
            }
            server.wait_until_asleep();
            order(&mut server, "free one");
        };
        let refused = "the peer refused the session: ";
        assert_all(
            &errors,
            "RLIMIT_NOFILE",
            &["accepting a client: ", "reading random numbers: ", DESCRIPTORS, TRUNCATED],
        );
        assert_all(&errors, refused, &[]);
        for client in [&before, &client] {
            assert_eq!(client.add(1, 2).wait(), Ok(3));
        }
        order(&mut server, "free all");
        assert_eq!(connect(&path).unwrap().add(3, 4).wait(), Ok(7));
        server.join();
    }
}

fn bind_with_few_descriptors(argument: &str) {
    let (face, path) = argument.split_once(' ').unwrap();
    let path = Path::new(path);
    let ease = |hoard: &mut Vec<File>| {
        let there = fs::symlink_metadata(path).is_ok();
        hoard.pop().unwrap();
        assert!(!there, "what was bound was removed again");
    };
    #[cfg(feature = "tokio")]
    if face == "tasks" {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        let mut hoard = take_all_descriptors();
        let bind = || rapace::aio::Server::new(TellerServer::new(Clerk)).bind(path);
        let _server = say_errors_until_it_succeeds(bind, || ease(&mut hoard));
        return;
    }
    let _ = face;
    let mut hoard = take_all_descriptors();
    let bind = || Server::new(TellerServer::new(Clerk)).bind(path);
    let _server = say_errors_until_it_succeeds(bind, || ease(&mut hoard));
}

#[test]
fn a_server_that_has_no_descriptors_to_begin_with_says_so_and_leaves_nothing() {
    let guard = guard!();
    for face in ["threads", "tasks"] {
        let (_directory, path) = new_directory();
        let server = guard.spawn("binds with few descriptors", format!("{face} {}", path.display()));
        let errors = errors_of(server);
        let happened = ["creating a socket: ", "opening the socket's directory: ", "creating a socket pair: "];
        assert_all(&errors, DESCRIPTORS, &happened);
    }
}

// ---- memory and threads ---------------------------------------------------------------------------------------------

const MEMORY: &str = "; the machine's memory, the cgroup's, or a limit of the process is used up: raise memory.max, \
                      RLIMIT_AS (ulimit -v) or vm.max_map_count";

fn connect_with_little_memory(path: &str) {
    let path = Path::new(path);
    // Starts the process's watcher: a thread for whose stack there is memory, and not for all that it begins with, is the
    // end of the process, by the standard library.
    connect(path).unwrap();
    say("watched");
    hear();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let used = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let mut limit = used.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10;
    lower(Resource::As, limit);
    let client = say_errors_until_it_succeeds(
        || connect(path),
        || {
            limit += 256 << 10;
            lower(Resource::As, limit);
        },
    );
    assert_eq!(client.add(1, 2).wait(), Ok(3));
}

#[test]
fn a_client_without_memory_says_so_at_each_step_and_leaves_the_server_alone() {
    let guard = guard!();
    let (_directory, path) = new_directory();
    let server = start(&guard, THREADS, &path);
    let mut client = guard.spawn_with("connects with little memory", path.display(), &[], |command| {
        // What is allocated beside the mappings is to be there: who gets none of that is ended by the standard library.
        command.env("MALLOC_ARENA_MAX", "1").env("MALLOC_TOP_PAD_", "16777216");
    });
    assert_eq!(client.hear(), "watched");
    client.wait_until_asleep();
    client.tell("go on");
    let errors = errors_of(client);
    let happened = ["mapping our half of the segment: ", "mapping the peer's half of the segment: "];
    assert_all(&errors, MEMORY, &happened);
    assert_eq!(connect(&path).unwrap().add(1, 2).wait(), Ok(3));
    server.join();
}

fn connect_with_small_files(path: &str) {
    // SAFETY: no handler is installed; the signal is to be ignored.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    lower(Resource::Fsize, 64 << 10);
    let client = say_errors_until_it_succeeds(|| connect(Path::new(path)), || raise(Resource::Fsize));
    assert_eq!(client.add(1, 2).wait(), Ok(3));
}

#[test]
fn a_client_that_may_make_no_large_files_is_told_that_shared_memory_is_one() {
    let guard = guard!();
    let (_directory, path) = new_directory();
    let server = start(&guard, THREADS, &path);
    let errors = errors_of(guard.spawn("connects with small files", path.display()));
    let happened = ["reserving shared memory: "];
    assert_all(&errors, "; shared memory counts as a file: raise the process's RLIMIT_FSIZE (ulimit -f)", &happened);
    server.join();
}

/// Makes this thread, and those that it starts, a user's to whom limits and modes apply.
fn become_another_user() {
    if own_uid() == 0 {
        let uid = Uid::from_raw(ANOTHER);
        set_thread_res_uid(uid, uid, uid).unwrap();
    }
}

/// The directory, given to that user.
fn give_away(directory: &Path) {
    if own_uid() == 0 {
        chown(directory, Some(ANOTHER), None).unwrap();
    }
}

const NO_THREAD: &str = "starting a thread: Resource temporarily unavailable (os error 11); there may be no further thread, \
                         or no memory for its stack: raise RLIMIT_NPROC (ulimit -u), the cgroup's pids.max or RLIMIT_AS \
                         (ulimit -v)";

/// Keeps the panics of a runtime without threads, which are caught, out of the tests' output.
fn hush_the_runtime() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.to_string().contains("OS can't spawn worker thread") {
            usual(panic);
        }
    }));
}

fn serve_as_another_user(argument: &str) {
    hush_the_runtime();
    let (face, path) = argument.split_once(": ").unwrap();
    become_another_user();
    if face == TASKS {
        return serve_in_tasks(path);
    }
    let new = || Server::new(TellerServer::new(Clerk)).config(config());
    lower(Resource::Nproc, 0);
    say(new().bind(path).unwrap_err());
    assert!(!Path::new(path).exists());
    raise(Resource::Nproc);
    serve_on_threads(path);
}

#[test]
fn a_server_without_threads_says_so_and_tells_its_clients_and_serves_when_it_has_some_again() {
    let guard = guard!();
    for role in ROLES {
        let (directory, path) = new_directory();
        give_away(directory.path());
        let mut server = guard.spawn("another user serves", format!("{role}: {}", path.display()));
        if role == THREADS {
            assert_eq!(server.hear(), NO_THREAD);
        }
        assert_eq!(server.hear(), "serving");
        let before = connect(&path).unwrap();
        assert_eq!(before.add(1, 2).wait(), Ok(3));
        order(&mut server, "take all threads");
        // The runtime may still have the thread of the last handshake.
        until(|| connect(&path).is_err());
        // More than may be in their handshake at once: those who were turned away are not.
        for _ in 0..=config().limits.handshakes {
            let error = connect(&path).unwrap_err().to_string();
            assert_eq!(error, format!("the peer refused the session: {NO_THREAD}"));
        }
        // What would have a thread of its own is handled by the one of its session.
        assert_eq!((before.add(1, 2).wait(), before.add_slowly(1, 2).wait()), (Ok(3), Ok(3)));
        order(&mut server, "free all threads");
        assert_eq!(connect(&path).unwrap().add_slowly(3, 4).wait(), Ok(7));
        server.join();
    }
}

fn connect_without_threads(path: &str) {
    hush_the_runtime();
    become_another_user();
    let mut connect = connect_on("tasks", path.into());
    lower(Resource::Nproc, 0);
    let client = say_errors_until_it_succeeds(&mut connect, || raise(Resource::Nproc));
    assert_eq!(client.add(1, 2).wait(), Ok(3));
}

/// Has no thread that could watch for deaths, and no descriptors once it is connected.
fn call_with_nothing_left(path: &str) {
    become_another_user();
    lower(Resource::Nproc, 0);
    let mut config = config();
    config.spin = Spin::Never;
    let client = TellerClient::builder().config(config).connect(path).unwrap();
    let _hoard = take_all_descriptors();
    assert_eq!(client.add_slowly(1, 2).wait(), Ok(3));
}

#[test]
fn an_open_session_needs_neither_threads_nor_descriptors() {
    let guard = guard!();
    let (directory, path) = new_directory();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o711)).unwrap();
    let server = start(&guard, THREADS, &path);
    guard.spawn("another user calls with nothing left", path.display()).join();
    server.join();
}

#[cfg(feature = "tokio")]
#[test]
fn a_task_that_connects_without_threads_says_so() {
    let guard = guard!();
    let (directory, path) = new_directory();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o711)).unwrap();
    let server = start(&guard, THREADS, &path);
    let errors = errors_of(guard.spawn("another user connects without threads", path.display()));
    assert_eq!(errors, [NO_THREAD]);
    server.join();
}

// ---- what cannot be used up here ------------------------------------------------------------------------------------

/// Has the kernel answer this thread's calls of one kind with an error, and those of threads that it starts; false when
/// that is not permitted.
fn answer(call: libc::c_long, errno: i32) -> bool {
    let statement = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut program = [
        // The number of the call is the first word of what is filtered.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call as u32, 0, 1),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | errno as u32, 0, 0),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: takes numbers only.
    let is_alone = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    // SAFETY: the pointer is to a live filter, whose pointer is to as many live statements as it says.
    let is_set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
    is_alone == 0 && is_set == 0
}

fn connect_to_an_answer(argument: &str) {
    let mut words = argument.splitn(3, ' ');
    let [call, errno] = std::array::from_fn(|_| words.next().unwrap().parse::<i32>().unwrap());
    let path = Path::new(words.next().unwrap());
    if answer(call.into(), errno) { say(connect(path).unwrap_err()) } else { say("not permitted") }
}

#[test]
fn each_answer_of_a_system_that_has_no_more_is_explained() {
    let guard = guard!();
    let (_directory, path) = new_directory();
    let server = start(&guard, THREADS, &path);
    let files = "; the system has no file descriptor left: raise fs.file-max (sysctl)";
    let space = "; there is no room for more shared memory: free some, or give sessions a smaller geometry";
    for (call, errno, doing, remedy) in [
        (libc::SYS_socket, libc::ENFILE, "creating a socket: ", files),
        (libc::SYS_socket, libc::ENOBUFS, "creating a socket: ", MEMORY),
        (libc::SYS_memfd_create, libc::ENFILE, "creating shared memory: ", files),
        (libc::SYS_fallocate, libc::ENOSPC, "reserving shared memory: ", space),
        (libc::SYS_fallocate, libc::ENOMEM, "reserving shared memory: ", MEMORY),
    ] {
        let argument = format!("{call} {errno} {}", path.display());
        let mut client = guard.spawn("connects to such an answer", argument);
        match client.hear() {
            said if said == "not permitted" => return skip("no system call may be filtered"),
            said => assert!(said.starts_with(doing) && said.ends_with(remedy), "{said}"),
        }
        client.join();
        // However far it came, the server is none the worse.
        assert_eq!(connect(&path).unwrap().add(1, 2).wait(), Ok(3));
    }
    server.join();
}

fn serve_to_an_answer(argument: &str) {
    let (face, path) = argument.split_once(": ").unwrap();
    if !answer(libc::SYS_accept4, libc::ENOMEM) {
        return say("not permitted");
    }
    match face {
        THREADS => serve_on_threads(path),
        _ => serve_in_tasks(path),
    }
}

#[test]
fn a_server_for_whose_clients_the_kernel_has_no_memory_goes_on() {
    let guard = guard!();
    for role in ROLES {
        let (_directory, path) = new_directory();
        let mut server = guard.spawn("serves to such an answer", format!("{role}: {}", path.display()));
        if server.hear() == "not permitted" {
            return skip("no system call may be filtered");
        }
        let mut config = config();
        config.limits.handshake_time = Duration::from_millis(200);
        let error = TellerClient::builder().config(config).connect(&path).unwrap_err();
        assert!(matches!(error, ConnectError::Open(OpenError::Timeout(_))), "{error}");
        // It fails if its server stopped by itself.
        server.join();
    }
}

// ---- directories ----------------------------------------------------------------------------------------------------

/// Why there is no server at `path`.
#[track_caller]
fn refusal(path: &Path) -> String {
    match Server::new(TellerServer::new(Clerk)).bind(path) {
        Err(error @ (OpenError::Path { .. } | OpenError::PathLength { .. })) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Why there is no client of `path`.
#[track_caller]
fn no_client(path: &Path) -> String {
    match TellerClient::connect(path) {
        Err(ConnectError::Open(error @ (OpenError::Path { .. } | OpenError::PathLength { .. }))) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn cannot(path: &Path, reason: &str) -> String {
    format!("{} cannot be used: {reason}", path.display())
}

#[test]
fn a_directory_that_cannot_be_used_is_refused_with_the_reason() {
    let (directory, _) = new_directory();
    let at = |name: &str| directory.path().join(name);
    let missing = at("missing/teller.sock");
    assert_eq!(refusal(&missing), cannot(&missing, "its directory does not exist; create it, with mode 0700"));
    fs::write(at("file"), "precious").unwrap();
    symlink(directory.path(), at("link")).unwrap();
    for path in [at("file/teller.sock"), at("link/teller.sock")] {
        assert_eq!(refusal(&path), cannot(&path, "its directory is not a directory, or is a symbolic link"));
    }
    let path = at("file/teller.sock");
    assert_eq!(no_client(&path), cannot(&path, "its directory is not a directory, or is a symbolic link"));
    assert_eq!(fs::read_to_string(at("file")).unwrap(), "precious");
    fs::create_dir(at("shared")).unwrap();
    for mode in [0o777, 0o1777, 0o770] {
        fs::set_permissions(at("shared"), Permissions::from_mode(mode)).unwrap();
        let reason = "others can write its directory, and so replace the socket; use one with mode 0700";
        assert_eq!(refusal(&at("shared/teller.sock")), cannot(&at("shared/teller.sock"), reason));
    }
}

fn bind_as_another_user(path: &str) {
    become_another_user();
    say(refusal(Path::new(path)));
    say("done");
}

const MAY_NOT_CREATE: &str = "this user may not create files in its directory; use one of this user's, with mode 0700";

#[test]
fn a_directory_that_is_not_for_this_user_to_write_or_enter_is_refused() {
    let guard = guard!();
    let (outer, _) = new_directory();
    fs::set_permissions(outer.path(), Permissions::from_mode(0o711)).unwrap();
    let directory = outer.path().join("directory");
    fs::create_dir(&directory).unwrap();
    give_away(&directory);
    let path = directory.join("teller.sock");
    for mode in [0o500, 0o000] {
        fs::set_permissions(&directory, Permissions::from_mode(mode)).unwrap();
        let errors = errors_of(guard.spawn("another user binds", path.display()));
        assert_eq!(errors, [cannot(&path, MAY_NOT_CREATE)], "{mode:o}");
    }
    // Somebody else's entirely, but for one that can be read.
    if own_uid() == 0 {
        chown(&directory, Some(0), None).unwrap();
        fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
        let errors = errors_of(guard.spawn("another user binds", path.display()));
        assert_eq!(errors, [cannot(&path, MAY_NOT_CREATE)]);
        let _theirs = Server::new(TellerServer::new(Clerk)).bind(&path).unwrap();
        let errors = errors_of(guard.spawn("another user binds", path.display()));
        assert_eq!(errors, [cannot(&path, "another user's socket is there; remove it or use another path")]);
        assert_eq!(TellerClient::connect(&path).unwrap().add(1, 2).wait(), Ok(3));
    }
    fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
}

/// Binds on file systems that nobody else sees.
fn bind_on_small_file_systems(directory: &str) {
    let directory = Path::new(directory);
    // SAFETY: descriptors are not unshared; only this thread sees other mounts from now on.
    let alone = unsafe { unshare_unsafe(UnshareFlags::NEWNS) };
    let propagation = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    // The file system's own directory takes its only inode.
    let mounted = alone
        .and_then(|()| mount_change("/", propagation))
        .and_then(|()| mount("tmpfs", directory, "tmpfs", MountFlags::empty(), Some(c"size=4k,nr_inodes=1,mode=0700")));
    if let Err(errno) = mounted {
        return say(format!("not permitted: {errno}"));
    }
    let path = directory.join("teller.sock");
    let say_all = || {
        say(refusal(&path));
        say(rapace::session::runtime_dir().unwrap_err());
        assert_eq!(fs::read_dir(directory).unwrap().count(), 0);
    };
    say_all();
    mount_remount(directory, MountFlags::RDONLY, c"").unwrap();
    say_all();
}

#[test]
fn a_full_and_a_read_only_file_system_are_refused_with_the_reason() {
    let guard = guard!();
    let (directory, path) = new_directory();
    let mut peer = guard.spawn_with("binds on small file systems", directory.path().display(), &[], |command| {
        command.env("XDG_RUNTIME_DIR", directory.path());
    });
    let full = "its file system has no room for another file; remove some, or use a directory on another one";
    let read_only = "its file system is read-only; use a directory on another one";
    for reason in [full, read_only] {
        for path in [&path, &directory.path().join("rapace")] {
            match peer.hear() {
                said if said.starts_with("not permitted") => return skip(&format!("mounting is {said}")),
                said => assert_eq!(said, cannot(path, reason)),
            }
        }
    }
    peer.join();
}

// ---- paths ----------------------------------------------------------------------------------------------------------

#[test]
fn a_path_of_107_bytes_serves_and_a_longer_one_is_refused_with_both_lengths() {
    let guard = guard!();
    let (directory, _) = new_directory();
    let of = |bytes: usize| {
        let rest = bytes - directory.path().as_os_str().len() - 1;
        directory.path().join("n".repeat(rest))
    };
    let server = start(&guard, THREADS, &of(107));
    assert_eq!(connect(&of(107)).unwrap().add(1, 2).wait(), Ok(3));
    server.join();
    for bytes in [108, 120, 4_000] {
        let reason = format!("it is {bytes} bytes long, and a socket's path has 107 at most; use a shorter one");
        assert_eq!(refusal(&of(bytes)), cannot(&of(bytes), &reason));
        assert_eq!(no_client(&of(bytes)), cannot(&of(bytes), &reason));
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_path_that_names_no_file_is_refused() {
    let (_directory, path) = new_directory();
    let zero = path.join("a\0b");
    for (path, reason) in [(Path::new(""), "it is empty"), (&zero, "it contains a zero byte")] {
        assert_eq!(refusal(path), cannot(path, reason));
        assert_eq!(no_client(path), cannot(path, reason));
    }
}

#[test]
fn what_is_no_servers_socket_is_refused_on_both_sides_and_left_as_it_is() {
    let (directory, _) = new_directory();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("file"), "precious").unwrap();
    fs::create_dir(at("folder")).unwrap();
    symlink(at("nowhere"), at("dangling")).unwrap();
    symlink(at("file"), at("link")).unwrap();
    mknodat(CWD, at("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _datagrams = UnixDatagram::bind(at("datagrams")).unwrap();
    let look = || {
        let files = ["file", "folder", "dangling", "link", "fifo", "datagrams"].map(|name| {
            let file = fs::symlink_metadata(at(name)).unwrap();
            (file.ino(), file.mode(), file.mtime_nsec())
        });
        (files, fs::read_to_string(at("file")).unwrap(), fs::read_dir(directory.path()).unwrap().count())
    };
    let before = look();
    for name in ["file", "folder", "dangling", "link", "fifo"] {
        let reason = "there is something else than a socket; remove it or use another path";
        assert_eq!(refusal(&at(name)), cannot(&at(name), reason));
    }
    for name in ["file", "folder", "link", "fifo"] {
        assert_eq!(no_client(&at(name)), cannot(&at(name), "it is not a socket, so no server listens there"));
    }
    let nobody = TellerClient::connect(at("dangling")).unwrap_err();
    assert_eq!(nobody.to_string(), format!("no server listens at {}", at("dangling").display()));
    let taken = Server::new(TellerServer::new(Clerk)).bind(at("datagrams")).unwrap_err();
    assert!(matches!(taken, OpenError::AddressInUse { .. }), "{taken}");
    assert_eq!(no_client(&at("datagrams")), cannot(&at("datagrams"), "it is not a stream socket"));
    assert_eq!(look(), before);
}

// ---- users ----------------------------------------------------------------------------------------------------------

/// The argument: whether it lets other users in, and the path.
fn connect_as_another_user(argument: &str) {
    let (config, path) = argument.split_once(' ').unwrap();
    let config = if config == "trusting" { self::config() } else { patient(Spin::Adaptive) };
    become_another_user();
    say(TellerClient::builder().config(config).connect(path).unwrap_err());
    say("done");
}

#[test]
fn a_socket_of_another_user_is_refused_with_what_its_server_would_have_to_do() {
    let guard = guard!();
    let (directory, path) = new_directory();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o711)).unwrap();
    let serve = |allow_uids: &[u32]| {
        let mut config = patient(Spin::Adaptive);
        config.allow_uids = allow_uids.to_vec();
        Server::new(TellerServer::new(Clerk)).config(config).bind(&path).unwrap()
    };
    let error = |config: &str| errors_of(guard.spawn("another user connects", format!("{config} {}", path.display())));
    let may_not = cannot(
        &path,
        "this user may not connect to it; its server lets other users in with `Config::allow_uids`, in a directory that \
         they may enter",
    );
    let server = serve(&[]);
    if own_uid() != 0 {
        fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
        assert_eq!(error("trusting"), [may_not]);
        return skip("the rest needs a second user");
    }
    assert_eq!(error("trusting"), std::slice::from_ref(&may_not));
    fs::set_permissions(directory.path(), Permissions::from_mode(0o700)).unwrap();
    assert_eq!(error("trusting"), [may_not]);
    fs::set_permissions(directory.path(), Permissions::from_mode(0o711)).unwrap();
    drop(server);
    until(|| !path.exists());
    let server = serve(&[0]);
    assert_eq!(error("trusting"), [format!("the peer refused the session: uid {ANOTHER} is not in its allow_uids")]);
    drop(server);
    until(|| !path.exists());
    let _server = serve(&[0, ANOTHER]);
    assert_eq!(error("wary"), ["the peer runs as uid 0, which is not in allow_uids"]);
}
