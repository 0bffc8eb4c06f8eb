//! Two services on one path and in one session, one of them not for everybody: `cargo run --example router` starts a server
//! of its own, calls both, and is refused by the server that knows who it is.

mod own_server;

use own_server::OwnServer;
use rapace::{Context, Credentials, Extensions, Router, RpcError, Server};

#[rapace::service]
trait Notes {
    fn add(&self, cx: &Context, text: &str) -> String;
}

#[rapace::service]
trait Admin {
    /// For everybody.
    fn count(&self) -> u32;
    /// For the process that started the server.
    fn clear(&self) -> u32;
    /// For nobody but the server's own process.
    fn shred(&self) -> u32;
}

struct Book;

/// Who is on the other end of a session.
struct Author(String);

impl Notes for Book {
    fn add(&self, cx: &Context, text: &str) -> String {
        let author = cx.extension::<Author>().map_or("nobody", |author| &author.0);
        format!("{author} writes: {text}")
    }
}

impl Admin for Book {
    fn count(&self) -> u32 {
        1
    }
    fn clear(&self) -> u32 {
        1
    }
    fn shred(&self) -> u32 {
        1
    }
}

/// Who may call which method of `Admin`: the kernel says who the peer is.
fn guard(peer: &Credentials, method: &str) -> bool {
    match method {
        "count" => true,
        "clear" => peer.pid == std::os::unix::process::parent_id() as i32,
        _ => peer.pid == std::process::id() as i32,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().nth(1).as_deref() == Some("--serve") {
        let path = std::env::args().nth(2).ok_or("no path")?;
        let router = Router::new().add(NotesServer::new(Book)).add_guarded(AdminServer::new(Book), guard);
        let author = |peer: &Credentials, extensions: &mut Extensions| {
            extensions.insert(Author(format!("process {} of user {}", peer.pid, peer.uid)));
        };
        let server = Server::new(router).on_session(author).bind(path)?;
        println!("serving");
        return Ok(server.join()?);
    }
    let own = OwnServer::start()?;

    let notes = NotesClient::connect(&own.path)?;
    let admin = notes.session().client::<AdminClient>()?;
    let line = notes.add("hello").wait()?;
    assert!(line.starts_with(&format!("process {} of", std::process::id())), "{line}");
    assert_eq!(admin.count().wait()?, 1);
    println!("two services, one session. {line}");

    assert_eq!(admin.clear().wait()?, 1);
    println!("allowed: this process started the server, so it may clear the book");

    let refused = admin.shred().wait().err().ok_or("it was let in")?;
    assert_eq!(refused, RpcError::PermissionDenied("Admin.shred".into()));
    println!("refused: {refused}");
    assert_eq!(admin.count().wait()?, 1);
    Ok(())
}
