//! Measures rapace between two processes, beside the floor it stands on.
//!
//! The bench binary runs itself again as the peer, pins the two processes to a CPU each, and lets
//! every contender work in short bursts, one contender after the other, for many rounds. On the
//! virtual machines that this is run on two CPUs are near each other or far apart, and that changes
//! over seconds; so each burst stands between two probes of the distance and is compared only with
//! bursts of the same class. Absolute times are this machine's; the ratios are the result.
//!
//! Bottom up: [`control`] and [`peer`] start and steer the second process, [`half`] is memory as the product maps
//! it, [`floor`] holds what rapace is compared with, `foreign` products of others and [`product`] rapace itself,
//! [`waiting`], [`task`], [`call`] and [`work`] name what both processes do, [`burst`], [`awaited`],
//! [`distance`], [`rounds`] and [`meeting`] measure, [`rows`] says what against what,
//! [`figures`], [`report`] and [`document`] what came out. [`bench`](mod@bench) is what the bench programs have in
//! common; [`micro`] has one thread do the parts of a message, [`budget`] counts instructions instead of time, and [`compile_time`] has a compiler's measured.

pub mod awaited;
pub mod bench;
pub mod budget;
pub mod burst;
pub mod call;
pub mod compile_time;
pub mod control;
pub mod cpu;
pub mod distance;
pub mod document;
pub mod figures;
pub mod floor;
#[cfg(feature = "peers")]
pub mod foreign;
pub mod half;
pub mod machine;
pub mod meeting;
pub mod micro;
pub mod peer;
pub mod plot;
pub mod product;
pub mod report;
pub mod rounds;
pub mod rows;
pub mod task;
pub mod versions;
pub mod waiting;
pub mod work;
