//! rapace itself as a contender.

pub mod calls;
pub mod connect;
pub mod crowd;
pub mod flows;
pub mod idle;
pub mod messages;
pub mod sessions;
pub mod stepped;

use rapace::{Config, Spin};

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
