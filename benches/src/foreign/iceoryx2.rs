//! Requests and responses of iceoryx2, in memory that is lent and written in place: polled by both sides, or each waiting for
//! the other's event.
//!
//! A client of `echo` writes its bytes into lent memory, the server copies them into lent memory of its own, and the client looks
//! at the response where it is: two copies, where owned byte strings need four. A stream is what it publishes.

use std::hint::{black_box, spin_loop};
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use iceoryx2::port::client::Client;
use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::server::Server;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::{LogLevel, Node, NodeBuilder, ServiceName, SignalHandlingMode, ipc, set_log_level};

use crate::burst::{Contender, Exchange, Running, Sampling, Serve, answer};
use crate::control::Control;
use crate::peer::Peer;
use crate::task::{ITEMS, Task};

/// So many contenders were begun.
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// A name that only the two processes of one contender have.
fn name(measuring: u32, number: u64, what: &str) -> io::Result<ServiceName> {
    let name = format!("rapace-bench-{measuring}-{number}-{what}");
    name.as_str().try_into().map_err(|error| io::Error::other(format!("{name}: {error:?}")))
}

fn node() -> io::Result<Node<ipc::Service>> {
    set_log_level(LogLevel::Error);
    let node = NodeBuilder::new().signal_handling_mode(SignalHandlingMode::Disabled);
    node.create::<ipc::Service>().map_err(io::Error::other)
}

/// How a side waits for the other.
#[derive(Debug)]
enum Wait {
    /// It looks all the time.
    Polling,
    /// It sleeps until the other side's event, and gives one when it has sent something.
    Events { own: Box<Listener<ipc::Service>>, other: Box<Notifier<ipc::Service>> },
}

impl Wait {
    fn new(node: &Node<ipc::Service>, waits: bool, own: &ServiceName, other: &ServiceName) -> io::Result<Self> {
        if !waits {
            return Ok(Self::Polling);
        }
        let event = |name| node.service_builder(name).event().open_or_create().map_err(io::Error::other);
        Ok(Self::Events {
            own: Box::new(event(own)?.listener_builder().create().map_err(io::Error::other)?),
            other: Box::new(event(other)?.notifier_builder().create().map_err(io::Error::other)?),
        })
    }

    #[inline]
    fn until<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        loop {
            if let Some(found) = look() {
                return found;
            }
            match self {
                Self::Polling => spin_loop(),
                Self::Events { own, .. } => drop(own.blocking_wait(|_| {}).expect("a listener")),
            }
        }
    }

    #[inline]
    fn tell(&self) {
        if let Self::Events { other, .. } = self {
            other.notify().expect("a listener");
        }
    }
}

macro_rules! service {
    ($node:expr, $name:expr, $task:expr, $request:ty, $response:ty) => {{
        let calls = $task.calls();
        $node
            .service_builder(&$name)
            .request_response::<$request, $response>()
            .max_servers(1)
            .max_clients(1)
            .max_active_requests_per_client(calls)
            .max_loaned_requests(calls)
            .open_or_create()
            .map_err(io::Error::other)?
    }};
}

type AddClient = Client<ipc::Service, [u32; 2], (), u32, ()>;
type AddServer = Server<ipc::Service, [u32; 2], (), u32, ()>;
type EchoClient = Client<ipc::Service, [u8], (), [u8], ()>;
type EchoServer = Server<ipc::Service, [u8], (), [u8], ()>;

/// `add`, `COUNT` in flight.
#[derive(Debug)]
struct Adds<const COUNT: usize> {
    client: AddClient,
    wait: Wait,
}

impl<const COUNT: usize> Exchange for Adds<COUNT> {
    const OPERATIONS: u64 = COUNT as u64;

    #[inline]
    fn step(&mut self) {
        let begin = |b: usize| {
            let request = self.client.loan_uninit().expect("memory").write_payload(black_box([20, b as u32]));
            request.send().expect("a server")
        };
        if COUNT == 1 {
            let pending = begin(22);
            self.wait.tell();
            let sum = self.wait.until(|| pending.receive().expect("a server").map(|sum| *sum));
            assert_eq!(sum, 42);
            return;
        }
        let pending: Vec<_> = (0..COUNT).map(begin).collect();
        self.wait.tell();
        for (pending, b) in pending.into_iter().zip(0..) {
            let sum = self.wait.until(|| pending.receive().expect("a server").map(|sum| *sum));
            assert_eq!(sum, 20 + b);
        }
    }
}

/// `echo`, one after the other.
#[derive(Debug)]
struct Echoes {
    client: EchoClient,
    wait: Wait,
    data: Vec<u8>,
}

impl Exchange for Echoes {
    #[inline]
    fn step(&mut self) {
        let request = self.client.loan_slice_uninit(self.data.len()).expect("memory").write_from_slice(&self.data);
        let pending = request.send().expect("a server");
        self.wait.tell();
        let response = self.wait.until(|| pending.receive().expect("a server"));
        assert_eq!(black_box(&*response).len(), self.data.len());
    }
}

/// Numbers that are published, one after the other, as many as fit into the subscriber's buffer at a time.
macro_rules! numbers {
    ($node:expr, $name:expr) => {
        $node
            .service_builder(&$name)
            .publish_subscribe::<u64>()
            .max_publishers(1)
            .max_subscribers(1)
            .subscriber_max_buffer_size(BUFFER)
            .enable_safe_overflow(false)
            .open_or_create()
            .map_err(io::Error::other)?
    };
}

