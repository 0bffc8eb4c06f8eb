//! Both ends of a session in one process, stepped by one thread that never has to wait: for counting instructions.

use std::hint::black_box;
use std::io;

use rapace::{Head, session};

/// One operation, both halves of it.
pub type Step = Box<dyn FnMut()>;

/// Makes what is stepped.
pub type Make = fn() -> io::Result<Step>;

/// What is counted, by the names in the budget.
pub const OPERATIONS: [(&str, Make); 2] = [("message 8 B", inline), ("message 1 KiB", in_slot)];

/// A message that travels in its descriptor: sent, received, and copied out.
fn inline() -> io::Result<Step> {
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
fn in_slot() -> io::Result<Step> {
    let (mut a, mut b) = session::pair().map_err(io::Error::other)?;
    let payload = vec![7; 1 << 10];
    Ok(Box::new(move || {
        a.send(Head::message(7), black_box(&payload)).expect("an open session");
        let message = b.recv().expect("an open session");
        black_box(message.into_inbound_payload().into_vec());
    }))
}
