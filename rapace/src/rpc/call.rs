//! A call as its caller holds it until it is begun; what its outcome means.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::client::Client;
use super::deadline::Deadline;
use super::direct::Direct;
use super::error::RpcError;
use super::lasting::{Again, Lasting, Trial};
use super::link::{Begun, Target};
use super::method::{FromApp, Method};
use super::pending::Pending;
use super::status::Status;
use super::tickets::Outcome;
use super::watch::Watch;
use crate::codec::{DecodeError, EncodeError, Encoder, Message, Reader};
use crate::lane::Outgoing;
use crate::layout::inline::Lead;
use crate::session::Payload;

/// A call that was not begun: [`wait`](Self::wait) for it on a thread, `.await` it in a task, or [`start`](Self::start)
/// it and fetch its result later.
///
/// It borrows the client and the arguments; nothing is encoded or sent before one of these.
///
/// ```
/// # #[rapace::service]
/// # trait Calculator { fn add(&self, a: i32, b: i32) -> i32; }
/// # struct Calc;
/// # impl Calculator for Calc { fn add(&self, a: i32, b: i32) -> i32 { a + b } }
/// # let client = CalculatorClient::local(Calc)?;
/// use std::time::Duration;
///
/// assert_eq!(client.add(1, 2).wait()?, 3);
/// assert_eq!(client.add(1, 2).timeout(Duration::from_secs(1)).wait()?, 3);
/// let calls = [client.add(1, 2).start()?, client.add(3, 4).start()?];
/// assert_eq!(rapace::wait_all(calls).collect::<Result<Vec<_>, _>>()?, [3, 7]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a call does nothing until it is waited for, awaited or started"]
pub struct Call<'a, M: Method> {
    pub(crate) client: &'a Client,
    pub(crate) args: M::Args<'a>,
    pub(super) timeout: Option<Duration>,
}

impl<'a, M: Method> Call<'a, M> {
    /// For generated code.
    #[doc(hidden)]
    #[inline]
    pub fn new(client: &'a Client, args: M::Args<'a>) -> Self {
        Self { client, args, timeout: M::TIMEOUT }
    }

    /// The longest time to wait for the call, from when it is begun. The server learns it, does not start the call
    /// after it, and cancels it then; the caller returns in time whatever the server does.
    ///
    /// Without it the method's own timeout counts, then the client's; without any a call waits as long as the server
    /// lives. A call made in a handler never waits longer than the handler's own caller.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Whether the method is marked as one that may run twice.
    pub fn is_idempotent(&self) -> bool {
        M::IDEMPOTENT
    }