/// As many numbers wait for the subscriber at most; then the publisher does.
const BUFFER: usize = 256;

/// So many numbers are a step.
#[derive(Debug)]
struct Subscribed {
    subscriber: Subscriber<ipc::Service, u64, ()>,
    wait: Wait,
}

impl Exchange for Subscribed {
    const OPERATIONS: u64 = ITEMS;

    fn step(&mut self) {
        for number in 0..ITEMS {
            let sample = self.wait.until(|| self.subscriber.receive().expect("a publisher"));
            assert_eq!(*sample, number);
        }
    }
}

/// The publishing side; a full buffer has it try again, as by default.
struct Publishing(Publisher<ipc::Service, u64, ()>);

impl Serve for Publishing {
    fn serve(&mut self, steps: u64) {
        for _ in 0..steps {
            for number in 0..ITEMS {
                let sample = self.0.loan_uninit().expect("memory").write_payload(number);
                sample.send().expect("a subscriber");
            }
        }
    }
}

/// The measuring side, its peer and its node, which goes last and clears away what the peer left behind.
///
/// # Errors
/// When there is no service, or the peer is gone.
pub fn contender(task: Task, waits: bool, peer: Peer, sampling: Sampling) -> io::Result<Box<dyn Contender>> {
    let number = BEGUN.fetch_add(1, Relaxed);
    peer.control.send(number)?;
    peer.control.recv()?;
    let node = node()?;
    let name = |what| name(std::process::id(), number, what);
    let wait = Wait::new(&node, waits, &name("caller")?, &name("server")?)?;
    macro_rules! adds {
        ($count:literal) => {{
            let service = service!(node, name("calls")?, task, [u32; 2], u32);
            let client = service.client_builder().create().map_err(io::Error::other)?;
            Box::new(Running::start(Adds::<$count> { client, wait }, peer, sampling)?.keeping(node))
        }};
    }
    Ok(match task {
        Task::Add => adds!(1),
        Task::InFlight(8) => adds!(8),
        Task::InFlight(64) => adds!(64),
        Task::InFlight(1000) => adds!(1000),
        Task::Echo(len) => {
            let service = service!(node, name("calls")?, task, [u8], [u8]);
            let builder = service.client_builder().initial_max_slice_len(len);
            let client = builder.create().map_err(io::Error::other)?;
            let exchange = Echoes { client, wait, data: vec![7; len] };
            Box::new(Running::start(exchange, peer, sampling)?.keeping(node))
        }
        Task::Count => {
            let subscriber =
                numbers!(node, name("numbers")?).subscriber_builder().create().map_err(io::Error::other)?;
            Box::new(Running::start(Subscribed { subscriber, wait }, peer, sampling)?.keeping(node))
        }
        Task::InFlight(_) | Task::Length(_) => return Err(io::Error::other(format!("iceoryx2 has no {task}"))),
    })
}

/// The answering side: one request is taken and answered by `answer`, if there is one.
struct Answering<F> {
    answer: F,
    wait: Wait,
    calls: u64,
}

impl<F: FnMut() -> Option<()>> Serve for Answering<F> {
    fn serve(&mut self, steps: u64) {
        let mut left = steps * self.calls;
        while left > 0 {
            self.wait.until(&mut self.answer);
            left -= 1;
            while left > 0 && (self.answer)().is_some() {
                left -= 1;
            }
            self.wait.tell();
        }
    }
}

fn answer_add(server: &AddServer) -> Option<()> {
    let request = server.receive().expect("a client")?;
    let [a, b] = *request;
    let response = request.loan_uninit().expect("memory").write_payload(a.wrapping_add(b));
    response.send().expect("a client");
    Some(())
}

fn answer_echo(server: &EchoServer) -> Option<()> {
    let request = server.receive().expect("a client")?;
    let response = request.loan_slice_uninit(request.len()).expect("memory").write_from_slice(&request);
    response.send().expect("a client");
    Some(())
}

/// The peer's whole life.
///
/// # Errors
/// When there is no service, or the measuring process is gone.
pub fn serve(control: &Control, task: Task, waits: bool) -> io::Result<()> {
    let (node, number) = (node()?, control.recv()?);
    let name = |what| name(std::os::unix::process::parent_id(), number, what);
    let wait = Wait::new(&node, waits, &name("server")?, &name("caller")?)?;
    let calls = task.calls() as u64;
    if task == Task::Count {
        let publisher = numbers!(node, name("numbers")?).publisher_builder().create().map_err(io::Error::other)?;
        control.send(0)?;
        answer(control, Publishing(publisher))
    } else if let Task::Echo(len) = task {
        let service = service!(node, name("calls")?, task, [u8], [u8]);
        let server = service.server_builder().initial_max_slice_len(len).create().map_err(io::Error::other)?;
        control.send(0)?;
        answer(control, Answering { answer: || answer_echo(&server), wait, calls })
    } else {
        let service = service!(node, name("calls")?, task, [u32; 2], u32);
        let server = service.server_builder().create().map_err(io::Error::other)?;
        control.send(0)?;
        answer(control, Answering { answer: || answer_add(&server), wait, calls })
    }
}
