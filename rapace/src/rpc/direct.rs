//! A service at the other side of one session, and what it takes to call it there.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::client::ConnectError;
use super::deadline::Deadline;
use super::error::RpcError;
use super::link::{Link, Target};
use super::owed::bounded;
use super::service::{Agreement, DESCRIBE, Description, Service, read};
use super::standing::Keeper;
use super::status::Status;
use super::tickets::Outcome;
use crate::error::Violation;
use crate::lane::Outgoing;
use crate::layout::inline::Inline;

/// A service over a link. What a client that stays with its session consists of, and what one that does not has at a time.
#[derive(Clone)]
pub(crate) struct Direct {
    inner: Arc<Inner>,
    /// The call of the peer in whose handler the calls are made, or zero.
    parent: u32,
}

struct Inner {
    link: Arc<Link>,
    service: &'static Service,
    /// The number of each method on the wire; zero where the server has none.
    methods: Arc<[u32]>,
    /// What keeps the session open meanwhile.
    holds: Holds,
}

/// What keeps a session open for those who call there. Nothing, if whoever serves the peer does.
#[derive(Clone, Default)]
pub(crate) struct Holds {
    /// What those who call there have together.
    _session: Option<Arc<Owner>>,
    /// What keeps the sessions coming that follow it.
    _sessions: Option<Arc<Keeper>>,
}

impl Holds {
    pub(crate) fn session(owner: Arc<Owner>) -> Self {
        Self { _session: Some(owner), _sessions: None }
    }

    pub(super) fn sessions(owner: Arc<Owner>, keeper: Option<Arc<Keeper>>) -> Self {
        Self { _session: Some(owner), _sessions: keeper }
    }
}

/// What those who call on a session of their own have together. Something else may hold the link as well: who serves there.
pub(crate) struct Owner(Arc<Link>);

impl Owner {
    pub(crate) fn new(link: Arc<Link>) -> Arc<Self> {
        Arc::new(Self(link))
    }

    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.0
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.retire();
    }
}

impl Direct {
    /// A service that the other side of a link is to have.
    pub(crate) fn new(
        link: &Arc<Link>,
        service: &'static Service,
        parent: u32,
        holds: Holds,
    ) -> Result<Self, ConnectError> {
        let methods = agree(link, service)?;
        Ok(Self { inner: Arc::new(Inner { link: Arc::clone(link), service, methods, holds }), parent })
    }

    /// What the other side of a link serves, for a handler of its call `parent`. On a thread that [keeps](Keeping) it, handlers one
    /// after the other have the same.
    #[inline(always)]
    pub(crate) fn of_peer(link: &Arc<Link>, service: &'static Service, parent: u32) -> Result<Self, ConnectError> {
        match Inner::kept(link, service) {
            Some(inner) => Ok(Self { inner, parent }),
            None => Self::of_peer_slowly(link, service, parent),
        }
    }

    #[cold]
    fn of_peer_slowly(link: &Arc<Link>, service: &'static Service, parent: u32) -> Result<Self, ConnectError> {
        let made = Self::new(link, service, parent, Holds::default())?;
        let is_served_here = |kept: &mut Kept| kept.link == Arc::as_ptr(link);
        let before = kept(|kept| if is_served_here(kept) { kept.last.replace(Arc::clone(&made.inner)) } else { None });
        // Not while that is borrowed.
        drop(before);
        Ok(made)
    }

    /// Another service of the same other side.
    pub(crate) fn sibling(&self, service: &'static Service) -> Result<Self, ConnectError> {
        let Inner { link, holds, .. } = &*self.inner;
        Self::new(link, service, self.parent, holds.clone())
    }

    #[inline]
    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.inner.link
    }

    pub(crate) fn service(&self) -> &'static Service {
        self.inner.service
    }

    /// A method as the wire names it, called from where this is.
    #[inline]
    pub(crate) fn target(&self, index: usize) -> Result<Target, RpcError> {
        match self.inner.methods.get(index) {
            Some(&method) if method != DESCRIBE => Ok(Target { method, parent: self.parent }),
            _ => Err(self.unknown(index)),
        }
    }

    #[cold]
    fn unknown(&self, index: usize) -> RpcError {
        RpcError::UnknownMethod(self.inner.service.method_name(index).into())
    }
}

/// On this thread, which serves a link, the client of the peer that a handler had last is kept for the next one, who then neither
/// looks up what was agreed on nor takes memory: a handler that called back took 90 ns for that. It holds the link, so it is for as
/// long as this exists.
pub(crate) struct Keeping {
    before: Kept,
    _not_send: PhantomData<*const ()>,
}

/// What is kept on a thread.
struct Kept {
    /// The link that the thread serves, compared only; null if it serves none.
    link: *const Link,
    last: Option<Arc<Inner>>,
}

