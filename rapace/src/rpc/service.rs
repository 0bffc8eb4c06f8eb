//! What a trait became: its methods with their shapes, and how a request finds its handler.
//!
//! In the handshake each side says what it serves, as names and numbers: for each method a 64-bit name and the
//! fingerprint of its shapes. From that the caller knows the number of each of its methods on the wire, which the server
//! lacks, and which mean something else there. The readable texts travel only then, as the answer to a request of
//! method 0.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};

use super::request::{Handled, Request, panic_text};
use super::setting::Setting;
use super::status::Status;
use super::streams::Flow;
use crate::codec::generated::ShapeWith;
use crate::codec::shape::Kind;
use crate::codec::{Budget, DecodeError, Encoder, Message, Shape};
use crate::error::OpenError;
use crate::os::Credentials;

/// The number of the method that every program answers: what it serves, in words.
pub(crate) const DESCRIBE: u32 = 0;

/// A service as one program knows it.
pub struct Service {
    name: &'static str,
    methods: Vec<MethodInfo>,
    /// Method names on the wire and fingerprints, made when they are first asked for.
    entries: OnceLock<Vec<Entry>>,
}

/// A method as one program knows it.
pub struct MethodInfo {
    name: &'static str,
    signature: &'static str,
    shapes: fn(&mut ShapeBuilder),
    manner: Manner,
}

/// How a method is called and handled, as far as others than its handler must know.
#[derive(Clone, Copy, Debug, Default)]
struct Manner {
    is_blocking: bool,
    is_async: bool,
    flows: &'static [Flow],
}

/// Collects the shapes of a method's arguments and results.
#[derive(Debug, Default)]
pub struct ShapeBuilder {
    parts: Vec<(String, Shape)>,
}

/// A method in a catalogue: what it is called and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    id: u64,
    fingerprint: u64,
}

/// What a side serves, as the handshake says it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Catalogue {
    services: Vec<(String, Vec<Entry>)>,
}

/// A method in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Description {
    service: String,
    method: String,
    signature: String,
    parts: Vec<(String, Shape)>,
}

/// 64-bit FNV-1a, of `Service.method`: how methods are named on the wire.
#[must_use]
pub const fn method_id(service: &str, method: &str) -> u64 {
    let hash = fnv(0xcbf2_9ce4_8422_2325, service.as_bytes());
    fnv(fnv(hash, b"."), method.as_bytes())
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "bounded by the loop; a const fn has no iterators"
)]
const fn fnv(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        index += 1;
    }
    hash
}

impl ShapeBuilder {
    /// An argument, as its codec reads it.
    pub fn argument(&mut self, name: &str, codec: &impl ShapeWith) {
        self.parts.push((format!("argument `{name}`"), codec.shape()));
    }

    /// A stream, as its items are read.
    pub fn stream(&mut self, name: &str, flow: Flow, codec: &impl ShapeWith) {
        let way = match flow {
            Flow::ToCaller => "output",
            Flow::ToServer => "input",
        };
        self.parts.push((format!("{way} stream `{name}`"), codec.shape()));
    }

    /// There is no answer, and so no result.
    pub fn one_way(&mut self) {
        self.parts.push(("one-way call".to_owned(), Shape::single(Kind::Unit)));
    }

    /// The result.
    pub fn returns(&mut self, codec: &impl ShapeWith) {
        self.parts.push(("result".to_owned(), codec.shape()));
    }

    /// The method's own error.
    pub fn fails(&mut self, codec: &impl ShapeWith) {
        self.parts.push(("error".to_owned(), codec.shape()));
    }
}

impl MethodInfo {
    /// A method by its name on the wire, its signature as it was written, and its shapes.
    pub const fn new(name: &'static str, signature: &'static str, shapes: fn(&mut ShapeBuilder)) -> Self {
        let manner = Manner { is_blocking: false, is_async: false, flows: &[] };
        Self { name, signature, shapes, manner }
    }

    /// It may block for long, and runs on a worker.
    #[must_use]
    pub const fn blocking(mut self) -> Self {
        self.manner.is_blocking = true;
        self
    }

    /// Its handler is a future.
    #[must_use]
    pub const fn asynchronous(mut self) -> Self {
        self.manner.is_async = true;
        self
    }

