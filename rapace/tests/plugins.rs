//! Plugins, between processes: they and their host call each other, how they end is told, and they are started again.

#![cfg(all(target_os = "linux", feature = "tokio", not(loom)))]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod peer;

use std::io::{ErrorKind, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use peer::{command, hear, say, until};
use rapace::{
    Config, ConnectError, Context, Event, Head, OpenError, PeerB, Plugin, PluginBuilder, RecvError, Retry, RpcError,
    Session, SupervisionState,
};
use rustix::process::{Pid, Signal, kill_process};

/// What the plugin does for its host.
#[rapace::service]
#[allow(clippy::ptr_arg, reason = "a service cannot make a `Path`")]
trait Work {
    fn pid(&self) -> u32;
    /// Asks the host, within the call.
    fn ask(&self, cx: &Context, number: u32) -> Option<u32>;
    /// Asks the host by the client that the plugin's program made.
    fn ask_apart(&self, number: u32) -> Option<u32>;
    /// Writes so many lines to standard error, and ends the process with this code.
    fn exit(&self, lines: u32, code: i32);
    /// Never returns.
    fn hang(&self);
    #[rapace(idempotent)]
    fn pid_or_death(&self, deaths: &PathBuf) -> u32;
    /// What another process sees that the plugin starts.
    fn grandchild(&self) -> String;
    /// What a second `host()` says.
    fn host_again(&self) -> String;
}

/// What the host does for its plugins.
#[rapace::service]
trait Double {
    fn double(&self, number: u32) -> u32;
}

struct Doubler;

impl Double for Doubler {
    fn double(&self, number: u32) -> u32 {
        number * 2
    }
}

struct Worker {
    /// Of what the host serves, if it serves anything.
    host: Option<DoubleClient>,
}

impl Work for Worker {
    fn pid(&self) -> u32 {
        std::process::id()
    }
    fn ask(&self, cx: &Context, number: u32) -> Option<u32> {
        cx.client::<DoubleClient>().ok()?.double(number).wait().ok()
    }
    fn ask_apart(&self, number: u32) -> Option<u32> {
        self.host.as_ref()?.double(number).wait().ok()
    }
    fn exit(&self, lines: u32, code: i32) {
        let mut stderr = std::io::stderr().lock();
        for line in 1..=lines {
            writeln!(stderr, "line {line}\x1b[2J").unwrap();
        }
        write!(stderr, "and no end").unwrap();
        std::process::exit(code);
    }
    fn hang(&self) {
        until(|| false);
    }
    fn pid_or_death(&self, deaths: &PathBuf) -> u32 {
        // Each process that finds one takes it, and dies of it.
        if std::fs::remove_file(deaths).is_ok() {
            std::process::abort();
        }
        std::process::id()
    }
    fn grandchild(&self) -> String {
        let output = command("grandchild", "").stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.lines().find_map(|line| line.strip_prefix('@')).unwrap_or(&said).to_owned()
    }
    fn host_again(&self) -> String {
        rapace::host().unwrap_err().to_string()
    }
}

const WORKS: &str = "works";
const WORKS_IN_TASKS: &str = "works in tasks";
const LOOPS: &str = "loops";
const HANGS_UP: &str = "hangs up";
const STARTS_MANY: &str = "starts many";
const OPENS_ONCE: &str = "opens once";
const ASKS_SLOWLY: &str = "asks slowly";
const PASSES_ON: &str = "passes on";
const LIES: &str = "lies";
const HOSTS: &str = "hosts";

#[test]
fn peer_entry() {
    peer::run(&[
        (WORKS, work),
        (WORKS_IN_TASKS, work_in_tasks),
        (LOOPS, run_on),
        (HANGS_UP, hang_up),
        (STARTS_MANY, start_many),
        (OPENS_ONCE, open_once),
        (ASKS_SLOWLY, ask_slowly),
        (PASSES_ON, pass_on),
        (LIES, lie),
        (HOSTS, host_a_plugin),
        ("grandchild", look_around),
    ]);
}

/// A plugin on threads.
fn work(_: &str) {
    let host = rapace::host().unwrap();
    // Its own services want a client of the host, which is there once the session is.
    let worker = Arc::new(std::sync::OnceLock::new());
    let host = host.config(patient()).serve(WorkServer::new(Late(Arc::clone(&worker)))).connect().unwrap();
    assert!(worker.set(Worker { host: host.client().ok() }).is_ok());
    host.join();
}

/// A worker that is there a little later than its service.
struct Late(Arc<std::sync::OnceLock<Worker>>);

macro_rules! late {
    ($(fn $name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)?;)*) => {
        impl Work for Late {
            $(fn $name(&self, $($arg: $ty),*) $(-> $ret)? {
                until(|| self.0.get().is_some());
                self.0.get().unwrap().$name($($arg),*)
            })*
        }
    };
}