impl Kept {
    const NOTHING: Self = Self { link: std::ptr::null(), last: None };
}

thread_local! {
    static KEPT: RefCell<Kept> = const { RefCell::new(Kept::NOTHING) };
}

impl Inner {
    /// What was kept on this thread, if it is of this link and this service. Apart, since it comes in a register: a client that is
    /// moved about stalls the processor.
    fn kept(link: &Arc<Link>, service: &'static Service) -> Option<Arc<Self>> {
        let is_it = |kept: &&Arc<Self>| Arc::ptr_eq(&kept.link, link) && std::ptr::eq(kept.service, service);
        kept(|kept| kept.last.as_ref().filter(is_it).cloned()).flatten()
    }
}

/// Does something with what is kept on this thread, unless it is about to end.
#[inline]
fn kept<X>(act: impl FnOnce(&mut Kept) -> X) -> Option<X> {
    KEPT.try_with(|kept| act(&mut kept.borrow_mut())).ok()
}

impl Keeping {
    pub(crate) fn for_handlers_of(link: &Arc<Link>) -> Self {
        let before = KEPT.replace(Kept { link: Arc::as_ptr(link), last: None });
        Self { before, _not_send: PhantomData }
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        // Dropped when that is no longer borrowed: it may be the last that holds the link.
        let _ended = kept(|kept| std::mem::replace(kept, std::mem::replace(&mut self.before, Kept::NOTHING)));
    }
}

impl fmt::Debug for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Direct")
            .field("service", &self.inner.service.name())
            .field("peer", &self.inner.link.shared.credentials)
            .finish_non_exhaustive()
    }
}

/// Compares what the other side says it serves with what is to be called there: the number of each method.
pub(super) fn agree(link: &Arc<Link>, service: &'static Service) -> Result<Arc<[u32]>, ConnectError> {
    let differs = |differences| ConnectError::Incompatible { differences };
    if let Some(known) = link.agreement(service) {
        return known.map_err(differs);
    }
    let agreement = service.agree(&link.shared.catalogue).map_err(|_| {
        let lost = link.shared.fail(Violation::Catalogue.into());
        ConnectError::Describe(Box::new(RpcError::Lost(Box::new(lost))))
    })?;
    match agreement {
        Agreement::Methods(methods) => link.agreed(service, Ok(methods.into())).map_err(differs),
        Agreement::NoService(served) => {
            Err(ConnectError::NoService { service: service.name(), served: harmless(&served.join(", ")) })
        }
        Agreement::Differs(methods) => {
            let differences = explain(link, service, &methods).map_err(ConnectError::Describe)?;
            link.agreed(service, Err(differences)).map_err(differs)
        }
    }
}

/// Bytes of a text that are kept of what the other side says of its services.
const TEXT_MAX: usize = 4_096;

/// A part of a text of the other side, in which what could change how a terminal shows it is one harmless character.
fn harmless(text: &str) -> String {
    let plain = |c: char| match c {
        '\n' => ' ',
        _ if c.is_control() => '?',
        _ => c,
    };
    bounded(text, TEXT_MAX).chars().map(plain).collect()
}