    /// It has streams: which way the items of each go, in the order of its arguments.
    #[must_use]
    pub const fn streams(mut self, flows: &'static [Flow]) -> Self {
        self.manner.flows = flows;
        self
    }

    fn describe(&self, service: &str) -> Description {
        let mut shapes = ShapeBuilder::default();
        (self.shapes)(&mut shapes);
        Description {
            service: service.to_owned(),
            method: self.name.to_owned(),
            signature: self.signature.to_owned(),
            parts: shapes.parts,
        }
    }
}

impl Description {
    /// The roles and shapes alone: what an argument is called does not matter on the wire.
    fn fingerprint(&self) -> u64 {
        self.parts.iter().fold(0xcbf2_9ce4_8422_2325, |hash, (part, shape)| {
            fnv(fnv(hash, role(part).as_bytes()), &shape.fingerprint().to_le_bytes())
        })
    }
}

/// What a part of a method is, by the first word of its name: an argument, a stream of one direction, a result.
fn role(part: &str) -> &str {
    part.split(' ').next().unwrap_or_default()
}

impl Service {
    /// A service by its name and its methods, in the order of the trait.
    pub fn new(name: &'static str, methods: impl Into<Vec<MethodInfo>>) -> Self {
        Self { name, methods: methods.into(), entries: OnceLock::new() }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The name of a method.
    pub(crate) fn method(&self, index: usize) -> &'static str {
        self.methods.get(index).map_or("?", |method| method.name)
    }

    /// The name of a method, as `Service.method`.
    pub(crate) fn method_name(&self, index: usize) -> String {
        format!("{}.{}", self.name, self.method(index))
    }

    fn entries(&self) -> &[Entry] {
        self.entries.get_or_init(|| {
            let entry = |method: &MethodInfo| Entry {
                id: method_id(self.name, method.name),
                fingerprint: method.describe(self.name).fingerprint(),
            };
            self.methods.iter().map(entry).collect()
        })
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods = self.methods.iter().map(|method| method.signature);
        f.debug_struct("Service").field("name", &self.name).field("methods", &methods.collect::<Vec<_>>()).finish()
    }
}

impl fmt::Debug for MethodInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MethodInfo").field(&self.signature).finish()
    }
}

/// The one [`Service`] of a trait without type parameters, built when it is first asked for.
#[derive(Debug)]
pub struct OneService(OnceLock<Service>);

impl OneService {
    /// Not built.
    #[allow(clippy::new_without_default, reason = "it is made for a static")]
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// The service.
    #[inline]
    pub fn get(&self, build: fn() -> Service) -> &Service {
        // Built outside of the lock, because it asks the types of the user.
        self.0.get().unwrap_or_else(|| {
            let built = build();
            self.0.get_or_init(|| built)
        })
    }
}

/// The one [`Service`] of a set of type parameters, which live as long as the program.
pub fn service_of<K: 'static>(build: fn() -> Service) -> &'static Service {
    static SERVICES: Mutex<Option<HashMap<TypeId, &'static Service>>> = Mutex::new(None);
    let known =
        |services: &Option<HashMap<TypeId, &'static Service>>| services.as_ref()?.get(&TypeId::of::<K>()).copied();
    if let Some(service) = known(&SERVICES.lock().unwrap_or_else(PoisonError::into_inner)) {
        return service;
    }
    // Built without the lock, because it asks the types of the user.
    let built = build();
    let mut services = SERVICES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(service) = known(&services) {
        return service;
    }
    let service: &'static Service = Box::leak(Box::new(built));
    services.get_or_insert_default().insert(TypeId::of::<K>(), service);
    service
}

/// What the macro makes of an implementation: something that requests can be given to.
pub trait Serve: Send + Sync + 'static {
    /// What it serves.
    fn service(&self) -> &'static Service;

    /// Has a method run.
    fn call(&self, method: usize, request: Request<'_>) -> Handled;

    /// Whether it is to be asked who may call.
    fn is_guarded(&self) -> bool {
        false
    }

    /// Whether this peer may call the method of this name.
    fn admits(&self, _: &Credentials, _: &'static str) -> bool {
        true
    }
}

