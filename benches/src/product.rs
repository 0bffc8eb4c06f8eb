//! rapace itself as a contender.

pub mod calls;
pub mod connect;
pub mod crowd;
pub mod flows;
pub mod idle;
pub mod messages;
pub mod sessions;
pub mod stepped;

use rapace::{Config, Spin, Trust};

use crate::waiting::Waiting;

/// The configuration of a session that waits so.
#[must_use]
pub fn config(waiting: Waiting) -> Config {
    let mut config = Config::default();
    match waiting {
        Waiting::Never => config.spin = Spin::Never,
        Waiting::Default => {}
        Waiting::Forever => config.spin = Spin::Forever,
    }
    config
}

/// The default, of a side that vouches for the other one.
#[must_use]
#[allow(unsafe_code)]
pub fn trusting() -> Config {
    let mut config = Config::default();
    // SAFETY: the other side is this program, which writes into no slot that it has sent; neither of the two forks.
    config.trust = Some(unsafe { Trust::assume_sender_honours_slots() });
    config
}
