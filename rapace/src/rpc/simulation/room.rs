//! What streams may have on their way where there is little room, step by step.

use super::*;

/// More than the share of a stream.
const LARGE: usize = 20_000;
/// Messages in a ring.
const ENTRIES: usize = 2;

/// A link whose pools take nothing beyond the share of one stream while another one is beyond its own.
fn narrow_links() -> [Arc<Link>; 2] {
    let mut config = Config::default();
    config.geometry.ring_entries = ENTRIES as u32;
    config.limits.stream_bytes = 0;
    links(&config)
}

fn pump(link: &Link) {
    let mut core = link.lock();
    core.pump(None);
    assert_eq!(core.end, None);
}

/// A call of a method with one stream that has come to the other side, and the end of that at its caller.
fn begin([from, to]: [&Link; 2], flow: Flow) -> (Begun, EndKey) {
    let method = METHODS.iter().position(|flows| *flows == [flow]).unwrap();
    let mut begin = Begin::with_streams(Target { method: method as u32 + 1, parent: 0 }, METHODS[method]);
    let mut core = from.lock();
    let payload = Outgoing::short(Default::default());
    let begun = core.begin(&mut begin, &payload, Deadline::None).unwrap().unwrap();
    let end = core.hold_streams(begun)[0];
    drop(core);
    pump(to);
    (begun, end)
}

/// The same of one that is being handled, with the end at its handler.
fn call([from, to]: [&Link; 2], flow: Flow) -> (Begun, EndKey, EndKey) {
    let (begun, end) = begin([from, to], flow);
    let mut core = to.lock();
    assert_eq!(core.take_any_request().unwrap().call, begun.call());
    let other = core.engine.hold_stream(begun.call(), 0).unwrap();
    (begun, end, other)
}

fn send(link: &Link, end: EndKey, len: usize) -> Put {
    let payload = content(0, len);
    link.lock().send_item(&mut SendingItem::new(end), &Outgoing::whole(&payload.as_slice())).unwrap()
}

fn fill_ring(link: &Link, end: EndKey) {
    for _ in 0..ENTRIES {
        assert_eq!(send(link, end, 8), Put::Sent);
    }
}

#[test]
fn what_a_forgotten_call_had_on_its_way_is_not_used_before_its_cancel_is_sent() {
    let [a, b] = &narrow_links();
    let (forgotten, first, _) = call([a, b], UP);
    let (_, second, _) = call([a, b], UP);
    assert_eq!(send(a, first, LARGE), Put::Sent);
    pump(b);
    fill_ring(a, second);
    a.forget(forgotten);
    pump(b);
    assert_eq!(send(a, second, LARGE), Put::Sent);
    pump(b);
}

#[test]
fn what_a_call_without_a_handler_had_on_its_way_is_not_used_before_its_terminal_is_sent() {
    let [a, b] = &narrow_links();
    let (stopped, _, first) = call([a, b], DOWN);
    let (_, _, second) = call([a, b], DOWN);
    assert_eq!(send(b, first, LARGE), Put::Sent);
    pump(a);
    fill_ring(b, second);
    b.lock().stop(stopped.call());
    pump(a);
    assert_eq!(send(b, second, LARGE), Put::Sent);
    pump(a);
}

#[test]
fn an_item_for_which_a_cancel_waits_for_room_waits_as_well() {
    let [a, b] = &narrow_links();
    let (forgotten, ..) = call([a, b], UP);
    let (_, end, _) = call([a, b], UP);
    fill_ring(a, end);
    a.forget(forgotten);
    assert_eq!(send(a, end, 8), Put::NoRoom);
    pump(b);
    assert_eq!(send(a, end, 8), Put::Sent);
    pump(b);
}

#[test]
fn a_writer_gets_back_its_share_while_another_stream_is_not_read() {
    let [a, b] = &narrow_links();
    let (_, unread, _) = call([a, b], UP);
    let (_, end, reader) = call([a, b], UP);
    assert_eq!(send(a, unread, LARGE), Put::Sent);
    pump(b);
    assert_eq!(send(a, end, 7_000), Put::Sent);
    pump(b);
    assert_eq!(b.lock().take_items(reader, &mut Taken::default()), Some(Ok(true)));
    assert_eq!(send(a, end, 12_000), Put::NoCredit);
    pump(b);
    pump(a);
    assert_eq!(send(a, end, 12_000), Put::Sent);
    pump(b);
}

#[test]
fn what_nobody_reads_of_a_stream_that_has_ended_takes_no_room_from_others() {
    let [a, b] = &narrow_links();
    let (_, ended, reader) = call([a, b], UP);
    let (_, end, _) = call([a, b], UP);
    assert_eq!(send(a, ended, LARGE), Put::Sent);
    a.lock().release_end(ended, true);
    pump(b);
    assert_eq!(send(a, end, LARGE), Put::NoCredit);
    b.lock().release_end(reader, true);
    pump(a);
    assert_eq!(send(a, end, LARGE), Put::Sent);
    pump(b);
}

#[test]
fn what_a_call_that_is_cut_short_had_on_its_way_is_not_used_before_its_terminal_is_sent() {
    let [a, b] = &narrow_links();
    let (cut, _, first) = call([a, b], DOWN);
    let (_, callback, _) = call([b, a], UP);
    assert_eq!(send(b, first, LARGE), Put::Sent);
    pump(a);
    b.lock().say_goodbye();
    b.lock().cut_short();
    assert!(b.lock().engine.streams.sends(first).is_err());
    pump(a);
    assert_eq!(send(b, callback, LARGE), Put::NoCredit);
    pump(a);
    b.lock().stop(cut.call());
    assert_eq!(send(b, callback, LARGE), Put::Sent);
    pump(a);
}

/// The seed 2,740,673 of the simulation found it: the side that leaves accused an honest one.
#[test]
fn what_a_call_that_is_cut_short_had_on_its_way_counts_no_more_once_its_cancel_came() {
    let [a, b] = &narrow_links();
    let (_, _, callback) = call([b, a], DOWN);
    let (_, _, down) = call([a, b], DOWN);
    let (queued, first) = begin([a, b], UP);
    assert_eq!(send(a, first, LARGE), Put::Sent);
    pump(b);
    // Its terminal is owed, and stays so for want of room.
    fill_ring(b, down);
    b.lock().say_goodbye();
    b.lock().cut_short();
    a.forget(queued);
    assert_eq!(send(a, callback, LARGE), Put::Sent);
    pump(b);
}