/// A service whose methods are all sync, so that threads can run them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be served on threads",
    note = "pass the generated server, as in `CalculatorServer::new(implementation)`; if a method is `async`, serve it in a tokio runtime: with `rapace::aio::serve`, at a client with `ClientBuilder::serve_async`"
)]
pub trait ServeOnThreads: Serve {}

/// All that a program serves on one session.
pub(crate) struct Services {
    services: Vec<Arc<dyn Serve>>,
    /// Of each method on the wire, from 1: the service and the method within it.
    routes: Vec<Route>,
    has_streams: bool,
    catalogue: Vec<u8>,
    setting: Setting,
}

/// Where a method on the wire is found.
struct Route {
    served: Arc<dyn Serve>,
    method: usize,
    manner: Manner,
    /// It runs where its session is served, and for everybody.
    is_plain: bool,
}

/// What a handler must have to itself, if it is not to hold up others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    /// A thread of those that are there for it.
    Worker,
    /// A thread of its own: it may wait for as long as the other end of a stream lets it.
    Thread,
}

impl Services {
    /// These services, whose handlers find this around them.
    ///
    /// # Errors
    /// [`OpenError::ServiceTwice`].
    pub(crate) fn new(services: Vec<Arc<dyn Serve>>, setting: Setting) -> Result<Arc<Self>, OpenError> {
        let mut routes = Vec::new();
        let mut catalogue = Catalogue::default();
        for served in &services {
            let service = served.service();
            if catalogue.services.iter().any(|(name, _)| name == service.name) {
                return Err(OpenError::ServiceTwice { service: service.name });
            }
            let is_guarded = served.is_guarded();
            let route = |(method, info): (usize, &MethodInfo)| {
                let manner = info.manner;
                let is_plain = !manner.is_blocking && manner.flows.is_empty() && !is_guarded;
                Route { served: Arc::clone(served), method, manner, is_plain }
            };
            routes.extend(service.methods.iter().enumerate().map(route));
            catalogue.services.push((service.name.to_owned(), service.entries().to_vec()));
        }
        let mut encoder = Encoder::new();
        // Strings and numbers have no way to fail.
        let _ = encoder.serialize(&catalogue);
        let has_streams = routes.iter().any(|route| !route.manner.flows.is_empty());
        Ok(Arc::new(Self { services, routes, has_streams, catalogue: encoder.to_vec(), setting }))
    }

    pub(crate) fn catalogue(&self) -> &[u8] {
        &self.catalogue
    }

    /// Whose method has this number on the wire.
    #[inline]
    pub(crate) fn route(&self, method: u32) -> Option<(&Arc<dyn Serve>, usize)> {
        self.find(method).map(|route| (&route.served, route.method))
    }

    #[inline]
    fn find(&self, method: u32) -> Option<&Route> {
        self.routes.get((method as usize).checked_sub(1)?)
    }

    /// What the handler of this number needs, where others are served by the same thread; `in_tasks` when a handler that is
    /// a future holds up nobody there.
    #[inline]
    pub(crate) fn needs(&self, method: u32, in_tasks: bool) -> Needs {
        match self.find(method).map(|route| route.manner) {
            Some(Manner { is_async: true, .. }) if in_tasks => Needs::Nothing,
            Some(Manner { is_blocking: true, .. }) => Needs::Worker,
            Some(Manner { flows: [_, ..], .. }) => Needs::Thread,
            _ => Needs::Nothing,
        }
    }

    /// Whether the handler of this number may run within the wait of another one: it is no future, and has no streams.
    pub(crate) fn may_nest(&self, method: u32) -> bool {
        self.find(method).is_some_and(|route| !route.manner.is_async && route.manner.flows.is_empty())
    }

    /// Whether any method has streams.
    #[inline]
    pub(crate) fn has_streams(&self) -> bool {
        self.has_streams
    }

