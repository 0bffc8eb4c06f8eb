//! How somebody who is no server opens a session, and serves the other side of it in turn.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use super::link::Link;
use super::service::{Serve, Services};
use super::setting::Setting;
use crate::error::OpenError;
use crate::session::{Config, PeerB, Role, Session};

/// Has the other side of a link served from now on, until the link is over.
pub(crate) type StartServing = fn(&Arc<Link>, &Arc<Services>) -> Result<(), OpenError>;

/// How sessions are opened.
#[derive(Default)]
pub(crate) struct Opening {
    pub(crate) config: Config,
    /// What the other side is served, and how that is begun.
    serves: Vec<Arc<dyn Serve>>,
    start: Option<StartServing>,
    /// The same, once it is put together.
    services: Option<Arc<Services>>,
    #[cfg(feature = "hooks")]
    pub(crate) hooks: super::hooks::HookList,
}

impl Opening {
    pub(crate) fn serve(&mut self, services: Vec<Arc<dyn Serve>>, start: StartServing) {
        self.serves = services;
        self.start = Some(start);
    }

    /// Puts together what is served.
    pub(crate) fn prepare(&mut self) -> Result<(), OpenError> {
        if self.start.is_some() && self.services.is_none() {
            self.services = Some(Services::new(std::mem::take(&mut self.serves), Setting::default())?);
        }
        Ok(())
    }

    pub(crate) fn catalogue(&self) -> &[u8] {
        self.services.as_ref().map_or(&[], |services| services.catalogue())
    }

    /// With the server that listens at a path.
    pub(crate) fn connect(&self, path: &Path) -> Result<Arc<Link>, OpenError> {
        Ok(self.link(Session::<PeerB>::connect_serving(path, &self.config, self.catalogue())?))
    }

    /// With the PeerA on the other end of a connected socket.
    pub(crate) fn join(&self, socket: UnixStream) -> Result<Arc<Link>, OpenError> {
        Ok(self.link(Session::<PeerB>::over_serving(socket, &self.config, self.catalogue())?))
    }

    pub(crate) fn link<R: Role>(&self, session: Session<R>) -> Arc<Link> {
        let link = Link::new(session, self.services.clone());
        // It is new, so there are none yet.
        #[cfg(feature = "hooks")]
        let _ = link.hooks.set(Arc::new(self.hooks.clone()));
        link
    }

    /// Has the other side served.
    pub(crate) fn serve_over(&self, link: &Arc<Link>) -> Result<(), OpenError> {
        match (&self.services, self.start) {
            (Some(services), Some(start)) => start(link, services),
            _ => Ok(()),
        }
    }
}
