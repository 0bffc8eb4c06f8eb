//! What surrounds the handlers of a server: the values that they find in their context, and who is told of their calls.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::extensions::Extensions;
use super::link::Link;
use super::request::panic_text;
use crate::os::Credentials;

/// What a server gives each session that begins.
#[derive(Default)]
pub(crate) struct Setting {
    pub(crate) extensions: Extensions,
    /// What adds to them for each session.
    on_session: Vec<OnSession>,
    #[cfg(feature = "hooks")]
    pub(crate) hooks: super::hooks::HookList,
}

type OnSession = Box<dyn Fn(&Credentials, &mut Extensions) + Send + Sync>;

impl Setting {
    pub(crate) fn on_session(&mut self, begins: impl Fn(&Credentials, &mut Extensions) + Send + Sync + 'static) {
        self.on_session.push(Box::new(begins));
    }

    /// A session begins, and none of its requests was looked at. False when it cannot be served, because the user's code
    /// panicked.
    pub(crate) fn begin(&self, link: &Link) -> bool {
        #[cfg(feature = "hooks")]
        let _ = link.hooks.set(std::sync::Arc::new(self.hooks.clone()));
        let peer = link.shared.credentials;
        let run = AssertUnwindSafe(|| {
            let mut extensions = self.extensions.clone();
            self.on_session.iter().for_each(|begins| begins(&peer, &mut extensions));
            extensions
        });
        match catch_unwind(run) {
            Ok(extensions) => link.extensions.set(extensions),
            Err(panic) => {
                panic_text(panic);
                false
            }
        }
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setting").field("extensions", &self.extensions).finish_non_exhaustive()
    }
}
