//! ipc-channel, blocking on both sides: a channel each way, met by its one-shot servers. Bytes above 64 KiB travel as its shared
//! memory; a stream is a channel whose sender goes along with its request.

use std::io;
use std::thread;

use ipc_channel::ipc::{self, IpcOneShotServer, IpcReceiver, IpcSender, IpcSharedMemory};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::control::Control;
use crate::product::calls::Elsewhere;
use crate::task::{Calls, Counts};

/// More bytes than this go as shared memory.
const INLINE_MAX: usize = 64 << 10;

/// As many calls may be under way at once: sockets take some 280 small messages, and if both are full, nobody reads.
const UNDER_WAY: u32 = 128;

#[derive(Debug, Deserialize, Serialize)]
enum Request {
    Add(u32, u32),
    Echo(ByteBuf),
    EchoShared(IpcSharedMemory),
    Count(u64, IpcSender<u64>),
}

#[derive(Debug, Deserialize, Serialize)]
enum Response {
    Sum(u32),
    Bytes(ByteBuf),
    Shared(IpcSharedMemory),
}

/// What the server sends first: where it takes requests, and answers.
type Ends = (IpcSender<Request>, IpcReceiver<Response>);

/// The calling end.
#[derive(Debug)]
pub struct Channels {
    requests: IpcSender<Request>,
    responses: IpcReceiver<Response>,
}

/// The measuring side's end.
///
/// # Errors
/// When the peer is gone.
pub fn connect(control: &Control) -> io::Result<Channels> {
    let (server, name) = IpcOneShotServer::<Ends>::new()?;
    control.send_text(&name)?;
    let (_, (requests, responses)) = server.accept().map_err(io::Error::other)?;
    Ok(Channels { requests, responses })
}

/// The peer, which serves on a thread.
///
/// # Errors
/// When the measuring process is gone.
pub fn serve(control: &Control) -> io::Result<Elsewhere> {
    let first = IpcSender::<Ends>::connect(control.recv_text()?)?;
    let (send_requests, requests) = ipc::channel::<Request>()?;
    let (responses, receive_responses) = ipc::channel::<Response>()?;
    first.send((send_requests, receive_responses)).map_err(io::Error::other)?;
    thread::Builder::new().spawn(move || answer(&requests, &responses))?;
    Ok(Elsewhere)
}

/// Answers one client until it is gone.
fn answer(requests: &IpcReceiver<Request>, responses: &IpcSender<Response>) {
    while let Ok(request) = requests.recv() {
        let response = match request {
            Request::Add(a, b) => Response::Sum(a.wrapping_add(b)),
            Request::Echo(bytes) => Response::Bytes(bytes),
            Request::EchoShared(bytes) => Response::Shared(IpcSharedMemory::from_bytes(&bytes)),
            Request::Count(to, numbers) => {
                (0..to).for_each(|number| numbers.send(number).expect("a reader"));
                continue;
            }
        };
        responses.send(response).expect("a client");
    }
}

/// What a client sends first to a server that it meets: where requests come from, and where answers go.
type ClientsEnds = (IpcReceiver<Request>, IpcSender<Response>);

/// A client of the server that [`serve_meetings`].
///
/// # Errors
/// When it is gone.
pub fn meet(control: &Control) -> io::Result<Channels> {
    let first = IpcSender::<ClientsEnds>::connect(control.recv_text()?)?;
    let (requests, receive_requests) = ipc::channel()?;
    let (send_responses, responses) = ipc::channel()?;
    first.send((receive_requests, send_responses)).map_err(io::Error::other)?;
    Ok(Channels { requests, responses })
}

/// The life of a server that is met by one client after the other. Its one-shot servers are for one client each, so the name of
/// the next one is told before that comes.
///
/// # Errors
/// When there is no one-shot server, or the measuring process is gone.
pub fn serve_meetings(control: &Control) -> io::Result<()> {
    control.send(0)?;
    loop {
        let (server, name) = IpcOneShotServer::<ClientsEnds>::new()?;
        control.send_text(&name)?;
        let (_, (requests, responses)) = server.accept().map_err(io::Error::other)?;
        answer(&requests, &responses);
    }
}

impl Channels {
    fn begin(&self, request: Request) {
        self.requests.send(request).expect("a server");
    }

    fn sum(&self) -> u32 {
        match self.responses.recv().expect("a server") {
            Response::Sum(sum) => sum,
            Response::Bytes(_) | Response::Shared(_) => panic!("bytes for an `add`"),
        }
    }
}

impl Counts for Channels {
    fn count(&mut self, to: u64) {
        let (numbers, receiver) = ipc::channel().expect("a channel");
        self.begin(Request::Count(to, numbers));
        for number in 0..to {
            assert_eq!(receiver.recv().expect("a server"), number);
        }
    }
}

impl Calls for Channels {
    fn add(&mut self, a: u32, b: u32) -> u32 {
        self.begin(Request::Add(a, b));
        self.sum()
    }

    fn echo(&mut self, data: Vec<u8>) -> Vec<u8> {
        if data.len() > INLINE_MAX {
            self.begin(Request::EchoShared(IpcSharedMemory::from_bytes(&data)));
        } else {
            self.begin(Request::Echo(ByteBuf::from(data)));
        }
        match self.responses.recv().expect("a server") {
            Response::Bytes(bytes) => bytes.into_vec(),
            Response::Shared(bytes) => bytes.to_vec(),
            Response::Sum(_) => panic!("a sum for an `echo`"),
        }
    }

    /// More than `UNDER_WAY` are never under way.
    fn adds(&mut self, count: u32) {
        let ahead = count.min(UNDER_WAY);
        for b in 0..ahead {
            self.begin(Request::Add(20, b));
        }
        for b in 0..count {
            assert_eq!(self.sum(), 20 + b);
            if b + ahead < count {
                self.begin(Request::Add(20, b + ahead));
            }
        }
    }
}
