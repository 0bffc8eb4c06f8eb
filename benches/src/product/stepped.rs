//! Both ends of a session, or client and server, in one process, stepped by one thread that never has to wait: for counting
//! instructions, and for the bench `micro`.

use std::hint::black_box;
use std::io;

use rapace::{Head, session};

use super::calls::{AdderClient, AdderServer, Sum};

/// One operation, both halves of it.
pub type Step = Box<dyn FnMut()>;

/// Makes what is stepped.
pub type Make = fn() -> io::Result<Step>;

/// What is counted, by the names in the budget.
pub const OPERATIONS: [(&str, Make); 6] = [
    ("message 8 B", inline),
    ("message 1 KiB", in_slot::<1024>),
    ("add", add),
    ("echo 1 KiB", echo),
    ("64 add in flight", adds),
    ("one-way 16 B", one_way),
];

/// Calls that are begun before the first is waited for.
const MANY: u32 = 64;

/// A message that travels in its descriptor: sent, received, and copied out.
///
/// # Errors
/// When there is no session.
pub fn inline() -> io::Result<Step> {
    let (mut a, mut b) = session::pair().map_err(io::Error::other)?;
    Ok(Box::new(move || {
        a.send(Head::message(7), black_box(&[7; 8])).expect("an open session");
        let message = b.recv().expect("an open session");
        let mut bytes = [0; 8];
        message.into_inbound_payload().copy_to(&mut bytes);
        black_box(bytes);
    }))
}

/// A message in a slot: copied in, sent, received, and copied out into a new vector.
///
/// # Errors
/// When there is no session.
pub fn in_slot<const LEN: usize>() -> io::Result<Step> {
    let (mut a, mut b) = session::pair().map_err(io::Error::other)?;
    let payload = vec![7; LEN];
    Ok(Box::new(move || {
        a.send(Head::message(7), black_box(&payload)).expect("an open session");
        let message = b.recv().expect("an open session");
        black_box(message.into_inbound_payload().into_vec());
    }))
}

/// A client whose server does its part on the client's own thread whenever that would wait, and when it is told to. One for all,
/// since a second kind of it would not be compiled in a line as the loop of a server is.
fn client() -> io::Result<(AdderClient, impl Fn())> {
    rapace::__private::stepped(AdderServer::new(Sum)).map_err(io::Error::other)
}

/// A call whose arguments and result travel in their descriptors.
///
/// # Errors
/// When there is no session.
pub fn add() -> io::Result<Step> {
    let (client, _) = client()?;
    Ok(Box::new(move || {
        let sum = client.add(black_box(20), black_box(22)).wait().expect("a sum");
        assert_eq!(sum, 42);
    }))
}

/// A call whose arguments and result travel in slots; what comes back goes out again.
///
/// # Errors
/// When there is no session.
pub fn echo() -> io::Result<Step> {
    let (client, _) = client()?;
    let mut data = vec![7; 1 << 10];
    Ok(Box::new(move || {
        let sent = std::mem::take(&mut data);
        data = client.echo(black_box(sent)).wait().expect("the bytes");
    }))
}

/// Calls that are begun, then served, then waited for.
///
/// # Errors
/// When there is no session.
pub fn adds() -> io::Result<Step> {
    let (client, serve) = client()?;
    Ok(Box::new(move || {
        let sums: [_; MANY as usize] =
            std::array::from_fn(|i| client.add(black_box(i as u32), 1).start().expect("a call"));
        (0..MANY).for_each(|_| serve());
        for (sum, i) in sums.into_iter().zip(0..) {
            assert_eq!(sum.wait().expect("a sum"), i + 1);
        }
    }))
}

/// A one-way call, and its execution.
///
/// # Errors
/// When there is no session.
pub fn one_way() -> io::Result<Step> {
    let (client, serve) = client()?;
    Ok(Box::new(move || {
        client.note(black_box([7; 16])).wait().expect("room");
        serve();
    }))
}