    #[inline]
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::new(self.timeout.or_else(|| self.client.timeout()))
    }

    /// Makes the call and blocks this thread until it has ended.
    ///
    /// # Errors
    /// The method's own error, or how else the call ended.
    #[inline(always)]
    pub fn wait(self) -> Result<M::Ok, M::Error> {
        match self.client.direct() {
            Ok(direct) => self.wait_in(direct, &mut self.deadline()),
            Err(lasting) => self.wait_lastingly(lasting),
        }
    }

    /// Makes the call in this session. The outcome stays where it is put: it is large, and written in words.
    #[inline(always)]
    fn wait_in(&self, direct: &Direct, deadline: &mut Deadline) -> Result<M::Ok, M::Error> {
        let target = direct.target(M::INDEX)?;
        let mut out = Encoder::new();
        let watch = prepared::<M>(direct, &self.args, &mut out)?.begin();
        let mut outcome = outcome(direct, target, &out, deadline, &watch);
        decode::<M>(direct, &mut outcome, watch)
    }

    /// Makes the call in the session of now, and if need be in those that follow it.
    #[inline(never)]
    fn wait_lastingly(&self, lasting: &Lasting) -> Result<M::Ok, M::Error> {
        let mut trial = Trial::new(self.deadline());
        loop {
            let direct = trial.connected(lasting)?;
            let target = direct.target(M::INDEX)?;
            let mut out = Encoder::new();
            let watch = prepared::<M>(&direct, &self.args, &mut out)?.begin();
            match outcome(&direct, target, &out, &mut trial.deadline, &watch) {
                Outcome::End(error) => trial.survive(lasting, &direct, watch.failed(error), M::IDEMPOTENT)?,
                mut outcome => {
                    trial.settle(&mut outcome);
                    return decode::<M>(&direct, &mut outcome, watch);
                }
            }
        }
    }

    /// Begins the call, blocking this thread while there is no room for it, and returns while the server works on it.
    ///
    /// Any number of calls can be begun; as many as the server keeps ([`Limits::in_flight`](crate::Limits::in_flight))
    /// are with it at once, and beginning another one waits for an answer. Answers that came are kept until they are
    /// fetched.
    ///
    /// # Errors
    /// Why the call could not be begun.
    #[inline(always)]
    pub fn start(self) -> Result<Pending<M>, RpcError> {
        match self.client.direct() {
            Ok(direct) => match self.deadline() {
                Deadline::None => self.start_in(direct, Deadline::None),
                deadline => self.start_timed(direct, deadline),
            },
            Err(lasting) => self.start_lastingly(lasting),
        }
    }

    /// Apart from calls without a deadline, which then need not be copied.
    #[inline(never)]
    fn start_timed(&self, direct: &Direct, mut deadline: Deadline) -> Result<Pending<M>, RpcError> {
        // From here on time runs.
        deadline.fix();
        self.start_in(direct, deadline)
    }

    /// Begins the call in this session. In a line with where its caller puts it: it is made of words, and moved in larger pieces it
    /// stalls the processor.
    #[inline(always)]
    fn start_in(&self, direct: &Direct, deadline: Deadline) -> Result<Pending<M>, RpcError> {
        let target = direct.target(M::INDEX)?;
        // Before the request is written: counting waits for all that was written before.
        let kept = direct.clone();
        let mut out = Encoder::new();
        let watch = prepared::<M>(direct, &self.args, &mut out)?.begin();
        let short =
            short(&out, &watch).and_then(|lead| direct.link().start_short(target, lead, deadline.timeout_us()?));
        let (begun, watch) = match short {
            Some(begun) => (begun, watch),
            None => start_long(direct, target, &out, deadline, watch)?,
        };
        Ok(Pending::new(kept, begun, deadline, watch))
    }

    /// Begins the call in the session of now or, if that is over, the next one.
    #[inline(never)]
    fn start_lastingly(&self, lasting: &Arc<Lasting>) -> Result<Pending<M>, RpcError> {
        let mut trial = Trial::new(self.deadline());
        loop {
            let direct = trial.connected(lasting)?;
            match self.start_in(&direct, trial.deadline) {
                Ok(pending) => return self.keep(pending, lasting, trial),
                Err(error) => trial.survive(lasting, &direct, error, false)?,
            }
        }
    }

    /// A call that was begun, with what it takes to begin it again.
    pub(crate) fn keep(
        &self,
        mut pending: Pending<M>,
        lasting: &Arc<Lasting>,
        trial: Trial,
    ) -> Result<Pending<M>, RpcError> {
        let mut out = Encoder::new();
        M::encode_args(&self.args, &mut out).map_err(encode_error)?;
        let args = out.send(|args| args.keep());
        pending.again = Some(Box::new(Again::new(lasting, trial, args)));
        Ok(pending)
    }

    /// Begins the call if there is room for all of it now. Of one that travels in fragments, as much is sent as there is
    /// room for, and given up when that is not all.
    ///
    /// # Errors
    /// [`TryStartError::Full`] with the call when there is no room; or why it could not be begun. A client that
    /// [connects again](crate::ClientBuilder::reconnect) has no room while it has no session.
    pub fn try_start(self) -> Result<Pending<M>, TryStartError<Self>> {
        match self.client.direct() {
            Ok(direct) => {
                let mut deadline = self.deadline();
                deadline.fix();
                let begun = self.try_start_in(direct, deadline)?;
                begun.ok_or(TryStartError::Full(self))
            }
            Err(lasting) => {
                let mut trial = Trial::new(self.deadline());
                let Some(direct) = trial.connected_now(lasting)? else { return Err(TryStartError::Full(self)) };
                match self.try_start_in(&direct, trial.deadline) {
                    Ok(Some(pending)) => Ok(self.keep(pending, lasting, trial)?),
                    Ok(None) => Err(TryStartError::Full(self)),
                    Err(error) => {
                        trial.survive(lasting, &direct, error, false)?;
                        Err(TryStartError::Full(self))
                    }
                }
            }
        }
    }

    fn try_start_in(&self, direct: &Direct, deadline: Deadline) -> Result<Option<Pending<M>>, RpcError> {
        let target = direct.target(M::INDEX)?;
        let mut out = Encoder::new();
        let watch = prepared::<M>(direct, &self.args, &mut out)?;
        let link = direct.link();
        let begun = out.send(|args| watch.send(link, args, |payload| link.try_start(target, payload, deadline)));
        // Hooks hear of it when it is begun or cannot be, and not of a try.
        match begun {
            Ok(begun) => Ok(begun.map(|begun| Pending::new(direct.clone(), begun, deadline, watch.begin()))),
            Err(error) => Err(watch.begin().failed(error)),
        }
    }
}

