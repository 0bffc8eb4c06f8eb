//! shmipc: one stream of its shared-memory buffers, woken by event descriptors, which it recommends for small messages.
//!
//! A request is its length and its bytes, written into the stream's buffer; what is begun together is flushed together.

use std::fmt;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::thread;

use shmipc::buffer::BufferReader;
use shmipc::config::{Config, SizePercentPair};
use shmipc::consts::MemMapType;
use shmipc::session::{SessionManager, SessionManagerConfig};
use shmipc::stream::Stream;
use shmipc::transport::{DefaultUnixConnect, DefaultUnixListen};
use shmipc::{Error, Listener};
use tokio::runtime::Builder;

use crate::control::Control;
use crate::product::calls::Elsewhere;
use crate::task::{AwaitedCalls, Task};

/// Length of a message, which no `add` has; its two arguments follow instead.
const HEAD: usize = 4;

/// Says that an `add` follows, instead of so many bytes.
const ADD: u32 = u32::MAX;

/// As its own bench: slices that hold the message, in an area of some of them.
fn config(task: Task) -> SessionManagerConfig {
    let message = task.bytes() as u32 + 256;
    let slices = [(message, 70), ((16 << 10) + 256, 20), ((64 << 10) + 256, 10)];
    let config = Config {
        mem_map_type: MemMapType::MemMapTypeMemFd,
        share_memory_buffer_cap: (32 << 20).max(message * 8),
        buffer_slice_sizes: slices.map(|(size, percent)| SizePercentPair { size, percent }).to_vec(),
        ..Config::default()
    };
    SessionManagerConfig::new().with_config(config.with_v4_eventfd()).with_session_num(1)
}

/// The calling end.
pub struct Client {
    stream: Stream,
    // Its tasks keep the session.
    _sessions: SessionManager<DefaultUnixConnect>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("stream", &self.stream).finish_non_exhaustive()
    }
}

/// The measuring side's end.
///
/// # Errors
/// When the peer is gone.
pub async fn connect(control: &Control, task: Task, path: &Path) -> io::Result<Client> {
    control.recv()?;
    let client = over(task, path).await?;
    if let Some(directory) = path.parent() {
        fs::remove_dir_all(directory)?;
    }
    Ok(client)
}

async fn over(task: Task, path: &Path) -> io::Result<Client> {
    let address = SocketAddr::from_pathname(path)?;
    let sessions = SessionManager::new(config(task), DefaultUnixConnect, address).await.map_err(io::Error::other)?;
    let stream = sessions.get_stream().map_err(io::Error::other)?;
    Ok(Client { stream, _sessions: sessions })
}

/// A client of the server at `path`.
///
/// # Errors
/// When it is not there.
pub async fn meet(path: &Path) -> io::Result<Client> {
    over(Task::Add, path).await
}

/// The life of a server at `path`, with a task for each client.
///
/// # Errors
/// When it cannot listen.
pub fn serve_at(control: &Control, path: &Path) -> io::Result<()> {
    let address = SocketAddr::from_pathname(path)?;
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let config = config(Task::Add).config().clone();
        let mut listener = Listener::new(DefaultUnixListen, address, config).await?;
        control.send(0)?;
        loop {
            let mut stream = listener.accept().await?;
            tokio::spawn(async move {
                while answer(&mut stream).await.is_ok() {}
                // It says that a stream which is not closed is never released; that it is gone already is no error here.
                let _ = stream.close().await;
            });
        }
    })
}

/// The peer, which serves on a thread.
///
/// # Errors
/// When it cannot listen, or the measuring process is gone.
pub fn serve(control: &Control, task: Task, path: &Path) -> io::Result<Elsewhere> {
    if let Some(directory) = path.parent() {
        DirBuilder::new().mode(0o700).create(directory)?;
    }
    let address = SocketAddr::from_pathname(path)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut listener = runtime.block_on(Listener::new(DefaultUnixListen, address, config(task).config().clone()))?;
    thread::Builder::new().spawn(move || {
        runtime.block_on(async {
            let mut stream = listener.accept().await.expect("a client");
            while answer(&mut stream).await.is_ok() {}
        });
    })?;
    control.send(0)?;
    Ok(Elsewhere)
}

/// Answers one request. The answers to what came together go out together.
async fn answer(stream: &mut Stream) -> Result<(), Error> {
    let head = number(stream).await?;
    if head == ADD {
        let (a, b) = (number(stream).await?, number(stream).await?);
        stream.write_bytes(&a.wrapping_add(b).to_le_bytes())?;
    } else {
        let data = bytes(stream, head).await?;
        write(stream, &data)?;
    }
    if stream.recv_buf().is_empty() {
        // What the client does besides, to reuse a read slice for the next write, would take the answer's place.
        stream.recv_buf().release_previous_read();
        flush(stream).await?;
    }
    Ok(())
}

async fn number(stream: &mut Stream) -> Result<u32, Error> {
    let bytes = stream.read_exact_bytes(HEAD).await?;
    Ok(u32::from_le_bytes(bytes[..].try_into().expect("four bytes")))
}

async fn bytes(stream: &mut Stream, len: u32) -> Result<Vec<u8>, Error> {
    Ok(stream.read_exact_bytes(len as usize).await?.to_vec())
}

fn write(stream: &mut Stream, data: &[u8]) -> Result<(), Error> {
    stream.write_bytes(&(data.len() as u32).to_le_bytes())?;
    stream.write_bytes(data)?;
    Ok(())
}

async fn flush(stream: &mut Stream) -> Result<(), Error> {
    loop {
        match stream.flush(false).await {
            Err(Error::QueueFull) => tokio::task::yield_now().await,
            otherwise => return otherwise,
        }
    }
}

impl Client {
    fn begin(&mut self, a: u32, b: u32) {
        for number in [ADD, a, b] {
            self.stream.write_bytes(&number.to_le_bytes()).expect("room");
        }
    }

    async fn sum(&mut self) -> u32 {
        number(&mut self.stream).await.expect("a sum")
    }
}

impl AwaitedCalls for Client {
    async fn add(&mut self, a: u32, b: u32) -> u32 {
        self.begin(a, b);
        flush(&mut self.stream).await.expect("a server");
        let sum = self.sum().await;
        self.stream.release_read_and_reuse();
        sum
    }

    async fn echo(&mut self, data: Vec<u8>) -> Vec<u8> {
        write(&mut self.stream, &data).expect("room");
        flush(&mut self.stream).await.expect("a server");
        let len = number(&mut self.stream).await.expect("a length");
        let data = bytes(&mut self.stream, len).await.expect("the bytes");
        self.stream.release_read_and_reuse();
        data
    }

    async fn adds(&mut self, count: u32) {
        for b in 0..count {
            self.begin(20, b);
        }
        flush(&mut self.stream).await.expect("a server");
        for b in 0..count {
            assert_eq!(self.sum().await, 20 + b);
        }
        self.stream.release_read_and_reuse();
    }
}