/// Asks the server for its texts, to say in words what differs.
#[cold]
fn explain(link: &Arc<Link>, service: &Service, methods: &[usize]) -> Result<Vec<String>, Box<RpcError>> {
    let mut deadline = Deadline::After(link.shared.limits.handshake_time);
    // Not within the wait of a handler's: who asks may be the thread that watches over the session.
    let (target, nothing) = (Target { method: DESCRIBE, parent: 0 }, Outgoing::short(Inline::default()));
    let described = match link.call_alone(target, &nothing, &mut deadline) {
        Outcome::Answer(Status::Ok, payload) => read::<Vec<Description>>(&payload.into_vec()),
        Outcome::Short(Status::Ok, inline) => read::<Vec<Description>>(inline.as_slice()),
        Outcome::Answer(..) | Outcome::Short(..) => Ok(Vec::new()),
        Outcome::End(error) => return Err(Box::new(error)),
    };
    let theirs = described.unwrap_or_default();
    let text = |index: &usize| {
        let difference = service.difference(*index, &theirs).unwrap_or_else(|| {
            format!("method `{}` differs, and the server does not say how", service.method_name(*index))
        });
        harmless(&difference)
    };
    Ok(methods.iter().map(text).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::OnceLock;

    use super::*;
    use crate::session::{Config, pair_with};

    fn service() -> &'static Service {
        static SERVICE: OnceLock<Service> = OnceLock::new();
        SERVICE.get_or_init(|| Service::new("Kept", Vec::new()))
    }

    #[test]
    fn what_is_kept_for_the_handlers_of_a_link_goes_when_it_is_served_no_more() {
        let (a, b) = pair_with(&Config::default()).unwrap();
        let links = [Link::new(a, None), Link::new(b, None)];
        let keep = |link: &Arc<Link>| {
            let inner =
                Inner { link: Arc::clone(link), service: service(), methods: [].into(), holds: Holds::default() };
            kept(|kept| kept.last = Some(Arc::new(inner))).unwrap();
        };
        let is_kept = |link: &Arc<Link>| Inner::kept(link, service()).is_some();
        let outer = Keeping::for_handlers_of(&links[0]);
        keep(&links[0]);
        let inner = Keeping::for_handlers_of(&links[1]);
        assert!(!is_kept(&links[0]));
        keep(&links[1]);
        assert!(is_kept(&links[1]));
        drop(inner);
        assert!(is_kept(&links[0]) && !is_kept(&links[1]));
        drop(outer);
        assert_eq!(links.each_ref().map(Arc::strong_count), [1, 1]);
    }

    #[test]
    fn what_a_server_says_of_its_services_is_harmless_text() {
        use crate::codec::Encoder;
        use crate::session::{PeerA, PeerB, Session};
        use std::os::unix::net::UnixStream;

        let mut encoder = Encoder::new();
        let name = format!("\u{1b}]0;owned\u{7}\u{1b}[2J{}", "x".repeat(30_000));
        let catalogue: Vec<(String, Vec<(u64, u64)>)> = vec![(name, Vec::new())];
        encoder.serialize(&catalogue).unwrap();
        let said = encoder.to_vec();
        let (a, b) = UnixStream::pair().unwrap();
        let liar = std::thread::spawn(move || Session::<PeerA>::over_with(a, &Config::default(), &said).unwrap());
        let session = Session::<PeerB>::over(b, &Config::default()).unwrap();
        let _liar = liar.join().unwrap();
        let link = Link::new(session, None);
        let error = Direct::new(&link, service(), 0, Holds::default()).unwrap_err().to_string();
        assert!(!error.chars().any(char::is_control), "{:?}", error.chars().take(60).collect::<String>());
        assert!(error.len() < 5_000, "{} bytes", error.len());
    }

    struct Slow;
    impl crate::rpc::service::Serve for Slow {
        fn service(&self) -> &'static Service {
            static SERVICE: OnceLock<Service> = OnceLock::new();
            SERVICE.get_or_init(|| {
                Service::new("Slow", vec![crate::rpc::service::MethodInfo::new("slow", "fn slow()", |_| {})])
            })
        }
        fn call(&self, _: usize, request: crate::rpc::request::Request<'_>) -> crate::rpc::request::Handled {
            // As one that waits for the other side.
            std::thread::sleep(std::time::Duration::from_secs(2));
            request.unknown_method()
        }
    }

    #[test]
    fn a_server_that_is_asked_for_its_texts_has_nothing_handled_by_who_asks() {
        use crate::codec::Encoder;
        use crate::layout::head::Head;
        use crate::rpc::call_id::{CallId, Side};
        use crate::rpc::service::{MethodInfo, Services, method_id};
        use crate::rpc::setting::Setting;
        use crate::session::{PeerA, PeerB, Session};
        use std::os::unix::net::UnixStream;
        use std::time::{Duration, Instant};

        static ASKED: OnceLock<Service> = OnceLock::new();
        let asked =
            ASKED.get_or_init(|| Service::new("Asked", vec![MethodInfo::new("ask", "fn ask()", |b| b.one_way())]));
        let mut encoder = Encoder::new();
        let catalogue = vec![("Asked".to_owned(), vec![(method_id("Asked", "ask"), 1_u64)])];
        encoder.serialize(&catalogue).unwrap();
        let said = encoder.to_vec();
        let (a, b) = UnixStream::pair().unwrap();
        let liar = std::thread::spawn(move || {
            let mut session = Session::<PeerA>::over_with(a, &Config::default(), &said).unwrap();
            let asked = session.recv().unwrap();
            let parent = asked.head().call();
            let call = CallId::new(Side::A, 0, 1).0;
            session.send(Head::request(call, 1).with_parent(parent), b"").unwrap();
            std::thread::sleep(Duration::from_secs(3));
        });
        let mut config = Config::default();
        config.limits.handshake_time = Duration::from_millis(300);
        let services = Services::new(vec![Arc::new(Slow)], Setting::default()).unwrap();
        let session = Session::<PeerB>::over_serving(b, &config, services.catalogue()).unwrap();
        let link = Link::new(session, Some(Arc::clone(&services)));
        crate::blocking::serve_in_thread(&link, &services).unwrap();
        let began = Instant::now();
        let outcome = agree(&link, asked);
        assert!(outcome.is_err());
        let took = began.elapsed();
        assert!(took < Duration::from_millis(1_500), "{took:?} beyond the time of a handshake: {outcome:?}");
        link.close();
        liar.join().unwrap();
    }
}