/// Encodes the arguments and has them sent.
#[inline]
pub(crate) fn encoded<M: Method, X>(
    direct: &Direct,
    args: &M::Args<'_>,
    send: impl FnOnce(&Outgoing<'_>) -> Result<X, RpcError>,
) -> Result<(X, Watch), RpcError> {
    let mut out = Encoder::new();
    let watch = prepared::<M>(direct, args, &mut out)?.begin();
    match out.send(|args| watch.send(direct.link(), args, send)) {
        Ok(sent) => Ok((sent, watch)),
        Err(error) => Err(watch.failed(error)),
    }
}

/// Encodes the arguments. Who watches the call; nobody is told of it yet. The message stays where it is, since one that was
/// just written in words and is moved in larger pieces stalls the processor.
#[inline]
pub(crate) fn prepared<'v, M: Method>(
    direct: &Direct,
    args: &'v M::Args<'_>,
    out: &mut Encoder<'v>,
) -> Result<Watch, RpcError> {
    M::encode_args(args, out).map_err(encode_error)?;
    Ok(Watch::of_call(direct, M::INDEX, out.len()))
}

/// Makes a call in a session.
#[inline(always)]
fn outcome(direct: &Direct, target: Target, out: &Encoder<'_>, deadline: &mut Deadline, watch: &Watch) -> Outcome {
    match short(out, watch) {
        Some(lead) => direct.link().call_short(target, lead, deadline),
        None => call_long(direct, target, out, deadline, watch),
    }
}

/// All of the request, if a descriptor carries it.
#[inline(always)]
fn short<'a>(out: &'a Encoder<'_>, watch: &Watch) -> Option<Lead<'a>> {
    if watch.has_metadata() { None } else { out.short() }
}

/// As [`outcome`], of what no descriptor carries, or when something is out of the ordinary.
#[inline(never)]
fn call_long(direct: &Direct, target: Target, out: &Encoder<'_>, deadline: &mut Deadline, watch: &Watch) -> Outcome {
    let link = direct.link();
    out.send(|args| watch.send(link, args, |payload| link.call(target, payload, deadline)))
}

/// As [`Call::start`], of what no descriptor carries, or when something is out of the ordinary.
#[inline(never)]
fn start_long(
    direct: &Direct,
    target: Target,
    out: &Encoder<'_>,
    mut deadline: Deadline,
    watch: Watch,
) -> Result<(Begun, Watch), RpcError> {
    let link = direct.link();
    match out.send(|args| watch.send(link, args, |payload| link.start(target, payload, &mut deadline))) {
        Ok(begun) => Ok((begun, watch)),
        Err(error) => Err(watch.failed(error)),
    }
}

#[cold]
pub(crate) fn encode_error(error: EncodeError) -> RpcError {
    RpcError::Encode(Box::new(error))
}

