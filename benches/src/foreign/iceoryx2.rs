//! `add` as a request and a response of iceoryx2, in memory that is lent and written in place. Both sides poll: its events
//! cost ten times as much.

use std::hint::{black_box, spin_loop};
use std::io;
use std::time::Duration;

use iceoryx2::port::client::Client;
use iceoryx2::port::server::Server;
use iceoryx2::prelude::{LogLevel, Node, NodeBuilder, SignalHandlingMode, ipc, set_log_level};
use iceoryx2::service::port_factory::request_response::PortFactory;

use crate::burst::{Burst, Contender, Exchange, Running, Sampling, Serve};
use crate::control::Control;
use crate::peer::Peer;

/// Two summands and their sum.
type Request = [u32; 2];
type Response = u32;

type Service = PortFactory<ipc::Service, Request, (), Response, ()>;

/// One side's part in the service that both open under the measuring process's number.
fn open(measuring: u32) -> io::Result<(Node<ipc::Service>, Service)> {
    set_log_level(LogLevel::Error);
    let node = NodeBuilder::new()
        .signal_handling_mode(SignalHandlingMode::Disabled)
        .create::<ipc::Service>()
        .map_err(io::Error::other)?;
    let name = format!("rapace-bench-{measuring}");
    let name = name.as_str().try_into().map_err(|error| io::Error::other(format!("{name}: {error:?}")))?;
    let service = node.service_builder(&name).request_response::<Request, Response>().open_or_create();
    Ok((node, service.map_err(io::Error::other)?))
}

/// The calling side.
#[derive(Debug)]
struct Add(Client<ipc::Service, Request, (), Response, ()>);

impl Exchange for Add {
    #[inline]
    fn step(&mut self) {
        let request = self.0.loan_uninit().expect("memory").write_payload(black_box([20, 22]));
        let pending = request.send().expect("a server");
        let response = loop {
            match pending.receive().expect("a server") {
                Some(response) => break *response,
                None => spin_loop(),
            }
        };
        assert_eq!(response, 42);
    }
}

/// The calling side with its peer.
#[derive(Debug)]
pub struct Polled {
    running: Running<Add>,
    // Goes last, and clears away what the peer left behind.
    _node: Node<ipc::Service>,
}

impl Polled {
    /// Calls the peer that [`serve`]s.
    ///
    /// # Errors
    /// When there is no service, or the peer is gone.
    pub fn start(peer: Peer) -> io::Result<Self> {
        peer.control.recv()?;
        let (node, service) = open(std::process::id())?;
        let client = service.client_builder().create().map_err(io::Error::other)?;
        Ok(Self { running: Running::start(Add(client), peer, Sampling::MeanThenSteps)?, _node: node })
    }
}

impl Contender for Polled {
    fn burst(&mut self, length: Duration) -> io::Result<Burst> {
        self.running.burst(length)
    }
}

/// The answering side.
#[derive(Debug)]
pub struct Polling {
    server: Server<ipc::Service, Request, (), Response, ()>,
    _node: Node<ipc::Service>,
}

/// The peer's side.
///
/// # Errors
/// When there is no service, or the measuring process is gone.
pub fn serve(control: &Control) -> io::Result<Polling> {
    let (node, service) = open(std::os::unix::process::parent_id())?;
    let server = service.server_builder().create().map_err(io::Error::other)?;
    control.send(0)?;
    Ok(Polling { server, _node: node })
}

impl Serve for Polling {
    fn serve(&mut self, steps: u64) {
        for _ in 0..steps {
            let request = loop {
                match self.server.receive().expect("a client") {
                    Some(request) => break request,
                    None => spin_loop(),
                }
            };
            let [a, b] = *request;
            let response = request.loan_uninit().expect("memory").write_payload(a.wrapping_add(b));
            response.send().expect("a client");
        }
    }
}