late! {
    fn pid() -> u32;
    fn ask(cx: &Context, number: u32) -> Option<u32>;
    fn ask_apart(number: u32) -> Option<u32>;
    fn exit(lines: u32, code: i32);
    fn hang();
    fn pid_or_death(deaths: &PathBuf) -> u32;
    fn grandchild() -> String;
    fn host_again() -> String;
}

mod awaited {
    #[rapace::service]
    pub(super) trait Work {
        async fn pid(&self) -> u32;
    }

    pub(super) struct Worker;

    impl Work for Worker {
        async fn pid(&self) -> u32 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            std::process::id()
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A plugin on tokio, of which one method is there.
fn work_in_tasks(_: &str) {
    let host = rapace::host().unwrap().config(patient()).serve_async(awaited::WorkServer::new(awaited::Worker));
    runtime().block_on(host.run_async()).unwrap();
}

/// One that opens its session, sees nothing of its end, and runs on.
fn run_on(_: &str) {
    let _host = rapace::host().unwrap().config(patient()).connect().unwrap();
    until(|| false);
}

/// One that closes its session, and runs on.
fn hang_up(_: &str) {
    drop(rapace::host().unwrap().config(patient()).connect().unwrap());
    until(|| false);
}

/// One that answers what was never asked.
fn lie(_: &str) {
    let value = std::env::var("RAPACE_HOST").unwrap();
    let number = value.split(':').next().unwrap().parse().unwrap();
    let socket = rapace::session::inherited(number).unwrap();
    let mut session = Session::<PeerB>::over(socket, &patient()).unwrap();
    session.send(Head::terminal(0x0001_0003, 0), b"").unwrap();
    until(|| false);
}

/// In a process that a plugin started: what it sees of the plugin's host.
fn look_around(_: &str) {
    let sockets = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let sockets = sockets.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let sockets = sockets.filter(|link| link.to_string_lossy().starts_with("socket:")).count();
    say(format!("{sockets} sockets; {}", rapace::host().unwrap_err()));
}

/// A host in a process of its own, to be killed.
fn host_a_plugin(dies_with_it: &str) {
    let (builder, role) = if dies_with_it == "true" {
        (builder().die_with_host(), LOOPS)
    } else {
        (builder().serve(DoubleServer::new(Doubler)), WORKS)
    };
    let plugin = builder.spawn(plugin(role)).unwrap();
    say(plugin.pid().unwrap());
    hear();
}

/// A loaded machine has time for the handshake.
fn patient() -> Config {
    let mut config = Config::default();
    config.limits.handshake_time = Duration::from_secs(50);
    config
}

fn builder() -> PluginBuilder {
    Plugin::builder().config(patient()).start_time(Duration::from_secs(50)).stderr(|_| {})
}

/// The plugin of a test, without a place to write to but its standard error.
fn plugin(role: &str) -> Command {
    let mut command = command(role, "");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Something that hears events.
fn events(builder: PluginBuilder) -> (PluginBuilder, mpsc::Receiver<Event>) {
    let (tell, told) = mpsc::channel();
    (builder.on_event(move |event| drop(tell.send(event.clone()))), told)
}

/// Waits for an event.
fn next<T>(told: &mpsc::Receiver<Event>, wanted: impl Fn(Event) -> Option<T>) -> T {
    loop {
        if let Some(found) = wanted(told.recv().unwrap()) {
            return found;
        }
    }
}

fn exit_of(event: Event) -> Option<rapace::Exit> {
    match event {
        Event::Ended(end) => end.exit,
        _ => None,
    }
}

fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn a_plugin_and_its_host_call_each_other() {
    let _guard = guard!();
    let plugin = builder().serve(DoubleServer::new(Doubler)).spawn(plugin(WORKS)).unwrap();
    let work = plugin.client::<WorkClient>().unwrap();
    assert_eq!(work.pid().wait(), Ok(plugin.pid().unwrap()));
    assert_ne!(work.pid().wait(), Ok(std::process::id()));
    assert_eq!(work.ask(4).wait(), Ok(Some(8)));
    assert_eq!(work.ask_apart(5).wait(), Ok(Some(10)));
    assert_eq!(plugin.supervision().state, SupervisionState::Connected);
    assert_eq!(work.session().peer().pid, plugin.pid().unwrap() as i32);
    assert!(matches!(plugin.client::<DoubleClient>(), Err(ConnectError::NoService { .. })));
}

#[test]
fn a_plugin_is_started_and_called_by_tasks() {
    let _guard = guard!();
    runtime().block_on(async {
        let plugin = builder().serve_async(DoubleServer::new(Doubler)).spawn_async(plugin(WORKS)).await.unwrap();
        let work = plugin.client::<WorkClient>().unwrap();
        assert_eq!(work.pid().await, Ok(plugin.pid().unwrap()));
        assert_eq!(work.ask(4).await, Ok(Some(8)));
        let exit = plugin.shut_down_async(Duration::from_secs(50)).await.unwrap().unwrap();
        assert!(exit.status.success() && !exit.was_killed, "{exit}");
        assert_eq!(work.pid().await, Err(RpcError::Closed { may_have_executed: false }));
    });
}

#[test]
fn a_plugin_serves_in_tasks() {
    let _guard = guard!();
    let plugin = builder().spawn(plugin(WORKS_IN_TASKS)).unwrap();
    let work = plugin.client::<awaited::WorkClient>().unwrap();
    assert_eq!(work.pid().wait(), Ok(plugin.pid().unwrap()));
    let exit = plugin.shut_down(Duration::from_secs(50)).unwrap();
    assert!(exit.status.success() && !exit.was_killed, "{exit}");
}

#[test]
fn its_exit_status_and_last_words_come_with_its_end() {
    let _guard = guard!();
    let (heard, hears) = mpsc::channel();
    let (builder, told) = events(builder().stderr(move |line| drop(heard.send(line.to_owned()))));
    let plugin = builder.spawn(plugin(WORKS)).unwrap();
    let work = plugin.client::<WorkClient>().unwrap();
    assert_eq!(work.exit(30, 3).wait(), Err(RpcError::PeerDied { may_have_executed: true }));
    let exit = next(&told, exit_of);
    assert_eq!((exit.status.code(), exit.was_killed), (Some(3), false));
    let last: Vec<_> = exit.stderr.lines().collect();
    assert_eq!((last.len(), last[0], last[19]), (20, "line 12?[2J", "and no end"));
    let heard: Vec<_> = hears.iter().take(31).collect();
    assert_eq!((heard[0].as_str(), heard[30].as_str()), ("line 1\x1b[2J", "and no end"));
    next(&told, |event| matches!(event, Event::GaveUp { tries: 0 }).then_some(()));
    // It is not to be started again.
    let error = work.pid().wait().unwrap_err();
    assert!(matches!(&error, RpcError::NoConnection(_)), "{error}");
    assert!(error.to_string().contains("exit status: 3"), "{error}");
    let supervision = plugin.supervision();
    assert_eq!((supervision.state, supervision.sessions), (SupervisionState::GaveUp, 1));
    assert_eq!(supervision.last_end.unwrap().exit.unwrap(), exit);
    assert_eq!(plugin.pid(), None);
}

#[test]
fn a_plugin_that_writes_without_end_blocks_nobody() {
    let _guard = guard!();
    let (builder, told) = events(builder());
    let plugin = builder.spawn(plugin(WORKS)).unwrap();
    let work = plugin.client::<WorkClient>().unwrap();
    work.exit(100_000, 0).wait().unwrap_err();
    let exit = next(&told, exit_of);
    assert!(exit.status.success() && exit.stderr.contains("line 100000"), "{exit}");
}

#[test]
fn a_plugin_is_killed_when_it_is_dropped() {
    let _guard = guard!();
    let plugin = builder().spawn(plugin(LOOPS)).unwrap();
    let pid = plugin.pid().unwrap();
    assert!(is_running(pid));
    drop(plugin);
    assert!(!is_running(pid));
}

#[test]
fn one_that_runs_on_after_its_session_is_killed_when_the_grace_is_over() {
    let _guard = guard!();
    let plugin = builder().spawn(plugin(LOOPS)).unwrap();
    let pid = plugin.pid().unwrap();
    let exit = plugin.shut_down(Duration::from_millis(20)).unwrap();
    assert_eq!((exit.status.signal(), exit.was_killed), (Some(9), true));
    assert!(!is_running(pid));
}

#[test]
fn a_plugin_that_dies_is_started_again() {
    let _guard = guard!();
    let (builder, told) = events(builder().serve(DoubleServer::new(Doubler)).restart(Retry::default()));
    let plugin = builder.spawn(plugin(WORKS)).unwrap();
    let work = plugin.client::<WorkClient>().unwrap();
    for restarts in 0..5 {
        let (peer, found) = next(&told, |event| match event {
            Event::Connected { peer, restarts } => Some((peer, restarts)),
            _ => None,
        });
        assert_eq!(found, restarts);
        let pid = work.pid().wait().unwrap();
        assert_eq!(peer.pid, pid as i32);
        assert_eq!(work.ask(restarts).wait(), Ok(Some(restarts * 2)));
        kill(pid);
        let exit = next(&told, exit_of);
        assert_eq!((exit.status.signal(), exit.was_killed), (Some(9), false));
    }
    assert_eq!(work.ask(7).wait(), Ok(Some(14)));
    assert_eq!(plugin.supervision().sessions, 6);
}

#[test]
fn a_call_that_was_lost_is_made_again_if_it_may_be() {
    let _guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let deaths = directory.path().join("death");
    let plugin = builder().restart(Retry::default()).spawn(plugin(WORKS)).unwrap();
    let work = plugin.client::<WorkClient>().unwrap();
    let first = work.pid().wait().unwrap();
    std::fs::write(&deaths, "").unwrap();
    let second = work.pid_or_death(&deaths).wait().unwrap();
    assert_ne!(first, second);
    // That one may have run, and its method is not marked.
    assert_eq!(work.exit(0, 1).wait(), Err(RpcError::PeerDied { may_have_executed: true }));
    let third = runtime().block_on(async { work.pid().await.unwrap() });
    assert_ne!(second, third);
}

#[test]
fn a_plugin_that_always_dies_is_given_up() {
    let _guard = guard!();
    let (builder, told) = events(builder().restart(Retry::limited(3)));
    let plugin = builder.spawn(plugin(WORKS)).unwrap();
    let work = plugin.client::<WorkClient>().unwrap();
    for _ in 0..4 {
        // When it is started again, or not at all any more.
        let _ = work.exit(0, 5).wait();
        next(&told, exit_of);
    }
    assert_eq!(next(&told, |event| if let Event::GaveUp { tries } = event { Some(tries) } else { None }), 3);
    let error = work.pid().wait().unwrap_err();
    assert!(matches!(error, RpcError::NoConnection(_)), "{error}");
    assert_eq!(plugin.supervision().sessions, 4);
}

#[test]
fn one_that_hangs_is_told_of_and_killed() {
    let _guard = guard!();
    let mut config = patient();
    config.limits.hang_after = Duration::from_millis(50);
    let builder = builder().config(config).restart(Retry::default());
    let (builder, told) = events(builder.kill_unresponsive_after(Duration::from_millis(100)));
    let plugin = builder.spawn(plugin(WORKS)).unwrap();
    let work = plugin.client::<WorkClient>().unwrap();
    let first = work.pid().wait().unwrap();
    let hangs = work.hang().start().unwrap();
    next(&told, |event| matches!(event, Event::Unresponsive { .. }).then_some(()));
    let exit = next(&told, exit_of);
    assert_eq!((exit.status.signal(), exit.was_killed), (Some(9), true));
    let error = hangs.wait().unwrap_err();
    assert!(matches!(error, RpcError::PeerDied { may_have_executed: true }), "{error}");
    assert_ne!(work.pid().wait().unwrap(), first);
}

#[test]
fn one_that_breaks_the_protocol_is_killed() {
    let _guard = guard!();
    let (builder, told) = events(builder().serve(DoubleServer::new(Doubler)));
    let _plugin = builder.spawn(plugin(LIES)).unwrap();
    let end = next(&told, |event| if let Event::Ended(end) = event { Some(end) } else { None });
    let (how, exit) = (end.how.to_string(), end.exit.unwrap());
    assert!(how.contains("broke the protocol"), "{how}");
    assert_eq!((exit.status.signal(), exit.was_killed), (Some(9), true));
}

#[test]
fn one_that_closes_its_session_and_runs_on_is_killed() {
    let _guard = guard!();
    let (builder, told) = events(builder());
    let _plugin = builder.spawn(plugin(HANGS_UP)).unwrap();
    let end = next(&told, |event| if let Event::Ended(end) = event { Some(end) } else { None });
    let exit = end.exit.unwrap();
    assert_eq!((end.how, exit.status.signal(), exit.was_killed), (RecvError::Closed, Some(9), true));
}

#[test]
fn programs_that_are_no_plugins_are_told_apart() {
    let _guard = guard!();
    let error = |builder: PluginBuilder, command: Command| builder.spawn(command).unwrap_err();

    let missing = error(builder(), Command::new("/no/such/program"));
    assert!(matches!(&missing, ConnectError::Open(OpenError::Spawn { .. })), "{missing}");
    assert!(
        missing.to_string().starts_with("the plugin /no/such/program cannot be started: No such file"),
        "{missing}"
    );
    assert!(!missing.is_retryable());

    let mut ends = Command::new("/bin/sh");
    ends.args(["-c", "echo first >&2; echo my configuration is wrong >&2; exit 4"]);
    let ended = error(builder(), ends);
    let text = "the plugin ended (exit status: 4); its last words: first\nmy configuration is wrong, before it opened its \
                session; does it call rapace::host()?";
    assert_eq!(ended.to_string(), text);

    let mut sleeps = Command::new("/bin/sleep");
    sleeps.arg("1000");
    let silent = error(builder().start_time(Duration::from_millis(50)), sleeps);
    let text = "the plugin did not open its session within start_time (50ms); does it call rapace::host()?";
    assert_eq!(silent.to_string(), text);
}

#[test]
fn nobody_else_has_the_session_of_a_plugin() {
    let _guard = guard!();
    let here = rapace::host().unwrap_err().to_string();
    assert!(here.starts_with("there is no host: this program is a plugin, to be started by another one"), "{here}");
    let plugin = builder().spawn(plugin(WORKS)).unwrap();
    let work = plugin.client::<WorkClient>().unwrap();
    let expected = "0 sockets; there is no host: its socket is not there; only the process that a host starts has it, not \
                    those it starts";
    assert_eq!(work.grandchild().wait().unwrap(), expected);
    let again = work.host_again().wait().unwrap();
    assert_eq!(again, "there is no host: rapace::host() was called before; there is one session with the host");
}

#[test]
fn a_plugin_ends_with_its_host() {
    let guard = guard!();
    for dies_with_it in [true, false] {
        let mut host = guard.spawn(HOSTS, dies_with_it);
        let plugin: u32 = host.hear_as();
        assert!(is_running(plugin));
        host.kill();
        // By the system, or by itself: it sees the end of its session.
        until(|| !is_running(plugin));
    }
}

/// How many processes noted their start in this directory.
fn starts(directory: &Path) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

#[test]
fn none_is_started_after_its_end_was_asked_for() {
    let _guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let mut retry = Retry::default();
    (retry.first, retry.max) = (Duration::from_secs(1_000), Duration::from_secs(1_000));
    let (builder, told) = events(builder().restart(retry));
    let plugin = builder.spawn(command(OPENS_ONCE, directory.path().display())).unwrap();
    kill(plugin.pid().unwrap());
    next(&told, exit_of);
    drop(plugin);
    assert_eq!(starts(directory.path()), 1);
}

#[test]
fn one_that_does_not_open_its_session_is_stopped_at_once() {
    let _guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let builder = builder().start_time(Duration::from_secs(1_000)).restart(Retry::default());
    let plugin = builder.spawn(command(OPENS_ONCE, directory.path().display())).unwrap();
    kill(plugin.pid().unwrap());
    until(|| starts(directory.path()) == 2);
    assert_eq!(plugin.shut_down(Duration::from_secs(1_000)), None);
    let pids = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(pids.map(|pid| pid.to_str().unwrap().parse().unwrap()).all(|pid| !is_running(pid)));
}

#[test]
fn a_host_whose_own_standard_error_is_stuck_goes_on() {
    let guard = guard!();
    let mut host = guard.spawn_with(PASSES_ON, "", &[], |command| {
        command.stderr(Stdio::piped());
    });
    assert_eq!(host.hear(), "it is dropped");
    host.join();
}

/// In a host whose standard error nobody reads: a plugin that writes more than fits there.
fn pass_on(_: &str) {
    let plugin = Plugin::builder().config(patient()).start_time(Duration::from_secs(50)).spawn(plugin(WORKS)).unwrap();
    let work = plugin.client::<WorkClient>().unwrap();
    let stuck = work.exit(100_000, 0).start().unwrap();
    let held = std::io::stderr().lock();
    // It writes, and waits as if it wrote here itself.
    std::thread::sleep(Duration::from_millis(100));
    drop(plugin);
    drop(held);
    assert!(stuck.wait().is_err());
    say("it is dropped");
}

#[test]
fn a_plugin_may_be_another_users() {
    let _guard = guard!();
    if !rustix::process::geteuid().is_root() {
        eprintln!("only root can start processes as another user");
        return;
    }
    let mut command = plugin(WORKS);
    command.uid(65_534);
    match builder().serve(DoubleServer::new(Doubler)).spawn(command) {
        Ok(plugin) => assert_eq!(plugin.client::<WorkClient>().unwrap().ask(4).wait(), Ok(Some(8))),
        // The other user may not read this program.
        Err(ConnectError::Open(OpenError::Spawn { source, .. })) if source.kind() == ErrorKind::PermissionDenied => {
            eprintln!("{source}: this program is not for other users");
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn the_end_of_what_started_the_plugin_is_the_end_of_its_session() {
    let _guard = guard!();
    let directory = tempfile::tempdir().unwrap();
    let inner = plugin(WORKS);
    let mut outer = Command::new("/bin/sh");
    outer.args(["-c", "\"$@\"; true", "sh"]).arg(inner.get_program()).args(inner.get_args());
    outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    outer.stdin(Stdio::null()).stdout(Stdio::null());
    let (builder, told) = events(builder());
    let plugin = builder.spawn(outer).unwrap();
    let work = plugin.client::<WorkClient>().unwrap();
    let worker = work.pid().wait().unwrap();
    assert_ne!(worker, plugin.pid().unwrap());
    let hangs = work.hang().start().unwrap();
    let waits = work.pid_or_death(&directory.path().join("none")).start().unwrap();
    kill(plugin.pid().unwrap());
    next(&told, exit_of);
    // What started it is gone, but it may still do what it was asked for.
    assert_eq!(hangs.wait(), Err(RpcError::Closed { may_have_executed: true }));
    assert!(!waits.wait().unwrap_err().is_retryable());
    kill(worker);
    until(|| !is_running(worker));
}

#[test]
fn one_that_reads_no_answers_now_is_not_stuck() {
    let _guard = guard!();
    let mut config = patient();
    config.limits.hang_after = Duration::from_millis(20);
    let builder = builder().config(config).kill_unresponsive_after(Duration::from_millis(40));
    let (builder, told) = events(builder.serve(DoubleServer::new(Doubler)));
    let _plugin = builder.spawn(plugin(ASKS_SLOWLY)).unwrap();
    let exit = next(&told, |event| match event {
        Event::Unresponsive { .. } => panic!("it was taken for stuck"),
        event => exit_of(event),
    });
    assert!(exit.status.success(), "{exit}");
}

/// One that serves nothing, and does something else while answers come.
fn ask_slowly(_: &str) {
    let host = rapace::host().unwrap().config(patient()).connect().unwrap();
    let double = host.client::<DoubleClient>().unwrap();
    let calls: Vec<_> = (0..10).map(|number| double.double(number).start().unwrap()).collect();
    std::thread::sleep(Duration::from_millis(300));
    assert!(rapace::wait_all(calls).map(Result::unwrap).eq((0..10).map(|number| number * 2)));
}

/// One that notes its start in a directory, and opens its session if it is the first.
fn open_once(directory: &str) {
    let is_first = starts(Path::new(directory)) == 0;
    std::fs::write(Path::new(directory).join(std::process::id().to_string()), "").unwrap();
    let _host = is_first.then(|| rapace::host().unwrap().config(patient()).connect().unwrap());
    until(|| false);
}

#[test]
fn plugins_leave_nothing_behind() {
    let guard = guard!();
    guard.spawn(STARTS_MANY, "").join();
}

/// Starts plugins one after the other, and looks what is left of them.
fn start_many(_: &str) {
    let held = || ["/proc/self/fd", "/proc/self/task"].map(|path| std::fs::read_dir(path).unwrap().count());
    let start = || {
        let (builder, told) = events(builder().restart(Retry::limited(1)));
        let plugin = builder.spawn(plugin(WORKS)).unwrap();
        let work = plugin.client::<WorkClient>().unwrap();
        kill(work.pid().wait().unwrap());
        next(&told, exit_of);
        assert_ne!(work.pid().wait(), Ok(0));
        // The client is left, and holds nothing of a session.
        drop(plugin);
        assert!(builder_that_fails().is_retryable());
        work
    };
    // The thread that waits for deaths is there once somebody has slept.
    (0..5).for_each(|_| drop(start()));
    let before = held();
    let clients: Vec<_> = (0..20).map(|_| start()).collect();
    drop(clients);
    until(|| held().iter().zip(before).all(|(now, before)| *now <= before));
}

fn builder_that_fails() -> ConnectError {
    builder().spawn(Command::new("/bin/false")).unwrap_err()
}