    /// The streams of the method of this number.
    pub(crate) fn flows(&self, method: u32) -> &'static [Flow] {
        self.find(method).map_or(&[], |route| route.manner.flows)
    }

    /// Whether a request of this method is handled at once, where it came, whoever sent it.
    #[inline]
    pub(crate) fn is_plain(&self, method: u32) -> bool {
        self.find(method).is_none_or(|route| route.is_plain)
    }

    /// How a request of this method is refused before anything else is done with it, if this peer may not make it.
    pub(crate) fn refusal(&self, method: u32, peer: &Credentials) -> Option<(Status, String)> {
        let (served, index) = self.route(method)?;
        match catch_unwind(AssertUnwindSafe(|| served.admits(peer, served.service().method(index)))) {
            Ok(true) => None,
            Ok(false) => Some((Status::PermissionDenied, String::new())),
            Err(panic) => Some((Status::Panicked, panic_text(panic))),
        }
    }

    /// What surrounds its handlers.
    pub(crate) fn setting(&self) -> &Setting {
        &self.setting
    }

    /// What it serves, in words.
    pub(crate) fn describe(&self) -> Vec<Description> {
        let describe = |served: &Arc<dyn Serve>| {
            let service = served.service();
            service.methods.iter().map(|method| method.describe(service.name)).collect::<Vec<_>>()
        };
        self.services.iter().flat_map(describe).collect()
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.services.iter().map(|served| served.service())).finish()
    }
}

/// What a client found when it compared its service with those of the server.
#[derive(Debug)]
pub(crate) enum Agreement {
    /// The number of each method on the wire; zero where the server has none.
    Methods(Box<[u32]>),
    /// These methods mean something else there.
    Differs(Vec<usize>),
    /// The server serves other things.
    NoService(Vec<String>),
}

impl Service {
    /// Compares this service with what a server said of itself.
    pub(crate) fn agree(&self, catalogue: &[u8]) -> Result<Agreement, DecodeError> {
        // A side that serves nothing has nothing to say of it.
        let catalogue: Catalogue = if catalogue.is_empty() { Catalogue::default() } else { read(catalogue)? };
        let mut first: u32 = 1;
        for (name, entries) in &catalogue.services {
            if name == self.name {
                return Ok(self.agree_with(entries, first));
            }
            first = first.saturating_add(entries.len() as u32);
        }
        Ok(Agreement::NoService(catalogue.services.into_iter().map(|(name, _)| name).collect()))
    }

    fn agree_with(&self, theirs: &[Entry], first: u32) -> Agreement {
        let places: HashMap<u64, (u32, u64)> = (first..).zip(theirs).map(|(n, e)| (e.id, (n, e.fingerprint))).collect();
        let found = |entry: &Entry| places.get(&entry.id);
        let differs = |entry: &Entry| found(entry).is_some_and(|(_, fingerprint)| *fingerprint != entry.fingerprint);
        let differing: Vec<_> = (0..).zip(self.entries()).filter(|(_, e)| differs(e)).map(|(index, _)| index).collect();
        if !differing.is_empty() {
            return Agreement::Differs(differing);
        }
        Agreement::Methods(self.entries().iter().map(|entry| found(entry).map_or(0, |(number, _)| *number)).collect())
    }

    /// How a method here differs from the one of that name there, in words.
    pub(crate) fn difference(&self, index: usize, theirs: &[Description]) -> Option<String> {
        let ours = self.methods.get(index)?.describe(self.name);
        let theirs = theirs.iter().find(|other| other.service == ours.service && other.method == ours.method)?;
        let mut text = format!(
            "method `{}` differs: here `{}`, at the server `{}`",
            self.method_name(index),
            ours.signature,
            theirs.signature
        );
        if ours.parts.len() != theirs.parts.len() {
            text.push_str(&format!("; {} arguments and results here, {} there", ours.parts.len(), theirs.parts.len()));
        }
        for ((part, here), (their_part, there)) in ours.parts.iter().zip(&theirs.parts) {
            if role(part) != role(their_part) {
                text.push_str(&format!("; {part} here, {their_part} there"));
            } else if let Some(difference) = here.difference(there) {
                text.push_str(&format!("; {part}: {difference}"));
            }
        }
        Some(text)
    }
}

/// Reads something that the other side said of itself.
pub(crate) fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let message = Message::from_bytes(bytes.to_vec(), Budget::default());
    let mut reader = message.reader();
    let value = reader.deserialize()?;
    reader.finish()?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_published_fnv() {
        // The test vector of "a" from the algorithm's own page, by way of its steps.
        assert_eq!(fnv(0xcbf2_9ce4_8422_2325, b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_ne!(method_id("A", "b"), method_id("A.b", ""));
    }
}
