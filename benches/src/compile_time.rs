//! How long a compiler works on the methods of a service: rapace's beside tarpc's.
//!
//! For each product a program is written, its dependencies are built, and then it alone is built again and again, without
//! incremental compilation: with a service of one method, and with 50 more. The difference is what the methods cost,
//! whatever cargo, the linker and the rest of the program do.

pub mod programs;

use std::fmt::{self, Write};
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::figures::Figure;
use programs::Product;

/// So many methods more in the larger service.
pub const METHODS: usize = 50;

/// The sizes of the two services.
const SIZES: [usize; 2] = [1, 1 + METHODS];

/// How a program is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// As `cargo build` does.
    Debug,
    /// With optimisation.
    Release,
}

impl Profile {
    const ALL: [Self; 2] = [Self::Debug, Self::Release];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}

/// Builds of one program.
#[derive(Clone, Debug)]
pub struct Builds {
    /// What it uses.
    pub product: Product,
    /// How it was built.
    pub profile: Profile,
    /// Nanoseconds of each build with a small service, and with a large one.
    times: [Vec<f64>; 2],
}

impl Builds {
    /// Nanoseconds of a build with one method, and with 50 more.
    #[must_use]
    pub fn medians(&self) -> [f64; 2] {
        self.times.clone().map(|mut times| {
            times.sort_by(f64::total_cmp);
            times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
        })
    }

    /// Nanoseconds that the 50 methods add.
    #[must_use]
    pub fn added(&self) -> f64 {
        let [small, large] = self.medians();
        large - small
    }
}

/// Builds all programs in turn, so many times each. They and what they depend on are kept in `directory`, so that
/// only the first run takes long and needs the network.
///
/// # Errors
/// When a program cannot be written or built.
pub fn measure(directory: &Path, repetitions: usize) -> io::Result<Vec<Builds>> {
    let mut all = Vec::new();
    for profile in Profile::ALL {
        for product in Product::ALL {
            let package = directory.join(product.package());
            fs::create_dir_all(package.join("src"))?;
            fs::write(package.join("Cargo.toml"), product.manifest())?;
            for methods in SIZES {
                build(product, profile, methods, directory)?;
            }
            all.push(Builds { product, profile, times: [Vec::new(), Vec::new()] });
        }
    }
    for _ in 0..repetitions {
        for builds in &mut all {
            for (times, methods) in builds.times.iter_mut().zip(SIZES) {
                times.push(build(builds.product, builds.profile, methods, directory)?);
            }
        }
    }
    Ok(all)
}

/// Nanoseconds of a build of the program with so many methods, which is written anew for it.
fn build(product: Product, profile: Profile, methods: usize, directory: &Path) -> io::Result<f64> {
    let package = directory.join(product.package());
    fs::write(package.join("src/main.rs"), product.program(methods))?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.arg("build").current_dir(&package).env("CARGO_INCREMENTAL", "0");
    cargo.arg("--target-dir").arg(directory.join("target").join(product.package()));
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    let begin = Instant::now();
    let output = cargo.output()?;
    let time = begin.elapsed().as_nanos() as f64;
    if output.status.success() {
        return Ok(time);
    }
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    Err(io::Error::other(format!("{} with {methods} methods, {}", product.package(), profile.name())))
}

/// How much more the methods cost than tarpc's.
fn times_tarpc(all: &[Builds], builds: &Builds) -> f64 {
    let tarpc = all.iter().find(|other| other.product == Product::Tarpc && other.profile == builds.profile);
    tarpc.map_or(f64::NAN, |tarpc| builds.added() / tarpc.added())
}

/// The figures that the builds answer.
#[must_use]
pub fn figures(all: &[Builds]) -> Vec<Figure> {
    let ours = all.iter().filter(|builds| builds.product != Product::Tarpc);
    let figure = |builds: &Builds| {
        let (name, profile) = (builds.product.name(), builds.profile.name());
        let what = format!("what {METHODS} methods add to a {profile} build with {name} × what they add with tarpc");
        Figure::shown(&what, "1.00 ×", &format!("{:.2} ×", times_tarpc(all, builds)))
    };
    ours.map(figure).collect()
}

/// The table of builds.
///
/// # Errors
/// Those of the writer.
pub fn table(out: &mut impl Write, all: &[Builds]) -> fmt::Result {
    writeln!(
        out,
        "Each program serves its service, and calls each method once. Times of `cargo build` of the program alone, without \
         incremental compilation; medians of {} builds, taken in turn. Compare what the methods add: the rest of a build \
         is cargo, the linker, and the program around the service.\n",
        all.first().map_or(0, |builds| builds.times[0].len())
    )?;
    writeln!(out, "| | profile | 1 method | {} methods | {METHODS} methods add | × tarpc |", SIZES[1])?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for builds in all {
        let [small, large] = builds.medians().map(seconds);
        let (name, profile) = (builds.product.name(), builds.profile.name());
        let (added, times) = (seconds(builds.added()), times_tarpc(all, builds));
        writeln!(out, "| {name} | {profile} | {small} | {large} | {added} | {times:.2} |")?;
    }
    writeln!(out)
}

fn seconds(nanoseconds: f64) -> String {
    format!("{:.2} s", nanoseconds / 1e9)
}
