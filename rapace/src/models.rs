//! Searches of interleavings, by loom: the ring, the slots, the wake-up on the futex, credit that is given quietly, the one
//! reader of the socket, the lock, and the close. The code searched is the code in use; what the kernel does is modelled here.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p rapace --lib --release models
//! ```
//!
//! loom tries every order of the threads' steps and, for each relaxed load, every value that the memory model allows.
//! A lost wake-up is a deadlock, an overwritten entry or slot is a conflicting access; loom panics at either. Searches
//! go to [`PREEMPTIONS`] forced switches, without counting those where a thread must wait; `LOOM_MAX_PREEMPTIONS=5` in
//! the environment searches deeper.
//!
//! For each rule of the protocol there is a model that leaves it out and must fail: by a `Fault` that the code in use
//! looks at, or by a `Mistake` of a modelled part. A search that cannot fail says nothing.

mod bell;
mod close;
mod futex;
mod lock;
mod quiet;
mod ring;
mod slots;

/// Forced switches of a search. The known bugs of such protocols need two; three leaves one to spare and ends in
/// seconds.
const PREEMPTIONS: usize = 3;

fn search(model: impl Fn() + Send + Sync + 'static) {
    search_to(PREEMPTIONS, model);
}

fn search_to(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.check(model);
}

/// How a model must fail; one that fails otherwise has found something else.
const LOST_WAKE_UP: &str = "deadlock";
const CONFLICTING_ACCESS: &str = "Causality violation";
const EARLY_CLOSE: &str = "the close overtook a message";
const FALSE_FLOOD: &str = "an honest peer is taken for a flood";

/// Panics if `model` fails by `reason`, and not if it succeeds or fails otherwise.
fn by(reason: &str, model: impl FnOnce() + std::panic::UnwindSafe) {
    let Err(panic) = std::panic::catch_unwind(model) else { return };
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    if text.is_some_and(|text| text.contains(reason)) {
        std::panic::resume_unwind(panic);
    }
}
