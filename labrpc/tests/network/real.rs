//! Outside of a simulation the network works in real time, on OS threads.

use std::sync::Arc;
use std::time::Duration;

use labrpc::channel::{self, Sender};
use labrpc::network::{Conditions, Network};
use labrpc::time::Instant;
use labrpc::wire::{self, WireError};
use labrpc::{PeerId, Port, Service};

/// Far longer than anything here takes, so that a slow machine fails no test.
const PATIENCE: Duration = Duration::from_secs(20);

/// Replies to a number with its successor, and sends the replies that it gets to the test.
struct Successor(Sender<(PeerId, u64)>);

impl Service for Successor {
    fn request(&self, from: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        let number: u64 = wire::decode(request).map_err(|error| error.sent_by(from))?;
        Ok(Some(wire::encode(&(number + 1))))
    }

    fn reply(&self, from: PeerId, reply: &[u8]) -> Result<(), WireError> {
        let number = wire::decode(reply).map_err(|error| error.sent_by(from))?;
        self.0.send((from, number)).expect("the test listens");
        Ok(())
    }
}

fn cluster() -> (Network, channel::Receiver<(PeerId, u64)>) {
    let (replies, replied) = channel::unbounded();
    let network = Network::new(3, 1);
    for at in 0..2 {
        network.plug(at, None);
        network.add_service(at, Port::Raft, Arc::new(Successor(replies.clone())));
        network.add_service(at, Port::Kv, Arc::new(Successor(replies.clone())));
    }
    (network, replied)
}

/// A request is served, and its reply goes to the sender's service.
#[test]
fn a_send_gets_its_reply() {
    let (network, replied) = cluster();
    network.link(0, 1, Port::Raft).send(&7_u64);
    assert_eq!(replied.recv_timeout(PATIENCE), Ok((1, 8)));
    assert_eq!((network.served(1), network.counts().requests), (1, 1));
}

/// A call waits for its reply.
#[test]
fn a_call_gets_its_reply() {
    let (network, _replied) = cluster();
    for number in 0..5 {
        assert_eq!(network.link(2, 0, Port::Kv).call::<u64, u64>(&number, PATIENCE), Some(number + 1));
    }
}

/// A message takes its delay in real time.
#[test]
fn a_message_takes_its_delay() {
    let delay = Duration::from_millis(20);
    let (network, _replied) = cluster();
    network.set_conditions(Conditions { delay_min: delay, delay_max: delay, ..Conditions::RELIABLE });
    let asked = Instant::now();
    assert_eq!(network.link(2, 0, Port::Kv).call::<u64, u64>(&7, PATIENCE), Some(8));
    assert!(asked.elapsed() >= 2 * delay, "{:?}", asked.elapsed());
}

/// A call to an unplugged server fails, and so does a call over a link that is cut.
#[test]
fn a_call_to_an_unreachable_server_fails() {
    let (network, _replied) = cluster();
    network.set_cut(2, 0, true);
    network.unplug(1);
    for to in [0, 1] {
        assert_eq!(network.link(2, to, Port::Kv).call::<u64, u64>(&7, PATIENCE), None);
    }
    network.set_cut(2, 0, false);
    assert_eq!(network.link(2, 0, Port::Kv).call::<u64, u64>(&7, PATIENCE), Some(8));
}

/// Messages are doubled in real time as well.
#[test]
fn messages_are_doubled() {
    let (network, replied) = cluster();
    network.set_conditions(Conditions { duplicates_per_mille: 1000, ..Conditions::RELIABLE });
    network.link(0, 1, Port::Raft).send(&7_u64);
    for _ in 0..4 {
        assert_eq!(replied.recv_timeout(PATIENCE), Ok((1, 8)));
    }
    assert_eq!(network.counts().doubled, 3);
}

/// After a message that does not decode, the network and its servers go on.
#[test]
fn the_network_survives_bytes_that_do_not_decode() {
    let (network, replied) = cluster();
    network.link(0, 1, Port::Raft).send(&"no number at all".to_string());
    network.link(0, 1, Port::Raft).send(&7_u64);
    assert_eq!(replied.recv_timeout(PATIENCE), Ok((1, 8)));
    assert_eq!(network.link(2, 0, Port::Kv).call::<u64, String>(&7, Duration::from_millis(50)), None);
}
