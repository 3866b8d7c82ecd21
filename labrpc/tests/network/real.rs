//! Outside of a simulation the same network works in real time, on OS threads.

use std::sync::Arc;
use std::time::Duration;

use labrpc::channel::{self, Sender};
use labrpc::network::{Conditions, Network};
use labrpc::time::Instant;
use labrpc::wire::{self, WireError};
use labrpc::{PeerId, Port, Service};

/// Far longer than anything here takes, so that a slow machine fails nothing.
const PATIENCE: Duration = Duration::from_secs(20);

/// Answers numbers, and hands on those that it is answered.
struct Relay(Sender<(PeerId, u64)>);

impl Service for Relay {
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
    let (relay, relayed) = channel::unbounded();
    let network = Network::new(3, 1);
    for at in 0..2 {
        network.plug(at, None);
        network.add_service(at, Port::Raft, Arc::new(Relay(relay.clone())));
        network.add_service(at, Port::Kv, Arc::new(Relay(relay.clone())));
    }
    (network, relayed)
}

/// A request is served, and its answer enters by the sender's door.
#[test]
fn a_send_is_answered() {
    let (network, relayed) = cluster();
    network.link(0, 1, Port::Raft).send(&7_u64);
    assert_eq!(relayed.recv_timeout(PATIENCE), Ok((1, 8)));
    assert_eq!((network.served(1), network.counts().requests), (1, 1));
}

/// A call waits for its answer.
#[test]
fn a_call_is_answered() {
    let (network, _relayed) = cluster();
    for number in 0..5 {
        assert_eq!(network.link(2, 0, Port::Kv).call::<u64, u64>(&number, PATIENCE), Some(number + 1));
    }
}

/// A message takes its time here as well.
#[test]
fn a_message_is_under_way_for_a_while() {
    let delay = Duration::from_millis(20);
    let (network, _relayed) = cluster();
    network.set_conditions(Conditions { delay_min: delay, delay_max: delay, ..Conditions::RELIABLE });
    let asked = Instant::now();
    assert_eq!(network.link(2, 0, Port::Kv).call::<u64, u64>(&7, PATIENCE), Some(8));
    assert!(asked.elapsed() >= 2 * delay, "{:?}", asked.elapsed());
}

/// A call to nobody fails, and one over a link that is cut.
#[test]
fn a_call_to_nobody_fails() {
    let (network, _relayed) = cluster();
    network.set_cut(2, 0, true);
    network.unplug(1);
    for to in [0, 1] {
        assert_eq!(network.link(2, to, Port::Kv).call::<u64, u64>(&7, PATIENCE), None);
    }
    network.set_cut(2, 0, false);
    assert_eq!(network.link(2, 0, Port::Kv).call::<u64, u64>(&7, PATIENCE), Some(8));
}

/// Copies arrive in real time as well.
#[test]
fn messages_are_doubled() {
    let (network, relayed) = cluster();
    network.set_conditions(Conditions { duplicates_per_mille: 1000, ..Conditions::RELIABLE });
    network.link(0, 1, Port::Raft).send(&7_u64);
    for _ in 0..4 {
        assert_eq!(relayed.recv_timeout(PATIENCE), Ok((1, 8)));
    }
    assert_eq!(network.counts().doubled, 3);
}

/// Bytes that are no message end neither the thread that they came to nor the network.
#[test]
fn bad_bytes_are_survived() {
    let (network, relayed) = cluster();
    network.link(0, 1, Port::Raft).send(&"no number at all".to_string());
    network.link(0, 1, Port::Raft).send(&7_u64);
    assert_eq!(relayed.recv_timeout(PATIENCE), Ok((1, 8)));
    assert_eq!(network.link(2, 0, Port::Kv).call::<u64, String>(&7, Duration::from_millis(50)), None);
}
