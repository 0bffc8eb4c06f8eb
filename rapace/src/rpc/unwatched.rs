//! A call that nobody watches, because the feature `hooks` is off: all of it is nothing, so that it costs nothing.

#![allow(clippy::unused_self, clippy::needless_pass_by_value, reason = "it stands for what there is with the feature")]

use super::call_id::CallId;
use super::direct::Direct;
use super::error::RpcError;
use super::link::Link;
use super::service::Services;
use super::status::Status;
use crate::lane::Outgoing;
use crate::session::Payload;

/// What is a call's watch with the feature.
#[derive(Debug, Default)]
pub(crate) struct Watch {}

impl Watch {
    #[inline(always)]
    pub(crate) fn is_watched(_: &Link) -> bool {
        false
    }

    #[inline(always)]
    pub(crate) fn is_watching(&self) -> bool {
        false
    }

    #[inline(always)]
    pub(crate) fn of_call(_: &Direct, _: usize, _: usize) -> Self {
        Self {}
    }

    #[inline(always)]
    pub(crate) fn of_request(_: &Link, _: &Services, _: u32, _: &Payload) -> Self {
        Self {}
    }

    #[inline(always)]
    pub(crate) fn begin(self) -> Self {
        self
    }

    #[inline(always)]
    pub(crate) fn enter(&self) -> Entered {
        Entered
    }

    #[inline(always)]
    pub(crate) fn send<X>(&self, _: &Link, args: &Outgoing<'_>, send: impl FnOnce(&Outgoing<'_>) -> X) -> X {
        send(args)
    }

    #[inline(always)]
    pub(crate) fn has_metadata(&self) -> bool {
        false
    }

    #[inline(always)]
    pub(crate) fn came(self, _: Status, _: usize) {}

    #[inline(always)]
    pub(crate) fn failed(self, error: RpcError) -> RpcError {
        error
    }

    #[inline(always)]
    pub(crate) fn answers(&mut self, _: &Link, _: CallId, _: Status, _: usize) {}

    #[inline(always)]
    pub(crate) fn refuses(&mut self, _: Status, _: &str) {}

    #[inline(always)]
    pub(crate) fn stops(&mut self, _: &Link, _: CallId) {}
}

/// What marks that a handler runs on this thread.
pub(crate) struct Entered;
