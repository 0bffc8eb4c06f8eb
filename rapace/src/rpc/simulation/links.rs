//! Two links of one process whose requests are handled by nobody but a test.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::METHODS;
use crate::rpc::link::Link;
use crate::rpc::request::{Handled, Request};
use crate::rpc::service::{MethodInfo, Serve, Service, Services};
use crate::rpc::setting::Setting;
use crate::rpc::streams::Flow;
use crate::session::{Config, pair_with};

struct Nothing;

impl Serve for Nothing {
    fn service(&self) -> &'static Service {
        static SERVICE: OnceLock<Service> = OnceLock::new();
        SERVICE.get_or_init(|| {
            let info = |flows: &&'static [Flow]| MethodInfo::new("", "", |_| {}).streams(flows);
            Service::new("Simulated", METHODS.iter().map(info).collect::<Vec<_>>())
        })
    }

    fn call(&self, _: usize, request: Request<'_>) -> Handled {
        request.unknown_method()
    }
}

/// Two links whose requests nobody handles but the test.
pub(crate) fn links(config: &Config) -> [Arc<Link>; 2] {
    let (a, b) = pair_with(config).unwrap();
    let services = Services::new(vec![Arc::new(Nothing)], Setting::default()).unwrap();
    [Link::new(a, Some(Arc::clone(&services))), Link::new(b, Some(services))]
}

/// Waits for what another thread does.
#[track_caller]
pub(crate) fn until(mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(1));
    }
}