/// The result of a call that ended. What came in the descriptor is read where it is: moved, it would stall the processor.
#[inline]
pub(crate) fn decode<M: Method>(direct: &Direct, outcome: &mut Outcome, watch: Watch) -> Result<M::Ok, M::Error> {
    decode_as::<M, _>(direct, outcome, watch, |result| result)
}

/// As [`decode`], wrapped in something where it is made, for the same reason.
#[inline(always)]
pub(crate) fn decode_as<M: Method, R>(
    direct: &Direct,
    outcome: &mut Outcome,
    watch: Watch,
    wrap: impl Fn(Result<M::Ok, M::Error>) -> R,
) -> R {
    match outcome {
        Outcome::Short(status @ (Status::Ok | Status::App), inline) => {
            read::<M, R>(*status, &mut Reader::short(inline, &direct.link().budget), watch, wrap)
        }
        outcome => wrap(decode_any::<M>(direct, std::mem::take(outcome), watch)),
    }
}

/// As [`decode`], of everything else.
#[inline(never)]
fn decode_any<M: Method>(direct: &Direct, outcome: Outcome, watch: Watch) -> Result<M::Ok, M::Error> {
    match outcome {
        Outcome::Answer(status @ (Status::Ok | Status::App), payload) => {
            let message = Message::new(payload, direct.link().budget);
            read::<M, _>(status, &mut message.reader(), watch, |result| result)
        }
        Outcome::Answer(status, payload) => Err(watch.failed(refused(direct, M::INDEX, status, payload)).into()),
        Outcome::Short(status, inline) => {
            Err(watch.failed(refused(direct, M::INDEX, status, Payload::inline(inline))).into())
        }
        Outcome::End(error) => Err(watch.failed(error).into()),
    }
}

#[inline(always)]
fn read<M: Method, R>(
    status: Status,
    from: &mut Reader<'_>,
    watch: Watch,
    wrap: impl Fn(Result<M::Ok, M::Error>) -> R,
) -> R {
    let bytes = from.remaining();
    if status == Status::Ok {
        match whole(M::decode_ok(from), from) {
            Ok(value) => {
                watch.came(status, bytes);
                wrap(Ok(value))
            }
            Err(error) => wrap(Err(watch.failed(decode_error(error)).into())),
        }
    } else {
        match whole(M::decode_err(from), from) {
            Ok(error) => {
                watch.came(status, bytes);
                wrap(Err(M::Error::from_app(error)))
            }
            Err(error) => wrap(Err(watch.failed(decode_error(error)).into())),
        }
    }
}

/// What was decoded, if nothing follows it.
#[inline(always)]
fn whole<T>(decoded: Result<T, DecodeError>, from: &mut Reader<'_>) -> Result<T, DecodeError> {
    let value = decoded?;
    from.finish()?;
    Ok(value)
}

#[cold]
fn decode_error(error: DecodeError) -> RpcError {
    RpcError::Decode(Box::new(error))
}

/// What a terminal says that brings no result.
#[cold]
fn refused(direct: &Direct, method: usize, status: Status, payload: Payload) -> RpcError {
    let text = || {
        let mut bytes = payload.into_vec();
        bytes.truncate(direct.link().shared.limits.error_text_bytes);
        let text = String::from_utf8_lossy(&bytes);
        // What could change how a terminal shows it becomes one harmless character.
        text.chars().map(|c| if c.is_control() { '?' } else { c }).collect::<String>().into_boxed_str()
    };
    status.error(|| direct.service().method_name(method), text)
}

/// Why a call was not begun at once.
#[derive(Debug)]
pub enum TryStartError<C> {
    /// There is no room, or the server keeps as many calls as it can. The call comes back.
    Full(C),
    /// The call cannot be begun.
    Rpc(RpcError),
}

impl<C> From<RpcError> for TryStartError<C> {
    fn from(error: RpcError) -> Self {
        Self::Rpc(error)
    }
}

impl<C> fmt::Display for TryStartError<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("no room to begin the call now"),
            Self::Rpc(error) => error.fmt(f),
        }
    }
}

impl<C: fmt::Debug> std::error::Error for TryStartError<C> {}

impl<M: Method> fmt::Debug for Call<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.client.service().method_name(M::INDEX))
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
