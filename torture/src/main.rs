//! A campaign that tries to break rapace: processes are killed, stopped, hung, forked and starved at any instant, and one
//! writes garbage over all that it can reach, while others call; whatever then does not hold is a failure.
//!
//! ```console
//! $ cargo run --release -p rapace-torture -- kill9 --rounds 200
//! ```
//!
//! A mode runs from a seed, by default from a new one. It shows how far it is, ends with a table of figures, and ends with
//! status 1 at the first thing that is wrong, with the command that does the same again: the same choices, not the same
//! instants of the scheduler. What each mode checks stands in its file, and in RELIABILITY.md with the figures.

mod belongings;
mod burner;
mod fork;
mod hang;
mod kill9;
mod ledger;
#[path = "../../rapace/tests/liar/mod.rs"]
mod liar;
mod load;
mod process;
mod random;
mod report;
mod restart;
mod scribble;
mod scribbler;
mod serving;
mod soak;
mod starve;
mod stop;
mod victim;
mod work;

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand};

/// Tries to break rapace.
#[derive(Debug, Parser)]
#[command(name = "torture")]
struct Arguments {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Debug, Subcommand)]
enum Mode {
    /// Kills the client, the server, or both at any instant.
    Kill9 {
        #[arg(long, default_value_t = 200)]
        rounds: u64,
        #[arg(long)]
        seed: Option<u64>,
        /// With both CPUs taken by other processes.
        #[arg(long)]
        busy: bool,
    },
    /// A process that writes garbage over all that it can reach, and its victim.
    Scribble {
        /// In seconds.
        #[arg(long, default_value_t = 20)]
        time: u64,
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Kills servers, or has them leave, and starts them again under clients that connect again.
    Restart {
        #[arg(long, default_value_t = 8)]
        rounds: u64,
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Full load for a long time.
    Soak {
        /// In seconds.
        #[arg(long, default_value_t = 30)]
        time: u64,
        /// With room for a few messages, so that somebody always waits for it.
        #[arg(long)]
        narrow: bool,
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Stops the server and lets it go on.
    Stop {
        #[arg(long, default_value_t = 6)]
        rounds: u64,
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Handlers that never return.
    Hang {
        #[arg(long, default_value_t = 5)]
        rounds: u64,
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Peers that fork and die.
    Fork {
        #[arg(long, default_value_t = 10)]
        rounds: u64,
        #[arg(long)]
        seed: Option<u64>,
    },
    /// No descriptors, no address space.
    Starve {
        #[arg(long, default_value_t = 2)]
        rounds: u64,
        #[arg(long)]
        seed: Option<u64>,
    },
    /// What the other processes of a mode run.
    #[command(hide = true)]
    Role { name: String, arguments: Vec<String> },
}

/// What processes of a mode are started for.
const ROLES: &[(&str, process::Role)] = &[
    ("serve", serving::serve),
    ("serve over", serving::serve_over),
    ("load", kill9::load),
    ("burn", burner::burn),
    ("victim", victim::victim),
    ("scribbler", scribbler::scribble),
    ("hang", hang::serve),
    ("fork client", fork::client),
    ("fork server", fork::server),
    ("starved client", starve::client),
    ("starved server", starve::server),
];

/// Has the allocator of this process and of those it starts give back what is free: what stays resident is what is held.
/// glibc would otherwise keep up to 64 MiB once it has seen large blocks (mallopt(3), `M_MMAP_THRESHOLD`).
fn give_memory_back() {
    const ASKED: &str = "MALLOC_TRIM_THRESHOLD_";
    if std::env::var_os(ASKED).is_none() {
        let mut again = Command::new(std::env::current_exe().expect("the path of this program"));
        again.args(std::env::args_os().skip(1)).env(ASKED, "131072").env("MALLOC_MMAP_THRESHOLD_", "131072");
        panic!("this program does not start again: {}", again.exec());
    }
}

fn main() -> ExitCode {
    give_memory_back();
    let began = Instant::now();
    let (name, outcome) = match Arguments::parse().mode {
        Mode::Kill9 { rounds, seed, busy } => ("kill9", kill9::run(rounds, seeded("kill9", seed), busy)),
        Mode::Scribble { time, seed } => {
            ("scribble", scribble::run(Duration::from_secs(time), seeded("scribble", seed)))
        }
        Mode::Restart { rounds, seed } => ("restart", restart::run(rounds, seeded("restart", seed))),
        Mode::Soak { time, narrow, seed } => {
            if narrow {
                serving::be_narrow();
            }
            ("soak", soak::run(Duration::from_secs(time), seeded("soak", seed)))
        }
        Mode::Stop { rounds, seed } => ("stop", stop::run(rounds, seeded("stop", seed))),
        Mode::Hang { rounds, seed } => ("hang", hang::run(rounds, seeded("hang", seed))),
        Mode::Fork { rounds, seed } => ("fork", fork::run(rounds, seeded("fork", seed))),
        Mode::Starve { rounds, seed } => ("starve", starve::run(rounds, seeded("starve", seed))),
        Mode::Role { name, arguments } => {
            return match process::play(ROLES, &name, &arguments) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("{name}: {error}");
                    ExitCode::FAILURE
                }
            };
        }
    };
    report::done();
    match outcome {
        Ok(table) => {
            println!("{name}: held, {:.0?}\n{table}", began.elapsed());
            ExitCode::SUCCESS
        }
        Err(error) => report::fail(&error, &report::replay()),
    }
}

/// The seed that was given, or a new one, which is said.
fn seeded(mode: &str, seed: Option<u64>) -> u64 {
    let seed = seed.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.as_nanos() as u64 % 1_000_000_007
    });
    println!("{mode}: seed {seed}");
    seed
}
